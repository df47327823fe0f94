/* espeak.c -- the engine "espeak": espeak-ng's formant voices, in a process of their own.
 *
 * espeak-ng says a sentence in its own way and gives samples with the times of words and sounds;
 * manners and styles are carried out here, on those samples (psola.h), by the same plan (prosody.h)
 * as everybody's. It says a minute in 50 ms, so a phrase is heard whole before its first piece is
 * handed on, and one that was cut off by the process's death is simply said again.
 *
 * Which vowels are stressed its sounds do not say; where it matters, its spelling is asked for
 * (espeak_stress.h). */
#include "speech/espeak.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "speech/espeak_in.h"
#include "speech/espeak_stress.h"
#include "speech/phrases.h"
#include "speech/psola.h"
#include "speech/segments.h"

typedef struct engine {
    const char *voice;
    ft_espeak_process process;
    ft_espeak_answer answer, spelling;
} engine;

/* ---- what is asked */

/* The text, and which item each of its characters belongs to. */
typedef struct wording {
    ft_buf text;
    uint32_t *first; /* character at which item i begins */
    uint32_t chars;
    bool phonemes;
} wording;

static void write_text(wording *t, ft_str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if ((unsigned char)c < ' ' || c == '[' || c == ']') c = ' '; /* "[[" begins phonemes */
        ft_buf_byte(&t->text, c);
        t->chars += ((unsigned char)c & 0xc0) != 0x80;
    }
}

static ft_err write_word(wording *t, const char *voice, const ft_word *w) {
    for (size_t k = 0; k < w->spoken_count; k++) {
        const ft_spoken *s = &w->spoken[k];
        if (t->chars) write_text(t, FT_STR(" "));
        bool pause = s->pause != FT_PAUSE_NONE && k + 1 < w->spoken_count;
        if (!s->phonemes.len) {
            write_text(t, s->text);
            if (pause) write_text(t, FT_STR(","));
            continue;
        }
        size_t begun = t->text.len;
        ft_buf_add(&t->text, FT_STR("[["));
        FT_TRY(ft_espeak_phones_from(&t->text, voice, s->phonemes, s->alphabet));
        ft_buf_add(&t->text, FT_STR("]]"));
        t->chars += (uint32_t)(t->text.len - begun);
        t->phonemes = true;
    }
    return FT_OK;
}

static const char *punctuation(const ft_sentence *s, size_t item) {
    const ft_word *w = &s->items[item].word;
    if (w->pause == FT_PAUSE_FULL) return w->ending == '?' ? "?" : w->ending == '!' ? "!" : ".";
    if (w->pause == FT_PAUSE_MAJOR) return ";";
    return w->pause == FT_PAUSE_MINOR || ft_segments_break_behind(s, item) ? "," : "";
}

static ft_err word_sentence(wording *t, const char *voice, const ft_sentence *s, ft_arena *arena) {
    FT_TRY(ft_arena_items(&t->first, arena, s->count + 1));
    for (size_t i = 0; i < s->count; i++) {
        t->first[i] = t->chars + (t->chars > 0); /* behind the blank */
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        FT_TRY(write_word(t, voice, &s->items[i].word));
        write_text(t, ft_str_of(punctuation(s, i)));
    }
    return t->text.err;
}

/* ---- what is heard */

typedef struct hearing {
    ft_segment_list sounds;
    const ft_sentence *s;
    const wording *t;
    double rate;
    int item;           /* of the word being said; -1 before the first */
    double word_s;      /* when it began, until its first sound; negative then */
    ft_segment pending; /* the sound whose end is not known yet */
    bool any;
} hearing;

/* The word that holds a character; never one before the last. */
static int item_at(const hearing *h, uint32_t at_char) {
    int found = h->item;
    for (size_t i = (size_t)(h->item < 0 ? 0 : h->item); i < h->s->count; i++) {
        if (h->t->first[i] > at_char) break;
        if (h->s->items[i].kind == FT_ITEM_WORD && h->s->items[i].word.spoken_count) found = (int)i;
    }
    return found;
}

static ft_err end_pending(hearing *h, double end_s) {
    if (!h->any) return FT_OK;
    h->pending.to_s = end_s > h->pending.from_s ? end_s : h->pending.from_s;
    return ft_segments_take(&h->sounds, h->pending);
}

static ft_err hear_event(hearing *h, const ft_espeak_event *e) {
    double time_s = e->sample / h->rate;
    if (e->word) {
        int item = item_at(h, e->at_char);
        if (item == h->item) return FT_OK;
        h->item = item;
        h->word_s = time_s;
        return FT_OK;
    }
    size_t len = strnlen(e->ipa, sizeof e->ipa);
    const ft_phone_row *phone = ft_espeak_phone(ft_str_n(e->ipa, len));
    bool is_silent = ft_phone_silent(phone) || h->item < 0;
    bool begins = !is_silent && h->word_s >= 0 && (!h->any || h->word_s >= h->pending.from_s);
    double from_s = begins ? h->word_s : time_s; /* a stop's closure is part of it */
    if (is_silent && h->any && h->pending.item < 0) return FT_OK; /* one silence */
    FT_TRY(end_pending(h, from_s));
    h->pending = (ft_segment){ .phone = is_silent ? ft_phone_find("pau") : phone,
                               .item = is_silent ? -1 : h->item,
                               .from_s = from_s };
    h->any = true;
    if (!is_silent) h->word_s = -1;
    return FT_OK;
}

static ft_err hear(hearing *h, const ft_espeak_answer *a) {
    const ft_espeak_event *events = (const ft_espeak_event *)(const void *)a->events.at;
    size_t count = a->events.len / sizeof *events;
    double end_s = (double)(a->samples.len / sizeof(int16_t)) / a->rate_hz;
    for (size_t i = 0; i < count; i++) FT_TRY(hear_event(h, &events[i]));
    FT_TRY(end_pending(h, end_s));
    if (h->sounds.word >= 0 && !ft_phone_silent(h->sounds.segments[h->sounds.count - 1].phone))
        FT_TRY(ft_segments_take(&h->sounds, (ft_segment){ .phone = ft_phone_find("pau"),
                                                          .item = -1,
                                                          .from_s = end_s,
                                                          .to_s = end_s }));
    FT_TRY(ft_segments_end(&h->sounds));
    return FT_OK;
}

/* ---- speaking */

/* A sentence being said phrase by phrase: espeak-ng's own clauses. */
typedef struct saying {
    engine *e;
    const ft_style *style;
} saying;

static ft_err speak_heard(const saying *k, double *length_s, ft_segment_list *sounds,
                          const ft_listener *to, ft_arena *arena) {
    const ft_espeak_answer *a = &k->e->answer;
    ft_psola w = { 0 };
    ft_prosody p = { .segments = sounds->segments, .count = sounds->count };
    if (to->samples) {
        const int16_t *samples = (const int16_t *)(const void *)a->samples.at;
        FT_TRY(ft_psola_read(&w, arena, samples, a->samples.len / sizeof *samples, a->rate_hz));
        p.f0_mean = w.f0_mean;
    }
    ft_prosody_plan(&p, sounds->sentence, k->style);
    *length_s = floor(p.length_s * a->rate_hz + 0.5) / a->rate_hz; /* whole samples are said */
    FT_TRY(ft_segments_tell(&p, sounds->sentence, to));
    return to->samples ? ft_psola_speak(&w, &p, sounds->sentence, to, arena) : FT_OK;
}

/* Styles and emphasis work on stressed vowels. */
static bool needs_stress(const ft_style *style, const ft_sentence *s) {
    for (size_t i = 0; !style && i < s->count; i++)
        if (s->items[i].kind == FT_ITEM_WORD && s->items[i].word.manner->emphasis != 0) return true;
    return style != NULL;
}

static ft_err speak_phrase(void *ctx, double *length_s, const ft_sentence *phrase,
                           const ft_listener *to, ft_arena *arena) {
    const saying *k = ctx;
    engine *e = k->e;
    ft_err err;
    wording text = { 0 };
    hearing h = { .s = phrase, .t = &text, .item = -1, .word_s = -1 };
    ft_segments_init(&h.sounds, phrase, arena);
    FT_GOTO(err, word_sentence(&text, e->voice, phrase, arena));
    FT_GOTO(err, ft_espeak_say(&e->process, &e->answer, e->voice, ft_buf_str(&text.text),
                               text.phonemes));
    h.rate = e->answer.rate_hz;
    FT_GOTO(err, hear(&h, &e->answer));
    if (needs_stress(k->style, phrase))
        FT_GOTO(err, ft_espeak_stress(&h.sounds, &e->process, &e->spelling, e->voice));
    FT_GOTO(err, speak_heard(k, length_s, &h.sounds, to, arena));
done:
    ft_buf_fini(&text.text);
    return err;
}

static ft_err espeak_speak(void *self, const ft_sentence *sentence, const ft_style *style,
                           const ft_listener *to, ft_arena *arena) {
    saying k = { .e = self, .style = style };
    FT_UNUSED(arena); /* a phrase has its own */
    return ft_phrases_speak(sentence, to, speak_phrase, &k);
}

static void espeak_close(void *self) {
    engine *e = self;
    ft_espeak_process_end(&e->process);
    ft_espeak_answer_fini(&e->answer);
    ft_espeak_answer_fini(&e->spelling);
    free(e);
}

static ft_err espeak_open(void **out, const ft_voice *voice) {
    *out = NULL;
    engine *e = ft_fault_here() ? NULL : calloc(1, sizeof *e);
    if (!e) return FT_FAIL(FT_ENOMEM, "no memory for a voice");
    e->voice = voice->engine_voice;
    ft_err err = ft_espeak_say(&e->process, &e->answer, e->voice, (ft_str){ 0 }, false);
    if (err != FT_OK) {
        espeak_close(e);
        return err;
    }
    *out = e;
    return FT_OK;
}

static int espeak_rate_hz(const void *self) { return ((const engine *)self)->answer.rate_hz; }

int ft_espeak_pid(const void *self) { return ((const engine *)self)->process.pid; }

const ft_engine ft_engine_espeak = { "espeak",     "espeak-ng's formant voices, as a process",
                                     espeak_open,  espeak_rate_hz,
                                     espeak_speak, espeak_close };
