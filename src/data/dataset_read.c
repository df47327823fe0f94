/* dataset_read.c -- readers of datasets; see dataset.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "data/dataset_in.h"

#define READER_BYTES ((size_t)64 << 10)

/* ---- readers */

static void reader_release(ft_dataset_reader *r) {
    if (!r) return;
    for (size_t i = 0; i < FT_READER_FILES; i++)
        if (r->files[i].fd) close(r->files[i].fd - 1);
    ft_arena_fini(&r->arena);
    ft_arena_fini(&r->own);
    ft_buf_fini(&r->raw);
    free(r->touched);
    free(r->marks);
    free(r->wanted);
    free(r->values);
    free(r->state);
    free(r);
}

ft_err ft_dataset_reader_new(ft_dataset_reader **out, ft_dataset *d) {
    *out = NULL;
    ft_dataset_reader *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (r) r->state = calloc(1, d->format->reader_bytes + 1);
    if (r && r->state) r->values = calloc(d->field_count + 1, sizeof *r->values);
    if (r && r->values) r->touched = calloc(d->shard_count + 1, sizeof *r->touched);
    if (r && r->touched) r->marks = calloc(d->shard_count + 1, sizeof *r->marks);
    if (!r || !r->marks) {
        reader_release(r);
        return FT_FAIL(FT_ENOMEM, "no memory to read a dataset");
    }
    r->d = d;
    r->arena.limit_bytes = r->raw.limit_bytes = SIZE_MAX / 2; /* the record's limit bounds them */
    void *first; /* a block that most records fit into, and that a reset keeps */
    ft_err err = ft_arena_take(&first, &r->arena, READER_BYTES);
    if (err)
        reader_release(r);
    else
        *out = r;
    return err;
}

void ft_dataset_reader_free(ft_dataset_reader *r) {
    if (r && r->d->format->leave) r->d->format->leave(r);
    reader_release(r);
}

ft_err ft_dataset_want(ft_dataset_reader *r, const int *fields, size_t count) {
    free(r->wanted);
    r->wanted = NULL;
    if (count == 0) return FT_OK;
    r->wanted = ft_fault_here() ? NULL : calloc(r->d->field_count, sizeof *r->wanted);
    if (!r->wanted) return FT_FAIL(FT_ENOMEM, "no memory to read a dataset");
    for (size_t i = 0; i < count; i++) {
        FT_CHECK(fields[i] >= 0 && (size_t)fields[i] < r->d->field_count);
        r->wanted[fields[i]] = true;
    }
    return FT_OK;
}

ft_err ft_set_fail(ft_err err, const ft_set_shard *s, uint64_t record, uint64_t offset) {
    return ft_err_prefix(err, "'%s', record %llu (byte %llu)", s->path, (unsigned long long)record,
                         (unsigned long long)offset);
}

void ft_set_touch(ft_dataset_reader *r, uint32_t shard) {
    if (r->marks[shard]) return;
    r->marks[shard] = true;
    r->touched[r->touched_count++] = shard;
}

ft_err ft_dataset_intact(ft_dataset_reader *r) {
    ft_err err = FT_OK;
    const ft_dataset_format *f = r->d->format;
    for (size_t i = 0; f->intact && i < r->touched_count && !err; i++)
        err = f->intact(r, &r->d->shards[r->touched[i]]);
    for (size_t i = 0; i < r->touched_count; i++) r->marks[r->touched[i]] = false;
    r->touched_count = 0;
    return err;
}

/* ---- files: a few stay open, found by shard number */

static ft_err file_of(int *fd, ft_dataset_reader *r, const ft_set_shard *s) {
    size_t slot = s->number % FT_READER_FILES;
    if (r->files[slot].fd && r->files[slot].shard != s->number) {
        close(r->files[slot].fd - 1);
        r->files[slot].fd = 0;
    }
    if (!r->files[slot].fd) {
        FT_TRY(ft_fd_open(fd, s->path, O_RDONLY, 0));
        r->files[slot].fd = *fd + 1;
        r->files[slot].shard = s->number;
    }
    *fd = r->files[slot].fd - 1;
    return FT_OK;
}

ft_err ft_set_pread(ft_str *out, ft_dataset_reader *r, const ft_set_shard *s, uint64_t offset,
                    uint64_t len) {
    int fd;
    size_t got;
    FT_TRY(file_of(&fd, r, s));
    ft_buf_reset(&r->raw);
    FT_TRY(ft_buf_reserve(&r->raw, (size_t)len));
    FT_TRY(ft_fd_pread(&got, fd, r->raw.at, (size_t)len, offset, s->path));
    if (got < len)
        return FT_FAIL(FT_ECORRUPT, "the file ends at byte %llu, %llu bytes before its end",
                       (unsigned long long)(offset + got), (unsigned long long)(len - got));
    *out = ft_str_n(r->raw.at, got);
    return FT_OK;
}

/* ---- reading */

static void sample_begin(ft_sample *out, ft_dataset_reader *r, uint32_t shard, uint64_t record) {
    ft_arena_reset(&r->arena);
    memset(r->values, 0, r->d->field_count * sizeof *r->values);
    *out = (ft_sample){
        .values = r->values, .value_count = r->d->field_count, .shard = shard, .record = record
    };
}

ft_err ft_dataset_fail(ft_err err, const ft_dataset *d, const ft_sample *s) {
    const char *path = d->shards[s->shard].path;
    for (size_t i = 0; d->format->pictures && i < d->field_count; i++) {
        const ft_array *v = &s->values[i];
        if (!v->data || !ft_str_is(d->fields[i].name, "path")) continue;
        return ft_err_prefix(
            err, d->format->folders ? "'%s/%.*s', record %llu" : "'%s', '%.*s', record %llu", path,
            (int)v->shape[0], (const char *)v->data, (unsigned long long)s->record);
    }
    return ft_err_prefix(err, "'%s', record %llu (byte %llu)", path, (unsigned long long)s->record,
                         (unsigned long long)s->offset);
}

/* A picture of no bytes is none, and nor is a record of fields that has none of them. */
static ft_err not_empty(const ft_dataset_reader *r, const ft_sample *s) {
    const ft_dataset *d = r->d;
    bool empty = d->format->any_bytes && !r->wanted;
    for (size_t i = 0; i < d->field_count; i++) {
        const ft_array *v = &s->values[i];
        empty = empty && !v->data;
        if (!v->data || d->fields[i].kind != FT_FIELD_IMAGE || v->shape[0]) continue;
        return ft_dataset_fail(FT_FAIL(FT_ECORRUPT, "the picture '%.*s' is empty (0 bytes)",
                                       FT_STR_ARG(d->fields[i].name)),
                               d, s);
    }
    return empty ? ft_dataset_fail(FT_FAIL(FT_ECORRUPT, "the record is empty"), d, s) : FT_OK;
}

/* FT_ENOTFOUND says that there are no more records. What was there at the opening and is gone is
 * another thing. */
static ft_err gone(ft_err err) {
    char why[1024];
    if (err != FT_ENOTFOUND) return err;
    snprintf(why, sizeof why, "%s", ft_err_why());
    return FT_FAIL(FT_ECORRUPT, "%s", why);
}

ft_err ft_dataset_read(ft_sample *out, ft_dataset_reader *r, uint32_t shard, uint64_t record) {
    ft_dataset *d = r->d;
    if (shard >= d->shard_count || record >= d->shards[shard].count || !d->random)
        return FT_FAIL(FT_EINVAL, "no record %llu of shard %u%s", (unsigned long long)record, shard,
                       d->random ? "" : ": this dataset is read in order");
    sample_begin(out, r, shard, record);
    FT_TRY(gone(d->format->read(out, r, &d->shards[shard], record)));
    return not_empty(r, out);
}

ft_err ft_dataset_seek(ft_dataset_reader *r, uint32_t shard, uint64_t record) {
    ft_dataset *d = r->d;
    if (shard >= d->shard_count) return FT_FAIL(FT_EINVAL, "shard %u of %u", shard, d->shard_count);
    r->shard = shard;
    r->record = record;
    r->begun = true;
    if (d->random) {
        if (record <= d->shards[shard].count) return FT_OK;
        return FT_FAIL(FT_EINVAL, "'%s' has %llu records, record %llu was asked for",
                       d->shards[shard].path, (unsigned long long)d->shards[shard].count,
                       (unsigned long long)record);
    }
    return gone(d->format->seek(r, &d->shards[shard], record));
}

ft_err ft_dataset_next(ft_sample *out, ft_dataset_reader *r, bool *can_go_on) {
    ft_dataset *d = r->d;
    bool unused;
    if (!can_go_on) can_go_on = &unused;
    *can_go_on = false;
    if (!r->begun) FT_TRY(ft_dataset_seek(r, 0, 0));
    ft_set_shard *s = &d->shards[r->shard];
    if (!d->random) {
        sample_begin(out, r, r->shard, r->record);
        ft_err err = d->format->next(out, r, s, can_go_on);
        if (err != FT_ENOTFOUND) r->record++;
        return err ? err : not_empty(r, out);
    }
    if (r->record >= s->count) return FT_ENOTFOUND;
    *can_go_on = true;
    return ft_dataset_read(out, r, r->shard, r->record++);
}
