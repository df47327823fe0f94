/* guard.c -- see guard.h. */
#include "watch/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/proc.h"

#define GUARD_MAGIC 0x46744776u /* "FtGv" */
#define GUARD_BYTES 4096

typedef struct guard_page {
    _Atomic uint32_t magic;
    _Atomic int32_t pid;
    _Atomic uint64_t pid_started;
    /* The evaluation in progress; watch 0: none. */
    _Atomic int64_t watch, at, began_us;
    /* Set by a dying host or by who kills it; taken over by the next. */
    _Atomic int32_t signal, late;
    /* The evaluation that hosts died of last, how often, and how. */
    int64_t bad_watch, bad_at;
    int32_t bad_deaths, bad_signal, bad_late;
} guard_page;

struct ft_guard {
    guard_page *page;
    int fd; /* holds the lock; -1 for a supervisor */
};

static guard_page *caught_page; /* for the signal handler of this process */

/* The last host died inside an evaluation: count it, by place. */
static void page_take_over(guard_page *p) {
    int64_t watch = atomic_load(&p->watch), at = atomic_load(&p->at);
    if (watch) {
        if (watch != p->bad_watch || at != p->bad_at) p->bad_deaths = 0;
        p->bad_watch = watch;
        p->bad_at = at;
        p->bad_deaths++;
        p->bad_signal = atomic_load(&p->signal);
        p->bad_late = atomic_load(&p->late);
    }
    atomic_store(&p->watch, 0);
    atomic_store(&p->signal, 0);
    atomic_store(&p->late, 0);
}

static ft_err page_map(guard_page **out, int fd, const char *path) {
    if (ft_fault_here()) return FT_FAIL(FT_ENOMEM, "%s: cannot map", path);
    void *at = mmap(NULL, GUARD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return FT_FAIL_ERRNO("%s: cannot map", path);
    guard_page *p = at;
    uint32_t none = 0;
    if (!atomic_compare_exchange_strong(&p->magic, &none, GUARD_MAGIC) && none != GUARD_MAGIC) {
        munmap(at, GUARD_BYTES);
        return FT_FAIL(FT_ECORRUPT, "%s: not a rule host's page: begins with %08x", path, none);
    }
    *out = p;
    return FT_OK;
}

static ft_err guard_open(ft_guard **out, const char *path, int flags) {
    ft_guard *g = NULL;
    ft_file_info info;
    ft_err err = FT_OK;
    *out = NULL;
    if (ft_fault_here() || !(g = calloc(1, sizeof *g)))
        return FT_FAIL(FT_ENOMEM, "no memory for a guard");
    g->fd = -1;
    FT_GOTO(err, ft_fd_open(&g->fd, path, O_RDWR | flags, 0600));
    FT_GOTO(err, ft_file_stat(&info, path));
    if (info.size_bytes != 0 && info.size_bytes != GUARD_BYTES)
        FT_GOTO(err, FT_FAIL(FT_ECORRUPT, "%s: not a rule host's page: %llu bytes, expected %d",
                             path, (unsigned long long)info.size_bytes, GUARD_BYTES));
    if (info.size_bytes == 0) FT_GOTO(err, ft_fd_truncate(g->fd, GUARD_BYTES, path));
    FT_GOTO(err, page_map(&g->page, g->fd, path));
    *out = g;
    g = NULL;
done:
    if (g) ft_guard_free(g);
    return err;
}

ft_err ft_guard_take(ft_guard **out, const char *path) {
    ft_guard *g;
    uint64_t started;
    ft_err err;
    FT_TRY(guard_open(&g, path, O_CREAT));
    if (flock(g->fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? FT_FAIL(FT_EBUSY, "%s: process %d is the rule host already",
                                             path, (int)atomic_load(&g->page->pid))
                                   : FT_FAIL_ERRNO("%s: cannot lock", path);
        goto done;
    }
    FT_GOTO(err, ft_pid_started(&started, getpid()));
    page_take_over(g->page);
    atomic_store(&g->page->pid_started, started);
    atomic_store(&g->page->pid, getpid());
    *out = g;
    return FT_OK;
done:
    *out = NULL;
    ft_guard_free(g);
    return err;
}

ft_err ft_guard_look(ft_guard **out, const char *path) {
    FT_TRY(guard_open(out, path, 0));
    ft_fd_close(&(*out)->fd); /* the mapping stays */
    return FT_OK;
}

void ft_guard_free(ft_guard *g) {
    if (!g) return;
    if (g->page) {
        if (caught_page == g->page) caught_page = NULL;
        munmap(g->page, GUARD_BYTES);
    }
    ft_fd_close(&g->fd);
    free(g);
}

bool ft_guard_begin(ft_guard *g, int64_t watch, int64_t at) {
    guard_page *p = g->page;
    FT_CHECK(watch > 0);
    /* A crash may pass; a rule that is too slow once is too slow at the next step as well. */
    if (p->bad_watch == watch && ((p->bad_late && at >= p->bad_at) ||
                                  (p->bad_at == at && p->bad_deaths >= FT_GUARD_ATTEMPTS)))
        return false;
    atomic_store(&p->at, at);
    atomic_store(&p->began_us, ft_clock_monotonic_us());
    atomic_store(&p->watch, watch);
    return true;
}

void ft_guard_end(ft_guard *g) { atomic_store(&g->page->watch, 0); }

const char *ft_guard_text(const ft_guard *g) {
    static _Thread_local char text[160];
    const guard_page *p = g->page;
    if (p->bad_late)
        snprintf(text, sizeof text, "the evaluation passed its deadline");
    else if (p->bad_signal)
        snprintf(text, sizeof text, "the rule host died %d times, last by signal %d (%s)",
                 p->bad_deaths, p->bad_signal, strsignal(p->bad_signal));
    else
        snprintf(text, sizeof text, "the rule host died %d times", p->bad_deaths);
    return text;
}

static void on_deadly(int number) {
    if (caught_page) atomic_store(&caught_page->signal, number);
    raise(number); /* the handler is gone (SA_RESETHAND): this ends the process */
}

void ft_guard_catch(ft_guard *g) {
    static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    struct sigaction act = { .sa_handler = on_deadly, .sa_flags = SA_RESETHAND | SA_NODEFER };
    caught_page = g->page;
    for (size_t i = 0; i < FT_COUNT(deadly); i++) sigaction(deadly[i], &act, NULL);
}

int64_t ft_guard_busy_us(const ft_guard *g) {
    if (atomic_load(&g->page->watch) == 0) return 0;
    int64_t busy = ft_clock_monotonic_us() - atomic_load(&g->page->began_us);
    return busy > 0 ? busy : 0;
}

bool ft_guard_kill(ft_guard *g, int64_t deadline_us) {
    pid_t pid;
    if (ft_guard_busy_us(g) <= deadline_us || !ft_guard_alive(g, &pid)) return false;
    atomic_store(&g->page->late, 1);
    return kill(pid, SIGKILL) == 0;
}

bool ft_guard_alive(const ft_guard *g, pid_t *pid) {
    *pid = atomic_load(&g->page->pid);
    return *pid > 0 && ft_pid_alive(*pid, atomic_load(&g->page->pid_started));
}
