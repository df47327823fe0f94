/* npy.c -- see npy.h: the header, which is a Python dictionary, whole arrays, and rows as records.
 */
#include "data/npy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "data/record_in.h"
#include "data/shown.h"

#define MAGIC      "\x93NUMPY"
#define ALIGN      64
#define HEAD_BYTES 320 /* of a file whose row count is filled in at its end: room for any shape */

static const struct {
    ft_dtype dtype;
    const char *code;
} types[] = { { FT_F32, "f4" }, { FT_F64, "f8" }, { FT_F16, "f2" }, { FT_I8, "i1" },
              { FT_I16, "i2" }, { FT_I32, "i4" }, { FT_I64, "i8" }, { FT_U8, "u1" },
              { FT_U16, "u2" }, { FT_U32, "u4" }, { FT_U64, "u8" }, { FT_BOOL, "b1" } };

/* ---- reading the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */

static void skip_blanks(ft_str *s) {
    while (s->len && (s->at[0] == ' ' || s->at[0] == '\n')) *s = ft_str_from(*s, 1);
}

static bool take(ft_str *s, const char *word) {
    skip_blanks(s);
    if (!ft_str_starts(*s, ft_str_of(word))) return false;
    *s = ft_str_from(*s, strlen(word));
    return true;
}

static bool quoted(ft_str *out, ft_str *s) {
    skip_blanks(s);
    if (s->len == 0 || (s->at[0] != '\'' && s->at[0] != '"')) return false;
    char quote = s->at[0];
    *s = ft_str_from(*s, 1);
    size_t len = ft_str_find(*s, quote);
    if (len == s->len) return false;
    *out = ft_str_slice(*s, 0, len);
    *s = ft_str_from(*s, len + 1);
    return true;
}

static ft_err bad_header(void) {
    return FT_FAIL(FT_EPARSE, "its header is not {'descr': …, 'fortran_order': …, 'shape': …}");
}

static ft_err descr(ft_npy_header *h, ft_str *s) {
    ft_str text;
    if (!quoted(&text, s))
        return FT_FAIL(FT_EUNSUPPORTED, "its items are structs, numbers are read here");
    ft_str code = text;
    if (text.len == 3 && memchr("<>|=", text.at[0], 4)) {
        h->swapped = text.at[0] == '>';
        code = ft_str_from(text, 1);
    }
    for (size_t i = 0; i < FT_COUNT(types); i++)
        if (ft_str_is(code, types[i].code)) {
            h->array.dtype = types[i].dtype;
            return FT_OK;
        }
    if (ft_str_is(text, "?")) {
        h->array.dtype = FT_BOOL;
        return FT_OK;
    }
    return FT_FAIL(FT_EUNSUPPORTED, "items of type '%s' are not read here", ft_shown(text));
}

static ft_err shape(ft_array *a, ft_str *s) {
    if (!take(s, "(")) return bad_header();
    while (!take(s, ")")) {
        size_t len = 0;
        int64_t size;
        skip_blanks(s);
        while (len < s->len && s->at[len] >= '0' && s->at[len] <= '9') len++;
        if (!ft_str_i64(&size, ft_str_slice(*s, 0, len))) return bad_header();
        if (a->ndim == FT_ARRAY_DIMS_MAX)
            return FT_FAIL(FT_EUNSUPPORTED, "more than %d dimensions", FT_ARRAY_DIMS_MAX);
        a->shape[a->ndim++] = size;
        *s = ft_str_from(*s, len);
        take(s, "L"); /* Python 2 */
        if (!take(s, ",") && !(s->len && s->at[0] == ')')) return bad_header();
    }
    return FT_OK;
}

static ft_err dictionary(ft_npy_header *h, ft_str s) {
    ft_str key;
    int seen = 0;
    if (!take(&s, "{")) return bad_header();
    while (!take(&s, "}")) {
        if (!quoted(&key, &s) || !take(&s, ":")) return bad_header();
        if (ft_str_is(key, "descr")) {
            FT_TRY(descr(h, &s));
            seen |= 1;
        } else if (ft_str_is(key, "fortran_order")) {
            h->fortran = take(&s, "True");
            if (!h->fortran && !take(&s, "False")) return bad_header();
            seen |= 2;
        } else if (ft_str_is(key, "shape")) {
            h->array.ndim = 0;
            FT_TRY(shape(&h->array, &s));
            seen |= 4;
        } else {
            return bad_header();
        }
        skip_blanks(&s);
        if (!take(&s, ",") && !(s.len && s.at[0] == '}')) return bad_header();
    }
    return seen == 7 ? FT_OK : bad_header();
}

/* Do the sizes fit in memory? As ft_array_valid says, but without data. */
static bool sizes_fit(const ft_array *a) {
    uint64_t bytes = ft_dtype_bytes(a->dtype);
    for (int i = 0; i < a->ndim; i++)
        if (__builtin_mul_overflow(bytes, (uint64_t)(a->shape[i] ? a->shape[i] : 1), &bytes))
            return false;
    return bytes < (uint64_t)1 << 62;
}

bool ft_npy_is(ft_str bytes) { return ft_str_starts(bytes, ft_str_n(MAGIC, 6)); }

ft_err ft_npy_header_read(ft_npy_header *out, ft_str head) {
    *out = (ft_npy_header){ 0 };
    if (!ft_npy_is(head)) return FT_FAIL(FT_EPARSE, "it does not begin with \\x93NUMPY");
    size_t fixed = head.len > 6 && head.at[6] >= 2 ? 12 : 10;
    if (head.len < fixed) return FT_FAIL(FT_ECORRUPT, "it ends within its header");
    int version = (unsigned char)head.at[6];
    if (version < 1 || version > 3)
        return FT_FAIL(FT_EUNSUPPORTED, "version %d of the format, 1 to 3 are read", version);
    uint32_t word = 0;
    memcpy(&word, head.at + 8, version == 1 ? 2 : 4);
    size_t len = word;
    if (len > FT_NPY_HEADER_MAX)
        return FT_FAIL(FT_ETOOBIG, "a header of %zu bytes, at most %zu are read", len,
                       FT_NPY_HEADER_MAX);
    if (head.len < fixed + len) return FT_FAIL(FT_ECORRUPT, "it ends within its header");
    out->bytes = fixed + len;
    FT_TRY(dictionary(out, ft_str_slice(head, fixed, len)));
    if (!sizes_fit(&out->array)) return FT_FAIL(FT_EPARSE, "its shape is beyond any memory");
    return FT_OK;
}

/* ---- whole arrays */

static void swap_items(char *at, size_t count, size_t bytes) {
    for (size_t i = 0; bytes > 1 && i < count; i++, at += bytes)
        for (size_t k = 0; k < bytes / 2; k++) {
            char c = at[k];
            at[k] = at[bytes - 1 - k];
            at[bytes - 1 - k] = c;
        }
}

/* Items in column-major order to row-major order. */
static void to_rows(char *out, const char *in, const ft_array *a) {
    size_t bytes = ft_dtype_bytes(a->dtype);
    int64_t at[FT_ARRAY_DIMS_MAX] = { 0 }, count = ft_array_count(a);
    for (int64_t i = 0; i < count; i++) {
        size_t from = 0, step = 1;
        for (int d = 0; d < a->ndim; d++) {
            from += (size_t)at[d] * step;
            step *= (size_t)a->shape[d];
        }
        memcpy(out + (size_t)i * bytes, in + from * bytes, bytes);
        for (int d = a->ndim - 1; d >= 0 && ++at[d] == a->shape[d]; d--) at[d] = 0;
    }
}

static size_t data_bytes(const ft_array *a) {
    size_t bytes = ft_dtype_bytes(a->dtype);
    for (int i = 0; i < a->ndim; i++) bytes *= (size_t)a->shape[i];
    return bytes;
}

ft_err ft_npy_read(ft_array *out, ft_arena *arena, ft_str bytes) {
    ft_npy_header h;
    char *at;
    *out = (ft_array){ 0 };
    FT_TRY(ft_npy_header_read(&h, bytes));
    ft_str data = ft_str_from(bytes, h.bytes);
    size_t need = data_bytes(&h.array);
    if (data.len != need)
        return FT_FAIL(FT_ECORRUPT, "%zu bytes of data, the header says %zu", data.len, need);
    FT_TRY(ft_arena_take(&at, arena, need));
    h.array.data = at;
    if (h.fortran && h.array.ndim > 1)
        to_rows(at, data.at, &h.array);
    else if (need)
        memcpy(at, data.at, need);
    if (h.swapped)
        swap_items(at, need / ft_dtype_bytes(h.array.dtype), ft_dtype_bytes(h.array.dtype));
    *out = h.array;
    return FT_OK;
}

/* ---- writing */

static const char *code_of(ft_dtype dtype) {
    for (size_t i = 0; i < FT_COUNT(types); i++)
        if (types[i].dtype == dtype) return types[i].code;
    return "u2"; /* bfloat16 */
}

ft_err ft_npy_header_write(ft_buf *out, const ft_array *array, size_t at_least) {
    ft_buf text = { 0 };
    const char *code = code_of(array->dtype);
    ft_buf_printf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                  ft_dtype_bytes(array->dtype) == 1 ? '|' : '<', code);
    for (int i = 0; i < array->ndim; i++)
        ft_buf_printf(&text, i ? ", %lld" : "%lld", (long long)array->shape[i]);
    ft_buf_printf(&text, "%s), }", array->ndim == 1 ? "," : "");
    size_t whole = (10 + text.len + 1 + ALIGN - 1) / ALIGN * ALIGN;
    if (whole < at_least) whole = at_least;
    while (10 + text.len + 1 < whole && !text.err) ft_buf_byte(&text, ' ');
    ft_buf_byte(&text, '\n');
    uint16_t len = (uint16_t)text.len;
    ft_buf_add_n(out, MAGIC "\1\0", 8);
    ft_buf_add_n(out, &len, sizeof len);
    ft_buf_add(out, ft_buf_str(&text));
    ft_err err = text.err ? text.err : out->err;
    ft_buf_fini(&text);
    return err;
}

ft_err ft_npy_write(ft_buf *out, const ft_array *array) {
    FT_TRY(ft_npy_header_write(out, array, 0));
    return ft_buf_add_n(out, array->data, ft_array_bytes(array));
}

/* ---- rows as records */

typedef struct npy_state {
    ft_npy_header header;
    ft_array row; /* shape of one */
    size_t row_bytes;
    int64_t read;
    ft_buf swapped;
} npy_state;

static ft_err npy_begin(ft_record_read *r) {
    npy_state *s = r->state;
    ft_str head;
    FT_TRY(ft_input_peek(&head, r->in, FT_NPY_HEADER_MAX + 12));
    FT_TRY(ft_npy_header_read(&s->header, head));
    const ft_array *a = &s->header.array;
    if (a->ndim == 0) return FT_FAIL(FT_EUNSUPPORTED, "one number, not rows");
    if (s->header.fortran && a->ndim > 1)
        return FT_FAIL(FT_EUNSUPPORTED, "column-major order: rows cannot be read one by one");
    s->row = (ft_array){ .dtype = a->dtype, .ndim = a->ndim - 1 };
    memcpy(s->row.shape, a->shape + 1, sizeof *a->shape * (size_t)(a->ndim - 1));
    s->row_bytes = data_bytes(&s->row);
    if (s->row_bytes == 0) return FT_FAIL(FT_EPARSE, "its rows are empty");
    FT_TRY(ft_record_fits(r, s->row_bytes));
    ft_input_skip(r->in, s->header.bytes);
    return FT_OK;
}

/* After reading began elsewhere, the offset tells the row. */
static ft_err row_here(npy_state *s, const ft_record *out) {
    uint64_t from = out->offset - s->header.bytes;
    if (out->offset < s->header.bytes || from % s->row_bytes)
        return FT_FAIL(FT_ECORRUPT, "no row begins at byte %llu", (unsigned long long)out->offset);
    s->read = (int64_t)(from / s->row_bytes);
    return FT_OK;
}

static ft_err npy_next(ft_record_read *r, ft_record *out) {
    npy_state *s = r->state;
    int64_t rows = s->header.array.shape[0];
    FT_TRY(row_here(s, out));
    if (s->read >= rows) {
        FT_TRY(ft_input_peek(&out->bytes, r->in, 1));
        if (out->bytes.len == 0) return FT_ENOTFOUND;
        return FT_FAIL(FT_ECORRUPT, "the file goes on after its %lld rows", (long long)rows);
    }
    ft_err err = ft_record_peek(&out->bytes, r, s->row_bytes, "a row");
    if (err == FT_ENOTFOUND)
        return FT_FAIL(FT_ECORRUPT, "the file ends after %lld of its %lld rows", (long long)s->read,
                       (long long)rows);
    FT_TRY(err);
    ft_input_skip(r->in, s->row_bytes);
    if (s->header.swapped) {
        size_t bytes = ft_dtype_bytes(s->row.dtype);
        ft_buf_reset(&s->swapped);
        FT_TRY(ft_buf_add(&s->swapped, out->bytes));
        swap_items(s->swapped.at, s->row_bytes / bytes, bytes);
        out->bytes = ft_buf_str(&s->swapped);
    }
    out->is_array = true;
    out->array = s->row;
    out->array.data = (void *)(uintptr_t)out->bytes.at;
    return FT_OK;
}

static void npy_fini(void *state) { ft_buf_fini(&((npy_state *)state)->swapped); }

typedef struct npy_write {
    ft_array array; /* rows so far first */
} npy_write;

/* Bytes without a shape are rows of bytes. */
static ft_err npy_write_row(ft_record_write *w, const ft_record *record) {
    npy_write *s = w->state;
    ft_array row = record->array;
    if (!record->is_array)
        row = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)record->bytes.len } };
    if (row.ndim == FT_ARRAY_DIMS_MAX || data_bytes(&row) != record->bytes.len)
        return FT_FAIL(FT_EINVAL, "%zu bytes for a row of %zu", record->bytes.len,
                       data_bytes(&row));
    if (w->count == 0) {
        s->array = (ft_array){ .dtype = row.dtype, .ndim = row.ndim + 1 };
        memcpy(s->array.shape + 1, row.shape, sizeof *row.shape * (size_t)row.ndim);
        FT_TRY(ft_npy_header_write(w->out, &s->array, HEAD_BYTES));
    }
    bool same = row.dtype == s->array.dtype && row.ndim == s->array.ndim - 1 &&
                memcmp(row.shape, s->array.shape + 1, sizeof *row.shape * (size_t)row.ndim) == 0;
    if (!same) return FT_FAIL(FT_EINVAL, "a row of another type or shape than the first");
    s->array.shape[0]++;
    return ft_buf_add(w->out, record->bytes);
}

static ft_err npy_end(ft_record_write *w, ft_buf *head) {
    npy_write *s = w->state;
    if (w->count == 0) return FT_FAIL(FT_EINVAL, "an array without rows has no type");
    return ft_npy_header_write(head, &s->array, HEAD_BYTES);
}

static int npy_sniff(ft_str head, ft_str path) {
    (void)path;
    return ft_npy_is(head) ? 100 : 0;
}

const ft_record_format ft_records_npy = {
    .name = "npy",
    .doc = "NumPy's array files, a row a record",
    .endings = ".npy",
    .media_types = "application/x-npy",
    .sniff = npy_sniff,
    .read_bytes = sizeof(npy_state),
    .write_bytes = sizeof(npy_write),
    .begin = npy_begin,
    .next = npy_next,
    .fini = npy_fini,
    .write = npy_write_row,
    .end = npy_end,
};
