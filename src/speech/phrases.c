/* phrases.c -- see phrases.h. */
#include "speech/phrases.h"

#define WORDS_MIN  4  /* a shorter phrase is not cut off */
#define WORDS_LEFT 3  /* nor a shorter rest left */
#define WORDS_MAX  40 /* more in one breath nobody says */
#define SPOKEN_MAX 80 /* "$1,250.50" is nine words as it is said */

#define PHRASE_BYTES ((size_t)128 << 20)

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
    size_t words = 0, spoken = 0, left = words_from(s, first);
    for (size_t i = first; i < s->count; i++) {
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        words++;
        left--;
        spoken += ft_word_weight(&s->items[i].word);
        bool pause = s->items[i].word.pause != FT_PAUSE_NONE;
        size_t next = next_word(s, i, &pause);
        bool whole = pause && words >= WORDS_MIN && left >= WORDS_LEFT;
        bool enough = words >= WORDS_MAX || spoken >= SPOKEN_MAX;
        if (whole || (enough && left > 0)) return next;
    }
    return s->count;
}

/* ---- one behind the other */

typedef struct phrasing {
    const ft_listener *to;
    double now_s; /* where the phrase begins */
    size_t first; /* and its first item */
} phrasing;

static ft_err on_samples(void *ctx, const int16_t *samples, size_t count) {
    const phrasing *k = ctx;
    return k->to->samples(k->to->ctx, samples, count);
}

static ft_err on_phone(void *ctx, const ft_phone *phone) {
    const phrasing *k = ctx;
    ft_phone later = *phone;
    later.start_s += k->now_s;
    later.end_s += k->now_s;
    if (later.item >= 0) later.item += (int)k->first;
    return k->to->phone(k->to->ctx, &later);
}

static ft_err on_item(void *ctx, const ft_timed *timed) {
    const phrasing *k = ctx;
    ft_timed later = { timed->item + (int)k->first, timed->start_s + k->now_s,
                       timed->end_s + k->now_s };
    return k->to->item(k->to->ctx, &later);
}

ft_err ft_phrases_speak(const ft_sentence *sentence, const ft_listener *to, ft_phrase_speak speak,
                        void *ctx) {
    phrasing k = { .to = to };
    ft_listener own = { to->samples ? on_samples : NULL, to->phone ? on_phone : NULL,
                        to->item ? on_item : NULL, &k };
    ft_arena arena = FT_ARENA_INIT(PHRASE_BYTES);
    ft_err err = FT_OK;
    while (err == FT_OK && k.first < sentence->count) {
        ft_sentence phrase = *sentence;
        size_t end = ft_phrase_end(sentence, k.first);
        double length_s = 0;
        phrase.items += k.first;
        phrase.count = end - k.first;
        phrase.opening = sentence->opening && k.first == 0;
        phrase.paragraph_end = sentence->paragraph_end && end == sentence->count;
        err = speak(ctx, &length_s, &phrase, &own, &arena);
        k.now_s += length_s;
        k.first = end;
        ft_arena_reset(&arena);
    }
    ft_arena_fini(&arena);
    return err;
}
