/* table_in.h -- a table in the making: what a format's `file` function builds with. Private to the
 * room.
 *
 * Numbers grow by realloc (which moves pages, not bytes, once they are large); everything else goes
 * into the table's arena. */
#ifndef FT_TABLE_IN_H
#define FT_TABLE_IN_H

#include <stdio.h>

#include "base/buf.h"
#include "data/dict.h"
#include "data/input.h"
#include "data/table.h"

#define FT_LINE_BYTES_MAX ((size_t)64 << 20)

typedef struct ft_table_build {
    ft_table *t;
    const ft_table_opts *opts;
    size_t line_bytes_max, rows_max;                        /* opts' or their defaults */
    uint64_t bytes_max, bytes;                              /* of numbers: allowed, in use */
    size_t dense_capacity, label_capacity, weight_capacity; /* items */
    size_t indptr_capacity, index_capacity, value_capacity, group_capacity;
    size_t file_capacity, side_count;
    bool alone; /* bytes in memory: there are no files beside them */
    ft_buf notes;
} ft_table_build;

/* Room for `need` items of `size_bytes` in `*at`; at least doubles. FT_ENOMEM past bytes_max. */
#define ft_build_room(b, at, capacity, need) \
    ft_build_room_((b), (void **)(at), (capacity), (need), sizeof **(at))
ft_err ft_build_room_(ft_table_build *b, void **at, size_t *capacity, size_t need,
                      size_t size_bytes);

/* Room for `rows` more dense rows of t->cols values and `extra` values after them. */
ft_err ft_build_dense_rows(ft_table_build *b, size_t rows, size_t extra);
/* Append a label, a weight, a group of rows. All rows have one, or none has. */
ft_err ft_build_label(ft_table_build *b, float label);
ft_err ft_build_weight(ft_table_build *b, float weight);
ft_err ft_build_group(ft_table_build *b, uint32_t rows);
/* Is another row wanted? false at rows_max. */
bool ft_build_wants(const ft_table_build *b);

/* A schema of `cols` number features named <prefix>0, <prefix>1 …, all whole until seen otherwise.
 */
ft_err ft_build_schema(ft_table_build *b, size_t cols, const char *prefix);
/* A deep copy into the table's arena (its dictionaries stay where they are and must outlive it). */
ft_err ft_build_schema_copy(ft_table_build *b, const ft_schema *schema);

/* Note how the file is on disk. Reads its rest. */
ft_err ft_build_file(ft_table_build *b, ft_input *in);
/* A line for `notes`. */
ft_err ft_build_note(ft_table_build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The next line of `in` without its newline (and without a '\r' before it), a view until the next
 * call; at == NULL at the end. FT_ETOOBIG past line_bytes_max. */
ft_err ft_build_line(ft_str *out, ft_table_build *b, ft_input *in, ft_str path, size_t line);

/* Read a small file of numbers, one a line, such as FILE.weight. FT_ENOTFOUND without a trail when
 * it is not there. `use` gets each number. */
ft_err ft_build_side_file(ft_table_build *b, ft_str path, const char *ending,
                          ft_err (*use)(ft_table_build *b, double number));

/* "train.csv:17: 5 columns, expected 7" */
#define FT_FAIL_LINE(code, path, line, fmt, ...) \
    FT_FAIL((code), "%.*s:%zu: " fmt, FT_STR_ARG(path), (size_t)(line), ##__VA_ARGS__)

extern const ft_table_format ft_format_csv, ft_format_libsvm, ft_format_idx, ft_format_sagemaker,
    ft_format_dataset;

#endif
