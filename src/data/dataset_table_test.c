/* Tables out of any dataset: the same numbers as from the CSV that was packed; labels, notes, other
 * files of the same columns, refusals. */
#include "data/dataset.h"
#include "data/dataset_write.h"
#include "data/pack.h"
#include "data/table_test.h"

static const char csv[] = "a,label,b\n1.5,1,3\n2,0,4\n,1,6\n7,0,-1\n";

static ft_str in_dir(const char *name) {
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_dir(), name);
    return ft_str_of(path);
}

static void shell(const char *command) {
    char line[2048];
    snprintf(line, sizeof line, "cd '%s' && %s", test_dir(), command);
    EXPECT(system(line) == 0);
}

static void pack(ft_str from, ft_str to) {
    ft_dataset *d;
    ft_pack_told told;
    EXPECT_OK(ft_dataset_open(&d, &from, 1, NULL));
    EXPECT_OK(ft_pack(&told, d, to.at, &(ft_pack_opts){ .force = true }));
    ft_dataset_free(d);
}

static void expect_same(const ft_table *want, const ft_table *got) {
    EXPECT(want->rows == got->rows && want->cols == got->cols && got->labels);
    for (size_t i = 0; i < want->rows; i++) EXPECT(want->labels[i] == got->labels[i]);
    for (size_t i = 0; i < want->rows * want->cols; i++)
        EXPECT(want->dense[i] == got->dense[i] || (isnan(want->dense[i]) && isnan(got->dense[i])));
    for (size_t i = 0; i < want->cols; i++) {
        EXPECT(ft_str_eq(want->schema->features[i].name, got->schema->features[i].name));
        EXPECT(want->schema->features[i].is_integer == got->schema->features[i].is_integer);
    }
    EXPECT_STR("label", got->schema->label_name); /* "cls" in a tar */
}

static void test_formats(void **state) {
    static const char *const files[] = { "t.fts", "t.tfrecord", "t.jsonl", "t.tar" };
    ft_table *want, *got;
    (void)state;
    ft_str path = test_text("t.csv", csv);
    EXPECT_OK(ft_table_read(&want, path, &(ft_table_opts){ .label = FT_STR("label") }));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        pack(in_dir("t.csv"), in_dir(files[i]));
        EXPECT_OK(ft_table_read(&got, in_dir(files[i]), NULL));
        expect_same(want, got);
        EXPECT(got->file_count == 1 && strlen(got->sha256) == 64);
        ft_table_free(got);
    }
    ft_table_free(want);
}

static void test_labels(void **state) {
    static const struct {
        const char *label, *name;
        float first;
    } rows[] = { { "b", "b", 3 }, { "last", "b", 3 }, { "first", "a", 1.5f }, { "1", "label", 1 } };
    ft_table *t;
    (void)state;
    test_text("t.csv", "a,label,b\n1.5,1,3\n2,0,4\n");
    pack(in_dir("t.csv"), in_dir("l.fts"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ft_table_opts o = { .label = ft_str_of(rows[i].label) };
        EXPECT_OK(ft_table_read(&t, in_dir("l.fts"), &o));
        EXPECT_STR(rows[i].name, t->schema->label_name);
        EXPECT(t->labels[0] == rows[i].first && t->cols == 2);
        ft_table_free(t);
    }
    EXPECT_OK(ft_table_read(&t, in_dir("l.fts"), &(ft_table_opts){ .label = FT_STR("none") }));
    EXPECT(!t->labels && t->cols == 3);
    ft_table_free(t);
    ft_table_opts wrong = { .label = FT_STR("c") };
    EXPECT_ERR(FT_EINVAL, ft_table_read(&t, in_dir("l.fts"), &wrong));
    EXPECT_WHY("has no column 'c' for the label; there are: a, label, b");
}

/* An array of NumPy: the first column is the label, as in CSV; pictures by their label's field. */
static void test_arrays(void **state) {
    ft_table *t;
    (void)state;
    shell("/usr/bin/python3 -c \"import numpy as np\n"
          "np.save('m.npy', np.array([[1, 2.5, 3], [0, 4, 5]], np.float64))\n"
          "np.savez('m.npz', image=np.arange(12, dtype=np.uint8).reshape(3, 2, 2), "
          "y=np.array([5, 6, 7]))\" 2>/dev/null || touch none");
    if (access(in_dir("none").at, F_OK) == 0) SKIP("no python3-numpy");
    EXPECT_OK(ft_table_read(&t, in_dir("m.npy"), NULL));
    EXPECT(t->rows == 2 && t->cols == 2 && t->labels[0] == 1 && t->labels[1] == 0);
    EXPECT_VALUE(2.5, t, 0, 0);
    EXPECT_VALUE(5, t, 1, 1);
    ft_table_free(t);
    EXPECT_OK(ft_table_read(&t, in_dir("m.npz"), NULL));
    EXPECT(t->rows == 3 && t->cols == 4 && t->labels[2] == 7);
    EXPECT_STR("pixel3", t->schema->features[3].name);
    EXPECT_VALUE(11, t, 2, 3);
    ft_table_free(t);
}

/* Validation has the columns in another order, in another format; one lacks. */
static void test_schema(void **state) {
    ft_table *t, *v;
    (void)state;
    test_text("t.csv", "a,label,b\n1,1,3\n2,0,4\n");
    pack(in_dir("t.csv"), in_dir("s.fts"));
    EXPECT_OK(ft_table_read(&t, in_dir("s.fts"), NULL));
    test_text("t.csv", "b,label,more,a\n30,1,9,10\n");
    pack(in_dir("t.csv"), in_dir("v.tfrecord"));
    ft_table_opts fit = { .schema = t->schema };
    EXPECT_OK(ft_table_read(&v, in_dir("v.tfrecord"), &fit));
    EXPECT_VALUE(10, v, 0, 0);
    EXPECT_VALUE(30, v, 0, 1);
    EXPECT(v->labels[0] == 1);
    ft_table_free(v);
    EXPECT_OK(ft_table_read(&v, in_dir("t.csv"), &fit)); /* CSV fits it as well */
    EXPECT_VALUE(10, v, 0, 0);
    ft_table_free(v);
    test_text("t.csv", "b,label\n30,1\n");
    pack(in_dir("t.csv"), in_dir("w.fts"));
    EXPECT_ERR(FT_EINVAL, ft_table_read(&v, in_dir("w.fts"), &fit));
    EXPECT_WHY("w.fts' has no column 'a'");
    ft_table_free(t);
}

static void test_folder(void **state) {
    ft_table *t;
    (void)state;
    shell("rm -rf f && mkdir f && printf 'a,y\\n1,0\\n' > 1.csv && printf 'y,a\\n1,2\\n' > 2.csv");
    pack(in_dir("1.csv"), in_dir("f/1.fts"));
    pack(in_dir("2.csv"), in_dir("f/2.fts"));
    EXPECT_OK(ft_table_read(&t, in_dir("f"), NULL));
    EXPECT(t->rows == 2 && t->cols == 1 && t->labels[1] == 1 && t->file_count == 2);
    EXPECT_VALUE(2, t, 1, 0);
    ft_table_free(t);
}

static void test_refused(void **state) {
    ft_table *t;
    (void)state;
    shell("rm -rf p && mkdir p && printf P5 > p/a.ppm && printf P5 > p/b.ppm && "
          "printf '{\"y\":1,\"x\":2,\"note\":\"abc\"}\\n{\"y\":0,\"x\":3,\"note\":\"d\"}\\n' > "
          "n.jsonl");
    EXPECT_OK(ft_table_read(&t, in_dir("n.jsonl"), NULL));
    EXPECT(t->cols == 1 && strstr(t->notes.at, "field 'note' (text)"));
    ft_table_free(t);
    EXPECT_ERR(FT_EUNSUPPORTED, ft_table_read(&t, in_dir("p"), NULL));
    EXPECT_WHY("`image` trains on pictures");
    pack(in_dir("p"), in_dir("p.tar"));
    EXPECT_ERR(FT_EUNSUPPORTED, ft_table_read(&t, in_dir("p.tar"), NULL));
    EXPECT_WHY("has no field of numbers to learn from");
    shell("printf '{\"y\":1,\"x\":2}\\n{\"x\":3}\\n' > m.jsonl; printf '{\"y\":1,\"x\":1e300}\\n' "
          "> i.jsonl");
    EXPECT_ERR(FT_EPARSE, ft_table_read(&t, in_dir("m.jsonl"), NULL));
    EXPECT_WHY("record 1: the label is missing");
    EXPECT_ERR(FT_EPARSE, ft_table_read(&t, in_dir("i.jsonl"), NULL));
    EXPECT_WHY("infinite in 32 bits");
    ft_str bytes = FT_STR("{\"y\":1,\"x\":2}\n");
    ft_table_opts lines = { .format = FT_STR("jsonl") };
    EXPECT_ERR(FT_EUNSUPPORTED, ft_table_read_bytes(&t, bytes, FT_STR("body"), &lines));
}

static void test_faults(void **state) {
    (void)state;
    test_text("t.csv", csv);
    pack(in_dir("t.csv"), in_dir("g.fts"));
    ft_str path = in_dir("g.fts");
    EACH_FAULT {
        ft_table *t;
        ft_table_read(&t, path, NULL);
        ft_table_free(t);
    }
}

TEST_MAIN(cmocka_unit_test(test_formats), cmocka_unit_test(test_labels),
          cmocka_unit_test(test_arrays), cmocka_unit_test(test_schema),
          cmocka_unit_test(test_folder), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_faults))
