/* stream.h -- named, append-only, time-ordered tables of records. Recorded once, read as a table.
 *
 * A *kind* is a schema and a segment format ("capture", "metric"); a *stream* is a kind and a key
 * ("capture/fashion"). A stream is a list of segments: sealed immutable files plus one growing tail
 * for each writing process. Each kind is one SQLite virtual table whose first column is the key
 * (named by the kind: endpoint, job …).
 *
 * Rule of purity: a cursor or SQL session can be given a horizon; later records are then invisible,
 * which is what makes a rule give the same verdict live and over history. */
#ifndef FT_STREAM_H
#define FT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/store.h"

typedef enum ft_value_type {
    FT_VALUE_NULL,
    FT_VALUE_INT,
    FT_VALUE_F64,
    FT_VALUE_TEXT,
    FT_VALUE_BLOB
} ft_value_type;

typedef struct ft_value {
    ft_value_type type;
    union {
        int64_t i;
        double f;
        ft_str s;
    };
} ft_value;
static inline ft_value ft_value_int(int64_t i) {
    return (ft_value){ .type = FT_VALUE_INT, .i = i };
}
static inline ft_value ft_value_f64(double f) { return (ft_value){ .type = FT_VALUE_F64, .f = f }; }
static inline ft_value ft_value_text(ft_str s) {
    return (ft_value){ .type = s.at ? FT_VALUE_TEXT : FT_VALUE_NULL, .s = s };
}
double ft_value_number(const ft_value *v); /* NaN when it is not a number */

typedef struct ft_column {
    const char *name;
    ft_value_type type;
    const char *doc; /* with the unit */
} ft_column;

typedef struct ft_stream_kind ft_stream_kind;
typedef struct ft_segment_format ft_segment_format;

struct ft_stream_kind {
    const char *name; /* also the SQL table's */
    const char *key;  /* SQL name of the key column: "endpoint" */
    const char *doc;
    const ft_column *
        columns; /* ends with a NULL name. Column `order_column` is what the stream is ordered by */
    int order_column; /* a time in µs or a step: what a horizon is compared with */
    const ft_segment_format *format;
    /* For text formats whose line is not simply one JSON member a column: values of one raw record.
     * NULL: by member name. */
    ft_err (*decode)(ft_value *values, ft_str raw, ft_arena *arena);
    int64_t segment_bytes_max; /* 0: 64 MiB; a writer then seals and begins the next */
    bool hourly; /* a folder an hour, <yyyy/mm/dd/hh>, as Model Monitor lays captures out */
};

/* ---- registry: set once by the program (cli/all.c) or a test. Ends with NULL. */
void ft_streams_use(const ft_stream_kind *const *kinds);
const ft_stream_kind *ft_stream_kind_find(ft_str name);
const ft_stream_kind *const *ft_stream_kinds(void);

/* ---- writing */
typedef struct ft_stream_writer ft_stream_writer;
typedef struct ft_stream_opts {
    const char *uri;     /* s3://bucket/prefix where segments go; NULL: s3://fettle/<kind>/<key> */
    const char *variant; /* folder after the key; NULL: none */
    int64_t sync_us; /* data is handed to the kernel before append returns, and synced to disk at
                        least this often; 0: 100 ms */
} ft_stream_opts;
ft_err ft_stream_write(ft_stream_writer **out, ft_store *s, const ft_stream_kind *kind, ft_str key,
                       const ft_stream_opts *opts);
/* One record in column order (without the key). When this returns FT_OK, a killed process does not
 * lose it. */
ft_err ft_stream_append(ft_stream_writer *w, const ft_value *values);
/* The same for a text format whose bytes the caller made: one line without the newline, at its
 * place in the order. */
ft_err ft_stream_append_raw(ft_stream_writer *w, int64_t order, ft_str line);
/* Called now and then by the writer's thread: syncs when due, seals when the hour or the size is
 * over. */
ft_err ft_stream_tick(ft_stream_writer *w);
/* URI of the segment being written: the lineage node is capture:<uri>. Borrowed until the next
 * append. */
ft_str ft_stream_segment(const ft_stream_writer *w);
ft_err ft_stream_close(ft_stream_writer *w); /* seals; frees w also on failure; fine on NULL */

/* ---- reading: live and sealed segments of all writers, merged by order */
typedef struct ft_record {
    ft_str key;
    const ft_value *values; /* in column order */
    ft_str raw;             /* the line, for text formats */
    ft_str segment;         /* URI */
    uint64_t offset;        /* byte in the segment */
} ft_record;
typedef struct ft_cursor ft_cursor;
typedef struct ft_cursor_opts {
    ft_str key;          /* at == NULL: every key */
    int64_t from, until; /* order in [from, until); both 0: all */
} ft_cursor_opts;
ft_err ft_cursor_open(ft_cursor **out, ft_store *s, const ft_stream_kind *kind,
                      const ft_cursor_opts *opts);
/* Next record, borrowed until the next call; FT_ENOTFOUND without a trail at the end (later appends
 * are seen by calling again). A damaged block is skipped, counted and logged with file and offset.
 */
ft_err ft_cursor_next(ft_cursor *c, ft_record *out);
uint64_t ft_cursor_damaged(const ft_cursor *c);
void ft_cursor_close(ft_cursor *c);

/* Segments of a stream: URI, state, bytes, records, first and last order; for lineage and
 * retention. */
typedef struct ft_segment {
    ft_str key, uri;
    bool sealed;
    uint64_t bytes, records;
    int64_t first, last;
    char sha256[65];
} ft_segment;
ft_err ft_stream_segments(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena,
                          const ft_stream_kind *kind, ft_str key);
/* After a crash: tails whose writer is gone are cut after their last whole record, sealed and
 * hashed. Safe at any time. */
ft_err ft_streams_recover(ft_store *s, int *sealed);
/* Delete sealed segments that end before `before`. */
ft_err ft_stream_retain(ft_store *s, const ft_stream_kind *kind, ft_str key, int64_t before,
                        int *removed);

/* ---- SQL over all streams and all metadata: a read-only session. */
typedef struct ft_sql ft_sql;
ft_err ft_sql_open(ft_sql **out, ft_store *s);
/* Nothing at or after `until` is visible in tables ordered by step or time; INT64_MAX: no horizon.
 * Key: only this stream; NULL: all. */
void ft_sql_horizon(ft_sql *q, int64_t until, const char *key);
typedef ft_err (*ft_sql_row)(void *ctx, int columns, const char *const *names,
                             const ft_value *values);
/* Bind :name parameters from `params` ("name", value pairs; may be NULL). Stops when `row` fails.
 */
typedef struct ft_sql_param {
    const char *name;
    ft_value value;
} ft_sql_param;
ft_err ft_sql_run(ft_sql *q, ft_str text, const ft_sql_param *params, size_t count, ft_sql_row row,
                  void *ctx);
void ft_sql_close(ft_sql *q);

#endif
