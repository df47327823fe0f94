/* bins.c -- see bins_in.h. */
#include "stats/bins_in.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

void ft_bins_of_plain(int32_t *out, const double *values, size_t n, double low, double scale,
                      int32_t last) {
    for (size_t i = 0; i < n; i++) {
        double at = (values[i] - low) * scale;
        at = at > 0 ? at : 0;
        out[i] = (int32_t)(at < (double)last ? at : (double)last);
    }
}

#if defined(__SSE2__)
/* How many values were done. maxpd gives its second operand for NaN. */
static size_t bins_of_sse2(int32_t *out, const double *values, size_t n, double low, double scale,
                           int32_t last) {
    const __m128d first = _mm_set1_pd(low), scales = _mm_set1_pd(scale);
    const __m128d top = _mm_set1_pd((double)last), zero = _mm_setzero_pd();
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m128d a = _mm_mul_pd(_mm_sub_pd(_mm_loadu_pd(values + i), first), scales);
        __m128d b = _mm_mul_pd(_mm_sub_pd(_mm_loadu_pd(values + i + 2), first), scales);
        a = _mm_min_pd(_mm_max_pd(a, zero), top);
        b = _mm_min_pd(_mm_max_pd(b, zero), top);
        __m128i at = _mm_unpacklo_epi64(_mm_cvttpd_epi32(a), _mm_cvttpd_epi32(b));
        _mm_storeu_si128((__m128i *)(out + i), at);
    }
    return i;
}

__attribute__((target("avx512f"))) static size_t bins_of_avx512(int32_t *out, const double *values,
                                                                size_t n, double low, double scale,
                                                                int32_t last) {
    const __m512d first = _mm512_set1_pd(low), scales = _mm512_set1_pd(scale);
    const __m512d top = _mm512_set1_pd((double)last), zero = _mm512_setzero_pd();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512d a = _mm512_mul_pd(_mm512_sub_pd(_mm512_loadu_pd(values + i), first), scales);
        a = _mm512_min_pd(_mm512_max_pd(a, zero), top);
        _mm256_storeu_si256((__m256i *)(out + i), _mm512_cvttpd_epi32(a));
    }
    return i;
}
#endif

void ft_bins_of(int32_t *out, const double *values, size_t n, double low, double scale,
                int32_t last) {
    size_t done = 0;
#if defined(__SSE2__)
    if (__builtin_cpu_supports("avx512f")) done = bins_of_avx512(out, values, n, low, scale, last);
    done += bins_of_sse2(out + done, values + done, n - done, low, scale, last);
#endif
    ft_bins_of_plain(out + done, values + done, n - done, low, scale, last);
}
