/* syncer.c -- see syncer.h. Files are added at the head under the lock and removed by the thread
 * alone, so it walks the list without the lock while it waits for the disk. */
#include "serve/syncer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"

struct ft_syncer {
    pthread_t thread;
    pthread_mutex_t lock; /* head, stop */
    pthread_cond_t wake;
    bool stop;
    ft_synced *head;
};

static void sync_one(ft_synced *f) {
    if (!atomic_exchange(&f->dirty, false)) return;
    ft_err err = ft_fd_sync(f->fd, "captures");
    if (err == FT_OK) return;
    ft_log_err(FT_LOG_ERROR, "serve", err, "captures did not reach the disk (tried again)");
    ft_err_clear();
    atomic_store(&f->dirty, true);
}

/* A file whose writer is done leaves the list. `from` points at the pointer to it. */
static void forget(ft_syncer *s, ft_synced **from) {
    ft_synced *f = *from;
    pthread_mutex_lock(&s->lock);
    if (from == &s->head)
        while (*from != f) from = &(*from)->next; /* others were added before it */
    *from = f->next;
    pthread_mutex_unlock(&s->lock);
    ft_fd_close(&f->fd);
    free(f);
}

static void look(ft_syncer *s) {
    pthread_mutex_lock(&s->lock);
    ft_synced **from = &s->head, *f = s->head;
    pthread_mutex_unlock(&s->lock);
    while (f) {
        ft_synced *next = f->next;
        bool gone = atomic_load(&f->gone);
        sync_one(f);
        if (gone)
            forget(s, from);
        else
            from = &f->next;
        f = next;
    }
}

static bool rest(ft_syncer *s) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)FT_SYNC_EVERY_MS * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&s->lock);
    while (!s->stop && pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0) {
    }
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return !stop;
}

static void *main_loop(void *arg) {
    do look(arg);
    while (rest(arg));
    return NULL;
}

ft_err ft_syncer_new(ft_syncer **out) {
    pthread_condattr_t attr;
    *out = NULL;
    ft_syncer *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for the syncer");
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (ft_fault_here() || pthread_create(&s->thread, NULL, main_loop, s)) {
        pthread_cond_destroy(&s->wake);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return FT_FAIL(FT_EFULL, "no thread for the syncer");
    }
    *out = s;
    return FT_OK;
}

void ft_syncer_free(ft_syncer *s) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    look(s);
    while (s->head) forget(s, &s->head);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

ft_err ft_syncer_add(ft_synced **out, ft_syncer *s, const char *path) {
    *out = NULL;
    ft_synced *f = ft_fault_here() ? NULL : calloc(1, sizeof *f);
    if (!f) return FT_FAIL(FT_ENOMEM, "no memory to sync %s", path);
    ft_err err = ft_fd_open(&f->fd, path, O_WRONLY, 0);
    if (err) {
        free(f);
        return err;
    }
    atomic_store(&f->dirty, true); /* what was written before it came here */
    pthread_mutex_lock(&s->lock);
    f->next = s->head;
    s->head = f;
    pthread_mutex_unlock(&s->lock);
    *out = f;
    return FT_OK;
}

void ft_synced_drop(ft_synced *f) {
    if (f) atomic_store(&f->gone, true);
}
