/* s3_object.c -- GetObject with ranges, HeadObject, CopyObject, DeleteObject, DeleteObjects. */
#include <stdio.h>
#include <sys/stat.h>

#include "aws/s3_checksum.h"
#include "aws/s3_in.h"
#include "aws/s3_later.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "net/percent.h"
#include "net/range.h"
#include "store/multipart.h"

#define DELETE_MAX 1000
#define OPEN_TRIES 100

/* Description and bytes of one and the same put: between the two looks another one may replace the
 * object, then both are taken again. */
static ft_err object_open(ft_object *o, int *fd, ft_aws_call *c, ft_str bucket, ft_str key) {
    for (int i = 0; i < OPEN_TRIES; i++) {
        struct stat st;
        FT_TRY(ft_s3_error(c, ft_object_head(o, c->store, c->arena, bucket, key)));
        FT_TRY(ft_s3_error(c, ft_object_open(fd, c->store, bucket, key)));
        if (fstat(*fd, &st) == 0 && (uint64_t)st.st_size == o->size_bytes &&
            st.st_mtim.tv_sec * FT_SECOND_US + st.st_mtim.tv_nsec / 1000 == o->modified_us)
            return FT_OK;
        ft_fd_close(fd);
    }
    *fd = 0;
    return FT_FAIL(FT_EBUSY, "the object is being replaced all the time");
}

/* ?response-content-type=… and its kin overrule the kept headers. */
static void overrides(ft_aws_call *c) {
    ft_str type = ft_request_query(c->req, "response-content-type"),
           disposition = ft_request_query(c->req, "response-content-disposition");
    if (type.len) c->resp->content_type = type;
    if (disposition.len) ft_response_header(c->resp, "Content-Disposition", disposition);
}

/* ?partNumber=: the bytes of one part of what was uploaded in parts, and how many there are. What
 * came whole is its own part 1, and tells no count. */
static ft_err part_answer(ft_aws_call *c, const ft_object *o) {
    ft_object_part part;
    ft_str count;
    int number;
    if (ft_request_header(c->req, "range").at)
        return ft_aws_fail(c, 400, "InvalidRequest",
                           "Cannot specify both Range header and partNumber query parameter");
    FT_TRY(ft_s3_part_number(&number, c));
    ft_err err = ft_object_part_find(&part, c->store, o, number);
    if (err == FT_ENOTFOUND)
        return ft_aws_fail(c, 416, "InvalidPartNumber",
                           "The requested partnumber is not satisfiable");
    FT_TRY(err);
    if (part.count) {
        FT_TRY(ft_arena_printf(&count, c->arena, "%d", part.count));
        ft_response_header(c->resp, "x-amz-mp-parts-count", count);
    }
    if (!part.size_bytes) return FT_OK; /* no range of bytes is empty */
    return ft_response_range(c->resp, c->arena, part.first, part.size_bytes, o->size_bytes);
}

/* The server leaves a HEAD's body out and keeps its length, so both are one. */
ft_err ft_s3_get(ft_aws_call *c) {
    ft_object o;
    ft_str bucket, key;
    uint64_t first, length;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(object_open(&o, &c->resp->fd, c, bucket, key));
    FT_TRY(ft_s3_conditions(c, &o, ""));
    if (ft_request_query(c->req, "partNumber").at) {
        FT_TRY(ft_s3_object_headers(c, &o));
        overrides(c);
        return part_answer(c, &o);
    }
    ft_range range = ft_request_range(&first, &length, c->req, o.size_bytes);
    if (range == FT_RANGE_OUTSIDE)
        return ft_aws_fail(c, 416, "InvalidRange", "The requested range is not satisfiable");
    FT_TRY(ft_s3_object_headers(c, &o));
    overrides(c);
    if (range == FT_RANGE_WHOLE) return FT_OK;
    return ft_response_range(c->resp, c->arena, first, length, o.size_bytes);
}

/* No tags can be set here (s3_common.c refuses them), so none are there. Copies of large objects
 * ask. */
ft_err ft_s3_tagging(ft_aws_call *c) {
    ft_object o;
    ft_str bucket, key;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(ft_s3_error(c, ft_object_head(&o, c->store, c->arena, bucket, key)));
    ft_xml_open_ns(&c->xml, "Tagging", FT_S3_XMLNS);
    ft_xml_open(&c->xml, "TagSet");
    ft_xml_close(&c->xml);
    ft_xml_close(&c->xml);
    return FT_OK;
}

/* ---- copy */

/* "/bucket/key" or "bucket/key", percent-encoded, "?versionId=…" not. */
static ft_err copy_source(ft_str *bucket, ft_str *key, ft_aws_call *c) {
    ft_str source = ft_request_header(c->req, "x-amz-copy-source");
    if (ft_str_find(source, '?') < source.len)
        return ft_aws_fail(c, 501, "NotImplemented", "Objects have no versions here");
    if (ft_percent_decode(&source, c->arena, source, FT_PERCENT_FORM | FT_PERCENT_NUL) != FT_OK)
        source = (ft_str){ 0 };
    if (ft_str_starts(source, FT_STR("/"))) source = ft_str_from(source, 1);
    *key = source;
    *bucket = ft_str_cut(key, '/');
    if (!bucket->len || !key->len)
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "Copy Source must mention the source bucket and key");
    return ft_s3_bucket_check(c, *bucket);
}

static ft_err source_open(ft_object *from, int *fd, ft_aws_call *c) {
    ft_str bucket, key;
    FT_TRY(copy_source(&bucket, &key, c));
    FT_TRY(object_open(from, fd, c, bucket, key));
    ft_err err = ft_s3_conditions(c, from, "x-amz-copy-source-");
    if (err != FT_OK) ft_fd_close(fd);
    return err;
}

static ft_err copy_reply(ft_aws_call *c, const char *root, const char *made_etag,
                         int64_t modified_us) {
    ft_str etag, modified;
    FT_TRY(ft_s3_quoted(&etag, c, made_etag));
    FT_TRY(ft_s3_time_iso(&modified, c, modified_us));
    ft_xml_open_ns(&c->xml, root, FT_S3_XMLNS);
    ft_xml_text(&c->xml, "LastModified", modified);
    ft_xml_text(&c->xml, "ETag", etag);
    ft_xml_close(&c->xml);
    return FT_OK;
}

/* The answer of a copy that took long. */
static ft_err copy_made(ft_aws_call *c, const char *root) {
    ft_s3_made made;
    bool done, part = ft_request_query(c->req, "uploadId").at != NULL;
    ft_err err = ft_s3_later_made(&done, &made, c);
    if (err != FT_OK) return err == FT_ENOTFOUND && part ? ft_s3_no_upload(c) : ft_s3_error(c, err);
    return done ? copy_reply(c, root, made.etag, made.modified_us) : FT_OK;
}

/* The new object's description: the source's, or the request's when it says so. */
static ft_err copy_opts(ft_object_put_opts *opts, ft_aws_call *c, const ft_object *from,
                        bool same) {
    ft_str directive = ft_request_header(c->req, "x-amz-metadata-directive");
    if (ft_str_is(directive, "REPLACE")) return ft_s3_put_opts(opts, c);
    if (directive.at && !ft_str_is(directive, "COPY"))
        return ft_aws_fail(c, 400, "InvalidArgument", "Unknown metadata directive.");
    FT_TRY(ft_s3_class_check(c));
    *opts = (ft_object_put_opts){ .content_type = from->content_type,
                                  .metadata_json = from->metadata_json };
    if (same)
        return ft_aws_fail(c, 400, "InvalidRequest",
                           "This copy request is illegal because it is trying to copy an object to "
                           "itself without changing the object's metadata");
    return FT_OK;
}

ft_err ft_s3_copy(ft_aws_call *c) {
    ft_str bucket, key;
    ft_object from, made = { 0 };
    ft_object_put_opts opts;
    ft_object_writer *w;
    int fd = -1;
    if (c->req->waiting) return copy_made(c, "CopyObjectResult");
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(source_open(&from, &fd, c));
    bool same = ft_str_eq(bucket, from.bucket) && ft_str_eq(key, from.key);
    ft_err err = copy_opts(&opts, c, &from, same);
    if (err == FT_OK && from.size_bytes > FT_S3_LATER_BYTES) {
        ft_fd_close(&fd);
        return ft_s3_later(c, &(ft_s3_job){ .kind = FT_S3_JOB_COPY,
                                            .bucket = bucket,
                                            .key = key,
                                            .opts = opts,
                                            .from = from,
                                            .length = from.size_bytes });
    }
    if (err == FT_OK) err = ft_s3_error(c, ft_object_write(&w, c->store, bucket, key, &opts));
    if (err == FT_OK) err = ft_s3_error(c, ft_s3_copy_into(&made, w, fd, 0, from.size_bytes));
    ft_fd_close(&fd);
    FT_TRY(err);
    return copy_reply(c, "CopyObjectResult", made.etag, made.modified_us);
}

/* "bytes=first-last", both given and inside the source. */
static ft_err copy_range(uint64_t *first, uint64_t *length, ft_aws_call *c, uint64_t size) {
    ft_str range = ft_request_header(c->req, "x-amz-copy-source-range"), last;
    uint64_t end;
    *first = 0, *length = size;
    if (!range.at) return FT_OK;
    last = ft_str_from(range, sizeof "bytes=" - 1);
    ft_str begin = ft_str_cut(&last, '-');
    if (!ft_str_starts(range, FT_STR("bytes=")) || !ft_str_u64(first, begin) ||
        !ft_str_u64(&end, last) || end < *first || end >= size)
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "The x-amz-copy-source-range value must be of the form "
                           "bytes=first-last where first and last are the zero-based offsets of "
                           "the first and last bytes to copy");
    *length = end - *first + 1;
    return FT_OK;
}

ft_err ft_s3_copy_part(ft_aws_call *c) {
    ft_str bucket, key;
    ft_object from, made = { 0 };
    ft_object_writer *w;
    uint64_t first, length;
    int fd = -1, number;
    if (c->req->waiting) return copy_made(c, "CopyPartResult");
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(ft_s3_part_number(&number, c));
    FT_TRY(source_open(&from, &fd, c));
    ft_err err = copy_range(&first, &length, c, from.size_bytes);
    if (err == FT_OK && length > FT_S3_LATER_BYTES) {
        ft_fd_close(&fd);
        return ft_s3_later(c, &(ft_s3_job){ .kind = FT_S3_JOB_PART,
                                            .bucket = bucket,
                                            .key = key,
                                            .upload_id = ft_request_query(c->req, "uploadId"),
                                            .number = number,
                                            .from = from,
                                            .first = first,
                                            .length = length });
    }
    if (err == FT_OK) {
        err =
            ft_upload_part(&w, c->store, ft_request_query(c->req, "uploadId"), bucket, key, number);
        if (err == FT_OK) err = ft_s3_copy_into(&made, w, fd, first, length);
        err = err == FT_ENOTFOUND ? ft_s3_no_upload(c) : ft_s3_error(c, err);
    }
    ft_fd_close(&fd);
    FT_TRY(err);
    return copy_reply(c, "CopyPartResult", made.etag, made.modified_us);
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

static void delete_one(ft_aws_call *c, ft_str bucket, const ft_xml_node *node, bool quiet) {
    const ft_xml_node *name = ft_xml_child(node, "Key");
    ft_str key = name ? name->text : FT_STR("");
    ft_err err = ft_object_remove(c->store, bucket, key);
    if (err == FT_OK && quiet) return;
    ft_xml_open(&c->xml, err == FT_OK ? "Deleted" : "Error");
    ft_xml_text(&c->xml, "Key", key);
    if (err != FT_OK) {
        ft_xml_text(&c->xml, "Code",
                    ft_err_retry(err) ? FT_STR("InternalError") : FT_STR("InvalidArgument"));
        ft_xml_text(&c->xml, "Message", ft_str_of(ft_err_why()));
        ft_err_clear();
    }
    ft_xml_close(&c->xml);
}

ft_err ft_s3_delete_many(ft_aws_call *c) {
    ft_xml_node *root;
    ft_s3_sums sums;
    ft_str bucket;
    char sha256[FT_SHA256_HEX];
    size_t count = 0;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_sums_begin(&sums, c));
    ft_s3_sums_add(&sums, c->body);
    FT_TRY(ft_sha256_hex(sha256, c->body));
    FT_TRY(ft_s3_sums_check(&sums, c, NULL, "", sha256));
    if (ft_xml_parse(&root, c->arena, c->body) != FT_OK)
        return ft_aws_fail(c, 400, "MalformedXML", "%s", ft_err_why());
    for (const ft_xml_node *n = root->child; n; n = n->next) count += ft_str_is(n->name, "Object");
    if (!ft_str_is(root->name, "Delete") || !count || count > DELETE_MAX)
        return ft_aws_fail(c, 400, "MalformedXML", "Expected a Delete of 1 to %d objects",
                           DELETE_MAX);
    bool quiet = ft_str_is(ft_xml_child_text(root, "Quiet"), "true");
    ft_xml_open_ns(&c->xml, "DeleteResult", FT_S3_XMLNS);
    for (const ft_xml_node *n = root->child; n; n = n->next)
        if (ft_str_is(n->name, "Object")) delete_one(c, bucket, n, quiet);
    ft_xml_close(&c->xml);
    return FT_OK;
}
