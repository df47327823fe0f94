/* runner.c -- see runner.h. */
#include "jobs/runner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "jobs/job.h"
#include "jobs/tables_in.h"

#define LOOK_US (FT_SECOND_US / 20)

struct ft_job_runner {
    pthread_t thread;
    atomic_bool stop;
    ft_store *store;
    ft_supervisor *supervisor;
    uint64_t started; /* of this process */
    int64_t version;  /* of the database when it was looked at last */
};

typedef ft_err (*each_job)(ft_job_runner *r, const ft_job *job);

static void told(ft_err err, const char *what, ft_str job) {
    if (err == FT_OK) return;
    char text[FT_JOB_NAME_MAX + 64];
    snprintf(text, sizeof text, "%s job %.*s", what, FT_STR_ARG(job));
    ft_log_err(FT_LOG_ERROR, "jobs", err, text);
    ft_err_clear();
}

static ft_err start(ft_job_runner *r, const ft_job *job) {
    if (job->started_us || job->status != FT_JOB_IN_PROGRESS) return FT_OK;
    ft_err err = ft_job_start(r->store, r->supervisor, job->name);
    return err == FT_ECONFLICT ? FT_OK : err; /* started by another */
}

static ft_err end(ft_job_runner *r, const ft_job *job) {
    ft_err err = ft_job_stop(r->store, job->name, FT_STR("the server that ran it was stopped"));
    return err == FT_ECONFLICT ? FT_OK : err;
}

/* Every going job of this process, each with its own fate. */
static void jobs_each(ft_job_runner *r, each_job run, const char *what) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job *list;
    size_t count = 0;
    ft_err err = ft_job_list_going(&list, &count, r->store, &arena);
    told(err, "listing", FT_STR(""));
    for (size_t i = 0; err == FT_OK && i < count; i++)
        if (list[i].owner_pid == getpid() && list[i].owner_started == r->started)
            told(run(r, &list[i]), what, list[i].name);
    ft_arena_fini(&arena);
}

/* Listing only when something was committed by others. */
static bool changed(ft_job_runner *r) {
    int64_t version;
    if (ft_db_version(&version, ft_store_db(r->store)) != FT_OK) {
        ft_err_clear();
        return true;
    }
    bool new = version != r->version;
    r->version = version;
    return new;
}

static void *main_loop(void *arg) {
    ft_job_runner *r = arg;
    while (!atomic_load(&r->stop)) {
        if (changed(r)) jobs_each(r, start, "starting");
        told(ft_supervisor_poll(r->supervisor, LOOK_US), "supervising", FT_STR(""));
    }
    jobs_each(r, end, "stopping");
    /* In this thread, whose children die with it. */
    ft_supervisor_free(r->supervisor);
    r->supervisor = NULL;
    return NULL;
}

static void runner_free(ft_job_runner *r) {
    ft_supervisor_free(r->supervisor);
    ft_store_close(r->store);
    free(r);
}

ft_err ft_job_runner_start(ft_job_runner **out, const char *home) {
    ft_err err;
    *out = NULL;
    ft_job_runner *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory to run jobs");
    r->version = -1;
    FT_GOTO(err, ft_pid_started(&r->started, getpid()));
    FT_GOTO(err, ft_store_open(&r->store, home));
    FT_GOTO(err, ft_supervisor_new(&r->supervisor));
    if (ft_fault_here() || pthread_create(&r->thread, NULL, main_loop, r))
        err = FT_FAIL(FT_EFULL, "no thread to run jobs");
done:
    if (err)
        runner_free(r);
    else
        *out = r;
    return err;
}

void ft_job_runner_stop(ft_job_runner *r) {
    if (!r) return;
    atomic_store(&r->stop, true);
    pthread_join(r->thread, NULL);
    runner_free(r);
}
