/* recover.c -- jobs whose processes vanished are found and told so; nothing of them runs on, and
 * what their verdicts ask for is done. */
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "jobs/job.h"
#include "jobs/run_in.h"
#include "jobs/tables_in.h"
#include "watch/guard.h"

#define GONE_US   (5 * FT_SECOND_US)
#define UNTOLD_US (30 * FT_SECOND_US)

/* The one action of a job's watch that is this room's: it has been done, or has become pointless.
 */
static ft_err act(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                  const ft_verdict *v) {
    FT_UNUSED(verdict_id);
    ft_str job = watch->spec.subject;
    ft_str_cut(&job, '/');
    return ft_str_is(action, "stop") ? ft_job_stop(ctx, job, v->reason) : FT_EUNSUPPORTED;
}

ft_err ft_job_settle(ft_store *s, ft_str subject, ft_watch_status status, ft_str details) {
    ft_watch_hooks hooks = { .act = act, .ctx = s };
    return ft_watch_settle(s, subject, &hooks, status, details);
}

/* A rule host without a supervisor ends. */
static ft_err host_end(ft_store *s, ft_arena *arena, ft_str name) {
    const char *path;
    ft_guard *guard;
    pid_t pid;
    uint64_t started;
    FT_TRY(ft_job_path(&path, s, arena, name, FT_GUARD_FILE));
    if (!ft_file_exists(path)) return FT_OK;
    FT_TRY(ft_guard_look(&guard, path));
    bool alive = ft_guard_alive(guard, &pid);
    ft_guard_free(guard);
    if (alive && ft_pid_started(&started, pid) == FT_OK) ft_process_end(pid, started, GONE_US);
    return FT_OK;
}

static ft_err job_recover(bool *failed, ft_store *s, ft_arena *arena, const ft_job *job) {
    ft_job_end end = { .status = FT_JOB_FAILED, .exit_code = -1 };
    *failed = job->status == FT_JOB_IN_PROGRESS;
    if (job->pid && !ft_process_end(job->pid, job->pid_started, GONE_US))
        return FT_FAIL(FT_ETIMEOUT, "process %d of job %.*s does not end", job->pid,
                       FT_STR_ARG(job->name));
    if (job->pid)
        FT_TRY(ft_arena_printf(&end.reason, arena, "process %d vanished after %lld steps", job->pid,
                               (long long)ft_job_steps(s, arena, job)));
    else
        FT_TRY(ft_arena_printf(&end.reason, arena, "process %d vanished before the job had begun",
                               job->owner_pid));
    FT_TRY(host_end(s, arena, job->name));
    return ft_job_finish(s, job->name, &end);
}

/* A watch is left over when its job has ended and nobody supervises its host any more. */
static ft_err subject_recover(ft_store *s, ft_arena *arena, ft_str subject) {
    ft_job job;
    ft_str name = subject, details;
    if (!ft_str_is(ft_str_cut(&name, '/'), "job")) return FT_OK;
    ft_err err = ft_job_get(&job, s, arena, name);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    if (!ft_job_status_final(job.status) || ft_pid_alive(job.owner_pid, job.owner_started))
        return FT_OK;
    FT_TRY(host_end(s, arena, name));
    FT_TRY(ft_arena_printf(
        &details, arena, "the rule host vanished with its supervisor, process %d", job.owner_pid));
    return ft_job_settle(s, subject, FT_WATCH_STOPPED, details);
}

/* A supervisor that lives stores the end itself, at once; when it could not (a full disk), its
 * job is picked up here after a while. */
static bool is_supervised(const ft_job *job) {
    if (!ft_pid_alive(job->owner_pid, job->owner_started)) return false;
    return !job->pid || ft_pid_alive(job->pid, job->pid_started) ||
           ft_clock_now_us() - job->modified_us < UNTOLD_US;
}

static ft_err jobs_recover(ft_store *s, ft_arena *arena, int *failed) {
    ft_job *list;
    size_t count;
    FT_TRY(ft_job_list_going(&list, &count, s, arena));
    for (size_t i = 0; i < count; i++) {
        bool one = false;
        if (is_supervised(&list[i])) {
            FT_TRY(ft_job_host_check(s, arena, list[i].name));
            continue;
        }
        ft_err err = job_recover(&one, s, arena, &list[i]);
        if (err != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", err, "a job was not recovered");
        *failed += err == FT_OK && one;
    }
    return FT_OK;
}

ft_err ft_jobs_recover(ft_store *s, int *failed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str *subjects;
    size_t count;
    int unused;
    ft_err err;
    if (!failed) failed = &unused;
    *failed = 0;
    FT_GOTO(err, jobs_recover(s, &arena, failed));
    FT_GOTO(err, ft_watch_unsettled(&subjects, &count, s, &arena));
    for (size_t i = 0; i < count; i++) FT_GOTO(err, subject_recover(s, &arena, subjects[i]));
done:
    ft_arena_fini(&arena);
    return err;
}
