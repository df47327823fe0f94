/* psola.c -- see psola.h. */
#include "speech/psola.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define F0_LOW_HZ     65.0
#define F0_HIGH_HZ    420.0
#define F0_NEW_LOW_HZ 30
#define HOP_S         0.005 /* between two looks at the pitch; unvoiced pieces are so far apart */
#define WINDOW_S      0.02  /* of the correlation */
#define COARSE_HZ     5500  /* rate at which the pitch is looked for */
#define PERIODIC      0.6   /* correlation from which a sound has a voice */
#define QUIET         60.0  /* RMS below which nothing is periodic */
#define TRACT_MOST    2.0
#define CHUNK         1024   /* samples handed on at once */
#define WHISPER_S     0.0015 /* mean distance of a whisper's pieces */
#define SEED          0x70736f6c
#define LANES         8 /* of sums side by side */

/* ---- pitch */

typedef struct tracker {
    const float *x;        /* at the coarse rate */
    const double *squares; /* [count + 1]: sums of all before */
    size_t count;
    int window, low, high; /* lags */
} tracker;

/* Sums are made in lanes side by side, as a processor's vectors can. */
static double total(const float sums[LANES]) {
    double sum = 0;
    for (int k = 0; k < LANES; k++) sum += (double)sums[k];
    return sum;
}

static double energy(const tracker *t, size_t at) {
    return t->squares[at + (size_t)t->window] - t->squares[at];
}

static double correlation(const tracker *t, size_t at, int lag) {
    const float *x = t->x + at, *y = x + lag;
    float sums[LANES] = { 0 };
    for (int i = 0; i < t->window; i += LANES)
        for (int k = 0; k < LANES; k++) sums[k] += x[i + k] * y[i + k];
    return total(sums) / sqrt(energy(t, at) * energy(t, at + (size_t)lag) + 1e-9);
}

/* Lag of the period around `at`, with a fraction; 0: no voice. A peak nearly as high at half the
 * lag is the true one. */
static double period_at(const tracker *t, size_t centre) {
    double found[512], best = 0;
    size_t span = (size_t)(t->window + t->high);
    size_t at = centre > span / 2 ? centre - span / 2 : 0;
    if (at + span + 1 >= t->count || t->high >= 511) return 0;
    if (sqrt(energy(t, at) / t->window) < QUIET) return 0;
    for (int lag = t->low - 1; lag <= t->high + 1; lag++) {
        found[lag] = correlation(t, at, lag);
        if (lag >= t->low && lag <= t->high && found[lag] > best) best = found[lag];
    }
    if (best < PERIODIC) return 0;
    for (int lag = t->low; lag <= t->high; lag++) {
        double l = found[lag - 1], m = found[lag], r = found[lag + 1];
        if (m < 0.88 * best || m < l || m < r) continue;
        double bend = l - 2 * m + r;
        return lag + (bend < 0 ? (l - r) / (2 * bend) : 0);
    }
    return 0;
}

/* Of three neighbours the middle one: a single slip to another octave goes. */
static float middle(float a, float b, float c) {
    float low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Periods in samples every HOP_S; 0 where there is no voice. */
static ft_err track(float **out, size_t *count, ft_arena *arena, const ft_psola *w) {
    int step = w->rate_hz / COARSE_HZ > 1 ? w->rate_hz / COARSE_HZ : 1;
    double coarse = (double)w->rate_hz / step;
    float *x, *raw;
    double *squares;
    tracker t = { .count = w->count / (size_t)step,
                  .window = (int)(WINDOW_S * coarse) / LANES * LANES,
                  .low = (int)(coarse / F0_HIGH_HZ),
                  .high = (int)(coarse / F0_LOW_HZ) };
    FT_TRY(ft_arena_items(&x, arena, t.count + 1));
    FT_TRY(ft_arena_items(&squares, arena, t.count + 1));
    for (size_t i = 0; i < t.count; i++) {
        for (int k = 0; k < step; k++) x[i] += w->samples[i * (size_t)step + (size_t)k];
        x[i] /= (float)step;
        squares[i + 1] = squares[i] + (double)(x[i] * x[i]);
    }
    t.x = x;
    t.squares = squares;
    *count = (size_t)((double)w->count / w->rate_hz / HOP_S) + 1;
    FT_TRY(ft_arena_items(&raw, arena, *count));
    FT_TRY(ft_arena_items(out, arena, *count));
    for (size_t i = 0; i < *count; i++)
        raw[i] = (float)(period_at(&t, (size_t)((double)i * HOP_S * coarse)) * step);
    for (size_t i = 0; i < *count; i++) {
        bool inner = i > 0 && i + 1 < *count;
        (*out)[i] = inner ? middle(raw[i - 1], raw[i], raw[i + 1]) : raw[i];
    }
    return FT_OK;
}

/* ---- pulses */

static double likeness(const ft_psola *w, size_t a, size_t b, size_t half) {
    float sum[LANES] = { 0 }, x[LANES] = { 0 }, y[LANES] = { 0 };
    if (a < half || b < half || b + half > w->count) return -1;
    const int16_t *from = w->samples + a - half, *to = w->samples + b - half;
    for (size_t i = 0; i + LANES <= 2 * half; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            float l = from[i + k], r = to[i + k];
            sum[k] += l * r;
            x[k] += l * l;
            y[k] += r * r;
        }
    return total(sum) / sqrt(total(x) * total(y) + 1e-9);
}

/* Where the pulse after `from` stands: as far on as what stands around it looks most alike. */
static size_t next_pulse(const ft_psola *w, size_t from, double period) {
    size_t best = from + (size_t)lrint(period), half = (size_t)(period / 2);
    double most = -1;
    for (int d = (int)(period * 0.85); d <= (int)(period * 1.15) + 1; d++) {
        double like = likeness(w, from, from + (size_t)d, half);
        if (like <= most) continue;
        most = like;
        best = from + (size_t)d;
    }
    return best;
}

/* The loudest sample of the first period of a voiced stretch. */
static size_t first_pulse(const ft_psola *w, size_t from, double period) {
    size_t best = from + 1;
    for (size_t i = from + 1; i < from + (size_t)period + 1 && i < w->count; i++)
        if (abs(w->samples[i]) > abs(w->samples[best])) best = i;
    return best;
}

static float loud_at(const ft_psola *w, size_t at) {
    size_t half = (size_t)(HOP_S * w->rate_hz * 1.5);
    size_t from = at > half ? at - half : 0, to = at + half < w->count ? at + half : w->count;
    double sum = 1;
    for (size_t i = from; i < to; i++) sum += (double)w->samples[i] * w->samples[i];
    return (float)(log(sum / (double)(to - from + 1)) / 2);
}

static void add_pulse(ft_psola *w, size_t at, bool voiced) {
    w->pulses[w->pulse_count++] = (ft_pulse){ at, voiced, loud_at(w, at) };
}

static void find_pulses(ft_psola *w, const float *periods, size_t count) {
    size_t hop = (size_t)(HOP_S * w->rate_hz), at = 0;
    add_pulse(w, 0, false);
    while (at + 1 < w->count) {
        size_t look = at / hop + 1 < count ? at / hop + 1 : count - 1;
        double period = (double)periods[look];
        bool voiced = period > 0, before = w->pulses[w->pulse_count - 1].voiced;
        at = !voiced ? at + hop : before ? next_pulse(w, at, period) : first_pulse(w, at, period);
        if (at >= w->count) break;
        add_pulse(w, at, voiced);
    }
    add_pulse(w, w->count, false);
}

static void find_means(ft_psola *w) {
    double f0 = 0, loud = 0;
    size_t count = 0;
    for (size_t i = 0; i + 1 < w->pulse_count; i++) {
        if (!w->pulses[i].voiced || !w->pulses[i + 1].voiced) continue;
        f0 += log(w->rate_hz / (double)(w->pulses[i + 1].at - w->pulses[i].at));
        loud += (double)w->pulses[i].loud;
        count++;
    }
    w->f0_mean = count ? f0 / (double)count : log(150);
    w->loud_mean = count ? loud / (double)count : 0;
}

ft_err ft_psola_read(ft_psola *out, ft_arena *arena, const int16_t *samples, size_t count,
                     int rate_hz) {
    float *periods;
    size_t looks = 0;
    *out = (ft_psola){ .samples = samples, .count = count, .rate_hz = rate_hz };
    FT_TRY(track(&periods, &looks, arena, out));
    size_t shortest = (size_t)(rate_hz / F0_HIGH_HZ * 0.8);
    if (shortest < 2) shortest = 2;
    FT_TRY(ft_arena_items(&out->pulses, arena, 2 * count / shortest + 16));
    find_pulses(out, periods, looks);
    find_means(out);
    return FT_OK;
}

/* ---- laying out */

typedef struct layout {
    const ft_psola *w;
    const ft_prosody *p;
    const ft_sentence *sentence;
    float *sum; /* of the pieces laid so far, from sample `sent` on */
    size_t sum_room;
    size_t room; /* samples of the new speech */
    double now;  /* sample of the new speech */
    size_t sent, segment, pulse;
    size_t again; /* times in a row that the same unvoiced piece was taken */
    ft_random random;
} layout;

typedef struct piece {
    size_t at;
    double left, right; /* half lengths in the source */
    double tract, gain;
    bool backwards;
} piece;

static void add(layout *l, long out, float x) {
    if (out >= (long)l->sent && (size_t)out < l->room && (size_t)out - l->sent < l->sum_room)
        l->sum[(size_t)out - l->sent] += x;
}

static void lay(layout *l, const piece *g, double centre) {
    const ft_psola *w = l->w;
    long middle_at = lrint(centre);
    long from = (long)(-g->left * g->tract), to = (long)(g->right * g->tract);
    for (long i = from; i < to; i++) {
        long out = middle_at + i;
        double d = (double)i / g->tract, half = d < 0 ? g->left : g->right;
        double window = 0.5 + 0.5 * cos(M_PI * d / half);
        double at = (double)g->at + (g->backwards ? -d : d);
        if (at < 0 || at + 1 >= (double)w->count) continue;
        size_t k = (size_t)at;
        double part = at - (double)k;
        double x = w->samples[k] * (1 - part) + (part > 0 ? part * w->samples[k + 1] : 0);
        add(l, out, (float)(x * window * g->gain));
    }
}

static void lay_breath(layout *l, double loud) {
    double before = 0;
    int half = (int)(HOP_S * l->w->rate_hz);
    for (int i = -half; i < half; i++) {
        long out = lrint(l->now) + i;
        double window = 0.5 + 0.5 * cos(M_PI * i / half);
        before += 0.35 * (ft_random_normal(&l->random) - before);
        add(l, out, (float)(before * 500 * window * loud));
    }
}

static size_t nearest_pulse(layout *l, double at) {
    const ft_psola *w = l->w;
    size_t i = l->pulse;
    while (i > 0 && (double)w->pulses[i].at > at) i--;
    while (i + 1 < w->pulse_count && (double)w->pulses[i + 1].at <= at) i++;
    if (i + 2 < w->pulse_count && at - (double)w->pulses[i].at > (double)w->pulses[i + 1].at - at)
        i++;
    return l->pulse = i;
}

static double new_period(const layout *l, const ft_moment *m, double period) {
    double log_f0 = log(l->w->rate_hz / period), mean = l->p->f0_mean;
    double wanted = exp(mean + (log_f0 - mean) * m->range + m->log_shift);
    return l->w->rate_hz / (wanted < F0_NEW_LOW_HZ ? F0_NEW_LOW_HZ : wanted > 1000 ? 1000 : wanted);
}

/* Pieces at random distances, of random sign: the voice's spectrum without its pitch. */
static void whisper(layout *l, piece g, double period) {
    double step = WHISPER_S * l->w->rate_hz;
    g.gain *= sqrt(step / period) * 0.6;
    if (ft_random_u64(&l->random) >> 63) g.gain = -g.gain;
    lay(l, &g, l->now);
    l->now += step * (0.3 + 1.4 * ft_random_unit(&l->random));
}

static void soften(layout *l, piece g, double period) {
    g.gain *= ft_random_u64(&l->random) >> 63 ? 0.5 : -0.5;
    lay(l, &g, l->now + period * ft_random_unit(&l->random));
}

static void lay_voice(layout *l, const ft_moment *m, double from) {
    const ft_psola *w = l->w;
    size_t before = l->pulse, i = nearest_pulse(l, from);
    const ft_pulse *u = &w->pulses[i];
    double hop = HOP_S * w->rate_hz;
    piece g = { .at = u->at, .tract = m->manner->tract };
    g.tract = g.tract > TRACT_MOST ? TRACT_MOST : g.tract > 0 ? g.tract : 1;
    g.right = i + 1 < w->pulse_count ? (double)(u[1].at - u->at) : hop;
    g.left = i > 0 ? (double)(u->at - u[-1].at) : g.right;
    bool voiced = u->voiced && i + 1 < w->pulse_count && u[1].voiced;
    double period = g.right > 0 ? g.right : hop, next = voiced ? new_period(l, m, period) : period;
    g.gain = exp(m->level) * (voiced ? sqrt(next / period) : 1) / g.tract;
    if (m->manner->drc && u->loud > log(QUIET))
        g.gain *= exp(0.45 * (w->loud_mean - (double)u->loud));
    l->again = before == i ? l->again + 1 : 0;
    g.backwards = !voiced && l->again % 2 == 1;
    if (u->voiced && m->manner->whispered) {
        whisper(l, g, period);
        return;
    }
    if (voiced && m->manner->soft) {
        soften(l, g, next);
        g.gain *= 0.75;
    }
    lay(l, &g, l->now);
    l->now += next;
}

static ft_err send(layout *l, size_t until, const ft_listener *to) {
    int16_t samples[CHUNK];
    while (l->sent < until) {
        size_t count = until - l->sent < CHUNK ? until - l->sent : CHUNK;
        for (size_t i = 0; i < count; i++) {
            float x = l->sum[i];
            samples[i] = x > 32767 ? INT16_MAX : x < -32768 ? INT16_MIN : (int16_t)lrintf(x);
        }
        FT_TRY(to->samples(to->ctx, samples, count));
        l->sent += count;
        memmove(l->sum, l->sum + count, (l->sum_room - count) * sizeof *l->sum);
        memset(l->sum + l->sum_room - count, 0, count * sizeof *l->sum);
    }
    return FT_OK;
}

ft_err ft_psola_speak(const ft_psola *w, const ft_prosody *p, const ft_sentence *sentence,
                      const ft_listener *to, ft_arena *arena) {
    layout l = { .w = w, .p = p, .sentence = sentence };
    double most = w->rate_hz / F0_LOW_HZ * 1.2 * TRACT_MOST + 1; /* half of the longest piece */
    l.room = (size_t)(p->length_s * w->rate_hz + 0.5);
    /* A piece reaches so far ahead of `now`, which is a step and a chunk ahead of what is sent. */
    l.sum_room = (size_t)(2 * most) + 2 * CHUNK + 2 * (size_t)w->rate_hz / F0_NEW_LOW_HZ;
    FT_TRY(ft_arena_items(&l.sum, arena, l.sum_room));
    ft_random_seed(&l.random, SEED);
    while (l.now < (double)l.room) {
        ft_moment m = ft_prosody_at(p, sentence, l.now / w->rate_hz, &l.segment);
        if (m.breath > 0) lay_breath(&l, m.breath);
        if (m.from_s >= 0 && m.manner)
            lay_voice(&l, &m, m.from_s * w->rate_hz);
        else
            l.now += HOP_S * w->rate_hz;
        if (l.now > (double)l.sent + most + CHUNK) FT_TRY(send(&l, l.sent + CHUNK, to));
    }
    return send(&l, l.room, to);
}
