/* prompts_test.c -- tables of prompts: built, built again, changed, broken. */
#include "speech/prompts.h"

#include "base/check.h"
#include "base/files.h"
#include "media/wav.h"
#include "tests/test.h"

static char folder[300];
static ft_buf log_text;

static void on_told(void *ctx, ft_str id, const char *what) {
    FT_UNUSED(ctx);
    ft_buf_printf(&log_text, "%s %.*s;", what, FT_STR_ARG(id));
}

static ft_err build(const char *table, const char *format) {
    ft_prompts_told told;
    ft_prompts_opts opts = { .told = on_told };
    opts.request.format = ft_audio_format_find(ft_str_of(format));
    opts.request.type = FT_SPEECH_AUTO;
    ft_buf_reset(&log_text);
    return ft_prompts_build(&told, ft_str_of(table), "menu.csv", folder, &opts);
}

static bool have_flite(void) {
    snprintf(folder, sizeof folder, "%s/probe", test_dir());
    ft_err err = build("id,text\na,A.\n", "wav");
    EXPECT(err == FT_OK || err == FT_EABSENT);
    snprintf(folder, sizeof folder, "%s/prompts", test_dir());
    return err == FT_OK;
}

static bool there(const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return ft_file_exists(path);
}

#define HEAD "ID,Text,voice\n"

static void test_built(void **state) {
    (void)state;
    if (!have_flite()) SKIP("no libflite1");
    EXPECT_OK(build(HEAD
                    "welcome,\"Welcome, friend.\",\nbye,\"<speak>Good <emphasis>bye</emphasis>."
                    "</speak>\",Matthew\n\n",
                    "wav_ulaw"));
    EXPECT_STR("built welcome;built bye;", ft_buf_str(&log_text));
    EXPECT(there("welcome.ulaw.wav") && there("bye.ulaw.wav") && there("index.html"));
    char path[400];
    ft_str bytes = { 0 };
    ft_wav w;
    ft_arena arena = FT_ARENA_INIT(4 << 20);
    snprintf(path, sizeof path, "%s/bye.ulaw.wav", folder);
    EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
    EXPECT_OK(ft_wav_read(&w, bytes));
    EXPECT(w.coding == FT_WAV_ULAW && w.rate_hz == 8000 && w.frames > 4000 && !w.cut);
    snprintf(path, sizeof path, "%s/index.html", folder);
    EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
    EXPECT(strstr(bytes.at, "&lt;speak&gt;Good") && strstr(bytes.at, "src=\"bye.ulaw.wav\""));
    ft_arena_fini(&arena);
}

/* Only what changed is built again; what is gone from the table goes from the folder. */
static void test_built_again(void **state) {
    (void)state;
    if (!have_flite()) SKIP("no libflite1");
    snprintf(folder, sizeof folder, "%s/again", test_dir());
    EXPECT_OK(build(HEAD "a,One.,\nb,Two.,\nc,Three.,\n", "pcm"));
    EXPECT_STR("built a;built b;built c;", ft_buf_str(&log_text));
    EXPECT_OK(build(HEAD "a,One.,\nb,Two.,\nc,Three.,\n", "pcm"));
    EXPECT_STR("kept a;kept b;kept c;", ft_buf_str(&log_text));
    EXPECT_OK(build(HEAD "c,Three.,\na,One!,\nb,Two.,Matthew\n", "pcm"));
    EXPECT_STR("kept c;built a;built b;", ft_buf_str(&log_text));
    char path[400];
    snprintf(path, sizeof path, "%s/c.pcm", folder);
    EXPECT_OK(ft_file_remove(path));
    snprintf(path, sizeof path, "%s/own.pcm", folder); /* not ours: stays */
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("x"), false));
    EXPECT_OK(build(HEAD "c,Three.,\nb,Two.,Matthew\n", "pcm"));
    EXPECT_STR("built c;kept b;removed a;", ft_buf_str(&log_text));
    EXPECT(!there("a.pcm") && there("own.pcm"));
}

/* A file that is no longer what was made is made again; one that was never ours is left alone. */
static void test_files_of_others(void **state) {
    (void)state;
    char path[400];
    ft_str bytes;
    ft_arena arena = FT_ARENA_INIT(0);
    if (!have_flite()) SKIP("no libflite1");
    snprintf(folder, sizeof folder, "%s/others", test_dir());
    EXPECT_OK(build(HEAD "a,One.,\n", "pcm"));
    snprintf(path, sizeof path, "%s/a.pcm", folder);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("junk"), false));
    EXPECT_OK(build(HEAD "a,One.,\n", "pcm"));
    EXPECT_STR("built a;", ft_buf_str(&log_text));
    snprintf(path, sizeof path, "%s/b.pcm", folder);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("somebody's"), false));
    EXPECT_ERR(FT_EEXIST, build("id,text,file\na,One.,\nx,Two.,b.pcm\n", "pcm"));
    EXPECT_WHY("menu.csv:3: prompt 'x': ");
    EXPECT_OK(ft_file_read(&bytes, &arena, path, 100));
    EXPECT_STR("somebody's", bytes);
    EXPECT_OK(ft_file_remove(path));
    EXPECT_OK(build("id,text,file\na,One.,\nx,Two.,b.pcm\n", "pcm"));
    EXPECT(there("b.pcm") && !there("b.pcm.pcm"));
    ft_arena_fini(&arena);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *table;
        ft_err err;
        const char *why;
    } rows[] = {
        { "", FT_EPARSE, "menu.csv: an empty table" },
        { "name,text\na,b\n", FT_EPARSE, "menu.csv:1: the first line names the columns" },
        { HEAD ",Hello.,\n", FT_EPARSE, "menu.csv:2: no id" },
        { HEAD "c,\"Two\nlines.\",\nb,,\n", FT_EPARSE, "menu.csv:4: prompt 'b': no text" },
        { HEAD "../a,Hello.,\n", FT_EPARSE, "'../a' cannot be the name of a file" },
        { HEAD "c,Hello.,\nb,Hi.,\nc,Bye.,\n", FT_EPARSE,
          "menu.csv:4: prompt 'c': c.wav is already made by line 2" },
        { HEAD "a,\"Hello.,\n", FT_EPARSE, "menu.csv:2: a quote is opened and never closed" },
        { HEAD "a,Hello.,Joana\n", FT_ENOTFOUND, "menu.csv:2: prompt 'a': no voice 'Joana'" },
        { "id,text\na,Hello, please hold\n", FT_EPARSE,
          "menu.csv:2: prompt 'a': more cells than the first" },
        { HEAD "a,\xff.,\n", FT_EPARSE, "menu.csv: byte 16 is no UTF-8" },
    };
    snprintf(folder, sizeof folder, "%s/refused", test_dir());
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        EXPECT_ERR(rows[i].err, build(rows[i].table, "wav"));
        EXPECT_WHY(rows[i].why);
        EXPECT(!there("a.wav"));
    }
}

/* A prompt that cannot be spoken is named, by what it lacks and where; the others are built, and
 * nothing that stood there goes. */
static void test_broken_rows(void **state) {
    (void)state;
    if (!have_flite()) SKIP("no libflite1");
    snprintf(folder, sizeof folder, "%s/broken", test_dir());
    EXPECT_OK(build(HEAD "a,One.,\nb,Two.,\ngone,Old.,\n", "pcm"));
    EXPECT_ERR(FT_EPARSE, build(HEAD "b,<speak>Two,\n,No id.,\na,One.,\nd,Four.,Nobody\ne,   ,\n"
                                     "b,Twice.,\nf,\"Six.\",\n",
                                "pcm"));
    EXPECT_WHY("menu.csv:2: prompt 'b': ");
    EXPECT_STR("failed ;failed d;failed e;failed b;failed b;kept a;built f;",
               ft_buf_str(&log_text));
    EXPECT(there("b.pcm") && there("gone.pcm") && there("f.pcm") && !there("d.pcm"));
    EXPECT(there("index.html"));
    EXPECT_OK(build(HEAD "a,One.,\nb,<speak>Two</speak>,\n", "pcm"));
    EXPECT_STR("kept a;built b;removed f;removed gone;", ft_buf_str(&log_text));
}

static void test_faults(void **state) {
    (void)state;
    if (!have_flite()) SKIP("no libflite1");
    snprintf(folder, sizeof folder, "%s/faults", test_dir());
    EACH_FAULT {
        ft_err err = build("id,text\na,A.\n", "pcm");
        EXPECT(err == FT_OK || ft_err_retry(err) || err == FT_EDENIED || err == FT_EABSENT ||
               err == FT_EEXIST); /* where prompts.json seems not to be there */
    }
    EXPECT(there("a.pcm"));
    ft_buf_fini(&log_text);
}

TEST_MAIN(cmocka_unit_test(test_built), cmocka_unit_test(test_built_again),
          cmocka_unit_test(test_files_of_others), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_broken_rows), cmocka_unit_test(test_faults))
