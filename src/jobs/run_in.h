/* run_in.h -- pieces of supervision that start, stop and recovery share. */
#ifndef FT_JOBS_RUN_IN_H
#define FT_JOBS_RUN_IN_H

#include "jobs/job.h"

/* $FETTLE_RULE_DEADLINE, or the default. FT_EPARSE. */
ft_err ft_rule_deadline(int64_t *out_us);
/* End the job's rule host when its evaluation has passed the deadline. */
ft_err ft_job_host_check(ft_store *s, ft_arena *arena, ft_str name);
/* ft_watch_settle with the actions that are this room's. */
ft_err ft_job_settle(ft_store *s, ft_str subject, ft_watch_status status, ft_str details);
/* SIGKILL a process and its group; returns when it is gone or after `timeout_us`. False when it is
 * still there. */
bool ft_process_end(int pid, uint64_t started, int64_t timeout_us);

#endif
