#include "watch/guard.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "tests/test.h"

static char path[300];

static const char *fresh(const char *name) {
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

/* A host that dies inside the evaluation (watch, at); `number` 0: leaves it by _exit. */
static void die_in(int64_t watch, int64_t at, int number) {
    pid_t pid = fork();
    if (pid == 0) {
        ft_guard *g;
        if (ft_guard_take(&g, path) != FT_OK) _exit(9);
        ft_guard_catch(g);
        if (!ft_guard_begin(g, watch, at)) _exit(8);
        if (number) raise(number);
        _exit(0);
    }
    int status;
    EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (number)
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == number);
    else
        EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_deaths_are_counted(void **state) {
    (void)state;
    ft_guard *g;
    fresh("deaths");
    for (int i = 0; i < FT_GUARD_ATTEMPTS; i++) {
        EXPECT_OK(ft_guard_take(&g, path));
        EXPECT(ft_guard_begin(g, 7, 30)); /* still allowed */
        ft_guard_end(g);
        ft_guard_free(g);
        die_in(7, 30, SIGSEGV);
    }
    EXPECT_OK(ft_guard_take(&g, path));
    EXPECT(!ft_guard_begin(g, 7, 30));
    EXPECT(strstr(ft_guard_text(g), "died 3 times, last by signal 11 (Segmentation fault)"));
    EXPECT(ft_guard_begin(g, 7, 31)); /* others go on */
    ft_guard_end(g);
    EXPECT(ft_guard_begin(g, 8, 30));
    ft_guard_end(g);
    ft_guard_free(g);
}

static void test_other_place_begins_anew(void **state) {
    (void)state;
    ft_guard *g;
    fresh("anew");
    die_in(1, 1, SIGKILL);
    die_in(1, 1, SIGKILL);
    die_in(1, 2, SIGABRT); /* another evaluation: the count starts over */
    EXPECT_OK(ft_guard_take(&g, path));
    EXPECT(ft_guard_begin(g, 1, 1));
    ft_guard_end(g);
    EXPECT(ft_guard_begin(g, 1, 2));
    ft_guard_end(g);
    ft_guard_free(g);
}

static void test_death_outside_counts_for_nothing(void **state) {
    (void)state;
    ft_guard *g;
    fresh("outside");
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (ft_guard_take(&g, path) != FT_OK) _exit(9);
            ft_guard_begin(g, 3, 3);
            ft_guard_end(g);
            raise(SIGKILL);
        }
        waitpid(pid, NULL, 0);
    }
    EXPECT_OK(ft_guard_take(&g, path));
    EXPECT(ft_guard_begin(g, 3, 3));
    ft_guard_free(g);
}

static void test_one_host(void **state) {
    (void)state;
    ft_guard *one, *two;
    fresh("one");
    EXPECT_OK(ft_guard_take(&one, path));
    EXPECT_ERR(FT_EBUSY, ft_guard_take(&two, path));
    char pid[32];
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    EXPECT_WHY(pid);
    ft_guard_free(one);
    EXPECT_OK(ft_guard_take(&two, path));
    ft_guard_free(two);
    ft_guard_free(NULL);
}

/* A host that hangs in an evaluation: seen, killed, counted as late. */
static void test_hanging(void **state) {
    (void)state;
    ft_guard *g, *eye;
    pid_t pid;
    fresh("hang");
    EXPECT_ERR(FT_ENOTFOUND, ft_guard_look(&eye, path));
    { /* once is enough: it would be as slow again */
        pid_t host = fork();
        if (host == 0) {
            if (ft_guard_take(&g, path) != FT_OK) _exit(9);
            ft_guard_begin(g, 5, 50);
            for (;;) pause();
        }
        ft_err err;
        while ((err = ft_guard_look(&eye, path)) != FT_OK) EXPECT(err == FT_ENOTFOUND);
        while (!ft_guard_alive(eye, &pid) || pid != host || ft_guard_busy_us(eye) == 0)
            ft_clock_sleep_us(200);
        EXPECT(!ft_guard_kill(eye, 3600 * FT_SECOND_US)); /* not late yet */
        while (ft_guard_busy_us(eye) < 2000) ft_clock_sleep_us(200);
        EXPECT(ft_guard_kill(eye, 1000));
        int status;
        EXPECT(waitpid(host, &status, 0) == host);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        EXPECT(!ft_guard_alive(eye, &pid));
        EXPECT(!ft_guard_kill(eye, 1000)); /* gone */
        ft_guard_free(eye);
    }
    EXPECT_OK(ft_guard_take(&g, path));
    EXPECT(!ft_guard_begin(g, 5, 50) && !ft_guard_begin(g, 5, 60) && ft_guard_begin(g, 6, 50));
    EXPECT(strstr(ft_guard_text(g), "passed its deadline"));
    ft_guard_free(g);
}

static void test_bad_files(void **state) {
    (void)state;
    ft_guard *g;
    fresh("bad");
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("no page"), false));
    EXPECT_ERR(FT_ECORRUPT, ft_guard_take(&g, path));
    char page[4096] = "also no page";
    EXPECT_OK(ft_file_write_atomic(path, ft_str_n(page, sizeof page), false));
    EXPECT_ERR(FT_ECORRUPT, ft_guard_look(&g, path));
}

static void test_faults(void **state) {
    (void)state;
    int rounds = 0;
    fresh("faults");
    EACH_FAULT {
        ft_guard *g = NULL;
        ft_err err = ft_guard_take(&g, path);
        EXPECT((err == FT_OK) == (g != NULL));
        ft_guard_free(g);
        rounds++;
    }
    EXPECT(rounds > 3);
}

TEST_MAIN(cmocka_unit_test(test_deaths_are_counted), cmocka_unit_test(test_other_place_begins_anew),
          cmocka_unit_test(test_death_outside_counts_for_nothing), cmocka_unit_test(test_one_host),
          cmocka_unit_test(test_hanging), cmocka_unit_test(test_bad_files),
          cmocka_unit_test(test_faults))
