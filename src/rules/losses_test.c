/* losses_test.c -- Overfit and Overtraining: planted faults fire where they must, clean runs never.
 */
#include "rules/scene_in.h"

/* The post's shape: both losses fall, then validation rises away. */
static void two(scene *s, int64_t step, double train, double validation) {
    scene_scalar(s, step, "train-rmse", train);
    scene_scalar(s, step, "validation-rmse", validation);
}

static void test_overfit(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int i = 0; i < 10; i++) two(&s, i, 1.0 / (i + 1), 1.0 / (i + 1) * (i < 6 ? 1.05 : 1.2));
    EXPECT(scene_run(&s, &ft_rule_overfit, "") == 6);
    EXPECT_STR("the validation rmse (0.1714286) is 20.00 % above the training one (0.1428571) at "
               "step 6, the check "
               "number 1 in a row; at most 10 % was expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_overfit, "patience=3") == 8);
    EXPECT(scene_run(&s, &ft_rule_overfit, "patience=5") == -1);
    EXPECT(scene_run(&s, &ft_rule_overfit, "start_step=8") == 8);
    EXPECT(scene_run(&s, &ft_rule_overfit, "start_step=8;patience=3") == -1);
    EXPECT(scene_run(&s, &ft_rule_overfit, "ratio_threshold=0.25") == -1);
    EXPECT(s.quiet == 10);
    scene_end(&s);
}

static void test_overfit_run_is_broken(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int i = 0; i < 12; i++) two(&s, i, 1, i % 3 == 2 ? 1 : 1.5); /* never three in a row */
    EXPECT(scene_run(&s, &ft_rule_overfit, "patience=3") == -1);
    EXPECT(scene_run(&s, &ft_rule_overfit, "patience=2") == 1);
    scene_end(&s);
}

static void test_overfit_clean(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int i = 0; i < 50; i++) two(&s, i, exp(-i / 10.0), 1.02 * exp(-i / 10.0));
    EXPECT(scene_run(&s, &ft_rule_overfit, "") == -1);
    EXPECT(s.issues == 0 && s.quiet == 50);
    scene_end(&s);
    scene_begin(&s); /* without a validation loss there is nothing to check */
    for (int i = 0; i < 5; i++) scene_scalar(&s, i, "train-rmse", 1);
    EXPECT(scene_run(&s, &ft_rule_overfit, "") == -1);
    EXPECT(s.waits == 5);
    scene_end(&s);
}

/* Modes: training losses since the evaluation before are averaged. */
static void test_overfit_modes(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    static const double values[] = { 1, 3, 2, 1, 1, 2 }; /* T T E T T E */
    for (int64_t i = 0; i < 6; i++) {
        bool eval = i % 3 == 2;
        double v = values[i];
        ft_array a = { .dtype = FT_F64, .data = &v };
        scene_at(&s, i, eval ? FT_MODE_EVAL : FT_MODE_TRAIN, eval ? i / 3 : i - i / 3);
        EXPECT_OK(ft_trial_add(s.w, FT_STR("net-loss"), &a));
    }
    EXPECT(scene_run(&s, &ft_rule_overfit, "") ==
           5); /* mean(1, 3) = 2 is equal at 2; 2 against 1 at 5 */
    EXPECT(strstr(s.verdict.reason.at, "(2) is 100.00 % above the training one (1)"));
    scene_end(&s);
}

static void test_overtraining(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int i = 0; i < 40; i++)
        two(&s, i, i < 10 ? 1 - 0.05 * i : 0.55, i < 8 ? 1 - 0.05 * i : 0.65);
    /* best training at 9, best validation at 7: 5 and 10 saves later: 17 */
    EXPECT(scene_run(&s, &ft_rule_overtraining, "") == 17);
    EXPECT_STR("rmse has not improved by 0.01 since step 9 in training (0.55, 8 saved steps ago) "
               "and since step 7 in "
               "validation (0.65, 10 saved steps ago)",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_overtraining, "patience_train=20") == 29);
    EXPECT(scene_run(&s, &ft_rule_overtraining, "patience_train=100") == -1);
    scene_end(&s);
}

/* The post: constant loss, patience_train 10, no validation channel: no issue. */
static void test_overtraining_post(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int i = 0; i < 100; i += 5) scene_scalar(&s, i, "train-rmse", 0.5);
    EXPECT(scene_run(&s, &ft_rule_overtraining, "patience_train=10") == -1);
    EXPECT(s.issues == 0);
    scene_end(&s);
    scene_begin(&s); /* and a run that goes on improving */
    for (int i = 0; i < 60; i++) two(&s, i, 10 - 0.02 * i, 11 - 0.02 * i);
    EXPECT(scene_run(&s, &ft_rule_overtraining, "") == -1);
    EXPECT(s.quiet == 60);
    scene_end(&s);
}

TEST_MAIN(cmocka_unit_test(test_overfit), cmocka_unit_test(test_overfit_run_is_broken),
          cmocka_unit_test(test_overfit_clean), cmocka_unit_test(test_overfit_modes),
          cmocka_unit_test(test_overtraining), cmocka_unit_test(test_overtraining_post))
