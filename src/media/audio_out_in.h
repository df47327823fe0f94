/* audio_out_in.h -- an encoder at work, for the files of the formats. Private to media. */
#ifndef FT_AUDIO_OUT_IN_H
#define FT_AUDIO_OUT_IN_H

#include "media/audio_out.h"

struct ft_audio_out {
    const ft_audio_format *format;
    ft_audio_out_opts opts;
    ft_err (*write)(void *ctx, ft_str bytes);
    void *ctx;
    uint64_t samples; /* pushed so far */
    void *state;     /* of the format */
    void (*free_state)(void *state);
};

extern const ft_audio_format ft_audio_mp3, ft_audio_ogg; /* sndfile_out.c */

#endif
