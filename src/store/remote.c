/* remote.c -- the life of an S3 client: defaults, workers, what it cost, its cache as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "net/sigv4.h"
#include "store/remote_in.h"

#define TRIES       6
#define STALL_US    (20 * FT_SECOND_US)
#define DEADLINE_US (300 * FT_SECOND_US)
#define PAUSE_US    (FT_SECOND_US / 10)
#define BLOCK_MIN   ((size_t)4096)
#define BLOCK_MAX   ((size_t)1 << 30)

/* ---- options */

/* "16G", "500M", "0", or a number of bytes. */
static bool bytes_parse(uint64_t *out, ft_str text) {
    static const char units[] = "KMGT";
    text = ft_str_trim(text);
    int shift = 0;
    const char *unit = text.len ? strchr(units, text.at[text.len - 1]) : NULL;
    if (unit && *unit) shift = 10 * (int)(unit - units + 1), text.len--;
    if (!ft_str_u64(out, text) || *out > UINT64_MAX >> shift) return false;
    *out <<= shift;
    return true;
}

static ft_err cache_limit(ft_remote *r) {
    ft_str text = ft_str_of(getenv("FETTLE_CACHE_BYTES")), ini = { 0 };
    const char *path;
    if (r->opts.cache_bytes || !r->home) return FT_OK;
    r->opts.cache_bytes = FT_REMOTE_CACHE_BYTES;
    if (!text.len) {
        FT_TRY(ft_path_join(&path, &r->arena, r->home, "remote.ini"));
        if (ft_file_exists(path)) FT_TRY(ft_file_read(&ini, &r->arena, path, (size_t)1 << 20));
        text = ft_ini_find(ini, FT_STR("default"), "cache_bytes");
    }
    if (!text.len) return FT_OK;
    if (!bytes_parse(&r->opts.cache_bytes, text))
        return FT_FAIL(FT_EINVAL, "the cache's size '%.*s' is no number of bytes (such as 16G)",
                       FT_STR_ARG(text));
    if (!r->opts.cache_bytes) r->opts.no_cache = true;
    return FT_OK;
}

static void defaults(ft_remote_opts *o) {
    if (o->parts <= 0) o->parts = FT_REMOTE_PARTS;
    if (o->parts > FT_REMOTE_PARTS_MAX) o->parts = FT_REMOTE_PARTS_MAX;
    if (!o->ahead) o->ahead = o->parts > 1 ? o->parts : -1;
    if (!o->block_bytes) o->block_bytes = FT_REMOTE_BLOCK_BYTES;
    if (!o->tries) o->tries = TRIES;
    if (!o->stall_us) o->stall_us = STALL_US;
    if (!o->deadline_us) o->deadline_us = DEADLINE_US;
    if (!o->pause_us) o->pause_us = PAUSE_US;
}

static ft_err place_keep(ft_remote *r) {
    ft_remote_place *kept;
    if (!r->opts.place) return FT_OK;
    FT_TRY(ft_arena_take(&kept, &r->arena, sizeof *kept));
    *kept = *r->opts.place;
    r->opts.place = kept;
    ft_str *const texts[] = { &kept->endpoint, &kept->region, &kept->access_key,
                              &kept->secret,   &kept->token,  &kept->ca_path };
    for (size_t i = 0; i < FT_COUNT(texts); i++)
        FT_TRY(ft_arena_str(texts[i], &r->arena, *texts[i]));
    if (!kept->region.len) kept->region = FT_STR(FT_REGION_DEFAULT);
    return FT_OK;
}

static ft_err fill(ft_remote *r, const char *home) {
    uint64_t seed;
    ft_str text;
    const ft_remote_opts *o = &r->opts;
    if (o->block_bytes & (o->block_bytes - 1) || o->block_bytes < BLOCK_MIN ||
        o->block_bytes > BLOCK_MAX)
        return FT_FAIL(FT_EINVAL, "a block of %zu bytes: expected a power of two from %zu to %zu",
                       o->block_bytes, BLOCK_MIN, BLOCK_MAX);
    FT_TRY(ft_random_secret(&seed, sizeof seed));
    ft_random_seed(&r->jitter, seed);
    FT_TRY(place_keep(r));
    if (!home) return FT_OK;
    FT_TRY(ft_arena_str(&text, &r->arena, ft_str_of(home)));
    r->home = text.at;
    FT_TRY(cache_limit(r));
    return r->opts.no_cache ? FT_OK : ft_path_join(&r->cache_dir, &r->arena, home, "cache");
}

ft_err ft_remote_new(ft_remote **out, const char *home, const ft_remote_opts *opts) {
    *out = NULL;
    ft_remote *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for an S3 client");
    if (opts) r->opts = *opts;
    defaults(&r->opts);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->work, NULL);
    pthread_cond_init(&r->done, NULL);
    ft_err err = fill(r, home);
    if (err != FT_OK) {
        ft_remote_free(r);
        return err;
    }
    *out = r;
    return FT_OK;
}

static void workers_end(ft_remote *r) {
    pthread_mutex_lock(&r->lock);
    r->ending = true;
    pthread_cond_broadcast(&r->work);
    pthread_mutex_unlock(&r->lock);
    for (int i = 0; i < r->worker_count; i++) pthread_join(r->workers[i], NULL);
}

void ft_remote_free(ft_remote *r) {
    if (!r) return;
    workers_end(r);
    while (r->links) {
        ft_remote_link *l = r->links;
        r->links = l->next;
        ft_http_link_free(l->http);
        free(l);
    }
    for (size_t i = 0; i < r->buffer_count; i++) free(r->buffers[i]);
    free(r->buffers);
    pthread_cond_destroy(&r->done);
    pthread_cond_destroy(&r->work);
    pthread_mutex_destroy(&r->lock);
    ft_arena_fini(&r->arena);
    free(r);
}

ft_remote_stats ft_remote_told(const ft_remote *r) {
    ft_remote *w = (ft_remote *)r; /* atomic loads want no const */
    return (ft_remote_stats){ .requests = atomic_load(&w->requests),
                              .retries = atomic_load(&w->retries),
                              .net_bytes = atomic_load(&w->net_bytes),
                              .cached_bytes = atomic_load(&w->cached_bytes),
                              .wait_us = atomic_load(&w->wait_us),
                              .request_us = atomic_load(&w->request_us) };
}

/* ---- the cache as a whole */

/* Half of what the disk has left is others', what is cached counted as left. */
static uint64_t limit_now(const ft_remote *r, uint64_t held_bytes) {
    struct statvfs fs;
    uint64_t limit = r->opts.cache_bytes;
    if (statvfs(r->cache_dir, &fs) != 0) return limit;
    uint64_t half = ((uint64_t)fs.f_bavail * fs.f_frsize + held_bytes) / 2;
    return half < limit ? half : limit;
}

ft_err ft_remote_cache_size(ft_remote_cached *out, ft_remote *r) {
    return ft_remote_cache_trim(out, r, UINT64_MAX);
}

ft_err ft_remote_cache_trim(ft_remote_cached *out, ft_remote *r, uint64_t bytes) {
    ft_cache_sum sum = { 0 };
    *out = (ft_remote_cached){ 0 };
    if (!r->cache_dir) return FT_OK;
    FT_TRY(ft_cache_trim(&sum, r->cache_dir, bytes));
    *out = (ft_remote_cached){ .entries = sum.entries,
                               .bytes = sum.bytes,
                               .limit_bytes = limit_now(r, sum.bytes) };
    return FT_OK;
}

/* The cache is measured (a look at every entry) when so much of its limit has come anew. */
#define TRIM_PART 64

void ft_remote_keep_limit(ft_remote *r, uint64_t added_bytes) {
    uint64_t fresh = atomic_fetch_add(&r->untrimmed_bytes, added_bytes) + added_bytes;
    ft_remote_cached now;
    if (fresh < r->opts.cache_bytes / TRIM_PART) return;
    atomic_store(&r->untrimmed_bytes, 0);
    ft_err err = ft_remote_cache_size(&now, r);
    if (err == FT_OK && now.bytes > now.limit_bytes)
        err = ft_remote_cache_trim(&now, r, now.limit_bytes - now.limit_bytes / TRIM_PART);
    if (err != FT_OK) ft_err_clear(); /* the next one may do better; no reader shall suffer */
}
