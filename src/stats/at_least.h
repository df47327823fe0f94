/* at_least.h -- how many values are at least each of a few thresholds: what a histogram of few
 * buckets is made of (its buckets are differences of neighbours), at a compare and an add a
 * threshold for eight values, whatever their order and distribution.
 *
 * Threads: any. Memory: the caller's. */
#ifndef FT_AT_LEAST_H
#define FT_AT_LEAST_H

#include <stddef.h>
#include <stdint.h>

/* out[k] = how many of the values are >= thresholds[k]. NaN on either side is never at least. */
void ft_count_at_least(uint64_t *out, const double *thresholds, size_t count, const double *values,
                       size_t n);
/* The same in plain C. */
void ft_count_at_least_plain(uint64_t *out, const double *thresholds, size_t count,
                             const double *values, size_t n);

#endif
