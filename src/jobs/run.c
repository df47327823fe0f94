/* run.c -- the supervisor's side: start the job's process and its rule host, watch both, store how
 * the job ended. */
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "debug/system_watch.h"
#include "jobs/job.h"
#include "jobs/program.h"
#include "jobs/run_in.h"
#include "jobs/tables_in.h"
#include "watch/guard.h"

#define LOOK_US        (FT_SECOND_US / 10) /* how often the row and the host are looked at */
#define PROGRAM_BYTES  4096
#define PROGRAM_END_US (10 * FT_SECOND_US) /* for the job's process after the user's program */

/* One job under this supervisor; lives until both processes have ended, and, when somebody waits
 * for it, until they have looked. */
typedef struct run {
    ft_store *store;
    ft_proc *job, *host;
    bool job_over, host_over;
    bool end_untold; /* the job's end could not be stored when it came */
    ft_proc_end end; /* of the job's process */
    bool waited;     /* by ft_job_run, which frees it; else the last exit does */
    char name[FT_JOB_NAME_MAX + 1];
} run;

/* ---- ends */

/* Only what the job's process could not tell itself. */
static ft_err job_ended(run *r, const ft_proc_end *how) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    ft_str reason;
    ft_job_end end = { .status = FT_JOB_FAILED, .exit_code = how->exit_code };
    ft_err err;
    FT_GOTO(err, ft_job_get(&job, r->store, &arena, ft_str_of(r->name)));
    if (ft_job_status_final(job.status)) goto done;
    if (how->by_deadline) {
        end.status = FT_JOB_STOPPED;
        end.secondary = "MaxRuntimeExceeded";
        FT_GOTO(err, ft_arena_printf(&reason, &arena, "ran longer than its limit of %g s",
                                     (double)job.max_runtime_us / (double)FT_SECOND_US));
    } else if (how->by_request || how->exit_code == ft_err_exit(FT_ECANCELED)) {
        end.status = FT_JOB_STOPPED;
        FT_GOTO(err, ft_arena_printf(&reason, &arena, "its process was told to stop (SIGTERM)"));
    } else
        FT_GOTO(err, ft_arena_printf(&reason, &arena, "its process ended after %lld steps: %s",
                                     (long long)ft_job_steps(r->store, &arena, &job),
                                     ft_proc_end_text(how)));
    end.reason = reason;
    FT_GOTO(err, ft_job_finish(r->store, job.name, &end));
done:
    ft_arena_fini(&arena);
    return err;
}

static ft_err host_ended(run *r, const ft_proc_end *how) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str subject, details;
    ft_watch_status status = FT_WATCH_ERROR;
    ft_err err;
    FT_GOTO(err, ft_subject(&subject, &arena, FT_SUBJECT_JOB, ft_str_of(r->name)));
    FT_GOTO(err, ft_arena_printf(&details, &arena, "RuleEvaluationError: the rule host ended: %s",
                                 ft_proc_end_text(how)));
    if (how->by_request) status = FT_WATCH_STOPPED;
    FT_GOTO(err, ft_job_settle(r->store, subject, status, details));
done:
    ft_arena_fini(&arena);
    return err;
}

static void on_exit_of(void *ctx, ft_proc *p) {
    run *r = ctx;
    ft_proc_end how = ft_proc_result(p);
    bool host = p == r->host;
    ft_err err = host ? host_ended(r, &how) : job_ended(r, &how);
    if (err != FT_OK)
        ft_log_err(FT_LOG_ERROR, "jobs", err, host ? "the end of a rule host" : "the end of a job");
    if (host) {
        r->host_over = true;
    } else {
        r->job_over = true;
        r->end = how;
        r->end_untold = err != FT_OK;
    }
    ft_proc_forget(p);
    if (r->job_over && r->host_over && !r->waited) free(r);
}

/* ---- start */

ft_err ft_job_program(char *out, size_t size) {
    const char *other = getenv("FETTLE_PROGRAM");
    if (!other || !*other) return ft_self_path(out, size);
    if (strlen(other) >= size) return FT_FAIL(FT_ETOOBIG, "FETTLE_PROGRAM is too long");
    memcpy(out, other, strlen(other) + 1);
    return FT_OK;
}

static ft_err process_start(ft_proc **out, run *r, ft_supervisor *sup, ft_arena *arena,
                            const char *command, const char *argument, const char *log,
                            const ft_proc_spec *more) {
    char program[PROGRAM_BYTES];
    ft_str home;
    ft_proc_spec spec = *more;
    FT_TRY(ft_job_program(program, sizeof program));
    FT_TRY(ft_arena_printf(&home, arena, "FETTLE_HOME=%s", ft_store_home(r->store)));
    FT_TRY(ft_job_path(&spec.output_path, r->store, arena, ft_str_of(r->name), log));
    const char *argv[] = { program, command, argument, NULL };
    /* Threads that wait for each other sleep instead of spinning: on a machine that does anything
     * else beside training, spinning took 9 of 10 CPU seconds (Adult, 60 rounds: 0.7 s against 5.7
     * s). */
    const char *env[] = { home.at, getenv("OMP_WAIT_POLICY") ? NULL : "OMP_WAIT_POLICY=PASSIVE",
                          NULL };
    spec.name = command;
    spec.argv = argv;
    spec.env = env;
    spec.on_exit = on_exit_of;
    spec.ctx = r;
    if (!spec.grace_us) spec.grace_us = FT_JOB_KILL_US;
    spec.die_with_parent = true;
    return ft_proc_start(out, sup, &spec);
}

/* From now on this process answers for the job. */
static ft_err own(ft_store *s, ft_str name) {
    ft_db *db;
    uint64_t started;
    int64_t now = ft_clock_now_us();
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_pid_started(&started, getpid()));
    FT_TRY(
        ft_db_run(db,
                  "update job set owner_pid = ?, owner_started = ?, started_us = ?, modified_us = ?"
                  " where name = ? and status = 'InProgress' and started_us = 0",
                  "iiiis", (int64_t)getpid(), (int64_t)started, now, now, name));
    if (ft_db_changes(db) == 0)
        return FT_FAIL(FT_ECONFLICT, "job %.*s was started already", FT_STR_ARG(name));
    return FT_OK;
}

static ft_err job_start(run *r, ft_supervisor *sup, ft_arena *arena, const ft_job *job) {
    ft_job_end end = { .status = FT_JOB_FAILED, .exit_code = -1 };
    ft_proc_spec spec = { .deadline_us = job->max_runtime_us };
    const ft_algorithm *algorithm = ft_algorithm_find(job->algorithm);
    if (algorithm && algorithm->runs_program) {
        FT_TRY(ft_program_grace(&spec.grace_us));
        spec.grace_us += PROGRAM_END_US;
    }
    ft_err err = process_start(&r->job, r, sup, arena, "run-job", r->name, "log.txt", &spec);
    if (err == FT_OK) return FT_OK;
    FT_TRY(ft_arena_printf(&end.reason, arena, "its process cannot be started: %s", ft_err_why()));
    FT_TRY(ft_job_finish(r->store, job->name, &end));
    return err;
}

/* A job whose rules cannot be watched does not run. */
static ft_err host_start(run *r, ft_supervisor *sup, ft_arena *arena, const ft_job *job) {
    ft_job_end end = { .status = FT_JOB_FAILED, .exit_code = -1 };
    const char *gate;
    ft_str subject;
    FT_TRY(ft_job_path(&gate, r->store, arena, job->name, FT_GATE_FILE));
    r->host_over = true;
    if (!ft_file_exists(gate)) return FT_OK; /* no rules, no host */
    FT_TRY(ft_subject(&subject, arena, FT_SUBJECT_JOB, ft_str_of(r->name)));
    ft_err err = process_start(&r->host, r, sup, arena, "run-rules", subject.at, "rules.txt",
                               &(ft_proc_spec){ .restart = FT_RESTART_ON_FAILURE });
    r->host_over = err != FT_OK;
    if (err == FT_OK) return FT_OK;
    FT_TRY(
        ft_arena_printf(&end.reason, arena, "its rule host cannot be started: %s", ft_err_why()));
    FT_TRY(ft_job_finish(r->store, job->name, &end));
    ft_proc_stop(r->job);
    return FT_OK;
}

static ft_err run_start(run **out, ft_store *s, ft_supervisor *sup, ft_str name, bool waited) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    run *r = NULL;
    ft_err err;
    *out = NULL;
    FT_GOTO(err, ft_job_get(&job, s, &arena, name));
    if (ft_fault_here() || !(r = calloc(1, sizeof *r)))
        FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to supervise a job"));
    r->store = s;
    r->waited = waited;
    memcpy(r->name, job.name.at, job.name.len);
    FT_GOTO(err, own(s, job.name));
    FT_GOTO(err, job_start(r, sup, &arena, &job));
    *out = r; /* from here its processes end it */
    r = NULL;
    err = host_start(*out, sup, &arena, &job);
done:
    free(r);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_job_start(ft_store *s, ft_supervisor *sup, ft_str name) {
    run *r;
    return run_start(&r, s, sup, name, false);
}

/* ---- waiting */

/* What the machine does beside a job is told if it can be; it is no reason to give up a job. */
static void watch_told(ft_err err) {
    if (err == FT_OK) return;
    ft_log_err(FT_LOG_WARN, "jobs", err, "samples of the machine");
    ft_err_clear();
}

static void watch_look(ft_system_watch **w) {
    ft_err err = *w ? ft_system_watch_look(*w) : FT_OK;
    if (err == FT_OK) return;
    watch_told(err);
    watch_told(ft_system_watch_end(*w));
    *w = NULL;
}

ft_err ft_rule_deadline(int64_t *out_us) {
    const char *text = getenv("FETTLE_RULE_DEADLINE");
    *out_us = FT_RULE_DEADLINE_US;
    if (!text || !*text) return FT_OK;
    ft_err err = ft_duration_parse(out_us, ft_str_of(text));
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "FETTLE_RULE_DEADLINE");
}

ft_err ft_job_host_check(ft_store *s, ft_arena *arena, ft_str name) {
    const char *path;
    ft_guard *guard;
    int64_t deadline_us;
    FT_TRY(ft_rule_deadline(&deadline_us));
    FT_TRY(ft_job_path(&path, s, arena, name, FT_GUARD_FILE));
    if (!ft_file_exists(path)) return FT_OK; /* no host yet */
    FT_TRY(ft_guard_look(&guard, path));
    if (ft_guard_kill(guard, deadline_us))
        ft_log(FT_LOG_WARN, "jobs", "job %.*s: a rule's evaluation passed its deadline of %g s",
               FT_STR_ARG(name), (double)deadline_us / (double)FT_SECOND_US);
    ft_guard_free(guard);
    return FT_OK;
}

/* A look that fails (a busy database) is no reason to give up a job. */
static void look(const run *r, void (*progress)(void *ctx, const ft_job_progress *p), void *ctx) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    ft_err err = FT_OK;
    if (!r->host_over) FT_GOTO(err, ft_job_host_check(r->store, &arena, ft_str_of(r->name)));
    if (!progress) goto done;
    FT_GOTO(err, ft_job_get(&job, r->store, &arena, ft_str_of(r->name)));
    progress(ctx,
             &(ft_job_progress){ .done = job.step, .total = job.steps_total, .text = job.text.at });
done:
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", err, r->name);
    ft_arena_fini(&arena);
}

ft_err ft_job_run(ft_store *s, ft_supervisor *sup, ft_str name,
                  void (*progress)(void *ctx, const ft_job_progress *p), void *ctx) {
    run *r;
    ft_system_watch *machine = NULL;
    int64_t due = 0;
    ft_err err;
    FT_GOTO(err, run_start(&r, s, sup, name, true));
    watch_told(ft_system_watch_new(&machine, s, name));
    while (!r->job_over || !r->host_over) {
        int64_t now = ft_clock_monotonic_us();
        if (now >= due) {
            look(r, progress, ctx);
            watch_look(&machine);
            due = ft_clock_monotonic_us() + LOOK_US;
        }
        FT_GOTO(err, ft_supervisor_poll(sup, due > now ? due - now : 0));
    }
    if (r->end_untold) FT_GOTO(err, job_ended(r, &r->end)); /* now, or the caller knows */
    look(r, progress, ctx);                                 /* the last step too */
done:
    watch_told(ft_system_watch_end(machine));
    if (r && r->job_over && r->host_over)
        free(r);
    else if (r)
        r->waited = false; /* its processes free it when they end */
    return err;
}
