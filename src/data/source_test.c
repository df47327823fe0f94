/* source_test.c -- where bytes come from: files, folders, patterns, objects of this home and of
 * another server, manifests; channels over them, in File, FastFile and Pipe mode. */
#include "data/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/files.h"
#include "data/channel.h"
#include "data/pipe.h"
#include "data/record.h"
#include "data/table.h"
#include "store/objects.h"
#include "store/s3_stand_in_test.h"
#include "tests/test.h"

#define SIZE 300000

static ft_arena arena = FT_ARENA_INIT(0);
static stand_in server;
static ft_remote_place place;
static char home[300], endpoint[64], data[SIZE], got[2 * SIZE];
static int homes;

static const char *in_home(const char *name) {
    const char *path;
    EXPECT_OK(ft_path_join(&path, &arena, home, name));
    return path;
}

static const char *file_make(const char *name, const char *text) {
    const char *path = in_home(name);
    ft_str dir, whole = ft_str_of(path);
    EXPECT_OK(
        ft_arena_str(&dir, &arena, ft_str_slice(whole, 0, whole.len - ft_path_base(whole).len)));
    EXPECT_OK(ft_dir_make(dir.at));
    EXPECT_OK(ft_file_write_atomic(path, ft_str_of(text), false));
    return path;
}

static void objects_make(void) {
    static const char *const keys[] = { "d/a", "d/b/c", "d/b.d", "d/_skip", "d/", "dx" };
    ft_store *s;
    EXPECT_OK(ft_store_open(&s, home));
    EXPECT_OK(ft_bucket_make(s, FT_STR("own")));
    for (size_t i = 0; i < FT_COUNT(keys); i++)
        EXPECT_OK(
            ft_object_put(NULL, s, FT_STR("own"), ft_str_of(keys[i]), ft_str_of(keys[i]), NULL));
    ft_store_close(s);
}

static int start(void **state) {
    (void)state;
    snprintf(home, sizeof home, "%s/home%d", test_dir(), homes++);
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)(i * 2654435761u >> 11);
    stand_in_start(&server);
    stand_in_put(&server, "d/a", data, SIZE, "a1");
    stand_in_put(&server, "d/b", data + 7, SIZE / 2, "b1");
    stand_in_put(&server, "d/c", data + 99, 5, "c1");
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", server.port);
    place = (ft_remote_place){ .endpoint = ft_str_of(endpoint) };
    objects_make();
    return 0;
}

static int stop(void **state) {
    (void)state;
    stand_in_stop(&server);
    ft_arena_fini(&arena);
    return 0;
}

static ft_source_opts opts_of(const char *type) {
    return (ft_source_opts){
        .home = home,
        .type = ft_str_of(type),
        .remote = { .place = &place, .block_bytes = 1 << 16, .pause_us = 1000, .parts = 2 }
    };
}

static ft_source *source_of(const char *where, const char *type) {
    ft_source *s;
    ft_source_opts opts = opts_of(type);
    EXPECT_OK(ft_source_open(&s, ft_str_of(where), &opts));
    return s;
}

/* The names below, with commas. */
static const char *names_of(const ft_source *s) {
    static char text[2000];
    size_t count, n = 0;
    const ft_part *parts = ft_source_parts(s, &count);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", i ? "," : "",
                              FT_STR_ARG(parts[i].below));
    return text;
}

static size_t read_input(ft_input *in) {
    size_t n;
    EXPECT_OK(ft_input_read(&n, in, got, sizeof got));
    ft_input_free(in);
    return n;
}

static void test_files(void **state) {
    (void)state;
    ft_source *s;
    size_t n;
    file_make("f/b/c", "three");
    file_make("f/b.d", "two");
    file_make("f/a", "one");
    file_make("f/.hidden", "no");
    file_make("f/_too", "no");
    s = source_of(in_home("f"), "");
    EXPECT(strcmp(names_of(s), "a,b.d,b/c") == 0);
    EXPECT_OK(ft_source_read(&n, s, 2, got, 100, 1));
    EXPECT(n == 4 && memcmp(got, "hree", 4) == 0);
    ft_input *in;
    EXPECT_OK(ft_source_input_all(&in, s, NULL));
    EXPECT(read_input(in) == 11 && memcmp(got, "onetwothree", 11) == 0);
    const char *path;
    EXPECT_OK(ft_source_path(&path, s, 0));
    EXPECT(strcmp(path, in_home("f/a")) == 0);
    EXPECT(ft_source_told(s).requests == 0);
    ft_source_free(s);
    s = source_of(in_home("f/[ab]*"), "");
    EXPECT(strcmp(names_of(s), "a,b.d,c") == 0 || strcmp(names_of(s), "a,c,b.d") == 0);
    ft_source_free(s);
    ft_str uri;
    EXPECT_OK(ft_arena_printf(&uri, &arena, "file://%s", in_home("f/a")));
    s = source_of(uri.at, "");
    EXPECT(strcmp(names_of(s), "a") == 0);
    ft_source_free(s);
    EXPECT_ERR(FT_ENOTFOUND, ft_source_open(&s, ft_str_of(in_home("none")), NULL));
    EXPECT_ERR(FT_ENOTFOUND, ft_source_open(&s, ft_str_of(in_home("f/x*")), NULL));
    EXPECT_OK(ft_dir_make(in_home("empty")));
    EXPECT_ERR(FT_ENOTFOUND, ft_source_open(&s, ft_str_of(in_home("empty")), NULL));
}

/* A file that shrinks is told with name and byte, before or after it was opened. */
static void test_shrinking(void **state) {
    (void)state;
    const char *path = file_make("f/x", "0123456789");
    size_t n;
    for (int opened = 0; opened < 2; opened++) {
        file_make("f/x", "0123456789");
        ft_source *s = source_of(path, "");
        if (opened) EXPECT_OK(ft_source_read(&n, s, 0, got, 2, 0));
        EXPECT(truncate(path, 4) == 0);
        EXPECT_ERR(FT_ECORRUPT, ft_source_read(&n, s, 0, got, 8, 2));
        EXPECT_WHY(opened ? "ends at byte 4, it had 10" : "has shrunk from 10 to 4");
        ft_input *in;
        EXPECT_OK(ft_source_input(&in, s, 0, &(ft_input_opts){ .no_unpack = true }));
        EXPECT_ERR(FT_ECORRUPT, ft_input_read(&n, in, got, 100));
        ft_input_free(in);
        ft_source_free(s);
    }
}

static void test_own_objects(void **state) {
    (void)state;
    ft_source *s = source_of("s3://own/d/", "");
    size_t n, count;
    EXPECT(strcmp(names_of(s), "a,b.d,b/c") == 0);
    EXPECT(ft_source_parts(s, &count)[0].etag.len == 32);
    EXPECT_STR("s3://own/d/a", ft_source_parts(s, &count)[0].name);
    EXPECT_OK(ft_source_read(&n, s, 2, got, 100, 0));
    EXPECT(n == 5 && memcmp(got, "d/b/c", 5) == 0);
    ft_store *store; /* replaced by another of the same length: told, not mixed */
    EXPECT_OK(ft_store_open(&store, home));
    EXPECT_OK(ft_object_put(NULL, store, FT_STR("own"), FT_STR("d/a"), FT_STR("new"), NULL));
    ft_store_close(store);
    EXPECT_ERR(FT_ECONFLICT, ft_source_read(&n, s, 0, got, 3, 0));
    EXPECT_WHY("s3://own/d/a has changed");
    ft_source_free(s);
    s = source_of("s3://own/d", ""); /* a prefix is a text */
    EXPECT(strcmp(names_of(s), "a,b.d,b/c,dx") == 0);
    ft_source_free(s);
    s = source_of("s3://own/d/", "S3Prefix"); /* SageMaker passes nothing over but "folders" */
    EXPECT(strcmp(names_of(s), "_skip,a,b.d,b/c") == 0);
    ft_source_free(s);
    s = source_of("s3://own/d/b.d", "");
    EXPECT(strcmp(names_of(s), "b.d") == 0);
    ft_source_free(s);
    ft_source_opts opts = opts_of("");
    EXPECT_ERR(FT_ENOTFOUND, ft_source_open(&s, FT_STR("s3://own/none"), &opts));
    EXPECT_WHY("s3://own/none");
}

static void test_other_server(void **state) {
    (void)state;
    ft_source *s = source_of("s3://far/d/", "");
    size_t n;
    ft_input *in;
    EXPECT(strcmp(names_of(s), "a,b,c") == 0);
    EXPECT_OK(ft_source_read(&n, s, 0, got, 1000, 1234));
    EXPECT(n == 1000 && memcmp(got, data + 1234, n) == 0);
    EXPECT_OK(ft_source_input_all(&in, s, NULL));
    EXPECT(read_input(in) == SIZE + SIZE / 2 + 5);
    EXPECT(!memcmp(got, data, SIZE) && !memcmp(got + SIZE, data + 7, SIZE / 2));
    const char *path;
    ft_str whole;
    EXPECT_OK(ft_source_path(&path, s, 1));
    EXPECT_OK(ft_file_read(&whole, &arena, path, SIZE));
    EXPECT(whole.len == SIZE / 2 && memcmp(whole.at, data + 7, whole.len) == 0);
    EXPECT(ft_source_told(s).net_bytes >= SIZE);
    ft_source_free(s);
    s = source_of("s3://far/d/c", "");
    EXPECT(strcmp(names_of(s), "c") == 0);
    ft_source_free(s);
    stand_in_put(&server, "d/c", data, 6, "c2");
    s = source_of("s3://far/d/", "");
    stand_in_put(&server, "d/c", data, 7, "c3");
    EXPECT_ERR(FT_ECONFLICT, ft_source_read(&n, s, 2, got, 3, 0));
    ft_source_free(s);
}

/* ---- many threads, more parts than may be open */

static ft_source *shared;
static void *reads_all(void *ctx) {
    char bytes[16], want[16];
    size_t n;
    uint64_t seed = (uint64_t)(uintptr_t)ctx;
    for (int i = 0; i < 500; i++) {
        size_t part = (size_t)((seed = seed * 6364136223846793005u + 1) >> 40) % 150;
        snprintf(want, sizeof want, "part %zu", part);
        if (ft_source_read(&n, shared, part, bytes, sizeof bytes, 0) != FT_OK) return shared;
        if (n != strlen(want) || memcmp(bytes, want, n) != 0) return shared;
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    char name[32], text[32];
    pthread_t t[4];
    void *failed, *any = NULL;
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof name, "many/%03d", i);
        snprintf(text, sizeof text, "part %d", i);
        file_make(name, text);
    }
    shared = source_of(in_home("many"), "");
    for (uintptr_t i = 0; i < 4; i++) pthread_create(&t[i], NULL, reads_all, (void *)(i + 1));
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], &failed);
        any = any ? any : failed;
    }
    EXPECT(!any);
    ft_source_free(shared);
}

/* ---- manifests */

static void test_manifest(void **state) {
    (void)state;
    const char *path = file_make("m.json", "[{\"prefix\":\"s3://own/d/\"},\"b/c\",\"a\",\"b/c\"]");
    ft_source *s = source_of(path, "ManifestFile");
    size_t count;
    EXPECT(strcmp(names_of(s), "c,a,c") == 0);
    EXPECT(ft_source_parts(s, &count)[1].line == 3);
    ft_source_free(s);
    static const struct {
        const char *text;
        ft_err err;
        const char *why;
    } bad[] = {
        { "[\"a\"]", FT_EPARSE, "prefix" },
        { "[{\"x\":1},\"a\"]", FT_EPARSE, "prefix" },
        { "[{\"prefix\":\"s3://own/d/\"}]", FT_ENOTFOUND, "names nothing" },
        { "[{\"prefix\":\"s3://own/d/\"},\"a\",\"zz\"]", FT_ENOTFOUND, "element 3" },
        { "{", FT_EPARSE, "line 1" },
    };
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        ft_source_opts opts = opts_of("ManifestFile");
        file_make("m.json", bad[i].text);
        EXPECT_ERR(bad[i].err, ft_source_open(&s, ft_str_of(path), &opts));
        EXPECT_WHY(bad[i].why);
    }
}

static void test_augmented(void **state) {
    (void)state;
    const char *path =
        file_make("m.jsonl", "{\"source-ref\":\"s3://own/d/a\",\"label\":7,\"t\":\"x\\ty\"}\n\n"
                             "{\"t\":\"\",\"label\":{\"a\": 1},\"source-ref\":\"s3://far/d/c\"}\n");
    ft_source_opts opts = opts_of("AugmentedManifestFile");
    ft_source *s;
    ft_input *in;
    opts.attributes = FT_STR("source-ref,label,t");
    EXPECT_OK(ft_source_open(&s, ft_str_of(path), &opts));
    EXPECT(strcmp(names_of(s), "a,label,t,c,label,t") == 0);
    EXPECT_OK(ft_source_input_all(&in, s, NULL));
    EXPECT(read_input(in) == 3 + 1 + 3 + 5 + 8);
    EXPECT(memcmp(got, "d/a7x\ty", 7) == 0 && memcmp(got + 12, "{\"a\": 1}", 8) == 0);
    ft_source_free(s);
    opts.attributes = FT_STR("source-ref,none");
    EXPECT_ERR(FT_EPARSE, ft_source_open(&s, ft_str_of(path), &opts));
    EXPECT_WHY("m.jsonl:1: the line has no attribute 'none'");
}

/* ---- channels */

static void test_channel_json(void **state) {
    (void)state;
    ft_channel_source c = { .uri = FT_STR("s3://far/m"),
                            .type = FT_STR("AugmentedManifestFile"),
                            .attributes = FT_STR("a,b-ref"),
                            .mode = FT_INPUT_PIPE,
                            .sharded = true,
                            .recordio = true,
                            .shuffle = true,
                            .seed = UINT64_MAX,
                            .rank = 1,
                            .world = 3 },
                      back;
    ft_buf buf = { 0 };
    EXPECT_OK(ft_channel_source_write(&buf, &c));
    EXPECT_OK(ft_channel_source_read(&back, &arena, ft_buf_str(&buf)));
    EXPECT_STR("s3://far/m", back.uri);
    EXPECT_STR("a,b-ref", back.attributes);
    EXPECT(back.mode == FT_INPUT_PIPE && back.sharded && back.recordio && !back.gzip);
    EXPECT(back.shuffle && back.seed == UINT64_MAX && back.rank == 1 && back.world == 3);
    ft_buf_fini(&buf);
    static const char *const bad[] = {
        "{}",
        "{\"S3Uri\":\"x\",\"S3DataType\":\"Other\"}",
        "{\"S3Uri\":\"x\",\"InputMode\":\"Tape\"}",
        "{\"S3Uri\":\"x\",\"RecordWrapperType\":\"RecordIO\"}",
        "{\"S3Uri\":\"x\",\"CompressionType\":\"Gzip\"}",
        "{\"S3Uri\":\"x\",\"S3DataType\":\"AugmentedManifestFile\",\"InputMode\":\"Pipe\"}",
        "{\"S3Uri\":\"x\",\"AttributeNames\":[\"a\"]}",
        "{\"S3Uri\":\"x\",\"Rank\":2,\"World\":2}",
        "{\"S3Uri\":\"x\",\"Rank\":1}",
    };
    for (size_t i = 0; i < FT_COUNT(bad); i++)
        EXPECT_ERR(FT_EINVAL, ft_channel_source_read(&back, &arena, ft_str_of(bad[i])));
}

static const char *share(ft_channel_source c, uint32_t rank, uint64_t epoch) {
    ft_source *s;
    ft_source_opts opts = opts_of("");
    c.rank = rank;
    EXPECT_OK(ft_channel_open(&s, &c, epoch, &opts));
    const char *names = names_of(s);
    ft_source_free(s);
    return names;
}

static void test_shares(void **state) {
    (void)state;
    char name[32], all[400] = "", seen[400];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "s/%02d", i);
        file_make(name, "x");
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%02d", i ? "," : "", i);
    }
    ft_channel_source c = { .uri = ft_str_of(in_home("s")), .world = 3 };
    EXPECT(strcmp(share(c, 1, 0), all) == 0); /* FullyReplicated */
    c.sharded = true;
    EXPECT(strcmp(share(c, 0, 0), "00,03,06,09,12,15,18") == 0);
    EXPECT(strcmp(share(c, 2, 5), "02,05,08,11,14,17") == 0);
    c.shuffle = true, c.seed = 5;
    for (uint64_t epoch = 0; epoch < 3; epoch++) { /* together: every part once */
        int count[20] = { 0 }, sum = 0;
        for (uint32_t rank = 0; rank < 3; rank++)
            for (const char *p = share(c, rank, epoch); *p; p += p[2] ? 3 : 2)
                count[(p[0] - '0') * 10 + p[1] - '0']++, sum++;
        EXPECT(sum == 20);
        for (int i = 0; i < 20; i++) EXPECT(count[i] == 1);
    }
    snprintf(seen, sizeof seen, "%s", share(c, 0, 0));
    EXPECT(strcmp(seen, share(c, 0, 0)) == 0); /* by seed and epoch alone */
    EXPECT(strcmp(seen, share(c, 0, 1)) != 0);
    c.seed = 4;
    EXPECT(strcmp(seen, share(c, 0, 1)) == 0); /* seed + epoch */
    EXPECT(strcmp(seen, share(c, 0, 0)) != 0);
}

static void test_fill(void **state) {
    (void)state;
    ft_source_opts opts = opts_of("");
    ft_channel_source c = { .uri = FT_STR("s3://own/d/"), .type = FT_STR("S3Prefix") };
    ft_str text;
    struct stat st;
    for (int mode = 0; mode < 3; mode++) { /* copies, links, FastFile */
        char name[32];
        snprintf(name, sizeof name, "fill%d", mode);
        EXPECT_OK(ft_dir_make(in_home(name)));
        c.mode = mode == 2 ? FT_INPUT_FASTFILE : FT_INPUT_FILE;
        EXPECT_OK(ft_channel_fill(&c, in_home(name), mode == 0, &opts));
        snprintf(name, sizeof name, "fill%d/b/c", mode);
        EXPECT_OK(ft_file_read(&text, &arena, in_home(name), 100));
        EXPECT_STR("d/b/c", text);
        EXPECT(lstat(in_home(name), &st) == 0);
        EXPECT(mode == 2 ? S_ISLNK(st.st_mode)
                         : S_ISREG(st.st_mode) && (int)st.st_nlink == 1 + mode);
    }
    c = (ft_channel_source){ .uri = FT_STR("s3://far/d/"), .mode = FT_INPUT_FASTFILE };
    EXPECT_OK(ft_dir_make(in_home("far")));
    EXPECT_OK(ft_channel_fill(&c, in_home("far"), false, &opts));
    EXPECT_OK(ft_dir_remove(in_home("cache"))); /* the link holds it */
    EXPECT_OK(ft_file_read(&text, &arena, in_home("far/b"), SIZE));
    EXPECT(text.len == SIZE / 2 && memcmp(text.at, data + 7, text.len) == 0);
    stand_in_put(&server, "e/../x", data, 5, "up"); /* no name of a file */
    c.uri = FT_STR("s3://far/e/");
    EXPECT_ERR(FT_EINVAL, ft_channel_fill(&c, in_home("far"), true, &opts));
    EXPECT_WHY("no file name");
}

/* ---- Pipe mode */

static char pipe_folder[300];
static ft_channel_source piped;
static ft_pipe_opts pipe_opts;
static ft_source_opts pipe_source;
static int whole, early;

static void told(void *ctx, ft_pipe_event event, uint64_t epoch, uint64_t bytes) {
    (void)ctx, (void)epoch, (void)bytes;
    whole += event == FT_PIPE_WHOLE;
    early += event == FT_PIPE_EARLY;
}

static void *writes(void *ctx) {
    (void)ctx;
    ft_err err = ft_pipe_write(pipe_folder, FT_STR("train"), &piped, &pipe_opts);
    return (void *)(uintptr_t)err;
}

static pthread_t writer_start(const char *uri, uint64_t epochs) {
    pthread_t t;
    pipe_source = opts_of("");
    whole = early = 0;
    snprintf(pipe_folder, sizeof pipe_folder, "%s", in_home("pipes"));
    EXPECT_OK(ft_dir_make(pipe_folder));
    EXPECT_OK(ft_pipe_make(pipe_folder, FT_STR("train")));
    piped.uri = ft_str_of(uri);
    piped.mode = FT_INPUT_PIPE;
    pipe_opts = (ft_pipe_opts){ .source = &pipe_source, .epochs = epochs, .told = told };
    pthread_create(&t, NULL, writes, NULL);
    return t;
}

static ft_err writer_end(pthread_t t) {
    void *err;
    pthread_join(t, &err);
    return (ft_err)(uintptr_t)err;
}

static void test_pipe_epochs(void **state) {
    (void)state;
    file_make("p/1", "one\n");
    file_make("p/2", "two\n");
    piped = (ft_channel_source){ .world = 0 };
    pthread_t t = writer_start(in_home("p"), 4);
    for (uint64_t epoch = 0; epoch < 4; epoch++) {
        ft_input *in;
        EXPECT_OK(ft_pipe_input(&in, pipe_folder, FT_STR("train"), epoch, NULL));
        EXPECT(read_input(in) == 8 && memcmp(got, "one\ntwo\n", 8) == 0);
    }
    EXPECT(writer_end(t) == FT_OK);
    EXPECT(whole == 4 && early == 0);
    ft_str *names;
    size_t count;
    EXPECT_OK(ft_dir_list(&names, &count, &arena, pipe_folder));
    EXPECT(count == 0); /* what was read is gone */
}

/* A reader that leaves early: the next epoch begins anew. */
static void test_pipe_early(void **state) {
    (void)state;
    piped = (ft_channel_source){ .world = 0 };
    static const char *const more[] = { "d/d", "d/e", "d/f", "d/g", "d/h" };
    for (size_t i = 0; i < 5; i++) /* more than the FIFO holds */
        stand_in_put(&server, more[i], data, SIZE, more[i]);
    pthread_t t = writer_start("s3://far/d/", 2);
    ft_input *in;
    ft_str head;
    EXPECT_OK(ft_pipe_input(&in, pipe_folder, FT_STR("train"), 0, NULL));
    EXPECT_OK(ft_input_peek(&head, in, 10));
    EXPECT(memcmp(head.at, data, 10) == 0);
    ft_input_free(in);
    EXPECT_OK(ft_pipe_input(&in, pipe_folder, FT_STR("train"), 1, NULL));
    uint64_t sum = 0;
    for (;;) {
        EXPECT_OK(ft_input_peek(&head, in, 1));
        if (!head.len) break;
        sum += head.len;
        ft_input_skip(in, head.len);
    }
    ft_input_free(in);
    EXPECT(writer_end(t) == FT_OK);
    EXPECT(early == 1 && whole == 1);
    EXPECT(sum == SIZE + SIZE / 2 + 5 + 5 * (uint64_t)SIZE);
}

static void test_pipe_records(void **state) {
    (void)state;
    file_make("r/1", "0123456789");
    file_make("r/2", "\x0a\x23\xd7\xce"
                     "aligned magic"); /* must be cut and joined again */
    file_make("r/3", "");
    piped = (ft_channel_source){ .recordio = true, .shuffle = true, .seed = 3 };
    pthread_t t = writer_start(in_home("r"), 2);
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        const char *path;
        ft_records *r;
        ft_record record;
        size_t lens = 0, count = 0;
        EXPECT_OK(ft_pipe_path(&path, &arena, pipe_folder, FT_STR("train"), epoch));
        EXPECT_OK(ft_records_open(&r, path, &(ft_record_opts){ .format = FT_STR("recordio") }));
        while (ft_records_next(r, &record) == FT_OK) {
            lens += record.bytes.len, count++;
            if (record.bytes.len == 17) EXPECT(memcmp(record.bytes.at + 4, "aligned", 7) == 0);
        }
        ft_records_free(r);
        EXPECT(count == 3 && lens == 27);
    }
    EXPECT(writer_end(t) == FT_OK);
}

/* Our own algorithms read a channel's FIFO as they read a file. */
static void test_pipe_table(void **state) {
    (void)state;
    const char *path = file_make("t/1.csv", "1,2,3\n0,4,5\n"), *fifo;
    ft_str command;
    EXPECT_OK(ft_arena_printf(&command, &arena, "gzip -f '%s'", path));
    EXPECT(system(command.at) == 0);
    file_make("t/2.csv", "1,6,7\n");
    piped = (ft_channel_source){ .gzip = true };
    pthread_t t = writer_start(in_home("t"), 1);
    ft_table *table;
    EXPECT_OK(ft_pipe_path(&fifo, &arena, pipe_folder, FT_STR("train"), 0));
    EXPECT_OK(ft_table_read(&table, ft_str_of(fifo), &(ft_table_opts){ .header = -1 }));
    EXPECT(table->rows == 3 && table->cols == 2 && table->dense[5] == 7 && table->labels[2] == 1);
    ft_table_free(table);
    EXPECT(writer_end(t) == FT_OK && whole == 1);
}

/* A part that cannot be read to its end ends the writer, not the epoch. */
static void test_pipe_broken(void **state) {
    (void)state;
    const char *path = file_make("q/1", "");
    EXPECT(truncate(path, 8 << 20) == 0); /* more than the FIFO holds: the writer waits in it */
    piped = (ft_channel_source){ .world = 0 };
    pthread_t t = writer_start(in_home("q"), 1);
    ft_input *in;
    ft_str head = { 0 };
    uint64_t sum = 0;
    EXPECT_OK(ft_pipe_input(&in, pipe_folder, FT_STR("train"), 0, NULL));
    EXPECT(truncate(path, 6 << 20) == 0);
    do {
        EXPECT_OK(ft_input_peek(&head, in, 1));
        sum += head.len;
        ft_input_skip(in, head.len);
    } while (head.len);
    ft_input_free(in);
    EXPECT(sum == 6 << 20 && writer_end(t) == FT_ECORRUPT);
    EXPECT(whole == 0 && early == 0);
}

static void test_every_fault(void **state) {
    (void)state;
    int failures = 0;
    const char *manifest = file_make("m.json", "[{\"prefix\":\"s3://own/d/\"},\"a\",\"b/c\"]");
    ft_channel_source c = { .uri = ft_str_of(manifest), .type = FT_STR("ManifestFile") };
    EACH_FAULT {
        ft_source_opts opts = opts_of("");
        ft_source *s = NULL;
        ft_input *in = NULL;
        size_t n = 0;
        opts.remote.parts = 1;
        ft_err err = ft_channel_open(&s, &c, 0, &opts);
        if (err == FT_OK) err = ft_source_input_all(&in, s, NULL);
        if (err == FT_OK) err = ft_input_read(&n, in, got, 100);
        if (err == FT_OK) EXPECT(n == 8 && memcmp(got, "d/ad/b/c", 8) == 0);
        ft_input_free(in);
        ft_source_free(s);
        failures += err != FT_OK;
        char folder[400];
        snprintf(folder, sizeof folder, "%s/faults%d", home, failures);
        if (err == FT_OK && mkdir(folder, 0700) == 0) {
            err = ft_channel_fill(&c, folder, true, &opts);
            failures += err != FT_OK;
        }
        ft_err_clear();
    }
    EXPECT(failures > 40);
}

/* The FIFO has a reader all the time, and room for all: the writer never waits. */
static void test_every_fault_of_a_writer(void **state) {
    (void)state;
    int failures = 0, rounds = 0;
    file_make("w/1", "one");
    file_make("w/2", "two");
    piped = (ft_channel_source){ .uri = ft_str_of(in_home("w")),
                                 .mode = FT_INPUT_PIPE,
                                 .recordio = true };
    ft_source_opts source = opts_of("");
    EACH_FAULT {
        char folder[400], path[450];
        snprintf(folder, sizeof folder, "%s/faulty%d", home, rounds++);
        snprintf(path, sizeof path, "%s/train_0", folder);
        if (mkdir(folder, 0700) != 0 || mkfifo(path, 0600) != 0) abort();
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        ft_err err = ft_pipe_write(folder, FT_STR("train"), &piped,
                                   &(ft_pipe_opts){ .source = &source, .epochs = 1 });
        ssize_t n = read(fd, got, 1000);
        if (err == FT_OK && n != 24) abort(); /* two records of 8 + 3 + 1 bytes */
        close(fd);
        failures += err != FT_OK;
    }
    EXPECT(failures >= 15);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
TEST_MAIN(CASE(test_files), CASE(test_shrinking), CASE(test_own_objects), CASE(test_other_server),
          CASE(test_threads), CASE(test_manifest), CASE(test_augmented), CASE(test_channel_json),
          CASE(test_shares), CASE(test_fill), CASE(test_pipe_epochs), CASE(test_pipe_early),
          CASE(test_pipe_records), CASE(test_pipe_table), CASE(test_pipe_broken),
          CASE(test_every_fault), CASE(test_every_fault_of_a_writer))
