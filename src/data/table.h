/* table.h -- rows of features with a label: what tabular algorithms train on, and what a baseline
 * is computed from.
 *
 * Values are f32, NaN is missing. Text columns become category codes 0, 1, 2 … (as numbers), with
 * the dictionary in the schema, which travels with the model, so that an endpoint accepts the same
 * texts. Dense (row-major) or CSR (libsvm); absent in CSR = missing.
 *
 * Threads: a table being read belongs to one thread; afterwards it is only looked at, by any. */
#ifndef FT_TABLE_H
#define FT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/param.h"
#include "base/str.h"

#define FT_TABLE_COLS_MAX       ((size_t)1 << 22) /* columns of any table */
#define FT_TABLE_CATEGORIES_MAX ((size_t)100000)  /* distinct texts of one column */

struct ft_dict;
struct ft_input;
struct ft_table_build;

typedef struct ft_feature {
    ft_str name;        /* from the header, else "f0", "f1" … (pictures: "pixel0" …) */
    bool is_category;   /* text column: codes into `categories` */
    bool is_integer;    /* every present value was whole (Model Monitor's Integral) */
    ft_str *categories; /* sorted by first appearance */
    size_t category_count;
    const struct ft_dict *dict; /* the same texts, for lookup; NULL: searched one by one */
} ft_feature;

typedef struct ft_schema {
    size_t feature_count;
    ft_feature *features;
    ft_str label_name; /* empty when the column had no name */
    ft_str *classes; /* names of text labels by class number, in byte order, so that the numbers do
                        not depend on the order of the rows; NULL when labels were numbers */
    size_t class_count;
    bool has_categories; /* some feature is a category */
    bool named; /* names came from a header: other files may have the columns in any order */
} ft_schema;

/* The schema as JSON (schema.json beside a model) and back. FT_EPARSE. */
ft_err ft_schema_write(ft_buf *out, const ft_schema *schema);
ft_err ft_schema_read(ft_schema **out, ft_arena *arena, ft_str json);
/* Code of a text in a category column; -1 when the dictionary lacks it (then the value is missing,
 * NaN). */
int64_t ft_feature_code(const ft_feature *f, ft_str text);
/* Is the text one that stands for a missing value: empty, "?", "NA", "nan", "null" …? (What pandas
 * takes for missing, and "?".) */
bool ft_text_missing(ft_str text);

typedef struct ft_table_file { /* one input file, as it was on disk */
    ft_str path;
    uint64_t size_bytes;
    char sha256[65];
} ft_table_file;

typedef struct ft_table {
    ft_schema *schema;
    size_t rows, cols;
    float *dense;     /* rows*cols, NULL when sparse */
    uint64_t *indptr; /* CSR: rows+1 offsets, column numbers (ascending in a row), values */
    uint32_t *indices;
    float *values;
    float *labels;    /* NULL when there are none */
    float *weights;   /* NULL: all 1 */
    uint32_t *groups; /* ranking: rows a query, in order; NULL: none */
    size_t group_count;
    ft_table_file *files; /* in the order they were read, labels after their pictures */
    size_t file_count;
    char sha256[65]; /* the lineage root: the file's hash; of several files the SHA-256 of their hex
                        digests, a line each */
    ft_str source;   /* path as given, for messages */
    ft_str notes;    /* what was let pass and may surprise, a line each; empty: nothing */
    ft_arena arena;  /* owns schema and texts; the numbers are malloc's */
} ft_table;

typedef struct ft_table_opts {
    ft_str format; /* "", "csv", "libsvm", "idx", …: empty = by content */
    ft_str label;  /* "", "first", "last", "none", a header name, or a column number from 0. Empty:
                      first (csv, SageMaker's convention); with a named schema its label's name */
    int header;    /* 0 detect, 1 there is one, -1 there is none */
    ft_str labels_path;    /* idx: the label file; empty: found beside the images by name */
    ft_str missing;        /* more texts for a missing value, separated by commas */
    ft_str text_columns;   /* columns that are text whatever they hold: names or numbers, commas */
    bool csv_weights;      /* column after the label holds weights */
    size_t rows_max;       /* 0: all */
    size_t line_bytes_max; /* 0: 64 MiB */
    uint64_t table_bytes_max;    /* of numbers in memory; 0: 80 % of the machine's memory */
    uint64_t unpacked_bytes_max; /* of one packed file; 0: 64 GiB */
    const ft_schema
        *schema; /* must fit this one (validation, baseline): same columns, its dictionaries */
} ft_table_opts;

/* Read a file (or a folder: every file in it in name order as one matrix, skipping "." and "_"
 * names and side files), gzip, zstd or plain, from its start to its end, once. Errors name file,
 * line and column or field, and what was expected.
 *
 * CSV: delimiter (',', tab, ';', '|', blanks) is detected, and a decimal comma where the delimiter
 * is another; RFC 4180 quotes. Missing: see ft_text_missing; infinities are refused. A column is
 * text when most of the first 1,000 rows have a text there, or at least 10 rows and 5 % have,
 * not all the same; a stray letter in a number column is an error. A header is there when the first
 * row has texts where later rows have numbers.
 * libsvm: indices from 0, as XGBoost takes them; "label[:weight] [qid:n] index[:value] … #
 * comment"; FILE.query or FILE.group beside it gives the groups, FILE.weight the weights. IDX:
 * pictures; the labels are in the file of the same name with "labels" for "images". Every other
 * format of dataset.h: each number of a record is a column, see dataset_table.c.
 *
 * With `schema`: columns are matched by name when both have headers, else by position; a text that
 * a category column did not have in training is missing and counted in `notes`; classes keep their
 * numbers; extra columns are noted and left out. */
ft_err ft_table_read(ft_table **out, ft_str path, const ft_table_opts *opts);
/* The same from the bytes of one file in memory, named `name` in messages; nothing beside it is
 * looked for. */
ft_err ft_table_read_bytes(ft_table **out, ft_str bytes, ft_str name, const ft_table_opts *opts);
void ft_table_free(ft_table *t);
/* Row as dense floats into `out[cols]`. */
void ft_table_row(const ft_table *t, size_t row, float *out);

/* ---- data formats: one file, one row each. See docs/add-a-data-format.md. */
typedef struct ft_table_format {
    const char *name; /* "csv" */
    const char *doc;
    const char *media_types; /* "text/csv" or "text/libsvm|text/x-libsvm" */
    size_t state_bytes;      /* of zeroed private state for one table; 0: none */
    /* Do the first bytes (unpacked, up to 64 KiB) look like it? 0 no … 100 surely. */
    int (*sniff)(ft_str head, ft_str path);
    /* Is the file part of another one (labels, groups), so that a folder skips it? NULL: never. */
    bool (*side_file)(ft_str head, ft_str path);
    /* Append the rows of one file; called for each file in order. table_in.h has what it builds
     * with. */
    ft_err (*file)(void *state, struct ft_table_build *b, struct ft_input *in, ft_str path);
    /* After the last file: finish schema, classes, groups. May be NULL. */
    ft_err (*end)(void *state, struct ft_table_build *b);
    /* Give back what the state holds; called whatever happened. May be NULL. */
    void (*fini)(void *state);
} ft_table_format;
extern const ft_table_format *const ft_table_formats[]; /* ends with NULL; in table.c */

#endif
