/* segments.c -- see segments.h. */
#include "speech/segments.h"

void ft_segments_init(ft_segment_list *l, const ft_sentence *sentence, ft_arena *arena) {
    *l = (ft_segment_list){ .word = -1, .sentence = sentence, .arena = arena };
}

bool ft_segments_break_behind(const ft_sentence *s, size_t item) {
    for (size_t i = item + 1; i < s->count && s->items[i].kind != FT_ITEM_WORD; i++)
        if (s->items[i].kind != FT_ITEM_MARK) return true;
    return false;
}

static ft_err add(ft_segment_list *l, ft_segment segment) {
    if (l->count == l->capacity) {
        ft_segment *wider;
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        FT_TRY(ft_arena_items(&wider, l->arena, capacity));
        if (l->count) memcpy(wider, l->segments, l->count * sizeof *wider);
        l->segments = wider;
        l->capacity = capacity;
    }
    l->segments[l->count++] = segment;
    return FT_OK;
}

/* Breaks and breaths behind the last word, one silence each. */
static ft_err add_breaks(ft_segment_list *l, double at_s, bool *any) {
    const ft_sentence *s = l->sentence;
    for (size_t i = (size_t)(l->word + 1); i < s->count && s->items[i].kind != FT_ITEM_WORD; i++) {
        if (s->items[i].kind == FT_ITEM_MARK) continue;
        ft_segment silence = {
            .phone = ft_phone_find("pau"), .item = (int)i, .from_s = at_s, .to_s = at_s
        };
        FT_TRY(add(l, silence));
        *any = true;
    }
    return FT_OK;
}

ft_err ft_segments_take(ft_segment_list *l, ft_segment segment) {
    bool silence = segment.item < 0, any = false;
    if (!silence && segment.item != l->word) { /* breaks that the engine made no pause for */
        const ft_segment *before = l->count ? &l->segments[l->count - 1] : NULL;
        bool paused = before && before->item != l->word;
        if (!paused) FT_TRY(add_breaks(l, segment.from_s, &any));
        l->word = segment.item;
    }
    if (!silence) return add(l, segment);
    FT_TRY(add_breaks(l, segment.from_s, &any));
    if (any || (l->word < 0 && !l->opening)) return FT_OK;
    segment.item = l->word; /* -1: the opening */
    return add(l, segment);
}

ft_err ft_segments_end(ft_segment_list *l) {
    bool any = false;
    return l->word < 0 && l->count == 0 ? add_breaks(l, 0, &any) : FT_OK;
}

/* ---- telling times */

static ft_err tell_phones(const ft_prosody *p, const ft_listener *to) {
    for (size_t i = 0; to->phone && i < p->count; i++) {
        const ft_segment *g = &p->segments[i];
        bool opening = g->item < 0 && p->count > 1; /* belongs to the word that it stands before */
        int item = opening ? p->segments[1].item : g->item;
        ft_phone phone = { g->phone->ipa, g->phone->viseme, g->start_s, g->end_s, item };
        if (g->end_s > g->start_s) FT_TRY(to->phone(to->ctx, &phone));
    }
    return FT_OK;
}

/* Words, breaks and breaths begin where their first segment does, marks where the next one begins.
 */
static ft_err tell_items(const ft_prosody *p, const ft_sentence *s, const ft_listener *to) {
    size_t at = 0;
    double now = 0;
    for (size_t i = 0; to->item && i < s->count; i++) {
        ft_timed timed = { (int)i, now, now };
        while (at < p->count && p->segments[at].item < (int)i) now = p->segments[at++].end_s;
        timed.start_s = timed.end_s = now;
        if (s->items[i].kind != FT_ITEM_MARK) {
            bool is_word = s->items[i].kind == FT_ITEM_WORD;
            while (at < p->count && p->segments[at].item == (int)i) {
                const ft_segment *g = &p->segments[at];
                if (is_word && ft_phone_silent(g->phone)) break;
                timed.end_s = now = g->end_s;
                at++;
            }
        }
        FT_TRY(to->item(to->ctx, &timed));
    }
    return FT_OK;
}

ft_err ft_segments_tell(const ft_prosody *p, const ft_sentence *s, const ft_listener *to) {
    FT_TRY(tell_phones(p, to));
    return tell_items(p, s, to);
}
