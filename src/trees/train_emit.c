/* train_emit.c -- what a training shows of a round: metrics always; predictions, labels, feature
 * importance, SHAP averages and the trees themselves when the tap wants them. Names are those of
 * SageMaker Debugger's XGBoost hook. */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "trees/model.h"
#include "trees/predict.h"
#include "trees/shap.h"
#include "trees/train_in.h"

#define NAME_MAX_BYTES 128
#define SHAP_ROWS      128 /* explained at once */

static ft_err emit_f64(ft_tap *tap, const char *name, double v) {
    ft_array a = { .dtype = FT_F64, .ndim = 1, .shape = { 1 }, .data = &v };
    return ft_tap_array(tap, name, &a);
}

/* ---- hyperparameters: numbers as arrays of one, texts as events */

static ft_err emit_hyperparameters(ft_tree_training *t) {
    char name[NAME_MAX_BYTES];
    for (const ft_param *row = ft_params_table(t->params); row->name; row++) {
        ft_str text = ft_params_str(t->params, row->name), copy;
        double v;
        if (!text.at || row->effect == FT_EFFECT_SILENT) continue;
        snprintf(name, sizeof name, "hyperparameters/%s", row->name);
        if (!ft_tap_wants(t->args->tap, name, 0)) continue;
        bool is_bool = row->type == FT_PARAM_BOOL;
        if (is_bool || ft_str_f64(&v, text)) {
            if (is_bool) v = ft_params_bool(t->params, row->name);
            FT_TRY(emit_f64(t->args->tap, name, v));
        } else {
            FT_TRY(ft_arena_str(&copy, &t->step_arena, text));
            FT_TRY(ft_tap_event(t->args->tap, name, copy.at));
        }
    }
    return FT_OK;
}

/* ---- predictions and labels, of the validation data when there is some */

static ft_err emit_predictions(ft_tree_training *t) {
    static const char config[] = "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                                 "\"iteration_end\":0,\"strict_shape\":false}";
    const bst_ulong *shape = NULL;
    bst_ulong dims = 0;
    const float *values = NULL;
    FT_TRY(FT_XGB(t->x, BoosterPredictFromDMatrix(t->booster, ft_train_judge(t)->data, config,
                                                  &shape, &dims, &values)));
    FT_CHECK(dims <= FT_ARRAY_DIMS_MAX);
    ft_array a = { .dtype = FT_F32, .ndim = (int)dims, .data = (void *)(uintptr_t)values };
    for (size_t i = 0; i < dims; i++) a.shape[i] = (int64_t)shape[i];
    return ft_tap_array(t->args->tap, "predictions", &a);
}

static ft_err emit_labels(ft_tree_training *t) {
    ft_train_set *judge = ft_train_judge(t);
    ft_array a = {
        .dtype = FT_F32, .ndim = 1, .shape = { (int64_t)judge->rows }, .data = judge->table->labels
    };
    return ft_tap_array(t->args->tap, "labels", &a);
}

/* ---- feature importance: shares that sum to 1, of the features that occur */

static ft_err emit_importance(ft_tree_training *t, const char *kind, int64_t step) {
    char config[64], name[NAME_MAX_BYTES];
    bst_ulong count = 0, dims = 0;
    const bst_ulong *shape = NULL;
    const char **features = NULL;
    const float *scores = NULL;
    double sum = 0;
    snprintf(name, sizeof name, "feature_importance/%s/f0", kind);
    if (!ft_tap_wants(t->args->tap, name, step)) return FT_OK;
    snprintf(config, sizeof config, "{\"importance_type\":\"%s\"}", kind);
    FT_TRY(FT_XGB(
        t->x, BoosterFeatureScore(t->booster, config, &count, &features, &dims, &shape, &scores)));
    for (size_t i = 0; i < count; i++) sum += (double)scores[i];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "feature_importance/%s/%s", kind, features[i]);
        FT_TRY(emit_f64(t->args->tap, name, sum > 0 ? (double)scores[i] / sum : 0));
    }
    return FT_OK;
}

/* ---- SHAP: the mean contribution of each feature over the (thinned) training rows */

static ft_err emit_means(ft_tree_training *t, const double *sums, double count) {
    char name[NAME_MAX_BYTES];
    for (size_t c = 0; c <= t->cols; c++) {
        snprintf(name, sizeof name, c < t->cols ? "average_shap/f%zu" : "average_shap/bias", c);
        FT_TRY(emit_f64(t->args->tap, name, sums[c] / count));
    }
    return FT_OK;
}

static ft_err emit_shap(ft_tree_training *t, const ft_forest *f) {
    float *values;
    double *sums;
    ft_explainer *e;
    size_t width = t->cols + 1;
    FT_TRY(ft_arena_items(&sums, &t->step_arena, width));
    FT_TRY(ft_arena_items(&values, &t->step_arena, SHAP_ROWS * t->groups * width));
    FT_TRY(ft_explainer_new(&e, f, FT_ROUNDS_ALL));
    ft_err err = FT_OK;
    for (size_t r = 0; r < t->sample_rows && !err; r += SHAP_ROWS) {
        size_t some = t->sample_rows - r < SHAP_ROWS ? t->sample_rows - r : SHAP_ROWS;
        err = ft_explainer_explain(e, values, t->sample + r * t->cols, some);
        for (size_t i = 0; i < some * t->groups && !err; i++)
            for (size_t c = 0; c < width; c++) sums[c] += (double)values[i * width + c];
    }
    ft_explainer_free(e);
    FT_TRY(err);
    return emit_means(t, sums, (double)(t->sample_rows * t->groups));
}

/* ---- the trees, as columns of one value a node */

enum { TREE, NODE, FEATURE, SPLIT, YES, NO, MISSING, GAIN, COVER, TREE_COLUMNS };
static const char *const tree_columns[TREE_COLUMNS] = {
    "trees/Tree", "trees/Node",    "trees/Feature", "trees/Split", "trees/Yes",
    "trees/No",   "trees/Missing", "trees/Gain",    "trees/Cover"
};

/* Leaves: Feature, Yes, No and Missing are -1, Split is NaN, Gain is the leaf's value, as XGBoost's
 * trees_to_dataframe has it. */
static void fill_node(double **columns, size_t at, const ft_tree *t, size_t tree, uint32_t node) {
    const ft_node *n = &t->nodes[node];
    bool leaf = n->left == 0;
    columns[TREE][at] = (double)tree;
    columns[NODE][at] = node;
    columns[FEATURE][at] = leaf ? -1 : (double)n->feature;
    columns[SPLIT][at] = leaf ? NAN : (double)n->value;
    columns[YES][at] = leaf ? -1 : (double)n->left;
    columns[NO][at] = leaf ? -1 : (double)n->left + 1;
    columns[MISSING][at] = leaf ? -1 : (double)n->left + !n->default_left;
    columns[GAIN][at] = leaf ? (double)n->value : (double)t->gain[node];
    columns[COVER][at] = (double)t->cover[node];
}

static ft_err emit_forest(ft_tree_training *t, const ft_forest *f) {
    double *columns[TREE_COLUMNS];
    size_t count = 0, at = 0;
    for (size_t i = 0; i < f->tree_count; i++) count += f->trees[i].node_count;
    for (size_t c = 0; c < TREE_COLUMNS; c++)
        FT_TRY(ft_arena_items(&columns[c], &t->step_arena, count + 1));
    for (size_t i = 0; i < f->tree_count; i++)
        for (uint32_t n = 0; n < f->trees[i].node_count; n++)
            fill_node(columns, at++, &f->trees[i], i, n);
    for (size_t c = 0; c < TREE_COLUMNS; c++) {
        ft_array a = { .dtype = FT_F64, .ndim = 1, .shape = { (int64_t)count } };
        a.data = columns[c];
        FT_TRY(ft_tap_array(t->args->tap, tree_columns[c], &a));
    }
    return FT_OK;
}

/* What needs the model itself, read from XGBoost once for both. */
static ft_err emit_from_model(ft_tree_training *t, int64_t step) {
    const char *bytes = NULL;
    bst_ulong len = 0;
    ft_forest *f = NULL;
    bool shap = ft_tap_wants(t->args->tap, "average_shap/f0", step);
    bool trees = !t->is_linear && ft_tap_wants(t->args->tap, "trees/Node", step);
    if (!shap && !trees) return FT_OK;
    FT_TRY(
        FT_XGB(t->x, BoosterSaveModelToBuffer(t->booster, "{\"format\":\"ubj\"}", &len, &bytes)));
    ft_err err = ft_forest_read(&f, ft_str_n(bytes, len), "the model in training");
    if (err == FT_EPARSE) { /* leaves that are no numbers: for rules to find, not to stop here */
        err = ft_tap_event(t->args->tap, "trees", ft_err_why());
        ft_err_clear();
        return err;
    }
    FT_TRY(err);
    err = shap ? emit_shap(t, f) : FT_OK;
    if (!err && trees) err = emit_forest(t, f);
    ft_forest_free(f);
    return err;
}

ft_err ft_train_emit(ft_tree_training *t, int64_t step) {
    static const char *const kinds[] = { "weight", "gain", "cover", "total_gain", "total_cover" };
    ft_tap *tap = t->args->tap;
    if (!tap) return FT_OK;
    for (size_t i = 0; i < t->metric_count; i++) {
        ft_str name;
        FT_TRY(ft_arena_str(&name, &t->step_arena, t->metrics[i].name));
        FT_TRY(ft_tap_scalar(tap, name.at, t->metrics[i].value));
    }
    if (step == 0) FT_TRY(emit_hyperparameters(t));
    if (ft_tap_wants(tap, "predictions", step)) FT_TRY(emit_predictions(t));
    if (ft_tap_wants(tap, "labels", step)) FT_TRY(emit_labels(t));
    for (size_t i = 0; i < FT_COUNT(kinds) && !t->is_linear; i++)
        FT_TRY(emit_importance(t, kinds[i], step));
    return emit_from_model(t, step);
}
