/* onnx.h -- ONNX model files as graphs: opsets 1 to 21, brought up to the forms of opset 18;
 * functions inlined, branches and bodies as graphs of their own, weights inside or in files beside
 * the model. Source: onnx.proto (IR version 8) and the changelogs of the operators.
 *
 * Files are foreign: what is cut off, cyclic, mistyped or too large is refused with a sentence that
 * names the node or tensor; nothing is executed and nothing allocated stays. Operations that the
 * registry does not have are collected and named with their nodes, before anything is built.
 *
 * Threads: any. Ownership: the graph is the caller's; it keeps the file mapped for its weights. */
#ifndef FT_NN_ONNX_H
#define FT_NN_ONNX_H

#include "base/buf.h"
#include "nn/graph.h"

#define FT_NN_ONNX_OPSET_MAX 21
#define FT_NN_ONNX_NODES_MAX (1 << 20) /* of a model, functions inlined */
#define FT_NN_ONNX_DEPTH_MAX 16        /* of bodies in bodies and of functions that use functions */

/* FT_ECORRUPT damaged, FT_EUNSUPPORTED operations, types or versions that are not known (named),
 * FT_EDENIED weights outside of the model's folder. The sentence begins with the path. */
ft_err ft_nn_onnx_read(ft_nn_graph **out, const char *path);
/* The same from memory, all copied. `folder` is where weights in other files may lie; NULL: such
 * weights are refused. */
ft_err ft_nn_onnx_parse(ft_nn_graph **out, ft_str bytes, const char *folder);
/* One tensor as a file of its own (the test data of the ONNX project), in the arena. */
ft_err ft_nn_onnx_tensor(ft_array *out, ft_str *name, ft_arena *arena, ft_str bytes);

/* Appends the graph as a model of opset 17, or 18 where it needs it, IR version 8; weights inside.
 * FT_EUNSUPPORTED when it holds an operation that ONNX does not have. FT_ETOOBIG from 2 GiB on, the
 * limit of the format. */
ft_err ft_nn_onnx_write(ft_buf *out, const ft_nn_graph *g);

#endif
