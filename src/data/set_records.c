/* set_records.c -- files of records (record.h) as datasets: where records stand is found by an
 * index file or by passing over them once, what they mean is the payload's business (payload_in.h).
 *
 * Packed files and pipes are read in order only. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "data/dataset_in.h"
#include "data/payload_in.h"
#include "data/record_in.h"
#include "data/set_records_in.h"
#include "data/shown.h"
#include "data/table_in.h"

#define SEEN_MAX    4096              /* records that the fields are made from … */
#define SEEN_BYTES  ((size_t)1 << 20) /* … and bytes, more when no record is whole in these */
#define FRAME_SLACK ((size_t)1 << 16) /* of a frame around its payload */

typedef struct shard {
    uint64_t *offsets; /* of each record, and of the end */
} shard;

typedef struct reading {
    ft_input *in; /* over one frame */
    ft_record_read read;
    ft_records *stream; /* in order */
} reading;

/* ---- the plan */

/* Makes a plan from the records that are whole in `head`; p->records of them. `cut`: the file goes
 * on, so that the last one may be half. Records that cannot be read are passed over as long as one
 * can: the reader will name them. */
static ft_err plan_try(ft_payload_plan *p, const ft_dataset_format *kind, ft_str head, ft_str path,
                       bool cut) {
    const ft_record_format *format = kind->records;
    ft_records *r = NULL;
    ft_record record;
    ft_record_opts opts = { .format = ft_str_of(format->name),
                            .bad_max = SEEN_MAX,
                            .record_bytes_max = SIZE_MAX / 4 };
    ft_err err, first = FT_OK;
    p->count = 0;
    p->records = 0;
    FT_GOTO(err, ft_records_bytes(&r, head, path, &opts));
    p->begun = ft_records_state(r);
    if (format->head) FT_GOTO(err, ft_arena_str(&p->head, p->arena, format->head(p->begun)));
    while (p->records < SEEN_MAX && !(err = ft_records_next(r, &record))) {
        if (cut && ft_records_offset(r) >= head.len) break;
        bool nothing = !record.bytes.len && kind->any_bytes && p->payload != &ft_payload_bytes;
        if (nothing) continue; /* an empty record tells nothing; its reader names it */
        err = p->payload->see(p, record.bytes);
        if (!err) {
            p->records++;
        } else if (p->records == 0) {
            err =
                ft_err_prefix(err, "'%.*s', record %llu (byte %llu)", FT_STR_ARG(path),
                              (unsigned long long)record.number, (unsigned long long)record.offset);
            goto done;
        }
    }
    if (err && err != FT_ENOTFOUND && p->records == 0) first = err;
    if (!first) ft_err_clear();
    err = first;
    for (size_t i = 0; i < p->count; i++)
        if (p->fields[i].shape[0] == FT_PAYLOAD_UNSURE) p->fields[i].shape[0] = -1;
    if (p->records && p->payload->seen) err = p->payload->seen(p);
done:
    ft_records_free(r);
    p->begun = NULL;
    return err;
}

static ft_err plan_fields(ft_dataset *d, ft_payload_plan *p) {
    for (size_t i = 0; i < p->count; i++) FT_TRY(ft_set_field(d, &p->fields[i]));
    d->head = p->head;
    d->plan = p;
    return FT_OK;
}

/* Looks at more and more of the file, until a record is whole. */
static ft_err plan_grow(ft_payload_plan *p, ft_set_shard *s, ft_input *in) {
    size_t most = ft_set_record_max(s->d) + FRAME_SLACK;
    for (size_t want = SEEN_BYTES;; want *= 4) {
        ft_str head;
        FT_TRY(ft_input_peek(&head, in, want));
        ft_err err = plan_try(p, s->d->format, head, ft_input_name(in), head.len >= want);
        if (!err && (p->records || head.len < want)) return FT_OK;
        if (head.len < want || (err && p->records)) return err;
        if (want > most)
            return FT_FAIL(FT_ETOOBIG, "'%s': its first record has more than %zu bytes", s->path,
                           ft_set_record_max(s->d));
        ft_err_clear();
    }
}

/* The usual payload where it fits, else plain bytes; the one that was asked for must fit. */
static ft_err plan_make(ft_set_shard *s, ft_input *in) {
    ft_dataset *d = s->d;
    ft_payload_plan *p;
    FT_TRY(ft_arena_take(&p, &d->arena, sizeof *p));
    *p = (ft_payload_plan){ .arena = &d->arena, .opts = &d->opts, .path = ft_str_of(s->path) };
    p->payload = d->format->usual;
    if (d->opts.payload.len) FT_TRY(ft_payload_find(&p->payload, d->opts.payload));
    ft_err err = plan_grow(p, s, in);
    bool none = !err && p->records == 0; /* perhaps there are only empty ones */
    if ((err || none) && d->format->any_bytes && !d->opts.payload.len) {
        ft_err_clear();
        p->payload = &ft_payload_bytes;
        err = plan_grow(p, s, in);
    }
    if (err || p->records == 0) return err; /* no record: another shard must do */
    return plan_fields(d, p);
}

/* ---- where records stand */

/* Files of one set begin alike. */
static ft_err head_check(ft_set_shard *s, const ft_records *r) {
    const ft_dataset *d = s->d;
    if (!d->format->records->head) return FT_OK;
    ft_str head = d->format->records->head(ft_records_state(r));
    if (!d->plan || ft_str_eq(head, d->head)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "'%s' has other columns than '%s': \"%s\"", s->path,
                   d->shards[0].path, ft_shown(head));
}

static ft_err offset_add(shard *st, uint64_t count, size_t *capacity, uint64_t offset,
                         const char *path) {
    if (count < *capacity) {
        st->offsets[count] = offset;
        return FT_OK;
    }
    size_t larger = *capacity ? *capacity * 2 : 1024;
    uint64_t *at = ft_fault_here() ? NULL : realloc(st->offsets, larger * sizeof *at);
    if (!at) return FT_FAIL(FT_ENOMEM, "no memory for the index of '%s'", path);
    st->offsets = at;
    *capacity = larger;
    at[count] = offset;
    return FT_OK;
}

/* Takes the input. */
static ft_err index_by_passing(ft_set_shard *s, ft_input *in) {
    shard *st = s->state;
    ft_records *r = NULL;
    ft_record_opts opts = { .format = ft_str_of(s->d->format->records->name),
                            .record_bytes_max = ft_set_record_max(s->d) };
    uint64_t count = 0, offset;
    size_t capacity = 0;
    ft_err err;
    FT_TRY(ft_records_input(&r, in, &opts));
    FT_GOTO(err, head_check(s, r));
    while (!(err = ft_records_pass(r, &offset)))
        FT_GOTO(err, offset_add(st, count++, &capacity, offset, s->path));
    if (err != FT_ENOTFOUND) FT_GOTO(err, err);
    FT_GOTO(err, offset_add(st, count, &capacity, ft_records_offset(r), s->path));
    s->count = count;
done:
    ft_records_free(r);
    return err;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* "train.idx" beside "train.rec": its offsets, in the order of the file. Each is checked when its
 * record is read. */
static ft_err index_by_file(ft_set_shard *s, const char *index_path) {
    shard *st = s->state;
    ft_arena arena = FT_ARENA_INIT(SIZE_MAX / 2);
    ft_record_index x;
    ft_str text;
    ft_err err;
    FT_GOTO(err, ft_file_read(&text, &arena, index_path, SIZE_MAX / 4));
    FT_GOTO(err, ft_record_index_read(&x, &arena, text, ft_str_of(index_path), s->size_bytes));
    st->offsets = ft_fault_here() ? NULL : malloc((x.count + 1) * sizeof *st->offsets);
    if (!st->offsets) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory for the index of '%s'", s->path));
    if (x.count) memcpy(st->offsets, x.offsets, x.count * sizeof *st->offsets);
    qsort(st->offsets, x.count, sizeof *st->offsets, by_number);
    st->offsets[x.count] = s->size_bytes;
    if (x.count ? st->offsets[0] != 0 : s->size_bytes != 0)
        FT_GOTO(err, FT_FAIL(FT_ECORRUPT, "'%s' leaves out the first record of '%s'", index_path,
                             s->path));
    s->count = x.count;
done:
    ft_arena_fini(&arena);
    return err;
}

static ft_err index_path_of(ft_str *out, ft_arena *arena, const ft_set_shard *s) {
    ft_str path = ft_str_of(s->path);
    *out = (ft_str){ 0 };
    if (!s->d->format->records->indexed || !ft_str_ends(path, FT_STR(".rec"))) return FT_OK;
    ft_str base = ft_str_slice(path, 0, path.len - 4);
    FT_TRY(ft_arena_printf(out, arena, "%.*s.idx", FT_STR_ARG(base)));
    if (!ft_file_exists(out->at)) *out = (ft_str){ 0 };
    return FT_OK;
}

/* ---- shards */

static ft_err shard_open(ft_set_shard *s) {
    ft_dataset *d = s->d;
    ft_input *in = d->stream;
    ft_input_opts opts = { .no_hash = true };
    ft_arena arena = { 0 }; /* not the dataset's: shards are opened beside each other */
    ft_str index_path;
    ft_err err = FT_OK;
    if (!in) FT_TRY(ft_input_open(&in, s->path, &opts));
    if (!d->plan) FT_GOTO(err, plan_make(s, in));
    if (d->stream || ft_input_packed(in) || d->opts.no_index) {
        s->ordered = true;
        goto done;
    }
    FT_GOTO(err, index_path_of(&index_path, &arena, s));
    if (index_path.at) {
        err = index_by_file(s, index_path.at);
        goto done;
    }
    ft_arena_fini(&arena);
    return index_by_passing(s, in);
done:
    if (in != d->stream) ft_input_free(in);
    ft_arena_fini(&arena);
    return err;
}

static void shard_close(ft_set_shard *s) { free(((shard *)s->state)->offsets); }

/* ---- reading by number */

/* The record that stands in `frame`, and in nothing more. */
static ft_err unframe(ft_record *out, ft_dataset_reader *r, ft_str frame) {
    const ft_record_format *f = r->d->format->records;
    reading *x = r->state;
    *out = (ft_record){ 0 };
    if (f->payload) {
        out->bytes = f->payload(frame);
        return FT_OK;
    }
    if (!x->in) {
        ft_input_opts opts = { .no_hash = true, .no_unpack = true };
        FT_TRY(ft_input_memory(&x->in, frame, FT_STR("record"), &opts));
        FT_TRY(ft_arena_take(&x->read.state, &r->own, f->read_bytes + 1));
    }
    ft_input_renew(x->in, frame);
    x->read.in = x->in;
    x->read.record_bytes_max = ft_set_record_max(r->d);
    ft_err err = f->next(&x->read, out);
    if (err == FT_ENOTFOUND) return FT_FAIL(FT_ECORRUPT, "no record where the index says");
    FT_TRY(err);
    if (ft_input_offset(x->in) == frame.len) return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "the index leaves out a record behind this one");
}

static ft_err value(ft_dataset_reader *r, ft_str bytes) {
    const ft_payload_plan *p = r->d->plan;
    if (bytes.len > ft_set_record_max(r->d))
        return FT_FAIL(FT_ETOOBIG, "a record of %zu bytes, at most %zu are allowed", bytes.len,
                       ft_set_record_max(r->d));
    return p->payload->read(r->values, p, &r->arena, bytes);
}

static ft_err read_at(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, uint64_t record) {
    const shard *st = s->state;
    uint64_t from = st->offsets[record], to = st->offsets[record + 1];
    ft_str frame;
    ft_record got;
    if (to < from || to - from > ft_set_record_max(s->d) + FRAME_SLACK)
        return FT_FAIL(FT_ETOOBIG, "a record of %llu bytes, at most %zu are allowed",
                       (unsigned long long)(to - from), ft_set_record_max(s->d));
    out->offset = from;
    out->stored_bytes = to - from;
    FT_TRY(ft_set_pread(&frame, r, s, from, to - from));
    FT_TRY(unframe(&got, r, frame));
    return value(r, got.bytes);
}

static ft_err record_read(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, uint64_t record) {
    ft_err err = read_at(out, r, s, record);
    return err ? ft_set_fail(err, s, record, out->offset) : FT_OK;
}

/* ---- reading in order */

static ft_err record_seek(ft_dataset_reader *r, ft_set_shard *s, uint64_t record) {
    reading *x = r->state;
    ft_record_opts opts = { .format = ft_str_of(s->d->format->records->name),
                            .record_bytes_max = ft_set_record_max(s->d) };
    uint64_t offset;
    ft_records_free(x->stream);
    x->stream = NULL;
    if (s->d->stream_first) { /* the one stream goes to the one reader that asks first */
        ft_input *in = __atomic_exchange_n(&s->d->stream, NULL, __ATOMIC_SEQ_CST);
        if (!in)
            return FT_FAIL(FT_ECONFLICT, "'%s' is a stream: it is read once, by one reader",
                           s->path);
        FT_TRY(ft_records_input(&x->stream, in, &opts));
    } else {
        FT_TRY(ft_records_open(&x->stream, s->path, &opts));
    }
    FT_TRY(head_check(s, x->stream));
    for (uint64_t i = 0; i < record; i++) {
        ft_err err = ft_records_pass(x->stream, &offset);
        if (err == FT_ENOTFOUND)
            return FT_FAIL(FT_EINVAL, "'%s' has %llu records, record %llu was asked for", s->path,
                           (unsigned long long)i, (unsigned long long)record);
        FT_TRY(err);
    }
    return FT_OK;
}

static ft_err record_next(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, bool *can_go_on) {
    reading *x = r->state;
    ft_record record;
    FT_CHECK(x->stream); /* seek was called */
    out->offset = ft_records_offset(x->stream);
    ft_err err = ft_records_next(x->stream, &record);
    out->stored_bytes = ft_records_offset(x->stream) - out->offset;
    *can_go_on = !err || ft_records_can_go_on(x->stream);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    err = value(r, record.bytes);
    return err ? ft_set_fail(err, s, out->record, out->offset) : FT_OK;
}

static void reader_leave(ft_dataset_reader *r) {
    reading *x = r->state;
    const ft_record_format *f = r->d->format->records;
    if (x->in && x->read.state && f->fini) f->fini(x->read.state);
    ft_input_free(x->in);
    ft_records_free(x->stream);
}

/* ---- rows of the registry */

/* A text that nothing else knows may be CSV. */
static int sniff_csv(ft_str head, ft_str path) {
    return head.len ? ft_format_csv.sniff(head, path) : 0;
}

#define RECORDS                                                                          \
    .shard_bytes = sizeof(shard), .reader_bytes = sizeof(reading), .open = shard_open,   \
    .close = shard_close, .read = record_read, .seek = record_seek, .next = record_next, \
    .leave = reader_leave, .write_bytes = sizeof(ft_set_records_writing),                \
    .write_begin = ft_set_records_write_begin, .write = ft_set_records_write,            \
    .written = ft_set_records_written, .write_end = ft_set_records_write_end,            \
    .write_free = ft_set_records_write_free

const ft_dataset_format ft_set_tfrecord = {
    .name = "tfrecord",
    .doc = "TensorFlow's records, with checksums: a tf.Example each, or any bytes",
    .records = &ft_records_tfrecord,
    .usual = &ft_payload_example,
    .any_bytes = true,
    RECORDS,
};
const ft_dataset_format ft_set_recordio = {
    .name = "recordio",
    .doc = "MXNet's RecordIO with its .idx: images with labels, or any bytes",
    .records = &ft_records_recordio,
    .usual = &ft_payload_mxnet,
    .any_bytes = true,
    RECORDS,
};
const ft_dataset_format ft_set_sagemaker = {
    .name = "recordio-protobuf",
    .doc = "SageMaker's RecordIO: named tensors in a protobuf",
    .records = &ft_records_sagemaker,
    .usual = &ft_payload_sagemaker,
    .any_bytes = true,
    RECORDS,
};
const ft_dataset_format ft_set_jsonl = {
    .name = "jsonl",
    .doc = "JSON lines: an object a line, its members are the fields",
    .records = &ft_records_jsonl,
    .usual = &ft_payload_json,
    RECORDS,
};
const ft_dataset_format ft_set_csv = {
    .name = "csv",
    .doc = "text with a row a line; every column is a field, or stacked numbers and a label",
    .records = &ft_records_csv,
    .usual = &ft_payload_csv,
    .sniff = sniff_csv,
    RECORDS,
};
const ft_dataset_format ft_set_libsvm = {
    .name = "libsvm",
    .doc = "text: label index:value … a line",
    .records = &ft_records_libsvm,
    .usual = &ft_payload_libsvm,
    RECORDS,
};
const ft_dataset_format ft_set_tar = {
    .name = "tar",
    .doc = "WebDataset: files of one name in a tar archive are a sample",
    .records = &ft_records_tar,
    .usual = &ft_payload_tar,
    RECORDS,
};
