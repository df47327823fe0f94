/* front_service.c -- which service a request is for (formats.md 2.1), and what it claims to be
 * signed by. */
#include "aws/front_in.h"
#include "aws/services_in.h"
#include "net/percent.h"

#define LOCAL ".localhost"

ft_str ft_aws_header_all(const ft_request *req, ft_str name) {
    ft_str value = { 0 }, found, one;
    for (size_t i = 0; ft_request_each_header(req, i, &found, &one); i++) {
        if (!ft_str_ieq(found, name)) continue;
        if (!value.at)
            value = one;
        else if (ft_arena_printf(&value, req->arena, "%.*s,%.*s", FT_STR_ARG(value),
                                 FT_STR_ARG(one)) != FT_OK)
            return FT_STR(""); /* no signature fits it */
    }
    return value;
}

static ft_str header_of(const void *ctx, ft_str name) {
    const ft_request *req = ctx;
    ft_str value = ft_aws_header_all(req, name);
    /* boto3 signs the type of a JSON body into links that have none (Polly's); whoever follows one
     * sends no type. */
    if (!value.at && ft_str_is(name, "content-type") && ft_request_query(req, "X-Amz-Signature").at)
        return FT_STR("application/json");
    return value;
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

/* Where a bucket's name ends in "bucket.localhost:8080", as clients of this machine address it
 * when told so; 0: the host names none. */
static size_t local_bucket(ft_str host) {
    ft_str name = ft_str_cut(&host, ':');
    return ft_str_ends(name, FT_STR(LOCAL)) ? name.len - strlen(LOCAL) : 0;
}

/* The same in "bucket.s3.us-east-1.amazonaws.com". */
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
    if (!len) len = local_bucket(host);
    if (!len ||
        ft_arena_printf(&full, req->arena, "/%.*s", FT_STR_ARG(ft_str_slice(host, 0, len))) !=
            FT_OK ||
        ft_arena_printf(&full, req->arena, "%s%.*s", full.at, FT_STR_ARG(path)) != FT_OK)
        return path;
    return full;
}

bool ft_aws_is_for_aws(const ft_request *req) {
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
        if (ft_percent_decode(&value, arena, value, FT_PERCENT_FORM | FT_PERCENT_NUL) == FT_OK)
            return value;
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

/* The row that the request is for, from what it claims; NULL with an error set is a malformed
 * claim. */
ft_err ft_aws_service_find(ft_aws_call *c, ft_sig *sig) {
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
    c->region = sig->region.len ? sig->region : FT_STR(FT_REGION_DEFAULT);
    c->access_key = sig->access_key;
    bool s3 = c->service->protocol == FT_AWS_REST_XML;
    if (err == FT_EPARSE && s3 && sig->form == FT_SIG_V4_QUERY)
        return ft_aws_fail(c, 400, "AuthorizationQueryParametersError", "%s", ft_err_why());
    if (err == FT_EPARSE && s3 && sig->form == FT_SIG_V2_QUERY)
        return ft_aws_fail(c, 403, ft_aws_auth_words_of(c)->missing, "%s", ft_err_why());
    if (err == FT_EPARSE)
        return ft_aws_fail(c, s3 ? 400 : 403, ft_aws_auth_words_of(c)->malformed, "%s",
                           ft_err_why());
    if (err == FT_OK && sig->service.len && !known)
        return ft_aws_fail(c, 501, "NotImplemented", "There is no service '%.*s' here",
                           FT_STR_ARG(sig->service));
    return err;
}
