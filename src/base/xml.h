/* xml.h -- XML: a writer with escapes, a reader of events and a reader of small trees. Reading is
 * expat's (loaded on first use); document types, and with them entities of one's own, are refused,
 * depth is limited.
 *
 * Threads: any. Source: W3C, Extensible Markup Language 1.0. */
#ifndef FT_XML_H
#define FT_XML_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FT_XML_DEPTH_MAX 32

typedef struct ft_xml_out {
    ft_buf *buf;
    int depth;
    const char *open[FT_XML_DEPTH_MAX];
} ft_xml_out;

void ft_xml_out_init(ft_xml_out *x, ft_buf *buf); /* writes the declaration */
void ft_xml_open(ft_xml_out *x, const char *name);
void ft_xml_open_ns(ft_xml_out *x, const char *name, const char *xmlns);
void ft_xml_close(ft_xml_out *x);
void ft_xml_text(ft_xml_out *x, const char *name, ft_str value); /* <name>escaped</name> */
void ft_xml_int(ft_xml_out *x, const char *name, int64_t value);
void ft_xml_bool(ft_xml_out *x, const char *name, bool value);
/* Characters that XML cannot carry become U+FFFD; & < > " ' are escaped. */
void ft_xml_escape(ft_buf *buf, ft_str s);

/* ---- reading: what stands in a document, in order */

typedef struct ft_xml_place {
    size_t byte;         /* in the input */
    size_t line, column; /* from 1 */
} ft_xml_place;

/* What is called while reading; a failure ends it. Names are as written, prefix and all. */
typedef struct ft_xml_reader {
    /* `attributes`: name, value, name, value …, NULL. */
    ft_err (*open)(void *ctx, ft_str name, const char *const *attributes, ft_xml_place place);
    ft_err (*close)(void *ctx, ft_str name, ft_xml_place place);
    /* Some of the text between tags, UTF-8. `literal`: its bytes stand in the input as they are;
     * otherwise all of it stands for the reference at `place`. May be NULL. */
    ft_err (*text)(void *ctx, ft_str text, bool literal, ft_xml_place place);
    void *ctx;
    int depth_max; /* 0: FT_XML_DEPTH_MAX */
} ft_xml_reader;

/* FT_EPARSE and what the callbacks return, with "line 3, column 7: " in front; FT_ETOOBIG past the
 * depth. UTF-8 only, whatever the declaration says. */
ft_err ft_xml_read(ft_str text, const ft_xml_reader *reader);

/* A document as a tree in the arena, names without prefixes. Texts are unescaped; blanks are kept,
 * since names may have them. */
typedef struct ft_xml_node ft_xml_node;
struct ft_xml_node {
    ft_str name, text;
    ft_xml_node *child, *next;
};
/* FT_EPARSE with line and column; FT_ETOOBIG past the limits. */
ft_err ft_xml_parse(ft_xml_node **out, ft_arena *arena, ft_str text);
const ft_xml_node *ft_xml_child(const ft_xml_node *node, const char *name); /* NULL-safe */
ft_str ft_xml_child_text(const ft_xml_node *node, const char *name);        /* trimmed */

#endif
