/* container_mount.c -- a job's tree at /opt/ml, for this process and its children alone.
 *
 * In a mount namespace of its own /opt is covered by a small file system in memory that shows what
 * /opt held, each entry bound to its old place, and ml. So nothing is made on the machine itself,
 * and it works for plain users too, where user namespaces are allowed. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"
#include "jobs/container.h"

#define OPT "/opt"

static ft_err proc_write(const char *path, const char *text) {
    int fd = -1;
    FT_TRY(ft_fd_open(&fd, path, O_WRONLY, 0));
    ft_err err = ft_fd_write(fd, text, strlen(text), path);
    ft_fd_close(&fd);
    return err;
}

/* A plain user is the same user inside; user namespaces give the right to mount. */
static ft_err user_enter(void) {
    unsigned uid = geteuid(), gid = getegid();
    char text[64];
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return FT_FAIL_ERRNO("no mount namespace for this user");
    FT_TRY(proc_write("/proc/self/setgroups", "deny"));
    snprintf(text, sizeof text, "%u %u 1", uid, uid);
    FT_TRY(proc_write("/proc/self/uid_map", text));
    snprintf(text, sizeof text, "%u %u 1", gid, gid);
    return proc_write("/proc/self/gid_map", text);
}

static ft_err namespace_enter(void) {
    if (ft_fault_here()) return FT_FAIL(FT_EDENIED, "no mount namespace");
    if (unshare(CLONE_NEWNS) != 0) FT_TRY(user_enter());
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return FT_FAIL_ERRNO("mount namespace");
    return FT_OK;
}

static ft_err bind_at(const char *from, const char *to) {
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0) return FT_FAIL_ERRNO("binding %s", to);
    return FT_OK;
}

/* One entry of the old /opt (held open by `old`) in the new one. */
static ft_err entry_show(ft_arena *arena, int old, const char *name) {
    struct stat st;
    char target[4096];
    ft_str from, to;
    int fd = -1;
    FT_TRY(ft_arena_printf(&from, arena, "/proc/self/fd/%d/%s", old, name));
    FT_TRY(ft_arena_printf(&to, arena, OPT "/%s", name));
    if (fstatat(old, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return FT_FAIL_ERRNO(OPT "/%s", name);
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlinkat(old, name, target, sizeof target - 1);
        if (n < 0) return FT_FAIL_ERRNO(OPT "/%s", name);
        target[n] = '\0';
        return symlink(target, to.at) == 0 ? FT_OK : FT_FAIL_ERRNO("%s", to.at);
    }
    if (S_ISDIR(st.st_mode))
        FT_TRY(ft_dir_make(to.at));
    else
        FT_TRY(ft_fd_open(&fd, to.at, O_WRONLY | O_CREAT, 0644));
    ft_fd_close(&fd);
    return bind_at(from.at, to.at);
}

static ft_err opt_fill(ft_arena *arena, int old, const ft_str *names, size_t count,
                       const char *root) {
    for (size_t i = 0; i < count; i++)
        if (!ft_str_is(names[i], "ml")) FT_TRY(entry_show(arena, old, names[i].at));
    FT_TRY(ft_dir_make(FT_CONTAINER_PLACE));
    return bind_at(root, FT_CONTAINER_PLACE);
}

ft_err ft_container_mount(ft_arena *arena, const char *root) {
    ft_str *names;
    size_t count;
    int old = -1;
    ft_err err;
    FT_TRY(ft_dir_list(&names, &count, arena, OPT));
    FT_TRY(namespace_enter());
    FT_TRY(ft_fd_open(&old, OPT, O_PATH | O_DIRECTORY, 0)); /* of this namespace */
    if (mount("fettle", OPT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") != 0)
        FT_GOTO(err, FT_FAIL_ERRNO("covering " OPT));
    err = opt_fill(arena, old, names, count, root);
    if (err != FT_OK) umount2(OPT, MNT_DETACH);
done:
    ft_fd_close(&old);
    return err;
}
