/* routes_page.c -- the dashboard's files (compiled in, see embed.c), reports, and whether the
 * server is well. */
#include "base/check.h"
#include "base/clock.h"
#include "jobs/job.h"
#include "jobs/report.h"
#include "serve/asset.h"
#include "serve/reply.h"
#include "serve/serve_in.h"
#include "serve/worker.h"
#include "store/objects.h"

/* The page runs its own script and style and talks to this server. */
#define PAGE_POLICY                                                                         \
    "default-src 'self'; media-src 'self' blob:; base-uri 'none'; frame-ancestors 'none'; " \
    "form-action 'none'"

static ft_err send_asset(ft_request *req, ft_response *resp, ft_str name) {
    for (const ft_asset *a = ft_assets; a->name; a++) {
        if (!ft_str_is(name, a->name)) continue;
        ft_reply_policy(resp, FT_STR(PAGE_POLICY));
        ft_response_header(resp, "ETag", ft_str_of(a->etag));
        resp->content_type = ft_str_of(a->content_type);
        if (ft_str_is(ft_request_header(req, "If-None-Match"), a->etag))
            resp->status = 304;
        else
            resp->body = ft_str_n(a->bytes, a->len);
        return FT_OK;
    }
    return FT_FAIL(FT_ENOTFOUND, "there is no page '%.*s'", FT_STR_ARG(req->path));
}

static ft_err page(ft_request *req, ft_response *resp) {
    return send_asset(req, resp, FT_STR("index.html"));
}

static ft_err speech(ft_request *req, ft_response *resp) {
    return send_asset(req, resp, FT_STR("speech.html"));
}

static ft_err mark(ft_request *req, ft_response *resp) {
    return send_asset(req, resp, FT_STR("mark.svg")); /* browsers ask, also for a report */
}

static ft_err asset(ft_request *req, ft_response *resp) {
    return send_asset(req, resp, req->params[0]);
}

/* Of a job that has ended the one that is stored, when it was made after the end; else made now. */
static ft_err report(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_job job;
    ft_str text;
    ft_uri uri;
    ft_object object;
    FT_TRY(ft_job_get(&job, w->store, req->arena, req->params[0]));
    FT_TRY(ft_arena_printf(&text, req->arena, "%.*s/%.*s/report/report.html",
                           FT_STR_ARG(job.output_uri), FT_STR_ARG(job.name)));
    FT_TRY(ft_uri_parse(&uri, text));
    ft_err err = ft_object_head(&object, w->store, req->arena, uri.bucket, uri.key);
    if (err && err != FT_ENOTFOUND) return err;
    if (err || !job.ended_us || object.modified_us < job.ended_us)
        FT_TRY(ft_job_report(&text, w->store, req->arena, job.name));
    return ft_reply_report(req, resp, text);
}

static ft_err ping(ft_request *req, ft_response *resp) {
    FT_UNUSED(req);
    resp->content_type = FT_STR("text/plain");
    return FT_OK;
}

/* 200 when the store answers; which endpoints answer. */
static ft_err health(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    int64_t version;
    ft_json_out j;
    ft_worker_refresh(w);
    FT_TRY(ft_db_version(&version, ft_store_db(w->store)));
    ft_reply_begin(w, &j);
    ft_reply_str(&j, "status", FT_STR("ok"));
    ft_reply_str(&j, "version", FT_STR(FETTLE_VERSION));
    ft_reply_str(&j, "home", ft_str_of(w->serve->home));
    ft_reply_time(&j, "time", ft_clock_now_us());
    ft_json_out_name(&j, "endpoints");
    ft_json_out_array(&j);
    for (size_t i = 0; i < w->set->count; i++) ft_json_out_str(&j, w->set->items[i].name);
    ft_json_out_close(&j);
    return ft_reply_end(req, resp, &j);
}

const ft_route ft_routes_page[] = {
    { .method = "GET", .pattern = "/", .doc = "the dashboard", .handle = page },
    { .method = "GET",
      .pattern = "/speech",
      .doc = "the page of speech: type, listen, see",
      .handle = speech },
    { .method = "GET", .pattern = "/web/{file}", .doc = "the dashboard's files", .handle = asset },
    { .method = "GET", .pattern = "/favicon.ico", .doc = "the mark, SVG", .handle = mark },
    { .method = "GET",
      .pattern = "/reports/{job}",
      .doc = "a job's report, HTML",
      .handle = report },
    { .method = "GET", .pattern = "/ping", .doc = "200: the server answers", .handle = ping },
    { .method = "GET",
      .pattern = "/healthz",
      .doc = "whether the server is well, and what it serves",
      .handle = health },
    { 0 },
};
