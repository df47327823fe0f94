/* op.h -- an operation of networks: one file in ops/, one exported struct, one row in ops/all.c.
 *
 * The file holds, side by side: the shape rule, a plain-C reference that anyone can check by eye
 * (always there, any type the op takes), the fast forward (f32; may be NULL: the reference runs),
 * and the gradient. Names and meanings are ONNX's, opset 18; see graph.h.
 *
 * Threads: rows are immutable. A call uses `threads` OpenMP threads at most and no memory but the
 * arrays, `state` and `scratch` that it is given. */
#ifndef FT_NN_OP_H
#define FT_NN_OP_H

#include <math.h>

#include "nn/graph.h"

#define FT_NN_IO_MAX 256 /* inputs or outputs of a node (Concat, Split) */

typedef struct ft_nn_attr_row { /* ends with a NULL name */
    const char *name;
    ft_nn_attr_type type;
    double number_default; /* INT, FLOAT; NAN: no default */
    const char *text_default;
    bool required;
} ft_nn_attr_row;

/* What the shape rule sees and fills. An input's `data` is set when its content is known (weights,
 * folded constants): Reshape, Slice and their like read it. Input ndim -1 and FT_NN_DIM_ANY: not
 * known yet; the rule then says as much of the output as follows, or leaves ndim -1. */
typedef struct ft_nn_infer {
    const ft_nn_node *node;
    const ft_array *in; /* one a input; an absent one has dtype FT_DTYPE_COUNT */
    size_t in_count;
    ft_array *out; /* dtype, ndim, shape to be set; data stays NULL */
    size_t out_count;
    /* The outputs' shapes depend on the inputs' content, which is not known (Range, Reshape …): set
     * by the rule; it is asked again when the content is there. Not for dynamic ops. */
    bool content_needed;
} ft_nn_infer;

typedef struct ft_nn_call {
    const ft_nn_node *node;
    const ft_array *in; /* dense, C order; absent ones have dtype FT_DTYPE_COUNT */
    size_t in_count;
    ft_array *out; /* memory is there (but for a dynamic op); NULL data: nobody wants this output */
    size_t out_count;
    /* Backward only: gradients of the outputs (NULL data: zero) and of the inputs to be *written*
     * (NULL data: not wanted). f32. */
    const ft_array *out_grad;
    ft_array *in_grad;
    void *state;     /* what prepare made, or NULL */
    void *scratch;   /* scratch_bytes, 64-aligned, content undefined */
    ft_arena *arena; /* lives until the run ends; what a dynamic op's outputs are made in */
    int threads;     /* of OpenMP */
    /* Where it is given, `threads` is 1 and ft_nn_spread (ops/shared.h) shares work out among the
     * session's own threads. */
    struct ft_nn_team *team;
    bool training; /* Dropout, BatchNormalization */
    uint64_t seed; /* of this run and node: Dropout, random ops */
    /* Training in several processes: the numbers become their sums over all (the statistics of the
     * whole batch). NULL: this one is all. */
    ft_err (*sum)(const void *ctx, double *numbers, int64_t count);
    const void *sum_ctx;
} ft_nn_call;

/* Made once for a node when shapes are known, before any call. */
typedef struct ft_nn_prepare {
    const ft_nn_node *node;
    const ft_array *in, *out; /* shapes; data of constants and weights */
    size_t in_count, out_count;
    int threads;
    /* Where packed forms of constants are shared (store.h); NULL: the state keeps its own. */
    struct ft_nn_store *store;
    bool training;        /* backward will be called */
    bool bf16;            /* training: heavy products may multiply in bfloat16 */
    bool reference;       /* `reference` will be called, not `forward` */
    bool careful;         /* inputs may be NaN or infinite: the answer must show it (post.h) */
    void *state;          /* to be set; given back to `unprepare` */
    size_t scratch_bytes; /* to be set */
    const char *kernel;   /* may be set: what will run, for people; static */
} ft_nn_prepare;

/* How rows of output 0 come from rows of the inputs: what lets cut.c share a node out. */
typedef enum ft_nn_rows {
    FT_NN_ROWS_UNTOLD = 0, /* not cut, unless it is elementwise */
    FT_NN_ROWS_LINES,      /* from those of input 0, up to `axis` */
    FT_NN_ROWS_JOINED,     /* from those of every input, up to `axis` */
    FT_NN_ROWS_WINDOW,     /* from those of input 0 and their neighbours, of pictures */
    FT_NN_ROWS_MATMUL,
    FT_NN_ROWS_GEMM
} ft_nn_rows;

/* What `backward` reads besides the outputs' gradients. */
typedef enum ft_nn_reads {
    FT_NN_READS_ALL = 0, /* inputs and outputs; inputs alone where one is mapped item by item */
    FT_NN_READS_INPUTS = 1,
    FT_NN_READS_OUTPUTS = 2,
    FT_NN_READS_NOTHING = 4
} ft_nn_reads;

typedef struct ft_nn_op {
    const char *name;            /* "Conv" */
    const char *doc;             /* one line */
    const ft_nn_attr_row *attrs; /* NULL: none */
    int inputs_min, inputs_max, outputs_min, outputs_max;
    ft_err (*infer)(ft_nn_infer *i);
    ft_err (*reference)(const ft_nn_call *c); /* any type; NULL only where `forward` is plain C */
    ft_err (*forward)(const ft_nn_call *c);   /* the fast one; NULL: the reference */
    ft_err (*backward)(const ft_nn_call *c);  /* NULL: no gradient flows (ArgMax, Shape) */
    ft_err (*prepare)(ft_nn_prepare *p);      /* may be NULL */
    void (*unprepare)(void *state);
    /* Multiply-adds times two, and one a element for the rest; NULL: one an output element. */
    int64_t (*flops)(const ft_nn_node *node, const ft_array *in, const ft_array *out);
    /* Output `i` may live in input 0's memory (elementwise). */
    bool in_place;
    /* Output 0 is input 0's bytes under another shape (Reshape, Flatten, Squeeze …). */
    bool view;
    /* Elementwise in every input and output: may run on any memory order that all share. */
    bool elementwise;
    /* The outputs' sizes follow from running alone (NonZero, Loop): the call sets each output's
     * ndim, shape and data itself, in `arena`. The shape rule says what is known. */
    bool dynamic;
    /* Same inputs, another answer (RandomNormal): is never folded. */
    bool random;
    /* Its outputs follow from the inputs' shapes (Shape, Size). */
    bool shape_only;
    /* Quick kernels keep input 1 in a form of their own where it is constant (Conv, MatMul). */
    bool packs;
    /* Ours: ONNX has no such operation. */
    bool not_onnx;
    /* Does it treat each item of input 0's first axis by itself? Then a batch may run in parts.
     * `in`: shapes, and data of what is known. NULL: no, unless it is elementwise. */
    bool (*apart)(const ft_nn_node *node, const ft_array *in);
    ft_nn_rows rows;
    ft_nn_reads reads;
} ft_nn_op;

/* By name; NULL when the registry does not have it. Rows stand in ops/all.c. */
const ft_nn_op *ft_nn_op_find(ft_str name);
extern const ft_nn_op *const ft_nn_ops[]; /* sorted by name, ends with NULL */

/* ---- what shape rules share (ops/shapes.c) */
/* FT_EINVAL "node 'conv1' (Conv): …": how every refusal of an op begins. */
ft_err ft_nn_refuse_(const ft_nn_node *node, ft_err code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool ft_nn_absent(const ft_array *a) { return a->dtype == FT_DTYPE_COUNT; }
/* NumPy's rule. Unknown sizes stay unknown unless the other side decides. */
ft_err ft_nn_broadcast(ft_array *out, const ft_nn_node *node, const ft_array *a, const ft_array *b);
/* Negative axes count from the end; FT_EINVAL outside. */
ft_err ft_nn_axis(int *out, const ft_nn_node *node, int64_t axis, int ndim);
/* Output size and pads of one spatial dimension by auto_pad, pads, strides, dilations, ceil. */
typedef struct ft_nn_window {
    int dims; /* spatial */
    int64_t kernel[FT_ARRAY_DIMS_MAX], stride[FT_ARRAY_DIMS_MAX], dilation[FT_ARRAY_DIMS_MAX];
    int64_t pad_begin[FT_ARRAY_DIMS_MAX], pad_end[FT_ARRAY_DIMS_MAX];
    bool ceil;
} ft_nn_window;
ft_err ft_nn_window_of(ft_nn_window *out, const ft_nn_node *node, const ft_array *in,
                       const int64_t *kernel, int64_t *out_spatial);

#endif
