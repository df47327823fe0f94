/* live_follow.c -- from the database's rows to the next set of endpoints: what is new is loaded, what
 * is a process of its own is waited for, what cannot be had is told in its row. See live.h. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "serve/live_in.h"
#include "serve/taps.h"

/* A model that was started and does not answer yet. */
typedef struct ft_starting {
    struct ft_starting *next;
    ft_live_model *held;
    bool wanted; /* by the present look */
    ft_str endpoint, variant, sha256;
    ft_arena arena;
} starting;

/* One variant of an endpoint. The texts are the row's. */
typedef struct variant {
    ft_str name, model_uri, model_sha256;
    double weight;
    ft_live_model *held; /* taken over by the set */
} variant;

static void model_let_go(void *held) { ft_live_model_release(held); }

/* The taps of a version go on from set to set. Without them the endpoint answers all the same. */
static ft_taps *taps_of(const ft_registry *r, const ft_live *old, const ft_endpoint *ep,
                        ft_live_model *held) {
    ft_taps *t;
    if (old && old->version == ep->version && old->taps) return ft_taps_hold(old->taps);
    if (!ep->tap_regex.len) return NULL;
    if (held->model->predictor->ask) {
        ft_log(FT_LOG_WARN, "serve", "%.*s: a model that is a program shows no tensors",
               FT_STR_ARG(ep->name));
        return NULL;
    }
    atomic_fetch_add(&held->holders, 1);
    ft_err err = ft_taps_new(
        &t, r->home, ep,
        &(ft_taps_model){ .model = held->model, .held = held, .release = model_let_go });
    if (err == FT_OK) return t;
    ft_log_err(FT_LOG_WARN, "serve", err, "taps");
    ft_err_clear();
    return NULL;
}

/* The next item of a set in the making; `v->held` is taken over, also on failure. */
static ft_err set_add(ft_live_set *set, ft_registry *r, const ft_live_set *before,
                      const ft_endpoint *ep, variant *v, size_t variants) {
    ft_live *item = &set->items[set->count];
    ft_err err;
    *item = (ft_live){ .version = ep->version,
                       .capture_percent = ep->capture_percent,
                       .variants = variants,
                       .weight = v->weight,
                       .capture = ep->capture };
    item->capture.variant = v->name;
    FT_GOTO(err, ft_arena_str(&item->name, &set->arena, ep->name));
    ft_str *texts[] = { &item->capture.uri, &item->capture.variant, &item->capture.csv_types,
                        &item->capture.json_types };
    for (size_t i = 0; i < FT_COUNT(texts); i++)
        FT_GOTO(err, ft_arena_str(texts[i], &set->arena, *texts[i]));
    FT_GOTO(err, ft_arena_str(&item->model_sha256, &set->arena, v->model_sha256));
    FT_GOTO(err, ft_live_meter(&item->meter, r, ep->name));
    item->held = v->held;
    v->held = NULL;
    set->count++;
    if (variants) item->taps = taps_of(r, ft_live_find(before, ep->name), ep, item->held);
    return FT_OK;
done:
    ft_live_model_release(v->held);
    v->held = NULL;
    return err;
}

/* ---- models that start */

static ft_err model_load(ft_live_model **out, ft_store *s, ft_str uri, ft_str sha256) {
    FT_TRY(ft_endpoint_unchanged(uri, sha256));
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

static void starting_free(starting *x) {
    ft_live_model_release(x->held);
    ft_arena_fini(&x->arena);
    free(x);
}

static starting *starting_find(ft_registry *r, ft_str endpoint, const variant *v) {
    for (starting *x = r->starting; x; x = x->next)
        if (ft_str_eq(x->endpoint, endpoint) && ft_str_eq(x->variant, v->name) &&
            ft_str_eq(x->sha256, v->model_sha256))
            return x;
    return NULL;
}

static void starting_remove(ft_registry *r, starting *x) {
    starting **at = &r->starting;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    starting_free(x);
}

static ft_err starting_add(starting **out, ft_registry *r, ft_store *s, const ft_endpoint *ep,
                           const variant *v) {
    ft_err err;
    starting *x = ft_fault_here() ? NULL : calloc(1, sizeof *x);
    if (!x) return FT_FAIL(FT_ENOMEM, "no memory for a model");
    FT_GOTO(err, ft_arena_str(&x->endpoint, &x->arena, ep->name));
    FT_GOTO(err, ft_arena_str(&x->variant, &x->arena, v->name));
    FT_GOTO(err, ft_arena_str(&x->sha256, &x->arena, v->model_sha256));
    FT_GOTO(err, model_load(&x->held, s, v->model_uri, v->model_sha256));
    ft_model *m = x->held->model;
    if (m->predictor->start)
        FT_GOTO(err, m->predictor->start(m, &(ft_serving){ .home = r->home,
                                                           .endpoint = ep->name,
                                                           .variant = v->name,
                                                           .version = ep->version }));
    x->next = r->starting;
    r->starting = *out = x;
done:
    if (err != FT_OK) starting_free(x);
    return err;
}

void ft_live_starting_free(ft_registry *r) {
    while (r->starting) starting_remove(r, r->starting);
}

/* Those that nobody asks for any more. */
static void starting_sweep(ft_registry *r) {
    for (starting *x = r->starting, *next; x; x = next) {
        next = x->next;
        if (!x->wanted)
            starting_remove(r, x);
        else
            x->wanted = false;
    }
}

/* ---- following the rows */

typedef struct follow {
    ft_registry *r;
    ft_store *s;
    ft_arena arena;
    const ft_live_set *before;
    ft_live_set *next;
    bool waiting; /* something is not ready yet */
} follow;

static ft_err is_ready(const ft_live_model *held) {
    const ft_predictor *p = held->model->predictor;
    return p->ready ? p->ready(held->model) : FT_OK;
}

/* Its model, ready. FT_EBUSY without a trail: it will be, and `v->held` is NULL. */
static ft_err variant_hold(variant *v, follow *f, const ft_endpoint *ep) {
    const ft_live *old = ft_live_find(f->before, ep->name);
    if (old) old = ft_live_variant(old, v->name);
    if (old && ft_str_eq(old->model_sha256, v->model_sha256)) {
        ft_err err = is_ready(old->held);
        f->waiting |= err == FT_EBUSY; /* it serves since this server began: look again */
        if (err != FT_OK && err != FT_EBUSY) return err;
        v->held = old->held;
        atomic_fetch_add(&v->held->holders, 1);
        return FT_OK;
    }
    starting *x = starting_find(f->r, ep->name, v);
    if (!x) FT_TRY(starting_add(&x, f->r, f->s, ep, v));
    x->wanted = true;
    ft_err err = is_ready(x->held);
    f->waiting |= err == FT_EBUSY;
    /* What was in service before this server began is so again at once: requests wait. */
    if (err == FT_EBUSY && (f->r->began || ep->serving != ep->version)) return FT_EBUSY;
    v->held = x->held;
    atomic_fetch_add(&v->held->holders, 1);
    if (err != FT_OK && err != FT_EBUSY)
        ft_live_model_release(v->held), v->held = NULL;
    else if (err == FT_EBUSY)
        err = FT_OK;
    return err;
}

/* Ready ones need not be remembered as starting: the set has them. */
static void started(follow *f, const ft_endpoint *ep, const variant *v) {
    starting *x = starting_find(f->r, ep->name, v);
    if (x) starting_remove(f->r, x);
}

static ft_err variants_of(variant **out, size_t *count, follow *f, const ft_endpoint *ep) {
    *count = 1 + ep->more_count;
    FT_TRY(ft_arena_items(out, &f->arena, *count));
    ft_str name = ep->capture.variant.len ? ep->capture.variant : FT_STR(FT_CAPTURE_VARIANT);
    (*out)[0] = (variant){ .name = name,
                           .model_uri = ep->model_uri,
                           .model_sha256 = ep->model_sha256,
                           .weight = ep->weight };
    for (size_t i = 0; i < ep->more_count; i++)
        (*out)[i + 1] = (variant){ .name = ep->more[i].name,
                                   .model_uri = ep->more[i].model_uri,
                                   .model_sha256 = ep->more[i].model_sha256,
                                   .weight = ep->more[i].weight };
    return FT_OK;
}

/* All variants of a version or none. */
static ft_err add_loaded(follow *f, const ft_endpoint *ep) {
    variant *list;
    size_t count, i;
    ft_err err = FT_OK;
    FT_TRY(variants_of(&list, &count, f, ep));
    for (i = 0; i < count; i++) { /* all of them, so that they start together */
        ft_err one = variant_hold(&list[i], f, ep);
        if (one != FT_OK && (err == FT_OK || err == FT_EBUSY)) err = one;
    }
    for (i = 0; i < count && err == FT_OK; i++) {
        started(f, ep, &list[i]);
        err = set_add(f->next, f->r, f->before, ep, &list[i], i == 0 ? count : 0);
    }
    for (i = 0; i < count; i++) ft_live_model_release(list[i].held);
    return err;
}

/* What served goes on. */
static ft_err add_before(follow *f, ft_str name) {
    const ft_live *old = ft_live_find(f->before, name);
    ft_err err = FT_OK;
    for (size_t i = 0; old && i < old->variants && err == FT_OK; i++) {
        ft_endpoint ep = { .name = old[i].name,
                           .version = old[i].version,
                           .capture_percent = old[i].capture_percent,
                           .capture = old[i].capture };
        variant v = { .name = old[i].capture.variant,
                      .model_sha256 = old[i].model_sha256,
                      .weight = old[i].weight,
                      .held = old[i].held };
        atomic_fetch_add(&v.held->holders, 1);
        err = set_add(f->next, f->r, f->before, &ep, &v, old[i].variants);
    }
    return err;
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
    if (old) return add_before(f, row->name);
    ft_err err = add_version(f, row->name, version);
    if (err == FT_ENOMEM) return err;
    if (err) ft_log_err(FT_LOG_WARN, "serve", err, "the version before"), ft_err_clear();
    return FT_OK;
}

static ft_err add_row(follow *f, const ft_endpoint *row) {
    if (ft_str_is(row->status, "Failed") && f->r->began)
        return FT_OK; /* until it is deployed again */
    bool waited = f->waiting;
    f->waiting = false;
    ft_err err = add_loaded(f, row);
    bool starts = f->waiting;
    f->waiting |= waited;
    if (err == FT_EBUSY && starts) return add_before(f, row->name);
    bool later = err == FT_ENOMEM || err == FT_EBUSY; /* nothing wrong with the model */
    return err == FT_OK || later ? err : add_instead(f, row);
}

static bool set_equal(const ft_live_set *a, const ft_live_set *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].version != b->items[i].version || a->items[i].held != b->items[i].held ||
            !ft_str_eq(a->items[i].name, b->items[i].name) ||
            a->items[i].weight != b->items[i].weight)
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
    size_t count, room = 0;
    ft_err err;
    FT_TRY(ft_endpoint_list(&rows, &count, f->s, &f->arena));
    for (size_t i = 0; i < count; i++) room += 1 + rows[i].more_count;
    /* What served before a row's version may have had more. */
    FT_TRY(ft_live_set_new(&f->next, f->r, room + f->before->count));
    for (size_t i = 0; i < count; i++) FT_GOTO(err, add_row(f, &rows[i]));
    f->r->began = true;
    starting_sweep(f->r);
    if (set_equal(f->before, f->next)) {
        err = tell_rows(f, rows, count);
        goto done;
    }
    atomic_fetch_add(&f->next->holders, 1);
    ft_live_publish(f->r, f->next);
    err = tell_rows(f, rows, count);
done:
    ft_live_release(f->next);
    return err;
}

ft_err ft_live_follow(ft_registry *r, ft_store *s) {
    int64_t version;
    ft_live_over_free(r);
    FT_TRY(ft_db_version(&version, ft_store_db(s)));
    if (r->began && !r->again && version == r->seen) return FT_OK;
    ft_live_set *before = ft_live_hold(r);
    follow f = { .r = r, .s = s, .before = before };
    ft_err err = follow_rows(&f);
    ft_live_release(before);
    ft_live_over_free(r);
    ft_arena_fini(&f.arena);
    r->again = err != FT_OK || f.waiting;
    r->seen = version; /* what was committed meanwhile is seen next time */
    return err;
}
