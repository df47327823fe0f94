/* tensors_test.c -- rules on single tensors: planted faults fire where they must, clean ones never.
 */
#include "rules/scene_in.h"

static void test_all_zero(void **state) {
    (void)state;
    scene s;
    static const float full[4] = { 1, 2, 3, 4 }, half[4] = { 0, 0, 3, 4 },
                       zero[4] = { 0, -0.0f, 0, 0 };
    scene_begin(&s);
    scene_f32(&s, 0, "w", full, 4, 0);
    scene_f32(&s, 5, "w", half, 4, 0);
    scene_f32(&s, 7, "other", zero, 4, 0);
    scene_f32(&s, 9, "w", zero, 4, 0);
    EXPECT(scene_run(&s, &ft_rule_all_zero, "tensor_regex=w") == 9);
    EXPECT_STR("4 of the 4 values of w are zero at step 9 (100.00 %); less than 100 % was expected",
               s.verdict.reason);
    EXPECT(s.quiet == 2 && s.waits == 1);
    EXPECT(scene_run(&s, &ft_rule_all_zero, "tensor_regex=w;threshold=50") == 5);
    EXPECT(scene_run(&s, &ft_rule_all_zero, "collection_names=labels;tensor_regex=oth") == 7);
    ft_params *p;
    EXPECT_ERR(FT_EINVAL, scene_params(&p, &s.arena, &ft_rule_all_zero, ""));
    scene_end(&s);
}

static void test_exploding(void **state) {
    (void)state;
    scene s;
    static const float good[3] = { 1, 2, 3 }, inf[3] = { 1, INFINITY, 3 }, nan_[3] = { 1, 2, NAN };
    scene_begin(&s);
    scene_f32(&s, 0, "w", good, 3, 0);
    scene_f32(&s, 1, "w", inf, 3, 0);
    scene_f32(&s, 2, "w", nan_, 3, 0);
    EXPECT(scene_run(&s, &ft_rule_exploding_tensor, "") == 1);
    EXPECT_STR("w holds 0 NaN and 1 infinite values of 3 at step 1, the first at item 1",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_exploding_tensor, "only_nan=true") == 2);
    EXPECT(scene_run(&s, &ft_rule_exploding_tensor, "tensor_regex=x") == -1);
    scene_end(&s);
}

/* An old open test: three equal values at steps 0, 1, 2 fire at 2, not at 1. */
static void test_unchanged(void **state) {
    (void)state;
    scene s;
    static const float a[2] = { 1, 2 }, near[2] = { 1.000001f, 2 }, b[2] = { 1.1f, 2 },
                       n[2] = { NAN, 1 };
    scene_begin(&s);
    for (int64_t i = 0; i < 3; i++) scene_f32(&s, i, "w", a, 2, 0);
    EXPECT(scene_run(&s, &ft_rule_unchanged_tensor, "tensor_regex=w") == 2);
    EXPECT_STR("w did not change over 3 saved steps, from 0 to 2", s.verdict.reason);
    EXPECT(s.waits == 2);
    scene_end(&s);
    scene_begin(&s);
    scene_f32(&s, 0, "w", a, 2, 0);
    scene_f32(&s, 4, "w", near, 2, 0); /* within rtol */
    scene_f32(&s, 8, "w", b, 2, 0);
    scene_f32(&s, 9, "w", b, 1, 2); /* another shape is a change */
    scene_f32(&s, 10, "w", n, 2, 0);
    scene_f32(&s, 11, "w", n, 2, 0);
    EXPECT(scene_run(&s, &ft_rule_unchanged_tensor, "tensor_regex=w") == -1);
    EXPECT(scene_run(&s, &ft_rule_unchanged_tensor, "tensor_regex=w;num_steps=2") == 4);
    EXPECT(scene_run(&s, &ft_rule_unchanged_tensor, "tensor_regex=w;num_steps=2;rtol=0") == -1);
    EXPECT(scene_run(&s, &ft_rule_unchanged_tensor,
                     "tensor_regex=w;num_steps=2;rtol=0;equal_nan=yes") == 11);
    scene_end(&s);
}

static void test_variance(void **state) {
    (void)state;
    scene s;
    static const float calm[2] = { 1, 1.5f }, wild[2] = { -100, 100 }, flat[2] = { 3, 3 };
    ft_params *p;
    scene_begin(&s);
    scene_f32(&s, 0, "w", calm, 2, 0);
    scene_f32(&s, 1, "w", wild, 2, 0);
    scene_f32(&s, 2, "w", flat, 2, 0);
    EXPECT(scene_run(&s, &ft_rule_tensor_variance, "tensor_regex=w;max_threshold=100") == 1);
    EXPECT_STR("the variance of w is 10000 at step 1; at most 100 was expected", s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_tensor_variance, "tensor_regex=w;min_threshold=0.01") == 2);
    EXPECT(scene_run(&s, &ft_rule_tensor_variance, "tensor_regex=w;max_threshold=20000") == -1);
    EXPECT_ERR(FT_EINVAL, scene_params(&p, &s.arena, &ft_rule_tensor_variance, "tensor_regex=w"));
    EXPECT_ERR(FT_EINVAL, scene_params(&p, &s.arena, &ft_rule_tensor_variance, "max_threshold=1"));
    scene_end(&s);
}

static void test_tree_depth(void **state) {
    (void)state;
    scene s;
    static const float shallow[3] = { 0, 1, 2 }, deep[3] = { 0, 16, 17 }, stump[1] = { 0 };
    scene_begin(&s);
    scene_f32(&s, 0, "trees/Node", shallow, 3, 0);
    scene_f32(&s, 5, "trees/Node", deep, 3, 0);
    scene_f32(&s, 9, "trees/Node", stump, 1, 0);
    EXPECT(scene_run(&s, &ft_rule_tree_depth, "") == 5);
    EXPECT_STR("the largest node number of the trees at step 5 is 17: a depth of 4.09; at most 4 "
               "was expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_tree_depth, "depth=5") == -1);
    EXPECT(s.quiet == 3);
    scene_end(&s);
}

static void test_importance(void **state) {
    (void)state;
    scene s;
    scene_begin(&s);
    for (int i = 0; i < 10; i++) {
        char name[64];
        snprintf(name, sizeof name, "feature_importance/weight/f%d", i);
        scene_scalar(&s, 0, name, 0.1); /* even: three of ten hold 30 % */
    }
    for (int i = 0; i < 10; i++) {
        char name[64];
        snprintf(name, sizeof name, "feature_importance/weight/f%d", i);
        scene_scalar(&s, 5, name, i == 7 ? 0.6 : i == 2 ? 0.2 : 0.025);
    }
    scene_scalar(&s, 6, "feature_importance/gain/f1", 1); /* another kind of importance */
    EXPECT(scene_run(&s, &ft_rule_feature_importance_overweight, "") == 5);
    EXPECT_STR("the 3 most important of 10 features hold 82.50 % of the weight at step 5 (f7 "
               "0.600, f2 0.200, f0 "
               "0.025); at most 80 % was expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_feature_importance_overweight, "nfeatures=2;threshold=0.85") ==
           -1);
    EXPECT(scene_run(&s, &ft_rule_feature_importance_overweight,
                     "tensor_regex=feature_importance/gain") == 6);
    scene_end(&s);
}

/* What is damaged is skipped: the rule goes on with the rest. */
static void test_damage_is_skipped(void **state) {
    (void)state;
    scene s;
    static const float zero[2] = { 0, 0 };
    scene_begin(&s);
    for (int64_t i = 0; i < 3; i++) scene_f32(&s, i, "w", zero, 2, 0);
    scene_flush(&s);
    ft_str path;
    EXPECT_OK(ft_arena_printf(&path, &s.arena,
                              "%s/events/000000000000/000000000000_worker_0.tfevents", s.uri.at));
    FILE *f = fopen(path.at, "w");
    EXPECT(f && fputs("not a record", f) > 0 && fclose(f) == 0);
    EXPECT(scene_run(&s, &ft_rule_all_zero, "tensor_regex=w") == 1);
    EXPECT(s.waits == 1 && ft_trial_damaged(s.t) == 1);
    scene_end(&s);
}

TEST_MAIN(cmocka_unit_test(test_all_zero), cmocka_unit_test(test_exploding),
          cmocka_unit_test(test_unchanged), cmocka_unit_test(test_variance),
          cmocka_unit_test(test_tree_depth), cmocka_unit_test(test_importance),
          cmocka_unit_test(test_damage_is_skipped))
