/* tfjs_ops.c -- what TensorFlow's operations become. One operation, one row at the end. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "nn/import/tfjs_in.h"

/* ---- as they are */

typedef struct same {
    const char *theirs, *ours;
} same;

static const same unary[] = {
    { "Sigmoid", "Sigmoid" },   { "Relu", "Relu" },         { "Tanh", "Tanh" },
    { "Exp", "Exp" },           { "Log", "Log" },           { "Sqrt", "Sqrt" },
    { "Abs", "Abs" },           { "Neg", "Neg" },           { "Floor", "Floor" },
    { "Ceil", "Ceil" },         { "Round", "Round" },       { "Reciprocal", "Reciprocal" },
    { "Inv", "Reciprocal" },    { "Softplus", "Softplus" }, { "LogicalNot", "Not" },
    { "Elu", "Elu" },           { "Selu", "Selu" },         { "Erf", "Erf" },
    { "Sin", "Sin" },           { "Cos", "Cos" },           { "Sign", "Sign" },
    { "Softsign", "Softsign" },
};
static const same binary[] = {
    { "Add", "Add" },         { "AddV2", "Add" },
    { "BiasAdd", "Add" },     { "Sub", "Sub" },
    { "Mul", "Mul" },         { "RealDiv", "Div" },
    { "Div", "Div" },         { "Maximum", "Max" },
    { "Minimum", "Min" },     { "Pow", "Pow" },
    { "Less", "Less" },       { "LessEqual", "LessOrEqual" },
    { "Greater", "Greater" }, { "GreaterEqual", "GreaterOrEqual" },
    { "Equal", "Equal" },     { "LogicalAnd", "And" },
    { "LogicalOr", "Or" },    { "Prelu", "PRelu" },
};

static const char *ours_of(const same *rows, size_t count, ft_str theirs) {
    for (size_t i = 0; i < count; i++)
        if (ft_str_is(theirs, rows[i].theirs)) return rows[i].ours;
    FT_CHECK(!"a row without a meaning");
}

static void turn_unary(tf_model *m) {
    tf_out(m, 0, tf_write1(m, ours_of(unary, FT_COUNT(unary), m->node->op), tf_in(m, 0)));
}
static void turn_binary(tf_model *m) {
    const char *ours = ours_of(binary, FT_COUNT(binary), m->node->op);
    tf_out(m, 0, tf_write2(m, ours, tf_in(m, 0), tf_in(m, 1)));
}
static void turn_identity(tf_model *m) { tf_out(m, 0, tf_in(m, 0)); }

static int clip(tf_model *m, int x, float low, float high) {
    return tf_write(m, "Clip", (int[]){ x, tf_f32(m, low), tf_f32(m, high) }, 3, NULL);
}
static void turn_relu6(tf_model *m) { tf_out(m, 0, clip(m, tf_in(m, 0), 0, 6)); }

static int leaky(tf_model *m, int x, const char *attr) {
    tf_attrs a = { 0 };
    tf_float(&a, "alpha", tf_attr_float(m, attr, 0.2));
    return tf_write(m, "LeakyRelu", &x, 1, &a);
}
static void turn_leaky(tf_model *m) { tf_out(m, 0, leaky(m, tf_in(m, 0), "alpha")); }

static void turn_square(tf_model *m) {
    int x = tf_in(m, 0);
    tf_out(m, 0, tf_write2(m, "Mul", x, x));
}
static void turn_squared_difference(tf_model *m) {
    int d = tf_write2(m, "Sub", tf_in(m, 0), tf_in(m, 1));
    tf_out(m, 0, tf_write2(m, "Mul", d, d));
}
static void turn_rsqrt(tf_model *m) {
    tf_out(m, 0, tf_write1(m, "Reciprocal", tf_write1(m, "Sqrt", tf_in(m, 0))));
}
static void turn_not_equal(tf_model *m) {
    tf_out(m, 0, tf_write1(m, "Not", tf_write2(m, "Equal", tf_in(m, 0), tf_in(m, 1))));
}

static bool is_float(tf_model *m) { return tf_attr_type(m, "T", FT_F32) == FT_F32; }

/* Towards minus infinity; for integers by what is left: (x - x mod y) / y. */
static void turn_floor_div(tf_model *m) {
    int x = tf_in(m, 0), y = tf_in(m, 1);
    if (is_float(m))
        tf_out(m, 0, tf_write1(m, "Floor", tf_write2(m, "Div", x, y)));
    else
        tf_out(m, 0, tf_write2(m, "Div", tf_write2(m, "Sub", x, tf_write2(m, "Mod", x, y)), y));
}
static void turn_floor_mod(tf_model *m) {
    int x = tf_in(m, 0), y = tf_in(m, 1);
    if (!is_float(m)) {
        tf_out(m, 0, tf_write2(m, "Mod", x, y));
        return;
    }
    int whole = tf_write1(m, "Floor", tf_write2(m, "Div", x, y));
    tf_out(m, 0, tf_write2(m, "Sub", x, tf_write2(m, "Mul", whole, y)));
}
static void turn_add_n(tf_model *m) {
    int sum = tf_in(m, 0);
    for (size_t i = 1; i < m->node->input_count; i++) sum = tf_write2(m, "Add", sum, tf_in(m, i));
    tf_out(m, 0, sum);
}
static void turn_cast(tf_model *m) {
    tf_out(m, 0, tf_cast(m, tf_in(m, 0), tf_attr_type(m, "DstT", FT_F32)));
}
static void turn_select(tf_model *m) {
    tf_out(m, 0, tf_write(m, "Where", (int[]){ tf_in(m, 0), tf_in(m, 1), tf_in(m, 2) }, 3, NULL));
}
static void turn_softmax(tf_model *m) {
    tf_attrs a = { 0 };
    tf_int(&a, "axis", -1);
    int x = tf_in(m, 0);
    tf_out(m, 0, tf_write(m, "Softmax", &x, 1, &a));
}
static void turn_clip(tf_model *m) {
    tf_out(m, 0, tf_write(m, "Clip", (int[]){ tf_in(m, 0), tf_in(m, 1), tf_in(m, 2) }, 3, NULL));
}

/* ---- convolutions */

static bool channels_last(tf_model *m) {
    ft_str format = tf_attr_str(m, "data_format");
    if (format.len == 0) format = tf_attr_str(m, "dataFormat");
    return format.len == 0 || ft_str_is(format, "NHWC");
}

/* Of a list [1, h, w, 1] or [1, 1, h, w] the two in the middle. */
static void spatial(tf_model *m, const char *name, bool last, int64_t out[2]) {
    int64_t all[4];
    size_t count = tf_attr_ints(m, name, all, 4);
    out[0] = count == 4 ? all[last ? 1 : 2] : 1;
    out[1] = count == 4 ? all[last ? 2 : 3] : 1;
}

typedef struct window {
    int64_t stride[2], dilation[2], pads[4], kernel[2];
} window;

static void padding(tf_model *m, tf_attrs *a, window *w, bool last) {
    ft_str how = tf_attr_str(m, "padding");
    int64_t all[8];
    if (ft_str_is(how, "SAME"))
        tf_text(a, "auto_pad", "SAME_UPPER");
    else if (ft_str_is(how, "VALID"))
        tf_text(a, "auto_pad", "VALID");
    else if (tf_attr_ints(m, "explicit_paddings", all, 8) == 8) {
        int at = last ? 2 : 4;
        int64_t pads[] = { all[at], all[at + 2], all[at + 1], all[at + 3] };
        memcpy(w->pads, pads, sizeof pads);
        tf_ints(a, "pads", w->pads, 4);
    } else
        tf_refuse(m, "a padding that is not known");
}

static int activated(tf_model *m, int x, ft_str kind, size_t slope_input) {
    if (ft_str_is(kind, "Relu")) return tf_write1(m, "Relu", x);
    if (ft_str_is(kind, "Relu6")) return clip(m, x, 0, 6);
    if (ft_str_is(kind, "Elu")) return tf_write1(m, "Elu", x);
    if (ft_str_is(kind, "Sigmoid")) return tf_write1(m, "Sigmoid", x);
    if (ft_str_is(kind, "LeakyRelu")) return leaky(m, x, "leakyrelu_alpha");
    if (ft_str_is(kind, "Prelu")) return tf_write2(m, "PRelu", x, tf_in(m, slope_input));
    tf_refuse(m, "a fused operation that is not known");
    return x;
}

/* What was fused behind: an addition along the channels, then an activation, both channels last. */
static int fused(tf_model *m, int x, size_t first_extra) {
    ft_str ops[8];
    size_t count = tf_attr_strs(m, "fused_ops", ops, FT_COUNT(ops)), extra = first_extra;
    for (size_t i = 0; i < count; i++) {
        if (ft_str_is(ops[i], "BiasAdd"))
            x = tf_write2(m, "Add", x, tf_in(m, extra++));
        else
            x = activated(m, x, ops[i], extra);
    }
    return x;
}

static bool known_kernel(tf_model *m, int value, ft_array *k) {
    if (tf_known(m, value, k) && k->ndim == 4) return true;
    tf_refuse(m, "a kernel that is computed");
    return false;
}

static void convolve(tf_model *m, bool depthwise) {
    window w = { 0 };
    tf_attrs a = { 0 };
    ft_array k;
    bool last = channels_last(m);
    int x = tf_in(m, 0), kernel = tf_in(m, 1);
    if (!known_kernel(m, kernel, &k)) return;
    spatial(m, "strides", last, w.stride);
    spatial(m, "dilations", last, w.dilation);
    tf_ints(&a, "strides", w.stride, 2);
    tf_ints(&a, "dilations", w.dilation, 2);
    padding(m, &a, &w, last);
    if (depthwise) {
        int64_t shape[] = { k.shape[2] * k.shape[3], 1, k.shape[0], k.shape[1] };
        tf_int(&a, "group", k.shape[2]);
        kernel = tf_kernel(m, kernel, (int64_t[]){ 2, 3, 0, 1 }, shape);
    } else {
        kernel = tf_kernel(m, kernel, (int64_t[]){ 3, 2, 0, 1 }, NULL);
    }
    int in[] = { last ? tf_to_nchw(m, x) : x, kernel };
    int y = tf_write(m, "Conv", in, 2, &a);
    if (last)
        y = tf_to_nhwc(m, y);
    else if (tf_attr_int(m, "num_args", 0) > 0)
        tf_refuse(m, "fused with channels first");
    tf_out(m, 0, fused(m, y, 2));
}
static void turn_conv(tf_model *m) { convolve(m, false); }
static void turn_depthwise(tf_model *m) { convolve(m, true); }

/* What stands for a size that is computed: a whole number of strides, or (VALID) all that windows
 * reach. */
static void transpose_pads(tf_model *m, window *w, const ft_array *kernel, int64_t more[2]) {
    bool same_size = ft_str_is(tf_attr_str(m, "padding"), "SAME");
    for (int i = 0; i < 2; i++) {
        int64_t k = kernel->shape[i], stride = w->stride[i];
        int64_t total = same_size && k > stride ? k - stride : 0;
        w->pads[i] = total / 2;
        w->pads[i + 2] = total - total / 2;
        more[i] = same_size && stride > k ? stride - k : 0;
    }
}

/* The gradient of a convolution by its input: its padding is the forward convolution's. Input 0 is
 * the size of the result: several have the same windows. */
static void turn_conv_transpose(tf_model *m) {
    window w = { 0 };
    tf_attrs a = { 0 };
    ft_array k, sizes;
    int64_t more[2];
    int kernel = tf_in(m, 1), x = tf_in(m, 2);
    if (!known_kernel(m, kernel, &k)) return;
    if (!channels_last(m)) tf_refuse(m, "channels first");
    spatial(m, "strides", true, w.stride);
    tf_ints(&a, "strides", w.stride, 2);
    if (tf_known(m, tf_in(m, 0), &sizes) && ft_array_count(&sizes) == 4) {
        for (int i = 0; i < 2; i++) more[i] = (int64_t)ft_array_f64(&sizes, i + 1);
        tf_ints(&a, "output_shape", more, 2);
        tf_text(&a, "auto_pad", "SAME_UPPER"); /* the odd one at the end */
    } else {
        transpose_pads(m, &w, &k, more);
        tf_ints(&a, "pads", w.pads, 4);
        tf_ints(&a, "output_padding", more, 2);
    }
    int in[] = { tf_to_nchw(m, x), tf_kernel(m, kernel, (int64_t[]){ 3, 2, 0, 1 }, NULL) };
    tf_out(m, 0, tf_to_nhwc(m, tf_write(m, "ConvTranspose", in, 2, &a)));
}

static void turn_pool(tf_model *m) {
    window w = { 0 };
    tf_attrs a = { 0 };
    bool last = channels_last(m);
    int x = tf_in(m, 0);
    spatial(m, "strides", last, w.stride);
    spatial(m, "ksize", last, w.kernel);
    tf_ints(&a, "strides", w.stride, 2);
    tf_ints(&a, "kernel_shape", w.kernel, 2);
    padding(m, &a, &w, last);
    if (last) x = tf_to_nchw(m, x);
    x = tf_write(m, m->node->op.at[0] == 'M' ? "MaxPool" : "AveragePool", &x, 1, &a);
    tf_out(m, 0, last ? tf_to_nhwc(m, x) : x);
}

static void turn_batch_norm(tf_model *m) {
    tf_attrs a = { 0 };
    bool last = channels_last(m);
    int x = tf_in(m, 0);
    tf_float(&a, "epsilon", tf_attr_float(m, "epsilon", 1e-4));
    int in[] = { last ? tf_to_nchw(m, x) : x, tf_in(m, 1), tf_in(m, 2), tf_in(m, 3), tf_in(m, 4) };
    x = tf_write(m, "BatchNormalization", in, 5, &a);
    tf_out(m, 0, last ? tf_to_nhwc(m, x) : x);
}

/* ---- products */

static void turn_matmul(tf_model *m) {
    tf_attrs a = { 0 };
    int in[] = { tf_in(m, 0), tf_in(m, 1) };
    tf_int(&a, "transA", tf_attr_bool(m, "transpose_a"));
    tf_int(&a, "transB", tf_attr_bool(m, "transpose_b"));
    tf_out(m, 0, fused(m, tf_write(m, "Gemm", in, 2, &a), 2));
}
static void turn_batch_matmul(tf_model *m) {
    if (tf_attr_bool(m, "adj_x") || tf_attr_bool(m, "adj_y")) tf_refuse(m, "with one side turned");
    tf_out(m, 0, tf_write2(m, "MatMul", tf_in(m, 0), tf_in(m, 1)));
}

/* ---- sizes and places */

static void resize(tf_model *m, bool nearest) {
    tf_attrs a = { 0 };
    int64_t axes[] = { 2, 3 };
    bool corners = tf_attr_bool(m, "align_corners"), half = tf_attr_bool(m, "half_pixel_centers");
    tf_text(&a, "mode", nearest ? "nearest" : "linear");
    tf_text(&a, "coordinate_transformation_mode",
            corners ? "align_corners"
            : half  ? "half_pixel"
                    : "asymmetric");
    if (nearest) tf_text(&a, "nearest_mode", corners || half ? "round_prefer_ceil" : "floor");
    tf_ints(&a, "axes", axes, 2);
    int in[] = { tf_to_nchw(m, tf_in(m, 0)), FT_NN_NONE, FT_NN_NONE, tf_as_i64(m, tf_in(m, 1)) };
    tf_out(m, 0, tf_to_nhwc(m, tf_write(m, "Resize", in, 4, &a)));
}
static void turn_resize_linear(tf_model *m) { resize(m, false); }
static void turn_resize_nearest(tf_model *m) { resize(m, true); }

static void turn_pad(tf_model *m) {
    tf_attrs a = { 0 };
    ft_array pairs;
    int64_t pads[2 * FT_ARRAY_DIMS_MAX];
    ft_str mode = tf_attr_str(m, "mode");
    if (!tf_known(m, tf_in(m, 1), &pairs) || pairs.ndim != 2 || pairs.shape[1] != 2 ||
        pairs.shape[0] > FT_ARRAY_DIMS_MAX) {
        tf_refuse(m, "paddings that are computed, or no pairs");
        return;
    }
    int64_t dims = pairs.shape[0];
    for (int64_t i = 0; i < dims; i++) {
        pads[i] = (int64_t)ft_array_f64(&pairs, 2 * i);
        pads[dims + i] = (int64_t)ft_array_f64(&pairs, 2 * i + 1);
    }
    if (ft_str_is(mode, "REFLECT")) tf_text(&a, "mode", "reflect");
    if (ft_str_is(mode, "SYMMETRIC")) tf_refuse(m, "symmetric padding");
    int in[3] = { tf_in(m, 0), tf_i64(m, pads, (size_t)(2 * dims)), FT_NN_NONE };
    size_t count = 2;
    if (ft_str_is(m->node->op, "PadV2")) in[count++] = tf_in(m, 2);
    tf_out(m, 0, tf_write(m, "Pad", in, count, &a));
}

static void turn_reduce(tf_model *m) {
    static const same rows[] = { { "Mean", "ReduceMean" },
                                 { "Sum", "ReduceSum" },
                                 { "Max", "ReduceMax" },
                                 { "Min", "ReduceMin" },
                                 { "Prod", "ReduceProd" } };
    tf_attrs a = { 0 };
    ft_array axes;
    bool keep = tf_attr_bool(m, "keep_dims");
    int list = tf_as_i64(m, tf_in(m, 1));
    if (tf_known(m, list, &axes) && axes.ndim == 0)
        list = tf_i64_one(m, (int64_t)ft_array_f64(&axes, 0));
    tf_int(&a, "keepdims", keep);
    int in[] = { tf_in(m, 0), list };
    tf_out(m, 0, tf_write(m, ours_of(rows, FT_COUNT(rows), m->node->op), in, 2, &a));
}

static void turn_reshape(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "Reshape", tf_in(m, 0), tf_as_i64(m, tf_in(m, 1))));
}
static void turn_squeeze(tf_model *m) {
    int64_t axes[FT_ARRAY_DIMS_MAX];
    size_t count = tf_attr_ints(m, "squeeze_dims", axes, FT_ARRAY_DIMS_MAX);
    if (!count) count = tf_attr_ints(m, "axis", axes, FT_ARRAY_DIMS_MAX);
    int x = tf_in(m, 0);
    tf_out(m, 0,
           count ? tf_write2(m, "Squeeze", x, tf_i64(m, axes, count)) : tf_write1(m, "Squeeze", x));
}

/* A number that the graph must know while it is built. */
static int64_t known_int(tf_model *m, int value, const char *why) {
    ft_array a;
    if (tf_known(m, value, &a) && ft_array_count(&a) >= 1) return (int64_t)ft_array_f64(&a, 0);
    tf_refuse(m, why);
    return 0;
}

static int unsqueezed(tf_model *m, int x, int64_t axis) {
    return tf_write2(m, "Unsqueeze", x, tf_i64_one(m, axis));
}
static void turn_expand_dims(tf_model *m) {
    int64_t axis = known_int(m, tf_in(m, 1), "an axis that is computed");
    tf_out(m, 0, unsqueezed(m, tf_in(m, 0), axis));
}

static int concat(tf_model *m, const int *in, size_t count, int64_t axis) {
    tf_attrs a = { 0 };
    tf_int(&a, "axis", axis);
    return tf_write(m, "Concat", in, count, &a);
}
static void turn_pack(tf_model *m) {
    int in[TF_INPUTS_MAX];
    int64_t axis = tf_attr_int(m, "axis", 0);
    for (size_t i = 0; i < m->node->input_count; i++) in[i] = unsqueezed(m, tf_in(m, i), axis);
    tf_out(m, 0, concat(m, in, m->node->input_count, axis));
}
static void turn_concat(tf_model *m) {
    int in[TF_INPUTS_MAX];
    size_t count = m->node->input_count ? m->node->input_count - 1 : 0;
    int64_t axis = known_int(m, tf_in(m, count), "an axis that is computed");
    for (size_t i = 0; i < count; i++) in[i] = tf_in(m, i);
    tf_out(m, 0, concat(m, in, count, axis));
}

static int gather(tf_model *m, int x, int index, int64_t axis) {
    tf_attrs a = { 0 };
    tf_int(&a, "axis", axis);
    return tf_write(m, "Gather", (int[]){ x, index }, 2, &a);
}
static void turn_unpack(tf_model *m) {
    int64_t count = tf_attr_int(m, "num", 0), axis = tf_attr_int(m, "axis", 0);
    int x = tf_in(m, 0);
    if (count > TF_INPUTS_MAX) tf_refuse(m, "too many parts");
    for (int64_t i = 0; i < count && m->err == FT_OK; i++) {
        int one = gather(m, x, tf_i64_one(m, i), axis);
        tf_out(m, (size_t)i, tf_write2(m, "Squeeze", one, tf_i64_one(m, axis)));
    }
}

static void split(tf_model *m, int x, int sizes, int64_t axis, int64_t count) {
    tf_attrs a = { 0 };
    int in[] = { x, sizes }, out[TF_INPUTS_MAX];
    tf_int(&a, "axis", axis);
    if (sizes == FT_NN_NONE) tf_int(&a, "num_outputs", count);
    if (count < 1 || count > TF_INPUTS_MAX) tf_refuse(m, "too many parts");
    if (m->err != FT_OK) return;
    ft_nn_node_spec spec = { .op = "Split",
                             .inputs = in,
                             .input_count = sizes == FT_NN_NONE ? 1 : 2,
                             .attrs = a.at,
                             .attr_count = a.count,
                             .output_count = (size_t)count };
    m->err = ft_nn_node_add(m->g, &spec, out);
    for (int64_t i = 0; i < count; i++) tf_out(m, (size_t)i, out[i]);
}
static void turn_split(tf_model *m) {
    int64_t axis = known_int(m, tf_in(m, 0), "an axis that is computed");
    split(m, tf_in(m, 1), FT_NN_NONE, axis, tf_attr_int(m, "num_split", 0));
}
static void turn_split_v(tf_model *m) {
    int64_t axis = known_int(m, tf_in(m, 2), "an axis that is computed");
    split(m, tf_in(m, 0), tf_as_i64(m, tf_in(m, 1)), axis, tf_attr_int(m, "num_split", 0));
}

/* One place of x[a:b:c, …, d, None]. */
typedef struct place {
    bool ellipsis, fresh, shrunk, open_begin, open_end;
    int64_t begin, end, step;
} place;

static int64_t read_places(tf_model *m, place out[8]) {
    ft_array b, e, s;
    if (!tf_known(m, tf_in(m, 1), &b) || !tf_known(m, tf_in(m, 2), &e) ||
        !tf_known(m, tf_in(m, 3), &s) || ft_array_count(&b) > 8 ||
        ft_array_count(&e) != ft_array_count(&b) || ft_array_count(&s) != ft_array_count(&b)) {
        tf_refuse(m, "bounds that are computed");
        return 0;
    }
    for (int64_t i = 0; i < ft_array_count(&b); i++) {
        int64_t bit = (int64_t)1 << i;
        out[i] = (place){ .ellipsis = tf_attr_int(m, "ellipsis_mask", 0) & bit,
                          .fresh = tf_attr_int(m, "new_axis_mask", 0) & bit,
                          .shrunk = tf_attr_int(m, "shrink_axis_mask", 0) & bit,
                          .open_begin = tf_attr_int(m, "begin_mask", 0) & bit,
                          .open_end = tf_attr_int(m, "end_mask", 0) & bit,
                          .begin = (int64_t)ft_array_f64(&b, i),
                          .end = (int64_t)ft_array_f64(&e, i),
                          .step = (int64_t)ft_array_f64(&s, i) };
    }
    return ft_array_count(&b);
}

typedef struct cutting { /* axes of the input for the slice, then those that vanish and appear */
    int64_t starts[8], ends[8], axes[8], steps[8], gone[8], made[8];
    size_t count, gone_count, made_count;
} cutting;

static void cut_place(cutting *c, const place *p, int64_t axis) {
    bool forward = p->step > 0;
    c->starts[c->count] = !p->open_begin || p->shrunk ? p->begin : forward ? 0 : INT64_MAX;
    c->ends[c->count] = p->shrunk      ? (p->begin == -1 ? INT64_MAX : p->begin + 1)
                        : !p->open_end ? p->end
                        : forward      ? INT64_MAX
                                       : INT64_MIN;
    c->steps[c->count] = p->shrunk ? 1 : p->step;
    c->axes[c->count++] = axis;
    if (p->shrunk) c->gone[c->gone_count++] = axis;
}

/* Behind an ellipsis axes count from the end: of the input, and of the output. */
static void read_cutting(cutting *c, const place *p, int64_t count) {
    int64_t in = 0, out = 0;
    for (int64_t i = 0; i < count; i++) {
        if (p[i].ellipsis) {
            in = out = 0;
            for (int64_t k = i + 1; k < count; k++) {
                in -= !p[k].fresh;
                out -= p[k].fresh || !p[k].shrunk;
            }
            continue;
        }
        if (p[i].fresh) {
            c->made[c->made_count++] = out++;
            continue;
        }
        cut_place(c, &p[i], in++);
        out += !p[i].shrunk;
    }
}

static void turn_strided_slice(tf_model *m) {
    place places[8];
    cutting c = { 0 };
    int x = tf_in(m, 0);
    read_cutting(&c, places, read_places(m, places));
    if (c.count) {
        int in[] = { x, tf_i64(m, c.starts, c.count), tf_i64(m, c.ends, c.count),
                     tf_i64(m, c.axes, c.count), tf_i64(m, c.steps, c.count) };
        x = tf_write(m, "Slice", in, 5, NULL);
    }
    if (c.gone_count) x = tf_write2(m, "Squeeze", x, tf_i64(m, c.gone, c.gone_count));
    if (c.made_count) x = tf_write2(m, "Unsqueeze", x, tf_i64(m, c.made, c.made_count));
    tf_out(m, 0, x);
}

static void turn_slice(tf_model *m) {
    ft_array b, s;
    int64_t ends[FT_ARRAY_DIMS_MAX], starts[FT_ARRAY_DIMS_MAX];
    if (!tf_known(m, tf_in(m, 1), &b) || !tf_known(m, tf_in(m, 2), &s) ||
        ft_array_count(&b) > FT_ARRAY_DIMS_MAX) {
        tf_refuse(m, "bounds that are computed");
        return;
    }
    int64_t count = ft_array_count(&b);
    for (int64_t i = 0; i < count; i++) {
        int64_t size = (int64_t)ft_array_f64(&s, i);
        starts[i] = (int64_t)ft_array_f64(&b, i);
        ends[i] = size < 0 ? INT64_MAX : starts[i] + size;
    }
    int in[] = { tf_in(m, 0), tf_i64(m, starts, (size_t)count), tf_i64(m, ends, (size_t)count) };
    tf_out(m, 0, tf_write(m, "Slice", in, 3, NULL));
}

static void turn_transpose(tf_model *m) {
    ft_array p;
    int64_t perm[FT_ARRAY_DIMS_MAX];
    if (!tf_known(m, tf_in(m, 1), &p) || ft_array_count(&p) > FT_ARRAY_DIMS_MAX) {
        tf_refuse(m, "an order that is computed");
        return;
    }
    for (int64_t i = 0; i < ft_array_count(&p); i++) perm[i] = (int64_t)ft_array_f64(&p, i);
    tf_out(m, 0, tf_transpose(m, tf_in(m, 0), perm, (size_t)ft_array_count(&p)));
}

static void turn_depth_to_space(tf_model *m) {
    tf_attrs a = { 0 };
    bool last = channels_last(m);
    int x = tf_in(m, 0);
    tf_int(&a, "blocksize", tf_attr_int(m, "block_size", 2));
    if (last) x = tf_to_nchw(m, x);
    x = tf_write(m, "DepthToSpace", &x, 1, &a);
    tf_out(m, 0, last ? tf_to_nhwc(m, x) : x);
}

/* ---- indexes */

static void turn_gather_nd(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "GatherND", tf_in(m, 0), tf_as_i64(m, tf_in(m, 1))));
}
static void turn_gather(tf_model *m) {
    int64_t axis =
        m->node->input_count > 2 ? known_int(m, tf_in(m, 2), "an axis that is computed") : 0;
    tf_out(m, 0, gather(m, tf_in(m, 0), tf_in(m, 1), axis));
}
static void turn_arg(tf_model *m) {
    tf_attrs a = { 0 };
    int x = tf_in(m, 0);
    tf_int(&a, "axis", known_int(m, tf_in(m, 1), "an axis that is computed"));
    tf_int(&a, "keepdims", 0);
    x = tf_write(m, ft_str_is(m->node->op, "ArgMax") ? "ArgMax" : "ArgMin", &x, 1, &a);
    tf_out(m, 0, tf_cast(m, x, tf_attr_type(m, "output_type", FT_I64)));
}
static void turn_top_k(tf_model *m) {
    tf_attrs a = { 0 };
    int out[2], k = tf_as_i64(m, tf_in(m, 1));
    ft_array known;
    if (tf_known(m, k, &known)) k = tf_i64_one(m, known_int(m, k, "no number of items"));
    int in[] = { tf_in(m, 0), k };
    tf_int(&a, "axis", -1);
    if (m->err != FT_OK) return;
    ft_nn_node_spec spec = { .op = "TopK",
                             .inputs = in,
                             .input_count = 2,
                             .attrs = a.at,
                             .attr_count = a.count,
                             .output_count = 2 };
    m->err = ft_nn_node_add(m->g, &spec, out);
    if (m->err != FT_OK) return;
    tf_out(m, 0, out[0]);
    tf_out(m, 1, tf_cast(m, out[1], FT_I32));
}

static void turn_tile(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "Tile", tf_in(m, 0), tf_as_i64(m, tf_in(m, 1))));
}
static void turn_fill(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "Expand", tf_in(m, 1), tf_as_i64(m, tf_in(m, 0))));
}
static void turn_range(tf_model *m) {
    int in[] = { tf_in(m, 0), tf_in(m, 1), tf_in(m, 2) };
    tf_out(m, 0, tf_write(m, "Range", in, 3, NULL));
}
static void turn_shape(tf_model *m) {
    tf_out(m, 0,
           tf_cast(m, tf_write1(m, "Shape", tf_in(m, 0)), tf_attr_type(m, "out_type", FT_I32)));
}
static void turn_size(tf_model *m) {
    tf_out(m, 0,
           tf_cast(m, tf_write1(m, "Size", tf_in(m, 0)), tf_attr_type(m, "out_type", FT_I32)));
}
static void turn_zeros_like(tf_model *m) {
    int x = tf_in(m, 0);
    tf_out(m, 0, tf_write2(m, "Sub", x, x));
}

/* A list of places in one dimension becomes a list of lists. */
static void turn_sparse_to_dense(tf_model *m) {
    ft_array places;
    int indexes = tf_as_i64(m, tf_in(m, 0));
    if (tf_known(m, indexes, &places) && places.ndim == 1) indexes = unsqueezed(m, indexes, 1);
    int dense = tf_write2(m, "Expand", tf_in(m, 3), tf_as_i64(m, tf_in(m, 1)));
    tf_out(m, 0, tf_write(m, "ScatterND", (int[]){ dense, indexes, tf_in(m, 2) }, 3, NULL));
}

/* ---- the table */

const tf_op tf_ops[] = {
    { "Identity", turn_identity },
    { "StopGradient", turn_identity },
    { "Sigmoid", turn_unary },
    { "Relu", turn_unary },
    { "Tanh", turn_unary },
    { "Exp", turn_unary },
    { "Log", turn_unary },
    { "Sqrt", turn_unary },
    { "Abs", turn_unary },
    { "Neg", turn_unary },
    { "Floor", turn_unary },
    { "Ceil", turn_unary },
    { "Round", turn_unary },
    { "Reciprocal", turn_unary },
    { "Inv", turn_unary },
    { "Softplus", turn_unary },
    { "Softsign", turn_unary },
    { "LogicalNot", turn_unary },
    { "Elu", turn_unary },
    { "Selu", turn_unary },
    { "Erf", turn_unary },
    { "Sin", turn_unary },
    { "Cos", turn_unary },
    { "Sign", turn_unary },
    { "Add", turn_binary },
    { "AddV2", turn_binary },
    { "BiasAdd", turn_binary },
    { "Sub", turn_binary },
    { "Mul", turn_binary },
    { "RealDiv", turn_binary },
    { "Div", turn_binary },
    { "Maximum", turn_binary },
    { "Minimum", turn_binary },
    { "Pow", turn_binary },
    { "Less", turn_binary },
    { "LessEqual", turn_binary },
    { "Greater", turn_binary },
    { "GreaterEqual", turn_binary },
    { "Equal", turn_binary },
    { "LogicalAnd", turn_binary },
    { "LogicalOr", turn_binary },
    { "Prelu", turn_binary },
    { "NotEqual", turn_not_equal },
    { "Relu6", turn_relu6 },
    { "LeakyRelu", turn_leaky },
    { "ClipByValue", turn_clip },
    { "Square", turn_square },
    { "SquaredDifference", turn_squared_difference },
    { "Rsqrt", turn_rsqrt },
    { "FloorDiv", turn_floor_div },
    { "FloorMod", turn_floor_mod },
    { "Mod", turn_floor_mod },
    { "AddN", turn_add_n },
    { "Cast", turn_cast },
    { "Select", turn_select },
    { "SelectV2", turn_select },
    { "Softmax", turn_softmax },
    { "Conv2D", turn_conv },
    { "_FusedConv2D", turn_conv },
    { "DepthwiseConv2dNative", turn_depthwise },
    { "FusedDepthwiseConv2dNative", turn_depthwise },
    { "Conv2DBackpropInput", turn_conv_transpose },
    { "MaxPool", turn_pool },
    { "AvgPool", turn_pool },
    { "FusedBatchNorm", turn_batch_norm },
    { "FusedBatchNormV2", turn_batch_norm },
    { "FusedBatchNormV3", turn_batch_norm },
    { "MatMul", turn_matmul },
    { "_FusedMatMul", turn_matmul },
    { "BatchMatMul", turn_batch_matmul },
    { "BatchMatMulV2", turn_batch_matmul },
    { "ResizeBilinear", turn_resize_linear },
    { "ResizeNearestNeighbor", turn_resize_nearest },
    { "Pad", turn_pad },
    { "PadV2", turn_pad },
    { "MirrorPad", turn_pad },
    { "Mean", turn_reduce },
    { "Sum", turn_reduce },
    { "Max", turn_reduce },
    { "Min", turn_reduce },
    { "Prod", turn_reduce },
    { "Reshape", turn_reshape },
    { "Squeeze", turn_squeeze },
    { "ExpandDims", turn_expand_dims },
    { "Pack", turn_pack },
    { "Unpack", turn_unpack },
    { "ConcatV2", turn_concat },
    { "Split", turn_split },
    { "SplitV", turn_split_v },
    { "StridedSlice", turn_strided_slice },
    { "Slice", turn_slice },
    { "Transpose", turn_transpose },
    { "DepthToSpace", turn_depth_to_space },
    { "GatherNd", turn_gather_nd },
    { "GatherV2", turn_gather },
    { "Gather", turn_gather },
    { "ArgMax", turn_arg },
    { "ArgMin", turn_arg },
    { "TopKV2", turn_top_k },
    { "Tile", turn_tile },
    { "Fill", turn_fill },
    { "Range", turn_range },
    { "Shape", turn_shape },
    { "Size", turn_size },
    { "ZerosLike", turn_zeros_like },
    { "SparseToDense", turn_sparse_to_dense },
    { 0 },
};
