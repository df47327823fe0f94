/* model_program.c -- a SageMaker model that brings a program: image, environment and code become
 * the specification of serve/program.h, an object beside the model's files, so that it is a model
 * like any other from there on. */
#include <stdio.h>

#include "aws/hosting_in.h"
#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "jobs/image.h"
#include "serve/program.h"
#include "store/objects.h"

#define PLACE      "models"
#define SOURCE_MAX ((size_t)1 << 30)
#define INFERENCE  "inference.py"

typedef struct source {
    ft_aws_call *c;
    ft_str model; /* the request */
    ft_str image, data_url;
    ft_str data; /* where its files lie: "s3://…/"; empty: it has none */
    ft_program_spec spec;
} source;

ft_str ft_model_member(ft_aws_call *c, ft_str model, const char *member) {
    static const char *const places[] = { "PrimaryContainer", "Containers.0" };
    for (size_t i = 0; i < FT_COUNT(places); i++) {
        ft_str path;
        if (ft_arena_printf(&path, c->arena, "%s.%s", places[i], member) != FT_OK) break;
        ft_str text = ft_json_find_text(c->arena, model, path.at);
        if (text.at) return text;
    }
    return (ft_str){ 0 };
}

/* An object as it stands; empty when it has none. */
static ft_str environment_of(ft_str model) {
    static const char *const places[] = { "PrimaryContainer.Environment",
                                          "Containers.0.Environment" };
    ft_str raw;
    for (size_t i = 0; i < FT_COUNT(places); i++)
        if (ft_json_find(&raw, model, places[i]) == FT_OK && ft_str_starts(raw, FT_STR("{")))
            return raw;
    ft_err_clear();
    return (ft_str){ 0 };
}

/* ---- what the data holds */

static ft_err below(ft_uri *out, const source *s, const char *name) {
    FT_TRY(ft_uri_parse(out, s->data));
    while (ft_str_ends(out->key, FT_STR("/"))) out->key.len--;
    return ft_arena_printf(&out->key, s->c->arena, "%.*s/%s", FT_STR_ARG(out->key), name);
}

static bool has(const source *s, const char *name) {
    ft_object object;
    ft_uri uri;
    bool there = s->data.len && below(&uri, s, name) == FT_OK &&
                 ft_object_head(&object, s->c->store, s->c->arena, uri.bucket, uri.key) == FT_OK;
    ft_err_clear();
    return there;
}

/* The data's folder as the specification's folder sees it: both are below the store's objects. */
static ft_err data_place(source *s) {
    ft_uri uri;
    ft_str path;
    if (!s->data.len) return FT_OK;
    FT_TRY(ft_uri_parse(&uri, s->data));
    while (ft_str_ends(uri.key, FT_STR("/"))) uri.key.len--;
    FT_TRY(ft_arena_printf(&path, s->c->arena, "%s/objects/%.*s/%.*s", ft_store_home(s->c->store),
                           FT_STR_ARG(uri.bucket), FT_STR_ARG(uri.key)));
    if (!ft_file_exists(path.at))
        return FT_FAIL(FT_ENOTFOUND, "there are no model files at %.*s", FT_STR_ARG(s->data));
    return ft_arena_printf(&s->spec.data, s->c->arena, "../../../%.*s/%.*s", FT_STR_ARG(uri.bucket),
                           FT_STR_ARG(uri.key));
}

/* ---- its code */

/* "s3://…/sourcedir.tar.gz": kept beside the specification, since clients tidy up. `bytes` stay
 * mapped. */
static ft_err code_of(source *s, ft_str *bytes) {
    ft_str url = ft_model_member(s->c, s->model, "Environment.SAGEMAKER_SUBMIT_DIRECTORY");
    ft_object object;
    const char *path;
    ft_uri uri;
    *bytes = (ft_str){ 0 };
    if (!ft_str_starts(url, FT_STR("s3://"))) return FT_OK; /* in the model's own folder */
    FT_TRY(ft_uri_parse(&uri, url));
    ft_err err = ft_object_head(&object, s->c->store, s->c->arena, uri.bucket, uri.key);
    if (err == FT_ENOTFOUND)
        return FT_FAIL(FT_ENOTFOUND, "SAGEMAKER_SUBMIT_DIRECTORY: there is no %.*s",
                       FT_STR_ARG(url));
    FT_TRY(err);
    FT_TRY(ft_arena_printf(&s->spec.source, s->c->arena, "source-%s.tar.gz", object.sha256));
    FT_TRY(ft_object_path(&path, s->c->store, s->c->arena, uri.bucket, uri.key));
    return ft_file_map(bytes, path);
}

/* In code/, or beside the model. */
static bool has_script(const source *s) {
    ft_str path;
    return ft_arena_printf(&path, s->c->arena, "code/%.*s", FT_STR_ARG(s->spec.program)) == FT_OK &&
           (has(s, path.at) || has(s, path.at + 5));
}

/* A program named serve among the model's files. */
static bool brings_server(source *s) {
    static const char *const servers[] = { "serve", "code/serve" };
    for (size_t i = 0; i < FT_COUNT(servers); i++)
        if (has(s, servers[i])) {
            s->spec.run = FT_PROGRAM_FILE;
            s->spec.program = ft_str_of(servers[i]);
            return true;
        }
    return false;
}

static ft_err script_of(source *s) {
    ft_str program = ft_model_member(s->c, s->model, "Environment.SAGEMAKER_PROGRAM"),
           submit = ft_model_member(s->c, s->model, "Environment.SAGEMAKER_SUBMIT_DIRECTORY");
    s->spec.run = FT_PROGRAM_SCRIPT;
    s->spec.program = program.len ? program : FT_STR(INFERENCE);
    bool tensorflow = ft_str_is(s->spec.framework, "tensorflow"),
         elsewhere = ft_str_starts(submit, FT_STR("s3://"));
    bool script = program.len || elsewhere || has_script(s);
    if ((tensorflow || !script) && brings_server(s)) return FT_OK;
    if (tensorflow)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "the image %.*s serves by TensorFlow Serving, which is not here; a program "
                       "of yours (\"serve\") is run",
                       FT_STR_ARG(s->image));
    if (elsewhere) return FT_OK; /* its content is told when it starts */
    if (has_script(s)) return FT_OK;
    if (program.len)
        return FT_FAIL(FT_ENOTFOUND, "SAGEMAKER_PROGRAM: the model's archive has no code/%.*s",
                       FT_STR_ARG(program));
    return FT_FAIL(FT_EUNSUPPORTED,
                   "the model brings no inference code: image %.*s needs code/" INFERENCE
                   " or a program named serve in its archive, or SAGEMAKER_PROGRAM in its "
                   "Environment",
                   FT_STR_ARG(s->image));
}

/* An image that is nothing here: the model's files may bring what is run. */
static bool brings_program(source *s) {
    if (brings_server(s)) return true;
    if (!has(s, "code/" INFERENCE)) return false;
    s->spec.run = FT_PROGRAM_SCRIPT;
    ft_str program = ft_model_member(s->c, s->model, "Environment.SAGEMAKER_PROGRAM");
    s->spec.program = program.len ? program : FT_STR(INFERENCE);
    return true;
}

/* Files that a built-in predictor knows need no program, whatever image is named. */
static bool is_built_in(const source *s) {
    ft_model *model = NULL;
    ft_err err = s->data.len ? ft_endpoint_load(&model, s->c->store, s->data) : FT_ENOTFOUND;
    ft_err_clear();
    if (err != FT_OK) return false;
    bool program = model->predictor == &ft_predictor_program;
    model->predictor->free(model);
    return !program;
}

/* *program is false: the data stands for itself. */
static ft_err spec_of(source *s, bool *program) {
    ft_image image;
    *program = false;
    ft_str asked = ft_model_member(s->c, s->model, "Environment.SAGEMAKER_PROGRAM");
    if (!asked.len && is_built_in(s)) return FT_OK;
    *program = true;
    ft_err err = ft_image_find(&image, s->c->arena, s->image, FT_IMAGE_SERVE);
    if (err == FT_EUNSUPPORTED) {
        ft_str why;
        FT_TRY(ft_arena_str(&why, s->c->arena, ft_str_of(ft_err_why())));
        ft_err_clear();
        if (brings_program(s)) return FT_OK;
        return asked.len ? script_of(s) : FT_FAIL(FT_EUNSUPPORTED, "%.*s", FT_STR_ARG(why));
    }
    FT_TRY(err);
    s->spec.framework = image.framework;
    if (image.kind == FT_IMAGE_FRAMEWORK) return script_of(s);
    s->spec.run = image.kind == FT_IMAGE_PROGRAM ? FT_PROGRAM_FILE : FT_PROGRAM_IMAGE;
    s->spec.program = image.program;
    return FT_OK;
}

static ft_err spec_store(ft_str *uri, source *s, ft_str code) {
    char sha256[FT_SHA256_HEX];
    ft_store *store = s->c->store;
    ft_str json, key;
    FT_TRY(ft_program_spec_write(&json, s->c->arena, &s->spec));
    FT_TRY(ft_sha256_hex(sha256, json));
    if (s->spec.source.len) {
        FT_TRY(ft_arena_printf(&key, s->c->arena, PLACE "/%s/%.*s", sha256,
                               FT_STR_ARG(s->spec.source)));
        FT_TRY(ft_object_put(NULL, store, FT_STR(FT_BUCKET_DEFAULT), key, code, NULL));
    }
    FT_TRY(ft_arena_printf(&key, s->c->arena, PLACE "/%s/" FT_PROGRAM_SPEC, sha256));
    FT_TRY(ft_object_put(NULL, store, FT_STR(FT_BUCKET_DEFAULT), key, json, NULL));
    return ft_arena_printf(uri, s->c->arena, "s3://" FT_BUCKET_DEFAULT "/" PLACE "/%s/", sha256);
}

ft_err ft_model_place(ft_str *uri, ft_aws_call *c, ft_str model, int64_t start_s) {
    source s = { .c = c,
                 .model = model,
                 .image = ft_model_member(c, model, "Image"),
                 .data_url = ft_model_member(c, model, "ModelDataUrl"),
                 .data = FT_STR("") };
    ft_str code;
    bool program;
    s.spec.image = s.image;
    s.spec.start_s = start_s;
    if (s.data_url.len) FT_TRY(ft_model_archive_place(&s.data, c->store, c->arena, s.data_url));
    FT_TRY(spec_of(&s, &program));
    *uri = s.data;
    if (!program) return FT_OK;
    s.spec.environment_json = environment_of(model);
    FT_TRY(data_place(&s));
    FT_TRY(code_of(&s, &code));
    ft_err err = spec_store(uri, &s, code);
    ft_file_unmap(code);
    return err;
}
