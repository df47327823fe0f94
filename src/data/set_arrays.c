/* set_arrays.c -- arrays whose first axis counts samples, as datasets: npy, npz (every member an
 * array of as many samples) and IDX (the labels in the file beside it).
 *
 * A plain file is mapped and values are views of it; a packed one is unpacked into memory. Items
 * that are big-endian or not aligned are copied when they are read. */
#include <stdlib.h>

#include "base/check.h"
#include "data/dataset_in.h"
#include "data/idx.h"
#include "data/mapped.h"
#include "data/npy.h"
#include "data/set_arrays_in.h"
#include "data/shown.h"
#include "data/table_in.h"
#include "data/zip.h"

#define READ_BYTES ((size_t)4 << 20)

typedef struct column {
    ft_field field;
    const char *at; /* row 0 */
    size_t row_bytes;
    bool swapped;
} column;

typedef struct arrays {
    ft_mapped *maps[2]; /* the file, the labels */
    ft_buf *heap;       /* what had to be unpacked, one for each part */
    size_t heap_count, heap_capacity;
    column *columns;
    size_t count, capacity;
    uint64_t rows;
    ft_arena arena;
} arrays;

/* ---- bytes */

static ft_err heap_add(ft_buf **out, arrays *a) {
    if (a->heap_count == a->heap_capacity) {
        size_t capacity = a->heap_capacity ? a->heap_capacity * 2 : 4;
        ft_buf *heap;
        FT_TRY(ft_arena_items(&heap, &a->arena, capacity));
        if (a->heap_count) memcpy(heap, a->heap, a->heap_count * sizeof *heap);
        a->heap = heap;
        a->heap_capacity = capacity;
    }
    *out = &a->heap[a->heap_count++];
    (*out)->limit_bytes = SIZE_MAX / 2;
    return FT_OK;
}

/* The rest of an input in memory. */
static ft_err load(ft_str *out, arrays *a, ft_input *in) {
    ft_buf *b;
    size_t got = 1;
    FT_TRY(heap_add(&b, a));
    while (got) {
        FT_TRY(ft_buf_reserve(b, READ_BYTES));
        FT_TRY(ft_input_read(&got, in, b->at + b->len, READ_BYTES));
        b->len += got;
    }
    *out = ft_buf_str(b);
    return FT_OK;
}

/* The file's bytes: mapped, or unpacked. `which`: 0 the file, 1 its labels. */
static ft_err file_bytes(ft_str *out, ft_set_shard *s, const char *path, int which) {
    arrays *a = s->state;
    ft_input *in = which == 0 ? s->d->stream : NULL;
    ft_input_opts opts = { .no_hash = true };
    ft_err err = FT_OK;
    if (in) return load(out, a, in);
    FT_TRY(ft_input_open(&in, path, &opts));
    if (ft_input_packed(in)) {
        FT_GOTO(err, load(out, a, in));
    } else {
        FT_GOTO(err, ft_mapped_open(&a->maps[which], path));
        *out = ft_mapped_bytes(a->maps[which]);
    }
done:
    ft_input_free(in);
    return err;
}

/* ---- columns */

static ft_err column_add(ft_set_shard *s, ft_str name, const ft_array *array, bool swapped) {
    arrays *a = s->state;
    ft_array row = *array;
    if (array->ndim < 1)
        return FT_FAIL(FT_EINVAL, "'%s': '%s' is one number, not an array of samples", s->path,
                       ft_shown(name));
    if (a->count && (uint64_t)array->shape[0] != a->rows)
        return FT_FAIL(FT_EINVAL, "'%s': '%s' has %lld samples, the one before %llu", s->path,
                       ft_shown(name), (long long)array->shape[0], (unsigned long long)a->rows);
    a->rows = (uint64_t)array->shape[0];
    if (a->count == a->capacity) {
        size_t capacity = a->capacity ? a->capacity * 2 : 8;
        column *columns;
        FT_TRY(ft_arena_items(&columns, &a->arena, capacity));
        if (a->count) memcpy(columns, a->columns, a->count * sizeof *columns);
        a->columns = columns;
        a->capacity = capacity;
    }
    row.ndim--;
    memmove(row.shape, row.shape + 1, (size_t)row.ndim * sizeof *row.shape);
    row.data = (void *)(uintptr_t) "";
    column *c = &a->columns[a->count];
    *c = (column){ .at = array->data, .row_bytes = ft_array_bytes(&row), .swapped = swapped };
    c->field = (ft_field){ .name = name, .dtype = row.dtype, .ndim = row.ndim };
    memcpy(c->field.shape, row.shape, sizeof row.shape);
    if (swapped || (uintptr_t)c->at % ft_dtype_bytes(row.dtype)) s->copies = true;
    a->count++;
    return FT_OK;
}

static ft_err npy_add(ft_set_shard *s, ft_str name, ft_str bytes) {
    arrays *a = s->state;
    ft_npy_header h;
    ft_err err = ft_npy_header_read(&h, bytes);
    if (!err) {
        h.array.data = (void *)(uintptr_t)(bytes.at + h.bytes);
        if (h.fortran && h.array.ndim > 1) {
            err = ft_npy_read(&h.array, &a->arena, bytes);
            h.swapped = false;
        } else if (!ft_array_valid(&h.array) || ft_array_bytes(&h.array) > bytes.len - h.bytes) {
            err = FT_FAIL(FT_ECORRUPT, "the file ends before its last item");
        } else if (ft_array_bytes(&h.array) < bytes.len - h.bytes) {
            err = FT_FAIL(FT_ECORRUPT, "the file is longer than its array");
        }
    }
    if (err) return ft_err_prefix(err, "'%s', array '%s'", s->path, ft_shown(name));
    return column_add(s, name, &h.array, h.swapped);
}

/* ---- the shard */

static ft_err columns_end(ft_set_shard *s) {
    arrays *a = s->state;
    ft_field *fields;
    s->count = a->rows;
    if (!s->number) {
        for (size_t i = 0; i < a->count; i++) FT_TRY(ft_set_field(s->d, &a->columns[i].field));
        return FT_OK;
    }
    FT_TRY(ft_arena_items(&fields, &a->arena, a->count + 1));
    for (size_t i = 0; i < a->count; i++) fields[i] = a->columns[i].field;
    return ft_set_same(s, fields, a->count);
}

static ft_err npy_open(ft_set_shard *s) {
    ft_str bytes;
    ((arrays *)s->state)->arena.limit_bytes = SIZE_MAX / 2;
    FT_TRY(file_bytes(&bytes, s, s->path, 0));
    FT_TRY(npy_add(s, FT_STR("values"), bytes));
    return columns_end(s);
}

static ft_err npz_open(ft_set_shard *s) {
    arrays *a = s->state;
    ft_zip z;
    ft_zip_member m;
    ft_err err;
    a->arena.limit_bytes = SIZE_MAX / 2;
    FT_TRY(ft_mapped_open(&a->maps[0], s->path));
    err = ft_zip_open(&z, ft_mapped_bytes(a->maps[0]));
    if (err) return ft_err_prefix(err, "'%s'", s->path);
    while (!(err = ft_zip_next(&m, &z))) {
        ft_str name = m.name, bytes = m.packed;
        if (!ft_str_ends(name, FT_STR(".npy"))) continue;
        name.len -= 4;
        if (m.deflated) {
            ft_buf *b;
            FT_TRY(heap_add(&b, a));
            err = ft_zip_unpack(b, &m);
            if (err) break;
            bytes = ft_buf_str(b);
        }
        FT_TRY(ft_arena_str(&name, &a->arena, name));
        FT_TRY(npy_add(s, name, bytes));
    }
    if (err != FT_ENOTFOUND) return ft_err_prefix(err, "'%s'", s->path);
    if (a->count == 0) return FT_FAIL(FT_EINVAL, "'%s' holds no arrays", s->path);
    return columns_end(s);
}

/* An IDX file's array. */
static ft_err idx_read(ft_array *out, ft_set_shard *s, const char *path, int which) {
    ft_str bytes;
    ft_input *in;
    ft_input_opts opts = { .no_hash = true, .no_unpack = true };
    FT_TRY(file_bytes(&bytes, s, path, which));
    FT_TRY(ft_input_memory(&in, bytes, ft_str_of(path), &opts));
    ft_err err = ft_idx_header(out, in);
    uint64_t at = ft_input_offset(in);
    ft_input_free(in);
    FT_TRY(err);
    out->data = (void *)(uintptr_t)(bytes.at + at);
    uint64_t want = ft_array_valid(out) ? ft_array_bytes(out) : UINT64_MAX;
    if (want == bytes.len - at) return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "'%s' has %llu bytes of items, its header says %llu", path,
                   (unsigned long long)(bytes.len - at), (unsigned long long)want);
}

static ft_err idx_open(ft_set_shard *s) {
    arrays *a = s->state;
    ft_array images, labels;
    ft_str path;
    a->arena.limit_bytes = SIZE_MAX / 2;
    FT_TRY(idx_read(&images, s, s->path, 0));
    bool swapped = ft_dtype_bytes(images.dtype) > 1;
    ft_str name = images.ndim == 3 ? FT_STR("image") : FT_STR("values");
    FT_TRY(column_add(s, name, &images, swapped));
    if (s->d->stream_first || ft_str_is(s->d->opts.label, "none")) return columns_end(s);
    FT_TRY(ft_idx_labels_path(&path, &a->arena, ft_str_of(s->path)));
    if (!path.at) return columns_end(s);
    FT_TRY(idx_read(&labels, s, path.at, 1));
    FT_TRY(column_add(s, FT_STR("label"), &labels, ft_dtype_bytes(labels.dtype) > 1));
    return columns_end(s);
}

static void shard_close(ft_set_shard *s) {
    arrays *a = s->state;
    for (int i = 0; i < 2; i++) ft_mapped_free(a->maps[i]);
    for (size_t i = 0; i < a->heap_count; i++) ft_buf_fini(&a->heap[i]);
    ft_arena_fini(&a->arena);
}

/* ---- reading */

static void swap_items(char *at, const char *from, size_t bytes, size_t item) {
    for (size_t i = 0; i < bytes; i += item)
        for (size_t k = 0; k < item; k++) at[i + k] = from[i + item - 1 - k];
}

static ft_err value(ft_array *out, const column *c, uint64_t row, ft_arena *arena) {
    const char *from = c->at + row * c->row_bytes;
    size_t item = ft_dtype_bytes(c->field.dtype);
    *out = (ft_array){ .dtype = c->field.dtype, .ndim = c->field.ndim };
    memcpy(out->shape, c->field.shape, sizeof out->shape);
    out->data = (void *)(uintptr_t)from;
    if (!c->swapped && (uintptr_t)from % item == 0) return FT_OK;
    char *copy;
    FT_TRY(ft_arena_take(&copy, arena, c->row_bytes));
    if (c->swapped)
        swap_items(copy, from, c->row_bytes, item);
    else
        memcpy(copy, from, c->row_bytes);
    out->data = copy;
    return FT_OK;
}

static ft_err row_read(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, uint64_t record) {
    const arrays *a = s->state;
    if (a->maps[0]) ft_set_touch(r, s->number);
    for (size_t i = 0; i < a->count; i++) {
        FT_TRY(value(&r->values[i], &a->columns[i], record, &r->arena));
        out->stored_bytes += a->columns[i].row_bytes;
    }
    if (a->maps[0])
        out->offset = (uint64_t)(a->columns[0].at - ft_mapped_bytes(a->maps[0]).at) +
                      record * a->columns[0].row_bytes;
    return FT_OK;
}

static ft_err intact(ft_dataset_reader *r, ft_set_shard *s) {
    const arrays *a = s->state;
    (void)r;
    for (int i = 0; i < 2; i++)
        if (a->maps[i]) FT_TRY(ft_mapped_intact(a->maps[i]));
    return FT_OK;
}

static int sniff_npy(ft_str head, ft_str path) {
    (void)path;
    return ft_npy_is(head) ? 100 : 0;
}

static int sniff_idx(ft_str head, ft_str path) { return ft_format_idx.sniff(head, path); }

#define ARRAYS                                                                             \
    .shard_bytes = sizeof(arrays), .close = shard_close, .read = row_read, .mapped = true, \
    .intact = intact

const ft_dataset_format ft_set_npy = {
    .name = "npy",
    .doc = "a NumPy array, a sample each row",
    .endings = ".npy",
    .media_types = "application/x-npy",
    .sniff = sniff_npy,
    .open = npy_open,
    ARRAYS,
    FT_SET_NPY_WRITE,
};
const ft_dataset_format ft_set_npz = {
    .name = "npz",
    .doc = "NumPy arrays of as many rows (read only)",
    .endings = ".npz",
    .media_types = "",
    .open = npz_open,
    ARRAYS,
};
const ft_dataset_format ft_set_idx = {
    .name = "idx",
    .doc = "MNIST's format: images, labels in the file beside it",
    .endings = "-ubyte|.idx|.idx1|.idx2|.idx3|.idx4",
    .media_types = "",
    .sniff = sniff_idx,
    .open = idx_open,
    ARRAYS,
    FT_SET_IDX_WRITE,
};
