/* front_op.c -- which operation of its service a request is for, and whether its members can be
 * what they should. */
#include <stdio.h>

#include "aws/front_in.h"
#include "aws/services_in.h"
#include "base/check.h"

#define LISTS_DEEP_MAX 8 /* lists in lists that any operation's form has: 3 */

/* "/{Bucket}/{Key+}" against a path: `{Name}` takes one part, `{Name+}` the rest (which must not be
 * empty). */
bool ft_aws_path_fits(const char *pattern, ft_str path, ft_str params[8], int *count) {
    ft_str want = ft_str_from(ft_str_of(pattern), 1), have = ft_str_from(path, 1);
    *count = 0;
    if (want.len == 0) return have.len == 0;
    while (want.at) {
        if (!have.at) return false;
        ft_str part = ft_str_cut(&want, '/');
        if (ft_str_ends(part, FT_STR("+}"))) {
            params[(*count)++] = have;
            return have.len > 0;
        }
        ft_str got = ft_str_cut(&have, '/');
        if (part.at[0] == '{') {
            if (!got.len) return false;
            params[(*count)++] = got;
        } else if (!ft_str_eq(part, got))
            return false;
    }
    return !have.at || have.len == 0; /* "/bucket" and "/bucket/" are one */
}

static bool query_fits(const ft_aws_op *op, const ft_request *req) {
    ft_str rest = ft_str_of(op->query);
    while (rest.at) {
        ft_str value = ft_str_cut(&rest, '&'), name = ft_str_cut(&value, '=');
        char text[64];
        snprintf(text, sizeof text, "%.*s", FT_STR_ARG(name));
        ft_str got = ft_request_query(req, text);
        if (!got.at || (value.at && !ft_str_eq(got, value))) return false;
    }
    return true;
}

/* Parts of a bucket or object that S3 addresses by a bare query name: a request for one that has no
 * row must not be taken for the object itself. */
static const char subresources[] =
    "|accelerate|acl|analytics|attributes|cors|delete|encryption|intelligent-tiering|inventory|"
    "legal-hold|lifecycle|location|logging|metrics|notification|object-lock|ownershipControls|"
    "partNumber|policy|policyStatus|publicAccessBlock|replication|requestPayment|restore|retention|"
    "select|tagging|torrent|uploadId|uploads|versionId|versioning|versions|website|";

size_t ft_aws_subresources(ft_str out[FT_AWS_SUBRESOURCES_MAX], const ft_request *req) {
    ft_str name, value;
    size_t count = 0;
    for (size_t i = 0; ft_request_each_query(req, i, &name, &value); i++) {
        char word[32];
        int n = snprintf(word, sizeof word, "|%.*s|", FT_STR_ARG(name));
        if (count < FT_AWS_SUBRESOURCES_MAX && n < (int)sizeof word && strstr(subresources, word))
            out[count++] = name;
    }
    return count;
}

static bool all_asked(const char *query, const ft_str *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ft_str rest = ft_str_of(query);
        bool found = false;
        while (rest.at && !found) {
            ft_str one = ft_str_cut(&rest, '&');
            found = ft_str_eq(ft_str_cut(&one, '='), names[i]);
        }
        if (!found) return false;
    }
    return true;
}

static const ft_aws_op *op_rest(ft_aws_call *c) {
    bool s3 = c->service->protocol == FT_AWS_REST_XML;
    ft_str target = s3 ? ft_aws_path(c->req, c->req->path) : c->req->path,
           parts[FT_AWS_SUBRESOURCES_MAX];
    size_t part_count = s3 ? ft_aws_subresources(parts, c->req) : 0;
    for (const ft_aws_op *op = c->service->ops; op && op->name; op++)
        if (ft_str_is(c->req->method, op->method) && all_asked(op->query, parts, part_count) &&
            ft_aws_path_fits(op->path, target, c->path, &c->path_count) && query_fits(op, c->req) &&
            (!op->header || ft_request_header(c->req, op->header).at))
            return op;
    return NULL;
}

ft_err ft_aws_op_find(ft_aws_call *c) {
    ft_str name = { 0 };
    switch (c->service->protocol) {
    case FT_AWS_JSON_1_0:
    case FT_AWS_JSON_1_1:
        name = ft_request_header(c->req, "x-amz-target");
        ft_str_cut(&name, '.');
        break;
    case FT_AWS_QUERY:
        name = ft_aws_str(c, "Action");
        break;
    default:
        c->op = op_rest(c);
    }
    const ft_aws_op *tables[] = { c->service->ops, c->service->also };
    for (size_t i = 0; i < FT_COUNT(tables); i++)
        for (const ft_aws_op *op = tables[i]; !c->op && name.at && op && op->name; op++)
            if (ft_str_is(name, op->name)) c->op = op;
    if (c->op) return FT_OK;
    if (c->service->absent) return ft_aws_fail(c, 501, "NotImplemented", "%s", c->service->absent);
    if (c->service->protocol == FT_AWS_REST_XML)
        return ft_aws_fail(
            c, 501, "NotImplemented",
            "A header or query you provided implies functionality that is not implemented.");
    if (c->service->protocol == FT_AWS_QUERY)
        return ft_aws_fail(c, 400, "InvalidAction", "Could not find operation %.*s for version %s",
                           FT_STR_ARG(name), c->service->version);
    return ft_aws_fail(c, 400, "UnknownOperationException", "%s has no operation %.*s here",
                       c->service->title, FT_STR_ARG(name.at ? name : c->req->path));
}

/* ---- members */

ft_err ft_aws_required_check(ft_aws_call *c) {
    ft_str rest = ft_str_of(c->op->required);
    while (rest.at) {
        ft_str name = ft_str_cut(&rest, '|');
        char text[128];
        snprintf(text, sizeof text, "%.*s", FT_STR_ARG(name));
        bool query = c->service->protocol == FT_AWS_QUERY;
        bool there = query ? ft_aws_str(c, text).at || ft_aws_count(c, text)
                           : ft_aws_raw(c, text).at != NULL;
        if (there) continue;
        return ft_aws_fail(c, 400, query ? "ValidationError" : "ValidationException",
                           "1 validation error detected: Value null at '%s' failed to satisfy "
                           "constraint: Member must not be null",
                           text);
    }
    return FT_OK;
}

/* What AWS's members are, by how their names end: no operation has another kind under them. The
 * first that fits counts. */
static const struct {
    const char *end;
    ft_json_kind kind;
} member_kinds[] = {
    { "InputDataConfig", FT_JSON_ARRAY },
    { "Config", FT_JSON_OBJECT },
    { "Configurations", FT_JSON_ARRAY },
    { "Containers", FT_JSON_ARRAY },
    { "Variants", FT_JSON_ARRAY },
    { "Tags", FT_JSON_ARRAY },
    { "Outputs", FT_JSON_ARRAY },
    { "Inputs", FT_JSON_ARRAY },
    { "CaptureOptions", FT_JSON_ARRAY },
    { "ContainerEntrypoint", FT_JSON_ARRAY },
    { "MetricDefinitions", FT_JSON_ARRAY },
    { "ContainerArguments", FT_JSON_ARRAY },
    { "Parameters", FT_JSON_OBJECT },
    { "Environment", FT_JSON_OBJECT },
    { "Specification", FT_JSON_OBJECT },
    { "PrimaryContainer", FT_JSON_OBJECT },
    { "StoppingCondition", FT_JSON_OBJECT },
    { "Name", FT_JSON_STRING },
    { "Arn", FT_JSON_STRING },
    { "Uri", FT_JSON_STRING },
    { "Url", FT_JSON_STRING },
    { "Image", FT_JSON_STRING },
    { "InstanceType", FT_JSON_STRING },
    { "Expression", FT_JSON_STRING },
    { "LocalPath", FT_JSON_STRING },
    { "Contains", FT_JSON_STRING },
    { "Equals", FT_JSON_STRING },
    { "InstanceCount", FT_JSON_NUMBER },
    { "SizeInGB", FT_JSON_NUMBER },
    { "RuntimeInSeconds", FT_JSON_NUMBER },
    { "SamplingPercentage", FT_JSON_NUMBER },
};

static const char *kind_name(ft_json_kind kind) {
    switch (kind) {
    case FT_JSON_OBJECT:
        return "an object";
    case FT_JSON_ARRAY:
        return "a list";
    case FT_JSON_STRING:
        return "a string";
    case FT_JSON_NUMBER:
        return "a number";
    case FT_JSON_BOOL:
        return "true or false";
    default:
        return "null";
    }
}

static ft_err kind_check(ft_aws_call *c, ft_str name, ft_json_kind found) {
    for (size_t i = 0; i < FT_COUNT(member_kinds); i++) {
        if (!ft_str_ends(name, ft_str_of(member_kinds[i].end))) continue;
        if (found == FT_JSON_NULL || found == member_kinds[i].kind) return FT_OK;
        return ft_aws_fail(c, 400, "SerializationException", "%.*s: expected %s, found %s",
                           FT_STR_ARG(ft_str_slice(name, 0, 200)), kind_name(member_kinds[i].kind),
                           kind_name(found));
    }
    return FT_OK;
}

/* Its names are the user's own. */
static bool is_map(ft_str name) {
    return ft_str_ends(name, FT_STR("Parameters")) || ft_str_ends(name, FT_STR("Environment"));
}

static ft_err kinds_check(ft_aws_call *c, ft_json *j) {
    ft_json_kind kind;
    ft_str name;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_ARRAY) {
        FT_TRY(ft_json_enter_array(j));
        while (ft_json_next_item(j)) FT_TRY(kinds_check(c, j));
        return j->err;
    }
    if (kind != FT_JSON_OBJECT) return ft_json_skip(j, NULL);
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        FT_TRY(ft_json_peek(j, &kind));
        FT_TRY(kind_check(c, name, kind));
        FT_TRY(is_map(name) ? ft_json_skip(j, NULL) : kinds_check(c, j));
    }
    return j->err;
}

ft_err ft_aws_kinds_check(ft_aws_call *c) {
    ft_json j;
    ft_json_init(&j, c->body, c->arena, NULL);
    return kinds_check(c, &j);
}

/* Has the form an item `index` of the list whose names begin with `list` ("Tags.member.")? */
static bool has_item(ft_str form, ft_str list, int64_t index) {
    while (form.at) {
        ft_str name = ft_str_cut(&form, '&');
        if (!ft_str_starts(name, list)) continue;
        name = ft_str_from(name, list.len);
        ft_str part = ft_str_cut(&name, '=');
        int64_t found;
        if (ft_str_i64(&found, ft_str_cut(&part, '.')) && found == index) return true;
    }
    return false;
}

/* An item without the one before it would be passed over in silence: lists are counted from 1 to
 * the first that is missing. Items mostly come in order, so the last one seen of a list is kept. */
typedef struct list_seen {
    ft_str list;
    int64_t index;
} list_seen;

static ft_err index_check(ft_aws_call *c, list_seen *last, ft_str name, ft_str part) {
    ft_str list = ft_str_slice(name, 0, (size_t)(part.at - name.at));
    int64_t index;
    if (!ft_str_i64(&index, part) || index < 1 || index > FT_AWS_ITEMS_MAX)
        return ft_aws_fail(c, 400, "MalformedInput",
                           "%.*s: expected an index between 1 and %d, found '%.*s'",
                           FT_STR_ARG(ft_str_slice(name, 0, 200)), FT_AWS_ITEMS_MAX,
                           FT_STR_ARG(ft_str_slice(part, 0, 100)));
    bool next = ft_str_eq(list, last->list) && (index == last->index || index == last->index + 1);
    *last = (list_seen){ list, index };
    if (index == 1 || next || has_item(c->body, list, index - 1)) return FT_OK;
    return ft_aws_fail(c, 400, "MalformedInput", "%.*s%lld: there is no %.*s%lld before it",
                       FT_STR_ARG(ft_str_slice(list, 0, 200)), (long long)index,
                       FT_STR_ARG(ft_str_slice(list, 0, 200)), (long long)index - 1);
}

/* The indices of lists in a form: "MetricData.member.1.MetricName". */
ft_err ft_aws_indices_check(ft_aws_call *c) {
    ft_str form = c->service->protocol == FT_AWS_QUERY ? c->body : (ft_str){ 0 };
    list_seen last[LISTS_DEEP_MAX] = { 0 };
    while (form.at) {
        ft_str name = ft_str_cut(&form, '&'), before = { 0 };
        size_t deep = 0;
        name.len = ft_str_find(name, '=');
        for (ft_str rest = name; rest.at && deep < LISTS_DEEP_MAX;) {
            ft_str part = ft_str_cut(&rest, '.');
            if (ft_str_is(before, "member") || ft_str_is(before, "entry"))
                FT_TRY(index_check(c, &last[deep++], name, part));
            before = part;
        }
    }
    return FT_OK;
}
