/* train_data.c -- the data sets of a training: read, checked row by row, handed to XGBoost. A label
 * that the objective cannot learn is refused here with its row, before any time is spent. */
#include <math.h>
#include <stdlib.h>

#include "trees/train_in.h"

const ft_channel *ft_train_channel(const ft_tree_training *t, const char *name) {
    for (size_t i = 0; i < t->args->channel_count; i++)
        if (ft_str_is(t->args->channels[i].name, name)) return &t->args->channels[i];
    return NULL;
}

/* ---- checks */

static ft_err check_label(const ft_tree_training *t, const ft_train_set *s, size_t row) {
    const ft_objective *o = t->objective;
    float label = s->table->labels[row];
    size_t classes = (size_t)ft_params_int(t->params, "num_class");
    if (ft_objective_label_fits(o, label, classes)) return FT_OK;
    ft_str source = s->table->source;
    if (label != label)
        return FT_FAIL(FT_EINVAL, "%.*s: row %zu: the label is missing", FT_STR_ARG(source),
                       row + 1);
    if (o->labels == FT_LABEL_CLASS)
        return FT_FAIL(FT_EINVAL,
                       "%.*s: row %zu: label %g: %s takes whole numbers from 0 to num_class - 1 "
                       "(%zu)",
                       FT_STR_ARG(source), row + 1, (double)label, o->name, classes - 1);
    return FT_FAIL(FT_EINVAL, "%.*s: row %zu: label %g: %s takes %s", FT_STR_ARG(source), row + 1,
                   (double)label, o->name, ft_objective_label_text(o));
}

static ft_err check_rows(const ft_tree_training *t, const ft_train_set *s) {
    const ft_table *table = s->table;
    if (table->rows == 0)
        return FT_FAIL(FT_EINVAL, "%.*s: there are no rows", FT_STR_ARG(table->source));
    if (!table->labels)
        return FT_FAIL(FT_EINVAL, "%.*s: there are no labels to learn from",
                       FT_STR_ARG(table->source));
    for (size_t r = 0; r < table->rows; r++) {
        FT_TRY(check_label(t, s, r));
        if (table->weights && !(table->weights[r] >= 0 && isfinite(table->weights[r])))
            return FT_FAIL(FT_EINVAL, "%.*s: row %zu: weight %g: expected at least 0",
                           FT_STR_ARG(table->source), r + 1, (double)table->weights[r]);
    }
    return FT_OK;
}

/* Names of classes say that the task is one of classes; a number would be learned from their order.
 */
static ft_err check_classes(const ft_tree_training *t, const ft_table *table) {
    size_t count = table->schema->class_count;
    const ft_objective *o = t->objective;
    if (!table->schema->classes) return FT_OK;
    if (o->task == FT_TASK_BINARY && count > 2)
        return FT_FAIL(FT_EINVAL,
                       "%.*s: the labels are %zu different texts; %s takes two: set objective to "
                       "multi:softprob and num_class to %zu",
                       FT_STR_ARG(table->source), count, o->name, count);
    if (o->task == FT_TASK_BINARY || o->task == FT_TASK_MULTICLASS) return FT_OK;
    ft_str first = table->schema->classes[0];
    if (count <= 2)
        return FT_FAIL(FT_EINVAL,
                       "%.*s: the labels are texts ('%.*s'); %s learns numbers: set objective to "
                       "binary:logistic",
                       FT_STR_ARG(table->source), FT_STR_ARG(first), o->name);
    return FT_FAIL(FT_EINVAL,
                   "%.*s: the labels are texts ('%.*s'); %s learns numbers: set objective to "
                   "multi:softprob and num_class to %zu",
                   FT_STR_ARG(table->source), FT_STR_ARG(first), o->name, count);
}

static ft_err check_constraints(const ft_tree_training *t) {
    int64_t largest;
    size_t count = 0;
    if (ft_params_given(t->params, "interaction_constraints")) {
        FT_TRY(
            ft_xgboost_interactions(&largest, ft_params_str(t->params, "interaction_constraints")));
        if (largest >= (int64_t)t->cols)
            return FT_FAIL(FT_EINVAL,
                           "interaction_constraints: column %lld; the training data has columns 0 "
                           "to %zu",
                           (long long)largest, t->cols - 1);
    }
    if (ft_params_given(t->params, "monotone_constraints")) {
        FT_TRY(ft_xgboost_monotone(&count, ft_params_str(t->params, "monotone_constraints")));
        if (count > t->cols)
            return FT_FAIL(FT_EINVAL,
                           "monotone_constraints: %zu columns; the training data has %zu", count,
                           t->cols);
    }
    return FT_OK;
}

/* ---- handing over */

static ft_err make_matrix(ft_tree_training *t, ft_train_set *s) {
    const ft_table *table = s->table;
    const ft_xgb *x = t->x;
    if (table->dense)
        return FT_XGB(x, DMatrixCreateFromMat_omp(table->dense, table->rows, table->cols, NAN,
                                                  &s->data, t->threads));
    return FT_XGB(x, DMatrixCreateFromCSREx(table->indptr, table->indices, table->values,
                                            table->rows + 1, table->indptr[table->rows], t->cols,
                                            &s->data));
}

static ft_err set_info(ft_tree_training *t, ft_train_set *s) {
    static const char *const bounds[] = { "label_lower_bound", "label_upper_bound" };
    const ft_table *table = s->table;
    const ft_xgb *x = t->x;
    FT_TRY(FT_XGB(x, DMatrixSetFloatInfo(s->data, "label", table->labels, table->rows)));
    for (size_t i = 0; ft_str_is(ft_str_of(t->objective->name), "survival:aft") && i < 2; i++)
        FT_TRY(FT_XGB(x, DMatrixSetFloatInfo(s->data, bounds[i], table->labels, table->rows)));
    if (table->groups)
        FT_TRY(FT_XGB(x, DMatrixSetUIntInfo(s->data, "group", table->groups, table->group_count)));
    if (!table->weights) return FT_OK;
    if (t->objective->task == FT_TASK_RANKING && table->groups)
        return FT_FAIL(FT_EINVAL,
                       "%.*s: weights of rows: XGBoost's ranking takes weights of whole queries",
                       FT_STR_ARG(table->source));
    return FT_XGB(x, DMatrixSetFloatInfo(s->data, "weight", table->weights, table->rows));
}

/* Values that are kept for explanations (16 MiB). */
#define SAMPLE_VALUES_MAX ((size_t)1 << 22)

static ft_err keep_sample(ft_tree_training *t, const ft_table *table) {
    size_t most = SAMPLE_VALUES_MAX / t->cols + 1, stride = (table->rows + most - 1) / most;
    if (!t->args->tap) return FT_OK;
    t->sample_rows = (table->rows + stride - 1) / stride;
    FT_TRY(ft_arena_items(&t->sample, &t->arena, t->sample_rows * t->cols));
    for (size_t i = 0; i < t->sample_rows; i++)
        ft_table_row(table, i * stride, t->sample + i * t->cols);
    return FT_OK;
}

/* XGBoost has its own copy now. */
static void free_matrix(ft_table *table) {
    free(table->dense);
    free(table->indptr);
    free(table->indices);
    free(table->values);
    table->dense = table->values = NULL;
    table->indptr = NULL;
    table->indices = NULL;
}

static ft_err tell_notes(const ft_tree_training *t, const ft_train_set *s) {
    char name[64];
    snprintf(name, sizeof name, "data/%s", s->name);
    ft_str rest = s->table->notes;
    while (rest.at && rest.len) {
        ft_str line, text = ft_str_cut(&rest, '\n');
        if (text.len == 0) continue;
        FT_TRY(ft_arena_str(&line, (ft_arena *)&t->arena, text));
        FT_TRY(ft_tap_event(t->args->tap, name, line.at));
    }
    return FT_OK;
}

static ft_err read_set(ft_tree_training *t, ft_train_set *s, const ft_channel *channel) {
    ft_table_opts opts = channel->opts;
    bool is_train = t->set_count == 0;
    if (is_train && ft_params_bool(t->params, "csv_weights")) opts.csv_weights = true;
    if (!is_train) opts.schema = t->sets[0].table->schema;
    FT_TRY(ft_table_read(&s->table, channel->path, &opts));
    s->rows = s->table->rows;
    if (is_train) t->cols = s->table->cols;
    if (t->args->input) t->args->input(t->args->ctx, s->table, channel->name);
    FT_TRY(tell_notes(t, s));
    FT_TRY(check_classes(t, s->table));
    FT_TRY(check_rows(t, s));
    if (is_train) FT_TRY(check_constraints(t));
    if (is_train) FT_TRY(keep_sample(t, s->table));
    FT_TRY(make_matrix(t, s));
    FT_TRY(set_info(t, s));
    free_matrix(s->table);
    return FT_OK;
}

ft_err ft_train_read(ft_tree_training *t) {
    static const char *const names[FT_TRAIN_SETS] = { "train", "validation" };
    for (size_t i = 0; i < FT_TRAIN_SETS; i++) {
        const ft_channel *channel = ft_train_channel(t, names[i]);
        if (!channel && i == 0)
            return FT_FAIL(FT_EINVAL, "channel 'train' is missing: there is nothing to learn from");
        if (!channel) continue;
        ft_train_set *s = &t->sets[t->set_count];
        s->name = names[i];
        ft_err err = read_set(t, s, channel);
        if (err) return ft_err_frame(err, __FILE__, __LINE__, names[i]);
        t->set_count++;
    }
    return FT_OK;
}

void ft_train_sets_fini(ft_tree_training *t) {
    for (size_t i = 0; i < FT_TRAIN_SETS; i++) {
        if (t->sets[i].data) t->x->DMatrixFree(t->sets[i].data);
        ft_table_free(t->sets[i].table);
    }
}
