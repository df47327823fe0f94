/* cron.h -- when a schedule is due. The dialect is AWS's: "cron(0 * ? * * *)" (minutes hours
 * day-of-month month day-of-week year), "rate(5 minutes)", "NOW"; and plain five-field cron. Times
 * are UTC. Source: Amazon EventBridge, Schedule expressions; formats.md 1.14. */
#ifndef FT_CRON_H
#define FT_CRON_H

#include <stdbool.h>

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

typedef struct ft_cron {
    uint64_t minutes; /* bit i: minute i */
    uint32_t hours;
    uint32_t days, months;     /* bit 1.. */
    uint32_t weekdays;         /* bit 0 = Sunday */
    bool any_day, any_weekday; /* '?' or '*' */
    int32_t year_first, year_last, year_step;
    int64_t rate_us; /* > 0: a rate instead of fields */
    bool once;       /* "NOW" */
} ft_cron;

/* FT_EPARSE names the field and what was expected. */
ft_err ft_cron_parse(ft_cron *out, ft_str text);
/* First moment strictly after `after_us`; FT_ENOTFOUND when there is none (a year gone by, NOW
 * already run). */
ft_err ft_cron_next(int64_t *out_us, const ft_cron *cron, int64_t after_us);

#endif
