/* objects_in.h -- an object's row and file together: shared by reading (objects.c), writing
 * (object_put.c), listing (object_list.c) and repair (object_repair.c). */
#ifndef FT_OBJECTS_IN_H
#define FT_OBJECTS_IN_H

#include <sys/stat.h>

#include "store/key_in.h"
#include "store/store_in.h"

/* What a row remembers of its file; it changed behind the row when any of it differs. */
typedef struct ft_file_mark {
    int64_t size, mtime_ns, inode;
} ft_file_mark;
ft_file_mark ft_file_mark_of(const struct stat *st);
bool ft_file_mark_eq(ft_file_mark a, ft_file_mark b);

typedef struct ft_object_row {
    ft_object object;
    ft_file_mark mark;
    bool escaped;
} ft_object_row;

/* Texts in the arena. FT_ENOTFOUND without a trail. */
ft_err ft_object_row_get(ft_object_row *out, ft_store *s, ft_arena *arena, ft_str bucket,
                         ft_str key);
/* Insert or replace. FT_ENOTFOUND when there is no such bucket. */
ft_err ft_object_row_put(ft_store *s, const ft_object_row *row);
ft_err ft_object_row_drop(ft_store *s, ft_str bucket, ft_str key);

/* Where the file is: at the plain or the escaped name (the row's, when there is one, first).
 * FT_ENOTFOUND without a trail when it is at neither. */
ft_err ft_object_file(char place[FT_PLACE_BYTES], bool *escaped, struct stat *st, ft_store *s,
                      ft_str bucket, ft_str key, const ft_object_row *row);

/* Bring row and file together. `what` (may be NULL) says what that took. */
typedef enum ft_reconciled {
    FT_OBJECT_SAME,
    FT_OBJECT_ADOPTED,
    FT_OBJECT_REHASHED,
    FT_OBJECT_DROPPED
} ft_reconciled;
ft_err ft_object_reconcile(ft_object_row *out, ft_reconciled *what, ft_store *s, ft_arena *arena,
                           ft_str bucket, ft_str key);
/* SHA-256 and MD5 (may be NULL) of the first `size` bytes of a file. */
ft_err ft_object_hash(char sha256[FT_SHA256_HEX], char md5[FT_MD5_HEX], int fd, uint64_t size,
                      const char *place);
/* The ETag of a file that grows in place: one hash is made while it is written. */
void ft_etag_adopted(char etag[FT_ETAG_TEXT], const char *sha256);

/* Both names are right and the bucket exists; FT_BUCKET_DEFAULT is made as needed. */
ft_err ft_object_names(ft_store *s, ft_str bucket, ft_str key);
ft_err ft_bucket_missing(ft_str bucket); /* the failure */

#endif
