/* quantile_test.c -- exact quantiles against NumPy; the sketch's rank error, joining, JSON. */
#include "stats/quantile.h"

#include <math.h>

#include "base/files.h"
#include "base/random.h"
#include "stats/sort.h"
#include "tests/oracle.h"

static void test_exact(void **state) {
    (void)state;
    double v[101], want[5];
    static const double q[] = { 0, 0.1, 0.5, 0.977, 1 };
    if (!oracle_has("numpy")) SKIP("no python3-numpy");
    for (int i = 0; i < 101; i++) v[i] = sin(i) * i;
    EXPECT_OK(ft_sort_f64(v, 101));
    oracle_put("v", v, sizeof v);
    EXPECT(oracle_ask(
        want, 5,
        "import numpy as np\nprint(*np.quantile(np.fromfile(d + 'v'), [0, .1, .5, .977, 1]))"));
    for (int i = 0; i < 5; i++) EXPECT(oracle_near(ft_quantile(v, 101, q[i]), want[i], 1e-14));
    EXPECT(isnan(ft_quantile(v, 0, 0.5)) && ft_quantile(v, 1, 0.7) == v[0] &&
           isnan(ft_quantile(v, 9, 2)));
}

/* Selection gives what sorting gives, whatever the distribution. */
static void test_select(void **state) {
    (void)state;
    enum { COUNT = 50000 };
    static const double q[] = { 0, 0.01, 0.25, 0.5, 0.5000001, 0.99, 1, 2, NAN };
    static double v[COUNT], sorted[COUNT];
    ft_random r;
    ft_random_seed(&r, 6);
    for (int kind = 0; kind < 6; kind++) {
        size_t kept = 0;
        for (int i = 0; i < COUNT; i++) {
            double u = ft_random_unit(&r), z = ft_random_normal(&r);
            v[i] = kind == 0 ? u : kind == 1 ? exp(20 * z) : kind == 2 ? (double)(i % 3) : z;
            if (kind == 3 && i % 4 == 0) v[i] = NAN;
            if (kind == 4 && i == 7) v[i] = INFINITY;
            if (kind == 5) v[i] = 42;
            if (v[i] == v[i]) sorted[kept++] = v[i];
        }
        EXPECT_OK(ft_sort_f64(sorted, kept));
        double got[9];
        EXPECT_OK(ft_quantiles(got, q, 9, v, COUNT));
        for (int k = 0; k < 9; k++) EXPECT(oracle_near(got[k], ft_quantile(sorted, kept, q[k]), 0));
    }
    int rounds = 0;
    EACH_FAULT {
        double got;
        ft_err err = ft_quantiles(&got, q + 3, 1, v + 1, COUNT - 1);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        rounds++;
    }
    EXPECT(rounds >= 3);
}

static double value_at(int kind, ft_random *r, size_t i, size_t n) {
    switch (kind) {
    case 0:
        return ft_random_unit(r);
    case 1:
        return (double)i; /* sorted */
    case 2:
        return (double)(n - i);
    case 3:
        return exp(3 * ft_random_normal(r));
    default:
        return (double)(i * 7 % 10); /* ten values only */
    }
}

/* Largest distance of a sketch's ranks from the true ones, as a share of n. */
static double rank_error(ft_sketch *s, const double *sorted, size_t n) {
    double worst = 0, got;
    for (int p = 0; p <= 1000; p++) {
        double v = sorted[(size_t)((double)(n - 1) * p / 1000)];
        size_t low = 0, high = n; /* number of values <= v */
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (sorted[middle] <= v)
                low = middle + 1;
            else
                high = middle;
        }
        EXPECT_OK(ft_sketch_rank(&got, s, v));
        worst = fmax(worst, fabs(got - (double)low) / (double)n);
    }
    return worst;
}

static void test_rank_error(void **state) {
    (void)state;
    const size_t n = 300000;
    double *v = malloc(n * sizeof *v);
    for (int kind = 0; kind < 5; kind++) {
        ft_random r;
        ft_sketch *s;
        ft_random_seed(&r, (uint64_t)kind + 1);
        EXPECT_OK(ft_sketch_new(&s, 0));
        for (size_t i = 0; i < n; i++) v[i] = value_at(kind, &r, i, n);
        for (size_t at = 0, size = 1; at < n; at += size, size = size * 5 % 4093 + 1)
            EXPECT_OK(ft_sketch_add(s, v + at, size < n - at ? size : n - at));
        EXPECT(ft_sketch_count(s) == n);
        ft_weighted w;
        EXPECT_OK(ft_sketch_values(&w, s));
        uint64_t total = 0;
        for (size_t i = 0; i < w.count; i++) total += w.weight[i];
        EXPECT(total == n && w.total == n && w.count < 4 * FT_SKETCH_K);
        EXPECT_OK(ft_sort_f64(v, n));
        double worst = rank_error(s, v, n);
        if (worst > 0.002) print_error("kind %d: %g\n", kind, worst);
        EXPECT(worst <= 0.002);
        ft_sketch_free(s);
    }
    free(v);
}

static void test_small_is_exact(void **state) {
    (void)state;
    ft_sketch *s;
    double v[FT_SKETCH_K], got;
    for (int i = 0; i < FT_SKETCH_K; i++) v[i] = (double)((i * 37) % FT_SKETCH_K);
    EXPECT_OK(ft_sketch_new(&s, 0));
    EXPECT_OK(ft_sketch_quantile(&got, s, 0.5));
    EXPECT(isnan(got));
    EXPECT_OK(ft_sketch_add(s, v, FT_SKETCH_K));
    EXPECT_OK(ft_sketch_add(s, &(double){ NAN }, 1));
    EXPECT(ft_sketch_count(s) == FT_SKETCH_K);
    EXPECT_OK(ft_sketch_rank(&got, s, 99));
    EXPECT(got == 100);
    EXPECT_OK(ft_sketch_rank_below(&got, s, 99));
    EXPECT(got == 99);
    EXPECT_OK(ft_sketch_rank(&got, s, -1));
    EXPECT(got == 0);
    EXPECT_OK(ft_sketch_quantile(&got, s, 0));
    EXPECT(got == 0);
    EXPECT_OK(ft_sketch_quantile(&got, s, 1));
    EXPECT(got == FT_SKETCH_K - 1);
    EXPECT_OK(ft_sketch_quantile(&got, s, 0.5));
    EXPECT(got == FT_SKETCH_K / 2 - 1);
    ft_sketch_free(s);
}

static void test_join(void **state) {
    (void)state;
    const size_t n = 200000;
    double *v = malloc(n * sizeof *v);
    ft_random r;
    ft_sketch *s, *part;
    ft_random_seed(&r, 9);
    for (size_t i = 0; i < n; i++) v[i] = ft_random_normal(&r) + (double)(i / (n / 8));
    EXPECT_OK(ft_sketch_new(&s, 0));
    for (size_t k = 0; k < 8; k++) {
        EXPECT_OK(ft_sketch_new(&part, 0));
        EXPECT_OK(ft_sketch_add(part, v + k * (n / 8), n / 8));
        EXPECT_OK(ft_sketch_join(s, part));
        ft_sketch_free(part);
    }
    EXPECT(ft_sketch_count(s) == n);
    EXPECT_OK(ft_sort_f64(v, n));
    EXPECT(rank_error(s, v, n) < 0.003);
    ft_sketch_free(s);
    free(v);
}

static ft_err read_text(ft_sketch **out, ft_str text) {
    ft_json j;
    ft_json_init(&j, text, NULL, NULL);
    ft_err err = ft_sketch_read(out, &j);
    if (!err) err = ft_json_end(&j);
    return err;
}

static void test_json(void **state) {
    (void)state;
    ft_sketch *s, *back;
    ft_buf text = { 0 }, again = { 0 };
    ft_json_out w;
    double a, b;
    EXPECT_OK(ft_sketch_new(&s, 0));
    for (int i = 0; i < 30000; i++) EXPECT_OK(ft_sketch_add(s, &(double){ sin(i) }, 1));
    ft_json_out_init(&w, &text, false);
    ft_sketch_write(&w, s);
    EXPECT_OK(text.err);
    EXPECT_OK(read_text(&back, ft_buf_str(&text)));
    EXPECT(ft_sketch_count(back) == 30000);
    for (int p = 0; p <= 20; p++) {
        EXPECT_OK(ft_sketch_quantile(&a, s, p / 20.0));
        EXPECT_OK(ft_sketch_quantile(&b, back, p / 20.0));
        EXPECT(a == b);
    }
    EXPECT_OK(ft_sketch_add(back, &(double){ 2 }, 1)); /* it can grow on */
    ft_sketch_free(back);
    static const char *const bad[] = { "{}",
                                       "[]",
                                       "{\"data\":[1]}",
                                       "{\"data\":[[\"x\"]]}",
                                       "{\"data\":[[1],[2]",
                                       "{\"parameters\":{\"k\":1e9},\"data\":[]}",
                                       "{\"parameters\":{\"c\":2},\"data\":[]}" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT_ERR(FT_EPARSE, read_text(&back, ft_str_of(bad[i])));
    ft_buf_reset(&again);
    ft_buf_add(&again, FT_STR("{\"data\":["));
    for (int i = 0; i <= FT_SKETCH_LEVELS_MAX; i++) ft_buf_printf(&again, "%s[]", i ? "," : "");
    ft_buf_add(&again, FT_STR("]}"));
    EXPECT_ERR(FT_EPARSE, read_text(&back, ft_buf_str(&again)));
    EXPECT_WHY("more than 48 levels");
    ft_sketch_free(s);
    ft_buf_fini(&text);
    ft_buf_fini(&again);
}

/* Sketches that Model Monitor itself wrote: counts agree with its item counts. */
static void test_model_monitor(void **state) {
    (void)state;
    const char *path =
        test_shared("sagemaker_artefacts/model_monitor/kc_housing/assets/statistics.json");
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text, raw;
    ft_sketch *s;
    double got;
    if (!path) SKIP("no shared data");
    EXPECT_OK(ft_file_read(&text, &arena, path, 1 << 26));
    EXPECT_OK(ft_json_find(&raw, text, "features.3.numerical_statistics.distribution.kll.sketch"));
    EXPECT_OK(read_text(&s, raw));
    EXPECT(ft_sketch_count(s) == 23432);
    EXPECT_OK(ft_sketch_rank_below(&got, s, 3800000)); /* its first bucket is [0, 3800000) */
    EXPECT(got == 23191);
    ft_sketch_free(s);
    ft_arena_fini(&arena);
}

static void test_every_fault(void **state) {
    (void)state;
    double v[20000], got;
    int rounds = 0;
    for (int i = 0; i < 20000; i++) v[i] = (double)(i * 7919 % 20000);
    EACH_FAULT {
        ft_sketch *s = NULL, *back = NULL;
        ft_buf text = { 0 };
        ft_json_out w;
        ft_err err = ft_sketch_new(&s, 100);
        if (!err) err = ft_sketch_add(s, v, 20000);
        if (!err) err = ft_sketch_quantile(&got, s, 0.5);
        ft_json_out_init(&w, &text, false);
        if (s) ft_sketch_write(&w, s);
        if (!err) err = text.err;
        if (!err) err = read_text(&back, ft_buf_str(&text));
        if (!err) err = ft_sketch_join(s, back);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_sketch_free(back);
        ft_sketch_free(s);
        ft_buf_fini(&text);
        rounds++;
    }
    EXPECT(rounds > 15);
}

TEST_MAIN(cmocka_unit_test(test_exact), cmocka_unit_test(test_select),
          cmocka_unit_test(test_rank_error), cmocka_unit_test(test_small_is_exact),
          cmocka_unit_test(test_join), cmocka_unit_test(test_json),
          cmocka_unit_test(test_model_monitor), cmocka_unit_test(test_every_fault))
