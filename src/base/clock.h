/* clock.h -- time behind a seam: tests set and advance it. All times are int64 microseconds, UTC.
 */
#ifndef FT_CLOCK_H
#define FT_CLOCK_H

#include <stdbool.h>

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FT_SECOND_US ((int64_t)1000000)
#define FT_TIME_TEXT 32

typedef struct ft_clock_ops {
    int64_t (*now_us)(void); /* since 1970 */
    int64_t (*monotonic_us)(void);
    void (*sleep_us)(int64_t us);
} ft_clock_ops;

int64_t ft_clock_now_us(void);
int64_t ft_clock_monotonic_us(void);
void ft_clock_sleep_us(int64_t us);
/* Put another clock in place for all threads (NULL: the real one). For tests. */
void ft_clock_use(const ft_clock_ops *ops);

/* "2022-02-14T17:25:49Z"; with `micros` "2022-02-14T17:25:49.123456Z". Returns `out`. */
char *ft_time_iso(char out[FT_TIME_TEXT], int64_t us, bool micros);
/* ISO 8601 with Z, an offset or neither (UTC); date alone is midnight. FT_EPARSE. */
ft_err ft_time_parse(int64_t *out_us, ft_str text);
/* "500ms", "30s", "10m", "2h", "30d". FT_EPARSE. */
ft_err ft_duration_parse(int64_t *out_us, ft_str text);
/* A moment, or a distance back from `now_us`: "2022-02-14T17:00:00Z", "30m". FT_EPARSE. */
ft_err ft_moment_parse(int64_t *out_us, ft_str text, int64_t now_us);

typedef struct ft_date {
    int year, month, day, hour, minute, second, weekday; /* month 1..12, weekday 0 = Sunday */
} ft_date;
ft_date ft_time_date(int64_t us);        /* UTC */
int64_t ft_date_us(const ft_date *date); /* weekday ignored */

#endif
