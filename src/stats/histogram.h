/* histogram.h -- counts by interval. Buckets are [edge i, edge i+1), the last one closed, as Model
 * Monitor counts and as numpy.histogram does. */
#ifndef FT_HISTOGRAM_H
#define FT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "stats/quantile.h"

typedef struct ft_histogram {
    size_t count;   /* buckets */
    double *edges;  /* count + 1, ascending */
    double *counts; /* whole numbers, but estimates when they come from a sketch */
    uint64_t below, above, not_a_number; /* values outside the edges, and NaN */
} ft_histogram;

/* Buckets of equal width from `min` to `max` (both finite; equal ones give one wide bucket each
 * side as numpy does: min - 0.5 … max + 0.5), all counts 0, in the arena. */
ft_err ft_histogram_equal(ft_histogram *out, ft_arena *arena, double min, double max, size_t count);
/* Your own edges (copied), strictly ascending, at least two: FT_EINVAL. -inf and inf are welcome at
 * the ends. */
ft_err ft_histogram_edges(ft_histogram *out, ft_arena *arena, const double *edges, size_t count);
/* Edges at the quantiles 0, 1/count … 1 of sorted values, equal ones dropped, the outer ones opened
 * to infinity: what the population stability index compares. One value only: one bucket. */
ft_err ft_histogram_quantiles(ft_histogram *out, ft_arena *arena, const double *sorted, size_t n,
                              size_t count);
ft_err ft_histogram_sketch_quantiles(ft_histogram *out, ft_arena *arena, ft_sketch *s,
                                     size_t count);

void ft_histogram_add(ft_histogram *h, const double *values, size_t n);
/* Add a sketch's values by their weights. */
ft_err ft_histogram_add_sketch(ft_histogram *h, ft_sketch *s);
/* Bucket of a value, or h->count outside (NaN too). */
size_t ft_histogram_find(const ft_histogram *h, double v);

#endif
