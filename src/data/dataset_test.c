/* Datasets of every format: what is written is read back, by number and in order, with the fields
 * that were written; and what is refused. */
#include "data/dataset.h"

#include "base/files.h"
#include "data/dataset_test.h"
#include "data/record.h"

/* Image, label, id: what every image format holds. */
static const ft_field image_fields[] = {
    { .name = { "image", 5 }, .kind = FT_FIELD_IMAGE, .dtype = FT_U8, .ndim = 1, .shape = { -1 } },
    { .name = { "label", 5 }, .dtype = FT_F32 },
    { .name = { "id", 2 }, .dtype = FT_U64 },
};

static void image_sample(ft_array *v, uint64_t i) {
    static char image[400];
    static float label;
    static uint64_t id;
    size_t bytes = 12 + (size_t)(i * 53 % 380);
    memcpy(image, "\xff\xd8\xff\xe0", 4);
    for (size_t k = 4; k < bytes; k++) image[k] = (char)(i + k);
    label = (float)(i % 10);
    id = i;
    v[0] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)bytes }, .data = image };
    v[1] = (ft_array){ .dtype = FT_F32, .data = &label };
    v[2] = (ft_array){ .dtype = FT_U64, .data = &id };
}

/* Numbers and texts: what tables hold. */
static const ft_field row_fields[] = {
    { .name = { "n", 1 }, .dtype = FT_I64 },
    { .name = { "x", 1 }, .dtype = FT_F64, .ndim = 1, .shape = { 3 } },
    { .name = { "word", 4 }, .kind = FT_FIELD_TEXT, .dtype = FT_U8, .ndim = 1, .shape = { -1 } },
};

static void row_sample(ft_array *v, uint64_t i) {
    static int64_t n;
    static double x[3];
    static char word[40];
    n = (int64_t)i * 7 - 100;
    for (int k = 0; k < 3; k++) x[k] = (double)i / 4 + k + 0.125;
    int len = snprintf(word, sizeof word, "w%llu,\"q\" \xc3\xa9", (unsigned long long)i);
    v[0] = (ft_array){ .dtype = FT_I64, .data = &n };
    v[1] = (ft_array){ .dtype = FT_F64, .ndim = 1, .shape = { 3 }, .data = x };
    v[2] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { len }, .data = word };
}

static const test_set images = { image_fields, 3, image_sample };
static const test_set rows = { row_fields, 3, row_sample };

/* Formats that keep other types than they are given say how: numbers are compared as numbers. */
static void round_trip(const char *name, const test_set *set) {
    ft_dataset *d;
    const char *path = test_set_path(name);
    test_set_write(path, set, 500);
    EXPECT_OK(test_set_open(&d, path, NULL));
    EXPECT(ft_dataset_count(d) == 500 && ft_dataset_random(d));
    test_set_expect(d, set, 500);
    ft_dataset_free(d);
    ft_dataset_opts opts = { .no_index = true };
    EXPECT_OK(test_set_open(&d, path, &opts));
    if (!ft_dataset_random(d)) EXPECT(ft_dataset_count(d) == FT_DATASET_UNKNOWN);
    test_set_expect(d, set, 500);
    ft_dataset_free(d);
}

static void test_images(void **state) {
    (void)state;
    round_trip("a.fts", &images);
    round_trip("a.tfrecord", &images);
    round_trip("a.rec", &images);
    round_trip("a.tar", &images);
}

/* A table's row: what CSV holds as it is. */
static const ft_field cell_fields[] = {
    { .name = { "n", 1 }, .dtype = FT_I64 },
    { .name = { "x", 1 }, .dtype = FT_F64 },
    { .name = { "word, \"or\" two", 14 },
      .kind = FT_FIELD_TEXT,
      .dtype = FT_U8,
      .ndim = 1,
      .shape = { -1 } },
    { .name = { "y", 1 }, .dtype = FT_F32 },
};

static void cell_sample(ft_array *v, uint64_t i) {
    static const char *const words[] = { "plain", "with, comma", "line\nbreak", "\"quoted\"", "" };
    static int64_t n;
    static double x;
    static float y;
    n = (int64_t)(i * 0x9e3779b97f4a7c15u >> 3);
    x = (double)i * 0.1;
    y = (float)i * 0.3f;
    v[0] = (ft_array){ .dtype = FT_I64, .data = &n };
    v[1] = (ft_array){ .dtype = FT_F64, .data = &x };
    v[2] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)strlen(words[i % 5]) } };
    v[2].data = (void *)(uintptr_t)words[i % 5];
    v[3] = (ft_array){ .dtype = FT_F32, .data = &y };
}

static const test_set cells = { cell_fields, 4, cell_sample };

/* As pandas writes and reads it. */
static void test_csv(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    size_t count;
    (void)state;
    const char *path = test_set_path("c.csv");
    test_set_write(path, &cells, 1000);
    EXPECT_OK(test_set_open(&d, path, NULL));
    const ft_field *f = ft_dataset_fields(d, &count);
    EXPECT(count == 4 && f[0].dtype == FT_I64 && f[1].dtype == FT_F64 &&
           f[2].kind == FT_FIELD_TEXT);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    for (uint64_t i = 1000; i-- > 0;) {
        ft_array want[4];
        cell_sample(want, i);
        EXPECT_OK(ft_dataset_read(&s, r, 0, i));
        for (int k = 0; k < 3; k++) EXPECT(test_value_same(&s.values[k], &want[k]));
        EXPECT((float)*(double *)s.values[3].data == *(float *)want[3].data);
    }
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    char script[2048];
    snprintf(
        script, sizeof script,
        "/usr/bin/python3 -c \"import pandas as p; d = p.read_csv('%s', keep_default_na=False); "
        "assert d.shape == (1000, 4), d.shape; assert d['n'][3] == 3 * 0x9e3779b97f4a7c15 %% "
        "2**64 >> 3; assert d.iloc[7, 2] == 'line\\nbreak', d.iloc[7]; d.to_csv('%s', "
        "index=False)\"",
        path, test_set_path("d.csv"));
    if (system("/usr/bin/python3 -c 'import pandas' 2>/dev/null") != 0) SKIP("pandas is absent");
    EXPECT(system(script) == 0);
    EXPECT_OK(test_set_open(&d, test_set_path("d.csv"), NULL));
    EXPECT(ft_dataset_count(d) == 1000);
    ft_dataset_free(d);
}

/* No header: numbers are one array, the label is the first column, as SageMaker has it. */
static void test_csv_stacked(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    size_t count;
    (void)state;
    ft_str path = test_text("e.csv", "1;1,5;2;x\r\n0;2,5;;y\r\n\r\n1;3;4;z\r\n1;2\r\n0;a;4;z\r\n");
    EXPECT_OK(test_set_open(&d, path.at, NULL));
    const ft_field *f = ft_dataset_fields(d, &count);
    EXPECT(count == 3 && ft_dataset_count(d) == 5);
    EXPECT_STR("label", f[0].name);
    EXPECT(f[0].dtype == FT_I64 && f[1].kind == FT_FIELD_TEXT && f[2].shape[0] == 2);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 1));
    const float *v = s.values[2].data;
    EXPECT(v[0] == 2.5f && isnan(v[1]) && *(int64_t *)s.values[0].data == 0);
    EXPECT_OK(ft_dataset_read(&s, r, 0, 2));
    EXPECT(((float *)s.values[2].data)[0] == 3.0f);
    EXPECT_ERR(FT_EPARSE, ft_dataset_read(&s, r, 0, 3));
    EXPECT_WHY("e.csv', record 3 (byte 32): 2 cells, expected 4");
    EXPECT_ERR(FT_EPARSE, ft_dataset_read(&s, r, 0, 4));
    EXPECT_WHY("column 2 (c1): expected a number, found 'a'");
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    path = test_text("g.csv", "a,b,y,a\n1,2,0,4\n5,6,1,8\n");
    ft_dataset_opts opts = { .stack = 1 };
    EXPECT_OK(test_set_open(&d, path.at, &opts));
    EXPECT(ft_dataset_find(d, FT_STR("label")) == 0 && ft_dataset_fields(d, NULL)[1].shape[0] == 3);
    ft_dataset_free(d);
    opts.label = FT_STR("nothing");
    EXPECT_ERR(FT_EINVAL, test_set_open(&d, path.at, &opts));
    EXPECT_OK(test_set_open(&d, path.at, NULL)); /* two columns of one name */
    EXPECT(ft_dataset_find(d, FT_STR("a_2")) == 3);
    ft_dataset_free(d);
    test_text("h.csv", "a,c,y,a\n1,2,0,4\n");
    const ft_str two[] = { ft_str_of(test_set_path("g.csv")), ft_str_of(test_set_path("h.csv")) };
    EXPECT_ERR(FT_EINVAL, ft_dataset_open(&d, two, 2, NULL));
}

static void test_libsvm(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    ft_dataset_writer *w;
    (void)state;
    ft_str path = test_text("l.libsvm", "# c\n1:2 qid:7 0:1.5 3:2 # x\n\n0:1 qid:8 9\n-1 5:x\n");
    EXPECT_OK(test_set_open(&d, path.at, NULL));
    EXPECT(ft_dataset_count(d) == 3);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 0));
    EXPECT(ft_array_f64(&s.values[ft_dataset_find(d, FT_STR("weight"))], 0) == 2 &&
           ft_array_f64(&s.values[ft_dataset_find(d, FT_STR("qid"))], 0) == 7);
    EXPECT(s.values[1].shape[0] == 2 && ft_array_f64(&s.values[1], 1) == 3);
    EXPECT_ERR(FT_EPARSE, ft_dataset_read(&s, r, 0, 2));
    EXPECT_WHY("expected index:value, found '5:x'");
    size_t count;
    const ft_field *f = ft_dataset_fields(d, &count);
    EXPECT_OK(ft_dataset_writer_new(&w, test_set_path("m.libsvm"), f, count, NULL));
    for (uint64_t i = 0; i < 2; i++) {
        EXPECT_OK(ft_dataset_read(&s, r, 0, i));
        EXPECT_OK(ft_dataset_write(w, s.values));
    }
    EXPECT_OK(ft_dataset_writer_end(w));
    ft_dataset_writer_free(w);
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    ft_arena arena = { 0 };
    ft_str text;
    EXPECT_OK(ft_file_read(&text, &arena, test_set_path("m.libsvm"), 1000));
    EXPECT_STR("1:2 qid:7 0:1.5 3:2\n0:1 qid:8 9:1\n", text);
    ft_arena_fini(&arena);
    EXPECT_ERR(FT_EUNSUPPORTED, ft_dataset_writer_new(&w, path.at, cell_fields, 4, NULL));
    EXPECT_WHY("has no place in libsvm");
}

static void test_rows(void **state) {
    (void)state;
    round_trip("b.tar", &rows);
    round_trip("b.fts", &rows);
    round_trip("b.jsonl", &rows);
    round_trip("b.tfrecord", &rows);
    round_trip("b.pbr", &rows);
}

/* Without the .idx file the records are found by passing over them; with a wrong one, none is given
 * twice or left out in silence. */
static void test_index(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample sample;
    (void)state;
    const char *path = test_set_path("i.rec");
    test_set_write(path, &images, 50);
    EXPECT(access(test_set_path("i.idx"), F_OK) == 0);
    EXPECT(unlink(test_set_path("i.idx")) == 0);
    path = test_set_path("i.rec");
    EXPECT_OK(test_set_open(&d, path, NULL));
    test_set_expect(d, &images, 50);
    ft_dataset_free(d);
    test_text("i.idx", "0\t0\n1\t4\n");
    EXPECT_OK(test_set_open(&d, path, NULL));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_ERR(FT_ECORRUPT, ft_dataset_read(&sample, r, 0, 1));
    EXPECT_WHY("i.rec', record 1 (byte 4)");
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    test_text("i.idx", "0\t0\n");
    EXPECT_OK(test_set_open(&d, path, NULL));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_ERR(FT_ECORRUPT, ft_dataset_read(&sample, r, 0, 0));
    EXPECT_WHY("the index leaves out a record");
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    test_text("i.idx", "0\t0\n1\t99999999\n");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, path, NULL));
    EXPECT_WHY("past the end");
    test_text("i.idx", "1\t100\n");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, path, NULL));
}

/* Payloads that are not the usual one are bytes. */
static void test_bytes(void **state) {
    ft_record_writer *w;
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    const ft_record_format *f;
    (void)state;
    EXPECT_OK(ft_record_format_find(&f, FT_STR("tfrecord")));
    EXPECT_OK(ft_record_writer_new(&w, test_set_path("x.tfrecord"), f));
    EXPECT_OK(ft_record_write_bytes(w, FT_STR("hello")));
    EXPECT_OK(ft_record_write_bytes(w, FT_STR("")));
    EXPECT_OK(ft_record_writer_end(w));
    ft_record_writer_free(w);
    EXPECT_OK(test_set_open(&d, test_set_path("x.tfrecord"), NULL));
    EXPECT(ft_dataset_count(d) == 2 && ft_dataset_find(d, FT_STR("bytes")) == 0);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 0));
    EXPECT_STR("hello", ft_str_n(s.values[0].data, (size_t)s.values[0].shape[0]));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 1)); /* a record of no bytes is a record */
    EXPECT(s.values[0].data && s.values[0].shape[0] == 0);
    EXPECT_ERR(FT_EINVAL, ft_dataset_read(&s, r, 0, 2));
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    ft_dataset_opts opts = { .payload = FT_STR("example") };
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("x.tfrecord"), &opts));
    opts.payload = FT_STR("exmaple");
    EXPECT_ERR(FT_EINVAL, test_set_open(&d, test_set_path("x.tfrecord"), &opts));
    EXPECT_WHY("did you mean 'example'?");
}

/* JSON of many kinds. */
static void test_json(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    size_t count;
    (void)state;
    ft_str path = test_text(
        "k.jsonl", "{\"a\":1,\"m\":[[1,2],[3,4]],\"t\":\"x\\ny\",\"o\":{\"k\":1},\"f\":true}\n"
                   "{\"a\":2.5,\"m\":[[5,6],[7,8.5]],\"n\":null,\"o\":[1,\"x\"]}\n"
                   "{\"a\":3,\"t\":\"\"}\n"
                   "{\"a\":\"no\"}\n{\"a\":5}\n");
    EXPECT_OK(test_set_open(&d, path.at, NULL));
    const ft_field *f = ft_dataset_fields(d, &count);
    EXPECT(count == 5 && ft_dataset_count(d) == 5);
    EXPECT(f[0].kind == FT_FIELD_TEXT); /* a number here, a text there */
    EXPECT(f[1].dtype == FT_F64 && f[1].ndim == 2 && f[1].shape[0] == 2 && f[1].shape[1] == 2);
    EXPECT(f[4].dtype == FT_BOOL);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 1));
    EXPECT(((double *)s.values[1].data)[3] == 8.5 && !s.values[2].data && !s.values[4].data);
    EXPECT_STR("2.5", ft_str_n(s.values[0].data, (size_t)s.values[0].shape[0]));
    EXPECT_STR("[1,\"x\"]", ft_str_n(s.values[3].data, (size_t)s.values[3].shape[0]));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 0));
    EXPECT_STR("x\ny", ft_str_n(s.values[2].data, (size_t)s.values[2].shape[0]));
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    path = test_text("k.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    FILE *more = fopen(path.at, "ab");
    EXPECT(more);
    for (int i = 0; i < 5000; i++) fputs("{\"a\":3}\n", more);
    fputs("{\"a\":[1]}\n{\"a\":4}\n", more);
    fclose(more);
    EXPECT_OK(test_set_open(&d, path.at, NULL));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_ERR(FT_EPARSE, ft_dataset_read(&s, r, 0, 5002));
    EXPECT_WHY("k.jsonl', record 5002 (byte 40016)");
    EXPECT_OK(ft_dataset_read(&s, r, 0, 5003));
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
}

/* A truncated file is told when it is opened; a damaged record when it is read, and alone. */
static void test_damage(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    (void)state;
    const char *path = test_set_path("t.tfrecord");
    test_set_write(path, &images, 20);
    FILE *f = fopen(path, "r+b");
    EXPECT(f && fseek(f, 600, SEEK_SET) == 0 && fputc(0x55, f) != EOF && fclose(f) == 0);
    EXPECT_OK(test_set_open(&d, path, NULL));
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    int bad = 0;
    for (uint64_t i = 0; i < 20; i++) {
        ft_err err = ft_dataset_read(&s, r, 0, i);
        EXPECT(!err || err == FT_ECORRUPT);
        bad += err != FT_OK;
    }
    EXPECT(bad == 1);
    bool go_on = true;
    EXPECT_OK(ft_dataset_seek(r, 0, 0));
    int good = 0;
    for (ft_err err; (err = ft_dataset_next(&s, r, &go_on)) != FT_ENOTFOUND;) {
        EXPECT(go_on);
        good += !err;
    }
    EXPECT(good == 19);
    EXPECT(truncate(path, 1000) == 0);
    EXPECT_ERR(FT_ECORRUPT, ft_dataset_read(&s, r, 0, 19)); /* it shrank meanwhile */
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, path, NULL));
    EXPECT_WHY("t.tfrecord', record ");
}

/* A record over the limit is refused, in whatever way it is met; the others are read. */
static void test_over_limit(void **state) {
    static const char *const names[] = { "o.tfrecord", "o.rec", "o.tar" };
    (void)state;
    for (int i = 0; i < 3; i++) {
        ft_dataset *d;
        ft_dataset_reader *r;
        ft_sample s;
        const char *path = test_set_path(names[i]);
        test_set_write(path, &images, 8);
        ft_dataset_opts opts = { .record_bytes_max = i == 2 ? 2600 : 200 };
        EXPECT_OK(test_set_open(&d, path, &opts));
        EXPECT_OK(ft_dataset_reader_new(&r, d));
        int large = 0;
        for (uint64_t k = 0; k < 8; k++) {
            ft_err err = ft_dataset_read(&s, r, 0, k);
            EXPECT(!err || err == FT_ETOOBIG);
            large += err == FT_ETOOBIG;
        }
        EXPECT(large > 0 || i == 2);
        ft_dataset_reader_free(r);
        ft_dataset_free(d);
    }
    ft_dataset *d;
    ft_dataset_opts opts = { .record_bytes_max = 20 };
    ft_str path = test_text("o.jsonl", "{\"a\":1}\n{\"a\":\"0123456789012345678901234567890\"}\n");
    EXPECT_ERR(FT_ETOOBIG, test_set_open(&d, path.at, &opts));
    EXPECT_WHY("o.jsonl', record 1 at byte 8");
}

/* A stream is read once, in order. */
static void test_stream(void **state) {
    ft_dataset *d;
    ft_input *in;
    (void)state;
    const char *path = test_set_path("s.tfrecord");
    test_set_write(path, &images, 100);
    EXPECT_OK(ft_input_open(&in, path, &(ft_input_opts){ .no_hash = true }));
    EXPECT_OK(ft_dataset_open_input(&d, in, NULL));
    EXPECT(!ft_dataset_random(d) && ft_dataset_count(d) == FT_DATASET_UNKNOWN);
    test_set_expect(d, &images, 100);
    ft_dataset_reader *r;
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_ERR(FT_ECONFLICT, ft_dataset_seek(r, 0, 0));
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
    char line[1200];
    snprintf(line, sizeof line, "gzip -kf '%s'", path);
    EXPECT(system(line) == 0);
    EXPECT_OK(test_set_open(&d, test_set_path("s.tfrecord.gz"), NULL));
    EXPECT(!ft_dataset_random(d));
    test_set_expect(d, &images, 100);
    test_set_expect(d, &images, 100); /* a file can be read again */
    ft_dataset_free(d);
}

/* Written packed, read packed; the tools unpack it. */
static void test_packed(void **state) {
    static const char *const names[] = { "p.jsonl.gz", "p.tfrecord.zst", "p.tar.gz" };
    static const char *const tools[] = { "gzip -t", "zstd -qt", "tar -tzf" };
    (void)state;
    for (int i = 0; i < 3; i++) {
        ft_dataset *d;
        const char *path = test_set_path(names[i]);
        char line[1200];
        test_set_write(path, &rows, 3000);
        EXPECT_OK(test_set_open(&d, path, NULL));
        EXPECT(!ft_dataset_random(d));
        test_set_expect(d, &rows, 3000);
        ft_dataset_free(d);
        snprintf(line, sizeof line, "! command -v %.4s >/dev/null || %s '%s' >/dev/null", tools[i],
                 tools[i], path);
        EXPECT(system(line) == 0);
    }
    ft_dataset_writer *w;
    EXPECT_ERR(FT_EUNSUPPORTED,
               ft_dataset_writer_new(&w, test_set_path("p.fts.gz"), row_fields, 3, NULL));
    EXPECT_WHY("fts is not written packed");
}

/* Several shards, by braces and as a folder. */
static void test_shards(void **state) {
    ft_dataset *d;
    (void)state;
    EXPECT(mkdir(test_set_path("many"), 0777) == 0);
    test_set_write(test_set_path("many/a-00.fts"), &images, 10);
    test_set_write(test_set_path("many/a-01.fts"), &images, 20);
    test_set_write(test_set_path("many/a-02.fts"), &images, 0);
    EXPECT_OK(test_set_open(&d, test_set_path("many"), NULL));
    EXPECT(ft_dataset_shards(d) == 3 && ft_dataset_count(d) == 30 && ft_dataset_mapped(d));
    EXPECT(ft_dataset_shard_count(d, 1) == 20);
    EXPECT(ft_str_ends(ft_dataset_shard_path(d, 2), FT_STR("a-02.fts")));
    ft_dataset_free(d);
    EXPECT_OK(test_set_open(&d, test_set_path("many/a-{00..01}.fts"), NULL));
    EXPECT(ft_dataset_shards(d) == 2);
    ft_dataset_free(d);
    EXPECT_OK(test_set_open(&d, test_set_path("many/a-0[01]*.fts"), NULL));
    EXPECT(ft_dataset_shards(d) == 2 && ft_dataset_count(d) == 30);
    ft_dataset_free(d);
    EXPECT_ERR(FT_ENOTFOUND, test_set_open(&d, test_set_path("many/q-*.fts"), NULL));
    EXPECT_WHY("nothing fits");
    test_set_write(test_set_path("many/a-03.fts"), &rows, 3);
    EXPECT_ERR(FT_EINVAL, test_set_open(&d, test_set_path("many"), NULL));
    EXPECT_WHY("has other fields than");
    EXPECT_ERR(FT_ENOTFOUND, test_set_open(&d, test_set_path("many/a-{08..09}.fts"), NULL));
    EXPECT_ERR(FT_ENOTFOUND, test_set_open(&d, test_set_path("nothing"), NULL));
    test_text("junk.tfrecord", "# A title\n\nand, some, text\n");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("junk.tfrecord"), NULL));
    EXPECT_WHY("junk.tfrecord' is named as tfrecord, but begins otherwise");
    test_text("flip.npy", "abc");
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("flip.npy"), NULL));
    test_file("what", "\1\2\3\0\4", 5);
    EXPECT_ERR(FT_EUNSUPPORTED, test_set_open(&d, test_set_path("what"), NULL));
}

static void test_faults(void **state) {
    (void)state;
    test_set_write(test_set_path("f.tfrecord"), &images, 3);
    test_set_write(test_set_path("f.fts"), &images, 3);
    test_set_write(test_set_path("f.rec"), &images, 3);
    test_set_write(test_set_path("f.tar"), &images, 3);
    const char *const names[] = { "f.tfrecord", "f.fts", "f.rec", "f.tar" };
    for (size_t k = 0; k < 4; k++) {
        ft_str path = ft_str_of(test_set_path(names[k]));
        EACH_FAULT {
            ft_dataset *d;
            ft_dataset_reader *r = NULL;
            ft_sample s;
            ft_err err = ft_dataset_open(&d, &path, 1, NULL);
            EXPECT(!err == !!d);
            if (!err) err = ft_dataset_reader_new(&r, d);
            for (uint64_t i = 0; i < 3 && !err; i++) err = ft_dataset_read(&s, r, 0, i);
            if (!err) err = ft_dataset_intact(r);
            ft_dataset_reader_free(r);
            ft_dataset_free(d);
        }
        EACH_FAULT {
            ft_dataset_writer *w;
            ft_array v[3];
            ft_err err = ft_dataset_writer_new(&w, path.at, image_fields, 3, NULL);
            for (uint64_t i = 0; i < 3 && !err; i++) {
                image_sample(v, i);
                err = ft_dataset_write(w, v);
            }
            if (!err) err = ft_dataset_writer_end(w);
            ft_dataset_writer_free(w);
        }
    }
}

/* tf.Example has no shapes: a list beside the values keeps it, for pixels and for numbers. */
static void test_shapes_in_examples(void **state) {
    static const ft_field fields[] = {
        { .name = FT_STR("image"), .dtype = FT_U8, .ndim = 3, .shape = { 2, 3, 1 } },
        { .name = FT_STR("box"), .dtype = FT_F32, .ndim = 2, .shape = { 2, 2 } },
        { .name = FT_STR("list"), .dtype = FT_F32, .ndim = 1, .shape = { 3 } }
    };
    uint8_t pixels[6] = { 1, 2, 3, 4, 5, 250 };
    float box[4] = { 1.5f, 2, 3, 4 }, list[3] = { 7, 8, 9 };
    ft_array row[] = { { FT_U8, 3, { 2, 3, 1 }, pixels },
                       { FT_F32, 2, { 2, 2 }, box },
                       { FT_F32, 1, { 3 }, list } };
    ft_dataset_writer *w;
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    size_t count;
    (void)state;
    const char *path = test_set_path("shapes.tfrecord");
    EXPECT_OK(ft_dataset_writer_new(&w, path, fields, 3, NULL));
    for (int i = 0; i < 3; i++) EXPECT_OK(ft_dataset_write(w, row));
    EXPECT_OK(ft_dataset_writer_end(w));
    ft_dataset_writer_free(w);
    ft_str paths = ft_str_of(path);
    EXPECT_OK(ft_dataset_open(&d, &paths, 1, NULL));
    const ft_field *f = ft_dataset_fields(d, &count);
    EXPECT(count == 3);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    EXPECT_OK(ft_dataset_read(&s, r, 0, 2));
    for (size_t i = 0; i < 3; i++) {
        EXPECT(f[i].dtype == fields[i].dtype && f[i].ndim == fields[i].ndim);
        EXPECT(memcmp(f[i].shape, fields[i].shape, sizeof *f[i].shape * (size_t)f[i].ndim) == 0);
        EXPECT(ft_array_bytes(&s.values[i]) == ft_array_bytes(&row[i]));
        EXPECT(memcmp(s.values[i].data, row[i].data, ft_array_bytes(&row[i])) == 0);
    }
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
}

/* Names of classes stand beside what has no place for them, and go when it is written without. */
static void test_names_of_classes(void **state) {
    static const ft_field field = { .name = FT_STR("x"), .dtype = FT_F32 };
    ft_dataset_write_opts opts = { .meta = FT_STR("{\"pack\":{},\"classes\":[\"cat\",\"a b\"]}") };
    float one = 1;
    ft_array row = { .dtype = FT_F32, .data = &one };
    char path[1200], names[1300];
    (void)state;
    snprintf(path, sizeof path, "%s", test_set_path("named.tfrecord"));
    snprintf(names, sizeof names, "%s.classes.json", path);
    ft_str paths = ft_str_of(path);
    for (int with = 1; with >= 0; with--) {
        ft_dataset_writer *w;
        ft_dataset *d;
        EXPECT_OK(ft_dataset_writer_new(&w, path, &field, 1, with ? &opts : NULL));
        EXPECT_OK(ft_dataset_write(w, &row));
        EXPECT_OK(ft_dataset_writer_end(w));
        ft_dataset_writer_free(w);
        EXPECT_OK(ft_dataset_open(&d, &paths, 1, NULL));
        EXPECT_STR(with ? "{\"classes\":[\"cat\",\"a b\"]}" : "{}", ft_dataset_meta(d));
        ft_dataset_free(d);
        EXPECT(ft_file_exists(names) == with);
    }
    ft_dataset *d;
    EXPECT_OK(ft_file_write_atomic(names, FT_STR("{\"classes\":[1]}"), false));
    EXPECT_ERR(FT_EPARSE, ft_dataset_open(&d, &paths, 1, NULL));
    EXPECT_WHY("expected {\"classes\"");
    EXPECT_OK(ft_file_remove(names));
}

/* Each call that can fail while names are written and read: an error, never names that are not
 * there. */
static void test_names_faults(void **state) {
    static const ft_field field = { .name = FT_STR("x"), .dtype = FT_F32 };
    ft_dataset_write_opts opts = { .meta = FT_STR("{\"classes\":[\"cat\",\"dog\"]}") };
    float one = 1;
    ft_array row = { .dtype = FT_F32, .data = &one };
    char path[1200];
    (void)state;
    snprintf(path, sizeof path, "%s", test_set_path("named_faults.tfrecord"));
    ft_str paths = ft_str_of(path);
    EACH_FAULT {
        ft_dataset_writer *w = NULL;
        ft_dataset *d = NULL;
        ft_err err = ft_dataset_writer_new(&w, path, &field, 1, &opts);
        if (err == FT_OK) err = ft_dataset_write(w, &row);
        if (err == FT_OK) err = ft_dataset_writer_end(w);
        ft_dataset_writer_free(w);
        if (err == FT_OK) err = ft_dataset_open(&d, &paths, 1, NULL);
        if (err == FT_OK) EXPECT_STR("{\"classes\":[\"cat\",\"dog\"]}", ft_dataset_meta(d));
        EXPECT(err == FT_OK || ft_err_why()[0]);
        ft_dataset_free(d);
    }
}

TEST_MAIN(cmocka_unit_test(test_names_of_classes), cmocka_unit_test(test_names_faults),
          cmocka_unit_test(test_images), cmocka_unit_test(test_rows), cmocka_unit_test(test_csv),
          cmocka_unit_test(test_csv_stacked), cmocka_unit_test(test_libsvm),
          cmocka_unit_test(test_index), cmocka_unit_test(test_bytes), cmocka_unit_test(test_json),
          cmocka_unit_test(test_damage), cmocka_unit_test(test_over_limit),
          cmocka_unit_test(test_stream), cmocka_unit_test(test_packed),
          cmocka_unit_test(test_shards), cmocka_unit_test(test_shapes_in_examples),
          cmocka_unit_test(test_faults))
