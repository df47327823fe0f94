/* config.c -- see config_in.h. */
#include "jobs/config_in.h"

#include "base/json.h"

#define CHANNELS_MAX 64
#define PARAMS_MAX   1024

/* ---- writing */

static void str_member(ft_json_out *w, const char *name, ft_str value) {
    if (!value.len) return;
    ft_json_out_name(w, name);
    ft_json_out_str(w, value);
}

/* Given values under "hyperparameters", the rest of the table's under "defaults": a later program
 * with other defaults still knows what this job ran with. */
static void params_write(ft_json_out *w, const ft_params *params, bool given) {
    ft_json_out_name(w, given ? "hyperparameters" : "defaults");
    ft_json_out_object(w);
    for (const ft_param *p = ft_params_table(params); p->name; p++) {
        if (ft_params_given(params, p->name) != given) continue;
        ft_str value = ft_params_str(params, p->name);
        if (!value.at) continue;
        ft_json_out_name(w, p->name);
        ft_json_out_str(w, value);
    }
    ft_json_out_close(w);
}

static void channels_write(ft_json_out *w, const ft_job_spec *spec) {
    ft_json_out_name(w, "channels");
    ft_json_out_array(w);
    for (size_t i = 0; i < spec->channel_count; i++) {
        const ft_job_channel *c = &spec->channels[i];
        ft_json_out_object(w);
        str_member(w, "name", c->name);
        str_member(w, "path", c->path);
        str_member(w, "source", c->source);
        str_member(w, "label", c->label);
        str_member(w, "format", c->format);
        str_member(w, "missing", c->missing);
        ft_json_out_name(w, "header"), ft_json_out_i64(w, c->header);
        ft_json_out_name(w, "rows_max"), ft_json_out_i64(w, (int64_t)c->rows_max);
        ft_json_out_close(w);
    }
    ft_json_out_close(w);
}

ft_err ft_job_config_write(ft_str *json, ft_arena *arena, const ft_job_spec *spec) {
    ft_buf buf = { 0 }, kept = { 0 };
    ft_json_out w;
    ft_err err;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    str_member(&w, "algorithm", spec->algorithm);
    str_member(&w, "program", FT_STR(FETTLE_VERSION));
    str_member(&w, "archive", spec->archive);
    params_write(&w, spec->params, true);
    params_write(&w, spec->params, false);
    channels_write(&w, spec);
    FT_GOTO(err, ft_collections_write(&kept, spec->collections, spec->collection_count, 1));
    ft_json_out_name(&w, "debug_hook");
    ft_json_out_raw(&w, ft_str_trim(ft_buf_str(&kept)));
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    FT_GOTO(err, ft_arena_str(json, arena, ft_buf_str(&buf)));
done:
    ft_buf_fini(&kept);
    ft_buf_fini(&buf);
    return err;
}

/* ---- reading */

static ft_err params_read(ft_params *params, ft_json *j) {
    ft_str name, value;
    FT_TRY(ft_json_enter_object(j));
    for (int i = 0; i < PARAMS_MAX && ft_json_next_member(j, &name); i++) {
        FT_TRY(ft_json_string(j, &value));
        FT_TRY(ft_params_set(params, name, value));
    }
    return j->err;
}

static ft_err channel_read(ft_job_channel *c, ft_json *j) {
    ft_str name;
    int64_t number = 0;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "name"))
            FT_TRY(ft_json_string(j, &c->name));
        else if (ft_str_is(name, "path"))
            FT_TRY(ft_json_string(j, &c->path));
        else if (ft_str_is(name, "source"))
            FT_TRY(ft_json_string(j, &c->source));
        else if (ft_str_is(name, "label"))
            FT_TRY(ft_json_string(j, &c->label));
        else if (ft_str_is(name, "format"))
            FT_TRY(ft_json_string(j, &c->format));
        else if (ft_str_is(name, "missing"))
            FT_TRY(ft_json_string(j, &c->missing));
        else if (ft_str_is(name, "header")) {
            FT_TRY(ft_json_i64(j, &number));
            c->header = (int)number;
        } else if (ft_str_is(name, "rows_max")) {
            FT_TRY(ft_json_i64(j, &number));
            c->rows_max = (size_t)number;
        }
    }
    return j->err;
}

static ft_err channels_read(ft_job_config *out, ft_arena *arena, ft_json *j) {
    FT_TRY(ft_arena_items(&out->channels, arena, CHANNELS_MAX));
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        if (out->channel_count == CHANNELS_MAX)
            return FT_FAIL(FT_ETOOBIG, "more than %d channels", CHANNELS_MAX);
        FT_TRY(channel_read(&out->channels[out->channel_count++], j));
    }
    return j->err;
}

static ft_err algorithm_read(ft_job_config *out, ft_arena *arena, ft_str json) {
    ft_str raw, name;
    ft_json j;
    FT_TRY(ft_json_find(&raw, json, "algorithm"));
    ft_json_init(&j, raw, arena, NULL);
    FT_TRY(ft_json_string(&j, &name));
    out->algorithm = ft_algorithm_find(name);
    if (!out->algorithm)
        return FT_FAIL(FT_EUNSUPPORTED, "this program has no algorithm '%.*s'", FT_STR_ARG(name));
    return ft_params_new(&out->params, arena, out->algorithm->params);
}

ft_err ft_job_config_read(ft_job_config *out, ft_arena *arena, ft_str json) {
    ft_json j;
    ft_str name, raw;
    int workers;
    *out = (ft_job_config){ 0 };
    FT_TRY(algorithm_read(out, arena, json));
    ft_json_init(&j, json, arena, &(ft_json_opts){ .name = "job settings" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "hyperparameters"))
            FT_TRY(params_read(out->params, &j));
        else if (ft_str_is(name, "archive"))
            FT_TRY(ft_json_string(&j, &out->archive));
        else if (ft_str_is(name, "channels"))
            FT_TRY(channels_read(out, arena, &j));
        else if (ft_str_is(name, "debug_hook")) {
            FT_TRY(ft_json_skip(&j, &raw));
            FT_TRY(ft_collections_read(&out->collections, &out->collection_count, &workers, arena,
                                       raw));
        }
    }
    FT_TRY(ft_json_end(&j));
    return ft_params_finish(out->params);
}
