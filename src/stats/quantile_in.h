/* quantile_in.h -- a sketch's levels, for writing and reading them as JSON. */
#ifndef FT_QUANTILE_IN_H
#define FT_QUANTILE_IN_H

#include "stats/quantile.h"

size_t ft_sketch_k(const ft_sketch *s);
double ft_sketch_c(const ft_sketch *s);
int ft_sketch_levels(const ft_sketch *s);
const double *ft_sketch_level(const ft_sketch *s, int at, size_t *count);
/* Values of one level of a sketch being rebuilt: sorted, counted by their weight. FT_EPARSE beyond
 * 2^62 values. */
ft_err ft_sketch_put_level(ft_sketch *s, int at, const double *values, size_t count);
void ft_sketch_set_parameters(ft_sketch *s, size_t k, double c);

#endif
