/* convert_test.c -- PCM into what a telephone system plays, beside sox; files that appear whole. */
#include "media/convert.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/files.h"
#include "media/g711.h"
#include "media/part_file.h"
#include "tests/oracle.h"

#define COUNT 40000

static bool have_sox(void) { return system("sox --version >/dev/null 2>&1") == 0; }

/* Two tones that do not fold; with `channels` 2 the second is the first an octave higher. */
static void tones(int16_t *out, size_t frames, int rate_hz, int channels) {
    for (size_t i = 0; i < frames; i++)
        for (int k = 0; k < channels; k++) {
            double t = 2 * M_PI * (double)i / rate_hz * (k + 1);
            out[i * (size_t)channels + (size_t)k] =
                (int16_t)lrint(7000 * sin(440 * t) + 3000 * sin(1210 * t));
        }
}

static ft_err take(void *ctx, ft_str bytes) { return ft_buf_add(ctx, bytes); }

static ft_err convert(ft_buf *to, const int16_t *samples, size_t count, int rate_hz, int channels,
                      const ft_convert_opts *opts) {
    ft_wav in = { .rate_hz = rate_hz, .channels = channels, .bits = 16 };
    ft_buf head = { 0 };
    ft_err err = ft_wav_raw(&in, ft_str_n(samples, count * sizeof *samples));
    if (err == FT_OK) err = ft_sound_convert(&in, opts, take, to, &head);
    if (err == FT_OK && head.len) memcpy(to->at, head.at, head.len);
    ft_buf_fini(&head);
    return err;
}

/* What sox makes of the same samples. */
static ft_str sox(ft_arena *arena, const int16_t *samples, size_t count, int rate_hz, int channels,
                  const char *words) {
    char command[700], path[300];
    ft_str made = { 0 };
    oracle_put("in.pcm", samples, count * sizeof *samples);
    snprintf(path, sizeof path, "%s/sox.out", test_dir());
    snprintf(command, sizeof command,
             "sox -V0 -D -t raw -r %d -e signed -b 16 -c %d %s/in.pcm -t wav %s", rate_hz, channels,
             test_dir(), words);
    char *place = strstr(command, "OUT");
    char whole[1100];
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)(place - command), command, path, place + 3);
    EXPECT(system(whole) == 0);
    EXPECT_OK(ft_file_read(&made, arena, path, 8 << 20));
    return made;
}

/* Where nothing but the form changes, the files are the same bytes. */
static void test_as_sox(void **state) {
    (void)state;
    static const struct {
        int rate_hz, channels;
        const char *format, *words;
        bool mono;
    } rows[] = { { 16000, 1, "wav", "OUT", false },
                 { 8000, 1, "wav", "OUT", false },
                 { 16000, 2, "wav", "OUT", false },
                 { 8000, 1, "wav_ulaw", "-e mu-law -b 8 OUT", false },
                 { 8000, 2, "wav_ulaw", "-e mu-law -b 8 OUT", false },
                 { 8000, 1, "wav_alaw", "-e a-law -b 8 OUT", false } };
    static int16_t samples[2 * COUNT];
    if (!have_sox()) SKIP("no sox");
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_arena arena = FT_ARENA_INIT(16 << 20);
        ft_buf ours = { 0 };
        size_t count = (size_t)(COUNT * rows[i].channels);
        ft_convert_opts opts = { .format = ft_audio_format_find(ft_str_of(rows[i].format)) };
        tones(samples, COUNT, rows[i].rate_hz, rows[i].channels);
        EXPECT_OK(convert(&ours, samples, count, rows[i].rate_hz, rows[i].channels, &opts));
        ft_str made = sox(&arena, samples, count, rows[i].rate_hz, rows[i].channels, rows[i].words);
        EXPECT(ft_str_eq(made, ft_buf_str(&ours)));
        ft_buf_fini(&ours);
        ft_arena_fini(&arena);
    }
}

/* At another rate the wave is sox's to within its own last bits. */
static void test_rate_as_sox(void **state) {
    (void)state;
    static int16_t samples[2 * COUNT], back[2 * COUNT], want[2 * COUNT];
    static const struct {
        int from, to, channels;
    } rows[] = { { 16000, 8000, 1 }, { 22050, 8000, 1 }, { 44100, 16000, 2 }, { 8000, 16000, 1 } };
    if (!have_sox()) SKIP("no sox");
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_arena arena = FT_ARENA_INIT(16 << 20);
        ft_buf ours = { 0 };
        ft_wav a, b;
        char words[100];
        size_t channels = (size_t)rows[i].channels, frames = COUNT / 4;
        ft_convert_opts opts = { .format = ft_audio_format_find(FT_STR("wav")),
                                 .rate_hz = rows[i].to };
        tones(samples, frames, rows[i].from, rows[i].channels);
        EXPECT_OK(
            convert(&ours, samples, frames * channels, rows[i].from, rows[i].channels, &opts));
        snprintf(words, sizeof words, "OUT rate -v %d", rows[i].to);
        ft_str made =
            sox(&arena, samples, frames * channels, rows[i].from, rows[i].channels, words);
        EXPECT_OK(ft_wav_read(&a, ft_buf_str(&ours)));
        EXPECT_OK(ft_wav_read(&b, made));
        EXPECT(a.channels == rows[i].channels && a.rate_hz == rows[i].to);
        EXPECT(llabs((long long)a.frames - (long long)b.frames) <= 1);
        size_t count = (size_t)(a.frames < b.frames ? a.frames : b.frames) * channels;
        ft_wav_i16(back, &a, 0, count);
        ft_wav_i16(want, &b, 0, count);
        double error = 0, power = 1;
        for (size_t k = 200 * channels; k + 200 * channels < count; k++) {
            error += (double)(back[k] - want[k]) * (back[k] - want[k]);
            power += (double)want[k] * want[k];
        }
        print_message("# %d to %d Hz: %.1f dB apart\n", rows[i].from, rows[i].to,
                      10 * log10(error / power));
        EXPECT(10 * log10(error / power) < -50);
        ft_buf_fini(&ours);
        ft_arena_fini(&arena);
    }
}

static void test_mono(void **state) {
    (void)state;
    static const int16_t in[] = { 100, 300, -100, -301, 32767, 32767, -32768, -32768 };
    static const int16_t want[] = { 200, -201, 32767, -32768 };
    ft_buf out = { 0 };
    ft_convert_opts opts = { .format = ft_audio_format_find(FT_STR("pcm")), .mono = true };
    EXPECT_OK(convert(&out, in, 8, 16000, 2, &opts));
    EXPECT(out.len == sizeof want && memcmp(out.at, want, sizeof want) == 0);
    ft_buf_fini(&out);
}

/* µ-law at 8 kHz, 20 ms frames: what a switch plays. */
static void test_telephone(void **state) {
    (void)state;
    static int16_t samples[COUNT];
    ft_buf out = { 0 };
    ft_convert_opts opts = { .format = ft_audio_format_find(FT_STR("ulaw")),
                             .rate_hz = 8000,
                             .telephone = true,
                             .frame_20ms = true };
    tones(samples, COUNT, 16000, 1);
    EXPECT_OK(convert(&out, samples, COUNT, 16000, 1, &opts));
    EXPECT(out.len == COUNT / 2); /* 125 frames */
    ft_buf_reset(&out);
    EXPECT_OK(convert(&out, samples, COUNT - 100, 16000, 1, &opts));
    EXPECT(out.len == COUNT / 2);
    ft_buf_fini(&out);
}

/* Any form of samples without a header; what is odd is cut. */
static void test_raw(void **state) {
    (void)state;
    static const uint8_t bytes[] = { 0x12, 0x34, 0x80, 0x00, 0x7f };
    ft_wav w = { .rate_hz = 8000, .channels = 1, .bits = 16, .big_endian = true };
    int16_t out[2];
    EXPECT_OK(ft_wav_raw(&w, ft_str_n(bytes, sizeof bytes)));
    EXPECT(w.frames == 2 && w.cut);
    ft_wav_i16(out, &w, 0, 2);
    EXPECT(out[0] == 0x1234 && out[1] == -32768);
    w = (ft_wav){ .rate_hz = 8000, .channels = 1, .bits = 8, .coding = FT_WAV_ULAW };
    EXPECT_OK(ft_wav_raw(&w, ft_str_n("\xff", 1)));
    ft_wav_i16(out, &w, 0, 1);
    EXPECT(w.frames == 1 && out[0] == 0);
    w = (ft_wav){ .rate_hz = 8000, .channels = 1, .bits = 12, .coding = FT_WAV_ULAW };
    EXPECT_ERR(FT_EINVAL, ft_wav_raw(&w, ft_str_n(bytes, 4)));
    w = (ft_wav){ .rate_hz = 8000, .channels = 0, .bits = 16 };
    EXPECT_ERR(FT_EINVAL, ft_wav_raw(&w, ft_str_n(bytes, 4)));
    w = (ft_wav){ .rate_hz = 8000, .channels = 1, .bits = 16, .coding = FT_WAV_FLOAT };
    EXPECT_ERR(FT_EINVAL, ft_wav_raw(&w, ft_str_n(bytes, 4)));
}

/* ---- files */

static ft_err put(const char *path, const char *text, bool commit) {
    ft_part_file *f = NULL;
    ft_err err = ft_part_file_new(&f, path);
    if (err == FT_OK) err = ft_part_file_write(f, ft_str_of(text));
    if (err == FT_OK && commit) err = ft_part_file_commit(f, FT_STR("T"));
    ft_part_file_free(f);
    return err;
}

static void expect_folder(const char *path, const char *text) {
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    ft_str *names, got = { 0 };
    size_t count = 0;
    EXPECT_OK(ft_dir_list(&names, &count, &arena, test_dir()));
    size_t parts = 0;
    for (size_t i = 0; i < count; i++) parts += names[i].at[0] == '.';
    EXPECT(parts == 0);
    EXPECT_OK(ft_file_read(&got, &arena, path, 1 << 10));
    EXPECT_STR(text, got);
    ft_arena_fini(&arena);
}

static void test_appears_whole(void **state) {
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/sound.wav", test_dir());
    EXPECT_OK(put(path, "first", true));
    expect_folder(path, "Tirst");
    EXPECT_OK(put(path, "second", false)); /* let go: the first stays */
    expect_folder(path, "Tirst");
    EXPECT_OK(put(path, "third", true));
    expect_folder(path, "Third");
    EXPECT_OK(put("/dev/null", "fourth", true));
    struct stat st;
    EXPECT(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    EXPECT_ERR(FT_ENOTFOUND, put("/no/such/folder/x.wav", "x", true));
    EXPECT_ERR(FT_EINVAL, put(test_dir(), "x", true));
    EXPECT_ERR(FT_EINVAL, put("", "x", true));
    ft_part_file_free(NULL);
}

static void test_fails_anywhere(void **state) {
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/kept.wav", test_dir());
    const char *there = "Tept";
    EXPECT_OK(put(path, "kept", true));
    EACH_FAULT {
        ft_err err = put(path, "new", true);
        EXPECT(err != FT_EINVAL);
        ft_fault_off();
        if (err == FT_OK) there = "Tew"; /* also where a hidden name has to do */
        expect_folder(path, there);
    }
    EXPECT(strcmp(there, "Tew") == 0);
}

/* What lies in a file is copied by the kernel, or written where that fails. */
static void test_copied(void **state) {
    (void)state;
    enum { SIZE = 200000 };
    char from[300], to[300];
    ft_buf bytes = { 0 };
    ft_str map = { 0 }, got = { 0 };
    ft_arena arena = FT_ARENA_INIT(4 << 20);
    snprintf(from, sizeof from, "%s/in.pcm", test_dir());
    snprintf(to, sizeof to, "%s/out.wav", test_dir());
    for (int i = 0; i < SIZE; i++) EXPECT_OK(ft_buf_add_n(&bytes, &(char){ (char)(i * i) }, 1));
    oracle_put("in.pcm", bytes.at, SIZE);
    EXPECT_OK(ft_file_map(&map, from));
    EACH_FAULT {
        ft_part_file *f = NULL;
        ft_err err = ft_part_file_new(&f, to);
        if (err == FT_OK) err = ft_part_file_source(f, from, map);
        if (err == FT_OK) err = ft_part_file_write(f, FT_STR("head"));
        if (err == FT_OK) err = ft_part_file_write(f, ft_str_from(map, 5));
        if (err == FT_OK) err = ft_part_file_write(f, ft_str_slice(map, 1, 2));
        if (err == FT_OK) err = ft_part_file_commit(f, FT_STR("HEAD"));
        ft_part_file_free(f);
        if (err != FT_OK) continue;
        ft_fault_off();
        EXPECT_OK(ft_file_read(&got, &arena, to, SIZE + 10));
        EXPECT(got.len == 4 + SIZE - 5 + 2 && memcmp(got.at, "HEAD", 4) == 0);
        EXPECT(memcmp(got.at + 4, bytes.at + 5, SIZE - 5) == 0);
        EXPECT(memcmp(got.at + 4 + SIZE - 5, bytes.at + 1, 2) == 0);
    }
    ft_file_unmap(map);
    ft_buf_fini(&bytes);
    ft_arena_fini(&arena);
}

static void test_memory_fails(void **state) {
    (void)state;
    int16_t samples[64] = { 1, 2, 3 };
    ft_convert_opts opts = { .format = ft_audio_format_find(FT_STR("wav")), .rate_hz = 8000 };
    EACH_FAULT {
        ft_buf out = { 0 };
        ft_err err = convert(&out, samples, 64, 16000, 2, &opts);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_buf_fini(&out);
    }
}

TEST_MAIN(cmocka_unit_test(test_as_sox), cmocka_unit_test(test_rate_as_sox),
          cmocka_unit_test(test_mono), cmocka_unit_test(test_telephone), cmocka_unit_test(test_raw),
          cmocka_unit_test(test_appears_whole), cmocka_unit_test(test_fails_anywhere),
          cmocka_unit_test(test_copied), cmocka_unit_test(test_memory_fails))
