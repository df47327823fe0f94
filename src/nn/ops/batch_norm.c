/* batch_norm.c -- BatchNormalization (ONNX 15): y = (x - mean) / sqrt(var + epsilon) * scale + bias
 * for each channel. With training_mode 1 mean and variance are the batch's, and outputs 1 and 2 are
 * the running ones moved towards them; with 0 they are inputs 3 and 4. The session folds the latter
 * into the convolution before it (passes/batch_norm.c). */
#include <stdlib.h>

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
                        double var) {
    double count = (double)(s->n * s->plane);
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
        if (s.training) running_put(c, &s, k, mean, var);
    }
    return FT_OK;
}

/* ---- quick, f32. Channels-first works on planes, channels-last on rows of all channels. What a
 * channel needs is held in doubles: `state` keeps mean and 1 / deviation for backward. */

typedef struct state {
    double *mean, *inverse, *sum, *sum2; /* a channel each */
    float *scale, *shift;
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

/* sum += x - mean, sum2 += (x - mean) * (z - mean2) */
FT_NN_KERNEL(row_sums,
             (double *sum, double *sum2, const float *x, const float *z, const double *mean,
              int64_t n),
             (sum, sum2, x, z, mean, n)) {
    for (int64_t i = 0; i < n; i++) {
        sum[i] += (double)x[i];
        sum2[i] += (double)x[i] * ((double)z[i] - mean[i]);
    }
}

FT_NN_KERNEL(plane_sums,
             (double *sum, double *sum2, const float *x, const float *z, double mean, int64_t n),
             (sum, sum2, x, z, mean, n)) {
    double a[8] = { 0 }, b[8] = { 0 };
    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) {
            a[k] += (double)x[i + k];
            b[k] += (double)x[i + k] * ((double)z[i + k] - mean);
        }
    for (int64_t i = n / 8 * 8; i < n; i++) {
        a[0] += (double)x[i];
        b[0] += (double)x[i] * ((double)z[i] - mean);
    }
    for (int k = 0; k < 8; k++) *sum += a[k], *sum2 += b[k];
}

/* By channel: sum of x, and of x * (z - mean). */
static void sums(const sizes *s, const state *t, const float *x, const float *z) {
    memset(t->sum, 0, (size_t)s->channels * sizeof *t->sum);
    memset(t->sum2, 0, (size_t)s->channels * sizeof *t->sum2);
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t k = 0; k < (s->last ? s->plane : s->channels); k++) {
            int64_t size = s->last ? s->channels : s->plane;
            int64_t at = (n * (s->last ? s->plane : s->channels) + k) * size;
            if (s->last)
                row_sums(t->sum, t->sum2, x + at, z + at, t->mean, size);
            else
                plane_sums(&t->sum[k], &t->sum2[k], x + at, z + at, t->mean[k], size);
        }
}

static void stats(const sizes *s, const state *t, const ft_nn_call *c) {
    double count = (double)(s->n * s->plane);
    const float *x = ft_nn_f32(&c->in[0]);
    memset(t->mean, 0, (size_t)s->channels * sizeof *t->mean);
    if (s->training && count > 0) {
        sums(s, t, x, x);
        for (int64_t k = 0; k < s->channels; k++) t->mean[k] = t->sum[k] / count;
        sums(s, t, x, x); /* sum of x (x - mean) is the sum of (x - mean) squared, to rounding */
    }
    for (int64_t k = 0; k < s->channels; k++) {
        double var = s->training ? fmax(0, t->sum2[k] / count) : ft_nn_item(&c->in[4], k);
        if (s->training)
            running_put(c, s, k, t->mean[k], var);
        else
            t->mean[k] = ft_nn_item(&c->in[3], k);
        t->inverse[k] = 1 / sqrt(var + s->epsilon);
    }
}

static ft_err prepare(ft_nn_prepare *p) {
    sizes s = sizes_of(p->node, &p->in[0]);
    if (p->reference || p->in[0].dtype != FT_F32 || s.n * s.plane == 0) return FT_OK;
    size_t channels = (size_t)s.channels, each = sizeof(double);
    state *t =
        ft_fault_here() ? NULL : calloc(1, sizeof *t + channels * (4 * each + 2 * sizeof(float)));
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory for a normalisation");
    t->mean = (double *)(t + 1);
    t->inverse = t->mean + channels;
    t->sum = t->inverse + channels;
    t->sum2 = t->sum + channels;
    t->scale = (float *)(t->sum2 + channels);
    t->shift = t->scale + channels;
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
    stats(&s, t, c);
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

static ft_err backward(const ft_nn_call *c) {
    sizes s = sizes_of(c->node, &c->in[0]);
    state *t = c->state;
    if (!t) return backward_plain(c, &s);
    double count = (double)(s.n * s.plane);
    stats(&s, t, c); /* mean and inverse: as in forward, which another run may have followed */
    sums(&s, t, ft_nn_f32(&c->out_grad[0]), ft_nn_f32(&c->in[0]));
    float *a = t->scale, *b = t->shift, *d = (float *)t->sum; /* sum is read before it is written */
    for (int64_t k = 0; k < s.channels; k++) {
        double sum = t->sum[k], sum2 = t->sum2[k] * t->inverse[k];
        if (c->in_grad[1].data) ft_nn_f32(&c->in_grad[1])[k] = (float)sum2;
        if (c->in_grad[2].data) ft_nn_f32(&c->in_grad[2])[k] = (float)sum;
        double scale = ft_nn_item(&c->in[1], k) * t->inverse[k];
        double slope = s.training ? -scale * sum2 * t->inverse[k] / count : 0;
        a[k] = (float)scale;
        b[k] = (float)slope;
        d[k] = (float)((s.training ? -scale * sum / count : 0) - slope * t->mean[k]);
    }
    if (c->in_grad[0].data) back_lines(c, &s, a, b, d);
    return FT_OK;
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
    .in_place = true
};
