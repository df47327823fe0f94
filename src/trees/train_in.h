/* train_in.h -- one run of the xgboost algorithm, shared by its parts. */
#ifndef FT_TRAIN_IN_H
#define FT_TRAIN_IN_H

#include "models/algorithm.h"
#include "trees/engine.h"
#include "trees/xgboost_params.h"

#define FT_TRAIN_SETS 2 /* "train", "validation": the watch list, in this order */

typedef struct ft_train_set {
    const char *name;
    ft_table *table; /* its matrix is given back once `data` holds it */
    size_t rows;
    DMatrixHandle data;
} ft_train_set;

typedef struct ft_train_metric { /* of the last evaluation; views into XGBoost's text */
    ft_str name;                 /* "validation-error@0.7" */
    double value;
} ft_train_metric;

#define FT_TRAIN_METRICS_MAX 256

typedef struct ft_tree_training {
    const ft_train_args *args;
    const ft_params *params;
    const ft_xgb *x;
    const ft_objective *objective;
    ft_train_set sets[FT_TRAIN_SETS];
    size_t set_count, cols, groups;
    float *sample; /* training rows, dense and evenly thinned, for SHAP; NULL without a tap */
    size_t sample_rows;
    int threads;
    BoosterHandle booster;
    bool is_linear, updates; /* gblinear; process_type update */
    int64_t round, rounds;   /* done so far, asked for */
    int64_t patience;        /* early stopping; 0: none */
    int64_t best_round;      /* -1: none yet */
    double best_score;
    ft_train_metric metrics[FT_TRAIN_METRICS_MAX];
    size_t metric_count;
    char fingerprint[65];        /* of data and parameters: whose checkpoint is it? */
    char model_sha256[65];       /* of the channel "model"; empty: none */
    int64_t saved_us, saving_us; /* end and length of the last checkpoint */
    ft_arena arena, step_arena;
} ft_tree_training;

static inline ft_train_set *ft_train_judge(ft_tree_training *t) {
    return &t->sets[t->set_count - 1];
}

/* train_data.c: read the channels, check every label, hand them to XGBoost. */
ft_err ft_train_read(ft_tree_training *t);
void ft_train_sets_fini(ft_tree_training *t);
const ft_channel *ft_train_channel(const ft_tree_training *t, const char *name);

/* train_emit.c: what the tap wants of this round. */
ft_err ft_train_emit(ft_tree_training *t, int64_t step);

/* train_checkpoint.c */
ft_err ft_train_fingerprint(ft_tree_training *t);
ft_err ft_train_resume(ft_tree_training *t); /* nothing there: starts at round 0 */
ft_err ft_train_checkpoint(ft_tree_training *t, bool now);
/* model.json and schema.json into out_dir. */
ft_err ft_train_save(ft_tree_training *t);

#endif
