/* tar.h -- folders as one file: written as tar in gzip, read as tar or tar.gz (tar_member.h has the
 * kinds of headers).
 *
 * What is written depends on names and bytes alone (no times, no owners), so the same model gives
 * the same archive. Reading makes regular files and folders only; a name that would leave the
 * folder is refused, links and devices are refused by name.
 *
 * Threads: one at a time. Memory: 64 KiB. */
#ifndef FT_TAR_H
#define FT_TAR_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

typedef struct ft_tar ft_tar;

/* `write` takes the packed bytes piece by piece. */
ft_err ft_tar_new(ft_tar **out, ft_err (*write)(void *ctx, ft_str bytes), void *ctx);
/* One file. Names are relative, with '/', up to FT_TAR_NAME_MAX bytes (FT_ETOOBIG). */
ft_err ft_tar_add(ft_tar *t, ft_str name, ft_str bytes);
ft_err ft_tar_end(ft_tar *t); /* all is written after this */
void ft_tar_free(ft_tar *t);  /* fine on NULL */

typedef struct ft_tar_opts {
    uint64_t bytes_max; /* unpacked, FT_ETOOBIG beyond; 0: 64 GiB */
    uint64_t files_max; /* 0: 100,000 */
} ft_tar_opts;
/* Unpack the archive at `path` into the existing folder `dir`. FT_ECORRUPT names the archive and
 * the byte; what was unpacked before a failure stays. `opts` may be NULL. */
ft_err ft_tar_unpack(const char *path, const char *dir, const ft_tar_opts *opts);

#endif
