/* regression_test.c -- against scikit-learn; odd rows; the residuals' histogram. */
#include "stats/regression.h"

#include <math.h>

#include "base/random.h"
#include "tests/oracle.h"

#define N 4001

static float truth[N], predicted[N];

static void fill(void) {
    ft_random r;
    ft_random_seed(&r, 31);
    for (int i = 0; i < N; i++) {
        truth[i] = (float)(1e4 + 5 * ft_random_normal(&r));
        predicted[i] = (float)((double)truth[i] + 0.1 + ft_random_normal(&r));
    }
}

static void test_sklearn(void **state) {
    (void)state;
    double want[5];
    if (!oracle_has("sklearn")) SKIP("no python3-sklearn");
    fill();
    oracle_put("t", truth, sizeof truth);
    oracle_put("p", predicted, sizeof predicted);
    EXPECT(oracle_ask(want, 5,
                      "import numpy as np, sklearn.metrics as m\n"
                      "t = np.fromfile(d + 't', np.float32).astype(float)\n"
                      "p = np.fromfile(d + 'p', np.float32).astype(float)\n"
                      "print(m.mean_squared_error(t, p) ** .5, m.mean_absolute_error(t, p), "
                      "m.r2_score(t, p), (p - t).mean(), m.max_error(t, p))"));
    ft_regression r = ft_regression_of(predicted, truth, N);
    EXPECT(r.count == N && r.skipped == 0);
    EXPECT(oracle_near(r.rmse, want[0], 1e-12) && oracle_near(r.mae, want[1], 1e-12));
    EXPECT(oracle_near(r.r2, want[2], 1e-11) && oracle_near(r.bias, want[3], 1e-12));
    EXPECT(oracle_near(r.largest, want[4], 1e-12));
}

static void test_odd_rows(void **state) {
    (void)state;
    static const float p[] = { 1, NAN, 3, INFINITY }, t[] = { 2, 1, NAN, 1 },
                       flat[] = { 2, 2, 2, 2 };
    ft_regression r = ft_regression_of(p, t, 4);
    EXPECT(r.count == 1 && r.skipped == 3 && r.rmse == 1 && r.bias == -1 && isnan(r.r2));
    r = ft_regression_of(p, t, 0);
    EXPECT(r.count == 0 && isnan(r.rmse) && isnan(r.mae) && isnan(r.r2) && isnan(r.largest));
    r = ft_regression_of(flat, flat, 4);
    EXPECT(r.rmse == 0 && isnan(r.r2));
}

static void test_histogram(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_histogram h;
    double inside = 0;
    fill();
    EXPECT_OK(ft_residual_histogram(&h, &arena, predicted, truth, N, 30));
    EXPECT(h.count == 30 && h.edges[0] <= 0 && h.edges[30] >= 0);
    for (int i = 0; i < 30; i++) inside += h.counts[i];
    EXPECT(inside + (double)(h.below + h.above) == N && h.below <= N / 150 && h.above <= N / 150);
    EXPECT_OK(ft_residual_histogram(&h, &arena, truth, truth, N, 30)); /* all residuals 0 */
    EXPECT(h.counts[15] == N);
    EXPECT_OK(ft_residual_histogram(&h, &arena, truth, truth, 0, 30));
    EXPECT(h.count == 0);
    EXPECT_OK(ft_residual_histogram(&h, &arena, (const float[]){ NAN }, truth, 1, 30));
    EXPECT(h.count == 0);
    ft_arena_fini(&arena);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    fill();
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_histogram h;
        ft_err err = ft_residual_histogram(&h, &arena, predicted, truth, N, 30);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_arena_fini(&arena);
        rounds++;
    }
    EXPECT(rounds >= 4);
}

TEST_MAIN(cmocka_unit_test(test_sklearn), cmocka_unit_test(test_odd_rows),
          cmocka_unit_test(test_histogram), cmocka_unit_test(test_every_fault))
