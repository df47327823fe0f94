/* files.c -- paths, whole files and folders; plain descriptors are in files_fd.c. See files.h. */
#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"

#define FOLDER_DEPTH_MAX 512 /* one open descriptor a level while removing */
#define TEMP_TRIES       100

/* A rehearsed failure looks like a failed system call. */
static bool injected(void) {
    if (!ft_fault_here()) return false;
    errno = EIO;
    return true;
}

ft_err ft_file_stat(ft_file_info *out, const char *path) {
    struct stat st;
    *out = (ft_file_info){ 0 };
    if (injected() || stat(path, &st) != 0) return FT_FAIL_ERRNO("cannot look at '%s'", path);
    *out = (ft_file_info){
        .size_bytes = (uint64_t)st.st_size,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .is_dir = S_ISDIR(st.st_mode),
        .inode = st.st_ino,
    };
    return FT_OK;
}

bool ft_file_exists(const char *path) { return !injected() && access(path, F_OK) == 0; }

/* ---- whole files ---- */

static ft_err read_regular(ft_str *out, ft_arena *arena, int fd, size_t size, size_t limit_bytes,
                           const char *path) {
    if (size > limit_bytes)
        return FT_FAIL(FT_ETOOBIG, "'%s' has %zu bytes, at most %zu are read", path, size,
                       limit_bytes);
    char *at;
    size_t got = 0;
    FT_TRY(ft_arena_take(&at, arena, size + 1));
    FT_TRY(ft_fd_pread(&got, fd, at, size, 0, path)); /* it may have shrunk meanwhile */
    *out = (ft_str){ at, got };
    return FT_OK;
}

/* Pipes, sockets and /proc files do not say their size. */
static ft_err read_stream(ft_str *out, ft_arena *arena, int fd, size_t limit_bytes,
                          const char *path) {
    ft_err err = FT_OK;
    char *buf = NULL, *at;
    size_t len = 0, room = 0, got = 1;
    while (got > 0) {
        if (room - len < 4096) {
            char *more = injected() ? NULL : realloc(buf, room = room ? room * 2 : 16384);
            if (!more) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to read '%s'", path));
            buf = more;
        }
        FT_GOTO(err, ft_fd_read(&got, fd, buf + len, room - len, path));
        len += got;
        if (len > limit_bytes)
            FT_GOTO(err, FT_FAIL(FT_ETOOBIG, "'%s' is longer than %zu bytes, the most that is read",
                                 path, limit_bytes));
    }
    FT_GOTO(err, ft_arena_take(&at, arena, len + 1));
    memcpy(at, buf, len);
    *out = (ft_str){ at, len };
done:
    free(buf);
    return err;
}

ft_err ft_file_read(ft_str *out, ft_arena *arena, const char *path, size_t limit_bytes) {
    ft_err err = FT_OK;
    int fd = -1;
    struct stat st;
    *out = (ft_str){ "", 0 };
    FT_TRY(ft_fd_open(&fd, path, O_RDONLY, 0));
    if (injected() || fstat(fd, &st) != 0) FT_GOTO(err, FT_FAIL_ERRNO("cannot look at '%s'", path));
    if (S_ISDIR(st.st_mode))
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "'%s' is a folder, expected a file", path));
    if (S_ISREG(st.st_mode) && st.st_size > 0)
        FT_GOTO(err, read_regular(out, arena, fd, (size_t)st.st_size, limit_bytes, path));
    else
        FT_GOTO(err, read_stream(out, arena, fd, limit_bytes, path));
done:
    ft_fd_close(&fd);
    return err;
}

ft_err ft_file_map(ft_str *out, const char *path) {
    ft_err err = FT_OK;
    int fd = -1;
    struct stat st;
    *out = (ft_str){ "", 0 };
    FT_TRY(ft_fd_open(&fd, path, O_RDONLY | O_NONBLOCK, 0)); /* a pipe is no reason to wait */
    if (injected() || fstat(fd, &st) != 0) FT_GOTO(err, FT_FAIL_ERRNO("cannot look at '%s'", path));
    if (!S_ISREG(st.st_mode)) FT_GOTO(err, FT_FAIL(FT_EINVAL, "'%s' is not a regular file", path));
    if (st.st_size > 0) {
        void *at =
            injected() ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) FT_GOTO(err, FT_FAIL_ERRNO("cannot map '%s'", path));
        *out = (ft_str){ at, (size_t)st.st_size };
    }
done:
    ft_fd_close(&fd);
    return err;
}

void ft_file_unmap(ft_str map) {
    if (map.len) FT_CHECK(munmap((void *)map.at, map.len) == 0);
}

/* A new file in the folder of `path`: ".ft-<pid>-<count>.tmp", short whatever the target's name. */
static ft_err temp_open(int *fd, char temp[PATH_MAX], const char *path) {
    static atomic_uint count;
    const char *slash = strrchr(path, '/');
    int dir_len = slash ? (int)(slash - path) + 1 : 0;
    for (int i = 0; i < TEMP_TRIES; i++) {
        unsigned n = atomic_fetch_add(&count, 1);
        int len = snprintf(temp, PATH_MAX, "%.*s.ft-%d-%u.tmp", dir_len, path, getpid(), n);
        if (len >= PATH_MAX) return FT_FAIL(FT_EINVAL, "path '%.200s…' is too long", path);
        *fd = injected() ? -1 : open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0) return FT_OK;
        if (errno != EEXIST) break; /* left by a killed process whose pid came again: next name */
    }
    return FT_FAIL_ERRNO("cannot write '%s'", path);
}

/* The descriptor that a name of the system's stands for; -1: none. */
static int descriptor_of(const char *path) {
    static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
    if (strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
    for (size_t i = 0; i < FT_COUNT(folders); i++) {
        ft_str rest = ft_str_of(path);
        int64_t n;
        if (!ft_str_starts(rest, ft_str_of(folders[i]))) continue;
        rest = ft_str_from(rest, strlen(folders[i]));
        if (ft_str_i64(&n, rest) && n >= 0 && n <= INT_MAX) return (int)n;
    }
    return -1;
}

bool ft_file_is_special(const char *path) {
    struct stat st;
    if (descriptor_of(path) >= 0) return true;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

ft_err ft_fd_open_special(int *fd, const char *path) {
    int named = descriptor_of(path);
    if (named < 0) return ft_fd_open(fd, path, O_WRONLY, 0);
    *fd = injected() ? -1 : fcntl(named, F_DUPFD_CLOEXEC, 0);
    return *fd >= 0 ? FT_OK : FT_FAIL_ERRNO("cannot open '%s'", path);
}

static ft_err write_special(const char *path, ft_str bytes) {
    int fd = -1;
    FT_TRY(ft_fd_open_special(&fd, path));
    ft_err err = ft_fd_write(fd, bytes.at, bytes.len, path);
    ft_fd_close(&fd);
    return err;
}

ft_err ft_file_write_atomic(const char *path, ft_str bytes, bool durable) {
    ft_err err = FT_OK;
    if (ft_file_is_special(path)) return write_special(path, bytes);
    int fd = -1;
    char temp[PATH_MAX];
    FT_TRY(temp_open(&fd, temp, path));
    FT_GOTO(err, ft_fd_write(fd, bytes.at, bytes.len, path));
    if (durable) FT_GOTO(err, ft_fd_sync(fd, path));
    /* Some file systems report a full disk or quota only now. */
    int closed = close(fd);
    fd = -1;
    if (injected() || closed != 0) FT_GOTO(err, FT_FAIL_ERRNO("cannot write '%s'", path));
    if (injected() || rename(temp, path) != 0)
        FT_GOTO(err, FT_FAIL_ERRNO("cannot replace '%s'", path));
done:
    ft_fd_close(&fd);
    if (err != FT_OK) unlink(temp);
    return err;
}

ft_err ft_file_rename(const char *from, const char *to) {
    if (ft_file_is_special(to))
        return FT_FAIL(FT_EINVAL, "'%s' is a device or a pipe, not a file to replace", to);
    if (injected() || rename(from, to) != 0)
        return FT_FAIL_ERRNO("cannot rename '%s' to '%s'", from, to);
    return FT_OK;
}

ft_err ft_file_remove(const char *path) {
    if (injected() || (unlink(path) != 0 && errno != ENOENT))
        return FT_FAIL_ERRNO("cannot remove '%s'", path);
    return FT_OK;
}

ft_err ft_file_link(const char *from, const char *to) {
    if (injected() || link(from, to) != 0)
        return FT_FAIL_ERRNO("cannot link '%s' as '%s'", from, to);
    return FT_OK;
}

/* ---- folders ---- */

static bool is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static ft_err dir_make_one(const char *path) {
    if (injected()) return FT_FAIL_ERRNO("cannot make folder '%s'", path);
    if (mkdir(path, 0777) == 0) return FT_OK;
    /* On a read-only or automounted file system mkdir may say EROFS or EACCES for what exists. */
    int code = errno;
    if (is_dir(path)) return FT_OK;
    errno = code;
    if (code == EEXIST)
        return FT_FAIL(FT_EEXIST, "cannot make folder '%s': a file of that name is there", path);
    return FT_FAIL_ERRNO("cannot make folder '%s'", path);
}

ft_err ft_dir_make(const char *path) {
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return FT_FAIL(FT_EINVAL,
                       "cannot make folder '%.200s': the path has %zu bytes, expected "
                       "1 to %zu",
                       path, len, sizeof part - 1);
    if (!injected() && is_dir(path)) return FT_OK;
    memcpy(part, path, len + 1);
    for (size_t i = 1; i < len; i++) {
        if (part[i] != '/' || part[i - 1] == '/') continue;
        part[i] = '\0';
        FT_TRY(dir_make_one(part));
        part[i] = '/';
    }
    return dir_make_one(path);
}

/* Empties the folder behind `fd`, which it closes. */
static ft_err dir_empty(int fd, const char *path, int depth) {
    DIR *dir = injected() ? NULL : fdopendir(fd);
    if (!dir) {
        ft_err err = FT_FAIL_ERRNO("cannot remove '%s'", path);
        close(fd);
        return err;
    }
    ft_err err = FT_OK;
    if (depth > FOLDER_DEPTH_MAX)
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "cannot remove '%s': deeper than %d folders", path,
                             FOLDER_DEPTH_MAX));
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (!injected() && unlinkat(dirfd(dir), e->d_name, 0) == 0) continue;
        if (errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM)
            FT_GOTO(err, FT_FAIL_ERRNO("cannot remove '%s' in '%s'", e->d_name, path));
        int sub = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0) FT_GOTO(err, FT_FAIL_ERRNO("cannot remove '%s' in '%s'", e->d_name, path));
        FT_GOTO(err, dir_empty(sub, path, depth + 1));
        if (unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT)
            FT_GOTO(err, FT_FAIL_ERRNO("cannot remove '%s' in '%s'", e->d_name, path));
    }
done:
    closedir(dir);
    return err;
}

ft_err ft_dir_remove(const char *path) {
    int fd = injected() ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT) return FT_OK;
        if (errno == ENOTDIR || errno == ELOOP) return ft_file_remove(path);
        return FT_FAIL_ERRNO("cannot remove '%s'", path);
    }
    FT_TRY(dir_empty(fd, path, 0));
    if (injected() || (rmdir(path) != 0 && errno != ENOENT))
        return FT_FAIL_ERRNO("cannot remove '%s'", path);
    return FT_OK;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(((const ft_str *)a)->at, ((const ft_str *)b)->at);
}

/* `text` holds `n` names, each ended by NUL. */
static ft_err names_to_arena(ft_str **names, size_t n, ft_arena *arena, const char *text,
                             size_t text_len) {
    char *at;
    FT_TRY(ft_arena_take(&at, arena, text_len));
    FT_TRY(ft_arena_items(names, arena, n));
    if (text_len) memcpy(at, text, text_len);
    for (size_t i = 0; i < n; i++) {
        (*names)[i] = ft_str_of(at);
        at += (*names)[i].len + 1;
    }
    qsort(*names, n, sizeof **names, by_bytes);
    return FT_OK;
}

ft_err ft_dir_list(ft_str **names, size_t *count, ft_arena *arena, const char *path) {
    ft_err err = FT_OK;
    char *text = NULL;
    size_t len = 0, room = 0, n = 0;
    *names = NULL;
    *count = 0;
    DIR *dir = injected() ? NULL : opendir(path);
    if (!dir) return FT_FAIL_ERRNO("cannot list folder '%s'", path);
    for (;;) {
        errno = 0;
        struct dirent *e = injected() ? NULL : readdir(dir);
        if (!e && errno) FT_GOTO(err, FT_FAIL_ERRNO("cannot list folder '%s'", path));
        if (!e) break;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        size_t size = strlen(e->d_name) + 1;
        if (room - len < size) {
            char *more = injected() ? NULL : realloc(text, room = room ? room * 2 : 4096);
            if (!more) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to list folder '%s'", path));
            text = more;
        }
        memcpy(text + len, e->d_name, size);
        len += size;
        n++;
    }
    FT_GOTO(err, names_to_arena(names, n, arena, text, len));
    *count = n;
done:
    free(text);
    closedir(dir);
    return err;
}

ft_err ft_dir_sync(const char *path) {
    ft_err err = FT_OK;
    int fd = -1;
    FT_TRY(ft_fd_open(&fd, path, O_RDONLY | O_DIRECTORY, 0));
    if (injected() || fsync(fd) != 0)
        err = FT_FAIL_ERRNO("cannot flush folder '%s' to the disk", path);
    ft_fd_close(&fd);
    return err;
}

/* ---- paths ---- */

ft_err ft_path_join(const char **out, ft_arena *arena, const char *dir, const char *name) {
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') len--;
    bool root = len == 1 && dir[0] == '/';
    ft_str s;
    FT_TRY(
        ft_arena_printf(&s, arena, "%.*s%s%s", (int)len, dir, root || len == 0 ? "" : "/", name));
    *out = s.at;
    return FT_OK;
}

ft_str ft_path_base(ft_str path) {
    while (path.len > 1 && path.at[path.len - 1] == '/') path.len--;
    const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;
    if (!slash || path.len == 1) return path;
    size_t skip = (size_t)(slash - path.at) + 1;
    return (ft_str){ path.at + skip, path.len - skip };
}
