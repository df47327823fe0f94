/* speech.c -- see speech.h: request → document → script → engine → rate → telephone → format. */
#include "speech/speech.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "media/resample.h"
#include "media/telephone.h"
#include "speech/bleep.h"

#define POOL_MAX       16
#define STRETCH_MOST   5.0   /* amazon:max-duration speeds up so much, not more */
#define HURRY          1.005 /* a little more than asked: frames are whole */
#define STRETCHES_MAX  256
#define SENTENCE_BYTES ((size_t)64 << 20)

/* ---- engines that wait for the next request */

static struct pool_entry {
    const ft_voice *voice;
    void *engine;
} pool[POOL_MAX];
static int pool_count;
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;

static ft_err engine_take(void **out, const ft_voice *voice) {
    *out = NULL;
    pthread_mutex_lock(&pool_lock);
    for (int i = pool_count; i-- > 0 && !*out;)
        if (pool[i].voice == voice) {
            *out = pool[i].engine;
            pool[i] = pool[--pool_count];
        }
    pthread_mutex_unlock(&pool_lock);
    return *out ? FT_OK : voice->engine->open(out, voice);
}

/* Keep it, or close it when it failed; where there are enough, the one that waits for longest. */
static void engine_give(const ft_voice *voice, void *engine, bool sound) {
    struct pool_entry out = { voice, engine };
    pthread_mutex_lock(&pool_lock);
    if (sound && pool_count == POOL_MAX) {
        out = pool[0];
        memmove(pool, pool + 1, (POOL_MAX - 1) * sizeof *pool);
        pool[POOL_MAX - 1] = (struct pool_entry){ voice, engine };
    } else if (sound) {
        pool[pool_count++] = out;
        out.engine = NULL;
    }
    pthread_mutex_unlock(&pool_lock);
    if (out.engine) out.voice->engine->close(out.engine);
}

/* ---- the request */

static ft_err refuse(const char **refusal, const char *name, ft_err err) {
    if (refusal) *refusal = name;
    return err;
}

static int default_rate_hz(const ft_speech_request *r) {
    if (!r->format) return 16000;
    const char *name = r->format->name;
    if (strcmp(name, "mp3") == 0 || strcmp(name, "ogg_vorbis") == 0)
        return r->engine == FT_ENGINE_NEURAL ? 24000 : 22050;
    return strstr(name, "law") ? 8000 : 16000;
}

static int rate_of(const ft_speech_request *r) {
    return r->rate_hz ? r->rate_hz : default_rate_hz(r);
}

static ft_err voice_of(const ft_voice **out, const ft_speech_request *r) {
    return ft_voice_find(out, r->voice.len ? r->voice : FT_STR("Joanna"));
}

static ft_err check_rate(const ft_speech_request *r) {
    int rate = rate_of(r);
    if (rate == 8000 || rate == 16000 || rate == 22050 || rate == 24000) return FT_OK;
    return FT_FAIL(FT_EINVAL, "a sample rate of %d: 8000, 16000, 22050 and 24000 are spoken", rate);
}

static ft_err check_engine(const ft_speech_request *r, const ft_voice *v) {
    bool has =
        r->engine == FT_ENGINE_OWN || (r->engine == FT_ENGINE_NEURAL ? v->neural : v->standard);
    return has ? FT_OK
               : FT_FAIL(FT_EUNSUPPORTED, "the voice %s does not answer to the %s engine", v->id,
                         r->engine == FT_ENGINE_NEURAL ? "neural" : "standard");
}

ft_err ft_speech_check(const ft_speech_request *r, const char **refusal) {
    const ft_voice *v;
    ft_err err;
    if (refusal) *refusal = NULL;
    if ((err = voice_of(&v, r)) != FT_OK) return refuse(refusal, "ValidationException", err);
    if ((err = check_rate(r)) != FT_OK) return refuse(refusal, "InvalidSampleRateException", err);
    if ((err = check_engine(r, v)) != FT_OK)
        return refuse(refusal, "EngineNotSupportedException", err);
    if (r->style.len && !ft_style_find(r->style))
        return refuse(refusal, "ValidationException",
                      FT_FAIL(FT_EINVAL, "no style '%.*s'; there are news and conversational",
                              FT_STR_ARG(r->style)));
    if ((r->marks & FT_MARKS_SSML) && r->type == FT_SPEECH_TEXT)
        return refuse(refusal, "SsmlMarksNotSupportedForTextTypeException",
                      FT_FAIL(FT_EINVAL, "marks of type ssml come from SSML, this is plain text"));
    if (ft_str_trim(r->text).len == 0)
        return refuse(refusal, "ValidationException", FT_FAIL(FT_EINVAL, "no text to speak"));
    return FT_OK;
}

/* ---- speaking */

typedef struct speaking {
    const ft_speech_request *r;
    const ft_speech_sink *to;
    ft_speech_told *told;
    const ft_voice *voice; /* of the request */
    ft_document document;
    ft_script script;
    ft_audio_out *out; /* NULL: marks only */
    ft_resampler *resampler;
    int from_hz; /* what the resampler takes */
    ft_telephone telephone;
    ft_buf samples; /* resampled ones */
    double done_s;  /* sound of the sentences before */
    uint64_t sentence_samples;
    bool full; /* seconds_max is reached: what is said from here on nobody hears */
    int64_t began_us;
    /* Of the sentence in work: */
    const ft_sentence *sentence;
    ft_mark_list marks;
    bool sentence_marked;
    ft_bleeps bleeps;
    ft_buf bleeped; /* the engine's samples with tones over them */
    int engine_hz;
} speaking;

static ft_err on_bytes(void *ctx, ft_str bytes) {
    speaking *k = ctx;
    if (k->told->first_audio_s == 0 && k->sentence_samples > 0) /* a header is no sound */
        k->told->first_audio_s = (double)(ft_clock_monotonic_us() - k->began_us) / 1e6;
    return k->to->audio ? k->to->audio(k->to->ctx, bytes) : FT_OK;
}

static ft_err push(speaking *k, int16_t *samples, size_t count) {
    if (k->r->telephone) ft_telephone_pass(&k->telephone, samples, count);
    return ft_audio_out_push(k->out, samples, count);
}

/* Tones where a word is not to be heard. */
static ft_err bleep(speaking *k, const int16_t **samples, size_t count) {
    uint64_t from = k->sentence_samples - count;
    if (!ft_bleeps_any(&k->bleeps, from, count, k->engine_hz)) return FT_OK;
    ft_buf_reset(&k->bleeped);
    FT_TRY(ft_buf_add_n(&k->bleeped, *samples, count * sizeof **samples));
    int16_t *own = (int16_t *)(void *)k->bleeped.at;
    ft_bleeps_put(&k->bleeps, own, from, count, k->engine_hz);
    *samples = own;
    return FT_OK;
}

/* Samples of `count` that there is room for. */
static size_t within_limit(speaking *k, size_t count) {
    double most = k->r->seconds_max;
    if (most <= 0) return count;
    double left = rint((most - k->done_s) * k->engine_hz) - (double)k->sentence_samples;
    if (left > (double)count) return count;
    k->full = true;
    return left > 0 ? (size_t)left : 0;
}

static bool is_heard(const speaking *k, double at_s) {
    return k->r->seconds_max <= 0 || k->done_s + at_s < k->r->seconds_max;
}

static ft_err on_samples(void *ctx, const int16_t *samples, size_t count) {
    speaking *k = ctx;
    if (k->full) return FT_ECANCELED; /* the rest of the sentence; not a failure */
    count = within_limit(k, count);
    if (count == 0) return FT_OK;
    k->sentence_samples += count;
    if (k->bleeps.count) FT_TRY(bleep(k, &samples, count));
    if (!k->out) return FT_OK;
    size_t room = ft_resampler_room(k->resampler, count) * sizeof *samples;
    ft_buf_reset(&k->samples);
    FT_TRY(ft_buf_reserve(&k->samples, room));
    int16_t *to = (int16_t *)(void *)k->samples.at;
    return push(k, to, ft_resampler_push(k->resampler, to, samples, count));
}

/* What the resampler still holds; before the voice changes, and at the end. */
static ft_err drain(speaking *k) {
    if (!k->resampler) return FT_OK;
    ft_buf_reset(&k->samples);
    FT_TRY(ft_buf_reserve(&k->samples, ft_resampler_room(k->resampler, 0) * sizeof(int16_t)));
    int16_t *to = (int16_t *)(void *)k->samples.at;
    return push(k, to, ft_resampler_end(k->resampler, to));
}

static ft_err take_rate(speaking *k, int from_hz) {
    if (!k->out || k->from_hz == from_hz) return FT_OK;
    FT_TRY(drain(k));
    ft_resampler_free(k->resampler);
    k->resampler = NULL;
    k->from_hz = from_hz;
    return ft_resampler_new(&k->resampler, from_hz, rate_of(k->r));
}

static ft_err on_phone(void *ctx, const ft_phone *phone) {
    speaking *k = ctx;
    if (!is_heard(k, phone->start_s)) return FT_OK;
    return ft_marks_phone(&k->marks, k->done_s + phone->start_s, phone);
}

static ft_err on_item(void *ctx, const ft_timed *timed) {
    speaking *k = ctx;
    const ft_item *item = &k->sentence->items[timed->item];
    if (!is_heard(k, timed->start_s)) return FT_OK;
    if (!k->sentence_marked && item->kind == FT_ITEM_WORD) {
        k->sentence_marked = true;
        FT_TRY(ft_marks_sentence(&k->marks, k->done_s + timed->start_s, k->sentence,
                                 k->document.input));
    }
    if (item->kind == FT_ITEM_WORD && ft_say_as_hides(item->word.manner))
        ft_bleeps_add(&k->bleeps, timed->start_s, timed->end_s);
    if (item->kind == FT_ITEM_WORD && item->word.continued) return FT_OK;
    return ft_marks_item(&k->marks, k->done_s + timed->start_s, item);
}

static ft_err write_marks(speaking *k) {
    ft_buf lines = { 0 };
    ft_err err = ft_marks_write(&lines, &k->marks);
    for (ft_str rest = ft_buf_str(&lines); err == FT_OK && rest.len > 0 && k->to->mark;) {
        size_t len = ft_str_find(rest, '\n') + 1;
        err = k->to->mark(k->to->ctx, ft_str_slice(rest, 0, len));
        rest = ft_str_from(rest, len);
    }
    ft_buf_fini(&lines);
    return err;
}

static const ft_style *style_of(const speaking *k, const ft_sentence *s) {
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].kind == FT_ITEM_WORD && s->items[i].word.manner->domain.len)
            return ft_style_find(s->items[i].word.manner->domain);
    return k->r->style.len ? ft_style_find(k->r->style) : NULL;
}

static ft_err speak_by(speaking *k, const ft_voice *voice, const ft_sentence *s,
                       const ft_listener *to, ft_arena *arena) {
    void *engine;
    FT_TRY(engine_take(&engine, voice));
    k->engine_hz = voice->engine->rate_hz(engine);
    ft_err err = to->samples ? take_rate(k, k->engine_hz) : FT_OK;
    if (err == FT_OK) err = voice->engine->speak(engine, s, style_of(k, s), to, arena);
    if (err == FT_ECANCELED && k->full) err = FT_OK;
    if (to->samples) k->done_s += (double)k->sentence_samples / voice->engine->rate_hz(engine);
    engine_give(voice, engine, err == FT_OK);
    return err;
}

static ft_err voice_for(const speaking *k, const ft_voice **out, const ft_sentence *s) {
    *out = k->voice;
    return s->voice.len ? ft_voice_find(out, s->voice) : FT_OK;
}

static ft_err speak_sentence(speaking *k, const ft_sentence *s) {
    ft_arena arena = FT_ARENA_INIT(SENTENCE_BYTES);
    const ft_voice *voice;
    ft_listener to = { on_samples, on_phone, on_item, k };
    k->sentence = s;
    k->sentence_samples = 0;
    k->sentence_marked = false;
    k->bleeps.count = 0;
    k->marks = (ft_mark_list){ .arena = &arena, .wanted = k->r->marks };
    ft_err err = voice_for(k, &voice, s);
    if (err == FT_OK) err = speak_by(k, voice, s, &to, &arena);
    if (err == FT_OK) err = write_marks(k);
    ft_arena_fini(&arena);
    return err;
}

/* ---- amazon:max-duration: a rehearsal tells how long each group takes, then it is said faster */

typedef struct rehearsal {
    const ft_sentence *sentence;
    double seconds[STRETCHES_MAX]; /* with the pauses behind words */
    double fixed[STRETCHES_MAX];   /* breaks and breaths: these stay */
    int group;
} rehearsal;

static ft_err on_rehearsed(void *ctx, const ft_phone *phone) {
    rehearsal *h = ctx;
    double seconds = phone->end_s - phone->start_s;
    const ft_item *item = phone->item >= 0 ? &h->sentence->items[phone->item] : NULL;
    bool is_word = item && item->kind == FT_ITEM_WORD;
    if (is_word) h->group = item->word.manner->stretch;
    if (h->group <= 0 || h->group >= STRETCHES_MAX) return FT_OK;
    h->seconds[h->group] += seconds;
    if (item && !is_word) h->fixed[h->group] += seconds;
    return FT_OK;
}

static double hurry_factor(const rehearsal *h, int group, int ms) {
    double room = ms / 1000.0 - h->fixed[group];
    double factor = room > 0 ? (h->seconds[group] - h->fixed[group]) * HURRY / room : STRETCH_MOST;
    return factor > STRETCH_MOST ? STRETCH_MOST : factor;
}

static ft_err hurry(const ft_sentence *s, const double *factors, ft_arena *arena) {
    for (size_t i = 0; i < s->count; i++) {
        ft_word *w = &s->items[i].word;
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        int group = w->manner->stretch;
        if (group <= 0 || group >= STRETCHES_MAX || factors[group] <= 1) continue;
        ft_manner *m;
        FT_TRY(ft_arena_items(&m, arena, 1));
        *m = *w->manner;
        m->rate *= factors[group];
        w->manner = m;
    }
    return FT_OK;
}

static bool has_stretch(const ft_sentence *s) {
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].kind == FT_ITEM_WORD && s->items[i].word.manner->stretch) return true;
    return false;
}

static ft_err rehearse(speaking *k, rehearsal *h, const ft_sentence *s) {
    ft_arena arena = FT_ARENA_INIT(SENTENCE_BYTES);
    const ft_voice *voice;
    ft_listener to = { NULL, on_rehearsed, NULL, h };
    h->sentence = s;
    ft_err err = voice_for(k, &voice, s);
    if (err == FT_OK) err = speak_by(k, voice, s, &to, &arena);
    ft_arena_fini(&arena);
    return err;
}

static void take_factors(double *factors, const rehearsal *h, const ft_sentence *s) {
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        const ft_manner *m = s->items[i].word.manner;
        if (m->stretch > 0 && m->stretch < STRETCHES_MAX)
            factors[m->stretch] = hurry_factor(h, m->stretch, m->stretch_ms);
    }
}

static ft_err stretch(speaking *k, ft_arena *arena) {
    rehearsal *h = NULL;
    double factors[STRETCHES_MAX] = { 0 };
    for (size_t i = 0; i < k->script.count; i++) {
        const ft_sentence *s = &k->script.sentences[i];
        if (!has_stretch(s)) continue;
        if (!h) FT_TRY(ft_arena_items(&h, arena, 1));
        h->group = 0;
        FT_TRY(rehearse(k, h, s));
        take_factors(factors, h, s);
    }
    for (size_t i = 0; h && i < k->script.count; i++)
        FT_TRY(hurry(&k->script.sentences[i], factors, arena));
    return FT_OK;
}

/* ---- the whole */

static ft_err make_script(speaking *k, ft_arena *arena) {
    const ft_speech_request *r = k->r;
    ft_document_opts opts = {
        .type = r->type, .engine = r->engine, .news = k->voice->news, .domain = r->style
    };
    FT_TRY(ft_document_read(&k->document, arena, r->text, &opts));
    k->told->billed_chars = k->document.billed_chars;
    if (r->chars_max && k->document.billed_chars > r->chars_max)
        return FT_FAIL(FT_ETOOBIG, "a text of %zu characters; %zu are the most",
                       k->document.billed_chars, r->chars_max);
    ft_str lang = r->lang.len ? r->lang : ft_str_of(k->voice->lang);
    FT_TRY(ft_script_make(&k->script, arena, &k->document, lang, r->lexicons, r->lexicon_count));
    return stretch(k, arena);
}

static ft_err open_out(speaking *k) {
    if (!k->r->format) return FT_OK;
    int rate = rate_of(k->r);
    ft_audio_out_opts opts = { .rate_hz = rate, .frame_samples = k->r->frame_20ms ? rate / 50 : 0 };
    ft_telephone_init(&k->telephone, rate);
    return ft_audio_out_new(&k->out, k->r->format, &opts, on_bytes, k);
}

static ft_err close_out(speaking *k, ft_buf *head) {
    if (!k->out) return FT_OK;
    FT_TRY(drain(k));
    return ft_audio_out_end(k->out, head);
}

ft_err ft_speech_speak(ft_speech_told *out, const ft_speech_request *r, const ft_speech_sink *to,
                       ft_buf *head, ft_arena *arena) {
    ft_err err;
    *out = (ft_speech_told){ 0 };
    speaking k = { .r = r, .to = to, .told = out, .began_us = ft_clock_monotonic_us() };
    FT_TRY(ft_speech_check(r, NULL));
    FT_TRY(voice_of(&k.voice, r));
    FT_GOTO(err, make_script(&k, arena));
    FT_GOTO(err, open_out(&k));
    for (size_t i = 0; i < k.script.count && !k.full; i++) {
        FT_GOTO(err, speak_sentence(&k, &k.script.sentences[i]));
        out->seconds = k.done_s;
    }
    FT_GOTO(err, close_out(&k, head));
done:
    ft_audio_out_free(k.out);
    ft_resampler_free(k.resampler);
    ft_buf_fini(&k.samples);
    ft_buf_fini(&k.bleeped);
    return err;
}
