/* make.c -- arrays out of little: ConstantOfShape, Range, EyeLike, OneHot, Trilu, and the windows
 * of signal processing (Hann, Hamming, Blackman). */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

#define MAKE(sym, NAME, DOC, ATTRS, MIN, MAX)               \
    extern const ft_nn_op ft_nn_op_##sym;                   \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,         \
                                      .doc = DOC,           \
                                      .attrs = ATTRS,       \
                                      .inputs_min = MIN,    \
                                      .inputs_max = MAX,    \
                                      .outputs_min = 1,     \
                                      .outputs_max = 1,     \
                                      .infer = sym##_infer, \
                                      .reference = sym##_run };

/* ---- ConstantOfShape */

static ft_err constant_of_shape_infer(ft_nn_infer *i) {
    const ft_nn_attr *value = ft_nn_attr_find(i->node, "value");
    ft_array *out = &i->out[0];
    FT_TRY(ft_nn_take(i, 0, FT_NN_INDEXES));
    *out = ft_nn_unknown(value ? value->tensor.dtype : FT_F32);
    if (value && ft_array_count(&value->tensor) != 1)
        return ft_nn_refuse_(i->node, FT_EINVAL, "the value must be one number");
    i->content_needed = !ft_nn_content(&i->in[0]);
    if (i->content_needed) return FT_OK;
    FT_TRY(ft_nn_ints_of(i->node, "the shape", &i->in[0], out->shape, &out->ndim));
    for (int d = 0; d < out->ndim; d++) {
        if (out->shape[d] < 0)
            return ft_nn_refuse_(i->node, FT_EINVAL, "a size of %" PRId64, out->shape[d]);
    }
    return ft_nn_sane(i->node, out);
}
static ft_err constant_of_shape_run(const ft_nn_call *c) {
    static const float zero = 0;
    const ft_nn_attr *value = ft_nn_attr_find(c->node, "value");
    ft_nn_fill(c->out[0].data, value ? value->tensor.data : &zero, ft_dtype_bytes(c->out[0].dtype),
               ft_array_count(&c->out[0]));
    return FT_OK;
}
static const ft_nn_attr_row value_attrs[] = { { "value", FT_NN_TENSOR, 0, NULL, false }, { 0 } };
MAKE(constant_of_shape, "ConstantOfShape", "one value in a shape", value_attrs, 1, 1)

/* ---- Range: start, limit, step */

static ft_err range_infer(ft_nn_infer *i) {
    for (size_t k = 0; k < 3; k++) {
        FT_TRY(ft_nn_take(i, k, FT_NN_NUMBERS));
        FT_TRY(ft_nn_take_same(i, 0, k));
        i->content_needed |= !ft_nn_content(&i->in[k]);
    }
    i->out[0] = (ft_array){ .dtype = i->in[0].dtype, .ndim = 1, .shape = { FT_NN_DIM_ANY } };
    if (i->content_needed) return FT_OK;
    double start = ft_array_f64(&i->in[0], 0), limit = ft_array_f64(&i->in[1], 0);
    double step = ft_array_f64(&i->in[2], 0), count = ceil((limit - start) / step);
    if (step == 0 || isnan(count) || count > 0x1p40)
        return ft_nn_refuse_(i->node, FT_EINVAL, "no range from %g to %g by %g", start, limit,
                             step);
    i->out[0].shape[0] = count > 0 ? (int64_t)count : 0;
    return FT_OK;
}
static ft_err range_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    for (int64_t k = 0; k < out->shape[0]; k++) {
        if (ft_nn_is_float(out->dtype))
            ft_nn_put_f64(out, k,
                          ft_array_f64(&c->in[0], 0) + (double)k * ft_array_f64(&c->in[2], 0));
        else
            ft_nn_put_int(out, k, ft_nn_get_int(&c->in[0], 0) + k * ft_nn_get_int(&c->in[2], 0));
    }
    return FT_OK;
}
MAKE(range, "Range", "numbers from start to limit by a step", NULL, 3, 3)

/* ---- EyeLike */

static ft_err eye_like_infer(ft_nn_infer *i) {
    const ft_nn_attr *type = ft_nn_attr_find(i->node, "dtype");
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_infer_same(i));
    if (i->in[0].ndim >= 0 && i->in[0].ndim != 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes two dimensions");
    return type ? ft_nn_type_of(&i->out[0].dtype, i->node, type->i) : FT_OK;
}
static ft_err eye_like_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    int64_t k = ft_nn_attr_int(c->node, "k");
    memset(out->data, 0, ft_array_bytes(out));
    for (int64_t row = 0; row < out->shape[0]; row++) {
        if (row + k >= 0 && row + k < out->shape[1])
            ft_nn_put_f64(out, row * out->shape[1] + row + k, 1);
    }
    return FT_OK;
}
static const ft_nn_attr_row eye_attrs[] = { { "dtype", FT_NN_INT, 1, NULL, false },
                                            { "k", FT_NN_INT, 0, NULL, false },
                                            { 0 } };
MAKE(eye_like, "EyeLike", "ones on a diagonal, zeros elsewhere", eye_attrs, 1, 1)

/* ---- OneHot: indices, depth, (off, on) */

static ft_err one_hot_infer(ft_nn_infer *i) {
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take(i, 2, FT_NN_ANY_TYPE));
    *out = ft_nn_unknown(i->in[2].dtype);
    i->content_needed = !ft_nn_content(&i->in[1]);
    if (ft_nn_sized(&i->in[2]) && ft_nn_product(&i->in[2], 0, i->in[2].ndim) != 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "values must be two: off and on");
    if (in->ndim < 0) return FT_OK;
    if (in->ndim + 1 > FT_ARRAY_DIMS_MAX)
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "more than %d dimensions",
                             FT_ARRAY_DIMS_MAX);
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), in->ndim + 1));
    int64_t depth = FT_NN_DIM_ANY;
    if (!i->content_needed) {
        if (ft_array_count(&i->in[1]) != 1)
            return ft_nn_refuse_(i->node, FT_EINVAL, "depth must be one number");
        depth = ft_nn_get_int(&i->in[1], 0);
        if (depth < 0) return ft_nn_refuse_(i->node, FT_EINVAL, "depth %" PRId64, depth);
    }
    out->ndim = in->ndim + 1;
    for (int d = 0, from = 0; d < out->ndim; d++)
        out->shape[d] = d == axis ? depth : in->shape[from++];
    return ft_nn_sane(i->node, out);
}
static ft_err one_hot_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    int axis;
    FT_TRY(ft_nn_axis(&axis, c->node, ft_nn_attr_int(c->node, "axis"), out->ndim));
    int64_t depth = out->shape[axis], inner = ft_nn_product(out, axis + 1, out->ndim);
    size_t bytes = ft_dtype_bytes(out->dtype);
    ft_nn_fill(out->data, c->in[2].data, bytes, ft_array_count(out));
    for (int64_t k = 0; k < ft_array_count(&c->in[0]); k++) {
        int64_t index = ft_nn_get_int(&c->in[0], k);
        if (index < -depth || index >= depth) continue; /* outside: all off */
        if (index < 0) index += depth;
        ft_nn_put_item(out, k / inner * depth * inner + index * inner + k % inner, &c->in[2], 1);
    }
    return FT_OK;
}
static const ft_nn_attr_row one_hot_attrs[] = { { "axis", FT_NN_INT, -1, NULL, false }, { 0 } };
MAKE(one_hot, "OneHot", "on at each index, off elsewhere", one_hot_attrs, 3, 3)

/* ---- Trilu */

static ft_err trilu_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    if (i->in[0].ndim >= 0 && i->in[0].ndim < 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes two dimensions or more");
    return ft_nn_infer_same(i);
}
static void trilu(ft_array *out, const ft_array *in, int64_t k, bool upper) {
    int64_t rows = in->shape[in->ndim - 2], columns = in->shape[in->ndim - 1];
    size_t bytes = ft_dtype_bytes(in->dtype);
    int64_t count = columns ? ft_array_count(in) / columns : 0;
    for (int64_t line = 0; line < count; line++) {
        int64_t cut = line % rows + k + (upper ? 0 : 1); /* first column of the upper part */
        cut = cut < 0 ? 0 : cut > columns ? columns : cut;
        char *to = (char *)out->data + (size_t)(line * columns) * bytes;
        const char *from = (const char *)in->data + (size_t)(line * columns) * bytes;
        size_t left = (size_t)cut * bytes, right = (size_t)(columns - cut) * bytes;
        if (upper) {
            memset(to, 0, left);
            memcpy(to + left, from + left, right);
        } else {
            memcpy(to, from, left);
            memset(to + left, 0, right);
        }
    }
}
static int64_t trilu_k(const ft_nn_call *c) {
    int64_t k = ft_nn_given(c->in, c->in_count, 1) ? ft_nn_get_int(&c->in[1], 0) : 0;
    return k < -INT32_MAX ? -INT32_MAX : k > INT32_MAX ? INT32_MAX : k;
}
static ft_err trilu_run(const ft_nn_call *c) {
    trilu(&c->out[0], &c->in[0], trilu_k(c), ft_nn_attr_int(c->node, "upper") != 0);
    return FT_OK;
}
static ft_err trilu_backward(const ft_nn_call *c) {
    if (!c->in_grad[0].data) return FT_OK;
    if (c->out_grad[0].data)
        trilu(&c->in_grad[0], &c->out_grad[0], trilu_k(c), ft_nn_attr_int(c->node, "upper") != 0);
    else
        memset(c->in_grad[0].data, 0, ft_array_bytes(&c->in_grad[0]));
    return FT_OK;
}
static const ft_nn_attr_row trilu_attrs[] = { { "upper", FT_NN_INT, 1, NULL, false }, { 0 } };
extern const ft_nn_op ft_nn_op_trilu;
const ft_nn_op ft_nn_op_trilu = { .name = "Trilu",
                                  .doc = "the upper or lower triangle, zeros elsewhere",
                                  .attrs = trilu_attrs,
                                  .inputs_min = 1,
                                  .inputs_max = 2,
                                  .outputs_min = 1,
                                  .outputs_max = 1,
                                  .infer = trilu_infer,
                                  .reference = trilu_run,
                                  .backward = trilu_backward };

/* ---- windows: a - b cos(2 pi k / n) + d cos(4 pi k / n) */

static ft_err window_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_INDEXES));
    i->out[0] = (ft_array){ .ndim = 1, .shape = { FT_NN_DIM_ANY } };
    FT_TRY(ft_nn_type_of(&i->out[0].dtype, i->node, ft_nn_attr_int(i->node, "output_datatype")));
    i->content_needed = !ft_nn_content(&i->in[0]);
    if (i->content_needed) return FT_OK;
    i->out[0].shape[0] = ft_nn_get_int(&i->in[0], 0);
    if (i->out[0].shape[0] < 0 || i->out[0].shape[0] > INT32_MAX)
        return ft_nn_refuse_(i->node, FT_EINVAL, "a window of %" PRId64, i->out[0].shape[0]);
    return FT_OK;
}
static ft_err window(const ft_nn_call *c, double a, double b, double d) {
    int64_t size = c->out[0].shape[0];
    double n = (double)(ft_nn_attr_int(c->node, "periodic") ? size : size - 1);
    for (int64_t k = 0; k < size; k++) {
        double t = n > 0 ? 2 * M_PI * (double)k / n : 0;
        ft_nn_put_f64(&c->out[0], k, a - b * cos(t) + d * cos(2 * t));
    }
    return FT_OK;
}
static ft_err hann_window_run(const ft_nn_call *c) { return window(c, 0.5, 0.5, 0); }
static ft_err hamming_window_run(const ft_nn_call *c) {
    return window(c, 25.0 / 46, 1 - 25.0 / 46, 0);
}
static ft_err blackman_window_run(const ft_nn_call *c) { return window(c, 0.42, 0.5, 0.08); }
#define hann_window_infer     window_infer
#define hamming_window_infer  window_infer
#define blackman_window_infer window_infer
static const ft_nn_attr_row window_attrs[] = { { "output_datatype", FT_NN_INT, 1, NULL, false },
                                               { "periodic", FT_NN_INT, 1, NULL, false },
                                               { 0 } };
MAKE(hann_window, "HannWindow", "a raised cosine", window_attrs, 1, 1)
MAKE(hamming_window, "HammingWindow", "a raised cosine that ends above zero", window_attrs, 1, 1)
MAKE(blackman_window, "BlackmanWindow", "a raised cosine of two terms", window_attrs, 1, 1)
