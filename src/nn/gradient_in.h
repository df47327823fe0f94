/* gradient_in.h -- what a gradient session is made of. Private to the room.
 *
 * Time runs from 0 to 2n: node i runs at i; gradients of the outputs arrive at n; node i goes back
 * at 2n - i. A value lives from the node that makes it to the last that reads it, either way; a
 * gradient from the last reader of its value to its maker. */
#ifndef FT_NN_GRADIENT_IN_H
#define FT_NN_GRADIENT_IN_H

#include "nn/gradient.h"
#include "nn/graph_in.h"
#include "nn/spans.h"

#define FT_NN_GRADIENT_PLANS     2
#define FT_NN_GRADIENT_BYTES_MAX ((size_t)16 << 30)

typedef struct ft_nn_back_step {
    const ft_nn_node *node;
    ft_array *in, *out; /* shapes; data of the current run is in the plan's values */
    void *state;
    size_t scratch_bytes, scratch_at, back_scratch_at;
    bool skip;      /* known content, or nobody reads it */
    bool back;      /* goes back */
    bool over;      /* its output lies in input 0's memory, and so does the gradient's way */
    unsigned reads; /* bits of ft_nn_reads */
    const char *kernel;
    int64_t run_us, back_us; /* the last ones, when timed */
    size_t *sum_at;          /* by input: where a further part of a gradient is written first */
} ft_nn_back_step;

typedef struct ft_nn_back_value {
    int root;  /* whose memory it lies in: itself, a view's or overwritten input's */
    bool mine; /* has bytes in the block (as a root) */
    size_t at;
    bool wants; /* its gradient is computed */
    size_t grad_at;
    float *weight_grad; /* a weight's: in the session's list */
    int parts;          /* of its gradient: readers that go back, and being an output */
    bool grad_is_seed;
} ft_nn_back_value;

typedef struct ft_nn_back_plan {
    ft_arena arena;
    ft_array *values; /* by value number */
    ft_array *grads;
    ft_nn_back_value *v;
    ft_nn_back_step *steps;
    int step_count;
    ft_array *inputs;
    void *memory;
    size_t memory_bytes;
    unsigned char *begun; /* by value, during a way back: a part is there */
    uint64_t used;
} ft_nn_back_plan;

typedef struct ft_nn_kept {
    ft_str name;
    int value; /* in the graph that runs */
    bool last; /* channels-last there */
} ft_nn_kept;

struct ft_nn_gradient {
    ft_nn_gradient_opts opts;
    ft_nn_graph *given; /* borrowed */
    ft_nn_graph *graph; /* that runs */
    ft_arena own;
    bool *reaches; /* by value: something wanted lies before it */
    bool *keeps;   /* by value */
    ft_nn_kept *kept;
    size_t kept_count;
    ft_nn_learnt *learnt;
    size_t learnt_count;
    float *grads; /* of all learnt */
    int64_t grad_total;
    ft_nn_back_plan *plans[FT_NN_GRADIENT_PLANS], *last;
    bool gone_back, timed;
    uint64_t runs;
};

/* ---- gradient_graph.c: the graph that runs, what is kept, what learns. */
ft_err ft_nn_gradient_graph(ft_nn_gradient *s);
/* ---- gradient_plan.c */
ft_err ft_nn_back_plan_new(ft_nn_back_plan **out, ft_nn_gradient *s, const ft_array *inputs);
void ft_nn_back_plan_free(ft_nn_back_plan *p);
/* Is the node one whose slope follows from its output: Relu, and Clip to 0 … 6? */
bool ft_nn_back_by_output(const ft_nn_graph *g, const ft_nn_node *n, float *high);

#endif
