/* pack_avx512.c -- a row of pixels to a row of a tensor, 64 values at a time: VBMI's byte
 * permutations take channels apart and turn pixels round in the same instruction. */
#include "media/pack_in.h"

#ifdef FT_MEDIA_X86
#include <immintrin.h>
#include <pthread.h>

#define STEP           64 /* pixels of one plane */
#define STEP_HWC       21 /* whole pixels of three channels in 64 bytes */
#define STEP_HWC_FLOAT 16 /* the same in whole registers of floats */

/* Where byte i of the result stands in the pixels read. Three channels come in three registers:
 * bytes 0..127 are found in the first two; what is past them is taken from the third by the second
 * permutation. `turned` is for one register: 64 pixels of one channel, 16 or 21 of three. */
typedef struct tables {
    int8_t first[2][3][64], second[2][3][64]; /* [flip][channel] */
    int8_t turned[3][64];
} tables;

static void turn(int8_t index[64], int channels, int pixels) {
    for (int i = 0; i < pixels * channels; i++)
        index[i] = (int8_t)((pixels - 1 - i / channels) * channels + i % channels);
}

static _Alignas(64) tables made;

static void tables_make(void) {
    for (int f = 0; f < 2; f++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < STEP; i++) {
                int byte = (f ? STEP - 1 - i : i) * 3 + c;
                made.first[f][c][i] = (int8_t)(byte < 128 ? byte : 0);
                made.second[f][c][i] = (int8_t)(byte < 128 ? i : 64 + byte - 128);
            }
    turn(made.turned[0], 1, STEP);
    turn(made.turned[1], 3, STEP_HWC);
    turn(made.turned[2], 3, STEP_HWC_FLOAT);
}

static const tables *tables_made(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, tables_make);
    return &made;
}

FT_TARGET_AVX512 static inline __mmask64 bytes_mask(int count) {
    return count >= 64 ? ~0ull : count > 0 ? (1ull << count) - 1 : 0;
}

/* 64 bytes of which those before `low` and from `high` on are not there. */
FT_TARGET_AVX512 static inline __m512i some(const uint8_t *at, int low, int high) {
    return _mm512_maskz_loadu_epi8(bytes_mask(high) & ~bytes_mask(low), at);
}

/* ---- values out; `kind` is a constant at every call. Masked stores cost Zen 4 ten times a whole
 * one, even when the mask is full: only the end of a row is masked. */

FT_TARGET_AVX512 static inline __attribute__((always_inline)) void put16(uint8_t *to, ft_dtype kind,
                                                                         bool stream, __m128i bytes,
                                                                         __m512 scale, __m512 shift,
                                                                         int count) {
    __m512 v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)), scale, shift);
    __mmask16 mask = (__mmask16)(count >= 16 ? 0xffff : (1 << count) - 1);
    if (kind == FT_F32) {
        if (stream)
            _mm512_stream_ps((float *)(void *)to, v);
        else if (count >= 16)
            _mm512_storeu_ps(to, v);
        else
            _mm512_mask_storeu_ps(to, mask, v);
        return;
    }
    __m512i bits = _mm512_castps_si512(v);
    __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    bits = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    __m256i half = _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
    if (stream)
        _mm256_stream_si256((__m256i *)(void *)to, half);
    else if (count >= 16)
        _mm256_storeu_si256((__m256i *)(void *)to, half);
    else
        _mm256_mask_storeu_epi16(to, mask, half);
}

/* The first `count` of 64 values. */
FT_TARGET_AVX512 static inline __attribute__((always_inline)) void
put(uint8_t *to, ft_dtype kind, bool stream, __m512i bytes, const __m512 *scale,
    const __m512 *shift, int count) {
    if (kind == FT_U8) {
        if (count >= 64)
            _mm512_storeu_si512(to, bytes);
        else
            _mm512_mask_storeu_epi8(to, bytes_mask(count), bytes);
        return;
    }
    size_t item = kind == FT_F32 ? 4 : 2;
    put16(to, kind, stream, _mm512_castsi512_si128(bytes), scale[0], shift[0], count);
    if (count > 16)
        put16(to + 16 * item, kind, stream, _mm512_extracti32x4_epi32(bytes, 1), scale[1], shift[1],
              count - 16);
    if (count > 32)
        put16(to + 32 * item, kind, stream, _mm512_extracti32x4_epi32(bytes, 2), scale[2], shift[2],
              count - 32);
    if (count > 48)
        put16(to + 48 * item, kind, stream, _mm512_extracti32x4_epi32(bytes, 3), scale[3], shift[3],
              count - 48);
}

/* ---- three channels to three planes */

FT_TARGET_AVX512 static inline __attribute__((always_inline)) void
planes(uint8_t *to, const uint8_t *from, const ft_pack_row *p, ft_dtype kind, bool stream) {
    const tables *t = tables_made();
    size_t item = kind == FT_F32 ? 4 : kind == FT_BF16 ? 2 : 1;
    for (int x = 0; x < p->width; x += STEP) {
        int count = p->width - x < STEP ? p->width - x : STEP;
        /* Flipped, the last step's pixels stand at the end of the 64 that it reads. */
        int at = p->flip ? p->width - x - STEP : x;
        int low = p->flip ? (STEP - count) * 3 : 0, high = p->flip ? STEP * 3 : count * 3;
        const uint8_t *pixels = from + (ptrdiff_t)at * 3;
        __m512i a = some(pixels, low, high), b = some(pixels + 64, low - 64, high - 64),
                c = some(pixels + 128, low - 128, high - 128);
        for (int k = 0; k < 3; k++) {
            __m512 scale = _mm512_set1_ps(p->scale[k]), shift = _mm512_set1_ps(p->shift[k]);
            __m512i v = _mm512_permutex2var_epi8(a, _mm512_load_si512(t->first[p->flip][k]), b);
            v = _mm512_permutex2var_epi8(v, _mm512_load_si512(t->second[p->flip][k]), c);
            put(to + (size_t)k * p->plane_bytes + (size_t)x * item, kind, stream, v,
                (const __m512[4]){ scale, scale, scale, scale },
                (const __m512[4]){ shift, shift, shift, shift }, count);
        }
    }
}

/* ---- channels last: 48 bytes (16 pixels) of three channels, 64 of one */

FT_TARGET_AVX512 static inline __attribute__((always_inline)) void
interleaved(uint8_t *to, const uint8_t *from, const ft_pack_row *p, ft_dtype kind, bool stream) {
    int channels = p->channels;
    int step = channels == 1 ? STEP : kind == FT_U8 ? STEP_HWC : STEP_HWC_FLOAT;
    size_t item = kind == FT_F32 ? 4 : kind == FT_BF16 ? 2 : 1;
    __m512i index = _mm512_load_si512(tables_made()->turned[channels == 1   ? 0
                                                            : kind == FT_U8 ? 1
                                                                            : 2]);
    __m512 scale[4], shift[4];
    for (int q = 0; q < 4; q++) {
        scale[q] = _mm512_loadu_ps(p->scales + 16 * (q % 3));
        shift[q] = _mm512_loadu_ps(p->shifts + 16 * (q % 3));
    }
    for (int x = 0; x < p->width; x += step) {
        int count = p->width - x < step ? p->width - x : step;
        int at = p->flip ? p->width - x - step : x;
        int low = p->flip ? (step - count) * channels : 0, high = p->flip ? step : count;
        __m512i v = some(from + (ptrdiff_t)at * channels, low, high * channels);
        if (p->flip) v = _mm512_permutexvar_epi8(index, v);
        /* Bytes past the last whole pixel are written too; the next step puts others there. */
        int values = kind == FT_U8 ? (p->width - x) * channels : count * channels;
        put(to + (size_t)x * (size_t)channels * item, kind, stream, v, scale, shift, values);
    }
}

#define ROW(kind, stream)                           \
    do {                                            \
        if (p->last)                                \
            interleaved(to, from, p, kind, stream); \
        else                                        \
            planes(to, from, p, kind, stream);      \
    } while (0)

FT_TARGET_AVX512 void ft_pack_row_avx512(uint8_t *to, const uint8_t *from, const ft_pack_row *p) {
    switch (p->dtype) {
    case FT_F32:
        if (p->stream)
            ROW(FT_F32, true);
        else
            ROW(FT_F32, false);
        break;
    case FT_BF16:
        if (p->stream)
            ROW(FT_BF16, true);
        else
            ROW(FT_BF16, false);
        break;
    default:
        if (p->last && !p->flip)
            __builtin_memcpy(to, from, (size_t)p->width * (size_t)p->channels);
        else
            ROW(FT_U8, false);
    }
}

#endif
