/* training_outcome.c -- the half of the training report about labels and predictions: their
 * distribution, the confusion matrix and its figures, accuracy by class over the rounds, the ROC
 * curve, residuals. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "debug/training_in.h"
#include "stats/classification.h"
#include "stats/histogram.h"
#include "stats/regression.h"

#define CLASSES_SHOWN 40   /* a larger confusion matrix is no longer readable */
#define CLASSES_TOLD  1000 /* more different whole labels than this are amounts, not classes */
#define LINES_MAX     FT_SERIES_MAX
#define ROC_POINTS    400
#define BINS          20

typedef enum task { TASK_NONE, TASK_BINARY, TASK_MULTI, TASK_REGRESSION } task;

/* Labels and predictions of one saved round. */
typedef struct outcome {
    int64_t step;
    size_t rows, columns; /* of predictions: 1, or one a class */
    float *labels, *predictions;
} outcome;

/* ---- reading */

static ft_err floats(float **out, size_t *count, ft_array *shape, ft_training *r, const char *name,
                     int64_t step) {
    double *v;
    FT_TRY(ft_training_numbers(&v, shape, r, ft_str_of(name), step));
    *count = (size_t)ft_array_count(shape);
    FT_TRY(ft_arena_items(out, r->arena, *count + 1));
    for (size_t i = 0; i < *count; i++) (*out)[i] = (float)v[i];
    return FT_OK;
}

/* The labels of the newest round that has them (they do not change from round to round). */
static ft_err labels_newest(float **out, size_t *count, ft_training *r) {
    size_t n;
    ft_array shape;
    const int64_t *steps = ft_trial_tensor_steps(r->trial, FT_STR("labels"), &n);
    *count = 0;
    return n ? floats(out, count, &shape, r, "labels", steps[n - 1]) : FT_ENOTFOUND;
}

/* FT_ENOTFOUND without a trail when that round has no predictions that fit the labels. */
static ft_err outcome_read(outcome *out, ft_training *r, int64_t step) {
    ft_array shape;
    size_t predicted = 0;
    *out = (outcome){ .step = step };
    ft_err err = floats(&out->labels, &out->rows, &shape, r, "labels", step);
    if (err == FT_ENOTFOUND) err = labels_newest(&out->labels, &out->rows, r);
    if (err != FT_OK) return err;
    err = floats(&out->predictions, &predicted, &shape, r, "predictions", step);
    if (err != FT_OK) return err;
    if (out->rows == 0 || predicted == 0 || predicted % out->rows) return FT_ENOTFOUND;
    out->columns = predicted / out->rows;
    return FT_OK;
}

static bool all_whole(const float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]) || v[i] < 0 || v[i] != floorf(v[i])) return false;
    return true;
}

static float largest(const float *v, size_t n) {
    float most = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i]) && v[i] > most) most = v[i];
    return most;
}

/* What kind of task? The objective says; without one, the numbers do. */
static task task_of(const ft_training *r, const outcome *o) {
    ft_str objective = r->opts->objective;
    if (ft_str_starts(objective, FT_STR("multi:"))) return TASK_MULTI;
    if (ft_str_starts(objective, FT_STR("binary:"))) return TASK_BINARY;
    if (objective.len) return TASK_REGRESSION;
    if (o->columns > 1) return TASK_MULTI;
    if (!all_whole(o->labels, o->rows) || largest(o->labels, o->rows) >= CLASSES_TOLD)
        return TASK_REGRESSION;
    if (all_whole(o->predictions, o->rows)) return TASK_MULTI;
    return largest(o->labels, o->rows) <= 1 && largest(o->predictions, o->rows) <= 1
               ? TASK_BINARY
               : TASK_REGRESSION;
}

static ft_str class_name(ft_training *r, size_t c) {
    ft_str name = { 0 };
    if (r->opts->classes && c < r->opts->class_count) return r->opts->classes[c];
    if (ft_arena_printf(&name, r->arena, "%zu", c) != FT_OK) return FT_STR("?");
    return name;
}

/* Classes as numbers: the largest of the row, the class itself, or 1 above one half. */
static ft_err classes_of(int32_t **truth, int32_t **predicted, size_t *classes, ft_training *r,
                         const outcome *o, task t) {
    FT_TRY(ft_arena_items(truth, r->arena, o->rows));
    FT_TRY(ft_arena_items(predicted, r->arena, o->rows));
    bool margins = ft_str_is(r->opts->objective, "binary:logitraw") ||
                   ft_str_is(r->opts->objective, "binary:hinge");
    float cut = margins ? 0 : 0.5f;
    if (o->columns > 1) ft_argmax(*predicted, o->predictions, o->rows, o->columns);
    for (size_t i = 0; i < o->rows; i++) {
        (*truth)[i] =
            o->labels[i] >= 0 && o->labels[i] < FT_CLASSES_MAX ? (int32_t)o->labels[i] : -1;
        if (o->columns > 1) continue;
        float p = o->predictions[i];
        (*predicted)[i] = isnan(p) ? -1 : t == TASK_BINARY ? p > cut : (int32_t)p;
    }
    size_t most = o->columns > 1 ? o->columns : 2;
    for (size_t i = 0; i < o->rows; i++) {
        if ((*truth)[i] >= (int32_t)most) most = (size_t)(*truth)[i] + 1;
        if ((*predicted)[i] >= (int32_t)most) most = (size_t)(*predicted)[i] + 1;
    }
    *classes = most < FT_CLASSES_MAX ? most : FT_CLASSES_MAX;
    return FT_OK;
}

/* ---- the distribution of the labels */

static ft_err label_classes(ft_training *r, const float *labels, size_t count) {
    size_t classes = (size_t)largest(labels, count) + 1, least = count, most = 0;
    double *values;
    ft_str *names;
    FT_TRY(ft_arena_items(&values, r->arena, classes));
    FT_TRY(ft_arena_items(&names, r->arena, classes));
    for (size_t i = 0; i < count; i++) values[(size_t)labels[i]]++;
    for (size_t c = 0; c < classes; c++) {
        names[c] = class_name(r, c);
        if (values[c] < (double)least) least = (size_t)values[c];
        if (values[c] > (double)most) most = (size_t)values[c];
    }
    if (classes < 2)
        ft_page_callout(r->page, FT_TONE_WARN,
                        "All %zu labels are of one class: there is nothing to tell apart.", count);
    else if (least == 0)
        ft_page_callout(r->page, FT_TONE_WARN,
                        "At least one class between 0 and %zu has no example.", classes - 1);
    else if (most >= 10 * least)
        ft_page_callout(
            r->page, FT_TONE_WARN,
            "The classes are unequal: the largest has %.0f times as many rows as the smallest.",
            (double)most / (double)least);
    ft_page_columns(r->page, &(ft_columns){ .names = names,
                                            .values = values,
                                            .count = classes,
                                            .x_label = "class",
                                            .y_label = "rows" });
    return FT_OK;
}

static ft_err label_amounts(ft_training *r, const float *labels, size_t count) {
    ft_histogram h;
    double *wide, low = INFINITY, high = -INFINITY;
    FT_TRY(ft_arena_items(&wide, r->arena, count));
    for (size_t i = 0; i < count; i++) {
        wide[i] = (double)labels[i];
        if (isfinite(wide[i])) low = fmin(low, wide[i]), high = fmax(high, wide[i]);
    }
    if (!(high >= low)) {
        ft_page_callout(r->page, FT_TONE_BAD, "No label is a finite number.");
        return FT_OK;
    }
    FT_TRY(ft_histogram_equal(&h, r->arena, low, high, BINS));
    ft_histogram_add(&h, wide, count);
    ft_page_columns(r->page, &(ft_columns){ .edges = h.edges,
                                            .values = h.counts,
                                            .count = h.count,
                                            .x_label = "label",
                                            .y_label = "rows" });
    return FT_OK;
}

ft_err ft_training_labels(ft_training *r) {
    float *labels;
    size_t count;
    ft_page_section(r->page, FT_STR("Distribution of true labels"));
    ft_err err = labels_newest(&labels, &count, r);
    if (err == FT_ENOTFOUND || (err == FT_OK && count == 0)) {
        ft_page_text(r->page, "The trial holds no labels: the collection was not saved, or the job "
                              "ended before the first save.");
        return FT_OK;
    }
    FT_TRY(err);
    ft_page_text(r->page, "%zu rows of the %s set.", count,
                 r->opts->validation ? "validation" : "training");
    bool amounts = r->opts->objective.len && !ft_str_starts(r->opts->objective, FT_STR("multi:")) &&
                   !ft_str_starts(r->opts->objective, FT_STR("binary:"));
    if (!amounts && all_whole(labels, count) && largest(labels, count) < CLASSES_TOLD)
        return label_classes(r, labels, count);
    return label_amounts(r, labels, count);
}

/* ---- classification */

static ft_err confusion_table(ft_training *r, const ft_confusion *c) {
    if (c->classes > CLASSES_SHOWN) {
        ft_page_text(r->page, "%zu classes are too many to draw; the figures by class follow.",
                     c->classes);
        return FT_OK;
    }
    double *cells;
    ft_str *names;
    FT_TRY(ft_arena_items(&cells, r->arena, c->classes * c->classes));
    FT_TRY(ft_arena_items(&names, r->arena, c->classes));
    for (size_t i = 0; i < c->classes * c->classes; i++) cells[i] = (double)c->cells[i];
    for (size_t i = 0; i < c->classes; i++) names[i] = class_name(r, i);
    ft_page_heat(r->page, &(ft_heat){ cells, (int)c->classes, (int)c->classes, names, names, "true",
                                      "predicted", true });
    return FT_OK;
}

static void score_row(ft_page *p, ft_str name, ft_class_score s) {
    ft_page_cell(p, name);
    ft_page_cell_number(p, s.precision, 3);
    ft_page_cell_number(p, s.recall, 3);
    ft_page_cell_number(p, s.f1, 3);
    ft_page_cell_int(p, (int64_t)s.support);
}

static void class_scores(ft_training *r, const ft_confusion *c) {
    static const char *const columns[] = { "class", "precision", "recall", "F1", "rows" };
    static const char *const averages[] = { "micro average", "macro average", "weighted average" };
    ft_page_table_begin(r->page, columns, FT_COUNT(columns));
    for (size_t i = 0; i < c->classes; i++) {
        ft_class_score s = ft_confusion_class(c, i);
        if (s.support || s.predicted) score_row(r->page, class_name(r, i), s);
    }
    for (int i = 0; i < 3; i++)
        score_row(r->page, ft_str_of(averages[i]), ft_confusion_average(c, (ft_average)i));
    ft_page_table_end(r->page);
}

/* Recall of each class in one saved round; NaN stays where it has no predictions. */
static ft_err recalls_at(double *out, size_t lines, ft_training *r, int64_t step, task t) {
    outcome o;
    int32_t *truth, *predicted;
    size_t classes;
    ft_confusion confusion;
    ft_err err = outcome_read(&o, r, step);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    FT_TRY(classes_of(&truth, &predicted, &classes, r, &o, t));
    FT_TRY(ft_confusion_new(&confusion, r->arena, classes));
    ft_confusion_add(&confusion, truth, predicted, o.rows);
    for (size_t c = 0; c < lines && c < classes; c++)
        out[c] = ft_confusion_class(&confusion, c).recall;
    return FT_OK;
}

/* One line a class, the first ones. A round's predictions are forgotten before the next is read. */
static ft_err accuracy_lines(ft_training *r, const ft_confusion *last, task t) {
    size_t count, lines = last->classes < LINES_MAX ? last->classes : LINES_MAX;
    const int64_t *steps = ft_trial_tensor_steps(r->trial, FT_STR("predictions"), &count);
    ft_chart chart = FT_CHART_DEFAULT;
    double *x, *y[LINES_MAX], round[LINES_MAX];
    if (count < 2) return FT_OK;
    FT_TRY(ft_arena_items(&x, r->arena, count));
    for (size_t c = 0; c < lines; c++) FT_TRY(ft_arena_items(&y[c], r->arena, count));
    for (size_t i = 0; i < count; i++) {
        ft_arena scratch = FT_ARENA_INIT(r->arena->limit_bytes);
        ft_training inner = *r;
        inner.arena = &scratch;
        for (size_t c = 0; c < lines; c++) round[c] = NAN;
        ft_err err = recalls_at(round, lines, &inner, steps[i], t);
        ft_arena_fini(&scratch);
        FT_TRY(err);
        x[i] = (double)steps[i];
        for (size_t c = 0; c < lines; c++) y[c][i] = round[c];
    }
    chart.x_label = "round", chart.y_label = "share of the class found",
    chart.series_count = (int)lines;
    for (size_t c = 0; c < lines; c++)
        chart.series[c] = (ft_series){ class_name(r, c), x, y[c], count };
    ft_page_section(r->page, FT_STR("Accuracy by class over the rounds"));
    if (lines < last->classes)
        ft_page_text(r->page, "The first %zu of %zu classes.", lines, last->classes);
    ft_page_lines(r->page, &chart);
    return FT_OK;
}

static ft_err roc(ft_training *r, const outcome *o, const int32_t *truth) {
    ft_curve curve;
    ft_chart chart = FT_CHART_DEFAULT;
    ft_page_section(r->page, FT_STR("Receiver operating characteristic"));
    ft_err err = ft_roc_curve(&curve, r->arena, o->predictions, truth, o->rows, ROC_POINTS);
    if (err == FT_EINVAL || (err == FT_OK && curve.count == 0)) {
        ft_page_text(r->page,
                     "There is no curve: both classes and a number for every row are needed.");
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    ft_page_text(r->page, "Area under the curve: %.4f (0.5 is chance, 1 is perfect).", curve.area);
    chart.x_label = "false positive rate", chart.y_label = "true positive rate",
    chart.square = true;
    chart.series_count = 1;
    chart.series[0] = (ft_series){ FT_STR("model"), curve.x, curve.y, curve.count };
    ft_page_lines(r->page, &chart);
    return FT_OK;
}

static ft_err classification(ft_training *r, const outcome *o, task t) {
    int32_t *truth, *predicted;
    size_t classes;
    ft_confusion c;
    FT_TRY(classes_of(&truth, &predicted, &classes, r, o, t));
    FT_TRY(ft_confusion_new(&c, r->arena, classes));
    ft_confusion_add(&c, truth, predicted, o->rows);
    ft_page_section(r->page, FT_STR("Confusion matrix"));
    ft_page_text(r->page, "At round %lld, on %zu rows of the %s set: accuracy %.4f.",
                 (long long)o->step, o->rows, r->opts->validation ? "validation" : "training",
                 ft_confusion_accuracy(&c));
    if (c.skipped)
        ft_page_callout(r->page, FT_TONE_WARN, "%llu rows have no readable class and are left out.",
                        (unsigned long long)c.skipped);
    FT_TRY(confusion_table(r, &c));
    ft_page_section(r->page, FT_STR("Accuracy by class"));
    ft_page_text(r->page,
                 "Recall is the accuracy of a class: the share of its rows that were found.");
    class_scores(r, &c);
    FT_TRY(accuracy_lines(r, &c, t));
    return t == TASK_BINARY && o->columns == 1 ? roc(r, o, truth) : FT_OK;
}

/* ---- regression */

static ft_err regression(ft_training *r, const outcome *o) {
    ft_histogram h;
    char a[32], b[32], c[32];
    ft_regression g = ft_regression_of(o->predictions, o->labels, o->rows);
    ft_page_section(r->page, FT_STR("Residuals"));
    ft_page_text(r->page,
                 "At round %lld, on %zu rows of the %s set: root mean square error %s, mean "
                 "absolute error %s, R² %s.",
                 (long long)o->step, o->rows, r->opts->validation ? "validation" : "training",
                 ft_text_number(a, g.rmse), ft_text_number(b, g.mae), ft_text_number(c, g.r2));
    if (g.skipped)
        ft_page_callout(r->page, FT_TONE_WARN, "%llu rows are not finite numbers and are left out.",
                        (unsigned long long)g.skipped);
    FT_TRY(ft_residual_histogram(&h, r->arena, o->predictions, o->labels, o->rows, BINS));
    if (h.count == 0) return FT_OK;
    ft_page_columns(r->page, &(ft_columns){ .edges = h.edges,
                                            .values = h.counts,
                                            .count = h.count,
                                            .x_label = "predicted minus true",
                                            .y_label = "rows" });
    if (h.below + h.above)
        ft_page_text(r->page, "%llu rows with larger residuals are not drawn.",
                     (unsigned long long)(h.below + h.above));
    return FT_OK;
}

ft_err ft_training_outcome(ft_training *r) {
    size_t count;
    outcome o;
    const int64_t *steps = ft_trial_tensor_steps(r->trial, FT_STR("predictions"), &count);
    ft_err err = count ? outcome_read(&o, r, steps[count - 1]) : FT_ENOTFOUND;
    if (err == FT_ENOTFOUND) {
        ft_page_section(r->page, FT_STR("Predictions"));
        ft_page_text(r->page, "The trial holds no predictions with labels: the collections were "
                              "not saved, or the job ended before the first save.");
        return FT_OK;
    }
    FT_TRY(err);
    task t = task_of(r, &o);
    return t == TASK_REGRESSION ? regression(r, &o) : classification(r, &o, t);
}
