/* doc_in.h -- one pull reader over the two texts of a model: JSON (by base/json.h) and UBJSON
 * (draft 12, as XGBoost writes it). The model reader asks for names, items and numbers and does not
 * know which it reads.
 *
 * Errors are sticky and say where: line and column in JSON, byte in UBJSON. */
#ifndef FT_DOC_IN_H
#define FT_DOC_IN_H

#include "base/json.h"

#define FT_UBJ_DEPTH_MAX 64

typedef struct ft_ubj_level {
    bool is_object;
    bool counted; /* `left` says how many are to come; no closing byte */
    char type;    /* typed array: the type of every item, without a marker; 0: marked */
    uint64_t left;
} ft_ubj_level;

typedef struct ft_doc {
    bool is_ubj;
    const char *name;
    ft_arena *arena;
    ft_json json;
    ft_str bytes;
    size_t at;
    int depth;
    ft_ubj_level stack[FT_UBJ_DEPTH_MAX];
    ft_err err;
} ft_doc;

/* By the first bytes. FT_EUNSUPPORTED for XGBoost's binary format, a pickle, an archive; FT_EPARSE
 * for anything else. */
ft_err ft_doc_open(ft_doc *d, ft_str bytes, const char *name, ft_arena *arena);

ft_err ft_doc_enter_object(ft_doc *d);
ft_err ft_doc_enter_array(ft_doc *d);
bool ft_doc_next_member(ft_doc *d, ft_str *name);
bool ft_doc_next_item(ft_doc *d);
ft_err ft_doc_string(ft_doc *d, ft_str *out);
ft_err ft_doc_f32(ft_doc *d, float *out);   /* any number, rounded once; NaN and infinities too */
ft_err ft_doc_i64(ft_doc *d, int64_t *out); /* a whole number; booleans are 0 and 1 */
ft_err ft_doc_skip(ft_doc *d);
/* Sticky failure of the reading so far, or FT_OK. After a loop of next_…: always ask. */
ft_err ft_doc_ok(ft_doc *d);
/* All read, nothing after it? */
ft_err ft_doc_end(ft_doc *d);

#endif
