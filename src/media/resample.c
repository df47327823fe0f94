/* resample.c -- see resample.h.
 *
 * With from/to = down/up in lowest terms, output n needs the input around n * down / up: its whole
 * part says where, the rest (n * down mod up) which of `up` filters. */
#include "media/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"

#define PASS      0.85 /* of the lower Nyquist frequency; the stop band begins at 2 - PASS */
#define STOP_DB   70.0
#define COEFF_MAX ((size_t)1 << 18)
#define PIECE     4096 /* input samples worked on at once */

typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

struct ft_resampler {
    uint64_t up, down;
    size_t taps;   /* of one filter: a multiple of 8 */
    float *coeffs; /* [up][taps] */
    float *line;   /* history, then the piece in work: taps + PIECE */
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

static void begin(ft_resampler *r) {
    r->filled = r->taps / 2 - 1;
    memset(r->line, 0, r->filled * sizeof *r->line);
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
    size_t taps = ((size_t)ceil((STOP_DB - 8) / (2.285 * width)) / 8 + 1) * 8;
    if (up == down) taps = 8;
    if (taps > COEFF_MAX / up)
        return FT_FAIL(FT_EINVAL, "no resampling from %d to %d Hz: their ratio is %llu/%llu",
                       from_hz, to_hz, (unsigned long long)up, (unsigned long long)down);
    size_t floats = taps * (size_t)up + taps + PIECE;
    ft_resampler *r = ft_fault_here() ? NULL : malloc(sizeof *r + floats * sizeof(float));
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for a filter of %zu numbers", floats);
    float *memory = (float *)(void *)(r + 1);
    *r = (ft_resampler){ .up = up, .down = down, .taps = taps, .coeffs = memory };
    r->line = memory + taps * (size_t)up;
    make_filters(r, cutoff);
    begin(r);
    *out = r;
    return FT_OK;
}

size_t ft_resampler_room(const ft_resampler *r, size_t count) {
    return (size_t)(((uint64_t)count + r->taps) * r->up / r->down + 2);
}

static int16_t filtered(const float *line, const float *coeffs, size_t taps) {
    v4 a = { 0 }, b = { 0 };
    for (size_t k = 0; k < taps; k += 8) {
        a += *(const v4 *)(line + k) * *(const v4 *)(coeffs + k);
        b += *(const v4 *)(line + k + 4) * *(const v4 *)(coeffs + k + 4);
    }
    a += b;
    float v = (a[0] + a[1]) + (a[2] + a[3]);
    if (v >= 32767) return INT16_MAX;
    if (v <= -32768) return INT16_MIN;
    return (int16_t)lrintf(v);
}

/* Outputs up to `last` (not included) whose inputs are all in the line. */
static size_t drain(ft_resampler *r, int16_t *out, uint64_t last) {
    size_t written = 0;
    uint64_t at = r->out_count * r->down / r->up, phase = r->out_count * r->down % r->up;
    while (r->out_count < last && at - r->base + r->taps <= r->filled) {
        out[written++] = filtered(r->line + (at - r->base), r->coeffs + phase * r->taps, r->taps);
        r->out_count++;
        phase += r->down;
        at += phase / r->up;
        phase %= r->up;
    }
    uint64_t used = at - r->base < r->filled ? at - r->base : r->filled;
    r->filled -= (size_t)used;
    memmove(r->line, r->line + used, r->filled * sizeof *r->line);
    r->base += used;
    return written;
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
        for (size_t i = 0; i < take; i++) r->line[r->filled + i] = in[i];
        r->filled += take;
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
        memset(r->line + r->filled, 0, room * sizeof *r->line);
        r->filled += room;
        written += drain(r, out + written, all);
    }
    begin(r);
    return written;
}

void ft_resampler_free(ft_resampler *r) { free(r); }
