/* abbreviation_in.h -- short forms, and whose dot ends no sentence. Private to speech. */
#ifndef FT_SPEECH_ABBREVIATION_IN_H
#define FT_SPEECH_ABBREVIATION_IN_H

#include "speech/say/say_in.h"

/* A row's conditions; a row without any is taken wherever it stands. */
enum {
    FT_ABBREVIATION_DOT = 1,         /* a dot behind */
    FT_ABBREVIATION_CAPITAL = 2,     /* written with a capital */
    FT_ABBREVIATION_NUMBER = 4,      /* a number behind */
    FT_ABBREVIATION_NAME = 8,        /* a word with a capital behind */
    FT_ABBREVIATION_AFTER_NAME = 16, /* the name of a street before */
    FT_ABBREVIATION_EXACT = 32,      /* small letters only */
    FT_ABBREVIATION_KEEPS = 64,      /* its dot never ends a sentence */
    FT_ABBREVIATION_AFTER_NUMBER = 128,
    FT_ABBREVIATION_AFTER_ORDINAL = 256, /* "21st" before */
    FT_ABBREVIATION_AFTER_THING = 512,   /* what has a number before: "confirmation" */
    FT_ABBREVIATION_BEFORE_ORDINAL = 2048,
    FT_ABBREVIATION_AFTER_ROAD = 1024, /* a road before, or a house's number and a road behind */
};

typedef struct ft_abbreviation {
    const char *written, *said;
    int flags;
} ft_abbreviation;

typedef struct ft_state {
    const char *code, *name;
    const char *spanish; /* NULL: as in English */
} ft_state;

/* Each ends with a row of NULL. */
extern const ft_abbreviation ft_abbreviations_english[], ft_abbreviations_spanish[];
extern const ft_state ft_states[];

/* Does the dot behind `t` belong to a short form, and end no sentence? `tokens`: the first of the
 * text that `t` is of; `next`: NULL at its end. */
bool ft_abbreviation_keeps_dot(const ft_token *tokens, const ft_token *t, const ft_token *next,
                               int tongue, bool (*is_function_word)(ft_str));

#endif
