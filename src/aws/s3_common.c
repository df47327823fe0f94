/* s3_common.c -- names, times, headers and conditions that the S3 operations share. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "aws/front_in.h"
#include "aws/s3_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "net/percent.h"
#include "store/multipart.h"

/* Headers that S3 keeps with an object and gives back. They are kept in the metadata beside
 * x-amz-meta-*, under their own names. */
static const char *const kept_headers[] = { "cache-control", "content-disposition",
                                            "content-encoding", "content-language", "expires" };
#define META           "x-amz-meta-"
#define META_BYTES_MAX 2048 /* S3's limit for user metadata */

ft_err ft_s3_bucket_check(ft_aws_call *c, ft_str bucket) {
    if (ft_bucket_exists(c->store, bucket)) return FT_OK;
    return ft_aws_fail(c, 404, "NoSuchBucket", "The specified bucket does not exist");
}

ft_err ft_s3_bucket(ft_str *out, ft_aws_call *c) {
    FT_CHECK(c->path_count > 0);
    *out = c->path[0];
    return ft_s3_bucket_check(c, *out);
}

ft_err ft_s3_part_number(int *out, ft_aws_call *c) {
    int64_t n;
    if (!ft_str_i64(&n, ft_request_query(c->req, "partNumber")) || n < 1 || n > FT_UPLOAD_PARTS_MAX)
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "Part number must be an integer between 1 and %d, inclusive",
                           FT_UPLOAD_PARTS_MAX);
    *out = (int)n;
    return FT_OK;
}

ft_err ft_s3_key(ft_str *out, ft_aws_call *c) {
    FT_CHECK(c->path_count > 1);
    *out = c->path[1];
    if (out->len > FT_KEY_BYTES_MAX)
        return ft_aws_fail(c, 400, "KeyTooLongError", "Your key is too long");
    if (!ft_str_utf8(*out)) return ft_aws_fail(c, 400, "InvalidURI", "The key is not UTF-8");
    return FT_OK;
}

ft_err ft_s3_error(ft_aws_call *c, ft_err err) {
    switch (err) {
    case FT_OK:
        return FT_OK;
    case FT_ENOTFOUND:
        return ft_aws_fail(c, 404, "NoSuchKey", "The specified key does not exist.");
    case FT_EEXIST:
        return ft_aws_fail(c, 412, "PreconditionFailed",
                           "At least one of the pre-conditions you specified did not hold");
    case FT_EINVAL:
        return ft_aws_fail(c, 400, "InvalidArgument", "%s", ft_err_why());
    default:
        return err;
    }
}

ft_err ft_s3_time_iso(ft_str *out, ft_aws_call *c, int64_t us) {
    ft_date d = ft_time_date(us);
    /* Milliseconds as they are: with .000, `aws s3 sync` sends what was written and sent in one
     * second again. */
    return ft_arena_printf(out, c->arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", d.year, d.month,
                           d.day, d.hour, d.minute, d.second, (int)(us / 1000 % 1000));
}

static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

ft_err ft_s3_time_http(ft_str *out, ft_aws_call *c, int64_t us) {
    ft_date d = ft_time_date(us);
    return ft_arena_printf(out, c->arena, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[d.weekday],
                           d.day, months[d.month - 1], d.year, d.hour, d.minute, d.second);
}

ft_err ft_s3_time_parse(int64_t *out, ft_str text) {
    char copy[64], month[4] = "";
    ft_date d = { 0 };
    if (text.len >= sizeof copy) return FT_FAIL(FT_EPARSE, "a date of %zu bytes", text.len);
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (sscanf(copy, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &d.day, month, &d.year, &d.hour,
               &d.minute, &d.second) != 6)
        return ft_time_parse(out, text);
    for (int i = 0; i < 12; i++)
        if (strcmp(month, months[i]) == 0) d.month = i + 1;
    if (!d.month) return FT_FAIL(FT_EPARSE, "'%s' is no date", copy);
    *out = ft_date_us(&d);
    return FT_OK;
}

ft_err ft_s3_quoted(ft_str *out, ft_aws_call *c, const char *etag) {
    return ft_arena_printf(out, c->arena, "\"%s\"", etag);
}

ft_err ft_s3_url(ft_str *out, ft_aws_call *c, ft_str key) {
    return ft_percent_encode(out, c->arena, key, "/*");
}

/* One of S3's names; all objects are kept in one way. */
ft_err ft_s3_class_check(ft_aws_call *c) {
    static const char *const classes[] = {
        "STANDARD",       "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
        "GLACIER",        "DEEP_ARCHIVE",       "OUTPOSTS",    "GLACIER_IR", "SNOW",
        "EXPRESS_ONEZONE"
    };
    ft_str asked = ft_request_header(c->req, "x-amz-storage-class");
    for (size_t i = 0; i < FT_COUNT(classes); i++)
        if (!asked.at || ft_str_is(asked, classes[i])) return FT_OK;
    return ft_aws_fail(c, 400, "InvalidStorageClass",
                       "The storage class you specified is not valid");
}

/* Headers that would be a lie to accept and leave undone. */
static ft_err undoable(ft_aws_call *c) {
    static const char *const names[] = { "x-amz-tagging", "x-amz-object-lock-mode",
                                         "x-amz-object-lock-legal-hold",
                                         "x-amz-server-side-encryption-customer-key",
                                         "x-amz-website-redirect-location" };
    for (size_t i = 0; i < FT_COUNT(names); i++)
        if (ft_request_header(c->req, names[i]).at)
            return ft_aws_fail(c, 501, "NotImplemented",
                               "The header %s implies functionality that is not implemented",
                               names[i]);
    return ft_s3_class_check(c);
}

ft_err ft_s3_put_conditions(ft_object_put_opts *opts, ft_aws_call *c) {
    ft_str none = ft_request_header(c->req, "if-none-match"),
           match = ft_etag_plain(ft_request_header(c->req, "if-match"));
    if ((none.at && !ft_str_is(none, "*")) || ft_str_is(match, "*"))
        return ft_aws_fail(c, 501, "NotImplemented",
                           "A header you provided implies functionality that is not implemented");
    opts->if_absent = none.at != NULL;
    opts->if_etag = match;
    return FT_OK;
}

/* ---- metadata: {"x-amz-meta-color":"red","content-encoding":"gzip"}, headers by their names in
 * small letters */

/* Did an earlier header have this name? Then its values are kept already. */
static bool is_again(ft_aws_call *c, size_t at, ft_str name) {
    ft_str before, unused;
    for (size_t i = 0; i < at && ft_request_each_header(c->req, i, &before, &unused); i++)
        if (ft_str_ieq(before, name)) return true;
    return false;
}

/* Its whole length, in small letters: two names that differ stay two. */
static ft_err meta_name(ft_str *out, ft_arena *arena, ft_str header) {
    char *lower;
    FT_TRY(ft_arena_items(&lower, arena, header.len + 1));
    for (size_t i = 0; i < header.len; i++)
        lower[i] =
            (char)(header.at[i] >= 'A' && header.at[i] <= 'Z' ? header.at[i] + 32 : header.at[i]);
    *out = ft_str_n(lower, header.len);
    return FT_OK;
}

ft_err ft_s3_put_opts(ft_object_put_opts *out, ft_aws_call *c) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str name, value, key;
    size_t bytes = 0;
    ft_err err = FT_OK;
    FT_TRY(undoable(c));
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    for (size_t i = 0; ft_request_each_header(c->req, i, &name, &value); i++) {
        if (name.len <= sizeof META - 1 ||
            !ft_str_ieq(ft_str_slice(name, 0, sizeof META - 1), FT_STR(META)) ||
            is_again(c, i, name))
            continue;
        value = ft_aws_header_all(c->req, name);
        err = meta_name(&key, c->arena, name);
        bytes += name.len - (sizeof META - 1) + value.len;
        if (err != FT_OK) break;
        ft_json_out_name_str(&w, key);
        ft_json_out_str(&w, value);
    }
    for (size_t i = 0; i < FT_COUNT(kept_headers); i++) {
        value = ft_request_header(c->req, kept_headers[i]);
        if (ft_str_ieq(value, FT_STR("aws-chunked")))
            value.len = 0; /* how it was sent, not what it is */
        if (ft_str_starts(value, FT_STR("aws-chunked,")))
            value = ft_str_trim(ft_str_from(value, sizeof "aws-chunked," - 1));
        if (!value.len) continue;
        ft_json_out_name(&w, kept_headers[i]);
        ft_json_out_str(&w, value);
    }
    ft_json_out_close(&w);
    if (err == FT_OK && bytes > META_BYTES_MAX)
        err = ft_aws_fail(c, 400, "MetadataTooLarge",
                          "Your metadata headers exceed the maximum allowed metadata size");
    *out = (ft_object_put_opts){ .content_type = ft_request_header(c->req, "content-type") };
    if (err == FT_OK && buf.err == FT_OK && buf.len > 2)
        err = ft_arena_str(&out->metadata_json, c->arena, ft_buf_str(&buf));
    if (err == FT_OK) err = buf.err;
    ft_buf_fini(&buf);
    return err;
}

ft_err ft_s3_object_headers(ft_aws_call *c, const ft_object *o) {
    ft_str etag, modified, name, value;
    FT_TRY(ft_s3_quoted(&etag, c, o->etag));
    FT_TRY(ft_s3_time_http(&modified, c, o->modified_us));
    ft_response_header(c->resp, "ETag", etag);
    ft_response_header(c->resp, "Last-Modified", modified);
    ft_response_header(c->resp, "Accept-Ranges", FT_STR("bytes"));
    c->resp->content_type = o->content_type.len ? o->content_type : FT_STR(FT_S3_TYPE_DEFAULT);
    if (!o->metadata_json.len) return FT_OK;
    ft_json j;
    ft_json_init(&j, o->metadata_json, c->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        ft_str copy;
        FT_TRY(ft_json_string(&j, &value));
        FT_TRY(ft_arena_str(&copy, c->arena, name));
        if (c->resp->header_count < FT_RESPONSE_HEADERS_MAX - 4)
            ft_response_header(c->resp, copy.at, value);
    }
    return ft_json_end(&j);
}

/* ---- conditions */

/* "*", or a list of quoted tags. */
static bool etag_listed(ft_str list, const char *etag) {
    while (list.at) {
        ft_str one = ft_etag_plain(ft_str_cut(&list, ','));
        if (ft_str_is(one, "*") || ft_str_is(one, etag)) return true;
    }
    return false;
}

static ft_str condition(ft_aws_call *c, const char *prefix, const char *name) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ft_request_header(c->req, full);
}

ft_err ft_s3_conditions(ft_aws_call *c, const ft_object *o, const char *prefix) {
    ft_str match = condition(c, prefix, "if-match"), none = condition(c, prefix, "if-none-match");
    ft_str since = condition(c, prefix, "if-modified-since"),
           unmodified = condition(c, prefix, "if-unmodified-since");
    int64_t at,
        modified_s = o->modified_us / FT_SECOND_US * FT_SECOND_US; /* headers know whole seconds */
    bool reading = prefix[0] == '\0', failed = false, same = false;
    if (match.at)
        failed = !etag_listed(match, o->etag);
    else if (unmodified.at && ft_s3_time_parse(&at, unmodified) == FT_OK)
        failed = modified_s > at;
    if (none.at)
        same = etag_listed(none, o->etag);
    else if (since.at && ft_s3_time_parse(&at, since) == FT_OK)
        same = modified_s <= at;
    if (failed || (same && !reading))
        return ft_aws_fail(c, 412, "PreconditionFailed",
                           "At least one of the pre-conditions you specified did not hold");
    if (same) return ft_aws_fail(c, 304, "NotModified", "Not Modified");
    return FT_OK;
}
