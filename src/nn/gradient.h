/* gradient.h -- reverse mode over a graph: one run forward that keeps what is needed, one back that
 * gives the gradient of any named value.
 *
 *     ft_nn_gradient_new(&s, graph, &(ft_nn_gradient_opts){ .threads = 2, .inputs = true });
 *     ft_nn_gradient_run(s, inputs, outputs);            // outputs: views until the next run
 *     ft_nn_gradient_back(s, output_gradients);          // one a output; NULL data: zero
 *     ft_nn_gradient_of(&g, s, FT_STR("image"), arena);  // d(sum of outputs x gradients)/d(image)
 *
 * The graph runs as it was given, apart from its memory order: images are channels-last inside.
 * Names are those of the given graph. A value that is read by several nodes gets the sum, always in
 * the same order: the same inputs, threads and seed give the same bits.
 *
 * Training (`training`): Dropout drops, BatchNormalization normalises by the batch and updates its
 * running statistics in the graph's STATE values at each run, as torch does (variance unbiased).
 * The graph's WEIGHT values are read at each run, where they are then: who learns changes them in
 * place between runs. Both must then be memory that may be written (ft_nn_gradient_own).
 *
 * Memory: one block a set of input shapes, planned for both ways: a value lives until the last step
 * back that reads it. Weights' gradients lie together in one block of floats (for sums over ranks).
 * Threads: a session belongs to one thread; its kernels use `threads`. Ownership: the graph is
 * borrowed and must outlive the session. Only float32 has gradients. Nodes whose shapes are known
 * only when they run (NonZero, Loop, If) have none: FT_EUNSUPPORTED names the node. */
#ifndef FT_NN_GRADIENT_H
#define FT_NN_GRADIENT_H

#include "nn/session.h"

typedef struct ft_nn_gradient ft_nn_gradient;

typedef struct ft_nn_gradient_opts {
    int threads;     /* 0: 1 */
    ft_nn_math math; /* BF16: convolutions multiply in bfloat16; all else, and all memory, is f32 */
    bool training;
    bool reference; /* every node by its plain-C reference: what tests compare with */
    bool inputs;    /* gradients of the graph's inputs are wanted */
    bool fixed;     /* weights do not learn: no gradients of them */
    /* Which values and their gradients stay readable after a run (all of a name's graph values are
     * asked once, weights apart); NULL: none but inputs, outputs and weights. */
    bool (*keep)(void *ctx, ft_str name);
    /* Weights that do not learn (freezing); NULL: all do. */
    bool (*frozen)(void *ctx, ft_str name);
    void *ctx;
    /* Training in several processes: as in ft_nn_call, for batch statistics. NULL: alone. */
    ft_err (*sum)(const void *ctx, double *numbers, int64_t count);
    const void *sum_ctx;
    size_t bytes_max; /* of the block; FT_ETOOBIG. 0: 16 GiB */
    uint64_t seed;    /* of random operations; each run draws others from it */
} ft_nn_gradient_opts;

/* FT_EUNSUPPORTED when nothing that is wanted can be reached back from any output: the sentence
 * names the node in the way. */
ft_err ft_nn_gradient_new(ft_nn_gradient **out, ft_nn_graph *g, const ft_nn_gradient_opts *opts);
void ft_nn_gradient_free(ft_nn_gradient *s); /* fine on NULL */

/* Forward. Shapes may differ from the last run's (the last two plans are kept). `outputs`, one a
 * graph output, are views until the next run; may be NULL. */
ft_err ft_nn_gradient_run(ft_nn_gradient *s, const ft_array *inputs, ft_array *outputs);
/* Back through the last run, as often as wanted. `output_grads`: one a graph output, f32, of the
 * output's shape; NULL data: zero. */
ft_err ft_nn_gradient_back(ft_nn_gradient *s, const ft_array *output_grads);

/* After a run: a kept value, an input, an output or a weight; after going back: its gradient. Views
 * until the next run, or copies in `arena` where the memory order was another. FT_ENOTFOUND for a
 * name that is not there or was not kept, FT_EUNSUPPORTED where no gradient came by. */
ft_err ft_nn_gradient_value(ft_array *out, ft_nn_gradient *s, ft_str name, ft_arena *arena);
ft_err ft_nn_gradient_of(ft_array *out, ft_nn_gradient *s, ft_str name, ft_arena *arena);

/* The next run draws random numbers as if it followed so many: for resuming. */
void ft_nn_gradient_seek(ft_nn_gradient *s, uint64_t runs);
/* For messages when something is no number: runs forward once more and names the first node whose
 * output is not finite; empty when there is none. */
ft_err ft_nn_gradient_search(ft_str *node, ft_nn_gradient *s, const ft_array *inputs);

typedef struct ft_nn_learnt { /* a weight that learns */
    ft_str name;
    int value;   /* in the graph */
    float *at;   /* where the graph has it */
    float *grad; /* written by _back */
    int64_t count;
} ft_nn_learnt;
/* In the graph's order. `*grads` (may be NULL) and `*total`: their gradients as one list. */
const ft_nn_learnt *ft_nn_gradient_learnt(ft_nn_gradient *s, size_t *count, float **grads,
                                          int64_t *total);

/* Weights and states of the graph become its own, writable, aligned copies (once; FT_ENOMEM). */
ft_err ft_nn_gradient_own(ft_nn_graph *g);
/* The last plan, as members of the open object: memory, nodes, kernels, times when timed. */
void ft_nn_gradient_describe(const ft_nn_gradient *s, ft_json_out *w);
void ft_nn_gradient_time(ft_nn_gradient *s, bool timed);

#endif
