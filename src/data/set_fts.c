/* set_fts.c -- raw shards (shard.h) as a dataset. */
#include "base/check.h"
#include "data/dataset_in.h"
#include "data/shard.h"
#include "data/shard_in.h"

typedef struct state {
    ft_shard *shard;
} state;

static int sniff(ft_str head, ft_str path) {
    (void)path;
    return ft_str_starts(head, FT_STR(FT_SHARD_MAGIC)) ? 100 : 0;
}

static ft_err shard_open(ft_set_shard *s) {
    state *st = s->state;
    size_t count;
    ft_shard_opts opts = { .no_check = s->d->opts.no_check };
    if (s->d->stream)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "'%s' is a raw shard: it is read from a file, not from a pipe", s->path);
    FT_TRY(ft_shard_open(&st->shard, s->path, &opts));
    s->count = ft_shard_count(st->shard);
    const ft_field *fields = ft_shard_fields(st->shard, &count);
    if (s->number) return ft_set_same(s, fields, count);
    for (size_t i = 0; i < count; i++) FT_TRY(ft_set_field(s->d, &fields[i]));
    return ft_arena_str(&s->d->meta, &s->d->arena, ft_shard_meta(st->shard));
}

static void shard_close(ft_set_shard *s) { ft_shard_free(((state *)s->state)->shard); }

static ft_err shard_read(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, uint64_t record) {
    ft_set_touch(r, s->number);
    return ft_shard_read(r->values, ((state *)s->state)->shard, record, &out->offset,
                         &out->stored_bytes);
}

static ft_err intact(ft_dataset_reader *r, ft_set_shard *s) {
    (void)r;
    return ft_shard_intact(((state *)s->state)->shard);
}

/* ---- writing */

typedef struct writing {
    ft_shard_writer *w;
} writing;

static ft_err write_begin(ft_dataset_writer *w) {
    return ft_shard_writer_new(&((writing *)w->state)->w, w->path, w->fields, w->field_count);
}

static ft_err write_one(ft_dataset_writer *w, const ft_array *values) {
    return ft_shard_write(((writing *)w->state)->w, values);
}

static uint64_t written(const ft_dataset_writer *w) {
    return ft_shard_written(((writing *)w->state)->w);
}

static ft_err write_end(ft_dataset_writer *w) {
    return ft_shard_writer_end(((writing *)w->state)->w, w->opts.meta);
}

static void write_free(ft_dataset_writer *w) { ft_shard_writer_free(((writing *)w->state)->w); }

const ft_dataset_format ft_set_fts = {
    .name = "fts",
    .doc = "raw shards: fields ready to be copied into a batch, checksums, random access",
    .endings = FT_SHARD_ENDING,
    .media_types = "application/x-fettle-shard",
    .mapped = true,
    .sniff = sniff,
    .shard_bytes = sizeof(state),
    .open = shard_open,
    .close = shard_close,
    .read = shard_read,
    .intact = intact,
    .write_bytes = sizeof(writing),
    .write_begin = write_begin,
    .write = write_one,
    .written = written,
    .write_end = write_end,
    .write_free = write_free,
};
