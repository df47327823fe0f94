/* verdict.c -- see verdict_in.h. */
#include "watch/verdict_in.h"

#include "base/clock.h"
#include "store/lineage.h"
#include "watch/action_in.h"
#include "watch/tables_in.h"

#define SEGMENTS_NAMED_MAX 64 /* parents of one verdict */

ft_err ft_outcome_parse(ft_outcome *out, ft_str name) {
    for (ft_outcome o = FT_NO_ISSUE; o <= FT_NOT_ENOUGH_DATA; o++)
        if (ft_str_is(name, ft_outcome_name(o))) {
            *out = o;
            return FT_OK;
        }
    return FT_FAIL(FT_EPARSE, "no outcome '%.*s'", FT_STR_ARG(name));
}

bool ft_plan_count(ft_plan *plan, const ft_verdict *v) {
    ft_watch_row *row = &plan->row;
    if (v->outcome == FT_NOT_ENOUGH_DATA) return false;
    row->streak = v->outcome == FT_ISSUE ? row->streak + 1 : 0;
    if (row->streak < row->spec.hold) return false;
    /* Windows carry their own time, so that the same records give the same actions; steps do not.
     */
    int64_t now = plan->points == FT_POINTS_WINDOWS ? v->at : ft_clock_now_us();
    bool quiet = row->acted_us != INT64_MIN && now - row->acted_us < row->spec.quiet_us;
    if (quiet || (row->streak > row->spec.hold && row->spec.quiet_us == 0)) return false;
    row->acted_us = now;
    return true;
}

ft_err ft_plan_resume(ft_store *s, ft_plan *plan) {
    ft_db *db;
    ft_str outcome;
    FT_TRY(ft_watch_db(&db, s));
    plan->last_id = 0;
    ft_err err =
        ft_db_one(db, &plan->arena,
                  "select id, outcome from verdict where watch = ? order by id desc limit 1", "i",
                  "is", plan->row.id, &plan->last_id, &outcome);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    return ft_outcome_parse(&plan->last_outcome, outcome);
}

/* ---- lineage: a verdict comes from its rule and from what the rule looked at */

static ft_err lineage_segments(ft_store *s, ft_arena *arena, const ft_pending *p, ft_str node) {
    ft_segment *list;
    size_t count;
    FT_TRY(ft_stream_segments_between(&list, &count, s, arena, p->plan->kind,
                                      p->plan->row.spec.stream_key, p->from, p->verdict.at,
                                      SEGMENTS_NAMED_MAX));
    for (size_t i = 0; i < count; i++) {
        ft_str id;
        FT_TRY(ft_lineage_id(&id, arena, FT_LINEAGE_CAPTURE, list[i].uri));
        FT_TRY(ft_lineage_edge(s, node, id));
    }
    return FT_OK;
}

static ft_err lineage_note(ft_store *s, ft_arena *arena, const ft_pending *p, int64_t id) {
    const ft_plan *plan = p->plan;
    ft_str node, parent, note, point, job, subject = plan->row.spec.subject;
    FT_TRY(ft_plan_point_text(&point, plan, p->verdict.at, arena));
    FT_TRY(ft_lineage_id_number(&node, arena, FT_LINEAGE_VERDICT, id));
    FT_TRY(ft_arena_printf(&note, arena, "%.*s on %.*s at %.*s: %.*s",
                           FT_STR_ARG(plan->row.spec.name), FT_STR_ARG(subject), FT_STR_ARG(point),
                           FT_STR_ARG(p->verdict.reason)));
    FT_TRY(ft_lineage_node(s, node, note));
    FT_TRY(ft_arena_printf(&note, arena, "%s %.*s", plan->rule->name,
                           FT_STR_ARG(plan->row.spec.params_json)));
    FT_TRY(ft_lineage_node(s, plan->rule_node, note));
    FT_TRY(ft_lineage_edge(s, node, plan->rule_node));
    if (ft_subject_is(&job, FT_SUBJECT_JOB, subject)) {
        FT_TRY(ft_lineage_id(&parent, arena, FT_LINEAGE_JOB, job));
        FT_TRY(ft_lineage_edge(s, node, parent));
    }
    return plan->points == FT_POINTS_TRIAL ? FT_OK : lineage_segments(s, arena, p, node);
}

/* ---- rows */

static ft_err actions_ask(ft_db *db, const ft_pending *p, int64_t id) {
    ft_str rest = p->plan->row.spec.actions, word;
    for (int64_t i = 0; ft_watch_actions_each(&rest, &word); i++)
        FT_TRY(ft_db_run(db,
                         "insert into verdict_action (verdict, ordinal, action) values (?, ?, ?)",
                         "iis", id, i, word));
    return FT_OK;
}

static ft_str some(ft_str s) { return s.at ? s : FT_STR(""); }

static ft_err verdict_store(ft_store *s, ft_db *db, ft_arena *arena, const ft_pending *p) {
    ft_plan *plan = p->plan;
    const ft_verdict *v = &p->verdict;
    if (v->outcome != FT_ISSUE && !p->alone && plan->last_id && plan->last_outcome == v->outcome)
        return ft_db_run(
            db, "update verdict set through = ?, evaluations = evaluations + 1 where id = ?", "ii",
            v->at, plan->last_id);
    FT_TRY(ft_db_run(db,
                     "insert into verdict (watch, at, through, outcome, reason, evidence, fired,"
                     " stored_us) values (?, ?, ?, ?, ?, ?, ?, ?)",
                     "iiitssni", plan->row.id, v->at, v->at, ft_outcome_name(v->outcome),
                     some(v->reason), some(v->evidence_json), p->fires, ft_clock_now_us()));
    plan->last_id = ft_db_last_id(db);
    plan->last_outcome = v->outcome;
    if (v->outcome != FT_ISSUE) return FT_OK;
    int64_t id = plan->last_id;
    ft_db_durable(db);
    FT_TRY(lineage_note(s, arena, p, id));
    return p->fires ? actions_ask(db, p, id) : FT_OK;
}

/* The first action makes the status; later ones are in the verdicts. */
static ft_err plan_fired(ft_arena *arena, const ft_pending *p) {
    ft_plan *plan = p->plan;
    ft_str point, details;
    if (plan->row.status != FT_WATCH_IN_PROGRESS) return FT_OK;
    FT_TRY(ft_plan_point_text(&point, plan, p->verdict.at, arena));
    FT_TRY(
        ft_arena_printf(&details, &plan->arena,
                        "RuleEvaluationConditionMet: Evaluation of the rule %s at %.*s resulted in"
                        " the condition being met",
                        plan->rule->name, FT_STR_ARG(point)));
    plan->row.status = FT_WATCH_ISSUES;
    plan->row.details = details;
    return FT_OK;
}

static ft_err plan_store(ft_db *db, const ft_plan *plan, int64_t evaluated) {
    const ft_watch_row *row = &plan->row;
    FT_TRY(ft_db_run(db,
                     "update watch set evaluated = max(coalesce(evaluated, ?1), ?1), streak = ?, "
                     "status = ?, details = ?,"
                     " modified_us = ? where id = ?",
                     "intsii", evaluated, row->streak, ft_watch_status_name(row->status),
                     some(row->details), ft_clock_now_us(), row->id));
    if (row->acted_us == INT64_MIN) return FT_OK;
    return ft_db_run(db, "update watch set acted_us = ? where id = ?", "ii", row->acted_us,
                     row->id);
}

static ft_err all_store(ft_store *s, ft_db *db, ft_arena *arena, ft_pending *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].fires) FT_TRY(plan_fired(arena, &list[i]));
        FT_TRY(verdict_store(s, db, arena, &list[i]));
    }
    for (size_t i = count; i-- > 0;) { /* each plan once, by its newest */
        bool newer = false;
        for (size_t k = i + 1; k < count && !newer; k++) newer = list[k].plan == list[i].plan;
        if (!newer) FT_TRY(plan_store(db, list[i].plan, list[i].verdict.at));
    }
    return FT_OK;
}

ft_err ft_pending_store(ft_store *s, ft_pending *list, size_t count) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_db *db;
    ft_err err;
    bool begun = false;
    if (count == 0) return FT_OK;
    FT_GOTO(err, ft_watch_db(&db, s));
    FT_GOTO(err, ft_db_begin(db));
    begun = true;
    FT_GOTO(err, all_store(s, db, &arena, list, count));
    begun = false;
    FT_GOTO(err, ft_db_commit(db));
done:
    if (begun) ft_db_rollback(db);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_plan_status(ft_store *s, ft_plan *plan, ft_watch_status status, ft_str details) {
    ft_db *db;
    plan->row.status = status;
    if (details.at) FT_TRY(ft_arena_str(&plan->row.details, &plan->arena, details));
    FT_TRY(ft_watch_db(&db, s));
    return ft_db_run(db, "update watch set status = ?, details = ?, modified_us = ? where id = ?",
                     "tsii", ft_watch_status_name(status), some(plan->row.details),
                     ft_clock_now_us(), plan->row.id);
}
