/* clustergen.c -- see clustergen.h. Sums have their terms in flite's order and width. */
#include "speech/clustergen/clustergen.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "speech/clustergen/cart.h"
#include "speech/clustergen/trajectory.h"

#define VOICED_MIN 0.5F /* of a cluster's voicing, which goes to 10 */
#define F0_MIN_HZ  50.0F
#define F0_MAX_HZ  700.0F
#define BANDS      5
#define SOUND      "fettle_sound" /* a segment's number */

static ft_flite *const api = &ft_flite_api;

/* A state that sounds can be in, by its name ("aa_1"). */
typedef struct kind {
    const char *name;
    const ft_cart *f0, *clusters;
    const dur_stat *duration;
} kind;

struct ft_clustergen {
    const cst_cg_db *db;
    ft_carts *carts;
    const ft_cart *duration;
    ft_arena arena;
    kind **kinds; /* [phone][state], as db->phone_states without its names */
    size_t channels;
};

typedef struct sound {
    cst_item *item; /* in the relation Segment */
    struct state *states;
    size_t state_count;
    bool pause, vowel;
    float phrase, phrase_from_s, phrase_to_s; /* the phrase's number and span */
} sound;

typedef struct state {
    const kind *kind;
    sound *sound;
    cst_item *item;      /* in the relation HMMstate */
    cst_item *link;      /* in the relation mcep_link, where flite's frames hang */
    size_t first, count; /* of its frames */
} state;

typedef struct sentence {
    ft_clustergen *g;
    cst_utterance *u;
    ft_arena *arena;
    sound *sounds;
    state *states;
    const state **frames; /* of which state each is */
    size_t sound_count, state_count, frame_count;
} sentence;

/* ---- a voice */

static ft_err form_check(const cst_cg_db *db) {
    if (db->num_f0_models == 1 && db->num_param_models == 1 && db->num_dur_models == 1 &&
        db->model_shape == CST_CG_MODEL_SHAPE_BASE_MINRANGE && db->do_mlpg &&
        db->mixed_excitation && db->dynwinsize == 3)
        return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "voice %s is not of the form of slt and rms", db->name);
}

static size_t states_of(const cst_cg_db *db, size_t phone) {
    size_t count = 0;
    while (db->phone_states[phone][1 + count]) count++;
    return count;
}

static size_t type_of(const cst_cg_db *db, const char *name) {
    for (size_t i = 0; db->types[i]; i++)
        if (strcmp(db->types[i], name) == 0) return i;
    return 0;
}

static const dur_stat *duration_of(const cst_cg_db *db, const char *name) {
    const dur_stat *const *all = db->dur_stats[0];
    for (size_t i = 0; all[i]; i++)
        if (strcmp(all[i]->phone, name) == 0) return all[i];
    return all[0];
}

static ft_err kind_make(kind *k, ft_clustergen *g, const char *name) {
    size_t type = type_of(g->db, name);
    *k = (kind){ .name = name, .duration = duration_of(g->db, name) };
    FT_TRY(ft_cart_add(&k->f0, g->carts, g->db->f0_trees[0][type]));
    return ft_cart_add(&k->clusters, g->carts, g->db->param_trees[0][type]);
}

static ft_err kinds_make(ft_clustergen *g) {
    const char *const *const *names = g->db->phone_states;
    size_t phones = 0;
    while (names[phones]) phones++;
    FT_TRY(ft_arena_items(&g->kinds, &g->arena, phones));
    for (size_t p = 0; p < phones; p++) {
        size_t states = states_of(g->db, p);
        FT_TRY(ft_arena_items(&g->kinds[p], &g->arena, states));
        for (size_t i = 0; i < states; i++) FT_TRY(kind_make(&g->kinds[p][i], g, names[p][1 + i]));
    }
    return FT_OK;
}

ft_err ft_clustergen_new(ft_clustergen **out, const cst_cg_db *db) {
    *out = NULL;
    FT_TRY(form_check(db));
    ft_clustergen *g = ft_fault_here() ? NULL : calloc(1, sizeof *g);
    if (!g) return FT_FAIL(FT_ENOMEM, "no memory for a voice");
    g->db = db;
    g->arena = (ft_arena)FT_ARENA_INIT((size_t)16 << 20);
    g->channels = (size_t)(db->num_channels[0] - 2 * (1 + BANDS) - 2) / 4;
    ft_err err = ft_carts_new(&g->carts);
    if (err == FT_OK) err = ft_cart_add(&g->duration, g->carts, db->dur_cart[0]);
    if (err == FT_OK) err = kinds_make(g);
    if (err != FT_OK) {
        ft_clustergen_free(g);
        return err;
    }
    *out = g;
    return FT_OK;
}

void ft_clustergen_free(ft_clustergen *g) {
    if (!g) return;
    ft_carts_free(g->carts);
    ft_arena_fini(&g->arena);
    free(g);
}

/* ---- states */

/* An unknown sound is said as the first. */
static size_t phone_of(const cst_cg_db *db, const char *name) {
    for (size_t p = 0; db->phone_states[p]; p++)
        if (strcmp(db->phone_states[p][0], name) == 0) return p;
    return 0;
}

static void sound_begin(sentence *s, cst_item *segment, cst_relation *states, cst_relation *tree) {
    const ft_clustergen *g = s->g;
    const char *name = api->feat_string(segment, "name");
    size_t phone = phone_of(g->db, name);
    cst_item *parent = api->append(tree, segment);
    sound *o = &s->sounds[s->sound_count];
    *o = (sound){ .item = segment,
                  .states = s->states + s->state_count,
                  .state_count = states_of(g->db, phone),
                  .pause = strcmp(name, "pau") == 0 };
    api->set_int(segment, SOUND, (int)s->sound_count++);
    for (size_t i = 0; i < o->state_count; i++) {
        cst_item *item = api->append(states, NULL);
        api->add_daughter(parent, item);
        api->set_string(item, "name", g->kinds[phone][i].name);
        api->set_int(item, "statepos", (int)i + 1);
        o->states[i] = (state){ .kind = &g->kinds[phone][i], .sound = o, .item = item };
    }
    s->state_count += o->state_count;
}

static ft_err states_make(sentence *s) {
    cst_relation *states = api->relation_create(s->u, "HMMstate");
    cst_relation *tree = api->relation_create(s->u, "segstate");
    size_t sounds = 0, count = 0;
    cst_item *first = api->head(api->relation(s->u, "Segment"));
    for (cst_item *i = first; i; i = api->next(i), sounds++)
        count += states_of(s->g->db, phone_of(s->g->db, api->feat_string(i, "name")));
    FT_TRY(ft_arena_items(&s->sounds, s->arena, sounds + 1));
    FT_TRY(ft_arena_items(&s->states, s->arena, count + 1));
    for (cst_item *i = first; i; i = api->next(i)) sound_begin(s, i, states, tree);
    return FT_OK;
}

/* Seconds of a state: the tree tells by how many deviations it differs from its kind's mean. */
static float seconds_of(const sentence *s, const state *t) {
    const dur_stat *usual = t->kind->duration;
    float score = api->val_float(ft_cart_ask(s->g->carts, s->g->duration, t->item, NULL));
    float stretch = api->get_param_float(s->u->features, "duration_stretch", 1);
    float seconds = stretch * (score * usual->stddev + usual->mean);
    return seconds < s->g->db->frame_advance ? s->g->db->frame_advance : seconds;
}

static ft_err durations_make(sentence *s) {
    cst_relation *link = api->relation_create(s->u, "mcep_link");
    float end_s = 0;
    for (state *t = s->states; t < s->states + s->state_count; t++) {
        ft_carts_next(s->g->carts, t == t->sound->states ? FT_CART_SOUND : FT_CART_STATE);
        end_s += seconds_of(s, t);
        api->set_float(t->item, "end", end_s);
        t->link = api->append(link, t->item);
        t->first = s->frame_count;
        while ((float)s->frame_count * s->g->db->frame_advance <= end_s) s->frame_count++;
        t->count = s->frame_count - t->first;
    }
    for (sound *o = s->sounds; o < s->sounds + s->sound_count; o++)
        api->set_float(o->item, "end", api->feat_float(o->states[o->state_count - 1].item, "end"));
    api->feat_set_int(s->u->features, "param_track_num_frames", (int)s->frame_count);
    FT_TRY(ft_arena_items(&s->frames, s->arena, s->frame_count + 1));
    for (const state *t = s->states; t < s->states + s->state_count; t++)
        for (size_t i = 0; i < t->count; i++) s->frames[t->first + i] = t;
    return FT_OK;
}

/* ---- frames */

#define TO_PHRASE "R:segstate.parent.R:SylStructure.parent.parent.R:Phrase.parent."

static void sound_describe(sound *o) {
    const cst_item *t = o->states->link;
    o->vowel = strcmp(api->ffeature_string(t, "R:segstate.parent.ph_vc"), "+") == 0;
    o->phrase = api->ffeature_float(t, TO_PHRASE "lisp_cg_find_phrase_number");
    o->phrase_from_s = api->ffeature_float(
        t, TO_PHRASE "daughter1.R:SylStructure.daughter1.daughter1.R:Segment.p.end");
    o->phrase_to_s = api->ffeature_float(
        t, TO_PHRASE "daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end");
}

static float place(float at, float first, float last) {
    return last - first == 0 ? 0 : (at - first) / (last - first);
}

/* A state may be so short that no frame falls into it: flite then takes its first and last as 0. */
static float first_of(const state *t) { return t->count ? (float)t->first : 0; }
static float last_of(const state *t) { return t->count ? (float)(t->first + t->count - 1) : 0; }

static const char *position(const sentence *s, size_t i) {
    const char *name = s->frames[i]->kind->name;
    if (i == 0 || strcmp(s->frames[i - 1]->kind->name, name) != 0) return "b";
    return i + 1 < s->frame_count && strcmp(s->frames[i + 1]->kind->name, name) == 0 ? "m" : "e";
}

static ft_cart_frame frame_describe(const sentence *s, size_t i) {
    const state *t = s->frames[i];
    const sound *o = t->sound;
    float at = (float)i, first = first_of(t), last = last_of(t);
    float head = first_of(o->states), tail = last_of(o->states + o->state_count - 1);
    float span_s = o->phrase_to_s - o->phrase_from_s;
    double over_s = 0.005 * (double)at - (double)o->phrase_from_s;
    double over = span_s == 0 ? -1 : (double)o->phrase + over_s / (double)span_s;
    return (ft_cart_frame){ .state_pos = position(s, i),
                            .state_place = place(at, first, last),
                            .state_index = at - first,
                            .state_rindex = last - at,
                            .phone_place = place(at, head, tail),
                            .phone_index = at - head,
                            .phone_rindex = tail - at,
                            .position_in_phrase = (float)over };
}

static ft_err clusters_make(ft_clusters *c, const sentence *s, ft_arena *arena) {
    *c = (ft_clusters){ .frames = s->frame_count, .channels = s->g->channels, .bands = BANDS };
    FT_TRY(ft_arena_items(&c->f0, arena, c->frames + 1));
    FT_TRY(ft_arena_items(&c->model, arena, c->frames * 4 * c->channels + 1));
    return ft_arena_items(&c->strengths, arena, c->frames * BANDS + 1);
}

/* A cluster is a row of 16-bit numbers, each between its channel's least and greatest: mean and
 * deviation of F0 (the trees know it better), of the cepstrum and its changes, of the strengths, of
 * the voicing. */
static float unpacked(const cst_cg_db *db, const unsigned short *row, size_t channel) {
    return db->model_min[channel] + (float)(row[channel] / 65535.0) * db->model_range[channel];
}

/* -> the voicing */
static float cluster_unpack(ft_clusters *c, size_t frame, const cst_cg_db *db, int cluster) {
    const unsigned short *row = db->model_vectors[0][cluster];
    size_t width = 4 * c->channels;
    for (size_t k = 0; k < width; k++) c->model[frame * width + k] = unpacked(db, row, 2 + k);
    for (size_t b = 0; b < BANDS; b++)
        c->strengths[frame * BANDS + b] = unpacked(db, row, 2 + width + 2 * b);
    return unpacked(db, row, (size_t)db->num_channels[0] - 2);
}

/* Of a voice whose F0 is made otherwise, no F0 is asked for. */
static void frames_predict(const sentence *s, ft_clusters *c, bool *voiced) {
    ft_clustergen *g = s->g;
    for (size_t i = 0; i < s->frame_count; i++) {
        const state *t = s->frames[i];
        bool same_sound = i > 0 && s->frames[i - 1]->sound == t->sound;
        bool same_state = i > 0 && s->frames[i - 1] == t;
        if (!same_sound) sound_describe(t->sound);
        ft_carts_next(g->carts, same_state   ? FT_CART_FRAME
                                : same_sound ? FT_CART_STATE
                                             : FT_CART_SOUND);
        ft_cart_frame f = frame_describe(s, i);
        if (!g->db->spamf0) {
            float f0 = api->val_float(ft_cart_ask(g->carts, t->kind->f0, t->link, &f));
            c->f0[i] = f0 < F0_MIN_HZ ? 0 : f0;
        }
        const cst_val *cluster = ft_cart_ask(g->carts, t->kind->clusters, t->link, &f);
        float voicing = cluster_unpack(c, i, g->db, api->val_int(cluster));
        voiced[i] = !t->sound->pause && (t->sound->vowel || voicing > VOICED_MIN);
    }
}

/* ---- F0 */

typedef struct span {
    int first, last, middle;
} span;

static const sound *sound_of(const sentence *s, const cst_item *segment) {
    return &s->sounds[api->feat_int(segment, SOUND)];
}

static span span_of(const sentence *s, const cst_item *syllable) {
    cst_item *tree = api->as(syllable, "SylStructure");
    const sound *head = sound_of(s, api->daughter(tree));
    const sound *tail = sound_of(s, api->last_daughter(tree));
    int first = (int)first_of(head->states);
    int last = (int)last_of(tail->states + tail->state_count - 1);
    return (span){ first, last, (first + last) / 2 };
}

/* The Catmull-Rom spline from p1 to p2. */
static float spline(float at, float p0, float p1, float p2, float p3) {
    double linear = (double)(at * (-p0 + p2));
    double square =
        (double)(at * at) * (2.0 * (double)p0 - 5.0 * (double)p1 + (4.0 * (double)p2 - (double)p3));
    double cube =
        (double)(at * at * at) * ((double)-p0 + (3.0 * (double)p1 - 3.0 * (double)p2) + (double)p3);
    return (float)(0.5 * (2.0 * (double)p1 + linear + square + cube));
}

static void curve(float *f0, int from, int to, float p0, float p1, float p2, float p3) {
    float step = (float)(1.0 / (to - from));
    for (int i = 0; from + i < to; i++) f0[from + i] = spline((float)i * step, p0, p1, p2, p3);
}

/* Each syllable's F0 goes through the values at its begin, middle and end. */
static void f0_curve(float *f0, const sentence *s) {
    float middle = -1, end = -1;
    for (cst_item *i = api->head(api->relation(s->u, "Syllable")); i; i = api->next(i)) {
        span at = span_of(s, i);
        cst_item *next = api->next(i);
        if (at.last <= at.first) continue;
        float begin = end > 0 ? end : f0[at.first];
        float before = middle < 0 ? begin : middle;
        middle = f0[at.middle];
        end = next ? (float)((double)(f0[at.last - 1] + f0[at.last]) / 2.0) : f0[at.last - 1];
        float behind = next ? f0[span_of(s, next).middle] : end;
        curve(f0, at.first, at.middle, before, begin, middle, end);
        curve(f0, at.middle, at.last, begin, middle, end, behind);
    }
}

/* From the voice's own mean and deviation to those asked for. */
static void f0_scale(float *f0, const sentence *s, const bool *voiced) {
    const cst_cg_db *db = s->g->db;
    const cst_features *wanted = s->u->features;
    float mean = api->get_param_float(wanted, "int_f0_target_mean", db->f0_mean);
    float deviation = api->get_param_float(wanted, "int_f0_target_stddev", db->f0_stddev);
    mean *= api->get_param_float(wanted, "f0_shift", 1);
    for (size_t i = 0; i < s->frame_count; i++) {
        float hz = (f0[i] - db->f0_mean) / db->f0_stddev * deviation + mean;
        hz = hz < F0_MIN_HZ ? F0_MIN_HZ : hz > F0_MAX_HZ ? F0_MAX_HZ : hz;
        f0[i] = voiced[i] ? hz : 0;
    }
}

/* F0 as a phrase's level and syllables' accents: flite's own, over a track of nothing else. */
static void f0_accents(float *f0, const sentence *s) {
    cst_track *track = api->new_track();
    api->track_resize(track, (int)s->frame_count, 1);
    api->feat_set(s->u->features, "param_track", api->track_val(track));
    api->spamf0(s->u);
    for (size_t i = 0; i < s->frame_count; i++) f0[i] = track->frames[i][0];
}

/* ---- the whole */

ft_err ft_clustergen_predict(ft_clusters *out, ft_clustergen *g, cst_utterance *u,
                             ft_arena *arena) {
    sentence s = { .g = g, .u = u, .arena = arena };
    bool *voiced;
    FT_TRY(states_make(&s));
    FT_TRY(durations_make(&s));
    FT_TRY(clusters_make(out, &s, arena));
    FT_TRY(ft_arena_items(&voiced, arena, s.frame_count + 1));
    frames_predict(&s, out, voiced);
    if (g->db->spamf0) {
        f0_accents(out->f0, &s);
    } else {
        f0_curve(out->f0, &s);
        f0_scale(out->f0, &s, voiced);
    }
    return FT_OK;
}

ft_err ft_clustergen_smooth(float *out, const ft_clustergen *g, const ft_clusters *c,
                            ft_arena *arena) {
    ft_trajectory t = { .frames = c->frames, .channels = c->channels, .model = c->model };
    for (int i = 0; i < 3; i++) t.change[i] = g->db->dynwin[i];
    FT_TRY(ft_trajectory_solve(out + 1, 1 + c->channels, &t, arena));
    for (size_t i = 0; i < c->frames; i++) out[i * (1 + c->channels)] = c->f0[i];
    return FT_OK;
}
