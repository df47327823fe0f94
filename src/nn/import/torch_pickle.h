/* torch_pickle.h -- the pickles inside PyTorch's files, without running them.
 *
 * A pickle is a program for a small machine whose instructions can call anything. This machine
 * knows values, containers and the names that a state_dict needs (OrderedDict, the rebuilding of
 * tensors and parameters, storages); any other name that would be called is refused: FT_EDENIED.
 *
 * Source: Python, Lib/pickletools.py (opcodes); torch/_utils.py, torch/serialization.py. */
#ifndef FT_NN_TORCH_PICKLE_H
#define FT_NN_TORCH_PICKLE_H

#include "base/arena.h"
#include "base/array.h"

typedef enum ft_pickle_kind {
    FT_PICKLE_NONE = 0,
    FT_PICKLE_INT,
    FT_PICKLE_FLOAT,
    FT_PICKLE_TEXT,  /* and bytes */
    FT_PICKLE_LIST,  /* lists, tuples and sets */
    FT_PICKLE_DICT,  /* items: key, value, key, value … */
    FT_PICKLE_NAME,  /* a global: "torch FloatStorage" */
    FT_PICKLE_STORE, /* what a persistent id names: a storage */
    FT_PICKLE_TENSOR,
    FT_PICKLE_MARK
} ft_pickle_kind;

typedef struct ft_pickle {
    ft_pickle_kind kind;
    int64_t i;
    double f;
    ft_str text;
    struct ft_pickle **items;
    size_t count, capacity;
    /* STORE */
    ft_dtype dtype;
    ft_str key;
    int64_t length; /* items */
    /* TENSOR: a view of a storage */
    struct ft_pickle *store;
    int64_t offset; /* items */
    int ndim;
    int64_t shape[FT_ARRAY_DIMS_MAX], stride[FT_ARRAY_DIMS_MAX];
} ft_pickle;

/* One pickle at `*at` of `bytes`; `*at` moves behind it. FT_ECORRUPT with the byte, FT_EDENIED,
 * FT_EUNSUPPORTED. */
ft_err ft_pickle_read(ft_pickle **out, ft_arena *arena, ft_str bytes, size_t *at);

#endif
