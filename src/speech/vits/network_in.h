/* network_in.h -- where a voice's graph is cut. Private to speech/vits. */
#ifndef FT_VITS_NETWORK_IN_H
#define FT_VITS_NETWORK_IN_H

#include "nn/graph.h"

#define FT_VITS_SIDES_MAX 4

typedef struct ft_vits_cut {
    int durations; /* frames of every id; FT_NN_NONE: not found */
    int latent;    /* [1, channels, frames], what the back takes; FT_NN_NONE: not to be cut */
    int64_t channels;
    int sides[FT_VITS_SIDES_MAX]; /* what the back takes beside it (a speaker's colour) */
    int side_count;
    int reach;     /* frames that a sample depends on, to each side */
    int64_t frame; /* samples a frame */
} ft_vits_cut;

/* Looks only at the graph. */
ft_err ft_vits_cut_find(ft_vits_cut *out, const ft_nn_graph *g);

#endif
