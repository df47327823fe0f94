/* ranks.h -- one training in several processes that MPI started (`mpirun -np 2 fettle train …`):
 * each works on its share of every batch, gradients and batch statistics are summed over all.
 *
 * OpenMPI's library is loaded when the environment says that this process is one of several, never
 * linked; without it, and without mpirun, there is one rank and nothing happens.
 *
 * Threads: one at a time. Sums are the same bits on every rank. */
#ifndef FT_NN_RANKS_H
#define FT_NN_RANKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct ft_nn_ranks {
    int rank, world;
    void *api; /* of the library; NULL: one rank */
} ft_nn_ranks;

/* Did mpirun start this process as one of several? Without loading anything. */
bool ft_nn_ranks_told(int *rank);
/* FT_EABSENT names the Debian package when mpirun started us and the library is not there. */
ft_err ft_nn_ranks_join(ft_nn_ranks *out);
/* All ranks leave together, each with how its own work ended. A failure reaches the others, with
 * its code and sentence, where they next do something together, or here. What the process shall end
 * with: the first rank tells every failure; FT_ECANCELED in a rank whose failure was told there. */
ft_err ft_nn_ranks_leave(ft_nn_ranks *r, ft_err failed);
/* Which rank of this mpirun, of those on this machine, has no process any more? -1: none. */
int ft_nn_ranks_lost(void);

/* Each rank's numbers become the sum, or mean, of all. NULL ranks: nothing to do. Another
 * rank's failure is returned as it has it, "rank 1: …"; FT_EPEER when that rank is gone. */
ft_err ft_nn_ranks_sum(const ft_nn_ranks *r, double *numbers, int64_t count);
ft_err ft_nn_ranks_average(const ft_nn_ranks *r, float *numbers, int64_t count);
ft_err ft_nn_ranks_mean(const ft_nn_ranks *r, double *number);
/* All ranks get rank 0's bytes. */
ft_err ft_nn_ranks_share(const ft_nn_ranks *r, void *bytes, int64_t size_bytes);

#endif
