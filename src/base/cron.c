/* cron.c -- see cron.h. */
#include "base/cron.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

#define TEXT_MAX  256
#define MINUTE_US (60 * FT_SECOND_US)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)
#define SATURDAY  6
#define DAY_LAST  ((int64_t)84005) /* 31 December of FT_CRON_YEAR_LAST, counted from 1970 */

enum { MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS, YEARS, FIELDS };

typedef struct field {
    const char *name;
    int min, max;
    const char *names; /* three letters each; the first one stands for `min` */
    const char *example;
} field;

/* Weekdays: AWS counts from 1 = Sunday, plain cron from 0 (and 7) = Sunday. */
static const field aws_fields[FIELDS] = {
    { "minutes", 0, 59, "", "0, 0/15 or *" },
    { "hours", 0, 23, "", "8, 9-17, 0/6 or *" },
    { "day-of-month", 1, 31, "", "1, 1-7, L, 15W or ?" },
    { "month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", "1, JAN-MAR or *" },
    { "day-of-week", 1, 7, "SUNMONTUEWEDTHUFRISAT", "1 to 7 (1 is Sunday), MON-FRI, 6L, 3#2 or ?" },
    { "year", FT_CRON_YEAR_FIRST, FT_CRON_YEAR_LAST, "", "2026, 2026-2028 or *" },
};
static const field plain_fields[FIELDS - 1] = {
    { "minutes", 0, 59, "", "0, */15 or *" },
    { "hours", 0, 23, "", "8, 9-17, */6 or *" },
    { "day-of-month", 1, 31, "", "1, 1-7 or *" },
    { "month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", "1, JAN-MAR or *" },
    { "day-of-week", 0, 7, "SUNMONTUEWEDTHUFRISAT", "0 to 7 (0 and 7 are Sunday), MON-FRI or *" },
};

typedef struct bits {
    uint64_t at[4]; /* bit value - field.min */
} bits;

/* ---- parsing ---- */

static ft_err field_fail(const field *f, ft_str text) {
    return FT_FAIL(FT_EPARSE, "schedule: %s field '%.*s': expected %s", f->name, FT_STR_ARG(text),
                   f->example);
}

static bool value_parse(int *out, const field *f, ft_str s) {
    int64_t n;
    for (int i = 0; s.len == 3 && f->names[i * 3]; i++) {
        if (!ft_str_ieq(s, ft_str_n(f->names + i * 3, 3))) continue;
        *out = f->min + i;
        return true;
    }
    if (!s.len || s.at[0] < '0' || s.at[0] > '9' || !ft_str_i64(&n, s)) return false;
    if (n < f->min || n > f->max) return false;
    *out = (int)n;
    return true;
}

/* "*", "5", "5-9", each with "/step"; a step after a single value runs to the field's end. */
static bool item_parse(bits *out, const field *f, ft_str s) {
    ft_str rest = s, base = ft_str_cut(&rest, '/');
    int64_t step = 1;
    int first = f->min, last = f->max;
    bool stepped = rest.at != NULL;
    if (stepped && (!ft_str_i64(&step, rest) || step < 1 || step > f->max)) return false;
    if (!ft_str_is(base, "*")) {
        ft_str to = base, from = ft_str_cut(&to, '-');
        if (!value_parse(&first, f, from)) return false;
        if (to.at ? !value_parse(&last, f, to) : false) return false;
        if (!to.at && !stepped) last = first;
        if (last < first) return false;
    }
    for (int64_t v = first; v <= last; v += step)
        out->at[(v - f->min) / 64] |= 1ull << ((v - f->min) % 64);
    return true;
}

/* AWS's day items that a set of numbers cannot say: L, LW, 15W. */
static bool day_special(ft_cron *c, const field *f, ft_str s) {
    int day;
    if (ft_str_ieq(s, FT_STR("L"))) return c->last_day = true;
    if (ft_str_ieq(s, FT_STR("LW"))) return c->last_workday = true;
    if (!s.len || (s.at[s.len - 1] | 32) != 'w') return false;
    if (!value_parse(&day, f, ft_str_slice(s, 0, s.len - 1))) return false;
    c->near_days |= 1u << day;
    return true;
}

/* L (Saturday, the week's last day), 6L (the month's last Friday), 3#2 (its second Tuesday). */
static bool weekday_special(ft_cron *c, const field *f, ft_str s) {
    int day, nth;
    ft_str rest = s, name = ft_str_cut(&rest, '#');
    if (ft_str_ieq(s, FT_STR("L"))) {
        c->weekdays |= 1u << SATURDAY;
        return true;
    }
    if (rest.at) {
        static const field nths = { "", 1, 5, "", "" };
        if (!value_parse(&day, f, name) || !value_parse(&nth, &nths, rest)) return false;
        c->nth_weekdays[day - f->min] |= (uint8_t)(1u << nth);
        return true;
    }
    if (!s.len || (s.at[s.len - 1] | 32) != 'l') return false;
    if (!value_parse(&day, f, ft_str_slice(s, 0, s.len - 1))) return false;
    c->last_weekdays |= (uint8_t)(1u << (day - f->min));
    return true;
}

static ft_err field_parse(ft_cron *c, bits *out, const field *f, int which, bool aws, ft_str text) {
    *out = (bits){ 0 };
    for (ft_str rest = text; rest.at;) {
        ft_str item = ft_str_cut(&rest, ',');
        bool done = aws && ((which == DAYS && day_special(c, f, item)) ||
                            (which == WEEKDAYS && weekday_special(c, f, item)));
        if (!done && !item_parse(out, f, item)) return field_fail(f, text);
    }
    return FT_OK;
}

static void bits_store(ft_cron *c, const bits *b, int which, bool aws) {
    uint64_t low = b->at[0];
    if (which == MINUTES) c->minutes = low;
    if (which == HOURS) c->hours = (uint32_t)low;
    if (which == DAYS) c->days = (uint32_t)(low << 1);
    if (which == MONTHS) c->months = (uint32_t)(low << 1);
    if (which == WEEKDAYS) c->weekdays |= (uint8_t)((low & 127) | (aws ? 0 : low >> 7 & 1));
    if (which == YEARS) memcpy(c->years, b->at, sizeof c->years);
}

/* Which of the two day fields speaks. */
static ft_err days_settle(ft_cron *c, ft_str day, ft_str weekday, bool aws) {
    bool day_open = ft_str_is(day, "?"), weekday_open = ft_str_is(weekday, "?");
    if (aws && day_open == weekday_open)
        return FT_FAIL(FT_EPARSE,
                       "schedule: day-of-month '%.*s' and day-of-week '%.*s': expected "
                       "'?' in exactly one of them",
                       FT_STR_ARG(day), FT_STR_ARG(weekday));
    c->any_day = day_open || ft_str_starts(day, FT_STR("*"));
    c->any_weekday = weekday_open || ft_str_starts(weekday, FT_STR("*"));
    c->either_day = !aws && !c->any_day && !c->any_weekday;
    return FT_OK;
}

static ft_err fields_parse(ft_cron *c, ft_str text, bool aws) {
    ft_str part[FIELDS];
    int count = 0, want = aws ? FIELDS : FIELDS - 1;
    for (ft_str rest = text; rest.at;) {
        ft_str word = ft_str_cut(&rest, ' ');
        if (!word.len) continue;
        if (count < want) part[count] = word;
        count++;
    }
    if (count != want)
        return FT_FAIL(FT_EPARSE,
                       "schedule '%.*s' has %d fields, expected %d: minutes hours "
                       "day-of-month month day-of-week%s",
                       FT_STR_ARG(text), count, want,
                       aws ? " year, such as cron(0 * ? * * *)"
                           : "; AWS's form is cron(0 * ? * * *)");
    for (int i = 0; i < want; i++) {
        const field *f = aws ? &aws_fields[i] : &plain_fields[i];
        bool day = i == DAYS || i == WEEKDAYS, open = ft_str_is(part[i], "?");
        bits b;
        if (open && !(aws && day)) return field_fail(f, part[i]);
        FT_TRY(field_parse(c, &b, f, i, aws, open ? FT_STR("*") : part[i]));
        bits_store(c, &b, i, aws);
    }
    if (!aws) memset(c->years, 0xff, sizeof c->years);
    return days_settle(c, part[DAYS], part[WEEKDAYS], aws);
}

static ft_err rate_parse(ft_cron *c, ft_str text) {
    static const struct {
        const char *one, *many;
        int64_t us;
    } units[] = { { "minute", "minutes", MINUTE_US },
                  { "hour", "hours", HOUR_US },
                  { "day", "days", DAY_US } };
    ft_str unit = text, number = ft_str_cut(&unit, ' ');
    int64_t n;
    unit = ft_str_trim(unit);
    if (ft_str_i64(&n, number) && n > 0 && n <= INT64_MAX / DAY_US)
        for (size_t i = 0; i < FT_COUNT(units); i++)
            if (ft_str_is(unit, n == 1 ? units[i].one : units[i].many)) {
                c->rate_us = n * units[i].us;
                return FT_OK;
            }
    return FT_FAIL(FT_EPARSE,
                   "schedule: rate '%.*s': expected \"1 minute\", \"5 minutes\", "
                   "\"1 hour\", \"12 hours\", \"1 day\" or \"7 days\"",
                   FT_STR_ARG(text));
}

ft_err ft_cron_parse(ft_cron *out, ft_str text) {
    *out = (ft_cron){ 0 };
    ft_cron c = { 0 };
    ft_str s = ft_str_trim(text);
    if (s.len > TEXT_MAX)
        return FT_FAIL(FT_EPARSE, "schedule of %zu bytes, expected at most %d", s.len, TEXT_MAX);
    bool closed = ft_str_ends(s, FT_STR(")"));
    if (ft_str_is(s, "NOW"))
        c.once = true;
    else if (closed && ft_str_starts(s, FT_STR("cron(")))
        FT_TRY(fields_parse(&c, ft_str_slice(s, 5, s.len - 6), true));
    else if (closed && ft_str_starts(s, FT_STR("rate(")))
        FT_TRY(rate_parse(&c, ft_str_trim(ft_str_slice(s, 5, s.len - 6))));
    else if (!ft_str_ends(s, FT_STR(")")) && s.len && ft_str_find(s, '(') == s.len)
        FT_TRY(fields_parse(&c, s, false));
    else
        return FT_FAIL(FT_EPARSE,
                       "'%.*s' is not a schedule; expected \"cron(0 * ? * * *)\", "
                       "\"rate(5 minutes)\", \"NOW\" or five cron fields",
                       FT_STR_ARG(s));
    *out = c;
    return FT_OK;
}

/* ---- the next moment ---- */

static int month_days(const ft_date *d) {
    ft_date first = { .year = d->year, .month = d->month, .day = 1 }, next = first;
    next.month++;
    if (next.month > 12) next = (ft_date){ .year = d->year + 1, .month = 1, .day = 1 };
    return (int)((ft_date_us(&next) - ft_date_us(&first)) / DAY_US);
}

/* Monday to Friday nearest to `day` within the same month; `first_weekday` is the month's 1st's. */
static int nearest_workday(int day, int first_weekday, int last) {
    int weekday = (first_weekday + day - 1) % 7;
    if (weekday == SATURDAY) return day > 1 ? day - 1 : day + 2;
    if (weekday == 0) return day < last ? day + 1 : day - 2;
    return day;
}

static bool day_matches(const ft_cron *c, const ft_date *d) {
    if (c->days >> d->day & 1) return true;
    int last = month_days(d), first_weekday = ((d->weekday - d->day + 1) % 7 + 7) % 7;
    if (c->last_day && d->day == last) return true;
    if (c->last_workday && d->day == nearest_workday(last, first_weekday, last)) return true;
    for (int day = 1; c->near_days && day <= last; day++)
        if (c->near_days >> day & 1 && d->day == nearest_workday(day, first_weekday, last))
            return true;
    return false;
}

static bool weekday_matches(const ft_cron *c, const ft_date *d) {
    if (c->weekdays >> d->weekday & 1) return true;
    if (c->nth_weekdays[d->weekday] >> ((d->day - 1) / 7 + 1) & 1) return true;
    return c->last_weekdays >> d->weekday & 1 && d->day + 7 > month_days(d);
}

static bool date_matches(const ft_cron *c, const ft_date *d) {
    int year = d->year - FT_CRON_YEAR_FIRST;
    if (!(c->years[year / 64] >> (year % 64) & 1) || !(c->months >> d->month & 1)) return false;
    bool day = day_matches(c, d), weekday = weekday_matches(c, d);
    return c->either_day ? day || weekday : day && weekday;
}

/* Lowest set bit at or above `from`, or -1. */
static int next_bit(uint64_t set, int from) {
    if (from > 63) return -1;
    set &= ~0ull << from;
    return set ? __builtin_ctzll(set) : -1;
}

/* The first minute of the day at or after `*minute` (of the day); false when the day has none. */
static bool next_minute(const ft_cron *c, int *minute) {
    int hour = *minute / 60, m = -1;
    if (c->hours >> hour & 1) m = next_bit(c->minutes, *minute % 60);
    if (m < 0) {
        hour = next_bit(c->hours, hour + 1);
        m = next_bit(c->minutes, 0);
    }
    if (hour < 0 || m < 0) return false;
    *minute = hour * 60 + m;
    return true;
}

static ft_err none_left(void) { return FT_FAIL(FT_ENOTFOUND, "the schedule has no later moment"); }

ft_err ft_cron_next(int64_t *out_us, const ft_cron *c, int64_t after_us) {
    *out_us = 0;
    if (c->once) return after_us < 0 ? FT_OK : none_left();
    if (c->rate_us > 0) {
        if (__builtin_add_overflow(after_us, c->rate_us, out_us)) return none_left();
        return FT_OK;
    }
    if (after_us > (DAY_LAST + 1) * DAY_US) return none_left();
    /* Nothing is due before 1970. */
    int64_t at = after_us < 0 ? 0 : (after_us / MINUTE_US + 1) * MINUTE_US;
    int minute = (int)(at % DAY_US / MINUTE_US);
    for (int64_t day = at / DAY_US; day <= DAY_LAST; day++, minute = 0) {
        ft_date d = ft_time_date(day * DAY_US);
        if (!date_matches(c, &d) || !next_minute(c, &minute)) continue;
        *out_us = day * DAY_US + minute * MINUTE_US;
        return FT_OK;
    }
    return none_left();
}
