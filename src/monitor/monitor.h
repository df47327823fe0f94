/* monitor.h -- baseline, statistics, constraints, drift: Model Monitor's files from captured
 * traffic.
 *
 * baseline: a table and (through the model) its predictions -> statistics.json, constraints.json,
 * stored for the endpoint. run: the capture stream of a window -> statistics of every feature and
 * of the predictions -> appended to the stream "drift" (endpoint, time_us, feature, psi, missing,
 * mean, … one record a feature) -> constraint checks and the endpoint's rules -> verdicts,
 * constraint_violations.json (and the same as constraints_violations.json), alerts. */
#ifndef FT_MONITOR_H
#define FT_MONITOR_H

#include "data/table.h"
#include "models/predictor.h"
#include "streams/stream.h"
#include "watch/watch.h"

extern const ft_stream_kind ft_kind_drift;

/* `model` may be NULL (no prediction baseline). Writes
 * s3://fettle/monitor/<endpoint>/baseline/{statistics,constraints}.json. */
ft_err ft_monitor_baseline(ft_store *s, ft_str endpoint, const ft_table *table,
                           const ft_model *model);

typedef struct ft_violation {
    ft_str feature, check, description;
} ft_violation; /* check: baseline_drift_check, data_type_check … */
typedef struct ft_monitor_result {
    uint64_t records, unreadable;
    ft_violation *violations;
    size_t violation_count;
    ft_str
        report_uri; /* s3:// prefix of statistics.json, constraint_violations.json, report.html */
    ft_str status;  /* Completed | CompletedWithViolations */
} ft_monitor_result;
/* FT_ENOTFOUND "no captured requests between … and …" as Model Monitor fails then. */
ft_err ft_monitor_run(ft_monitor_result *out, ft_store *s, ft_arena *arena, ft_str endpoint,
                      int64_t from, int64_t until, const ft_watch_hooks *hooks);

#endif
