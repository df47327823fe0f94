/* s3_upload.c -- PutObject and UploadPart: bodies of any size, taken piece by piece into the object
 * store.
 *
 * The signature is checked before the first byte is kept; hashes and checksums are checked before
 * anything becomes visible. A failure in the middle is remembered and answered at the end in S3's
 * words, the rest of the body is read and dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "aws/front_in.h"
#include "aws/reply_in.h"
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
    ft_hasher *hash; /* sha256 and MD5 of what came decoded */
    uint32_t crc32, crc32c;
} upload;

static const ft_aws_op put_object = { .name = "PutObject", .raw = true },
                       upload_part = { .name = "UploadPart", .raw = true };

bool ft_aws_streams(const ft_request *req) {
    ft_str path[8];
    int count;
    return ft_str_is(req->method, "PUT") &&
           ft_aws_path_fits("/{Bucket}/{Key+}", req->path, path, &count) &&
           !ft_request_header(req, "x-amz-copy-source").at && !ft_request_query(req, "acl").at &&
           !ft_request_query(req, "tagging").at && !ft_request_header(req, "x-amz-target").at;
}

static bool is_hex64(ft_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("0123456789abcdef", s.at[i])) return false;
    return s.len == 64;
}

/* ---- opening: whose request, where to */

static ft_err encoding_read(upload *u) {
    ft_str kind = u->sig.payload;
    u->chunked = ft_str_starts(kind, FT_STR("STREAMING-"));
    u->hashed = is_hex64(kind);
    if (kind.at && !u->chunked && !u->hashed && !ft_str_is(kind, "UNSIGNED-PAYLOAD"))
        return ft_aws_fail(
            &u->call, 400, "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a valid sha256 value.");
    if (ft_str_starts(kind, FT_STR("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))) {
        u->pieces.sig = &u->sig;
        FT_TRY(
            ft_sig_key(u->pieces.key, u->call.secret, u->sig.day, u->sig.region, u->sig.service));
    }
    return ft_hasher_new(&u->hash, true);
}

static ft_err writer_open(upload *u) {
    ft_aws_call *c = &u->call;
    ft_str bucket, key, id = ft_request_query(c->req, "uploadId"),
                        number = ft_request_query(c->req, "partNumber");
    ft_object_put_opts opts;
    FT_CHECK(ft_aws_path_fits("/{Bucket}/{Key+}", c->req->path, c->path, &c->path_count));
    FT_TRY(ft_s3_bucket(&bucket, c));
    FT_TRY(ft_s3_key(&key, c));
    c->op = id.at ? &upload_part : &put_object;
    if (id.at) {
        int64_t n;
        if (!ft_str_i64(&n, number) || n < 1 || n > FT_UPLOAD_PARTS_MAX)
            return ft_aws_fail(c, 400, "InvalidArgument",
                               "Part number must be an integer between 1 and %d, inclusive",
                               FT_UPLOAD_PARTS_MAX);
        ft_err err = ft_upload_part(&u->writer, c->store, id, bucket, key, (int)n);
        if (err == FT_ENOTFOUND)
            return ft_aws_fail(c, 404, "NoSuchUpload",
                               "The specified upload does not exist. The upload ID may be invalid, "
                               "or the upload may have been aborted or completed.");
        return err;
    }
    FT_TRY(ft_s3_put_opts(&opts, c));
    ft_str none = ft_request_header(c->req, "if-none-match");
    if (none.at && !ft_str_is(none, "*"))
        return ft_aws_fail(c, 501, "NotImplemented",
                           "A header you provided implies functionality that is not implemented");
    opts.if_absent = none.at != NULL;
    return ft_s3_error(c, ft_object_write(&u->writer, c->store, bucket, key, &opts));
}

static ft_err upload_open(upload **out, ft_request *req) {
    upload *u = calloc(1, sizeof *u);
    if (!u) return FT_FAIL(FT_ENOMEM, "no memory for an upload");
    *out = u;
    u->err = ft_aws_call_begin(&u->call, &u->sig, req, NULL);
    if (u->err == FT_OK) u->err = ft_aws_authenticate(&u->call, &u->sig, (ft_str){ 0 });
    if (u->err == FT_OK) u->err = encoding_read(u);
    if (u->err == FT_OK) u->err = writer_open(u);
    return FT_OK;
}

static void upload_drop(void *state) {
    upload *u = state;
    if (!u) return;
    ft_object_write_abort(u->writer);
    ft_chunked_fini(&u->pieces);
    ft_hasher_free(u->hash);
    ft_buf_fini(&u->call.out);
    free(u);
}

/* ---- the body */

static ft_err payload_add(upload *u, ft_str bytes) {
    if (!bytes.len) return FT_OK;
    FT_TRY(ft_hasher_add(u->hash, bytes.at, bytes.len));
    u->crc32 = (uint32_t)crc32_z(u->crc32, (const unsigned char *)bytes.at, bytes.len);
    u->crc32c = ft_crc32c(u->crc32c, bytes.at, bytes.len);
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
    if (u->err == FT_OK) u->err = u->chunked ? chunked_add(u, bytes) : payload_add(u, bytes);
    return FT_OK;
}

/* ---- the end: is it what the client said it is? */

static ft_err base64_equal(bool *out, ft_str text, const void *want, size_t len) {
    ft_buf buf = { 0 };
    ft_err err = ft_base64_add(&buf, ft_str_n(want, len));
    *out = err == FT_OK && ft_str_eq(ft_buf_str(&buf), text);
    ft_buf_fini(&buf);
    return err;
}

static ft_str checksum_sent(upload *u, const char *name) {
    ft_str v = ft_request_header(u->call.req, name);
    return v.at ? v : ft_chunked_trailer(&u->pieces, name);
}

static void from_hex(unsigned char *out, const char *hex, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned v = 0;
        sscanf(hex + 2 * i, "%2x", &v);
        out[i] = (unsigned char)v;
    }
}

static ft_err checksum_check(upload *u, const char *name, const void *want, size_t len,
                             const char *code) {
    ft_str sent = checksum_sent(u, name);
    bool same;
    if (!sent.at) return FT_OK;
    FT_TRY(base64_equal(&same, sent, want, len));
    return same ? FT_OK
                : ft_aws_fail(&u->call, 400, code,
                              "The %s you specified did not match what we received.", name);
}

static ft_err checks(upload *u) {
    char sha_hex[FT_SHA256_HEX], md5_hex[FT_MD5_HEX];
    unsigned char sha[32], md5[16], crc[4], crc_c[4];
    ft_aws_call *c = &u->call;
    ft_str length = ft_request_header(c->req, "x-amz-decoded-content-length");
    int64_t expected;
    if (u->chunked && ft_chunked_end(&u->pieces) != FT_OK)
        return ft_aws_fail(c, 400, "IncompleteBody", "%s", ft_err_why());
    if (u->chunked && ft_str_i64(&expected, length) &&
        (uint64_t)expected != u->pieces.decoded_bytes)
        return ft_aws_fail(c, 400, "IncompleteBody",
                           "You did not provide the number of bytes specified by the "
                           "x-amz-decoded-content-length header");
    FT_TRY(ft_hasher_end(u->hash, sha_hex, md5_hex));
    from_hex(sha, sha_hex, sizeof sha), from_hex(md5, md5_hex, sizeof md5);
    for (int i = 0; i < 4; i++)
        crc[i] = (unsigned char)(u->crc32 >> (24 - 8 * i)),
        crc_c[i] = (unsigned char)(u->crc32c >> (24 - 8 * i));
    if (u->hashed && !ft_str_is(u->sig.payload, sha_hex))
        return ft_aws_fail(
            c, 400, "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.");
    FT_TRY(checksum_check(u, "content-md5", md5, sizeof md5, "BadDigest"));
    FT_TRY(checksum_check(u, "x-amz-checksum-crc32", crc, sizeof crc, "BadDigest"));
    FT_TRY(checksum_check(u, "x-amz-checksum-crc32c", crc_c, sizeof crc_c, "BadDigest"));
    return checksum_check(u, "x-amz-checksum-sha256", sha, sizeof sha, "BadDigest");
}

static ft_err upload_end(upload *u) {
    ft_object made;
    ft_str etag;
    FT_TRY(u->err);
    FT_TRY(checks(u));
    ft_object_writer *w = u->writer;
    u->writer = NULL; /* commit frees it, also on failure */
    FT_TRY(ft_s3_error(&u->call, ft_object_write_commit(&made, w)));
    FT_TRY(ft_s3_quoted(&etag, &u->call, made.etag));
    ft_response_header(u->call.resp, "ETag", etag);
    return ft_aws_reply_end(&u->call);
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

const ft_route ft_aws_stream_route = { .method = "PUT",
                                       .pattern = "/{rest*}",
                                       .doc = "S3 uploads",
                                       .body_limit_bytes = (size_t)5 << 40,
                                       .handle = handle,
                                       .piece = piece,
                                       .drop = upload_drop };
