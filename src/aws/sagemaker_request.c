/* sagemaker_request.c -- CreateTrainingJob's members as a job: image -> algorithm,
 * HyperParameters, channels on S3 -> files of the object store, DebugHookConfig -> collections. */
#include <stdio.h>

#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "data/table.h"
#include "debug/hook_config.h"
#include "store/objects.h"

#define CHANNELS_MAX        20 /* as SageMaker's */
#define CHANNEL_OBJECTS_MAX 10000
#define HOOK_INTERVAL       10 /* XGBoost's hook, when nothing is said */
#define RUNTIME_MAX_S       (28 * 24 * 3600)
#define MODEL_NAME          "model.json=xgboost-model" /* as the built-in container leaves it */

static ft_err invalid(ft_aws_call *c, const char *where) {
    return ft_aws_fail(c, 400, "ValidationException", "%s: %s", where, ft_err_why());
}

/* ---- the image. Built-in algorithms are known by the repository's last name. */

static const struct {
    const char *image, *algorithm;
} images[] = { { "sagemaker-xgboost", "xgboost" }, { "xgboost", "xgboost" } };

static ft_err algorithm_of(ft_str *out, ft_aws_call *c) {
    ft_str image = ft_aws_str(c, "AlgorithmSpecification.TrainingImage"),
           base = ft_path_base(image);
    if (ft_sagemaker_is_program(c)) {
        *out = FT_STR("program");
        return FT_OK;
    }
    if (!image.len)
        return ft_aws_fail(c, 400, "ValidationException",
                           "AlgorithmSpecification.TrainingImage: an image is needed; algorithms "
                           "of the marketplace are not here");
    ft_str name = ft_str_cut(&base, ':');
    name = ft_str_cut(&name, '@');
    for (size_t i = 0; i < FT_COUNT(images); i++)
        if (ft_str_is(name, images[i].image)) {
            *out = ft_str_of(images[i].algorithm);
            return FT_OK;
        }
    *out = FT_STR("program");
    return ft_sagemaker_image_check(c, image);
}

/* ---- HyperParameters: texts; names that the SDK adds for itself are not the algorithm's */

static bool is_own(ft_str name) {
    return ft_str_starts(name, FT_STR("sagemaker_")) || ft_str_starts(name, FT_STR("_"));
}

static ft_err params_of(ft_params **out, ft_aws_call *c, const ft_algorithm *algorithm) {
    ft_str raw = ft_aws_raw(c, "HyperParameters"), name, value;
    ft_json j;
    if (algorithm->runs_program) return ft_sagemaker_program_params(out, c);
    FT_TRY(ft_params_new(out, c->arena, algorithm->params));
    if (raw.at) {
        ft_json_init(&j, raw, c->arena, &(ft_json_opts){ .name = "HyperParameters" });
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            FT_TRY(ft_json_string(&j, &value)); /* SerializationException for another type */
            if (!is_own(name) && ft_params_set(*out, name, ft_str_trim(value)) != FT_OK)
                return invalid(c, "HyperParameters");
        }
        FT_TRY(ft_json_end(&j));
    }
    ft_err err = ft_params_finish(*out);
    if (err == FT_OK && algorithm->validate) err = algorithm->validate(*out);
    return err == FT_OK ? FT_OK : invalid(c, "HyperParameters");
}

/* ---- channels */

static ft_str member(ft_aws_call *c, size_t i, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "InputDataConfig.%zu.%s", i, name);
    return ft_aws_str(c, path);
}

ft_err ft_sagemaker_none_found(ft_aws_call *c, ft_str uri) {
    return ft_aws_fail(c, 400, "ValidationException",
                       "No S3 objects found under S3 URL \"%.*s\" given in input data source. "
                       "Please ensure that the bucket exists in the selected region (%.*s), that "
                       "objects exist under that S3 prefix, and that the role \"%.*s\" has "
                       "\"s3:ListBucket\" permissions on bucket",
                       FT_STR_ARG(uri), FT_STR_ARG(c->region),
                       FT_STR_ARG(ft_aws_str(c, "RoleArn")));
}

/* One object under its own name below the prefix' folder. */
static ft_err linked_named(ft_aws_call *c, const ft_object *object, ft_str folder, ft_str prefix) {
    const char *path;
    ft_str name = object->key, to, parent, rest;
    size_t cut = prefix.len;
    if (cut && cut < name.len && name.at[cut] == '/') cut++; /* the prefix names a folder */
    while (cut && name.at[cut - 1] != '/') cut--;
    name = ft_str_from(name, cut);
    if (!name.len || name.at[name.len - 1] == '/') return FT_OK; /* a console's "folder" */
    for (rest = name; rest.at && rest.len;) {
        ft_str part = ft_str_cut(&rest, '/');
        if (!part.len || ft_str_is(part, ".") || ft_str_is(part, ".."))
            return ft_aws_fail(c, 400, "ValidationException", "the key '%.*s' is no file name",
                               FT_STR_ARG(object->key));
    }
    FT_TRY(ft_object_path(&path, c->store, c->arena, object->bucket, object->key));
    FT_TRY(ft_arena_printf(&to, c->arena, "%.*s/%.*s", FT_STR_ARG(folder), FT_STR_ARG(name)));
    ft_str base = ft_path_base(to);
    FT_TRY(ft_arena_str(&parent, c->arena, ft_str_slice(to, 0, to.len - base.len)));
    FT_TRY(ft_dir_make(parent.at));
    return ft_file_link(path, to.at);
}

/* Several objects: a folder of links, each named by its order and last name. The job so reads what
 * was there when it was asked for, whatever happens to the keys. */
static ft_err linked(ft_str *out, ft_aws_call *c, const ft_object *list, size_t count, ft_str job,
                     ft_str channel, ft_str named) {
    const char *path;
    ft_str folder, to;
    FT_TRY(ft_arena_printf(&folder, c->arena, "%s/" FT_SAGEMAKER_INPUTS "/%.*s/%.*s",
                           ft_store_home(c->store), FT_STR_ARG(job), FT_STR_ARG(channel)));
    FT_TRY(ft_dir_remove(folder.at));
    FT_TRY(ft_dir_make(folder.at));
    for (size_t i = 0; i < count; i++) {
        ft_str base = ft_path_base(list[i].key);
        if (named.at) {
            FT_TRY(linked_named(c, &list[i], folder, named));
            continue;
        }
        if (!base.len || base.at[0] == '.' || base.at[0] == '_') continue;
        FT_TRY(ft_object_path(&path, c->store, c->arena, list[i].bucket, list[i].key));
        FT_TRY(ft_arena_printf(&to, c->arena, "%s/%05zu-%.*s", folder.at, i,
                               FT_STR_ARG(ft_str_slice(base, 0, 200))));
        FT_TRY(ft_file_link(path, to.at));
    }
    *out = folder;
    return FT_OK;
}

/* S3Prefix is a prefix of keys as text: one object, a folder, or whatever begins so. */
ft_err ft_sagemaker_local(ft_str *out, ft_aws_call *c, ft_str text, ft_str job, ft_str channel,
                          bool named) {
    ft_uri uri;
    ft_object *list;
    size_t count;
    bool more;
    const char *path;
    if (ft_uri_parse(&uri, text) != FT_OK) return invalid(c, "S3Uri");
    if (!ft_bucket_exists(c->store, uri.bucket)) return ft_sagemaker_none_found(c, text);
    FT_TRY(ft_object_list(&list, &count, &more, c->store, c->arena, uri.bucket, uri.key, FT_STR(""),
                          CHANNEL_OBJECTS_MAX));
    if (more)
        return ft_aws_fail(c, 400, "ValidationException", "%.*s: more than %d objects",
                           FT_STR_ARG(text), CHANNEL_OBJECTS_MAX);
    if (!count) return ft_sagemaker_none_found(c, text);
    if (count == 1 && !named) {
        FT_TRY(ft_object_path(&path, c->store, c->arena, uri.bucket, list[0].key));
        *out = ft_str_of(path);
        return FT_OK;
    }
    return linked(out, c, list, count, job, channel,
                  named ? uri.key.len ? uri.key : FT_STR("") : (ft_str){ 0 });
}

ft_err ft_sagemaker_inputs_remove(ft_store *s, ft_arena *arena, ft_str job) {
    ft_str folder;
    FT_TRY(ft_arena_printf(&folder, arena, "%s/" FT_SAGEMAKER_INPUTS "/%.*s", ft_store_home(s),
                           FT_STR_ARG(job)));
    return ft_dir_remove(folder.at);
}

ft_err ft_sagemaker_inputs_chore(ft_store *s) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path;
    ft_str *names;
    size_t count = 0;
    ft_err err;
    FT_GOTO(err, ft_path_join(&path, &arena, ft_store_home(s), FT_SAGEMAKER_INPUTS));
    if (ft_file_exists(path)) FT_GOTO(err, ft_dir_list(&names, &count, &arena, path));
    for (size_t i = 0; i < count; i++) {
        ft_job job;
        err = ft_job_get(&job, s, &arena, names[i]);
        if (err == FT_OK && ft_job_status_final(job.status))
            err = ft_sagemaker_inputs_remove(s, &arena, names[i]);
        if (err != FT_ENOTFOUND) FT_GOTO(err, err); /* unknown: it is just being asked for */
    }
    err = FT_OK;
done:
    ft_arena_fini(&arena);
    return err;
}

/* "text/csv; charset=utf-8" -> the table format that names it; empty: told from the content. */
static ft_err format_of(ft_str *out, ft_aws_call *c, ft_str type) {
    ft_str media = ft_str_trim(ft_str_cut(&type, ';'));
    *out = FT_STR("");
    if (!media.len) return FT_OK;
    for (const ft_table_format *const *f = ft_table_formats; *f; f++) {
        ft_str rest = ft_str_of((*f)->media_types);
        while (rest.at)
            if (ft_str_ieq(ft_str_cut(&rest, '|'), media)) {
                *out = ft_str_of((*f)->name);
                return FT_OK;
            }
    }
    if (ft_str_is(media, "csv") || ft_str_is(media, "libsvm")) {
        *out = media;
        return FT_OK;
    }
    return ft_aws_fail(c, 400, "ValidationException",
                       "InputDataConfig: the content type '%.*s' is not read here; text/csv, "
                       "text/libsvm and application/x-recordio-protobuf are",
                       FT_STR_ARG(media));
}

static ft_err channel_of(ft_job_channel *out, ft_aws_call *c, size_t i, ft_str job, bool program) {
    ft_str uri = member(c, i, "DataSource.S3DataSource.S3Uri");
    *out = (ft_job_channel){ .name = member(c, i, "ChannelName"),
                             .label = FT_STR("first"),
                             .header = -1 };
    bool good = out->name.len && out->name.len <= 64;
    for (size_t k = 0; good && k < out->name.len; k++)
        good = strchr("/%", out->name.at[k]) == NULL && out->name.at[0] != '.';
    if (!good)
        return ft_aws_fail(c, 400, "ValidationException",
                           "InputDataConfig: channel %zu has no usable ChannelName", i + 1);
    if (!uri.len)
        return ft_aws_fail(c, 400, "ValidationException",
                           "InputDataConfig: channel %.*s: only S3DataSource is read here",
                           FT_STR_ARG(out->name));
    FT_TRY(ft_sagemaker_channel_source(&out->source, c, i));
    if (program)
        out->label = FT_STR("");
    else
        FT_TRY(format_of(&out->format, c, member(c, i, "ContentType")));
    if (ft_str_is(out->name, "model")) out->label = FT_STR(""); /* no table */
    out->path = uri;
    if (out->source.len) return FT_OK;
    return ft_sagemaker_local(&out->path, c, uri, job, out->name, program);
}

static ft_err channels_of(ft_job_spec *spec, ft_aws_call *c, bool program) {
    ft_job_channel *channels;
    size_t count = ft_aws_count(c, "InputDataConfig");
    if (count > CHANNELS_MAX)
        return ft_aws_fail(c, 400, "ValidationException",
                           "InputDataConfig: %zu channels, at most %d are possible", count,
                           CHANNELS_MAX);
    FT_TRY(ft_arena_items(&channels, c->arena, count + 2));
    for (size_t i = 0; i < count; i++) FT_TRY(channel_of(&channels[i], c, i, spec->name, program));
    if (program && ft_sagemaker_is_program(c))
        FT_TRY(ft_sagemaker_program_source(&channels[count++], c, spec->name));
    spec->channels = channels, spec->channel_count = count;
    return FT_OK;
}

/* ---- the rest */

static ft_err hook_of(ft_job_spec *spec, ft_aws_call *c) {
    ft_hook_config config;
    ft_str raw = ft_aws_raw(c, "DebugHookConfig");
    if (ft_hook_config_parse(&config, c->arena, raw.at ? raw : FT_STR("{}"), HOOK_INTERVAL) !=
        FT_OK)
        return invalid(c, "DebugHookConfig");
    spec->debug_uri = config.s3_output_path;
    spec->collections = config.collections;
    spec->collection_count = config.collection_count;
    return FT_OK;
}

/* Programs share the work as local processes (sagemaker_program.c). */
static ft_err machine_check(ft_aws_call *c, bool program) {
    int64_t count;
    FT_TRY(ft_aws_int(&count, c, "ResourceConfig.InstanceCount", 1));
    if (count != 1 && !program)
        return ft_aws_fail(c, 400, "ValidationException",
                           "ResourceConfig.InstanceCount: %lld; this machine is one instance",
                           (long long)count);
    return FT_OK;
}

ft_err ft_sagemaker_training_spec(ft_job_spec *out, ft_aws_call *c, ft_str name) {
    int64_t runtime_s;
    ft_params *params;
    *out = (ft_job_spec){ .name = name, .archive = FT_STR(MODEL_NAME) };
    FT_TRY(algorithm_of(&out->algorithm, c));
    FT_TRY(machine_check(c, ft_str_is(out->algorithm, "program")));
    out->output_uri = ft_aws_str(c, "OutputDataConfig.S3OutputPath");
    if (!out->output_uri.len)
        return ft_aws_fail(c, 400, "ValidationException",
                           "1 validation error detected: Value null at "
                           "'outputDataConfig.s3OutputPath' failed to satisfy constraint: Member "
                           "must not be null");
    FT_TRY(ft_aws_int(&runtime_s, c, "StoppingCondition.MaxRuntimeInSeconds", 86400));
    if (runtime_s < 1 || runtime_s > RUNTIME_MAX_S)
        return ft_aws_fail(c, 400, "ValidationException",
                           "StoppingCondition.MaxRuntimeInSeconds: %lld is outside [1, %d]",
                           (long long)runtime_s, RUNTIME_MAX_S);
    out->max_runtime_us = runtime_s * FT_SECOND_US;
    const ft_algorithm *algorithm = ft_algorithm_find(out->algorithm);
    if (!algorithm)
        return ft_aws_fail(c, 400, "ValidationException", "this program lacks the algorithm %.*s",
                           FT_STR_ARG(out->algorithm));
    FT_TRY(params_of(&params, c, algorithm));
    out->params = params;
    FT_TRY(channels_of(out, c, algorithm->runs_program));
    if (algorithm->runs_program) out->archive = FT_STR("");
    FT_TRY(hook_of(out, c));
    return ft_sagemaker_rules_spec(out, c);
}
