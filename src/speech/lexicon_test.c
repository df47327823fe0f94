/* lexicon_test.c -- PLS documents: found, first of its kind, refused. */
#include "speech/lexicon.h"

#include "base/buf.h"
#include "base/check.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(16 << 20);

#define HEAD(attributes)                                                    \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<lexicon version=\"1.0\" " \
    "xmlns=\"http://www.w3.org/2005/01/pronunciation-lexicon\" " attributes ">"
#define ENGLISH HEAD("alphabet=\"ipa\" xml:lang=\"en-US\"")

static void test_found(void **state) {
    (void)state;
    ft_lexicon *l = NULL;
    EXPECT_OK(ft_lexicon_read(
        &l, &arena,
        FT_STR(ENGLISH "<lexeme><grapheme>W3C</grapheme><grapheme>w3c</grapheme>"
                       "<alias>World Wide Web &amp; Consortium</alias></lexeme>\n"
                       "<lexeme><grapheme>pecan</grapheme><phoneme> pɪˈkɑːn </phoneme></lexeme>"
                       "<lexeme><grapheme>W3C</grapheme><alias>second</alias></lexeme>"
                       "</lexicon>")));
    EXPECT_STR("en-US", ft_lexicon_lang(l));
    EXPECT_STR("ipa", ft_lexicon_alphabet(l));
    EXPECT(ft_lexicon_count(l) == 3);
    EXPECT_STR("World Wide Web & Consortium", ft_lexicon_find(l, FT_STR("W3C"))->alias);
    EXPECT_STR("World Wide Web & Consortium", ft_lexicon_find(l, FT_STR("w3c"))->alias);
    EXPECT_STR("pɪˈkɑːn", ft_lexicon_find(l, FT_STR("pecan"))->phonemes);
    EXPECT(!ft_lexicon_find(l, FT_STR("Pecan")) && !ft_lexicon_find(l, FT_STR("")));
    ft_arena_fini(&arena);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        ft_err err;
        const char *why;
    } rows[] = {
        { "<speak/>", FT_EPARSE, "<lexicon>" },
        { HEAD("alphabet=\"x\" xml:lang=\"en-US\"") "</lexicon>", FT_EUNSUPPORTED, "alphabet" },
        { HEAD("xml:lang=\"en-US\"") "</lexicon>", FT_EPARSE, "needs alphabet" },
        { HEAD("alphabet=\"ipa\"") "</lexicon>", FT_EPARSE, "needs xml:lang" },
        { HEAD("alphabet=\"ipa\" xml:lang=\"e\"") "</lexicon>", FT_EPARSE, "no language" },
        { ENGLISH "<lexeme><alias>a</alias></lexeme></lexicon>", FT_EPARSE, "<grapheme>" },
        { ENGLISH "<lexeme><grapheme>a</grapheme></lexeme></lexicon>", FT_EPARSE, "<alias>" },
        { ENGLISH "<lexeme><grapheme> </grapheme></lexeme></lexicon>", FT_EPARSE, "empty" },
        { ENGLISH "<word/></lexicon>", FT_EPARSE, "line 2" },
        { ENGLISH "<lexeme><b/></lexeme></lexicon>", FT_EPARSE, "<b>" },
        { ENGLISH "<lexeme><alias><b/></alias></lexeme></lexicon>", FT_EPARSE, "too deep" },
        { ENGLISH, FT_EPARSE, "line 2" },
        { ENGLISH "<lexeme><grapheme>a</grapheme><phoneme>Q☃</phoneme></lexeme></lexicon>",
          FT_EPARSE, "line 2" },
    };
    ft_lexicon *l;
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        EXPECT_ERR(rows[i].err, ft_lexicon_read(&l, &arena, ft_str_of(rows[i].text)));
        EXPECT_WHY(rows[i].why);
        EXPECT(!l);
    }
    ft_buf big = { 0 };
    ft_buf_add(&big, FT_STR(ENGLISH "<lexeme><grapheme>a</grapheme><alias>"));
    for (int i = 0; i <= FT_LEXICON_LEXEME_MAX; i++) ft_buf_byte(&big, 'x');
    ft_buf_add(&big, FT_STR("</alias></lexeme></lexicon>"));
    EXPECT_ERR(FT_ETOOBIG, ft_lexicon_read(&l, &arena, ft_buf_str(&big)));
    ft_buf_fini(&big);
    ft_arena_fini(&arena);
}

static void test_many(void **state) {
    (void)state;
    ft_buf text = { 0 };
    ft_lexicon *l = NULL;
    ft_buf_add(&text, FT_STR(ENGLISH));
    for (int i = 0; i < 700; i++)
        ft_buf_printf(&text, "<lexeme><grapheme>w%d</grapheme><alias>a%d</alias></lexeme>", i, i);
    ft_buf_add(&text, FT_STR("</lexicon>"));
    EXPECT_OK(ft_lexicon_read(&l, &arena, ft_buf_str(&text)));
    for (int i = 0; i < 700; i++) {
        char word[16], alias[16];
        snprintf(word, sizeof word, "w%d", i);
        snprintf(alias, sizeof alias, "a%d", i);
        EXPECT_STR(alias, ft_lexicon_find(l, ft_str_of(word))->alias);
    }
    EXPECT(!ft_lexicon_find(l, FT_STR("w700")));
    ft_buf_fini(&text);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_arena small = FT_ARENA_INIT(1 << 20);
        ft_lexicon *l;
        ft_err err = ft_lexicon_read(
            &l, &small,
            FT_STR(ENGLISH "<lexeme><grapheme>a</grapheme><alias>b</alias></lexeme></lexicon>"));
        EXPECT(err == FT_OK ? l != NULL : !l && (err == FT_ENOMEM || err == FT_EABSENT));
        ft_arena_fini(&small);
    }
}

TEST_MAIN(cmocka_unit_test(test_found), cmocka_unit_test(test_refused), cmocka_unit_test(test_many),
          cmocka_unit_test(test_faults))
