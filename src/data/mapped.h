/* mapped.h -- a file in memory that may shrink without killing the process.
 *
 * Reading a mapped page that the file no longer has raises SIGBUS. Here a handler puts a page of
 * zeros under the address and marks the mapping, so that the reader goes on and finds out by
 * ft_mapped_intact. Signals for other addresses go to the handler that was there before.
 *
 * Threads: any. At most FT_MAPPED_MAX at a time. */
#ifndef FT_MAPPED_H
#define FT_MAPPED_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define FT_MAPPED_MAX 65536

typedef struct ft_mapped ft_mapped;

/* A regular file, read-only, shared. FT_ENOTFOUND, FT_EDENIED, FT_EINVAL for what is no file. */
ft_err ft_mapped_open(ft_mapped **out, const char *path);
ft_str ft_mapped_bytes(const ft_mapped *m);
/* Is the file still as long as it was, and was every page that was touched there? FT_ECORRUPT.
 * Costs a system call. */
ft_err ft_mapped_intact(const ft_mapped *m);
bool ft_mapped_cut(const ft_mapped *m); /* was a page missing? Costs nothing. */
void ft_mapped_free(ft_mapped *m);      /* fine on NULL */

#endif
