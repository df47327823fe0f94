/* xml_fuzz.c -- XML that a client sent: read, then written from the tree and read again: both trees
 * are the same, and no tree is deeper than the limit. */
#include "base/xml.h"
#include "base/check.h"
#include "fuzz/target.h"

static void write_node(ft_xml_out *out, ft_arena *arena, const ft_xml_node *node, int depth) {
    ft_str name;
    FT_CHECK(depth < FT_XML_DEPTH_MAX);
    if (ft_arena_str(&name, arena, node->name) != FT_OK) return;
    ft_xml_open(out, name.at);
    ft_xml_escape(out->buf, node->text);
    for (const ft_xml_node *c = node->child; c; c = c->next) write_node(out, arena, c, depth + 1);
    ft_xml_close(out);
}

static bool same(const ft_xml_node *a, const ft_xml_node *b) {
    if (!ft_str_eq(a->name, b->name) || !ft_str_eq(a->text, b->text)) return false;
    const ft_xml_node *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (!same(x, y)) return false;
    return !x && !y;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_buf buf = { 0 };
    ft_xml_node *root, *again;
    ft_str text = ft_str_n(data, size);
    if (ft_xml_parse(&root, &arena, text) == FT_OK) {
        ft_xml_out out;
        ft_xml_out_init(&out, &buf);
        write_node(&out, &arena, root, 0);
        FT_CHECK(buf.err == FT_OK);
        FT_CHECK(ft_xml_parse(&again, &arena, ft_buf_str(&buf)) == FT_OK && same(root, again));
        FT_CHECK(!ft_xml_child(root, "") || ft_xml_child_text(root, "").at);
    } else {
        FT_CHECK(ft_err_why()[0]);
        ft_buf_reset(&buf);
        ft_xml_escape(&buf, text); /* any bytes can be told */
        FT_CHECK(ft_str_utf8(ft_buf_str(&buf)));
    }
    ft_buf_fini(&buf);
    ft_arena_fini(&arena);
    ft_err_clear();
    return 0;
}
