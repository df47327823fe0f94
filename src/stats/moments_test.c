/* moments_test.c -- against the plain loop, against NumPy, and where naive sums fail. */
#include "stats/moments.h"

#include <math.h>

#include "base/random.h"
#include "tests/oracle.h"

#define N 100003

static double values[N];
static float floats[N];

static void fill(double mean, double deviation, int nan_every) {
    ft_random r;
    ft_random_seed(&r, 3);
    for (int i = 0; i < N; i++) {
        values[i] = mean + deviation * ft_random_normal(&r);
        if (nan_every && i % nan_every == 0) values[i] = NAN;
        floats[i] = (float)values[i];
    }
}

static void test_equals_the_plain_loop(void **state) {
    (void)state;
    fill(5, 2, 7);
    for (size_t n = 0; n < 5000; n = n < 70 ? n + 1 : n * 2 + 1) {
        ft_moments fast = { 0 }, plain = { 0 };
        ft_moments_add(&fast, values, n);
        ft_moments_add_plain(&plain, values, n);
        EXPECT(fast.count == plain.count && fast.missing == plain.missing);
        if (!fast.count) continue;
        EXPECT(fast.min == plain.min && fast.max == plain.max);
        EXPECT(oracle_near(fast.mean, plain.mean, 1e-13));
        EXPECT(oracle_near(fast.m2, plain.m2, 1e-11));
    }
}

static void test_pieces_join(void **state) {
    (void)state;
    fill(-1, 3, 11);
    ft_moments whole = { 0 }, joined = { 0 };
    ft_moments_add(&whole, values, N);
    for (size_t at = 0, size = 1; at < N; at += size, size = size * 3 % 7919 + 1) {
        ft_moments piece = { 0 };
        ft_moments_add(&piece, values + at, size < N - at ? size : N - at);
        ft_moments_join(&joined, &piece);
    }
    EXPECT(whole.count == joined.count && whole.missing == joined.missing);
    EXPECT(whole.min == joined.min && whole.max == joined.max);
    EXPECT(oracle_near(joined.mean, whole.mean, 1e-13) && oracle_near(joined.m2, whole.m2, 1e-11));
    ft_moments none = { .missing = 4 };
    ft_moments_join(&joined, &none);
    EXPECT(joined.count == whole.count && joined.missing == whole.missing + 4);
}

static void test_numpy(void **state) {
    (void)state;
    double want[5];
    if (!oracle_has("numpy")) SKIP("no python3-numpy");
    fill(1e9, 0.01, 0); /* a sum of squares would lose every digit of the variance */
    oracle_put("v", values, sizeof values);
    EXPECT(oracle_ask(want, 5,
                      "import numpy as np\n"
                      "v = np.fromfile(d + 'v').astype(np.longdouble)\n"
                      "print(v.mean(), v.var(), v.var(ddof=1), v.min(), v.max())"));
    ft_moments m = { 0 };
    ft_moments_add(&m, values, N);
    EXPECT(oracle_near(m.mean, want[0], 1e-15));
    EXPECT(fabs(ft_moments_variance(&m) / want[1] - 1) < 1e-9);
    EXPECT(fabs(ft_moments_sample_variance(&m) / want[2] - 1) < 1e-9);
    EXPECT(m.min == want[3] && m.max == want[4]);
    ft_moments f = { 0 };
    ft_moments_add_f32(&f, floats, N);
    oracle_put("f", floats, sizeof floats);
    EXPECT(oracle_ask(want, 2,
                      "import numpy as np\n"
                      "v = np.fromfile(d + 'f', np.float32).astype(np.longdouble)\n"
                      "print(v.mean(), v.std())"));
    EXPECT(oracle_near(f.mean, want[0], 1e-15) &&
           oracle_near(ft_moments_deviation(&f), want[1], 1e-12));
}

static void test_odd_values(void **state) {
    (void)state;
    ft_moments m = { 0 };
    EXPECT(isnan(ft_moments_variance(&m)) && isnan(ft_moments_sample_variance(&m)));
    EXPECT(ft_moments_sum(&m) == 0);
    double one = 3;
    ft_moments_add(&m, &one, 1);
    EXPECT(m.mean == 3 && ft_moments_variance(&m) == 0 && isnan(ft_moments_sample_variance(&m)));
    double nans[20];
    for (int i = 0; i < 20; i++) nans[i] = NAN;
    m = (ft_moments){ 0 };
    ft_moments_add(&m, nans, 20);
    EXPECT(m.count == 0 && m.missing == 20);
    nans[9] = INFINITY;
    m = (ft_moments){ 0 };
    ft_moments_add(&m, nans, 20);
    EXPECT(m.count == 1 && m.mean == INFINITY && m.max == INFINITY);
}

TEST_MAIN(cmocka_unit_test(test_equals_the_plain_loop), cmocka_unit_test(test_pieces_join),
          cmocka_unit_test(test_numpy), cmocka_unit_test(test_odd_values))
