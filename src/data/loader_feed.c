/* loader_feed.c -- files as a feed: one dataset, its shards numbered through. */
#include "data/loader_feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/source.h"

typedef struct files {
    ft_dataset *dataset;
    ft_arena arena;      /* of paths */
    ft_source **sources; /* that the paths belong to */
    size_t source_count;
    bool ours;
    uint32_t shards;
    uint64_t *firsts; /* number of each shard's first record; one more at the end. NULL: stream */
} files;

typedef struct file_reader {
    files *f;
    ft_dataset_reader *reader;
    uint32_t *order; /* of shards, for streams */
    uint32_t turn;
    bool begun; /* the shard of this turn is open */
} file_reader;

static void reader_close(void *reader) {
    file_reader *r = reader;
    if (!r) return;
    ft_dataset_reader_free(r->reader);
    free(r->order);
    free(r);
}

static ft_err reader_open(void **reader, void *self, const int *wanted, size_t wanted_count) {
    ft_err err = FT_OK;
    file_reader *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    *reader = NULL;
    if (!r) return FT_FAIL(FT_ENOMEM, "out of memory for a reader");
    r->f = self;
    r->order = ft_fault_here() ? NULL : calloc(r->f->shards ? r->f->shards : 1, sizeof *r->order);
    if (!r->order) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "out of memory for a reader"));
    FT_GOTO(err, ft_dataset_reader_new(&r->reader, r->f->dataset));
    FT_GOTO(err, ft_dataset_want(r->reader, wanted, wanted_count));
    *reader = r;
    r = NULL;
done:
    reader_close(r);
    return err;
}

static ft_err reader_read(ft_sample *out, void *reader, uint64_t number) {
    file_reader *r = reader;
    uint32_t low = 0, high = r->f->shards - 1;
    while (low < high) { /* the last shard whose first record is not after it */
        uint32_t mid = low + (high - low + 1) / 2;
        if (r->f->firsts[mid] <= number)
            low = mid;
        else
            high = mid - 1;
    }
    return ft_dataset_read(out, r->reader, low, number - r->f->firsts[low]);
}

static ft_err reader_start(void *reader, uint64_t key) {
    file_reader *r = reader;
    ft_random random;
    ft_random_seed(&random, key);
    for (uint32_t i = 0; i < r->f->shards; i++) {
        uint32_t j = key ? (uint32_t)ft_random_below(&random, (uint64_t)i + 1) : i;
        r->order[i] = r->order[j];
        r->order[j] = i;
    }
    r->turn = 0;
    r->begun = false;
    return FT_OK;
}

static ft_err reader_next(ft_sample *out, void *reader, bool *can_go_on) {
    file_reader *r = reader;
    for (; r->turn < r->f->shards; r->turn++, r->begun = false) {
        *can_go_on = false;
        if (!r->begun) FT_TRY(ft_dataset_seek(r->reader, r->order[r->turn], 0));
        r->begun = true;
        ft_err err = ft_dataset_next(out, r->reader, can_go_on);
        if (err != FT_ENOTFOUND) return err;
    }
    return FT_ENOTFOUND;
}

static ft_err reader_intact(void *reader) {
    return ft_dataset_intact(((file_reader *)reader)->reader);
}

static uint64_t place_of(const ft_sample *s) { return (uint64_t)s->shard << 40 | s->record; }

static ft_str file_of(void *self, const ft_sample *s) {
    return ft_dataset_shard_path(((files *)self)->dataset, s->shard);
}

static void files_free(void *self) {
    files *f = self;
    if (!f) return;
    if (f->ours) ft_dataset_free(f->dataset);
    for (size_t i = 0; i < f->source_count; i++) ft_source_free(f->sources[i]);
    ft_arena_fini(&f->arena);
    free(f->firsts);
    free(f);
}

/* Names and counts of the shards: another set of files is told from this one. */
static uint64_t print_of(const ft_dataset *d, uint32_t shards) {
    uint64_t print = shards;
    for (uint32_t i = 0; i < shards; i++) {
        ft_str path = ft_dataset_shard_path(d, i);
        size_t base = path.len;
        while (base && path.at[base - 1] != '/') base--;
        print = ft_hash64(ft_str_from(path, base), print);
        print ^= ft_dataset_shard_count(d, i) * 0x9e3779b97f4a7c15u;
    }
    return print;
}

static ft_err number_through(files *f) {
    f->firsts = ft_fault_here() ? NULL : calloc((size_t)f->shards + 1, sizeof *f->firsts);
    if (!f->firsts) return FT_FAIL(FT_ENOMEM, "out of memory for %u shards", f->shards);
    for (uint32_t i = 0; i < f->shards; i++)
        f->firsts[i + 1] = f->firsts[i] + ft_dataset_shard_count(f->dataset, i);
    return FT_OK;
}

static ft_err files_new(files **out) {
    *out = ft_fault_here() ? NULL : calloc(1, sizeof **out);
    return *out ? FT_OK : FT_FAIL(FT_ENOMEM, "out of memory for a data set");
}

/* The feed of f->dataset. Takes f, whatever happens. */
static ft_err feed_of(ft_feed *out, files *f, ft_feed_place place) {
    ft_err err = FT_OK;
    ft_dataset *d = f->dataset;
    f->shards = ft_dataset_shards(d);
    uint64_t count = ft_dataset_count(d);
    bool random = ft_dataset_random(d) && count != FT_DATASET_UNKNOWN;
    if (random) FT_GOTO(err, number_through(f));
    *out = (ft_feed){ .count = count,
                      .random = random,
                      .place = place,
                      .block_io = place == FT_FEED_DISK,
                      .print = print_of(d, f->shards),
                      .self = f,
                      .open = reader_open,
                      .close = reader_close,
                      .read = reader_read,
                      .start = reader_start,
                      .next = reader_next,
                      .intact = ft_dataset_mapped(d) ? reader_intact : NULL,
                      .id = place_of,
                      .where = file_of,
                      .free = files_free };
    out->fields = ft_dataset_fields(d, &out->field_count);
    f = NULL;
done:
    files_free(f);
    return err;
}

/* ---- objects: kept in the cache by their ETag, read from there */
typedef struct paths {
    ft_str *at;
    size_t count, room;
} paths;

static ft_err add_path(paths *p, ft_arena *arena, ft_str path) {
    if (p->count == p->room) {
        ft_str *more;
        p->room = p->room ? 2 * p->room : 16;
        FT_TRY(ft_arena_items(&more, arena, p->room));
        if (p->count) memcpy(more, p->at, p->count * sizeof *more);
        p->at = more;
    }
    return ft_arena_str(&p->at[p->count++], arena, path);
}

static ft_err add_objects(paths *p, files *f, ft_str uri) {
    size_t count;
    const char *local;
    ft_source *s;
    FT_TRY(ft_source_open(&s, uri, NULL));
    f->sources[f->source_count++] = s;
    ft_source_parts(s, &count);
    for (size_t i = 0; i < count; i++) {
        FT_TRY(ft_source_path(&local, s, i));
        FT_TRY(add_path(p, &f->arena, ft_str_of(local)));
    }
    return FT_OK;
}

static bool is_object(ft_str path) { return ft_str_starts(path, FT_STR("s3://")); }

static ft_err open_paths(files *f, const ft_str *given, size_t count, const ft_dataset_opts *opts) {
    paths p = { 0 };
    FT_TRY(ft_arena_items(&f->sources, &f->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        if (is_object(given[i]))
            FT_TRY(add_objects(&p, f, given[i]));
        else
            FT_TRY(add_path(&p, &f->arena, given[i]));
    }
    FT_TRY(ft_dataset_open(&f->dataset, p.at, p.count, opts));
    f->ours = true;
    return FT_OK;
}

ft_err ft_feed_dataset(ft_feed *out, const ft_str *given, size_t count,
                       const ft_dataset_opts *opts) {
    files *f;
    *out = (ft_feed){ 0 };
    FT_TRY(files_new(&f));
    ft_err err = open_paths(f, given, count, opts);
    if (err) {
        files_free(f);
        return err;
    }
    return feed_of(out, f, FT_FEED_DISK);
}

void ft_feed_free(ft_feed *f) {
    if (f->free) f->free(f->self);
    *f = (ft_feed){ 0 };
}
