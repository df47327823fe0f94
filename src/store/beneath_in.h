/* beneath_in.h -- files below one folder and never outside it: no "..", no symbolic links on the
 * way, whatever somebody puts into the tree meanwhile (openat2 with RESOLVE_BENEATH and
 * RESOLVE_NO_SYMLINKS; where the kernel has no openat2, one component at a time).
 *
 * `root` is a descriptor of the folder, `path` is relative and has no empty part. Failures:
 * FT_ENOTFOUND when there is nothing, FT_EDENIED for a link, FT_ECONFLICT for a file where a folder
 * is needed or the other way round. Every call asks ft_fault_here(). */
#ifndef FT_BENEATH_IN_H
#define FT_BENEATH_IN_H

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fault.h"

/* A rehearsed failure looks like a failed system call. */
static inline bool ft_injected(void) {
    if (!ft_fault_here()) return false;
    errno = EIO;
    return true;
}

ft_err ft_beneath_open(int *out, int root, const char *path, int flags, mode_t mode);
/* The folder that holds `path`, open for renames in it and for syncing; `base` points to the last
 * part of `path`. With `make` missing folders are made, and with `durable` they are on the disk. */
ft_err ft_beneath_parent(int *out, const char **base, int root, const char *path, bool make,
                         bool durable);
/* A regular file at `path`. FT_ENOTFOUND for a folder as well. */
ft_err ft_beneath_stat(struct stat *out, int root, const char *path);
/* Put `name` of the folder `from` in the place of `path`, whose parent is `parent`. */
ft_err ft_beneath_rename(int from, const char *name, int parent, const char *base,
                         const char *path);
/* Remove a file; fine when there is nothing. Then folders above it that are empty, but not the
 * first (the bucket's). */
ft_err ft_beneath_remove(int root, const char *path);
ft_err ft_beneath_sync(int folder, const char *path); /* fsync of a folder */

#endif
