/* classification.h -- how good are predicted classes and scores.
 *
 * Definitions are scikit-learn's; where a figure is not defined (precision of a class that was
 * never predicted) it is NaN here, and averages take it as 0, as zero_division=0 does there.
 *
 * Threads: any. Memory: confusion matrices and curves in the arena; scratch is freed. */
#ifndef FT_CLASSIFICATION_H
#define FT_CLASSIFICATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define FT_CLASSES_MAX 10000

typedef struct ft_confusion {
    size_t classes;
    uint64_t *cells;  /* [truth * classes + predicted] */
    uint64_t total;   /* in the cells */
    uint64_t skipped; /* pairs with a class outside [0, classes) */
} ft_confusion;

/* FT_EINVAL for 0 or more than FT_CLASSES_MAX classes. */
ft_err ft_confusion_new(ft_confusion *out, ft_arena *arena, size_t classes);
void ft_confusion_add(ft_confusion *c, const int32_t *truth, const int32_t *predicted, size_t n);
static inline uint64_t ft_confusion_at(const ft_confusion *c, size_t truth, size_t predicted) {
    return c->cells[truth * c->classes + predicted];
}
double ft_confusion_accuracy(const ft_confusion *c); /* NaN when empty */

typedef struct ft_class_score {
    double precision, recall, f1;
    uint64_t support, predicted, correct; /* of this class in truth, among predictions, in both */
} ft_class_score;
ft_class_score ft_confusion_class(const ft_confusion *c, size_t class_index);

typedef enum ft_average {
    FT_AVERAGE_MICRO,   /* from the summed counts: all three equal the accuracy */
    FT_AVERAGE_MACRO,   /* mean over the classes that occur in truth or predictions */
    FT_AVERAGE_WEIGHTED /* mean weighted by support */
} ft_average;
/* support: total; predicted and correct: sums. */
ft_class_score ft_confusion_average(const ft_confusion *c, ft_average how);

/* Index of the largest of each row of scores, the first of equals; -1 for a row with NaN. */
void ft_argmax(int32_t *out, const float *scores, size_t rows, size_t columns);

/* Mean of -ln(probability of the truth), probabilities clipped to [e, 1 - e], e = 2^-52. Binary:
 * `probability` of class 1, `truth` 0 or 1. Many: rows of `classes`, divided by their sum. NaN when
 * rows is 0, or a truth is outside. */
double ft_log_loss(const float *probability, const int32_t *truth, size_t rows);
double ft_log_loss_multi(const float *probability, const int32_t *truth, size_t rows,
                         size_t classes);

/* ---- ranking: `truth` is 0 or 1, a higher score means 1. FT_EINVAL names the row of a NaN score
 * or of another truth; FT_ENOMEM. When only one class is there, areas are NaN and curves empty. */

/* Area under the ROC curve, exact: the share of (1, 0) pairs in the right order, ties counting half
 * (Mann and Whitney). */
ft_err ft_roc_auc(double *out, const float *score, const int32_t *truth, size_t rows);

typedef struct ft_curve { /* ROC: x false positive rate, y true positive rate; PR: x recall, y
                             precision */
    size_t count;
    double *x, *y, *threshold;
    double area; /* ROC: area under the curve; PR: average precision, sum of (R_i - R_i-1) P_i */
} ft_curve;
/* One point for every distinct score, thinned to about `points_max` (0: all); the area is always
 * that of all points. */
ft_err ft_roc_curve(ft_curve *out, ft_arena *arena, const float *score, const int32_t *truth,
                    size_t rows, size_t points_max);
ft_err ft_pr_curve(ft_curve *out, ft_arena *arena, const float *score, const int32_t *truth,
                   size_t rows, size_t points_max);

#endif
