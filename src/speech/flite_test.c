/* flite_test.c -- a sentence spoken: the vocoder and the prosody measured on what comes out. */
#include "speech/flite.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "speech/heard_test.h"
#include "speech/phones.h"
#include "speech/vocoder.h"
#include "tests/test.h"

#define RATE 16000

static const ft_voice slt = { .id = "test", .engine = &ft_engine_flite, .engine_voice = "slt" };

/* Speak SSML's first sentence; false when flite is not here. */
static bool speak(heard *h, const char *text, const ft_style *style) {
    ft_arena arena = FT_ARENA_INIT(256 << 20);
    ft_document d;
    ft_script s;
    void *engine = NULL;
    *h = (heard){ 0 };
    ft_err err = ft_engine_flite.open(&engine, &slt);
    if (err == FT_EABSENT) return false;
    EXPECT_OK(err);
    EXPECT(ft_engine_flite.rate_hz(engine) == RATE);
    EXPECT_OK(ft_document_read(&d, &arena, ft_str_of(text),
                               &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
    EXPECT_OK(ft_script_make(&s, &arena, &d, FT_STR("en-US"), NULL, 0));
    ft_listener to = { on_samples, on_phone, on_item, h };
    EXPECT_OK(ft_engine_flite.speak(engine, &s.sentences[0], style, &to, &arena));
    ft_engine_flite.close(engine);
    ft_arena_fini(&arena);
    return true;
}

static double loudness(const heard *h) {
    double sum = 0;
    for (size_t i = 0; i < h->count; i++) sum += (double)h->samples[i] * h->samples[i];
    return sqrt(sum / (double)h->count);
}

/* The median pitch by autocorrelation, over frames of 40 ms that are loud and periodic. */
static double pitch_hz(const heard *h) {
    double found[4000];
    size_t count = 0;
    for (size_t at = 0; at + 1280 < h->count && count < 4000; at += 320) {
        double best = 0, energy = 1e-9;
        int lag_best = 0;
        for (int i = 0; i < 640; i++) energy += (double)h->samples[at + i] * h->samples[at + i];
        if (energy < 640 * 400.0 * 400) continue;
        for (int lag = RATE / 450; lag <= RATE / 90; lag++) {
            double sum = 0, other = 1e-9;
            for (int i = 0; i < 640; i++) {
                sum += (double)h->samples[at + i] * h->samples[at + i + lag];
                other += (double)h->samples[at + i + lag] * h->samples[at + i + lag];
            }
            sum /= sqrt(energy * other);
            if (sum > best + 0.02) best = sum, lag_best = lag;
        }
        if (best > 0.8) found[count++] = (double)RATE / lag_best;
    }
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && found[k] < found[k - 1]; k--) {
            double t = found[k];
            found[k] = found[k - 1];
            found[k - 1] = t;
        }
    EXPECT(count > 20);
    return found[count / 2];
}

#define TEXT "The birch canoe slid on the smooth planks"

static void test_spoken(void **state) {
    (void)state;
    heard a, b;
    if (!speak(&a, TEXT ".", NULL)) SKIP("no libflite1");
    EXPECT(a.items == 8 && a.phones > 20 && a.word_s[0] > 0.1 && a.word_s[0] < 0.25);
    EXPECT(a.count > RATE * 3 / 2 && a.count < RATE * 4 && loudness(&a) > 500);
    EXPECT(fabs((double)a.count / RATE - a.last_end_s) < 0.011);
    EXPECT(speak(&b, TEXT ".", NULL)); /* the same bytes again */
    EXPECT(a.count == b.count && memcmp(a.samples, b.samples, a.count * 2) == 0);
    free(a.samples);
    free(b.samples);
}

static void test_manners_are_heard(void **state) {
    (void)state;
    heard plain, slow, high, soft;
    if (!speak(&plain, TEXT ".", NULL)) SKIP("no libflite1");
    EXPECT(speak(&slow, "<speak><prosody rate='50%'>" TEXT ".</prosody></speak>", NULL));
    EXPECT(speak(&high, "<speak><prosody pitch='+20%'>" TEXT ".</prosody></speak>", NULL));
    EXPECT(speak(&soft, "<speak><prosody volume='-6dB'>" TEXT ".</prosody></speak>", NULL));
    double slower = (double)slow.count / (double)plain.count;
    double higher = pitch_hz(&high) / pitch_hz(&plain);
    double softer = 20 * log10(loudness(&soft) / loudness(&plain));
    print_message("# slower %.3f, higher %.3f, softer %.2f dB\n", slower, higher, softer);
    EXPECT(slower > 1.9 && slower < 2.1);
    EXPECT(higher > 1.14 && higher < 1.26);
    EXPECT(softer > -6.3 && softer < -5.7);
    EXPECT(high.count == plain.count);
    free(plain.samples);
    free(slow.samples);
    free(high.samples);
    free(soft.samples);
}

/* A break is as long as it says, and silent. */
static void test_break(void **state) {
    (void)state;
    heard h;
    if (!speak(&h, "<speak>Mary had a <break time='700ms'/> little lamb.</speak>", NULL))
        SKIP("no libflite1");
    EXPECT(h.items == 6); /* the break is one of the items */
    double from = h.word_s[3], to = h.word_s[4];
    EXPECT(fabs(to - from - 0.7) < 0.010);
    int16_t most = 0;
    for (size_t i = (size_t)((from + 0.02) * RATE); i < (size_t)((to - 0.02) * RATE); i++)
        if (abs(h.samples[i]) > most) most = (int16_t)abs(h.samples[i]);
    EXPECT(most < 30);
    free(h.samples);
}

static void test_style(void **state) {
    (void)state;
    static const ft_style style = { .rate = 1.25,
                                    .pitch = 1.1,
                                    .range = 1.3,
                                    .final_lengthening = 1,
                                    .new_stretch = 1,
                                    .minor_ms = 100,
                                    .major_ms = 200,
                                    .full_ms = 300,
                                    .paragraph_ms = 300 };
    heard plain, styled;
    if (!speak(&plain, TEXT ".", NULL)) SKIP("no libflite1");
    EXPECT(speak(&styled, TEXT ".", &style));
    double speech_plain = plain.word_s[7] - plain.word_s[0];
    double speech_styled = styled.word_s[7] - styled.word_s[0];
    EXPECT(fabs(speech_plain / speech_styled - 1.25) < 0.02);
    free(plain.samples);
    free(styled.samples);
}

static void test_phones(void **state) {
    (void)state;
    static const struct {
        const char *alphabet, *from, *to;
    } rows[] = { { "ipa", "ˈpi.kæn", "p iy1 k ae0 n" },
                 { "ipa", "pɪˈkɑːn", "p ih0 k aa1 n" },
                 { "x-sampa", "\"pi.k{n", "p iy1 k ae0 n" },
                 { "x-sampa", "pI\"kA:n", "p ih0 k aa1 n" },
                 { "ipa", "tʃaɪ", "ch ay0" },
                 { "ipa", "ɹ", "r" },
                 { "ipa", "ˈnʌmbɚ", "n ah1 m b er0" }, /* sounds that the voices do not have */
                 { "ipa", "ˈwɔɾɚ", "w ao1 d er0" },
                 { "x-sampa", "\"wO4@`", "w ao1 d er0" } };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_buf out = { 0 };
        EXPECT_OK(ft_phones_from(&out, ft_str_of(rows[i].from), ft_str_of(rows[i].alphabet)));
        EXPECT_STR(rows[i].to, ft_buf_str(&out));
        ft_buf_fini(&out);
    }
    ft_buf out = { 0 };
    EXPECT_ERR(FT_EPARSE, ft_phones_from(&out, FT_STR("p7"), FT_STR("ipa")));
    EXPECT_WHY("'7' is no sound in IPA");
    EXPECT_ERR(FT_EPARSE, ft_phones_from(&out, FT_STR("."), FT_STR("ipa")));
    ft_buf_fini(&out);
}

/* Phonemes given are those spoken: two readings of one word differ. */
static void test_phonemes_are_spoken(void **state) {
    (void)state;
    heard a, b;
    if (!speak(&a, "<speak>A <phoneme ph='ˈpi.kæn'>pecan</phoneme> pie.</speak>", NULL))
        SKIP("no libflite1");
    EXPECT(speak(&b, "<speak>A <phoneme ph='pɪˈkɑːn'>pecan</phoneme> pie.</speak>", NULL));
    EXPECT(a.phones == b.phones && (a.count != b.count || memcmp(a.samples, b.samples, a.count)));
    free(a.samples);
    free(b.samples);
}

/* What flite itself makes of a text, in the file `path`; false: there is no such program. */
static bool flite_says(const char *voice, const char *text, const char *path) {
    char command[600];
    snprintf(command, sizeof command, "flite -voice %s -t '%s' -o %s 2>/dev/null", voice, text,
             path);
    return system(command) == 0;
}

/* How alike two waves are at their likeliest delay of up to half a second, 1: the same. */
static double alike(const heard *h, const int16_t *other, size_t count) {
    double best = 0;
    for (size_t delay = 0; delay < RATE / 2; delay++) {
        double xy = 0, xx = 0, yy = 0;
        for (size_t i = 0; i < h->count && i + delay < count && i < RATE; i++) {
            double x = h->samples[i], y = other[i + delay];
            xy += x * y, xx += x * x, yy += y * y;
        }
        if (xx > 0 && yy > 0) best = fmax(best, xy / sqrt(xx * yy));
    }
    return best;
}

/* A sentence whose sounds are given is what flite says of the same sounds. */
static void test_phonemes_as_flite(void **state) {
    (void)state;
    char path[300];
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    ft_str bytes;
    heard h;
    snprintf(path, sizeof path, "%s/flite.wav", test_dir());
    if (!flite_says("slt", "They numbered the close pages.", path)) SKIP("no program flite");
    EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
    if (!speak(&h,
               "<speak>They <phoneme ph='ˈnʌmbɚd'>x</phoneme> the <phoneme ph='ˈkloʊs'>x</phoneme> "
               "pages.</speak>",
               NULL))
        SKIP("no libflite1");
    double same = alike(&h, (const int16_t *)(const void *)(bytes.at + 44), (bytes.len - 44) / 2);
    print_message("# as flite to %.5f\n", same);
    EXPECT(same > 0.999);
    free(h.samples);
    ft_arena_fini(&arena);
}

/* A plain sentence is what flite's program says, sample for sample, silences and all. */
static void test_as_flite(void **state) {
    (void)state;
    static const char *const texts[] = { TEXT ".", "Do you know the way to the station?", "Stop!",
                                         "Twelve people saw the old house.",
                                         "Before the rain came, the men went home." };
    char path[300];
    ft_arena arena = FT_ARENA_INIT(4 << 20);
    snprintf(path, sizeof path, "%s/flite.wav", test_dir());
    for (size_t i = 0; i < FT_COUNT(texts); i++) {
        ft_str bytes;
        heard h;
        if (!flite_says("slt", texts[i], path)) SKIP("no program flite");
        EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
        if (!speak(&h, texts[i], NULL)) SKIP("no libflite1");
        EXPECT(h.count == (bytes.len - 44) / 2);
        const int16_t *flites = (const int16_t *)(const void *)(bytes.at + 44);
        size_t apart = 0;
        for (size_t k = 0; k < h.count; k++) {
            EXPECT(abs(h.samples[k] - flites[k]) <= 1);
            apart += h.samples[k] != flites[k];
        }
        EXPECT(apart < 10); /* of numbers a hair beside a whole one */
        free(h.samples);
    }
    ft_arena_fini(&arena);
}

static void test_vocoder(void **state) {
    (void)state;
    ft_vocoder *v = NULL;
    ft_vocoder_model model = {
        .rate_hz = RATE, .frame_samples = 80, .order = 24, .alpha = 0.42, .gain = 1
    };
    float cepstrum[25] = { 8, 0.8F };
    int16_t out[80];
    heard h = { 0 };
    EXPECT_OK(ft_vocoder_new(&v, &model, 1));
    ft_vocoder_frame frame = { .f0_hz = 200, .cepstrum = cepstrum };
    EXPECT(ft_vocoder_speak(v, out, &frame) == 0);
    for (int i = 0; i < 200; i++) {
        EXPECT(ft_vocoder_speak(v, out, &frame) == 80);
        EXPECT_OK(on_samples(&h, out, 80));
    }
    EXPECT(fabs(pitch_hz(&h) - 200) < 2);
    ft_vocoder_free(v);
    free(h.samples);
    model.order = 99;
    EXPECT_ERR(FT_EINVAL, ft_vocoder_new(&v, &model, 1));
    EXPECT(ft_vocoder_alpha(0.42, 1) == 0.42);
    EXPECT(ft_vocoder_alpha(0.42, 1.15) > 0.42 && ft_vocoder_alpha(0.42, 0.87) < 0.42);
    model.order = 24;
    EACH_FAULT {
        ft_err err = ft_vocoder_new(&v, &model, 1);
        EXPECT(err == FT_OK || (err == FT_ENOMEM && !v));
        ft_vocoder_free(v);
    }
}

TEST_MAIN(cmocka_unit_test(test_spoken), cmocka_unit_test(test_manners_are_heard),
          cmocka_unit_test(test_break), cmocka_unit_test(test_style), cmocka_unit_test(test_phones),
          cmocka_unit_test(test_phonemes_are_spoken), cmocka_unit_test(test_phonemes_as_flite),
          cmocka_unit_test(test_as_flite), cmocka_unit_test(test_vocoder))
