/* rows_binary.c -- rows in SageMaker's RecordIO-protobuf (the tensor "values" of each record;
 * labels are passed over) and in NumPy's array files (a row or rows). */
#include <math.h>

#include "data/npy.h"
#include "data/record.h"
#include "data/sagemaker_record.h"
#include "models/rows_in.h"

/* ---- RecordIO-protobuf */

static ft_err add_finite(rows_build *b, double v) {
    float f = (float)v;
    if (isinf(f))
        return FT_FAIL(FT_EPARSE, "row %zu, column %zu: expected a finite number, found %g",
                       b->rows + 1, b->filled + 1, v);
    return rows_add(b, f);
}

static ft_err sparse_row(rows_build *b, const ft_sagemaker_tensor *x) {
    if (b->cols == 0 && x->dims) b->cols = (size_t)x->shape[x->dims - 1];
    if (b->cols == 0 || b->cols > FT_TABLE_COLS_MAX)
        return FT_FAIL(FT_EINVAL, "row %zu: a sparse row without a width", b->rows + 1);
    FT_TRY(rows_room(b, b->cols));
    float *row = rows_next(b);
    for (size_t i = 0; i < b->cols; i++) row[i] = NAN;
    for (size_t i = 0; i < x->key_count; i++) {
        if (x->keys[i] >= b->cols)
            return FT_FAIL(FT_EINVAL, "row %zu: key %llu, the model takes 0 to %zu", b->rows + 1,
                           (unsigned long long)x->keys[i], b->cols - 1);
        row[x->keys[i]] = (float)ft_sagemaker_value(x, i);
        if (isinf(row[x->keys[i]]))
            return FT_FAIL(FT_EPARSE, "row %zu, column %llu: expected a finite number", b->rows + 1,
                           (unsigned long long)x->keys[i] + 1);
    }
    b->filled = b->cols;
    return rows_end(b);
}

static ft_err record_row(rows_build *b, ft_str payload) {
    ft_sagemaker_record record;
    const ft_sagemaker_tensor *x = NULL;
    FT_TRY(ft_sagemaker_record_read(&record, b->arena, payload));
    for (size_t i = 0; i < record.feature_count; i++)
        if (record.feature_count == 1 || ft_str_is(record.features[i].name, "values"))
            x = &record.features[i];
    if (!x || x->dtype == FT_U8)
        return FT_FAIL(FT_EPARSE, "row %zu: expected a feature of numbers named 'values'",
                       b->rows + 1);
    if (x->key_count || (x->count == 0 && x->dims)) return sparse_row(b, x);
    for (size_t i = 0; i < x->count; i++) FT_TRY(add_finite(b, ft_sagemaker_value(x, i)));
    return rows_end(b);
}

ft_err rows_recordio(rows_build *b, ft_str body) {
    ft_err err;
    ft_records *r = NULL;
    ft_record record;
    ft_record_opts opts = { .format = FT_STR("recordio-protobuf") };
    FT_GOTO(err, ft_records_bytes(&r, body, FT_STR("body"), &opts));
    while (!(err = ft_records_next(r, &record))) FT_GOTO(err, record_row(b, record.bytes));
    if (err == FT_ENOTFOUND) err = FT_OK;
done:
    ft_records_free(r);
    return err;
}

/* ---- arrays */

ft_err rows_npy(rows_build *b, ft_str body) {
    ft_array a;
    FT_TRY(ft_npy_read(&a, b->arena, body));
    int64_t count = ft_array_count(&a), rows = a.ndim > 1 ? a.shape[0] : 1;
    if (count == 0 || a.ndim == 0) return FT_OK; /* no rows: the caller says so */
    for (int64_t i = 0; i < count; i++) {
        FT_TRY(add_finite(b, ft_array_f64(&a, i)));
        if ((i + 1) % (count / rows) == 0) FT_TRY(rows_end(b));
    }
    return FT_OK;
}
