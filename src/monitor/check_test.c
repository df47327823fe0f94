/* check_test.c -- each constraint violated once, and not; tails against SciPy; Amazon's files read.
 */
#include <math.h>

#include "base/check.h"
#include "monitor/check.h"
#include "monitor/shared_test.h"

static ft_arena arena;

static const char binomial[] =
    "import sys\n"
    "try: from scipy.stats import binom\n"
    "except ImportError: sys.exit(77)\n"
    "for l in open(sys.argv[1]):\n"
    "    k, n, p, ours = map(float, l.split())\n"
    "    want = binom.sf(k - 1, n, p)\n"
    "    assert abs(ours - want) <= 1e-9 * want or (ours == 1 and k <= n * p), l\n";

static void test_tail(void **state) {
    (void)state;
    static const uint64_t ns[] = { 1, 10, 400, 100000 }, ks[] = { 0, 1, 2, 5, 10, 50, 400 };
    static const double ps[] = { 1e-9, 1e-4, 0.003, 0.1, 0.5 };
    ft_buf buf = { 0 };
    char path[300];
    for (size_t n = 0; n < FT_COUNT(ns); n++)
        for (size_t k = 0; k < FT_COUNT(ks); k++)
            for (size_t p = 0; p < FT_COUNT(ps) && ks[k] <= ns[n]; p++)
                ft_buf_printf(&buf, "%llu %llu %.17g %.17g\n", (unsigned long long)ks[k],
                              (unsigned long long)ns[n], ps[p],
                              ft_binomial_tail(ks[k], ns[n], ps[p]));
    EXPECT_OK(buf.err);
    snprintf(path, sizeof path, "%s/tails", test_dir());
    EXPECT_OK(ft_file_write_atomic(path, ft_buf_str(&buf), false));
    python(binomial, path);
    ft_buf_fini(&buf);
    EXPECT(ft_binomial_tail(1, 100, 0) == 0 && ft_binomial_tail(5, 4, 0.5) == 0 &&
           ft_binomial_tail(4, 4, 1) == 1);
}

/* A baseline of one feature that holds `rows` values, and a window of 400. */
typedef struct scene {
    ft_statistics *baseline, *window;
    ft_constraints *constraints;
    ft_window w;
    ft_shift shift;
    ft_violations found;
} scene;

static scene begin(bool text) {
    scene s = { .shift = { NAN, NAN, NAN, NAN, NAN } };
    EXPECT_OK(ft_statistics_new(&s.baseline, 1));
    EXPECT_OK(ft_statistics_new(&s.window, 1));
    s.baseline->features[0].name = s.window->features[0].name = FT_STR("x");
    s.baseline->features[0].is_text = s.window->features[0].is_text = text;
    s.found.arena = &arena;
    return s;
}

static void numbers(ft_statistics *s, int n, float from, float step) {
    for (int i = 0; i < n; i++) {
        float v = from + step * (float)i;
        EXPECT_OK(ft_stat_add(s, &s->features[0], &v, 1));
    }
    s->items += (uint64_t)n;
}

static void missing(ft_statistics *s, int n) {
    float v = NAN;
    for (int i = 0; i < n; i++) EXPECT_OK(ft_stat_add(s, &s->features[0], &v, 1));
    s->items += (uint64_t)n;
}

static void texts(ft_statistics *s, const char *value, uint64_t n) {
    EXPECT_OK(ft_stat_add_text(s, &s->features[0], ft_str_of(value), n));
    s->items += n;
}

static void check(scene *s, size_t inputs) {
    if (!s->constraints) EXPECT_OK(ft_constraints_suggest(&s->constraints, s->baseline));
    s->w.stats = s->window;
    s->w.inputs = inputs;
    EXPECT_OK(ft_shift_measure(&s->shift, &arena, &s->baseline->features[0],
                               &s->window->features[0], 1, s->constraints->robust));
    s->w.shifts = &s->shift;
    EXPECT_OK(ft_window_check(&s->found, &s->w, s->baseline, s->constraints));
}

static void expect(scene *s, const char *kind, const char *says) {
    if (!kind) {
        if (s->found.count) fail_msg("unexpected: %s", s->found.at[0].description.at);
    } else {
        if (s->found.count != 1) fail_msg("%zu violations", s->found.count);
        EXPECT_STR(kind, s->found.at[0].check);
        if (!strstr(s->found.at[0].description.at, says))
            fail_msg("%s", s->found.at[0].description.at);
    }
    ft_statistics_free(s->baseline);
    ft_statistics_free(s->window);
    ft_constraints_free(s->constraints);
    ft_arena_reset(&arena);
}

static void test_nothing(void **state) {
    (void)state;
    scene s = begin(false);
    numbers(s.baseline, 1000, 0, 1);
    numbers(s.window, 400, 0, 2.5f);
    s.baseline->features[0].whole = s.baseline->features[0].present - 1; /* fractional */
    check(&s, 1);
    expect(&s, NULL, NULL);
    s = begin(true);
    texts(s.baseline, "a", 500), texts(s.baseline, "b", 500);
    texts(s.window, "a", 190), texts(s.window, "b", 210);
    check(&s, 1);
    expect(&s, NULL, NULL);
}

static void test_completeness(void **state) {
    (void)state;
    scene s = begin(false);
    numbers(s.baseline, 1000, 0, 1);
    numbers(s.window, 399, 0, 2.5f);
    s.baseline->features[0].whole = 0;
    missing(s.window, 1);
    check(&s, 1); /* strict: the baseline has none */
    expect(&s, "completeness_check", "1 of 400 values are missing");
    s = begin(false);
    numbers(s.baseline, 900, 0, 1), missing(s.baseline, 100);
    s.baseline->features[0].whole = 0;
    numbers(s.window, 350, 0, 2.5f), missing(s.window, 50); /* 0.875 below 0.88, by chance */
    check(&s, 1);
    expect(&s, NULL, NULL);
    s = begin(false);
    numbers(s.baseline, 900, 0, 1), missing(s.baseline, 100);
    s.baseline->features[0].whole = 0;
    numbers(s.window, 300, 0, 3), missing(s.window, 100);
    check(&s, 1);
    expect(&s, "completeness_check", "0.75 does not meet");
}

static void test_types_and_signs(void **state) {
    (void)state;
    scene s = begin(false);
    numbers(s.baseline, 1000, 0, 1);
    numbers(s.window, 199, 0, 5), numbers(s.window, 1, 2.5f, 0);
    check(&s, 1);
    expect(&s, "data_type_check", "1 of 200 values are no whole numbers");
    s = begin(false);
    numbers(s.baseline, 1000, 0.5f, 1);
    numbers(s.window, 395, 0.5f, 2.5f);
    s.window->features[0].bad = 5;
    check(&s, 1);
    expect(&s, "data_type_check", "5 of 400 values are no numbers");
    s = begin(false);
    numbers(s.baseline, 1000, 0, 0.1f);
    numbers(s.window, 390, 0, 0.25f), numbers(s.window, 10, -0.1f, -0.001f);
    check(&s, 1);
    expect(&s, "baseline_drift_check", "10 of 400 values are negative");
    s = begin(false); /* one of 400, where the baseline had none of 1,000: chance */
    numbers(s.baseline, 1000, 0, 0.1f);
    numbers(s.window, 399, 0, 0.25f), numbers(s.window, 1, -0.1f, 0);
    check(&s, 1);
    expect(&s, NULL, NULL);
}

static void test_domain(void **state) {
    (void)state;
    scene s = begin(true);
    texts(s.baseline, "a", 500), texts(s.baseline, "b", 500);
    texts(s.window, "a", 199), texts(s.window, "b", 200), texts(s.window, "c", 1);
    check(&s, 1);
    expect(&s, "categorical_values_check",
           "1 of 400 values are not among the known ones, such as 'c'");
    s = begin(true); /* values seen once: one more is no surprise, ten are */
    texts(s.baseline, "a", 500), texts(s.baseline, "b", 499), texts(s.baseline, "odd", 1);
    texts(s.window, "a", 199), texts(s.window, "b", 200), texts(s.window, "c", 1);
    check(&s, 1);
    expect(&s, NULL, NULL);
    s = begin(true);
    texts(s.baseline, "a", 500), texts(s.baseline, "b", 499), texts(s.baseline, "odd", 1);
    texts(s.window, "a", 195), texts(s.window, "b", 190), texts(s.window, "c", 15);
    check(&s, 1);
    expect(&s, "categorical_values_check", "15 of 400");
}

static void test_drift(void **state) {
    (void)state;
    scene s = begin(false);
    numbers(s.baseline, 1000, 0.5f, 1);
    numbers(s.window, 400, 500.5f, 1);
    check(&s, 1);
    expect(&s, "baseline_drift_check", "Numerical distance: ");
    s = begin(true);
    texts(s.baseline, "a", 500), texts(s.baseline, "b", 500);
    texts(s.window, "a", 350), texts(s.window, "b", 50);
    check(&s, 1);
    expect(&s, "baseline_drift_check", "Categorical distance: ");
    s = begin(false); /* ten rows are too few to say */
    numbers(s.baseline, 1000, 0.5f, 1);
    numbers(s.window, 10, 200.5f, 80);
    check(&s, 1);
    expect(&s, NULL, NULL);
    s = begin(false); /* switched off by its user */
    numbers(s.baseline, 1000, 0.5f, 1);
    numbers(s.window, 400, 500.5f, 1);
    EXPECT_OK(ft_constraints_suggest(&s.constraints, s.baseline));
    s.constraints->compare = false;
    check(&s, 1);
    expect(&s, NULL, NULL);
}

static void test_columns(void **state) {
    (void)state;
    scene s = begin(false);
    numbers(s.baseline, 1000, 0.5f, 1);
    numbers(s.window, 400, 0.5f, 2.5f);
    s.w.short_rows = 3;
    check(&s, 1);
    expect(&s, "missing_column_check", "3 of 400 rows have no such column");
    s = begin(false);
    numbers(s.baseline, 1000, 0.5f, 1);
    numbers(s.window, 400, 0.5f, 2.5f);
    s.w.long_rows = 4, s.w.longest = 2;
    check(&s, 1);
    expect(&s, "extra_column_check",
           "4 of 400 rows have more columns than the baseline's 1: up to 2");
}

static void test_files(void **state) {
    (void)state;
    static const ft_violation list[] = {
        { { "a\"b", 3 }, { "data_type_check", 15 }, { "5 of 9", 6 } },
        { { "c", 1 }, { "completeness_check", 18 }, { "", 0 } },
    };
    ft_buf buf = { 0 };
    ft_violation *back;
    size_t count;
    const char *path;
    EXPECT_OK(ft_violations_write(&buf, list, 2));
    EXPECT_OK(ft_violations_read(&back, &count, &arena, ft_buf_str(&buf), "v.json"));
    EXPECT(count == 2);
    EXPECT_STR("a\"b", back[0].feature);
    EXPECT_STR("completeness_check", back[1].check);
    ft_buf_reset(&buf);
    EXPECT_OK(ft_violations_write(&buf, NULL, 0));
    EXPECT_OK(ft_violations_read(&back, &count, &arena, ft_buf_str(&buf), "v.json"));
    EXPECT(count == 0);
    EXPECT_ERR(FT_EPARSE,
               ft_violations_read(&back, &count, &arena, FT_STR("{\"violations\":[1]}"), "v.json"));
    ft_buf_fini(&buf);
    path = shared_file("sagemaker_artefacts/model_monitor/sagemaker-python-sdk/monitor/"
                       "constraint_violations.json");
    if (!path) skip();
    EXPECT_OK(ft_violations_read(&back, &count, &arena, file_text(&arena, path), path));
    EXPECT(count == 7);
    EXPECT_STR("categorical_values_check", back[0].check);
    path = shared_file("sagemaker_artefacts/model_monitor/nlp_constraints_violations.json");
    EXPECT_OK(ft_violations_read(&back, &count, &arena, file_text(&arena, path), path));
    EXPECT(count > 5);
    EXPECT_STR("sent_mmd_score", back[0].feature);
}

TEST_MAIN(cmocka_unit_test(test_tail), cmocka_unit_test(test_nothing),
          cmocka_unit_test(test_completeness), cmocka_unit_test(test_types_and_signs),
          cmocka_unit_test(test_domain), cmocka_unit_test(test_drift),
          cmocka_unit_test(test_columns), cmocka_unit_test(test_files))
