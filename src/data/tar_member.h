/* tar_member.h -- the members of a tar archive, one header at a time, from bytes in memory: ustar,
 * GNU long names and binary sizes, pax paths and sizes (also past 8 GiB). tar.h packs and unpacks
 * whole archives. Sources: POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format". Threads: any. */
#ifndef FT_TAR_MEMBER_H
#define FT_TAR_MEMBER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FT_TAR_BLOCK    ((size_t)512)
#define FT_TAR_NAME_MAX ((size_t)4096)
#define FT_TAR_HEAD_MAX ((size_t)64 << 10) /* of all headers of one member */

typedef struct ft_tar_member {
    ft_str name;    /* a view of the bytes, or of `text` */
    char type;      /* '0' a file, '5' a folder … */
    uint64_t size;  /* of its contents */
    size_t head;    /* bytes of its headers: where the contents begin */
    uint64_t total; /* headers, contents, zeros up to the next header */
    size_t need;    /* not 0: more bytes than these are needed to know all that */
    char text[256]; /* prefix and name of ustar */
} ft_tar_member;

/* The member that begins at `bytes`. FT_ENOTFOUND without a trail at the end mark (a block of
 * zeros), FT_ECORRUPT without the place, which the caller adds. */
ft_err ft_tar_member_read(ft_tar_member *out, ft_str bytes);
/* Append headers of a file; the contents and ft_tar_member_pad are the caller's to append. The
 * result depends on name and size alone. FT_ETOOBIG for a name over FT_TAR_NAME_MAX. */
ft_err ft_tar_member_write(ft_buf *out, ft_str name, uint64_t size);
ft_err ft_tar_member_pad(ft_buf *out, uint64_t size);

#endif
