/* IDX: every type, the labels beside the pictures, and files that lie about their size. */
#include "data/idx.h"

#include "data/table_test.h"

/* Three rows of two numbers of each type, written by hand. */
static void test_types(void **state) {
    static const struct {
        unsigned char code;
        int bytes;
        const char *items; /* 1 2 3 4 5 -6, the last 250 where there is no sign */
        float last;
    } types[] = {
        { 0x08, 1, "\1\2\3\4\5\xfa", 250 },
        { 0x09, 1, "\1\2\3\4\5\xfa", -6 },
        { 0x0b, 2, "\0\1\0\2\0\3\0\4\0\5\xff\xfa", -6 },
        { 0x0c, 4, "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\xff\xff\xff\xfa", -6 },
        { 0x0d, 4, "\x3f\x80\0\0\x40\0\0\0\x40\x40\0\0\x40\x80\0\0\x40\xa0\0\0\xc0\xc0\0\0", -6 },
        { 0x0e, 8,
          "\x3f\xf0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\x40\x08\0\0\0\0\0\0"
          "\x40\x10\0\0\0\0\0\0\x40\x14\0\0\0\0\0\0\xc0\x18\0\0\0\0\0\0",
          -6 },
    };
    ft_table_opts none = { .label = FT_STR("none") };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        unsigned char file[100] = { 0, 0, types[i].code, 2, 0, 0, 0, 3, 0, 0, 0, 2 };
        size_t len = 12 + 6 * (size_t)types[i].bytes;
        ft_table *t;
        memcpy(file + 12, types[i].items, 6 * (size_t)types[i].bytes);
        EXPECT_OK(ft_table_read(&t, test_file("x.idx", file, len), &none));
        EXPECT(t->rows == 3 && t->cols == 2 && !t->labels);
        for (size_t k = 0; k < 5; k++) EXPECT_VALUE(k + 1, t, k / 2, k % 2);
        EXPECT_VALUE(types[i].last, t, 2, 1);
        EXPECT_STR("pixel1", t->schema->features[1].name);
        EXPECT(t->schema->features[1].is_integer);
        ft_table_free(t);
        EXPECT_ERR(FT_ECORRUPT, ft_table_read(&t, test_file("x.idx", file, len - 1), &none));
        EXPECT_WHY("ends in item 2 of the 3");
        EXPECT_ERR(FT_ECORRUPT, ft_table_read(&t, test_file("x.idx", file, len + 1), &none));
        EXPECT_WHY("goes on after the 3 items");
    }
}

static const char pictures[] = "\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\2\1\2\3\4";
static const char labels[] = "\0\0\x08\1\0\0\0\2\7\5";

static void test_labels(void **state) {
    ft_table *t;
    char path[512];
    (void)state;
    test_file("a-labels-idx1-ubyte", labels, 10);
    EXPECT_OK(ft_table_read(&t, test_file("a-images-idx3-ubyte", pictures, 20), NULL));
    EXPECT(t->rows == 2 && t->labels[0] == 7 && t->labels[1] == 5 && t->file_count == 2);
    EXPECT(strstr(t->files[1].path.at, "labels") && strcmp(t->sha256, t->files[0].sha256) != 0);
    ft_table_free(t);
    test_file("b.labels.idx1-ubyte", labels, 10);
    EXPECT_OK(ft_table_read(&t, test_file("b.images.idx3-ubyte", pictures, 20), NULL));
    ft_table_free(t);
    EXPECT_ERR(FT_ENOTFOUND,
               ft_table_read(&t, test_file("c-images-idx3-ubyte", pictures, 20), NULL));
    EXPECT_WHY("c-labels-idx1-ubyte");
    EXPECT_ERR(FT_ENOTFOUND, ft_table_read(&t, test_file("pictures.idx", pictures, 20), NULL));
    EXPECT_WHY("its labels cannot be found");
    snprintf(path, sizeof path, "%s", test_file("told", labels, 10).at);
    ft_table_opts opts = { .labels_path = ft_str_of(path) };
    EXPECT_OK(ft_table_read(&t, test_file("pictures.idx", pictures, 20), &opts));
    EXPECT(t->labels[1] == 5);
    ft_table_free(t);
    test_file("told", "\0\0\x08\1\0\0\0\3\7\5\1", 11);
    EXPECT_ERR(FT_EPARSE, ft_table_read(&t, test_file("pictures.idx", pictures, 20), &opts));
    EXPECT_WHY("told' has 3 labels for 2 rows");
    test_file("told", labels, 9);
    EXPECT_ERR(FT_ECORRUPT, ft_table_read(&t, test_file("pictures.idx", pictures, 20), &opts));
    EXPECT_ERR(FT_EPARSE, ft_table_read(&t, test_file("told", labels, 10), NULL));
    EXPECT_WHY("so it holds labels");
}

static void refused(ft_err code, const char *words, const char *bytes, size_t len) {
    ft_table *t;
    ft_table_opts none = { .label = FT_STR("none"), .format = FT_STR("idx") };
    EXPECT_ERR(code, ft_table_read(&t, test_file("bad.idx", bytes, len), &none));
    EXPECT(t == NULL);
    EXPECT_WHY(words);
}

static void test_hostile(void **state) {
    (void)state;
    refused(FT_EPARSE, "does not begin with 00 00 and a type", "\0\0\x0a\1\0\0\0\1", 8);
    refused(FT_EPARSE, "does not begin with", "\0\1\x08\1\0\0\0\1", 8);
    refused(FT_EPARSE, "byte 3 says 9 dimensions", "\0\0\x08\x09\0\0\0\1", 8);
    refused(FT_EPARSE, "byte 3 says 0 dimensions", "\0\0\x08\0\0\0\0\1", 8);
    refused(FT_ECORRUPT, "ends within its header of 16 bytes", "\0\0\x08\3\0\0\0\1", 8);
    refused(FT_EPARSE, "its sizes are beyond any memory",
            "\0\0\x0e\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    refused(FT_ETOOBIG, "numbers a row, at most", "\0\0\x08\2\0\0\0\2\xff\xff\xff\xff", 12);
    refused(FT_ECORRUPT, "ends in item 0 of the 4294967295", "\0\0\x08\2\xff\xff\xff\xff\0\0\0\2",
            12);
    refused(FT_EPARSE, "its pictures are empty", "\0\0\x08\2\0\0\0\2\0\0\0\0", 12);
    refused(FT_EPARSE, "has no rows", "\0\0\x08\2\0\0\0\0\0\0\0\2", 12);
    refused(FT_EPARSE, "row 1, number 1 is infinite",
            "\0\0\x0d\2\0\0\0\2\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\x7f\x80\0\0", 28);
}

static void test_rows_max(void **state) {
    ft_table *t;
    ft_table_opts opts = { .rows_max = 1 };
    (void)state;
    test_file("a-labels-idx1-ubyte", labels, 10);
    EXPECT_OK(ft_table_read(&t, test_file("a-images-idx3-ubyte", pictures, 20), &opts));
    EXPECT(t->rows == 1 && t->labels[0] == 7);
    ft_table_free(t);
}

static void test_faults(void **state) {
    char path[512];
    (void)state;
    test_file("a-labels-idx1-ubyte", labels, 10);
    snprintf(path, sizeof path, "%s", test_file("a-images-idx3-ubyte", pictures, 20).at);
    EACH_FAULT {
        ft_table *t;
        ft_err err = ft_table_read(&t, ft_str_of(path), NULL);
        EXPECT(!err == !!t);
        ft_table_free(t);
    }
}

TEST_MAIN(cmocka_unit_test(test_types), cmocka_unit_test(test_labels),
          cmocka_unit_test(test_hostile), cmocka_unit_test(test_rows_max),
          cmocka_unit_test(test_faults))
