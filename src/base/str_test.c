/* str_test.c -- views, UTF-8 and suggestions. */
#include "base/arena.h"
#include "tests/test.h"

static void test_compare_and_cut(void **state) {
    (void)state;
    ft_str s = FT_STR("a,b,,c");
    EXPECT_STR("a", ft_str_cut(&s, ','));
    EXPECT_STR("b", ft_str_cut(&s, ','));
    EXPECT_STR("", ft_str_cut(&s, ','));
    EXPECT_STR("c", ft_str_cut(&s, ','));
    EXPECT(s.at == NULL && s.len == 0);
    EXPECT(ft_str_ieq(FT_STR("ABc"), FT_STR("abC")) && !ft_str_ieq(FT_STR("ab"), FT_STR("abc")));
    EXPECT(ft_str_cmp(FT_STR("ab"), FT_STR("abc")) < 0);
    EXPECT(ft_str_cmp(FT_STR("b"), FT_STR("abc")) > 0);
    EXPECT(ft_str_cmp((ft_str){ 0 }, FT_STR("")) == 0);
    EXPECT(ft_str_starts(FT_STR("s3://x"), FT_STR("s3://")) &&
           !ft_str_starts(FT_STR("s"), FT_STR("s3")));
    EXPECT(ft_str_ends(FT_STR("a.csv"), FT_STR(".csv")) &&
           !ft_str_ends(FT_STR("v"), FT_STR("csv")));
    EXPECT_STR("b", ft_str_slice(FT_STR("abc"), 1, 1));
    EXPECT_STR("", ft_str_slice(FT_STR("abc"), 9, 1));
    EXPECT_STR("x y", ft_str_trim(FT_STR(" \t x y\r\n")));
    EXPECT_STR("", ft_str_trim(FT_STR("  ")));
}

static void test_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t valid;
    } row[] = {
        { "plain ascii of more than eight bytes", 36 },
        { "\xc3\xa9", 2 },
        { "\xe2\x82\xac", 3 },
        { "\xf0\x9f\x98\x80", 4 },
        { "\xf4\x8f\xbf\xbf", 4 },
        { "\xf4\x90\x80\x80", 0 }, /* past U+10FFFF */
        { "\xc0\x80", 0 },         /* overlong */
        { "\xe0\x9f\xbf", 0 },
        { "\xf0\x8f\xbf\xbf", 0 },
        { "\xed\xa0\x80", 0 }, /* a surrogate */
        { "ab\x80", 2 },
        { "ab\xe2\x82", 2 },
        { "12345678\xff", 8 },
        { "\xe2\x82\xac\xe2\x82\xac"
          "12345678901234567\xfe",
          23 },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        ft_str s = ft_str_of(row[i].text);
        EXPECT(ft_str_utf8_valid_len(s) == row[i].valid);
        EXPECT(ft_str_utf8(s) == (row[i].valid == s.len));
    }
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const names[] = { "eta", "gamma", "max_depth", "num_round", "subsample" };
    EXPECT(strcmp(ft_str_nearest(FT_STR("etta"), names, 5), "eta") == 0);
    EXPECT(strcmp(ft_str_nearest(FT_STR("max-depth"), names, 5), "max_depth") == 0);
    EXPECT(strcmp(ft_str_nearest(FT_STR("MaxDepth"), names, 5), "max_depth") == 0);
    EXPECT(strcmp(ft_str_nearest(FT_STR("num_rouund"), names, 5), "num_round") == 0);
    EXPECT(strcmp(ft_str_nearest(FT_STR("tea"), names, 5), "eta") == 0);
    EXPECT(ft_str_nearest(FT_STR("x"), names, 5) == NULL);
    EXPECT(ft_str_nearest(FT_STR("tree_method"), names, 5) == NULL);
    EXPECT(ft_str_nearest(FT_STR(""), names, 5) == NULL);
}

static void test_bool(void **state) {
    (void)state;
    bool v = false;
    EXPECT(ft_str_bool(&v, FT_STR("Yes")) && v);
    EXPECT(ft_str_bool(&v, FT_STR("0")) && !v);
    EXPECT(!ft_str_bool(&v, FT_STR("")) && !ft_str_bool(&v, FT_STR("2")));
}

static void test_prints_whole(void **state) {
    (void)state;
    static char text[10240];
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str out;
    memset(text, 'a', sizeof text); /* no NUL at its end */
    EXPECT_OK(ft_arena_printf(&out, &arena, "[%.*s]", FT_STR_ARG(ft_str_n(text, sizeof text))));
    EXPECT(out.len == sizeof text + 2 && out.at[sizeof text] == 'a' &&
           out.at[sizeof text + 1] == ']');
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_prints_whole), cmocka_unit_test(test_compare_and_cut),
          cmocka_unit_test(test_utf8), cmocka_unit_test(test_nearest), cmocka_unit_test(test_bool))
