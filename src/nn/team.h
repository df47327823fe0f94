/* team.h -- a session's own threads: the parts of one step are run by them and by the caller's.
 *
 * base/pool.h hands out work by a lock and waits for every worker. A network has a hundred steps of
 * tens of microseconds: here parts are claimed by one atomic number, threads look for work a little
 * while before they sleep, and a job is done when its parts are, however many threads took some. So
 * a thread that the machine has taken away holds up nothing but the part that it is in (OpenMP's
 * static shares and barriers: on two busy processors up to five times slower than one thread).
 *
 * The caller's thread claims parts from the front, the others from the back: with a row's part at
 * the same place in each step, most of what a thread reads lies in its own cache.
 *
 * Threads: one at a time calls. Helpers' oneDNN kernels run on one thread. */
#ifndef FT_NN_TEAM_H
#define FT_NN_TEAM_H

#include "base/err.h"

typedef struct ft_nn_team ft_nn_team;

#define FT_NN_TEAM_MAX       16    /* threads, with the caller's */
#define FT_NN_TEAM_PARTS_MAX 65535 /* of a job */

/* `threads` with the caller's, 1 to FT_NN_TEAM_MAX. FT_EFULL: the system gives no more threads. */
ft_err ft_nn_team_new(ft_nn_team **out, int threads);
void ft_nn_team_free(ft_nn_team *t); /* fine on NULL */
int ft_nn_team_threads(const ft_nn_team *t);

/* run(ctx, part, thread) for each part in [0, parts); `thread` in [0, threads), 0 is the caller's:
 * what it has is its own during the call. Returns when all have ended, with one of the failures. */
typedef ft_err (*ft_nn_team_fn)(void *ctx, int part, int thread);
ft_err ft_nn_team_run(ft_nn_team *t, int parts, ft_nn_team_fn run, void *ctx);

#endif
