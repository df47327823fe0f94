/* record.h -- every synthesis leaves a record in the stream "speech": who spoke what for whom, how
 * long it took, and the hashes of text and sound, so that it can be said again and compared. Texts
 * themselves are not recorded.
 *
 * Threads: any; records of all threads go through one writer a voice, under a lock. */
#ifndef FT_SPEECH_RECORD_H
#define FT_SPEECH_RECORD_H

#include "base/hash.h"
#include "speech/speech.h"
#include "streams/stream.h"

typedef struct ft_speech_record {
    const char *door; /* "api", "aws", "article", "task" */
    ft_str id;        /* of a task or an article; empty */
    const ft_voice *voice;
    ft_str style;
    const char *format; /* "json" for marks */
    int rate_hz;
    size_t chars;
    uint64_t bytes;
    double sound_s, first_ms, took_ms;
    const char *outcome; /* "spoken", "left": the client went away, "failed" */
    ft_str reason;
    char text_sha256[FT_SHA256_HEX], sound_sha256[FT_SHA256_HEX]; /* empty: not whole */
} ft_speech_record;

extern const ft_stream_kind ft_kind_speech;

typedef struct ft_speech_recorder ft_speech_recorder;
/* `home` is borrowed. */
ft_err ft_speech_recorder_new(ft_speech_recorder **out, const char *home);
/* A failure is logged: nobody's speech fails of it. */
void ft_speech_recorder_add(ft_speech_recorder *k, const ft_speech_record *record);
void ft_speech_recorder_free(ft_speech_recorder *k); /* seals; fine on NULL */

#endif
