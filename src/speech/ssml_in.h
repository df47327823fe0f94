/* ssml_in.h -- a document in the making, and what an element does to it. Private to speech. */
#ifndef FT_SPEECH_SSML_IN_H
#define FT_SPEECH_SSML_IN_H

#include "base/buf.h"
#include "base/xml.h"
#include "speech/document.h"

typedef struct ft_drafting { /* a document being read */
    ft_document *out;
    const ft_document_opts *opts;
    ft_arena *arena;
    size_t capacity; /* of out->pieces */
    ft_buf text;     /* of the piece being collected */
    ft_buf at;       /* uint32_t a byte of text */
    uint32_t end;    /* byte in the input behind the last byte of text */
    const ft_manner *manner;
    bool said;      /* something, since the last end of a sentence */
    size_t widened; /* pieces before here: their sentences' ends need no look for a paragraph's */
    int stretches;
    size_t tag; /* byte where the tag being read begins */
    /* The elements that are open. */
    const struct ft_element *open[FT_SPEECH_DEPTH_MAX];
    const ft_manner *outer[FT_SPEECH_DEPTH_MAX]; /* manner outside of each */
    int depth;
} ft_drafting;

enum { FT_BY_OWN = 1, FT_BY_STANDARD = 2, FT_BY_NEURAL = 4 };

/* An attribute sets something of the manner of what the element holds, or of the element itself. */
typedef struct ft_attribute {
    const char *name;
    int by; /* engines that take it; 0: as the element */
    ft_err (*set)(ft_drafting *d, ft_manner *m, ft_str value);
    const char *needed; /* FT_EPARSE with these words where it is missing; NULL: optional */
} ft_attribute;

typedef struct ft_element {
    const char *name;
    int by;                         /* engines that take it */
    const ft_attribute *attributes; /* end with a NULL name */
    bool empty;                     /* holds nothing */
    bool any_needed;                /* at least one of the attributes */
    ft_err (*open)(ft_drafting *d, ft_manner *m, const char *const *attributes);
    ft_err (*close)(ft_drafting *d);
} ft_element;

extern const ft_element ft_elements[]; /* ssml_elements.c; end with a NULL name */

/* End the text collected so far; add a piece. */
ft_err ft_drafting_flush(ft_drafting *d);
ft_err ft_drafting_add(ft_drafting *d, ft_piece piece);
/* A sentence or paragraph ends here, unless nothing was said since the last end. */
ft_err ft_drafting_end(ft_drafting *d, ft_piece_kind kind);
/* `bytes` of text; byte i stands at `from` + i when `literal`, else all at `from`. */
ft_err ft_drafting_text(ft_drafting *d, ft_str text, bool literal, uint32_t from);

ft_err ft_ssml_read(ft_drafting *d, ft_str input);

#endif
