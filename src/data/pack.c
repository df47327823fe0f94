/* pack.c -- see pack.h. Threads take runs of samples in turn and put them into a ring of slots; the
 * caller's thread writes the slots in order. A source that is read in order is read under a lock,
 * and only the pictures are made beside each other. */
#include "data/pack.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/pool.h"
#include "data/order.h"
#include "data/pack_in.h"

#define RUN_BYTES   ((size_t)1 << 20) /* samples that one slot holds, about */
#define RUN_MAX     256
#define THREADS_MAX 64
#define PROGRESS_US (100 * 1000)

typedef struct slot {
    enum { FREE, FILLING, READY } state;
    uint64_t run;    /* its number */
    size_t count;    /* samples in it */
    uint64_t passed; /* records that it stands for, bad ones counted */
    ft_array *values;
    ft_arena arena;
    ft_err err;
    char why[1024];
    bool last; /* the source ended */
} slot;

typedef struct packing {
    ft_dataset *from;
    const ft_pack_opts *opts;
    size_t fields;
    int picture; /* field; -1: none */
    ft_pack_form form;
    ft_permutation order;
    uint64_t *begins; /* of each shard: its first record's number; and the end */
    uint64_t first, total;
    size_t run; /* samples of a slot */
    slot *slots;
    size_t slot_count;
    uint64_t next; /* run that is taken next */
    uint64_t bad;
    bool ended, stopped;        /* no run is left; stop */
    ft_dataset_reader *ordered; /* under the lock, where records are read in order */
    pthread_mutex_t lock;
    pthread_cond_t freed, filled;
    pthread_t threads[THREADS_MAX];
    int thread_count;
    ft_pack_out out;
} packing;

/* ---- filling a slot */

/* Where record number n stands. */
static void place_of(const packing *p, uint64_t n, uint32_t *shard, uint64_t *record) {
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

/* Mapped values stay where they are, others are copied before the reader's next record. */
static ft_err keep(packing *p, slot *s, const ft_sample *sample) {
    ft_array *to = s->values + s->count * p->fields;
    bool stays = ft_dataset_mapped(p->from);
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
static ft_err spare(packing *p, ft_err err) {
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

static ft_err fill_random(packing *p, slot *s, ft_dataset_reader *r) {
    uint64_t from = p->first + s->run * p->run, to = from + p->run;
    if (to > p->total) to = p->total;
    for (uint64_t i = from; i < to; i++) {
        ft_sample sample;
        uint32_t shard;
        uint64_t record, n = p->opts->shuffle ? ft_permutation_at(&p->order, i) : i;
        place_of(p, n, &shard, &record);
        ft_err err = ft_dataset_read(&sample, r, shard, record);
        if (!err) err = keep(p, s, &sample);
        if (err) FT_TRY(spare(p, err));
        s->passed++;
    }
    return ft_dataset_intact(r);
}

/* Under the lock: runs are taken in the order of the stream. */
static ft_err fill_ordered(packing *p, slot *s) {
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

static ft_err pictures(packing *p, slot *s, ft_pack_picture *picture) {
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
static slot *slot_take(packing *p) {
    for (;;) {
        slot *s = &p->slots[p->next % p->slot_count];
        if (p->stopped || p->ended) return NULL;
        if (!p->ordered && p->first + p->next * p->run >= p->total) return NULL;
        if (s->state == FREE) {
            s->state = FILLING;
            s->run = p->next++;
            s->count = s->passed = 0;
            s->err = FT_OK;
            s->last = !p->ordered && p->first + p->next * p->run >= p->total;
            ft_arena_reset(&s->arena);
            return s;
        }
        pthread_cond_wait(&p->freed, &p->lock);
    }
}

static void slot_ready(packing *p, slot *s, ft_err err) {
    s->err = err;
    if (err) snprintf(s->why, sizeof s->why, "%s", ft_err_why());
    s->state = READY;
    pthread_cond_broadcast(&p->filled);
}

static void *worker(void *ctx) {
    packing *p = ctx;
    ft_dataset_reader *r = NULL;
    ft_pack_picture picture = { .encoded.limit_bytes = SIZE_MAX / 2 };
    ft_err opened = p->ordered ? FT_OK : ft_dataset_reader_new(&r, p->from);
    pthread_mutex_lock(&p->lock);
    for (slot *s; (s = slot_take(p));) {
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

static ft_err threads_start(packing *p) {
    int want = p->opts->threads ? p->opts->threads : ft_cpu_count();
    if (want > THREADS_MAX) want = THREADS_MAX;
    while (p->thread_count < want) {
        if (ft_fault_here() || pthread_create(&p->threads[p->thread_count], NULL, worker, p) != 0) {
            if (p->thread_count) break; /* fewer will do */
            return FT_FAIL(FT_ENOMEM, "no thread can be started");
        }
        p->thread_count++;
    }
    return FT_OK;
}

static void threads_stop(packing *p) {
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->thread_count; i++) pthread_join(p->threads[i], NULL);
}

/* ---- writing */

static slot *slot_wait(packing *p, uint64_t run) {
    slot *s = &p->slots[run % p->slot_count];
    pthread_mutex_lock(&p->lock);
    while (s->state != READY || s->run != run) pthread_cond_wait(&p->filled, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return s;
}

static void slot_free(packing *p, slot *s) {
    pthread_mutex_lock(&p->lock);
    s->state = FREE;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

/* What all will take, from the first samples. */
static uint64_t estimate(const packing *p, const slot *s) {
    double bytes = 0;
    if (p->total == FT_DATASET_UNKNOWN || s->count == 0) return UINT64_MAX;
    for (size_t i = 0; i < s->count * p->fields; i++)
        if (s->values[i].data) bytes += (double)ft_array_bytes(&s->values[i]);
    return (uint64_t)(bytes / (double)s->count * (double)p->total);
}

static ft_err tell(packing *p, ft_pack_told *told) {
    pthread_mutex_lock(&p->lock);
    told->bad = p->bad;
    pthread_mutex_unlock(&p->lock);
    ft_pack_progress now = { .records = told->resumed + told->records,
                             .total = p->total,
                             .bytes = ft_pack_out_bytes(&p->out),
                             .bad = told->bad,
                             .shards = p->out.shards };
    return p->opts->progress ? p->opts->progress(p->opts->ctx, &now) : FT_OK;
}

static ft_err write_all(packing *p, ft_pack_told *told) {
    int64_t said_us = 0;
    if (p->first == p->total) { /* nothing, or all was there */
        ft_pack_choose(&p->out, 0, told);
        return FT_OK;
    }
    for (uint64_t run = 0;; run++) {
        slot *s = slot_wait(p, run);
        if (run == 0) ft_pack_choose(&p->out, estimate(p, s), told);
        for (size_t i = 0; i < s->count && !s->err; i++) {
            FT_TRY(ft_pack_out_write(&p->out, s->values + i * p->fields));
            told->records++;
        }
        if (s->err) return FT_FAIL(s->err, "%s", s->why);
        bool last = s->last;
        slot_free(p, s);
        int64_t now = ft_clock_monotonic_us();
        if (last || now - said_us >= PROGRESS_US) FT_TRY(tell(p, told));
        if (last) return FT_OK;
        if (now - said_us >= PROGRESS_US) said_us = now;
    }
}

/* ---- the plan */

/* {"classes":…, "pack":{…}}: what is known of the source, and how this came to be. */
static ft_err meta_make(ft_str *out, packing *p) {
    ft_buf b = { .limit_bytes = SIZE_MAX / 2 };
    ft_json_out w;
    const ft_pack_opts *o = p->opts;
    static const char *const forms[] = { "as it is", "raw", "jpeg", "png", "regions" };
    static const char *const fits[] = { "crop", "squash", "short" };
    ft_str meta = ft_dataset_meta(p->from), classes;
    ft_json_out_init(&w, &b, false);
    ft_json_out_object(&w);
    if (ft_json_find(&classes, meta, "classes") == FT_OK) {
        ft_json_out_name(&w, "classes");
        ft_json_out_raw(&w, classes);
    }
    ft_err_clear();
    ft_json_out_name(&w, "pack");
    ft_json_out_object(&w);
    ft_json_out_name(&w, "from"), ft_json_out_text(&w, ft_dataset_format_name(p->from));
    ft_json_out_name(&w, "images"), ft_json_out_text(&w, forms[p->form]);
    if (o->width) {
        ft_json_out_name(&w, "width"), ft_json_out_i64(&w, o->width);
        ft_json_out_name(&w, "height"), ft_json_out_i64(&w, o->height);
        ft_json_out_name(&w, "fit"), ft_json_out_text(&w, fits[o->fit]);
    }
    if (p->form == FT_PACK_JPEG && o->quality)
        ft_json_out_name(&w, "quality"), ft_json_out_i64(&w, o->quality);
    if (o->shuffle) ft_json_out_name(&w, "seed"), ft_json_out_i64(&w, (int64_t)o->seed);
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = b.err ? b.err : ft_arena_str(out, &p->out.arena, ft_buf_str(&b));
    ft_buf_fini(&b);
    return err;
}

/* Another format calls them what every format does: "jpg" and "cls" become "image" and "label". */
static void names_usual(ft_field *fields, const ft_dataset *from) {
    static const char *const names[] = { "image", "label" };
    for (size_t k = 0; k < FT_COUNT(names); k++) {
        int i = ft_dataset_find(from, ft_str_of(names[k]));
        if (i >= 0) fields[i].name = ft_str_of(names[k]);
    }
}

static ft_err fields_make(packing *p) {
    size_t count;
    const ft_field *from = ft_dataset_fields(p->from, &count);
    ft_field *fields;
    FT_TRY(ft_arena_items(&fields, &p->out.arena, count));
    memcpy(fields, from, count * sizeof *fields);
    if (p->out.format != p->from->format) names_usual(fields, p->from);
    if (p->picture >= 0) ft_pack_field(&fields[p->picture], p->form, p->opts);
    for (size_t k = 0; k < p->opts->vary_count; k++) {
        int i = ft_dataset_find(p->from, p->opts->vary[k]);
        if (i < 0)
            return FT_FAIL(FT_EINVAL, "'%.*s' has no field '%.*s'",
                           FT_STR_ARG(ft_dataset_shard_path(p->from, 0)),
                           FT_STR_ARG(p->opts->vary[k]));
        for (int d = 0; d < fields[i].ndim; d++) fields[i].shape[d] = -1;
    }
    p->fields = count;
    p->out.fields = fields;
    p->out.field_count = count;
    return FT_OK;
}

static ft_err order_make(packing *p) {
    const ft_dataset *d = p->from;
    p->total = d->random ? d->total : FT_DATASET_UNKNOWN;
    if (!d->random) {
        if (p->opts->shuffle || p->opts->resume)
            return FT_FAIL(FT_EUNSUPPORTED,
                           "'%s' is read in order only (packed, or a pipe): it cannot be %s",
                           d->shards[0].path, p->opts->shuffle ? "shuffled" : "gone on from");
        return ft_dataset_reader_new(&p->ordered, p->from);
    }
    FT_TRY(ft_arena_items(&p->begins, &p->out.arena, (size_t)d->shard_count + 1));
    for (uint32_t i = 0; i < d->shard_count; i++)
        p->begins[i + 1] = p->begins[i] + d->shards[i].count;
    return p->opts->shuffle && p->total
               ? ft_permutation_init(&p->order, p->total, ft_order_key(p->opts->seed, 0, 0))
               : FT_OK;
}

/* Runs of about a megabyte; the first record says how many samples that is. */
static ft_err slots_make(packing *p) {
    ft_dataset_reader *r;
    ft_sample sample;
    size_t bytes = RUN_BYTES / RUN_MAX;
    if (p->from->random && p->total > p->first) {
        FT_TRY(ft_dataset_reader_new(&r, p->from));
        uint32_t shard;
        uint64_t record;
        place_of(p, 0, &shard, &record);
        if (!ft_dataset_read(&sample, r, shard, record) && sample.stored_bytes)
            bytes = (size_t)sample.stored_bytes;
        ft_err_clear(); /* the worker will meet it again */
        ft_dataset_reader_free(r);
    }
    p->run = RUN_BYTES / bytes;
    if (p->run < 1) p->run = 1;
    if (p->run > RUN_MAX) p->run = RUN_MAX;
    int threads = p->opts->threads ? p->opts->threads : ft_cpu_count();
    p->slot_count = 2 * (size_t)(threads > THREADS_MAX ? THREADS_MAX : threads) + 2;
    FT_TRY(ft_arena_items(&p->slots, &p->out.arena, p->slot_count));
    for (size_t i = 0; i < p->slot_count; i++) {
        p->slots[i].arena.limit_bytes = SIZE_MAX / 2;
        FT_TRY(ft_arena_items(&p->slots[i].values, &p->out.arena, p->run * p->fields));
    }
    return FT_OK;
}

static ft_err format_of(packing *p, const char *to) {
    if (p->opts->format.len) return ft_dataset_format_find(&p->out.format, p->opts->format);
    p->out.format = ft_dataset_format_ending(ft_str_of(to));
    if (p->out.format) return FT_OK;
    return FT_FAIL(FT_EINVAL, "'%s': which format? Its ending says none; give one by --format", to);
}

static void packing_fini(packing *p) {
    for (size_t i = 0; i < p->slot_count && p->slots; i++) ft_arena_fini(&p->slots[i].arena);
    ft_permutation_fini(&p->order);
    ft_dataset_reader_free(p->ordered);
    ft_pack_out_fini(&p->out);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->freed);
    pthread_cond_destroy(&p->filled);
}

ft_err ft_pack(ft_pack_told *told, ft_dataset *from, const char *to, const ft_pack_opts *opts) {
    packing p = { .from = from,
                  .opts = opts,
                  .lock = PTHREAD_MUTEX_INITIALIZER,
                  .freed = PTHREAD_COND_INITIALIZER,
                  .filled = PTHREAD_COND_INITIALIZER,
                  .out = { .to = to, .opts = opts, .arena = FT_ARENA_INIT(SIZE_MAX / 2) } };
    ft_err err;
    *told = (ft_pack_told){ 0 };
    FT_GOTO(err, format_of(&p, to));
    FT_GOTO(err, ft_pack_plan(&p.picture, &p.form, from, p.out.format, opts));
    FT_GOTO(err, fields_make(&p));
    FT_GOTO(err, order_make(&p));
    FT_GOTO(err, meta_make(&p.out.meta, &p));
    FT_GOTO(err, ft_pack_out_begin(&p.out, &told->resumed, p.total));
    p.first = told->resumed;
    FT_GOTO(err, slots_make(&p));
    FT_GOTO(err, threads_start(&p));
    FT_GOTO(err, write_all(&p, told));
    FT_GOTO(err, ft_pack_out_end(&p.out));
    told->bytes = p.out.bytes;
    told->shards = p.out.shards;
    told->bad = p.bad;
done:
    threads_stop(&p);
    packing_fini(&p);
    return err;
}
