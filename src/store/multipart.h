/* multipart.h -- an object that comes in parts, several at once and in any order (S3's multipart
 * upload).
 *
 * A part is a file of its own in objects/.parts, durable when its commit returns, and never visible
 * as an object; completing reads the listed parts into one object, which appears at once. An upload
 * lives until it is completed or aborted, or FT_UPLOAD_LIFE_US after its last part, when
 * ft_objects_clean removes it.
 *
 * Threads: as the store; parts of one upload may come through several stores, threads and
 * processes. A part that is sent again replaces the earlier one. */
#ifndef FT_MULTIPART_H
#define FT_MULTIPART_H

#include "store/objects.h"

#define FT_UPLOAD_PARTS_MAX      10000
#define FT_UPLOAD_PART_BYTES_MIN ((uint64_t)5 << 20) /* of every part but the last */
#define FT_UPLOAD_LIFE_US        ((int64_t)7 * 24 * 3600 * 1000000)

typedef struct ft_upload {
    ft_str id, key;
    int64_t begun_us;
    bool is_prefix; /* only in a listing with a delimiter: `key` stands for all keys below it */
} ft_upload;

typedef struct ft_upload_part_info {
    int number;
    char etag[FT_ETAG_TEXT]; /* MD5 of the part */
    uint64_t size_bytes;
    int64_t modified_us;
} ft_upload_part_info;

typedef struct ft_upload_part_ref {
    int number;
    ft_str etag; /* without quotes */
} ft_upload_part_ref;

/* Begin; content type and metadata of `opts` (may be NULL) become the object's. The id is in the
 * arena. FT_ENOTFOUND when there is no such bucket. */
ft_err ft_upload_begin(ft_str *id, ft_store *s, ft_arena *arena, ft_str bucket, ft_str key,
                       const ft_object_put_opts *opts);
/* A writer for part `number`, 1 to FT_UPLOAD_PARTS_MAX (FT_EINVAL): add to it, then commit or abort
 * as any; the object that commit gives has the part's size and etag. FT_ENOTFOUND when there is no
 * such upload of this key, also from commit when it went away meanwhile. */
ft_err ft_upload_part(ft_object_writer **out, ft_store *s, ft_str id, ft_str bucket, ft_str key,
                      int number);

typedef enum ft_upload_outcome {
    FT_UPLOAD_DONE,
    FT_UPLOAD_UNKNOWN,     /* no such upload */
    FT_UPLOAD_PART_WRONG,  /* a part was not sent, or has another etag */
    FT_UPLOAD_ORDER_WRONG, /* part numbers must rise */
    FT_UPLOAD_PART_SMALL   /* a part before the last is under FT_UPLOAD_PART_BYTES_MIN */
} ft_upload_outcome;
/* Make the object of the listed parts (at least one; others are dropped). FT_OK with what came of
 * it; only with FT_UPLOAD_DONE `out` is set (texts in the arena) and the upload is gone. The ETag
 * is the MD5 of the parts' MD5s and "-count". `when` (may be NULL): its if_absent and if_etag, as
 * for a put; what they refuse (FT_EEXIST, FT_ENOTFOUND) leaves the upload open. */
ft_err ft_upload_complete(ft_upload_outcome *outcome, ft_object *out, ft_store *s, ft_arena *arena,
                          ft_str id, ft_str bucket, ft_str key, const ft_upload_part_ref *parts,
                          size_t count, const ft_object_put_opts *when);
/* Drop the upload and its parts. FT_ENOTFOUND when there is none. */
ft_err ft_upload_abort(ft_store *s, ft_str id, ft_str bucket, ft_str key);

/* Uploads that are open, by key and id: keys with the prefix after `key_marker`, and of that key
 * itself those after `id_marker` when it is given. With a delimiter, keys that share what stands
 * from the prefix to the first delimiter after it become one entry (is_prefix), which may be the
 * next page's `key_marker`. */
typedef struct ft_upload_list_opts {
    ft_str prefix, key_marker, id_marker;
    ft_str delimiter; /* empty: none */
    size_t limit;
} ft_upload_list_opts;
ft_err ft_upload_list(ft_upload **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                      ft_str bucket, const ft_upload_list_opts *opts);
/* Parts of an upload, by number. FT_ENOTFOUND when there is no such upload. */
ft_err ft_upload_parts(ft_upload_part_info **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str id, ft_str bucket, ft_str key);

/* Which bytes of an object came as its part `number`, counted from 1 without gaps. `count` is 0 for
 * an object that came whole: that is its part 1. FT_ENOTFOUND when it has no such part. */
typedef struct ft_object_part {
    int count; /* parts of the object */
    uint64_t first, size_bytes;
} ft_object_part;
ft_err ft_object_part_find(ft_object_part *out, ft_store *s, const ft_object *o, int number);

#endif
