/* Processes that vanish: kill -9 of job, host, supervisor or all at moments drawn from a seed.
 * FETTLE_KILL_POINTS (10) and SEED say how many and which; a run prints its seed. */
#include "jobs/toy_test.h"

/* Made by a process that died before it started the job. */
static void test_recover_unstarted(void **state) {
    (void)state;
    world w;
    int failed;
    ft_job job;
    world_begin(&w, "orphan");
    pid_t pid = fork();
    if (pid == 0) _exit(execl(self, self, "supervise", "orphan", home, "none", (char *)NULL));
    int status;
    EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int total = 0;
    EACH_FAULT {
        ft_jobs_recover(w.store, &failed);
        total += failed;
    }
    EXPECT(total == 1);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("orphan")));
    EXPECT(job.status == FT_JOB_FAILED &&
           strstr(job.reason.at, "vanished before the job had begun"));
    EXPECT(only_watch(&w, "job/orphan").status == FT_WATCH_STOPPED);
    EXPECT_OK(ft_jobs_recover(w.store, &failed));
    EXPECT(failed == 0);
    world_end(&w);
}

static bool children_of(pid_t parent, const char *word, pid_t *out) {
    char path[64], line[600];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *f = fopen(path, "r");
    *out = 0;
    int pid;
    while (f && fscanf(f, "%d", &pid) == 1) {
        snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
        FILE *c = fopen(path, "r");
        size_t n = c ? fread(line, 1, sizeof line - 1, c) : 0;
        if (c) fclose(c);
        if (memmem(line, n, word, strlen(word))) *out = pid;
    }
    if (f) fclose(f);
    return *out != 0;
}

static const char *strike(ft_random *random, pid_t supervisor) {
    static const char *const victims[] = { "job", "host", "supervisor", "all" };
    pid_t job, host;
    int who = (int)ft_random_below(random, 4);
    children_of(supervisor, "run-job", &job);
    children_of(supervisor, "run-rules", &host);
    if (job && (who == 0 || who == 3)) kill(job, SIGKILL);
    if (host && (who == 1 || who == 3)) kill(host, SIGKILL);
    if (who == 2 || who == 3) kill(supervisor, SIGKILL);
    return victims[who];
}

/* A process that has stored its end, or whose supervisor was killed, is gone a moment later. */
static bool gone_soon(int pid, uint64_t started) {
    int64_t until = ft_clock_monotonic_us() + 10 * FT_SECOND_US;
    while (ft_pid_alive(pid, started) && ft_clock_monotonic_us() < until) ft_clock_sleep_us(500);
    return !ft_pid_alive(pid, started);
}

/* After everything that was killed: the rules of the house hold. */
static void expect_house(world *w, const char *name, const char *who, int64_t seen_verdicts) {
    ft_job job;
    ft_verdict_row *rows;
    size_t count;
    ft_str subject;
    EXPECT_OK(ft_jobs_recover(w->store, NULL));
    ft_err err = ft_job_get(&job, w->store, &w->arena, ft_str_of(name));
    if (err == FT_ENOTFOUND) return; /* killed before it was created */
    EXPECT_OK(err);
    if (!ft_job_status_final(job.status)) print_error("%s killed: %s\n", who, name);
    EXPECT(ft_job_status_final(job.status));
    EXPECT(job.status == FT_JOB_COMPLETED || job.reason.len > 0);
    EXPECT(!job.pid || gone_soon(job.pid, job.pid_started));
    EXPECT_OK(ft_arena_printf(&subject, &w->arena, "job/%s", name));
    ft_watch_row watch = only_watch(w, subject.at);
    EXPECT(watch.status != FT_WATCH_IN_PROGRESS);
    EXPECT_OK(ft_verdict_list(&rows, &count, w->store, &w->arena, subject, 100000));
    EXPECT((int64_t)count >= seen_verdicts);
    int64_t last = last_trial_step(w, &job, NULL);
    bool stopped_by_rule = false;
    for (size_t i = 0; i < count; i++) {
        EXPECT(rows[i].through <= last);
        if (rows[i].verdict.outcome == FT_ISSUE && rows[i].fired) stopped_by_rule = true;
        for (size_t k = 0; k < i; k++) EXPECT(rows[k].verdict.at != rows[i].verdict.at);
    }
    /* The gate: after a verdict that stops, nothing is recorded, whoever died. */
    if (stopped_by_rule) {
        if (last != 10) print_error("%s killed: recorded up to %lld\n", who, (long long)last);
        EXPECT(last == 10);
        EXPECT(job.status == FT_JOB_STOPPED || job.status == FT_JOB_FAILED);
    }
}

static void test_kill(void **state) {
    (void)state;
    const char *text = getenv("FETTLE_KILL_POINTS"), *given = getenv("SEED");
    int points = text ? atoi(text) : 10;
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1 + (uint64_t)ft_clock_now_us() % 1000000;
    world w;
    ft_random random;
    int64_t verdicts = 0;
    print_message("# seed %llu, %d points\n", (unsigned long long)seed, points);
    ft_random_seed(&random, seed);
    world_begin(&w, "kill");
    char alerts_path[400];
    snprintf(alerts_path, sizeof alerts_path, "%s/alerts.jsonl", home);
    EXPECT_OK(ft_senders_add(w.store, FT_STR("file"), ft_str_of(alerts_path)));
    for (int i = 0; i < points; i++) {
        char name[16];
        const char *loss = ft_random_below(&random, 3) ? "constant" : "falling";
        snprintf(name, sizeof name, "k%d", i);
        pid_t pid = fork();
        if (pid == 0) _exit(execl(self, self, "supervise", name, home, loss, (char *)NULL));
        int64_t until = ft_clock_monotonic_us() + (int64_t)ft_random_below(&random, 150000);
        while (ft_clock_monotonic_us() < until) ft_clock_sleep_us(200);
        ft_db_one(
            ft_store_db(w.store), NULL,
            "select count(*) from verdict v join watch w on w.id = v.watch where w.subject = ?",
            "s", "i", (ft_str){ name, strlen(name) }, &verdicts);
        const char *who = strike(&random, pid);
        int status;
        EXPECT(waitpid(pid, &status, 0) == pid);
        expect_house(&w, name, who, verdicts);
    }
    int sent, left;
    ft_alert *list;
    size_t count, stops = 0;
    EXPECT_OK(ft_outbox_run(w.store, &sent, &left));
    EXPECT_OK(ft_alert_list(&list, &count, w.store, &w.arena, 10000));
    EXPECT(left == 0);
    ft_verdict_row *rows;
    size_t rows_count;
    EXPECT_OK(ft_verdict_list(&rows, &rows_count, w.store, &w.arena, (ft_str){ 0 }, 100000));
    for (size_t i = 0; i < rows_count; i++) stops += rows[i].fired;
    EXPECT(count == stops); /* every verdict that asked for an alert has one */
    ft_str lines = FT_STR("");
    if (count) EXPECT_OK(ft_file_read(&lines, &w.arena, alerts_path, 1 << 24));
    for (size_t i = 0; i < count; i++) {
        EXPECT(list[i].delivered == 1);
        EXPECT(memmem(lines.at, lines.len, list[i].uuid.at, list[i].uuid.len));
    }
    print_message("# %zu verdicts, %zu alerts\n", rows_count, count);
    world_end(&w);
}

TOY_MAIN(cmocka_unit_test(test_recover_unstarted), cmocka_unit_test(test_kill))
