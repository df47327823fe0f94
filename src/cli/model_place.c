/* model_place.c -- see model_place.h. */
#include "cli/model_place.h"

#include <stdio.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/tar.h"
#include "serve/endpoint.h"
#include "store/lineage.h"

static bool is_archive(ft_str path) {
    return ft_str_ends(path, FT_STR(".tar.gz")) || ft_str_ends(path, FT_STR(".tgz")) ||
           ft_str_ends(path, FT_STR(".tar"));
}

/* Beside its place first, so that what is there is whole. */
static ft_err unpack(const char *archive, const char *folder, ft_arena *arena) {
    char id[FT_UUID_TEXT];
    ft_str beside = { 0 };
    ft_uuid(id);
    FT_TRY(ft_arena_printf(&beside, arena, "%s-%s", folder, id));
    FT_TRY(ft_dir_make(beside.at));
    ft_err err = ft_tar_unpack(archive, beside.at, NULL);
    if (err == FT_OK) err = ft_file_rename(beside.at, folder);
    if (err != FT_OK) ft_dir_remove(beside.at);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "%s", archive);
}

ft_err ft_cli_model_place(ft_str *out, ft_cli *cli, ft_store *s, ft_str path) {
    char sha[FT_SHA256_HEX];
    ft_file_info info;
    ft_str file = { 0 };
    FT_TRY(ft_arena_str(&file, &cli->arena, path));
    *out = file;
    if (!is_archive(path) || ft_str_starts(path, FT_STR("s3://"))) return FT_OK;
    FT_TRY(ft_file_stat(&info, file.at));
    if (info.is_dir) return FT_OK;
    FT_TRY(ft_sha256_file(sha, file.at));
    FT_TRY(ft_arena_printf(out, &cli->arena, "%s/models/%s", ft_store_home(s), sha));
    return ft_file_exists(out->at) ? FT_OK : unpack(file.at, out->at, &cli->arena);
}

/* ---- what a user calls a model */

static bool may_be_job(ft_str given) {
    return ft_str_find(given, '.') == given.len && ft_str_find(given, '/') == given.len &&
           ft_str_find(given, ':') == given.len;
}

ft_err ft_cli_model_job(bool *is_job, ft_job *job, ft_cli *cli, ft_str given) {
    ft_store *s;
    ft_str path = { 0 };
    *is_job = false;
    *job = (ft_job){ 0 };
    FT_TRY(ft_arena_str(&path, &cli->arena, given));
    bool file = ft_file_exists(path.at);
    if (!may_be_job(given) && (file || ft_str_starts(given, FT_STR("s3://")))) return FT_OK;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_jobs_recover(s, NULL));
    ft_err err = ft_job_get(job, s, &cli->arena, given);
    if (err == FT_ENOTFOUND && file) {
        ft_err_clear();
        return FT_OK;
    }
    if (err == FT_ENOTFOUND)
        return ft_err_prefix(err, "no file or folder '%.*s'", FT_STR_ARG(given));
    FT_TRY(err);
    *is_job = true;
    if (file)
        fprintf(stderr, "taking job %.*s; what lies here by that name is ./%.*s\n",
                FT_STR_ARG(given), FT_STR_ARG(given));
    if (job->model_uri.len) return FT_OK;
    if (job->status == FT_JOB_IN_PROGRESS)
        return FT_FAIL(FT_ECONFLICT, "job %.*s is still running: it has no model before its end",
                       FT_STR_ARG(job->name));
    return FT_FAIL(FT_ECONFLICT, "job %.*s left no model (status %s%s)", FT_STR_ARG(job->name),
                   ft_job_status_name(job->status),
                   job->status == FT_JOB_STOPPED
                       ? "; --set save_model_on_termination=true keeps the model of a stopped job"
                       : "");
}

/* "fashion" or "fashion@3" of what serves, or served, under that name. */
static ft_err endpoint_uri(ft_str *out, ft_cli *cli, ft_str name, ft_str version) {
    ft_store *s;
    ft_endpoint ep;
    int64_t number;
    FT_TRY(ft_cli_store(&s, cli));
    if (!version.at)
        FT_TRY(ft_endpoint_get(&ep, s, &cli->arena, name));
    else if (ft_str_i64(&number, version) && number == (int)number)
        FT_TRY(ft_endpoint_version(&ep, s, &cli->arena, name, (int)number));
    else
        return FT_FAIL(FT_EINVAL, "endpoint:%.*s@%.*s: a version is a number", FT_STR_ARG(name),
                       FT_STR_ARG(version));
    *out = ep.model_uri;
    return FT_OK;
}

static ft_err uri_of(ft_str *out, ft_cli *cli, ft_str given) {
    ft_str name, version;
    ft_job job;
    bool is_job;
    if (ft_lineage_id_read(&name, &version, FT_LINEAGE_ENDPOINT, given))
        return endpoint_uri(out, cli, name, version);
    FT_TRY(ft_cli_model_job(&is_job, &job, cli, given));
    *out = is_job ? job.model_uri : given;
    return FT_OK;
}

ft_err ft_cli_model_file(ft_str *out, ft_cli *cli, ft_str given) {
    ft_store *s;
    const char *path;
    ft_str uri;
    FT_TRY(uri_of(&uri, cli, given));
    FT_TRY(ft_arena_str(out, &cli->arena, uri));
    bool object = ft_str_starts(uri, FT_STR("s3://"));
    if (!object && !is_archive(uri)) return FT_OK;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_endpoint_model_path(&path, s, &cli->arena, uri));
    return ft_cli_model_place(out, cli, s, ft_str_of(path));
}
