/* schedule.h -- monitor runs by the clock: a schedule names an endpoint, when, and where the files
 * go; each time it is due is one execution.
 *
 * A schedule looks at the traffic since it was due before ([due - period, due)): "cron(0 * ? * *
 * *)" at the last hour, "rate(1 day)" at the last day, "NOW" at the hour up to now, once. Times
 * that passed while nothing ran are not made up for; the newest of them is. An execution is a row
 * before it begins, with the process that does it: when that process dies, ft_schedules_run of
 * another makes it Failed. Two processes never do the same one.
 *
 * Files: <output>/<endpoint>/<schedule>/yyyy/mm/dd/hh/ (formats.md 3.11); a schedule with several
 * executions an hour gets a folder for the minute below that.
 *
 * Threads and memory: as the store and the arena given. */
#ifndef FT_SCHEDULE_H
#define FT_SCHEDULE_H

#include "base/arena.h"
#include "watch/watch.h"

typedef struct ft_schedule {
    ft_str name, endpoint;
    ft_str expression;                      /* base/cron.h */
    ft_str output_uri;                      /* s3:// prefix */
    ft_str statistics_uri, constraints_uri; /* empty: the endpoint's own baseline */
    ft_str capture_uri;  /* s3:// prefix of the captures, for words; empty: not told */
    ft_str request_json; /* as the caller keeps it */
    bool stopped;
    bool program;    /* done by ft_schedule_program, not by the built-in monitor */
    int64_t next_us; /* 0: never again */
    int64_t created_us, modified_us;
} ft_schedule;

#define FT_EXECUTION_NAME "model-monitoring-"

typedef struct ft_execution {
    ft_str name; /* FT_EXECUTION_NAME "<yyyymmddHHMM>-<24 hex>": a processing job's */
    ft_str schedule, endpoint;
    ft_str status;       /* InProgress Completed CompletedWithViolations Failed Stopped */
    ft_str message;      /* "Completed: …", "CompletedWithViolations: …", or why it failed */
    ft_str output_uri;   /* s3:// prefix of its files */
    ft_str request_json; /* the schedule's, as it was then */
    ft_str capture_uri;  /* the schedule's, while the execution begins; else empty */
    bool program;
    int64_t due_us, from_us, until_us, created_us, modified_us;
} ft_execution;

/* How executions with a program of the user's are done; set once by the program (cli/all.c).
 *
 * `begin`: FT_ENOTFOUND when there is no traffic to look at; another failure in words. `look`:
 * FT_EBUSY without a trail while it goes on, else its status and message as they are kept. */
typedef struct ft_schedule_program {
    ft_err (*begin)(ft_store *s, ft_arena *arena, const ft_execution *x);
    ft_err (*look)(ft_str *status, ft_str *message, ft_store *s, ft_arena *arena,
                   const ft_execution *x);
} ft_schedule_program;
void ft_schedules_use(const ft_schedule_program *program);

/* Made of all members but `stopped` and times. FT_EEXIST without a trail; FT_EINVAL, FT_EPARSE in
 * words for an expression or place that is none. */
ft_err ft_schedule_add(ft_store *s, const ft_schedule *spec);
/* The same over one that is there; FT_ENOTFOUND without a trail. */
ft_err ft_schedule_change(ft_store *s, const ft_schedule *spec);
/* FT_ENOTFOUND without a trail. */
ft_err ft_schedule_get(ft_schedule *out, ft_store *s, ft_arena *arena, ft_str name);
/* Oldest first. */
ft_err ft_schedule_list(ft_schedule **out, size_t *count, ft_store *s, ft_arena *arena);
/* FT_ENOTFOUND without a trail. A started one is due from now on. */
ft_err ft_schedule_start(ft_store *s, ft_str name);
ft_err ft_schedule_stop(ft_store *s, ft_str name);
/* Its executions stay. */
ft_err ft_schedule_remove(ft_store *s, ft_str name);

/* Of one schedule (empty: all), newest first. */
ft_err ft_execution_list(ft_execution **out, size_t *count, ft_store *s, ft_arena *arena,
                         ft_str schedule);
/* Those that ended and that nobody has marked as told, oldest first, at most `limit`: for what is
 * passed on once. */
ft_err ft_execution_untold(ft_execution **out, size_t *count, ft_store *s, ft_arena *arena,
                           size_t limit);
ft_err ft_execution_set_told(ft_store *s, ft_str name);
/* Status and message of one that came to its end and found so many violations; in the arena. */
ft_err ft_execution_found(ft_str *status, ft_str *message, ft_arena *arena, int64_t violations);
/* FT_ENOTFOUND without a trail. */
ft_err ft_execution_get(ft_execution *out, ft_store *s, ft_arena *arena, ft_str name);

/* Do what is due, one after the other; close what a dead process left. `hooks` as for
 * ft_monitor_run. A failure of a run is the execution's, not the call's. */
ft_err ft_schedules_run(ft_store *s, const ft_watch_hooks *hooks);

#endif
