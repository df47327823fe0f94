/* s3_list.c -- ListObjects and ListObjectsV2: strict byte order, delimiter, paging,
 * encoding-type=url. */
#include "aws/s3_in.h"
#include "base/check.h"
#include "base/hash.h"

#define PAGE_MAX 1000

typedef struct listing {
    ft_str bucket, prefix, delimiter, after;
    bool url; /* names are percent-encoded */
    int64_t max_keys;
    ft_object *items;
    size_t count;
    bool more;
} listing;

static ft_str or_empty(ft_str s) { return s.at ? s : FT_STR(""); }

static ft_err listing_read(listing *l, ft_aws_call *c, const char *after_name) {
    ft_str max = ft_request_query(c->req, "max-keys"),
           encoding = ft_request_query(c->req, "encoding-type");
    FT_TRY(ft_s3_bucket(&l->bucket, c));
    l->prefix = or_empty(ft_request_query(c->req, "prefix"));
    l->delimiter = or_empty(ft_request_query(c->req, "delimiter"));
    l->after = or_empty(ft_request_query(c->req, after_name));
    l->max_keys = PAGE_MAX;
    if (max.len && (!ft_str_i64(&l->max_keys, max) || l->max_keys < 0 || l->max_keys > INT32_MAX))
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "max-keys must be an integer between 0 and 2147483647");
    if (l->max_keys > PAGE_MAX) l->max_keys = PAGE_MAX;
    if (encoding.len && !ft_str_is(encoding, "url"))
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "Invalid Encoding Method specified in Request");
    l->url = encoding.len > 0;
    return FT_OK;
}

static ft_err listing_run(listing *l, ft_aws_call *c) {
    if (l->max_keys == 0) return FT_OK;
    return ft_s3_error(
        c, ft_object_list_by(&l->items, &l->count, &l->more, c->store, c->arena, l->bucket,
                             &(ft_object_list_opts){ .prefix = l->prefix,
                                                     .after = l->after,
                                                     .delimiter = l->delimiter,
                                                     .limit = (size_t)l->max_keys }));
}

static ft_err put_name(listing *l, ft_aws_call *c, const char *element, ft_str name) {
    if (l->url) FT_TRY(ft_s3_url(&name, c, name));
    ft_xml_text(&c->xml, element, name);
    return FT_OK;
}

static ft_err put_items(listing *l, ft_aws_call *c) {
    for (size_t i = 0; i < l->count; i++) {
        const ft_object *o = &l->items[i];
        ft_str etag, modified;
        if (o->is_prefix) {
            ft_xml_open(&c->xml, "CommonPrefixes");
            FT_TRY(put_name(l, c, "Prefix", o->key));
            ft_xml_close(&c->xml);
            continue;
        }
        FT_TRY(ft_s3_quoted(&etag, c, o->etag));
        FT_TRY(ft_s3_time_iso(&modified, c, o->modified_us));
        ft_xml_open(&c->xml, "Contents");
        FT_TRY(put_name(l, c, "Key", o->key));
        ft_xml_text(&c->xml, "LastModified", modified);
        ft_xml_text(&c->xml, "ETag", etag);
        ft_xml_int(&c->xml, "Size", (int64_t)o->size_bytes);
        ft_xml_text(&c->xml, "StorageClass", FT_STR("STANDARD"));
        ft_xml_close(&c->xml);
    }
    return FT_OK;
}

static ft_err put_head(listing *l, ft_aws_call *c) {
    ft_xml_open_ns(&c->xml, "ListBucketResult", FT_S3_XMLNS);
    ft_xml_text(&c->xml, "Name", l->bucket);
    FT_TRY(put_name(l, c, "Prefix", l->prefix));
    if (l->delimiter.len) FT_TRY(put_name(l, c, "Delimiter", l->delimiter));
    ft_xml_int(&c->xml, "MaxKeys", l->max_keys);
    if (l->url) ft_xml_text(&c->xml, "EncodingType", FT_STR("url"));
    ft_xml_bool(&c->xml, "IsTruncated", l->more);
    return FT_OK;
}

ft_err ft_s3_list_v1(ft_aws_call *c) {
    listing l = { 0 };
    FT_TRY(listing_read(&l, c, "marker"));
    FT_TRY(listing_run(&l, c));
    FT_TRY(put_head(&l, c));
    FT_TRY(put_name(&l, c, "Marker", l.after));
    if (l.more && l.count && l.delimiter.len)
        FT_TRY(put_name(&l, c, "NextMarker", l.items[l.count - 1].key));
    FT_TRY(put_items(&l, c));
    ft_xml_close(&c->xml);
    return FT_OK;
}

/* The continuation token is the last name of the page before, in hex: opaque to clients and safe in
 * a query. */
static ft_err token_make(ft_str *out, ft_aws_call *c, ft_str name) {
    char *text;
    FT_TRY(ft_arena_take(&text, c->arena, name.len * 2 + 1));
    ft_hex(text, name.at, name.len);
    *out = (ft_str){ text, name.len * 2 };
    return FT_OK;
}

static ft_err token_read(ft_str *out, ft_aws_call *c, ft_str token) {
    char *name;
    FT_TRY(ft_arena_take(&name, c->arena, token.len / 2 + 1));
    if (!ft_unhex(name, token.len / 2, token))
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "The continuation token provided is incorrect");
    *out = (ft_str){ name, token.len / 2 };
    return FT_OK;
}

ft_err ft_s3_list_v2(ft_aws_call *c) {
    listing l = { 0 };
    ft_str token = ft_request_query(c->req, "continuation-token"),
           start = ft_request_query(c->req, "start-after");
    FT_TRY(listing_read(&l, c, "start-after"));
    if (token.at) FT_TRY(token_read(&l.after, c, token));
    FT_TRY(listing_run(&l, c));
    FT_TRY(put_head(&l, c));
    ft_xml_int(&c->xml, "KeyCount", (int64_t)l.count);
    if (token.at) ft_xml_text(&c->xml, "ContinuationToken", token);
    if (start.at) FT_TRY(put_name(&l, c, "StartAfter", start));
    if (l.more && l.count) {
        FT_TRY(token_make(&token, c, l.items[l.count - 1].key));
        ft_xml_text(&c->xml, "NextContinuationToken", token);
    }
    FT_TRY(put_items(&l, c));
    ft_xml_close(&c->xml);
    return FT_OK;
}
