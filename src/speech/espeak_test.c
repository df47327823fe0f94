/* espeak_test.c -- espeak-ng's process: asked, heard, killed, absent; its sound bent. */
#include "speech/espeak.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/proc.h"
#include "speech/espeak_in.h"
#include "speech/espeak_stress.h"
#include "speech/heard_test.h"
#include "speech/phones.h"
#include "tests/pitch.h"
#include "tests/test.h"

static const ft_voice lupe = { .id = "test",
                               .engine = &ft_engine_espeak,
                               .engine_voice = "es-419+f2" };

static ft_err speak_by(void *engine, heard *h, const char *text, const ft_style *style) {
    ft_arena arena = FT_ARENA_INIT(256 << 20);
    ft_document d;
    ft_script s;
    ft_listener to = { on_samples, on_phone, on_item, h };
    *h = (heard){ 0 };
    ft_err err = ft_document_read(&d, &arena, ft_str_of(text),
                                  &(ft_document_opts){ .type = FT_SPEECH_AUTO });
    if (err == FT_OK) err = ft_script_make(&s, &arena, &d, FT_STR("es-US"), NULL, 0);
    if (err == FT_OK && s.count == 0) err = FT_ENOMEM;
    if (err == FT_OK) err = ft_engine_espeak.speak(engine, &s.sentences[0], style, &to, &arena);
    ft_arena_fini(&arena);
    return err;
}

static bool speak(heard *h, const char *text) {
    void *engine;
    ft_err err = ft_engine_espeak.open(&engine, &lupe);
    if (err == FT_EABSENT) return false;
    EXPECT_OK(err);
    EXPECT(ft_engine_espeak.rate_hz(engine) == 22050);
    EXPECT_OK(speak_by(engine, h, text, NULL));
    ft_engine_espeak.close(engine);
    return true;
}

#define TEXT "La mesa grande del comedor era de madera."

static void test_spoken(void **state) {
    (void)state;
    heard a, b;
    if (!speak(&a, TEXT)) SKIP("no libespeak-ng1 or espeak-ng-data");
    EXPECT(a.items == 8 && a.phones > 25 && a.phones < 45);
    EXPECT(a.count > 22050 && a.count < 22050 * 5 && test_rms(a.samples, a.count) > 500);
    EXPECT(fabs((double)a.count / 22050 - a.last_end_s) < 0.002);
    for (int i = 1; i < a.items; i++) {
        EXPECT(a.word_s[i] > a.word_s[i - 1] + 0.05);
        EXPECT(fabs(a.end_s[i - 1] - a.word_s[i]) < 0.05);
    }
    EXPECT(speak(&b, TEXT)); /* another process, the same bytes */
    EXPECT(a.count == b.count && memcmp(a.samples, b.samples, a.count * 2) == 0);
    free(a.samples);
    free(b.samples);
}

/* Nothing asked, nothing changed: what the process said, up to the pause at the end. */
static void test_transparent(void **state) {
    (void)state;
    ft_espeak_process p = { 0 };
    ft_espeak_answer raw = { 0 };
    heard h;
    if (!speak(&h, TEXT)) SKIP("no libespeak-ng1 or espeak-ng-data");
    EXPECT_OK(ft_espeak_say(&p, &raw, "es-419+f2",
                            FT_STR("la mesa grande del comedor era de madera."), false));
    const int16_t *want = (const int16_t *)(const void *)raw.samples.at;
    size_t until = (size_t)(h.end_s[h.items - 1] * 22050), off = 0;
    EXPECT(raw.samples.len / 2 > until);
    for (size_t i = 0; i < until; i++) off += abs(want[i] - h.samples[i]) > 1;
    print_message("# %zu of %zu samples differ\n", off, until);
    EXPECT(off < until / 100);
    ft_espeak_process_end(&p);
    ft_espeak_answer_fini(&raw);
    free(h.samples);
}

static void test_manners(void **state) {
    (void)state;
    heard plain, slow, high, soft, far;
    if (!speak(&plain, TEXT)) SKIP("no libespeak-ng1 or espeak-ng-data");
    EXPECT(speak(&slow, "<speak><prosody rate='50%'>" TEXT "</prosody></speak>"));
    EXPECT(speak(&high, "<speak><prosody pitch='+20%'>" TEXT "</prosody></speak>"));
    EXPECT(speak(&soft, "<speak><prosody volume='-6dB'>" TEXT "</prosody></speak>"));
    EXPECT(speak(&far, "<speak>La mesa<break time='700ms'/> grande.</speak>"));
    double base = test_pitch_hz(plain.samples, plain.count, 22050);
    double slower = (double)slow.count / (double)plain.count;
    double kept = test_pitch_hz(slow.samples, slow.count, 22050) / base;
    double higher = test_pitch_hz(high.samples, high.count, 22050) / base;
    double softer =
        20 * log10(test_rms(soft.samples, soft.count) / test_rms(plain.samples, plain.count));
    double pause = far.word_s[3] - far.word_s[2];
    print_message(
        "# %.0f Hz; slower %.3f (pitch %.3f), higher %.3f, softer %.2f dB, break %.3f s\n", base,
        slower, kept, higher, softer, pause);
    EXPECT(fabs(slower - 2) < 0.05 && fabs(kept - 1) < 0.05);
    EXPECT(fabs(higher - 1.2) < 0.05 && high.count == plain.count);
    EXPECT(fabs(softer + 6) < 0.3);
    EXPECT(fabs(pause - 0.7) < 0.01);
    free(plain.samples), free(slow.samples), free(high.samples), free(soft.samples);
    free(far.samples);
}

/* A whisper has no pitch, a longer tract leaves it where it was. */
static void test_effects(void **state) {
    (void)state;
    heard plain, whisper, tract;
    if (!speak(&plain, TEXT)) SKIP("no libespeak-ng1 or espeak-ng-data");
    EXPECT(
        speak(&whisper, "<speak><amazon:effect name='whispered'>" TEXT "</amazon:effect></speak>"));
    EXPECT(speak(&tract, "<speak><amazon:effect vocal-tract-length='+25%'>" TEXT
                         "</amazon:effect></speak>"));
    double voiced = test_voiced_share(plain.samples, plain.count, 22050);
    double without = test_voiced_share(whisper.samples, whisper.count, 22050);
    double pitch = test_pitch_hz(tract.samples, tract.count, 22050) /
                   test_pitch_hz(plain.samples, plain.count, 22050);
    print_message("# voiced %.2f, whispered %.2f; tract's pitch %.3f\n", voiced, without, pitch);
    EXPECT(voiced > 0.5 && without < 0.1);
    EXPECT(fabs(pitch - 1) < 0.05);
    EXPECT(plain.count == whisper.count && plain.count == tract.count);
    free(plain.samples), free(whisper.samples), free(tract.samples);
}

static void test_phonemes(void **state) {
    (void)state;
    static const struct {
        const char *alphabet, *from, *to;
    } rows[] = { { "ipa", "ˈpe.ro", "p|'e|R2|o" },       { "ipa", "ˈpeɾo", "p|'e|**|o" },
                 { "x-sampa", "\"tSi.ko", "tS|'i|k|o" }, { "ipa", "ˈni.ɲo", "n|'i|n^|o" },
                 { "ipa", "ˈpɔ̃k", "p|'O|n|k" }, /* Spanish lacks these */
                 { "ipa", "pɪˈkɑːn", "p|i|k|'a|n" } };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_buf out = { 0 };
        EXPECT_OK(ft_espeak_phones_from(&out, "es-419+f2", ft_str_of(rows[i].from),
                                        ft_str_of(rows[i].alphabet)));
        EXPECT_STR(rows[i].to, ft_buf_str(&out));
        ft_buf_fini(&out);
    }
    ft_buf out = { 0 };
    EXPECT_ERR(FT_EPARSE, ft_espeak_phones_from(&out, "de", FT_STR("p7"), FT_STR("ipa")));
    EXPECT_ERR(FT_EPARSE, ft_espeak_phones_from(&out, "de", FT_STR("."), FT_STR("ipa")));
    ft_buf_fini(&out);
    heard a, b;
    if (!speak(&a, "<speak>Un <phoneme ph='ˈpero'>x</phoneme> grande.</speak>"))
        SKIP("no libespeak-ng1 or espeak-ng-data");
    EXPECT(speak(&b, "<speak>Un <phoneme ph='ˈniɲo'>x</phoneme> grande.</speak>"));
    EXPECT(a.items == 3 && b.items == 3 && a.phones == b.phones);
    EXPECT(a.count != b.count || memcmp(a.samples, b.samples, a.count * 2));
    free(a.samples), free(b.samples);
}

/* The sounds of "ti SOUND ka" that a voice says: their number, and whether it ends in "ka". */
static int sounds_said(ft_espeak_process *p, const char *voice, const char *sound, bool sampa,
                       bool *whole) {
    ft_espeak_answer a = { 0 };
    ft_buf text = { 0 };
    char phonemes[40];
    int count = 0;
    snprintf(phonemes, sizeof phonemes, "ti%ska", sound);
    ft_buf_add(&text, FT_STR("[["));
    EXPECT_OK(ft_espeak_phones_from(&text, voice, ft_str_of(phonemes),
                                    sampa ? FT_STR("x-sampa") : FT_STR("ipa")));
    ft_buf_add(&text, FT_STR("]]"));
    EXPECT_OK(ft_espeak_say(p, &a, voice, ft_buf_str(&text), true));
    const ft_espeak_event *events = (const ft_espeak_event *)(const void *)a.events.at;
    const char *last[2] = { "", "" };
    for (size_t i = 0; i < a.events.len / sizeof *events; i++) {
        if (events[i].word || !events[i].ipa[0]) continue;
        last[0] = last[1];
        last[1] = events[i].ipa;
        count++;
    }
    *whole = strcmp(last[0], "k") == 0 && last[1][0] == 'a';
    if (!*whole) print_message("# %s: %s -> %.*s\n", voice, sound, FT_STR_ARG(ft_buf_str(&text)));
    ft_buf_fini(&text);
    ft_espeak_answer_fini(&a);
    return count;
}

/* Each sound of the table is said by each voice, and none drops what stands behind it. */
static void test_every_sound(void **state) {
    (void)state;
    void *engine;
    if (ft_engine_espeak.open(&engine, &lupe) == FT_EABSENT) SKIP("no libespeak-ng1");
    ft_engine_espeak.close(engine);
    ft_espeak_process p = { 0 };
    const char *known[64] = { 0 };
    size_t languages = 0;
    for (const ft_voice *v = ft_voices; v->id; v++) {
        if (v->engine != &ft_engine_espeak) continue;
        bool seen = false, whole;
        for (size_t i = 0; i < languages; i++) seen |= strcmp(known[i], v->lang) == 0;
        if (seen) continue;
        known[languages++] = v->lang;
        const char *sound;
        for (int sampa = 0; sampa < 2; sampa++)
            for (size_t i = 0; (sound = ft_espeak_sound(i, sampa)); i++) {
                int count = sounds_said(&p, v->engine_voice, sound, sampa, &whole);
                bool silent = strcmp(sound, "ʔ") == 0 || strcmp(sound, "?") == 0;
                if (!whole || count < (silent ? 4 : 5))
                    print_message("# %s lost %s: %d sounds\n", v->id, sound, count);
                EXPECT(whole && count >= (silent ? 4 : 5));
            }
    }
    EXPECT(languages >= 7);
    ft_espeak_process_end(&p);
}

/* What one engine takes for a sound the other takes, too. */
static void test_sounds_alike(void **state) {
    (void)state;
    const char *sound;
    for (int sampa = 0; sampa < 2; sampa++)
        for (size_t i = 0; (sound = ft_espeak_sound(i, sampa)); i++) {
            ft_buf out = { 0 };
            EXPECT_OK(
                ft_phones_from(&out, ft_str_of(sound), sampa ? FT_STR("x-sampa") : FT_STR("ipa")));
            EXPECT(out.len > 0);
            ft_buf_fini(&out);
        }
}

/* Brackets in a text are no phonemes of espeak's. */
static void test_brackets(void **state) {
    (void)state;
    heard a;
    if (!speak(&a, "La [[k'asa]] grande.")) SKIP("no libespeak-ng1 or espeak-ng-data");
    EXPECT(a.items >= 3 && a.count > 22050 / 2);
    free(a.samples);
}

/* Killed between two sentences, the next one is said by a new process. */
/* Words' vowels in a row, the stressed ones in capitals: "La economía" is "A eonomIa" without its
 * other sounds. */
static void test_stress(void **state) {
    (void)state;
    static const struct {
        const char *text, *vowels, *want;
    } rows[] = {
        { "economía", "eooia", "eooIa" },
        { "el año pasado", "e ao aao", "E Ao aAo" },
        { "creció mucho", "eo uo", "eO Uo" },
        { "<speak><phoneme alphabet='ipa' ph='pe.ˈro.ka'>x</phoneme></speak>", "eoa", "eOa" },
        { "<speak><phoneme alphabet='x-sampa' ph='\"ka.sa'>x</phoneme></speak>", "aa", "Aa" },
        { "casa", "a", "a" }, /* said with fewer vowels than spelt: counted from the end */
    };
    ft_espeak_process p = { 0 };
    ft_espeak_answer spelling = { 0 };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_arena arena = FT_ARENA_INIT(1 << 20);
        ft_document d;
        ft_script s;
        ft_segment_list l;
        char got[32] = "";
        EXPECT_OK(ft_document_read(&d, &arena, ft_str_of(rows[i].text),
                                   &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
        EXPECT_OK(ft_script_make(&s, &arena, &d, FT_STR("es-US"), NULL, 0));
        ft_segments_init(&l, &s.sentences[0], &arena);
        int item = 0;
        for (const char *c = rows[i].vowels; *c; c++) {
            if (*c == ' ') {
                item++;
                continue;
            }
            ft_segment g = { .phone = ft_espeak_phone(ft_str_n(c, 1)), .item = item, .to_s = 0.1 };
            EXPECT_OK(ft_segments_take(&l, g));
        }
        ft_err err = ft_espeak_stress(&l, &p, &spelling, "es-419+f2");
        if (err == FT_EABSENT) SKIP("no libespeak-ng1 or espeak-ng-data");
        EXPECT_OK(err);
        size_t at = 0;
        for (const char *c = rows[i].vowels; *c; c++) {
            bool stressed = *c != ' ' && l.segments[at++].stressed;
            size_t len = strlen(got);
            got[len] = stressed ? (char)(*c & ~32) : *c;
        }
        EXPECT_STR(rows[i].want, ft_str_of(got));
        ft_arena_fini(&arena);
    }
    ft_espeak_process_end(&p);
    ft_espeak_answer_fini(&spelling);
}

static void test_killed_between(void **state) {
    (void)state;
    void *engine;
    heard a, b;
    ft_err err = ft_engine_espeak.open(&engine, &lupe);
    if (err == FT_EABSENT) SKIP("no libespeak-ng1 or espeak-ng-data");
    EXPECT_OK(err);
    EXPECT_OK(speak_by(engine, &a, TEXT, NULL));
    int pid = ft_espeak_pid(engine);
    EXPECT(pid > 0 && kill(pid, SIGKILL) == 0);
    EXPECT_OK(speak_by(engine, &b, TEXT, NULL));
    EXPECT(ft_espeak_pid(engine) != pid);
    EXPECT(a.count == b.count && memcmp(a.samples, b.samples, a.count * 2) == 0);
    free(b.samples);
    EXPECT_OK(speak_by(engine, &b, TEXT, NULL)); /* and what was said before leaves no trace */
    EXPECT(a.count == b.count && memcmp(a.samples, b.samples, a.count * 2) == 0);
    ft_engine_espeak.close(engine);
    EXPECT(kill(pid, 0) != 0);
    free(a.samples), free(b.samples);
}

/* Killed in mid-sentence: FETTLE_TEST_DIE names a file; the process that finds it takes it away and
 * dies after 20,000 bytes of its answer (see main). */
static void test_killed_in_mid_sentence(void **state) {
    (void)state;
    char path[300];
    heard a, b;
    void *engine;
    if (!speak(&a, TEXT)) SKIP("no libespeak-ng1 or espeak-ng-data");
    snprintf(path, sizeof path, "%s/die", test_dir());
    setenv("FETTLE_TEST_DIE", path, 1);
    FILE *f = fopen(path, "w");
    EXPECT(f && fclose(f) == 0);
    EXPECT_OK(ft_engine_espeak.open(&engine, &lupe));
    EXPECT(access(path, F_OK) != 0);
    EXPECT_OK(speak_by(engine, &b, TEXT, NULL));
    EXPECT(a.count == b.count && memcmp(a.samples, b.samples, a.count * 2) == 0);
    ft_engine_espeak.close(engine);
    unsetenv("FETTLE_TEST_DIE");
    free(a.samples), free(b.samples);
}

/* What always dies is told after three starts, and nothing is left behind. */
static void test_always_dies(void **state) {
    (void)state;
    void *engine;
    const char *self = getenv("FETTLE_PROGRAM");
    char kept[1000];
    snprintf(kept, sizeof kept, "%s", self);
    setenv("FETTLE_PROGRAM", "/bin/true", 1);
    EXPECT_ERR(FT_EPEER, ft_engine_espeak.open(&engine, &lupe));
    EXPECT_WHY("espeak-ng, started 3 times: ");
    setenv("FETTLE_PROGRAM", "/no/such/program", 1);
    EXPECT_ERR(FT_EPEER, ft_engine_espeak.open(&engine, &lupe));
    EXPECT_WHY("does not start");
    setenv("FETTLE_PROGRAM", kept, 1);
    EXPECT(waitpid(-1, NULL, WNOHANG) < 0); /* no child is left */
}

/* Every row of the table that espeak-ng speaks is one of its voices. */
static void test_every_voice(void **state) {
    (void)state;
    void *engine;
    if (ft_engine_espeak.open(&engine, &lupe) == FT_EABSENT) SKIP("no libespeak-ng1");
    ft_engine_espeak.close(engine);
    int count = 0;
    for (const ft_voice *v = ft_voices; v->id; v++) {
        if (v->engine != &ft_engine_espeak) continue;
        EXPECT_OK(v->engine->open(&engine, v));
        EXPECT(v->engine->rate_hz(engine) == 22050);
        v->engine->close(engine);
        count++;
    }
    EXPECT(count > 10);
}

static void test_unknown_voice(void **state) {
    (void)state;
    void *engine;
    ft_voice none = lupe;
    none.engine_voice = "xx-nowhere";
    EXPECT_ERR(FT_EABSENT, ft_engine_espeak.open(&engine, &none));
}

static void test_faults(void **state) {
    (void)state;
    void *engine;
    if (ft_engine_espeak.open(&engine, &lupe) != FT_OK) SKIP("no libespeak-ng1");
    ft_engine_espeak.close(engine);
    EACH_FAULT {
        heard h = { 0 };
        ft_err err = ft_engine_espeak.open(&engine, &lupe);
        if (err == FT_OK) {
            err = speak_by(engine, &h, "Sí.", NULL);
            ft_engine_espeak.close(engine);
        }
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EIO || err == FT_EPEER);
        free(h.samples);
    }
}

/* The process that dies once: hands on what the real one says, and breaks off. */
static int die_once(void) {
    int ends[2];
    char bytes[4096];
    size_t said = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        return ft_espeak_serve(ends[1]) != FT_OK;
    }
    close(ends[1]);
    pid_t asker = fork();
    for (;;) {
        ssize_t n = asker ? read(ends[0], bytes, sizeof bytes) : read(0, bytes, sizeof bytes);
        if (n <= 0 || write(asker ? 0 : ends[0], bytes, (size_t)n) != n) break;
        if (asker && (said += (size_t)n) > 20000) break;
    }
    if (asker) kill(asker, SIGKILL), kill(pid, SIGKILL);
    return 0;
}

int main(int argc, char **argv) {
    static char self[1000];
    if (argc > 1 && strcmp(argv[1], "run-espeak") == 0) {
        const char *die = getenv("FETTLE_TEST_DIE");
        return die && unlink(die) == 0 ? die_once() : ft_espeak_serve(0) != FT_OK;
    }
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_spoken),
        cmocka_unit_test(test_transparent),
        cmocka_unit_test(test_manners),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_phonemes),
        cmocka_unit_test(test_every_sound),
        cmocka_unit_test(test_sounds_alike),
        cmocka_unit_test(test_brackets),
        cmocka_unit_test(test_stress),
        cmocka_unit_test(test_killed_between),
        cmocka_unit_test(test_killed_in_mid_sentence),
        cmocka_unit_test(test_always_dies),
        cmocka_unit_test(test_every_voice),
        cmocka_unit_test(test_unknown_voice),
        cmocka_unit_test(test_faults),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
