/* telephone.c -- see telephone.h. */
#include "media/telephone.h"

#include <math.h>

#define LOW_HZ    300.0
#define HIGH_HZ   3400.0
#define TARGET    (32768 * 0.1) /* -20 dB */
#define SPEECH    (32768 * 0.005)
#define FOLLOW_S  0.4
#define GAIN_MOST 4.0

/* A second-order section of a Butterworth filter by the bilinear transform; `q` from its poles. */
static ft_biquad section(double hz, double rate_hz, double q, int high) {
    double w = 2 * M_PI * hz / rate_hz, c = cos(w), alpha = sin(w) / (2 * q), a0 = 1 + alpha;
    double b1 = high ? -(1 + c) : 1 - c;
    return (ft_biquad){ .b0 = fabs(b1) / 2 / a0,
                        .b1 = b1 / a0,
                        .b2 = fabs(b1) / 2 / a0,
                        .a1 = -2 * c / a0,
                        .a2 = (1 - alpha) / a0 };
}

void ft_telephone_init(ft_telephone *t, int rate_hz) {
    static const double q[] = { 0.54119610, 1.3065630 }; /* of order four */
    *t = (ft_telephone){ .gain = 1, .slow = 1 - exp(-1 / (FOLLOW_S * rate_hz)) };
    for (int i = 0; i < 2; i++) t->stages[t->stage_count++] = section(LOW_HZ, rate_hz, q[i], 1);
    if (HIGH_HZ * 2.05 > rate_hz) return; /* there is nothing above */
    for (int i = 0; i < 2; i++) t->stages[t->stage_count++] = section(HIGH_HZ, rate_hz, q[i], 0);
}

static double through(ft_biquad *s, double x) {
    double y = s->b0 * x + s->b1 * s->x1 + s->b2 * s->x2 - s->a1 * s->y1 - s->a2 * s->y2;
    s->x2 = s->x1;
    s->x1 = x;
    s->y2 = s->y1;
    s->y1 = y;
    return y;
}

static double levelled(ft_telephone *t, double x) {
    double loud = fabs(x);
    if (loud > SPEECH) t->power += t->slow * (x * x - t->power);
    double want = t->power > 0 ? TARGET / sqrt(t->power) : 1;
    want = want > GAIN_MOST ? GAIN_MOST : want < 1 / GAIN_MOST ? 1 / GAIN_MOST : want;
    t->gain += t->slow * (want - t->gain);
    return x * t->gain;
}

void ft_telephone_pass(ft_telephone *t, int16_t *samples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double x = samples[i];
        for (int k = 0; k < t->stage_count; k++) x = through(&t->stages[k], x);
        x = levelled(t, x);
        samples[i] = x > 32767 ? 32767 : x < -32768 ? -32768 : (int16_t)lrint(x);
    }
}
