/* program.c -- see program.h. */
#include "jobs/program.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/proc.h"
#include "jobs/container.h"
#include "jobs/model_in.h"
#include "store/objects.h"

#define ARGV_MAX      1000
#define LOOK_US       (FT_SECOND_US / 20)
#define FAILURE_CHARS 1024 /* of output/failure */
#define LINE_KEPT     400
#define FILE_MAX      65536
#define DEPTH_MAX     16

typedef struct run {
    ft_container c;
    const ft_train_args *args;
    ft_arena arena;
    const char *argv[ARGV_MAX + 1];
    size_t argc;
    bool script;
    char last[LINE_KEPT]; /* the last line it printed */
} run;

/* ---- the command */

static ft_err arg_add(run *r, ft_str text) {
    ft_str seen;
    if (r->argc == ARGV_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d arguments", ARGV_MAX);
    FT_TRY(ft_container_seen(&seen, &r->c, text));
    r->argv[r->argc++] = seen.at;
    return FT_OK;
}

static ft_err command_read(run *r, ft_str json) {
    ft_str text;
    ft_json j;
    ft_json_init(&j, json, &r->arena, &(ft_json_opts){ .name = "command" });
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_string(&j, &text));
        FT_TRY(arg_add(r, text));
    }
    FT_TRY(ft_json_end(&j));
    return r->argc ? FT_OK : FT_FAIL(FT_EINVAL, "the command is empty");
}

/* The SDK's script mode writes each value as JSON: "\"abc\"", "0.1", "true". Python's words come
 * out, as its own toolkit gives them; what is no JSON is taken as it stands. `json` gets the value
 * for SM_HPS. */
static void value_decode(ft_str *text, ft_str *json, ft_arena *arena, ft_str given) {
    ft_json j;
    ft_json_kind kind;
    ft_str raw;
    bool good;
    *text = given;
    *json = (ft_str){ 0 };
    ft_json_init(&j, given, arena, NULL);
    good = ft_json_peek(&j, &kind) == FT_OK;
    good = good && ft_json_skip(&j, &raw) == FT_OK && ft_json_end(&j) == FT_OK;
    ft_err_clear();
    if (!good) return;
    *json = raw;
    if (kind == FT_JSON_STRING) {
        ft_json_init(&j, given, arena, NULL);
        if (ft_json_string(&j, text) != FT_OK) *text = raw;
    } else if (kind == FT_JSON_BOOL)
        *text = ft_str_is(raw, "true") ? FT_STR("True") : FT_STR("False");
    else if (kind == FT_JSON_NULL)
        *text = FT_STR("None");
    else
        *text = raw;
}

typedef struct hyper {
    ft_str name, text, json;
} hyper;

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const hyper *)a)->name, ((const hyper *)b)->name);
}

static ft_err hypers_read(hyper **out, size_t *count, run *r) {
    ft_str name, value;
    ft_json j;
    FT_TRY(ft_arena_items(out, &r->arena, ARGV_MAX / 2));
    ft_json_init(&j, ft_params_str(r->args->params, "hyperparameters"), &r->arena,
                 &(ft_json_opts){ .name = "hyperparameters" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        if (ft_str_starts(name, FT_STR("sagemaker_"))) continue;
        if (*count == ARGV_MAX / 2 - 10) return FT_FAIL(FT_ETOOBIG, "too many hyperparameters");
        hyper *h = &(*out)[(*count)++];
        h->name = name;
        value_decode(&h->text, &h->json, &r->arena, value);
    }
    qsort(*out, *count, sizeof **out, by_name);
    return ft_json_end(&j);
}

static ft_err hyper_add(run *r, ft_json_out *all, const hyper *h) {
    ft_str text, upper;
    FT_TRY(ft_arena_printf(&text, &r->arena, h->name.len == 1 ? "-%.*s" : "--%.*s",
                           FT_STR_ARG(h->name)));
    FT_TRY(arg_add(r, text));
    FT_TRY(arg_add(r, h->text));
    FT_TRY(ft_arena_printf(&upper, &r->arena, "SM_HP_%.*s", FT_STR_ARG(h->name)));
    for (size_t i = 6; i < upper.len; i++)
        if (upper.at[i] >= 'a' && upper.at[i] <= 'z') ((char *)upper.at)[i] -= 32;
    FT_TRY(ft_container_env(&r->c, upper, h->text));
    ft_json_out_name_str(all, h->name);
    if (h->json.at)
        ft_json_out_raw(all, h->json);
    else
        ft_json_out_str(all, h->text);
    return FT_OK;
}

static ft_err user_args_tell(run *r, size_t first) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = first; i < r->argc; i++) ft_json_out_text(&w, r->argv[i]);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_container_env(&r->c, FT_STR("SM_USER_ARGS"), ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err script_read(run *r, ft_str script) {
    ft_buf buf = { 0 };
    ft_json_out all;
    ft_str module = script;
    hyper *list;
    size_t count = 0, first;
    ft_err err;
    r->script = true;
    FT_TRY(arg_add(r, FT_STR("python3")));
    FT_TRY(arg_add(r, script));
    first = r->argc;
    FT_TRY(hypers_read(&list, &count, r));
    ft_json_out_init(&all, &buf, false);
    ft_json_out_object(&all);
    for (size_t i = 0; i < count; i++) FT_GOTO(err, hyper_add(r, &all, &list[i]));
    ft_json_out_close(&all);
    FT_GOTO(err, buf.err);
    FT_GOTO(err, ft_container_env(&r->c, FT_STR("SM_HPS"), ft_buf_str(&buf)));
    FT_GOTO(err, user_args_tell(r, first));
    if (ft_str_ends(module, FT_STR(".py"))) module.len -= 3;
    err = ft_container_env(&r->c, FT_STR("SM_MODULE_NAME"), module);
done:
    ft_buf_fini(&buf);
    return err;
}

/* ---- running */

static void say(run *r, ft_str line) {
    if (r->args->line) r->args->line(r->args->ctx, line);
}

static void on_line(void *ctx, ft_str line) {
    run *r = ctx;
    ft_str kept = ft_str_trim(line);
    if (kept.len) snprintf(r->last, sizeof r->last, "%.*s", FT_STR_ARG(ft_str_slice(kept, 0, 390)));
    say(r, line);
    if (r->args->progress && kept.len) r->args->progress(r->args->ctx, 0, 0, r->last);
}

ft_err ft_program_grace(int64_t *out_us) {
    const char *text = getenv("FETTLE_PROGRAM_GRACE");
    *out_us = FT_PROGRAM_KILL_US;
    if (!text || !*text) return FT_OK;
    ft_err err = ft_duration_parse(out_us, ft_str_of(text));
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "FETTLE_PROGRAM_GRACE");
}

static ft_err program_run(run *r, ft_proc_end *end) {
    ft_supervisor *sup = NULL;
    ft_proc *p = NULL;
    ft_err err;
    ft_str code;
    ft_proc_spec spec = { .name = r->argv[0],
                          .argv = r->argv,
                          .env = (const char *const *)r->c.env,
                          .on_line = on_line,
                          .ctx = r,
                          .die_with_parent = true };
    FT_TRY(ft_container_seen(&code, &r->c, FT_STR(FT_CONTAINER_PLACE "/code")));
    spec.cwd = code.at;
    FT_TRY(ft_program_grace(&spec.grace_us));
    FT_TRY(ft_supervisor_new(&sup));
    FT_GOTO(err, ft_proc_start(&p, sup, &spec));
    for (bool told = false; !ft_proc_result(p).ended;) {
        if (!told && atomic_load(r->args->stop)) ft_proc_stop(p), told = true;
        FT_GOTO(err, ft_supervisor_poll(sup, LOOK_US));
    }
    *end = ft_proc_result(p);
done:
    ft_supervisor_free(sup);
    return err;
}

/* ---- how it ended */

static ft_str shortened(ft_str text, size_t characters) {
    size_t n = 0, i = 0;
    while (i < text.len && n < characters) {
        i++, n++;
        while (i < text.len && ((unsigned char)text.at[i] & 0xC0) == 0x80) i++;
    }
    return ft_str_slice(text, 0, i);
}

static ft_err failure_text(ft_str *out, run *r, const ft_proc_end *end) {
    const char *path;
    FT_TRY(ft_path_join(&path, &r->arena, r->c.root, "output/failure"));
    *out = FT_STR("");
    if (ft_file_exists(path)) {
        ft_err err = ft_file_read(out, &r->arena, path, FILE_MAX);
        if (err != FT_OK) ft_err_clear(), *out = FT_STR("");
        *out = ft_str_trim(shortened(*out, FAILURE_CHARS));
    }
    if (out->len) return FT_OK;
    return ft_arena_printf(out, &r->arena, "%s%s", r->script ? "ExecuteUserScriptError: " : "",
                           r->last[0] ? r->last : ft_proc_end_text(end));
}

static ft_err ended(run *r, const ft_proc_end *end) {
    ft_str text;
    if (atomic_load(r->args->stop)) return FT_FAIL(FT_ECANCELED, "stopped on request");
    if (end->exit_code == 0) return FT_OK;
    FT_TRY(failure_text(&text, r, end));
    if (r->args->exit_code) *r->args->exit_code = end->signal ? 128 + end->signal : end->exit_code;
    return FT_FAIL(FT_EPEER, "%.*s", FT_STR_ARG(text));
}

/* ml/model becomes the job's model. */
static ft_err model_take(run *r) {
    const char *path;
    FT_TRY(ft_path_join(&path, &r->arena, r->c.root, "model"));
    FT_TRY(ft_dir_remove(r->args->out_dir));
    return ft_file_rename(path, r->args->out_dir);
}

static ft_err run_in(run *r, bool processing) {
    ft_proc_end end = { 0 };
    ft_str script = ft_params_str(r->args->params, "script");
    FT_TRY(ft_container_make(&r->c, &r->arena, r->args, processing));
    if (r->c.why_not.len) {
        ft_str line;
        FT_TRY(ft_arena_printf(&line, &r->arena,
                               "fettle: %.*s: " FT_CONTAINER_PLACE
                               " is at %s here (see SM_MODEL_DIR "
                               "and the other variables)",
                               FT_STR_ARG(r->c.why_not), r->c.root));
        say(r, line);
    }
    if (script.len)
        FT_TRY(script_read(r, script));
    else
        FT_TRY(command_read(r, ft_params_str(r->args->params, "command")));
    FT_TRY(program_run(r, &end));
    FT_TRY(model_take(r));
    return ended(r, &end);
}

static ft_err train_as(const ft_train_args *args, bool processing) {
    run *r = calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory to run a program");
    r->args = args;
    ft_err err = run_in(r, processing);
    ft_arena_fini(&r->arena);
    free(r);
    return err;
}

static ft_err train(const ft_train_args *args) { return train_as(args, false); }
static ft_err process(const ft_train_args *args) { return train_as(args, true); }

/* ---- what it left */

typedef struct tree {
    ft_store *store;
    ft_arena *arena;
    ft_uri to;
} tree;

static ft_err tree_upload(const tree *t, const char *dir, const char *relative, int depth) {
    ft_str *names;
    size_t count;
    if (depth == DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "%s: folders more than %d deep", dir, DEPTH_MAX);
    FT_TRY(ft_dir_list(&names, &count, t->arena, dir));
    for (size_t i = 0; i < count; i++) {
        const char *path;
        ft_file_info info;
        ft_str key, bytes;
        FT_TRY(ft_path_join(&path, t->arena, dir, names[i].at));
        FT_TRY(
            ft_arena_printf(&key, t->arena, "%s%s%s", relative, *relative ? "/" : "", names[i].at));
        FT_TRY(ft_file_stat(&info, path));
        if (info.is_dir) {
            FT_TRY(tree_upload(t, path, key.at, depth + 1));
            continue;
        }
        FT_TRY(ft_arena_printf(&key, t->arena, "%.*s%s%s", FT_STR_ARG(t->to.key),
                               t->to.key.len ? "/" : "", ft_str_of(key.at).at));
        FT_TRY(ft_file_map(&bytes, path));
        ft_err err = ft_object_put(NULL, t->store, t->to.bucket, key, bytes, NULL);
        ft_file_unmap(bytes);
        FT_TRY(err);
    }
    return FT_OK;
}

static ft_err output_upload(ft_store *s, ft_arena *arena, const char *root, ft_str place,
                            ft_str uri) {
    tree t = { .store = s, .arena = arena };
    const char *dir;
    FT_TRY(ft_container_path(&dir, arena, root, place));
    while (uri.len && uri.at[uri.len - 1] == '/') uri.len--;
    FT_TRY(ft_uri_parse(&t.to, uri));
    return ft_file_exists(dir) ? tree_upload(&t, dir, "", 0) : FT_OK;
}

static ft_err outputs_upload(ft_store *s, ft_arena *arena, const char *root, ft_str json) {
    ft_str name, place, uri;
    ft_json j;
    ft_json_init(&j, json, arena, &(ft_json_opts){ .name = "outputs" });
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        place = uri = FT_STR("");
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            if (ft_str_is(name, "path"))
                FT_TRY(ft_json_string(&j, &place));
            else if (ft_str_is(name, "uri"))
                FT_TRY(ft_json_string(&j, &uri));
        }
        FT_TRY(j.err);
        FT_TRY(output_upload(s, arena, root, place, uri));
    }
    return ft_json_end(&j);
}

ft_err ft_program_upload(ft_store *s, ft_arena *arena, const char *model_dir, ft_str output_uri,
                         const ft_params *params) {
    const char *root, *data;
    ft_str *names, uri;
    size_t count = 0;
    FT_TRY(ft_container_root(&root, arena, model_dir));
    FT_TRY(outputs_upload(s, arena, root, ft_params_str(params, "outputs")));
    FT_TRY(ft_path_join(&data, arena, root, "output/data"));
    if (ft_file_exists(data)) FT_TRY(ft_dir_list(&names, &count, arena, data));
    if (!count) return FT_OK;
    FT_TRY(ft_arena_printf(&uri, arena, "%.*s/output/output.tar.gz", FT_STR_ARG(output_uri)));
    return ft_folder_archive(s, arena, uri, data, FT_STR(""));
}

ft_err ft_program_clean(ft_arena *arena, const char *model_dir) {
    const char *root;
    FT_TRY(ft_container_root(&root, arena, model_dir));
    return ft_dir_remove(root);
}

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
    if (ft_params_str(p, "script").len) return FT_OK;
    if (ft_json_find(&raw, ft_params_str(p, "command"), "0") == FT_OK) return FT_OK;
    return FT_FAIL(FT_EINVAL, "a script or a command is needed");
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
