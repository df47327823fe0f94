/* format.h -- a segment format: how records stand in a file. One file a format, one row in the
 * registry of kinds. jsonl: the field's own lines. rows: packed numbers and texts in checksummed
 * blocks. trial: smdebug's layout (room trials). */
#ifndef FT_STREAM_FORMAT_H
#define FT_STREAM_FORMAT_H

#include "base/buf.h"
#include "streams/stream.h"

struct ft_segment_format {
    const char *name, *suffix; /* "jsonl", ".jsonl" */
    const char *doc;
    /* Bytes to append for one record (into `buf`), and once at the start of a file and when a block
     * ends. NULL: text, by append_raw. */
    ft_err (*header)(ft_buf *buf, const ft_stream_kind *kind);
    ft_err (*encode)(ft_buf *buf, const ft_stream_kind *kind, const ft_value *values);
    /* Read from a mapped file: `at` is the offset of the record and is moved past it. FT_ENOTFOUND
     * at the (maybe torn) end, FT_ECORRUPT when the bytes fail their check, with `at` moved to
     * where reading may go on. */
    ft_err (*next)(ft_value *values, ft_str *raw, const ft_stream_kind *kind, ft_str file,
                   uint64_t *at, ft_arena *arena);
    /* Offset after the last whole record: where a torn tail is cut. */
    uint64_t (*whole)(const ft_stream_kind *kind, ft_str file);
    /* Formats whose segments are not single files (trial): every record of a stream through their
     * own cursor. NULL for the others. */
    ft_err (*open)(void **cursor, ft_store *s, const ft_stream_kind *kind,
                   const ft_cursor_opts *opts);
    ft_err (*read)(void *cursor, ft_record *out);
    void (*close)(void *cursor);
};

extern const ft_segment_format ft_format_jsonl, ft_format_rows;

#endif
