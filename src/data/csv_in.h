/* csv_in.h -- the CSV reader's state for one table: what its columns are and where their values go.
 * Private to the room; csv_sample.c finds out, csv_plan.c decides, csv.c reads the rows. */
#ifndef FT_CSV_IN_H
#define FT_CSV_IN_H

#include "data/csv.h"
#include "data/dict.h"
#include "data/table_in.h"

#define CSV_COLUMNS_MAX ((size_t)1 << 18)
#define CSV_NONE        SIZE_MAX

typedef enum csv_kind { CSV_OPEN, CSV_NUMBER, CSV_TEXT } csv_kind; /* OPEN: only missing so far */
typedef enum csv_role { CSV_IGNORED, CSV_FEATURE, CSV_LABEL, CSV_WEIGHT, CSV_EMPTY } csv_role;

typedef struct csv_column { /* small: the row loop walks these */
    uint32_t slot;          /* place of the value in the row: see csv_row_slots */
    uint8_t kind, role;
    bool fraction; /* a value was not whole */
} csv_column;

/* A row in the making is the features, then these; the next row overwrites them. */
enum csv_row_slots { CSV_SLOT_LABEL, CSV_SLOT_WEIGHT, CSV_SLOT_DROPPED, CSV_SLOTS };

typedef struct csv_detail { /* the rest of a column */
    ft_str name;            /* from the header; empty: none */
    ft_dict dict;           /* training: grows; with a schema: empty, the schema's is asked */
    size_t unknown;         /* texts that the schema does not have */
    size_t unknown_line;
    ft_str unknown_text;
} csv_detail;

typedef struct csv_sample { /* one column in the first rows */
    size_t numbers, texts;
    uint64_t first_text; /* hash */
    uint64_t seen;       /* bit hash % 64: about how many different texts */
    uint64_t head_hash;
    uint8_t head; /* ft_csv_kind of the first record's cell */
    bool varied, head_recurs;
} csv_sample;

typedef struct csv_state {
    ft_arena arena; /* names, dictionaries until the table takes them, samples */
    ft_csv_dialect dialect;
    size_t columns; /* cells of every record */
    csv_column *column;
    csv_detail *detail;
    bool planned, header;
    size_t label, weight; /* column, or CSV_NONE */
    ft_dict classes;      /* texts of the label */
    size_t stops;         /* labels that were a class but for a full stop at the end */
    ft_buf scratch;
    ft_str path; /* of the file being read */
    size_t line; /* where its current record begins, from 1 */
} csv_state;

/* The next record of `in`, blank ones skipped, as a view until the next call; `out->at` NULL at the
 * end. Counts s->line. FT_ETOOBIG for one longer than the limit. */
ft_err csv_record_next(ft_str *out, csv_state *s, ft_table_build *b, ft_input *in);

/* Look at the first records, which stay unread: sets dialect; for the first file also columns,
 * kinds and header, else whether this file repeats the header. */
ft_err csv_sample_read(csv_state *s, ft_table_build *b, ft_input *in, bool *header_here);
/* The first file's columns are known: roles and slots; with a schema, which column is which. */
ft_err csv_plan(csv_state *s, ft_table_build *b);
/* After the last row: the schema, classes in order. */
ft_err csv_schema(csv_state *s, ft_table_build *b);

/* " 3 (age)" or " 3": a column for people, counted from 1. Static per thread. */
const char *csv_column_text(const csv_state *s, size_t column);

#endif
