/* Folders of images and lists of them; order and classes as torchvision's ImageFolder. */
#include "data/dataset_test.h"

static void shell(const char *body) {
    char script[4096];
    snprintf(script, sizeof script, "cd '%s' && %s", test_dir(), body);
    EXPECT(system(script) == 0);
}

static void make(const char *root) {
    char body[2048];
    snprintf(body, sizeof body,
             "rm -rf %s && mkdir -p %s/dog/a %s/dog/a-b %s/cat/x %s/.hidden && cd %s && "
             "for f in dog/z.JPG dog/a/1.png dog/a-b/2.jpeg dog/10.jpg dog/9.jpg cat/b.ppm "
             "cat/x/y.webp; do printf \"P5 $f\" > $f; done; echo no > cat/notes.txt; echo no > "
             "top.txt; echo x > .hidden/a.jpg",
             root, root, root, root, root, root);
    shell(body);
}

static ft_str text_of(const ft_array *v) { return ft_str_n(v->data, (size_t)v->shape[0]); }

static void test_folder(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    (void)state;
    make("pics");
    EXPECT_OK(test_set_open(&d, test_set_path("pics/"), NULL));
    EXPECT_STR("folder", ft_str_of(ft_dataset_format_name(d)));
    EXPECT(ft_dataset_count(d) == 7);
    EXPECT_STR("{\"classes\":[\"cat\",\"dog\"]}", ft_dataset_meta(d));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    ft_buf seen = { 0 };
    for (uint64_t i = 0; i < 7; i++) {
        EXPECT_OK(ft_dataset_read(&s, r, 0, i));
        ft_str path = text_of(&s.values[2]), image = text_of(&s.values[0]);
        EXPECT_OK(ft_buf_printf(&seen, "%.*s\n", FT_STR_ARG(path)));
        EXPECT(ft_str_eq(ft_str_from(image, 3), path));
        EXPECT(*(int64_t *)s.values[1].data == (path.at[0] == 'd'));
    }
    /* os.walk, sorted, is what torchvision does. */
    test_file("order.txt", seen.at, seen.len);
    shell(
        "/usr/bin/python3 -c \"\n"
        "import os\n"
        "E = ('.jpg', '.jpeg', '.png', '.ppm', '.webp')\n"
        "want = [os.path.relpath(os.path.join(r, f), 'pics') for c in ['cat', 'dog'] for r, _, fs "
        "in sorted(os.walk('pics/' + c)) for f in sorted(fs) if f.lower().endswith(E)]\n"
        "got = open('order.txt').read().split()\n"
        "assert got == want, (got, want)\"");
    ft_buf_fini(&seen);
    int only[] = { 1 };
    EXPECT_OK(ft_dataset_want(r, only, 1)); /* labels alone: no file is opened */
    shell("rm pics/dog/9.jpg");
    EXPECT_OK(ft_dataset_read(&s, r, 0, 3));
    EXPECT(!s.values[0].data && s.values[1].data);
    EXPECT_OK(ft_dataset_want(r, NULL, 0));
    EXPECT_ERR(FT_ECORRUPT, ft_dataset_read(&s, r, 0, 3));
    EXPECT_WHY("9.jpg', record 3");
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    shell("mkdir pics/empty");
    EXPECT_ERR(FT_ENOTFOUND, test_set_open(&d, test_set_path("pics"), NULL));
    EXPECT_WHY("the class 'empty' has no image");
    ft_dataset_opts none = { .label = FT_STR("none") };
    EXPECT_OK(test_set_open(&d, test_set_path("pics"), &none));
    EXPECT(ft_dataset_find(d, FT_STR("label")) < 0 && ft_dataset_count(d) == 6);
    ft_dataset_free(d);
}

/* A class's folders stay together although '-' comes before '/'; links are followed; a folder may
 * be called like a picture; names that share eight bytes and more are still in order. */
static void test_order(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    (void)state;
    shell("rm -rf o w && mkdir -p o/a/x o/a-b o/a/y.jpg w/deep && cd o && "
          "for f in a/x/1.jpg a-b/2.jpg a/y.jpg/3.png ../w/deep/4.jpg; do printf \"P5 $f\" > $f; "
          "done; for i in 9 10 1 100 11; do printf P5 > a-b/n01440764_$i.JPEG; done; "
          "ln -s ../../w/deep a/linked; ln -s 2.jpg a-b/3.jpg; ln -s nowhere a-b/4.jpg");
    EXPECT_OK(test_set_open(&d, test_set_path("o"), NULL));
    EXPECT(ft_dataset_count(d) == 11);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    int paths[] = { 1, 2 };
    EXPECT_OK(ft_dataset_want(r, paths, 2)); /* one picture is a link to nowhere */
    ft_buf seen = { 0 };
    while (!ft_dataset_next(&s, r, NULL))
        EXPECT_OK(ft_buf_printf(&seen, "%.*s %d\n", FT_STR_ARG(text_of(&s.values[2])),
                                (int)*(int64_t *)s.values[1].data));
    test_file("order.txt", seen.at, seen.len);
    shell("/usr/bin/python3 -c \"\n"
          "import os\n"
          "want = [os.path.relpath(os.path.join(r, f), 'o') + ' ' + str(k) for k, c in "
          "enumerate(['a', 'a-b']) for r, _, "
          "fs in sorted(os.walk('o/' + c, "
          "followlinks=True)) for "
          "f in sorted(fs)]\n"
          "got = "
          "open('order.txt').read()."
          "splitlines()\n"
          "assert got == want, (got, want)\"");
    ft_buf_fini(&seen);
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    shell("mkdir o/b && ln -s .. o/b/round");
    EXPECT_ERR(FT_ETOOBIG, test_set_open(&d, test_set_path("o"), NULL));
    EXPECT_WHY("more than 64 deep");
}

/* Files that a shell named, or a pattern in quotes. */
static void test_named(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    (void)state;
    make("n");
    EXPECT_ERR(FT_EINVAL, test_set_open(&d, test_set_path("n/dog/*"), NULL));
    EXPECT_WHY("is a picture and"); /* the folders in it are none */
    EXPECT_OK(test_set_open(&d, test_set_path("n/dog/*.jpg"), NULL));
    EXPECT(ft_dataset_count(d) == 2 && ft_dataset_shards(d) == 1);
    EXPECT(ft_dataset_find(d, FT_STR("label")) < 0); /* of one folder */
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 0));
    EXPECT_STR("P5 dog/10.jpg", text_of(&s.values[0]));
    EXPECT_STR("10.jpg", text_of(&s.values[1])); /* below what all have in common */
    shell("rm n/dog/9.jpg");
    EXPECT_ERR(FT_ECORRUPT, ft_dataset_read(&s, r, 0, 1));
    EXPECT_WHY("n/dog/9.jpg', record 1");
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    EXPECT_OK(test_set_open(&d, test_set_path("n/*/*.[jpJ]*"), NULL));
    EXPECT(ft_dataset_count(d) == 3); /* b.ppm, 10.jpg, z.JPG: no folder is called like one */
    EXPECT_STR("{\"classes\":[\"cat\",\"dog\"]}", ft_dataset_meta(d));
    ft_dataset_free(d);
    ft_dataset_opts none = { .label = FT_STR("none") };
    EXPECT_OK(test_set_open(&d, test_set_path("n/*/*.[jpJ]*"), &none));
    EXPECT(ft_dataset_find(d, FT_STR("label")) < 0);
    ft_dataset_free(d);
    test_text("n/t.csv", "a,b\n1,2\n");
    ft_str both[] = { ft_str_of(test_set_path("n/cat/b.ppm")),
                      ft_str_of(test_set_path("n/t.csv")) };
    EXPECT_ERR(FT_EINVAL, ft_dataset_open(&d, both, 2, NULL));
    EXPECT_WHY("is a picture and");
    ft_dataset_opts tar = { .format = FT_STR("tar") };
    EXPECT_ERR(FT_EINVAL, ft_dataset_open(&d, both, 1, &tar));
}

static void test_list(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    (void)state;
    make("l");
    test_text("l/a.lst", "7\t1\t2.5\tdog/9.jpg\r\n9\t0\t1\tcat/b.ppm\n");
    EXPECT_OK(test_set_open(&d, test_set_path("l/a.lst"), NULL));
    EXPECT(ft_dataset_count(d) == 2 && ft_dataset_fields(d, NULL)[1].shape[0] == 2);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 0));
    EXPECT(((const float *)s.values[1].data)[1] == 2.5f && *(uint64_t *)s.values[3].data == 7);
    EXPECT_STR("P5 dog/9.jpg", text_of(&s.values[0]));
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    test_text("l/b.lst", "7\t1\tx\ty.jpg\n");
    EXPECT_ERR(FT_EPARSE, test_set_open(&d, test_set_path("l/b.lst"), NULL));
    EXPECT_WHY("b.lst:1: expected a label, found 'x'");
    test_text("l/b.lst", "7\t1\ta.jpg\n8\t1\t2\tb.jpg\n");
    EXPECT_ERR(FT_EPARSE, test_set_open(&d, test_set_path("l/b.lst"), NULL));
    EXPECT_WHY("b.lst:2: 2 labels, expected 1");
}

/* Written as a folder, read back as one. */
static void test_write(void **state) {
    ft_dataset *d, *e;
    ft_dataset_reader *r;
    ft_dataset_writer *w;
    ft_sample s;
    size_t count;
    (void)state;
    make("from");
    EXPECT_OK(test_set_open(&d, test_set_path("from"), NULL));
    const ft_field *f = ft_dataset_fields(d, &count);
    ft_dataset_write_opts opts = { .meta = ft_dataset_meta(d) };
    EXPECT_OK(ft_dataset_writer_new(&w, test_set_path("to/"), f, count, &opts));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    while (!ft_dataset_next(&s, r, NULL)) EXPECT_OK(ft_dataset_write(w, s.values));
    EXPECT(access(test_set_path("to"), F_OK) != 0);
    EXPECT_OK(ft_dataset_writer_end(w));
    ft_dataset_writer_free(w);
    EXPECT_OK(test_set_open(&e, test_set_path("to"), NULL));
    EXPECT(ft_dataset_count(e) == 7);
    EXPECT(ft_str_eq(ft_dataset_meta(e), ft_dataset_meta(d)));
    ft_dataset_free(e);
    EXPECT_ERR(FT_EEXIST, ft_dataset_writer_new(&w, test_set_path("to/"), f, count, &opts));
    EXPECT_OK(ft_dataset_writer_new(&w, test_set_path("half/"), f, count, &opts));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 0));
    EXPECT_OK(ft_dataset_write(w, s.values));
    ft_dataset_writer_free(w); /* not ended: nothing stays */
    shell("! ls -d half* 2>/dev/null");
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
}

static void test_faults(void **state) {
    (void)state;
    make("g");
    ft_str path = ft_str_of(test_set_path("g"));
    EACH_FAULT {
        ft_dataset *d;
        ft_dataset_reader *r = NULL;
        ft_sample s;
        ft_err err = ft_dataset_open(&d, &path, 1, NULL);
        if (!err) err = ft_dataset_reader_new(&r, d);
        if (!err) err = ft_dataset_read(&s, r, 0, 2);
        ft_dataset_reader_free(r);
        ft_dataset_free(d);
    }
}

TEST_MAIN(cmocka_unit_test(test_folder), cmocka_unit_test(test_order), cmocka_unit_test(test_named),
          cmocka_unit_test(test_list), cmocka_unit_test(test_write), cmocka_unit_test(test_faults))
