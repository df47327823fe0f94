/* cron.h -- when a schedule is due. The dialect is AWS's: "cron(0 * ? * * *)" (minutes hours
 * day-of-month month day-of-week year, with L, W and #), "rate(5 minutes)", "NOW"; and plain
 * five-field cron, where Sunday is 0 or 7 and two restricted day fields mean either. Times are UTC.
 *
 * Threads: any; a parsed schedule is not changed. Memory: none. Source: Amazon EventBridge, "Cron
 * expressions reference"; crontab(5). */
#ifndef FT_CRON_H
#define FT_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FT_CRON_YEAR_FIRST 1970 /* AWS's bounds */
#define FT_CRON_YEAR_LAST  2199

typedef struct ft_cron {
    uint64_t minutes; /* bit i: minute i */
    uint32_t hours;
    uint32_t days, months;   /* bit 1.. */
    uint32_t near_days;      /* bit d: the working day nearest to day d ("15W") */
    uint8_t weekdays;        /* bit 0 = Sunday */
    uint8_t nth_weekdays[7]; /* per weekday: bits 1..5 the n-th of the month ("3#2") */
    bool last_day;           /* "L" */
    bool last_workday;       /* "LW" */
    uint8_t last_weekdays;   /* bit w: the month's last such weekday ("6L") */
    bool any_day, any_weekday;
    bool either_day;   /* five fields, both day fields restricted: one match is enough */
    uint64_t years[4]; /* bit i: 1970 + i */
    int64_t rate_us;   /* > 0: a rate instead of fields */
    bool once;         /* "NOW" */
} ft_cron;

/* FT_EPARSE names the field and what was expected. */
ft_err ft_cron_parse(ft_cron *out, ft_str text);
/* First moment strictly after `after_us`. A rate counts from `after_us`, so pass when it ran last.
 * NOW is due at 0 while `after_us` < 0 (never ran). FT_ENOTFOUND when there is no such moment: the
 * years are gone by, the day does not exist (30 February), NOW has run. */
ft_err ft_cron_next(int64_t *out_us, const ft_cron *cron, int64_t after_us);

#endif
