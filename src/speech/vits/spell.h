/* spell.h -- a sentence as the signs that a neural voice knows: IPA from espeak-ng's process, or
 * letters; and as the numbers that its network takes.
 *
 * espeak-ng pronounces a clause as a whole ("on the" is one breath); which sound belongs to which
 * word is found by laying the clause beside its words said alone (the alignment of least edits).
 * Phonemes that the text gives itself are passed through.
 *
 * Threads: one at a time. Memory: the arena. */
#ifndef FT_VITS_SPELL_H
#define FT_VITS_SPELL_H

#include "speech/espeak_in.h"
#include "speech/vits/config.h"
#include "speech/words.h"

#define FT_VITS_IDS_MAX 4096 /* of one run of the network */

typedef struct ft_vits_sound {
    uint32_t sign;
    int item; /* of the sentence; -1: a pause's sign */
} ft_vits_sound;

typedef struct ft_vits_spelling {
    ft_vits_sound *sounds;
    size_t count, room;
    size_t unknown; /* signs that the voice does not have: left out */
    uint32_t unknown_sign;
    int64_t *ids; /* what the network takes */
    int *sound;   /* the sound of each; -1: begin and end */
    size_t id_count;
} ft_vits_spelling;

typedef struct ft_vits_speller {
    const ft_vits_config *config;
    ft_espeak_process process; /* not started for letters */
    ft_espeak_answer answer;
} ft_vits_speller;

/* FT_EABSENT names espeak-ng's package; FT_EPARSE phonemes that are none; FT_ETOOBIG. */
ft_err ft_vits_spell(ft_vits_spelling *out, ft_vits_speller *s, const ft_sentence *sentence,
                     ft_arena *arena);
void ft_vits_speller_fini(ft_vits_speller *s);

#endif
