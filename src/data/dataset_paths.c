/* dataset_paths.c -- see dataset_paths_in.h. */
#include "data/dataset_paths_in.h"

#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/files.h"
#include "data/record.h"
#include "data/set_folder_in.h"
#include "data/shown.h"

#define BRACE_DIGITS_MAX 9

/* ---- the registry */

const ft_dataset_format *const ft_dataset_formats[] = {
    &ft_set_fts, &ft_set_tfrecord, &ft_set_recordio, &ft_set_sagemaker, &ft_set_jsonl,
    &ft_set_tar, &ft_set_libsvm,   &ft_set_csv,      &ft_set_npy,       &ft_set_npz,
    &ft_set_idx, &ft_set_folder,   &ft_set_lst,      &ft_set_files,     NULL,
};

bool ft_dataset_kinds(ft_dataset_kind *out, size_t i) {
    if (i >= FT_COUNT(ft_dataset_formats) - 1) return false;
    const ft_dataset_format *f = ft_dataset_formats[i];
    *out = (ft_dataset_kind){
        f->name,         f->doc, ft_set_endings(f), ft_set_media_types(f), f != &ft_set_files,
        f->write != NULL
    };
    return true;
}

ft_err ft_dataset_format_find(const ft_dataset_format **out, ft_str name) {
    const char *names[32];
    size_t count = 0;
    for (const ft_dataset_format *const *f = ft_dataset_formats; *f; f++) {
        if (ft_str_is(name, (*f)->name)) {
            *out = *f;
            return FT_OK;
        }
        FT_CHECK(count < FT_COUNT(names));
        names[count++] = (*f)->name;
    }
    const char *near = ft_str_nearest(name, names, count);
    return FT_FAIL(FT_EINVAL, "'%s' is not a dataset format%s%s%s", ft_shown(name),
                   near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

const ft_dataset_format *ft_dataset_format_ending(ft_str path) {
    if (ft_str_ends(path, FT_STR(".gz"))) path.len -= 3;
    if (ft_str_ends(path, FT_STR(".zst"))) path.len -= 4;
    for (const ft_dataset_format *const *f = ft_dataset_formats; *f; f++) {
        ft_str endings = ft_str_of(ft_set_endings(*f));
        while (endings.at && endings.len)
            if (ft_str_ends(path, ft_str_cut(&endings, '|'))) return *f;
    }
    return NULL;
}

const ft_dataset_format *ft_set_sniff(ft_str head, ft_str path, int *score) {
    const ft_dataset_format *best = NULL;
    *score = 0;
    for (const ft_dataset_format *const *f = ft_dataset_formats; *f; f++) {
        int (*sniff)(ft_str, ft_str) = ft_set_sniff_of(*f);
        int s = sniff ? sniff(head, path) : 0;
        if (s > *score) *score = s, best = *f;
    }
    return best;
}

/* ---- names */

bool ft_set_image_name(const ft_dataset_opts *opts, ft_str name) {
    /* torchvision.datasets.folder.IMG_EXTENSIONS */
    static const char *const usual[] = { ".jpg", ".jpeg", ".png",  ".ppm",  ".bmp",
                                         ".pgm", ".tif",  ".tiff", ".webp", NULL };
    const char *const *endings = opts->folder_endings ? opts->folder_endings : usual;
    for (; *endings; endings++) {
        ft_str e = ft_str_of(*endings);
        if (name.len >= e.len && ft_str_ieq(ft_str_from(name, name.len - e.len), e)) return true;
    }
    return false;
}

/* What stands beside data and is none. */
bool ft_set_side_name(ft_str name) {
    static const char *const endings[] = { ".idx",   ".json",   ".part", ".query",
                                           ".group", ".weight", ".md5",  ".sha256" };
    if (!name.len || name.at[0] == '.' || name.at[0] == '_') return true;
    for (size_t i = 0; i + 11 < name.len; i++) /* IDX: "train-labels-idx1-ubyte" */
        if (memcmp(name.at + i, "labels-idx1", 11) == 0) return true;
    for (size_t i = 0; i < FT_COUNT(endings); i++)
        if (ft_str_ends(name, ft_str_of(endings[i]))) return true;
    return false;
}

typedef struct list {
    const char **at;
    size_t count, capacity;
    ft_arena *arena;
    const ft_dataset_opts *opts;
    struct list *pictures; /* files that are pictures */
} list;

static ft_err list_add(list *l, ft_str path) {
    ft_str copy;
    if (l->count == FT_DATASET_SHARDS_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %zu files", FT_DATASET_SHARDS_MAX);
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 64;
        const char **at;
        FT_TRY(ft_arena_items(&at, l->arena, capacity));
        if (l->count) memcpy(at, l->at, l->count * sizeof *at);
        l->at = at;
        l->capacity = capacity;
    }
    FT_TRY(ft_arena_str(&copy, l->arena, path));
    l->at[l->count++] = copy.at;
    return FT_OK;
}

/* ---- folders */

/* The files of a folder that are data, unless it is a folder of images: then itself. */
static ft_err folder_add(list *l, ft_str path) {
    ft_str *names, first = { 0 };
    size_t count, before = l->count;
    bool pictures;
    FT_TRY(ft_set_folder_pictures(&pictures, path.at));
    if (pictures) return list_add(l, path);
    FT_TRY(ft_dir_list(&names, &count, l->arena, path.at));
    for (size_t i = 0; i < count; i++) {
        ft_str file;
        if (ft_set_side_name(names[i])) continue;
        FT_TRY(
            ft_arena_printf(&file, l->arena, "%.*s/%.*s", FT_STR_ARG(path), FT_STR_ARG(names[i])));
        const ft_dataset_format *f = ft_dataset_format_ending(names[i]);
        if (first.at && f != ft_dataset_format_ending(first)) continue;
        first = names[i];
        FT_TRY(list_add(l, file));
    }
    if (l->count > before) return FT_OK;
    return FT_FAIL(FT_ENOTFOUND, "the folder '%.*s' has no data in it", FT_STR_ARG(path));
}

/* ---- braces: "a-{000..015}.tar", the width of the first number is kept */

static bool braces(ft_str path, size_t *open, size_t *close, uint64_t *first, uint64_t *last,
                   int *width) {
    size_t dots;
    *open = ft_str_find(path, '{');
    *close = *open + ft_str_find(ft_str_from(path, *open), '}');
    if (*close >= path.len) return false;
    ft_str inside = ft_str_slice(path, *open + 1, *close - *open - 1);
    for (dots = 0; dots + 1 < inside.len; dots++)
        if (inside.at[dots] == '.' && inside.at[dots + 1] == '.') break;
    ft_str a = ft_str_slice(inside, 0, dots), b = ft_str_from(inside, dots + 2);
    *width = (int)(a.len > BRACE_DIGITS_MAX ? BRACE_DIGITS_MAX : a.len);
    return a.len <= BRACE_DIGITS_MAX && b.len <= BRACE_DIGITS_MAX && ft_str_u64(first, a) &&
           ft_str_u64(last, b) && *first <= *last;
}

/* ---- shells' patterns, for where no shell has resolved them: "d/train-*.fts" */

static ft_err path_add(list *l, ft_str path);

static bool is_pattern(ft_str path) {
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] == '*' || path.at[i] == '?' || path.at[i] == '[') return true;
    return false;
}

/* Byte order, whatever the locale of the program around us. */
static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static ft_err pattern_add(list *l, const char *pattern) {
    glob_t found = { 0 };
    ft_err err = FT_OK;
    int code = glob(pattern, GLOB_ERR | GLOB_NOSORT, NULL, &found);
    if (code == GLOB_NOMATCH) err = FT_FAIL(FT_ENOTFOUND, "nothing fits '%s'", pattern);
    if (code && code != GLOB_NOMATCH)
        err = FT_FAIL(FT_EIO, "'%s' could not be looked for", pattern);
    if (!code) qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_bytes);
    for (size_t i = 0; err == FT_OK && i < found.gl_pathc; i++)
        if (!ft_set_side_name(ft_path_base(ft_str_of(found.gl_pathv[i]))))
            err = path_add(l, ft_str_of(found.gl_pathv[i]));
    globfree(&found);
    return err;
}

static ft_err path_add(list *l, ft_str path) {
    size_t open, close;
    uint64_t first, last;
    int width;
    ft_file_info info;
    ft_str text;
    FT_TRY(ft_arena_str(&text, l->arena, path));
    while (text.len > 1 && text.at[text.len - 1] == '/') text.len--;
    FT_TRY(ft_arena_str(&text, l->arena, text));
    if (!ft_file_exists(text.at) && braces(path, &open, &close, &first, &last, &width)) {
        if (last - first >= FT_DATASET_SHARDS_MAX)
            return FT_FAIL(FT_ETOOBIG, "'%.*s' stands for more than %zu files", FT_STR_ARG(path),
                           FT_DATASET_SHARDS_MAX);
        for (uint64_t i = first; i <= last; i++) {
            FT_TRY(ft_arena_printf(&text, l->arena, "%.*s%0*llu%.*s", (int)open, path.at, width,
                                   (unsigned long long)i,
                                   FT_STR_ARG(ft_str_from(path, close + 1))));
            FT_TRY(path_add(l, text));
        }
        return FT_OK;
    }
    if (is_pattern(text) && !ft_file_exists(text.at)) return pattern_add(l, text.at);
    FT_TRY(ft_file_stat(&info, text.at));
    if (info.is_dir) return folder_add(l, text);
    return list_add(ft_set_image_name(l->opts, text) ? l->pictures : l, text);
}

ft_err ft_set_paths(const char ***files, size_t *file_count, ft_dataset *d, const ft_str *paths,
                    size_t count) {
    list pictures = { .arena = &d->arena };
    list l = { .arena = &d->arena, .opts = &d->opts, .pictures = &pictures };
    for (size_t i = 0; i < count; i++) FT_TRY(path_add(&l, paths[i]));
    if (!l.count && !pictures.count) return FT_FAIL(FT_EINVAL, "no path was given");
    if (l.count && pictures.count)
        return FT_FAIL(FT_EINVAL, "'%s' is a picture and '%s' is none: they are no one data set",
                       pictures.at[0], l.at[0]);
    if (pictures.count) {
        d->pictures = pictures.at;
        d->picture_count = pictures.count;
        FT_TRY(list_add(&l, paths[0]));
    }
    *files = l.at;
    *file_count = l.count;
    return FT_OK;
}

ft_err ft_set_folder_format(ft_dataset *d, const char *path) {
    FT_TRY(
        ft_dataset_format_find(&d->format, d->opts.format.len ? d->opts.format : FT_STR("folder")));
    if (d->format->folders) return FT_OK;
    return FT_FAIL(FT_EINVAL, "'%s' is a folder of images or classes, not a file of format %s",
                   path, d->format->name);
}
