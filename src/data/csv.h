/* csv.h -- records and cells of delimited text: shared by the table reader and by request bodies.
 *
 * RFC 4180 with what real files do besides: other delimiters, blanks around cells, CR alone as line
 * end. A quote opens a quoted cell only where a cell begins; inside one, delimiters and line ends
 * are text and "" is a quote. Threads: any; nothing is kept. */
#ifndef FT_CSV_H
#define FT_CSV_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_csv_dialect {
    char delimiter;     /* ' ': any run of blanks and tabs */
    char newline;       /* '\n' (a '\r' before it is dropped), or '\r' where there is no '\n' */
    bool decimal_comma; /* numbers are written 1,5 */
} ft_csv_dialect;

#define FT_CSV_DIALECT ((ft_csv_dialect){ .delimiter = ',', .newline = '\n' })

/* The length of the first record of `text`, without its newline. `*whole`: a newline follows it;
 * else the text ends inside the record (`*in_quotes` tells whether inside quotes). */
size_t ft_csv_record(const ft_csv_dialect *d, ft_str text, bool *whole, bool *in_quotes);

typedef struct ft_csv_cells { /* walks the cells of one record */
    const char *at, *end;
    ft_csv_dialect dialect;
    bool more;
    ft_buf *scratch; /* where cells with doubled quotes are put together, one at a time */
} ft_csv_cells;

/* `record` without newline; a '\r' at its end is dropped, and blanks around it with that delimiter.
 * An empty record has one empty cell. */
void ft_csv_cells_init(ft_csv_cells *c, const ft_csv_dialect *d, ft_str record, ft_buf *scratch);
/* The next cell, without blanks around it, without quotes. Call while c->more. The view lasts until
 * the next call. FT_EPARSE: text after a closing quote, a quote that is not closed. */
ft_err ft_csv_cell(ft_str *out, ft_csv_cells *c);

typedef enum ft_csv_kind {
    FT_CSV_MISSING,
    FT_CSV_NUMBER,
    FT_CSV_TEXT,
    FT_CSV_INFINITE
} ft_csv_kind;
/* What a cell is. NaN is missing; a number beyond float's range is infinite. */
ft_csv_kind ft_csv_number(float *out, const ft_csv_dialect *d, ft_str cell);

/* The dialect of a file that begins with `head` (whole records where possible). Fails only for want
 * of memory. */
ft_err ft_csv_detect(ft_csv_dialect *out, ft_str head);

#endif
