/* idx.c -- pictures in IDX files into a table, one row a picture, labels from the file beside it.
 */
#include "data/idx.h"

#include <math.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "data/table_in.h"

#define ROW_BYTES_MAX ((uint64_t)64 << 20)

typedef struct idx_state {
    bool *fraction; /* a feature had a value that is not whole */
} idx_state;

/* ---- the format itself */

static const struct {
    unsigned char code;
    ft_dtype dtype;
} types[] = { { 0x08, FT_U8 },  { 0x09, FT_I8 },  { 0x0b, FT_I16 },
              { 0x0c, FT_I32 }, { 0x0d, FT_F32 }, { 0x0e, FT_F64 } };

static bool type_of(ft_dtype *out, unsigned char code) {
    for (size_t i = 0; i < FT_COUNT(types); i++)
        if (types[i].code == code) {
            *out = types[i].dtype;
            return true;
        }
    return false;
}

static uint32_t be32(const char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

ft_err ft_idx_header(ft_array *out, ft_input *in) {
    ft_str view, name = ft_input_name(in);
    *out = (ft_array){ 0 };
    FT_TRY(ft_input_peek(&view, in, 4));
    if (view.len < 4 || view.at[0] || view.at[1] ||
        !type_of(&out->dtype, (unsigned char)view.at[2]))
        return FT_FAIL(FT_EPARSE,
                       "'%.*s' is not an IDX file: it does not begin with 00 00 and a type",
                       FT_STR_ARG(name));
    out->ndim = (unsigned char)view.at[3];
    if (out->ndim < 1 || out->ndim > FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_EPARSE, "'%.*s': byte 3 says %d dimensions, expected 1 to %d",
                       FT_STR_ARG(name), out->ndim, FT_ARRAY_DIMS_MAX);
    size_t len = 4 + 4 * (size_t)out->ndim;
    FT_TRY(ft_input_peek(&view, in, len));
    if (view.len < len)
        return FT_FAIL(FT_ECORRUPT, "'%.*s' ends within its header of %zu bytes", FT_STR_ARG(name),
                       len);
    uint64_t bytes = ft_dtype_bytes(out->dtype);
    bool fits = true;
    for (int i = 0; i < out->ndim; i++) {
        out->shape[i] = be32(view.at + 4 + 4 * i);
        fits = fits && !__builtin_mul_overflow(bytes, (uint64_t)out->shape[i], &bytes);
    }
    ft_input_skip(in, len);
    if (!fits)
        return FT_FAIL(FT_EPARSE, "'%.*s': its sizes are beyond any memory", FT_STR_ARG(name));
    return FT_OK;
}

static float be_f64(const char *p) {
    uint64_t bits;
    double v;
    memcpy(&bits, p, sizeof bits);
    bits = __builtin_bswap64(bits);
    memcpy(&v, &bits, sizeof v);
    return (float)v;
}

static float be_f32(const char *p) {
    uint32_t bits = be32(p);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void ft_idx_floats(float *out, ft_dtype dtype, const char *at, size_t count) {
    switch (dtype) {
    case FT_U8:
        for (size_t i = 0; i < count; i++) out[i] = (float)(unsigned char)at[i];
        break;
    case FT_I8:
        for (size_t i = 0; i < count; i++) out[i] = (float)(signed char)at[i];
        break;
    case FT_I16:
        for (size_t i = 0; i < count; i++)
            out[i] = (float)(int16_t)((unsigned char)at[2 * i] << 8 | (unsigned char)at[2 * i + 1]);
        break;
    case FT_I32:
        for (size_t i = 0; i < count; i++) out[i] = (float)(int32_t)be32(at + 4 * i);
        break;
    case FT_F32:
        for (size_t i = 0; i < count; i++) out[i] = be_f32(at + 4 * i);
        break;
    default:
        FT_CHECK(dtype == FT_F64);
        for (size_t i = 0; i < count; i++) out[i] = be_f64(at + 8 * i);
    }
}

static bool is_float(ft_dtype dtype) { return dtype == FT_F32 || dtype == FT_F64; }

static ft_err truncated(ft_str name, const ft_array *a, size_t row) {
    return FT_FAIL(FT_ECORRUPT, "'%.*s' ends in item %zu of the %lld that its header says",
                   FT_STR_ARG(name), row, (long long)a->shape[0]);
}

/* ---- pictures */

static ft_err cols_of(size_t *out, const ft_array *a, ft_str path) {
    uint64_t cols = 1;
    for (int i = 1; i < a->ndim; i++) cols *= (uint64_t)a->shape[i]; /* fits: the header is valid */
    if (a->ndim == 1)
        return FT_FAIL(FT_EPARSE,
                       "'%.*s' has one number a row, so it holds labels: name the file of the "
                       "pictures",
                       FT_STR_ARG(path));
    if (cols == 0) return FT_FAIL(FT_EPARSE, "'%.*s': its pictures are empty", FT_STR_ARG(path));
    if (cols > FT_TABLE_COLS_MAX || cols * ft_dtype_bytes(a->dtype) > ROW_BYTES_MAX)
        return FT_FAIL(FT_ETOOBIG, "'%.*s': %llu numbers a row, at most %zu are read",
                       FT_STR_ARG(path), (unsigned long long)cols, FT_TABLE_COLS_MAX);
    *out = (size_t)cols;
    return FT_OK;
}

static ft_err begin(idx_state *s, ft_table_build *b, size_t cols, ft_str path) {
    ft_table *t = b->t;
    if (t->schema) {
        if (cols == t->cols) return FT_OK;
        return FT_FAIL(FT_EPARSE, "'%.*s': %zu numbers a row, the files before it have %zu",
                       FT_STR_ARG(path), cols, t->cols);
    }
    FT_TRY(ft_arena_items(&s->fraction, &t->arena, cols));
    if (!b->opts->schema) return ft_build_schema(b, cols, "pixel");
    if (cols != b->opts->schema->feature_count)
        return FT_FAIL(FT_EPARSE, "'%.*s': %zu numbers a row, the model's data has %zu",
                       FT_STR_ARG(path), cols, b->opts->schema->feature_count);
    t->cols = cols;
    return ft_build_schema_copy(b, b->opts->schema);
}

/* Floats may be infinite (refused) or not whole (noted). */
static ft_err floats_check(idx_state *s, const ft_table *t, const float *at, size_t rows,
                           size_t first, ft_str path) {
    for (size_t i = 0; i < rows * t->cols; i++) {
        if (isinf(at[i]))
            return FT_FAIL(FT_EPARSE, "'%.*s': row %zu, number %zu is infinite in 32 bits",
                           FT_STR_ARG(path), first + i / t->cols, i % t->cols);
        s->fraction[i % t->cols] |= truncf(at[i]) != at[i] && !isnan(at[i]);
    }
    return FT_OK;
}

/* Rows as they arrive: what the header promises is not trusted with memory. */
static ft_err pictures(idx_state *s, ft_table_build *b, ft_input *in, const ft_array *a,
                       ft_str path, size_t *read) {
    ft_table *t = b->t;
    size_t row_bytes = t->cols * ft_dtype_bytes(a->dtype), total = (size_t)a->shape[0];
    ft_str view;
    *read = 0;
    while (*read < total && ft_build_wants(b)) {
        FT_TRY(ft_input_peek(&view, in, row_bytes));
        size_t rows = view.len / row_bytes;
        if (rows == 0) return truncated(path, a, *read);
        if (rows > total - *read) rows = total - *read;
        if (rows > b->rows_max - t->rows) rows = b->rows_max - t->rows;
        FT_TRY(ft_build_dense_rows(b, rows, 0));
        float *at = t->dense + t->rows * t->cols;
        ft_idx_floats(at, a->dtype, view.at, rows * t->cols);
        if (is_float(a->dtype)) FT_TRY(floats_check(s, t, at, rows, *read, path));
        ft_input_skip(in, rows * row_bytes);
        t->rows += rows;
        *read += rows;
    }
    if (*read < total) return FT_OK;
    FT_TRY(ft_input_peek(&view, in, 1));
    if (view.len)
        return FT_FAIL(FT_ECORRUPT, "'%.*s' goes on after the %zu items that its header says",
                       FT_STR_ARG(path), total);
    return FT_OK;
}

/* ---- labels */

/* One label a row for the last `rows` rows of the table, which have none yet. */
static ft_err labels_read(ft_table_build *b, ft_input *in, size_t rows, int64_t expected) {
    ft_array a;
    ft_str view, name = ft_input_name(in);
    FT_TRY(ft_idx_header(&a, in));
    if (a.ndim != 1)
        return FT_FAIL(FT_EPARSE, "'%.*s' has %d dimensions, expected labels, one number a row",
                       FT_STR_ARG(name), a.ndim);
    if (a.shape[0] != expected)
        return FT_FAIL(FT_EPARSE, "'%.*s' has %lld labels for %lld rows", FT_STR_ARG(name),
                       (long long)a.shape[0], (long long)expected);
    size_t first = b->t->rows - rows, each = ft_dtype_bytes(a.dtype);
    FT_TRY(ft_build_room(b, &b->t->labels, &b->label_capacity, b->t->rows));
    for (size_t at = 0; at < rows;) {
        FT_TRY(ft_input_peek(&view, in, each));
        size_t count = view.len / each;
        if (count == 0) return truncated(name, &a, at);
        if (count > rows - at) count = rows - at;
        float *out = b->t->labels + first + at;
        ft_idx_floats(out, a.dtype, view.at, count);
        for (size_t i = 0; is_float(a.dtype) && i < count; i++)
            if (!isfinite(out[i]))
                return FT_FAIL(FT_EPARSE, "'%.*s': label %zu is not a finite number",
                               FT_STR_ARG(name), at + i);
        ft_input_skip(in, count * each);
        at += count;
    }
    return FT_OK;
}

static bool replace(char *out, size_t size, const char *text, const char *old, const char *new) {
    const char *at = NULL, *next = text;
    while ((next = strstr(next, old))) at = next++; /* the last one */
    if (!at) return false;
    int n = snprintf(out, size, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    return n > 0 && (size_t)n < size;
}

ft_err ft_idx_labels_name(ft_str *out, ft_arena *arena, ft_str path) {
    char name[256], text[256], other[256];
    ft_str base = ft_path_base(path);
    bool found = base.len < sizeof name;
    *out = (ft_str){ 0 };
    snprintf(name, sizeof name, "%.*s", FT_STR_ARG(base));
    if (!found || !replace(text, sizeof text, name, "images", "labels")) return FT_OK;
    if (replace(other, sizeof other, text, "idx3", "idx1")) strcpy(text, other);
    return ft_arena_printf(out, arena, "%.*s%s", (int)(path.len - base.len), path.at, text);
}

ft_err ft_idx_labels_path(ft_str *out, ft_arena *arena, ft_str path) {
    ft_str name;
    FT_TRY(ft_idx_labels_name(&name, arena, path));
    *out = name;
    if (!name.at || access(name.at, F_OK) == 0) return FT_OK;
    if (ft_str_ends(name, FT_STR(".gz")))
        FT_TRY(ft_arena_str(out, arena, ft_str_slice(name, 0, name.len - 3)));
    else
        FT_TRY(ft_arena_printf(out, arena, "%.*s.gz", FT_STR_ARG(name)));
    if (access(out->at, F_OK) != 0) *out = (ft_str){ 0 };
    return FT_OK;
}

unsigned char ft_idx_type(ft_dtype dtype) {
    for (size_t i = 0; i < FT_COUNT(types); i++)
        if (types[i].dtype == dtype) return types[i].code;
    return 0;
}

static ft_err labels_path(ft_str *out, ft_table_build *b, ft_str path) {
    ft_str name;
    FT_TRY(ft_idx_labels_path(out, &b->t->arena, path));
    if (out->at) return FT_OK;
    FT_TRY(ft_idx_labels_name(&name, &b->t->arena, path));
    if (!name.at)
        return FT_FAIL(FT_ENOTFOUND,
                       "'%.*s': its labels cannot be found, as 'images' is not in its name: name "
                       "the file of the labels, or say that there is none",
                       FT_STR_ARG(path));
    return FT_FAIL(FT_ENOTFOUND,
                   "'%.*s' has no labels beside it: looked for '%.*s' (packed or not); name the "
                   "file of the labels, or say that there is none",
                   FT_STR_ARG(path), FT_STR_ARG(name));
}

static ft_err labels_add(ft_table_build *b, ft_str path, size_t rows, int64_t expected) {
    ft_err err;
    ft_input *in = NULL;
    ft_str from;
    ft_input_opts opts = { .unpacked_bytes_max = b->opts->unpacked_bytes_max };
    if (ft_str_is(b->opts->label, "none")) return FT_OK;
    if (b->opts->labels_path.len)
        FT_TRY(ft_arena_str(&from, &b->t->arena, b->opts->labels_path));
    else if (b->alone)
        return FT_FAIL(FT_ENOTFOUND, "'%.*s': its labels are in another file", FT_STR_ARG(path));
    else
        FT_TRY(labels_path(&from, b, path));
    FT_GOTO(err, ft_input_open(&in, from.at, &opts));
    FT_GOTO(err, labels_read(b, in, rows, expected));
    FT_GOTO(err, ft_build_file(b, in));
done:
    ft_input_free(in);
    return err;
}

/* ---- the format's row */

static ft_err idx_file(void *state, ft_table_build *b, ft_input *in, ft_str path) {
    idx_state *s = state;
    ft_array a;
    size_t cols = 0, rows = 0;
    FT_TRY(ft_idx_header(&a, in));
    FT_TRY(cols_of(&cols, &a, path));
    FT_TRY(begin(s, b, cols, path));
    FT_TRY(pictures(s, b, in, &a, path, &rows));
    return labels_add(b, path, rows, a.shape[0]);
}

static ft_err idx_end(void *state, ft_table_build *b) {
    idx_state *s = state;
    if (b->opts->schema) return FT_OK;
    for (size_t i = 0; i < b->t->cols; i++) b->t->schema->features[i].is_integer = !s->fraction[i];
    return FT_OK;
}

static int idx_sniff(ft_str head, ft_str path) {
    ft_dtype dtype;
    (void)path;
    return head.len >= 8 && !head.at[0] && !head.at[1] &&
                   type_of(&dtype, (unsigned char)head.at[2]) && head.at[3] >= 1 &&
                   head.at[3] <= FT_ARRAY_DIMS_MAX
               ? 95
               : 0;
}

static bool idx_side_file(ft_str head, ft_str path) {
    (void)path;
    return head.len >= 4 && !head.at[0] && !head.at[1] && head.at[3] == 1;
}

const ft_table_format ft_format_idx = {
    .name = "idx",
    .doc = "MNIST's own: pictures in one file, labels in another",
    .media_types = "application/x-idx",
    .state_bytes = sizeof(idx_state),
    .sniff = idx_sniff,
    .side_file = idx_side_file,
    .file = idx_file,
    .end = idx_end,
};
