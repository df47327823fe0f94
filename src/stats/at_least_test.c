/* at_least_test.c -- against the plain loop, and what NaN and infinity are at least of. */
#include "stats/at_least.h"

#include <math.h>

#include "base/random.h"
#include "tests/test.h"

#define N 5003

static double values[N];

static void test_equals_the_plain_loop(void **state) {
    (void)state;
    ft_random r;
    double thresholds[13];
    uint64_t fast[13], plain[13];
    ft_random_seed(&r, 4);
    for (int i = 0; i < N; i++) values[i] = ft_random_normal(&r);
    values[0] = NAN, values[7] = INFINITY, values[11] = -INFINITY, values[N - 1] = NAN;
    for (int k = 0; k < 13; k++) thresholds[k] = (k - 6) * 0.4;
    thresholds[3] = values[100]; /* equal is at least */
    for (size_t n = 0; n <= N; n += n < 40 ? 1 : 1654)
        for (size_t count = 0; count <= 13; count++) {
            ft_count_at_least(fast, thresholds, count, values, n);
            ft_count_at_least_plain(plain, thresholds, count, values, n);
            EXPECT(memcmp(fast, plain, count * sizeof *fast) == 0);
        }
}

static void test_ends(void **state) {
    (void)state;
    double v[] = { NAN, -INFINITY, -1, 0, 1, INFINITY, NAN, 2, -2 };
    double thresholds[] = { -INFINITY, 0, INFINITY, NAN };
    uint64_t count[4];
    ft_count_at_least(count, thresholds, 4, v, 9);
    EXPECT(count[0] == 7 && count[1] == 4 && count[2] == 1 && count[3] == 0);
}

TEST_MAIN(cmocka_unit_test(test_equals_the_plain_loop), cmocka_unit_test(test_ends))
