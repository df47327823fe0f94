/* part_in.h -- a file in the making: bytes go to a temporary file beside it, which is put in its
 * place at the end; until then, and whatever fails, the old file stays whole. Private to the room.
 * Threads: one at a time. */
#ifndef FT_PART_IN_H
#define FT_PART_IN_H

#include "base/arena.h"
#include "base/buf.h"

#define FT_PART_FLUSH ((size_t)4 << 20) /* from 1 MiB on a write reaches the disk's rate */

typedef struct ft_part {
    char *path, *temporary;
    int fd;
    ft_buf out;       /* not yet written: append here, then ft_part_flush when it is long */
    uint64_t flushed; /* bytes before `out`; of a packed file, before packing */
    struct ft_squeeze *squeeze; /* NULL: as it is */
    ft_buf packed;
    uint64_t written; /* bytes of the file */
} ft_part;

ft_err ft_part_open(ft_part *p, const char *path);
/* The file is packed as its name says (".gz", ".zst"); before anything is written. */
ft_err ft_part_squeeze(ft_part *p);
/* Write what is in `out`, when that is `at_least` bytes. */
ft_err ft_part_flush(ft_part *p, size_t at_least);
static inline uint64_t ft_part_bytes(const ft_part *p) { return p->flushed + p->out.len; }
/* Replace the file's first bytes; FT_EUNSUPPORTED where it is packed. */
ft_err ft_part_head(ft_part *p, ft_str bytes);
/* Flush, sync to the disk, put in place. */
ft_err ft_part_end(ft_part *p);
void ft_part_free(ft_part *p); /* fine on a zeroed one; not ended: the temporary file is removed */

/* ---- a folder in the making: the same for many files */
typedef struct ft_part_dir {
    ft_str folder, temporary; /* in the arena; files go into `temporary` */
} ft_part_dir;

/* FT_EEXIST when the folder is there and has something in it. */
ft_err ft_part_dir_open(ft_part_dir *p, ft_arena *arena, const char *path);
/* Flush all to the disk, put in place. */
ft_err ft_part_dir_end(ft_part_dir *p);
void ft_part_dir_free(ft_part_dir *p); /* not ended: it is removed with what is in it */

#endif
