/* jpeg_colour_avx512.c -- chroma to full size and YCbCr to RGB for 64 pixels at a time, with the
 * rounding of libjpeg: jdsample's triangle filter (h2v1, h2v2 "fancy") and jdcolor's 16-bit
 * fractions. Even and odd pixels are worked on apart: their bytes are the halves of 16-bit lanes.
 */
#include "media/jpeg_own_in.h"

#ifdef FT_MEDIA_X86
#include <immintrin.h>
#include <pthread.h>

#define STEP 64
#define T    FT_TARGET_AVX512 static inline __attribute__((always_inline))

typedef struct pair { /* 16-bit values of even and odd pixels */
    __m512i even, odd;
} pair;

/* Where byte i of 192 comes from: first among red and green, then blue over it. */
typedef struct weave {
    int8_t red_green[3][64], blue[3][64];
} weave;

static _Alignas(64) weave woven;

static void weave_make(void) {
    for (int i = 0; i < 192; i++) {
        int pixel = i / 3, channel = i % 3;
        woven.red_green[i / 64][i % 64] = (int8_t)(channel == 1 ? 64 + pixel : pixel);
        woven.blue[i / 64][i % 64] = (int8_t)(channel == 2 ? 64 + pixel : i % 64);
    }
}

static const weave *weave_made(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, weave_make);
    return &woven;
}

T __m512i widened(const uint8_t *at) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)at));
}

T pair halves(const uint8_t *at) {
    __m512i v = _mm512_loadu_si512(at);
    return (pair){ _mm512_and_si512(v, _mm512_set1_epi16(255)), _mm512_srli_epi16(v, 8) };
}

/* 32 samples at `at` of a row: 3 of near and 1 of far, or near alone. */
T __m512i column(const uint8_t *near, const uint8_t *far, bool two_rows) {
    __m512i v = widened(near);
    if (!two_rows) return v;
    return _mm512_add_epi16(_mm512_add_epi16(v, _mm512_slli_epi16(v, 1)), widened(far));
}

/* Chroma of 64 pixels, less 128. */
T pair chroma(const uint8_t *near, const uint8_t *far, int h, bool two_rows) {
    const __m512i middle = _mm512_set1_epi16(128);
    if (h == 1) {
        pair p = halves(near);
        return (pair){ _mm512_sub_epi16(p.even, middle), _mm512_sub_epi16(p.odd, middle) };
    }
    __m512i left = column(near - 1, far - 1, two_rows), here = column(near, far, two_rows),
            right = column(near + 1, far + 1, two_rows);
    here = _mm512_add_epi16(here, _mm512_slli_epi16(here, 1));
    int bits = two_rows ? 4 : 2;
    __m512i even = _mm512_add_epi16(here, left), odd = _mm512_add_epi16(here, right);
    even = _mm512_add_epi16(even, _mm512_set1_epi16(two_rows ? 8 : 1));
    odd = _mm512_add_epi16(odd, _mm512_set1_epi16(two_rows ? 7 : 2));
    return (pair){ _mm512_sub_epi16(_mm512_srli_epi16(even, bits), middle),
                   _mm512_sub_epi16(_mm512_srli_epi16(odd, bits), middle) };
}

/* (v * fraction / 65536) rounded, fraction as 16 bits: jdcolor's tables. */
T __m512i scaled(__m512i v, int fraction) {
    __m512i twice = _mm512_mulhi_epi16(_mm512_add_epi16(v, v), _mm512_set1_epi16((short)fraction));
    return _mm512_srai_epi16(_mm512_add_epi16(twice, _mm512_set1_epi16(1)), 1);
}

T __m512i clamped(__m512i v) {
    return _mm512_min_epi16(_mm512_max_epi16(v, _mm512_setzero_si512()), _mm512_set1_epi16(255));
}

typedef struct rgb {
    __m512i r, g, b; /* 16 bits */
} rgb;

/* 1.402 = 1 + 26345 / 65536; 1.772 = 2 - 14942 / 65536; 0.34414 = 22554 / 65536;
 * 0.71414 = 1 - 18734 / 65536 */
T rgb converted(__m512i y, __m512i cb, __m512i cr) {
    const __m512i k = _mm512_set1_epi32((int)((uint32_t)(uint16_t)-22554 | 18734u << 16));
    const __m512i half = _mm512_set1_epi32(1 << 15);
    __m512i lo = _mm512_madd_epi16(_mm512_unpacklo_epi16(cb, cr), k);
    __m512i hi = _mm512_madd_epi16(_mm512_unpackhi_epi16(cb, cr), k);
    lo = _mm512_srai_epi32(_mm512_add_epi32(lo, half), 16);
    hi = _mm512_srai_epi32(_mm512_add_epi32(hi, half), 16);
    __m512i green = _mm512_sub_epi16(_mm512_packs_epi32(lo, hi), cr);
    __m512i red = _mm512_add_epi16(cr, scaled(cr, 26345));
    __m512i blue = _mm512_add_epi16(_mm512_add_epi16(cb, cb), scaled(cb, -14942));
    return (rgb){ clamped(_mm512_add_epi16(y, red)), clamped(_mm512_add_epi16(y, green)),
                  clamped(_mm512_add_epi16(y, blue)) };
}

T __m512i merged(__m512i even, __m512i odd) {
    return _mm512_or_si512(even, _mm512_slli_epi16(odd, 8));
}

FT_TARGET_AVX512 static inline __attribute__((always_inline)) void
row_of(uint8_t *to, const ft_jpeg_row *row, int width, int h, bool two_rows) {
    const weave *w = weave_made();
    for (int x = 0; x < width; x += STEP, to += 3 * STEP) {
        size_t c = (size_t)(x / h);
        pair y = halves(row->y + x), cb = chroma(row->cb[0] + c, row->cb[1] + c, h, two_rows),
             cr = chroma(row->cr[0] + c, row->cr[1] + c, h, two_rows);
        rgb even = converted(y.even, cb.even, cr.even), odd = converted(y.odd, cb.odd, cr.odd);
        __m512i r = merged(even.r, odd.r), g = merged(even.g, odd.g), b = merged(even.b, odd.b);
        int left = (width - x) * 3;
        for (int i = 0; i < 3 && left > 64 * i; i++) {
            __m512i v = _mm512_permutex2var_epi8(r, _mm512_load_si512(w->red_green[i]), g);
            v = _mm512_permutex2var_epi8(v, _mm512_load_si512(w->blue[i]), b);
            if (left - 64 * i >= 64)
                _mm512_storeu_si512(to + 64 * i, v);
            else
                _mm512_mask_storeu_epi8(to + 64 * i, (1ull << (left - 64 * i)) - 1, v);
        }
    }
}

FT_TARGET_AVX512 void ft_jpeg_colour_avx512(uint8_t *to, const ft_jpeg_row *row, int width, int h,
                                            bool two_rows) {
    if (h == 1)
        row_of(to, row, width, 1, false);
    else if (two_rows)
        row_of(to, row, width, 2, true);
    else
        row_of(to, row, width, 2, false);
}

#endif
