/* reduction.h -- one number for a tensor: min, max, mean, std, variance, sum, prod, l1, l2, each
 * also of the absolute values. Norms are vector norms over all items, as the frameworks' hooks
 * compute them; std and variance are those of the population (NumPy's default). */
#ifndef FT_REDUCTION_H
#define FT_REDUCTION_H

#include "base/arena.h"
#include "base/array.h"
#include "base/err.h"

typedef enum ft_reduction_op {
    FT_REDUCE_MIN,
    FT_REDUCE_MAX,
    FT_REDUCE_MEAN,
    FT_REDUCE_STD,
    FT_REDUCE_VARIANCE,
    FT_REDUCE_SUM,
    FT_REDUCE_PROD,
    FT_REDUCE_L1,
    FT_REDUCE_L2,
    FT_REDUCE_COUNT
} ft_reduction_op;

typedef struct ft_reduction {
    ft_reduction_op op;
    bool of_abs;
} ft_reduction;

#define FT_REDUCTIONS_MAX 32

/* "mean, abs_max,l2_norm" into `out[FT_REDUCTIONS_MAX]`; blanks and empty items are fine, a name
 * said twice counts once. FT_EINVAL names the item and the known ones. */
ft_err ft_reductions_parse(ft_reduction *out, size_t *count, ft_str text);
/* "smdebug/reductions/abs_mean/<tensor>", without TensorFlow's ":0", in the arena. */
ft_err ft_reduction_name(ft_str *out, ft_arena *arena, ft_reduction r, ft_str tensor);
/* All of `set` in two passes over the data at most (a product takes one more). NaN stays NaN. An
 * empty tensor gives NaN, sum 0, prod 1, norms 0. */
void ft_reduce(double *out, const ft_reduction *set, size_t count, const ft_array *a);

#endif
