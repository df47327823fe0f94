/* jpeg_idct_avx512.c -- the accurate inverse DCT of libjpeg (jidctint: Loeffler, Ligtenberg,
 * Moschytz 1989, 13 bits of constants, 2 bits kept between the passes) for four blocks at once: one
 * block a 128-bit lane, one row a register. Intermediate values are 16 bits as in libjpeg-turbo's
 * SIMD, so results are the same bits. */
#include "media/jpeg_own_in.h"

#ifdef FT_MEDIA_X86
#include <immintrin.h>

#define CONST_BITS 13
#define PASS1_BITS 2
#define RANGE_MOST 8191 /* of a dequantised coefficient; a picture's are within 2048 */

enum { /* fractions in 13 bits */
       F0298 = 2446,
       F0390 = 3196,
       F0541 = 4433,
       F0765 = 6270,
       F0899 = 7373,
       F1175 = 9633,
       F1501 = 12299,
       F1847 = 15137,
       F1961 = 16069,
       F2053 = 16819,
       F2562 = 20995,
       F3072 = 25172
};

typedef struct wide { /* 32-bit values of the lower and upper four columns of each lane */
    __m512i lo, hi;
} wide;

#define T FT_TARGET_AVX512 static inline __attribute__((always_inline))

/* a * x + b * y */
T wide products(__m512i x, __m512i y, int a, int b) {
    __m512i k = _mm512_set1_epi32((int)((uint32_t)(uint16_t)a | (uint32_t)b << 16));
    return (wide){ _mm512_madd_epi16(_mm512_unpacklo_epi16(x, y), k),
                   _mm512_madd_epi16(_mm512_unpackhi_epi16(x, y), k) };
}

T wide add(wide a, wide b) {
    return (wide){ _mm512_add_epi32(a.lo, b.lo), _mm512_add_epi32(a.hi, b.hi) };
}

T wide subtract(wide a, wide b) {
    return (wide){ _mm512_sub_epi32(a.lo, b.lo), _mm512_sub_epi32(a.hi, b.hi) };
}

/* 16-bit values times 2^13 */
T wide shifted(__m512i v) {
    __m512i zero = _mm512_setzero_si512();
    return (wide){ _mm512_srai_epi32(_mm512_unpacklo_epi16(zero, v), 16 - CONST_BITS),
                   _mm512_srai_epi32(_mm512_unpackhi_epi16(zero, v), 16 - CONST_BITS) };
}

T __m512i descaled(wide v, int bits) {
    __m512i half = _mm512_set1_epi32(1 << (bits - 1));
    return _mm512_packs_epi32(_mm512_srai_epi32(_mm512_add_epi32(v.lo, half), bits),
                              _mm512_srai_epi32(_mm512_add_epi32(v.hi, half), bits));
}

/* One dimension over the eight registers. */
T void pass(__m512i r[8], int bits) {
    wide even3 = products(r[2], r[6], F0541 + F0765, F0541);
    wide even2 = products(r[2], r[6], F0541, F0541 - F1847);
    wide even0 = shifted(_mm512_add_epi16(r[0], r[4])),
         even1 = shifted(_mm512_sub_epi16(r[0], r[4]));
    wide e[4] = { add(even0, even3), add(even1, even2), subtract(even1, even2),
                  subtract(even0, even3) };
    __m512i z3 = _mm512_add_epi16(r[7], r[3]), z4 = _mm512_add_epi16(r[5], r[1]);
    wide s3 = products(z3, z4, F1175 - F1961, F1175), s4 = products(z3, z4, F1175, F1175 - F0390);
    wide o[4] = { add(products(r[7], r[1], -F0899, F1501 - F0899), s4),
                  add(products(r[5], r[3], -F2562, F3072 - F2562), s3),
                  add(products(r[5], r[3], F2053 - F2562, -F2562), s4),
                  add(products(r[7], r[1], F0298 - F0899, -F0899), s3) };
    for (int i = 0; i < 4; i++) {
        r[i] = descaled(add(e[i], o[i]), bits);
        r[7 - i] = descaled(subtract(e[i], o[i]), bits);
    }
}

/* Each lane's 8 x 8 values. */
T void transpose(__m512i r[8]) {
    __m512i a[8], b[8];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm512_unpacklo_epi16(r[2 * i], r[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_epi16(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            b[i + 2 * k] = _mm512_unpacklo_epi32(a[i + k], a[i + k + 2]);
            b[i + 2 * k + 1] = _mm512_unpackhi_epi32(a[i + k], a[i + k + 2]);
        }
    for (int i = 0; i < 4; i++) {
        r[2 * i] = _mm512_unpacklo_epi64(b[i], b[i + 4]);
        r[2 * i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 4]);
    }
}

FT_TARGET_AVX512 bool ft_jpeg_idct_avx512(uint8_t *to, size_t stride,
                                          const ft_jpeg_group *coefficients,
                                          const ft_jpeg_group *quant) {
    __m512i r[8];
    __mmask32 beyond = 0;
    for (int i = 0; i < 8; i++) {
        __m512i c = _mm512_load_si512(coefficients->at[i]), q = _mm512_load_si512(quant->at[i]);
        __m512i high = _mm512_mulhi_epi16(c, q);
        r[i] = _mm512_mullo_epi16(c, q);
        beyond |= _mm512_cmpneq_epi16_mask(high, _mm512_srai_epi16(r[i], 15));
        beyond |= _mm512_cmpgt_epi16_mask(_mm512_abs_epi16(r[i]), _mm512_set1_epi16(RANGE_MOST));
    }
    pass(r, CONST_BITS - PASS1_BITS);
    transpose(r);
    pass(r, CONST_BITS + PASS1_BITS + 3);
    transpose(r);
    for (int i = 0; i < 8; i++) {
        __m256i v = _mm256_xor_si256(_mm512_cvtsepi16_epi8(r[i]), _mm256_set1_epi8(-128));
        _mm256_storeu_si256((__m256i *)(void *)(to + (size_t)i * stride), v);
    }
    return beyond == 0;
}

#endif
