/* quantile_select.c -- exact quantiles of unsorted values: count them into bins, sort only the bins
 * in which a wanted rank lies. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "stats/bins_in.h"
#include "stats/moments.h"
#include "stats/quantile.h"
#include "stats/sort.h"

#define BINS      4096
#define SMALL_MAX 8192 /* below, sorting all is as fast */
#define CROWD     4    /* when more than n / CROWD values would be sorted, sort all */
#define WANTS_MAX 1024
#define BLOCK     512 /* values that are placed at a time */

typedef struct bins {
    double low, scale;
    size_t count;              /* values that are not NaN */
    uint64_t starts[BINS + 1]; /* rank of the first value of each bin */
    bool wanted[BINS];
    size_t places[BINS]; /* where the next value of a wanted bin goes in `picked` */
    size_t picked_count;
    double *picked;
} bins;

/* False when the values cannot be spread over bins: infinite ends, or one value only. */
static bool find_range(bins *b, const double *values, size_t n) {
    ft_moments m = { 0 };
    ft_moments_add(&m, values, n);
    b->count = m.count;
    b->low = m.min;
    b->scale = BINS / (m.max - m.min);
    return m.max > m.min && isfinite(m.max - m.min) && isfinite(b->scale);
}

/* Bins of up to BLOCK values; how many values that is. */
static size_t bins_of(const bins *b, int32_t *at, const double *values, size_t n) {
    size_t size = n < BLOCK ? n : BLOCK;
    ft_bins_of(at, values, size, b->low, b->scale, BINS - 1);
    return size;
}

static void count_bins(bins *b, const double *values, size_t n) {
    int32_t at[BLOCK];
    for (size_t size; n; values += size, n -= size) {
        size = bins_of(b, at, values, n);
        for (size_t i = 0; i < size; i++)
            if (values[i] == values[i]) b->starts[at[i] + 1]++;
    }
    for (size_t k = 0; k < BINS; k++) b->starts[k + 1] += b->starts[k];
}

static size_t bin_of_rank(const bins *b, uint64_t rank) {
    size_t low = 0, high = BINS;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (b->starts[middle] <= rank)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The two ranks between which quantile q lies. */
static uint64_t rank_of(const bins *b, double q) { return (uint64_t)(q * (double)(b->count - 1)); }

static void mark_wanted(bins *b, const double *q, size_t count) {
    for (size_t k = 0; k < count; k++) {
        if (!(q[k] >= 0 && q[k] <= 1)) continue;
        uint64_t rank = rank_of(b, q[k]);
        b->wanted[bin_of_rank(b, rank)] = true;
        b->wanted[bin_of_rank(b, rank + 1 < b->count ? rank + 1 : rank)] = true;
    }
    for (size_t k = 0; k < BINS; k++) {
        b->places[k] = b->picked_count;
        if (b->wanted[k]) b->picked_count += b->starts[k + 1] - b->starts[k];
    }
}

static ft_err pick(bins *b, const double *values, size_t n) {
    size_t bytes = b->picked_count * sizeof *b->picked;
    b->picked = ft_fault_here() ? NULL : malloc(bytes ? bytes : 1);
    if (!b->picked) return FT_FAIL(FT_ENOMEM, "no memory for the quantiles of %zu values", n);
    int32_t at[BLOCK];
    for (size_t left = n, size; left; values += size, left -= size) {
        size = bins_of(b, at, values, left);
        for (size_t i = 0; i < size; i++)
            if (b->wanted[at[i]] && values[i] == values[i])
                b->picked[b->places[at[i]]++] = values[i];
    }
    for (size_t k = 0; k < BINS; k++) { /* places are now the ends */
        size_t size = b->starts[k + 1] - b->starts[k];
        if (b->wanted[k]) FT_TRY(ft_sort_f64(b->picked + b->places[k] - size, size));
    }
    return FT_OK;
}

static double value_at(const bins *b, uint64_t rank) {
    size_t bin = bin_of_rank(b, rank);
    return b->picked[b->places[bin] - (b->starts[bin + 1] - rank)];
}

static double quantile_of(const bins *b, double q) {
    if (!(q >= 0 && q <= 1)) return (double)NAN;
    uint64_t rank = rank_of(b, q);
    double share = q * (double)(b->count - 1) - (double)rank, low = value_at(b, rank);
    if (share == 0 || rank + 1 >= b->count) return low;
    return low + share * (value_at(b, rank + 1) - low);
}

static ft_err by_sorting(double *out, const double *q, size_t count, const double *values,
                         size_t n) {
    size_t kept = 0;
    double *sorted = ft_fault_here() ? NULL : malloc((n + 1) * sizeof *sorted);
    if (!sorted) return FT_FAIL(FT_ENOMEM, "no memory for the quantiles of %zu values", n);
    for (size_t i = 0; i < n; i++) {
        sorted[kept] = values[i];
        kept += values[i] == values[i];
    }
    ft_err err = ft_sort_f64(sorted, kept);
    for (size_t k = 0; k < count && !err; k++) out[k] = ft_quantile(sorted, kept, q[k]);
    free(sorted);
    return err;
}

ft_err ft_quantiles(double *out, const double *q, size_t count, const double *values, size_t n) {
    if (n < SMALL_MAX || count > WANTS_MAX) return by_sorting(out, q, count, values, n);
    ft_err err = FT_OK;
    bins *b = ft_fault_here() ? NULL : calloc(1, sizeof *b);
    if (!b) return FT_FAIL(FT_ENOMEM, "no memory for the quantiles of %zu values", n);
    bool spread = find_range(b, values, n);
    if (spread) {
        count_bins(b, values, n);
        mark_wanted(b, q, count);
    }
    if (!spread || b->picked_count > n / CROWD) {
        err = by_sorting(out, q, count, values, n);
    } else {
        FT_GOTO(err, pick(b, values, n));
        for (size_t k = 0; k < count; k++) out[k] = quantile_of(b, q[k]);
    }
done:
    free(b->picked);
    free(b);
    return err;
}
