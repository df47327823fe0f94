/* answer_test.c -- answers in every shape that a predictor may give. */
#include <math.h>

#include "base/check.h"
#include "monitor/answer.h"
#include "tests/test.h"

typedef struct sample {
    const char *type, *body;
    size_t rows;
    double prediction, confidence; /* of the first row */
} sample;

static const sample samples[] = {
    { "text/csv", "0.0254", 1, 0.0254, NAN },
    { "text/csv; charset=utf-8", "9.0\n", 1, 9, NAN },
    { "text/csv", "0.1,0.7,0.2\n0.5,0.25,0.25\n", 2, 1, 0.7 },
    { "text/csv", "-1.5,3,2", 1, 1, NAN },
    { "text/csv", "1\r\n2\r\n3\r\n", 3, 1, NAN },
    { "text/csv", "", 0, 0, 0 },
    { "text/csv", "cat", 1, NAN, NAN },
    { "application/json", "[[14]]", 1, 14, NAN },
    { "application/json", "{\"predictions\":[{\"score\":0.5},{\"score\":0.1}]}", 2, 0.5, NAN },
    { "application/json", "{\"predictions\":[{\"score\":[0.2,0.8]}]}", 1, 1, 0.8 },
    { "application/json", "{\"predictions\":[{\"predicted_label\":3,\"score\":0.9}]}", 1, 3, NAN },
    { "application/json", "{\n \"predictions\": [3.5, 4.0, 5.5\n ]\n}", 3, 3.5, NAN },
    { "application/json", "[0.125, 0.25, 0.625]", 1, 2, 0.625 },
    { "application/json", "{\"score\":7}", 1, 7, NAN },
    { "application/json", "7", 1, 7, NAN },
    { "application/json", "[[0.2,0.8],[0.9,0.1]]", 2, 1, 0.8 },
    { "application/json", "[\"cat\"]", 1, NAN, NAN },
    { "application/json", "{\"a\":", 0, 0, 0 },
    { "application/json", "[1,", 1, 1, NAN },
    { "application/jsonlines", "{\"score\":1}\n{\"score\":2}\n", 2, 1, NAN },
    { "", "[[14]]", 1, 14, NAN },
    { "", "0.5", 1, 0.5, NAN },
};

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void test_shapes(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    for (size_t i = 0; i < FT_COUNT(samples); i++) {
        const sample *s = &samples[i];
        ft_payload p = { ft_str_of(s->type), ft_str_of(s->body) };
        ft_answer *rows;
        size_t count = 99;
        ft_arena_reset(&arena);
        EXPECT_OK(ft_answer_rows(&rows, &count, &p, &arena));
        if (count != s->rows) fail_msg("%s: %zu rows", s->body, count);
        if (!count) continue;
        if (!same(rows[0].prediction, s->prediction) || !same(rows[0].confidence, s->confidence))
            fail_msg("%s: %g, %g", s->body, rows[0].prediction, rows[0].confidence);
    }
    ft_arena_fini(&arena);
}

static void test_classes(void **state) {
    (void)state;
    EXPECT(ft_answer_class(FT_ANSWERS_NUMBER, &(ft_answer){ .prediction = 3 }) == -1);
    EXPECT(ft_answer_class(FT_ANSWERS_CLASSES, &(ft_answer){ .prediction = 3 }) == 3);
    EXPECT(ft_answer_class(FT_ANSWERS_CLASSES, &(ft_answer){ .prediction = -1 }) == -1);
    EXPECT(ft_answer_class(FT_ANSWERS_CLASSES, &(ft_answer){ .prediction = NAN }) == -1);
    EXPECT(ft_answer_class(FT_ANSWERS_CLASSES, &(ft_answer){ .prediction = 1e12 }) == -1);
    EXPECT(ft_answer_class(FT_ANSWERS_BINARY, &(ft_answer){ .prediction = 0.5 }) == 1);
    EXPECT(ft_answer_class(FT_ANSWERS_BINARY, &(ft_answer){ .prediction = 0.49 }) == 0);
}

static const char *objective; /* what the model below describes */
static size_t scores;
static void describe(const ft_model *m, ft_json_out *w) {
    (void)m;
    ft_json_out_name(w, "sizes");
    ft_json_out_array(w);
    ft_json_out_close(w);
    if (!objective) return;
    ft_json_out_name(w, "objective");
    ft_json_out_text(w, objective);
}
static size_t output_cols(const ft_model *m) {
    (void)m;
    return scores;
}

static void test_meaning(void **state) {
    (void)state;
    static const ft_predictor predictor = { .name = "told",
                                            .describe = describe,
                                            .output_cols = output_cols };
    ft_model m = { &predictor };
    static const struct {
        const char *objective;
        size_t scores;
        ft_answers want;
    } cases[] = {
        { "binary:logistic", 1, FT_ANSWERS_BINARY },
        { "binary:logitraw", 1, FT_ANSWERS_NUMBER },
        { "multi:softmax", 1, FT_ANSWERS_CLASSES },
        { "multi:softprob", 10, FT_ANSWERS_CLASSES },
        { "reg:squarederror", 1, FT_ANSWERS_NUMBER },
        { NULL, 10, FT_ANSWERS_CLASSES },
        { NULL, 1, FT_ANSWERS_NUMBER },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        objective = cases[i].objective;
        scores = cases[i].scores;
        EXPECT(ft_answers_of(&m) == cases[i].want);
    }
}

static void test_faults(void **state) {
    (void)state;
    ft_payload p = { FT_STR("application/json"), FT_STR("[[1],[2],[3],[4],[5],[6],[7],[8],[9]]") };
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_answer *rows;
        size_t count;
        ft_err err = ft_answer_rows(&rows, &count, &p, &arena);
        EXPECT(err == FT_ENOMEM || (err == FT_OK && count == 9));
        ft_arena_fini(&arena);
    }
}

/* The same scores as a predictor gives them and as its answer tells them. */
static void test_scores(void **state) {
    (void)state;
    static const float three[] = { 0.25F, 0.5F, 0.25F }, one[] = { 7 };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_answer *rows, a = ft_answer_of(three, 3);
    size_t count;
    EXPECT_OK(
        ft_answer_rows(&rows, &count, &(ft_payload){ .bytes = FT_STR("0.25,0.5,0.25\n") }, &arena));
    EXPECT(count == 1 && memcmp(&rows[0], &a, sizeof a) == 0);
    EXPECT(a.prediction == 1 && a.confidence == 0.5 && a.scores == 3);
    a = ft_answer_of(one, 1);
    EXPECT(a.prediction == 7 && isnan(a.confidence) && a.scores == 0);
    EXPECT(isnan(ft_answer_of(one, 0).prediction));
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_shapes), cmocka_unit_test(test_classes),
          cmocka_unit_test(test_meaning), cmocka_unit_test(test_faults),
          cmocka_unit_test(test_scores))
