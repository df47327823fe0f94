/* order.c -- permutations, windows and the order of an epoch. See order.h. */
#include "data/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"

#define ROUNDS 12

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit moves every output bit. */
static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t ft_order_key(uint64_t seed, uint64_t epoch, uint64_t item) {
    return mix(mix(mix(seed) ^ epoch) ^ item);
}

static ft_err room(void **out, size_t count, size_t size_bytes) {
    *out = ft_fault_here() ? NULL : malloc(count ? count * size_bytes : 1);
    if (!*out) return FT_FAIL(FT_ENOMEM, "out of memory for the order of %zu records", count);
    return FT_OK;
}

/* ---- permutation */
static ft_err shuffle_stored(ft_permutation *p, uint64_t key) {
    void *at;
    ft_random r;
    FT_TRY(room(&at, p->count, sizeof *p->stored));
    p->stored = at;
    ft_random_seed(&r, key);
    for (uint32_t i = 0; i < p->count; i++) { /* Fisher-Yates, inside out (Durstenfeld 1964) */
        uint32_t j = (uint32_t)ft_random_below(&r, i + 1);
        p->stored[i] = p->stored[j];
        p->stored[j] = i;
    }
    return FT_OK;
}

ft_err ft_permutation_init(ft_permutation *p, uint64_t count, uint64_t key) {
    int bits = 0;
    *p = (ft_permutation){ .count = count };
    if (count <= FT_ORDER_STORED_MAX) return shuffle_stored(p, key);
    while (bits < 64 && (count - 1) >> bits) bits++;
    p->low_bits = bits / 2;
    p->high_bits = bits - p->low_bits;
    for (int i = 0; i < ROUNDS; i++) p->keys[i] = mix(key + (uint64_t)i);
    return FT_OK;
}

static uint64_t feistel(const ft_permutation *p, uint64_t x) {
    uint64_t low_mask = (1ull << p->low_bits) - 1, high_mask = (1ull << p->high_bits) - 1;
    uint64_t low = x & low_mask, high = x >> p->low_bits;
    for (int i = 0; i < ROUNDS; i += 2) { /* halves may differ by a bit: each is changed in turn */
        high ^= mix(low ^ p->keys[i]) & high_mask;
        low ^= mix(high ^ p->keys[i + 1]) & low_mask;
    }
    return high << p->low_bits | low;
}

uint64_t ft_permutation_at(const ft_permutation *p, uint64_t position) {
    FT_CHECK(position < p->count);
    if (p->stored) return p->stored[position];
    do {
        position = feistel(p, position); /* fewer than two rounds on average: 2^bits < 2·count */
    } while (position >= p->count);
    return position;
}

void ft_permutation_fini(ft_permutation *p) {
    free(p->stored);
    *p = (ft_permutation){ 0 };
}

/* ---- window */
ft_err ft_window_init(ft_order_window *w, size_t size, uint64_t key) {
    void *at;
    *w = (ft_order_window){ .size = size ? size : 1 };
    if (size > FT_ORDER_WINDOW_MAX)
        return FT_FAIL(FT_ETOOBIG, "shuffle window of %zu records: at most %zu", size,
                       FT_ORDER_WINDOW_MAX);
    FT_TRY(room(&at, w->size, sizeof *w->numbers));
    w->numbers = at;
    ft_random_seed(&w->random, key);
    return FT_OK;
}

void ft_window_fill(ft_order_window *w, uint64_t number) {
    FT_CHECK(w->filled < w->size);
    w->numbers[w->filled++] = number;
}

uint64_t ft_window_draw(ft_order_window *w, size_t *slot) {
    FT_CHECK(w->filled > 0);
    *slot = (size_t)ft_random_below(&w->random, w->filled);
    uint64_t number = w->numbers[*slot];
    w->numbers[*slot] = w->numbers[--w->filled];
    return number;
}

void ft_window_fini(ft_order_window *w) {
    free(w->numbers);
    *w = (ft_order_window){ 0 };
}

/* ---- the order of an epoch */
ft_err ft_epoch_order_init(ft_epoch_order *o, ft_shuffle shuffle, size_t window, uint64_t count,
                           uint64_t seed, uint64_t epoch) {
    uint64_t key = ft_order_key(seed, epoch, 0x6f72646572); /* not a record's key */
    *o = (ft_epoch_order){ .shuffle = shuffle, .count = count };
    if (shuffle == FT_SHUFFLE_FULL) return ft_permutation_init(&o->permutation, count, key);
    if (shuffle == FT_SHUFFLE_WINDOW) return ft_window_init(&o->window, window, key);
    return FT_OK;
}

bool ft_epoch_order_next(ft_epoch_order *o, uint64_t *number) {
    size_t slot;
    if (o->position >= o->count) return false;
    if (o->shuffle == FT_SHUFFLE_FULL) {
        *number = ft_permutation_at(&o->permutation, o->position);
    } else if (o->shuffle == FT_SHUFFLE_WINDOW) {
        while (o->window.filled < o->window.size && o->read < o->count)
            ft_window_fill(&o->window, o->read++);
        *number = ft_window_draw(&o->window, &slot);
    } else {
        *number = o->position;
    }
    o->position++;
    return true;
}

void ft_epoch_order_skip(ft_epoch_order *o, uint64_t positions) {
    uint64_t ignored;
    if (o->shuffle == FT_SHUFFLE_WINDOW) {
        while (positions-- && ft_epoch_order_next(o, &ignored)) continue;
    } else {
        o->position += positions < o->count - o->position ? positions : o->count - o->position;
    }
}

void ft_epoch_order_fini(ft_epoch_order *o) {
    ft_permutation_fini(&o->permutation);
    ft_window_fini(&o->window);
    *o = (ft_epoch_order){ 0 };
}

uint64_t ft_order_steps(uint64_t left, uint64_t batch, uint64_t world, bool drop_last) {
    uint64_t step = batch * world;
    return drop_last ? left / step : left / step + (left % step != 0);
}

/* ---- quality */
static void measure_neighbours(ft_order_quality *out, const uint64_t *numbers, size_t count) {
    double mean = 0, square = 0, product = 0, moved = 0, n = (double)count;
    for (size_t i = 0; i < count; i++) {
        mean += (double)numbers[i] / n;
        moved += fabs((double)numbers[i] - (double)i);
    }
    for (size_t i = 0; i < count; i++) {
        double here = (double)numbers[i] - mean;
        square += here * here;
        if (i) product += here * ((double)numbers[i - 1] - mean);
    }
    out->neighbour_correlation = square > 0 ? product / square : 0;
    out->displacement = moved / n / n;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* In random order two neighbours have one label with probability Σ n_c(n_c-1) / n(n-1): the runs
 * expected are 1 + (n-1)(1 - that). */
static double runs_expected(const int64_t *labels, size_t count) {
    int64_t *sorted = malloc(count * sizeof *sorted);
    double same = 0, n = (double)count;
    if (!sorted) return NAN;
    memcpy(sorted, labels, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && sorted[end] == sorted[i]; end++) continue;
        same += (double)(end - i) * (double)(end - i - 1);
    }
    free(sorted);
    return 1 + (n - 1) * (1 - same / (n * (n - 1)));
}

static void measure_runs(ft_order_quality *out, const int64_t *labels, size_t count) {
    size_t runs = 1, length = 1;
    out->run_longest = 1;
    for (size_t i = 1; i < count; i++) {
        length = labels[i] == labels[i - 1] ? length + 1 : 1;
        runs += length == 1;
        if (length > out->run_longest) out->run_longest = length;
    }
    out->run_mean = (double)count / (double)runs;
    out->run_expected = (double)count / runs_expected(labels, count);
}

void ft_order_measure(ft_order_quality *out, const uint64_t *numbers, const int64_t *labels,
                      size_t count) {
    *out = (ft_order_quality){ 0 };
    if (count < 2) return;
    measure_neighbours(out, numbers, count);
    if (labels) measure_runs(out, labels, count);
}
