/* pitch.h -- measures of speech for tests: loudness, pitch, share of voiced frames, silences. The
 * pitch is found by normalised autocorrelation, after P. Boersma, "Accurate short-term analysis of
 * the fundamental frequency" (1993): the correlation of a window with what stands a lag away, the
 * highest peak, a fraction of a sample by a parabola. measure_test.c holds it against tones of
 * known pitch. */
#ifndef FT_TEST_PITCH_H
#define FT_TEST_PITCH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static inline double test_rms(const int16_t *samples, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)samples[i] * samples[i];
    return count ? sqrt(sum / (double)count) : 0;
}

/* Correlation of [at, at + window) with what stands `lag` later. */
static inline double test_likeness(const int16_t *x, size_t at, int window, int lag) {
    double sum = 0, a = 1e-9, b = 1e-9;
    for (int i = 0; i < window; i++) {
        double l = x[at + (size_t)i], r = x[at + (size_t)(i + lag)];
        sum += l * r;
        a += l * l;
        b += r * r;
    }
    return sum / sqrt(a * b);
}

/* Pitch of the 40 ms at `at`; 0: no voice or too quiet, -1: not enough samples. */
static inline double test_frame_pitch_hz(const int16_t *x, size_t count, size_t at, int rate_hz) {
    int window = rate_hz / 25, low = rate_hz / 420, high = rate_hz / 65;
    static double found[4096];
    double best = 0;
    if (at + (size_t)(window + high + 1) >= count) return -1;
    if (test_rms(x + at, (size_t)window) < 250) return 0;
    for (int lag = low - 1; lag <= high + 1; lag++) {
        found[lag] = test_likeness(x, at, window, lag);
        if (lag >= low && lag <= high && found[lag] > best) best = found[lag];
    }
    if (best < 0.75) return 0;
    for (int lag = low; lag <= high; lag++) {
        double l = found[lag - 1], m = found[lag], r = found[lag + 1], bend = l - 2 * m + r;
        if (m < 0.95 * best || m < l || m < r) continue;
        return rate_hz / (lag + (bend < 0 ? (l - r) / (2 * bend) : 0));
    }
    return 0;
}

static inline int test_by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct test_pitch { /* over the voiced frames, every 10 ms */
    double median_hz;
    double
        deviation_log; /* half of what two thirds of them span: slips of the tracker do not tell */
    size_t voiced, loud;
} test_pitch;

static inline test_pitch test_pitch_of(const int16_t *x, size_t count, int rate_hz) {
    test_pitch out = { 0 };
    double *found = calloc(count / (size_t)(rate_hz / 100) + 1, sizeof *found);
    for (size_t at = 0; found; at += (size_t)(rate_hz / 100)) {
        double hz = test_frame_pitch_hz(x, count, at, rate_hz);
        if (hz < 0) break;
        out.loud += test_rms(x + at, (size_t)(rate_hz / 25)) >= 250;
        if (hz > 0) found[out.voiced++] = hz;
    }
    if (out.voiced) {
        qsort(found, out.voiced, sizeof *found, test_by_size);
        out.median_hz = found[out.voiced / 2];
        out.deviation_log = log(found[out.voiced * 5 / 6] / found[out.voiced / 6]) / 2;
    }
    free(found);
    return out;
}

static inline double test_pitch_hz(const int16_t *x, size_t count, int rate_hz) {
    return test_pitch_of(x, count, rate_hz).median_hz;
}

/* Of the frames that are loud. */
static inline double test_voiced_share(const int16_t *x, size_t count, int rate_hz) {
    test_pitch p = test_pitch_of(x, count, rate_hz);
    return p.loud ? (double)p.voiced / (double)p.loud : 0;
}

/* The longest stretch of samples within `most`, and where it begins. */
static inline size_t test_longest_silence(const int16_t *x, size_t count, int most, size_t *from) {
    size_t best = 0, run = 0;
    for (size_t i = 0; i < count; i++) {
        run = abs(x[i]) <= most ? run + 1 : 0;
        if (run <= best) continue;
        best = run;
        *from = i + 1 - run;
    }
    return best;
}

#endif
