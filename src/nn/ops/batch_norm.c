/* batch_norm.c -- BatchNormalization (ONNX 15): y = (x - mean) / sqrt(var + epsilon) * scale + bias
 * for each channel. With training_mode 1 mean and variance are the batch's, and outputs 1 and 2 are
 * the running ones moved towards them; with 0 they are inputs 3 and 4. The session folds the latter
 * into the convolution before it (passes/fuse.c). */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/ops/kernel.h"
#include "nn/ops/vector.h"

static const ft_nn_attr_row attrs[] = { { "epsilon", FT_NN_FLOAT, 1e-5, NULL, false },
                                        { "momentum", FT_NN_FLOAT, 0.9, NULL, false },
                                        { "training_mode", FT_NN_INT, 0, NULL, false },
                                        /* the running variance is of the population, as torch's */
                                        { "ft_unbiased", FT_NN_INT, 0, NULL, false },
                                        FT_NN_LAST_ATTR,
                                        { 0 } };

typedef struct sizes {
    bool last, training, unbiased;
    int64_t n, channels, plane;
    double epsilon, momentum;
} sizes;

static sizes sizes_of(const ft_nn_node *node, const ft_array *in) {
    sizes s = { .last = ft_nn_last(node),
                .training = ft_nn_attr_int(node, "training_mode") != 0,
                .unbiased = ft_nn_attr_int(node, "ft_unbiased") != 0,
                .epsilon = ft_nn_attr_float(node, "epsilon"),
                .momentum = ft_nn_attr_float(node, "momentum") };
    ft_array x = ft_nn_first(in, s.last);
    s.n = x.shape[0];
    s.channels = x.ndim > 1 ? x.shape[1] : 1;
    s.plane = x.ndim > 2 ? ft_nn_product(&x, 2, x.ndim) : 1;
    if (x.ndim == 2) s.last = true; /* (n, c): each row holds all channels */
    return s;
}

static ft_err infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    ft_array x = ft_nn_first(&i->in[0], ft_nn_last(i->node));
    i->out[0] = ft_nn_like(&i->in[0]);
    int64_t channels = x.ndim > 1 ? x.shape[1] : x.ndim == 1 ? 1 : FT_NN_DIM_ANY;
    for (size_t k = 1; k < 5; k++) {
        FT_TRY(ft_nn_take(i, k, FT_NN_FLOATS));
        if (ft_nn_sized(&i->in[k]) && channels >= 0 && ft_array_count(&i->in[k]) != channels)
            return ft_nn_refuse_(i->node, FT_EINVAL, "input %zu has %lld items for %lld channels",
                                 k, (long long)ft_array_count(&i->in[k]), (long long)channels);
    }
    for (size_t k = 1; k < i->out_count; k++) i->out[k] = ft_nn_like(&i->in[k < 3 ? k + 2 : 3]);
    return FT_OK;
}

/* Item of (image, channel, place in the plane). */
static int64_t item_at(const sizes *s, int64_t n, int64_t c, int64_t p) {
    return s->last ? (n * s->plane + p) * s->channels + c : (n * s->channels + c) * s->plane + p;
}

/* ---- plain C */

static void stats_plain(const sizes *s, const ft_array *x, int64_t c, double *mean, double *var) {
    double count = (double)(s->n * s->plane), sum = 0, square = 0;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < s->plane; p++) sum += ft_nn_item(x, item_at(s, n, c, p));
    *mean = count > 0 ? sum / count : 0;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < s->plane; p++) {
            double d = ft_nn_item(x, item_at(s, n, c, p)) - *mean;
            square += d * d;
        }
    *var = count > 0 ? square / count : 0;
}

static void running_put(const ft_nn_call *c, const sizes *s, int64_t channel, double mean,
                        double var, double count) {
    double now[] = { mean, s->unbiased && count > 1 ? var * count / (count - 1) : var };
    for (size_t k = 0; k < 2; k++)
        if (c->out_count > k + 1 && c->out[k + 1].data)
            ft_nn_put_f64(&c->out[k + 1], channel,
                          s->momentum * ft_nn_item(&c->in[3 + k], channel) +
                              (1 - s->momentum) * now[k]);
}

static ft_err reference(const ft_nn_call *c) {
    sizes s = sizes_of(c->node, &c->in[0]);
    for (int64_t k = 0; k < s.channels; k++) {
        double mean = ft_nn_item(&c->in[3], k), var = ft_nn_item(&c->in[4], k);
        if (s.training) stats_plain(&s, &c->in[0], k, &mean, &var);
        double scale = ft_nn_item(&c->in[1], k) / sqrt(var + s.epsilon);
        double shift = ft_nn_item(&c->in[2], k) - mean * scale;
        for (int64_t n = 0; n < s.n; n++)
            for (int64_t p = 0; p < s.plane; p++) {
                int64_t at = item_at(&s, n, k, p);
                ft_nn_put_f64(&c->out[0], at, ft_nn_item(&c->in[0], at) * scale + shift);
            }
        if (s.training) running_put(c, &s, k, mean, var, (double)(s.n * s.plane));
    }
    return FT_OK;
}

/* ---- quick, f32. Channels-first works on planes, channels-last on rows of all channels. What a
 * channel needs is held in doubles: `state` keeps mean and 1 / deviation for backward. */

#define ROWS_EACH ((int64_t)64)

typedef struct state {
    int threads;
    double *mean, *inverse;       /* a channel each */
    double *sum;                  /* two a channel and thread */
    float *scale, *shift, *other; /* a channel each */
    float *part;                  /* two a channel and thread */
} state;

FT_NN_KERNEL(plane_affine, (float *y, const float *x, int64_t n, float scale, float shift),
             (y, x, n, scale, shift)) {
    int64_t i = 0;
    for (; i + FT_NN_LANES <= n; i += FT_NN_LANES)
        ft_v_store(y + i, ft_v_load(x + i) * scale + shift);
    for (; i < n; i++) y[i] = x[i] * scale + shift;
}

FT_NN_KERNEL(row_affine,
             (float *y, const float *x, int64_t n, const float *scale, const float *shift),
             (y, x, n, scale, shift)) {
    int64_t i = 0;
    for (; i + FT_NN_LANES <= n; i += FT_NN_LANES)
        ft_v_store(y + i, ft_v_load(x + i) * ft_v_load(scale + i) + ft_v_load(shift + i));
    for (; i < n; i++) y[i] = x[i] * scale[i] + shift[i];
}

/* Of `rows` rows of all channels: sum of a, and of a * b, each less its shift. Sums of 64 rows are
 * floats, theirs doubles; `part` is room for two floats a channel. */
FT_NN_KERNEL(rows_sums,
             (double *sum, double *sum2, float *part, const float *a, const float *b,
              const float *shift_a, const float *shift_b, int64_t rows, int64_t channels),
             (sum, sum2, part, a, b, shift_a, shift_b, rows, channels)) {
    float *one = part, *two = part + channels;
    for (int64_t from = 0; from < rows; from += ROWS_EACH) {
        int64_t to = from + ROWS_EACH < rows ? from + ROWS_EACH : rows;
        memset(part, 0, 2 * (size_t)channels * sizeof *part);
        for (int64_t r = from; r < to; r++) {
            const float *x = a + r * channels, *z = b + r * channels;
            for (int64_t c = 0; c < channels; c++) {
                float d = x[c] - shift_a[c];
                one[c] += d;
                two[c] += d * (z[c] - shift_b[c]);
            }
        }
        for (int64_t c = 0; c < channels; c++) {
            sum[c] += (double)one[c];
            sum2[c] += (double)two[c];
        }
    }
}

FT_NN_KERNEL(plane_sums,
             (double *sum, double *sum2, const float *x, const float *z, double shift, double mean,
              int64_t n),
             (sum, sum2, x, z, shift, mean, n)) {
    double a[8] = { 0 }, b[8] = { 0 };
    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) {
            a[k] += (double)x[i + k] - shift;
            b[k] += ((double)x[i + k] - shift) * ((double)z[i + k] - mean);
        }
    for (int64_t i = n / 8 * 8; i < n; i++) {
        a[0] += (double)x[i] - shift;
        b[0] += ((double)x[i] - shift) * ((double)z[i] - mean);
    }
    for (int k = 0; k < 8; k++) *sum += a[k], *sum2 += b[k];
}

/* By channel: sum of (a - shift_a), and of (a - shift_a) (b - shift_b). Each thread sums its own
 * rows; theirs are added in order, so that the bits follow from their number alone. */
static void sums(const sizes *s, const state *t, const float *a, const float *b,
                 const float *shift_a, const float *shift_b, int threads) {
    int64_t rows = s->n * s->plane, channels = s->channels;
    threads = ft_nn_threads(threads, rows * channels);
    if (threads > t->threads) threads = t->threads;
    memset(t->sum, 0, 2 * (size_t)channels * (size_t)t->threads * sizeof *t->sum);
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int k = 0; k < threads; k++) {
        double *sum = t->sum + 2 * k * channels, *sum2 = sum + channels;
        if (s->last) {
            int64_t from = rows * k / threads, to = rows * (k + 1) / threads;
            rows_sums(sum, sum2, t->part + 2 * k * channels, a + from * channels,
                      b + from * channels, shift_a, shift_b, to - from, channels);
            continue;
        }
        for (int64_t c = channels * k / threads; c < channels * (k + 1) / threads; c++)
            for (int64_t n = 0; n < s->n; n++) {
                int64_t at = (n * channels + c) * s->plane;
                plane_sums(&sum[c], &sum2[c], a + at, b + at, (double)shift_a[c],
                           (double)shift_b[c], s->plane);
            }
    }
    for (int k = 1; k < threads; k++)
        for (int64_t c = 0; c < 2 * channels; c++) t->sum[c] += t->sum[2 * k * channels + c];
}

/* Mean and mean square, less a shift that is one of the items: then nothing large is subtracted. */
static ft_err stats(const sizes *s, const state *t, const ft_nn_call *c) {
    double count = (double)(s->n * s->plane);
    const float *x = ft_nn_f32(&c->in[0]);
    if (!s->training) {
        for (int64_t k = 0; k < s->channels; k++) {
            t->mean[k] = ft_nn_item(&c->in[3], k);
            t->inverse[k] = 1 / sqrt(ft_nn_item(&c->in[4], k) + s->epsilon);
        }
        return FT_OK;
    }
    for (int64_t k = 0; k < s->channels; k++) t->shift[k] = x[item_at(s, 0, k, 0)];
    sums(s, t, x, x, t->shift, t->shift, c->threads);
    double *sum = t->sum, *sum2 = t->sum + s->channels;
    for (int64_t k = 0; k < s->channels; k++) {
        double mean = sum[k] / count + (double)t->shift[k], off = sum[k] / count;
        double square = sum2[k] - count * off * off; /* about the own mean */
        sum[k] = count * mean;
        sum2[k] = square + (c->sum ? count * mean * mean : 0);
    }
    if (c->sum) FT_TRY(c->sum(c->sum_ctx, sum, 2 * s->channels));
    if (c->sum) FT_TRY(c->sum(c->sum_ctx, &count, 1));
    for (int64_t k = 0; k < s->channels; k++) {
        double mean = sum[k] / count;
        double var = fmax(0, sum2[k] / count - (c->sum ? mean * mean : 0));
        running_put(c, s, k, mean, var, count);
        t->mean[k] = mean;
        t->inverse[k] = 1 / sqrt(var + s->epsilon);
    }
    return FT_OK;
}

static ft_err prepare(ft_nn_prepare *p) {
    sizes s = sizes_of(p->node, &p->in[0]);
    if (p->reference || p->in[0].dtype != FT_F32 || s.n * s.plane == 0) return FT_OK;
    size_t channels = (size_t)s.channels, threads = p->threads > 1 ? (size_t)p->threads : 1;
    size_t doubles = channels * (2 + 2 * threads), floats = channels * (3 + 2 * threads);
    state *t = ft_fault_here()
                   ? NULL
                   : calloc(1, sizeof *t + doubles * sizeof(double) + floats * sizeof(float));
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory for a normalisation");
    t->threads = (int)threads;
    t->mean = (double *)(t + 1);
    t->inverse = t->mean + channels;
    t->sum = t->inverse + channels;
    t->scale = (float *)(t->sum + 2 * threads * channels);
    t->shift = t->scale + channels;
    t->other = t->shift + channels;
    t->part = t->other + channels;
    p->state = t;
    return FT_OK;
}

static void affine(const sizes *s, const state *t, const float *x, float *y, int threads) {
    int64_t lines = s->n * (s->last ? s->plane : s->channels);
    int64_t size = s->last ? s->channels : s->plane;
#pragma omp parallel for num_threads(ft_nn_threads(threads, lines *size)) if (threads > 1)
    for (int64_t i = 0; i < lines; i++) {
        if (s->last)
            row_affine(y + i * size, x + i * size, size, t->scale, t->shift);
        else
            plane_affine(y + i * size, x + i * size, size, t->scale[i % s->channels],
                         t->shift[i % s->channels]);
    }
}

static ft_err forward(const ft_nn_call *c) {
    state *t = c->state;
    if (!t) return reference(c);
    sizes s = sizes_of(c->node, &c->in[0]);
    FT_TRY(stats(&s, t, c));
    for (int64_t k = 0; k < s.channels; k++) {
        double scale = ft_nn_item(&c->in[1], k) * t->inverse[k];
        t->scale[k] = (float)scale;
        t->shift[k] = (float)(ft_nn_item(&c->in[2], k) - t->mean[k] * scale);
    }
    affine(&s, t, ft_nn_f32(&c->in[0]), ft_nn_f32(&c->out[0]), c->threads);
    return FT_OK;
}

/* ---- gradient. With m items a channel, x' = (x - mean) * inverse:
 * dx = scale * inverse * (dy - [sum(dy) + x' sum(dy x')] / m), the bracket only when the statistics
 * are the batch's; dscale = sum(dy x'), dbias = sum(dy). (Ioffe, Szegedy 2015, section 3) */

static void backward_channel(const ft_nn_call *c, const sizes *s, int64_t k, double mean,
                             double inverse) {
    const float *x = ft_nn_f32(&c->in[0]), *dy = ft_nn_f32(&c->out_grad[0]);
    double sum = 0, sum2 = 0, count = (double)(s->n * s->plane);
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t p = 0; p < s->plane; p++) {
            int64_t at = item_at(s, n, k, p);
            sum += (double)dy[at];
            sum2 += (double)dy[at] * ((double)x[at] - mean) * inverse;
        }
    if (c->in_grad[1].data) ft_nn_f32(&c->in_grad[1])[k] = (float)sum2;
    if (c->in_grad[2].data) ft_nn_f32(&c->in_grad[2])[k] = (float)sum;
    double scale = ft_nn_item(&c->in[1], k) * inverse;
    for (int64_t n = 0; n < s->n && c->in_grad[0].data; n++)
        for (int64_t p = 0; p < s->plane; p++) {
            int64_t at = item_at(s, n, k, p);
            double g = (double)dy[at];
            if (s->training) g -= (sum + ((double)x[at] - mean) * inverse * sum2) / count;
            ft_nn_f32(&c->in_grad[0])[at] = (float)(scale * g);
        }
}

static ft_err backward_plain(const ft_nn_call *c, const sizes *s) {
    for (int64_t k = 0; k < s->channels; k++) {
        double mean = ft_nn_item(&c->in[3], k), var = ft_nn_item(&c->in[4], k);
        if (s->training) stats_plain(s, &c->in[0], k, &mean, &var);
        backward_channel(c, s, k, mean, 1 / sqrt(var + s->epsilon));
    }
    return FT_OK;
}

FT_NN_KERNEL(row_back,
             (float *dx, const float *dy, const float *x, int64_t n, const float *a, const float *b,
              const float *d),
             (dx, dy, x, n, a, b, d)) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * a[i] + x[i] * b[i] + d[i];
}
FT_NN_KERNEL(plane_back,
             (float *dx, const float *dy, const float *x, int64_t n, float a, float b, float d),
             (dx, dy, x, n, a, b, d)) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * a + x[i] * b + d;
}

/* dx is linear in dy and x for each channel: dx = a dy + b x + d. */
static void back_lines(const ft_nn_call *c, const sizes *s, const float *a, const float *b,
                       const float *d) {
    const float *x = ft_nn_f32(&c->in[0]), *dy = ft_nn_f32(&c->out_grad[0]);
    float *dx = ft_nn_f32(&c->in_grad[0]);
    int64_t lines = s->n * (s->last ? s->plane : s->channels);
    int64_t size = s->last ? s->channels : s->plane;
#pragma omp parallel for num_threads(ft_nn_threads(c->threads, lines *size)) if (c->threads > 1)
    for (int64_t i = 0; i < lines; i++) {
        int64_t at = i * size, k = i % s->channels;
        if (s->last)
            row_back(dx + at, dy + at, x + at, size, a, b, d);
        else
            plane_back(dx + at, dy + at, x + at, size, a[k], b[k], d[k]);
    }
}

/* Mean and inverse are those of the forward that it follows. */
static ft_err backward(const ft_nn_call *c) {
    sizes s = sizes_of(c->node, &c->in[0]);
    state *t = c->state;
    if (!t) return backward_plain(c, &s);
    double count = (double)(s.n * s.plane), *sums1 = t->sum, *sums2 = t->sum + s.channels;
    float *a = t->scale, *b = t->shift, *d = t->other;
    for (int64_t k = 0; k < s.channels; k++) a[k] = 0, b[k] = (float)t->mean[k];
    sums(&s, t, ft_nn_f32(&c->out_grad[0]), ft_nn_f32(&c->in[0]), a, b, c->threads);
    for (int64_t k = 0; k < s.channels; k++) /* the mean was rounded to a float */
        sums2[k] += sums1[k] * ((double)b[k] - t->mean[k]);
    for (int64_t k = 0; k < s.channels; k++) {
        if (c->in_grad[1].data) ft_nn_f32(&c->in_grad[1])[k] = (float)(sums2[k] * t->inverse[k]);
        if (c->in_grad[2].data) ft_nn_f32(&c->in_grad[2])[k] = (float)sums1[k];
    }
    if (c->sum && s.training) FT_TRY(c->sum(c->sum_ctx, t->sum, 2 * s.channels));
    if (c->sum && s.training) FT_TRY(c->sum(c->sum_ctx, &count, 1));
    for (int64_t k = 0; k < s.channels; k++) {
        double sum = sums1[k], sum2 = sums2[k] * t->inverse[k];
        double scale = ft_nn_item(&c->in[1], k) * t->inverse[k];
        double slope = s.training ? -scale * sum2 * t->inverse[k] / count : 0;
        a[k] = (float)scale;
        b[k] = (float)slope;
        d[k] = (float)((s.training ? -scale * sum / count : 0) - slope * t->mean[k]);
    }
    if (c->in_grad[0].data) back_lines(c, &s, a, b, d);
    return FT_OK;
}

static bool apart(const ft_nn_node *n, const ft_array *in) {
    FT_UNUSED(in);
    return !ft_nn_attr_int(n, "training_mode");
}

extern const ft_nn_op ft_nn_op_batch_normalization;
const ft_nn_op ft_nn_op_batch_normalization = {
    .name = "BatchNormalization",
    .doc = "each channel to mean 0 and deviation 1, then scaled and shifted",
    .attrs = attrs,
    .inputs_min = 5,
    .inputs_max = 5,
    .outputs_min = 1,
    .outputs_max = 5, /* before opset 14: saved statistics, which nobody reads */
    .infer = infer,
    .reference = reference,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .unprepare = free,
    .in_place = true,
    .apart = apart,
    .reads = FT_NN_READS_INPUTS
};
