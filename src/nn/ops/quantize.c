/* quantize.c -- numbers of 8 bits with a scale and a zero point: QuantizeLinear, DequantizeLinear,
 * DynamicQuantizeLinear, and what computes with them: MatMulInteger, QLinearMatMul, ConvInteger,
 * QLinearConv. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

#define BYTES (FT_NN_BIT(FT_U8) | FT_NN_BIT(FT_I8))

#define QUANTIZED(sym, NAME, DOC, ATTRS, MIN, MAX, OUT)     \
    extern const ft_nn_op ft_nn_op_##sym;                   \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,         \
                                      .doc = DOC,           \
                                      .attrs = ATTRS,       \
                                      .inputs_min = MIN,    \
                                      .inputs_max = MAX,    \
                                      .outputs_min = OUT,   \
                                      .outputs_max = OUT,   \
                                      .infer = sym##_infer, \
                                      .reference = sym##_run };

/* The nearest byte, ties to even. */
static void put_byte(ft_array *out, int64_t i, double v, int64_t zero) {
    double low = out->dtype == FT_U8 ? 0 : -128, high = out->dtype == FT_U8 ? 255 : 127;
    v = rint(v) + (double)zero;
    ft_nn_put_int(out, i, (int64_t)(v < low || v != v ? low : v > high ? high : v));
}

/* One number for all, or one for each place of `axis`. */
static int64_t each_at(const ft_array *each, const ft_array *x, int axis, int64_t i) {
    if (ft_array_count(each) == 1) return 0;
    return i / ft_nn_product(x, axis + 1, x->ndim) % x->shape[axis];
}
static ft_err each_fits(int *axis, const ft_nn_node *node, const ft_array *each,
                        const ft_array *x) {
    *axis = 0;
    if (!ft_nn_sized(each) || x->ndim < 0 || ft_nn_product(each, 0, each->ndim) == 1) return FT_OK;
    FT_TRY(ft_nn_axis(axis, node, ft_nn_attr_int(node, "axis"), x->ndim));
    if (each->ndim != 1 || (x->shape[*axis] >= 0 && each->shape[0] != x->shape[*axis]))
        return ft_nn_refuse_(node, FT_EINVAL, "one scale, or one for each place of axis %d", *axis);
    return FT_OK;
}

/* ---- QuantizeLinear, DequantizeLinear: x, scale, zero point */

static ft_err scale_infer(ft_nn_infer *i) {
    int axis;
    FT_TRY(each_fits(&axis, i->node, &i->in[1], &i->in[0]));
    if (ft_nn_given(i->in, i->in_count, 2)) {
        FT_TRY(each_fits(&axis, i->node, &i->in[2], &i->in[0]));
        if (ft_nn_sized(&i->in[1]) && ft_nn_sized(&i->in[2]) &&
            ft_array_count(&i->in[1]) != ft_array_count(&i->in[2]))
            return ft_nn_refuse_(i->node, FT_EINVAL, "one zero point for each scale is expected");
    }
    return ft_nn_infer_same(i);
}
static ft_err quantize_linear_infer(ft_nn_infer *i) {
    bool zero = ft_nn_given(i->in, i->in_count, 2);
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS | FT_NN_BIT(FT_I32)));
    FT_TRY(ft_nn_take(i, 1, FT_NN_FLOATS));
    if (zero) FT_TRY(ft_nn_take(i, 2, BYTES));
    FT_TRY(scale_infer(i));
    i->out[0].dtype = zero ? i->in[2].dtype : FT_U8;
    return FT_OK;
}
static ft_err quantize_linear_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0], *scale = &c->in[1];
    bool zero = ft_nn_given(c->in, c->in_count, 2);
    int axis;
    FT_TRY(each_fits(&axis, c->node, scale, x));
    for (int64_t i = 0; i < ft_array_count(x); i++) {
        int64_t k = each_at(scale, x, axis, i);
        put_byte(&c->out[0], i, (double)(float)(ft_array_f64(x, i) / ft_array_f64(scale, k)),
                 zero ? ft_nn_get_int(&c->in[2], k) : 0);
    }
    return FT_OK;
}
static ft_err dequantize_linear_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, BYTES | FT_NN_BIT(FT_I32)));
    FT_TRY(ft_nn_take(i, 1, FT_NN_FLOATS));
    if (ft_nn_given(i->in, i->in_count, 2)) FT_TRY(ft_nn_take_same(i, 0, 2));
    FT_TRY(scale_infer(i));
    i->out[0].dtype = i->in[1].dtype;
    return FT_OK;
}
static ft_err dequantize_linear_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0], *scale = &c->in[1];
    bool zero = ft_nn_given(c->in, c->in_count, 2);
    int axis;
    FT_TRY(each_fits(&axis, c->node, scale, x));
    for (int64_t i = 0; i < ft_array_count(x); i++) {
        int64_t k = each_at(scale, x, axis, i);
        int64_t v = ft_nn_get_int(x, i) - (zero ? ft_nn_get_int(&c->in[2], k) : 0);
        ft_nn_put_f64(&c->out[0], i, (double)v * ft_array_f64(scale, k));
    }
    return FT_OK;
}
/* One scale for all, f32 on one side, bytes on the other: what networks have between layers. */
static bool one_scale(const ft_nn_call *c) {
    return ft_array_count(&c->in[1]) == 1 && c->in[1].dtype == FT_F32 &&
           (!ft_nn_given(c->in, c->in_count, 2) || ft_array_count(&c->in[2]) == 1);
}
static float zero_one(const ft_nn_call *c) {
    return ft_nn_given(c->in, c->in_count, 2) ? (float)ft_nn_get_int(&c->in[2], 0) : 0;
}
static ft_err quantize_linear_forward(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    if (c->in[0].dtype != FT_F32 || !one_scale(c)) return quantize_linear_run(c);
    const float *x = c->in[0].data, zero = zero_one(c), scale = *(const float *)c->in[1].data;
    const float low = out->dtype == FT_U8 ? 0 : -128, high = out->dtype == FT_U8 ? 255 : 127;
    for (int64_t i = 0; i < ft_array_count(out); i++) {
        float v = rintf(x[i] / scale) + zero;
        v = v > high ? high : v >= low ? v : low; /* NaN is the lowest, as in the reference */
        ((uint8_t *)out->data)[i] = (uint8_t)(int)v;
    }
    return FT_OK;
}
static ft_err dequantize_linear_forward(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    if (out->dtype != FT_F32 || c->in[0].dtype == FT_I32 || !one_scale(c))
        return dequantize_linear_run(c);
    const float zero = zero_one(c), scale = *(const float *)c->in[1].data;
    float *y = out->data;
    int64_t count = ft_array_count(out);
    if (c->in[0].dtype == FT_U8)
        for (int64_t i = 0; i < count; i++)
            y[i] = ((float)((const uint8_t *)c->in[0].data)[i] - zero) * scale;
    else
        for (int64_t i = 0; i < count; i++)
            y[i] = ((float)((const int8_t *)c->in[0].data)[i] - zero) * scale;
    return FT_OK;
}

static const ft_nn_attr_row axis_attrs[] = { { "axis", FT_NN_INT, 1, NULL, false }, { 0 } };
#define LINEAR(sym, NAME, DOC)                                \
    extern const ft_nn_op ft_nn_op_##sym;                     \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,           \
                                      .doc = DOC,             \
                                      .attrs = axis_attrs,    \
                                      .inputs_min = 2,        \
                                      .inputs_max = 3,        \
                                      .outputs_min = 1,       \
                                      .outputs_max = 1,       \
                                      .infer = sym##_infer,   \
                                      .reference = sym##_run, \
                                      .forward = sym##_forward };
LINEAR(quantize_linear, "QuantizeLinear", "floats as bytes by a scale and a zero point")
LINEAR(dequantize_linear, "DequantizeLinear", "bytes as floats by a scale and a zero point")

/* ---- DynamicQuantizeLinear: the scale follows from the range of x, which holds 0 */

static ft_err dynamic_quantize_linear_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_BIT(FT_F32)));
    FT_TRY(ft_nn_infer_same(i));
    i->out[0].dtype = FT_U8;
    i->out[1] = (ft_array){ .dtype = FT_F32 };
    i->out[2] = (ft_array){ .dtype = FT_U8 };
    return FT_OK;
}
static ft_err dynamic_quantize_linear_run(const ft_nn_call *c) {
    const float *x = c->in[0].data;
    int64_t count = ft_array_count(&c->in[0]);
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    float scale = (high - low) / 255.0f;
    if (scale == 0) scale = 1;
    float zero = rintf(fminf(fmaxf(-low / scale, 0), 255));
    for (int64_t i = 0; i < count && c->out[0].data; i++)
        put_byte(&c->out[0], i, (double)(x[i] / scale), (int64_t)zero);
    if (c->out[1].data) *(float *)c->out[1].data = scale;
    if (c->out[2].data) *(uint8_t *)c->out[2].data = (uint8_t)zero;
    return FT_OK;
}
QUANTIZED(dynamic_quantize_linear, "DynamicQuantizeLinear",
          "floats as bytes; scale and zero point follow from their range", NULL, 1, 1, 3)

/* ---- products of matrices of bytes */

static ft_err product_infer(ft_nn_infer *i, const ft_array *a, const ft_array *b) {
    ft_array left = ft_nn_like(a), right = ft_nn_like(b), *out = &i->out[0];
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    ft_dtype type = out->dtype;
    *out = ft_nn_unknown(type);
    if (a->ndim < 0 || b->ndim < 0) return FT_OK;
    if (a->ndim < 2 || b->ndim < 2)
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "takes matrices of two dimensions or more");
    int64_t k = a->shape[a->ndim - 1], k2 = b->shape[b->ndim - 2];
    if (k >= 0 && k2 >= 0 && k != k2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "matrices %s and %s do not fit",
                             ft_nn_shape_text(one, a), ft_nn_shape_text(two, b));
    left.ndim -= 2, right.ndim -= 2;
    *out = left;
    FT_TRY(ft_nn_broadcast(out, i->node, &left, &right));
    out->dtype = type;
    out->shape[out->ndim] = a->shape[a->ndim - 2];
    out->shape[out->ndim + 1] = b->shape[b->ndim - 1];
    out->ndim += 2;
    return ft_nn_sane(i->node, out);
}

/* The zero point of row `i` (of `n`): none, one for all, or one each. */
static int64_t zero_of(const ft_nn_call *c, size_t input, int64_t i, int64_t n) {
    if (!ft_nn_given(c->in, c->in_count, input)) return 0;
    int64_t count = ft_array_count(&c->in[input]);
    return count ? ft_nn_get_int(&c->in[input], count == n && n > 1 ? i : 0) : 0;
}

typedef struct product { /* where matrices a and b, their zero points and scales are */
    size_t a, b, a_zero, b_zero;
} product;

/* Where matrix number `m` of the output begins in a. */
static int64_t matrix_at(const ft_array *a, const ft_array *out, int64_t m) {
    int64_t at = 0, step = a->shape[a->ndim - 1] * a->shape[a->ndim - 2];
    for (int d = out->ndim - 3; d >= 0; d--) {
        int own = d - (out->ndim - a->ndim);
        int64_t index = m % out->shape[d];
        m /= out->shape[d];
        if (own < 0) continue;
        if (a->shape[own] != 1) at += index * step;
        step *= a->shape[own];
    }
    return at;
}
/* Row of sums: sums[j] = sum over k of (a[k] - za) * (b[k][j] - zb[j]). */
static void product_row(const ft_nn_call *c, const product *p, int32_t *sums, int64_t m,
                        int64_t row) {
    const ft_array *a = &c->in[p->a], *b = &c->in[p->b];
    int64_t depth = a->shape[a->ndim - 1], columns = b->shape[b->ndim - 1];
    int64_t rows = a->shape[a->ndim - 2];
    int64_t at = matrix_at(a, &c->out[0], m) + row * depth, bt = matrix_at(b, &c->out[0], m);
    memset(sums, 0, (size_t)columns * sizeof *sums);
    for (int64_t k = 0; k < depth; k++) {
        int32_t x = (int32_t)(ft_nn_get_int(a, at + k) - zero_of(c, p->a_zero, row, rows));
        if (b->dtype == FT_U8) {
            const uint8_t *y = (const uint8_t *)b->data + bt + k * columns;
            for (int64_t j = 0; j < columns; j++) sums[j] += x * (int32_t)y[j];
        } else {
            const int8_t *y = (const int8_t *)b->data + bt + k * columns;
            for (int64_t j = 0; j < columns; j++) sums[j] += x * (int32_t)y[j];
        }
    }
    int32_t all = 0; /* of a's row, to take b's zero points away */
    for (int64_t k = 0; k < depth; k++)
        all += (int32_t)(ft_nn_get_int(a, at + k) - zero_of(c, p->a_zero, row, rows));
    for (int64_t j = 0; j < columns; j++)
        sums[j] -= all * (int32_t)zero_of(c, p->b_zero, j, columns);
}
static ft_err row_scratch(ft_nn_prepare *p) {
    const ft_array *out = &p->out[0];
    if (ft_nn_sized(out) && out->ndim)
        p->scratch_bytes = (size_t)(out->shape[out->ndim - 1] + 1) * sizeof(int32_t);
    return FT_OK;
}

static ft_err mat_mul_integer_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, BYTES));
    FT_TRY(ft_nn_take(i, 1, BYTES));
    i->out[0].dtype = FT_I32;
    return product_infer(i, &i->in[0], &i->in[1]);
}
static ft_err mat_mul_integer_run(const ft_nn_call *c) {
    const product p = { 0, 1, 2, 3 };
    const ft_array *out = &c->out[0];
    int64_t rows = out->shape[out->ndim - 2], columns = out->shape[out->ndim - 1];
    int64_t matrices = ft_nn_product(out, 0, out->ndim - 2);
    for (int64_t i = 0; i < matrices * rows; i++)
        product_row(c, &p, (int32_t *)out->data + i * columns, i / rows, i % rows);
    return FT_OK;
}
QUANTIZED(mat_mul_integer, "MatMulInteger", "product of matrices of bytes", NULL, 2, 4, 1)

/* Scales and zero points of both sides and of the result: where they stand in both operations. */
static ft_err scales_there(const ft_nn_infer *i) {
    static const size_t at[] = { 1, 2, 4, 5, 6, 7 };
    for (size_t k = 0; k < FT_COUNT(at); k++)
        if (ft_nn_sized(&i->in[at[k]]) && ft_array_count(&i->in[at[k]]) == 0)
            return ft_nn_refuse_(i->node, FT_EINVAL, "input %zu has no items", at[k]);
    return FT_OK;
}

/* a, its scale, its zero; b, its scale, its zero; the result's scale and zero. */
static ft_err q_linear_mat_mul_infer(ft_nn_infer *i) {
    FT_TRY(scales_there(i));
    FT_TRY(ft_nn_take(i, 0, BYTES));
    FT_TRY(ft_nn_take(i, 3, BYTES));
    FT_TRY(ft_nn_take(i, 7, BYTES));
    i->out[0].dtype = i->in[7].dtype;
    return product_infer(i, &i->in[0], &i->in[3]);
}
static double scale_at(const ft_array *scale, int64_t i, int64_t n) {
    return ft_array_f64(scale, n > 1 && ft_array_count(scale) == n ? i : 0);
}
static ft_err q_linear_mat_mul_run(const ft_nn_call *c) {
    const product p = { 0, 3, 2, 5 };
    ft_array *out = &c->out[0];
    int64_t rows = out->shape[out->ndim - 2], columns = out->shape[out->ndim - 1];
    int64_t matrices = ft_nn_product(out, 0, out->ndim - 2);
    int32_t *sums = c->scratch;
    for (int64_t i = 0; i < matrices * rows; i++) {
        product_row(c, &p, sums, i / rows, i % rows);
        for (int64_t j = 0; j < columns; j++) {
            double scale = scale_at(&c->in[1], i % rows, rows) * scale_at(&c->in[4], j, columns) /
                           ft_array_f64(&c->in[6], 0);
            put_byte(out, i * columns + j, (double)sums[j] * scale, ft_nn_get_int(&c->in[7], 0));
        }
    }
    return FT_OK;
}
extern const ft_nn_op ft_nn_op_q_linear_mat_mul;
const ft_nn_op ft_nn_op_q_linear_mat_mul = { .name = "QLinearMatMul",
                                             .doc = "product of matrices of bytes, as bytes",
                                             .inputs_min = 8,
                                             .inputs_max = 8,
                                             .outputs_min = 1,
                                             .outputs_max = 1,
                                             .infer = q_linear_mat_mul_infer,
                                             .reference = q_linear_mat_mul_run,
                                             .prepare = row_scratch };

/* ---- convolutions of bytes */

static ft_err conv_infer(ft_nn_infer *i, const ft_array *x, const ft_array *w, ft_nn_window *win) {
    ft_array *out = &i->out[0];
    int64_t group = ft_nn_attr_int(i->node, "group");
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    ft_dtype type = out->dtype;
    *out = ft_nn_unknown(type);
    if (x->ndim < 0 || !ft_nn_sized(w)) return FT_OK;
    if (x->ndim < 3 || w->ndim != x->ndim || group < 1 || w->shape[0] % group ||
        (x->shape[1] >= 0 && x->shape[1] != w->shape[1] * group))
        return ft_nn_refuse_(i->node, FT_EINVAL,
                             "input %s and weights %s in %" PRId64 " groups do not fit",
                             ft_nn_shape_text(one, x), ft_nn_shape_text(two, w), group);
    out->ndim = x->ndim;
    out->shape[0] = x->shape[0];
    out->shape[1] = w->shape[0];
    FT_TRY(ft_nn_window_of(win, i->node, x, &w->shape[2], &out->shape[2]));
    return ft_nn_sane(i->node, out);
}

typedef struct conv {
    const ft_array *x, *w;
    ft_nn_window win;
    int64_t x_zero;
    int64_t group, inputs; /* channels a group */
    int64_t taps;          /* of a window */
} conv;

static ft_err conv_of(conv *v, const ft_nn_call *c, const ft_array *x, const ft_array *w) {
    int64_t spatial[FT_ARRAY_DIMS_MAX];
    *v = (conv){ .x = x, .w = w, .group = ft_nn_attr_int(c->node, "group"), .inputs = w->shape[1] };
    v->taps = ft_nn_product(w, 2, w->ndim);
    return ft_nn_window_of(&v->win, c->node, x, &w->shape[2], spatial);
}
/* Where tap `k` of the window at output place `o` is in a channel of x; -1 in the padding. */
static int64_t tap_at(const conv *v, const ft_array *out, int64_t o, int64_t k) {
    int64_t at = 0, step = 1;
    for (int d = v->win.dims - 1; d >= 0; d--) {
        int64_t place = o % out->shape[d + 2] * v->win.stride[d] - v->win.pad_begin[d] +
                        k % v->win.kernel[d] * v->win.dilation[d];
        if (place < 0 || place >= v->x->shape[d + 2]) return -1;
        at += place * step;
        step *= v->x->shape[d + 2];
        o /= out->shape[d + 2];
        k /= v->win.kernel[d];
    }
    return at;
}
static int32_t conv_item(const conv *v, const ft_array *out, int64_t n, int64_t m, int64_t o,
                         int64_t w_zero) {
    int64_t plane = ft_nn_product(v->x, 2, v->x->ndim), sum = 0;
    int64_t g = m / (out->shape[1] / v->group);
    for (int64_t k = 0; k < v->taps; k++) {
        int64_t at = tap_at(v, out, o, k);
        if (at < 0) continue; /* padding is the zero point: nothing */
        for (int64_t ch = 0; ch < v->inputs; ch++) {
            int64_t x = (n * v->x->shape[1] + g * v->inputs + ch) * plane + at;
            sum += (ft_nn_get_int(v->x, x) - v->x_zero) *
                   (ft_nn_get_int(v->w, (m * v->inputs + ch) * v->taps + k) - w_zero);
        }
    }
    return (int32_t)sum;
}

static ft_err conv_integer_infer(ft_nn_infer *i) {
    ft_nn_window win;
    FT_TRY(ft_nn_take(i, 0, BYTES));
    FT_TRY(ft_nn_take(i, 1, BYTES));
    i->out[0].dtype = FT_I32;
    return conv_infer(i, &i->in[0], &i->in[1], &win);
}
static ft_err conv_integer_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    conv v;
    FT_TRY(conv_of(&v, c, &c->in[0], &c->in[1]));
    v.x_zero = zero_of(c, 2, 0, 1);
    int64_t plane = ft_nn_product(out, 2, out->ndim), m = out->shape[1];
    for (int64_t i = 0; i < ft_array_count(out); i++)
        ((int32_t *)out->data)[i] = conv_item(&v, out, i / (plane * m), i / plane % m, i % plane,
                                              zero_of(c, 3, i / plane % m, m));
    return FT_OK;
}
static const ft_nn_attr_row conv_attrs[] = { { "auto_pad", FT_NN_STRING, 0, "NOTSET", false },
                                             { "dilations", FT_NN_INTS, 0, NULL, false },
                                             { "group", FT_NN_INT, 1, NULL, false },
                                             { "kernel_shape", FT_NN_INTS, 0, NULL, false },
                                             { "pads", FT_NN_INTS, 0, NULL, false },
                                             { "strides", FT_NN_INTS, 0, NULL, false },
                                             { 0 } };
QUANTIZED(conv_integer, "ConvInteger", "convolution of bytes", conv_attrs, 2, 4, 1)

/* x, scale, zero; w, scale, zero; the result's scale and zero; bias. */
static ft_err q_linear_conv_infer(ft_nn_infer *i) {
    ft_nn_window win;
    FT_TRY(scales_there(i));
    FT_TRY(ft_nn_take(i, 0, BYTES));
    FT_TRY(ft_nn_take(i, 3, BYTES));
    FT_TRY(ft_nn_take(i, 7, BYTES));
    i->out[0].dtype = i->in[7].dtype;
    return conv_infer(i, &i->in[0], &i->in[3], &win);
}
static ft_err q_linear_conv_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    conv v;
    FT_TRY(conv_of(&v, c, &c->in[0], &c->in[3]));
    v.x_zero = zero_of(c, 2, 0, 1);
    int64_t plane = ft_nn_product(out, 2, out->ndim), channels = out->shape[1];
    for (int64_t i = 0; i < ft_array_count(out); i++) {
        int64_t m = i / plane % channels;
        int64_t sum =
            conv_item(&v, out, i / (plane * channels), m, i % plane, zero_of(c, 5, m, channels));
        if (ft_nn_given(c->in, c->in_count, 8)) sum += ft_nn_get_int(&c->in[8], m);
        double scale = ft_array_f64(&c->in[1], 0) * scale_at(&c->in[4], m, channels) /
                       ft_array_f64(&c->in[6], 0);
        put_byte(out, i, (double)sum * scale, ft_nn_get_int(&c->in[7], 0));
    }
    return FT_OK;
}
QUANTIZED(q_linear_conv, "QLinearConv", "convolution of bytes, as bytes", conv_attrs, 8, 9, 1)
