/* cast.c -- numbers of one type as another: Cast, CastLike. Floats are cut toward zero where they
 * become integers and rounded to the nearest, ties to even, where they become shorter floats. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/onnx_type.h"
#include "nn/ops/shared.h"

ft_err ft_nn_type_of(ft_dtype *out, const ft_nn_node *node, int64_t type) {
    *out = ft_nn_onnx_dtype(type);
    if (*out == FT_DTYPE_COUNT)
        return ft_nn_refuse_(node, FT_EUNSUPPORTED, "numbers of type %" PRId64 " (%s)", type,
                             type == FT_NN_ONNX_TEXTS ? "texts" : "not known");
    return FT_OK;
}

static ft_err cast_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_infer_same(i));
    return ft_nn_type_of(&i->out[0].dtype, i->node, ft_nn_attr_int(i->node, "to"));
}
static ft_err cast_like_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 1, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_infer_same(i));
    i->out[0].dtype = i->in[1].dtype;
    return FT_OK;
}

static void cast_item(ft_array *out, const ft_array *in, int64_t i) {
    if (in->dtype == FT_U64 && ft_nn_is_float(out->dtype))
        ft_nn_put_f64(out, i, (double)((const uint64_t *)in->data)[i]);
    else if (ft_nn_is_float(in->dtype))
        ft_nn_put_f64(out, i, ft_array_f64(in, i));
    else
        ft_nn_put_int(out, i, ft_nn_get_int(in, i));
}
static ft_err cast_reference(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    for (int64_t i = 0; i < ft_array_count(out); i++) cast_item(out, &c->in[0], i);
    return FT_OK;
}

/* The pairs that networks use. */
#define PAIR(from, to, expression)                                       \
    static void from##_to_##to(void *out_, const void *in_, int64_t n) { \
        const from *in = in_;                                            \
        to *out = out_;                                                  \
        for (int64_t i = 0; i < n; i++) out[i] = (to)(expression);       \
    }
PAIR(int64_t, float, in[i])
PAIR(int32_t, float, in[i])
PAIR(uint8_t, float, in[i])
PAIR(int32_t, int64_t, in[i])
PAIR(int64_t, int32_t, in[i])
PAIR(float, uint8_t, in[i] != 0)

static const struct {
    ft_dtype from, to;
    void (*run)(void *out, const void *in, int64_t n);
} pairs[] = { { FT_I64, FT_F32, int64_t_to_float },   { FT_I32, FT_F32, int32_t_to_float },
              { FT_U8, FT_F32, uint8_t_to_float },    { FT_BOOL, FT_F32, uint8_t_to_float },
              { FT_I32, FT_I64, int32_t_to_int64_t }, { FT_I64, FT_I32, int64_t_to_int32_t },
              { FT_F32, FT_BOOL, float_to_uint8_t } };

static ft_err cast_forward(const ft_nn_call *c) {
    const ft_array *in = &c->in[0];
    ft_array *out = &c->out[0];
    if (in->dtype == out->dtype) {
        memcpy(out->data, in->data, ft_array_bytes(in));
        return FT_OK;
    }
    for (size_t k = 0; k < FT_COUNT(pairs); k++) {
        if (pairs[k].from != in->dtype || pairs[k].to != out->dtype) continue;
        pairs[k].run(out->data, in->data, ft_array_count(out));
        return FT_OK;
    }
    return cast_reference(c);
}

/* Between floats the gradient passes; it is f32 on both sides. */
static ft_err cast_backward(const ft_nn_call *c) {
    ft_array *to = &c->in_grad[0];
    if (!to->data) return FT_OK;
    if (c->out_grad[0].data && ft_nn_is_float(c->out[0].dtype))
        memcpy(to->data, c->out_grad[0].data, ft_array_bytes(to));
    else
        memset(to->data, 0, ft_array_bytes(to));
    return FT_OK;
}

static const ft_nn_attr_row cast_attrs[] = { { "to", FT_NN_INT, 0, NULL, true }, { 0 } };
extern const ft_nn_op ft_nn_op_cast, ft_nn_op_cast_like;
const ft_nn_op ft_nn_op_cast = { .name = "Cast",
                                 .doc = "the numbers as another type",
                                 .attrs = cast_attrs,
                                 .inputs_min = 1,
                                 .inputs_max = 1,
                                 .outputs_min = 1,
                                 .outputs_max = 1,
                                 .infer = cast_infer,
                                 .reference = cast_reference,
                                 .forward = cast_forward,
                                 .backward = cast_backward,
                                 .elementwise = true };
const ft_nn_op ft_nn_op_cast_like = { .name = "CastLike",
                                      .doc = "the numbers as the second input's type",
                                      .inputs_min = 2,
                                      .inputs_max = 2,
                                      .outputs_min = 1,
                                      .outputs_max = 1,
                                      .infer = cast_like_infer,
                                      .reference = cast_reference,
                                      .forward = cast_forward,
                                      .backward = cast_backward };
