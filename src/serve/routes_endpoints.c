/* routes_endpoints.c -- endpoints as JSON: what is asked for, what answers, what was captured and
 * how it looked. */
#include "base/json.h"
#include "monitor/monitor.h"
#include "serve/reply.h"
#include "serve/serve_in.h"
#include "serve/taps.h"
#include "serve/worker.h"

#define CLASSES_MAX 64 /* of one endpoint that are told */

static uint64_t count_of(const atomic_uint_fast64_t *n) {
    return atomic_load_explicit(n, memory_order_relaxed);
}

typedef struct shares {
    double of[CLASSES_MAX], sum;
} shares;

/* Of the last answers that this server captured. */
static void shares_of_answers(shares *out, const ft_meter *m) {
    uint64_t n = count_of(&m->recent_count);
    for (uint64_t i = 0; i < n && i < FT_LIVE_RECENT; i++) {
        int class = atomic_load_explicit(&m->recent[i], memory_order_relaxed);
        if (class < CLASSES_MAX) out->of[class]++, out->sum++;
    }
}

/* Of the newest monitor run: records "prediction=3" of the stream "drift". */
static ft_err shares_of_run(shares *out, ft_store *s, const ft_monitor_row *run) {
    ft_cursor *c;
    ft_record r;
    ft_err err;
    ft_str head = FT_STR(FT_MONITOR_PREDICTION "=");
    ft_cursor_opts opts = { .key = run->endpoint,
                            .from = run->until_us - 1,
                            .until = run->until_us,
                            .wanted = 1 << FT_DRIFT_FEATURE | 1 << FT_DRIFT_SHARE };
    FT_TRY(ft_cursor_open(&c, s, &ft_kind_drift, &opts));
    while ((err = ft_cursor_next(c, &r)) == FT_OK) {
        uint64_t class;
        ft_str feature = r.values[FT_DRIFT_FEATURE].s;
        if (!ft_str_starts(feature, head) || !ft_str_u64(&class, ft_str_from(feature, head.len)) ||
            class >= CLASSES_MAX)
            continue;
        double share = ft_value_number(&r.values[FT_DRIFT_SHARE]);
        if (share > 0) out->sum += share - out->of[class], out->of[class] = share;
    }
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* "classes": [{"class": 3, "label": "cat", "share": 0.8}, …], largest first. */
static void write_classes(ft_json_out *j, shares *s, const ft_live *live) {
    const ft_model *m = live ? live->held->model : NULL;
    ft_json_out_name(j, "classes");
    ft_json_out_array(j);
    while (s->sum > 0) {
        int top = 0;
        for (int c = 1; c < CLASSES_MAX; c++)
            if (s->of[c] > s->of[top]) top = c;
        if (s->of[top] <= 0) break;
        ft_json_out_object(j);
        ft_reply_int(j, "class", top);
        ft_str label =
            m && m->predictor->class_name ? m->predictor->class_name(m, top) : FT_STR("");
        if (label.len) ft_reply_str(j, "label", label);
        ft_json_out_name(j, "share");
        ft_json_out_f64(j, s->of[top] / s->sum);
        ft_json_out_close(j);
        s->of[top] = 0;
    }
    ft_json_out_close(j);
}

/* Since this server began. */
static void write_meter(ft_json_out *j, const ft_live *live) {
    ft_reply_int(j, "answers_version", live->version);
    ft_reply_int(j, "requests", (int64_t)count_of(&live->meter->requests));
    ft_reply_int(j, "refused", (int64_t)count_of(&live->meter->refused));
    ft_reply_int(j, "captured_now", (int64_t)count_of(&live->meter->captured));
    ft_reply_int(j, "captures_lost", (int64_t)count_of(&live->meter->lost));
}

/* "taps": where tensors of requests go, and how many of this server's did. */
static ft_err write_taps(ft_json_out *j, ft_arena *arena, const ft_endpoint *ep,
                         const ft_live *live) {
    ft_str uri;
    if (!ep->tap_regex.len) return FT_OK;
    FT_TRY(ft_taps_uri(&uri, arena, ep));
    ft_json_out_name(j, "taps");
    ft_json_out_object(j);
    ft_reply_str(j, "regex", ep->tap_regex);
    ft_reply_str(j, "uri", uri);
    ft_reply_int(j, "interval", ep->tap_interval);
    if (live && live->taps) {
        ft_taps_told told = ft_taps_tell(live->taps);
        ft_reply_int(j, "recorded", told.recorded);
        ft_reply_int(j, "lost", told.lost);
        ft_reply_int(j, "failed", told.failed);
        ft_reply_int(j, "waiting", told.waiting);
    }
    ft_json_out_close(j);
    return FT_OK;
}

/* Whatever was captured and is still kept, this server's and earlier ones'. */
static ft_err write_captured(ft_json_out *j, ft_store *s, ft_str name, const ft_live *live) {
    uint64_t records;
    FT_TRY(ft_stream_total(&records, s, &ft_kind_capture, name));
    if (live) records += count_of(&live->meter->growing);
    ft_reply_int(j, "captured", (int64_t)records);
    return FT_OK;
}

static ft_err write_monitor(ft_json_out *j, ft_arena *arena, const ft_monitor_row *run) {
    ft_str report;
    FT_TRY(ft_arena_printf(&report, arena, "/endpoints/%.*s/report", FT_STR_ARG(run->endpoint)));
    ft_json_out_object(j);
    ft_reply_str(j, "status", run->status);
    ft_reply_time(j, "from", run->from_us);
    ft_reply_time(j, "until", run->until_us);
    ft_reply_int(j, "records", run->records);
    ft_reply_int(j, "violations", run->violations);
    ft_reply_str(j, "report", report);
    ft_json_out_close(j);
    return FT_OK;
}

/* The newest run, and the shares of the classes: the server's own, else the run's. */
static ft_err write_traffic(ft_json_out *j, ft_store *s, ft_arena *arena, ft_str name,
                            const ft_live *live) {
    ft_monitor_row *runs;
    size_t count;
    shares classes = { 0 };
    FT_TRY(ft_monitor_list(&runs, &count, s, arena, name, 1));
    if (live) shares_of_answers(&classes, live->meter);
    if (count && classes.sum <= 0) FT_TRY(shares_of_run(&classes, s, &runs[0]));
    write_classes(j, &classes, live);
    ft_json_out_name(j, "monitor");
    if (count) return write_monitor(j, arena, &runs[0]);
    ft_json_out_null(j);
    return FT_OK;
}

static ft_err write_endpoint(ft_json_out *j, ft_worker *w, ft_arena *arena, const ft_endpoint *ep) {
    const ft_live *live = ft_live_find(w->set, ep->name);
    ft_json_out_object(j);
    ft_reply_str(j, "name", ep->name);
    ft_reply_str(j, "status", ep->status);
    ft_reply_str(j, "reason", ep->reason);
    ft_reply_int(j, "version", ep->version);
    ft_reply_int(j, "serving", ep->serving);
    ft_reply_str(j, "predictor", ep->predictor);
    ft_reply_str(j, "job", ep->job);
    ft_reply_str(j, "model", ep->model_uri);
    ft_reply_str(j, "model_sha256", ep->model_sha256);
    ft_reply_int(j, "capture_percent", ep->capture_percent);
    ft_reply_time(j, "created", ep->created_us);
    ft_reply_time(j, "modified", ep->modified_us);
    FT_TRY(write_captured(j, w->store, ep->name, live));
    if (live) write_meter(j, live);
    FT_TRY(write_taps(j, arena, ep, live));
    FT_TRY(write_traffic(j, w->store, arena, ep->name, live));
    ft_json_out_close(j);
    return FT_OK;
}

static ft_err list(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_endpoint *all;
    size_t count;
    ft_json_out j;
    ft_worker_refresh(w);
    FT_TRY(ft_endpoint_list(&all, &count, w->store, req->arena));
    ft_reply_begin(w, &j);
    ft_json_out_name(&j, "endpoints");
    ft_json_out_array(&j);
    for (size_t i = 0; i < count; i++) FT_TRY(write_endpoint(&j, w, req->arena, &all[i]));
    ft_json_out_close(&j);
    return ft_reply_end(req, resp, &j);
}

static ft_err one(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_endpoint ep;
    ft_json_out j;
    ft_worker_refresh(w);
    FT_TRY(ft_endpoint_get(&ep, w->store, req->arena, req->params[0]));
    ft_reply_begin(w, &j);
    ft_json_out_name(&j, "endpoint");
    FT_TRY(write_endpoint(&j, w, req->arena, &ep));
    const ft_live *live = ft_live_find(w->set, ep.name);
    ft_json_out_name(&j, "description");
    if (live) {
        ft_json_out_object(&j);
        live->held->model->predictor->describe(live->held->model, &j);
        ft_json_out_close(&j);
    } else {
        ft_json_out_null(&j);
    }
    return ft_reply_end(req, resp, &j);
}

static ft_err report(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_monitor_row *runs;
    size_t count;
    ft_str uri;
    FT_TRY(ft_monitor_list(&runs, &count, w->store, req->arena, req->params[0], 1));
    if (!count)
        return FT_FAIL(FT_ENOTFOUND,
                       "endpoint '%.*s' was not monitored yet; `fettle monitor run %.*s` does it",
                       FT_STR_ARG(req->params[0]), FT_STR_ARG(req->params[0]));
    FT_TRY(ft_arena_printf(&uri, req->arena, "%.*s/report.html", FT_STR_ARG(runs[0].report_uri)));
    return ft_reply_report(req, resp, uri);
}

const ft_route ft_routes_endpoints[] = {
    { .method = "GET", .pattern = "/endpoints", .doc = "every endpoint", .handle = list },
    { .method = "GET",
      .pattern = "/endpoints/{name}",
      .doc = "one endpoint and its model",
      .handle = one },
    { .method = "GET",
      .pattern = "/endpoints/{name}/report",
      .doc = "report of the newest monitor run, HTML",
      .handle = report },
    { 0 },
};
