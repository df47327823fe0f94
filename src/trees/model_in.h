/* model_in.h -- what the parts of the model reader share. */
#ifndef FT_MODEL_IN_H
#define FT_MODEL_IN_H

#include "trees/doc_in.h"
#include "trees/model.h"

/* One array of a tree as it stands in the file: numbers of any kind, which f64 holds exactly. */
typedef struct ft_model_column {
    double *at;
    size_t count, capacity;
    bool seen;
} ft_model_column;

typedef enum ft_tree_column {
    FT_COL_LEFT,
    FT_COL_RIGHT,
    FT_COL_PARENT,
    FT_COL_FEATURE,
    FT_COL_VALUE,
    FT_COL_DEFAULT,
    FT_COL_GAIN,
    FT_COL_COVER,
    FT_COL_SPLIT_TYPE,
    FT_COL_CATEGORIES,
    FT_COL_CAT_NODES,
    FT_COL_CAT_BEGINS,
    FT_COL_CAT_SIZES,
    FT_COL_COUNT
} ft_tree_column;

/* Reused from tree to tree. */
typedef struct ft_raw_tree {
    const char *name; /* of the file */
    size_t number;    /* position in the file, for messages */
    int64_t id;       /* -1: not given */
    int64_t node_count, leaf_size;
    ft_model_column columns[FT_COL_COUNT];
    uint32_t *order, *place; /* breadth-first order and its inverse, node_count each */
    size_t order_capacity;
} ft_raw_tree;

/* One object of the "trees" array. */
ft_err ft_raw_tree_read(ft_raw_tree *raw, ft_doc *d);
/* Check it and lay it out; arrays go into the arena. */
ft_err ft_raw_tree_build(ft_tree *out, ft_raw_tree *raw, size_t feature_count, ft_arena *arena);
void ft_raw_tree_fini(ft_raw_tree *raw);

/* Append to a column; asks ft_fault_here. */
ft_err ft_column_add(ft_model_column *c, double v);
/* An array of numbers; at most `limit` of them. `is_float`: rounded to f32. */
ft_err ft_column_read(ft_model_column *c, ft_doc *d, bool is_float, size_t limit);
/* A whole number in text ("7") or as a number. */
ft_err ft_doc_text_i64(ft_doc *d, int64_t *out);

#endif
