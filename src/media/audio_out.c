/* audio_out.c -- see audio_out.h: the table, and the formats that need no library. */
#include "media/audio_out_in.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/g711.h"
#include "media/wav.h"

#define PIECE ((size_t)32 << 10) /* codes at once: a file wants few calls */

static ft_err push_samples(ft_audio_out *o, const int16_t *samples, size_t count) {
    return o->write(o->ctx, ft_str_n(samples, count * sizeof *samples));
}

static ft_err push_codes(ft_audio_out *o, const int16_t *samples, size_t count,
                         void (*encode)(uint8_t *, const int16_t *, size_t)) {
    uint8_t codes[PIECE];
    while (count > 0) {
        size_t take = count < PIECE ? count : PIECE;
        encode(codes, samples, take);
        FT_TRY(o->write(o->ctx, ft_str_n(codes, take)));
        samples += take;
        count -= take;
    }
    return FT_OK;
}

static ft_err push_ulaw(ft_audio_out *o, const int16_t *samples, size_t count) {
    return push_codes(o, samples, count, ft_ulaw_encode);
}

static ft_err push_alaw(ft_audio_out *o, const int16_t *samples, size_t count) {
    return push_codes(o, samples, count, ft_alaw_encode);
}

/* ---- WAV */

static ft_wav_coding wav_coding(const ft_audio_out *o) {
    if (o->format->push == push_ulaw) return FT_WAV_ULAW;
    return o->format->push == push_alaw ? FT_WAV_ALAW : FT_WAV_PCM;
}

static ft_err wav_begin(ft_audio_out *o) {
    uint8_t head[FT_WAV_HEADER_MAX];
    uint64_t frames = o->opts.frames ? o->opts.frames : UINT32_MAX;
    size_t len = ft_wav_header(head, wav_coding(o), o->opts.rate_hz, o->opts.channels, frames);
    if (len == 0) return FT_FAIL(FT_ETOOBIG, "a WAV file holds 4 GiB at most");
    return o->write(o->ctx, ft_str_n(head, len));
}

static ft_err wav_end(ft_audio_out *o, ft_buf *head) {
    uint8_t bytes[FT_WAV_HEADER_MAX];
    ft_wav_coding coding = wav_coding(o);
    uint64_t frames = o->samples / (uint64_t)o->opts.channels;
    if (coding != FT_WAV_PCM && o->samples % 2 == 1) FT_TRY(o->write(o->ctx, FT_STR("\0")));
    if (!head || frames == o->opts.frames) return FT_OK;
    size_t len = ft_wav_header(bytes, coding, o->opts.rate_hz, o->opts.channels, frames);
    if (len == 0) return FT_FAIL(FT_ETOOBIG, "a WAV file holds 4 GiB at most");
    return ft_buf_add_n(head, bytes, len);
}

/* ---- the table */

static const ft_audio_format pcm = { "pcm",        "audio/pcm",
                                     "pcm",        "16-bit little-endian samples without a header",
                                     NULL,         NULL,
                                     push_samples, NULL };
static const ft_audio_format wav = { "wav", "audio/wav", "wav",        "WAV with 16-bit samples",
                                     NULL,  wav_begin,   push_samples, wav_end };
static const ft_audio_format wav_ulaw = { "wav_ulaw", "audio/wav",
                                          "ulaw.wav", "WAV with G.711 µ-law codes",
                                          NULL,       wav_begin,
                                          push_ulaw,  wav_end };
static const ft_audio_format wav_alaw = { "wav_alaw", "audio/wav",
                                          "alaw.wav", "WAV with G.711 A-law codes",
                                          NULL,       wav_begin,
                                          push_alaw,  wav_end };
static const ft_audio_format ulaw = { "ulaw", "audio/basic", "ulaw",    "G.711 µ-law codes",
                                      NULL,   NULL,          push_ulaw, NULL };
static const ft_audio_format alaw = {
    "alaw", "audio/x-alaw-basic", "alaw", "G.711 A-law codes", NULL, NULL, push_alaw, NULL
};

const ft_audio_format *const ft_audio_formats[] = { &pcm,          &wav,      &ft_audio_mp3,
                                                    &ft_audio_ogg, &ulaw,     &alaw,
                                                    &wav_ulaw,     &wav_alaw, NULL };

const ft_audio_format *ft_audio_format_find(ft_str name) {
    for (size_t i = 0; ft_audio_formats[i]; i++)
        if (ft_str_is(name, ft_audio_formats[i]->name)) return ft_audio_formats[i];
    return NULL;
}

const ft_audio_format *ft_audio_format_ending(ft_str path) {
    const ft_audio_format *best = NULL; /* the longest: "x.ulaw.wav" is not "x.wav" */
    for (size_t i = 0; ft_audio_formats[i]; i++) {
        ft_str ending = ft_str_of(ft_audio_formats[i]->ending);
        if (path.len <= ending.len || path.at[path.len - ending.len - 1] != '.') continue;
        if (!ft_str_ieq(ft_str_from(path, path.len - ending.len), ending)) continue;
        if (!best || ending.len > strlen(best->ending)) best = ft_audio_formats[i];
    }
    return best;
}

/* ---- an encoder */

static ft_err check_rate(const ft_audio_format *format, int rate_hz) {
    for (const int *r = format->rates_hz; r && *r; r++)
        if (*r == rate_hz) return FT_OK;
    if (!format->rates_hz && rate_hz >= FT_AUDIO_RATE_MIN && rate_hz <= FT_AUDIO_RATE_MAX)
        return FT_OK;
    return FT_FAIL(FT_EINVAL, "%s does not take %d samples a second", format->name, rate_hz);
}

ft_err ft_audio_out_new(ft_audio_out **out, const ft_audio_format *format,
                        const ft_audio_out_opts *opts, ft_err (*write)(void *ctx, ft_str bytes),
                        void *ctx) {
    *out = NULL;
    FT_TRY(check_rate(format, opts->rate_hz));
    if (opts->channels < 0 || opts->channels > FT_WAV_CHANNELS_MAX)
        return FT_FAIL(FT_EINVAL, "%d channels; 1 to %d are written", opts->channels,
                       FT_WAV_CHANNELS_MAX);
    ft_audio_out *o = ft_fault_here() ? NULL : calloc(1, sizeof *o);
    if (!o) return FT_FAIL(FT_ENOMEM, "no memory for an encoder");
    *o = (ft_audio_out){ .format = format, .opts = *opts, .write = write, .ctx = ctx };
    if (o->opts.channels == 0) o->opts.channels = 1;
    ft_err err = format->begin ? format->begin(o) : FT_OK;
    if (err != FT_OK) {
        ft_audio_out_free(o);
        return err;
    }
    *out = o;
    return FT_OK;
}

ft_err ft_audio_out_push(ft_audio_out *o, const int16_t *samples, size_t count) {
    if (count == 0) return FT_OK;
    FT_TRY(o->format->push(o, samples, count));
    o->samples += count;
    return FT_OK;
}

static ft_err fill_frame(ft_audio_out *o) {
    static const int16_t silence[256];
    uint64_t frame = (uint64_t)o->opts.frame_samples * (uint64_t)o->opts.channels;
    uint64_t owed = frame && o->samples % frame ? frame - o->samples % frame : 0;
    while (owed > 0) {
        size_t take = owed < 256 ? (size_t)owed : 256;
        FT_TRY(ft_audio_out_push(o, silence, take));
        owed -= take;
    }
    return FT_OK;
}

ft_err ft_audio_out_end(ft_audio_out *o, ft_buf *head) {
    FT_TRY(fill_frame(o));
    if (o->format->end) FT_TRY(o->format->end(o, head));
    return FT_OK;
}

void ft_audio_out_free(ft_audio_out *o) {
    if (!o) return;
    if (o->free_state) o->free_state(o->state);
    free(o);
}
