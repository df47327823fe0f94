/* sagemaker_processing.c -- processing jobs. Each rule of a training job is one, by the last part
 * of its RuleEvaluationJobArn; the others run a program (sagemaker_process.c). */
#include "aws/monitoring_in.h"
#include "aws/sagemaker_in.h"
#include "base/check.h"

#define RULES_IMAGE "sagemaker-debugger-rules:latest"

static const char *status_name(ft_watch_status s) {
    switch (s) {
    case FT_WATCH_IN_PROGRESS:
        return "InProgress";
    case FT_WATCH_NO_ISSUES:
    case FT_WATCH_ISSUES:
        return "Completed";
    case FT_WATCH_ERROR:
        return "Failed";
    case FT_WATCH_STOPPED:
        break;
    }
    return "Stopped";
}

static bool has_ended(const ft_rule_job *r) { return r->status != FT_WATCH_IN_PROGRESS; }

/* ARNs are lower case on AWS, and clients take the name from there. */
static ft_err find(const ft_rule_job **out, ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "ProcessingJobName");
    ft_rule_job *list;
    size_t count;
    FT_TRY(ft_sagemaker_rules(&list, &count, c->store, c->arena, FT_STR("")));
    for (size_t i = 0; i < count; i++)
        if (ft_str_ieq(list[i].name, name)) {
            *out = &list[i];
            return FT_OK;
        }
    return ft_aws_fail(c, 400, "ValidationException",
                       "Could not find requested job with name: %.*s",
                       FT_STR_ARG(ft_str_slice(name, 0, 256)));
}

static void open(ft_aws_call *c, const char *name) {
    ft_json_out_name(&c->json, name);
    ft_json_out_object(&c->json);
}

static void close(ft_aws_call *c) { ft_json_out_close(&c->json); }

/* A rule runs on this machine, in its host. */
static void cluster_put(ft_aws_call *c) {
    open(c, "ProcessingResources");
    open(c, "ClusterConfig");
    ft_aws_put_int(c, "InstanceCount", 1);
    ft_aws_put(c, "InstanceType", FT_STR("ml.t3.medium"));
    ft_aws_put_int(c, "VolumeSizeInGB", 1);
    close(c);
    close(c);
}

static void environment_put(ft_aws_call *c, const ft_rule_job *r) {
    open(c, "Environment");
    ft_aws_put(c, "rule_to_invoke", r->rule);
    ft_aws_put(c, "rule_parameters", ft_str_slice(r->params_json, 0, 256));
    close(c);
}

ft_err ft_sagemaker_describe_processing(ft_aws_call *c) {
    const ft_rule_job *r;
    ft_str name = ft_aws_str(c, "ProcessingJobName");
    if (ft_sagemaker_has_program(c, name)) return ft_sagemaker_describe_program(c, name);
    FT_TRY(find(&r, c));
    ft_aws_put(c, "ProcessingJobName", r->name);
    ft_aws_put(c, "ProcessingJobArn", ft_aws_arn(c, "sagemaker", "processing-job", r->name));
    ft_aws_put(c, "ProcessingJobStatus", ft_str_of(status_name(r->status)));
    ft_aws_put(c, "TrainingJobArn", ft_aws_arn(c, "sagemaker", "training-job", r->job));
    cluster_put(c);
    open(c, "AppSpecification");
    ft_aws_put(c, "ImageUri", r->image.len ? r->image : FT_STR(RULES_IMAGE));
    close(c);
    environment_put(c, r);
    ft_aws_put_time(c, "CreationTime", r->created_us);
    ft_aws_put_time(c, "ProcessingStartTime", r->created_us);
    ft_aws_put_time(c, "LastModifiedTime", r->modified_us);
    if (has_ended(r)) ft_aws_put_time(c, "ProcessingEndTime", r->modified_us);
    if (r->status == FT_WATCH_ERROR)
        ft_aws_put(c, "FailureReason", ft_str_slice(r->details, 0, 1024));
    else if (r->details.len)
        ft_aws_put(c, "ExitMessage", ft_str_slice(r->details, 0, 1024));
    return FT_OK;
}

ft_err ft_sagemaker_list_processing(ft_aws_call *c) {
    ft_rule_job *rules;
    ft_sagemaker_item *items, *programs, *executions;
    size_t count, program_count, execution_count;
    FT_TRY(ft_sagemaker_rules(&rules, &count, c->store, c->arena, FT_STR("")));
    FT_TRY(ft_sagemaker_programs(&programs, &program_count, c));
    FT_TRY(ft_monitoring_items(&executions, &execution_count, c));
    FT_TRY(ft_arena_items(&items, c->arena, count + program_count + execution_count + 1));
    for (size_t i = 0; i < count; i++)
        items[i] =
            (ft_sagemaker_item){ .name = rules[i].name,
                                 .status = ft_str_of(status_name(rules[i].status)),
                                 .created_us = rules[i].created_us,
                                 .modified_us = rules[i].modified_us,
                                 .ended_us = has_ended(&rules[i]) ? rules[i].modified_us : 0 };
    for (size_t i = 0; i < program_count; i++) items[count++] = programs[i];
    for (size_t i = 0; i < execution_count; i++) items[count++] = executions[i];
    FT_TRY(ft_sagemaker_page(c, items, &count));
    ft_json_out_name(&c->json, "ProcessingJobSummaries");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&c->json);
        ft_aws_put(c, "ProcessingJobName", items[i].name);
        ft_aws_put(c, "ProcessingJobArn",
                   ft_aws_arn(c, "sagemaker", "processing-job", items[i].name));
        ft_aws_put_time(c, "CreationTime", items[i].created_us);
        ft_aws_put_time(c, "ProcessingEndTime", items[i].ended_us);
        ft_aws_put_time(c, "LastModifiedTime", items[i].modified_us);
        ft_aws_put(c, "ProcessingJobStatus", items[i].status);
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}

/* A rule lives and ends with its training job; alone it cannot be stopped. */
ft_err ft_sagemaker_stop_processing(ft_aws_call *c) {
    const ft_rule_job *r;
    ft_str name = ft_aws_str(c, "ProcessingJobName");
    if (ft_monitoring_is_execution(name)) return ft_monitoring_stop_processing(c);
    if (ft_sagemaker_has_program(c, name)) return ft_sagemaker_stop_program(c, name);
    FT_TRY(find(&r, c));
    if (has_ended(r))
        return ft_aws_fail(c, 400, "ValidationException",
                           "The request was rejected because the processing job is in status %s.",
                           status_name(r->status));
    return ft_aws_fail(c, 400, "ValidationException",
                       "%.*s is a rule of the training job %.*s and ends with it; StopTrainingJob "
                       "stops both",
                       FT_STR_ARG(r->name), FT_STR_ARG(r->job));
}
