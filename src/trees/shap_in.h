/* shap_in.h -- an explainer's parts. */
#ifndef FT_SHAP_IN_H
#define FT_SHAP_IN_H

#include "trees/shap.h"

#define FT_SHAP_LANES      16  /* rows at once */
#define FT_SHAP_POINTS_MAX 128 /* of the quadrature: exact for paths of twice as many features */

/* A row's state at an edge: it meets the path's conditions on the edge's feature down to here; down
 * to the last edge of the same feature but not here; not even there. */
enum { FT_SHAP_MET, FT_SHAP_LOST, FT_SHAP_LOST_BEFORE, FT_SHAP_STATES };

/* One edge of a tree, in depth-first order, left before right. Its constants, for each state one a
 * point of the quadrature: FT_SHAP_STATES factors of the product over the path, then FT_SHAP_STATES
 * weights of the sum over the leaves below. */
typedef struct ft_shap_edge {
    float cut;
    uint32_t feature;
    uint32_t node;   /* whose test decides: for category splits */
    uint32_t depth;  /* 0: leaves the root */
    uint32_t closes; /* edges, this one first, that are complete after this one */
    int32_t before;  /* depth of the last edge of the same feature on this path, -1: none */
    bool is_right, is_leaf, default_left, is_category;
    float leaf; /* weight included; 0 when it is none */
} ft_shap_edge;

typedef struct ft_shap_tree {
    const ft_tree *tree;
    const ft_shap_edge *edges;
    size_t edge_count;
    const float *constants; /* [edge_count][2 * FT_SHAP_STATES][points] */
    uint32_t points;
} ft_shap_tree;

struct ft_explainer {
    const ft_forest *forest;
    size_t tree_count;
    ft_shap_tree *trees; /* NULL for gblinear */
    double *bias;        /* [groups]: base margin and the trees' means */
    uint32_t depth_max, points_max;
    ft_arena arena;
};

/* shap_plan.c */
ft_err ft_shap_build(ft_explainer *e);
/* Share of the training rows at `node` that went to `child`. */
double ft_shap_share(const ft_tree *t, uint32_t node, uint32_t child);

#endif
