/* s3.c -- the S3 service: its operations' rows, and those about buckets. */
#include "aws/s3_in.h"
#include "aws/services_in.h"
#include "base/check.h"

#define BUCKETS_MAX 10000 /* S3's, of one page */

/* Which of them by their names: `prefix`, and those after the last page's end. Without max-buckets
 * it is all of them. */
static ft_err buckets_choose(ft_bucket *buckets, size_t *count, ft_str *next, ft_aws_call *c) {
    ft_str max = ft_request_query(c->req, "max-buckets"),
           prefix = ft_request_query(c->req, "prefix"),
           after = ft_request_query(c->req, "continuation-token");
    int64_t most = INT64_MAX;
    size_t n = 0;
    if (max.at && (!ft_str_i64(&most, max) || most < 1 || most > BUCKETS_MAX))
        return ft_aws_fail(c, 400, "InvalidArgument",
                           "Argument max-buckets must be an integer between 1 and %d", BUCKETS_MAX);
    for (size_t i = 0; i < *count; i++) {
        if (!ft_str_starts(buckets[i].name, prefix) || ft_str_cmp(buckets[i].name, after) <= 0)
            continue;
        if ((int64_t)n == most) {
            *next = buckets[n - 1].name;
            break;
        }
        buckets[n++] = buckets[i];
    }
    *count = n;
    return FT_OK;
}

static ft_err list_buckets(ft_aws_call *c) {
    ft_bucket *buckets;
    size_t count;
    ft_str next = { 0 };
    FT_TRY(ft_bucket_list(&buckets, &count, c->store, c->arena));
    FT_TRY(buckets_choose(buckets, &count, &next, c));
    ft_xml_open_ns(&c->xml, "ListAllMyBucketsResult", FT_S3_XMLNS);
    ft_xml_open(&c->xml, "Owner");
    ft_xml_text(&c->xml, "ID", FT_STR(FT_AWS_ACCOUNT));
    ft_xml_text(&c->xml, "DisplayName", FT_STR("fettle"));
    ft_xml_close(&c->xml);
    ft_xml_open(&c->xml, "Buckets");
    for (size_t i = 0; i < count; i++) {
        ft_str created;
        FT_TRY(ft_s3_time_iso(&created, c, buckets[i].created_us));
        ft_xml_open(&c->xml, "Bucket");
        ft_xml_text(&c->xml, "Name", buckets[i].name);
        ft_xml_text(&c->xml, "CreationDate", created);
        ft_xml_close(&c->xml);
    }
    ft_xml_close(&c->xml);
    if (next.len) ft_xml_text(&c->xml, "ContinuationToken", next);
    ft_xml_close(&c->xml);
    return FT_OK;
}

static ft_err create_bucket(ft_aws_call *c) {
    ft_str location;
    if (c->body.len) {
        ft_xml_node *root;
        if (ft_xml_parse(&root, c->arena, c->body) != FT_OK ||
            !ft_str_is(root->name, "CreateBucketConfiguration"))
            return ft_aws_fail(c, 400, "MalformedXML",
                               "The XML you provided was not well-formed or did not validate "
                               "against our published schema");
    }
    ft_err err = ft_bucket_make(c->store, c->path[0]);
    if (err == FT_EEXIST)
        return ft_aws_fail(
            c, 409, "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.");
    if (err == FT_EINVAL)
        return ft_aws_fail(c, 400, "InvalidBucketName", "The specified bucket is not valid: %s",
                           ft_err_why());
    FT_TRY(err);
    FT_TRY(ft_arena_printf(&location, c->arena, "/%.*s", FT_STR_ARG(c->path[0])));
    ft_response_header(c->resp, "Location", location);
    return FT_OK;
}

static ft_err head_bucket(ft_aws_call *c) {
    ft_str bucket;
    FT_TRY(ft_s3_bucket(&bucket, c));
    ft_response_header(c->resp, "x-amz-bucket-region", c->region);
    return FT_OK;
}

static ft_err delete_bucket(ft_aws_call *c) {
    ft_str bucket;
    FT_TRY(ft_s3_bucket(&bucket, c));
    ft_err err = ft_bucket_remove(c->store, bucket);
    if (err == FT_ECONFLICT)
        return ft_aws_fail(c, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty");
    FT_TRY(err);
    c->resp->status = 204;
    return FT_OK;
}

static ft_err bucket_location(ft_aws_call *c) {
    ft_str bucket;
    FT_TRY(ft_s3_bucket(&bucket, c));
    ft_xml_open_ns(&c->xml, "LocationConstraint", FT_S3_XMLNS); /* empty: us-east-1 */
    if (!ft_str_is(c->region, "us-east-1")) ft_xml_escape(c->xml.buf, c->region);
    ft_xml_close(&c->xml);
    return FT_OK;
}

/* Empty: never switched on. */
static ft_err bucket_versioning(ft_aws_call *c) {
    ft_str bucket;
    FT_TRY(ft_s3_bucket(&bucket, c));
    ft_xml_open_ns(&c->xml, "VersioningConfiguration", FT_S3_XMLNS);
    ft_xml_close(&c->xml);
    return FT_OK;
}

#define BUCKET "/{Bucket}"
#define OBJECT "/{Bucket}/{Key+}"

/* Rows with a query or header stand before the general one of the same path. PutObject and
 * UploadPart are streamed: s3_upload.c. */
static const ft_aws_op ops[] = {
    { .name = "ListBuckets", .method = "GET", .path = "/", .run = list_buckets },
    { .name = "DeleteObjects",
      .method = "POST",
      .path = BUCKET,
      .query = "delete",
      .run = ft_s3_delete_many },
    { .name = "GetBucketLocation",
      .method = "GET",
      .path = BUCKET,
      .query = "location",
      .run = bucket_location },
    { .name = "GetBucketVersioning",
      .method = "GET",
      .path = BUCKET,
      .query = "versioning",
      .run = bucket_versioning },
    { .name = "ListMultipartUploads",
      .method = "GET",
      .path = BUCKET,
      .query = "uploads",
      .run = ft_s3_upload_list },
    { .name = "ListObjectsV2",
      .method = "GET",
      .path = BUCKET,
      .query = "list-type=2",
      .run = ft_s3_list_v2 },
    { .name = "ListObjects", .method = "GET", .path = BUCKET, .run = ft_s3_list_v1 },
    { .name = "CreateBucket", .method = "PUT", .path = BUCKET, .raw = true, .run = create_bucket },
    { .name = "HeadBucket", .method = "HEAD", .path = BUCKET, .raw = true, .run = head_bucket },
    { .name = "DeleteBucket",
      .method = "DELETE",
      .path = BUCKET,
      .raw = true,
      .run = delete_bucket },
    { .name = "CreateMultipartUpload",
      .method = "POST",
      .path = OBJECT,
      .query = "uploads",
      .run = ft_s3_upload_create },
    { .name = "CompleteMultipartUpload",
      .method = "POST",
      .path = OBJECT,
      .query = "uploadId",
      .run = ft_s3_upload_complete },
    { .name = "AbortMultipartUpload",
      .method = "DELETE",
      .path = OBJECT,
      .query = "uploadId",
      .raw = true,
      .run = ft_s3_upload_abort },
    { .name = "ListParts",
      .method = "GET",
      .path = OBJECT,
      .query = "uploadId",
      .run = ft_s3_upload_parts },
    { .name = "GetObjectTagging",
      .method = "GET",
      .path = OBJECT,
      .query = "tagging",
      .run = ft_s3_tagging },
    { .name = "GetObjectAttributes",
      .method = "GET",
      .path = OBJECT,
      .query = "attributes",
      .run = ft_s3_attributes },
    { .name = "UploadPartCopy",
      .method = "PUT",
      .path = OBJECT,
      .query = "uploadId&partNumber",
      .header = "x-amz-copy-source",
      .run = ft_s3_copy_part },
    { .name = "CopyObject",
      .method = "PUT",
      .path = OBJECT,
      .header = "x-amz-copy-source",
      .run = ft_s3_copy },
    { .name = "GetObject",
      .method = "GET",
      .path = OBJECT,
      .query = "partNumber",
      .raw = true,
      .run = ft_s3_get },
    { .name = "HeadObject",
      .method = "HEAD",
      .path = OBJECT,
      .query = "partNumber",
      .raw = true,
      .run = ft_s3_get },
    { .name = "GetObject", .method = "GET", .path = OBJECT, .raw = true, .run = ft_s3_get },
    { .name = "HeadObject", .method = "HEAD", .path = OBJECT, .raw = true, .run = ft_s3_get },
    { .name = "DeleteObject",
      .method = "DELETE",
      .path = OBJECT,
      .raw = true,
      .run = ft_s3_delete },
    { 0 },
};

const ft_aws_service ft_aws_s3 = {
    .name = "s3", .title = "S3", .protocol = FT_AWS_REST_XML, .xmlns = FT_S3_XMLNS, .ops = ops
};
