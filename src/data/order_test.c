/* order_test.c -- permutations, windows, shares of ranks, and how well they mix. */
#include "data/order.h"

#include <math.h>

#include "tests/test.h"

/* Every number exactly once? */
static void expect_each_once(const uint64_t *numbers, size_t count) {
    uint8_t *seen = calloc(count, 1);
    EXPECT(seen);
    for (size_t i = 0; i < count; i++) {
        EXPECT(numbers[i] < count && !seen[numbers[i]]);
        seen[numbers[i]] = 1;
    }
    free(seen);
}

static uint64_t *whole(ft_shuffle shuffle, size_t window, size_t count, uint64_t seed,
                       uint64_t epoch) {
    ft_epoch_order o;
    uint64_t *numbers = malloc((count + 1) * sizeof *numbers), extra;
    EXPECT(numbers);
    EXPECT_OK(ft_epoch_order_init(&o, shuffle, window, count, seed, epoch));
    for (size_t i = 0; i < count; i++) EXPECT(ft_epoch_order_next(&o, &numbers[i]));
    EXPECT(!ft_epoch_order_next(&o, &extra));
    ft_epoch_order_fini(&o);
    return numbers;
}

static void test_each_once(void **state) {
    (void)state;
    static const size_t counts[] = { 0, 1, 2, 3, 10, 1000, 65536, 65537, 100003, 1 << 17 };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (int shuffle = FT_SHUFFLE_NONE; shuffle <= FT_SHUFFLE_WINDOW; shuffle++) {
            uint64_t *numbers = whole((ft_shuffle)shuffle, 100, counts[i], 7, 1);
            expect_each_once(numbers, counts[i]);
            free(numbers);
        }
    }
}

/* A set that no memory would hold: every position lands inside, neighbours land far apart. */
static void test_huge(void **state) {
    (void)state;
    ft_permutation p;
    double mean = 0;
    uint64_t count = (1ull << 62) + 12345;
    EXPECT_OK(ft_permutation_init(&p, count, 99));
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t at = ft_permutation_at(&p, i);
        EXPECT(at < count && at != ft_permutation_at(&p, i + 1));
        mean += (double)at / (double)count / 1000;
    }
    EXPECT(fabs(mean - 0.5) < 0.04); /* 4 standard deviations */
    ft_permutation_fini(&p);
}

static void test_pure(void **state) {
    (void)state;
    size_t n = 70000, equal = 0;
    uint64_t *a = whole(FT_SHUFFLE_FULL, 0, n, 7, 1), *b = whole(FT_SHUFFLE_FULL, 0, n, 7, 1);
    uint64_t *c = whole(FT_SHUFFLE_FULL, 0, n, 7, 2), *d = whole(FT_SHUFFLE_FULL, 0, n, 8, 1);
    EXPECT(memcmp(a, b, n * sizeof *a) == 0);
    for (size_t i = 0; i < n; i++) equal += (a[i] == c[i]) + (a[i] == d[i]);
    EXPECT(equal < 20); /* two expected by chance */
    free(a), free(b), free(c), free(d);
}

/* All 24 permutations of four, over seeds: chi-square with 23 degrees of freedom, 0.1 % point 49.7.
 */
static void test_fair(void **state) {
    (void)state;
    int seen[256] = { 0 };
    double chi = 0, expected = 24000 / 24.0;
    for (uint64_t seed = 0; seed < 24000; seed++) {
        uint64_t *n = whole(FT_SHUFFLE_FULL, 0, 4, seed, 0);
        seen[n[0] << 6 | n[1] << 4 | n[2] << 2 | n[3]]++;
        free(n);
    }
    for (int i = 0; i < 256; i++)
        if (seen[i]) chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    EXPECT(chi < 49.7);
}

/* Where the first thousand positions of a computed permutation land: 64 bins, chi-square with 63
 * degrees of freedom over 50 seeds (3,150: mean 3,150, deviation 79). */
static void test_even(void **state) {
    (void)state;
    double chi = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        int bins[64] = { 0 };
        ft_permutation p;
        EXPECT_OK(ft_permutation_init(&p, 100000, ft_order_key(seed, 3, 0)));
        for (uint64_t i = 0; i < 1000; i++) bins[ft_permutation_at(&p, i) * 64 / 100000]++;
        for (int b = 0; b < 64; b++) chi += (bins[b] - 15.625) * (bins[b] - 15.625) / 15.625;
        ft_permutation_fini(&p);
    }
    EXPECT(chi > 3150 - 400 && chi < 3150 + 400);
}

static void test_quality(void **state) {
    (void)state;
    enum { N = 100000, CLASSES = 10 };
    ft_order_quality q;
    int64_t *labels = malloc(N * sizeof *labels);
    EXPECT(labels);
    for (int shuffle = FT_SHUFFLE_NONE; shuffle <= FT_SHUFFLE_WINDOW; shuffle++) {
        uint64_t *numbers = whole((ft_shuffle)shuffle, 5000, N, 11, 0);
        for (size_t i = 0; i < N; i++) labels[i] = (int64_t)(numbers[i] * CLASSES / N); /* sorted */
        ft_order_measure(&q, numbers, labels, N);
        if (shuffle == FT_SHUFFLE_FULL) {
            EXPECT(fabs(q.neighbour_correlation) < 0.013); /* 4 / sqrt(N) */
            EXPECT(fabs(q.displacement - 1.0 / 3) < 0.005);
            EXPECT(fabs(q.run_mean / q.run_expected - 1) < 0.01 && q.run_longest < 12);
            EXPECT(fabs(q.run_expected - 1 / 0.9) < 0.001);
        } else if (shuffle ==
                   FT_SHUFFLE_WINDOW) { /* mixes near its place only: the figures say so */
            EXPECT(q.neighbour_correlation > 0.9 && q.displacement < 0.06 && q.run_mean > 2);
        } else {
            EXPECT(q.neighbour_correlation > 0.999 && q.displacement == 0);
            EXPECT(q.run_mean == N / CLASSES && q.run_longest == N / CLASSES);
        }
        free(numbers);
    }
    free(labels);
}

/* A position is reached by going or by skipping. */
static void test_skip(void **state) {
    (void)state;
    for (int shuffle = FT_SHUFFLE_NONE; shuffle <= FT_SHUFFLE_WINDOW; shuffle++) {
        uint64_t *numbers = whole((ft_shuffle)shuffle, 64, 500, 3, 4);
        for (uint64_t skip = 0; skip <= 500; skip += 50) {
            ft_epoch_order o;
            uint64_t n;
            EXPECT_OK(ft_epoch_order_init(&o, (ft_shuffle)shuffle, 64, 500, 3, 4));
            ft_epoch_order_skip(&o, skip);
            if (skip < 500)
                EXPECT(ft_epoch_order_next(&o, &n) && n == numbers[skip]);
            else
                EXPECT(!ft_epoch_order_next(&o, &n));
            ft_epoch_order_skip(&o, 10000);
            EXPECT(!ft_epoch_order_next(&o, &n));
            ft_epoch_order_fini(&o);
        }
        free(numbers);
    }
}

/* A window draws nothing that has not been read: position p holds a number below p + window. */
static void test_window_bound(void **state) {
    (void)state;
    uint64_t *numbers = whole(FT_SHUFFLE_WINDOW, 16, 1000, 5, 0);
    for (size_t i = 0; i < 1000; i++) EXPECT(numbers[i] < i + 16);
    free(numbers);
    ft_order_window w;
    EXPECT_ERR(FT_ETOOBIG, ft_window_init(&w, FT_ORDER_WINDOW_MAX + 1, 0));
    ft_window_fini(&w);
}

static void test_steps(void **state) {
    (void)state;
    EXPECT(ft_order_steps(0, 32, 1, false) == 0);
    EXPECT(ft_order_steps(100, 32, 1, false) == 4 && ft_order_steps(100, 32, 1, true) == 3);
    EXPECT(ft_order_steps(100, 10, 3, false) == 4 && ft_order_steps(100, 10, 3, true) == 3);
    EXPECT(ft_order_steps(96, 32, 3, false) == 1);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_epoch_order o, w;
        ft_err err = ft_epoch_order_init(&o, FT_SHUFFLE_FULL, 0, 100, 1, 1);
        if (!err) ft_epoch_order_fini(&o);
        if (!err) err = ft_epoch_order_init(&w, FT_SHUFFLE_WINDOW, 10, 100, 1, 1);
        if (!err) ft_epoch_order_fini(&w);
        EXPECT(!err || err == FT_ENOMEM);
    }
}

TEST_MAIN(cmocka_unit_test(test_each_once), cmocka_unit_test(test_huge),
          cmocka_unit_test(test_pure), cmocka_unit_test(test_fair), cmocka_unit_test(test_even),
          cmocka_unit_test(test_quality), cmocka_unit_test(test_skip),
          cmocka_unit_test(test_window_bound), cmocka_unit_test(test_steps),
          cmocka_unit_test(test_faults))
