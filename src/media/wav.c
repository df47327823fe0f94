/* wav.c -- see wav.h. */
#include "media/wav.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "media/g711.h"

enum { TAG_PCM = 1, TAG_FLOAT = 3, TAG_ALAW = 6, TAG_ULAW = 7, TAG_EXTENSIBLE = 0xfffe };

typedef struct reader {
    ft_str bytes;
    size_t at; /* of the next chunk */
    bool big;
    bool wide;           /* RF64: lengths that do not fit stand in its ds64 chunk */
    uint64_t data_bytes; /* as that says */
} reader;

static uint64_t number(const reader *r, size_t at, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) {
        int from = r->big ? i : bytes - 1 - i;
        v = v << 8 | (uint8_t)r->bytes.at[at + (size_t)from];
    }
    return v;
}

/* ---- the header */

static ft_err format_tag(ft_wav *w, uint64_t tag, size_t at) {
    switch (tag) {
    case TAG_PCM:
        w->coding = FT_WAV_PCM;
        return FT_OK;
    case TAG_FLOAT:
        w->coding = FT_WAV_FLOAT;
        return FT_OK;
    case TAG_ALAW:
        w->coding = FT_WAV_ALAW;
        return FT_OK;
    case TAG_ULAW:
        w->coding = FT_WAV_ULAW;
        return FT_OK;
    default:
        return FT_FAIL(FT_EUNSUPPORTED,
                       "byte %zu: WAV coding 0x%04x; read here are PCM, float, A-law and µ-law", at,
                       (unsigned)tag);
    }
}

static ft_err format_sane(const ft_wav *w, uint64_t block, uint64_t byte_rate, size_t at) {
    bool whole = w->coding == FT_WAV_PCM     ? w->bits >= 1 && w->bits <= 64
                 : w->coding == FT_WAV_FLOAT ? w->bits == 32 || w->bits == 64
                                             : w->bits == 8;
    if (!whole) return FT_FAIL(FT_EUNSUPPORTED, "byte %zu: samples of %d bits", at, w->bits);
    if (w->channels < 1 || w->channels > FT_WAV_CHANNELS_MAX)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: %d channels", at, w->channels);
    if (w->rate_hz < 1) return FT_FAIL(FT_ECORRUPT, "byte %zu: a rate of %d Hz", at, w->rate_hz);
    if (block != (uint64_t)w->sample_bytes * (uint64_t)w->channels ||
        byte_rate != block * (uint64_t)w->rate_hz)
        return FT_FAIL(FT_ECORRUPT,
                       "byte %zu: %d channels of %d bits at %d Hz do not make frames of %llu bytes "
                       "and %llu bytes a second",
                       at, w->channels, w->bits, w->rate_hz, (unsigned long long)block,
                       (unsigned long long)byte_rate);
    return FT_OK;
}

static ft_err read_format(ft_wav *w, const reader *r, size_t at, uint64_t len) {
    if (len < 16) return FT_FAIL(FT_ECORRUPT, "byte %zu: a fmt chunk of %d bytes", at, (int)len);
    uint64_t tag = number(r, at, 2);
    w->channels = (int)number(r, at + 2, 2);
    uint64_t rate = number(r, at + 4, 4);
    w->rate_hz = rate > INT32_MAX ? 0 : (int)rate;
    w->bits = (int)number(r, at + 14, 2);
    uint64_t block = number(r, at + 12, 2);
    if (tag == TAG_EXTENSIBLE) { /* the true tag begins the sub-format's identifier */
        if (len < 40) return FT_FAIL(FT_ECORRUPT, "byte %zu: an extensible fmt is too short", at);
        tag = number(r, at + 24, 4);
    }
    FT_TRY(format_tag(w, tag, at));
    w->sample_bytes = (w->bits + 7) / 8;
    return format_sane(w, block, number(r, at + 8, 4), at);
}

static ft_err read_data(ft_wav *w, const reader *r, size_t at, uint64_t len) {
    uint64_t have = r->bytes.len - at;
    if (len == UINT32_MAX || (len == 0 && have > 0 && have >= (uint64_t)w->sample_bytes))
        len = have;
    w->cut = len > have;
    if (w->cut && have < (uint64_t)w->sample_bytes * (uint64_t)w->channels)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: the file ends where its samples should begin", at);
    if (w->cut) len = have;
    uint64_t frame = (uint64_t)w->sample_bytes * (uint64_t)w->channels;
    w->frames = len / frame;
    w->data = ft_str_slice(r->bytes, at, (size_t)(w->frames * frame));
    w->big_endian = r->big;
    return FT_OK;
}

/* Chunks up to the samples; `fmt ` must come before `data`. */
static ft_err read_chunks(ft_wav *w, reader *r) {
    bool formatted = false;
    while (r->at < r->bytes.len) {
        if (r->bytes.len - r->at < 8)
            return FT_FAIL(FT_ECORRUPT, "byte %zu: the file ends within a chunk's name and length",
                           r->at);
        const char *name = r->bytes.at + r->at;
        uint64_t len = number(r, r->at + 4, 4);
        size_t at = r->at + 8;
        if (memcmp(name, "data", 4) == 0) {
            if (r->wide && len == UINT32_MAX) len = r->data_bytes;
            if (!formatted) return FT_FAIL(FT_ECORRUPT, "byte %zu: data before fmt", r->at);
            return read_data(w, r, at, len);
        }
        if (len > r->bytes.len - at)
            return FT_FAIL(FT_ECORRUPT, "byte %zu: a chunk of %llu bytes, the file ends before",
                           r->at, (unsigned long long)len);
        if (memcmp(name, "fmt ", 4) == 0) {
            FT_TRY(read_format(w, r, at, len));
            formatted = true;
        }
        if (r->wide && memcmp(name, "ds64", 4) == 0 && len >= 16)
            r->data_bytes = number(r, at + 8, 8);
        r->at = at + (size_t)len + (len & 1);
    }
    return FT_FAIL(FT_ECORRUPT, "byte %zu: the file has no samples", r->bytes.len);
}

ft_err ft_wav_read(ft_wav *out, ft_str bytes) {
    *out = (ft_wav){ 0 };
    bool little = bytes.len >= 12 && memcmp(bytes.at, "RIFF", 4) == 0;
    bool big = bytes.len >= 12 && memcmp(bytes.at, "RIFX", 4) == 0;
    bool wide =
        bytes.len >= 12 && (memcmp(bytes.at, "RF64", 4) == 0 || memcmp(bytes.at, "BW64", 4) == 0);
    if ((!little && !big && !wide) || memcmp(bytes.at + 8, "WAVE", 4) != 0)
        return FT_FAIL(FT_EMEDIA, "byte 0: not a WAV file (RIFF, RIFX or RF64 with WAVE)");
    reader r = { .bytes = bytes, .at = 12, .big = big, .wide = wide, .data_bytes = UINT32_MAX };
    return read_chunks(out, &r);
}

ft_err ft_wav_raw(ft_wav *out, ft_str bytes) {
    ft_wav *w = out;
    bool code = w->coding == FT_WAV_ULAW || w->coding == FT_WAV_ALAW;
    bool fits = code                        ? w->bits == 8
                : w->coding == FT_WAV_FLOAT ? w->bits == 32 || w->bits == 64
                                            : w->bits >= 1 && w->bits <= 64;
    if (!fits) return FT_FAIL(FT_EINVAL, "samples of %d bits", w->bits);
    if (w->channels < 1 || w->channels > FT_WAV_CHANNELS_MAX || w->rate_hz < 1)
        return FT_FAIL(FT_EINVAL, "%d channels at %d Hz", w->channels, w->rate_hz);
    w->sample_bytes = (w->bits + 7) / 8;
    uint64_t frame = (uint64_t)w->sample_bytes * (uint64_t)w->channels;
    w->frames = bytes.len / frame;
    w->cut = bytes.len % frame != 0;
    w->data = ft_str_slice(bytes, 0, (size_t)(w->frames * frame));
    return FT_OK;
}

/* ---- samples */

/* Sample `i`, its bits at the high end of 64. */
static int64_t integer_at(const ft_wav *w, uint64_t i) {
    const uint8_t *p = (const uint8_t *)w->data.at + i * (uint64_t)w->sample_bytes;
    uint64_t v = 0;
    for (int b = 0; b < w->sample_bytes; b++) {
        int from = w->big_endian ? b : w->sample_bytes - 1 - b;
        v = v << 8 | p[from];
    }
    v <<= 64 - 8 * w->sample_bytes;
    if (w->bits <= 8) v ^= (uint64_t)1 << 63; /* these count from 0 to 255 */
    return (int64_t)v;
}

static double float_at(const ft_wav *w, uint64_t i) {
    const uint8_t *p = (const uint8_t *)w->data.at + i * (uint64_t)w->sample_bytes;
    uint8_t bytes[8];
    for (int b = 0; b < w->sample_bytes; b++)
        bytes[b] = p[w->big_endian ? w->sample_bytes - 1 - b : b];
    float narrow;
    double wide;
    memcpy(&narrow, bytes, sizeof narrow);
    memcpy(&wide, bytes, sizeof wide);
    return w->bits == 32 ? (double)narrow : wide;
}

static int16_t code_at(const ft_wav *w, uint64_t i) {
    int16_t sample;
    const uint8_t *code = (const uint8_t *)w->data.at + i;
    if (w->coding == FT_WAV_ULAW)
        ft_ulaw_decode(&sample, code, 1);
    else
        ft_alaw_decode(&sample, code, 1);
    return sample;
}

static void check_range(const ft_wav *w, uint64_t from, size_t count) {
    uint64_t all = w->frames * (uint64_t)w->channels;
    FT_CHECK(from <= all && count <= all - from);
}

void ft_wav_f64(double *out, const ft_wav *wav, uint64_t from, size_t count) {
    check_range(wav, from, count);
    for (size_t i = 0; i < count; i++) {
        switch (wav->coding) {
        case FT_WAV_PCM:
            out[i] = (double)integer_at(wav, from + i) * 0x1p-63;
            break;
        case FT_WAV_FLOAT:
            out[i] = float_at(wav, from + i);
            break;
        default:
            out[i] = code_at(wav, from + i) * 0x1p-15;
            break;
        }
    }
}

static int16_t rounded(double v) {
    double scaled = floor(v * 32768 + 0.5);
    if (!(scaled > INT16_MIN)) return INT16_MIN; /* NaN too */
    return scaled > INT16_MAX ? INT16_MAX : (int16_t)scaled;
}

void ft_wav_i16(int16_t *out, const ft_wav *wav, uint64_t from, size_t count) {
    check_range(wav, from, count);
    if (wav->coding == FT_WAV_PCM && wav->sample_bytes == 2 && !wav->big_endian) {
        if (count) memcpy(out, wav->data.at + 2 * from, 2 * count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double v;
        if (wav->coding == FT_WAV_ULAW || wav->coding == FT_WAV_ALAW) {
            out[i] = code_at(wav, from + i);
            continue;
        }
        ft_wav_f64(&v, wav, from + i, 1);
        out[i] = rounded(v);
    }
}

/* ---- writing */

static uint8_t *put(uint8_t *at, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) *at++ = (uint8_t)(v >> 8 * i);
    return at;
}

static uint8_t *put_name(uint8_t *at, const char *name) {
    memcpy(at, name, 4);
    return at + 4;
}

size_t ft_wav_header(uint8_t out[FT_WAV_HEADER_MAX], ft_wav_coding coding, int rate_hz,
                     int channels, uint64_t frames) {
    FT_CHECK(coding != FT_WAV_FLOAT && rate_hz > 0 && channels > 0);
    bool pcm = coding == FT_WAV_PCM;
    uint64_t frame = (uint64_t)channels * (pcm ? 2 : 1);
    uint64_t head = pcm ? 44 : FT_WAV_HEADER_MAX;
    bool open = frames == UINT32_MAX;
    uint64_t data = open ? UINT32_MAX : frames * frame;
    uint64_t riff = open ? UINT32_MAX : head - 8 + data + (data & 1);
    if (!open && (frames > UINT32_MAX / frame || riff > UINT32_MAX)) return 0;
    uint8_t *at = put(put_name(out, "RIFF"), riff, 4);
    at = put(put_name(put_name(at, "WAVE"), "fmt "), pcm ? 16 : 18, 4);
    at = put(at, pcm ? TAG_PCM : coding == FT_WAV_ULAW ? TAG_ULAW : TAG_ALAW, 2);
    at = put(at, (uint64_t)channels, 2);
    at = put(at, (uint64_t)rate_hz, 4);
    at = put(at, (uint64_t)rate_hz * frame, 4);
    at = put(put(at, frame, 2), pcm ? 16 : 8, 2);
    if (!pcm) {
        at = put(at, 0, 2);
        at = put(put(put_name(at, "fact"), 4, 4), open ? UINT32_MAX : frames, 4);
    }
    at = put(put_name(at, "data"), data, 4);
    FT_CHECK((size_t)(at - out) == head);
    return head;
}
