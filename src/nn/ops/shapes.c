/* shapes.c -- what shape rules share: refusals, broadcasting, axes, windows. See op.h, shared.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "nn/ops/shared.h"

ft_err ft_nn_refuse_(const ft_nn_node *node, ft_err code, const char *fmt, ...) {
    char why[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return FT_FAIL(code, "node '%.*s' (%s): %s", FT_STR_ARG(node->name), node->op->name, why);
}

const char *ft_nn_shape_text(char text[FT_NN_SHAPE_TEXT], const ft_array *a) {
    size_t at = 0;
    if (a->ndim < 0) return "of unknown shape";
    if (a->ndim == 0) return "scalar";
    for (int i = 0; i < a->ndim && at < FT_NN_SHAPE_TEXT - 24; i++) {
        if (i) text[at++] = 'x';
        if (a->shape[i] < 0)
            text[at++] = '?';
        else
            at += (size_t)snprintf(text + at, FT_NN_SHAPE_TEXT - at, "%" PRId64, a->shape[i]);
    }
    text[at] = 0;
    return text;
}

ft_err ft_nn_take(const ft_nn_infer *i, size_t input, uint32_t set) {
    if (!ft_nn_given(i->in, i->in_count, input))
        return ft_nn_refuse_(i->node, FT_EINVAL, "input %zu is missing", input);
    if (!ft_nn_is(i->in[input].dtype, set))
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "input %zu of type %s is not supported",
                             input, ft_dtype_name(i->in[input].dtype));
    return FT_OK;
}

ft_err ft_nn_take_same(const ft_nn_infer *i, size_t a, size_t b) {
    if (i->in[a].dtype != i->in[b].dtype)
        return ft_nn_refuse_(i->node, FT_EINVAL,
                             "inputs %zu and %zu must be of one type, not %s and %s", a, b,
                             ft_dtype_name(i->in[a].dtype), ft_dtype_name(i->in[b].dtype));
    return FT_OK;
}

bool ft_nn_sized(const ft_array *a) {
    if (a->ndim < 0) return false;
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] < 0) return false;
    }
    return true;
}

bool ft_nn_content(const ft_array *a) {
    return ft_nn_sized(a) && (a->data || ft_nn_product(a, 0, a->ndim) == 0);
}

int64_t ft_nn_product(const ft_array *a, int from, int to) {
    int64_t n = 1;
    for (int i = from; i < to; i++) n *= a->shape[i];
    return n;
}

ft_err ft_nn_sane(const ft_nn_node *node, const ft_array *out) {
    int64_t bytes = (int64_t)ft_dtype_bytes(out->dtype);
    char text[FT_NN_SHAPE_TEXT];
    FT_CHECK(out->ndim <= FT_ARRAY_DIMS_MAX);
    for (int i = 0; i < out->ndim; i++) {
        if (out->shape[i] > 1 && __builtin_mul_overflow(bytes, out->shape[i], &bytes))
            return ft_nn_refuse_(node, FT_ETOOBIG, "an output of %s items is too large",
                                 ft_nn_shape_text(text, out));
    }
    return FT_OK;
}

ft_err ft_nn_ints_of(const ft_nn_node *node, const char *what, const ft_array *a, int64_t *ints,
                     int *count) {
    if (!ft_nn_is(a->dtype, FT_NN_SIGNED_INTS | FT_NN_UNSIGNED) || a->ndim > 1)
        return ft_nn_refuse_(node, FT_EINVAL, "%s must be a list of whole numbers", what);
    int64_t n = ft_array_count(a);
    if (n > FT_ARRAY_DIMS_MAX)
        return ft_nn_refuse_(node, FT_EUNSUPPORTED,
                             "%s holds %" PRId64 " numbers: arrays have at most %d dimensions",
                             what, n, FT_ARRAY_DIMS_MAX);
    for (int64_t i = 0; i < n; i++) ints[i] = ft_nn_get_int(a, i);
    *count = (int)n;
    return FT_OK;
}

/* ---- broadcasting */

static ft_err broadcast_size(int64_t *out, const ft_nn_node *node, const ft_array *a,
                             const ft_array *b, int64_t x, int64_t y) {
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    if (x == y || y == 1) {
        *out = x;
    } else if (x == 1) {
        *out = y;
    } else if (x < 0 || y < 0) {
        *out = x < 0 ? y : x; /* the unknown one is 1 or the same */
    } else {
        return ft_nn_refuse_(node, FT_EINVAL, "shapes %s and %s do not broadcast",
                             ft_nn_shape_text(one, a), ft_nn_shape_text(two, b));
    }
    return FT_OK;
}

ft_err ft_nn_broadcast(ft_array *out, const ft_nn_node *node, const ft_array *a,
                       const ft_array *b) {
    out->data = NULL; /* a shape has none */
    if (a->ndim < 0 || b->ndim < 0) {
        out->ndim = -1;
        return FT_OK;
    }
    int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    int64_t shape[FT_ARRAY_DIMS_MAX];
    for (int i = 0; i < ndim; i++) {
        int ia = i - (ndim - a->ndim), ib = i - (ndim - b->ndim);
        FT_TRY(broadcast_size(&shape[i], node, a, b, ia < 0 ? 1 : a->shape[ia],
                              ib < 0 ? 1 : b->shape[ib]));
    }
    out->ndim = ndim;
    memcpy(out->shape, shape, (size_t)ndim * sizeof *shape);
    return FT_OK;
}

bool ft_nn_apart(const ft_nn_node *node, const ft_array *in) {
    FT_UNUSED(node), FT_UNUSED(in);
    return true;
}
bool ft_nn_apart_axis(const ft_nn_node *node, const ft_array *in) {
    int64_t axis = ft_nn_attr_int(node, "axis");
    return (axis < 0 ? axis + in[0].ndim : axis) > 0;
}
bool ft_nn_apart_known(const ft_nn_node *node, const ft_array *in) {
    for (size_t i = 1; i < node->input_count; i++)
        if (!ft_nn_absent(&in[i]) && !in[i].data) return false;
    return true;
}

ft_err ft_nn_infer_same(ft_nn_infer *i) {
    i->out[0] = ft_nn_like(&i->in[0]);
    return FT_OK;
}

ft_err ft_nn_infer_broadcast(ft_nn_infer *i) {
    ft_array all = ft_nn_like(&i->in[0]);
    for (size_t k = 0; k < i->in_count; k++) {
        FT_TRY(ft_nn_take(i, k, FT_NN_ANY_TYPE));
        FT_TRY(ft_nn_take_same(i, 0, k));
        if (k) FT_TRY(ft_nn_broadcast(&all, i->node, &all, &i->in[k]));
    }
    i->out[0] = all;
    return ft_nn_sane(i->node, &i->out[0]);
}

/* ---- axes */

ft_err ft_nn_axis(int *out, const ft_nn_node *node, int64_t axis, int ndim) {
    if (axis < -ndim || axis >= ndim)
        return ft_nn_refuse_(node, FT_EINVAL, "axis %" PRId64 " is outside of %d dimensions", axis,
                             ndim);
    *out = (int)(axis < 0 ? axis + ndim : axis);
    return FT_OK;
}

ft_err ft_nn_axes_of(uint32_t *set, const ft_nn_node *node, const int64_t *axes, int count,
                     int ndim) {
    int axis = 0;
    *set = 0;
    for (int i = 0; i < count; i++) {
        FT_TRY(ft_nn_axis(&axis, node, axes[i], ndim));
        if (*set >> axis & 1) return ft_nn_refuse_(node, FT_EINVAL, "axis %d is named twice", axis);
        *set |= 1u << axis;
    }
    return FT_OK;
}

/* ---- windows */

static bool has_row(const ft_nn_node *node, const char *name) {
    for (const ft_nn_attr_row *r = node->op->attrs; r && r->name; r++) {
        if (strcmp(r->name, name) == 0) return true;
    }
    return false;
}

/* The list `name` of `dims` numbers, each `least` or more, or `dims` times `otherwise`. */
static ft_err window_ints(int64_t *out, const ft_nn_node *node, const char *name, int dims,
                          int64_t least, int64_t otherwise) {
    const int64_t *ints;
    size_t count;
    for (int i = 0; i < dims; i++) out[i] = otherwise;
    if (!has_row(node, name) || !ft_nn_attr_ints(node, name, &ints, &count) || count == 0)
        return FT_OK;
    if (count != (size_t)dims)
        return ft_nn_refuse_(node, FT_EINVAL, "%s holds %zu numbers, expected %d", name, count,
                             dims);
    for (int i = 0; i < dims; i++) {
        if (ints[i] < least || ints[i] > INT32_MAX)
            return ft_nn_refuse_(node, FT_EINVAL, "%s holds %" PRId64, name, ints[i]);
        out[i] = ints[i];
    }
    return FT_OK;
}

static ft_err window_pads(ft_nn_window *w, const ft_nn_node *node) {
    int64_t pads[2 * FT_ARRAY_DIMS_MAX];
    FT_TRY(window_ints(pads, node, "pads", 2 * w->dims, 0, 0));
    for (int i = 0; i < w->dims; i++) {
        w->pad_begin[i] = pads[i];
        w->pad_end[i] = pads[w->dims + i];
    }
    return FT_OK;
}

/* Output size of dimension `d` for `size` items; fills the pads when they follow from auto_pad. */
static ft_err window_size(int64_t *out, ft_nn_window *w, const ft_nn_node *node, int d,
                          int64_t size, bool same, bool upper) {
    int64_t span = (w->kernel[d] - 1) * w->dilation[d] + 1, stride = w->stride[d];
    if (size < 0) {
        *out = FT_NN_DIM_ANY;
        return FT_OK;
    }
    if (same) {
        *out = (size + stride - 1) / stride;
        int64_t pad = (*out - 1) * stride + span - size;
        if (pad < 0) pad = 0;
        w->pad_begin[d] = upper ? pad / 2 : pad - pad / 2;
        w->pad_end[d] = pad - w->pad_begin[d];
        return FT_OK;
    }
    int64_t room = size + w->pad_begin[d] + w->pad_end[d] - span;
    if (room < 0)
        return ft_nn_refuse_(node, FT_EINVAL,
                             "a window of %" PRId64 " does not fit into %" PRId64
                             " items with pads %" PRId64 " and %" PRId64,
                             span, size, w->pad_begin[d], w->pad_end[d]);
    *out = (w->ceil ? room + stride - 1 : room) / stride + 1;
    /* A last window that would begin in the padding at the end does not count. */
    if (w->ceil && (*out - 1) * stride >= size + w->pad_begin[d]) --*out;
    return FT_OK;
}

ft_err ft_nn_window_of(ft_nn_window *out, const ft_nn_node *node, const ft_array *in,
                       const int64_t *kernel, int64_t *out_spatial) {
    *out = (ft_nn_window){ .dims = in->ndim - 2 };
    FT_CHECK(out->dims >= 0);
    for (int i = 0; i < out->dims; i++) {
        if (kernel[i] < 1 || kernel[i] > INT32_MAX)
            return ft_nn_refuse_(node, FT_EINVAL, "a window of %" PRId64 " items", kernel[i]);
        out->kernel[i] = kernel[i];
    }
    FT_TRY(window_ints(out->stride, node, "strides", out->dims, 1, 1));
    FT_TRY(window_ints(out->dilation, node, "dilations", out->dims, 1, 1));
    FT_TRY(window_pads(out, node));
    out->ceil = has_row(node, "ceil_mode") && ft_nn_attr_int(node, "ceil_mode") != 0;

    ft_str pad = has_row(node, "auto_pad") ? ft_nn_attr_str(node, "auto_pad") : FT_STR("NOTSET");
    bool upper = ft_str_is(pad, "SAME_UPPER"), lower = ft_str_is(pad, "SAME_LOWER");
    if (ft_str_is(pad, "VALID")) {
        memset(out->pad_begin, 0, sizeof out->pad_begin);
        memset(out->pad_end, 0, sizeof out->pad_end);
    } else if (!upper && !lower && !ft_str_is(pad, "NOTSET") && pad.len) {
        return ft_nn_refuse_(node, FT_EINVAL,
                             "auto_pad '%.*s' is not one of NOTSET, VALID, "
                             "SAME_UPPER, SAME_LOWER",
                             FT_STR_ARG(pad));
    }
    for (int i = 0; i < out->dims; i++)
        FT_TRY(window_size(&out_spatial[i], out, node, i, in->shape[i + 2], upper || lower, upper));
    return FT_OK;
}
