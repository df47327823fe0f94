/* norm.c -- LayerNormalization (ONNX 17), InstanceNormalization, GroupNormalization (18): blocks of
 * neighbouring items are brought to mean 0 and deviation 1, then scaled and shifted.
 *
 * Layer: a block is what follows an axis, scale and bias stand for each of its items. Instance: one
 * channel of one image; group: some channels of one image; scale and bias for a channel or group.
 */
#include "nn/ops/kernel.h"

static const ft_nn_attr_row layer_attrs[] = { { "axis", FT_NN_INT, -1, NULL, false },
                                              { "epsilon", FT_NN_FLOAT, 1e-5, NULL, false },
                                              { "stash_type", FT_NN_INT, 1, NULL, false },
                                              { 0 } };
static const ft_nn_attr_row instance_attrs[] = { { "epsilon", FT_NN_FLOAT, 1e-5, NULL, false },
                                                 { 0 } };
static const ft_nn_attr_row group_attrs[] = { { "epsilon", FT_NN_FLOAT, 1e-5, NULL, false },
                                              { "num_groups", FT_NN_INT, NAN, NULL, true },
                                              { "stash_type", FT_NN_INT, 1, NULL, false },
                                              { 0 } };

typedef struct blocks {
    int64_t count, size;
    /* Scale item of a block's item i: (first of the block + i / each) % scales. */
    int64_t scales, each, per_block;
    double epsilon;
} blocks;

static bool is_layer(const ft_nn_node *n) { return n->op->name[0] == 'L'; }

static ft_err blocks_of(blocks *b, const ft_nn_node *n, const ft_array *in) {
    const ft_array *x = &in[0];
    *b = (blocks){ .epsilon = ft_nn_attr_float(n, "epsilon") };
    b->scales = ft_array_count(&in[1]);
    if (is_layer(n)) {
        int axis;
        FT_TRY(ft_nn_axis(&axis, n, ft_nn_attr_int(n, "axis"), x->ndim));
        b->count = ft_nn_product(x, 0, axis);
        b->size = ft_nn_product(x, axis, x->ndim);
        b->each = 1;
        return FT_OK;
    }
    int64_t channels = x->shape[1], plane = ft_nn_product(x, 2, x->ndim);
    int64_t groups = n->op->name[0] == 'G' ? ft_nn_attr_int(n, "num_groups") : channels;
    b->count = x->shape[0] * groups;
    b->size = groups ? channels / groups * plane : 0;
    b->per_block = groups ? b->scales / groups : 0; /* one a group, or one a channel of it */
    b->each = b->per_block ? b->size / b->per_block : 1;
    if (b->each == 0) b->each = 1;
    return FT_OK;
}

static ft_err infer_layer(ft_nn_infer *i) {
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_FLOATS));
    const ft_array *x = &i->in[0];
    i->out[0] = ft_nn_like(x);
    for (size_t k = 1; k < i->out_count; k++) i->out[k] = ft_nn_unknown(FT_F32);
    if (x->ndim < 0) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), x->ndim));
    for (size_t k = 1; k < i->out_count; k++) {
        i->out[k] = ft_nn_like(x);
        i->out[k].dtype = FT_F32;
        for (int d = axis; d < x->ndim; d++) i->out[k].shape[d] = 1;
    }
    if (!ft_nn_sized(x) || !ft_nn_sized(&i->in[1])) return FT_OK;
    for (size_t k = 1; k < i->in_count; k++)
        if (!ft_nn_absent(&i->in[k]) && ft_nn_sized(&i->in[k]) &&
            ft_array_count(&i->in[k]) != ft_nn_product(x, axis, x->ndim))
            return ft_nn_refuse_(i->node, FT_EINVAL, "input %zu has %lld items for blocks of %lld",
                                 k, (long long)ft_array_count(&i->in[k]),
                                 (long long)ft_nn_product(x, axis, x->ndim));
    return FT_OK;
}

static ft_err infer_channels(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    const ft_array *x = &i->in[0];
    i->out[0] = ft_nn_like(x);
    if (x->ndim < 0) return FT_OK;
    if (x->ndim < 2) return ft_nn_refuse_(i->node, FT_EINVAL, "an input without channels");
    int64_t channels = x->shape[1], groups = channels;
    if (i->node->op->name[0] == 'G') groups = ft_nn_attr_int(i->node, "num_groups");
    if (groups < 1 && channels > 0) return ft_nn_refuse_(i->node, FT_EINVAL, "no groups");
    if (channels > 0 && channels % groups)
        return ft_nn_refuse_(i->node, FT_EINVAL, "%lld channels do not split into %lld groups",
                             (long long)channels, (long long)groups);
    for (size_t k = 1; k < 3; k++) {
        FT_TRY(ft_nn_take(i, k, FT_NN_FLOATS));
        if (!ft_nn_sized(&i->in[k]) || channels < 0) continue;
        int64_t count = ft_array_count(&i->in[k]);
        if (count != channels && count != groups)
            return ft_nn_refuse_(i->node, FT_EINVAL, "input %zu has %lld items for %lld channels",
                                 k, (long long)count, (long long)channels);
    }
    return FT_OK;
}

static int64_t scale_at(const blocks *b, int64_t block, int64_t i) {
    return b->scales ? (block * b->per_block + i / b->each) % b->scales : 0;
}

static void block_stats(const blocks *b, const ft_array *x, int64_t block, double *mean,
                        double *inverse) {
    double sum = 0, square = 0, count = (double)b->size;
    int64_t at = block * b->size;
    for (int64_t i = 0; i < b->size; i++) sum += ft_nn_item(x, at + i);
    *mean = b->size ? sum / count : 0;
    for (int64_t i = 0; i < b->size; i++) {
        double d = ft_nn_item(x, at + i) - *mean;
        square += d * d;
    }
    *inverse = 1 / sqrt((b->size ? square / count : 0) + b->epsilon);
}

static ft_err reference(const ft_nn_call *c) {
    blocks b;
    FT_TRY(blocks_of(&b, c->node, c->in));
    bool bias = ft_nn_given(c->in, c->in_count, 2);
    for (int64_t k = 0; k < b.count; k++) {
        double mean, inverse;
        block_stats(&b, &c->in[0], k, &mean, &inverse);
        for (int64_t i = 0; i < b.size; i++) {
            int64_t at = k * b.size + i, s = scale_at(&b, k, i);
            double v = (ft_nn_item(&c->in[0], at) - mean) * inverse * ft_nn_item(&c->in[1], s);
            ft_nn_put_f64(&c->out[0], at, v + (bias ? ft_nn_item(&c->in[2], s) : 0));
        }
        if (c->out_count > 1 && c->out[1].data) ft_nn_put_f64(&c->out[1], k, mean);
        if (c->out_count > 2 && c->out[2].data) ft_nn_put_f64(&c->out[2], k, inverse);
    }
    return FT_OK;
}

/* ---- quick, f32: sums in double over eight lanes; scale and bias in runs of `each` items */

static void block_stats_f32(const blocks *b, const float *x, double *mean, double *inverse) {
    double a[8] = { 0 }, q[8] = { 0 }, sum = 0, square = 0;
    int64_t whole = b->size / 8 * 8;
    for (int64_t i = 0; i < whole; i += 8)
        for (int k = 0; k < 8; k++) a[k] += (double)x[i + k];
    for (int64_t i = whole; i < b->size; i++) a[0] += (double)x[i];
    for (int k = 0; k < 8; k++) sum += a[k];
    *mean = sum / (double)b->size;
    for (int64_t i = 0; i < whole; i += 8)
        for (int k = 0; k < 8; k++) {
            double d = (double)x[i + k] - *mean;
            q[k] += d * d;
        }
    for (int64_t i = whole; i < b->size; i++)
        q[0] += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    for (int k = 0; k < 8; k++) square += q[k];
    *inverse = 1 / sqrt(square / (double)b->size + b->epsilon);
}

static void block_forward(const blocks *b, const ft_nn_call *c, int64_t block) {
    const float *x = ft_nn_f32(&c->in[0]) + block * b->size, *scale = ft_nn_f32(&c->in[1]);
    const float *bias = ft_nn_given(c->in, c->in_count, 2) ? ft_nn_f32(&c->in[2]) : NULL;
    float *y = ft_nn_f32(&c->out[0]) + block * b->size;
    double mean, inverse;
    block_stats_f32(b, x, &mean, &inverse);
    float m = (float)mean, v = (float)inverse;
    if (b->each == 1 && b->scales == b->size) {
        for (int64_t i = 0; i < b->size; i++)
            y[i] = (x[i] - m) * v * scale[i] + (bias ? bias[i] : 0);
    } else {
        for (int64_t from = 0; from < b->size; from += b->each) {
            int64_t s = scale_at(b, block, from);
            float a = v * scale[s], d = (bias ? bias[s] : 0) - m * a;
            for (int64_t i = from; i < from + b->each; i++) y[i] = x[i] * a + d;
        }
    }
    if (c->out_count > 1 && c->out[1].data) ft_nn_put_f64(&c->out[1], block, mean);
    if (c->out_count > 2 && c->out[2].data) ft_nn_put_f64(&c->out[2], block, inverse);
}

static ft_err forward(const ft_nn_call *c) {
    blocks b;
    if (c->in[0].dtype != FT_F32 || c->in[1].dtype != FT_F32) return reference(c);
    FT_TRY(blocks_of(&b, c->node, c->in));
    if (b.size == 0) return FT_OK;
#pragma omp parallel for num_threads(ft_nn_threads(c->threads, b.count *b.size)) if (b.count > 1)
    for (int64_t k = 0; k < b.count; k++) block_forward(&b, c, k);
    return FT_OK;
}

/* With x' the normalised item and g = dy * scale:
 * dx = inverse * (g - mean(g) - x' mean(g x')), dscale = sum(dy x'), dbias = sum(dy). */
static void block_back(const blocks *b, const ft_nn_call *c, int64_t block) {
    const float *dy = ft_nn_f32(&c->out_grad[0]) + block * b->size, *scale = ft_nn_f32(&c->in[1]);
    const float *x = ft_nn_f32(&c->in[0]) + block * b->size;
    float *dx = c->in_grad[0].data ? ft_nn_f32(&c->in_grad[0]) + block * b->size : NULL;
    float *dscale = c->in_grad[1].data;
    float *dbias = c->in_count > 2 ? c->in_grad[2].data : NULL;
    double mean, inverse, sum = 0, sum2 = 0;
    block_stats(b, &c->in[0], block, &mean, &inverse);
    for (int64_t i = 0; i < b->size; i++) {
        int64_t s = scale_at(b, block, i);
        double normal = ((double)x[i] - mean) * inverse, g = (double)dy[i] * (double)scale[s];
        sum += g;
        sum2 += g * normal;
        if (dscale) dscale[s] += (float)((double)dy[i] * normal);
        if (dbias) dbias[s] += dy[i];
    }
    for (int64_t i = 0; i < b->size && dx; i++) {
        double normal = ((double)x[i] - mean) * inverse;
        double g = (double)dy[i] * (double)scale[scale_at(b, block, i)];
        dx[i] = (float)(inverse * (g - (sum + normal * sum2) / (double)b->size));
    }
}

static ft_err backward(const ft_nn_call *c) {
    blocks b;
    FT_TRY(blocks_of(&b, c->node, c->in));
    for (size_t i = 1; i < c->in_count; i++)
        if (c->in_grad[i].data) memset(c->in_grad[i].data, 0, ft_array_bytes(&c->in_grad[i]));
    for (int64_t k = 0; k < b.count; k++) block_back(&b, c, k);
    return FT_OK;
}

#define NORM_OP(symbol, title, text, rows, rule, inputs, outputs, ...) \
    extern const ft_nn_op ft_nn_op_##symbol;                           \
    const ft_nn_op ft_nn_op_##symbol = { .name = title,                \
                                         .doc = text,                  \
                                         .attrs = rows,                \
                                         .inputs_min = inputs,         \
                                         .inputs_max = 3,              \
                                         .outputs_min = 1,             \
                                         .outputs_max = outputs,       \
                                         .infer = rule,                \
                                         .reference = reference,       \
                                         .forward = forward,           \
                                         .backward = backward,         \
                                         __VA_ARGS__ }

NORM_OP(layer_normalization, "LayerNormalization", "the last axes to mean 0 and deviation 1",
        layer_attrs, infer_layer, 2, 3, .apart = ft_nn_apart_axis, .rows = FT_NN_ROWS_LINES);
NORM_OP(instance_normalization, "InstanceNormalization",
        "each channel of each image to mean 0 and deviation 1", instance_attrs, infer_channels, 3,
        1, .apart = ft_nn_apart);
NORM_OP(group_normalization, "GroupNormalization",
        "groups of channels of each image to mean 0 and deviation 1", group_attrs, infer_channels,
        3, 1, .apart = ft_nn_apart);
