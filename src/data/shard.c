/* shard.c -- reading raw shards; see shard.h, docs/shard-format.md.
 *
 * The file is foreign and may change while it is read: what is used to compute an address is copied
 * first and then checked. */
#include "data/shard.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/json.h"
#include "data/mapped.h"
#include "data/shard_in.h"
#include "data/shown.h"

struct ft_shard {
    char *path;
    ft_mapped *map;
    ft_str file;
    ft_shard_head head;
    ft_shard_foot foot;
    ft_shard_field *rows;
    ft_field *fields;
    ft_shard_block *blocks;
    const char *offsets; /* u64 of each record and of the end, in the map; NULL: one size */
    char *meta;
    uint64_t per_block; /* records, when all blocks but the last have the same number */
    atomic_uchar *verified;
    bool no_check;
    ft_arena arena;
};

/* ---- opening */

static ft_err damaged(const ft_shard *s, const char *part, const char *why) {
    return FT_FAIL(FT_ECORRUPT, "'%s': damaged %s: %s", s->path, part, why);
}

static ft_err head_read(ft_shard *s) {
    ft_shard_head *h = &s->head;
    uint32_t crc;
    if (s->file.len < sizeof *h + sizeof s->foot)
        return FT_FAIL(FT_ECORRUPT, "'%s' has %zu bytes: no whole shard", s->path, s->file.len);
    memcpy(h, s->file.at, sizeof *h);
    if (memcmp(h->magic, FT_SHARD_MAGIC, sizeof h->magic) != 0)
        return damaged(s, "header", "it does not begin like a shard (89 46 54 53 0d 0a 1a 0a)");
    if (h->version != FT_SHARD_VERSION)
        return FT_FAIL(FT_EUNSUPPORTED, "'%s' is of version %u, version %u is read here", s->path,
                       h->version, FT_SHARD_VERSION);
    uint64_t bytes = sizeof *h + (uint64_t)h->field_count * sizeof(ft_shard_field) + 4;
    if (h->field_count == 0 || h->field_count > FT_DATASET_FIELDS_MAX || h->header_bytes != bytes ||
        bytes > s->file.len)
        return damaged(s, "header", "the number of fields");
    memcpy(&crc, s->file.at + bytes - 4, 4);
    if (crc != ft_crc32c(0, s->file.at, bytes - 4))
        return damaged(s, "header", "its checksum is wrong");
    if (h->data_offset % FT_SHARD_PAGE || h->data_offset < bytes || h->data_offset > s->file.len ||
        h->record_bytes == 0 || h->record_bytes % FT_SHARD_ALIGN_SMALL)
        return damaged(s, "header", "a size that cannot be");
    return FT_OK;
}

static ft_err foot_read(ft_shard *s) {
    ft_shard_foot *f = &s->foot;
    uint32_t crc;
    memcpy(f, s->file.at + s->file.len - sizeof *f, sizeof *f);
    if (memcmp(f->magic, FT_SHARD_END, sizeof f->magic) != 0)
        return damaged(s, "footer", "the file is cut, or longer than it was written");
    if (f->crc != ft_crc32c(0, f, offsetof(ft_shard_foot, crc)))
        return damaged(s, "footer", "its checksum is wrong");
    memcpy(&crc, s->file.at + s->head.header_bytes - 4, 4);
    if (f->header_crc != crc) return damaged(s, "footer", "it belongs to another header");
    uint64_t end = s->file.len - sizeof *f;
    if (f->index_offset % FT_SHARD_ALIGN || f->index_offset < s->head.data_offset ||
        f->index_offset > end || f->index_bytes != end - f->index_offset)
        return damaged(s, "footer", "the index is not where it says");
    uint64_t rows = f->index_bytes, counts = f->record_count;
    if (counts > FT_DATASET_RECORDS_MAX || f->block_count > counts || !f->block_count != !counts ||
        f->block_count > rows / sizeof(ft_shard_block) || f->meta_bytes > FT_SHARD_META_MAX)
        return damaged(s, "footer", "a count that cannot be");
    uint64_t want = f->block_count * sizeof(ft_shard_block) + f->meta_bytes;
    if (s->head.flags & FT_SHARD_VARIES) want += (counts + 1) * 8;
    if (want != rows) return damaged(s, "footer", "the index has another size than it says");
    if (f->index_crc != ft_crc32c(0, s->file.at + f->index_offset, rows))
        return damaged(s, "index", "its checksum is wrong");
    return FT_OK;
}

/* A field's place in the record, and its sizes. */
static ft_err field_check(const ft_shard *s, const ft_shard_field *row, const ft_field *f) {
    uint64_t fixed = ft_field_bytes(f), end = row->offset + row->bytes;
    bool bytes = row->kind != FT_FIELD_ARRAY;
    if (bytes && (row->dtype != FT_U8 || row->ndim != 1 || row->shape[0] != -1))
        return damaged(s, "header", "bytes that are no bytes");
    uint64_t want = ft_field_fixed(f) ? fixed : FT_SHARD_SLOT_BYTES(row->ndim);
    if (row->bytes != want || row->offset % FT_SHARD_ALIGN_SMALL || end < row->offset ||
        end > s->head.record_bytes)
        return damaged(s, "header", "a field that does not fit into its record");
    if (!ft_field_fixed(f) && !(s->head.flags & FT_SHARD_VARIES))
        return damaged(s, "header", "a field of many sizes in records of one size");
    return FT_OK;
}

static ft_err field_read(ft_shard *s, ft_shard_field *row, ft_field *f) {
    size_t len = strnlen(row->name, sizeof row->name);
    if (len == 0 || len > FT_SHARD_NAME_MAX || !ft_str_utf8(ft_str_n(row->name, len)))
        return damaged(s, "header", "a field without a name");
    if (row->kind > FT_FIELD_IMAGE || row->dtype >= FT_DTYPE_COUNT || row->ndim > FT_ARRAY_DIMS_MAX)
        return damaged(s, "header", "a field of an unknown type");
    *f = (ft_field){ .name = ft_str_n(row->name, len),
                     .kind = (ft_field_kind)row->kind,
                     .dtype = (ft_dtype)row->dtype,
                     .ndim = (int)row->ndim };
    ft_array a = { .dtype = f->dtype, .ndim = f->ndim };
    for (int i = 0; i < f->ndim; i++) {
        if (row->shape[i] < -1) return damaged(s, "header", "a negative size");
        f->shape[i] = row->shape[i];
        a.shape[i] = row->shape[i] < 0 ? 0 : row->shape[i];
    }
    if (!ft_shard_shape_valid(a)) return damaged(s, "header", "a shape that is too large");
    return field_check(s, row, f);
}

static ft_err fields_read(ft_shard *s) {
    size_t count = s->head.field_count;
    FT_TRY(ft_arena_items(&s->rows, &s->arena, count));
    FT_TRY(ft_arena_items(&s->fields, &s->arena, count));
    memcpy(s->rows, s->file.at + sizeof s->head, count * sizeof *s->rows);
    for (size_t i = 0; i < count; i++) FT_TRY(field_read(s, &s->rows[i], &s->fields[i]));
    return FT_OK;
}

/* Blocks follow each other without a gap, from the first record to the last. */
static ft_err blocks_check(ft_shard *s) {
    uint64_t at = s->head.data_offset, first = 0, count = s->foot.record_count;
    bool varies = s->head.flags & FT_SHARD_VARIES;
    size_t blocks = (size_t)s->foot.block_count;
    s->per_block = blocks > 1 ? s->blocks[1].first : count;
    for (size_t i = 0; i < blocks; i++) {
        const ft_shard_block *b = &s->blocks[i];
        uint64_t next = i + 1 < blocks ? s->blocks[i + 1].first : count;
        if (b->first != first || next <= first || next > count || b->offset != at ||
            b->bytes > s->foot.index_offset - at ||
            (!varies && (next - first > b->bytes / s->head.record_bytes ||
                         b->bytes != (next - first) * s->head.record_bytes)))
            return FT_FAIL(FT_ECORRUPT, "'%s': damaged index: block %zu is not where it can be",
                           s->path, i);
        if (i + 1 < blocks && next - first != s->per_block) s->per_block = 0;
        at += b->bytes;
        first = next;
    }
    if (ft_shard_up(at, FT_SHARD_ALIGN) != s->foot.index_offset)
        return damaged(s, "index", "the blocks end elsewhere");
    return FT_OK;
}

static ft_err index_read(ft_shard *s) {
    size_t blocks = (size_t)s->foot.block_count, meta = (size_t)s->foot.meta_bytes;
    const char *at = s->file.at + s->foot.index_offset;
    s->blocks = ft_fault_here() ? NULL : malloc(blocks * sizeof *s->blocks + 1);
    s->verified = s->blocks ? calloc(blocks + 1, sizeof *s->verified) : NULL;
    s->meta = s->verified ? malloc(meta + 1) : NULL;
    if (!s->meta) return FT_FAIL(FT_ENOMEM, "no memory for the index of '%s'", s->path);
    memcpy(s->blocks, at, blocks * sizeof *s->blocks);
    FT_TRY(blocks_check(s));
    at += blocks * sizeof *s->blocks;
    if (s->head.flags & FT_SHARD_VARIES) {
        s->offsets = at;
        at += (s->foot.record_count + 1) * 8;
    }
    memcpy(s->meta, at, meta);
    if (meta) {
        ft_json j;
        ft_json_opts opts = { .name = "metadata" };
        ft_json_init(&j, ft_str_n(s->meta, meta), NULL, &opts);
        ft_err err = ft_json_skip(&j, NULL);
        if (!err) err = ft_json_end(&j);
        if (err || s->meta[0] != '{') return damaged(s, "index", "its metadata is no JSON object");
    }
    return FT_OK;
}

ft_err ft_shard_open(ft_shard **out, const char *path, const ft_shard_opts *opts) {
    ft_err err = FT_OK;
    *out = NULL;
    ft_shard *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory to read '%s'", path);
    s->path = strdup(path);
    s->no_check = opts && opts->no_check;
    if (!s->path) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to read '%s'", path));
    FT_GOTO(err, ft_mapped_open(&s->map, path));
    s->file = ft_mapped_bytes(s->map);
    FT_GOTO(err, head_read(s));
    FT_GOTO(err, foot_read(s));
    FT_GOTO(err, fields_read(s));
    FT_GOTO(err, index_read(s));
    FT_GOTO(err, ft_mapped_intact(s->map));
    *out = s;
    s = NULL;
done:
    ft_shard_free(s);
    return err;
}

void ft_shard_free(ft_shard *s) {
    if (!s) return;
    ft_mapped_free(s->map);
    free(s->blocks);
    free(s->verified);
    free(s->meta);
    ft_arena_fini(&s->arena);
    free(s->path);
    free(s);
}

const ft_field *ft_shard_fields(const ft_shard *s, size_t *count) {
    if (count) *count = s->head.field_count;
    return s->fields;
}

uint64_t ft_shard_count(const ft_shard *s) { return s->foot.record_count; }

ft_str ft_shard_meta(const ft_shard *s) {
    return s->foot.meta_bytes ? ft_str_n(s->meta, (size_t)s->foot.meta_bytes) : FT_STR("{}");
}

/* ---- reading */

static size_t block_of(const ft_shard *s, uint64_t record) {
    if (s->per_block) return (size_t)(record / s->per_block);
    size_t low = 0, high = (size_t)s->foot.block_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (s->blocks[middle].first <= record)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static ft_err block_verify(ft_shard *s, size_t i) {
    const ft_shard_block *b = &s->blocks[i];
    if (atomic_load_explicit(&s->verified[i], memory_order_relaxed)) return FT_OK;
    uint32_t crc = ft_crc32c(0, s->file.at + b->offset, (size_t)b->bytes);
    if (ft_mapped_cut(s->map)) return ft_mapped_intact(s->map);
    if (crc != b->crc) {
        FT_TRY(ft_mapped_intact(s->map));
        uint64_t next = i + 1 < s->foot.block_count ? s->blocks[i + 1].first : s->foot.record_count;
        return FT_FAIL(FT_ECORRUPT,
                       "'%s': the checksum of block %zu is wrong (records %llu to %llu, bytes %llu "
                       "to %llu)",
                       s->path, i, (unsigned long long)b->first, (unsigned long long)next - 1,
                       (unsigned long long)b->offset, (unsigned long long)(b->offset + b->bytes));
    }
    atomic_store_explicit(&s->verified[i], 1, memory_order_relaxed);
    return FT_OK;
}

ft_err ft_shard_verify(ft_shard *s, uint64_t first, uint64_t count) {
    if (count == 0) return FT_OK;
    if (first >= s->foot.record_count || count > s->foot.record_count - first)
        return FT_FAIL(FT_EINVAL, "'%s' has %llu records, record %llu was asked for", s->path,
                       (unsigned long long)s->foot.record_count,
                       (unsigned long long)(first + count - 1));
    if (s->no_check) return FT_OK;
    size_t last = block_of(s, first + count - 1);
    for (size_t i = block_of(s, first); i <= last; i++) FT_TRY(block_verify(s, i));
    return FT_OK;
}

/* The bytes of record i, within its block. */
static ft_err record_at(ft_str *out, const ft_shard *s, uint64_t i) {
    if (!s->offsets) {
        *out = ft_str_n(s->file.at + s->head.data_offset + i * s->head.record_bytes,
                        (size_t)s->head.record_bytes);
        return FT_OK;
    }
    uint64_t ends[2];
    const ft_shard_block *b = &s->blocks[block_of(s, i)];
    memcpy(ends, s->offsets + i * 8, sizeof ends);
    if (ends[0] < b->offset || ends[1] > b->offset + b->bytes || ends[1] < ends[0] ||
        ends[1] - ends[0] < s->head.record_bytes || ends[0] % FT_SHARD_ALIGN) {
        FT_TRY(ft_mapped_intact(s->map)); /* a file that shrank reads as zeros: then that is why */
        return FT_FAIL(FT_ECORRUPT,
                       "'%s', record %llu: the index points outside its block (byte %llu)", s->path,
                       (unsigned long long)i, (unsigned long long)ends[0]);
    }
    *out = ft_str_n(s->file.at + ends[0], (size_t)(ends[1] - ends[0]));
    return FT_OK;
}

/* A value whose size differs, by its slot. */
static bool slot_read(ft_array *out, const ft_field *f, ft_str record, const char *slot) {
    uint64_t place[2];
    int64_t dims[FT_ARRAY_DIMS_MAX];
    memcpy(place, slot, sizeof place);
    memcpy(dims, slot + sizeof place, (size_t)f->ndim * sizeof *dims);
    *out = (ft_array){ .dtype = f->dtype, .ndim = f->ndim };
    for (int d = 0; d < f->ndim; d++) {
        if (place[0] && (dims[d] < 0 || (f->shape[d] >= 0 && dims[d] != f->shape[d]))) return false;
        out->shape[d] = place[0] ? dims[d] : 0;
    }
    if (place[0] == 0) return place[1] == 0;
    if (place[0] % FT_SHARD_ALIGN_SMALL || place[0] > record.len ||
        place[1] > record.len - place[0] || !ft_shard_shape_valid(*out) ||
        ft_array_bytes(out) != place[1])
        return false;
    out->data = (void *)(uintptr_t)(record.at + place[0]);
    return true;
}

ft_err ft_shard_read(ft_array *values, ft_shard *s, uint64_t record, uint64_t *offset,
                     uint64_t *bytes) {
    ft_str at;
    FT_TRY(ft_shard_verify(s, record, 1));
    FT_TRY(record_at(&at, s, record));
    for (uint32_t i = 0; i < s->head.field_count; i++) {
        const ft_field *f = &s->fields[i];
        const char *place = at.at + s->rows[i].offset;
        if (!ft_field_fixed(f)) {
            if (!slot_read(&values[i], f, at, place)) {
                FT_TRY(ft_mapped_intact(s->map));
                return FT_FAIL(FT_ECORRUPT, "'%s', record %llu: field '%s' points outside it",
                               s->path, (unsigned long long)record, ft_shown(f->name));
            }
            continue;
        }
        values[i] = (ft_array){ .dtype = f->dtype, .ndim = f->ndim };
        memcpy(values[i].shape, f->shape, sizeof f->shape);
        values[i].data = (void *)(uintptr_t)place;
    }
    if (offset) *offset = (uint64_t)(at.at - s->file.at);
    if (bytes) *bytes = at.len;
    return FT_OK;
}

ft_err ft_shard_intact(const ft_shard *s) { return ft_mapped_intact(s->map); }
