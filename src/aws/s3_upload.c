/* s3_upload.c -- PutObject and UploadPart: bodies of any size, taken piece by piece into the object
 * store.
 *
 * The signature is checked before the first byte is kept; hashes and checksums are checked before
 * anything becomes visible. A failure in the middle is remembered and answered at the end in S3's
 * words, the rest of the body is read and dropped. */
#include <stdlib.h>

#include "aws/front_in.h"
#include "aws/reply_in.h"
#include "aws/s3_checksum.h"
#include "aws/s3_in.h"
#include "base/check.h"
#include "base/hash.h"
#include "net/aws_chunked.h"
#include "store/multipart.h"

typedef struct upload {
    ft_aws_call call; /* error and names; its request pointer is refreshed at each entry */
    ft_sig sig;
    ft_err err;
    ft_object_writer *writer;
    bool chunked, hashed; /* aws-chunked; x-amz-content-sha256 is a hash that must be compared */
    ft_chunked pieces;
    ft_s3_sums sums;
} upload;

static const ft_aws_op put_object = { .name = "PutObject", .raw = true },
                       upload_part = { .name = "UploadPart", .raw = true };

/* Signed for a service that has documents at such paths, too (Polly's lexicons). */
static bool is_another_service(const ft_request *req) {
    ft_sig_request request = ft_aws_sig_request(req);
    ft_sig sig;
    ft_err err = ft_sig_read(&sig, &request, req->arena);
    ft_err_clear();
    return err == FT_OK && sig.service.len && !ft_str_is(sig.service, "s3");
}

bool ft_aws_streams(const ft_request *req) {
    ft_str path[8], parts[FT_AWS_SUBRESOURCES_MAX];
    int count;
    if (!ft_str_is(req->method, "PUT") || is_another_service(req) ||
        ft_request_header(req, "x-amz-copy-source").at ||
        ft_request_header(req, "x-amz-target").at ||
        !ft_aws_path_fits("/{Bucket}/{Key+}", ft_aws_path(req, req->path), path, &count))
        return false;
    for (size_t i = 0, n = ft_aws_subresources(parts, req); i < n; i++)
        if (!ft_str_is(parts[i], "uploadId") && !ft_str_is(parts[i], "partNumber")) return false;
    return true;
}

/* ---- opening: whose request, where to */

static ft_err encoding_read(upload *u) {
    ft_str kind = u->sig.payload;
    u->chunked = ft_str_starts(kind, FT_STR("STREAMING-"));
    u->hashed = ft_unhex(NULL, 32, kind);
    if (kind.at && !u->chunked && !u->hashed && !ft_str_is(kind, "UNSIGNED-PAYLOAD"))
        return ft_aws_fail(
            &u->call, 400, "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a valid sha256 value.");
    if (ft_str_starts(kind, FT_STR("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))) {
        u->pieces.sig = &u->sig;
        FT_TRY(
            ft_sig_key(u->pieces.key, u->call.secret, u->sig.day, u->sig.region, u->sig.service));
    } else if (u->chunked && !ft_str_is(kind, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")) {
        return ft_aws_fail(&u->call, 501, "NotImplemented", "The body encoding %.*s is not known",
                           FT_STR_ARG(kind));
    }
    return ft_s3_sums_begin(&u->sums, &u->call);
}

static ft_err part_open(upload *u, ft_str bucket, ft_str key, ft_str id) {
    ft_aws_call *c = &u->call;
    int number;
    FT_TRY(ft_s3_part_number(&number, c));
    ft_err err = ft_upload_part(&u->writer, c->store, id, bucket, key, number);
    return err == FT_ENOTFOUND ? ft_s3_no_upload(c) : ft_s3_error(c, err);
}

static ft_err writer_open(upload *u) {
    ft_aws_call *c = &u->call;
    ft_str bucket, key, id = ft_request_query(c->req, "uploadId");
    ft_object_put_opts opts;
    FT_CHECK(ft_aws_path_fits("/{Bucket}/{Key+}", ft_aws_path(c->req, c->req->path), c->path,
                              &c->path_count));
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    c->op = id.at ? &upload_part : &put_object;
    if (id.at) return part_open(u, bucket, key, id);
    FT_TRY(ft_s3_put_opts(&opts, c));
    FT_TRY(ft_s3_put_conditions(&opts, c));
    return ft_s3_error(c, ft_object_write(&u->writer, c->store, bucket, key, &opts));
}

static ft_err length_check(upload *u) {
    const ft_request *req = u->call.req;
    if (ft_request_header(req, "content-length").at ||
        ft_request_header(req, "transfer-encoding").at)
        return FT_OK;
    return ft_aws_fail(&u->call, 411, "MissingContentLength",
                       "You must provide the Content-Length HTTP header.");
}

/* Once for each request; a failure is kept for the answer with the words that it has now. */
static void upload_fail(upload *u, ft_err err) {
    if (err == FT_OK || u->err != FT_OK) return;
    u->err = err;
    ft_aws_error_name(&u->call, err);
    ft_object_write_abort(u->writer);
    u->writer = NULL;
}

static ft_err upload_begin(upload *u) {
    FT_TRY(ft_aws_authenticate(&u->call, &u->sig, (ft_str){ 0 }));
    FT_TRY(length_check(u));
    FT_TRY(encoding_read(u));
    return writer_open(u);
}

static ft_err upload_open(upload **out, ft_request *req) {
    upload *u = calloc(1, sizeof *u);
    if (!u) return FT_FAIL(FT_ENOMEM, "no memory for an upload");
    *out = u;
    ft_err err = ft_aws_call_begin(&u->call, &u->sig, req, NULL);
    if (err == FT_OK) err = upload_begin(u);
    upload_fail(u, err);
    return FT_OK;
}

static void upload_drop(void *state) {
    upload *u = state;
    if (!u) return;
    ft_object_write_abort(u->writer);
    ft_chunked_fini(&u->pieces);
    ft_buf_fini(&u->call.out);
    free(u);
}

/* ---- the body */

static ft_err payload_add(upload *u, ft_str bytes) {
    if (!bytes.len) return FT_OK;
    ft_s3_sums_add(&u->sums, bytes);
    return ft_object_write_add(u->writer, bytes);
}

static ft_err chunked_add(upload *u, ft_str in) {
    while (in.len) {
        ft_str bytes;
        ft_err err = ft_chunked_take(&bytes, &u->pieces, &in);
        if (err == FT_EDENIED)
            return ft_aws_fail(&u->call, 403, "SignatureDoesNotMatch", "%s", ft_err_why());
        if (err == FT_EPARSE || err == FT_ETOOBIG)
            return ft_aws_fail(&u->call, 400, "InvalidRequest", "%s", ft_err_why());
        FT_TRY(err);
        FT_TRY(payload_add(u, bytes));
    }
    return FT_OK;
}

static ft_err piece(ft_request *req, void **state, ft_str bytes) {
    if (!*state) FT_TRY(upload_open((upload **)state, req));
    upload *u = *state;
    u->call.req = req;
    if (u->err == FT_OK) upload_fail(u, u->chunked ? chunked_add(u, bytes) : payload_add(u, bytes));
    return FT_OK;
}

/* Who may not put the object here learns it before the body is sent. */
static bool refuses_early(ft_request *req, void **state) {
    upload **u = (upload **)state;
    if (upload_open(u, req) == FT_OK) return (*u)->err != FT_OK;
    ft_err_clear();
    return false;
}

/* ---- the end: is it what the client said it is? */

static ft_err length_compare(upload *u) {
    ft_str length = ft_request_header(u->call.req, "x-amz-decoded-content-length");
    int64_t expected;
    if (!u->chunked) return FT_OK;
    ft_err err = ft_chunked_end(&u->pieces);
    if (err == FT_EDENIED)
        return ft_aws_fail(&u->call, 403, "SignatureDoesNotMatch", "%s", ft_err_why());
    if (err != FT_OK) return ft_aws_fail(&u->call, 400, "IncompleteBody", "%s", ft_err_why());
    if (!ft_str_i64(&expected, length) || (uint64_t)expected == u->pieces.decoded_bytes)
        return FT_OK;
    return ft_aws_fail(&u->call, 400, "IncompleteBody",
                       "You did not provide the number of bytes specified by the "
                       "x-amz-decoded-content-length header");
}

static ft_err upload_end(upload *u) {
    ft_object made;
    ft_str etag;
    ft_aws_call *c = &u->call;
    FT_TRY(u->err);
    FT_TRY(length_compare(u));
    FT_TRY(ft_s3_error(c, ft_object_write_seal(&made, u->writer)));
    if (u->hashed && !ft_str_is(u->sig.payload, made.sha256))
        return ft_aws_fail(
            c, 400, "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.");
    FT_TRY(ft_s3_sums_check(&u->sums, c, &u->pieces, made.etag, made.sha256));
    ft_object_writer *w = u->writer;
    u->writer = NULL; /* commit frees it, also on failure */
    ft_err err = ft_object_write_commit(&made, w);
    if (err == FT_ENOTFOUND && c->op == &upload_part) return ft_s3_no_upload(c);
    FT_TRY(ft_s3_error(c, err));
    FT_TRY(ft_s3_quoted(&etag, c, made.etag));
    ft_response_header(c->resp, "ETag", etag);
    ft_s3_sums_echo(&u->sums, c, &u->pieces);
    return ft_aws_reply_end(c);
}

static ft_err handle(ft_request *req, ft_response *resp) {
    upload *u = req->state;
    if (!u) FT_TRY(upload_open(&u, req)); /* an empty body */
    u->call.req = req;
    u->call.resp = resp;
    ft_err err = upload_end(u);
    if (err != FT_OK) err = ft_aws_reply_error(&u->call, err);
    upload_drop(u);
    return err;
}

/* Any method: then a missing length comes here, and is answered in S3's words. */
const ft_route ft_aws_stream_route = { .method = "*",
                                       .pattern = "/{rest*}",
                                       .doc = "S3 uploads",
                                       .body_limit_bytes = (size_t)5 << 40,
                                       .handle = handle,
                                       .piece = piece,
                                       .drop = upload_drop,
                                       .refuses_early = refuses_early,
                                       .refuse = ft_aws_refuse };
