/* set_folder_listed.c -- pictures that were named one by one, or by a shell's pattern: as a folder
 * of them. Where they lie in several folders, a folder is a class. */
#include <stdlib.h>

#include "base/check.h"
#include "base/files.h"
#include "data/set_folder_in.h"

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(*(const ft_str *)a, *(const ft_str *)b);
}

static int by_class(const void *a, const void *b) {
    const ft_picture *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    return strcmp(x->path, y->path);
}

static ft_str folder_of(const char *path) {
    ft_str p = ft_str_of(path), base = ft_path_base(p);
    return p.len > base.len ? ft_path_base(ft_str_slice(p, 0, p.len - base.len - 1)) : FT_STR("");
}

/* Names of the folders, each once, in byte order. */
static size_t unite(ft_str *names, size_t count) {
    size_t n = 0;
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++)
        if (!n || !ft_str_eq(names[i], names[n - 1])) names[n++] = names[i];
    return n;
}

/* Length of the folder that all have in common, with its slash. */
static size_t common(const char *const *paths, size_t count) {
    size_t same = strlen(paths[0]);
    for (size_t i = 1, n; i < count; i++) {
        for (n = 0; n < same && paths[i][n] == paths[0][n]; n++) {
        }
        same = n;
    }
    while (same && paths[0][same - 1] != '/') same--;
    return same;
}

ft_err ft_set_folder_listed(ft_pictures *out, ft_arena *arena, const char *const *paths,
                            size_t count, const ft_dataset_opts *opts) {
    size_t root = common(paths, count);
    *out = (ft_pictures){ .count = count };
    FT_TRY(ft_arena_str(&out->root, arena, ft_str_n(paths[0], root > 1 ? root - 1 : root)));
    FT_TRY(ft_arena_items(&out->at, arena, count));
    FT_TRY(ft_arena_items(&out->classes, arena, count));
    for (size_t i = 0; i < count; i++) {
        out->at[i].path = paths[i];
        out->classes[i] = folder_of(paths[i]);
    }
    out->class_count = unite(out->classes, count);
    if (out->class_count < 2 || ft_str_is(opts->label, "none")) out->class_count = 0;
    for (size_t i = 0; i < count && out->class_count; i++) {
        ft_str folder = folder_of(paths[i]);
        const ft_str *at = bsearch(&folder, out->classes, out->class_count, sizeof folder, by_name);
        out->at[i].label = at - out->classes;
    }
    for (size_t i = 0; i < count; i++) out->at[i].path += root;
    qsort(out->at, count, sizeof *out->at, by_class);
    return FT_OK;
}
