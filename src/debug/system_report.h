/* system_report.h -- how long the parts of a training job took and what its machine did meanwhile,
 * as one page in the order of SageMaker's profiler report (formats.md 3.9). What was not measured
 * is said in words. */
#ifndef FT_SYSTEM_REPORT_H
#define FT_SYSTEM_REPORT_H

#include "debug/system_usage.h"

typedef struct ft_system_report_opts {
    ft_str job, status;
    /* µs since 1970: the job's start and end, and those of its training loop; 0: it never came. */
    int64_t started_us, ended_us, loop_us, loop_end_us;
    int64_t steps;
    const ft_system_usage *usage; /* NULL: nothing was sampled */
    ft_str params_json;           /* the profiler rules' own parameters; may be empty */
} ft_system_report_opts;

ft_err ft_system_report(ft_buf *out, const ft_system_report_opts *opts);

#endif
