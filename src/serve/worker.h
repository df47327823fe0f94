/* worker.h -- what one serving thread owns: its connection to the store, the set of endpoints that
 * it answers for, a capture writer for each of them, a buffer for JSON, random numbers. Nothing in
 * it is shared. */
#ifndef FT_WORKER_H
#define FT_WORKER_H

#include "base/random.h"
#include "monitor/capture.h"
#include "net/server.h"
#include "serve/asking.h"
#include "serve/live.h"
#include "serve/syncer.h"

#define FT_SEGMENT_URI_MAX 1200

typedef struct ft_slot { /* beside each live endpoint */
    ft_capture *capture; /* NULL before the first captured request */
    ft_meter *meter;
    char segment[FT_SEGMENT_URI_MAX]; /* that was written last */
    uint64_t lines;                   /* in it */
    bool noted;                       /* its lineage is stored */
    ft_synced *synced;                /* its file, for the thread that syncs; NULL: not yet */
} ft_slot;

typedef struct ft_worker {
    struct ft_serve *serve;
    ft_registry *registry;
    ft_store *store;
    ft_live_set *set;
    ft_slot *slots; /* set->count of them */
    ft_random random;
    ft_buf json;
    int64_t warned_us; /* when a lost capture was last logged */
    /* What a higher room keeps for this thread; `free` is called before the store is closed. */
    struct {
        void *state; /* NULL: nothing */
        void (*tick)(void *state);
        void (*free)(void *state);
    } guest;
} ft_worker;

/* For ft_server_opts: made on, used by and freed on one thread each. `app` is the ft_serve. */
ft_err ft_worker_new(void **out, void *app);
void ft_worker_free(void *worker);
void ft_worker_tick(void *worker); /* follow the endpoints, sync and rotate captures */

/* Take over the newest set when there is one; a thread out of memory goes on with the one it has.
 */
void ft_worker_adopt(ft_worker *w);
static inline void ft_worker_refresh(ft_worker *w) {
    if (!ft_live_is_current(w->registry, w->set)) ft_worker_adopt(w);
}
/* Write one answered request into the endpoint's capture, its lineage with the first of a segment.
 * `live`: of this thread's set, or one that was replaced while its model thought: then the segment
 * has this one line.
 * `id` gets the event's id. */
ft_err ft_worker_capture(ft_worker *w, const ft_live *live, char id[FT_UUID_TEXT],
                         const ft_payload *in, const ft_payload *out, ft_str inference_id,
                         ft_str custom_attributes);

/* Work that takes long (asking.h) for a handler of this thread. */
ft_err ft_worker_later(ft_request *req, ft_response *resp, ft_asking_job *work, ft_str text);

#endif
