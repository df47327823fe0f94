/* stream_test.c -- writing and reading back: order over many writers, following, rotation, ranges,
 * disorder, retention, faults. */
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "store/objects.h"
#include "streams/format.h"
#include "streams/segments_in.h"
#include "tests/test.h"

static const ft_column columns[] = { { "time_us", FT_VALUE_INT, "when, in µs" },
                                     { "writer", FT_VALUE_INT, "who" },
                                     { "note", FT_VALUE_TEXT, "what" },
                                     { 0 } };
static const ft_stream_kind kind_lines = {
    .name = "lines", .key = "endpoint", .columns = columns, .format = &ft_format_jsonl
};
static const ft_stream_kind kind_small = { .name = "small",
                                           .key = "endpoint",
                                           .columns = columns,
                                           .format = &ft_format_rows,
                                           .segment_bytes_max = 2000 };
static const ft_stream_kind kind_hours = { .name = "hours",
                                           .key = "endpoint",
                                           .columns = columns,
                                           .format = &ft_format_jsonl,
                                           .hourly = true };
static const ft_stream_kind *const kinds[] = { &kind_lines, &kind_small, &kind_hours, NULL };

static ft_arena arena;
static char home[300];

static ft_store *fresh(void) {
    static int count;
    ft_store *s;
    ft_streams_use(kinds);
    ft_arena_reset(&arena);
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    EXPECT_OK(ft_store_open(&s, home));
    return s;
}

static ft_err add(ft_stream_writer *w, int64_t time_us, int writer) {
    char note[64];
    snprintf(note, sizeof note, "%lld by %d", (long long)time_us, writer);
    ft_value values[] = { ft_value_int(time_us), ft_value_int(writer),
                          ft_value_text(ft_str_of(note)) };
    return ft_stream_append(w, values);
}

/* The next record is this one. */
static void expect_next(ft_cursor *c, int64_t time_us, int writer) {
    ft_record r;
    char note[64];
    EXPECT_OK(ft_cursor_next(c, &r));
    snprintf(note, sizeof note, "%lld by %d", (long long)time_us, writer);
    EXPECT(r.values[0].i == time_us);
    EXPECT(r.values[1].i == writer);
    EXPECT_STR(note, r.values[2].s);
}

static void expect_end(ft_cursor *c) {
    ft_record r;
    EXPECT_ERR(FT_ENOTFOUND, ft_cursor_next(c, &r));
}

static ft_cursor *cursor(ft_store *s, const ft_stream_kind *kind, const char *key, int64_t from,
                         int64_t until) {
    ft_cursor *c;
    ft_cursor_opts opts = { .key = ft_str_of(key), .from = from, .until = until };
    EXPECT_OK(ft_cursor_open(&c, s, kind, &opts));
    return c;
}

static size_t count_all(ft_store *s, const ft_stream_kind *kind, const char *key, int64_t from,
                        int64_t until) {
    ft_cursor *c = cursor(s, kind, key, from, until);
    ft_record r;
    size_t n = 0;
    ft_err err;
    while ((err = ft_cursor_next(c, &r)) == FT_OK) n++;
    EXPECT_ERR(FT_ENOTFOUND, err);
    EXPECT(ft_cursor_damaged(c) == 0);
    ft_cursor_close(c);
    return n;
}

static void test_append_is_seen_at_once(void **state) {
    (void)state;
    ft_store *s = fresh();
    for (const ft_stream_kind *const *k = kinds; *k; k++) {
        ft_stream_writer *w;
        ft_segment *list;
        size_t count;
        ft_cursor *c = cursor(s, *k, "a", 0, 0);
        expect_end(c);
        EXPECT_OK(ft_stream_write(&w, s, *k, FT_STR("a"), NULL));
        EXPECT_STR("", ft_stream_segment(w));
        expect_end(c);
        for (int i = 0; i < 100; i++) {
            EXPECT_OK(add(w, 1000 + i, 1));
            expect_next(c, 1000 + i, 1);
            expect_end(c); /* of what it saw; the next call looks again */
        }
        EXPECT(ft_str_starts(ft_stream_segment(w), FT_STR("s3://fettle/")));
        ft_object growing, *listed;
        ft_uri at;
        bool more;
        EXPECT_OK(ft_uri_parse(&at, ft_stream_segment(w)));
        EXPECT_OK(
            ft_object_list(&listed, &count, &more, s, &arena, at.bucket, at.key, FT_STR(""), 9));
        EXPECT(count == 1);
        EXPECT_OK(ft_object_head(&growing, s, &arena, at.bucket, at.key));
        EXPECT(growing.size_bytes > 0);
        EXPECT_OK(ft_stream_close(w));
        expect_end(c);
        EXPECT(ft_cursor_damaged(c) == 0);
        ft_cursor_close(c);
        EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, *k, FT_STR("a")));
        EXPECT(count == (*k == &kind_small ? count : 1));
        uint64_t records = 0;
        for (size_t i = 0; i < count; i++) {
            ft_object o;
            ft_uri uri;
            EXPECT(list[i].sealed && !list[i].unordered && list[i].records > 0);
            EXPECT_OK(ft_uri_parse(&uri, list[i].uri));
            EXPECT_OK(ft_object_head(&o, s, &arena, uri.bucket, uri.key));
            EXPECT(o.size_bytes == list[i].bytes && strcmp(o.sha256, list[i].sha256) == 0);
            char sha256[FT_SHA256_HEX];
            ft_str bytes;
            EXPECT_OK(ft_object_get(&bytes, s, &arena, uri.bucket, uri.key, 1 << 20));
            EXPECT_OK(ft_sha256_hex(sha256, bytes));
            EXPECT(strcmp(sha256, list[i].sha256) == 0);
            records += list[i].records;
        }
        EXPECT(records == 100 && list[0].first == 1000 && list[count - 1].last == 1099);
        if (*k == &kind_small) EXPECT(count > 2);
    }
    ft_store_close(s);
}

/* Three writers, a cursor on one key, one on all; one stands still while others go on. */
static void test_merge(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_stream_writer *a, *b, *other;
    EXPECT_OK(ft_stream_write(&a, s, &kind_small, FT_STR("x"), NULL));
    EXPECT_OK(
        ft_stream_write(&b, s, &kind_small, FT_STR("x"), &(ft_stream_opts){ .variant = "second" }));
    EXPECT_OK(ft_stream_write(&other, s, &kind_small, FT_STR("y"), NULL));
    for (int i = 0; i < 300; i++) {
        EXPECT_OK(add(i % 3 == 0 ? a : i % 3 == 1 ? b : other, 10 * i, i % 3));
        if (i == 150) EXPECT_OK(ft_stream_close(b));
        if (i == 150)
            EXPECT_OK(ft_stream_write(&b, s, &kind_small, FT_STR("x"),
                                      &(ft_stream_opts){ .uri = "s3://fettle/elsewhere/" }));
    }
    ft_cursor *all = cursor(s, &kind_small, NULL, 0, 0);
    for (int i = 0; i < 300; i++) expect_next(all, 10 * i, i % 3);
    expect_end(all);
    ft_cursor *x = cursor(s, &kind_small, "x", 0, 0);
    for (int i = 0; i < 300; i++)
        if (i % 3 != 2) expect_next(x, 10 * i, i % 3);
    expect_end(x);
    EXPECT_OK(add(b, 5000, 1));
    EXPECT_OK(add(a, 4000, 0));
    expect_next(x, 4000, 0);
    expect_next(x, 5000, 1);
    expect_end(x);
    expect_next(all, 4000, 0);
    ft_cursor_close(x);
    ft_cursor_close(all);
    EXPECT(count_all(s, &kind_small, "y", 0, 0) == 100);
    EXPECT(count_all(s, &kind_small, "nobody", 0, 0) == 0);
    EXPECT_OK(ft_stream_close(a));
    EXPECT_OK(ft_stream_close(b));
    EXPECT_OK(ft_stream_close(other));
    EXPECT(count_all(s, &kind_small, NULL, 0, 0) == 302);
    ft_store_close(s);
}

/* Every range gives what a plain filter gives, on growing and sealed segments alike. */
static void test_ranges(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_random random;
    ft_random_seed(&random, 5);
    for (int k = 0; k < 2; k++) {
        const ft_stream_kind *kind = kinds[k];
        ft_stream_writer *w;
        static int64_t times[4000];
        EXPECT_OK(ft_stream_write(&w, s, kind, FT_STR("r"), NULL));
        for (int i = 0; i < 4000; i++) {
            times[i] = (i ? times[i - 1] : -5000) + (int64_t)ft_random_below(&random, 4);
            EXPECT_OK(add(w, times[i], 0));
        }
        for (int sealed = 0; sealed < 2; sealed++) {
            for (int round = 0; round < 60; round++) {
                int64_t from = times[ft_random_below(&random, 4000)] + 1 -
                               (int64_t)ft_random_below(&random, 3);
                int64_t until = from + (int64_t)ft_random_below(&random, 3000);
                size_t want = 0;
                if (from == 0 && until == 0) continue;
                for (int i = 0; i < 4000; i++) want += times[i] >= from && times[i] < until;
                EXPECT(count_all(s, kind, "r", from, until) == want);
            }
            EXPECT(count_all(s, kind, "r", INT64_MIN, INT64_MAX) == 4000);
            if (!sealed) EXPECT_OK(ft_stream_close(w));
        }
    }
    ft_store_close(s);
}

/* Records that arrive late: a cursor opened afterwards sorts them, one that follows gives each
 * once. */
static void test_disorder(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        ft_store *s = fresh();
        const ft_stream_kind *kind = kinds[k];
        ft_random random;
        ft_stream_writer *w;
        ft_record r;
        ft_random_seed(&random, 6);
        EXPECT_OK(ft_stream_write(&w, s, kind, FT_STR("d"), NULL));
        ft_cursor *follow = cursor(s, kind, "d", 0, 0);
        size_t followed = 0;
        for (int i = 0; i < 1000; i++) {
            EXPECT_OK(add(w, i < 100 ? i : (int64_t)ft_random_below(&random, 5000), i));
            if (i % 50 == 49)
                while (ft_cursor_next(follow, &r) == FT_OK) followed++;
        }
        for (int sealed = 0; sealed < 2; sealed++) {
            ft_cursor *c = cursor(s, kind, "d", 0, 0);
            int64_t before = -1;
            size_t n = 0;
            while (ft_cursor_next(c, &r) == FT_OK) {
                EXPECT(r.values[0].i >= before);
                before = r.values[0].i;
                n++;
            }
            EXPECT(n == 1000);
            ft_cursor_close(c);
            EXPECT(count_all(s, kind, "d", 100, 2000) + count_all(s, kind, "d", 2000, 9000) +
                       count_all(s, kind, "d", -9, 100) ==
                   1000);
            if (!sealed) EXPECT_OK(ft_stream_close(w));
        }
        while (ft_cursor_next(follow, &r) == FT_OK) followed++;
        EXPECT(followed == 1000);
        ft_cursor_close(follow);
        ft_segment *list;
        size_t count, unordered = 0;
        EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, kind, FT_STR("d")));
        for (size_t i = 0; i < count; i++) unordered += list[i].unordered;
        EXPECT(unordered >= 1);
        ft_store_close(s);
    }
}

static void test_hours(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_stream_writer *w;
    ft_segment *list;
    size_t count;
    int64_t start;
    EXPECT_OK(ft_time_parse(&start, FT_STR("2022-02-14T17:59:59.500Z")));
    ft_stream_opts opts = { .uri = "s3://fettle/capture/fashion", .variant = "AllTraffic" };
    EXPECT_OK(ft_stream_write(&w, s, &kind_hours, FT_STR("fashion"), &opts));
    for (int i = 0; i < 10; i++) EXPECT_OK(add(w, start + i * 100000, i));
    EXPECT_OK(add(w, start + 800000, 10)); /* late, but of this hour */
    EXPECT_OK(ft_stream_tick(w));          /* that hour is long over: sealed */
    EXPECT_STR("", ft_stream_segment(w));
    EXPECT_OK(ft_stream_close(w));
    EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, &kind_hours, FT_STR("fashion")));
    EXPECT(count == 2 && list[0].records == 5 && list[1].records == 6);
    ft_str want = FT_STR("s3://fettle/capture/fashion/AllTraffic/2022/02/14/17/59-59-500-");
    EXPECT(ft_str_starts(list[0].uri, want) && ft_str_ends(list[0].uri, FT_STR(".jsonl")));
    want = FT_STR("s3://fettle/capture/fashion/AllTraffic/2022/02/14/18/00-00-000-");
    EXPECT(ft_str_starts(list[1].uri, want));
    EXPECT(list[1].unordered && !list[0].unordered);
    ft_store_close(s);
}

static void test_raw_lines(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_stream_writer *w;
    ft_record r;
    EXPECT_OK(ft_stream_write(&w, s, &kind_lines, FT_STR("raw"), NULL));
    EXPECT_OK(ft_stream_append_raw(w, 7, FT_STR("{\"note\":\"hand made\",\"time_us\":7}")));
    EXPECT_ERR(FT_EINVAL, ft_stream_append_raw(w, 8, FT_STR("{}\n{}")));
    EXPECT_ERR(FT_EINVAL, ft_stream_append_raw(w, 8, FT_STR("")));
    EXPECT_OK(ft_stream_append_raw(w, 9, FT_STR("this is damage")));
    EXPECT_OK(ft_stream_append_raw(w, 10, FT_STR("{\"time_us\":10}")));
    ft_cursor *c = cursor(s, &kind_lines, "raw", 0, 0);
    EXPECT_OK(ft_cursor_next(c, &r));
    EXPECT_STR("{\"note\":\"hand made\",\"time_us\":7}", r.raw);
    EXPECT_STR("hand made", r.values[2].s);
    EXPECT(r.values[1].type == FT_VALUE_NULL && r.offset == 0);
    EXPECT_STR("raw", r.key);
    EXPECT(ft_str_eq(r.segment, ft_stream_segment(w)));
    EXPECT_OK(ft_cursor_next(c, &r));
    EXPECT(r.values[0].i == 10 && r.offset == 33 + 15);
    EXPECT(ft_cursor_damaged(c) == 1);
    expect_end(c);
    ft_cursor_close(c);
    EXPECT_OK(ft_stream_close(w));
    EXPECT_ERR(FT_EINVAL, ft_stream_write(&w, s, &kind_lines, FT_STR(""), NULL));
    EXPECT_OK(ft_stream_write(&w, s, &kind_lines, FT_STR("../../up"), NULL));
    EXPECT_OK(add(w, 1, 1)); /* in a folder that it can name */
    EXPECT(ft_str_starts(ft_stream_segment(w), FT_STR("s3://fettle/lines/..=2f..=2fup/")));
    EXPECT_OK(ft_stream_close(w));
    EXPECT_ERR(FT_EPARSE, ft_stream_write(&w, s, &kind_lines, FT_STR("a"),
                                          &(ft_stream_opts){ .uri = "/tmp/x" }));
    ft_store_close(s);
}

/* ---- a clock that stands still until it is told */

static int64_t fake_us = 1000000;
static int64_t fake_now(void) { return fake_us; }
static void fake_sleep(int64_t us) { fake_us += us; }
static const ft_clock_ops fake_clock = { fake_now, fake_now, fake_sleep };

static void test_buffered(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_stream_writer *w;
    ft_clock_use(&fake_clock);
    EXPECT_OK(
        ft_stream_write(&w, s, &kind_small, FT_STR("b"), &(ft_stream_opts){ .buffered = true }));
    EXPECT_OK(add(w, 1, 0));
    EXPECT_OK(add(w, 2, 0));
    EXPECT(count_all(s, &kind_small, "b", 0, 0) == 0);
    EXPECT_OK(ft_stream_tick(w));
    EXPECT(count_all(s, &kind_small, "b", 0, 0) == 0);
    fake_us += 5000;
    EXPECT_OK(ft_stream_tick(w));
    EXPECT(count_all(s, &kind_small, "b", 0, 0) == 2);
    EXPECT_OK(add(w, 3, 0));
    fake_us += 5000;
    EXPECT_OK(add(w, 4, 0)); /* sends the one before */
    EXPECT(count_all(s, &kind_small, "b", 0, 0) == 3);
    EXPECT_OK(ft_stream_flush(w));
    EXPECT_OK(ft_stream_flush(w));
    EXPECT(count_all(s, &kind_small, "b", 0, 0) == 4);
    ft_value wrong[] = { ft_value_int(5), ft_value_int(0), ft_value_int(1) };
    EXPECT_OK(add(w, 5, 0));
    EXPECT_ERR(FT_EINVAL, ft_stream_append(w, wrong));
    EXPECT_OK(add(w, 6, 0));
    for (int i = 7; i < 1000; i++) EXPECT_OK(add(w, i, 0));
    EXPECT_OK(ft_stream_close(w));
    ft_clock_use(NULL);
    EXPECT(count_all(s, &kind_small, "b", 0, 0) == 999);
    ft_store_close(s);
}

static void test_retention(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_stream_writer *w;
    ft_segment *list;
    size_t count, after;
    int removed;
    EXPECT_OK(ft_stream_write(&w, s, &kind_small, FT_STR("old"), NULL));
    for (int i = 0; i < 400; i++) EXPECT_OK(add(w, i, 0));
    EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, &kind_small, FT_STR("old")));
    uint64_t total, sealed = 0;
    for (size_t i = 0; i < count; i++) sealed += list[i].sealed ? list[i].records : 0;
    EXPECT_OK(ft_stream_total(&total, s, &kind_small, FT_STR("old")));
    EXPECT(total == sealed && total > 200 && total < 400);
    EXPECT_OK(ft_stream_segments_between(&list, &after, s, &arena, &kind_small, FT_STR("old"), 200,
                                         200, 64));
    EXPECT(after == 2 && list[0].first <= 200 && list[0].last >= 200 && !list[1].sealed);
    EXPECT_OK(ft_stream_segments_between(&list, &after, s, &arena, &kind_small, FT_STR("old"), 0,
                                         400, 3));
    EXPECT(after == 3 && list[0].first == 0);
    bool holds;
    EXPECT_OK(ft_stream_may_hold(&holds, s, &kind_small, FT_STR("old"), 200, 200));
    EXPECT(holds);
    EXPECT_OK(ft_stream_may_hold(&holds, s, &kind_small, FT_STR("old"), 400, 500));
    EXPECT(!holds);
    EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, &kind_small, FT_STR("old")));
    ft_cursor *c = cursor(s, &kind_small, "old", 0, 0);
    expect_next(c, 0, 0);
    EXPECT_OK(ft_stream_retain(s, &kind_small, FT_STR("old"), 200, &removed));
    EXPECT(removed > 2 && (size_t)removed < count);
    EXPECT_OK(ft_stream_segments(&list, &after, s, &arena, &kind_small, FT_STR("old")));
    EXPECT(after == count - (size_t)removed && (!list[0].sealed || list[0].last >= 200));
    expect_next(c, 1, 0); /* what a cursor has open stays readable */
    size_t rest = 0;
    ft_record r;
    while (ft_cursor_next(c, &r) == FT_OK) rest++;
    EXPECT(rest >= 200 && rest < 398 && ft_cursor_damaged(c) == 0);
    ft_cursor_close(c);
    EXPECT_OK(ft_stream_retain(s, &kind_small, FT_STR("old"), INT64_MAX, &removed));
    EXPECT(count_all(s, &kind_small, "old", 0, 0) > 0); /* the growing one stays */
    EXPECT_OK(ft_stream_close(w));
    ft_store_close(s);
}

/* Whatever call fails: an append that said OK is there, one that failed is not, once each. */
static void test_each_fault(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int buffered = 0; buffered < 1 + k; buffered++) {
            ft_store *s = fresh();
            int round = 0;
            EACH_FAULT {
                ft_stream_writer *w;
                char key[20];
                bool sure[60] = { false };
                snprintf(key, sizeof key, "f%d", round++);
                ft_stream_opts opts = { .buffered = buffered };
                ft_err err = ft_stream_write(&w, s, kinds[k], ft_str_of(key), &opts);
                if (err == FT_OK) {
                    for (int i = 0; i < 60; i++) sure[i] = add(w, i == 30 ? 5 : i + 1, i) == FT_OK;
                    ft_stream_flush(w);
                    ft_stream_tick(w);
                    err = ft_stream_close(w);
                }
                ft_fault_off();
                ft_cursor *c = cursor(s, kinds[k], key, 0, 0);
                ft_record r;
                bool seen[60] = { false };
                while (ft_cursor_next(c, &r) == FT_OK) {
                    EXPECT(!seen[r.values[1].i]);
                    seen[r.values[1].i] = true;
                }
                EXPECT(ft_cursor_damaged(c) == 0);
                for (int i = 0; i < 60; i++)
                    EXPECT(seen[i] == sure[i] || (buffered && err != FT_OK && !seen[i]));
                ft_cursor_close(c);
            }
            EXPECT(round > 10);
            ft_store_close(s);
        }
}

static void test_each_fault_of_reading(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_stream_writer *w[2];
    for (int k = 0; k < 2; k++) {
        EXPECT_OK(ft_stream_write(&w[k], s, kinds[k], FT_STR("f"), NULL));
        for (int i = 0; i < 200; i++) EXPECT_OK(add(w[k], i % 50, i));
    }
    for (int k = 0; k < 2; k++) EACH_FAULT {
            ft_cursor *c = NULL;
            ft_record r;
            size_t n = 0;
            ft_cursor_opts opts = { .from = 10, .until = 40 };
            ft_err err = ft_cursor_open(&c, s, kinds[k], &opts);
            while (err == FT_OK && (err = ft_cursor_next(c, &r)) == FT_OK) n++;
            ft_fault_off();
            EXPECT(err != FT_OK && (err != FT_ENOTFOUND || n == 120));
            ft_cursor_close(c);
        }
    for (int k = 0; k < 2; k++) EXPECT_OK(ft_stream_close(w[k]));
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_append_is_seen_at_once), cmocka_unit_test(test_merge),
          cmocka_unit_test(test_ranges), cmocka_unit_test(test_disorder),
          cmocka_unit_test(test_hours), cmocka_unit_test(test_raw_lines),
          cmocka_unit_test(test_buffered), cmocka_unit_test(test_retention),
          cmocka_unit_test(test_each_fault), cmocka_unit_test(test_each_fault_of_reading))
