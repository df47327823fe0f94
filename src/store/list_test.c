/* list_test.c -- listings against a plain sort and a plain roll-up of all keys. */
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/objects.h"
#include "store/store_in.h"
#include "tests/test.h"

static ft_arena arena;

static ft_store *fresh(void) {
    static int count;
    static char home[300];
    ft_store *s;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    ft_arena_reset(&arena);
    EXPECT_OK(ft_store_open(&s, home));
    return s;
}

/* Rows alone: a listing reads no file. */
static void add_row(ft_store *s, ft_str key) {
    EXPECT_OK(ft_db_run(s->db,
                        "insert or ignore into object values ('fettle', ?, 1, 's', 'e', 1, null, "
                        "null, 1, 1, 0)",
                        "s", key));
}

typedef struct keys {
    ft_str at[2000];
    size_t count;
} keys;

static int by_bytes(const void *a, const void *b) {
    return ft_str_cmp(*(const ft_str *)a, *(const ft_str *)b);
}

/* Reference: sort everything, walk it once. */
static void expected(keys *out, const keys *all, ft_str prefix, ft_str after, ft_str delimiter) {
    out->count = 0;
    for (size_t i = 0; i < all->count; i++) {
        ft_str key = all->at[i], entry = key;
        if (!ft_str_starts(key, prefix) || ft_str_cmp(key, after) <= 0) continue;
        for (size_t p = prefix.len; delimiter.len && p + delimiter.len <= key.len; p++)
            if (memcmp(key.at + p, delimiter.at, delimiter.len) == 0) {
                entry.len = p + delimiter.len;
                break;
            }
        bool rolled = entry.len < key.len ||
                      (delimiter.len && ft_str_ends(entry, delimiter) && entry.len > prefix.len);
        if (rolled && ft_str_eq(entry, after)) continue;
        if (out->count && ft_str_eq(out->at[out->count - 1], entry)) continue;
        out->at[out->count++] = entry;
    }
}

/* All pages of `limit`, one after another. */
static void listed(keys *out, ft_store *s, ft_str prefix, ft_str after, ft_str delimiter,
                   size_t limit) {
    bool more = true;
    out->count = 0;
    while (more) {
        ft_object *items;
        size_t count;
        ft_object_list_opts opts = { prefix, after, delimiter, limit };
        EXPECT_OK(ft_object_list_by(&items, &count, &more, s, &arena, FT_STR("fettle"), &opts));
        EXPECT(count <= limit && (count == limit || !more));
        for (size_t i = 0; i < count; i++) out->at[out->count++] = items[i].key;
        if (count) after = items[count - 1].key;
    }
}

static void test_against_reference(void **state) {
    (void)state;
    static const char *const prefixes[] = { "", "a", "a/", "a/b", "b/", "zz", "a/b/c/" };
    static const char *const afters[] = { "", "a", "a/", "a/b", "b", "c/zz", "zzzz" };
    static const char *const delimiters[] = { "", "/", "b", "//" };
    static keys all, want, got;
    ft_store *s = fresh();
    ft_random random;
    ft_random_seed(&random, 11);
    EXPECT_OK(ft_db_begin(s->db));
    for (int i = 0; i < 600; i++) {
        char text[12];
        size_t len = 1 + ft_random_below(&random, 8);
        for (size_t k = 0; k < len; k++) text[k] = "abc//\xc3"[ft_random_below(&random, 5)];
        add_row(s, ft_str_n(text, len));
    }
    EXPECT_OK(ft_db_commit(s->db));
    listed(&all, s, FT_STR(""), FT_STR(""), FT_STR(""), 1000);
    EXPECT(all.count > 300);
    for (size_t i = 1; i < all.count; i++) EXPECT(by_bytes(&all.at[i - 1], &all.at[i]) < 0);
    for (size_t p = 0; p < FT_COUNT(prefixes); p++)
        for (size_t a = 0; a < FT_COUNT(afters); a++)
            for (size_t d = 0; d < FT_COUNT(delimiters); d++)
                for (size_t limit = 1; limit <= 1000; limit *= 10) {
                    ft_str prefix = ft_str_of(prefixes[p]), after = ft_str_of(afters[a]);
                    ft_str delimiter = ft_str_of(delimiters[d]);
                    expected(&want, &all, prefix, after, delimiter);
                    listed(&got, s, prefix, after, delimiter, limit);
                    if (want.count != got.count)
                        print_error(
                            "prefix '%s' after '%s' delimiter '%s' limit %zu: %zu, not %zu\n",
                            prefixes[p], afters[a], delimiters[d], limit, got.count, want.count);
                    EXPECT(want.count == got.count);
                    for (size_t i = 0; i < want.count; i++)
                        EXPECT(ft_str_eq(want.at[i], got.at[i]));
                }
    ft_store_close(s);
}

/* 100,000 keys: a page anywhere, and one of prefixes with 100 keys below each. */
static void test_large(void **state) {
    (void)state;
    enum { PREFIXES = 1000, EACH = 100 };
    ft_store *s = fresh();
    char key[64];
    EXPECT_OK(ft_db_begin(s->db));
    for (int i = 0; i < PREFIXES * EACH; i++) {
        snprintf(key, sizeof key, "events/%012d/%012d_worker_0.tfevents", i / EACH, i);
        add_row(s, ft_str_of(key));
    }
    EXPECT_OK(ft_db_commit(s->db));
    ft_object *items;
    size_t count;
    bool more;
    int64_t started = ft_clock_monotonic_us();
    EXPECT_OK(ft_object_list(&items, &count, &more, s, &arena, FT_STR("fettle"), FT_STR("events/"),
                             FT_STR("events/000000000500/"), 1000));
    int64_t page_us = ft_clock_monotonic_us() - started;
    EXPECT(count == 1000 && more);
    EXPECT_STR("events/000000000500/000000050000_worker_0.tfevents", items[0].key);
    ft_object_list_opts opts = { FT_STR("events/"), FT_STR(""), FT_STR("/"), 1001 };
    started = ft_clock_monotonic_us();
    EXPECT_OK(ft_object_list_by(&items, &count, &more, s, &arena, FT_STR("fettle"), &opts));
    int64_t rolled_us = ft_clock_monotonic_us() - started;
    EXPECT(count == PREFIXES && !more && items[0].is_prefix);
    EXPECT_STR("events/000000000999/", items[999].key);
    print_message("# 1,000 keys of 100,000: %lld us; 1,000 prefixes: %lld us\n", (long long)page_us,
                  (long long)rolled_us);
    EXPECT(page_us < 100000 && rolled_us < 100000); /* the aim is 10 ms; sanitizers are slower */
    ft_store_close(s);
}

static void test_limits_and_faults(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object *items;
    size_t count;
    bool more;
    add_row(s, FT_STR("a"));
    EXPECT_OK(ft_object_list(&items, &count, &more, s, &arena, FT_STR("fettle"), FT_STR(""),
                             FT_STR(""), 0));
    EXPECT(count == 0 && !more);
    EXPECT_OK(ft_object_list(&items, &count, &more, s, &arena, FT_STR("fettle"), FT_STR(""),
                             FT_STR(""), SIZE_MAX));
    EXPECT(count == 1 && !more);
    EXPECT_ERR(FT_ENOTFOUND, ft_object_list(&items, &count, &more, s, &arena, FT_STR("nobody"),
                                            FT_STR(""), FT_STR(""), 1));
    char longest[3000];
    memset(longest, 'a', sizeof longest);
    EXPECT_OK(ft_object_list(&items, &count, &more, s, &arena, FT_STR("fettle"),
                             ft_str_n(longest, sizeof longest), ft_str_n(longest, 2999), 10));
    EXPECT(count == 0);
    EACH_FAULT {
        ft_err err = ft_object_list(&items, &count, &more, s, &arena, FT_STR("fettle"), FT_STR(""),
                                    FT_STR(""), 10);
        ft_fault_off();
        EXPECT(err != FT_OK || count == 1);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_against_reference), cmocka_unit_test(test_large),
          cmocka_unit_test(test_limits_and_faults))
