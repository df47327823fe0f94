/* s3_multipart.c -- multipart uploads: create, complete, abort, list; the parts themselves come
 * through s3_upload.c. */
#include <stdlib.h>

#include "aws/s3_in.h"
#include "aws/s3_later.h"
#include "base/check.h"
#include "store/multipart.h"

#define PAGE_MAX 1000

ft_err ft_s3_no_upload(ft_aws_call *c) {
    return ft_aws_fail(c, 404, "NoSuchUpload",
                       "The specified upload does not exist. The upload ID may be invalid, or the "
                       "upload may have been aborted or completed.");
}

ft_err ft_s3_upload_create(ft_aws_call *c) {
    ft_str bucket, key, id;
    ft_object_put_opts opts;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(ft_s3_put_opts(&opts, c));
    FT_TRY(ft_s3_error(c, ft_upload_begin(&id, c->store, c->arena, bucket, key, &opts)));
    ft_xml_open_ns(&c->xml, "InitiateMultipartUploadResult", FT_S3_XMLNS);
    ft_xml_text(&c->xml, "Bucket", bucket);
    ft_xml_text(&c->xml, "Key", key);
    ft_xml_text(&c->xml, "UploadId", id);
    ft_xml_close(&c->xml);
    return FT_OK;
}

/* <CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"…"</ETag></Part>… */
static ft_err parts_read(ft_upload_part_ref **out, size_t *count, ft_aws_call *c) {
    ft_xml_node *root;
    size_t n = 0;
    if (ft_xml_parse(&root, c->arena, c->body) != FT_OK ||
        !ft_str_is(root->name, "CompleteMultipartUpload"))
        return ft_aws_fail(c, 400, "MalformedXML",
                           "The XML you provided was not well-formed or did not validate against "
                           "our published schema");
    for (const ft_xml_node *p = root->child; p; p = p->next) n += ft_str_is(p->name, "Part");
    FT_TRY(ft_arena_items(out, c->arena, n + 1));
    *count = 0;
    for (const ft_xml_node *p = root->child; p; p = p->next) {
        int64_t number;
        if (!ft_str_is(p->name, "Part")) continue;
        ft_str etag = ft_etag_plain(ft_xml_child_text(p, "ETag"));
        if (!ft_str_i64(&number, ft_xml_child_text(p, "PartNumber")) || number < 1 ||
            number > FT_UPLOAD_PARTS_MAX || !etag.len)
            return ft_aws_fail(c, 400, "MalformedXML",
                               "A part needs a PartNumber between 1 and %d and an ETag",
                               FT_UPLOAD_PARTS_MAX);
        (*out)[(*count)++] = (ft_upload_part_ref){ .number = (int)number, .etag = etag };
    }
    return *count ? FT_OK
                  : ft_aws_fail(c, 400, "MalformedXML", "You must specify at least one part");
}

static ft_err outcome_check(ft_aws_call *c, ft_upload_outcome outcome) {
    switch (outcome) {
    case FT_UPLOAD_DONE:
        break;
    case FT_UPLOAD_UNKNOWN:
        return ft_s3_no_upload(c);
    case FT_UPLOAD_PART_WRONG:
        return ft_aws_fail(c, 400, "InvalidPart",
                           "One or more of the specified parts could not be found. The part may "
                           "not have been uploaded, or the specified entity tag may "
                           "not match the part's entity tag.");
    case FT_UPLOAD_ORDER_WRONG:
        return ft_aws_fail(c, 400, "InvalidPartOrder",
                           "The list of parts was not in ascending order.");
    case FT_UPLOAD_PART_SMALL:
        return ft_aws_fail(c, 400, "EntityTooSmall",
                           "Your proposed upload is smaller than the minimum allowed size");
    }
    return FT_OK;
}

/* Several parts are 5 MiB at least: copying them together takes long. `*done` false: later. */
static ft_err parts_join(bool *done, ft_s3_made *made, ft_aws_call *c, ft_str bucket, ft_str key) {
    ft_s3_job job = { .kind = FT_S3_JOB_COMPLETE,
                      .bucket = bucket,
                      .key = key,
                      .upload_id = ft_request_query(c->req, "uploadId") };
    ft_object object = { 0 };
    *done = false;
    *made = (ft_s3_made){ 0 };
    if (c->req->waiting) return ft_s3_error(c, ft_s3_later_made(done, made, c));
    FT_TRY(parts_read(&job.list, &job.count, c));
    FT_TRY(ft_s3_put_conditions(&job.opts, c));
    if (job.count > 1) return ft_s3_later(c, &job);
    FT_TRY(ft_s3_error(c, ft_upload_complete(&made->outcome, &object, c->store, c->arena,
                                             job.upload_id, bucket, key, job.list, job.count,
                                             &job.opts)));
    *done = true;
    memcpy(made->etag, object.etag, sizeof made->etag);
    return FT_OK;
}

ft_err ft_s3_upload_complete(ft_aws_call *c) {
    ft_str bucket, key, etag, location;
    ft_s3_made made;
    bool done;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(parts_join(&done, &made, c, bucket, key));
    if (!done) return FT_OK;
    FT_TRY(outcome_check(c, made.outcome));
    FT_TRY(ft_s3_quoted(&etag, c, made.etag));
    FT_TRY(ft_arena_printf(&location, c->arena, "/%.*s/%.*s", FT_STR_ARG(bucket), FT_STR_ARG(key)));
    ft_xml_open_ns(&c->xml, "CompleteMultipartUploadResult", FT_S3_XMLNS);
    ft_xml_text(&c->xml, "Location", location);
    ft_xml_text(&c->xml, "Bucket", bucket);
    ft_xml_text(&c->xml, "Key", key);
    ft_xml_text(&c->xml, "ETag", etag);
    ft_xml_close(&c->xml);
    return FT_OK;
}

ft_err ft_s3_upload_abort(ft_aws_call *c) {
    ft_str bucket, key;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    ft_err err = ft_upload_abort(c->store, ft_request_query(c->req, "uploadId"), bucket, key);
    if (err == FT_ENOTFOUND) return ft_s3_no_upload(c);
    FT_TRY(err);
    c->resp->status = 204;
    return FT_OK;
}

/* "max-uploads", "max-parts": 1 to 1000. */
static ft_err page_size(int64_t *out, ft_aws_call *c, const char *name) {
    ft_str text = ft_request_query(c->req, name);
    *out = PAGE_MAX;
    if (text.len && (!ft_str_i64(out, text) || *out < 1))
        return ft_aws_fail(c, 400, "InvalidArgument", "%s must be an integer of at least 1", name);
    if (*out > PAGE_MAX) *out = PAGE_MAX;
    return FT_OK;
}

static ft_err put_name(ft_aws_call *c, const char *element, ft_str name, bool url) {
    if (url) FT_TRY(ft_s3_url(&name, c, name));
    ft_xml_text(&c->xml, element, name);
    return FT_OK;
}

static ft_err put_upload(ft_aws_call *c, const ft_upload *u, bool url) {
    ft_str begun;
    FT_TRY(ft_s3_time_iso(&begun, c, u->begun_us));
    ft_xml_open(&c->xml, "Upload");
    FT_TRY(put_name(c, "Key", u->key, url));
    ft_xml_text(&c->xml, "UploadId", u->id);
    ft_xml_text(&c->xml, "StorageClass", FT_STR("STANDARD"));
    ft_xml_text(&c->xml, "Initiated", begun);
    ft_xml_close(&c->xml);
    return FT_OK;
}

static ft_err put_uploads(ft_aws_call *c, const ft_upload *uploads, size_t count, bool url) {
    for (size_t i = 0; i < count; i++) {
        if (!uploads[i].is_prefix) {
            FT_TRY(put_upload(c, &uploads[i], url));
            continue;
        }
        ft_xml_open(&c->xml, "CommonPrefixes");
        FT_TRY(put_name(c, "Prefix", uploads[i].key, url));
        ft_xml_close(&c->xml);
    }
    return FT_OK;
}

ft_err ft_s3_upload_list(ft_aws_call *c) {
    ft_upload_list_opts opts = { .prefix = ft_request_query(c->req, "prefix"),
                                 .delimiter = ft_request_query(c->req, "delimiter"),
                                 .key_marker = ft_request_query(c->req, "key-marker"),
                                 .id_marker = ft_request_query(c->req, "upload-id-marker") };
    ft_str bucket;
    ft_upload *uploads;
    size_t count;
    bool more, url = ft_request_query(c->req, "encoding-type").len > 0;
    int64_t limit;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(page_size(&limit, c, "max-uploads"));
    opts.limit = (size_t)limit;
    FT_TRY(ft_upload_list(&uploads, &count, &more, c->store, c->arena, bucket, &opts));
    ft_xml_open_ns(&c->xml, "ListMultipartUploadsResult", FT_S3_XMLNS);
    ft_xml_text(&c->xml, "Bucket", bucket);
    FT_TRY(put_name(c, "Prefix", opts.prefix, url));
    if (opts.delimiter.len) FT_TRY(put_name(c, "Delimiter", opts.delimiter, url));
    ft_xml_int(&c->xml, "MaxUploads", limit);
    if (url) ft_xml_text(&c->xml, "EncodingType", FT_STR("url"));
    ft_xml_bool(&c->xml, "IsTruncated", more);
    FT_TRY(put_uploads(c, uploads, count, url));
    if (more && count) {
        FT_TRY(put_name(c, "NextKeyMarker", uploads[count - 1].key, url));
        ft_xml_text(&c->xml, "NextUploadIdMarker", uploads[count - 1].id);
    }
    ft_xml_close(&c->xml);
    return FT_OK;
}

ft_err ft_s3_upload_parts(ft_aws_call *c) {
    ft_str bucket, key, id = ft_request_query(c->req, "uploadId"),
                        marker = ft_request_query(c->req, "part-number-marker");
    ft_upload_part_info *parts;
    size_t count;
    int64_t after = 0, limit;
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    FT_TRY(page_size(&limit, c, "max-parts"));
    if (marker.len && !ft_str_i64(&after, marker))
        return ft_aws_fail(c, 400, "InvalidArgument", "part-number-marker must be an integer");
    ft_err err = ft_upload_parts(&parts, &count, c->store, c->arena, id, bucket, key);
    if (err == FT_ENOTFOUND) return ft_s3_no_upload(c);
    FT_TRY(err);
    ft_xml_open_ns(&c->xml, "ListPartsResult", FT_S3_XMLNS);
    ft_xml_text(&c->xml, "Bucket", bucket);
    ft_xml_text(&c->xml, "Key", key);
    ft_xml_text(&c->xml, "UploadId", id);
    ft_xml_int(&c->xml, "MaxParts", limit);
    int64_t shown = 0, last = 0;
    size_t i = 0;
    while (i < count && parts[i].number <= after) i++;
    for (; i < count && shown < limit; i++, shown++) {
        ft_str etag, modified;
        FT_TRY(ft_s3_quoted(&etag, c, parts[i].etag));
        FT_TRY(ft_s3_time_iso(&modified, c, parts[i].modified_us));
        ft_xml_open(&c->xml, "Part");
        ft_xml_int(&c->xml, "PartNumber", last = parts[i].number);
        ft_xml_text(&c->xml, "LastModified", modified);
        ft_xml_text(&c->xml, "ETag", etag);
        ft_xml_int(&c->xml, "Size", (int64_t)parts[i].size_bytes);
        ft_xml_close(&c->xml);
    }
    ft_xml_bool(&c->xml, "IsTruncated", i < count);
    if (i < count) ft_xml_int(&c->xml, "NextPartNumberMarker", last);
    ft_xml_close(&c->xml);
    return FT_OK;
}
