/* object_put.c -- writing objects: put, the streaming writer, files that grow in place, removal.
 * See objects.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "store/beneath_in.h"
#include "store/draft_in.h"

#define WRITE_BLOCK_BYTES ((size_t)1 << 16) /* small pieces gather to blocks of this */

/* A failure names the object: the temporary file tells a person nothing. */
static ft_err draft_write(ft_draft *d, const char *at, size_t len) {
    const ft_object *o = &d->row.object;
    ft_err err = ft_fd_write(d->fd, at, len, d->temp);
    if (err == FT_OK) return FT_OK;
    return ft_err_prefix(err, "s3://%.*s/%.*s", FT_STR_ARG(o->bucket), FT_STR_ARG(o->key));
}

/* ---- whole objects ---- */

ft_err ft_object_put(ft_object *out, ft_store *s, ft_str bucket, ft_str key, ft_str bytes,
                     const ft_object_put_opts *opts) {
    ft_err err = FT_OK;
    ft_draft d;
    ft_hasher *hasher = NULL;
    FT_TRY(ft_draft_init(&d, s, bucket, key, opts));
    if (bytes.len) FT_GOTO(err, draft_write(&d, bytes.at, bytes.len));
    FT_GOTO(err, ft_hasher_new(&hasher, d.opts.etag.len == 0));
    FT_GOTO(err, ft_hasher_add(hasher, bytes.at, bytes.len));
    FT_GOTO(err, ft_draft_hash_end(&d, hasher));
    FT_GOTO(err, ft_draft_publish(&d));
    if (out) *out = d.row.object;
done:
    ft_hasher_free(hasher);
    ft_draft_drop(&d);
    return err;
}

/* ---- the streaming writer ---- */

static ft_err publish_object(ft_object_writer *w) { return ft_draft_publish(&w->d); }

static ft_err copy_texts(ft_object_writer *w, ft_str *bucket, ft_str *key,
                         ft_object_put_opts *opts) {
    ft_str *texts[] = { bucket,      key,           &opts->content_type, &opts->metadata_json,
                        &opts->etag, &opts->if_etag };
    for (size_t i = 0; i < FT_COUNT(texts); i++)
        if (texts[i]->at) FT_TRY(ft_arena_str(texts[i], &w->texts, *texts[i]));
    return FT_OK;
}

ft_err ft_object_write(ft_object_writer **out, ft_store *s, ft_str bucket, ft_str key,
                       const ft_object_put_opts *opts) {
    ft_err err = FT_OK;
    ft_object_put_opts o = opts ? *opts : (ft_object_put_opts){ 0 };
    *out = NULL;
    ft_object_writer *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    if (!w) return FT_FAIL(FT_ENOMEM, "no memory to write an object");
    w->d.fd = -1;
    w->publish = publish_object;
    w->block = ft_fault_here() ? NULL : malloc(WRITE_BLOCK_BYTES);
    if (!w->block) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to write an object"));
    FT_GOTO(err, copy_texts(w, &bucket, &key, &o));
    FT_GOTO(err, ft_object_names(s, bucket, key)); /* not only after all bytes have come */
    FT_GOTO(err, ft_hasher_new(&w->hasher, o.etag.len == 0));
    FT_GOTO(err, ft_draft_init(&w->d, s, bucket, key, &o));
    *out = w;
    w = NULL;
done:
    ft_object_write_abort(w);
    return err;
}

static ft_err write_through(ft_object_writer *w, const char *at, size_t len) {
    if (len == 0) return FT_OK;
    FT_TRY(ft_hasher_add(w->hasher, at, len));
    return draft_write(&w->d, at, len);
}

static ft_err add(ft_object_writer *w, ft_str bytes) {
    if (w->held + bytes.len > WRITE_BLOCK_BYTES) {
        size_t held = w->held;
        w->held = 0;
        FT_TRY(write_through(w, w->block, held));
    }
    if (bytes.len >= WRITE_BLOCK_BYTES) return write_through(w, bytes.at, bytes.len);
    if (bytes.len) memcpy(w->block + w->held, bytes.at, bytes.len);
    w->held += bytes.len;
    return FT_OK;
}

ft_err ft_object_write_add(ft_object_writer *w, ft_str bytes) {
    ft_err err = add(w, bytes);
    if (err != FT_OK) w->failed = err;
    return err;
}

/* What the caller gets outlives the writer: its texts are copied to the store. */
static ft_err texts_to_store(ft_object *out, ft_object_writer *w) {
    ft_arena *texts = &w->d.s->texts;
    const ft_object *from = &w->d.row.object;
    ft_arena_reset(texts);
    FT_TRY(ft_arena_str(&out->bucket, texts, from->bucket));
    FT_TRY(ft_arena_str(&out->key, texts, from->key));
    FT_TRY(ft_arena_str(&out->content_type, texts, w->d.opts.content_type));
    return ft_arena_str(&out->metadata_json, texts, w->d.opts.metadata_json);
}

static ft_err seal(ft_object_writer *w) {
    if (w->failed != FT_OK) return FT_FAIL(w->failed, "some bytes could not be written");
    if (w->d.sealed) return FT_OK;
    FT_TRY(write_through(w, w->block, w->held));
    FT_TRY(ft_draft_hash_end(&w->d, w->hasher));
    return ft_draft_seal(&w->d);
}

ft_err ft_object_write_seal(ft_object *out, ft_object_writer *w) {
    ft_err err = seal(w);
    if (err != FT_OK) w->failed = err; /* the hash has ended */
    if (err == FT_OK && out) *out = w->d.row.object;
    return err;
}

ft_err ft_object_write_commit(ft_object *out, ft_object_writer *w) {
    ft_err err = FT_OK;
    ft_object texts;
    FT_GOTO(err, texts_to_store(&texts, w));
    FT_GOTO(err, seal(w));
    FT_GOTO(err, w->publish(w));
    if (out) {
        *out = w->d.row.object;
        out->bucket = texts.bucket;
        out->key = texts.key;
        out->content_type = texts.content_type;
        out->metadata_json = texts.metadata_json;
    }
done:
    ft_object_write_abort(w);
    return err;
}

void ft_object_write_abort(ft_object_writer *w) {
    if (!w) return;
    ft_draft_drop(&w->d);
    ft_hasher_free(w->hasher);
    ft_arena_fini(&w->texts);
    free(w->block);
    free(w);
}

/* ---- files that grow in place ---- */

ft_err ft_object_create(int *fd, ft_store *s, ft_str bucket, ft_str key) {
    char place[FT_PLACE_BYTES];
    const char *base;
    int folder = -1;
    *fd = -1;
    FT_TRY(ft_object_names(s, bucket, key));
    if (!ft_key_is_plain(key))
        return FT_FAIL(FT_EINVAL, "'s3://%.*s/%.*s': a folder tree cannot hold this key",
                       FT_STR_ARG(bucket), FT_STR_ARG(key));
    ft_key_place(place, bucket, key, false);
    FT_TRY(ft_beneath_parent(&folder, &base, s->objects_fd, place, true, true));
    ft_err err = FT_OK;
    int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    *fd = ft_injected() ? -1 : openat(folder, base, flags, 0666);
    if (*fd < 0) {
        err = FT_FAIL_ERRNO("cannot make 'objects/%s'", place);
    } else if ((err = ft_beneath_sync(folder, place)) != FT_OK) {
        unlinkat(folder, base, 0);
        ft_fd_close(fd);
    }
    ft_fd_close(&folder);
    return err;
}

ft_err ft_object_adopt(ft_object *out, ft_store *s, ft_str bucket, ft_str key, const char *sha256) {
    ft_err err = FT_OK;
    int fd = -1;
    struct stat st;
    char place[FT_PLACE_BYTES];
    ft_object_row row = { .object = { .bucket = bucket, .key = key } };
    ft_object *o = &row.object;
    FT_TRY(ft_object_names(s, bucket, key));
    ft_key_place(place, bucket, key, false);
    FT_TRY(ft_beneath_open(&fd, s->objects_fd, place, O_RDONLY, 0));
    if (ft_injected() || fstat(fd, &st) != 0)
        FT_GOTO(err, FT_FAIL_ERRNO("cannot look at 'objects/%s'", place));
    row.mark = ft_file_mark_of(&st);
    o->size_bytes = (uint64_t)st.st_size;
    o->modified_us = row.mark.mtime_ns / 1000;
    if (sha256)
        snprintf(o->sha256, sizeof o->sha256, "%s", sha256);
    else
        FT_GOTO(err, ft_object_hash(o->sha256, NULL, fd, o->size_bytes, place));
    ft_etag_adopted(o->etag, o->sha256);
    FT_GOTO(err, ft_object_row_put(s, &row));
    if (out) *out = *o;
done:
    ft_fd_close(&fd);
    return err;
}

/* ---- removal ---- */

ft_err ft_object_remove(ft_store *s, ft_str bucket, ft_str key) {
    char place[FT_PLACE_BYTES];
    FT_TRY(ft_object_names(s, bucket, key));
    FT_TRY(ft_db_begin(s->db));
    ft_err err = ft_object_row_drop(s, bucket, key);
    for (int escaped = 0; escaped < 2 && err == FT_OK; escaped++) {
        if (!escaped && !ft_key_is_plain(key)) continue;
        ft_key_place(place, bucket, key, escaped);
        err = ft_beneath_remove(s->objects_fd, place);
    }
    if (err != FT_OK) {
        ft_db_rollback(s->db);
        return err;
    }
    return ft_db_commit(s->db);
}
