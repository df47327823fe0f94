/* routes_looks.c -- GET /endpoints/{name}/pictures: the pictures behind an alert. */
#include "serve/looks.h"
#include "serve/serve_in.h"
#include "serve/taps.h"
#include "serve/worker.h"
#include "watch/outbox.h"

#define RUNS_MAX   200
#define ALERTS_MAX 1000
#define LATE_US    (60 * INT64_C(1000000)) /* an alert is raised while its run is written */
#define POLICY     "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

/* When the alert was raised; INT64_MAX without one. */
static ft_err moment_of(int64_t *out, const ft_request *req, ft_store *s) {
    ft_str text = ft_request_query(req, "alert");
    ft_alert *all;
    size_t count;
    int64_t id;
    *out = INT64_MAX;
    if (!text.len) return FT_OK;
    if (!ft_str_i64(&id, text))
        return FT_FAIL(FT_EINVAL, "alert '%.*s': expected a number", FT_STR_ARG(text));
    FT_TRY(ft_alert_list(&all, &count, s, req->arena, ALERTS_MAX));
    for (size_t i = 0; i < count; i++)
        if (all[i].id == id) {
            *out = all[i].raised_us + LATE_US;
            return FT_OK;
        }
    return FT_FAIL(FT_ENOTFOUND, "there is no alert %lld", (long long)id);
}

/* The newest run with violations up to the moment, and the newest one without before it. */
static void runs_choose(const ft_monitor_row **odd, const ft_monitor_row **usual,
                        const ft_monitor_row *runs, size_t count, int64_t moment) {
    *odd = *usual = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!*odd && runs[i].violations > 0 && runs[i].created_us <= moment)
            *odd = &runs[i];
        else if (*odd && !*usual && runs[i].violations == 0 && runs[i].records > 0)
            *usual = &runs[i];
    }
}

static ft_err pictures(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_endpoint ep;
    ft_monitor_row *runs;
    size_t count;
    int64_t moment;
    ft_buf page = { 0 };
    ft_worker_refresh(w);
    FT_TRY(ft_endpoint_get(&ep, w->store, req->arena, req->params[0]));
    ft_looks_ask ask = { .endpoint = ep.name, .live = ft_live_find(w->set, ep.name) };
    FT_TRY(moment_of(&moment, req, w->store));
    FT_TRY(ft_monitor_list(&runs, &count, w->store, req->arena, ep.name, RUNS_MAX));
    runs_choose(&ask.odd, &ask.usual, runs, count, moment);
    if (!ask.odd)
        return FT_FAIL(FT_ENOTFOUND, "no monitor run of endpoint '%.*s' has found a violation",
                       FT_STR_ARG(ep.name));
    if (ep.tap_regex.len) FT_TRY(ft_taps_uri(&ask.tensors, req->arena, &ep));
    ft_err err = ft_looks_page(&page, w->store, req->arena, &ask);
    if (err == FT_OK) err = ft_arena_str(&resp->body, req->arena, ft_buf_str(&page));
    ft_buf_fini(&page);
    FT_TRY(err);
    resp->content_type = FT_STR("text/html; charset=utf-8");
    ft_response_header(resp, "Content-Security-Policy", FT_STR(POLICY));
    ft_response_header(resp, "X-Content-Type-Options", FT_STR("nosniff"));
    ft_response_header(resp, "Cache-Control", FT_STR("no-cache"));
    return FT_OK;
}

const ft_route ft_routes_looks[] = {
    { .method = "GET",
      .pattern = "/endpoints/{name}/pictures",
      .doc = "pictures, heat maps and tensors of an alert's window beside usual ones (?alert=ID)",
      .handle = pictures },
    { 0 },
};
