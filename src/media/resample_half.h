/* resample_half.h -- half the rate, in whole numbers: 32 kHz to 16, 16 to 8. The telephone's case,
 * and the same bits on every processor. Private to the resampler. Threads: any. */
#ifndef FT_RESAMPLE_HALF_H
#define FT_RESAMPLE_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_HALF_BITS     15 /* a coefficient of 1 is 1 << FT_HALF_BITS */
#define FT_HALF_TAPS_MAX 256

/* Coefficients in whole numbers whose sum is 1. `taps` is even; false: they could overflow. */
bool ft_half_coeffs(int16_t *out, const float *coeffs, size_t taps);
/* out[n] = sum of in[2 n + k] coeffs[k], rounded, halves up, held at the ends. Reads in[0] …
 * in[2 count + taps - 3] and not beyond. */
void ft_half_filter(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs,
                    size_t taps);
/* The plain reference. */
void ft_half_filter_plain(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs,
                          size_t taps);

#endif
