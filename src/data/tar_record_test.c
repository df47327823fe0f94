/* WebDataset archives: as GNU tar and Python's tarfile write them, and theirs as we write them. */
#include "data/dataset_test.h"
#include "data/record_in.h"
#include "data/tar_member.h"

static void shell(const char *body) {
    char script[4096];
    snprintf(script, sizeof script, "cd '%s' && %s", test_dir(), body);
    EXPECT(system(script) == 0);
}

static ft_str text_of(const ft_sample *s, const ft_dataset *d, const char *field) {
    int i = ft_dataset_find(d, ft_str_of(field));
    EXPECT(i >= 0);
    const ft_array *v = &s->values[i];
    return v->data ? ft_str_n(v->data, (size_t)v->shape[0]) : FT_STR("(absent)");
}

#define LONG                                                          \
    "a-folder-with-a-long-name/another-one-that-is-not-short-either/" \
    "and-a-third-that-makes-it-over"

static void make_files(void) {
    shell("mkdir -p t/" LONG "/x t/b && cd t && printf zero > a.txt && printf 7 > a.cls && "
          "printf one > b/c.txt && printf ' 8\n' > b/c.cls && printf '{}' > b/c.seg.json && "
          "printf two > " LONG "/x/deep.txt && printf 9 > " LONG "/x/deep.cls && "
          "printf no > README && printf three > d.txt");
}

static void expect_samples(const char *name) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    EXPECT_OK(test_set_open(&d, test_set_path(name), NULL));
    EXPECT(ft_dataset_count(d) == 4 && ft_dataset_random(d));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 2));
    EXPECT_STR("two", text_of(&s, d, "txt"));
    EXPECT_STR(LONG "/x/deep", text_of(&s, d, "key"));
    EXPECT(*(int64_t *)s.values[ft_dataset_find(d, FT_STR("label"))].data == 9);
    EXPECT_OK(ft_dataset_read(&s, r, 0, 1));
    EXPECT_STR("b/c", text_of(&s, d, "key"));
    EXPECT_STR("{}", text_of(&s, d, "seg.json"));
    EXPECT(*(int64_t *)s.values[ft_dataset_find(d, FT_STR("cls"))].data == 8);
    EXPECT_OK(ft_dataset_read(&s, r, 0, 3));
    EXPECT_STR("three", text_of(&s, d, "txt"));
    EXPECT_STR("(absent)", text_of(&s, d, "seg.json"));
    EXPECT_OK(ft_dataset_seek(r, 0, 0));
    for (int i = 0; i < 4; i++) EXPECT_OK(ft_dataset_next(&s, r, NULL));
    EXPECT_ERR(FT_ENOTFOUND, ft_dataset_next(&s, r, NULL));
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
}

#define MEMBERS                                                                   \
    "a.txt a.cls README b b/c.txt b/c.cls b/c.seg.json " LONG "/x/deep.txt " LONG \
    "/x/deep.cls d.txt"

static void test_gnu(void **state) {
    static const char *const formats[] = { "gnu", "ustar", "posix", "v7" };
    (void)state;
    if (system("tar --version >/dev/null 2>&1") != 0) SKIP("GNU tar is absent");
    make_files();
    for (int i = 0; i < 4; i++) {
        char body[2048];
        if (strcmp(formats[i], "v7") == 0) continue; /* v7 has no names of over 99 bytes */
        snprintf(body, sizeof body, "cd t && tar --no-recursion --format=%s -cf ../%s.tar " MEMBERS,
                 formats[i], formats[i]);
        shell(body);
        snprintf(body, sizeof body, "%s.tar", formats[i]);
        expect_samples(body);
    }
    shell(
        "ln -s a.txt t/l.txt && cd t && tar --no-recursion -cf ../link.tar a.txt a.cls l.txt " LONG
        " b/c.txt b/c.cls b/c.seg.json " LONG "/x/deep.txt " LONG "/x/deep.cls d.txt");
    expect_samples("link.tar"); /* links and folders are no part of a sample */
}

static void test_python(void **state) {
    (void)state;
    make_files();
    shell("/usr/bin/python3 -c \"\n"
          "import tarfile\n"
          "for f, n in ((tarfile.PAX_FORMAT, 'pax'), (tarfile.GNU_FORMAT, 'gnu'), "
          "(tarfile.USTAR_FORMAT, 'us')):\n"
          "    t = tarfile.open('py-' + n + '.tar', 'w', format=f)\n"
          "    for m in '" MEMBERS "'.split(): t.add('t/' + m, m, recursive=False)\n"
          "    t.close()\n\"");
    expect_samples("py-pax.tar");
    expect_samples("py-gnu.tar");
    expect_samples("py-us.tar");
}

/* What we write, GNU tar and tarfile read; long names and all. */
static void test_written(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_dataset_writer *w;
    ft_sample s;
    size_t count;
    (void)state;
    make_files();
    shell("cd t && tar --no-recursion -cf ../in.tar " MEMBERS);
    EXPECT_OK(test_set_open(&d, test_set_path("in.tar"), NULL));
    const ft_field *f = ft_dataset_fields(d, &count);
    EXPECT_OK(ft_dataset_writer_new(&w, test_set_path("out.tar"), f, count, NULL));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    while (!ft_dataset_next(&s, r, NULL)) EXPECT_OK(ft_dataset_write(w, s.values));
    EXPECT_OK(ft_dataset_writer_end(w));
    ft_dataset_writer_free(w);
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    expect_samples("out.tar");
    shell("rm -rf u && mkdir u && tar -xf out.tar -C u && cmp u/" LONG "/x/deep.txt t/" LONG
          "/x/deep.txt && cmp u/b/c.seg.json t/b/c.seg.json && test $(cat u/b/c.cls) = 8");
    shell("/usr/bin/python3 -c \"\nimport tarfile\nt = tarfile.open('out.tar')\n"
          "assert len(t.getmembers()) == 8, t.getnames()\"");
}

static void test_damage(void **state) {
    ft_dataset *d;
    (void)state;
    make_files();
    shell("cd t && tar --no-recursion -cf ../in.tar " MEMBERS " && cd .. && "
          "head -c 2000 in.tar > cut.tar && head -c 4608 in.tar > edge.tar && "
          "cat in.tar in.tar > two.tar && cp in.tar sum.tar && printf X | dd of=sum.tar bs=1 "
          "seek=1024 "
          "conv=notrunc 2>/dev/null");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("cut.tar"), NULL));
    EXPECT_WHY("cut.tar', record ");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("edge.tar"), NULL));
    EXPECT_WHY("the archive ends without its end mark");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("two.tar"), NULL));
    EXPECT_WHY("something follows the archive's end mark");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("sum.tar"), NULL));
    EXPECT_WHY("its sum is wrong");
}

/* Pictures of several kinds are one field, unless a sample has two; an empty one is told. */
static void test_pictures(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    (void)state;
    shell("rm -rf p && mkdir p && cd p && printf '\\377\\330\\377a' > a.jpg && printf 3 > a.cls && "
          "printf '\\211PNG\\r\\n\\032\\nb' > b.png && printf 4 > b.cls && : > c.jpeg && "
          "cp b.png a.png && tar -cf ../pm.tar a.jpg a.cls b.png b.cls c.jpeg && "
          "tar -cf ../pair.tar a.jpg a.png");
    EXPECT_OK(test_set_open(&d, test_set_path("pm.tar"), NULL));
    int image = ft_dataset_find(d, FT_STR("image"));
    EXPECT(image >= 0 && ft_dataset_find(d, FT_STR("png")) < 0);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 0));
    EXPECT(s.values[image].shape[0] == 4);
    EXPECT_OK(ft_dataset_read(&s, r, 0, 1));
    EXPECT(s.values[image].shape[0] == 9);
    EXPECT_ERR(FT_ECORRUPT, ft_dataset_read(&s, r, 0, 2));
    EXPECT_WHY("record 2 (byte ");
    EXPECT_WHY("the picture 'image' is empty (0 bytes)");
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    EXPECT_OK(test_set_open(&d, test_set_path("pair.tar"), NULL));
    EXPECT(ft_dataset_find(d, FT_STR("png")) >= 0 && ft_dataset_find(d, FT_STR("jpg")) >= 0);
    ft_dataset_free(d);
}

/* Sizes past 8 GiB: GNU's binary form and pax, without the bytes. */
static void test_large(void **state) {
    ft_tar_member m;
    ft_buf b = { 0 };
    (void)state;
    uint64_t size = ((uint64_t)9 << 30) + 5;
    EXPECT_OK(ft_tar_member_write(&b, FT_STR("x.bin"), size));
    EXPECT_OK(ft_tar_member_read(&m, ft_buf_str(&b)));
    EXPECT(m.size == size && m.head == 512 && m.total == 512 + ((uint64_t)9 << 30) + 512);
    ft_buf_fini(&b);
    shell("/usr/bin/python3 -c \"\nimport tarfile\n"
          "for f, n in ((tarfile.PAX_FORMAT, 'big-pax'), (tarfile.GNU_FORMAT, 'big-gnu')):\n"
          "    i = tarfile.TarInfo('y.bin')\n    i.size = (9 << 30) + 5\n"
          "    open(n, 'wb').write(i.tobuf(f))\"");
    const char *const names[] = { "big-pax", "big-gnu" };
    for (int i = 0; i < 2; i++) {
        ft_arena arena = { 0 };
        ft_str bytes;
        EXPECT_OK(ft_file_read(&bytes, &arena, test_set_path(names[i]), 1 << 20));
        EXPECT_OK(ft_tar_member_read(&m, bytes));
        EXPECT(m.size == size && !m.need);
        EXPECT_STR("y.bin", m.name);
        for (size_t cut = 0; cut < m.head; cut += 100) {
            ft_tar_member part;
            EXPECT_OK(ft_tar_member_read(&part, ft_str_slice(bytes, 0, cut)));
            EXPECT(part.need > cut);
        }
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_gnu), cmocka_unit_test(test_python), cmocka_unit_test(test_written),
          cmocka_unit_test(test_damage), cmocka_unit_test(test_pictures),
          cmocka_unit_test(test_large))
