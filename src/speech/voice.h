/* voice.h -- who speaks. A voice is a row (voices.c): Polly's name, what really speaks, language,
 * sex. An engine is a file with one exported struct: flite in process, espeak-ng as a supervised
 * process, a network of the user's own.
 *
 * An engine gets a sentence of words with their manners and gives samples and the times of phones
 * and words, piece by piece: the first samples come while the rest is made. Manner is carried out
 * in the engine's own parameters (durations, F0, energy of its frames), not by resampling.
 *
 * Threads: a voice row is immutable; an open engine belongs to one thread at a time. */
#ifndef FT_SPEECH_VOICE_H
#define FT_SPEECH_VOICE_H

#include "speech/words.h"

typedef struct ft_phone {
    const char *ipa;
    const char *viseme;    /* Polly's: "p", "t", "S" …, "sil" */
    double start_s, end_s; /* from the sentence's begin */
    int item;              /* of the sentence, or -1: silence */
} ft_phone;

typedef struct ft_timed { /* an item's time: word, mark, break */
    int item;
    double start_s, end_s;
} ft_timed;

/* What an engine says, in order of time. Each may return an error, which ends the sentence. */
typedef struct ft_listener {
    ft_err (*samples)(void *ctx, const int16_t *samples, size_t count);
    /* Before the samples that they belong to. May be NULL. */
    ft_err (*phone)(void *ctx, const ft_phone *phone);
    ft_err (*item)(void *ctx, const ft_timed *timed);
    void *ctx;
} ft_listener;

struct ft_voice;
struct ft_style;

typedef struct ft_engine {
    const char *name; /* "flite" */
    const char *doc;
    /* Ready to speak as `voice`; FT_EABSENT names the package. */
    ft_err (*open)(void **out, const struct ft_voice *voice);
    int (*rate_hz)(const void *engine);
    /* `style` NULL: as the engine speaks by itself, apart from manners. */
    ft_err (*speak)(void *engine, const ft_sentence *sentence, const struct ft_style *style,
                    const ft_listener *to, ft_arena *arena);
    void (*close)(void *engine);
} ft_engine;

typedef struct ft_voice {
    const char *id;      /* Polly's: "Joanna" */
    const char *speaker; /* what really speaks: "flite slt", "espeak-ng es-419+f2" */
    const ft_engine *engine;
    const char *engine_voice; /* its name there */
    const char *sex;          /* "Female", "Male"; empty: not told */
    const char *lang;         /* "en-US" */
    const char *lang_name;    /* "US English" */
    bool neural, standard;    /* Polly's SupportedEngines that the name answers to */
    bool news;
} ft_voice;

extern const ft_voice ft_voices[]; /* ends with a NULL id */
/* By id, case-sensitive as Polly's: the house's or one that was added (added.h); FT_ENOTFOUND with
 * the nearest name. */
ft_err ft_voice_find(const ft_voice **out, ft_str id);

/* A way of speaking as numbers over the engine's own durations and F0 (voices.c,
 * docs/news-style.md). */
typedef struct ft_style {
    const char *name; /* "news", "conversational" */
    const char *doc;
    double rate;              /* of speech, pauses not counted */
    double pitch, range;      /* of F0's mean and of its deviation (in log Hz) */
    double declination;       /* log Hz a second over a sentence */
    double reset;             /* log Hz up at a phrase's begin */
    double final_lengthening; /* of the last syllable before a pause */
    double new_rise;          /* log Hz on the stressed syllable of new information */
    double new_stretch;
    int minor_ms, major_ms, full_ms, paragraph_ms; /* pauses */
} ft_style;
const ft_style *ft_style_find(ft_str name); /* NULL: unknown */

#endif
