/* bleep.c -- see bleep.h. */
#include "speech/bleep.h"

#include <math.h>

#define LEVEL  7000.0 /* about as loud as a voice */
#define RAMP_S 0.005  /* in and out, so that it does not click */

void ft_bleeps_add(ft_bleeps *b, double start_s, double end_s) {
    if (b->count == FT_BLEEPS_MAX || !(end_s > start_s)) return;
    b->list[b->count].start_s = start_s;
    b->list[b->count++].end_s = end_s;
}

bool ft_bleeps_any(const ft_bleeps *b, uint64_t from, size_t count, int rate_hz) {
    double start_s = (double)from / rate_hz, end_s = (double)(from + count) / rate_hz;
    for (size_t i = 0; i < b->count; i++)
        if (b->list[i].start_s < end_s && b->list[i].end_s > start_s) return true;
    return false;
}

static void put_one(int16_t *samples, uint64_t from, size_t count, int rate_hz, double start_s,
                    double end_s) {
    for (size_t i = 0; i < count; i++) {
        double t = (double)(from + i) / rate_hz - start_s, left = end_s - start_s - t;
        if (t < 0 || left <= 0) continue;
        double ramp = fmin(1, fmin(t, left) / RAMP_S);
        samples[i] = (int16_t)lrint(LEVEL * ramp * sin(2 * M_PI * FT_BLEEP_HZ * t));
    }
}

void ft_bleeps_put(ft_bleeps *b, int16_t *samples, uint64_t from, size_t count, int rate_hz) {
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        put_one(samples, from, count, rate_hz, b->list[i].start_s, b->list[i].end_s);
        if (b->list[i].end_s * rate_hz > (double)(from + count)) b->list[kept++] = b->list[i];
    }
    b->count = kept;
}
