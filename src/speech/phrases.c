/* phrases.c -- see phrases.h. */
#include "speech/phrases.h"

#define WORDS_MIN  4  /* a shorter phrase is not cut off */
#define WORDS_LEFT 3  /* nor a shorter rest left */
#define WORDS_MAX  40 /* more in one breath nobody says */

static size_t words_from(const ft_sentence *s, size_t from) {
    size_t words = 0;
    for (size_t i = from; i < s->count; i++) words += s->items[i].kind == FT_ITEM_WORD;
    return words;
}

/* The next word behind item `i`, or the end; `breaks`: something is silent on the way. */
static size_t next_word(const ft_sentence *s, size_t i, bool *breaks) {
    for (i++; i < s->count && s->items[i].kind != FT_ITEM_WORD; i++)
        *breaks = *breaks || s->items[i].kind != FT_ITEM_MARK;
    return i;
}

size_t ft_phrase_end(const ft_sentence *s, size_t first) {
    size_t words = 0, left = words_from(s, first);
    for (size_t i = first; i < s->count; i++) {
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        words++;
        left--;
        bool pause = s->items[i].word.pause != FT_PAUSE_NONE;
        size_t next = next_word(s, i, &pause);
        bool whole = pause && words >= WORDS_MIN && left >= WORDS_LEFT;
        if (whole || (words >= WORDS_MAX && left > 0)) return next;
    }
    return s->count;
}
