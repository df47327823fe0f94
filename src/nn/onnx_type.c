/* onnx_type.c -- see onnx_type.h. */
#include "nn/onnx_type.h"

#include "base/check.h"

static const struct {
    int type;
    const char *name;
    ft_dtype dtype;
} rows[] = { { 1, "FLOAT", FT_F32 },   { 2, "UINT8", FT_U8 },
             { 3, "INT8", FT_I8 },     { 4, "UINT16", FT_U16 },
             { 5, "INT16", FT_I16 },   { 6, "INT32", FT_I32 },
             { 7, "INT64", FT_I64 },   { FT_NN_ONNX_TEXTS, "STRING", FT_DTYPE_COUNT },
             { 9, "BOOL", FT_BOOL },   { 10, "FLOAT16", FT_F16 },
             { 11, "DOUBLE", FT_F64 }, { 12, "UINT32", FT_U32 },
             { 13, "UINT64", FT_U64 }, { 16, "BFLOAT16", FT_BF16 } };

ft_dtype ft_nn_onnx_dtype(int64_t type) {
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        if (rows[i].type == type) return rows[i].dtype;
    return FT_DTYPE_COUNT;
}

int ft_nn_onnx_type(ft_dtype t) {
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        if (rows[i].dtype == t && t != FT_DTYPE_COUNT) return rows[i].type;
    return 0;
}

int ft_nn_onnx_type_named(ft_str name) {
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        if (ft_str_is(name, rows[i].name)) return rows[i].type;
    return 0;
}
