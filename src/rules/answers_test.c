/* answers_test.c -- rules on the scores of captured answers: LowConfidence, UnrelatedClasses. */
#include "base/check.h"
#include "rules/rule.h"
#include "streams/format.h"
#include "tests/test.h"

static const ft_column columns[] = { { "time_us", FT_VALUE_INT, "" },
                                     { "output", FT_VALUE_TEXT, "" },
                                     { NULL, FT_VALUE_NULL, NULL } };
static const ft_stream_kind capture = {
    .name = "capture", .key = "endpoint", .columns = columns, .format = &ft_format_rows
};
static const ft_stream_kind *const kinds[] = { &capture, NULL };

static ft_arena arena = FT_ARENA_INIT(0);

static ft_store *fresh_store(void) {
    static int n;
    ft_store *s;
    ft_str home = { 0 };
    ft_streams_use(kinds);
    EXPECT_OK(ft_arena_printf(&home, &arena, "%s/home-%d", test_dir(), n++));
    EXPECT_OK(ft_store_open(&s, home.at));
    return s;
}

static ft_err judge(ft_verdict *out, ft_store *s, const ft_rule *rule, const char *params) {
    ft_params *p;
    FT_TRY(ft_params_new(&p, &arena, rule->params));
    for (ft_str rest = ft_str_of(params); rest.at && rest.len;) {
        ft_str value = ft_str_cut(&rest, ';'), name = ft_str_cut(&value, '=');
        FT_TRY(ft_params_set(p, name, value));
    }
    if (rule->init) FT_TRY(rule->init(NULL, p));
    ft_rule_input in = {
        .at = 1000000, .store = s, .kind = &capture, .key = FT_STR("e"), .arena = &arena
    };
    return rule->evaluate(NULL, p, &in, out);
}

/* A hundred answers; of ten each, `odd` are the second. */
static void answers(ft_store *s, const char *usual, const char *other, int odd) {
    ft_stream_writer *w;
    EXPECT_OK(ft_stream_write(&w, s, &capture, FT_STR("e"), NULL));
    for (int i = 0; i < 100; i++) {
        ft_value v[] = { ft_value_int(i + 1),
                         ft_value_text(ft_str_of(i % 10 < odd ? other : usual)) };
        EXPECT_OK(ft_stream_append(w, v));
    }
    EXPECT_OK(ft_stream_close(w));
}

#define SURE "0.9,0.05,0.03,0.02\n"
#define TORN "[[0.3, 0.29, 0.28, 0.13]]"
#define TOLD "{\"predictions\": [{\"scores\": [0.45, 0.35, 0.1, 0.1]}]}"

static void test_low_confidence(void **state) {
    (void)state;
    ft_verdict v;
    for (int odd = 0; odd <= 10; odd += 2) {
        ft_store *s = fresh_store();
        answers(s, SURE, TORN, odd);
        EXPECT_OK(judge(&v, s, &ft_rule_low_confidence, ""));
        EXPECT(v.outcome == (odd > 3 ? FT_ISSUE : FT_NO_ISSUE));
        if (odd == 4)
            EXPECT_STR("40 of 100 predictions (40.00 %) were made with a probability below 0.5; "
                       "at most 30 % was expected",
                       v.reason);
        EXPECT_OK(judge(&v, s, &ft_rule_low_confidence, "confidence=0.25"));
        EXPECT(v.outcome == FT_NO_ISSUE);
        ft_store_close(s);
    }
}

static void test_unrelated(void **state) {
    (void)state;
    ft_verdict v;
    ft_store *s = fresh_store();
    answers(s, SURE, TOLD, 2);
    EXPECT_OK(judge(&v, s, &ft_rule_unrelated_classes, ""));
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_STR("20 of 100 answers (20.00 %) are torn between three unrelated classes, each below "
               "50 %; at most 10 % was expected",
               v.reason);
    EXPECT_OK(judge(&v, s, &ft_rule_unrelated_classes, "threshold_percent=20"));
    EXPECT(v.outcome == FT_NO_ISSUE);
    EXPECT_OK(judge(&v, s, &ft_rule_unrelated_classes, "groups=0-1")); /* two are of a kind */
    EXPECT(v.outcome == FT_NO_ISSUE);
    EXPECT_OK(judge(&v, s, &ft_rule_unrelated_classes, "groups=0+3,1"));
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_OK(judge(&v, s, &ft_rule_unrelated_classes, "below_percent=40"));
    EXPECT(v.outcome == FT_NO_ISSUE);
    EXPECT_ERR(FT_EINVAL, judge(&v, s, &ft_rule_unrelated_classes, "groups=4-2"));
    EXPECT_ERR(FT_EINVAL, judge(&v, s, &ft_rule_unrelated_classes, "groups=stop"));
    ft_store_close(s);
}

/* Scores that are no probabilities, single numbers and texts are not judged. */
static void test_no_scores(void **state) {
    (void)state;
    ft_verdict v;
    static const char *const outputs[] = { "3\n", "[[14]]", "12.5,-3,4\n", "", "[", "{\"a\": []}" };
    for (size_t i = 0; i < FT_COUNT(outputs); i++) {
        ft_store *s = fresh_store();
        answers(s, outputs[i], outputs[i], 0);
        EXPECT_OK(judge(&v, s, &ft_rule_low_confidence, ""));
        EXPECT(v.outcome == FT_NOT_ENOUGH_DATA);
        EXPECT_OK(judge(&v, s, &ft_rule_unrelated_classes, ""));
        EXPECT(v.outcome == FT_NOT_ENOUGH_DATA);
        ft_store_close(s);
    }
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    answers(s, SURE, TORN, 9);
    EACH_FAULT {
        ft_verdict v;
        ft_err err = judge(&v, s, &ft_rule_unrelated_classes, "");
        if (!err) EXPECT(v.outcome == FT_ISSUE);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_low_confidence), cmocka_unit_test(test_unrelated),
          cmocka_unit_test(test_no_scores), cmocka_unit_test(test_faults))
