/* Folders, fitting another table's schema, hashes, formats. */
#include "data/table_test.h"

#include "base/hash.h"

static void shell(const char *command) {
    char line[1024];
    snprintf(line, sizeof line, "cd '%s' && %s", test_dir(), command);
    EXPECT(system(line) == 0);
}

static ft_str folder(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return ft_str_of(path);
}

static void test_folder(void **state) {
    ft_table *t;
    ft_arena arena = { 0 };
    ft_buf all = { 0 };
    char sha[65];
    (void)state;
    shell("rm -rf d; mkdir -p d/sub; printf 'y,a\\n1,x\\n' > d/1.csv; printf 'y,a\\n0,z\\n1,x\\n' "
          "> d/2.csv;"
          "printf '2,y\\n' > d/3.csv; printf 'y,a\\n' > d/4.csv; : > d/5.csv; echo junk,,,, > "
          "d/_SUCCESS;"
          "echo x,y,z > d/.hidden; printf '5,x\\n' | gzip > d/sub/6.csv.gz");
    EXPECT_OK(ft_table_read(&t, folder("d"), NULL));
    EXPECT(t->rows == 5 && t->cols == 1 && t->file_count == 5);
    EXPECT(t->labels[0] == 1 && t->labels[1] == 0 && t->labels[3] == 2 && t->labels[4] == 5);
    EXPECT_VALUE(0, t, 0, 0);
    EXPECT_VALUE(1, t, 1, 0);
    EXPECT_VALUE(2, t, 3, 0);
    EXPECT_VALUE(0, t, 4, 0);
    EXPECT(strstr(t->notes.at, "4.csv has a header and no rows"));
    EXPECT(strstr(t->notes.at, "5.csv is empty"));
    for (size_t i = 0; i < t->file_count; i++)
        EXPECT_OK(ft_buf_printf(&all, "%s\n", t->files[i].sha256));
    EXPECT_OK(ft_sha256_hex(sha, ft_buf_str(&all)));
    EXPECT(strcmp(sha, t->sha256) == 0);
    ft_table_free(t);
    shell("printf '1,2,3\\n' > d/7.csv");
    EXPECT_ERR(FT_EPARSE, ft_table_read(&t, folder("d"), NULL));
    EXPECT_WHY("d/7.csv:1: 3 columns, expected 2");
    shell("rm -rf e; mkdir e; touch e/_x");
    EXPECT_ERR(FT_ENOTFOUND, ft_table_read(&t, folder("e"), NULL));
    EXPECT_WHY("holds no data file");
    EXPECT_ERR(FT_ENOTFOUND, ft_table_read(&t, folder("nothing"), NULL));
    ft_buf_fini(&all);
    ft_arena_fini(&arena);
}

static void test_folder_of_pictures(void **state) {
    static const char pictures[] = "\0\0\x08\2\0\0\0\1\0\0\0\2\1\2",
                      labels[] = "\0\0\x08\1\0\0\0\1\7";
    ft_table *t;
    (void)state;
    shell("rm -rf d; mkdir d");
    test_file("d/a-images-idx2", pictures, 14);
    test_file("d/a-labels-idx2", labels, 9);
    test_file("d/b-images-idx2", pictures, 14);
    test_file("d/b-labels-idx2", labels, 9);
    EXPECT_OK(ft_table_read(&t, folder("d"), NULL));
    EXPECT(t->rows == 2 && t->labels[1] == 7 && t->file_count == 4);
    ft_table_free(t);
}

static void test_fit_by_name(void **state) {
    ft_table_opts by_label = { .label = FT_STR("pay") }, none = { .label = FT_STR("none") };
    ft_table *t;
    (void)state;
    ft_table *train = test_table("age,job,pay\n1,a,lo\n2,b,hi\n3,a,mid\n", &by_label);
    ft_table_opts fit = { .schema = train->schema };
    t = test_table("id,pay,job,age\n9,mid,b,5\n9,lo,new,6\n9,lo,,7\n9,hi,newer,8\n", &fit);
    EXPECT(t->rows == 4 && t->cols == 2);
    EXPECT(t->labels[0] == 2 && t->labels[1] == 1 && t->labels[3] == 0);
    EXPECT_VALUE(5, t, 0, 0);
    EXPECT_VALUE(1, t, 0, 1);
    EXPECT_MISSING(t, 1, 1);
    EXPECT_MISSING(t, 2, 1);
    EXPECT(strstr(t->notes.at, "no column 'id': left out"));
    EXPECT(strstr(t->notes.at, "column 3 (job): 2 texts that the training data did not have became "
                               "missing, the first 'new' at line 3"));
    EXPECT(t->schema->features[1].category_count == 2 && t->schema->class_count == 3);
    ft_table_free(train); /* the fitted table stands alone */
    EXPECT_STR("mid", t->schema->classes[2]);
    fit.schema = t->schema;
    EXPECT_REFUSED(FT_EPARSE, "t.csv' has no column 'age', which the training data had",
                   "pay,job\nlo,a\n", &fit);
    ft_table *stops = test_table("pay,job,age\nlo.,a,1\nhi,b,2\n", &fit);
    EXPECT(stops->labels[0] == 1 && stops->labels[1] == 0);
    EXPECT(strstr(stops->notes.at, "a full stop after 1 labels was passed over"));
    ft_table_free(stops);
    EXPECT_REFUSED(FT_EPARSE, "column 1 (pay): expected a class of the training data, found 'huge'",
                   "pay,job,age\nhuge,a,1\n", &fit);
    EXPECT_REFUSED(FT_EPARSE, "column 3 (age): expected a number, found 'old'",
                   "pay,job,age\nlo,a,1\nlo,b,old\n", &fit);
    EXPECT_REFUSED(FT_EINVAL, "no label column 'pay'", "job,age\na,1\n", &fit);
    none.schema = t->schema;
    ft_table *unlabelled = test_table("job,age\nb,1\na,2\n", &none);
    EXPECT(!unlabelled->labels && unlabelled->rows == 2);
    EXPECT_VALUE(1, unlabelled, 0, 1);
    ft_table_free(unlabelled);
    ft_table_free(t);
}

static void test_fit_by_position(void **state) {
    (void)state;
    ft_table *train = test_table("1,a,3\n0,b,4\n", NULL);
    ft_table_opts fit = { .schema = train->schema };
    ft_table *t = test_table("1,b,7\n", &fit);
    EXPECT_VALUE(1, t, 0, 0);
    EXPECT_VALUE(7, t, 0, 1);
    ft_table_free(t);
    t = test_table("y,p,q\n1,b,7\n", &fit); /* a header where training had none */
    EXPECT_VALUE(1, t, 0, 0);
    ft_table_free(t);
    EXPECT_REFUSED(FT_EPARSE,
                   "t.csv' has 1 feature columns beside the label, the model's data has 2", "1,b\n",
                   &fit);
    EXPECT_REFUSED(FT_EPARSE, "expected a number, found 'x'", "1,b,x\n1,b,2\n", &fit);
    ft_table_free(train);
}

static void test_formats(void **state) {
    ft_table_opts opts = { .format = FT_STR("cvs") };
    ft_table *t;
    (void)state;
    EXPECT_ERR(FT_EINVAL, ft_table_read(&t, test_text("t", "1,2\n"), &opts));
    EXPECT_WHY("'cvs' is not a table format, did you mean 'csv'?");
    opts.format = FT_STR("csv");
    EXPECT_OK(ft_table_read(&t, test_text("t", "1 1:2\n"), &opts));
    EXPECT(t->dense && t->cols == 1 && t->schema->features[0].is_category);
    ft_table_free(t);
    for (const ft_table_format *const *f = ft_table_formats; *f; f++) {
        EXPECT((*f)->name && (*f)->doc && (*f)->media_types && (*f)->sniff && (*f)->file);
        EXPECT((*f)->sniff(FT_STR(""), FT_STR("")) < 50);
    }
    ft_table_free(NULL);
}

static void test_bytes(void **state) {
    ft_table *t;
    (void)state;
    EXPECT_OK(ft_table_read_bytes(&t, FT_STR("1,2\n3,4\n"), FT_STR("body"), NULL));
    EXPECT(t->rows == 2 && t->file_count == 1 && t->files[0].size_bytes == 8);
    EXPECT_STR("body", t->source);
    ft_table_free(t);
    EXPECT_ERR(FT_EPARSE, ft_table_read_bytes(&t, FT_STR("1,2\n3\n"), FT_STR("body"), NULL));
    EXPECT_WHY("body:2: 1 column, expected 2");
    EXPECT_ERR(FT_EPARSE, ft_table_read_bytes(&t, FT_STR(""), FT_STR("body"), NULL));
}

/* The hash is that of the bytes on disk, packed or not. */
static void test_hash(void **state) {
    char sha[65], plain[65];
    ft_table *t;
    (void)state;
    shell("printf '1,2\\n3,4\\n' > h.csv; gzip -kf h.csv");
    EXPECT_OK(ft_table_read(&t, folder("h.csv.gz"), NULL));
    EXPECT_OK(ft_sha256_file(sha, folder("h.csv.gz").at));
    EXPECT_OK(ft_sha256_file(plain, folder("h.csv").at));
    EXPECT(strcmp(t->sha256, sha) == 0 && strcmp(sha, plain) != 0);
    EXPECT(t->files[0].size_bytes > 8);
    ft_table_free(t);
}

TEST_MAIN(cmocka_unit_test(test_folder), cmocka_unit_test(test_folder_of_pictures),
          cmocka_unit_test(test_fit_by_name), cmocka_unit_test(test_fit_by_position),
          cmocka_unit_test(test_formats), cmocka_unit_test(test_bytes), cmocka_unit_test(test_hash))
