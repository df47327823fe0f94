/* train_options.c -- see train_options.h. */
#include "cli/train_options.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/actions.h"
#include "data/channel.h"
#include "nn/learn/ranks.h"

#define RULES_MAX 20 /* as SageMaker's limit for one job */

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

/* ---- hyperparameters */

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

/* ---- channels */

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

/* ---- rules */

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

static ft_err watches_read(ft_watch_spec **out, size_t *count, ft_cli *cli) {
    ft_str text;
    FT_TRY(ft_arena_items(out, &cli->arena, RULES_MAX));
    FT_TRY(ft_actions_check(ft_params_str(cli->options, "action")));
    for (*count = 0; ft_params_each(cli->options, "rule", *count, &text); (*count)++) {
        if (*count == RULES_MAX)
            return FT_FAIL(FT_EINVAL, "more than %d rules for one job", RULES_MAX);
        FT_TRY(watch_read(&(*out)[*count], cli, text));
    }
    return FT_OK;
}

/* ---- collections */

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

/* ---- all of them */

ft_err ft_train_asked_read(ft_train_asked *out, ft_cli *cli) {
    *out = (ft_train_asked){ .algorithm = ft_algorithm_find(cli->args[0]) };
    if (!out->algorithm)
        return FT_FAIL(FT_ENOTFOUND, "no algorithm '%.*s'; `fettle algorithms ls` lists them",
                       FT_STR_ARG(cli->args[0]));
    FT_TRY(params_read(&out->params, cli, out->algorithm));
    out->pictures = ft_param_find(out->algorithm->params, FT_STR("arch")) != NULL;
    if (out->pictures) FT_TRY(pictures_check(cli->options));
    FT_TRY(channel_of(&out->channels[out->channel_count++], cli, "train"));
    if (ft_params_given(cli->options, "validation"))
        FT_TRY(channel_of(&out->channels[out->channel_count++], cli, "validation"));
    out->ranks = ft_nn_ranks_told(&out->rank);
    if (!out->ranks) out->rank = 0;
    return FT_OK;
}

ft_err ft_train_spec(ft_job_spec *out, ft_cli *cli, const ft_train_asked *asked) {
    ft_watch_spec *watches;
    ft_collection *collections = NULL;
    bool rounds = ft_param_find(asked->algorithm->params, FT_STR("num_round")) != NULL;
    *out = (ft_job_spec){ .name = ft_params_str(cli->options, "job"),
                          .algorithm = cli->args[0],
                          .params = asked->params,
                          .channels = asked->channels,
                          .channel_count = asked->channel_count,
                          .output_uri = ft_params_str(cli->options, "output"),
                          .resume = ft_params_str(cli->options, "resume") };
    FT_TRY(watches_read(&watches, &out->watch_count, cli));
    FT_TRY(collections_read(&collections, &out->collection_count, cli,
                            rounds ? ft_params_int(asked->params, "num_round") : 0,
                            !asked->pictures));
    out->watches = watches;
    out->collections = collections;
    if (!ft_params_given(cli->options, "max-runtime")) return FT_OK;
    return ft_duration_parse(&out->max_runtime_us, ft_params_str(cli->options, "max-runtime"));
}
