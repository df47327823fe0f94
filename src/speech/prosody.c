/* prosody.c -- see prosody.h. */
#include "speech/prosody.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

#define DB_TO_LOG (M_LN10 / 20)
#define FADE_S    0.08
#define SAME_S    1e-6
#define BREATH_S  0.15    /* the shortest pause with room for a breath */
#define SILENT    (-25.0) /* log amplitude of what is not to be heard */

static const ft_word *word_of(const ft_sentence *s, int item) {
    bool is_word = item >= 0 && s->items[item].kind == FT_ITEM_WORD;
    return is_word ? &s->items[item].word : NULL;
}

static bool is_silence(const ft_segment *g) { return ft_phone_silent(g->phone); }

/* ---- how long */

static double style_pause(const ft_style *style, const ft_word *w) {
    switch (w->pause) {
    case FT_PAUSE_MINOR:
        return style->minor_ms / 1000.0;
    case FT_PAUSE_MAJOR:
        return style->major_ms / 1000.0;
    case FT_PAUSE_FULL:
        return style->full_ms / 1000.0;
    default:
        return style->minor_ms / 2000.0; /* the engine made a phrase end here */
    }
}

static const ft_manner *opening_manner(const ft_prosody *p, const ft_sentence *s) {
    const ft_word *w = p->count > 1 ? word_of(s, p->segments[1].item) : NULL;
    return w ? w->manner : NULL;
}

static double opening_length(const ft_prosody *p, const ft_sentence *s, const ft_segment *g) {
    const ft_manner *m = opening_manner(p, s);
    return m ? (g->to_s - g->from_s) / m->rate : 0;
}

static double silence_length(const ft_prosody *p, const ft_sentence *s, const ft_segment *g,
                             bool last) {
    const ft_style *style = p->style;
    const ft_word *w = word_of(s, g->item);
    double own = g->to_s - g->from_s;
    if (g->item < 0) return opening_length(p, s, g);
    if (!w) return s->items[g->item].ms / 1000.0;
    bool phrase = last && w->pause != FT_PAUSE_FULL;
    if (phrase && p->phrase_pause > 0) own *= p->phrase_pause;
    if (!last || phrase) return (style ? style_pause(style, w) : own) / w->manner->rate;
    double full = style ? (s->paragraph_end ? style->paragraph_ms : style->full_ms) / 1000.0
                        : own * (s->paragraph_end ? 2 : 1);
    return full / w->manner->rate;
}

static const double emphasis_length[] = { 0.9, 1, 1.12, 1.25 };
static const double emphasis_pitch[] = { -0.06, 0, 0.10, 0.20 }; /* log Hz */
#define EMPHASIS_WHOLE 0.4 /* of that over the whole word, all of it on the stressed syllable */
static const double emphasis_db[] = { -3, 0, 2, 4 };

/* Is this segment in the last syllable before a silence? */
static bool is_final(const ft_prosody *p, size_t i) {
    for (size_t vowels = 0; i < p->count && !is_silence(&p->segments[i]); i++) {
        vowels += p->segments[i].phone->vowel;
        if (vowels > 1) return false;
    }
    return true;
}

static double sound_length(const ft_prosody *p, size_t i, const ft_word *w) {
    const ft_segment *g = &p->segments[i];
    const ft_manner *m = w->manner;
    double length = (g->to_s - g->from_s) / m->rate;
    if (g->phone->vowel) length *= emphasis_length[m->emphasis + 1];
    if (!p->style) return length;
    length /= p->style->rate;
    if (is_final(p, i)) length *= p->style->final_lengthening;
    if (w->new_information && g->stressed) length *= p->style->new_stretch;
    return length;
}

/* ---- how high and how loud */

static double level_of(const ft_manner *m) {
    double own = isfinite(m->volume_db) ? m->volume_db * DB_TO_LOG : SILENT;
    return own + emphasis_db[m->emphasis + 1] * DB_TO_LOG;
}

static void sound_tone(ft_segment *g, const ft_word *w, const ft_style *style) {
    const ft_manner *m = w->manner;
    g->shift = log(m->pitch) + EMPHASIS_WHOLE * emphasis_pitch[m->emphasis + 1];
    g->range = m->range;
    g->level = level_of(m);
    if (g->stressed) g->bump = emphasis_pitch[m->emphasis + 1];
    if (!style) return;
    g->shift += log(style->pitch);
    g->range *= style->range;
    if (w->new_information && g->stressed) g->bump += style->new_rise;
}

void ft_prosody_plan(ft_prosody *p, const ft_sentence *sentence, const ft_style *style) {
    double now = 0;
    p->style = style;
    for (size_t i = 0; i < p->count; i++) {
        ft_segment *g = &p->segments[i];
        const ft_word *w = word_of(sentence, g->item);
        bool last = i + 1 == p->count;
        double length;
        g->range = 1;
        if (is_silence(g)) {
            length = silence_length(p, sentence, g, last);
        } else {
            FT_CHECK(w);
            length = sound_length(p, i, w);
            sound_tone(g, w, style);
        }
        g->start_s = now;
        g->end_s = now += length;
    }
    p->length_s = now;
}

/* ---- a moment */

/* A breath that was asked for, or a pause long enough for one where they are wanted. */
static bool is_breath(const ft_sentence *s, const ft_segment *g) {
    const ft_word *w = word_of(s, g->item);
    if (w) return w->manner->breaths && g->end_s - g->start_s >= BREATH_S;
    return g->item >= 0 && s->items[g->item].kind == FT_ITEM_BREATH;
}

/* Where the phrase that holds segment `at` begins and ends. */
static void phrase_of(const ft_prosody *p, size_t at, double *start_s, double *end_s) {
    size_t first = at, last = at;
    while (first > 0 && !is_silence(&p->segments[first - 1])) first--;
    while (last + 1 < p->count && !is_silence(&p->segments[last + 1])) last++;
    *start_s = p->segments[first].start_s;
    *end_s = p->segments[last].end_s;
}

/* Pitch is reset at a phrase's begin and runs down to its end. */
static double declined(const ft_prosody *p, size_t at, double time_s) {
    double start, end;
    phrase_of(p, at, &start, &end);
    double through = end > start ? (time_s - start) / (end - start) : 0;
    return p->style->reset * (1 - through) - p->style->declination * (time_s - start);
}

/* What the engine has before the first word. */
static ft_moment opening_moment(ft_moment out, const ft_prosody *p, const ft_sentence *s) {
    out.manner = opening_manner(p, s);
    out.level = out.manner ? level_of(out.manner) : SILENT;
    return out;
}

/* Behind a word, what the engine has there dies away: the end of a sound may lie in it. A pause
 * that nothing changes stays the engine's own. */
static ft_moment silent_moment(ft_moment out, const ft_segment *g, const ft_sentence *s,
                               double since_s) {
    const ft_word *w = word_of(s, g->item);
    if (is_breath(s, g)) out.breath = sin(M_PI * since_s / (g->end_s - g->start_s));
    bool own = w && fabs((g->end_s - g->start_s) - (g->to_s - g->from_s)) < SAME_S;
    out.from_s = own || (w && since_s < FADE_S) ? g->from_s + since_s : -1;
    out.manner = w ? w->manner : NULL;
    out.level = (w ? level_of(w->manner) : 0) + (own ? 0 : SILENT * since_s / FADE_S);
    return out;
}

ft_moment ft_prosody_at(const ft_prosody *p, const ft_sentence *sentence, double time_s,
                        size_t *at) {
    while (*at + 1 < p->count && time_s >= p->segments[*at].end_s) ++*at;
    const ft_segment *g = &p->segments[*at];
    double length = g->end_s - g->start_s;
    double through = length > 0 ? (time_s - g->start_s) / length : 0;
    if (through > 1) through = 1;
    ft_moment out = { .from_s = g->from_s + through * (g->to_s - g->from_s), .range = g->range };
    if (is_silence(g)) {
        if (g->item < 0) return opening_moment(out, p, sentence);
        return silent_moment(out, g, sentence, time_s - g->start_s);
    }
    out.manner = word_of(sentence, g->item)->manner;
    out.level = g->level;
    out.log_shift = g->shift + g->bump * sin(M_PI * through);
    if (p->style) out.log_shift += declined(p, *at, time_s);
    return out;
}
