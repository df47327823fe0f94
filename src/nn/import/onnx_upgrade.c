/* onnx_upgrade.c -- nodes of older opsets in the form of opset 18. One row a change: the operation,
 * the first opset that no longer needs it, and what to do. See onnx_in.h. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nn/graph_in.h"
#include "nn/import/onnx_in.h"
#include "nn/onnx_type.h"

/* ---- changing a node */

static onnx_attr *attr_of(onnx_node *n, const char *name) {
    for (size_t i = 0; i < n->attr_count; i++) {
        if (ft_str_is(n->attrs[i].name, name)) return &n->attrs[i];
    }
    return NULL;
}

static void attr_drop(onnx_node *n, const char *name) {
    onnx_attr *a = attr_of(n, name);
    if (a) *a = n->attrs[--n->attr_count];
}

/* There is room for four more than the file has (onnx_node_build). */
static void attr_int_set(onnx_node *n, const char *name, int64_t v) {
    onnx_attr *a = attr_of(n, name);
    if (!a) a = &n->attrs[n->attr_count++];
    *a = (onnx_attr){ .name = ft_str_of(name), .type = ONNX_INT, .i = v };
}
static void attr_text_set(onnx_node *n, const char *name, const char *v) {
    onnx_attr *a = attr_of(n, name);
    if (!a) a = &n->attrs[n->attr_count++];
    *a = (onnx_attr){ .name = ft_str_of(name), .type = ONNX_STRING, .bytes = ft_str_of(v) };
}

static int64_t attr_int(onnx_node *n, const char *name, int64_t otherwise) {
    const onnx_attr *a = attr_of(n, name);
    return a && a->type == ONNX_INT ? a->i : otherwise;
}

static ft_err input_set(onnx_build *b, onnx_node *n, size_t at, ft_str name) {
    if (at >= n->in_count) {
        ft_str *in;
        FT_TRY(ft_arena_items(&in, b->arena, at + 1));
        if (n->in_count) memcpy(in, n->in, n->in_count * sizeof *in);
        n->in = in;
        n->in_count = at + 1;
    }
    n->in[at] = name;
    return FT_OK;
}

static ft_err refuse(const onnx_node *n, const char *why) {
    return FT_FAIL(FT_EUNSUPPORTED, "node '%.*s' (%.*s): %s", FT_STR_ARG(n->name),
                   FT_STR_ARG(n->op), why);
}

/* A constant beside the node; gives its name. */
static ft_err const_add(ft_str *name, onnx_build *b, const ft_array *a) {
    int v;
    FT_TRY(ft_nn_data(&v, b->g, (ft_str){ 0 }, FT_NN_CONST, a, true));
    *name = b->g->values[v].name;
    return FT_OK;
}
static ft_err ints_add(ft_str *name, onnx_build *b, const int64_t *ints, size_t count) {
    ft_array a = { .dtype = FT_I64, .ndim = 1, .shape = { (int64_t)count } };
    static const int64_t none[1];
    a.data = (void *)(uintptr_t)(count ? ints : none);
    return const_add(name, b, &a);
}
static ft_err float_add(ft_str *name, onnx_build *b, float v) {
    ft_array a = { .dtype = FT_F32, .data = &v };
    return const_add(name, b, &a);
}

/* The attribute `name`, a list of numbers, becomes input `at`. */
static ft_err ints_to_input(onnx_build *b, onnx_node *n, const char *name, size_t at) {
    const onnx_attr *a = attr_of(n, name);
    ft_str value = { 0 };
    if (!a) return FT_OK;
    if (a->type != ONNX_INTS && a->type != ONNX_INT)
        return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%.*s): attribute '%s' is no list of numbers",
                       FT_STR_ARG(n->name), FT_STR_ARG(n->op), name);
    FT_TRY(ints_add(&value, b, a->type == ONNX_INT ? &a->i : a->ints,
                    a->type == ONNX_INT ? 1 : a->count));
    attr_drop(n, name);
    return input_set(b, n, at, value);
}
static ft_err float_to_input(onnx_build *b, onnx_node *n, const char *name, size_t at) {
    const onnx_attr *a = attr_of(n, name);
    ft_str value = { 0 };
    if (!a) return FT_OK;
    if (a->type != ONNX_FLOAT)
        return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%.*s): attribute '%s' is no number",
                       FT_STR_ARG(n->name), FT_STR_ARG(n->op), name);
    FT_TRY(float_add(&value, b, a->f));
    attr_drop(n, name);
    return input_set(b, n, at, value);
}

/* Another node beside it, with at most four inputs and one output, whose name is made. */
static ft_err beside(ft_str *out, onnx_build *b, const onnx_node *of, const char *op,
                     const ft_str *in, size_t in_count, const char *attr, int64_t value) {
    onnx_attr attrs[1] = { { .type = ONNX_INT, .i = value } };
    onnx_node n = { .op = ft_str_of(op), .in_count = in_count, .out_count = 1 };
    ft_str inputs[4];
    FT_CHECK(in_count <= FT_COUNT(inputs));
    memcpy(inputs, in, in_count * sizeof *in);
    FT_TRY(ft_arena_printf(&n.name, b->arena, "%.*s/%s.%d", FT_STR_ARG(of->name), op,
                           (*b->unnamed)++));
    n.in = inputs;
    if (out->len == 0) *out = n.name;
    n.out = out;
    if (attr) {
        attrs[0].name = ft_str_of(attr);
        n.attrs = attrs;
        n.attr_count = 1;
    }
    return onnx_emit(b, &n);
}

int onnx_rank(onnx_build *b, ft_str name) {
    int v = ft_nn_value_find(b->g, name);
    if (v == FT_NN_NONE) return -1;
    if (b->g->values[v].ndim >= 0 || b->g->values[v].producer == FT_NN_NONE)
        return b->g->values[v].ndim;
    if (ft_nn_graph_infer(b->g)) ft_err_clear(); /* what is wrong is told when the graph is whole */
    return b->g->values[v].ndim;
}

/* ---- the changes */

typedef ft_err change(bool *done, onnx_build *b, onnx_node *n);

static ft_err axes_input(bool *done, onnx_build *b, onnx_node *n) {
    (void)done;
    return ints_to_input(b, n, "axes", 1);
}

static ft_err split_input(bool *done, onnx_build *b, onnx_node *n) {
    (void)done;
    return ints_to_input(b, n, "split", 1);
}

static ft_err slice_inputs(bool *done, onnx_build *b, onnx_node *n) {
    (void)done;
    FT_TRY(ints_to_input(b, n, "starts", 1));
    FT_TRY(ints_to_input(b, n, "ends", 2));
    return ints_to_input(b, n, "axes", 3);
}

static ft_err clip_inputs(bool *done, onnx_build *b, onnx_node *n) {
    (void)done;
    attr_drop(n, "consumed_inputs");
    FT_TRY(float_to_input(b, n, "min", 1));
    return float_to_input(b, n, "max", 2);
}

static ft_err pad_inputs(bool *done, onnx_build *b, onnx_node *n) {
    onnx_attr *old = attr_of(n, "paddings");
    (void)done;
    if (old) old->name = FT_STR("pads");
    FT_TRY(ints_to_input(b, n, "pads", 1));
    return float_to_input(b, n, "value", 2);
}

/* `k` is a list of one number. */
static ft_err top_k_input(bool *done, onnx_build *b, onnx_node *n) {
    (void)done;
    return ints_to_input(b, n, "k", 1);
}

static ft_err dropout_input(bool *done, onnx_build *b, onnx_node *n) {
    (void)done;
    attr_drop(n, "is_test");
    attr_drop(n, "consumed_inputs");
    return float_to_input(b, n, "ratio", 1);
}

static ft_err batch_norm(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    if (attr_int(n, "spatial", 1) != 1) return refuse(n, "spatial = 0 is not supported");
    attr_drop(n, "spatial");
    attr_drop(n, "is_test");
    attr_drop(n, "consumed_inputs");
    n->out_count = 1; /* the others were for training only */
    return FT_OK;
}

static ft_err cast_type(bool *done, onnx_build *b, onnx_node *n) {
    onnx_attr *to = attr_of(n, "to");
    (void)done, (void)b;
    if (!to || to->type != ONNX_STRING) return FT_OK;
    int type = ft_nn_onnx_type_named(to->bytes);
    if (!type) return refuse(n, "the type that it casts to is not known");
    attr_int_set(n, "to", type);
    return FT_OK;
}

/* A slope for each channel (axis 1), without the axes after it. */
static ft_err slope_channels(bool *done, onnx_build *b, onnx_node *n) {
    int64_t axes[FT_ARRAY_DIMS_MAX];
    int rank = n->in_count == 2 ? onnx_rank(b, n->in[0]) : -1, count = 0;
    (void)done;
    if (rank <= 2 || onnx_rank(b, n->in[1]) != 1) return FT_OK;
    while (count < rank - 2) axes[count] = count + 1, count++;
    ft_str in[2] = { n->in[1] }, out = { 0 };
    FT_TRY(ints_add(&in[1], b, axes, (size_t)count));
    FT_TRY(beside(&out, b, n, "Unsqueeze", in, 2, NULL, 0));
    return input_set(b, n, 1, out);
}

/* `broadcast` with `axis`: the second input's axes are the first's from `axis` on. */
static ft_err old_broadcast(bool *done, onnx_build *b, onnx_node *n) {
    const onnx_attr *axis = attr_of(n, "axis");
    (void)done;
    if (axis && attr_int(n, "broadcast", 0) && n->in_count == 2) {
        int64_t axes[FT_ARRAY_DIMS_MAX], at = axis->i;
        int whole = onnx_rank(b, n->in[0]), part = onnx_rank(b, n->in[1]);
        if (whole < 0 || part < 0) return refuse(n, "broadcasts along an axis of unknown shapes");
        if (at < 0) at += whole;
        int64_t after = at < 0 || at > whole ? -1 : whole - at - part;
        if (after < 0 || after > FT_ARRAY_DIMS_MAX)
            return refuse(n, "its second input does not fit at its axis");
        for (int k = 0; k < (int)after; k++) axes[k] = part + k;
        ft_str in[2] = { n->in[1] }, out = { 0 };
        if (after) {
            FT_TRY(ints_add(&in[1], b, axes, (size_t)after));
            FT_TRY(beside(&out, b, n, "Unsqueeze", in, 2, NULL, 0));
            FT_TRY(input_set(b, n, 1, out));
        }
    }
    attr_drop(n, "axis");
    attr_drop(n, "broadcast");
    return FT_OK;
}

static ft_err drop_broadcast(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    attr_drop(n, "broadcast");
    return FT_OK;
}

static ft_err old_reshape(bool *done, onnx_build *b, onnx_node *n) {
    (void)done;
    return ints_to_input(b, n, "shape", 1);
}

static ft_err concat_axis(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    if (!attr_of(n, "axis")) attr_int_set(n, "axis", 1);
    return FT_OK;
}

/* Before opset 13 the axes from `axis` on are one: flat to two axes, and back. */
static ft_err softmax_flat(bool *done, onnx_build *b, onnx_node *n) {
    int64_t axis = attr_int(n, "axis", 1);
    int rank = onnx_rank(b, n->in_count ? n->in[0] : FT_STR(""));
    if (n->in_count != 1 || n->out_count != 1) return refuse(n, "takes one input");
    if (rank >= 0 && axis < 0) axis += rank;
    if (axis == -1 || (rank > 0 && axis == rank - 1)) {
        attr_int_set(n, "axis", -1);
        return FT_OK;
    }
    ft_str flat = { 0 }, soft = { 0 }, shape = { 0 }, back[2];
    FT_TRY(beside(&flat, b, n, "Flatten", n->in, 1, "axis", axis));
    FT_TRY(beside(&shape, b, n, "Shape", n->in, 1, NULL, 0));
    ft_str op;
    FT_TRY(ft_arena_str(&op, b->arena, n->op));
    FT_TRY(beside(&soft, b, n, op.at, &flat, 1, "axis", -1));
    back[0] = soft;
    back[1] = shape;
    *done = true;
    return beside(&n->out[0], b, n, "Reshape", back, 2, NULL, 0);
}

/* Upsample and the first Resize: from the corner, down to the next. */
static ft_err old_resize(bool *done, onnx_build *b, onnx_node *n) {
    const onnx_attr *scales = attr_of(n, "scales");
    ft_str name = { 0 };
    (void)done;
    n->op = FT_STR("Resize");
    if (scales) {
        if (scales->type != ONNX_FLOATS) return refuse(n, "its scales are no numbers");
        ft_array a = {
            .dtype = FT_F32, .ndim = 1, .shape = { (int64_t)scales->count }, .data = scales->floats
        };
        FT_TRY(const_add(&name, b, &a));
        attr_drop(n, "scales");
    } else if (n->in_count >= 2) {
        name = n->in[1];
    } else {
        return refuse(n, "has no scales");
    }
    FT_TRY(input_set(b, n, 1, (ft_str){ 0 }));
    FT_TRY(input_set(b, n, 2, name));
    attr_text_set(n, "coordinate_transformation_mode", "asymmetric");
    attr_text_set(n, "nearest_mode", "floor");
    onnx_attr *mode = attr_of(n, "mode");
    if (mode && ft_str_is(mode->bytes, "bilinear")) mode->bytes = FT_STR("linear");
    return FT_OK;
}

static ft_err scatter_elements(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    n->op = FT_STR("ScatterElements");
    return FT_OK;
}

/* Regions began at whole pixels before opset 16, where the attribute came. */
static ft_err roi_whole(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    attr_text_set(n, "coordinate_transformation_mode", "output_half_pixel");
    return FT_OK;
}

static ft_err scan_refuse(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    return refuse(n, "its form of opset 8 is not supported");
}

/* Constant: data of the graph. */
static ft_err constant_data(bool *done, onnx_build *b, onnx_node *n) {
    onnx_tensor t;
    ft_array a;
    int v;
    *done = true;
    if (n->attr_count != 1 || n->out_count != 1)
        return FT_FAIL(FT_ECORRUPT, "node '%.*s' (Constant): one attribute is expected",
                       FT_STR_ARG(n->name));
    const onnx_attr *c = &n->attrs[0];
    switch (c->type) {
    case ONNX_TENSOR:
        FT_TRY(onnx_tensor_read(&t, c->bytes));
        if (t.name.len == 0) t.name = n->name;
        return onnx_tensor_value(&v, b, n->out[0], &t, FT_NN_CONST);
    case ONNX_FLOAT:
        a = (ft_array){ .dtype = FT_F32, .data = (void *)(uintptr_t)&c->f };
        break;
    case ONNX_INT:
        a = (ft_array){ .dtype = FT_I64, .data = (void *)(uintptr_t)&c->i };
        break;
    case ONNX_FLOATS:
        a = (ft_array){ .dtype = FT_F32, .ndim = 1, .data = c->floats };
        a.shape[0] = (int64_t)c->count;
        break;
    case ONNX_INTS:
        a = (ft_array){ .dtype = FT_I64, .ndim = 1, .data = c->ints };
        a.shape[0] = (int64_t)c->count;
        break;
    default:
        return refuse(n, "a value of texts or a sparse one is not supported");
    }
    return ft_nn_data(&v, b->g, n->out[0], FT_NN_CONST, &a, true);
}

static ft_err cast_saturate(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    attr_drop(n, "saturate"); /* it speaks of floats of 8 bits */
    return FT_OK;
}

static ft_err scale_of_channels(bool *done, onnx_build *b, onnx_node *n) {
    (void)done, (void)b;
    return refuse(n, "its form of opset 21 is not supported");
}

static const struct {
    const char *op;
    int until; /* opsets before it */
    int from;  /* and from it on */
    change *to;
} rows[] = {
    { "Add", 7, 1, old_broadcast },
    { "And", 7, 1, old_broadcast },
    { "BatchNormalization", 14, 1, batch_norm },
    { "Cast", 6, 1, cast_type },
    { "Cast", 99, 19, cast_saturate },
    { "Clip", 11, 1, clip_inputs },
    { "Concat", 4, 1, concat_axis },
    { "Constant", 99, 1, constant_data },
    { "Div", 7, 1, old_broadcast },
    { "Dropout", 12, 1, dropout_input },
    { "Equal", 7, 1, old_broadcast },
    { "Gemm", 7, 1, drop_broadcast },
    { "Greater", 7, 1, old_broadcast },
    { "GroupNormalization", 99, 21, scale_of_channels },
    { "Hardmax", 13, 1, softmax_flat },
    { "Less", 7, 1, old_broadcast },
    { "LogSoftmax", 13, 1, softmax_flat },
    { "Mul", 7, 1, old_broadcast },
    { "Or", 7, 1, old_broadcast },
    { "Pad", 11, 1, pad_inputs },
    { "Pow", 7, 1, old_broadcast },
    { "PRelu", 7, 1, slope_channels },
    { "ReduceL1", 18, 1, axes_input },
    { "ReduceL2", 18, 1, axes_input },
    { "ReduceLogSum", 18, 1, axes_input },
    { "ReduceLogSumExp", 18, 1, axes_input },
    { "ReduceMax", 18, 1, axes_input },
    { "ReduceMean", 18, 1, axes_input },
    { "ReduceMin", 18, 1, axes_input },
    { "ReduceProd", 18, 1, axes_input },
    { "ReduceSum", 13, 1, axes_input },
    { "ReduceSumSquare", 18, 1, axes_input },
    { "Reshape", 5, 1, old_reshape },
    { "Resize", 11, 1, old_resize },
    { "RoiAlign", 16, 1, roi_whole },
    { "Scan", 9, 1, scan_refuse },
    { "Scatter", 99, 1, scatter_elements },
    { "Slice", 10, 1, slice_inputs },
    { "Softmax", 13, 1, softmax_flat },
    { "Split", 13, 1, split_input },
    { "Squeeze", 13, 1, axes_input },
    { "Sub", 7, 1, old_broadcast },
    { "TopK", 10, 1, top_k_input },
    { "Unsqueeze", 13, 1, axes_input },
    { "Upsample", 10, 1, old_resize },
    { "Xor", 7, 1, old_broadcast },
};

bool onnx_upgrade_knows(ft_str op) {
    return ft_str_is(op, "Constant") || ft_str_is(op, "Scatter") || ft_str_is(op, "Upsample");
}

ft_err onnx_upgrade(bool *done, onnx_build *b, onnx_node *n) {
    *done = false;
    attr_drop(n, "consumed_inputs"); /* of opset 1: it never meant anything to a reader */
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        if (b->opset < rows[i].until && b->opset >= rows[i].from && ft_str_is(n->op, rows[i].op))
            return rows[i].to(done, b, n);
    }
    return FT_OK;
}
