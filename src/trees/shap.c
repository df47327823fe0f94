/* shap.c -- see shap.h. Sixteen rows at once in GCC's vector types, compiled for three levels of
 * x86-64; the level is chosen at run time. */
#include "trees/shap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "trees/predict.h"
#include "trees/shap_in.h"

#define LANES FT_SHAP_LANES
/* Rows that stay in the second cache while all trees pass over them. */
#define TILE_ROWS 128
#define GROUPS_OF (TILE_ROWS / LANES)

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t mask __attribute__((vector_size(LANES * sizeof(int32_t)))); /* 0 or -1 */

/* Scratch of one call. */
typedef struct bench {
    lanes *x;       /* [TILE][features] */
    lanes *phi;     /* [TILE][groups][features + 1] */
    lanes *product; /* [depth][points]: over the path, above each edge's leaf or subtree */
    lanes *sum;     /* [depth][points]: over the leaves below each open edge */
    mask *met;      /* [depth]: rows that meet the conditions on the edge's feature down to it */
    mask *before;   /* [depth]: … down to the last edge of the same feature */
    mask *left;     /* [depth]: rows that the test above the edge sends left */
    const ft_shap_edge **open; /* [depth] */
    const float **constants;   /* [depth] */
    void *memory;
} bench;

/* ---- the kernel, once for each level of x86-64 */

typedef void tile_fn(const ft_explainer *e, bench *b, size_t groups);

static void category_left(mask *out, const ft_tree *t, const ft_shap_edge *e, const lanes *x) {
    for (int i = 0; i < LANES; i++) {
        float v = (*x)[i];
        bool left = v != v ? e->default_left : ft_node_category_left(t, &t->nodes[e->node], v);
        (*out)[i] = -(int32_t)left;
    }
}

#define TILE_NAME(name) name##_baseline
#define TILE_TARGET
#include "trees/shap_tile_in.h"
#undef TILE_NAME
#undef TILE_TARGET

#if defined(__x86_64__)
#define TILE_NAME(name) name##_avx2
#define TILE_TARGET     __attribute__((target("avx2,fma")))
#include "trees/shap_tile_in.h"
#undef TILE_NAME
#undef TILE_TARGET

#define TILE_NAME(name) name##_avx512
#define TILE_TARGET     __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#include "trees/shap_tile_in.h"
#undef TILE_NAME
#undef TILE_TARGET
#endif

static tile_fn *choose_tile(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return tile_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return tile_avx2;
#endif
    return tile_baseline;
}

/* ---- rows in and out */

static void *carve(char **at, size_t bytes) {
    void *here = *at;
    *at += (bytes + 63) & ~(size_t)63;
    return here;
}

static ft_err bench_init(bench *b, const ft_explainer *e) {
    size_t cols = e->forest->feature_count, depth = e->depth_max + 1, points = e->points_max + 1;
    size_t x = GROUPS_OF * cols * sizeof(lanes);
    size_t phi = GROUPS_OF * e->forest->group_count * (cols + 1) * sizeof(lanes);
    size_t deep = depth * points * sizeof(lanes), masks = depth * sizeof(mask);
    size_t links = depth * sizeof(void *), bytes = x + phi + 2 * deep + 3 * masks + 2 * links + 640;
    char *at = b->memory = ft_fault_here() ? NULL : aligned_alloc(64, (bytes | 63) + 1);
    if (!at) return FT_FAIL(FT_ENOMEM, "no memory for %zu bytes of scratch", bytes);
    b->x = carve(&at, x);
    b->phi = carve(&at, phi);
    b->product = carve(&at, deep);
    b->sum = carve(&at, deep);
    b->met = carve(&at, masks);
    b->before = carve(&at, masks);
    b->left = carve(&at, masks);
    b->open = carve(&at, links);
    b->constants = carve(&at, links);
    return FT_OK;
}

/* Rows beyond the last are copies of it: their lanes are computed and left. */
static void fill_tile(const ft_explainer *e, bench *b, const float *rows, size_t count) {
    size_t cols = e->forest->feature_count;
    for (size_t g = 0; g * LANES < count; g++)
        for (size_t lane = 0; lane < LANES; lane++) {
            size_t r = g * LANES + lane < count ? g * LANES + lane : count - 1;
            for (size_t c = 0; c < cols; c++) b->x[g * cols + c][lane] = rows[r * cols + c];
        }
    memset(b->phi, 0, GROUPS_OF * ft_explainer_width(e) * sizeof(lanes));
}

static void store_tile(const ft_explainer *e, const bench *b, float *out, size_t count) {
    size_t width = ft_explainer_width(e), of_group = e->forest->feature_count + 1;
    for (size_t r = 0; r < count; r++) {
        const lanes *phi = b->phi + r / LANES * width;
        for (size_t i = 0; i < width; i++) out[r * width + i] = phi[i][r % LANES];
        for (size_t g = 0; g < e->forest->group_count; g++)
            out[r * width + (g + 1) * of_group - 1] = (float)e->bias[g];
    }
}

static void explain_linear(const ft_explainer *e, float *out, const float *row) {
    const ft_forest *f = e->forest;
    size_t groups = f->group_count, cols = f->feature_count;
    for (size_t g = 0; g < groups; g++) {
        float *to = out + g * (cols + 1);
        for (size_t c = 0; c < cols; c++)
            to[c] = row[c] == row[c] ? row[c] * f->linear[c * groups + g] : 0;
        to[cols] = f->linear[cols * groups + g] + f->base_margin;
    }
}

/* ---- exported */

ft_err ft_explainer_new(ft_explainer **out, const ft_forest *forest, size_t rounds) {
    FT_CHECK(out && forest);
    *out = NULL;
    ft_explainer *e = ft_fault_here() ? NULL : calloc(1, sizeof *e);
    if (!e) return FT_FAIL(FT_ENOMEM, "no memory for an explainer");
    ft_err err = FT_OK;
    e->forest = forest;
    e->tree_count = ft_forest_trees_of(forest, rounds ? rounds : ft_forest_best_rounds(forest));
    e->arena = (ft_arena)FT_ARENA_INIT((size_t)16 << 30);
    FT_GOTO(err, ft_arena_items(&e->bias, &e->arena, forest->group_count));
    for (size_t g = 0; g < forest->group_count; g++) e->bias[g] = (double)forest->base_margin;
    if (!forest->linear) FT_GOTO(err, ft_shap_build(e));
    *out = e;
    e = NULL;
done:
    ft_explainer_free(e);
    return err;
}

void ft_explainer_free(ft_explainer *e) {
    if (!e) return;
    ft_arena_fini(&e->arena);
    free(e);
}

size_t ft_explainer_width(const ft_explainer *e) {
    return e->forest->group_count * (e->forest->feature_count + 1);
}

ft_err ft_explainer_explain(const ft_explainer *e, float *out, const float *rows, size_t count) {
    size_t cols = e->forest->feature_count, width = ft_explainer_width(e);
    bench b;
    if (e->forest->linear) {
        for (size_t r = 0; r < count; r++) explain_linear(e, out + r * width, rows + r * cols);
        return FT_OK;
    }
    tile_fn *tile = choose_tile();
    FT_TRY(bench_init(&b, e));
    for (size_t r = 0; r < count; r += TILE_ROWS) {
        size_t some = count - r < TILE_ROWS ? count - r : TILE_ROWS;
        fill_tile(e, &b, rows + r * cols, some);
        tile(e, &b, (some + LANES - 1) / LANES);
        store_tile(e, &b, out + r * width, some);
    }
    free(b.memory);
    return FT_OK;
}
