/* resize.c -- see resize.h: the two passes in plain C, and which path does them. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/resize_in.h"

struct ft_resizer {
    ft_media_path path;
    ft_axis x, y;
    ft_ground rows; /* between the passes */
#ifdef FT_MEDIA_X86
    ft_gathers gathers;
#endif
};

/* ---- paths */

bool ft_media_path_has(ft_media_path path) {
#ifdef FT_MEDIA_X86
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (path == FT_MEDIA_AVX2) return avx2;
    if (path == FT_MEDIA_AVX512)
        return avx2 && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi") &&
               __builtin_cpu_supports("avx512vnni");
#endif
    return path == FT_MEDIA_AUTO || path == FT_MEDIA_PLAIN;
}

ft_media_path ft_media_path_best(ft_media_path wanted) {
    if (wanted != FT_MEDIA_AUTO) return wanted;
    if (ft_media_path_has(FT_MEDIA_AVX512)) return FT_MEDIA_AVX512;
    return ft_media_path_has(FT_MEDIA_AVX2) ? FT_MEDIA_AVX2 : FT_MEDIA_PLAIN;
}

/* ---- the passes, for reference */

static uint8_t rounded(int32_t sum) {
    sum >>= FT_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

void ft_resize_rows_plain(const ft_image *to, const ft_image *from, const ft_axis *a) {
    int channels = to->channels;
    for (int y = 0; y < to->height; y++) {
        uint8_t *out = to->data + (size_t)y * to->stride_bytes;
        const uint8_t *row = from->data + (size_t)y * from->stride_bytes;
        for (int x = 0; x < to->width; x++) {
            const int32_t *k = a->k + (size_t)x * (size_t)a->stride;
            const uint8_t *at = row + (size_t)a->first[x] * (size_t)channels;
            for (int c = 0; c < channels; c++) {
                int32_t sum = FT_WEIGHT_ROUND;
                for (int t = 0; t < a->count[x]; t++) sum += at[t * channels + c] * k[t];
                *out++ = rounded(sum);
            }
        }
    }
}

void ft_resize_columns_plain(const ft_image *to, const ft_image *from, const ft_axis *a, int base) {
    size_t bytes = ft_image_row_bytes(to);
    for (int y = 0; y < to->height; y++) {
        uint8_t *out = to->data + (size_t)y * to->stride_bytes;
        const int32_t *k = a->k + (size_t)y * (size_t)a->stride;
        const uint8_t *at = from->data + (size_t)(a->first[y] - base) * from->stride_bytes;
        for (size_t i = 0; i < bytes; i++) {
            int32_t sum = FT_WEIGHT_ROUND;
            for (int t = 0; t < a->count[y]; t++)
                sum += at[(size_t)t * from->stride_bytes + i] * k[t];
            out[i] = rounded(sum);
        }
    }
}

/* ---- nearest: Pillow's ImagingScaleAffine, which adds up the step */

static ft_err nearest(ft_resizer *r, const ft_image *to, const ft_image *from,
                      const float part[4]) {
    double step_x = (double)(part[2] - part[0]) / to->width, x = part[0] + step_x * 0.5;
    double step_y = (double)(part[3] - part[1]) / to->height, y = part[1] + step_y * 0.5;
    FT_TRY(ft_ground_take(&r->rows, (size_t)to->width * sizeof(uint32_t)));
    uint32_t *at = (uint32_t *)(void *)r->rows.at;
    size_t channels = (size_t)to->channels;
    for (int i = 0; i < to->width; i++, x += step_x)
        at[i] = (uint32_t)(x < from->width ? (int)x : from->width - 1) * (uint32_t)channels;
    for (int j = 0; j < to->height; j++, y += step_y) {
        uint8_t *out = to->data + (size_t)j * to->stride_bytes;
        int line = y < from->height ? (int)y : from->height - 1;
        const uint8_t *row = from->data + (size_t)line * from->stride_bytes;
        for (int i = 0; i < to->width; i++)
            for (size_t c = 0; c < channels; c++) *out++ = row[at[i] + c];
    }
    return FT_OK;
}

/* ---- one resize */

static ft_err rows_pass(ft_resizer *r, const ft_image *to, const ft_image *from) {
#ifdef FT_MEDIA_X86
    if (r->path == FT_MEDIA_AVX512 && !r->x.extreme) {
        if (r->gathers.channels != to->channels)
            FT_TRY(ft_gathers_set(&r->gathers, &r->x, to->channels));
        if (r->gathers.fits) {
            ft_resize_rows_avx512(to, from, &r->gathers);
            return FT_OK;
        }
    }
    if (r->path != FT_MEDIA_PLAIN && !r->x.extreme) {
        ft_resize_rows_avx2(to, from, &r->x);
        return FT_OK;
    }
#endif
    ft_resize_rows_plain(to, from, &r->x);
    return FT_OK;
}

static void columns_pass(ft_resizer *r, const ft_image *to, const ft_image *from, int base) {
#ifdef FT_MEDIA_X86
    if (r->path == FT_MEDIA_AVX512 && !r->y.extreme) {
        ft_resize_columns_avx512(to, from, &r->y, base);
        return;
    }
    if (r->path != FT_MEDIA_PLAIN && !r->y.extreme) {
        ft_resize_columns_avx2(to, from, &r->y, base);
        return;
    }
#endif
    ft_resize_columns_plain(to, from, &r->y, base);
}

/* Only the rows that the second pass asks for go through the first. */
static ft_err passes(ft_resizer *r, const ft_image *to, const ft_image *from) {
    const ft_axis *y = &r->y;
    int base = y->first[0], last = y->out - 1;
    ft_image used = *from, between;
    if (!ft_axis_moves(&r->x)) {
        if (!ft_axis_moves(y))
            ft_image_copy(to, from);
        else
            columns_pass(r, to, from, 0);
        return FT_OK;
    }
    if (!ft_axis_moves(y)) return rows_pass(r, to, from);
    used.data += (size_t)base * from->stride_bytes;
    used.height = y->first[last] + y->count[last] - base;
    between = (ft_image){ NULL, to->width, used.height, to->channels, ft_image_row_bytes(to) };
    FT_TRY(ft_ground_take(&r->rows, between.stride_bytes * (size_t)between.height));
    between.data = r->rows.at;
    FT_TRY(rows_pass(r, &between, &used));
    columns_pass(r, to, &between, base);
    return FT_OK;
}

/* ---- exported */

ft_err ft_resizer_new(ft_resizer **out, ft_media_path path) {
    *out = NULL;
    if (!ft_media_path_has(path))
        return FT_FAIL(FT_EUNSUPPORTED, "this processor lacks the instructions of media path %d",
                       (int)path);
    ft_resizer *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for a resizer");
    r->path = ft_media_path_best(path);
    *out = r;
    return FT_OK;
}

void ft_resizer_free(ft_resizer *r) {
    if (!r) return;
    ft_axis_fini(&r->x);
    ft_axis_fini(&r->y);
#ifdef FT_MEDIA_X86
    ft_gathers_fini(&r->gathers);
#endif
    free(r->rows.at);
    free(r);
}

ft_err ft_resize(ft_resizer *r, const ft_image *to, const ft_image *from, const ft_span *span,
                 ft_filter filter) {
    ft_span all = { 0, 0, from->width, from->height };
    FT_CHECK(ft_image_valid(to) && ft_image_valid(from) && to->channels == from->channels);
    if ((unsigned)filter > FT_FILTER_NEAREST)
        return FT_FAIL(FT_EINVAL, "filter %d does not exist", (int)filter);
    if (!span) span = &all;
    float part[4] = { (float)span->x0, (float)span->y0, (float)span->x1, (float)span->y1 };
    if (!(part[0] >= 0 && part[1] >= 0 && part[2] <= (float)from->width &&
          part[3] <= (float)from->height && part[0] < part[2] && part[1] < part[3]))
        return FT_FAIL(FT_EINVAL, "part %g,%g to %g,%g is not inside a picture of %d x %d",
                       span->x0, span->y0, span->x1, span->y1, from->width, from->height);
    if (filter == FT_FILTER_NEAREST) return nearest(r, to, from, part);
    bool again;
    FT_TRY(ft_axis_set(&r->x, from->width, part[0], part[2], to->width, filter, &again));
#ifdef FT_MEDIA_X86
    if (!again) r->gathers.channels = 0;
#endif
    FT_TRY(ft_axis_set(&r->y, from->height, part[1], part[3], to->height, filter, &again));
    return passes(r, to, from);
}
