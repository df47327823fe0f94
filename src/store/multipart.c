/* multipart.c -- uploads from begin to their end without an object: parts, abort, cleaning. See
 * multipart.h; multipart_complete.c makes the object, multipart_list.c tells what is there.
 *
 * A part's file keeps the unique name that it had as a draft. Row and rename stand in one
 * transaction, so whoever holds the write lock may take a file without a row for litter: that is
 * how ft_uploads_clean finds what a killed process left. */
#include "store/multipart.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "store/beneath_in.h"
#include "store/draft_in.h"
#include "store/multipart_in.h"

const char *const ft_uploads_tables[] = {
    "create table upload ("
    "  id text primary key, bucket text not null, key text not null, content_type text,"
    "  metadata_json text, begun_us integer not null, touched_us integer not null) without rowid;"
    "create index upload_key on upload (bucket, key, id);"
    "create table upload_part ("
    "  upload text not null references upload (id) on delete cascade, number integer not null,"
    "  etag text not null, size integer not null, modified_us integer not null,"
    "  file text not null, primary key (upload, number)) without rowid;"
    "create index upload_part_file on upload_part (file);",
    /* sizes of the parts that an object came in; they go with its row, when it is replaced, too */
    "create table object_part ("
    "  bucket text not null, key text not null, number integer not null, size integer not null,"
    "  primary key (bucket, key, number),"
    "  foreign key (bucket, key) references object (bucket, key) on delete cascade) without rowid;",
};
const int ft_uploads_tables_count = FT_COUNT(ft_uploads_tables);

/* ---- the folder of parts ---- */

void ft_part_path(char out[FT_PLACE_BYTES], ft_str file) {
    snprintf(out, FT_PLACE_BYTES, FT_PARTS_FOLDER "/%.*s", FT_STR_ARG(file));
}

void ft_part_drop(ft_store *s, ft_str file) {
    char path[FT_PLACE_BYTES];
    if (!file.at) return;
    ft_part_path(path, file);
    unlinkat(s->objects_fd, path, 0); /* else it is litter, and ft_uploads_clean takes it */
}

ft_err ft_upload_files(ft_str **out, size_t *count, ft_store *s, ft_arena *arena, ft_str id) {
    ft_rows *rows;
    int64_t n;
    *count = 0;
    FT_TRY(ft_db_one(s->db, NULL, "select count(*) from upload_part where upload = ?", "s", "i", id,
                     &n));
    FT_TRY(ft_arena_items(out, arena, (size_t)n));
    FT_TRY(ft_db_query(&rows, s->db, "select file from upload_part where upload = ?", "s", id));
    ft_err err = FT_OK;
    while (err == FT_OK && *count < (size_t)n && ft_rows_next(rows)) {
        ft_str file;
        ft_rows_read(rows, "s", &file);
        err = ft_arena_str(&(*out)[*count], arena, file);
        if (err == FT_OK) ++*count;
    }
    ft_err ended = ft_rows_end(rows);
    return err == FT_OK ? ended : err;
}

/* ---- begin and parts ---- */

ft_err ft_upload_begin(ft_str *id, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key,
                       const ft_object_put_opts *opts) {
    static const ft_object_put_opts none;
    char uuid[FT_UUID_TEXT];
    int64_t now = ft_clock_now_us();
    if (!opts) opts = &none;
    *id = (ft_str){ 0 };
    FT_TRY(ft_object_names(s, bucket, key));
    ft_uuid(uuid);
    FT_TRY(ft_arena_str(id, arena, ft_str_of(uuid)));
    FT_TRY(ft_db_begin(s->db));
    ft_db_durable(s->db);
    ft_err err =
        ft_db_run(s->db,
                  "insert into upload (id, bucket, key, content_type, metadata_json, "
                  "begun_us, touched_us) values (?, ?, ?, ?, ?, ?6, ?6)",
                  "tssssi", uuid, bucket, key, opts->content_type, opts->metadata_json, now);
    if (err != FT_OK) {
        ft_db_rollback(s->db);
        return err;
    }
    return ft_db_commit(s->db);
}

ft_err ft_upload_find(ft_store *s, ft_str id, ft_str bucket, ft_str key) {
    int found = 0;
    FT_TRY(ft_db_one(s->db, NULL,
                     "select count(*) from upload where id = ? and bucket = ? and key = ?", "sss",
                     "n", id, bucket, key, &found));
    if (found) return FT_OK;
    return FT_FAIL(FT_ENOTFOUND, "no upload '%.*s' of 's3://%.*s/%.*s'", FT_STR_ARG(id),
                   FT_STR_ARG(bucket), FT_STR_ARG(key));
}

/* In a transaction. `*old` is the file that this part replaces. */
static ft_err store_part(ft_str *old, int *folder, ft_object_writer *w, ft_arena *arena) {
    const char *base;
    ft_draft *d = &w->d;
    ft_db *db = d->s->db;
    const ft_object *o = &d->row.object;
    FT_TRY(ft_upload_find(d->s, w->upload, o->bucket, o->key));
    ft_err err =
        ft_db_one(db, arena, "select file from upload_part where upload = ? and number = ?", "sn",
                  "s", w->upload, w->number, old);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    FT_TRY(ft_db_run(db,
                     "insert or replace into upload_part (upload, number, etag, size, modified_us, "
                     "file) values (?, ?, ?, ?, ?, ?)",
                     "sntiit", w->upload, w->number, o->etag, (int64_t)o->size_bytes,
                     o->modified_us, d->temp));
    FT_TRY(ft_db_run(db, "update upload set touched_us = ? where id = ?", "is", ft_clock_now_us(),
                     w->upload));
    ft_part_path(d->place, ft_str_of(d->temp));
    FT_TRY(ft_beneath_parent(folder, &base, d->s->objects_fd, d->place, true, true));
    return ft_beneath_rename(d->s->temp_fd, d->temp, *folder, base, d->place);
}

static ft_err publish_part(ft_object_writer *w) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_draft *d = &w->d;
    ft_str old = { 0 };
    int folder = -1;
    FT_TRY(ft_draft_seal(d));
    FT_TRY(ft_db_begin(d->s->db));
    ft_db_durable(d->s->db);
    ft_err err = store_part(&old, &folder, w, &arena);
    if (err != FT_OK) {
        ft_db_rollback(d->s->db);
    } else {
        ft_fd_close(&d->fd); /* it has its name */
        err = ft_db_commit(d->s->db);
        if (err == FT_OK) ft_part_drop(d->s, old);
        if (err == FT_OK) err = ft_beneath_sync(folder, d->place);
    }
    ft_fd_close(&folder);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_upload_part(ft_object_writer **out, ft_store *s, ft_str id, ft_str bucket, ft_str key,
                      int number) {
    *out = NULL;
    if (number < 1 || number > FT_UPLOAD_PARTS_MAX)
        return FT_FAIL(FT_EINVAL, "part number %d: expected 1 to %d", number, FT_UPLOAD_PARTS_MAX);
    FT_TRY(ft_upload_find(s, id, bucket, key));
    FT_TRY(ft_object_write(out, s, bucket, key, NULL));
    ft_err err = ft_arena_str(&(*out)->upload, &(*out)->texts, id);
    (*out)->number = number;
    (*out)->publish = publish_part;
    if (err == FT_OK) return FT_OK;
    ft_object_write_abort(*out);
    *out = NULL;
    return err;
}

/* ---- dropping ---- */

ft_err ft_upload_abort(ft_store *s, ft_str id, ft_str bucket, ft_str key) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str *files;
    size_t count = 0;
    FT_TRY(ft_upload_find(s, id, bucket, key));
    ft_err err = ft_upload_files(&files, &count, s, &arena, id);
    if (err == FT_OK) err = ft_db_run(s->db, "delete from upload where id = ?", "s", id);
    for (size_t i = 0; i < count && err == FT_OK; i++) ft_part_drop(s, files[i]);
    ft_arena_fini(&arena);
    return err;
}

/* ---- cleaning ---- */

/* In a transaction, so that no part is between its row and its rename. */
static ft_err drop_litter(ft_store *s, ft_arena *arena, int *removed) {
    ft_str *names, path;
    size_t count;
    FT_TRY(ft_arena_printf(&path, arena, "%s/objects/" FT_PARTS_FOLDER, s->home));
    ft_err err = ft_dir_list(&names, &count, arena, path.at);
    if (err == FT_ENOTFOUND) { /* no part was ever sent */
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    for (size_t i = 0; i < count; i++) {
        int known = 0;
        FT_TRY(ft_db_one(s->db, NULL, "select count(*) from upload_part where file = ?", "s", "n",
                         names[i], &known));
        if (known) continue;
        ft_part_drop(s, names[i]);
        if (removed) ++*removed;
    }
    return FT_OK;
}

ft_err ft_uploads_clean(ft_store *s, int *removed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err = ft_db_begin(s->db);
    if (err == FT_OK) {
        err = ft_db_run(s->db, "delete from upload where touched_us < ?", "i",
                        ft_clock_now_us() - FT_UPLOAD_LIFE_US);
        if (err == FT_OK) err = drop_litter(s, &arena, removed);
        if (err == FT_OK)
            err = ft_db_commit(s->db);
        else
            ft_db_rollback(s->db);
    }
    ft_arena_fini(&arena);
    return err;
}
