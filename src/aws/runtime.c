/* runtime.c -- SageMaker's runtime: InvokeEndpoint, by the same way as the server's own door
 * (serve/invoke.h). */
#include "aws/hosting_in.h"
#include "aws/logs_in.h"
#include "aws/sagemaker_in.h"
#include "aws/services_in.h"
#include "base/check.h"
#include "base/err.h"
#include "serve/invoke.h"

/* In the words of this service, which has another code for it. */
static ft_err name_check(ft_aws_call *c, ft_str name) {
    ft_err err = ft_sagemaker_name_check(c, "endpointName", name);
    if (err != FT_OK && c->error_code) c->error_code = "ValidationError";
    return err;
}

/* The text that clients look for; what is known beyond that follows it. */
static ft_err not_live(ft_aws_call *c, ft_worker *w, ft_str name) {
    ft_endpoint row;
    ft_err err = ft_endpoint_get(&row, w->store, c->arena, name);
    ft_err_clear();
    FT_TRY(name_check(c, name));
    if (err && err != FT_ENOTFOUND) return err;
    return ft_aws_fail(c, 400, "ValidationError", "Endpoint %.*s of account %s not found.%s%.*s%s",
                       FT_STR_ARG(name), FT_AWS_ACCOUNT, err ? "" : " It is ",
                       FT_STR_ARG(err ? FT_STR("") : row.status), err ? "" : ".");
}

static void extra(ft_aws_call *c, const char *name, ft_str json) {
    c->extra[c->extra_count].name = name;
    c->extra[c->extra_count++].json = json;
}

static ft_err quoted(ft_str *out, ft_aws_call *c, ft_str text) {
    ft_buf buf = { 0 };
    ft_err err = ft_json_quote(&buf, text);
    if (err == FT_OK) err = ft_arena_str(out, c->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

/* What the model refused, as its container answered; status 0: it gave no answer. */
static ft_err model_error(ft_aws_call *c, int status, ft_str message, ft_str name) {
    ft_str json, number, stream;
    FT_TRY(quoted(&json, c, message));
    FT_TRY(ft_arena_printf(&number, c->arena, "%d", status));
    FT_TRY(ft_arena_printf(&stream, c->arena,
                           "\"arn:aws:logs:%.*s:%s:log-group:" FT_LOGS_ENDPOINT "%.*s\"",
                           FT_STR_ARG(c->region), FT_AWS_ACCOUNT, FT_STR_ARG(name)));
    extra(c, "OriginalStatusCode", number);
    extra(c, "OriginalMessage", json);
    extra(c, "LogStreamArn", stream);
    return ft_aws_fail(
        c, 424, "ModelError",
        "Received %s error (%d) from primary with message \"%.*s\". See " FT_LOGS_ENDPOINT
        "%.*s in the logs for more information.",
        status >= 400 && status < 500 ? "client" : "server", status, FT_STR_ARG(message),
        FT_STR_ARG(name));
}

/* The same when a predictor of this program refused, or a program did not answer. */
static ft_err predictor_error(ft_aws_call *c, ft_err why, ft_str name) {
    ft_str message;
    FT_TRY(ft_arena_str(&message, c->arena, ft_str_of(ft_err_why())));
    ft_err_clear();
    return model_error(c, why == FT_ETIMEOUT ? 0 : ft_err_http(why), message, name);
}

/* Which variant, by its name or by the weights. NULL: the error is set. */
static const ft_live *variant_of(ft_aws_call *c, ft_str name) {
    ft_worker *w = c->req->thread;
    ft_str asked = ft_request_header(c->req, "X-Amzn-SageMaker-Target-Variant");
    const ft_live *live = ft_invoke_asked(c->req);
    if (live) return live; /* called again for the answer */
    live = ft_invoke_find(w, name);
    if (!live) {
        (void)not_live(c, w, name);
        return NULL;
    }
    if (!asked.len) return ft_invoke_choose(c->req, live);
    live = ft_live_variant(live, asked);
    if (!live)
        (void)ft_aws_fail(c, 400, "ValidationError", "Variant %.*s was not found.",
                          FT_STR_ARG(asked));
    return live;
}

static ft_err invoke_endpoint(ft_aws_call *c) {
    ft_str name = c->path[0], variant;
    const ft_live *live = variant_of(c, name);
    if (!live) return FT_EINVAL;
    if (ft_request_header(c->req, "X-Amzn-SageMaker-Target-Model").len)
        return ft_aws_fail(c, 400, "ValidationError", "Endpoint %.*s serves one model only",
                           FT_STR_ARG(name));
    FT_TRY(ft_arena_str(&variant, c->arena,
                        live->capture.variant)); /* the answer may outlive the endpoint */
    bool asks = live->held->model->predictor->ask != NULL;
    ft_err err = ft_invoke(c->req, c->resp, live);
    if (err == FT_ENOMEM || err == FT_EBUSY)
        return ft_aws_fail(c, 503, "ServiceUnavailable", "%s", ft_err_why());
    if (err) return predictor_error(c, err, name);
    if (c->resp->later) return FT_OK;
    int status = c->resp->status ? c->resp->status : 200;
    if (status < 200 || status > 299) {
        ft_str message = c->resp->body;
        c->resp->header_count = 0;
        return model_error(c, status, message, name);
    }
    ft_response_header(c->resp, "x-Amzn-Invoked-Production-Variant", variant);
    ft_str custom = ft_request_header(c->req, "X-Amzn-SageMaker-Custom-Attributes");
    if (custom.len && !asks) { /* the built-in models hand them back, as containers may */
        FT_TRY(ft_arena_str(&custom, c->arena, custom));
        ft_response_header(c->resp, "X-Amzn-SageMaker-Custom-Attributes", custom);
    }
    return FT_OK;
}

/* What is under an endpoint beside its invocations: a name with slashes, and the two ways to invoke
 * that are no operations here. */
static ft_err invoke_otherwise(ft_aws_call *c) {
    static const char *const ends[][2] = {
        { "/async-invocations", "InvokeEndpointAsync" },
        { "/invocations-response-stream", "InvokeEndpointWithResponseStream" },
    };
    ft_str name = c->path[0], end = FT_STR("/invocations");
    for (size_t i = 0; i < FT_COUNT(ends); i++)
        if (ft_str_ends(name, ft_str_of(ends[i][0])))
            return ft_aws_fail(c, 501, "NotImplemented",
                               "Endpoints answer at once and in one piece here: %s is not built",
                               ends[i][1]);
    if (ft_str_ends(name, end)) name.len -= end.len;
    FT_TRY(name_check(c, name));
    return ft_aws_fail(c, 400, "UnknownOperationException", "%s has no operation %.*s here",
                       c->service->title, FT_STR_ARG(c->req->path));
}

static const ft_aws_op ops[] = {
    { .name = "InvokeEndpoint",
      .method = "POST",
      .path = "/endpoints/{EndpointName}/invocations",
      .raw = true,
      .run = invoke_endpoint },
    { .name = "InvokeEndpoint",
      .method = "POST",
      .path = "/endpoints/{EndpointName+}",
      .raw = true,
      .run = invoke_otherwise },
    { 0 },
};

const ft_aws_service ft_aws_sagemaker_runtime = { .name = "sagemaker",
                                                  .title = "SageMaker Runtime",
                                                  .protocol = FT_AWS_REST_JSON,
                                                  .xmlns = "",
                                                  .version = "2017-05-13",
                                                  .ops = ops };
