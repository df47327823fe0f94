/* clock_test.c -- calendar against the C library, parsing, printing, the seam. */
#include "base/clock.h"

#include <time.h>

#include "base/check.h"
#include "tests/test.h"

static int64_t fake_now(void) { return 42; }
static int64_t fake_mono(void) { return 43; }
static int64_t slept;
static void fake_sleep(int64_t us) { slept = us; }

static void test_seam(void **state) {
    (void)state;
    static const ft_clock_ops fake = { fake_now, fake_mono, fake_sleep };
    ft_clock_use(&fake);
    EXPECT(ft_clock_now_us() == 42 && ft_clock_monotonic_us() == 43);
    ft_clock_sleep_us(7);
    EXPECT(slept == 7);
    ft_clock_use(NULL);
    EXPECT(ft_clock_now_us() / FT_SECOND_US - time(NULL) <= 1);
    int64_t from = ft_clock_monotonic_us();
    ft_clock_sleep_us(1000);
    EXPECT(ft_clock_monotonic_us() - from >= 1000);
}

static void test_calendar_like_libc(void **state) {
    (void)state;
    for (int64_t t = -62135596800; t < 253402300800; t += 86399 * 17) { /* years 1 to 9999 */
        time_t seconds = t;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        ft_date d = ft_time_date(t * FT_SECOND_US + 999999);
        if (d.year != tm.tm_year + 1900 || d.month != tm.tm_mon + 1 || d.day != tm.tm_mday ||
            d.hour != tm.tm_hour || d.minute != tm.tm_min || d.second != tm.tm_sec ||
            d.weekday != tm.tm_wday || ft_date_us(&d) != t * FT_SECOND_US)
            fail_msg("differs from gmtime at %lld", (long long)t);
    }
}

static void test_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01", 0 },
        { "2022-02-14T17:25:49Z", 1644859549000000 },
        { "2022-02-14T17:25:49.5Z", 1644859549500000 },
        { "2022-02-14T17:25:49.123456789Z", 1644859549123456 },
        { "2022-02-14T17:25:49", 1644859549000000 },
        { "2022-02-14 17:25:49", 1644859549000000 },
        { "2022-02-14T17:25Z", 1644859500000000 },
        { "2022-02-14T18:25:49+01:00", 1644859549000000 },
        { "2022-02-14T11:55:49-0530", 1644859549000000 },
        { "2022-02-14T19:25:49+02", 1644859549000000 },
        { "2024-02-29", 1709164800000000 },
        { "2016-12-31T23:59:60Z", 1483228800000000 },
        { "1969-12-31T23:59:59.999999Z", -1 },
    };
    char out[FT_TIME_TEXT];
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        int64_t us, again;
        EXPECT_OK(ft_time_parse(&us, ft_str_of(rows[i].text)));
        if (us != rows[i].us) fail_msg("%s gave %lld", rows[i].text, (long long)us);
        EXPECT_OK(ft_time_parse(&again, ft_str_of(ft_time_iso(out, us, true))));
        EXPECT(again == us);
    }
    EXPECT(strcmp(ft_time_iso(out, 1644859549123456, false), "2022-02-14T17:25:49Z") == 0);
    EXPECT(strcmp(ft_time_iso(out, 1644859549123456, true), "2022-02-14T17:25:49.123456Z") == 0);
    EXPECT(strlen(ft_time_iso(out, INT64_MAX, true)) < FT_TIME_TEXT);
    EXPECT(strlen(ft_time_iso(out, INT64_MIN, true)) < FT_TIME_TEXT);
}

static void test_text_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "2022",
        "2022-13-01",
        "2022-00-01",
        "2022-02-30",
        "2023-02-29",
        "1900-02-29",
        "2022-02-14T",
        "2022-02-14T24:00:00Z",
        "2022-2-14",
        "20220214",
        "2022-02-14Z",
        "2022-02-14T17:60:00Z",
        "2022-02-14T17:25:61Z",
        "2022-02-14T17:25:49.Z",
        "2022-02-14T17:25:49Zx",
        "2022-02-14T17:25:49+1",
        "2022-02-14T17:25:49+24:00",
    };
    int64_t us;
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        if (ft_time_parse(&us, ft_str_of(bad[i])) != FT_EPARSE) fail_msg("took '%s'", bad[i]);
        EXPECT_WHY(bad[i]);
    }
    EXPECT_ERR(FT_EPARSE, ft_time_parse(&us, (ft_str){ "2022-02-14\0", 11 }));
}

static void test_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = { { "500ms", 500000 },  { "30s", 30000000 }, { "10m", 600000000 },
                 { "2h", 7200000000 }, { "0s", 0 },         { "30d", 2592000000000 } };
    static const char *const bad[] = { "",
                                       "s",
                                       "5",
                                       "5x",
                                       "-5s",
                                       "5 s",
                                       "5S",
                                       "1.5s",
                                       "5sec",
                                       "5mss",
                                       "99999999999999999999s",
                                       "9223372036854775807d" };
    int64_t us;
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        EXPECT_OK(ft_duration_parse(&us, ft_str_of(rows[i].text)));
        EXPECT(us == rows[i].us);
    }
    for (size_t i = 0; i < FT_COUNT(bad); i++)
        if (ft_duration_parse(&us, ft_str_of(bad[i])) != FT_EPARSE) fail_msg("took '%s'", bad[i]);
    EXPECT_OK(ft_moment_parse(&us, FT_STR("30m"), 3600 * FT_SECOND_US));
    EXPECT(us == 1800 * FT_SECOND_US);
    EXPECT_OK(ft_moment_parse(&us, FT_STR("1970-01-01T00:00:07Z"), 3600 * FT_SECOND_US));
    EXPECT(us == 7 * FT_SECOND_US);
    EXPECT_ERR(FT_EPARSE, ft_moment_parse(&us, FT_STR("yesterday"), 0));
}

TEST_MAIN(cmocka_unit_test(test_seam), cmocka_unit_test(test_calendar_like_libc),
          cmocka_unit_test(test_text), cmocka_unit_test(test_text_refused),
          cmocka_unit_test(test_durations))
