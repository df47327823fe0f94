/* reduction_in.h -- the sums that reductions are picked from. Private to trials/. */
#ifndef FT_REDUCTION_IN_H
#define FT_REDUCTION_IN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ft_sums {
    double least, most, sum, squares, product, l1, l2; /* squares: about the mean */
    int64_t count;
} ft_sums;

/* float32, many at once and in one pass, both of the values and of their sizes: all but `squares`
 * and `product`, which stay as they are. `count` is at least 1. Sums are taken in 16 lanes, so the
 * last bits of a double may be others than one by one. */
void ft_sums_f32(ft_sums *plain, ft_sums *of_abs, const float *at, int64_t count);
/* Squares about the mean. */
double ft_squares_f32(const float *at, int64_t count, double mean, bool of_abs);

#endif
