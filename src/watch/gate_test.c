#include "watch/gate.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "tests/test.h"

static const char *path_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

static void test_order(void **state) {
    (void)state;
    ft_gate *job, *host;
    const char *path = path_of("order");
    EXPECT_OK(ft_gate_open(&job, path));
    EXPECT_OK(ft_gate_open(&host, path));
    EXPECT(ft_gate_next(host, -1, 0) == -1);
    EXPECT_OK(ft_gate_wait(job, 0, 1)); /* nothing was recorded: nothing to wait for */
    ft_gate_recorded(job, 0);
    EXPECT(ft_gate_next(host, -1, FT_SECOND_US) == 0);
    ft_gate_evaluated(host, 0);
    EXPECT_OK(ft_gate_wait(job, 5, FT_SECOND_US));
    ft_gate_recorded(job, 5);
    ft_gate_recorded(job, 3); /* older news changes nothing */
    EXPECT(ft_gate_next(host, 0, 0) == 5);
    EXPECT(ft_gate_next(host, INT64_MAX - 2, 0) == 5);
    ft_gate_close(host);
    EXPECT(ft_gate_closed(job));
    EXPECT_ERR(FT_ECANCELED, ft_gate_wait(job, 6, FT_SECOND_US));
    EXPECT_WHY("before step 6");
    ft_gate_free(job);
    ft_gate_free(host);
    ft_gate_free(NULL);
}

/* A dead host costs the patience once, not once a step; when it moves again the gate holds again.
 */
static void test_patience(void **state) {
    (void)state;
    ft_gate *g;
    EXPECT_OK(ft_gate_open(&g, path_of("patience")));
    int64_t begin = ft_clock_monotonic_us();
    for (int64_t step = 0; step < 200; step++) {
        EXPECT_OK(ft_gate_wait(g, step, 20000));
        ft_gate_recorded(g, step);
    }
    int64_t took = ft_clock_monotonic_us() - begin;
    EXPECT(took >= 20000 && took < 1000000);
    ft_gate_evaluated(g, 199); /* the host caught up */
    EXPECT_OK(ft_gate_wait(g, 200, 20000));
    ft_gate_recorded(g, 200);
    begin = ft_clock_monotonic_us();
    EXPECT_OK(ft_gate_wait(g, 201, 20000)); /* patience again */
    EXPECT(ft_clock_monotonic_us() - begin >= 20000);
    ft_gate_free(g);
}

static void test_not_a_gate(void **state) {
    (void)state;
    ft_gate *g;
    char page[4096] = "something else";
    const char *path = path_of("other");
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("short"), false));
    EXPECT_ERR(FT_ECORRUPT, ft_gate_open(&g, path));
    EXPECT_WHY("5 bytes");
    EXPECT_OK(ft_file_write_atomic(path, ft_str_n(page, sizeof page), false));
    EXPECT_ERR(FT_ECORRUPT, ft_gate_open(&g, path));
    EXPECT_ERR(FT_ENOTFOUND, ft_gate_open(&g, path_of("no/such/folder")));
}

static void test_faults(void **state) {
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", path_of("faults"));
    int rounds = 0;
    EACH_FAULT {
        ft_gate *g = NULL;
        ft_err err = ft_gate_open(&g, path);
        EXPECT((err == FT_OK) == (g != NULL));
        ft_gate_free(g);
        rounds++;
    }
    EXPECT(rounds > 3);
}

/* A host in another process: every step is evaluated before the next is recorded. */
static pid_t host_fork(const char *path, int64_t steps, int64_t close_at) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    ft_gate *g;
    int bad = ft_gate_open(&g, path) != FT_OK;
    for (int64_t seen = -1; !bad && seen < steps - 1;) {
        int64_t next = ft_gate_next(g, seen, FT_SECOND_US);
        if (next > seen + 1) bad = 1; /* the job ran ahead */
        if (close_at >= 0 && next >= close_at) {
            ft_gate_close(g);
            break;
        }
        if (next > seen) ft_gate_evaluated(g, next);
        seen = next;
    }
    _exit(bad);
}

static void expect_good_end(pid_t pid) {
    int status;
    EXPECT(waitpid(pid, &status, 0) == pid);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_two_processes(void **state) {
    (void)state;
    enum { ROUNDS = 8, STEPS = 500 };
    double best_us = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        char path[320];
        snprintf(path, sizeof path, "%s/pair%d", test_dir(), round);
        ft_gate *g;
        EXPECT_OK(ft_gate_open(&g, path));
        pid_t host = host_fork(path, STEPS, -1);
        EXPECT(host > 0);
        int64_t begin = 0;
        for (int64_t step = 0; step < STEPS; step++) {
            EXPECT_OK(ft_gate_wait(g, step, 10 * FT_SECOND_US));
            if (step == 1) begin = ft_clock_monotonic_us(); /* the host is there */
            ft_gate_recorded(g, step);
        }
        EXPECT_OK(ft_gate_wait(g, STEPS, 10 * FT_SECOND_US));
        double us = (double)(ft_clock_monotonic_us() - begin) / (STEPS - 1);
        if (us < best_us) best_us = us;
        expect_good_end(host);
        ft_gate_free(g);
    }
    print_message("# gate: %.2f us a step with a prompt host\n", best_us);
    EXPECT(best_us < 500); /* on a machine with other work, too; a sleep each would be more */
}

static void test_closed_by_another(void **state) {
    (void)state;
    const char *path = path_of("close");
    ft_gate *g;
    EXPECT_OK(ft_gate_open(&g, path));
    pid_t host = host_fork(path, 1000, 40);
    ft_err err = FT_OK;
    int64_t step = 0;
    for (; step < 1000; step++) {
        err = ft_gate_wait(g, step, 10 * FT_SECOND_US);
        if (err != FT_OK) break;
        ft_gate_recorded(g, step);
    }
    EXPECT(err == FT_ECANCELED);
    EXPECT(step == 41); /* 40 was recorded, nothing after it */
    expect_good_end(host);
    ft_gate_free(g);
}

/* kill -9 of a host that holds a job: the job goes on after its patience. */
static void test_host_killed(void **state) {
    (void)state;
    const char *path = path_of("killed");
    ft_gate *g;
    EXPECT_OK(ft_gate_open(&g, path));
    pid_t host = fork();
    if (host == 0) {
        ft_gate *h;
        if (ft_gate_open(&h, path) == FT_OK) ft_gate_next(h, INT64_MAX - 2, 60 * FT_SECOND_US);
        _exit(1);
    }
    ft_gate_recorded(g, 0);
    kill(host, SIGKILL);
    int status;
    waitpid(host, &status, 0);
    int64_t begin = ft_clock_monotonic_us();
    EXPECT_OK(ft_gate_wait(g, 1, 30000));
    int64_t took = ft_clock_monotonic_us() - begin;
    EXPECT(took >= 30000 && took < 2 * FT_SECOND_US);
    ft_gate_free(g);
}

TEST_MAIN(cmocka_unit_test(test_order), cmocka_unit_test(test_patience),
          cmocka_unit_test(test_not_a_gate), cmocka_unit_test(test_faults),
          cmocka_unit_test(test_two_processes), cmocka_unit_test(test_closed_by_another),
          cmocka_unit_test(test_host_killed))
