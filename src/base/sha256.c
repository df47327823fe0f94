/* sha256.c -- SHA-256 blocks: plain C, and by the processor's SHA instructions where it has them.
 */
#include "base/digest_in.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t constant[64] = { /* of the cube roots of the first 64 primes */
                                       0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
                                       0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
                                       0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
                                       0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
                                       0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
                                       0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
                                       0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
                                       0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
                                       0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
                                       0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
                                       0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
                                       0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
                                       0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static uint32_t right(uint32_t v, int by) { return v >> by | v << (32 - by); }

static void plain_block(uint32_t *state, const unsigned char *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++, p += 4)
        w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (right(a, 7) ^ right(a, 18) ^ a >> 3) + w[i - 7] +
               (right(b, 17) ^ right(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) v[i] = state[i];
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[0], b = v[1], c = v[2], e = v[4], f = v[5], g = v[6];
        uint32_t one = v[7] + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) +
                       constant[i] + w[i];
        uint32_t two = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        v[7] = g;
        v[6] = f;
        v[5] = e;
        v[4] = v[3] + one;
        v[3] = c;
        v[2] = b;
        v[1] = a;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

void ft_sha256_blocks_plain(uint32_t *state, const unsigned char *at, size_t count) {
    for (; count; count--, at += FT_DIGEST_BLOCK) plain_block(state, at);
}

#if defined(__x86_64__)
/* The instructions keep the state as (a b e f) and (c d g h), highest word first, and do two rounds
 * each. Source: Intel SHA extensions, 2013. */
__attribute__((target("sha,sse4.1"))) static void
sha_blocks(uint32_t *state, const unsigned char *at, size_t count) {
    const __m128i bytes = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i dcba = _mm_loadu_si128((const __m128i *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; count; count--, at += FT_DIGEST_BLOCK) {
        __m128i abef_before = abef, cdgh_before = cdgh, w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at + i), bytes);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) { /* four rounds each */
            __m128i k = _mm_loadu_si128((const __m128i *)(constant + 4 * i));
            __m128i sum = _mm_add_epi32(w[i & 3], k);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            if (i >= 12) continue;
            __m128i back7 = _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4);
            __m128i part = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
            w[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(part, back7), w[(i + 3) & 3]);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* __builtin_cpu_supports does not know "sha" in the compilers we support. */
static bool has_sha(void) {
    static int known; /* 0: not asked yet, 1: no, 2: yes; a race would write the same */
    unsigned a, b, c, d;
    int now = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (now == 0) {
        bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
        now = sha && __builtin_cpu_supports("sse4.1") ? 2 : 1;
        __atomic_store_n(&known, now, __ATOMIC_RELAXED);
    }
    return now == 2;
}
#endif

static void blocks(uint32_t *state, const unsigned char *at, size_t count) {
#if defined(__x86_64__)
    if (has_sha()) {
        sha_blocks(state, at, count);
        return;
    }
#endif
    ft_sha256_blocks_plain(state, at, count);
}

const ft_digest_kind ft_digest_sha256 = {
    .bytes = 32,
    .big_endian = true,
    .start = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
               0x5be0cd19 },
    .blocks = blocks,
};
