/* bucket.c -- buckets: a row and a folder each. See objects.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/beneath_in.h"
#include "store/objects_in.h"

ft_err ft_bucket_missing(ft_str bucket) {
    return FT_FAIL(FT_ENOTFOUND, "no bucket '%.*s'", FT_STR_ARG(bucket));
}

static ft_err make_folder(ft_store *s, ft_str bucket) {
    char name[FT_BUCKET_BYTES_MAX + 1];
    snprintf(name, sizeof name, "%.*s", FT_STR_ARG(bucket));
    if (ft_injected() || (mkdirat(s->objects_fd, name, 0777) != 0 && errno != EEXIST))
        return FT_FAIL_ERRNO("cannot make the folder of bucket '%s'", name);
    return ft_beneath_sync(s->objects_fd, name);
}

ft_err ft_bucket_make(ft_store *s, ft_str bucket) {
    FT_TRY(ft_bucket_check(bucket));
    FT_TRY(ft_db_begin(s->db));
    ft_db_durable(s->db);
    ft_err err = ft_db_run(s->db, "insert into bucket (name, created_us) values (?, ?)", "si",
                           bucket, ft_clock_now_us());
    if (err == FT_EEXIST)
        err = FT_FAIL(FT_EEXIST, "bucket '%.*s' exists already", FT_STR_ARG(bucket));
    if (err == FT_OK) err = make_folder(s, bucket);
    if (err != FT_OK) {
        ft_db_rollback(s->db);
        return err;
    }
    return ft_db_commit(s->db);
}

bool ft_bucket_exists(ft_store *s, ft_str bucket) {
    int count = 0;
    ft_err err = ft_db_one(s->db, NULL, "select count(*) from bucket where name = ?", "s", "n",
                           bucket, &count);
    return err == FT_OK && count > 0;
}

ft_err ft_object_names(ft_store *s, ft_str bucket, ft_str key) {
    FT_TRY(ft_bucket_check(bucket));
    FT_TRY(ft_key_check(key));
    if (ft_bucket_exists(s, bucket)) return FT_OK;
    if (!ft_str_is(bucket, FT_BUCKET_DEFAULT)) return ft_bucket_missing(bucket);
    ft_err err = ft_bucket_make(s, bucket);
    return err == FT_EEXIST ? FT_OK : err; /* another process was faster */
}

static ft_err remove_row(ft_store *s, ft_str bucket) {
    int64_t objects;
    FT_TRY(ft_db_one(s->db, NULL, "select count(*) from object where bucket = ?", "s", "i", bucket,
                     &objects));
    if (objects > 0)
        return FT_FAIL(FT_ECONFLICT, "bucket '%.*s' is not empty: it holds %lld objects",
                       FT_STR_ARG(bucket), (long long)objects);
    FT_TRY(ft_db_run(s->db, "delete from bucket where name = ?", "s", bucket));
    return ft_db_changes(s->db) ? FT_OK : ft_bucket_missing(bucket);
}

/* Files that are no objects (yet) keep a bucket as well: nothing is deleted that was not asked. */
static ft_err remove_folder(ft_store *s, ft_str bucket) {
    char name[FT_BUCKET_BYTES_MAX + 1];
    snprintf(name, sizeof name, "%.*s", FT_STR_ARG(bucket));
    int code = ft_injected() ? -1 : unlinkat(s->objects_fd, name, AT_REMOVEDIR);
    if (code == 0 || errno == ENOENT) return FT_OK;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return FT_FAIL(FT_ECONFLICT, "bucket '%s' is not empty: its folder holds other files",
                       name);
    return FT_FAIL_ERRNO("cannot remove the folder of bucket '%s'", name);
}

ft_err ft_bucket_remove(ft_store *s, ft_str bucket) {
    FT_TRY(ft_bucket_check(bucket));
    FT_TRY(ft_db_begin(s->db));
    ft_db_durable(s->db);
    ft_err err = remove_row(s, bucket);
    if (err == FT_OK) err = remove_folder(s, bucket);
    if (err != FT_OK) {
        ft_db_rollback(s->db);
        return err;
    }
    return ft_db_commit(s->db);
}

ft_err ft_bucket_list(ft_bucket **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_rows *rows;
    int64_t n;
    *out = NULL;
    *count = 0;
    FT_TRY(ft_db_one(s->db, NULL, "select count(*) from bucket", "", "i", &n));
    FT_TRY(ft_arena_items(out, arena, (size_t)n));
    FT_TRY(ft_db_query(&rows, s->db, "select name, created_us from bucket order by name", ""));
    ft_err err = FT_OK;
    while (err == FT_OK && *count < (size_t)n && ft_rows_next(rows)) {
        ft_bucket *b = &(*out)[*count];
        ft_rows_read(rows, "si", &b->name, &b->created_us);
        err = ft_arena_str(&b->name, arena, b->name);
        if (err == FT_OK) ++*count;
    }
    ft_err ended = ft_rows_end(rows);
    return err == FT_OK ? ended : err;
}
