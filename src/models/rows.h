/* rows.h -- request bodies that are rows of numbers, and answers: shared by every tabular predictor
 * and by the monitor.
 *
 * Reads text/csv (one row a line, no label; another delimiter where the first line has no comma),
 * text/libsvm (a label before the first index:value is passed over), application/json
 * ({"instances":[[…]]} | {"instances":[{"features":[…]}]} | {"data":…} | [[…]] | […] | objects by
 * feature name when the schema is named), application/jsonlines (one row a line),
 * application/x-recordio-protobuf, application/x-npy (one row or a matrix). A schema turns
 * category texts into codes; a text it does not have is missing. Empty, "nan" and null cells are
 * missing; infinities are refused. Rows and columns in messages count from 1.
 *
 * Threads: any. Memory: the matrix and the answer live in the arena. */
#ifndef FT_ROWS_H
#define FT_ROWS_H

#include "data/table.h"
#include "models/predictor.h"

typedef struct ft_matrix {
    float *at;
    size_t rows, cols;
} ft_matrix;

/* FT_EMEDIA, FT_EPARSE ("row 2, column 7: expected a number, found 'x'"), FT_EINVAL ("row 1 has 3
 * columns, the model takes 784"). An absent content type is guessed from the first bytes. `schema`
 * may be NULL; `cols` 0: any. */
ft_err ft_rows_parse(ft_matrix *out, const ft_payload *in, const ft_schema *schema, size_t cols,
                     ft_arena *arena);
/* The same for a body that is known to be CSV: the hot path of invocations. 784 pixels take 4 µs,
 * 30 numbers 0.3 µs (Zen 4). */
ft_err ft_rows_parse_csv(ft_matrix *out, ft_str body, const ft_schema *schema, size_t cols,
                         ft_arena *arena);

/* Answers as SageMaker's XGBoost container gives them: text/csv (a value, or the values of a row
 * separated by commas, a line a row), application/json {"predictions":[{"score":0.5}]} (several
 * values: {"score":[…]}) or application/jsonlines {"score":0.5}. `accept` is a list of media ranges
 * with q; empty, or any: "text/csv; charset=utf-8". FT_EMEDIA when it admits none of them. */
ft_err ft_rows_answer(ft_payload *out, const float *scores, size_t rows, size_t cols, ft_str accept,
                      ft_arena *arena);

/* Is the content type (parameters and case aside) this one? */
bool ft_media_is(ft_str content_type, const char *type);
/* The one of `types` ("text/csv|application/json") that `accept` likes best, the first when it does
 * not care; NULL in `*out` when it admits none. The view is into `types`. */
void ft_media_choose(ft_str *out, const char *types, ft_str accept);

#endif
