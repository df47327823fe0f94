/* xml.h -- the little XML that S3 and the query services speak: a writer with escapes, and a reader
 * (expat, loaded on first use) that refuses entities and doctypes and is limited in depth and size.
 */
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

/* A document as a tree in the arena. Texts are unescaped; blanks are kept, since names may have
 * them. */
typedef struct ft_xml_node ft_xml_node;
struct ft_xml_node {
    ft_str name, text;
    ft_xml_node *child, *next;
};
/* FT_EPARSE with line and column; FT_ETOOBIG past the limits. */
ft_err ft_xml_parse(ft_xml_node **out, ft_arena *arena, ft_str text);
const ft_xml_node *ft_xml_child(const ft_xml_node *node, const char *name); /* NULL-safe */
ft_str ft_xml_child_text(const ft_xml_node *node, const char *name); /* trimmed */

#endif
