/* slice.c -- Slice: every step-th item from start to end along some axes; a strided copy. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/copy_op.h"

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
