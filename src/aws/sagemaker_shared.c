/* sagemaker_shared.c -- names, places and listings of the SageMaker service. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "store/objects.h"

#define NAME_MAX_BYTES 63
#define PAGE_DEFAULT   10
#define PAGE_MAX       100

ft_err ft_sagemaker_name_check(ft_aws_call *c, const char *member, ft_str name) {
    bool good = name.len > 0, hyphen = true;
    for (size_t i = 0; good && i < name.len; i++) {
        char ch = name.at[i];
        bool word =
            (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        good = word || (ch == '-' && i > 0);
        hyphen = ch == '-';
    }
    if (good && name.len > NAME_MAX_BYTES)
        return ft_aws_fail(c, 400, "ValidationException",
                           "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                           "constraint: Member must have length less than or equal to %d",
                           FT_STR_ARG(ft_str_slice(name, 0, 256)), member, NAME_MAX_BYTES);
    if (!good || hyphen)
        return ft_aws_fail(c, 400, "ValidationException",
                           "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                           "constraint: Member must satisfy regular expression pattern: "
                           "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
                           FT_STR_ARG(ft_str_slice(name, 0, 256)), member);
    return FT_OK;
}

ft_err ft_sagemaker_join(ft_str *out, ft_arena *arena, ft_str prefix, const char *fmt, ...) {
    char rest[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(rest, sizeof rest, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof rest)
        return FT_FAIL(FT_ETOOBIG, "a place of more than %zu bytes", sizeof rest);
    while (prefix.len && prefix.at[prefix.len - 1] == '/') prefix.len--;
    return ft_arena_printf(out, arena, "%.*s/%s", FT_STR_ARG(prefix), rest);
}

ft_err ft_sagemaker_bucket_check(ft_aws_call *c, const char *where, ft_str text) {
    ft_uri uri;
    if (ft_uri_parse(&uri, text) != FT_OK)
        return ft_aws_fail(c, 400, "ValidationException", "%s '%.*s': expected s3://bucket/prefix",
                           where, FT_STR_ARG(ft_str_slice(text, 0, 256)));
    if (ft_str_is(uri.bucket, FT_BUCKET_DEFAULT) || ft_bucket_exists(c->store, uri.bucket))
        return FT_OK;
    return ft_aws_fail(c, 400, "ValidationException", "%s: there is no bucket '%.*s'", where,
                       FT_STR_ARG(uri.bucket));
}

/* ---- listings */

typedef struct order {
    bool by_name, by_status, ascending;
} order;

static int compare(const void *a, const void *b, void *ctx) {
    const ft_sagemaker_item *x = a, *y = b;
    const order *o = ctx;
    int way = 0;
    if (o->by_status) way = ft_str_cmp(x->status, y->status);
    if (!way && !o->by_name)
        way = (x->created_us > y->created_us) - (x->created_us < y->created_us);
    if (!way) way = ft_str_cmp(x->name, y->name);
    return o->ascending ? way : -way;
}

static ft_err order_read(order *o, ft_aws_call *c) {
    ft_str by = ft_aws_str(c, "SortBy"), way = ft_aws_str(c, "SortOrder");
    *o = (order){ .by_name = ft_str_is(by, "Name"),
                  .by_status = ft_str_is(by, "Status"),
                  .ascending = ft_str_is(way, "Ascending") };
    if (by.len && !o->by_name && !o->by_status && !ft_str_is(by, "CreationTime") &&
        !ft_str_is(by, "ScheduledTime"))
        return ft_aws_fail(c, 400, "ValidationException",
                           "SortBy: expected Name, CreationTime or Status, found '%.*s'",
                           FT_STR_ARG(by));
    if (way.len && !o->ascending && !ft_str_is(way, "Descending"))
        return ft_aws_fail(c, 400, "ValidationException",
                           "SortOrder: expected Ascending or Descending, found '%.*s'",
                           FT_STR_ARG(way));
    return FT_OK;
}

ft_err ft_sagemaker_time(int64_t *out_us, ft_aws_call *c, const char *member, int64_t fallback) {
    double seconds;
    ft_str text = ft_aws_str(c, member);
    *out_us = fallback;
    if (!text.len) return FT_OK;
    if (!ft_str_f64(&seconds, text) || !(seconds > -9e11 && seconds < 9e11))
        return ft_aws_fail(c, 400, "SerializationException", "%s: expected epoch seconds", member);
    *out_us = (int64_t)(seconds * 1e6);
    return FT_OK;
}

static bool contains(ft_str text, ft_str part) {
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (ft_str_ieq(ft_str_slice(text, i, part.len), part)) return true;
    return part.len == 0;
}

static ft_err filter(ft_aws_call *c, ft_sagemaker_item *items, size_t *count) {
    ft_str part = ft_aws_str(c, "NameContains"), status = ft_aws_str(c, "StatusEquals");
    int64_t after, before, changed_after, changed_before;
    size_t n = 0;
    FT_TRY(ft_sagemaker_time(&after, c, "CreationTimeAfter", INT64_MIN));
    FT_TRY(ft_sagemaker_time(&before, c, "CreationTimeBefore", INT64_MAX));
    FT_TRY(ft_sagemaker_time(&changed_after, c, "LastModifiedTimeAfter", INT64_MIN));
    FT_TRY(ft_sagemaker_time(&changed_before, c, "LastModifiedTimeBefore", INT64_MAX));
    for (size_t i = 0; i < *count; i++) {
        const ft_sagemaker_item *x = &items[i];
        if (contains(x->name, part) && (!status.len || ft_str_eq(status, x->status)) &&
            x->created_us > after && x->created_us < before && x->modified_us > changed_after &&
            x->modified_us < changed_before)
            items[n++] = *x;
    }
    *count = n;
    return FT_OK;
}

ft_err ft_sagemaker_page(ft_aws_call *c, ft_sagemaker_item *items, size_t *count) {
    order o;
    int64_t limit;
    ft_str after;
    size_t begin = 0;
    FT_TRY(ft_aws_page(c, "MaxResults", PAGE_DEFAULT, PAGE_MAX, &limit, &after));
    FT_TRY(order_read(&o, c));
    FT_TRY(filter(c, items, count));
    if (*count) qsort_r(items, *count, sizeof *items, compare, &o);
    if (after.len) {
        while (begin < *count && !ft_str_eq(items[begin].name, after)) begin++;
        if (begin == *count) return ft_aws_fail(c, 400, "ValidationException", "Invalid NextToken");
        begin++;
    }
    size_t left = *count - begin, n = left < (size_t)limit ? left : (size_t)limit;
    if (n && begin) memmove(items, items + begin, n * sizeof *items);
    if (n < left) ft_aws_put(c, "NextToken", items[n - 1].name);
    *count = n;
    return FT_OK;
}
