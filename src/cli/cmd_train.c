/* cmd_train.c -- `fettle train`: its options, what people see while the job runs, and its end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/proc.h"
#include "cli/train_options.h"
#include "cli/train_ranks.h"

static const ft_param options[] = {
    { "train", FT_PARAM_STRING, NULL, .required = true,
      .doc =
          "FILE: training data (csv, libsvm, IDX, numbers in any format of `fettle data`; gzip or "
          "plain), a folder of such, or s3://bucket/prefix; image: pictures in any such format" },
    { "validation", FT_PARAM_STRING, NULL, .doc = "FILE: validation data" },
    { "set", FT_PARAM_STRING, NULL, .repeated = true,
      .doc = "NAME=VALUE: a hyperparameter (see `fettle algorithms show`)" },
    { "arch", FT_PARAM_STRING, NULL, .doc = "NAME: image: the network; as --set arch=NAME" },
    { "from", FT_PARAM_STRING, NULL,
      .doc = "FILE: image: weights to begin from; as --set from=FILE" },
    { "epochs", FT_PARAM_INT, NULL, .min = 1, .max = 1e6,
      .doc = "N: image: times over the data; as --set epochs=N" },
    { "job", FT_PARAM_STRING, NULL,
      .doc = "NAME: the job's name (made from algorithm and time when not given)" },
    { "resume", FT_PARAM_STRING, NULL,
      .doc = "JOB: image: go on from the checkpoint of a job that was killed, stopped or failed, "
             "with its data and settings" },
    { "input-mode", FT_PARAM_CHOICE, "file", .choices = "file|pipe|fastfile",
      .doc = "WORD: how the data arrives: as files, or through a pipe while it is read" },
    { "data-type", FT_PARAM_CHOICE, "S3Prefix",
      .choices = "S3Prefix|ManifestFile|AugmentedManifestFile",
      .doc = "WORD: what --train and --validation name" },
    { "attributes", FT_PARAM_STRING, NULL, .doc = "NAMES: of an augmented manifest, with commas" },
    { "shuffle-seed", FT_PARAM_INT, NULL, .min = 0, .max = 9e15,
      .doc = "N: objects in another order, by this seed and the epoch" },
    { "label", FT_PARAM_STRING, NULL,
      .doc = "COLUMN: tables: first, last, none, a number from 0 or a header's name (csv: first)" },
    { "header", FT_PARAM_CHOICE, "detect", .choices = "detect|yes|no",
      .doc = "WORD: tables: does the first row name the columns" },
    { "format", FT_PARAM_CHOICE, NULL, .choices = "csv|libsvm|idx",
      .doc = "NAME: tables: data format (by content when not given)" },
    { "missing", FT_PARAM_STRING, NULL,
      .doc = "WORDS: tables: texts that stand for a missing value, with commas (beside \"\", NA, ? "
             "…)" },
    { "rows", FT_PARAM_INT, NULL, .min = 1, .max = 1e12,
      .doc = "N: tables: use only the first N rows of each file" },
    { "rule", FT_PARAM_STRING, NULL, .repeated = true,
      .doc = "RULE: watch the job, 'LossNotDecreasing' or 'RULE:param=value,…' or a file.sql" },
    { "action", FT_PARAM_STRING, "stop,alert",
      .doc = "LIST: what the rules do when they find an issue: stop, alert, run:PROGRAM" },
    { "save", FT_PARAM_STRING, NULL, .repeated = true,
      .doc = "COLLECTION:N[:REDUCTIONS]: keep its tensors every N steps (metrics, losses, "
             "predictions, weights, gradients …), or numbers of them (mean,abs_max)" },
    { "save-interval", FT_PARAM_INT, "5", .min = 1, .max = 1e9,
      .doc = "N: the interval of collections that --save does not name" },
    { "output", FT_PARAM_STRING, NULL,
      .doc = "URI: s3://bucket/prefix for what the job leaves (s3://fettle/jobs)" },
    { "max-runtime", FT_PARAM_STRING, NULL,
      .doc = "TIME: stop the job after this long, such as 30m" },
    { 0 }
};

static const char more[] =
    "The file's first column is the label, as SageMaker's built-in algorithms have it; --label "
    "says otherwise.\n"
    "The job runs in a process of its own; rules run in another beside it and may stop it. What is "
    "kept: the log,\n"
    "every metric, chosen tensors (a trial that smdebug opens), the model.\n\n"
    "  fettle train xgboost --train train.csv --validation test.csv \\\n"
    "      --set objective=binary:logistic --set num_round=100 --set eta=0.2 --rule "
    "LossNotDecreasing\n"
    "  fettle train image --arch resnet18 --train photos/ --set validation_share=0.2 "
    "--epochs 20 --save gradients:100\n"
    "  fettle train image … --resume JOB                  # the same words again, after a crash\n"
    "  mpirun -np 2 fettle train image --arch cnn28 --train train-images-idx3-ubyte.gz";

/* ---- what people see meanwhile: one line that moves on a terminal, a plain line now and then
 * elsewhere */

typedef struct bar {
    ft_cli *cli;
    bool terminal, drawn, stopping;
    bool ranks; /* one of several processes, of which mpirun ends all when one is gone */
    int64_t began_us, plain_us;
    ft_store *store;
    ft_str job;
} bar;

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal) {
    FT_UNUSED(signal);
    interrupted = 1;
}

static ft_err tell_end(ft_cli *cli, ft_store *s, ft_str name) {
    ft_job job;
    FT_TRY(ft_job_get(&job, s, &cli->arena, name));
    const char *status = ft_job_status_name(job.status);
    double seconds = (double)(job.ended_us - job.started_us) / 1e6;
    if (cli->json) {
        ft_buf buf = { 0 };
        ft_json_out w;
        ft_json_out_init(&w, &buf, false);
        ft_json_out_object(&w);
        ft_json_out_name(&w, "job"), ft_json_out_str(&w, job.name);
        ft_json_out_name(&w, "status"), ft_json_out_text(&w, status);
        ft_json_out_name(&w, "reason"), ft_json_out_str(&w, job.reason);
        ft_json_out_name(&w, "steps"), ft_json_out_i64(&w, job.step);
        ft_json_out_name(&w, "seconds"), ft_json_out_f64(&w, seconds);
        ft_json_out_name(&w, "model"), ft_json_out_str(&w, job.model_uri);
        ft_json_out_name(&w, "trial"), ft_json_out_str(&w, job.trial_uri);
        ft_json_out_close(&w);
        printf("%s\n", buf.err == FT_OK ? buf.at : "{}");
        ft_buf_fini(&buf);
    } else {
        printf("job %.*s: %s after %lld of %lld steps, %.1f s%s%.*s\n", FT_STR_ARG(job.name),
               status, (long long)job.step, (long long)job.steps_total, seconds,
               job.reason.len ? ": " : "", FT_STR_ARG(job.reason));
        if (job.model_uri.len) printf("model %.*s\n", FT_STR_ARG(job.model_uri));
        if (job.status == FT_JOB_COMPLETED || job.status == FT_JOB_STOPPED)
            printf("next: fettle report %.*s\n", FT_STR_ARG(job.name));
    }
    if (job.status == FT_JOB_FAILED)
        return FT_FAIL(FT_EPEER, "job %.*s failed: %.*s", FT_STR_ARG(job.name),
                       FT_STR_ARG(job.reason));
    return FT_OK;
}

/* mpirun leaves a second between asking to end and killing: what is told is told at once. */
static void end_now(const bar *b) {
    ft_err err = tell_end(b->cli, b->store, b->job);
    if (err != FT_OK) fprintf(stderr, "fettle: %s\n", ft_err_why());
    fflush(NULL);
    exit(ft_err_exit(err == FT_OK ? FT_ECANCELED : err));
}

static void interrupt(bar *b) {
    ft_job job;
    ft_str reason;
    int rank;
    b->stopping = true;
    if (b->ranks && ft_job_get(&job, b->store, &b->cli->arena, b->job) == FT_OK) {
        /* Its own end is told by who supervises it, in a moment. */
        if (!ft_job_status_final(job.status) && !ft_pid_alive(job.pid, job.pid_started)) return;
        if (!ft_job_status_final(job.status) &&
            ft_train_rank_died(&rank, b->store, &b->cli->arena, b->job) &&
            ft_arena_printf(
                &reason, &b->cli->arena,
                "rank %d has ended without a word (killed?), and mpirun ends the others; "
                "--resume %.*s goes on from the last checkpoint",
                rank, FT_STR_ARG(b->job)) == FT_OK &&
            ft_job_fail(b->store, b->job, reason) == FT_OK)
            end_now(b);
    }
    /* The job has ended and only its rules are still judged: do not make the user wait for them. */
    if (ft_job_stop(b->store, b->job, FT_STR("interrupted")) != FT_ECONFLICT) return;
    if (b->ranks) end_now(b);
    exit(ft_err_exit(FT_ECANCELED));
}

static void bar_draw(void *ctx, const ft_job_progress *p) {
    bar *b = ctx;
    int64_t now = ft_clock_monotonic_us();
    double share = p->total > 0 ? (double)p->done / (double)p->total : 0;
    double seconds = (double)(now - b->began_us) / 1e6;
    if (interrupted && !b->stopping) interrupt(b);
    if (b->terminal) {
        int full = (int)(share * 30);
        fprintf(stderr, "\r[%.*s%.*s] %lld/%lld  %.0f s  %s\033[K", full,
                "##############################", 30 - full, "..............................",
                (long long)p->done, (long long)p->total, seconds, p->text ? p->text : "");
        b->drawn = true;
    } else if (p->total > 0 && now - b->plain_us >= 5 * FT_SECOND_US) {
        fprintf(stderr, "step %lld of %lld  %s\n", (long long)p->done, (long long)p->total,
                p->text ? p->text : "");
        b->plain_us = now;
    }
}

static ft_err job_run(ft_cli *cli, const ft_train_asked *asked) {
    ft_store *s;
    ft_str name;
    ft_supervisor *sup = NULL;
    ft_job_spec spec;
    bar b = { .cli = cli,
              .ranks = asked->ranks,
              .terminal = cli->terminal && !cli->json,
              .began_us = ft_clock_monotonic_us() };
    FT_TRY(ft_train_spec(&spec, cli, asked));
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_job_create(&name, s, &cli->arena, &spec));
    if (!cli->json) fprintf(stderr, "job %.*s\n", FT_STR_ARG(name));
    FT_TRY(ft_supervisor_new(&sup));
    b.store = s, b.job = name;
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    ft_err err = ft_job_run(s, sup, name, bar_draw, &b);
    if (b.drawn) fputc('\n', stderr);
    ft_supervisor_free(sup);
    FT_TRY(err);
    FT_TRY(tell_end(cli, s, name));
    if (!interrupted) return FT_OK;
    return FT_FAIL(FT_ECANCELED, "interrupted; the job ended with what it had");
}

static ft_err run(ft_cli *cli) {
    ft_train_asked asked;
    FT_TRY(ft_train_asked_read(&asked, cli));
    if (asked.ranks) FT_TRY(ft_train_ranks_check(&asked));
    if (asked.rank > 0) return ft_train_rank_run(&asked);
    const ft_param *objective = ft_param_find(asked.algorithm->params, FT_STR("objective"));
    if (objective && ft_str_starts(ft_params_str(asked.params, "objective"), FT_STR("rank:")))
        fprintf(stderr, "note: rows are ranked within their query groups, which libsvm files name "
                        "by qid; in a file without them all rows are one group\n");
    return job_run(cli, &asked);
}

const ft_command ft_command_train = { .name = "train",
                                      .args = "ALGORITHM --train FILE",
                                      .args_min = 1,
                                      .args_max = 1,
                                      .doc = "train a model as a job, watched by rules",
                                      .more = more,
                                      .options = options,
                                      .run = run };
