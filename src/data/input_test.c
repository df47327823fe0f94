/* Streams: plain, packed, damaged, bounded. Packed bytes come from gzip and zstd themselves. */
#include "data/input.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/table_test.h"

#define SIZE ((size_t)1 << 20)

static char *random_text(void) {
    char *text = malloc(SIZE);
    ft_random r;
    ft_random_seed(&r, 3);
    for (size_t i = 0; i < SIZE; i++) text[i] = (char)('a' + ft_random_below(&r, 16));
    return text;
}

/* Run `command` in the test's folder; false when its program is not there. */
static bool shell(const char *command) {
    char line[512];
    snprintf(line, sizeof line, "cd '%s' && %s", test_dir(), command);
    return system(line) == 0;
}

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

/* All bytes, peeked in pieces of odd sizes. */
static ft_err read_all(ft_buf *out, const char *name, const ft_input_opts *opts, char sha[65],
                       uint64_t *size) {
    ft_err err;
    ft_input *in = NULL;
    ft_str view;
    size_t want = 1;
    FT_GOTO(err, ft_input_open(&in, path_of(name), opts));
    for (;;) {
        FT_GOTO(err, ft_input_peek(&view, in, want));
        if (view.len == 0) break;
        size_t used = view.len < want ? view.len : want;
        FT_GOTO(err, ft_buf_add(out, ft_str_slice(view, 0, used)));
        ft_input_skip(in, used);
        want = want * 3 % 100003 + 1;
    }
    EXPECT(ft_input_offset(in) == out->len);
    FT_GOTO(err, ft_input_end(in, sha, size));
done:
    ft_input_free(in);
    return err;
}

static void packed(const char *command, const char *name) {
    char *text = random_text(), sha[65], want_sha[65];
    ft_buf got = { 0 };
    uint64_t size;
    ft_file_info info;
    test_file("plain", text, SIZE);
    if (!shell(command)) {
        print_message("# skipped: '%s' does not run here\n", command);
    } else {
        EXPECT_OK(read_all(&got, name, NULL, sha, &size));
        EXPECT(got.len == SIZE && memcmp(got.at, text, SIZE) == 0);
        EXPECT_OK(ft_sha256_file(want_sha, path_of(name)));
        EXPECT_OK(ft_file_stat(&info, path_of(name)));
        EXPECT(strcmp(sha, want_sha) == 0 && size == info.size_bytes);
    }
    ft_buf_fini(&got);
    free(text);
}

static void test_packed(void **state) {
    (void)state;
    packed("true", "plain");
    packed("gzip -c plain > p.gz", "p.gz");
    packed("head -c 300000 plain | gzip > m.gz; tail -c +300001 plain | gzip -1 >> m.gz", "m.gz");
    packed("(gzip -c plain; head -c 2000 /dev/zero) > z.gz", "z.gz");
    packed("zstd -q -f plain -o p.zst", "p.zst");
}

static void test_pipe(void **state) {
    char *text = random_text(), sha[65];
    ft_buf got = { 0 };
    uint64_t size;
    (void)state;
    test_file("plain", text, SIZE);
    EXPECT(shell("rm -f fifo; mkfifo fifo; (gzip -c plain > fifo) &"));
    EXPECT_OK(read_all(&got, "fifo", NULL, sha, &size));
    EXPECT(got.len == SIZE && memcmp(got.at, text, SIZE) == 0);
    ft_buf_fini(&got);
    free(text);
}

static void refused(ft_err code, const char *words, const char *name, const ft_input_opts *opts) {
    ft_buf got = { 0 };
    char sha[65];
    uint64_t size;
    EXPECT_ERR(code, read_all(&got, name, opts, sha, &size));
    EXPECT_WHY(words);
    ft_buf_fini(&got);
}

static void test_damaged(void **state) {
    char *text = random_text();
    ft_input_opts small = { .unpacked_bytes_max = 100000 };
    (void)state;
    test_file("plain", text, SIZE);
    EXPECT(shell("gzip -c plain > p.gz; head -c 1000 p.gz > cut.gz; (cat p.gz; echo x) > tail.gz; "
                 "(head -c 5000 p.gz; head -c 20 /dev/zero; tail -c +5021 p.gz) > hurt.gz"));
    refused(FT_ECORRUPT, "ends in the middle of its packed data", "cut.gz", NULL);
    refused(FT_ECORRUPT, "bytes that are not gzip follow", "tail.gz", NULL);
    refused(FT_ECORRUPT, "damaged gzip data", "hurt.gz", NULL);
    refused(FT_ETOOBIG, "unpacks to more than 100000 bytes", "p.gz", &small);
    refused(FT_ENOTFOUND, "", "nothing-here", NULL);
    refused(FT_EINVAL, "is a folder", ".", NULL);
    test_text("book.xlsx", "PK\3\4........");
    refused(FT_EUNSUPPORTED, "Excel", "book.xlsx", NULL);
    test_text("t.parquet", "PAR1........");
    refused(FT_EUNSUPPORTED, "a Parquet file", "t.parquet", NULL);
    if (shell("zstd -q -f plain -o p.zst && head -c 1000 p.zst > cut.zst"))
        refused(FT_ECORRUPT, "ends in the middle", "cut.zst", NULL);
    free(text);
}

static void test_raw(void **state) {
    ft_input *in;
    ft_input_opts opts = { .no_unpack = true, .no_hash = true };
    ft_str view;
    char head[4];
    size_t got;
    (void)state;
    EXPECT_OK(ft_input_memory(&in, FT_STR("\x1f\x8b\x08z-"), FT_STR("m"), &opts));
    EXPECT_OK(ft_input_peek(&view, in, 100));
    EXPECT(view.len == 5);
    EXPECT_OK(ft_input_read(&got, in, head, 4));
    EXPECT(got == 4 && head[3] == 'z' && ft_input_offset(in) == 4);
    EXPECT_OK(ft_input_read(&got, in, head, 4));
    EXPECT(got == 1 && head[0] == '-');
    ft_input_free(in);
    ft_input_free(NULL);
}

static void test_faults(void **state) {
    (void)state;
    test_text("plain", "1,2\n3,4\n");
    EXPECT(shell("gzip -c plain > small.gz"));
    EACH_FAULT {
        ft_buf got = { 0 };
        char sha[65];
        uint64_t size;
        ft_err err = read_all(&got, "small.gz", NULL, sha, &size);
        if (!err) EXPECT(got.len == 8);
        ft_buf_fini(&got);
    }
}

TEST_MAIN(cmocka_unit_test(test_packed), cmocka_unit_test(test_pipe),
          cmocka_unit_test(test_damaged), cmocka_unit_test(test_raw), cmocka_unit_test(test_faults))
