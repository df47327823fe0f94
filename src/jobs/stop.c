/* stop.c -- a job is told to stop, and is gone when this returns. */
#include <signal.h>

#include "base/clock.h"
#include "base/files.h"
#include "jobs/job.h"
#include "jobs/program.h"
#include "jobs/run_in.h"
#include "jobs/tables_in.h"

#define GONE_US                                                                      \
    (5 * FT_SECOND_US) /* after SIGKILL: a process in a system call may take a while \
                        */
#define LOOK_US 1000

static bool process_gone(int pid, uint64_t started, int64_t timeout_us) {
    int64_t until = ft_clock_monotonic_us() + timeout_us;
    while (ft_pid_alive(pid, started)) {
        if (ft_clock_monotonic_us() >= until) return false;
        ft_clock_sleep_us(LOOK_US);
    }
    return true;
}

/* A job leads a process group; one started by hand does not. */
static void process_signal(int pid, uint64_t started, int number) {
    if (!ft_pid_alive(pid, started)) return;
    if (kill(-pid, number) != 0) kill(pid, number);
}

bool ft_process_end(int pid, uint64_t started, int64_t timeout_us) {
    process_signal(pid, started, SIGKILL);
    return process_gone(pid, started, timeout_us);
}

static ft_err mark(bool *ours, ft_db *db, ft_str name, ft_str reason) {
    FT_TRY(ft_db_run(db,
                     "update job set status = 'Stopping', reason = ? where name = ?"
                     " and status = 'InProgress'",
                     "ss", ft_some(reason), name));
    *ours = ft_db_changes(db) == 1;
    if (!*ours) return FT_OK; /* stopping already, or at its end */
    ft_db_durable(db);
    return ft_job_transit(db, name, "Stopping", reason);
}

static ft_err stopping(ft_job *job, ft_store *s, ft_arena *arena, ft_str name, ft_str reason) {
    ft_db *db;
    bool ours = false;
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_db_begin(db));
    ft_err err = mark(&ours, db, name, reason);
    if (err != FT_OK) ft_db_rollback(db);
    FT_TRY(err);
    FT_TRY(ft_db_commit(db));
    FT_TRY(ft_job_get(job, s, arena, name));
    if (!ours && ft_job_status_final(job->status)) /* ours may have ended since, as it was told */
        return FT_FAIL(FT_ECONFLICT, "job %.*s has ended: %s", FT_STR_ARG(name),
                       ft_job_status_name(job->status));
    return FT_OK;
}

static ft_err gate_close(ft_store *s, ft_arena *arena, ft_str name) {
    const char *path;
    ft_gate *g;
    FT_TRY(ft_job_path(&path, s, arena, name, FT_GATE_FILE));
    if (!ft_file_exists(path)) return FT_OK;
    FT_TRY(ft_gate_open(&g, path));
    ft_gate_close(g);
    ft_gate_free(g);
    return FT_OK;
}

/* Without a process yet there is nothing to end: one that is just starting finds the job Stopping
 * and leaves. */
static ft_err process_stop(bool *going, const ft_job *job) {
    const ft_algorithm *algorithm = ft_algorithm_find(job->algorithm);
    *going = false;
    if (!job->pid) return FT_OK;
    process_signal(job->pid, job->pid_started, SIGTERM);
    if (process_gone(job->pid, job->pid_started, FT_JOB_KILL_US)) return FT_OK;
    *going = algorithm && algorithm->runs_program;
    if (*going) return FT_OK; /* its process ends the program in time, and tells */
    if (ft_process_end(job->pid, job->pid_started, GONE_US)) return FT_OK;
    return FT_FAIL(FT_ETIMEOUT, "process %d of job %.*s does not end", job->pid,
                   FT_STR_ARG(job->name));
}

ft_err ft_job_stop(ft_store *s, ft_str name, ft_str reason) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    bool going;
    ft_err err;
    FT_GOTO(err, ft_job_get(&job, s, &arena, name));
    FT_GOTO(err, stopping(&job, s, &arena, job.name, reason));
    /* After the reason is stored: the job may be gone a moment later. A rule host that stops it has
     * not yet let it past the gate. */
    FT_GOTO(err, gate_close(s, &arena, job.name));
    FT_GOTO(err, process_stop(&going, &job));
    if (going) goto done;
    FT_GOTO(err, ft_job_finish(
                     s, job.name,
                     &(ft_job_end){ .status = FT_JOB_STOPPED, .reason = reason, .exit_code = -1 }));
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_job_fail(ft_store *s, ft_str name, ft_str reason) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    ft_err err;
    FT_GOTO(err, ft_job_get(&job, s, &arena, name));
    FT_GOTO(err, ft_job_finish(
                     s, job.name,
                     &(ft_job_end){ .status = FT_JOB_FAILED, .reason = reason, .exit_code = -1 }));
    if (job.pid && !ft_process_end(job.pid, job.pid_started, GONE_US))
        FT_GOTO(err, FT_FAIL(FT_ETIMEOUT, "process %d of job %.*s does not end", job.pid,
                             FT_STR_ARG(job.name)));
done:
    ft_arena_fini(&arena);
    return err;
}
