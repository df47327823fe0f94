/* taps.h -- the tensors of an endpoint's requests, written as a trial while requests do not wait.
 *
 * A request that is due is put into a bounded queue as it was sent and answered at once, without a
 * lock. A thread of the endpoint that runs only where nothing else would runs it again with
 * everything shown (predictor.h, `tap`) and writes one step of the trial: what the expression
 * matches, the answer's event id as the text tensor "event_id", mode PREDICT. A full queue loses
 * the step, never the request; lost ones are counted.
 *
 * A trial is bounded: when a step more would make it larger than FT_TAPS_KEEP_MB (a server's
 * FETTLE_TAP_KEEP_MB says otherwise), its oldest steps go.
 *
 * Besides, that thread stops between two tensors while requests are being answered on half of the
 * machine's processors or more: two that share a core, or its cache, slow one another. It waits at
 * most FT_TAPS_PATIENCE_US a step, so a machine that always answers records too.
 *
 * Steps count on over restarts and versions that write to the same place.
 *
 * Threads: any offers. Memory: FT_TAPS_BYTES_MAX of waiting requests, and one request's tensors. */
#ifndef FT_TAPS_H
#define FT_TAPS_H

#include <stdatomic.h>

#include "models/predictor.h"
#include "serve/endpoint.h"

#define FT_TAPS_WAITING_MAX 1024
#define FT_TAPS_BYTES_MAX   ((size_t)64 << 20)
#define FT_TAPS_KEEP_MB     4096
#define FT_TAPS_PATIENCE_US 500000

typedef struct ft_taps ft_taps;

typedef struct ft_taps_model { /* what is asked; let go when the taps are */
    const ft_model *model;
    void *held;
    void (*release)(void *held);
} ft_taps_model;

/* Where an endpoint's tensors go unless it says: s3://fettle/tensors/<endpoint>. */
#define FT_TAPS_URI "s3://fettle/tensors"
ft_err ft_taps_uri(ft_str *out, ft_arena *arena, const ft_endpoint *ep);
/* FT_EINVAL for an expression that cannot be read, an interval below 1, a place that is none. */
ft_err ft_taps_check(const ft_endpoint *ep);

/* Takes `model` over, also on failure. */
ft_err ft_taps_new(ft_taps **out, const char *home, const ft_endpoint *ep,
                   const ft_taps_model *model);
ft_taps *ft_taps_hold(ft_taps *t); /* fine on NULL */
void ft_taps_release(ft_taps *t);  /* the last one ends the thread, when its request is written */
/* One answered request; the bytes are copied when it is due. */
void ft_taps_offer(ft_taps *t, const ft_payload *in, ft_str event_id);

/* Around every answer, of any endpoint. */
void ft_taps_answering(void);
void ft_taps_answered(void);

typedef struct ft_taps_told {
    int64_t recorded, lost, failed, waiting;
} ft_taps_told;
ft_taps_told ft_taps_tell(ft_taps *t);

#endif
