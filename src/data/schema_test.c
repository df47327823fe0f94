/* Schemas as JSON and back; dictionaries; missing markers. */
#include "data/dict.h"
#include "data/table_test.h"

static void test_dict(void **state) {
    ft_arena arena = { 0 };
    ft_dict d = { .arena = &arena };
    uint32_t code;
    char text[600];
    (void)state;
    EXPECT(ft_dict_find(&d, FT_STR("x")) == -1);
    for (uint32_t i = 0; i < 5000; i++) {
        int len = snprintf(text, sizeof text, "%*d", (int)(i % 7 == 0 ? 550 : 1), (int)i);
        EXPECT_OK(ft_dict_add(&code, &d, ft_str_n(text, (size_t)len)));
        EXPECT(code == i);
        EXPECT_OK(ft_dict_add(&code, &d, ft_str_n(text, (size_t)len)));
        EXPECT(code == i && d.count == i + 1);
    }
    EXPECT(ft_dict_find(&d, FT_STR("4999")) == 4999 && ft_dict_find(&d, FT_STR("5000")) == -1);
    EXPECT_OK(ft_dict_add(&code, &d, FT_STR("")));
    EXPECT(code == 5000 && ft_dict_find(&d, FT_STR("")) == 5000);
    ft_arena_fini(&arena);
}

static void schema_of(ft_buf *out, const char *text, const ft_table_opts *opts) {
    ft_table *t = test_table(text, opts);
    EXPECT_OK(ft_schema_write(out, t->schema));
    ft_table_free(t);
}

static void test_round_trip(void **state) {
    ft_table_opts opts = { .label = FT_STR("last") };
    ft_arena arena = { 0 };
    ft_buf text = { 0 }, again = { 0 };
    ft_schema *s;
    (void)state;
    schema_of(&text, "age,job,h,pay\n39,\"cl\"\"erk\",0.5,lo\n50,cook,1,hi\n", &opts);
    EXPECT_STR(
        "{\"version\":1,\"label\":\"pay\",\"named\":true,\"classes\":[\"hi\",\"lo\"],\"features\":["
        "{\"name\":\"age\",\"integer\":true},{\"name\":\"job\",\"categories\":[\"cl\\\"erk\","
        "\"cook\"]},{\"name\":\"h\"}]}",
        ft_buf_str(&text));
    EXPECT_OK(ft_schema_read(&s, &arena, ft_buf_str(&text)));
    EXPECT(s->feature_count == 3 && s->class_count == 2 && s->named);
    EXPECT(ft_feature_code(&s->features[1], FT_STR("cook")) == 1);
    EXPECT_OK(ft_schema_write(&again, s));
    EXPECT(ft_str_eq(ft_buf_str(&text), ft_buf_str(&again)));
    ft_buf_reset(&text);
    schema_of(&text, "1,2,3\n4,5,6.5\n", NULL);
    EXPECT_STR(
        "{\"version\":1,\"label\":\"\",\"named\":false,\"features\":[{\"integer\":true},{}]}",
        ft_buf_str(&text));
    EXPECT_OK(ft_schema_read(&s, &arena, ft_buf_str(&text)));
    EXPECT_STR("f1", s->features[1].name);
    ft_buf_fini(&text);
    ft_buf_fini(&again);
    ft_arena_fini(&arena);
}

static void test_bad_schemas(void **state) {
    static const char *const texts[][2] = {
        { "", "" },
        { "{}", "'features' is missing" },
        { "{\"features\":{}}", "" },
        { "{\"features\":[{\"categories\":[\"a\",\"a\"]}]}", "'a' stands twice" },
        { "{\"features\":[{\"name\":1}]}", "" },
        { "{\"version\":2,\"features\":[]}", "version 2" },
        { "{\"features\":[]} x", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ft_arena arena = { 0 };
        ft_schema *s;
        EXPECT_ERR(FT_EPARSE, ft_schema_read(&s, &arena, ft_str_of(texts[i][0])));
        EXPECT(s == NULL);
        EXPECT_WHY(texts[i][1]);
        ft_arena_fini(&arena);
    }
}

static void test_missing_words(void **state) {
    (void)state;
    EXPECT(ft_text_missing(FT_STR("")) && ft_text_missing(FT_STR("?")) &&
           ft_text_missing(FT_STR("NA")));
    EXPECT(ft_text_missing(FT_STR("#N/A N/A")) && ft_text_missing(FT_STR("null")));
    EXPECT(!ft_text_missing(FT_STR("None")) && !ft_text_missing(FT_STR("Na")) &&
           !ft_text_missing(FT_STR("0")) && !ft_text_missing(FT_STR("N")));
}

static void test_faults(void **state) {
    ft_str json =
        FT_STR("{\"label\":\"y\",\"classes\":[\"a\",\"b\"],\"features\":[{\"name\":\"x\"},"
               "{\"categories\":[\"c\",\"d\"]}]}");
    (void)state;
    EACH_FAULT {
        ft_arena arena = { 0 };
        ft_schema *s;
        ft_err err = ft_schema_read(&s, &arena, json);
        EXPECT(!err == !!s);
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_dict), cmocka_unit_test(test_round_trip),
          cmocka_unit_test(test_bad_schemas), cmocka_unit_test(test_missing_words),
          cmocka_unit_test(test_faults))
