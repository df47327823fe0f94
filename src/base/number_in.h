/* number_in.h -- powers of ten for reading and writing numbers: each as the top 128 bits of its
 * binary expansion. They are computed exactly, by long multiplication and division, when the first
 * number needs them (20 us), so no table of 670 unreadable rows stands in the source. */
#ifndef FT_NUMBER_IN_H
#define FT_NUMBER_IN_H

#include <stdbool.h>
#include <stdint.h>

#define FT_POWER10_MIN       (-342)
#define FT_POWER10_MAX       324
#define FT_POWER10_EXACT_MAX 55 /* 5^55 is the last that fits in 128 bits; none below 0 does */

typedef struct ft_power10 { /* 10^k = (hi * 2^64 + lo) * 2^(floor(log2 10^k) - 127), rounded down */
    uint64_t hi, lo;        /* the highest bit of hi is set */
} ft_power10;

/* `k` in [FT_POWER10_MIN, FT_POWER10_MAX]. */
ft_power10 ft_power10_of(int k);

/* floor(log2(10^k)) for |k| <= 1233. Source: Giulietti, The Schubfach way to render doubles, 2021,
 * section 9.6. */
static inline int ft_power10_log2(int k) { return (int)((int64_t)k * 1741647 >> 19); }

#endif
