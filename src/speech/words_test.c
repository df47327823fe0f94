/* words_test.c -- tokens, sentences, pauses and places; what elements and lexicons make of a word.
 */
#include "speech/words.h"

#include "base/buf.h"
#include "base/check.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(64 << 20);

static int clean(void **state) {
    (void)state;
    ft_arena_fini(&arena);
    return 0;
}

static void script_of(ft_script *out, const char *text, const ft_lexicon *lexicon) {
    ft_document d;
    EXPECT_OK(ft_document_read(&d, &arena, ft_str_of(text),
                               &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
    EXPECT_OK(ft_script_make(out, &arena, &d, FT_STR("en-US"), &lexicon, lexicon ? 1 : 0));
}

/* Words as said, '/' between sentences. */
static ft_str said(const ft_script *s) {
    ft_buf text = { 0 };
    ft_str out = { 0 };
    for (size_t i = 0; i < s->count; i++) {
        if (i) ft_buf_add(&text, FT_STR(" /"));
        for (size_t k = 0; k < s->sentences[i].count; k++) {
            const ft_item *item = &s->sentences[i].items[k];
            if (item->kind == FT_ITEM_BREAK) ft_buf_printf(&text, " [%d]", item->ms);
            if (item->kind == FT_ITEM_MARK) ft_buf_printf(&text, " {%.*s}", FT_STR_ARG(item->name));
            for (size_t w = 0; item->kind == FT_ITEM_WORD && w < item->word.spoken_count; w++)
                ft_buf_printf(&text, " %.*s", FT_STR_ARG(item->word.spoken[w].text));
        }
    }
    EXPECT_OK(ft_arena_str(&out, &arena, ft_buf_str(&text)));
    ft_buf_fini(&text);
    return ft_str_trim(out);
}

static void test_sentences(void **state) {
    (void)state;
    static const struct {
        const char *text, *said;
    } rows[] = {
        { "Mary had a little lamb.", "mary had a little lamb" },
        { "One. Two! Three? Four", "one / two / three / four" },
        { "Dr. Smith met Mr. Jones. They left.", "dr smith met mr jones / they left" },
        { "J. Smith came (late). \"Why?\" he said.", "j smith came late / why he said" },
        { "It cost a lot ... and then more.", "it cost a lot and then more" },
        { "first\n\nsecond", "first / second" },
        { "well-known - don't stop", "well known don't stop" },
        { "<speak><s>no stop</s><s>here</s> and there</speak>", "no stop / here / and there" },
        { "<speak>a <break time=\"1s\"/> b<mark name=\"m\"/> c</speak>", "a [1000] b {m} c" },
        { "<speak>End.<break time=\"1s\"/> Next.</speak>", "end [1000] / next" },
        { "<speak><sub alias=\"World Wide Web\">WWW</sub> it</speak>", "world wide web it" },
        { "<speak/>", "" },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_script s;
        script_of(&s, rows[i].text, NULL);
        ft_str got = said(&s);
        if (!ft_str_is(got, rows[i].said)) print_error("row %zu\n", i);
        EXPECT_STR(rows[i].said, got);
    }
}

/* Every word is the slice of the input that it says. */
static void test_places(void **state) {
    (void)state;
    const char *text = "<speak>She said: &quot;<emphasis>Hi, Bob!</emphasis>&quot; Twice.</speak>";
    ft_script s;
    script_of(&s, text, NULL);
    static const char *const words[] = { "She", "said", "Hi", "Bob", "Twice" };
    size_t at = 0;
    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < s.sentences[i].count; k++) {
            const ft_item *item = &s.sentences[i].items[k];
            if (item->kind != FT_ITEM_WORD) continue;
            EXPECT(at < FT_COUNT(words));
            EXPECT_STR(words[at], item->word.written);
            EXPECT(memcmp(text + item->word.start, words[at], strlen(words[at])) == 0);
            at++;
        }
    EXPECT(at == FT_COUNT(words));
    EXPECT(s.sentences[0].items[1].word.pause == FT_PAUSE_MAJOR); /* said: */
    EXPECT(s.sentences[0].items[2].word.manner->emphasis == 1);
    EXPECT(s.sentences[0].items[2].word.pause == FT_PAUSE_MINOR); /* Hi, */
    EXPECT(s.sentences[0].items[3].word.ending == '!');
}

static void test_lexicon(void **state) {
    (void)state;
    ft_lexicon *l;
    ft_script s;
    EXPECT_OK(ft_lexicon_read(
        &l, &arena,
        FT_STR("<lexicon alphabet=\"ipa\" xml:lang=\"en-US\"><lexeme><grapheme>W3C</grapheme>"
               "<alias>World Wide Web</alias></lexeme><lexeme><grapheme>pecan</grapheme><phoneme>"
               "pɪˈkɑːn</phoneme></lexeme></lexicon>")));
    script_of(&s, "The W3C likes pecan pie.", l);
    EXPECT_STR("the world wide web likes  pie", said(&s));
    const ft_spoken *spoken = &s.sentences[0].items[3].word.spoken[0];
    EXPECT_STR("pɪˈkɑːn", spoken->phonemes);
    EXPECT_STR("ipa", spoken->alphabet);
}

static void test_new_information(void **state) {
    (void)state;
    ft_script s;
    script_of(&s, "The rain fell. The rain in Spain.", NULL);
    const ft_sentence *a = &s.sentences[0], *b = &s.sentences[1];
    EXPECT(!a->items[0].word.new_information && a->items[1].word.new_information);
    EXPECT(!b->items[1].word.new_information && b->items[3].word.new_information);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_arena small = FT_ARENA_INIT(1 << 20);
        ft_document d;
        ft_script s;
        ft_err err =
            ft_document_read(&d, &small, FT_STR("One two. Three."), &(ft_document_opts){ 0 });
        if (err == FT_OK) err = ft_script_make(&s, &small, &d, FT_STR("en-US"), NULL, 0);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_arena_fini(&small);
    }
}

TEST_MAIN(cmocka_unit_test_teardown(test_sentences, clean),
          cmocka_unit_test_teardown(test_places, clean),
          cmocka_unit_test_teardown(test_lexicon, clean),
          cmocka_unit_test_teardown(test_new_information, clean), cmocka_unit_test(test_faults))
