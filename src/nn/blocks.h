/* blocks.h -- weights into the blocked layouts that convolutions and products read: what the
 * library's reorders do, but a weight is read once where it lies (in a mapped file, unaligned),
 * scaled on the way, and written once. A session's start is little else than this.
 *
 * Threads: any. Memory: the caller's. */
#ifndef FT_NN_BLOCKS_H
#define FT_NN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From dense (outer, inner, places) to: item (o, i, p) at
 * o / block * outer_step + i / inner_block * inner_step + i % inner_block * block + p * place_step
 * + o % block. Steps in items. Items of o in [outer, outer_padded) are zero. */
typedef struct ft_nn_blocks {
    int64_t outer, outer_padded, inner, places;
    int64_t block;       /* whole times FT_NN_BLOCK */
    int64_t inner_block; /* divides `inner` */
    int64_t outer_step, inner_step, place_step;
} ft_nn_blocks;
#define FT_NN_BLOCK 16

/* `scale`: one an item of o, or NULL. `to` is 64-aligned. False: this processor has no fast path
 * and nothing was written. */
bool ft_nn_blocks_fill(const ft_nn_blocks *b, float *to, const void *from, const float *scale);
/* The same in plain C. */
void ft_nn_blocks_plain(const ft_nn_blocks *b, float *to, const void *from, const float *scale);

#endif
