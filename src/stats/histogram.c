/* histogram.c -- see histogram.h. */
#include "stats/histogram.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "stats/at_least.h"
#include "stats/bins_in.h"

#define BUCKETS_MAX ((size_t)1 << 20)
#define FEW         30   /* buckets that are counted by their edges, all values against each */
#define TALLY_MAX   1024 /* buckets that are counted in copies on the stack */
#define COPIES      4
#define GUESSES     256               /* values that are placed at a time */
#define BLOCK       ((size_t)1 << 30) /* values that a 32-bit count can hold */

static ft_err buckets_new(ft_histogram *out, ft_arena *arena, size_t count) {
    *out = (ft_histogram){ 0 };
    if (count == 0 || count > BUCKETS_MAX)
        return FT_FAIL(FT_EINVAL, "a histogram of %zu buckets: expected 1 to %zu", count,
                       BUCKETS_MAX);
    FT_TRY(ft_arena_items(&out->edges, arena, count + 1));
    FT_TRY(ft_arena_items(&out->counts, arena, count));
    out->count = count;
    return FT_OK;
}

ft_err ft_histogram_equal(ft_histogram *out, ft_arena *arena, double min, double max,
                          size_t count) {
    *out = (ft_histogram){ 0 };
    if (!isfinite(min) || !isfinite(max) || min > max)
        return FT_FAIL(FT_EINVAL, "a histogram from %g to %g", min, max);
    if (min == max) {
        min -= 0.5;
        max += 0.5;
    }
    FT_TRY(buckets_new(out, arena, count));
    /* Shares of the ends, not steps: no sum of roundings, no overflow of max - min. */
    for (size_t i = 0; i <= count; i++) {
        double share = (double)i / (double)count;
        out->edges[i] = min * (1 - share) + max * share;
    }
    out->edges[0] = min;
    out->edges[count] = max;
    return FT_OK;
}

ft_err ft_histogram_edges(ft_histogram *out, ft_arena *arena, const double *edges, size_t count) {
    *out = (ft_histogram){ 0 };
    if (count < 2) return FT_FAIL(FT_EINVAL, "a histogram needs two edges, found %zu", count);
    for (size_t i = 1; i < count; i++)
        if (!(edges[i - 1] < edges[i]))
            return FT_FAIL(FT_EINVAL, "edges of a histogram must ascend, found %g before %g",
                           edges[i - 1], edges[i]);
    FT_TRY(buckets_new(out, arena, count - 1));
    memcpy(out->edges, edges, count * sizeof *edges);
    return FT_OK;
}

/* Opens the ends and drops equal edges. */
static void tidy_edges(ft_histogram *h) {
    size_t kept = 0;
    for (size_t i = 1; i < h->count; i++) /* inner edges */
        if (h->edges[i] > (kept ? h->edges[kept] : h->edges[0])) h->edges[++kept] = h->edges[i];
    h->edges[0] = -(double)INFINITY;
    h->edges[kept + 1] = (double)INFINITY;
    h->count = kept + 1;
}

ft_err ft_histogram_quantiles(ft_histogram *out, ft_arena *arena, const double *sorted, size_t n,
                              size_t count) {
    FT_TRY(buckets_new(out, arena, count));
    for (size_t i = 0; i <= count; i++)
        out->edges[i] = n ? ft_quantile(sorted, n, (double)i / (double)count) : 0;
    tidy_edges(out);
    return FT_OK;
}

ft_err ft_histogram_sketch_quantiles(ft_histogram *out, ft_arena *arena, ft_sketch *s,
                                     size_t count) {
    FT_TRY(buckets_new(out, arena, count));
    for (size_t i = 0; i <= count && ft_sketch_count(s); i++)
        FT_TRY(ft_sketch_quantile(&out->edges[i], s, (double)i / (double)count));
    tidy_edges(out);
    return FT_OK;
}

/* Last of `count` ascending edges that is <= v, which is at least the first. Without branches on
 * the data: guessing wrong costs more than both ways (16 ns a value became 5, 11 edges). */
static inline size_t bucket_of(const double *edges, size_t count, double v) {
    const double *base = edges;
    while (count > 1) {
        size_t half = count / 2;
        base = base[half] <= v ? base + half : base;
        count -= half;
    }
    return (size_t)(base - edges);
}

size_t ft_histogram_find(const ft_histogram *h, double v) {
    if (h->count == 0 || !(v >= h->edges[0] && v <= h->edges[h->count])) return h->count;
    return bucket_of(h->edges, h->count, v);
}

static void add_one(ft_histogram *h, double v, double weight) {
    size_t at = ft_histogram_find(h, v);
    if (at < h->count)
        h->counts[at] += weight;
    else if (v != v)
        h->not_a_number += (uint64_t)weight;
    else if (h->count && v < h->edges[0])
        h->below += (uint64_t)weight;
    else
        h->above += (uint64_t)weight;
}

/* Few buckets: how many values are at least each edge. */
static void add_few(ft_histogram *h, const double *values, size_t n) {
    double edges[FEW + 4], top = h->edges[h->count];
    uint64_t reached[FEW + 4];
    size_t count = 0;
    edges[count++] = -(double)INFINITY; /* all but NaN */
    for (size_t k = 0; k < h->count; k++) edges[count++] = h->edges[k];
    edges[count++] = isfinite(top) ? nextafter(top, (double)INFINITY) : (double)NAN; /* above */
    while (count % 4) edges[count++] = (double)NAN;
    ft_count_at_least(reached, edges, count, values, n);
    for (size_t k = 0; k < h->count; k++) h->counts[k] += (double)(reached[k + 1] - reached[k + 2]);
    h->not_a_number += n - reached[0];
    h->below += reached[0] - reached[1];
    h->above += reached[h->count + 1];
}

/* Counts of a block of values in several copies, so that equal neighbours do not wait for each
 * other's increment. */
typedef struct tally {
    uint32_t at[TALLY_MAX][COPIES]; /* copies beside each other: 4 KiB apart, they would collide */
} tally;

static void tally_join(ft_histogram *h, const tally *t) {
    for (size_t k = 0; k < h->count; k++)
        for (int copy = 0; copy < COPIES; copy++) h->counts[k] += t->at[k][copy];
}

/* A place guessed by multiplication is put right by the edges themselves. */
static inline size_t put_right(const ft_histogram *h, size_t at, double v) {
    at -= v < h->edges[at];
    at += (at + 1 < h->count) & (v >= h->edges[at + 1]); /* edges[count] is there */
    return at;
}

static void add_equal(ft_histogram *h, tally *t, const double *values, size_t n) {
    double low = h->edges[0], high = h->edges[h->count];
    double scale = (double)h->count / (high - low);
    int32_t guess[GUESSES];
    for (size_t begin = 0; begin < n; begin += GUESSES, values += GUESSES) {
        ft_bins_of(guess, values, GUESSES, low, scale, (int32_t)h->count - 1);
        for (size_t i = 0; i < GUESSES; i++) {
            if (values[i] >= low && values[i] <= high)
                t->at[put_right(h, (size_t)guess[i], values[i])][i % COPIES]++;
            else
                add_one(h, values[i], 1);
        }
    }
}

static void add_any(ft_histogram *h, tally *t, const double *values, size_t n) {
    double low = h->edges[0], high = h->edges[h->count];
    for (size_t i = 0; i < n; i++) {
        if (values[i] >= low && values[i] <= high)
            t->at[bucket_of(h->edges, h->count, values[i])][i % COPIES]++;
        else
            add_one(h, values[i], 1);
    }
}

static void add_block(ft_histogram *h, const double *values, size_t n, bool equal) {
    size_t whole = equal ? n / GUESSES * GUESSES : 0;
    tally t;
    memset(t.at, 0, h->count * sizeof t.at[0]);
    add_equal(h, &t, values, whole);
    add_any(h, &t, values + whole, n - whole);
    tally_join(h, &t);
}

/* Is a guess by division near enough that at most a step puts it right? */
static bool is_equal(const ft_histogram *h) {
    if (h->count == 0) return false;
    double low = h->edges[0], width = (h->edges[h->count] - low) / (double)h->count;
    if (!isfinite(width) || !(width > 0) || !isfinite(1 / width)) return false;
    for (size_t i = 1; i < h->count; i++)
        if (fabs(h->edges[i] - (low + (double)i * width)) > width * 0.01) return false;
    return true;
}

void ft_histogram_add(ft_histogram *h, const double *values, size_t n) {
    if (n > h->count && h->count && h->count <= FEW) {
        add_few(h, values, n);
        return;
    }
    if (n > h->count && h->count && h->count <= TALLY_MAX) {
        bool equal = is_equal(h);
        for (; n > BLOCK; values += BLOCK, n -= BLOCK) add_block(h, values, BLOCK, equal);
        add_block(h, values, n, equal);
        return;
    }
    for (size_t i = 0; i < n; i++) add_one(h, values[i], 1);
}

ft_err ft_histogram_add_sketch(ft_histogram *h, ft_sketch *s) {
    ft_weighted w;
    FT_TRY(ft_sketch_values(&w, s));
    for (size_t i = 0; i < w.count; i++) add_one(h, w.value[i], (double)w.weight[i]);
    return FT_OK;
}
