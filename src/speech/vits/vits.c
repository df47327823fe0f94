/* vits.c -- see vits.h: a sentence spelt, thought out, and said.
 *
 * A sentence is one run of the network: it gives clauses their melody. Pace that is the same for
 * all its words is the network's own (length_scale); where nothing else is asked for, its samples
 * are handed on as they are, breaks between them, louder or softer by a factor. What changes within
 * a sentence, pitch, voice quality and styles are carried out on its samples (psola.h), by the same
 * plan (prosody.h) as everybody's.
 *
 * Samples are not brought to a peak: a sentence's loudest sound is not known before its last. */
#include "speech/vits/vits.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "speech/phrases.h"
#include "speech/psola.h"
#include "speech/vits/segments.h"

#define WORDS_MAX        40   /* more than one breath: phrase by phrase */
#define FULL_S           0.25 /* behind a sentence, at least */
#define PARAGRAPH_S      0.5
#define EDGE_S           0.004 /* of a fade where a break cuts in */
#define CHUNK            1024
#define PACE_MIN         0.2
#define PACE_MAX         5.0
#define CONFIG_ARENA_MAX ((size_t)64 << 20)

typedef struct ft_vits_shared { /* by the open engines of a voice */
    int users;
    ft_arena arena;
    ft_vits_config config;
    ft_vits_network *network;
    int64_t speaker;
} shared;

typedef struct engine {
    ft_vits_voice *voice;
    shared *shared;
    ft_vits_speller speller;
    ft_vits_run *run;
    size_t unknown_told; /* signs that the log knows of */
} engine;

/* ---- life */

static void shared_free(shared *s) {
    if (!s) return;
    ft_vits_network_free(s->network);
    ft_arena_fini(&s->arena);
    free(s);
}

static ft_err shared_new(shared **out, const ft_vits_voice *v) {
    ft_err err;
    ft_str text;
    *out = NULL;
    shared *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a voice");
    s->arena = (ft_arena)FT_ARENA_INIT(CONFIG_ARENA_MAX);
    FT_GOTO(err, ft_file_read(&text, &s->arena, v->config, FT_VITS_CONFIG_BYTES_MAX));
    FT_GOTO(err, ft_vits_config_read(&s->config, &s->arena, text, v->config));
    FT_GOTO(err, ft_vits_speaker_find(&s->speaker, &s->config, ft_str_of(v->speaker)));
    FT_GOTO(err, ft_vits_network_new(&s->network, v->model, &s->config));
    *out = s;
    return FT_OK;
done:
    shared_free(s);
    return err;
}

static ft_err shared_take(shared **out, ft_vits_voice *v) {
    ft_err err = FT_OK;
    pthread_mutex_lock(&v->lock);
    if (!v->shared) err = shared_new(&v->shared, v);
    *out = v->shared;
    if (err == FT_OK) v->shared->users++;
    pthread_mutex_unlock(&v->lock);
    return err;
}

static void shared_give(ft_vits_voice *v) {
    pthread_mutex_lock(&v->lock);
    if (--v->shared->users == 0) {
        shared_free(v->shared);
        v->shared = NULL;
    }
    pthread_mutex_unlock(&v->lock);
}

static void vits_close(void *self) {
    engine *e = self;
    ft_vits_speller_fini(&e->speller);
    ft_vits_run_free(e->run);
    if (e->shared) shared_give(e->voice);
    free(e);
}

static ft_err vits_open(void **out, const ft_voice *voice) {
    ft_err err;
    *out = NULL;
    engine *e = ft_fault_here() ? NULL : calloc(1, sizeof *e);
    if (!e) return FT_FAIL(FT_ENOMEM, "no memory for a voice");
    e->voice = (ft_vits_voice *)(uintptr_t)voice;
    FT_GOTO(err, shared_take(&e->shared, e->voice));
    e->speller.config = &e->shared->config;
    FT_GOTO(err, ft_vits_run_new(&e->run, e->shared->network));
    *out = e;
    return FT_OK;
done:
    vits_close(e);
    return err;
}

static int vits_rate_hz(const void *self) { return ((const engine *)self)->shared->config.rate_hz; }

/* ---- manners */

static const ft_word *word_at(const ft_sentence *s, size_t i) {
    return s->items[i].kind == FT_ITEM_WORD ? &s->items[i].word : NULL;
}

/* The pace of all words; 0 when they differ. */
static double pace_of(const ft_sentence *s) {
    double pace = 0;
    for (size_t i = 0; i < s->count; i++) {
        const ft_word *w = word_at(s, i);
        if (!w) continue;
        if (pace > 0 && w->manner->rate != pace) return 0;
        pace = w->manner->rate;
    }
    return pace > 0 ? pace : 1;
}

static bool is_plain(const ft_manner *m) {
    return m->rate == 1 && m->pitch == 1 && m->range == 1 && m->emphasis == 0 && !m->whispered &&
           !m->soft && !m->drc && m->tract == 1;
}

static bool all_plain(const ft_sentence *s) {
    for (size_t i = 0; i < s->count; i++) {
        const ft_word *w = word_at(s, i);
        if (s->items[i].kind == FT_ITEM_BREATH || (w && !is_plain(w->manner))) return false;
    }
    return true;
}

/* The sentence with its words' pace worked in already. */
static ft_err without_pace(ft_sentence *out, const ft_sentence *s, ft_arena *arena) {
    *out = *s;
    FT_TRY(ft_arena_items(&out->items, arena, s->count));
    memcpy(out->items, s->items, s->count * sizeof *s->items);
    for (size_t i = 0; i < s->count; i++) {
        ft_manner *m;
        const ft_word *w = word_at(s, i);
        if (!w) continue;
        FT_TRY(ft_arena_items(&m, arena, 1));
        *m = *w->manner;
        m->rate = 1;
        out->items[i].word.manner = m;
    }
    return FT_OK;
}

/* ---- the network's samples, in order */

typedef struct source {
    ft_vits_run *run; /* NULL: silence alone */
    const float *at;
    size_t left;   /* of `at` */
    size_t passed; /* samples taken or skipped */
} source;

static ft_err source_fill(source *k) {
    if (k->left || !k->run) return FT_OK;
    return ft_vits_next(&k->at, &k->left, k->run);
}

static ft_err source_skip(source *k, size_t until) {
    while (k->passed < until) {
        FT_TRY(source_fill(k));
        size_t n = k->left < until - k->passed ? k->left : until - k->passed;
        if (n == 0) return FT_OK;
        k->at += n, k->left -= n, k->passed += n;
    }
    return FT_OK;
}

static int16_t sample_of(double x) {
    x *= 32767;
    return x > 32767 ? INT16_MAX : x < -32768 ? INT16_MIN : (int16_t)lrint(x);
}

/* ---- said as it is: segments one behind the other */

typedef struct stretch { /* of the new sound */
    size_t from, count;  /* samples of the source; a break is silent */
    double gain;
    bool silent, cut_before, cut_behind;
} stretch;

static ft_err say_stretch(source *k, const stretch *t, int rate_hz, const ft_listener *to) {
    int16_t out[CHUNK];
    double edge = EDGE_S * rate_hz;
    size_t done = 0;
    if (!t->silent) FT_TRY(source_skip(k, t->from));
    while (done < t->count) {
        if (!t->silent) FT_TRY(source_fill(k));
        bool silent = t->silent || k->left == 0; /* behind the network's end, too */
        size_t n = t->count - done < CHUNK ? t->count - done : CHUNK;
        if (!silent && n > k->left) n = k->left;
        for (size_t i = 0; i < n; i++) {
            double gain = t->gain, at = (double)(done + i), left = (double)(t->count - done - i);
            if (t->cut_before && at < edge) gain *= at / edge;
            if (t->cut_behind && left < edge) gain *= left / edge;
            out[i] = silent ? 0 : sample_of((double)k->at[i] * gain);
        }
        if (!silent) k->at += n, k->left -= n, k->passed += n;
        FT_TRY(to->samples(to->ctx, out, n));
        done += n;
    }
    return FT_OK;
}

static double gain_of(const ft_sentence *s, const ft_segment *g) {
    const ft_word *w = g->item >= 0 ? word_at(s, (size_t)g->item) : NULL;
    double db = w ? w->manner->volume_db : 0;
    return isinf(db) ? 0 : pow(10, db / 20);
}

static stretch stretch_of(const ft_prosody *p, const ft_sentence *s, size_t i, int rate_hz) {
    const ft_segment *g = &p->segments[i];
    stretch t = { .from = (size_t)llrint(g->from_s * rate_hz), .gain = gain_of(s, g) };
    t.count = (size_t)(llrint(g->to_s * rate_hz) - llrint(g->from_s * rate_hz));
    t.silent = g->item >= 0 && s->items[g->item].kind == FT_ITEM_BREAK;
    if (t.silent) t.count = (size_t)llrint(s->items[g->item].ms / 1000.0 * rate_hz);
    const ft_segment *next = i + 1 < p->count ? &p->segments[i + 1] : NULL;
    const ft_segment *before = i ? &p->segments[i - 1] : NULL;
    t.cut_behind = next && next->item >= 0 && s->items[next->item].kind == FT_ITEM_BREAK;
    t.cut_before = before && before->item >= 0 && s->items[before->item].kind == FT_ITEM_BREAK;
    return t;
}

static ft_err say_plain(engine *e, double *length_s, ft_prosody *p, const ft_sentence *s,
                        const ft_listener *to) {
    int rate = vits_rate_hz(e);
    size_t now = 0;
    source k = { .run = e->run };
    for (size_t i = 0; i < p->count; i++) {
        p->segments[i].start_s = (double)now / rate;
        now += stretch_of(p, s, i, rate).count;
        p->segments[i].end_s = (double)now / rate;
    }
    *length_s = p->length_s = (double)now / rate;
    FT_TRY(ft_segments_tell(p, s, to));
    for (size_t i = 0; i < p->count && to->samples; i++) {
        stretch t = stretch_of(p, s, i, rate);
        FT_TRY(say_stretch(&k, &t, rate, to));
    }
    return FT_OK;
}

/* ---- said in another way: by pulses */

static ft_err gather(int16_t **out, engine *e, size_t count, ft_arena *arena) {
    source k = { .run = e->run };
    FT_TRY(ft_arena_items(out, arena, count + 1));
    for (size_t i = 0; i < count;) {
        FT_TRY(source_fill(&k));
        if (k.left == 0) break; /* silence at the end */
        for (; i < count && k.left > 0; k.left--) (*out)[i++] = sample_of((double)*k.at++);
    }
    return FT_OK;
}

static ft_err say_bent(engine *e, double *length_s, ft_prosody *p, const ft_sentence *s,
                       size_t samples, const ft_listener *to, ft_arena *arena) {
    ft_psola w = { 0 };
    int16_t *sound;
    int rate = vits_rate_hz(e);
    if (to->samples) {
        FT_TRY(gather(&sound, e, samples, arena));
        FT_TRY(ft_psola_read(&w, arena, sound, samples, rate));
        p->f0_mean = w.f0_mean;
    }
    ft_prosody_plan(p, s, p->style);
    *length_s = floor(p->length_s * rate + 0.5) / rate; /* whole samples are said */
    FT_TRY(ft_segments_tell(p, s, to));
    return to->samples ? ft_psola_speak(&w, p, s, to, arena) : FT_OK;
}

/* ---- a sentence */

static void tell_unknown(engine *e, const ft_vits_spelling *spelling) {
    if (!spelling->unknown) return;
    e->unknown_told += spelling->unknown;
    ft_log(FT_LOG_WARN, "speech",
           "voice %s: %zu signs that it does not have were left out, the last "
           "is U+%04X (%zu since it was opened)",
           e->voice->voice.id, spelling->unknown, spelling->unknown_sign, e->unknown_told);
}

/* A sentence's end is followed by silence; the samples that there are to be, with it. */
static size_t with_pause(ft_segment_list *l, const ft_sentence *s, size_t samples, int rate) {
    const ft_word *last = NULL;
    for (size_t i = 0; i < s->count; i++)
        if (word_at(s, i)) last = word_at(s, i);
    ft_segment *g = l->count ? &l->segments[l->count - 1] : NULL;
    if (!g || !last || last->pause != FT_PAUSE_FULL || g->item != l->word ||
        !ft_phone_silent(g->phone))
        return samples;
    double least = s->paragraph_end ? PARAGRAPH_S : FULL_S;
    if (g->to_s - g->from_s < least) g->to_s = g->from_s + least;
    size_t end = (size_t)llrint(g->to_s * rate);
    return end > samples ? end : samples;
}

static ft_err speak_thought(engine *e, double *length_s, const ft_sentence *s,
                            const ft_vits_spelling *spelling, double pace, const ft_style *style,
                            const ft_listener *to, ft_arena *arena) {
    ft_vits_said said;
    ft_segment_list list;
    int rate = vits_rate_hz(e);
    ft_vits_ask ask = { spelling->ids, spelling->id_count, pace, e->shared->speaker };
    FT_TRY(ft_vits_think(&said, e->run, &ask, arena));
    ft_segments_init(&list, s, arena);
    FT_TRY(ft_vits_segments(&list, spelling, &said, rate));
    size_t samples = with_pause(&list, s, said.samples, rate);
    ft_prosody p = { .segments = list.segments, .count = list.count, .style = style };
    if (!style && all_plain(s)) return say_plain(e, length_s, &p, s, to);
    return say_bent(e, length_s, &p, s, samples, to, arena);
}

/* No word at all: breaks and marks. */
static ft_err speak_silence(engine *e, double *length_s, const ft_sentence *s,
                            const ft_listener *to, ft_arena *arena) {
    ft_segment_list list;
    ft_segments_init(&list, s, arena);
    FT_TRY(ft_segments_end(&list));
    ft_prosody p = { .segments = list.segments, .count = list.count };
    return say_plain(e, length_s, &p, s, to);
}

typedef struct saying {
    engine *e;
    const ft_style *style;
} saying;

static ft_err speak_phrase(void *ctx, double *length_s, const ft_sentence *phrase,
                           const ft_listener *to, ft_arena *arena) {
    const saying *k = ctx;
    engine *e = k->e;
    ft_vits_spelling spelling;
    ft_sentence paced = *phrase;
    double pace = pace_of(phrase);
    if (pace > 0) FT_TRY(without_pace(&paced, phrase, arena));
    if (pace < PACE_MIN) pace = pace > 0 ? PACE_MIN : 1;
    if (pace > PACE_MAX) pace = PACE_MAX;
    FT_TRY(ft_vits_spell(&spelling, &e->speller, phrase, arena));
    tell_unknown(e, &spelling);
    if (spelling.count == 0) return speak_silence(e, length_s, phrase, to, arena);
    return speak_thought(e, length_s, &paced, &spelling, pace, k->style, to, arena);
}

static ft_err vits_speak(void *self, const ft_sentence *sentence, const ft_style *style,
                         const ft_listener *to, ft_arena *arena) {
    saying k = { .e = self, .style = style };
    double length_s;
    size_t words = 0, weight = 0;
    for (size_t i = 0; i < sentence->count; i++) {
        const ft_word *w = word_at(sentence, i);
        words += w != NULL;
        weight += w ? ft_word_weight(w) : 0;
    }
    if (words > WORDS_MAX || weight > 2 * WORDS_MAX)
        return ft_phrases_speak(sentence, to, speak_phrase, &k);
    return speak_phrase(&k, &length_s, sentence, to, arena);
}

const ft_engine ft_engine_vits = { "vits",     "neural voices of the user's own (VITS, Piper)",
                                   vits_open,  vits_rate_hz,
                                   vits_speak, vits_close };
