/* routes_looks.c -- GET /endpoints/{name}/pictures: the pictures behind an alert. */
#include "serve/looks.h"
#include "serve/serve_in.h"
#include "serve/taps.h"
#include "serve/worker.h"
#include "store/lineage.h"
#include "watch/outbox.h"

#define RUNS_MAX 200
#define LATE_US  (60 * INT64_C(1000000)) /* an alert is raised while its run is written */
#define POLICY   "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

/* Which run an alert came from: the one whose window ends where its verdict was made, or whose report
 * its verdict of constraints names; of another alert the newest with violations by then. */
typedef struct cause {
    int64_t until_us;  /* 0: not told */
    ft_str report_uri; /* empty: not told */
    int64_t moment_us; /* INT64_MAX: no alert is asked about */
} cause;

static ft_err cause_read(cause *out, const ft_request *req, ft_store *s) {
    ft_str text = ft_request_query(req, "alert"), id, *parents, version;
    ft_alert alert;
    size_t count;
    int64_t number;
    *out = (cause){ .moment_us = INT64_MAX };
    if (!text.len) return FT_OK;
    if (!ft_str_i64(&number, text))
        return FT_FAIL(FT_EINVAL, "alert '%.*s': expected a number", FT_STR_ARG(text));
    FT_TRY(ft_alert_get(&alert, s, req->arena, number));
    *out = (cause){ .until_us = alert.verdict_at, .moment_us = alert.raised_us + LATE_US };
    if (alert.verdict_id) return FT_OK;
    FT_TRY(ft_lineage_id_number(&id, req->arena, FT_LINEAGE_ALERT, number));
    FT_TRY(ft_lineage_parents(&parents, &count, s, req->arena, id));
    for (size_t i = 0; i < count; i++)
        ft_lineage_id_read(&out->report_uri, &version, FT_LINEAGE_VERDICT, parents[i]);
    return FT_OK;
}

static const ft_monitor_row *run_of(const cause *c, const ft_monitor_row *runs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (c->until_us ? runs[i].until_us == c->until_us
                        : c->report_uri.len && ft_str_eq(runs[i].report_uri, c->report_uri))
            return &runs[i];
    for (size_t i = 0; i < count; i++)
        if (runs[i].violations > 0 && runs[i].created_us <= c->moment_us) return &runs[i];
    return NULL;
}

/* The newest one before it without a violation. */
static const ft_monitor_row *usual_before(const ft_monitor_row *odd, const ft_monitor_row *runs,
                                          size_t count) {
    for (size_t i = (size_t)(odd - runs) + 1; i < count; i++)
        if (runs[i].violations == 0 && runs[i].records > 0) return &runs[i];
    return NULL;
}

static ft_err pictures(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_endpoint ep;
    ft_monitor_row *runs;
    size_t count;
    cause why;
    ft_buf page = { 0 };
    ft_worker_refresh(w);
    FT_TRY(ft_endpoint_get(&ep, w->store, req->arena, req->params[0]));
    ft_looks_ask ask = { .endpoint = ep.name, .live = ft_live_find(w->set, ep.name) };
    FT_TRY(cause_read(&why, req, w->store));
    FT_TRY(ft_monitor_list(&runs, &count, w->store, req->arena, ep.name, RUNS_MAX));
    ask.odd = run_of(&why, runs, count);
    if (!ask.odd)
        return FT_FAIL(FT_ENOTFOUND, "no monitor run of endpoint '%.*s' has found a violation",
                       FT_STR_ARG(ep.name));
    ask.usual = usual_before(ask.odd, runs, count);
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
