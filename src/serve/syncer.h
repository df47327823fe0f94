/* syncer.h -- files that grow reach the disk every 100 ms by a thread of its own, so that requests
 * do not wait for the disk. What begins and ends a file does, on its writer's thread: it is made
 * with the first record, and sealed (synced, with its row) when it is full, its hour is over or its
 * writer ends.
 *
 * A writer adds its file, marks it after each write, and drops it when it is done with it. Threads:
 * any; a file's marks may come from one thread while the syncer looks at them. */
#ifndef FT_SYNCER_H
#define FT_SYNCER_H

#include <stdatomic.h>

#include "base/err.h"

#define FT_SYNC_EVERY_MS 100

typedef struct ft_syncer ft_syncer;
typedef struct ft_synced { /* one file */
    struct ft_synced *next;
    int fd;
    atomic_bool dirty; /* written since the last look */
    atomic_bool gone;  /* the writer is done: synced once more and forgotten */
} ft_synced;

ft_err ft_syncer_new(ft_syncer **out);
/* Syncs what is left; writers must be done. Fine on NULL. */
void ft_syncer_free(ft_syncer *s);
/* Opens the file for itself. FT_EIO … as open(2). */
ft_err ft_syncer_add(ft_synced **out, ft_syncer *s, const char *path);
static inline void ft_synced_mark(ft_synced *f) {
    if (!atomic_load_explicit(&f->dirty, memory_order_relaxed))
        atomic_store_explicit(&f->dirty, true, memory_order_release);
}
void ft_synced_drop(ft_synced *f); /* fine on NULL */

#endif
