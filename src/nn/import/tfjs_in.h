/* tfjs_in.h -- a TensorFlow.js model being turned into a graph, and what its operations write with.
 * A failure is kept in `err` and makes the rest do nothing. Private to nn. */
#ifndef FT_NN_TFJS_IN_H
#define FT_NN_TFJS_IN_H

#include "base/json.h"
#include "nn/import/tfjs.h"

#define TF_INPUTS_MAX 256

typedef struct tf_node {
    ft_str name, op;
    ft_str *inputs; /* "name", "name:1"; control inputs left out */
    size_t input_count;
    ft_str attrs; /* JSON */
    bool done;
} tf_node;

typedef struct tf_model {
    ft_nn_graph *g;
    ft_arena scratch;
    ft_err err;
    const tf_node *node; /* the one being turned */
    const struct tf_op *op;
    tf_node *nodes;
    size_t node_count;
} tf_model;

typedef struct tf_op {
    const char *name; /* TensorFlow's */
    void (*turn)(tf_model *m);
    const char *ours; /* what `turn` writes, where it turns several */
} tf_op;
extern const tf_op tf_ops_math[], tf_ops_conv[], tf_ops_arrays[]; /* end with a NULL name */

/* The manifest's weights in the model `text` become values of the graph; files beside `path`. */
ft_err tf_weights_read(tf_model *m, ft_str text, const char *path);

/* ---- reading the node */
ft_str tf_plain_name(ft_str name); /* "x:0" is "x" */
/* The JSON of an attribute in this form ("i", "list.s" …); false: it has none. */
bool tf_attr(tf_model *m, const char *name, const char *form, ft_str *raw);
ft_str tf_unquoted(ft_str raw);                       /* numbers may be written as texts: "1" */
int tf_in(tf_model *m, size_t i);                     /* value of input i */
bool tf_known(tf_model *m, int value, ft_array *out); /* is its content known? */
int64_t tf_attr_int(tf_model *m, const char *name, int64_t otherwise);
double tf_attr_float(tf_model *m, const char *name, double otherwise);
bool tf_attr_bool(tf_model *m, const char *name);
ft_str tf_attr_str(tf_model *m, const char *name); /* decoded; empty when absent */
size_t tf_attr_ints(tf_model *m, const char *name, int64_t *out, size_t room);
size_t tf_attr_strs(tf_model *m, const char *name, ft_str *out, size_t room);
ft_dtype tf_attr_type(tf_model *m, const char *name, ft_dtype otherwise);
bool tf_channels_last(tf_model *m); /* by data_format */
/* FT_EUNSUPPORTED "node 'x' (Conv2D): …" */
void tf_refuse(tf_model *m, const char *why);

/* ---- writing */
typedef struct tf_attrs { /* of the node to write */
    ft_nn_attr at[12];
    size_t count;
} tf_attrs;
void tf_int(tf_attrs *a, const char *name, int64_t v);
void tf_float(tf_attrs *a, const char *name, double v);
void tf_text(tf_attrs *a, const char *name, const char *v);
void tf_ints(tf_attrs *a, const char *name, const int64_t *v, size_t count);

int tf_write(tf_model *m, const char *op, const int *in, size_t count, const tf_attrs *attrs);
int tf_write1(tf_model *m, const char *op, int a);
int tf_write2(tf_model *m, const char *op, int a, int b);
int tf_i64(tf_model *m, const int64_t *values, size_t count); /* a constant list */
int tf_i64_one(tf_model *m, int64_t value);                   /* a constant list of one */
int tf_f32(tf_model *m, float value);                         /* a constant scalar */
int tf_as_i64(tf_model *m, int value);                        /* a shape or index as int64 */
int tf_cast(tf_model *m, int value, ft_dtype to);
int tf_transpose(tf_model *m, int value, const int64_t *perm, size_t count);
int tf_to_nchw(tf_model *m, int value);
int tf_to_nhwc(tf_model *m, int value);
/* A known weight with its axes in another order and another shape after it; a Transpose and a
 * Reshape where it is not known. `shape` NULL: as permuted. */
int tf_kernel(tf_model *m, int value, const int64_t perm[4], const int64_t *shape);
int tf_clip(tf_model *m, int x, float low, float high);
int tf_leaky(tf_model *m, int x, const char *attr); /* LeakyRelu, its slope in that attribute */
/* This value is output `i` of the node. */
void tf_out(tf_model *m, size_t i, int value);

#endif
