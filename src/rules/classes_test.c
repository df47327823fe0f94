/* classes_test.c -- ClassImbalance and Confusion: planted faults fire, clean data never. */
#include "rules/scene_in.h"

static void pair(scene *s, int64_t step, const float *labels, const float *said, int64_t rows,
                 int64_t width) {
    scene_f32(s, step, "labels", labels, rows, 0);
    if (said) scene_f32(s, step, "predictions", said, rows, width);
}

static void test_imbalance(void **state) {
    (void)state;
    scene s;
    float labels[200];
    scene_begin(&s);
    for (int i = 0; i < 200; i++) labels[i] = (float)(i % 4);
    pair(&s, 0, labels, NULL, 200, 0);
    pair(&s, 1, labels, NULL, 200, 0);
    pair(&s, 2, labels, NULL, 200, 0);
    for (int i = 0; i < 200; i++) labels[i] = i < 10 ? 1 : 3;
    pair(&s, 3, labels, NULL, 200, 0);
    EXPECT(scene_run(&s, &ft_rule_class_imbalance, "") ==
           -1); /* 500 labels: 0 to 3 together are even enough */
    EXPECT(s.waits == 2 && s.quiet == 2);
    EXPECT(scene_run(&s, &ft_rule_class_imbalance, "samples=100") == 3);
    EXPECT_STR("class 3 has 190 labels and class 1 has 10 of 200: 19.00 times as many; at most 10 "
               "times was expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_class_imbalance, "samples=100;threshold_imbalance=20") == -1);
    scene_end(&s);
}

static void test_misprediction(void **state) {
    (void)state;
    scene s;
    float labels[100], said[100], scores[300];
    scene_begin(&s);
    for (int i = 0; i < 100; i++) {
        labels[i] = (float)(i % 2);
        said[i] =
            i % 2 ? (i % 10 == 1 ? 0.9f : 0.1f) : 0.2f; /* of class 1 four in five are missed */
    }
    pair(&s, 0, labels, said, 100, 0);
    EXPECT(scene_run(&s, &ft_rule_class_imbalance, "samples=50") == 0);
    EXPECT_STR("40 of 50 rows of class 1 are predicted wrongly at step 0 (80.00 %); at most 70 % "
               "was expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_class_imbalance, "samples=50;threshold_misprediction=0.8") == -1);
    scene_end(&s);
    scene_begin(&s); /* scores of three classes: the largest counts */
    for (int i = 0; i < 100; i++) {
        labels[i] = (float)(i % 3);
        for (int k = 0; k < 3; k++) scores[i * 3 + k] = k == i % 3 ? 0.8f : 0.1f;
    }
    pair(&s, 0, labels, scores, 100, 3);
    EXPECT(scene_run(&s, &ft_rule_class_imbalance, "samples=50;argmax=true") == -1);
    EXPECT(s.quiet == 1);
    scene_end(&s);
}

/* An old open test: the identity must not fire, one wrong class must. */
static void test_confusion(void **state) {
    (void)state;
    scene s;
    float labels[100], said[100];
    scene_begin(&s);
    for (int i = 0; i < 100; i++) labels[i] = said[i] = (float)(i % 10);
    pair(&s, 0, labels, said, 100, 0);
    for (int i = 0; i < 100; i++)
        if (i % 10 == 4) said[i] = 9;
    pair(&s, 1, labels, said, 100, 0);
    EXPECT(scene_run(&s, &ft_rule_confusion, "") == 1);
    EXPECT_STR("0 of 10 rows of class 4 are predicted rightly at step 1 (0.00 %); at least 90 % "
               "was expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_confusion, "min_diag=0") == 1);
    EXPECT_STR("10 of 20 rows predicted as class 9 are of class 4 at step 1 (50.00 %); at most 10 "
               "% was expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_confusion, "min_diag=0;max_off_diag=0.5") == -1);
    EXPECT(scene_run(&s, &ft_rule_confusion, "category_no=4") ==
           -1); /* rows of other classes are left out */
    EXPECT(scene_run(&s, &ft_rule_confusion, "labels=nothing;labels_collection=nothing") == -1);
    EXPECT(s.waits == 2);
    scene_end(&s);
}

TEST_MAIN(cmocka_unit_test(test_imbalance), cmocka_unit_test(test_misprediction),
          cmocka_unit_test(test_confusion))
