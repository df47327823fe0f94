/* array.c -- see array.h. */
#include "base/array.h"

#include <string.h>

#include "base/check.h"

static const struct {
    const char *name;
    size_t bytes;
} dtype_row[] = {
#define X(code, bytes, name) { name, bytes },
    FT_DTYPE_TABLE(X)
#undef X
};

size_t ft_dtype_bytes(ft_dtype t) {
    FT_CHECK(t < FT_DTYPE_COUNT);
    return dtype_row[t].bytes;
}

const char *ft_dtype_name(ft_dtype t) {
    FT_CHECK(t < FT_DTYPE_COUNT);
    return dtype_row[t].name;
}

ft_err ft_dtype_parse(ft_dtype *out, ft_str name) {
    for (int t = 0; t < FT_DTYPE_COUNT; t++) {
        if (ft_str_is(name, dtype_row[t].name)) {
            *out = (ft_dtype)t;
            return FT_OK;
        }
    }
    return FT_FAIL(FT_EINVAL, "unknown type of number '%.*s': expected float32, int64, …",
                   FT_STR_ARG(name));
}

static float bits_f32(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

float ft_bf16_f32(uint16_t bits) { return bits_f32((uint32_t)bits << 16); }

float ft_f16_f32(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31;
    uint32_t fraction = bits & 0x3ff;
    if (exponent == 31) return bits_f32(sign | 0x7f800000 | fraction << 13); /* inf, nan */
    if (exponent) return bits_f32(sign | (exponent + 112) << 23 | fraction << 13);
    float small = (float)fraction * 0x1p-24f; /* zero and subnormal */
    return sign ? -small : small;
}

/* Number of items, or -1 when the shape is not sane or the bytes do not fit. */
static int64_t count_of(const ft_array *a) {
    int64_t count = 1, bytes;
    bool empty = false;
    if (a->dtype >= FT_DTYPE_COUNT || a->ndim < 0 || a->ndim > FT_ARRAY_DIMS_MAX) return -1;
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] < 0) return -1;
        if (a->shape[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(count, a->shape[i], &count))
            return -1;
    }
    if (__builtin_mul_overflow(count, (int64_t)ft_dtype_bytes(a->dtype), &bytes)) return -1;
    return empty ? 0 : count;
}

bool ft_array_valid(const ft_array *a) {
    int64_t count = count_of(a);
    return count >= 0 && (count == 0 || a->data);
}

int64_t ft_array_count(const ft_array *a) {
    int64_t count = count_of(a);
    FT_CHECK(count >= 0);
    return count;
}

size_t ft_array_bytes(const ft_array *a) {
    return (size_t)ft_array_count(a) * ft_dtype_bytes(a->dtype);
}

double ft_array_f64(const ft_array *a, int64_t i) {
    switch (a->dtype) {
    case FT_F32:
        return (double)((const float *)a->data)[i];
    case FT_F64:
        return ((const double *)a->data)[i];
    case FT_F16:
        return (double)ft_f16_f32(((const uint16_t *)a->data)[i]);
    case FT_BF16:
        return (double)ft_bf16_f32(((const uint16_t *)a->data)[i]);
    case FT_I8:
        return (double)((const int8_t *)a->data)[i];
    case FT_I16:
        return (double)((const int16_t *)a->data)[i];
    case FT_I32:
        return (double)((const int32_t *)a->data)[i];
    case FT_I64:
        return (double)((const int64_t *)a->data)[i];
    case FT_U8:
        return (double)((const uint8_t *)a->data)[i];
    case FT_U16:
        return (double)((const uint16_t *)a->data)[i];
    case FT_U32:
        return (double)((const uint32_t *)a->data)[i];
    case FT_U64:
        return (double)((const uint64_t *)a->data)[i];
    case FT_BOOL:
        return ((const uint8_t *)a->data)[i] ? 1 : 0;
    case FT_DTYPE_COUNT:
        break;
    }
    FT_CHECK(a->dtype < FT_DTYPE_COUNT);
    return 0;
}
