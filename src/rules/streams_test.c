/* streams_test.c -- ClassShare and PopulationStability over windows of a stream. */
#include <math.h>

#include "base/check.h"
#include "rules/rule.h"
#include "streams/format.h"
#include "tests/test.h"

/* The columns that the rules look for, in a kind of the test's own. */
static const ft_column capture_columns[] = { { "time_us", FT_VALUE_INT, "" },
                                             { "prediction", FT_VALUE_F64, "" },
                                             { NULL, FT_VALUE_NULL, NULL } };
static const ft_stream_kind capture = {
    .name = "capture", .key = "endpoint", .columns = capture_columns, .format = &ft_format_rows
};
static const ft_column drift_columns[] = {
    { "time_us", FT_VALUE_INT, "" }, { "feature", FT_VALUE_TEXT, "" }, { "psi", FT_VALUE_F64, "" },
    { "noise", FT_VALUE_F64, "" },   { "records", FT_VALUE_INT, "" },  { NULL, FT_VALUE_NULL, NULL }
};
static const ft_stream_kind drift = {
    .name = "drift", .key = "endpoint", .columns = drift_columns, .format = &ft_format_rows
};
static const ft_stream_kind *const kinds[] = { &capture, &drift, NULL };
static const ft_rule *const rules[] = { &ft_rule_class_share, &ft_rule_population_stability, NULL };

static ft_arena arena = FT_ARENA_INIT(0);

static ft_store *fresh_store(void) {
    static int n;
    ft_store *s;
    ft_str home;
    ft_streams_use(kinds);
    ft_rules_use(rules);
    EXPECT_OK(ft_arena_printf(&home, &arena, "%s/home-%d", test_dir(), n++));
    EXPECT_OK(ft_store_open(&s, home.at));
    return s;
}

static ft_err judge(ft_verdict *out, ft_store *s, const ft_rule *rule, const ft_stream_kind *kind,
                    const char *params, int64_t from, int64_t at) {
    ft_params *p;
    FT_TRY(ft_params_new(&p, &arena, rule->params));
    for (ft_str rest = ft_str_of(params); rest.at && rest.len;) {
        ft_str value = ft_str_cut(&rest, ';'), name = ft_str_cut(&value, '=');
        FT_TRY(ft_params_set(p, name, value));
    }
    ft_rule_input in = {
        .at = at, .from = from, .store = s, .kind = kind, .key = FT_STR("e"), .arena = &arena
    };
    return rule->evaluate(NULL, p, &in, out);
}

static ft_verdict share(ft_store *s, const char *params, int64_t from, int64_t at) {
    ft_verdict v;
    EXPECT_OK(judge(&v, s, &ft_rule_class_share, &capture, params, from, at));
    return v;
}

/* Scores of two classes are judged by the threshold; many different ones are still two classes. */
static void test_class_share_of_scores(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    ft_stream_writer *w;
    EXPECT_OK(ft_stream_write(&w, s, &capture, FT_STR("e"), NULL));
    for (int i = 0; i < 30000; i++) {
        double score = i % 10 < 9 ? 0.5 + (i + 1) / 100000.0 : i / 100000.0;
        ft_value v[] = { ft_value_int(1000 + i), ft_value_f64(score) };
        EXPECT_OK(ft_stream_append(w, v));
    }
    EXPECT_OK(ft_stream_close(w));
    ft_verdict v = share(s, "", 0, 100000);
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_STR("class 1 was predicted 27000 times of 30000 (90.00 %); at most 50 % was expected",
               v.reason);
    EXPECT(share(s, "threshold_percent=90", 0, 100000).outcome == FT_NO_ISSUE);
    v = share(s, "threshold=0.9", 0, 100000);
    EXPECT(v.outcome == FT_ISSUE && strstr(v.reason.at, "class 0 was predicted 30000 times"));
    ft_store_close(s);
}

/* The Model Monitor post: 400 pictures, 322 times class 8. */
static void test_class_share(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    ft_stream_writer *w;
    EXPECT_OK(ft_stream_write(&w, s, &capture, FT_STR("e"), NULL));
    for (int i = 0; i < 800; i++) { /* the first 400 are clean, then the shift */
        ft_value v[] = { ft_value_int(1000 + i), ft_value_f64(i < 400   ? i % 10
                                                              : i < 722 ? 8
                                                                        : i % 10) };
        EXPECT_OK(ft_stream_append(w, v));
    }
    ft_value unreadable[] = { ft_value_int(1800), { .type = FT_VALUE_NULL } };
    EXPECT_OK(ft_stream_append(w, unreadable));
    EXPECT_OK(ft_stream_close(w));
    EXPECT(share(s, "", 1000, 1400).outcome == FT_NO_ISSUE);
    ft_verdict v = share(s, "", 1400, 1801);
    EXPECT(v.outcome == FT_ISSUE && v.at == 1801);
    EXPECT_STR("class 8 was predicted 330 times of 400 (82.50 %); at most 50 % was expected",
               v.reason);
    EXPECT_STR("{\"class\":8,\"count\":330,\"records\":400,\"classes\":10,\"percent\":82.5,"
               "\"threshold_percent\":50}",
               v.evidence_json);
    EXPECT(share(s, "threshold_percent=90", 1400, 1801).outcome == FT_NO_ISSUE);
    v = share(s, "", 1400, 1410);
    EXPECT(v.outcome == FT_NOT_ENOUGH_DATA);
    EXPECT_STR("10 predictions in the window; 20 are needed", v.reason);
    EXPECT(share(s, "min_records=5", 1400, 1410).outcome == FT_ISSUE);
    EXPECT(share(s, "", 5000, 6000).outcome == FT_NOT_ENOUGH_DATA);
    ft_verdict bad;
    EXPECT_ERR(FT_EINVAL, judge(&bad, s, &ft_rule_class_share, &capture, "column=x", 0, 1));
    EXPECT_WHY("no column 'x'");
    ft_store_close(s);
}

/* A regression has no classes: 20,000 different answers are no issue and no crash. */
static void test_no_classes(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    ft_stream_writer *w;
    EXPECT_OK(ft_stream_write(&w, s, &capture, FT_STR("e"), &(ft_stream_opts){ .buffered = true }));
    for (int i = 0; i < 20000; i++) {
        ft_value v[] = { ft_value_int(i), ft_value_f64(sin(i)) };
        EXPECT_OK(ft_stream_append(w, v));
    }
    EXPECT_OK(ft_stream_close(w));
    ft_verdict v = share(s, "", 0, 30000);
    EXPECT(v.outcome == FT_NOT_ENOUGH_DATA);
    EXPECT(strstr(v.reason.at, "no classes"));
    ft_store_close(s);
}

static void measure(ft_stream_writer *w, int64_t time_us, const char *feature, double psi,
                    double noise, int64_t records) {
    ft_value v[] = { ft_value_int(time_us), ft_value_text(ft_str_of(feature)),
                     isnan(psi) ? (ft_value){ .type = FT_VALUE_NULL } : ft_value_f64(psi),
                     ft_value_f64(noise), ft_value_int(records) };
    EXPECT_OK(ft_stream_append(w, v));
}

static void test_population_stability(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    ft_stream_writer *w;
    ft_verdict v;
    EXPECT_OK(ft_stream_write(&w, s, &drift, FT_STR("e"), NULL));
    measure(w, 100, "f1", 0.9, 0, 400); /* an older run */
    measure(w, 200, "f1", 0.05, 0.02, 400);
    measure(w, 200, "f2", 0.31, 0.02, 400);
    measure(w, 200, "f3", 1.5, 0.02, 400);
    measure(w, 200, "f4", 5, 7, 400); /* large by chance alone */
    measure(w, 200, "f5", 9, 0, 3);   /* too few records */
    measure(w, 200, "prediction=7", NAN, 0, 400);
    EXPECT_OK(ft_stream_close(w));
    EXPECT_OK(judge(&v, s, &ft_rule_population_stability, &drift, "", 0, 201));
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_STR(
        "the population stability index is above 0.2 for 2 of 4 features (f3 1.500, f2 0.310)",
        v.reason);
    EXPECT(strstr(v.evidence_json.at,
                  "{\"feature\":\"f3\",\"psi\":1.5,\"noise\":0.02,\"records\":400}"));
    EXPECT_OK(judge(&v, s, &ft_rule_population_stability, &drift, "threshold=2", 0, 201));
    EXPECT(v.outcome == FT_NO_ISSUE);
    EXPECT_OK(judge(&v, s, &ft_rule_population_stability, &drift, "features=f1,f4", 0, 201));
    EXPECT(v.outcome == FT_NO_ISSUE);
    EXPECT_OK(judge(&v, s, &ft_rule_population_stability, &drift, "features=f5", 0, 201));
    EXPECT(v.outcome == FT_NOT_ENOUGH_DATA);
    EXPECT_OK(judge(&v, s, &ft_rule_population_stability, &drift, "", 0,
                    101)); /* only the older run is visible */
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_OK(judge(&v, s, &ft_rule_population_stability, &drift, "", 500, 600));
    EXPECT(v.outcome == FT_NOT_ENOUGH_DATA);
    EXPECT_ERR(FT_EINVAL, judge(&v, s, &ft_rule_population_stability, &capture, "", 0, 1));
    ft_store_close(s);
}

static void test_registry(void **state) {
    (void)state;
    const ft_rule *r;
    ft_rules_use(rules);
    EXPECT_OK(ft_rule_find(&r, FT_STR("ClassShare")));
    EXPECT(r == &ft_rule_class_share);
    EXPECT_ERR(FT_ENOTFOUND, ft_rule_find(&r, FT_STR("ClassShar")));
    EXPECT_WHY("did you mean 'ClassShare'");
    ft_rules_use(NULL);
    EXPECT_ERR(FT_ENOTFOUND, ft_rule_find(&r, FT_STR("ClassShare")));
    assert_string_equal(ft_outcome_name(FT_NOT_ENOUGH_DATA), "NotEnoughData");
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    ft_stream_writer *w;
    EXPECT_OK(ft_stream_write(&w, s, &capture, FT_STR("e"), NULL));
    for (int i = 0; i < 30; i++) {
        ft_value v[] = { ft_value_int(i), ft_value_f64(8) };
        EXPECT_OK(ft_stream_append(w, v));
    }
    EXPECT_OK(ft_stream_close(w));
    EACH_FAULT {
        ft_verdict v;
        ft_err err = judge(&v, s, &ft_rule_class_share, &capture, "", 0, 100);
        if (!err) EXPECT(v.outcome == FT_ISSUE);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_class_share_of_scores), cmocka_unit_test(test_class_share),
          cmocka_unit_test(test_no_classes), cmocka_unit_test(test_population_stability),
          cmocka_unit_test(test_registry), cmocka_unit_test(test_faults))
