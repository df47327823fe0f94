/* multipart_test.c -- uploads in parts: order, replacing, every outcome, kills and faults. The ETag
 * is compared with what md5sum makes of the parts. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "store/multipart.h"
#include "tests/test.h"

#define MIB ((size_t)1 << 20)

static char home[300];
static ft_arena arena;
static char bytes[5 * MIB + 100000];

static ft_store *fresh(void) {
    static int count;
    ft_store *s;
    ft_random random;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    ft_arena_reset(&arena);
    ft_random_seed(&random, 3);
    for (size_t i = 0; i + 8 <= sizeof bytes; i += 8) {
        uint64_t v = ft_random_u64(&random);
        memcpy(bytes + i, &v, 8);
    }
    EXPECT_OK(ft_store_open(&s, home));
    return s;
}

#define BUCKET FT_STR("fettle")
#define KEY    FT_STR("big/model.tar.gz")

static ft_err send(ft_object *out, ft_store *s, ft_str id, int number, ft_str part) {
    ft_object_writer *w;
    FT_TRY(ft_upload_part(&w, s, id, BUCKET, KEY, number));
    ft_err err = ft_object_write_add(w, part);
    if (err == FT_OK) return ft_object_write_commit(out, w);
    ft_object_write_abort(w);
    return err;
}

static ft_upload_part_ref sent(ft_store *s, ft_str id, int number, ft_str part) {
    ft_object o;
    ft_upload_part_ref ref = { .number = number };
    EXPECT_OK(send(&o, s, id, number, part));
    EXPECT(o.size_bytes == part.len);
    EXPECT_OK(ft_arena_str(&ref.etag, &arena, ft_str_of(o.etag)));
    return ref;
}

static size_t part_files(void) {
    char path[400];
    ft_str *names;
    size_t count;
    snprintf(path, sizeof path, "%s/objects/.parts", home);
    if (!ft_file_exists(path)) return 0;
    EXPECT_OK(ft_dir_list(&names, &count, &arena, path));
    return count;
}

static ft_upload_outcome complete(ft_object *o, ft_store *s, ft_str id,
                                  const ft_upload_part_ref *refs, size_t count) {
    ft_upload_outcome outcome;
    EXPECT_OK(ft_upload_complete(&outcome, o, s, &arena, id, BUCKET, KEY, refs, count, NULL));
    return outcome;
}

/* The object's parts are of these sizes, one after the other, and there is none before or behind. */
static void expect_parts(ft_store *s, const size_t *sizes, int count) {
    ft_object o;
    ft_object_part part;
    size_t first = 0;
    EXPECT_OK(ft_object_head(&o, s, &arena, BUCKET, KEY));
    for (int i = 0; i < count; first += sizes[i++]) {
        EXPECT_OK(ft_object_part_find(&part, s, &o, i + 1));
        EXPECT(part.count == count && part.first == first && part.size_bytes == sizes[i]);
    }
    EXPECT_ERR(FT_ENOTFOUND, ft_object_part_find(&part, s, &o, 0));
    EXPECT_ERR(FT_ENOTFOUND, ft_object_part_find(&part, s, &o, count + 1));
}

static void test_three_parts(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o;
    ft_str id, out;
    ft_object_put_opts opts = { .content_type = FT_STR("application/x-tar"),
                                .metadata_json = FT_STR("{\"a\":\"b\"}") };
    EXPECT_OK(ft_upload_begin(&id, s, &arena, BUCKET, KEY, &opts));
    ft_str first = ft_str_n(bytes, 5 * MIB), last = ft_str_n(bytes + 5 * MIB, 100000);
    ft_upload_part_ref refs[3];
    refs[2] = sent(s, id, 900, last);
    refs[1] = sent(s, id, 7, FT_STR("to be replaced"));
    refs[0] = sent(s, id, 1, first);
    refs[1] = sent(s, id, 7, first);
    EXPECT(part_files() == 3);
    EXPECT_ERR(FT_ENOTFOUND, ft_object_head(&o, s, &arena, BUCKET, KEY));

    ft_upload_part_info *parts;
    size_t count;
    EXPECT_OK(ft_upload_parts(&parts, &count, s, &arena, id, BUCKET, KEY));
    EXPECT(count == 3 && parts[0].number == 1 && parts[1].number == 7 && parts[2].number == 900);
    EXPECT(parts[2].size_bytes == 100000 && ft_str_is(refs[2].etag, parts[2].etag));

    EXPECT(complete(&o, s, id, refs, 3) == FT_UPLOAD_DONE);
    EXPECT(o.size_bytes == 2 * first.len + last.len);
    EXPECT_STR("application/x-tar", o.content_type);
    EXPECT_STR("{\"a\":\"b\"}", o.metadata_json);
    EXPECT_OK(ft_object_get(&out, s, &arena, BUCKET, KEY, 20 * MIB));
    EXPECT(out.len == o.size_bytes && memcmp(out.at, bytes, first.len) == 0);
    EXPECT(memcmp(out.at + first.len, bytes, first.len) == 0);
    EXPECT(memcmp(out.at + 2 * first.len, last.at, last.len) == 0);
    EXPECT(part_files() == 0);
    EXPECT(complete(&o, s, id, refs, 3) == FT_UPLOAD_UNKNOWN);
    expect_parts(s, (const size_t[]){ first.len, first.len, last.len }, 3);

    /* MD5 of the three binary MD5s, by md5sum and Python */
    char command[700], path[400], want[64] = "";
    snprintf(path, sizeof path, "%s/objects/fettle/big/model.tar.gz", home);
    snprintf(command, sizeof command,
             "/usr/bin/python3 -c \"import hashlib; b=open('%s','rb').read(); n=%zu; "
             "m=lambda x: hashlib.md5(x).digest(); "
             "print(hashlib.md5(m(b[:n])+m(b[n:2*n])+m(b[2*n:])).hexdigest()+'-3')\"",
             path, first.len);
    FILE *f = popen(command, "r");
    int read = f ? fscanf(f, "%63s", want) : 0;
    if (f) pclose(f);
    if (read == 1) EXPECT(strcmp(want, o.etag) == 0);

    /* another object at that key has nothing of them */
    EXPECT_OK(ft_object_put(&o, s, BUCKET, KEY, FT_STR("whole"), NULL));
    ft_object_part part;
    EXPECT_OK(ft_object_part_find(&part, s, &o, 1));
    EXPECT(part.count == 0 && part.first == 0 && part.size_bytes == 5);
    EXPECT_ERR(FT_ENOTFOUND, ft_object_part_find(&part, s, &o, 2));
    ft_store_close(s);
}

static void test_outcomes(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o;
    ft_str id, other;
    EXPECT_OK(ft_upload_begin(&id, s, &arena, BUCKET, KEY, NULL));
    ft_upload_part_ref small = sent(s, id, 1, FT_STR("small")), end = sent(s, id, 2, FT_STR("end"));
    ft_upload_part_ref wrong = { 1, end.etag }, absent = { 3, end.etag };
    EXPECT(complete(&o, s, id, (ft_upload_part_ref[]){ small, end }, 2) == FT_UPLOAD_PART_SMALL);
    EXPECT(complete(&o, s, id, (ft_upload_part_ref[]){ end, small }, 2) == FT_UPLOAD_ORDER_WRONG);
    EXPECT(complete(&o, s, id, (ft_upload_part_ref[]){ end, end }, 2) == FT_UPLOAD_ORDER_WRONG);
    EXPECT(complete(&o, s, id, &wrong, 1) == FT_UPLOAD_PART_WRONG);
    EXPECT(complete(&o, s, id, &absent, 1) == FT_UPLOAD_PART_WRONG);
    EXPECT(complete(&o, s, id, NULL, 0) == FT_UPLOAD_PART_WRONG);
    EXPECT(complete(&o, s, FT_STR("no-such-upload"), &end, 1) == FT_UPLOAD_UNKNOWN);
    EXPECT_ERR(FT_ENOTFOUND, ft_object_head(&o, s, &arena, BUCKET, KEY));
    EXPECT(complete(&o, s, id, &end, 1) == FT_UPLOAD_DONE); /* one part may be small */
    EXPECT(o.size_bytes == 3);
    EXPECT(part_files() == 0); /* the one that was not listed is gone as well */

    EXPECT_OK(ft_upload_begin(&other, s, &arena, BUCKET, KEY, NULL));
    EXPECT_ERR(FT_EINVAL, send(&o, s, other, 0, FT_STR("x")));
    EXPECT_ERR(FT_EINVAL, send(&o, s, other, FT_UPLOAD_PARTS_MAX + 1, FT_STR("x")));
    EXPECT_ERR(FT_ENOTFOUND, send(&o, s, id, 1, FT_STR("x")));
    ft_object_writer *w;
    EXPECT_ERR(FT_ENOTFOUND, ft_upload_part(&w, s, other, BUCKET, FT_STR("another/key"), 1));
    sent(s, other, 1, FT_STR("x"));
    /* aborted while a part is on its way */
    EXPECT_OK(ft_upload_part(&w, s, other, BUCKET, KEY, 2));
    EXPECT_OK(ft_object_write_add(w, FT_STR("late")));
    EXPECT_OK(ft_upload_abort(s, other, BUCKET, KEY));
    EXPECT_ERR(FT_ENOTFOUND, ft_object_write_commit(&o, w));
    EXPECT_ERR(FT_ENOTFOUND, ft_upload_abort(s, other, BUCKET, KEY));
    EXPECT(part_files() == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_upload_begin(&id, s, &arena, FT_STR("nobody"), KEY, NULL));
    ft_store_close(s);
}

static void test_conditions(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o = { 0 };
    ft_upload_outcome outcome;
    ft_str id;
    EXPECT_OK(ft_upload_begin(&id, s, &arena, BUCKET, KEY, NULL));
    ft_upload_part_ref ref = sent(s, id, 1, FT_STR("one"));
    const ft_object_put_opts other = { .if_etag = FT_STR("0") }, none = { .if_absent = true };
    EXPECT_ERR(FT_ENOTFOUND,
               ft_upload_complete(&outcome, &o, s, &arena, id, BUCKET, KEY, &ref, 1, &other));
    EXPECT_OK(ft_upload_complete(&outcome, &o, s, &arena, id, BUCKET, KEY, &ref, 1, &none));
    EXPECT(outcome == FT_UPLOAD_DONE);
    const ft_object_put_opts same = { .if_etag = ft_str_of(o.etag) };
    EXPECT_OK(ft_upload_begin(&id, s, &arena, BUCKET, KEY, NULL));
    ref = sent(s, id, 1, FT_STR("two"));
    EXPECT_ERR(FT_EEXIST,
               ft_upload_complete(&outcome, &o, s, &arena, id, BUCKET, KEY, &ref, 1, &none));
    EXPECT_ERR(FT_EEXIST,
               ft_upload_complete(&outcome, &o, s, &arena, id, BUCKET, KEY, &ref, 1, &other));
    EXPECT_OK(ft_upload_complete(&outcome, &o, s, &arena, id, BUCKET, KEY, &ref, 1, &same));
    EXPECT(outcome == FT_UPLOAD_DONE && part_files() == 0);
    ft_store_close(s);
}

static void test_listing(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_upload *list;
    size_t count, seen = 0;
    bool more = true;
    ft_upload_list_opts page = { .prefix = FT_STR("a/"), .limit = 2 };
    static const char *const keys[] = { "a/1", "a/2", "a/2", "a/2", "b" };
    for (size_t i = 0; i < FT_COUNT(keys); i++) {
        ft_str id;
        EXPECT_OK(ft_upload_begin(&id, s, &arena, BUCKET, ft_str_of(keys[i]), NULL));
    }
    for (; more; seen += count) {
        EXPECT_OK(ft_upload_list(&list, &count, &more, s, &arena, BUCKET, &page));
        EXPECT(count == 2);
        for (size_t i = 0; i < count; i++) EXPECT_STR(keys[seen + i], list[i].key);
        page.key_marker = list[count - 1].key;
        page.id_marker = list[count - 1].id;
    }
    EXPECT(seen == 4);
    page = (ft_upload_list_opts){ .key_marker = FT_STR("a/2"), .limit = 10 };
    EXPECT_OK(ft_upload_list(&list, &count, &more, s, &arena, BUCKET, &page));
    EXPECT(count == 1 && !more);
    EXPECT_STR("b", list[0].key);
    ft_store_close(s);
}

/* By delimiter, page by page: what one entry stands for is shown once, wherever a page ends. */
static void test_listing_by_delimiter(void **state) {
    (void)state;
    ft_store *s = fresh();
    static const char *const keys[] = { "a", "a/1", "a/2", "a/2/x", "b/1", "c" }, *const want[] = {
        "a", "a/", "b/", "c"
    };
    for (size_t i = 0; i < FT_COUNT(keys); i++) {
        ft_str id;
        EXPECT_OK(ft_upload_begin(&id, s, &arena, BUCKET, ft_str_of(keys[i]), NULL));
    }
    for (size_t limit = 1; limit <= 5; limit++) {
        ft_upload_list_opts page = { .delimiter = FT_STR("/"), .limit = limit };
        size_t seen = 0, count;
        for (bool more = true; more; seen += count) {
            ft_upload *list;
            EXPECT_OK(ft_upload_list(&list, &count, &more, s, &arena, BUCKET, &page));
            EXPECT(count > 0 && count <= limit && seen + count <= FT_COUNT(want));
            for (size_t i = 0; i < count; i++) {
                EXPECT_STR(want[seen + i], list[i].key);
                EXPECT(list[i].is_prefix == (strchr(want[seen + i], '/') != NULL));
                EXPECT(list[i].is_prefix == (list[i].id.len == 0));
            }
            page.key_marker = list[count - 1].key;
            page.id_marker = list[count - 1].id;
        }
        EXPECT(seen == FT_COUNT(want));
    }
    ft_upload *list;
    size_t count;
    bool more;
    const ft_upload_list_opts below = { .prefix = FT_STR("a/"),
                                        .delimiter = FT_STR("/"),
                                        .limit = 10 };
    EXPECT_OK(ft_upload_list(&list, &count, &more, s, &arena, BUCKET, &below));
    EXPECT(count == 3 && !more && list[2].is_prefix);
    EXPECT_STR("a/2/", list[2].key);
    ft_store_close(s);
}

static int64_t fake_us;
static int64_t fake_now(void) { return fake_us; }
static void fake_sleep(int64_t us) { fake_us += us; }
static const ft_clock_ops fake_clock = { fake_now, fake_now, fake_sleep };

static void test_cleaning(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_str old, young;
    char path[400];
    ft_upload *list;
    size_t count;
    bool more;
    fake_us = ft_clock_now_us();
    ft_clock_use(&fake_clock);
    EXPECT_OK(ft_upload_begin(&old, s, &arena, BUCKET, KEY, NULL));
    EXPECT_OK(ft_upload_begin(&young, s, &arena, BUCKET, KEY, NULL));
    sent(s, old, 1, FT_STR("x"));
    fake_us += FT_UPLOAD_LIFE_US - 1000;
    sent(s, young, 1, FT_STR("y")); /* a part keeps its upload alive */
    EXPECT_OK(ft_objects_clean(s, NULL));
    EXPECT(part_files() == 2);
    fake_us += 2000;
    snprintf(path, sizeof path, "%s/objects/.parts/1-2-3", home);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("litter of a killed process"), false));
    EXPECT_OK(ft_objects_clean(s, NULL));
    ft_clock_use(NULL);
    EXPECT(part_files() == 1);
    EXPECT_OK(ft_upload_list(&list, &count, &more, s, &arena, BUCKET,
                             &(ft_upload_list_opts){ .limit = 10 }));
    EXPECT(count == 1 && ft_str_eq(list[0].id, young));
    ft_store_close(s);
}

/* Ten parts from four processes at once. */
static void test_parts_from_several(void **state) {
    (void)state;
    enum { PROCESSES = 4, PARTS = 10 };
    ft_store *s = fresh();
    ft_str id;
    EXPECT_OK(ft_upload_begin(&id, s, &arena, BUCKET, KEY, NULL));
    for (int p = 0; p < PROCESSES; p++) {
        ft_store *own;
        if (fork() != 0) continue;
        if (ft_store_open(&own, home) != FT_OK) _exit(1);
        for (int n = p; n < PARTS; n += PROCESSES)
            if (send(NULL, own, id, n + 1, ft_str_n(bytes + n, 5 * MIB)) != FT_OK) _exit(2);
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        EXPECT(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    ft_upload_part_info *parts;
    ft_upload_part_ref refs[PARTS];
    size_t count;
    ft_object o;
    ft_str out;
    EXPECT_OK(ft_upload_parts(&parts, &count, s, &arena, id, BUCKET, KEY));
    EXPECT(count == PARTS);
    for (int i = 0; i < PARTS; i++)
        refs[i] = (ft_upload_part_ref){ parts[i].number, ft_str_of(parts[i].etag) };
    EXPECT(complete(&o, s, id, refs, PARTS) == FT_UPLOAD_DONE);
    EXPECT_OK(ft_object_get(&out, s, &arena, BUCKET, KEY, 60 * MIB));
    for (size_t n = 0; n < PARTS; n++)
        EXPECT(memcmp(out.at + n * 5 * MIB, bytes + n, 5 * MIB) == 0);
    ft_store_close(s);
}

/* Whatever call fails, a part is the old or the new one, the object is there whole or not at all,
 * and in the end nothing is left over. */
static void test_each_fault(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_str out;
    EACH_FAULT {
        ft_str id = { 0 };
        ft_object o;
        ft_upload_part_ref ref = { .number = 1 };
        ft_upload_outcome outcome = FT_UPLOAD_UNKNOWN;
        char etag[FT_ETAG_TEXT] = "";
        ft_err err = ft_upload_begin(&id, s, &arena, BUCKET, KEY, NULL);
        if (err == FT_OK) err = send(&o, s, id, 1, FT_STR("first"));
        if (err == FT_OK) err = send(&o, s, id, 1, FT_STR("second"));
        if (err == FT_OK) snprintf(etag, sizeof etag, "%s", o.etag);
        ref.etag = ft_str_of(etag);
        if (err == FT_OK)
            err = ft_upload_complete(&outcome, &o, s, &arena, id, BUCKET, KEY, &ref, 1, NULL);
        ft_fault_off();
        ft_err got = ft_object_get(&out, s, &arena, BUCKET, KEY, 100);
        if (err == FT_OK) EXPECT(outcome == FT_UPLOAD_DONE && got == FT_OK);
        EXPECT((got == FT_OK && ft_str_is(out, "second")) || got == FT_ENOTFOUND);
        if (id.at && ft_upload_abort(s, id, BUCKET, KEY) != FT_OK) ft_err_clear();
        EXPECT_OK(ft_object_remove(s, BUCKET, KEY));
        EXPECT_OK(ft_objects_clean(s, NULL));
        EXPECT(part_files() == 0);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_three_parts), cmocka_unit_test(test_outcomes),
          cmocka_unit_test(test_conditions), cmocka_unit_test(test_listing),
          cmocka_unit_test(test_listing_by_delimiter), cmocka_unit_test(test_cleaning),
          cmocka_unit_test(test_parts_from_several), cmocka_unit_test(test_each_fault))
