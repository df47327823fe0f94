/* rows.h -- request bodies that are rows of numbers, and answers: shared by every tabular predictor
 * and by the monitor.
 *
 * Reads text/csv (one row a line, no label), text/libsvm, application/json ({"instances":[[…]]} |
 * {"instances":[{"features":[…]}]} | {"data":…} | [[…]] | […]), application/jsonlines. A schema
 * turns category texts into codes. Empty or "nan" cells are missing. */
#ifndef FT_ROWS_H
#define FT_ROWS_H

#include "data/table.h"
#include "models/predictor.h"

typedef struct ft_matrix {
    float *at;
    size_t rows, cols;
} ft_matrix;

/* FT_EMEDIA, FT_EPARSE ("row 2, column 7: expected a number, found 'x'"), FT_EINVAL ("row 1 has 3
 * columns, the model takes 784"). An absent content type is guessed from the first byte. `schema`
 * may be NULL; `cols` 0: any. */
ft_err ft_rows_parse(ft_matrix *out, const ft_payload *in, const ft_schema *schema, size_t cols,
                     ft_arena *arena);
/* One row of numbers as CSV without a type check: the hot path of invocations. */
ft_err ft_rows_parse_csv(ft_matrix *out, ft_str body, const ft_schema *schema, size_t cols,
                         ft_arena *arena);
/* Answers as SageMaker's XGBoost container gives them: text/csv (a value, or values of a row
 * separated by commas, a line a row) or application/json {"predictions":[{"score":0.5}]};
 * "text/csv; charset=utf-8" is the default. */
ft_err ft_rows_answer(ft_payload *out, const float *scores, size_t rows, size_t cols, ft_str accept,
                      ft_arena *arena);

#endif
