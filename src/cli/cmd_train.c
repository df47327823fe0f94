/* cmd_train.c -- `fettle train`: from files and settings to a finished job, with rules beside it.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/pool.h"
#include "base/proc.h"
#include "cli/actions.h"
#include "cli/cli.h"
#include "data/channel.h"
#include "jobs/job.h"
#include "nn/learn/ranks.h"

#define RULES_MAX    20 /* as SageMaker's limit for one job */
#define CHANNELS_MAX 8
#define RANK_WAIT_US (FT_SECOND_US / 3) /* for a job that leaves together with the ranks */
#define RANK_LOOK_US (FT_SECOND_US / 50)

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

/* ---- from options to a job's specification */

static bool is_pattern(ft_str path) {
    return ft_str_find(path, '*') < path.len || ft_str_find(path, '?') < path.len;
}

/* From the root; a pattern has no realpath. */
static ft_err path_whole(ft_str *out, ft_cli *cli, ft_str path) {
    FT_TRY(ft_arena_str(&path, &cli->arena, path));
    char *whole =
        path.len && path.at[0] == '/' ? NULL : realpath(is_pattern(path) ? "." : path.at, NULL);
    if (!whole && path.len && path.at[0] == '/') {
        *out = path;
        return FT_OK;
    }
    if (!whole) return FT_FAIL_ERRNO("'%s'", path.at);
    ft_err err = is_pattern(path) ? ft_arena_printf(out, &cli->arena, "%s/%s", whole, path.at)
                                  : ft_arena_str(out, &cli->arena, ft_str_of(whole));
    free(whole);
    return err;
}

/* Options that stand for a hyperparameter of that name. A file is made whole: the job's process may
 * run elsewhere. */
static ft_err short_forms(ft_params *params, ft_cli *cli, const ft_algorithm *algorithm) {
    static const char *const names[] = { "arch", "from", "epochs" };
    for (size_t i = 0; i < FT_COUNT(names); i++) {
        if (!ft_params_given(cli->options, names[i])) continue;
        if (!ft_param_find(algorithm->params, ft_str_of(names[i])))
            return FT_FAIL(FT_EINVAL, "--%s: the algorithm %s has no such setting", names[i],
                           algorithm->name);
        FT_TRY(ft_params_set(params, ft_str_of(names[i]), ft_params_str(cli->options, names[i])));
    }
    if (ft_param_find(algorithm->params, FT_STR("from")) && ft_params_given(params, "from")) {
        ft_str whole;
        FT_TRY(path_whole(&whole, cli, ft_params_str(params, "from")));
        FT_TRY(ft_params_set(params, FT_STR("from"), whole));
    }
    return FT_OK;
}

static ft_err params_read(ft_params **out, ft_cli *cli, const ft_algorithm *algorithm) {
    FT_TRY(ft_params_new(out, &cli->arena, algorithm->params));
    ft_str pair;
    for (size_t i = 0; ft_params_each(cli->options, "set", i, &pair); i++) {
        ft_str value = pair, name = ft_str_cut(&value, '=');
        if (!value.at)
            return FT_FAIL(FT_EINVAL, "--set %.*s: expected NAME=VALUE", FT_STR_ARG(pair));
        FT_TRY(ft_params_set(*out, ft_str_trim(name), value));
    }
    FT_TRY(short_forms(*out, cli, algorithm));
    FT_TRY(ft_params_finish(*out));
    return algorithm->validate ? algorithm->validate(*out) : FT_OK;
}

/* Settings of a channel that is more than a local path. A local path is made whole: the job's
 * process may run elsewhere. */
static ft_err source_of(ft_str *json, ft_cli *cli, ft_str uri) {
    ft_channel_source c = { .uri = uri,
                            .type = ft_params_str(cli->options, "data-type"),
                            .attributes = ft_params_str(cli->options, "attributes"),
                            .shuffle = ft_params_given(cli->options, "shuffle-seed"),
                            .seed = (uint64_t)ft_params_int(cli->options, "shuffle-seed") };
    ft_buf buf = { 0 };
    bool plain = ft_str_is(c.type, "S3Prefix");
    *json = (ft_str){ 0 };
    FT_TRY(ft_input_mode_parse(&c.mode, ft_params_str(cli->options, "input-mode")));
    bool elsewhere = ft_str_starts(uri, FT_STR("s3://"));
    if (!elsewhere && plain && c.mode == FT_INPUT_FILE && !c.shuffle && !is_pattern(uri))
        return FT_OK;
    if (plain) c.type = (ft_str){ 0 }; /* hidden files are passed over, as in a folder */
    if (!elsewhere) FT_TRY(path_whole(&c.uri, cli, uri));
    ft_err err = ft_channel_source_check(&c);
    if (err == FT_OK) err = ft_channel_source_write(&buf, &c);
    if (err == FT_OK) err = ft_arena_str(json, &cli->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

/* What says how tables are read says nothing about pictures: refused, since who gives it means
 * something by it. */
static ft_err pictures_check(const ft_params *given) {
    static const struct {
        const char *option, *instead;
    } tables[] = {
        { "rows", "name a smaller folder or file" },
        { "label", "the label is the class's folder, or the field 'label' or 'cls' of the data" },
        { "header", "pictures have no header" },
        { "format", "the data's format is found by its content" },
        { "missing", "a picture that cannot be read is left out by --set bad_max=N" },
    };
    for (size_t i = 0; i < FT_COUNT(tables); i++)
        if (ft_params_given(given, tables[i].option))
            return FT_FAIL(FT_EINVAL, "--%s is about tables, and image learns from pictures: %s",
                           tables[i].option, tables[i].instead);
    if (ft_str_is(ft_params_str(given, "input-mode"), "pipe"))
        return FT_FAIL(FT_EINVAL, "--input-mode pipe is for records that are read in order (csv, "
                                  "libsvm, recordio-protobuf …); image reads its pictures in any "
                                  "order: file or fastfile");
    return FT_OK;
}

static ft_err channel_of(ft_job_channel *out, ft_cli *cli, const char *name) {
    ft_str header = ft_params_str(cli->options, "header"), source;
    FT_TRY(source_of(&source, cli, ft_params_str(cli->options, name)));
    *out = (ft_job_channel){ .name = ft_str_of(name),
                             .path = ft_params_str(cli->options, name),
                             .label = ft_params_str(cli->options, "label"),
                             .format = ft_params_str(cli->options, "format"),
                             .missing = ft_params_str(cli->options, "missing"),
                             .header = ft_str_is(header, "yes")  ? 1
                                       : ft_str_is(header, "no") ? -1
                                                                 : 0,
                             .rows_max = (size_t)ft_params_int(cli->options, "rows"),
                             .source = source };
    return FT_OK;
}

/* "Rule:a=1,b=2" -> rule name and {"a":"1","b":"2"} */
static ft_err watch_read(ft_watch_spec *out, ft_cli *cli, ft_str text) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str pairs = text;
    out->rule =
        ft_str_ends(text, FT_STR(".sql")) ? (pairs.at = NULL, text) : ft_str_cut(&pairs, ':');
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    while (pairs.at) {
        ft_str value = ft_str_cut(&pairs, ','), name = ft_str_cut(&value, '=');
        if (!value.at) {
            ft_buf_fini(&buf);
            return FT_FAIL(FT_EINVAL, "--rule %.*s: expected RULE:NAME=VALUE,…", FT_STR_ARG(text));
        }
        ft_json_out_name_str(&w, ft_str_trim(name));
        ft_json_out_str(&w, value);
    }
    ft_json_out_close(&w);
    ft_err err = ft_arena_str(&out->params_json, &cli->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    out->actions = ft_params_str(cli->options, "action");
    return err;
}

static ft_err watches_read(ft_watch_spec *watches, size_t *count, ft_cli *cli) {
    ft_str text;
    FT_TRY(ft_actions_check(ft_params_str(cli->options, "action")));
    for (*count = 0; ft_params_each(cli->options, "rule", *count, &text); (*count)++) {
        if (*count == RULES_MAX)
            return FT_FAIL(FT_EINVAL, "more than %d rules for one job", RULES_MAX);
        FT_TRY(watch_read(&watches[*count], cli, text));
    }
    return FT_OK;
}

/* Kept without being asked for: what the report needs and rules read. The costly rest (SHAP values,
 * whole trees) only by --save. */
static bool kept_by_default(ft_str name) {
    static const char *const names[] = { "metrics",     "losses", "feature_importance",
                                         "predictions", "labels", "hyperparameters" };
    for (size_t i = 0; i < FT_COUNT(names); i++)
        if (ft_str_is(name, names[i])) return true;
    return false;
}

/* "COLLECTION:N" of --save; FT_ENOTFOUND without a trail when there is none for `name`. */
static ft_err saved(ft_str *interval, ft_cli *cli, ft_str name) {
    ft_str text;
    ft_err err = FT_ENOTFOUND;
    for (size_t i = 0; ft_params_each(cli->options, "save", i, &text); i++) {
        ft_str rest = text;
        if (ft_str_eq(ft_str_cut(&rest, ':'), name)) *interval = rest, err = FT_OK;
    }
    return err;
}

static ft_err save_names_check(ft_cli *cli, const ft_collection *all, size_t count) {
    const char *names[64];
    ft_str text;
    FT_CHECK(count <= FT_COUNT(names));
    for (size_t k = 0; k < count; k++) names[k] = all[k].name.at;
    for (size_t i = 0; ft_params_each(cli->options, "save", i, &text); i++) {
        ft_str interval = text, name = ft_str_cut(&interval, ':');
        size_t k = 0;
        while (k < count && !ft_str_eq(all[k].name, name)) k++;
        const char *near = k < count ? NULL : ft_str_nearest(name, names, count);
        if (k == count)
            return FT_FAIL(FT_EINVAL, "--save: no collection '%.*s'%s%s%s", FT_STR_ARG(name),
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        if (!interval.at)
            return FT_FAIL(FT_EINVAL, "--save %.*s: expected COLLECTION:N", FT_STR_ARG(text));
    }
    return FT_OK;
}

/* XGBoost's collections, or those that a network has. */
static ft_err collections_known(ft_collection **out, size_t *count, ft_cli *cli, bool trees) {
    static const struct {
        const char *name, *more;
    } known[] = { { "metrics", NULL },           { "losses", "^CrossEntropyLoss_output_0" },
                  { "weights", NULL },           { "biases", NULL },
                  { "gradients", NULL },         { "relu_input", NULL },
                  { "relu_output", NULL },       { "all", NULL },
                  { "optimizer", "^optimizer/" } };
    ft_str text;
    int64_t interval = ft_params_int(cli->options, "save-interval");
    if (trees) return ft_collections_xgboost(out, count, &cli->arena, interval);
    *count = 0;
    FT_TRY(ft_arena_items(out, &cli->arena, FT_COUNT(known)));
    for (size_t i = 0; i < FT_COUNT(known); i++) {
        ft_collection *c = &(*out)[(*count)++];
        FT_TRY(ft_arena_printf(&text, &cli->arena, "%s:save_interval=%lld%s%s", known[i].name,
                               (long long)interval, known[i].more ? ",include_regex=" : "",
                               known[i].more ? known[i].more : ""));
        FT_TRY(ft_collection_parse(c, &cli->arena, text));
    }
    return FT_OK;
}

/* "N" or "N:mean,abs_max" of --save. */
static ft_err saved_set(ft_collection *c, ft_cli *cli, ft_str how) {
    ft_str reductions = how, interval = ft_str_cut(&reductions, ':');
    FT_TRY(ft_collection_set(c, &cli->arena, FT_STR("save_interval"), interval));
    if (!reductions.at) return FT_OK;
    return ft_collection_set(c, &cli->arena, FT_STR("reductions"), reductions);
}

/* The last round is always kept: the report is about the model that was made. */
static ft_err collections_read(ft_collection **out, size_t *count, ft_cli *cli, int64_t rounds,
                               bool trees) {
    ft_collection *all;
    ft_str last;
    size_t n;
    FT_TRY(ft_arena_printf(&last, &cli->arena, "%lld", (long long)rounds - 1));
    FT_TRY(collections_known(&all, &n, cli, trees));
    FT_TRY(save_names_check(cli, all, n));
    *out = all;
    *count = 0;
    for (size_t k = 0; k < n; k++) {
        ft_str interval;
        bool asked = saved(&interval, cli, all[k].name) == FT_OK;
        if (!asked && !kept_by_default(all[k].name)) continue;
        all[*count] = all[k];
        if (asked) FT_TRY(saved_set(&all[*count], cli, interval));
        if (rounds > 0 && !ft_str_is(all[k].name, "hyperparameters"))
            FT_TRY(ft_collection_set(&all[*count], &cli->arena, FT_STR("save_steps"), last));
        (*count)++;
    }
    return FT_OK;
}

/* ---- one of several processes that mpirun started: the first one is the job, the others work for
 * it */

static atomic_bool worker_stop;
static void on_worker_stop(int signal) {
    FT_UNUSED(signal);
    atomic_store(&worker_stop, true);
}

/* What the first rank fetches, or reads through a pipe, the others do not have. */
static ft_err ranks_local(const ft_job_channel *channels, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (channels[i].source.len)
            return FT_FAIL(FT_EUNSUPPORTED,
                           "%.*s: several ranks read local files alone, and '%.*s' is none; copy "
                           "the data to one path on every machine and name that",
                           FT_STR_ARG(channels[i].name), FT_STR_ARG(channels[i].path));
    return FT_OK;
}

static ft_err worker_run(ft_cli *cli, const ft_algorithm *algorithm, const ft_params *params,
                         const ft_job_channel *from, size_t count) {
    ft_channel channels[CHANNELS_MAX] = { 0 };
    for (size_t i = 0; i < count; i++)
        channels[i] = (ft_channel){ .name = from[i].name, .path = from[i].path };
    signal(SIGTERM, on_worker_stop);
    signal(SIGINT, on_worker_stop);
    ft_train_args args = { .params = params,
                           .channels = channels,
                           .channel_count = count,
                           .stop = &worker_stop,
                           .threads = ft_cpu_count() };
    FT_UNUSED(cli);
    ft_err err = algorithm->train(&args);
    return err == FT_ECANCELED ? FT_OK : err;
}

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

/* Some rank has no process any more, and the job, which may end of itself, goes on. */
static bool rank_died(const bar *b, int *rank) {
    ft_job job;
    *rank = ft_nn_ranks_lost();
    if (*rank < 0) return false;
    for (int64_t until = ft_clock_monotonic_us() + RANK_WAIT_US; ft_clock_monotonic_us() < until;
         ft_clock_sleep_us(RANK_LOOK_US))
        if (ft_job_get(&job, b->store, &b->cli->arena, b->job) == FT_OK &&
            !ft_pid_alive(job.pid, job.pid_started))
            return false;
    return true;
}

static void interrupt(bar *b) {
    ft_job job;
    ft_str reason;
    int rank;
    b->stopping = true;
    if (b->ranks && ft_job_get(&job, b->store, &b->cli->arena, b->job) == FT_OK) {
        /* Its own end is told by who supervises it, in a moment. */
        if (!ft_job_status_final(job.status) && !ft_pid_alive(job.pid, job.pid_started)) return;
        if (!ft_job_status_final(job.status) && rank_died(b, &rank) &&
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

static ft_err run(ft_cli *cli) {
    const ft_algorithm *algorithm = ft_algorithm_find(cli->args[0]);
    if (!algorithm)
        return FT_FAIL(FT_ENOTFOUND, "no algorithm '%.*s'; `fettle algorithms ls` lists them",
                       FT_STR_ARG(cli->args[0]));
    ft_params *params;
    FT_TRY(params_read(&params, cli, algorithm));
    bool pictures = ft_param_find(algorithm->params, FT_STR("arch")) != NULL;
    if (pictures) FT_TRY(pictures_check(cli->options));
    ft_job_channel channels[CHANNELS_MAX];
    size_t channel_count = 0;
    FT_TRY(channel_of(&channels[channel_count++], cli, "train"));
    if (ft_params_given(cli->options, "validation"))
        FT_TRY(channel_of(&channels[channel_count++], cli, "validation"));
    int rank;
    bool ranks = ft_nn_ranks_told(&rank);
    if (ranks) FT_TRY(ranks_local(channels, channel_count));
    if (ranks && rank > 0) return worker_run(cli, algorithm, params, channels, channel_count);
    ft_watch_spec watches[RULES_MAX] = { 0 };
    ft_job_spec spec = { .name = ft_params_str(cli->options, "job"),
                         .algorithm = cli->args[0],
                         .params = params,
                         .channels = channels,
                         .channel_count = channel_count,
                         .output_uri = ft_params_str(cli->options, "output"),
                         .resume = ft_params_str(cli->options, "resume"),
                         .watches = watches };
    ft_collection *collections = NULL;
    FT_TRY(watches_read(watches, &spec.watch_count, cli));
    bool rounds = ft_param_find(algorithm->params, FT_STR("num_round")) != NULL;
    FT_TRY(collections_read(&collections, &spec.collection_count, cli,
                            rounds ? ft_params_int(params, "num_round") : 0, !pictures));
    spec.collections = collections;
    if (ft_params_given(cli->options, "max-runtime"))
        FT_TRY(ft_duration_parse(&spec.max_runtime_us, ft_params_str(cli->options, "max-runtime")));

    const ft_param *objective = ft_param_find(algorithm->params, FT_STR("objective"));
    if (objective && ft_str_starts(ft_params_str(params, "objective"), FT_STR("rank:")))
        fprintf(stderr, "note: rows are ranked within their query groups, which libsvm files name "
                        "by qid; in a file without them all rows are one group\n");
    ft_store *s;
    ft_str name;
    ft_supervisor *sup = NULL;
    bar b = { .cli = cli,
              .ranks = ranks,
              .terminal = cli->terminal && !cli->json,
              .began_us = ft_clock_monotonic_us() };
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
    return tell_end(cli, s, name);
}

const ft_command ft_command_train = { .name = "train",
                                      .args = "ALGORITHM --train FILE",
                                      .args_min = 1,
                                      .args_max = 1,
                                      .doc = "train a model as a job, watched by rules",
                                      .more = more,
                                      .options = options,
                                      .run = run };
