/* trajectory.h -- the likeliest path of a spectrum through its frames' means.
 *
 * Each frame has a mean and a deviation of a coefficient and of how it changes. The path c that is
 * likeliest under both solves (W' U^-1 W) c = W' U^-1 m, where W stacks "itself" and "change"; the
 * matrix has five diagonals and is solved by its Cholesky factor.
 *
 * Source: K. Tokuda et al., "Speech parameter generation algorithms for HMM-based speech synthesis",
 * ICASSP 2000. Equal to flite's to the last bit. */
#ifndef FT_SPEECH_CLUSTERGEN_TRAJECTORY_H
#define FT_SPEECH_CLUSTERGEN_TRAJECTORY_H

#include "base/arena.h"

typedef struct ft_trajectory {
    size_t frames, channels;
    /* [frames][2 * channels]: the mean of each coefficient, then of its change; each is followed by
     * its deviation, so [frames][2 * channels][2]. */
    const float *model;
    float change[3]; /* how the change is made of a frame and its neighbours */
} ft_trajectory;

/* Row t of `out` begins at out + t * stride and gets `channels` numbers. */
ft_err ft_trajectory_solve(float *out, size_t stride, const ft_trajectory *t, ft_arena *arena);

#endif
