/* Jobs to their ends: completed, failed, out of time, with rules that misbehave. */
#include "jobs/toy_test.h"

static void test_completes(void **state) {
    (void)state;
    world w;
    bool ended;
    world_begin(&w, "completes");
    create(&w, "good", "rounds=40", "LossNotDecreasing", "stop,alert");
    ft_job job = run(&w, "good");
    EXPECT_STR("", job.reason);
    EXPECT(job.status == FT_JOB_COMPLETED && job.exit_code == 0 && job.step == 40);
    EXPECT(job.created_us <= job.started_us && job.started_us <= job.training_us);
    EXPECT(job.training_us <= job.training_end_us && job.training_end_us <= job.ended_us);
    EXPECT_STR("s3://fettle/jobs/good/output/model", job.model_uri);
    EXPECT(last_trial_step(&w, &job, &ended) == 39 && ended);
    EXPECT(last_metric_step(&w, &job) == 39);

    ft_job_transition *t;
    size_t count;
    static const char *const stages[] = { "Starting", "Downloading", "Training", "Uploading",
                                          "Completed" };
    EXPECT_OK(ft_job_transitions(&t, &count, w.store, &w.arena, job.name));
    EXPECT(count == FT_COUNT(stages));
    for (size_t i = 0; i < count; i++) {
        EXPECT_STR(stages[i], t[i].status);
        EXPECT(t[i].start_us > 0 &&
               (i + 1 == count ? t[i].end_us == 0 : t[i].end_us >= t[i].start_us));
    }
    ft_str bytes;
    EXPECT_OK(ft_object_get(&bytes, w.store, &w.arena, FT_STR("fettle"),
                            FT_STR("jobs/good/output/model/more/notes.txt"), 100));
    EXPECT_STR("notes", bytes);
    ft_job_model model;
    EXPECT_OK(ft_job_model_find(&model, w.store, &w.arena, job.model_sha256));
    EXPECT_STR("toy", model.predictor);
    EXPECT_OK(ft_job_model_find(&model, w.store, &w.arena, job.model_uri));
    EXPECT(ft_str_eq(model.sha256, job.model_sha256));
    EXPECT_ERR(FT_ENOTFOUND, ft_job_model_find(&model, w.store, &w.arena, FT_STR("s3://x/y")));

    ft_watch_row watch = only_watch(&w, "job/good");
    EXPECT(watch.status == FT_WATCH_NO_ISSUES && watch.evaluated == 39);
    ft_str node;
    ft_lineage_step *steps;
    bool from_job = false, from_input = false;
    EXPECT_OK(ft_arena_printf(&node, &w.arena, "model:%.*s", FT_STR_ARG(job.model_sha256)));
    EXPECT_OK(ft_lineage_walk(&steps, &count, w.store, &w.arena, node));
    /* sha256sum of "1,2\n0,3\n" */
    for (size_t i = 0; i < count; i++) {
        from_job |= ft_str_is(steps[i].id, "job:good");
        from_input |= ft_str_starts(steps[i].id, FT_STR("input:")) && steps[i].id.len == 70;
        EXPECT(!steps[i].missing);
    }
    EXPECT(from_job && from_input);
    world_end(&w);
}

static void on_progress(void *ctx, const ft_job_progress *p) {
    int64_t *seen = ctx;
    seen[0]++;
    if (p->done > seen[1]) seen[1] = p->done;
    EXPECT(p->text != NULL);
}

static void test_without_rules(void **state) {
    (void)state;
    world w;
    int64_t seen[2] = { 0 };
    ft_job job;
    world_begin(&w, "plain");
    create(&w, "plain", "rounds=20 step_us=20000", NULL, NULL);
    EXPECT_OK(ft_job_run(w.store, w.sup, FT_STR("plain"), on_progress, seen));
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("plain")));
    EXPECT(job.status == FT_JOB_COMPLETED && seen[0] > 3 && seen[1] == 20);
    EXPECT_ERR(FT_ECONFLICT, ft_job_stop(w.store, FT_STR("plain"), FT_STR("late")));
    EXPECT_WHY("Completed");
    EXPECT_ERR(FT_ECONFLICT, ft_job_run(w.store, w.sup, FT_STR("plain"), NULL, NULL));
    world_end(&w);
}

static void test_failures(void **state) {
    (void)state;
    static const struct {
        const char *end, *reason;
    } cases[] = { { "end=fail", "the weights are not numbers" },
                  { "end=crash", "its process ended after 30 steps: killed by signal 9" },
                  { "end=nothing", "algorithm toy left no model" } };
    world w;
    world_begin(&w, "failures");
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        char name[16];
        bool ended;
        snprintf(name, sizeof name, "bad-%zu", i);
        create(&w, name, cases[i].end, "LossNotDecreasing", "");
        ft_job job = run(&w, name);
        EXPECT(job.status == FT_JOB_FAILED);
        EXPECT(ft_str_starts(job.reason, ft_str_of(cases[i].reason)));
        EXPECT_STR("Failed", job.secondary);
        EXPECT(last_trial_step(&w, &job, &ended) == 29 && ended);
    }
    world_end(&w);
}

static void test_input_gone(void **state) {
    (void)state;
    world w;
    world_begin(&w, "gone");
    create(&w, "gone", "", NULL, NULL);
    EXPECT_OK(ft_file_remove(data_path));
    ft_job job = run(&w, "gone");
    EXPECT(job.status == FT_JOB_FAILED);
    EXPECT(strstr(job.reason.at, "channel 'train'") && strstr(job.reason.at, "train.csv"));
    world_end(&w);
}

static void test_program_missing(void **state) {
    (void)state;
    world w;
    ft_job job;
    world_begin(&w, "missing");
    create(&w, "x", "", NULL, NULL);
    setenv("FETTLE_PROGRAM", "/no/such/fettle", 1);
    ft_err err = ft_job_run(w.store, w.sup, FT_STR("x"), NULL, NULL);
    setenv("FETTLE_PROGRAM", self, 1);
    EXPECT(err == FT_ENOTFOUND);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("x")));
    EXPECT(job.status == FT_JOB_FAILED && strstr(job.reason.at, "/no/such/fettle"));
    world_end(&w);
}

static void bad_rule_test(const char *where, const char *params, const char *details) {
    world w;
    ft_params *p;
    ft_str name;
    ft_collection *collections;
    size_t count;
    ft_watch_row *rows;
    world_begin(&w, where);
    ft_job_channel channel = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_watch_spec watches[] = { { .rule = FT_STR("Bad"), .params_json = ft_str_of(params) },
                                { .rule = FT_STR("LossNotDecreasing") } };
    EXPECT_OK(params_of(&p, &w.arena, "rounds=40"));
    EXPECT_OK(ft_collections_xgboost(&collections, &count, &w.arena, 1));
    EXPECT_OK(ft_job_create(&name, w.store, &w.arena,
                            &(ft_job_spec){ .name = FT_STR("j"),
                                            .algorithm = FT_STR("toy"),
                                            .params = p,
                                            .channels = &channel,
                                            .channel_count = 1,
                                            .collections = collections,
                                            .collection_count = count,
                                            .watches = watches,
                                            .watch_count = 2 }));
    ft_job job = run(&w, "j");
    EXPECT(job.status == FT_JOB_COMPLETED);
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, FT_STR("job/j")));
    EXPECT(count == 2);
    EXPECT(rows[0].status == FT_WATCH_ERROR && strstr(rows[0].details.at, details));
    EXPECT(rows[1].status == FT_WATCH_NO_ISSUES && rows[1].evaluated == 39);
    world_end(&w);
}

static void test_rule_crashes(void **state) {
    (void)state;
    bad_rule_test("crash", "{\"crash\":true}", "at step 12: the rule host died 3 times");
}

static void test_rule_hangs(void **state) {
    (void)state;
    setenv("FETTLE_RULE_DEADLINE", "150ms", 1);
    bad_rule_test("hang", "{\"crash\":false}",
                  "at step 12: the evaluation passed its deadline");
    unsetenv("FETTLE_RULE_DEADLINE");
}

#define RUN_FAULTS_MAX 400

/* Whatever fails in the supervisor: the job comes to an end that is stored, and nothing runs on. */
static void test_run_faults(void **state) {
    (void)state;
    world w;
    ft_job job;
    int n = 0, completed = 0;
    char name[16];
    world_begin(&w, "run-faults");
    for (int i = 0; i < RUN_FAULTS_MAX; i++) {
        snprintf(name, sizeof name, "r%d", i);
        create(&w, name, "rounds=1", NULL, NULL);
    }
    EACH_FAULT {
        ft_supervisor *sup = NULL;
        EXPECT(n < RUN_FAULTS_MAX);
        snprintf(name, sizeof name, "r%d", n++);
        ft_err err = ft_supervisor_new(&sup);
        if (err == FT_OK) err = ft_job_run(w.store, sup, ft_str_of(name), NULL, NULL);
        ft_supervisor_free(sup);
        ft_fault_off();
        EXPECT_OK(ft_job_get(&job, w.store, &w.arena, ft_str_of(name)));
        completed += err == FT_OK && job.status == FT_JOB_COMPLETED;
        EXPECT(job.pid == 0 || !ft_pid_alive(job.pid, job.pid_started));
        EXPECT(ft_job_status_final(job.status) || err != FT_OK);
    }
    EXPECT(completed >= 1);
    world_end(&w);
}

static void test_finish_faults(void **state) {
    (void)state;
    world w;
    ft_job job;
    char name[16];
    int n = 0;
    world_begin(&w, "finish");
    for (; n < 60; n++) {
        snprintf(name, sizeof name, "f%d", n);
        create(&w, name, "", NULL, NULL);
    }
    n = 0;
    EACH_FAULT {
        snprintf(name, sizeof name, "f%d", n++);
        if (n > 60) break;
        ft_job_end end = { .status = FT_JOB_FAILED, .reason = FT_STR("because"), .exit_code = 3 };
        ft_err err = ft_job_finish(w.store, ft_str_of(name), &end);
        ft_fault_off();
        EXPECT_OK(ft_job_get(&job, w.store, &w.arena, ft_str_of(name)));
        if (err == FT_OK) EXPECT(job.status == FT_JOB_FAILED && job.exit_code == 3);
        EXPECT(job.status == FT_JOB_FAILED || job.status == FT_JOB_IN_PROGRESS);
        EXPECT(ft_str_is(job.secondary, job.status == FT_JOB_FAILED ? "Failed" : "Starting"));
    }
    EXPECT(n > 5);
    world_end(&w);
}

static void test_start_many(void **state) {
    (void)state;
    world w;
    ft_job job;
    static const char *const names[] = { "one", "two", "three" };
    world_begin(&w, "many");
    for (int i = 0; i < 3; i++) {
        create(&w, names[i], i == 1 ? "loss=constant rounds=5000 step_us=500" : "rounds=30",
               "LossNotDecreasing", "stop");
        EXPECT_OK(ft_job_start(w.store, w.sup, ft_str_of(names[i])));
    }
    for (int over = 0; over < 3;) {
        EXPECT_OK(ft_supervisor_poll(w.sup, 50000));
        EXPECT_OK(ft_jobs_recover(w.store, NULL));
        over = 0;
        for (int i = 0; i < 3; i++) {
            EXPECT_OK(ft_job_get(&job, w.store, &w.arena, ft_str_of(names[i])));
            over += ft_job_status_final(job.status);
        }
    }
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("two")));
    EXPECT(job.status == FT_JOB_STOPPED);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("three")));
    EXPECT(job.status == FT_JOB_COMPLETED);
    world_end(&w);
}

TOY_MAIN(cmocka_unit_test(test_completes), cmocka_unit_test(test_without_rules),
         cmocka_unit_test(test_failures), cmocka_unit_test(test_input_gone),
         cmocka_unit_test(test_program_missing), cmocka_unit_test(test_rule_crashes),
         cmocka_unit_test(test_rule_hangs), cmocka_unit_test(test_run_faults),
         cmocka_unit_test(test_finish_faults), cmocka_unit_test(test_start_many))
