/* order.h -- which record comes when: a pure function of (seed, epoch, rank, world), the same
 * whatever the number of workers.
 *
 * The *global order* of an epoch is one sequence of record numbers. Position p of it belongs to
 * rank p mod world, and batch k of a rank is its positions k·batch … (k+1)·batch - 1. So the ranks'
 * streams, merged in turn, are the global order again, and whoever knows one global position can go
 * on with another world: the rest of the order is split anew.
 *
 * Full shuffle: a keyed permutation of 0 … count-1 that is computed, not stored: a Feistel network
 * of twelve rounds over the smallest power of two that holds the count, walked until it lands
 * inside (Black, Rogaway: Ciphers with arbitrary finite domains, 2002). Up to 65,536 records it is
 * a Fisher-Yates shuffle in 256 KiB, since a network over few bits cannot give every permutation.
 * Window shuffle, for streams: of `window` records read ahead one is drawn, and the next read takes
 * its place.
 *
 * Threads: one thread at a time. Memory: 4 bytes a record up to 65,536, else none; 8 bytes a record
 * of the window. */
#ifndef FT_ORDER_H
#define FT_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"

#define FT_ORDER_STORED_MAX ((uint64_t)65536)
#define FT_ORDER_WINDOW_MAX ((size_t)1 << 24)

typedef enum ft_shuffle { FT_SHUFFLE_NONE, FT_SHUFFLE_FULL, FT_SHUFFLE_WINDOW } ft_shuffle;

/* One number from (seed, epoch, item): what random augmentation of a record starts from. */
uint64_t ft_order_key(uint64_t seed, uint64_t epoch, uint64_t item);

/* ---- a permutation of 0 … count-1 */
typedef struct ft_permutation {
    uint64_t count;
    uint64_t keys[12]; /* of the rounds */
    int low_bits, high_bits;
    uint32_t *stored; /* NULL: computed */
} ft_permutation;

ft_err ft_permutation_init(ft_permutation *p, uint64_t count, uint64_t key);
uint64_t ft_permutation_at(const ft_permutation *p, uint64_t position); /* position < count */
void ft_permutation_fini(ft_permutation *p);

/* ---- a window: `fill` while it has room and the stream has records, then `draw` */
typedef struct ft_order_window {
    uint64_t *numbers; /* of the records that wait */
    size_t filled, size;
    ft_random random;
} ft_order_window;

ft_err ft_window_init(ft_order_window *w, size_t size, uint64_t key);
/* The next record of the stream waits in slot `filled`; there must be room. */
void ft_window_fill(ft_order_window *w, uint64_t number);
/* Draw one: its number and the slot it stood in. The last one waiting moves to that slot: whoever
 * keeps something beside the slots moves it likewise, from slot `filled` (after the call). */
uint64_t ft_window_draw(ft_order_window *w, size_t *slot);
void ft_window_fini(ft_order_window *w);

/* ---- the global order of a set of known size, position by position */
typedef struct ft_epoch_order {
    ft_shuffle shuffle;
    uint64_t count, position; /* of the next */
    uint64_t read;            /* window: records that entered it */
    ft_permutation permutation;
    ft_order_window window;
} ft_epoch_order;

ft_err ft_epoch_order_init(ft_epoch_order *o, ft_shuffle shuffle, size_t window, uint64_t count,
                           uint64_t seed, uint64_t epoch);
/* The record at the next position; false at the end. */
bool ft_epoch_order_next(ft_epoch_order *o, uint64_t *number);
/* Go on by `positions`: at once, or by drawing them (window). */
void ft_epoch_order_skip(ft_epoch_order *o, uint64_t positions);
void ft_epoch_order_fini(ft_epoch_order *o);

/* Steps (batches of every rank) that `left` positions give: with `drop_last` only whole ones. */
uint64_t ft_order_steps(uint64_t left, uint64_t batch, uint64_t world, bool drop_last);

/* ---- how well mixed is an order? For n = count numbers in their order (labels may be NULL). */
typedef struct ft_order_quality {
    double neighbour_correlation; /* of adjacent record numbers: 1 as stored, 0 when mixed */
    double displacement; /* mean |position - number| / count: 1/3 when mixed, 0 as stored */
    double run_mean;     /* mean length of runs of one label */
    double run_expected; /* of the same labels in random order */
    uint64_t run_longest;
} ft_order_quality;
void ft_order_measure(ft_order_quality *out, const uint64_t *numbers, const int64_t *labels,
                      size_t count);

#endif
