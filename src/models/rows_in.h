/* rows_in.h -- a matrix in the making, row after row. Private to the room. */
#ifndef FT_ROWS_IN_H
#define FT_ROWS_IN_H

#include "models/rows.h"

typedef struct rows_build {
    ft_arena *arena;
    const ft_schema *schema; /* may be NULL */
    float *at;
    size_t rows, cols; /* cols 0: the first row tells */
    size_t capacity;   /* floats */
    size_t filled;     /* of the current row */
} rows_build;

/* Values of the current row, one by one, and its end. */
ft_err rows_add(rows_build *b, float value);
ft_err rows_end(rows_build *b);
/* Room for `count` more values at rows_next. */
ft_err rows_room(rows_build *b, size_t count);
float *rows_next(rows_build *b);
/* A text where a value of column `column` stands: category code, number, or missing. */
ft_err rows_text(float *out, const rows_build *b, size_t column, ft_str text);
ft_err rows_count_wrong(const rows_build *b, size_t found);

ft_err rows_csv(rows_build *b, ft_str body);
ft_err rows_libsvm(rows_build *b, ft_str body);
ft_err rows_json(rows_build *b, ft_str body);
ft_err rows_jsonlines(rows_build *b, ft_str body);
ft_err rows_recordio(rows_build *b, ft_str body);
ft_err rows_npy(rows_build *b, ft_str body);

#endif
