/* resample_half.c -- see resample_half.h.
 *
 * Two samples side by side times two coefficients side by side is one instruction's work
 * (pmaddwd), and outputs side by side begin two samples apart: a block of outputs wants no more
 * than loads, products and sums. */
#include "media/resample_half.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define HALF (1 << (FT_HALF_BITS - 1))

bool ft_half_coeffs(int16_t *out, const float *coeffs, size_t taps) {
    enum { ONE = 1 << FT_HALF_BITS, MOST = 2 * ONE - 1 }; /* times 2^15: within 32 bits */
    long sum = 0, size = 0;
    size_t largest = 0;
    if (taps == 0 || taps > FT_HALF_TAPS_MAX || taps % 2) return false;
    for (size_t k = 0; k < taps; k++) {
        long c = lrintf(coeffs[k] * ONE);
        if (c < INT16_MIN || c > INT16_MAX) return false;
        out[k] = (int16_t)c;
        sum += c;
        size += c < 0 ? -c : c;
        if (out[k] > out[largest]) largest = k;
    }
    long rest = ONE - sum; /* of rounding, a few: to where it is the least part */
    size += rest < 0 ? -rest : rest;
    if (size > MOST || out[largest] + rest > INT16_MAX) return false;
    out[largest] = (int16_t)(out[largest] + rest);
    return true;
}

static int16_t held(int32_t v) {
    return v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : (int16_t)v;
}

void ft_half_filter_plain(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs,
                          size_t taps) {
    for (size_t n = 0; n < count; n++) {
        int32_t sum = HALF;
        for (size_t k = 0; k < taps; k++) sum += in[2 * n + k] * coeffs[k];
        out[n] = held(sum >> FT_HALF_BITS);
    }
}

#if defined(__x86_64__)
static int pair_at(const int16_t *coeffs, size_t k) {
    int pair;
    memcpy(&pair, coeffs + k, sizeof pair);
    return pair;
}

__attribute__((target("avx2"))) static size_t
half_avx2(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs, size_t taps) {
    enum { BLOCK = 16 }; /* two sums, so that one need not wait for the other */
    size_t n = 0;
    for (; n + BLOCK <= count; n += BLOCK) {
        __m256i a = _mm256_set1_epi32(HALF), b = a;
        for (size_t k = 0; k < taps; k += 2) {
            __m256i c = _mm256_set1_epi32(pair_at(coeffs, k));
            const int16_t *x = in + 2 * n + k;
            a = _mm256_add_epi32(
                a, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(const void *)x), c));
            b = _mm256_add_epi32(
                b, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(x + BLOCK)),
                                     c));
        }
        a = _mm256_packs_epi32(_mm256_srai_epi32(a, FT_HALF_BITS),
                               _mm256_srai_epi32(b, FT_HALF_BITS));
        a = _mm256_permute4x64_epi64(a, 0xd8); /* packs works in halves of the register */
        _mm256_storeu_si256((__m256i *)(void *)(out + n), a);
    }
    return n;
}

__attribute__((target("avx512f,avx512bw"))) static size_t
half_avx512(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs, size_t taps) {
    enum { BLOCK = 32 };
    size_t n = 0;
    for (; n + BLOCK <= count; n += BLOCK) {
        __m512i a = _mm512_set1_epi32(HALF), b = a;
        for (size_t k = 0; k < taps; k += 2) {
            __m512i c = _mm512_set1_epi32(pair_at(coeffs, k));
            const int16_t *x = in + 2 * n + k;
            a = _mm512_add_epi32(a, _mm512_madd_epi16(_mm512_loadu_si512(x), c));
            b = _mm512_add_epi32(b, _mm512_madd_epi16(_mm512_loadu_si512(x + BLOCK), c));
        }
        __m256i low = _mm512_cvtsepi32_epi16(_mm512_srai_epi32(a, FT_HALF_BITS));
        __m256i high = _mm512_cvtsepi32_epi16(_mm512_srai_epi32(b, FT_HALF_BITS));
        _mm256_storeu_si256((__m256i *)(void *)(out + n), low);
        _mm256_storeu_si256((__m256i *)(void *)(out + n + BLOCK / 2), high);
    }
    return n;
}

/* ---- a half-band filter: every second coefficient is zero, but for one
 *
 * The samples are dealt into those of even and of odd places. Two of the even ones side by side
 * make sums of every second output; a load one sample on makes those between. */

enum { DEAL = 512 }; /* outputs at once */

typedef struct dealt {
    int16_t even[DEAL + FT_HALF_TAPS_MAX / 2], odd[DEAL + FT_HALF_TAPS_MAX / 2];
} dealt;

/* The odd place whose coefficient is not zero; 0: this is no such filter. */
static size_t band_centre(const int16_t *coeffs, size_t taps) {
    size_t centre = 0, count = 0;
    for (size_t k = 1; k < taps; k += 2)
        if (coeffs[k]) centre = k, count++;
    return taps % 4 == 0 && count == 1 ? centre : 0;
}

static inline __attribute__((always_inline)) void deal(dealt *d, const int16_t *in, size_t each) {
    for (size_t i = 0; i < each; i++) {
        d->even[i] = in[2 * i];
        d->odd[i] = in[2 * i + 1];
    }
}

/* (c[k], c[k + 2]) */
static int apart_at(const int16_t *coeffs, size_t k) {
    int16_t two[2] = { coeffs[k], coeffs[k + 2] };
    return pair_at(two, 0);
}

__attribute__((target("avx2"))) static inline __m256i
band_sums_avx2(const dealt *d, size_t n, const int16_t *coeffs, size_t taps, size_t centre) {
    __m256i a = _mm256_set1_epi32(HALF), b = a;
    const int16_t *x = d->even + n;
    for (size_t k = 0; k < taps; k += 4, x += 2) {
        __m256i c = _mm256_set1_epi32(apart_at(coeffs, k));
        __m256i at = _mm256_loadu_si256((const __m256i *)(const void *)x);
        __m256i on = _mm256_loadu_si256((const __m256i *)(const void *)(x + 1));
        a = _mm256_add_epi32(a, _mm256_madd_epi16(at, c));
        b = _mm256_add_epi32(b, _mm256_madd_epi16(on, c));
    }
    __m256i odd = _mm256_loadu_si256((const __m256i *)(const void *)(d->odd + n + centre / 2));
    __m256i one = _mm256_set1_epi32((uint16_t)coeffs[centre]);
    a = _mm256_add_epi32(a, _mm256_madd_epi16(odd, one));
    b = _mm256_add_epi32(b, _mm256_madd_epi16(odd, _mm256_slli_epi32(one, 16)));
    __m256i low = _mm256_set1_epi32(INT16_MIN), high = _mm256_set1_epi32(INT16_MAX);
    a = _mm256_min_epi32(_mm256_max_epi32(_mm256_srai_epi32(a, FT_HALF_BITS), low), high);
    b = _mm256_min_epi32(_mm256_max_epi32(_mm256_srai_epi32(b, FT_HALF_BITS), low), high);
    return _mm256_blend_epi16(a, _mm256_slli_epi32(b, 16), 0xaa);
}

__attribute__((target("avx2"))) static size_t band_avx2(int16_t *out, const int16_t *in,
                                                        size_t count, const int16_t *coeffs,
                                                        size_t taps, size_t centre) {
    enum { BLOCK = 16 };
    dealt d;
    size_t done = 0;
    for (; done + BLOCK <= count;) {
        size_t most = (count - done) / BLOCK * BLOCK, some = most < DEAL ? most : DEAL;
        deal(&d, in + 2 * done, some + taps / 2 - 1);
        for (size_t n = 0; n < some; n += BLOCK)
            _mm256_storeu_si256((__m256i *)(void *)(out + done + n),
                                band_sums_avx2(&d, n, coeffs, taps, centre));
        done += some;
    }
    return done;
}

__attribute__((target("avx512f,avx512bw"))) static inline __m512i
band_sums_avx512(const dealt *d, size_t n, const int16_t *coeffs, size_t taps, size_t centre) {
    __m512i a = _mm512_set1_epi32(HALF), b = a;
    const int16_t *x = d->even + n;
    for (size_t k = 0; k < taps; k += 4, x += 2) {
        __m512i c = _mm512_set1_epi32(apart_at(coeffs, k));
        a = _mm512_add_epi32(a, _mm512_madd_epi16(_mm512_loadu_si512(x), c));
        b = _mm512_add_epi32(b, _mm512_madd_epi16(_mm512_loadu_si512(x + 1), c));
    }
    __m512i odd = _mm512_loadu_si512(d->odd + n + centre / 2);
    __m512i one = _mm512_set1_epi32((uint16_t)coeffs[centre]);
    a = _mm512_add_epi32(a, _mm512_madd_epi16(odd, one));
    b = _mm512_add_epi32(b, _mm512_madd_epi16(odd, _mm512_slli_epi32(one, 16)));
    __m512i low = _mm512_set1_epi32(INT16_MIN), high = _mm512_set1_epi32(INT16_MAX);
    a = _mm512_min_epi32(_mm512_max_epi32(_mm512_srai_epi32(a, FT_HALF_BITS), low), high);
    b = _mm512_min_epi32(_mm512_max_epi32(_mm512_srai_epi32(b, FT_HALF_BITS), low), high);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, a, _mm512_slli_epi32(b, 16));
}

__attribute__((target("avx512f,avx512bw"))) static size_t
band_avx512(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs, size_t taps,
            size_t centre) {
    enum { BLOCK = 32 };
    dealt d;
    size_t done = 0;
    for (; done + BLOCK <= count;) {
        size_t most = (count - done) / BLOCK * BLOCK, some = most < DEAL ? most : DEAL;
        deal(&d, in + 2 * done, some + taps / 2 - 1);
        for (size_t n = 0; n < some; n += BLOCK)
            _mm512_storeu_si512(out + done + n, band_sums_avx512(&d, n, coeffs, taps, centre));
        done += some;
    }
    return done;
}

static size_t half_quick(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs,
                         size_t taps) {
    size_t centre = taps <= FT_HALF_TAPS_MAX ? band_centre(coeffs, taps) : 0;
    if (__builtin_cpu_supports("avx512bw"))
        return centre ? band_avx512(out, in, count, coeffs, taps, centre)
                      : half_avx512(out, in, count, coeffs, taps);
    if (!__builtin_cpu_supports("avx2")) return 0;
    return centre ? band_avx2(out, in, count, coeffs, taps, centre)
                  : half_avx2(out, in, count, coeffs, taps);
}
#else
static size_t half_quick(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs,
                         size_t taps) {
    (void)out, (void)in, (void)count, (void)coeffs, (void)taps;
    return 0;
}
#endif

void ft_half_filter(int16_t *out, const int16_t *in, size_t count, const int16_t *coeffs,
                    size_t taps) {
    size_t done = half_quick(out, in, count, coeffs, taps);
    ft_half_filter_plain(out + done, in + 2 * done, count - done, coeffs, taps);
}
