/* sagemaker_monitoring.c -- Model Monitor's schedules on monitor/schedule.h, with the built-in
 * monitor or a program of the user's (monitoring_program.c). An execution is a processing job for
 * clients (sagemaker_processing.c asks here). */
#include <stdio.h>

#include "aws/hosting_in.h"
#include "aws/monitoring_in.h"
#include "aws/sagemaker_in.h"
#include "aws/tags.h"
#include "base/check.h"
#include "monitor/schedule.h"
#include "serve/endpoint.h"

#define KIND   "monitoring-schedule"
#define IMAGE  "sagemaker-model-monitor-analyzer"
#define CONFIG "MonitoringScheduleConfig."
#define JOB    CONFIG "MonitoringJobDefinition."
#define INPUT  JOB "MonitoringInputs.0.EndpointInput."
#define OUTPUT JOB "MonitoringOutputConfig.MonitoringOutputs.0.S3Output."

/* ---- from a request to a schedule */

static ft_err refused(ft_aws_call *c, const char *text) {
    return ft_aws_fail(c, 400, "ValidationException", "%s", text);
}

/* What the built-in monitor cannot do is said, not left out. */
static ft_err definition_check(bool *program, ft_aws_call *c) {
    ft_str image = ft_aws_str(c, JOB "MonitoringAppSpecification.ImageUri"),
           type = ft_aws_str(c, CONFIG "MonitoringType");
    char text[512];
    if (ft_aws_str(c, CONFIG "MonitoringJobDefinitionName").len)
        return refused(c, "MonitoringJobDefinitionName: job definitions of their own are not kept "
                          "here; give MonitoringJobDefinition");
    if (type.len && !ft_str_is(type, "DataQuality"))
        return refused(c, "MonitoringType: only DataQuality is monitored here");
    if (ft_aws_count(c, JOB "MonitoringInputs") != 1 || !ft_aws_str(c, INPUT "EndpointName").len)
        return refused(c, "MonitoringInputs: expected one EndpointInput");
    if (!ft_aws_str(c, OUTPUT "S3Uri").len)
        return refused(c, "MonitoringOutputs: expected one S3Output with its S3Uri");
    FT_TRY(ft_sagemaker_bucket_check(c, "MonitoringOutputs: S3Uri", ft_aws_str(c, OUTPUT "S3Uri")));
    snprintf(text, sizeof text, "%.*s", FT_STR_ARG(ft_str_slice(image, 0, sizeof text - 1)));
    *program = strstr(text, IMAGE) == NULL;
    if (*program) {
        ft_err err =
            ft_monitoring_program_check(c->arena, ft_aws_raw(c, CONFIG "MonitoringJobDefinition"));
        return err == FT_OK || err == FT_ENOMEM
                   ? err
                   : ft_aws_fail(c, 400, "ValidationException", "MonitoringAppSpecification: %s",
                                 ft_err_why());
    }
    if (ft_aws_str(c, JOB "MonitoringAppSpecification.RecordPreprocessorSourceUri").len ||
        ft_aws_str(c, JOB "MonitoringAppSpecification.PostAnalyticsProcessorSourceUri").len)
        return refused(c, "MonitoringAppSpecification: scripts before and after the built-in "
                          "monitor are not run here");
    return FT_OK;
}

static ft_err captures_of(ft_str *out, ft_aws_call *c, ft_str endpoint) {
    ft_endpoint ep;
    ft_err err = ft_endpoint_get(&ep, c->store, c->arena, endpoint);
    if (err == FT_ENOTFOUND) return ft_hosting_unknown(c, "endpoint", FT_AWS_ENDPOINT, endpoint);
    FT_TRY(err);
    *out = ep.capture.uri.len ? ep.capture.uri : FT_STR(FT_CAPTURE_URI);
    return FT_OK;
}

static ft_err schedule_of(ft_schedule *out, ft_aws_call *c) {
    bool program;
    FT_TRY(definition_check(&program, c));
    *out = (ft_schedule){
        .name = ft_aws_str(c, "MonitoringScheduleName"),
        .endpoint = ft_aws_str(c, INPUT "EndpointName"),
        .expression = ft_aws_str(c, CONFIG "ScheduleConfig.ScheduleExpression"),
        .output_uri = ft_aws_str(c, OUTPUT "S3Uri"),
        .statistics_uri = ft_aws_str(c, JOB "BaselineConfig.StatisticsResource.S3Uri"),
        .constraints_uri = ft_aws_str(c, JOB "BaselineConfig.ConstraintsResource.S3Uri"),
        .request_json = ft_aws_raw(c, "MonitoringScheduleConfig"),
        .program = program,
    };
    if (!out->expression.len)
        return refused(c, "ScheduleConfig: expected a ScheduleExpression, such as "
                          "cron(0 * ? * * *)");
    return captures_of(&out->capture_uri, c, out->endpoint);
}

/* A schedule that the room below refuses is the request's fault. */
static ft_err answered(ft_aws_call *c, ft_err err) {
    if (err == FT_EINVAL || err == FT_EPARSE) return refused(c, ft_err_why());
    return err;
}

static ft_err unknown(ft_aws_call *c, ft_str name) {
    ft_str arn = ft_aws_arn(c, "sagemaker", KIND, name);
    ft_err_clear();
    return ft_aws_fail(c, 400, "ResourceNotFound", "Could not find monitoring schedule \"%.*s\".",
                       FT_STR_ARG(arn));
}

ft_err ft_monitoring_create(ft_aws_call *c) {
    ft_schedule schedule;
    ft_str name = ft_aws_str(c, "MonitoringScheduleName"),
           arn = ft_aws_arn(c, "sagemaker", KIND, name);
    FT_TRY(ft_sagemaker_name_check(c, "monitoringScheduleName", name));
    FT_TRY(ft_aws_tags_check(c));
    FT_TRY(schedule_of(&schedule, c));
    ft_err err = ft_schedule_add(c->store, &schedule);
    if (err == FT_EEXIST)
        return ft_aws_fail(c, 400, "ResourceInUse",
                           "Cannot create already existing monitoring schedule \"%.*s\".",
                           FT_STR_ARG(arn));
    FT_TRY(answered(c, err));
    FT_TRY(ft_aws_tags_add(c, arn));
    ft_aws_put(c, "MonitoringScheduleArn", arn);
    return FT_OK;
}

ft_err ft_monitoring_update(ft_aws_call *c) {
    ft_schedule schedule;
    ft_str name = ft_aws_str(c, "MonitoringScheduleName");
    ft_err err = ft_schedule_get(&schedule, c->store, c->arena, name);
    if (err == FT_ENOTFOUND) return unknown(c, name);
    FT_TRY(err);
    FT_TRY(schedule_of(&schedule, c));
    err = ft_schedule_change(c->store, &schedule);
    if (err == FT_ENOTFOUND) return unknown(c, name);
    FT_TRY(answered(c, err));
    ft_aws_put(c, "MonitoringScheduleArn", ft_aws_arn(c, "sagemaker", KIND, name));
    return FT_OK;
}

/* Start, stop, delete. */
static ft_err by_name(ft_aws_call *c, ft_err (*act)(ft_store *s, ft_str name)) {
    ft_str name = ft_aws_str(c, "MonitoringScheduleName");
    ft_err err = act(c->store, name);
    return err == FT_ENOTFOUND ? unknown(c, name) : err;
}

ft_err ft_monitoring_start(ft_aws_call *c) { return by_name(c, ft_schedule_start); }
ft_err ft_monitoring_stop(ft_aws_call *c) { return by_name(c, ft_schedule_stop); }
ft_err ft_monitoring_delete(ft_aws_call *c) { return by_name(c, ft_schedule_remove); }

/* ---- answers */

static ft_str status_of(const ft_schedule *s) {
    return s->stopped ? FT_STR("Stopped") : FT_STR("Scheduled");
}

static void execution_members(ft_aws_call *c, const ft_execution *x) {
    ft_aws_put(c, "MonitoringScheduleName", x->schedule);
    ft_aws_put_time(c, "ScheduledTime", x->due_us);
    ft_aws_put_time(c, "CreationTime", x->created_us);
    ft_aws_put_time(c, "LastModifiedTime", x->modified_us);
    ft_aws_put(c, "MonitoringExecutionStatus", x->status);
    ft_aws_put(c, "ProcessingJobArn", ft_aws_arn(c, "sagemaker", "processing-job", x->name));
    ft_aws_put(c, "EndpointName", x->endpoint);
    ft_aws_put(c, "MonitoringType", FT_STR("DataQuality"));
    if (ft_str_is(x->status, "Failed"))
        ft_aws_put(c, "FailureReason", ft_str_slice(x->message, 0, 1024));
}

ft_err ft_monitoring_describe(ft_aws_call *c) {
    ft_schedule s;
    ft_execution *list;
    size_t count;
    ft_str name = ft_aws_str(c, "MonitoringScheduleName");
    ft_err err = ft_schedule_get(&s, c->store, c->arena, name);
    if (err == FT_ENOTFOUND) return unknown(c, name);
    FT_TRY(err);
    FT_TRY(ft_execution_list(&list, &count, c->store, c->arena, name));
    ft_aws_put(c, "MonitoringScheduleArn", ft_aws_arn(c, "sagemaker", KIND, name));
    ft_aws_put(c, "MonitoringScheduleName", s.name);
    ft_aws_put(c, "MonitoringScheduleStatus", status_of(&s));
    ft_aws_put(c, "MonitoringType", FT_STR("DataQuality"));
    ft_aws_put_time(c, "CreationTime", s.created_us);
    ft_aws_put_time(c, "LastModifiedTime", s.modified_us);
    ft_aws_put_raw(c, "MonitoringScheduleConfig", s.request_json);
    ft_aws_put(c, "EndpointName", s.endpoint);
    if (!count) return FT_OK;
    ft_json_out_name(&c->json, "LastMonitoringExecutionSummary");
    ft_json_out_object(&c->json);
    execution_members(c, &list[0]);
    ft_json_out_close(&c->json);
    return FT_OK;
}

ft_err ft_monitoring_list(ft_aws_call *c) {
    ft_schedule *list;
    ft_sagemaker_item *items;
    ft_str endpoint = ft_aws_str(c, "EndpointName"), type = ft_aws_str(c, "MonitoringTypeEquals");
    bool none = (type.len && !ft_str_is(type, "DataQuality")) ||
                ft_aws_str(c, "MonitoringJobDefinitionName").len;
    size_t all, count = 0;
    FT_TRY(ft_schedule_list(&list, &all, c->store, c->arena));
    FT_TRY(ft_arena_items(&items, c->arena, all + 1));
    for (size_t i = 0; i < all && !none; i++)
        if (!endpoint.len || ft_str_eq(list[i].endpoint, endpoint))
            items[count++] = (ft_sagemaker_item){ .name = list[i].name,
                                                  .status = status_of(&list[i]),
                                                  .created_us = list[i].created_us,
                                                  .modified_us = list[i].modified_us,
                                                  .of = &list[i] };
    FT_TRY(ft_sagemaker_page(c, items, &count));
    ft_json_out_name(&c->json, "MonitoringScheduleSummaries");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < count; i++) {
        const ft_schedule *s = items[i].of;
        ft_json_out_object(&c->json);
        ft_aws_put(c, "MonitoringScheduleName", s->name);
        ft_aws_put(c, "MonitoringScheduleArn", ft_aws_arn(c, "sagemaker", KIND, s->name));
        ft_aws_put_time(c, "CreationTime", s->created_us);
        ft_aws_put_time(c, "LastModifiedTime", s->modified_us);
        ft_aws_put(c, "MonitoringScheduleStatus", status_of(s));
        ft_aws_put(c, "EndpointName", s->endpoint);
        ft_aws_put(c, "MonitoringType", FT_STR("DataQuality"));
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}

/* The executions that the request asks for, as items. */
static ft_err executions_of(ft_sagemaker_item **out, size_t *count, ft_aws_call *c) {
    ft_execution *list;
    ft_str endpoint = ft_aws_str(c, "EndpointName"), type = ft_aws_str(c, "MonitoringTypeEquals");
    bool none = (type.len && !ft_str_is(type, "DataQuality")) ||
                ft_aws_str(c, "MonitoringJobDefinitionName").len;
    int64_t after, before;
    size_t all;
    *count = 0;
    FT_TRY(ft_sagemaker_time(&after, c, "ScheduledTimeAfter", INT64_MIN));
    FT_TRY(ft_sagemaker_time(&before, c, "ScheduledTimeBefore", INT64_MAX));
    FT_TRY(ft_execution_list(&list, &all, c->store, c->arena,
                             ft_aws_str(c, "MonitoringScheduleName")));
    FT_TRY(ft_arena_items(out, c->arena, all + 1));
    for (size_t i = 0; i < all && !none; i++) {
        const ft_execution *x = &list[i];
        if (x->due_us <= after || x->due_us >= before ||
            (endpoint.len && !ft_str_eq(endpoint, x->endpoint)))
            continue;
        (*out)[(*count)++] = (ft_sagemaker_item){ .name = x->name,
                                                  .status = x->status,
                                                  .created_us = x->created_us,
                                                  .modified_us = x->modified_us,
                                                  .of = x };
    }
    return FT_OK;
}

ft_err ft_monitoring_list_executions(ft_aws_call *c) {
    ft_sagemaker_item *items;
    size_t count;
    FT_TRY(executions_of(&items, &count, c));
    FT_TRY(ft_sagemaker_page(c, items, &count));
    ft_json_out_name(&c->json, "MonitoringExecutionSummaries");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&c->json);
        execution_members(c, items[i].of);
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}

/* ---- an execution as a processing job */

bool ft_monitoring_is_execution(ft_str job) {
    return ft_str_starts(job, FT_STR(FT_EXECUTION_NAME));
}

static void open(ft_aws_call *c, const char *name) {
    ft_json_out_name(&c->json, name);
    ft_json_out_object(&c->json);
}

static void close(ft_aws_call *c) { ft_json_out_close(&c->json); }

/* SDKs take the place of the reports from here. */
static void put_output(ft_aws_call *c, const ft_execution *x) {
    ft_str local = ft_json_find_text(c->arena, x->request_json,
                                     "MonitoringJobDefinition.MonitoringOutputConfig."
                                     "MonitoringOutputs.0.S3Output.LocalPath");
    open(c, "ProcessingOutputConfig");
    ft_json_out_name(&c->json, "Outputs");
    ft_json_out_array(&c->json);
    ft_json_out_object(&c->json);
    ft_aws_put(c, "OutputName", FT_STR("monitoring_output"));
    open(c, "S3Output");
    ft_aws_put(c, "S3Uri", x->output_uri);
    ft_aws_put(c, "LocalPath", local.len ? local : FT_STR("/opt/ml/processing/output"));
    ft_aws_put(c, "S3UploadMode", FT_STR("EndOfJob"));
    close(c);
    close(c);
    ft_json_out_close(&c->json);
    close(c);
}

/* What a program was given. */
static void put_program(ft_aws_call *c, const ft_execution *x) {
    static const struct {
        const char *from, *to;
    } members[] = { { "Environment", "Environment" },
                    { "StoppingCondition", "StoppingCondition" },
                    { "NetworkConfig", "NetworkConfig" },
                    { "RoleArn", "RoleArn" } };
    ft_str raw;
    char path[128];
    for (size_t i = 0; i < FT_COUNT(members); i++) {
        snprintf(path, sizeof path, "MonitoringJobDefinition.%s", members[i].from);
        if (ft_json_find(&raw, x->request_json, path) == FT_OK && !ft_str_is(raw, "null"))
            ft_aws_put_raw(c, members[i].to, raw);
    }
    if (ft_json_find(&raw, x->request_json,
                     "MonitoringJobDefinition.MonitoringInputs.0.EndpointInput") != FT_OK)
        return;
    ft_json_out_name(&c->json, "ProcessingInputs");
    ft_json_out_array(&c->json);
    ft_json_out_object(&c->json);
    ft_aws_put(c, "InputName", FT_STR("endpoint_input_1"));
    open(c, "S3Input");
    ft_str local = ft_json_find_text(c->arena, raw, "LocalPath");
    ft_aws_put(c, "S3Uri", x->output_uri);
    ft_aws_put(c, "LocalPath", local.len ? local : FT_STR("/opt/ml/processing/input/endpoint"));
    ft_aws_put(c, "S3DataType", FT_STR("S3Prefix"));
    ft_aws_put(c, "S3InputMode", FT_STR("File"));
    close(c);
    ft_json_out_close(&c->json);
    ft_json_out_close(&c->json);
}

static void put_resources(ft_aws_call *c, const ft_execution *x) {
    ft_str cluster;
    open(c, "ProcessingResources");
    if (ft_json_find(&cluster, x->request_json,
                     "MonitoringJobDefinition.MonitoringResources.ClusterConfig") != FT_OK)
        cluster =
            FT_STR("{\"InstanceCount\":1,\"InstanceType\":\"ml.m5.xlarge\",\"VolumeSizeInGB\":20}");
    ft_aws_put_raw(c, "ClusterConfig", cluster);
    close(c);
}

/* As processing jobs know four ends. */
static ft_str job_status(const ft_execution *x) {
    return ft_str_is(x->status, "CompletedWithViolations") ? FT_STR("Completed") : x->status;
}

static ft_err execution_of(ft_execution *x, ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "ProcessingJobName");
    ft_err err = ft_execution_get(x, c->store, c->arena, name);
    if (err != FT_ENOTFOUND) return err;
    return ft_aws_fail(c, 400, "ValidationException",
                       "Could not find requested job with name: %.*s",
                       FT_STR_ARG(ft_str_slice(name, 0, 256)));
}

ft_err ft_monitoring_items(ft_sagemaker_item **out, size_t *count, ft_aws_call *c) {
    ft_execution *list;
    size_t n;
    FT_TRY(ft_execution_list(&list, &n, c->store, c->arena, FT_STR("")));
    FT_TRY(ft_arena_items(out, c->arena, n + 1));
    for (size_t i = 0; i < n; i++) {
        bool going = ft_str_is(list[i].status, "InProgress");
        (*out)[i] = (ft_sagemaker_item){ .name = list[i].name,
                                         .status = job_status(&list[i]),
                                         .created_us = list[i].created_us,
                                         .modified_us = list[i].modified_us,
                                         .ended_us = going ? 0 : list[i].modified_us };
    }
    *count = n;
    return FT_OK;
}

ft_err ft_monitoring_stop_processing(ft_aws_call *c) {
    ft_execution x;
    FT_TRY(execution_of(&x, c));
    bool going = ft_str_is(x.status, "InProgress");
    ft_err err = going && x.program
                     ? ft_job_stop(c->store, x.name, FT_STR("StopProcessingJob was called"))
                     : FT_ECONFLICT;
    if (err != FT_ECONFLICT) return err;
    ft_str status = job_status(&x);
    return ft_aws_fail(c, 400, "ValidationException",
                       "The request was rejected because the processing job is in status %.*s.",
                       FT_STR_ARG(status));
}

ft_err ft_monitoring_describe_processing(ft_aws_call *c) {
    ft_execution x;
    ft_str image, raw;
    FT_TRY(execution_of(&x, c));
    bool failed = ft_str_is(x.status, "Failed"), going = ft_str_is(x.status, "InProgress");
    image = ft_json_find_text(c->arena, x.request_json,
                              "MonitoringJobDefinition.MonitoringAppSpecification.ImageUri");
    ft_aws_put(c, "ProcessingJobName", x.name);
    ft_aws_put(c, "ProcessingJobArn", ft_aws_arn(c, "sagemaker", "processing-job", x.name));
    ft_aws_put(c, "ProcessingJobStatus", job_status(&x));
    put_output(c, &x);
    put_resources(c, &x);
    open(c, "AppSpecification");
    ft_aws_put(c, "ImageUri", image.len ? image : FT_STR(IMAGE));
    static const char *const parts[] = { "ContainerEntrypoint", "ContainerArguments" };
    for (size_t i = 0; i < FT_COUNT(parts); i++) {
        char path[128];
        snprintf(path, sizeof path, "MonitoringJobDefinition.MonitoringAppSpecification.%s",
                 parts[i]);
        if (ft_json_find(&raw, x.request_json, path) == FT_OK && !ft_str_is(raw, "null"))
            ft_aws_put_raw(c, parts[i], raw);
    }
    close(c);
    put_program(c, &x);
    ft_aws_put_time(c, "CreationTime", x.created_us);
    ft_aws_put_time(c, "ProcessingStartTime", x.created_us);
    ft_aws_put_time(c, "LastModifiedTime", x.modified_us);
    if (!going) ft_aws_put_time(c, "ProcessingEndTime", x.modified_us);
    ft_aws_put(c, "MonitoringScheduleArn", ft_aws_arn(c, "sagemaker", KIND, x.schedule));
    if (failed)
        ft_aws_put(c, "FailureReason", ft_str_slice(x.message, 0, 1024));
    else if (x.message.len)
        ft_aws_put(c, "ExitMessage", ft_str_slice(x.message, 0, 1024));
    return FT_OK;
}
