/* histogram_test.c -- against numpy.histogram, on edges, outside values, quantile buckets. */
#include "stats/histogram.h"

#include <math.h>

#include "base/random.h"
#include "stats/bins_in.h"
#include "stats/sort.h"
#include "tests/oracle.h"

#define N 20000

static double values[N];

static void test_numpy(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_histogram h, own;
    ft_random r;
    double want[10 + 11 + 5];
    static const double edges[] = { -2, -0.5, 0, 0.25, 1, 3 };
    if (!oracle_has("numpy")) SKIP("no python3-numpy");
    ft_random_seed(&r, 4);
    for (int i = 0; i < N; i++)
        values[i] = round(ft_random_normal(&r) * 20) / 20; /* many on edges */
    oracle_put("v", values, sizeof values);
    EXPECT(oracle_ask(want, 26,
                      "import numpy as np\nv = np.fromfile(d + 'v')\n"
                      "c, e = np.histogram(v, 10)\nprint(*c, *e)\n"
                      "print(*np.histogram(v, [-2, -.5, 0, .25, 1, 3])[0])"));
    EXPECT_OK(ft_histogram_equal(&h, &arena, want[10], want[20], 10));
    ft_histogram_add(&h, values, N);
    for (int i = 0; i < 10; i++) EXPECT(h.counts[i] == want[i]);
    for (int i = 0; i < 11; i++) EXPECT(oracle_near(h.edges[i], want[10 + i], 1e-15));
    EXPECT_OK(ft_histogram_edges(&own, &arena, edges, 6));
    ft_histogram_add(&own, values, N);
    double inside = 0;
    for (int i = 0; i < 5; i++) {
        EXPECT(own.counts[i] == want[21 + i]);
        inside += own.counts[i];
    }
    EXPECT(inside + (double)own.below + (double)own.above == N && own.below && own.above);
    ft_arena_fini(&arena);
}

static void test_edges(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_histogram h;
    static const double down[] = { 1, 1 }, odd[] = { 0, NAN, 1 };
    static const double v[] = { 0, 0.999, 1, 2, 3, -1, 4, NAN };
    EXPECT_ERR(FT_EINVAL, ft_histogram_edges(&h, &arena, down, 2));
    EXPECT_ERR(FT_EINVAL, ft_histogram_edges(&h, &arena, odd, 3));
    EXPECT_ERR(FT_EINVAL, ft_histogram_edges(&h, &arena, odd, 1));
    EXPECT_ERR(FT_EINVAL, ft_histogram_equal(&h, &arena, 0, INFINITY, 3));
    EXPECT_ERR(FT_EINVAL, ft_histogram_equal(&h, &arena, 0, 1, 0));
    EXPECT_OK(ft_histogram_equal(&h, &arena, 0, 3, 3));
    ft_histogram_add(&h, v, 8);
    EXPECT(h.counts[0] == 2 && h.counts[1] == 1 && h.counts[2] == 2); /* the last edge is closed */
    EXPECT(h.below == 1 && h.above == 1 && h.not_a_number == 1);
    EXPECT_OK(ft_histogram_equal(&h, &arena, 7, 7, 10));
    EXPECT(h.edges[0] == 6.5 && h.edges[10] == 7.5 && ft_histogram_find(&h, 7) == 5);
    EXPECT_OK(ft_histogram_equal(&h, &arena, -1.7e308, 1.7e308, 4));
    EXPECT(h.edges[2] == 0 && ft_histogram_find(&h, 1.6e308) == 3);
    ft_histogram_add(&h, v, 8);
    EXPECT(h.counts[2] == 6 && h.counts[1] == 1);
    ft_arena_fini(&arena);
}

static void test_quantile_buckets(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_histogram h, q;
    ft_sketch *s;
    ft_random r;
    ft_random_seed(&r, 5);
    EXPECT_OK(ft_sketch_new(&s, 0));
    for (int i = 0; i < N; i++) values[i] = ft_random_normal(&r);
    EXPECT_OK(ft_sketch_add(s, values, N));
    EXPECT_OK(ft_sort_f64(values, N));
    EXPECT_OK(ft_histogram_quantiles(&h, &arena, values, N, 10));
    EXPECT_OK(ft_histogram_sketch_quantiles(&q, &arena, s, 10));
    EXPECT(h.count == 10 && q.count == 10 && isinf(h.edges[0]) && isinf(h.edges[10]));
    ft_histogram_add(&h, values, N);
    EXPECT_OK(ft_histogram_add_sketch(&q, s));
    for (int i = 0; i < 10; i++) {
        EXPECT(fabs(h.counts[i] - N / 10) <= 1);
        EXPECT(fabs(q.counts[i] - N / 10) <= N * 0.004);
    }
    ft_sketch_free(s);
    for (int i = 0; i < N; i++) values[i] = i < N / 2 ? 0 : i % 3; /* equal quantiles merge */
    EXPECT_OK(ft_sort_f64(values, N));
    EXPECT_OK(ft_histogram_quantiles(&h, &arena, values, N, 10));
    ft_histogram_add(&h, values, N);
    EXPECT(h.count == 3 && h.edges[1] == 1 && h.edges[2] == 2 && h.counts[0] > N / 2);
    for (int i = 0; i < N; i++) values[i] = 3;
    EXPECT_OK(ft_histogram_quantiles(&h, &arena, values, N, 10));
    EXPECT(h.count == 1);
    EXPECT_OK(ft_histogram_quantiles(&h, &arena, NULL, 0, 10));
    EXPECT(h.count == 1);
    ft_arena_fini(&arena);
}

static void test_bins(void **state) {
    (void)state;
    double v[203];
    int32_t fast[203], plain[203];
    ft_random r;
    ft_random_seed(&r, 8);
    for (int i = 0; i < 203; i++) v[i] = ft_random_normal(&r) * 3;
    v[5] = NAN, v[6] = INFINITY, v[7] = -INFINITY, v[202] = 1e300;
    for (size_t n = 0; n <= 203; n++) {
        ft_bins_of(fast, v, n, -2, 25, 99);
        ft_bins_of_plain(plain, v, n, -2, 25, 99);
        EXPECT(memcmp(fast, plain, n * sizeof *fast) == 0);
    }
    EXPECT(fast[5] == 0 && fast[6] == 99 && fast[7] == 0 && fast[202] == 99);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_histogram h;
        ft_err err = ft_histogram_equal(&h, &arena, 0, 1, 5000);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_arena_fini(&arena);
        rounds++;
    }
    EXPECT(rounds == 3);
}

TEST_MAIN(cmocka_unit_test(test_numpy), cmocka_unit_test(test_edges),
          cmocka_unit_test(test_quantile_buckets), cmocka_unit_test(test_bins),
          cmocka_unit_test(test_every_fault))
