/* dataset.c -- datasets: fields, and opening through the registry of formats; see dataset.h. Which
 * files a path stands for is in dataset_paths.c, reading in dataset_read.c. */
#include "data/dataset.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/pool.h"
#include "data/dataset_in.h"
#include "data/dataset_paths_in.h"
#include "data/record.h"
#include "data/shown.h"

#define SHARDS_BESIDE 4 /* fewer are opened before threads are */

/* ---- fields */

ft_err ft_set_field(ft_dataset *d, const ft_field *f) {
    if (d->field_count == FT_DATASET_FIELDS_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %zu fields", FT_DATASET_FIELDS_MAX);
    if (d->field_count == d->field_capacity) {
        size_t capacity = d->field_capacity ? d->field_capacity * 2 : 16;
        ft_field *fields;
        FT_TRY(ft_arena_items(&fields, &d->arena, capacity));
        if (d->field_count) memcpy(fields, d->fields, d->field_count * sizeof *fields);
        d->fields = fields;
        d->field_capacity = capacity;
    }
    d->fields[d->field_count] = *f;
    FT_TRY(ft_arena_str(&d->fields[d->field_count].name, &d->arena, f->name));
    d->field_count++;
    return FT_OK;
}

ft_err ft_set_same(const ft_set_shard *s, const ft_field *fields, size_t count) {
    const ft_dataset *d = s->d;
    size_t same = 0;
    while (same < count && same < d->field_count &&
           ft_str_eq(fields[same].name, d->fields[same].name) &&
           fields[same].kind == d->fields[same].kind &&
           fields[same].dtype == d->fields[same].dtype && fields[same].ndim == d->fields[same].ndim)
        same++;
    if (same == count && same == d->field_count) return FT_OK;
    const ft_field *f = same < d->field_count ? &d->fields[same] : &fields[same];
    return FT_FAIL(FT_EINVAL, "'%s' has other fields than '%s': %s '%s'", s->path,
                   d->shards[0].path, same < d->field_count ? "no such" : "one more,",
                   ft_shown(f->name));
}

const ft_field *ft_dataset_fields(const ft_dataset *d, size_t *count) {
    if (count) *count = d->field_count;
    return d->fields;
}

int ft_dataset_find(const ft_dataset *d, ft_str name) {
    return ft_fields_find(d->fields, d->field_count, name);
}

/* ---- opening */

static bool is_text(const ft_dataset_format *f) {
    return f == &ft_set_csv || f == &ft_set_libsvm || f == &ft_set_jsonl;
}

/* What is named as a format of bytes that begin in a known way, and looks like mere text or
 * nothing, is a damaged one. */
static ft_err name_kept(const ft_dataset_format *found, ft_str head, ft_str path) {
    const ft_dataset_format *named = ft_dataset_format_ending(path);
    if (!head.len || !named || !ft_set_sniff_of(named) || is_text(named) || named == &ft_set_lst)
        return FT_OK;
    if (found && !is_text(found)) return FT_OK;
    return FT_FAIL(FT_ECORRUPT,
                   "'%.*s' is named as %s, but begins otherwise: it is damaged, or something else",
                   FT_STR_ARG(path), named->name);
}

static ft_err format_choose(ft_dataset *d, ft_input *in, ft_str path) {
    ft_str head;
    int best = 0;
    if (d->opts.format.len) return ft_dataset_format_find(&d->format, d->opts.format);
    FT_TRY(ft_input_peek(&head, in, FT_SET_HEAD_BYTES));
    d->format = ft_set_sniff(head, path, &best);
    FT_TRY(name_kept(d->format, head, path));
    if (d->format) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' begins like no format that is known here%s",
                   FT_STR_ARG(path), head.len ? "" : " (it is empty)");
}

static ft_err dataset_new(ft_dataset **out, const ft_dataset_opts *opts) {
    *out = ft_fault_here() ? NULL : calloc(1, sizeof **out);
    if (!*out) return FT_FAIL(FT_ENOMEM, "no memory for a dataset");
    (*out)->arena.limit_bytes = SIZE_MAX / 2; /* grows with the number of files */
    (*out)->random = true;
    (*out)->meta = FT_STR("{}");
    if (opts) (*out)->opts = *opts;
    return FT_OK;
}

static ft_err shard_prepare(ft_dataset *d, uint32_t i, const char *path) {
    ft_set_shard *s = &d->shards[i];
    struct stat st;
    *s = (ft_set_shard){ .d = d, .number = i, .path = path, .count = FT_DATASET_UNKNOWN };
    if (!d->stream && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        s->size_bytes = (uint64_t)st.st_size;
    s->state = ft_fault_here() ? NULL : calloc(1, d->format->shard_bytes + 1);
    if (!s->state) return FT_FAIL(FT_ENOMEM, "no memory to read '%s'", path);
    d->shard_count = i + 1; /* from now on it is closed with the others */
    return FT_OK;
}

typedef struct opening {
    ft_dataset *d;
    uint32_t first;
} opening;

static ft_err shard_open(void *ctx, size_t i) {
    const opening *o = ctx;
    return o->d->format->open(&o->d->shards[o->first + i]);
}

/* One after another until there are fields, then by all cores: where records stand has to be looked
 * for in most formats. */
static ft_err shards_look(ft_dataset *d) {
    opening o = { .d = d };
    ft_pool *pool;
    while (o.first < d->shard_count && !d->field_count) {
        FT_TRY(shard_open(&o, 0));
        o.first++;
    }
    uint32_t left = d->shard_count - o.first;
    if (left < SHARDS_BESIDE) {
        for (; left; o.first++, left--) FT_TRY(shard_open(&o, 0));
        return FT_OK;
    }
    FT_TRY(ft_pool_new(&pool, ft_cpu_count() - 1));
    ft_err err = ft_pool_run(pool, left, shard_open, &o);
    ft_pool_free(pool);
    return err;
}

static ft_err shards_open(ft_dataset *d, const char *const *paths, size_t count) {
    FT_TRY(ft_arena_items(&d->shards, &d->arena, count));
    for (size_t i = 0; i < count; i++) FT_TRY(shard_prepare(d, (uint32_t)i, paths[i]));
    FT_TRY(shards_look(d));
    for (size_t i = 0; i < count; i++) {
        const ft_set_shard *s = &d->shards[i];
        d->random = d->random && !s->ordered;
        d->copies = d->copies || s->copies;
        if (s->count == FT_DATASET_UNKNOWN || d->total == FT_DATASET_UNKNOWN)
            d->total = FT_DATASET_UNKNOWN;
        else
            d->total += s->count;
    }
    if (d->total == FT_DATASET_UNKNOWN || !d->format->read) d->random = false;
    if (!d->field_count)
        return FT_FAIL(FT_EINVAL, "'%s' has no record, so its fields are not known", paths[0]);
    return ft_set_names_read(d, paths[0]);
}

/* What the first path is; a FIFO is taken as a stream, since looking at it uses it up. */
static ft_err first_look(ft_dataset *d, const char *path) {
    ft_err err;
    ft_input *in = NULL;
    struct stat st;
    if (d->picture_count) return ft_set_folder_format(d, path);
    if (stat(path, &st) != 0) return FT_FAIL_ERRNO("cannot look at '%s'", path);
    if (S_ISDIR(st.st_mode)) return ft_set_folder_format(d, path);
    if (d->opts.format.len && S_ISREG(st.st_mode))
        return ft_dataset_format_find(&d->format, d->opts.format);
    if (!d->opts.format.len && S_ISREG(st.st_mode)) { /* known by their names alone */
        d->format = ft_dataset_format_ending(ft_str_of(path));
        if (d->format && !ft_set_sniff_of(d->format)) return FT_OK;
        d->format = NULL;
    }
    ft_input_opts opts = { .no_hash = true };
    FT_GOTO(err, ft_input_open(&in, path, &opts));
    FT_GOTO(err, format_choose(d, in, ft_str_of(path)));
    if (!S_ISREG(st.st_mode)) {
        d->stream = in;
        d->stream_first = true;
        in = NULL;
    }
done:
    ft_input_free(in);
    return err;
}

ft_err ft_dataset_open(ft_dataset **out, const ft_str *paths, size_t count,
                       const ft_dataset_opts *opts) {
    ft_err err;
    ft_dataset *d = NULL;
    const char **files;
    size_t file_count;
    *out = NULL;
    FT_GOTO(err, dataset_new(&d, opts));
    FT_GOTO(err, ft_set_paths(&files, &file_count, d, paths, count));
    FT_GOTO(err, first_look(d, files[0]));
    if (d->stream && file_count > 1)
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "'%s' is a pipe: it must be the only path", files[0]));
    FT_GOTO(err, shards_open(d, files, file_count));
    *out = d;
    d = NULL;
done:
    ft_dataset_free(d);
    return err;
}

ft_err ft_dataset_open_input(ft_dataset **out, ft_input *in, const ft_dataset_opts *opts) {
    ft_err err;
    ft_dataset *d = NULL;
    ft_str name;
    *out = NULL;
    FT_GOTO(err, dataset_new(&d, opts));
    d->stream = in;
    d->stream_first = true;
    in = NULL;
    FT_GOTO(err, ft_arena_str(&name, &d->arena, ft_input_name(d->stream)));
    FT_GOTO(err, format_choose(d, d->stream, name));
    const char *path = name.at;
    FT_GOTO(err, shards_open(d, &path, 1));
    *out = d;
    d = NULL;
done:
    ft_input_free(in);
    ft_dataset_free(d);
    return err;
}

void ft_dataset_free(ft_dataset *d) {
    if (!d) return;
    for (uint32_t i = 0; i < d->shard_count; i++) {
        if (d->format->close) d->format->close(&d->shards[i]);
        free(d->shards[i].state);
    }
    if (d->plan && d->plan_free) d->plan_free(d->plan);
    ft_input_free(d->stream);
    ft_arena_fini(&d->arena);
    free(d);
}

const char *ft_dataset_format_name(const ft_dataset *d) { return d->format->name; }
ft_str ft_dataset_meta(const ft_dataset *d) { return d->meta; }
uint32_t ft_dataset_shards(const ft_dataset *d) { return d->shard_count; }
uint64_t ft_dataset_count(const ft_dataset *d) { return d->total; }
bool ft_dataset_random(const ft_dataset *d) { return d->random; }
bool ft_dataset_mapped(const ft_dataset *d) { return d->format->mapped && !d->copies; }

ft_str ft_dataset_shard_path(const ft_dataset *d, uint32_t shard) {
    FT_CHECK(shard < d->shard_count);
    return ft_str_of(d->shards[shard].path);
}

uint64_t ft_dataset_shard_count(const ft_dataset *d, uint32_t shard) {
    FT_CHECK(shard < d->shard_count);
    return d->shards[shard].count;
}

size_t ft_set_record_max(const ft_dataset *d) {
    return d->opts.record_bytes_max ? d->opts.record_bytes_max : FT_RECORD_BYTES_MAX;
}
