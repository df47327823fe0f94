/* loss_not_decreasing_test.c -- the vectors of formats.md 3.8, the Debugger post's replay, faults.
 */
#include "rules/scene_in.h"

#define RULE &ft_rule_loss_not_decreasing

static void losses(scene *s, const char *name, const int64_t *steps, const double *values,
                   size_t count) {
    for (size_t i = 0; i < count; i++) scene_scalar(s, steps[i], name, values[i]);
}

/* The post: train-rmse saved at the union of every 3, 10 and 50 rounds, eta 0: constant, fires
 * at 10. */
static void test_post(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int64_t step = 0; step < 100; step++)
        if (step % 3 == 0 || step % 10 == 0 || step % 50 == 0)
            scene_scalar(&s, step, "train-rmse", 0.5);
    EXPECT(scene_run(&s, RULE, "") == 10);
    EXPECT_STR(
        "train-rmse fell 0.00 % from step 0 (0.5) to step 10 (0.5); at least 0.1 % was expected",
        s.verdict.reason);
    EXPECT_STR(
        "{\"tensor\":\"train-rmse\",\"step_before\":0,\"loss_before\":0.5,\"step\":10,\"loss\":0.5,"
        "\"drop_percent\":0,\"diff_percent\":0.1}",
        s.verdict.evidence_json);
    scene_end(&s);
}

/* Metrics every 5 rounds; constant mlogloss of ten classes. */
static void test_every_5(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int64_t step = 0; step < 100; step += 5)
        scene_scalar(&s, step, "train-mlogloss", 2.302585);
    EXPECT(scene_run(&s, RULE, "") == 10);
    EXPECT_STR("train-mlogloss fell 0.00 % from step 0 (2.302585) to step 10 (2.302585); at least "
               "0.1 % was "
               "expected",
               s.verdict.reason);
    scene_end(&s);
}

/* The same with eta 0.2: the losses of the real run (0.400073, 0.320116 …: a fifth less each
 * round). */
static void test_learning(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    double loss = 0.5;
    for (int64_t step = 0; step < 50; step++, loss *= 0.8)
        if (step % 3 == 0 || step % 10 == 0) {
            scene_scalar(&s, step, "train-rmse", loss);
            scene_scalar(&s, step, "average_shap/f0", 0.25); /* constant, and no loss */
        }
    EXPECT(scene_run(&s, RULE, "tensor_regex=.*") == -1);
    EXPECT(s.quiet == 4 && s.issues == 0); /* compared at 10, 20, 30, 40 */
    EXPECT(scene_run(&s, RULE, "tensor_regex=.*;use_losses_collection=false") == 10);
    EXPECT(strstr(s.verdict.reason.at, "average_shap/f0") == s.verdict.reason.at);
    scene_end(&s);
}

/* The guide: saved every 3, num_steps 10: 21 is compared with 9, the next check is at 33. */
static void test_guide(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int64_t step = 9; step < 40; step += 3)
        scene_scalar(&s, step, "train-x", 100.0 - (double)step);
    EXPECT(scene_run(&s, RULE, "") == -1);
    EXPECT(s.quiet == 2); /* 21 and 33 */
    scene_end(&s);
    scene_begin(&s);
    for (int64_t step = 9; step < 40; step += 3)
        scene_scalar(&s, step, "train-x", step < 33 ? 100.0 - (double)step : 79);
    EXPECT(scene_run(&s, RULE, "") == 33); /* 79 at 33 against 79 at 21 */
    EXPECT(strstr(s.verdict.reason.at, "from step 21 (79) to step 33 (79)"));
    scene_end(&s);
}

/* An old open test: 0.3, 0.33, 0.31, 0.30, 0.28 at steps 0, 4, 8, 12, 16. */
static void test_old_vector(void **state) {
    (void)state;
    static const int64_t steps[] = { 0, 4, 8, 12, 16 };
    static const double values[] = { 0.3, 0.33, 0.31, 0.30, 0.28 };
    scene s;
    scene_begin(&s);
    losses(&s, "train-loss", steps, values, 5);
    EXPECT(scene_run(&s, RULE, "") == 12);
    EXPECT(scene_run_from(&s, RULE, "", 13) == -1);
    scene_end(&s);
    scene_begin(&s); /* 0.28 at 16 against 0.33 at 4 */
    losses(&s, "train-loss", (const int64_t[]){ 4, 8, 16 }, (const double[]){ 0.33, 0.31, 0.28 },
           3);
    EXPECT(scene_run(&s, RULE, "") == -1);
    EXPECT(s.quiet == 1);
    scene_end(&s);
}

static void test_thresholds(void **state) {
    (void)state;
    static const struct {
        double before, after;
        const char *params;
        bool fires;
    } cases[] = {
        { 1, 0.9989, "", false },
        { 1, 0.9991, "", true },
        { 1, 1.001, "", true },
        { 1, 0.95, "diff_percent=6", true },
        { 1, 0.93, "diff_percent=6", false },
        { -1, -2, "", false }, /* a negative loss that falls */
        { -1, -0.5, "", true },
        { 0, 0, "", false }, /* nothing is left to fall */
        { 0, 1, "", true },
        { 1, 0, "", false },
        { 1, NAN, "", true },
        { NAN, 1, "", false },
        { 1, INFINITY, "", true },
        { INFINITY, 1, "", false },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        scene s;
        scene_begin(&s);
        scene_scalar(&s, 0, "train-x", cases[i].before);
        scene_scalar(&s, 10, "train-x", cases[i].after);
        bool fired = scene_run(&s, RULE, cases[i].params) == 10;
        if (fired != cases[i].fires)
            print_error("%g to %g %s\n", cases[i].before, cases[i].after, cases[i].params);
        EXPECT(fired == cases[i].fires);
        scene_end(&s);
    }
}

static void test_rise(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    scene_scalar(&s, 0, "validation-rmse", 1);
    scene_scalar(&s, 10, "validation-rmse", 1.0721);
    EXPECT(scene_run(&s, RULE, "") == 10);
    EXPECT_STR("validation-rmse rose 7.21 % from step 0 (1) to step 10 (1.0721); a drop of at "
               "least 0.1 % was "
               "expected",
               s.verdict.reason);
    scene_end(&s);
}

static void test_names(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    float pair[2] = { 1, 1 };
    for (int64_t step = 0; step <= 10; step += 10) {
        scene_scalar(&s, step, "train-auc", 0.5); /* no loss: rising is good */
        scene_scalar(&s, step, "validation-accuracy", 0.5);
        scene_scalar(&s, step, "validation-ndcg@5", 0.5);
        scene_scalar(&s, step, "train-x", 10.0 - (double)step / 2);
        scene_f32(&s, step, "train-pair", pair, 2, 0); /* no scalar */
    }
    EXPECT(scene_run(&s, RULE, "") == -1);
    EXPECT(scene_run(&s, RULE, "use_losses_collection=no;collection_names=metrics") == 10);
    EXPECT(scene_run(&s, RULE, "use_losses_collection=no;tensor_regex=train-x,nothing") == -1);
    ft_params *p;
    EXPECT_ERR(FT_EINVAL, scene_params(&p, &s.arena, RULE, "use_losses_collection=no"));
    EXPECT_WHY("collection_names or tensor_regex");
    EXPECT_ERR(FT_EINVAL, scene_params(&p, &s.arena, RULE, "num_step=3"));
    EXPECT_WHY("num_steps");
    EXPECT_ERR(FT_EINVAL, scene_params(&p, &s.arena, RULE, "diff_percent=100"));
    scene_end(&s);
}

static void test_modes(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    double falling = 10;
    for (int64_t step = 0; step < 60; step++) { /* two training steps, then one of evaluation */
        bool eval = step % 3 == 2;
        ft_array a = { .dtype = FT_F64, .data = &falling };
        double flat = 3;
        ft_array b = { .dtype = FT_F64, .data = &flat };
        scene_at(&s, step, eval ? FT_MODE_EVAL : FT_MODE_TRAIN, eval ? step / 3 : step - step / 3);
        EXPECT_OK(ft_trial_add(s.w, FT_STR("net-loss"), eval ? &b : &a));
        falling *= 0.9;
    }
    EXPECT(scene_run(&s, RULE, "") == 32); /* EVAL first: flat, its step 10 is global step 32 */
    EXPECT(strstr(s.verdict.reason.at, "from step 0 (3) to step 10 (3)"));
    EXPECT(scene_run(&s, RULE, "mode=TRAIN") == -1);
    EXPECT(s.quiet > 0);
    scene_end(&s);
}

/* Live, step by step, and over history: the same verdicts. */
static void test_purity(void **state) {
    (void)state;
    scene s;
    ft_params *p;
    char live[40][200];
    int n = 0;
    scene_begin(&s);
    EXPECT_OK(scene_params(&p, &s.arena, RULE, "num_steps=4"));
    EXPECT_OK(ft_trial_open(&s.t, NULL, s.uri));
    for (int64_t step = 0; step < 40; step++) {
        ft_verdict v;
        ft_rule_input in = { .at = step, .trial = s.t, .arena = &s.arena };
        scene_scalar(&s, step, "train-x", sin((double)step / 5) + 2);
        scene_flush(&s);
        EXPECT_OK(ft_trial_refresh(s.t, NULL));
        ft_trial_horizon(s.t, step);
        EXPECT_OK(ft_rule_loss_not_decreasing.evaluate(NULL, p, &in, &v));
        snprintf(live[n++], sizeof live[0], "%s %.*s", ft_outcome_name(v.outcome),
                 FT_STR_ARG(v.reason));
    }
    ft_trial_close(s.t);
    EXPECT_OK(ft_trial_open(&s.t, NULL, s.uri));
    EXPECT_OK(ft_trial_refresh(s.t, NULL));
    for (int64_t step = 39; step >= 0; step--) { /* backwards: no order is assumed */
        ft_verdict v;
        char text[200];
        ft_rule_input in = { .at = step, .trial = s.t, .arena = &s.arena };
        ft_trial_horizon(s.t, step);
        EXPECT_OK(ft_rule_loss_not_decreasing.evaluate(NULL, p, &in, &v));
        snprintf(text, sizeof text, "%s %.*s", ft_outcome_name(v.outcome), FT_STR_ARG(v.reason));
        assert_string_equal(text, live[step]);
    }
    scene_end(&s);
}

static void test_faults(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int64_t step = 0; step <= 10; step += 5) scene_scalar(&s, step, "train-x", 1);
    scene_flush(&s);
    EACH_FAULT {
        ft_trial *t = NULL;
        ft_params *p;
        ft_verdict v;
        ft_arena arena = FT_ARENA_INIT(0);
        ft_err err = ft_trial_open(&t, NULL, s.uri);
        if (!err) err = ft_trial_refresh(t, NULL);
        if (!err) err = scene_params(&p, &arena, RULE, "");
        ft_rule_input in = { .at = 10, .trial = t, .arena = &arena };
        if (!err) err = ft_rule_loss_not_decreasing.evaluate(NULL, p, &in, &v);
        if (!err) EXPECT(v.outcome == FT_ISSUE);
        ft_trial_close(t);
        ft_arena_fini(&arena);
    }
    scene_end(&s);
}

TEST_MAIN(cmocka_unit_test(test_post), cmocka_unit_test(test_every_5),
          cmocka_unit_test(test_learning), cmocka_unit_test(test_guide),
          cmocka_unit_test(test_old_vector), cmocka_unit_test(test_thresholds),
          cmocka_unit_test(test_rise), cmocka_unit_test(test_names), cmocka_unit_test(test_modes),
          cmocka_unit_test(test_purity), cmocka_unit_test(test_faults))
