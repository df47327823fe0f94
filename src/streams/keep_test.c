/* keep_test.c -- streams are kept for ever, or as long as the home's settings say. */
#include "streams/keep.h"

#include "base/clock.h"
#include "store/settings.h"
#include "streams/format.h"
#include "tests/test.h"

static const ft_column columns[] = { { "time_us", FT_VALUE_INT, "when" }, { 0 } };
static const ft_column steps[] = { { "step", FT_VALUE_INT, "which" }, { 0 } };
static const ft_stream_kind kind_aged = {
    .name = "aged", .key = "endpoint", .columns = columns, .format = &ft_format_jsonl
};
static const ft_stream_kind kind_other = {
    .name = "other", .key = "endpoint", .columns = columns, .format = &ft_format_jsonl
};
static const ft_stream_kind kind_steps = {
    .name = "steps", .key = "job", .columns = steps, .format = &ft_format_jsonl
};
static const ft_stream_kind *const kinds[] = { &kind_aged, &kind_other, &kind_steps, NULL };

#define DAY_US (86400 * FT_SECOND_US)
#define NOW_US (100 * DAY_US)

static ft_arena arena;

/* One sealed segment with one record. */
static void record(ft_store *s, const ft_stream_kind *kind, const char *key, int64_t order) {
    ft_stream_writer *w;
    ft_value value = ft_value_int(order);
    EXPECT_OK(ft_stream_write(&w, s, kind, ft_str_of(key), NULL));
    EXPECT_OK(ft_stream_append(w, &value));
    EXPECT_OK(ft_stream_close(w));
}

static size_t segments(ft_store *s, const ft_stream_kind *kind) {
    ft_segment *list;
    size_t count;
    EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, kind, (ft_str){ 0 }));
    return count;
}

static void test_age(void **state) {
    (void)state;
    ft_store *s;
    int removed;
    char home[300];
    ft_streams_use(kinds);
    snprintf(home, sizeof home, "%s/home", test_dir());
    EXPECT_OK(ft_store_open(&s, home));
    for (int day = 91; day <= 100; day++) {
        record(s, &kind_aged, day % 2 ? "a" : "b", day * DAY_US);
        record(s, &kind_other, "a", day * DAY_US);
        record(s, &kind_steps, "a", day);
    }
    EXPECT_OK(ft_streams_age(s, NOW_US, &removed));
    EXPECT(removed == 0); /* nobody said that anything goes */
    EXPECT_OK(ft_setting_put(s, "keep-aged", FT_STR("5d")));
    EXPECT_OK(ft_setting_put(s, "keep-steps", FT_STR("5d"))); /* a step has no age */
    EXPECT_OK(ft_streams_age(s, NOW_US, &removed));
    EXPECT(removed == 4 && segments(s, &kind_aged) == 6); /* of both keys */
    EXPECT(segments(s, &kind_other) == 10 && segments(s, &kind_steps) == 10);
    EXPECT_OK(ft_setting_put(s, "keep-aged", FT_STR("soon")));
    EXPECT_OK(ft_setting_put(s, "keep-other", FT_STR("24h")));
    EXPECT_ERR(FT_EPARSE, ft_streams_age(s, NOW_US, &removed));
    EXPECT_WHY("keep-aged");
    EXPECT(removed == 8 && segments(s, &kind_aged) == 6 && segments(s, &kind_other) == 2);
    EXPECT_OK(ft_stream_keep_check(FT_STR("30d")));
    EXPECT_ERR(FT_EINVAL, ft_stream_keep_check(FT_STR("0d")));
    EXPECT_ERR(FT_EPARSE, ft_stream_keep_check(FT_STR("30")));
    ft_store_close(s);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_age))
