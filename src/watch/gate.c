/* gate.c -- see gate.h. An all-zero page is a new gate, so that job and host may open it in any
 * order without agreeing on who sets it up. */
#include "watch/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"

#define GATE_MAGIC 0x46744761u /* "FtGa" */
#define GATE_BYTES 4096
/* Looks before going to sleep. Measured on two cores: with a prompt host the answer comes within
 * the spin nine times of ten, which halves the cost of a step; 2,000 pauses are about 30 us. */
#define GATE_SPINS 2000

/* One word a direction to sleep on; each side says when it sleeps, so that the other makes no
 * system call for nobody. */
typedef struct gate_page {
    _Atomic uint32_t magic;
    _Atomic uint32_t closed;
    _Alignas(64) _Atomic uint32_t job_word; /* bumped when the job recorded: the host sleeps here */
    _Atomic uint32_t host_sleeps;
    _Atomic int64_t recorded; /* step + 1; 0: none yet */
    _Alignas(
        64) _Atomic uint32_t host_word; /* bumped when the host evaluated: the job sleeps here */
    _Atomic uint32_t job_sleeps;
    _Atomic int64_t evaluated; /* step + 1 */
} gate_page;

struct ft_gate {
    gate_page *page;
    bool lost_patience;
    int64_t lost_at; /* `evaluated` when patience was lost */
};

static inline void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void word_sleep(_Atomic uint32_t *word, uint32_t seen, int64_t timeout_us) {
    struct timespec ts = { .tv_sec = timeout_us / FT_SECOND_US,
                           .tv_nsec = timeout_us % FT_SECOND_US * 1000 };
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &ts, NULL,
            0); /* woken, changed, late: all look again */
}

static void word_bump(_Atomic uint32_t *word, _Atomic uint32_t *sleeps) {
    atomic_fetch_add(word, 1);
    if (atomic_load(sleeps)) syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Wait until `*value` reaches `goal`, the gate is closed, or the time is over: false then. */
static bool value_wait(gate_page *p, _Atomic int64_t *value, int64_t goal, _Atomic uint32_t *word,
                       _Atomic uint32_t *sleeps, int64_t timeout_us) {
    for (int i = 0; i < GATE_SPINS && timeout_us > 0; i++) {
        if (atomic_load(value) >= goal || atomic_load(&p->closed)) return true;
        spin_pause();
    }
    int64_t deadline_us = ft_clock_monotonic_us() + timeout_us;
    for (;;) {
        uint32_t seen = atomic_load(word);
        if (atomic_load(value) >= goal || atomic_load(&p->closed)) return true;
        int64_t left_us = deadline_us - ft_clock_monotonic_us();
        if (left_us <= 0) return false;
        atomic_fetch_add(sleeps, 1);
        word_sleep(word, seen, left_us);
        atomic_fetch_sub(sleeps, 1);
    }
}

static ft_err page_map(gate_page **out, int fd, const char *path) {
    ft_file_info info;
    FT_TRY(ft_file_stat(&info, path));
    if (info.size_bytes != 0 && info.size_bytes != GATE_BYTES)
        return FT_FAIL(FT_ECORRUPT, "%s: not a gate: %llu bytes, expected %d", path,
                       (unsigned long long)info.size_bytes, GATE_BYTES);
    if (info.size_bytes == 0) FT_TRY(ft_fd_truncate(fd, GATE_BYTES, path));
    if (ft_fault_here()) return FT_FAIL(FT_ENOMEM, "%s: cannot map", path);
    void *at = mmap(NULL, GATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return FT_FAIL_ERRNO("%s: cannot map", path);
    gate_page *p = at;
    uint32_t none = 0;
    if (!atomic_compare_exchange_strong(&p->magic, &none, GATE_MAGIC) && none != GATE_MAGIC) {
        munmap(at, GATE_BYTES);
        return FT_FAIL(FT_ECORRUPT, "%s: not a gate: begins with %08x", path, none);
    }
    *out = p;
    return FT_OK;
}

ft_err ft_gate_open(ft_gate **out, const char *path) {
    ft_gate *g = NULL;
    int fd = -1;
    ft_err err = FT_OK;
    *out = NULL;
    if (ft_fault_here() || !(g = calloc(1, sizeof *g)))
        return FT_FAIL(FT_ENOMEM, "no memory for a gate");
    FT_GOTO(err, ft_fd_open(&fd, path, O_RDWR | O_CREAT, 0600));
    FT_GOTO(err, page_map(&g->page, fd, path));
    *out = g;
    g = NULL;
done:
    ft_fd_close(&fd);
    free(g);
    return err;
}

ft_err ft_gate_wait(ft_gate *g, int64_t step, int64_t patience_us) {
    gate_page *p = g->page;
    int64_t recorded = atomic_load(&p->recorded), evaluated = atomic_load(&p->evaluated);
    bool open = g->lost_patience && g->lost_at == evaluated;
    if (!open && evaluated < recorded) {
        if (patience_us <= 0) patience_us = FT_GATE_PATIENCE_US;
        g->lost_patience =
            !value_wait(p, &p->evaluated, recorded, &p->host_word, &p->job_sleeps, patience_us);
        g->lost_at = atomic_load(&p->evaluated);
    }
    if (atomic_load(&p->closed))
        return FT_FAIL(FT_ECANCELED, "stopped before step %lld was recorded", (long long)step);
    return FT_OK;
}

void ft_gate_recorded(ft_gate *g, int64_t step) {
    if (step + 1 > atomic_load(&g->page->recorded)) atomic_store(&g->page->recorded, step + 1);
    word_bump(&g->page->job_word, &g->page->host_sleeps);
}

void ft_gate_evaluated(ft_gate *g, int64_t step) {
    if (step + 1 > atomic_load(&g->page->evaluated)) atomic_store(&g->page->evaluated, step + 1);
    word_bump(&g->page->host_word, &g->page->job_sleeps);
}

void ft_gate_close(ft_gate *g) {
    atomic_store(&g->page->closed, 1);
    word_bump(&g->page->host_word, &g->page->job_sleeps);
    word_bump(&g->page->job_word, &g->page->host_sleeps);
}

bool ft_gate_closed(const ft_gate *g) { return atomic_load(&g->page->closed) != 0; }

int64_t ft_gate_next(ft_gate *g, int64_t seen, int64_t timeout_us) {
    gate_page *p = g->page;
    if (timeout_us > 0)
        value_wait(p, &p->recorded, seen + 2, &p->job_word, &p->host_sleeps, timeout_us);
    return atomic_load(&p->recorded) - 1;
}

void ft_gate_free(ft_gate *g) {
    if (!g) return;
    munmap(g->page, GATE_BYTES);
    free(g);
}
