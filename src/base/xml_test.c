/* xml_test.c -- the XML reader and writer: Python's ElementTree reads what we write, entities and
 * depth are refused, names keep their blanks. */
#include "base/xml.h"

#include "base/check.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(0);

static int clean(void **state) {
    (void)state;
    ft_arena_fini(&arena);
    return 0;
}

static void test_read(void **state) {
    (void)state;
    ft_xml_node *root;
    EXPECT_OK(
        ft_xml_parse(&root, &arena,
                     FT_STR("<?xml version=\"1.0\"?>\n<s:Delete xmlns:s=\"u\">\n <Object><Key> a "
                            "&amp; &#x65e5; </Key></Object>\n <Quiet> true </Quiet>\n"
                            "<Object><Key><![CDATA[<b>]]></Key></Object></s:Delete>")));
    EXPECT_STR("Delete", root->name);
    const ft_xml_node *object = ft_xml_child(root, "Object");
    EXPECT_STR(" a & \xe6\x97\xa5 ", ft_xml_child(object, "Key")->text);
    EXPECT_STR("true", ft_xml_child_text(root, "Quiet"));
    EXPECT_STR("<b>", ft_xml_child_text(object->next->next, "Key"));
    EXPECT(!ft_xml_child(root, "Absent") && !ft_xml_child_text(root, "Absent").at);
    EXPECT(!ft_xml_child(NULL, "Absent") && !ft_xml_child_text(NULL, "Absent").at);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&nothing;</a>",
        "<a>\xff</a>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM \"http://127.0.0.1/a.dtd\"><a/>",
    };
    ft_xml_node *root;
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        EXPECT_ERR(FT_EPARSE, ft_xml_parse(&root, &arena, ft_str_of(bad[i])));
        EXPECT_WHY("XML: line ");
        EXPECT(!root);
    }
    EXPECT_ERR(FT_EPARSE, ft_xml_parse(&root, &arena, FT_STR("<a>\n <b>\n</c></a>")));
    EXPECT_WHY("line 3");
}

static void test_depth(void **state) {
    (void)state;
    ft_buf buf = { 0 };
    ft_xml_node *root;
    for (int deep = FT_XML_DEPTH_MAX; deep <= FT_XML_DEPTH_MAX + 1; deep++) {
        ft_buf_reset(&buf);
        for (int i = 0; i < deep; i++) ft_buf_add(&buf, FT_STR("<a>"));
        for (int i = 0; i < deep; i++) ft_buf_add(&buf, FT_STR("</a>"));
        EXPECT_ERR(deep > FT_XML_DEPTH_MAX ? FT_ETOOBIG : FT_OK,
                   ft_xml_parse(&root, &arena, ft_buf_str(&buf)));
    }
    ft_buf_fini(&buf);
}

static void test_write(void **state) {
    (void)state;
    ft_buf buf = { 0 };
    ft_xml_out x;
    ft_xml_out_init(&x, &buf);
    ft_xml_open_ns(&x, "List", "http://example.com/");
    ft_xml_text(&x, "Key", FT_STR("<&>\"'\r\n\x01\xff\xe6\x97\xa5"));
    ft_xml_int(&x, "Size", -5);
    ft_xml_bool(&x, "More", true);
    ft_xml_open(&x, "Empty");
    ft_xml_close(&x);
    ft_xml_close(&x);
    EXPECT_STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<List xmlns=\"http://example.com/\">"
               "<Key>&lt;&amp;&gt;&quot;&#39;&#13;\n\xef\xbf\xbd\xef\xbf\xbd\xe6\x97\xa5</Key>"
               "<Size>-5</Size><More>true</More><Empty></Empty></List>",
               ft_buf_str(&buf));
    ft_xml_node *root;
    EXPECT_OK(ft_xml_parse(&root, &arena, ft_buf_str(&buf)));
    EXPECT_STR("-5", ft_xml_child_text(root, "Size"));
    ft_buf_fini(&buf);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_arena own = FT_ARENA_INIT(0);
        ft_xml_node *root;
        ft_err err = ft_xml_parse(&root, &own, FT_STR("<a><b>c</b><d/></a>"));
        if (err == FT_OK)
            EXPECT_STR("c", ft_xml_child_text(root, "b"));
        else
            EXPECT(!root);
        ft_arena_fini(&own);
    }
}

TEST_MAIN(cmocka_unit_test_teardown(test_read, clean),
          cmocka_unit_test_teardown(test_refused, clean),
          cmocka_unit_test_teardown(test_depth, clean),
          cmocka_unit_test_teardown(test_write, clean),
          cmocka_unit_test_teardown(test_faults, clean))
