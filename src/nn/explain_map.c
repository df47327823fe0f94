/* explain_map.c -- saliency maps: layers added up, zoomed, drawn. See explain.h. */
#include <math.h>
#include <string.h>

#include "media/draw.h"
#include "media/resize.h"
#include "nn/explain.h"

#define SCALE_LEAST 1e-6F /* added to the range that a layer is divided by */

ft_err ft_nn_map_new(ft_nn_map *out, ft_arena *arena, int width, int height) {
    size_t items = (size_t)width * (size_t)height;
    *out = (ft_nn_map){ .width = width, .height = height };
    FT_TRY(ft_arena_items(&out->at, arena, items));
    memset(out->at, 0, items * sizeof *out->at);
    return FT_OK;
}

typedef struct across { /* of one column of the map: between which two of the layer's */
    int left, right;
    float share;
} across;

static void across_fill(across *to, int count, int width) {
    float step = count > 1 ? (float)(width - 1) / (float)(count - 1) : 0;
    for (int x = 0; x < count; x++) {
        float at = (float)x * step;
        int left = (int)at < width - 1 ? (int)at : width - 1;
        to[x] = (across){ left, left + (left < width - 1), at - (float)left };
    }
}

static void row_widen(float *to, const float *from, const across *a, int count) {
    for (int x = 0; x < count; x++)
        to[x] = from[a[x].left] + (from[a[x].right] - from[a[x].left]) * a[x].share;
}

/* First every row of the layer is as wide as the map, then rows lie between two of those. */
ft_err ft_nn_map_zoom(ft_nn_map *m, const float *from, int width, int height, ft_arena *arena) {
    size_t wide = (size_t)m->width;
    float *rows;
    across *columns, *lines;
    FT_TRY(ft_arena_items(&columns, arena, wide));
    FT_TRY(ft_arena_items(&lines, arena, (size_t)m->height));
    FT_TRY(ft_arena_items(&rows, arena, wide * (size_t)height));
    across_fill(columns, m->width, width);
    across_fill(lines, m->height, height);
    for (int y = 0; y < height; y++)
        row_widen(rows + (size_t)y * wide, from + (size_t)y * (size_t)width, columns, m->width);
    for (int y = 0; y < m->height; y++) {
        const float *top = rows + (size_t)lines[y].left * wide;
        const float *low = rows + (size_t)lines[y].right * wide;
        float *to = m->at + (size_t)y * wide, share = lines[y].share;
        for (size_t x = 0; x < wide; x++) to[x] += top[x] + (low[x] - top[x]) * share;
    }
    return FT_OK;
}

#define LANES 16 /* extremes that are kept beside each other, for the compiler's vectors */

typedef struct extremes {
    float least[LANES], most[LANES];
} extremes;

static void extremes_add(extremes *e, int k, float v) {
    e->least[k] = v < e->least[k] ? v : e->least[k];
    e->most[k] = v > e->most[k] ? v : e->most[k];
}

/* sum[i] += |g[i] f|; extremes over all. */
static void add_channel(float *restrict sum, const float *restrict g, const float *restrict f,
                        float factor, int64_t items, extremes *e) {
    int64_t i = 0;
    for (; i + LANES <= items; i += LANES)
        for (int k = 0; k < LANES; k++) {
            float v = fabsf(g[i + k] * (f ? f[i + k] : factor));
            sum[i + k] += v;
            e->least[k] = v < e->least[k] ? v : e->least[k];
            e->most[k] = v > e->most[k] ? v : e->most[k];
        }
    for (; i < items; i++) {
        float v = fabsf(g[i] * (f ? f[i] : factor));
        sum[i] += v;
        extremes_add(e, 0, v);
    }
}

ft_err ft_nn_map_add(ft_nn_map *m, const ft_array *gradient, const float *factor, int64_t factors,
                     ft_arena *arena) {
    if (gradient->ndim != 4 || gradient->dtype != FT_F32 || gradient->shape[0] != 1 ||
        ft_array_count(gradient) == 0)
        return FT_FAIL(FT_EINVAL,
                       "a layer's gradient must be float32 [1, channels, height, width]");
    int64_t channels = gradient->shape[1], items = gradient->shape[2] * gradient->shape[3];
    bool each = factors != channels || items == 1;
    if (factors != channels && factors != channels * items)
        return FT_FAIL(FT_EINVAL, "%lld factors for a layer of %lld channels", (long long)factors,
                       (long long)channels);
    float *sum, least = INFINITY, most = -INFINITY;
    extremes e;
    for (int k = 0; k < LANES; k++) e.least[k] = INFINITY, e.most[k] = -INFINITY;
    FT_TRY(ft_arena_items(&sum, arena, (size_t)items));
    memset(sum, 0, (size_t)items * sizeof *sum);
    for (int64_t c = 0; c < channels; c++)
        add_channel(sum, (const float *)gradient->data + c * items,
                    each ? factor + c * items : NULL, factor[c], items, &e);
    for (int k = 0; k < LANES; k++) least = fminf(least, e.least[k]), most = fmaxf(most, e.most[k]);
    float range = most - least + SCALE_LEAST;
    for (int64_t i = 0; i < items; i++) sum[i] = (sum[i] - (float)channels * least) / range;
    return ft_nn_map_zoom(m, sum, (int)gradient->shape[3], (int)gradient->shape[2], arena);
}

void ft_nn_norm_bias(float *out, int64_t channels, const float *weight, const float *bias,
                     const float *mean, const float *variance, double epsilon) {
    for (int64_t c = 0; c < channels; c++)
        out[c] =
            (float)((double)bias[c] - (double)weight[c] * mean[c] / sqrt(variance[c] + epsilon));
}

/* The map at the size of the drawing. */
static ft_err fitted(const float **out, const ft_nn_map *m, int width, int height,
                     ft_arena *arena) {
    ft_nn_map to;
    *out = m->at;
    if (width == m->width && height == m->height) return FT_OK;
    FT_TRY(ft_nn_map_new(&to, arena, width, height));
    FT_TRY(ft_nn_map_zoom(&to, m->at, m->width, m->height, arena));
    *out = to.at;
    return FT_OK;
}

/* Grey pictures become three equal channels. */
static ft_err coloured(ft_image *out, const ft_image *picture, ft_arena *arena) {
    FT_TRY(ft_image_new(out, arena, picture->width, picture->height, 3));
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < 3 * picture->width; x++)
            out->data[(size_t)y * out->stride_bytes + (size_t)x] =
                picture->data[(size_t)y * picture->stride_bytes +
                              (size_t)(picture->channels == 3 ? x : x / 3)];
    return FT_OK;
}

static ft_err draw(ft_buf *out, const ft_nn_map *m, const ft_image *picture, float opacity,
                   ft_arena *arena) {
    ft_image to, colours;
    const float *at;
    float least = INFINITY, most = -INFINITY;
    int width = picture ? picture->width : m->width, height = picture ? picture->height : m->height;
    FT_TRY(ft_image_new(&colours, arena, width, height, 3));
    FT_TRY(fitted(&at, m, width, height, arena));
    for (int64_t i = 0; i < (int64_t)width * height; i++) {
        least = fminf(least, at[i]);
        most = fmaxf(most, at[i]);
    }
    if (!(most > least)) most = least + 1; /* a flat map: one colour */
    FT_TRY(ft_draw_map(&colours, at, least, most, FT_COLOURS_JET));
    if (picture) {
        FT_TRY(coloured(&to, picture, arena));
        FT_TRY(ft_draw_blend(&to, &colours, opacity));
    }
    return ft_image_encode(out, picture ? &to : &colours,
                           &(ft_encode_opts){ .kind = FT_IMAGE_PNG });
}

ft_err ft_nn_map_png(ft_buf *out, const ft_nn_map *m, const ft_image *picture, float opacity) {
    ft_arena arena = { 0 };
    ft_err err = draw(out, m, picture, opacity, &arena);
    ft_arena_fini(&arena);
    return err;
}
