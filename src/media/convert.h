/* convert.h -- a sound in one form into another: channels, rate, telephone, format. What legacy
 * telephone systems ask of a PCM file, and the way back.
 *
 * Threads: any. Memory: a piece of 64 Ki samples and the resamplers. */
#ifndef FT_CONVERT_H
#define FT_CONVERT_H

#include "media/audio_out.h"
#include "media/wav.h"

typedef struct ft_convert_opts {
    const ft_audio_format *format;
    int rate_hz;     /* 0: as it is */
    bool mono;       /* the channels' mean */
    bool telephone;  /* 300-3,400 Hz at an even level; mono */
    bool frame_20ms; /* the last 20 ms are filled up */
} ft_convert_opts;

/* `head` as in ft_audio_out_end. */
ft_err ft_sound_convert(const ft_wav *in, const ft_convert_opts *opts,
                        ft_err (*write)(void *ctx, ft_str bytes), void *ctx, ft_buf *head);

#endif
