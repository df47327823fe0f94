/* traffic.h -- a request's body as rows of cells, each as its text: for statistics, which must see
 * what a model cannot take (a letter in a number column, an unknown category, a row that is too
 * short).
 *
 * Reads text/csv, application/json (the shapes of models/rows.h) and application/jsonlines; other
 * types as the models read them (models/rows.h), with the categories of the schema. */
#ifndef FT_TRAFFIC_H
#define FT_TRAFFIC_H

#include "data/table.h"
#include "models/predictor.h"

#define FT_TRAFFIC_CELLS_MAX ((size_t)1 << 20)

/* One row; at == NULL in a cell: missing. The cells live until the function returns. */
typedef ft_err (*ft_traffic_row)(void *ctx, const ft_str *cells, size_t count);

/* Calls `row` for each. FT_EPARSE, FT_EMEDIA for a body that is no rows; what `row` returns ends
 * it. */
ft_err ft_traffic_read(const ft_payload *body, const ft_schema *schema, ft_arena *arena,
                       ft_traffic_row row, void *ctx);

#endif
