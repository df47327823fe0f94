/* bins_in.h -- places of values in equal bins, several at a time. */
#ifndef FT_BINS_IN_H
#define FT_BINS_IN_H

#include <stddef.h>
#include <stdint.h>

/* out[i] = floor((values[i] - low) * scale), held within [0, last]; 0 for NaN. Monotone in the
 * value, like every product of rounded steps. */
void ft_bins_of(int32_t *out, const double *values, size_t n, double low, double scale,
                int32_t last);
/* The same in plain C: the reference, and the way without SSE2. */
void ft_bins_of_plain(int32_t *out, const double *values, size_t n, double low, double scale,
                      int32_t last);

#endif
