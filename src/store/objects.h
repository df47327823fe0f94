/* objects.h -- bytes at s3://bucket/key, kept as files in a folder tree: objects/<bucket>/<key>.
 *
 * Writes are atomic (temporary file, sync, rename, row) and durable when the call returns, unless
 * told otherwise. The file is the truth; the database row beside it holds hash, ETag, type and user
 * metadata, and is repaired when a file changed behind it (size or mtime differ). A key that a
 * folder tree cannot hold (".." parts, empty parts, "a" beside "a/b", parts over 255 bytes) is kept
 * under an escaped name: any key of 1 to 1024 bytes of UTF-8 works, and nothing ever leaves the
 * home. */
#ifndef FT_OBJECTS_H
#define FT_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "store/store.h"

#define FT_BUCKET_DEFAULT "fettle"
#define FT_KEY_BYTES_MAX  1024

/* "s3://bucket/key" taken apart; FT_EPARSE. The key may be empty (a bucket or prefix). */
typedef struct ft_uri {
    ft_str bucket, key;
} ft_uri;
ft_err ft_uri_parse(ft_uri *out, ft_str text);

typedef struct ft_object {
    ft_str bucket, key;
    uint64_t size_bytes;
    char sha256[FT_SHA256_HEX];
    char etag[48]; /* without quotes: MD5, or MD5-of-MD5s "-parts" */
    int64_t modified_us;
    ft_str content_type;
    ft_str metadata_json; /* user metadata as a JSON object, or empty */
} ft_object;

ft_err ft_bucket_make(ft_store *s, ft_str bucket);   /* S3's name rules; FT_EEXIST */
ft_err ft_bucket_remove(ft_store *s, ft_str bucket); /* FT_ECONFLICT when not empty */
bool ft_bucket_exists(ft_store *s, ft_str bucket);

typedef struct ft_object_put_opts {
    ft_str content_type, metadata_json;
    ft_str etag; /* empty: MD5 of the bytes */
    bool
        lazy; /* not synced to disk: for what can be made again, such as tensors of a running job */
    bool if_absent; /* FT_EEXIST when the key is taken */
} ft_object_put_opts;

/* Whole object from memory. The bucket must exist (FT_ENOTFOUND), but FT_BUCKET_DEFAULT is made as
 * needed. `out` may be NULL. */
ft_err ft_object_put(ft_object *out, ft_store *s, ft_str bucket, ft_str key, ft_str bytes,
                     const ft_object_put_opts *opts);

/* Streaming put: begin, add …, commit or abort. Nothing is visible before commit. */
typedef struct ft_object_writer ft_object_writer;
ft_err ft_object_write(ft_object_writer **out, ft_store *s, ft_str bucket, ft_str key,
                       const ft_object_put_opts *opts);
ft_err ft_object_write_add(ft_object_writer *w, ft_str bytes);
ft_err ft_object_write_commit(ft_object *out, ft_object_writer *w); /* frees w, also on failure */
void ft_object_write_abort(ft_object_writer *w);                    /* fine on NULL */

/* Description; texts in the arena. FT_ENOTFOUND. */
ft_err ft_object_head(ft_object *out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key);
/* Whole object into the arena. */
ft_err ft_object_get(ft_str *out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key,
                     size_t limit_bytes);
/* The file that holds it, for mapping or sendfile; in the arena. It may be replaced (not changed)
 * while you read. */
ft_err ft_object_path(const char **out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key);
ft_err ft_object_remove(ft_store *s, ft_str bucket, ft_str key); /* fine when absent */
/* Keys with the prefix in strict byte order, strictly after `after`; at most `limit`; `more` says
 * whether there are others. */
ft_err ft_object_list(ft_object **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                      ft_str bucket, ft_str prefix, ft_str after, size_t limit);

/* A folder under objects/ for files that their writer grows in place (stream segments): made when
 * missing. Such a file becomes an object (hash, listing) by ft_object_adopt once it is sealed, and
 * again whenever it grew. */
ft_err ft_object_folder(const char **out, ft_store *s, ft_arena *arena, ft_str bucket,
                        ft_str prefix);
ft_err ft_object_adopt(ft_object *out, ft_store *s, ft_str bucket, ft_str key);

#endif
