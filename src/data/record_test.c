/* The registry, writers that keep the old file, indexes, reading from an offset, JSON lines. */
#include "base/hash.h"
#include "data/record_in.h"
#include "data/record_test.h"

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

static void test_registry(void **state) {
    const ft_record_format *f;
    (void)state;
    EXPECT_OK(ft_record_format_find(&f, FT_STR("tfrecord")));
    EXPECT(f == &ft_records_tfrecord);
    EXPECT_ERR(FT_EINVAL, ft_record_format_find(&f, FT_STR("tfrecrod")));
    EXPECT_WHY("did you mean 'tfrecord'?");
    EXPECT(ft_record_format_ending(FT_STR("a/b.rec")) == &ft_records_recordio);
    EXPECT(ft_record_format_ending(FT_STR("b.jsonl.gz")) == &ft_records_jsonl);
    EXPECT(ft_record_format_ending(FT_STR("b.tfrecords.zst")) == &ft_records_tfrecord);
    EXPECT(ft_record_format_ending(FT_STR("b.txt")) == NULL);
    for (const ft_record_format *const *g = ft_record_formats; *g; g++)
        EXPECT((*g)->name && (*g)->doc && (*g)->endings && (*g)->media_types && (*g)->sniff &&
               (*g)->next && (*g)->sniff(FT_STR(""), FT_STR("")) == 0);
    ft_records *r;
    EXPECT_ERR(FT_EUNSUPPORTED, ft_records_bytes(&r, FT_STR("hello"), FT_STR("x"), NULL));
    EXPECT_ERR(FT_ENOTFOUND, ft_records_open(&r, path_of("nothing"), NULL));
    ft_records_free(NULL);
    ft_record_writer_free(NULL);
}

/* Writes 100 records of growing size, reads them back: all, from an offset, by the index. */
static void round_trip(const ft_record_format *f, const char *name) {
    ft_record_writer *w;
    ft_records *r;
    ft_record record;
    ft_arena arena = { 0 };
    ft_record_index index;
    uint64_t offsets[100], size;
    char payload[600], path[512], sha[65], want[65];
    snprintf(path, sizeof path, "%s", path_of(name));
    EXPECT_OK(ft_record_writer_new(&w, path, f));
    for (int i = 0; i < 100; i++) {
        int len = snprintf(payload, sizeof payload, "[\"%0*d\"]", i * 5 + 1, i);
        EXPECT_OK(ft_record_write_one(w, &(ft_record){ .bytes = ft_str_n(payload, (size_t)len) },
                                      &offsets[i]));
    }
    EXPECT(access(path, F_OK) != 0); /* in place only at the end */
    EXPECT_OK(ft_record_writer_end(w));
    ft_record_writer_free(w);

    ft_record_opts opts = { .hash = true, .format = ft_str_of(f->name) };
    EXPECT_OK(ft_records_open(&r, path, &opts));
    for (int i = 0; i < 100; i++) {
        EXPECT_OK(ft_records_next(r, &record));
        snprintf(payload, sizeof payload, "[\"%0*d\"]", i * 5 + 1, i);
        EXPECT_STR(payload, record.bytes);
        EXPECT(record.offset == offsets[i] && record.number == (uint64_t)i);
    }
    EXPECT_ERR(FT_ENOTFOUND, ft_records_next(r, &record));
    EXPECT_OK(ft_records_end(r, sha, &size));
    EXPECT_OK(ft_sha256_file(want, path));
    EXPECT(strcmp(sha, want) == 0);
    ft_records_free(r);

    opts = (ft_record_opts){ .offset = offsets[70], .format = ft_str_of(f->name) };
    EXPECT_OK(ft_records_open(&r, path, &opts));
    EXPECT_OK(ft_records_next(r, &record));
    snprintf(payload, sizeof payload, "[\"%0*d\"]", 351, 70);
    EXPECT_STR(payload, record.bytes);
    ft_records_free(r);
    opts.offset = size + 1;
    EXPECT_ERR(FT_ECORRUPT, ft_records_open(&r, path, &opts));

    opts.offset = 0;
    EXPECT_OK(ft_record_index_scan(&index, &arena, path, &opts));
    EXPECT(index.count == 100 && index.keys[99] == 99 &&
           memcmp(index.offsets, offsets, sizeof offsets) == 0);
    ft_arena_fini(&arena);
}

static void test_round_trips(void **state) {
    (void)state;
    round_trip(&ft_records_recordio, "a.rec");
    round_trip(&ft_records_sagemaker, "a.pbr");
    round_trip(&ft_records_tfrecord, "a.tfrecord");
    round_trip(&ft_records_jsonl, "a.jsonl");
}

static size_t files_here(void) {
    ft_arena arena = { 0 };
    ft_str *names;
    size_t count;
    EXPECT_OK(ft_dir_list(&names, &count, &arena, test_dir()));
    ft_arena_fini(&arena);
    return count;
}

/* Whatever call fails, the old file is whole or the new one is there, and nothing else is left. */
static void test_old_file_stays(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", path_of("old.jsonl"));
    test_text("old.jsonl", "[0]\n");
    size_t files = files_here();
    EACH_FAULT {
        ft_record_writer *w = NULL;
        ft_err err = ft_record_writer_new(&w, path, &ft_records_jsonl);
        if (!err) err = ft_record_write_bytes(w, FT_STR("[1]"));
        if (!err) err = ft_record_writer_end(w);
        ft_record_writer_free(w);
        long round = fault_;
        ft_fault_off();
        ft_arena arena = { 0 };
        ft_str now;
        EXPECT_OK(ft_file_read(&now, &arena, path, 100));
        /* When the folder cannot be flushed after the rename, the new file is there all the same. */
        EXPECT(ft_str_is(now, "[1]\n") || (err && ft_str_is(now, "[0]\n")));
        EXPECT(files_here() == files);
        ft_arena_fini(&arena);
        test_text("old.jsonl", "[0]\n");
        fault_ = round;
    }
    ft_record_writer *w;
    EXPECT_ERR(FT_ENOTFOUND,
               ft_record_writer_new(&w, path_of("no/such/x.rec"), &ft_records_recordio));
}

static void test_index(void **state) {
    ft_arena arena = { 0 };
    ft_record_index x;
    ft_buf out = { 0 };
    (void)state;
    EXPECT_OK(
        ft_record_index_read(&x, &arena, FT_STR("0\t0\n7\t36\r\n\n9\t100"), FT_STR("a.idx"), 0));
    EXPECT(x.count == 3 && x.keys[1] == 7 && x.offsets[1] == 36 && x.offsets[2] == 100);
    EXPECT_OK(ft_record_index_write(&out, &x));
    EXPECT_STR("0\t0\n7\t36\n9\t100\n", ft_buf_str(&out));
    EXPECT_ERR(FT_EPARSE,
               ft_record_index_read(&x, &arena, FT_STR("0\t0\n1 5\n"), FT_STR("a.idx"), 0));
    EXPECT_WHY("a.idx:2: expected a key, a tab and an offset");
    EXPECT_ERR(FT_ECORRUPT,
               ft_record_index_read(&x, &arena, FT_STR("0\t50\n"), FT_STR("a.idx"), 50));
    EXPECT_WHY("a.idx:1: offset 50 is past the end of the file (50 bytes)");
    ft_buf_fini(&out);
    ft_arena_fini(&arena);
}

static void test_jsonl(void **state) {
    test_seen seen = { 0 };
    ft_record_opts opts = { 0 };
    ft_buf out = { 0 };
    ft_record_write w = { .out = &out };
    (void)state;
    EXPECT_OK(test_read_all(&seen, FT_STR("{\"a\":1}\r\n\n[2]\n  3  \n\"x\""),
                            &(ft_record_opts){ .format = FT_STR("jsonl") }));
    EXPECT_STR("{\"a\":1}|[2]|3|\"x\"", ft_buf_str(&seen.all));
    opts.bad_max = 1;
    EXPECT_OK(test_read_all(&seen, FT_STR("[1]\n[2\n[3]\n"), &opts));
    EXPECT(seen.bad == 1 && seen.count == 2);
    opts.bad_max = 0;
    EXPECT_ERR(FT_EPARSE, test_read_all(&seen, FT_STR("[1]\n[2\n[3]\n"), &opts));
    EXPECT_WHY("'mem', record 1 at byte 4");
    opts = (ft_record_opts){ .record_bytes_max = 8, .format = FT_STR("jsonl") };
    EXPECT_ERR(FT_ETOOBIG, test_read_all(&seen, FT_STR("[1]\n[1,2,3,4,5,6]\n"), &opts));
    EXPECT_ERR(FT_EINVAL, ft_records_jsonl.write(&w, &(ft_record){ .bytes = FT_STR("[1,\n2]") }));
    EXPECT_ERR(FT_EPARSE, ft_records_jsonl.write(&w, &(ft_record){ .bytes = FT_STR("[1") }));
    ft_buf_fini(&out);
    ft_buf_fini(&seen.all);
}

/* Packed records are read, but not from the middle of a packed file backwards. */
static void test_packed(void **state) {
    ft_records *r;
    ft_record record;
    char line[1200], path[512];
    (void)state;
    test_text("p.jsonl", "[1]\n[2]\n[3]\n");
    snprintf(line, sizeof line, "gzip -f '%s/p.jsonl'", test_dir());
    EXPECT(system(line) == 0);
    snprintf(path, sizeof path, "%s", path_of("p.jsonl.gz"));
    ft_record_opts opts = { .offset = 8 };
    EXPECT_OK(ft_records_open(&r, path, &opts));
    EXPECT_OK(ft_records_next(r, &record));
    EXPECT_STR("[3]", record.bytes);
    ft_records_free(r);
}

static void test_faults(void **state) {
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s", test_text("f.jsonl", "[1]\n[2]\n").at);
    EACH_FAULT {
        ft_records *r;
        ft_record record;
        ft_err err = ft_records_open(&r, path, NULL);
        EXPECT(!err == !!r);
        while (!err) err = ft_records_next(r, &record);
        ft_records_free(r);
    }
}

TEST_MAIN(cmocka_unit_test(test_registry), cmocka_unit_test(test_round_trips),
          cmocka_unit_test(test_old_file_stays), cmocka_unit_test(test_index),
          cmocka_unit_test(test_jsonl), cmocka_unit_test(test_packed),
          cmocka_unit_test(test_faults))
