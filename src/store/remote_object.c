/* remote_object.c -- an open object of an S3 server: pinned version, reads over blocks, read-ahead,
 * the cache's file. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/remote_in.h"

/* ---- opening */

static ft_err describe(ft_remote_object *f, const ft_remote_info *known) {
    ft_remote_info info;
    if (!known || !known->etag.len) {
        FT_TRY(ft_remote_head(&info, f->r, &f->arena, f->bucket, f->key));
        known = &info;
    }
    f->size_bytes = known->size_bytes;
    return ft_arena_str(&f->etag, &f->arena, known->etag);
}

/* Two servers may have a bucket of the same name; an object without an ETag cannot be told from its
 * next version, and one that the cache may not hold would push out all else. */
static ft_err cache_open(ft_remote_object *f) {
    const ft_remote_bucket *b;
    ft_remote *r = f->r;
    ft_str about;
    if (!r->cache_dir || !f->etag.len || !f->size_bytes) return FT_OK;
    if (f->size_bytes > r->opts.cache_bytes) return FT_OK;
    FT_TRY(ft_remote_bucket_find(&b, r, f->bucket));
    FT_TRY(ft_arena_printf(&about, &f->arena, "%.*s\ns3://%.*s/%.*s\n%.*s\n%llu %zu\n",
                           FT_STR_ARG(b->place.endpoint), FT_STR_ARG(f->bucket), FT_STR_ARG(f->key),
                           FT_STR_ARG(f->etag), (unsigned long long)f->size_bytes, f->block_bytes));
    ft_err err = ft_cache_open(&f->entry, r->cache_dir, about, f->size_bytes, f->block_bytes);
    if (err == FT_OK || err == FT_ENOMEM) return err;
    ft_log_err(FT_LOG_WARN, "store", err, "no cache for an object");
    ft_err_clear();
    return FT_OK;
}

/* What an earlier reader left. */
static ft_err cached_mark(ft_remote_object *f) {
    for (size_t i = 0; f->entry && i < f->block_count; i++) {
        bool has = false;
        FT_TRY(ft_cache_has(&has, f->entry, i));
        if (has) f->blocks[i].state = FT_BLOCK_CACHED;
    }
    return FT_OK;
}

static ft_err fill(ft_remote_object *f, ft_str bucket, ft_str key, const ft_remote_info *known) {
    FT_TRY(ft_arena_str(&f->bucket, &f->arena, bucket));
    FT_TRY(ft_arena_str(&f->key, &f->arena, key));
    FT_TRY(
        ft_arena_printf(&f->uri, &f->arena, "s3://%.*s/%.*s", FT_STR_ARG(bucket), FT_STR_ARG(key)));
    FT_TRY(describe(f, known));
    f->block_count = (size_t)((f->size_bytes + f->block_bytes - 1) / f->block_bytes);
    FT_TRY(ft_arena_items(&f->blocks, &f->arena, f->block_count + 1));
    FT_TRY(cache_open(f));
    return cached_mark(f);
}

ft_err ft_remote_open(ft_remote_object **out, ft_remote *r, ft_str bucket, ft_str key,
                      const ft_remote_info *known) {
    *out = NULL;
    ft_remote_object *f = ft_fault_here() ? NULL : calloc(1, sizeof *f);
    if (!f) return FT_FAIL(FT_ENOMEM, "no memory to open an object");
    f->r = r;
    f->block_bytes = r->opts.block_bytes;
    ft_err err = fill(f, bucket, key, known);
    if (err != FT_OK) {
        ft_remote_close(f);
        return err;
    }
    *out = f;
    return FT_OK;
}

void ft_remote_close(ft_remote_object *f) {
    if (!f) return;
    if (f->blocks) ft_remote_blocks_settle(f);
    ft_cache_close(f->entry);
    ft_arena_fini(&f->arena);
    free(f);
}

/* ---- reading */

void ft_remote_expect(ft_remote_object *f, uint64_t offset, uint64_t len) {
    if (offset >= f->size_bytes || !len) return;
    uint64_t end = len > f->size_bytes - offset ? f->size_bytes : offset + len;
    size_t last = (size_t)((end - 1) / f->block_bytes);
    pthread_mutex_lock(&f->r->lock);
    for (size_t i = (size_t)(offset / f->block_bytes); i <= last; i++)
        if (!ft_remote_block_want(f, i)) break;
    pthread_mutex_unlock(&f->r->lock);
}

ft_err ft_remote_read(size_t *got, ft_remote_object *f, void *at, size_t len, uint64_t offset) {
    *got = 0;
    if (offset >= f->size_bytes) return FT_OK;
    if (len > f->size_bytes - offset) len = (size_t)(f->size_bytes - offset);
    if (len && offset / f->block_bytes != (offset + len - 1) / f->block_bytes)
        ft_remote_expect(f, offset, len);
    while (*got < len) {
        size_t block = (size_t)((offset + *got) / f->block_bytes);
        size_t within = (size_t)((offset + *got) % f->block_bytes);
        size_t n = ft_remote_block_len(f, block) - within;
        if (n > len - *got) n = len - *got;
        FT_TRY(ft_remote_block_read(f, block, (char *)at + *got, n, within));
        *got += n;
    }
    return FT_OK;
}

uint64_t ft_remote_size(const ft_remote_object *f) { return f->size_bytes; }
ft_str ft_remote_etag(const ft_remote_object *f) { return f->etag; }
ft_str ft_remote_uri(const ft_remote_object *f) { return f->uri; }

/* ---- as a file */

/* Every block into the cache; a byte of each is read, which also checks what an earlier process
 * left. */
ft_err ft_remote_path(const char **out, ft_remote_object *f) {
    char byte;
    if (!f->entry || atomic_load(&f->cache_off))
        return FT_FAIL(FT_EUNSUPPORTED, "%.*s cannot be kept in the cache as a file",
                       FT_STR_ARG(f->uri));
    for (size_t i = 0; i < f->block_count; i++) {
        ft_remote_expect(f, (uint64_t)i * f->block_bytes,
                         (uint64_t)f->r->opts.parts * f->block_bytes);
        FT_TRY(ft_remote_block_read(f, i, &byte, 1, 0));
    }
    if (atomic_load(&f->cache_off))
        return FT_FAIL(FT_ENOSPC, "%.*s does not fit into the cache", FT_STR_ARG(f->uri));
    *out = ft_cache_data_path(f->entry);
    return FT_OK;
}
