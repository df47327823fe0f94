/* pool.h -- a fixed set of threads for work that splits: for (i = 0; i < count; i++) run(i). */
#ifndef FT_POOL_H
#define FT_POOL_H

#include <stddef.h>

#include "base/err.h"

typedef struct ft_pool ft_pool;

/* `threads` workers beside the caller's thread; 0: none, everything runs in the caller. */
ft_err ft_pool_new(ft_pool **out, int threads);
/* Call run(ctx, i) for i in [0, count), on all threads; returns when all have ended, with the first
 * failure by index (its sentence is carried to the caller's thread). */
ft_err ft_pool_run(ft_pool *pool, size_t count, ft_err (*run)(void *ctx, size_t i), void *ctx);
void ft_pool_free(ft_pool *pool);
int ft_cpu_count(void); /* usable by this process */

#endif
