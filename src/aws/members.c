/* members.c -- request members by path, alike for JSON bodies and for the query protocol's flat
 * names. */
#include <stdio.h>
#include <stdlib.h>

#include "aws/aws.h"
#include "base/check.h"
#include "base/number.h"
#include "net/percent.h"

#define PATH_MAX_BYTES 256

/* "Tags.0.Key" -> "Tags.member.1.Key", "MessageAttributes.0.Name" -> "….entry.1.Name" as `word`
 * says. */
static ft_str form_name(char out[PATH_MAX_BYTES], const char *path, const char *word) {
    ft_str rest = ft_str_of(path);
    size_t len = 0;
    while (rest.at) {
        ft_str part = ft_str_cut(&rest, '.');
        int64_t index;
        int n;
        if (ft_str_i64(&index, part))
            n = snprintf(out + len, PATH_MAX_BYTES - len, "%s%s.%lld", len ? "." : "", word,
                         (long long)index + 1);
        else
            n = snprintf(out + len, PATH_MAX_BYTES - len, "%s%.*s", len ? "." : "",
                         FT_STR_ARG(part));
        FT_CHECK(n > 0 && (size_t)n < PATH_MAX_BYTES - len);
        len += (size_t)n;
    }
    return (ft_str){ out, len };
}

/* Most names are plain: they are compared where they stand, and cost no memory. */
static bool is_escaped(ft_str text) {
    return text.len && (memchr(text.at, '%', text.len) || memchr(text.at, '+', text.len));
}

/* A form value, %XX and + undone; at == NULL when the name is not there. */
static ft_str form_value(ft_aws_call *c, ft_str name) {
    ft_str rest = c->body;
    while (rest.at) {
        ft_str value = ft_str_cut(&rest, '&'), key = ft_str_cut(&value, '=');
        ft_str decoded = key;
        if (key.len < name.len || (key.len > name.len && !is_escaped(key)) ||
            (is_escaped(key) && ft_percent_decode(&decoded, c->arena, key,
                                                  FT_PERCENT_FORM | FT_PERCENT_NUL) != FT_OK) ||
            !ft_str_eq(decoded, name))
            continue;
        if (ft_percent_decode(&decoded, c->arena, value.at ? value : FT_STR(""),
                              FT_PERCENT_FORM | FT_PERCENT_NUL) == FT_OK)
            return decoded;
    }
    return (ft_str){ 0 };
}

static ft_str form_member(ft_aws_call *c, const char *path) {
    static const char *const words[] = { "member", "entry" };
    char name[PATH_MAX_BYTES];
    for (size_t i = 0; i < FT_COUNT(words); i++) {
        ft_str v = form_value(c, form_name(name, path, words[i]));
        if (v.at) return v;
    }
    return (ft_str){ 0 };
}

static bool is_query(const ft_aws_call *c) { return c->service->protocol == FT_AWS_QUERY; }

ft_str ft_aws_raw(ft_aws_call *c, const char *path) {
    ft_str raw;
    FT_CHECK(!is_query(c));
    if (!c->body.len || ft_json_find(&raw, c->body, path) != FT_OK || ft_str_is(raw, "null"))
        return (ft_str){ 0 };
    return raw;
}

ft_str ft_aws_str(ft_aws_call *c, const char *path) {
    if (is_query(c)) return form_member(c, path);
    ft_str raw = ft_aws_raw(c, path), text;
    if (!raw.at || raw.at[0] != '"') return raw; /* numbers and booleans as they are written */
    ft_json j;
    ft_json_init(&j, raw, c->arena, NULL);
    return ft_json_string(&j, &text) == FT_OK ? text : (ft_str){ 0 };
}

ft_err ft_aws_int(int64_t *out, ft_aws_call *c, const char *path, int64_t fallback) {
    ft_str text = ft_aws_str(c, path);
    *out = fallback;
    if (!text.at || !text.len) return FT_OK;
    if (!ft_str_i64(out, text))
        return ft_aws_fail(c, 400, "SerializationException",
                           "%s: expected an integer, found '%.*s'", path, FT_STR_ARG(text));
    return FT_OK;
}

ft_err ft_aws_bool(bool *out, ft_aws_call *c, const char *path, bool fallback) {
    ft_str text = ft_aws_str(c, path);
    *out = fallback;
    if (!text.at || !text.len) return FT_OK;
    if (!ft_str_bool(out, text))
        return ft_aws_fail(c, 400, "SerializationException",
                           "%s: expected true or false, found '%.*s'", path, FT_STR_ARG(text));
    return FT_OK;
}

static size_t count_json(ft_aws_call *c, const char *path) {
    ft_str raw = ft_aws_raw(c, path);
    size_t n = 0;
    ft_json j;
    if (!raw.at) return 0;
    ft_json_init(&j, raw, c->arena, NULL);
    if (ft_json_enter_array(&j) != FT_OK) return 0;
    while (ft_json_next_item(&j) && ft_json_skip(&j, NULL) == FT_OK) n++;
    return n;
}

/* Is there any name that begins with "Tags.member.N" or "….entry.N"? */
static bool form_has_item(ft_aws_call *c, const char *path, size_t i) {
    static const char *const words[] = { "member", "entry" };
    for (size_t w = 0; w < FT_COUNT(words); w++) {
        char item[PATH_MAX_BYTES], text[PATH_MAX_BYTES];
        snprintf(item, sizeof item, "%s.%zu", path, i);
        ft_str head = form_name(text, item, words[w]), rest = c->body;
        while (rest.at) {
            ft_str pair = ft_str_cut(&rest, '&'), key;
            key = ft_str_cut(&pair, '=');
            if ((!is_escaped(key) ||
                 ft_percent_decode(&key, c->arena, key, FT_PERCENT_FORM | FT_PERCENT_NUL) ==
                     FT_OK) &&
                ft_str_starts(key, head) && (key.len == head.len || key.at[head.len] == '.'))
                return true;
        }
    }
    return false;
}

size_t ft_aws_count(ft_aws_call *c, const char *path) {
    if (!is_query(c)) return count_json(c, path);
    size_t n = 0;
    while (n < FT_AWS_ITEMS_MAX && form_has_item(c, path, n)) n++;
    return n;
}

/* ---- answers */

void ft_aws_put(ft_aws_call *c, const char *name, ft_str value) {
    if (!value.at) return;
    ft_json_out_name(&c->json, name);
    ft_json_out_str(&c->json, value);
}

void ft_aws_put_raw(ft_aws_call *c, const char *name, ft_str json) {
    if (!json.len) return;
    ft_json_out_name(&c->json, name);
    ft_json_out_raw(&c->json, json);
}

void ft_aws_put_int(ft_aws_call *c, const char *name, int64_t value) {
    ft_json_out_name(&c->json, name);
    ft_json_out_i64(&c->json, value);
}

void ft_aws_put_bool(ft_aws_call *c, const char *name, bool value) {
    ft_json_out_name(&c->json, name);
    ft_json_out_bool(&c->json, value);
}

void ft_aws_put_time(ft_aws_call *c, const char *name, int64_t us) {
    char text[40];
    if (us <= 0) return;
    snprintf(text, sizeof text, "%lld.%03lld", (long long)(us / 1000000),
             (long long)(us / 1000 % 1000));
    ft_json_out_name(&c->json, name);
    ft_json_out_raw(&c->json, ft_str_of(text));
}

ft_str ft_aws_arn(ft_aws_call *c, const char *service, const char *resource, ft_str name) {
    ft_str arn;
    if (ft_arena_printf(&arn, c->arena, "arn:aws:%s:%.*s:%s:%s/%.*s", service,
                        FT_STR_ARG(c->region), FT_AWS_ACCOUNT, resource, FT_STR_ARG(name)) != FT_OK)
        return (ft_str){ 0 };
    return arn;
}

ft_err ft_aws_page(ft_aws_call *c, const char *limit_member, int64_t limit_default,
                   int64_t limit_max, int64_t *limit, ft_str *after) {
    FT_TRY(ft_aws_int(limit, c, limit_member, limit_default));
    if (*limit < 1 || *limit > limit_max)
        return ft_aws_fail(c, 400, "ValidationException", "%s: %lld is outside [1, %lld]",
                           limit_member, (long long)*limit, (long long)limit_max);
    *after = ft_aws_str(c, "NextToken");
    return FT_OK;
}
