/* saving.h -- a file in the making: bytes go to a temporary file beside it, which is put in its
 * place at the end; until then, and whatever fails, the old file stays whole.
 * Threads: one at a time. */
#ifndef FT_SAVING_H
#define FT_SAVING_H

#include "base/arena.h"
#include "base/buf.h"

#define FT_SAVING_FLUSH ((size_t)4 << 20) /* from 1 MiB on a write reaches the disk's rate */

typedef struct ft_saving {
    char *path, *temporary;
    int fd;
    ft_buf out;       /* not yet written: append here, then ft_saving_flush when it is long */
    uint64_t flushed; /* bytes before `out`; of a packed file, before packing */
    struct ft_squeeze *squeeze; /* NULL: as it is */
    ft_buf packed;
    uint64_t written; /* bytes of the file */
} ft_saving;

ft_err ft_saving_open(ft_saving *p, const char *path);
/* The file is packed as its name says (".gz", ".zst"); before anything is written. */
ft_err ft_saving_squeeze(ft_saving *p);
/* Write what is in `out`, when that is `at_least` bytes. */
ft_err ft_saving_flush(ft_saving *p, size_t at_least);
static inline uint64_t ft_saving_bytes(const ft_saving *p) { return p->flushed + p->out.len; }
/* Replace the file's first bytes; FT_EUNSUPPORTED where it is packed. */
ft_err ft_saving_head(ft_saving *p, ft_str bytes);
/* Flush, sync to the disk, put in place. */
ft_err ft_saving_end(ft_saving *p);
void ft_saving_free(
    ft_saving *p); /* fine on a zeroed one; not ended: the temporary file is removed */

/* ---- a folder in the making: the same for many files */
typedef struct ft_saving_dir {
    ft_str folder, temporary; /* in the arena; files go into `temporary` */
} ft_saving_dir;

/* FT_EEXIST when the folder is there and has something in it. */
ft_err ft_saving_dir_open(ft_saving_dir *p, ft_arena *arena, const char *path);
/* Flush all to the disk, put in place. */
ft_err ft_saving_dir_end(ft_saving_dir *p);
void ft_saving_dir_free(ft_saving_dir *p); /* not ended: it is removed with what is in it */

#endif
