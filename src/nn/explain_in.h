/* explain_in.h -- what the files of explain.h share. Private to nn. */
#ifndef FT_NN_EXPLAIN_IN_H
#define FT_NN_EXPLAIN_IN_H

#include "nn/explain.h"
#include "nn/gradient.h"

/* A node that adds something to what flows through it: FullGrad's biases. */
typedef struct ft_nn_adder {
    const ft_nn_node *node;
    int in, out;       /* values */
    const float *bias; /* one a channel; NULL: found from the values of the run */
    int64_t channels;
} ft_nn_adder;

struct ft_nn_explainer {
    ft_arena arena;
    const ft_nn_network *network;
    ft_nn_graph *graph; /* a copy, up to the last softmax */
    ft_nn_gradient *session;
    bool *kept; /* by value */
    ft_nn_adder *adders;
    int adder_count;
    int input, output; /* values */
    int layer;         /* of Grad-CAM; FT_NN_NONE: there is none */
    bool last;         /* pictures are [1, height, width, channels] */
};

/* ---- explain_full.c */
/* Find the graph's adders and mark what must be kept. */
ft_err ft_nn_adders_find(ft_nn_explainer *e);
/* After a run and back: contributions of all adders are summed into `*sum`, and those of pictures
 * added to the map. */
ft_err ft_nn_adders_sum(double *sum, ft_nn_map *m, ft_nn_explainer *e, ft_arena *arena);

/* [1, height, width, channels] as [1, channels, height, width], in the arena; as it is when `last`
 * is false. */
ft_err ft_nn_channels_first(ft_array *out, const ft_array *a, bool last, ft_arena *arena);

#endif
