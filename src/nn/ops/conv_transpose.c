/* conv_transpose.c -- ConvTranspose (ONNX 11): the gradient of a convolution with respect to its
 * input, as an operation of its own (deconvolution heads, upsampling). */
#include "nn/ops/conv_in.h"

static const ft_nn_attr_row attrs[] = { { "auto_pad", FT_NN_STRING, NAN, "NOTSET", false },
                                        { "dilations", FT_NN_INTS, NAN, NULL, false },
                                        { "group", FT_NN_INT, 1, NULL, false },
                                        { "kernel_shape", FT_NN_INTS, NAN, NULL, false },
                                        { "output_padding", FT_NN_INTS, NAN, NULL, false },
                                        { "output_shape", FT_NN_INTS, NAN, NULL, false },
                                        { "pads", FT_NN_INTS, NAN, NULL, false },
                                        { "strides", FT_NN_INTS, NAN, NULL, false },
                                        FT_NN_LAST_ATTR,
                                        FT_NN_SCALE_ATTR,
                                        FT_NN_POST_ATTRS,
                                        { 0 } };

static ft_err ints_of(int64_t *out, const ft_nn_node *n, const char *name, int dims, int64_t least,
                      int64_t otherwise) {
    const int64_t *ints;
    size_t count;
    for (int i = 0; i < dims; i++) out[i] = otherwise;
    if (!ft_nn_attr_ints(n, name, &ints, &count) || count == 0) return FT_OK;
    if (count < (size_t)dims)
        return ft_nn_refuse_(n, FT_EINVAL, "%s holds %zu numbers, expected %d", name, count, dims);
    for (int i = 0; i < dims; i++) {
        out[i] = ints[count - (size_t)dims + (size_t)i];
        if (out[i] < least || out[i] > INT32_MAX)
            return ft_nn_refuse_(n, FT_EINVAL, "%s holds %lld", name, (long long)out[i]);
    }
    return FT_OK;
}

/* Pads that give the size asked for; the odd one at the end, or at the beginning for SAME_LOWER and
 * output_shape (as the specification has it). */
static void pads_split(ft_nn_window *w, int d, int64_t total, bool upper) {
    if (total < 0) total = 0;
    w->pad_begin[d] = upper ? total / 2 : total - total / 2;
    w->pad_end[d] = total - w->pad_begin[d];
}

/* The window of the convolution that this one transposes: from output (its input) to input. */
static ft_err window_of(ft_nn_window *w, const ft_nn_node *n, const ft_array *x,
                        const int64_t *kernel, int64_t *out) {
    int64_t pads[2 * FT_ARRAY_DIMS_MAX], extra[FT_ARRAY_DIMS_MAX], asked[FT_ARRAY_DIMS_MAX];
    int dims = x->ndim - 2;
    ft_str pad = ft_nn_attr_str(n, "auto_pad");
    bool upper = ft_str_is(pad, "SAME_UPPER"), same = upper || ft_str_is(pad, "SAME_LOWER");
    *w = (ft_nn_window){ .dims = dims };
    FT_TRY(ints_of(w->stride, n, "strides", dims, 1, 1));
    FT_TRY(ints_of(w->dilation, n, "dilations", dims, 1, 1));
    FT_TRY(ints_of(pads, n, "pads", 2 * dims, 0, 0));
    FT_TRY(ints_of(extra, n, "output_padding", dims, 0, 0));
    FT_TRY(ints_of(asked, n, "output_shape", dims, 0, -1));
    for (int i = 0; i < dims; i++) {
        int64_t in = x->shape[i + 2];
        w->kernel[i] = kernel[i];
        w->pad_begin[i] = pads[i], w->pad_end[i] = pads[dims + i];
        out[i] = FT_NN_DIM_ANY;
        if (in < 0) continue;
        int64_t full = w->stride[i] * (in - 1) + extra[i] + (kernel[i] - 1) * w->dilation[i] + 1;
        if (asked[i] < 0 && same) asked[i] = in * w->stride[i];
        if (asked[i] >= 0) pads_split(w, i, full - asked[i], upper);
        if (ft_str_is(pad, "VALID")) w->pad_begin[i] = w->pad_end[i] = 0;
        out[i] = full - w->pad_begin[i] - w->pad_end[i];
        if (asked[i] > out[i]) out[i] = asked[i]; /* more than the window reaches: zeros */
        if (out[i] < 0) return ft_nn_refuse_(n, FT_EINVAL, "the pads are larger than the output");
        w->pad_end[i] = w->stride[i] * (in - 1) + (kernel[i] - 1) * w->dilation[i] + 1 -
                        w->pad_begin[i] - out[i];
    }
    return FT_OK;
}

static ft_err channels_check(const ft_nn_infer *i, const ft_array *x, const ft_array *w,
                             int64_t groups) {
    if (groups < 1 || groups > INT32_MAX || (x->shape[1] >= 0 && x->shape[1] != w->shape[0]) ||
        w->shape[0] % groups)
        return ft_nn_refuse_(i->node, FT_EINVAL,
                             "the input has %lld channels, the weight takes %lld in %lld groups",
                             (long long)x->shape[1], (long long)w->shape[0], (long long)groups);
    if (ft_nn_given(i->in, i->in_count, 2) && ft_nn_sized(&i->in[2]) &&
        ft_array_count(&i->in[2]) != w->shape[1] * groups)
        return ft_nn_refuse_(i->node, FT_EINVAL, "the bias must have %lld items",
                             (long long)(w->shape[1] * groups));
    return FT_OK;
}

static ft_err infer(ft_nn_infer *i) {
    ft_nn_window window;
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_FLOATS));
    FT_TRY(ft_nn_take_same(i, 0, 1));
    ft_array x = ft_nn_first(&i->in[0], ft_nn_last(i->node)), w = i->in[1];
    i->out[0] = ft_nn_unknown(x.dtype);
    if (x.ndim < 0 || !ft_nn_sized(&w)) return FT_OK;
    if (x.ndim < 3 || x.ndim != w.ndim)
        return ft_nn_refuse_(i->node, FT_EINVAL, "an input of %d and a weight of %d dimensions",
                             x.ndim, w.ndim);
    int64_t groups = ft_nn_attr_int(i->node, "group");
    FT_TRY(channels_check(i, &x, &w, groups));
    ft_array *y = &i->out[0];
    y->ndim = x.ndim;
    y->shape[0] = x.shape[0];
    y->shape[1] = w.shape[1] * groups;
    FT_TRY(window_of(&window, i->node, &x, w.shape + 2, y->shape + 2));
    ft_nn_to_last(y, ft_nn_last(i->node));
    return ft_nn_post_infer(i);
}

static ft_err shape_of(ft_nn_conv_shape *s, const ft_nn_node *n, const ft_array *in,
                       const ft_array *out) {
    ft_array x = ft_nn_first(&in[0], ft_nn_last(n));
    int64_t spatial[FT_ARRAY_DIMS_MAX];
    ft_nn_conv_shape_of(s, n, &out[0], &in[0], &in[1]);
    return window_of(&s->window, n, &x, in[1].shape + 2, spatial);
}

static ft_err reference(const ft_nn_call *c) {
    ft_nn_conv_shape s;
    FT_TRY(shape_of(&s, c->node, c->in, c->out));
    bool bias = ft_nn_given(c->in, c->in_count, 2);
    ft_nn_conv_plain_transposed(&s, &c->out[0], &c->in[1], bias ? &c->in[2] : NULL, &c->in[0]);
    ft_nn_posts_apply(c);
    return FT_OK;
}

static ft_err prepare(ft_nn_prepare *p) {
    ft_nn_conv_shape s;
    FT_TRY(shape_of(&s, p->node, p->in, p->out));
    return ft_nn_conv_prepare(p, &s, true);
}

static ft_err backward(const ft_nn_call *c) {
    ft_nn_conv_shape s;
    uint32_t left;
    FT_TRY(shape_of(&s, c->node, c->in, c->out));
    FT_TRY(ft_nn_conv_backward(c, &s, &left));
    if (left & 1) ft_nn_conv_plain(&s, c->out_grad, &c->in[1], NULL, &c->in_grad[0]);
    if (!(left & 2)) return FT_OK;
    if (c->in_grad[1].data) ft_nn_conv_plain_weights(&s, c->out_grad, &c->in_grad[1], &c->in[0]);
    if (c->in_count > 2 && c->in_grad[2].data)
        ft_nn_conv_plain_bias(&s.x, c->out_grad, &c->in_grad[2]);
    return FT_OK;
}

static int64_t flops(const ft_nn_node *n, const ft_array *in, const ft_array *out) {
    (void)n, (void)out;
    int64_t each = 2;
    for (int i = 1; i < in[1].ndim; i++) each *= in[1].shape[i];
    return ft_array_count(&in[0]) * each;
}

extern const ft_nn_op ft_nn_op_conv_transpose;
const ft_nn_op ft_nn_op_conv_transpose = { .name = "ConvTranspose",
                                           .doc = "transposed convolution",
                                           .attrs = attrs,
                                           .inputs_min = 2,
                                           .inputs_max = 4,
                                           .outputs_min = 1,
                                           .outputs_max = 1,
                                           .infer = infer,
                                           .reference = reference,
                                           .forward = ft_nn_conv_forward,
                                           .backward = backward,
                                           .prepare = prepare,
                                           .unprepare = ft_nn_conv_unprepare,
                                           .flops = flops,
                                           .packs = true,
                                           .apart = ft_nn_apart,
                                           .reads = FT_NN_READS_INPUTS };
