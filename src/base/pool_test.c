/* pool_test.c -- every item once, the first failure by index, nesting, many runs, failed starts. */
#include "base/pool.h"

#include <stdatomic.h>

#include "base/check.h"
#include "tests/test.h"

#define ITEMS 5000

static atomic_int seen[ITEMS];

static ft_err count_item(void *ctx, size_t i) {
    atomic_fetch_add(&seen[i], 1);
    atomic_fetch_add((atomic_int *)ctx, 1);
    return FT_OK;
}

static void test_each_item_once(void **state) {
    (void)state;
    for (int threads = 0; threads <= 4; threads += 2) {
        ft_pool *pool;
        EXPECT_OK(ft_pool_new(&pool, threads));
        for (size_t count = 0; count <= ITEMS; count = count * 7 + 1) {
            atomic_int total = 0;
            for (size_t i = 0; i < ITEMS; i++) seen[i] = 0;
            EXPECT_OK(ft_pool_run(pool, count, count_item, &total));
            EXPECT(total == (int)count);
            for (size_t i = 0; i < ITEMS; i++) EXPECT(seen[i] == (i < count));
        }
        ft_pool_free(pool);
    }
    ft_pool_free(NULL);
}

static ft_err fail_some(void *ctx, size_t i) {
    (void)ctx;
    if (i == 700) return FT_FAIL(FT_EPARSE, "item %zu is bad", i);
    if (i % 1000 == 999) return FT_FAIL(FT_EIO, "item %zu is late", i);
    return FT_OK;
}

static void test_first_failure_by_index(void **state) {
    (void)state;
    ft_pool *pool;
    EXPECT_OK(ft_pool_new(&pool, 3));
    for (int i = 0; i < 50; i++) {
        ft_err_clear();
        EXPECT_ERR(FT_EPARSE, ft_pool_run(pool, ITEMS, fail_some, NULL));
        EXPECT_WHY("item 700 is bad");
    }
    atomic_int total = 0; /* a failure is forgotten by the next run */
    EXPECT_OK(ft_pool_run(pool, 10, count_item, &total));
    EXPECT(total == 10);
    ft_pool_free(pool);
}

struct nest {
    ft_pool *pool;
    atomic_int total;
};

static ft_err nested(void *ctx, size_t i) {
    struct nest *n = ctx;
    (void)i;
    return ft_pool_run(n->pool, 10, count_item, &n->total);
}

static void test_nested_runs(void **state) {
    (void)state;
    struct nest n = { 0 };
    EXPECT_OK(ft_pool_new(&n.pool, 2));
    EXPECT_OK(ft_pool_run(n.pool, 100, nested, &n));
    EXPECT(n.total == 1000);
    ft_pool_free(n.pool);
}

static void test_many_short_runs(void **state) {
    (void)state;
    ft_pool *pool;
    atomic_int total = 0;
    EXPECT_OK(ft_pool_new(&pool, 2));
    for (int i = 0; i < 3000; i++) EXPECT_OK(ft_pool_run(pool, 3, count_item, &total));
    EXPECT(total == 9000);
    ft_pool_free(pool);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    ft_pool *pool;
    EACH_FAULT {
        ft_err err = ft_pool_new(&pool, 3);
        EXPECT((err == FT_OK) == (pool != NULL));
        ft_pool_free(pool);
        rounds++;
    }
    EXPECT(rounds == 5);
    EXPECT_ERR(FT_EINVAL, ft_pool_new(&pool, -1));
    EXPECT_ERR(FT_EINVAL, ft_pool_new(&pool, 100000));
    EXPECT(ft_cpu_count() >= 1);
}

TEST_MAIN(cmocka_unit_test(test_each_item_once), cmocka_unit_test(test_first_failure_by_index),
          cmocka_unit_test(test_nested_runs), cmocka_unit_test(test_many_short_runs),
          cmocka_unit_test(test_every_fault))
