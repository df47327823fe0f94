/* scatter.c -- items to places: ScatterElements, ScatterND. A copy of the data into which updates
 * are written, added, multiplied, or of which the larger or smaller stays. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

static ft_err how(char *out, const ft_nn_node *node) {
    static const char *const ways[] = { "none", "add", "mul", "max", "min" };
    ft_str way = ft_nn_attr_str(node, "reduction");
    for (size_t k = 0; k < FT_COUNT(ways); k++) {
        if (!ft_str_is(way, ways[k])) continue;
        *out = k < 3 ? way.at[0] : way.at[1]; /* n a m, then a(x) i(n) */
        if (k == 3) *out = 'x';
        return FT_OK;
    }
    return ft_nn_refuse_(node, FT_EINVAL, "reduction '%.*s'", FT_STR_ARG(way));
}

static void put(ft_array *out, int64_t to, const ft_array *from, int64_t at, char way) {
    if (way == 'n') {
        ft_nn_put_item(out, to, from, at);
    } else if (ft_nn_is_float(out->dtype)) {
        double x = ft_array_f64(out, to), y = ft_array_f64(from, at);
        ft_nn_put_f64(out, to,
                      way == 'a'   ? x + y
                      : way == 'm' ? x * y
                      : way == 'x' ? (y > x || isnan(y) ? y : x)
                                   : (y < x || isnan(y) ? y : x));
    } else {
        uint64_t x = (uint64_t)ft_nn_get_int(out, to), y = (uint64_t)ft_nn_get_int(from, at);
        bool less = out->dtype == FT_U64 ? x < y : (int64_t)x < (int64_t)y;
        uint64_t z = way == 'a' ? x + y : way == 'm' ? x * y : less == (way == 'x') ? y : x;
        ft_nn_put_int(out, to, (int64_t)z);
    }
}

static ft_err scatter_begin(const ft_nn_call *c) {
    if (c->out[0].data != c->in[0].data)
        memcpy(c->out[0].data, c->in[0].data, ft_array_bytes(&c->in[0]));
    return FT_OK;
}

static ft_err scatter_infer(ft_nn_infer *i) {
    char way;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    FT_TRY(ft_nn_take(i, 2, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take_same(i, 0, 2));
    FT_TRY(how(&way, i->node));
    return ft_nn_infer_same(i);
}
static ft_err misfit(const ft_nn_infer *i) {
    char data[FT_NN_SHAPE_TEXT], index[FT_NN_SHAPE_TEXT], updates[FT_NN_SHAPE_TEXT];
    return ft_nn_refuse_(i->node, FT_EINVAL, "data %s, indices %s and updates %s do not fit",
                         ft_nn_shape_text(data, &i->in[0]), ft_nn_shape_text(index, &i->in[1]),
                         ft_nn_shape_text(updates, &i->in[2]));
}

/* ---- ScatterElements */

static ft_err scatter_elements_infer(ft_nn_infer *i) {
    const ft_array *data = &i->in[0], *index = &i->in[1], *updates = &i->in[2];
    int axis;
    FT_TRY(scatter_infer(i));
    if (!ft_nn_sized(data) || !ft_nn_sized(index) || !ft_nn_sized(updates)) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), data->ndim));
    if (data->ndim != index->ndim || updates->ndim != index->ndim) return misfit(i);
    for (int d = 0; d < data->ndim; d++) {
        if (index->shape[d] != updates->shape[d]) return misfit(i);
        if (d != axis && index->shape[d] > data->shape[d]) return misfit(i);
    }
    return FT_OK;
}
static ft_err element_place(int64_t *to, const ft_nn_call *c, int64_t i, int axis,
                            const int64_t *step) {
    const ft_array *index = &c->in[1];
    int64_t rest = i, at;
    FT_TRY(ft_nn_index(&at, c->node, index, i, c->in[0].shape[axis]));
    *to = 0;
    for (int d = index->ndim - 1; d >= 0; d--) {
        *to += (d == axis ? at : rest % index->shape[d]) * step[d];
        rest /= index->shape[d];
    }
    return FT_OK;
}
static ft_err scatter_elements_run(const ft_nn_call *c) {
    int64_t step[FT_ARRAY_DIMS_MAX], to;
    int axis;
    char way;
    FT_TRY(how(&way, c->node));
    FT_TRY(ft_nn_axis(&axis, c->node, ft_nn_attr_int(c->node, "axis"), c->in[0].ndim));
    ft_nn_steps(step, c->in[0].shape, c->in[0].ndim);
    FT_TRY(scatter_begin(c));
    for (int64_t i = 0; i < ft_array_count(&c->in[1]); i++) {
        FT_TRY(element_place(&to, c, i, axis, step));
        put(&c->out[0], to, &c->in[2], i, way);
    }
    return FT_OK;
}

/* Gradients pass for writing and adding: the updates' from their places, the data's everywhere but
 * where it was overwritten. */
static ft_err back_begin(const ft_nn_call *c, char *way) {
    FT_TRY(how(way, c->node));
    if (*way != 'n' && *way != 'a')
        return ft_nn_refuse_(c->node, FT_EUNSUPPORTED, "no gradient for this reduction");
    for (int k = 0; k < 3; k += 2) {
        if (c->in_grad[k].data) memset(c->in_grad[k].data, 0, ft_array_bytes(&c->in_grad[k]));
    }
    if (c->in_grad[0].data && c->out_grad[0].data)
        memcpy(c->in_grad[0].data, c->out_grad[0].data, ft_array_bytes(&c->in_grad[0]));
    return FT_OK;
}
static void back_put(const ft_nn_call *c, int64_t to, int64_t from, int64_t count, char way) {
    const float *dy = (const float *)c->out_grad[0].data + to;
    if (c->in_grad[2].data)
        memcpy((float *)c->in_grad[2].data + from, dy, (size_t)count * sizeof *dy);
    if (c->in_grad[0].data && way == 'n')
        memset((float *)c->in_grad[0].data + to, 0, (size_t)count * sizeof *dy);
}
static ft_err scatter_elements_backward(const ft_nn_call *c) {
    int64_t step[FT_ARRAY_DIMS_MAX], to;
    int axis;
    char way;
    FT_TRY(back_begin(c, &way));
    if (!c->out_grad[0].data) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, c->node, ft_nn_attr_int(c->node, "axis"), c->in[0].ndim));
    ft_nn_steps(step, c->in[0].shape, c->in[0].ndim);
    for (int64_t i = 0; i < ft_array_count(&c->in[1]); i++) {
        FT_TRY(element_place(&to, c, i, axis, step));
        back_put(c, to, i, 1, way);
    }
    return FT_OK;
}

/* ---- ScatterND */

static ft_err scatter_nd_infer(ft_nn_infer *i) {
    const ft_array *data = &i->in[0], *index = &i->in[1], *updates = &i->in[2];
    FT_TRY(scatter_infer(i));
    if (!ft_nn_sized(data) || !ft_nn_sized(index) || !ft_nn_sized(updates)) return FT_OK;
    if (index->ndim < 1 || data->ndim < 1) return misfit(i);
    int64_t deep = index->shape[index->ndim - 1];
    if (deep < 1 || deep > data->ndim || updates->ndim != index->ndim - 1 + data->ndim - (int)deep)
        return misfit(i);
    for (int d = 0; d < updates->ndim; d++) {
        int64_t want =
            d < index->ndim - 1 ? index->shape[d] : data->shape[d - (index->ndim - 1) + (int)deep];
        if (updates->shape[d] != want) return misfit(i);
    }
    return FT_OK;
}
static ft_err nd_place(int64_t *to, const ft_nn_call *c, int64_t k, const int64_t *step) {
    const ft_array *index = &c->in[1];
    int64_t deep = index->shape[index->ndim - 1], at;
    *to = 0;
    for (int64_t d = 0; d < deep; d++) {
        FT_TRY(ft_nn_index(&at, c->node, index, k * deep + d, c->in[0].shape[d]));
        *to += at * step[d];
    }
    return FT_OK;
}
static ft_err scatter_nd_run(const ft_nn_call *c) {
    const ft_array *index = &c->in[1];
    int64_t step[FT_ARRAY_DIMS_MAX], to;
    char way;
    FT_TRY(how(&way, c->node));
    ft_nn_steps(step, c->in[0].shape, c->in[0].ndim);
    int64_t places = ft_nn_product(index, 0, index->ndim - 1);
    int64_t slice = ft_nn_product(&c->in[0], (int)index->shape[index->ndim - 1], c->in[0].ndim);
    FT_TRY(scatter_begin(c));
    for (int64_t k = 0; k < places; k++) {
        FT_TRY(nd_place(&to, c, k, step));
        for (int64_t i = 0; i < slice; i++) put(&c->out[0], to + i, &c->in[2], k * slice + i, way);
    }
    return FT_OK;
}
static ft_err scatter_nd_backward(const ft_nn_call *c) {
    const ft_array *index = &c->in[1];
    int64_t step[FT_ARRAY_DIMS_MAX], to;
    char way;
    FT_TRY(back_begin(c, &way));
    if (!c->out_grad[0].data) return FT_OK;
    ft_nn_steps(step, c->in[0].shape, c->in[0].ndim);
    int64_t places = ft_nn_product(index, 0, index->ndim - 1);
    int64_t slice = ft_nn_product(&c->in[0], (int)index->shape[index->ndim - 1], c->in[0].ndim);
    for (int64_t k = 0; k < places; k++) {
        FT_TRY(nd_place(&to, c, k, step));
        back_put(c, to, k * slice, slice, way);
    }
    return FT_OK;
}

static const ft_nn_attr_row elements_attrs[] = { { "axis", FT_NN_INT, 0, NULL, false },
                                                 { "reduction", FT_NN_STRING, 0, "none", false },
                                                 { 0 } };
static const ft_nn_attr_row nd_attrs[] = { { "reduction", FT_NN_STRING, 0, "none", false }, { 0 } };
extern const ft_nn_op ft_nn_op_scatter_elements, ft_nn_op_scatter_nd;
const ft_nn_op ft_nn_op_scatter_elements = { .name = "ScatterElements",
                                             .doc = "updates along an axis, each to its own index",
                                             .attrs = elements_attrs,
                                             .inputs_min = 3,
                                             .inputs_max = 3,
                                             .outputs_min = 1,
                                             .outputs_max = 1,
                                             .infer = scatter_elements_infer,
                                             .reference = scatter_elements_run,
                                             .backward = scatter_elements_backward };
const ft_nn_op ft_nn_op_scatter_nd = { .name = "ScatterND",
                                       .doc = "slices of updates to places",
                                       .attrs = nd_attrs,
                                       .inputs_min = 3,
                                       .inputs_max = 3,
                                       .outputs_min = 1,
                                       .outputs_max = 1,
                                       .infer = scatter_nd_infer,
                                       .reference = scatter_nd_run,
                                       .backward = scatter_nd_backward };
