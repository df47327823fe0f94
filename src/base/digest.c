/* digest.c -- the frame of the digests, SHA-1 and MD5. SHA-256 is in sha256.c. */
#include "base/digest_in.h"

#include <string.h>

static uint32_t left(uint32_t v, int by) { return v << by | v >> (32 - by); }

static uint32_t word_big(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word_little(const unsigned char *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

void ft_digest_begin(ft_digest *d, const ft_digest_kind *kind) {
    d->kind = kind;
    d->length_bytes = 0;
    memcpy(d->state, kind->start, sizeof d->state);
}

void ft_digest_add(ft_digest *d, const void *at, size_t len) {
    const unsigned char *p = at;
    size_t held = d->length_bytes % FT_DIGEST_BLOCK;
    d->length_bytes += len;
    if (held && len) {
        size_t take = FT_DIGEST_BLOCK - held < len ? FT_DIGEST_BLOCK - held : len;
        memcpy(d->block + held, p, take);
        p += take;
        len -= take;
        if (held + take < FT_DIGEST_BLOCK) return;
        d->kind->blocks(d->state, d->block, 1);
    }
    if (len >= FT_DIGEST_BLOCK) d->kind->blocks(d->state, p, len / FT_DIGEST_BLOCK);
    if (len % FT_DIGEST_BLOCK)
        memcpy(d->block, p + len / FT_DIGEST_BLOCK * FT_DIGEST_BLOCK, len % FT_DIGEST_BLOCK);
}

static void put_word(unsigned char *out, uint32_t v, bool big_endian) {
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(v >> (big_endian ? 24 - 8 * i : 8 * i));
}

void ft_digest_end(ft_digest *d, unsigned char *out) {
    uint64_t bits = d->length_bytes * 8;
    size_t held = d->length_bytes % FT_DIGEST_BLOCK;
    bool big = d->kind->big_endian;
    unsigned char last[2 * FT_DIGEST_BLOCK] = { 0 };
    size_t size = held < 56 ? FT_DIGEST_BLOCK : sizeof last;
    memcpy(last, d->block, held);
    last[held] = 0x80;
    put_word(last + size - 8, (uint32_t)(big ? bits >> 32 : bits), big);
    put_word(last + size - 4, (uint32_t)(big ? bits : bits >> 32), big);
    d->kind->blocks(d->state, last, size / FT_DIGEST_BLOCK);
    for (size_t i = 0; i < d->kind->bytes / 4; i++) put_word(out + 4 * i, d->state[i], big);
}

/* ---- SHA-1 */

static void sha1_block(uint32_t *state, const unsigned char *at) {
    static const uint32_t constant[] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++) w[i] = word_big(at + 4 * i);
    for (int i = 16; i < 80; i++) w[i] = left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20              ? (b & c) | (~b & d)
                     : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d)
                                         : b ^ c ^ d;
        uint32_t next = left(a, 5) + f + e + constant[i / 20] + w[i];
        e = d;
        d = c;
        c = left(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

static void sha1_blocks(uint32_t *state, const unsigned char *at, size_t count) {
    for (; count; count--, at += FT_DIGEST_BLOCK) sha1_block(state, at);
}

const ft_digest_kind ft_digest_sha1 = {
    .bytes = 20,
    .big_endian = true,
    .start = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 },
    .blocks = sha1_blocks,
};

/* ---- MD5 */

static const uint32_t md5_constant[64] = { /* floor(2^32 |sin(i + 1)|) */
                                           0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee,
                                           0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
                                           0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
                                           0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
                                           0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
                                           0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
                                           0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
                                           0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
                                           0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
                                           0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
                                           0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05,
                                           0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
                                           0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039,
                                           0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
                                           0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
                                           0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391
};

static void md5_block(uint32_t *state, const unsigned char *at) {
    static const unsigned char turn[4][4] = {
        { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 }
    };
    uint32_t w[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++) w[i] = word_little(at + 4 * i);
#pragma GCC unroll 64
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int k;
        switch (i / 16) {
        case 0:
            f = (b & c) | (~b & d), k = i;
            break;
        case 1:
            f = (d & b) | (~d & c), k = (5 * i + 1) & 15;
            break;
        case 2:
            f = b ^ c ^ d, k = (3 * i + 5) & 15;
            break;
        default:
            f = c ^ (b | ~d), k = (7 * i) & 15;
        }
        uint32_t next = b + left(a + f + md5_constant[i] + w[k], turn[i / 16][i & 3]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

static void md5_blocks(uint32_t *state, const unsigned char *at, size_t count) {
    for (; count; count--, at += FT_DIGEST_BLOCK) md5_block(state, at);
}

const ft_digest_kind ft_digest_md5 = {
    .bytes = 16,
    .start = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 },
    .blocks = md5_blocks,
};
