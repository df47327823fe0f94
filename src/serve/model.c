/* model.c -- a model behind an endpoint: from its URI to a loaded predictor, its hash, and what can
 * be said of it. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "jobs/job.h"
#include "serve/endpoint_in.h"
#include "serve/taps.h"
#include "store/objects.h"
#include "trials/collection.h"

#define MODEL_FILES_MAX 10000

/* The folder that holds the keys below a prefix: where the first of them lies. */
static ft_err prefix_path(const char **out, ft_store *s, ft_arena *arena, ft_uri uri) {
    ft_object *found;
    size_t count;
    bool more;
    ft_str prefix, path;
    while (ft_str_ends(uri.key, FT_STR("/"))) uri.key.len--;
    FT_TRY(ft_arena_printf(&prefix, arena, "%.*s/", FT_STR_ARG(uri.key)));
    FT_TRY(ft_object_list(&found, &count, &more, s, arena, uri.bucket, prefix, FT_STR(""), 1));
    if (!count)
        return FT_FAIL(FT_ENOTFOUND, "there is no model at s3://%.*s/%.*s", FT_STR_ARG(uri.bucket),
                       FT_STR_ARG(uri.key));
    FT_TRY(ft_object_path(out, s, arena, uri.bucket, found[0].key));
    size_t below = found[0].key.len - prefix.len;
    path = ft_str_of(*out);
    if (!ft_str_ends(path, ft_str_from(found[0].key, prefix.len)))
        return FT_FAIL(FT_EUNSUPPORTED, "model at s3://%.*s/%.*s: its keys cannot be file names",
                       FT_STR_ARG(uri.bucket), FT_STR_ARG(uri.key));
    FT_TRY(ft_arena_str(&path, arena, ft_str_slice(path, 0, path.len - below - 1)));
    *out = path.at;
    return FT_OK;
}

/* A server runs in another folder than who deploys: "../m.onnx" from the root on. The folder is
 * followed, the last name is not, so that what stands beside it stays beside it. */
static ft_err path_whole(ft_str *path, ft_arena *arena) {
    char whole[PATH_MAX];
    ft_str base = ft_path_base(*path), folder = ft_str_slice(*path, 0, path->len - base.len);
    if (ft_str_starts(*path, FT_STR("/")) || ft_str_find(*path, ':') < path->len) return FT_OK;
    if (!base.len || ft_str_is(base, ".") || ft_str_is(base, "..")) {
        folder = *path;
        base = (ft_str){ 0 };
    }
    FT_TRY(ft_arena_printf(&folder, arena, "%.*s", FT_STR_ARG(folder.len ? folder : FT_STR("."))));
    if (!realpath(folder.at, whole)) return FT_FAIL_ERRNO("%s", folder.at);
    return ft_arena_printf(path, arena, "%s%s%.*s", whole, base.len ? "/" : "", FT_STR_ARG(base));
}

/* A file or folder on this machine for a model URI. */
ft_err ft_endpoint_model_path(const char **out, ft_store *s, ft_arena *arena, ft_str text) {
    ft_uri uri;
    ft_object object;
    if (!ft_str_starts(text, FT_STR("s3://"))) {
        ft_str path;
        FT_TRY(ft_arena_str(&path, arena, text));
        *out = path.at;
        return ft_file_exists(*out) ? FT_OK
                                    : FT_FAIL(FT_ENOTFOUND, "there is no model at %s", *out);
    }
    FT_TRY(ft_uri_parse(&uri, text));
    if (uri.key.len && !ft_str_ends(uri.key, FT_STR("/"))) {
        ft_err err = ft_object_head(&object, s, arena, uri.bucket, uri.key);
        if (err == FT_OK) return ft_object_path(out, s, arena, uri.bucket, uri.key);
        if (err != FT_ENOTFOUND) return err;
        ft_err_clear();
    }
    return prefix_path(out, s, arena, uri);
}

typedef struct lines { /* "<sha256>  <path below the folder>" */
    ft_buf text;
    size_t files;
} lines;

static ft_err line_add(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    lines *l = ctx;
    char sha[FT_SHA256_HEX];
    FT_UNUSED(info);
    if (++l->files > MODEL_FILES_MAX)
        return FT_FAIL(FT_ETOOBIG, "%s: more than %d files are no model", path, MODEL_FILES_MAX);
    FT_TRY(ft_sha256_file(sha, path));
    return ft_buf_printf(&l->text, "%s  %.*s\n", sha, FT_STR_ARG(below));
}

static ft_err folder_sha256(char out[FT_SHA256_HEX], ft_arena *arena, const char *path) {
    lines l = { 0 };
    ft_err err = ft_dir_walk(&(ft_dir_walker){ .arena = arena, .file = line_add, .ctx = &l }, path);
    if (err == FT_OK) err = ft_sha256_hex(out, ft_buf_str(&l.text));
    ft_buf_fini(&l.text);
    return err;
}

/* The hash that lineage knows the model by: the job's own when a job made it. */
static ft_err model_sha256(ft_str *out, ft_store *s, ft_arena *arena, const char *path,
                           ft_str job_name) {
    char sha[FT_SHA256_HEX];
    ft_file_info info;
    ft_job job;
    if (job_name.len) {
        FT_TRY(ft_job_get(&job, s, arena, job_name));
        if (job.model_sha256.len) {
            *out = job.model_sha256;
            return FT_OK;
        }
    }
    FT_TRY(ft_file_stat(&info, path));
    if (info.is_dir)
        FT_TRY(folder_sha256(sha, arena, path));
    else
        FT_TRY(ft_sha256_file(sha, path));
    return ft_arena_str(out, arena, ft_str_of(sha));
}

/* ---- tensors of its requests */

typedef struct asked { /* a tap that only says what it wants */
    ft_matcher *matcher;
} asked;

static bool asked_wants(void *self, const char *name, int64_t step) {
    bool has = false;
    FT_UNUSED(step);
    if (ft_matcher_has(&has, ((asked *)self)->matcher, ft_str_of(name)) != FT_OK) ft_err_clear();
    return has;
}

static ft_err tap_names_check(const ft_model *m, ft_str regex) {
    static const ft_tap_ops ops = { .wants = asked_wants };
    ft_collection c = {
        .name = FT_STR("default"), .include = &regex, .include_count = 1, .save = { .interval = 1 }
    };
    asked a = { 0 };
    if (!m->predictor->shows)
        return FT_FAIL(FT_EUNSUPPORTED, "tensors '%.*s': a model of predictor '%s' shows none",
                       FT_STR_ARG(regex), m->predictor->name);
    FT_TRY(ft_matcher_new(&a.matcher, &c));
    ft_err err = m->predictor->shows(m, &(ft_tap){ .ops = &ops, .self = &a });
    ft_matcher_free(a.matcher);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "tensors '%.*s'", FT_STR_ARG(regex));
}

/* A bucket that is there, or a folder that can be made and written to. */
static ft_err tap_place_check(ft_store *s, ft_arena *arena, ft_str place) {
    ft_uri uri;
    ft_str path = { 0 };
    if (!place.len) return FT_OK;
    if (ft_str_starts(place, FT_STR("s3://"))) {
        FT_TRY(ft_uri_parse(&uri, place));
        if (ft_bucket_exists(s, uri.bucket)) return FT_OK;
        return FT_FAIL(FT_ENOTFOUND, "tensors to '%.*s': there is no bucket '%.*s'",
                       FT_STR_ARG(place), FT_STR_ARG(uri.bucket));
    }
    FT_TRY(ft_arena_str(&path, arena, place));
    ft_err err = ft_dir_make(path.at);
    if (err == FT_OK && access(path.at, W_OK) != 0) err = FT_FAIL_ERRNO("not written to");
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "tensors to '%s'", path.at);
}

static ft_str without_slashes(ft_str place) {
    while (place.len > 1 && ft_str_ends(place, FT_STR("/"))) place.len--;
    return place;
}

/* Two endpoints that count steps at one place would write over each other's. */
static ft_err tap_place_alone(ft_store *s, ft_arena *arena, const ft_endpoint *ep) {
    ft_endpoint *all;
    size_t count;
    ft_str own, other;
    FT_TRY(ft_taps_uri(&own, arena, ep));
    FT_TRY(ft_endpoint_list(&all, &count, s, arena));
    for (size_t i = 0; i < count; i++) {
        if (!all[i].tap_regex.len || ft_str_eq(all[i].name, ep->name)) continue;
        FT_TRY(ft_taps_uri(&other, arena, &all[i]));
        if (ft_str_eq(without_slashes(own), without_slashes(other)))
            return FT_FAIL(FT_ECONFLICT,
                           "tensors to '%.*s': endpoint '%.*s' writes there; give each its own",
                           FT_STR_ARG(own), FT_STR_ARG(all[i].name));
    }
    return FT_OK;
}

/* ---- exported */

ft_err ft_endpoint_load(ft_model **out, ft_store *s, ft_str model_uri) {
    ft_arena arena = FT_ARENA_INIT(0);
    const ft_predictor *predictor;
    const char *path;
    ft_err err;
    *out = NULL;
    FT_GOTO(err, ft_endpoint_model_path(&path, s, &arena, model_uri));
    FT_GOTO(err, ft_predictor_for(&predictor, path));
    FT_GOTO(err, predictor->load(out, path));
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_model_examine(ft_store *s, ft_arena *arena, ft_endpoint *ep) {
    const char *path = NULL;
    ft_model *model = NULL;
    FT_TRY(path_whole(&ep->model_uri, arena));
    FT_TRY(ft_endpoint_model_path(&path, s, arena, ep->model_uri));
    if (!ep->model_sha256.len) FT_TRY(model_sha256(&ep->model_sha256, s, arena, path, ep->job));
    FT_TRY(ft_endpoint_load(&model, s, ep->model_uri));
    ep->predictor = ft_str_of(model->predictor->name);
    ft_err err = ep->tap_regex.len ? tap_names_check(model, ep->tap_regex) : FT_OK;
    model->predictor->free(model);
    if (err == FT_OK && ep->tap_regex.len) err = tap_place_check(s, arena, ep->tap_uri);
    if (err == FT_OK && ep->tap_regex.len) err = tap_place_alone(s, arena, ep);
    return err;
}

ft_err ft_endpoint_unchanged(ft_str model_uri, ft_str sha256) {
    ft_arena arena = FT_ARENA_INIT(0);
    char sha[FT_SHA256_HEX];
    ft_file_info info;
    ft_str path = { 0 };
    ft_err err = FT_OK;
    if (!ft_str_starts(model_uri, FT_STR("/")) || !sha256.len) return FT_OK;
    FT_GOTO(err, ft_arena_str(&path, &arena, model_uri));
    FT_GOTO(err, ft_file_stat(&info, path.at));
    if (info.is_dir) goto done;
    FT_GOTO(err, ft_sha256_file(sha, path.at));
    if (!ft_str_is(sha256, sha))
        err = FT_FAIL(FT_ECONFLICT,
                      "%s is another file than was deployed: deploy it again, or put that one back",
                      path.at);
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_endpoint_model(ft_model **out, ft_store *s, ft_str endpoint) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_endpoint ep;
    ft_err err;
    *out = NULL;
    FT_GOTO(err, ft_endpoint_get(&ep, s, &arena, endpoint));
    FT_GOTO(err, ft_endpoint_load(out, s, ep.model_uri));
done:
    ft_arena_fini(&arena);
    return err;
}
