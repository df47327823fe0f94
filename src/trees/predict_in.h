/* predict_in.h -- the parts of a scorer, shared by its paths. */
#ifndef FT_PREDICT_IN_H
#define FT_PREDICT_IN_H

#include "trees/predict.h"

#if defined(__x86_64__)
#define FT_SCORER_X86    1
#define FT_TARGET_AVX2   __attribute__((target("avx2,popcnt,bmi2")))
#define FT_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt,bmi2")))
#define FT_TARGET_VBMI \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt,bmi2")))
#endif

#define FT_BATCH_ROWS    512 /* rows at once in the masks path: one bit each in a 512-bit register */
#define FT_CUTS_MAX      255 /* of one column in one chunk: a bin fits 8 bits */
#define FT_PIVOTS        16  /* cuts stand in blocks of 16; a pivot is a block's last cut */
#define FT_BLOCK_DEPTH   6   /* of trees in the blocks path: 63 tests fill one register */
#define FT_BLOCK_TESTS   64
#define FT_BLOCK_COLUMNS 64
#define FT_MASK_DEPTH    8 /* of trees in the masks path: leaf numbers fit 8 bits */
#define FT_MASK_COLUMNS  4096

/* ---- walk */

/* A leaf has a NaN cut and points to itself, so a walk may go on over it any number of steps. */
typedef struct ft_walk_node {
    float cut;
    uint32_t column; /* top bit: a missing value goes right */
    uint32_t left;
    float leaf; /* weight included */
} ft_walk_node;

#define FT_MISSING_RIGHT ((uint32_t)1 << 31)

typedef struct ft_walk_tree {
    uint32_t root, depth, group;
    const ft_tree *by_category; /* not NULL: walk this one node by node */
    float weight;
} ft_walk_tree;

typedef struct ft_walk {
    const ft_walk_node *nodes;
    const ft_walk_tree *trees; /* all trees of the scorer, in order */
} ft_walk;

/* ---- chunks: consecutive trees that share bins */

/* How values of some columns become bins: the bin of x is the number of cuts <= x; of NaN, 0. */
typedef struct ft_bins {
    uint32_t column_count;
    const uint32_t *columns;  /* of the input */
    const float *pivots;      /* [column_count][FT_PIVOTS], NaN beyond the last full block */
    const uint32_t *block_at; /* first block of 16 in `cuts`; one more at the end */
    const float *cuts;        /* sorted, blocks filled up with NaN */
} ft_bins;

/* One tree of the blocks path. Position p of the three arrays is node p of a complete binary tree
 * whose root is 1; `right[p]` is reached when bin >= cut. */
typedef struct ft_block_tree {
    uint8_t slot[FT_BLOCK_TESTS]; /* bin column; + 64: a missing value goes left */
    uint8_t cut[FT_BLOCK_TESTS];
    float leaves[FT_BLOCK_TESTS];
} ft_block_tree;

typedef struct ft_mask_test {
    uint16_t slot; /* 2 * bin column, + 1 when a missing value goes right */
    uint8_t cut;   /* bin >= cut goes right */
    uint8_t place; /* node of a complete binary tree, root 1 */
} ft_mask_test;

typedef struct ft_mask_tree {
    uint32_t test_at, test_count;
    uint32_t leaf_at; /* 2^depth leaves, at least 32, a multiple of 64 bytes */
    uint32_t depth;
} ft_mask_tree;

typedef struct ft_chunk {
    size_t tree_begin, tree_end;
    bool walks; /* then nothing below is set */
    ft_bins bins;
    const ft_block_tree *blocks; /* a row chunk */
    const ft_mask_tree *masks;   /* a batch chunk */
    const ft_mask_test *tests;
    const float *leaves;
} ft_chunk;

typedef struct ft_tree_plan {
    ft_chunk *chunks;
    size_t count;
    size_t columns_max; /* widest chunk's bin columns */
} ft_tree_plan;

struct ft_scorer {
    const ft_forest *forest;
    size_t tree_count;
    bool plain; /* forced, or gblinear */
    bool avx512, vbmi, avx2;
    ft_walk walk;
    ft_tree_plan rows, batch;
    ft_arena arena;
};

/* Scratch of the masks path for one call, cache-line aligned. */
typedef struct ft_mask_scratch {
    uint8_t *bins;         /* [2 * columns_max][FT_BATCH_ROWS]: NaN as 0, then NaN as 255 */
    const uint8_t **slots; /* [2 * columns_max] */
    uint64_t *masks;       /* [1 << FT_MASK_DEPTH][FT_BATCH_ROWS / 64] */
    float *sums;           /* [groups][FT_BATCH_ROWS] */
    void *memory;
} ft_mask_scratch;

/* predict_plain.c: the reference */
void ft_plain_margins(const ft_scorer *s, float *out, const float *rows, size_t count);

/* predict_walk.c */
ft_err ft_walk_build(ft_scorer *s);
/* Add the leaves of trees [begin, end) to the margins of one row. */
void ft_walk_row(const ft_scorer *s, size_t begin, size_t end, float *margins, const float *row);
/* The same for up to FT_BATCH_ROWS rows; sums are [groups][FT_BATCH_ROWS]. */
void ft_walk_batch(const ft_scorer *s, size_t begin, size_t end, float *sums, const float *rows,
                   size_t count);

/* predict_plan.c */
ft_err ft_tree_plan_rows(ft_scorer *s);
ft_err ft_tree_plan_batch(ft_scorer *s);

/* The kernels: each adds a chunk's leaves. */
#ifdef FT_SCORER_X86
void ft_blocks_row(const ft_scorer *s, const ft_chunk *c, float *margins, const float *row);
/* predict_masks.c: bins copied with 255 where the value is missing, for tests whose missing values
 * go right. `values`: the first row's, `stride` apart. */
void ft_mask_missing_right(uint8_t *to, const uint8_t *from, const float *values, size_t stride,
                           size_t count);
void ft_masks_avx512(const ft_scorer *s, const ft_chunk *c, ft_mask_scratch *m, const float *rows,
                     size_t count);
void ft_masks_avx2(const ft_scorer *s, const ft_chunk *c, ft_mask_scratch *m, const float *rows,
                   size_t count);
#endif

#endif
