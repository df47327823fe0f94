/* source_list.c -- what a text names: files, folders, patterns, objects here and elsewhere. */
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/files.h"
#include "data/source_in.h"
#include "store/objects.h"

#define PAGE ((size_t)1000)

static bool passed_over(ft_str name) { return !name.len || name.at[0] == '.' || name.at[0] == '_'; }

/* ---- files */

static ft_err stream_add(ft_source *s, const char *path) {
    ft_part part = { .name = ft_str_of(path),
                     .below = ft_path_base(ft_str_of(path)),
                     .size_bytes = FT_SOURCE_SIZE_UNKNOWN };
    return ft_source_add(s, &part, &(ft_part_place){ .kind = FT_PART_STREAM, .path = path });
}

static ft_err file_add(ft_source *s, const char *path, ft_str below, uint64_t line) {
    struct stat st;
    if (stat(path, &st) != 0) return FT_FAIL_ERRNO("'%s'", path);
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) return stream_add(s, path);
    if (!S_ISREG(st.st_mode)) return FT_FAIL(FT_EINVAL, "'%s' is neither file nor folder", path);
    ft_part part = {
        .name = ft_str_of(path), .below = below, .size_bytes = (uint64_t)st.st_size, .line = line
    };
    return ft_source_add(s, &part, &(ft_part_place){ .kind = FT_PART_FILE, .path = path });
}

static ft_err one_add(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    FT_UNUSED(info);
    return file_add(ctx, path, below, 0);
}

/* The order is that of whole paths, byte by byte, as a listing of objects has it: "a.b" comes
 * before "a/c", which a walk through folders gives later. */
static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const ft_part *)a)->name, ((const ft_part *)b)->name);
}

static void files_sort(ft_source *s, size_t from) {
    if (s->count == from) return;
    qsort(s->parts + from, s->count - from, sizeof *s->parts, by_name);
    for (size_t i = from; i < s->count; i++) s->places[i].path = s->parts[i].name.at;
}

static ft_err walk(ft_source *s, const char *path, uint64_t line) {
    ft_file_info info;
    size_t from = s->count, len = strlen(path);
    FT_TRY(ft_file_stat(&info, path));
    if (!info.is_dir) return file_add(s, path, ft_path_base(ft_str_of(path)), line);
    while (len > 1 && path[len - 1] == '/') len--;
    ft_str dir;
    FT_TRY(ft_source_text(&dir, s, ft_str_n(path, len)));
    const ft_dir_walker tree = {
        .arena = &s->arena, .skip = passed_over, .file = one_add, .ctx = s
    };
    FT_TRY(ft_dir_walk(&tree, dir.at));
    for (size_t i = from; i < s->count; i++)
        if (s->places[i].kind != FT_PART_FILE) return FT_OK; /* FIFOs have no order to be kept */
    files_sort(s, from);
    return FT_OK;
}

static ft_err pattern_add(ft_source *s, const char *pattern) {
    glob_t found = { 0 };
    ft_err err = FT_OK;
    int code = glob(pattern, GLOB_ERR, NULL, &found);
    if (code == GLOB_NOMATCH) err = FT_FAIL(FT_ENOTFOUND, "nothing fits '%s'", pattern);
    if (code && code != GLOB_NOMATCH)
        err = FT_FAIL(FT_EIO, "'%s' could not be looked for", pattern);
    for (size_t i = 0; err == FT_OK && i < found.gl_pathc; i++) {
        ft_str path;
        err = ft_source_text(&path, s, ft_str_of(found.gl_pathv[i]));
        if (err == FT_OK) err = walk(s, path.at, 0);
    }
    globfree(&found);
    return err;
}

static ft_err path_add(ft_source *s, ft_str text, uint64_t line) {
    ft_str path;
    if (ft_str_starts(text, FT_STR("file://"))) text = ft_str_from(text, 7);
    FT_TRY(ft_source_text(&path, s, text));
    if (!line && ft_str_is(path, "-")) return stream_add(s, path.at);
    bool pattern = path.at[strcspn(path.at, "*?[")] != '\0';
    if (pattern && !line && !ft_file_exists(path.at)) return pattern_add(s, path.at);
    return walk(s, path.at, line);
}

/* ---- objects */

/* What of a key stands below its prefix: after the prefix when that names a folder, else after its
 * last "/". */
static ft_str below_of(ft_str key, ft_str prefix) {
    size_t cut = prefix.len;
    if (cut && cut < key.len && key.at[cut] == '/') cut++;
    while (cut && key.at[cut - 1] != '/') cut--;
    return ft_str_from(key, cut);
}

/* A console's "folder"; and what a folder's reader passes over, unless the prefix is SageMaker's.
 */
static bool no_data(const ft_source *s, ft_str key, ft_str prefix) {
    if (key.len && key.at[key.len - 1] == '/') return true;
    return !s->opts.type.len && !ft_str_eq(key, prefix) && passed_over(ft_path_base(key));
}

static ft_err own_add(ft_source *s, const ft_object *o, ft_str prefix, uint64_t line) {
    ft_part part = { .size_bytes = o->size_bytes, .line = line };
    ft_part_place place = { .kind = FT_PART_FILE };
    ft_file_info info;
    ft_str key;
    if (no_data(s, o->key, prefix)) return FT_OK;
    FT_TRY(ft_object_path(&place.path, s->store, &s->arena, o->bucket, o->key));
    FT_TRY(ft_file_stat(&info, place.path));
    place.inode = info.inode;
    FT_TRY(ft_arena_printf(&part.name, &s->arena, "s3://%.*s/%.*s", FT_STR_ARG(o->bucket),
                           FT_STR_ARG(o->key)));
    key = ft_str_from(part.name, 6 + o->bucket.len);
    part.below = below_of(key, prefix);
    FT_TRY(ft_source_text(&part.etag, s, ft_str_of(o->etag)));
    return ft_source_add(s, &part, &place);
}

static ft_err own_prefix(ft_source *s, const ft_uri *uri, uint64_t line) {
    ft_object *list;
    size_t count;
    bool more = true;
    for (ft_str after = FT_STR(""); more;) {
        FT_TRY(ft_object_list(&list, &count, &more, s->store, &s->arena, uri->bucket, uri->key,
                              after, PAGE));
        for (size_t i = 0; i < count; i++) FT_TRY(own_add(s, &list[i], uri->key, line));
        if (count) after = list[count - 1].key;
    }
    return FT_OK;
}

static ft_err own(ft_source *s, const ft_uri *uri, bool exact, uint64_t line) {
    ft_object o;
    bool folder = !uri->key.len || uri->key.at[uri->key.len - 1] == '/';
    if (!folder && (exact || !s->opts.type.len)) {
        ft_err err = ft_object_head(&o, s->store, &s->arena, uri->bucket, uri->key);
        if (err == FT_OK) return own_add(s, &o, uri->key, line);
        if (exact || err != FT_ENOTFOUND) return err;
        ft_err_clear();
    }
    return own_prefix(s, uri, line);
}

static ft_err remote_add(ft_source *s, const ft_uri *uri, const ft_remote_info *o, uint64_t line) {
    ft_part part = { .size_bytes = o->size_bytes, .etag = o->etag, .line = line };
    ft_part_place place = { .kind = FT_PART_REMOTE };
    if (no_data(s, o->key, uri->key)) return FT_OK;
    FT_TRY(ft_arena_printf(&part.name, &s->arena, "s3://%.*s/%.*s", FT_STR_ARG(uri->bucket),
                           FT_STR_ARG(o->key)));
    place.bucket = ft_str_slice(part.name, 5, uri->bucket.len);
    place.key = ft_str_from(part.name, 6 + uri->bucket.len);
    part.below = below_of(place.key, uri->key);
    return ft_source_add(s, &part, &place);
}

static ft_err elsewhere(ft_source *s, const ft_uri *uri, bool exact, uint64_t line) {
    ft_remote *r;
    ft_remote_info *list, one;
    size_t count;
    bool folder = !uri->key.len || uri->key.at[uri->key.len - 1] == '/';
    FT_TRY(ft_source_remote(&r, s));
    if (!folder && (exact || !s->opts.type.len)) {
        ft_err err = ft_remote_head(&one, r, &s->arena, uri->bucket, uri->key);
        if (err == FT_OK) return remote_add(s, uri, &one, line);
        if (exact || err != FT_ENOTFOUND) return err;
        ft_err_clear();
    }
    FT_TRY(ft_remote_list(&list, &count, r, &s->arena, uri->bucket, uri->key, s->opts.parts_max));
    for (size_t i = 0; i < count; i++) FT_TRY(remote_add(s, uri, &list[i], line));
    return FT_OK;
}

/* A look that fails must not send the reader to another server's bucket of that name. */
static ft_err is_own(bool *out, ft_source *s, ft_str bucket) {
    ft_bucket *list;
    size_t count;
    FT_TRY(ft_bucket_list(&list, &count, s->store, &s->arena));
    *out = false;
    for (size_t i = 0; i < count; i++) *out = *out || ft_str_eq(list[i].name, bucket);
    return FT_OK;
}

static ft_err object_list(ft_source *s, ft_str text, bool exact, uint64_t line) {
    ft_uri uri;
    ft_store *store;
    bool here = false;
    FT_TRY(ft_source_text(&text, s, text));
    FT_TRY(ft_uri_parse(&uri, text));
    FT_TRY(ft_source_store(&store, s));
    FT_TRY(is_own(&here, s, uri.bucket));
    return here ? own(s, &uri, exact, line) : elsewhere(s, &uri, exact, line);
}

ft_err ft_source_list(ft_source *s, ft_str text, bool exact, uint64_t line) {
    size_t had = s->count;
    FT_TRY(ft_str_starts(text, FT_STR("s3://")) ? object_list(s, text, exact, line)
                                                : path_add(s, text, line));
    if (s->count == had)
        return FT_FAIL(FT_ENOTFOUND, "there is nothing at '%.*s'", FT_STR_ARG(text));
    return FT_OK;
}
