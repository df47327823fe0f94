/* multipart.c -- see multipart.h.
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
#include "base/hash.h"
#include "base/random.h"
#include "store/beneath_in.h"
#include "store/draft_in.h"

#define COPY_BYTES ((size_t)1 << 18)
#define MD5_BYTES  16

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
};
const int ft_uploads_tables_count = FT_COUNT(ft_uploads_tables);

/* ---- the folder of parts ---- */

static void part_path(char out[FT_PLACE_BYTES], ft_str file) {
    snprintf(out, FT_PLACE_BYTES, FT_PARTS_FOLDER "/%.*s", FT_STR_ARG(file));
}

static void drop_file(ft_store *s, ft_str file) {
    char path[FT_PLACE_BYTES];
    if (!file.at) return;
    part_path(path, file);
    unlinkat(s->objects_fd, path, 0); /* else it is litter, and ft_uploads_clean takes it */
}

/* Files of an upload, to be dropped once its rows are gone. */
static ft_err files_of(ft_str **out, size_t *count, ft_store *s, ft_arena *arena, ft_str id) {
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

/* FT_ENOTFOUND when there is no such upload of this key. */
static ft_err find_upload(ft_store *s, ft_str id, ft_str bucket, ft_str key) {
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
    FT_TRY(find_upload(d->s, w->upload, o->bucket, o->key));
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
    part_path(d->place, ft_str_of(d->temp));
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
        if (err == FT_OK) drop_file(d->s, old);
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
    FT_TRY(find_upload(s, id, bucket, key));
    FT_TRY(ft_object_write(out, s, bucket, key, NULL));
    ft_err err = ft_arena_str(&(*out)->upload, &(*out)->texts, id);
    (*out)->number = number;
    (*out)->publish = publish_part;
    if (err == FT_OK) return FT_OK;
    ft_object_write_abort(*out);
    *out = NULL;
    return err;
}

/* ---- completing ---- */

typedef struct part {
    ft_str file;
    int64_t size;
} part;

/* Look at part `i` of the list; FT_OK with what is wrong with it. */
static ft_err check_part(ft_upload_outcome *outcome, part *out, ft_hasher *hasher, ft_store *s,
                         ft_arena *arena, ft_str id, const ft_upload_part_ref *parts, size_t i,
                         bool last) {
    unsigned char binary[MD5_BYTES];
    ft_str have;
    ft_err err = ft_db_one(
        s->db, arena, "select file, size, etag from upload_part where upload = ? and number = ?",
        "sn", "sis", id, parts[i].number, &out->file, &out->size, &have);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    *outcome = FT_UPLOAD_PART_WRONG;
    if (err == FT_ENOTFOUND || !ft_str_eq(have, parts[i].etag)) return FT_OK;
    *outcome = FT_UPLOAD_PART_SMALL;
    if (!last && out->size < (int64_t)FT_UPLOAD_PART_BYTES_MIN) return FT_OK;
    *outcome = FT_UPLOAD_DONE;
    FT_CHECK(ft_unhex(binary, MD5_BYTES, have));
    return ft_hasher_add(hasher, binary, sizeof binary);
}

/* Find the listed parts, check them, and make the ETag of the whole. */
static ft_err check_parts(ft_upload_outcome *outcome, part *out, char etag[FT_ETAG_TEXT],
                          ft_store *s, ft_arena *arena, ft_str id, const ft_upload_part_ref *parts,
                          size_t count) {
    ft_err err = FT_OK;
    char sha256[FT_SHA256_HEX], md5[FT_MD5_HEX];
    ft_hasher *hasher = NULL;
    FT_TRY(ft_hasher_new(&hasher, true));
    *outcome = count == 0 ? FT_UPLOAD_PART_WRONG : FT_UPLOAD_DONE;
    for (size_t i = 1; i < count; i++)
        if (parts[i].number <= parts[i - 1].number) *outcome = FT_UPLOAD_ORDER_WRONG;
    for (size_t i = 0; i < count && *outcome == FT_UPLOAD_DONE; i++)
        FT_GOTO(err, check_part(outcome, &out[i], hasher, s, arena, id, parts, i, i + 1 == count));
    FT_GOTO(err, ft_hasher_end(hasher, sha256, md5));
    snprintf(etag, FT_ETAG_TEXT, "%s-%zu", md5, count);
done:
    ft_hasher_free(hasher);
    return err;
}

static ft_err copy_part(ft_object_writer *w, ft_store *s, const part *p, char *block) {
    ft_err err = FT_OK;
    char path[FT_PLACE_BYTES];
    int fd;
    part_path(path, p->file);
    FT_TRY(ft_beneath_open(&fd, s->objects_fd, path, O_RDONLY, 0));
    for (int64_t left = p->size; left > 0;) {
        size_t got;
        FT_GOTO(err, ft_fd_read(&got, fd, block, COPY_BYTES, path));
        if (got == 0) FT_GOTO(err, FT_FAIL(FT_ECORRUPT, "'objects/%s' became shorter", path));
        FT_GOTO(err, ft_object_write_add(w, ft_str_n(block, got)));
        left -= (int64_t)got;
    }
done:
    ft_fd_close(&fd);
    return err;
}

/* In a transaction: the object appears and the upload goes, or neither. Frees the writer. */
static ft_err swap(ft_object *out, ft_store *s, ft_object_writer *w, ft_str id, ft_str bucket,
                   ft_str key) {
    ft_err err = find_upload(s, id, bucket, key); /* another request may have been faster */
    if (err != FT_OK) {
        ft_object_write_abort(w);
        return err;
    }
    FT_TRY(ft_object_write_commit(out, w));
    return ft_db_run(s->db, "delete from upload where id = ?", "s", id);
}

static ft_err read_options(ft_object_put_opts *opts, ft_store *s, ft_arena *arena, ft_str id) {
    return ft_db_one(s->db, arena, "select content_type, metadata_json from upload where id = ?",
                     "s", "ss", id, &opts->content_type, &opts->metadata_json);
}

/* The parts in one file, and that in the place of the upload. */
static ft_err join(ft_object *out, ft_store *s, ft_arena *arena, ft_str id, ft_str bucket,
                   ft_str key, const part *parts, size_t count, const ft_object_put_opts *when) {
    ft_err err = FT_OK;
    ft_object_writer *w = NULL;
    ft_object_put_opts opts = *when;
    ft_str *files;
    size_t file_count;
    char *block = ft_fault_here() ? NULL : malloc(COPY_BYTES);
    if (!block) return FT_FAIL(FT_ENOMEM, "no memory to join the parts of an upload");
    FT_GOTO(err, read_options(&opts, s, arena, id));
    FT_GOTO(err, ft_object_write(&w, s, bucket, key, &opts));
    for (size_t i = 0; i < count; i++) FT_GOTO(err, copy_part(w, s, &parts[i], block));
    FT_GOTO(err, ft_object_write_seal(NULL, w)); /* syncing gigabytes needs no transaction */
    FT_GOTO(err, files_of(&files, &file_count, s, arena, id));
    FT_GOTO(err, ft_db_begin(s->db));
    ft_db_durable(s->db);
    err = swap(out, s, w, id, bucket, key);
    w = NULL;
    if (err != FT_OK) {
        ft_db_rollback(s->db);
        goto done;
    }
    FT_GOTO(err, ft_db_commit(s->db));
    for (size_t i = 0; i < file_count; i++) drop_file(s, files[i]);
done:
    ft_object_write_abort(w);
    free(block);
    return err;
}

static ft_err copy_texts(ft_object *o, ft_arena *arena) {
    FT_TRY(ft_arena_str(&o->bucket, arena, o->bucket));
    FT_TRY(ft_arena_str(&o->key, arena, o->key));
    FT_TRY(ft_arena_str(&o->content_type, arena, o->content_type));
    return ft_arena_str(&o->metadata_json, arena, o->metadata_json);
}

ft_err ft_upload_complete(ft_upload_outcome *outcome, ft_object *out, ft_store *s, ft_arena *arena,
                          ft_str id, ft_str bucket, ft_str key, const ft_upload_part_ref *parts,
                          size_t count, const ft_object_put_opts *when) {
    char etag[FT_ETAG_TEXT];
    ft_object_put_opts opts = when ? *when : (ft_object_put_opts){ 0 };
    ft_object there;
    part *found;
    *outcome = FT_UPLOAD_UNKNOWN;
    ft_err err = find_upload(s, id, bucket, key);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    FT_TRY(ft_arena_items(&found, arena, count));
    FT_TRY(check_parts(outcome, found, etag, s, arena, id, parts, count));
    if (*outcome != FT_UPLOAD_DONE) return FT_OK;
    opts.etag = ft_str_of(etag);
    err = join(out, s, arena, id, bucket, key, found, count, &opts);
    if (err == FT_OK) return copy_texts(out, arena);
    if (err != FT_ENOTFOUND) return err;
    if (opts.if_etag.len && ft_object_head(&there, s, arena, bucket, key) == FT_ENOTFOUND)
        return err;
    /* the upload or one of its parts went away while it was read */
    err = find_upload(s, id, bucket, key);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    *outcome = err == FT_OK ? FT_UPLOAD_PART_WRONG : FT_UPLOAD_UNKNOWN;
    ft_err_clear();
    return FT_OK;
}

/* ---- dropping ---- */

ft_err ft_upload_abort(ft_store *s, ft_str id, ft_str bucket, ft_str key) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str *files;
    size_t count = 0;
    FT_TRY(find_upload(s, id, bucket, key));
    ft_err err = files_of(&files, &count, s, &arena, id);
    if (err == FT_OK) err = ft_db_run(s->db, "delete from upload where id = ?", "s", id);
    for (size_t i = 0; i < count && err == FT_OK; i++) drop_file(s, files[i]);
    ft_arena_fini(&arena);
    return err;
}

/* ---- listing ---- */

ft_err ft_upload_list(ft_upload **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                      ft_str bucket, ft_str prefix, ft_str key_marker, ft_str id_marker,
                      size_t limit) {
    ft_rows *rows;
    size_t room = 0;
    *out = NULL;
    *count = 0;
    *more = false;
    FT_TRY(ft_bucket_check(bucket));
    if (!ft_bucket_exists(s, bucket)) return ft_bucket_missing(bucket);
    if (!key_marker.at) key_marker = FT_STR("");
    /* without an id marker all uploads of the marker's key are past: 0xff is after every id */
    if (!id_marker.len) id_marker = FT_STR("\xff");
    if (!prefix.at) prefix = FT_STR("");
    FT_TRY(ft_db_query(&rows, s->db,
                       "select key, id, begun_us from upload where bucket = ?1 and key >= ?2 and "
                       "(key, id) > (?3, ?4) order by key, id",
                       "ssss", bucket, prefix, key_marker, id_marker));
    ft_err err = FT_OK;
    while (err == FT_OK && ft_rows_next(rows)) {
        ft_upload u;
        ft_rows_read(rows, "ssi", &u.key, &u.id, &u.begun_us);
        if (!ft_str_starts(u.key, prefix)) break;
        if (*count == limit) {
            *more = true;
            break;
        }
        if (*count == room) {
            ft_upload *bigger;
            room = room ? room * 2 : 16;
            if ((err = ft_arena_items(&bigger, arena, room)) != FT_OK) break;
            if (*count) memcpy(bigger, *out, *count * sizeof *bigger);
            *out = bigger;
        }
        err = ft_arena_str(&u.key, arena, u.key);
        if (err == FT_OK) err = ft_arena_str(&u.id, arena, u.id);
        (*out)[(*count)++] = u;
    }
    ft_err ended = ft_rows_end(rows);
    return err == FT_OK ? ended : err;
}

ft_err ft_upload_parts(ft_upload_part_info **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str id, ft_str bucket, ft_str key) {
    ft_rows *rows;
    int64_t n;
    *out = NULL;
    *count = 0;
    FT_TRY(find_upload(s, id, bucket, key));
    FT_TRY(ft_db_one(s->db, NULL, "select count(*) from upload_part where upload = ?", "s", "i", id,
                     &n));
    FT_TRY(ft_arena_items(out, arena, (size_t)n));
    FT_TRY(ft_db_query(&rows, s->db,
                       "select number, etag, size, modified_us from upload_part where upload = ? "
                       "order by number",
                       "s", id));
    while (*count < (size_t)n && ft_rows_next(rows)) {
        ft_upload_part_info *p = &(*out)[(*count)++];
        ft_str etag;
        int64_t size;
        ft_rows_read(rows, "nsii", &p->number, &etag, &size, &p->modified_us);
        snprintf(p->etag, sizeof p->etag, "%.*s", FT_STR_ARG(etag));
        p->size_bytes = (uint64_t)size;
    }
    return ft_rows_end(rows);
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
        drop_file(s, names[i]);
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
