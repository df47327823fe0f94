/* schedule_in.h -- what schedules and their executions share. */
#ifndef FT_MONITOR_SCHEDULE_IN_H
#define FT_MONITOR_SCHEDULE_IN_H

#include "base/clock.h"
#include "base/cron.h"
#include "monitor/schedule.h"

#define HOUR_US (3600 * FT_SECOND_US)

/* The database with both tables. */
ft_err ft_schedule_db(ft_db **out, ft_store *s);

typedef struct ft_schedule_due {
    int64_t at_us, next_us, period_us;
} ft_schedule_due;
/* The newest time that has come of those from `first_us` on, and what follows it. */
ft_err ft_schedule_due_of(ft_schedule_due *out, const ft_cron *cron, int64_t first_us,
                          int64_t now_us);
/* The schedule of that name (empty: all), and only those that are due (0: all). */
ft_err ft_schedules_read(ft_schedule **out, size_t *count, ft_db *db, ft_arena *arena, ft_str name,
                         int64_t due_us);
bool ft_schedule_program_used(void);

#endif
