/* array.h -- the one description of numbers in memory: type, shape, data. A view: it owns nothing.
 *
 * Data is dense, row-major (C order), and aligned for its type. Used by taps, tables, tensors and
 * payloads. */
#ifndef FT_ARRAY_H
#define FT_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FT_ARRAY_DIMS_MAX 8

/*    code       bytes  name */
#define FT_DTYPE_TABLE(X)     \
    X(FT_F32, 4, "float32")   \
    X(FT_F64, 8, "float64")   \
    X(FT_F16, 2, "float16")   \
    X(FT_BF16, 2, "bfloat16") \
    X(FT_I8, 1, "int8")       \
    X(FT_I16, 2, "int16")     \
    X(FT_I32, 4, "int32")     \
    X(FT_I64, 8, "int64")     \
    X(FT_U8, 1, "uint8")      \
    X(FT_U16, 2, "uint16")    \
    X(FT_U32, 4, "uint32")    \
    X(FT_U64, 8, "uint64")    \
    X(FT_BOOL, 1, "bool")

typedef enum ft_dtype {
#define X(code, bytes, name) code,
    FT_DTYPE_TABLE(X)
#undef X
        FT_DTYPE_COUNT
} ft_dtype;

typedef struct ft_array {
    ft_dtype dtype;
    int ndim; /* 0: a scalar */
    int64_t shape[FT_ARRAY_DIMS_MAX];
    void *data;
} ft_array;

size_t ft_dtype_bytes(ft_dtype t);
const char *ft_dtype_name(ft_dtype t);             /* NumPy's name */
ft_err ft_dtype_parse(ft_dtype *out, ft_str name); /* FT_EINVAL */
/* IEEE half and bfloat16 bits widened; exact. */
float ft_f16_f32(uint16_t bits);
float ft_bf16_f32(uint16_t bits);

/* Number of items; 1 for a scalar. */
int64_t ft_array_count(const ft_array *a);
/* Is the shape sane: 0 <= ndim <= 8, no negative size, bytes fit in size_t? Call on anything from
 * outside. */
bool ft_array_valid(const ft_array *a);
size_t ft_array_bytes(const ft_array *a);
/* Item `i` in C order as a double (f16 and bf16 widened). */
double ft_array_f64(const ft_array *a, int64_t i);

#endif
