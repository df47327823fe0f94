/* loader_claim.c -- which samples are read next, and into which place of which batch. The order of
 * claims is the order of the epoch; who claims does not matter. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/loader_in.h"

/* ---- samples that outlive their reader's next call */
static ft_err grow(ft_kept *k, size_t bytes) {
    if (k->capacity >= bytes) return FT_OK;
    free(k->bytes);
    k->capacity = 0;
    k->bytes = ft_fault_here() ? NULL : aligned_alloc(64, bytes);
    if (!k->bytes) return FT_FAIL(FT_ENOMEM, "out of memory for a record of %zu bytes", bytes);
    k->capacity = bytes;
    return FT_OK;
}

ft_err ft_kept_take(ft_kept *k, const ft_sample *s) {
    size_t total = 0, at = 0;
    if (!k->values) {
        k->values = ft_fault_here() ? NULL : calloc(s->value_count, sizeof *k->values);
        if (!k->values) return FT_FAIL(FT_ENOMEM, "out of memory for a record");
    }
    for (size_t i = 0; i < s->value_count; i++)
        if (s->values[i].data) total += (ft_array_bytes(&s->values[i]) + 63) & ~(size_t)63;
    FT_TRY(grow(k, total < 4096 ? 4096 : (total + 4095) / 4096 * 4096));
    k->sample = *s;
    k->sample.values = k->values;
    for (size_t i = 0; i < s->value_count; i++) {
        size_t bytes = s->values[i].data ? ft_array_bytes(&s->values[i]) : 0;
        k->values[i] = s->values[i];
        if (!k->values[i].data) continue;
        if (bytes) memcpy(k->bytes + at, s->values[i].data, bytes);
        k->values[i].data = k->bytes + at;
        at += (bytes + 63) & ~(size_t)63;
    }
    return FT_OK;
}

void ft_kept_fini(ft_kept *k) {
    free(k->values);
    free(k->bytes);
    *k = (ft_kept){ 0 };
}

/* ---- shares */
static uint64_t world(const ft_loader *l) { return l->spec.world; }

/* The global position of a sample of this rank. */
static uint64_t position_of(const ft_loader *l, uint64_t step, size_t i) {
    return l->base + (step * l->spec.batch + i) * world(l) + l->spec.rank;
}

size_t ft_claim_want(const ft_loader *l, uint64_t step) {
    uint64_t first = position_of(l, step, 0), count = l->feed.count;
    if (l->stream) return l->spec.batch;
    if (l->spec.drop_last && l->base + (step + 1) * l->spec.batch * world(l) > count) return 0;
    if (first >= count) return 0;
    uint64_t mine = (count - first + world(l) - 1) / world(l);
    return mine < l->spec.batch ? (size_t)mine : l->spec.batch;
}

/* ---- beginning and end of a run through an epoch */
static ft_err skip_stream(ft_loader *l, uint64_t positions);

static ft_err start_stream(ft_loader *l, uint64_t position) {
    uint64_t key = ft_order_key(l->spec.seed, l->spec.epoch, 0x736861726473);
    l->stream_end = false;
    l->stream_position = l->stream_number = 0;
    FT_TRY(l->feed.start(l->stream_reader, l->spec.shuffle == FT_SHUFFLE_WINDOW ? key : 0));
    return skip_stream(l, position);
}

ft_err ft_claim_start(ft_loader *l, uint64_t position) {
    ft_claim_end(l);
    l->base = l->delivered = position;
    l->next_step = l->deliver_step = 0;
    l->filling = NULL;
    l->ended = l->stream_busy = false;
    l->given = l->bad = 0;
    FT_TRY(ft_epoch_order_init(&l->order, l->spec.shuffle, l->spec.window,
                               l->stream ? 0 : l->feed.count, l->spec.seed, l->spec.epoch));
    if (l->stream) return start_stream(l, position);
    uint64_t last = l->feed.count + (uint64_t)l->spec.batch * (uint64_t)l->spec.world;
    if (position > last)
        return FT_FAIL(FT_EINVAL, "position %llu of an epoch of %llu samples",
                       (unsigned long long)position, (unsigned long long)l->feed.count);
    ft_epoch_order_skip(&l->order, position);
    return FT_OK;
}

void ft_claim_end(ft_loader *l) { ft_epoch_order_fini(&l->order); }

/* ---- a stream */

/* The next record of the stream into `k`; a bad one is kept as bad, at its place. FT_ENOTFOUND: the
 * end. Another failure: nothing can be read any more. */
static ft_err read_next(ft_loader *l, ft_kept *k) {
    ft_sample s;
    bool can_go_on = false;
    ft_err err = l->feed.next(&s, l->stream_reader, &can_go_on);
    k->err = FT_OK;
    if (!err)
        err = ft_kept_take(k, &s);
    else if (err != FT_ENOTFOUND && can_go_on) {
        k->err = err;
        k->sample = (ft_sample){ 0 };
        snprintf(k->why, sizeof k->why, "%s", ft_err_why());
        ft_err_clear();
        return FT_OK;
    }
    return err;
}

static void swap(ft_kept *a, ft_kept *b) {
    ft_kept keep = *a;
    *a = *b;
    *b = keep;
}

static ft_err fill_window(ft_loader *l) {
    ft_order_window *w = &l->order.window;
    while (!l->stream_end && w->filled < w->size) {
        ft_err err = read_next(l, &l->window[w->filled]);
        if (err == FT_ENOTFOUND)
            l->stream_end = true;
        else if (err)
            return err;
        else
            ft_window_fill(w, l->stream_number++);
    }
    return FT_OK;
}

/* The sample at the next global position of the stream. FT_ENOTFOUND at the end. */
static ft_err draw(ft_loader *l, ft_kept *k) {
    size_t slot;
    if (l->spec.shuffle != FT_SHUFFLE_WINDOW) {
        if (l->stream_end) return FT_ENOTFOUND;
        ft_err err = read_next(l, k);
        l->stream_end = err != FT_OK;
        l->stream_position += !err;
        return err;
    }
    FT_TRY(fill_window(l));
    if (!l->order.window.filled) return FT_ENOTFOUND;
    ft_window_draw(&l->order.window, &slot);
    swap(k, &l->window[slot]);
    if (slot != l->order.window.filled) swap(&l->window[slot], &l->window[l->order.window.filled]);
    l->stream_position++;
    return FT_OK;
}

static ft_err skip_stream(ft_loader *l, uint64_t positions) {
    ft_kept skipped = { 0 };
    ft_err err = FT_OK;
    while (positions-- && !err) err = draw(l, &skipped);
    ft_kept_fini(&skipped);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

ft_err ft_claim_read(ft_loader *l, ft_worker *w) {
    uint64_t position = position_of(l, w->slot->step, w->at);
    while (l->stream_position <= position) { /* those between belong to other ranks */
        ft_err err = draw(l, &w->kept);
        if (err) return err;
    }
    if (!l->spec.drop_last || w->at + 1 < l->spec.batch) return FT_OK;
    /* Is the step whole for every rank? The rest of it belongs to the others. */
    ft_kept other = { 0 };
    ft_err err = FT_OK;
    for (uint64_t i = l->spec.rank + 1; i < world(l) && !err; i++) err = draw(l, &other);
    ft_kept_fini(&other);
    return err;
}

/* ---- claims */

static uint64_t so_far(const atomic_uint_fast64_t *ns) {
    return atomic_load_explicit(ns, memory_order_relaxed);
}

/* Nobody runs ahead of the very first batch as long as it occupies all: who waits for it gets the
 * core of the first who is done (a woken thread may wait 3 ms for one that others have). Unless
 * samples are waited for, which takes no core. */
static bool first_comes_first(const ft_loader *l, const ft_worker *w) {
    const ft_slot *s = l->flight[0];
    return !l->first_ns && l->next_step == 1 && !l->deliver_step && !s->ready &&
           s->want >= (size_t)l->active &&
           so_far(&w->meter.read_wait) <= so_far(&w->meter.decode) + so_far(&w->meter.transform);
}

static bool begin_slot(ft_loader *l, const ft_worker *w) {
    size_t want;
    if (first_comes_first(l, w)) return false;
    if (l->ended || l->next_step - l->deliver_step >= (uint64_t)l->prefetch) return false;
    want = ft_claim_want(l, l->next_step);
    if (!want) {
        l->ended = true;
        pthread_cond_broadcast(&l->ring->ready);
        return false;
    }
    ft_slot *s = ft_ring_take(l->ring);
    if (!s) {
        pthread_cond_broadcast(&l->ring->ready); /* the consumer looks whether anything can move */
        return false;
    }
    s->step = l->next_step;
    s->want = s->left = want;
    s->ready = s->discard = false;
    s->err = FT_OK;
    memset(s->codes, 0, l->spec.batch);
    l->filling = s;
    l->filled = 0;
    l->flight[s->step % FT_LOADER_SLOTS_MAX] = s;
    l->next_step++;
    return true;
}

static size_t chunk(const ft_loader *l, const ft_worker *w) {
    size_t rest = l->filling->want - l->filled;
    size_t n = w->stride > 1 ? w->stride / 2 : 1; /* cheap samples are claimed by the handful */
    size_t share = l->filling->want / (size_t)(2 * (l->active > 0 ? l->active : 1));
    if (n > share) n = share ? share : 1;
    if (n > FT_CHUNK_MAX) n = FT_CHUNK_MAX;
    return n < rest ? n : rest;
}

bool ft_claim(ft_loader *l, ft_worker *w) {
    if (l->stream && (l->stream_busy || l->ended)) return false;
    if (!l->filling && !begin_slot(l, w)) return false;
    w->slot = l->filling;
    w->at = l->filled;
    w->count = l->stream ? 1 : chunk(l, w);
    for (size_t i = 0; i < w->count && !l->stream; i++) {
        uint64_t position = position_of(l, w->slot->step, w->at + i);
        ft_epoch_order_skip(&l->order, position - l->order.position);
        FT_CHECK(ft_epoch_order_next(&l->order, &w->numbers[i]));
    }
    l->filled += w->count;
    if (l->filled == l->filling->want) l->filling = NULL;
    l->stream_busy = l->stream;
    return true;
}
