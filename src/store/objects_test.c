/* objects_test.c -- put, get, repair, odd keys, links, faults. Hashes are checked against
 * sha256sum's and md5sum's answers for known bytes. */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "store/objects.h"
#include "tests/test.h"

#define HELLO_SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO_MD5    "5d41402abc4b2a76b9719d911017c592"

static char home[300];
static ft_arena arena;

static ft_store *fresh(void) {
    static int count;
    ft_store *s;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    ft_arena_reset(&arena);
    EXPECT_OK(ft_store_open(&s, home));
    return s;
}

static const char *in_home(const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/objects/%s", home, name);
    return path;
}

static void put(ft_store *s, const char *key, const char *bytes) {
    EXPECT_OK(ft_object_put(NULL, s, FT_STR("fettle"), ft_str_of(key), ft_str_of(bytes), NULL));
}

static ft_str get(ft_store *s, const char *key) {
    ft_str out;
    EXPECT_OK(ft_object_get(&out, s, &arena, FT_STR("fettle"), ft_str_of(key), 1 << 20));
    return out;
}

/* As a person's editor does it: another file in the place of the first. */
static void write_by_hand(const char *path, const char *bytes) {
    char temp[PATH_MAX + 8];
    snprintf(temp, sizeof temp, "%s~", path);
    FILE *f = fopen(temp, "w");
    EXPECT(f && fputs(bytes, f) >= 0 && fclose(f) == 0 && rename(temp, path) == 0);
}

static void test_put_and_get(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o;
    ft_object_put_opts opts = { .content_type = FT_STR("text/plain"),
                                .metadata_json = FT_STR("{\"a\":\"b\"}") };
    EXPECT_OK(ft_object_put(&o, s, FT_STR("fettle"), FT_STR("a/b.txt"), FT_STR("hello"), &opts));
    EXPECT(strcmp(o.sha256, HELLO_SHA256) == 0 && strcmp(o.etag, HELLO_MD5) == 0);
    EXPECT_STR("hello", get(s, "a/b.txt"));
    EXPECT(ft_file_exists(in_home("fettle/a/b.txt")));
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("a/b.txt")));
    EXPECT(o.size_bytes == 5 && strcmp(o.sha256, HELLO_SHA256) == 0);
    EXPECT(o.modified_us > 1600000000000000);
    EXPECT_STR("text/plain", o.content_type);
    EXPECT_STR("{\"a\":\"b\"}", o.metadata_json);

    put(s, "a/b.txt", "");
    EXPECT_STR("", get(s, "a/b.txt"));
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("a/b.txt")));
    EXPECT(strcmp(o.etag, "d41d8cd98f00b204e9800998ecf8427e") == 0);
    EXPECT(o.content_type.len == 0);

    ft_str out;
    EXPECT_ERR(FT_ENOTFOUND, ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("a"), 9));
    EXPECT_WHY("s3://fettle/a");
    EXPECT_ERR(FT_ENOTFOUND, ft_object_get(&out, s, &arena, FT_STR("nobody"), FT_STR("a"), 9));
    EXPECT_WHY("no bucket");
    EXPECT_ERR(FT_ENOTFOUND,
               ft_object_put(NULL, s, FT_STR("nobody"), FT_STR("a"), FT_STR("x"), NULL));
    put(s, "big", "0123456789");
    EXPECT_ERR(FT_ETOOBIG, ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("big"), 9));

    opts = (ft_object_put_opts){ .if_absent = true, .etag = FT_STR("abc-2") };
    EXPECT_ERR(FT_EEXIST,
               ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("big"), FT_STR("x"), &opts));
    EXPECT_STR("0123456789", get(s, "big"));
    EXPECT_OK(ft_object_put(&o, s, FT_STR("fettle"), FT_STR("new"), FT_STR("x"), &opts));
    EXPECT(strcmp(o.etag, "abc-2") == 0);
    ft_store_close(s);
}

static void test_buckets(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_bucket *buckets;
    size_t count;
    EXPECT_OK(ft_bucket_make(s, FT_STR("mine")));
    EXPECT_ERR(FT_EEXIST, ft_bucket_make(s, FT_STR("mine")));
    EXPECT_ERR(FT_EINVAL, ft_bucket_make(s, FT_STR("../x")));
    EXPECT(ft_bucket_exists(s, FT_STR("mine")) && !ft_bucket_exists(s, FT_STR("other")));
    EXPECT_OK(ft_bucket_list(&buckets, &count, s, &arena));
    EXPECT(count == 2);
    EXPECT_STR("fettle", buckets[0].name);
    EXPECT_STR("mine", buckets[1].name);
    EXPECT_OK(ft_object_put(NULL, s, FT_STR("mine"), FT_STR("a/b"), FT_STR("x"), NULL));
    EXPECT_ERR(FT_ECONFLICT, ft_bucket_remove(s, FT_STR("mine")));
    EXPECT_OK(ft_object_remove(s, FT_STR("mine"), FT_STR("a/b")));
    EXPECT(!ft_file_exists(in_home("mine/a")));
    write_by_hand(in_home("mine/stray"), "x");
    EXPECT_ERR(FT_ECONFLICT, ft_bucket_remove(s, FT_STR("mine")));
    EXPECT_WHY("other files");
    EXPECT_OK(ft_file_remove(in_home("mine/stray")));
    EXPECT_OK(ft_bucket_remove(s, FT_STR("mine")));
    EXPECT_ERR(FT_ENOTFOUND, ft_bucket_remove(s, FT_STR("mine")));
    EXPECT(!ft_bucket_exists(s, FT_STR("mine")));
    /* the default bucket comes back when it is needed */
    EXPECT_OK(ft_bucket_remove(s, FT_STR("fettle")));
    put(s, "k", "v");
    EXPECT_STR("v", get(s, "k"));
    ft_store_close(s);
}

/* Keys that a folder tree cannot hold, beside each other, and nothing outside the home. */
static void test_odd_keys(void **state) {
    (void)state;
    ft_store *s = fresh();
    static const struct {
        const char *at;
        size_t len;
    } keys[] = {
#define KEY(text) { text, sizeof(text) - 1 }
        KEY("a"),       KEY("a/"),    KEY("a/b"),         KEY("a/b/c"), KEY("../escape"),
        KEY(".."),      KEY("."),     KEY("/etc/passwd"), KEY("//"),    KEY("x/../../y"),
        KEY("\\..\\w"), KEY("n\0ul"), KEY("%"),           KEY("%/a="),  KEY("%/a"),
        KEY("ü/ß"),     KEY("a/./b"), KEY("line\nfeed"),  KEY(" "),     KEY("a//b"),
#undef KEY
    };
    char longest[FT_KEY_BYTES_MAX], bytes[32];
    memset(longest, '/', sizeof longest);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < FT_COUNT(keys); i++) {
            snprintf(bytes, sizeof bytes, "%zu of round %d", i, round);
            EXPECT_OK(ft_object_put(NULL, s, FT_STR("fettle"), ft_str_n(keys[i].at, keys[i].len),
                                    ft_str_of(bytes), NULL));
        }
        for (size_t i = 0; i < FT_COUNT(keys); i++) {
            ft_str out;
            ft_object o;
            ft_str key = ft_str_n(keys[i].at, keys[i].len);
            snprintf(bytes, sizeof bytes, "%zu of round %d", i, round);
            EXPECT_OK(ft_object_get(&out, s, &arena, FT_STR("fettle"), key, 100));
            EXPECT_STR(bytes, out);
            EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), key));
            EXPECT(ft_str_eq(o.key, key));
        }
    }
    EXPECT_OK(ft_object_put(NULL, s, FT_STR("fettle"), ft_str_n(longest, sizeof longest),
                            FT_STR("long"), NULL));
    EXPECT_ERR(FT_EINVAL, ft_object_put(NULL, s, FT_STR("fettle"), ft_str_n(longest, 1025),
                                        FT_STR("x"), NULL));
    EXPECT_ERR(FT_EINVAL,
               ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("\xff"), FT_STR("x"), NULL));
    ft_str *names;
    size_t count;
    char outside[400];
    snprintf(outside, sizeof outside, "%s/objects", home);
    EXPECT_OK(ft_dir_list(&names, &count, &arena, outside));
    EXPECT(count == 2); /* .tmp and fettle */
    EXPECT_OK(ft_dir_list(&names, &count, &arena, home));
    EXPECT(count <= 4); /* objects, fettle.db, its log and index */
    for (size_t i = 0; i < FT_COUNT(keys); i++)
        EXPECT_OK(ft_object_remove(s, FT_STR("fettle"), ft_str_n(keys[i].at, keys[i].len)));
    EXPECT_OK(ft_object_remove(s, FT_STR("fettle"), ft_str_n(longest, sizeof longest)));
    snprintf(outside, sizeof outside, "%s/objects/fettle", home);
    EXPECT_OK(ft_dir_list(&names, &count, &arena, outside));
    EXPECT(count == 0);
    ft_store_close(s);
}

/* A link in the tree is never followed, neither as a folder nor as a file. */
static void test_links(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_str out;
    char outside[400], file[420];
    snprintf(outside, sizeof outside, "%s-outside", home);
    snprintf(file, sizeof file, "%s/secret", outside);
    EXPECT_OK(ft_dir_make(outside));
    write_by_hand(file, "secret");
    put(s, "real/x", "x");
    EXPECT(symlink(outside, in_home("fettle/link")) == 0);
    EXPECT(symlink(file, in_home("fettle/real/leak")) == 0);
    EXPECT_ERR(FT_EDENIED,
               ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("link/secret"), 99));
    EXPECT_ERR(FT_EDENIED,
               ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("real/leak"), 99));
    EXPECT_WHY("symbolic link");
    EXPECT_ERR(FT_EDENIED, ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("link/secret"),
                                         FT_STR("overwritten"), NULL));
    EXPECT_ERR(FT_EDENIED, ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("link/new/deep"),
                                         FT_STR("overwritten"), NULL));
    put(s, "real/leak", "mine"); /* replaces the link itself */
    EXPECT_STR("mine", get(s, "real/leak"));
    EXPECT_OK(ft_file_read(&out, &arena, file, 99));
    EXPECT_STR("secret", out);
    EXPECT_ERR(FT_EDENIED, ft_object_remove(s, FT_STR("fettle"), FT_STR("link/secret")));
    EXPECT(ft_file_exists(file));
    ft_store_close(s);
}

static void test_repair_behind_the_row(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o;
    put(s, "a", "12345");
    write_by_hand(in_home("fettle/a"), "hello"); /* same size, another file */
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("a")));
    EXPECT(strcmp(o.sha256, HELLO_SHA256) == 0 && strcmp(o.etag, HELLO_MD5) == 0);

    int fd = open(in_home("fettle/a"), O_WRONLY | O_APPEND); /* the same file, longer */
    EXPECT(write(fd, "!", 1) == 1);
    close(fd);
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("a")));
    EXPECT(o.size_bytes == 6 && strcmp(o.sha256, HELLO_SHA256) != 0);

    /* the same size and inode: time alone tells */
    fd = open(in_home("fettle/a"), O_WRONLY);
    EXPECT(write(fd, "HELLO!", 6) == 6);
    struct timespec times[2] = { { .tv_sec = 1700000000 },
                                 { .tv_sec = 1700000000, .tv_nsec = 5000 } };
    EXPECT(futimens(fd, times) == 0);
    close(fd);
    char before[FT_SHA256_HEX];
    memcpy(before, o.sha256, sizeof before);
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("a")));
    EXPECT(strcmp(o.sha256, before) != 0 && o.modified_us == 1700000000000005);

    EXPECT_OK(ft_file_remove(in_home("fettle/a")));
    EXPECT_ERR(FT_ENOTFOUND, ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("a")));
    write_by_hand(in_home("fettle/found"), "hello");
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("found")));
    EXPECT(strcmp(o.etag, HELLO_MD5) == 0);
    ft_store_close(s);
}

static void test_repair_of_a_bucket(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_objects_repaired r;
    ft_object *items;
    size_t count;
    bool more;
    put(s, "keep", "k");
    put(s, "x/lost", "l");
    put(s, "../odd", "o");
    put(s, "changed", "c");
    EXPECT_OK(ft_file_remove(in_home("fettle/x/lost")));
    EXPECT_OK(ft_dir_make(in_home("fettle/deep/er")));
    write_by_hand(in_home("fettle/deep/er/new"), "n");
    write_by_hand(in_home("fettle/changed"), "C");
    EXPECT_OK(ft_objects_repair(&r, s, FT_STR("fettle")));
    EXPECT(r.seen == 4 && r.adopted == 1 && r.rehashed == 1 && r.dropped == 1);
    EXPECT_OK(ft_objects_repair(&r, s, FT_STR("fettle")));
    EXPECT(r.seen == 4 && r.adopted == 0 && r.rehashed == 0 && r.dropped == 0);
    EXPECT_OK(ft_object_list(&items, &count, &more, s, &arena, FT_STR("fettle"), FT_STR(""),
                             FT_STR(""), 100));
    EXPECT(count == 4 && !more);
    EXPECT_STR("../odd", items[0].key);
    EXPECT_STR("changed", items[1].key);
    EXPECT_STR("deep/er/new", items[2].key);
    EXPECT_STR("keep", items[3].key);
    ft_store_close(s);
}

static void test_streaming_writer(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object_writer *w;
    ft_object o, whole;
    ft_str out;
    static char bytes[300000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 >> 3);
    EXPECT_OK(ft_object_put(&whole, s, FT_STR("fettle"), FT_STR("whole"),
                            ft_str_n(bytes, sizeof bytes), NULL));
    EXPECT_OK(ft_object_write(&w, s, FT_STR("fettle"), FT_STR("pieces"), NULL));
    for (size_t at = 0, step = 1; at < sizeof bytes; at += step, step = step * 3 % 100003) {
        if (step > sizeof bytes - at) step = sizeof bytes - at;
        EXPECT_OK(ft_object_write_add(w, ft_str_n(bytes + at, step)));
    }
    EXPECT_ERR(FT_ENOTFOUND, ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("pieces")));
    EXPECT_OK(ft_object_write_commit(&o, w));
    EXPECT(strcmp(o.sha256, whole.sha256) == 0 && strcmp(o.etag, whole.etag) == 0);
    EXPECT_STR("pieces", o.key);
    EXPECT_OK(ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("pieces"), 1 << 20));
    EXPECT(out.len == sizeof bytes && memcmp(out.at, bytes, sizeof bytes) == 0);

    EXPECT_OK(ft_object_write(&w, s, FT_STR("fettle"), FT_STR("dropped"), NULL));
    EXPECT_OK(ft_object_write_add(w, FT_STR("x")));
    ft_object_write_abort(w);
    EXPECT_ERR(FT_ENOTFOUND, ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("dropped")));
    ft_str *names;
    size_t count;
    EXPECT_OK(ft_dir_list(&names, &count, &arena, in_home(".tmp")));
    EXPECT(count == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_object_write(&w, s, FT_STR("nobody"), FT_STR("x"), NULL));
    ft_store_close(s);
}

static void test_etag_as_sent(void **state) {
    (void)state;
    EXPECT_STR("abc", ft_etag_plain(FT_STR(" \"abc\" ")));
    EXPECT_STR("abc", ft_etag_plain(FT_STR("W/\"abc\"")));
    EXPECT_STR("abc", ft_etag_plain(FT_STR("abc")));
    EXPECT_STR("\"abc", ft_etag_plain(FT_STR("\"abc"))); /* nothing is cut that is no quote */
    EXPECT_STR("\"", ft_etag_plain(FT_STR("\"")));
    EXPECT(!ft_etag_plain((ft_str){ 0 }).len);
}

static void test_growing_file(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o;
    int fd, again;
    EXPECT_OK(ft_object_create(&fd, s, FT_STR("fettle"), FT_STR("seg/1.jsonl")));
    EXPECT_ERR(FT_EEXIST, ft_object_create(&again, s, FT_STR("fettle"), FT_STR("seg/1.jsonl")));
    EXPECT_ERR(FT_EINVAL, ft_object_create(&again, s, FT_STR("fettle"), FT_STR("../1.jsonl")));
    EXPECT(write(fd, "hello", 5) == 5);
    EXPECT_OK(ft_object_adopt(&o, s, FT_STR("fettle"), FT_STR("seg/1.jsonl"), NULL));
    EXPECT(strcmp(o.sha256, HELLO_SHA256) == 0);
    EXPECT(strncmp(o.etag, HELLO_SHA256, 32) == 0 && strcmp(o.etag + 32, "-1") == 0);
    EXPECT(write(fd, "!", 1) == 1);
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("seg/1.jsonl")));
    EXPECT(o.size_bytes == 6 && strncmp(o.etag, o.sha256, 32) == 0); /* the same rule as it grows */
    EXPECT_STR("-1", ft_str_of(o.etag + 32));
    EXPECT_OK(ft_object_adopt(&o, s, FT_STR("fettle"), FT_STR("seg/1.jsonl"), HELLO_SHA256));
    EXPECT(o.size_bytes == 6 && strcmp(o.sha256, HELLO_SHA256) == 0);
    close(fd);
    EXPECT_OK(ft_object_open(&fd, s, FT_STR("fettle"), FT_STR("seg/1.jsonl")));
    EXPECT_OK(ft_object_remove(s, FT_STR("fettle"), FT_STR("seg/1.jsonl")));
    char back[8];
    EXPECT(read(fd, back, 8) == 6); /* a reader keeps what it opened */
    close(fd);
    EXPECT_ERR(FT_ENOTFOUND, ft_object_adopt(&o, s, FT_STR("fettle"), FT_STR("gone"), NULL));
    ft_store_close(s);
}

/* Whatever call fails, the object is the old one or the new one, whole, and no draft remains. */
static void test_each_fault(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_str *names, out;
    size_t count;
    put(s, "k/x", "old");
    EACH_FAULT {
        ft_object o;
        ft_err err = ft_object_put(&o, s, FT_STR("fettle"), FT_STR("k/x"), FT_STR("hello"), NULL);
        ft_fault_off();
        EXPECT_OK(ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("k/x"), 100));
        EXPECT(ft_str_is(out, "hello") || (err != FT_OK && ft_str_is(out, "old")));
        EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("k/x")));
        EXPECT((strcmp(o.sha256, HELLO_SHA256) == 0) == ft_str_is(out, "hello"));
        EXPECT_OK(ft_dir_list(&names, &count, &arena, in_home(".tmp")));
        EXPECT(count == 0);
        put(s, "k/x", "old");
    }
    EACH_FAULT {
        ft_object_writer *w;
        ft_err err = ft_object_write(&w, s, FT_STR("fettle"), FT_STR("deep/er/w"), NULL);
        if (err == FT_OK) {
            err = ft_object_write_add(w, FT_STR("hello"));
            if (err == FT_OK)
                err = ft_object_write_commit(NULL, w);
            else
                ft_object_write_abort(w);
        }
        ft_fault_off();
        EXPECT_OK(ft_dir_list(&names, &count, &arena, in_home(".tmp")));
        EXPECT(count == 0);
        ft_err got = ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("deep/er/w"), 100);
        EXPECT((got == FT_OK && ft_str_is(out, "hello")) || (got == FT_ENOTFOUND && err != FT_OK));
        EXPECT_OK(ft_object_remove(s, FT_STR("fettle"), FT_STR("deep/er/w")));
    }
    put(s, "k/x", "old");
    EACH_FAULT {
        ft_object o;
        write_by_hand(in_home("fettle/k/x"), "hello");
        ft_err err = ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("k/x"));
        if (err == FT_OK) EXPECT(strcmp(o.sha256, HELLO_SHA256) == 0);
        err = ft_object_remove(s, FT_STR("fettle"), FT_STR("k/x"));
        ft_fault_off();
        put(s, "k/x", "old");
    }
    EACH_FAULT {
        ft_objects_repaired r;
        ft_err err = ft_objects_repair(&r, s, FT_STR("fettle"));
        if (err == FT_OK) err = ft_objects_clean(s, NULL);
        ft_fault_off();
    }
    EXPECT_STR("old", get(s, "k/x"));
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_put_and_get), cmocka_unit_test(test_buckets),
          cmocka_unit_test(test_odd_keys), cmocka_unit_test(test_links),
          cmocka_unit_test(test_repair_behind_the_row), cmocka_unit_test(test_repair_of_a_bucket),
          cmocka_unit_test(test_streaming_writer), cmocka_unit_test(test_etag_as_sent),
          cmocka_unit_test(test_growing_file), cmocka_unit_test(test_each_fault))
