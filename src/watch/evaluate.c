/* evaluate.c -- watches asked once over a given span: for runs on a schedule or by hand. */
#include "base/clock.h"
#include "base/log.h"
#include "watch/action_in.h"
#include "watch/tables_in.h"
#include "watch/verdict_in.h"
#include "watch/watch.h"

typedef struct asked {
    ft_store *store;
    int64_t from, until;
    ft_err (*each)(void *ctx, const ft_watch_row *watch, int64_t verdict_id, const ft_verdict *v);
    void *ctx;
    ft_arena *arena;
} asked;

/* The verdict that an earlier run of the same span stored. FT_ENOTFOUND without a trail. */
static ft_err stored_get(int64_t *id, ft_verdict *v, const asked *a, int64_t watch) {
    ft_db *db;
    ft_str outcome;
    FT_TRY(ft_watch_db(&db, a->store));
    ft_err err =
        ft_db_one(db, a->arena,
                  "select id, outcome, reason, evidence from verdict"
                  " where watch = ? and at = ?",
                  "ii", "isss", watch, a->until, id, &outcome, &v->reason, &v->evidence_json);
    if (err != FT_OK) return err;
    v->at = a->until;
    return ft_outcome_parse(&v->outcome, outcome);
}

static ft_err watch_ask(const asked *a, ft_watch_shared *shared, const ft_watch_row *row) {
    ft_plan plan;
    ft_verdict v = { 0 };
    int64_t id;
    FT_TRY(ft_plan_open_stored(&plan, shared, row));
    ft_err err = FT_OK;
    if (plan.points != FT_POINTS_WINDOWS) goto done;
    err = stored_get(&id, &v, a, row->id);
    if (err == FT_ENOTFOUND) {
        ft_pending p = { .plan = &plan, .from = a->from, .alone = true };
        FT_GOTO(err, ft_plan_evaluate(&plan, a->until, a->from, a->arena, &v));
        p.verdict = v;
        p.fires = ft_plan_count(&plan, &v);
        FT_GOTO(err, ft_pending_store(a->store, &p, 1));
        id = plan.last_id;
    }
    if (err == FT_OK && a->each) err = a->each(a->ctx, &plan.row, id, &v);
done:
    ft_plan_close(&plan);
    return err;
}

/* A rule that fails does not take the others with it: its watch says why, and so does `each`. */
static ft_err failure_tell(const asked *a, const ft_watch_row *row, ft_err why) {
    ft_verdict v = { .outcome = FT_NOT_ENOUGH_DATA, .at = a->until };
    ft_db *db;
    ft_log(FT_LOG_WARN, "watch", "rule %.*s on %.*s failed (%s): %s", FT_STR_ARG(row->spec.name),
           FT_STR_ARG(row->spec.subject), ft_err_name(why), ft_err_why());
    FT_TRY(ft_arena_printf(&v.reason, a->arena, "the rule failed: %s", ft_err_why()));
    ft_err_clear();
    FT_TRY(ft_watch_db(&db, a->store));
    FT_TRY(ft_db_run(db, "update watch set details = ?, modified_us = ? where id = ?", "sii",
                     v.reason, ft_clock_now_us(), row->id));
    return a->each ? a->each(a->ctx, row, 0, &v) : FT_OK;
}

ft_err ft_watch_evaluate(ft_store *s, ft_str subject, int64_t from, int64_t until,
                         const ft_watch_hooks *hooks,
                         ft_err (*each)(void *ctx, const ft_watch_row *watch, int64_t verdict_id,
                                        const ft_verdict *v),
                         void *ctx) {
    ft_arena keep = FT_ARENA_INIT(0), once = FT_ARENA_INIT(0);
    ft_watch_shared shared = { .store = s };
    asked a = {
        .store = s, .from = from, .until = until, .each = each, .ctx = ctx, .arena = &once
    };
    ft_watch_row *rows;
    size_t count;
    int left;
    ft_err err;
    FT_GOTO(err, ft_watch_list(&rows, &count, s, &keep, subject));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].status == FT_WATCH_ERROR || rows[i].status == FT_WATCH_STOPPED) continue;
        ft_arena_reset(&once);
        if ((err = watch_ask(&a, &shared, &rows[i])) == FT_OK) continue;
        if (err == FT_ENOMEM || err == FT_ENOSPC || err == FT_EIO) goto done;
        FT_GOTO(err, failure_tell(&a, &rows[i], err));
    }
    FT_GOTO(err, ft_watch_actions_do(s, subject, hooks, &left));
done:
    ft_watch_shared_fini(&shared);
    ft_arena_fini(&once);
    ft_arena_fini(&keep);
    return err;
}
