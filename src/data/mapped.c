/* mapped.c -- see mapped.h. */
#include "data/mapped.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"

struct ft_mapped {
    char *path;
    uint64_t inode;
    ft_str bytes;
    size_t slot;
};

/* What the handler looks through: it may run on any thread at any time, so a slot is taken by its
 * `begin` and given back by it. */
typedef struct slot {
    _Atomic uintptr_t begin, end;
    atomic_bool cut;
} slot;

static slot slots[FT_MAPPED_MAX];
static atomic_size_t slots_used; /* slots above were never taken */
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction handler_before;
static uintptr_t page_bytes;

/* ---- the handler */

/* Zeros from the missing page to the end of the mapping: what the file lost is lost at its end. */
static bool fill_hole(uintptr_t at) {
    size_t used = atomic_load(&slots_used);
    for (size_t i = 0; i < used; i++) {
        uintptr_t begin = atomic_load(&slots[i].begin), end = atomic_load(&slots[i].end);
        if (!begin || at < begin || at >= end) continue;
        uintptr_t page = at & ~(page_bytes - 1);
        atomic_store(&slots[i].cut, true);
        return mmap((void *)page, end - page, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0) != MAP_FAILED;
    }
    return false;
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    static _Thread_local bool passing; /* somebody who stands before us passed it back */
    if (fill_hole((uintptr_t)info->si_addr)) return;
    if (passing) {
        signal(number, SIG_DFL);
        return;
    }
    passing = true;
    if (handler_before.sa_flags & SA_SIGINFO)
        handler_before.sa_sigaction(number, info, context);
    else if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN)
        handler_before.sa_handler(number);
    else
        signal(number, SIG_DFL); /* the access is tried again and ends the process */
    passing = false;
}

/* At every mapping, since a host (a test harness, Python's faulthandler) may have put its own there
 * meanwhile. Under the lock. */
static void handler_install(void) {
    struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO }, now;
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &now) != 0 ||
        ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_bus_error))
        return;
    sigemptyset(&action.sa_mask);
    handler_before = now;
    sigaction(SIGBUS, &action, NULL);
}

/* ---- slots */

static ft_err slot_take(ft_mapped *m) {
    uintptr_t begin = (uintptr_t)m->bytes.at;
    size_t i = 0;
    pthread_mutex_lock(&slots_lock);
    handler_install();
    while (i < FT_MAPPED_MAX && atomic_load(&slots[i].begin)) i++;
    if (i < FT_MAPPED_MAX && !ft_fault_here()) {
        m->slot = i;
        atomic_store(&slots[i].cut, false);
        atomic_store(&slots[i].end, begin + m->bytes.len);
        atomic_store(&slots[i].begin, begin);
        if (i >= atomic_load(&slots_used)) atomic_store(&slots_used, i + 1);
    } else {
        i = FT_MAPPED_MAX;
    }
    pthread_mutex_unlock(&slots_lock);
    if (i < FT_MAPPED_MAX) return FT_OK;
    return FT_FAIL(FT_EFULL, "'%s': more than %d files are mapped", m->path, FT_MAPPED_MAX);
}

/* ---- life */

/* The descriptor is not kept: a data set may have more files than a process may open. */
static ft_err map(ft_mapped *m, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0) return FT_FAIL_ERRNO("cannot look at '%s'", m->path);
    if (!S_ISREG(st.st_mode)) return FT_FAIL(FT_EINVAL, "'%s' is not a regular file", m->path);
    m->bytes = FT_STR("");
    m->inode = st.st_ino;
    if (st.st_size == 0) return FT_OK;
    void *at =
        ft_fault_here() ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return FT_FAIL_ERRNO("cannot map '%s'", m->path);
    m->bytes = ft_str_n(at, (size_t)st.st_size);
    ft_err err = slot_take(m);
    if (!err) return FT_OK;
    munmap(at, m->bytes.len);
    m->bytes = FT_STR("");
    return err;
}

ft_err ft_mapped_open(ft_mapped **out, const char *path) {
    ft_err err = FT_OK;
    int fd = -1;
    *out = NULL;
    ft_mapped *m = ft_fault_here() ? NULL : calloc(1, sizeof *m);
    if (!m) return FT_FAIL(FT_ENOMEM, "no memory to map '%s'", path);
    m->path = strdup(path);
    if (!m->path) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to map '%s'", path));
    FT_GOTO(err, ft_fd_open(&fd, path, O_RDONLY, 0));
    FT_GOTO(err, map(m, fd));
    *out = m;
    m = NULL;
done:
    ft_fd_close(&fd);
    ft_mapped_free(m);
    return err;
}

void ft_mapped_free(ft_mapped *m) {
    if (!m) return;
    if (m->bytes.len) {
        /* The slot first: another mapping may be given the same addresses at once. */
        atomic_store(&slots[m->slot].begin, 0);
        munmap((void *)(uintptr_t)m->bytes.at, m->bytes.len);
    }
    free(m->path);
    free(m);
}

/* ---- use */

ft_str ft_mapped_bytes(const ft_mapped *m) { return m->bytes; }

bool ft_mapped_cut(const ft_mapped *m) { return m->bytes.len && atomic_load(&slots[m->slot].cut); }

/* Only the file that was mapped can lose what is mapped: another one that was put in its place by
 * a rename leaves it alone. */
ft_err ft_mapped_intact(const ft_mapped *m) {
    struct stat st;
    bool here = stat(m->path, &st) == 0 && st.st_ino == m->inode;
    if (!ft_mapped_cut(m) && (!here || (uint64_t)st.st_size >= m->bytes.len)) return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "'%s' shrank from %zu to %llu bytes while it was read", m->path,
                   m->bytes.len, here ? (unsigned long long)st.st_size : 0);
}
