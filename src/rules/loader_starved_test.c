/* loader_starved_test.c -- LoaderStarved over the steps of a job's metrics. */
#include "base/check.h"
#include "rules/rule.h"
#include "streams/format.h"
#include "tests/test.h"

static const ft_column columns[] = { { "step", FT_VALUE_INT, "" },
                                     { "name", FT_VALUE_TEXT, "" },
                                     { "value", FT_VALUE_F64, "" },
                                     { "time_us", FT_VALUE_INT, "" },
                                     { NULL, FT_VALUE_NULL, NULL } };
static const ft_stream_kind metric = {
    .name = "metric", .key = "job", .columns = columns, .format = &ft_format_rows
};
static const ft_stream_kind *const kinds[] = { &metric, NULL };
static const ft_rule *const rules[] = { &ft_rule_loader_starved, NULL };
static ft_arena arena = FT_ARENA_INIT(0);

static void put(ft_stream_writer *w, int64_t step, const char *name, double value) {
    ft_value row[] = { ft_value_int(step), ft_value_text(ft_str_of(name)), ft_value_f64(value),
                       ft_value_int(step * 1000) };
    EXPECT_OK(ft_stream_append(w, row));
}

/* A job of 60 steps; the loader tells at every third, and is late from step 30 on. */
static ft_store *job(double late) {
    static int n;
    ft_store *s;
    ft_str home;
    ft_stream_writer *w;
    ft_streams_use(kinds);
    ft_rules_use(rules);
    EXPECT_OK(ft_arena_printf(&home, &arena, "%s/home-%d", test_dir(), n++));
    EXPECT_OK(ft_store_open(&s, home.at));
    EXPECT_OK(ft_stream_write(&w, s, &metric, FT_STR("j"), NULL));
    for (int64_t step = 0; step < 60; step++) {
        put(w, step, "train-loss", 1);
        if (step % 3) continue;
        put(w, step, "loader/disk_ms", 2);
        put(w, step, "loader/decode_ms", step >= 30 ? 40 : 4);
        put(w, step, "loader/starved", step >= 30 ? late : 0.01);
        put(w, step, "loader/workers", 2);
    }
    EXPECT_OK(ft_stream_close(w));
    return s;
}

static ft_verdict judge(ft_store *s, const char *text, int64_t at) {
    ft_verdict v = { 0 };
    ft_params *p;
    EXPECT_OK(ft_params_new(&p, &arena, ft_rule_loader_starved.params));
    for (ft_str rest = ft_str_of(text); rest.at && rest.len;) {
        ft_str value = ft_str_cut(&rest, ';'), name = ft_str_cut(&value, '=');
        EXPECT_OK(ft_params_set(p, name, value));
    }
    ft_rule_input in = {
        .at = at, .store = s, .kind = &metric, .key = FT_STR("j"), .arena = &arena
    };
    EXPECT_OK(ft_rule_loader_starved.evaluate(NULL, p, &in, &v));
    return v;
}

static int64_t first_issue(ft_store *s, const char *text) {
    for (int64_t at = 0; at < 60; at++)
        if (judge(s, text, at).outcome == FT_ISSUE) return at;
    return -1;
}

static void test_fires(void **state) {
    (void)state;
    ft_store *s = job(0.7);
    EXPECT(first_issue(s, "") == 33); /* (3 × 0.01 + 2 × 0.7) / 5 = 28.6 % */
    EXPECT(first_issue(s, "steps=1") == 30);
    EXPECT(first_issue(s, "threshold_percent=60") == 42);
    EXPECT(first_issue(s, "threshold_percent=70.5") == -1);
    ft_verdict v = judge(s, "", 57);
    EXPECT_STR("the job waited for its data 70 % of the time in steps 45 to 57 (at most 20 % was "
               "expected); the dearest stage of a batch is decode, 40 of 42 ms",
               v.reason);
    EXPECT(strstr(v.evidence_json.at, "\"decode\":40"));
    ft_store_close(s);
}

static void test_waits_and_stays_quiet(void **state) {
    (void)state;
    ft_store *s = job(0.1);
    EXPECT(first_issue(s, "") == -1);
    EXPECT(judge(s, "", 6).outcome == FT_NOT_ENOUGH_DATA); /* three of five */
    EXPECT(judge(s, "", 12).outcome == FT_NO_ISSUE);
    EXPECT(judge(s, "", 13).outcome == FT_NOT_ENOUGH_DATA); /* it told nothing here */
    EXPECT(judge(s, "look_back=10", 30).outcome == FT_NOT_ENOUGH_DATA);
    ft_store_close(s);
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = job(0.7);
    EACH_FAULT {
        ft_params *p;
        ft_verdict v = { 0 };
        ft_arena a = FT_ARENA_INIT(0);
        ft_rule_input in = {
            .at = 57, .store = s, .kind = &metric, .key = FT_STR("j"), .arena = &a
        };
        ft_err err = ft_params_new(&p, &a, ft_rule_loader_starved.params);
        if (!err) err = ft_rule_loader_starved.evaluate(NULL, p, &in, &v);
        EXPECT(err || v.outcome == FT_ISSUE);
        ft_arena_fini(&a);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_fires), cmocka_unit_test(test_waits_and_stays_quiet),
          cmocka_unit_test(test_faults))
