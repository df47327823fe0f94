/* added.h -- neural voices that the user added: `fettle voices add`. Their files are objects
 * (s3://fettle/speech/voices/NAME/voice.onnx and voice.onnx.json), what they are called is a row of
 * the metadata database; a voice that was added is there at once, in a running server, too.
 *
 * Threads: any. Memory: a voice's row stays for the process's life, also when it is removed: who
 * speaks with it goes on. */
#ifndef FT_SPEECH_ADDED_H
#define FT_SPEECH_ADDED_H

#include "speech/voice.h"
#include "store/store.h"

#define FT_VOICES_ADDED_MAX      64 /* in a home */
#define FT_VOICE_NAME_LEN_MAX    40
#define FT_VOICE_MODEL_BYTES_MAX ((uint64_t)2 << 30)

/* The home whose voices are found; NULL: as ft_store_open. For the whole process; copied. */
void ft_voices_home(const char *home);

typedef struct ft_voice_new {
    ft_str name;        /* 1 to 40 letters, digits, '-', '_'; no name of the house */
    const char *model;  /* FILE.onnx */
    const char *config; /* NULL: FILE.onnx.json */
    ft_str speaker;     /* of several: name or number */
    ft_str sex;         /* "Female", "Male" or empty: not told */
    ft_str lang;        /* "en-US"; empty: what its configuration says */
} ft_voice_new;

/* Read, tried with a sound, kept. `about` gets a sentence of what it is. FT_EEXIST for a name that
 * is taken; refusals of ft_vits_config_read and ft_vits_network_new. */
ft_err ft_voice_add(ft_str *about, ft_store *s, ft_arena *arena, const ft_voice_new *voice);
ft_err ft_voice_remove(ft_store *s, ft_str name); /* FT_ENOTFOUND */

/* Was it added, or is it one of the house's rows? */
bool ft_voice_is_added(const ft_voice *voice);

/* FT_ENOTFOUND without a trail. */
ft_err ft_voice_added(const ft_voice **out, ft_str name);
/* All voices: the house's, then those that were added, by name. */
ft_err ft_voices_all(const ft_voice ***out, size_t *count, ft_arena *arena);

#endif
