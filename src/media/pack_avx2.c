/* pack_avx2.c -- a row of pixels to a row of a tensor, 16 pixels at a time; what is left of a row
 * goes the plain way. */
#include "media/pack_in.h"

#ifdef FT_MEDIA_X86
#include <immintrin.h>
#include <pthread.h>
#include <string.h>

#define STEP 16

/* Byte i of the result of a shuffle of 16 bytes that are part `part` of 48; `byte` is where it
 * stands in the 48. Elsewhere: nothing. */
static int8_t within(int byte, int part) { return (int8_t)(byte / 16 == part ? byte % 16 : -128); }

typedef struct shuffles {
    int8_t apart[2][3][3][16]; /* [flip][channel][part of 48 bytes] */
    int8_t together[3][3][16]; /* [part of 48 bytes][channel] */
    int8_t turned[16];
} shuffles;

static shuffles made;

static void make(void) {
    for (int i = 0; i < 16; i++)
        for (int c = 0; c < 3; c++)
            for (int part = 0; part < 3; part++) {
                made.apart[0][c][part][i] = within(3 * i + c, part);
                made.apart[1][c][part][i] = within(3 * (15 - i) + c, part);
                int byte = part * 16 + i; /* of the pixels put together */
                made.together[part][c][i] = (int8_t)(byte % 3 == c ? byte / 3 : -128);
            }
    for (int i = 0; i < 16; i++) made.turned[i] = (int8_t)(15 - i);
}

static const shuffles *tables(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make);
    return &made;
}

FT_TARGET_AVX2 static inline __m128i shuffled(__m128i v, const int8_t index[16]) {
    return _mm_shuffle_epi8(v, _mm_loadu_si128((const __m128i *)(const void *)index));
}

FT_TARGET_AVX2 static inline __m128i three(const __m128i v[3], const int8_t index[3][16]) {
    return _mm_or_si128(_mm_or_si128(shuffled(v[0], index[0]), shuffled(v[1], index[1])),
                        shuffled(v[2], index[2]));
}

/* ---- values out: 16 bytes, whose scale and shift stand in two registers */

FT_TARGET_AVX2 static inline __m256i rounded(__m256 v) {
    __m256i bits = _mm256_castps_si256(v);
    __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    bits = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    return _mm256_srli_epi32(bits, 16);
}

FT_TARGET_AVX2 static inline void put(uint8_t *to, ft_dtype kind, __m128i bytes,
                                      const __m256 scale[2], const __m256 shift[2]) {
    if (kind == FT_U8) {
        _mm_storeu_si128((__m128i *)(void *)to, bytes);
        return;
    }
    __m256 v[2] = { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
                    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))) };
    for (int i = 0; i < 2; i++) v[i] = _mm256_fmadd_ps(v[i], scale[i], shift[i]);
    if (kind == FT_F32) {
        _mm256_storeu_ps((float *)(void *)to, v[0]);
        _mm256_storeu_ps((float *)(void *)(to + 32), v[1]);
        return;
    }
    __m256i half = _mm256_packus_epi32(rounded(v[0]), rounded(v[1]));
    _mm256_storeu_si256((__m256i *)(void *)to, _mm256_permute4x64_epi64(half, 0xd8));
}

/* ---- 16 pixels */

typedef struct work {
    const ft_pack_row *p;
    const shuffles *t;
    size_t item;
    __m256 scale[3][2], shift[3][2]; /* of a plane; of a third of 48 values, channels last */
} work;

FT_TARGET_AVX2 static inline void colours(uint8_t *to, const uint8_t *at, int x, const work *w) {
    const ft_pack_row *p = w->p;
    __m128i v[3], plane[3];
    for (int i = 0; i < 3; i++)
        v[i] = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
    if (!p->last || p->flip) {
        for (int c = 0; c < 3; c++) plane[c] = three(v, w->t->apart[p->flip][c]);
        for (int i = 0; i < 3; i++) v[i] = p->last ? three(plane, w->t->together[i]) : plane[i];
    }
    for (int i = 0; i < 3; i++) {
        uint8_t *out = p->last ? to + ((size_t)x * 3 + (size_t)i * 16) * w->item
                               : to + (size_t)i * p->plane_bytes + (size_t)x * w->item;
        put(out, p->dtype, v[i], w->scale[i], w->shift[i]);
    }
}

FT_TARGET_AVX2 static void set_up(work *w, const ft_pack_row *p) {
    w->p = p;
    w->t = tables();
    w->item = ft_dtype_bytes(p->dtype);
    for (int i = 0; i < 3; i++)
        for (int half = 0; half < 2; half++) {
            size_t at = (size_t)(i * 16 + half * 8);
            w->scale[i][half] =
                p->last ? _mm256_loadu_ps(p->scales + at) : _mm256_set1_ps(p->scale[i]);
            w->shift[i][half] =
                p->last ? _mm256_loadu_ps(p->shifts + at) : _mm256_set1_ps(p->shift[i]);
        }
}

FT_TARGET_AVX2 void ft_pack_row_avx2(uint8_t *to, const uint8_t *from, const ft_pack_row *p) {
    work w;
    int x = 0;
    set_up(&w, p);
    for (; x + STEP <= p->width; x += STEP) {
        const uint8_t *at =
            from + (size_t)(p->flip ? p->width - x - STEP : x) * (size_t)p->channels;
        if (p->channels == 3) {
            colours(to, at, x, &w);
        } else {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
            if (p->flip) v = shuffled(v, w.t->turned);
            put(to + (size_t)x * w.item, p->dtype, v, w.scale[0], w.shift[0]);
        }
    }
    ft_pack_row_plain(to, from, p, x);
}

#endif
