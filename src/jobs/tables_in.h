/* tables_in.h -- the jobs room's rows: job, job_transition, model; and the changes of a job's
 * state, each one transaction. */
#ifndef FT_JOBS_TABLES_IN_H
#define FT_JOBS_TABLES_IN_H

#include "jobs/job.h"

ft_err ft_jobs_db(ft_db **out, ft_store *s);
static inline ft_str ft_some(ft_str s) { return s.at ? s : FT_STR(""); } /* columns are not null */

/* <home>/jobs/<name>[/<file>]; not made. */
ft_err ft_job_path(const char **out, ft_store *s, ft_arena *arena, ft_str name, const char *file);

/* Jobs that are InProgress or Stopping, oldest first. */
ft_err ft_job_list_going(ft_job **out, size_t *count, ft_store *s, ft_arena *arena);

/* The next secondary status: closes the transition before it. Within the caller's transaction. */
ft_err ft_job_transit(ft_db *db, ft_str name, const char *secondary, ft_str message);
/* The same in a transaction of its own, and only while the job is InProgress (FT_ECANCELED). */
ft_err ft_job_enter(ft_store *s, ft_str name, const char *secondary, ft_str message);

/* Steps that the job has done. The gate knows them to the step; the row may be a moment behind. */
int64_t ft_job_steps(ft_store *s, ft_arena *arena, const ft_job *job);

/* How a job ended; the first end that is stored counts. A job that was Stopping ends Stopped,
 * whatever `status` says. `secondary` NULL: the status' name. A reason that is there stays. */
typedef struct ft_job_end {
    ft_job_status status;
    const char *secondary;
    ft_str reason;
    int exit_code;
} ft_job_end;
ft_err ft_job_finish(ft_store *s, ft_str name, const ft_job_end *end);

#endif
