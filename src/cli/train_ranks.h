/* train_ranks.h -- `fettle train` as one of several processes that mpirun started: the first one is
 * the job, the others work for it (nn/learn/ranks.h). */
#ifndef FT_TRAIN_RANKS_H
#define FT_TRAIN_RANKS_H

#include "cli/train_options.h"

/* What the first rank fetches, or reads through a pipe, the others do not have: FT_EUNSUPPORTED. */
ft_err ft_train_ranks_check(const ft_train_asked *asked);
/* The work of a rank that is not the first. SIGTERM and SIGINT end it; that is no failure. */
ft_err ft_train_rank_run(const ft_train_asked *asked);
/* Some rank has no process any more, and the job, which may end of itself, goes on. Waits a moment
 * for a job that leaves together with the ranks. */
bool ft_train_rank_died(int *rank, ft_store *s, ft_arena *arena, ft_str name);

#endif
