/* speech_test.c -- the whole way, from a request to bytes and marks. */
#include "speech/speech.h"

#include <math.h>
#include <pthread.h>

#include "base/check.h"
#include "base/proc.h"
#include "media/wav.h"
#include "speech/espeak.h"
#include "tests/test.h"

typedef struct told {
    ft_buf bytes, marks;
    size_t pieces, fail_at; /* 0: never */
} told;

static ft_err on_audio(void *ctx, ft_str bytes) {
    told *t = ctx;
    if (++t->pieces == t->fail_at) return FT_FAIL(FT_ENOSPC, "the disk is full");
    return ft_buf_add(&t->bytes, bytes);
}
static ft_err on_mark(void *ctx, ft_str line) { return ft_buf_add(&((told *)ctx)->marks, line); }

static ft_err speak(told *t, ft_speech_told *out, const ft_speech_request *r) {
    ft_arena arena = FT_ARENA_INIT(256 << 20);
    ft_speech_sink to = { on_audio, on_mark, t };
    ft_err err = ft_speech_speak(out, r, &to, NULL, &arena);
    ft_arena_fini(&arena);
    return err;
}

static void told_free(told *t) {
    ft_buf_fini(&t->bytes);
    ft_buf_fini(&t->marks);
}

static bool have_flite(void) {
    told t = { 0 };
    ft_speech_told out;
    ft_speech_request r = { .text = FT_STR("A."), .format = ft_audio_format_find(FT_STR("pcm")) };
    ft_err err = speak(&t, &out, &r);
    told_free(&t);
    EXPECT(err == FT_OK || err == FT_EABSENT);
    return err == FT_OK;
}

#define TWO "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."

static ft_speech_request pcm_of(ft_str text) {
    return (ft_speech_request){ .text = text,
                                .type = FT_SPEECH_AUTO,
                                .format = ft_audio_format_find(FT_STR("pcm")) };
}

/* Bytes come in pieces, as many as the seconds told; the same request gives the same bytes. */
static void test_pcm(void **state) {
    (void)state;
    if (!have_flite()) SKIP("no libflite1");
    told a = { 0 }, b = { 0 };
    ft_speech_told out;
    ft_speech_request r = pcm_of(FT_STR(TWO));
    EXPECT_OK(speak(&a, &out, &r));
    EXPECT(out.billed_chars == strlen(TWO) && out.seconds > 4 && out.seconds < 9);
    EXPECT(llabs((long long)a.bytes.len - llrint(out.seconds * 32000)) <= 2);
    EXPECT(a.pieces > 20 && out.first_audio_s > 0);
    EXPECT_OK(speak(&b, &out, &r));
    EXPECT(a.bytes.len == b.bytes.len && memcmp(a.bytes.at, b.bytes.at, a.bytes.len) == 0);
    told_free(&a);
    told_free(&b);
}

/* What is too long is cut off at the sample, and so are its marks. */
static void test_cut_off(void **state) {
    (void)state;
    static const int rates_hz[] = { 8000, 16000, 22050, 24000 };
    if (!have_flite()) SKIP("no libflite1");
    for (size_t i = 0; i < FT_COUNT(rates_hz); i++) {
        told whole = { 0 }, cut = { 0 };
        ft_speech_told out;
        ft_speech_request r = pcm_of(FT_STR(TWO));
        r.rate_hz = rates_hz[i];
        r.marks = FT_MARKS_WORD | FT_MARKS_SENTENCE | FT_MARKS_VISEME;
        EXPECT_OK(speak(&whole, &out, &r));
        r.seconds_max = out.seconds + 1;
        EXPECT_OK(speak(&cut, &out, &r));
        EXPECT(cut.bytes.len == whole.bytes.len && cut.marks.len == whole.marks.len);
        for (double most = 3; most > 0.9; most -= 2) { /* in the second sentence, in the first */
            told_free(&cut);
            cut = (told){ 0 };
            r.seconds_max = most;
            EXPECT_OK(speak(&cut, &out, &r));
            EXPECT(out.seconds == most && cut.bytes.len == (size_t)(2 * most * rates_hz[i]));
            EXPECT(memcmp(cut.bytes.at, whole.bytes.at, cut.bytes.len - 400) == 0);
            EXPECT(cut.marks.len > 0 && cut.marks.len < whole.marks.len);
        }
        r.format = NULL; /* marks alone end there too */
        told marks = { 0 };
        EXPECT_OK(speak(&marks, &out, &r));
        EXPECT(out.seconds == r.seconds_max && marks.marks.len == cut.marks.len);
        told_free(&marks);
        told_free(&whole);
        told_free(&cut);
    }
}

/* The loudest share that a tone of 1 kHz has of 100 ms, and where it stands. */
static double purest(const told *t, double *at_s) {
    enum { RATE = 16000, SPAN = RATE / 10 };
    const int16_t *x = (const int16_t *)(const void *)t->bytes.at;
    double best = 0;
    for (size_t from = 0; from + SPAN <= t->bytes.len / 2; from += SPAN / 10) {
        double a = 0, b = 0, all = 1;
        for (size_t i = 0; i < SPAN; i++) {
            double w = 2 * M_PI * 1000 * (double)i / RATE;
            a += x[from + i] * cos(w), b += x[from + i] * sin(w);
            all += (double)x[from + i] * x[from + i];
        }
        double share = (a * a + b * b) * 2 / SPAN / all;
        if (share > best) best = share, *at_s = (double)from / RATE;
    }
    return best;
}

/* A word that is not to be heard is a tone, as long whatever it hides; its neighbours stay. */
static void test_bleep(void **state) {
    (void)state;
    static const char *const voices[] = { "Joanna", "Lupe" };
    if (!have_flite()) SKIP("no libflite1");
    for (size_t i = 0; i < FT_COUNT(voices); i++) {
        told plain = { 0 }, a = { 0 }, b = { 0 };
        ft_speech_told out;
        double at_s = 0;
        ft_speech_request r = pcm_of(FT_STR("What the beep is that?"));
        r.voice = ft_str_of(voices[i]);
        if (speak(&plain, &out, &r) != FT_OK) continue; /* espeak-ng is not here */
        r.text = FT_STR("<speak>What the <say-as interpret-as='bleep'>h</say-as> is that?</speak>");
        EXPECT_OK(speak(&a, &out, &r));
        r.text = FT_STR("<speak>What the <say-as interpret-as='expletive'>dickens</say-as> "
                        "is that?</speak>");
        EXPECT_OK(speak(&b, &out, &r));
        EXPECT(a.bytes.len == b.bytes.len && memcmp(a.bytes.at, b.bytes.at, a.bytes.len) == 0);
        EXPECT(purest(&plain, &at_s) < 0.9);
        EXPECT(purest(&a, &at_s) > 0.98 && at_s > 0.2 && at_s < out.seconds - 0.4);
        EXPECT(memcmp(a.bytes.at, plain.bytes.at, (size_t)(0.1 * 32000)) == 0);
        told_free(&plain), told_free(&a), told_free(&b);
    }
}

/* Every format at every rate of Polly's holds the same seconds. */
static void test_rates(void **state) {
    (void)state;
    static const int rates[] = { 8000, 16000, 22050, 24000 };
    if (!have_flite()) SKIP("no libflite1");
    for (size_t i = 0; i < FT_COUNT(rates); i++) {
        told t = { 0 };
        ft_speech_told out;
        ft_speech_request r = pcm_of(FT_STR("Press one."));
        r.rate_hz = rates[i];
        EXPECT_OK(speak(&t, &out, &r));
        EXPECT(fabs((double)t.bytes.len / 2 - out.seconds * rates[i]) <= 1.5);
        told_free(&t);
    }
}

static void test_frames(void **state) {
    (void)state;
    if (!have_flite()) SKIP("no libflite1");
    told t = { 0 };
    ft_speech_told out;
    ft_speech_request r = pcm_of(FT_STR("Press two."));
    r.format = ft_audio_format_find(FT_STR("ulaw"));
    r.frame_20ms = r.telephone = true;
    EXPECT_OK(speak(&t, &out, &r));
    EXPECT(t.bytes.len % 160 == 0 && fabs((double)t.bytes.len - out.seconds * 8000) <= 161);
    told_free(&t);
}

/* Marks without sound are the same as with it, stand in order of time, and name bytes of the
 * input. */
static void test_marks(void **state) {
    (void)state;
    static const char text[] =
        "<speak>Mary had <mark name='here'/>a little lamb.<break time='1s'/> It slept.</speak>";
    if (!have_flite()) SKIP("no libflite1");
    told with = { 0 }, without = { 0 };
    ft_speech_told out;
    ft_speech_request r = pcm_of(ft_str_of(text));
    r.marks = FT_MARKS_SENTENCE | FT_MARKS_WORD | FT_MARKS_SSML | FT_MARKS_VISEME;
    EXPECT_OK(speak(&with, &out, &r));
    r.format = NULL;
    EXPECT_OK(speak(&without, &out, &r));
    EXPECT(without.bytes.len == 0);
    EXPECT(ft_str_eq(ft_buf_str(&with.marks), ft_buf_str(&without.marks)));
    const char *lines = with.marks.at;
    EXPECT(strstr(lines, "\"type\":\"sentence\",\"start\":7,\"end\":"));
    EXPECT(strstr(lines, "\"type\":\"word\",\"start\":7,\"end\":11,\"value\":\"Mary\"}"));
    EXPECT(strstr(lines, "\"type\":\"ssml\",\"start\":16,\"end\":35,\"value\":\"here\"}"));
    EXPECT(strstr(lines, "\"type\":\"viseme\",\"value\":\"p\"}"));
    long last = 0, time;
    for (const char *at = lines; (at = strstr(at, "{\"time\":")); at++) {
        time = strtol(at + 8, NULL, 10);
        EXPECT(time >= last);
        last = time;
    }
    told_free(&with);
    told_free(&without);
}

/* amazon:max-duration makes it that long, and leaves what is shorter alone. */
static void test_max_duration(void **state) {
    (void)state;
    static const char *const texts[] = {
        "<speak>" TWO "</speak>",
        "<speak><prosody amazon:max-duration='3s'>" TWO "</prosody></speak>",
        "<speak><prosody amazon:max-duration='30s'>" TWO "</prosody></speak>",
    };
    double seconds[3];
    if (!have_flite()) SKIP("no libflite1");
    for (size_t i = 0; i < 3; i++) {
        told t = { 0 };
        ft_speech_told out;
        ft_speech_request r = pcm_of(ft_str_of(texts[i]));
        EXPECT_OK(speak(&t, &out, &r));
        seconds[i] = out.seconds;
        told_free(&t);
    }
    print_message("# %.2f s, at most 3 s: %.2f s, at most 30 s: %.2f s\n", seconds[0], seconds[1],
                  seconds[2]);
    EXPECT(seconds[1] < 3.05 && seconds[1] > 2.5);
    EXPECT(fabs(seconds[2] - seconds[0]) < 1e-9);
}

static void test_refused(void **state) {
    (void)state;
    const char *refusal;
    ft_speech_request r = pcm_of(FT_STR("Hello."));
    r.voice = FT_STR("Joana");
    EXPECT_ERR(FT_ENOTFOUND, ft_speech_check(&r, &refusal));
    EXPECT_WHY("is it Joanna?");
    EXPECT(strcmp(refusal, "ValidationException") == 0);
    r.voice = FT_STR("my/voice.onnx");
    EXPECT_ERR(FT_ENOTFOUND, ft_speech_check(&r, &refusal));
    EXPECT_WHY("gets a name first");
    r.voice = FT_STR("Matthew");
    EXPECT_OK(ft_speech_check(&r, &refusal));
    EXPECT(!refusal);
    r.rate_hz = 11025;
    EXPECT_ERR(FT_EINVAL, ft_speech_check(&r, &refusal));
    EXPECT(strcmp(refusal, "InvalidSampleRateException") == 0);
    r.rate_hz = 0;
    r.voice = FT_STR("Ruth");
    r.engine = FT_ENGINE_STANDARD;
    EXPECT_ERR(FT_EUNSUPPORTED, ft_speech_check(&r, &refusal));
    EXPECT(strcmp(refusal, "EngineNotSupportedException") == 0);
    r.engine = FT_ENGINE_OWN;
    r.style = FT_STR("opera");
    EXPECT_ERR(FT_EINVAL, ft_speech_check(&r, &refusal));
    r.style = FT_STR("news");
    r.type = FT_SPEECH_TEXT;
    r.marks = FT_MARKS_SSML;
    EXPECT_ERR(FT_EINVAL, ft_speech_check(&r, &refusal));
    EXPECT(strcmp(refusal, "SsmlMarksNotSupportedForTextTypeException") == 0);
    r.marks = 0;
    r.text.len = 0;
    EXPECT_ERR(FT_EINVAL, ft_speech_check(&r, &refusal));
}

static void test_too_long(void **state) {
    (void)state;
    told t = { 0 };
    ft_speech_told out;
    ft_speech_request r = pcm_of(FT_STR("<speak><p>Hello there.</p></speak>"));
    r.chars_max = 11;
    EXPECT_ERR(FT_ETOOBIG, speak(&t, &out, &r));
    EXPECT_WHY("a text of 12 characters; 11 are the most");
    EXPECT(t.bytes.len == 0 && out.billed_chars == 12);
    told_free(&t);
}

/* Whoever takes the bytes may fail at any of them; the next request is spoken all the same. */
static void test_receiver_fails(void **state) {
    (void)state;
    ft_speech_told out;
    ft_speech_request r = pcm_of(FT_STR("Hello."));
    if (!have_flite()) SKIP("no libflite1");
    for (size_t at = 1;; at += 3) {
        told t = { .fail_at = at };
        ft_err err = speak(&t, &out, &r);
        told_free(&t);
        EXPECT(err == (t.pieces < at ? FT_OK : FT_ENOSPC));
        if (t.pieces < at) break;
    }
}

static void test_memory_fails(void **state) {
    (void)state;
    ft_speech_told out;
    ft_speech_request r = pcm_of(FT_STR("<speak>A <break time='5ms'/> b.</speak>"));
    if (!have_flite()) SKIP("no libflite1");
    r.rate_hz = 8000;
    EACH_FAULT {
        told t = { 0 };
        ft_err err = speak(&t, &out, &r);
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EABSENT);
        told_free(&t);
    }
}

/* A voice that is not there is refused before a sound, with its tag's place. */
static void test_no_voice(void **state) {
    (void)state;
    told t = { 0 };
    ft_speech_told out;
    ft_speech_request r =
        pcm_of(FT_STR("<speak>A b.\n<voice name='Joey'>c</voice> <voice name='Nobody'>d</voice>"
                      "</speak>"));
    r.type = FT_SPEECH_SSML;
    if (!have_flite()) SKIP("no libflite1");
    EXPECT_ERR(FT_EPARSE, speak(&t, &out, &r));
    EXPECT_WHY("line 2, column 30: <voice>: no voice 'Nobody'");
    EXPECT(t.pieces == 0);
    told_free(&t);
}

static void *speak_in_thread(void *ctx) {
    told *t = ctx;
    ft_speech_told out;
    ft_speech_request r = pcm_of(FT_STR(TWO));
    return speak(t, &out, &r) == FT_OK ? NULL : t;
}

/* Requests side by side give what one alone gives. */
static void test_parallel(void **state) {
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    told all[THREADS] = { 0 };
    if (!have_flite()) SKIP("no libflite1");
    for (int i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, speak_in_thread, &all[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        EXPECT(!failed);
    }
    for (int i = 1; i < THREADS; i++)
        EXPECT(ft_str_eq(ft_buf_str(&all[0].bytes), ft_buf_str(&all[i].bytes)));
    for (int i = 0; i < THREADS; i++) told_free(&all[i]);
}

/* Voices that are processes are this program, asked to be one. */
int main(int argc, char **argv) {
    static char self[1000];
    if (argc > 1 && strcmp(argv[1], "run-espeak") == 0) return ft_espeak_serve(0) != FT_OK;
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_pcm),          cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_bleep),        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_frames),       cmocka_unit_test(test_marks),
        cmocka_unit_test(test_max_duration), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_long),     cmocka_unit_test(test_receiver_fails),
        cmocka_unit_test(test_no_voice),     cmocka_unit_test(test_memory_fails),
        cmocka_unit_test(test_parallel)
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
