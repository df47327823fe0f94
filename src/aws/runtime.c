/* runtime.c -- SageMaker's runtime: InvokeEndpoint, by the same way as the server's own door
 * (serve/invoke.h). */
#include "aws/hosting_in.h"
#include "aws/services_in.h"
#include "base/err.h"
#include "serve/invoke.h"

/* The text that clients look for; what is known beyond that follows it. */
static ft_err not_live(ft_aws_call *c, ft_worker *w, ft_str name) {
    ft_endpoint row;
    ft_err err = ft_endpoint_get(&row, w->store, c->arena, name);
    ft_err_clear();
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

/* What the model refused, as if a container had answered it. */
static ft_err model_error(ft_aws_call *c, ft_err why, ft_str name) {
    ft_str message, json, status, stream;
    FT_TRY(ft_arena_str(&message, c->arena, ft_str_of(ft_err_why())));
    FT_TRY(quoted(&json, c, message));
    FT_TRY(ft_arena_printf(&status, c->arena, "%d", ft_err_http(why)));
    FT_TRY(ft_arena_printf(&stream, c->arena,
                           "\"arn:aws:logs:%.*s:%s:log-group:/aws/sagemaker/Endpoints/%.*s\"",
                           FT_STR_ARG(c->region), FT_AWS_ACCOUNT, FT_STR_ARG(name)));
    ft_err_clear();
    extra(c, "OriginalStatusCode", status);
    extra(c, "OriginalMessage", json);
    extra(c, "LogStreamArn", stream);
    return ft_aws_fail(
        c, 424, "ModelError", "Received %s error (%d) from primary with message \"%.*s\".",
        ft_err_http(why) < 500 ? "client" : "server", ft_err_http(why), FT_STR_ARG(message));
}

static ft_err invoke_endpoint(ft_aws_call *c) {
    ft_worker *w = c->req->thread;
    ft_str name = c->path[0], asked = ft_request_header(c->req, "X-Amzn-SageMaker-Target-Variant"),
           variant;
    const ft_live *live = ft_invoke_find(w, name);
    if (!live) return not_live(c, w, name);
    variant = live->capture.variant.len ? live->capture.variant : FT_STR(FT_CAPTURE_VARIANT);
    if (asked.len && !ft_str_eq(asked, variant))
        return ft_aws_fail(c, 400, "ValidationError", "Variant %.*s was not found.",
                           FT_STR_ARG(asked));
    if (ft_request_header(c->req, "X-Amzn-SageMaker-Target-Model").len)
        return ft_aws_fail(c, 400, "ValidationError", "Endpoint %.*s serves one model only",
                           FT_STR_ARG(name));
    ft_err err = ft_invoke(c->req, c->resp, live);
    if (err == FT_ENOMEM || err == FT_EBUSY)
        return ft_aws_fail(c, 503, "ServiceUnavailable", "%s", ft_err_why());
    if (err) return model_error(c, err, name);
    FT_TRY(ft_arena_str(&variant, c->arena, variant)); /* the answer may outlive the endpoint */
    ft_response_header(c->resp, "x-Amzn-Invoked-Production-Variant", variant);
    ft_str custom = ft_request_header(c->req, "X-Amzn-SageMaker-Custom-Attributes");
    if (custom.len) { /* the built-in models hand them back, as containers may */
        FT_TRY(ft_arena_str(&custom, c->arena, custom));
        ft_response_header(c->resp, "X-Amzn-SageMaker-Custom-Attributes", custom);
    }
    return FT_OK;
}

static const ft_aws_op ops[] = {
    { .name = "InvokeEndpoint",
      .method = "POST",
      .path = "/endpoints/{EndpointName}/invocations",
      .raw = true,
      .run = invoke_endpoint },
    { 0 },
};

const ft_aws_service ft_aws_sagemaker_runtime = { .name = "sagemaker",
                                                  .title = "SageMaker Runtime",
                                                  .protocol = FT_AWS_REST_JSON,
                                                  .xmlns = "",
                                                  .version = "2017-05-13",
                                                  .ops = ops };
