/* run_in.h -- one monitor run in the making: what its files gather and show. */
#ifndef FT_MONITOR_RUN_IN_H
#define FT_MONITOR_RUN_IN_H

#include "monitor/check.h"
#include "monitor/rows_in.h"

#define FT_RUN_BLOCK 256 /* values of a feature that are added at once */

typedef struct ft_run_verdict { /* of a rule, in the run's arena */
    ft_str rule, reason, evidence_json;
    ft_outcome outcome;
} ft_run_verdict;

typedef struct ft_run {
    ft_store *s;
    ft_arena *arena; /* lives as long as the result */
    ft_arena once;   /* one record */
    ft_str endpoint;
    int64_t from, until;
    const ft_monitor_ask *ask;
    ft_baseline baseline;
    ft_window window;
    ft_shift *shifts;
    float *block;   /* FT_RUN_BLOCK values of each feature */
    size_t *filled; /* how many of them there are */
    uint64_t records, unreadable;
    ft_str *segments; /* URIs of the capture segments that were read */
    size_t segment_count, segment_room;
    ft_violations violations;
    ft_run_verdict *verdicts;
    size_t verdict_count, verdict_room;
    ft_str uri; /* s3:// prefix of the run's files */
} ft_run;

/* A baseline made elsewhere of a training file, label first: requests have one value less, and the
 * label is compared with nothing. */
ft_err ft_run_label_drop(ft_run *r);
ft_err ft_run_window_begin(ft_run *r);
ft_err ft_run_window_read(ft_run *r);
/* Each feature's shift from the baseline. */
ft_err ft_run_window_measure(ft_run *r);
/* The shifts as records of the stream `drift`, with their lineage. */
ft_err ft_run_drift(ft_run *r);
/* report.html of the run. */
ft_err ft_run_report(ft_buf *out, ft_run *r);

#endif
