/* loader.c -- opening, the next batch, epochs, the end. See loader.h. */
#include "data/loader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/pool.h"
#include "data/loader_in.h"

#define PREFETCH_FIRST 2

/* ---- opening */
static ft_err check_spec(const ft_loader_spec *s, const ft_feed *f) {
    bool stream = !f->random || f->count == FT_DATASET_UNKNOWN;
    if (s->batch > FT_LOADER_BATCH_MAX)
        return FT_FAIL(FT_EINVAL, "a batch of %zu samples: at most %zu", s->batch,
                       FT_LOADER_BATCH_MAX);
    if (s->rank >= s->world)
        return FT_FAIL(FT_EINVAL, "rank %u of a world of %u: expected 0 to %u", s->rank, s->world,
                       s->world - 1);
    if (s->workers < FT_LOADER_WORKERS_TUNED || s->workers > FT_LOADER_WORKERS_MAX)
        return FT_FAIL(FT_EINVAL, "%d workers: expected 0 to %d, or -1 for as many as pay",
                       s->workers, FT_LOADER_WORKERS_MAX);
    if (s->prefetch < 0 || s->prefetch >= FT_LOADER_SLOTS_MAX)
        return FT_FAIL(FT_EINVAL,
                       "prefetch of %d batches: expected 1 to %d, or 0 for as many as pay",
                       s->prefetch, FT_LOADER_SLOTS_MAX - 1);
    if (stream && s->shuffle == FT_SHUFFLE_FULL)
        return FT_FAIL(FT_EINVAL,
                       "these records can only be read in order: shuffle within a window "
                       "instead");
    if (s->workers_max < 0 || s->decode_threads < 0)
        return FT_FAIL(FT_EINVAL, "a negative number of threads");
    return FT_OK;
}

static ft_err copy_text(ft_str *text) {
    if (!text->len) {
        *text = (ft_str){ 0 };
        return FT_OK;
    }
    char *copy = ft_fault_here() ? NULL : malloc(text->len);
    if (!copy) {
        *text = (ft_str){ 0 };
        return FT_FAIL(FT_ENOMEM, "out of memory for a loader");
    }
    memcpy(copy, text->at, text->len);
    text->at = copy;
    return FT_OK;
}

static void set_defaults(ft_loader *l) {
    ft_loader_spec *s = &l->spec;
    int cores = ft_cpu_count();
    if (!s->batch) s->batch = 32;
    if (!s->world) s->world = 1;
    if (!s->window) s->window = 1024;
    if (!s->memory_bytes_max) s->memory_bytes_max = FT_LOADER_MEMORY;
    if (!s->decode_threads) s->decode_threads = cores;
    if (!s->workers_max) s->workers_max = cores * 4 > 8 ? cores * 4 : 8;
    if (s->workers_max > FT_LOADER_WORKERS_MAX) s->workers_max = FT_LOADER_WORKERS_MAX;
    l->worker_count = s->workers == FT_LOADER_WORKERS_TUNED ? s->workers_max : s->workers;
    l->decode_threads = s->decode_threads;
}

static ft_err open_stream(ft_loader *l) {
    l->stream = !l->feed.random || l->feed.count == FT_DATASET_UNKNOWN;
    if (!l->stream) return FT_OK;
    FT_TRY(l->feed.open(&l->stream_reader, l->feed.self, l->wanted, l->wanted_count));
    if (l->spec.shuffle != FT_SHUFFLE_WINDOW) return FT_OK;
    if (l->spec.window > FT_ORDER_WINDOW_MAX)
        return FT_FAIL(FT_ETOOBIG, "shuffle window of %zu records: at most %zu", l->spec.window,
                       FT_ORDER_WINDOW_MAX);
    l->window = ft_fault_here() ? NULL : calloc(l->spec.window, sizeof *l->window);
    if (!l->window) return FT_FAIL(FT_ENOMEM, "out of memory for a window");
    return FT_OK;
}

static ft_err open_workers(ft_loader *l) {
    int first = l->spec.workers;
    if (first == FT_LOADER_WORKERS_TUNED) {
        first = ft_cpu_count();
        if (first > l->worker_count) first = l->worker_count;
    }
    l->prefetch = l->spec.prefetch ? l->spec.prefetch : PREFETCH_FIRST;
    if ((size_t)l->prefetch > l->ring->slots_max - 1) l->prefetch = (int)l->ring->slots_max - 1;
    if (!l->worker_count) return ft_worker_init(&l->self, l, 0);
    l->workers = ft_fault_here() ? NULL : calloc((size_t)l->worker_count, sizeof *l->workers);
    if (!l->workers) return FT_FAIL(FT_ENOMEM, "out of memory for workers");
    pthread_mutex_lock(&l->ring->lock);
    ft_err err = ft_workers_set(l, first);
    pthread_mutex_unlock(&l->ring->lock);
    return err;
}

ft_err ft_loader_open(ft_loader **out, ft_feed *feed, const ft_loader_spec *spec) {
    ft_place places[FT_LOADER_FIELDS_MAX];
    size_t count;
    ft_err err = FT_OK;
    ft_loader *l = ft_fault_here() ? NULL : calloc(1, sizeof *l);
    *out = NULL;
    if (!l) {
        ft_feed_free(feed);
        return FT_FAIL(FT_ENOMEM, "out of memory for a loader");
    }
    l->opened_ns = l->tune.at_ns = ft_now_ns();
    pthread_cond_init(&l->gate, NULL);
    l->feed = *feed;
    l->spec = *spec;
    *feed = (ft_feed){ 0 };
    l->spec.fields = l->spec.transforms = (ft_str){ 0 };
    set_defaults(l);
    ft_str fields = spec->fields, transforms = spec->transforms;
    FT_GOTO(err, copy_text(&fields));
    l->spec.fields = fields;
    FT_GOTO(err, copy_text(&transforms));
    l->spec.transforms = transforms;
    FT_GOTO(err, check_spec(&l->spec, &l->feed));
    FT_GOTO(err, ft_loader_plan(l, places, &count));
    FT_GOTO(err, ft_ring_new(&l->ring, l->spec.batch, places, count, l->spec.memory_bytes_max,
                             l->spec.pin));
    FT_GOTO(err, open_stream(l));
    FT_GOTO(err, ft_claim_start(l, 0));
    FT_GOTO(err, open_workers(l));
    *out = l;
    l = NULL;
done:
    ft_loader_free(l);
    return err;
}

/* ---- stopping what is under way */
static void take_back(ft_loader *l) { /* with the lock, everyone parked */
    for (uint64_t step = l->deliver_step; step < l->next_step; step++)
        ft_ring_give(l->ring, l->flight[step % FT_LOADER_SLOTS_MAX]);
    l->deliver_step = l->next_step;
    l->filling = NULL;
}

static void park(ft_loader *l) {
    l->paused = true;
    while (l->busy) pthread_cond_wait(&l->ring->ready, &l->ring->lock);
    take_back(l);
}

ft_err ft_loader_restart(ft_loader *l, uint64_t epoch, uint64_t position) {
    pthread_mutex_lock(&l->ring->lock);
    park(l);
    l->spec.epoch = epoch;
    l->failure = FT_OK;
    ft_err err = ft_claim_start(l, position);
    if (err) { /* kept: next() says it again */
        l->failure = err;
        l->ended = true;
        snprintf(l->why, sizeof l->why, "%s", ft_err_why());
    }
    l->left_at_ns = 0;
    l->paused = false;
    pthread_cond_broadcast(&l->ring->work);
    pthread_mutex_unlock(&l->ring->lock);
    return err;
}

ft_err ft_loader_epoch(ft_loader *l, uint64_t epoch) { return ft_loader_restart(l, epoch, 0); }

void ft_loader_free(ft_loader *l) {
    if (!l) return;
    if (l->ring) {
        pthread_mutex_lock(&l->ring->lock);
        l->quit = true;
        pthread_cond_broadcast(&l->ring->work);
        pthread_mutex_unlock(&l->ring->lock);
    }
    for (int i = 0; i < l->started; i++) {
        pthread_join(l->workers[i].thread, NULL);
        ft_worker_fini(&l->workers[i]);
    }
    ft_worker_fini(&l->self);
    if (l->ring) take_back(l);
    ft_claim_end(l);
    for (size_t i = 0; l->window && i < l->spec.window; i++) ft_kept_fini(&l->window[i]);
    free(l->window);
    if (l->stream_reader) l->feed.close(l->stream_reader);
    free(l->workers);
    ft_transform_free(l->transform);
    ft_ring_unref(l->ring);
    ft_feed_free(&l->feed);
    pthread_cond_destroy(&l->gate);
    free((char *)l->spec.fields.at);
    free((char *)l->spec.transforms.at);
    free(l);
}

/* ---- the next batch */
static ft_err fail_for_good(ft_loader *l, const ft_slot *s) {
    l->failure = s->err;
    if (l->spec.bad_max && l->bad > l->spec.bad_max)
        snprintf(l->why, sizeof l->why,
                 "%s; it is bad record %llu of this epoch, %llu may be left out", s->why,
                 (unsigned long long)l->bad, (unsigned long long)l->spec.bad_max);
    else
        snprintf(l->why, sizeof l->why, "%s", s->why);
    return l->failure;
}

/* Close the gaps of samples that could not be read. */
static void close_gaps(ft_loader *l, ft_slot *s) {
    size_t to = 0;
    for (size_t i = 0; i < s->want; i++) {
        if (s->codes[i]) continue;
        for (size_t f = 0; to != i && f < l->ring->place_count; f++) {
            const ft_place *p = &l->ring->places[f];
            memcpy(s->memory + p->offset + to * p->bytes, s->memory + p->offset + i * p->bytes,
                   p->bytes);
        }
        s->ids[to++] = s->ids[i];
    }
    s->batch.bad = s->want - to;
    s->want = to;
}

static bool machines_fault(const ft_slot *s) { return s->err && !ft_is_records_fault(s->err); }

/* A finished slot becomes a batch, or a failure. */
static ft_err hand_over(ft_batch **out, ft_loader *l, ft_slot *s) {
    size_t bad = 0;
    uint64_t step = l->spec.batch * (uint64_t)l->spec.world;
    for (size_t i = 0; i < s->want; i++) bad += s->codes[i] != 0;
    l->bad += bad;
    if (bad && (machines_fault(s) || l->bad > l->spec.bad_max)) {
        ft_err err = fail_for_good(l, s);
        ft_ring_give(l->ring, s);
        return err;
    }
    s->batch.bad = 0;
    if (bad) close_gaps(l, s);
    l->delivered = l->base + (s->step + 1) * step;
    if (!l->stream && l->delivered > l->feed.count) l->delivered = l->feed.count;
    s->batch.number = s->step;
    s->batch.epoch = l->spec.epoch;
    s->batch.count = s->want;
    for (size_t f = 0; f < l->ring->place_count; f++) {
        s->fields[f].array.shape[0] = (int64_t)s->want;
        l->bytes_batch += (double)(l->ring->places[f].bytes * s->want);
    }
    atomic_store(&s->refs, 1);
    atomic_fetch_add(&l->ring->refs, 1);
    l->ring->held++;
    l->given++;
    l->stages.batches++;
    l->stages.samples += (double)s->want;
    *out = &s->batch;
    return FT_OK;
}

/* Nothing is under way and nothing can begin: every slot is held by the caller, or none could be
 * made. */
static bool stuck(const ft_loader *l) {
    return l->deliver_step == l->next_step && !l->ended && !l->ring->free &&
           l->ring->slots == l->ring->slots_max;
}

/* With the lock: the slot of the next step, ready; NULL at the end or when stuck. */
static ft_slot *wait_for(ft_loader *l) {
    for (;;) {
        ft_slot *s = l->flight[l->deliver_step % FT_LOADER_SLOTS_MAX];
        if (l->deliver_step < l->next_step && s->ready) return s;
        if (l->deliver_step == l->next_step && l->ended) return NULL;
        if (stuck(l)) return NULL;
        if (l->worker_count)
            pthread_cond_wait(&l->ring->ready, &l->ring->lock);
        else if (ft_claim(l, &l->self))
            ft_worker_do(l, &l->self);
    }
}

/* A batch that was counted as given, and that the caller does not get. */
static void batch_drop(ft_loader *l, ft_slot *s) {
    l->ring->held--;
    l->given--;
    l->stages.batches--;
    atomic_store(&s->refs, 0);
    atomic_fetch_sub(&l->ring->refs, 1);
    ft_ring_give(l->ring, s);
    pthread_cond_broadcast(&l->ring->work);
}

static ft_err next_locked(ft_batch **out, ft_loader *l) {
    for (;;) {
        ft_slot *s = wait_for(l);
        if (!s && l->ended && l->deliver_step == l->next_step) return FT_ENOTFOUND;
        if (!s && !l->ring->slots)
            return FT_FAIL(FT_ENOMEM, "out of memory for a batch of %zu bytes",
                           l->ring->slot_bytes);
        if (!s)
            return FT_FAIL(FT_EFULL,
                           "all %zu batches that the memory limit allows are held: release "
                           "one, or raise the limit",
                           l->ring->slots);
        l->deliver_step++;
        pthread_cond_broadcast(&l->ring->work); /* there is room for one more step */
        if (s->discard && !s->err) {
            ft_ring_give(l->ring, s);
            continue;
        }
        FT_TRY(hand_over(out, l, s));
        if ((*out)->count) return FT_OK;
        batch_drop(l, s); /* all its samples were bad */
        *out = NULL;
    }
}

ft_err ft_loader_next(ft_batch **out, ft_loader *l) {
    *out = NULL;
    pthread_mutex_lock(&l->ring->lock);
    if (l->failure) {
        pthread_mutex_unlock(&l->ring->lock);
        return FT_FAIL(l->failure, "%s", l->why);
    }
    ft_meter_come(l);
    uint64_t before = ft_now_ns();
    ft_err err = next_locked(out, l);
    if (!l->first_ns) l->first_ns = ft_now_ns() - l->opened_ns;
    ft_meter_leave(l, ft_now_ns() - before);
    ft_loader_tune(l);
    ft_err failure = l->failure;
    pthread_mutex_unlock(&l->ring->lock);
    if (failure && err == failure) return FT_FAIL(failure, "%s", l->why);
    return err;
}

uint64_t ft_loader_steps(const ft_loader *l) {
    if (l->stream) return FT_DATASET_UNKNOWN;
    return ft_order_steps(l->feed.count, l->spec.batch, l->spec.world, l->spec.drop_last);
}

/* ---- what it costs */
void ft_loader_told(ft_loader_stats *out, ft_loader *l) {
    pthread_mutex_lock(&l->ring->lock);
    *out = (ft_loader_stats){ .batches = (uint64_t)l->stages.batches,
                              .samples = (uint64_t)l->stages.samples,
                              .bad = l->bad,
                              .workers = l->spec.workers ? l->active : 0,
                              .prefetch = l->prefetch,
                              .decode_threads = l->decode_threads,
                              .tuned = l->tune.changes,
                              .memory_bytes = l->ring->slots * l->ring->slot_bytes,
                              .pinned = l->ring->pin,
                              .first_batch_us = (int64_t)(l->first_ns / 1000) };
    ft_meter_stages(&out->stages, l);
    pthread_mutex_unlock(&l->ring->lock);
}

ft_err ft_loader_emit(ft_loader *l, ft_tap *tap) {
    static const char *const names[] = { "loader/network_ms", "loader/disk_ms",
                                         "loader/decode_ms",  "loader/transform_ms",
                                         "loader/copy_ms",    "loader/compute_ms" };
    ft_loader_stats now;
    if (!tap) return FT_OK;
    ft_loader_told(&now, l);
    const ft_stages *s = &now.stages, *b = &l->emitted;
    double batches = s->batches - b->batches, wall = s->wall_s - b->wall_s;
    if (batches <= 0 || wall <= 0) return FT_OK;
    for (int i = 0; i < FT_STAGE_COUNT; i++) {
        double spent = s->cpu_s[i] - b->cpu_s[i] + s->wait_s[i] - b->wait_s[i];
        /* a stage is timed within others that are taken off it: clocks' steps may leave less than 0 */
        FT_TRY(ft_tap_scalar(tap, names[i], fmax(0, spent) / batches * 1e3));
    }
    FT_TRY(ft_tap_scalar(tap, "loader/starved", (s->starved_s - b->starved_s) / wall));
    FT_TRY(ft_tap_scalar(tap, "loader/batches_per_s", batches / wall));
    FT_TRY(ft_tap_scalar(tap, "loader/workers", now.workers));
    FT_TRY(ft_tap_scalar(tap, "loader/bad", (double)now.bad));
    l->emitted = now.stages;
    return FT_OK;
}
