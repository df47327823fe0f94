/* prosody.h -- how long each sound lasts and how its pitch runs: an engine's own durations and F0,
 * bent by manners (SSML) and by a style.
 *
 * The engine says what it would do by itself; what comes out is a time line: for every moment of
 * the new speech, the moment of the engine's that it is made of, and what to do to F0 and level
 * there. No samples are stretched: the engine's frames are read at another pace.
 *
 * Sources of the style's rules: J. 't Hart, R. Collier, A. Cohen, "A Perceptual Study of
 * Intonation" (1990): declination and reset; C. W. Wightman et al., JASA 91 (1992): final
 * lengthening; E. Rodero (2015) and docs/news-style.md: pauses, rate and range of news readers.
 * Threads: any. */
#ifndef FT_SPEECH_PROSODY_H
#define FT_SPEECH_PROSODY_H

#include "speech/phones.h"
#include "speech/voice.h"

typedef struct ft_segment { /* one sound, or a silence */
    const ft_phone_row *phone;
    int item; /* of the sentence; of a silence: the one before it, -1 at the opening */
    bool stressed;
    double from_s, to_s; /* in the engine's own time */
    /* Found by ft_prosody_plan: */
    double start_s, end_s; /* in the new time */
    double shift, range;   /* log F0: added; factor of its distance from the mean */
    double bump;           /* log F0 at the segment's middle, falling to its ends */
    double level;          /* log amplitude */
} ft_segment;

typedef struct ft_prosody {
    ft_segment *segments;
    size_t count;
    double length_s;
    double f0_mean; /* log Hz of the voice */
    /* Of the engine's own pause at the end, where that is a phrase's; 0: 1. */
    double phrase_pause;
    const ft_style *style;
} ft_prosody;

/* Fill in what is found. `style` may be NULL. Behind the last word stands the pause that the
 * sentence asks for. */
void ft_prosody_plan(ft_prosody *p, const ft_sentence *sentence, const ft_style *style);

typedef struct ft_moment { /* of the new speech */
    double from_s;         /* in the engine's time; negative: silence */
    double log_shift;      /* what log F0 becomes: mean + (log F0 - mean) * range + shift */
    double range;
    double level;
    double breath;           /* 0: none, 1: at its loudest; silences only */
    const ft_manner *manner; /* NULL: silence */
} ft_moment;

/* Moments must be asked for in order: `*at` remembers the segment, 0 at first. */
ft_moment ft_prosody_at(const ft_prosody *p, const ft_sentence *sentence, double time_s,
                        size_t *at);

#endif
