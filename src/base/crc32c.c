/* crc32c.c -- CRC-32C by the processor's own instruction or by table, and the table hash. */
#include "base/hash.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, bits reversed */

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void table_make(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        table[byte] = crc;
    }
}

uint32_t ft_crc32c_plain(uint32_t seed, const void *at, size_t len) {
    const unsigned char *p = at;
    uint32_t crc = ~seed;
    pthread_once(&table_once, table_make);
    for (size_t i = 0; i < len; i++) crc = table[(crc ^ p[i]) & 255] ^ crc >> 8;
    return ~crc;
}

#if defined(__x86_64__)
/* The instruction takes three cycles and starts one in each: three lanes fill them. A lane's value
 * is carried over the bytes of the next ones by a table, since appending zeros is linear. */
#define LANE_BYTES ((size_t)4096)

static uint32_t lane_shift[4][256]; /* of each byte of a crc: LANE_BYTES zeros are appended */
static pthread_once_t lane_once = PTHREAD_ONCE_INIT;

__attribute__((target("sse4.2"))) static uint32_t zeros_append(uint32_t crc, size_t bytes) {
    uint64_t wide = crc;
    for (size_t i = 0; i < bytes; i += 8) wide = _mm_crc32_u64(wide, 0);
    return (uint32_t)wide;
}

static void lane_make(void) {
    uint32_t bit[32];
    for (int i = 0; i < 32; i++) bit[i] = zeros_append(1u << i, LANE_BYTES);
    for (int byte = 0; byte < 4; byte++)
        for (uint32_t v = 0; v < 256; v++) {
            uint32_t crc = 0;
            for (int i = 0; i < 8; i++)
                if (v >> i & 1) crc ^= bit[byte * 8 + i];
            lane_shift[byte][v] = crc;
        }
}

static uint64_t shift(uint64_t crc) {
    return lane_shift[0][crc & 255] ^ lane_shift[1][crc >> 8 & 255] ^
           lane_shift[2][crc >> 16 & 255] ^ lane_shift[3][crc >> 24 & 255];
}

__attribute__((target("sse4.2"))) static uint64_t three_lanes(uint64_t a, const unsigned char *p) {
    uint64_t b = 0, c = 0;
    for (size_t i = 0; i < LANE_BYTES; i += 8) {
        uint64_t x, y, z;
        memcpy(&x, p + i, 8);
        memcpy(&y, p + i + LANE_BYTES, 8);
        memcpy(&z, p + i + 2 * LANE_BYTES, 8);
        a = _mm_crc32_u64(a, x);
        b = _mm_crc32_u64(b, y);
        c = _mm_crc32_u64(c, z);
    }
    return shift(shift(a) ^ b) ^ c;
}

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t seed, const void *at,
                                                            size_t len) {
    const unsigned char *p = at;
    uint64_t crc = (uint32_t)~seed;
    if (len >= 3 * LANE_BYTES) pthread_once(&lane_once, lane_make);
    for (; len >= 3 * LANE_BYTES; p += 3 * LANE_BYTES, len -= 3 * LANE_BYTES)
        crc = three_lanes(crc, p);
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; len; p++, len--) crc = _mm_crc32_u8((uint32_t)crc, *p);
    return ~(uint32_t)crc;
}
#endif

uint32_t ft_crc32c(uint32_t seed, const void *at, size_t len) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc_sse42(seed, at, len);
#endif
    return ft_crc32c_plain(seed, at, len);
}

uint32_t ft_crc32c_masked(const void *at, size_t len) {
    uint32_t crc = ft_crc32c(0, at, len);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Both halves of the product: every bit of both factors reaches every bit of the result. */
static uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t ft_hash64(ft_str s, uint64_t seed) {
    const uint64_t odd1 = 0x9e3779b97f4a7c15u, odd2 = 0xd1b54a32d192ed03u;
    uint64_t hash = fold(seed ^ odd1, odd2 ^ s.len), word;
    const char *p = s.at;
    size_t left = s.len;
    for (; left >= 8; p += 8, left -= 8) {
        memcpy(&word, p, 8);
        hash = fold(hash ^ word, odd1);
    }
    word = 0;
    if (left) memcpy(&word, p, left);
    return fold(hash ^ word, odd2) ^ hash >> 32;
}
