/* s3_object.c -- GetObject with ranges, HeadObject, CopyObject, DeleteObject, DeleteObjects. */
#include <stdio.h>

#include "aws/s3_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"

#define DELETE_MAX 1000
#define COPY_BYTES ((size_t)1 << 20)

static ft_err object_of(ft_object *o, ft_str *bucket, ft_str *key, ft_aws_call *c) {
    FT_TRY(ft_s3_bucket(bucket, c));
    FT_TRY(ft_s3_key(key, c));
    FT_TRY(ft_s3_error(c, ft_object_head(o, c->store, c->arena, *bucket, *key)));
    return ft_s3_conditions(c, o, "");
}

/* "bytes=0-99", "bytes=100-", "bytes=-100"; several ranges or another unit are as no range. */
static ft_err range_read(bool *is_range, uint64_t *first, uint64_t *length, ft_aws_call *c,
                         uint64_t size) {
    ft_str range = ft_request_header(c->req, "range"), last;
    uint64_t a = 0, b = 0;
    *is_range = false, *first = 0, *length = size;
    if (!ft_str_starts(range, FT_STR("bytes=")) || ft_str_find(range, ',') < range.len)
        return FT_OK;
    last = ft_str_from(range, sizeof "bytes=" - 1);
    ft_str begin = ft_str_cut(&last, '-');
    if (!last.at || (begin.len && !ft_str_u64(&a, begin)) || (last.len && !ft_str_u64(&b, last)) ||
        (!begin.len && !last.len))
        return FT_OK;
    if (!begin.len)
        a = b < size ? size - b : 0, b = size - 1;
    else if (!last.len || b >= size)
        b = size - 1;
    else if (b < a)
        return FT_OK;
    if (a >= size || (!begin.len && size == 0))
        return ft_aws_fail(c, 416, "InvalidRange", "The requested range is not satisfiable");
    *is_range = true, *first = a, *length = b - a + 1;
    return FT_OK;
}

/* ?response-content-type=… and its kin overrule the kept headers. */
static void overrides(ft_aws_call *c) {
    ft_str type = ft_request_query(c->req, "response-content-type"),
           disposition = ft_request_query(c->req, "response-content-disposition");
    if (type.len) c->resp->content_type = type;
    if (disposition.len) ft_response_header(c->resp, "Content-Disposition", disposition);
}

/* The server leaves a HEAD's body out and keeps its length, so both are one. */
ft_err ft_s3_get(ft_aws_call *c) {
    ft_object o;
    ft_str bucket, key;
    bool is_range;
    uint64_t first, length;
    FT_TRY(object_of(&o, &bucket, &key, c));
    FT_TRY(range_read(&is_range, &first, &length, c, o.size_bytes));
    FT_TRY(ft_s3_object_headers(c, &o));
    overrides(c);
    if (is_range) {
        ft_str text;
        FT_TRY(ft_arena_printf(&text, c->arena, "bytes %llu-%llu/%llu", (unsigned long long)first,
                               (unsigned long long)(first + length - 1),
                               (unsigned long long)o.size_bytes));
        ft_response_header(c->resp, "Content-Range", text);
        c->resp->status = 206;
    }
    if (o.size_bytes == 0) return FT_OK;
    FT_TRY(ft_s3_error(c, ft_object_path(&c->resp->file, c->store, c->arena, bucket, key)));
    c->resp->file_offset = first, c->resp->file_length = length;
    return FT_OK;
}

/* ---- copy */

static ft_err copy_bytes(ft_object_writer *w, int fd, const char *name) {
    static _Thread_local char block[COPY_BYTES];
    size_t got = 1;
    while (got) {
        FT_TRY(ft_fd_read(&got, fd, block, sizeof block, name));
        if (got) FT_TRY(ft_object_write_add(w, ft_str_n(block, got)));
    }
    return FT_OK;
}

/* "/bucket/key" or "bucket/key", percent-encoded */
static ft_err copy_source(ft_str *bucket, ft_str *key, ft_aws_call *c) {
    ft_str source = ft_request_header(c->req, "x-amz-copy-source");
    source = ft_str_slice(source, 0, ft_str_find(source, '?'));
    if (ft_form_decode(&source, c->arena, source) != FT_OK) source = (ft_str){ 0 };
    if (ft_str_starts(source, FT_STR("/"))) source = ft_str_from(source, 1);
    *key = source;
    *bucket = ft_str_cut(key, '/');
    if (!bucket->len || !key->len)
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "Copy Source must mention the source bucket and key");
    if (!ft_bucket_exists(c->store, *bucket))
        return ft_aws_fail(c, 404, "NoSuchBucket", "The specified bucket does not exist");
    return FT_OK;
}

ft_err ft_s3_copy(ft_aws_call *c) {
    ft_str bucket, key, from_bucket, from_key, etag, modified;
    ft_object from, made = { 0 };
    ft_object_put_opts opts;
    ft_object_writer *w = NULL;
    int fd = -1;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(copy_source(&from_bucket, &from_key, c));
    FT_TRY(ft_s3_error(c, ft_object_head(&from, c->store, c->arena, from_bucket, from_key)));
    FT_TRY(ft_s3_conditions(c, &from, "x-amz-copy-source-"));
    bool replace = ft_str_is(ft_request_header(c->req, "x-amz-metadata-directive"), "REPLACE");
    if (replace)
        FT_TRY(ft_s3_put_opts(&opts, c));
    else
        opts = (ft_object_put_opts){ .content_type = from.content_type,
                                     .metadata_json = from.metadata_json };
    if (!replace && ft_str_eq(bucket, from_bucket) && ft_str_eq(key, from_key))
        return ft_aws_fail(c, 400, "InvalidRequest",
                           "This copy request is illegal because it is trying to copy an object to "
                           "itself without changing the object's metadata");
    ft_err err = ft_object_open(&fd, c->store, from_bucket, from_key);
    if (err == FT_OK) err = ft_object_write(&w, c->store, bucket, key, &opts);
    if (err == FT_OK) err = copy_bytes(w, fd, "object");
    if (err == FT_OK)
        err = ft_object_write_commit(&made, w);
    else
        ft_object_write_abort(w);
    ft_fd_close(&fd);
    FT_TRY(ft_s3_error(c, err));
    FT_TRY(ft_s3_quoted(&etag, c, made.etag));
    FT_TRY(ft_s3_time_iso(&modified, c, made.modified_us));
    ft_xml_open_ns(&c->xml, "CopyObjectResult", FT_S3_XMLNS);
    ft_xml_text(&c->xml, "LastModified", modified);
    ft_xml_text(&c->xml, "ETag", etag);
    ft_xml_close(&c->xml);
    return FT_OK;
}

/* ---- delete */

ft_err ft_s3_delete(ft_aws_call *c) {
    ft_str bucket, key;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(ft_s3_error(c, ft_object_remove(c->store, bucket, key)));
    c->resp->status = 204;
    return FT_OK;
}

ft_err ft_s3_delete_many(ft_aws_call *c) {
    ft_xml_node *root;
    ft_str bucket;
    size_t count = 0;
    FT_TRY(ft_s3_bucket(&bucket, c));
    if (ft_xml_parse(&root, c->arena, c->body) != FT_OK || !ft_str_is(root->name, "Delete"))
        return ft_aws_fail(c, 400, "MalformedXML", "%s", ft_err_why());
    bool quiet = ft_str_is(ft_xml_child_text(root, "Quiet"), "true");
    ft_xml_open_ns(&c->xml, "DeleteResult", FT_S3_XMLNS);
    for (const ft_xml_node *n = root->child; n; n = n->next) {
        if (!ft_str_is(n->name, "Object")) continue;
        if (++count > DELETE_MAX)
            return ft_aws_fail(c, 400, "MalformedXML", "More than %d objects in one request",
                               DELETE_MAX);
        ft_str key = ft_xml_child_text(n, "Key");
        ft_err err = ft_object_remove(c->store, bucket, key);
        if (err == FT_OK && quiet) continue;
        ft_xml_open(&c->xml, err == FT_OK ? "Deleted" : "Error");
        ft_xml_text(&c->xml, "Key", key);
        if (err != FT_OK) {
            ft_xml_text(&c->xml, "Code",
                        err == FT_EINVAL ? FT_STR("InvalidArgument") : FT_STR("InternalError"));
            ft_xml_text(&c->xml, "Message", ft_str_of(ft_err_why()));
        }
        ft_xml_close(&c->xml);
    }
    ft_xml_close(&c->xml);
    return FT_OK;
}
