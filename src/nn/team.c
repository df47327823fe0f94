/* team.c -- see team.h. */
#include "nn/team.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/onednn.h"

/* Looks for work before a thread sleeps: about 150 us of `pause` on a Zen 4. A sleep and its wake
 * cost 50 to 100; the gaps between a network's steps are mostly shorter. */
#define LOOKS_MAX 9000
#define WHY_MAX   512

typedef struct helper {
    struct ft_nn_team *team;
    int number; /* from 1 */
    pthread_t thread;
} helper;

/* What is left of a job, in one word: its number, the first and the end of the unclaimed parts. A
 * claim with an old job's number fails. */
typedef struct claim {
    uint32_t job;
    uint16_t first, end;
} claim;

struct ft_nn_team {
    _Alignas(64) _Atomic uint64_t open; /* a claim */
    _Alignas(64) _Atomic uint32_t bell; /* the number of the job that is open: what helpers await */
    _Atomic uint32_t asleep;            /* helpers */
    _Alignas(64) _Atomic uint32_t left; /* parts that have not ended: what the caller awaits */
    _Atomic uint32_t caller_asleep;
    ft_nn_team_fn run; /* of the open job; stays until its last part has ended */
    void *ctx;
    _Atomic bool closing;
    pthread_mutex_t lock; /* of the two that follow */
    ft_err err;
    char why[WHY_MAX];
    int helper_count;
    helper helpers[FT_NN_TEAM_MAX - 1];
};

static uint64_t packed(claim c) { return (uint64_t)c.job << 32 | (uint64_t)c.first << 16 | c.end; }
static claim unpacked(uint64_t v) {
    return (claim){ (uint32_t)(v >> 32), (uint16_t)(v >> 16), (uint16_t)v };
}

static inline void breathe(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* Sleeps while the word is `value`; may wake without a reason. */
static void word_await(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void word_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* ---- parts */

static void part_failed(ft_nn_team *t, ft_err err) {
    pthread_mutex_lock(&t->lock);
    if (t->err == FT_OK) { /* the sentence belongs to this thread: carry it over */
        t->err = err;
        strncpy(t->why, ft_err_why(), WHY_MAX - 1);
    }
    pthread_mutex_unlock(&t->lock);
}

/* The next part of the job, or -1. */
static int part_claim(ft_nn_team *t, uint32_t job, bool front) {
    uint64_t seen = atomic_load_explicit(&t->open, memory_order_acquire);
    for (;;) {
        claim c = unpacked(seen);
        if (c.job != job || c.first >= c.end) return -1;
        int part = front ? c.first : c.end - 1;
        if (front)
            c.first++;
        else
            c.end--;
        if (atomic_compare_exchange_weak(&t->open, &seen, packed(c))) return part;
    }
}

static void parts_work(ft_nn_team *t, uint32_t job, int thread) {
    for (int part; (part = part_claim(t, job, thread == 0)) >= 0;) {
        ft_err err = t->run(t->ctx, part, thread);
        if (err != FT_OK) part_failed(t, err);
        if (atomic_fetch_sub(&t->left, 1) == 1 && atomic_load(&t->caller_asleep))
            word_wake(&t->left);
    }
}

/* ---- helpers */

static uint32_t job_await(ft_nn_team *t, uint32_t seen) {
    for (int i = 0; i < LOOKS_MAX; i++) {
        uint32_t job = atomic_load_explicit(&t->bell, memory_order_acquire);
        if (job != seen) return job;
        breathe();
    }
    atomic_fetch_add(&t->asleep, 1);
    while (atomic_load(&t->bell) == seen) word_await(&t->bell, seen);
    atomic_fetch_sub(&t->asleep, 1);
    return atomic_load(&t->bell);
}

static void *helper_main(void *at) {
    const helper *h = at;
    ft_nn_team *t = h->team;
    uint32_t seen = 0;
    ft_dnn_threads(1);
    for (;;) {
        seen = job_await(t, seen);
        if (atomic_load(&t->closing)) return NULL;
        parts_work(t, seen, h->number);
    }
}

/* ---- life */

ft_err ft_nn_team_new(ft_nn_team **out, int threads) {
    *out = NULL;
    FT_CHECK(threads >= 1 && threads <= FT_NN_TEAM_MAX);
    ft_nn_team *t = ft_fault_here() ? NULL : aligned_alloc(64, sizeof *t);
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory for a team of %d threads", threads);
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    while (t->helper_count < threads - 1) {
        helper *h = &t->helpers[t->helper_count];
        *h = (helper){ .team = t, .number = t->helper_count + 1 };
        if (ft_fault_here() || pthread_create(&h->thread, NULL, helper_main, h) != 0) {
            ft_nn_team_free(t);
            return FT_FAIL(FT_EFULL, "cannot start %d threads", threads);
        }
        t->helper_count++;
    }
    *out = t;
    return FT_OK;
}

static void bell_ring(ft_nn_team *t) {
    atomic_fetch_add(&t->bell, 1);
    if (atomic_load(&t->asleep)) word_wake(&t->bell);
}

void ft_nn_team_free(ft_nn_team *t) {
    if (!t) return;
    atomic_store(&t->closing, true);
    bell_ring(t);
    for (int i = 0; i < t->helper_count; i++) pthread_join(t->helpers[i].thread, NULL);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

int ft_nn_team_threads(const ft_nn_team *t) { return t->helper_count + 1; }

/* ---- a job */

static void job_end_await(ft_nn_team *t) {
    uint32_t left;
    for (int i = 0; i < LOOKS_MAX; i++) {
        if (atomic_load_explicit(&t->left, memory_order_acquire) == 0) return;
        breathe();
    }
    atomic_store(&t->caller_asleep, 1);
    while ((left = atomic_load(&t->left)) != 0) word_await(&t->left, left);
    atomic_store(&t->caller_asleep, 0);
}

ft_err ft_nn_team_run(ft_nn_team *t, int parts, ft_nn_team_fn run, void *ctx) {
    FT_CHECK(parts >= 0 && parts <= FT_NN_TEAM_PARTS_MAX);
    if (parts == 0) return FT_OK;
    uint32_t job = atomic_load(&t->bell) + 1;
    t->run = run;
    t->ctx = ctx;
    t->err = FT_OK;
    atomic_store(&t->left, (uint32_t)parts);
    atomic_store(&t->open, packed((claim){ .job = job, .end = (uint16_t)parts }));
    if (parts > 1) {
        bell_ring(t);
    } else {
        atomic_store(&t->bell, job);
    }
    parts_work(t, job, 0);
    job_end_await(t);
    return t->err == FT_OK ? FT_OK : FT_FAIL(t->err, "%s", t->why);
}
