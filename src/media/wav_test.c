/* wav_test.c -- WAV files against SciPy's reader and sox's writer, and what is broken. */
#include "media/wav.h"

#include <math.h>

#include "base/arena.h"
#include "base/files.h"
#include "media/g711.h"
#include "tests/oracle.h"

static bool have_sox(void) { return system("sox --version >/dev/null 2>&1") == 0; }

/* Every 16-bit sample, from the lowest. */
static void ramp(int16_t out[65536]) {
    for (int i = 0; i < 65536; i++) out[i] = (int16_t)(i - 32768);
}

/* What sox makes of ramp.pcm with these words; in the arena. */
static ft_str sox(ft_arena *arena, const char *in_words, const char *out_words) {
    static int16_t samples[65536];
    char command[600], path[300];
    ramp(samples);
    oracle_put("ramp.pcm", samples, sizeof samples);
    snprintf(path, sizeof path, "%s/sox.out", test_dir());
    snprintf(command, sizeof command, "sox -V0 -D %s %s/ramp.pcm %s %s", in_words, test_dir(),
             out_words, path);
    EXPECT(system(command) == 0);
    ft_str made = { 0 };
    EXPECT_OK(ft_file_read(&made, arena, path, 1 << 20));
    return made;
}

static void test_pcm_as_sox(void **state) {
    (void)state;
    if (!have_sox()) SKIP("no sox");
    static const int rates[] = { 8000, 16000 };
    for (size_t i = 0; i < 2; i++) {
        ft_arena arena = FT_ARENA_INIT(8 << 20);
        char words[80];
        snprintf(words, sizeof words, "-t raw -r %d -e signed -b 16 -c 1", rates[i]);
        ft_str made = sox(&arena, words, "-t wav");
        uint8_t head[FT_WAV_HEADER_MAX];
        static int16_t samples[65536];
        ramp(samples);
        EXPECT(ft_wav_header(head, FT_WAV_PCM, rates[i], 1, 65536) == 44);
        EXPECT(made.len == 44 + sizeof samples);
        EXPECT(memcmp(made.at, head, 44) == 0);
        EXPECT(memcmp(made.at + 44, samples, sizeof samples) == 0);
        ft_arena_fini(&arena);
    }
}

static void expect_codes(const char *words, ft_wav_coding coding,
                         void (*encode)(uint8_t *, const int16_t *, size_t),
                         void (*decode)(int16_t *, const uint8_t *, size_t)) {
    static int16_t samples[65536], back[65536];
    static uint8_t codes[65536];
    uint8_t head[FT_WAV_HEADER_MAX];
    ft_arena arena = FT_ARENA_INIT(8 << 20);
    ft_str made = sox(&arena, "-t raw -r 8000 -e signed -b 16 -c 1", words);
    ramp(samples);
    encode(codes, samples, 65536);
    EXPECT(ft_wav_header(head, coding, 8000, 1, 65536) == FT_WAV_HEADER_MAX);
    EXPECT(made.len == FT_WAV_HEADER_MAX + 65536);
    EXPECT(memcmp(made.at, head, FT_WAV_HEADER_MAX) == 0);
    EXPECT(memcmp(made.at + FT_WAV_HEADER_MAX, codes, 65536) == 0);
    ft_wav w;
    EXPECT_OK(ft_wav_read(&w, made));
    EXPECT(w.coding == coding && w.frames == 65536 && w.rate_hz == 8000);
    ft_wav_i16(back, &w, 0, 65536);
    decode(samples, codes, 65536);
    EXPECT(memcmp(back, samples, sizeof back) == 0);
    /* Coding what was decoded gives the same codes: nothing drifts over many passes. */
    static uint8_t again[65536];
    encode(again, back, 65536);
    decode(samples, again, 65536);
    EXPECT(memcmp(back, samples, sizeof back) == 0);
    ft_arena_fini(&arena);
}

static void test_g711_as_sox(void **state) {
    (void)state;
    if (!have_sox()) SKIP("no sox");
    expect_codes("-e mu-law -t wav", FT_WAV_ULAW, ft_ulaw_encode, ft_ulaw_decode);
    expect_codes("-e a-law -t wav", FT_WAV_ALAW, ft_alaw_encode, ft_alaw_decode);
}

/* Sums over the samples as SciPy reads them, scaled to [-1, 1). */
static const char scipy_script[] =
    "import sys, numpy as np\n"
    "from scipy.io import wavfile\n"
    "r, x = wavfile.read(d + 'in.wav')\n"
    "k = x.dtype\n"
    "y = x.astype(np.float64)\n"
    "if k == np.uint8: y = (y - 128) / 128\n"
    "elif k.kind == 'i': y = y / 2.0 ** (8 * k.itemsize - 1)\n"
    "y = y.reshape(len(x), -1)\n"
    "w = np.cos(np.arange(y.size))\n"
    "print(r, y.shape[0], y.shape[1], repr(float((y.ravel() * w).sum())), "
    "repr(float(np.abs(y).sum())))\n";

static void expect_as_scipy(const char *path) {
    ft_arena arena = FT_ARENA_INIT(8 << 20);
    ft_str bytes = { 0 };
    ft_wav w;
    double want[5], got[2] = { 0 };
    EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
    EXPECT_OK(ft_wav_read(&w, bytes));
    oracle_put("in.wav", bytes.at, bytes.len);
    EXPECT(oracle_ask(want, 5, scipy_script));
    EXPECT(w.rate_hz == (int)want[0] && w.frames == (uint64_t)want[1]);
    EXPECT(w.channels == (int)want[2]);
    size_t count = (size_t)w.frames * (size_t)w.channels;
    double *samples;
    EXPECT_OK(ft_arena_items(&samples, &arena, count));
    ft_wav_f64(samples, &w, 0, count);
    for (size_t i = 0; i < count; i++) {
        got[0] += samples[i] * cos((double)i);
        got[1] += samples[i] < 0 ? -samples[i] : samples[i];
    }
    EXPECT(oracle_near(got[0], want[3], 1e-9) && oracle_near(got[1], want[4], 1e-9));
    ft_arena_fini(&arena);
}

static void test_odd_files_as_scipy(void **state) {
    (void)state;
    static const char *const names[] = {
        "44100Hz-2ch-32bit-float-be", "44100Hz-2ch-32bit-float-le",
        "44100Hz-be-1ch-4bytes",      "44100Hz-le-1ch-4bytes-early-eof",
        "44100Hz-le-1ch-4bytes",      "48000Hz-2ch-64bit-float-le-wavex",
        "8000Hz-be-3ch-5S-24bit",     "8000Hz-le-1ch-10S-20bit-extra",
        "8000Hz-le-2ch-1byteu",       "8000Hz-le-3ch-5S-24bit",
        "8000Hz-le-3ch-5S-36bit",     "8000Hz-le-3ch-5S-45bit",
        "8000Hz-le-3ch-5S-53bit",     "8000Hz-le-3ch-5S-64bit",
        "8000Hz-le-4ch-9S-12bit",     "8000Hz-le-5ch-9S-5bit",
    };
    if (!test_shared("ssml_wav/wav")) SKIP("no shared data");
    if (!oracle_has("scipy")) SKIP("no python3-scipy");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1200];
        snprintf(path, sizeof path, "%s/test-%s.wav", test_shared("ssml_wav/wav"), names[i]);
        expect_as_scipy(path);
    }
}

static void test_broken_files(void **state) {
    (void)state;
    static const struct {
        const char *name;
        ft_err err;
        const char *why;
    } rows[] = {
        { "44100Hz-le-1ch-4bytes-early-eof-no-data", FT_ECORRUPT, "has no samples" },
        { "44100Hz-le-1ch-4bytes-incomplete-chunk", FT_ECORRUPT, "within a chunk's name" },
        { "8000Hz-le-3ch-5S-24bit-inconsistent", FT_ECORRUPT, "do not make frames of" },
    };
    if (!test_shared("ssml_wav/wav")) SKIP("no shared data");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[1200];
        ft_arena arena = FT_ARENA_INIT(1 << 20);
        ft_str bytes = { 0 };
        ft_wav w;
        snprintf(path, sizeof path, "%s/test-%s.wav", test_shared("ssml_wav/wav"), rows[i].name);
        EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
        EXPECT_ERR(rows[i].err, ft_wav_read(&w, bytes));
        EXPECT_WHY(rows[i].why);
        ft_arena_fini(&arena);
    }
}

/* A file cut at any byte is refused, or read as far as it goes. */
static void test_cut_anywhere(void **state) {
    (void)state;
    uint8_t bytes[FT_WAV_HEADER_MAX + 20] = { 0 };
    size_t head = ft_wav_header(bytes, FT_WAV_ULAW, 8000, 1, 20);
    for (size_t len = 0; len < head + 20; len++) {
        ft_wav w;
        ft_err err = ft_wav_read(&w, ft_str_n(bytes, len));
        if (len <= head)
            EXPECT(err == FT_EMEDIA || err == FT_ECORRUPT);
        else
            EXPECT(err == FT_OK && w.cut && w.frames == len - head);
    }
}

static void test_open_ended(void **state) {
    (void)state;
    uint8_t bytes[FT_WAV_HEADER_MAX] = { 0 };
    ft_wav w;
    EXPECT(ft_wav_header(bytes, FT_WAV_PCM, 16000, 1, UINT32_MAX) == 44);
    bytes[44] = 1;
    EXPECT_OK(ft_wav_read(&w, ft_str_n(bytes, 44 + 6)));
    EXPECT(w.frames == 3 && !w.cut);
    int16_t first;
    ft_wav_i16(&first, &w, 0, 1);
    EXPECT(first == 1);
    EXPECT(ft_wav_header(bytes, FT_WAV_PCM, 16000, 1, (uint64_t)1 << 31) == 0);
}

/* A file past 4 GiB says its length in its first chunk. */
static void test_rf64(void **state) {
    (void)state;
    enum { DS64 = 8 + 28, SAMPLES = 3, TAIL = 10 };
    uint8_t plain[FT_WAV_HEADER_MAX],
        bytes[44 + DS64 + 2 * SAMPLES + TAIL] = "RF64\xff\xff\xff\xffWAVEds64\x1c";
    ft_wav w;
    int16_t got[SAMPLES];
    EXPECT(ft_wav_header(plain, FT_WAV_PCM, 16000, 1, SAMPLES) == 44);
    memcpy(bytes + 12 + DS64, plain + 12, 32);
    memset(bytes + 40 + DS64, 0xff, 4); /* the length of `data` */
    bytes[12 + 8 + 8] = 2 * SAMPLES;    /* and what ds64 has for it */
    bytes[12 + 8 + 16] = SAMPLES;
    memcpy(bytes + 44 + DS64, "\1\0\2\0\3\0LIST\2\0\0\0ab", 2 * SAMPLES + TAIL);
    EXPECT_OK(ft_wav_read(&w, ft_str_n(bytes, sizeof bytes)));
    EXPECT(w.frames == SAMPLES && w.rate_hz == 16000 && !w.cut);
    ft_wav_i16(got, &w, 0, SAMPLES);
    EXPECT(got[0] == 1 && got[1] == 2 && got[2] == 3);
    memcpy(bytes, "BW64", 4);
    EXPECT_OK(ft_wav_read(&w, ft_str_n(bytes, sizeof bytes)));
    EXPECT(w.frames == SAMPLES);
    bytes[12 + 8 + 15] = 0xff; /* more than any file holds: as far as it goes */
    EXPECT_OK(ft_wav_read(&w, ft_str_n(bytes, sizeof bytes)));
    EXPECT(w.frames == SAMPLES + TAIL / 2 && w.cut);
}

TEST_MAIN(cmocka_unit_test(test_pcm_as_sox), cmocka_unit_test(test_g711_as_sox),
          cmocka_unit_test(test_odd_files_as_scipy), cmocka_unit_test(test_broken_files),
          cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_open_ended),
          cmocka_unit_test(test_rf64))
