/* table_target.h -- what the targets of table formats share: reading bytes as a table and what must
 * hold of every table that is read. */
#ifndef FT_FUZZ_TABLE_TARGET_H
#define FT_FUZZ_TABLE_TARGET_H

#include <math.h>

#include "base/check.h"
#include "data/table.h"
#include "fuzz/target.h"

/* Small limits, so that hostile sizes are refused and not only survived. */
static inline ft_table_opts fuzz_opts(const char *format, const char *label) {
    return (ft_table_opts){ .format = ft_str_of(format),
                            .label = ft_str_of(label),
                            .line_bytes_max = 1 << 16,
                            .table_bytes_max = 64 << 20,
                            .unpacked_bytes_max = 1 << 20 };
}

/* Columns ascend in a row and are columns; offsets ascend. */
static inline void fuzz_check_sparse(const ft_table *t) {
    FT_CHECK(t->indptr[0] == 0);
    for (size_t i = 0; i < t->rows; i++) {
        FT_CHECK(t->indptr[i] <= t->indptr[i + 1]);
        for (uint64_t k = t->indptr[i]; k < t->indptr[i + 1]; k++)
            FT_CHECK(t->indices[k] < t->cols &&
                     (k == t->indptr[i] || t->indices[k - 1] < t->indices[k]));
    }
}

static inline void fuzz_check_table(const ft_table *t) {
    uint64_t grouped = 0;
    FT_CHECK(t->rows > 0 && t->cols > 0 && t->cols == t->schema->feature_count);
    for (size_t i = 0; t->dense && i < t->rows * t->cols; i++) FT_CHECK(!isinf(t->dense[i]));
    for (size_t i = 0; t->labels && i < t->rows; i++) FT_CHECK(isfinite(t->labels[i]));
    if (!t->dense) fuzz_check_sparse(t);
    for (size_t i = 0; i < t->group_count; i++) grouped += t->groups[i];
    FT_CHECK(!t->groups || grouped == t->rows);
    for (size_t i = 0; i < t->cols; i++)
        FT_CHECK(ft_str_utf8(t->schema->features[i].name) || t->schema->feature_count > 1000);
}

/* The schema survives JSON, and the same bytes fit it with the same numbers. */
static inline void fuzz_check_fit(const ft_table *t, ft_str bytes, ft_table_opts opts) {
    ft_arena arena = { 0 };
    ft_buf json = { 0 }, again = { 0 };
    ft_schema *schema;
    ft_table *fit;
    if (t->cols > 1000) return;
    FT_CHECK(ft_schema_write(&json, t->schema) == FT_OK);
    FT_CHECK(ft_schema_read(&schema, &arena, ft_buf_str(&json)) == FT_OK);
    FT_CHECK(ft_schema_write(&again, schema) == FT_OK);
    FT_CHECK(ft_str_eq(ft_buf_str(&json), ft_buf_str(&again)));
    opts.schema = schema;
    opts.header = t->schema->named ? 1 : -1;
    FT_CHECK(ft_table_read_bytes(&fit, bytes, FT_STR("fuzz"), &opts) == FT_OK);
    FT_CHECK(fit->rows == t->rows && fit->cols == t->cols);
    for (size_t i = 0; t->dense && i < t->rows * t->cols; i++)
        FT_CHECK(t->dense[i] == fit->dense[i] || (isnan(t->dense[i]) && isnan(fit->dense[i])));
    for (size_t i = 0; t->labels && i < t->rows; i++) FT_CHECK(t->labels[i] == fit->labels[i]);
    ft_table_free(fit);
    ft_buf_fini(&json);
    ft_buf_fini(&again);
    ft_arena_fini(&arena);
}

static inline void fuzz_table(const uint8_t *data, size_t size, ft_table_opts opts) {
    ft_table *t;
    ft_str bytes = ft_str_n(data, size);
    ft_err err = ft_table_read_bytes(&t, bytes, FT_STR("fuzz"), &opts);
    FT_CHECK(!err == (t != NULL));
    FT_CHECK(!err || ft_str_utf8(ft_str_of(ft_err_why())));
    if (!err) {
        fuzz_check_table(t);
        fuzz_check_fit(t, bytes, opts);
    }
    ft_table_free(t);
}

#endif
