/* system_usage.h -- what a job's machine did, summed up from the stream "system", and the rules of
 * SageMaker's profiler over it (formats.md 3.8, appendix A).
 *
 * A point is one sample: processors and devices as means over theirs, disks and network as sums.
 * Memory: in the arena. Threads: as the store. */
#ifndef FT_SYSTEM_USAGE_H
#define FT_SYSTEM_USAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/store.h"

#define FT_SYSTEM_POINTS_MAX 1000000

typedef enum ft_system_metric {
    FT_SYSTEM_NETWORK, /* bytes a second */
    FT_SYSTEM_GPU,     /* percent, as the rest */
    FT_SYSTEM_CPU,
    FT_SYSTEM_CPU_MEMORY,
    FT_SYSTEM_GPU_MEMORY,
    FT_SYSTEM_IO,   /* share of the time that processors waited */
    FT_SYSTEM_DISK, /* bytes a second, read and written; not in SageMaker's table */
    FT_SYSTEM_METRICS
} ft_system_metric;
bool ft_system_metric_bytes(ft_system_metric m); /* bytes a second, or percent? */
extern const char *const ft_system_metric_names[FT_SYSTEM_METRICS]; /* "CPU memory" */

typedef struct ft_system_usage {
    int64_t *time_us;
    double *values[FT_SYSTEM_METRICS]; /* [point]; NULL: never measured */
    size_t points;
    double *step_s; /* durations of training steps */
    size_t step_count;
    int64_t started_us, loop_us; /* of the job: its start, its first step; 0: it never came */
} ft_system_usage;

/* Fills everything but the times of the job. FT_OK with no point when nothing was sampled. */
ft_err ft_system_usage_read(ft_system_usage *out, ft_store *s, ft_arena *arena, ft_str job);

typedef struct ft_system_summary {
    double max, p99, p95, p50, min;
} ft_system_summary;
/* False when it was never measured. */
bool ft_system_summary_of(ft_system_summary *out, const ft_system_usage *u, ft_system_metric m,
                          ft_arena *arena);

/* ---- rules */
typedef struct ft_system_rule ft_system_rule;
extern const ft_system_rule *const ft_system_rules[]; /* in the report's order; ends with NULL */
const char *ft_system_rule_name(const ft_system_rule *r);
const char *ft_system_rule_doc(const ft_system_rule *r);
/* NULL when there is none of this name. */
const ft_system_rule *ft_system_rule_find(ft_str name);

typedef struct ft_system_verdict {
    bool fired, measured; /* measured: there was something to judge by */
    size_t violations, points;
    ft_str params; /* "threshold:50\ncpu_threshold:90", as the rule's report says them */
    char text[240];
} ft_system_verdict;
/* `params_json`: {"threshold":"50"}; of ProfilerReport {"CPUBottleneck_threshold":"50"} too. What
 * is no number keeps its default. */
ft_err ft_system_rule_run(ft_system_verdict *out, const ft_system_rule *r, const ft_system_usage *u,
                          ft_str params_json, ft_arena *arena);
/* profiler-reports/<Rule>.json */
ft_err ft_system_rule_json(ft_buf *out, const ft_system_rule *r, const ft_system_verdict *v,
                           const ft_system_usage *u, ft_arena *arena);

#endif
