/* main.c -- what runs inside a job's process: from the row to a trained and stored model, and
 * inside its rule host's. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/pool.h"
#include "debug/hook.h"
#include "jobs/config_in.h"
#include "jobs/inputs_in.h"
#include "jobs/job.h"
#include "jobs/log.h"
#include "jobs/model_in.h"
#include "jobs/program.h"
#include "jobs/tables_in.h"
#include "store/lineage.h"

#define INPUTS      "inputs"           /* folder of the job's: channels that were brought here */
#define PROGRESS_US (FT_SECOND_US / 5) /* how often the row learns of steps */
#define TEXT_BYTES  160
#define LOG_SYNC_US (5 * FT_SECOND_US)

static atomic_bool stop_asked; /* by SIGTERM; one job a process */

static void on_term(int number) {
    FT_UNUSED(number);
    atomic_store(&stop_asked, true);
}

typedef struct work {
    ft_store *store;
    ft_db *db;
    ft_job job;
    ft_job_config config;
    ft_channel *channels;
    ft_feeder *feeder; /* of pipes; NULL: none */
    bool *read;        /* per channel: the algorithm told what it read */
    ft_gate *gate;     /* NULL: no rules */
    ft_hook *hook;
    ft_stream_writer *log; /* NULL: its lines are lost */
    const char *model_dir, *checkpoint_dir;
    int64_t told_us;
    int64_t done, total;
    int exit_code; /* of the user's program that failed */
    char text[TEXT_BYTES];
    ft_arena arena;
} work;

/* ---- what the algorithm calls back */

static ft_err gate_wait(void *ctx, int64_t step) {
    work *w = ctx;
    return ft_gate_wait(w->gate, step, 0);
}

static void gate_recorded(void *ctx, int64_t step) {
    work *w = ctx;
    ft_gate_recorded(w->gate, step);
}

static void on_recorded(void *ctx, int64_t step) {
    work *w = ctx;
    if (w->gate) ft_gate_recorded(w->gate, step);
}

static void progress_store(work *w) {
    w->told_us = ft_clock_monotonic_us();
    ft_err err = ft_db_run(w->db,
                           "update job set step = ?, steps_total = ?, text = ?, modified_us = ?"
                           " where name = ?",
                           "iitis", w->done, w->total, w->text, ft_clock_now_us(), w->job.name);
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", err, "progress was not stored");
    if (w->total)
        ft_log(FT_LOG_INFO, "jobs", "step %lld of %lld: %s", (long long)w->done,
               (long long)w->total, w->text);
}

/* A log that cannot be written is no reason to lose the training. */
static void say(work *w, ft_str line) {
    ft_err err = ft_job_log_line(w->log, line);
    if (err == FT_OK) return;
    ft_log_err(FT_LOG_WARN, "jobs", err, "the job's log ends here");
    ft_err end = ft_stream_close(w->log);
    if (end != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", end, "closing the job's log");
    w->log = NULL;
}

static void on_line(void *ctx, ft_str line) { say(ctx, line); }

static void log_open(work *w) {
    ft_str key;
    ft_err err = ft_subject(&key, &w->arena, FT_SUBJECT_JOB, w->job.name);
    if (err == FT_OK)
        err = ft_stream_write(&w->log, w->store, &ft_kind_log, key,
                              &(ft_stream_opts){ .sync_us = LOG_SYNC_US });
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", err, "the job has no log");
    ft_err_clear();
}

static void on_progress(void *ctx, int64_t done, int64_t total, const char *text) {
    work *w = ctx;
    w->done = done;
    w->total = total;
    if (text) snprintf(w->text, sizeof w->text, "%s", text);
    if (ft_clock_monotonic_us() - w->told_us >= PROGRESS_US) progress_store(w);
}

static ft_err input_note(work *w, ft_str channel, ft_str path, const char *sha256,
                         uint64_t size_bytes) {
    ft_str node, note, job;
    FT_TRY(ft_lineage_id(&node, &w->arena, FT_LINEAGE_INPUT, ft_str_of(sha256)));
    FT_TRY(ft_arena_printf(&note, &w->arena, "%.*s: %.*s, %llu bytes", FT_STR_ARG(channel),
                           FT_STR_ARG(path), (unsigned long long)size_bytes));
    FT_TRY(ft_lineage_id(&job, &w->arena, FT_LINEAGE_JOB, w->job.name));
    FT_TRY(ft_lineage_node(w->store, node, note));
    return ft_lineage_edge(w->store, job, node);
}

static ft_err table_say(work *w, const ft_table *table, ft_str channel) {
    ft_str line;
    FT_TRY(ft_arena_printf(&line, &w->arena, "INFO:root:%.*s matrix has %zu rows and %zu columns",
                           FT_STR_ARG(channel), table->rows, table->cols));
    say(w, line);
    return FT_OK;
}

static ft_err table_note(work *w, const ft_table *table, ft_str channel) {
    ft_str notes = table->notes;
    for (size_t i = 0; i < table->file_count; i++)
        FT_TRY(input_note(w, channel, table->files[i].path, table->files[i].sha256,
                          table->files[i].size_bytes));
    while (notes.at && notes.len) {
        ft_str line = ft_str_cut(&notes, '\n');
        if (line.len)
            ft_log(FT_LOG_WARN, "data", "%.*s: %.*s", FT_STR_ARG(channel), FT_STR_ARG(line));
    }
    return FT_OK;
}

static void on_input(void *ctx, const ft_table *table, ft_str channel) {
    work *w = ctx;
    for (size_t i = 0; i < w->config.channel_count; i++)
        if (ft_str_eq(w->config.channels[i].name, channel) && table->file_count) {
            ft_err err = table_say(w, table, channel);
            if (err == FT_OK) err = table_note(w, table, channel);
            if (err == FT_OK)
                w->read[i] = true;
            else
                ft_log_err(FT_LOG_WARN, "jobs", err, "the input's lineage was not stored");
        }
}

/* Channels that the algorithm did not tell about, file by file. */
static ft_err channel_hash(work *w, const ft_job_channel *c, const char *path, int depth) {
    ft_file_info info;
    char sha256[FT_SHA256_HEX];
    FT_TRY(ft_file_stat(&info, path));
    if (!info.is_dir) {
        FT_TRY(ft_sha256_file(sha256, path));
        return input_note(w, c->name, ft_str_of(path), sha256, info.size_bytes);
    }
    ft_str *names;
    size_t count;
    FT_TRY(ft_dir_list(&names, &count, &w->arena, path));
    for (size_t i = 0; i < count && depth < 8; i++) {
        const char *below;
        if (names[i].at[0] == '.' || names[i].at[0] == '_') continue;
        FT_TRY(ft_path_join(&below, &w->arena, path, names[i].at));
        FT_TRY(channel_hash(w, c, below, depth + 1));
    }
    return FT_OK;
}

/* Objects and manifests as a whole. */
static ft_err source_note(work *w, const ft_channel *channel, ft_str path) {
    ft_job_input_identity id;
    ft_str note;
    FT_TRY(ft_job_input_identify(&id, channel));
    FT_TRY(ft_arena_printf(&note, &w->arena, "%.*s (%zu parts)", FT_STR_ARG(path), id.parts));
    return input_note(w, channel->name, note, id.sha256, id.size_bytes);
}

static ft_err inputs_note(work *w) {
    for (size_t i = 0; i < w->config.channel_count; i++) {
        const ft_job_channel *c = &w->config.channels[i];
        if (w->read[i]) continue;
        FT_TRY(w->channels[i].source ? source_note(w, &w->channels[i], c->path)
                                     : channel_hash(w, c, c->path.at, 0));
    }
    return FT_OK;
}

/* ---- the stages */

/* This process is the job's: nobody else's, and only while the job is wanted. */
static ft_err claim(work *w) {
    uint64_t started;
    FT_TRY(ft_pid_started(&started, getpid()));
    FT_TRY(ft_db_run(w->db,
                     "update job set pid = ?, pid_started = ?, modified_us = ? where name = ?"
                     " and status = 'InProgress' and pid = 0",
                     "iiis", (int64_t)getpid(), (int64_t)started, ft_clock_now_us(), w->job.name));
    if (ft_db_changes(w->db) == 0)
        return FT_FAIL(FT_ECONFLICT, "job %.*s is %s%s", FT_STR_ARG(w->job.name),
                       ft_job_status_name(w->job.status), w->job.pid ? " and has a process" : "");
    return FT_OK;
}

/* A channel by its settings: for an algorithm of ours it is brought here, a program's tree is
 * filled by who makes it. */
static ft_err channel_source(work *w, ft_channel *channel, const ft_job_channel *c) {
    ft_channel_source *source;
    const char *folder;
    FT_TRY(ft_arena_take(&source, &w->arena, sizeof *source));
    FT_TRY(ft_channel_source_read(source, &w->arena, c->source));
    channel->source = source;
    if (w->config.algorithm->runs_program) return FT_OK;
    FT_TRY(ft_job_path(&folder, w->store, &w->arena, w->job.name, INPUTS));
    return ft_job_input_deliver(channel, &w->feeder, &w->arena, folder);
}

static ft_err channel_prepare(work *w, ft_channel *channel, ft_job_channel *c) {
    ft_file_info info;
    FT_TRY(ft_arena_str(&c->path, &w->arena, c->path));
    *channel = (ft_channel){ .name = c->name,
                             .path = c->path,
                             .opts = { .format = c->format,
                                       .label = c->label,
                                       .missing = c->missing,
                                       .header = c->header,
                                       .rows_max = c->rows_max } };
    ft_err err = c->source.len ? channel_source(w, channel, c) : ft_file_stat(&info, c->path.at);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "channel '%.*s'", FT_STR_ARG(c->name));
}

static ft_err prepare(work *w) {
    const char *path;
    FT_TRY(ft_job_enter(w->store, w->job.name, "Downloading", FT_STR("looking at the inputs")));
    FT_TRY(ft_job_config_read(&w->config, &w->arena, w->job.config_json));
    FT_TRY(ft_arena_items(&w->channels, &w->arena, w->config.channel_count + 1));
    FT_TRY(ft_arena_items(&w->read, &w->arena, w->config.channel_count + 1));
    for (size_t i = 0; i < w->config.channel_count; i++)
        FT_TRY(channel_prepare(w, &w->channels[i], &w->config.channels[i]));
    FT_TRY(ft_job_path(&w->model_dir, w->store, &w->arena, w->job.name, "model"));
    FT_TRY(ft_job_path(&w->checkpoint_dir, w->store, &w->arena, w->job.name, "checkpoint"));
    FT_TRY(ft_dir_remove(w->model_dir));
    FT_TRY(ft_dir_make(w->model_dir));
    FT_TRY(ft_dir_make(w->checkpoint_dir));
    FT_TRY(ft_job_path(&path, w->store, &w->arena, w->job.name, FT_GATE_FILE));
    return ft_file_exists(path) ? ft_gate_open(&w->gate, path) : FT_OK;
}

static ft_err hook_make(work *w) {
    ft_hook_opts opts = { .uri = w->job.trial_uri,
                          .collections = w->config.collections,
                          .collection_count = w->config.collection_count,
                          .job = w->job.name,
                          .before_record = w->gate ? gate_wait : NULL,
                          .recorded = w->gate ? gate_recorded : NULL,
                          .ctx = w };
    return ft_hook_new(&w->hook, w->store, &opts);
}

static ft_err training_time(work *w, const char *sql) {
    return ft_db_run(w->db, sql, "is", ft_clock_now_us(), w->job.name);
}

static ft_err train(work *w) {
    ft_train_args args = { .params = w->config.params,
                           .channels = w->channels,
                           .channel_count = w->config.channel_count,
                           .out_dir = w->model_dir,
                           .checkpoint_dir = w->checkpoint_dir,
                           .tap = ft_hook_tap(w->hook),
                           .stop = &stop_asked,
                           .threads = ft_cpu_count(),
                           .progress = on_progress,
                           .input = on_input,
                           .line = on_line,
                           .recorded = on_recorded,
                           .trial_uri = w->job.trial_uri,
                           .exit_code = &w->exit_code,
                           .ctx = w };
    FT_TRY(ft_job_enter(w->store, w->job.name, "Training", FT_STR("the algorithm is running")));
    FT_TRY(training_time(w, "update job set training_us = ? where name = ?"));
    ft_err err = w->config.algorithm->train(&args);
    progress_store(w);
    /* What looked like the data's end, or like damage in it, may have been a writer that failed. */
    if (err != FT_ECANCELED && ft_feeder_check(w->feeder) != FT_OK) err = FT_EPEER;
    FT_TRY(err);
    FT_TRY(ft_hook_finish(w->hook));
    return training_time(w, "update job set training_end_us = ? where name = ?");
}

static ft_err archive(work *w) {
    if (!w->config.archive.len && !w->config.algorithm->runs_program) return FT_OK;
    return ft_model_archive(w->store, &w->arena, &w->job, w->model_dir, w->config.archive);
}

/* Before the job's end is told: who waits for it finds the folder gone. */
static void program_clean(work *w) {
    if (!w->config.algorithm || !w->config.algorithm->runs_program || !w->model_dir) return;
    ft_err err = ft_program_clean(&w->arena, w->model_dir);
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", err, "the program's folder stays");
}

/* A program of the user's may leave other things than a model, or nothing. */
static ft_err program_upload(bool *model, work *w) {
    ft_str *names, uri;
    size_t count;
    FT_TRY(ft_arena_printf(&uri, &w->arena, "%.*s/%.*s", FT_STR_ARG(w->job.output_uri),
                           FT_STR_ARG(w->job.name)));
    FT_TRY(ft_program_upload(w->store, &w->arena, w->model_dir, uri, w->config.params));
    FT_TRY(ft_dir_list(&names, &count, &w->arena, w->model_dir));
    *model = count > 0;
    program_clean(w);
    return FT_OK;
}

static ft_err upload(work *w) {
    ft_model_made made;
    bool model = true;
    FT_TRY(inputs_note(w));
    FT_TRY(ft_job_enter(w->store, w->job.name, "Uploading", FT_STR("storing the model")));
    if (w->config.algorithm->runs_program) FT_TRY(program_upload(&model, w));
    if (!model)
        return ft_job_finish(w->store, w->job.name, &(ft_job_end){ .status = FT_JOB_COMPLETED });
    FT_TRY(ft_model_upload(&made, w->store, &w->arena, &w->job, w->model_dir));
    FT_TRY(archive(w));
    return ft_model_store(w->store, &w->arena, &w->job, &made, w->config.algorithm->predictor);
}

/* A stopped job may leave a model too (save_model_on_termination). It is killed when that takes too
 * long, and what was half uploaded is swept away. */
static ft_err upload_stopped(work *w) {
    ft_model_made made;
    ft_str *names;
    size_t count;
    FT_TRY(ft_dir_list(&names, &count, &w->arena, w->model_dir));
    if (count == 0) return FT_OK;
    FT_TRY(inputs_note(w));
    FT_TRY(ft_model_upload(&made, w->store, &w->arena, &w->job, w->model_dir));
    FT_TRY(archive(w));
    return ft_model_store_stopped(w->store, &w->arena, &w->job, &made,
                                  w->config.algorithm->predictor);
}

/* A stop belongs to who asked for it: the stopper or the supervisor stores it. What failed here is
 * told here, where the sentence is known. */
static ft_err tell_end(work *w, ft_err why) {
    ft_job now;
    ft_str sentence;
    if (why == FT_OK) return FT_OK;
    FT_TRY(ft_arena_printf(&sentence, &w->arena, "ERROR:root:%s", ft_err_why()));
    if (why != FT_ECANCELED) say(w, sentence);
    program_clean(w);
    sentence = ft_str_from(sentence, sizeof "ERROR:root:" - 1);
    if (why == FT_ECANCELED && w->hook && upload_stopped(w) != FT_OK)
        ft_log_err(FT_LOG_WARN, "jobs", FT_ECANCELED, "the stopped job's model was not stored");
    FT_TRY(ft_job_get(&now, w->store, &w->arena, w->job.name));
    if (why == FT_ECANCELED && now.status == FT_JOB_IN_PROGRESS) return FT_OK;
    ft_job_end end = { .status = FT_JOB_FAILED, .reason = sentence, .exit_code = ft_err_exit(why) };
    if (w->exit_code) end.exit_code = w->exit_code;
    if (why == FT_ECANCELED) end.reason = FT_STR("stopped on request");
    return ft_job_finish(w->store, w->job.name, &end);
}

/* Links and FIFOs of what was brought here. */
static void inputs_clean(work *w) {
    const char *folder = NULL;
    if (!w->channels) return; /* the job was never this process's */
    ft_err err = ft_job_path(&folder, w->store, &w->arena, w->job.name, INPUTS);
    if (err == FT_OK) err = ft_dir_remove(folder);
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", err, "the job's inputs stay");
}

static void signals_set(void) {
    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL);
    sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
}

static ft_err stages(work *w) {
    FT_TRY(prepare(w));
    FT_TRY(hook_make(w));
    FT_TRY(train(w));
    return upload(w);
}

ft_err ft_job_main(ft_store *s, ft_str name) {
    work w = { .store = s };
    ft_err err;
    signals_set();
    FT_GOTO(err, ft_jobs_db(&w.db, s));
    FT_GOTO(err, ft_job_get(&w.job, s, &w.arena, name));
    FT_GOTO(err, claim(&w));
    log_open(&w);
    err = stages(&w);
    if (err == FT_ECANCELED)
        ft_log_err(FT_LOG_INFO, "jobs", err, "the job ends early");
    else if (err != FT_OK)
        ft_log_err(FT_LOG_ERROR, "jobs", err, "the job failed");
    ft_err told = tell_end(&w, err);
    if (told != FT_OK) ft_log_err(FT_LOG_ERROR, "jobs", told, "the job's end was not stored");
done:
    if (ft_stream_close(w.log) != FT_OK)
        ft_log_err(FT_LOG_WARN, "jobs", FT_EIO, "closing the job's log");
    ft_feeder_free(w.feeder);
    inputs_clean(&w);
    ft_hook_free(w.hook);
    ft_gate_free(w.gate);
    ft_arena_fini(&w.arena);
    return err;
}
