/* report.h -- a job's training report as an object beside its other artefacts. */
#ifndef FT_JOB_REPORT_H
#define FT_JOB_REPORT_H

#include "base/arena.h"
#include "store/store.h"

/* Write <output_uri>/<job>/report/report.html anew from the job's row, rules, trial and schema; its
 * s3:// uri in the arena. FT_ENOTFOUND when there is no such job, or it recorded nothing (with the
 * job's own reason). */
ft_err ft_job_report(ft_str *uri, ft_store *s, ft_arena *arena, ft_str job);

/* The same to another place, "s3://…/x.html". */
ft_err ft_job_report_at(ft_store *s, ft_arena *arena, ft_str job, ft_str uri);
/* How long the job's parts took (debug/system_report.h), to `uri`. FT_ENOTFOUND. */
ft_err ft_job_system_report_at(ft_store *s, ft_arena *arena, ft_str job, ft_str uri);

#endif
