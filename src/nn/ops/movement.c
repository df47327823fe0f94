/* movement.c -- the same items elsewhere: Transpose, Expand, Tile, DepthToSpace, SpaceToDepth. Each
 * one's plan is a strided copy; the gradient is the same copy backwards. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/copy_op.h"

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
static bool transpose_apart(const ft_nn_node *node, const ft_array *in) {
    const int64_t *perm;
    size_t count;
    FT_UNUSED(in);
    return ft_nn_attr_ints(node, "perm", &perm, &count) && count && perm[0] == 0;
}
COPY_OP(transpose, "Transpose", "the axes in another order", transpose_attrs, 1, 1,
        .apart = transpose_apart, .reads = FT_NN_READS_NOTHING)

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
        1, 1, .apart = ft_nn_apart)
COPY_OP(space_to_depth, "SpaceToDepth", "blocks of pixels become channels", space_attrs, 1, 1,
        .apart = ft_nn_apart)

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
