/* concat.c -- Concat and Split: the same pieces, joined or parted along one axis. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/copy_op.h"

typedef struct pieces {
    int64_t outer, inner; /* items before the axis; items (of the type) after it */
    int64_t whole;        /* size of the axis of the one array */
} pieces;

static pieces pieces_of(const ft_array *whole, int axis) {
    return (pieces){ .outer = ft_nn_product(whole, 0, axis),
                     .inner = ft_nn_product(whole, axis + 1, whole->ndim),
                     .whole = whole->shape[axis] };
}
/* Piece `part`, which begins at `at` along the axis: the copy from it into the whole. */
static ft_nn_copy piece_copy(const pieces *p, const ft_array *part, int axis, int64_t at) {
    int64_t run = part->shape[axis] * p->inner;
    return (ft_nn_copy){ .dims = 2,
                         .size = { p->outer, run },
                         .in_step = { run, 1 },
                         .out_step = { p->whole * p->inner, 1 },
                         .out_at = at * p->inner };
}
static int axis_checked(const ft_nn_node *node, int ndim) {
    int axis;
    FT_CHECK(ft_nn_axis(&axis, node, ft_nn_attr_int(node, "axis"), ndim) == FT_OK);
    return axis;
}

static ft_err concat_size(ft_nn_infer *i, size_t k, int axis) {
    const ft_array *in = &i->in[k];
    ft_array *out = &i->out[0];
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    bool fits = in->ndim == out->ndim;
    for (int d = 0; fits && d < in->ndim; d++) {
        if (d == axis) {
            out->shape[d] = out->shape[d] < 0 || in->shape[d] < 0 ? FT_NN_DIM_ANY
                                                                  : out->shape[d] + in->shape[d];
        } else if (out->shape[d] < 0) {
            out->shape[d] = in->shape[d];
        } else if (in->shape[d] >= 0) {
            fits = in->shape[d] == out->shape[d];
        }
    }
    if (fits) return FT_OK;
    return ft_nn_refuse_(i->node, FT_EINVAL,
                         "input %zu of shape %s does not join with %s along "
                         "axis %d",
                         k, ft_nn_shape_text(one, in), ft_nn_shape_text(two, &i->in[0]), axis);
}
static ft_err concat_infer(ft_nn_infer *i) {
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    i->out[0] = ft_nn_like(&i->in[0]);
    for (size_t k = 0; k < i->in_count; k++) {
        FT_TRY(ft_nn_take(i, k, FT_NN_ANY_TYPE));
        FT_TRY(ft_nn_take_same(i, 0, k));
        if (i->in[k].ndim < 0) i->out[0].ndim = -1;
    }
    if (i->out[0].ndim < 0) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), i->in[0].ndim));
    for (size_t k = 1; k < i->in_count; k++) FT_TRY(concat_size(i, k, axis));
    return ft_nn_sane(i->node, &i->out[0]);
}
static ft_err concat_run(const ft_nn_call *c) {
    int axis = axis_checked(c->node, c->out[0].ndim);
    pieces p = pieces_of(&c->out[0], axis);
    int64_t at = 0;
    for (size_t k = 0; k < c->in_count; k++) {
        ft_nn_copy copy = piece_copy(&p, &c->in[k], axis, at);
        ft_nn_copy_run(c, &copy, c->out[0].data, c->in[k].data, ft_dtype_bytes(c->in[k].dtype));
        at += c->in[k].shape[axis];
    }
    return FT_OK;
}
static ft_err concat_backward(const ft_nn_call *c) {
    int axis = axis_checked(c->node, c->out[0].ndim);
    pieces p = pieces_of(&c->out[0], axis);
    int64_t at = 0;
    for (size_t k = 0; k < c->in_count; k++) {
        ft_nn_copy copy = piece_copy(&p, &c->in[k], axis, at);
        ft_nn_copy back = ft_nn_copy_back(&copy);
        FT_TRY(ft_nn_zero_grad(c, k));
        if (c->in_grad[k].data && c->out_grad[0].data)
            ft_nn_copy_run(c, &back, c->in_grad[k].data, c->out_grad[0].data, sizeof(float));
        at += c->in[k].shape[axis];
    }
    return FT_OK;
}
static const ft_nn_attr_row concat_attrs[] = { { "axis", FT_NN_INT, 0, NULL, true }, { 0 } };
COPY_OP(concat, "Concat", "the inputs one after another along an axis", concat_attrs, 1,
        FT_NN_IO_MAX, .apart = ft_nn_apart_axis, .rows = FT_NN_ROWS_JOINED,
        .reads = FT_NN_READS_NOTHING)

/* Sizes by input 1, or as many equal parts as there are outputs, the last one smaller. */
static ft_err split_sizes(int64_t *sizes, ft_nn_infer *i, int64_t whole) {
    int64_t count = (int64_t)i->out_count, sum = 0;
    if (ft_nn_given(i->in, i->in_count, 1)) {
        const ft_array *split = &i->in[1];
        if (ft_array_count(split) != count)
            return ft_nn_refuse_(i->node, FT_EINVAL, "%" PRId64 " sizes for %" PRId64 " outputs",
                                 ft_array_count(split), count);
        for (int64_t k = 0; k < count; k++) {
            sizes[k] = ft_nn_get_int(split, k);
            if (sizes[k] < 0 || __builtin_add_overflow(sum, sizes[k], &sum))
                return ft_nn_refuse_(i->node, FT_EINVAL, "a part of %" PRId64 " items", sizes[k]);
        }
        if (whole >= 0 && sum != whole)
            return ft_nn_refuse_(i->node, FT_EINVAL,
                                 "parts of %" PRId64 " items in all, the axis has %" PRId64, sum,
                                 whole);
        return FT_OK;
    }
    int64_t part = whole < 0 ? FT_NN_DIM_ANY : (whole + count - 1) / count;
    for (int64_t k = 0; k < count; k++, sum += part) {
        int64_t left = whole - sum > 0 ? whole - sum : 0;
        sizes[k] = whole < 0 ? FT_NN_DIM_ANY : left < part ? left : part;
    }
    return FT_OK;
}
static ft_err split_infer(ft_nn_infer *i) {
    int64_t sizes[FT_NN_IO_MAX];
    const ft_array *in = &i->in[0];
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    for (size_t k = 0; k < i->out_count; k++) i->out[k] = ft_nn_like(in);
    if (in->ndim < 0) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), in->ndim));
    if (ft_nn_given(i->in, i->in_count, 1)) {
        FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
        i->content_needed = !ft_nn_content(&i->in[1]);
    }
    if (i->content_needed)
        for (size_t k = 0; k < i->out_count; k++) sizes[k] = FT_NN_DIM_ANY;
    else
        FT_TRY(split_sizes(sizes, i, in->shape[axis]));
    for (size_t k = 0; k < i->out_count; k++) i->out[k].shape[axis] = sizes[k];
    return FT_OK;
}
static ft_err split_run(const ft_nn_call *c) {
    int axis = axis_checked(c->node, c->in[0].ndim);
    pieces p = pieces_of(&c->in[0], axis);
    int64_t at = 0;
    for (size_t k = 0; k < c->out_count; k++) {
        ft_nn_copy copy = piece_copy(&p, &c->out[k], axis, at), back = ft_nn_copy_back(&copy);
        if (c->out[k].data)
            ft_nn_copy_run(c, &back, c->out[k].data, c->in[0].data, ft_dtype_bytes(c->in[0].dtype));
        at += c->out[k].shape[axis];
    }
    return FT_OK;
}
static ft_err split_backward(const ft_nn_call *c) {
    int axis = axis_checked(c->node, c->in[0].ndim);
    pieces p = pieces_of(&c->in[0], axis);
    int64_t at = 0;
    FT_TRY(ft_nn_zero_grad(c, 0));
    for (size_t k = 0; k < c->out_count && c->in_grad[0].data; k++) {
        ft_nn_copy copy = piece_copy(&p, &c->out[k], axis, at);
        if (c->out_grad[k].data)
            ft_nn_copy_run(c, &copy, c->in_grad[0].data, c->out_grad[k].data, sizeof(float));
        at += c->out[k].shape[axis];
    }
    return FT_OK;
}
static const ft_nn_attr_row split_attrs[] = { { "axis", FT_NN_INT, 0, NULL, false },
                                              { "num_outputs", FT_NN_INT, 0, NULL, false },
                                              { 0 } };
extern const ft_nn_op ft_nn_op_split;
const ft_nn_op ft_nn_op_split = { .name = "Split",
                                  .doc = "parts along an axis",
                                  .attrs = split_attrs,
                                  .inputs_min = 1,
                                  .inputs_max = 2,
                                  .outputs_min = 1,
                                  .outputs_max = FT_NN_IO_MAX,
                                  .infer = split_infer,
                                  .reference = split_run,
                                  .backward = split_backward,
                                  .apart = ft_nn_apart_axis };
