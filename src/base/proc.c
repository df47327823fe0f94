/* proc.c -- the supervisor's loop: output, exits, deadlines, restarts; see proc.h. */
#include "base/proc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "base/proc_in.h"

#define GRACE_US        (2 * FT_SECOND_US)
#define RESTARTS_MAX    10
#define BACKOFF_MIN_US  (FT_SECOND_US / 10)
#define BACKOFF_MAX_US  (10 * FT_SECOND_US)
#define ROW_ENDS_US     (60 * FT_SECOND_US) /* a run this long was no failed start */
#define LINGER_LOOK_US  (FT_SECOND_US / 50)
#define NO_PIDFD_US     (FT_SECOND_US / 100)
#define READS_A_POLL    16 /* of 64 KiB: one loud child does not starve the others */
#define EXIT_CANNOT_RUN 127

struct ft_supervisor {
    ft_proc *first;
    struct pollfd *fds;
    size_t fd_room;
    int depth; /* of polls: a callback may wait for another process */
};

/* ---- output ---- */

static void line_out(ft_proc *p) {
    p->spec.on_line(p->spec.ctx, (ft_str){ p->line, p->line_len });
    p->line_len = 0;
}

static void lines_split(ft_proc *p, const char *at, size_t len) {
    while (len > 0) {
        const char *end = memchr(at, '\n', len);
        size_t part = end ? (size_t)(end - at) : len, room = LINE_MAX_BYTES - p->line_len;
        if (part > room) {
            part = room;
            end = NULL;
        }
        memcpy(p->line + p->line_len, at, part);
        p->line_len += part;
        part += end != NULL;
        at += part;
        len -= part;
        bool full = p->line_len == LINE_MAX_BYTES && len > 0 && *at != '\n';
        if (end || full) line_out(p);
    }
}

static void output_keep(ft_proc *p, const char *at, size_t len) {
    if (p->file < 0 || p->file_failed) return;
    ft_err err = ft_fd_write(p->file, at, len, p->spec.output_path);
    if (err == FT_OK) return;
    p->file_failed = true; /* the process goes on; say it once */
    ft_log_err(FT_LOG_WARN, "proc", err, p->spec.name);
}

static void output_read(ft_proc *p) {
    char bytes[65536];
    for (int i = 0; i < READS_A_POLL && p->out >= 0; i++) {
        ssize_t n = read(p->out, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            ft_fd_close(&p->out);
            return;
        }
        output_keep(p, bytes, (size_t)n);
        lines_split(p, bytes, (size_t)n);
    }
}

static void output_end(ft_proc *p) {
    if (p->out >= 0) output_read(p);
    if (p->line_len > 0) line_out(p);
    ft_fd_close(&p->out);
    ft_fd_close(&p->file);
}

/* ---- life of one process ---- */

static void run_begins(ft_proc *p) {
    p->state = PROC_RUNNING;
    p->run_from_us = ft_clock_monotonic_us();
    p->kill_at = 0;
}

static void group_stop(ft_proc *p) {
    if (p->kill_at) return;
    kill(-p->pid, SIGTERM);
    kill(-p->pid, SIGCONT); /* a halted process cannot hear */
    p->kill_at = ft_clock_monotonic_us() + (p->spec.grace_us ? p->spec.grace_us : GRACE_US);
}

static void proc_finish(ft_proc *p) {
    p->state = PROC_ENDED;
    p->end.ended = true;
    if (p->spec.on_exit) p->spec.on_exit(p->spec.ctx, p);
}

static bool restart_wanted(const ft_proc *p) {
    int max = p->spec.restart_max ? p->spec.restart_max : RESTARTS_MAX;
    if (p->end.by_request || p->end.by_deadline || p->row >= max) return false;
    if (p->spec.restart == FT_RESTART_ON_FAILURE) return p->end.exit_code != 0;
    return p->spec.restart == FT_RESTART_ALWAYS;
}

/* One run is over, p->end says how: again, or never. */
static void run_over(ft_proc *p) {
    int64_t now = ft_clock_monotonic_us();
    if (now - p->run_from_us >= ROW_ENDS_US) p->row = 0;
    if (!restart_wanted(p)) {
        proc_finish(p);
        return;
    }
    p->restart_in = p->row == 0 ? BACKOFF_MIN_US : p->restart_in * 2;
    if (p->restart_in > BACKOFF_MAX_US) p->restart_in = BACKOFF_MAX_US;
    p->restart_at = now + p->restart_in;
    p->state = PROC_WAITING;
}

static void proc_restart(ft_proc *p) {
    p->row++;
    p->end.restarts++;
    p->run_from_us = ft_clock_monotonic_us();
    ft_err err = proc_launch(p);
    if (err == FT_OK) {
        run_begins(p);
        return;
    }
    ft_log_err(FT_LOG_WARN, "proc", err, "restart");
    p->end.exit_code = EXIT_CANNOT_RUN;
    p->end.signal = 0;
    run_over(p);
}

static bool ours_to_reap(const ft_proc *p) {
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == p->pid;
}

/* Reapable, or reaped by somebody else in this program. */
static bool leader_ended(const ft_proc *p) {
    return ours_to_reap(p) || (errno = 0, kill(p->pid, 0) != 0 && errno == ESRCH);
}

/* The leader has ended but is not yet reaped: its id still names the group. */
static void proc_reap(ft_proc *p) {
    int status = 0;
    struct rusage use = { 0 };
    pid_t got;
    if (ours_to_reap(p)) kill(-p->pid, SIGKILL);
    while ((got = wait4(p->pid, &status, 0, &use)) < 0 && errno == EINTR) {
    }
    bool known = got == p->pid; /* else somebody waited for every child, or SIGCHLD is ignored */
    p->end.exit_code = known && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    p->end.signal = known && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    p->end.cpu_us = (int64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * FT_SECOND_US +
                    use.ru_utime.tv_usec + use.ru_stime.tv_usec;
    p->end.peak_rss_bytes = use.ru_maxrss * 1024;
    p->pid = 0;
    ft_fd_close(&p->pidfd);
    output_end(p);
    run_over(p);
}

static void running_step(ft_proc *p, int64_t now) {
    bool ended = leader_ended(p); /* before lateness: it may have ended long ago */
    if (!ended && p->deadline_at && now >= p->deadline_at && !p->end.by_request)
        p->end.by_deadline = true;
    if (ended && p->kill_at && proc_group_alive(p->pid))
        p->state = PROC_LINGERING;
    else if (ended)
        proc_reap(p);
    else if (p->end.by_deadline && !p->kill_at)
        group_stop(p);
    else if (p->kill_at && now >= p->kill_at)
        kill(-p->pid, SIGKILL);
}

static void waiting_step(ft_proc *p, int64_t now) {
    if (p->deadline_at && now >= p->deadline_at && !p->end.by_request) p->end.by_deadline = true;
    if (p->end.by_deadline || p->end.by_request)
        proc_finish(p);
    else if (now >= p->restart_at)
        proc_restart(p);
}

static void proc_step(ft_proc *p, int64_t now) {
    if (p->out >= 0) output_read(p);
    if (p->state == PROC_RUNNING)
        running_step(p, now);
    else if (p->state == PROC_WAITING)
        waiting_step(p, now);
    else if (p->state == PROC_LINGERING && (now >= p->kill_at || !proc_group_alive(p->pid)))
        proc_reap(p);
}

/* ---- the loop ---- */

static int64_t earlier(int64_t a, int64_t at, int64_t now) {
    int64_t in = at > now ? at - now : 0;
    return a < 0 || in < a ? in : a;
}

/* How long poll may sleep on account of `p`; < 0: for ever. */
static int64_t proc_sleep_us(const ft_proc *p, int64_t now, int64_t sleep) {
    if (p->state == PROC_ENDED) return sleep;
    bool stopping = p->end.by_deadline || p->end.by_request;
    if (p->state == PROC_WAITING) sleep = earlier(sleep, stopping ? now : p->restart_at, now);
    if (p->state == PROC_LINGERING) sleep = earlier(sleep, now + LINGER_LOOK_US, now);
    if (p->state == PROC_RUNNING && p->pidfd < 0) sleep = earlier(sleep, now + NO_PIDFD_US, now);
    if (p->kill_at && p->state == PROC_RUNNING) /* after SIGKILL only its exit is awaited */
        sleep = now < p->kill_at ? earlier(sleep, p->kill_at, now) : sleep;
    if (p->deadline_at && !stopping) sleep = earlier(sleep, p->deadline_at, now);
    return sleep;
}

static ft_err fds_reserve(ft_supervisor *s, size_t count) {
    if (count <= s->fd_room) return FT_OK;
    struct pollfd *more = ft_fault_here() ? NULL : realloc(s->fds, count * 2 * sizeof *more);
    if (!more) return FT_FAIL(FT_ENOMEM, "no memory to watch %zu processes", count / 2);
    s->fds = more;
    s->fd_room = count * 2;
    return FT_OK;
}

static void sweep(ft_supervisor *s) {
    for (ft_proc **at = &s->first; *at;) {
        ft_proc *p = *at;
        if (!p->forgotten) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        ft_arena_fini(&p->arena);
        free(p);
    }
}

ft_err ft_supervisor_poll(ft_supervisor *s, int64_t timeout_us) {
    size_t count = 0, n = 0;
    int64_t now = ft_clock_monotonic_us(), sleep = timeout_us;
    bool any = false;
    for (ft_proc *p = s->first; p; p = p->next) count += 2;
    FT_TRY(fds_reserve(s, count));
    for (ft_proc *p = s->first; p; p = p->next) {
        any |= p->state != PROC_ENDED;
        sleep = proc_sleep_us(p, now, sleep);
        if (p->state == PROC_RUNNING && p->pidfd >= 0)
            s->fds[n++] = (struct pollfd){ .fd = p->pidfd, .events = POLLIN };
        if (p->out >= 0) s->fds[n++] = (struct pollfd){ .fd = p->out, .events = POLLIN };
    }
    if (sleep < 0 && !any) return FT_OK; /* nothing will ever happen */
    struct timespec t = { .tv_sec = sleep / FT_SECOND_US, .tv_nsec = sleep % FT_SECOND_US * 1000 };
    if (ft_fault_here()) return FT_FAIL(FT_EIO, "cannot watch processes");
    if (ppoll(s->fds, n, sleep < 0 ? NULL : &t, NULL) < 0 && errno != EINTR)
        return FT_FAIL_ERRNO("cannot watch processes");
    now = ft_clock_monotonic_us();
    s->depth++;
    for (ft_proc *p = s->first; p; p = p->next) proc_step(p, now);
    if (--s->depth == 0) sweep(s);
    return FT_OK;
}

/* ---- the rest of the interface ---- */

ft_err ft_supervisor_new(ft_supervisor **out) {
    *out = ft_fault_here() ? NULL : calloc(1, sizeof **out);
    if (!*out) return FT_FAIL(FT_ENOMEM, "no memory for a process supervisor");
    return FT_OK;
}

void ft_supervisor_free(ft_supervisor *s) {
    if (!s) return;
    for (bool any = true; any;) {
        any = false;
        for (ft_proc *p = s->first; p; p = p->next) {
            ft_proc_stop(p);
            any |= p->state != PROC_ENDED;
        }
        if (any && ft_supervisor_poll(s, FT_SECOND_US) != FT_OK) ft_clock_sleep_us(NO_PIDFD_US);
    }
    for (ft_proc *p = s->first; p; p = p->next) p->forgotten = true;
    sweep(s);
    free(s->fds);
    free(s);
}

ft_err ft_proc_start(ft_proc **out, ft_supervisor *s, const ft_proc_spec *spec) {
    ft_err err = FT_OK;
    *out = NULL;
    ft_proc *p = ft_fault_here() ? NULL : calloc(1, sizeof *p);
    if (!p) return FT_FAIL(FT_ENOMEM, "no memory to start '%s'", spec->argv[0]);
    p->owner = s;
    p->pidfd = p->out = p->file = -1;
    FT_GOTO(err, proc_copy_spec(p, spec));
    FT_GOTO(err, proc_launch(p));
    run_begins(p);
    if (spec->deadline_us) p->deadline_at = p->run_from_us + spec->deadline_us;
    p->end.deadline_us = spec->deadline_us;
    p->next = s->first;
    s->first = p;
    *out = p;
    return FT_OK;
done:
    ft_arena_fini(&p->arena);
    free(p);
    return err;
}

void ft_proc_stop(ft_proc *p) {
    if (p->state == PROC_ENDED) return;
    if (!p->end.by_deadline) p->end.by_request = true;
    if (p->state == PROC_RUNNING) group_stop(p);
}

ft_err ft_proc_wait(ft_proc *p, int64_t timeout_us) {
    int64_t end = ft_clock_monotonic_us() + timeout_us;
    while (p->state != PROC_ENDED) {
        int64_t left = timeout_us < 0 ? -1 : end - ft_clock_monotonic_us();
        if (timeout_us >= 0 && left <= 0)
            return FT_FAIL(FT_ETIMEOUT, "'%s' has not ended after %g s", p->spec.name,
                           (double)timeout_us / (double)FT_SECOND_US);
        FT_TRY(ft_supervisor_poll(p->owner, left));
    }
    return FT_OK;
}

void ft_proc_forget(ft_proc *p) {
    if (!p) return;
    FT_CHECK(p->state == PROC_ENDED);
    p->forgotten = true; /* taken out by the next poll, which may be running now */
}

pid_t ft_proc_pid(const ft_proc *p) { return p->state == PROC_RUNNING ? p->pid : 0; }
ft_proc_end ft_proc_result(const ft_proc *p) { return p->end; }
