/* invoke.c -- POST /endpoints/{name}/invocations: the hot path. Body in, the thread's model, answer
 * out; a sample of the pairs is captured before the answer is sent. */
#include "base/clock.h"
#include "base/log.h"
#include "monitor/answer.h"
#include "serve/invoke.h"
#include "serve/serve_in.h"
#include "serve/worker.h"

#define BODY_MAX      ((size_t)6 << 20) /* as SageMaker's endpoints: formats.md 3.6 */
#define WARN_EVERY_US (10 * FT_SECOND_US)

/* Not among the loaded ones: unknown, or not yet, or failed. */
static ft_err not_live(const ft_request *req, const ft_worker *w) {
    ft_endpoint row;
    FT_TRY(ft_endpoint_get(&row, w->store, req->arena, req->params[0]));
    if (ft_str_is(row.status, "Failed"))
        return FT_FAIL(FT_EPEER, "endpoint '%.*s' failed: %.*s", FT_STR_ARG(row.name),
                       FT_STR_ARG(row.reason));
    return FT_FAIL(FT_EBUSY, "endpoint '%.*s' is %.*s; try again in a moment", FT_STR_ARG(row.name),
                   FT_STR_ARG(row.status));
}

/* For the dashboard's shares of classes: what the last captured answers were. */
static void count_class(const ft_live *live, const ft_payload *out, ft_arena *arena) {
    ft_answer *rows;
    size_t count;
    if (live->held->answers == FT_ANSWERS_NUMBER) return;
    if (ft_answer_rows(&rows, &count, out, arena) != FT_OK) return;
    for (size_t i = 0; i < count; i++)
        ft_meter_class(live->meter, ft_answer_class(live->held->answers, &rows[i]));
}

/* A capture that cannot be written (a full disk) does not cost the caller the answer: it goes out
 * without an event id, and is counted and logged. */
static void capture(ft_request *req, ft_response *resp, const ft_live *live, const ft_payload *in,
                    const ft_payload *out) {
    ft_worker *w = req->thread;
    char id[FT_UUID_TEXT];
    ft_str kept;
    ft_err err = ft_worker_capture(w, live, id, in, out,
                                   ft_request_header(req, "X-Amzn-SageMaker-Inference-Id"),
                                   ft_request_header(req, "X-Amzn-SageMaker-Custom-Attributes"));
    if (err == FT_OK) err = ft_arena_str(&kept, req->arena, ft_str_n(id, FT_UUID_TEXT - 1));
    if (err == FT_OK) {
        atomic_fetch_add_explicit(&live->meter->captured, 1, memory_order_relaxed);
        ft_response_header(resp, "X-Fettle-Event-Id", kept);
        count_class(live, out, req->arena);
        return;
    }
    atomic_fetch_add_explicit(&live->meter->lost, 1, memory_order_relaxed);
    int64_t now_us = ft_clock_monotonic_us();
    if (!w->warned_us || now_us - w->warned_us > WARN_EVERY_US) {
        w->warned_us = now_us;
        ft_log_err(FT_LOG_ERROR, "serve", err, "a request was answered but not captured");
    }
    ft_err_clear();
}

const ft_live *ft_invoke_find(ft_worker *w, ft_str endpoint) {
    ft_worker_refresh(w);
    return ft_live_find(w->set, endpoint);
}

ft_err ft_invoke(ft_request *req, ft_response *resp, const ft_live *live) {
    ft_worker *w = req->thread;
    atomic_fetch_add_explicit(&live->meter->requests, 1, memory_order_relaxed);
    if (!req->body.len) {
        resp->status = 204; /* as SageMaker's XGBoost container answers nothing with nothing */
        return FT_OK;
    }
    const ft_model *m = live->held->model;
    ft_payload in = { ft_request_header(req, "Content-Type"), req->body }, out = { 0 };
    ft_err err =
        m->predictor->predict(m, &out, &in, ft_request_header(req, "Accept"), NULL, req->arena);
    if (err) {
        atomic_fetch_add_explicit(&live->meter->refused, 1, memory_order_relaxed);
        return err;
    }
    resp->body = out.bytes;
    resp->content_type = out.content_type;
    if (live->capture_percent > 0 &&
        ft_random_below(&w->random, 100) < (uint64_t)live->capture_percent)
        capture(req, resp, live, &in, &out);
    return FT_OK;
}

static ft_err invoke(ft_request *req, ft_response *resp) {
    const ft_live *live = ft_invoke_find(req->thread, req->params[0]);
    return live ? ft_invoke(req, resp, live) : not_live(req, req->thread);
}

const ft_route ft_routes_invoke[] = {
    { .method = "POST",
      .pattern = "/endpoints/{name}/invocations",
      .doc = "ask an endpoint; the answer is the predictor's",
      .body_limit_bytes = BODY_MAX,
      .handle = invoke },
    { 0 },
};
