/* resize_avx512.c -- both passes with VNNI: a dot product of four bytes and four digits of weights
 * in each 32-bit lane. A weight of 22 bits is three digits of 8, so a sum is three dot products,
 * shifted and added: the same integer as in plain C.
 *
 * Rows: five pixels of three channels (or sixteen of one) fill a register. VBMI's byte permutation
 * brings each lane its four taps from anywhere in 64 or 128 bytes, so that nothing is shuffled per
 * pixel; where they are is worked out once a resize. Columns: four rows are interleaved. */
#include "media/resize_in.h"

#ifdef FT_MEDIA_X86
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16

/* ---- where the taps of a group are */

static int group_pixels(int channels) { return LANES / channels; }

/* One block of four taps from tap `tap` on, of the pixels from `pixel` on. False: too far apart. */
static bool gather(ft_gather *g, const ft_axis *a, int channels, int pixel, int pixels, int tap) {
    int at = (a->first[pixel] + tap) * channels, row = a->in * channels;
    memset(g, 0, sizeof *g);
    for (int p = 0; p < pixels; p++) {
        const size_t k = (size_t)(pixel + p) * (size_t)a->stride + (size_t)tap;
        for (int c = 0; c < channels; c++)
            for (int t = 0; t < 4 && tap + t < a->count[pixel + p]; t++) {
                int lane = (p * channels + c) * 4 + t;
                int byte = (a->first[pixel + p] + tap + t) * channels + c - at;
                if (byte > 127) return false;
                g->index[lane] = (int8_t)byte;
                for (int d = 0; d < 3; d++) g->digit[d][lane] = a->digit[d][k + (size_t)t];
            }
    }
    g->at = (uint32_t)at;
    int left = row - at;
    g->low = left >= 64 ? ~0ull : left > 0 ? (1ull << left) - 1 : 0;
    g->high = left >= 128 ? ~0ull : left > 64 ? (1ull << (left - 64)) - 1 : 0;
    return true;
}

ft_err ft_gathers_set(ft_gathers *g, const ft_axis *a, int channels) {
    int each = group_pixels(channels), groups = (a->out + each - 1) / each;
    size_t blocks = (size_t)a->stride / 4, count = 0;
    size_t items = (size_t)groups * blocks * sizeof(ft_gather);
    g->fits = false;
    g->groups = groups;
    FT_TRY(ft_ground_take(&g->memory, items + (size_t)groups * sizeof(int) + 64));
    uint8_t *at = g->memory.at + (64 - (uintptr_t)g->memory.at % 64) % 64;
    g->items = (ft_gather *)(void *)at;
    g->end = (int *)(void *)(at + items);
    g->channels = channels;
    for (int i = 0; i < groups; i++) {
        int pixel = i * each, pixels = a->out - pixel < each ? a->out - pixel : each, taps = 0;
        for (int p = 0; p < pixels; p++)
            if (a->count[pixel + p] > taps) taps = a->count[pixel + p];
        for (int tap = 0; tap < taps; tap += 4)
            if (!gather(&g->items[count++], a, channels, pixel, pixels, tap)) return FT_OK;
        g->end[i] = (int)count;
    }
    g->fits = true;
    return FT_OK;
}

void ft_gathers_fini(ft_gathers *g) { free(g->memory.at); }

/* ---- passes */

FT_TARGET_AVX512 static inline __m512i digits_sum(__m512i s0, __m512i s1, __m512i s2) {
    __m512i sum = _mm512_add_epi32(s0, _mm512_slli_epi32(s1, 8));
    sum = _mm512_add_epi32(sum, _mm512_slli_epi32(s2, 16));
    return _mm512_srai_epi32(sum, FT_WEIGHT_BITS);
}

/* One group of one row: up to 16 bytes. */
FT_TARGET_AVX512 static inline __m128i group_sum(const uint8_t *row, const ft_gather *g,
                                                 const ft_gather *end) {
    __m512i s0 = _mm512_set1_epi32(FT_WEIGHT_ROUND), s1 = _mm512_setzero_si512(), s2 = s1;
    for (; g < end; g++) {
        const uint8_t *at = row + g->at;
        __m512i index = _mm512_load_si512(g->index), v = _mm512_maskz_loadu_epi8(g->low, at);
        if (g->high)
            v = _mm512_permutex2var_epi8(v, index, _mm512_maskz_loadu_epi8(g->high, at + 64));
        else
            v = _mm512_permutexvar_epi8(index, v);
        s0 = _mm512_dpbusd_epi32(s0, v, _mm512_load_si512(g->digit[0]));
        s1 = _mm512_dpbusd_epi32(s1, v, _mm512_load_si512(g->digit[1]));
        s2 = _mm512_dpbusd_epi32(s2, v, _mm512_load_si512(g->digit[2]));
    }
    __m512i sum = _mm512_max_epi32(digits_sum(s0, s1, s2), _mm512_setzero_si512());
    return _mm512_cvtusepi32_epi8(sum);
}

FT_TARGET_AVX512 void ft_resize_rows_avx512(const ft_image *to, const ft_image *from,
                                            const ft_gathers *g) {
    int bytes = group_pixels(g->channels) * g->channels, last = g->groups - 1;
    int rest = to->width * g->channels - last * bytes;
    __mmask16 ending = (__mmask16)((1u << rest) - 1);
    for (int y = 0; y < to->height; y++) {
        uint8_t *out = to->data + (size_t)y * to->stride_bytes;
        const uint8_t *row = from->data + (size_t)y * from->stride_bytes;
        for (int i = 0, item = 0; i < g->groups; item = g->end[i++], out += bytes) {
            __m128i v = group_sum(row, g->items + item, g->items + g->end[i]);
            /* Masked stores are slow on Zen 4. A whole one writes a byte of the next group, which
             * that one then puts right; the last has none. */
            if (i < last)
                _mm_storeu_si128((__m128i *)(void *)out, v);
            else
                _mm_mask_storeu_epi8(out, ending, v);
        }
    }
}

/* Sums of 64 columns over the rows of one output. */
FT_TARGET_AVX512 static inline __m512i columns_sum(const uint8_t *at, size_t stride, int count,
                                                   const int8_t *const digit[3], __mmask64 mask) {
    __m512i s[4][3];
    for (int q = 0; q < 4; q++) {
        s[q][0] = _mm512_set1_epi32(FT_WEIGHT_ROUND);
        s[q][1] = s[q][2] = _mm512_setzero_si512();
    }
    for (int t = 0; t < count; t += 4) {
        __m512i row[4];
        int32_t four[3];
        for (int d = 0; d < 3; d++) memcpy(&four[d], digit[d] + t, sizeof four[d]);
        for (int i = 0; i < 4; i++) /* weights past the last tap are 0: any row will do */
            row[i] =
                _mm512_maskz_loadu_epi8(mask, at + (size_t)(t + i < count ? t + i : t) * stride);
        __m512i a = _mm512_unpacklo_epi8(row[0], row[1]), b = _mm512_unpackhi_epi8(row[0], row[1]);
        __m512i c = _mm512_unpacklo_epi8(row[2], row[3]), d = _mm512_unpackhi_epi8(row[2], row[3]);
        __m512i v[4] = { _mm512_unpacklo_epi16(a, c), _mm512_unpackhi_epi16(a, c),
                         _mm512_unpacklo_epi16(b, d), _mm512_unpackhi_epi16(b, d) };
        for (int q = 0; q < 4; q++)
            for (int k = 0; k < 3; k++)
                s[q][k] = _mm512_dpbusd_epi32(s[q][k], v[q], _mm512_set1_epi32(four[k]));
    }
    __m512i r[4];
    for (int q = 0; q < 4; q++) r[q] = digits_sum(s[q][0], s[q][1], s[q][2]);
    return _mm512_packus_epi16(_mm512_packs_epi32(r[0], r[1]), _mm512_packs_epi32(r[2], r[3]));
}

FT_TARGET_AVX512 void ft_resize_columns_avx512(const ft_image *to, const ft_image *from,
                                               const ft_axis *a, int base) {
    size_t bytes = ft_image_row_bytes(to);
    for (int y = 0; y < to->height; y++) {
        uint8_t *out = to->data + (size_t)y * to->stride_bytes;
        const uint8_t *at = from->data + (size_t)(a->first[y] - base) * from->stride_bytes;
        size_t w = (size_t)y * (size_t)a->stride;
        const int8_t *digit[3] = { a->digit[0] + w, a->digit[1] + w, a->digit[2] + w };
        for (size_t i = 0; i < bytes; i += 64) {
            __mmask64 mask = bytes - i >= 64 ? ~0ull : (1ull << (bytes - i)) - 1;
            __m512i v = columns_sum(at + i, from->stride_bytes, a->count[y], digit, mask);
            if (bytes - i >= 64)
                _mm512_storeu_si512(out + i, v);
            else
                _mm512_mask_storeu_epi8(out + i, mask, v);
        }
    }
}

#endif
