/* percent_test.c -- escapes there and back, against Python's urllib; broken ones. */
#include "net/percent.h"

#include "tests/test.h"

static ft_arena arena;

static ft_str encoded(const char *text, const char *keep) {
    ft_str out;
    ft_buf buf = { 0 };
    EXPECT_OK(ft_percent_encode(&out, &arena, ft_str_of(text), keep));
    ft_percent_encode_to(&buf, ft_str_of(text), keep);
    EXPECT_OK(buf.err);
    EXPECT(ft_str_eq(out, ft_buf_str(&buf)));
    ft_buf_fini(&buf);
    return out;
}

static ft_str decoded(const char *text, int how) {
    ft_str out;
    EXPECT_OK(ft_percent_decode(&out, &arena, ft_str_of(text), how));
    return out;
}

static void test_encode(void **state) {
    (void)state;
    EXPECT_STR("a%20b%2Fc~d%2A", encoded("a b/c~d*", "")); /* urllib.parse.quote(…, safe="") */
    EXPECT_STR("a%20b/c~d*", encoded("a b/c~d*", "/*"));
    EXPECT_STR("%C3%A4%25%7F%01", encoded("ä%\x7f\x01", "/"));
    EXPECT(encoded("", "/").len == 0);
    char many[200], all[600];
    memset(many, '/', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    for (size_t i = 0; i + 1 < sizeof many; i++) memcpy(all + 3 * i, "%2F", 4);
    EXPECT_STR(all, encoded(many, ""));
}

static void test_decode(void **state) {
    ft_str out;
    static const char *const broken[] = { "%", "a%4", "%zz", "%4g", "%00", "%%41" };
    (void)state;
    EXPECT_STR("a+b c/", decoded("a+b%20c%2f", 0));
    EXPECT_STR("a b c", decoded("a+b%20c", FT_PERCENT_FORM));
    EXPECT_STR("%zz%4", decoded("%zz%4", FT_PERCENT_LENIENT));
    EXPECT_STR("%A", decoded("%%41", FT_PERCENT_LENIENT));
    EXPECT_STR("%00", decoded("%00", FT_PERCENT_LENIENT));
    EXPECT(decoded("x%00y", FT_PERCENT_NUL).len == 3);
    ft_str plain = FT_STR("plain");
    EXPECT_OK(ft_percent_decode(&out, &arena, plain, FT_PERCENT_FORM));
    EXPECT(out.at == plain.at && out.len == 5);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        EXPECT_ERR(FT_EPARSE, ft_percent_decode(&out, &arena, ft_str_of(broken[i]), 0));
    EXPECT_WHY("bad escape '%%4' at byte 1");
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_str out;
        if (ft_percent_encode(&out, &arena, FT_STR("a b"), "") == FT_OK)
            (void)ft_percent_decode(&out, &arena, out, 0);
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_encode), cmocka_unit_test(test_decode),
          cmocka_unit_test(test_faults))
