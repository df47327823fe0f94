/* pool.c -- see pool.h. Threads take the next index from a shared counter, so uneven items balance
 * themselves. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"

#define THREADS_MAX 1024
#define WHY_MAX     1024

typedef struct job {
    ft_err (*run)(void *ctx, size_t i);
    void *ctx;
    size_t count;
    atomic_size_t next;
    atomic_size_t failed_at; /* lowest index that failed; later items need not run */
} job;

struct ft_pool {
    pthread_mutex_t one_run; /* held for a whole ft_pool_run */
    pthread_mutex_t lock;    /* the rest */
    pthread_cond_t begin, end;
    job *job;
    unsigned long round; /* counts the jobs, so that a worker takes each once */
    int busy;            /* workers that are in the present job or have not yet seen it */
    bool closing;
    ft_err err; /* of the item at failed_at */
    char why[WHY_MAX];
    int count;
    pthread_t threads[];
};

/* Set while this thread runs items: a nested run of the pool would wait for itself. */
static _Thread_local bool inside;

static void item_failed(ft_pool *pool, job *j, size_t i, ft_err err) {
    pthread_mutex_lock(&pool->lock);
    if (i < atomic_load(&j->failed_at)) {
        atomic_store(&j->failed_at, i);
        pool->err = err;
        strncpy(pool->why, ft_err_why(), WHY_MAX - 1);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void job_work(ft_pool *pool, job *j) {
    inside = true;
    for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < j->count;) {
        if (i > atomic_load(&j->failed_at)) break;
        ft_err err = j->run(j->ctx, i);
        if (err != FT_OK) item_failed(pool, j, i, err);
    }
    inside = false;
}

static void *worker(void *ctx) {
    ft_pool *pool = ctx;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->closing && pool->round == seen) pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->closing) break;
        seen = pool->round;
        job *j = pool->job;
        pthread_mutex_unlock(&pool->lock);
        job_work(pool, j);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static ft_err run_alone(size_t count, ft_err (*run)(void *ctx, size_t i), void *ctx) {
    for (size_t i = 0; i < count; i++) FT_TRY(run(ctx, i));
    return FT_OK;
}

ft_err ft_pool_new(ft_pool **out, int threads) {
    *out = NULL;
    if (threads < 0 || threads > THREADS_MAX)
        return FT_FAIL(FT_EINVAL, "%d threads: expected 0 to %d", threads, THREADS_MAX);
    size_t size = sizeof(ft_pool) + (size_t)threads * sizeof(pthread_t);
    ft_pool *pool = ft_fault_here() ? NULL : calloc(1, size);
    if (!pool) return FT_FAIL(FT_ENOMEM, "no memory for a pool of %d threads", threads);
    pthread_mutex_init(&pool->one_run, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    while (pool->count < threads) {
        if (ft_fault_here() ||
            pthread_create(&pool->threads[pool->count], NULL, worker, pool) != 0) {
            ft_err err =
                FT_FAIL(FT_EFULL, "cannot start thread %d of %d", pool->count + 1, threads);
            ft_pool_free(pool);
            return err;
        }
        pool->count++;
    }
    *out = pool;
    return FT_OK;
}

ft_err ft_pool_run(ft_pool *pool, size_t count, ft_err (*run)(void *ctx, size_t i), void *ctx) {
    if (inside || pool->count == 0 || count <= 1) return run_alone(count, run, ctx);
    job j = { .run = run, .ctx = ctx, .count = count, .failed_at = SIZE_MAX };
    pthread_mutex_lock(&pool->one_run);
    pthread_mutex_lock(&pool->lock);
    pool->job = &j;
    pool->round++;
    pool->busy = pool->count;
    pool->err = FT_OK;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);

    job_work(pool, &j);

    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0) pthread_cond_wait(&pool->end, &pool->lock);
    ft_err err = pool->err;
    if (err != FT_OK) FT_FAIL(err, "%s", pool->why); /* the sentence, on this thread */
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->one_run);
    return err;
}

void ft_pool_free(ft_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->count; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->begin);
    pthread_cond_destroy(&pool->end);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->one_run);
    free(pool);
}

int ft_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than cpu_set_t holds */
    return n > 0 ? (int)n : 1;
}
