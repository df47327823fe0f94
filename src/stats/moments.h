/* moments.h -- count, mean, variance, smallest and largest of a column, in one pass over blocks.
 *
 * Within a block the mean is found first and the squared distances from it second, so nothing large
 * is subtracted; blocks are joined by the update of Chan, Golub and LeVeque (Updating formulae and
 * a pairwise algorithm for computing sample variances, 1979). NaN means a missing value: counted,
 * else left out. Infinities are values: they make the mean infinite or NaN.
 *
 * Threads: one at a time for a struct; join the structs of several threads with ft_moments_join. */
#ifndef FT_MOMENTS_H
#define FT_MOMENTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct ft_moments { /* zero: no values yet */
    uint64_t count, missing;
    double mean, mean_low; /* the mean is their sum: mean_low holds what mean rounded away */
    double m2;             /* sum of squared distances from the mean */
    double min, max;       /* of the values; meaningless when count is 0 */
} ft_moments;

void ft_moments_add(ft_moments *m, const double *values, size_t n);
void ft_moments_add_f32(ft_moments *m, const float *values, size_t n);
/* The same in plain C, one value after the other (Welford): the reference. */
void ft_moments_add_plain(ft_moments *m, const double *values, size_t n);
void ft_moments_join(ft_moments *m, const ft_moments *other);

double ft_moments_sum(const ft_moments *m);
/* Of the whole population: m2 / count. NaN without values. */
double ft_moments_variance(const ft_moments *m);
double ft_moments_deviation(const ft_moments *m);
/* Estimated from a sample: m2 / (count - 1). NaN below two values. */
double ft_moments_sample_variance(const ft_moments *m);

#endif
