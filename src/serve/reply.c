/* reply.c -- see reply.h. */
#include "serve/reply.h"

#include "base/clock.h"
#include "store/objects.h"

#define JSON_KEEP_BYTES ((size_t)1 << 20) /* a larger answer's memory is given back after it */
/* A report brings its script and style in its one file. */
#define REPORT_POLICY \
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

/* ---- JSON answers */

void ft_reply_begin(ft_worker *w, ft_json_out *j) {
    ft_buf_reset(&w->json);
    ft_json_out_init(j, &w->json, false);
    ft_json_out_object(j);
}

ft_err ft_reply_end(ft_request *req, ft_response *resp, ft_json_out *j) {
    ft_json_out_close(j);
    FT_TRY(j->buf->err);
    FT_TRY(ft_arena_str(&resp->body, req->arena, ft_buf_str(j->buf)));
    resp->content_type = FT_STR("application/json");
    ft_response_header(resp, "Cache-Control", FT_STR("no-store"));
    if (j->buf->capacity > JSON_KEEP_BYTES) ft_buf_fini(j->buf);
    return FT_OK;
}

void ft_reply_time(ft_json_out *j, const char *name, int64_t us) {
    char text[FT_TIME_TEXT];
    ft_json_out_name(j, name);
    ft_json_out_text(j, us ? ft_time_iso(text, us, true) : NULL);
}

void ft_reply_str(ft_json_out *j, const char *name, ft_str value) {
    ft_json_out_name(j, name);
    ft_json_out_str(j, value);
}

void ft_reply_int(ft_json_out *j, const char *name, int64_t value) {
    ft_json_out_name(j, name);
    ft_json_out_i64(j, value);
}

ft_err ft_query_count(size_t *out, const ft_request *req, const char *name, size_t otherwise,
                      size_t most) {
    ft_str text = ft_request_query(req, name);
    uint64_t value = otherwise;
    if (text.at && !ft_str_u64(&value, text))
        return FT_FAIL(FT_EINVAL, "%s=%.*s: expected a whole number", name, FT_STR_ARG(text));
    *out = value > most ? most : (size_t)value;
    return FT_OK;
}

/* ---- pages */

void ft_reply_policy(ft_response *resp, ft_str policy) {
    ft_response_header(resp, "Content-Security-Policy", policy);
    ft_response_header(resp, "X-Content-Type-Options", FT_STR("nosniff"));
    ft_response_header(resp, "Referrer-Policy", FT_STR("no-referrer"));
    ft_response_header(resp, "Cache-Control", FT_STR("no-cache"));
}

ft_err ft_reply_report(ft_request *req, ft_response *resp, ft_str uri_text) {
    ft_worker *w = req->thread;
    ft_uri uri;
    FT_TRY(ft_uri_parse(&uri, uri_text));
    FT_TRY(ft_object_path(&resp->file, w->store, req->arena, uri.bucket, uri.key));
    ft_reply_policy(resp, FT_STR(REPORT_POLICY));
    resp->content_type = FT_STR("text/html; charset=utf-8");
    return FT_OK;
}
