/* front.c -- from a request to an operation: which service (formats.md 2.1), whose signature, which
 * row, and back. */
#include <stdio.h>
#include <stdlib.h>

#include "aws/aws.h"
#include "aws/front_in.h"
#include "aws/keys_in.h"
#include "aws/resource.h"
#include "aws/reply_in.h"
#include "aws/sns_in.h"
#include "aws/s3_checksum.h"
#include "aws/services_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "serve/worker.h"
#include "store/objects.h"

#define DOCUMENT_LIMIT ((size_t)6 << 20)

/* ---- which service */

static ft_str header_of(const void *ctx, ft_str name) {
    char text[128];
    if (name.len >= sizeof text) return (ft_str){ 0 };
    memcpy(text, name.at, name.len);
    text[name.len] = '\0';
    return ft_request_header(ctx, text);
}

ft_sig_request ft_aws_sig_request(const ft_request *req) {
    return (ft_sig_request){
        .method = req->method, .raw_target = req->raw_target, .header = header_of, .ctx = req
    };
}

static const ft_aws_service *service_named(ft_str name) {
    for (const ft_aws_service *const *s = ft_aws_services; *s; s++)
        if (ft_str_is(name, (*s)->name)) return *s;
    return NULL;
}

/* "SageMaker.CreateModel" names service and operation. */
static const ft_aws_service *service_targeted(ft_str target) {
    ft_str prefix = ft_str_cut(&target, '.');
    for (const ft_aws_service *const *s = ft_aws_services; *s; s++)
        if ((*s)->target && ft_str_is(prefix, (*s)->target)) return *s;
    return NULL;
}

/* A service may have several rows under one signing name (sagemaker and its runtime): the one whose
 * paths fit. */
static const ft_aws_service *service_fitting(const ft_request *req, ft_str name) {
    const ft_aws_service *first = NULL;
    for (const ft_aws_service *const *s = ft_aws_services; *s; s++) {
        if (!ft_str_is(name, (*s)->name)) continue;
        if (!first) first = *s;
        bool rest = (*s)->protocol == FT_AWS_REST_JSON || (*s)->protocol == FT_AWS_REST_XML;
        ft_str path[8];
        int count;
        for (const ft_aws_op *op = (*s)->ops; rest && op && op->name; op++)
            if (ft_aws_path_fits(op->path, req->path, path, &count)) return *s;
    }
    return first;
}

/* Where a bucket's name ends in "bucket.s3.us-east-1.amazonaws.com"; 0: the host names none. */
static size_t host_bucket(ft_str host) {
    for (size_t i = host.len; i > 1; i--) {
        ft_str rest = ft_str_from(host, i - 1);
        if (ft_str_starts(rest, FT_STR(".s3.")) || ft_str_starts(rest, FT_STR(".s3-")))
            return i - 1;
    }
    return 0;
}

ft_str ft_aws_path(const ft_request *req, ft_str path) {
    ft_str host = ft_request_header(req, "host"), full;
    size_t len = host_bucket(host);
    if (!len ||
        ft_arena_printf(&full, req->arena, "/%.*s", FT_STR_ARG(ft_str_slice(host, 0, len))) !=
            FT_OK ||
        ft_arena_printf(&full, req->arena, "%s%.*s", full.at, FT_STR_ARG(path)) != FT_OK)
        return path;
    return full;
}

/* Signed for AWS, or at least sent by one of its SDKs. */
static bool is_for_aws(const ft_request *req) {
    return ft_str_starts(ft_request_header(req, "authorization"), FT_STR("AWS")) ||
           ft_request_header(req, "x-amz-target").at || ft_request_header(req, "x-amz-date").at ||
           ft_request_header(req, "x-amz-content-sha256").at ||
           ft_request_header(req, "amz-sdk-invocation-id").at ||
           host_bucket(ft_request_header(req, "host")) > 0 ||
           ft_request_query(req, "X-Amz-Signature").at ||
           ft_request_query(req, "AWSAccessKeyId").at;
}

/* The first value of a name in a form or query, decoded; at == NULL when it is not there. */
static ft_str form_first(ft_str form, const char *name, ft_arena *arena) {
    while (form.at) {
        ft_str value = ft_str_cut(&form, '&'), key = ft_str_cut(&value, '=');
        if (!ft_str_is(key, name) || !value.at) continue;
        if (ft_form_decode(&value, arena, value) == FT_OK) return value;
        ft_err_clear();
    }
    return (ft_str){ 0 };
}

/* A call in the query protocol, told by its Action: in the form, or in the query of a link. */
static ft_str form_word(const ft_request *req, const char *name) {
    ft_str word = form_first(req->body, name, req->arena);
    return word.at ? word : ft_request_query(req, name);
}

static bool is_query_call(const ft_request *req) {
    return ft_str_is(req->path, "/") && form_word(req, "Action").len > 0;
}

/* Whose call an unsigned one in the query protocol is: the API's version tells. */
static const ft_aws_service *service_versioned(const ft_request *req) {
    ft_str version = form_word(req, "Version");
    for (const ft_aws_service *const *s = ft_aws_services; *s; s++)
        if ((*s)->protocol == FT_AWS_QUERY && ft_str_is(version, (*s)->version)) return *s;
    return ft_aws_service_unknown(FT_AWS_QUERY);
}

/* The protocol that a request to a service which is not here speaks. */
static ft_aws_protocol protocol_spoken(const ft_request *req) {
    ft_str type = ft_request_header(req, "content-type");
    if (ft_str_starts(type, FT_STR("application/x-amz-json-1.0"))) return FT_AWS_JSON_1_0;
    if (ft_request_header(req, "x-amz-target").at) return FT_AWS_JSON_1_1;
    if (is_query_call(req) || ft_str_starts(type, FT_STR("application/x-www-form-urlencoded")))
        return FT_AWS_QUERY;
    return FT_AWS_REST_JSON;
}

/* ---- which operation */

/* "/{Bucket}/{Key+}" against a path: `{Name}` takes one part, `{Name+}` the rest (which must not be
 * empty). */
bool ft_aws_path_fits(const char *pattern, ft_str path, ft_str params[8], int *count) {
    ft_str want = ft_str_from(ft_str_of(pattern), 1), have = ft_str_from(path, 1);
    *count = 0;
    if (want.len == 0) return have.len == 0;
    while (want.at) {
        if (!have.at) return false;
        ft_str part = ft_str_cut(&want, '/');
        if (ft_str_ends(part, FT_STR("+}"))) {
            params[(*count)++] = have;
            return have.len > 0;
        }
        ft_str got = ft_str_cut(&have, '/');
        if (part.at[0] == '{') {
            if (!got.len) return false;
            params[(*count)++] = got;
        } else if (!ft_str_eq(part, got))
            return false;
    }
    return !have.at || have.len == 0; /* "/bucket" and "/bucket/" are one */
}

static bool query_fits(const ft_aws_op *op, const ft_request *req) {
    ft_str rest = ft_str_of(op->query);
    while (rest.at) {
        ft_str value = ft_str_cut(&rest, '&'), name = ft_str_cut(&value, '=');
        char text[64];
        snprintf(text, sizeof text, "%.*s", FT_STR_ARG(name));
        ft_str got = ft_request_query(req, text);
        if (!got.at || (value.at && !ft_str_eq(got, value))) return false;
    }
    return true;
}

/* Parts of a bucket or object that S3 addresses by a bare query name: a request for one that has no
 * row must not be taken for the object itself. */
static const char subresources[] =
    "|accelerate|acl|analytics|attributes|cors|delete|encryption|intelligent-tiering|inventory|"
    "legal-hold|lifecycle|location|logging|metrics|notification|object-lock|ownershipControls|"
    "partNumber|policy|policyStatus|publicAccessBlock|replication|requestPayment|restore|retention|"
    "select|tagging|torrent|uploadId|uploads|versionId|versioning|versions|website|";

size_t ft_aws_subresources(ft_str out[FT_AWS_SUBRESOURCES_MAX], const ft_request *req) {
    ft_str name, value;
    size_t count = 0;
    for (size_t i = 0; ft_request_each_query(req, i, &name, &value); i++) {
        char word[32];
        int n = snprintf(word, sizeof word, "|%.*s|", FT_STR_ARG(name));
        if (count < FT_AWS_SUBRESOURCES_MAX && n < (int)sizeof word && strstr(subresources, word))
            out[count++] = name;
    }
    return count;
}

static bool all_asked(const char *query, const ft_str *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ft_str rest = ft_str_of(query);
        bool found = false;
        while (rest.at && !found) {
            ft_str one = ft_str_cut(&rest, '&');
            found = ft_str_eq(ft_str_cut(&one, '='), names[i]);
        }
        if (!found) return false;
    }
    return true;
}

static const ft_aws_op *op_rest(ft_aws_call *c) {
    bool s3 = c->service->protocol == FT_AWS_REST_XML;
    ft_str target = s3 ? ft_aws_path(c->req, c->req->path) : c->req->path,
           parts[FT_AWS_SUBRESOURCES_MAX];
    size_t part_count = s3 ? ft_aws_subresources(parts, c->req) : 0;
    for (const ft_aws_op *op = c->service->ops; op && op->name; op++)
        if (ft_str_is(c->req->method, op->method) && all_asked(op->query, parts, part_count) &&
            ft_aws_path_fits(op->path, target, c->path, &c->path_count) && query_fits(op, c->req) &&
            (!op->header || ft_request_header(c->req, op->header).at))
            return op;
    return NULL;
}

static ft_err op_find(ft_aws_call *c) {
    ft_str name = { 0 };
    switch (c->service->protocol) {
    case FT_AWS_JSON_1_0:
    case FT_AWS_JSON_1_1:
        name = ft_request_header(c->req, "x-amz-target");
        ft_str_cut(&name, '.');
        break;
    case FT_AWS_QUERY:
        name = ft_aws_str(c, "Action");
        break;
    default:
        c->op = op_rest(c);
    }
    const ft_aws_op *tables[] = { c->service->ops, c->service->also };
    for (size_t i = 0; i < FT_COUNT(tables); i++)
        for (const ft_aws_op *op = tables[i]; !c->op && name.at && op && op->name; op++)
            if (ft_str_is(name, op->name)) c->op = op;
    if (c->op) return FT_OK;
    if (c->service->absent) return ft_aws_fail(c, 501, "NotImplemented", "%s", c->service->absent);
    if (c->service->protocol == FT_AWS_REST_XML)
        return ft_aws_fail(
            c, 501, "NotImplemented",
            "A header or query you provided implies functionality that is not implemented.");
    if (c->service->protocol == FT_AWS_QUERY)
        return ft_aws_fail(c, 400, "InvalidAction", "Could not find operation %.*s for version %s",
                           FT_STR_ARG(name), c->service->version);
    return ft_aws_fail(c, 400, "UnknownOperationException", "%s has no operation %.*s here",
                       c->service->title, FT_STR_ARG(name.at ? name : c->req->path));
}

/* ---- whose signature */

typedef struct auth_words {
    const char *missing, *malformed, *unknown, *wrong, *expired, *skewed;
} auth_words;
static const auth_words s3_words = { "AccessDenied",       "AuthorizationHeaderMalformed",
                                     "InvalidAccessKeyId", "SignatureDoesNotMatch",
                                     "AccessDenied",       "RequestTimeTooSkewed" };
static const auth_words query_words = {
    "MissingAuthenticationToken", "IncompleteSignature",       "UnrecognizedClientException",
    "InvalidSignatureException",  "InvalidSignatureException", "InvalidSignatureException"
};
static const auth_words other_words = {
    "MissingAuthenticationTokenException", "IncompleteSignatureException",
    "UnrecognizedClientException",         "InvalidSignatureException",
    "InvalidSignatureException",           "InvalidSignatureException"
};

static const auth_words *words_of(const ft_aws_call *c) {
    switch (c->service->protocol) {
    case FT_AWS_REST_XML:
        return &s3_words;
    case FT_AWS_QUERY:
        return &query_words;
    default:
        return &other_words;
    }
}

ft_err ft_aws_authenticate(ft_aws_call *c, const ft_sig *sig, ft_str body_sha256) {
    const auth_words *w = words_of(c);
    ft_sig_request req = ft_aws_sig_request(c->req);
    ft_sig_outcome outcome;
    /* Version 2 signs the bucket, wherever it stands. */
    if (sig->form == FT_SIG_V2_QUERY) req.raw_target = ft_aws_path(c->req, req.raw_target);
    ft_str secret;
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
        return FT_OK;
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

/* The row that the request is for, from what it claims; NULL with an error set is a malformed
 * claim. */
static ft_err service_find(ft_aws_call *c, ft_sig *sig) {
    ft_sig_request req = ft_aws_sig_request(c->req);
    ft_str target = ft_request_header(c->req, "x-amz-target");
    ft_err err = ft_sig_read(sig, &req, c->arena);
    c->service = target.at ? service_targeted(target) : NULL;
    if (!c->service && sig->service.len) c->service = service_fitting(c->req, sig->service);
    bool known = c->service != NULL;
    if (!known && (target.at || sig->service.len))
        c->service = ft_aws_service_unknown(protocol_spoken(c->req));
    if (!c->service && is_query_call(c->req)) c->service = service_versioned(c->req);
    if (!c->service) c->service = service_named(FT_STR("s3"));
    c->region = sig->region.len ? sig->region : FT_STR("us-east-1");
    c->access_key = sig->access_key;
    bool s3 = c->service->protocol == FT_AWS_REST_XML;
    if (err == FT_EPARSE && s3 && sig->form == FT_SIG_V4_QUERY)
        return ft_aws_fail(c, 400, "AuthorizationQueryParametersError", "%s", ft_err_why());
    if (err == FT_EPARSE && s3 && sig->form == FT_SIG_V2_QUERY)
        return ft_aws_fail(c, 403, s3_words.missing, "%s", ft_err_why());
    if (err == FT_EPARSE)
        return ft_aws_fail(c, s3 ? 400 : 403, words_of(c)->malformed, "%s", ft_err_why());
    if (err == FT_OK && sig->service.len && !known)
        return ft_aws_fail(c, 501, "NotImplemented", "There is no service '%.*s' here",
                           FT_STR_ARG(sig->service));
    return err;
}

ft_err ft_aws_call_begin(ft_aws_call *c, ft_sig *sig, ft_request *req, ft_response *resp) {
    *c = (ft_aws_call){ .req = req,
                        .resp = resp,
                        .arena = req->arena,
                        .store = ((ft_worker *)req->thread)->store,
                        .state = req->state };
    ft_uuid(c->request_id);
    return service_find(c, sig);
}

static ft_err required_check(ft_aws_call *c) {
    ft_str rest = ft_str_of(c->op->required);
    while (rest.at) {
        ft_str name = ft_str_cut(&rest, '|');
        char text[128];
        snprintf(text, sizeof text, "%.*s", FT_STR_ARG(name));
        bool query = c->service->protocol == FT_AWS_QUERY;
        bool there = query ? ft_aws_str(c, text).at || ft_aws_count(c, text)
                           : ft_aws_raw(c, text).at != NULL;
        if (there) continue;
        return ft_aws_fail(c, 400, query ? "ValidationError" : "ValidationException",
                           "1 validation error detected: Value null at '%s' failed to satisfy "
                           "constraint: Member must not be null",
                           text);
    }
    return FT_OK;
}

/* The indices of lists in a form: "MetricData.member.1.MetricName". */
static ft_err indices_check(ft_aws_call *c) {
    ft_str form = c->service->protocol == FT_AWS_QUERY ? c->body : (ft_str){ 0 };
    while (form.at) {
        ft_str name = ft_str_cut(&form, '&'), before = { 0 };
        name.len = ft_str_find(name, '=');
        for (ft_str rest = name; rest.at;) {
            ft_str part = ft_str_cut(&rest, '.');
            int64_t index;
            bool list = ft_str_is(before, "member") || ft_str_is(before, "entry");
            if (list && (!ft_str_i64(&index, part) || index < 1 || index > FT_AWS_ITEMS_MAX))
                return ft_aws_fail(c, 400, "MalformedInput",
                                   "%.*s: expected an index between 1 and %d, found '%.*s'",
                                   FT_STR_ARG(ft_str_slice(name, 0, 200)), FT_AWS_ITEMS_MAX,
                                   FT_STR_ARG(ft_str_slice(part, 0, 100)));
            before = part;
        }
    }
    return FT_OK;
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
    }
    return FT_OK;
}

/* A buffered request, from claim to answer. */
static ft_err call_run(ft_aws_call *c) {
    ft_sig sig;
    char sha256[FT_SHA256_HEX];
    FT_TRY(ft_aws_call_begin(c, &sig, c->req, c->resp));
    c->body = c->req->body;
    FT_TRY(ft_sha256_hex(sha256, c->body));
    FT_TRY(ft_aws_authenticate(c, &sig, ft_str_of(sha256)));
    FT_TRY(body_check(c, &sig, sha256));
    FT_TRY(op_find(c));
    FT_TRY(indices_check(c));
    if (c->op->required) FT_TRY(required_check(c));
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
    const ft_route *link = is_for_aws(req) ? NULL : ft_sns_link(req);
    if (link || (!is_for_aws(req) && !called)) return link;
    return ft_aws_streams(req) ? &ft_aws_stream_route : &document_route;
}

const ft_route *ft_aws_behind(const ft_request *req, void *app) {
    ft_str path = ft_str_from(req->path, 1);
    FT_UNUSED(app);
    if (!ft_bucket_exists(((const ft_worker *)req->thread)->store, ft_str_cut(&path, '/')))
        return NULL;
    return ft_aws_streams(req) ? &ft_aws_stream_route : &document_route;
}
