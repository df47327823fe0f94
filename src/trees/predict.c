/* predict.c -- see predict.h: chooses paths, runs their chunks in the order of the trees. */
#include "trees/predict.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "trees/predict_in.h"

/* From here on rows go through the masks path: below it, filling a block of 64 costs more than rows
 * one by one (measured: even at 20 rows of 28 columns, 100 trees of depth 6). */
#define BATCH_ROWS_MIN 24
#define ALIGN          ((size_t)64)

/* ---- choosing */

static ft_err choose_cpu(ft_scorer *s, ft_scorer_path path) {
#ifdef FT_SCORER_X86
    __builtin_cpu_init();
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    bool vbmi = avx512 && __builtin_cpu_supports("avx512vbmi");
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#else
    bool avx512 = false, vbmi = false, avx2 = false;
#endif
    if (path == FT_SCORER_AVX512 && !vbmi)
        return FT_FAIL(FT_EUNSUPPORTED, "this CPU has no AVX-512 with VBMI");
    if (path == FT_SCORER_AVX2 && !avx2) return FT_FAIL(FT_EUNSUPPORTED, "this CPU has no AVX2");
    bool any = path == FT_SCORER_AUTO || path == FT_SCORER_AVX512;
    s->avx512 = any && avx512;
    s->vbmi = any && vbmi;
    s->avx2 = (path == FT_SCORER_AUTO || path == FT_SCORER_AVX2) && avx2;
    return FT_OK;
}

static ft_err build(ft_scorer *s, ft_scorer_path path) {
    s->plain = path == FT_SCORER_PLAIN || s->forest->linear;
    if (s->plain) return FT_OK;
    FT_TRY(choose_cpu(s, path));
    FT_TRY(ft_walk_build(s));
    if (s->vbmi) FT_TRY(ft_tree_plan_rows(s));
    if (s->avx512 || s->avx2) FT_TRY(ft_tree_plan_batch(s));
    return FT_OK;
}

/* ---- one row */

static void row_margins(const ft_scorer *s, float *out, const float *row) {
    for (size_t g = 0; g < s->forest->group_count; g++) out[g] = s->forest->base_margin;
#ifdef FT_SCORER_X86
    for (size_t i = 0; s->vbmi && i < s->rows.count; i++) {
        const ft_chunk *c = &s->rows.chunks[i];
        if (c->walks)
            ft_walk_row(s, c->tree_begin, c->tree_end, out, row);
        else
            ft_blocks_row(s, c, out, row);
    }
    if (s->vbmi) return;
#endif
    ft_walk_row(s, 0, s->tree_count, out, row);
}

/* ---- many rows */

static void *carve(char **at, size_t bytes) {
    void *here = *at;
    *at += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return here;
}

static ft_err scratch_init(ft_mask_scratch *m, const ft_scorer *s) {
    size_t columns = s->batch.columns_max, groups = s->forest->group_count;
    size_t masks = ((size_t)1 << FT_MASK_DEPTH) * FT_BATCH_ROWS / 8;
    size_t bytes = 2 * columns * (FT_BATCH_ROWS + sizeof *m->slots) + masks +
                   groups * FT_BATCH_ROWS * sizeof *m->sums + 4 * ALIGN;
    char *at = m->memory = ft_fault_here() ? NULL : aligned_alloc(ALIGN, (bytes | (ALIGN - 1)) + 1);
    if (!at) return FT_FAIL(FT_ENOMEM, "no memory for %zu bytes of scratch", bytes);
    m->bins = carve(&at, 2 * columns * FT_BATCH_ROWS);
    m->slots = carve(&at, 2 * columns * sizeof *m->slots);
    m->masks = carve(&at, masks);
    m->sums = carve(&at, groups * FT_BATCH_ROWS * sizeof *m->sums);
    memset(m->bins, 0, 2 * columns * FT_BATCH_ROWS); /* rows beyond the last are computed too */
    memset(m->masks, 0, masks);
    return FT_OK;
}

static void block_margins(const ft_scorer *s, ft_mask_scratch *m, float *out, const float *rows,
                          size_t count) {
    size_t groups = s->forest->group_count;
    for (size_t i = 0; i < groups * FT_BATCH_ROWS; i++) m->sums[i] = s->forest->base_margin;
    for (size_t i = 0; i < s->batch.count; i++) {
        const ft_chunk *c = &s->batch.chunks[i];
        if (c->walks) {
            ft_walk_batch(s, c->tree_begin, c->tree_end, m->sums, rows, count);
            continue;
        }
#ifdef FT_SCORER_X86
        if (s->avx512)
            ft_masks_avx512(s, c, m, rows, count);
        else
            ft_masks_avx2(s, c, m, rows, count);
#endif
    }
    for (size_t r = 0; r < count; r++)
        for (size_t g = 0; g < groups; g++) out[r * groups + g] = m->sums[g * FT_BATCH_ROWS + r];
}

static ft_err batch_margins(const ft_scorer *s, float *out, const float *rows, size_t count) {
    ft_mask_scratch m;
    FT_TRY(scratch_init(&m, s));
    for (size_t r = 0; r < count; r += FT_BATCH_ROWS) {
        size_t some = count - r < FT_BATCH_ROWS ? count - r : FT_BATCH_ROWS;
        block_margins(s, &m, out + r * s->forest->group_count, rows + r * s->forest->feature_count,
                      some);
    }
    free(m.memory);
    return FT_OK;
}

/* ---- exported */

ft_err ft_scorer_new(ft_scorer **out, const ft_forest *forest, const ft_scorer_opts *opts) {
    static const ft_scorer_opts defaults;
    if (!opts) opts = &defaults;
    FT_CHECK(out && forest);
    *out = NULL;
    ft_scorer *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a scorer");
    size_t rounds = opts->rounds ? opts->rounds : ft_forest_best_rounds(forest);
    s->forest = forest;
    s->tree_count = ft_forest_trees_of(forest, rounds);
    s->arena = (ft_arena)FT_ARENA_INIT((size_t)16 << 30);
    ft_err err = build(s, opts->path);
    if (err) {
        ft_scorer_free(s);
        return ft_err_frame(err, __FILE__, __LINE__, "build");
    }
    *out = s;
    return FT_OK;
}

void ft_scorer_free(ft_scorer *s) {
    if (!s) return;
    ft_arena_fini(&s->arena);
    free(s);
}

size_t ft_scorer_groups(const ft_scorer *s) { return s->forest->group_count; }
size_t ft_scorer_trees(const ft_scorer *s) { return s->tree_count; }

size_t ft_scorer_columns(const ft_scorer *s) {
    return ft_objective_columns(s->forest->objective, s->forest->group_count);
}

static size_t fast_trees(const ft_tree_plan *plan) {
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->chunks[i].walks) count += plan->chunks[i].tree_end - plan->chunks[i].tree_begin;
    return count;
}

ft_err ft_scorer_describe(ft_str *out, const ft_scorer *s, ft_arena *arena) {
    if (s->plain) return ft_arena_printf(out, arena, "plain (%zu trees)", s->tree_count);
    return ft_arena_printf(out, arena,
                           "rows: %zu of %zu trees in blocks, batches: %zu in masks (%s)",
                           fast_trees(&s->rows), s->tree_count, fast_trees(&s->batch),
                           s->avx512 ? "AVX-512"
                           : s->avx2 ? "AVX2"
                                     : "none");
}

ft_err ft_scorer_margins(const ft_scorer *s, float *out, const float *rows, size_t count) {
    if (s->plain) {
        ft_plain_margins(s, out, rows, count);
        return FT_OK;
    }
    if (count >= BATCH_ROWS_MIN && (s->avx512 || s->avx2))
        return batch_margins(s, out, rows, count);
    for (size_t r = 0; r < count; r++)
        row_margins(s, out + r * s->forest->group_count, rows + r * s->forest->feature_count);
    return FT_OK;
}

ft_err ft_scorer_predict(const ft_scorer *s, float *out, const float *rows, size_t count) {
    size_t groups = s->forest->group_count;
    if (ft_scorer_columns(s) == groups) {
        FT_TRY(ft_scorer_margins(s, out, rows, count));
        ft_objective_transform(s->forest->objective, out, count, groups);
        return FT_OK;
    }
    float some[1024]; /* one answer of many margins: they do not fit `out` */
    size_t step = FT_COUNT(some) / groups;
    if (step == 0 || count > 4 * step) step = count;
    float *margins = some;
    if (step * groups > FT_COUNT(some)) {
        margins = ft_fault_here() ? NULL : malloc(step * groups * sizeof *margins);
        if (!margins) return FT_FAIL(FT_ENOMEM, "no memory for the margins of %zu rows", step);
    }
    ft_err err = FT_OK;
    for (size_t r = 0; r < count && !err; r += step) {
        size_t n = count - r < step ? count - r : step;
        err = ft_scorer_margins(s, margins, rows + r * s->forest->feature_count, n);
        if (!err) ft_objective_transform(s->forest->objective, margins, n, groups);
        if (!err) memcpy(out + r, margins, n * sizeof *out);
    }
    if (margins != some) free(margins);
    return err;
}
