/* target_test.c -- request targets taken apart, and hostile ones. */
#include "net/percent.h"
#include "net/target_in.h"

#include "base/buf.h"
#include "base/check.h"
#include "tests/test.h"

static ft_arena arena;

/* "path|segment|segment…|?query" */
static const char *parsed(const char *raw, size_t len) {
    static ft_buf out;
    ft_target t;
    ft_buf_reset(&out);
    if (ft_target_parse(&t, &arena, (ft_str){ raw, len }) != FT_OK) return "refused";
    ft_buf_add(&out, t.path);
    for (int i = 0; i < t.segment_count; i++) {
        ft_buf_byte(&out, '|');
        ft_buf_add(&out, t.segments[i]);
    }
    if (t.query.at) {
        ft_buf_add(&out, FT_STR("?"));
        ft_buf_add(&out, t.query);
    }
    return out.at;
}

static void test_paths(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        { "/", "/|" },
        { "/a", "/a|a" },
        { "/a/b", "/a/b|a|b" },
        { "/a/", "/a/|a|" },
        { "//a", "//a||a" },
        { "/a?x=1&y", "/a|a?x=1&y" },
        { "/a?", "/a|a?" },
        { "/a?b?c", "/a|a?b?c" },
        { "/a%20b/c", "/a b/c|a b|c" },
        { "/a%2Fb/c", "/a/b/c|a/b|c" }, /* an encoded slash does not part */
        { "/%2e%2E/x", "/../x|..|x" },  /* dots are names like others */
        { "/a%252Fb", "/a%2Fb|a%2Fb" }, /* decoded once */
        { "/caf%C3%A9", "/caf\xc3\xa9|caf\xc3\xa9" },
        { "/caf\xc3\xa9", "/caf\xc3\xa9|caf\xc3\xa9" },
        { "/a+b", "/a+b|a+b" },
        { "http://host:80/a?q", "/a|a?q" },
        { "https://host/a", "/a|a" },
        { "http://host", "/|" },
        { "/http://x", "/http://x|http:||x" },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        assert_string_equal(parsed(rows[i][0], strlen(rows[i][0])), rows[i][1]);
    ft_arena_fini(&arena);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = { "",     "a",      "*",       "/%",    "/%2",   "/%zz",
                                       "/%00", "/a%0",   "/a%2x",   "/a b",  "/a\tb", "/a\x01",
                                       "?x",   "ftp://", "host:80", "/\x7f", "/%%41", "/a%u0041" };
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        if (strcmp(parsed(bad[i], strlen(bad[i])), "refused") != 0) fail_msg("took '%s'", bad[i]);
        ft_err_clear();
    }
    assert_string_equal(parsed("/a\0b", 4), "refused");
    ft_arena_fini(&arena);
}

static void test_deep_paths(void **state) {
    (void)state;
    char raw[4000];
    ft_target t;
    for (size_t i = 0; i < sizeof raw; i++) raw[i] = i % 2 ? 'a' : '/';
    EXPECT_OK(ft_target_parse(&t, &arena, ft_str_n(raw, sizeof raw)));
    EXPECT(t.segment_count == FT_TARGET_SEGMENTS_MAX && t.deeper);
    EXPECT_OK(ft_target_parse(&t, &arena, ft_str_n(raw, 2 * FT_TARGET_SEGMENTS_MAX)));
    EXPECT(t.segment_count == FT_TARGET_SEGMENTS_MAX && !t.deeper);
    ft_arena_fini(&arena);
}

static void test_query(void **state) {
    (void)state;
    ft_str query = FT_STR("a=1&&b&=c&d==&e=%20+"), name, value;
    static const char *const want[][2] = {
        { "a", "1" }, { "b", "" }, { "", "c" }, { "d", "=" }, { "e", "%20+" }
    };
    for (size_t i = 0; i < FT_COUNT(want); i++) {
        EXPECT(ft_query_next(&query, &name, &value));
        EXPECT_STR(want[i][0], name);
        EXPECT_STR(want[i][1], value);
    }
    EXPECT(!ft_query_next(&query, &name, &value));
    EXPECT_OK(ft_percent_decode(&name, &arena, value, FT_PERCENT_FORM));
    EXPECT_STR("  ", name);
    EXPECT_OK(ft_percent_decode(&name, &arena, FT_STR("a+b"), 0));
    EXPECT_STR("a+b", name);
    EXPECT_ERR(FT_EPARSE, ft_percent_decode(&name, &arena, FT_STR("ab%4"), FT_PERCENT_FORM));
    EXPECT_WHY("bad escape '%4' at byte 3");
    EXPECT_ERR(FT_EPARSE, ft_percent_decode(&name, &arena, FT_STR("%00"), FT_PERCENT_FORM));
    ft_arena_fini(&arena);
}

static void test_every_fault(void **state) {
    (void)state;
    int failures = 0;
    EACH_FAULT {
        ft_target t;
        ft_arena own = FT_ARENA_INIT(0);
        ft_err err = ft_target_parse(&t, &own, FT_STR("/%41"));
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        failures += err != FT_OK;
        ft_arena_fini(&own);
    }
    EXPECT(failures == 1);
}

TEST_MAIN(cmocka_unit_test(test_paths), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_deep_paths), cmocka_unit_test(test_query),
          cmocka_unit_test(test_every_fault))
