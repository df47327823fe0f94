/* front.c -- from a request to its answer: the service (front_service.c), the signature, the
 * operation (front_op.c), and back. */
#include "aws/aws.h"
#include "aws/front_in.h"
#include "aws/keys_in.h"
#include "aws/resource.h"
#include "aws/reply_in.h"
#include "aws/sns_in.h"
#include "aws/s3_checksum.h"
#include "aws/s3_in.h"
#include "aws/services_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "serve/worker.h"
#include "store/objects.h"

#define DOCUMENT_LIMIT ((size_t)6 << 20)
/* ---- whose signature */

static const ft_aws_auth_words s3_words = { "AccessDenied",       "AuthorizationHeaderMalformed",
                                            "InvalidAccessKeyId", "SignatureDoesNotMatch",
                                            "AccessDenied",       "RequestTimeTooSkewed" };
static const ft_aws_auth_words query_words = {
    "MissingAuthenticationToken", "IncompleteSignature",       "UnrecognizedClientException",
    "InvalidSignatureException",  "InvalidSignatureException", "InvalidSignatureException"
};
static const ft_aws_auth_words other_words = {
    "MissingAuthenticationTokenException", "IncompleteSignatureException",
    "UnrecognizedClientException",         "InvalidSignatureException",
    "InvalidSignatureException",           "InvalidSignatureException"
};

const ft_aws_auth_words *ft_aws_auth_words_of(const ft_aws_call *c) {
    switch (c->service->protocol) {
    case FT_AWS_REST_XML:
        return &s3_words;
    case FT_AWS_QUERY:
        return &query_words;
    default:
        return &other_words;
    }
}

/* S3 tells anybody that there is no such bucket. */
static ft_err bucket_check(ft_aws_call *c) {
    if (c->service->protocol != FT_AWS_REST_XML) return FT_OK;
    ft_str path = ft_str_from(ft_aws_path(c->req, c->req->path), 1),
           bucket = ft_str_cut(&path, '/');
    return bucket.len ? ft_s3_bucket_check(c, bucket) : FT_OK;
}

/* What S3 lets a client leave unsigned: the values stand in the signed text by themselves, or
 * nothing is done by them. */
static bool is_free(ft_str name) {
    return !ft_str_ieq(ft_str_slice(name, 0, 6), FT_STR("x-amz-")) ||
           ft_str_ieq(name, FT_STR("x-amz-content-sha256")) ||
           ft_str_ieq(name, FT_STR("x-amz-date")) ||
           ft_str_ieq(name, FT_STR("x-amz-security-token"));
}

static bool is_listed(ft_str list, ft_str name) {
    while (list.at)
        if (ft_str_ieq(ft_str_cut(&list, ';'), name)) return true;
    return false;
}

/* Who holds a signed request, or a link, must not turn it into another one by a header of his own:
 * a PUT with x-amz-copy-source reads. Links of version 2 sign no headers. */
static ft_err headers_check(ft_aws_call *c, const ft_sig *sig) {
    ft_str name, value;
    bool v4 = sig->form != FT_SIG_V2_QUERY, host = !v4;
    if (c->service->protocol != FT_AWS_REST_XML) return FT_OK;
    host |= is_listed(sig->signed_headers, FT_STR("host"));
    for (size_t i = 0; ft_request_each_header(c->req, i, &name, &value); i++) {
        bool free = ft_str_ieq(name, FT_STR("host")) ? host : is_free(name);
        if (!free && !is_listed(sig->signed_headers, name))
            return ft_aws_fail(c, 403, "AccessDenied",
                               "There were headers present in the request which were not signed: "
                               "%.*s",
                               FT_STR_ARG(name));
    }
    return FT_OK;
}

/* The target's header tells the service of a JSON call; whoever signed it for another one did not
 * mean this. */
static ft_err scope_check(ft_aws_call *c, const ft_sig *sig) {
    const char *name = c->service->name;
    if (!name[0] || ft_str_is(sig->service, name)) return FT_OK;
    return ft_aws_fail(c, 403, ft_aws_auth_words_of(c)->wrong,
                       "Credential should be scoped to correct service: '%s'.", name);
}

ft_err ft_aws_authenticate(ft_aws_call *c, const ft_sig *sig, ft_str body_sha256) {
    const ft_aws_auth_words *w = ft_aws_auth_words_of(c);
    ft_sig_request req = ft_aws_sig_request(c->req);
    ft_sig_outcome outcome;
    /* Version 2 signs the bucket, wherever it stands. */
    if (sig->form == FT_SIG_V2_QUERY) req.raw_target = ft_aws_path(c->req, req.raw_target);
    ft_str secret;
    if (sig->form == FT_SIG_NONE) FT_TRY(bucket_check(c));
    if (sig->form == FT_SIG_NONE)
        return ft_aws_fail(c, 403, w->missing,
                           "The request is not signed; `fettle keys add` makes an access key");
    ft_err err = ft_aws_key_secret(&secret, c->store, c->arena, sig->access_key);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return ft_aws_fail(c, 403, w->unknown, "The access key %.*s does not exist here",
                           FT_STR_ARG(sig->access_key));
    }
    FT_TRY(err);
    FT_TRY(ft_sig_check(&outcome, sig, &req, secret, body_sha256, ft_clock_now_us(), c->arena));
    c->secret = secret;
    switch (outcome) {
    case FT_SIG_GOOD:
        FT_TRY(scope_check(c, sig));
        return headers_check(c, sig);
    case FT_SIG_WRONG:
        return ft_aws_fail(
            c, 403, w->wrong,
            "The request signature we calculated does not match the signature you provided");
    case FT_SIG_EXPIRED:
        return ft_aws_fail(c, 403, w->expired, "Request has expired");
    case FT_SIG_SKEWED:
        return ft_aws_fail(
            c, 403, w->skewed,
            "Signature expired: the request's time differs too much from the server's");
    }
    return FT_OK;
}

/* ---- a call */

ft_err ft_aws_call_begin(ft_aws_call *c, ft_sig *sig, ft_request *req, ft_response *resp) {
    *c = (ft_aws_call){ .req = req,
                        .resp = resp,
                        .arena = req->arena,
                        .store = ((ft_worker *)req->thread)->store,
                        .state = req->state };
    ft_uuid(c->request_id);
    return ft_aws_service_find(c, sig);
}

static ft_err md5_check(ft_aws_call *c) {
    char md5[FT_MD5_HEX], unused[FT_SHA256_HEX];
    ft_hasher *h;
    if (c->service->protocol != FT_AWS_REST_XML || !ft_request_header(c->req, "content-md5").at)
        return FT_OK;
    FT_TRY(ft_hasher_new(&h, true));
    ft_err err = ft_hasher_add(h, c->body.at, c->body.len);
    if (err == FT_OK) err = ft_hasher_end(h, unused, md5);
    ft_hasher_free(h);
    FT_TRY(err);
    return ft_s3_sums_check(&(ft_s3_sums){ 0 }, c, NULL, md5, "");
}

static ft_err body_check(ft_aws_call *c, const ft_sig *sig, const char *sha256) {
    bool json = c->service->protocol == FT_AWS_JSON_1_0 || c->service->protocol == FT_AWS_JSON_1_1;
    if (sig->payload.at && sig->payload.len == 64 && !ft_str_is(sig->payload, sha256))
        return ft_aws_fail(
            c, 400,
            c->service->protocol == FT_AWS_REST_XML ? "XAmzContentSHA256Mismatch"
                                                    : "InvalidSignatureException",
            "The provided 'x-amz-content-sha256' header does not match what was computed.");
    FT_TRY(md5_check(c));
    if (json && c->body.len) {
        ft_json j;
        ft_json_init(&j, c->body, c->arena, NULL);
        ft_err err = ft_json_skip(&j, NULL);
        if (err == FT_OK) err = ft_json_end(&j);
        if (err != FT_OK || c->body.at[0] != '{')
            return ft_aws_fail(c, 400, "SerializationException", "%s",
                               err != FT_OK ? ft_err_why() : "expected a JSON object");
        return ft_aws_kinds_check(c);
    }
    return FT_OK;
}

static ft_err claim_check(ft_aws_call *c, const ft_sig *sig) {
    char sha256[FT_SHA256_HEX];
    FT_TRY(ft_sha256_hex(sha256, c->body));
    FT_TRY(ft_aws_authenticate(c, sig, ft_str_of(sha256)));
    return body_check(c, sig, sha256);
}

/* A buffered request, from claim to answer. One that is called again for an answer that took a
 * while was claimed when it came: it does not expire meanwhile. */
static ft_err call_run(ft_aws_call *c) {
    ft_sig sig;
    FT_TRY(ft_aws_call_begin(c, &sig, c->req, c->resp));
    c->body = c->req->body;
    if (!c->req->waiting) FT_TRY(claim_check(c, &sig));
    FT_TRY(ft_aws_op_find(c));
    FT_TRY(ft_aws_indices_check(c));
    if (c->op->required) FT_TRY(ft_aws_required_check(c));
    ft_aws_reply_begin(c);
    FT_TRY(c->op->run(c));
    return ft_aws_reply_end(c);
}

static ft_err handle(ft_request *req, ft_response *resp) {
    ft_aws_call c = { .req = req, .resp = resp };
    ft_err err = call_run(&c);
    if (err != FT_OK) err = ft_aws_reply_error(&c, err);
    ft_buf_fini(&c.out);
    return err;
}

/* A path with an escape still stands as on the wire: the server could not read it. */
static bool is_undecoded(const ft_request *req) {
    return ft_str_find(req->path, '%') < req->path.len && ft_str_starts(req->raw_target, req->path);
}

/* What the server refused before the operation could see it: `err` and the status that HTTP has for
 * it. S3's words are its own; the other services have one for whatever is wrong with a request. */
static ft_err refusal(ft_aws_call *c, ft_err err, int status, ft_str why) {
    if (c->service->protocol != FT_AWS_REST_XML)
        return ft_aws_fail(c, status,
                           err == FT_ETOOBIG && status == 413 ? "RequestEntityTooLargeException"
                                                              : "ValidationException",
                           "%.*s", FT_STR_ARG(why));
    if (status == 414 || status == 431)
        return ft_aws_fail(c, 400, "RequestHeaderSectionTooLarge",
                           "Your request header section exceeds the maximum allowed size: %.*s",
                           FT_STR_ARG(why));
    if (err == FT_ETOOBIG) return ft_aws_fail(c, status, "EntityTooLarge", "%.*s", FT_STR_ARG(why));
    if (is_undecoded(c->req)) return ft_aws_fail(c, status, "InvalidURI", "%.*s", FT_STR_ARG(why));
    if (err == FT_EPARSE)
        return ft_aws_fail(c, status, "BadRequest",
                           "An error occurred when parsing the HTTP request: %.*s",
                           FT_STR_ARG(why));
    return ft_aws_fail(c, status, "InvalidRequest", "%.*s", FT_STR_ARG(why));
}

ft_err ft_aws_refuse(ft_request *req, ft_response *resp, ft_err err, int status, ft_str why) {
    ft_aws_call c;
    ft_sig sig;
    req->body = (ft_str){ 0 };
    ft_err claimed = ft_aws_call_begin(&c, &sig, req, resp);
    if (!c.service) return claimed;
    c.error_code = NULL; /* a broken request may have a broken signature, too: that is not why */
    err = refusal(&c, err, status, why);
    err = ft_aws_reply_error(&c, err);
    ft_buf_fini(&c.out);
    return err;
}

static const ft_route document_route = { .method = "*",
                                         .pattern = "/{rest*}",
                                         .doc = "AWS requests",
                                         .body_limit_bytes = DOCUMENT_LIMIT,
                                         .handle = handle,
                                         .refuse = ft_aws_refuse };

ft_err ft_aws_prepare(ft_store *s) {
    FT_TRY(ft_aws_migrate(s));
    FT_TRY(ft_aws_resource_prepare(s));
    for (const ft_aws_service *const *service = ft_aws_services; *service; service++)
        if ((*service)->prepare) FT_TRY((*service)->prepare(s));
    return FT_OK;
}

ft_err ft_aws_chore(ft_store *s) {
    for (const ft_aws_service *const *service = ft_aws_services; *service; service++)
        if ((*service)->chore) FT_TRY((*service)->chore(s));
    return FT_OK;
}

void ft_aws_chore_end(void) {
    for (const ft_aws_service *const *service = ft_aws_services; *service; service++)
        if ((*service)->chore_end) (*service)->chore_end();
}

const ft_route *ft_aws_front(const ft_request *req, void *app) {
    FT_UNUSED(app);
    /* Fettle itself takes no POST at /: it is a call that nobody signed. */
    bool called = ft_str_is(req->path, "/") &&
                  (ft_str_is(req->method, "POST") || ft_request_query(req, "Action").len > 0);
    const ft_route *link = ft_aws_is_for_aws(req) ? NULL : ft_sns_link(req);
    if (link || (!ft_aws_is_for_aws(req) && !called)) return link;
    return ft_aws_streams(req) ? &ft_aws_stream_route : &document_route;
}

/* A browser's page, or a slip in one of the server's own paths, is not about a bucket. */
static bool is_for_buckets(const ft_request *req, ft_str bucket) {
    ft_str accept = ft_request_header(req, "accept");
    ft_str text;
    ft_uri uri;
    bool good = ft_arena_printf(&text, req->arena, "s3://%.*s/", FT_STR_ARG(bucket)) == FT_OK &&
                ft_uri_parse(&uri, text) == FT_OK;
    ft_err_clear();
    return good && !ft_request_near_route(req) && !ft_str_starts(accept, FT_STR("text/html")) &&
           !ft_str_starts(accept, FT_STR("application/json"));
}

const ft_route *ft_aws_behind(const ft_request *req, void *app) {
    ft_str path = ft_str_from(req->path, 1), bucket = ft_str_cut(&path, '/');
    FT_UNUSED(app);
    if (!ft_bucket_exists(((const ft_worker *)req->thread)->store, bucket) &&
        !is_for_buckets(req, bucket))
        return NULL;
    return ft_aws_streams(req) ? &ft_aws_stream_route : &document_route;
}
