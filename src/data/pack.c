/* pack.c -- see pack.h. Threads put runs of samples into a ring of slots (pack_fill.c); the
 * caller's thread writes the slots in order. */
#include "data/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/pool.h"
#include "data/pack_in.h"

#define RUN_BYTES   ((size_t)1 << 20) /* samples that one slot holds, about */
#define RUN_MAX     256
#define PROGRESS_US (100 * 1000)

/* ---- writing */

static ft_pack_slot *slot_wait(ft_pack_work *p, uint64_t run) {
    ft_pack_slot *s = &p->slots[run % p->slot_count];
    pthread_mutex_lock(&p->lock);
    while (s->state != FT_SLOT_READY || s->run != run) pthread_cond_wait(&p->filled, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return s;
}

static void slot_free(ft_pack_work *p, ft_pack_slot *s) {
    pthread_mutex_lock(&p->lock);
    s->state = FT_SLOT_FREE;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

/* What all will take, from the first samples. */
static uint64_t estimate(const ft_pack_work *p, const ft_pack_slot *s) {
    double bytes = 0;
    if (p->total == FT_DATASET_UNKNOWN || s->count == 0) return UINT64_MAX;
    for (size_t i = 0; i < s->count * p->fields; i++)
        if (s->values[i].data) bytes += (double)ft_array_bytes(&s->values[i]);
    return (uint64_t)(bytes / (double)s->count * (double)p->total);
}

static ft_err tell(ft_pack_work *p, ft_pack_told *told) {
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

static ft_err write_all(ft_pack_work *p, ft_pack_told *told) {
    int64_t said_us = 0;
    if (p->first == p->total) { /* nothing, or all was there */
        ft_pack_choose(&p->out, 0, told);
        return FT_OK;
    }
    for (uint64_t run = 0;; run++) {
        ft_pack_slot *s = slot_wait(p, run);
        if (run == 0) ft_pack_choose(&p->out, estimate(p, s), told);
        for (size_t i = 0; i < s->count && !s->err; i++) {
            FT_TRY(ft_pack_out_write(&p->out, s->values + i * p->fields));
            told->records++;
        }
        if (s->err) return FT_FAIL(s->err, "%s", s->why);
        if (s->empty && !told->empty) memcpy(told->empty_at, s->empty_at, sizeof told->empty_at);
        told->empty += s->empty;
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
static ft_err meta_make(ft_str *out, ft_pack_work *p) {
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

static ft_err fields_make(ft_pack_work *p) {
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

static ft_err order_make(ft_pack_work *p) {
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
static ft_err slots_make(ft_pack_work *p) {
    ft_dataset_reader *r;
    ft_sample sample;
    size_t bytes = RUN_BYTES / RUN_MAX;
    if (p->from->random && p->total > p->first) {
        FT_TRY(ft_dataset_reader_new(&r, p->from));
        uint32_t shard;
        uint64_t record;
        ft_pack_place(p, 0, &shard, &record);
        if (!ft_dataset_read(&sample, r, shard, record) && sample.stored_bytes)
            bytes = (size_t)sample.stored_bytes;
        ft_err_clear(); /* the worker will meet it again */
        ft_dataset_reader_free(r);
    }
    p->run = RUN_BYTES / bytes;
    if (p->run < 1) p->run = 1;
    if (p->run > RUN_MAX) p->run = RUN_MAX;
    int threads = p->opts->threads ? p->opts->threads : ft_cpu_count();
    p->slot_count = 2 * (size_t)(threads > FT_PACK_THREADS_MAX ? FT_PACK_THREADS_MAX : threads) + 2;
    FT_TRY(ft_arena_items(&p->slots, &p->out.arena, p->slot_count));
    for (size_t i = 0; i < p->slot_count; i++) {
        p->slots[i].arena.limit_bytes = SIZE_MAX / 2;
        FT_TRY(ft_arena_items(&p->slots[i].values, &p->out.arena, p->run * p->fields));
    }
    return FT_OK;
}

static ft_err format_of(ft_pack_work *p, const char *to) {
    if (p->opts->format.len) return ft_dataset_format_find(&p->out.format, p->opts->format);
    p->out.format = ft_dataset_format_ending(ft_str_of(to));
    if (p->out.format) return FT_OK;
    return FT_FAIL(FT_EINVAL, "'%s': which format? Its ending says none; give one by --format", to);
}

static void packing_fini(ft_pack_work *p) {
    for (size_t i = 0; i < p->slot_count && p->slots; i++) ft_arena_fini(&p->slots[i].arena);
    ft_permutation_fini(&p->order);
    ft_dataset_reader_free(p->ordered);
    ft_pack_out_fini(&p->out);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->freed);
    pthread_cond_destroy(&p->filled);
}

ft_err ft_pack(ft_pack_told *told, ft_dataset *from, const char *to, const ft_pack_opts *opts) {
    ft_pack_work p = { .from = from,
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
    FT_GOTO(err, ft_pack_threads_start(&p));
    FT_GOTO(err, write_all(&p, told));
    FT_GOTO(err, ft_pack_out_end(&p.out));
    told->bytes = p.out.bytes;
    told->shards = p.out.shards;
    told->bad = p.bad;
done:
    ft_pack_threads_stop(&p);
    packing_fini(&p);
    return err;
}
