/* document_test.c -- SSML and plain text as pieces: places, manners, refusals, Polly's own
 * examples. */
#include "speech/document.h"

#include <dirent.h>
#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(64 << 20);

static int clean(void **state) {
    (void)state;
    ft_arena_fini(&arena);
    return 0;
}

static ft_err read_by(ft_document *out, const char *text, ft_speech_engine engine) {
    ft_document_opts opts = { .type = FT_SPEECH_AUTO, .engine = engine, .news = true };
    return ft_document_read(out, &arena, ft_str_of(text), &opts);
}

static const ft_piece *piece_of(const ft_document *d, ft_piece_kind kind, size_t which) {
    for (size_t i = 0; i < d->count; i++)
        if (d->pieces[i].kind == kind && which-- == 0) return &d->pieces[i];
    return NULL;
}

static size_t count_of(const ft_document *d, ft_piece_kind kind) {
    size_t count = 0;
    while (piece_of(d, kind, count)) count++;
    return count;
}

static void test_plain(void **state) {
    (void)state;
    ft_document d;
    EXPECT_OK(read_by(&d, "One & <two>.\nStill.\n \n\nThree ü.", FT_ENGINE_OWN));
    EXPECT(!d.ssml && d.count == 4);
    EXPECT_STR("One & <two>.\nStill.\n \n\n", d.pieces[0].text);
    EXPECT(d.pieces[1].kind == FT_PIECE_PARAGRAPH && d.pieces[3].kind == FT_PIECE_PARAGRAPH);
    EXPECT_STR("Three ü.", d.pieces[2].text);
    EXPECT(d.pieces[2].at[0] == 23 && d.pieces[2].at[8] == 31 && d.pieces[2].at[9] == 32);
    EXPECT(d.billed_chars == 31);
    EXPECT_ERR(FT_EPARSE, read_by(&d, "a\nb\xff", FT_ENGINE_OWN));
    EXPECT_WHY("line 2, column 2");
    EXPECT_ERR(FT_EPARSE, read_by(&d, "a\x01", FT_ENGINE_OWN));
    EXPECT_WHY("control characters");
}

/* Every byte of a piece knows where in the input it stood. */
static void test_places(void **state) {
    (void)state;
    const char *text = "<speak>a &amp; <![CDATA[b<c]]> <s>Mary</s></speak>";
    ft_document d;
    EXPECT_OK(read_by(&d, text, FT_ENGINE_OWN));
    const ft_piece *p = piece_of(&d, FT_PIECE_TEXT, 0);
    EXPECT_STR("a & b<c ", p->text);
    EXPECT(text[p->at[0]] == 'a' && text[p->at[2]] == '&' && text[p->at[4]] == 'b');
    EXPECT(text[p->at[5]] == '<' && text[p->at[6]] == 'c');
    p = piece_of(&d, FT_PIECE_TEXT, 1);
    EXPECT_STR("Mary", p->text);
    EXPECT(memcmp(text + p->at[0], "Mary", 4) == 0 && p->at[4] == p->at[0] + 4);
    EXPECT(count_of(&d, FT_PIECE_SENTENCE) + count_of(&d, FT_PIECE_PARAGRAPH) == 2);
    EXPECT(d.billed_chars == 12);
}

static void test_manners(void **state) {
    (void)state;
    ft_document d;
    EXPECT_OK(read_by(&d,
                      "<speak>a<prosody rate=\"50%\" pitch=\"+10%\" volume=\"-6dB\">b"
                      "<prosody pitch=\"+10%\" volume=\"loud\">c</prosody></prosody>"
                      "<emphasis>d</emphasis><say-as interpret-as=\"date\" format=\"mdy\">1/2/3"
                      "</say-as> <sub alias=\"World Wide\">WW</sub> <phoneme ph=\"pɪˈkɑːn\">pecan"
                      "</phoneme> <amazon:effect vocal-tract-length=\"+15%\">e</amazon:effect>"
                      "</speak>",
                      FT_ENGINE_OWN));
    const ft_piece *b = piece_of(&d, FT_PIECE_TEXT, 1), *c = piece_of(&d, FT_PIECE_TEXT, 2);
    EXPECT(b->manner->rate == 0.5 && fabs(b->manner->pitch - 1.1) < 1e-9);
    EXPECT(b->manner->volume_db == -6 && b->word_glued);
    EXPECT(c->manner->rate == 0.5 && fabs(c->manner->pitch - 1.21) < 1e-9);
    EXPECT(c->manner->volume_db == 6);
    EXPECT(piece_of(&d, FT_PIECE_TEXT, 3)->manner->emphasis == 1);
    EXPECT(piece_of(&d, FT_PIECE_TEXT, 3)->manner->rate == 1);
    EXPECT_STR("mdy", piece_of(&d, FT_PIECE_TEXT, 4)->manner->say_format);
    EXPECT_STR("World Wide", piece_of(&d, FT_PIECE_TEXT, 6)->manner->alias);
    EXPECT_STR("ipa", piece_of(&d, FT_PIECE_TEXT, 8)->manner->alphabet);
    EXPECT(fabs(piece_of(&d, FT_PIECE_TEXT, 10)->manner->tract - 1.15) < 1e-9);
}

static void test_breaks_and_marks(void **state) {
    (void)state;
    ft_document d;
    EXPECT_OK(read_by(&d,
                      "<speak>a<break/>b<break strength='strong'/><break time='1.5s'/>"
                      "<mark name='m1'/>c<amazon:breath duration='long'/></speak>",
                      FT_ENGINE_STANDARD));
    static const int ms[] = { 200, 450, 1500 };
    for (size_t i = 0; i < 3; i++) EXPECT(piece_of(&d, FT_PIECE_BREAK, i)->ms == ms[i]);
    EXPECT_STR("m1", piece_of(&d, FT_PIECE_MARK, 0)->text);
    EXPECT(piece_of(&d, FT_PIECE_BREATH, 0)->ms == 600);
}

/* The newscaster listing has a '>' too many: text, and no error. */
static void test_stray_bracket(void **state) {
    (void)state;
    ft_document d;
    EXPECT_OK(read_by(&d, "<speak><amazon:domain name=\"news\">The text></amazon:domain></speak>",
                      FT_ENGINE_NEURAL));
    EXPECT_STR("The text>", piece_of(&d, FT_PIECE_TEXT, 0)->text);
    EXPECT_STR("news", piece_of(&d, FT_PIECE_TEXT, 0)->manner->domain);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        ft_speech_engine engine;
        const char *text, *why;
    } rows[] = {
        { FT_ENGINE_OWN, "<speak>\n <audio src='x'/></speak>", "line 2, column 2: <audio>" },
        { FT_ENGINE_OWN, "<speak>a", "line 1, column 9" },
        { FT_ENGINE_OWN, "<speak>a & b</speak>", "line 1, column 11" },
        { FT_ENGINE_OWN, "<speak><p>a</s></speak>", "mismatched tag" },
        { FT_ENGINE_OWN, "<?xml version='1.0'?><p>a</p>", "outside of <speak>" },
        { FT_ENGINE_OWN, "<speak><speak>a</speak></speak>", "<speak> within <speak>" },
        { FT_ENGINE_OWN, "<speak><break>a</break></speak>", "must be empty" },
        { FT_ENGINE_OWN, "<speak><break time='11s'/></speak>", "up to 10 s" },
        { FT_ENGINE_OWN, "<speak><break time='-1s'/></speak>", "up to 10 s" },
        { FT_ENGINE_OWN, "<speak><mark/></speak>", "<mark> needs name" },
        { FT_ENGINE_OWN, "<speak><prosody rate='-400%'>a</prosody></speak>", "20% to 200%" },
        { FT_ENGINE_OWN, "<speak><prosody rate='nan%'>a</prosody></speak>", "20% to 200%" },
        { FT_ENGINE_OWN, "<speak><prosody>a</prosody></speak>", "without an attribute" },
        { FT_ENGINE_OWN, "<speak><prosody speed='2'>a</prosody></speak>", "no attribute speed" },
        { FT_ENGINE_OWN, "<speak><say-as interpret-as='song'>a</say-as></speak>", "song" },
        { FT_ENGINE_OWN, "<speak><phoneme ph=''>a</phoneme></speak>", "expected phonemes" },
        { FT_ENGINE_STANDARD, "<speak><voice name='x'>a</voice></speak>", "standard engine" },
        { FT_ENGINE_OWN, "<speak>\n<phoneme ph='QQ☃'>a</phoneme></speak>", "line 2, column" },
        { FT_ENGINE_OWN, "<speak><phoneme ph='%%%'>a</phoneme></speak>", "no sound in IPA" },
        { FT_ENGINE_OWN, "<speak><phoneme ph='☃' alphabet='x-sampa'>a</phoneme></speak>",
          "no sound in X-SAMPA" },
        { FT_ENGINE_STANDARD, "<speak><amazon:domain name='news'>a</amazon:domain></speak>",
          "standard engine" },
        { FT_ENGINE_NEURAL, "<speak><emphasis>a</emphasis></speak>", "neural engine" },
        { FT_ENGINE_NEURAL, "<speak><prosody pitch='high'>a</prosody></speak>", "neural engine" },
        { FT_ENGINE_NEURAL, "<speak><amazon:effect name='whispered'>a</amazon:effect></speak>",
          "neural engine" },
        { FT_ENGINE_OWN, "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><speak>&b;</speak>",
          "document types" },
    };
    ft_document d;
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        EXPECT_ERR(FT_EPARSE, read_by(&d, rows[i].text, rows[i].engine));
        EXPECT_WHY(rows[i].why);
    }
    ft_document_opts plain_voice = { .type = FT_SPEECH_SSML, .engine = FT_ENGINE_NEURAL };
    EXPECT_ERR(FT_EPARSE, ft_document_read(
                              &d, &arena,
                              FT_STR("<speak><amazon:domain name='news'>a</amazon:domain></speak>"),
                              &plain_voice));
    EXPECT_WHY("does not have the style");
}

static void test_limits(void **state) {
    (void)state;
    ft_document d;
    ft_buf deep = { 0 };
    ft_buf_add(&deep, FT_STR("<speak>"));
    for (int i = 0; i < 100; i++) ft_buf_add(&deep, FT_STR("<p>"));
    EXPECT_ERR(FT_ETOOBIG, ft_document_read(&d, &arena, ft_buf_str(&deep),
                                            &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
    EXPECT_WHY("nested");
    EXPECT_ERR(FT_ETOOBIG,
               ft_document_read(&d, &arena, FT_STR("abc"), &(ft_document_opts){ .bytes_max = 2 }));
    ft_buf_fini(&deep);
    EXPECT_OK(ft_document_read(&d, &arena, FT_STR("<speak/> says the text"),
                               &(ft_document_opts){ .type = FT_SPEECH_TEXT }));
    EXPECT(!d.ssml && d.billed_chars == 22);
    EXPECT_OK(read_by(&d, "<speaker> is no tag", FT_ENGINE_OWN));
    EXPECT(!d.ssml);
}

/* Polly's guide: what is well-formed there is read, by one engine or the other; the rest is refused
 * with its place. */
/* Tags cost nothing, so a document may be of little else: reading is linear in them. */
static void test_many_tags(void **state) {
    (void)state;
    enum { TAGS = 30000 };
    ft_arena big = FT_ARENA_INIT((size_t)256 << 20);
    ft_buf text = { 0 };
    ft_document d;
    ft_buf_add(&text, FT_STR("<speak><p><s>said</s></p>"));
    for (int i = 0; i < TAGS; i++) ft_buf_add(&text, FT_STR("<mark name='m'/>"));
    for (int i = 0; i < TAGS; i++) ft_buf_add(&text, FT_STR("<p><s></s></p>"));
    ft_buf_add(&text, FT_STR("more</speak>"));
    int64_t from = ft_clock_monotonic_us();
    ft_err err =
        ft_document_read(&d, &big, ft_buf_str(&text),
                         &(ft_document_opts){ .type = FT_SPEECH_SSML, .bytes_max = text.len });
    print_message("# %d tags: %.2f s\n", 3 * TAGS, (double)(ft_clock_monotonic_us() - from) / 1e6);
    EXPECT(err == FT_OK && d.count == TAGS + 4); /* two texts and their ends */
    EXPECT(d.pieces[1].kind == FT_PIECE_PARAGRAPH);
    ft_buf_fini(&text);
    ft_arena_fini(&big);
}

static void test_polly_guide(void **state) {
    (void)state;
    if (!test_shared("ssml_wav/polly")) SKIP("no shared data");
    DIR *dir = opendir(test_shared("ssml_wav/polly"));
    EXPECT(dir);
    int read = 0, refused = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[1300];
        ft_str text = { 0 };
        ft_document d;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", test_shared("ssml_wav/polly"), e->d_name);
        EXPECT_OK(ft_file_read(&text, &arena, path, 1 << 20));
        ft_document_opts opts = { .type = FT_SPEECH_SSML, .news = true };
        ft_err err = ft_document_read(&d, &arena, text, &opts);
        if (err == FT_OK)
            read++;
        else {
            refused++;
            print_message("# %s: %s\n", e->d_name, ft_err_why());
            EXPECT(err == FT_EPARSE && strstr(ft_err_why(), "line "));
        }
    }
    closedir(dir);
    print_message("# %d read, %d refused\n", read, refused);
    EXPECT(read >= 40 && refused <= 8);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_arena small = FT_ARENA_INIT(1 << 20);
        ft_document d;
        ft_err err =
            ft_document_read(&d, &small, FT_STR("<speak><p>a <mark name='m'/>b</p></speak>"),
                             &(ft_document_opts){ .type = FT_SPEECH_SSML });
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EABSENT);
        ft_arena_fini(&small);
    }
}

TEST_MAIN(cmocka_unit_test_teardown(test_plain, clean),
          cmocka_unit_test_teardown(test_places, clean),
          cmocka_unit_test_teardown(test_manners, clean),
          cmocka_unit_test_teardown(test_breaks_and_marks, clean),
          cmocka_unit_test_teardown(test_stray_bracket, clean),
          cmocka_unit_test_teardown(test_refused, clean),
          cmocka_unit_test_teardown(test_limits, clean), cmocka_unit_test(test_many_tags),
          cmocka_unit_test_teardown(test_polly_guide, clean), cmocka_unit_test(test_faults))
