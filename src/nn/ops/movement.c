/* movement.c -- operations that put the same items elsewhere: Transpose, Slice, Concat, Split,
 * Expand, Tile, DepthToSpace, SpaceToDepth. Each one's plan is a strided copy (shared.h); the
 * gradient is the same copy backwards. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

static ft_err zero_grad(const ft_nn_call *c, size_t input) {
    ft_array *to = &c->in_grad[input];
    if (to->data) memset(to->data, 0, ft_array_bytes(to));
    return FT_OK;
}

/* out = one strided copy of input 0, forth and (f32) back. */
static ft_err copy_forth(const ft_nn_call *c, const ft_nn_copy *copy) {
    ft_nn_copy_run(copy, c->out[0].data, c->in[0].data, ft_dtype_bytes(c->in[0].dtype), c->threads);
    return FT_OK;
}
static ft_err copy_back(const ft_nn_call *c, const ft_nn_copy *copy) {
    FT_TRY(zero_grad(c, 0));
    if (!c->in_grad[0].data || !c->out_grad[0].data) return FT_OK;
    ft_nn_copy back = ft_nn_copy_back(copy);
    ft_nn_copy_add(&back, c->in_grad[0].data, c->out_grad[0].data);
    return FT_OK;
}
#define COPY_CALLS(sym)                                 \
    static ft_err sym##_run(const ft_nn_call *c) {      \
        ft_nn_copy copy = sym##_copy(c);                \
        return copy_forth(c, &copy);                    \
    }                                                   \
    static ft_err sym##_backward(const ft_nn_call *c) { \
        ft_nn_copy copy = sym##_copy(c);                \
        return copy_back(c, &copy);                     \
    }
/* A copy is its own reference: bytes that move, whatever their type. */
#define COPY_OP(sym, NAME, DOC, ATTRS, MIN, MAX)              \
    extern const ft_nn_op ft_nn_op_##sym;                     \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,           \
                                      .doc = DOC,             \
                                      .attrs = ATTRS,         \
                                      .inputs_min = MIN,      \
                                      .inputs_max = MAX,      \
                                      .outputs_min = 1,       \
                                      .outputs_max = 1,       \
                                      .infer = sym##_infer,   \
                                      .reference = sym##_run, \
                                      .backward = sym##_backward };

/* ---- Transpose */

static ft_err transpose_order(int *order, const ft_nn_node *node, int ndim) {
    const int64_t *perm;
    size_t count;
    uint32_t seen;
    if (!ft_nn_attr_ints(node, "perm", &perm, &count)) {
        for (int d = 0; d < ndim; d++) order[d] = ndim - 1 - d;
        return FT_OK;
    }
    if (count != (size_t)ndim)
        return ft_nn_refuse_(node, FT_EINVAL, "perm names %zu axes of %d", count, ndim);
    FT_TRY(ft_nn_axes_of(&seen, node, perm, ndim, ndim));
    for (int d = 0; d < ndim; d++) FT_TRY(ft_nn_axis(&order[d], node, perm[d], ndim));
    return FT_OK;
}

static ft_err transpose_infer(ft_nn_infer *i) {
    int order[FT_ARRAY_DIMS_MAX];
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    const ft_array *in = &i->in[0];
    i->out[0] = ft_nn_like(in);
    if (in->ndim < 0) return FT_OK;
    FT_TRY(transpose_order(order, i->node, in->ndim));
    for (int d = 0; d < in->ndim; d++) i->out[0].shape[d] = in->shape[order[d]];
    return FT_OK;
}

static ft_nn_copy transpose_copy(const ft_nn_call *c) {
    int order[FT_ARRAY_DIMS_MAX];
    int64_t step[FT_ARRAY_DIMS_MAX];
    const ft_array *in = &c->in[0], *out = &c->out[0];
    ft_nn_copy copy = { .dims = in->ndim };
    FT_CHECK(transpose_order(order, c->node, in->ndim) == FT_OK);
    ft_nn_steps(step, in->shape, in->ndim);
    ft_nn_steps(copy.out_step, out->shape, out->ndim);
    for (int d = 0; d < in->ndim; d++) {
        copy.size[d] = out->shape[d];
        copy.in_step[d] = step[order[d]];
    }
    return copy;
}
COPY_CALLS(transpose)
static const ft_nn_attr_row transpose_attrs[] = { { "perm", FT_NN_INTS, 0, NULL, false }, { 0 } };
COPY_OP(transpose, "Transpose", "the axes in another order", transpose_attrs, 1, 1)

/* ---- DepthToSpace, SpaceToDepth */

static ft_err blocks_infer(ft_nn_infer *i, bool to_space) {
    int64_t b = ft_nn_attr_int(i->node, "blocksize");
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    char text[FT_NN_SHAPE_TEXT];
    *out = ft_nn_unknown(in->dtype);
    if (b < 1 || b > 4096) return ft_nn_refuse_(i->node, FT_EINVAL, "blocksize %" PRId64, b);
    if (in->ndim < 0) return FT_OK;
    if (in->ndim != 4)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes 4 dimensions, not %s",
                             ft_nn_shape_text(text, in));
    int64_t deep = to_space ? b * b : 1, wide = to_space ? 1 : b;
    const int64_t *s = in->shape;
    if ((s[1] > 0 && s[1] % deep) || (s[2] > 0 && s[2] % wide) || (s[3] > 0 && s[3] % wide))
        return ft_nn_refuse_(i->node, FT_EINVAL, "shape %s does not divide by blocks of %" PRId64,
                             ft_nn_shape_text(text, in), b);
    out->ndim = 4;
    out->shape[0] = s[0];
    out->shape[1] = s[1] < 0 ? s[1] : to_space ? s[1] / deep : s[1] * b * b;
    out->shape[2] = s[2] < 0 ? s[2] : to_space ? s[2] * b : s[2] / b;
    out->shape[3] = s[3] < 0 ? s[3] : to_space ? s[3] * b : s[3] / b;
    return ft_nn_sane(i->node, out);
}
static ft_err depth_to_space_infer(ft_nn_infer *i) {
    ft_str mode = ft_nn_attr_str(i->node, "mode");
    if (!ft_str_is(mode, "DCR") && !ft_str_is(mode, "CRD"))
        return ft_nn_refuse_(i->node, FT_EINVAL, "mode must be DCR or CRD");
    return blocks_infer(i, true);
}
static ft_err space_to_depth_infer(ft_nn_infer *i) { return blocks_infer(i, false); }

/* Six axes: n, depth c, height h, row in the block r, width w, column in the block k. In the flat
 * form the depth axis holds c and (r, k): block-major (DCR), or inside c (CRD). */
static ft_nn_copy blocks_copy(const ft_array *flat, const ft_array *spread, int64_t b, bool crd,
                              bool to_space) {
    int64_t f[4], s[4], c = spread->shape[1];
    ft_nn_steps(f, flat->shape, 4);
    ft_nn_steps(s, spread->shape, 4);
    int64_t size[6] = { flat->shape[0], c, flat->shape[2], b, flat->shape[3], b };
    int64_t flat_step[6] = { f[0], f[1] * (crd ? b * b : 1), f[2], f[1] * (crd ? b : c * b),
                             f[3], f[1] * (crd ? 1 : c) };
    int64_t spread_step[6] = { s[0], s[1], s[2] * b, s[2], s[3] * b, s[3] };
    ft_nn_copy copy = { .dims = 6 };
    memcpy(copy.size, size, sizeof size);
    memcpy(copy.in_step, to_space ? flat_step : spread_step, sizeof size);
    memcpy(copy.out_step, to_space ? spread_step : flat_step, sizeof size);
    return copy;
}
static ft_nn_copy depth_to_space_copy(const ft_nn_call *c) {
    return blocks_copy(&c->in[0], &c->out[0], ft_nn_attr_int(c->node, "blocksize"),
                       ft_str_is(ft_nn_attr_str(c->node, "mode"), "CRD"), true);
}
static ft_nn_copy space_to_depth_copy(const ft_nn_call *c) {
    return blocks_copy(&c->out[0], &c->in[0], ft_nn_attr_int(c->node, "blocksize"), false, false);
}
COPY_CALLS(depth_to_space)
COPY_CALLS(space_to_depth)
static const ft_nn_attr_row depth_attrs[] = { { "blocksize", FT_NN_INT, 0, NULL, true },
                                              { "mode", FT_NN_STRING, 0, "DCR", false },
                                              { 0 } };
static const ft_nn_attr_row space_attrs[] = { { "blocksize", FT_NN_INT, 0, NULL, true }, { 0 } };
COPY_OP(depth_to_space, "DepthToSpace", "blocks of channels become blocks of pixels", depth_attrs,
        1, 1)
COPY_OP(space_to_depth, "SpaceToDepth", "blocks of pixels become channels", space_attrs, 1, 1)

/* ---- Expand, Tile */

static ft_err expand_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    ft_array want = { .dtype = i->in[0].dtype };
    i->out[0] = ft_nn_unknown(i->in[0].dtype);
    if (!ft_nn_content(&i->in[1])) {
        i->content_needed = true;
        return FT_OK;
    }
    FT_TRY(ft_nn_ints_of(i->node, "shape", &i->in[1], want.shape, &want.ndim));
    for (int d = 0; d < want.ndim; d++) {
        if (want.shape[d] < 0)
            return ft_nn_refuse_(i->node, FT_EINVAL, "a size of %" PRId64, want.shape[d]);
    }
    FT_TRY(ft_nn_broadcast(&i->out[0], i->node, &i->in[0], &want));
    return ft_nn_sane(i->node, &i->out[0]);
}
static ft_nn_copy expand_copy(const ft_nn_call *c) {
    const ft_array *in = &c->in[0], *out = &c->out[0];
    int64_t step[FT_ARRAY_DIMS_MAX];
    int lead = out->ndim - in->ndim;
    ft_nn_copy copy = { .dims = out->ndim };
    ft_nn_steps(step, in->shape, in->ndim);
    ft_nn_steps(copy.out_step, out->shape, out->ndim);
    for (int d = 0; d < out->ndim; d++) {
        copy.size[d] = out->shape[d];
        copy.in_step[d] = d < lead || in->shape[d - lead] == 1 ? 0 : step[d - lead];
    }
    return copy;
}

static ft_err tile_infer(ft_nn_infer *i) {
    int64_t repeats[FT_ARRAY_DIMS_MAX];
    int count;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    const ft_array *in = &i->in[0];
    i->out[0] = ft_nn_unknown(in->dtype);
    i->content_needed = !ft_nn_content(&i->in[1]);
    if (in->ndim < 0) return FT_OK;
    i->out[0].ndim = in->ndim;
    for (int d = 0; d < in->ndim; d++) i->out[0].shape[d] = FT_NN_DIM_ANY;
    if (i->content_needed) return FT_OK;
    FT_TRY(ft_nn_ints_of(i->node, "repeats", &i->in[1], repeats, &count));
    if (count != in->ndim)
        return ft_nn_refuse_(i->node, FT_EINVAL, "%d repeats for %d dimensions", count, in->ndim);
    for (int d = 0; d < count; d++) {
        int64_t *size = &i->out[0].shape[d];
        if (repeats[d] < 0 || (in->shape[d] > 0 && repeats[d] > INT64_MAX / in->shape[d]))
            return ft_nn_refuse_(i->node, FT_EINVAL, "%" PRId64 " repeats", repeats[d]);
        *size = in->shape[d] < 0 ? FT_NN_DIM_ANY : in->shape[d] * repeats[d];
    }
    return ft_nn_sane(i->node, &i->out[0]);
}
/* Two axes for each: which repeat, and where in it. */
static ft_nn_copy tile_copy(const ft_nn_call *c) {
    const ft_array *in = &c->in[0], *out = &c->out[0];
    int64_t in_step[FT_ARRAY_DIMS_MAX], out_step[FT_ARRAY_DIMS_MAX];
    ft_nn_copy copy = { .dims = 2 * in->ndim };
    ft_nn_steps(in_step, in->shape, in->ndim);
    ft_nn_steps(out_step, out->shape, out->ndim);
    for (int d = 0; d < in->ndim; d++) {
        copy.size[2 * d] = in->shape[d] ? out->shape[d] / in->shape[d] : 0;
        copy.size[2 * d + 1] = in->shape[d];
        copy.out_step[2 * d] = out_step[d] * in->shape[d];
        copy.out_step[2 * d + 1] = out_step[d];
        copy.in_step[2 * d + 1] = in_step[d];
    }
    return copy;
}
COPY_CALLS(expand)
COPY_CALLS(tile)
COPY_OP(expand, "Expand", "broadcast to a shape", NULL, 2, 2)
COPY_OP(tile, "Tile", "repeated along its axes", NULL, 2, 2)

/* ---- Slice: data, starts, ends, axes, steps */

typedef struct slice_plan {
    int64_t start[FT_ARRAY_DIMS_MAX], step[FT_ARRAY_DIMS_MAX], size[FT_ARRAY_DIMS_MAX];
    uint32_t named; /* axes that are cut */
} slice_plan;

static int64_t clip(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

static void slice_axis(slice_plan *p, int d, int64_t size, int64_t start, int64_t end,
                       int64_t step) {
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
    if (start < 0) start = start < -size ? low : start + size;
    if (end < 0) end = end < -size ? low : end + size;
    start = clip(start, step < 0 ? 0 : low, step < 0 ? size - 1 : size);
    end = clip(end, low, high);
    int64_t span = step < 0 ? start - end : end - start;
    uint64_t stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    p->size[d] = span <= 0 || size == 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride) + 1;
    p->start[d] = start;
    p->step[d] = p->size[d] > 1 ? step : 1; /* a huge step is never taken */
}

/* The plan for `in`; where a size is not known, p->size is ANY. */
static ft_err slice_of(slice_plan *p, const ft_nn_node *node, const ft_array *in, size_t count) {
    int64_t starts[FT_ARRAY_DIMS_MAX], ends[FT_ARRAY_DIMS_MAX], axes[FT_ARRAY_DIMS_MAX];
    int64_t steps[FT_ARRAY_DIMS_MAX];
    int n, n_ends, n_axes, n_steps, axis;
    FT_TRY(ft_nn_ints_of(node, "starts", &in[1], starts, &n));
    FT_TRY(ft_nn_ints_of(node, "ends", &in[2], ends, &n_ends));
    for (int k = 0; k < n; k++) axes[k] = k, steps[k] = 1;
    n_axes = n_steps = n;
    if (ft_nn_given(in, count, 3)) FT_TRY(ft_nn_ints_of(node, "axes", &in[3], axes, &n_axes));
    if (ft_nn_given(in, count, 4)) FT_TRY(ft_nn_ints_of(node, "steps", &in[4], steps, &n_steps));
    if (n_ends != n || n_axes != n || n_steps != n || n > in->ndim)
        return ft_nn_refuse_(node, FT_EINVAL, "%d starts, %d ends, %d axes, %d steps", n, n_ends,
                             n_axes, n_steps);
    FT_TRY(ft_nn_axes_of(&p->named, node, axes, n, in->ndim));
    for (int d = 0; d < in->ndim; d++) p->size[d] = in->shape[d], p->start[d] = 0, p->step[d] = 1;
    for (int k = 0; k < n; k++) {
        FT_TRY(ft_nn_axis(&axis, node, axes[k], in->ndim));
        if (steps[k] == 0) return ft_nn_refuse_(node, FT_EINVAL, "a step of 0");
        if (in->shape[axis] >= 0)
            slice_axis(p, axis, in->shape[axis], starts[k], ends[k], steps[k]);
        else
            p->size[axis] = FT_NN_DIM_ANY;
    }
    return FT_OK;
}

static ft_err slice_infer(ft_nn_infer *i) {
    slice_plan p;
    const ft_array *in = &i->in[0];
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    for (size_t k = 1; k < i->in_count; k++) {
        if (k < 3 || !ft_nn_absent(&i->in[k])) FT_TRY(ft_nn_take(i, k, FT_NN_INDEXES));
        if (!ft_nn_absent(&i->in[k]) && !ft_nn_content(&i->in[k])) i->content_needed = true;
    }
    i->out[0] = ft_nn_unknown(in->dtype);
    if (in->ndim < 0) return FT_OK;
    i->out[0].ndim = in->ndim;
    for (int d = 0; d < in->ndim; d++) i->out[0].shape[d] = FT_NN_DIM_ANY;
    if (i->content_needed) return FT_OK;
    FT_TRY(slice_of(&p, i->node, i->in, i->in_count));
    memcpy(i->out[0].shape, p.size, sizeof p.size);
    return FT_OK;
}
static ft_nn_copy slice_copy(const ft_nn_call *c) {
    slice_plan p;
    const ft_array *in = &c->in[0];
    int64_t step[FT_ARRAY_DIMS_MAX];
    ft_nn_copy copy = { .dims = in->ndim };
    FT_CHECK(slice_of(&p, c->node, c->in, c->in_count) == FT_OK);
    ft_nn_steps(step, in->shape, in->ndim);
    ft_nn_steps(copy.out_step, c->out[0].shape, in->ndim);
    for (int d = 0; d < in->ndim; d++) {
        copy.size[d] = p.size[d];
        copy.in_step[d] = step[d] * p.step[d];
        copy.in_at += step[d] * p.start[d];
    }
    return copy;
}
COPY_CALLS(slice)
COPY_OP(slice, "Slice", "every step-th item from start to end, along some axes", NULL, 3, 5)

/* ---- Concat, Split: the same pieces, joined or parted along one axis */

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
        ft_nn_copy_run(&copy, c->out[0].data, c->in[k].data, ft_dtype_bytes(c->in[k].dtype),
                       c->threads);
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
        FT_TRY(zero_grad(c, k));
        if (c->in_grad[k].data && c->out_grad[0].data)
            ft_nn_copy_run(&back, c->in_grad[k].data, c->out_grad[0].data, sizeof(float),
                           c->threads);
        at += c->in[k].shape[axis];
    }
    return FT_OK;
}
static const ft_nn_attr_row concat_attrs[] = { { "axis", FT_NN_INT, 0, NULL, true }, { 0 } };
COPY_OP(concat, "Concat", "the inputs one after another along an axis", concat_attrs, 1,
        FT_NN_IO_MAX)

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
            ft_nn_copy_run(&back, c->out[k].data, c->in[0].data, ft_dtype_bytes(c->in[0].dtype),
                           c->threads);
        at += c->out[k].shape[axis];
    }
    return FT_OK;
}
static ft_err split_backward(const ft_nn_call *c) {
    int axis = axis_checked(c->node, c->in[0].ndim);
    pieces p = pieces_of(&c->in[0], axis);
    int64_t at = 0;
    FT_TRY(zero_grad(c, 0));
    for (size_t k = 0; k < c->out_count && c->in_grad[0].data; k++) {
        ft_nn_copy copy = piece_copy(&p, &c->out[k], axis, at);
        if (c->out_grad[k].data)
            ft_nn_copy_run(&copy, c->in_grad[0].data, c->out_grad[k].data, sizeof(float),
                           c->threads);
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
                                  .backward = split_backward };
