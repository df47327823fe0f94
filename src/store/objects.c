/* objects.c -- reading objects: an object's row and its file, and how they are brought together
 * when they differ. See objects.h. */
#include "store/objects.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "store/beneath_in.h"
#include "store/objects_in.h"

#define RECONCILE_TRIES 8          /* while other processes replace the same key */
#define HASH_BLOCK      (1u << 18) /* bytes a read while hashing */

const char *const ft_objects_tables[] = {
    "create table bucket (name text primary key, created_us integer not null) without rowid;"
    "insert into bucket values ('" FT_BUCKET_DEFAULT "', unixepoch() * 1000000);"
    "create table object ("
    "  bucket text not null references bucket (name), key text not null, size integer not null,"
    "  sha256 text not null, etag text not null, modified_us integer not null,"
    "  content_type text, metadata_json text,"
    "  mtime_ns integer not null, inode integer not null, escaped integer not null,"
    "  primary key (bucket, key)) without rowid;",
};
const int ft_objects_tables_count = FT_COUNT(ft_objects_tables);

/* ---- the row ---- */

ft_file_mark ft_file_mark_of(const struct stat *st) {
    return (ft_file_mark){
        .size = (int64_t)st->st_size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .inode = (int64_t)st->st_ino,
    };
}

bool ft_file_mark_eq(ft_file_mark a, ft_file_mark b) {
    return a.size == b.size && a.mtime_ns == b.mtime_ns && a.inode == b.inode;
}

static void text_copy(char *out, size_t size, ft_str s) {
    snprintf(out, size, "%.*s", FT_STR_ARG(s));
}

ft_err ft_object_row_get(ft_object_row *out, ft_store *s, ft_arena *arena, ft_str bucket,
                         ft_str key) {
    ft_str sha256, etag;
    int escaped;
    ft_object *o = &out->object;
    *out = (ft_object_row){ 0 };
    ft_err err = ft_db_one(s->db, arena,
                           "select size, sha256, etag, modified_us, content_type, metadata_json, "
                           "mtime_ns, inode, escaped from object where bucket = ? and key = ?",
                           "ss", "ississiin", bucket, key, &out->mark.size, &sha256, &etag,
                           &o->modified_us, &o->content_type, &o->metadata_json,
                           &out->mark.mtime_ns, &out->mark.inode, &escaped);
    if (err != FT_OK) return err;
    FT_TRY(ft_arena_str(&o->bucket, arena, bucket));
    FT_TRY(ft_arena_str(&o->key, arena, key));
    o->size_bytes = (uint64_t)out->mark.size;
    text_copy(o->sha256, sizeof o->sha256, sha256);
    text_copy(o->etag, sizeof o->etag, etag);
    out->escaped = escaped != 0;
    return FT_OK;
}

ft_err ft_object_row_put(ft_store *s, const ft_object_row *row) {
    const ft_object *o = &row->object;
    ft_err err = ft_db_run(
        s->db,
        "insert or replace into object (bucket, key, size, sha256, etag, modified_us, "
        "content_type, metadata_json, mtime_ns, inode, escaped) "
        "values (?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), ?, ?, ?)",
        "ssittissiin", o->bucket, o->key, row->mark.size, o->sha256, o->etag, o->modified_us,
        o->content_type, o->metadata_json, row->mark.mtime_ns, row->mark.inode, (int)row->escaped);
    /* the one constraint that can break is that the bucket is there */
    return err == FT_ECONFLICT ? ft_bucket_missing(o->bucket) : err;
}

ft_err ft_object_row_drop(ft_store *s, ft_str bucket, ft_str key) {
    return ft_db_run(s->db, "delete from object where bucket = ? and key = ?", "ss", bucket, key);
}

/* ---- the file ---- */

ft_err ft_object_file(char place[FT_PLACE_BYTES], bool *escaped, struct stat *st, ft_store *s,
                      ft_str bucket, ft_str key, const ft_object_row *row) {
    bool plain = ft_key_is_plain(key), first = row ? row->escaped : !plain;
    for (int i = 0; i < 2; i++) {
        *escaped = first ^ (i == 1);
        if (!*escaped && !plain) continue;
        ft_key_place(place, bucket, key, *escaped);
        ft_err err = ft_beneath_stat(st, s->objects_fd, place);
        if (err != FT_ENOTFOUND) return err;
    }
    return FT_ENOTFOUND;
}

ft_err ft_object_hash(char sha256[FT_SHA256_HEX], char md5[FT_MD5_HEX], int fd, uint64_t size,
                      const char *place) {
    ft_err err = FT_OK;
    ft_hasher *hasher = NULL;
    char *block = ft_fault_here() ? NULL : malloc(HASH_BLOCK);
    if (!block) return FT_FAIL(FT_ENOMEM, "no memory to hash 'objects/%s'", place);
    FT_GOTO(err, ft_hasher_new(&hasher, md5 != NULL));
    for (uint64_t at = 0; at < size;) {
        size_t got, want = size - at < HASH_BLOCK ? (size_t)(size - at) : HASH_BLOCK;
        FT_GOTO(err, ft_fd_pread(&got, fd, block, want, at, place));
        if (got == 0)
            FT_GOTO(err, FT_FAIL(FT_EIO, "'objects/%s' became shorter while it was hashed", place));
        FT_GOTO(err, ft_hasher_add(hasher, block, got));
        at += got;
    }
    FT_GOTO(err, ft_hasher_end(hasher, sha256, md5));
done:
    ft_hasher_free(hasher);
    free(block);
    return err;
}

void ft_etag_adopted(char etag[FT_ETAG_TEXT], const char *sha256) {
    snprintf(etag, FT_ETAG_TEXT, "%.32s-1", sha256);
}

static bool is_adopted(const char *etag) { return strlen(etag) == 34 && etag[33] == '1'; }

/* A row for the file as it is now; type and metadata are the old row's. A file that grows while it
 * is hashed gets the hash of what was there at the beginning, and differs again. */
static ft_err row_of_file(ft_object_row *out, ft_store *s, const char *place) {
    ft_err err = FT_OK;
    int fd;
    struct stat st;
    FT_TRY(ft_beneath_open(&fd, s->objects_fd, place, O_RDONLY, 0));
    if (ft_injected() || fstat(fd, &st) != 0)
        FT_GOTO(err, FT_FAIL_ERRNO("cannot look at 'objects/%s'", place));
    ft_object *o = &out->object;
    bool grows = is_adopted(o->etag);
    FT_GOTO(err,
            ft_object_hash(o->sha256, grows ? NULL : o->etag, fd, (uint64_t)st.st_size, place));
    if (grows) ft_etag_adopted(o->etag, o->sha256);
    out->mark = ft_file_mark_of(&st);
    o->size_bytes = (uint64_t)st.st_size;
    o->modified_us = out->mark.mtime_ns / 1000;
done:
    ft_fd_close(&fd);
    return err;
}

/* ---- bringing both together ---- */

/* Has another process changed row or file since they were looked at? In a transaction. */
static ft_err still_so(bool *out, ft_store *s, ft_arena *arena, const ft_object_row *row,
                       ft_str bucket, ft_str key, const char *place, const ft_file_mark *file) {
    ft_object_row now;
    ft_err err = ft_object_row_get(&now, s, arena, bucket, key);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    *out = row ? err == FT_OK && ft_file_mark_eq(now.mark, row->mark) : err == FT_ENOTFOUND;
    if (!*out) return FT_OK;
    struct stat st;
    err = ft_beneath_stat(&st, s->objects_fd, place);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    /* the same file, grown or not: the row is of a moment of it */
    *out = file ? err == FT_OK && (int64_t)st.st_ino == file->inode : err == FT_ENOTFOUND;
    return FT_OK;
}

/* Store `next` (NULL: drop the row) if nobody was faster; `*done` says so. */
static ft_err store_row(bool *done, ft_store *s, ft_arena *arena, const ft_object_row *row,
                        const ft_object_row *next, ft_str bucket, ft_str key, const char *place) {
    FT_TRY(ft_db_begin(s->db));
    ft_err err = still_so(done, s, arena, row, bucket, key, place, next ? &next->mark : NULL);
    if (err == FT_OK && *done)
        err = next ? ft_object_row_put(s, next) : ft_object_row_drop(s, bucket, key);
    if (err != FT_OK) {
        ft_db_rollback(s->db);
        return err;
    }
    return ft_db_commit(s->db);
}

/* One look; `*done` false: another process changed it meanwhile. */
static ft_err reconcile_once(bool *done, ft_object_row *out, ft_reconciled *what, ft_store *s,
                             ft_arena *arena, ft_str bucket, ft_str key) {
    char place[FT_PLACE_BYTES];
    struct stat st;
    bool escaped;
    ft_object_row row;
    ft_err err = ft_object_row_get(&row, s, arena, bucket, key);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    const ft_object_row *old = err == FT_OK ? &row : NULL;
    err = ft_object_file(place, &escaped, &st, s, bucket, key, old);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    bool file = err == FT_OK;

    *done = true;
    *what = FT_OBJECT_SAME;
    *out = row;
    if (!file && !old) return FT_ENOTFOUND;
    if (!file) {
        *what = FT_OBJECT_DROPPED;
        FT_TRY(store_row(done, s, arena, old, NULL, bucket, key, place));
        return *done ? FT_ENOTFOUND : FT_OK;
    }
    if (old && escaped == row.escaped && ft_file_mark_eq(ft_file_mark_of(&st), row.mark))
        return FT_OK;
    *what = old ? FT_OBJECT_REHASHED : FT_OBJECT_ADOPTED;
    out->escaped = escaped;
    FT_TRY(ft_arena_str(&out->object.bucket, arena, bucket));
    FT_TRY(ft_arena_str(&out->object.key, arena, key));
    err = row_of_file(out, s, place);
    *done = err != FT_ENOTFOUND; /* it went away since: look again */
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    return store_row(done, s, arena, old, out, bucket, key, place);
}

ft_err ft_object_reconcile(ft_object_row *out, ft_reconciled *what, ft_store *s, ft_arena *arena,
                           ft_str bucket, ft_str key) {
    ft_reconciled none;
    for (int i = 0; i < RECONCILE_TRIES; i++) {
        bool done = false;
        ft_err err = reconcile_once(&done, out, what ? what : &none, s, arena, bucket, key);
        if (done || err != FT_OK) return err;
    }
    return FT_FAIL(FT_EBUSY, "object 's3://%.*s/%.*s' is being replaced again and again",
                   FT_STR_ARG(bucket), FT_STR_ARG(key));
}

/* ---- exported ---- */

ft_str ft_etag_plain(ft_str sent) {
    sent = ft_str_trim(sent);
    if (ft_str_starts(sent, FT_STR("W/"))) sent = ft_str_from(sent, 2);
    if (sent.len >= 2 && sent.at[0] == '"' && sent.at[sent.len - 1] == '"')
        sent = ft_str_slice(sent, 1, sent.len - 2);
    return sent;
}

static ft_err missing(ft_store *s, ft_str bucket, ft_str key) {
    if (!ft_bucket_exists(s, bucket)) return ft_bucket_missing(bucket);
    return FT_FAIL(FT_ENOTFOUND, "no object 's3://%.*s/%.*s'", FT_STR_ARG(bucket), FT_STR_ARG(key));
}

static ft_err names_check(ft_str bucket, ft_str key) {
    FT_TRY(ft_bucket_check(bucket));
    return ft_key_check(key);
}

ft_err ft_object_head(ft_object *out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key) {
    ft_object_row row;
    *out = (ft_object){ 0 };
    FT_TRY(names_check(bucket, key));
    ft_err err = ft_object_reconcile(&row, NULL, s, arena, bucket, key);
    if (err == FT_ENOTFOUND) return missing(s, bucket, key);
    FT_TRY(err);
    *out = row.object;
    return FT_OK;
}

/* The place of the file, which is looked for where the row says first. */
static ft_err find_file(char place[FT_PLACE_BYTES], ft_store *s, ft_str bucket, ft_str key) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_object_row row;
    struct stat st;
    bool escaped;
    FT_TRY(names_check(bucket, key));
    ft_err err = ft_object_row_get(&row, s, &arena, bucket, key);
    if (err == FT_OK || err == FT_ENOTFOUND)
        err = ft_object_file(place, &escaped, &st, s, bucket, key, err == FT_OK ? &row : NULL);
    if (err == FT_ENOTFOUND) err = missing(s, bucket, key);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_object_open(int *fd, ft_store *s, ft_str bucket, ft_str key) {
    char place[FT_PLACE_BYTES];
    *fd = -1;
    FT_TRY(find_file(place, s, bucket, key));
    return ft_beneath_open(fd, s->objects_fd, place, O_RDONLY, 0);
}

ft_err ft_object_get(ft_str *out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key,
                     size_t limit_bytes) {
    ft_err err = FT_OK;
    int fd = -1;
    struct stat st;
    ft_str place;
    char *at;
    size_t got;
    *out = (ft_str){ "", 0 };
    FT_TRY(ft_object_open(&fd, s, bucket, key));
    if (ft_injected() || fstat(fd, &st) != 0)
        FT_GOTO(err, FT_FAIL_ERRNO("cannot look at 's3://%.*s/%.*s'", FT_STR_ARG(bucket),
                                   FT_STR_ARG(key)));
    if ((uint64_t)st.st_size > limit_bytes)
        FT_GOTO(err,
                FT_FAIL(FT_ETOOBIG, "'s3://%.*s/%.*s' has %lld bytes, at most %zu are read",
                        FT_STR_ARG(bucket), FT_STR_ARG(key), (long long)st.st_size, limit_bytes));
    FT_GOTO(err,
            ft_arena_printf(&place, arena, "s3://%.*s/%.*s", FT_STR_ARG(bucket), FT_STR_ARG(key)));
    FT_GOTO(err, ft_arena_take(&at, arena, (size_t)st.st_size + 1));
    FT_GOTO(err, ft_fd_pread(&got, fd, at, (size_t)st.st_size, 0, place.at));
    *out = (ft_str){ at, got };
done:
    ft_fd_close(&fd);
    return err;
}

ft_err ft_object_path(const char **out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key) {
    char place[FT_PLACE_BYTES];
    ft_str path;
    *out = NULL;
    FT_TRY(find_file(place, s, bucket, key));
    FT_TRY(ft_arena_printf(&path, arena, "%s/objects/%s", s->home, place));
    *out = path.at;
    return FT_OK;
}
