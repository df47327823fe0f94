/* shard_write.c -- raw shards in the making; see shard.h.
 *
 * Values are copied once, into a buffer of whole blocks. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/hash.h"
#include "data/saving.h"
#include "data/shard_in.h"
#include "data/shown.h"

struct ft_shard_writer {
    const char *path;
    ft_saving part;
    ft_shard_head head;
    ft_shard_field *rows;
    ft_field *fields;
    uint32_t header_crc;
    size_t block_begin; /* in part.out */
    uint64_t count;     /* records */
    uint64_t block_first;
    ft_buf blocks, offsets;
    ft_arena arena;
};

static ft_err no_memory(const char *path) {
    return FT_FAIL(FT_ENOMEM, "no memory to write '%s'", path);
}

/* ---- header */

static ft_err field_name_check(const ft_shard_writer *w, size_t i) {
    ft_str name = w->fields[i].name;
    if (name.len == 0 || name.len > FT_SHARD_NAME_MAX || memchr(name.at, 0, name.len) ||
        !ft_str_utf8(name))
        return FT_FAIL(FT_EINVAL, "'%s': a field's name has 1 to %d bytes of UTF-8, '%s' does not",
                       w->path, FT_SHARD_NAME_MAX, ft_shown(name));
    for (size_t k = 0; k < i; k++)
        if (ft_str_eq(name, w->fields[k].name))
            return FT_FAIL(FT_EINVAL, "'%s': two fields are named '%s'", w->path, ft_shown(name));
    return FT_OK;
}

static ft_err field_place(ft_shard_writer *w, size_t i, uint64_t *at) {
    const ft_field *f = &w->fields[i];
    ft_shard_field *row = &w->rows[i];
    FT_TRY(field_name_check(w, i));
    bool bytes = f->kind != FT_FIELD_ARRAY;
    if (f->ndim < 0 || f->ndim > FT_ARRAY_DIMS_MAX || (unsigned)f->dtype >= FT_DTYPE_COUNT ||
        (bytes && (f->dtype != FT_U8 || f->ndim != 1)))
        return FT_FAIL(FT_EINVAL, "'%s': field '%s' has a type that cannot be", w->path,
                       ft_shown(f->name));
    ft_array whole = { .dtype = f->dtype, .ndim = f->ndim };
    memcpy(row->name, f->name.at, f->name.len);
    row->kind = f->kind, row->dtype = f->dtype, row->ndim = (uint32_t)f->ndim;
    for (int d = 0; d < f->ndim; d++) {
        row->shape[d] = bytes || f->shape[d] < 0 ? -1 : f->shape[d];
        whole.shape[d] = row->shape[d] < 0 ? 0 : row->shape[d];
    }
    if (!ft_shard_shape_valid(whole))
        return FT_FAIL(FT_ETOOBIG, "'%s': field '%s' is too large", w->path, ft_shown(f->name));
    row->bytes = ft_field_fixed(f) ? ft_array_bytes(&whole) : FT_SHARD_SLOT_BYTES(f->ndim);
    if (!ft_field_fixed(f)) w->head.flags |= FT_SHARD_VARIES;
    row->offset = ft_shard_up(*at, ft_field_fixed(f) ? ft_shard_align(row->bytes) : 8);
    *at = row->offset + row->bytes;
    if (row->bytes < FT_SHARD_RECORD_MAX && *at < FT_SHARD_RECORD_MAX) return FT_OK;
    return FT_FAIL(FT_ETOOBIG, "'%s': field '%s' makes a record of more than %llu bytes", w->path,
                   ft_shown(f->name), (unsigned long long)FT_SHARD_RECORD_MAX);
}

/* Records begin at multiples of 64 where that helps: with a large field, or of many sizes. */
static ft_err layout(ft_shard_writer *w, size_t count) {
    uint64_t at = 0, align = FT_SHARD_ALIGN_SMALL;
    for (size_t i = 0; i < count; i++) {
        FT_TRY(field_place(w, i, &at));
        if (w->rows[i].bytes >= FT_SHARD_ALIGN) align = FT_SHARD_ALIGN;
    }
    if (w->head.flags & FT_SHARD_VARIES) align = FT_SHARD_ALIGN;
    w->head.record_bytes = ft_shard_up(at ? at : 1, align);
    return FT_OK;
}

static ft_err header_write(ft_shard_writer *w, size_t count) {
    ft_shard_head *h = &w->head;
    memcpy(h->magic, FT_SHARD_MAGIC, sizeof h->magic);
    h->version = FT_SHARD_VERSION;
    h->header_bytes = (uint32_t)(sizeof *h + count * sizeof *w->rows + 4);
    h->field_count = (uint32_t)count;
    h->data_offset = ft_shard_up(h->header_bytes, FT_SHARD_PAGE);
    h->block_bytes = FT_SHARD_BLOCK_BYTES;
    ft_buf_add_n(&w->part.out, h, sizeof *h);
    FT_TRY(ft_buf_add_n(&w->part.out, w->rows, count * sizeof *w->rows));
    w->header_crc = ft_crc32c(0, w->part.out.at, w->part.out.len);
    FT_TRY(ft_buf_add_n(&w->part.out, &w->header_crc, 4));
    size_t pad = (size_t)h->data_offset - w->part.out.len;
    FT_TRY(ft_buf_reserve(&w->part.out, pad));
    memset(w->part.out.at + w->part.out.len, 0, pad);
    w->part.out.len += pad;
    w->block_begin = w->part.out.len;
    return FT_OK;
}

/* ---- life */

static ft_err fields_copy(ft_shard_writer *w, const ft_field *fields, size_t count) {
    if (count == 0 || count > FT_DATASET_FIELDS_MAX)
        return FT_FAIL(FT_EINVAL, "'%s': a shard has 1 to %zu fields, not %zu", w->path,
                       FT_DATASET_FIELDS_MAX, count);
    FT_TRY(ft_arena_items(&w->fields, &w->arena, count));
    FT_TRY(ft_arena_items(&w->rows, &w->arena, count));
    memcpy(w->fields, fields, count * sizeof *fields);
    for (size_t i = 0; i < count; i++)
        FT_TRY(ft_arena_str(&w->fields[i].name, &w->arena, fields[i].name));
    return FT_OK;
}

ft_err ft_shard_writer_new(ft_shard_writer **out, const char *path, const ft_field *fields,
                           size_t count) {
    ft_err err = FT_OK;
    *out = NULL;
    ft_shard_writer *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    if (!w) return no_memory(path);
    w->offsets.limit_bytes = w->blocks.limit_bytes = SIZE_MAX / 2;
    FT_GOTO(err, ft_saving_open(&w->part, path));
    w->path = w->part.path;
    FT_GOTO(err, fields_copy(w, fields, count));
    FT_GOTO(err, layout(w, count));
    FT_GOTO(err, header_write(w, count));
    *out = w;
    w = NULL;
done:
    ft_shard_writer_free(w);
    return err;
}

void ft_shard_writer_free(ft_shard_writer *w) {
    if (!w) return;
    ft_saving_free(&w->part);
    ft_buf_fini(&w->blocks);
    ft_buf_fini(&w->offsets);
    ft_arena_fini(&w->arena);
    free(w);
}

/* ---- records */

/* Blocks are whole in the buffer, so the one that begins next begins it. */
static ft_err flush(ft_shard_writer *w, size_t at_least) {
    if (w->part.out.len < at_least) return FT_OK;
    FT_TRY(ft_saving_flush(&w->part, 0));
    w->block_begin = 0;
    return FT_OK;
}

static ft_err block_close(ft_shard_writer *w) {
    size_t bytes = w->part.out.len - w->block_begin;
    if (w->count == w->block_first) return FT_OK;
    ft_shard_block b = { .first = w->block_first,
                         .offset = w->part.flushed + w->block_begin,
                         .bytes = bytes,
                         .crc = ft_crc32c(0, w->part.out.at + w->block_begin, bytes) };
    FT_TRY(ft_buf_add_n(&w->blocks, &b, sizeof b));
    w->block_first = w->count;
    w->block_begin = w->part.out.len;
    return flush(w, FT_SAVING_FLUSH);
}

static ft_err refused(const ft_shard_writer *w, size_t field, const char *why) {
    return FT_FAIL(FT_EINVAL, "'%s', record %llu: field '%s' %s", w->path,
                   (unsigned long long)w->count, ft_shown(w->fields[field].name), why);
}

/* Does the value fit its field? Adds the bytes that it needs behind the fixed part. */
static ft_err value_check(const ft_shard_writer *w, size_t i, const ft_array *v, uint64_t *more) {
    const ft_field *f = &w->fields[i];
    if (!v->data && ft_field_fixed(f) && w->rows[i].bytes) return refused(w, i, "is missing");
    if (!v->data) return FT_OK;
    if (v->dtype != f->dtype || v->ndim != f->ndim || !ft_array_valid(v))
        return refused(w, i, "has another type than the first record said");
    for (int d = 0; d < f->ndim; d++)
        if (f->kind == FT_FIELD_ARRAY && f->shape[d] >= 0 && v->shape[d] != f->shape[d])
            return refused(w, i, "has another shape than the first record said");
    if (!ft_field_fixed(f)) *more = ft_shard_up(*more, FT_SHARD_ALIGN) + ft_array_bytes(v);
    return FT_OK;
}

/* `at`: the record, zeroed in its fixed part; `behind`: where its next value of any size goes. */
static void value_put(const ft_shard_writer *w, size_t i, const ft_array *v, char *at,
                      uint64_t *behind) {
    char *slot = at + w->rows[i].offset;
    if (!v->data) return;
    size_t bytes = ft_array_bytes(v);
    if (ft_field_fixed(&w->fields[i])) {
        memcpy(slot, v->data, bytes);
        return;
    }
    uint64_t from = *behind, place[2] = { ft_shard_up(from, FT_SHARD_ALIGN), bytes };
    memset(at + from, 0, place[0] - from);
    memcpy(slot, place, sizeof place);
    memcpy(slot + sizeof place, v->shape, (size_t)v->ndim * sizeof *v->shape);
    if (bytes) memcpy(at + place[0], v->data, bytes);
    *behind = place[0] + bytes;
}

ft_err ft_shard_write(ft_shard_writer *w, const ft_array *values) {
    uint64_t fixed = w->head.record_bytes, need = fixed, end = fixed;
    uint32_t count = w->head.field_count;
    for (uint32_t i = 0; i < count; i++) FT_TRY(value_check(w, i, &values[i], &need));
    if (need >= FT_SHARD_RECORD_MAX)
        return FT_FAIL(FT_ETOOBIG, "'%s', record %llu: %llu bytes, at most %llu are written",
                       w->path, (unsigned long long)w->count, (unsigned long long)need,
                       (unsigned long long)FT_SHARD_RECORD_MAX);
    if (w->head.flags & FT_SHARD_VARIES) {
        uint64_t offset = ft_saving_bytes(&w->part);
        need = ft_shard_up(need, FT_SHARD_ALIGN);
        FT_TRY(ft_buf_reserve(&w->part.out, (size_t)need));
        FT_TRY(ft_buf_add_n(&w->offsets, &offset, sizeof offset));
    } else {
        FT_TRY(ft_buf_reserve(&w->part.out, (size_t)need));
    }
    char *at = w->part.out.at + w->part.out.len;
    memset(at, 0, fixed);
    for (uint32_t i = 0; i < count; i++) value_put(w, i, &values[i], at, &end);
    memset(at + end, 0, need - end);
    w->part.out.len += need;
    w->count++;
    return w->part.out.len - w->block_begin >= FT_SHARD_BLOCK_BYTES ? block_close(w) : FT_OK;
}

uint64_t ft_shard_written(const ft_shard_writer *w) { return ft_saving_bytes(&w->part); }

/* ---- end */

static ft_err pad_write(ft_shard_writer *w) {
    static const char zeros[FT_SHARD_ALIGN];
    uint64_t at = ft_shard_written(w);
    return ft_buf_add_n(&w->part.out, zeros, (size_t)(ft_shard_up(at, FT_SHARD_ALIGN) - at));
}

static ft_err index_write(ft_shard_writer *w, ft_str meta) {
    uint64_t end = ft_shard_written(w);
    FT_TRY(pad_write(w));
    ft_shard_foot f = { .index_offset = ft_shard_written(w),
                        .record_count = w->count,
                        .block_count = w->blocks.len / sizeof(ft_shard_block),
                        .meta_bytes = meta.len,
                        .header_crc = w->header_crc };
    if (w->head.flags & FT_SHARD_VARIES) FT_TRY(ft_buf_add_n(&w->offsets, &end, sizeof end));
    f.index_bytes = w->blocks.len + w->offsets.len + meta.len;
    f.index_crc = ft_crc32c(0, w->blocks.at, w->blocks.len);
    f.index_crc = ft_crc32c(f.index_crc, w->offsets.at, w->offsets.len);
    f.index_crc = ft_crc32c(f.index_crc, meta.at, meta.len);
    f.crc = ft_crc32c(0, &f, offsetof(ft_shard_foot, crc));
    memcpy(f.magic, FT_SHARD_END, sizeof f.magic);
    FT_TRY(flush(w, 0));
    ft_buf_add(&w->part.out, ft_buf_str(&w->blocks));
    ft_buf_add(&w->part.out, ft_buf_str(&w->offsets));
    ft_buf_add(&w->part.out, meta);
    FT_TRY(ft_buf_add_n(&w->part.out, &f, sizeof f));
    return flush(w, 0);
}

ft_err ft_shard_writer_end(ft_shard_writer *w, ft_str meta) {
    if (meta.len > FT_SHARD_META_MAX)
        return FT_FAIL(FT_ETOOBIG, "'%s': %zu bytes of metadata, at most %zu are kept", w->path,
                       meta.len, FT_SHARD_META_MAX);
    FT_TRY(block_close(w));
    FT_TRY(index_write(w, meta));
    return ft_saving_end(&w->part);
}
