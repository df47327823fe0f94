/* tfjs.h -- TensorFlow.js graph models (model.json and its weight shards) as graphs.
 *
 * TensorFlow counts channels last: convolutions, pools and resizes become Transpose, the operation,
 * Transpose; the session takes the transposes out again. Weights stored as float16, uint8 or uint16
 * are widened.
 *
 * Source: tfjs-converter, docs of the "graph-model" format (tfjs 4); TensorFlow's operation
 * definitions. Threads: any. Ownership: the graph is the caller's; weights are copied into it. */
#ifndef FT_NN_TFJS_H
#define FT_NN_TFJS_H

#include "nn/graph.h"

#define FT_NN_TFJS_JSON_MAX ((size_t)64 << 20)

/* FT_ECORRUPT, FT_EPARSE with the place, FT_EUNSUPPORTED with all operations that are not known and
 * their nodes, FT_EDENIED for weight files outside of the model's folder. */
ft_err ft_nn_tfjs_read(ft_nn_graph **out, const char *path);

#endif
