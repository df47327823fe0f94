/* traffic_test.c -- bodies as rows of cells. */
#include "base/check.h"
#include "monitor/traffic.h"
#include "tests/test.h"

typedef struct seen {
    ft_buf text; /* cells by '|', rows by '/'; missing as '.' */
} seen;

static ft_err on_row(void *ctx, const ft_str *cells, size_t count) {
    seen *s = ctx;
    if (s->text.len) ft_buf_byte(&s->text, '/');
    for (size_t i = 0; i < count; i++) {
        if (i) ft_buf_byte(&s->text, '|');
        ft_buf_add(&s->text, cells[i].at ? cells[i] : FT_STR("."));
    }
    return s->text.err;
}

static const struct {
    const char *type, *body, *want;
} good[] = {
    { "text/csv", "1,2,3", "1|2|3" },
    { "text/csv", "1, 2 ,3\r\n4,5,6\r\n\r\n", "1|2|3/4|5|6" },
    { "text/csv", "1,,nan,NA,?", "1|.|.|.|." },
    { "text/csv", "1,2,", "1|2|." },
    { "text/csv", "\"a, b\",\"say \"\"x\"\"\",3", "a, b|say \"x\"|3" },
    { "text/csv", "1,\"\",3", "1|.|3" },
    { "text/csv", "1,2,\"x\"", "1|2|x" },
    { "text/csv; charset=utf-8", "x", "x" },
    { "", "1,2", "1|2" },
    { "", " [[1,2],[3,4]]", "1|2/3|4" },
    { "application/json", "[1,2.50,null,\"cat\",true]", "1|2.50|.|cat|true" },
    { "application/json", "{\"instances\":[[1,2],[3,4]]}", "1|2/3|4" },
    { "application/json", "{\"instances\":[{\"features\":[1,2]},{\"features\":[3]}]}", "1|2/3" },
    { "application/json", "{\"data\":[[\"a\\nb\"]],\"more\":{\"x\":1}}", "a\nb" },
    { "application/json", "{\"instances\": [1.0, 2.0, 5.0]}", "1.0|2.0|5.0" },
    { "application/jsonlines", "[1,2]\n{\"features\":[3,4]}\n", "1|2/3|4" },
    { "application/json", "[]", "" },
};

static const struct {
    const char *type, *body;
    ft_err err;
} bad[] = {
    { "text/csv", "1,\"open", FT_EPARSE },
    { "text/csv", "\"a\"b,2", FT_EPARSE },
    { "application/json", "[1,", FT_EPARSE },
    { "application/json", "{\"x\":1}", FT_EPARSE },
    { "application/json", "5", FT_EPARSE },
    { "application/json", "[1] 2", FT_EPARSE },
    { "application/json", "{\"data\":{}}", FT_EPARSE },
    { "image/png", "x", FT_EMEDIA },
};

static void test_shapes(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    for (size_t i = 0; i < FT_COUNT(good); i++) {
        seen s = { 0 };
        ft_payload p = { ft_str_of(good[i].type), ft_str_of(good[i].body) };
        ft_arena_reset(&arena);
        EXPECT_OK(ft_traffic_read(&p, NULL, &arena, on_row, &s));
        EXPECT_STR(good[i].want, ft_buf_str(&s.text));
        ft_buf_fini(&s.text);
    }
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        seen s = { 0 };
        ft_payload p = { ft_str_of(bad[i].type), ft_str_of(bad[i].body) };
        ft_arena_reset(&arena);
        EXPECT_ERR(bad[i].err, ft_traffic_read(&p, NULL, &arena, on_row, &s));
        ft_buf_fini(&s.text);
    }
    ft_arena_fini(&arena);
}

static void test_other_types(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str colours[] = { FT_STR("red"), FT_STR("green") };
    ft_feature features[] = {
        { .name = FT_STR("n") },
        { .name = FT_STR("c"), .is_category = true, .categories = colours, .category_count = 2 }
    };
    ft_schema schema = { .feature_count = 2, .features = features };
    seen s = { 0 };
    ft_payload p = { FT_STR("text/libsvm"), FT_STR("0:1.5 1:1\n0:2 1:0\n") };
    EXPECT_OK(ft_traffic_read(&p, &schema, &arena, on_row, &s));
    EXPECT_STR("1.5|green/2|red", ft_buf_str(&s.text));
    ft_buf_fini(&s.text);
    ft_arena_fini(&arena);
}

static void test_many_cells_and_faults(void **state) {
    (void)state;
    ft_buf body = { 0 };
    for (int i = 0; i < 1000; i++) ft_buf_printf(&body, "%s%d", i ? "," : "", i);
    EXPECT_OK(body.err);
    ft_payload p = { FT_STR("text/csv"), ft_buf_str(&body) };
    size_t rounds = 0;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        seen s = { 0 };
        ft_err err = ft_traffic_read(&p, NULL, &arena, on_row, &s);
        ft_fault_off();
        EXPECT(err == FT_OK ? s.text.len == body.len : err == FT_ENOMEM);
        ft_buf_fini(&s.text);
        ft_arena_fini(&arena);
        rounds++;
    }
    EXPECT(rounds > 1);
    ft_buf_fini(&body);
}

TEST_MAIN(cmocka_unit_test(test_shapes), cmocka_unit_test(test_other_types),
          cmocka_unit_test(test_many_cells_and_faults))
