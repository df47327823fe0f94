/* sagemaker_process.c -- processing jobs that run a program: CreateProcessingJob as a job of the
 * algorithm "processing" (jobs/program.h), and what became of it. */
#include <stdio.h>
#include <string.h>

#include "aws/resource.h"
#include "aws/sagemaker_in.h"
#include "aws/tags.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "jobs/program.h"

#define PROCESSING_KIND   "processing-job"
#define INPUTS_MAX        10 /* ProcessingInputs, as SageMaker's */
#define RUNTIME_DEFAULT_S 86400
#define RUNTIME_MAX_S     (5 * 24 * 3600)
#define JOBS_LISTED_MAX   100000

static void raw_member(ft_json_out *w, const char *name, ft_str raw) {
    if (!raw.at) return;
    ft_json_out_name(w, name);
    ft_json_out_raw(w, raw);
}

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
        FT_GOTO(err, ft_sagemaker_place_check(c, "ProcessingInputs", place));
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
        FT_GOTO(err, ft_sagemaker_place_check(c, "ProcessingOutputConfig", place));
        FT_GOTO(err, ft_sagemaker_bucket_check(c, "ProcessingOutputConfig: S3Uri", uri));
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

static ft_err command_of(ft_params *params, ft_aws_call *c) {
    if (ft_sagemaker_is_analyzer(c)) return ft_sagemaker_analyzer(params, c);
    ft_err err = ft_sagemaker_command(params, c->arena, ft_aws_str(c, "AppSpecification.ImageUri"),
                                      ft_aws_raw(c, "AppSpecification.ContainerEntrypoint"),
                                      ft_aws_raw(c, "AppSpecification.ContainerArguments"));
    return err == FT_OK || err == FT_ENOMEM ? err : ft_sagemaker_invalid(c, "AppSpecification");
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
    FT_TRY(ft_sagemaker_hosts(params, c, "ProcessingResources.ClusterConfig.InstanceCount"));
    FT_TRY(outputs_of(params, c));
    if (ft_sagemaker_environment(params, c) != FT_OK) return ft_sagemaker_invalid(c, "Environment");
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
        err = ft_sagemaker_invalid(c, "CreateProcessingJob");
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
