/* lrn.c -- LRN: each item by the squares of its neighbours in other channels (Krizhevsky et al.
 * 2012, section 3.3): y = x / (bias + alpha / size * sum of squares)^beta. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/kernel.h"

typedef struct lrn {
    int64_t size, channels, inner;
    double alpha, beta, bias;
} lrn;

static lrn lrn_of(const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    return (lrn){ .size = ft_nn_attr_int(c->node, "size"),
                  .channels = x->shape[1],
                  .inner = ft_nn_product(x, 2, x->ndim),
                  .alpha = ft_nn_attr_float(c->node, "alpha"),
                  .beta = ft_nn_attr_float(c->node, "beta"),
                  .bias = ft_nn_attr_float(c->node, "bias") };
}
static ft_err lrn_infer(ft_nn_infer *i) {
    int64_t size = ft_nn_attr_int(i->node, "size");
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    if (i->in[0].ndim >= 0 && i->in[0].ndim < 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes two dimensions or more");
    if (size < 1 || size > INT32_MAX)
        return ft_nn_refuse_(i->node, FT_EINVAL, "size %" PRId64, size);
    return ft_nn_infer_same(i);
}
/* Channels that count for channel `c`: [first, last]. */
static int64_t first_of(const lrn *l, int64_t c) {
    int64_t at = c - (l->size - 1) / 2;
    return at < 0 ? 0 : at;
}
static int64_t last_of(const lrn *l, int64_t c) {
    int64_t at = c + l->size / 2;
    return at >= l->channels ? l->channels - 1 : at;
}
/* The base of the power at channel `c` of the column that begins at `at`. */
static double base_of(const lrn *l, const ft_array *x, int64_t at, int64_t c) {
    double sum = 0;
    for (int64_t k = first_of(l, c); k <= last_of(l, c); k++) {
        double v = ft_nn_item(x, at + k * l->inner);
        sum += v * v;
    }
    return l->bias + l->alpha / (double)l->size * sum;
}
static ft_err lrn_reference(const ft_nn_call *c) {
    lrn l = lrn_of(c);
    int64_t plane = l.channels * l.inner;
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++) {
        int64_t at = i / plane * plane + i % l.inner;
        ft_nn_put_f64(&c->out[0], i,
                      ft_nn_item(&c->in[0], i) *
                          pow(base_of(&l, &c->in[0], at, i / l.inner % l.channels), -l.beta));
    }
    return FT_OK;
}
/* A picture at a time: the sums of squares slide over the channels. */
static ft_err lrn_prepare(ft_nn_prepare *p) {
    const ft_array *x = &p->in[0];
    if (!p->reference && x->dtype == FT_F32 && ft_nn_sized(x))
        p->scratch_bytes = (size_t)ft_nn_product(x, 2, x->ndim) * sizeof(float) + 64;
    return FT_OK;
}
static ft_err lrn_forward(const ft_nn_call *c) {
    lrn l = lrn_of(c);
    if (c->in[0].dtype != FT_F32) return lrn_reference(c);
    float *sum = c->scratch, scale = (float)(l.alpha / (double)l.size);
    int64_t pictures = c->in[0].shape[0] * (l.inner ? 1 : 0);
    for (int64_t k = 0; k < pictures * l.channels; k++) {
        const float *x = (const float *)c->in[0].data + k / l.channels * l.channels * l.inner;
        float *y = (float *)c->out[0].data + k * l.inner;
        int64_t channel = k % l.channels, last = last_of(&l, channel);
        memset(sum, 0, (size_t)l.inner * sizeof *sum);
        for (int64_t n = first_of(&l, channel); n <= last; n++)
            for (int64_t i = 0; i < l.inner; i++) sum[i] += x[n * l.inner + i] * x[n * l.inner + i];
        for (int64_t i = 0; i < l.inner; i++) {
            float base = (float)l.bias + scale * sum[i];
            float power = l.beta == 0.75 ? 1 / (sqrtf(base) * sqrtf(sqrtf(base)))
                                         : powf(base, -(float)l.beta);
            y[i] = x[channel * l.inner + i] * power;
        }
    }
    return FT_OK;
}
static ft_err lrn_backward(const ft_nn_call *c) {
    lrn l = lrn_of(c);
    const ft_array *x = &c->in[0];
    float *dx = c->in_grad[0].data;
    const float *dy = c->out_grad[0].data;
    int64_t plane = l.channels * l.inner, count = ft_array_count(x);
    if (!dx) return FT_OK;
    memset(dx, 0, (size_t)count * sizeof *dx);
    for (int64_t i = 0; dy && i < count; i++) {
        int64_t at = i / plane * plane + i % l.inner, channel = i / l.inner % l.channels;
        double base = base_of(&l, x, at, channel), power = pow(base, -l.beta);
        double common = -2 * l.alpha / (double)l.size * l.beta * ft_nn_item(x, i) * power / base;
        dx[i] += (float)((double)dy[i] * power);
        for (int64_t k = first_of(&l, channel); k <= last_of(&l, channel); k++)
            dx[at + k * l.inner] +=
                (float)((double)dy[i] * common * ft_nn_item(x, at + k * l.inner));
    }
    return FT_OK;
}
static const ft_nn_attr_row lrn_attrs[] = { { "alpha", FT_NN_FLOAT, 1e-4, NULL, false },
                                            { "beta", FT_NN_FLOAT, 0.75, NULL, false },
                                            { "bias", FT_NN_FLOAT, 1, NULL, false },
                                            { "size", FT_NN_INT, 0, NULL, true },
                                            { 0 } };
extern const ft_nn_op ft_nn_op_lrn;
const ft_nn_op ft_nn_op_lrn = { .name = "LRN",
                                .doc = "items by the squares of their neighbours in other channels",
                                .attrs = lrn_attrs,
                                .inputs_min = 1,
                                .inputs_max = 1,
                                .outputs_min = 1,
                                .outputs_max = 1,
                                .infer = lrn_infer,
                                .reference = lrn_reference,
                                .forward = lrn_forward,
                                .backward = lrn_backward,
                                .prepare = lrn_prepare,
                                .apart = ft_nn_apart };
