/* asking.h -- requests to models that are other processes wait here, on threads of their own, so
 * that no other request waits for them. Threads are made as they are needed, FT_ASKING_THREADS at
 * most; FT_ASKING_QUEUE more requests may wait for one.
 *
 * Threads: begin and end from one; the rest from any server thread. */
#ifndef FT_ASKING_H
#define FT_ASKING_H

#include "models/predictor.h"
#include "net/server.h"

#define FT_ASKING_THREADS 64
#define FT_ASKING_QUEUE   1000

struct ft_live_set;
typedef struct ft_askings ft_askings; /* the threads and what waits for them */
ft_err ft_askings_new(ft_askings **out);
/* Returns when nothing is being asked any more: end the programs before. Fine on NULL. */
void ft_askings_free(ft_askings *q);

typedef struct ft_asked {       /* one request on its way */
    ft_asking asking;           /* texts in its own arena */
    ft_err err;                 /* of the predictor's `ask` … */
    ft_str why;                 /* … in words */
    const struct ft_live *live; /* in a set that it holds; NULL: other work */
    struct ft_live_set *set;
} ft_asked;
/* Make it wait: fills req->waiting and resp->later; the handler returns FT_OK then and is called
 * again. `set` is held until it is forgotten. FT_EBUSY when too many wait. */
ft_err ft_asking_begin(ft_request *req, ft_response *resp, ft_askings *q, struct ft_live_set *set,
                       const struct ft_live *live, const ft_asking *asking);
/* What became of it; NULL: nothing yet (resp->later is filled again). Its texts last until it is
 * forgotten. */
ft_asked *ft_asking_result(ft_request *req, ft_response *resp);
/* The same for other work that takes long: it is called once on such a thread with a copy of
 * `text`, an arena and the store's home; what it returns is the result's err and why, `*out` (in
 * the arena; empty unless it is set) its asking.out.bytes. */
typedef ft_err ft_asking_job(ft_str *out, const char *home, ft_arena *arena, ft_str text);
ft_err ft_asking_work(ft_request *req, ft_response *resp, ft_askings *q, ft_asking_job *work,
                      const char *home, ft_str text);
/* After its result was used. */
void ft_asking_forget(ft_request *req);

#endif
