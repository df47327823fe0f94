/* reduction_test.c -- float32 many at once gives what any type gives one by one. */
#include "trials/reduction.h"

#include <math.h>

#include "base/check.h"
#include "base/random.h"
#include "tests/test.h"

#define VALUES_MAX 5000
#define ALL                                                                                   \
    "min,max,mean,std,variance,sum,prod,l1,l2,abs_min,abs_max,abs_mean,abs_std,abs_variance," \
    "abs_sum,abs_prod,abs_l1,abs_l2"

static float single[VALUES_MAX];
static double exact[VALUES_MAX];

static bool near(double got, double want) {
    if (isnan(want) || isinf(want)) return isnan(want) ? isnan(got) : got == want;
    return fabs(got - want) <= 1e-12 * fmax(1, fabs(want));
}

static void both_agree(int64_t count, const char *what) {
    ft_reduction set[FT_REDUCTIONS_MAX];
    double got[FT_REDUCTIONS_MAX], want[FT_REDUCTIONS_MAX];
    size_t many;
    for (int64_t i = 0; i < count; i++) exact[i] = (double)single[i];
    EXPECT_OK(ft_reductions_parse(set, &many, FT_STR(ALL)));
    EXPECT(many == 18);
    ft_array f32 = { .dtype = FT_F32, .ndim = 1, .shape = { count }, .data = single };
    ft_array f64 = { .dtype = FT_F64, .ndim = 1, .shape = { count }, .data = exact };
    ft_reduce(got, set, many, &f32);
    ft_reduce(want, set, many, &f64);
    for (size_t i = 0; i < many; i++) {
        if (!near(got[i], want[i]))
            print_message("%s, %lld values, reduction %zu: %g, not %g\n", what, (long long)count, i,
                          got[i], want[i]);
        EXPECT(near(got[i], want[i]));
    }
}

static void fill(ft_random *r, int64_t count, double mean) {
    for (int64_t i = 0; i < count; i++) single[i] = (float)(mean + ft_random_normal(r));
}

static void test_any_length(void **state) {
    (void)state;
    ft_random r;
    ft_random_seed(&r, 1);
    for (int64_t count = 0; count <= 70; count++)
        for (int mean = -3; mean <= 3; mean += 3) {
            fill(&r, count, mean);
            both_agree(count, "random");
        }
    fill(&r, VALUES_MAX, 0.1);
    both_agree(VALUES_MAX, "random");
}

/* A value that is no number, or endless, at every place of lanes and rest. */
static void test_odd_values(void **state) {
    (void)state;
    static const float odd[] = { NAN, -NAN, INFINITY, -INFINITY, -0.0F, 3e38F };
    ft_random r;
    ft_random_seed(&r, 2);
    for (size_t k = 0; k < FT_COUNT(odd); k++)
        for (int64_t at = 0; at < 40; at++) {
            fill(&r, 40, 0);
            single[at] = odd[k];
            both_agree(40, "odd");
        }
    fill(&r, 40, 0);
    single[3] = INFINITY;
    single[35] = -INFINITY; /* the sum is no number, the sizes are */
    both_agree(40, "both endless");
}

/* numpy.float32([1, -2, 3]) */
static void test_numpy(void **state) {
    (void)state;
    ft_reduction set[FT_REDUCTIONS_MAX];
    double out[FT_REDUCTIONS_MAX];
    size_t count;
    ft_array a = { .dtype = FT_F32, .ndim = 1, .shape = { 3 }, .data = single };
    static const double want[] = { -2, 3, 2.0 / 3, 2.0548046676563256, 3.7416573867739413, 3, 2 };
    single[0] = 1, single[1] = -2, single[2] = 3;
    EXPECT_OK(
        ft_reductions_parse(set, &count, FT_STR("min,max,mean,std,l2_norm,abs_max,abs_mean")));
    ft_reduce(out, set, count, &a);
    for (size_t i = 0; i < count; i++) EXPECT(near(out[i], want[i]));
}

TEST_MAIN(cmocka_unit_test(test_any_length), cmocka_unit_test(test_odd_values),
          cmocka_unit_test(test_numpy))
