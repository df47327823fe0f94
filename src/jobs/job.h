/* job.h -- one run of an algorithm over channels, in a process of its own, with log, metrics,
 * trial, rules and a model at the end.
 *
 * Who does what: ft_job_create checks everything and stores the job; ft_job_run (the supervisor:
 * the command line or the server) starts the job's process and its rule host, watches both, and
 * stores how it ended; ft_job_main is what runs inside the job's process.
 *
 * A job never runs on unsupervised: both processes are killed by the system when their supervisor
 * dies (PR_SET_PDEATHSIG). A job whose processes vanished (kill -9, power cut) is found by
 * ft_jobs_recover and marked Failed with the reason.
 *
 * The program that is started is this one (/proc/self/exe) with "run-job NAME" and "run-rules
 * job/NAME"; $FETTLE_PROGRAM names another (tests). One evaluation of a rule may take
 * $FETTLE_RULE_DEADLINE ("10s").
 *
 * A job's folder is $HOME/jobs/NAME: log.txt, rules.txt (the rule host's output), model/ (before it
 * is uploaded), checkpoint/, gate, guard. Artefacts are objects under <output_uri>/NAME/.
 *
 * Threads: one ft_store, one thread. Memory: what a call returns lives in the arena it was given.
 */
#ifndef FT_JOB_H
#define FT_JOB_H

#include "base/arena.h"
#include "base/param.h"
#include "base/proc.h"
#include "models/algorithm.h"
#include "store/objects.h"
#include "trials/collection.h"
#include "watch/watch.h"

#define FT_JOB_NAME_MAX     63
#define FT_JOB_OUTPUT       "s3://" FT_BUCKET_DEFAULT "/jobs"
#define FT_JOB_KILL_US      ((int64_t)700000) /* between SIGTERM and SIGKILL when a job is stopped */
#define FT_RULE_DEADLINE_US ((int64_t)10000000)

typedef enum ft_job_status {
    FT_JOB_IN_PROGRESS,
    FT_JOB_COMPLETED,
    FT_JOB_FAILED,
    FT_JOB_STOPPING,
    FT_JOB_STOPPED
} ft_job_status;
const char *ft_job_status_name(ft_job_status s); /* SageMaker's words */
bool ft_job_status_final(ft_job_status s);

typedef struct ft_job_channel {
    ft_str name, path, label, format;
    ft_str missing; /* more texts that stand for a missing value, with commas */
    /* JSON of data/channel.h: objects, manifests, input mode, share and order; then `path` is only
     * shown. Empty: `path` is a local file or folder. */
    ft_str source;
    int header;
    size_t rows_max;
} ft_job_channel;

typedef struct ft_job_spec {
    ft_str name; /* ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$; empty: "<algorithm>-<utc time>-<hex>" */
    ft_str algorithm;
    const ft_params *params; /* finished */
    const ft_job_channel *channels;
    size_t channel_count;
    ft_str output_uri; /* s3://… prefix; empty: FT_JOB_OUTPUT. Artefacts go to
                          <uri>/<job>/output/…, <uri>/<job>/debug-output/ */
    ft_str debug_uri; /* s3://… prefix of the trial, <uri>/<job>/debug-output/; empty: output_uri */
    /* The model also as one file, <output_uri>/<job>/output/model.tar.gz;
     * "model.json=xgboost-model" renames a file in it. Empty: no. */
    ft_str archive;
    const ft_collection *collections; /* what the hook keeps */
    size_t collection_count;
    const ft_watch_spec *watches; /* subject and trial_uri are filled in */
    size_t watch_count;
    int64_t max_runtime_us; /* 0: none */
    ft_str resume;          /* a job whose checkpoint this one begins with; empty: none */
} ft_job_spec;
/* Check everything (algorithm, parameters, channels, rules, places), then store the job. Nothing
 * is left behind by a failure. FT_EINVAL in words, FT_ENOTFOUND for a missing file, FT_EEXIST. */
ft_err ft_job_create(ft_str *name, ft_store *s, ft_arena *arena, const ft_job_spec *spec);

typedef struct ft_job {
    ft_str name, algorithm, reason, output_uri, trial_uri, model_uri, model_sha256;
    ft_str config_json; /* algorithm, hyperparameters (given), defaults, channels, collections */
    ft_job_status status;
    ft_str secondary; /* Starting, Downloading, Training, Uploading, Completed … */
    int64_t created_us, started_us, ended_us, modified_us;
    int64_t training_us, training_end_us; /* the algorithm's own part; 0: not (yet) */
    int64_t max_runtime_us;
    int64_t step, steps_total; /* done, of how many */
    ft_str text;               /* what the algorithm said last: "validation-merror 0.17" */
    int pid;                   /* the job's process; 0: not yet */
    uint64_t pid_started;
    int owner_pid; /* who supervises it (before the start: who made it) */
    uint64_t owner_started;
    int exit_code; /* -1: ended by a signal, or not known */
} ft_job;
ft_err ft_job_get(ft_job *out, ft_store *s, ft_arena *arena,
                  ft_str name); /* FT_ENOTFOUND with the nearest name */
/* Newest first. */
ft_err ft_job_list(ft_job **out, size_t *count, ft_store *s, ft_arena *arena, size_t limit);

typedef struct ft_job_transition { /* SageMaker's SecondaryStatusTransitions */
    ft_str status, message;
    int64_t start_us, end_us; /* end 0: it lasts */
} ft_job_transition;
ft_err ft_job_transitions(ft_job_transition **out, size_t *count, ft_store *s, ft_arena *arena,
                          ft_str name);

typedef struct ft_job_model { /* what a job left behind */
    ft_str sha256;            /* of the manifest: "<sha256 of a file>  <path>" lines, by path */
    ft_str uri, predictor, job;
    int64_t created_us;
} ft_job_model;
/* By "s3://…" or by hash. FT_ENOTFOUND. */
ft_err ft_job_model_find(ft_job_model *out, ft_store *s, ft_arena *arena, ft_str uri_or_sha256);

/* Supervise one job to its end. FT_OK whatever the job's fate; look at the row. `progress` (may be
 * NULL) is called at least every 200 ms, also when nothing changed, and may call ft_job_stop. */
typedef struct ft_job_progress {
    int64_t done, total;
    const char *text;
} ft_job_progress;
ft_err ft_job_run(ft_store *s, ft_supervisor *sup, ft_str name,
                  void (*progress)(void *ctx, const ft_job_progress *p), void *ctx);
/* The same for a server that supervises many: start, poll the supervisor, call ft_jobs_recover
 * every second or so, look at the row. The supervisor is freed before the store is closed. */
ft_err ft_job_start(ft_store *s, ft_supervisor *sup, ft_str name);
/* Stop a running job, from any process: closes the gate, SIGTERM, after FT_JOB_KILL_US SIGKILL;
 * returns when its process is gone. A job that runs
 * the user's program (jobs/program.h) may still be Stopping then: its program has
 * FT_PROGRAM_KILL_US. `reason` is stored. FT_ECONFLICT when it has ended. */
ft_err ft_job_stop(ft_store *s, ft_str name, ft_str reason);
/* Failed for `reason`, which its process cannot tell; the process is ended. Nothing changes when
 * the job has ended. */
ft_err ft_job_fail(ft_store *s, ft_str name, ft_str reason);
/* Jobs in progress whose processes are gone become Failed ("process 123 vanished after 41 steps"),
 * what their verdicts still ask for is done, evaluations past their deadline are ended. `failed`
 * may be NULL. */
ft_err ft_jobs_recover(ft_store *s, int *failed);

/* The program that is started: this one, or $FETTLE_PROGRAM. FT_ETOOBIG. */
ft_err ft_job_program(char *out, size_t size);

/* Inside the processes (hidden commands `fettle run-job NAME`, `fettle run-rules SUBJECT`). The
 * host's "stop" is done here; other actions are the hooks'. `hooks` may be NULL. */
ft_err ft_job_main(ft_store *s, ft_str name);
ft_err ft_rules_main(ft_store *s, ft_str subject, const ft_watch_hooks *hooks);

#endif
