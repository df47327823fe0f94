/* job.h -- one run of an algorithm over channels, in a process of its own, with log, metrics,
 * trial, rules and a model at the end.
 *
 * Who does what: ft_job_create checks everything and stores the job; ft_job_run (the supervisor:
 * the command line or the server) starts the job's process and its rule host, watches both, and
 * stores how it ended; ft_job_main is what runs inside the job's process. A job whose processes
 * vanished (kill -9, power cut) is found by ft_jobs_recover and marked Failed with the reason. */
#ifndef FT_JOB_H
#define FT_JOB_H

#include "base/arena.h"
#include "base/param.h"
#include "base/proc.h"
#include "models/algorithm.h"
#include "store/store.h"
#include "watch/watch.h"

typedef enum ft_job_status {
    FT_JOB_IN_PROGRESS,
    FT_JOB_COMPLETED,
    FT_JOB_FAILED,
    FT_JOB_STOPPING,
    FT_JOB_STOPPED
} ft_job_status;
const char *ft_job_status_name(ft_job_status s); /* SageMaker's words */

typedef struct ft_job_channel {
    ft_str name, path, label, format;
    int header;
    size_t rows_max;
} ft_job_channel;

typedef struct ft_job_spec {
    ft_str name; /* ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$; empty: "<algorithm>-<utc time>-<hex>" */
    ft_str algorithm;
    const ft_params *params; /* finished */
    const ft_job_channel *channels;
    size_t channel_count;
    ft_str output_uri;                /* s3://… prefix; empty: s3://fettle/jobs. Artefacts go to
                                         <uri>/<job>/output/…, <uri>/<job>/debug-output/ */
    const ft_collection *collections; /* what the hook keeps */
    size_t collection_count;
    const ft_watch_spec *watches; /* subject and trial_uri are filled in */
    size_t watch_count;
    int64_t max_runtime_us; /* 0: none */
} ft_job_spec;
ft_err ft_job_create(ft_str *name, ft_store *s, ft_arena *arena, const ft_job_spec *spec);

typedef struct ft_job {
    ft_str name, algorithm, reason, output_uri, trial_uri, model_uri, model_sha256, config_json;
    ft_job_status status;
    ft_str secondary; /* Starting, Downloading, Training, Uploading, Completed … */
    int64_t created_us, started_us, ended_us;
    int64_t step, steps_total; /* last step done */
    int pid;
    uint64_t pid_started;
    int exit_code;
} ft_job;
ft_err ft_job_get(ft_job *out, ft_store *s, ft_arena *arena,
                  ft_str name); /* FT_ENOTFOUND with the nearest name */
ft_err ft_job_list(ft_job **out, size_t *count, ft_store *s, ft_arena *arena, size_t limit);

/* Supervise one job to its end: `line` gets the job's progress for people (may be NULL). FT_OK
 * whatever the job's fate; look at the row. */
typedef struct ft_job_progress {
    int64_t done, total;
    const char *text;
} ft_job_progress;
ft_err ft_job_run(ft_store *s, ft_supervisor *sup, ft_str name,
                  void (*progress)(void *ctx, const ft_job_progress *p), void *ctx);
/* The same in two halves for a server that supervises many: start, then look at the row; recover
 * collects. */
ft_err ft_job_start(ft_store *s, ft_supervisor *sup, ft_str name);
/* Ask a running job to stop, from any process: closes the gate, SIGTERM, later SIGKILL. Stores
 * reason. FT_ECONFLICT when it has ended. */
ft_err ft_job_stop(ft_store *s, ft_str name, ft_str reason);
/* Jobs in progress whose process is gone become Failed ("process 123 vanished after step 41"). */
ft_err ft_jobs_recover(ft_store *s, int *failed);

/* Inside the processes (hidden commands `fettle run-job NAME`, `fettle run-rules SUBJECT`). */
ft_err ft_job_main(ft_store *s, ft_str name);
ft_err ft_rules_main(ft_store *s, ft_str subject, const ft_watch_hooks *hooks);

#endif
