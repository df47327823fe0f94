/* model_place.c -- see model_place.h. */
#include "cli/model_place.h"

#include "base/files.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/tar.h"

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
