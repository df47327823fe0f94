/* files_walk.c -- all files below a folder. See files.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/log.h"

static ft_err entry_walk(const ft_dir_walker *w, const char *path, ft_str below, int depth);

static ft_err folder_walk(const ft_dir_walker *w, const char *dir, ft_str below, int depth) {
    ft_str *names;
    size_t count;
    if (depth == FT_WALK_DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "%s: folders more than %d deep", dir, FT_WALK_DEPTH_MAX);
    FT_TRY(ft_dir_list(&names, &count, w->arena, dir));
    for (size_t i = 0; i < count; i++) {
        const char *path;
        ft_str name;
        if (w->skip && w->skip(names[i])) continue;
        FT_TRY(ft_path_join(&path, w->arena, dir, names[i].at));
        FT_TRY(ft_arena_printf(&name, w->arena, "%.*s%s%.*s", FT_STR_ARG(below),
                               below.len ? "/" : "", FT_STR_ARG(names[i])));
        FT_TRY(entry_walk(w, path, name, depth + 1));
    }
    return FT_OK;
}

/* A file or folder, and not one that lies elsewhere? */
static bool is_own(const char *path, ft_str below) {
    struct stat st;
    char root[PATH_MAX], target[PATH_MAX];
    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) return true;
    size_t len = strlen(path) - below.len;
    snprintf(root, sizeof root, "%.*s", (int)len, path);
    char *whole = realpath(root, NULL);
    size_t whole_len = whole ? strlen(whole) : 0;
    bool own = whole && S_ISLNK(st.st_mode) && realpath(path, target) &&
               strncmp(target, whole, whole_len) == 0 && target[whole_len] == '/' &&
               stat(target, &st) == 0 && S_ISREG(st.st_mode);
    free(whole);
    return own;
}

static ft_err entry_walk(const ft_dir_walker *w, const char *path, ft_str below, int depth) {
    ft_file_info info;
    if (w->own_files && !is_own(path, below)) {
        ft_log(FT_LOG_WARN, "files", "%s is no file of its folder and is passed over", path);
        return FT_OK;
    }
    ft_err err = ft_file_stat(&info, path);
    if (err == FT_ENOTFOUND && w->may_go) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    if (info.is_dir) return folder_walk(w, path, below, depth);
    return w->file(w->ctx, path, below, &info);
}

ft_err ft_dir_walk(const ft_dir_walker *w, const char *dir) {
    return folder_walk(w, dir, FT_STR(""), 0);
}
