/* CSV: what real files look like, and what bad ones get. */
#include "data/csv.h"

#include "base/random.h"
#include "data/table_test.h"

static void test_plain(void **state) {
    (void)state;
    ft_table *t = test_table("1,2.5,-3\n0,,4e1\r\n1,7,8", NULL);
    EXPECT(t->rows == 3 && t->cols == 2 && t->labels && !t->weights && !t->groups);
    EXPECT(t->labels[0] == 1 && t->labels[1] == 0 && t->labels[2] == 1);
    EXPECT_VALUE(2.5, t, 0, 0);
    EXPECT_VALUE(-3, t, 0, 1);
    EXPECT_MISSING(t, 1, 0);
    EXPECT_VALUE(40, t, 1, 1);
    EXPECT_VALUE(8, t, 2, 1);
    EXPECT_STR("f0", t->schema->features[0].name);
    EXPECT(!t->schema->named && !t->schema->classes && t->notes.len == 0);
    EXPECT(!t->schema->features[0].is_integer && t->schema->features[1].is_integer);
    ft_table_free(t);
}

/* Each text: the same two rows, whatever delimits them. */
static void test_delimiters(void **state) {
    static const char *const texts[] = {
        "1,2,3\n4,5,6\n",
        "1\t2\t3\n4\t5\t6\n",
        "1;2;3\n4;5;6\n",
        "1|2|3\n4|5|6\n",
        "1 2 3\n4 5 6\n",
        "  1   2\t3  \n4 5  6",
        "1, 2, 3\n4, 5, 6\n",
        "\xef\xbb\xbf"
        "1,2,3\n4,5,6",
        "1,2,3\r4,5,6\r",
        "\n\n1,2,3\n\n4,5,6\n\n",
        "sep=;\n1;2;3\n4;5;6",
        "\"1\",\"2\",3\n4,5,\"6\"\n",
        "1,2,3,\n4,5,6,\n",
        "1;2;3;;\n4;5;6;;\n",
        " 1 , 2 , 3 \n4,5,6",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ft_table *t = test_table(texts[i], NULL);
        EXPECT(t->rows == 2 && t->cols == 2);
        EXPECT(t->labels[0] == 1 && t->labels[1] == 4);
        EXPECT_VALUE(2, t, 0, 0);
        EXPECT_VALUE(6, t, 1, 1);
        ft_table_free(t);
    }
}

static void test_detect(void **state) {
    (void)state;
    static const struct {
        const char *text;
        char delimiter;
        bool comma;
    } rows[] = {
        { "a b c,d e f\ng h i,j k l\n", ',', false },
        { "2020-01-01 10:00:00,5\n2020-01-02 10:00:00,6\n", ',', false },
        { "x;1,5;2,25\ny;2,5;3,75\n", ';', true },
        { "x;1,500;2,250\ny;2,500;3,750\n", ';', false }, /* thousands, perhaps */
        { "name;\"a, b, c\";2\nother;d;3\n", ';', false },
        { "fixed acidity;pH\n7.4;3.51\n7.8;3.2\n", ';', false },
        { "1\n2\n3\n", ',', false },
        { "", ',', false },
        { "\"", ',', false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ft_csv_dialect d;
        EXPECT_OK(ft_csv_detect(&d, ft_str_of(rows[i].text)));
        if (d.delimiter != rows[i].delimiter || d.decimal_comma != rows[i].comma)
            fail_msg("'%s': found '%c' %d", rows[i].text, d.delimiter, d.decimal_comma);
    }
}

static void test_decimal_comma(void **state) {
    (void)state;
    ft_table *t = test_table("1;1,5;-2,25\n0;2,5;3\n", NULL);
    EXPECT_VALUE(1.5, t, 0, 0);
    EXPECT_VALUE(-2.25, t, 0, 1);
    EXPECT_VALUE(3, t, 1, 1);
    ft_table_free(t);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 2: expected a number, found '1,500'",
                   "1;2;3\n0;1,500;3\n1;2;3", NULL);
}

static void test_quotes(void **state) {
    (void)state;
    ft_table *t =
        test_table("label,text,n\n1,\"a, \"\"b\"\"\n2\",5\n0,\"c\",6\n1,  \"c\" ,7\n", NULL);
    EXPECT(t->rows == 3 && t->cols == 2);
    const ft_feature *f = &t->schema->features[0];
    EXPECT(f->is_category && f->category_count == 2);
    EXPECT_STR("a, \"b\"\n2", f->categories[0]);
    EXPECT_STR("c", f->categories[1]);
    EXPECT_VALUE(1, t, 2, 0);
    EXPECT_VALUE(7, t, 2, 1);
    EXPECT(ft_feature_code(f, FT_STR("c")) == 1 && ft_feature_code(f, FT_STR("d")) == -1);
    ft_table_free(t);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 2: text follows a closing quote ('x')",
                   "1,2\n3,\"4\"x\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 2: a quote is never closed", "1,2\n3,\"4\n5,6\n",
                   NULL);
}

/* A line that a quoted cell spans counts as the lines it is. */
static void test_lines_counted(void **state) {
    (void)state;
    EXPECT_REFUSED(FT_EPARSE, "t.csv:5: 2 columns, expected 3", "1,\"a\nb\",3\n2,c,4\n\n5,6\n",
                   NULL);
}

static void header_is(const char *text, int told, bool header, size_t rows) {
    ft_table *t;
    ft_table_opts opts = { .header = told };
    EXPECT_OK(ft_table_read(&t, test_text("t.csv", text), &opts));
    if (t->schema->named != header || t->rows != rows)
        fail_msg("'%s': header %d, %zu rows", text, t->schema->named, t->rows);
    ft_table_free(t);
}

static void test_header(void **state) {
    (void)state;
    header_is("y,a,b\n1,2,3\n", 0, true, 1);
    header_is("1,2,3\n4,5,6\n", 0, false, 2);
    header_is("1,2,3\n", 0, false, 1);
    header_is("0,1,2,target\n5,6,7,8\n", 0, true, 1);
    header_is("y,a,2,b\n5,6,7,8\n", 0, true, 1);
    header_is(",a,b\n0,1,2\n1,2,3\n", 0, true, 2);
    header_is("class,cap,odor\np,x,s\ne,x,s\np,b,s\ne,x,p\n", 0, true, 4);
    header_is("p,x,s\ne,x,s\np,b,s\ne,x,p\n", 0, false, 4);
    header_is("1,a,2\n0,b,3\n1,a,4\n", 0, false, 3);
    header_is("1,2\n3,4\n", 1, true, 1);
    header_is("\n\nid,x\n1,2\n", 0, true, 1);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:1: column 2: expected a number, found 'x'",
                   "1,x,3\n4,5,6\n7,8,9", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv' has a header and no rows", "y,a,b\n", NULL);
}

static void test_names(void **state) {
    (void)state;
    ft_table *t = test_table("y,a,a,,a.1\n1,2,3,4,5\n", NULL);
    EXPECT_STR("a", t->schema->features[0].name);
    EXPECT_STR("a.1", t->schema->features[1].name);
    EXPECT_STR("Unnamed: 3", t->schema->features[2].name);
    EXPECT_STR("a.1.1", t->schema->features[3].name);
    EXPECT_STR("y", t->schema->label_name);
    EXPECT(strstr(t->notes.at, "two columns are named 'a'; the later is called 'a.1'"));
    ft_table_free(t);
}

static void label_is(const char *label, float want, size_t cols) {
    ft_table *t;
    ft_table_opts opts = { .label = ft_str_of(label) };
    EXPECT_OK(ft_table_read(&t, test_text("t.csv", "a,b,7,d\n1,2,3,4\n5,6,7,8\n"), &opts));
    EXPECT(t->rows == 2 && t->cols == cols);
    if (cols == 4)
        EXPECT(!t->labels);
    else
        EXPECT(t->labels[0] == want);
    ft_table_free(t);
}

static void test_label_column(void **state) {
    (void)state;
    label_is("", 1, 3);
    label_is("first", 1, 3);
    label_is("last", 4, 3);
    label_is("none", 0, 4);
    label_is("b", 2, 3);
    label_is("1", 2, 3);
    label_is("7", 3, 3); /* a name before a number */
    ft_table_opts opts = { .label = FT_STR("targer") };
    EXPECT_REFUSED(FT_EINVAL, "no label column 'targer' (is it 'target'?)", "a,target\n1,2\n",
                   &opts);
    opts.label = FT_STR("2");
    EXPECT_REFUSED(FT_EINVAL, "number from 0 to 1 was expected", "1,2\n3,4\n", &opts);
    EXPECT_REFUSED(FT_EPARSE, "t.csv' has no column beside the label", "1\n2\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 1 (y): the label is missing", "y,a\n,2\n3,4\n",
                   NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:3: column 1: expected a number, found 'x'",
                   "1,2\n3,4\nx,5\n6,7\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 1: expected a finite number, found '-inf'",
                   "1,2\n-inf,4\n", NULL);
}

static void test_text_labels(void **state) {
    (void)state;
    ft_table_opts opts = { .label = FT_STR("last") };
    ft_table *t = test_table("1,virginica\n2,setosa\n3,versicolor\n4,setosa\n", &opts);
    EXPECT(t->schema->class_count == 3);
    EXPECT_STR("setosa", t->schema->classes[0]);
    EXPECT_STR("versicolor", t->schema->classes[1]);
    EXPECT_STR("virginica", t->schema->classes[2]);
    EXPECT(t->labels[0] == 2 && t->labels[1] == 0 && t->labels[2] == 1 && t->labels[3] == 0);
    ft_table_free(t);
}

static void test_weights(void **state) {
    (void)state;
    ft_table_opts opts = { .csv_weights = true };
    ft_table *t = test_table("1,0.5,7\n0,2,8\n", &opts);
    EXPECT(t->cols == 1 && t->weights[0] == 0.5f && t->weights[1] == 2);
    EXPECT_VALUE(8, t, 1, 0);
    ft_table_free(t);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 2: the weight is missing or negative",
                   "1,1,2\n1,-1,2\n", &opts);
    opts.label = FT_STR("last");
    EXPECT_REFUSED(FT_EINVAL, "no column after the label", "1,1,2\n", &opts);
}

static void test_missing(void **state) {
    (void)state;
    ft_table_opts opts = { .label = FT_STR("none"), .missing = FT_STR("-, unknown,-999") };
    ft_table *t = test_table("1,a\nNA,NA\n?, ?\nNaN,null\n\"\",\n-,unknown\n-999,b\n", &opts);
    EXPECT(t->rows == 7);
    for (size_t i = 1; i < 6; i++) {
        EXPECT_MISSING(t, i, 0);
        EXPECT_MISSING(t, i, 1);
    }
    EXPECT_VALUE(0, t, 0, 1);
    EXPECT_VALUE(1, t, 6, 1);
    EXPECT(t->schema->features[1].category_count == 2 && t->schema->features[0].is_integer);
    ft_table_free(t);
}

static void test_bad_cells(void **state) {
    (void)state;
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: 2 columns, expected 3", "1,2,3\n4,5\n6,7,8\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:3: 4 columns, expected 3", "1,2,3\n4,5,6\n6,7,8,9\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:4: column 2 (age): expected a number, found 'o7'",
                   "y,age\n1,2\n1,3\n0,o7\n1,5\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 2: expected a finite number, found 'inf'",
                   "1,2\n3,inf\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 2: expected a finite number, found '1e39'",
                   "1,2\n3,1e39\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "expected a number, found '0x10'", "1,2\n3,0x10\n1,3\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv:2: column 2: byte 2 of the text (0xe9) is not UTF-8",
                   "1,a\n0,b\xe9\n1,c\n", NULL);
    EXPECT_REFUSED(FT_EPARSE, "t.csv' is empty", "", NULL);
    EXPECT_REFUSED(FT_EPARSE, "nothing but blank lines", "\n\n  \n", NULL);
    EXPECT_REFUSED(FT_EUNSUPPORTED, "is UTF-16 text",
                   "\xff\xfe"
                   "1",
                   NULL);
    ft_table *t;
    EXPECT_ERR(FT_EPARSE, ft_table_read(&t, test_file("t.csv", "1,a\n0,b\0c\n1,d\n", 14), NULL));
    EXPECT_WHY("t.csv:2: column 2: a NUL byte in the text");
    EXPECT_ERR(FT_EPARSE, ft_table_read(&t, test_file("t.csv", "1,2\n0,\0\n1,3\n", 12), NULL));
    EXPECT_ERR(FT_EUNSUPPORTED, ft_table_read(&t, test_file("t.csv", "\1\2\3\4\5\6", 6), NULL));
}

/* Most are numbers, but so many are texts that these are no stray letters (tickets, postal codes).
 */
static void test_mixed_column(void **state) {
    char text[8192];
    size_t len = 0;
    (void)state;
    for (int i = 0; i < 60; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%d,%s%d\n", i % 2,
                                i % 4 == 0 ? "A/5 " : "", i);
    ft_table *t = test_table(text, NULL);
    EXPECT(t->schema->features[0].is_category && t->schema->features[0].category_count == 60);
    ft_table_free(t);
    ft_table_opts opts = { .text_columns = FT_STR("zip") };
    t = test_table("y,zip\n1,8001\n0,8002\n1,8001\n", &opts);
    EXPECT(t->schema->features[0].is_category && t->schema->features[0].category_count == 2);
    ft_table_free(t);
    opts.text_columns = FT_STR("zop");
    EXPECT_REFUSED(FT_EINVAL, "no text column 'zop' (is it 'zip'?)", "y,zip\n1,8001\n", &opts);
}

/* Nothing in the sample says what a column is: its first value does. */
static void test_late_column(void **state) {
    size_t len = 0, size = 400000;
    char *text = malloc(size);
    (void)state;
    for (int i = 0; i < 20000; i++)
        len += (size_t)snprintf(text + len, size - len, "%d,%s,%s,1\n", i % 2, i > 18000 ? "x" : "",
                                i > 19000 ? "2.5" : "");
    ft_table *t = test_table(text, NULL);
    EXPECT(t->rows == 20000 && t->cols == 3);
    EXPECT(t->schema->features[0].is_category && !t->schema->features[1].is_category);
    EXPECT_MISSING(t, 18000, 0);
    EXPECT_VALUE(0, t, 19999, 0);
    EXPECT_VALUE(2.5, t, 19999, 1);
    ft_table_free(t);
    len = 0;
    for (int i = 0; i < 20000; i++)
        len += (size_t)snprintf(text + len, size - len, "%d,7,%s\n", i % 2, i > 18000 ? "x" : "");
    EXPECT_REFUSED(FT_EPARSE,
                   "t.csv:18002: column 3: expected nothing, as in the rows before, found 'x'",
                   text, NULL);
    free(text);
}

static void test_too_many_texts(void **state) {
    size_t len = 0, size = 2 << 20;
    char *text = malloc(size);
    (void)state;
    for (int i = 0; i < 100002; i++)
        len += (size_t)snprintf(text + len, size - len, "%d,t%d\n", i % 2, i);
    EXPECT_REFUSED(FT_ETOOBIG, "t.csv:100001: column 2: more than 100000 different texts", text,
                   NULL);
    free(text);
}

/* A line far beyond the limit is refused after the limit, not after its end. */
static void test_long_line(void **state) {
    char path[512];
    ft_table *t;
    ft_table_opts opts = { .line_bytes_max = 1 << 20 };
    (void)state;
    snprintf(path, sizeof path, "%s", test_text("long.csv", "1,2\n3,").at);
    EXPECT(truncate(path, (off_t)10 << 30) == 0); /* 10 GiB, a hole */
    EXPECT_ERR(FT_ETOOBIG, ft_table_read(&t, ft_str_of(path), &opts));
    EXPECT_WHY("long.csv:2: the line is longer than 1048576 bytes");
    EXPECT(truncate(path, 0) == 0);
    opts.line_bytes_max = 10;
    EXPECT_REFUSED(FT_ETOOBIG, "t.csv:2: the line is longer than 10 bytes",
                   "1,2\n3,4444444444444\n", &opts);
    EXPECT_REFUSED(FT_ETOOBIG, "because a quote is never closed", "1,2\n3,\"4\n5,6\n7,8\n9,10\n",
                   &opts);
}

static void test_rows_max(void **state) {
    (void)state;
    ft_table_opts opts = { .rows_max = 2 };
    ft_table *t = test_table("1,2\n3,4\nx,y,z\n", &opts);
    EXPECT(t->rows == 2 && strlen(t->sha256) == 64);
    ft_table_free(t);
    opts = (ft_table_opts){ .table_bytes_max = 100 };
    EXPECT_REFUSED(FT_ENOMEM, "the limit for a table", "1,2\n3,4\n", &opts);
}

/* Random tables, written in random ways, come back to the bit. */
static void test_random_round_trip(void **state) {
    static const char delimiters[] = { ',', '\t', ';', '|', ' ' };
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        ft_random r;
        ft_buf text = { 0 };
        float values[40 * 6];
        ft_random_seed(&r, seed);
        size_t rows = 2 + ft_random_below(&r, 38), cols = 2 + ft_random_below(&r, 4);
        char delimiter = delimiters[ft_random_below(&r, 5)];
        const char *newline = ft_random_below(&r, 2) ? "\n" : "\r\n";
        for (size_t i = 0; i < rows * cols; i++) {
            values[i] = (float)(ft_random_normal(&r) * (ft_random_below(&r, 2) ? 1 : 1e6));
            bool missing = delimiter != ' ' && i % cols && i >= cols && ft_random_below(&r, 8) == 0;
            if (missing) values[i] = NAN;
            if (i % cols) EXPECT_OK(ft_buf_byte(&text, delimiter));
            if (!missing) EXPECT_OK(ft_buf_f32(&text, values[i]));
            if (i % cols == cols - 1) EXPECT_OK(ft_buf_add(&text, ft_str_of(newline)));
        }
        ft_table *t;
        ft_table_opts opts = { .label = FT_STR("none") };
        EXPECT_OK(ft_table_read(&t, test_file("r.csv", text.at, text.len), &opts));
        if (t->rows != rows || t->cols != cols)
            fail_msg("seed %d: %zu x %zu", (int)seed, t->rows, t->cols);
        for (size_t i = 0; i < rows * cols; i++)
            if (t->dense[i] != values[i] && !(isnan(t->dense[i]) && isnan(values[i])))
                fail_msg("seed %d: value %zu is %g, was %g", (int)seed, i, t->dense[i], values[i]);
        ft_table_free(t);
        ft_buf_fini(&text);
    }
}

static void test_faults(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s",
             test_text("t.csv", "y,a,a\nyes,\"q\"\"q\",1\nno,x,2\nyes,,3\n").at);
    int ended = 0;
    EACH_FAULT {
        ft_table *t;
        ft_err err = ft_table_read(&t, ft_str_of(path), NULL);
        EXPECT(!err == !!t);
        if (!err) EXPECT(t->rows == 3 && t->cols == 2);
        ended += !err;
        ft_table_free(t);
    }
    EXPECT(ended >= 1);
}

TEST_MAIN(cmocka_unit_test(test_plain), cmocka_unit_test(test_delimiters),
          cmocka_unit_test(test_detect), cmocka_unit_test(test_decimal_comma),
          cmocka_unit_test(test_quotes), cmocka_unit_test(test_lines_counted),
          cmocka_unit_test(test_header), cmocka_unit_test(test_names),
          cmocka_unit_test(test_label_column), cmocka_unit_test(test_text_labels),
          cmocka_unit_test(test_weights), cmocka_unit_test(test_missing),
          cmocka_unit_test(test_bad_cells), cmocka_unit_test(test_mixed_column),
          cmocka_unit_test(test_late_column), cmocka_unit_test(test_too_many_texts),
          cmocka_unit_test(test_long_line), cmocka_unit_test(test_rows_max),
          cmocka_unit_test(test_random_round_trip), cmocka_unit_test(test_faults))
