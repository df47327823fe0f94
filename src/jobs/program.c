/* program.c -- see program.h: the processes and how they ended. Their command is
 * program_command.c's, what they leave program_out.c's. */
#include "jobs/program.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/proc.h"
#include "jobs/container.h"
#include "jobs/image.h"
#include "jobs/inputs_in.h"
#include "jobs/job.h"
#include "jobs/program_in.h"

#define LOOK_US       (FT_SECOND_US / 20)
#define FAILURE_CHARS 1024 /* of output/failure */
#define FILE_MAX      65536
#define PROGRAM_BYTES 4096

/* ---- making them */

static ft_err pipes_start(ft_program_host *h) {
    const char *data;
    FT_TRY(ft_path_join(&data, &h->run->arena, h->c.root, "input/data"));
    for (size_t i = 0; i < h->run->args->channel_count; i++) {
        const ft_channel *channel = &h->run->args->channels[i];
        if (ft_job_input_is_pipe(channel))
            FT_TRY(ft_job_input_pipe(channel, &h->run->feeder, data, h->c.host, h->c.hosts));
    }
    return FT_OK;
}

static ft_err host_make(ft_program_host *h, ft_program_run *r, int number) {
    static const char place[] = FT_CONTAINER_PLACE "/code";
    ft_str file;
    h->run = r;
    FT_TRY(ft_container_make(&h->c, &r->arena, r->args, r->processing, number, r->host_count));
    FT_TRY(pipes_start(h));
    FT_TRY(ft_program_command(h));
    FT_TRY(ft_arena_printf(&file, &r->arena, "%s.json", h->c.root));
    h->file = file.at;
    return ft_container_run_write(
        h->file,
        &(ft_container_run){ .root = h->c.root,
                             .bare = r->image,
                             .argv = h->argv,
                             .env = (const char *const *)h->c.env,
                             .cwd = r->image ? NULL : place,
                             .requirements =
                                 r->script ? FT_CONTAINER_PLACE "/code/requirements.txt" : NULL });
}

/* ---- running */

static void say(ft_program_host *h, ft_str line) {
    const ft_train_args *args = h->run->args;
    ft_str whole = line;
    if (!args->line) return;
    if (h->run->host_count > 1) {
        char text[FT_PROGRAM_LINE_KEPT];
        int n = snprintf(text, sizeof text, "[algo-%d] %.*s", h->c.host,
                         FT_STR_ARG(ft_str_slice(line, 0, FT_PROGRAM_LINE_KEPT - 20)));
        whole = ft_str_n(text, (size_t)n);
        args->line(args->ctx, whole);
        return;
    }
    args->line(args->ctx, whole);
}

static void on_line(void *ctx, ft_str line) {
    ft_program_host *h = ctx;
    const ft_train_args *args = h->run->args;
    ft_str kept = ft_str_trim(line);
    if (kept.len)
        snprintf(h->last, sizeof h->last, "%.*s",
                 FT_STR_ARG(ft_str_slice(kept, 0, FT_PROGRAM_LINE_KEPT - 10)));
    say(h, line);
    if (args->progress && kept.len && h->c.host == 1) args->progress(args->ctx, 0, 0, h->last);
}

ft_err ft_program_grace(int64_t *out_us) {
    const char *text = getenv("FETTLE_PROGRAM_GRACE");
    *out_us = FT_PROGRAM_KILL_US;
    if (!text || !*text) return FT_OK;
    ft_err err = ft_duration_parse(out_us, ft_str_of(text));
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "FETTLE_PROGRAM_GRACE");
}

static ft_err host_start(ft_program_host *h) {
    char program[PROGRAM_BYTES];
    const char *argv[] = { program, "run-model", h->file, NULL };
    ft_proc_spec spec = {
        .name = h->argv[0], .argv = argv, .on_line = on_line, .ctx = h, .die_with_parent = true
    };
    FT_TRY(ft_job_program(program, sizeof program));
    FT_TRY(ft_program_grace(&spec.grace_us));
    return ft_proc_start(&h->proc, h->run->sup, &spec);
}

/* All are over; the first that failed has the others stopped. */
static bool over(ft_program_run *r, bool *told) {
    bool all = true, stop = atomic_load(r->args->stop);
    for (int i = 0; i < r->host_count; i++) {
        ft_proc_end end = ft_proc_result(r->hosts[i].proc);
        all = all && end.ended;
        stop = stop || (end.ended && end.exit_code != 0);
    }
    if (stop && !*told && !all) {
        *told = true;
        for (int i = 0; i < r->host_count; i++)
            if (!ft_proc_result(r->hosts[i].proc).ended) ft_proc_stop(r->hosts[i].proc);
    }
    return all;
}

static ft_err hosts_run(ft_program_run *r) {
    bool told = false;
    ft_err err = FT_OK;
    FT_TRY(ft_supervisor_new(&r->sup));
    for (int i = 0; i < r->host_count && err == FT_OK; i++) err = host_start(&r->hosts[i]);
    while (err == FT_OK && !over(r, &told)) {
        err = ft_supervisor_poll(r->sup, LOOK_US);
        if (err == FT_OK) err = ft_feeder_poll(r->feeder); /* it must not wait for a writer */
        if (err == FT_OK) ft_program_sync_look(&r->sync);
    }
    return err;
}

/* ---- how it ended */

ft_str ft_program_shortened(ft_str text, size_t characters) {
    size_t n = 0, i = 0;
    while (i < text.len && n < characters) {
        i++, n++;
        while (i < text.len && ((unsigned char)text.at[i] & 0xC0) == 0x80) i++;
    }
    return ft_str_slice(text, 0, i);
}

static ft_err failure_text(ft_str *out, ft_program_host *h, const ft_proc_end *end) {
    const char *path;
    FT_TRY(ft_path_join(&path, &h->run->arena, h->c.root, "output/failure"));
    *out = FT_STR("");
    if (ft_file_exists(path)) {
        ft_err err = ft_file_read(out, &h->run->arena, path, FILE_MAX);
        if (err != FT_OK) ft_err_clear(), *out = FT_STR("");
        *out = ft_str_trim(ft_program_shortened(*out, FAILURE_CHARS));
    }
    if (out->len) return FT_OK;
    return ft_arena_printf(out, &h->run->arena, "%s%s",
                           h->run->script ? "ExecuteUserScriptError: " : "",
                           h->last[0] ? h->last : ft_proc_end_text(end));
}

static ft_err ended(ft_program_run *r) {
    ft_str text;
    if (atomic_load(r->args->stop)) return FT_FAIL(FT_ECANCELED, "stopped on request");
    for (int pass = 0; pass < 2;
         pass++) /* one that failed by itself before those that were stopped */
        for (int i = 0; i < r->host_count; i++) {
            ft_program_host *h = &r->hosts[i];
            ft_proc_end end = ft_proc_result(h->proc);
            if (end.exit_code == 0 || (pass == 0 && end.by_request)) continue;
            FT_TRY(failure_text(&text, h, &end));
            if (r->args->exit_code)
                *r->args->exit_code = end.signal ? 128 + end.signal : end.exit_code;
            return FT_FAIL(FT_EPEER, "%.*s", FT_STR_ARG(text));
        }
    return FT_OK;
}

/* What the other hosts left joins the first's; of two files of one name the later host's stays. A
 * processing job's outputs are joined as objects, wherever they lie (program_out.c). */
static ft_err hosts_join(ft_program_run *r) {
    static const char *const folders[] = { "model", "output/data" };
    for (int i = 1; i < r->host_count; i++)
        for (size_t k = 0; k < FT_COUNT(folders); k++) {
            const char *from, *to;
            FT_TRY(ft_path_join(&from, &r->arena, r->hosts[i].c.root, folders[k]));
            FT_TRY(ft_path_join(&to, &r->arena, r->hosts[0].c.root, folders[k]));
            if (ft_file_exists(from)) FT_TRY(ft_container_copy(&r->arena, from, to));
        }
    return FT_OK;
}

/* ml/model becomes the job's model. */
static ft_err model_take(ft_program_run *r) {
    const char *path;
    FT_TRY(ft_path_join(&path, &r->arena, r->hosts[0].c.root, "model"));
    FT_TRY(ft_dir_make(path)); /* a program may remove it */
    FT_TRY(ft_dir_remove(r->args->out_dir));
    return ft_file_rename(path, r->args->out_dir);
}

static ft_err run_in(ft_program_run *r) {
    const ft_params *params = r->args->params;
    r->script = ft_params_str(params, "script").len > 0;
    r->image = ft_params_str(params, "image").len > 0;
    r->host_count = (int)ft_params_int(params, "hosts");
    FT_TRY(ft_arena_items(&r->hosts, &r->arena, (size_t)r->host_count));
    for (int i = 0; i < r->host_count; i++) FT_TRY(host_make(&r->hosts[i], r, i + 1));
    FT_TRY(ft_program_sync_begin(&r->sync, r->args, &r->arena, r->hosts[0].c.root));
    FT_TRY(hosts_run(r));
    FT_TRY(ft_feeder_check(r->feeder));
    FT_TRY(ft_program_sync_end(&r->sync));
    FT_TRY(hosts_join(r));
    FT_TRY(model_take(r));
    return ended(r);
}

static ft_err train_as(const ft_train_args *args, bool processing) {
    ft_program_run *r = calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory to run a program");
    r->args = args;
    r->processing = processing;
    ft_err err = run_in(r);
    ft_supervisor_free(r->sup);
    ft_feeder_free(r->feeder);
    for (int i = 0; r->hosts && i < r->host_count; i++)
        if (r->hosts[i].container[0]) ft_image_podman_remove(r->hosts[i].container);
    ft_program_sync_fini(&r->sync);
    ft_arena_fini(&r->arena);
    free(r);
    return err;
}

static ft_err train(const ft_train_args *args) { return train_as(args, false); }
static ft_err process(const ft_train_args *args) { return train_as(args, true); }

/* ---- rows */

static const ft_param params[] = {
    { .name = "script",
      .type = FT_PARAM_STRING,
      .default_text = "",
      .doc = "a Python file of the source archive, run with the hyperparameters as arguments" },
    { .name = "command",
      .type = FT_PARAM_STRING,
      .default_text = "[]",
      .doc = "what is run when there is no script: a JSON array of texts" },
    { .name = "arguments",
      .type = FT_PARAM_STRING,
      .default_text = "[]",
      .doc = "more of the command: a JSON array of texts" },
    { .name = "image",
      .type = FT_PARAM_STRING,
      .default_text = "",
      .doc = "run by podman; the command replaces its entry point" },
    { .name = "hosts",
      .type = FT_PARAM_INT,
      .default_text = "1",
      .min = 1,
      .max = FT_CONTAINER_HOSTS_MAX,
      .doc = "processes that share the work, algo-1, algo-2, …" },
    { .name = "checkpoint_uri",
      .type = FT_PARAM_STRING,
      .default_text = "",
      .doc = "s3://… prefix of the checkpoints" },
    { .name = "checkpoint_path",
      .type = FT_PARAM_STRING,
      .default_text = "/opt/ml/checkpoints",
      .doc = "their folder, below /opt/ml" },
    { .name = "tensor_path",
      .type = FT_PARAM_STRING,
      .default_text = "/opt/ml/output/tensors",
      .doc = "where its debugger's hook writes, below /opt/ml" },
    { .name = "hyperparameters",
      .type = FT_PARAM_STRING,
      .default_text = "{}",
      .doc = "a JSON object of texts" },
    { .name = "environment",
      .type = FT_PARAM_STRING,
      .default_text = "{}",
      .doc = "variables, a JSON object of texts" },
    { .name = "config",
      .type = FT_PARAM_STRING,
      .default_text = "{}",
      .doc = "a JSON object whose members become files of input/config" },
    { .name = "places",
      .type = FT_PARAM_STRING,
      .default_text = "{}",
      .doc = "a JSON object: channel to path below /opt/ml" },
    { .name = "outputs",
      .type = FT_PARAM_STRING,
      .default_text = "[]",
      .doc = "a JSON array of {\"path\", \"uri\"}: folders that become objects" },
    { 0 }
};

static ft_err validate(const ft_params *p) {
    ft_str raw;
    if (ft_params_str(p, "script").len || ft_params_str(p, "image").len) return FT_OK;
    if (ft_json_find(&raw, ft_params_str(p, "command"), "0") == FT_OK) return FT_OK;
    return FT_FAIL(FT_EINVAL, "a script, a command or an image is needed");
}

const ft_algorithm ft_algorithm_program = {
    .name = "program",
    .doc = "a program of yours, run as SageMaker's training containers run it",
    .params = params,
    .predictor = "program",
    .required_channels = "",
    .runs_program = true,
    .validate = validate,
    .train = train,
};

const ft_algorithm ft_algorithm_processing = {
    .name = "processing",
    .doc = "a program of yours, run as SageMaker's processing containers run it",
    .params = params,
    .predictor = "program",
    .required_channels = "",
    .runs_program = true,
    .validate = validate,
    .train = process,
};
