/* files_fd.c -- plain descriptors; see files.h. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"

static bool injected(void) {
    if (!ft_fault_here()) return false;
    errno = EIO;
    return true;
}

ft_err ft_fd_open(int *out, const char *path, int flags, mode_t mode) {
    *out = -1;
    do {
        *out = injected() ? -1 : open(path, flags | O_CLOEXEC, mode);
    } while (*out < 0 && errno == EINTR);
    if (*out < 0) return FT_FAIL_ERRNO("cannot open '%s'", path);
    return FT_OK;
}

static _Thread_local struct {
    void (*before)(void *self);
    void *self;
} pieces;

void ft_fd_pieces(void (*before)(void *self), void *self) {
    pieces.before = before;
    pieces.self = self;
}

ft_err ft_fd_write(int fd, const void *at, size_t len, const char *path) {
    const char *p = at;
    do {
        if (pieces.before) pieces.before(pieces.self);
        size_t piece = pieces.before && len > FT_FD_PIECE_BYTES ? FT_FD_PIECE_BYTES : len;
        ssize_t n = injected() ? -1 : write(fd, p, piece);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return FT_FAIL_ERRNO("cannot write '%s'", path);
        p += n;
        len -= (size_t)n;
    } while (len > 0);
    return FT_OK;
}

ft_err ft_fd_read(size_t *got, int fd, void *at, size_t len, const char *path) {
    ssize_t n;
    *got = 0;
    do {
        n = injected() ? -1 : read(fd, at, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return FT_FAIL_ERRNO("cannot read '%s'", path);
    *got = (size_t)n;
    return FT_OK;
}

ft_err ft_fd_pread(size_t *got, int fd, void *at, size_t len, uint64_t offset, const char *path) {
    *got = 0;
    while (*got < len) {
        ssize_t n =
            injected() ? -1 : pread(fd, (char *)at + *got, len - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return FT_FAIL_ERRNO("cannot read '%s'", path);
        if (n == 0) break;
        *got += (size_t)n;
    }
    return FT_OK;
}

ft_err ft_fd_sync(int fd, const char *path) {
    if (injected() || fdatasync(fd) != 0)
        return FT_FAIL_ERRNO("cannot flush '%s' to the disk", path);
    return FT_OK;
}

ft_err ft_fd_truncate(int fd, uint64_t size, const char *path) {
    if (injected() || ftruncate(fd, (off_t)size) != 0)
        return FT_FAIL_ERRNO("cannot cut '%s' to %llu bytes", path, (unsigned long long)size);
    return FT_OK;
}

void ft_fd_close(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}
