/* convert.c -- see convert.h. */
#include "media/convert.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/resample.h"
#include "media/telephone.h"

#define PIECE 65536 /* samples of all channels */

typedef struct conversion {
    const ft_wav *in;
    const ft_convert_opts *opts;
    int channels, rate_hz; /* of what goes out */
    ft_audio_out *out;
    ft_resampler **resamplers; /* one a channel; NULL: the rate stays */
    ft_telephone telephone;
    int16_t *samples;     /* PIECE */
    int16_t *one, *other; /* a channel's, before and after the resampler */
    int16_t *together;    /* resampled, all channels */
} conversion;

static void mix(int16_t *out, const int16_t *in, size_t frames, int channels) {
    for (size_t i = 0; i < frames; i++) {
        int sum = 0;
        for (int k = 0; k < channels; k++) sum += in[i * (size_t)channels + (size_t)k];
        int half = sum < 0 ? -channels / 2 : channels / 2; /* halves away from zero */
        out[i] = (int16_t)((sum + half) / channels);
    }
}

static ft_err push(conversion *c, int16_t *samples, size_t count) {
    if (c->opts->telephone) ft_telephone_pass(&c->telephone, samples, count);
    return ft_audio_out_push(c->out, samples, count);
}

/* Of 0 frames: what the resamplers still hold. */
static ft_err push_resampled(conversion *c, const int16_t *in, size_t frames) {
    size_t n = (size_t)c->channels, made = 0;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; n > 1 && i < frames; i++) c->one[i] = in[i * n + k];
        ft_resampler *r = c->resamplers[k];
        int16_t *to = n == 1 ? c->together : c->other;
        made = frames ? ft_resampler_push(r, to, n == 1 ? in : c->one, frames)
                      : ft_resampler_end(r, to);
        for (size_t i = 0; n > 1 && i < made; i++) c->together[i * n + k] = to[i];
    }
    return push(c, c->together, made * n);
}

/* Samples that can be read where they lie; NULL: they must be made. */
static const int16_t *in_place(const conversion *c) {
    const ft_wav *w = c->in;
    bool plain = w->coding == FT_WAV_PCM && w->bits == 16 && !w->big_endian;
    return plain && (uintptr_t)w->data.at % sizeof(int16_t) == 0 ? (const void *)w->data.at : NULL;
}

static ft_err convert_piece(conversion *c, uint64_t from, size_t frames) {
    const ft_wav *w = c->in;
    const int16_t *there = in_place(c);
    if (there && c->resamplers && c->channels == w->channels)
        return push_resampled(c, there + from * (uint64_t)w->channels, frames);
    int16_t *samples = c->samples;
    ft_wav_i16(samples, w, from * (uint64_t)w->channels, frames * (size_t)w->channels);
    if (c->channels != w->channels) mix(samples, samples, frames, w->channels);
    if (c->resamplers) return push_resampled(c, samples, frames);
    return push(c, samples, frames * (size_t)c->channels);
}

static ft_err convert_all(conversion *c) {
    const ft_wav *w = c->in;
    size_t step = PIECE / (size_t)w->channels;
    bool same = c->channels == w->channels && c->rate_hz == w->rate_hz && !c->opts->telephone;
    const int16_t *there = in_place(c);
    if (same && there) /* nothing to do but to write them */
        return ft_audio_out_push(c->out, there, (size_t)w->frames * (size_t)w->channels);
    for (uint64_t from = 0; from < w->frames; from += step)
        FT_TRY(convert_piece(c, from, w->frames - from < step ? (size_t)(w->frames - from) : step));
    return c->resamplers ? push_resampled(c, NULL, 0) : FT_OK;
}

/* ---- life */

static ft_err take_memory(conversion *c) {
    size_t room = PIECE;
    int n = c->channels;
    if (c->rate_hz != c->in->rate_hz) {
        c->resamplers = ft_fault_here() ? NULL : calloc((size_t)n, sizeof(ft_resampler *));
        if (!c->resamplers) return FT_FAIL(FT_ENOMEM, "no memory for %d channels", n);
        for (int k = 0; k < n; k++)
            FT_TRY(ft_resampler_new(&c->resamplers[k], c->in->rate_hz, c->rate_hz));
        room = ft_resampler_room(c->resamplers[0], PIECE / (size_t)n);
    }
    c->samples = ft_fault_here() ? NULL : malloc((2 * PIECE + room * (size_t)(n + 1)) * 2);
    if (!c->samples) return FT_FAIL(FT_ENOMEM, "no memory to convert a sound");
    c->one = c->samples + PIECE;
    c->other = c->one + PIECE;
    c->together = c->other + room;
    return FT_OK;
}

static ft_err begin(conversion *c, ft_err (*write)(void *ctx, ft_str bytes), void *ctx) {
    bool mono = c->opts->mono || c->opts->telephone;
    c->channels = mono ? 1 : c->in->channels;
    c->rate_hz = c->opts->rate_hz ? c->opts->rate_hz : c->in->rate_hz;
    ft_audio_out_opts opts = { .rate_hz = c->rate_hz, .channels = c->channels };
    if (c->rate_hz == c->in->rate_hz) opts.frames = c->in->frames;
    if (c->opts->frame_20ms) {
        opts.frame_samples = c->rate_hz / 50;
        opts.frames = 0;
    }
    ft_telephone_init(&c->telephone, c->rate_hz);
    FT_TRY(take_memory(c));
    return ft_audio_out_new(&c->out, c->opts->format, &opts, write, ctx);
}

ft_err ft_sound_convert(const ft_wav *in, const ft_convert_opts *opts,
                        ft_err (*write)(void *ctx, ft_str bytes), void *ctx, ft_buf *head) {
    ft_err err;
    conversion c = { .in = in, .opts = opts };
    FT_GOTO(err, begin(&c, write, ctx));
    FT_GOTO(err, convert_all(&c));
    FT_GOTO(err, ft_audio_out_end(c.out, head));
done:
    ft_audio_out_free(c.out);
    for (int k = 0; c.resamplers && k < c.channels; k++) ft_resampler_free(c.resamplers[k]);
    free(c.resamplers);
    free(c.samples);
    return err;
}
