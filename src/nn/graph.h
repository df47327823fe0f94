/* graph.h -- a network: nodes that compute values from values. Built by code (the model zoo) or by
 * an importer; the same graph serves, learns and is exported.
 *
 * A graph says *what* is computed. Where things live in memory, which kernel runs and which nodes
 * are fused is the session's business (session.h): it works on a copy of its own.
 *
 * Meanings are ONNX's, opset 18, default domain: an importer brings older forms up (Squeeze's
 * `axes` attribute becomes its second input) and other formats over (TensorFlow's NHWC convolution
 * becomes Transpose, Conv, Transpose; the session removes the transposes). What ONNX does not have
 * stands in the same registry under a name of its own ("CrossEntropyLoss").
 *
 * Values are numbered from 0 and have one producer or none; nodes stand in topological order once
 * ft_nn_graph_check has passed.
 *
 * Threads: one builds; a finished graph is read by any. Ownership: all of it lives in the graph's
 * arena; weights may be views of a file that the graph keeps mapped. */
#ifndef FT_NN_GRAPH_H
#define FT_NN_GRAPH_H

#include "base/arena.h"
#include "base/array.h"
#include "base/err.h"
#include "base/str.h"

#define FT_NN_DIM_ANY (-1) /* a size that is known when a session is made or run */
#define FT_NN_NONE    (-1) /* an optional input or output that is absent */

typedef enum ft_nn_role {
    FT_NN_VALUE = 0, /* computed by a node */
    FT_NN_INPUT,     /* given at each run */
    FT_NN_CONST,     /* data, never trained: shapes, axes, tables */
    FT_NN_WEIGHT,    /* data that training may change */
    FT_NN_STATE      /* data that training updates without a gradient: running mean and variance */
} ft_nn_role;

typedef struct ft_nn_value {
    ft_str name; /* unique in the graph */
    ft_nn_role role;
    ft_dtype dtype;
    int ndim;                         /* -1: not known before inference */
    int64_t shape[FT_ARRAY_DIMS_MAX]; /* FT_NN_DIM_ANY where not known */
    /* CONST, WEIGHT, STATE; dense, in C order. A WEIGHT that one Conv, ConvTranspose, Gemm or MatMul
     * alone reads may be a view of a file that is not aligned for its type: read it by memcpy. */
    const void *data;
    int producer;                     /* node, or FT_NN_NONE */
} ft_nn_value;

struct ft_nn_graph;

typedef enum ft_nn_attr_type {
    FT_NN_INT = 1, /* i */
    FT_NN_FLOAT,   /* f */
    FT_NN_STRING,  /* s */
    FT_NN_INTS,    /* ints, count */
    FT_NN_FLOATS,  /* floats, count */
    FT_NN_STRINGS, /* strings, count */
    FT_NN_TENSOR,  /* tensor */
    /* graph: a branch (If: every input is an outer value, by name) or body (Loop, Scan: first the
     * node's own inputs, then outer values, by name) */
    FT_NN_GRAPH
} ft_nn_attr_type;

typedef struct ft_nn_attr {
    const char *name;
    ft_nn_attr_type type;
    int64_t i;
    double f;
    ft_str s;
    size_t count;
    const int64_t *ints;
    const float *floats;
    const ft_str *strings;
    ft_array tensor;
    struct ft_nn_graph *graph;
} ft_nn_attr;

struct ft_nn_op;

typedef struct ft_nn_node {
    ft_str name; /* for messages; never empty */
    const struct ft_nn_op *op;
    const ft_nn_attr *attrs;
    size_t attr_count;
    const int *inputs, *outputs; /* value numbers, FT_NN_NONE where absent */
    size_t input_count, output_count;
    /* The last inputs are what the node's branches or body see of the graph around them, in the
     * order of the attributes and of each one's inputs: appended by ft_nn_graph_check. */
    size_t capture_count;
} ft_nn_node;

typedef struct ft_nn_graph {
    ft_arena arena;
    ft_str name;
    ft_nn_value *values;
    ft_nn_node *nodes;
    int value_count, node_count;
    int *inputs, *outputs; /* value numbers, in the order of the model file */
    int input_count, output_count;
    struct ft_nn_graph_own *own; /* capacities, the name table, what is mapped */
} ft_nn_graph;

ft_err ft_nn_graph_new(ft_nn_graph **out, ft_str name);
void ft_nn_graph_free(ft_nn_graph *g); /* fine on NULL */

/* Each gives the number of the new value in `*out`. Shapes may hold FT_NN_DIM_ANY; a body's input
 * may have ndim -1 and FT_DTYPE_COUNT: not known. FT_EEXIST for a name that is taken; an empty name
 * gets one. */
ft_err ft_nn_input(int *out, ft_nn_graph *g, ft_str name, ft_dtype dtype, int ndim,
                   const int64_t *shape);
/* `role` CONST, WEIGHT or STATE; the data is copied when `copy`, otherwise it must outlive the
 * graph (see ft_nn_graph_keep). */
ft_err ft_nn_data(int *out, ft_nn_graph *g, ft_str name, ft_nn_role role, const ft_array *value,
                  bool copy);
/* Hand over something that must live as long as the graph: `free` is called with it at the end (at
 * once when this fails). */
ft_err ft_nn_graph_keep(ft_nn_graph *g, void *thing, void (*free)(void *thing));

typedef struct ft_nn_node_spec {
    const char *op; /* FT_EUNSUPPORTED when the registry does not have it, naming op and node */
    ft_str name;
    /* Copied; checked against the op's table: FT_EINVAL. A GRAPH is borrowed: ft_nn_graph_keep. */
    const ft_nn_attr *attrs;
    size_t attr_count;
    const int *inputs;
    size_t input_count, output_count;
    const ft_str *output_names; /* NULL, or one a output; empty ones get a name */
} ft_nn_node_spec;
/* Append a node; its outputs' numbers are written to `outputs` (may be NULL). Types and shapes are
 * found later, by ft_nn_graph_infer. */
ft_err ft_nn_node_add(ft_nn_graph *g, const ft_nn_node_spec *spec, int *outputs);
ft_err ft_nn_output(ft_nn_graph *g, int value);

int ft_nn_value_find(const ft_nn_graph *g, ft_str name); /* FT_NN_NONE when there is none */
const ft_nn_attr *ft_nn_attr_find(const ft_nn_node *n, const char *name); /* NULL */
/* With the op's default where the node has none. A check fails on a name the table does not have.
 */
int64_t ft_nn_attr_int(const ft_nn_node *n, const char *name);
double ft_nn_attr_float(const ft_nn_node *n, const char *name);
ft_str ft_nn_attr_str(const ft_nn_node *n, const char *name);
bool ft_nn_attr_ints(const ft_nn_node *n, const char *name, const int64_t **ints, size_t *count);

/* Order the nodes, refuse cycles, values without a producer, wrong counts of inputs: FT_ECORRUPT
 * with the node's name. Every importer ends with it. */
ft_err ft_nn_graph_check(ft_nn_graph *g);
/* Types and shapes of all values as far as they follow from the inputs; refuses what cannot be
 * ("node 'conv1' (Conv): input has 3 channels, the weight takes 4"). */
ft_err ft_nn_graph_infer(ft_nn_graph *g);
/* A copy whose values and nodes may be changed; the data is shared and `g` must outlive it. */
ft_err ft_nn_graph_copy(ft_nn_graph **out, const ft_nn_graph *g);

#endif
