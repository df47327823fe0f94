/* host.c -- the rule host's loop: look, evaluate in order, store, act, tell the gate; and what is
 * left to do after the subject has ended. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "watch/action_in.h"
#include "watch/courier.h"
#include "watch/guard.h"
#include "watch/verdict_in.h"
#include "watch/watch.h"

#define HOST_PENDING_MAX 256
/* Without a gate, how often the subject is looked at; with one, how often `ended` is asked. */
#define HOST_POLL_US        20000
#define HOST_WINDOWS_US     (FT_SECOND_US / 2)  /* how often streams are asked for a window */
#define HOST_LATENESS_US    (2 * FT_SECOND_US)  /* so late may records of a window come */
#define HOST_ACTIONS_US     (FT_SECOND_US / 20) /* to an action's second try; then it doubles */
#define HOST_TRIES_MAX      3                   /* of an evaluation whose failure may pass */
#define HOST_EVALUATE_BYTES ((size_t)4 << 30)

typedef struct host {
    ft_store *store;
    ft_str subject;
    const ft_watch_hooks *hooks;
    ft_gate *gate; /* NULL: the subject has none */
    ft_guard *guard;
    ft_courier *courier;
    ft_watch_shared shared;
    ft_plan *plans;
    size_t plan_count;
    ft_pending pending[HOST_PENDING_MAX];
    size_t pending_count;
    ft_arena keep, batch, once; /* host's life; until stored; one evaluation */
    int actions_left;
    int64_t actions_wait_us;                  /* between two tries of an action that failed */
    int64_t actions_us, windows_us, ended_us; /* when they are due again */
    bool ended;
    int64_t recorded; /* by the gate, as of this round's beginning */
} host;

/* ---- beginning and end */

static ft_err plan_refuse(host *h, const ft_watch_row *row) {
    ft_plan plan = { .row = *row };
    ft_str details;
    FT_TRY(ft_arena_printf(&details, &h->keep, "RuleEvaluationError: %s", ft_err_why()));
    ft_err err = ft_plan_status(h->store, &plan, FT_WATCH_ERROR, details);
    ft_arena_fini(&plan.arena);
    return err;
}

static ft_err plans_open(host *h) {
    ft_watch_row *rows;
    size_t count;
    FT_TRY(ft_watch_list(&rows, &count, h->store, &h->keep, h->subject));
    FT_TRY(ft_arena_items(&h->plans, &h->keep, count + 1));
    for (size_t i = 0; i < count; i++) {
        ft_plan *plan = &h->plans[h->plan_count];
        if (rows[i].status == FT_WATCH_ERROR || rows[i].status == FT_WATCH_STOPPED) continue;
        ft_err err = ft_plan_open_stored(plan, &h->shared, &rows[i]);
        if (err != FT_OK && !ft_err_retry(err)) { /* a rule or stream that is no longer known */
            FT_TRY(plan_refuse(h, &rows[i]));
            continue;
        }
        FT_TRY(err);
        h->plan_count++;
        FT_TRY(ft_plan_resume(h->store, plan));
    }
    return FT_OK;
}

static ft_err host_open(host *h) {
    const char *folder, *path;
    FT_TRY(ft_subject_folder(&folder, h->store, &h->keep, h->subject));
    FT_TRY(ft_path_join(&path, &h->keep, folder, FT_GUARD_FILE));
    FT_TRY(ft_guard_take(&h->guard, path));
    ft_guard_catch(h->guard);
    FT_TRY(ft_path_join(&path, &h->keep, folder, FT_GATE_FILE));
    if (ft_file_exists(path)) FT_TRY(ft_gate_open(&h->gate, path));
    FT_TRY(plans_open(h));
    return ft_courier_start(&h->courier, ft_store_home(h->store));
}

static void host_close(host *h) {
    ft_courier_stop(h->courier, true);
    for (size_t i = 0; i < h->plan_count; i++) ft_plan_close(&h->plans[i]);
    ft_watch_shared_fini(&h->shared);
    ft_gate_free(h->gate);
    ft_guard_free(h->guard);
    ft_arena_fini(&h->once);
    ft_arena_fini(&h->batch);
    ft_arena_fini(&h->keep);
    free(h);
}

/* ---- storing and acting */

static ft_err actions_run(host *h) {
    FT_TRY(ft_watch_actions_do(h->store, h->subject, h->hooks, &h->actions_left));
    h->actions_wait_us = h->actions_left ? h->actions_wait_us * 2 : HOST_ACTIONS_US;
    h->actions_us = ft_clock_monotonic_us() + h->actions_wait_us;
    ft_courier_poke(h->courier);
    return FT_OK;
}

static ft_err pending_flush(host *h) {
    bool fired = false;
    for (size_t i = 0; i < h->pending_count; i++)
        fired |= h->pending[i].fires && h->pending[i].plan->row.spec.actions.len;
    FT_TRY(ft_pending_store(h->store, h->pending, h->pending_count));
    h->pending_count = 0;
    ft_arena_reset(&h->batch);
    return fired ? actions_run(h) : FT_OK;
}

static ft_err pending_add(host *h, ft_plan *plan, int64_t from, const ft_verdict *v) {
    ft_pending *p = &h->pending[h->pending_count];
    *p = (ft_pending){ .plan = plan, .verdict = *v, .from = from };
    FT_TRY(ft_arena_str(&p->verdict.reason, &h->batch, v->reason));
    FT_TRY(ft_arena_str(&p->verdict.evidence_json, &h->batch, v->evidence_json));
    p->fires = ft_plan_count(plan, v);
    h->pending_count++;
    return p->fires || h->pending_count == HOST_PENDING_MAX ? pending_flush(h) : FT_OK;
}

/* ---- evaluating */

static ft_err plan_fail(host *h, ft_plan *plan, int64_t at, const char *why) {
    ft_str point, details;
    FT_TRY(pending_flush(h));
    FT_TRY(ft_plan_point_text(&point, plan, at, &h->once));
    FT_TRY(ft_arena_printf(&details, &h->once, "RuleEvaluationError: rule %s at %.*s: %s",
                           plan->rule->name, FT_STR_ARG(point), why));
    ft_log(FT_LOG_ERROR, "watch", "%.*s on %.*s is given up: %s", FT_STR_ARG(plan->row.spec.name),
           FT_STR_ARG(h->subject), details.at);
    return ft_plan_status(h->store, plan, FT_WATCH_ERROR, details);
}

static ft_err evaluate_at(host *h, ft_plan *plan, int64_t at, int64_t from) {
    ft_verdict v;
    ft_err err = FT_OK;
    for (int i = 0; i < HOST_TRIES_MAX; i++) {
        ft_arena_reset(&h->once);
        if (!ft_guard_begin(h->guard, plan->row.id, at))
            return plan_fail(h, plan, at, ft_guard_text(h->guard));
        err = ft_plan_evaluate(plan, at, from, &h->once, &v);
        ft_guard_end(h->guard);
        if (err == FT_OK || !ft_err_retry(err)) break;
    }
    if (err != FT_OK) return plan_fail(h, plan, at, ft_err_why());
    plan->at = at;
    return pending_add(h, plan, from, &v);
}

static int64_t limit_of(const host *h, const ft_plan *plan) {
    if (h->ended || plan->points == FT_POINTS_TRIAL) return INT64_MAX;
    if (plan->points == FT_POINTS_WINDOWS) return ft_clock_now_us() - HOST_LATENESS_US;
    return h->gate ? h->recorded + 1 : FT_LIMIT_UNKNOWN;
}

/* The watch whose next point comes first, so that several see step n before any sees step n+1. */
static ft_err next_of_all(host *h, bool windows, ft_plan **out, int64_t *at, int64_t *from) {
    *out = NULL;
    for (size_t i = 0; i < h->plan_count; i++) {
        ft_plan *plan = &h->plans[i];
        int64_t plan_at, plan_from;
        if (plan->row.status == FT_WATCH_ERROR) continue;
        if (plan->points == FT_POINTS_WINDOWS && !windows) continue;
        ft_err err = ft_plan_next(plan, limit_of(h, plan), &plan_at, &plan_from);
        if (err == FT_ENOTFOUND) continue;
        FT_TRY(err);
        if (*out && plan_at >= *at) continue;
        *out = plan, *at = plan_at, *from = plan_from;
    }
    return FT_OK;
}

/* Everything that can be evaluated now. */
static ft_err evaluate_all(host *h, const volatile int *stop) {
    int64_t now = ft_clock_monotonic_us(), at, from;
    bool windows = h->ended || now >= h->windows_us;
    if (windows) h->windows_us = now + HOST_WINDOWS_US;
    for (ft_plan *plan; !*stop;) {
        FT_TRY(next_of_all(h, windows, &plan, &at, &from));
        if (!plan) break;
        FT_TRY(evaluate_at(h, plan, at, from));
    }
    return pending_flush(h);
}

/* ---- the loop */

static void host_wait(host *h) {
    if (h->gate && !ft_gate_closed(h->gate))
        ft_gate_next(h->gate, h->recorded, HOST_POLL_US);
    else
        ft_clock_sleep_us(HOST_POLL_US);
}

static ft_err host_finish(host *h) {
    for (size_t i = 0; i < h->plan_count; i++)
        if (h->plans[i].row.status == FT_WATCH_IN_PROGRESS)
            FT_TRY(ft_plan_status(h->store, &h->plans[i], FT_WATCH_NO_ISSUES, (ft_str){ 0 }));
    return FT_OK;
}

/* Asked before the look at what is recorded: what came before the end is then seen in this round.
 */
static void end_ask(host *h) {
    int64_t now = ft_clock_monotonic_us();
    if (h->ended || !h->hooks || !h->hooks->ended || now < h->ended_us) return;
    h->ended = h->hooks->ended(h->hooks->ctx, h->subject);
    h->ended_us = now + HOST_POLL_US;
}

static ft_err host_run(host *h, const volatile int *stop) {
    FT_TRY(actions_run(h)); /* what an earlier host stored and did not do */
    while (!*stop) {
        end_ask(h);
        h->recorded = h->gate ? ft_gate_next(h->gate, INT64_MAX, 0) : -1;
        FT_TRY(ft_watch_shared_refresh(&h->shared));
        FT_TRY(evaluate_all(h, stop));
        /* What a verdict asked for and could not be done holds the job, for as long as it waits. */
        if (h->gate && !*stop && !h->actions_left) ft_gate_evaluated(h->gate, h->recorded);
        if (h->actions_left && ft_clock_monotonic_us() >= h->actions_us) FT_TRY(actions_run(h));
        if (h->ended && !h->actions_left) return *stop ? FT_OK : host_finish(h);
        host_wait(h);
    }
    return FT_OK;
}

ft_err ft_watch_host(ft_store *s, ft_str subject, const ft_watch_hooks *hooks,
                     const volatile int *stop) {
    host *h = ft_fault_here() ? NULL : calloc(1, sizeof *h);
    ft_err err;
    if (!h) return FT_FAIL(FT_ENOMEM, "no memory for a rule host");
    h->store = s;
    h->subject = subject;
    h->hooks = hooks;
    h->actions_wait_us = HOST_ACTIONS_US;
    h->shared.store = s;
    h->once.limit_bytes = HOST_EVALUATE_BYTES;
    FT_GOTO(err, host_open(h));
    FT_GOTO(err, host_run(h, stop));
done:
    host_close(h);
    return err;
}

ft_err ft_watch_settle(ft_store *s, ft_str subject, const ft_watch_hooks *hooks,
                       ft_watch_status status, ft_str details) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_watch_row *rows;
    size_t count;
    int left;
    ft_err err;
    FT_GOTO(err, ft_watch_actions_do(s, subject, hooks, &left));
    FT_GOTO(err, ft_watch_list(&rows, &count, s, &arena, subject));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].status != FT_WATCH_IN_PROGRESS) continue;
        ft_plan plan = { .row = rows[i] };
        err = ft_plan_status(s, &plan, status, details);
        ft_arena_fini(&plan.arena);
        if (err != FT_OK) goto done;
    }
done:
    ft_arena_fini(&arena);
    return err;
}
