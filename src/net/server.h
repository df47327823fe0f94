/* server.h -- HTTP/1.1 server (libmicrohttpd, loaded on first use) with a route registry.
 *
 * A route is a row: method, path pattern, limits, handler. The server answers 400, 404, 405 (with
 * Allow), 411, 413, 414 and 431 by itself; a handler that fails with an ft_err is answered by that
 * error's status and {"error":{"code","message"}}. HEAD goes to a GET route, its body is not sent.
 *
 * Threads: handlers run on the server's threads, one request at a time a thread, with that thread's
 * own context; a handler that waits holds up the others of its thread, unless it answers later.
 * Signals are blocked there.
 *
 * Limits: a request's head 16 KiB and 64 headers. An idle connection is closed after the time-out;
 * a head that is not whole after twice that time, and a body slower than 1 KiB/s, are cut. */
#ifndef FT_SERVER_H
#define FT_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define FT_RESPONSE_HEADERS_MAX 64

typedef struct ft_server ft_server;
typedef struct ft_request ft_request;
typedef struct ft_response ft_response;

struct ft_request {
    ft_str method, path; /* path without the query, percent-decoded once */
    ft_str raw_target;   /* as on the wire, with the query: what SigV4 signs */
    ft_str body;         /* whole body, unless the route streams */
    void *state;         /* what the route's `piece` made; NULL when the body was empty */
    ft_arena *arena;     /* lives until the answer is sent */
    void *thread;        /* what the server's `thread_new` made for this thread */
    void *app;           /* ft_server_opts.app */
    ft_str params[8];    /* the pattern's {names} in order */
    int param_count;
    /* Of a handler whose answer comes later (ft_response.later): its own, NULL at first. When the
     * server ends before the answer came, `forget` gets it, and `handle` is not called again. */
    void *waiting;
    void (*forget)(void *waiting);
    struct ft_connection *conn; /* private */
};
ft_str ft_request_header(const ft_request *r,
                         const char *name); /* at == NULL when absent; case-insensitive */
ft_str ft_request_query(const ft_request *r,
                        const char *name); /* decoded; at == NULL when absent */
/* Are there routes below the path's first segment? Then a path that has none is a slip, and not
 * meant for somebody else. */
bool ft_request_near_route(const ft_request *r);
/* The i-th in the order sent, a query's decoded; false past the last. */
bool ft_request_each_header(const ft_request *r, size_t i, ft_str *name, ft_str *value);
bool ft_request_each_query(const ft_request *r, size_t i, ft_str *name, ft_str *value);

struct ft_response {
    int status;  /* 0: 200 */
    ft_str body; /* in the request's arena or static */
    ft_str content_type;
    struct {
        const char *name;
        ft_str value;
    } headers[FT_RESPONSE_HEADERS_MAX]; /* names static or in the arena, values in the arena */
    int header_count;
    int fd; /* > 0: instead of body, this open file, which is the response's from here on … */
    const char *file;                  /* … or the file of this name … */
    uint64_t file_offset, file_length; /* … this part; length 0: to the end */
    /* Instead of body: called for the next bytes until it gives 0 (end); used for event streams and
     * large answers. FT_EBUSY (without a trail): nothing yet, ask again in 50 ms. Another failure
     * cuts the connection, so that the client sees that the answer is not whole. `ctx` is freed by
     * stop (may be NULL), which is always called, even when sending never began. */
    ft_err (*next)(void *ctx, char *out, size_t max, size_t *got);
    uint64_t next_length; /* of all that `next` will give, when known; else 0: sent in chunks */
    void (*stop)(void *ctx);
    void *ctx;
    /* Instead of an answer: called with req->waiting once the connection waits. What it begins
     * calls ft_request_wake once, from any thread; then `handle` is called anew with the same
     * request. So nobody else waits for what takes long. Everything else in the response is
     * ignored. */
    void (*later)(void *waiting);
};
/* `handle` is called again, soon. Not after `forget`. */
void ft_request_wake(ft_request *req);
/* Whoever fills what `next` gives need not wait for its 50 ms: after FT_EBUSY, ft_waker_wake from
 * any thread has it asked at once. A waker lasts as long as the server. */
typedef struct ft_http_worker ft_waker;
ft_waker *ft_request_waker(const ft_request *req);
void ft_waker_wake(ft_waker *waker);
/* Add one; control characters in the value become blanks. Past the limit: a check. A value of 8 KiB
 * or more makes the answer a 500 that says so. */
void ft_response_header(ft_response *resp, const char *name, ft_str value);

typedef struct ft_route {
    const char *method; /* "GET"; "*": any */
    const char
        *pattern; /* "/endpoints/{name}/invocations"; a last "{rest*}" takes the remaining path */
    const char *doc;
    size_t body_limit_bytes; /* 0: 6 MiB */
    ft_err (*handle)(ft_request *req, ft_response *resp);
    /* Streamed bodies: called for each piece as it comes, before `handle`; `*state` is req->state
     * and starts NULL. When `handle` will not be called (connection cut, piece failed) a state that
     * is not NULL goes to `drop`. NULL: buffered. */
    ft_err (*piece)(ft_request *req, void **state, ft_str piece);
    void (*drop)(void *state);
    /* A request that `handle` will not see (its body is too large, say): the answer in the route's
     * own words, instead of the server's. `status` is what it will be answered with, unless the
     * response says another. NULL: the server's. */
    ft_err (*refuse)(ft_request *req, ft_response *resp, ft_err err, int status, ft_str why);
    /* The client waits for leave to send its body (Expect: 100-continue), which would be for
     * nothing: `handle` answers at once. `*state` as for `piece`. NULL: all are let send. */
    bool (*refuses_early)(ft_request *req, void **state);
} ft_route;

typedef struct ft_server_opts {
    const char *address; /* NULL: 127.0.0.1 */
    int port;            /* 0: any free one; see ft_server_port */
    int threads;         /* 0: 1 */
    const ft_route *const
        *routes; /* NULL-terminated list of tables; each table ends with a NULL method */
    void *app;
    /* Asked once a request's head is read, before the registry: the route to use, with no params;
     * NULL: the registry decides. For requests that are told by their headers, whatever their path
     * (signed ones, say). `body` and `state` are not there yet. Asked also for the words to refuse
     * a path in that cannot be decoded (`path` is as on the wire then), or a request whose head is
     * not whole (`method` may be empty, headers may miss). May be NULL. */
    const ft_route *(*front)(const ft_request *req, void *app);
    /* The same, asked when the registry has nothing at the path. May be NULL. */
    const ft_route *(*behind)(const ft_request *req, void *app);
    ft_err (*thread_new)(
        void **out,
        void *app); /* per server thread: its own store connection, buffers. May be NULL */
    void (*thread_free)(void *thread);
    /* On each thread about every 50 ms, idle or busy. May be NULL. */
    void (*tick)(void *thread);
    int timeout_s;                          /* idle connection; 0: 30 */
    int connections_max;                    /* shared evenly by the threads; 0: 1024 */
    const char *tls_cert_pem, *tls_key_pem; /* contents; NULL: plain */
} ft_server_opts;
/* FT_EBUSY names the port when it is taken; FT_EABSENT when libmicrohttpd is not installed. Routes,
 * address and PEM texts are borrowed until stop. */
ft_err ft_server_start(ft_server **out, const ft_server_opts *opts);
int ft_server_port(const ft_server *s);
/* Takes no more connections, finishes the requests that have begun (for at most 10 s; a pulled
 * answer that has nothing to say ends), then returns. Fine on NULL. */
void ft_server_stop(ft_server *s);

#endif
