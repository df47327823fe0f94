/* object_repair.c -- putting the index right after the folder tree was changed by hand or by a
 * crash. See objects.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/proc.h"
#include "store/beneath_in.h"
#include "store/objects_in.h"

#define WALK_DEPTH_MAX 600 /* a key has at most 512 parts */
#define PAGE_ROWS      1000

typedef struct repair {
    ft_store *s;
    ft_str bucket;
    ft_arena *arena; /* reset for every key */
    ft_objects_repaired done;
} repair;

static ft_err repair_key(repair *r, ft_str key) {
    ft_object_row row;
    ft_reconciled what;
    if (ft_key_check(key) != FT_OK) { /* a file that no key can name stays what it is */
        ft_err_clear();
        return FT_OK;
    }
    ft_arena_reset(r->arena);
    ft_err err = ft_object_reconcile(&row, &what, r->s, r->arena, r->bucket, key);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    r->done.adopted += what == FT_OBJECT_ADOPTED;
    r->done.rehashed += what == FT_OBJECT_REHASHED;
    r->done.dropped += what == FT_OBJECT_DROPPED;
    return FT_OK;
}

/* `path` is relative to the bucket's folder. */
static ft_err repair_file(repair *r, ft_str path) {
    char key[FT_PLACE_BYTES];
    size_t len;
    r->done.seen++;
    if (!ft_str_starts(path, FT_STR("%/"))) return repair_key(r, path);
    if (ft_key_unescape(key, &len, ft_str_from(path, 2)) == FT_OK)
        return repair_key(r, ft_str_n(key, len));
    ft_err_clear();
    return FT_OK;
}

static ft_err walk(repair *r, int at, char *path, size_t len, int depth);

static ft_err walk_entry(repair *r, int folder, const char *name, char *path, size_t len,
                         int depth) {
    struct stat st;
    size_t name_len = strlen(name);
    if (len + name_len + 2 >= FT_PLACE_BYTES) return FT_OK; /* longer than any key's file */
    if (ft_injected()) return FT_FAIL_ERRNO("cannot look at '%s'", name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return FT_OK; /* gone meanwhile */
    memcpy(path + len, name, name_len + 1);
    if (S_ISREG(st.st_mode)) return repair_file(r, ft_str_n(path, len + name_len));
    if (!S_ISDIR(st.st_mode) || depth > WALK_DEPTH_MAX) return FT_OK;
    int sub = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0) return errno == ENOENT ? FT_OK : FT_FAIL_ERRNO("cannot list '%s'", path);
    path[len + name_len] = '/';
    return walk(r, sub, path, len + name_len + 1, depth + 1);
}

/* Every file below the folder `at`, which is closed. */
static ft_err walk(repair *r, int at, char *path, size_t len, int depth) {
    DIR *dir = ft_fault_here() ? NULL : fdopendir(at);
    if (!dir) {
        close(at);
        return FT_FAIL(FT_ENOMEM, "cannot list a folder of bucket '%.*s'", FT_STR_ARG(r->bucket));
    }
    ft_err err = FT_OK;
    for (struct dirent *e; err == FT_OK && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            err = walk_entry(r, dirfd(dir), e->d_name, path, len, depth);
    closedir(dir);
    return err;
}

static ft_err repair_files(repair *r) {
    char name[FT_BUCKET_BYTES_MAX + 1], path[FT_PLACE_BYTES];
    snprintf(name, sizeof name, "%.*s", FT_STR_ARG(r->bucket));
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int at = ft_injected() ? -1 : openat(r->s->objects_fd, name, flags);
    if (at < 0 && errno == ENOENT) return FT_OK; /* no object was put yet */
    if (at < 0) return FT_FAIL_ERRNO("cannot list the folder of bucket '%s'", name);
    return walk(r, at, path, 0, 0);
}

/* Rows whose file is gone; page by page, as nothing may be written while rows are open. */
static ft_err repair_rows(repair *r) {
    ft_arena page = FT_ARENA_INIT(0);
    ft_err err = FT_OK;
    ft_object *items;
    size_t count;
    char after[FT_KEY_BYTES_MAX];
    size_t after_len = 0;
    for (bool more = true; more && err == FT_OK;) {
        ft_arena_reset(&page);
        FT_GOTO(err, ft_object_list(&items, &count, &more, r->s, &page, r->bucket, FT_STR(""),
                                    ft_str_n(after, after_len), PAGE_ROWS));
        for (size_t i = 0; i < count; i++) FT_GOTO(err, repair_key(r, items[i].key));
        if (count == 0) break;
        after_len = items[count - 1].key.len;
        memcpy(after, items[count - 1].key.at, after_len);
    }
done:
    ft_arena_fini(&page);
    return err;
}

ft_err ft_objects_repair(ft_objects_repaired *out, ft_store *s, ft_str bucket) {
    ft_arena arena = FT_ARENA_INIT(0);
    repair r = { .s = s, .bucket = bucket, .arena = &arena };
    *out = (ft_objects_repaired){ 0 };
    FT_TRY(ft_bucket_check(bucket));
    if (!ft_bucket_exists(s, bucket)) return ft_bucket_missing(bucket);
    ft_err err = repair_files(&r);
    if (err == FT_OK) err = repair_rows(&r);
    ft_arena_fini(&arena);
    *out = r.done;
    return err;
}

/* Temporary files are named by the process that made them: "<pid>-<started>-<count>". */
static bool is_orphan(const char *name) {
    int pid;
    unsigned long long started;
    if (sscanf(name, "%d-%llu-", &pid, &started) != 2) return false;
    return !ft_pid_alive(pid, started);
}

ft_err ft_objects_clean(ft_store *s, int *removed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err = FT_OK;
    ft_str *names, path;
    size_t count;
    if (removed) *removed = 0;
    FT_GOTO(err, ft_arena_printf(&path, &arena, "%s/objects/" FT_TEMP_FOLDER, s->home));
    FT_GOTO(err, ft_dir_list(&names, &count, &arena, path.at));
    for (size_t i = 0; i < count; i++)
        if (is_orphan(names[i].at) && unlinkat(s->temp_fd, names[i].at, 0) == 0 && removed)
            ++*removed;
    FT_GOTO(err, ft_uploads_clean(s, removed));
done:
    ft_arena_fini(&arena);
    return err;
}
