/* number.c -- numbers in and out of arrays of any type. See shared.h. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

bool ft_nn_is_float(ft_dtype t) { return ft_nn_is(t, FT_NN_FLOATS); }

static uint32_t bits_of(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Double to float, rounded to odd: a second rounding to fewer digits then errs no more. */
static float narrow_odd(double v) {
    float f = (float)v;
    if ((double)f == v || v != v || isinf(f)) return f;
    uint32_t bits = bits_of(f);
    if (!(bits & 1)) {
        /* Even and not exact: step to the odd neighbour on the other side of v. */
        bits = fabs((double)f) > fabs(v) ? bits - 1 : bits + 1;
        memcpy(&f, &bits, sizeof f);
    }
    return f;
}

uint16_t ft_nn_bf16_of(double v) {
    uint32_t bits = bits_of(narrow_odd(v));
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40); /* NaN stays one */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

uint16_t ft_nn_f16_of(double v) {
    uint32_t bits = bits_of(narrow_odd(v)), sign = bits >> 16 & 0x8000;
    uint32_t size = bits & 0x7fffffff;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (size >= 0x47800000) return (uint16_t)(sign | 0x7c00); /* 65536 and more */
    if (size < 0x38800000) { /* below 2^-14: a whole number of 2^-24 */
        return (uint16_t)(sign | (uint32_t)lrint(fabs(v) * 0x1p24));
    }
    size -= (uint32_t)112 << 23;
    return (uint16_t)(sign | ((size + 0xfff + (size >> 13 & 1)) >> 13));
}

static int64_t whole_of(double v) {
    if (v != v) return 0;
    if (v >= 0x1p63) return INT64_MAX;
    if (v <= -0x1p63) return INT64_MIN;
    return (int64_t)v;
}

int64_t ft_nn_get_int(const ft_array *a, int64_t i) {
    switch (a->dtype) {
    case FT_I8:
        return ((const int8_t *)a->data)[i];
    case FT_I16:
        return ((const int16_t *)a->data)[i];
    case FT_I32:
        return ((const int32_t *)a->data)[i];
    case FT_I64:
    case FT_U64:
        return ((const int64_t *)a->data)[i];
    case FT_U8:
        return ((const uint8_t *)a->data)[i];
    case FT_U16:
        return ((const uint16_t *)a->data)[i];
    case FT_U32:
        return ((const uint32_t *)a->data)[i];
    case FT_BOOL:
        return ((const uint8_t *)a->data)[i] != 0;
    default:
        return whole_of(ft_array_f64(a, i));
    }
}

void ft_nn_put_int(ft_array *a, int64_t i, int64_t v) {
    switch (a->dtype) {
    case FT_I8:
    case FT_U8:
        ((uint8_t *)a->data)[i] = (uint8_t)v;
        break;
    case FT_I16:
    case FT_U16:
        ((uint16_t *)a->data)[i] = (uint16_t)v;
        break;
    case FT_I32:
    case FT_U32:
        ((uint32_t *)a->data)[i] = (uint32_t)v;
        break;
    case FT_I64:
    case FT_U64:
        ((int64_t *)a->data)[i] = v;
        break;
    case FT_BOOL:
        ((uint8_t *)a->data)[i] = v != 0;
        break;
    case FT_F32:
        ((float *)a->data)[i] = (float)v;
        break;
    default:
        ft_nn_put_f64(a, i, (double)v);
    }
}

void ft_nn_put_f64(ft_array *a, int64_t i, double v) {
    switch (a->dtype) {
    case FT_F32:
        ((float *)a->data)[i] = (float)v;
        break;
    case FT_F64:
        ((double *)a->data)[i] = v;
        break;
    case FT_F16:
        ((uint16_t *)a->data)[i] = ft_nn_f16_of(v);
        break;
    case FT_BF16:
        ((uint16_t *)a->data)[i] = ft_nn_bf16_of(v);
        break;
    case FT_BOOL:
        ((uint8_t *)a->data)[i] = v != 0;
        break;
    case FT_U64:
        ((uint64_t *)a->data)[i] = v >= 0x1p63 && v < 0x1p64 ? (uint64_t)v : (uint64_t)whole_of(v);
        break;
    default:
        ft_nn_put_int(a, i, whole_of(v));
    }
}

ft_err ft_nn_index(int64_t *out, const ft_nn_node *node, const ft_array *a, int64_t i,
                   int64_t size) {
    int64_t index = ft_nn_get_int(a, i);
    if (index < -size || index >= size)
        return ft_nn_refuse_(node, FT_EINVAL, "index %" PRId64 " is outside of %" PRId64 " items",
                             index, size);
    *out = index < 0 ? index + size : index;
    return FT_OK;
}
