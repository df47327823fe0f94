/* conv.c -- Conv (ONNX 11): strided, dilated, grouped and depthwise convolution in 1 to 6
 * dimensions. y[n,o,p] = b[o] + sum over i, k of x[n, i, p*stride - pad + k*dilation] * w[o,i,k].
 */
#include "nn/ops/conv_in.h"

static const ft_nn_attr_row attrs[] = { { "auto_pad", FT_NN_STRING, NAN, "NOTSET", false },
                                        { "dilations", FT_NN_INTS, NAN, NULL, false },
                                        { "group", FT_NN_INT, 1, NULL, false },
                                        { "kernel_shape", FT_NN_INTS, NAN, NULL, false },
                                        { "pads", FT_NN_INTS, NAN, NULL, false },
                                        { "strides", FT_NN_INTS, NAN, NULL, false },
                                        FT_NN_LAST_ATTR,
                                        FT_NN_SCALE_ATTR,
                                        FT_NN_POST_ATTRS,
                                        { 0 } };

static ft_err kernel_check(const ft_nn_node *n, const ft_array *w) {
    const int64_t *kernel;
    size_t count;
    if (!ft_nn_attr_ints(n, "kernel_shape", &kernel, &count)) return FT_OK;
    if ((int)count != w->ndim - 2)
        return ft_nn_refuse_(n, FT_EINVAL, "kernel_shape has %zu sizes, the weight has %d", count,
                             w->ndim - 2);
    for (int i = 0; i < w->ndim - 2; i++)
        if (kernel[i] != w->shape[i + 2])
            return ft_nn_refuse_(n, FT_EINVAL, "kernel_shape is not the weight's shape");
    return FT_OK;
}

/* Channels and groups; sizes that are not known yet are not looked at. */
static ft_err channels_check(const ft_nn_node *n, const ft_array *x, const ft_array *w) {
    int64_t groups = ft_nn_attr_int(n, "group");
    if (groups < 1 || groups > INT32_MAX || w->shape[0] % groups)
        return ft_nn_refuse_(n, FT_EINVAL, "%lld output channels do not split into %lld groups",
                             (long long)w->shape[0], (long long)groups);
    if (x->shape[1] >= 0 && x->shape[1] != w->shape[1] * groups)
        return ft_nn_refuse_(n, FT_EINVAL, "the input has %lld channels, the weight takes %lld",
                             (long long)x->shape[1], (long long)(w->shape[1] * groups));
    return FT_OK;
}

static ft_err bias_check(const ft_nn_infer *i, const ft_array *w) {
    if (!ft_nn_given(i->in, i->in_count, 2)) return FT_OK;
    const ft_array *b = &i->in[2];
    FT_TRY(ft_nn_take(i, 2, FT_NN_FLOATS));
    if (ft_nn_sized(b) && (b->ndim != 1 || b->shape[0] != w->shape[0]))
        return ft_nn_refuse_(i->node, FT_EINVAL, "the bias must have %lld items",
                             (long long)w->shape[0]);
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
    FT_TRY(kernel_check(i->node, &w));
    FT_TRY(channels_check(i->node, &x, &w));
    FT_TRY(bias_check(i, &w));
    ft_array *y = &i->out[0];
    y->ndim = x.ndim;
    y->shape[0] = x.shape[0];
    y->shape[1] = w.shape[0];
    FT_TRY(ft_nn_window_of(&window, i->node, &x, w.shape + 2, y->shape + 2));
    ft_nn_to_last(y, ft_nn_last(i->node));
    return ft_nn_post_infer(i);
}

static ft_err shape_of(ft_nn_conv_shape *s, const ft_nn_node *n, const ft_array *in,
                       const ft_array *out) {
    ft_array x = ft_nn_first(&in[0], ft_nn_last(n));
    int64_t spatial[FT_ARRAY_DIMS_MAX];
    ft_nn_conv_shape_of(s, n, &in[0], &out[0], &in[1]);
    return ft_nn_window_of(&s->window, n, &x, in[1].shape + 2, spatial);
}

static ft_err reference(const ft_nn_call *c) {
    ft_nn_conv_shape s;
    FT_TRY(shape_of(&s, c->node, c->in, c->out));
    bool bias = ft_nn_given(c->in, c->in_count, 2);
    ft_nn_conv_plain(&s, &c->in[0], &c->in[1], bias ? &c->in[2] : NULL, &c->out[0]);
    ft_nn_posts_apply(c);
    return FT_OK;
}

static ft_err prepare(ft_nn_prepare *p) {
    ft_nn_conv_shape s;
    FT_TRY(shape_of(&s, p->node, p->in, p->out));
    return ft_nn_conv_prepare(p, &s, false);
}

static ft_err backward(const ft_nn_call *c) {
    ft_nn_conv_shape s;
    uint32_t left;
    FT_TRY(shape_of(&s, c->node, c->in, c->out));
    FT_TRY(ft_nn_conv_backward(c, &s, &left));
    if (left & 1) ft_nn_conv_plain_transposed(&s, &c->in_grad[0], &c->in[1], NULL, c->out_grad);
    if (!(left & 2)) return FT_OK;
    if (c->in_grad[1].data) ft_nn_conv_plain_weights(&s, &c->in[0], &c->in_grad[1], c->out_grad);
    if (c->in_count > 2 && c->in_grad[2].data)
        ft_nn_conv_plain_bias(&s.y, c->out_grad, &c->in_grad[2]);
    return FT_OK;
}

static int64_t flops(const ft_nn_node *n, const ft_array *in, const ft_array *out) {
    (void)n;
    int64_t each = 2;
    for (int i = 1; i < in[1].ndim; i++) each *= in[1].shape[i];
    return ft_array_count(&out[0]) * each;
}

extern const ft_nn_op ft_nn_op_conv;
const ft_nn_op ft_nn_op_conv = { .name = "Conv",
                                 .doc = "convolution with strides, dilations and groups",
                                 .attrs = attrs,
                                 .inputs_min = 2,
                                 .inputs_max = 4, /* the fourth: what `ft_post` adds */
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
                                 .rows = FT_NN_ROWS_WINDOW,
                                 .reads = FT_NN_READS_INPUTS };
