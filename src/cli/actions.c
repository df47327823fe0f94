/* actions.c -- see actions.h. */
#include "cli/actions.h"

#include "base/log.h"
#include "base/proc.h"
#include "jobs/job.h"
#include "serve/endpoint.h"
#include "watch/outbox.h"

#define RUN_DEADLINE_US ((int64_t)60 * 1000000)

/* "job/NAME" -> NAME when the kind fits */
static bool subject_of(ft_str *name, ft_str subject, const char *kind) {
    *name = subject;
    return ft_str_is(ft_str_cut(name, '/'), kind);
}

static ft_err act_alert(ft_store *s, ft_arena *arena, const ft_watch_row *watch, int64_t verdict_id,
                        const ft_verdict *v) {
    ft_alert alert = { .subject = watch->spec.subject,
                       .rule = watch->spec.name,
                       .text = v->reason,
                       .evidence_json = v->evidence_json,
                       .verdict_id = verdict_id };
    return ft_alert_raise(NULL, s, arena, &alert);
}

static ft_err act_stop(ft_store *s, const ft_watch_row *watch, const ft_verdict *v) {
    ft_str job;
    if (!subject_of(&job, watch->spec.subject, "job"))
        return FT_FAIL(FT_EUNSUPPORTED, "action 'stop' is for jobs, not for %.*s",
                       FT_STR_ARG(watch->spec.subject));
    ft_err err = ft_job_stop(s, job, v->reason);
    return err == FT_ECONFLICT ? FT_OK : err; /* it ended by itself: what was wanted */
}

static ft_err act_rollback(ft_store *s, const ft_watch_row *watch) {
    ft_str endpoint;
    if (!subject_of(&endpoint, watch->spec.subject, "endpoint"))
        return FT_FAIL(FT_EUNSUPPORTED, "action 'rollback' is for endpoints, not for %.*s",
                       FT_STR_ARG(watch->spec.subject));
    return ft_endpoint_rollback(s, endpoint);
}

/* The program learns what happened from its environment. */
static ft_err act_run(ft_arena *arena, ft_str program, const ft_watch_row *watch,
                      const ft_verdict *v) {
    ft_str path, subject, rule, reason, evidence;
    FT_TRY(ft_arena_str(&path, arena, program));
    FT_TRY(
        ft_arena_printf(&subject, arena, "FETTLE_SUBJECT=%.*s", FT_STR_ARG(watch->spec.subject)));
    FT_TRY(ft_arena_printf(&rule, arena, "FETTLE_RULE=%.*s", FT_STR_ARG(watch->spec.name)));
    FT_TRY(ft_arena_printf(&reason, arena, "FETTLE_REASON=%.*s", FT_STR_ARG(v->reason)));
    FT_TRY(ft_arena_printf(&evidence, arena, "FETTLE_EVIDENCE=%.*s", FT_STR_ARG(v->evidence_json)));
    const char *argv[] = { path.at, NULL };
    const char *env[] = { subject.at, rule.at, reason.at, evidence.at, NULL };
    ft_supervisor *sup = NULL;
    ft_proc *proc = NULL;
    ft_err err;
    FT_GOTO(err, ft_supervisor_new(&sup));
    FT_GOTO(err, ft_proc_start(&proc, sup,
                               &(ft_proc_spec){ .name = "action",
                                                .argv = argv,
                                                .env = env,
                                                .deadline_us = RUN_DEADLINE_US }));
    FT_GOTO(err, ft_proc_wait(proc, -1));
    ft_proc_end end = ft_proc_result(proc);
    if (end.exit_code != 0)
        err = FT_FAIL(FT_EPEER, "action program %s: %s", path.at, ft_proc_end_text(&end));
done:
    ft_supervisor_free(sup);
    return err;
}

static ft_err act(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                  const ft_verdict *v) {
    ft_store *s = ctx;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err;
    if (ft_str_is(action, "stop"))
        err = act_stop(s, watch, v);
    else if (ft_str_is(action, "alert"))
        err = act_alert(s, &arena, watch, verdict_id, v);
    else if (ft_str_is(action, "rollback"))
        err = act_rollback(s, watch);
    else if (ft_str_starts(action, FT_STR("run:")))
        err = act_run(&arena, ft_str_from(action, 4), watch, v);
    else
        err = FT_FAIL(FT_EUNSUPPORTED, "unknown action '%.*s'", FT_STR_ARG(action));
    ft_arena_fini(&arena);
    return err;
}

static bool ended(void *ctx, ft_str subject) {
    ft_str job;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job row;
    bool over = false;
    if (subject_of(&job, subject, "job"))
        over = ft_job_get(&row, ctx, &arena, job) == FT_OK && row.status != FT_JOB_IN_PROGRESS &&
               row.status != FT_JOB_STOPPING;
    ft_arena_fini(&arena);
    return over;
}

ft_watch_hooks ft_actions_hooks(ft_store *store) {
    return (ft_watch_hooks){ .act = act, .ended = ended, .ctx = store };
}

ft_err ft_actions_check(ft_str actions) {
    while (actions.at && actions.len) {
        ft_str word = ft_str_trim(ft_str_cut(&actions, ','));
        if (!ft_str_is(word, "stop") && !ft_str_is(word, "alert") && !ft_str_is(word, "rollback") &&
            !ft_str_starts(word, FT_STR("run:")))
            return FT_FAIL(FT_EINVAL,
                           "unknown action '%.*s'; expected stop, alert, rollback or run:PROGRAM",
                           FT_STR_ARG(word));
    }
    return FT_OK;
}
