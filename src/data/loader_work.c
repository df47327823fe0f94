/* loader_work.c -- what a worker does: claim, read, decode and transform into the batch, tell what
 * went wrong where. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/loader_in.h"

ft_err ft_worker_init(ft_worker *w, ft_loader *l, int number) {
    ft_err err = FT_OK;
    *w = (ft_worker){ .l = l, .number = number, .stride = 1 };
    if (!l->stream)
        FT_GOTO(err, l->feed.open(&w->reader, l->feed.self, l->wanted, l->wanted_count));
    if (l->transform) FT_GOTO(err, ft_transform_work_new(&w->work, l->transform));
done:
    if (err) ft_worker_fini(w);
    return err;
}

void ft_worker_fini(ft_worker *w) {
    if (w->reader) w->l->feed.close(w->reader);
    ft_transform_work_free(w->work);
    ft_kept_fini(&w->kept);
    w->reader = NULL;
    w->work = NULL;
}

/* ---- one sample */

bool ft_is_records_fault(ft_err err) {
    return err == FT_ECORRUPT || err == FT_EPARSE || err == FT_ETOOBIG || err == FT_EMEDIA ||
           err == FT_EUNSUPPORTED || err == FT_EINVAL;
}

static ft_err copy_value(void *to, const ft_place *p, const ft_array *v) {
    if (!v->data) return FT_FAIL(FT_ECORRUPT, "it has no field %s", p->name);
    if (v->dtype != p->array.dtype || ft_array_bytes(v) != p->bytes)
        return FT_FAIL(FT_ECORRUPT, "its field %s has %zu bytes of %s; %zu of %s were expected",
                       p->name, ft_array_bytes(v), ft_dtype_name(v->dtype), p->bytes,
                       ft_dtype_name(p->array.dtype));
    memcpy(to, v->data, p->bytes);
    return FT_OK;
}

static ft_err place(ft_worker *w, size_t i, const ft_sample *s, uint64_t id, ft_measured *m) {
    ft_loader *l = w->l;
    ft_ring *ring = l->ring;
    ft_transform_cut cut = { 0 };
    uint64_t before = 0;
    for (size_t f = 0; f < ring->place_count; f++) {
        const ft_place *p = &ring->places[f];
        char *to = w->slot->memory + p->offset + i * p->bytes;
        if (p->kind == FT_PLACE_CUT) {
            memcpy(to, &cut, sizeof cut);
        } else if (p->kind == FT_PLACE_PICTURE) {
            uint64_t key = ft_order_key(l->spec.seed, l->spec.epoch, id);
            FT_TRY(ft_transform_run(to, &cut, &s->values[p->source], key, w->work,
                                    m ? &m->time : NULL));
        } else {
            if (m && p->bytes > 4096) before = ft_cpu_ns();
            FT_TRY(copy_value(to, p, &s->values[p->source]));
            if (m && p->bytes > 4096) m->time.copy += ft_cpu_since(before);
        }
    }
    return FT_OK;
}

/* The failure of a sample, told by file and record. Failures of reading name them already. */
static ft_err name_it(const ft_loader *l, const ft_sample *s, ft_err err) {
    ft_str file = l->feed.where ? l->feed.where(l->feed.self, s) : (ft_str){ 0 };
    ft_str path = { 0 }; /* in a folder */
    if (l->path_field >= 0 && s->values[l->path_field].data)
        path = ft_str_n(s->values[l->path_field].data, ft_array_bytes(&s->values[l->path_field]));
    if (!file.len) return ft_err_prefix(err, "record %llu", (unsigned long long)l->feed.id(s));
    return ft_err_prefix(err, "%.*s%s%.*s, record %llu", FT_STR_ARG(file), path.len ? ", " : "",
                         FT_STR_ARG(path), (unsigned long long)s->record);
}

/* At most decode_threads at a time are at work on pixels when there are more workers than that,
 * which is so when they wait for a disk or a network. */
static bool enter(ft_loader *l) {
    if (!l->transform || l->active <= l->decode_threads) return false;
    pthread_mutex_lock(&l->ring->lock);
    while (l->computing >= l->decode_threads) pthread_cond_wait(&l->gate, &l->ring->lock);
    l->computing++;
    pthread_mutex_unlock(&l->ring->lock);
    return true;
}

static void leave(ft_loader *l) {
    pthread_mutex_lock(&l->ring->lock);
    l->computing--;
    pthread_cond_signal(&l->gate);
    pthread_mutex_unlock(&l->ring->lock);
}

static ft_err one(ft_worker *w, size_t i, ft_measured *m) {
    ft_loader *l = w->l;
    ft_sample read, *s = &read;
    ft_span_clock from = { 0 };
    if (m && !l->stream) from = ft_read_begin(&l->feed);
    if (l->stream) {
        s = &w->kept.sample;
        if (w->kept.err) return FT_FAIL(w->kept.err, "%s", w->kept.why);
    } else {
        FT_TRY(l->feed.read(s, w->reader, w->numbers[i]));
    }
    if (m && !l->stream) ft_read_end(m, &from, &l->feed);
    atomic_fetch_add_explicit(&w->meter.bytes_read, s->stored_bytes, memory_order_relaxed);
    uint64_t id = l->feed.id(s);
    w->slot->ids[w->at + i] = id;
    bool gated = enter(l);
    uint64_t begun = m ? ft_now_ns() : 0;
    ft_err err = place(w, w->at + i, s, id, m);
    if (m) ft_meter_stride(w, ft_now_ns() - begun + m->wall);
    if (gated) leave(l);
    return err ? name_it(l, s, err) : FT_OK;
}

/* Sample `at` of the slot failed. The first by place tells why, whoever was faster. */
static void note(ft_worker *w, size_t at, ft_err err) {
    ft_slot *s = w->slot;
    ft_ring *r = w->l->ring;
    s->codes[at] = (uint8_t)err;
    pthread_mutex_lock(&r->lock);
    bool graver = !ft_is_records_fault(err) && ft_is_records_fault(s->err);
    bool milder = ft_is_records_fault(err) && s->err && !ft_is_records_fault(s->err);
    if (!s->err || graver || (at < s->err_at && !milder)) {
        s->err = err;
        s->err_at = at;
        snprintf(s->why, sizeof s->why, "%s", ft_err_why());
    }
    pthread_mutex_unlock(&r->lock);
    ft_err_clear();
}

/* ---- a chunk */
static void finish(ft_loader *l, ft_slot *s, size_t done) {
    s->left -= done;
    if (s->left) return;
    s->ready = true;
    pthread_cond_broadcast(&l->ring->ready);
    if (!s->step) pthread_cond_broadcast(&l->ring->work); /* they may run ahead of the first now */
}

/* The stream ended where this sample should have been: the batch is what came before. */
static void cut_short(ft_loader *l, ft_worker *w, ft_err err) {
    ft_slot *s = w->slot;
    l->ended = true;
    if (l->filling == s) l->filling = NULL;
    if (err == FT_ENOTFOUND) {
        size_t missing = s->want - w->at;
        s->want = w->at;
        s->discard = l->spec.drop_last || !s->want;
        s->codes[w->at] = FT_OK;
        finish(l, s, missing);
    } else { /* cannot be read further: told with this batch */
        size_t missing = s->want - w->at;
        s->want = w->at + 1;
        finish(l, s, missing);
    }
}

static bool read_stream(ft_loader *l, ft_worker *w) {
    ft_measured m = { 0 };
    ft_span_clock from = ft_read_begin(&l->feed);
    ft_err err = ft_claim_read(l, w);
    ft_read_end(&m, &from, &l->feed);
    if (err && err != FT_ENOTFOUND) note(w, w->at, err);
    pthread_mutex_lock(&l->ring->lock);
    l->stream_busy = false;
    if (err) cut_short(l, w, err);
    pthread_cond_broadcast(&l->ring->work);
    pthread_mutex_unlock(&l->ring->lock);
    ft_meter_add(w, &m, 1);
    return err == FT_OK;
}

static void chunk_do(ft_loader *l, ft_worker *w) {
    if (l->stream && !read_stream(l, w)) return;
    for (size_t i = 0; i < w->count; i++) {
        ft_measured m = { 0 };
        unsigned weight;
        bool measured = ft_meter_due(w, &weight);
        ft_err err = one(w, i, measured ? &m : NULL);
        if (err)
            note(w, w->at + i, err);
        else if (measured)
            ft_meter_add(w, &m, weight);
    }
    if (l->feed.intact && w->reader) {
        ft_err err = l->feed.intact(w->reader);
        for (size_t i = 0; err && i < w->count; i++) note(w, w->at + i, err);
    }
    atomic_fetch_add_explicit(&w->meter.samples, w->count, memory_order_relaxed);
    pthread_mutex_lock(&l->ring->lock);
    finish(l, w->slot, w->count);
    pthread_mutex_unlock(&l->ring->lock);
}

void ft_worker_do(ft_loader *l, ft_worker *w) {
    l->busy++;
    pthread_mutex_unlock(&l->ring->lock);
    chunk_do(l, w);
    pthread_mutex_lock(&l->ring->lock);
    if (!--l->busy) pthread_cond_broadcast(&l->ring->ready);
}

/* ---- threads */
void *ft_worker_main(void *worker) {
    ft_worker *w = worker;
    ft_loader *l = w->l;
    pthread_mutex_lock(&l->ring->lock);
    while (!l->quit) {
        if (!l->paused && w->number < l->active && ft_claim(l, w)) {
            ft_worker_do(l, w);
            continue;
        }
        uint64_t before = ft_now_ns();
        pthread_cond_wait(&l->ring->work, &l->ring->lock);
        if (w->number < l->active)
            atomic_fetch_add_explicit(&w->meter.idle, ft_now_ns() - before, memory_order_relaxed);
    }
    pthread_mutex_unlock(&l->ring->lock);
    return NULL;
}

static ft_err start_thread(ft_loader *l) {
    ft_worker *w = &l->workers[l->started];
    FT_TRY(ft_worker_init(w, l, l->started));
    int code = ft_fault_here() ? EAGAIN : pthread_create(&w->thread, NULL, ft_worker_main, w);
    if (code) {
        ft_worker_fini(w);
        return FT_FAIL(FT_EFULL, "thread %d of the loader could not be started: %s", l->started,
                       strerror(code));
    }
    w->started = true;
    l->started++;
    return FT_OK;
}

ft_err ft_workers_set(ft_loader *l, int active) {
    if (active > l->worker_count) active = l->worker_count;
    while (l->started < active) FT_TRY(start_thread(l));
    l->active = active;
    pthread_cond_broadcast(&l->ring->work);
    return FT_OK;
}
