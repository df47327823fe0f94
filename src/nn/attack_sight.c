/* attack_sight.c -- how a network sees pictures: its preparation as two small matrices, found by
 * showing it single rows and columns. Whatever the preparation does (resize, crop, bars), it treats
 * rows and columns apart and is linear but for rounding to bytes. See attack.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/attack.h"

#define PROBE 255

/* A picture that is white in one column or row. */
static ft_err probe(ft_array *out, const ft_nn_network *n, int width, int height, int column,
                    int row, ft_arena *arena) {
    ft_buf ppm = { 0 };
    ft_buf_printf(&ppm, "P5\n%d %d\n255\n", width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            ft_buf_add_n(&ppm, x == column || y == row ? "\xff" : "\0", 1);
    ft_err err = ppm.err;
    if (err == FT_OK) err = ft_nn_picture(out, n, ft_buf_str(&ppm), arena);
    ft_buf_fini(&ppm);
    return err;
}

static float at(const ft_nn_sight *s, const ft_array *a, int channel, int y, int x) {
    int64_t i = s->last ? ((int64_t)y * s->to_width + x) * s->channels + channel
                        : ((int64_t)channel * s->to_height + y) * s->to_width + x;
    return ((const float *)a->data)[i];
}

/* mean and deviation of each channel, from looks: pack() has pixel / 255 x range. */
static void scales(ft_nn_sight *s, const ft_nn_network *n) {
    for (int c = 0; c < s->channels; c++) {
        float std = n->looks.std[c] != 0 ? n->looks.std[c] : n->looks.range;
        s->scale[c] = n->looks.range / 255 / std;
        s->shift[c] = -n->looks.mean[c] / std;
    }
}

static void spans_find(int *span, const float *weights, int count, int items) {
    for (int i = 0; i < count; i++) {
        int first = items, end = 0;
        for (int k = 0; k < items; k++) {
            if (weights[(size_t)i * (size_t)items + (size_t)k] == 0) continue;
            if (first == items) first = k;
            end = k + 1;
        }
        span[2 * i] = first < end ? first : 0;
        span[2 * i + 1] = end;
    }
}

static ft_err one_side(float *weights, const ft_nn_sight *s, const ft_nn_network *n, bool columns) {
    int items = columns ? s->width : s->height, count = columns ? s->to_width : s->to_height;
    ft_arena arena = { 0 };
    ft_err err = FT_OK;
    for (int k = 0; k < items && err == FT_OK; k++) {
        ft_array a;
        ft_arena_reset(&arena);
        err = probe(&a, n, s->width, s->height, columns ? k : -1, columns ? -1 : k, &arena);
        for (int i = 0; i < count && err == FT_OK; i++) {
            float v =
                columns ? at(s, &a, 0, s->to_height / 2, i) : at(s, &a, 0, i, s->to_width / 2);
            v = (v - s->shift[0]) / s->scale[0] / PROBE;
            weights[(size_t)i * (size_t)items + (size_t)k] = v < 0.5F / PROBE ? 0 : v;
        }
    }
    ft_arena_fini(&arena);
    return err;
}

static void identity(float *weights, int count) {
    for (int i = 0; i < count; i++) weights[(size_t)i * (size_t)count + (size_t)i] = 1;
}

ft_err ft_nn_sight_of(ft_nn_sight *s, const ft_nn_network *n, int width, int height,
                      ft_arena *arena) {
    *s = (ft_nn_sight){ .width = width, .height = height, .bgr = n->looks.bgr };
    if (!ft_nn_takes_picture(n, &s->channels, &s->to_width, &s->to_height, &s->last))
        return FT_FAIL(FT_EUNSUPPORTED, "this network does not take a picture");
    size_t columns = (size_t)s->to_width * (size_t)width,
           rows = (size_t)s->to_height * (size_t)height;
    FT_TRY(ft_arena_items(&s->columns, arena, columns));
    FT_TRY(ft_arena_items(&s->rows, arena, rows));
    FT_TRY(ft_arena_items(&s->column_span, arena, 2 * (size_t)s->to_width));
    FT_TRY(ft_arena_items(&s->row_span, arena, 2 * (size_t)s->to_height));
    memset(s->columns, 0, columns * sizeof *s->columns);
    memset(s->rows, 0, rows * sizeof *s->rows);
    scales(s, n);
    if (width == s->to_width && height == s->to_height && n->looks.fit != FT_NN_FIT_CROP) {
        identity(s->columns, width);
        identity(s->rows, height);
    } else {
        FT_TRY(one_side(s->columns, s, n, true));
        FT_TRY(one_side(s->rows, s, n, false));
    }
    spans_find(s->column_span, s->columns, s->to_width, width);
    spans_find(s->row_span, s->rows, s->to_height, height);
    return FT_OK;
}

size_t ft_nn_sight_scratch(const ft_nn_sight *s) { return (size_t)s->to_height * (size_t)s->width; }

static size_t place(const ft_nn_sight *s, int channel, int y, int x) {
    return s->last ? ((size_t)y * (size_t)s->to_width + (size_t)x) * (size_t)s->channels +
                         (size_t)channel
                   : ((size_t)channel * (size_t)s->to_height + (size_t)y) * (size_t)s->to_width +
                         (size_t)x;
}

/* Which channel of the pixels the input's channel is. */
static int pixel_channel(const ft_nn_sight *s, int c) {
    return s->bgr && s->channels == 3 ? 2 - c : c;
}

void ft_nn_sight_apply(const ft_nn_sight *s, float *input, const float *pixels, float *scratch) {
    for (int c = 0; c < s->channels; c++) {
        int from = pixel_channel(s, c);
        for (int y = 0; y < s->to_height; y++)
            for (int x = 0; x < s->width; x++) {
                float sum = 0;
                for (int k = s->row_span[2 * y]; k < s->row_span[2 * y + 1]; k++)
                    sum += s->rows[(size_t)y * (size_t)s->height + (size_t)k] *
                           pixels[((size_t)k * (size_t)s->width + (size_t)x) * (size_t)s->channels +
                                  (size_t)from];
                scratch[(size_t)y * (size_t)s->width + (size_t)x] = sum;
            }
        for (int y = 0; y < s->to_height; y++)
            for (int x = 0; x < s->to_width; x++) {
                float sum = 0;
                for (int k = s->column_span[2 * x]; k < s->column_span[2 * x + 1]; k++)
                    sum += s->columns[(size_t)x * (size_t)s->width + (size_t)k] *
                           scratch[(size_t)y * (size_t)s->width + (size_t)k];
                input[place(s, c, y, x)] = sum * s->scale[c] + s->shift[c];
            }
    }
}

void ft_nn_sight_adjoint(const ft_nn_sight *s, float *pixels, const float *input, float *scratch) {
    size_t count = (size_t)s->width * (size_t)s->height * (size_t)s->channels;
    memset(pixels, 0, count * sizeof *pixels);
    for (int c = 0; c < s->channels; c++) {
        int to = pixel_channel(s, c);
        memset(scratch, 0, ft_nn_sight_scratch(s) * sizeof *scratch);
        for (int y = 0; y < s->to_height; y++)
            for (int x = 0; x < s->to_width; x++) {
                float g = input[place(s, c, y, x)] * s->scale[c];
                for (int k = s->column_span[2 * x]; k < s->column_span[2 * x + 1]; k++)
                    scratch[(size_t)y * (size_t)s->width + (size_t)k] +=
                        s->columns[(size_t)x * (size_t)s->width + (size_t)k] * g;
            }
        for (int y = 0; y < s->to_height; y++)
            for (int k = s->row_span[2 * y]; k < s->row_span[2 * y + 1]; k++) {
                float w = s->rows[(size_t)y * (size_t)s->height + (size_t)k];
                for (int x = 0; x < s->width; x++)
                    pixels[((size_t)k * (size_t)s->width + (size_t)x) * (size_t)s->channels +
                           (size_t)to] += w * scratch[(size_t)y * (size_t)s->width + (size_t)x];
            }
    }
}
