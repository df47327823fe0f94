/* sagemaker_program.c -- CreateTrainingJob with a program of the user's: script mode
 * (sagemaker_program, sagemaker_submit_directory), a program of this machine, or an image. It
 * becomes a job of the algorithm "program" (jobs/program.h); what jobs/image.h calls a framework is
 * not run as an image: the program finds the Python of this machine. */
#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "jobs/container.h"
#include "jobs/image.h"
#include "jobs/program.h"
#include "store/objects.h"

#define CHECKPOINTS FT_CONTAINER_PLACE "/checkpoints"
#define TENSORS     FT_CONTAINER_PLACE "/output/tensors"

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

ft_err ft_sagemaker_image_check(ft_aws_call *c, ft_str name) {
    ft_image image;
    ft_err err = ft_image_find(&image, c->arena, name, FT_IMAGE_TRAIN);
    if (err != FT_OK) return ft_sagemaker_invalid(c, "AlgorithmSpecification.TrainingImage");
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
        FT_TRY(ft_sagemaker_path_json(&entry, c->arena, image.program));
        if (!more.at) more = train;
    }
    FT_TRY(ft_sagemaker_texts(params, "command", &entry, entry.at ? 1 : 0, c->arena));
    return ft_sagemaker_texts(params, "arguments", &more, more.at ? 1 : 0, c->arena);
}

static ft_err kept_of(ft_params *params, ft_aws_call *c) {
    ft_str uri = ft_aws_str(c, "CheckpointConfig.S3Uri"),
           path = ft_aws_str(c, "CheckpointConfig.LocalPath"),
           tensors = ft_aws_str(c, "DebugHookConfig.LocalPath");
    if (ft_aws_raw(c, "CheckpointConfig").at) {
        FT_TRY(ft_sagemaker_bucket_check(c, "CheckpointConfig.S3Uri", uri));
        FT_TRY(ft_params_set(params, FT_STR("checkpoint_uri"), uri));
    }
    if (path.len) {
        FT_TRY(ft_sagemaker_place_check(c, "CheckpointConfig", path));
        FT_TRY(ft_params_set(params, FT_STR("checkpoint_path"), path));
    }
    if (!tensors.len) return FT_OK;
    FT_TRY(ft_sagemaker_place_check(c, "DebugHookConfig", tensors));
    return ft_params_set(params, FT_STR("tensor_path"), tensors);
}

ft_err ft_sagemaker_program_params(ft_params **out, ft_aws_call *c) {
    ft_str config;
    FT_TRY(ft_params_new(out, c->arena, ft_algorithm_program.params));
    FT_TRY(training_command(*out, c));
    FT_TRY(param_raw(*out, "hyperparameters", ft_aws_raw(c, "HyperParameters")));
    FT_TRY(ft_sagemaker_hosts(*out, c, "ResourceConfig.InstanceCount"));
    FT_TRY(kept_of(*out, c));
    if (ft_sagemaker_environment(*out, c) != FT_OK) return ft_sagemaker_invalid(c, "Environment");
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
