/* clock.c -- see clock.h. Calendar arithmetic counts days from 1 March, so that a leap day is the
 * last day of its year. */
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define DAY_US         (86400 * FT_SECOND_US)
#define DAYS_400_YEARS 146097
#define DAYS_TO_1970   719468 /* from 0000-03-01 to 1970-01-01 */

/* ---- the real clock ---- */

static int64_t read_us(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * FT_SECOND_US + t.tv_nsec / 1000;
}
static int64_t real_now_us(void) { return read_us(CLOCK_REALTIME); }
static int64_t real_monotonic_us(void) { return read_us(CLOCK_MONOTONIC); }
static void real_sleep_us(int64_t us) {
    if (us <= 0) return;
    struct timespec t = { .tv_sec = us / FT_SECOND_US, .tv_nsec = us % FT_SECOND_US * 1000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR) {
    }
}

static const ft_clock_ops real_clock = { real_now_us, real_monotonic_us, real_sleep_us };
static _Atomic(const ft_clock_ops *) ops = &real_clock;

int64_t ft_clock_now_us(void) { return atomic_load(&ops)->now_us(); }
int64_t ft_clock_monotonic_us(void) { return atomic_load(&ops)->monotonic_us(); }
void ft_clock_sleep_us(int64_t us) { atomic_load(&ops)->sleep_us(us); }
void ft_clock_use(const ft_clock_ops *other) { atomic_store(&ops, other ? other : &real_clock); }

/* ---- calendar ---- */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static int64_t floor_mod(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

static int64_t days_of(int64_t year, int month, int day) {
    if (month <= 2) year--;
    int64_t era = floor_div(year, 400), in_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = in_era * 365 + in_era / 4 - in_era / 100 + day_of_year;
    return era * DAYS_400_YEARS + day_of_era - DAYS_TO_1970;
}

ft_date ft_time_date(int64_t us) {
    int64_t days = floor_div(us, DAY_US), second = floor_mod(us, DAY_US) / FT_SECOND_US;
    int64_t z = days + DAYS_TO_1970, era = floor_div(z, DAYS_400_YEARS);
    int64_t doe = z - era * DAYS_400_YEARS;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;
    int month = (int)(m < 10 ? m + 3 : m - 9);
    return (ft_date){
        .year = (int)(era * 400 + yoe + (month <= 2)),
        .month = month,
        .day = (int)(doy - (153 * m + 2) / 5 + 1),
        .hour = (int)(second / 3600),
        .minute = (int)(second / 60 % 60),
        .second = (int)(second % 60),
        .weekday = (int)((days % 7 + 11) % 7), /* 1970-01-01 was a Thursday */
    };
}

int64_t ft_date_us(const ft_date *d) {
    int64_t days = days_of(d->year, d->month, d->day);
    return ((days * 24 + d->hour) * 60 + d->minute) * 60 * FT_SECOND_US + d->second * FT_SECOND_US;
}

char *ft_time_iso(char out[FT_TIME_TEXT], int64_t us, bool micros) {
    ft_date d = ft_time_date(us);
    int n = snprintf(out, FT_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", d.year, d.month, d.day,
                     d.hour, d.minute, d.second);
    if (n < 0 || n > FT_TIME_TEXT - 9) n = FT_TIME_TEXT - 9;
    if (micros)
        snprintf(out + n, FT_TIME_TEXT - (size_t)n, ".%06dZ", (int)floor_mod(us, FT_SECOND_US));
    else
        snprintf(out + n, FT_TIME_TEXT - (size_t)n, "Z");
    return out;
}

/* ---- parsing ---- */

/* Exactly `digits` digits off the front. */
static bool take_number(ft_str *s, int digits, int *out) {
    if (s->len < (size_t)digits) return false;
    *out = 0;
    for (int i = 0; i < digits; i++) {
        if (s->at[i] < '0' || s->at[i] > '9') return false;
        *out = *out * 10 + (s->at[i] - '0');
    }
    *s = (ft_str){ s->at + digits, s->len - (size_t)digits };
    return true;
}

static bool take_byte(ft_str *s, const char *any) {
    if (!s->len || !*s->at || !strchr(any, *s->at)) return false;
    *s = (ft_str){ s->at + 1, s->len - 1 };
    return true;
}

/* ".123456789": micros; further digits are dropped. */
static bool take_fraction(ft_str *s, int64_t *us) {
    int64_t unit = FT_SECOND_US / 10;
    size_t digits = 0;
    while (s->len && *s->at >= '0' && *s->at <= '9') {
        *us += (*s->at - '0') * unit;
        unit /= 10;
        digits++;
        *s = (ft_str){ s->at + 1, s->len - 1 };
    }
    return digits > 0;
}

/* "Z", "+02:00", "-0530", "+02" or nothing. */
static bool take_offset(ft_str *s, int64_t *us) {
    int hours, minutes = 0;
    if (!s->len || take_byte(s, "Zz")) return true;
    bool west = s->at[0] == '-';
    if (!take_byte(s, "+-") || !take_number(s, 2, &hours)) return false;
    if (s->len) {
        take_byte(s, ":");
        if (!take_number(s, 2, &minutes)) return false;
    }
    if (hours > 23 || minutes > 59) return false;
    int64_t offset = (hours * 60 + minutes) * 60 * FT_SECOND_US;
    *us += west ? offset : -offset;
    return true;
}

static bool take_clock(ft_str *s, ft_date *d, int64_t *us) {
    if (!take_number(s, 2, &d->hour) || !take_byte(s, ":") || !take_number(s, 2, &d->minute))
        return false;
    if (take_byte(s, ":")) {
        if (!take_number(s, 2, &d->second)) return false;
        if (take_byte(s, ".,") && !take_fraction(s, us)) return false;
    }
    /* 60 is a leap second: it reads as the first second of the next minute. */
    return d->hour <= 23 && d->minute <= 59 && d->second <= 60 && take_offset(s, us);
}

static bool date_exists(const ft_date *d) {
    if (d->month < 1 || d->month > 12 || d->day < 1) return false;
    int64_t next = d->month == 12 ? days_of(d->year + 1, 1, 1) : days_of(d->year, d->month + 1, 1);
    return d->day <= next - days_of(d->year, d->month, 1);
}

ft_err ft_time_parse(int64_t *out_us, ft_str text) {
    ft_str s = text;
    ft_date d = { 0 };
    int64_t us = 0;
    *out_us = 0;
    bool ok = take_number(&s, 4, &d.year) && take_byte(&s, "-") && take_number(&s, 2, &d.month) &&
              take_byte(&s, "-") && take_number(&s, 2, &d.day) && date_exists(&d);
    if (ok && s.len) ok = take_byte(&s, "Tt ") && take_clock(&s, &d, &us);
    if (!ok || s.len)
        return FT_FAIL(FT_EPARSE,
                       "'%.*s' is not a time; expected \"2022-02-14T17:25:49Z\", an offset such as "
                       "+01:00 instead of Z, or a date alone",
                       FT_STR_ARG(text));
    *out_us = ft_date_us(&d) + us;
    return FT_OK;
}

ft_err ft_duration_parse(int64_t *out_us, ft_str text) {
    static const struct {
        const char *name;
        int64_t us;
    } units[] = { { "ms", 1000 },
                  { "s", FT_SECOND_US },
                  { "m", 60 * FT_SECOND_US },
                  { "h", 3600 * FT_SECOND_US },
                  { "d", DAY_US } };
    int64_t n = 0;
    size_t digits = 0;
    *out_us = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') {
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, text.at[digits] - '0', &n))
            return FT_FAIL(FT_EPARSE, "duration '%.*s' is too long", FT_STR_ARG(text));
        digits++;
    }
    for (size_t i = 0; digits && i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i].name);
        if (text.len - digits != len || memcmp(text.at + digits, units[i].name, len)) continue;
        if (__builtin_mul_overflow(n, units[i].us, out_us)) {
            *out_us = 0;
            return FT_FAIL(FT_EPARSE, "duration '%.*s' is too long", FT_STR_ARG(text));
        }
        return FT_OK;
    }
    return FT_FAIL(FT_EPARSE,
                   "'%.*s' is not a duration; expected \"500ms\", \"30s\", \"10m\", "
                   "\"2h\" or \"30d\"",
                   FT_STR_ARG(text));
}

ft_err ft_moment_parse(int64_t *out_us, ft_str text, int64_t now_us) {
    int64_t back_us;
    if (ft_duration_parse(&back_us, text) == FT_OK) return *out_us = now_us - back_us, FT_OK;
    ft_err_clear();
    return ft_time_parse(out_us, text);
}
