/* remote_block.c -- the blocks of an open object: who fetches which, where they lie, who waits. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/remote_in.h"

#define DAMAGED_MAX 3 /* a cache whose blocks fail their check again and again */

size_t ft_remote_block_len(const ft_remote_object *f, size_t block) {
    uint64_t left = f->size_bytes - (uint64_t)block * f->block_bytes;
    return left < f->block_bytes ? (size_t)left : f->block_bytes;
}

/* ---- memory, reused: a fresh block costs two thousand page faults */

static char *buffer_take(ft_remote *r) {
    char *buffer = NULL;
    pthread_mutex_lock(&r->lock);
    if (r->buffer_count) buffer = r->buffers[--r->buffer_count];
    pthread_mutex_unlock(&r->lock);
    return buffer ? buffer : ft_fault_here() ? NULL : malloc(r->opts.block_bytes);
}

/* Locked by the caller. */
static void buffer_give(ft_remote *r, char *buffer) {
    size_t most = (size_t)r->opts.parts + (r->opts.ahead > 0 ? (size_t)r->opts.ahead : 0) + 1;
    if (!r->buffers) r->buffers = calloc(most, sizeof *r->buffers);
    if (!buffer || !r->buffers || r->buffer_count == most)
        free(buffer);
    else
        r->buffers[r->buffer_count++] = buffer;
}

static void held_drop(ft_remote_object *f, ft_remote_block *b) {
    buffer_give(f->r, b->memory);
    b->memory = NULL;
    b->state = FT_BLOCK_NONE;
    f->held--;
}

static size_t held_max(const ft_remote *r) {
    return (size_t)r->opts.parts + (r->opts.ahead > 0 ? (size_t)r->opts.ahead : 0);
}

/* Room for one more: the one that came first goes, unless it is being read. */
static void held_prune(ft_remote_object *f) {
    while (f->held > held_max(f->r)) {
        ft_remote_block *oldest = NULL;
        for (size_t i = 0; i < f->block_count; i++) {
            ft_remote_block *b = &f->blocks[i];
            if (b->state == FT_BLOCK_HELD && !b->refs && (!oldest || b->since < oldest->since))
                oldest = b;
        }
        if (!oldest) return;
        held_drop(f, oldest);
    }
}

/* ---- fetching; the block is BUSY and ours */

static ft_err range_of(ft_remote_object *f, size_t block, char *buffer) {
    return ft_remote_range(f->r, f->bucket, f->key, f->etag, f->size_bytes, buffer,
                           ft_remote_block_len(f, block), (uint64_t)block * f->block_bytes);
}

static void cache_failed(ft_remote_object *f) {
    if (!atomic_exchange(&f->cache_off, true))
        ft_log(FT_LOG_WARN, "store", "no cache for %.*s: %s", FT_STR_ARG(f->uri), ft_err_why());
    ft_err_clear();
}

static bool cache_usable(const ft_remote_object *f) {
    return f->entry && !atomic_load(&((ft_remote_object *)f)->cache_off);
}

/* Into the cache. A cache that fails is no failure: then the block stays in memory. */
static ft_err fetch_cached(bool *cached, ft_remote_object *f, size_t block, char *buffer) {
    size_t len = ft_remote_block_len(f, block);
    if (ft_cache_lock(f->entry, block) != FT_OK) {
        cache_failed(f);
        return range_of(f, block, buffer);
    }
    ft_err err = ft_cache_has(cached, f->entry, block);
    if (err != FT_OK) cache_failed(f);
    err = FT_OK;
    if (!*cached) {
        err = range_of(f, block, buffer);
        if (err == FT_OK && ft_cache_put(f->entry, block, buffer, len) == FT_OK)
            *cached = true;
        else if (err == FT_OK)
            cache_failed(f);
        if (*cached) ft_remote_keep_limit(f->r, len);
        f->blocks[block].ours = true;
    }
    ft_cache_unlock(f->entry, block);
    return err;
}

static void settle(ft_remote_object *f, size_t block, char *buffer, bool cached, ft_err err) {
    ft_remote *r = f->r;
    ft_remote_block *b = &f->blocks[block];
    pthread_mutex_lock(&r->lock);
    f->coming--;
    b->err = err;
    b->state = err != FT_OK ? FT_BLOCK_FAILED : cached ? FT_BLOCK_CACHED : FT_BLOCK_HELD;
    if (err != FT_OK) snprintf(f->why, sizeof f->why, "%s", ft_err_why());
    if (b->state == FT_BLOCK_HELD) {
        b->memory = buffer;
        b->since = f->arrivals++;
        f->held++;
        b->refs++; /* not this one */
        held_prune(f);
        b->refs--;
    } else {
        buffer_give(r, buffer);
    }
    pthread_cond_broadcast(&r->done);
    pthread_mutex_unlock(&r->lock);
}

static void fetch(ft_remote_object *f, size_t block) {
    bool cached = false;
    ft_err err;
    char *buffer = buffer_take(f->r);
    if (!buffer)
        err = FT_FAIL(FT_ENOMEM, "no memory for a block of %.*s", FT_STR_ARG(f->uri));
    else if (cache_usable(f))
        err = fetch_cached(&cached, f, block, buffer);
    else
        err = range_of(f, block, buffer);
    settle(f, block, buffer, cached, err);
}

/* ---- workers */

static bool job_take(ft_remote_job *out, ft_remote *r) {
    while (r->queue_count) {
        *out = r->queue[r->queue_first];
        r->queue_first = (r->queue_first + 1) % FT_REMOTE_QUEUE_MAX;
        r->queue_count--;
        if (!out->object) continue; /* closed since */
        ft_remote_block *b = &out->object->blocks[out->block];
        if (b->state != FT_BLOCK_WANTED) continue; /* a reader was faster */
        b->state = FT_BLOCK_BUSY;
        return true;
    }
    return false;
}

static void *worker(void *ctx) {
    ft_remote *r = ctx;
    ft_remote_job job;
    pthread_mutex_lock(&r->lock);
    while (!r->ending) {
        if (!job_take(&job, r)) {
            pthread_cond_wait(&r->work, &r->lock);
            continue;
        }
        pthread_mutex_unlock(&r->lock);
        fetch(job.object, job.block);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* One more, while there is more to do than there are: without them readers fetch for themselves. */
static void worker_add(ft_remote *r) {
    if (r->worker_count == r->opts.parts || (size_t)r->worker_count >= r->queue_count) return;
    if (pthread_create(&r->workers[r->worker_count], NULL, worker, r) == 0) r->worker_count++;
}

bool ft_remote_block_want(ft_remote_object *f, size_t block) {
    ft_remote *r = f->r;
    ft_remote_block *b = &f->blocks[block];
    bool through = !cache_usable(f);
    if (b->state != FT_BLOCK_NONE) return true;
    if (r->opts.parts < 2 || r->queue_count == FT_REMOTE_QUEUE_MAX) return false;
    if (through && f->held + f->coming >= held_max(r)) return false;
    b->state = FT_BLOCK_WANTED;
    f->coming++;
    r->queue[(r->queue_first + r->queue_count++) % FT_REMOTE_QUEUE_MAX] =
        (ft_remote_job){ f, block };
    worker_add(r);
    pthread_cond_signal(&r->work);
    return true;
}

static void unqueue(ft_remote_object *f) {
    ft_remote *r = f->r;
    for (size_t i = 0; i < r->queue_count; i++) {
        ft_remote_job *job = &r->queue[(r->queue_first + i) % FT_REMOTE_QUEUE_MAX];
        if (job->object != f) continue;
        if (f->blocks[job->block].state == FT_BLOCK_WANTED) {
            f->blocks[job->block].state = FT_BLOCK_NONE;
            f->coming--;
        }
        job->object = NULL;
    }
}

void ft_remote_blocks_settle(ft_remote_object *f) {
    pthread_mutex_lock(&f->r->lock);
    unqueue(f);
    while (f->coming) pthread_cond_wait(&f->r->done, &f->r->lock);
    for (size_t i = 0; i < f->block_count; i++)
        if (f->blocks[i].memory) held_drop(f, &f->blocks[i]);
    pthread_mutex_unlock(&f->r->lock);
}

/* ---- reading */

static ft_err held_read(ft_remote_object *f, size_t block, void *at, size_t len, size_t within) {
    ft_remote_block *b = &f->blocks[block];
    b->refs++;
    pthread_mutex_unlock(&f->r->lock);
    memcpy(at, b->memory + within, len);
    pthread_mutex_lock(&f->r->lock);
    b->refs--;
    /* What passes through is read once, as a stream; at its end there is room for the next. */
    bool ended = within + len == ft_remote_block_len(f, block);
    if (ended && !b->refs && b->state == FT_BLOCK_HELD) held_drop(f, b);
    return FT_OK;
}

static ft_err cached_read(ft_remote_object *f, size_t block, void *at, size_t len, size_t within) {
    pthread_mutex_unlock(&f->r->lock);
    ft_err err = ft_cache_read(f->entry, at, len, (uint64_t)block * f->block_bytes + within);
    if (err != FT_OK && err != FT_ECORRUPT)
        cache_failed(f); /* its disk fails: the network is left */
    if (err == FT_OK && !f->blocks[block].ours) atomic_fetch_add(&f->r->cached_bytes, len);
    pthread_mutex_lock(&f->r->lock);
    if (err == FT_OK) return FT_OK;
    ft_err_clear();
    f->blocks[block].state = FT_BLOCK_NONE;
    return FT_ECORRUPT;
}

/* Locked; the block becomes something else than BUSY, WANTED or NONE. */
static void await(ft_remote_object *f, size_t block) {
    ft_remote *r = f->r;
    ft_remote_block *b = &f->blocks[block];
    int64_t began_us = ft_clock_monotonic_us();
    if (b->state == FT_BLOCK_BUSY) {
        while (b->state == FT_BLOCK_BUSY) pthread_cond_wait(&r->done, &r->lock);
    } else {
        if (b->state == FT_BLOCK_NONE) f->coming++;
        b->state = FT_BLOCK_BUSY;
        pthread_mutex_unlock(&r->lock);
        fetch(f, block);
        pthread_mutex_lock(&r->lock);
    }
    atomic_fetch_add(&r->wait_us, ft_clock_monotonic_us() - began_us);
}

static ft_err read_locked(ft_remote_object *f, size_t block, void *at, size_t len, size_t within) {
    ft_remote_block *b = &f->blocks[block];
    for (int damaged = 0; damaged < DAMAGED_MAX;) {
        if (b->state == FT_BLOCK_HELD) return held_read(f, block, at, len, within);
        if (b->state == FT_BLOCK_FAILED) {
            b->state = FT_BLOCK_NONE; /* who asks again, tries again */
            return FT_FAIL(b->err, "%s", f->why);
        }
        if (b->state != FT_BLOCK_CACHED) {
            await(f, block);
            continue;
        }
        if (cached_read(f, block, at, len, within) == FT_OK) return FT_OK;
        damaged++;
    }
    return FT_FAIL(FT_ECORRUPT, "the cache of %.*s cannot be read", FT_STR_ARG(f->uri));
}

ft_err ft_remote_block_read(ft_remote_object *f, size_t block, void *at, size_t len,
                            size_t within) {
    pthread_mutex_lock(&f->r->lock);
    ft_err err = read_locked(f, block, at, len, within);
    pthread_mutex_unlock(&f->r->lock);
    return err;
}
