/* resample.c -- see resample.h.
 *
 * With from/to = down/up in lowest terms, output n needs the input around n * down / up: its whole
 * part says where, the rest (n * down mod up) which of `up` filters. */
#include "media/resample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/resample_half.h"

#define PASS      0.85 /* of the lower Nyquist frequency; the stop band begins at 2 - PASS */
#define STOP_DB   70.0
#define COEFF_MAX ((size_t)1 << 18)
#define PIECE     4096 /* input samples worked on at once */

#define STREAMS_MAX     8
#define SLACK           16 /* what a block reads past its end */
#define STREAM_TAPS_MAX 512

typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

struct ft_resampler {
    uint64_t up, down;
    size_t taps;   /* of one filter: a multiple of 16 */
    float *coeffs; /* [up][taps] */
    float *line;   /* history, then the piece in work: taps + PIECE */
    /* Where up is 1 and down small: the line dealt out, and which coefficients are not zero. */
    float *streams;
    size_t stream_room;
    struct used {
        uint32_t at; /* in streams, of the first output */
        float coeff;
    } used[STREAM_TAPS_MAX];
    size_t used_count; /* even */
    /* Where the rate is halved: the line in whole numbers, taken in place of `line`. */
    bool halves;
    int16_t half_coeffs[FT_HALF_TAPS_MAX], *half_line;
    size_t filled; /* of line */
    uint64_t base; /* input number of line[0], counted with taps / 2 zeros before the first */
    uint64_t in_count, out_count;
};

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static double bessel_i0(double x) {
    double sum = 1, term = 1;
    for (int k = 1; term > sum * 1e-17; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* Kaiser's formulas give window shape and length from stop band and width of the transition. */
static void make_filters(ft_resampler *r, double cutoff) {
    double beta = 0.1102 * (STOP_DB - 8.7), half = (double)r->taps / 2;
    for (uint64_t phase = 0; phase < r->up; phase++) {
        float *row = r->coeffs + phase * r->taps;
        double sum = 0, fraction = (double)phase / (double)r->up;
        for (size_t k = 0; k < r->taps; k++) {
            double x = (double)k - (half - 1) - fraction; /* distance in input samples */
            double a = x / half, window = a * a < 1 ? bessel_i0(beta * sqrt(1 - a * a)) : 0;
            double sinc = x == 0 ? 1 : sin(M_PI * cutoff * x) / (M_PI * cutoff * x);
            row[k] = (float)(window * sinc);
            sum += (double)row[k];
        }
        for (size_t k = 0; k < r->taps; k++) row[k] = (float)((double)row[k] / sum);
    }
}

static void take_used(ft_resampler *r) {
    for (size_t k = 0; k < r->taps; k++) {
        uint32_t at = (uint32_t)(k % r->down * r->stream_room + k / r->down);
        if (fabs((double)r->coeffs[k]) > 1e-9)
            r->used[r->used_count++] = (struct used){ at, r->coeffs[k] };
    }
    if (r->used_count % 2) r->used[r->used_count++] = (struct used){ 0, 0 };
}

/* Samples of the line, which are of one type or the other. */
static void line_put(ft_resampler *r, const int16_t *in, size_t count) {
    if (r->halves)
        memcpy(r->half_line + r->filled, in, count * sizeof *in);
    else
        for (size_t i = 0; i < count; i++) r->line[r->filled + i] = in[i];
    r->filled += count;
}

static void line_silence(ft_resampler *r, size_t count) {
    if (r->halves)
        memset(r->half_line + r->filled, 0, count * sizeof *r->half_line);
    else
        memset(r->line + r->filled, 0, count * sizeof *r->line);
    r->filled += count;
}

static void line_drop(ft_resampler *r, size_t count) {
    r->filled -= count;
    if (r->halves)
        memmove(r->half_line, r->half_line + count, r->filled * sizeof *r->half_line);
    else
        memmove(r->line, r->line + count, r->filled * sizeof *r->line);
}

static void begin(ft_resampler *r) {
    r->filled = 0;
    line_silence(r, r->taps / 2 - 1);
    r->base = r->in_count = r->out_count = 0;
}

ft_err ft_resampler_new(ft_resampler **out, int from_hz, int to_hz) {
    *out = NULL;
    if (from_hz < 1 || to_hz < 1 || from_hz > FT_RESAMPLE_HZ_MAX || to_hz > FT_RESAMPLE_HZ_MAX)
        return FT_FAIL(FT_EINVAL, "no resampling from %d to %d Hz: rates are 1 to %d Hz", from_hz,
                       to_hz, FT_RESAMPLE_HZ_MAX);
    uint64_t divisor = common_divisor((uint64_t)from_hz, (uint64_t)to_hz);
    uint64_t up = (uint64_t)to_hz / divisor, down = (uint64_t)from_hz / divisor;
    double cutoff = up < down ? (double)up / (double)down : 1; /* of the input's Nyquist */
    double width = 2 * (1 - PASS) * cutoff * M_PI;
    size_t taps = ((size_t)ceil((STOP_DB - 8) / (2.285 * width)) / 16 + 1) * 16;
    if (up == down) taps = 16;
    if (taps > COEFF_MAX / up)
        return FT_FAIL(FT_EINVAL, "no resampling from %d to %d Hz: their ratio is %llu/%llu",
                       from_hz, to_hz, (unsigned long long)up, (unsigned long long)down);
    bool streams = up == 1 && down > 2 && down <= STREAMS_MAX && taps <= STREAM_TAPS_MAX;
    size_t room = streams ? (taps + PIECE) / (size_t)down + 2 * SLACK : 0;
    size_t floats = taps * (size_t)up + 2 * taps + PIECE + room * (size_t)down;
    ft_resampler *r = ft_fault_here() ? NULL : malloc(sizeof *r + floats * sizeof(float));
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for a filter of %zu numbers", floats);
    float *memory = (float *)(void *)(r + 1);
    *r = (ft_resampler){ .up = up, .down = down, .taps = taps, .coeffs = memory };
    r->line = memory + taps * (size_t)up;
    make_filters(r, cutoff);
    if (streams) {
        r->streams = r->line + 2 * taps + PIECE;
        r->stream_room = room;
        memset(r->streams, 0, room * (size_t)down * sizeof(float));
        take_used(r);
    }
    r->half_line = (int16_t *)(void *)r->line;
    r->halves = up == 1 && down == 2 && ft_half_coeffs(r->half_coeffs, r->coeffs, taps);
    begin(r);
    *out = r;
    return FT_OK;
}

size_t ft_resampler_room(const ft_resampler *r, size_t count) {
    return (size_t)(((uint64_t)count + r->taps) * r->up / r->down + 2);
}

static inline __attribute__((always_inline)) int16_t held(float v) {
    if (v >= 32767) return INT16_MAX;
    if (v <= -32768) return INT16_MIN;
    return (int16_t)lrintf(v);
}

static int16_t filtered(const float *line, const float *coeffs, size_t taps) {
    v4 a = { 0 }, b = { 0 };
    for (size_t k = 0; k < taps; k += 8) {
        a += *(const v4 *)(line + k) * *(const v4 *)(coeffs + k);
        b += *(const v4 *)(line + k + 4) * *(const v4 *)(coeffs + k + 4);
    }
    a += b;
    return held((a[0] + a[1]) + (a[2] + a[3]));
}

/* Where the next output is made from. */
typedef struct place {
    uint64_t at, phase;
} place;

static inline __attribute__((always_inline)) void step_on(place *p, uint64_t up, uint64_t down) {
    p->phase += down;
    p->at += p->phase / up;
    p->phase %= up;
}

static void filter_plain(const ft_resampler *r, place *p, int16_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = filtered(r->line + (p->at - r->base), r->coeffs + p->phase * r->taps, r->taps);
        step_on(p, r->up, r->down);
    }
}

/* Down by a whole number: the line is dealt into `down` streams, so that outputs side by side read
 * what stands side by side, and the filter's zeros are passed over. Each
 * output is summed in the same order wherever it stands in a block. */
enum { LANES = 16 };
typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static void deal(const ft_resampler *r, const float *from, size_t each) {
    size_t down = (size_t)r->down;
    for (size_t k = 0; k < down; k++)
        for (size_t i = 0; i < each; i++) r->streams[k * r->stream_room + i] = from[i * down + k];
}

static inline __attribute__((always_inline)) void hold_all(int16_t *out, lanes v, size_t count) {
    int16_t all[LANES];
    for (int n = 0; n < LANES; n++) { /* without branches: the compiler makes vectors of it */
        float x = v[n] > 32767 ? 32767 : v[n];
        all[n] = (int16_t)lrintf(x < -32768 ? -32768 : x);
    }
    memcpy(out, all, (count < LANES ? count : LANES) * sizeof *out);
}

static inline __attribute__((always_inline)) void filter_streams(const ft_resampler *r,
                                                                 int16_t *out, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        const float *x = r->streams + i;
        lanes sums[2] = { { 0 }, { 0 } };
        for (size_t n = 0; n + 2 <= r->used_count; n += 2) {
            sums[0] += *(const loose *)(x + r->used[n].at) * r->used[n].coeff;
            sums[1] += *(const loose *)(x + r->used[n + 1].at) * r->used[n + 1].coeff;
        }
        sums[0] += sums[1];
        hold_all(out + i, sums[0], count - i);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void streams_avx2(const ft_resampler *r, int16_t *out,
                                                             size_t count) {
    filter_streams(r, out, count);
}
__attribute__((target("avx512f,avx512dq"))) static void streams_avx512(const ft_resampler *r,
                                                                       int16_t *out, size_t count) {
    filter_streams(r, out, count);
}
static bool streams_quick(const ft_resampler *r, int16_t *out, size_t count) {
    bool wide = __builtin_cpu_supports("avx512dq");
    if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return false;
    wide ? streams_avx512(r, out, count) : streams_avx2(r, out, count);
    return true;
}
#else
static bool streams_quick(const ft_resampler *r, int16_t *out, size_t count) {
    filter_streams(r, out, count);
    return true;
}
#endif

static void filter(const ft_resampler *r, place *p, int16_t *out, size_t count) {
    if (r->halves) {
        ft_half_filter(out, r->half_line + (p->at - r->base), count, r->half_coeffs, r->taps);
        p->at += count * 2;
        return;
    }
    if (r->streams && count > 0) {
        deal(r, r->line + (p->at - r->base), count + r->taps / (size_t)r->down);
        if (streams_quick(r, out, count)) {
            p->at += count * r->down;
            return;
        }
    }
    filter_plain(r, p, out, count);
}

/* Outputs from the one at `p` on whose inputs are all in the line. */
static uint64_t ready(const ft_resampler *r, const place *p) {
    uint64_t begin = p->at - r->base + r->taps;
    if (begin > r->filled) return 0;
    return ((r->filled - begin) * r->up + (r->up - 1 - p->phase)) / r->down + 1;
}

/* Outputs up to `last` (not included) whose inputs are all in the line. */
static size_t drain(ft_resampler *r, int16_t *out, uint64_t last) {
    place p = { r->out_count * r->down / r->up, r->out_count * r->down % r->up };
    uint64_t count = ready(r, &p);
    if (count > last - r->out_count) count = last - r->out_count;
    filter(r, &p, out, (size_t)count);
    r->out_count += count;
    uint64_t used = p.at - r->base < r->filled ? p.at - r->base : r->filled;
    line_drop(r, (size_t)used);
    r->base += used;
    return (size_t)count;
}

size_t ft_resampler_push(ft_resampler *r, int16_t *out, const int16_t *in, size_t count) {
    if (r->up == r->down) {
        if (count) memcpy(out, in, count * sizeof *in);
        return count;
    }
    size_t written = 0;
    while (count > 0) {
        size_t room = r->taps + PIECE - r->filled, take = count < room ? count : room;
        FT_CHECK(take > 0);
        line_put(r, in, take);
        r->in_count += take;
        in += take;
        count -= take;
        written += drain(r, out + written, UINT64_MAX);
    }
    return written;
}

size_t ft_resampler_end(ft_resampler *r, int16_t *out) {
    size_t written = 0;
    if (r->up == r->down) return 0;
    uint64_t all = (r->in_count * r->up + r->down - 1) / r->down;
    while (r->out_count < all) {
        size_t room = r->taps + PIECE - r->filled;
        line_silence(r, room);
        written += drain(r, out + written, all);
    }
    begin(r);
    return written;
}

void ft_resampler_free(ft_resampler *r) { free(r); }
