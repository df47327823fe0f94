/* resize_avx2.c -- both passes with multiplications of 16 bits: a weight is high * 2048 + low, so a
 * sum is two sums of products, shifted and added: the same integer as in plain C. */
#include "media/resize_in.h"

#ifdef FT_MEDIA_X86
#include <immintrin.h>
#include <string.h>

#define LOW_BITS 11

FT_TARGET_AVX2 static inline __m256i halves_sum(__m256i high, __m256i low) {
    __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, LOW_BITS), low);
    sum = _mm256_add_epi32(sum, _mm256_set1_epi32(FT_WEIGHT_ROUND));
    return _mm256_srai_epi32(sum, FT_WEIGHT_BITS);
}

/* Two neighbouring weights in every lane of 32 bits. */
FT_TARGET_AVX2 static inline __m256i two(const int16_t *weights) {
    int32_t pair;
    memcpy(&pair, weights, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* ---- rows */

/* Where the caller may not read 16 bytes at the last taps, and for the rest of a row. */
static inline uint8_t one_sum(const uint8_t *at, int channels, const int32_t *k, int count) {
    int32_t sum = FT_WEIGHT_ROUND;
    for (int t = 0; t < count; t++) sum += at[t * channels] * k[t];
    sum >>= FT_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Taps two by two in 16 bits: red, green, blue of taps 0 and 1 in the lower half, of 2 and 3 in the
 * upper. */
FT_TARGET_AVX2 static inline __m128i colour_sum(const uint8_t *at, const ft_axis *a, size_t w,
                                                int count) {
    const __m256i spread =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                         -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    __m256i high = _mm256_setzero_si256(), low = high;
    for (int t = 0; t < count; t += 4, at += 12) {
        __m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at));
        size_t i = w + (size_t)t;
        v = _mm256_shuffle_epi8(v, spread);
        high = _mm256_add_epi32(
            high,
            _mm256_madd_epi16(v, _mm256_blend_epi32(two(a->high + i), two(a->high + i + 2), 0xf0)));
        low = _mm256_add_epi32(
            low,
            _mm256_madd_epi16(v, _mm256_blend_epi32(two(a->low + i), two(a->low + i + 2), 0xf0)));
    }
    high = _mm256_add_epi32(high, _mm256_permute2x128_si256(high, high, 1));
    low = _mm256_add_epi32(low, _mm256_permute2x128_si256(low, low, 1));
    __m128i sum = _mm256_castsi256_si128(halves_sum(high, low));
    sum = _mm_packs_epi32(sum, sum);
    return _mm_packus_epi16(sum, sum);
}

FT_TARGET_AVX2 static inline int32_t lanes_sum(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* Sixteen taps of one channel at a time. */
FT_TARGET_AVX2 static inline uint8_t grey_sum(const uint8_t *at, const ft_axis *a, size_t w,
                                              int count) {
    __m256i high = _mm256_setzero_si256(), low = high;
    for (int t = 0; t < count; t += 16) {
        __m256i v = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(at + t)));
        const void *h = a->high + w + (size_t)t, *l = a->low + w + (size_t)t;
        high = _mm256_add_epi32(high, _mm256_madd_epi16(v, _mm256_loadu_si256(h)));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(v, _mm256_loadu_si256(l)));
    }
    int32_t sum = (int32_t)((uint32_t)lanes_sum(high) << LOW_BITS) + lanes_sum(low);
    sum = (sum + FT_WEIGHT_ROUND) >> FT_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

FT_TARGET_AVX2 static inline void one_pixel(uint8_t *out, const uint8_t *at, size_t left,
                                            int channels, const ft_axis *a, int x) {
    size_t w = (size_t)x * (size_t)a->stride, count = (size_t)a->count[x];
    size_t reach = channels == 1 ? (count + 15) / 16 * 16 : (count + 3) / 4 * 12 + 4;
    if (reach > left) {
        for (int c = 0; c < channels; c++)
            out[c] = one_sum(at + c, channels, a->k + w, a->count[x]);
    } else if (channels == 1) {
        *out = grey_sum(at, a, w, a->count[x]);
    } else {
        int32_t rgb = _mm_cvtsi128_si32(colour_sum(at, a, w, a->count[x]));
        memcpy(out, &rgb, 3);
    }
}

FT_TARGET_AVX2 void ft_resize_rows_avx2(const ft_image *to, const ft_image *from,
                                        const ft_axis *a) {
    size_t channels = (size_t)to->channels, bytes = ft_image_row_bytes(from);
    for (int y = 0; y < to->height; y++) {
        uint8_t *out = to->data + (size_t)y * to->stride_bytes;
        const uint8_t *row = from->data + (size_t)y * from->stride_bytes;
        for (int x = 0; x < to->width; x++, out += channels) {
            size_t at = (size_t)a->first[x] * channels;
            one_pixel(out, row + at, bytes - at, to->channels, a, x);
        }
    }
}

/* ---- columns: 32 at a time, two rows interleaved */

FT_TARGET_AVX2 static inline __m256i columns_sum(const uint8_t *at, size_t stride, int count,
                                                 const int16_t *high, const int16_t *low) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i h[4] = { zero, zero, zero, zero }, l[4] = { zero, zero, zero, zero };
    for (int t = 0; t < count; t += 2) {
        const void *above = at + (size_t)t * stride;
        const void *below = at + (size_t)(t + 1 < count ? t + 1 : t) * stride; /* weight 0 there */
        __m256i a = _mm256_loadu_si256(above), b = _mm256_loadu_si256(below);
        __m256i first = _mm256_unpacklo_epi8(a, b), second = _mm256_unpackhi_epi8(a, b);
        __m256i kh = two(high + t), kl = two(low + t);
        __m256i v[4] = { _mm256_unpacklo_epi8(first, zero), _mm256_unpackhi_epi8(first, zero),
                         _mm256_unpacklo_epi8(second, zero), _mm256_unpackhi_epi8(second, zero) };
        for (int q = 0; q < 4; q++) {
            h[q] = _mm256_add_epi32(h[q], _mm256_madd_epi16(v[q], kh));
            l[q] = _mm256_add_epi32(l[q], _mm256_madd_epi16(v[q], kl));
        }
    }
    for (int q = 0; q < 4; q++) h[q] = halves_sum(h[q], l[q]);
    return _mm256_packus_epi16(_mm256_packs_epi32(h[0], h[1]), _mm256_packs_epi32(h[2], h[3]));
}

FT_TARGET_AVX2 void ft_resize_columns_avx2(const ft_image *to, const ft_image *from,
                                           const ft_axis *a, int base) {
    size_t bytes = ft_image_row_bytes(to);
    for (int y = 0; y < to->height; y++) {
        uint8_t *out = to->data + (size_t)y * to->stride_bytes;
        const uint8_t *at = from->data + (size_t)(a->first[y] - base) * from->stride_bytes;
        size_t w = (size_t)y * (size_t)a->stride, i = 0;
        for (; i + 32 <= bytes; i += 32) {
            __m256i v =
                columns_sum(at + i, from->stride_bytes, a->count[y], a->high + w, a->low + w);
            _mm256_storeu_si256((__m256i *)(void *)(out + i), v);
        }
        for (; i < bytes; i++) {
            int32_t sum = FT_WEIGHT_ROUND;
            for (int t = 0; t < a->count[y]; t++)
                sum += at[(size_t)t * from->stride_bytes + i] * a->k[w + (size_t)t];
            sum >>= FT_WEIGHT_BITS;
            out[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
    }
}

#endif
