/* g711.c -- see g711.h.
 *
 * A code is sign, segment and step: of the biased magnitude the place of its highest bit and the
 * four bits below, which is how a float keeps a number. So a float's bits are read; the loops have
 * no branches and the compiler makes vectors of them. */
#include "media/g711.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static int16_t ulaw_samples[256], alaw_samples[256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* Exponent and four bits of a magnitude's mantissa; 0x10 for each doubling from `low` on. */
static inline __attribute__((always_inline)) int log_bits(int magnitude, int low) {
    float value = (float)magnitude;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (int)(bits >> 19) - ((127 + low) << 4);
}

/* Rounded to `bits` bits, halves up; what would leave the range stays at its end. */
static inline __attribute__((always_inline)) int rounded(int sample, int bits) {
    int shift = 16 - bits, most = (1 << (bits - 1)) - 1;
    int v = (sample + (1 << (shift - 1))) >> shift;
    return v > most ? most : v;
}

/* Of 14 bits. The bias of 33 makes every segment begin at a power of two. */
static inline __attribute__((always_inline)) uint8_t ulaw_code(int16_t sample) {
    enum { BIAS = 33, CLIP = 8158 };
    int v = rounded(sample, 14), magnitude = v < 0 ? -v : v;
    magnitude = magnitude > CLIP ? CLIP : magnitude;
    return (uint8_t) ~((v < 0 ? 0x80 : 0) | log_bits(magnitude + BIAS, 5));
}

/* Of 13 bits. Negative ones are coded by their complement; even bits are inverted. */
static inline __attribute__((always_inline)) uint8_t alaw_code(int16_t sample) {
    int v = rounded(sample, 13), magnitude = v < 0 ? ~v : v;
    int curve = magnitude < 32 ? magnitude >> 1 : log_bits(magnitude, 4);
    return (uint8_t)(((v < 0 ? 0 : 0x80) | curve) ^ 0x55);
}

static int16_t ulaw_sample(uint8_t code) {
    uint8_t bits = (uint8_t)~code;
    int segment = bits >> 4 & 7;
    int magnitude = (((bits & 15) << 3) + 0x84) << segment;
    return (int16_t)(bits & 0x80 ? 0x84 - magnitude : magnitude - 0x84);
}

static int16_t alaw_sample(uint8_t code) {
    uint8_t bits = code ^ 0x55;
    int segment = bits >> 4 & 7;
    int magnitude = ((bits & 15) << 4) + 8;
    if (segment) magnitude = (magnitude + 0x100) << (segment - 1);
    return (int16_t)(bits & 0x80 ? magnitude : -magnitude);
}

static void make(void) {
    for (int c = 0; c < 256; c++) {
        ulaw_samples[c] = ulaw_sample((uint8_t)c);
        alaw_samples[c] = alaw_sample((uint8_t)c);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void ulaw_avx2(uint8_t *out, const int16_t *in,
                                                      size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = ulaw_code(in[i]);
}
__attribute__((target("avx2"))) static void alaw_avx2(uint8_t *out, const int16_t *in,
                                                      size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = alaw_code(in[i]);
}
static bool has_avx2(void) { return __builtin_cpu_supports("avx2"); }
#else
static void ulaw_avx2(uint8_t *out, const int16_t *in, size_t count) {
    ft_ulaw_encode(out, in, count);
}
static void alaw_avx2(uint8_t *out, const int16_t *in, size_t count) {
    ft_alaw_encode(out, in, count);
}
static bool has_avx2(void) { return false; }
#endif

static void decode(int16_t *out, const int16_t *samples, const uint8_t *codes, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = samples[codes[i]];
}

void ft_ulaw_encode(uint8_t *out, const int16_t *samples, size_t count) {
    if (has_avx2()) {
        ulaw_avx2(out, samples, count);
        return;
    }
    for (size_t i = 0; i < count; i++) out[i] = ulaw_code(samples[i]);
}

void ft_ulaw_decode(int16_t *out, const uint8_t *codes, size_t count) {
    pthread_once(&made, make);
    decode(out, ulaw_samples, codes, count);
}

void ft_alaw_encode(uint8_t *out, const int16_t *samples, size_t count) {
    if (has_avx2()) {
        alaw_avx2(out, samples, count);
        return;
    }
    for (size_t i = 0; i < count; i++) out[i] = alaw_code(samples[i]);
}

void ft_alaw_decode(int16_t *out, const uint8_t *codes, size_t count) {
    pthread_once(&made, make);
    decode(out, alaw_samples, codes, count);
}
