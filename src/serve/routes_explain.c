/* routes_explain.c -- POST /endpoints/{name}/explain: why the endpoint's model answers this request
 * as it does. Nothing is captured or counted: it is a question about a request, not one. */
#include <math.h>

#include "serve/asking.h"
#include "serve/invoke.h"
#include "serve/serve_in.h"
#include "serve/worker.h"

#define BODY_MAX ((size_t)6 << 20) /* as invocations */

static ft_err opacity_of(float *out, const ft_request *req) {
    ft_str text = ft_request_query(req, "opacity");
    double v;
    *out = 0;
    if (!text.len) return FT_OK;
    if (!ft_str_f64(&v, text) || !(v > 0 && v <= 1))
        return FT_FAIL(FT_EINVAL, "opacity '%.*s': expected a number above 0, at most 1",
                       FT_STR_ARG(text));
    *out = (float)v;
    return FT_OK;
}

/* Texts of a query: whole numbers from 1, numbers above 0. */
static ft_err number_of(double *out, const ft_request *req, const char *name, double most,
                        bool whole) {
    ft_str text = ft_request_query(req, name);
    double v;
    *out = 0;
    if (!text.at) return FT_OK;
    if (ft_str_f64(&v, text) && v > 0 && v <= most && (!whole || (v >= 1 && v == floor(v)))) {
        *out = v;
        return FT_OK;
    }
    return FT_FAIL(FT_EINVAL, "%s '%.*s': expected a %snumber above 0, at most %g", name,
                   FT_STR_ARG(text), whole ? "whole " : "", most);
}

/* What nobody reads is a mistake that the answer would hide. */
static ft_err names_check(const ft_request *req) {
    static const char *const names[] = { "method", "class", "opacity", "samples",
                                         "noise",  "seed",  NULL };
    ft_str name, value;
    for (size_t i = 0; ft_request_each_query(req, i, &name, &value); i++) {
        bool known = false;
        for (const char *const *n = names; *n; n++) known |= ft_str_is(name, *n);
        if (!known)
            return FT_FAIL(FT_EINVAL,
                           "no parameter '%.*s': expected method, class, opacity, samples, noise "
                           "or seed",
                           FT_STR_ARG(name));
    }
    return FT_OK;
}

static ft_err smooth_of(ft_explain_ask *ask, const ft_request *req) {
    double samples, noise, seed;
    FT_TRY(number_of(&samples, req, "samples", FT_EXPLAIN_SAMPLES_MAX, true));
    FT_TRY(number_of(&noise, req, "noise", 10, false));
    FT_TRY(number_of(&seed, req, "seed", 1e15, true));
    ask->samples = (int)samples, ask->noise = noise, ask->seed = (uint64_t)seed;
    if ((samples > 0 || noise > 0 || seed > 0) && !ft_str_is(ask->method, "smoothgrad"))
        return FT_FAIL(FT_EINVAL, "samples, noise and seed are of method=smoothgrad");
    return FT_OK;
}

static ft_err explain(ft_request *req, ft_response *resp) {
    const ft_live *live = ft_invoke_find(req->thread, req->params[0]);
    ft_payload in = { ft_request_header(req, "Content-Type"), req->body }, out = { 0 };
    ft_explain_ask ask = { .method = ft_request_query(req, "method"),
                           .class = ft_request_query(req, "class") };
    FT_TRY(names_check(req));
    FT_TRY(opacity_of(&ask.opacity, req));
    FT_TRY(smooth_of(&ask, req));
    if (!live)
        return FT_FAIL(FT_ENOTFOUND, "no endpoint '%.*s' answers here", FT_STR_ARG(req->params[0]));
    const ft_model *m = live->held->model;
    if (!m->predictor->explain)
        return FT_FAIL(FT_EUNSUPPORTED, "a model of predictor '%s' does not tell why",
                       m->predictor->name);
    FT_TRY(m->predictor->explain(m, &out, &in, &ask, ft_request_header(req, "Accept"), req->arena));
    resp->body = out.bytes;
    resp->content_type = out.content_type;
    return FT_OK;
}

const ft_route ft_routes_explain[] = {
    { .method = "POST",
      .pattern = "/endpoints/{name}/explain",
      .doc = "why a picture is answered as it is: a heat map (?method=fullgrad|gradient|smoothgrad|"
             "gradcam&class=K&opacity=X; smoothgrad: samples, noise, seed)",
      .body_limit_bytes = BODY_MAX,
      .handle = explain },
    { 0 },
};
