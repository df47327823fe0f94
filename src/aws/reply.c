/* reply.c -- answers and errors in the five protocols (formats.md 2.5). */
#include "aws/reply_in.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/files.h"
#include "base/log.h"

/* What a failure of a room below is called when the operation gave no better name. A permanent
 * failure is never a 500: clients repeat those. */
static const struct {
    ft_err err;
    int status;
    const char *code, *s3_code;
} default_error[] = {
    { FT_EINVAL, 400, "ValidationException", "InvalidArgument" },
    { FT_EPARSE, 400, "SerializationException", "MalformedXML" },
    { FT_ENOTFOUND, 400, "ResourceNotFound", "NoSuchKey" },
    { FT_EEXIST, 400, "ResourceInUse", "BucketAlreadyOwnedByYou" },
    { FT_ECONFLICT, 400, "ValidationException", "OperationAborted" },
    { FT_EDENIED, 403, "AccessDeniedException", "AccessDenied" },
    { FT_ETOOBIG, 400, "ValidationException", "EntityTooLarge" },
    { FT_EMEDIA, 400, "ValidationException", "InvalidArgument" },
    { FT_EFULL, 400, "ResourceLimitExceeded", "SlowDown" },
    { FT_EUNSUPPORTED, 501, "NotImplemented", "NotImplemented" },
    { FT_EABSENT, 501, "NotImplemented", "NotImplemented" },
    { FT_ECORRUPT, 400, "ValidationException", "InvalidRequest" },
    { FT_ENOSPC, 507, "ServiceUnavailable", "InsufficientCapacity" },
    { FT_EBUSY, 503, "ServiceUnavailable", "SlowDown" },
    { FT_ETIMEOUT, 503, "ServiceUnavailable", "SlowDown" },
};

ft_err ft_aws_fail(ft_aws_call *c, int status, const char *code, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->error_status = status;
    c->error_code = code;
    if (ft_arena_str(&c->error_message, c->arena, ft_str_of(text)) != FT_OK)
        c->error_message = FT_STR("out of memory");
    return status == 404 ? FT_ENOTFOUND : status >= 500 ? FT_EBUSY : FT_EINVAL;
}

void ft_aws_error_name(ft_aws_call *c, ft_err err) {
    if (c->error_code) return;
    bool s3 = c->service && c->service->protocol == FT_AWS_REST_XML;
    c->error_status = 500;
    c->error_code = s3 ? "InternalError" : "InternalFailure";
    for (size_t i = 0; i < FT_COUNT(default_error); i++)
        if (default_error[i].err == err) {
            c->error_status = s3 && err == FT_ENOTFOUND ? 404 : default_error[i].status;
            c->error_code = s3 ? default_error[i].s3_code : default_error[i].code;
        }
    if (ft_arena_str(&c->error_message, c->arena, ft_str_of(ft_err_why())) != FT_OK)
        c->error_message = ft_str_of(ft_err_text(err));
    if (c->error_status == 500)
        ft_log(FT_LOG_ERROR, "aws", "%s %s: %s\n%s", c->service ? c->service->name : "?",
               c->op ? c->op->name : "?", ft_err_why(), ft_err_trail());
}

static void error_json(ft_aws_call *c) {
    ft_json_out w;
    ft_json_out_init(&w, &c->out, false);
    ft_json_out_object(&w);
    if (c->service->protocol != FT_AWS_REST_JSON) {
        ft_json_out_name(&w, "__type");
        ft_json_out_text(&w, c->error_code);
    }
    ft_json_out_name(&w, "message");
    ft_json_out_str(&w, c->error_message);
    for (int i = 0; i < c->extra_count; i++) {
        ft_json_out_name(&w, c->extra[i].name);
        ft_json_out_raw(&w, c->extra[i].json);
    }
    ft_json_out_close(&w);
    if (c->service->protocol == FT_AWS_REST_JSON)
        ft_response_header(c->resp, "x-amzn-ErrorType", ft_str_of(c->error_code));
    if (ft_request_header(c->req, "x-amzn-query-mode").at) { /* CloudWatch's newer clients */
        ft_str both;
        if (ft_arena_printf(&both, c->arena, "%s;Sender", c->error_code) == FT_OK)
            ft_response_header(c->resp, "x-amzn-query-error", both);
    }
}

static void error_xml(ft_aws_call *c) {
    ft_xml_out x;
    ft_xml_out_init(&x, &c->out);
    if (c->service->protocol == FT_AWS_QUERY)
        ft_xml_open_ns(&x, "ErrorResponse", c->service->xmlns);
    ft_xml_open(&x, "Error");
    if (c->service->protocol == FT_AWS_QUERY) ft_xml_text(&x, "Type", FT_STR("Sender"));
    ft_xml_text(&x, "Code", ft_str_of(c->error_code));
    ft_xml_text(&x, "Message", c->error_message);
    if (c->service->protocol == FT_AWS_REST_XML) {
        ft_xml_text(&x, "Resource", c->req->path);
        ft_xml_text(&x, "RequestId", ft_str_of(c->request_id));
    }
    ft_xml_close(&x);
    if (c->service->protocol == FT_AWS_QUERY) {
        ft_xml_text(&x, "RequestId", ft_str_of(c->request_id));
        ft_xml_close(&x);
    }
}

static ft_str content_type(const ft_aws_call *c) {
    switch (c->service->protocol) {
    case FT_AWS_JSON_1_0:
        return FT_STR("application/x-amz-json-1.0");
    case FT_AWS_JSON_1_1:
        return FT_STR("application/x-amz-json-1.1");
    case FT_AWS_REST_JSON:
        return FT_STR("application/json");
    case FT_AWS_REST_XML:
        return FT_STR("application/xml");
    case FT_AWS_QUERY:
        return FT_STR("text/xml");
    }
    return (ft_str){ 0 };
}

static void request_id_header(ft_aws_call *c) {
    ft_str id;
    if (ft_arena_str(&id, c->arena, ft_str_of(c->request_id)) != FT_OK) return;
    ft_response_header(
        c->resp, c->service->protocol == FT_AWS_REST_XML ? "x-amz-request-id" : "x-amzn-RequestId",
        id);
}

/* The answer's bytes must live in the request's arena. */
static ft_err body_take(ft_aws_call *c) {
    FT_TRY(c->out.err);
    FT_TRY(ft_arena_str(&c->resp->body, c->arena, ft_buf_str(&c->out)));
    c->resp->content_type = content_type(c);
    return FT_OK;
}

ft_err ft_aws_reply_error(ft_aws_call *c, ft_err err) {
    ft_aws_error_name(c, err);
    if (c->resp->fd > 0) ft_fd_close(&c->resp->fd);
    *c->resp = (ft_response){ .status = c->error_status };
    ft_buf_reset(&c->out);
    request_id_header(c);
    if (ft_str_is(c->req->method, "HEAD") || c->error_status == 304)
        return FT_OK; /* no body: the client shows the status */
    if (c->service->protocol == FT_AWS_REST_XML || c->service->protocol == FT_AWS_QUERY)
        error_xml(c);
    else
        error_json(c);
    return body_take(c);
}

void ft_aws_reply_begin(ft_aws_call *c) {
    if (c->op->raw) return;
    switch (c->service->protocol) {
    case FT_AWS_JSON_1_0:
    case FT_AWS_JSON_1_1:
    case FT_AWS_REST_JSON:
        ft_json_out_init(&c->json, &c->out, false);
        ft_json_out_object(&c->json);
        break;
    case FT_AWS_QUERY: {
        ft_str name = { 0 };
        ft_xml_out_init(&c->xml, &c->out);
        if (ft_arena_printf(&name, c->arena, "%sResponse", c->op->name) == FT_OK)
            ft_xml_open_ns(&c->xml, name.at, c->service->xmlns);
        if (ft_arena_printf(&name, c->arena, "%sResult", c->op->name) == FT_OK)
            ft_xml_open(&c->xml, name.at);
        break;
    }
    case FT_AWS_REST_XML:
        ft_xml_out_init(&c->xml, &c->out);
        break; /* the operation names its own root */
    }
}

ft_err ft_aws_reply_end(ft_aws_call *c) {
    request_id_header(c);
    if (c->op->raw) return FT_OK;
    if (c->service->protocol == FT_AWS_QUERY) {
        ft_xml_close(&c->xml);
        ft_xml_open(&c->xml, "ResponseMetadata");
        ft_xml_text(&c->xml, "RequestId", ft_str_of(c->request_id));
        ft_xml_close(&c->xml);
        ft_xml_close(&c->xml);
    } else if (c->service->protocol != FT_AWS_REST_XML) {
        ft_json_out_close(&c->json);
    }
    return body_take(c);
}
