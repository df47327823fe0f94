/* vocoder.c -- see vocoder.h. */
#include "speech/vocoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define SECTIONS 5  /* of the Padé approximation */
#define RESPONSE 64 /* samples of the impulse response that the postfilter's energy is taken of */
#define LAGS     31 /* words that the noise's generator remembers */

/* One lane a section: four side by side and the fifth, alone, beside them. A vector of eight would
 * be split by the compiler, through memory. */
enum { LANES = 4 };
typedef double quad __attribute__((vector_size(8 * LANES)));
typedef double loose __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
#define quad_at(at) (*(const loose *)(at))
typedef struct lanes {
    quad low;
    double high;
} lanes;

/* Coefficients of exp's Padé approximation, adjusted for the log-spectral error (SPTK, order 5). */
static const lanes pade = { { 0.4999391, 0.1107098, 0.01369984, 0.0009564853 }, 0.00003041721 };
/* Odd sections are fed back with their sign, even ones against it. */
static const quad sign = { 1, -1, 1, -1 };

/* The C library's additive generator, which flite draws its noise from: what is spoken plainly is
 * what flite's own program says. x[n] = x[n - 3] + x[n - 31]; begun and thrown away as there. */
typedef struct generator {
    uint32_t x[LAGS];
    int at;
} generator;

struct ft_vocoder {
    ft_vocoder_model model;
    generator noise;
    bool begun;
    double period, phase; /* samples a pulse, since the last one */
    double period_to;
    double c[FT_VOCODER_ORDER_MAX + 2], step[FT_VOCODER_ORDER_MAX + 2]; /* filter now, a sample */
    double to[FT_VOCODER_ORDER_MAX + 2];
    double tract, alpha; /* the last tract asked for, and its constant */
    /* From a filter's coefficients to the cepstrum of its response, numbers multiplied by their
     * place (but the first). */
    double ramp[FT_VOCODER_ORDER_MAX + 1][RESPONSE];
    /* Excitation: the last `taps` pulses and noises, newest first, twice over so that any window is
     * contiguous. */
    double pulse[2 * FT_VOCODER_TAPS_MAX + LANES], random[2 * FT_VOCODER_TAPS_MAX + LANES];
    double pulse_filter[FT_VOCODER_TAPS_MAX], noise_filter[FT_VOCODER_TAPS_MAX];
    int newest;
    /* Filter: one delay of the first stage, order + 2 of the second. */
    lanes first_delay, first_out, second_out;
    quad delay[FT_VOCODER_ORDER_MAX + 2];
    double fifth[FT_VOCODER_ORDER_MAX + 2];
};

/* ---- cepstra */

/* From mel-cepstrum to the coefficients of the filter. */
static void cepstrum_to_filter(double *b, const double *c, int order, double alpha) {
    b[order] = c[order];
    for (int i = order - 1; i >= 0; i--) b[i] = c[i] - alpha * b[i + 1];
}

static void filter_to_cepstrum(double *c, const double *b, int order, double alpha) {
    c[order] = b[order];
    for (int i = 0; i < order; i++) c[i] = b[i] + alpha * b[i + 1];
}

/* How a frequency (radians) lies on the bent axis. */
static double bent(double w, double alpha) {
    return w + 2 * atan(alpha * sin(w) / (1 - alpha * cos(w)));
}

/* A cepstrum on the bent axis, unbent: Oppenheim's recursion, cut off at RESPONSE. */
static void unbend(double *out, const double *c, int order, double alpha) {
    double before[RESPONSE];
    memset(out, 0, RESPONSE * sizeof *out);
    for (int i = order; i >= 0; i--) {
        memcpy(before, out, sizeof before);
        out[0] = c[i] - alpha * before[0];
        out[1] = (1 - alpha * alpha) * before[0] - alpha * before[1];
        for (int k = 2; k < RESPONSE; k++)
            out[k] = before[k - 1] - alpha * (before[k] - out[k - 1]);
    }
}

/* All of it is linear: what each coefficient alone gives is kept. */
static void make_ramps(ft_vocoder *v) {
    int order = v->model.order;
    for (int i = 0; i <= order; i++) {
        double b[FT_VOCODER_ORDER_MAX + 1] = { 0 }, c[FT_VOCODER_ORDER_MAX + 1], plain[RESPONSE];
        b[i] = 1;
        filter_to_cepstrum(c, b, order, v->model.alpha);
        unbend(plain, c, order, v->model.alpha);
        for (int k = 0; k < RESPONSE; k++) v->ramp[i][k] = plain[k] * (k ? k : 1);
    }
}

/* Energy of the filter's minimum-phase response: h[n] = sum of k c[k] h[n - k] over n. */
static double energy(const ft_vocoder *v, const double *b) {
    double c[RESPONSE] = { 0 }, h[RESPONSE] = { 0 }, sum = 0;
    for (int i = 0; i <= v->model.order; i++)
        for (int k = 0; k < RESPONSE; k++) c[k] += b[i] * v->ramp[i][k];
    h[0] = 1; /* times exp(c[0]) */
    for (int n = 0; n < RESPONSE; n++) {
        if (n > 0) h[n] /= n;
        sum += h[n] * h[n];
        for (int k = 1; k < RESPONSE - n; k++) h[n + k] += c[k] * h[n];
    }
    return sum * exp(2 * c[0]);
}

/* Formants sharpened at equal energy. */
static void postfilter(double *b, const double *c, const ft_vocoder *v) {
    const ft_vocoder_model *m = &v->model;
    double before = energy(v, b);
    b[1] -= m->postfilter * m->alpha * c[2];
    for (int i = 2; i <= m->order; i++) b[i] *= 1 + m->postfilter;
    b[0] += log(before / energy(v, b)) / 2;
}

double ft_vocoder_alpha(double alpha, double tract) {
    if (tract == 1) return alpha;
    double best = alpha, least = INFINITY;
    for (double a = -0.2; a < 0.85; a += 0.001) { /* over the formants' part of the axis */
        double error = 0;
        for (double w = 0.1; w < 1.6; w += 0.1) {
            double d = bent(w, a) - bent(w * tract < M_PI ? w * tract : M_PI, alpha);
            error += d * d;
        }
        if (error < least) {
            least = error;
            best = a;
        }
    }
    return best;
}

/* ---- a frame */

static void take_filter(ft_vocoder *v, const ft_vocoder_frame *f) {
    const ft_vocoder_model *m = &v->model;
    double c[FT_VOCODER_ORDER_MAX + 1] = { 0 }, b[FT_VOCODER_ORDER_MAX + 1];
    double tract = f->tract > 0 ? (double)f->tract : 1;
    if (tract != v->tract) {
        v->tract = tract;
        v->alpha = ft_vocoder_alpha(m->alpha, tract);
    }
    for (int i = 0; i <= m->order; i++) c[i] = (double)f->cepstrum[i];
    cepstrum_to_filter(b, c, m->order, m->alpha);
    if (m->postfilter > 0 && m->order > 1) {
        postfilter(b, c, v);
        filter_to_cepstrum(c, b, m->order, m->alpha);
    }
    if (v->alpha != m->alpha) cepstrum_to_filter(b, c, m->order, v->alpha);
    b[0] += (double)f->level;
    for (int i = 0; i <= m->order; i++) v->to[i] = b[i];
}

static void take_excitation(ft_vocoder *v, const ft_vocoder_frame *f) {
    const ft_vocoder_model *m = &v->model;
    for (int k = 0; k < m->taps; k++) {
        double pulse = 0, noise = 0;
        for (int b = 0; b < m->bands; b++) {
            pulse += (double)f->strengths[b] * m->filters[b][k];
            noise += (1 - (double)f->strengths[b]) * m->filters[b][k];
        }
        int at = k ? k + 1 : 0; /* flite's delay line holds a sample more behind the first tap */
        v->pulse_filter[at] = pulse;
        v->noise_filter[at] = noise;
    }
}

static uint32_t draw(generator *g) {
    uint32_t back = g->x[(g->at + LAGS - 3) % LAGS];
    uint32_t now = g->x[g->at] += back;
    g->at = g->at + 1 < LAGS ? g->at + 1 : 0;
    return now;
}

static void generator_begin(generator *g, uint32_t seed) {
    enum { FACTOR = 16807, PRIME = 2147483647, THROWN = 10 * LAGS };
    g->x[0] = seed ? seed : 1;
    for (int i = 1; i < LAGS; i++) g->x[i] = (uint32_t)((uint64_t)g->x[i - 1] * FACTOR % PRIME);
    g->at = 3; /* behind its head the generator repeats three words */
    for (int i = 0; i < THROWN; i++) draw(g);
}

static double plus_or_minus_one(ft_vocoder *v) { return draw(&v->noise) >> 31 ? 1 : -1; }

static inline __attribute__((always_inline)) double sum_of(quad x) {
    return (x[0] + x[1]) + (x[2] + x[3]);
}

static inline __attribute__((always_inline)) double mixed(ft_vocoder *v, double pulse,
                                                          double noise) {
    int taps = v->model.taps + 1;
    v->newest = v->newest ? v->newest - 1 : taps - 1;
    v->pulse[v->newest] = v->pulse[v->newest + taps] = pulse;
    v->random[v->newest] = v->random[v->newest + taps] = noise;
    const double *p = v->pulse + v->newest, *r = v->random + v->newest;
    quad pulses = { 0 }, noises = { 0 };
    for (int k = 0; k < taps; k += LANES) {
        pulses += quad_at(v->pulse_filter + k) * quad_at(p + k);
        noises += quad_at(v->noise_filter + k) * quad_at(r + k);
    }
    return sum_of(pulses + noises);
}

static inline __attribute__((always_inline)) double excitation(ft_vocoder *v) {
    double pulse = 0, noise = plus_or_minus_one(v);
    if (v->period > 0) {
        v->phase += 1;
        if (v->phase >= v->period) {
            v->phase -= v->period;
            pulse = sqrt(v->period);
        }
        if (v->model.bands == 0) return pulse;
    }
    return v->model.bands ? mixed(v, pulse, noise) : noise;
}

/* ---- the filter */

/* The sections' shares: each against its sign at the input, added up at the output. */
static inline __attribute__((always_inline)) double back(const lanes *share, double x) {
    return x + sum_of(share->low * sign) + share->high;
}
static inline __attribute__((always_inline)) double forth(const lanes *share, double x) {
    return x + sum_of(share->low) + share->high;
}

/* Each section's input is what the one below gave a sample ago. */
static inline __attribute__((always_inline)) void hand_on(lanes *to, const lanes *out,
                                                          double input) {
    to->low = (quad){ input, out->low[0], out->low[1], out->low[2] };
    to->high = out->low[3];
}

/* One sample through exp of the first coefficient's all-pass … */
static inline __attribute__((always_inline)) double first_stage(ft_vocoder *v, double x,
                                                                double alpha) {
    lanes *d = &v->first_delay, *to = &v->first_out;
    double rest = 1 - alpha * alpha;
    d->low = rest * to->low + alpha * d->low;
    d->high = rest * to->high + alpha * d->high;
    lanes out = { d->low * v->c[1], d->high * v->c[1] };
    lanes share = { out.low * pade.low, out.high * pade.high };
    x = back(&share, x);
    hand_on(to, &out, x);
    return forth(&share, x);
}

/* … and of the others. */
static inline __attribute__((always_inline)) double second_stage(ft_vocoder *v, double x,
                                                                 double alpha) {
    quad *d = v->delay;
    double *e = v->fifth, rest = 1 - alpha * alpha;
    lanes *to = &v->second_out, sum = { 0 };
    quad before = rest * to->low + alpha * d[1];
    double last = rest * to->high + alpha * e[1];
    d[1] = before;
    e[1] = last;
    for (int i = 2; i <= v->model.order; i++) {
        quad now = d[i] + alpha * (d[i + 1] - before);
        double fifth = e[i] + alpha * (e[i + 1] - last);
        sum.low += now * v->c[i];
        sum.high += fifth * v->c[i];
        d[i] = before;
        e[i] = last;
        before = now;
        last = fifth;
    }
    d[v->model.order + 1] = before;
    e[v->model.order + 1] = last;
    lanes share = { sum.low * pade.low, sum.high * pade.high };
    x = back(&share, x);
    hand_on(to, &sum, x);
    return forth(&share, x);
}

/* Towards zero, as flite has it. */
static inline int16_t held(double x) {
    return x >= 32767 ? INT16_MAX : x <= -32768 ? INT16_MIN : (int16_t)x;
}

static inline __attribute__((always_inline)) void speak_frame(ft_vocoder *v, int16_t *out) {
    int count = v->model.frame_samples;
    bool voiced = v->period > 0 && v->period_to > 0;
    double period_step = voiced ? (v->period_to - v->period) / count : 0;
    if (!voiced) v->period = 0;
    for (int n = 0; n < count; n++) {
        double x = excitation(v) * exp(v->c[0]) * v->model.gain;
        out[n] = held(second_stage(v, first_stage(v, x, v->alpha), v->alpha));
        v->period += period_step;
        for (int i = 0; i <= v->model.order; i++) v->c[i] += v->step[i];
    }
}

static void speak_any(ft_vocoder *v, int16_t *out) { speak_frame(v, out); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void speak_avx2(ft_vocoder *v, int16_t *out) {
    speak_frame(v, out);
}
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
static void speak_avx2(ft_vocoder *v, int16_t *out) { speak_frame(v, out); }
static bool has_avx2(void) { return false; }
#endif

void ft_vocoder_skip(ft_vocoder *v, size_t samples) {
    for (size_t i = 0; i < samples; i++) draw(&v->noise);
}

int ft_vocoder_speak(ft_vocoder *v, int16_t *out, const ft_vocoder_frame *frame) {
    take_filter(v, frame);
    if (v->model.bands) take_excitation(v, frame);
    v->period_to = frame->f0_hz > 0 ? v->model.rate_hz / (double)frame->f0_hz : 0;
    bool first = !v->begun;
    if (first) {
        v->begun = true;
        v->phase = v->period_to;
    } else {
        for (int i = 0; i <= v->model.order; i++)
            v->step[i] = (v->to[i] - v->c[i]) / v->model.frame_samples;
        has_avx2() ? speak_avx2(v, out) : speak_any(v, out);
    }
    if (v->period == 0)
        v->phase = v->period_to; /* the first pulse of a voiced stretch is at once */
    v->period = v->period_to;
    memcpy(v->c, v->to, sizeof v->c);
    return first ? 0 : v->model.frame_samples;
}

/* ---- life */

ft_err ft_vocoder_new(ft_vocoder **out, const ft_vocoder_model *model, uint32_t seed) {
    *out = NULL;
    if (model->order < 2 || model->order > FT_VOCODER_ORDER_MAX || model->bands < 0 ||
        model->bands > FT_VOCODER_BANDS_MAX || model->taps < 0 ||
        model->taps >= FT_VOCODER_TAPS_MAX || model->frame_samples < 1 || model->rate_hz < 1)
        return FT_FAIL(FT_EINVAL, "a voice of order %d with %d bands of %d taps cannot be spoken",
                       model->order, model->bands, model->taps);
    ft_vocoder *v = ft_fault_here() ? NULL : aligned_alloc(64, (sizeof *v + 63) / 64 * 64);
    if (!v) return FT_FAIL(FT_ENOMEM, "no memory for a vocoder");
    memset(v, 0, sizeof *v);
    v->model = *model;
    v->tract = 1;
    v->alpha = model->alpha;
    generator_begin(&v->noise, seed);
    make_ramps(v);
    *out = v;
    return FT_OK;
}

void ft_vocoder_free(ft_vocoder *v) { free(v); }
