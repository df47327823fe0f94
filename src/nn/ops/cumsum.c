/* cumsum.c -- CumSum: running sums along an axis, from either end, with or without the item
 * itself; ReverseSequence: the first items of each batch backwards. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

static ft_err cum_sum_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    if (ft_nn_sized(&i->in[1]) && ft_nn_product(&i->in[1], 0, i->in[1].ndim) != 1)
        return ft_nn_refuse_(i->node, FT_EINVAL, "the axis must be one number");
    return ft_nn_infer_same(i);
}

/* Lines along the axis: item k of line at `from + k * step`, forward or back. */
static void line_sum(ft_array *out, const ft_array *in, int64_t from, int64_t size, int64_t step,
                     bool exclusive) {
    double sum = 0;
    uint64_t whole = 0;
    for (int64_t k = 0; k < size; k++) {
        int64_t at = from + k * step;
        if (ft_nn_is_float(in->dtype)) {
            double before = sum;
            sum += ft_array_f64(in, at);
            ft_nn_put_f64(out, at, exclusive ? before : sum);
        } else {
            uint64_t before = whole;
            whole += (uint64_t)ft_nn_get_int(in, at);
            ft_nn_put_int(out, at, (int64_t)(exclusive ? before : whole));
        }
    }
}
static ft_err cum_sum(const ft_nn_call *c, ft_array *out, const ft_array *in, bool reverse) {
    int axis;
    bool exclusive = ft_nn_attr_int(c->node, "exclusive") != 0;
    FT_TRY(ft_nn_axis(&axis, c->node, ft_nn_get_int(&c->in[1], 0), in->ndim));
    int64_t outer = ft_nn_product(in, 0, axis), size = in->shape[axis];
    int64_t inner = ft_nn_product(in, axis + 1, in->ndim);
    for (int64_t line = 0; line < outer * inner && size; line++) {
        int64_t at = line / inner * size * inner + line % inner;
        if (reverse)
            line_sum(out, in, at + (size - 1) * inner, size, -inner, exclusive);
        else
            line_sum(out, in, at, size, inner, exclusive);
    }
    return FT_OK;
}
static ft_err cum_sum_run(const ft_nn_call *c) {
    return cum_sum(c, &c->out[0], &c->in[0], ft_nn_attr_int(c->node, "reverse") != 0);
}
/* What an item adds to is summed from the other end. */
static ft_err cum_sum_backward(const ft_nn_call *c) {
    if (!c->in_grad[0].data) return FT_OK;
    memset(c->in_grad[0].data, 0, ft_array_bytes(&c->in_grad[0]));
    if (!c->out_grad[0].data) return FT_OK;
    return cum_sum(c, &c->in_grad[0], &c->out_grad[0], ft_nn_attr_int(c->node, "reverse") == 0);
}
static const ft_nn_attr_row cum_sum_attrs[] = { { "exclusive", FT_NN_INT, 0, NULL, false },
                                                { "reverse", FT_NN_INT, 0, NULL, false },
                                                { 0 } };
extern const ft_nn_op ft_nn_op_cum_sum;
const ft_nn_op ft_nn_op_cum_sum = { .name = "CumSum",
                                    .doc = "running sums along an axis",
                                    .attrs = cum_sum_attrs,
                                    .inputs_min = 2,
                                    .inputs_max = 2,
                                    .outputs_min = 1,
                                    .outputs_max = 1,
                                    .infer = cum_sum_infer,
                                    .reference = cum_sum_run,
                                    .backward = cum_sum_backward };

/* ---- ReverseSequence */

static ft_err reverse_infer(ft_nn_infer *i) {
    int64_t batch = ft_nn_attr_int(i->node, "batch_axis");
    int64_t time = ft_nn_attr_int(i->node, "time_axis");
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    if (batch < 0 || batch > 1 || time != 1 - batch)
        return ft_nn_refuse_(i->node, FT_EINVAL, "batch and time are axes 0 and 1");
    if (i->in[0].ndim >= 0 && i->in[0].ndim < 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes two dimensions or more");
    if (ft_nn_sized(&i->in[0]) && ft_nn_sized(&i->in[1]) &&
        ft_nn_product(&i->in[1], 0, i->in[1].ndim) != i->in[0].shape[batch])
        return ft_nn_refuse_(i->node, FT_EINVAL, "one length for each of the batch is expected");
    return ft_nn_infer_same(i);
}
static ft_err reverse_run(const ft_nn_call *c) {
    const ft_array *in = &c->in[0];
    int batch = (int)ft_nn_attr_int(c->node, "batch_axis");
    int64_t slice = ft_nn_product(in, 2, in->ndim), step[2] = { in->shape[1] * slice, slice };
    size_t bytes = ft_dtype_bytes(in->dtype) * (size_t)slice;
    for (int64_t b = 0; b < in->shape[batch]; b++) {
        int64_t length = ft_nn_get_int(&c->in[1], b), times = in->shape[1 - batch];
        if (length < 0 || length > times)
            return ft_nn_refuse_(c->node, FT_EINVAL, "a length of %" PRId64 " of %" PRId64, length,
                                 times);
        for (int64_t t = 0; t < times; t++) {
            int64_t from = t < length ? length - 1 - t : t, row = b * step[batch];
            memcpy((char *)c->out[0].data +
                       (size_t)(row + t * step[1 - batch]) * ft_dtype_bytes(in->dtype),
                   (const char *)in->data +
                       (size_t)(row + from * step[1 - batch]) * ft_dtype_bytes(in->dtype),
                   bytes);
        }
    }
    return FT_OK;
}
static const ft_nn_attr_row reverse_attrs[] = { { "batch_axis", FT_NN_INT, 1, NULL, false },
                                                { "time_axis", FT_NN_INT, 0, NULL, false },
                                                { 0 } };
extern const ft_nn_op ft_nn_op_reverse_sequence;
const ft_nn_op ft_nn_op_reverse_sequence = { .name = "ReverseSequence",
                                             .doc = "the first items of each batch backwards",
                                             .attrs = reverse_attrs,
                                             .inputs_min = 2,
                                             .inputs_max = 2,
                                             .outputs_min = 1,
                                             .outputs_max = 1,
                                             .infer = reverse_infer,
                                             .reference = reverse_run };
