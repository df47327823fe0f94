/* spans.h -- pieces of memory that live for some time, laid into one block: who lives at the same
 * time lies apart.
 *
 * Places are found largest first, each in the smallest gap that fits among those alive at the same
 * time (Pisarchyk, Lee: Efficient Memory Management for Deep Neural Net Inference, 2020, greedy by
 * size). Private to the room. Threads: any. */
#ifndef FT_NN_SPANS_H
#define FT_NN_SPANS_H

#include <stddef.h>

#include "base/err.h"

typedef struct ft_nn_span {
    size_t bytes; /* a multiple of 64 keeps places aligned to 64 */
    size_t at;    /* found */
    int from, to; /* steps, both included */
    int value;    /* whose it is, for the caller */
    int step;
} ft_nn_span;

static inline size_t ft_nn_span_bytes(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

/* Finds every span's place; the list is sorted on the way. `*bytes`: what the block needs. */
ft_err ft_nn_spans_place(ft_nn_span *spans, int count, size_t *bytes);

#endif
