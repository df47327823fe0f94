/* predict_walk.c -- the walk path: flat nodes, no branches, eight walks at once, so that the
 * waiting for one load is filled by seven others. Works for any tree on any CPU. */
#include <math.h>

#include "trees/predict_in.h"

#define WALKS 8

/* ---- building */

static void fill_tree(ft_walk_node *nodes, uint32_t root, const ft_tree *t) {
    for (uint32_t i = 0; i < t->node_count; i++) {
        const ft_node *n = &t->nodes[i];
        ft_walk_node *out = &nodes[root + i];
        if (n->left) {
            out->cut = n->value;
            out->column = n->feature | (n->default_left ? 0 : FT_MISSING_RIGHT);
            out->left = root + n->left;
        } else {
            out->cut = NAN;
            out->left = root + i;
            out->leaf = n->value * t->weight;
        }
    }
}

ft_err ft_walk_build(ft_scorer *s) {
    size_t count = 0;
    for (size_t t = 0; t < s->tree_count; t++) count += s->forest->trees[t].node_count;
    if (count > UINT32_MAX) return FT_FAIL(FT_ETOOBIG, "a model of %zu nodes", count);
    ft_walk_node *nodes;
    ft_walk_tree *trees;
    FT_TRY(ft_arena_items(&nodes, &s->arena, count + 1));
    FT_TRY(ft_arena_items(&trees, &s->arena, s->tree_count + 1));
    uint32_t root = 0;
    for (size_t t = 0; t < s->tree_count; t++) {
        const ft_tree *tree = &s->forest->trees[t];
        trees[t] = (ft_walk_tree){ root, tree->depth, tree->group, NULL, tree->weight };
        if (tree->has_category) trees[t].by_category = tree;
        fill_tree(nodes, root, tree);
        root += tree->node_count;
    }
    s->walk = (ft_walk){ nodes, trees };
    return FT_OK;
}

/* ---- walking */

static inline uint32_t step(const ft_walk_node *n, const float *row) {
    float x = row[n->column & ~FT_MISSING_RIGHT];
    uint32_t right = (x >= n->cut) | ((x != x) & (n->column >> 31));
    return n->left + right; /* a leaf: NaN cut and column 0, so it stays */
}

static float category_leaf(const ft_walk_tree *t, const float *row) {
    const ft_tree *tree = t->by_category;
    return tree->nodes[ft_tree_leaf(tree, row)].value * t->weight;
}

/* Leaves of `count` <= WALKS trees for one row. */
static void walk_trees(const ft_scorer *s, const ft_walk_tree *trees, size_t count, float *leaves,
                       const float *row) {
    const ft_walk_node *nodes = s->walk.nodes;
    uint32_t at[WALKS], depth = 0;
    for (size_t i = 0; i < WALKS; i++) {
        at[i] = trees[i < count ? i : 0].root;
        if (i < count && trees[i].depth > depth) depth = trees[i].depth;
    }
    for (uint32_t d = 0; d < depth; d++)
        for (size_t i = 0; i < WALKS; i++) at[i] = step(&nodes[at[i]], row);
    for (size_t i = 0; i < count; i++)
        leaves[i] = trees[i].by_category ? category_leaf(&trees[i], row) : nodes[at[i]].leaf;
}

void ft_walk_row(const ft_scorer *s, size_t begin, size_t end, float *margins, const float *row) {
    float leaves[WALKS];
    for (size_t t = begin; t < end; t += WALKS) {
        size_t count = end - t < WALKS ? end - t : WALKS;
        const ft_walk_tree *trees = &s->walk.trees[t];
        walk_trees(s, trees, count, leaves, row);
        for (size_t i = 0; i < count; i++) margins[trees[i].group] += leaves[i];
    }
}

/* One tree for `count` <= WALKS rows. */
static void walk_rows(const ft_scorer *s, const ft_walk_tree *t, float *sums, const float *rows,
                      size_t count) {
    const ft_walk_node *nodes = s->walk.nodes;
    size_t cols = s->forest->feature_count;
    const float *row[WALKS];
    uint32_t at[WALKS];
    for (size_t i = 0; i < WALKS; i++) {
        row[i] = rows + (i < count ? i : 0) * cols;
        at[i] = t->root;
    }
    for (uint32_t d = 0; d < t->depth; d++)
        for (size_t i = 0; i < WALKS; i++) at[i] = step(&nodes[at[i]], row[i]);
    for (size_t i = 0; i < count; i++) sums[i] += nodes[at[i]].leaf;
}

void ft_walk_batch(const ft_scorer *s, size_t begin, size_t end, float *sums, const float *rows,
                   size_t count) {
    size_t cols = s->forest->feature_count;
    for (size_t k = begin; k < end; k++) {
        const ft_walk_tree *t = &s->walk.trees[k];
        float *of_group = sums + (size_t)t->group * FT_BATCH_ROWS;
        for (size_t r = 0; r < count; r += WALKS) {
            size_t left = count - r < WALKS ? count - r : WALKS;
            if (t->by_category)
                for (size_t i = 0; i < left; i++)
                    of_group[r + i] += category_leaf(t, rows + (r + i) * cols);
            else
                walk_rows(s, t, of_group + r, rows + r * cols, left);
        }
    }
}
