/* pad.c -- Pad: constant, edge, reflect, wrap; negative pads cut. The constant kind is a fill and a
 * strided copy; the others look up each item's place. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "nn/ops/shared.h"

typedef struct pad_plan {
    int64_t begin[FT_ARRAY_DIMS_MAX], end[FT_ARRAY_DIMS_MAX];
} pad_plan;

/* data, pads, value, axes */
static ft_err pads_of(pad_plan *p, const ft_nn_node *node, const ft_array *in, size_t count) {
    int64_t axes[FT_ARRAY_DIMS_MAX];
    int n = in->ndim, axis;
    uint32_t set;
    *p = (pad_plan){ 0 };
    for (int d = 0; d < n; d++) axes[d] = d;
    if (ft_nn_given(in, count, 3)) FT_TRY(ft_nn_ints_of(node, "axes", &in[3], axes, &n));
    if (!ft_nn_is(in[1].dtype, FT_NN_INDEXES) || ft_array_count(&in[1]) != 2 * (int64_t)n)
        return ft_nn_refuse_(node, FT_EINVAL, "%" PRId64 " pads, expected two an axis (%d)",
                             ft_array_count(&in[1]), 2 * n);
    FT_TRY(ft_nn_axes_of(&set, node, axes, n, in->ndim));
    for (int k = 0; k < n; k++) {
        FT_TRY(ft_nn_axis(&axis, node, axes[k], in->ndim));
        p->begin[axis] = ft_nn_get_int(&in[1], k);
        p->end[axis] = ft_nn_get_int(&in[1], n + k);
        if (llabs(p->begin[axis] / 2) > INT32_MAX || llabs(p->end[axis] / 2) > INT32_MAX)
            return ft_nn_refuse_(node, FT_ETOOBIG, "a pad of %" PRId64, p->begin[axis]);
    }
    return FT_OK;
}

static ft_err pad_infer(ft_nn_infer *i) {
    static const char *const modes[] = { "constant", "edge", "reflect", "wrap" };
    const ft_array *in = &i->in[0];
    ft_str mode = ft_nn_attr_str(i->node, "mode");
    bool known = false;
    pad_plan p;
    for (size_t k = 0; k < FT_COUNT(modes); k++) known |= ft_str_is(mode, modes[k]);
    if (!known) return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "mode '%.*s'", FT_STR_ARG(mode));
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    if (ft_nn_given(i->in, i->in_count, 2)) FT_TRY(ft_nn_take_same(i, 0, 2));
    i->out[0] = ft_nn_unknown(in->dtype);
    i->content_needed = !ft_nn_content(&i->in[1]) ||
                        (ft_nn_given(i->in, i->in_count, 3) && !ft_nn_content(&i->in[3]));
    if (in->ndim < 0) return FT_OK;
    i->out[0].ndim = in->ndim;
    for (int d = 0; d < in->ndim; d++) i->out[0].shape[d] = FT_NN_DIM_ANY;
    if (i->content_needed) return FT_OK;
    FT_TRY(pads_of(&p, i->node, in, i->in_count));
    for (int d = 0; d < in->ndim; d++) {
        if (in->shape[d] < 0) continue;
        int64_t size = in->shape[d] + p.begin[d] + p.end[d];
        bool reflect = ft_str_is(mode, "reflect");
        if (size < 0)
            return ft_nn_refuse_(i->node, FT_EINVAL, "pads cut more than there is along axis %d",
                                 d);
        if (in->shape[d] == 0 && size > 0 && !ft_str_is(mode, "constant"))
            return ft_nn_refuse_(i->node, FT_EINVAL, "nothing to repeat along axis %d", d);
        if (reflect && (p.begin[d] >= in->shape[d] || p.end[d] >= in->shape[d]) && size > 0 &&
            (p.begin[d] > 0 || p.end[d] > 0))
            return ft_nn_refuse_(i->node, FT_EINVAL,
                                 "pads of %" PRId64 " and %" PRId64
                                 " reflect more than the %" PRId64 " items of axis %d",
                                 p.begin[d], p.end[d], in->shape[d], d);
        i->out[0].shape[d] = size;
    }
    return ft_nn_sane(i->node, &i->out[0]);
}

/* The part of the input that stands in the output, and where. */
static ft_nn_copy inside(const ft_nn_call *c, const pad_plan *p) {
    const ft_array *in = &c->in[0], *out = &c->out[0];
    ft_nn_copy copy = { .dims = in->ndim };
    ft_nn_steps(copy.in_step, in->shape, in->ndim);
    ft_nn_steps(copy.out_step, out->shape, in->ndim);
    for (int d = 0; d < in->ndim; d++) {
        int64_t cut = p->begin[d] < 0 ? -p->begin[d] : 0, cut_end = p->end[d] < 0 ? -p->end[d] : 0;
        copy.size[d] = in->shape[d] - cut - cut_end;
        if (copy.size[d] < 0) copy.size[d] = 0;
        copy.in_at += cut * copy.in_step[d];
        copy.out_at += (p->begin[d] > 0 ? p->begin[d] : 0) * copy.out_step[d];
    }
    return copy;
}

/* Where item `at` of the padded axis comes from. */
static int64_t source(int64_t at, int64_t size, char mode) {
    if (mode == 'e') return at < 0 ? 0 : at >= size ? size - 1 : at;
    if (mode == 'w') return (at % size + size) % size;
    if (size == 1) return 0;
    int64_t period = 2 * (size - 1), in = (at % period + period) % period;
    return in < size ? in : period - in;
}

/* Each item of the output from its place in the input, or (back) its gradient to there. */
static void mapped(const ft_nn_call *c, const pad_plan *p, char mode, bool back) {
    const ft_array *in = &c->in[0], *out = &c->out[0];
    int64_t in_step[FT_ARRAY_DIMS_MAX], count = ft_array_count(out);
    ft_nn_steps(in_step, in->shape, in->ndim);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, at = 0;
        for (int d = in->ndim - 1; d >= 0; d--) {
            at += source(rest % out->shape[d] - p->begin[d], in->shape[d], mode) * in_step[d];
            rest /= out->shape[d];
        }
        if (back)
            ((float *)c->in_grad[0].data)[at] += ((const float *)c->out_grad[0].data)[i];
        else
            ft_nn_put_item(&c->out[0], i, in, at);
    }
}

static ft_err pad_run(const ft_nn_call *c) {
    static const uint64_t zero = 0;
    pad_plan p;
    char mode = ft_nn_attr_str(c->node, "mode").at[0];
    size_t bytes = ft_dtype_bytes(c->in[0].dtype);
    FT_TRY(pads_of(&p, c->node, c->in, c->in_count));
    if (mode != 'c') {
        mapped(c, &p, mode, false);
        return FT_OK;
    }
    const void *value = ft_nn_given(c->in, c->in_count, 2) ? c->in[2].data : &zero;
    ft_nn_fill(c->out[0].data, value, bytes, ft_array_count(&c->out[0]));
    ft_nn_copy copy = inside(c, &p);
    ft_nn_copy_run(c, &copy, c->out[0].data, c->in[0].data, bytes);
    return FT_OK;
}

static ft_err pad_backward(const ft_nn_call *c) {
    pad_plan p;
    char mode = ft_nn_attr_str(c->node, "mode").at[0];
    for (size_t k = 0; k < c->in_count; k++) {
        if (c->in_grad[k].data) memset(c->in_grad[k].data, 0, ft_array_bytes(&c->in_grad[k]));
    }
    if (!c->in_grad[0].data || !c->out_grad[0].data) return FT_OK;
    FT_TRY(pads_of(&p, c->node, c->in, c->in_count));
    if (mode != 'c') {
        mapped(c, &p, mode, true);
        return FT_OK;
    }
    ft_nn_copy copy = inside(c, &p), back = ft_nn_copy_back(&copy);
    ft_nn_copy_run(c, &back, c->in_grad[0].data, c->out_grad[0].data, sizeof(float));
    return FT_OK;
}

static const ft_nn_attr_row pad_attrs[] = { { "mode", FT_NN_STRING, 0, "constant", false }, { 0 } };
extern const ft_nn_op ft_nn_op_pad;
const ft_nn_op ft_nn_op_pad = { .name = "Pad",
                                .doc =
                                    "more items around: a value, the edge, a reflection, the other "
                                    "side; or fewer",
                                .attrs = pad_attrs,
                                .inputs_min = 2,
                                .inputs_max = 4,
                                .outputs_min = 1,
                                .outputs_max = 1,
                                .infer = pad_infer,
                                .reference = pad_run,
                                .backward = pad_backward };
