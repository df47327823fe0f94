/* Jobs that are stopped: by a rule, by a user, by their deadline, in good order or not. */
#include "jobs/toy_test.h"

/* The bar: 10,000 rounds asked for, a loss that does not move; gone within a second of the first
 * step at which the rule may fire, and nothing recorded after it. */
static void test_rule_stops_it(void **state) {
    (void)state;
    world w;
    ft_verdict_row *rows;
    size_t count;
    bool ended;
    world_begin(&w, "stopped");
    create(&w, "flat", "rounds=10000 loss=constant step_us=2000", "LossNotDecreasing",
           "stop,alert");
    ft_job job = run(&w, "flat");
    ft_verdict_row *issue = NULL;
    EXPECT_OK(ft_verdict_list(&rows, &count, w.store, &w.arena, FT_STR("job/flat"), 100));
    for (size_t i = 0; i < count; i++)
        if (rows[i].verdict.outcome == FT_ISSUE) issue = &rows[i];
    EXPECT(issue && issue->verdict.at == 10 && issue->fired &&
           issue->verdict.evidence_json.len > 2);
    EXPECT(job.status == FT_JOB_STOPPED);
    EXPECT(ft_str_starts(job.reason, FT_STR("rule LossNotDecreasing at step 10: ")));
    EXPECT(last_trial_step(&w, &job, &ended) == 10 && ended);
    EXPECT(last_metric_step(&w, &job) == 10);
    int64_t took = job.ended_us - issue->stored_us;
    print_message("# stopped %.1f ms after the verdict was stored\n", (double)took / 1000);
    EXPECT(took >= 0 && took < FT_SECOND_US);
    ft_watch_row watch = only_watch(&w, "job/flat");
    EXPECT(watch.status == FT_WATCH_ISSUES);
    EXPECT_STR("RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step 10"
               " resulted in the condition being met",
               watch.details);
    ft_alert *alerts;
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1 && alerts[0].verdict_id == issue->id);
    ft_lineage_step *steps;
    bool from_job = false;
    EXPECT_OK(ft_lineage_walk(&steps, &count, w.store, &w.arena, FT_STR("alert:1")));
    for (size_t i = 0; i < count; i++) from_job |= ft_str_is(steps[i].id, "job:flat");
    EXPECT(from_job);
    world_end(&w);
}

typedef struct stopper {
    ft_store *store;
    ft_err err;
    bool asked;
    int64_t took_us;
} stopper;

static void stop_soon(void *ctx, const ft_job_progress *p) {
    stopper *s = ctx;
    if (s->asked || p->done < 3) return;
    s->asked = true;
    int64_t begin = ft_clock_monotonic_us();
    s->err = ft_job_stop(s->store, FT_STR("long"), FT_STR("the user had enough"));
    s->took_us = ft_clock_monotonic_us() - begin;
}

static void stop_test(const char *where, const char *params, int64_t least_us, bool keeps) {
    world w;
    ft_job job;
    world_begin(&w, where);
    stopper s = { .store = w.store };
    create(&w, "long", params, "LossNotDecreasing", "");
    EXPECT_OK(ft_job_run(w.store, w.sup, FT_STR("long"), stop_soon, &s));
    EXPECT(s.asked && s.err == FT_OK);
    EXPECT(s.took_us >= least_us && s.took_us < 2 * FT_SECOND_US);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("long")));
    EXPECT(job.status == FT_JOB_STOPPED && job.step < 5000);
    EXPECT_STR("the user had enough", job.reason);
    EXPECT_STR("Stopped", job.secondary);
    EXPECT((job.model_uri.len > 0) == keeps);
    ft_object *objects;
    bool more;
    size_t count;
    EXPECT_OK(ft_object_list(&objects, &count, &more, w.store, &w.arena, FT_STR("fettle"),
                             FT_STR("jobs/long/output/"), FT_STR(""), 10));
    EXPECT(count == (keeps ? 2 : 0));
    world_end(&w);
}

static void test_stop_in_good_order(void **state) {
    (void)state;
    stop_test("stop", "rounds=5000 step_us=2000", 0, false);
}

static void test_stop_of_the_deaf(void **state) {
    (void)state;
    stop_test("deaf", "rounds=5000 step_us=2000 deaf=true", FT_JOB_KILL_US, false);
}

static void test_stop_keeps_the_model(void **state) {
    (void)state;
    stop_test("keep", "rounds=5000 step_us=2000 keep=true", 0, true);
}

static void test_stop_before_start(void **state) {
    (void)state;
    world w;
    ft_job job;
    world_begin(&w, "unstarted");
    create(&w, "idle", "", NULL, NULL);
    EXPECT_OK(ft_job_stop(w.store, FT_STR("idle"), FT_STR("not needed")));
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("idle")));
    EXPECT(job.status == FT_JOB_STOPPED && job.pid == 0);
    EXPECT_ERR(FT_ECONFLICT, ft_job_run(w.store, w.sup, FT_STR("idle"), NULL, NULL));
    EXPECT_ERR(FT_ENOTFOUND, ft_job_stop(w.store, FT_STR("nobody"), FT_STR("x")));
    world_end(&w);
}

static void test_deadline(void **state) {
    (void)state;
    world w;
    ft_job job;
    ft_params *p;
    ft_str name;
    ft_job_channel channel = { .name = FT_STR("train") };
    world_begin(&w, "deadline");
    channel.path = ft_str_of(data_path);
    EXPECT_OK(params_of(&p, &w.arena, "rounds=100000 step_us=2000"));
    EXPECT_OK(ft_job_create(&name, w.store, &w.arena,
                            &(ft_job_spec){ .algorithm = FT_STR("toy"),
                                            .params = p,
                                            .channels = &channel,
                                            .channel_count = 1,
                                            .max_runtime_us = 200000 }));
    EXPECT_OK(ft_job_run(w.store, w.sup, name, NULL, NULL));
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, name));
    EXPECT(job.status == FT_JOB_STOPPED);
    EXPECT_STR("MaxRuntimeExceeded", job.secondary);
    EXPECT_STR("ran longer than its limit of 0.2 s", job.reason);
    world_end(&w);
}

TOY_MAIN(cmocka_unit_test(test_rule_stops_it), cmocka_unit_test(test_stop_in_good_order),
         cmocka_unit_test(test_stop_of_the_deaf), cmocka_unit_test(test_stop_keeps_the_model),
         cmocka_unit_test(test_stop_before_start), cmocka_unit_test(test_deadline))
