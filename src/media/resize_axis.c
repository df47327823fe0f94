/* resize_axis.c -- the weights of a resize along one axis, to the bit those of Pillow 9.4
 * (src/libImaging/Resample.c: precompute_coeffs, normalize_coeffs_8bpc). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/resize_in.h"

/* ---- filters: weight at a distance of x input pixels (of output pixels when shrinking) */

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

static double bilinear(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double hamming(double x) {
    x = fabs(x);
    if (x == 0) return 1;
    if (x >= 1) return 0;
    x *= M_PI;
    return sin(x) / x * (0.54 + 0.46 * cos(x));
}

static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double sinc(double x) {
    if (x == 0) return 1;
    x *= M_PI;
    return sin(x) / x;
}

static double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

static const struct {
    double (*weight)(double x);
    double support;
} filters[] = {
    [FT_FILTER_BILINEAR] = { bilinear, 1 }, [FT_FILTER_BICUBIC] = { bicubic, 2 },
    [FT_FILTER_BOX] = { box, 0.5 },         [FT_FILTER_HAMMING] = { hamming, 1 },
    [FT_FILTER_LANCZOS] = { lanczos, 3 },
};

/* ---- weights */

static void split(ft_axis *a, size_t i, int32_t k) {
    int32_t rest = k;
    a->k[i] = k;
    a->low[i] = (int16_t)(k & 2047);
    a->high[i] = (int16_t)(k >> 11);
    for (int d = 0; d < 3; d++) {
        a->digit[d][i] = (int8_t)(rest & 255);
        rest = (rest - a->digit[d][i]) >> 8;
    }
    if (rest) a->extreme = true;
}

/* One output: `w` is scratch for its weights. */
static void fill(ft_axis *a, int i, double scale, double support, double *w) {
    double centre = a->from + (i + 0.5) * scale, narrow = scale < 1 ? 1 : 1 / scale, sum = 0;
    int first = (int)(centre - support + 0.5), past = (int)(centre + support + 0.5);
    if (first < 0) first = 0;
    if (past > a->in) past = a->in;
    a->first[i] = first;
    a->count[i] = past - first;
    for (int t = 0; t < past - first; t++) {
        w[t] = filters[a->filter].weight((t + first - centre + 0.5) * narrow);
        sum += w[t];
    }
    for (int t = 0; t < past - first; t++) {
        double v = (sum != 0 ? w[t] / sum : w[t]) * (1 << FT_WEIGHT_BITS);
        split(a, (size_t)i * (size_t)a->stride + (size_t)t, (int32_t)(v < 0 ? v - 0.5 : v + 0.5));
    }
}

/* first, count | k | high, low | digits | scratch, in one piece. */
static ft_err place(ft_axis *a, int taps) {
    a->stride = (taps + FT_TAPS_ROUND - 1) / FT_TAPS_ROUND * FT_TAPS_ROUND;
    size_t out = (size_t)a->out, all = out * (size_t)a->stride;
    size_t bytes = 2 * out * sizeof(int) + all * (4 + 2 + 2 + 3) + (size_t)taps * sizeof(double);
    FT_TRY(ft_ground_take(&a->memory, bytes + 64));
    uint8_t *at = a->memory.at + (size_t)taps * sizeof(double);
    memset(at, 0, bytes - (size_t)taps * sizeof(double));
    a->k = (int32_t *)(void *)at;
    a->first = (int *)(void *)(at += 4 * all);
    a->count = a->first + out;
    a->high = (int16_t *)(void *)(at += 2 * out * sizeof(int));
    a->low = a->high + all;
    at += 4 * all;
    for (int d = 0; d < 3; d++) a->digit[d] = (int8_t *)at + (size_t)d * all;
    return FT_OK;
}

ft_err ft_axis_set(ft_axis *a, int in, float from, float to, int out, ft_filter filter,
                   bool *again) {
    *again = a->in == in && a->out == out && a->from == from && a->to == to && a->filter == filter;
    if (*again) return FT_OK;
    a->in = 0; /* not valid until filled */
    a->out = out;
    double scale = (double)(to - from) / out, wide = scale < 1 ? 1 : scale;
    double support = filters[filter].support * wide;
    FT_TRY(place(a, (int)ceil(support) * 2 + 1));
    a->in = in;
    a->from = from;
    a->to = to;
    a->filter = filter;
    a->extreme = false;
    for (int i = 0; i < out; i++) fill(a, i, scale, support, (double *)(void *)a->memory.at);
    return FT_OK;
}

void ft_axis_fini(ft_axis *a) { free(a->memory.at); }

bool ft_axis_moves(const ft_axis *a) {
    return a->in != a->out || a->from != 0 || a->to != (float)a->out;
}
