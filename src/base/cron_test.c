/* cron_test.c -- next times written by hand from Amazon's "Cron expressions reference" and
 * crontab(5), and refusals that name the field. Calendar facts used: 2022-02-14 is a Monday,
 * 2022-01-01 a Saturday, 2022-05-01 a Sunday, 2024 a leap year. */
#include "base/cron.h"

#include "base/check.h"
#include "base/clock.h"
#include "tests/test.h"

static const struct {
    const char *schedule, *after, *next;
} rows[] = {
    /* Amazon's own examples, and the monitor's three forms. */
    { "cron(0 * ? * * *)", "2022-02-14T17:25:49Z", "2022-02-14T18:00:00Z" },
    { "cron(0 * ? * * *)", "2022-02-14T18:00:00Z", "2022-02-14T19:00:00Z" },
    { "cron(0 12 ? * * *)", "2022-02-14T12:00:00Z", "2022-02-15T12:00:00Z" },
    { "cron(0 17/6 ? * * *)", "2022-02-14T17:25:49Z", "2022-02-14T23:00:00Z" },
    { "cron(0 17/6 ? * * *)", "2022-02-14T23:00:00Z", "2022-02-15T17:00:00Z" },
    { "cron(0 10 * * ? *)", "2022-12-31T10:00:00Z", "2023-01-01T10:00:00Z" },
    { "cron(15 12 * * ? *)", "2022-02-14T12:14:59.999999Z", "2022-02-14T12:15:00Z" },
    { "cron(0 18 ? * MON-FRI *)", "2022-02-11T18:00:00Z", "2022-02-14T18:00:00Z" },
    { "cron(0 8 1 * ? *)", "2022-02-14T00:00:00Z", "2022-03-01T08:00:00Z" },
    { "cron(0/15 * * * ? *)", "2022-02-14T17:45:00Z", "2022-02-14T18:00:00Z" },
    { "cron(0/10 * ? * MON-FRI *)", "2022-02-12T00:00:00Z", "2022-02-14T00:00:00Z" },
    { "cron(0/5 8-17 ? * MON-FRI *)", "2022-02-14T17:55:00Z", "2022-02-15T08:00:00Z" },
    { "cron(0/30 20-23,0-2 ? * MON-FRI *)", "2022-02-14T02:30:00Z", "2022-02-14T20:00:00Z" },
    { "cron(15 10 ? * 6L 2022-2023)", "2022-01-01T00:00:00Z", "2022-01-28T10:15:00Z" },
    { "cron(15 10 ? * 6L 2022-2023)", "2022-01-28T10:15:00Z", "2022-02-25T10:15:00Z" },
    { "cron(0 9 ? * 2#1 *)", "2022-02-14T00:00:00Z", "2022-03-07T09:00:00Z" },
    { "cron(0 0 3W * ? *)", "2022-09-01T00:00:00Z", "2022-09-02T00:00:00Z" },  /* 3rd: Saturday */
    { "cron(0 0 1W * ? *)", "2021-12-31T00:00:00Z", "2022-01-03T00:00:00Z" },  /* stays in month */
    { "cron(0 0 31W 7 ? *)", "2022-07-01T00:00:00Z", "2022-07-29T00:00:00Z" }, /* 31st: Sunday */
    { "cron(0 0 L * ? *)", "2024-02-14T00:00:00Z", "2024-02-29T00:00:00Z" },
    { "cron(0 0 L * ? *)", "2022-02-14T00:00:00Z", "2022-02-28T00:00:00Z" },
    { "cron(0 0 LW * ? *)", "2022-07-01T00:00:00Z", "2022-07-29T00:00:00Z" },
    { "cron(0 0 ? * L *)", "2022-02-14T00:00:00Z", "2022-02-19T00:00:00Z" }, /* Saturday */
    { "cron(0 0 ? * 1 *)", "2022-02-14T00:00:00Z", "2022-02-20T00:00:00Z" }, /* 1 is Sunday */
    { "cron(0 0 ? * sun,wed *)", "2022-02-14T00:00:00Z", "2022-02-16T00:00:00Z" },
    { "cron(0 0 ? * 3#5 *)", "2022-02-14T00:00:00Z", "2022-03-29T00:00:00Z" },
    { "cron(0 0 29 FEB ? *)", "2022-02-14T00:00:00Z", "2024-02-29T00:00:00Z" },
    { "cron(0 0 29 2 ? 2023,2028)", "2022-02-14T00:00:00Z", "2028-02-29T00:00:00Z" },
    { "cron(0 0 1 1 ? 2024/4)", "2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z" },
    { "cron(59 23 31 12 ? 2199)", "2022-01-01T00:00:00Z", "2199-12-31T23:59:00Z" },
    { "cron(0 0 1 1 ? 1970)", "1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z" },
    { "cron(0 10,14 * JAN-MAR ? *)", "2022-03-31T14:00:00Z", "2023-01-01T10:00:00Z" },
    { "cron(0 10 15 * ? *)", "2022-02-14T00:00:00Z", "2022-02-15T10:00:00Z" },
    /* Five fields. */
    { "*/15 * * * *", "2022-02-14T17:25:49Z", "2022-02-14T17:30:00Z" },
    { "0 0 * * 0", "2022-02-14T00:00:00Z", "2022-02-20T00:00:00Z" },
    { "0 0 * * 7", "2022-02-14T00:00:00Z", "2022-02-20T00:00:00Z" },
    { "0 0 * * 5-7", "2022-02-19T00:00:00Z", "2022-02-20T00:00:00Z" },
    { "30 4 1,15 * 5", "2022-02-14T00:00:00Z", "2022-02-15T04:30:00Z" }, /* either day */
    { "30 4 1,15 * 5", "2022-02-15T05:00:00Z", "2022-02-18T04:30:00Z" },
    { "23 0-23/2 * * *", "2022-02-14T01:00:00Z", "2022-02-14T02:23:00Z" },
    { " 5  4 *  * sun ", "2022-02-14T00:00:00Z", "2022-02-20T04:05:00Z" },
    { "0 0 1 jan *", "2022-02-14T00:00:00Z", "2023-01-01T00:00:00Z" },
    /* Rates count from the last run. */
    { "rate(5 minutes)", "2022-02-14T17:25:49Z", "2022-02-14T17:30:49Z" },
    { "rate(1 hour)", "2022-02-14T17:25:49Z", "2022-02-14T18:25:49Z" },
    { "rate(1 minute)", "2022-02-14T17:25:49Z", "2022-02-14T17:26:49Z" },
    { "rate(7 days)", "2022-02-14T17:25:49Z", "2022-02-21T17:25:49Z" },
};

static void test_next_times(void **state) {
    (void)state;
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_cron cron;
        int64_t after, want, got;
        char text[FT_TIME_TEXT];
        EXPECT_OK(ft_time_parse(&after, ft_str_of(rows[i].after)));
        EXPECT_OK(ft_time_parse(&want, ft_str_of(rows[i].next)));
        EXPECT_OK(ft_cron_parse(&cron, ft_str_of(rows[i].schedule)));
        EXPECT_OK(ft_cron_next(&got, &cron, after));
        if (got != want)
            fail_msg("%s after %s gave %s, expected %s", rows[i].schedule, rows[i].after,
                     ft_time_iso(text, got, false), rows[i].next);
    }
}

static void test_none_left(void **state) {
    (void)state;
    static const char *const over[] = { "cron(0 0 1 1 ? 2021)", "cron(0 0 30 2 ? *)",
                                        "cron(0 0 31 2,4,6,9,11 ? *)", "0 0 30 2 *" };
    ft_cron cron;
    int64_t at;
    for (size_t i = 0; i < FT_COUNT(over); i++) {
        EXPECT_OK(ft_cron_parse(&cron, ft_str_of(over[i])));
        EXPECT_ERR(FT_ENOTFOUND, ft_cron_next(&at, &cron, 1644859549000000));
    }
    EXPECT_OK(ft_cron_parse(&cron, FT_STR("NOW")));
    EXPECT_OK(ft_cron_next(&at, &cron, -1));
    EXPECT(at == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_cron_next(&at, &cron, 0));
    EXPECT_OK(ft_cron_parse(&cron, FT_STR("rate(1 day)")));
    EXPECT_ERR(FT_ENOTFOUND, ft_cron_next(&at, &cron, INT64_MAX));
    EXPECT_OK(ft_cron_parse(&cron, FT_STR("* * * * *")));
    EXPECT_ERR(FT_ENOTFOUND, ft_cron_next(&at, &cron, INT64_MAX));
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *schedule, *why;
    } bad[] = {
        { "", "not a schedule" },
        { "now", "has 1 fields, expected 5" },
        { "every day", "AWS's form is cron(0 * ? * * *)" },
        { "cron(0 * ? * *)", "has 5 fields, expected 6" },
        { "cron(0 * ? * * * *)", "has 7 fields" },
        { "cron(0 * * * * *)", "'?' in exactly one" },
        { "cron(0 * ? * ? *)", "'?' in exactly one" },
        { "cron(60 * ? * * *)", "minutes field '60'" },
        { "cron(-1 * ? * * *)", "minutes field '-1'" },
        { "cron(+1 * ? * * *)", "minutes field '+1'" },
        { "cron(0 24 ? * * *)", "hours field '24'" },
        { "cron(0 0 0 * ? *)", "day-of-month field '0'" },
        { "cron(0 0 32 * ? *)", "day-of-month field '32'" },
        { "cron(0 0 1 13 ? *)", "month field '13'" },
        { "cron(0 0 ? * 0 *)", "day-of-week field '0'" },
        { "cron(0 0 ? * 8 *)", "day-of-week field '8'" },
        { "cron(0 0 ? * 3#6 *)", "day-of-week field '3#6'" },
        { "cron(0 0 ? * MO *)", "day-of-week field 'MO'" },
        { "cron(0 0 1 1 ? 2200)", "year field '2200'" },
        { "cron(0 0 1 1 ? 1969)", "year field '1969'" },
        { "cron(0/0 0 1 1 ? *)", "minutes field '0/0'" },
        { "cron(0/x 0 1 1 ? *)", "minutes field '0/x'" },
        { "cron(9-5 0 1 1 ? *)", "minutes field '9-5'" },
        { "cron(1, 0 1 1 ? *)", "minutes field '1,'" },
        { "cron(? 0 1 1 ? *)", "minutes field '?'" },
        { "cron(0 0 40W 1 ? *)", "day-of-month field '40W'" },
        { "cron(0 0 1 1 ? *", "not a schedule" },
        { "0 0 L * *", "day-of-month field 'L'" },
        { "0 0 ? * *", "day-of-month field '?'" },
        { "0 0 * * 8", "day-of-week field '8'" },
        { "@daily", "has 1 fields" },
        { "rate(5 minute)", "rate '5 minute'" },
        { "rate(1 minutes)", "rate '1 minutes'" },
        { "rate(0 minutes)", "rate '0 minutes'" },
        { "rate(-1 days)", "rate '-1 days'" },
        { "rate(99999999999999999 days)", "rate '99" },
        { "rate(5 weeks)", "rate '5 weeks'" },
        { "rate()", "rate ''" },
        { "lambda(1)", "not a schedule" },
    };
    ft_cron cron;
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        if (ft_cron_parse(&cron, ft_str_of(bad[i].schedule)) != FT_EPARSE)
            fail_msg("took '%s'", bad[i].schedule);
        EXPECT_WHY(bad[i].why);
    }
    char longest[1000];
    memset(longest, '*', sizeof longest);
    EXPECT_ERR(FT_EPARSE, ft_cron_parse(&cron, ft_str_n(longest, sizeof longest)));
    EXPECT_WHY("at most 256");
}

TEST_MAIN(cmocka_unit_test(test_next_times), cmocka_unit_test(test_none_left),
          cmocka_unit_test(test_refusals))
