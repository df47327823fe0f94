/* csv_rows_in.h -- what reading CSV by rows knows of its file. Private to the room. */
#ifndef FT_CSV_ROWS_IN_H
#define FT_CSV_ROWS_IN_H

#include "data/csv.h"

typedef struct csv_rows {
    ft_csv_dialect dialect;
    bool header;
    ft_buf names; /* the header's row */
} csv_rows;

#endif
