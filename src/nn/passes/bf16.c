/* bf16.c -- convolutions and products in bfloat16: weights are rounded once, values between them
 * stay rounded, sums inside are in f32 (oneDNN), biases too. What has no quick bf16 form gets its
 * input widened by a Cast; a graph's inputs and outputs stay f32. See pass.h.
 *
 * Like layout.c: one walk, two forms a value. */
#include "base/check.h"
#include "nn/onnx_type.h"
#include "nn/ops/kernel.h"
#include "nn/passes/pass.h"
#include "nn/post.h"

typedef struct narrowing {
    ft_nn_graph *g;
    ft_arena scratch;
    int *wide, *narrow; /* by value: the value that holds this form, or NONE */
    ft_nn_node *nodes;
    int count, room;
} narrowing;

static ft_err emit(narrowing *b, const ft_nn_node *n) {
    if (b->count == b->room) {
        ft_nn_node *more;
        FT_TRY(ft_arena_items(&more, &b->scratch, (size_t)b->room * 2));
        memcpy(more, b->nodes, (size_t)b->count * sizeof *more);
        b->nodes = more;
        b->room *= 2;
    }
    b->nodes[b->count++] = *n;
    return FT_OK;
}

/* ---- forms */

static ft_err narrow_value(int *out, narrowing *b, int v) {
    FT_TRY(ft_nn_value_add(out, b->g, (ft_str){ 0 }, FT_NN_VALUE));
    ft_nn_value *to = &b->g->values[*out], *from = &b->g->values[v];
    to->dtype = FT_BF16;
    to->ndim = from->ndim;
    memcpy(to->shape, from->shape, sizeof to->shape);
    return FT_OK;
}

/* Round to the nearest, ties to even; NaN stays NaN. */
static uint16_t rounded(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (v != v) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* A weight, times its scale by output channel, rounded. `channel`: items of one, in a row. */
static ft_err weight_round(int *out, narrowing *b, int v, const ft_nn_attr *scale, bool transposed,
                           int64_t groups) {
    ft_array a = ft_nn_value_array(&b->g->values[v]), to = a;
    int64_t count = ft_array_count(&a), inner = 1, outer = transposed ? a.shape[1] : a.shape[0];
    const ft_nn_weight *w = a.data; /* may be unaligned */
    uint16_t *bits;
    for (int i = transposed ? 2 : 1; i < a.ndim; i++) inner *= a.shape[i];
    int64_t block = transposed && groups ? a.shape[0] / groups * outer * inner : 0;
    FT_TRY(ft_arena_items(&bits, &b->g->arena, (size_t)count));
    for (int64_t i = 0; i < count; i++) {
        int64_t channel = i / inner % outer + (block ? i / block * outer : 0);
        bits[i] = rounded(scale ? w[i] * scale->floats[channel] : w[i]);
    }
    to.dtype = FT_BF16;
    to.data = bits;
    return ft_nn_data(out, b->g, (ft_str){ 0 }, FT_NN_WEIGHT, &to, false);
}

static ft_err cast(narrowing *b, int from, int to, ft_dtype type) {
    ft_nn_attr attr = { .name = "to", .type = FT_NN_INT, .i = ft_nn_onnx_type(type) };
    ft_nn_node n;
    int *outputs;
    FT_TRY(ft_nn_node_make(
        &n, b->g,
        &(ft_nn_node_spec){
            .op = "Cast", .attrs = &attr, .attr_count = 1, .inputs = &from, .input_count = 1 }));
    FT_TRY(ft_arena_items(&outputs, &b->g->arena, 1));
    outputs[0] = to;
    n.outputs = outputs;
    n.output_count = 1;
    return emit(b, &n);
}

static ft_err take_wide(int *out, narrowing *b, int v) {
    if (b->wide[v] == FT_NN_NONE) {
        FT_TRY(cast(b, b->narrow[v], v, FT_F32));
        b->wide[v] = v;
    }
    *out = b->wide[v];
    return FT_OK;
}

static ft_err take_narrow(int *out, narrowing *b, int v) {
    if (b->narrow[v] == FT_NN_NONE) {
        int to;
        FT_TRY(narrow_value(&to, b, v));
        FT_TRY(cast(b, b->wide[v], to, FT_BF16));
        b->narrow[v] = to;
    }
    *out = b->narrow[v];
    return FT_OK;
}

/* ---- nodes */

static ft_err keep(narrowing *b, const ft_nn_node *n) {
    ft_nn_node copy = *n;
    int inputs[2 * FT_NN_IO_MAX];
    for (size_t i = 0; i < n->input_count; i++) {
        inputs[i] = FT_NN_NONE;
        if (n->inputs[i] != FT_NN_NONE) FT_TRY(take_wide(&inputs[i], b, n->inputs[i]));
    }
    FT_TRY(ft_nn_node_inputs_set(b->g, &copy, inputs, n->input_count));
    for (size_t i = 0; i < n->output_count; i++)
        if (n->outputs[i] != FT_NN_NONE) b->wide[n->outputs[i]] = n->outputs[i];
    return emit(b, &copy);
}

/* With `inputs`, its one output in bf16. */
static ft_err narrowed(narrowing *b, ft_nn_node *n, const int *inputs) {
    int *outputs, v = n->outputs[0];
    FT_TRY(ft_nn_node_inputs_set(b->g, n, inputs, n->input_count));
    FT_TRY(ft_arena_items(&outputs, &b->g->arena, 1));
    FT_TRY(narrow_value(&outputs[0], b, v));
    b->narrow[v] = outputs[0];
    n->outputs = outputs;
    return emit(b, n);
}

static bool is_f32(const narrowing *b, int v) { return b->g->values[v].dtype == FT_F32; }

/* Convolutions and products whose weight is data. */
static bool is_host(const narrowing *b, const ft_nn_node *n) {
    bool conv = ft_nn_is_op(n, "Conv") || ft_nn_is_op(n, "ConvTranspose");
    bool plain = ft_nn_is_op(n, "MatMul") ||
                 (ft_nn_is_op(n, "Gemm") && ft_nn_attr_float(n, "alpha") == 1 &&
                  (n->input_count < 3 || n->inputs[2] == FT_NN_NONE ||
                   (ft_nn_attr_float(n, "beta") == 1 && b->g->values[n->inputs[2]].ndim == 1)));
    return (conv || plain) && n->output_count == 1 && is_f32(b, n->inputs[0]) &&
           ft_nn_is_data(b->g, n->inputs[1]) && is_f32(b, n->inputs[1]) &&
           (conv || b->g->values[n->inputs[1]].ndim == 2);
}

static ft_err host_node(narrowing *b, const ft_nn_node *n) {
    ft_nn_node copy = *n;
    bool conv = strncmp(n->op->name, "Conv", 4) == 0;
    bool transposed = ft_nn_is_op(n, "ConvTranspose");
    const ft_nn_attr *scale = conv ? ft_nn_attr_find(n, "ft_scale") : NULL;
    int inputs[4], sum = ft_nn_post_sum_input(n);
    memcpy(inputs, n->inputs, n->input_count * sizeof *inputs);
    FT_TRY(take_narrow(&inputs[0], b, n->inputs[0]));
    FT_TRY(weight_round(&inputs[1], b, n->inputs[1], scale, transposed,
                        conv ? ft_nn_attr_int(n, "group") : 1));
    if (sum >= 0) FT_TRY(take_narrow(&inputs[sum], b, n->inputs[sum]));
    if (n->input_count > 2 && sum != 2 && inputs[2] != FT_NN_NONE)
        FT_TRY(take_wide(&inputs[2], b, inputs[2]));
    if (scale) { /* it is in the weight now */
        ft_nn_attr *attrs;
        size_t count = 0;
        FT_TRY(ft_arena_items(&attrs, &b->g->arena, n->attr_count));
        for (size_t i = 0; i < n->attr_count; i++)
            if (&n->attrs[i] != scale) attrs[count++] = n->attrs[i];
        copy.attrs = attrs;
        copy.attr_count = count;
    }
    return narrowed(b, &copy, inputs);
}

/* What moves numbers or picks the largest works on either form: it takes the narrow one where its
 * inputs have only that. */
static ft_err mover_node(narrowing *b, const ft_nn_node *n) {
    static const char *const movers[] = { "MaxPool", "AveragePool", "Concat",
                                          "Reshape", "Flatten",     "Transpose",
                                          "Squeeze", "Unsqueeze",   "Slice" };
    ft_nn_node copy = *n;
    int inputs[FT_NN_IO_MAX];
    bool mover = false;
    for (size_t i = 0; i < FT_COUNT(movers); i++) mover |= ft_nn_is_op(n, movers[i]);
    size_t data = ft_nn_is_op(n, "Concat") ? n->input_count : 1;
    for (size_t i = 0; i < data && mover; i++)
        mover = n->inputs[i] != FT_NN_NONE && b->wide[n->inputs[i]] == FT_NN_NONE;
    if (!mover || n->output_count != 1) return keep(b, n);
    memcpy(inputs, n->inputs, n->input_count * sizeof *inputs);
    for (size_t i = 0; i < data; i++) FT_TRY(take_narrow(&inputs[i], b, n->inputs[i]));
    for (size_t i = data; i < n->input_count; i++)
        if (inputs[i] != FT_NN_NONE) FT_TRY(take_wide(&inputs[i], b, inputs[i]));
    return narrowed(b, &copy, inputs);
}

static ft_err walk(narrowing *b) {
    ft_nn_graph *g = b->g;
    ft_nn_node *nodes = g->nodes;
    int count = g->node_count, values = g->value_count;
    for (int v = 0; v < values; v++) {
        b->narrow[v] = FT_NN_NONE;
        b->wide[v] = g->values[v].producer == FT_NN_NONE ? v : FT_NN_NONE;
    }
    for (int i = 0; i < count; i++)
        FT_TRY(is_host(b, &nodes[i]) ? host_node(b, &nodes[i]) : mover_node(b, &nodes[i]));
    for (int i = 0; i < g->output_count; i++) FT_TRY(take_wide(&g->outputs[i], b, g->outputs[i]));
    return ft_nn_nodes_set(g, b->nodes, b->count);
}

ft_err ft_nn_pass_bf16(ft_nn_graph *g) {
    narrowing b = { .g = g, .room = g->node_count * 2 + 4 };
    ft_err err;
    FT_GOTO(err, ft_arena_items(&b.wide, &b.scratch, (size_t)g->value_count));
    FT_GOTO(err, ft_arena_items(&b.narrow, &b.scratch, (size_t)g->value_count));
    FT_GOTO(err, ft_arena_items(&b.nodes, &b.scratch, (size_t)b.room));
    FT_GOTO(err, walk(&b));
    FT_GOTO(err, ft_nn_graph_check(g));
done:
    ft_arena_fini(&b.scratch);
    return err;
}
