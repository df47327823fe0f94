/* loader_stream.c -- a source's parts, read as they come, as a feed: nothing is kept on disk, the
 * next part is opened when the one before has ended. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/loader_feed.h"
#include "data/source.h"

typedef struct parts {
    ft_source *source;
    size_t count;
    ft_dataset_opts opts;
    char *format;      /* kept copies of the options' texts, one after another */
    ft_dataset *first; /* opened for its fields; what can be read once only is read through it */
    bool first_taken;
} parts;

typedef struct part_reader {
    parts *p;
    uint32_t *order;
    uint32_t turn;
    ft_dataset *dataset; /* of this turn */
    ft_dataset_reader *reader;
    int wanted[FT_DATASET_FIELDS_MAX];
    size_t wanted_count;
} part_reader;

static ft_err open_part(ft_dataset **out, parts *p, size_t part) {
    ft_input *in;
    FT_TRY(ft_source_input(&in, p->source, part, &(ft_input_opts){ .no_hash = true }));
    return ft_dataset_open_input(out, in, &p->opts);
}

/* ---- a reader */
static void leave_part(part_reader *r) {
    ft_dataset_reader_free(r->reader);
    if (r->dataset != r->p->first) ft_dataset_free(r->dataset);
    r->reader = NULL;
    r->dataset = NULL;
}

static void part_close(void *reader) {
    part_reader *r = reader;
    if (!r) return;
    leave_part(r);
    free(r->order);
    free(r);
}

static ft_err part_open(void **reader, void *self, const int *wanted, size_t wanted_count) {
    ft_err err = FT_OK;
    part_reader *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    *reader = NULL;
    if (!r) return FT_FAIL(FT_ENOMEM, "out of memory for a reader");
    r->p = self;
    r->wanted_count = wanted_count;
    memcpy(r->wanted, wanted, wanted_count * sizeof *wanted);
    r->order = ft_fault_here() ? NULL : calloc(r->p->count + 1, sizeof *r->order);
    if (!r->order) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "out of memory for a reader"));
    *reader = r;
    r = NULL;
done:
    part_close(r);
    return err;
}

static ft_err part_start(void *reader, uint64_t key) {
    part_reader *r = reader;
    ft_random random;
    ft_random_seed(&random, key);
    leave_part(r);
    for (uint32_t i = 0; i < r->p->count; i++) {
        uint32_t j = key ? (uint32_t)ft_random_below(&random, (uint64_t)i + 1) : i;
        r->order[i] = r->order[j];
        r->order[j] = i;
    }
    r->turn = 0;
    return FT_OK;
}

/* Every part has the fields of the first. */
static ft_err check_fields(const part_reader *r) {
    size_t count, first_count;
    const ft_field *f = ft_dataset_fields(r->dataset, &count);
    const ft_field *first = ft_dataset_fields(r->p->first, &first_count);
    for (size_t i = 0; i < r->wanted_count; i++) {
        size_t w = (size_t)r->wanted[i];
        if (count == first_count && ft_str_eq(f[w].name, first[w].name) &&
            f[w].kind == first[w].kind && f[w].dtype == first[w].dtype)
            continue;
        return FT_FAIL(FT_ECORRUPT,
                       "%.*s has other fields than the first part: no %.*s of that kind",
                       FT_STR_ARG(ft_dataset_shard_path(r->dataset, 0)), FT_STR_ARG(first[w].name));
    }
    return FT_OK;
}

/* The first part was opened for its fields: a pipe cannot be opened twice, so its first reading is
 * that. */
static ft_err enter_part(part_reader *r) {
    parts *p = r->p;
    uint32_t part = r->order[r->turn];
    if (part == 0 && !p->first_taken) {
        p->first_taken = true;
        r->dataset = p->first;
    } else {
        FT_TRY(open_part(&r->dataset, p, part));
    }
    FT_TRY(check_fields(r));
    FT_TRY(ft_dataset_reader_new(&r->reader, r->dataset));
    FT_TRY(ft_dataset_want(r->reader, r->wanted, r->wanted_count));
    return ft_dataset_seek(r->reader, 0, 0);
}

static ft_err part_next(ft_sample *out, void *reader, bool *can_go_on) {
    part_reader *r = reader;
    for (; r->turn < r->p->count; r->turn++, leave_part(r)) {
        *can_go_on = false;
        if (!r->reader) FT_TRY(enter_part(r));
        ft_err err = ft_dataset_next(out, r->reader, can_go_on);
        if (err == FT_ENOTFOUND) continue;
        if (!err) out->shard = r->order[r->turn];
        return err;
    }
    return FT_ENOTFOUND;
}

static uint64_t part_id(const ft_sample *s) { return (uint64_t)s->shard << 40 | s->record; }
static ft_str part_name(void *self, const ft_sample *s) {
    size_t count;
    return ft_source_parts(((parts *)self)->source, &count)[s->shard].name;
}

static void parts_free(void *self) {
    parts *p = self;
    if (!p) return;
    ft_dataset_free(p->first);
    ft_source_free(p->source);
    free(p->format);
    free(p);
}

/* ---- opening */
static ft_err keep_opts(parts *p, const ft_dataset_opts *opts) {
    if (!opts) return FT_OK;
    p->opts = *opts;
    ft_str *texts[] = { &p->opts.format, &p->opts.payload, &p->opts.label };
    size_t total = 1, at = 0;
    for (size_t i = 0; i < FT_COUNT(texts); i++) total += texts[i]->len;
    p->format = ft_fault_here() ? NULL : malloc(total);
    if (!p->format) return FT_FAIL(FT_ENOMEM, "out of memory for a data set");
    for (size_t i = 0; i < FT_COUNT(texts); i++) {
        if (texts[i]->len) memcpy(p->format + at, texts[i]->at, texts[i]->len);
        texts[i]->at = p->format + at;
        at += texts[i]->len;
    }
    return FT_OK;
}

static uint64_t print_of(const ft_part *list, size_t count) {
    uint64_t print = count;
    for (size_t i = 0; i < count; i++)
        print = ft_hash64(list[i].below, print) ^ list[i].size_bytes * 0x9e3779b97f4a7c15u;
    return print;
}

ft_err ft_feed_stream(ft_feed *out, ft_str where, const ft_dataset_opts *opts) {
    ft_err err = FT_OK;
    parts *p = ft_fault_here() ? NULL : calloc(1, sizeof *p);
    *out = (ft_feed){ 0 };
    if (!p) return FT_FAIL(FT_ENOMEM, "out of memory for a data set");
    FT_GOTO(err, keep_opts(p, opts));
    FT_GOTO(err, ft_source_open(&p->source, where, NULL));
    const ft_part *list = ft_source_parts(p->source, &p->count);
    FT_GOTO(err, open_part(&p->first, p, 0));
    *out =
        (ft_feed){ .count = FT_DATASET_UNKNOWN,
                   .place = ft_str_starts(where, FT_STR("s3://")) ? FT_FEED_NETWORK : FT_FEED_DISK,
                   .print = print_of(list, p->count),
                   .self = p,
                   .open = part_open,
                   .close = part_close,
                   .start = part_start,
                   .next = part_next,
                   .id = part_id,
                   .where = part_name,
                   .free = parts_free };
    out->fields = ft_dataset_fields(p->first, &out->field_count);
    p = NULL;
done:
    parts_free(p);
    return err;
}
