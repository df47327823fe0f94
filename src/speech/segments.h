/* segments.h -- the sounds of a sentence as an engine gives them, with the breaks that the text
 * asks for between them; and what is told of them once their times are found.
 *
 * Threads: one at a time. Memory: the arena. */
#ifndef FT_SEGMENTS_H
#define FT_SEGMENTS_H

#include "speech/prosody.h"

typedef struct ft_segment_list {
    ft_segment *segments;
    size_t count, capacity;
    int word;     /* item of the last word taken; -1 at first */
    bool opening; /* the engine's silence before the first word is kept, where no break stands */
    const ft_sentence *sentence;
    ft_arena *arena;
} ft_segment_list;

void ft_segments_init(ft_segment_list *l, const ft_sentence *sentence, ft_arena *arena);
/* The engine's next segment, a word's sound or (item < 0) its silence: one before the first word is
 * dropped (but `opening`), one where breaks are becomes those. */
ft_err ft_segments_take(ft_segment_list *l, ft_segment segment);
/* The sentence ends: what has no words at all still has its breaks. */
ft_err ft_segments_end(ft_segment_list *l);
/* Does a break or a breath follow `item` before the next word? */
bool ft_segments_break_behind(const ft_sentence *s, size_t item);

/* Tell a planned sentence's phones, then its items. */
ft_err ft_segments_tell(const ft_prosody *p, const ft_sentence *s, const ft_listener *to);

#endif
