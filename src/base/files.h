/* files.h -- the seam to the file system. Every call asks ft_fault_here() first, so tests can fail
 * each one.
 *
 * Paths are NUL-terminated. Failures name the path and the operating system's reason. */
#ifndef FT_FILES_H
#define FT_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_file_info {
    uint64_t size_bytes;
    int64_t mtime_ns;
    bool is_dir;
    uint64_t inode;
} ft_file_info;

/* FT_ENOTFOUND when there is nothing. */
ft_err ft_file_stat(ft_file_info *out, const char *path);
bool ft_file_exists(const char *path);
/* The whole file, FT_ETOOBIG past `limit_bytes`. In the arena, NUL-terminated after the end. */
ft_err ft_file_read(ft_str *out, ft_arena *arena, const char *path, size_t limit_bytes);
/* Read-only mapping of a whole regular file; an empty file gives an empty view. Unmap with
 * ft_file_unmap. */
ft_err ft_file_map(ft_str *out, const char *path);
void ft_file_unmap(ft_str map);
/* Replace `path` in one step: temporary file beside it, write, fdatasync when `durable`, rename.
 * Whatever fails, the old content stays and no temporary file remains. A device or a pipe
 * (/dev/null) is written to instead. */
ft_err ft_file_write_atomic(const char *path, ft_str bytes, bool durable);
/* mkdir -p; fine when it exists. */
ft_err ft_dir_make(const char *path);
/* rm -r; fine when there is nothing. Never follows links. */
ft_err ft_dir_remove(const char *path);
/* Names in a folder in byte order, without "." and ".."; in the arena. */
ft_err ft_dir_list(ft_str **names, size_t *count, ft_arena *arena, const char *path);
/* Every file below a folder, folder by folder, names in byte order. */
#define FT_WALK_DEPTH_MAX 32 /* FT_ETOOBIG past it */
typedef struct ft_dir_walker {
    ft_arena *arena;           /* paths and names live there */
    bool (*skip)(ft_str name); /* files and folders to pass over; may be NULL */
    bool may_go;               /* what is gone when it is looked at is passed over */
    /* What a program left: pipes, devices and links are passed over, each with a warning in the
     * log; a link to a file that lies in the folder, too, is followed. */
    bool own_files;
    /* `below`: the path in the folder, "a/b.txt"; NUL-terminated. */
    ft_err (*file)(void *ctx, const char *path, ft_str below, const ft_file_info *info);
    void *ctx;
} ft_dir_walker;
ft_err ft_dir_walk(const ft_dir_walker *w, const char *dir);
/* A device, a pipe, or a name of one of the process's descriptors ("/dev/stdout", "/dev/fd/3")
 * whatever is behind it: written to as it is. Replaced, it would be gone for everybody. */
bool ft_file_is_special(const char *path);
ft_err ft_file_rename(const char *from, const char *to);
ft_err ft_file_remove(const char *path);               /* fine when there is nothing */
ft_err ft_file_link(const char *from, const char *to); /* hard link */
/* fsync of a folder, so that a rename in it survives a power cut. */
ft_err ft_dir_sync(const char *path);

/* Plain descriptors. `flags` as for open(2); O_CLOEXEC is added. */
ft_err ft_fd_open(int *out, const char *path, int flags, mode_t mode);
/* Of a special file, to write to: for a descriptor's name another one of it, so that what is
 * behind it goes on where it stands. */
ft_err ft_fd_open_special(int *out, const char *path);
ft_err ft_fd_write(int fd, const void *at, size_t len, const char *path); /* all of it */
/* From now on what this thread writes goes in pieces, with a call before each: a thread in the
 * background gives way there. NULL: in one piece again. */
#define FT_FD_PIECE_BYTES ((size_t)256 << 10)
void ft_fd_pieces(void (*before)(void *self), void *self);
ft_err ft_fd_read(size_t *got, int fd, void *at, size_t len,
                  const char *path); /* up to len; 0 at the end */
ft_err ft_fd_pread(size_t *got, int fd, void *at, size_t len, uint64_t offset, const char *path);
ft_err ft_fd_sync(int fd, const char *path); /* fdatasync */
ft_err ft_fd_truncate(int fd, uint64_t size, const char *path);
void ft_fd_close(int *fd); /* sets -1; fine on -1 */

/* "a/b" + "c" -> "a/b/c" in the arena. */
ft_err ft_path_join(const char **out, ft_arena *arena, const char *dir, const char *name);
/* Last component. */
ft_str ft_path_base(ft_str path);

#endif
