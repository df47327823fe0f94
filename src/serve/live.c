/* live.c -- see live.h. The lock is taken only when a set is replaced or changes hands. */
#include "serve/live.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"

struct ft_registry {
    pthread_mutex_t lock; /* the current set's holders, and the list of meters */
    _Atomic(ft_live_set *) current;
    ft_meter *meters;
    bool began;   /* the rows were read once */
    bool again;   /* the last look failed on the way */
    int64_t seen; /* version of the database at the last look */
};

/* ---- models */

static void model_release(ft_live_model *held) {
    if (!held || atomic_fetch_sub(&held->holders, 1) != 1) return;
    held->model->predictor->free(held->model);
    free(held);
}

static ft_err model_load(ft_live_model **out, ft_store *s, ft_str uri) {
    ft_live_model *held = ft_fault_here() ? NULL : calloc(1, sizeof *held);
    if (!held) return FT_FAIL(FT_ENOMEM, "no memory for a model");
    ft_err err = ft_endpoint_load(&held->model, s, uri);
    if (err) {
        free(held);
        return err;
    }
    held->answers = ft_answers_of(held->model);
    atomic_store(&held->holders, 1);
    *out = held;
    return FT_OK;
}

/* ---- meters */

static ft_err meter_of(ft_meter **out, ft_registry *r, ft_str name) {
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

static ft_err set_new(ft_live_set **out, size_t capacity) {
    ft_live_set *set = ft_fault_here() ? NULL : calloc(1, sizeof *set);
    if (!set) return FT_FAIL(FT_ENOMEM, "no memory for the endpoints");
    atomic_store(&set->holders, 1);
    ft_err err = ft_arena_items(&set->items, &set->arena, capacity + 1);
    if (err)
        free(set);
    else
        *out = set;
    return err;
}

void ft_live_release(ft_live_set *set) {
    if (!set || atomic_fetch_sub(&set->holders, 1) != 1) return;
    for (size_t i = 0; i < set->count; i++) model_release(set->items[i].held);
    ft_arena_fini(&set->arena);
    free(set);
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

const ft_live *ft_live_find(const ft_live_set *set, ft_str name) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = ft_str_cmp(name, set->items[middle].name);
        if (order == 0) return &set->items[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static void publish(ft_registry *r, ft_live_set *next) {
    pthread_mutex_lock(&r->lock);
    ft_live_set *before = atomic_exchange(&r->current, next);
    pthread_mutex_unlock(&r->lock);
    ft_live_release(before);
}

/* The next item of a set in the making; `held` is taken over, also on failure. */
static ft_err set_add(ft_live_set *set, ft_registry *r, const ft_endpoint *ep,
                      ft_live_model *held) {
    ft_live *item = &set->items[set->count];
    ft_err err;
    *item = (ft_live){ .version = ep->version, .capture_percent = ep->capture_percent };
    FT_GOTO(err, ft_arena_str(&item->name, &set->arena, ep->name));
    item->capture = ep->capture;
    ft_str *texts[] = { &item->capture.uri, &item->capture.variant, &item->capture.csv_types,
                        &item->capture.json_types };
    for (size_t i = 0; i < FT_COUNT(texts); i++)
        FT_GOTO(err, ft_arena_str(texts[i], &set->arena, *texts[i]));
    FT_GOTO(err, ft_arena_str(&item->model_sha256, &set->arena, ep->model_sha256));
    FT_GOTO(err, meter_of(&item->meter, r, ep->name));
    item->held = held;
    set->count++;
    return FT_OK;
done:
    model_release(held);
    return err;
}

/* ---- following the rows */

typedef struct follow {
    ft_registry *r;
    ft_store *s;
    ft_arena arena;
    const ft_live_set *before;
    ft_live_set *next;
} follow;

static ft_err add_loaded(follow *f, const ft_endpoint *ep) {
    const ft_live *old = ft_live_find(f->before, ep->name);
    ft_live_model *held = NULL;
    if (old && ft_str_eq(old->model_sha256, ep->model_sha256)) {
        held = old->held;
        atomic_fetch_add(&held->holders, 1);
    } else {
        FT_TRY(model_load(&held, f->s, ep->model_uri));
    }
    return set_add(f->next, f->r, ep, held);
}

static ft_err add_version(follow *f, ft_str name, int version) {
    ft_endpoint ep;
    FT_TRY(ft_endpoint_version(&ep, f->s, &f->arena, name, version));
    return add_loaded(f, &ep);
}

/* What was asked for cannot be had: say so in the row, and go on with what served. */
static ft_err add_instead(follow *f, const ft_endpoint *row) {
    const ft_live *old = ft_live_find(f->before, row->name);
    int version = old ? old->version : row->serving;
    ft_str reason;
    ft_log(FT_LOG_WARN, "serve", "endpoint %.*s version %d: %s", FT_STR_ARG(row->name),
           row->version, ft_err_why());
    FT_TRY(ft_arena_printf(&reason, &f->arena, "version %d could not be loaded: %s", row->version,
                           ft_err_why()));
    ft_err_clear();
    FT_TRY(ft_endpoint_load_failed(f->s, row->name, row->version, reason));
    if (!version || version == row->version) return FT_OK;
    ft_err err = add_version(f, row->name, version);
    if (err == FT_ENOMEM) return err;
    if (err) ft_log_err(FT_LOG_WARN, "serve", err, "the version before"), ft_err_clear();
    return FT_OK;
}

static ft_err add_row(follow *f, const ft_endpoint *row) {
    if (ft_str_is(row->status, "Failed") && f->r->began)
        return FT_OK; /* until it is deployed again */
    ft_err err = add_loaded(f, row);
    bool later = err == FT_ENOMEM || err == FT_EBUSY; /* nothing wrong with the model */
    return err == FT_OK || later ? err : add_instead(f, row);
}

static bool set_equal(const ft_live_set *a, const ft_live_set *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].version != b->items[i].version || a->items[i].held != b->items[i].held ||
            !ft_str_eq(a->items[i].name, b->items[i].name))
            return false;
    return true;
}

/* Rows that say something else than what is so now. */
static ft_err tell_rows(follow *f, const ft_endpoint *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const ft_live *live = ft_live_find(f->next, rows[i].name);
        if (!live || live->version != rows[i].version) continue;
        if (rows[i].serving == live->version && ft_str_is(rows[i].status, "InService")) continue;
        FT_TRY(ft_endpoint_now_serving(f->s, rows[i].name, live->version));
        ft_log(FT_LOG_INFO, "serve", "endpoint %.*s version %d is in service",
               FT_STR_ARG(rows[i].name), live->version);
    }
    return FT_OK;
}

static ft_err follow_rows(follow *f) {
    ft_endpoint *rows;
    size_t count;
    ft_err err;
    FT_TRY(ft_endpoint_list(&rows, &count, f->s, &f->arena));
    FT_TRY(set_new(&f->next, count));
    for (size_t i = 0; i < count; i++) FT_GOTO(err, add_row(f, &rows[i]));
    f->r->began = true;
    if (set_equal(f->before, f->next)) {
        err = tell_rows(f, rows, count);
        goto done;
    }
    atomic_fetch_add(&f->next->holders, 1);
    publish(f->r, f->next);
    err = tell_rows(f, rows, count);
done:
    ft_live_release(f->next);
    return err;
}

ft_err ft_live_follow(ft_registry *r, ft_store *s) {
    int64_t version;
    FT_TRY(ft_db_version(&version, ft_store_db(s)));
    if (r->began && !r->again && version == r->seen) return FT_OK;
    ft_live_set *before = ft_live_hold(r);
    follow f = { .r = r, .s = s, .before = before };
    ft_err err = follow_rows(&f);
    ft_live_release(before);
    ft_arena_fini(&f.arena);
    r->again = err != FT_OK;
    r->seen = version; /* what was committed meanwhile is seen next time */
    return err;
}

ft_err ft_registry_new(ft_registry **out) {
    ft_live_set *none;
    ft_registry *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for the endpoints");
    ft_err err = set_new(&none, 0);
    if (err) {
        free(r);
        return err;
    }
    pthread_mutex_init(&r->lock, NULL);
    atomic_store(&r->current, none);
    *out = r;
    return FT_OK;
}

void ft_registry_free(ft_registry *r) {
    if (!r) return;
    ft_live_release(atomic_load(&r->current));
    while (r->meters) {
        ft_meter *m = r->meters;
        r->meters = m->next;
        free(m);
    }
    pthread_mutex_destroy(&r->lock);
    free(r);
}
