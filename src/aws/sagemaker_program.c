/* sagemaker_program.c -- requests that bring a program of the user's: training in script mode
 * (sagemaker_program, sagemaker_submit_directory), by a program of this machine or by an image, and
 * processing jobs. They become jobs of the algorithms "program" and "processing" (jobs/program.h);
 * what jobs/image.h calls a framework is not run as an image: the program finds the Python of this
 * machine. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>

#include "aws/resource.h"
#include "aws/sagemaker_in.h"
#include "aws/tags.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "jobs/container.h"
#include "jobs/image.h"
#include "jobs/program.h"
#include "store/objects.h"

#define PROCESSING_KIND   "processing-job"
#define INPUTS_MAX        10 /* ProcessingInputs, as SageMaker's */
#define RUNTIME_DEFAULT_S 86400
#define CHECKPOINTS       FT_CONTAINER_PLACE "/checkpoints"
#define TENSORS           FT_CONTAINER_PLACE "/output/tensors"
#define RUNTIME_MAX_S     (5 * 24 * 3600)
#define JOBS_LISTED_MAX   100000

static ft_err invalid(ft_aws_call *c, const char *where) {
    return ft_aws_fail(c, 400, "ValidationException", "%s: %s", where, ft_err_why());
}

/* ---- script mode */

/* The SDK writes "\"train.py\"", others train.py. */
static ft_str hyper(ft_aws_call *c, const char *name) {
    ft_str raw, text, inner;
    ft_json j;
    if (ft_json_find(&raw, ft_aws_raw(c, "HyperParameters"), name) != FT_OK) goto none;
    ft_json_init(&j, raw, c->arena, NULL);
    if (ft_json_string(&j, &text) != FT_OK) goto none;
    ft_json_init(&j, text, c->arena, NULL);
    if (ft_json_string(&j, &inner) == FT_OK) return inner;
    ft_err_clear();
    return text;
none:
    ft_err_clear();
    return FT_STR("");
}

bool ft_sagemaker_is_program(ft_aws_call *c) { return hyper(c, "sagemaker_program").len > 0; }

static void raw_member(ft_json_out *w, const char *name, ft_str raw) {
    if (!raw.at) return;
    ft_json_out_name(w, name);
    ft_json_out_raw(w, raw);
}

/* The request's, and where the hook writes. */
static ft_err hook_config(ft_json_out *w, ft_aws_call *c) {
    ft_str raw = ft_aws_raw(c, "DebugHookConfig"), name, value;
    ft_json j;
    if (!raw.at) return FT_OK;
    ft_json_out_name(w, "debughookconfig");
    ft_json_out_object(w);
    ft_json_init(&j, raw, c->arena, &(ft_json_opts){ .name = "DebugHookConfig" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_skip(&j, &value));
        if (ft_str_is(name, "LocalPath")) continue;
        ft_json_out_name_str(w, name);
        ft_json_out_raw(w, value);
    }
    FT_TRY(ft_json_end(&j));
    value = ft_aws_str(c, "DebugHookConfig.LocalPath");
    ft_json_out_name(w, "LocalPath");
    ft_json_out_str(w, value.len ? value : FT_STR(TENSORS));
    ft_json_out_close(w);
    return FT_OK;
}

static ft_err checkpoint_config(ft_json_out *w, ft_aws_call *c) {
    ft_str path = ft_aws_str(c, "CheckpointConfig.LocalPath");
    if (!ft_aws_raw(c, "CheckpointConfig").at) return FT_OK;
    ft_json_out_name(w, "checkpointconfig");
    ft_json_out_object(w);
    ft_json_out_name(w, "LocalPath"), ft_json_out_str(w, path.len ? path : FT_STR(CHECKPOINTS));
    ft_json_out_name(w, "S3Uri"), ft_json_out_str(w, ft_aws_str(c, "CheckpointConfig.S3Uri"));
    ft_json_out_close(w);
    return FT_OK;
}

static ft_err training_config(ft_str *out, ft_aws_call *c) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "inputdataconfig");
    ft_json_out_object(&w);
    for (size_t i = 0; i < ft_aws_count(c, "InputDataConfig"); i++)
        ft_sagemaker_channel_config(&w, c, i);
    ft_json_out_close(&w);
    ft_err err = hook_config(&w, c);
    if (err == FT_OK) err = checkpoint_config(&w, c);
    raw_member(&w, "trainingjobconfig", c->body);
    ft_json_out_close(&w);
    if (err == FT_OK) err = buf.err;
    if (err == FT_OK) err = ft_arena_str(out, c->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err param_raw(ft_params *params, const char *name, ft_str value) {
    return value.at ? ft_params_set(params, ft_str_of(name), value) : FT_OK;
}

/* AWS_REGION and what the request names. */
static ft_err environment_of(ft_params *params, ft_aws_call *c) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str raw = ft_aws_raw(c, "Environment"), name, value;
    ft_json j;
    ft_err err = FT_OK;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "AWS_REGION");
    ft_json_out_str(&w, c->region);
    ft_json_init(&j, raw.at ? raw : FT_STR("{}"), c->arena,
                 &(ft_json_opts){ .name = "Environment" });
    FT_GOTO(err, ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_GOTO(err, ft_json_string(&j, &value));
        ft_json_out_name_str(&w, name);
        ft_json_out_str(&w, value);
    }
    FT_GOTO(err, ft_json_end(&j));
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    err = ft_params_set(params, FT_STR("environment"), ft_buf_str(&buf));
done:
    ft_buf_fini(&buf);
    return err;
}

static ft_err items_copy(ft_json_out *w, ft_str array, ft_arena *arena) {
    ft_str item;
    ft_json j;
    if (!array.at) return FT_OK;
    ft_json_init(&j, array, arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_string(&j, &item));
        ft_json_out_str(w, item);
    }
    return ft_json_end(&j);
}

/* Each of the request's arrays of texts, one after the other, as the parameter `name`. */
static ft_err texts_of(ft_params *params, const char *name, const ft_str *arrays, size_t count,
                       ft_arena *arena) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_err err = FT_OK;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = 0; i < count; i++) FT_GOTO(err, items_copy(&w, arrays[i], arena));
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    err = ft_params_set(params, ft_str_of(name), ft_buf_str(&buf));
done:
    ft_buf_fini(&buf);
    return err;
}

/* A path of this machine as a JSON array. */
static ft_err path_json(ft_str *out, ft_arena *arena, ft_str path) {
    ft_buf buf = { 0 };
    ft_err err = ft_buf_byte(&buf, '[');
    if (err == FT_OK) err = ft_json_quote(&buf, path);
    if (err == FT_OK) err = ft_buf_byte(&buf, ']');
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err hosts_of(ft_params *params, ft_aws_call *c, const char *member) {
    int64_t count;
    char text[32];
    FT_TRY(ft_aws_int(&count, c, member, 1));
    if (count < 1 || count > FT_CONTAINER_HOSTS_MAX)
        return ft_aws_fail(c, 400, "ValidationException",
                           "%s: %lld; this machine is one instance, and up to %d processes of it "
                           "share the work of a program",
                           member, (long long)count, FT_CONTAINER_HOSTS_MAX);
    snprintf(text, sizeof text, "%lld", (long long)count);
    return ft_params_set(params, FT_STR("hosts"), ft_str_of(text));
}

static ft_err place_check(ft_aws_call *c, const char *where, ft_str place) {
    const char *path;
    if (ft_container_path(&path, c->arena, "", place) == FT_OK) return FT_OK;
    return ft_aws_fail(c, 400, "ValidationException", "%s: LocalPath: %s", where, ft_err_why());
}

ft_err ft_sagemaker_image_check(ft_aws_call *c, ft_str name) {
    ft_image image;
    ft_err err = ft_image_find(&image, c->arena, name, FT_IMAGE_TRAIN);
    if (err != FT_OK) return invalid(c, "AlgorithmSpecification.TrainingImage");
    if (image.kind != FT_IMAGE_FRAMEWORK) return FT_OK;
    return ft_aws_fail(
        c, 400, "ValidationException",
        "The image %.*s is not built in; it runs a script of yours: the hyperparameters "
        "sagemaker_program and sagemaker_submit_directory name it",
        FT_STR_ARG(name));
}

/* What is run: the script; else the image's program, or what the request names instead. */
static ft_err training_command(ft_params *params, ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "AlgorithmSpecification.TrainingImage"),
           train = FT_STR("[\"train\"]");
    ft_str entry = ft_aws_raw(c, "AlgorithmSpecification.ContainerEntrypoint"),
           more = ft_aws_raw(c, "AlgorithmSpecification.ContainerArguments");
    ft_image image;
    if (ft_sagemaker_is_program(c))
        return ft_params_set(params, FT_STR("script"), hyper(c, "sagemaker_program"));
    FT_TRY(ft_image_find(&image, c->arena, name, FT_IMAGE_TRAIN));
    if (image.kind == FT_IMAGE_PODMAN)
        FT_TRY(ft_params_set(params, FT_STR("image"), name));
    else if (!entry.at) {
        FT_TRY(path_json(&entry, c->arena, image.program));
        if (!more.at) more = train;
    }
    FT_TRY(texts_of(params, "command", &entry, entry.at ? 1 : 0, c->arena));
    return texts_of(params, "arguments", &more, more.at ? 1 : 0, c->arena);
}

static ft_err kept_of(ft_params *params, ft_aws_call *c) {
    ft_str uri = ft_aws_str(c, "CheckpointConfig.S3Uri"),
           path = ft_aws_str(c, "CheckpointConfig.LocalPath"),
           tensors = ft_aws_str(c, "DebugHookConfig.LocalPath");
    ft_uri parsed;
    if (ft_aws_raw(c, "CheckpointConfig").at) {
        if (ft_uri_parse(&parsed, uri) != FT_OK) return invalid(c, "CheckpointConfig.S3Uri");
        if (!ft_bucket_exists(c->store, parsed.bucket))
            return ft_aws_fail(c, 400, "ValidationException",
                               "CheckpointConfig.S3Uri: there is no bucket '%.*s'",
                               FT_STR_ARG(parsed.bucket));
        FT_TRY(ft_params_set(params, FT_STR("checkpoint_uri"), uri));
    }
    if (path.len) {
        FT_TRY(place_check(c, "CheckpointConfig", path));
        FT_TRY(ft_params_set(params, FT_STR("checkpoint_path"), path));
    }
    if (!tensors.len) return FT_OK;
    FT_TRY(place_check(c, "DebugHookConfig", tensors));
    return ft_params_set(params, FT_STR("tensor_path"), tensors);
}

ft_err ft_sagemaker_program_params(ft_params **out, ft_aws_call *c) {
    ft_str config;
    FT_TRY(ft_params_new(out, c->arena, ft_algorithm_program.params));
    FT_TRY(training_command(*out, c));
    FT_TRY(param_raw(*out, "hyperparameters", ft_aws_raw(c, "HyperParameters")));
    FT_TRY(hosts_of(*out, c, "ResourceConfig.InstanceCount"));
    FT_TRY(kept_of(*out, c));
    if (environment_of(*out, c) != FT_OK) return invalid(c, "Environment");
    FT_TRY(training_config(&config, c));
    return ft_params_set(*out, FT_STR("config"), config);
}

ft_err ft_sagemaker_program_source(ft_job_channel *out, ft_aws_call *c, ft_str job) {
    ft_str uri = hyper(c, FT_CONTAINER_SOURCE);
    if (!ft_str_starts(uri, FT_STR("s3://")))
        return ft_aws_fail(c, 400, "ValidationException",
                           "HyperParameters: " FT_CONTAINER_SOURCE
                           " '%.*s' is no s3://… archive of the program",
                           FT_STR_ARG(uri));
    *out = (ft_job_channel){ .name = FT_STR(FT_CONTAINER_SOURCE), .header = -1 };
    return ft_sagemaker_local(&out->path, c, uri, job, out->name, false);
}

/* ---- CreateProcessingJob */

static ft_str input(ft_aws_call *c, size_t i, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "ProcessingInputs.%zu.%s", i, name);
    return ft_aws_str(c, path);
}

static ft_err input_name_check(ft_aws_call *c, ft_str name) {
    bool good = name.len && name.len <= 256 && name.at[0] != '.';
    for (size_t k = 0; good && k < name.len; k++) good = strchr("/%", name.at[k]) == NULL;
    if (good) return FT_OK;
    return ft_aws_fail(c, 400, "ValidationException",
                       "ProcessingInputs: '%.*s' is no usable InputName", FT_STR_ARG(name));
}

static ft_err inputs_of(ft_job_spec *spec, ft_params *params, ft_aws_call *c) {
    size_t count = ft_aws_count(c, "ProcessingInputs");
    ft_job_channel *channels;
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_err err = FT_OK;
    if (count > INPUTS_MAX)
        return ft_aws_fail(c, 400, "ValidationException", "ProcessingInputs: more than %d",
                           INPUTS_MAX);
    FT_TRY(ft_arena_items(&channels, c->arena, count + 1));
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    for (size_t i = 0; i < count; i++) {
        ft_str place = input(c, i, "S3Input.LocalPath");
        channels[i] = (ft_job_channel){ .name = input(c, i, "InputName"), .header = -1 };
        FT_GOTO(err, input_name_check(c, channels[i].name));
        FT_GOTO(err, place_check(c, "ProcessingInputs", place));
        FT_GOTO(err, ft_sagemaker_local(&channels[i].path, c, input(c, i, "S3Input.S3Uri"),
                                        spec->name, channels[i].name, true));
        ft_json_out_name_str(&w, channels[i].name);
        ft_json_out_str(&w, place);
    }
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    spec->channels = channels, spec->channel_count = count;
    err = ft_params_set(params, FT_STR("places"), ft_buf_str(&buf));
done:
    ft_buf_fini(&buf);
    return err;
}

static ft_err outputs_of(ft_params *params, ft_aws_call *c) {
    ft_buf buf = { 0 };
    ft_json_out w;
    char path[128];
    ft_err err = FT_OK;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = 0; i < ft_aws_count(c, "ProcessingOutputConfig.Outputs"); i++) {
        snprintf(path, sizeof path, "ProcessingOutputConfig.Outputs.%zu.S3Output.LocalPath", i);
        ft_str place = ft_aws_str(c, path);
        snprintf(path, sizeof path, "ProcessingOutputConfig.Outputs.%zu.S3Output.S3Uri", i);
        ft_str uri = ft_aws_str(c, path);
        FT_GOTO(err, place_check(c, "ProcessingOutputConfig", place));
        ft_json_out_object(&w);
        ft_json_out_name(&w, "path"), ft_json_out_str(&w, place);
        ft_json_out_name(&w, "uri"), ft_json_out_str(&w, uri);
        ft_json_out_close(&w);
    }
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    err = ft_params_set(params, FT_STR("outputs"), ft_buf_str(&buf));
done:
    ft_buf_fini(&buf);
    return err;
}

ft_err ft_sagemaker_command(ft_params *params, ft_arena *arena, ft_str name, ft_str entry,
                            ft_str more) {
    ft_str first;
    bool named = entry.at && ft_json_find(&first, entry, "0") == FT_OK;
    ft_image image = { 0 };
    ft_err err = ft_image_find(&image, arena, name.at ? name : FT_STR(""), FT_IMAGE_PROCESS);
    if (err != FT_OK && !named)
        return ft_err_prefix(err, "without a ContainerEntrypoint, which names what this machine is "
                                  "to run");
    ft_err_clear();
    if (!named && image.kind == FT_IMAGE_FRAMEWORK)
        return FT_FAIL(
            FT_EUNSUPPORTED,
            "ContainerEntrypoint: the image %.*s has no program of its own; name the one "
            "that is run",
            FT_STR_ARG(name));
    if (err == FT_OK && image.kind == FT_IMAGE_PODMAN)
        FT_TRY(ft_params_set(params, FT_STR("image"), name));
    else if (!named)
        FT_TRY(path_json(&entry, arena, image.program));
    FT_TRY(texts_of(params, "command", &entry, entry.at ? 1 : 0, arena));
    return texts_of(params, "arguments", &more, more.at ? 1 : 0, arena);
}

static ft_err command_of(ft_params *params, ft_aws_call *c) {
    if (ft_sagemaker_is_analyzer(c)) return ft_sagemaker_analyzer(params, c);
    ft_err err = ft_sagemaker_command(params, c->arena, ft_aws_str(c, "AppSpecification.ImageUri"),
                                      ft_aws_raw(c, "AppSpecification.ContainerEntrypoint"),
                                      ft_aws_raw(c, "AppSpecification.ContainerArguments"));
    return err == FT_OK || err == FT_ENOMEM ? err : invalid(c, "AppSpecification");
}

static const char *const config_members[] = {
    "AppSpecification",       "Environment",         "ExperimentConfig", "NetworkConfig",
    "ProcessingOutputConfig", "ProcessingResources", "RoleArn",          "StoppingCondition",
    "ProcessingInputs",
};

/* input/config/processingjobconfig.json: the request, and the job's ARN. */
static ft_err processing_config(ft_params *params, ft_aws_call *c, ft_str name) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "processingjobconfig");
    ft_json_out_object(&w);
    ft_json_out_name(&w, "ProcessingJobArn");
    ft_json_out_str(&w, ft_aws_arn(c, "sagemaker", PROCESSING_KIND, name));
    ft_json_out_name(&w, "ProcessingJobName");
    ft_json_out_str(&w, name);
    for (size_t i = 0; i < FT_COUNT(config_members); i++)
        raw_member(&w, config_members[i], ft_aws_raw(c, config_members[i]));
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_params_set(params, FT_STR("config"), ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err limits_of(ft_job_spec *spec, ft_aws_call *c) {
    int64_t runtime_s;
    FT_TRY(ft_aws_int(&runtime_s, c, "StoppingCondition.MaxRuntimeInSeconds", RUNTIME_DEFAULT_S));
    if (runtime_s < 1 || runtime_s > RUNTIME_MAX_S)
        return ft_aws_fail(c, 400, "ValidationException",
                           "StoppingCondition.MaxRuntimeInSeconds: %lld is outside [1, %d]",
                           (long long)runtime_s, RUNTIME_MAX_S);
    spec->max_runtime_us = runtime_s * FT_SECOND_US;
    return FT_OK;
}

static ft_err processing_store(ft_aws_call *c, const ft_job_spec *spec) {
    ft_db *db = ft_store_db(c->store);
    ft_str name;
    FT_TRY(ft_db_begin(db));
    ft_err err = ft_job_create(&name, c->store, c->arena, spec);
    if (err == FT_OK)
        err = ft_aws_resource_add(c->store, PROCESSING_KIND, name, c->body, FT_STR(""));
    if (err == FT_OK) return ft_db_commit(db);
    ft_db_rollback(db);
    return err;
}

static ft_err processing_make(ft_aws_call *c, ft_str name) {
    ft_job_spec spec = { .name = name, .algorithm = FT_STR("processing") };
    ft_params *params;
    FT_TRY(limits_of(&spec, c));
    FT_TRY(ft_params_new(&params, c->arena, ft_algorithm_processing.params));
    FT_TRY(command_of(params, c));
    FT_TRY(hosts_of(params, c, "ProcessingResources.ClusterConfig.InstanceCount"));
    FT_TRY(outputs_of(params, c));
    if (environment_of(params, c) != FT_OK) return invalid(c, "Environment");
    FT_TRY(processing_config(params, c, name));
    FT_TRY(inputs_of(&spec, params, c));
    spec.params = params;
    return processing_store(c, &spec);
}

ft_err ft_sagemaker_create_processing(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "ProcessingJobName");
    ft_job there;
    FT_TRY(ft_sagemaker_name_check(c, "processingJobName", name));
    if (ft_job_get(&there, c->store, c->arena, name) == FT_OK)
        return ft_aws_fail(c, 400, "ResourceInUse",
                           "Job name must be unique within an AWS account and region, and a job "
                           "with this name already exists (%.*s)",
                           FT_STR_ARG(ft_aws_arn(c, "sagemaker", PROCESSING_KIND, name)));
    ft_err_clear();
    FT_TRY(ft_aws_tags_check(c));
    ft_err err = processing_make(c, name);
    if (err == FT_OK) {
        ft_str arn = ft_aws_arn(c, "sagemaker", PROCESSING_KIND, name);
        ft_aws_put(c, "ProcessingJobArn", arn);
        return ft_aws_tags_add(c, arn);
    }
    if (!c->error_code && (err == FT_EINVAL || err == FT_EPARSE || err == FT_ENOTFOUND))
        err = invalid(c, "CreateProcessingJob");
    ft_err left = ft_sagemaker_inputs_remove(c->store, c->arena, name);
    if (left != FT_OK) ft_log_err(FT_LOG_WARN, "aws", left, "inputs of a refused job");
    return err;
}

/* ---- what became of it */

bool ft_sagemaker_has_program(ft_aws_call *c, ft_str name) {
    ft_aws_resource r;
    ft_err err = ft_aws_resource_get(&r, c->store, c->arena, PROCESSING_KIND, name);
    ft_err_clear();
    return err == FT_OK;
}

ft_err ft_sagemaker_describe_program(ft_aws_call *c, ft_str name) {
    ft_aws_resource r;
    ft_job job;
    ft_str raw, reason, message;
    FT_TRY(ft_aws_resource_get(&r, c->store, c->arena, PROCESSING_KIND, name));
    FT_TRY(ft_job_get(&job, c->store, c->arena, name));
    ft_aws_put(c, "ProcessingJobName", name);
    ft_aws_put(c, "ProcessingJobArn", ft_aws_arn(c, "sagemaker", PROCESSING_KIND, name));
    ft_aws_put(c, "ProcessingJobStatus", ft_str_of(ft_job_status_name(job.status)));
    for (size_t i = 0; i < FT_COUNT(config_members); i++)
        if (ft_json_find(&raw, r.json, config_members[i]) == FT_OK && !ft_str_is(raw, "null"))
            ft_aws_put_raw(c, config_members[i], raw);
    ft_err_clear();
    ft_aws_put_time(c, "CreationTime", job.created_us);
    ft_aws_put_time(c, "LastModifiedTime", job.modified_us);
    ft_aws_put_time(c, "ProcessingStartTime", job.started_us);
    ft_aws_put_time(c, "ProcessingEndTime", job.ended_us);
    FT_TRY(ft_program_message(&message, c->store, c->arena, name));
    if (message.len) ft_aws_put(c, "ExitMessage", message);
    if (job.status != FT_JOB_FAILED) return FT_OK;
    FT_TRY(ft_arena_printf(&reason, c->arena, "AlgorithmError: %.*s, exit code: %d",
                           FT_STR_ARG(ft_str_slice(job.reason, 0, 900)), job.exit_code));
    ft_aws_put(c, "FailureReason", reason);
    return FT_OK;
}

ft_err ft_sagemaker_stop_program(ft_aws_call *c, ft_str name) {
    ft_job job;
    ft_err err = ft_job_stop(c->store, name, FT_STR("StopProcessingJob was called"));
    if (err != FT_ECONFLICT) return err;
    FT_TRY(ft_job_get(&job, c->store, c->arena, name));
    return ft_aws_fail(c, 400, "ValidationException",
                       "The request was rejected because the processing job is in status %s.",
                       ft_job_status_name(job.status));
}

ft_err ft_sagemaker_programs(ft_sagemaker_item **out, size_t *count, ft_aws_call *c) {
    ft_aws_resource *list;
    size_t n;
    FT_TRY(ft_aws_resource_list(&list, &n, c->store, c->arena, PROCESSING_KIND, FT_STR(""),
                                FT_STR(""), JOBS_LISTED_MAX));
    FT_TRY(ft_arena_items(out, c->arena, n + 1));
    for (*count = 0; *count < n; (*count)++) {
        ft_job job;
        FT_TRY(ft_job_get(&job, c->store, c->arena, list[*count].name));
        (*out)[*count] = (ft_sagemaker_item){ .name = job.name,
                                              .status = ft_str_of(ft_job_status_name(job.status)),
                                              .created_us = job.created_us,
                                              .modified_us = job.modified_us,
                                              .ended_us = job.ended_us };
    }
    return FT_OK;
}
