/* syncer.c -- see syncer.h. Files are added at the head under the lock and removed by the thread
 * alone, so it walks the list without the lock while it waits for the disk. */
#include "serve/syncer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alarm.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"

struct ft_syncer {
    pthread_t thread;
    ft_alarm alarm;
    pthread_mutex_t lock; /* head */
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

static void *main_loop(void *arg) {
    ft_syncer *s = arg;
    uint64_t seen = 0;
    do look(s);
    while (ft_alarm_rest(&s->alarm, &seen, FT_SYNC_EVERY_MS * (FT_SECOND_US / 1000)));
    return NULL;
}

ft_err ft_syncer_new(ft_syncer **out) {
    *out = NULL;
    ft_syncer *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for the syncer");
    pthread_mutex_init(&s->lock, NULL);
    ft_alarm_init(&s->alarm);
    if (ft_fault_here() || pthread_create(&s->thread, NULL, main_loop, s)) {
        ft_alarm_fini(&s->alarm);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return FT_FAIL(FT_EFULL, "no thread for the syncer");
    }
    *out = s;
    return FT_OK;
}

void ft_syncer_free(ft_syncer *s) {
    if (!s) return;
    ft_alarm_end(&s->alarm);
    pthread_join(s->thread, NULL);
    look(s);
    while (s->head) forget(s, &s->head);
    ft_alarm_fini(&s->alarm);
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
