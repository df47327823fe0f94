/* classification.c -- see classification.h. Ranking figures are in ranking.c. */
#include "stats/classification.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "base/check.h"

#define CLIP DBL_EPSILON

ft_err ft_confusion_new(ft_confusion *out, ft_arena *arena, size_t classes) {
    *out = (ft_confusion){ 0 };
    if (classes == 0 || classes > FT_CLASSES_MAX)
        return FT_FAIL(FT_EINVAL, "a confusion matrix of %zu classes: expected 1 to %d", classes,
                       FT_CLASSES_MAX);
    FT_TRY(ft_arena_items(&out->cells, arena, classes * classes));
    out->classes = classes;
    return FT_OK;
}

void ft_confusion_add(ft_confusion *c, const int32_t *truth, const int32_t *predicted, size_t n) {
    size_t classes = c->classes;
    for (size_t i = 0; i < n; i++) {
        size_t t = (size_t)(uint32_t)truth[i], p = (size_t)(uint32_t)predicted[i];
        if (t < classes && p < classes) { /* a negative class is a huge one here */
            c->cells[t * classes + p]++;
            c->total++;
        } else {
            c->skipped++;
        }
    }
}

static uint64_t correct_of(const ft_confusion *c) {
    uint64_t correct = 0;
    for (size_t k = 0; k < c->classes; k++) correct += ft_confusion_at(c, k, k);
    return correct;
}

static double share(uint64_t part, uint64_t whole) {
    return whole ? (double)part / (double)whole : (double)NAN;
}

double ft_confusion_accuracy(const ft_confusion *c) { return share(correct_of(c), c->total); }

static ft_class_score score_of(uint64_t correct, uint64_t support, uint64_t predicted) {
    return (ft_class_score){ .precision = share(correct, predicted),
                             .recall = share(correct, support),
                             .f1 = share(2 * correct, support + predicted),
                             .support = support,
                             .predicted = predicted,
                             .correct = correct };
}

ft_class_score ft_confusion_class(const ft_confusion *c, size_t class_index) {
    uint64_t support = 0, predicted = 0;
    FT_CHECK(class_index < c->classes);
    for (size_t k = 0; k < c->classes; k++) {
        support += ft_confusion_at(c, class_index, k);
        predicted += ft_confusion_at(c, k, class_index);
    }
    return score_of(ft_confusion_at(c, class_index, class_index), support, predicted);
}

static double or_zero(double v) { return v == v ? v : 0; }

ft_class_score ft_confusion_average(const ft_confusion *c, ft_average how) {
    uint64_t correct = correct_of(c);
    ft_class_score out = score_of(correct, c->total, c->total);
    double weights = 0, precision = 0, recall = 0, f1 = 0;
    if (how == FT_AVERAGE_MICRO || c->total == 0) return out;
    for (size_t k = 0; k < c->classes; k++) {
        ft_class_score one = ft_confusion_class(c, k);
        if (one.support == 0 && one.predicted == 0) continue; /* not in this data at all */
        double weight = how == FT_AVERAGE_MACRO ? 1 : (double)one.support;
        weights += weight;
        precision += weight * or_zero(one.precision);
        recall += weight * or_zero(one.recall);
        f1 += weight * or_zero(one.f1);
    }
    out.precision = precision / weights;
    out.recall = recall / weights;
    out.f1 = f1 / weights;
    return out;
}

void ft_argmax(int32_t *out, const float *scores, size_t rows, size_t columns) {
    for (size_t row = 0; row < rows; row++) {
        const float *s = scores + row * columns;
        size_t best = 0;
        bool bad = columns == 0 || s[0] != s[0];
        for (size_t k = 1; k < columns; k++) {
            bad |= s[k] != s[k];
            if (s[k] > s[best]) best = k;
        }
        out[row] = bad ? -1 : (int32_t)best;
    }
}

static double clipped(double p) { return p < CLIP ? CLIP : p > 1 - CLIP ? 1 - CLIP : p; }

double ft_log_loss(const float *probability, const int32_t *truth, size_t rows) {
    double sum = 0;
    if (rows == 0) return (double)NAN;
    for (size_t i = 0; i < rows; i++) {
        double p = (double)probability[i];
        if (p != p || (truth[i] != 0 && truth[i] != 1)) return (double)NAN;
        sum -= log(clipped(truth[i] ? p : 1 - p));
    }
    return sum / (double)rows;
}

double ft_log_loss_multi(const float *probability, const int32_t *truth, size_t rows,
                         size_t classes) {
    double sum = 0;
    if (rows == 0) return (double)NAN;
    for (size_t i = 0; i < rows; i++) {
        const float *p = probability + i * classes;
        double total = 0;
        if (truth[i] < 0 || (size_t)truth[i] >= classes) return (double)NAN;
        for (size_t k = 0; k < classes; k++) total += (double)p[k];
        if (!(total > 0)) return (double)NAN;
        sum -= log(clipped((double)p[truth[i]] / total));
    }
    return sum / (double)rows;
}
