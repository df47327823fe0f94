/* db_shared.c -- see db_in.h: what the connections of one process to one database share.
 *
 * SQLite lets one connection write at a time and makes the others sleep and try again, which costs
 * several server threads most of their time; and each durable commit would sync the log by itself.
 * Here writers of the process queue up at a mutex, and one sync of the log serves every commit that
 * came before it. Other processes meet SQLite's own locks, as ever. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/check.h"
#include "base/fault.h"
#include "store/db_in.h"

#define QUEUE_WAIT_S 10 /* then SQLite decides */

struct ft_db_shared {
    ft_db_shared *next;
    dev_t device;
    ino_t inode;
    int users;
    pthread_mutex_t write;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t synced_more;
    uint64_t committed, synced; /* durable commits so far; those that are on disk */
    bool syncing;
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static ft_db_shared *all;

static ft_db_shared *shared_new(const struct stat *st) {
    ft_db_shared *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return NULL;
    s->device = st->st_dev;
    s->inode = st->st_ino;
    pthread_mutex_init(&s->write, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->synced_more, NULL);
    s->next = all;
    all = s;
    return s;
}

ft_err ft_db_shared_open(ft_db_shared **out, const char *path) {
    struct stat st;
    *out = NULL;
    if (stat(path, &st) != 0) return FT_FAIL_ERRNO("cannot look at '%s'", path);
    pthread_mutex_lock(&all_lock);
    ft_db_shared *s = all;
    while (s && (s->device != st.st_dev || s->inode != st.st_ino)) s = s->next;
    if (!s) s = shared_new(&st);
    if (s) s->users++;
    pthread_mutex_unlock(&all_lock);
    *out = s;
    return s ? FT_OK : FT_FAIL(FT_ENOMEM, "no memory to open database '%s'", path);
}

void ft_db_shared_close(ft_db_shared *s) {
    if (!s) return;
    pthread_mutex_lock(&all_lock);
    bool last = --s->users == 0;
    for (ft_db_shared **at = &all; last && *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    pthread_mutex_unlock(&all_lock);
    if (!last) return;
    pthread_cond_destroy(&s->synced_more);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->write);
    free(s);
}

bool ft_db_queue(ft_db_shared *s) {
    struct timespec until;
    if (pthread_mutex_trylock(&s->write) == 0) return true;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += QUEUE_WAIT_S;
    return pthread_mutex_timedlock(&s->write, &until) == 0;
}

void ft_db_leave(ft_db_shared *s) { pthread_mutex_unlock(&s->write); }

ft_err ft_db_sync_shared(ft_db_shared *s, ft_err (*sync)(ft_db *db), ft_db *db) {
    ft_err err = FT_OK;
    pthread_mutex_lock(&s->lock);
    uint64_t mine = ++s->committed;
    while (err == FT_OK && s->synced < mine) {
        if (s->syncing) {
            pthread_cond_wait(&s->synced_more, &s->lock);
            continue;
        }
        uint64_t until = s->committed; /* all of these are in the log by now */
        s->syncing = true;
        pthread_mutex_unlock(&s->lock);
        err = sync(db);
        pthread_mutex_lock(&s->lock);
        s->syncing = false;
        if (err == FT_OK && until > s->synced) s->synced = until;
        pthread_cond_broadcast(&s->synced_more);
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}
