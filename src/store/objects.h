/* objects.h -- bytes at s3://bucket/key, kept as files in a folder tree: objects/<bucket>/<key>.
 *
 * Writes are atomic (temporary file, sync, rename, row) and durable when the call returns, unless
 * told otherwise. The file is the truth; the database row beside it holds hash, ETag, type and user
 * metadata, and is repaired when a file changed behind it (size, modification time or inode
 * differ): a file that was put into the folder by hand is an object from the first time it is asked
 * for, and in listings after ft_objects_repair.
 *
 * A key that a folder tree cannot hold ("." and ".." parts, empty parts, "a" beside "a/b", parts
 * over 255 bytes, NUL) is kept under an escaped name in the bucket's folder "%": any key of 1 to
 * 1024 bytes of UTF-8 works, and nothing ever leaves the home. Symbolic links inside objects/ are
 * refused (FT_EDENIED), objects/ itself may be one.
 *
 * Crash order: a put makes its temporary file outside the bucket, then in one transaction writes
 * the row and renames. Killed before the rename: the old object, and a temporary file that
 * ft_objects_clean removes. Killed between rename and commit: the new file and the old row, which
 * differ and are repaired. Two writers of one key: the transaction orders them, row and file are
 * always of the same put.
 *
 * Threads: as the store, one at a time. Memory: a writer holds one buffer of 64 KiB. */
#ifndef FT_OBJECTS_H
#define FT_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "store/store.h"

#define FT_BUCKET_DEFAULT "fettle"
#define FT_KEY_BYTES_MAX  1024
#define FT_ETAG_TEXT      48

/* "s3://bucket/key" taken apart; FT_EPARSE. The key may be empty (a bucket or prefix). */
typedef struct ft_uri {
    ft_str bucket, key;
} ft_uri;
ft_err ft_uri_parse(ft_uri *out, ft_str text);

typedef struct ft_object {
    ft_str bucket, key;
    bool is_prefix; /* only in a listing with a delimiter: `key` stands for all keys below it */
    uint64_t size_bytes;
    char sha256[FT_SHA256_HEX];
    char
        etag[FT_ETAG_TEXT]; /* without quotes: MD5, or MD5-of-MD5s "-parts"; of a file that grows in
                                place (ft_object_adopt) 32 digits of its SHA-256 and "-1". A file
                                that was put into the folder by hand has its MD5, as a put has. */
    int64_t modified_us;
    ft_str content_type;  /* empty: not told */
    ft_str metadata_json; /* user metadata as a JSON object, or empty */
} ft_object;

/* An ETag as it is sent, without its quotes and the mark of a weak one. */
ft_str ft_etag_plain(ft_str sent);

/* S3's name rules: 3 to 63 of a-z 0-9 . -, no address, no reserved head or tail. FT_EINVAL names
 * the rule; FT_EEXIST. */
ft_err ft_bucket_make(ft_store *s, ft_str bucket);
ft_err ft_bucket_remove(ft_store *s, ft_str bucket); /* FT_ECONFLICT when not empty */
bool ft_bucket_exists(ft_store *s, ft_str bucket);
typedef struct ft_bucket {
    ft_str name;
    int64_t created_us;
} ft_bucket;
ft_err ft_bucket_list(ft_bucket **out, size_t *count, ft_store *s, ft_arena *arena);

typedef struct ft_object_put_opts {
    ft_str content_type, metadata_json;
    ft_str etag;    /* empty: MD5 of the bytes */
    bool lazy;      /* not synced to disk: for what can be made again, such as tensors */
    bool if_absent; /* FT_EEXIST when the key is taken */
    ft_str if_etag; /* not empty: FT_EEXIST when the object has another ETag, FT_ENOTFOUND without
                       one */
} ft_object_put_opts;

/* Whole object from memory. The bucket must exist (FT_ENOTFOUND), but FT_BUCKET_DEFAULT is made as
 * needed. `opts` may be NULL. `out` may be NULL; its texts are borrowed from the arguments. */
ft_err ft_object_put(ft_object *out, ft_store *s, ft_str bucket, ft_str key, ft_str bytes,
                     const ft_object_put_opts *opts);

/* Streaming put: begin, add …, commit or abort. Nothing is visible before commit. `out` borrows its
 * texts from the store until the next put. */
typedef struct ft_object_writer ft_object_writer;
ft_err ft_object_write(ft_object_writer **out, ft_store *s, ft_str bucket, ft_str key,
                       const ft_object_put_opts *opts);
ft_err ft_object_write_add(ft_object_writer *w, ft_str bytes);
/* All bytes have come: they are on disk (unless lazy) and hashed; `out` (may be NULL) gets size,
 * SHA-256 and ETag while it can still be aborted. Commit does it when it was not done. */
ft_err ft_object_write_seal(ft_object *out, ft_object_writer *w);
ft_err ft_object_write_commit(ft_object *out, ft_object_writer *w); /* frees w, also on failure */
void ft_object_write_abort(ft_object_writer *w);                    /* fine on NULL */

/* A folder for what is named by any text: the name itself where a folder tree can hold it, else it
 * with other bytes than letters, digits and -_. as =xx, and a long one cut, with its hash. Names
 * that differ have folders that differ. */
#define FT_FOLDER_BYTES_MAX 240
ft_err ft_key_folder(ft_str *out, ft_arena *arena, ft_str name);

/* Description; texts in the arena. FT_ENOTFOUND. */
ft_err ft_object_head(ft_object *out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key);
/* Whole object into the arena; FT_ETOOBIG past the limit. */
ft_err ft_object_get(ft_str *out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key,
                     size_t limit_bytes);
/* A descriptor for reading; the caller closes it. It keeps its content whatever happens to the key
 * (a replaced object is another file). */
ft_err ft_object_open(int *fd, ft_store *s, ft_str bucket, ft_str key);
/* The file that holds it, for mapping or other programs; in the arena. It may be replaced (not
 * changed) while you read. */
ft_err ft_object_path(const char **out, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key);
/* Fine when absent. Not synced: a power cut within seconds may bring it back, whole. */
ft_err ft_object_remove(ft_store *s, ft_str bucket, ft_str key);

/* Keys with the prefix in strict byte order, strictly after `after`; at most `limit`; `more` says
 * whether there are others. From the index: 1,000 keys of 100,000 in about a millisecond. */
ft_err ft_object_list(ft_object **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                      ft_str bucket, ft_str prefix, ft_str after, size_t limit);
/* The same, and with a delimiter all keys that share what stands from the prefix to the first
 * delimiter after it become one entry (is_prefix), found by one seek past the last of them.
 * `after` may be such an entry: then everything below it is skipped. */
typedef struct ft_object_list_opts {
    ft_str prefix, after;
    ft_str delimiter; /* empty: none */
    size_t limit;
} ft_object_list_opts;
ft_err ft_object_list_by(ft_object **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                         ft_str bucket, const ft_object_list_opts *opts);

/* A new file at the key that its writer grows in place (a stream segment): open for reading and
 * writing, folders made as needed and synced, no object yet. FT_EEXIST; FT_EINVAL for a key that
 * needs an escaped name. It becomes an object by ft_object_adopt, again whenever it grew. */
ft_err ft_object_create(int *fd, ft_store *s, ft_str bucket, ft_str key);
/* `sha256`: when the caller knows the hash of the whole file; NULL: the file is read. `out` may be
 * NULL; its texts are borrowed from the arguments. */
ft_err ft_object_adopt(ft_object *out, ft_store *s, ft_str bucket, ft_str key, const char *sha256);

/* Walk a bucket's folder: files without a row become objects, rows without a file go. */
typedef struct ft_objects_repaired {
    uint64_t seen, adopted, rehashed, dropped;
} ft_objects_repaired;
ft_err ft_objects_repair(ft_objects_repaired *out, ft_store *s, ft_str bucket);
/* Remove temporary files whose writer is gone, and uploads that were abandoned (multipart.h). */
ft_err ft_objects_clean(ft_store *s, int *removed);

#endif
