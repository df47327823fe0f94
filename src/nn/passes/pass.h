/* pass.h -- from the graph as it was given to the graph that runs: each pass changes the graph in
 * place and leaves it whole (checked, types and shapes found). lower.c has their order.
 *
 * Values keep their numbers; nodes go and come. Nothing here looks at what a run feeds in. */
#ifndef FT_NN_PASS_H
#define FT_NN_PASS_H

#include "nn/graph_in.h"

/* What does not depend on an input is computed now; types and shapes are found on the way. */
ft_err ft_nn_pass_fold(ft_nn_graph *g);
/* Nodes that nobody reads go; Identity, Dropout and their like are read through. */
ft_err ft_nn_pass_dead(ft_nn_graph *g);
/* Convolutions, pools and what stands between them work on channels-last values; transposes that
 * this makes needless go. */
ft_err ft_nn_pass_layout(ft_nn_graph *g);
/* Batch norm, per-channel scale and shift, activations and sums become part of the convolution or
 * product before them. */
ft_err ft_nn_pass_fuse(ft_nn_graph *g);
/* Convolutions and products, and what stands between them, in bfloat16. */
ft_err ft_nn_pass_bf16(ft_nn_graph *g);

/* ---- shared */
/* How often each value is read, as the graph's output too: from `arena`. */
ft_err ft_nn_uses(int **out, const ft_nn_graph *g, ft_arena *arena);
/* Is the value data? Its only content is known. */
static inline bool ft_nn_is_data(const ft_nn_graph *g, int v) {
    return v != FT_NN_NONE && g->values[v].data != NULL;
}
static inline bool ft_nn_is_op(const ft_nn_node *n, const char *op) {
    return n->op && strcmp(n->op->name, op) == 0;
}
/* A small constant of int64. */
ft_err ft_nn_const_ints(int *out, ft_nn_graph *g, const int64_t *ints, size_t count);
/* Nodes whose op is NULL go. */
ft_err ft_nn_nodes_sweep(ft_nn_graph *g);

#endif
