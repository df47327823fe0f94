/* live_in.h -- what live.c and live_follow.c share: the registry, and the making of sets. */
#ifndef FT_LIVE_IN_H
#define FT_LIVE_IN_H

#include <pthread.h>

#include "serve/live.h"

struct ft_registry {
    pthread_mutex_t lock; /* the current set's holders, and the list of meters */
    _Atomic(ft_live_set *) current;
    _Atomic(ft_live_set *) over; /* sets that nobody holds, for the following thread to free */
    ft_meter *meters;
    struct ft_starting *starting; /* the following thread's own */
    const char *home;
    bool began;   /* the rows were read once */
    bool again;   /* the last look failed on the way, or something is not ready */
    int64_t seen; /* version of the database at the last look */
};

void ft_live_model_release(ft_live_model *held); /* the last holder frees it; fine on NULL */
/* The endpoint's, made when it has none. */
ft_err ft_live_meter(ft_meter **out, ft_registry *r, ft_str name);
/* With room for `capacity` items; held by the caller. */
ft_err ft_live_set_new(ft_live_set **out, ft_registry *r, size_t capacity);
/* The next set; the caller's hold goes to the registry. */
void ft_live_publish(ft_registry *r, ft_live_set *next);
/* Free the sets that nobody holds. */
void ft_live_over_free(ft_registry *r);
/* live_follow.c: models that were started and did not come to answer. */
void ft_live_starting_free(ft_registry *r);

#endif
