/* model_place.c -- see model_place.h. */
#include "cli/model_place.h"

#include "base/files.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/tar.h"
#include "jobs/job.h"
#include "store/objects.h"

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

/* A network's folder has a network.json; a model of one file is that object. */
static ft_err object_file(ft_str *out, ft_store *s, ft_arena *arena, ft_str text) {
    ft_uri uri;
    ft_str told;
    const char *at;
    FT_TRY(ft_uri_parse(&uri, text));
    FT_TRY(ft_arena_printf(&told, arena, "%.*s/network.json", FT_STR_ARG(uri.key)));
    if (ft_object_path(&at, s, arena, uri.bucket, told) == FT_OK) {
        *out = ft_str_n(at, strlen(at) - strlen("/network.json"));
        return ft_arena_str(out, arena, *out);
    }
    ft_err_clear();
    FT_TRY(ft_object_path(&at, s, arena, uri.bucket, uri.key));
    *out = ft_str_of(at);
    return FT_OK;
}

ft_err ft_cli_model_file(ft_str *out, ft_cli *cli, ft_str given) {
    ft_store *s;
    ft_job job;
    FT_TRY(ft_arena_str(out, &cli->arena, given));
    bool object = ft_str_starts(given, FT_STR("s3://"));
    if (!object && (ft_file_exists(out->at) || ft_str_find(given, '.') < given.len ||
                    ft_str_find(given, '/') < given.len))
        return FT_OK;
    FT_TRY(ft_cli_store(&s, cli));
    if (object) return object_file(out, s, &cli->arena, given);
    FT_TRY(ft_job_get(&job, s, &cli->arena, given));
    if (!job.model_uri.len)
        return FT_FAIL(FT_ENOTFOUND, "job %.*s left no model", FT_STR_ARG(job.name));
    return object_file(out, s, &cli->arena, job.model_uri);
}
