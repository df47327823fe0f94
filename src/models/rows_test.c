/* Request bodies and answers. The forms are those of SageMaker's XGBoost container (formats.md 3.5,
 * 3.6) and of its common inference formats. */
#include "models/rows.h"

#include <math.h>
#include <time.h>

#include "data/npy.h"
#include "tests/test.h"

static ft_arena arena;

/* A model of three columns: a number, a category, a number. */
static const ft_schema *schema(void) {
    static ft_schema *s;
    static ft_arena keep;
    if (!s)
        EXPECT_OK(
            ft_schema_read(&s, &keep,
                           FT_STR("{\"label\":\"pay\",\"named\":true,\"features\":[{\"name\":"
                                  "\"age\"},{\"name\":\"job\",\"categories\":[\"clerk\",\"cook\","
                                  "\"7\",\"true\"]},{\"name\":\"h\"}]}")));
    return s;
}

static ft_err parse(ft_matrix *out, const char *type, const char *body, const ft_schema *s,
                    size_t cols) {
    ft_payload in = { ft_str_of(type), ft_str_of(body) };
    ft_arena_reset(&arena);
    return ft_rows_parse(out, &in, s, cols, &arena);
}

/* Every body is the rows 1 2 3 and 4 nan 6 for a model of three columns. */
static void test_same_rows(void **state) {
    static const char *const bodies[][2] = {
        { "text/csv", "1,2,3\n4,,6" },
        { "text/csv", "1,2,3\r\n4,nan,6\r\n" },
        { "Text/CSV; charset=utf-8", "\n1, 2 ,3\n\n4,?,6\n\n" },
        { "text/csv", "\"1\",\"2\",3,\n4,\"\",6.0e0,\n" },
        { "text/csv", "\xef\xbb\xbf"
                      "1;2;3\n4;;6\n" },
        { "text/tab-separated-values", "1\t2\t3\n4\t\t6" },
        { "", "1,2,3\n4,,6" },
        { "", " {\"instances\": [[1,2,3],[4,null,6]]}" },
        { "", "0:1 1:2 2:3\n0:4 2:6\n" },
        { "application/x-www-form-urlencoded", "1,2,3\n4,,6" },
        { "application/json",
          "{\"instances\":[{\"features\":[1,2,3]},{\"features\":[4,null,6]}]}" },
        { "application/json", "{\"data\":[[1,2,3],[4,\"\",6]]}" },
        { "application/json", "[[1,\"2\",3.0],[4e0,\"nan\",6]]" },
        { "application/json",
          "{\"configuration\":{},\"instances\":[{\"data\":{\"features\":{\"values\":[1,2,3]}}},"
          "{\"data\":{\"features\":{\"values\":[4,null,6],\"shape\":[3]}}}]}" },
        { "application/json", "{\"instances\":[{\"data\":{\"features\":{\"keys\":[2,1,0],\"shape\":"
                              "[3],\"values\":[3,2,1]}}},"
                              "{\"features\":{\"shape\":[3],\"values\":[4,6],\"keys\":[0,2]}}]}" },
        { "application/jsonlines", "[1,2,3]\n\n{\"features\":[4,null,6]}\n" },
        { "application/x-jsonlines; x=y",
          "{\"data\":{\"features\":{\"values\":[1,2,3]}}}\n[4,null,6]" },
        { "text/libsvm", "1 0:1 1:2 2:3\n-1 2:6 0:4\n" },
        { "text/x-libsvm", "0:1\t1:2 2:3\r\n0 qid:7 0:4 1:nan 2:6" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        ft_matrix m;
        for (size_t cols = 0; cols <= 3; cols += 3) {
            bool width =
                strstr(bodies[i][1], "keys") || strstr(bodies[i][1], "6.0e0,"); /* needed */
            if (cols == 0 && width) continue;
            if (parse(&m, bodies[i][0], bodies[i][1], NULL, cols))
                fail_msg("%s: %s", bodies[i][1], ft_err_why());
            if (m.rows != 2 || m.cols != 3 || m.at[0] != 1 || m.at[1] != 2 || m.at[2] != 3 ||
                m.at[3] != 4 || !isnan(m.at[4]) || m.at[5] != 6)
                fail_msg("%s: read wrongly", bodies[i][1]);
        }
    }
}

static void test_one_row(void **state) {
    static const char *const bodies[][2] = {
        { "application/json", "[1,2,3]" },
        { "application/json", "{\"features\":[1,2,3]}" },
        { "application/json", "{\"data\":[1,2,3]}" },
        { "application/json", "{\"instances\":[[1,2,3]]}" },
        { "application/json", "{\"x\":1,\"values\":[1,2,3]}" },
        { "text/csv", "1,2,3" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        ft_matrix m;
        EXPECT_OK(parse(&m, bodies[i][0], bodies[i][1], NULL, 3));
        EXPECT(m.rows == 1 && m.cols == 3 && m.at[2] == 3);
    }
}

static void test_categories(void **state) {
    ft_matrix m;
    (void)state;
    EXPECT_OK(
        parse(&m, "text/csv", "39, cook ,1\n,\"clerk\",2\n5,unheard of,3\n5,7,1\n", schema(), 3));
    EXPECT(m.rows == 4 && m.at[1] == 1 && isnan(m.at[3]) && m.at[4] == 0 && isnan(m.at[7]) &&
           m.at[10] == 2);
    EXPECT_OK(parse(&m, "application/json", "[[39,\"cook\",1],[1,7,2],[1,true,0]]", schema(), 3));
    EXPECT(m.at[1] == 1 && m.at[4] == 2 && m.at[7] == 3 && m.at[8] == 0);
    EXPECT_OK(parse(&m, "application/json",
                    "{\"instances\":[{\"job\":\"cook\",\"age\":39,\"pay\":\"?\"},{\"h\":1}]}",
                    schema(), 3));
    EXPECT(m.rows == 2 && m.at[0] == 39 && m.at[1] == 1 && isnan(m.at[2]) && m.at[5] == 1);
    EXPECT_OK(parse(&m, "application/jsonlines", "{\"h\":1}\n{\"age\":2}", schema(), 3));
    EXPECT(m.rows == 2 && m.at[2] == 1 && m.at[3] == 2);
    EXPECT_ERR(FT_EPARSE, parse(&m, "text/csv", "cook,39,1", schema(), 3));
    EXPECT_WHY("row 1, column 1: expected a number, found 'cook'");
    EXPECT_ERR(FT_EINVAL, parse(&m, "application/json", "{\"agee\":1}", schema(), 3));
    EXPECT_WHY("row 1: the model has no feature 'agee'");
}

static void refused(ft_err code, const char *words, const char *type, const char *body) {
    ft_matrix m;
    if (parse(&m, type, body, NULL, 3) != code || !strstr(ft_err_why(), words))
        fail_msg("'%s' %s: %s", type, body, ft_err_why());
    EXPECT(m.at == NULL && m.rows == 0);
}

static void test_refused(void **state) {
    (void)state;
    refused(FT_EPARSE, "the body has no rows", "text/csv", "");
    refused(FT_EPARSE, "the body has no rows", "", "\n \n");
    refused(FT_EPARSE, "the body has no rows", "application/json", "[]");
    refused(FT_EPARSE, "the body has no rows", "application/json", "{\"instances\":[]}");
    refused(FT_EPARSE, "row 2, column 2: expected a number, found 'x'", "text/csv", "1,2,3\n1,x,3");
    refused(FT_EPARSE, "row 1, column 3: expected a finite number, found '-inf'", "text/csv",
            "1,2,-inf");
    refused(FT_EPARSE, "expected a finite number, found '1e99'", "text/csv", "1,2,1e99");
    refused(FT_EINVAL, "row 1 has 2 columns, the model takes 3", "text/csv", "1,2\n");
    refused(FT_EINVAL, "row 2 has 5 columns", "text/csv", "1,2,3\n1,2,3,4,5\n");
    refused(FT_EINVAL, "row 1 has 4 columns", "text/csv", "1,2,3,x\n");
    refused(FT_EPARSE, "row 1, column 2: a quote is never closed", "text/csv", "1,\"2,3");
    refused(FT_EPARSE, "row 1, column 2: text follows a closing quote", "text/csv", "1,\"2\"z,3");
    refused(FT_EINVAL, "row 2 has 2 columns", "application/json", "[[1,2,3],[1,2]]");
    refused(FT_EINVAL, "row 1 has 4 columns", "application/json", "[1,2,3,4]");
    refused(FT_EPARSE, "row 1, column 2: expected a number, found 'x'", "application/json",
            "[1,\"x\",3]");
    refused(FT_EPARSE, "row 1, column 2: expected a number, found a list", "application/json",
            "[[1,[2],3]]");
    refused(FT_EPARSE, "expected a finite number", "application/json", "[1,1e40,3]");
    refused(FT_EPARSE, "body", "application/json", "[[1,2,3]");
    refused(FT_EPARSE, "body", "application/json", "[[1,2,3]] x");
    refused(FT_EPARSE, "expected \"instances\"", "application/json", "{\"a\":1}");
    refused(FT_EPARSE, "expected a list or an object", "application/json", "7");
    refused(FT_EPARSE, "lists deeper than", "application/json",
            "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
    refused(FT_EPARSE, "beside another member", "application/json",
            "{\"features\":[1,2,3],\"data\":[1,2,3]}");
    refused(FT_EPARSE, "row 1: expected index:value, found 'a:1'", "text/libsvm", "a:1");
    refused(FT_EINVAL, "row 1 has index 3, the model takes 0 to 2", "text/libsvm", "0:1 3:1");
    refused(FT_ETOOBIG, "is beyond", "text/libsvm", "1099511627776:1");
    refused(FT_EINVAL, "key 9", "application/json", "{\"keys\":[9],\"values\":[1]}");
    refused(FT_EMEDIA, "content type 'image/png' is not read here", "image/png", "1,2,3");
}

/* Bodies with NUL bytes in them. */
static void test_binary(void **state) {
    static const char recordio[] =
        "\x0a\x23\xd7\xce\x2d\0\0\0\x0a\x1a\x0a\x06values\x12\x10\x12\x0e\x0a\x0c"
        "\0\0\xc0\x3f\0\0\0\x40\0\0\x40\xc0\x12\x0f\x0a\x06values\x12\x05\x3a\x03\x0a\x01\x07\0\0\0"
        "\x0a\x23\xd7\xce\x2e\0\0\0\x0a\x18\x0a\x06values\x12\x0e\x12\x0c\x0a\x04\0\0\xa0\x40\x12"
        "\x01"
        "\x02\x1a\x01\x03\x12\x12\x0a\x06values\x12\x08\x12\x06\x0a\x04\0\0\x80\x3f\0\0";
    float values[] = { 1, 2, 3, 4, 5, 6 };
    ft_array a = { FT_F32, 2, { 2, 3 }, values };
    ft_buf npy = { 0 };
    ft_matrix m;
    ft_payload in = { FT_STR("application/x-recordio-protobuf"),
                      ft_str_n(recordio, sizeof recordio - 1) };
    (void)state;
    for (int guess = 0; guess < 2; guess++) {
        ft_arena_reset(&arena);
        EXPECT_OK(ft_rows_parse(&m, &in, NULL, 3, &arena));
        EXPECT(m.rows == 2 && m.at[0] == 1.5f && m.at[2] == -3 && isnan(m.at[3]) && m.at[5] == 5);
        in.content_type = FT_STR("");
    }
    EXPECT_ERR(FT_EINVAL, ft_rows_parse(&m, &in, NULL, 2, &arena));
    in.bytes.len -= 40;
    EXPECT_ERR(FT_ECORRUPT, ft_rows_parse(&m, &in, NULL, 3, &arena));
    EXPECT_OK(ft_npy_write(&npy, &a));
    in = (ft_payload){ FT_STR("application/x-npy"), ft_buf_str(&npy) };
    EXPECT_OK(ft_rows_parse(&m, &in, NULL, 3, &arena));
    EXPECT(m.rows == 2 && m.cols == 3 && m.at[5] == 6);
    in.content_type = FT_STR("");
    EXPECT_ERR(FT_EINVAL, ft_rows_parse(&m, &in, NULL, 4, &arena));
    EXPECT_WHY("row 1 has 3 columns, the model takes 4");
    ft_buf_reset(&npy);
    a = (ft_array){ FT_F32, 1, { 3 }, values };
    EXPECT_OK(ft_npy_write(&npy, &a));
    in.bytes = ft_buf_str(&npy);
    EXPECT_OK(ft_rows_parse(&m, &in, NULL, 3, &arena));
    EXPECT(m.rows == 1 && m.at[2] == 3);
    ft_buf_fini(&npy);
}

static void answer_is(const char *accept, size_t rows, size_t cols, const char *type,
                      const char *body) {
    static const float scores[] = { 0.5f, 3, -1e-7f, NAN, 1e20f, 0.0254000034f };
    ft_payload out;
    ft_arena_reset(&arena);
    EXPECT_OK(ft_rows_answer(&out, scores, rows, cols, ft_str_of(accept), &arena));
    EXPECT_STR(type, out.content_type);
    EXPECT_STR(body, out.bytes);
}

static void test_answers(void **state) {
    static const char csv[] = "text/csv; charset=utf-8";
    (void)state;
    answer_is("", 1, 1, csv, "0.5");
    answer_is("*/*", 3, 1, csv, "0.5\n3.0\n-1e-07");
    answer_is("text/csv", 2, 3, csv, "0.5,3.0,-1e-07\nnan,1e+20,0.025400003");
    answer_is("application/json", 2, 1, "application/json",
              "{\"predictions\":[{\"score\":0.5},{\"score\":3.0}]}");
    answer_is("application/json", 2, 2, "application/json",
              "{\"predictions\":[{\"score\":[0.5,3.0]},{\"score\":[-1e-07,null]}]}");
    answer_is("application/jsonlines", 2, 1, "application/jsonlines",
              "{\"score\":0.5}\n{\"score\":3.0}\n");
    answer_is("text/html, application/json;q=0.9, */*;q=0.1", 1, 1, "application/json",
              "{\"predictions\":[{\"score\":0.5}]}");
    answer_is("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", 1, 1, csv, "0.5");
    answer_is("application/*", 1, 1, "application/json", "{\"predictions\":[{\"score\":0.5}]}");
    answer_is("text/csv;q=0, */*", 1, 1, "application/json", "{\"predictions\":[{\"score\":0.5}]}");
    answer_is("Application/JSON; charset=utf-8", 1, 1, "application/json",
              "{\"predictions\":[{\"score\":0.5}]}");
    ft_payload out;
    float one = 1;
    EXPECT_ERR(FT_EACCEPT, ft_rows_answer(&out, &one, 1, 1, FT_STR("image/png"), &arena));
    EXPECT_WHY("no answer as 'image/png'");
    EXPECT_ERR(FT_EACCEPT, ft_rows_answer(&out, &one, 1, 1, FT_STR("text/csv;q=0"), &arena));
}

/* Every score reads back as itself; the longest texts fit. */
static void test_answer_numbers(void **state) {
    float scores[512];
    ft_payload out;
    (void)state;
    for (uint32_t i = 0; i < 512; i++) {
        uint32_t bits = i * 8388593u + 12345u;
        memcpy(&scores[i], &bits, sizeof bits);
        if (!isfinite(scores[i])) scores[i] = -1.17549435e-38f;
    }
    ft_arena_reset(&arena);
    EXPECT_OK(ft_rows_answer(&out, scores, 512, 1, FT_STR("text/csv"), &arena));
    ft_str rest = out.bytes;
    for (size_t i = 0; i < 512; i++) {
        float v;
        EXPECT(ft_str_f32(&v, ft_str_cut(&rest, '\n')));
        EXPECT(memcmp(&v, &scores[i], sizeof v) == 0);
    }
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Printed, and far from the bound that would only catch a mistake of order. */
static void time_of(const char *what, const char *body, size_t cols, double bound_us) {
    ft_matrix m;
    double best = 1;
    for (int round = 0; round < 20; round++) {
        double from = seconds();
        for (int i = 0; i < 200; i++) {
            ft_arena_reset(&arena);
            EXPECT_OK(ft_rows_parse_csv(&m, ft_str_of(body), NULL, cols, &arena));
        }
        double took = (seconds() - from) / 200 * 1e6;
        if (took < best || round == 0) best = took;
    }
    print_message("# %s: %.2f us\n", what, best);
    EXPECT(best < bound_us);
}

static void test_time(void **state) {
    char pixels[4000], floats[1000];
    size_t a = 0, b = 0;
    (void)state;
    for (int i = 0; i < 784; i++)
        a += (size_t)snprintf(pixels + a, sizeof pixels - a, i ? ",%d" : "%d",
                              i % 5 < 2 ? 0 : i * 37 % 256);
    for (int i = 0; i < 30; i++)
        b += (size_t)snprintf(floats + b, sizeof floats - b, i ? ",%.6g" : "%.6g", i * 0.7312 - 9);
    time_of("784 pixels", pixels, 784, 100);
    time_of("30 numbers", floats, 30, 20);
}

static void test_faults(void **state) {
    static const char *const bodies[][2] = {
        { "text/csv", "39,\"a \"\"b\"\"\",1\n1,cook,2\n" },
        { "application/json", "{\"instances\":[{\"age\":1},{\"features\":[1,\"c\\u006fok\",2]}]}" },
        { "text/libsvm", "0:1\n1:2\n" },
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) EACH_FAULT {
            ft_arena own = { 0 };
            ft_matrix m;
            ft_payload in = { ft_str_of(bodies[i][0]), ft_str_of(bodies[i][1]) }, out;
            ft_err err = ft_rows_parse(&m, &in, schema(), 3, &own);
            EXPECT(!err == (m.rows == 2));
            if (!err) err = ft_rows_answer(&out, m.at, 2, 3, FT_STR(""), &own);
            ft_arena_fini(&own);
        }
}

TEST_MAIN(cmocka_unit_test(test_same_rows), cmocka_unit_test(test_one_row),
          cmocka_unit_test(test_categories), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_binary), cmocka_unit_test(test_answers),
          cmocka_unit_test(test_answer_numbers), cmocka_unit_test(test_time),
          cmocka_unit_test(test_faults))
