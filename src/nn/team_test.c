/* team_test.c -- every part runs once, on threads of the team; failures come back with their
 * sentence; teams that never work end. */
#include "nn/team.h"

#include <stdatomic.h>

#include "base/check.h"
#include "nn/sanitizer_test.h"
#include "tests/test.h"

#define PARTS 300

typedef struct counts {
    atomic_int runs[PARTS];
    atomic_int threads[FT_NN_TEAM_MAX];
    int fails_at;
} counts;

static ft_err count(void *ctx, int part, int thread) {
    counts *c = ctx;
    atomic_fetch_add(&c->runs[part], 1);
    atomic_fetch_add(&c->threads[thread], 1);
    if (part == c->fails_at) return FT_FAIL(FT_ECORRUPT, "part %d is bad", part);
    return FT_OK;
}

static void test_each_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        ft_nn_team *t;
        EXPECT_OK(ft_nn_team_new(&t, threads));
        EXPECT(ft_nn_team_threads(t) == threads);
        for (int round = 0; round < 2000; round++) {
            counts c = { .fails_at = -1 };
            int parts = 1 + round % PARTS, ran = 0;
            EXPECT_OK(ft_nn_team_run(t, parts, count, &c));
            for (int i = 0; i < PARTS; i++) EXPECT(atomic_load(&c.runs[i]) == (i < parts));
            for (int i = 0; i < threads; i++) ran += atomic_load(&c.threads[i]);
            EXPECT(ran == parts);
        }
        EXPECT_OK(ft_nn_team_run(t, 0, count, NULL));
        ft_nn_team_free(t);
    }
}

static void test_failure(void **state) {
    (void)state;
    ft_nn_team *t;
    EXPECT_OK(ft_nn_team_new(&t, 3));
    for (int at = 0; at < 20; at++) {
        counts c = { .fails_at = at };
        char why[32];
        snprintf(why, sizeof why, "part %d is bad", at);
        EXPECT_ERR(FT_ECORRUPT, ft_nn_team_run(t, 20, count, &c));
        EXPECT_WHY(why);
        for (int i = 0; i < 20; i++) EXPECT(atomic_load(&c.runs[i]) == 1);
        c.fails_at = -1;
        EXPECT_OK(ft_nn_team_run(t, 20, count, &c));
    }
    ft_nn_team_free(t);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_nn_team *t;
        ft_err err = ft_nn_team_new(&t, 3);
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EFULL);
        ft_nn_team_free(t);
    }
    ft_nn_team_free(NULL);
}

TEST_MAIN(cmocka_unit_test(test_each_once), cmocka_unit_test(test_failure),
          cmocka_unit_test(test_faults))
