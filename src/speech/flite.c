/* flite.c -- the engine "flite": CMU's statistical voices slt and rms, in process.
 *
 * flite says which sounds a sentence has. Its voices' trees say how long each lasts and give a frame
 * of spectrum and F0 every 5 ms: we walk them (clustergen/), or flite does where a voice is of
 * another form. Prosody (prosody.h) reads those frames at another pace and our vocoder (vocoder.h)
 * speaks them.
 *
 * flite counts references in its voices without a lock: asking it is serial in a process (3 ms for
 * 4 s of speech), speaking is not.
 *
 * Source: A. W. Black, "CLUSTERGEN: a statistical parametric synthesizer using trajectory
 * modeling", Interspeech 2006. */
#include "speech/flite.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "speech/clustergen/clustergen.h"
#include "speech/flite_in.h"
#include "speech/phrases.h"
#include "speech/segments.h"
#include "speech/vocoder.h"

#define SEED  1 /* of the noise, as flite's program has it: the same text, the same bytes */
#define CHUNK 2 /* frames handed on at once at the begin; then twice as many each time */
/* A phrase asked for alone ends with a sentence's pause; within a sentence slt and rms make 0.6 of
 * it (medians over 40 commas). */
#define PHRASE_PAUSE 0.6
/* A sentence of up to so many words is thought out whole, as flite's program does it: 0.25 ms a word
 * on the machine of bench/README.md. Of a longer one the first phrase is heard sooner. */
#define WORDS_WHOLE 40
#define WHOLE_BYTES ((size_t)128 << 20)

static ft_flite *const api = &ft_flite_api;
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

typedef struct engine {
    cst_voice *voice;
    const cst_cg_db *db;
    ft_clustergen *trees; /* NULL: only flite knows this form */
} engine;

/* What flite says of a sentence. */
typedef struct answer {
    ft_segment_list sounds;
    float *frames;    /* [frame_count][channels]: F0, then the cepstrum */
    float *strengths; /* [frame_count][bands] */
    size_t frame_count, channels, bands;
    double frame_s;
} answer;

static void flite_close(void *self) {
    engine *e = self;
    if (e) ft_clustergen_free(e->trees);
    free(e);
}

static ft_err engine_fill(engine *e, const char *name) {
    FT_TRY(ft_flite_load(&e->voice, name));
    e->db = api->val_cg_db(api->feat_val(e->voice->features, "cg_db"));
    ft_err err = ft_clustergen_new(&e->trees, e->db);
    if (err != FT_EUNSUPPORTED) return err;
    ft_err_clear();
    return FT_OK;
}

static ft_err flite_open(void **out, const ft_voice *voice) {
    *out = NULL;
    engine *e = ft_fault_here() ? NULL : calloc(1, sizeof *e);
    if (!e) return FT_FAIL(FT_ENOMEM, "no memory for a voice");
    ft_err err = engine_fill(e, voice->engine_voice);
    if (err == FT_OK)
        *out = e;
    else
        flite_close(e);
    return err;
}

static int flite_rate_hz(const void *self) { return ((const engine *)self)->db->sample_rate; }

/* ---- asking flite */

static const char *punctuation(const ft_sentence *s, size_t item) {
    const ft_word *w = &s->items[item].word;
    if (w->pause == FT_PAUSE_FULL) return w->ending == '?' ? "?" : w->ending == '!' ? "!" : ".";
    return w->pause != FT_PAUSE_NONE || ft_segments_break_behind(s, item) ? "," : "";
}

/* A token a spoken word. Phonemes go in as a list; flite skips a list that it has just read, so
 * every other one gets a blank more. */
static ft_err add_token(cst_relation *tokens, const ft_spoken *spoken, int item, bool odd,
                        const char *punc, ft_arena *arena) {
    ft_str text = { 0 }, phones = { 0 };
    FT_TRY(ft_arena_str(&text, arena, spoken->text.len ? spoken->text : FT_STR("word")));
    if (spoken->phonemes.len) {
        ft_buf list = { 0 };
        ft_err err = ft_phones_from(&list, spoken->phonemes, spoken->alphabet);
        if (err == FT_OK)
            err = ft_arena_printf(&phones, arena, odd ? " %.*s" : "%.*s",
                                  FT_STR_ARG(ft_buf_str(&list)));
        ft_buf_fini(&list);
        FT_TRY(err);
    }
    cst_item *t = api->append(tokens, NULL);
    api->set_string(t, "name", text.at);
    api->set_string(t, "whitespace", " ");
    api->set_string(t, "prepunctuation", "");
    api->set_string(t, "punc", punc);
    api->set_int(t, "fettle_item", item);
    if (phones.at) api->set_string(t, "phones", phones.at);
    return FT_OK;
}

static ft_err add_tokens(cst_utterance *u, const ft_sentence *s, size_t *count, ft_arena *arena) {
    cst_relation *tokens = api->relation_create(u, "Token");
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        const ft_word *w = &s->items[i].word;
        for (size_t k = 0; k < w->spoken_count; k++) {
            bool last = k + 1 == w->spoken_count;
            const char *punc = last ? punctuation(s, i) : w->spoken[k].pause ? "," : "";
            FT_TRY(add_token(tokens, &w->spoken[k], (int)i, ++*count % 2, punc, arena));
        }
    }
    return FT_OK;
}

/* ---- reading its answer */

static ft_segment read_segment(const cst_item *seg, double from_s) {
    ft_segment g = { .phone = ft_phone_find(api->feat_string(seg, "name")), .item = -1 };
    if (!g.phone) g.phone = ft_phone_find("pau");
    g.from_s = from_s;
    g.to_s = (double)api->feat_float(seg, "end");
    cst_item *syllable = api->as(seg, "SylStructure");
    syllable = syllable ? api->parent(syllable) : NULL;
    if (!syllable) return g;
    g.stressed = strcmp(api->feat_string(syllable, "stress"), "1") == 0;
    cst_item *word = api->parent(syllable);
    cst_item *token = word ? api->parent(api->as(word, "Token")) : NULL;
    if (token) g.item = api->feat_int(token, "fettle_item");
    return g;
}

/* Sound ends with the last frame: flite's last sound has half a frame more. */
static ft_err read_segments(ft_segment_list *l, cst_utterance *u, double end_s) {
    double from = 0;
    for (cst_item *i = api->head(api->relation(u, "Segment")); i; i = api->next(i)) {
        ft_segment g = read_segment(i, from);
        if (g.to_s > end_s) g.to_s = end_s;
        from = g.to_s;
        FT_TRY(ft_segments_take(l, g));
    }
    return FT_OK;
}

static ft_err read_frames(answer *a, const cst_utterance *u, const cst_cg_db *db, ft_arena *arena) {
    const cst_track *raw = api->val_track(api->feat_val(u->features, "param_track"));
    const cst_track *strengths =
        db->mixed_excitation ? api->val_track(api->feat_val(u->features, "str_track")) : NULL;
    cst_track *smooth = db->do_mlpg ? api->mlpg(raw, (cst_cg_db *)db) : NULL;
    const cst_track *track = smooth ? smooth : raw;
    a->frame_count = (size_t)track->num_frames;
    a->channels = (size_t)track->num_channels;
    a->bands = strengths ? (size_t)strengths->num_channels : 0;
    ft_err err = ft_arena_items(&a->frames, arena, a->frame_count * a->channels + 1);
    if (err == FT_OK) err = ft_arena_items(&a->strengths, arena, a->frame_count * a->bands + 1);
    for (size_t i = 0; err == FT_OK && i < a->frame_count; i++) {
        memcpy(a->frames + i * a->channels, track->frames[i], a->channels * sizeof(float));
        if (strengths)
            memcpy(a->strengths + i * a->bands, strengths->frames[i], a->bands * sizeof(float));
    }
    if (smooth) api->delete_track(smooth);
    return err;
}

/* ---- asking */

static int on_first_sound(const cst_wave *wave, int start, int size, int last,
                          cst_audio_streaming_info *info) {
    FT_UNUSED(wave), FT_UNUSED(start), FT_UNUSED(size), FT_UNUSED(last), FT_UNUSED(info);
    return CST_AUDIO_STREAM_STOP;
}

/* flite predicts the frames, and is stopped when it begins to make sound of them. */
static ft_err predict_by_flite(answer *a, const engine *e, cst_utterance *u, ft_arena *arena) {
    cst_audio_streaming_info *info = api->new_streaming();
    info->asc = on_first_sound;
    info->min_buffsize = 1;
    api->feat_set(u->features, "streaming_info", api->streaming_val(info));
    api->synth_tokens(u);
    return read_frames(a, u, e->db, arena);
}

static cst_utterance *no_synthesis(cst_utterance *u) { return u; }

/* The frames are not smooth yet. */
static ft_err predict(answer *a, ft_clusters *c, const engine *e, cst_utterance *u,
                      ft_arena *arena) {
    if (!e->trees) return predict_by_flite(a, e, u, arena);
    api->feat_set(u->features, "wave_synth_func", api->uttfunc_val(no_synthesis));
    api->synth_tokens(u);
    FT_TRY(ft_clustergen_predict(c, e->trees, u, arena));
    a->frame_count = c->frames;
    a->channels = 1 + c->channels;
    a->bands = c->bands;
    a->strengths = c->strengths;
    return FT_OK;
}

static ft_err ask_locked(answer *a, ft_clusters *c, const engine *e, const ft_sentence *s,
                         ft_arena *arena) {
    size_t words = 0;
    ft_err err;
    cst_utterance *u = api->new_utterance();
    api->utt_init(u, e->voice);
    FT_GOTO(err, add_tokens(u, s, &words, arena));
    if (words > 0) {
        FT_GOTO(err, predict(a, c, e, u, arena));
        FT_GOTO(err, read_segments(&a->sounds, u, ((double)a->frame_count - 1) * a->frame_s));
    }
    FT_GOTO(err, ft_segments_end(&a->sounds));
done:
    api->delete_utterance(u);
    return err;
}

static ft_err ask(answer *a, const engine *e, const ft_sentence *s, ft_arena *arena) {
    ft_clusters c = { 0 };
    pthread_mutex_lock(&asking);
    ft_err err = ask_locked(a, &c, e, s, arena);
    pthread_mutex_unlock(&asking);
    if (err != FT_OK || !c.frames) return err;
    FT_TRY(ft_arena_items(&a->frames, arena, c.frames * a->channels));
    return ft_clustergen_smooth(a->frames, e->trees, &c, arena);
}

/* ---- speaking */

typedef struct speaker {
    const answer *a;
    const ft_prosody *p;
    const ft_sentence *s;
    ft_vocoder *vocoder;
    int frame_samples;
    double drc_level; /* mean of the loud frames' first coefficient */
} speaker;

static const float breath_cepstrum[FT_VOCODER_ORDER_MAX + 1] = { 5.6F, 0.55F, 0.1F };
static const float no_pulses[FT_VOCODER_BANDS_MAX];

static float new_f0(const speaker *k, const ft_moment *m, float f0) {
    if (f0 <= 0 || m->manner->whispered) return 0;
    if (m->range == 1 && m->log_shift == 0) return f0; /* flite's own, to the last bit */
    double mean = k->p->f0_mean, log_f0 = mean + (log((double)f0) - mean) * m->range;
    return (float)exp(log_f0 + m->log_shift);
}

static void soften(float *strengths, size_t bands, const ft_manner *m) {
    float keep = m->whispered ? 0 : m->soft ? 0.55F : 1;
    for (size_t i = 0; i < bands; i++) strengths[i] *= keep;
}

/* The frame that moment `m` asks for; strengths are changed in `own`. */
static ft_vocoder_frame frame_at(const speaker *k, const ft_moment *m,
                                 float own[FT_VOCODER_BANDS_MAX]) {
    const answer *a = k->a;
    if (m->breath > 0)
        return (ft_vocoder_frame){ .cepstrum = breath_cepstrum,
                                   .strengths = no_pulses,
                                   .level = (float)log(m->breath) };
    if (m->from_s < 0 || !m->manner)
        return (
            ft_vocoder_frame){ .cepstrum = breath_cepstrum, .strengths = no_pulses, .level = -25 };
    size_t at = (size_t)(m->from_s / a->frame_s + 0.5);
    if (at >= a->frame_count) at = a->frame_count - 1;
    const float *frame = a->frames + at * a->channels;
    ft_vocoder_frame f = { .cepstrum = frame + 1, .strengths = own, .level = (float)m->level };
    memcpy(own, a->strengths + at * a->bands, a->bands * sizeof *own);
    soften(own, a->bands, m->manner);
    f.f0_hz = new_f0(k, m, frame[0]);
    f.tract = (float)m->manner->tract;
    if (m->manner->whispered) f.level -= 0.3F;
    if (m->manner->drc && frame[1] > 0) /* quiet sounds up, loud ones a little down */
        f.level += 0.6F * (float)(k->drc_level - (double)frame[1]);
    return f;
}

static size_t frames_of(const speaker *k) {
    return (size_t)ceil(k->p->length_s / k->a->frame_s - 1e-6);
}

static ft_err speak_frames(const speaker *k, const ft_listener *to, ft_arena *arena) {
    size_t count = frames_of(k), at = 0, filled = 0;
    size_t chunk = CHUNK, chunk_max = 64;
    int16_t *samples;
    FT_TRY(ft_arena_items(&samples, arena, (chunk_max + 1) * (size_t)k->frame_samples));
    for (size_t i = 0; i <= count; i++) {
        float own[FT_VOCODER_BANDS_MAX];
        ft_moment m = ft_prosody_at(k->p, k->s, (double)i * k->a->frame_s, &at);
        ft_vocoder_frame f = frame_at(k, &m, own);
        filled += (size_t)ft_vocoder_speak(k->vocoder, samples + filled, &f);
        if (filled < chunk * (size_t)k->frame_samples && i < count) continue;
        FT_TRY(to->samples(to->ctx, samples, filled));
        filled = 0;
        chunk = chunk < chunk_max ? 2 * chunk : chunk_max;
    }
    return FT_OK;
}

/* A sentence being said phrase by phrase. */
typedef struct saying {
    const engine *e;
    const ft_style *style;
    double f0, loud; /* sums over the voiced frames so far */
    size_t voiced;
} saying;

/* Means over the frames that have a voice, of this phrase and those before it. */
static void means_of(saying *k, const answer *a, double *f0, double *loud) {
    for (size_t i = 0; i < a->frame_count; i++) {
        const float *frame = a->frames + i * a->channels;
        if (frame[0] <= 0) continue;
        k->f0 += log((double)frame[0]);
        k->loud += (double)frame[1];
        k->voiced++;
    }
    *f0 = k->voiced ? k->f0 / (double)k->voiced : log(150);
    *loud = k->voiced ? k->loud / (double)k->voiced : 0;
}

static ft_err vocode(speaker *s, const cst_cg_db *db, const ft_listener *to, ft_arena *arena) {
    const answer *a = s->a;
    ft_vocoder_model model = { .rate_hz = db->sample_rate,
                               .frame_samples = s->frame_samples,
                               .order = a->channels ? (int)a->channels - 2 : 24,
                               .alpha = (double)db->mlsa_alpha,
                               .postfilter = (double)db->mlsa_beta,
                               .gain = db->gain != 0 ? (double)db->gain : 1,
                               .bands = db->mixed_excitation ? db->ME_num : 0,
                               .taps = db->ME_order,
                               .filters = db->me_h };
    FT_TRY(ft_vocoder_new(&s->vocoder, &model, SEED));
    /* flite speaks the silence before the first sound, too; we, where a document begins. */
    size_t silent_frames = (size_t)(s->p->segments[0].from_s / a->frame_s + 0.5);
    ft_vocoder_skip(s->vocoder, silent_frames * (size_t)s->frame_samples);
    ft_err err = speak_frames(s, to, arena);
    ft_vocoder_free(s->vocoder);
    return err;
}

static ft_err speak_phrase(void *ctx, double *length_s, const ft_sentence *phrase,
                           const ft_listener *to, ft_arena *arena) {
    saying *k = ctx;
    const cst_cg_db *db = k->e->db;
    answer a = { .frame_s = (double)db->frame_advance };
    ft_segments_init(&a.sounds, phrase, arena);
    a.sounds.opening = phrase->opening;
    FT_TRY(ask(&a, k->e, phrase, arena));
    ft_prosody p = { .segments = a.sounds.segments,
                     .count = a.sounds.count,
                     .phrase_pause = PHRASE_PAUSE };
    speaker s = {
        .a = &a, .p = &p, .s = phrase, .frame_samples = (int)lrint(a.frame_s * db->sample_rate)
    };
    means_of(k, &a, &p.f0_mean, &s.drc_level);
    ft_prosody_plan(&p, phrase, k->style);
    FT_TRY(ft_segments_tell(&p, phrase, to));
    if (to->samples && p.length_s > 0) FT_TRY(vocode(&s, db, to, arena));
    *length_s = (double)frames_of(&s) * a.frame_s; /* whole frames are said */
    return FT_OK;
}

static size_t words_of(const ft_sentence *s) {
    size_t words = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].kind == FT_ITEM_WORD) words += ft_word_weight(&s->items[i].word);
    return words;
}

static ft_err flite_speak(void *self, const ft_sentence *sentence, const ft_style *style,
                          const ft_listener *to, ft_arena *arena) {
    saying k = { .e = self, .style = style };
    FT_UNUSED(arena); /* a phrase has its own */
    if (words_of(sentence) > WORDS_WHOLE) return ft_phrases_speak(sentence, to, speak_phrase, &k);
    ft_arena own = FT_ARENA_INIT(WHOLE_BYTES);
    double length_s;
    ft_err err = speak_phrase(&k, &length_s, sentence, to, &own);
    ft_arena_fini(&own);
    return err;
}

const ft_engine ft_engine_flite = { "flite",     "CMU flite's statistical voices, in process",
                                    flite_open,  flite_rate_hz,
                                    flite_speak, flite_close };
