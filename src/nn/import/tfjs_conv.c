/* tfjs_conv.c -- what TensorFlow's convolutions, pools, normalisations and products become. See
 * tfjs_in.h. */
#include "base/check.h"
#include "nn/import/tfjs_in.h"

/* ---- convolutions */

bool tf_channels_last(tf_model *m) {
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
    if (ft_str_is(kind, "Relu6")) return tf_clip(m, x, 0, 6);
    if (ft_str_is(kind, "Elu")) return tf_write1(m, "Elu", x);
    if (ft_str_is(kind, "Sigmoid")) return tf_write1(m, "Sigmoid", x);
    if (ft_str_is(kind, "LeakyRelu")) return tf_leaky(m, x, "leakyrelu_alpha");
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
    bool last = tf_channels_last(m);
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
    if (!tf_channels_last(m)) tf_refuse(m, "channels first");
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
    bool last = tf_channels_last(m);
    int x = tf_in(m, 0);
    spatial(m, "strides", last, w.stride);
    spatial(m, "ksize", last, w.kernel);
    tf_ints(&a, "strides", w.stride, 2);
    tf_ints(&a, "kernel_shape", w.kernel, 2);
    padding(m, &a, &w, last);
    if (last) x = tf_to_nchw(m, x);
    x = tf_write(m, m->op->ours, &x, 1, &a);
    tf_out(m, 0, last ? tf_to_nhwc(m, x) : x);
}

static void turn_batch_norm(tf_model *m) {
    tf_attrs a = { 0 };
    bool last = tf_channels_last(m);
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

/* ---- the table */

const tf_op tf_ops_conv[] = {
    { "Conv2D", turn_conv, NULL },
    { "_FusedConv2D", turn_conv, NULL },
    { "DepthwiseConv2dNative", turn_depthwise, NULL },
    { "FusedDepthwiseConv2dNative", turn_depthwise, NULL },
    { "Conv2DBackpropInput", turn_conv_transpose, NULL },
    { "MaxPool", turn_pool, "MaxPool" },
    { "AvgPool", turn_pool, "AveragePool" },
    { "FusedBatchNorm", turn_batch_norm, NULL },
    { "FusedBatchNormV2", turn_batch_norm, NULL },
    { "FusedBatchNormV3", turn_batch_norm, NULL },
    { "MatMul", turn_matmul, NULL },
    { "_FusedMatMul", turn_matmul, NULL },
    { "BatchMatMul", turn_batch_matmul, NULL },
    { "BatchMatMulV2", turn_batch_matmul, NULL },
    { 0 },
};
