/* sagemaker_in.h -- the pieces of the SageMaker service: operations by file, and what they share.
 * The rows stand in sagemaker.c. */
#ifndef FT_AWS_SAGEMAKER_IN_H
#define FT_AWS_SAGEMAKER_IN_H

#include "aws/aws.h"
#include "jobs/job.h"

/* ---- sagemaker_training.c */
ft_err ft_sagemaker_create_training(ft_aws_call *c);
ft_err ft_sagemaker_describe_training(ft_aws_call *c);
ft_err ft_sagemaker_stop_training(ft_aws_call *c);
ft_err ft_sagemaker_list_training(ft_aws_call *c);

/* ---- sagemaker_processing.c: rules as processing jobs */
ft_err ft_sagemaker_create_processing(ft_aws_call *c);
ft_err ft_sagemaker_describe_processing(ft_aws_call *c);
ft_err ft_sagemaker_stop_processing(ft_aws_call *c);
ft_err ft_sagemaker_list_processing(ft_aws_call *c);

/* ---- sagemaker_request.c: CreateTrainingJob's request as a job's specification. Everything is
 * checked; errors are AWS's. */
ft_err ft_sagemaker_training_spec(ft_job_spec *out, ft_aws_call *c, ft_str name);

#define FT_SAGEMAKER_INPUTS "inputs" /* folder of the home: <job>/<channel>/ */
/* The objects below an s3://… prefix as a file or folder. `named`: always a folder, and the objects
 * keep their names below the prefix' last '/'. */
ft_err ft_sagemaker_local(ft_str *out, ft_aws_call *c, ft_str uri, ft_str job, ft_str channel,
                          bool named);
/* "No S3 objects found under S3 URL …" */
ft_err ft_sagemaker_none_found(ft_aws_call *c, ft_str uri);
/* ---- sagemaker_channel.c: the i-th channel's way in, as ft_job_channel.source; at == NULL: plain
 * files of the object store. */
ft_err ft_sagemaker_channel_source(ft_str *json, ft_aws_call *c, size_t i);
/* The same as a member of inputdataconfig.json. */
void ft_sagemaker_channel_config(ft_json_out *w, ft_aws_call *c, size_t i);

/* What the specification's channels link to goes with the request that failed, or (chore) with the
 * job's end. */
ft_err ft_sagemaker_inputs_remove(ft_store *s, ft_arena *arena, ft_str job);
ft_err ft_sagemaker_inputs_chore(ft_store *s);

/* ---- sagemaker_program.c, sagemaker_process.c: programs of users (jobs/program.h) */
bool ft_sagemaker_is_program(ft_aws_call *c); /* CreateTrainingJob in script mode */
/* An image that is no built-in algorithm's: a program of this machine, or podman runs it. */
ft_err ft_sagemaker_image_check(ft_aws_call *c, ft_str image);
ft_err ft_sagemaker_program_params(ft_params **out, ft_aws_call *c);
/* ---- sagemaker_container.c: what containers of every kind share */
/* A ValidationException of the reason that is known: "<where>: <why>". */
ft_err ft_sagemaker_invalid(ft_aws_call *c, const char *where);
/* Into the parameter `environment`: AWS_REGION and what the request names. */
ft_err ft_sagemaker_environment(ft_params *params, ft_aws_call *c);
/* Arrays of texts (JSON), one after the other, as the parameter `name`. */
ft_err ft_sagemaker_texts(ft_params *params, const char *name, const ft_str *arrays, size_t count,
                          ft_arena *arena);
/* One text as a JSON array. */
ft_err ft_sagemaker_path_json(ft_str *out, ft_arena *arena, ft_str path);
/* The number of instances that `member` says, as local processes. */
ft_err ft_sagemaker_hosts(ft_params *params, ft_aws_call *c, const char *member);
/* s3://bucket/… in a bucket that there is: told when it is asked for, not when hours later
 * something is to be kept there. FT_BUCKET_DEFAULT is made as needed. */
ft_err ft_sagemaker_bucket_check(ft_aws_call *c, const char *where, ft_str uri);
/* A path below /opt/ml. */
ft_err ft_sagemaker_place_check(ft_aws_call *c, const char *where, ft_str place);
/* What a processing container runs, into the parameters of jobs/program.h: the entry point (a JSON
 * array; at == NULL: the image's own), its arguments. In words when that cannot be. */
ft_err ft_sagemaker_command(ft_params *params, ft_arena *arena, ft_str image, ft_str entry,
                            ft_str arguments);
/* The source archive, a channel that is no input. */
ft_err ft_sagemaker_program_source(ft_job_channel *out, ft_aws_call *c, ft_str job);
bool ft_sagemaker_has_program(ft_aws_call *c, ft_str processing_job);
ft_err ft_sagemaker_describe_program(ft_aws_call *c, ft_str processing_job);
ft_err ft_sagemaker_stop_program(ft_aws_call *c, ft_str processing_job);

/* ---- sagemaker_rules.c: the rules of a training job as the request names them. Rules over tensors
 * are watches of the job; reports are rows that a chore does after the job's end. */
typedef enum ft_rule_kind {
    FT_RULE_WATCH,   /* evaluated beside the job */
    FT_RULE_REPORT,  /* CreateXgboostReport */
    FT_RULE_PROFILER /* rules over system metrics */
} ft_rule_kind;

typedef struct ft_rule_job {
    ft_str name; /* as a processing job: "<job[:26]>-<configuration[:26]>-<8 hex>" */
    ft_str job, configuration, rule, params_json, image;
    ft_str details;
    ft_rule_kind kind;
    ft_watch_status status;
    int64_t created_us, modified_us;
} ft_rule_job;

/* The request's rules into `spec` (watches); FT_EINVAL in words. */
ft_err ft_sagemaker_rules_spec(ft_job_spec *spec, ft_aws_call *c);
/* Within the transaction that stores the job: rows of its reports. */
ft_err ft_sagemaker_rules_store(ft_aws_call *c, ft_str job);
/* The same for profiler rules that UpdateTrainingJob adds; FT_EEXIST for a name that is taken. */
ft_err ft_sagemaker_rules_more(ft_aws_call *c, ft_str job);
/* Every rule of one training job, or of all when `job` is empty; newest job first. */
ft_err ft_sagemaker_rules(ft_rule_job **out, size_t *count, ft_store *s, ft_arena *arena,
                          ft_str job);
/* Writes the reports of ended jobs. */
ft_err ft_sagemaker_rules_chore(ft_store *s);
ft_err ft_sagemaker_rules_prepare(ft_store *s);

/* ---- sagemaker_analyzer.c: Model Monitor's own image as a processing job */
bool ft_sagemaker_is_analyzer(ft_aws_call *c); /* CreateProcessingJob */
ft_err ft_sagemaker_analyzer(ft_params *params, ft_aws_call *c);

/* ---- sagemaker_shared.c */
/* 1 to 63 letters, digits and hyphens; the ValidationException of AWS, `member` in its spelling. */
ft_err ft_sagemaker_name_check(ft_aws_call *c, const char *member, ft_str name);
/* "s3://b/p" + "/job/output/…" with one slash; a trailing slash of the prefix is dropped. */
ft_err ft_sagemaker_join(ft_str *out, ft_arena *arena, ft_str prefix, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What a List operation shows and is asked by. */
typedef struct ft_sagemaker_item {
    ft_str name, status;
    int64_t created_us, modified_us, ended_us;
    const void *of; /* the caller's own */
} ft_sagemaker_item;
/* Processing jobs that run programs (sagemaker_process.c). */
ft_err ft_sagemaker_programs(ft_sagemaker_item **out, size_t *count, ft_aws_call *c);
/* Filter by NameContains, StatusEquals and times, sort by SortBy and SortOrder, cut to the page:
 * items [0, *count) are the answer; NextToken is put when there are more. */
ft_err ft_sagemaker_page(ft_aws_call *c, ft_sagemaker_item *items, size_t *count);

/* ---- sagemaker_shared.c: a time as AWS's JSON has it (epoch seconds, maybe with a fraction), in
 * µs. */
ft_err ft_sagemaker_time(int64_t *out_us, ft_aws_call *c, const char *member, int64_t fallback);

#endif
