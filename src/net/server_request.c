/* server_request.c -- a request's way from its head (server_head.c) to its handler. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "net/percent.h"
#include "net/server_in.h"

#define ARENA_FIRST_BYTES ((size_t)16 << 10) /* a typical request never calls malloc */
#define ARENA_LIMIT_BYTES ((size_t)256 << 20)
#define FREE_REQUESTS_MAX 64
#define BODY_KEPT_BYTES   ((size_t)256 << 10) /* larger body buffers are given back */
#define BODY_FIRST_BYTES  ((size_t)1 << 20)   /* taken on the word of Content-Length */

/* ---- life of the request object ---- */

static ft_connection *request_take(ft_http_worker *w) {
    ft_connection *c = w->free;
    if (c) {
        w->free = c->next_free;
        w->free_count--;
        return c;
    }
    c = calloc(1, sizeof *c);
    if (!c) return NULL;
    void *first;
    c->worker = w;
    c->arena = (ft_arena)FT_ARENA_INIT(ARENA_LIMIT_BYTES);
    if (ft_arena_take(&first, &c->arena, ARENA_FIRST_BYTES) != FT_OK) {
        free(c);
        return NULL;
    }
    ft_arena_reset(&c->arena);
    return c;
}

static void request_free(ft_connection *c) {
    ft_arena_fini(&c->arena);
    ft_buf_fini(&c->body);
    ft_buf_fini(&c->text);
    free(c);
}

/* The state that no handler will take over. */
static void state_drop(ft_connection *c) {
    if (c->req.state && !c->handled && c->route->drop) c->route->drop(c->req.state);
    c->req.state = NULL;
}

static void waiting_forget(ft_connection *c) {
    if (c->req.waiting && c->req.forget) c->req.forget(c->req.waiting);
    c->req.waiting = NULL;
}

void ft_http_request_end(ft_connection *c) {
    ft_http_worker *w = c->worker;
    if (c->route) state_drop(c);
    waiting_forget(c);
    if (c->head_done) w->in_flight--;
    if (c->link) {
        c->link->request = NULL;
        c->link->since_us = w->now_us;
    }
    if (w->free_count == FREE_REQUESTS_MAX) {
        request_free(c);
        return;
    }
    ft_arena_reset(&c->arena);
    if (c->body.capacity > BODY_KEPT_BYTES) ft_buf_fini(&c->body);
    ft_buf_reset(&c->body);
    c->next_free = w->free;
    w->free = c;
    w->free_count++;
}

void ft_http_requests_free(ft_http_worker *w) {
    for (ft_connection *c = w->free, *next; c; c = next) {
        next = c->next_free;
        request_free(c);
    }
    w->free = NULL;
    w->free_count = 0;
}

/* NULL: no memory for it. Its connection knows it from now on. */
static ft_connection *request_begin(ft_http_worker *w, struct MHD_Connection *mhd,
                                    const char *target) {
    ft_connection *c = request_take(w);
    if (!c) return NULL;
    const union MHD_ConnectionInfo *info =
        ft_mhd_api.get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    c->link = info ? info->socket_context : NULL;
    if (c->link) c->link->request = c;
    c->mhd = mhd;
    c->route = NULL;
    c->target = (ft_target){ 0 };
    c->header_count = 0;
    c->head_done = c->handled = c->close = c->past_library = false;
    c->received = 0;
    c->err = FT_OK;
    c->status = 0;
    c->allow[0] = '\0';
    c->req = (ft_request){
        .arena = &c->arena, .thread = w->context, .app = w->server->opts.app, .conn = c
    };
    /* Copied: the library cuts its own at the '?'. */
    if (ft_arena_str(&c->req.raw_target, &c->arena, ft_str_of(target)) == FT_OK) return c;
    ft_http_request_end(c);
    return NULL;
}

/* ---- from head to answer ---- */

/* Refused before it had a route: in whose words? */
static void route_for_words(ft_connection *c) {
    const ft_server_opts *o = &c->worker->server->opts;
    if (ft_target_parse(&c->target, &c->arena, c->req.raw_target) == FT_OK)
        c->req.path = c->target.path;
    if (!c->req.path.at) return;
    if (o->front) c->route = o->front(&c->req, o->app);
    if (c->route || !o->behind || !c->target.path.at) return;
    ft_route_match m;
    ft_route_find(&m, c->worker->server->routes, c->req.method, &c->target);
    if (!m.route && !m.allow[0]) c->route = o->behind(&c->req, o->app);
}

/* Refused, but answered when the body is read, so that the client listens. */
static void refuse_later(ft_connection *c, ft_err err) {
    c->err = err;
    if (ft_arena_str(&c->why, &c->arena, ft_str_of(ft_err_why())) != FT_OK)
        c->why = ft_str_of(ft_err_text(err));
    if (!c->target.path.at) route_for_words(c);
    if (c->route) state_drop(c);
}

static bool expects_continue(const ft_connection *c) {
    return ft_str_ieq(ft_request_header(&c->req, "Expect"), FT_STR("100-continue"));
}

static enum MHD_Result answer_refused(ft_connection *c) {
    ft_response resp = { 0 };
    int status = c->status ? c->status : ft_err_http(c->err);
    if (c->route && c->route->refuse &&
        c->route->refuse(&c->req, &resp, c->err, status, c->why) == FT_OK) {
        if (!resp.status) resp.status = status;
        return ft_http_answer(c, &resp);
    }
    if (c->allow[0]) ft_response_header(&resp, "Allow", ft_str_of(c->allow));
    return ft_http_answer_error(c, &resp, c->err, c->status, c->why);
}

/* The library gave the request up, and sends its answer now: the words are the route's, as far as
 * the head came. */
static enum MHD_Result answer_given_up(ft_connection *c, int status, ft_err err) {
    c->close = true;
    refuse_later(c, err);
    c->status = status;
    return answer_refused(c);
}

enum MHD_Result ft_http_answer_broken(ft_connection *c, int status, ft_err err) {
    if (!c->head_done) ft_http_headers_read(c);
    if (c->header_count > FT_HEADERS_MAX) c->header_count = FT_HEADERS_MAX;
    return answer_given_up(c, status, err);
}

/* The headers that the library did not come to, as far as they wait in the socket behind a line
 * that was too long for it. Enough to tell whose words the client reads. */
static void headers_peek(ft_connection *c) {
    char *rest;
    if (ft_arena_items(&rest, &c->arena, FT_HEAD_BYTES) != FT_OK) {
        ft_err_clear();
        return;
    }
    ssize_t got = recv(c->link->fd, rest, FT_HEAD_BYTES, MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) return;
    ft_str text = { rest, (size_t)got };
    ft_str_cut(&text, '\n'); /* the line's end */
    while (text.at && c->header_count < FT_HEADERS_MAX) {
        ft_str value = ft_str_cut(&text, '\n'), name = ft_str_cut(&value, ':');
        if (!value.at || !text.at) break; /* the head's end, or a header that came in part */
        c->headers[c->header_count].name = name;
        c->headers[c->header_count++].value = ft_str_trim(value);
    }
}

enum MHD_Result ft_http_answer_unread(ft_server_link *link, int status, ft_err err) {
    ft_connection *c = request_begin(link->worker, link->mhd, "/");
    if (!c) return MHD_NO;
    if (link->fd >= 0) headers_peek(c);
    return answer_given_up(c, status, err);
}

static enum MHD_Result on_body_end(ft_connection *c);

static enum MHD_Result on_head(ft_connection *c, const char *url, const char *version) {
    c->head_done = true;
    c->worker->in_flight++;
    if (c->link) c->link->since_us = c->worker->now_us;
    ft_err err = ft_http_head_take(c, url, version);
    if (err == FT_OK && expects_continue(c) && c->route->refuses_early &&
        c->route->refuses_early(&c->req, &c->req.state)) {
        c->close = true;
        return on_body_end(c);
    }
    if (err == FT_OK) return MHD_YES;
    refuse_later(c, err);
    bool at_once = c->close || expects_continue(c) ||
                   (c->content_length != UINT64_MAX && c->content_length > FT_DRAIN_BYTES);
    if (!at_once) return MHD_YES;
    c->close = true;
    return answer_refused(c);
}

static ft_err body_add(ft_connection *c, ft_str piece) {
    if (c->received > ft_http_body_limit(c)) return ft_http_too_big(c);
    if (c->route->piece) return c->route->piece(&c->req, &c->req.state, piece);
    if (c->body.len == 0) {
        size_t want =
            c->content_length < BODY_FIRST_BYTES ? (size_t)c->content_length : BODY_FIRST_BYTES;
        c->body.limit_bytes = ft_http_body_limit(c);
        FT_TRY(ft_buf_reserve(&c->body, want > piece.len ? want : piece.len));
    }
    return ft_buf_add(&c->body, piece);
}

static enum MHD_Result on_body(ft_connection *c, ft_str piece) {
    c->received += piece.len;
    if (c->err != FT_OK) return c->received <= FT_DRAIN_BYTES ? MHD_YES : MHD_NO;
    ft_err err = body_add(c, piece);
    if (err != FT_OK) {
        c->received = 0; /* counts what is read for nothing from here on */
        refuse_later(c, err);
    }
    return MHD_YES;
}

static enum MHD_Result answer_ending(ft_connection *c) {
    ft_response resp = { 0 };
    waiting_forget(c);
    return ft_http_answer_error(c, &resp, FT_EBUSY, 0, FT_STR("the server ends"));
}

/* Suspended first: the answer may come the moment after it was begun. */
static enum MHD_Result answer_later(ft_connection *c, const ft_response *resp) {
    if (!c->link || c->worker->ending) return answer_ending(c);
    c->link->later = true;
    ft_mhd_api.suspend_connection(c->mhd);
    resp->later(c->req.waiting);
    return MHD_YES;
}

/* A request that was resumed may be answered, and its server stopped, before the word is written.
 */
void ft_request_wake(ft_request *req) {
    uint64_t one = 1;
    ft_http_worker *w = req->conn->worker;
    atomic_fetch_add(&w->waking, 1);
    ft_mhd_api.resume_connection(req->conn->mhd);
    /* The library does not look up by itself: it would see it at the next tick. */
    (void)!write(w->wake_fd, &one, sizeof one);
    atomic_fetch_sub(&w->waking, 1);
}

ft_waker *ft_request_waker(const ft_request *req) { return req->conn->worker; }

void ft_waker_wake(ft_waker *waker) {
    uint64_t one = 1;
    if (atomic_exchange(&waker->woken, true)) return; /* somebody's word is on its way */
    (void)!write(waker->wake_fd, &one, sizeof one);
}

static enum MHD_Result on_body_end(ft_connection *c) {
    if (c->err != FT_OK) return answer_refused(c);
    ft_response resp = { 0 };
    bool waited = c->link && c->link->later;
    if (waited) c->link->later = false;
    if (waited && c->worker->ending) return answer_ending(c);
    c->req.body = ft_buf_str(&c->body);
    c->handled = true;
    ft_err err = c->route->handle(&c->req, &resp);
    if (err == FT_OK && resp.later) return answer_later(c, &resp);
    if (err == FT_OK) return ft_http_answer(c, &resp);
    return ft_http_answer_error(c, &resp, err, 0, ft_str_of(ft_err_why()));
}

/* ---- libmicrohttpd's callbacks ---- */

void *ft_http_on_target(void *cls, const char *target, struct MHD_Connection *mhd) {
    return request_begin(cls, mhd, target);
}

enum MHD_Result ft_http_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *size, void **con_cls) {
    ft_connection *c = *con_cls;
    (void)cls;
    (void)mhd;
    if (!c) return MHD_NO; /* no memory for it */
    if (!c->head_done) {
        c->req.method = ft_str_of(method);
        return on_head(c, url, version);
    }
    if (*size == 0) return on_body_end(c);
    ft_str piece = { data, *size };
    *size = 0;
    return on_body(c, piece);
}

void ft_http_on_request_end(void *cls, struct MHD_Connection *mhd, void **con_cls,
                            enum MHD_RequestTerminationCode how) {
    (void)cls;
    (void)mhd;
    (void)how;
    if (*con_cls) ft_http_request_end(*con_cls);
    *con_cls = NULL;
}

/* ---- what handlers ask ---- */

bool ft_request_each_header(const ft_request *r, size_t i, ft_str *name, ft_str *value) {
    const ft_connection *c = r->conn;
    if (i >= (size_t)c->header_count) return false;
    *name = c->headers[i].name;
    *value = c->headers[i].value;
    return true;
}

ft_str ft_request_header(const ft_request *r, const char *name) {
    ft_str want = ft_str_of(name);
    for (int i = 0; i < r->conn->header_count; i++)
        if (ft_str_ieq(r->conn->headers[i].name, want)) return r->conn->headers[i].value;
    return (ft_str){ NULL, 0 };
}

bool ft_request_near_route(const ft_request *r) {
    const ft_target *t = &r->conn->target;
    return t->segment_count && ft_route_knows(r->conn->worker->server->routes, t->segments[0]);
}

bool ft_request_each_query(const ft_request *r, size_t i, ft_str *name, ft_str *value) {
    ft_str query = r->conn->target.query, raw_name, raw_value;
    do {
        if (!ft_query_next(&query, &raw_name, &raw_value)) return false;
    } while (i-- > 0);
    /* A bad escape stands as it was sent. */
    if (ft_percent_decode(name, r->arena, raw_name, FT_PERCENT_FORM) != FT_OK) *name = raw_name;
    if (ft_percent_decode(value, r->arena, raw_value, FT_PERCENT_FORM) != FT_OK) *value = raw_value;
    return true;
}

ft_str ft_request_query(const ft_request *r, const char *name) {
    ft_str found, value;
    for (size_t i = 0; ft_request_each_query(r, i, &found, &value); i++)
        if (ft_str_is(found, name)) return value;
    return (ft_str){ NULL, 0 };
}
