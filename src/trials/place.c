/* place.c -- see place_in.h. */
#include "trials/place_in.h"

#include <unistd.h>

#include "base/files.h"
#include "store/objects.h"

/* Small files share a transaction, which spares a fifth; large ones would keep others waiting. */
#define TOGETHER_BYTES_MAX ((size_t)1 << 20)
#define PATH_ARENA_BYTES   ((size_t)1 << 20)

ft_err ft_place_init(ft_place *out, ft_arena *arena, ft_store *s, ft_str uri) {
    memset(out, 0, sizeof *out);
    while (uri.len > 1 && uri.at[uri.len - 1] == '/') uri.len--;
    if (!uri.len)
        return FT_FAIL(FT_EINVAL, "a trial needs a place: s3://bucket/prefix or a folder");
    FT_TRY(ft_arena_str(&out->uri, arena, uri));
    if (!ft_str_starts(uri, FT_STR("s3://"))) {
        out->folder = out->uri.at;
        return FT_OK;
    }
    if (!s)
        return FT_FAIL(FT_EINVAL, "%s: an object store is needed to read or write there",
                       out->uri.at);
    ft_uri parts;
    FT_TRY(ft_uri_parse(&parts, out->uri));
    out->store = s;
    out->bucket = parts.bucket;
    return ft_arena_printf(&out->prefix, arena, "%.*s%s", FT_STR_ARG(parts.key),
                           parts.key.len ? "/" : "");
}

/* ---- a plain folder */
static ft_err folder_path(ft_str *out, const ft_place *p, ft_arena *arena, ft_str key) {
    /* Keys from files of others must not lead out of the trial. */
    for (ft_str rest = key; rest.at;) {
        ft_str part = ft_str_cut(&rest, '/');
        if (ft_str_is(part, ".."))
            return FT_FAIL(FT_ECORRUPT, "'%.*s' leads out of the trial", FT_STR_ARG(key));
    }
    if (key.len && memchr(key.at, '\0', key.len))
        return FT_FAIL(FT_ECORRUPT, "a key with a zero byte");
    return ft_arena_printf(out, arena, "%s/%.*s", p->folder, FT_STR_ARG(key));
}

static ft_err folder_put(const ft_place *p, ft_arena *arena, ft_str key, ft_str bytes) {
    ft_str path, dir;
    FT_TRY(folder_path(&path, p, arena, key));
    FT_TRY(ft_arena_str(&dir, arena, ft_str_slice(path, 0, path.len - ft_path_base(path).len - 1)));
    FT_TRY(ft_dir_make(dir.at));
    return ft_file_write_atomic(path.at, bytes, false);
}

typedef struct listing {
    ft_arena *arena;
    ft_str after, *keys;
    size_t count;
    bool more;
} listing;

/* Keys below `key` (which ends with '/'), folders before what follows them in byte order. */
static ft_err folder_walk(listing *l, const ft_place *p, ft_str key, int depth) {
    ft_str path, *names, child;
    size_t count;
    FT_TRY(folder_path(&path, p, l->arena, key));
    ft_err err = ft_dir_list(&names, &count, l->arena, path.at);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    for (size_t i = 0; i < count && !l->more; i++) {
        bool is_dir = depth > 0 && ft_str_find(names[i], '.') == names[i].len;
        FT_TRY(ft_arena_printf(&child, l->arena, "%.*s%.*s%s", FT_STR_ARG(key),
                               FT_STR_ARG(names[i]), is_dir ? "/" : ""));
        if (is_dir) { /* skipped when all of it stands before `after` */
            if (ft_str_cmp(child, l->after) >= 0 || ft_str_starts(l->after, child))
                FT_TRY(folder_walk(l, p, child, depth - 1));
            continue;
        }
        if (ft_str_cmp(child, l->after) <= 0) continue;
        if (l->count == FT_PLACE_LIST_MAX)
            l->more = true;
        else
            l->keys[l->count++] = child;
    }
    return FT_OK;
}

/* ---- the interface */
ft_err ft_place_put(const ft_place *p, ft_str key, ft_str bytes) {
    ft_arena arena = FT_ARENA_INIT(PATH_ARENA_BYTES);
    ft_err err = FT_OK;
    if (p->folder) {
        FT_GOTO(err, folder_put(p, &arena, key, bytes));
        goto done;
    }
    ft_str full, etag;
    FT_GOTO(err,
            ft_arena_printf(&full, &arena, "%.*s%.*s", FT_STR_ARG(p->prefix), FT_STR_ARG(key)));
    /* An ETag of our own making spares the MD5, which costs more than the rest of the put. */
    FT_GOTO(err,
            ft_arena_printf(&etag, &arena, "%08x%08x%016llx-1", ft_crc32c(0, bytes.at, bytes.len),
                            ft_crc32c(0, full.at, full.len), (unsigned long long)bytes.len));
    ft_object_put_opts opts = { .lazy = true, .etag = etag };
    FT_GOTO(err, ft_object_put(NULL, p->store, p->bucket, full, bytes, &opts));
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_place_put_pair(const ft_place *p, ft_str first, ft_str first_bytes, ft_str second,
                         ft_str second_bytes) {
    bool together = !p->folder && first_bytes.len + second_bytes.len <= TOGETHER_BYTES_MAX;
    ft_db *db = together ? ft_store_db(p->store) : NULL;
    if (together) FT_TRY(ft_db_begin(db));
    ft_err err = ft_place_put(p, first, first_bytes);
    if (!err) err = ft_place_put(p, second, second_bytes);
    if (!together) return err;
    if (err) {
        ft_db_rollback(db);
        return err;
    }
    return ft_db_commit(db);
}

static ft_err object_list(listing *l, const ft_place *p, ft_str prefix) {
    ft_str full, after = { 0 };
    ft_object *objects;
    FT_TRY(ft_arena_printf(&full, l->arena, "%.*s%.*s", FT_STR_ARG(p->prefix), FT_STR_ARG(prefix)));
    if (l->after.len)
        FT_TRY(ft_arena_printf(&after, l->arena, "%.*s%.*s", FT_STR_ARG(p->prefix),
                               FT_STR_ARG(l->after)));
    FT_TRY(ft_object_list(&objects, &l->count, &l->more, p->store, l->arena, p->bucket, full, after,
                          FT_PLACE_LIST_MAX));
    for (size_t i = 0; i < l->count; i++) l->keys[i] = ft_str_from(objects[i].key, p->prefix.len);
    return FT_OK;
}

ft_err ft_place_list(ft_str **out, size_t *count, bool *more, const ft_place *p, ft_arena *arena,
                     ft_str prefix, ft_str after) {
    listing l = { .arena = arena, .after = after };
    FT_TRY(ft_arena_items(&l.keys, arena, FT_PLACE_LIST_MAX));
    if (p->folder)
        FT_TRY(folder_walk(&l, p, prefix, 2));
    else
        FT_TRY(object_list(&l, p, prefix));
    *out = l.keys;
    *count = l.count;
    *more = l.more;
    return FT_OK;
}

/* The path of the file that holds a key. */
static ft_err file_of(const char **out, const ft_place *p, ft_arena *arena, ft_str key) {
    ft_str path;
    if (p->folder) {
        FT_TRY(folder_path(&path, p, arena, key));
        *out = path.at;
        return FT_OK;
    }
    FT_TRY(ft_arena_printf(&path, arena, "%.*s%.*s", FT_STR_ARG(p->prefix), FT_STR_ARG(key)));
    return ft_object_path(out, p->store, arena, p->bucket, path);
}

static ft_err folder_remove(const ft_place *p, ft_arena *arena, ft_str key) {
    ft_str path, dir;
    FT_TRY(folder_path(&path, p, arena, key));
    FT_TRY(ft_file_remove(path.at));
    FT_TRY(ft_arena_str(&dir, arena, ft_str_slice(path, 0, path.len - ft_path_base(path).len - 1)));
    rmdir(dir.at); /* not when others are in it */
    return FT_OK;
}

ft_err ft_place_remove(const ft_place *p, ft_str key) {
    ft_arena arena = FT_ARENA_INIT(PATH_ARENA_BYTES);
    ft_str full;
    ft_err err;
    if (p->folder) {
        err = folder_remove(p, &arena, key);
    } else {
        err = ft_arena_printf(&full, &arena, "%.*s%.*s", FT_STR_ARG(p->prefix), FT_STR_ARG(key));
        if (err == FT_OK) err = ft_object_remove(p->store, p->bucket, full);
    }
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        err = FT_OK;
    }
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_place_exists(bool *out, const ft_place *p, ft_str key) {
    ft_arena arena = FT_ARENA_INIT(PATH_ARENA_BYTES);
    const char *path = NULL;
    *out = false;
    ft_err err = file_of(&path, p, &arena, key);
    if (!err) *out = ft_file_exists(path);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        err = FT_OK;
    }
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_place_read(ft_str *out, const ft_place *p, ft_arena *arena, ft_str key,
                     size_t limit_bytes) {
    const char *path;
    FT_TRY(file_of(&path, p, arena, key));
    return ft_file_read(out, arena, path, limit_bytes);
}

ft_err ft_place_map(ft_str *out, const ft_place *p, ft_str key) {
    ft_arena arena = FT_ARENA_INIT(PATH_ARENA_BYTES);
    const char *path;
    ft_err err = file_of(&path, p, &arena, key);
    if (!err) err = ft_file_map(out, path);
    ft_arena_fini(&arena);
    return err;
}
