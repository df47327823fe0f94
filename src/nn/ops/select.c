/* select.c -- choices item by item: Where, Clip, Not, IsNaN, IsInf. */
#include "base/check.h"
#include "nn/ops/shared.h"
#include "nn/ops/vector.h"

/* ---- Where: condition, x, y broadcast */

static ft_err where_infer(ft_nn_infer *i) {
    ft_array all;
    FT_TRY(ft_nn_take(i, 0, FT_NN_BIT(FT_BOOL)));
    FT_TRY(ft_nn_take(i, 1, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take(i, 2, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_take_same(i, 1, 2));
    all = ft_nn_like(&i->in[1]);
    FT_TRY(ft_nn_broadcast(&all, i->node, &i->in[1], &i->in[2]));
    FT_TRY(ft_nn_broadcast(&all, i->node, &all, &i->in[0]));
    i->out[0] = all;
    return ft_nn_sane(i->node, &all);
}
static ft_err where_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    ft_nn_loop l;
    ft_nn_cursor at;
    size_t bytes = ft_dtype_bytes(out->dtype);
    ft_nn_loop_of(&l, out, (const ft_array *const[]){ &c->in[0], &c->in[1], &c->in[2] }, 3);
    ft_nn_loop_at(&at, &l, 0);
    int64_t cs = ft_nn_inner_step(&l, 0), xs = ft_nn_inner_step(&l, 1);
    int64_t ys = ft_nn_inner_step(&l, 2);
    for (int64_t row = 0; row < l.rows; row++, ft_nn_loop_next(&at, &l)) {
        const uint8_t *condition = (const uint8_t *)c->in[0].data + at.offset[0];
        if (bytes == 4) {
            const uint32_t *x = (const uint32_t *)c->in[1].data + at.offset[1];
            const uint32_t *y = (const uint32_t *)c->in[2].data + at.offset[2];
            uint32_t *z = (uint32_t *)out->data + row * l.inner;
            for (int64_t i = 0; i < l.inner; i++) z[i] = condition[i * cs] ? x[i * xs] : y[i * ys];
            continue;
        }
        for (int64_t i = 0; i < l.inner; i++) {
            bool first = condition[i * cs];
            ft_nn_put_item(out, row * l.inner + i, &c->in[first ? 1 : 2],
                           first ? at.offset[1] + i * xs : at.offset[2] + i * ys);
        }
    }
    return FT_OK;
}
static ft_err where_backward(const ft_nn_call *c) {
    for (int side = 1; side < 3; side++) {
        ft_array *to = &c->in_grad[side];
        const float *dz = c->out_grad[0].data;
        ft_nn_loop l;
        ft_nn_cursor at;
        if (!to->data) continue;
        memset(to->data, 0, ft_array_bytes(to));
        if (!dz) continue;
        ft_nn_loop_of(&l, &c->out[0], (const ft_array *const[]){ &c->in[0], to }, 2);
        ft_nn_loop_at(&at, &l, 0);
        int64_t cs = ft_nn_inner_step(&l, 0), ts = ft_nn_inner_step(&l, 1);
        for (int64_t row = 0; row < l.rows; row++, ft_nn_loop_next(&at, &l)) {
            const uint8_t *condition = (const uint8_t *)c->in[0].data + at.offset[0];
            float *out = (float *)to->data + at.offset[1];
            for (int64_t i = 0; i < l.inner; i++) {
                if ((condition[i * cs] != 0) == (side == 1)) out[i * ts] += dz[row * l.inner + i];
            }
        }
    }
    return FT_OK;
}
extern const ft_nn_op ft_nn_op_where;
const ft_nn_op ft_nn_op_where = { .name = "Where",
                                  .doc = "x where the condition holds, else y",
                                  .inputs_min = 3,
                                  .inputs_max = 3,
                                  .outputs_min = 1,
                                  .outputs_max = 1,
                                  .infer = where_infer,
                                  .reference = where_run,
                                  .backward = where_backward,
                                  .elementwise = true };

/* ---- Clip: x, min, max */

static ft_err clip_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    for (size_t k = 1; k < i->in_count; k++) {
        if (ft_nn_absent(&i->in[k])) continue;
        FT_TRY(ft_nn_take_same(i, 0, k));
        if (ft_nn_sized(&i->in[k]) && ft_nn_product(&i->in[k], 0, i->in[k].ndim) != 1)
            return ft_nn_refuse_(i->node, FT_EINVAL, "input %zu must be one number", k);
    }
    return ft_nn_infer_same(i);
}
static ft_err clip_reference(const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    bool low = ft_nn_given(c->in, c->in_count, 1), high = ft_nn_given(c->in, c->in_count, 2);
    for (int64_t i = 0; i < ft_array_count(x); i++) {
        if (ft_nn_is_float(x->dtype)) {
            double v = ft_array_f64(x, i);
            if (low && v < ft_array_f64(&c->in[1], 0)) v = ft_array_f64(&c->in[1], 0);
            if (high && v > ft_array_f64(&c->in[2], 0)) v = ft_array_f64(&c->in[2], 0);
            ft_nn_put_f64(&c->out[0], i, v);
            continue;
        }
        int64_t v = ft_nn_get_int(x, i), flip = x->dtype == FT_U64 ? INT64_MIN : 0;
        if (low && (v ^ flip) < (ft_nn_get_int(&c->in[1], 0) ^ flip))
            v = ft_nn_get_int(&c->in[1], 0);
        if (high && (v ^ flip) > (ft_nn_get_int(&c->in[2], 0) ^ flip))
            v = ft_nn_get_int(&c->in[2], 0);
        ft_nn_put_int(&c->out[0], i, v);
    }
    return FT_OK;
}
static float bound(const ft_nn_call *c, size_t input, float otherwise) {
    return ft_nn_given(c->in, c->in_count, input) ? *(const float *)c->in[input].data : otherwise;
}
FT_NN_KERNEL(clip_span, (float *y, const float *x, int64_t n, float low, float high),
             (y, x, n, low, high)) {
    for (int64_t i = 0; i < n; i += FT_NN_LANES) {
        int64_t left = n - i;
        ft_v16 v = left < FT_NN_LANES ? ft_v_load_part(x + i, left) : ft_v_load(x + i);
        v = ft_v_min(ft_v_max(v, ft_v_set(low)), ft_v_set(high));
        if (left < FT_NN_LANES)
            ft_v_store_part(y + i, v, left);
        else
            ft_v_store(y + i, v);
    }
}
static ft_err clip_forward(const ft_nn_call *c) {
    if (c->in[0].dtype != FT_F32) return clip_reference(c);
    clip_span(c->out[0].data, c->in[0].data, ft_array_count(&c->in[0]), bound(c, 1, -INFINITY),
              bound(c, 2, INFINITY));
    return FT_OK;
}
static ft_err clip_backward(const ft_nn_call *c) {
    const float *x = c->in[0].data, *dy = c->out_grad[0].data;
    float *dx = c->in_grad[0].data, low = bound(c, 1, -INFINITY), high = bound(c, 2, INFINITY);
    for (size_t k = 1; k < c->in_count; k++) {
        if (c->in_grad[k].data) memset(c->in_grad[k].data, 0, ft_array_bytes(&c->in_grad[k]));
    }
    for (int64_t i = 0; dx && i < ft_array_count(&c->in[0]); i++)
        dx[i] = dy && x[i] >= low && x[i] <= high ? dy[i] : 0;
    return FT_OK;
}
extern const ft_nn_op ft_nn_op_clip;
const ft_nn_op ft_nn_op_clip = { .name = "Clip",
                                 .doc = "x, at least min and at most max",
                                 .inputs_min = 1,
                                 .inputs_max = 3,
                                 .outputs_min = 1,
                                 .outputs_max = 1,
                                 .infer = clip_infer,
                                 .reference = clip_reference,
                                 .forward = clip_forward,
                                 .backward = clip_backward,
                                 .in_place = true,
                                 .elementwise = true };

/* ---- questions */

static ft_err not_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_BIT(FT_BOOL)));
    return ft_nn_infer_same(i);
}
static ft_err question_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_infer_same(i));
    i->out[0].dtype = FT_BOOL;
    return FT_OK;
}
static ft_err not_run(const ft_nn_call *c) {
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++)
        ft_nn_put_int(&c->out[0], i, !ft_nn_get_int(&c->in[0], i));
    return FT_OK;
}
static ft_err is_nan_run(const ft_nn_call *c) {
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++)
        ft_nn_put_int(&c->out[0], i, isnan(ft_array_f64(&c->in[0], i)));
    return FT_OK;
}
static ft_err is_inf_run(const ft_nn_call *c) {
    bool up = ft_nn_attr_int(c->node, "detect_positive") != 0;
    bool down = ft_nn_attr_int(c->node, "detect_negative") != 0;
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++) {
        double v = ft_array_f64(&c->in[0], i);
        ft_nn_put_int(&c->out[0], i, isinf(v) && (v > 0 ? up : down));
    }
    return FT_OK;
}
static const ft_nn_attr_row is_inf_attrs[] = { { "detect_negative", FT_NN_INT, 1, NULL, false },
                                               { "detect_positive", FT_NN_INT, 1, NULL, false },
                                               { 0 } };
#define QUESTION(sym, NAME, DOC, ATTRS, INFER)                \
    extern const ft_nn_op ft_nn_op_##sym;                     \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,           \
                                      .doc = DOC,             \
                                      .attrs = ATTRS,         \
                                      .inputs_min = 1,        \
                                      .inputs_max = 1,        \
                                      .outputs_min = 1,       \
                                      .outputs_max = 1,       \
                                      .infer = INFER,         \
                                      .reference = sym##_run, \
                                      .elementwise = true };
QUESTION(not, "Not", "true where the input is false", NULL, not_infer)
QUESTION(is_nan, "IsNaN", "is it no number?", NULL, question_infer)
QUESTION(is_inf, "IsInf", "is it infinite?", is_inf_attrs, question_infer)
