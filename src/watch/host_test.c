/* The rule host against its promises: live equals history, a verdict is stored once and before its
 * action, a rule that crashes or hangs harms nobody else. */
#include "watch/rig_test.h"

/* A trial that grows step by step behind the gate, with a host that is killed now and then. */
static void test_live_equals_history(void **state) {
    (void)state;
    world w;
    ft_random random;
    ft_gate *gate;
    const char *folder, *path;
    world_begin(&w, "live");
    int64_t low = watch_add(&w, "Above", "{\"above\":0.3}", "");
    ft_watch_spec second = { .name = FT_STR("high"),
                             .subject = FT_STR("job/j"),
                             .rule = FT_STR("Above"),
                             .params_json = FT_STR("{\"above\":0.9}"),
                             .trial_uri = trial_uri };
    int64_t high;
    EXPECT_OK(ft_watch_add(&high, w.store, &second));
    EXPECT_OK(ft_subject_folder(&folder, w.store, &w.arena, FT_STR("job/j")));
    EXPECT_OK(ft_path_join(&path, &w.arena, folder, FT_GATE_FILE));
    EXPECT_OK(ft_gate_open(&gate, path));
    host_begin(&w, "job/j");
    ft_random_seed(&random, 11);
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 120; step++) {
        EXPECT_OK(ft_gate_wait(gate, step, 20 * FT_SECOND_US));
        int restarts = ft_proc_result(w.host).restarts;
        bool deadly = step % 40 == 17;
        if (deadly) kill(ft_proc_pid(w.host), SIGKILL);
        trial_loss(writer, step, ft_random_unit(&random), step % 4 == 3 ? "other" : "loss");
        ft_gate_recorded(gate, step);
        while (deadly && ft_proc_result(w.host).restarts == restarts)
            EXPECT_OK(ft_supervisor_poll(w.sup, 20000));
    }
    EXPECT_OK(ft_trial_finish(writer));
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_end(&w, "job/j");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Above"),
                           .params_json = FT_STR("{\"above\":0.3}"),
                           .trial_uri = trial_uri };
    expect_history(&w, &spec, low);
    spec.params_json = FT_STR("{\"above\":0.9}");
    expect_history(&w, &spec, high);
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_ISSUES);
    EXPECT(watch_row(&w, "Above").evaluated == 119);
    ft_gate_free(gate);
    world_end(&w);
}

/* The same without a gate: the whole trial is there before the host comes. */
static void test_late_host(void **state) {
    (void)state;
    world w;
    ft_random random;
    world_begin(&w, "late");
    int64_t id = watch_add(&w, "Above", "{\"above\":0.97}", "alert");
    ft_random_seed(&random, 5);
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 600; step += 2)
        trial_loss(writer, step, ft_random_unit(&random), "loss");
    EXPECT_OK(ft_trial_finish(writer));
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Above"),
                           .params_json = FT_STR("{\"above\":0.97}"),
                           .trial_uri = trial_uri };
    expect_history(&w, &spec, id);
    ft_alert *alerts;
    size_t alert_count, count, fired = 0;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT_OK(ft_alert_list(&alerts, &alert_count, w.store, &w.arena, 1000));
    for (size_t i = 0; i < count; i++) fired += rows[i].fired;
    EXPECT(fired > 1 && fired == alert_count); /* one a run of issues */
    ft_watch_row row = watch_row(&w, "Above");
    ft_lineage_step *steps;
    size_t step_count;
    bool has_rule = false, has_job = false;
    EXPECT_OK(ft_lineage_walk(&steps, &step_count, w.store, &w.arena, FT_STR("alert:1")));
    for (size_t i = 0; i < step_count; i++) {
        has_rule |= ft_str_starts(steps[i].id, FT_STR("rule:Above@"));
        has_job |= ft_str_is(steps[i].id, "job:j");
    }
    EXPECT(has_rule && has_job);
    EXPECT(
        ft_str_starts(row.details, FT_STR("RuleEvaluationConditionMet: Evaluation of the rule Above"
                                          " at step ")));
    EXPECT(ft_str_ends(row.details, FT_STR(" resulted in the condition being met")));
    world_end(&w);
}

static bool always(void *ctx, ft_str subject) {
    (void)ctx, (void)subject;
    return true;
}

/* Each fallible call of a host fails once; the next host goes on, and nothing is lost or doubled.
 */
static void test_host_faults(void **state) {
    (void)state;
    static volatile int stop;
    world w;
    ft_watch_hooks hooks = { .ended = always };
    int rounds = 0, good = 0;
    world_begin(&w, "faults");
    int64_t id = watch_add(&w, "Above", "", "alert");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 30; step++) trial_loss(writer, step, step % 3 == 0, "loss");
    ft_trial_writer_free(writer);
    EACH_FAULT {
        good += ft_watch_host(w.store, FT_STR("job/j"), &hooks, &stop) == FT_OK;
        rounds++;
    }
    EXPECT(rounds > 50 && good >= 1);
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Above"),
                           .trial_uri = trial_uri };
    expect_history(&w, &spec, id);
    ft_alert *alerts;
    size_t count;
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 100));
    EXPECT(count == 10 && watch_row(&w, "Above").status == FT_WATCH_ISSUES);
    world_end(&w);
}

static void test_no_issue(void **state) {
    (void)state;
    world w;
    world_begin(&w, "calm");
    watch_add(&w, "Above", "{\"above\":2}", "stop,alert");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 50; step++) trial_loss(writer, step, 1, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_row row = watch_row(&w, "Above");
    size_t count;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(row.status == FT_WATCH_NO_ISSUES && row.details.len == 0 && row.evaluated == 49);
    EXPECT(count == 1 && rows[0].verdict.at == 0 && rows[0].through == 49 &&
           rows[0].evaluations == 50);
    world_end(&w);
}

/* ---- actions */

/* Hold: the n-th issue in a row acts; what cannot be judged does not break the row. */
static void test_hold(void **state) {
    (void)state;
    static const double losses[] = { 1, 1, 0, 1, -1, 1, 1, 1, 0, 1, 1, 1 };
    world w;
    int64_t id;
    ft_str text;
    world_begin(&w, "hold");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("job/j"),
                                             .rule = FT_STR("Above"),
                                             .actions = FT_STR("stop"),
                                             .trial_uri = trial_uri,
                                             .hold = 3 }));
    ft_trial_writer *writer = trial_begin(&w);
    for (size_t i = 0; i < FT_COUNT(losses); i++)
        trial_loss(writer, (int64_t)i, losses[i], losses[i] < 0 ? "other" : "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT(acted(&w, &text) == 2);
    EXPECT(ft_str_starts(text, FT_STR("stop Above ")));
    EXPECT(memmem(text.at, text.len, " 6\n", 3) && memmem(text.at, text.len, " 11\n", 4));
    world_end(&w);
}

/* Killed after the action and before its mark: done again, the verdict stored once. */
static void test_killed_while_acting(void **state) {
    (void)state;
    world w;
    ft_str text;
    size_t count, issues = 0;
    world_begin(&w, "acting");
    watch_add(&w, "Above", "", "alert,stop");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 10; step++) trial_loss(writer, step, step == 4, "loss");
    ft_trial_writer_free(writer);
    file_touch("die-acting");
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT(file_there("died") && ft_proc_result(w.host).restarts == 1);
    EXPECT(acted(&w, &text) == 2); /* at least once */
    ft_verdict_row *rows = verdicts(&w, &count);
    for (size_t i = 0; i < count; i++) issues += rows[i].verdict.outcome == FT_ISSUE;
    EXPECT(issues == 1);
    ft_alert *alerts;
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1);
    world_end(&w);
}

static void test_run_program(void **state) {
    (void)state;
    world w;
    char script[400], out[400], text[1000], action[500];
    ft_str told;
    world_begin(&w, "run");
    snprintf(script, sizeof script, "%s/act.sh", home);
    snprintf(out, sizeof out, "%s/told", home);
    int n = snprintf(text, sizeof text,
                     "#!/bin/sh\necho \"$FETTLE_SUBJECT $FETTLE_RULE $FETTLE_REASON\" >%s\n", out);
    EXPECT_OK(ft_file_write_atomic(script, ft_str_n(text, (size_t)n), false));
    EXPECT(chmod(script, 0700) == 0);
    snprintf(action, sizeof action, "run:%s", script);
    watch_add(&w, "Above", "", action);
    ft_trial_writer *writer = trial_begin(&w);
    trial_loss(writer, 0, 0.75, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT_OK(ft_file_read(&told, &w.arena, out, 1000));
    EXPECT_STR("job/j Above loss 0.75 is above 0.5\n", told);
    world_end(&w);
}

/* An action that never works is tried, given up, and the host ends. */
static void test_action_fails(void **state) {
    (void)state;
    world w;
    int left = 1;
    ft_str failure;
    world_begin(&w, "fails");
    watch_add(&w, "Above", "", "run:/no/such/program");
    ft_trial_writer *writer = trial_begin(&w);
    trial_loss(writer, 0, 0.75, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT_OK(ft_db_one(ft_store_db(w.store), &w.arena,
                        "select done_us is null, failure from verdict_action", "", "ns", &left,
                        &failure));
    EXPECT(left == 1 && strstr(failure.at, "/no/such/program"));
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_ISSUES);
    world_end(&w);
}

/* ---- rules that misbehave */

static void test_crash(void **state) {
    (void)state;
    world w;
    world_begin(&w, "crash");
    watch_add(&w, "Crash", "{\"at\":5}", "alert");
    watch_add(&w, "Fail", "{\"at\":3}", "alert");
    watch_add(&w, "Above", "", "alert");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 20; step++) trial_loss(writer, step, step >= 15, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_row crash = watch_row(&w, "Crash");
    ft_watch_row fail = watch_row(&w, "Fail"), above = watch_row(&w, "Above");
    EXPECT(crash.status == FT_WATCH_ERROR && crash.evaluated == 4);
    EXPECT_STR(
        "RuleEvaluationError: rule Crash at step 5: the rule host died 3 times, last by signal"
        " 11 (Segmentation fault)",
        crash.details);
    EXPECT(fail.status == FT_WATCH_ERROR && fail.evaluated == 2);
    EXPECT_STR("RuleEvaluationError: rule Fail at step 3: cannot judge this", fail.details);
    EXPECT(above.status == FT_WATCH_ISSUES && above.evaluated == 19);
    world_end(&w);
}

static void test_hang(void **state) {
    (void)state;
    world w;
    world_begin(&w, "hang");
    watch_add(&w, "Hang", "{\"at\":7}", "alert");
    watch_add(&w, "Above", "", "alert");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 20; step++) trial_loss(writer, step, step >= 15, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_row hang = watch_row(&w, "Hang"), above = watch_row(&w, "Above");
    EXPECT(hang.status == FT_WATCH_ERROR && hang.evaluated == 6);
    EXPECT_STR(
        "RuleEvaluationError: rule Hang at step 7: the evaluation passed its deadline",
        hang.details);
    EXPECT(above.status == FT_WATCH_ISSUES && above.evaluated == 19);
    world_end(&w);
}

RIG_MAIN(cmocka_unit_test(test_live_equals_history), cmocka_unit_test(test_late_host),
         cmocka_unit_test(test_host_faults), cmocka_unit_test(test_no_issue),
         cmocka_unit_test(test_hold), cmocka_unit_test(test_killed_while_acting),
         cmocka_unit_test(test_run_program), cmocka_unit_test(test_action_fails),
         cmocka_unit_test(test_crash), cmocka_unit_test(test_hang))
