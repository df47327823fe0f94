/* draft_in.h -- an object in the making: a temporary file in objects/.tmp that nobody else sees.
 * Shared by whole objects and the streaming writer (object_put.c) and by the parts of an upload
 * (multipart.c). */
#ifndef FT_DRAFT_IN_H
#define FT_DRAFT_IN_H

#include "store/objects_in.h"

#define FT_TEMP_NAME_BYTES 64

typedef struct ft_draft {
    ft_store *s;
    int fd; /* < 0: it has got its name, or there is none */
    char temp[FT_TEMP_NAME_BYTES], place[FT_PLACE_BYTES];
    ft_object_row row;
    ft_object_put_opts opts;
    bool sealed;
} ft_draft;

/* Checks the names and makes the file. Names and options are borrowed. */
ft_err ft_draft_init(ft_draft *d, ft_store *s, ft_str bucket, ft_str key,
                     const ft_object_put_opts *opts);
void ft_draft_drop(ft_draft *d); /* removes the file unless it has got its name */
/* End the hash into the row: SHA-256, and the ETag that was given or the MD5. */
ft_err ft_draft_hash_end(ft_draft *d, ft_hasher *hasher);
/* All bytes are in the file: sync it unless lazy, and note size and times in the row. Once. */
ft_err ft_draft_seal(ft_draft *d);
/* Seal, and put row and file in place. */
ft_err ft_draft_publish(ft_draft *d);

/* The streaming writer; its commit calls `publish`, which another user may replace. */
struct ft_object_writer {
    ft_draft d;
    ft_arena texts; /* copies of names and options */
    ft_hasher *hasher;
    size_t held; /* bytes in `block` */
    char *block;
    ft_err failed; /* of the first add that failed: what is incomplete is never published */
    ft_err (*publish)(struct ft_object_writer *w);
    ft_str upload; /* of a part: its upload and number */
    int number;
};

#endif
