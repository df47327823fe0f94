/* loader_feed.c -- files as a feed: one dataset, its shards numbered through. */
#include "data/loader_feed.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/random.h"

typedef struct files {
    ft_dataset *dataset;
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

static ft_err of_dataset(ft_feed *out, ft_dataset *d, ft_feed_place place, bool ours) {
    ft_err err = FT_OK;
    files *f = ft_fault_here() ? NULL : calloc(1, sizeof *f);
    *out = (ft_feed){ 0 };
    if (!f) return FT_FAIL(FT_ENOMEM, "out of memory for a data set");
    f->dataset = d;
    f->shards = ft_dataset_shards(d);
    uint64_t count = ft_dataset_count(d);
    bool random = ft_dataset_random(d) && count != FT_DATASET_UNKNOWN;
    if (random) FT_GOTO(err, number_through(f));
    f->ours = ours;
    *out = (ft_feed){ .count = count,
                      .random = random,
                      .place = place,
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

ft_err ft_feed_of(ft_feed *out, ft_dataset *d, ft_feed_place place) {
    return of_dataset(out, d, place, false);
}

ft_err ft_feed_dataset(ft_feed *out, const ft_str *paths, size_t count,
                       const ft_dataset_opts *opts) {
    ft_dataset *d;
    *out = (ft_feed){ 0 };
    FT_TRY(ft_dataset_open(&d, paths, count, opts));
    ft_err err = of_dataset(out, d, FT_FEED_DISK, true);
    if (err) ft_dataset_free(d);
    return err;
}

void ft_feed_free(ft_feed *f) {
    if (f->free) f->free(f->self);
    *f = (ft_feed){ 0 };
}
