/* container.c -- see container.h. */
#include "jobs/container.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "base/pool.h"
#include "data/tar.h"
#include "jobs/inputs_in.h"

#define ENV_MAX    1000
#define DEPTH_MAX  16
#define COPY_BYTES 262144

/* ---- paths */

ft_err ft_container_root(const char **out, ft_arena *arena, const char *model_dir, int host) {
    ft_str whole = ft_str_of(model_dir), base = ft_path_base(whole), path;
    ft_str folder = ft_str_slice(whole, 0, whole.len - base.len);
    if (host == 1)
        FT_TRY(ft_arena_printf(&path, arena, "%.*sml", FT_STR_ARG(folder)));
    else
        FT_TRY(ft_arena_printf(&path, arena, "%.*sml-%d", FT_STR_ARG(folder), host));
    *out = path.at;
    return FT_OK;
}

static bool climbs(ft_str path) {
    while (path.len) {
        ft_str part = ft_str_cut(&path, '/');
        if (ft_str_is(part, "..")) return true;
        if (!path.at) break;
    }
    return false;
}

ft_err ft_container_path(const char **out, ft_arena *arena, const char *root, ft_str given) {
    ft_str place = FT_STR(FT_CONTAINER_PLACE), path;
    bool below = ft_str_starts(given, place) && given.len > place.len + 1 &&
                 given.at[place.len] == '/' && !climbs(given);
    if (!below)
        return FT_FAIL(FT_EINVAL, "'%.*s' is no path below " FT_CONTAINER_PLACE, FT_STR_ARG(given));
    FT_TRY(
        ft_arena_printf(&path, arena, "%s%.*s", root, FT_STR_ARG(ft_str_from(given, place.len))));
    *out = path.at;
    return FT_OK;
}

ft_err ft_container_seen(ft_str *out, const ft_container *c, ft_str given) {
    ft_str place = FT_STR(FT_CONTAINER_PLACE);
    bool below =
        ft_str_starts(given, place) && (given.len == place.len || given.at[place.len] == '/');
    if (!below) return ft_arena_str(out, c->arena, given);
    return ft_arena_printf(out, c->arena, "%s%.*s", c->seen,
                           FT_STR_ARG(ft_str_from(given, place.len)));
}

static ft_err folder(const ft_container *c, const char *name) {
    const char *path;
    FT_TRY(ft_path_join(&path, c->arena, c->root, name));
    return ft_dir_make(path);
}

/* ---- inputs */

static ft_err file_copy(const char *from, const char *to) {
    static _Thread_local char bytes[COPY_BYTES];
    int in = -1, out = -1;
    size_t got;
    ft_err err;
    FT_GOTO(err, ft_fd_open(&in, from, O_RDONLY, 0));
    FT_GOTO(err, ft_fd_open(&out, to, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    for (;;) {
        FT_GOTO(err, ft_fd_read(&got, in, bytes, sizeof bytes, from));
        if (!got) break;
        FT_GOTO(err, ft_fd_write(out, bytes, got, to));
    }
done:
    ft_fd_close(&in);
    ft_fd_close(&out);
    return err;
}

static ft_err tree_copy(ft_arena *arena, const char *from, const char *to, int depth) {
    ft_file_info info;
    ft_str *names;
    size_t count;
    FT_TRY(ft_file_stat(&info, from));
    if (!info.is_dir) return file_copy(from, to);
    if (depth == DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "%s: folders more than %d deep", from, DEPTH_MAX);
    FT_TRY(ft_dir_make(to));
    FT_TRY(ft_dir_list(&names, &count, arena, from));
    for (size_t i = 0; i < count; i++) {
        const char *in, *out;
        FT_TRY(ft_path_join(&in, arena, from, names[i].at));
        FT_TRY(ft_path_join(&out, arena, to, names[i].at));
        FT_TRY(tree_copy(arena, in, out, depth + 1));
    }
    return FT_OK;
}

ft_err ft_container_copy(ft_arena *arena, const char *from, const char *to) {
    return tree_copy(arena, from, to, 0);
}

/* One file comes under its own name into the channel's folder. */
static ft_err channel_copy(ft_container *c, const ft_channel *channel, const char *to) {
    ft_file_info info;
    const char *path = to;
    FT_TRY(ft_dir_make(to));
    FT_TRY(ft_file_stat(&info, channel->path.at));
    if (!info.is_dir) FT_TRY(ft_path_join(&path, c->arena, to, ft_path_base(channel->path).at));
    return tree_copy(c->arena, channel->path.at, path, 0);
}

/* Where `places` says, else input/data/<channel>. */
static ft_err channel_place(const char **out, ft_container *c, ft_str channel) {
    ft_str name, value, place;
    ft_json j;
    ft_json_init(&j, ft_params_str(c->args->params, "places"), c->arena,
                 &(ft_json_opts){ .name = "places" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        if (ft_str_eq(name, channel)) return ft_container_path(out, c->arena, c->root, value);
    }
    FT_TRY(ft_json_end(&j));
    FT_TRY(ft_arena_printf(&place, c->arena, FT_CONTAINER_PLACE "/input/data/%.*s",
                           FT_STR_ARG(channel)));
    return ft_container_path(out, c->arena, c->root, place);
}

static bool is_source(const ft_channel *channel) {
    return ft_str_is(channel->name, FT_CONTAINER_SOURCE);
}

static ft_err channels_fill(ft_container *c) {
    const char *to;
    bool image = ft_params_str(c->args->params, "image").len > 0;
    for (size_t i = 0; i < c->args->channel_count; i++) {
        const ft_channel *channel = &c->args->channels[i];
        if (is_source(channel)) {
            FT_TRY(ft_path_join(&to, c->arena, c->root, "code"));
            FT_TRY(ft_tar_unpack(channel->path.at, to, NULL));
            continue;
        }
        if (ft_job_input_is_pipe(channel)) continue; /* who starts the program starts its writer */
        FT_TRY(channel_place(&to, c, channel->name));
        FT_TRY(channel->source ? ft_job_input_place(channel, to, c->host, c->hosts, image)
                               : channel_copy(c, channel, to));
    }
    return FT_OK;
}

/* ---- input/config */

static ft_err config_write(ft_container *c, ft_str name, ft_str json) {
    ft_str path;
    /* Processing jobs look in config, training jobs in input/config. */
    static const char *const folders[] = { "input/config", "config" };
    for (size_t i = 0; i < FT_COUNT(folders); i++) {
        FT_TRY(ft_arena_printf(&path, c->arena, "%s/%s/%.*s.json", c->root, folders[i],
                               FT_STR_ARG(name)));
        FT_TRY(ft_file_write_atomic(path.at, json, false));
    }
    return FT_OK;
}

/* ["algo-1","algo-2"] */
static void hosts_write(ft_json_out *w, const ft_container *c) {
    char name[32];
    ft_json_out_array(w);
    for (int i = 1; i <= c->hosts; i++) {
        snprintf(name, sizeof name, "algo-%d", i);
        ft_json_out_text(w, name);
    }
    ft_json_out_close(w);
}

static void group_write(ft_json_out *w, const ft_container *c) {
    ft_json_out_name(w, "instance_groups");
    ft_json_out_array(w);
    ft_json_out_object(w);
    ft_json_out_name(w, "instance_group_name"), ft_json_out_text(w, "homogeneousCluster");
    ft_json_out_name(w, "instance_type"), ft_json_out_text(w, "local");
    ft_json_out_name(w, "hosts"), hosts_write(w, c);
    ft_json_out_close(w);
    ft_json_out_close(w);
}

/* resourceconfig.json, and SM_HOSTS. */
static ft_err resources(ft_str *config, ft_str *hosts, const ft_container *c) {
    ft_buf buf = { 0 };
    ft_json_out w;
    char name[32];
    snprintf(name, sizeof name, "algo-%d", c->host);
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "current_host"), ft_json_out_text(&w, name);
    ft_json_out_name(&w, "current_instance_type"), ft_json_out_text(&w, "local");
    ft_json_out_name(&w, "current_group_name"), ft_json_out_text(&w, "homogeneousCluster");
    ft_json_out_name(&w, "hosts"), hosts_write(&w, c);
    group_write(&w, c);
    ft_json_out_name(&w, "network_interface_name"), ft_json_out_text(&w, "lo");
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_arena_str(config, c->arena, ft_buf_str(&buf));
    ft_buf_reset(&buf);
    ft_json_out_init(&w, &buf, false);
    hosts_write(&w, c);
    if (err == FT_OK) err = buf.err;
    if (err == FT_OK) err = ft_arena_str(hosts, c->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

/* Where the other hosts are: here. Shown at /etc/hosts where the tree is shown at /opt/ml. */
static ft_err names_write(ft_container *c) {
    ft_buf buf = { 0 };
    const char *path;
    ft_err err = ft_path_join(&path, c->arena, c->root, FT_CONTAINER_NAMES);
    ft_buf_printf(&buf, "127.0.0.1 localhost\n::1 localhost\n");
    for (int i = 1; i <= c->hosts; i++) ft_buf_printf(&buf, "127.0.0.1 algo-%d\n", i);
    if (err == FT_OK) err = buf.err;
    if (err == FT_OK) err = ft_file_write_atomic(path, ft_buf_str(&buf), false);
    ft_buf_fini(&buf);
    return err;
}

static ft_err config_fill(ft_container *c, ft_str resource_config) {
    ft_str name, raw;
    ft_json j;
    FT_TRY(config_write(c, FT_STR("hyperparameters"),
                        ft_params_str(c->args->params, "hyperparameters")));
    FT_TRY(config_write(c, FT_STR("resourceconfig"), resource_config));
    FT_TRY(config_write(c, FT_STR("inputdataconfig"), FT_STR("{}")));
    ft_json_init(&j, ft_params_str(c->args->params, "config"), c->arena,
                 &(ft_json_opts){ .name = "config" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_skip(&j, &raw));
        if (ft_str_find(name, '/') < name.len)
            return FT_FAIL(FT_EINVAL, "config: '%.*s' is no file name", FT_STR_ARG(name));
        FT_TRY(config_write(c, name, raw));
    }
    return ft_json_end(&j);
}

/* ---- the environment of the framework containers */

ft_err ft_container_env(ft_container *c, ft_str name, ft_str value) {
    ft_str whole;
    if (c->env_count == ENV_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d variables", ENV_MAX);
    if (!name.len || ft_str_find(name, '=') < name.len)
        return FT_FAIL(FT_EINVAL, "'%.*s' is no variable's name", FT_STR_ARG(name));
    FT_TRY(ft_arena_printf(&whole, c->arena, "%.*s=%.*s", FT_STR_ARG(name), FT_STR_ARG(value)));
    c->env[c->env_count++] = (char *)whole.at;
    return FT_OK;
}

static ft_err env_upper(ft_container *c, const char *head, ft_str name, ft_str value) {
    ft_str whole;
    FT_TRY(ft_arena_printf(&whole, c->arena, "%s%.*s", head, FT_STR_ARG(name)));
    char *at = (char *)whole.at;
    for (size_t i = 0; i < whole.len; i++) at[i] = (char)toupper((unsigned char)at[i]);
    return ft_container_env(c, whole, value);
}

static const struct {
    const char *name, *path;
} env_paths[] = {
    { "SM_MODEL_DIR", "model" },
    { "SM_INPUT_DIR", "input" },
    { "SM_INPUT_CONFIG_DIR", "input/config" },
    { "SM_OUTPUT_DIR", "output" },
    { "SM_OUTPUT_DATA_DIR", "output/data" },
    { "SM_INTERMEDIATE_OUTPUT_DIR", "output/intermediate" },
};

static const struct {
    const char *name, *value;
} env_fixed[] = {
    { "SM_NUM_GPUS", "0" },
    { "SM_LOG_LEVEL", "20" },
    { "SM_NETWORK_INTERFACE_NAME", "lo" },
    { "SM_FRAMEWORK_PARAMS", "{}" },
    { "PYTHONUNBUFFERED", "1" },
    { "PYTHONDONTWRITEBYTECODE", "1" },
};

static ft_err env_channels(ft_container *c) {
    ft_buf names = { 0 };
    ft_json_out w;
    ft_str path;
    ft_err err;
    ft_json_out_init(&w, &names, false);
    ft_json_out_array(&w);
    for (size_t i = 0; i < c->args->channel_count; i++) {
        const ft_channel *channel = &c->args->channels[i];
        if (is_source(channel)) continue;
        ft_json_out_str(&w, channel->name);
        FT_GOTO(err, ft_arena_printf(&path, c->arena, "%s/input/data/%.*s", c->seen,
                                     FT_STR_ARG(channel->name)));
        FT_GOTO(err, env_upper(c, "SM_CHANNEL_", channel->name, path));
    }
    ft_json_out_close(&w);
    FT_GOTO(err, names.err);
    err = ft_container_env(c, FT_STR("SM_CHANNELS"), ft_buf_str(&names));
done:
    ft_buf_fini(&names);
    return err;
}

static ft_err env_given(ft_container *c) {
    ft_str name, value;
    ft_json j;
    ft_json_init(&j, ft_params_str(c->args->params, "environment"), c->arena,
                 &(ft_json_opts){ .name = "environment" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        FT_TRY(ft_container_env(c, name, value));
    }
    return ft_json_end(&j);
}

static ft_err env_input_config(ft_container *c) {
    ft_str raw;
    ft_err err = ft_json_find(&raw, ft_params_str(c->args->params, "config"), "inputdataconfig");
    if (err == FT_ENOTFOUND) raw = FT_STR("{}"), err = FT_OK;
    FT_TRY(err);
    return ft_container_env(c, FT_STR("SM_INPUT_DATA_CONFIG"), raw);
}

/* What the request names comes last and wins. */
static ft_err env_fill(ft_container *c, bool processing, ft_str resource_config, ft_str hosts) {
    char text[32];
    ft_str path;
    for (size_t i = 0; i < FT_COUNT(env_fixed); i++)
        FT_TRY(ft_container_env(c, ft_str_of(env_fixed[i].name), ft_str_of(env_fixed[i].value)));
    for (size_t i = 0; i < FT_COUNT(env_paths) && !processing; i++) {
        FT_TRY(ft_arena_printf(&path, c->arena, "%s/%s", c->seen, env_paths[i].path));
        FT_TRY(ft_container_env(c, ft_str_of(env_paths[i].name), path));
    }
    snprintf(text, sizeof text, "algo-%d", c->host);
    FT_TRY(ft_container_env(c, FT_STR("SM_CURRENT_HOST"), ft_str_of(text)));
    FT_TRY(ft_container_env(c, FT_STR("SM_HOSTS"), hosts));
    FT_TRY(ft_container_env(c, FT_STR("SM_RESOURCE_CONFIG"), resource_config));
    snprintf(text, sizeof text, "%d", ft_cpu_count());
    FT_TRY(ft_container_env(c, FT_STR("SM_NUM_CPUS"), ft_str_of(text)));
    FT_TRY(ft_container_env(
        c, processing ? FT_STR("PROCESSING_JOB_NAME") : FT_STR("TRAINING_JOB_NAME"), c->job));
    if (!processing) FT_TRY(env_channels(c));
    FT_TRY(env_input_config(c));
    return env_given(c);
}

/* ---- */

static ft_err outputs_make(const ft_container *c) {
    ft_str item, raw, place;
    const char *path;
    ft_json j, text;
    ft_json_init(&j, ft_params_str(c->args->params, "outputs"), c->arena,
                 &(ft_json_opts){ .name = "outputs" });
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_skip(&j, &item));
        FT_TRY(ft_json_find(&raw, item, "path"));
        ft_json_init(&text, raw, c->arena, &(ft_json_opts){ .name = "outputs" });
        FT_TRY(ft_json_string(&text, &place));
        FT_TRY(ft_container_path(&path, c->arena, c->root, place));
        FT_TRY(ft_dir_make(path));
    }
    return ft_json_end(&j);
}

/* Programs open files there without making the folders. */
static ft_err folders_make(ft_container *c) {
    static const char *const folders[] = {
        "input/config", "input/data",          "config",        "code",
        "model",        "checkpoints",         "output/data",   "output/metrics/cloudwatch",
        "processing",   "output/intermediate", "output/tensors"
    };
    static const char *const params[] = { "checkpoint_path", "tensor_path" };
    const char *path;
    for (size_t i = 0; i < FT_COUNT(folders); i++) FT_TRY(folder(c, folders[i]));
    for (size_t i = 0; i < FT_COUNT(params); i++) {
        FT_TRY(
            ft_container_path(&path, c->arena, c->root, ft_params_str(c->args->params, params[i])));
        FT_TRY(ft_dir_make(path));
    }
    return outputs_make(c);
}

ft_err ft_container_make(ft_container *c, ft_arena *arena, const ft_train_args *args,
                         bool processing, int host, int hosts) {
    ft_str path, config, names;
    *c = (ft_container){
        .arena = arena, .args = args, .host = host, .hosts = hosts, .seen = FT_CONTAINER_PLACE
    };
    FT_TRY(ft_container_root(&c->root, arena, args->out_dir, host));
    ft_str base = ft_path_base(ft_str_of(c->root));
    FT_TRY(ft_arena_str(&path, arena,
                        ft_str_slice(ft_str_of(c->root), 0, strlen(c->root) - base.len - 1)));
    c->job = ft_path_base(path);
    FT_TRY(ft_arena_items(&c->env, arena, ENV_MAX + 1));
    FT_TRY(ft_dir_remove(c->root));
    FT_TRY(folders_make(c));
    FT_TRY(resources(&config, &names, c));
    FT_TRY(config_fill(c, config));
    if (hosts > 1) FT_TRY(names_write(c));
    FT_TRY(channels_fill(c));
    return env_fill(c, processing, config, names);
}
