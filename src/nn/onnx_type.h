/* onnx_type.h -- the numbers that ONNX has for types of items (TensorProto.DataType). Nodes of a
 * graph hold them as well, as ONNX's do: `to` of a Cast. Source: onnx.proto. */
#ifndef FT_NN_ONNX_TYPE_H
#define FT_NN_ONNX_TYPE_H

#include "base/array.h"
#include "base/str.h"

#define FT_NN_ONNX_TEXTS 8 /* STRING: no type of ours */

ft_dtype ft_nn_onnx_dtype(int64_t type); /* FT_DTYPE_COUNT: texts, or not known */
int ft_nn_onnx_type(ft_dtype t);         /* 0: ONNX has no such type */
int ft_nn_onnx_type_named(ft_str name);  /* "FLOAT" as files before opset 6 say it; 0: not known */

#endif
