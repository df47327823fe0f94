/* sagemaker_training.c -- training jobs: created from a request, started by the server's runner,
 * described with every member that clients read. */
#include <stdio.h>

#include "aws/sagemaker_in.h"
#include "aws/sagemaker_metrics.h"
#include "aws/tags.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#define JOBS_LISTED_MAX 100000

static ft_str arn_of(ft_aws_call *c, ft_str name) {
    return ft_aws_arn(c, "sagemaker", "training-job", name);
}

static ft_err unknown(ft_aws_call *c) {
    return ft_aws_fail(c, 400, "ValidationException", "Requested resource not found.");
}

/* A processing job is none, though it is a job. */
static bool is_training(const ft_job *job) { return !ft_str_is(job->algorithm, "processing"); }

static void text_put(ft_json_out *w, const char *name, ft_str value) {
    ft_json_out_name(w, name);
    ft_json_out_str(w, value);
}

/* As it would have been asked for, of a job that another door made. */
static ft_err request_made(ft_str *out, ft_aws_call *c, const ft_job *job) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str given;
    int64_t runtime_s = job->max_runtime_us ? job->max_runtime_us / FT_SECOND_US : 86400;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    if (ft_json_find(&given, job->config_json, "hyperparameters") == FT_OK && given.at[0] == '{')
        ft_json_out_name(&w, "HyperParameters"), ft_json_out_raw(&w, given);
    ft_err_clear();
    ft_json_out_name(&w, "AlgorithmSpecification");
    ft_json_out_object(&w);
    text_put(&w, "TrainingImage", job->algorithm);
    text_put(&w, "TrainingInputMode", FT_STR("File"));
    ft_json_out_close(&w);
    ft_json_out_name(&w, "OutputDataConfig");
    ft_json_out_object(&w);
    text_put(&w, "S3OutputPath", job->output_uri);
    ft_json_out_close(&w);
    ft_json_out_name(&w, "ResourceConfig");
    ft_json_out_raw(&w, FT_STR("{\"InstanceType\":\"ml.m5.large\",\"InstanceCount\":1,"
                               "\"VolumeSizeInGB\":1}"));
    ft_json_out_name(&w, "StoppingCondition");
    ft_json_out_object(&w);
    ft_json_out_name(&w, "MaxRuntimeInSeconds"), ft_json_out_i64(&w, runtime_s > 0 ? runtime_s : 1);
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_arena_str(out, c->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

/* The request as it came. */
static ft_err request_of(ft_str *out, ft_aws_call *c, ft_str name) {
    ft_job job;
    ft_err err = ft_db_one(ft_store_db(c->store), c->arena,
                           "select request from aws_training where name = ?", "s", "s", name, out);
    if (err != FT_ENOTFOUND) return err;
    ft_err_clear();
    err = ft_job_get(&job, c->store, c->arena, name);
    if (err == FT_ENOTFOUND || (err == FT_OK && !is_training(&job))) {
        ft_err_clear();
        return unknown(c);
    }
    return err == FT_OK ? request_made(out, c, &job) : err;
}

/* ---- CreateTrainingJob */

static ft_err store(ft_aws_call *c, const ft_job_spec *spec) {
    ft_str name;
    FT_TRY(ft_job_create(&name, c->store, c->arena, spec));
    FT_TRY(ft_db_run(ft_store_db(c->store),
                     "insert into aws_training (name, request) values (?, ?)", "ss", name,
                     c->body));
    FT_TRY(ft_sagemaker_metrics_store(c, name));
    return ft_sagemaker_rules_store(c, name);
}

static ft_err stored(ft_aws_call *c, const ft_job_spec *spec) {
    ft_db *db = ft_store_db(c->store);
    FT_TRY(ft_db_begin(db));
    ft_err err = store(c, spec);
    if (err == FT_OK) return ft_db_commit(db);
    ft_db_rollback(db);
    return err;
}

/* What a room below refuses is the request's fault, in its own words. */
static ft_err refused(ft_aws_call *c, ft_err err, ft_str name) {
    if (c->error_code) return err;
    if (err == FT_EEXIST) {
        ft_str arn = arn_of(c, name);
        return ft_aws_fail(c, 400, "ResourceInUse",
                           "Training job names must be unique within an AWS account and region, "
                           "and a training job with this name already exists (%.*s)",
                           FT_STR_ARG(arn));
    }
    if (err == FT_ENOTFOUND || err == FT_EINVAL || err == FT_EUNSUPPORTED || err == FT_EPARSE)
        return ft_aws_fail(c, 400, "ValidationException", "%s", ft_err_why());
    return err;
}

ft_err ft_sagemaker_create_training(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "TrainingJobName");
    ft_job_spec spec;
    ft_job there;
    FT_TRY(ft_sagemaker_name_check(c, "trainingJobName", name));
    if (ft_job_get(&there, c->store, c->arena, name) == FT_OK) return refused(c, FT_EEXIST, name);
    ft_err_clear();
    FT_TRY(ft_aws_tags_check(c));
    FT_TRY(ft_sagemaker_metrics_check(c));
    ft_err err = ft_sagemaker_training_spec(&spec, c, name);
    if (err == FT_OK) err = stored(c, &spec);
    if (err != FT_OK) {
        bool taken = err == FT_EEXIST;
        err = refused(c, err, name);
        ft_err left = taken ? FT_OK : ft_sagemaker_inputs_remove(c->store, c->arena, name);
        if (left != FT_OK) ft_log_err(FT_LOG_WARN, "aws", left, "inputs of a refused job");
        return err;
    }
    ft_aws_put(c, "TrainingJobArn", arn_of(c, name));
    return ft_aws_tags_add(c, arn_of(c, name));
}

/* ---- DescribeTrainingJob */

static ft_str asked(ft_str request, const char *name) {
    ft_str raw;
    if (ft_json_find(&raw, request, name) != FT_OK || ft_str_is(raw, "null")) return (ft_str){ 0 };
    return raw;
}

static void request_put(ft_aws_call *c, ft_str request) {
    static const char *const members[] = { "HyperParameters",
                                           "AlgorithmSpecification",
                                           "RoleArn",
                                           "InputDataConfig",
                                           "OutputDataConfig",
                                           "ResourceConfig",
                                           "VpcConfig",
                                           "StoppingCondition",
                                           "CheckpointConfig",
                                           "DebugHookConfig",
                                           "ExperimentConfig",
                                           "DebugRuleConfigurations",
                                           "TensorBoardOutputConfig",
                                           "ProfilerConfig",
                                           "ProfilerRuleConfigurations",
                                           "RetryStrategy",
                                           "Environment" };
    static const char *const flags[] = { "EnableNetworkIsolation",
                                         "EnableInterContainerTrafficEncryption",
                                         "EnableManagedSpotTraining" };
    for (size_t i = 0; i < FT_COUNT(members); i++)
        ft_aws_put_raw(c, members[i], asked(request, members[i]));
    for (size_t i = 0; i < FT_COUNT(flags); i++)
        ft_aws_put_bool(c, flags[i], ft_str_is(asked(request, flags[i]), "true"));
}

static ft_err transitions_put(ft_aws_call *c, const ft_job *job) {
    ft_job_transition *list;
    size_t count;
    FT_TRY(ft_job_transitions(&list, &count, c->store, c->arena, job->name));
    ft_json_out_name(&c->json, "SecondaryStatusTransitions");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&c->json);
        ft_aws_put(c, "Status", list[i].status);
        ft_aws_put_time(c, "StartTime", list[i].start_us);
        bool last = i + 1 == count && ft_job_status_final(job->status);
        ft_aws_put_time(c, "EndTime", last ? list[i].start_us : list[i].end_us);
        ft_aws_put(c, "StatusMessage", list[i].message);
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}

static const ft_rule_job *rule_named(const ft_rule_job *rules, size_t count, ft_str configuration,
                                     bool profiler) {
    for (size_t i = 0; i < count; i++)
        if (ft_str_eq(rules[i].configuration, configuration) &&
            (rules[i].kind == FT_RULE_PROFILER) == profiler)
            return &rules[i];
    return NULL;
}

/* Statuses in the order of the request. */
static ft_err statuses_put(ft_aws_call *c, ft_str request, const char *list, const char *member,
                           const ft_rule_job *rules, size_t count) {
    ft_str name, raw = asked(request, list);
    bool profiler = ft_str_starts(ft_str_of(list), FT_STR("Profiler"));
    ft_json j;
    if (!raw.at) return FT_OK;
    ft_json_out_name(&c->json, member);
    ft_json_out_array(&c->json);
    ft_json_init(&j, raw, c->arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        ft_str item;
        FT_TRY(ft_json_skip(&j, &item));
        name = ft_json_find_text(c->arena, item, "RuleConfigurationName");
        const ft_rule_job *r = rule_named(rules, count, name, profiler);
        if (!r) continue;
        ft_json_out_object(&c->json);
        ft_aws_put(c, "RuleConfigurationName", name);
        ft_aws_put(c, "RuleEvaluationJobArn",
                   ft_aws_arn(c, "sagemaker", "processing-job", r->name));
        ft_aws_put(c, "RuleEvaluationStatus", ft_str_of(ft_watch_status_name(r->status)));
        if (r->details.len) ft_aws_put(c, "StatusDetails", ft_str_slice(r->details, 0, 1024));
        ft_aws_put_time(c, "LastModifiedTime", r->modified_us);
        ft_json_out_close(&c->json);
    }
    FT_TRY(ft_json_end(&j));
    ft_json_out_close(&c->json);
    return FT_OK;
}

static void times_put(ft_aws_call *c, const ft_job *job) {
    int64_t begin = job->training_us ? job->training_us : job->started_us;
    int64_t end = job->training_end_us ? job->training_end_us : job->ended_us;
    ft_aws_put_time(c, "CreationTime", job->created_us);
    ft_aws_put_time(c, "LastModifiedTime", job->modified_us);
    ft_aws_put_time(c, "TrainingStartTime", begin);
    if (!ft_job_status_final(job->status) || !begin) return;
    ft_aws_put_time(c, "TrainingEndTime", end > begin ? end : job->ended_us);
    int64_t seconds =
        ((end > begin ? end : job->ended_us) - begin + FT_SECOND_US - 1) / FT_SECOND_US;
    if (seconds < 1) seconds = 1;
    ft_aws_put_int(c, "TrainingTimeInSeconds", seconds);
    ft_aws_put_int(c, "BillableTimeInSeconds", seconds);
}

static ft_err state_put(ft_aws_call *c, const ft_job *job) {
    ft_str uri, reason;
    FT_TRY(ft_sagemaker_join(&uri, c->arena, job->output_uri, "%.*s/output/model.tar.gz",
                             FT_STR_ARG(job->name)));
    ft_json_out_name(&c->json, "ModelArtifacts");
    ft_json_out_object(&c->json);
    ft_aws_put(c, "S3ModelArtifacts", uri);
    ft_json_out_close(&c->json);
    ft_aws_put(c, "TrainingJobStatus", ft_str_of(ft_job_status_name(job->status)));
    ft_aws_put(c, "SecondaryStatus", job->secondary);
    if (job->status == FT_JOB_FAILED) {
        FT_TRY(ft_arena_printf(&reason, c->arena, "AlgorithmError: %.*s, exit code: %d",
                               FT_STR_ARG(ft_str_slice(job->reason, 0, 900)), job->exit_code));
        ft_aws_put(c, "FailureReason", reason);
    }
    times_put(c, job);
    return transitions_put(c, job);
}

ft_err ft_sagemaker_describe_training(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "TrainingJobName"), request;
    ft_rule_job *rules;
    size_t count;
    ft_job job;
    FT_TRY(request_of(&request, c, name));
    FT_TRY(ft_job_get(&job, c->store, c->arena, name));
    FT_TRY(ft_sagemaker_rules(&rules, &count, c->store, c->arena, name));
    ft_aws_put(c, "TrainingJobName", name);
    ft_aws_put(c, "TrainingJobArn", arn_of(c, name));
    FT_TRY(state_put(c, &job));
    FT_TRY(ft_sagemaker_metrics_put(c, name));
    request_put(c, request);
    FT_TRY(statuses_put(c, request, "DebugRuleConfigurations", "DebugRuleEvaluationStatuses", rules,
                        count));
    return statuses_put(c, request, "ProfilerRuleConfigurations", "ProfilerRuleEvaluationStatuses",
                        rules, count);
}

/* ---- StopTrainingJob, ListTrainingJobs */

ft_err ft_sagemaker_stop_training(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "TrainingJobName"), request;
    ft_job job;
    FT_TRY(request_of(&request, c, name));
    ft_err err = ft_job_stop(c->store, name, FT_STR("StopTrainingJob was called"));
    if (err != FT_ECONFLICT) return err;
    FT_TRY(ft_job_get(&job, c->store, c->arena, name));
    return ft_aws_fail(c, 400, "ValidationException",
                       "The request was rejected because the training job is in status %s.",
                       ft_job_status_name(job.status));
}

ft_err ft_sagemaker_list_training(ft_aws_call *c) {
    ft_job *jobs;
    ft_sagemaker_item *items;
    size_t count, n = 0;
    FT_TRY(ft_job_list(&jobs, &count, c->store, c->arena, JOBS_LISTED_MAX));
    FT_TRY(ft_arena_items(&items, c->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        if (is_training(&jobs[i]))
            items[n++] =
                (ft_sagemaker_item){ .name = jobs[i].name,
                                     .status = ft_str_of(ft_job_status_name(jobs[i].status)),
                                     .created_us = jobs[i].created_us,
                                     .modified_us = jobs[i].modified_us,
                                     .ended_us = jobs[i].ended_us };
    }
    FT_TRY(ft_sagemaker_page(c, items, &n));
    ft_json_out_name(&c->json, "TrainingJobSummaries");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < n; i++) {
        ft_json_out_object(&c->json);
        ft_aws_put(c, "TrainingJobName", items[i].name);
        ft_aws_put(c, "TrainingJobArn", arn_of(c, items[i].name));
        ft_aws_put_time(c, "CreationTime", items[i].created_us);
        ft_aws_put_time(c, "TrainingEndTime", items[i].ended_us);
        ft_aws_put_time(c, "LastModifiedTime", items[i].modified_us);
        ft_aws_put(c, "TrainingJobStatus", items[i].status);
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}
