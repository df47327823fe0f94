/* predict.h -- inference: a forest compiled into flat arrays, with a path for one row and a path
 * for many.
 *
 * Every path adds a row's leaves in the order of the trees, in f32, from the same base margin, as
 * XGBoost does. So margins are the same bits on every path, on every machine, for one row or a
 * million, and equal XGBoost's.
 *
 * Paths (chosen at run time by CPU feature; any may be forced):
 *   plain   node by node over the forest: the reference
 *   walk    flat 16-byte nodes, eight trees or rows interleaved; any CPU, any tree
 *   blocks  one row: all 63 tests of a tree in one permute and one compare (AVX-512 VBMI), for
 *           trees of depth <= 6 over at most 64 features
 *   masks   512 rows: values become bins of 8 bits, one compare tests a node for 64 rows
 * (AVX-512BW) or 32 (AVX2), for trees of depth <= 8 What a fast path does not take is walked; both
 * may happen in one model. Inspired by QuickScorer (Lucchese et al., SIGIR 2015) and RapidScorer
 * (Ye et al., KDD 2018).
 *
 * Threads: a scorer is immutable; many threads may use it at once. Memory: it borrows the forest,
 * which must outlive it. */
#ifndef FT_PREDICT_H
#define FT_PREDICT_H

#include "trees/model.h"

typedef struct ft_scorer ft_scorer;

typedef enum ft_scorer_path {
    FT_SCORER_AUTO = 0, /* blocks for one row, masks for many, walk for the rest */
    FT_SCORER_PLAIN,
    FT_SCORER_WALK,
    FT_SCORER_AVX2,  /* as AUTO on a CPU with AVX2 and no AVX-512 */
    FT_SCORER_AVX512 /* as AUTO on a CPU with AVX-512BW and VBMI */
} ft_scorer_path;

#define FT_ROUNDS_ALL SIZE_MAX

typedef struct ft_scorer_opts {
    size_t rounds; /* 0: up to the best iteration when one is recorded, else all */
    ft_scorer_path path;
} ft_scorer_opts;

/* FT_ENOMEM; FT_EUNSUPPORTED when a forced path needs a CPU feature that is not there. `opts` may
 * be NULL. */
ft_err ft_scorer_new(ft_scorer **out, const ft_forest *forest, const ft_scorer_opts *opts);
void ft_scorer_free(ft_scorer *s);

size_t ft_scorer_groups(const ft_scorer *s);  /* margins a row */
size_t ft_scorer_columns(const ft_scorer *s); /* answers a row, after the objective's transform */
size_t ft_scorer_trees(const ft_scorer *s);   /* trees that answer */
/* "blocks (100 trees), masks (100 trees), walk (0 trees)": how rows and batches go, for people. */
ft_err ft_scorer_describe(ft_str *out, const ft_scorer *s, ft_arena *arena);

/* Margins of `count` rows: `rows` is count * inputs values, row-major, NaN missing; `out` gets
 * count * groups. FT_ENOMEM only (scratch for many rows). */
ft_err ft_scorer_margins(const ft_scorer *s, float *out, const float *rows, size_t count);
/* Answers of `count` rows: count * columns values. */
ft_err ft_scorer_predict(const ft_scorer *s, float *out, const float *rows, size_t count);

#endif
