/* run.c -- one look at a window of traffic; see monitor.h. Reads every captured line once, a row at
 * a time; what is kept of it are the statistics. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "monitor/capture.h"
#include "monitor/pictures.h"
#include "monitor/run_in.h"
#include "monitor/traffic.h"
#include "store/lineage.h"
#include "store/objects.h"
#include "streams/format.h"
#include "watch/outbox.h"

#define SEGMENTS_MAX    1000 /* that lineage names */
#define CONSTRAINT_RULE "BaselineConstraints"

/* ---- the stream of drift */

static const ft_column drift_columns[] = {
    [FT_DRIFT_TIME] = { "time_us", FT_VALUE_INT, "last microsecond of the window, since 1970" },
    [FT_DRIFT_FEATURE] = { "feature", FT_VALUE_TEXT,
                           "its name; \"prediction\": the answer; \"prediction=3\": a class" },
    [FT_DRIFT_PSI] = { "psi", FT_VALUE_F64, "population stability index against the baseline" },
    [FT_DRIFT_NOISE] = { "noise", FT_VALUE_F64, "the index from which on it is significant" },
    [FT_DRIFT_MISSING] = { "missing_share", FT_VALUE_F64, "share of missing values" },
    [FT_DRIFT_MEAN] = { "mean", FT_VALUE_F64, "mean of the numbers" },
    [FT_DRIFT_SHARE] = { "share", FT_VALUE_F64, "of the class among the answers" },
    [FT_DRIFT_RECORDS] = { "records", FT_VALUE_INT, "rows in the window" },
    { 0 }
};

const ft_stream_kind ft_kind_drift = {
    .name = "drift",
    .key = "endpoint",
    .doc = "how far traffic lies from the baseline, a record a feature for each monitor run",
    .columns = drift_columns,
    .order_column = FT_DRIFT_TIME,
    .format = &ft_format_rows,
};

/* ---- values of the window */

static ft_err flush(ft_run *r, size_t feature) {
    size_t n = r->filled[feature];
    r->filled[feature] = 0;
    return ft_stat_add(r->window.stats, &r->window.stats->features[feature],
                       &r->block[feature * FT_RUN_BLOCK], n);
}

static ft_err add_number(ft_run *r, size_t feature, float v) {
    r->block[feature * FT_RUN_BLOCK + r->filled[feature]++] = v;
    return r->filled[feature] == FT_RUN_BLOCK ? flush(r, feature) : FT_OK;
}

static ft_err add_cell(ft_run *r, size_t feature, ft_str cell) {
    ft_stat *f = &r->window.stats->features[feature];
    float v = NAN;
    if (f->is_text) return ft_stat_add_text(r->window.stats, f, cell, 1);
    if (cell.at && (!ft_str_f32(&v, cell) || isinf(v))) {
        f->bad++;
        return FT_OK;
    }
    return add_number(r, feature, v);
}

static ft_err add_row(void *ctx, const ft_str *cells, size_t count) {
    ft_run *r = ctx;
    ft_window *w = &r->window;
    if (count < w->inputs && (!w->short_rows++ || count < w->shortest)) w->shortest = count;
    if (count > w->inputs && (!w->long_rows++ || count > w->longest)) w->longest = count;
    w->stats->items++;
    for (size_t i = 0; i < w->inputs; i++)
        FT_TRY(add_cell(r, i, i < count ? cells[i] : (ft_str){ 0 }));
    return FT_OK;
}

static ft_err add_answer(ft_run *r, const ft_answer *a) {
    size_t feature = r->window.inputs;
    ft_stat *f = &r->window.stats->features[feature];
    char text[16];
    if (!f->is_text) return add_number(r, feature, (float)a->prediction);
    int class = ft_answer_class(r->baseline.answers, a);
    int len = class < 0 ? 0 : snprintf(text, sizeof text, "%d", class);
    return ft_stat_add_text(r->window.stats, f, len ? ft_str_n(text, (size_t)len) : (ft_str){ 0 },
                            1);
}

static ft_err payload_of(ft_payload *out, ft_run *r, const ft_value *v, int type, int data,
                         int encoding) {
    out->content_type = v[type].type == FT_VALUE_TEXT ? v[type].s : (ft_str){ 0 };
    if (v[data].type != FT_VALUE_TEXT) return FT_FAIL(FT_EPARSE, "a captured line without data");
    ft_str how = v[encoding].type == FT_VALUE_TEXT ? v[encoding].s : FT_STR("");
    return ft_capture_bytes(&out->bytes, &r->once, v[data].s, how);
}

/* A picture is one row of its measures. */
static ft_err add_picture(ft_run *r, const ft_payload *in, const ft_answer *answer) {
    float row[FT_PICTURE_FEATURES];
    ft_str cells[FT_PICTURE_FEATURES] = { 0 };
    FT_TRY(ft_picture_row(row, in, answer));
    for (size_t i = 0; i < FT_PICTURE_FEATURES; i++)
        if (!isnan(row[i])) FT_TRY(ft_arena_printf(&cells[i], &r->once, "%.9g", (double)row[i]));
    FT_TRY(add_row(r, cells, FT_PICTURE_FEATURES));
    return r->window.inputs < r->window.stats->count ? add_answer(r, answer) : FT_OK;
}

/* One captured pair. FT_EPARSE, FT_EMEDIA … when it is no rows. */
static ft_err add_record(ft_run *r, const ft_value *v) {
    ft_payload in, out;
    ft_answer *answers;
    size_t count;
    FT_TRY(payload_of(&in, r, v, FT_CAPTURE_INPUT_TYPE, FT_CAPTURE_INPUT, FT_CAPTURE_ENCODING_IN));
    if (ft_is_picture(&in)) {
        FT_TRY(payload_of(&out, r, v, FT_CAPTURE_OUTPUT_TYPE, FT_CAPTURE_OUTPUT,
                          FT_CAPTURE_ENCODING_OUT));
        FT_TRY(ft_answer_rows(&answers, &count, &out, &r->once));
        if (count != 1) return FT_FAIL(FT_EPARSE, "a picture with %zu answers", count);
        return add_picture(r, &in, &answers[0]);
    }
    FT_TRY(ft_traffic_read(&in, r->baseline.schema, &r->once, add_row, r));
    if (r->window.inputs == r->window.stats->count)
        return FT_OK; /* a baseline without predictions */
    FT_TRY(
        payload_of(&out, r, v, FT_CAPTURE_OUTPUT_TYPE, FT_CAPTURE_OUTPUT, FT_CAPTURE_ENCODING_OUT));
    FT_TRY(ft_answer_rows(&answers, &count, &out, &r->once));
    for (size_t i = 0; i < count; i++) FT_TRY(add_answer(r, &answers[i]));
    return FT_OK;
}

/* ---- the window */

static ft_err note_segment(ft_run *r, ft_str uri) {
    for (size_t i = r->segment_count; i-- > 0;)
        if (ft_str_eq(r->segments[i], uri)) return FT_OK;
    if (r->segment_count == SEGMENTS_MAX) return FT_OK;
    if (r->segment_count == r->segment_room) {
        ft_str *more;
        r->segment_room = r->segment_room ? 2 * r->segment_room : 8;
        FT_TRY(ft_arena_items(&more, r->arena, r->segment_room));
        if (r->segment_count) memcpy(more, r->segments, r->segment_count * sizeof *more);
        r->segments = more;
    }
    return ft_arena_str(&r->segments[r->segment_count++], r->arena, uri);
}

static bool is_unreadable(ft_err err) {
    return err == FT_EPARSE || err == FT_EMEDIA || err == FT_EINVAL || err == FT_ETOOBIG ||
           err == FT_ECORRUPT;
}

static ft_err read_window(ft_run *r) {
    ft_cursor *c;
    ft_record record;
    ft_err err;
    ft_cursor_opts opts = { .key = r->endpoint, .from = r->from, .until = r->until };
    static const int wanted[] = { FT_CAPTURE_TIME,        FT_CAPTURE_INPUT_TYPE,
                                  FT_CAPTURE_INPUT,       FT_CAPTURE_OUTPUT_TYPE,
                                  FT_CAPTURE_OUTPUT,      FT_CAPTURE_ENCODING_IN,
                                  FT_CAPTURE_ENCODING_OUT };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) opts.wanted |= 1ull << wanted[i];
    FT_TRY(ft_cursor_open(&c, r->s, &ft_kind_capture, &opts));
    while ((err = ft_cursor_next(c, &record)) == FT_OK) {
        ft_arena_reset(&r->once);
        r->records++;
        if ((err = note_segment(r, record.segment))) break;
        err = add_record(r, record.values);
        if (err && !is_unreadable(err)) break;
        if (err) r->unreadable++, ft_err_clear();
    }
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err window_begin(ft_run *r) {
    const ft_statistics *b = r->baseline.stats;
    FT_TRY(ft_statistics_new(&r->window.stats, b->count));
    for (size_t i = 0; i < b->count; i++) {
        r->window.stats->features[i].name = b->features[i].name;
        r->window.stats->features[i].is_text = b->features[i].is_text;
    }
    r->window.inputs = r->baseline.inputs;
    FT_TRY(ft_arena_items(&r->block, r->arena, b->count * FT_RUN_BLOCK + 1));
    FT_TRY(ft_arena_items(&r->filled, r->arena, b->count + 1));
    return ft_arena_items(&r->shifts, r->arena, b->count + 1);
}

static ft_err nothing(const ft_run *r) {
    char from[FT_TIME_TEXT], until[FT_TIME_TEXT];
    return FT_FAIL(FT_ENOTFOUND, "no captured requests of endpoint '%.*s' between %s and %s",
                   FT_STR_ARG(r->endpoint), ft_time_iso(from, r->from, false),
                   ft_time_iso(until, r->until, false));
}

static ft_err measure(ft_run *r) {
    ft_statistics *w = r->window.stats;
    for (size_t i = 0; i < w->count; i++) {
        if (r->filled[i]) FT_TRY(flush(r, i));
        ft_arena_reset(&r->once);
        FT_TRY(ft_shift_measure(&r->shifts[i], &r->once, &r->baseline.stats->features[i],
                                &w->features[i], w->count, r->baseline.constraints->robust));
    }
    r->window.shifts = r->shifts;
    return FT_OK;
}

/* ---- drift as records */

static ft_value number(double v) { return isnan(v) ? (ft_value){ 0 } : ft_value_f64(v); }

static void drift_values(ft_value v[FT_DRIFT_COLUMNS], const ft_run *r, size_t i) {
    const ft_stat *f = &r->window.stats->features[i];
    uint64_t all = f->present + f->missing + f->bad;
    memset(v, 0, FT_DRIFT_COLUMNS * sizeof *v);
    v[FT_DRIFT_TIME] = ft_value_int(r->until - 1);
    v[FT_DRIFT_FEATURE] = ft_value_text(f->name);
    v[FT_DRIFT_PSI] = number(r->shifts[i].psi);
    v[FT_DRIFT_NOISE] = number(r->shifts[i].noise);
    v[FT_DRIFT_MISSING] = number(all ? (double)f->missing / (double)all : NAN);
    if (!f->is_text && f->present) v[FT_DRIFT_MEAN] = number(f->moments.mean);
    v[FT_DRIFT_RECORDS] = ft_value_int((int64_t)all);
}

static ft_err append_classes(ft_stream_writer *w, const ft_run *r, size_t i) {
    const ft_stat *f = &r->window.stats->features[i];
    ft_arena arena = FT_ARENA_INIT(0);
    ft_value v[FT_DRIFT_COLUMNS];
    ft_err err = FT_OK;
    for (size_t c = 0; c < f->value_count && err == FT_OK; c++) {
        ft_str name;
        FT_GOTO(err, ft_arena_printf(&name, &arena, "%.*s=%.*s", FT_STR_ARG(f->name),
                                     FT_STR_ARG(f->values[c].value)));
        drift_values(v, r, i);
        v[FT_DRIFT_FEATURE] = ft_value_text(name);
        v[FT_DRIFT_PSI] = v[FT_DRIFT_NOISE] = (ft_value){ 0 };
        v[FT_DRIFT_SHARE] = number((double)f->values[c].count / (double)f->present);
        err = ft_stream_append(w, v);
    }
done:
    ft_arena_fini(&arena);
    return err;
}

/* The endpoint's versions that a capture segment is of. */
static ft_err note_endpoints(ft_run *r, ft_str node, ft_str capture) {
    ft_lineage_step *steps;
    size_t count;
    ft_err err = ft_lineage_walk(&steps, &count, r->s, r->arena, capture);
    if (err == FT_ENOTFOUND) return ft_err_clear(), FT_OK; /* lines that another system wrote */
    FT_TRY(err);
    for (size_t i = 0; i < count; i++)
        if (steps[i].depth == 1 && !steps[i].missing &&
            ft_str_starts(steps[i].id, FT_STR("endpoint:")))
            FT_TRY(ft_lineage_edge(r->s, node, steps[i].id));
    return FT_OK;
}

/* capture:<drift segment> -> capture:<segments that were read>, endpoint:<version>: a verdict on
 * drift leads to the requests. */
static ft_err note_lineage(ft_run *r, ft_str segment) {
    ft_str node, parent, note;
    FT_TRY(ft_arena_printf(&node, r->arena, "capture:%.*s", FT_STR_ARG(segment)));
    FT_TRY(ft_arena_printf(&note, r->arena, "drift of endpoint %.*s, measured on %llu requests",
                           FT_STR_ARG(r->endpoint), (unsigned long long)r->records));
    FT_TRY(ft_lineage_node(r->s, node, note));
    for (size_t i = 0; i < r->segment_count; i++) {
        FT_TRY(ft_arena_printf(&parent, r->arena, "capture:%.*s", FT_STR_ARG(r->segments[i])));
        FT_TRY(ft_lineage_edge(r->s, node, parent));
        FT_TRY(note_endpoints(r, node, parent));
    }
    return FT_OK;
}

static ft_err append_drift(ft_run *r) {
    ft_stream_writer *w;
    ft_value v[FT_DRIFT_COLUMNS];
    ft_err err;
    FT_TRY(ft_stream_write(&w, r->s, &ft_kind_drift, r->endpoint, NULL));
    for (size_t i = 0; i < r->window.stats->count; i++) {
        drift_values(v, r, i);
        FT_GOTO(err, ft_stream_append(w, v));
        if (i == r->window.inputs && r->window.stats->features[i].is_text)
            FT_GOTO(err, append_classes(w, r, i));
    }
    err = note_lineage(r, ft_stream_segment(w));
done:;
    ft_err closed = ft_stream_close(w);
    return err ? err : closed;
}

/* ---- the rules' verdicts */

static bool violated(const ft_run *r, ft_str feature) {
    for (size_t i = 0; i < r->violations.count; i++)
        if (ft_str_eq(r->violations.at[i].feature, feature)) return true;
    return false;
}

/* One of the evidence's features. */
static ft_err violation_named(ft_run *r, ft_json *j, ft_str rule) {
    ft_str name, feature = { 0 };
    double psi = NAN;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "feature"))
            FT_TRY(ft_json_string(j, &feature));
        else if (ft_str_is(name, "psi"))
            FT_TRY(ft_json_f64(j, &psi));
    }
    FT_TRY(j->err);
    if (!feature.len || violated(r, feature)) return FT_OK;
    return ft_violation_add(&r->violations, feature, "baseline_drift_check",
                            "Rule %.*s: population stability index %.4g", FT_STR_ARG(rule), psi);
}

/* A rule's issue as violations: of each feature that its evidence names and no constraint caught,
 * else of the answers. */
static ft_err violation_of(ft_run *r, const ft_run_verdict *v) {
    ft_str list;
    ft_json j;
    if (ft_json_find(&list, v->evidence_json, "features") != FT_OK || !list.len ||
        list.at[0] != '[') {
        ft_err_clear();
        return ft_violation_add(&r->violations, FT_STR(FT_MONITOR_PREDICTION),
                                "baseline_drift_check", "Rule %.*s: %.*s", FT_STR_ARG(v->rule),
                                FT_STR_ARG(v->reason));
    }
    ft_json_init(&j, list, r->arena, &(ft_json_opts){ .name = "evidence" });
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) FT_TRY(violation_named(r, &j, v->rule));
    return ft_json_end(&j);
}

static ft_err on_verdict(void *ctx, const ft_watch_row *watch, int64_t verdict_id,
                         const ft_verdict *v) {
    ft_run *r = ctx;
    (void)verdict_id;
    if (r->verdict_count == r->verdict_room) {
        ft_run_verdict *more;
        r->verdict_room = r->verdict_room ? 2 * r->verdict_room : 8;
        FT_TRY(ft_arena_items(&more, r->arena, r->verdict_room));
        if (r->verdict_count) memcpy(more, r->verdicts, r->verdict_count * sizeof *more);
        r->verdicts = more;
    }
    ft_run_verdict *to = &r->verdicts[r->verdict_count];
    to->outcome = v->outcome;
    FT_TRY(ft_arena_str(&to->rule, r->arena, watch->spec.name));
    FT_TRY(ft_arena_str(&to->reason, r->arena, v->reason));
    FT_TRY(ft_arena_str(&to->evidence_json, r->arena, v->evidence_json));
    r->verdict_count++;
    return v->outcome == FT_ISSUE ? violation_of(r, to) : FT_OK;
}

static bool any_issue(const ft_run *r) {
    for (size_t i = 0; i < r->verdict_count; i++)
        if (r->verdicts[i].outcome == FT_ISSUE) return true;
    return false;
}

/* The constraints in force, and where they are. */
static ft_err constraints_text(ft_str *out, ft_str *place, ft_run *r) {
    ft_buf text = { 0 };
    ft_uri uri = { .bucket = FT_STR(FT_BUCKET_DEFAULT) };
    ft_err err;
    if (r->ask->constraints_uri.len) {
        *place = r->ask->constraints_uri;
        FT_TRY(ft_uri_parse(&uri, *place));
    } else if (r->ask->statistics_uri.len) { /* suggested by these: stored nowhere */
        *place = r->ask->statistics_uri;
        FT_GOTO(err, ft_constraints_write(&text, r->baseline.constraints));
        FT_GOTO(err, text.err);
        err = ft_arena_str(out, r->arena, ft_buf_str(&text));
        goto done;
    } else {
        FT_TRY(ft_baseline_key(place, r->arena, r->endpoint, "constraints.json"));
        uri.key = *place;
    }
    err = ft_object_get(out, r->s, r->arena, uri.bucket, uri.key, (size_t)1 << 30);
done:
    ft_buf_fini(&text);
    return err;
}

/* Constraints that no rule saw are an alert too; its lineage goes over a verdict of its own, which
 * names the constraints by their content. */
static ft_err alert_constraints(ft_run *r) {
    ft_str subject, text, key, constraints, verdict, rule, alert_node, parent;
    char sha[FT_SHA256_HEX];
    ft_alert alert;
    FT_TRY(ft_arena_printf(&subject, r->arena, "endpoint/%.*s", FT_STR_ARG(r->endpoint)));
    FT_TRY(ft_arena_printf(&text, r->arena,
                           "%zu constraints of the baseline are violated; %.*s: %.*s",
                           r->violations.count, FT_STR_ARG(r->violations.at[0].feature),
                           FT_STR_ARG(r->violations.at[0].description)));
    FT_TRY(constraints_text(&constraints, &key, r));
    FT_TRY(ft_sha256_hex(sha, constraints));
    FT_TRY(ft_arena_printf(&rule, r->arena, "rule:" CONSTRAINT_RULE "@%s", sha));
    FT_TRY(ft_arena_printf(&verdict, r->arena, "verdict:%.*s", FT_STR_ARG(r->uri)));
    FT_TRY(ft_lineage_node(r->s, rule, key));
    FT_TRY(ft_lineage_node(r->s, verdict, text));
    FT_TRY(ft_lineage_edge(r->s, verdict, rule));
    for (size_t i = 0; i < r->segment_count; i++) {
        FT_TRY(ft_arena_printf(&parent, r->arena, "capture:%.*s", FT_STR_ARG(r->segments[i])));
        FT_TRY(ft_lineage_edge(r->s, verdict, parent));
    }
    FT_TRY(ft_alert_raise(&alert, r->s, r->arena,
                          &(ft_alert){ .subject = subject,
                                       .rule = FT_STR(CONSTRAINT_RULE),
                                       .text = text,
                                       .evidence_json = FT_STR("{}") }));
    FT_TRY(ft_arena_printf(&alert_node, r->arena, "alert:%lld", (long long)alert.id));
    return ft_lineage_edge(r->s, alert_node, verdict);
}

/* ---- the files */

static ft_err put(ft_run *r, const char *name, const ft_buf *text, const char *type) {
    ft_str uri_text;
    ft_uri uri;
    FT_TRY(text->err);
    FT_TRY(ft_arena_printf(&uri_text, r->arena, "%.*s/%s", FT_STR_ARG(r->uri), name));
    FT_TRY(ft_uri_parse(&uri, uri_text));
    ft_object_put_opts opts = { .content_type = ft_str_of(type) };
    return ft_object_put(NULL, r->s, uri.bucket, uri.key, ft_buf_str(text), &opts);
}

static ft_err write_files(ft_run *r) {
    static const char *const names[] = { "constraint_violations.json",
                                         "constraints_violations.json" };
    ft_buf text = { 0 };
    ft_err err;
    FT_GOTO(err, ft_statistics_write(&text, r->window.stats));
    FT_GOTO(err, put(r, "statistics.json", &text, "application/json"));
    ft_buf_reset(&text);
    FT_GOTO(err, ft_violations_write(&text, r->violations.at, r->violations.count));
    for (int i = 0; i < 2; i++) FT_GOTO(err, put(r, names[i], &text, "application/json"));
    ft_buf_reset(&text);
    FT_GOTO(err, ft_run_report(&text, r));
    err = put(r, "report.html", &text, "text/html; charset=utf-8");
done:
    ft_buf_fini(&text);
    return err;
}

static ft_err name_files(ft_run *r) {
    ft_date d = ft_time_date(r->until);
    if (r->ask->output_uri.len) return ft_arena_str(&r->uri, r->arena, r->ask->output_uri);
    return ft_arena_printf(
        &r->uri, r->arena, "s3://" FT_BUCKET_DEFAULT "/monitor/%.*s/runs/%04d/%02d/%02d/%02d/%lld",
        FT_STR_ARG(r->endpoint), d.year, d.month, d.day, d.hour, (long long)r->until);
}

/* ---- all of it */

static ft_err finish(ft_monitor_result *out, ft_run *r) {
    bool issues = r->violations.count > 0;
    *out = (ft_monitor_result){ .records = r->records,
                                .unreadable = r->unreadable,
                                .violations = r->violations.at,
                                .violation_count = r->violations.count,
                                .report_uri = r->uri,
                                .status = issues ? FT_STR("CompletedWithViolations")
                                                 : FT_STR("Completed") };
    ft_monitor_row row = { .endpoint = r->endpoint,
                           .status = out->status,
                           .report_uri = r->uri,
                           .from_us = r->from,
                           .until_us = r->until,
                           .created_us = ft_clock_now_us(),
                           .records = (int64_t)r->records,
                           .violations = (int64_t)r->violations.count };
    return ft_monitor_store_row(r->s, &row, r->unreadable);
}

/* ---- a baseline whose first column is the label, as training files have it */

static ft_err count_cells(void *ctx, const ft_str *cells, size_t count) {
    FT_UNUSED(cells);
    *(size_t *)ctx = count;
    return FT_ECANCELED; /* one row is enough */
}

/* How many values the first captured request of the window has; 0: none can be read. */
static ft_err cells_of_first(size_t *out, ft_run *r) {
    ft_cursor *c;
    ft_record record;
    ft_payload in;
    ft_cursor_opts opts = { .key = r->endpoint, .from = r->from, .until = r->until };
    *out = 0;
    FT_TRY(ft_cursor_open(&c, r->s, &ft_kind_capture, &opts));
    ft_err err = ft_cursor_next(c, &record);
    if (err == FT_OK && payload_of(&in, r, record.values, FT_CAPTURE_INPUT_TYPE, FT_CAPTURE_INPUT,
                                   FT_CAPTURE_ENCODING_IN) == FT_OK)
        ft_traffic_read(&in, NULL, &r->once, count_cells, out);
    ft_err_clear();
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* Statistics of another place may describe a training file, label first: requests then have one
 * value less, and the label is compared with nothing. */
static ft_err label_drop(ft_run *r) {
    ft_statistics *stats = r->baseline.stats;
    ft_constraints *constraints = r->baseline.constraints;
    size_t cells;
    if (!r->ask->statistics_uri.len || stats->count < 2 || r->baseline.inputs < stats->count)
        return FT_OK;
    FT_TRY(cells_of_first(&cells, r));
    if (cells + 1 != stats->count) return FT_OK;
    for (size_t i = 0; i < constraints->count; i++)
        if (ft_str_eq(constraints->features[i].name, stats->features[0].name)) {
            memmove(&constraints->features[i], &constraints->features[i + 1],
                    (constraints->count - i - 1) * sizeof *constraints->features);
            constraints->count--;
            break;
        }
    ft_sketch_free(stats->features[0].sketch);
    stats->count--;
    memmove(&stats->features[0], &stats->features[1], stats->count * sizeof *stats->features);
    r->baseline.inputs = stats->count;
    return FT_OK;
}

static ft_err run_all(ft_monitor_result *out, ft_run *r, const ft_watch_hooks *hooks) {
    ft_str subject;
    FT_TRY(ft_baseline_load_from(&r->baseline, r->s, r->arena, r->endpoint, r->ask->statistics_uri,
                                 r->ask->constraints_uri));
    FT_TRY(label_drop(r));
    FT_TRY(window_begin(r));
    FT_TRY(read_window(r));
    if (!r->records) return out->no_records = true, nothing(r);
    FT_TRY(measure(r));
    FT_TRY(name_files(r));
    FT_TRY(append_drift(r));
    FT_TRY(ft_window_check(&r->violations, &r->window, r->baseline.stats, r->baseline.constraints));
    FT_TRY(ft_arena_printf(&subject, r->arena, "endpoint/%.*s", FT_STR_ARG(r->endpoint)));
    FT_TRY(ft_watch_evaluate(r->s, subject, r->from, r->until, hooks, on_verdict, r));
    if (r->violations.count && !any_issue(r)) FT_TRY(alert_constraints(r));
    FT_TRY(write_files(r));
    return finish(out, r);
}

ft_err ft_monitor_run(ft_monitor_result *out, ft_store *s, ft_arena *arena, ft_str endpoint,
                      int64_t from, int64_t until, const ft_watch_hooks *hooks) {
    return ft_monitor_run_as(
        out, s, arena, &(ft_monitor_ask){ .endpoint = endpoint, .from = from, .until = until },
        hooks);
}

ft_err ft_monitor_run_as(ft_monitor_result *out, ft_store *s, ft_arena *arena,
                         const ft_monitor_ask *ask, const ft_watch_hooks *hooks) {
    ft_run r = { .s = s,
                 .arena = arena,
                 .endpoint = ask->endpoint,
                 .from = ask->from,
                 .until = ask->until,
                 .ask = ask };
    *out = (ft_monitor_result){ 0 };
    if (ask->from >= ask->until) return FT_FAIL(FT_EINVAL, "the window ends before it begins");
    r.violations.arena = arena;
    ft_err err = run_all(out, &r, hooks);
    ft_statistics_free(r.window.stats);
    ft_baseline_free(&r.baseline);
    ft_arena_fini(&r.once);
    return err;
}
