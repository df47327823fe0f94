/* resample.h -- sound at another rate: a polyphase windowed sinc, piece by piece.
 *
 * Flat within 0.1 dB up to 0.85 of the lower Nyquist frequency, 70 dB down from 1.15 of it: what
 * folds back does so above 0.85 only. Output n stands at input time n * from / to: no delay, and as
 * many samples as the input's time holds, rounded up.
 *
 * Source: J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function",
 * 1974. Threads: one at a time. Memory: the filter, at most 1 MiB, and one piece of input. */
#ifndef FT_RESAMPLE_H
#define FT_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FT_RESAMPLE_HZ_MAX 384000

typedef struct ft_resampler ft_resampler;

/* FT_EINVAL for rates outside 1 … FT_RESAMPLE_HZ_MAX, and for pairs whose filter would be too large
 * (two large rates without a common divisor). Equal rates copy. */
ft_err ft_resampler_new(ft_resampler **out, int from_hz, int to_hz);
/* Most samples that a push of `count`, or the end, gives. */
size_t ft_resampler_room(const ft_resampler *r, size_t count);
/* Returns how many samples were written to `out`. */
size_t ft_resampler_push(ft_resampler *r, int16_t *out, const int16_t *in, size_t count);
/* What is still owed; the resampler then begins anew. */
size_t ft_resampler_end(ft_resampler *r, int16_t *out);
void ft_resampler_free(ft_resampler *r); /* fine on NULL */

#endif
