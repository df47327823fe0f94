/* invoke.c -- POST /endpoints/{name}/invocations: the hot path. Body in, the thread's model, answer
 * out; a sample of the pairs is captured before the answer is sent. */
#include "base/clock.h"
#include "base/log.h"
#include "monitor/answer.h"
#include "serve/asking.h"
#include "serve/invoke.h"
#include "serve/serve_in.h"
#include "serve/taps.h"
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
 * without an event id, and is counted and logged. The event's id, empty when there is none. */
static ft_str capture(ft_request *req, ft_response *resp, const ft_live *live, const ft_payload *in,
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
        return kept;
    }
    atomic_fetch_add_explicit(&live->meter->lost, 1, memory_order_relaxed);
    int64_t now_us = ft_clock_monotonic_us();
    if (!w->warned_us || now_us - w->warned_us > WARN_EVERY_US) {
        w->warned_us = now_us;
        ft_log_err(FT_LOG_ERROR, "serve", err, "a request was answered but not captured");
    }
    ft_err_clear();
    return FT_STR("");
}

const ft_live *ft_invoke_find(ft_worker *w, ft_str endpoint) {
    ft_worker_refresh(w);
    return ft_live_find(w->set, endpoint);
}

static bool is_captured(ft_worker *w, const ft_live *live) {
    return live->capture_percent > 0 &&
           ft_random_below(&w->random, 100) < (uint64_t)live->capture_percent;
}

/* ---- models that are other processes */

static ft_err ask(ft_request *req, ft_response *resp, const ft_live *live) {
    ft_worker *w = req->thread;
    ft_asking asking = {
        .in = { .content_type = ft_request_header(req, "Content-Type"), .bytes = req->body },
        .accept = ft_request_header(req, "Accept"),
        .custom_attributes = ft_request_header(req, "X-Amzn-SageMaker-Custom-Attributes")
    };
    return ft_asking_begin(req, resp, w->serve->askings, w->set, live, &asking);
}

/* As it is in the set that this thread has by now; the old one when it was replaced while the
 * program thought. */
static const ft_live *now_live(const ft_worker *w, const ft_live *then) {
    const ft_live *now = ft_live_same(w->set, then);
    return now ? now : then;
}

static ft_err answer(ft_request *req, ft_response *resp, const ft_asked *asked) {
    ft_worker *w = req->thread;
    const ft_asking *a = &asked->asking;
    bool good = asked->err == FT_OK && a->status >= 200 && a->status <= 299;
    if (!good) atomic_fetch_add_explicit(&asked->live->meter->refused, 1, memory_order_relaxed);
    if (asked->err != FT_OK) return FT_FAIL(asked->err, "%.*s", FT_STR_ARG(asked->why));
    resp->status = a->status;
    FT_TRY(ft_arena_str(&resp->body, req->arena, a->out.bytes));
    FT_TRY(ft_arena_str(&resp->content_type, req->arena, a->out.content_type));
    if (a->custom_attributes_out.len) {
        ft_str text;
        FT_TRY(ft_arena_str(&text, req->arena, a->custom_attributes_out));
        ft_response_header(resp, "X-Amzn-SageMaker-Custom-Attributes", text);
    }
    if (good && is_captured(w, asked->live))
        capture(req, resp, now_live(w, asked->live), &a->in, &a->out);
    return FT_OK;
}

/* ---- */

const ft_live *ft_invoke_asked(const ft_request *req) {
    const ft_asked *asked = req->waiting;
    return asked ? asked->live : NULL;
}

ft_err ft_invoke(ft_request *req, ft_response *resp, const ft_live *live) {
    ft_worker *w = req->thread;
    if (req->waiting) {
        ft_asked *asked = ft_asking_result(req, resp);
        if (!asked) return FT_OK; /* later still */
        ft_err err = answer(req, resp, asked);
        ft_asking_forget(req);
        return err;
    }
    atomic_fetch_add_explicit(&live->meter->requests, 1, memory_order_relaxed);
    const ft_model *m = live->held->model;
    if (m->predictor->ask) return ask(req, resp, live);
    if (!req->body.len && m->predictor->empty_is_fine) {
        resp->status = 204;
        return FT_OK;
    }
    ft_payload in = { ft_request_header(req, "Content-Type"), req->body }, out = { 0 };
    ft_taps_answering();
    ft_err err =
        m->predictor->predict(m, &out, &in, ft_request_header(req, "Accept"), NULL, req->arena);
    ft_taps_answered();
    if (err) {
        atomic_fetch_add_explicit(&live->meter->refused, 1, memory_order_relaxed);
        return err;
    }
    resp->body = out.bytes;
    resp->content_type = out.content_type;
    ft_str event = FT_STR("");
    if (is_captured(w, live)) event = capture(req, resp, live, &in, &out);
    if (live->taps) ft_taps_offer(live->taps, &in, event);
    return FT_OK;
}

const ft_live *ft_invoke_choose(ft_request *req, const ft_live *first) {
    ft_worker *w = req->thread;
    if (first->variants == 1) return first;
    return ft_live_choose(first, (double)ft_random_below(&w->random, 1 << 30) / (1 << 30));
}

static ft_err invoke(ft_request *req, ft_response *resp) {
    const ft_live *live = ft_invoke_asked(req);
    if (live) return ft_invoke(req, resp, live);
    live = ft_invoke_find(req->thread, req->params[0]);
    return live ? ft_invoke(req, resp, ft_invoke_choose(req, live)) : not_live(req, req->thread);
}

const ft_route ft_routes_invoke[] = {
    { .method = "POST",
      .pattern = "/endpoints/{name}/invocations",
      .doc = "ask an endpoint; the answer is the predictor's",
      .body_limit_bytes = BODY_MAX,
      .handle = invoke },
    { 0 },
};
