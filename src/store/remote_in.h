/* remote_in.h -- the S3 client's insides: one request with its patience (remote_ask.c), blocks in
 * memory and on disk (remote_block.c, cache.c), settings (remote_place.c). */
#ifndef FT_REMOTE_IN_H
#define FT_REMOTE_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/random.h"
#include "net/client.h"
#include "store/cache_in.h"
#include "store/remote.h"

#define FT_REMOTE_PARTS_MAX 64

typedef struct ft_remote_bucket { /* a bucket and where it is; lives as long as the remote */
    struct ft_remote_bucket *next;
    ft_str name;
    ft_remote_place place;
    ft_str scheme, authority, base; /* of the endpoint: "https://", "host:9000", "" or "/base" */
} ft_remote_bucket;

typedef struct ft_remote_link { /* a connection that nobody uses */
    struct ft_remote_link *next;
    ft_http_link *http;
} ft_remote_link;

typedef struct ft_remote_job { /* a block that a worker shall fetch */
    ft_remote_object *object;
    size_t block;
} ft_remote_job;

#define FT_REMOTE_QUEUE_MAX 256

struct ft_remote {
    ft_remote_opts opts;   /* with defaults filled in */
    const char *home;      /* NULL: none */
    const char *cache_dir; /* NULL: no cache */
    ft_arena arena;        /* of buckets */
    ft_remote_bucket *buckets;
    ft_remote_link *links;
    char **buffers; /* blocks of memory that nobody uses */
    size_t buffer_count;
    pthread_mutex_t lock; /* of all that is not atomic, and of the blocks of all objects */
    pthread_cond_t work, done;
    pthread_t workers[FT_REMOTE_PARTS_MAX];
    int worker_count;
    bool ending;
    ft_remote_job queue[FT_REMOTE_QUEUE_MAX];
    size_t queue_first, queue_count;
    ft_random jitter;
    atomic_uint_fast64_t requests, retries, net_bytes, cached_bytes, untrimmed_bytes;
    atomic_int_fast64_t wait_us, request_us;
};

/* ---- one request (remote_ask.c) */
typedef struct ft_remote_ask {
    const char *method;
    ft_str bucket, key;
    ft_str query; /* encoded, names in order; empty: none */
    ft_str body;
    const char *headers[4]; /* "Name: value"; NULL: none */
    void *into;             /* as ft_fetch.into */
    size_t into_bytes;
} ft_remote_ask;

/* One exchange. FT_OK for 2xx alone; else what the server said, as a failure. FT_EPEER, FT_EBUSY
 * and FT_ETIMEOUT may be tried again, others not. With `into`, `out` tells what came before it
 * failed. */
ft_err ft_remote_once(ft_fetched *out, ft_remote *r, ft_arena *arena, const ft_remote_ask *ask);
/* Again and again, as long as there is patience. */
ft_err ft_remote_asked(ft_fetched *out, ft_remote *r, ft_arena *arena, const ft_remote_ask *ask);

typedef struct ft_remote_patience {
    int failures;     /* in a row */
    int64_t until_us; /* monotonic; 0: not yet begun */
} ft_remote_patience;
/* After a failure: may it be tried again? Then it has waited already. */
bool ft_remote_again(ft_remote *r, ft_remote_patience *p, ft_err err);

ft_err ft_remote_bucket_find(const ft_remote_bucket **out, ft_remote *r, ft_str bucket);
/* `bytes` long whole range into `at`, going on where it was cut; the version is `etag`. */
ft_err ft_remote_range(ft_remote *r, ft_str bucket, ft_str key, ft_str etag, uint64_t size_bytes,
                       void *at, size_t len, uint64_t offset);

/* ---- blocks in memory (remote_block.c). A block belongs to who made it BUSY; all else is under
 * the remote's lock. */
typedef enum ft_block_state {
    FT_BLOCK_NONE,
    FT_BLOCK_WANTED, /* in the queue */
    FT_BLOCK_BUSY,   /* being fetched */
    FT_BLOCK_HELD,   /* in `memory` */
    FT_BLOCK_CACHED, /* in the cache */
    FT_BLOCK_FAILED  /* the next reader is told */
} ft_block_state;

typedef struct ft_remote_block {
    char *memory;
    uint64_t since; /* HELD: number of its coming */
    uint32_t refs;  /* readers that copy from `memory` */
    uint8_t state;
    bool ours; /* this handle fetched it */
    ft_err err;
} ft_remote_block;

struct ft_remote_object {
    ft_remote *r;
    ft_arena arena;
    ft_str bucket, key, etag, uri;
    uint64_t size_bytes;
    size_t block_bytes, block_count;
    ft_cache_entry *entry; /* NULL: bytes pass through */
    atomic_bool cache_off; /* the cache's disk failed: no more of it */
    ft_remote_block *blocks;
    size_t held, coming; /* blocks in memory; WANTED and BUSY ones */
    uint64_t arrivals;
    char why[400]; /* of the last FAILED */
};

/* Copy a part of one block, fetched if need be. */
ft_err ft_remote_block_read(ft_remote_object *f, size_t block, void *at, size_t len, size_t within);
/* Ask the workers for it; false when they have enough to do. Locked by the caller. */
bool ft_remote_block_want(ft_remote_object *f, size_t block);
/* Nothing of the object is queued or being fetched any more. */
void ft_remote_blocks_settle(ft_remote_object *f);
size_t ft_remote_block_len(const ft_remote_object *f, size_t block);
/* So many bytes have come into the cache: is it still within its limit? */
void ft_remote_keep_limit(ft_remote *r, uint64_t added_bytes);

/* One page of a listing (remote_list.c); public for the fuzzer. */
typedef struct ft_remote_page {
    ft_remote_info *items;
    size_t count, capacity;
    bool more;
    ft_str next; /* continuation token */
} ft_remote_page;
ft_err ft_remote_page_read(ft_remote_page *page, ft_arena *arena, ft_str xml);

/* A member of an INI file's section (remote_place.c); at == NULL when absent. */
ft_str ft_ini_find(ft_str text, ft_str section, const char *name);

#endif
