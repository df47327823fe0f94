/* sort_test.c -- every size class against qsort, odd values, stability, failed memory. */
#include "stats/sort.h"

#include <math.h>

#include "base/random.h"
#include "tests/test.h"

static int compare(const void *a, const void *b) {
    uint64_t x = ft_sort_key(*(const double *)a), y = ft_sort_key(*(const double *)b);
    return x < y ? -1 : x > y;
}

static void test_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = { 0, 1, 2, 47, 48, 49, 255, 2048, 16384, 16385, 100000 };
    ft_random r;
    ft_random_seed(&r, 1);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        for (int kind = 0; kind < 4; kind++) {
            size_t n = sizes[k];
            double *v = malloc((n + 1) * sizeof *v), *want = malloc((n + 1) * sizeof *want);
            for (size_t i = 0; i < n; i++) {
                v[i] = kind == 0   ? ft_random_normal(&r)
                       : kind == 1 ? (double)(float)ft_random_unit(&r)
                                   : 0;
                if (kind == 2) v[i] = (double)(int)ft_random_below(&r, 5) - 2;
                if (kind == 3)
                    v[i] = i % 5 == 0   ? NAN
                           : i % 5 == 1 ? -INFINITY
                           : i % 5 == 2 ? -0.0
                                        : (double)i;
            }
            memcpy(want, v, n * sizeof *v);
            qsort(want, n, sizeof *want, compare);
            EXPECT_OK(ft_sort_f64(v, n));
            for (size_t i = 0; i < n; i++) EXPECT(ft_sort_key(v[i]) == ft_sort_key(want[i]));
            free(v);
            free(want);
        }
    }
}

static void test_keys(void **state) {
    (void)state;
    static const double order[] = { -INFINITY, -1e300, -1,    -1e-300,  -0.0, 0,
                                    1e-300,    1,      1e300, INFINITY, NAN };
    for (size_t i = 0; i + 1 < sizeof order / sizeof order[0]; i++)
        EXPECT(ft_sort_key(order[i]) < ft_sort_key(order[i + 1]));
    for (size_t i = 0; i + 1 < sizeof order / sizeof order[0]; i++)
        EXPECT(memcmp(&(double){ ft_sort_value(ft_sort_key(order[i])) }, &order[i], 8) == 0);
    EXPECT(isnan(ft_sort_value(ft_sort_key(-NAN))));
}

static void test_payload_is_stable(void **state) {
    (void)state;
    ft_random r;
    ft_random_seed(&r, 2);
    for (size_t n = 10; n < 100000; n *= 20) {
        uint64_t *keys = malloc(n * sizeof *keys);
        uint32_t *payload = malloc(n * sizeof *payload);
        for (size_t i = 0; i < n; i++) {
            keys[i] = ft_random_below(&r, 9) << 40;
            payload[i] = (uint32_t)i;
        }
        EXPECT_OK(ft_sort_keys(keys, payload, n));
        for (size_t i = 1; i < n; i++) {
            EXPECT(keys[i - 1] <= keys[i]);
            EXPECT(keys[i - 1] < keys[i] || payload[i - 1] < payload[i]);
        }
        free(keys);
        free(payload);
    }
}

static void test_every_fault(void **state) {
    (void)state;
    double v[100] = { 0 };
    uint64_t keys[100] = { 0 };
    uint32_t payload[100] = { 0 };
    int rounds = 0;
    EACH_FAULT {
        v[0] = 1;
        ft_err err = ft_sort_f64(v, 100);
        if (!err) err = ft_sort_keys(keys, payload, 100);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        rounds++;
    }
    EXPECT(rounds == 3);
}

TEST_MAIN(cmocka_unit_test(test_sizes), cmocka_unit_test(test_keys),
          cmocka_unit_test(test_payload_is_stable), cmocka_unit_test(test_every_fault))
