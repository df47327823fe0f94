/* bins.c -- see bins_in.h. */
#include "stats/bins_in.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

void ft_bins_of_plain(int32_t *out, const double *values, size_t n, double low, double scale,
                      int32_t last) {
    for (size_t i = 0; i < n; i++) {
        double at = (values[i] - low) * scale;
        at = at > 0 ? at : 0;
        out[i] = (int32_t)(at < (double)last ? at : (double)last);
    }
}

void ft_bins_of(int32_t *out, const double *values, size_t n, double low, double scale,
                int32_t last) {
#if defined(__SSE2__)
    const __m128d first = _mm_set1_pd(low), scales = _mm_set1_pd(scale);
    const __m128d top = _mm_set1_pd((double)last), zero = _mm_setzero_pd();
    for (; n >= 4; values += 4, out += 4, n -= 4) {
        __m128d a = _mm_mul_pd(_mm_sub_pd(_mm_loadu_pd(values), first), scales);
        __m128d b = _mm_mul_pd(_mm_sub_pd(_mm_loadu_pd(values + 2), first), scales);
        a = _mm_min_pd(_mm_max_pd(a, zero), top); /* maxpd gives its second operand for NaN */
        b = _mm_min_pd(_mm_max_pd(b, zero), top);
        __m128i at = _mm_unpacklo_epi64(_mm_cvttpd_epi32(a), _mm_cvttpd_epi32(b));
        _mm_storeu_si128((__m128i *)out, at);
    }
#endif
    ft_bins_of_plain(out, values, n, low, scale, last);
}
