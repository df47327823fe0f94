/* gather.c -- items by index: Gather (embeddings), GatherElements, GatherND. The gradient adds each
 * item's to where it came from. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

static int axis_of(const ft_nn_node *node, int ndim) {
    int axis;
    FT_CHECK(ft_nn_axis(&axis, node, ft_nn_attr_int(node, "axis"), ndim) == FT_OK);
    return axis;
}

/* `count` items from `from` of input 0 to `to` of the output; or (back) their gradients. */
static void move(const ft_nn_call *c, int64_t to, int64_t from, int64_t count, bool back) {
    if (!back) {
        size_t bytes = ft_dtype_bytes(c->in[0].dtype);
        memcpy((char *)c->out[0].data + (size_t)to * bytes,
               (const char *)c->in[0].data + (size_t)from * bytes, (size_t)count * bytes);
        return;
    }
    float *dx = (float *)c->in_grad[0].data + from;
    const float *dy = (const float *)c->out_grad[0].data + to;
    for (int64_t i = 0; i < count; i++) dx[i] += dy[i];
}

/* Ready to add up; false when there is nothing to do. */
static bool begin_back(const ft_nn_call *c) {
    if (!c->in_grad[0].data) return false;
    memset(c->in_grad[0].data, 0, ft_array_bytes(&c->in_grad[0]));
    return c->out_grad[0].data != NULL;
}

/* ---- Gather: whole slices along one axis */

static ft_err gather_infer(ft_nn_infer *i) {
    const ft_array *data = &i->in[0], *index = &i->in[1];
    ft_array *out = &i->out[0];
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    *out = ft_nn_unknown(data->dtype);
    if (data->ndim < 0) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), data->ndim));
    if (index->ndim < 0) return FT_OK;
    if (data->ndim - 1 + index->ndim > FT_ARRAY_DIMS_MAX)
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "more than %d dimensions",
                             FT_ARRAY_DIMS_MAX);
    out->ndim = 0;
    for (int d = 0; d < axis; d++) out->shape[out->ndim++] = data->shape[d];
    for (int d = 0; d < index->ndim; d++) out->shape[out->ndim++] = index->shape[d];
    for (int d = axis + 1; d < data->ndim; d++) out->shape[out->ndim++] = data->shape[d];
    return ft_nn_sane(i->node, out);
}
static ft_err gather_walk(const ft_nn_call *c, bool back) {
    const ft_array *data = &c->in[0];
    int axis = axis_of(c->node, data->ndim);
    int64_t outer = ft_nn_product(data, 0, axis), size = data->shape[axis];
    int64_t inner = ft_nn_product(data, axis + 1, data->ndim), count = ft_array_count(&c->in[1]);
    for (int64_t k = 0; k < count; k++) {
        int64_t index;
        FT_TRY(ft_nn_index(&index, c->node, &c->in[1], k, size));
        for (int64_t o = 0; o < outer; o++)
            move(c, (o * count + k) * inner, (o * size + index) * inner, inner, back);
    }
    return FT_OK;
}
static ft_err gather_run(const ft_nn_call *c) { return gather_walk(c, false); }
static ft_err gather_backward(const ft_nn_call *c) {
    return begin_back(c) ? gather_walk(c, true) : FT_OK;
}

/* ---- GatherElements: along the axis, each item by its own index */

static ft_err gather_elements_infer(ft_nn_infer *i) {
    const ft_array *data = &i->in[0], *index = &i->in[1];
    int axis;
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    i->out[0] = ft_nn_like(index);
    i->out[0].dtype = data->dtype;
    if (data->ndim < 0 || index->ndim < 0) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), data->ndim));
    bool fits = data->ndim == index->ndim;
    for (int d = 0; fits && d < data->ndim; d++)
        fits = d == axis || data->shape[d] < 0 || index->shape[d] <= data->shape[d];
    if (fits) return FT_OK;
    return ft_nn_refuse_(i->node, FT_EINVAL, "indices of shape %s for data of shape %s",
                         ft_nn_shape_text(one, index), ft_nn_shape_text(two, data));
}
static ft_err gather_elements_walk(const ft_nn_call *c, bool back) {
    const ft_array *data = &c->in[0], *index = &c->in[1];
    int axis = axis_of(c->node, data->ndim);
    int64_t step[FT_ARRAY_DIMS_MAX];
    ft_nn_steps(step, data->shape, data->ndim);
    for (int64_t i = 0; i < ft_array_count(index); i++) {
        int64_t rest = i, from = 0, at;
        FT_TRY(ft_nn_index(&at, c->node, index, i, data->shape[axis]));
        for (int d = index->ndim - 1; d >= 0; d--) {
            from += (d == axis ? at : rest % index->shape[d]) * step[d];
            rest /= index->shape[d];
        }
        move(c, i, from, 1, back);
    }
    return FT_OK;
}
static ft_err gather_elements_run(const ft_nn_call *c) { return gather_elements_walk(c, false); }
static ft_err gather_elements_backward(const ft_nn_call *c) {
    return begin_back(c) ? gather_elements_walk(c, true) : FT_OK;
}

/* ---- GatherND: the last axis of the indices is a place in the data */

static ft_err gather_nd_infer(ft_nn_infer *i) {
    const ft_array *data = &i->in[0], *index = &i->in[1];
    ft_array *out = &i->out[0];
    int64_t batch = ft_nn_attr_int(i->node, "batch_dims");
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    *out = ft_nn_unknown(data->dtype);
    if (data->ndim < 0 || index->ndim < 0) return FT_OK;
    if (index->ndim < 1 || batch < 0 || batch >= index->ndim || batch >= data->ndim)
        return ft_nn_refuse_(i->node, FT_EINVAL, "batch_dims %" PRId64, batch);
    int64_t deep = index->shape[index->ndim - 1];
    if (deep < 0) return FT_OK;
    if (deep < 1 || batch + deep > data->ndim)
        return ft_nn_refuse_(i->node, FT_EINVAL, "places of %" PRId64 " numbers in %d dimensions",
                             deep, data->ndim);
    int rest = data->ndim - (int)(batch + deep);
    if (index->ndim - 1 + rest > FT_ARRAY_DIMS_MAX)
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "more than %d dimensions",
                             FT_ARRAY_DIMS_MAX);
    for (int d = 0; d < batch; d++) {
        if (data->shape[d] >= 0 && index->shape[d] >= 0 && data->shape[d] != index->shape[d])
            return ft_nn_refuse_(i->node, FT_EINVAL, "batch axis %d differs", d);
    }
    out->ndim = 0;
    for (int d = 0; d < index->ndim - 1; d++) out->shape[out->ndim++] = index->shape[d];
    for (int d = 0; d < rest; d++) out->shape[out->ndim++] = data->shape[batch + deep + d];
    return ft_nn_sane(i->node, out);
}
static ft_err gather_nd_walk(const ft_nn_call *c, bool back) {
    const ft_array *data = &c->in[0], *index = &c->in[1];
    int batch = (int)ft_nn_attr_int(c->node, "batch_dims");
    int deep = (int)index->shape[index->ndim - 1];
    int64_t step[FT_ARRAY_DIMS_MAX];
    ft_nn_steps(step, data->shape, data->ndim);
    int64_t slice = ft_nn_product(data, batch + deep, data->ndim);
    int64_t batches = ft_nn_product(index, 0, batch);
    int64_t places = ft_nn_product(index, batch, index->ndim - 1);
    int64_t stride = ft_nn_product(data, batch, data->ndim);
    for (int64_t k = 0; k < batches * places; k++) {
        int64_t from = k / places * stride, at;
        for (int d = 0; d < deep; d++) {
            FT_TRY(ft_nn_index(&at, c->node, index, k * deep + d, data->shape[batch + d]));
            from += at * step[batch + d];
        }
        move(c, k * slice, from, slice, back);
    }
    return FT_OK;
}
static ft_err gather_nd_run(const ft_nn_call *c) { return gather_nd_walk(c, false); }
static ft_err gather_nd_backward(const ft_nn_call *c) {
    return begin_back(c) ? gather_nd_walk(c, true) : FT_OK;
}

static const ft_nn_attr_row axis_attrs[] = { { "axis", FT_NN_INT, 0, NULL, false }, { 0 } };
static const ft_nn_attr_row batch_attrs[] = { { "batch_dims", FT_NN_INT, 0, NULL, false }, { 0 } };
#define GATHER(sym, NAME, DOC, ATTRS)                         \
    extern const ft_nn_op ft_nn_op_##sym;                     \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,           \
                                      .doc = DOC,             \
                                      .attrs = ATTRS,         \
                                      .inputs_min = 2,        \
                                      .inputs_max = 2,        \
                                      .outputs_min = 1,       \
                                      .outputs_max = 1,       \
                                      .infer = sym##_infer,   \
                                      .reference = sym##_run, \
                                      .backward = sym##_backward };
GATHER(gather, "Gather", "slices along an axis, by index", axis_attrs)
GATHER(gather_elements, "GatherElements", "items along an axis, each by its own index", axis_attrs)
GATHER(gather_nd, "GatherND", "slices by places", batch_attrs)
