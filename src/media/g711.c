/* g711.c -- see g711.h. Coding is a look-up in a table of 65,536 codes, made once from the rule. */
#include "media/g711.h"

#include <pthread.h>
#include <stdbool.h>

static uint8_t ulaw_codes[65536], alaw_codes[65536];
static int16_t ulaw_samples[256], alaw_samples[256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* The place of the highest set bit above `low`: the segment of the curve. */
static int segment_of(int magnitude, int low) {
    int segment = 0;
    for (int v = magnitude >> low; v > 1; v >>= 1) segment++;
    return segment;
}

/* `sample` has 14 bits. The bias of 33 makes every segment begin at a power of two. */
static uint8_t ulaw_code(int sample) {
    enum { BIAS = 33, CLIP = 8158 };
    bool negative = sample < 0;
    int magnitude = negative ? -sample : sample;
    if (magnitude > CLIP) magnitude = CLIP;
    magnitude += BIAS;
    int segment = segment_of(magnitude, 5);
    int step = (magnitude >> (segment + 1)) & 15;
    return (uint8_t) ~((negative ? 0x80 : 0) | segment << 4 | step);
}

static int16_t ulaw_sample(uint8_t code) {
    uint8_t bits = (uint8_t)~code;
    int segment = bits >> 4 & 7;
    int magnitude = (((bits & 15) << 3) + 0x84) << segment;
    return (int16_t)(bits & 0x80 ? 0x84 - magnitude : magnitude - 0x84);
}

/* `sample` has 13 bits. Negative ones are coded by their complement; even bits are inverted. */
static uint8_t alaw_code(int sample) {
    bool negative = sample < 0;
    int magnitude = negative ? -sample - 1 : sample;
    int segment = magnitude < 32 ? 0 : segment_of(magnitude, 4);
    int step = segment < 2 ? magnitude >> 1 & 15 : magnitude >> segment & 15;
    return (uint8_t)(((negative ? 0 : 0x80) | segment << 4 | step) ^ 0x55);
}

static int16_t alaw_sample(uint8_t code) {
    uint8_t bits = code ^ 0x55;
    int segment = bits >> 4 & 7;
    int magnitude = ((bits & 15) << 4) + 8;
    if (segment) magnitude = (magnitude + 0x100) << (segment - 1);
    return (int16_t)(bits & 0x80 ? magnitude : -magnitude);
}

/* Rounded to `bits` bits, halves up; what would leave the range stays at its end. */
static int rounded(int sample, int bits) {
    int shift = 16 - bits, most = (1 << (bits - 1)) - 1;
    int v = (sample + (1 << (shift - 1))) >> shift;
    return v > most ? most : v;
}

static void make(void) {
    for (int v = INT16_MIN; v <= INT16_MAX; v++) {
        ulaw_codes[(uint16_t)v] = ulaw_code(rounded(v, 14));
        alaw_codes[(uint16_t)v] = alaw_code(rounded(v, 13));
    }
    for (int c = 0; c < 256; c++) {
        ulaw_samples[c] = ulaw_sample((uint8_t)c);
        alaw_samples[c] = alaw_sample((uint8_t)c);
    }
}

static void encode(uint8_t *out, const uint8_t *codes, const int16_t *samples, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = codes[(uint16_t)samples[i]];
}

static void decode(int16_t *out, const int16_t *samples, const uint8_t *codes, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = samples[codes[i]];
}

void ft_ulaw_encode(uint8_t *out, const int16_t *samples, size_t count) {
    pthread_once(&made, make);
    encode(out, ulaw_codes, samples, count);
}

void ft_ulaw_decode(int16_t *out, const uint8_t *codes, size_t count) {
    pthread_once(&made, make);
    decode(out, ulaw_samples, codes, count);
}

void ft_alaw_encode(uint8_t *out, const int16_t *samples, size_t count) {
    pthread_once(&made, make);
    encode(out, alaw_codes, samples, count);
}

void ft_alaw_decode(int16_t *out, const uint8_t *codes, size_t count) {
    pthread_once(&made, make);
    decode(out, alaw_samples, codes, count);
}
