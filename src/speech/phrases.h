/* phrases.h -- where a long sentence may be cut, so that its first phrase is heard while the next
 * is thought out: behind the pauses that its marks ask for, or where it goes on for too long.
 *
 * Threads: any. Memory: none. */
#ifndef FT_PHRASES_H
#define FT_PHRASES_H

#include "speech/words.h"

/* The item behind the phrase that begins with item `first`; the sentence's count for the last one.
 * Marks and breaks belong to the word before them. */
size_t ft_phrase_end(const ft_sentence *s, size_t first);

#endif
