/* vits_test.c -- neural voices: a small network as Piper exports it (tests/tiny_voice.py) read,
 * cut, run in windows, spoken by the engine, added to a home. Real ones:
 * tests/prove/neural_voice.py. */
#include "speech/vits/vits.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "base/proc.h"
#include "nn/import/onnx.h"
#include "nn/session.h"
#include "speech/added.h"
#include "speech/espeak.h"
#include "speech/heard_test.h"
#include "speech/vits/network.h"
#include "speech/vits/spell.h"
#include "tests/oracle.h"

#define RATE 8000

static const char *path_of(const char *name) {
    static char paths[4][400];
    static int at;
    at = (at + 1) % 4;
    snprintf(paths[at], sizeof paths[at], "%s/%s", test_dir(), name);
    return paths[at];
}

/* The script stands beside the tests; false: it cannot run here. */
static bool make_voice(const char *name, const char *kinds) {
    char command[1200];
    snprintf(command, sizeof command, ORACLE_PYTHON " %s/../../../tests/tiny_voice.py %s %s",
             getenv("FETTLE_TEST_HERE"), path_of(name), kinds);
    return system(command) == 0;
}

#define VOICE(name, kinds)                                  \
    if (!oracle_has("onnx,numpy")) SKIP("no python3-onnx"); \
    EXPECT(make_voice(name, kinds))

/* ---- the network */

typedef struct loaded {
    ft_arena arena;
    ft_vits_config config;
    ft_vits_network *network;
} loaded;

static ft_err load(loaded *l, const char *name, bool noisy) {
    ft_str text, path;
    *l = (loaded){ .arena = FT_ARENA_INIT(64 << 20) };
    FT_TRY(ft_arena_printf(&path, &l->arena, "%s/%s", test_dir(), name));
    FT_TRY(ft_file_read(&text, &l->arena, path_of("v.onnx.json"), 1 << 20));
    FT_TRY(ft_vits_config_read(&l->config, &l->arena, text, "v"));
    if (!noisy) l->config.noise_scale = 0;
    return ft_vits_network_new(&l->network, path.at, &l->config);
}

static void unload(loaded *l) {
    ft_vits_network_free(l->network);
    ft_arena_fini(&l->arena);
}

static size_t say(float *out, size_t room, ft_vits_said *said, loaded *l, size_t count, double pace,
                  int64_t speaker) {
    int64_t ids[400];
    ft_vits_run *run;
    size_t total = 0, n;
    const float *at;
    for (size_t i = 0; i < count; i++) ids[i] = (int64_t)(i * 7 % 60);
    EXPECT_OK(ft_vits_run_new(&run, l->network));
    ft_vits_ask ask = { ids, count, pace, speaker };
    EXPECT_OK(ft_vits_think(said, run, &ask, &l->arena));
    do {
        EXPECT_OK(ft_vits_next(&at, &n, run));
        EXPECT(total + n <= room);
        memcpy(out + total, at, n * sizeof *out);
        total += n;
    } while (n > 0);
    ft_vits_run_free(run);
    return total;
}

static float one[400000], other[400000];

/* Windows, one behind the other, are what the graph as a whole gives. */
static void test_windows(void **state) {
    (void)state;
    loaded l;
    ft_vits_said said;
    ft_nn_graph *g;
    ft_nn_model *m;
    ft_nn_session *s;
    VOICE("v.onnx", "sid");
    EXPECT_OK(load(&l, "v.onnx", false));
    size_t count = say(one, FT_COUNT(one), &said, &l, 60, 1, 2);
    EXPECT(count == said.samples && count > 3 * 128 * 32 && said.told);
    EXPECT(said.ends[59] == count && said.ends[0] > 0 && said.ends[0] % 32 == 0);
    int64_t ids[60], length = 60, speaker = 2;
    float scales[3] = { 0, 1, 0.8f };
    for (int i = 0; i < 60; i++) ids[i] = i * 7 % 60;
    ft_array in[] = { { FT_I64, 2, { 1, 60 }, ids },
                      { FT_I64, 1, { 1 }, &length },
                      { FT_F32, 1, { 3 }, scales },
                      { FT_I64, 1, { 1 }, &speaker } },
             out;
    EXPECT_OK(ft_nn_onnx_read(&g, path_of("v.onnx")));
    EXPECT_OK(ft_nn_model_new(&m, g));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    EXPECT_OK(ft_nn_run(s, in, &out, &l.arena, NULL));
    EXPECT(ft_array_count(&out) == (int64_t)count);
    double far = 0;
    for (size_t i = 0; i < count; i++)
        far = fmax(far, fabs((double)one[i] - (double)((float *)out.data)[i]));
    print_message("# %zu samples, %.1e from the whole\n", count, far);
    EXPECT(far < 1e-5);
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    EXPECT(say(other, FT_COUNT(other), &said, &l, 60, 1, 0) == count);
    EXPECT(memcmp(one, other, count * sizeof *one) != 0); /* another speaker */
    unload(&l);
}

/* The same text, the same bits, noise and all; also when other texts were spoken between. */
static void test_same_bits(void **state) {
    (void)state;
    loaded l;
    ft_vits_said said;
    VOICE("v.onnx", "");
    EXPECT_OK(load(&l, "v.onnx", true));
    size_t count = say(one, FT_COUNT(one), &said, &l, 30, 1, 0);
    say(other, FT_COUNT(other), &said, &l, 31, 1, 0);
    EXPECT(say(other, FT_COUNT(other), &said, &l, 30, 1, 0) == count);
    EXPECT(memcmp(one, other, count * sizeof *one) == 0);
    size_t slow = say(other, FT_COUNT(other), &said, &l, 30, 0.5, 0);
    EXPECT(fabs((double)slow / (double)count - 2) < 0.12 /* frames are whole */);
    unload(&l);
}

static void test_kinds(void **state) {
    (void)state;
    static const struct {
        const char *kind, *about;
    } rows[] = { { "", "times of sounds from the network, sound in windows of" },
                 { "plain", "times of sounds by share, sound in windows of" },
                 { "loud", "times of sounds from the network, sound of a text at once" } };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        loaded l;
        ft_vits_said said;
        char about[128];
        VOICE("v.onnx", rows[i].kind);
        EXPECT_OK(load(&l, "v.onnx", false));
        ft_vits_network_describe(l.network, about, sizeof about);
        EXPECT(strncmp(about, rows[i].about, strlen(rows[i].about)) == 0);
        EXPECT(say(one, FT_COUNT(one), &said, &l, 20, 1, 0) == said.samples);
        EXPECT(said.ends[19] == said.samples && said.told == (i != 1));
        unload(&l);
    }
}

static void test_no_voices(void **state) {
    (void)state;
    static const struct {
        const char *kind, *why;
        ft_err err;
    } rows[] = { { "names", "its inputs are ids, input_lengths, scales; expected input",
                   FT_EUNSUPPORTED },
                 { "nan", "what is no number", FT_ECORRUPT },
                 { "mute", "gives no sound", FT_ECORRUPT },
                 { "endless", "wants more than 1024 MiB for a sentence", FT_ETOOBIG } };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        loaded l;
        ft_vits_run *run = NULL;
        ft_vits_said said;
        const float *at;
        size_t n;
        int64_t ids[] = { 1, 0, 20, 0, 2 };
        ft_vits_ask ask = { ids, 5, 1, 0 };
        VOICE("v.onnx", rows[i].kind);
        ft_err err = load(&l, "v.onnx", false);
        if (err == FT_OK) err = ft_vits_run_new(&run, l.network);
        if (err == FT_OK) err = ft_vits_think(&said, run, &ask, &l.arena);
        if (err == FT_OK) err = ft_vits_next(&at, &n, run);
        EXPECT(err == rows[i].err);
        EXPECT_WHY(rows[i].why);
        ft_vits_run_free(run);
        unload(&l);
    }
    EXPECT(truncate(path_of("v.onnx"), 900) == 0);
    loaded l;
    EXPECT(load(&l, "v.onnx", false) != FT_OK);
    unload(&l);
}

/* ---- the engine */

static ft_err speak(heard *h, const char *text) {
    static ft_vits_voice v;
    ft_arena arena = FT_ARENA_INIT(256 << 20);
    ft_document d;
    ft_script s;
    void *engine;
    ft_listener to = { on_samples, on_phone, on_item, h };
    *h = (heard){ 0 };
    v = (ft_vits_voice){ .voice = { .id = "tiny", .engine = &ft_engine_vits },
                         .model = path_of("v.onnx"),
                         .config = path_of("v.onnx.json"),
                         .speaker = "",
                         .lock = PTHREAD_MUTEX_INITIALIZER };
    FT_TRY(ft_engine_vits.open(&engine, &v.voice));
    EXPECT(ft_engine_vits.rate_hz(engine) == RATE);
    ft_err err = ft_document_read(&d, &arena, ft_str_of(text),
                                  &(ft_document_opts){ .type = FT_SPEECH_AUTO });
    if (err == FT_OK) err = ft_script_make(&s, &arena, &d, FT_STR("en-US"), NULL, 0);
    if (err == FT_OK && s.count == 0) err = FT_ENOMEM;
    if (err == FT_OK) err = ft_engine_vits.speak(engine, &s.sentences[0], NULL, &to, &arena);
    ft_engine_vits.close(engine);
    EXPECT(!v.shared); /* the last engine took it along */
    ft_arena_fini(&arena);
    return err;
}

#define TEXT "the large table was made of wood."

static void test_spoken(void **state) {
    (void)state;
    heard a, b;
    VOICE("v.onnx", "text");
    EXPECT_OK(speak(&a, TEXT));
    EXPECT(a.items == 7 && a.phones > 15);
    EXPECT(fabs((double)a.count / RATE - a.last_end_s) < 0.002);
    for (int i = 1; i < a.items; i++) EXPECT(a.word_s[i] > a.word_s[i - 1] + 0.05);
    EXPECT(a.last_end_s - a.end_s[6] > 0.24); /* a pause behind a sentence */
    EXPECT_OK(speak(&b, TEXT));
    EXPECT(a.count == b.count && memcmp(a.samples, b.samples, a.count * 2) == 0);
    free(a.samples), free(b.samples);
}

static double rms(const heard *h, double from_s, double to_s) {
    double sum = 0;
    size_t from = (size_t)(from_s * RATE), to = (size_t)(to_s * RATE);
    for (size_t i = from; i < to; i++) sum += (double)h->samples[i] * h->samples[i];
    return sqrt(sum / (double)(to - from));
}

static void test_manners(void **state) {
    (void)state;
    heard plain, slow, soft, far, high, none;
    VOICE("v.onnx", "text");
    EXPECT_OK(speak(&plain, TEXT));
    EXPECT_OK(speak(&slow, "<speak><prosody rate='50%'>" TEXT "</prosody></speak>"));
    EXPECT_OK(speak(&soft, "<speak><prosody volume='-6dB'>" TEXT "</prosody></speak>"));
    EXPECT_OK(speak(&far, "<speak>the large<break time='700ms'/> table.</speak>"));
    EXPECT_OK(speak(&high, "<speak>the <prosody pitch='+20%'>large</prosody> table.</speak>"));
    EXPECT_OK(speak(&none, "<speak><break time='300ms'/></speak>"));
    double slower = slow.end_s[6] / plain.end_s[6];
    double softer = 20 * log10(rms(&soft, 0.1, 1) / rms(&plain, 0.1, 1));
    print_message("# slower %.3f, softer %.2f dB, break %.4f s\n", slower, softer,
                  far.end_s[2] - far.word_s[2]);
    EXPECT(fabs(slower - 2) < 0.12 && fabs(softer + 6) < 0.1);
    EXPECT(soft.count == plain.count && high.count > 2000);
    EXPECT(fabs(far.end_s[2] - far.word_s[2] - 0.7) < 0.002);
    EXPECT(rms(&far, far.word_s[2] + 0.01, far.end_s[2] - 0.01) == 0);
    EXPECT(llabs((long long)none.count - 2400) <= 1 && none.samples[1000] == 0);
    free(plain.samples), free(slow.samples), free(soft.samples), free(far.samples);
    free(high.samples), free(none.samples);
}

/* ---- signs */

static ft_err spell(ft_vits_spelling *out, ft_vits_speller *s, ft_arena *arena, const char *text) {
    ft_document d;
    ft_script script;
    FT_TRY(ft_document_read(&d, arena, ft_str_of(text),
                            &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
    FT_TRY(ft_script_make(&script, arena, &d, FT_STR("en-US"), NULL, 0));
    if (script.count == 0) return FT_ENOMEM;
    return ft_vits_spell(out, s, &script.sentences[0], arena);
}

static void test_spelt(void **state) {
    (void)state;
    static const struct {
        const char *text, *signs;
    } rows[] = {
        { "The canoe slid on the planks.", "ðə kənˈuː slˈɪd ɔnðə plˈæŋks." },
        { "Stop, now!", "stˈɑːp, nˈaʊ!" },
        { "<speak>the <phoneme alphabet='ipa' ph='ˈpi.kæn'>x</phoneme>.</speak>", "ðə pˈikæn." },
        { "<speak><phoneme alphabet='x-sampa' ph='\"pi.k{n'>x</phoneme>.</speak>", "pˈikæn." },
        { "to close the planks.", "tə klˈoʊz ðə plˈæŋks." }, /* no "too", "close" */
        { "<speak>the <phoneme ph='ˈpi'>x</phoneme> <phoneme ph='ˈka'>y</phoneme>.</speak>",
          "ðə pˈi kˈa." },
    };
    loaded l;
    VOICE("v.onnx", "");
    EXPECT_OK(load(&l, "v.onnx", false));
    ft_vits_speller s = { .config = &l.config };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_vits_spelling spelling;
        ft_err err = spell(&spelling, &s, &l.arena, rows[i].text);
        if (err == FT_EABSENT) SKIP("no libespeak-ng1 or espeak-ng-data");
        EXPECT_OK(err);
        ft_str want = ft_str_of(rows[i].signs);
        for (size_t k = 0; k < spelling.count; k++) {
            uint32_t sign = want.len ? ft_vits_char(&want) : 0;
            if (spelling.sounds[k].sign != sign)
                print_error("row %zu, sign %zu: U+%04X, expected U+%04X\n", i, k,
                            spelling.sounds[k].sign, sign);
            EXPECT(spelling.sounds[k].sign == sign);
        }
        EXPECT(want.len == 0 && spelling.unknown == 0);
        EXPECT(spelling.id_count == 2 * spelling.count + 3);
    }
    ft_vits_spelling spelling;
    EXPECT_OK(spell(&spelling, &s, &l.arena, "The canoe slid on the planks."));
    for (size_t k = 1; k < spelling.count; k++)
        EXPECT(spelling.sounds[k].item < 0 ||
               spelling.sounds[k].item >= spelling.sounds[k - 1].item);
    EXPECT(spelling.sounds[spelling.count - 2].item == 5);
    EXPECT_ERR(FT_EPARSE, spell(&spelling, &s, &l.arena,
                                "<speak><phoneme alphabet='x-sampa' ph='p#'>x</phoneme>.</speak>"));
    ft_vits_speller_fini(&s);
    unload(&l);
}

/* ---- added to a home */

static void test_added(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    ft_store *s;
    ft_str about;
    const ft_voice *v, **all, *again;
    size_t count;
    VOICE("v.onnx", "sid");
    ft_str home = ft_str_of(path_of("home"));
    EXPECT_OK(ft_store_open(&s, home.at));
    ft_voices_home(home.at);
    ft_voice_new eve = { .name = FT_STR("eve-1"),
                         .model = path_of("v.onnx"),
                         .speaker = FT_STR("eve"),
                         .sex = FT_STR("Female") };
    EXPECT_OK(ft_voice_add(&about, s, &arena, &eve));
    EXPECT_OK(ft_voice_find(&v, FT_STR("eve-1")));
    EXPECT(strcmp(v->id, "eve-1") == 0 && strcmp(v->lang, "en-US") == 0 && v->neural);
    EXPECT(!v->standard && strcmp(v->lang_name, "US English") == 0);
    EXPECT(strstr(v->speaker, "speaker eve"));
    EXPECT_OK(ft_voice_find(&again, FT_STR("eve-1")));
    EXPECT(again == v);
    EXPECT_OK(ft_voices_all(&all, &count, &arena));
    EXPECT(all[count - 1] == v && all[0] == &ft_voices[0]);
    EXPECT_ERR(FT_EEXIST, ft_voice_add(&about, s, &arena, &eve));
    EXPECT_WHY("fettle voices rm eve-1");
    ft_voice_new joanna = { .name = FT_STR("joanna"), .model = path_of("v.onnx") };
    EXPECT_ERR(FT_EEXIST, ft_voice_add(&about, s, &arena, &joanna));
    ft_voice_new dots = { .name = FT_STR("../x"), .model = path_of("v.onnx") };
    EXPECT_ERR(FT_EINVAL, ft_voice_add(&about, s, &arena, &dots));
    ft_voice_new who = { .name = FT_STR("b"), .model = path_of("v.onnx"), .speaker = FT_STR("9") };
    EXPECT_ERR(FT_ENOTFOUND, ft_voice_add(&about, s, &arena, &who));
    ft_voice_new gone = { .name = FT_STR("b"), .model = path_of("none.onnx") };
    EXPECT_ERR(FT_ENOTFOUND, ft_voice_add(&about, s, &arena, &gone));
    EXPECT_OK(ft_file_remove(path_of("v.onnx.json")));
    ft_voice_new bare = { .name = FT_STR("b"), .model = path_of("v.onnx") };
    EXPECT_ERR(FT_ENOTFOUND, ft_voice_add(&about, s, &arena, &bare));
    EXPECT_WHY("v.onnx.json is missing: a voice is two files");
    EXPECT_OK(ft_voice_remove(s, FT_STR("eve-1")));
    EXPECT_ERR(FT_ENOTFOUND, ft_voice_remove(s, FT_STR("eve-1")));
    EXPECT_ERR(FT_ENOTFOUND, ft_voice_find(&v, FT_STR("eve-1")));
    EXPECT_ERR(FT_ENOTFOUND, ft_voice_find(&v, FT_STR("x/voice.onnx")));
    EXPECT_WHY("fettle voices add NAME FILE.onnx");
    ft_store_close(s);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    VOICE("v.onnx", "text");
    EACH_FAULT {
        heard h = { 0 };
        ft_err err = speak(&h, "so.");
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EIO || err == FT_ETOOBIG);
        free(h.samples);
    }
}

int main(int argc, char **argv) {
    static char self[1000], here[] = __FILE__;
    if (argc > 1 && strcmp(argv[1], "run-espeak") == 0) return ft_espeak_serve(0) != FT_OK;
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    *strrchr(here, '/') = 0; /* as the compiler was told it: from the build folder */
    setenv("FETTLE_TEST_HERE", here, 1);
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_windows), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_kinds),   cmocka_unit_test(test_no_voices),
        cmocka_unit_test(test_spoken),  cmocka_unit_test(test_manners),
        cmocka_unit_test(test_spelt),   cmocka_unit_test(test_added),
        cmocka_unit_test(test_faults),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
