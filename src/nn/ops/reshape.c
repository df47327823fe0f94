/* reshape.c -- the same bytes under another shape: Reshape, Flatten, Squeeze, Unsqueeze, Identity;
 * and what only reads a shape: Shape, Size. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

static ft_err view_run(const ft_nn_call *c) {
    if (c->out[0].data != c->in[0].data)
        memcpy(c->out[0].data, c->in[0].data, ft_array_bytes(&c->in[0]));
    return FT_OK;
}
static ft_err view_backward(const ft_nn_call *c) {
    ft_array *to = &c->in_grad[0];
    if (!to->data) return FT_OK;
    if (c->out_grad[0].data)
        memcpy(to->data, c->out_grad[0].data, ft_array_bytes(to));
    else
        memset(to->data, 0, ft_array_bytes(to));
    return FT_OK;
}
#define VIEW_OP(sym, NAME, DOC, ATTRS, MAX)                       \
    extern const ft_nn_op ft_nn_op_##sym;                         \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,               \
                                      .doc = DOC,                 \
                                      .attrs = ATTRS,             \
                                      .inputs_min = 1,            \
                                      .inputs_max = MAX,          \
                                      .outputs_min = 1,           \
                                      .outputs_max = 1,           \
                                      .infer = sym##_infer,       \
                                      .reference = view_run,      \
                                      .backward = view_backward,  \
                                      .view = true,               \
                                      .apart = ft_nn_apart_known, \
                                      .reads = FT_NN_READS_NOTHING };

/* ---- Reshape: 0 copies a size (unless allowzero), one -1 is what is left */

static ft_err reshape_rest(ft_nn_infer *i, ft_array *out, int rest) {
    const ft_array *in = &i->in[0];
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    if (!ft_nn_sized(in)) {
        if (rest >= 0) out->shape[rest] = FT_NN_DIM_ANY;
        return FT_OK;
    }
    int64_t have = ft_nn_product(in, 0, in->ndim), known = 1;
    for (int d = 0; d < out->ndim; d++) {
        if (d != rest && __builtin_mul_overflow(known, out->shape[d], &known)) known = -1;
    }
    if (rest >= 0 && known > 0) {
        out->shape[rest] = have / known;
        known *= out->shape[rest];
    } else if (rest >= 0) {
        out->shape[rest] = 0;
    }
    if (known == have) return FT_OK;
    return ft_nn_refuse_(i->node, FT_EINVAL, "an array of %s items does not take the shape %s",
                         ft_nn_shape_text(one, in), ft_nn_shape_text(two, out));
}

static ft_err reshape_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    int rest = -1;
    *out = ft_nn_unknown(in->dtype);
    if (!ft_nn_content(&i->in[1])) {
        i->content_needed = true;
        if (i->in[1].ndim == 1 && i->in[1].shape[0] >= 0 &&
            i->in[1].shape[0] <= FT_ARRAY_DIMS_MAX) {
            out->ndim = (int)i->in[1].shape[0];
            for (int d = 0; d < out->ndim; d++) out->shape[d] = FT_NN_DIM_ANY;
        }
        return FT_OK;
    }
    bool zero = ft_nn_attr_int(i->node, "allowzero") != 0, unknown = false;
    FT_TRY(ft_nn_ints_of(i->node, "shape", &i->in[1], out->shape, &out->ndim));
    for (int d = 0; d < out->ndim; d++) {
        int64_t *size = &out->shape[d];
        if (*size == -1 && rest < 0) {
            rest = d;
        } else if (*size < 0) {
            return ft_nn_refuse_(i->node, FT_EINVAL, "a size of %" PRId64 " at place %d", *size, d);
        } else if (*size == 0 && !zero) {
            if (in->ndim >= 0 && d >= in->ndim)
                return ft_nn_refuse_(i->node, FT_EINVAL, "size %d is to be copied from %d", d,
                                     in->ndim);
            *size = in->ndim < 0 ? FT_NN_DIM_ANY : in->shape[d];
            unknown |= *size < 0;
        }
    }
    if (unknown) {
        if (rest >= 0) out->shape[rest] = FT_NN_DIM_ANY;
        return FT_OK;
    }
    return reshape_rest(i, out, rest);
}
static const ft_nn_attr_row reshape_attrs[] = { { "allowzero", FT_NN_INT, 0, NULL, false }, { 0 } };
VIEW_OP(reshape, "Reshape", "the same items under another shape", reshape_attrs, 2)

/* ---- Flatten: two axes */

static ft_err flatten_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    int64_t axis = ft_nn_attr_int(i->node, "axis");
    *out = (ft_array){ .dtype = in->dtype, .ndim = 2, .shape = { FT_NN_DIM_ANY, FT_NN_DIM_ANY } };
    if (in->ndim < 0) return FT_OK;
    if (axis < -in->ndim || axis > in->ndim)
        return ft_nn_refuse_(i->node, FT_EINVAL, "axis %" PRId64 " of %d dimensions", axis,
                             in->ndim);
    if (axis < 0) axis += in->ndim;
    for (int side = 0; side < 2; side++) {
        int from = side ? (int)axis : 0, to = side ? in->ndim : (int)axis;
        bool known = true;
        for (int d = from; d < to; d++) known &= in->shape[d] >= 0;
        if (known) out->shape[side] = ft_nn_product(in, from, to);
    }
    return FT_OK;
}
static const ft_nn_attr_row flatten_attrs[] = { { "axis", FT_NN_INT, 1, NULL, false }, { 0 } };
VIEW_OP(flatten, "Flatten", "two axes: those before `axis`, and the rest", flatten_attrs, 1)

/* ---- Squeeze, Unsqueeze */

static ft_err squeeze_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    int64_t axes[FT_ARRAY_DIMS_MAX];
    uint32_t gone = 0;
    int count;
    *out = ft_nn_unknown(in->dtype);
    if (ft_nn_given(i->in, i->in_count, 1) && !ft_nn_content(&i->in[1])) {
        i->content_needed = true;
        return FT_OK;
    }
    if (in->ndim < 0) return FT_OK;
    if (ft_nn_given(i->in, i->in_count, 1)) {
        FT_TRY(ft_nn_ints_of(i->node, "axes", &i->in[1], axes, &count));
        FT_TRY(ft_nn_axes_of(&gone, i->node, axes, count, in->ndim));
    } else {
        if (!ft_nn_sized(in)) return FT_OK;
        for (int d = 0; d < in->ndim; d++) gone |= (uint32_t)(in->shape[d] == 1) << d;
    }
    out->ndim = 0;
    for (int d = 0; d < in->ndim; d++) {
        if (!(gone >> d & 1))
            out->shape[out->ndim++] = in->shape[d];
        else if (in->shape[d] >= 0 && in->shape[d] != 1)
            return ft_nn_refuse_(i->node, FT_EINVAL, "axis %d has %" PRId64 " items, not 1", d,
                                 in->shape[d]);
    }
    return FT_OK;
}
static ft_err unsqueeze_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    int64_t axes[FT_ARRAY_DIMS_MAX];
    uint32_t fresh;
    int count;
    *out = ft_nn_unknown(in->dtype);
    i->content_needed = !ft_nn_content(&i->in[1]);
    if (i->content_needed || in->ndim < 0) return FT_OK;
    FT_TRY(ft_nn_ints_of(i->node, "axes", &i->in[1], axes, &count));
    if (in->ndim + count > FT_ARRAY_DIMS_MAX)
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "more than %d dimensions",
                             FT_ARRAY_DIMS_MAX);
    out->ndim = in->ndim + count;
    FT_TRY(ft_nn_axes_of(&fresh, i->node, axes, count, out->ndim));
    for (int d = 0, from = 0; d < out->ndim; d++)
        out->shape[d] = fresh >> d & 1 ? 1 : in->shape[from++];
    return FT_OK;
}
VIEW_OP(squeeze, "Squeeze", "without axes of one item", NULL, 2)
VIEW_OP(unsqueeze, "Unsqueeze", "with more axes of one item", NULL, 2)

static ft_err identity_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    return ft_nn_infer_same(i);
}
VIEW_OP(identity, "Identity", "the input", NULL, 1)

/* ---- Shape, Size: only shapes are read, data may be NULL */

static void shape_range(int *from, int *to, const ft_nn_node *node, int ndim) {
    const ft_nn_attr *end = ft_nn_attr_find(node, "end");
    int64_t a = ft_nn_attr_int(node, "start"), b = end ? end->i : ndim;
    if (a < 0) a += ndim;
    if (b < 0) b += ndim;
    *from = (int)(a < 0 ? 0 : a > ndim ? ndim : a);
    *to = (int)(b < 0 ? 0 : b > ndim ? ndim : b);
    if (*to < *from) *to = *from;
}
static ft_err shape_infer(ft_nn_infer *i) {
    int from, to;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    i->out[0] = (ft_array){ .dtype = FT_I64, .ndim = 1, .shape = { FT_NN_DIM_ANY } };
    if (i->in[0].ndim < 0) return FT_OK;
    shape_range(&from, &to, i->node, i->in[0].ndim);
    i->out[0].shape[0] = to - from;
    return FT_OK;
}
static ft_err shape_run(const ft_nn_call *c) {
    int from, to;
    shape_range(&from, &to, c->node, c->in[0].ndim);
    memcpy(c->out[0].data, &c->in[0].shape[from], (size_t)(to - from) * sizeof(int64_t));
    return FT_OK;
}
static const ft_nn_attr_row shape_attrs[] = { { "start", FT_NN_INT, 0, NULL, false },
                                              { "end", FT_NN_INT, 0, NULL, false },
                                              { 0 } };
extern const ft_nn_op ft_nn_op_shape;
const ft_nn_op ft_nn_op_shape = { .name = "Shape",
                                  .doc = "the sizes of the input's axes",
                                  .attrs = shape_attrs,
                                  .inputs_min = 1,
                                  .inputs_max = 1,
                                  .outputs_min = 1,
                                  .outputs_max = 1,
                                  .infer = shape_infer,
                                  .reference = shape_run,
                                  .shape_only = true };

static ft_err size_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    i->out[0] = (ft_array){ .dtype = FT_I64 };
    return FT_OK;
}
static ft_err size_run(const ft_nn_call *c) {
    *(int64_t *)c->out[0].data = ft_nn_product(&c->in[0], 0, c->in[0].ndim);
    return FT_OK;
}
extern const ft_nn_op ft_nn_op_size;
const ft_nn_op ft_nn_op_size = { .name = "Size",
                                 .doc = "the number of items",
                                 .inputs_min = 1,
                                 .inputs_max = 1,
                                 .outputs_min = 1,
                                 .outputs_max = 1,
                                 .infer = size_infer,
                                 .reference = size_run,
                                 .shape_only = true };
