/* sagemaker_table.c -- SageMaker's RecordIO-protobuf as a table: the feature "values" of every
 * record is a row, dense or sparse, the label "values" its label. */
#include <math.h>

#include "base/check.h"
#include "data/record_in.h"
#include "data/sagemaker_record.h"
#include "data/shown.h"
#include "data/table_in.h"

typedef struct sagemaker_state {
    ft_arena record;      /* reset for each */
    bool *fraction;       /* dense columns with a value that is not whole */
    size_t cols;          /* sparse: largest key + 1, or the largest shape */
    int sparse, labelled; /* 0 not known, 1 yes, -1 no: all records alike */
    uint64_t number;
    size_t unknown; /* sparse values of columns that the schema does not have */
    ft_str path;
} sagemaker_state;

#define FAIL_RECORD(code, s, fmt, ...)                                  \
    FT_FAIL((code), "'%.*s', record %llu: " fmt, FT_STR_ARG((s)->path), \
            (unsigned long long)(s)->number, ##__VA_ARGS__)

/* The tensor "values", or the only one. */
static ft_err values_of(const ft_sagemaker_tensor **out, const sagemaker_state *s,
                        const ft_sagemaker_tensor *tensors, size_t count, const char *what) {
    *out = count == 1 ? &tensors[0] : NULL;
    for (size_t i = 0; i < count; i++)
        if (ft_str_is(tensors[i].name, "values")) *out = &tensors[i];
    if (!*out)
        return FAIL_RECORD(FT_EPARSE, s, "expected %s named 'values', found %zu others", what,
                           count);
    if ((*out)->dtype == FT_U8)
        return FAIL_RECORD(FT_EUNSUPPORTED, s, "%s '%s' holds bytes, numbers are expected", what,
                           ft_shown((*out)->name));
    return FT_OK;
}

static ft_err value_finite(float *out, const sagemaker_state *s, const ft_sagemaker_tensor *t,
                           size_t i) {
    *out = (float)ft_sagemaker_value(t, i);
    if (isinf(*out)) return FAIL_RECORD(FT_EPARSE, s, "value %zu is infinite in 32 bits", i);
    return FT_OK;
}

/* ---- rows */

static ft_err dense_begin(sagemaker_state *s, ft_table_build *b, size_t cols) {
    ft_table *t = b->t;
    if (cols == 0 || cols > FT_TABLE_COLS_MAX)
        return FAIL_RECORD(FT_ETOOBIG, s, "%zu values, expected 1 to %zu", cols, FT_TABLE_COLS_MAX);
    FT_TRY(ft_arena_items(&s->fraction, &t->arena, cols));
    if (!b->opts->schema) return ft_build_schema(b, cols, "f");
    FT_TRY(ft_build_schema_copy(b, b->opts->schema));
    t->cols = b->opts->schema->feature_count;
    return FT_OK;
}

static ft_err dense_row(sagemaker_state *s, ft_table_build *b, const ft_sagemaker_tensor *x) {
    ft_table *t = b->t;
    if (!t->schema) FT_TRY(dense_begin(s, b, x->count));
    if (x->count != t->cols)
        return FAIL_RECORD(FT_EPARSE, s, "%zu values, expected %zu", x->count, t->cols);
    FT_TRY(ft_build_dense_rows(b, 1, 0));
    float *row = t->dense + t->rows * t->cols;
    for (size_t i = 0; i < t->cols; i++) {
        FT_TRY(value_finite(&row[i], s, x, i));
        s->fraction[i] |= truncf(row[i]) != row[i] && !isnan(row[i]);
    }
    return FT_OK;
}

static ft_err sparse_width(sagemaker_state *s, const ft_sagemaker_tensor *x) {
    uint64_t width = x->dims ? x->shape[x->dims - 1] : 0;
    for (size_t i = 0; i < x->key_count; i++)
        if (x->keys[i] >= width) {
            if (x->dims)
                return FAIL_RECORD(FT_EPARSE, s, "key %llu, the shape says %llu columns",
                                   (unsigned long long)x->keys[i], (unsigned long long)width);
            width = x->keys[i] == UINT64_MAX ? UINT64_MAX : x->keys[i] + 1;
        }
    if (width > FT_TABLE_COLS_MAX)
        return FAIL_RECORD(FT_ETOOBIG, s, "%llu columns, at most %zu are read",
                           (unsigned long long)width, FT_TABLE_COLS_MAX);
    if (width > s->cols) s->cols = (size_t)width;
    return FT_OK;
}

static ft_err sparse_row(sagemaker_state *s, ft_table_build *b, const ft_sagemaker_tensor *x) {
    ft_table *t = b->t;
    uint64_t n = t->rows ? t->indptr[t->rows] : 0;
    float value;
    FT_TRY(sparse_width(s, x));
    if (b->opts->schema && !t->schema) FT_TRY(ft_build_schema_copy(b, b->opts->schema));
    FT_TRY(ft_build_room(b, &t->indptr, &b->indptr_capacity, t->rows + 2));
    FT_TRY(ft_build_room(b, &t->indices, &b->index_capacity, n + x->key_count));
    FT_TRY(ft_build_room(b, &t->values, &b->value_capacity, n + x->key_count));
    t->indptr[t->rows] = n;
    for (size_t i = 0; i < x->key_count; i++) {
        FT_TRY(value_finite(&value, s, x, i));
        if (i && x->keys[i] <= x->keys[i - 1])
            return FAIL_RECORD(FT_EPARSE, s, "keys do not ascend at key %llu",
                               (unsigned long long)x->keys[i]);
        if (isnan(value)) continue;
        if (t->schema && x->keys[i] >= t->schema->feature_count) {
            s->unknown++;
            continue;
        }
        t->indices[n] = (uint32_t)x->keys[i];
        t->values[n++] = value;
    }
    t->indptr[t->rows + 1] = n;
    return FT_OK;
}

/* All records alike: sparse or dense, with or without a label. */
static ft_err alike(const sagemaker_state *s, int *seen, bool here, const char *what) {
    int now = here ? 1 : -1;
    if (*seen == 0) *seen = now;
    if (*seen == now) return FT_OK;
    return FAIL_RECORD(FT_EPARSE, s, "%s %s, unlike the records before", here ? "with" : "without",
                       what);
}

static ft_err record_row(sagemaker_state *s, ft_table_build *b, ft_str bytes) {
    ft_sagemaker_record record;
    const ft_sagemaker_tensor *x, *y;
    float label;
    ft_err err = ft_sagemaker_record_read(&record, &s->record, bytes);
    if (err)
        return ft_err_prefix(err, "'%.*s', record %llu", FT_STR_ARG(s->path),
                             (unsigned long long)s->number);
    FT_TRY(values_of(&x, s, record.features, record.feature_count, "a feature"));
    /* A sparse row of zeros has no keys: then its shape differs from its count. */
    bool sparse = x->key_count || (x->count == 0 && x->dims);
    FT_TRY(alike(s, &s->sparse, sparse, "keys"));
    FT_TRY(sparse ? sparse_row(s, b, x) : dense_row(s, b, x));
    bool labelled = record.label_count > 0 && !ft_str_is(b->opts->label, "none");
    FT_TRY(alike(s, &s->labelled, labelled, "a label"));
    if (!labelled) return FT_OK;
    FT_TRY(values_of(&y, s, record.labels, record.label_count, "a label"));
    if (y->count != 1)
        return FAIL_RECORD(FT_EUNSUPPORTED, s, "%zu labels, one is expected", y->count);
    FT_TRY(value_finite(&label, s, y, 0));
    if (isnan(label)) return FAIL_RECORD(FT_EPARSE, s, "the label is missing");
    return ft_build_label(b, label);
}

/* ---- the format */

static ft_err sagemaker_file(void *state, ft_table_build *b, ft_input *in, ft_str path) {
    sagemaker_state *s = state;
    ft_record_read r = { .in = in, .record_bytes_max = FT_RECORD_BYTES_MAX };
    ft_record record;
    s->path = path;
    for (s->number = 0; ft_build_wants(b); s->number++) {
        ft_err err = ft_records_sagemaker.next(&r, &record);
        if (err == FT_ENOTFOUND) break;
        if (err)
            return ft_err_prefix(err, "'%.*s', record %llu at byte %llu", FT_STR_ARG(path),
                                 (unsigned long long)s->number,
                                 (unsigned long long)ft_input_offset(in));
        ft_arena_reset(&s->record);
        FT_TRY(record_row(s, b, record.bytes));
        b->t->rows++;
    }
    return FT_OK;
}

static ft_err sagemaker_end(void *state, ft_table_build *b) {
    sagemaker_state *s = state;
    ft_table *t = b->t;
    if (s->sparse > 0 && !t->schema) {
        if (s->cols == 0) return FAIL_RECORD(FT_EPARSE, s, "no record has a column");
        FT_TRY(ft_build_schema(b, s->cols, "f"));
        for (uint64_t i = 0; i < t->indptr[t->rows]; i++)
            t->schema->features[t->indices[i]].is_integer &= truncf(t->values[i]) == t->values[i];
    } else if (s->sparse > 0) {
        t->cols = t->schema->feature_count;
        if (s->unknown)
            FT_TRY(ft_build_note(b,
                                 "%.*s: %zu values of columns that the training data did not have "
                                 "were left out",
                                 FT_STR_ARG(t->source), s->unknown));
    } else if (!b->opts->schema) {
        for (size_t i = 0; i < t->cols; i++) t->schema->features[i].is_integer = !s->fraction[i];
    }
    return FT_OK;
}

static void sagemaker_fini(void *state) { ft_arena_fini(&((sagemaker_state *)state)->record); }

static int sagemaker_sniff(ft_str head, ft_str path) {
    return ft_records_sagemaker.sniff(head, path);
}

const ft_table_format ft_format_sagemaker = {
    .name = "recordio-protobuf",
    .doc = "SageMaker's RecordIO-protobuf: the tensor 'values' of each record",
    .media_types = "application/x-recordio-protobuf",
    .state_bytes = sizeof(sagemaker_state),
    .sniff = sagemaker_sniff,
    .file = sagemaker_file,
    .end = sagemaker_end,
    .fini = sagemaker_fini,
};
