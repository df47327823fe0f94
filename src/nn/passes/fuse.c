/* fuse.c -- what follows a convolution or product becomes part of it: batch norm and per-channel
 * scale and shift go into its weights and bias, an activation or a sum runs before its result is
 * stored (post.h). See pass.h.
 *
 * A scale is kept beside the weight (`ft_scale`) and multiplied in when the weight is packed, so
 * that the weight itself stays where it is: in the mapped file, once. */
#include <float.h>

#include "base/check.h"
#include "nn/passes/pass.h"
#include "nn/post.h"

typedef struct fuse {
    ft_nn_graph *g;
    ft_arena scratch;
    int *uses;
    int (*readers)[2]; /* by value: the first two nodes that read it */
} fuse;

static ft_err fuse_begin(fuse *f, ft_nn_graph *g) {
    *f = (fuse){ .g = g };
    FT_TRY(ft_nn_uses(&f->uses, g, &f->scratch));
    FT_TRY(ft_arena_items(&f->readers, &f->scratch, (size_t)g->value_count));
    for (int v = 0; v < g->value_count; v++) f->readers[v][0] = f->readers[v][1] = FT_NN_NONE;
    for (int i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++) {
            int v = g->nodes[i].inputs[k];
            if (v == FT_NN_NONE) continue;
            int at = f->readers[v][0] == FT_NN_NONE ? 0 : 1;
            if (f->readers[v][at] == FT_NN_NONE) f->readers[v][at] = i;
        }
    return FT_OK;
}

static bool is_conv(const ft_nn_node *n) {
    return ft_nn_is_op(n, "Conv") || ft_nn_is_op(n, "ConvTranspose");
}
static bool is_host(const ft_nn_node *n) {
    return is_conv(n) || ft_nn_is_op(n, "MatMul") || ft_nn_is_op(n, "Gemm");
}
static const ft_nn_value *value(const fuse *f, int v) { return &f->g->values[v]; }
static size_t posts_of(const ft_nn_node *n) {
    const ft_nn_attr *a = ft_nn_attr_find(n, "ft_post");
    return a ? a->count : 0;
}

/* The reader's result is now the host's own. */
static ft_err absorb(fuse *f, ft_nn_node *host, ft_nn_node *reader) {
    int *outputs;
    FT_TRY(ft_arena_items(&outputs, &f->g->arena, 1));
    outputs[0] = reader->outputs[0];
    host->outputs = outputs;
    reader->op = NULL;
    return FT_OK;
}

/* ---- scale and shift by channel */

/* Channels of the host's output, and their axis. */
static int64_t channels_of(const fuse *f, const ft_nn_node *host) {
    const ft_nn_value *out = value(f, host->outputs[0]);
    if (out->ndim < 1) return FT_NN_DIM_ANY;
    bool last = !is_conv(host) || ft_nn_attr_int(host, "ft_last") != 0;
    return out->shape[last ? out->ndim - 1 : 1];
}

/* Is `v` data with one number a channel (or one for all)? */
static bool by_channel(const fuse *f, const ft_nn_node *host, int v) {
    if (!ft_nn_is_data(f->g, v) || value(f, v)->dtype != FT_F32) return false;
    const ft_nn_value *out = value(f, host->outputs[0]), *c = value(f, v);
    ft_array a = ft_nn_value_array(c);
    int64_t channels = channels_of(f, host), count = ft_array_count(&a);
    if (c->ndim > out->ndim || channels < 1) return false;
    if (count == 1) return true;
    if (count != channels) return false;
    bool last = !is_conv(host) || ft_nn_attr_int(host, "ft_last") != 0;
    int axis = (last ? out->ndim - 1 : 1) - (out->ndim - c->ndim);
    return axis >= 0 && c->shape[axis] == channels;
}

/* The numbers of such a value: channel c's is at[c * step]. Of no value: zeros. */
typedef struct by_channels {
    const float *at;
    int64_t step;
} by_channels;

static by_channels channels_read(const fuse *f, int v) {
    static const float zero;
    if (v == FT_NN_NONE) return (by_channels){ &zero, 0 };
    ft_array a = ft_nn_value_array(value(f, v));
    return (by_channels){ a.data, ft_array_count(&a) == 1 ? 0 : 1 };
}

/* Host's input 2 becomes `bias`. */
static ft_err bias_set(fuse *f, ft_nn_node *host, const float *bias, int64_t channels) {
    ft_array a = { .dtype = FT_F32, .ndim = 1, .shape = { channels }, .data = (void *)bias };
    int inputs[3] = { host->inputs[0], host->inputs[1], 0 };
    FT_TRY(ft_nn_data(&inputs[2], f->g, (ft_str){ 0 }, FT_NN_WEIGHT, &a, true));
    return ft_nn_node_inputs_set(f->g, host, inputs, 3);
}

static bool bias_known(const fuse *f, const ft_nn_node *host) {
    int v = host->input_count > 2 ? host->inputs[2] : FT_NN_NONE;
    if (ft_nn_is_op(host, "Gemm") &&
        (ft_nn_attr_float(host, "alpha") != 1 || ft_nn_attr_float(host, "beta") != 1))
        return false;
    return v == FT_NN_NONE || by_channel(f, host, v);
}

/* result = result * scale + shift, before any post. NULL scale: 1. */
static ft_err affine_absorb(fuse *f, ft_nn_node *host, ft_nn_node *reader, const float *scale,
                            const float *shift, int64_t channels) {
    const ft_nn_attr *old = is_conv(host) ? ft_nn_attr_find(host, "ft_scale") : NULL;
    int v = host->input_count > 2 ? host->inputs[2] : FT_NN_NONE;
    float *bias, *scales;
    FT_TRY(ft_arena_items(&bias, &f->scratch, (size_t)channels));
    FT_TRY(ft_arena_items(&scales, &f->scratch, (size_t)channels));
    by_channels b = channels_read(f, v);
    for (int64_t c = 0; c < channels; c++) {
        float by = scale ? scale[c] : 1;
        bias[c] = b.at[c * b.step] * by + (shift ? shift[c] : 0);
        scales[c] = by * (old ? old->floats[c] : 1);
    }
    FT_TRY(bias_set(f, host, bias, channels));
    ft_nn_attr attr = {
        .name = "ft_scale", .type = FT_NN_FLOATS, .floats = scales, .count = (size_t)channels
    };
    if (scale) FT_TRY(ft_nn_node_attr_set(f->g, host, &attr));
    return absorb(f, host, reader);
}

static ft_err batch_norm_absorb(bool *done, fuse *f, ft_nn_node *host, ft_nn_node *reader) {
    int64_t channels = channels_of(f, host);
    float *scale, *shift;
    *done = false;
    if (!is_conv(host) || ft_nn_attr_int(reader, "training_mode") != 0 || channels < 1)
        return FT_OK;
    for (int k = 1; k < 5; k++)
        if (!by_channel(f, host, reader->inputs[k])) return FT_OK;
    FT_TRY(ft_arena_items(&scale, &f->scratch, (size_t)channels));
    FT_TRY(ft_arena_items(&shift, &f->scratch, (size_t)channels));
    double epsilon = ft_nn_attr_float(reader, "epsilon");
    by_channels norm[5];
    for (int k = 1; k < 5; k++) norm[k] = channels_read(f, reader->inputs[k]);
    for (int64_t c = 0; c < channels; c++) {
        double p[5];
        for (int k = 1; k < 5; k++) p[k] = (double)norm[k].at[c * norm[k].step];
        double by = p[1] / sqrt(p[4] + epsilon);
        scale[c] = (float)by;
        shift[c] = (float)(p[2] - p[3] * by);
    }
    *done = true;
    return affine_absorb(f, host, reader, scale, shift, channels);
}

/* Add, Sub, Mul, Div with a constant of one number a channel. */
static ft_err arithmetic_absorb(bool *done, fuse *f, ft_nn_node *host, ft_nn_node *reader) {
    bool add = ft_nn_is_op(reader, "Add"), sub = ft_nn_is_op(reader, "Sub");
    bool mul = ft_nn_is_op(reader, "Mul"), div = ft_nn_is_op(reader, "Div");
    int64_t channels = channels_of(f, host);
    float *numbers;
    *done = false;
    if (!(add || sub || mul || div) || ((mul || div) && !is_conv(host))) return FT_OK;
    int at = reader->inputs[0] == host->outputs[0] ? 1 : 0;
    if ((sub || div) && at == 0) return FT_OK;
    if (!by_channel(f, host, reader->inputs[at])) return FT_OK;
    FT_TRY(ft_arena_items(&numbers, &f->scratch, (size_t)channels));
    by_channels numbers_in = channels_read(f, reader->inputs[at]);
    for (int64_t c = 0; c < channels; c++) {
        float v = numbers_in.at[c * numbers_in.step];
        numbers[c] = sub ? -v : div ? 1 / v : v;
    }
    *done = true;
    return affine_absorb(f, host, reader, mul || div ? numbers : NULL, mul || div ? NULL : numbers,
                         channels);
}

/* ---- posts */

static ft_err post_push(fuse *f, ft_nn_node *host, const char *kind, float alpha, float beta) {
    const ft_nn_attr *kinds = ft_nn_attr_find(host, "ft_post");
    const ft_nn_attr *args = ft_nn_attr_find(host, "ft_post_args");
    ft_str names[FT_NN_POSTS_MAX];
    float numbers[2 * FT_NN_POSTS_MAX];
    size_t count = posts_of(host);
    FT_CHECK(count < FT_NN_POSTS_MAX);
    for (size_t i = 0; i < count; i++) names[i] = kinds->strings[i];
    if (count) memcpy(numbers, args->floats, 2 * count * sizeof *numbers);
    names[count] = ft_str_of(kind);
    numbers[2 * count] = alpha;
    numbers[2 * count + 1] = beta;
    ft_nn_attr a = {
        .name = "ft_post", .type = FT_NN_STRINGS, .strings = names, .count = count + 1
    };
    ft_nn_attr b = {
        .name = "ft_post_args", .type = FT_NN_FLOATS, .floats = numbers, .count = 2 * (count + 1)
    };
    FT_TRY(ft_nn_node_attr_set(f->g, host, &a));
    return ft_nn_node_attr_set(f->g, host, &b);
}

/* A bound of Clip; false when it is not a known number. */
static bool bound(float *out, const fuse *f, const ft_nn_node *n, size_t input, float otherwise) {
    int v = input < n->input_count ? n->inputs[input] : FT_NN_NONE;
    *out = otherwise;
    if (v == FT_NN_NONE) return true;
    if (!ft_nn_is_data(f->g, v) || value(f, v)->dtype != FT_F32) return false;
    *out = *(const float *)value(f, v)->data;
    return true;
}

/* The activation that a node is, with its numbers. */
static bool activation_of(const fuse *f, const ft_nn_node *n, float *alpha, float *beta) {
    ft_nn_post_kind kind;
    *alpha = *beta = 0;
    if (!ft_nn_post_kind_of(&kind, ft_str_of(n->op->name)) || kind == FT_NN_POST_ADD) return false;
    if (kind == FT_NN_POST_CLIP)
        return bound(alpha, f, n, 1, -FLT_MAX) && bound(beta, f, n, 2, FLT_MAX);
    if (kind == FT_NN_POST_GELU) {
        const ft_nn_attr *form = ft_nn_attr_find(n, "approximate");
        return !form || ft_str_is(form->s, "none");
    }
    if (kind == FT_NN_POST_LEAKY || kind == FT_NN_POST_ELU || kind == FT_NN_POST_HARD_SIGMOID)
        *alpha = (float)ft_nn_attr_float(n, "alpha");
    if (kind == FT_NN_POST_HARD_SIGMOID) *beta = (float)ft_nn_attr_float(n, "beta");
    return true;
}

static bool same_shape(const ft_nn_value *a, const ft_nn_value *b) {
    return a->dtype == b->dtype && a->ndim >= 0 && a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

/* A sum with another value of the same shape, which the kernel adds in place. */
static ft_err sum_absorb(bool *done, fuse *f, ft_nn_node *host, ft_nn_node *reader, int host_at) {
    *done = false;
    if (!ft_nn_is_op(reader, "Add") || ft_nn_post_sum_input(host) >= 0) return FT_OK;
    int other = reader->inputs[reader->inputs[0] == host->outputs[0] ? 1 : 0];
    int by = value(f, other)->producer;
    if (other == host->outputs[0] || ft_nn_is_data(f->g, other) ||
        !same_shape(value(f, other), value(f, host->outputs[0])))
        return FT_OK;
    /* Where both sides are hosts the later one adds: the other is there by then. */
    if (by > host_at && f->g->nodes[by].op && is_host(&f->g->nodes[by]) && f->uses[other] == 1)
        return FT_OK;
    int inputs[4] = { host->inputs[0], host->inputs[1], FT_NN_NONE, other };
    if (host->input_count > 2) inputs[2] = host->inputs[2];
    FT_TRY(ft_nn_node_inputs_set(f->g, host, inputs, 4));
    FT_TRY(post_push(f, host, "Add", 0, 0));
    *done = true;
    return absorb(f, host, reader);
}

/* x * Sigmoid(x), x * HardSigmoid(x): two readers of the host's result. */
static ft_err gate_absorb(bool *done, fuse *f, ft_nn_node *host) {
    int x = host->outputs[0];
    *done = false;
    if (f->uses[x] != 2 || f->readers[x][1] == FT_NN_NONE) return FT_OK;
    ft_nn_node *gate = &f->g->nodes[f->readers[x][0]], *mul = &f->g->nodes[f->readers[x][1]];
    if (ft_nn_is_op(gate, "Mul")) {
        ft_nn_node *other = gate;
        gate = mul, mul = other;
    }
    bool silu = ft_nn_is_op(gate, "Sigmoid"), hard = ft_nn_is_op(gate, "HardSigmoid");
    if (!ft_nn_is_op(mul, "Mul") || !(silu || hard) || f->uses[gate->outputs[0]] != 1) return FT_OK;
    if (hard && (fabs(ft_nn_attr_float(gate, "alpha") - 1.0 / 6) > 1e-6 ||
                 ft_nn_attr_float(gate, "beta") != 0.5))
        return FT_OK;
    int other = mul->inputs[mul->inputs[0] == x ? 1 : 0];
    if (other != gate->outputs[0]) return FT_OK;
    FT_TRY(post_push(f, host, silu ? "Silu" : "HardSwish", 0, 0));
    gate->op = NULL;
    *done = true;
    return absorb(f, host, mul);
}

/* ---- the walk */

static ft_err step(bool *more, fuse *f, int at) {
    ft_nn_node *host = &f->g->nodes[at];
    int x = host->outputs[0];
    float alpha, beta;
    *more = false;
    if (value(f, x)->dtype != FT_F32 || posts_of(host) == FT_NN_POSTS_MAX) return FT_OK;
    FT_TRY(gate_absorb(more, f, host));
    if (*more || f->uses[x] != 1 || f->readers[x][0] == FT_NN_NONE) return FT_OK;
    ft_nn_node *reader = &f->g->nodes[f->readers[x][0]];
    if (!reader->op || reader->output_count != 1) return FT_OK;
    if (posts_of(host) == 0 && bias_known(f, host)) {
        if (ft_nn_is_op(reader, "BatchNormalization"))
            return batch_norm_absorb(more, f, host, reader);
        FT_TRY(arithmetic_absorb(more, f, host, reader));
        if (*more) return FT_OK;
    }
    if (activation_of(f, reader, &alpha, &beta) && reader->inputs[0] == x) {
        FT_TRY(post_push(f, host, reader->op->name, alpha, beta));
        *more = true;
        return absorb(f, host, reader);
    }
    return sum_absorb(more, f, host, reader, at);
}

static ft_err hosts_walk(fuse *f) {
    for (int i = 0; i < f->g->node_count; i++)
        for (bool more = f->g->nodes[i].op && is_host(&f->g->nodes[i]); more;)
            FT_TRY(step(&more, f, i));
    return ft_nn_nodes_sweep(f->g);
}

ft_err ft_nn_pass_fuse(ft_nn_graph *g) {
    fuse f;
    ft_err err;
    FT_GOTO(err, fuse_begin(&f, g));
    FT_GOTO(err, hosts_walk(&f));
    FT_GOTO(err, ft_nn_graph_check(g));
done:
    ft_arena_fini(&f.scratch);
    return err;
}
