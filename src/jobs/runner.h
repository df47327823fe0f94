/* runner.h -- jobs that a server's requests made are started and supervised by a thread of the
 * server.
 *
 * It takes jobs that this process made (ft_job_create) and nobody started, within 50 ms, and
 * supervises them to their ends. A job outlives no server: ft_job_runner_stop stops what still
 * runs, with a reason that says so; after a kill they are found by ft_jobs_recover.
 *
 * Threads: its own, with a store of its own; start and stop from one thread. */
#ifndef FT_JOB_RUNNER_H
#define FT_JOB_RUNNER_H

#include "base/err.h"

typedef struct ft_job_runner ft_job_runner;

/* `home` as for ft_store_open. */
ft_err ft_job_runner_start(ft_job_runner **out, const char *home);
void ft_job_runner_stop(ft_job_runner *r); /* fine on NULL */

#endif
