/* multipart_complete.c -- the parts of an upload become an object, which remembers their sizes. See
 * multipart.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "store/beneath_in.h"
#include "store/multipart_in.h"

#define COPY_BYTES ((size_t)1 << 18)
#define MD5_BYTES  16

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
    ft_part_path(path, p->file);
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

/* In a transaction, after the object's row. */
static ft_err sizes_note(ft_store *s, ft_str bucket, ft_str key, const part *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        FT_TRY(ft_db_run(s->db,
                         "insert into object_part (bucket, key, number, size) values (?, ?, ?, ?)",
                         "ssni", bucket, key, (int)i + 1, parts[i].size));
    return FT_OK;
}

/* In a transaction: the object appears and the upload goes, or neither. Frees the writer. */
static ft_err swap(ft_object *out, ft_store *s, ft_object_writer *w, ft_str id, ft_str bucket,
                   ft_str key, const part *parts, size_t count) {
    ft_err err = ft_upload_find(s, id, bucket, key); /* another request may have been faster */
    if (err != FT_OK) {
        ft_object_write_abort(w);
        return err;
    }
    FT_TRY(ft_object_write_commit(out, w));
    FT_TRY(sizes_note(s, bucket, key, parts, count));
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
    FT_GOTO(err, ft_upload_files(&files, &file_count, s, arena, id));
    FT_GOTO(err, ft_db_begin(s->db));
    ft_db_durable(s->db);
    err = swap(out, s, w, id, bucket, key, parts, count);
    w = NULL;
    if (err != FT_OK) {
        ft_db_rollback(s->db);
        goto done;
    }
    FT_GOTO(err, ft_db_commit(s->db));
    for (size_t i = 0; i < file_count; i++) ft_part_drop(s, files[i]);
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
    ft_err err = ft_upload_find(s, id, bucket, key);
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
    err = ft_upload_find(s, id, bucket, key);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    *outcome = err == FT_OK ? FT_UPLOAD_PART_WRONG : FT_UPLOAD_UNKNOWN;
    ft_err_clear();
    return FT_OK;
}

/* ---- the parts that it came in ---- */

ft_err ft_object_part_find(ft_object_part *out, ft_store *s, const ft_object *o, int number) {
    int64_t first, size;
    *out = (ft_object_part){ .size_bytes = o->size_bytes };
    FT_TRY(ft_db_one(s->db, NULL,
                     "select count(*), coalesce(sum(size) filter (where number < ?1), 0), "
                     "coalesce(max(size) filter (where number = ?1), -1) "
                     "from object_part where bucket = ?2 and key = ?3",
                     "nss", "nii", number, o->bucket, o->key, &out->count, &first, &size));
    if (out->count ? size >= 0 : number == 1) {
        if (out->count) out->first = (uint64_t)first, out->size_bytes = (uint64_t)size;
        return FT_OK;
    }
    return FT_FAIL(FT_ENOTFOUND, "object 's3://%.*s/%.*s' has no part %d", FT_STR_ARG(o->bucket),
                   FT_STR_ARG(o->key), number);
}
