/* syncer_test.c -- files that grow are synced by the other thread, dropped ones are forgotten. */
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "serve/syncer.h"
#include "tests/test.h"

static const char *file(int i) {
    static char path[300];
    snprintf(path, sizeof path, "%s/f%d", test_dir(), i);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("x"), false));
    return path;
}

static void wait_clean(ft_synced *f) {
    int64_t until_us = ft_clock_monotonic_us() + 20 * FT_SECOND_US;
    while (atomic_load(&f->dirty) && ft_clock_monotonic_us() < until_us) sched_yield();
    EXPECT(!atomic_load(&f->dirty));
}

static void test_marks(void **state) {
    (void)state;
    ft_syncer *s;
    ft_synced *f[5];
    EXPECT_OK(ft_syncer_new(&s));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) EXPECT_OK(ft_syncer_add(&f[i], s, file(i)));
        for (int i = 0; i < 5; i++) wait_clean(f[i]); /* what was there when it came */
        ft_synced_mark(f[2]);
        ft_synced_mark(f[2]);
        wait_clean(f[2]);
        for (int i = 0; i < 5; i++) ft_synced_drop(f[(i + round) % 5]);
    }
    ft_synced_drop(NULL);
    EXPECT_ERR(FT_ENOTFOUND, ft_syncer_add(&f[0], s, "/nowhere/at/all"));
    EXPECT_OK(ft_syncer_add(&f[0], s, file(0)));
    ft_syncer_free(s); /* with one that nobody dropped */
    ft_syncer_free(NULL);
}

static void test_faults(void **state) {
    (void)state;
    const char *path = file(9);
    size_t rounds = 0;
    EACH_FAULT {
        ft_syncer *s = NULL;
        ft_synced *f = NULL;
        ft_err err = ft_syncer_new(&s);
        if (err == FT_OK) err = ft_syncer_add(&f, s, path);
        EXPECT((err == FT_OK) == (f != NULL));
        ft_synced_drop(f);
        ft_syncer_free(s);
        rounds++;
    }
    EXPECT(rounds > 3);
}

TEST_MAIN(cmocka_unit_test(test_marks), cmocka_unit_test(test_faults))
