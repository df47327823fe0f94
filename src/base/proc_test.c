/* proc_test.c -- real children: exits, output, groups, deadlines, restarts, and failed starts. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "tests/test.h"

#define SOON_US (10 * FT_SECOND_US) /* more than a loaded machine needs */

static ft_supervisor *sup;
static ft_buf out; /* lines, each ended by '|' */
static int exits;

static void on_line(void *ctx, ft_str line) {
    (void)ctx;
    ft_buf_add(&out, line);
    ft_buf_byte(&out, '|');
}

static void on_exit_count(void *ctx, ft_proc *p) {
    (void)ctx;
    EXPECT(ft_proc_result(p).ended);
    exits++;
}

static int start_test(void **state) {
    (void)state;
    exits = 0;
    ft_buf_reset(&out);
    return ft_supervisor_new(&sup);
}

/* No child may be left, not even a dead one. */
static int end_test(void **state) {
    (void)state;
    ft_supervisor_free(sup);
    ft_buf_fini(&out);
    int none = waitpid(-1, NULL, WNOHANG);
    return none == -1 && errno == ECHILD ? 0 : 1;
}

static ft_proc *shell(ft_proc_spec spec, const char *script) {
    const char *argv[] = { "sh", "-c", script, NULL };
    ft_proc *p;
    spec.argv = argv;
    spec.on_exit = on_exit_count;
    EXPECT_OK(ft_proc_start(&p, sup, &spec));
    return p;
}

static ft_proc_end run(ft_proc_spec spec, const char *script) {
    ft_proc *p = shell(spec, script);
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    return ft_proc_result(p);
}

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

static void test_exit_codes(void **state) {
    (void)state;
    ft_proc_end end = run((ft_proc_spec){ 0 }, "exit 3");
    EXPECT(end.ended && end.exit_code == 3 && end.signal == 0 && end.restarts == 0);
    assert_string_equal(ft_proc_end_text(&end), "exit code 3");
    end = run((ft_proc_spec){ 0 }, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
    EXPECT(end.exit_code == 0 && end.cpu_us > 0 && end.peak_rss_bytes > 100000);
    end = run((ft_proc_spec){ 0 }, "kill -9 $$");
    EXPECT(end.exit_code == -1 && end.signal == SIGKILL);
    assert_string_equal(ft_proc_end_text(&end), "killed by signal 9 (Killed)");
    EXPECT(exits == 3);
}

static void test_lines(void **state) {
    (void)state;
    run((ft_proc_spec){ .on_line = on_line }, "echo one; echo two >&2; echo; printf three");
    EXPECT_STR("one|two||three|", ft_buf_str(&out));
}

static void test_long_lines(void **state) {
    (void)state;
    run((ft_proc_spec){ .on_line = on_line },
        "head -c 65536 /dev/zero | tr '\\0' a; echo; head -c 150000 /dev/zero | tr '\\0' b; echo");
    size_t pipes[8], n = 0;
    for (size_t i = 0; i < out.len; i++)
        if (out.at[i] == '|' && n < 8) pipes[n++] = i;
    EXPECT(n == 4); /* one of exactly the limit; one in three pieces */
    EXPECT(pipes[0] == 65536 && out.len == 65536 + 150000 + 4);
    EXPECT(out.at[pipes[0] + 1] == 'b' && pipes[2] == 65536 * 3 + 2);
}

static void test_output_file(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str got;
    ft_proc_spec spec = { .output_path = path_of("log") };
    run(spec, "echo one");
    run(spec, "echo two >&2");
    spec.on_line = on_line;
    run(spec, "echo three");
    EXPECT_OK(ft_file_read(&got, &arena, path_of("log"), 1000));
    EXPECT_STR("one\ntwo\nthree\n", got);
    EXPECT_STR("three|", ft_buf_str(&out));
    ft_arena_fini(&arena);
}

static void test_environment(void **state) {
    (void)state;
    const char *env[] = { "FT_ONE=1", "FT_OURS=child", "HOME=/nowhere", NULL };
    setenv("FT_OURS", "parent", 1);
    setenv("FT_KEPT", "kept", 1);
    run((ft_proc_spec){ .on_line = on_line, .env = env, .cwd = "/usr" },
        "echo $FT_ONE $FT_OURS $FT_KEPT $HOME $PWD; cat; ls /proc/self/fd | tr '\\n' ' '");
    /* ls itself opens one more */
    EXPECT_STR("1 child kept /nowhere /usr|0 1 2 3 |", ft_buf_str(&out));
}

static void test_no_descriptor_leaks(void **state) {
    (void)state;
    int fd = open("/dev/null", O_RDONLY); /* as a library would: without O_CLOEXEC */
    int high = dup2(fd, 77);
    ft_proc_end end = run((ft_proc_spec){ 0 }, "[ ! -e /proc/self/fd/77 ]");
    EXPECT(high == 77 && end.exit_code == 0);
    close(fd);
    close(high);
}

static void test_signals_are_fresh(void **state) {
    (void)state;
    sigset_t some, before;
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigprocmask(SIG_BLOCK, &some, &before); /* as a server's thread has it */
    signal(SIGPIPE, SIG_IGN);
    run((ft_proc_spec){ .on_line = on_line }, "grep -E 'Sig(Blk|Ign)' /proc/self/status");
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    EXPECT_STR("SigBlk:\t0000000000000000|SigIgn:\t0000000000000000|", ft_buf_str(&out));
}

static void test_cannot_start(void **state) {
    (void)state;
    ft_proc *p;
    const char *none[] = { "ft-no-such-program", NULL }, *denied[] = { "/etc/passwd", NULL };
    const char *sh[] = { "sh", "-c", "exit", NULL };
    EXPECT_ERR(FT_ENOTFOUND,
               ft_proc_start(&p, sup, &(ft_proc_spec){ .argv = none, .name = "job" }));
    EXPECT_WHY("cannot start 'job': program 'ft-no-such-program': No such file");
    EXPECT(p == NULL);
    EXPECT_ERR(FT_EDENIED, ft_proc_start(&p, sup, &(ft_proc_spec){ .argv = denied }));
    EXPECT_ERR(FT_ENOTFOUND, ft_proc_start(&p, sup, &(ft_proc_spec){ .argv = sh, .cwd = "/none" }));
    EXPECT_WHY("folder '/none'");
    EXPECT_ERR(FT_ENOTFOUND,
               ft_proc_start(&p, sup, &(ft_proc_spec){ .argv = sh, .output_path = "/none/log" }));
    EXPECT_OK(ft_supervisor_poll(sup, 0));
}

static void test_deadline_and_grace(void **state) {
    (void)state;
    ft_proc_end end = run((ft_proc_spec){ .deadline_us = 50000 }, "exec sleep 1000");
    EXPECT(end.by_deadline && !end.by_request && end.signal == SIGTERM);
    assert_string_equal(ft_proc_end_text(&end), "stopped after its deadline of 0.05 s");
    end = run((ft_proc_spec){ .deadline_us = 50000, .grace_us = 50000 },
              "trap '' TERM; while :; do sleep 1000; done");
    EXPECT(end.by_deadline && end.signal == SIGKILL);
    end = run((ft_proc_spec){ .deadline_us = 60 * FT_SECOND_US }, "exit 0");
    EXPECT(!end.by_deadline && end.exit_code == 0);
    /* It had ended long before anybody looked. */
    ft_proc *p = shell((ft_proc_spec){ .deadline_us = 1 }, "exit 0");
    siginfo_t info;
    EXPECT(waitid(P_PID, (id_t)ft_proc_pid(p), &info, WEXITED | WNOWAIT) == 0);
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    EXPECT(!ft_proc_result(p).by_deadline);
}

static void test_stop_on_request(void **state) {
    (void)state;
    ft_proc *p = shell((ft_proc_spec){ .on_line = on_line, .restart = FT_RESTART_ALWAYS },
                       "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done");
    while (out.len == 0) EXPECT_OK(ft_supervisor_poll(sup, SOON_US));
    pid_t pid = ft_proc_pid(p);
    uint64_t since;
    EXPECT_OK(ft_pid_started(&since, pid));
    EXPECT(ft_pid_alive(pid, since) && !ft_pid_alive(pid, since + 1));
    kill(pid, SIGSTOP); /* a halted one must hear it, too */
    ft_proc_stop(p);
    ft_proc_stop(p);
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    ft_proc_end end = ft_proc_result(p);
    EXPECT(end.by_request && end.exit_code == 5 && end.restarts == 0 && exits == 1);
    /* The shell may say between them that its sleep was terminated, too. */
    EXPECT(ft_str_starts(ft_buf_str(&out), FT_STR("up|")));
    EXPECT(ft_str_ends(ft_buf_str(&out), FT_STR("bye|")));
    assert_string_equal(ft_proc_end_text(&end), "stopped on request");
    EXPECT(ft_proc_pid(p) == 0 && !ft_pid_alive(pid, since));
    ft_proc_stop(p);
}

/* The child's child: named in the first line of output. */
static pid_t wait_for_pid(uint64_t *since) {
    while (out.len == 0) EXPECT_OK(ft_supervisor_poll(sup, SOON_US));
    pid_t pid = atoi(out.at);
    EXPECT_OK(ft_pid_started(since, pid));
    return pid;
}

static void expect_gone(pid_t pid, uint64_t since) {
    int64_t end = ft_clock_monotonic_us() + SOON_US;
    while (ft_pid_alive(pid, since) && ft_clock_monotonic_us() < end) ft_clock_sleep_us(1000);
    EXPECT(!ft_pid_alive(pid, since));
}

static void test_group_dies_with_its_leader(void **state) {
    (void)state;
    ft_proc *p = shell((ft_proc_spec){ .on_line = on_line }, "sleep 1000 & echo $!; wait");
    uint64_t since;
    pid_t pid = wait_for_pid(&since);
    ft_proc_stop(p);
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    expect_gone(pid, since);
    /* … and when the leader ends by itself. */
    ft_buf_reset(&out);
    p = shell((ft_proc_spec){ .on_line = on_line },
              "sleep 1000 & echo $!; read x </dev/null; exit 4");
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    EXPECT(ft_proc_result(p).exit_code == 4);
    pid = atoi(out.at);
    EXPECT(kill(pid, 0) != 0 || !ft_pid_alive(pid, 0));
}

/* A shell dies of SIGTERM at once; the program that it started may still save its work. */
static void test_group_has_its_grace(void **state) {
    (void)state;
    ft_proc *p = shell((ft_proc_spec){ .on_line = on_line },
                       "sh -c 'trap \"sleep 0.1; echo saved; exit\" TERM; echo ready; "
                       "while :; do sleep 0.01; done' & wait");
    while (out.len == 0) EXPECT_OK(ft_supervisor_poll(sup, SOON_US));
    ft_proc_stop(p);
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    EXPECT(ft_str_starts(ft_buf_str(&out), FT_STR("ready|")));
    EXPECT(ft_str_ends(ft_buf_str(&out), FT_STR("saved|")));
    EXPECT(ft_proc_result(p).signal == SIGTERM);
}

static void test_restarts(void **state) {
    (void)state;
    /* Fails twice, then succeeds. */
    const char *script = "echo x >>runs; [ $(wc -l <runs) -ge 3 ]";
    ft_proc_end end =
        run((ft_proc_spec){ .restart = FT_RESTART_ON_FAILURE, .cwd = test_dir() }, script);
    EXPECT(end.exit_code == 0 && end.restarts == 2 && exits == 1);
    assert_string_equal(ft_proc_end_text(&end), "exit code 0 after 2 restarts");
    int64_t from = ft_clock_monotonic_us();
    end = run((ft_proc_spec){ .restart = FT_RESTART_ON_FAILURE, .restart_max = 2 }, "exit 9");
    EXPECT(end.exit_code == 9 && end.restarts == 2);
    EXPECT(ft_clock_monotonic_us() - from >= 300000); /* 100 ms, then 200 ms */
    end = run((ft_proc_spec){ .restart = FT_RESTART_ALWAYS, .restart_max = 1 }, "exit 0");
    EXPECT(end.exit_code == 0 && end.restarts == 1);
    end = run((ft_proc_spec){ .restart = FT_RESTART_ALWAYS, .deadline_us = 150000 }, "exit 0");
    EXPECT(end.by_deadline && end.restarts <= 1);
}

static void test_stop_while_waiting(void **state) {
    (void)state;
    ft_proc *p = shell((ft_proc_spec){ .restart = FT_RESTART_ALWAYS }, "exit 1");
    while (ft_proc_pid(p)) EXPECT_OK(ft_supervisor_poll(sup, SOON_US));
    ft_proc_stop(p);
    EXPECT(exits == 0);
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    EXPECT(exits == 1 && ft_proc_result(p).by_request);
}

/* The program vanishes between two runs. */
static void test_restart_that_cannot_run(void **state) {
    (void)state;
    char program[512];
    snprintf(program, sizeof program, "%s", path_of("prog"));
    EXPECT_OK(ft_file_write_atomic(program, FT_STR("#!/bin/sh\nrm $0\nexit 1\n"), false));
    EXPECT(chmod(program, 0755) == 0);
    const char *argv[] = { program, NULL };
    ft_proc *p;
    EXPECT_OK(ft_proc_start(
        &p, sup,
        &(ft_proc_spec){ .argv = argv, .restart = FT_RESTART_ON_FAILURE, .restart_max = 2 }));
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    EXPECT(ft_proc_result(p).exit_code == 127 && ft_proc_result(p).restarts == 2);
}

static void test_many_children(void **state) {
    (void)state;
    ft_proc *all[40];
    for (size_t i = 0; i < FT_COUNT(all); i++)
        all[i] = shell((ft_proc_spec){ .on_line = on_line }, "echo a; exit 2");
    for (size_t i = 0; i < FT_COUNT(all); i++) {
        EXPECT_OK(ft_proc_wait(all[i], SOON_US));
        EXPECT(ft_proc_result(all[i]).exit_code == 2);
        ft_proc_forget(all[i]);
    }
    EXPECT(exits == 40 && out.len == 80);
    EXPECT_OK(ft_supervisor_poll(sup, 0));
    EXPECT_OK(ft_supervisor_poll(sup, -1)); /* nothing to wait for: returns */
}

static void start_next(void *ctx, ft_proc *p) {
    int *left = ctx;
    const char *argv[] = { "true", NULL };
    ft_proc_forget(p);
    if (--*left > 0)
        EXPECT_OK(ft_proc_start(
            &p, sup, &(ft_proc_spec){ .argv = argv, .on_exit = start_next, .ctx = left }));
}

static void test_callbacks_may_start_and_forget(void **state) {
    (void)state;
    int left = 5;
    const char *argv[] = { "true", NULL };
    ft_proc *p;
    EXPECT_OK(ft_proc_start(&p, sup,
                            &(ft_proc_spec){ .argv = argv, .on_exit = start_next, .ctx = &left }));
    while (left > 0) EXPECT_OK(ft_supervisor_poll(sup, SOON_US));
}

static void test_wait_times_out(void **state) {
    (void)state;
    ft_proc *p = shell((ft_proc_spec){ .name = "sleeper" }, "exec sleep 1000");
    EXPECT_ERR(FT_ETIMEOUT, ft_proc_wait(p, 20000));
    EXPECT_WHY("'sleeper' has not ended after 0.02 s");
}

static void test_free_stops_all(void **state) {
    (void)state;
    uint64_t since;
    shell((ft_proc_spec){ .grace_us = 50000, .on_line = on_line },
          "trap '' TERM; echo $$; while :; do sleep 1000; done");
    pid_t pid = wait_for_pid(&since);
    ft_supervisor_free(sup);
    expect_gone(pid, since);
    EXPECT(exits == 1);
    EXPECT_OK(ft_supervisor_new(&sup));
}

static void test_dies_with_parent(void **state) {
    (void)state;
    int tell[2];
    pid_t pid = 0;
    uint64_t since = 0;
    EXPECT(pipe(tell) == 0);
    pid_t parent = fork();
    if (parent == 0) {
        ft_supervisor *s;
        ft_proc *p;
        const char *argv[] = { "sleep", "1000", NULL };
        if (ft_supervisor_new(&s) == FT_OK &&
            ft_proc_start(&p, s, &(ft_proc_spec){ .argv = argv, .die_with_parent = true }) == FT_OK)
            pid = ft_proc_pid(p);
        if (ft_pid_started(&since, pid) != FT_OK || write(tell[1], &pid, sizeof pid) < 0 ||
            write(tell[1], &since, sizeof since) < 0)
            _exit(1);
        raise(SIGKILL);
    }
    close(tell[1]);
    EXPECT(read(tell[0], &pid, sizeof pid) == sizeof pid);
    EXPECT(read(tell[0], &since, sizeof since) == sizeof since);
    close(tell[0]);
    waitpid(parent, NULL, 0);
    expect_gone(pid, since);
}

/* Somebody in the program waits for every child: the end is seen, its status is not known. */
static void test_status_stolen(void **state) {
    (void)state;
    ft_proc *p = shell((ft_proc_spec){ 0 }, "exit 3");
    waitpid(ft_proc_pid(p), NULL, 0);
    EXPECT_OK(ft_proc_wait(p, SOON_US));
    ft_proc_end end = ft_proc_result(p);
    EXPECT(end.ended && end.exit_code == -1 && end.signal == 0);
    EXPECT(strstr(ft_proc_end_text(&end), "taken by another"));
}

static void test_facts(void **state) {
    (void)state;
    char path[512], tiny[4];
    uint64_t since;
    EXPECT_OK(ft_self_path(path, sizeof path));
    EXPECT(strstr(path, "proc_test"));
    EXPECT_ERR(FT_ETOOBIG, ft_self_path(tiny, sizeof tiny));
    EXPECT_OK(ft_pid_started(&since, getpid()));
    EXPECT(since > 0 && ft_pid_alive(getpid(), since));
    EXPECT_ERR(FT_ENOTFOUND, ft_pid_started(&since, 0x3fffffff));
    EXPECT(!ft_pid_alive(0, 0) && !ft_pid_alive(-1, 0));
}

static void test_every_fault(void **state) {
    (void)state;
    int failures = 0;
    const char *argv[] = { "true", NULL };
    EACH_FAULT {
        ft_supervisor *s = NULL;
        ft_proc *p = NULL;
        ft_err err = ft_supervisor_new(&s);
        if (err == FT_OK)
            err = ft_proc_start(&p, s,
                                &(ft_proc_spec){ .argv = argv,
                                                 .on_line = on_line,
                                                 .output_path = path_of("faults") });
        if (err == FT_OK) err = ft_proc_wait(p, SOON_US);
        failures += err != FT_OK;
        ft_fault_off();
        ft_supervisor_free(s);
    }
    EXPECT(failures >= 10);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start_test, end_test)
TEST_MAIN(CASE(test_exit_codes), CASE(test_lines), CASE(test_long_lines), CASE(test_output_file),
          CASE(test_environment), CASE(test_no_descriptor_leaks), CASE(test_signals_are_fresh),
          CASE(test_cannot_start), CASE(test_deadline_and_grace), CASE(test_stop_on_request),
          CASE(test_group_dies_with_its_leader), CASE(test_group_has_its_grace),
          CASE(test_restarts), CASE(test_stop_while_waiting), CASE(test_restart_that_cannot_run),
          CASE(test_many_children), CASE(test_callbacks_may_start_and_forget),
          CASE(test_wait_times_out), CASE(test_free_stops_all), CASE(test_dies_with_parent),
          CASE(test_status_stolen), CASE(test_facts), CASE(test_every_fault))
