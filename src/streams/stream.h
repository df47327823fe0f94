/* stream.h -- named, append-only, time-ordered tables of records. Recorded once, read as a table.
 *
 * A *kind* is a schema and a segment format ("capture", "metric"); a *stream* is a kind and a key
 * ("capture/fashion"). A stream is a list of segments: sealed immutable files plus one growing tail
 * for each writing process. Each kind is one SQLite virtual table whose first column is the key
 * (named by the kind: endpoint, job …).
 *
 * Rule of purity: a cursor or SQL session can be given a horizon; later records are then invisible,
 * which is what makes a rule give the same verdict live and over history.
 *
 * Threads: writers, cursors and sessions belong to the thread of their store. */
#ifndef FT_STREAM_H
#define FT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/store.h"

#define FT_COLUMNS_MAX       60 /* of a kind: a bit each in 64, with the key and three hidden */
#define FT_RECORD_BYTES_MAX  ((size_t)256 << 20)
#define FT_SEGMENT_BYTES_MAX ((int64_t)64 << 20) /* when a kind says nothing */

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
    const ft_column *columns; /* ends with a NULL name; at most FT_COLUMNS_MAX */
    int order_column; /* an INT column that the stream is ordered by, what a horizon is compared
                         with: a time in µs when its name ends in "_us", else a step */
    const ft_segment_format *format;
    /* For text formats whose line is not simply one JSON member a column: values of one raw record.
     * Bit i of `wanted`: column i is asked for; the others may stay null. `values` come as nulls.
     * NULL: by member name. */
    ft_err (*decode)(ft_value *values, uint64_t wanted, ft_str raw, ft_arena *arena);
    int64_t
        segment_bytes_max; /* 0: FT_SEGMENT_BYTES_MAX; a writer then seals and begins the next */
    bool hourly; /* a folder an hour of the order (a time), <yyyy/mm/dd/hh>, as Model Monitor lays
                    captures out */
};
int ft_stream_columns(const ft_stream_kind *kind); /* how many */

typedef enum ft_order { FT_ORDER_TIME, FT_ORDER_STEP } ft_order;
ft_order ft_stream_order(const ft_stream_kind *kind);

/* ---- registry: set once by the program (cli/all.c) or a test. Ends with NULL. */
void ft_streams_use(const ft_stream_kind *const *kinds);
const ft_stream_kind *ft_stream_kind_find(ft_str name); /* NULL when there is none */
const ft_stream_kind *const *ft_stream_kinds(void);

/* ---- writing. A writer makes its file at the first append (so an idle one leaves nothing), and
 * the next when the file is full or the hour is over. The file is an object from then on: a listing
 * names it, ft_object_head says how large it is now. */
typedef struct ft_stream_writer ft_stream_writer;
typedef struct ft_stream_opts {
    const char *uri;     /* s3://bucket/prefix where segments go, the key is not added to it; NULL:
                            s3://fettle/<kind>/<ft_key_folder of the key> */
    const char *variant; /* folder after that; NULL: none */
    int64_t sync_us;     /* synced to disk at least this often, by append and tick; 0: 100 ms */
    bool buffered;       /* for numbers at a high rate: records gather to blocks of up to 32 KiB and
                            reach the kernel at the latest 5 ms later, by append, tick and flush; a
                            killed process loses those */
} ft_stream_opts;
ft_err ft_stream_write(ft_stream_writer **out, ft_store *s, const ft_stream_kind *kind, ft_str key,
                       const ft_stream_opts *opts);
/* One record in column order (without the key). When this returns FT_OK, a killed process does not
 * lose it (unless buffered). After a failure the stream is as it was before. */
ft_err ft_stream_append(ft_stream_writer *w, const ft_value *values);
/* The same for a text format whose bytes the caller made: one line without the newline, at its
 * place in the order. */
ft_err ft_stream_append_raw(ft_stream_writer *w, int64_t order, ft_str line);
/* What was buffered becomes readable now. */
ft_err ft_stream_flush(ft_stream_writer *w);
/* Called now and then by the writer's thread: flushes and syncs when due, seals when the hour is
 * over. */
ft_err ft_stream_tick(ft_stream_writer *w);
/* URI of the segment being written: the lineage node is capture:<uri>. Borrowed until the next
 * append; empty before the first. */
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
    uint64_t wanted;     /* bit i: column i is asked for, the others may read as null; 0: all */
} ft_cursor_opts;
/* FT_OK also for a stream that has no record yet. */
ft_err ft_cursor_open(ft_cursor **out, ft_store *s, const ft_stream_kind *kind,
                      const ft_cursor_opts *opts);
/* Next record, borrowed until the next call; FT_ENOTFOUND without a trail at the end. What was
 * appended up to the opening comes in order (equal orders: by segment, then place); calling again
 * after the end looks for more and gives what came since, in order among itself. A damaged record
 * or block is skipped, counted and logged with file and offset. */
ft_err ft_cursor_next(ft_cursor *c, ft_record *out);
uint64_t ft_cursor_damaged(const ft_cursor *c);
void ft_cursor_close(ft_cursor *c); /* fine on NULL */

/* Segments of a stream, oldest first: for lineage and retention. */
typedef struct ft_segment {
    int64_t id;
    ft_str kind, key, uri;
    bool sealed;             /* false: growing; then bytes … last are unknown (0) */
    bool unordered;          /* some record stands before one of a smaller order */
    int writer_pid;          /* with writer_started: the process that grows it */
    uint64_t writer_started; /* see base/proc.h */
    uint64_t bytes, records;
    int64_t first, last; /* smallest and largest order */
    char sha256[65];
} ft_segment;
/* `key` with at == NULL: of every key. Texts in the arena. */
ft_err ft_stream_segments(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena,
                          const ft_stream_kind *kind, ft_str key);
/* Those of one key that may hold a record of an order in [from, until], at most `limit`, oldest
 * first; growing ones always may. */
ft_err ft_stream_segments_between(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena,
                                  const ft_stream_kind *kind, ft_str key, int64_t from,
                                  int64_t until, size_t limit);
/* May a sealed segment hold a record of an order in [from, until]? */
ft_err ft_stream_may_hold(bool *out, ft_store *s, const ft_stream_kind *kind, ft_str key,
                          int64_t from, int64_t until);
/* Records in a stream's sealed segments. */
ft_err ft_stream_total(uint64_t *out, ft_store *s, const ft_stream_kind *kind, ft_str key);
/* After a crash: tails whose writer is gone are cut after their last whole record, sealed and
 * hashed; temporary files of dead writers go. Safe at any time, from several processes. */
ft_err ft_streams_recover(ft_store *s, int *sealed);
/* Delete sealed segments whose last order is before `before`. */
ft_err ft_stream_retain(ft_store *s, const ft_stream_kind *kind, ft_str key, int64_t before,
                        int *removed);

/* ---- SQL over all streams and all metadata: a read-only session. Everything that could write,
 * attach a file or load code is refused (FT_EDENIED). A kind's table has its key column, its
 * columns, and hidden `raw`, `segment`, `offset`; equality on the key and ranges of the order
 * column read only what they need. A NaN reads as NULL. */
typedef struct ft_sql ft_sql;
ft_err ft_sql_open(ft_sql **out, ft_store *s);
/* For rules: streams of this order show nothing at or after `until`; streams of the other order,
 * metadata tables and random() are refused (FT_EDENIED), so the result depends on records alone.
 * INT64_MAX: no horizon, everything readable. `key`: only streams of this key; NULL: all. */
void ft_sql_horizon(ft_sql *q, ft_order order, int64_t until, const char *key);
/* A query that runs longer is stopped (FT_ETIMEOUT); 0: no limit. */
void ft_sql_limit(ft_sql *q, int64_t time_us);
typedef ft_err (*ft_sql_row)(void *ctx, int columns, const char *const *names,
                             const ft_value *values);
typedef struct ft_sql_param {
    const char *name;
    ft_value value;
} ft_sql_param;
/* Run one statement. Bind :name parameters from `params` (may be NULL; one that the text does not
 * have is ignored, one that is not given is NULL). Stops with its error when `row` fails; `row` may
 * be NULL. FT_EPARSE for a mistake in the text, with SQLite's words. */
ft_err ft_sql_run(ft_sql *q, ft_str text, const ft_sql_param *params, size_t count, ft_sql_row row,
                  void *ctx);
/* Names of a statement's columns before (or without) running it; in the arena. */
ft_err ft_sql_columns(ft_str **names, int *count, ft_sql *q, ft_arena *arena, ft_str text);
void ft_sql_close(ft_sql *q);

#endif
