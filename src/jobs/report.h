/* report.h -- a job's training report as an object beside its other artefacts. */
#ifndef FT_JOB_REPORT_H
#define FT_JOB_REPORT_H

#include "base/arena.h"
#include "debug/system_usage.h"
#include "store/store.h"

/* Write <output_uri>/<job>/report/report.html anew from the job's row, rules, trial and schema; its
 * s3:// uri in the arena. FT_ENOTFOUND when there is no such job, or it recorded nothing (with the
 * job's own reason). */
ft_err ft_job_report(ft_str *uri, ft_store *s, ft_arena *arena, ft_str job);

/* The same to another place, "s3://…/x.html", and as a notebook beside it, "s3://…/x.ipynb". */
ft_err ft_job_report_at(ft_store *s, ft_arena *arena, ft_str job, ft_str uri);
/* What the machine did while the job ran, with the job's own times. FT_ENOTFOUND. */
ft_err ft_job_usage(ft_system_usage *out, ft_store *s, ft_arena *arena, ft_str job);
/* The same as a report (debug/system_report.h), below `folder`: profiler-report.html and
 * .ipynb, profiler-reports/<Rule>.json. `params_json`: the rules' own parameters. FT_ENOTFOUND. */
ft_err ft_job_profile_report_at(ft_store *s, ft_arena *arena, ft_str job, ft_str folder,
                                ft_str params_json);

#endif
