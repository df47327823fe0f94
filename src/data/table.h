/* table.h -- rows of features with a label: what tabular algorithms train on, and what a baseline
 * is computed from.
 *
 * Values are f32, NaN is missing. Text columns become category codes 0, 1, 2 … (as numbers), with
 * the dictionary in the schema, which travels with the model, so that an endpoint accepts the same
 * texts. Dense (row-major) or CSR (libsvm); absent in CSR = missing. */
#ifndef FT_TABLE_H
#define FT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/param.h"
#include "base/str.h"

typedef struct ft_feature {
    ft_str name;        /* from the header, else "f0", "f1" … */
    bool is_category;   /* text column: codes into `categories` */
    bool is_integer;    /* every present value was whole (Model Monitor's Integral) */
    ft_str *categories; /* sorted by first appearance */
    size_t category_count;
} ft_feature;

typedef struct ft_schema {
    size_t feature_count;
    ft_feature *features;
    ft_str label_name;
    ft_str *classes; /* names of text labels by class number; NULL when labels were numbers */
    size_t class_count;
} ft_schema;

/* The schema as JSON (schema.json beside a model) and back. FT_EPARSE. */
ft_err ft_schema_write(ft_buf *out, const ft_schema *schema);
ft_err ft_schema_read(ft_schema **out, ft_arena *arena, ft_str json);
/* Code of a text in a category column; -1 when the dictionary lacks it (then the value is missing,
 * NaN). */
int64_t ft_feature_code(const ft_feature *f, ft_str text);

typedef struct ft_table {
    ft_schema *schema;
    size_t rows, cols;
    float *dense;     /* rows*cols, NULL when sparse */
    uint64_t *indptr; /* CSR: rows+1 offsets, column numbers, values */
    uint32_t *indices;
    float *values;
    float *labels;    /* NULL when there are none */
    float *weights;   /* NULL: all 1 */
    uint32_t *groups; /* ranking: rows a query, in order; NULL: none */
    size_t group_count;
    char sha256[65]; /* of the input file(s) as they are on disk: the lineage root */
    ft_str source;   /* path(s), for messages */
    ft_arena arena;  /* owns everything above */
} ft_table;

typedef struct ft_table_opts {
    ft_str format; /* "", "csv", "libsvm", "idx": empty = by content */
    ft_str label;  /* "", "first", "last", "none", a column number from 0, or a header name. Empty:
                      first (csv, SageMaker's convention) */
    int header;    /* 0 detect, 1 there is one, -1 there is none */
    ft_str labels_path;    /* idx: the label file; empty: found beside the images by name */
    bool csv_weights;      /* column after the label holds weights */
    size_t rows_max;       /* 0: all */
    size_t line_bytes_max; /* 0: 64 MiB */
    const ft_schema
        *schema; /* must fit this one (validation, baseline): same columns, its dictionaries */
} ft_table_opts;

/* Read a file (or a folder: every file in it in name order, skipping "." and "_" names), gzip or
 * plain, whole in memory. Errors name file, line and column or field, and what was expected.
 * Delimiter (',', tab, ';', '|', blank) is detected. NaN cells: empty, "NA", "nan", "?", "null";
 * infinities are refused. A column is text when a value in the first 1,000 rows is not a number in
 * most of them; a stray letter in a number column is an error. */
ft_err ft_table_read(ft_table **out, ft_str path, const ft_table_opts *opts);
void ft_table_free(ft_table *t);
/* Row as dense floats into `out[cols]`. */
void ft_table_row(const ft_table *t, size_t row, float *out);

/* ---- data formats: one file, one row each */
typedef struct ft_table_format {
    const char *name; /* "csv" */
    const char *doc;
    const char *media_types; /* "text/csv" or "text/libsvm|text/x-libsvm" */
    /* Do the first bytes (unpacked) look like it? 0 no … 100 surely. */
    int (*sniff)(ft_str head, ft_str path);
    ft_err (*read)(ft_table *out, ft_str bytes, ft_str path, const ft_table_opts *opts);
} ft_table_format;
extern const ft_table_format ft_format_csv, ft_format_libsvm, ft_format_idx;
extern const ft_table_format *const ft_table_formats[]; /* ends with NULL; in table.c */

#endif
