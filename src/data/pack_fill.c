/* pack_fill.c -- the threads of packing: they take runs of samples in turn and put them into the
 * slots of a ring. A source that is read in order is read under the lock, and only the pictures are
 * made beside each other. See pack.h. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/pool.h"
#include "data/pack_in.h"

/* ---- filling a ft_pack_slot */

/* Where record number n stands. */
void ft_pack_place(const ft_pack_work *p, uint64_t n, uint32_t *shard, uint64_t *record) {
    uint32_t low = 0, high = p->from->shard_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (p->begins[middle] <= n)
            low = middle;
        else
            high = middle;
    }
    *shard = low;
    *record = n - p->begins[low];
}

/* A record of plain bytes that has none: it may be meant so, and may be damage. */
static void empty_note(ft_pack_work *p, ft_pack_slot *s, const ft_sample *sample) {
    const ft_field *f = &p->from->fields[0];
    if (p->fields != 1 || f->kind == FT_FIELD_ARRAY || f->kind == FT_FIELD_IMAGE) return;
    if (!sample->values[0].data || sample->values[0].shape[0] || s->empty++) return;
    (void)ft_dataset_fail(FT_FAIL(FT_ECORRUPT, "0 bytes"), p->from, sample);
    snprintf(s->empty_at, sizeof s->empty_at, "%s", ft_err_why());
    ft_err_clear();
}

/* Mapped values stay where they are, others are copied before the reader's next record. */
static ft_err keep(ft_pack_work *p, ft_pack_slot *s, const ft_sample *sample) {
    ft_array *to = s->values + s->count * p->fields;
    bool stays = ft_dataset_mapped(p->from);
    empty_note(p, s, sample);
    for (size_t i = 0; i < p->fields; i++) {
        to[i] = sample->values[i];
        size_t bytes = to[i].data && !stays ? ft_array_bytes(&to[i]) : 0;
        if (!bytes) continue;
        FT_TRY(ft_arena_take(&to[i].data, &s->arena, bytes));
        memcpy(to[i].data, sample->values[i].data, bytes);
    }
    s->count++;
    return FT_OK;
}

/* A record that cannot be read: left out, while that is allowed. */
static ft_err spare(ft_pack_work *p, ft_err err) {
    if (err == FT_ENOMEM || err == FT_ECANCELED) return err;
    pthread_mutex_lock(&p->lock);
    bool allowed = p->bad < p->opts->bad_max;
    if (allowed) {
        p->bad++;
        if (p->opts->bad) p->opts->bad(p->opts->ctx, ft_err_why());
    }
    pthread_mutex_unlock(&p->lock);
    if (!allowed) return err;
    ft_err_clear();
    return FT_OK;
}

static ft_err fill_random(ft_pack_work *p, ft_pack_slot *s, ft_dataset_reader *r) {
    uint64_t from = p->first + s->run * p->run, to = from + p->run;
    if (to > p->total) to = p->total;
    for (uint64_t i = from; i < to; i++) {
        ft_sample sample;
        uint32_t shard;
        uint64_t record, n = p->opts->shuffle ? ft_permutation_at(&p->order, i) : i;
        ft_pack_place(p, n, &shard, &record);
        ft_err err = ft_dataset_read(&sample, r, shard, record);
        if (!err) err = keep(p, s, &sample);
        if (err) FT_TRY(spare(p, err));
        s->passed++;
    }
    return ft_dataset_intact(r);
}

/* Under the lock: runs are taken in the order of the stream. */
static ft_err fill_ordered(ft_pack_work *p, ft_pack_slot *s) {
    while (s->passed < p->run) {
        ft_sample sample;
        bool go_on;
        ft_err err = ft_dataset_next(&sample, p->ordered, &go_on);
        if (err == FT_ENOTFOUND) {
            if (p->ordered->shard + 1 == p->from->shard_count) {
                s->last = true;
                return FT_OK;
            }
            FT_TRY(ft_dataset_seek(p->ordered, p->ordered->shard + 1, 0));
            continue;
        }
        s->passed++;
        if (!err) err = keep(p, s, &sample);
        if (!err) continue;
        if (!go_on || p->bad >= p->opts->bad_max) return err;
        p->bad++;
        if (p->opts->bad) p->opts->bad(p->opts->ctx, ft_err_why());
        ft_err_clear();
    }
    return FT_OK;
}

static ft_err pictures(ft_pack_work *p, ft_pack_slot *s, ft_pack_picture *picture) {
    size_t kept = 0;
    for (size_t i = 0; p->picture >= 0 && i < s->count; i++) {
        ft_array *values = s->values + i * p->fields;
        ft_err err = values[p->picture].data ? ft_pack_picture_make(&values[p->picture], picture,
                                                                    &s->arena, p->form, p->opts)
                                             : FT_FAIL(FT_EINVAL, "there is no picture");
        if (err) {
            uint64_t n = p->first + s->run * p->run + i;
            err = ft_err_prefix(err, "'%s' and so on, sample %llu", p->from->shards[0].path,
                                (unsigned long long)n);
            FT_TRY(spare(p, err));
            continue;
        }
        if (kept != i) memcpy(s->values + kept * p->fields, values, p->fields * sizeof *values);
        kept++;
    }
    if (p->picture >= 0) s->count = kept;
    return FT_OK;
}

/* ---- threads */

/* A free slot for the next run, or NULL when there is none. The lock is held. */
static ft_pack_slot *slot_take(ft_pack_work *p) {
    for (;;) {
        ft_pack_slot *s = &p->slots[p->next % p->slot_count];
        if (p->stopped || p->ended) return NULL;
        if (!p->ordered && p->first + p->next * p->run >= p->total) return NULL;
        if (s->state == FT_SLOT_FREE) {
            s->state = FT_SLOT_FILLING;
            s->run = p->next++;
            s->count = s->passed = s->empty = 0;
            s->err = FT_OK;
            s->last = !p->ordered && p->first + p->next * p->run >= p->total;
            ft_arena_reset(&s->arena);
            return s;
        }
        pthread_cond_wait(&p->freed, &p->lock);
    }
}

static void slot_ready(ft_pack_work *p, ft_pack_slot *s, ft_err err) {
    s->err = err;
    if (err) snprintf(s->why, sizeof s->why, "%s", ft_err_why());
    s->state = FT_SLOT_READY;
    pthread_cond_broadcast(&p->filled);
}

static void *worker(void *ctx) {
    ft_pack_work *p = ctx;
    ft_dataset_reader *r = NULL;
    ft_pack_picture picture = { .encoded.limit_bytes = SIZE_MAX / 2 };
    ft_err opened = p->ordered ? FT_OK : ft_dataset_reader_new(&r, p->from);
    pthread_mutex_lock(&p->lock);
    for (ft_pack_slot *s; (s = slot_take(p));) {
        ft_err err = opened;
        if (!err && p->ordered) {
            err = fill_ordered(p, s);
            if (s->last || err) p->ended = true;
        }
        pthread_mutex_unlock(&p->lock);
        if (!err && r) err = fill_random(p, s, r);
        if (!err) err = pictures(p, s, &picture);
        pthread_mutex_lock(&p->lock);
        slot_ready(p, s, err);
    }
    pthread_cond_broadcast(&p->freed); /* the others wait for what will not come */
    pthread_mutex_unlock(&p->lock);
    ft_pack_picture_fini(&picture);
    ft_dataset_reader_free(r);
    return NULL;
}

ft_err ft_pack_threads_start(ft_pack_work *p) {
    int want = p->opts->threads ? p->opts->threads : ft_cpu_count();
    if (want > FT_PACK_THREADS_MAX) want = FT_PACK_THREADS_MAX;
    while (p->thread_count < want) {
        if (ft_fault_here() || pthread_create(&p->threads[p->thread_count], NULL, worker, p) != 0) {
            if (p->thread_count) break; /* fewer will do */
            return FT_FAIL(FT_ENOMEM, "no thread can be started");
        }
        p->thread_count++;
    }
    return FT_OK;
}

void ft_pack_threads_stop(ft_pack_work *p) {
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->thread_count; i++) pthread_join(p->threads[i], NULL);
}
