/* dataset_names.c -- names of classes beside a file whose format has no place for them:
 * FILE.classes.json, {"classes":["cat","dog"]}. Written with the file, read when it is opened as
 * the first of a dataset; a file that is written without names takes old ones away. */
#include "base/files.h"
#include "base/json.h"
#include "data/dataset_in.h"
#include "data/dataset_paths_in.h"

#define NAMES_ENDING    ".classes.json"
#define NAMES_BYTES_MAX ((size_t)64 << 20)

static bool keeps_meta(const ft_dataset_format *f) { return f == &ft_set_fts || f->folders; }

ft_err ft_set_names_write(ft_dataset_writer *w) {
    ft_str path, list, text;
    if (keeps_meta(w->format)) return FT_OK;
    FT_TRY(ft_arena_printf(&path, &w->arena, "%s" NAMES_ENDING, w->path));
    if (w->opts.meta.len && ft_json_find(&list, w->opts.meta, "classes") == FT_OK) {
        FT_TRY(ft_arena_printf(&text, &w->arena, "{\"classes\":%.*s}\n", FT_STR_ARG(list)));
        return ft_file_write_atomic(path.at, text, false);
    }
    ft_err_clear();
    return ft_file_exists(path.at) ? ft_file_remove(path.at) : FT_OK;
}

ft_err ft_set_names_remove(ft_arena *arena, ft_str file) {
    ft_str path;
    FT_TRY(ft_arena_printf(&path, arena, "%.*s" NAMES_ENDING, FT_STR_ARG(file)));
    return ft_file_exists(path.at) ? ft_file_remove(path.at) : FT_OK;
}

ft_err ft_set_names_read(ft_dataset *d, const char *file) {
    ft_str path, text, list, name;
    ft_json j;
    if (keeps_meta(d->format) || d->picture_count || d->stream_first) return FT_OK;
    FT_TRY(ft_arena_printf(&path, &d->arena, "%s" NAMES_ENDING, file));
    ft_err err = ft_file_read(&text, &d->arena, path.at, NAMES_BYTES_MAX);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    err = ft_json_find(&list, text, "classes");
    if (err == FT_OK) {
        ft_json_init(&j, list, &d->arena, NULL);
        err = ft_json_enter_array(&j);
        while (err == FT_OK && ft_json_next_item(&j)) err = ft_json_string(&j, &name);
        if (err == FT_OK) err = ft_json_end(&j);
    }
    if (err == FT_ENOMEM) return err;
    if (err != FT_OK)
        return FT_FAIL(FT_EPARSE, "'%s': expected {\"classes\":[\"name\", …]}", path.at);
    d->meta = ft_str_trim(text);
    return FT_OK;
}
