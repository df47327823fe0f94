/* cmd_data_look.c -- `fettle data ls|head|check|formats|transforms`: what is in a dataset, whether
 * it is whole, and what there is. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/pool.h"
#include "cli/data_args.h"
#include "cli/listing.h"
#include "data/transform.h"
#include "media/image.h"

#define FIELDS_SHOWN 8
#define RUN_RECORDS  256
#define ERRORS_MAX   100000

/* ---- formats */

static ft_err run_formats(ft_cli *cli) {
    static const char *const columns[] = { "format", "endings", "read", "written", "what" };
    ft_listing l;
    ft_dataset_kind k;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; ft_dataset_kinds(&k, i); i++) {
        ft_listing_text(&l, ft_str_of(k.name));
        ft_listing_text(&l, ft_str_of(k.endings));
        ft_listing_text(&l, k.reads ? FT_STR("yes") : FT_STR("no"));
        ft_listing_text(&l, k.writes ? FT_STR("yes") : FT_STR("no"));
        ft_listing_text(&l, ft_str_of(k.doc));
    }
    return ft_listing_print(&l, NULL);
}

static ft_err run_transforms(ft_cli *cli) {
    static const char *const columns[] = { "step", "what" };
    ft_listing l;
    const char *doc;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; (doc = ft_transform_help(i)); i++) {
        ft_str what = ft_str_of(doc), step = ft_str_of(doc);
        step.len = (size_t)(strstr(doc, ": ") - doc);
        ft_listing_text(&l, step);
        ft_listing_text(&l, ft_str_from(what, step.len + 2));
    }
    return ft_listing_print(&l, NULL);
}

/* ---- ls and head */

typedef struct look {
    ft_listing list;
    ft_buf text;
    const ft_field *fields;
    size_t field_count, shown;
} look;

static ft_err value_cell(look *k, size_t i, const ft_array *v, bool whole) {
    ft_buf_reset(&k->text);
    FT_TRY(ft_data_value(&k->text, &k->fields[i], v, whole));
    ft_listing_text(&k->list, ft_buf_str(&k->text));
    return k->list.err;
}

static ft_err ls_row(look *k, const ft_dataset *d, const ft_sample *s) {
    ft_listing_text(&k->list, ft_path_base(ft_dataset_shard_path(d, s->shard)));
    ft_listing_int(&k->list, (int64_t)s->record);
    ft_listing_int(&k->list, (int64_t)s->offset);
    ft_listing_int(&k->list, (int64_t)s->stored_bytes);
    for (size_t i = 0; i < k->shown; i++) FT_TRY(value_cell(k, i, &s->values[i], false));
    return k->list.err;
}

static ft_err head_rows(look *k, const ft_sample *s) {
    for (size_t i = 0; i < k->field_count; i++) {
        ft_field f = k->fields[i];
        const ft_array *v = &s->values[i];
        ft_listing_int(&k->list, (int64_t)s->record);
        ft_listing_text(&k->list, f.name);
        for (int n = 0; v->data && n < v->ndim; n++) f.shape[n] = v->shape[n];
        ft_buf_reset(&k->text);
        FT_TRY(ft_data_type(&k->text, &f));
        ft_listing_text(&k->list, ft_buf_str(&k->text));
        FT_TRY(value_cell(k, i, v, true));
    }
    return k->list.err;
}

/* Go to record `from` of all, then show `count` (0: all). */
static ft_err show(ft_cli *cli, look *k, ft_dataset *d, uint64_t from, uint64_t count, bool head) {
    ft_dataset_reader *r;
    ft_sample s;
    ft_err err;
    uint32_t shard = 0;
    FT_TRY(ft_dataset_reader_new(&r, d));
    while (shard + 1 < ft_dataset_shards(d) && from >= ft_dataset_shard_count(d, shard))
        from -= ft_dataset_shard_count(d, shard++);
    FT_GOTO(err, ft_dataset_seek(r, shard, from));
    for (uint64_t n = 0; count == 0 || n < count;) {
        err = ft_dataset_next(&s, r, NULL);
        if (err == FT_ENOTFOUND) {
            err = FT_OK;
            if (++shard == ft_dataset_shards(d)) break;
            FT_GOTO(err, ft_dataset_seek(r, shard, 0));
            continue;
        }
        FT_GOTO(err, err);
        FT_GOTO(err, head ? head_rows(k, &s) : ls_row(k, d, &s));
        n++;
    }
    err = ft_listing_print(&k->list, "no records");
    (void)cli;
done:
    ft_dataset_reader_free(r);
    return err;
}

static ft_err ls_columns(look *k, ft_cli *cli) {
    static const char *const first[] = { "file", "record", "byte", "bytes" };
    const char **columns;
    size_t count = FT_COUNT(first);
    k->shown = cli->json || k->field_count < FIELDS_SHOWN ? k->field_count : FIELDS_SHOWN;
    FT_TRY(ft_arena_items(&columns, &cli->arena, count + k->shown));
    for (size_t i = 0; i < count; i++) columns[i] = first[i];
    for (size_t i = 0; i < k->shown; i++) {
        ft_str name;
        FT_TRY(ft_arena_str(&name, &cli->arena, k->fields[i].name));
        columns[count + i] = name.at;
    }
    ft_listing_init(&k->list, cli, columns, (int)(count + k->shown));
    return FT_OK;
}

static ft_err look_at(ft_cli *cli, bool head) {
    static const char *const columns[] = { "record", "field", "type", "value" };
    ft_data_sources s;
    look k = { 0 };
    uint64_t from = (uint64_t)ft_params_int(cli->options, "start");
    uint64_t count = (uint64_t)ft_params_int(cli->options, "count");
    ft_err err = ft_data_open(&s, cli, cli->arg_count);
    if (err) goto done;
    k.fields = ft_dataset_fields(s.d, &k.field_count);
    if (!cli->json) {
        FT_GOTO(err, ft_data_summary(&k.text, s.d));
        printf("%s\n", k.text.at);
    }
    if (head)
        ft_listing_init(&k.list, cli, columns, FT_COUNT(columns));
    else
        FT_GOTO(err, ls_columns(&k, cli));
    err = show(cli, &k, s.d, from, count, head);
    if (err || cli->json || head) goto done;
    uint64_t all = ft_dataset_count(s.d);
    if (all != FT_DATASET_UNKNOWN && count && from + count < all)
        printf("%llu more: --start %llu, or --count 0 for all\n",
               (unsigned long long)(all - from - count), (unsigned long long)(from + count));
done:
    ft_buf_fini(&k.text);
    ft_data_close(&s);
    return err;
}

static ft_err run_ls(ft_cli *cli) { return look_at(cli, false); }
static ft_err run_head(ft_cli *cli) { return look_at(cli, true); }

/* ---- check */

typedef struct damage {
    uint32_t shard;
    uint64_t record, offset;
    ft_str why;
} damage;

typedef struct checking {
    ft_dataset *d;
    bool decode;
    uint64_t *runs; /* first run of each shard; and the end */
    pthread_mutex_t lock;
    ft_arena arena; /* of the damages; under the lock */
    damage *damages;
    size_t damage_count, damage_capacity;
    uint64_t bad, good, bytes;
} checking;

static ft_err damage_add(checking *c, const ft_sample *s) {
    c->bad++;
    if (c->damage_count == ERRORS_MAX) return FT_OK;
    FT_TRY(ft_arena_grow(&c->damages, &c->damage_capacity, &c->arena, c->damage_count));
    damage *d = &c->damages[c->damage_count];
    *d = (damage){ .shard = s->shard, .record = s->record, .offset = s->offset };
    FT_TRY(ft_arena_str(&d->why, &c->arena, ft_str_of(ft_err_why())));
    c->damage_count++;
    return FT_OK;
}

static ft_err decode_all(const checking *c, ft_decoder *decoder, const ft_sample *s) {
    size_t count;
    const ft_field *f = ft_dataset_fields(c->d, &count);
    for (size_t i = 0; i < count; i++) {
        ft_image image;
        const ft_array *v = &s->values[i];
        if (f[i].kind != FT_FIELD_IMAGE || !v->data) continue;
        ft_err err =
            ft_decoder_decode(&image, decoder, ft_str_n(v->data, (size_t)v->shape[0]), NULL);
        if (err)
            return ft_dataset_fail(ft_err_prefix(err, "field '%.*s'", FT_STR_ARG(f[i].name)), c->d,
                                   s);
    }
    return FT_OK;
}

/* Plain bytes may be none, but who checks wants to know. */
static ft_err nothing_told(const checking *c, const ft_sample *s) {
    size_t count;
    const ft_field *f = ft_dataset_fields(c->d, &count);
    if (count != 1 || f->kind != FT_FIELD_BYTES || !s->values->data || s->values->shape[0])
        return FT_OK;
    return ft_dataset_fail(FT_FAIL(FT_ECORRUPT, "the record is empty (0 bytes)"), c->d, s);
}

/* One record was read: count it. Fails only when there is no use in going on. */
static ft_err tally(checking *c, ft_decoder *decoder, const ft_sample *s, ft_err err) {
    if (!err) err = nothing_told(c, s);
    if (!err && c->decode) err = decode_all(c, decoder, s);
    if (err == FT_ENOMEM || err == FT_EABSENT) return err;
    pthread_mutex_lock(&c->lock);
    ft_err added = err ? damage_add(c, s) : FT_OK;
    c->good += !err;
    c->bytes += err ? 0 : s->stored_bytes;
    pthread_mutex_unlock(&c->lock);
    if (err) ft_err_clear();
    return added;
}

static ft_err check_run(void *ctx, size_t run) {
    checking *c = ctx;
    ft_dataset_reader *r = NULL;
    ft_decoder *decoder = NULL;
    uint32_t shard = 0;
    ft_err err;
    while (run >= c->runs[shard + 1]) shard++;
    uint64_t from = (run - c->runs[shard]) * RUN_RECORDS, to = from + RUN_RECORDS;
    if (to > ft_dataset_shard_count(c->d, shard)) to = ft_dataset_shard_count(c->d, shard);
    FT_GOTO(err, ft_dataset_reader_new(&r, c->d));
    if (c->decode) FT_GOTO(err, ft_decoder_new(&decoder));
    for (uint64_t i = from; i < to; i++) {
        ft_sample s;
        err = ft_dataset_read(&s, r, shard, i);
        FT_GOTO(err, tally(c, decoder, &s, err));
    }
    err = ft_dataset_intact(r);
done:
    ft_decoder_free(decoder);
    ft_dataset_reader_free(r);
    return err;
}

static ft_err check_random(checking *c, ft_arena *arena) {
    ft_pool *pool;
    uint32_t shards = ft_dataset_shards(c->d);
    FT_TRY(ft_arena_items(&c->runs, arena, (size_t)shards + 1));
    for (uint32_t i = 0; i < shards; i++)
        c->runs[i + 1] =
            c->runs[i] + (ft_dataset_shard_count(c->d, i) + RUN_RECORDS - 1) / RUN_RECORDS;
    FT_TRY(ft_pool_new(&pool, ft_cpu_count() - 1));
    ft_err err = ft_pool_run(pool, (size_t)c->runs[shards], check_run, c);
    ft_pool_free(pool);
    return err;
}

static ft_err check_ordered(checking *c) {
    ft_dataset_reader *r;
    ft_decoder *decoder = NULL;
    ft_err err;
    FT_TRY(ft_dataset_reader_new(&r, c->d));
    if (c->decode) FT_GOTO(err, ft_decoder_new(&decoder));
    for (uint32_t shard = 0; shard < ft_dataset_shards(c->d); shard++) {
        bool go_on = true;
        FT_GOTO(err, ft_dataset_seek(r, shard, 0));
        while (go_on) {
            ft_sample s;
            err = ft_dataset_next(&s, r, &go_on);
            if (err == FT_ENOTFOUND) break;
            FT_GOTO(err, tally(c, decoder, &s, err));
        }
    }
    err = FT_OK;
done:
    ft_decoder_free(decoder);
    ft_dataset_reader_free(r);
    return err;
}

static int by_place(const void *a, const void *b) {
    const damage *x = a, *y = b;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

static ft_err check_print(ft_cli *cli, checking *c, double seconds) {
    static const char *const columns[] = { "file", "record", "byte", "why" };
    ft_listing l;
    char size[32];
    size_t most = (size_t)ft_params_int(cli->options, "errors");
    qsort(c->damages, c->damage_count, sizeof *c->damages, by_place);
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < c->damage_count && (cli->json || i < most); i++) {
        const damage *d = &c->damages[i];
        ft_listing_text(&l, ft_dataset_shard_path(c->d, d->shard));
        ft_listing_int(&l, (int64_t)d->record);
        ft_listing_int(&l, (int64_t)d->offset);
        ft_listing_text(&l, d->why);
    }
    if (c->damage_count || cli->json) FT_TRY(ft_listing_print(&l, NULL));
    ft_text_size(size, c->bytes);
    if (!c->bad && !cli->json)
        printf("%llu records in %u file%s are whole (%s, %.2f s)\n", (unsigned long long)c->good,
               ft_dataset_shards(c->d), ft_dataset_shards(c->d) == 1 ? "" : "s", size, seconds);
    if (!c->bad) return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "%llu of %llu records are damaged", (unsigned long long)c->bad,
                   (unsigned long long)(c->bad + c->good));
}

static ft_err run_check(ft_cli *cli) {
    ft_data_sources s;
    checking c = { .lock = PTHREAD_MUTEX_INITIALIZER,
                   .decode = ft_params_bool(cli->options, "decode") };
    int64_t began = ft_clock_monotonic_us();
    ft_err err = ft_data_open(&s, cli, cli->arg_count);
    if (err) goto done;
    c.d = s.d;
    FT_GOTO(err, ft_dataset_random(s.d) ? check_random(&c, &cli->arena) : check_ordered(&c));
    err = check_print(cli, &c, (double)(ft_clock_monotonic_us() - began) / 1e6);
done:
    ft_arena_fini(&c.arena);
    ft_data_close(&s);
    return err;
}

/* ---- rows */

#define LOOK_OPTIONS(some)                                  \
    { .name = "start",                                      \
      .type = FT_PARAM_INT,                                 \
      .default_text = "0",                                  \
      .min = 0,                                             \
      .max = 9e18,                                          \
      .doc = "N: the first record that is shown, from 0" }, \
        { .name = "count",                                  \
          .type = FT_PARAM_INT,                             \
          .default_text = (some),                           \
          .min = 0,                                         \
          .max = 9e18,                                      \
          .doc = "N: how many; 0: all" },                   \
        FT_DATA_SOURCE_OPTIONS

static const ft_param ls_options[] = { LOOK_OPTIONS("20"), { 0 } };
static const ft_param head_options[] = { LOOK_OPTIONS("3"), { 0 } };
static const ft_param check_options[] = {
    { .name = "decode", .type = FT_PARAM_FLAG, .doc = "decode every picture too" },
    { .name = "errors",
      .type = FT_PARAM_INT,
      .default_text = "20",
      .min = 1,
      .max = ERRORS_MAX,
      .doc = "N: damaged records that are listed; --json lists all" },
    FT_DATA_SOURCE_OPTIONS,
    { 0 },
};

const ft_command ft_command_data_ls = {
    .name = "data ls",
    .args = "SOURCE…",
    .args_min = 1,
    .args_max = FT_ARGS_MAX,
    .doc = "the records of a dataset with their fields",
    .more = "  fettle data ls train.fts\n  fettle data ls photos/ --start 1000\n",
    .options = ls_options,
    .run = run_ls,
};
const ft_command ft_command_data_head = {
    .name = "data head",
    .args = "SOURCE…",
    .args_min = 1,
    .args_max = FT_ARGS_MAX,
    .doc = "the first records, field by field",
    .options = head_options,
    .run = run_head,
};
const ft_command ft_command_data_check = {
    .name = "data check",
    .args = "SOURCE…",
    .args_min = 1,
    .args_max = FT_ARGS_MAX,
    .doc = "verify every checksum and every record",
    .more = "Damaged records are listed with file, record and byte; the exit code is 65 when there "
            "is one.\n",
    .options = check_options,
    .run = run_check,
};
const ft_command ft_command_data_formats = {
    .name = "data formats",
    .doc = "the formats that datasets may have",
    .run = run_formats,
};
const ft_command ft_command_data_transforms = {
    .name = "data transforms",
    .doc = "the steps that pictures may go through while they are loaded",
    .more =
        "  fettle data bench train/ --transforms random_resized_crop=224,flip,normalise=imagenet\n",
    .run = run_transforms,
};
