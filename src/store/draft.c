/* draft.c -- see draft_in.h; objects.h tells the order of steps and what a crash leaves. */
#include "store/draft_in.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/files.h"
#include "store/beneath_in.h"

/* ---- the temporary file ---- */

static ft_err draft_open(ft_draft *d) {
    static atomic_uint count;
    ft_store *s = d->s;
    snprintf(d->temp, sizeof d->temp, "%d-%llu-%u", s->pid, (unsigned long long)s->pid_started,
             atomic_fetch_add(&count, 1));
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    d->fd = ft_injected() ? -1 : openat(s->temp_fd, d->temp, flags, 0666);
    if (d->fd < 0) return FT_FAIL_ERRNO("cannot make a temporary file in '%s/objects'", s->home);
    return FT_OK;
}

void ft_draft_drop(ft_draft *d) {
    if (d->fd < 0) return;
    ft_fd_close(&d->fd);
    unlinkat(d->s->temp_fd, d->temp, 0);
}

/* ---- publishing ---- */

/* Move the file to the key's place; FT_ECONFLICT when a folder tree cannot hold both this key and
 * another one ("a" beside "a/b"). `*folder` is the folder it is in. */
static ft_err place_file(int *folder, ft_draft *d, bool escaped) {
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

static ft_err other_etag(const ft_object *o, const char *etag) {
    return FT_FAIL(FT_EEXIST, "object 's3://%.*s/%.*s' has the ETag %s", FT_STR_ARG(o->bucket),
                   FT_STR_ARG(o->key), etag);
}

/* In a transaction. A key stays where its row says; a new one is plain when it can be. */
static ft_err publish_row_and_file(int *folder, ft_draft *d, ft_arena *arena) {
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
    if (d->opts.if_etag.len) {
        if (!known)
            return FT_FAIL(FT_ENOTFOUND, "no object 's3://%.*s/%.*s'", FT_STR_ARG(o->bucket),
                           FT_STR_ARG(o->key));
        if (!ft_str_is(d->opts.if_etag, old.object.etag)) return other_etag(o, old.object.etag);
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

static ft_err publish_once(ft_draft *d, ft_arena *arena) {
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

ft_err ft_draft_seal(ft_draft *d) {
    struct stat st;
    ft_store *s = d->s;
    ft_object *o = &d->row.object;
    if (d->sealed) return FT_OK;
    if (!d->opts.lazy) FT_TRY(ft_fd_sync(d->fd, d->temp));
    if (ft_injected() || fstat(d->fd, &st) != 0)
        return FT_FAIL_ERRNO("cannot look at a temporary file in '%s/objects'", s->home);
    d->row.mark = ft_file_mark_of(&st);
    o->size_bytes = (uint64_t)st.st_size;
    o->modified_us = d->row.mark.mtime_ns / 1000;
    o->content_type = d->opts.content_type;
    o->metadata_json = d->opts.metadata_json;
    d->sealed = true;
    return FT_OK;
}

ft_err ft_draft_publish(ft_draft *d) {
    ft_store *s = d->s;
    ft_object *o = &d->row.object;
    ft_arena arena = FT_ARENA_INIT(0);
    FT_TRY(ft_draft_seal(d));
    ft_err err = publish_once(d, &arena);
    bool no_bucket = err == FT_ENOTFOUND && d->opts.if_etag.len == 0 && d->fd >= 0;
    if (no_bucket && ft_str_is(o->bucket, FT_BUCKET_DEFAULT)) {
        err = ft_object_names(s, o->bucket, o->key); /* makes it */
        if (err == FT_OK) err = publish_once(d, &arena);
    }
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_draft_init(ft_draft *d, ft_store *s, ft_str bucket, ft_str key,
                     const ft_object_put_opts *opts) {
    *d = (ft_draft){ .s = s, .fd = -1, .row.object = { .bucket = bucket, .key = key } };
    if (opts) d->opts = *opts;
    FT_TRY(ft_bucket_check(bucket));
    FT_TRY(ft_key_check(key));
    if (d->opts.etag.len >= FT_ETAG_TEXT)
        return FT_FAIL(FT_EINVAL, "an ETag has at most %d bytes", FT_ETAG_TEXT - 1);
    return draft_open(d);
}

ft_err ft_draft_hash_end(ft_draft *d, ft_hasher *hasher) {
    ft_object *o = &d->row.object;
    if (d->opts.etag.len == 0) return ft_hasher_end(hasher, o->sha256, o->etag);
    snprintf(o->etag, sizeof o->etag, "%.*s", FT_STR_ARG(d->opts.etag));
    return ft_hasher_end(hasher, o->sha256, NULL);
}
