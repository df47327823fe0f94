/* phrases.h -- where a long sentence may be cut, so that its first phrase is heard while the next
 * is thought out: behind the pauses that its marks ask for, or where it goes on for too long.
 *
 * Threads: one at a time. Memory: a phrase. */
#ifndef FT_PHRASES_H
#define FT_PHRASES_H

#include "speech/voice.h"

/* The item behind the phrase that begins with item `first`; the sentence's count for the last one.
 * Marks and breaks belong to the word before them. */
size_t ft_phrase_end(const ft_sentence *s, size_t first);

/* Say a phrase: tell `to` of times from the phrase's begin and of its own items; `length_s` gets
 * how long it takes. The arena is the phrase's. */
typedef ft_err (*ft_phrase_speak)(void *ctx, double *length_s, const ft_sentence *phrase,
                                  const ft_listener *to, ft_arena *arena);
/* Every phrase of a sentence in turn; `to` hears of the sentence's times and items. */
ft_err ft_phrases_speak(const ft_sentence *sentence, const ft_listener *to, ft_phrase_speak speak,
                        void *ctx);

#endif
