/* clustergen_test.c -- the frames of a sentence beside flite's own, bit for bit. */
#include "speech/clustergen/clustergen.h"

#include "base/check.h"
#include "speech/clustergen/trajectory.h"
#include "tests/test.h"

static ft_flite *const api = &ft_flite_api;

static int stop(const cst_wave *wave, int start, int size, int last,
                cst_audio_streaming_info *info) {
    (void)wave, (void)start, (void)size, (void)last, (void)info;
    return CST_AUDIO_STREAM_STOP;
}

static cst_utterance *no_synthesis(cst_utterance *u) { return u; }

/* An utterance of `text`, word by word; what ends in a mark ends a phrase. */
static cst_utterance *utterance(cst_voice *voice, const char *text) {
    static char word[64];
    cst_utterance *u = api->new_utterance();
    api->utt_init(u, voice);
    cst_relation *tokens = api->relation_create(u, "Token");
    while (*text) {
        size_t n = strcspn(text, " "), marks = n && strchr(",.?!", text[n - 1]) ? 1 : 0;
        char mark[2] = { marks ? text[n - 1] : '\0', '\0' };
        snprintf(word, sizeof word, "%.*s", (int)(n - marks), text);
        cst_item *t = api->append(tokens, NULL);
        api->set_string(t, "name", word);
        api->set_string(t, "whitespace", " ");
        api->set_string(t, "prepunctuation", "");
        api->set_string(t, "punc", mark);
        text += n + strspn(text + n, " ");
    }
    return u;
}

static cst_utterance *by_flite(cst_voice *voice, const char *text) {
    cst_utterance *u = utterance(voice, text);
    cst_audio_streaming_info *info = api->new_streaming();
    info->asc = stop;
    info->min_buffsize = 1;
    api->feat_set(u->features, "streaming_info", api->streaming_val(info));
    return api->synth_tokens(u);
}

static void expect_ends(cst_utterance *a, cst_utterance *b) {
    cst_item *i = api->head(api->relation(a, "Segment"));
    cst_item *k = api->head(api->relation(b, "Segment"));
    for (; i && k; i = api->next(i), k = api->next(k)) {
        EXPECT(strcmp(api->feat_string(i, "name"), api->feat_string(k, "name")) == 0);
        EXPECT(api->feat_float(i, "end") == api->feat_float(k, "end"));
    }
    EXPECT(!i && !k);
}

static void expect_clusters(const ft_clusters *c, const cst_utterance *u) {
    const cst_track *track = api->val_track(api->feat_val(u->features, "param_track"));
    const cst_track *bands = api->val_track(api->feat_val(u->features, "str_track"));
    size_t width = 4 * c->channels;
    EXPECT((size_t)track->num_frames == c->frames && (size_t)track->num_channels == 2 + width);
    EXPECT((size_t)bands->num_channels == c->bands && c->frames > 20);
    for (size_t i = 0; i < c->frames; i++) {
        EXPECT(track->frames[i][0] == c->f0[i]);
        EXPECT(memcmp(track->frames[i] + 2, c->model + i * width, width * sizeof(float)) == 0);
        EXPECT(memcmp(bands->frames[i], c->strengths + i * c->bands, c->bands * sizeof(float)) ==
               0);
    }
}

static void expect_smooth(ft_clustergen *g, const ft_clusters *c, cst_utterance *u,
                          const cst_cg_db *db, ft_arena *arena) {
    const cst_track *raw = api->val_track(api->feat_val(u->features, "param_track"));
    cst_track *theirs = api->mlpg(raw, (cst_cg_db *)(uintptr_t)db);
    size_t width = 1 + c->channels;
    float *ours;
    EXPECT_OK(ft_arena_items(&ours, arena, c->frames * width));
    EXPECT_OK(ft_clustergen_smooth(ours, g, c, arena));
    EXPECT((size_t)theirs->num_channels == width);
    for (size_t i = 0; i < c->frames; i++)
        EXPECT(memcmp(theirs->frames[i], ours + i * width, width * sizeof(float)) == 0);
    api->delete_track(theirs);
}

static void compare(const char *name, const char *const *texts, size_t count) {
    cst_voice *voice;
    ft_clustergen *g;
    EXPECT_OK(ft_flite_load(&voice, name));
    const cst_cg_db *db = api->val_cg_db(api->feat_val(voice->features, "cg_db"));
    EXPECT_OK(ft_clustergen_new(&g, db));
    for (size_t i = 0; i < count; i++) {
        ft_arena arena = FT_ARENA_INIT(64 << 20);
        ft_clusters c;
        cst_utterance *theirs = by_flite(voice, texts[i]);
        cst_utterance *u = utterance(voice, texts[i]);
        api->feat_set(u->features, "wave_synth_func", api->uttfunc_val(no_synthesis));
        u = api->synth_tokens(u);
        EXPECT_OK(ft_clustergen_predict(&c, g, u, &arena));
        expect_ends(u, theirs);
        expect_clusters(&c, theirs);
        expect_smooth(g, &c, theirs, db, &arena);
        api->delete_utterance(theirs);
        api->delete_utterance(u);
        ft_arena_fini(&arena);
    }
    ft_clustergen_free(g);
}

static const char *const texts[] = {
    "The city council voted to close the bridge for repairs this summer.",
    "a",
    "Why? Oh, no! Ten cats, two dogs, and one strange, quiet bird sat there.",
    "zzyzx is where the road ends",
    "They thrust stretched strengths through sixths of months, again and again and again, until "
    "nobody could tell which of the engineers had been the first to stop, or why.",
};

static bool here(void) {
    cst_voice *voice;
    ft_err err = ft_flite_load(&voice, "slt");
    ft_err_clear();
    return err == FT_OK;
}

static void test_equals_flite(void **state) {
    (void)state;
    if (!here()) SKIP("no libflite1");
    compare("slt", texts, FT_COUNT(texts));
    compare("rms", texts, FT_COUNT(texts));
}

static void test_other_forms(void **state) {
    (void)state;
    cst_voice *voice;
    ft_clustergen *g;
    if (!here()) SKIP("no libflite1");
    EXPECT_OK(ft_flite_load(&voice, "slt"));
    cst_cg_db db = *api->val_cg_db(api->feat_val(voice->features, "cg_db"));
    db.model_shape = CST_CG_MODEL_SHAPE_QUANTIZED_PARAMS_41;
    EXPECT(ft_clustergen_new(&g, &db) == FT_EUNSUPPORTED && g == NULL);
    ft_err_clear();
}

static void test_each_failure(void **state) {
    (void)state;
    cst_voice *voice;
    ft_clustergen *g;
    if (!here()) SKIP("no libflite1");
    EXPECT_OK(ft_flite_load(&voice, "slt"));
    const cst_cg_db *db = api->val_cg_db(api->feat_val(voice->features, "cg_db"));
    EACH_FAULT {
        ft_err err = ft_clustergen_new(&g, db);
        EXPECT(err == FT_OK || (err == FT_ENOMEM && g == NULL));
        ft_clustergen_free(g);
    }
}

/* A frame without a variance takes the one that stands for it; a path through equal means is level. */
static void test_path(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    float model[3][2][2] = { { { 2, 0 }, { 0, 1 } },
                             { { 2, 1 }, { 0, 1 } },
                             { { 2, 1 }, { 0, 1 } } };
    float out[3];
    ft_trajectory t = { 3, 1, &model[0][0][0], { -0.5F, 0, 0.5F } };
    EXPECT_OK(ft_trajectory_solve(out, 1, &t, &arena));
    EXPECT(out[0] > 1.9F && out[0] < 2.1F);
    model[1][0][0] = 4; /* a bump is seen, and rounded */
    EXPECT_OK(ft_trajectory_solve(out, 1, &t, &arena));
    EXPECT(out[1] > 2.5F && out[1] < 4 && out[0] < out[1] && out[2] < out[1]);
    t.frames = 1;
    EXPECT_OK(ft_trajectory_solve(out, 1, &t, &arena));
    EXPECT(out[0] == 2);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_equals_flite), cmocka_unit_test(test_other_forms),
          cmocka_unit_test(test_each_failure), cmocka_unit_test(test_path))
