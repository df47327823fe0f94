/* monitoring_program.c -- an execution of a monitoring schedule whose monitor is a program of the
 * user's: a processing job over the captured requests of its time (formats.md 3.11); how it ended
 * is read in monitoring_program_end.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/monitoring_in.h"
#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "jobs/container.h"
#include "jobs/program.h"
#include "monitor/capture.h"
#include "monitor/schedule.h"
#include "net/sigv4.h"
#include "store/objects.h"

#define INPUT_PLACE    FT_CONTAINER_PLACE "/processing/input/endpoint"
#define OUTPUT_PLACE   FT_CONTAINER_PLACE "/processing/output"
#define BASELINE_PLACE FT_CONTAINER_PLACE "/processing/baseline/"
#define RUNTIME_S      3600

typedef struct begin {
    ft_store *store;
    ft_arena *arena;
    const ft_execution *x;
    ft_str definition; /* MonitoringJobDefinition */
    ft_params *params;
    ft_job_channel channels[3];
    size_t channel_count;
    ft_buf places; /* channel -> path */
    ft_json_out places_out;
} begin;

static ft_str raw(ft_str json, const char *path) {
    ft_str value;
    if (ft_json_find(&value, json, path) != FT_OK || ft_str_is(value, "null")) return (ft_str){ 0 };
    return value;
}

static ft_str or_else(ft_str given, const char *otherwise) {
    return given.len ? given : ft_str_of(otherwise);
}

static ft_str input_place(ft_arena *arena, ft_str definition) {
    return or_else(
        ft_json_find_text(arena, definition, "MonitoringInputs.0.EndpointInput.LocalPath"),
        INPUT_PLACE);
}

static ft_str output_place(ft_arena *arena, ft_str definition) {
    return or_else(
        ft_json_find_text(arena, definition,
                          "MonitoringOutputConfig.MonitoringOutputs.0.S3Output.LocalPath"),
        OUTPUT_PLACE);
}

static ft_err command(ft_params *params, ft_arena *arena, ft_str definition) {
    return ft_sagemaker_command(
        params, arena, ft_json_find_text(arena, definition, "MonitoringAppSpecification.ImageUri"),
        raw(definition, "MonitoringAppSpecification.ContainerEntrypoint"),
        raw(definition, "MonitoringAppSpecification.ContainerArguments"));
}

ft_err ft_monitoring_program_check(ft_arena *arena, ft_str definition) {
    ft_params *params;
    const char *path;
    FT_TRY(ft_params_new(&params, arena, ft_algorithm_processing.params));
    FT_TRY(ft_container_path(&path, arena, "", input_place(arena, definition)));
    FT_TRY(ft_container_path(&path, arena, "", output_place(arena, definition)));
    return command(params, arena, definition);
}

/* ---- the captured requests of its time */

typedef struct lines { /* one file of them */
    ft_str segment;
    int fd;
    const char *path;
} lines;

/* "…/<variant>/yyyy/mm/dd/hh/<name>.jsonl" below the endpoint's folder, as captures lie. */
static ft_err lines_open(lines *l, const begin *b, const char *folder, ft_str segment) {
    ft_str tail = ft_capture_below(segment), path, parent;
    ft_fd_close(&l->fd);
    FT_TRY(ft_arena_str(&l->segment, b->arena, segment));
    FT_TRY(ft_arena_printf(&path, b->arena, "%s/%.*s/%.*s", folder, FT_STR_ARG(b->x->endpoint),
                           FT_STR_ARG(tail)));
    FT_TRY(
        ft_arena_str(&parent, b->arena, ft_str_slice(path, 0, path.len - ft_path_base(path).len)));
    FT_TRY(ft_dir_make(parent.at));
    l->path = path.at;
    return ft_fd_open(&l->fd, l->path, O_WRONLY | O_CREAT | O_APPEND, 0644);
}

/* Records come by time; those of several files at one time alternate, so files are appended to. */
static ft_err traffic_write(size_t *count, const begin *b, const char *folder) {
    ft_cursor *cursor;
    ft_record r;
    lines l = { .fd = -1 };
    ft_err err;
    ft_cursor_opts opts = { .key = b->x->endpoint,
                            .from = b->x->from_us,
                            .until = b->x->until_us,
                            .wanted = 1 << FT_CAPTURE_TIME };
    FT_TRY(ft_cursor_open(&cursor, b->store, &ft_kind_capture, &opts));
    while ((err = ft_cursor_next(cursor, &r)) == FT_OK) {
        if (!ft_str_eq(l.segment, r.segment)) FT_GOTO(err, lines_open(&l, b, folder, r.segment));
        FT_GOTO(err, ft_fd_write(l.fd, r.raw.at, r.raw.len, l.path));
        if (!ft_str_ends(r.raw, FT_STR("\n"))) FT_GOTO(err, ft_fd_write(l.fd, "\n", 1, l.path));
        ++*count;
    }
    if (err == FT_ENOTFOUND) err = FT_OK;
done:
    ft_fd_close(&l.fd);
    ft_cursor_close(cursor);
    return err;
}

static void channel_add(begin *b, const char *name, ft_str path, ft_str place) {
    b->channels[b->channel_count++] =
        (ft_job_channel){ .name = ft_str_of(name), .path = path, .header = -1 };
    ft_json_out_name(&b->places_out, name);
    ft_json_out_str(&b->places_out, place);
}

/* In the folder of inputs that goes with the job's end. */
static ft_err traffic_of(begin *b) {
    ft_str folder;
    size_t count = 0;
    FT_TRY(ft_arena_printf(&folder, b->arena, "%s/" FT_SAGEMAKER_INPUTS "/%.*s/endpoint",
                           ft_store_home(b->store), FT_STR_ARG(b->x->name)));
    FT_TRY(ft_dir_make(folder.at));
    FT_TRY(traffic_write(&count, b, folder.at));
    if (!count) return FT_ENOTFOUND;
    channel_add(b, "endpoint", folder, input_place(b->arena, b->definition));
    return FT_OK;
}

/* ---- the job */

typedef struct environment {
    ft_json_out w;
    begin *b;
} environment;

static void variable(environment *e, const char *name, ft_str value) {
    ft_json_out_name(&e->w, name);
    ft_json_out_str(&e->w, value);
}

/* A file of the baseline, where the variable says. */
static ft_err baseline(environment *e, const char *member, const char *folder, const char *name) {
    begin *b = e->b;
    ft_str uri = ft_json_find_text(b->arena, b->definition, member), place;
    const char *path;
    ft_uri at;
    if (!uri.len) return FT_OK;
    FT_TRY(ft_uri_parse(&at, uri));
    FT_TRY(ft_object_path(&path, b->store, b->arena, at.bucket, at.key));
    if (!ft_file_exists(path))
        return FT_FAIL(FT_EINVAL, "there is no baseline at %.*s", FT_STR_ARG(uri));
    FT_TRY(ft_arena_printf(&place, b->arena, BASELINE_PLACE "%s", folder));
    channel_add(b, folder, ft_str_of(path), place);
    ft_str base = ft_path_base(ft_str_of(path));
    FT_TRY(ft_arena_printf(&place, b->arena, "%.*s/%.*s", FT_STR_ARG(place), FT_STR_ARG(base)));
    variable(e, name, place);
    return FT_OK;
}

static ft_err variables(environment *e, ft_str given) {
    begin *b = e->b;
    const ft_execution *x = b->x;
    char from[FT_TIME_TEXT], until[FT_TIME_TEXT];
    ft_str name, value;
    ft_json j;
    variable(e, "dataset_format",
             FT_STR("{\"sagemakerCaptureJson\":{\"captureIndexNames\":[\"endpointInput\","
                    "\"endpointOutput\"]}}"));
    variable(e, "dataset_source", input_place(b->arena, b->definition));
    variable(e, "output_path", output_place(b->arena, b->definition));
    variable(e, "publish_cloudwatch_metrics", FT_STR("Enabled"));
    variable(e, "sagemaker_endpoint_name", x->endpoint);
    variable(e, "sagemaker_monitoring_schedule_name", x->schedule);
    variable(e, "sagemaker_endpoint_datacapture_prefix", x->capture_uri);
    variable(e, "start_time", ft_str_of(ft_time_iso(from, x->from_us, false)));
    variable(e, "end_time", ft_str_of(ft_time_iso(until, x->until_us, false)));
    FT_TRY(baseline(e, "BaselineConfig.ConstraintsResource.S3Uri", "constraints",
                    "baseline_constraints"));
    FT_TRY(baseline(e, "BaselineConfig.StatisticsResource.S3Uri", "stats", "baseline_statistics"));
    if (!given.at) return FT_OK;
    ft_json_init(&j, given, b->arena, &(ft_json_opts){ .name = "Environment" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        ft_json_out_name_str(&e->w, name);
        ft_json_out_str(&e->w, value);
    }
    return ft_json_end(&j);
}

static ft_err environment_of(ft_str *out, begin *b) {
    environment e = { .b = b };
    ft_buf buf = { 0 };
    ft_json_out_init(&e.w, &buf, false);
    ft_json_out_object(&e.w);
    ft_err err = variables(&e, raw(b->definition, "Environment"));
    ft_json_out_close(&e.w);
    if (err == FT_OK) err = buf.err;
    if (err == FT_OK) err = ft_arena_str(out, b->arena, ft_buf_str(&buf));
    if (err == FT_OK) err = ft_params_set(b->params, FT_STR("environment"), *out);
    ft_buf_fini(&buf);
    return err;
}

static void copied(ft_json_out *w, const char *name, ft_str value) {
    if (!value.at) return;
    ft_json_out_name(w, name);
    ft_json_out_raw(w, value);
}

/* processingjobconfig.json */
static ft_err config_of(begin *b, ft_str env) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str arn;
    FT_TRY(ft_arena_printf(&arn, b->arena,
                           "arn:aws:sagemaker:" FT_REGION_DEFAULT ":" FT_AWS_ACCOUNT
                           ":processing-job/%.*s",
                           FT_STR_ARG(b->x->name)));
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "processingjobconfig");
    ft_json_out_object(&w);
    ft_json_out_name(&w, "ProcessingJobArn"), ft_json_out_str(&w, arn);
    ft_json_out_name(&w, "ProcessingJobName"), ft_json_out_str(&w, b->x->name);
    copied(&w, "Environment", env);
    copied(&w, "AppSpecification", raw(b->definition, "MonitoringAppSpecification"));
    copied(&w, "ProcessingInputs", raw(b->definition, "MonitoringInputs"));
    copied(&w, "ProcessingOutputConfig", raw(b->definition, "MonitoringOutputConfig"));
    copied(&w, "ProcessingResources", raw(b->definition, "MonitoringResources"));
    copied(&w, "RoleArn", raw(b->definition, "RoleArn"));
    copied(&w, "StoppingCondition", raw(b->definition, "StoppingCondition"));
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_params_set(b->params, FT_STR("config"), ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err outputs_of(begin *b) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "path"), ft_json_out_str(&w, output_place(b->arena, b->definition));
    ft_json_out_name(&w, "uri"), ft_json_out_str(&w, b->x->output_uri);
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_params_set(b->params, FT_STR("outputs"), ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err job_make(begin *b) {
    int64_t runtime_s = RUNTIME_S;
    ft_str env, name,
        limit = ft_json_find_text(b->arena, b->definition, "StoppingCondition.MaxRuntimeInSeconds");
    FT_TRY(traffic_of(b));
    FT_TRY(ft_params_new(&b->params, b->arena, ft_algorithm_processing.params));
    FT_TRY(command(b->params, b->arena, b->definition));
    FT_TRY(environment_of(&env, b));
    FT_TRY(config_of(b, env));
    FT_TRY(outputs_of(b));
    ft_json_out_close(&b->places_out);
    FT_TRY(b->places.err);
    FT_TRY(ft_params_set(b->params, FT_STR("places"), ft_buf_str(&b->places)));
    if (limit.len && !ft_str_i64(&runtime_s, limit)) runtime_s = RUNTIME_S;
    ft_job_spec spec = { .name = b->x->name,
                         .algorithm = FT_STR("processing"),
                         .params = b->params,
                         .channels = b->channels,
                         .channel_count = b->channel_count,
                         .max_runtime_us = runtime_s * FT_SECOND_US };
    return ft_job_create(&name, b->store, b->arena, &spec);
}

static ft_err program_begin(ft_store *s, ft_arena *arena, const ft_execution *x) {
    begin b = { .store = s, .arena = arena, .x = x };
    FT_TRY(ft_json_find(&b.definition, x->request_json, "MonitoringJobDefinition"));
    ft_json_out_init(&b.places_out, &b.places, false);
    ft_json_out_object(&b.places_out);
    ft_err err = job_make(&b);
    ft_buf_fini(&b.places);
    return err;
}

const ft_schedule_program ft_aws_monitor_program = { .begin = program_begin,
                                                     .look = ft_monitoring_program_look };
