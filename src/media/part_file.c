/* part_file.c -- see part_file.h. */
#include "media/part_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"

#define MODE 0666
#define COPY ((size_t)64 << 10) /* less is written as it is */

struct ft_part_file {
    int fd;
    bool special;   /* a device or a pipe: written to at once */
    off_t begin;    /* of ours in what is behind it; -1: it only goes on */
    bool committed; /* it has its name */
    bool hidden;    /* `temp` is there */
    int source_fd;  /* -1: none */
    ft_str source;  /* its bytes in memory */
    char path[PATH_MAX];
    char temp[PATH_MAX];
};

/* "a/b.wav" -> "a/.ft-1234-0.part", short whatever the target's name. */
static ft_err hidden_name(ft_part_file *f) {
    static atomic_uint count;
    ft_str path = ft_str_of(f->path);
    int n = snprintf(f->temp, sizeof f->temp, "%.*s.ft-%d-%u.part",
                     (int)(path.len - ft_path_base(path).len), f->path, (int)getpid(),
                     atomic_fetch_add(&count, 1));
    if (n < 0 || (size_t)n >= sizeof f->temp) return FT_FAIL(FT_EINVAL, "%s: too long", f->path);
    return FT_OK;
}

static ft_err open_nameless(ft_part_file *f) {
    char folder[PATH_MAX];
    ft_str path = ft_str_of(f->path);
    size_t len = path.len - ft_path_base(path).len;
    snprintf(folder, sizeof folder, "%.*s", len ? (int)len : 1, len ? f->path : ".");
    f->fd = ft_fault_here() ? -1 : open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, MODE);
    if (f->fd >= 0) return FT_OK;
    f->hidden = true;
    return ft_fd_open(&f->fd, f->temp, O_WRONLY | O_CREAT | O_TRUNC, MODE);
}

/* "fettle … > file" has a file behind it that can be written to anywhere; ">> file" has not. */
static ft_err open_special(ft_part_file *f) {
    FT_TRY(ft_fd_open_special(&f->fd, f->path));
    int flags = fcntl(f->fd, F_GETFL);
    f->begin = flags < 0 || (flags & O_APPEND) ? -1 : lseek(f->fd, 0, SEEK_CUR);
    return FT_OK;
}

static ft_err open_file(ft_part_file *f, const char *path) {
    if ((size_t)snprintf(f->path, sizeof f->path, "%s", path) >= sizeof f->path || !*path)
        return FT_FAIL(FT_EINVAL, "%s: no path for a file", path);
    f->special = ft_file_is_special(path);
    if (f->special) return open_special(f);
    ft_file_info info;
    if (ft_file_stat(&info, path) == FT_OK && info.is_dir)
        return FT_FAIL(FT_EINVAL, "%s: a folder stands there", path);
    ft_err_clear();
    FT_TRY(hidden_name(f));
    return open_nameless(f);
}

ft_err ft_part_file_new(ft_part_file **out, const char *path) {
    *out = NULL;
    ft_part_file *f = ft_fault_here() ? NULL : calloc(1, sizeof *f);
    if (!f) return FT_FAIL(FT_ENOMEM, "no memory for a file");
    f->fd = f->source_fd = -1;
    ft_err err = open_file(f, path);
    if (err != FT_OK) {
        f->hidden = f->hidden && f->fd >= 0;
        ft_part_file_free(f);
        return err;
    }
    *out = f;
    return FT_OK;
}

ft_err ft_part_file_source(ft_part_file *f, const char *path, ft_str map) {
    ft_fd_close(&f->source_fd);
    f->source = map;
    return ft_fd_open(&f->source_fd, path, O_RDONLY, 0);
}

/* What the kernel copies by itself; it need not be able to, or not all of it. */
static size_t copied(const ft_part_file *f, ft_str bytes) {
    bool within = f->source_fd >= 0 && bytes.len >= COPY && bytes.at >= f->source.at &&
                  bytes.at + bytes.len <= f->source.at + f->source.len;
    off_t from = within ? bytes.at - f->source.at : 0;
    size_t done = 0;
    while (within && done < bytes.len) {
        ssize_t n = ft_fault_here() ? -1 : sendfile(f->fd, f->source_fd, &from, bytes.len - done);
        if (n <= 0) break;
        done += (size_t)n;
    }
    return done;
}

ft_err ft_part_file_write(void *file, ft_str bytes) {
    ft_part_file *f = file;
    bytes = ft_str_from(bytes, copied(f, bytes));
    return ft_fd_write(f->fd, bytes.at, bytes.len, f->path);
}

static ft_err put_head(const ft_part_file *f, ft_str head) {
    if (head.len == 0 || f->begin < 0) return FT_OK;
    ssize_t n = ft_fault_here() ? -1 : pwrite(f->fd, head.at, head.len, f->begin);
    if (n != (ssize_t)head.len) return FT_FAIL_ERRNO("cannot write the head of %s", f->path);
    return FT_OK;
}

static ft_err give_hidden_name(ft_part_file *f) {
    char own[64];
    if (f->hidden) return FT_OK;
    snprintf(own, sizeof own, "/proc/self/fd/%d", f->fd);
    unlink(f->temp); /* of a process of that number that is no more */
    if (ft_fault_here() || linkat(AT_FDCWD, own, AT_FDCWD, f->temp, AT_SYMLINK_FOLLOW) != 0)
        return FT_FAIL_ERRNO("cannot name %s", f->path);
    f->hidden = true;
    return FT_OK;
}

ft_err ft_part_file_commit(ft_part_file *f, ft_str head) {
    FT_TRY(put_head(f, head));
    if (!f->special) {
        FT_TRY(give_hidden_name(f));
        FT_TRY(ft_file_rename(f->temp, f->path));
        f->hidden = false;
    }
    f->committed = true;
    return FT_OK;
}

void ft_part_file_free(ft_part_file *f) {
    if (!f) return;
    if (f->hidden && !f->committed) unlink(f->temp);
    ft_fd_close(&f->fd);
    ft_fd_close(&f->source_fd);
    free(f);
}
