/* psola.h -- recorded or synthesised sound said at another pace and pitch: pieces of two periods
 * around each pulse of the voice, laid out anew.
 *
 * For engines that give samples and no parameters. Where nothing is asked for, what comes out is
 * what went in. A longer vocal tract reads each piece more slowly; a whisper lays the pieces out at
 * random; neither touches pace or pitch.
 *
 * Source: E. Moulines, F. Charpentier, "Pitch-synchronous waveform processing techniques for
 * text-to-speech synthesis using diphones", Speech Communication 9 (1990). Threads: a read sound is
 * immutable. Memory: the arena. */
#ifndef FT_PSOLA_H
#define FT_PSOLA_H

#include "speech/prosody.h"

typedef struct ft_pulse {
    size_t at; /* sample */
    bool voiced;
    float loud; /* log RMS around it */
} ft_pulse;

typedef struct ft_psola {
    const int16_t *samples;
    size_t count;
    int rate_hz;
    ft_pulse *pulses; /* in order; the first at 0, the last at `count` */
    size_t pulse_count;
    double f0_mean; /* log Hz over the voiced pulses */
    double loud_mean;
} ft_psola;

/* `samples` must outlive it. */
ft_err ft_psola_read(ft_psola *out, ft_arena *arena, const int16_t *samples, size_t count,
                     int rate_hz);
/* The sound along a planned time line, piece by piece. */
ft_err ft_psola_speak(const ft_psola *w, const ft_prosody *p, const ft_sentence *sentence,
                      const ft_listener *to, ft_arena *arena);

#endif
