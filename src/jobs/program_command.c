/* program_command.c -- what a program of the user's is started with: a script and its
 * hyperparameters, a command, or podman for an image; and what its environment says of them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "jobs/image.h"
#include "jobs/program_in.h"

static ft_err arg_add(ft_program_host *h, ft_str text) {
    if (h->argc == FT_PROGRAM_ARGV_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d arguments", FT_PROGRAM_ARGV_MAX);
    FT_TRY(ft_arena_str(&text, &h->run->arena, text));
    h->argv[h->argc++] = text.at;
    return FT_OK;
}

static ft_err texts_add(ft_program_host *h, const char *name) {
    ft_str text;
    ft_json j;
    ft_json_init(&j, ft_params_str(h->run->args->params, name), &h->run->arena,
                 &(ft_json_opts){ .name = name });
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_string(&j, &text));
        FT_TRY(arg_add(h, text));
    }
    return ft_json_end(&j);
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

static ft_err hypers_read(hyper **out, size_t *count, ft_program_host *h) {
    ft_str name, value;
    ft_json j;
    FT_TRY(ft_arena_items(out, &h->run->arena, FT_PROGRAM_ARGV_MAX / 2));
    ft_json_init(&j, ft_params_str(h->run->args->params, "hyperparameters"), &h->run->arena,
                 &(ft_json_opts){ .name = "hyperparameters" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        if (ft_str_starts(name, FT_STR("sagemaker_"))) continue;
        if (*count == FT_PROGRAM_ARGV_MAX / 2 - 10)
            return FT_FAIL(FT_ETOOBIG, "too many hyperparameters");
        hyper *p = &(*out)[(*count)++];
        p->name = name;
        value_decode(&p->text, &p->json, &h->run->arena, value);
    }
    qsort(*out, *count, sizeof **out, by_name);
    return ft_json_end(&j);
}

static ft_err hyper_add(ft_program_host *h, ft_json_out *all, const hyper *p) {
    ft_str text, upper;
    FT_TRY(ft_arena_printf(&text, &h->run->arena, p->name.len == 1 ? "-%.*s" : "--%.*s",
                           FT_STR_ARG(p->name)));
    FT_TRY(arg_add(h, text));
    FT_TRY(arg_add(h, p->text));
    FT_TRY(ft_arena_printf(&upper, &h->run->arena, "SM_HP_%.*s", FT_STR_ARG(p->name)));
    for (size_t i = 6; i < upper.len; i++)
        if (upper.at[i] >= 'a' && upper.at[i] <= 'z') ((char *)upper.at)[i] -= 32;
    FT_TRY(ft_container_env(&h->c, upper, p->text));
    ft_json_out_name_str(all, p->name);
    if (p->json.at)
        ft_json_out_raw(all, p->json);
    else
        ft_json_out_str(all, p->text);
    return FT_OK;
}

static ft_err user_args_tell(ft_program_host *h, size_t first) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = first; i < h->argc; i++) ft_json_out_text(&w, h->argv[i]);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_container_env(&h->c, FT_STR("SM_USER_ARGS"), ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err script_read(ft_program_host *h, ft_str script) {
    ft_buf buf = { 0 };
    ft_json_out all;
    ft_str module = script;
    hyper *list;
    size_t count = 0, first;
    ft_err err;
    FT_TRY(arg_add(h, FT_STR("python3")));
    FT_TRY(arg_add(h, script));
    first = h->argc;
    FT_TRY(hypers_read(&list, &count, h));
    ft_json_out_init(&all, &buf, false);
    ft_json_out_object(&all);
    for (size_t i = 0; i < count; i++) FT_GOTO(err, hyper_add(h, &all, &list[i]));
    ft_json_out_close(&all);
    FT_GOTO(err, buf.err);
    FT_GOTO(err, ft_container_env(&h->c, FT_STR("SM_HPS"), ft_buf_str(&buf)));
    FT_GOTO(err, user_args_tell(h, first));
    if (ft_str_ends(module, FT_STR(".py"))) module.len -= 3;
    err = ft_container_env(&h->c, FT_STR("SM_MODULE_NAME"), module);
done:
    ft_buf_fini(&buf);
    return err;
}

/* The image's own program, or the command in it. */
static ft_err image_read(ft_program_host *h) {
    const char **texts, **entry;
    size_t commands;
    FT_TRY(texts_add(h, "command"));
    commands = h->argc;
    FT_TRY(ft_arena_items(&entry, &h->run->arena, commands + 1));
    for (size_t i = 0; i < commands; i++) entry[i] = h->argv[i];
    FT_TRY(texts_add(h, "arguments"));
    size_t count = h->argc - commands;
    FT_TRY(ft_arena_items(&texts, &h->run->arena, count + 1));
    for (size_t i = 0; i < count; i++) texts[i] = h->argv[commands + i];
    h->argc = 0;
    snprintf(h->container, sizeof h->container, "fettle-%.*s-%d", FT_STR_ARG(h->c.job), h->c.host);
    ft_image_podman ask = { .image = ft_params_str(h->run->args->params, "image"),
                            .name = h->container,
                            .root = h->c.root,
                            .env = (const char *const *)h->c.env,
                            .word = h->run->processing || commands ? NULL : "train",
                            .entrypoint = entry,
                            .arguments = texts };
    return ft_image_podman_argv(h->argv, &h->argc, FT_PROGRAM_ARGV_MAX, &h->run->arena, &ask);
}

ft_err ft_program_command(ft_program_host *h) {
    ft_str script = ft_params_str(h->run->args->params, "script");
    if (h->run->image) return image_read(h);
    if (script.len) return script_read(h, script);
    FT_TRY(texts_add(h, "command"));
    FT_TRY(texts_add(h, "arguments"));
    return h->argc ? FT_OK : FT_FAIL(FT_EINVAL, "the command is empty");
}
