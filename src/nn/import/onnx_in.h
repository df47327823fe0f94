/* onnx_in.h -- what the files of the ONNX importer share: the messages of a model as structs, and
 * the work of building a graph from them. All of it lives in the builder's scratch arena or is a
 * view of the file. */
#ifndef FT_NN_ONNX_IN_H
#define FT_NN_ONNX_IN_H

#include "nn/import/onnx.h"
#include "nn/op.h"

/* ---- messages (onnx_proto.c) */

typedef enum onnx_attr_type { /* AttributeProto.AttributeType */
                              ONNX_FLOAT = 1,
                              ONNX_INT,
                              ONNX_STRING,
                              ONNX_TENSOR,
                              ONNX_GRAPH,
                              ONNX_FLOATS,
                              ONNX_INTS,
                              ONNX_STRINGS,
                              ONNX_OTHER /* lists of tensors and graphs, sparse tensors, types */
} onnx_attr_type;

typedef struct onnx_attr {
    ft_str name, ref; /* ref: in a function, the caller's attribute of that name */
    onnx_attr_type type;
    int64_t i;
    float f;
    ft_str bytes; /* a string; or the message of a tensor or graph */
    int64_t *ints;
    float *floats;
    ft_str *strings;
    size_t count;
} onnx_attr;

typedef struct onnx_node {
    ft_str op, domain, name;
    ft_str *in, *out;
    size_t in_count, out_count;
    onnx_attr *attrs;
    size_t attr_count;
} onnx_node;

typedef struct onnx_value { /* ValueInfoProto */
    ft_str name;
    int type; /* of tensors, TensorProto.DataType; 0: not told; -1: not a tensor */
    int ndim; /* -1: not told */
    int64_t shape[FT_ARRAY_DIMS_MAX];
} onnx_value;

typedef struct onnx_tensor {
    ft_str name;
    int type, ndim;
    int64_t shape[FT_ARRAY_DIMS_MAX];
    ft_str raw, typed; /* typed: the bytes of the message, for the fields by type */
    bool has_raw, external;
    ft_str location;
    uint64_t offset, length;
    bool has_length;
    bool unaligned; /* a view of it need not be aligned for its type */
} onnx_tensor;

typedef struct onnx_graph {
    ft_str name;
    onnx_node *nodes;
    ft_str *tensors; /* messages of the initializers */
    onnx_value *inputs, *outputs;
    size_t node_count, tensor_count, input_count, output_count;
    bool sparse; /* has sparse initializers */
} onnx_graph;

typedef struct onnx_function {
    ft_str name, domain;
    ft_str *in, *out;
    size_t in_count, out_count;
    onnx_attr *defaults;
    size_t default_count;
    onnx_node *nodes;
    size_t node_count;
    int opset; /* of the default domain; 0: the model's */
} onnx_function;

typedef struct onnx_model {
    ft_str graph; /* message */
    int opset;    /* of the default domain */
    onnx_function *functions;
    size_t function_count;
} onnx_model;

ft_err onnx_model_read(onnx_model *out, ft_arena *arena, ft_str bytes);
ft_err onnx_graph_read(onnx_graph *out, ft_arena *arena, ft_str bytes);

/* ---- tensors (onnx_tensor.c) */

typedef struct onnx_file { /* weights beside the model */
    struct onnx_file *next;
    ft_str location, map;
} onnx_file;

/* FT_EUNSUPPORTED for texts, complex numbers and types of less than a byte; `what` names it. */
ft_err onnx_dtype(ft_dtype *out, int type, ft_str what);
ft_err onnx_tensor_read(onnx_tensor *out, ft_str bytes);
/* The numbers of a tensor with its data inside: a view of `t->raw` where `view` and it is aligned,
 * else in the arena. */
ft_err onnx_tensor_array(ft_array *out, ft_arena *arena, const onnx_tensor *t, bool view);

/* ---- building (onnx_build.c, onnx_external.c) */

typedef struct onnx_naming { /* how the names of an inlined function become the graph's */
    ft_str prefix;
    const ft_str *formal, *actual;
    size_t count;
    const onnx_attr *attrs; /* of the node that uses the function, then the defaults */
    size_t attr_count;
    const onnx_attr *defaults;
    size_t default_count;
} onnx_naming;

typedef struct onnx_build {
    const onnx_model *model;
    ft_nn_graph *g;
    ft_arena *arena;
    const struct onnx_build *outer; /* of a branch or body */
    const onnx_naming *naming;      /* NULL: names stand as they are */
    int opset;
    int depth;
    int *node_count, *unnamed; /* over all of the model */
    const char *folder;        /* NULL: no files beside the model */
    bool view;                 /* weights may be views of the file */
    onnx_file **files;         /* kept by the outermost graph, `top` */
    ft_nn_graph *top;
} onnx_build;

/* A node as it stands in the file: brought up to opset 18 and appended; functions are inlined. */
ft_err onnx_node_build(onnx_build *b, const onnx_node *n);
/* A node in its final form. `name` may be empty. */
ft_err onnx_emit(onnx_build *b, const onnx_node *n);
/* The data of a tensor that lies in another file: `t->raw` becomes a view of it. FT_EDENIED outside
 * of the model's folder. */
ft_err onnx_external(onnx_tensor *t, onnx_build *b);
ft_err onnx_tensor_value(int *out, onnx_build *b, ft_str name, const onnx_tensor *t,
                         ft_nn_role role);

/* ---- bringing up (onnx_upgrade.c) */

/* Changes `n` (a copy) to its form of opset 18; may emit nodes before it and, with *done, may have
 * emitted all that it stands for. */
ft_err onnx_upgrade(bool *done, onnx_build *b, onnx_node *n);
/* Does bringing up take care of an operation that the registry does not have? */
bool onnx_upgrade_knows(ft_str op);
/* Number of dimensions of a value as far as it is known now; -1. */
int onnx_rank(onnx_build *b, ft_str name);

/* ---- order and names (onnx_order.c) */

/* Sorts the nodes so that each stands after what it reads. FT_ECORRUPT names a node of a cycle. */
ft_err onnx_order(onnx_graph *g, ft_arena *arena);
/* Names that a body reads of the graph around it, each once. */
ft_err onnx_free_names(ft_str **names, size_t *count, ft_arena *arena, const onnx_graph *g,
                       int depth);
/* FT_EUNSUPPORTED with all operations that are missing and a node of each. */
ft_err onnx_ops_known(const onnx_model *m, const onnx_graph *g, ft_arena *arena);
const onnx_function *onnx_function_find(const onnx_model *m, ft_str domain, ft_str name);
bool onnx_default_domain(ft_str domain);
const onnx_attr *onnx_attr_find(const onnx_node *n, const char *name);

#endif
