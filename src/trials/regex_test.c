/* regex_test.c -- expressions of smdebug's hooks, with Python's answers; hostile ones end. */
#include "trials/regex.h"

#include "tests/test.h"

static bool match(const char *pattern, const char *text) {
    ft_regex *re = NULL;
    bool hit = false;
    EXPECT_OK(ft_regex_new(&re, ft_str_of(pattern)));
    EXPECT_OK(ft_regex_match(&hit, re, ft_str_of(text)));
    ft_regex_free(re);
    return hit;
}

/* Answers are those of Python's re.match (checked with /usr/bin/python3). */
static void test_hooks(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool hit;
    } cases[] = {
        { "^[a-zA-z]+-[a-zA-z0-9]+$", "train-logloss", true },
        { "^[a-zA-z]+-[a-zA-z0-9]+$", "validation-map@5", false },
        { "^[a-zA-z]+-.+(?<!(auc|map))$", "train-rmse", true },
        { "^[a-zA-z]+-.+(?<!(auc|map))$", "train-auc", false },
        { "^[a-zA-z]+-.+(?<!(auc|map))$", "validation-map", false },
        { "^feature_importance/.*", "feature_importance/weight/f1", true },
        { "^feature_importance/.*", "xfeature_importance/weight/f1", false },
        { "^average_shap/.*[^/bias]$", "average_shap/f1", true },
        { "^average_shap/.*[^/bias]$", "average_shap/bias", false },
        { "^(?!gradient).*weight", "gradient/conv0_weight", false },
        { "^(?!gradient).*weight", "conv0_weight", true },
        { ".*loss._(?!input).*output", "softmaxcrossentropyloss0_output_0", true },
        { ".*loss._(?!input).*output", "softmaxcrossentropyloss0_input_0", false },
        { "relu*", "rel", true },
        { "relu*", "conv_relu", false },
        { ".*", "", true },
        { "", "anything", true },
        { "loss:0", "loss:0", true },
        { "\\w+\\.\\d+$", "layer.12", true },
        { "(?:a|b){2,3}c", "abac", true },
        { "a.c", "a\nc", false },
        { "a$", "a\n", true },
        { "a\\Z", "a\n", false },
        { "\\w+$", "Größe", true },
        { "(?P<kind>gain|cover)/f", "cover/f9", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (match(cases[i].pattern, cases[i].text) != cases[i].hit) {
            print_error("%s on %s: expected %d\n", cases[i].pattern, cases[i].text, cases[i].hit);
            fail();
        }
}

static void test_refused(void **state) {
    (void)state;
    ft_regex *re = NULL;
    EXPECT_ERR(FT_EINVAL, ft_regex_new(&re, FT_STR("a(b")));
    EXPECT_WHY("'a(b', column 4");
    EXPECT_ERR(FT_EINVAL, ft_regex_new(&re, FT_STR("[")));
    EXPECT_ERR(FT_EINVAL, ft_regex_new(&re, FT_STR("*a")));
    EXPECT_ERR(FT_EINVAL, ft_regex_new(&re, FT_STR("a\0b")));
    static char big[FT_REGEX_BYTES_MAX + 1];
    memset(big, 'a', sizeof big);
    EXPECT_ERR(FT_EINVAL, ft_regex_new(&re, ft_str_n(big, sizeof big)));
    EXPECT(!re);
}

/* (a+)+$ over a…ab is exponential: the step limit ends it and says so. */
static void test_catastrophe(void **state) {
    (void)state;
    ft_regex *re = NULL;
    bool hit;
    EXPECT_OK(ft_regex_new(&re, FT_STR("(a+)+(b+)+(a|a)+$")));
    EXPECT_ERR(FT_ETOOBIG, ft_regex_match(&hit, re,
                                          FT_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbb"
                                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")));
    EXPECT_WHY("steps");
    ft_regex_free(re);
}

/* Names come from files of others: bytes that are not UTF-8 never match and never hurt. */
static void test_bytes(void **state) {
    (void)state;
    ft_regex *re = NULL;
    bool hit = true;
    EXPECT_OK(ft_regex_new(&re, FT_STR("\\w+$")));
    EXPECT_OK(ft_regex_match(&hit, re, FT_STR("\xff\xfe")));
    EXPECT(!hit);
    ft_regex_free(re);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_regex *re = NULL;
        ft_err e = ft_regex_new(&re, FT_STR("a+"));
        EXPECT(e == FT_OK ? re != NULL : re == NULL);
        ft_regex_free(re);
    }
}

TEST_MAIN(cmocka_unit_test(test_hooks), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_catastrophe), cmocka_unit_test(test_bytes),
          cmocka_unit_test(test_faults))
