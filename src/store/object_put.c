/* object_put.c -- writing objects: put, the streaming writer, files that grow in place, removal.
 * See objects.h for the order of steps and what a crash leaves. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "store/beneath_in.h"
#include "store/objects_in.h"

#define TEMP_NAME_BYTES   64
#define WRITE_BLOCK_BYTES ((size_t)1 << 16) /* small pieces gather to blocks of this */

/* An object in the making: a temporary file that nobody else sees. */
typedef struct draft {
    ft_store *s;
    int fd;
    char temp[TEMP_NAME_BYTES], place[FT_PLACE_BYTES];
    ft_object_row row;
    ft_object_put_opts opts;
} draft;

/* ---- the temporary file ---- */

static ft_err draft_open(draft *d) {
    static atomic_uint count;
    ft_store *s = d->s;
    snprintf(d->temp, sizeof d->temp, "%d-%llu-%u", s->pid, (unsigned long long)s->pid_started,
             atomic_fetch_add(&count, 1));
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    d->fd = ft_injected() ? -1 : openat(s->temp_fd, d->temp, flags, 0666);
    if (d->fd < 0) return FT_FAIL_ERRNO("cannot make a temporary file in '%s/objects'", s->home);
    return FT_OK;
}

static void draft_drop(draft *d) {
    if (d->fd < 0) return;
    ft_fd_close(&d->fd);
    unlinkat(d->s->temp_fd, d->temp, 0);
}

/* ---- publishing ---- */

/* Move the file to the key's place; FT_ECONFLICT when a folder tree cannot hold both this key and
 * another one ("a" beside "a/b"). `*folder` is the folder it is in. */
static ft_err place_file(int *folder, draft *d, bool escaped) {
    const char *base;
    const ft_object *o = &d->row.object;
    ft_key_place(d->place, o->bucket, o->key, escaped);
    FT_TRY(ft_beneath_parent(folder, &base, d->s->objects_fd, d->place, true, !d->opts.lazy));
    ft_err err = ft_beneath_rename(d->s->temp_fd, d->temp, *folder, base, d->place);
    if (err != FT_OK) ft_fd_close(folder);
    return err;
}

static ft_err taken(const ft_object *o) {
    return FT_FAIL(FT_EEXIST, "object 's3://%.*s/%.*s' exists already", FT_STR_ARG(o->bucket),
                   FT_STR_ARG(o->key));
}

/* In a transaction. A key stays where its row says; a new one is plain when it can be. */
static ft_err publish_row_and_file(int *folder, draft *d, ft_arena *arena) {
    ft_object *o = &d->row.object;
    ft_object_row old;
    ft_err err = ft_object_row_get(&old, d->s, arena, o->bucket, o->key);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    const ft_object_row *known = err == FT_OK ? &old : NULL;
    if (d->opts.if_absent) {
        char place[FT_PLACE_BYTES];
        struct stat st;
        bool escaped;
        err = ft_object_file(place, &escaped, &st, d->s, o->bucket, o->key, known);
        if (err != FT_ENOTFOUND) return err == FT_OK ? taken(o) : err;
    }
    d->row.escaped = known ? old.escaped : !ft_key_is_plain(o->key);
    FT_TRY(ft_object_row_put(d->s, &d->row));
    err = place_file(folder, d, d->row.escaped);
    if (err != FT_ECONFLICT || d->row.escaped) return err;
    ft_err_clear();
    d->row.escaped = true;
    FT_TRY(ft_object_row_put(d->s, &d->row));
    return place_file(folder, d, true);
}

static ft_err publish_once(draft *d, ft_arena *arena) {
    int folder = -1;
    ft_store *s = d->s;
    FT_TRY(ft_db_begin(s->db));
    if (!d->opts.lazy) ft_db_durable(s->db);
    ft_err err = publish_row_and_file(&folder, d, arena);
    if (err != FT_OK) {
        ft_db_rollback(s->db);
    } else {
        ft_fd_close(&d->fd); /* the file has its name: no longer a draft */
        err = ft_db_commit(s->db);
        if (err == FT_OK && !d->opts.lazy) err = ft_beneath_sync(folder, d->place);
    }
    ft_fd_close(&folder);
    return err;
}

/* Everything is in the file: sync it, and put row and file in place. */
static ft_err publish(draft *d) {
    struct stat st;
    ft_store *s = d->s;
    ft_object *o = &d->row.object;
    ft_arena arena = FT_ARENA_INIT(0);
    if (!d->opts.lazy) FT_TRY(ft_fd_sync(d->fd, d->temp));
    if (ft_injected() || fstat(d->fd, &st) != 0)
        return FT_FAIL_ERRNO("cannot look at a temporary file in '%s/objects'", s->home);
    d->row.mark = ft_file_mark_of(&st);
    o->size_bytes = (uint64_t)st.st_size;
    o->modified_us = d->row.mark.mtime_ns / 1000;
    o->content_type = d->opts.content_type;
    o->metadata_json = d->opts.metadata_json;
    ft_err err = publish_once(d, &arena);
    if (err == FT_ENOTFOUND && ft_str_is(o->bucket, FT_BUCKET_DEFAULT) && d->fd >= 0) {
        err = ft_object_names(s, o->bucket, o->key); /* makes it */
        if (err == FT_OK) err = publish_once(d, &arena);
    }
    ft_arena_fini(&arena);
    return err;
}

static ft_err draft_init(draft *d, ft_store *s, ft_str bucket, ft_str key,
                         const ft_object_put_opts *opts) {
    *d = (draft){ .s = s, .fd = -1, .row.object = { .bucket = bucket, .key = key } };
    if (opts) d->opts = *opts;
    FT_TRY(ft_bucket_check(bucket));
    FT_TRY(ft_key_check(key));
    if (d->opts.etag.len >= FT_ETAG_TEXT)
        return FT_FAIL(FT_EINVAL, "an ETag has at most %d bytes", FT_ETAG_TEXT - 1);
    return draft_open(d);
}

static ft_err draft_hash_end(draft *d, ft_hasher *hasher) {
    ft_object *o = &d->row.object;
    if (d->opts.etag.len == 0) return ft_hasher_end(hasher, o->sha256, o->etag);
    snprintf(o->etag, sizeof o->etag, "%.*s", FT_STR_ARG(d->opts.etag));
    return ft_hasher_end(hasher, o->sha256, NULL);
}

/* ---- whole objects ---- */

ft_err ft_object_put(ft_object *out, ft_store *s, ft_str bucket, ft_str key, ft_str bytes,
                     const ft_object_put_opts *opts) {
    ft_err err = FT_OK;
    draft d;
    ft_hasher *hasher = NULL;
    FT_TRY(draft_init(&d, s, bucket, key, opts));
    if (bytes.len) FT_GOTO(err, ft_fd_write(d.fd, bytes.at, bytes.len, d.temp));
    FT_GOTO(err, ft_hasher_new(&hasher, d.opts.etag.len == 0));
    FT_GOTO(err, ft_hasher_add(hasher, bytes.at, bytes.len));
    FT_GOTO(err, draft_hash_end(&d, hasher));
    FT_GOTO(err, publish(&d));
    if (out) *out = d.row.object;
done:
    ft_hasher_free(hasher);
    draft_drop(&d);
    return err;
}

/* ---- the streaming writer ---- */

struct ft_object_writer {
    draft d;
    ft_arena texts; /* copies of names and options */
    ft_hasher *hasher;
    size_t held; /* bytes in `block` */
    char *block;
};

static ft_err copy_texts(ft_object_writer *w, ft_str *bucket, ft_str *key,
                         ft_object_put_opts *opts) {
    ft_str *texts[] = { bucket, key, &opts->content_type, &opts->metadata_json, &opts->etag };
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
    w->block = ft_fault_here() ? NULL : malloc(WRITE_BLOCK_BYTES);
    if (!w->block) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to write an object"));
    FT_GOTO(err, copy_texts(w, &bucket, &key, &o));
    FT_GOTO(err, ft_object_names(s, bucket, key)); /* not only after all bytes have come */
    FT_GOTO(err, ft_hasher_new(&w->hasher, o.etag.len == 0));
    FT_GOTO(err, draft_init(&w->d, s, bucket, key, &o));
    *out = w;
    w = NULL;
done:
    ft_object_write_abort(w);
    return err;
}

static ft_err write_through(ft_object_writer *w, const char *at, size_t len) {
    if (len == 0) return FT_OK;
    FT_TRY(ft_hasher_add(w->hasher, at, len));
    return ft_fd_write(w->d.fd, at, len, w->d.temp);
}

ft_err ft_object_write_add(ft_object_writer *w, ft_str bytes) {
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

ft_err ft_object_write_commit(ft_object *out, ft_object_writer *w) {
    ft_err err = FT_OK;
    ft_object texts;
    FT_GOTO(err, texts_to_store(&texts, w));
    FT_GOTO(err, write_through(w, w->block, w->held));
    FT_GOTO(err, draft_hash_end(&w->d, w->hasher));
    FT_GOTO(err, publish(&w->d));
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
    draft_drop(&w->d);
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
    snprintf(o->etag, sizeof o->etag, "%.32s-1", o->sha256);
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
