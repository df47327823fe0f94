/* sort.h -- sorting numbers by their bits: least significant digit first, digits that are equal in
 * all keys skipped. 1 M doubles that came from floats: 4 of 6 passes.
 *
 * Order: -inf … -0, 0 … inf, then NaN (of either sign). Threads: any. */
#ifndef FT_SORT_H
#define FT_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A double as a key that compares as an unsigned integer, and back. NaNs become one key. */
uint64_t ft_sort_key(double v);
double ft_sort_value(uint64_t key);

/* In place; FT_ENOMEM for scratch of the same size. */
ft_err ft_sort_f64(double *values, size_t n);
/* The same with your own scratch of n values: cannot fail. */
void ft_sort_f64_with(double *values, double *scratch, size_t n);
/* Keys with one number each that moves along; stable. */
ft_err ft_sort_keys(uint64_t *keys, uint32_t *payload, size_t n);

#endif
