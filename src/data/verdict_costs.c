/* verdict_costs.c -- what a sample costs after packing, measured: a small loader over raw records
 * in memory that no cache holds, in random order, into batches as the real one makes them. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/loader.h"

#define BYTES_MOST    ((size_t)64 << 20) /* of records: more than caches have */
#define BATCH_BYTES   ((size_t)24 << 20) /* enough to be written around the caches */
#define RECORDS_MOST  65536
#define MEASURED_S    0.02
#define BYTES_S_FIRST 5e9 /* where it cannot be measured: as it was on Zen 4 */

/* ---- records in memory, as a mapped shard has them */
typedef struct records {
    uint8_t *at;
    size_t bytes;
    ft_field field;
} records;

typedef struct reader {
    const records *r;
    ft_array value;
} reader;

static ft_err reader_open(void **out, void *self, const int *wanted, size_t count) {
    (void)wanted, (void)count;
    reader *r = *out = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "out of memory for a reader");
    r->r = self;
    r->value = (ft_array){ .dtype = FT_U8, .ndim = r->r->field.ndim };
    memcpy(r->value.shape, r->r->field.shape, sizeof r->value.shape);
    return FT_OK;
}

static void reader_close(void *r) { free(r); }

static ft_err reader_read(ft_sample *out, void *self, uint64_t number) {
    reader *r = self;
    r->value.data = r->r->at + number * r->r->bytes;
    *out = (ft_sample){ .values = &r->value, .value_count = 1, .record = number };
    return FT_OK;
}

static uint64_t reader_id(const ft_sample *s) { return s->record; }

/* Bytes of a picture as bytes, or of a record as it is in a batch. */
static size_t record_shape(ft_field *f, const ft_stages *s) {
    const ft_array *a = &s->batch_picture;
    *f = (ft_field){ .name = FT_STR("image"), .dtype = FT_U8, .ndim = 1 };
    if (a->ndim == 3) {
        int c = s->channels_last ? 2 : 0, first = s->channels_last ? 0 : 1;
        f->ndim = 3;
        f->shape[0] = a->shape[first];
        f->shape[1] = a->shape[first + 1];
        f->shape[2] = a->shape[c];
        return (size_t)(f->shape[0] * f->shape[1] * f->shape[2]);
    }
    f->shape[0] = s->samples > 0 ? (int64_t)(s->bytes_batch / s->samples) : 1;
    if (f->shape[0] < 1) f->shape[0] = 1;
    return (size_t)f->shape[0];
}

/* ---- a run */
static double cpu_of(const ft_stages *s) {
    double sum = s->own_s;
    for (int i = FT_STAGE_NETWORK; i <= FT_STAGE_COPY; i++) sum += s->cpu_s[i];
    return sum;
}

/* Once through to warm up, then until enough was measured. */
static ft_err measure(double *out, ft_loader *l) {
    ft_loader_stats from = { 0 }, to;
    ft_batch *b;
    double spent = 0;
    for (uint64_t epoch = 0; !epoch || spent < MEASURED_S; epoch++) {
        ft_err err;
        if (epoch) FT_TRY(ft_loader_epoch(l, epoch));
        while (!(err = ft_loader_next(&b, l))) ft_batch_release(b);
        if (err != FT_ENOTFOUND) return err;
        ft_loader_told(epoch ? &to : &from, l);
        if (epoch) spent = cpu_of(&to.stages) - cpu_of(&from.stages);
    }
    *out = spent / (double)(to.samples - from.samples);
    return FT_OK;
}

static ft_err run(double *out, records *r, uint64_t count, const ft_stages *s, ft_dtype dtype) {
    ft_loader *l;
    size_t picture = r->bytes * ft_dtype_bytes(dtype), most = BATCH_BYTES / picture + 1;
    bool pictures = r->field.ndim == 3;
    ft_feed feed = { .fields = &r->field,
                     .field_count = 1,
                     .count = count,
                     .random = true,
                     .self = r,
                     .open = reader_open,
                     .close = reader_close,
                     .read = reader_read,
                     .id = reader_id };
    ft_loader_spec spec = { .batch = s->batch && s->batch < most ? s->batch : most,
                            .shuffle = FT_SHUFFLE_FULL,
                            .workers = s->workers < s->cores ? s->workers : s->cores,
                            .prefetch = 2 };
    spec.pixels = (ft_transform_opts){ .dtype = dtype, .channels_last = s->channels_last };
    if (pictures) spec.pixels.channels = (int)r->field.shape[2];
    if (pictures) spec.transforms = dtype == FT_U8 ? FT_STR("flip") : FT_STR("flip,normalise=half");
    FT_TRY(ft_loader_open(&l, &feed, &spec));
    ft_err err = measure(out, l);
    ft_loader_free(l);
    return err;
}

void ft_verdict_costs_measure(ft_verdict_costs *out, const ft_stages *s) {
    records r = { 0 };
    ft_dtype dtype = s->batch_picture.ndim == 3 ? s->batch_picture.dtype : FT_U8;
    r.bytes = record_shape(&r.field, s);
    uint64_t count = BYTES_MOST / r.bytes;
    if (count > RECORDS_MOST) count = RECORDS_MOST;
    if (s->records && count > s->records) count = s->records; /* a cache may hold them all */
    if (!count) count = 1;
    *out = (ft_verdict_costs){ (double)r.bytes * (double)ft_dtype_bytes(dtype) / BYTES_S_FIRST,
                               (double)r.bytes / BYTES_S_FIRST };
    r.at = ft_fault_here() ? NULL : malloc(count * r.bytes);
    if (!r.at) return;
    for (size_t i = 0; i < count * r.bytes; i++) r.at[i] = (uint8_t)i;
    if (run(&out->packed, &r, count, s, dtype) != FT_OK) ft_err_clear();
    if (dtype == FT_U8)
        out->narrow = out->packed;
    else if (run(&out->narrow, &r, count, s, FT_U8) != FT_OK)
        ft_err_clear();
    free(r.at);
}
