/* speech.h -- the whole way from a request to sound and marks. What the command, the API, the AWS
 * front door, prompt tables and tasks call; members are named after Polly's.
 *
 * Threads: any; opened engines are kept in a small pool and lent to one request at a time. Memory:
 * a sentence. */
#ifndef FT_SPEECH_H
#define FT_SPEECH_H

#include "media/audio_out.h"
#include "speech/marks.h"
#include "speech/voice.h"

typedef struct ft_speech_request {
    ft_str text;
    ft_speech_type type;
    ft_str voice; /* Polly's id; empty: Joanna */
    ft_speech_engine engine;
    ft_str lang;                   /* of a bilingual voice; empty: the voice's */
    ft_str style;                  /* "news"; empty: what the text says */
    const ft_audio_format *format; /* NULL: marks only */
    int rate_hz;                   /* 0: the format's default, as Polly's */
    unsigned marks;                /* ft_marks */
    bool telephone;                /* 300-3,400 Hz and an even level */
    bool frame_20ms;               /* the last 20 ms are filled up */
    const ft_lexicon *const *lexicons;
    size_t lexicon_count;
    size_t chars_max;   /* billed ones; 0: no limit. FT_ETOOBIG */
    double seconds_max; /* of sound; what remains then is cut off, marks too. 0: no limit */
} ft_speech_request;

typedef struct ft_speech_sink {
    ft_err (*audio)(void *ctx, ft_str bytes); /* may be NULL: marks only */
    ft_err (*mark)(void *ctx, ft_str line);   /* a JSON line with its '\n'; may be NULL */
    void *ctx;
} ft_speech_sink;

typedef struct ft_speech_told {
    size_t billed_chars;
    double seconds;       /* of sound */
    double first_audio_s; /* until the first bytes were handed over */
} ft_speech_told;

/* Is the request sane? Speaks nothing. `refusal` (may be NULL) gets the name of Polly's exception
 * for what is not ("InvalidSampleRateException"). */
ft_err ft_speech_check(const ft_speech_request *r, const char **refusal);
/* Speak. `head` (may be NULL) as in ft_audio_out_end. */
ft_err ft_speech_speak(ft_speech_told *out, const ft_speech_request *r, const ft_speech_sink *to,
                       ft_buf *head, ft_arena *arena);

#endif
