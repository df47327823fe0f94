/* live.h -- the endpoints that answer now: models in memory, as one immutable set that is replaced
 * as a whole.
 *
 * One thread follows the database's rows (ft_live_follow): it loads what is new and publishes the
 * next set. A model that is another process (predictor.h) is started by it and joins a set when it
 * answers; what served until then goes on. Serving threads hold a set for as long as they like and
 * look whether a newer one is there by one atomic read. An update loses no request: a set that the
 * last one has let go is freed, with the models that only it has, at the next look at the rows. */
#ifndef FT_LIVE_H
#define FT_LIVE_H

#include <stdatomic.h>

#include "monitor/answer.h"
#include "serve/endpoint_in.h"

#define FT_LIVE_RECENT   1000 /* answers whose class is remembered */
#define FT_LIVE_NAME_MAX 64

/* What one endpoint did since the server began; lives as long as the server, whatever version
 * answers. */
typedef struct ft_meter {
    struct ft_meter *next;
    char name[FT_LIVE_NAME_MAX];
    atomic_uint_fast64_t requests, refused, captured,
        lost;                          /* lost: captures that could not be written */
    atomic_uint_fast64_t growing;      /* captured lines in segments that are not sealed yet */
    atomic_uint_fast64_t recent_count; /* classes put into `recent` so far */
    _Atomic int16_t recent[FT_LIVE_RECENT];
} ft_meter;

typedef struct ft_live_model { /* one loaded model, held by every set that has it */
    atomic_int holders;
    ft_model *model;
    ft_answers answers;
} ft_live_model;

typedef struct ft_live { /* a variant of an endpoint; most have one */
    ft_str name;
    size_t variants; /* the endpoint's items from this one on; 0: not its first */
    double weight;   /* this variant's, of the sum of all */
    int version, capture_percent;
    ft_capture_opts capture; /* its variant is never empty */
    ft_str model_sha256;
    ft_live_model *held;
    ft_meter *meter;
    struct ft_taps *taps; /* of its first variant; NULL: no tensors are kept */
} ft_live;

typedef struct ft_live_set {
    atomic_int holders;
    struct ft_registry *registry;
    struct ft_live_set *next_over; /* of those that nobody holds */
    ft_arena arena;                /* the set's texts and items */
    ft_live *items;                /* by name in byte order, variants in their own order */
    size_t count;
} ft_live_set;

typedef struct ft_registry ft_registry;
/* `home`: for models that are programs (the store's). */
ft_err ft_registry_new(ft_registry **out, const char *home);
void ft_registry_free(ft_registry *r); /* when every set is let go; fine on NULL */

/* Look at the database of `s`; load, publish and tell the rows when something changed; free the
 * sets that nobody holds any more, which may wait for the last tensors of taps to be written. One
 * thread. A model that cannot be loaded is noted in its row and logged, and is no failure of this
 * call. */
ft_err ft_live_follow(ft_registry *r, ft_store *s);

ft_live_set *ft_live_hold(ft_registry *r); /* never NULL: at first a set of none */
void ft_live_release(ft_live_set *set);    /* never waits, frees nothing; fine on NULL */
bool ft_live_is_current(ft_registry *r, const ft_live_set *set);
/* Its first variant; NULL when the endpoint does not answer here. */
const ft_live *ft_live_find(const ft_live_set *set, ft_str name);
/* The variant of that name, NULL when there is none. */
const ft_live *ft_live_variant(const ft_live *first, ft_str variant);
/* The same version and variant in this set, NULL when it is there no more. */
const ft_live *ft_live_same(const ft_live_set *set, const ft_live *old);
/* One of the variants by their weights; `chance` in [0, 1). */
const ft_live *ft_live_choose(const ft_live *first, double chance);
/* Remember an answer's class. Any thread. */
void ft_meter_class(ft_meter *m, int class);

#endif
