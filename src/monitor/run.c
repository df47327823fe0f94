/* run.c -- one look at a window of traffic; see monitor.h: the window is measured (run_window.c),
 * recorded (run_drift.c), judged by the rules, and told in files (run_report.c). */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "monitor/run_in.h"
#include "store/lineage.h"
#include "store/objects.h"
#include "watch/outbox.h"

#define CONSTRAINT_RULE "BaselineConstraints"

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
    FT_TRY(ft_arena_grow(&r->verdicts, &r->verdict_room, r->arena, r->verdict_count));
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

/* The same end of a window, told to the same place, is the same alert however often it is run: a
 * UUID of its own making (RFC 9562, version 8). */
static ft_err alert_uuid(ft_str *out, ft_run *r) {
    ft_str name;
    char sha[FT_SHA256_HEX];
    FT_TRY(ft_arena_printf(&name, r->arena, CONSTRAINT_RULE "\n%.*s\n%lld\n%.*s",
                           FT_STR_ARG(r->endpoint), (long long)r->until, FT_STR_ARG(r->uri)));
    FT_TRY(ft_sha256_hex(sha, name));
    return ft_arena_printf(out, r->arena, "%.8s-%.4s-8%.3s-8%.3s-%.12s", sha, sha + 8, sha + 12,
                           sha + 15, sha + 18);
}

/* Its lineage goes over a verdict of its own, which names the constraints by their content. */
static ft_err alert_raise(ft_run *r, ft_str text, ft_str key, ft_str constraints) {
    ft_str subject, verdict, rule, alert_node, parent, uuid;
    char sha[FT_SHA256_HEX];
    ft_alert alert;
    FT_TRY(ft_sha256_hex(sha, constraints));
    FT_TRY(alert_uuid(&uuid, r));
    FT_TRY(ft_subject(&subject, r->arena, FT_SUBJECT_ENDPOINT, r->endpoint));
    FT_TRY(ft_lineage_id_rule(&rule, r->arena, CONSTRAINT_RULE, sha));
    FT_TRY(ft_lineage_id(&verdict, r->arena, FT_LINEAGE_VERDICT, r->uri));
    FT_TRY(ft_alert_raise(&alert, r->s, r->arena,
                          &(ft_alert){ .uuid = uuid,
                                       .subject = subject,
                                       .rule = FT_STR(CONSTRAINT_RULE),
                                       .text = text,
                                       .evidence_json = FT_STR("{}") }));
    FT_TRY(ft_lineage_id_number(&alert_node, r->arena, FT_LINEAGE_ALERT, alert.id));
    FT_TRY(ft_lineage_node(r->s, rule, key));
    FT_TRY(ft_lineage_node(r->s, verdict, text));
    FT_TRY(ft_lineage_edge(r->s, alert_node, verdict));
    FT_TRY(ft_lineage_edge(r->s, verdict, rule));
    for (size_t i = 0; i < r->segment_count; i++) {
        FT_TRY(ft_lineage_id(&parent, r->arena, FT_LINEAGE_CAPTURE, r->segments[i]));
        FT_TRY(ft_lineage_edge(r->s, verdict, parent));
    }
    return FT_OK;
}

/* Constraints that no rule saw are an alert too, which is never there without where it came from.
 */
static ft_err alert_constraints(ft_run *r) {
    ft_db *db = ft_store_db(r->s);
    ft_str text, key, constraints;
    FT_TRY(ft_arena_printf(&text, r->arena,
                           "%zu constraints of the baseline are violated; %.*s: %.*s",
                           r->violations.count, FT_STR_ARG(r->violations.at[0].feature),
                           FT_STR_ARG(r->violations.at[0].description)));
    FT_TRY(constraints_text(&constraints, &key, r));
    FT_TRY(ft_db_begin(db));
    ft_err err = alert_raise(r, text, key, constraints);
    if (err == FT_OK) return ft_db_commit(db);
    ft_db_rollback(db);
    if (err == FT_EEXIST) ft_err_clear(), err = FT_OK; /* a run before told it, lineage and all */
    return err;
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

const char *const ft_violations_files[] = { "constraint_violations.json",
                                            "constraints_violations.json" };

static ft_err write_files(ft_run *r) {
    ft_buf text = { 0 };
    ft_err err;
    FT_GOTO(err, ft_statistics_write(&text, r->window.stats));
    FT_GOTO(err, put(r, "statistics.json", &text, "application/json"));
    ft_buf_reset(&text);
    FT_GOTO(err, ft_violations_write(&text, r->violations.at, r->violations.count));
    for (int i = 0; i < 2; i++)
        FT_GOTO(err, put(r, ft_violations_files[i], &text, "application/json"));
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

static ft_err nothing(const ft_run *r) {
    char from[FT_TIME_TEXT], until[FT_TIME_TEXT];
    return FT_FAIL(FT_ENOTFOUND, "no captured requests of endpoint '%.*s' between %s and %s",
                   FT_STR_ARG(r->endpoint), ft_time_iso(from, r->from, false),
                   ft_time_iso(until, r->until, false));
}

static ft_err run_all(ft_monitor_result *out, ft_run *r, const ft_watch_hooks *hooks) {
    ft_str subject;
    FT_TRY(ft_baseline_load_from(&r->baseline, r->s, r->arena, r->endpoint, r->ask->statistics_uri,
                                 r->ask->constraints_uri));
    FT_TRY(ft_run_label_drop(r));
    FT_TRY(ft_run_window_begin(r));
    FT_TRY(ft_run_window_read(r));
    if (!r->records) return out->no_records = true, nothing(r);
    FT_TRY(ft_run_window_measure(r));
    FT_TRY(name_files(r));
    FT_TRY(ft_run_drift(r));
    FT_TRY(ft_window_check(&r->violations, &r->window, r->baseline.stats, r->baseline.constraints));
    FT_TRY(ft_subject(&subject, r->arena, FT_SUBJECT_ENDPOINT, r->endpoint));
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
