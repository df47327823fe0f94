/* audio_out.h -- sound on its way out: 16-bit samples become the bytes of a format, piece by
 * piece, so that the first are on the wire while the last are not yet spoken.
 *
 *     ft_audio_out_new(&o, ft_audio_format_find(FT_STR("mp3")), &opts, write, ctx);
 *     ft_audio_out_push(o, samples, count); …
 *     ft_audio_out_end(o, &head);
 *
 * MP3 and Ogg Vorbis are made by libsndfile (LAME, libvorbis), loaded on first use.
 *
 * Threads: one at a time. Memory: a piece; Ogg keeps one page, MP3 one frame. */
#ifndef FT_AUDIO_OUT_H
#define FT_AUDIO_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_audio_out ft_audio_out;

#define FT_AUDIO_RATE_MIN 100 /* Hz, of what takes any: 20 ms are two samples */
#define FT_AUDIO_RATE_MAX 384000

/* A format: one row in audio_out.c. */
typedef struct ft_audio_format {
    const char *name;       /* Polly's: "pcm", "mp3", "ogg_vorbis"; and "wav", "ulaw", … */
    const char *media_type; /* "audio/mpeg" */
    const char *ending;     /* of file names, "mp3" */
    const char *doc;
    const int *rates_hz; /* that it takes, ends with 0; NULL: any of FT_AUDIO_RATE_… */
    ft_err (*begin)(ft_audio_out *o);
    ft_err (*push)(ft_audio_out *o, const int16_t *samples, size_t count);
    ft_err (*end)(ft_audio_out *o, ft_buf *head); /* may be NULL */
} ft_audio_format;

extern const ft_audio_format *const ft_audio_formats[];     /* ends with NULL */
const ft_audio_format *ft_audio_format_find(ft_str name);   /* NULL: unknown */
const ft_audio_format *ft_audio_format_ending(ft_str path); /* by a file's name; NULL */

typedef struct ft_audio_out_opts {
    int rate_hz;
    int channels;      /* samples of each moment stand side by side; 0: 1 */
    uint64_t frames;   /* when they are known beforehand: a WAV's header is right at once */
    int frame_samples; /* fill the last frame with silence: 160 is 20 ms at 8 kHz; 0: do not */
} ft_audio_out_opts;

/* `write` takes the bytes as they come. FT_EINVAL for a rate that the format does not take,
 * FT_EABSENT without libsndfile. */
ft_err ft_audio_out_new(ft_audio_out **out, const ft_audio_format *format,
                        const ft_audio_out_opts *opts, ft_err (*write)(void *ctx, ft_str bytes),
                        void *ctx);
/* `count` samples of all channels together. */
ft_err ft_audio_out_push(ft_audio_out *o, const int16_t *samples, size_t count);
/* The last bytes. `head` (may be NULL) gets bytes that replace the file's first ones, or stays
 * empty: a WAV's lengths, where they were not known; a stream does without. */
ft_err ft_audio_out_end(ft_audio_out *o, ft_buf *head);
void ft_audio_out_free(ft_audio_out *o); /* fine on NULL */

#endif
