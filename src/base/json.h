/* json.h -- JSON by pull and by push (RFC 8259). Reading validates everything: UTF-8, escapes,
 * numbers, depth, size. Doubles are exact both ways; integers keep 64 bits. Errors say line, column
 * and byte.
 *
 *     ft_json j;
 *     ft_json_init(&j, text, &arena, NULL);
 *     FT_TRY(ft_json_enter_object(&j));
 *     while (ft_json_next_member(&j, &name)) {
 *         if (ft_str_is(name, "eta")) FT_TRY(ft_json_f64(&j, &eta));
 *         else FT_TRY(ft_json_skip(&j, NULL));
 *     }
 *     FT_TRY(ft_json_end(&j));        // reports what went wrong inside the loop, and trailing
 * bytes
 *
 * A value that the loop leaves unread is skipped (and validated) by the next call. A byte order
 * mark before the text is ignored; a lone surrogate is refused, since no UTF-8 can hold it.
 *
 * Memory: nothing is allocated except unescaped strings, in the arena; strings without escapes are
 * views of the input. Without an arena (NULL) a string with escapes is FT_EUNSUPPORTED when read,
 * and fine when skipped. */
#ifndef FT_JSON_H
#define FT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FT_JSON_DEPTH_MAX 128

typedef enum ft_json_kind {
    FT_JSON_NULL = 1,
    FT_JSON_BOOL,
    FT_JSON_NUMBER,
    FT_JSON_STRING,
    FT_JSON_ARRAY,
    FT_JSON_OBJECT
} ft_json_kind;

typedef struct ft_json_opts {
    int depth_max;           /* 0: FT_JSON_DEPTH_MAX */
    size_t size_limit_bytes; /* 0: none */
    bool allow_nan;          /* NaN, Infinity, -Infinity as numbers (Python's json writes them) */
    const char *name;        /* named in errors, such as a file; NULL: "JSON" */
} ft_json_opts;

typedef struct ft_json {
    ft_str text;
    size_t at;       /* byte offset of the next token */
    size_t value_at; /* where the value read last begins */
    int depth;
    uint8_t stack[FT_JSON_DEPTH_MAX + 1]; /* per level: object or array, first or later */
    ft_err err;                           /* first failure, sticky */
    ft_arena *arena;
    ft_json_opts opts;
} ft_json;

/* A text beyond the size limit shows as FT_ETOOBIG at the first read. */
void ft_json_init(ft_json *j, ft_str text, ft_arena *arena, const ft_json_opts *opts);

/* What comes next, without consuming it; FT_EPARSE at a bad token or the end. */
ft_err ft_json_peek(ft_json *j, ft_json_kind *out);
ft_err ft_json_enter_object(ft_json *j);
ft_err ft_json_enter_array(ft_json *j);
/* Next member's name, or false at the closing brace (consumed) or on failure (sticky; see
 * ft_json_end). */
bool ft_json_next_member(ft_json *j, ft_str *name);
/* Is there another item? false at the closing bracket (consumed) or on failure. */
bool ft_json_next_item(ft_json *j);

/* Values. FT_EPARSE with the place when another kind stands there. */
ft_err ft_json_string(ft_json *j, ft_str *out);
ft_err ft_json_f64(ft_json *j, double *out);
ft_err ft_json_i64(ft_json *j,
                   int64_t *out); /* an integer that fits, without fraction or exponent */
ft_err ft_json_u64(ft_json *j, uint64_t *out);
ft_err ft_json_bool(ft_json *j, bool *out);
ft_err ft_json_null(ft_json *j);
/* Any value, skipped and validated. `raw` (may be NULL) gets its text, for reading it later. */
ft_err ft_json_skip(ft_json *j, ft_str *raw);
/* All read? FT_OK, or the sticky failure, or FT_EPARSE for bytes after the value. */
ft_err ft_json_end(ft_json *j);
/* A failure (FT_EPARSE, sticky) of the caller's own about the value just read ("eta: must be
 * positive"), with line and column. */
ft_err ft_json_fail(ft_json *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One member of an object by path, "captureData.endpointInput.data" (array items by number); for
 * small documents. FT_ENOTFOUND without a trail when it is not there. `raw` is the value's text.
 * What follows the value is not looked at. */
ft_err ft_json_find(ft_str *raw, ft_str text, const char *path);
/* The same for a member that is read as text: what a string says (in the arena when it has
 * escapes), numbers and booleans as they are written. at == NULL, and no trail, when it is not
 * there, is null, an object or an array, or cannot be read. */
ft_str ft_json_find_text(ft_arena *arena, ft_str text, const char *path);

/* ---- writing. Commas and escapes are the writer's; nesting is checked. Sticky errors in the
 * buffer. */
typedef struct ft_json_out {
    ft_buf *buf;
    int depth;
    uint8_t stack[FT_JSON_DEPTH_MAX + 1];
    bool pretty; /* two blanks a level */
} ft_json_out;

void ft_json_out_init(ft_json_out *w, ft_buf *buf, bool pretty);
void ft_json_out_object(ft_json_out *w);
void ft_json_out_array(ft_json_out *w);
void ft_json_out_close(ft_json_out *w); /* the innermost object or array */
void ft_json_out_name(ft_json_out *w, const char *name);
void ft_json_out_name_str(ft_json_out *w, ft_str name);
void ft_json_out_str(ft_json_out *w, ft_str s);       /* bytes that are not UTF-8 become U+FFFD */
void ft_json_out_text(ft_json_out *w, const char *s); /* NULL writes null */
void ft_json_out_f64(ft_json_out *w, double v);       /* NaN and infinities write null */
void ft_json_out_i64(ft_json_out *w, int64_t v);
void ft_json_out_bool(ft_json_out *w, bool v);
void ft_json_out_null(ft_json_out *w);
void ft_json_out_raw(ft_json_out *w, ft_str json); /* already JSON */
/* Only escapes and quotes, for code that builds a line by hand on the hot path. Bytes that are not
 * UTF-8 become U+FFFD. */
ft_err ft_json_quote(ft_buf *buf, ft_str s);

#endif
