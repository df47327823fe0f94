/* collection.h -- which tensors are kept, when: smdebug's collections and save configurations. */
#ifndef FT_COLLECTION_H
#define FT_COLLECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_save_config {
    int64_t interval; /* every n-th step; 0: unset (the collection's default) */
    int64_t *steps;   /* these steps as well; NULL: none */
    size_t step_count;
    int64_t start, end; /* [start, end); end 0: no end */
} ft_save_config;

typedef struct ft_collection {
    ft_str name;
    ft_str
        *include; /* regular expressions, matched from the start of the name (Python's re.match) */
    size_t include_count;
    ft_str *names; /* tensors named outright */
    size_t name_count;
    ft_save_config save;
    ft_str reductions; /* "mean,abs_max"; empty: the tensor itself */
} ft_collection;

bool ft_save_due(const ft_save_config *save, int64_t step);
/* Does the collection hold a tensor of this name? Python's regular expressions: the subset that
 * hooks use, look-behind of the losses collection included. FT_EINVAL for an expression that cannot
 * be read. */
ft_err ft_collection_has(bool *out, const ft_collection *c, ft_str tensor);
/* XGBoost's built-in collections at their default interval: metrics, losses, feature_importance,
 * average_shap, full_shap, predictions, labels, hyperparameters, trees. In the arena. */
ft_err ft_collections_xgboost(ft_collection **out, size_t *count, ft_arena *arena,
                              int64_t interval);
/* One "name:save_interval=5,start_step=0" of the command line, or a hook's parameter pairs, onto a
 * collection. */
ft_err ft_collection_set(ft_collection *c, ft_arena *arena, ft_str parameter, ft_str value);

#endif
