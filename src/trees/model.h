/* model.h -- a boosted model as XGBoost saves it (JSON or UBJSON), read into flat arrays.
 *
 * Format: XGBoost's "saving_model" schema, versions 1.0 to 2.x: learner.gradient_booster is gbtree,
 * dart (trees with weights) or gblinear. Every file is taken for hostile: sizes, indices, links and
 * numbers are checked before anything walks a tree, so whoever holds an ft_forest may walk without
 * checks. XGBoost's old binary format and Python pickles are refused by name.
 *
 * Threads: a read forest is immutable. Memory: its own arena; strings and arrays belong to it. */
#ifndef FT_MODEL_H
#define FT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "trees/objective.h"

#define FT_FOREST_BYTES_MAX    ((size_t)2 << 30) /* of a model file */
#define FT_FOREST_TREES_MAX    ((size_t)1 << 20)
#define FT_FOREST_NODES_MAX    ((size_t)1 << 24) /* of one tree */
#define FT_FOREST_FEATURES_MAX ((size_t)1 << 24)
#define FT_FOREST_GROUPS_MAX   ((size_t)1 << 16)
#define FT_FOREST_DEPTH_MAX    10000

typedef enum ft_booster { FT_BOOSTER_GBTREE = 1, FT_BOOSTER_DART, FT_BOOSTER_GBLINEAR } ft_booster;

/* One node. A leaf has left == 0. Otherwise the right child stands right after the left one, and
 * both after their parent. A row goes left when x < value, or, in a category split, when its
 * category is not in the node's set; a missing x (NaN) goes to the default side. */
typedef struct ft_node {
    float value; /* threshold; of a leaf its value, learning rate included, weight not */
    uint32_t feature;
    uint32_t left;
    bool default_left;
    bool is_category;
    uint32_t cat_at, cat_words; /* category split: its set in cat_bits, category c is bit c % 32 of
                                   word c / 32 */
} ft_node;

typedef struct ft_tree {
    const ft_node *nodes; /* 0 is the root; breadth first */
    uint32_t node_count, leaf_count;
    uint32_t depth; /* edges on the longest path; 0: a single leaf */
    uint32_t group; /* the output it adds to */
    float weight;   /* dart's; otherwise 1 */
    bool has_category;
    const float *gain;  /* loss change of a node's split (0 for leaves) */
    const float *cover; /* sum of the hessian that reached the node */
    const uint32_t *cat_bits;
} ft_tree;

typedef struct ft_forest {
    ft_booster booster;
    const ft_objective *objective;
    int version[3];    /* of the XGBoost that wrote it */
    float base_score;  /* as stored */
    float base_margin; /* what every output's sum starts from */
    size_t feature_count;
    size_t group_count;    /* outputs before the transform: 1, num_class or num_target */
    size_t class_count;    /* num_class as stored; 0 for all but multi:… */
    size_t parallel_trees; /* trees a round and output */
    size_t tree_count;
    const ft_tree *trees;
    size_t round_count;     /* tree_count / (group_count * parallel_trees); gblinear: as stored */
    int64_t best_iteration; /* 0-based round that early stopping chose, -1: none recorded */
    double best_score;      /* NaN: none recorded */
    const float *linear;    /* gblinear: [feature_count + 1][group_count], the bias last */
    size_t name_count;
    const ft_str *names; /* of features, when recorded; else NULL */
    ft_arena arena;
} ft_forest;

/* Read a model. `name` stands in messages (a path). FT_EPARSE or FT_ETOOBIG name field and tree
 * ("model.json: tree 3: left_children[4]: 99 is outside the tree's 7 nodes"); FT_EUNSUPPORTED for a
 * booster, objective or format that is not read here. */
ft_err ft_forest_read(ft_forest **out, ft_str bytes, const char *name);
void ft_forest_free(ft_forest *f); /* fine on NULL */

/* Rounds that answer by default: up to the best iteration when one is recorded, else all. */
size_t ft_forest_best_rounds(const ft_forest *f);
/* Trees of the first `rounds` rounds. */
size_t ft_forest_trees_of(const ft_forest *f, size_t rounds);
/* The leaf that a row of feature_count values reaches: its node number. */
uint32_t ft_tree_leaf(const ft_tree *t, const float *row);
/* Does the category split send this value left? Values that are no category go left. */
bool ft_node_category_left(const ft_tree *t, const ft_node *n, float value);

#endif
