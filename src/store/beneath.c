/* beneath.c -- see beneath_in.h. */
#include "store/beneath_in.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define RACE_TRIES   16 /* openat2 gives EAGAIN while somebody renames on its way */

static atomic_bool no_openat2; /* an old kernel, or a sandbox that does not know the call */

static ft_err fail(const char *what, const char *path) {
    if (errno == ELOOP || errno == EXDEV)
        return FT_FAIL(FT_EDENIED, "cannot %s 'objects/%s': a symbolic link is on the way", what,
                       path);
    if (errno == EISDIR)
        return FT_FAIL(FT_ECONFLICT, "cannot %s 'objects/%s': a folder is there", what, path);
    return FT_FAIL_ERRNO("cannot %s 'objects/%s'", what, path);
}

/* The parts of `path` but the last, one open(2) each. Returns a descriptor or -1. */
static int walk(int root, const char *path, const char **base) {
    int at = dup(root);
    for (const char *slash; at >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        char part[NAME_MAX + 1];
        size_t len = (size_t)(slash - path);
        int next = -1;
        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(part, path, len);
            part[len] = '\0';
            next = openat(at, part, FOLDER_FLAGS | O_NOFOLLOW);
        }
        int code = errno;
        close(at);
        errno = code;
        at = next;
    }
    *base = path;
    return at;
}

static int open_by_parts(int root, const char *path, int flags, mode_t mode) {
    const char *base;
    int parent = walk(root, path, &base);
    if (parent < 0) return -1;
    int fd = openat(parent, base, flags | O_NOFOLLOW, mode);
    int code = errno;
    close(parent);
    errno = code;
    return fd;
}

static int open_at(int root, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (int i = 0; i < RACE_TRIES && !no_openat2; i++) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if (errno == ENOSYS) no_openat2 = true;
        if (errno == EPERM) break; /* some sandboxes say this of calls that they do not know */
        if (errno != EAGAIN && errno != EINTR && errno != ENOSYS) return -1;
    }
    return open_by_parts(root, path, flags | O_CLOEXEC, mode);
}

ft_err ft_beneath_open(int *out, int root, const char *path, int flags, mode_t mode) {
    *out = ft_injected() ? -1 : open_at(root, path, flags, mode);
    return *out < 0 ? fail("open", path) : FT_OK;
}

/* ---- folders ---- */

/* Why can the folder `part` in `at` not be opened? */
static ft_err folder_fault(int at, const char *part, const char *path) {
    struct stat st;
    int code = errno;
    if ((code == ENOTDIR || code == ELOOP) && fstatat(at, part, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISLNK(st.st_mode)) {
            errno = ELOOP;
            return fail("make", path);
        }
        return FT_FAIL(FT_ECONFLICT,
                       "cannot make 'objects/%s': '%s' is a file and cannot be a folder as well",
                       path, part);
    }
    errno = code;
    return fail("make", path);
}

/* Make, or find made by another, one folder inside `at`. */
static ft_err folder_step(int *out, int at, const char *part, const char *path, bool durable) {
    if (ft_injected() || (mkdirat(at, part, 0777) != 0 && errno != EEXIST))
        return fail("make", path);
    *out = ft_injected() ? -1 : openat(at, part, FOLDER_FLAGS | O_NOFOLLOW);
    if (*out < 0) return folder_fault(at, part, path);
    return durable ? ft_beneath_sync(at, path) : FT_OK;
}

/* Open `folder`, making it and what is missing above it. Goes up first: in the usual case only the
 * last one is new. `folder` is cut and mended on the way. */
static ft_err make_folders(int *out, int root, char *folder, const char *path, bool durable) {
    char *slash = strrchr(folder, '/');
    int above = -1;
    *out = ft_injected() ? -1 : open_at(root, folder, FOLDER_FLAGS, 0);
    if (*out >= 0) return FT_OK;
    /* a file or a link on the way is named by the step that meets it */
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) return fail("make", path);
    if (!slash) return folder_step(out, root, folder, path, durable);
    *slash = '\0';
    ft_err err = make_folders(&above, root, folder, path, durable);
    *slash = '/';
    FT_TRY(err);
    err = folder_step(out, above, slash + 1, path, durable);
    close(above);
    return err;
}

ft_err ft_beneath_parent(int *out, const char **base, int root, const char *path, bool make,
                         bool durable) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    FT_CHECK(slash && (size_t)(slash - path) < sizeof folder);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    *base = slash + 1;
    if (make) return make_folders(out, root, folder, path, durable);
    *out = ft_injected() ? -1 : open_at(root, folder, FOLDER_FLAGS, 0);
    return *out < 0 ? fail("open the folder of", path) : FT_OK;
}

ft_err ft_beneath_sync(int folder, const char *path) {
    if (ft_injected() || fsync(folder) != 0) return fail("sync the folder of", path);
    return FT_OK;
}

/* ---- files ---- */

ft_err ft_beneath_stat(struct stat *out, int root, const char *path) {
    int fd = ft_injected() ? -1 : open_at(root, path, O_PATH, 0);
    *out = (struct stat){ 0 };
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return FT_ENOTFOUND; /* an expected outcome */
        return fail("look at", path);
    }
    int code = ft_injected() ? -1 : fstat(fd, out);
    close(fd);
    if (code != 0) return fail("look at", path);
    if (S_ISDIR(out->st_mode)) return FT_ENOTFOUND;
    if (S_ISREG(out->st_mode)) return FT_OK;
    /* without openat2 a link as the last part is opened itself */
    return FT_FAIL(FT_EDENIED, "'objects/%s' is not a regular file", path);
}

ft_err ft_beneath_rename(int from, const char *name, int parent, const char *base,
                         const char *path) {
    if (ft_injected() || renameat(from, name, parent, base) != 0) return fail("write", path);
    return FT_OK;
}

/* Folders that the removed file leaves empty; best effort, an empty folder harms nobody. */
static void prune(int root, const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (;;) {
        char *slash = strrchr(folder, '/');
        if (!slash) return;
        *slash = '\0';
        const char *base;
        if (!strchr(folder, '/')) return; /* the bucket */
        int parent = -1;
        if (ft_beneath_parent(&parent, &base, root, folder, false, false) != FT_OK) {
            ft_err_clear();
            return;
        }
        int code = unlinkat(parent, base, AT_REMOVEDIR);
        close(parent);
        if (code != 0) return;
    }
}

ft_err ft_beneath_remove(int root, const char *path) {
    const char *base;
    int parent;
    ft_err err = ft_beneath_parent(&parent, &base, root, path, false, false);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    struct stat st;
    bool folder = fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    int code = folder ? 0 : ft_injected() ? -1 : unlinkat(parent, base, 0);
    if (code != 0 && errno != ENOENT) err = fail("remove", path);
    close(parent);
    if (err == FT_OK && !folder) prune(root, path);
    return err;
}
