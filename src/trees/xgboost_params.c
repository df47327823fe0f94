/* xgboost_params.c -- see xgboost_params.h. Ranges are SageMaker's where it is stricter than
 * XGBoost; defaults are XGBoost's. "Silent" rows are accepted so that a job written for SageMaker
 * runs, and say why they change nothing. xgboost_params_test.c trains with and without every active
 * row. */
#include "trees/xgboost_params.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"

#define INT        .type = FT_PARAM_INT
#define FLOAT      .type = FT_PARAM_FLOAT
#define BOOL       .type = FT_PARAM_BOOL
#define TEXT       .type = FT_PARAM_STRING
#define ONE_OF(c)  .type = FT_PARAM_CHOICE, .choices = (c)
#define LIST       .type = FT_PARAM_LIST
#define FROM(low)  .min = (low), .max = INFINITY
#define ABOVE(low) .min = (low), .min_open = true, .max = INFINITY
#define SHARE      .min = 0, .min_open = true, .max = 1
#define SILENT     .effect = FT_EFFECT_SILENT

#define X(name, metric, task, labels, link, transform, since, doc) name "|"
#define OBJECTIVES                                                 FT_OBJECTIVE_TABLE(X)

#define METRICS                                                                             \
    "rmse|rmsle|mae|mape|mphe|logloss|error|merror|mlogloss|auc|aucpr|ndcg|map|ndcg-|map-|" \
    "pre|poisson-nloglik|gamma-nloglik|cox-nloglik|gamma-deviance|tweedie-nloglik|"         \
    "aft-nloglik|interval-regression-accuracy"
#define TREE_UPDATERS "grow_colmaker|grow_histmaker|grow_quantile_histmaker|refresh|prune|sync"
#define DEPTH_MAX     10000

/* clang-format off */
const ft_param ft_xgboost_params[] = {
    { .name = "num_round", INT, FROM(1), .required = true, .doc = "rounds of boosting" },
    { .name = "objective", ONE_OF(OBJECTIVES), .default_text = "reg:squarederror", .doc = "what is learned" },
    { .name = "num_class", INT, .min = 2, .max = 65536, .doc = "classes, for multi:softmax and multi:softprob" },
    { .name = "eval_metric", LIST, .choices = METRICS, .prefixes = "error@|ndcg@|map@|pre@|ams@|tweedie-nloglik@",
      .doc = "metrics after every round, the objective's own when none is given; the last one decides early stopping" },
    { .name = "early_stopping_rounds", INT, FROM(1), .doc = "stop when the last metric of the last data set has not improved for so many rounds" },
    { .name = "csv_weights", BOOL, .default_text = "0", .doc = "the CSV column after the label holds weights" },
    { .name = "seed", INT, .min = -2147483648.0, .max = 2147483647, .default_text = "0", .doc = "of every random choice" },
    { .name = "base_score", FLOAT, .default_text = "0.5", .doc = "what every prediction starts from" },
    { .name = "booster", ONE_OF("gbtree|gblinear|dart"), .default_text = "gbtree", .doc = "trees, a linear model, or trees with dropout" },
    { .name = "nthread", INT, .min = 1, .max = 4096, .doc = "threads; the job's when not given" },
    { .name = "verbosity", INT, .min = 0, .max = 3, .default_text = "1", .doc = "what XGBoost logs: 0 nothing, 1 warnings, 2 info, 3 debug" },
    { .name = "save_model_on_termination", BOOL, .default_text = "false", .doc = "leave the model of the rounds done when the job is stopped" },

    { .name = "eta", FLOAT, .min = 0, .max = 1, .default_text = "0.3", .doc = "share of each new tree that is added (gblinear: 0.5)" },
    { .name = "learning_rate", FLOAT, .min = 0, .max = 1, .doc = "another name of eta" },
    { .name = "gamma", FLOAT, FROM(0), .default_text = "0", .doc = "smallest loss reduction that makes a split" },
    { .name = "min_split_loss", FLOAT, FROM(0), .doc = "another name of gamma" },
    { .name = "max_depth", INT, .min = 0, .max = DEPTH_MAX, .default_text = "6", .doc = "of a tree; 0 is no limit, with max_leaves and tree_method hist or approx" },
    { .name = "min_child_weight", FLOAT, FROM(0), .default_text = "1", .doc = "smallest sum of hessians in a child" },
    { .name = "max_delta_step", FLOAT, FROM(0), .default_text = "0", .doc = "largest value of a leaf, 0 is no limit (count:poisson: 0.7)" },
    { .name = "subsample", FLOAT, SHARE, .default_text = "1", .doc = "share of the rows for each round" },
    { .name = "colsample_bytree", FLOAT, SHARE, .default_text = "1", .doc = "share of the columns for each tree" },
    { .name = "colsample_bylevel", FLOAT, SHARE, .default_text = "1", .doc = "share of the columns for each level" },
    { .name = "colsample_bynode", FLOAT, SHARE, .default_text = "1", .doc = "share of the columns for each split" },
    { .name = "lambda", FLOAT, FROM(0), .default_text = "1", .doc = "L2 regularization of weights (gblinear: 0)" },
    { .name = "reg_lambda", FLOAT, FROM(0), .doc = "another name of lambda" },
    { .name = "alpha", FLOAT, FROM(0), .default_text = "0", .doc = "L1 regularization of weights" },
    { .name = "reg_alpha", FLOAT, FROM(0), .doc = "another name of alpha" },
    { .name = "tree_method", ONE_OF("auto|exact|approx|hist|gpu_hist"), .default_text = "auto",
      .doc = "how splits are found; auto is exact below 4 million rows, then approx; gpu_hist is refused here" },
    { .name = "grow_policy", ONE_OF("depthwise|lossguide"), .default_text = "depthwise", .doc = "split next the node nearest the root, or of largest gain (hist, approx)" },
    { .name = "max_leaves", INT, .min = 0, .max = 1 << 24, .default_text = "0", .doc = "leaves of a tree, 0 is no limit (hist, approx)" },
    { .name = "max_bin", INT, .min = 2, .max = 1 << 20, .default_text = "256", .doc = "bins a column (hist, approx)" },
    { .name = "scale_pos_weight", FLOAT, ABOVE(0), .default_text = "1", .doc = "weight of positive rows, for two classes" },
    { .name = "num_parallel_tree", INT, .min = 1, .max = 65536, .default_text = "1", .doc = "trees a round: a boosted random forest" },
    { .name = "monotone_constraints", TEXT, .doc = "a sign a column: (1,0,-1)" },
    { .name = "interaction_constraints", TEXT, .doc = "columns that may meet in a tree: [[0,1],[2,3,4]]" },
    { .name = "updater", LIST, .choices = TREE_UPDATERS "|shotgun|coord_descent",
      .doc = "steps that make or change a tree, in place of tree_method; shotgun or coord_descent for gblinear" },
    { .name = "process_type", ONE_OF("default|update"), .default_text = "default", .doc = "update: change the trees of the model in channel 'model' instead of adding trees" },
    { .name = "refresh_leaf", BOOL, .default_text = "1", .doc = "updater refresh: leaves too, not statistics only" },

    { .name = "sample_type", ONE_OF("uniform|weighted"), .default_text = "uniform", .doc = "dart: how dropped trees are chosen" },
    { .name = "normalize_type", ONE_OF("tree|forest"), .default_text = "tree", .doc = "dart: weight of a new tree against the dropped ones" },
    { .name = "rate_drop", FLOAT, .min = 0, .max = 1, .default_text = "0", .doc = "dart: share of trees to drop in a round" },
    { .name = "one_drop", BOOL, .default_text = "0", .doc = "dart: drop at least one tree" },
    { .name = "skip_drop", FLOAT, .min = 0, .max = 1, .default_text = "0", .doc = "dart: how likely a round drops none" },

    { .name = "feature_selector", ONE_OF("cyclic|shuffle|random|greedy|thrifty"), .default_text = "cyclic", .doc = "gblinear: order of columns; all but cyclic and shuffle need updater coord_descent" },
    { .name = "top_k", INT, .min = 0, .max = 1 << 24, .default_text = "0", .doc = "gblinear: columns that greedy and thrifty look at, 0 is all" },
    { .name = "tweedie_variance_power", FLOAT, .min = 1, .min_open = true, .max = 2, .max_open = true, .default_text = "1.5",
      .doc = "reg:tweedie: variance is the mean to this power" },
    { .name = "aft_loss_distribution", ONE_OF("normal|logistic|extreme"), .default_text = "normal", .since = "1.2", .doc = "survival:aft: distribution of the noise" },
    { .name = "aft_loss_distribution_scale", FLOAT, ABOVE(0), .default_text = "1", .since = "1.2", .doc = "survival:aft: scale of the noise" },
    { .name = "huber_slope", FLOAT, ABOVE(0), .default_text = "1", .since = "1.7", .doc = "reg:pseudohubererror: where the loss turns from square to linear" },

    { .name = "silent", BOOL, .default_text = "0", SILENT, .doc = "deprecated; verbosity took its place" },
    { .name = "predictor", ONE_OF("auto|cpu_predictor|gpu_predictor"), .default_text = "auto", SILENT,
      .doc = "we predict with our own code on the CPU; every choice gives the same numbers" },
    { .name = "dsplit", ONE_OF("row|col"), SILENT, .doc = "how rows are split among machines; a job here has one" },
    { .name = "sketch_eps", FLOAT, .min = 0, .min_open = true, .max = 1, .max_open = true, .default_text = "0.03", SILENT,
      .doc = "XGBoost 1.6 and later count bins by max_bin instead" },
    { .name = "lambda_bias", FLOAT, .min = 0, .max = 1, .default_text = "0", SILENT, .doc = "XGBoost no longer regularizes the bias" },
    { .name = "single_precision_histogram", BOOL, .default_text = "false", .since = "1.2", SILENT,
      .doc = "XGBoost 1.7 always builds histograms in double precision" },
    { .name = "deterministic_histogram", BOOL, .default_text = "true", .since = "1.2", SILENT, .doc = "for gpu_hist; histograms are always deterministic here" },
    { .name = "sampling_method", ONE_OF("uniform|gradient_based"), .default_text = "uniform", .since = "1.2", SILENT,
      .doc = "gradient_based needs a GPU; rows are sampled uniformly" },
    { .name = "prob_buffer_row", FLOAT, ABOVE(1), .since = "1.2", SILENT, .doc = "XGBoost has no such parameter any more" },
    { .name = "_tuning_objective_metric", TEXT, SILENT, .doc = "set by SageMaker's tuner; every metric is recorded anyway" },
    { 0 }
};
/* clang-format on */

/* ---- what is set */

bool ft_xgboost_passes(const ft_param *row) {
    static const char *const ours[] = { "num_round",   "early_stopping_rounds",     "eval_metric",
                                        "csv_weights", "save_model_on_termination", "nthread" };
    if (row->effect == FT_EFFECT_SILENT) return false;
    for (size_t i = 0; i < FT_COUNT(ours); i++)
        if (!strcmp(row->name, ours[i])) return false;
    return true;
}

const ft_objective *ft_xgboost_objective(const ft_params *p) {
    return ft_objective_find(ft_params_str(p, "objective"));
}

bool ft_xgboost_maximizes(ft_str metric) {
    static const char *const heads[] = { "auc", "aucpr", "pre", "map", "ndcg", "ams" };
    ft_str rest = metric, head = ft_str_cut(&rest, '@');
    if (head.len && head.at[head.len - 1] == '-') head.len--;
    for (size_t i = 0; i < FT_COUNT(heads); i++)
        if (ft_str_is(head, heads[i])) return true;
    return false;
}

static bool value_is(const ft_params *p, const char *name, const char *text) {
    return ft_str_is(ft_params_str(p, name), text);
}

static bool list_has(const ft_params *p, const char *name, const char *text) {
    ft_str item;
    for (size_t i = 0; ft_params_each(p, name, i, &item); i++)
        if (ft_str_is(item, text)) return true;
    return false;
}

/* ---- constraints */

ft_err ft_xgboost_monotone(size_t *count, ft_str text) {
    ft_str rest = ft_str_trim(text);
    *count = 0;
    if (ft_str_starts(rest, FT_STR("(")) && ft_str_ends(rest, FT_STR(")")))
        rest = ft_str_slice(rest, 1, rest.len - 2);
    while (rest.at) {
        int64_t sign;
        ft_str item = ft_str_trim(ft_str_cut(&rest, ','));
        if (item.len == 0 && !rest.at && *count > 0) break; /* "(1,)" */
        if (!ft_str_i64(&sign, item) || sign < -1 || sign > 1)
            return FT_FAIL(FT_EINVAL,
                           "monotone_constraints: expected -1, 0 or 1 for each column, as in "
                           "(1,0,-1), found '%.*s'",
                           FT_STR_ARG(item));
        ++*count;
    }
    return FT_OK;
}

ft_err ft_xgboost_interactions(int64_t *largest, ft_str text) {
    ft_json j;
    ft_json_init(&j, text, NULL, &(ft_json_opts){ .name = "interaction_constraints" });
    *largest = -1;
    ft_json_enter_array(&j);
    while (ft_json_next_item(&j)) {
        ft_json_enter_array(&j);
        while (ft_json_next_item(&j)) {
            int64_t column = -1;
            if (ft_json_i64(&j, &column) == FT_OK && column < 0)
                ft_json_fail(&j, "expected a column number, found %lld", (long long)column);
            if (column > *largest) *largest = column;
        }
    }
    ft_err err = ft_json_end(&j);
    if (err == FT_EPARSE)
        return FT_FAIL(FT_EINVAL,
                       "interaction_constraints: expected lists of column numbers, as in "
                       "[[0,1],[2,3]], found '%.*s'",
                       FT_STR_ARG(text));
    return err;
}

/* ---- combinations */

static ft_err check_objective(const ft_params *p) {
    const ft_objective *o = ft_xgboost_objective(p);
    float margin;
    if (!o) return FT_FAIL(FT_EINVAL, "objective: '' is none");
    bool many = o->task == FT_TASK_MULTICLASS;
    if (many && !ft_params_given(p, "num_class"))
        return FT_FAIL(FT_EINVAL, "num_class is missing: objective %s needs the number of classes",
                       o->name);
    if (!many && ft_params_given(p, "num_class"))
        return FT_FAIL(FT_EINVAL,
                       "num_class: only multi:softmax and multi:softprob have classes; the "
                       "objective is %s",
                       o->name);
    return ft_objective_margin(&margin, o, (float)ft_params_float(p, "base_score"));
}

/* "error@0.7", "ndcg@3-": the part after '@' is a number. */
static ft_err check_metric(const ft_params *p, ft_str metric) {
    const ft_objective *o = ft_xgboost_objective(p);
    ft_str argument = metric, head = ft_str_cut(&argument, '@');
    double v;
    if (argument.at) {
        if (ft_str_ends(argument, FT_STR("-"))) argument.len--;
        if (!ft_str_f64(&v, argument) || !(v >= 0) || isinf(v))
            return FT_FAIL(FT_EINVAL, "eval_metric: expected a number after '@', found '%.*s'",
                           FT_STR_ARG(metric));
    }
    bool for_many = ft_str_is(head, "merror") || ft_str_is(head, "mlogloss");
    if (for_many && o->task != FT_TASK_MULTICLASS)
        return FT_FAIL(FT_EINVAL,
                       "eval_metric: %.*s is for multi:softmax and multi:softprob; the objective "
                       "is %s",
                       FT_STR_ARG(metric), o->name);
    bool for_aft =
        ft_str_is(head, "aft-nloglik") || ft_str_is(head, "interval-regression-accuracy");
    if (for_aft && strcmp(o->name, "survival:aft") != 0)
        return FT_FAIL(FT_EINVAL, "eval_metric: %.*s is for survival:aft; the objective is %s",
                       FT_STR_ARG(metric), o->name);
    return FT_OK;
}

static ft_err check_linear_updater(const ft_params *p) {
    ft_str item;
    for (size_t i = 0; ft_params_each(p, "updater", i, &item); i++)
        if (i > 0 || !(ft_str_is(item, "shotgun") || ft_str_is(item, "coord_descent")))
            return FT_FAIL(FT_EINVAL,
                           "updater: booster gblinear takes one of shotgun and coord_descent, "
                           "found '%.*s'",
                           FT_STR_ARG(ft_params_str(p, "updater")));
    return FT_OK;
}

static ft_err check_tree_updater(const ft_params *p) {
    bool update = value_is(p, "process_type", "update");
    ft_str item;
    int growers = 0;
    for (size_t i = 0; ft_params_each(p, "updater", i, &item); i++) {
        bool grows = ft_str_starts(item, FT_STR("grow_"));
        growers += grows;
        if (ft_str_is(item, "shotgun") || ft_str_is(item, "coord_descent"))
            return FT_FAIL(FT_EINVAL, "updater: %.*s is for booster gblinear", FT_STR_ARG(item));
        if (grows && update)
            return FT_FAIL(FT_EINVAL,
                           "updater: process_type update takes refresh and prune, found '%.*s'",
                           FT_STR_ARG(item));
    }
    if (growers > 1)
        return FT_FAIL(FT_EINVAL, "updater: only one that grows trees may stand in '%.*s'",
                       FT_STR_ARG(ft_params_str(p, "updater")));
    if (ft_params_given(p, "updater") && growers == 0 && !update)
        return FT_FAIL(FT_EINVAL,
                       "updater: '%.*s' grows no tree; refresh and prune alone need process_type "
                       "update",
                       FT_STR_ARG(ft_params_str(p, "updater")));
    if (update && !ft_params_given(p, "updater"))
        return FT_FAIL(FT_EINVAL, "process_type: update needs updater refresh or prune");
    return FT_OK;
}

static ft_err check_trees(const ft_params *p) {
    bool binned = value_is(p, "tree_method", "hist") || value_is(p, "tree_method", "approx") ||
                  list_has(p, "updater", "grow_histmaker") ||
                  list_has(p, "updater", "grow_quantile_histmaker");
    int64_t depth = ft_params_int(p, "max_depth"), leaves = ft_params_int(p, "max_leaves");
    if (value_is(p, "tree_method", "gpu_hist"))
        return FT_FAIL(FT_EUNSUPPORTED,
                       "tree_method: gpu_hist needs an XGBoost with CUDA; take hist");
    if (depth == 0 && !(binned && leaves > 0))
        return FT_FAIL(FT_EINVAL,
                       "max_depth: 0 (no limit) needs max_leaves and tree_method hist or approx");
    if (depth > 30 && binned && leaves == 0)
        return FT_FAIL(FT_EINVAL,
                       "max_depth: above 30 tree_method hist and approx need max_leaves");
    return value_is(p, "booster", "gblinear") ? check_linear_updater(p) : check_tree_updater(p);
}

static ft_err check_other_names(const ft_params *p) {
    static const char *const pairs[][2] = { { "eta", "learning_rate" },
                                            { "gamma", "min_split_loss" },
                                            { "lambda", "reg_lambda" },
                                            { "alpha", "reg_alpha" } };
    for (size_t i = 0; i < FT_COUNT(pairs); i++)
        if (ft_params_given(p, pairs[i][0]) && ft_params_given(p, pairs[i][1]))
            return FT_FAIL(FT_EINVAL, "%s and %s are two names of one parameter: give one",
                           pairs[i][0], pairs[i][1]);
    return FT_OK;
}

ft_err ft_xgboost_validate(const ft_params *p) {
    ft_str item;
    int64_t largest;
    size_t count;
    FT_TRY(check_other_names(p));
    FT_TRY(check_objective(p));
    for (size_t i = 0; ft_params_each(p, "eval_metric", i, &item); i++)
        FT_TRY(check_metric(p, item));
    FT_TRY(check_trees(p));
    if (ft_params_given(p, "monotone_constraints"))
        FT_TRY(ft_xgboost_monotone(&count, ft_params_str(p, "monotone_constraints")));
    if (ft_params_given(p, "interaction_constraints"))
        FT_TRY(ft_xgboost_interactions(&largest, ft_params_str(p, "interaction_constraints")));
    return FT_OK;
}
