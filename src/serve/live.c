/* live.c -- the sets of endpoints that answer, and who holds them; live_follow.c makes the next one.
 * See live.h. The lock is taken only when a set is replaced or changes hands. */
#include "serve/live_in.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "serve/taps.h"

/* ---- models */

void ft_live_model_release(ft_live_model *held) {
    if (!held || atomic_fetch_sub(&held->holders, 1) != 1) return;
    held->model->predictor->free(held->model);
    free(held);
}

/* ---- meters */

ft_err ft_live_meter(ft_meter **out, ft_registry *r, ft_str name) {
    pthread_mutex_lock(&r->lock);
    ft_meter *m = r->meters;
    while (m && !ft_str_is(name, m->name)) m = m->next;
    if (!m && name.len < FT_LIVE_NAME_MAX && !ft_fault_here() && (m = calloc(1, sizeof *m))) {
        memcpy(m->name, name.at, name.len);
        m->next = r->meters;
        r->meters = m;
    }
    pthread_mutex_unlock(&r->lock);
    *out = m;
    return m ? FT_OK : FT_FAIL(FT_ENOMEM, "no memory for endpoint '%.*s'", FT_STR_ARG(name));
}

void ft_meter_class(ft_meter *m, int class) {
    if (class < 0 || class > INT16_MAX) return;
    uint64_t at = atomic_fetch_add_explicit(&m->recent_count, 1, memory_order_relaxed);
    atomic_store_explicit(&m->recent[at % FT_LIVE_RECENT], (int16_t) class, memory_order_relaxed);
}

/* ---- sets */

ft_err ft_live_set_new(ft_live_set **out, ft_registry *r, size_t capacity) {
    ft_live_set *set = ft_fault_here() ? NULL : calloc(1, sizeof *set);
    if (!set) return FT_FAIL(FT_ENOMEM, "no memory for the endpoints");
    set->registry = r;
    atomic_store(&set->holders, 1);
    ft_err err = ft_arena_items(&set->items, &set->arena, capacity + 1);
    if (err)
        free(set);
    else
        *out = set;
    return err;
}

static void set_free(ft_live_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        ft_taps_release(set->items[i].taps);
        ft_live_model_release(set->items[i].held);
    }
    ft_arena_fini(&set->arena);
    free(set);
}

/* Taps end with a thread that runs only where nothing else would, and a model may take long to be
 * freed: whoever answers requests waits for neither. */
void ft_live_release(ft_live_set *set) {
    if (!set || atomic_fetch_sub(&set->holders, 1) != 1) return;
    set->next_over = atomic_load(&set->registry->over);
    while (!atomic_compare_exchange_weak(&set->registry->over, &set->next_over, set)) continue;
}

void ft_live_over_free(ft_registry *r) {
    ft_live_set *set = atomic_exchange(&r->over, NULL);
    for (ft_live_set *next; set; set = next) {
        next = set->next_over;
        set_free(set);
    }
}

ft_live_set *ft_live_hold(ft_registry *r) {
    pthread_mutex_lock(&r->lock);
    ft_live_set *set = atomic_load(&r->current);
    atomic_fetch_add(&set->holders, 1);
    pthread_mutex_unlock(&r->lock);
    return set;
}

bool ft_live_is_current(ft_registry *r, const ft_live_set *set) {
    return atomic_load_explicit(&r->current, memory_order_acquire) == set;
}

const ft_live *ft_live_variant(const ft_live *first, ft_str variant) {
    for (size_t i = 0; i < first->variants; i++) {
        if (ft_str_eq(first[i].capture.variant, variant)) return &first[i];
    }
    return NULL;
}

const ft_live *ft_live_same(const ft_live_set *set, const ft_live *old) {
    const ft_live *now = ft_live_find(set, old->name);
    if (now) now = ft_live_variant(now, old->capture.variant);
    return now && now->version == old->version ? now : NULL;
}

const ft_live *ft_live_choose(const ft_live *first, double chance) {
    double sum = 0, below = 0;
    if (first->variants == 1) return first;
    for (size_t i = 0; i < first->variants; i++) sum += first[i].weight;
    for (size_t i = 0; i < first->variants; i++) {
        below += first[i].weight;
        if (chance * sum < below) return &first[i];
    }
    return first; /* all weigh nothing */
}

const ft_live *ft_live_find(const ft_live_set *set, ft_str name) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = ft_str_cmp(name, set->items[middle].name);
        if (order == 0) {
            while (!set->items[middle].variants) middle--;
            return &set->items[middle];
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Inlined, gcc 12 with -fsanitize=undefined sees r as NULL and refuses the stores. */
__attribute__((noinline)) void ft_live_publish(ft_registry *r, ft_live_set *next) {
    pthread_mutex_lock(&r->lock);
    ft_live_set *before = atomic_exchange(&r->current, next);
    pthread_mutex_unlock(&r->lock);
    ft_live_release(before);
}

/* ---- the registry */

ft_err ft_registry_new(ft_registry **out, const char *home) {
    ft_live_set *none;
    ft_registry *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for the endpoints");
    ft_err err = ft_live_set_new(&none, r, 0);
    if (err) {
        free(r);
        return err;
    }
    pthread_mutex_init(&r->lock, NULL);
    r->home = home;
    atomic_store(&r->current, none);
    *out = r;
    return FT_OK;
}

void ft_registry_free(ft_registry *r) {
    if (!r) return;
    ft_live_release(atomic_load(&r->current));
    ft_live_over_free(r);
    ft_live_starting_free(r);
    while (r->meters) {
        ft_meter *m = r->meters;
        r->meters = m->next;
        free(m);
    }
    pthread_mutex_destroy(&r->lock);
    free(r);
}
