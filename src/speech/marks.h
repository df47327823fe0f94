/* marks.h -- speech marks: what is said when, as Polly's JSON lines.
 *
 *     {"time":6,"type":"word","start":0,"end":4,"value":"Mary"}
 *
 * Times are milliseconds from the begin of the sound, places are bytes of the input as it was
 * given, markup included. Marks of a sentence are collected, put in order of time and handed on
 * together.
 *
 * Threads: one at a time. Memory: the marks of one sentence, in its arena. */
#ifndef FT_SPEECH_MARKS_H
#define FT_SPEECH_MARKS_H

#include "base/buf.h"
#include "speech/voice.h"

typedef enum ft_marks {
    FT_MARKS_SENTENCE = 1,
    FT_MARKS_WORD = 2,
    FT_MARKS_SSML = 4,
    FT_MARKS_VISEME = 8
} ft_marks;

typedef struct ft_mark_list {
    ft_arena *arena;
    unsigned wanted; /* ft_marks */
    struct ft_mark *marks;
    size_t count, capacity;
} ft_mark_list;

ft_err ft_marks_sentence(ft_mark_list *l, double time_s, const ft_sentence *s, ft_str input);
ft_err ft_marks_item(ft_mark_list *l, double time_s, const ft_item *item);
ft_err ft_marks_phone(ft_mark_list *l, double time_s, const ft_phone *phone);
/* Lines in order of time, each with its '\n', appended; the list is empty then. */
ft_err ft_marks_write(ft_buf *out, ft_mark_list *l);

#endif
