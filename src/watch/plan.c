/* plan.c -- see plan_in.h. */
#include "watch/plan_in.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/json.h"
#include "store/lineage.h"

#define SQL_LIMIT_US ((int64_t)10000000) /* of one evaluation, wherever it is asked for */

#define PARAMS_MEMBERS_MAX 256

/* ---- what is read together */

static ft_err shared_trial(size_t *out, ft_watch_shared *shared, ft_str uri) {
    for (size_t i = 0; i < shared->trial_count; i++)
        if (ft_str_eq(shared->trials[i].uri, uri)) {
            *out = i;
            return FT_OK;
        }
    if (shared->trial_count == FT_COUNT(shared->trials))
        return FT_FAIL(FT_EFULL, "watches of one subject read more than %zu trials",
                       FT_COUNT(shared->trials));
    *out = shared->trial_count++;
    shared->trials[*out].uri = uri;
    return FT_OK;
}

static ft_err shared_sql(ft_sql **out, ft_watch_shared *shared) {
    if (!shared->sql) {
        FT_TRY(ft_sql_open(&shared->sql, shared->store));
        ft_sql_limit(shared->sql, SQL_LIMIT_US);
    }
    *out = shared->sql;
    return FT_OK;
}

ft_err ft_watch_shared_refresh(ft_watch_shared *shared) {
    for (size_t i = 0; i < shared->trial_count; i++) {
        ft_trial **trial = &shared->trials[i].trial;
        if (!*trial) {
            ft_err err = ft_trial_open(trial, shared->store, shared->trials[i].uri);
            if (err == FT_ENOTFOUND) { /* nothing recorded yet */
                ft_err_clear();
                continue;
            }
            FT_TRY(err);
        }
        FT_TRY(ft_trial_refresh(*trial, NULL));
    }
    return FT_OK;
}

void ft_watch_shared_fini(ft_watch_shared *shared) {
    for (size_t i = 0; i < shared->trial_count; i++) ft_trial_close(shared->trials[i].trial);
    ft_sql_close(shared->sql);
    *shared = (ft_watch_shared){ .store = shared->store };
}

/* ---- a watch made ready */

ft_err ft_watch_row_copy(ft_watch_row *row, ft_arena *arena) {
    ft_str *texts[] = { &row->spec.name,        &row->spec.subject, &row->spec.rule,
                        &row->spec.params_json, &row->spec.actions, &row->spec.trial_uri,
                        &row->spec.stream_key,  &row->rule_text,    &row->details,
                        &row->evaluation_job };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

/* {"num_steps":"10","scale":2}: texts as they are, numbers and booleans by their text */
static ft_err params_read(ft_params *params, ft_str json, ft_arena *arena) {
    ft_json j;
    ft_json_kind kind;
    ft_str name, value;
    if (!json.len) return FT_OK;
    ft_json_init(&j, json, arena, &(ft_json_opts){ .name = "rule parameters" });
    FT_TRY(ft_json_enter_object(&j));
    for (int i = 0; ft_json_next_member(&j, &name); i++) {
        if (i == PARAMS_MEMBERS_MAX)
            return FT_FAIL(FT_ETOOBIG, "more than %d rule parameters", PARAMS_MEMBERS_MAX);
        FT_TRY(ft_json_peek(&j, &kind));
        if (kind == FT_JSON_STRING)
            FT_TRY(ft_json_string(&j, &value));
        else if (kind == FT_JSON_NUMBER || kind == FT_JSON_BOOL)
            FT_TRY(ft_json_skip(&j, &value));
        else
            return ft_json_fail(&j, "rule parameter '%.*s': expected text or a number",
                                FT_STR_ARG(name));
        FT_TRY(ft_params_set(params, name, value));
    }
    return ft_json_end(&j);
}

/* The lineage node of a rule: its name, and the hash of what decides: its code (an SQL rule's text,
 * this program's version for others) and its parameters. */
static ft_err rule_node(ft_plan *plan) {
    char hash[FT_SHA256_HEX];
    ft_str code = plan->row.rule_text.len ? plan->row.rule_text : FT_STR(FETTLE_VERSION);
    ft_buf buf = { 0 };
    ft_buf_printf(&buf, "%s\n", plan->rule->name);
    ft_buf_add(&buf, code);
    for (const ft_param *p = plan->rule->params; p && p->name; p++) {
        ft_buf_printf(&buf, "\n%s=", p->name);
        ft_buf_add(&buf, ft_params_str(plan->params, p->name));
    }
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_sha256_hex(hash, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    FT_TRY(err);
    return ft_lineage_id_rule(&plan->rule_node, &plan->arena, plan->rule->name, hash);
}

static ft_err rule_resolve(ft_plan *plan) {
    static const ft_param none[] = { { 0 } };
    if (plan->row.rule_text.len)
        FT_TRY(
            ft_rule_from_sql(&plan->rule, &plan->arena, plan->row.spec.rule, plan->row.rule_text));
    else
        FT_TRY(ft_rule_find(&plan->rule, plan->row.spec.rule));
    FT_TRY(
        ft_params_new(&plan->params, &plan->arena, plan->rule->params ? plan->rule->params : none));
    FT_TRY(params_read(plan->params, plan->row.spec.params_json, &plan->arena));
    FT_TRY(ft_params_finish(plan->params));
    FT_TRY(ft_arena_take(&plan->state, &plan->arena,
                         plan->rule->state_bytes ? plan->rule->state_bytes : 1));
    if (plan->rule->init) {
        ft_err err = plan->rule->init(plan->state, plan->params);
        if (err != FT_OK) plan->state = NULL; /* nothing to end */
        FT_TRY(err);
    }
    return FT_OK;
}

/* A rule in SQL names a stream kind, or nothing: then, and for a trial's tensors as a table, it is
 * asked at each step of the trial. */
static ft_err points_resolve(ft_plan *plan) {
    const char *stream = plan->rule->stream;
    ft_str *key = &plan->row.spec.stream_key;
    plan->points = FT_POINTS_TRIAL;
    if (!key->len) { /* the subject's name */
        *key = plan->row.spec.subject;
        ft_str_cut(key, '/');
    }
    if (plan->rule->reads == FT_READS_TRIAL || !stream || strcmp(stream, "tensor") == 0)
        return FT_OK;
    plan->kind = ft_stream_kind_find(ft_str_of(stream));
    if (!plan->kind)
        return FT_FAIL(FT_ENOTFOUND, "rule %s reads stream '%s', which does not exist",
                       plan->rule->name, stream);
    bool by_time = ft_stream_order(plan->kind) == FT_ORDER_TIME;
    plan->points = by_time ? FT_POINTS_WINDOWS : FT_POINTS_STEPS;
    if (plan->row.spec.window_us <= 0) plan->row.spec.window_us = 3600 * FT_SECOND_US;
    if (plan->row.spec.every_us <= 0) plan->row.spec.every_us = plan->row.spec.window_us;
    return FT_OK;
}

ft_err ft_plan_open(ft_plan *plan, ft_watch_shared *shared, const ft_watch_row *row,
                    int64_t begin) {
    *plan = (ft_plan){ .row = *row, .shared = shared, .at = begin, .candidate = INT64_MIN };
    ft_err err;
    FT_GOTO(err, ft_watch_row_copy(&plan->row, &plan->arena));
    FT_GOTO(err, rule_resolve(plan));
    FT_GOTO(err, points_resolve(plan));
    FT_GOTO(err, rule_node(plan));
    if (plan->points == FT_POINTS_TRIAL) {
        if (!plan->row.spec.trial_uri.len)
            FT_GOTO(err, FT_FAIL(FT_EINVAL, "rule %s reads a trial, and %.*s has none",
                                 plan->rule->name, FT_STR_ARG(plan->row.spec.subject)));
        FT_GOTO(err, shared_trial(&plan->trial, shared, plan->row.spec.trial_uri));
    }
    return FT_OK;
done:
    ft_plan_close(plan);
    return err;
}

/* A watch on an endpoint looks at what comes after it was made; one on a job sees all of the job.
 */
ft_err ft_plan_open_stored(ft_plan *plan, ft_watch_shared *shared, const ft_watch_row *row) {
    FT_TRY(ft_plan_open(plan, shared, row, row->evaluated));
    bool job = ft_subject_is(NULL, FT_SUBJECT_JOB, row->spec.subject);
    if (plan->at == INT64_MIN && plan->points == FT_POINTS_WINDOWS && !job)
        plan->at = row->created_us;
    return FT_OK;
}

void ft_plan_close(ft_plan *plan) {
    if (plan->state && plan->rule->fini) plan->rule->fini(plan->state);
    ft_cursor_close(plan->cursor);
    ft_arena_fini(&plan->arena);
    plan->state = NULL;
    plan->cursor = NULL;
}

/* ---- points */

static int64_t floor_to(int64_t value, int64_t unit) {
    int64_t q = value / unit;
    if (value % unit < 0) q--;
    return q * unit;
}

static ft_err trial_next(ft_plan *plan, int64_t limit, int64_t *at) {
    ft_trial *trial = plan->shared->trials[plan->trial].trial;
    size_t count, low = 0;
    if (!trial) return FT_ENOTFOUND;
    ft_trial_horizon(trial, INT64_MAX);
    const int64_t *list = ft_trial_steps(trial, &count);
    for (size_t high = count; low < high;) { /* the first step after plan->at */
        size_t middle = low + (high - low) / 2;
        if (list[middle] > plan->at)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == count || list[low] >= limit) return FT_ENOTFOUND;
    *at = list[low];
    return FT_OK;
}

/* Move the look-ahead to the first record whose order is at least `order`. FT_ENOTFOUND at the end.
 */
static ft_err ahead_to(ft_plan *plan, int64_t order) {
    int column = plan->kind->order_column;
    if (!plan->cursor) {
        ft_cursor_opts opts = { .key = plan->row.spec.stream_key,
                                .from = order,
                                .until = INT64_MAX,
                                .wanted = (uint64_t)1 << column };
        FT_TRY(ft_cursor_open(&plan->cursor, plan->shared->store, plan->kind, &opts));
    }
    /* At its end a cursor has only seen what was there when it last looked: asked again, it looks.
     */
    for (int looks = 0; !plan->has_ahead || plan->ahead < order;) {
        ft_record record;
        plan->has_ahead = false;
        ft_err err = ft_cursor_next(plan->cursor, &record);
        if (err == FT_ENOTFOUND && looks++ == 0) continue;
        if (err == FT_ENOTFOUND) return err;
        FT_TRY(err);
        plan->ahead = record.values[column].i;
        plan->has_ahead = true;
    }
    return FT_OK;
}

/* Records of one step come one by one: a step is whole when it lies before `limit` or when a later
 * step has begun. */
static ft_err steps_next(ft_plan *plan, int64_t limit, int64_t *at) {
    ft_err err;
    if (plan->candidate <= plan->at) {
        err = ahead_to(plan, plan->at == INT64_MIN ? 0 : plan->at + 1);
        if (err != FT_OK) return err;
        plan->candidate = plan->ahead;
    }
    if (plan->candidate >= limit) {
        if (limit != FT_LIMIT_UNKNOWN) return FT_ENOTFOUND;
        err = ahead_to(plan, plan->candidate + 1);
        if (err != FT_OK) return err;
    }
    *at = plan->candidate;
    return FT_OK;
}

/* Window ends are multiples of `every`; the next is the first after plan->at whose window holds a
 * record. */
static ft_err window_next(ft_plan *plan, int64_t limit, int64_t *at, int64_t *from) {
    int64_t every = plan->row.spec.every_us, width = plan->row.spec.window_us;
    int64_t end = plan->at == INT64_MIN ? INT64_MIN : floor_to(plan->at, every) + every;
    for (;;) {
        if (end >= limit) return FT_ENOTFOUND; /* too early to look */
        ft_err err = ahead_to(plan, end == INT64_MIN ? 0 : end - width);
        if (err != FT_OK) return err;
        int64_t holds = floor_to(plan->ahead, every) + every; /* the first end after the record */
        if (end == INT64_MIN || holds > end) end = holds;
        if (end >= limit) return FT_ENOTFOUND;
        if (plan->ahead >= end - width) break; /* else it fell between two windows */
    }
    *at = end;
    *from = end - width;
    return FT_OK;
}

ft_err ft_plan_next(ft_plan *plan, int64_t limit, int64_t *at, int64_t *from) {
    *from = 0;
    switch (plan->points) {
    case FT_POINTS_TRIAL:
        return trial_next(plan, limit, at);
    case FT_POINTS_STEPS:
        return steps_next(plan, limit, at);
    case FT_POINTS_WINDOWS:
        return window_next(plan, limit, at, from);
    }
    return FT_ENOTFOUND;
}

ft_err ft_plan_evaluate(ft_plan *plan, int64_t at, int64_t from, ft_arena *arena, ft_verdict *out) {
    ft_rule_input in = { .at = at,
                         .from = from,
                         .store = plan->shared->store,
                         .kind = plan->kind,
                         .key = plan->row.spec.stream_key,
                         .arena = arena };
    if (plan->points == FT_POINTS_TRIAL) {
        in.trial = plan->shared->trials[plan->trial].trial;
        ft_trial_horizon(in.trial, at);
    }
    if (plan->rule->reads == FT_READS_SQL) {
        bool by_time = plan->points == FT_POINTS_WINDOWS;
        ft_str key;
        FT_TRY(ft_arena_str(&key, arena, in.key));
        FT_TRY(shared_sql(&in.sql, plan->shared));
        ft_sql_horizon(in.sql, by_time ? FT_ORDER_TIME : FT_ORDER_STEP, by_time ? at : at + 1,
                       key.at);
    }
    *out = (ft_verdict){ 0 };
    FT_TRY(plan->rule->evaluate(plan->state, plan->params, &in, out));
    out->at = at;
    return FT_OK;
}

ft_err ft_plan_point_text(ft_str *out, const ft_plan *plan, int64_t at, ft_arena *arena) {
    char time[FT_TIME_TEXT];
    if (plan->points != FT_POINTS_WINDOWS)
        return ft_arena_printf(out, arena, "step %lld", (long long)at);
    return ft_arena_printf(out, arena, "%s", ft_time_iso(time, at, false));
}
