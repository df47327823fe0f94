/* s3_in.h -- private: what the files of S3 share. */
#ifndef FT_S3_IN_H
#define FT_S3_IN_H

#include "aws/aws.h"
#include "base/hash.h"
#include "store/objects.h"

#define FT_S3_XMLNS        "http://s3.amazonaws.com/doc/2006-03-01/"
#define FT_S3_TYPE_DEFAULT "binary/octet-stream"

/* The path's bucket and key; a bucket that is not there is NoSuchBucket. */
ft_err ft_s3_bucket(ft_str *out, ft_aws_call *c);
ft_err ft_s3_key(ft_str *out, ft_aws_call *c);
/* NoSuchBucket. */
ft_err ft_s3_bucket_check(ft_aws_call *c, ft_str bucket);
/* ?partNumber=: 1 to FT_UPLOAD_PARTS_MAX, or InvalidArgument. */
ft_err ft_s3_part_number(int *out, ft_aws_call *c);
/* A failure of the object store in S3's words. */
ft_err ft_s3_error(ft_aws_call *c, ft_err err);
/* NoSuchUpload. */
ft_err ft_s3_no_upload(ft_aws_call *c);
/* If-Match and If-None-Match of a put. */
ft_err ft_s3_put_conditions(ft_object_put_opts *opts, ft_aws_call *c);
/* "2022-11-22T05:00:00.000Z" for documents, "Tue, 22 Nov 2022 05:00:00 GMT" for headers; in the
 * arena. */
ft_err ft_s3_time_iso(ft_str *out, ft_aws_call *c, int64_t us);
ft_err ft_s3_time_http(ft_str *out, ft_aws_call *c, int64_t us);
ft_err ft_s3_time_parse(int64_t *out, ft_str http_date);
/* "\"<etag>\"" in the arena. */
ft_err ft_s3_quoted(ft_str *out, ft_aws_call *c, const char *etag);
/* Percent-encoding of listings (encoding-type=url): '/' stays. */
ft_err ft_s3_url(ft_str *out, ft_aws_call *c, ft_str key);
/* Content type and user metadata of a request's headers, for a put; in the arena. */
ft_err ft_s3_put_opts(ft_object_put_opts *out, ft_aws_call *c);
/* InvalidStorageClass for an x-amz-storage-class that is none of S3's. */
ft_err ft_s3_class_check(ft_aws_call *c);
/* Headers of an object: ETag, Last-Modified, Content-Type, x-amz-meta-* and the kept ones. */
ft_err ft_s3_object_headers(ft_aws_call *c, const ft_object *o);
/* If-Match, If-None-Match, If-(Un)Modified-Since; `prefix` "" or "x-amz-copy-source-". Fails with
 * 412, or 304. */
ft_err ft_s3_conditions(ft_aws_call *c, const ft_object *o, const char *prefix);

ft_err ft_s3_list_v1(ft_aws_call *c);
ft_err ft_s3_list_v2(ft_aws_call *c);
ft_err ft_s3_get(ft_aws_call *c);
ft_err ft_s3_attributes(ft_aws_call *c);
ft_err ft_s3_tagging(ft_aws_call *c);
ft_err ft_s3_copy(ft_aws_call *c);
ft_err ft_s3_copy_part(ft_aws_call *c);
ft_err ft_s3_delete(ft_aws_call *c);
ft_err ft_s3_upload_create(ft_aws_call *c);
ft_err ft_s3_upload_complete(ft_aws_call *c);
ft_err ft_s3_upload_abort(ft_aws_call *c);
ft_err ft_s3_upload_list(ft_aws_call *c);
ft_err ft_s3_upload_parts(ft_aws_call *c);
ft_err ft_s3_delete_many(ft_aws_call *c);

#endif
