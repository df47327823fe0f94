/* libsvm text: what XGBoost reads, and what is refused. */
#include "data/table_test.h"

static ft_table *svm(const char *text, const ft_table_opts *opts) {
    ft_table *t;
    EXPECT_OK(ft_table_read(&t, test_text("t.svm", text), opts));
    return t;
}

static void refused(ft_err code, const char *words, const char *text) {
    ft_table *t;
    EXPECT_ERR(code, ft_table_read(&t, test_text("t.svm", text), NULL));
    EXPECT(t == NULL);
    EXPECT_WHY(words);
}

static void test_rows(void **state) {
    float row[6];
    (void)state;
    ft_table *t = svm("1 1:0.5 3:2\n# a comment\n\n0 5:3 2:1 # more\r\n-1 0 4:nan\n", NULL);
    EXPECT(t->rows == 3 && t->cols == 6 && !t->dense && !t->groups && !t->weights);
    EXPECT(t->labels[0] == 1 && t->labels[1] == 0 && t->labels[2] == -1);
    EXPECT(t->indptr[0] == 0 && t->indptr[1] == 2 && t->indptr[2] == 4 && t->indptr[3] == 5);
    EXPECT(t->indices[2] == 2 && t->indices[3] == 5 && t->values[2] == 1 && t->values[3] == 3);
    ft_table_row(t, 0, row);
    EXPECT(isnan(row[0]) && row[1] == 0.5f && isnan(row[2]) && row[3] == 2 && isnan(row[5]));
    ft_table_row(t, 2, row);
    EXPECT(row[0] == 1 && isnan(row[4])); /* an index alone is 1; nan is missing */
    EXPECT(!t->schema->features[1].is_integer && t->schema->features[3].is_integer);
    EXPECT_STR("f5", t->schema->features[5].name);
    ft_table_free(t);
}

static void test_groups_and_weights(void **state) {
    (void)state;
    ft_table *t = svm("1:0.5 qid:1 1:2\n0:2 qid:1 2:1\n2:1 qid:7 1:1\n", NULL);
    EXPECT(t->group_count == 2 && t->groups[0] == 2 && t->groups[1] == 1);
    EXPECT(t->weights[0] == 0.5f && t->weights[1] == 2 && t->weights[2] == 1);
    ft_table_free(t);
    test_text("t.svm.query", "2\n1\n");
    test_text("t.svm.weight", "0.5\n1\n4\n");
    t = svm("1 1:2\n0 2:1\n2 1:1\n", NULL);
    EXPECT(t->group_count == 2 && t->groups[0] == 2 && t->weights[2] == 4 && t->file_count == 3);
    ft_table_free(t);
    ft_table_opts two = { .rows_max = 1 };
    t = svm("1 1:2\n0 2:1\n2 1:1\n", &two);
    EXPECT(t->rows == 1 && t->group_count == 1 && t->groups[0] == 1);
    ft_table_free(t);
    test_text("t.svm.query", "2\n2\n");
    refused(FT_EPARSE, "the groups hold 4 rows, the table has 3", "1 1:2\n0 2:1\n2 1:1\n");
    test_text("t.svm.query", "2\nx\n");
    refused(FT_EPARSE, "t.svm.query:2: expected a number, found 'x'", "1 1:2\n0 2:1\n2 1:1\n");
    test_text("t.svm.query", "2\n1\n");
    test_text("t.svm.weight", "1\n1\n");
    refused(FT_EPARSE, "2 weights for 3 rows", "1 1:2\n0 2:1\n2 1:1\n");
    char path[512];
    snprintf(path, sizeof path, "%s/t.svm.query", test_dir());
    EXPECT_OK(ft_file_remove(path));
    snprintf(path, sizeof path, "%s/t.svm.weight", test_dir());
    EXPECT_OK(ft_file_remove(path));
}

static void test_refused(void **state) {
    (void)state;
    refused(FT_EPARSE, "t.svm:2: expected index:value, found 'x:1'", "1 1:2\n0 x:1\n");
    refused(FT_EPARSE, "t.svm:2: expected index:value, found '2:x'", "1 1:2\n0 2:x\n");
    refused(FT_EPARSE, "t.svm:2: expected index:value, found '2:1:3'", "1 1:2\n0 2:1:3\n");
    refused(FT_EPARSE, "t.svm:1: expected index:value, found '-1:2'", "1 -1:2\n");
    refused(FT_EPARSE, "t.svm:2: expected a finite number, found '2:1e60'", "1 1:2\n0 2:1e60\n");
    refused(FT_EPARSE, "t.svm:2: expected a label, found 'yes'", "1 1:2\nyes 2:1\n");
    refused(FT_EPARSE, "t.svm:2: the label is missing", "1 1:2\nnan 2:1\n");
    refused(FT_EPARSE, "t.svm:1: index 3 stands twice", "1 3:2 1:1 3:1\n");
    refused(FT_ETOOBIG, "t.svm:2: index 1099511627776 is beyond 4194303",
            "1 1:2\n0 1099511627776:1\n");
    refused(FT_ETOOBIG, "index 99999999999999999999999 is beyond",
            "1 1:2\n0 99999999999999999999999:1\n");
    refused(FT_EPARSE, "t.svm:2: no qid, which have the rows before", "1 qid:1 1:2\n0 2:1\n");
    refused(FT_EPARSE, "t.svm:2: a weight, unlike the rows before", "1 1:2\n0:1 2:1\n");
    refused(FT_EPARSE, "t.svm:1: expected a weight that is not negative", "1:-1 1:2\n");
    refused(FT_EPARSE, "t.svm' has labels and no values", "1\n0\n");
    refused(FT_EPARSE, "t.svm' has no rows", "# nothing\n");
}

/* The largest index that is allowed costs memory, but not without bounds. */
static void test_limits(void **state) {
    ft_table_opts opts = { .table_bytes_max = 64 << 20 };
    (void)state;
    ft_table *t = svm("1 4194303:1\n", &opts);
    EXPECT(t->cols == FT_TABLE_COLS_MAX && t->indices[0] == 4194303);
    EXPECT_STR("f4194303", t->schema->features[4194303].name);
    ft_table_free(t);
    opts = (ft_table_opts){ .line_bytes_max = 10 };
    EXPECT_ERR(FT_ETOOBIG, ft_table_read(&t, test_text("t.svm", "1 1:2\n1 1:2 2:3 4:5\n"), &opts));
    EXPECT_WHY("t.svm:2: the line is longer than 10 bytes");
}

static void test_fit(void **state) {
    (void)state;
    ft_table *train = svm("1 1:2 2:1\n", NULL);
    ft_table_opts opts = { .schema = train->schema };
    ft_table *t = svm("1 1:2 7:1\n0 0:3\n", &opts);
    EXPECT(t->cols == 3 && t->rows == 2 && t->indptr[1] == 1);
    EXPECT(strstr(t->notes.at, "1 values of columns that the training data did not have"));
    ft_table_free(t);
    ft_table_free(train);
}

static void test_faults(void **state) {
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s", test_text("t.svm", "1 qid:1 3:2 1:1\n0 qid:1 2:1\n").at);
    EACH_FAULT {
        ft_table *t;
        ft_err err = ft_table_read(&t, ft_str_of(path), NULL);
        EXPECT(!err == !!t);
        ft_table_free(t);
    }
}

TEST_MAIN(cmocka_unit_test(test_rows), cmocka_unit_test(test_groups_and_weights),
          cmocka_unit_test(test_refused), cmocka_unit_test(test_limits), cmocka_unit_test(test_fit),
          cmocka_unit_test(test_faults))
