/* rules_main.c -- what runs inside a job's rule host: the watch room's loop, with the actions and
 * the end that only this room knows. */
#include <signal.h>

#include "base/check.h"
#include "jobs/job.h"

static volatile int stop_asked; /* by SIGTERM; one host a process */

static void on_term(int number) {
    FT_UNUSED(number);
    stop_asked = 1;
}

typedef struct rules_ctx {
    ft_store *store;
    const ft_watch_hooks *outer; /* may be NULL */
} rules_ctx;

static ft_err act_stop(ft_store *s, ft_str job, const ft_watch_row *watch, const ft_verdict *v) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str reason;
    ft_err err =
        ft_arena_printf(&reason, &arena, "rule %.*s at step %lld: %.*s",
                        FT_STR_ARG(watch->spec.name), (long long)v->at, FT_STR_ARG(v->reason));
    if (err == FT_OK) err = ft_job_stop(s, job, reason);
    ft_arena_fini(&arena);
    return err;
}

static ft_err act(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                  const ft_verdict *v) {
    rules_ctx *r = ctx;
    ft_str job;
    if (ft_str_is(action, "stop") && ft_subject_is(&job, FT_SUBJECT_JOB, watch->spec.subject))
        return act_stop(r->store, job, watch, v);
    if (!r->outer || !r->outer->act) return FT_EUNSUPPORTED;
    return r->outer->act(r->outer->ctx, action, watch, verdict_id, v);
}

/* The row says so, or the job's process is gone without having said anything. */
static bool ended(void *ctx, ft_str subject) {
    rules_ctx *r = ctx;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    ft_str name;
    bool over = false;
    if (ft_subject_is(&name, FT_SUBJECT_JOB, subject)) {
        ft_err err = ft_job_get(&job, r->store, &arena, name);
        if (err == FT_OK)
            over = ft_job_status_final(job.status) ||
                   (job.pid && !ft_pid_alive(job.pid, job.pid_started));
        else
            over = err == FT_ENOTFOUND;
    } else if (r->outer && r->outer->ended)
        over = r->outer->ended(r->outer->ctx, subject);
    ft_arena_fini(&arena);
    return over;
}

ft_err ft_rules_main(ft_store *s, ft_str subject, const ft_watch_hooks *hooks) {
    rules_ctx ctx = { .store = s, .outer = hooks };
    ft_watch_hooks mine = { .act = act, .ended = ended, .ctx = &ctx };
    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL);
    sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
    return ft_watch_host(s, subject, &mine, &stop_asked);
}
