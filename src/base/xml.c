/* xml.c -- see xml.h. */
#include "base/xml.h"

#include <expat.h>

#include "base/check.h"
#include "base/lib.h"

/* ---- writing */

static void escape_utf8(ft_buf *buf, ft_str s) {
    size_t plain = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        const char *as = c == '&'                            ? "&amp;"
                         : c == '<'                          ? "&lt;"
                         : c == '>'                          ? "&gt;"
                         : c == '"'                          ? "&quot;"
                         : c == '\''                         ? "&#39;"
                         : c == '\r'                         ? "&#13;"
                         : c < ' ' && c != '\n' && c != '\t' ? "\xef\xbf\xbd"
                                                             : NULL;
        if (!as) continue;
        ft_buf_add_n(buf, s.at + plain, i - plain);
        ft_buf_add(buf, ft_str_of(as));
        plain = i + 1;
    }
    ft_buf_add_n(buf, s.at + plain, s.len - plain);
}

void ft_xml_escape(ft_buf *buf, ft_str s) {
    for (size_t good; (good = ft_str_utf8_valid_len(s)) < s.len; s = ft_str_from(s, good + 1)) {
        escape_utf8(buf, ft_str_slice(s, 0, good));
        ft_buf_add(buf, FT_STR("\xef\xbf\xbd"));
    }
    escape_utf8(buf, s);
}

void ft_xml_out_init(ft_xml_out *x, ft_buf *buf) {
    *x = (ft_xml_out){ .buf = buf };
    ft_buf_add(buf, FT_STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
}

void ft_xml_open_ns(ft_xml_out *x, const char *name, const char *xmlns) {
    FT_CHECK(x->depth < FT_XML_DEPTH_MAX);
    x->open[x->depth++] = name;
    if (xmlns)
        ft_buf_printf(x->buf, "<%s xmlns=\"%s\">", name, xmlns);
    else
        ft_buf_printf(x->buf, "<%s>", name);
}

void ft_xml_open(ft_xml_out *x, const char *name) { ft_xml_open_ns(x, name, NULL); }

void ft_xml_close(ft_xml_out *x) {
    FT_CHECK(x->depth > 0);
    ft_buf_printf(x->buf, "</%s>", x->open[--x->depth]);
}

void ft_xml_text(ft_xml_out *x, const char *name, ft_str value) {
    ft_buf_printf(x->buf, "<%s>", name);
    ft_xml_escape(x->buf, value);
    ft_buf_printf(x->buf, "</%s>", name);
}

void ft_xml_int(ft_xml_out *x, const char *name, int64_t value) {
    ft_buf_printf(x->buf, "<%s>%lld</%s>", name, (long long)value, name);
}

void ft_xml_bool(ft_xml_out *x, const char *name, bool value) {
    ft_xml_text(x, name, value ? FT_STR("true") : FT_STR("false"));
}

/* ---- reading */

static struct api {
    XML_Parser (*create)(const XML_Char *);
    void (*release)(XML_Parser);
    void (*user)(XML_Parser, void *);
    void (*elements)(XML_Parser, XML_StartElementHandler, XML_EndElementHandler);
    void (*text)(XML_Parser, XML_CharacterDataHandler);
    void (*doctype)(XML_Parser, XML_StartDoctypeDeclHandler);
    enum XML_Status (*parse)(XML_Parser, const char *, int, int);
    enum XML_Status (*stop)(XML_Parser, XML_Bool);
    enum XML_Error (*error)(XML_Parser);
    const XML_LChar *(*error_text)(enum XML_Error);
    XML_Index (*byte)(XML_Parser);
    int (*bytes)(XML_Parser);
    XML_Size (*line)(XML_Parser);
    XML_Size (*column)(XML_Parser);
} api;
static const ft_lib_symbol symbols[] = {
    { "XML_ParserCreate", offsetof(struct api, create) },
    { "XML_ParserFree", offsetof(struct api, release) },
    { "XML_SetUserData", offsetof(struct api, user) },
    { "XML_SetElementHandler", offsetof(struct api, elements) },
    { "XML_SetCharacterDataHandler", offsetof(struct api, text) },
    { "XML_SetStartDoctypeDeclHandler", offsetof(struct api, doctype) },
    { "XML_Parse", offsetof(struct api, parse) },
    { "XML_StopParser", offsetof(struct api, stop) },
    { "XML_GetErrorCode", offsetof(struct api, error) },
    { "XML_ErrorString", offsetof(struct api, error_text) },
    { "XML_GetCurrentByteIndex", offsetof(struct api, byte) },
    { "XML_GetCurrentByteCount", offsetof(struct api, bytes) },
    { "XML_GetCurrentLineNumber", offsetof(struct api, line) },
    { "XML_GetCurrentColumnNumber", offsetof(struct api, column) },
};

typedef struct events {
    XML_Parser parser;
    const ft_xml_reader *reader;
    int depth;
    ft_err err;
} events;

static ft_xml_place place_of(const events *e) {
    return (ft_xml_place){ .byte = (size_t)api.byte(e->parser),
                           .line = (size_t)api.line(e->parser),
                           .column = (size_t)api.column(e->parser) + 1 };
}

/* A failure ends the reading; its place is where the parser stands. */
static void settle(events *e, ft_err err) {
    if (err == FT_OK || e->err != FT_OK) return;
    ft_xml_place at = place_of(e);
    e->err = ft_err_prefix(err, "line %zu, column %zu", at.line, at.column);
    api.stop(e->parser, XML_FALSE);
}

static void on_open(void *ctx, const XML_Char *name, const XML_Char **attributes) {
    events *e = ctx;
    int depth_max = e->reader->depth_max ? e->reader->depth_max : FT_XML_DEPTH_MAX;
    if (e->err != FT_OK) return;
    if (e->depth++ == depth_max)
        settle(e, FT_FAIL(FT_ETOOBIG, "elements nested more than %d deep", depth_max));
    else
        settle(e, e->reader->open(e->reader->ctx, ft_str_of(name), (const char *const *)attributes,
                                  place_of(e)));
}

static void on_close(void *ctx, const XML_Char *name) {
    events *e = ctx;
    if (e->err != FT_OK) return;
    e->depth--;
    settle(e, e->reader->close(e->reader->ctx, ft_str_of(name), place_of(e)));
}

static void on_text(void *ctx, const XML_Char *at, int len) {
    events *e = ctx;
    if (e->err != FT_OK || e->depth == 0 || !e->reader->text) return;
    bool literal = api.bytes(e->parser) == len;
    settle(e, e->reader->text(e->reader->ctx, ft_str_n(at, (size_t)len), literal, place_of(e)));
}

/* Without a document type there are no entities but the five of the language: nothing expands,
 * nothing is fetched. */
static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public_id, int internal) {
    FT_UNUSED(name), FT_UNUSED(system), FT_UNUSED(public_id), FT_UNUSED(internal);
    settle(ctx, FT_FAIL(FT_EPARSE, "document types and entities are not accepted"));
}

static ft_err events_read(events *e, ft_str text) {
    api.user(e->parser, e);
    api.elements(e->parser, on_open, on_close);
    api.text(e->parser, on_text);
    api.doctype(e->parser, on_doctype);
    enum XML_Status status = api.parse(e->parser, text.at, (int)text.len, 1);
    if (e->err != FT_OK) return e->err;
    if (status == XML_STATUS_OK) return FT_OK;
    ft_xml_place at = place_of(e);
    return FT_FAIL(FT_EPARSE, "line %zu, column %zu: %s", at.line, at.column,
                   api.error_text(api.error(e->parser)));
}

ft_err ft_xml_read(ft_str text, const ft_xml_reader *reader) {
    static void *handle;
    events e = { .reader = reader };
    if (text.len > INT32_MAX) return FT_FAIL(FT_ETOOBIG, "XML of %zu bytes", text.len);
    FT_TRY(ft_lib_load(&handle, "libexpat.so.1", "libexpat1", &api, symbols, FT_COUNT(symbols)));
    e.parser = api.create("UTF-8");
    if (!e.parser) return FT_FAIL(FT_ENOMEM, "no memory for an XML reader");
    ft_err err = events_read(&e, text);
    api.release(e.parser);
    return err;
}

/* ---- a tree of them */

typedef struct tree {
    ft_arena *arena;
    ft_xml_node *open[FT_XML_DEPTH_MAX], *last[FT_XML_DEPTH_MAX]; /* last child of each open node */
    ft_buf text[FT_XML_DEPTH_MAX];
    int depth;
    ft_xml_node *root;
} tree;

static ft_err tree_open(void *ctx, ft_str name, const char *const *attributes, ft_xml_place place) {
    tree *t = ctx;
    ft_xml_node *node;
    FT_UNUSED(attributes), FT_UNUSED(place);
    FT_TRY(ft_arena_items(&node, t->arena, 1));
    size_t colon = ft_str_find(name, ':'); /* prefixes carry no meaning here */
    FT_TRY(ft_arena_str(&node->name, t->arena,
                        colon < name.len ? ft_str_from(name, colon + 1) : name));
    if (t->depth == 0)
        t->root = node;
    else if (t->last[t->depth - 1])
        t->last[t->depth - 1]->next = node;
    else
        t->open[t->depth - 1]->child = node;
    if (t->depth > 0) t->last[t->depth - 1] = node;
    t->open[t->depth] = node;
    t->last[t->depth] = NULL;
    ft_buf_reset(&t->text[t->depth]);
    t->depth++;
    return FT_OK;
}

static ft_err tree_close(void *ctx, ft_str name, ft_xml_place place) {
    tree *t = ctx;
    FT_UNUSED(name), FT_UNUSED(place);
    t->depth--;
    return ft_arena_str(&t->open[t->depth]->text, t->arena, ft_buf_str(&t->text[t->depth]));
}

static ft_err tree_text(void *ctx, ft_str text, bool literal, ft_xml_place place) {
    tree *t = ctx;
    FT_UNUSED(literal), FT_UNUSED(place);
    return ft_buf_add(&t->text[t->depth - 1], text);
}

ft_err ft_xml_parse(ft_xml_node **out, ft_arena *arena, ft_str text) {
    tree t = { .arena = arena };
    ft_xml_reader reader = { tree_open, tree_close, tree_text, &t, 0 };
    *out = NULL;
    ft_err err = ft_xml_read(text, &reader);
    if (err == FT_OK) *out = t.root;
    for (int i = 0; i < FT_XML_DEPTH_MAX; i++) ft_buf_fini(&t.text[i]);
    return err == FT_OK || err == FT_EABSENT ? err : ft_err_prefix(err, "XML");
}

const ft_xml_node *ft_xml_child(const ft_xml_node *node, const char *name) {
    for (const ft_xml_node *c = node ? node->child : NULL; c; c = c->next)
        if (ft_str_is(c->name, name)) return c;
    return NULL;
}

ft_str ft_xml_child_text(const ft_xml_node *node, const char *name) {
    const ft_xml_node *c = ft_xml_child(node, name);
    return c ? ft_str_trim(c->text) : (ft_str){ 0 };
}
