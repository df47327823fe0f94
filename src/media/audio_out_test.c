/* audio_out_test.c -- every format written in pieces, read back by sox. */
#include "media/audio_out.h"

#include <math.h>

#include "base/files.h"
#include "media/wav.h"
#include "tests/oracle.h"

#define COUNT 33333

static bool have_sox(void) { return system("sox --version >/dev/null 2>&1") == 0; }

typedef struct sink {
    ft_buf bytes;
    size_t writes, fail_at; /* 0: never */
} sink;

static ft_err take(void *ctx, ft_str bytes) {
    sink *s = ctx;
    if (++s->writes == s->fail_at) return FT_FAIL(FT_ENOSPC, "the disk is full");
    return ft_buf_add(&s->bytes, bytes);
}

static void tone(int16_t *out, size_t count, int rate_hz) {
    for (size_t i = 0; i < count; i++)
        out[i] = (int16_t)lrint(12000 * sin(2 * M_PI * 440 * (double)i / rate_hz));
}

static ft_err encode(sink *s, const ft_audio_format *format, const ft_audio_out_opts *opts,
                     ft_buf *head) {
    static int16_t samples[COUNT];
    ft_audio_out *o = NULL;
    ft_err err = ft_audio_out_new(&o, format, opts, take, s);
    tone(samples, COUNT, opts->rate_hz);
    for (size_t at = 0; err == FT_OK && at < COUNT; at += 1000)
        err = ft_audio_out_push(o, samples + at, COUNT - at < 1000 ? COUNT - at : 1000);
    if (err == FT_OK) err = ft_audio_out_end(o, head);
    ft_audio_out_free(o);
    return err;
}

/* Samples and loudness (RMS of 32768) as sox reads the file. */
static void expect_tone(const char *type, const sink *s, int rate_hz, double slack) {
    char script[600];
    double got[2];
    oracle_put("sound", s->bytes.at, s->bytes.len);
    snprintf(script, sizeof script,
             "import subprocess, array\n"
             "b = subprocess.run(['sox', '-V0', '-t', %s, d + 'sound', '-t', 'raw', '-e', 'signed',"
             " '-b', '16', '-c', '1', '-'], stdout=subprocess.PIPE, check=True).stdout\n"
             "a = array.array('h', b)\n"
             "print(len(a), (sum(x * x for x in a) / max(1, len(a))) ** 0.5)\n",
             type);
    EXPECT(oracle_ask(got, 2, script));
    if (got[0] < COUNT - 1 || got[0] > COUNT + slack)
        print_error("%s at %d Hz: %.0f samples\n", type, rate_hz, got[0]);
    EXPECT(got[0] >= COUNT - 1 && got[0] <= COUNT + slack);
    EXPECT(got[1] > 12000 / sqrt(2) * 0.9 && got[1] < 12000 / sqrt(2) * 1.1);
}

static void test_read_by_sox(void **state) {
    (void)state;
    if (!have_sox()) SKIP("no sox");
    static const struct {
        const char *name, *type;
        double slack; /* MP3 has whole frames and the coder's delay */
    } rows[] = { { "wav", "'wav'", 0 },
                 { "wav_ulaw", "'wav'", 0 },
                 { "wav_alaw", "'wav'", 0 },
                 { "mp3", "'mp3'", 3 * 1152 },
                 { "ogg_vorbis", "'ogg'", 0 },
                 { "pcm", "'raw', '-r', '8000', '-e', 'signed', '-b', '16', '-c', '1'", 0 },
                 { "ulaw", "'raw', '-r', '8000', '-e', 'mu-law', '-b', '8', '-c', '1'", 0 },
                 { "alaw", "'raw', '-r', '8000', '-e', 'a-law', '-b', '8', '-c', '1'", 0 } };
    static const int rates[] = { 8000, 16000, 22050, 24000 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < 4; k++) {
            sink s = { 0 };
            ft_audio_out_opts opts = { .rate_hz = rates[k], .frames = COUNT };
            EXPECT_OK(encode(&s, ft_audio_format_find(ft_str_of(rows[i].name)), &opts, NULL));
            expect_tone(rows[i].type, &s, rates[k], rows[i].slack);
            EXPECT(s.writes > 5); /* piece by piece */
            ft_buf_fini(&s.bytes);
        }
}

/* A WAV whose length was not known is the same file once its head is put in place. */
static void test_head(void **state) {
    (void)state;
    const ft_audio_format *wav = ft_audio_format_find(FT_STR("wav"));
    sink known = { 0 }, open = { 0 };
    ft_buf head = { 0 }, none = { 0 };
    EXPECT_OK(encode(&known, wav, &(ft_audio_out_opts){ .rate_hz = 8000, .frames = COUNT }, &none));
    EXPECT_OK(encode(&open, wav, &(ft_audio_out_opts){ .rate_hz = 8000 }, &head));
    EXPECT(none.len == 0 && head.len == 44 && known.bytes.len == open.bytes.len);
    ft_wav w;
    EXPECT_OK(ft_wav_read(&w, ft_buf_str(&open.bytes)));
    EXPECT(w.frames == COUNT);
    memcpy(open.bytes.at, head.at, head.len);
    EXPECT(memcmp(open.bytes.at, known.bytes.at, known.bytes.len) == 0);
    ft_buf_fini(&known.bytes);
    ft_buf_fini(&open.bytes);
    ft_buf_fini(&head);
}

static void test_frames_are_filled(void **state) {
    (void)state;
    sink s = { 0 };
    EXPECT_OK(encode(&s, ft_audio_format_find(FT_STR("ulaw")),
                     &(ft_audio_out_opts){ .rate_hz = 8000, .frame_samples = 160 }, NULL));
    EXPECT(s.bytes.len == (COUNT + 159) / 160 * 160);
    EXPECT((uint8_t)s.bytes.at[s.bytes.len - 1] == 0xff); /* silence */
    ft_buf_fini(&s.bytes);
}

static void test_names(void **state) {
    (void)state;
    EXPECT(ft_audio_format_find(FT_STR("flac")) == NULL);
    EXPECT(ft_audio_format_ending(FT_STR("a.txt")) == NULL);
    EXPECT(ft_audio_format_ending(FT_STR("mp3")) == NULL);
    EXPECT(ft_audio_format_ending(FT_STR("a/B.MP3")) == ft_audio_format_find(FT_STR("mp3")));
    EXPECT(ft_audio_format_ending(FT_STR("x.wav")) == ft_audio_format_find(FT_STR("wav")));
    EXPECT(ft_audio_format_ending(FT_STR("x.ulaw.wav")) ==
           ft_audio_format_find(FT_STR("wav_ulaw")));
    ft_audio_out *o = NULL;
    EXPECT_ERR(FT_EINVAL, ft_audio_out_new(&o, ft_audio_format_find(FT_STR("mp3")),
                                           &(ft_audio_out_opts){ .rate_hz = 8001 }, take, NULL));
    EXPECT_WHY("8001");
    ft_audio_out_free(NULL);
}

/* Whoever takes the bytes may fail at any of them. */
static void test_receiver_fails(void **state) {
    (void)state;
    for (size_t i = 0; ft_audio_formats[i]; i++) {
        for (size_t at = 1;; at++) {
            sink s = { .fail_at = at };
            ft_err err =
                encode(&s, ft_audio_formats[i], &(ft_audio_out_opts){ .rate_hz = 8000 }, NULL);
            ft_buf_fini(&s.bytes);
            EXPECT(err == (s.writes < at ? FT_OK : FT_ENOSPC));
            if (s.writes < at) break;
        }
    }
}

static void test_memory_fails(void **state) {
    (void)state;
    for (size_t i = 0; ft_audio_formats[i]; i++) EACH_FAULT {
            sink s = { 0 };
            ft_buf head = { 0 };
            ft_err err =
                encode(&s, ft_audio_formats[i], &(ft_audio_out_opts){ .rate_hz = 8000 }, &head);
            EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EABSENT);
            ft_buf_fini(&s.bytes);
            ft_buf_fini(&head);
        }
}

TEST_MAIN(cmocka_unit_test(test_read_by_sox), cmocka_unit_test(test_head),
          cmocka_unit_test(test_frames_are_filled), cmocka_unit_test(test_names),
          cmocka_unit_test(test_receiver_fails), cmocka_unit_test(test_memory_fails))
