/* sndfile_out.c -- MP3 and Ogg Vorbis by libsndfile, which writes through callbacks.
 *
 * An MP3's first frame, where the encoder would come back to write the length, stays as it was in a
 * stream and goes into `head` for a file. */
#include "media/audio_out_in.h"

#include <sndfile.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/lib.h"

typedef struct sound_api {
    __typeof__(&sf_open_virtual) open_virtual;
    __typeof__(&sf_write_short) write_short;
    __typeof__(&sf_close) close;
    __typeof__(&sf_strerror) strerror;
    __typeof__(&sf_command) command;
} sound_api;

static sound_api api;

static ft_err api_load(void) {
    static void *handle;
    static const ft_lib_symbol symbols[] = {
        { "sf_open_virtual", offsetof(sound_api, open_virtual) },
        { "sf_write_short", offsetof(sound_api, write_short) },
        { "sf_close", offsetof(sound_api, close) },
        { "sf_strerror", offsetof(sound_api, strerror) },
        { "sf_command", offsetof(sound_api, command) },
    };
    return ft_lib_load(&handle, "libsndfile.so.1", "libsndfile1", &api, symbols,
                       sizeof symbols / sizeof *symbols);
}

typedef struct sound {
    ft_audio_out *out;
    SNDFILE *file;
    sf_count_t at, len; /* where the library stands; what was written */
    ft_buf head;        /* written again from byte 0 */
    ft_err failure;     /* of the receiver, once */
} sound;

static sf_count_t on_len(void *ctx) { return ((sound *)ctx)->len; }

static sf_count_t on_seek(sf_count_t offset, int whence, void *ctx) {
    sound *s = ctx;
    sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? s->at : s->len;
    s->at = from + offset;
    return s->at;
}

static sf_count_t on_tell(void *ctx) { return ((sound *)ctx)->at; }

static sf_count_t on_read(void *at, sf_count_t count, void *ctx) {
    (void)at, (void)count, (void)ctx;
    return 0;
}

static sf_count_t on_write(const void *at, sf_count_t count, void *ctx) {
    sound *s = ctx;
    /* After a failure the library must think that all is well: told of it while it ends, it leaves
     * its encoder behind. */
    if (s->failure != FT_OK) return count;
    if (s->at < s->len) { /* goes back: only over the beginning */
        if (s->at == (sf_count_t)s->head.len)
            s->failure = ft_buf_add_n(&s->head, at, (size_t)count);
    } else {
        s->failure = s->out->write(s->out->ctx, ft_str_n(at, (size_t)count));
        s->len += count;
    }
    s->at += count;
    return count;
}

static void sound_free(void *state) {
    sound *s = state;
    if (s->file) {
        s->failure = FT_ECANCELED; /* nobody wants the last bytes */
        api.close(s->file);
    }
    ft_buf_fini(&s->head);
    free(s);
}

static ft_err sound_failed(const sound *s, const char *what) {
    if (s->failure != FT_OK) return s->failure;
    return FT_FAIL(FT_EIO, "%s: libsndfile could not %s: %s", s->out->format->name, what,
                   api.strerror(s->file));
}

static ft_err sound_begin(ft_audio_out *o, int format, double quality) {
    static SF_VIRTUAL_IO io = { on_len, on_seek, on_read, on_write, on_tell };
    FT_TRY(api_load());
    sound *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for an encoder");
    s->out = o;
    o->state = s;
    o->free_state = sound_free;
    SF_INFO info = { .samplerate = o->opts.rate_hz,
                     .channels = o->opts.channels,
                     .format = format };
    s->file = api.open_virtual(&io, SFM_WRITE, &info, s);
    if (!s->file) return sound_failed(s, "begin");
    api.command(s->file, SFC_SET_VBR_ENCODING_QUALITY, &quality, sizeof quality);
    return s->failure;
}

static ft_err mp3_begin(ft_audio_out *o) {
    return sound_begin(o, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 0.5);
}

static ft_err ogg_begin(ft_audio_out *o) {
    return sound_begin(o, SF_FORMAT_OGG | SF_FORMAT_VORBIS, 0.5);
}

static ft_err sound_push(ft_audio_out *o, const int16_t *samples, size_t count) {
    enum { PIECE = 4096 }; /* libvorbis keeps its whole input on the stack */
    sound *s = o->state;
    while (count > 0) {
        size_t most = PIECE / (size_t)o->opts.channels * (size_t)o->opts.channels;
        size_t take = count < most ? count : most; /* whole frames */
        if (api.write_short(s->file, samples, (sf_count_t)take) != (sf_count_t)take ||
            s->failure != FT_OK)
            return sound_failed(s, "encode");
        samples += take;
        count -= take;
    }
    return FT_OK;
}

static ft_err sound_end(ft_audio_out *o, ft_buf *head) {
    sound *s = o->state;
    int code = api.close(s->file);
    s->file = NULL;
    if (s->failure != FT_OK) return s->failure;
    if (code != 0) return FT_FAIL(FT_EIO, "%s: libsndfile could not end", o->format->name);
    return head ? ft_buf_add(head, ft_buf_str(&s->head)) : FT_OK;
}

/* MPEG 1, 2 and 2.5 know these and no others. */
static const int mp3_rates_hz[] = {
    8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 0
};

const ft_audio_format ft_audio_mp3 = { "mp3",        "audio/mpeg", "mp3",      "MP3, variable rate",
                                       mp3_rates_hz, mp3_begin,    sound_push, sound_end };
const ft_audio_format ft_audio_ogg = { "ogg_vorbis", "audio/ogg", "ogg",      "Ogg Vorbis",
                                       NULL,         ogg_begin,   sound_push, sound_end };
