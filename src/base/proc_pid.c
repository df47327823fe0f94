/* proc_pid.c -- facts about processes from /proc; see proc.h. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/proc_in.h"

typedef struct pid_stat {
    char state; /* 'R', 'S', 'Z' … */
    int group;
    unsigned long long started; /* clock ticks since boot */
} pid_stat;

/* False when there is no such process. Fields as proc(5) numbers them; the name (2) may hold
 * blanks and parentheses, so counting starts behind its last ')'. */
static bool stat_read(pid_stat *out, const char *pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0) return false;
    text[len] = '\0';
    char *at = strrchr(text, ')');
    return at && sscanf(at + 1,
                        " %c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                        "%*d %llu",
                        &out->state, &out->group, &out->started) == 3;
}

static bool gone(const pid_stat *s) { return s->state == 'Z' || s->state == 'X'; }

ft_err ft_pid_started(uint64_t *out, pid_t pid) {
    char name[16];
    pid_stat s;
    *out = 0;
    snprintf(name, sizeof name, "%d", (int)pid);
    if (ft_fault_here() || !stat_read(&s, name))
        return FT_FAIL(FT_ENOTFOUND, "there is no process %d", (int)pid);
    *out = s.started;
    return FT_OK;
}

bool ft_pid_alive(pid_t pid, uint64_t started) {
    char name[16];
    pid_stat s;
    snprintf(name, sizeof name, "%d", (int)pid);
    return pid > 0 && stat_read(&s, name) && s.started == started && !gone(&s);
}

bool proc_group_alive(pid_t group) {
    DIR *dir = opendir("/proc");
    bool alive = false;
    pid_stat s;
    for (struct dirent *e; dir && !alive && (e = readdir(dir));)
        alive = isdigit((unsigned char)e->d_name[0]) && stat_read(&s, e->d_name) &&
                s.group == group && !gone(&s);
    if (dir) closedir(dir);
    return alive;
}

ft_err ft_self_path(char *out, size_t size) {
    ssize_t len = ft_fault_here() ? (errno = EIO, -1) : readlink("/proc/self/exe", out, size);
    if (len < 0) return FT_FAIL_ERRNO("cannot read /proc/self/exe");
    if ((size_t)len >= size)
        return FT_FAIL(FT_ETOOBIG, "the path of this program is longer than %zu bytes", size - 1);
    out[len] = '\0';
    return FT_OK;
}

const char *ft_proc_end_text(const ft_proc_end *end) {
    static _Thread_local char text[160];
    char after[40] = "";
    if (end->restarts > 0)
        snprintf(after, sizeof after, " after %d restart%s", end->restarts,
                 end->restarts == 1 ? "" : "s");
    if (!end->ended)
        snprintf(text, sizeof text, "running");
    else if (end->by_deadline)
        snprintf(text, sizeof text, "stopped after its deadline of %g s",
                 (double)end->deadline_us / (double)FT_SECOND_US);
    else if (end->by_request)
        snprintf(text, sizeof text, "stopped on request");
    else if (end->signal) {
        const char *what = sigdescr_np(end->signal);
        snprintf(text, sizeof text, "killed by signal %d (%s)%s", end->signal,
                 what ? what : "unknown", after);
    } else if (end->exit_code < 0)
        snprintf(text, sizeof text, "ended, its status was taken by another part of the program");
    else
        snprintf(text, sizeof text, "exit code %d%s", end->exit_code, after);
    return text;
}
