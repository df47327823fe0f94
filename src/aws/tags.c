/* tags.c -- see tags.h. */
#include "aws/tags.h"

#include "aws/resource.h"

#define TAGS     "tags" /* a resource; name: the ARN */
#define TAGS_MAX 50

/* "Tags.3.Key", "TagKeys.3": empty when it is not there. */
static ft_str asked(ft_aws_call *c, const char *list, size_t i, const char *member) {
    ft_str path;
    if (ft_arena_printf(&path, c->arena, "%s.%zu%s", list, i, member) != FT_OK)
        return (ft_str){ 0 };
    return ft_aws_str(c, path.at);
}

ft_err ft_aws_tags_check(ft_aws_call *c) {
    bool query = c->service->protocol == FT_AWS_QUERY;
    size_t count = ft_aws_count(c, "Tags");
    if (count > TAGS_MAX)
        return ft_aws_fail(c, 400, query ? "TagLimitExceeded" : "ResourceLimitExceeded",
                           "At most %d tags", TAGS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!asked(c, "Tags", i, ".Key").len)
            return ft_aws_fail(c, 400, query ? "InvalidParameter" : "ValidationException",
                               "1 validation error detected: Value null at 'tags.%zu.member.key' "
                               "failed to satisfy constraint: Member must not be null",
                               i + 1);
    return FT_OK;
}

/* ---- the kept list */

typedef struct tag {
    ft_str key, value;
} tag;

static ft_err list_read(tag list[TAGS_MAX], size_t *count, ft_aws_call *c, ft_str arn) {
    ft_aws_resource had;
    ft_json j;
    ft_str name, text;
    *count = 0;
    ft_err err = ft_aws_resource_get(&had, c->store, c->arena, TAGS, arn);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    ft_json_init(&j, had.json, c->arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j) && *count < TAGS_MAX) {
        tag *t = &list[(*count)++];
        *t = (tag){ 0 };
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            FT_TRY(ft_json_string(&j, &text));
            *(ft_str_is(name, "Key") ? &t->key : &t->value) = text;
        }
    }
    return ft_json_end(&j);
}

static ft_err list_write(ft_aws_call *c, ft_str arn, const tag *list, size_t count) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&w);
        ft_json_out_name(&w, "Key"), ft_json_out_str(&w, list[i].key);
        ft_json_out_name(&w, "Value"), ft_json_out_str(&w, list[i].value);
        ft_json_out_close(&w);
    }
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (!err) err = ft_aws_resource_put(c->store, TAGS, arn, ft_buf_str(&buf), FT_STR(""));
    ft_buf_fini(&buf);
    return err;
}

static tag *tag_of(tag *list, size_t count, ft_str key) {
    for (size_t i = 0; i < count; i++)
        if (ft_str_eq(list[i].key, key)) return &list[i];
    return NULL;
}

ft_err ft_aws_tags_add(ft_aws_call *c, ft_str arn) {
    tag list[TAGS_MAX];
    size_t count, more = ft_aws_count(c, "Tags");
    if (!more) return FT_OK;
    FT_TRY(ft_aws_tags_check(c));
    FT_TRY(list_read(list, &count, c, arn));
    for (size_t i = 0; i < more; i++) {
        tag one = { asked(c, "Tags", i, ".Key"), asked(c, "Tags", i, ".Value") };
        tag *same = tag_of(list, count, one.key);
        if (!one.value.at) one.value = FT_STR("");
        if (!same && count == TAGS_MAX)
            return ft_aws_fail(c, 400, "ResourceLimitExceeded", "At most %d tags", TAGS_MAX);
        *(same ? same : &list[count++]) = one;
    }
    return list_write(c, arn, list, count);
}

ft_err ft_aws_tags_drop(ft_aws_call *c, ft_str arn) {
    tag list[TAGS_MAX];
    size_t count, keys = ft_aws_count(c, "TagKeys");
    FT_TRY(list_read(list, &count, c, arn));
    for (size_t i = 0; i < keys; i++) {
        tag *t = tag_of(list, count, asked(c, "TagKeys", i, ""));
        if (t) *t = list[--count];
    }
    return list_write(c, arn, list, count);
}

ft_err ft_aws_tags_put(ft_aws_call *c, ft_str arn) {
    bool query = c->service->protocol == FT_AWS_QUERY;
    tag list[TAGS_MAX];
    size_t count;
    FT_TRY(list_read(list, &count, c, arn));
    if (query)
        ft_xml_open(&c->xml, "Tags");
    else
        ft_json_out_name(&c->json, "Tags"), ft_json_out_array(&c->json);
    for (size_t i = 0; i < count; i++) {
        if (query) {
            ft_xml_open(&c->xml, "member");
            ft_xml_text(&c->xml, "Key", list[i].key);
            ft_xml_text(&c->xml, "Value", list[i].value);
            ft_xml_close(&c->xml);
        } else {
            ft_json_out_object(&c->json);
            ft_aws_put(c, "Key", list[i].key);
            ft_aws_put(c, "Value", list[i].value);
            ft_json_out_close(&c->json);
        }
    }
    if (query)
        ft_xml_close(&c->xml);
    else
        ft_json_out_close(&c->json);
    return FT_OK;
}

ft_err ft_aws_tags_remove(ft_aws_call *c, ft_str arn) {
    ft_err err = ft_aws_resource_remove(c->store, TAGS, arn);
    return err == FT_ENOTFOUND ? FT_OK : err;
}
