/* classification_test.c -- every figure against scikit-learn; odd classes, ties, failed memory. */
#include "stats/classification.h"

#include <math.h>

#include "base/random.h"
#include "tests/oracle.h"

#define N       5000
#define CLASSES 7

static int32_t truth[N], predicted[N], binary[N];
static float scores[N * CLASSES], probability[N];

static void fill(void) {
    ft_random r;
    ft_random_seed(&r, 21);
    for (int i = 0; i < N; i++) {
        float total = 0;
        truth[i] = (int32_t)ft_random_below(&r, CLASSES - 1); /* class 6 never occurs in truth */
        for (int k = 0; k < CLASSES; k++) {
            float s = (float)(ft_random_unit(&r) + (k == truth[i] ? 0.4 : 0) - (k == 4 ? 9 : 0));
            scores[i * CLASSES + k] = s < 0 ? 0 : s; /* class 4 is never predicted */
            total += scores[i * CLASSES + k];
        }
        for (int k = 0; k < CLASSES; k++) scores[i * CLASSES + k] /= total;
        binary[i] = ft_random_below(&r, 4) == 0;
        probability[i] = (float)(round((ft_random_unit(&r) * 0.7 + binary[i] * 0.2) * 200) / 200);
        if (i % 3 == 0) probability[i] = (float)ft_random_unit(&r);
    }
    ft_argmax(predicted, scores, N, CLASSES);
    oracle_put("truth", truth, sizeof truth);
    oracle_put("predicted", predicted, sizeof predicted);
    oracle_put("binary", binary, sizeof binary);
    oracle_put("scores", scores, sizeof scores);
    oracle_put("probability", probability, sizeof probability);
}

#define LOAD                                                                                    \
    "import numpy as np, sklearn.metrics as m\n"                                                \
    "t = np.fromfile(d + 'truth', np.int32); p = np.fromfile(d + 'predicted', np.int32)\n"      \
    "b = np.fromfile(d + 'binary', np.int32); q = np.fromfile(d + 'probability', np.float32)\n" \
    "s = np.fromfile(d + 'scores', np.float32).reshape(-1, 7).astype(float)\n"

static void test_confusion(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_confusion c;
    double want[49 + 28 + 1 + 9];
    if (!oracle_has("sklearn")) SKIP("no python3-sklearn");
    fill();
    EXPECT(oracle_ask(
        want, 87,
        LOAD "L = list(range(7))\n"
             "print(*m.confusion_matrix(t, p, labels=L).ravel())\n"
             "print(*np.array(m.precision_recall_fscore_support(t, p, labels=L, "
             "zero_division=0)).ravel())\n"
             "print(m.accuracy_score(t, p))\n"
             "for a in ['micro', 'macro', 'weighted']: print(*m.precision_recall_fscore_support(t, "
             "p, average=a, zero_division=0)[:3])\n"));
    EXPECT_OK(ft_confusion_new(&c, &arena, CLASSES));
    ft_confusion_add(&c, truth, predicted, N);
    EXPECT(c.total == N && c.skipped == 0);
    for (size_t i = 0; i < 49; i++) EXPECT((double)c.cells[i] == want[i]);
    for (size_t k = 0; k < CLASSES; k++) {
        ft_class_score one = ft_confusion_class(&c, k);
        EXPECT(isnan(one.precision) ? one.predicted == 0
                                    : oracle_near(one.precision, want[49 + k], 1e-12));
        EXPECT(isnan(one.recall) ? one.support == 0 : oracle_near(one.recall, want[56 + k], 1e-12));
        EXPECT(isnan(one.f1) || oracle_near(one.f1, want[63 + k], 1e-12));
        EXPECT((double)one.support == want[70 + k]);
    }
    EXPECT(oracle_near(ft_confusion_accuracy(&c), want[77], 1e-12));
    for (int how = 0; how < 3; how++) {
        ft_class_score s = ft_confusion_average(&c, (ft_average)how);
        EXPECT(oracle_near(s.precision, want[78 + how * 3], 1e-12));
        EXPECT(oracle_near(s.recall, want[79 + how * 3], 1e-12));
        EXPECT(oracle_near(s.f1, want[80 + how * 3], 1e-12));
    }
    ft_arena_fini(&arena);
}

static void test_losses_and_areas(void **state) {
    (void)state;
    double want[4], area;
    if (!oracle_has("sklearn")) SKIP("no python3-sklearn");
    fill();
    EXPECT(oracle_ask(want, 4,
                      LOAD "q = q.astype(float)\n"
                           "print(m.log_loss(b, q), m.log_loss(t, s / s.sum(1, keepdims=True), "
                           "labels=list(range(7))))\n"
                           "print(m.roc_auc_score(b, q), m.average_precision_score(b, q))\n"));
    EXPECT(oracle_near(ft_log_loss(probability, binary, N), want[0], 1e-9));
    EXPECT(oracle_near(ft_log_loss_multi(scores, truth, N, CLASSES), want[1], 1e-9));
    EXPECT_OK(ft_roc_auc(&area, probability, binary, N));
    EXPECT(oracle_near(area, want[2], 1e-13));
    ft_arena arena = FT_ARENA_INIT(0);
    ft_curve roc, pr;
    EXPECT_OK(ft_roc_curve(&roc, &arena, probability, binary, N, 0));
    EXPECT_OK(ft_pr_curve(&pr, &arena, probability, binary, N, 0));
    EXPECT(oracle_near(roc.area, want[2], 1e-13) && oracle_near(pr.area, want[3], 1e-13));
    ft_arena_fini(&arena);
}

static void test_curves(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_curve all, thin;
    static double want[3 * N + 3];
    if (!oracle_has("sklearn")) SKIP("no python3-sklearn");
    fill();
    EXPECT_OK(ft_roc_curve(&all, &arena, probability, binary, N, 0));
    int points = (int)all.count;
    EXPECT(oracle_ask(want, 3 * points,
                      LOAD
                      "f, r, h = m.roc_curve(b, q, drop_intermediate=False)\nprint(*f, *r, *h)\n"));
    for (int i = 0; i < points; i++) {
        EXPECT(oracle_near(all.x[i], want[i], 1e-12) &&
               oracle_near(all.y[i], want[points + i], 1e-12));
        EXPECT(i == 0 || oracle_near(all.threshold[i], want[2 * points + i], 1e-7));
    }
    EXPECT_OK(ft_roc_curve(&thin, &arena, probability, binary, N, 100));
    EXPECT(thin.count > 50 && thin.count < 210 && thin.area == all.area);
    EXPECT(thin.x[thin.count - 1] == 1 && thin.y[thin.count - 1] == 1);
    EXPECT_OK(ft_pr_curve(&all, &arena, probability, binary, N, 0));
    points = (int)all.count; /* sklearn's goes from low thresholds to high ones */
    EXPECT(oracle_ask(want, 2 * points,
                      LOAD "p, r, h = m.precision_recall_curve(b, q)\n"
                           "n = len(set(q)) + 1; pad = [1] * (n - len(p))\n"
                           "print(*p[::-1], *pad, *r[::-1], *pad)\n"));
    for (int i = 0; i < points && want[points + i] < 1; i++)
        EXPECT(oracle_near(all.y[i], want[i], 1e-12) &&
               oracle_near(all.x[i], want[points + i], 1e-12));
    ft_arena_fini(&arena);
}

static void test_ties_and_ends(void **state) {
    (void)state;
    double area;
    static const float tied[] = { 1, 1, 1, 1 }, up[] = { -INFINITY, -1, -0.0f, 0, 2, INFINITY };
    static const int32_t t[] = { 0, 1, 0, 1 }, ends[] = { 0, 0, 0, 1, 1, 1 },
                         one[] = { 1, 1, 1, 1 };
    EXPECT_OK(ft_roc_auc(&area, tied, t, 4));
    EXPECT(area == 0.5);
    EXPECT_OK(ft_roc_auc(&area, up, ends, 6));
    EXPECT(fabs(area - (8 + 0.5) / 9) < 1e-15); /* -0 and 0 tie */
    EXPECT_OK(ft_roc_auc(&area, tied, one, 4));
    EXPECT(isnan(area));
    EXPECT_OK(ft_roc_auc(&area, NULL, NULL, 0));
    EXPECT(isnan(area));
    EXPECT_ERR(FT_EINVAL, ft_roc_auc(&area, (const float[]){ 1, NAN }, t, 2));
    EXPECT_WHY("row 1: the score is not a number");
    EXPECT_ERR(FT_EINVAL, ft_roc_auc(&area, tied, (const int32_t[]){ 0, 2 }, 2));
    EXPECT_WHY("row 1: the truth is 2");
    EXPECT(isnan(ft_log_loss(tied, one, 0)) && isnan(ft_log_loss(tied, (const int32_t[]){ 3 }, 1)));
    EXPECT(ft_log_loss((const float[]){ 0 }, one, 1) > 34); /* clipped, not infinite */
    EXPECT(isnan(ft_log_loss_multi(tied, (const int32_t[]){ 4 }, 1, 4)));
    int32_t best[2];
    ft_argmax(best, (const float[]){ 1, 3, 3, 0, NAN, 2 }, 2, 3);
    EXPECT(best[0] == 1 && best[1] == -1);
}

static void test_odd_matrices(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_confusion c;
    EXPECT_ERR(FT_EINVAL, ft_confusion_new(&c, &arena, 0));
    EXPECT_ERR(FT_EINVAL, ft_confusion_new(&c, &arena, FT_CLASSES_MAX + 1));
    EXPECT_OK(ft_confusion_new(&c, &arena, 2));
    EXPECT(isnan(ft_confusion_accuracy(&c)) &&
           isnan(ft_confusion_average(&c, FT_AVERAGE_MACRO).f1));
    ft_confusion_add(&c, (const int32_t[]){ 0, 1, -1, 5 }, (const int32_t[]){ 0, -1, 0, 1 }, 4);
    EXPECT(c.total == 1 && c.skipped == 3 && ft_confusion_accuracy(&c) == 1);
    EXPECT(ft_confusion_average(&c, FT_AVERAGE_MACRO).f1 == 1);
    ft_arena_fini(&arena);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    fill();
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_curve curve;
        ft_confusion c;
        double area;
        ft_err err = ft_roc_auc(&area, probability, binary, N);
        if (!err) err = ft_pr_curve(&curve, &arena, probability, binary, N, 50);
        if (!err) err = ft_confusion_new(&c, &arena, 100);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_arena_fini(&arena);
        rounds++;
    }
    EXPECT(rounds >= 5);
}

TEST_MAIN(cmocka_unit_test(test_confusion), cmocka_unit_test(test_losses_and_areas),
          cmocka_unit_test(test_curves), cmocka_unit_test(test_ties_and_ends),
          cmocka_unit_test(test_odd_matrices), cmocka_unit_test(test_every_fault))
