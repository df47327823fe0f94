/* format.h -- a segment format: how records stand in a file. One file a format; kinds name theirs.
 *
 *     jsonl   the field's own lines
 *     rows    packed numbers and texts in checksummed blocks
 *     trial   smdebug's layout (room trials): its own cursor
 *
 * A format is a set of pure functions over bytes: it opens nothing and keeps nothing but
 * `state_bytes` a reader. How to add one: docs/add-a-segment-format.md. */
#ifndef FT_STREAM_FORMAT_H
#define FT_STREAM_FORMAT_H

#include "base/buf.h"
#include "streams/stream.h"

/* One look at a file, from some record on. */
typedef struct ft_segment_look {
    const ft_stream_kind *kind;
    void *state;     /* state_bytes, zeroed when the file was opened */
    ft_str data;     /* a window of the file that begins where reading stands */
    uint64_t offset; /* of data.at in the file */
    bool last;       /* the window reaches the end of a file that does not grow any more */
    uint64_t wanted; /* bit i: column i is asked for */
    /* Of the block that reading is in: bytes of it from data.at on; 0: between blocks. Kept for the
     * format from call to call; a format whose records stand alone leaves it 0. With it and an
     * offset a record is found again. */
    uint64_t block_left;
    ft_arena *arena; /* for values that are no views of the window */
    /* filled in: */
    ft_value *values; /* one a column, nulls before the call */
    ft_str raw;       /* the record's text; empty for a binary format */
    size_t used;      /* bytes to move on by */
    size_t need;      /* with FT_ENOTFOUND: bytes that the window must have at least; 0: one more */
} ft_segment_look;

struct ft_segment_format {
    const char *name, *suffix; /* "jsonl", ".jsonl" */
    const char *doc;
    size_t state_bytes;

    /* ---- writing: a block of one or more records is head, encode …, tail. */
    /* Bytes at the start of a file. May be NULL. */
    ft_err (*start)(ft_buf *buf, const ft_stream_kind *kind);
    /* Room for what stands before a block's records. May be NULL. */
    ft_err (*block_head)(ft_buf *buf);
    /* One record. FT_EINVAL for a value that the column cannot hold; whatever fails, the caller
     * cuts the buffer back. NULL: the format is written by append_raw alone, or by its own room. */
    ft_err (*encode)(ft_buf *buf, const ft_stream_kind *kind, const ft_value *values);
    /* Ends the block that began at `at` in the buffer. May be NULL. */
    ft_err (*block_tail)(ft_buf *buf, size_t at, uint32_t records);
    /* Does one line of text make a record (ft_stream_append_raw)? */
    bool text;

    /* ---- reading: FT_OK with `used` set; FT_ENOTFOUND (no trail) when the window ends before the
     * record does; FT_ECORRUPT when the bytes fail their check, with `used` > 0 set to where
     * reading may go on. */
    /* Once, at offset 0, before any record. NULL: records begin at once. */
    ft_err (*open_file)(ft_segment_look *look);
    ft_err (*next)(ft_segment_look *look);
    /* The window begins anywhere: `used` moves to a place at or after it where `next` can begin
     * with block_left 0. Never called at the offset of the first record. FT_ENOTFOUND: none here.
     */
    ft_err (*sync)(ft_segment_look *look);

    /* ---- formats whose segments are not single files (trial): every record of a stream through
     * their own cursor, records as ft_cursor_next gives them. NULL for the others. */
    ft_err (*open)(void **cursor, ft_store *s, const ft_stream_kind *kind,
                   const ft_cursor_opts *opts);
    ft_err (*read)(void *cursor, ft_record *out);
    void (*close)(void *cursor);
};

extern const ft_segment_format ft_format_jsonl, ft_format_rows;

#endif
