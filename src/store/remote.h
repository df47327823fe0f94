/* remote.h -- objects on an S3 server elsewhere: described, listed, read by ranges in parallel, and
 * written; what was read stays in a cache under the home.
 *
 *     ft_remote_new(&r, home, NULL);
 *     ft_remote_open(&f, r, FT_STR("data"), FT_STR("train/0.rec"));
 *     ft_remote_read(&got, f, at, len, offset);              // from any thread
 *     ft_remote_close(f);
 *     ft_remote_free(r);
 *
 * What a server does wrong is not the reader's affair: a cut connection, a body shorter than it
 * said, 500, 503 SlowDown, 429 and a stalled peer are tried again with growing, jittered pauses,
 * and a range goes on where it was cut. A body longer than asked, another object under the same
 * name (ETag), a server that does not do ranges are told and not tried again.
 *
 * An open object is pinned to the ETag it had: when it changes, reading fails with FT_ECONFLICT and
 * never mixes two versions.
 *
 * The cache is $HOME/cache/: a folder an object version (endpoint, bucket, key, ETag), whose bytes
 * come in blocks, each with a checksum, and are shared by all processes of the home. A block is
 * fetched by one of them while the others wait (a lock that ends with its process). What was used
 * least recently goes when the limit is reached; what is open stays. A disk that is full is no
 * failure: then bytes pass through.
 *
 * Source: docs.aws.amazon.com/AmazonS3/latest/API; "Best practices design patterns: optimizing
 * Amazon S3 performance" (ranges of 8 to 16 MB, one connection each, backoff on 503).
 *
 * Threads: any may use one ft_remote and one open object. Memory: a block for each parallel part
 * and for each block of read-ahead. */
#ifndef FT_REMOTE_H
#define FT_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define FT_REMOTE_BLOCK_BYTES ((size_t)8 << 20)
#define FT_REMOTE_PARTS       8
#define FT_REMOTE_CACHE_BYTES ((uint64_t)16 << 30)

/* Where an S3 server is, and who asks. */
typedef struct ft_remote_place {
    ft_str endpoint; /* "https://host[:port][/base]", without a slash at the end */
    ft_str region;
    ft_str access_key, secret, token; /* empty key: requests are not signed */
    ft_str ca_path;                   /* PEM file of authorities; empty: the system's */
    bool host_style;                  /* the bucket is part of the host's name */
} ft_remote_place;

/* The settings of a bucket, each the first that is told of: `fettle remote` settings of the bucket
 * ($HOME/remote.ini, section [BUCKET], then [default]), the environment (FETTLE_S3_ENDPOINT,
 * AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CA_BUNDLE), AWS's own files (~/.aws/config,
 * ~/.aws/credentials, or $AWS_CONFIG_FILE, $AWS_SHARED_CREDENTIALS_FILE; profile $AWS_PROFILE),
 * at last https://s3.REGION.amazonaws.com. Keys come as a pair from one place. FT_ENOTFOUND when
 * nothing at all is told: then there is no other server than this home. */
ft_err ft_remote_place_find(ft_remote_place *out, ft_arena *arena, const char *home, ft_str bucket);

typedef struct ft_remote_opts {
    const ft_remote_place *place; /* of every bucket; NULL: ft_remote_place_find a bucket */
    int parts;                    /* requests at a time; 0: FT_REMOTE_PARTS. 1: no threads */
    int ahead;          /* blocks of read-ahead of a stream; 0: as many as parts, < 0: none */
    size_t block_bytes; /* 0: FT_REMOTE_BLOCK_BYTES; of the cache, a power of two */
    /* 0: $FETTLE_CACHE_BYTES, else "cache_bytes" of remote.ini's [default], else
     * FT_REMOTE_CACHE_BYTES; never more than half of what the disk has left. */
    uint64_t cache_bytes;
    bool no_cache;
    int tries;           /* in a row without a byte of progress; 0: 6 */
    int64_t stall_us;    /* a peer slower than 1 KiB/s for so long is cut; 0: 20 s */
    int64_t deadline_us; /* of one block, all tries together; 0: 5 min */
    int64_t pause_us;    /* the first pause, doubling up to 100 times it; 0: 100 ms */
} ft_remote_opts;

typedef struct ft_remote ft_remote;
/* `home` NULL: no cache, no settings of the home. `opts` may be NULL; its texts are copied.
 * FT_EABSENT without libcurl. */
ft_err ft_remote_new(ft_remote **out, const char *home, const ft_remote_opts *opts);
/* After its objects are closed. */
void ft_remote_free(ft_remote *r);

/* What it cost so far. */
typedef struct ft_remote_stats {
    uint64_t requests, retries;
    uint64_t net_bytes;    /* bodies that came over the network */
    uint64_t cached_bytes; /* given to readers out of the cache, without the network */
    int64_t wait_us;       /* readers waited for the network, summed over readers */
    int64_t request_us;    /* requests took, summed over requests */
} ft_remote_stats;
ft_remote_stats ft_remote_told(const ft_remote *r);

typedef struct ft_remote_info {
    ft_str key;
    uint64_t size_bytes;
    ft_str etag; /* without quotes */
    int64_t modified_us;
    ft_str content_type; /* of a head only */
} ft_remote_info;

/* FT_ENOTFOUND, FT_EDENIED, FT_EPEER, FT_ETIMEOUT. Texts in the arena. */
ft_err ft_remote_head(ft_remote_info *out, ft_remote *r, ft_arena *arena, ft_str bucket,
                      ft_str key);
/* Every key with the prefix, in byte order, page by page: ListObjectsV2. FT_ETOOBIG beyond
 * `limit` (0: 10,000,000). */
ft_err ft_remote_list(ft_remote_info **out, size_t *count, ft_remote *r, ft_arena *arena,
                      ft_str bucket, ft_str prefix, size_t limit);

/* Write an object: one PUT, or parts of a multipart upload in a row when it is longer than a
 * block. `etag` (may be NULL) in the arena. */
ft_err ft_remote_put(ft_str *etag, ft_remote *r, ft_arena *arena, ft_str bucket, ft_str key,
                     ft_str bytes, ft_str content_type);
/* The same from a file. Nothing is there before all is. */
ft_err ft_remote_put_file(ft_str *etag, ft_remote *r, ft_arena *arena, ft_str bucket, ft_str key,
                          const char *path, ft_str content_type);

/* ---- reading */
typedef struct ft_remote_object ft_remote_object;

/* Pins the version of now: asks by HEAD, unless `known` (may be NULL) tells size and ETag, as a
 * listing does. */
ft_err ft_remote_open(ft_remote_object **out, ft_remote *r, ft_str bucket, ft_str key,
                      const ft_remote_info *known);
/* Up to `len` bytes at `offset`; fewer only at the object's end. Blocks that several parts hold
 * come in parallel. FT_ECONFLICT when the object has changed since it was opened. */
ft_err ft_remote_read(size_t *got, ft_remote_object *f, void *at, size_t len, uint64_t offset);
/* Someone will soon read there: begin to fetch. Never waits; never fails. */
void ft_remote_expect(ft_remote_object *f, uint64_t offset, uint64_t len);
uint64_t ft_remote_size(const ft_remote_object *f);
ft_str ft_remote_etag(const ft_remote_object *f);
ft_str ft_remote_uri(const ft_remote_object *f); /* "s3://bucket/key", for messages */
/* The whole object as a file of the cache, fetched when it was not: for mapping and for programs
 * that want a path. It stays while `f` is open. FT_EUNSUPPORTED without a cache or when it is
 * larger than the cache may be. */
ft_err ft_remote_path(const char **out, ft_remote_object *f);
void ft_remote_close(ft_remote_object *f); /* fine on NULL */

/* ---- the cache as a whole */
typedef struct ft_remote_cached {
    uint64_t entries, bytes, limit_bytes;
} ft_remote_cached;
ft_err ft_remote_cache_size(ft_remote_cached *out, ft_remote *r);
/* Least recently used first, until no more than `bytes` are left; what is open stays. */
ft_err ft_remote_cache_trim(ft_remote_cached *out, ft_remote *r, uint64_t bytes);

#endif
