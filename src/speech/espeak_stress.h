/* espeak_stress.h -- which vowels of espeak-ng's words are stressed: its events do not say, its
 * spelling of the words does. Private to the engine. Threads: as the process. */
#ifndef FT_ESPEAK_STRESS_H
#define FT_ESPEAK_STRESS_H

#include "speech/espeak_in.h"
#include "speech/segments.h"

/* Mark the stressed vowels of `l`, the sounds of its sentence. Each word is asked for alone, so
 * that articles have their stress, too; of given phonemes theirs is taken. Where the spelling has
 * other vowels than what was said, they are counted from the word's end; a word without any stress
 * has it on its longest vowel. `spelling`: the caller's buffers. Errors as ft_espeak_spell. */
ft_err ft_espeak_stress(ft_segment_list *l, ft_espeak_process *p, ft_espeak_answer *spelling,
                        const char *voice);

#endif
