/* json_test.c -- what is accepted, what is refused and with which words; pulling, skipping,
 * writing. */
#include "base/json.h"
#include "base/json_in.h"
#include "tests/test.h"

static ft_err skip_all(ft_str text) {
    ft_json j;
    ft_json_init(&j, text, NULL, NULL);
    ft_json_skip(&j, NULL);
    return ft_json_end(&j);
}

/* The ideas behind these rows are those of every JSON conformance list: RFC 8259, section by
 * section. */
static const char *const accepted[] = { "0",
                                        "-0",
                                        "1",
                                        "-1",
                                        "123456789012345678901234567890",
                                        "0.5",
                                        "-0.5",
                                        "1e5",
                                        "1E5",
                                        "1e+5",
                                        "1e-5",
                                        "1.5e300",
                                        "1e-400",
                                        "0e0",
                                        "0e+1",
                                        "20e1",
                                        "1.000000000000000005",
                                        "true",
                                        "false",
                                        "null",
                                        "\"\"",
                                        "\"a\"",
                                        "\" \"",
                                        "\"\\u0061\"",
                                        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                        "\"\\ud83d\\ude00\"",
                                        "\"\\uD83D\\uDE00\"",
                                        "\"\\u0000\"",
                                        "\"\xc3\xa9\"",
                                        "\"\xe2\x82\xac\"",
                                        "\"\xf0\x9f\x98\x80\"",
                                        "\"\x7f\"",
                                        "\"\xef\xbf\xbf\"",
                                        "\"\\uFFFF\"",
                                        "\"/\"",
                                        "[]",
                                        "[ ]",
                                        "[1]",
                                        "[1,2]",
                                        " [ 1 , 2 ] ",
                                        "[[]]",
                                        "[[],[]]",
                                        "{}",
                                        "{ }",
                                        "{\"a\":1}",
                                        "{\"a\":1,\"b\":2}",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"\":0}",
                                        "{\"a\":[]}",
                                        "{\"a\":{}}",
                                        "[{}]",
                                        "[{},{}]",
                                        "{\"\\u0061\":null}",
                                        "\t\n\r [ \t\n\r ] \t\n\r ",
                                        "[null,true,false,\"x\",1,{},[]]",
                                        "\xef\xbb\xbf{}",
                                        "{\"a\" : 1}",
                                        "[\n1\n,\n2\n]",
                                        "\"\\\\\"",
                                        "\"\\\\u0000\"",
                                        "[1e1,2E2]",
                                        "\"[{\"",
                                        "{\"a\":\"}\"}",
                                        "[-0.0]",
                                        "\"\xe2\x80\xa8\"" };

static void test_accepts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        ft_err err = skip_all(ft_str_of(accepted[i]));
        if (err) print_error("refused: %s\n", accepted[i]);
        EXPECT_OK(err);
    }
}

static const struct {
    const char *text, *why;
} refused[] = {
    { "", "byte 0): expected a value, found the end of the text" },
    { " ", "expected a value, found the end of the text" },
    { "[", "expected a value, found the end of the text" },
    { "{", "expected a member's name in quotes, found the end of the text" },
    { "]", "expected a value, found ']'" },
    { "}", "expected a value" },
    { "[1", "expected ',' or ']'" },
    { "[1,", "expected a value" },
    { "[1,]", "a comma stands before ']'" },
    { "[,1]", "expected a value, found ','" },
    { "[,]", "expected a value" },
    { "[1,,2]", "expected a value, found ','" },
    { "[1 2]", "expected ',' or ']', found '2'" },
    { "[1}", "expected ',' or ']', found '}'" },
    { "{]", "name in quotes, found ']'" },
    { "{\"a\"}", "':' after a member's name" },
    { "{\"a\":}", "expected a value" },
    { "{\"a\" 1}", "':' after a member's name" },
    { "{\"a\":1,}", "name in quotes, found '}'" },
    { "{\"a\":1 \"b\":2}", "expected ',' or '}'" },
    { "{a:1}", "name in quotes, found 'a'" },
    { "{'a':1}", "name in quotes" },
    { "{1:1}", "name in quotes" },
    { "{,}", "name in quotes" },
    { "{\"a\":1]", "expected ',' or '}'" },
    { "{\"a\"::1}", "expected a value, found ':'" },
    { "01", "must not begin with a zero" },
    { "-01", "must not begin with a zero" },
    { "00", "must not begin with a zero" },
    { "-", "expected a digit" },
    { "--1", "expected a digit" },
    { "+1", "expected a value, found '+'" },
    { ".5", "expected a value" },
    { "-.5", "expected a digit" },
    { "1.", "a digit after the decimal point" },
    { "1.e5", "a digit after the decimal point" },
    { "1e", "digit of the exponent" },
    { "1e+", "digit of the exponent" },
    { "1eE2", "digit of the exponent" },
    { "1.5.5", "nothing after the value" },
    { "0x10", "nothing after the value" },
    { "1_000", "nothing after the value" },
    { "1 000", "nothing after the value" },
    { "NaN", "expected a value" },
    { "Infinity", "expected a value" },
    { "-Infinity", "expected a digit" },
    { "nul", "expected a value" },
    { "nulll", "nothing after the value" },
    { "True", "expected a value" },
    { "tru", "expected a value" },
    { "truefalse", "nothing after the value" },
    { "undefined", "expected a value" },
    { "\"", "no closing quote" },
    { "\"a", "no closing quote" },
    { "\"\\\"", "no closing quote" },
    { "'a'", "expected a value" },
    { "\"\\x\"", "a backslash must be followed" },
    { "\"\\a\"", "a backslash must be followed" },
    { "\"\\", "a backslash must be followed" },
    { "\"\\u\"", "four hexadecimal digits" },
    { "\"\\u12\"", "four hexadecimal digits" },
    { "\"\\u12g4\"", "four hexadecimal digits" },
    { "\"\\u123", "four hexadecimal digits" },
    { "\"\\ud800\"", "surrogate pair" },
    { "\"\\udc00\"", "surrogate pair" },
    { "\"\\ud800\\u0061\"", "surrogate pair" },
    { "\"\\ud800\\ud800\"", "surrogate pair" },
    { "\"\\ud83d\\n\"", "surrogate pair" },
    { "\"\\ud83d\\ude0", "surrogate pair" },
    { "\"a\nb\"", "control character 0x0a" },
    { "\"\t\"", "control character 0x09" },
    { "\"\x1f\"", "control character 0x1f" },
    { "\"\x80\"", "byte 0x80 is not part of valid UTF-8" },
    { "\"\xc0\xaf\"", "not part of valid UTF-8" },
    { "\"\xed\xa0\x80\"", "not part of valid UTF-8" },
    { "\"\xf4\x90\x80\x80\"", "not part of valid UTF-8" },
    { "\"\xe2\x82\"", "not part of valid UTF-8" },
    { "\"\xff\"", "not part of valid UTF-8" },
    { "\xff", "expected a value, found byte 0xff" },
    { "[\x0c]", "expected a value, found byte 0x0c" },
    { "[\xc2\xa0]", "expected a value, found byte 0xc2" },
    { "// x\n1", "expected a value, found '/'" },
    { "1 // x", "nothing after the value" },
    { "[1]/**/", "nothing after the value" },
    { "[][]", "nothing after the value" },
    { "{}{}", "nothing after the value" },
    { "1 2", "nothing after the value" },
    { "\"a\" \"b\"", "nothing after the value" },
    { "[1]]", "nothing after the value, found ']'" },
    { "\xef\xbb\xbf\xef\xbb\xbf{}", "expected a value" },
    { "{\n  \"a\": 1,\n  \"b\": x\n}", "line 3, column 8 (byte 19): expected a value, found 'x'" },
    { "[\"\xc3\xa9\", ?]", "line 1, column 7 (byte 7): expected a value, found '?'" },
};

static void test_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ft_err err = skip_all(ft_str_of(refused[i].text));
        if (err != FT_EPARSE) print_error("accepted: %s\n", refused[i].text);
        EXPECT_ERR(FT_EPARSE, err);
        EXPECT_WHY(refused[i].why);
    }
    EXPECT_ERR(FT_EPARSE, skip_all(ft_str_n("1\0", 2)));
    EXPECT_ERR(FT_EPARSE, skip_all(ft_str_n("\"\0\"", 3)));
}

/* Every proper prefix of a text that ends in a bracket is refused, whatever is cut. */
static void test_truncated(void **state) {
    (void)state;
    const char text[] =
        "{\"a\":[1,-2.5e+3,\"\\ud83d\\ude00\xe2\x82\xac\",true,null],\"b\":{\"c\":{}}}";
    EXPECT_OK(skip_all(ft_str_of(text)));
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, text, len);
        EXPECT_ERR(FT_EPARSE, skip_all(ft_str_n(exact, len)));
        free(exact);
    }
}

static void test_depth_and_size(void **state) {
    (void)state;
    char text[600];
    ft_json j;
    for (int depth = FT_JSON_DEPTH_MAX; depth <= FT_JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        EXPECT_ERR(depth <= FT_JSON_DEPTH_MAX ? FT_OK : FT_EPARSE,
                   skip_all(ft_str_n(text, 2 * (size_t)depth)));
    }
    EXPECT_WHY("more than 128 levels");
    memset(text, '[', sizeof text);
    EXPECT_ERR(FT_EPARSE, skip_all(ft_str_n(text, sizeof text)));
    ft_json_init(&j, FT_STR("[[[1]]]"), NULL, &(ft_json_opts){ .depth_max = 2 });
    EXPECT_ERR(FT_EPARSE, ft_json_skip(&j, NULL));
    ft_json_init(&j, FT_STR("[1]"), NULL, &(ft_json_opts){ .size_limit_bytes = 2, .name = "body" });
    EXPECT_ERR(FT_ETOOBIG, ft_json_enter_array(&j));
    EXPECT_WHY("body: 3 bytes, the limit is 2");
}

static void test_pull(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_json j;
    ft_str name, text;
    double eta = 0;
    int64_t big = 0;
    uint64_t bigger = 0;
    bool flag = false;
    ft_json_kind kind;
    int items = 0, members = 0;
    ft_json_init(
        &j,
        FT_STR("{\"eta\": 0.1, \"\\u006eame\": \"a\\n\\u20ac\\ud83d\\ude00\", \"skip\":"
               " [{}, [1]], \"big\": -9223372036854775808, \"bigger\":"
               " 18446744073709551615, \"list\": [true, null, 7], \"unread\": {\"x\": 1}}"),
        &arena, NULL);
    EXPECT_OK(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        members++;
        if (ft_str_is(name, "eta")) {
            EXPECT_OK(ft_json_f64(&j, &eta));
        } else if (ft_str_is(name, "name")) {
            EXPECT_OK(ft_json_string(&j, &text));
            EXPECT_STR("a\n\xe2\x82\xac\xf0\x9f\x98\x80", text);
        } else if (ft_str_is(name, "skip")) {
            EXPECT_OK(ft_json_skip(&j, &text));
            EXPECT_STR("[{}, [1]]", text);
        } else if (ft_str_is(name, "big")) {
            EXPECT_OK(ft_json_i64(&j, &big));
        } else if (ft_str_is(name, "bigger")) {
            EXPECT_OK(ft_json_u64(&j, &bigger));
        } else if (ft_str_is(name, "list")) {
            EXPECT_OK(ft_json_enter_array(&j));
            while (ft_json_next_item(&j)) {
                EXPECT_OK(ft_json_peek(&j, &kind));
                if (kind == FT_JSON_BOOL)
                    EXPECT_OK(ft_json_bool(&j, &flag));
                else if (kind == FT_JSON_NULL)
                    EXPECT_OK(ft_json_null(&j));
                items++; /* the number is left unread */
            }
        }
    }
    EXPECT_OK(ft_json_end(&j));
    EXPECT(eta == 0.1 && big == INT64_MIN && bigger == UINT64_MAX && flag);
    EXPECT(items == 3 && members == 7);
    ft_arena_fini(&arena);
}

static void test_wrong_kinds(void **state) {
    (void)state;
    ft_json j;
    double f;
    int64_t i;
    ft_str s;
    ft_json_init(&j, FT_STR("\"x\""), NULL, &(ft_json_opts){ .name = "model.json" });
    EXPECT_ERR(FT_EPARSE, ft_json_f64(&j, &f));
    EXPECT_WHY("model.json: line 1, column 1 (byte 0): expected a number, found a string");
    EXPECT_ERR(FT_EPARSE, ft_json_string(&j, &s)); /* sticky */
    EXPECT_ERR(FT_EPARSE, ft_json_end(&j));
    static const char *const not_i64[] = { "1.0", "1e2", "9223372036854775808", "true" };
    for (int k = 0; k < 4; k++) {
        ft_json_init(&j, ft_str_of(not_i64[k]), NULL, NULL);
        EXPECT_ERR(FT_EPARSE, ft_json_i64(&j, &i));
    }
    ft_json_init(&j, FT_STR("1e999"), NULL, NULL);
    EXPECT_ERR(FT_EPARSE, ft_json_f64(&j, &f));
    EXPECT_WHY("1e999 is too large for a double");
    ft_json_init(&j, FT_STR("{\"eta\": 7}"), NULL, NULL);
    EXPECT_OK(ft_json_enter_object(&j));
    EXPECT(ft_json_next_member(&j, &s));
    EXPECT_OK(ft_json_f64(&j, &f));
    EXPECT_ERR(FT_EPARSE, ft_json_fail(&j, "%.*s must be below 1", FT_STR_ARG(s)));
    EXPECT_WHY("JSON: line 1, column 9 (byte 8): eta must be below 1");
    EXPECT(!ft_json_next_member(&j, &s));
}

static void test_nan(void **state) {
    (void)state;
    ft_json j;
    double v[3];
    ft_json_init(&j, FT_STR("[NaN, Infinity, -Infinity]"), NULL,
                 &(ft_json_opts){ .allow_nan = true });
    EXPECT_OK(ft_json_enter_array(&j));
    for (int i = 0; ft_json_next_item(&j); i++) EXPECT_OK(ft_json_f64(&j, &v[i]));
    EXPECT_OK(ft_json_end(&j));
    EXPECT(v[0] != v[0] && v[1] > 1e308 && v[2] < -1e308);
}

static void test_find(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text = FT_STR("{\"a\":{\"b\":[10,{\"c\":\"x\"}]},\"d.e\":1,\"\\u0066\":2}"), raw;
    EXPECT_OK(ft_json_find(&raw, text, "a.b.1.c"));
    EXPECT_STR("\"x\"", raw);
    EXPECT_OK(ft_json_find(&raw, text, "a.b.0"));
    EXPECT_STR("10", raw);
    EXPECT_OK(ft_json_find(&raw, text, "f"));
    EXPECT_STR("2", raw);
    EXPECT_ERR(FT_ENOTFOUND, ft_json_find(&raw, text, "a.x"));
    EXPECT_ERR(FT_ENOTFOUND, ft_json_find(&raw, text, "a.b.2"));
    EXPECT_ERR(FT_ENOTFOUND, ft_json_find(&raw, text, "a.b.c"));
    EXPECT_ERR(FT_ENOTFOUND, ft_json_find(&raw, text, "a.b.0.c"));
    EXPECT_ERR(FT_EPARSE, ft_json_find(&raw, FT_STR("{\"a\":"), "a.x"));
    static const char doc[] =
        "{\"s\":\"a\\u0041\\n\",\"n\":-1.50,\"t\":true,\"z\":null,\"o\":{\"e\":\"\"},"
        "\"l\":[1],\"bad\":\"\\x\"";
    EXPECT_STR("aA\n", ft_json_find_text(&arena, ft_str_of(doc), "s"));
    EXPECT_STR("-1.50", ft_json_find_text(&arena, ft_str_of(doc), "n"));
    EXPECT_STR("true", ft_json_find_text(&arena, ft_str_of(doc), "t"));
    EXPECT_STR("1", ft_json_find_text(&arena, ft_str_of(doc), "l.0"));
    ft_str empty = ft_json_find_text(&arena, ft_str_of(doc), "o.e");
    EXPECT(empty.at && !empty.len);
    static const char *const none[] = { "z", "o", "l", "absent", "s.x", "bad" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        EXPECT(!ft_json_find_text(&arena, ft_str_of(doc), none[i]).at);
    ft_arena_fini(&arena);
}

static void write_sample(ft_buf *buf, bool pretty) {
    ft_json_out w;
    ft_json_out_init(&w, buf, pretty);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "a");
    ft_json_out_array(&w);
    ft_json_out_i64(&w, INT64_MIN);
    ft_json_out_f64(&w, 0.1);
    ft_json_out_f64(&w, 0.0 / 0.0);
    ft_json_out_array(&w);
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_json_out_name_str(&w, FT_STR("b\"\\"));
    ft_json_out_str(&w, FT_STR("\x01\n\t\"\xe2\x82\xac/"));
    ft_json_out_name(&w, "c");
    ft_json_out_text(&w, NULL);
    ft_json_out_name(&w, "d");
    ft_json_out_bool(&w, true);
    ft_json_out_name(&w, "e");
    ft_json_out_raw(&w, FT_STR("{\"x\":1}"));
    ft_json_out_close(&w);
}

static void test_write(void **state) {
    (void)state;
    ft_buf buf = { 0 };
    write_sample(&buf, false);
    EXPECT_OK(buf.err);
    EXPECT_STR("{\"a\":[-9223372036854775808,0.1,null,[]],\"b\\\"\\\\\":\"\\u0001\\n\\t\\\""
               "\xe2\x82\xac/\",\"c\":null,\"d\":true,\"e\":{\"x\":1}}",
               ft_buf_str(&buf));
    EXPECT_OK(skip_all(ft_buf_str(&buf)));
    ft_buf_reset(&buf);
    write_sample(&buf, true);
    EXPECT_OK(skip_all(ft_buf_str(&buf)));
    EXPECT(strstr(buf.at,
                  "{\n  \"a\": [\n    -9223372036854775808,\n    0.1,\n    null,\n    []\n  ],"));
    ft_buf_fini(&buf);
    int rounds = 0;
    EACH_FAULT {
        ft_buf faulty = { 0 };
        write_sample(&faulty, true);
        EXPECT(faulty.err == FT_OK || faulty.err == FT_ENOMEM);
        ft_buf_fini(&faulty);
        rounds++;
    }
    EXPECT(rounds > 1);
}

static void test_quote_of_anything(void **state) {
    (void)state;
    ft_buf buf = { 0 };
    EXPECT_OK(ft_json_quote(&buf, FT_STR("a\xff\xe2\x82z\x80")));
    EXPECT_STR("\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\"", ft_buf_str(&buf));
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 3000; round++) {
        char bytes[100];
        size_t len = (size_t)round % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            bytes[i] = (char)(round & 1 ? seed >> 33 : (seed >> 33) % 0x60 + 0x1e);
        }
        ft_arena arena = FT_ARENA_INIT(0);
        ft_json j;
        ft_str back;
        ft_buf_reset(&buf);
        EXPECT_OK(ft_json_quote(&buf, ft_str_n(bytes, len)));
        ft_json_init(&j, ft_buf_str(&buf), &arena, NULL);
        EXPECT_OK(ft_json_string(&j, &back));
        EXPECT_OK(ft_json_end(&j));
        if (ft_str_utf8(ft_str_n(bytes, len))) EXPECT(ft_str_eq(back, ft_str_n(bytes, len)));
        bool high = false, high_plain = false;
        EXPECT(ft_json_scan(bytes, len, &high) == ft_json_scan_plain(bytes, len, &high_plain));
        EXPECT(high == high_plain);
        ft_arena_fini(&arena);
    }
    ft_buf_fini(&buf);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_json j;
        ft_str s;
        ft_json_init(&j, FT_STR("\"a\\nb\""), &arena, NULL);
        ft_err err = ft_json_string(&j, &s);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        EXPECT_ERR(err, ft_json_end(&j));
        ft_arena_fini(&arena);
        rounds++;
    }
    EXPECT(rounds == 2);
    ft_json j;
    ft_str s;
    ft_json_init(&j, FT_STR("\"a\\nb\""), NULL, NULL);
    EXPECT_ERR(FT_EUNSUPPORTED, ft_json_string(&j, &s));
}

TEST_MAIN(cmocka_unit_test(test_accepts), cmocka_unit_test(test_refuses),
          cmocka_unit_test(test_truncated), cmocka_unit_test(test_depth_and_size),
          cmocka_unit_test(test_pull), cmocka_unit_test(test_wrong_kinds),
          cmocka_unit_test(test_nan), cmocka_unit_test(test_find), cmocka_unit_test(test_write),
          cmocka_unit_test(test_quote_of_anything), cmocka_unit_test(test_every_fault))
