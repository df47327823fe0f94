/* monitor.h -- baseline, statistics, constraints, drift: Model Monitor's files from captured
 * traffic.
 *
 * baseline: a table and (through the model) its predictions -> statistics.json, constraints.json,
 * schema.json at s3://fettle/monitor/<endpoint>/baseline/. run: the capture stream of a window ->
 * statistics of every feature and of the predictions -> one record a feature in the stream "drift"
 * -> constraint checks and the endpoint's rules -> verdicts, statistics.json,
 * constraint_violations.json (and the same as constraints_violations.json), report.html at
 * s3://fettle/monitor/<endpoint>/runs/<yyyy/mm/dd/hh>/<end of the window>/, alerts.
 *
 * Threads and memory: as the store and arena that are given. */
#ifndef FT_MONITOR_H
#define FT_MONITOR_H

#include "data/table.h"
#include "models/predictor.h"
#include "streams/stream.h"
#include "watch/watch.h"

/* One record a feature for each run; all of a run have the last microsecond of its window as time.
 * "prediction" is the model's answer, "prediction=3" the share of one class. */
enum { /* columns of the kind */
       FT_DRIFT_TIME,
       FT_DRIFT_FEATURE,
       FT_DRIFT_PSI,     /* population stability index against the baseline; null for a class */
       FT_DRIFT_NOISE,   /* the PSI at which samples of this size become significant (shift.h) */
       FT_DRIFT_MISSING, /* share of missing values */
       FT_DRIFT_MEAN,    /* null for texts */
       FT_DRIFT_SHARE,   /* of a class among the answers; null for the others */
       FT_DRIFT_RECORDS, /* rows in the window */
       FT_DRIFT_COLUMNS
};
extern const ft_stream_kind ft_kind_drift;

#define FT_MONITOR_PREDICTION "prediction" /* the feature that stands for the model's answer */

/* `model` may be NULL (no prediction baseline). FT_EINVAL for a table without rows. */
ft_err ft_monitor_baseline(ft_store *s, ft_str endpoint, const ft_table *table,
                           const ft_model *model);
/* Statistics and constraints of a body (traffic.h) by itself, every column a feature: what Model
 * Monitor's analyzer makes of a baseline's file. `header`: its first row names the columns, which
 * are "_c0", "_c1" … otherwise. FT_EINVAL without rows, FT_EPARSE for rows of different lengths. */
ft_err ft_monitor_describe(ft_buf *statistics, ft_buf *constraints, ft_str content_type,
                           ft_str body, bool header);
/* Give an endpoint its rules: PopulationStability; and ClassShare once a baseline says that its
 * answers are classes, at 50 %, or higher where the baseline itself has a class near or over that.
 * Rules that it has already stay as they are. */
ft_err ft_monitor_rules(ft_store *s, ft_str endpoint);

/* What an endpoint of this name had as baseline is no other's: its row is forgotten, its files stay.
 * Fine when there is none. */
ft_err ft_monitor_forget(ft_store *s, ft_str endpoint);

/* The file of violations goes by both names: Model Monitor's documents say the first, its programs
 * write the second. */
extern const char *const ft_violations_files[2];

typedef struct ft_violation {
    ft_str feature;
    ft_str check;       /* baseline_drift_check, data_type_check … (formats.md 3.11) */
    ft_str description; /* a sentence with the numbers */
} ft_violation;
typedef struct ft_monitor_result {
    uint64_t records, unreadable;
    ft_violation *violations;
    size_t violation_count;
    ft_str
        report_uri;  /* s3:// prefix of statistics.json, constraint_violations.json, report.html */
    ft_str status;   /* Completed | CompletedWithViolations */
    bool no_records; /* of a run that failed: there was nothing in the window */
} ft_monitor_result;
/* The window is [from, until) in microseconds. FT_ENOTFOUND "no captured requests between … and …"
 * as Model Monitor fails then, and when there is no baseline. */
ft_err ft_monitor_run(ft_monitor_result *out, ft_store *s, ft_arena *arena, ft_str endpoint,
                      int64_t from, int64_t until, const ft_watch_hooks *hooks);

/* The same with a baseline and a place of the caller's choice. */
typedef struct ft_monitor_ask {
    ft_str endpoint;
    int64_t from, until;
    /* s3:// objects; empty: the endpoint's own. Statistics without constraints: those that they
     * suggest. */
    ft_str statistics_uri, constraints_uri;
    ft_str output_uri; /* s3:// prefix of the run's files; empty: as above */
} ft_monitor_ask;
ft_err ft_monitor_run_as(ft_monitor_result *out, ft_store *s, ft_arena *arena,
                         const ft_monitor_ask *ask, const ft_watch_hooks *hooks);

/* What was run, newest first. */
typedef struct ft_monitor_row {
    ft_str endpoint, status, report_uri;
    int64_t from_us, until_us, created_us;
    int64_t records, violations;
} ft_monitor_row;
ft_err ft_monitor_list(ft_monitor_row **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str endpoint, size_t limit);

#endif
