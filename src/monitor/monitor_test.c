/* monitor_test.c -- the whole of it: a baseline, clean traffic, shifted traffic, rubbish; files,
 * drift, verdicts, alerts and where they came from. */
#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "monitor/capture.h"
#include "monitor/check.h"
#include "monitor/monitor.h"
#include "monitor/shared_test.h"
#include "store/lineage.h"
#include "store/objects.h"
#include "watch/outbox.h"

static const ft_stream_kind *const kinds[] = { &ft_kind_capture, &ft_kind_drift, NULL };
static const ft_rule *const rules[] = { &ft_rule_class_share, &ft_rule_population_stability, NULL };
static ft_arena arena;

/* ---- a model of three classes over (a, b, colour): the class is a's third */

static size_t three(const ft_model *m) {
    (void)m;
    return 3;
}
static void describe(const ft_model *m, ft_json_out *w) {
    (void)m;
    ft_json_out_name(w, "objective");
    ft_json_out_text(w, "multi:softprob");
}
static ft_err predict_rows(const ft_model *m, float *out, const float *rows, size_t count) {
    (void)m;
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++) {
            float a = rows[3 * i];
            int class = a < -0.43f ? 0 : a < 0.43f ? 1 : 2;
            out[3 * i + (size_t)c] = c == class ? 0.8f : 0.1f;
        }
    return FT_OK;
}
static const ft_predictor predictor = { .name = "thirds",
                                        .describe = describe,
                                        .predict_rows = predict_rows,
                                        .input_cols = three,
                                        .output_cols = three };
static const ft_model model = { &predictor };

static const char *const colours[] = { "red", "green", "blue" };

/* A row's text and its class; `shift` moves a. */
static int row_text(char *out, size_t size, ft_random *r, double shift) {
    float row[3], scores[3];
    row[0] = (float)(ft_random_normal(r) + shift);
    double b = ft_random_unit(r);
    const char *colour = colours[ft_random_below(r, 3)];
    if (ft_random_below(r, 10) == 0)
        snprintf(out, size, "%.9g,,%s", (double)row[0], colour);
    else
        snprintf(out, size, "%.9g,%.9g,%s", (double)row[0], b, colour);
    EXPECT_OK(predict_rows(&model, scores, row, 1));
    return scores[0] > 0.5f ? 0 : scores[1] > 0.5f ? 1 : 2;
}

static ft_table *table(size_t rows) {
    ft_buf text = { 0 };
    ft_random r;
    ft_table *t;
    char row[128];
    ft_random_seed(&r, 1);
    ft_buf_add(&text, FT_STR("a,b,colour\n"));
    for (size_t i = 0; i < rows; i++) {
        row_text(row, sizeof row, &r, 0);
        ft_buf_printf(&text, "%s\n", row);
    }
    EXPECT_OK(text.err);
    EXPECT_OK(ft_table_read_bytes(&t, ft_buf_str(&text), FT_STR("train.csv"),
                                  &(ft_table_opts){ .label = FT_STR("none"), .header = 1 }));
    ft_buf_fini(&text);
    return t;
}

#define T0 ((int64_t)1644859549 * FT_SECOND_US) /* 2022-02-14T17:25:49Z */

/* `n` captured requests, one a millisecond from `at` on. */
static void traffic(ft_store *s, int64_t at, int n, double shift) {
    ft_capture *c;
    ft_random r;
    char row[128], answer[64], id[FT_UUID_TEXT];
    ft_random_seed(&r, (uint64_t)at);
    EXPECT_OK(ft_capture_open(&c, s, FT_STR("e"), NULL));
    for (int i = 0; i < n; i++) {
        int class = row_text(row, sizeof row, &r, shift);
        snprintf(answer, sizeof answer, "%g,%g,%g", class == 0 ? 0.8 : 0.1, class == 1 ? 0.8 : 0.1,
                 class == 2 ? 0.8 : 0.1);
        ft_payload in = { FT_STR("text/csv"), ft_str_of(row) },
                   out = { FT_STR("text/csv"), ft_str_of(answer) };
        ft_capture_id(id, at + i * 1000, &r);
        EXPECT_OK(ft_capture_add(c, ft_str_of(id), at + i * 1000, &in, &out, (ft_str){ 0 },
                                 (ft_str){ 0 }));
    }
    ft_str segment, node;
    EXPECT_OK(ft_arena_str(&segment, &arena, ft_capture_segment(c)));
    EXPECT_OK(ft_arena_printf(&node, &arena, "capture:%s", segment.at));
    EXPECT_OK(ft_lineage_edge(s, node, FT_STR("endpoint:e@1"))); /* the server's work */
    EXPECT_OK(ft_capture_close(c));
}

static ft_store *fresh(void) {
    static int count;
    char home[300];
    ft_store *s;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    EXPECT_OK(ft_store_open(&s, home));
    ft_streams_use(kinds);
    ft_rules_use(rules);
    EXPECT_OK(ft_lineage_edge(s, FT_STR("endpoint:e@1"), FT_STR("model:m")));
    EXPECT_OK(ft_lineage_edge(s, FT_STR("model:m"), FT_STR("job:j")));
    EXPECT_OK(ft_lineage_edge(s, FT_STR("job:j"), FT_STR("input:sha")));
    return s;
}

static ft_store *with_baseline(size_t rows) {
    ft_store *s = fresh();
    ft_table *t = table(rows);
    EXPECT_OK(ft_monitor_baseline(s, FT_STR("e"), t, &model));
    ft_table_free(t);
    return s;
}

static ft_err run(ft_monitor_result *out, ft_store *s, int64_t from, int64_t until) {
    return ft_monitor_run(out, s, &arena, FT_STR("e"), from, until, &(ft_watch_hooks){ 0 });
}

static ft_str file_of(ft_store *s, ft_str uri, const char *name) {
    ft_str text, whole;
    ft_uri u;
    EXPECT_OK(ft_arena_printf(&whole, &arena, "%.*s/%s", FT_STR_ARG(uri), name));
    EXPECT_OK(ft_uri_parse(&u, whole));
    EXPECT_OK(ft_object_get(&text, s, &arena, u.bucket, u.key, (size_t)1 << 26));
    return text;
}

static size_t alerts(ft_store *s, ft_alert **list) {
    size_t count;
    EXPECT_OK(ft_alert_list(list, &count, s, &arena, 100));
    return count;
}

/* ---- */

static void test_baseline(void **state) {
    (void)state;
    ft_store *s = with_baseline(2000);
    ft_statistics *stats;
    ft_constraints *constraints;
    ft_watch_row *watches;
    size_t count;
    ft_str base = FT_STR("s3://fettle/monitor/e/baseline");
    EXPECT_OK(ft_statistics_read(&stats, file_of(s, base, "statistics.json"), "statistics.json"));
    EXPECT(stats->items == 2000 && stats->count == 4);
    EXPECT_STR("colour", stats->features[2].name);
    EXPECT(stats->features[2].is_text && stats->features[2].value_count == 3);
    EXPECT_STR(FT_MONITOR_PREDICTION, stats->features[3].name);
    EXPECT(stats->features[3].is_text && stats->features[3].value_count == 3);
    EXPECT(stats->features[1].missing > 100 && stats->features[1].missing < 300);
    EXPECT_OK(ft_constraints_read(&constraints, file_of(s, base, "constraints.json"),
                                  "constraints.json"));
    EXPECT(constraints->count == 4 && constraints->features[1].completeness < 0.92);
    EXPECT(strstr(file_of(s, base, "schema.json").at, "colour"));
    EXPECT_OK(ft_watch_list(&watches, &count, s, &arena, FT_STR("endpoint/e")));
    EXPECT(count == 2);
    for (size_t i = 0; i < count; i++) {
        EXPECT_STR("alert", watches[i].spec.actions);
        if (ft_str_is(watches[i].spec.rule, "ClassShare"))
            EXPECT(strstr(watches[i].spec.params_json.at,
                          "\"threshold_percent\":\"66\"")); /* a third has 33.3 and more */
    }
    EXPECT_OK(ft_monitor_rules(s, FT_STR("e"))); /* again: as they are */
    ft_statistics_free(stats);
    ft_constraints_free(constraints);
    ft_store_close(s);
}

static void test_bad_baselines(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_table *t;
    ft_monitor_result r;
    EXPECT_ERR(FT_ENOTFOUND, run(&r, s, 0, T0));
    EXPECT_WHY("`fettle monitor baseline e --data FILE`");
    EXPECT_OK(ft_table_read_bytes(&t, FT_STR("1,2\n3,4\n"), FT_STR("two.csv"),
                                  &(ft_table_opts){ .label = FT_STR("none"), .header = -1 }));
    EXPECT_ERR(FT_EINVAL, ft_monitor_baseline(s, FT_STR("e"), t, &model));
    EXPECT_WHY("two.csv has 2 features, the model takes 3");
    EXPECT_OK(ft_monitor_baseline(s, FT_STR("e"), t, NULL));
    ft_table_free(t);
    EXPECT_ERR(FT_ENOTFOUND, run(&r, s, T0, T0 + 1));
    EXPECT_WHY("no captured requests of endpoint 'e' between 2022-02-14T17:25:49Z");
    EXPECT_ERR(FT_EINVAL, run(&r, s, 5, 5));
    ft_store_close(s);
}

static double drift_of(ft_store *s, const char *feature, int column, int64_t at) {
    ft_cursor *c;
    ft_record r;
    double value = NAN;
    EXPECT_OK(ft_cursor_open(&c, s, &ft_kind_drift, &(ft_cursor_opts){ .key = FT_STR("e") }));
    while (ft_cursor_next(c, &r) == FT_OK)
        if (ft_str_is(r.values[FT_DRIFT_FEATURE].s, feature) && r.values[FT_DRIFT_TIME].i == at)
            value = ft_value_number(&r.values[column]);
    ft_cursor_close(c);
    return value;
}

static const char files_oracle[] =
    "import json, sys\n"
    "v, also, s = (json.load(open(f)) for f in sys.argv[1:4])\n"
    "assert v == also\n"
    "kinds = {'data_type_check', 'completeness_check', 'baseline_drift_check', "
    "'missing_column_check',\n"
    "         'extra_column_check', 'categorical_values_check'}\n"
    "for x in v['violations']:\n"
    "    assert set(x) == {'feature_name', 'constraint_check_type', 'description'} and "
    "x['constraint_check_type'] in kinds\n"
    "assert {x['feature_name'] for x in v['violations']} >= {'a', 'prediction'}\n"
    "assert s['dataset']['item_count'] == 400 and len(s['features']) == 4\n";

static void check_files(ft_store *s, ft_str uri) {
    static const char *const names[] = { "constraint_violations.json",
                                         "constraints_violations.json", "statistics.json" };
    char arguments[1000] = "", path[300];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", test_dir(), names[i]);
        EXPECT_OK(ft_file_write_atomic(path, file_of(s, uri, names[i]), false));
        strcat(strcat(arguments, path), " ");
    }
    python(files_oracle, arguments);
    ft_str page = file_of(s, uri, "report.html");
    EXPECT(strstr(page.at, "Traffic of e") && strstr(page.at, "PopulationStability") &&
           strstr(page.at, "<svg"));
    EXPECT(!strstr(page.at, "http://") || strstr(page.at, "www.w3.org"));
}

static void check_lineage(ft_store *s, int64_t alert) {
    ft_lineage_step *steps;
    size_t count;
    ft_str node;
    bool input = false, rule = false;
    EXPECT_OK(ft_arena_printf(&node, &arena, "alert:%lld", (long long)alert));
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, node));
    for (size_t i = 0; i < count; i++) {
        if (steps[i].missing)
            fail_msg("%s leads over %s to a missing %s", node.at, steps[i - 1].id.at,
                     steps[i].id.at);
        input = input || ft_str_is(steps[i].id, "input:sha");
        rule = rule || ft_str_starts(steps[i].id, FT_STR("rule:"));
    }
    EXPECT(input && rule);
}

static void test_clean_then_shifted(void **state) {
    (void)state;
    ft_store *s = with_baseline(2000);
    ft_monitor_result r;
    ft_alert *list;
    ft_monitor_row *rows;
    size_t count;
    int64_t clean = T0, shifted = T0 + 600 * FT_SECOND_US;
    traffic(s, clean, 400, 0);
    EXPECT_OK(run(&r, s, clean, clean + 500 * FT_SECOND_US));
    if (r.violation_count) fail_msg("clean traffic: %s", r.violations[0].description.at);
    EXPECT_STR("Completed", r.status);
    EXPECT(r.records == 400 && r.unreadable == 0 && alerts(s, &list) == 0);
    EXPECT(drift_of(s, "a", FT_DRIFT_PSI, clean + 500 * FT_SECOND_US - 1) < 0.1);
    EXPECT(drift_of(s, "b", FT_DRIFT_MISSING, clean + 500 * FT_SECOND_US - 1) > 0.05);
    EXPECT(fabs(drift_of(s, "prediction=1", FT_DRIFT_SHARE, clean + 500 * FT_SECOND_US - 1) -
                1 / 3.0) < 0.1);

    traffic(s, shifted, 400, 2.5);
    EXPECT_OK(run(&r, s, shifted, shifted + 500 * FT_SECOND_US));
    EXPECT_STR("CompletedWithViolations", r.status);
    EXPECT(r.records == 400 && r.violation_count >= 2);
    EXPECT(drift_of(s, "a", FT_DRIFT_PSI, shifted + 500 * FT_SECOND_US - 1) > 1);
    EXPECT(drift_of(s, "prediction", FT_DRIFT_PSI, shifted + 500 * FT_SECOND_US - 1) > 0.5);
    check_files(s, r.report_uri);
    EXPECT((count = alerts(s, &list)) == 2); /* both rules */
    for (size_t i = 0; i < count; i++) check_lineage(s, list[i].id);

    EXPECT_OK(
        run(&r, s, shifted, shifted + 500 * FT_SECOND_US)); /* the same again: no second alert */
    EXPECT(r.violation_count >= 2 && alerts(s, &list) == 2);
    EXPECT_OK(ft_monitor_list(&rows, &count, s, &arena, FT_STR("e"), 10));
    EXPECT(count == 3 && rows[2].violations == 0 && rows[0].violations > 0 &&
           rows[0].records == 400);
    EXPECT_STR("Completed", rows[2].status);
    ft_store_close(s);
}

static size_t drift_records(ft_store *s) {
    ft_cursor *c;
    ft_record r;
    size_t n = 0;
    EXPECT_OK(ft_cursor_open(&c, s, &ft_kind_drift, &(ft_cursor_opts){ .key = FT_STR("e") }));
    while (ft_cursor_next(c, &r) == FT_OK) n++;
    ft_cursor_close(c);
    return n;
}

/* Whatever a run tells, it tells once for a window; a later window is told anew. */
static void test_a_window_twice(void **state) {
    (void)state;
    ft_store *s = with_baseline(2000);
    ft_monitor_result r;
    ft_alert *list;
    int64_t until = T0 + 500 * FT_SECOND_US;
    EXPECT_OK(ft_watch_remove(s, FT_STR("endpoint/e"))); /* constraints alone */
    traffic(s, T0, 400, 2.5);
    EXPECT_OK(run(&r, s, T0, until));
    size_t records = drift_records(s);
    EXPECT(r.violation_count > 0 && records >= 5 && alerts(s, &list) == 1);
    EXPECT(list[0].uuid.len == 36 && list[0].uuid.at[14] == '8');
    check_lineage(s, list[0].id);
    EXPECT_OK(run(&r, s, T0, until));
    EXPECT(r.violation_count > 0 && drift_records(s) == records && alerts(s, &list) == 1);
    EXPECT_OK(run(&r, s, T0, until + FT_SECOND_US));
    EXPECT(drift_records(s) == 2 * records && alerts(s, &list) == 2);
    ft_store_close(s);
}

/* A constraint that no rule looks at raises an alert of its own, which leads back to the requests.
 */
static void test_constraint_alone(void **state) {
    (void)state;
    ft_store *s = with_baseline(2000);
    ft_monitor_result r;
    ft_alert *list;
    ft_capture *c;
    traffic(s, T0, 400, 0);
    EXPECT_OK(ft_capture_open(&c, s, FT_STR("e"), NULL));
    ft_payload out = { FT_STR("text/csv"), FT_STR("0.1,0.8,0.1") };
    ft_payload in = { FT_STR("text/csv"), FT_STR("0.1,0.5,violet\n0.2,0.5,red,9\n0.3\n") };
    EXPECT_OK(
        ft_capture_add(c, FT_STR("x"), T0 + FT_SECOND_US, &in, &out, (ft_str){ 0 }, (ft_str){ 0 }));
    ft_payload rubbish = { FT_STR("application/json"), FT_STR("{\"no\":1}") };
    EXPECT_OK(ft_capture_add(c, FT_STR("y"), T0 + FT_SECOND_US, &rubbish, &out, (ft_str){ 0 },
                             (ft_str){ 0 }));
    EXPECT_OK(ft_capture_close(c));
    EXPECT_OK(run(&r, s, T0, T0 + 2 * FT_SECOND_US));
    EXPECT(r.records == 402 && r.unreadable == 1);
    bool found[4] = { false };
    static const char *const checks[] = { "categorical_values_check", "missing_column_check",
                                          "extra_column_check", "completeness_check" };
    for (size_t i = 0; i < r.violation_count; i++)
        for (size_t k = 0; k < 4; k++)
            found[k] = found[k] || ft_str_is(r.violations[i].check, checks[k]);
    for (size_t k = 0; k < 4; k++)
        if (!found[k]) fail_msg("no %s", checks[k]);
    EXPECT(alerts(s, &list) == 1);
    EXPECT_STR("BaselineConstraints", list[0].rule);
    ft_lineage_step *steps;
    size_t count;
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("alert:1")));
    EXPECT(count > 4);
    ft_store_close(s);
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = with_baseline(60);
    ft_monitor_result r;
    size_t rounds = 0, whole = 0;
    int removed;
    traffic(s, T0, 30, 3);
    EACH_FAULT {
        int64_t until = T0 + FT_SECOND_US + (int64_t)rounds;
        ft_err err = run(&r, s, T0, until);
        ft_fault_off();
        if (err == FT_OK) {
            whole++;
            EXPECT(r.records == 30 && file_of(s, r.report_uri, "report.html").len > 1000);
        }
        rounds++;
        EXPECT_OK(ft_stream_retain(s, &ft_kind_drift, FT_STR("e"), INT64_MAX, &removed));
        ft_arena_reset(&arena);
    }
    print_message("# %zu rounds\n", rounds);
    EXPECT(rounds > 20 && whole > 0);
    ft_table *t = table(60);
    EACH_FAULT {
        ft_err err = ft_monitor_baseline(s, FT_STR("e"), t, &model);
        ft_fault_off();
        EXPECT(err != FT_OK || run(&r, s, T0, T0 + 9 * FT_SECOND_US) == FT_OK);
        ft_arena_reset(&arena);
    }
    ft_table_free(t);
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_baseline), cmocka_unit_test(test_bad_baselines),
          cmocka_unit_test(test_clean_then_shifted), cmocka_unit_test(test_a_window_twice),
          cmocka_unit_test(test_constraint_alone), cmocka_unit_test(test_faults))
