/* server_test.c -- the server over loopback with raw sockets: what it answers by itself, bodies,
 * files, streams, stopping. Hostile input has its own file. */
#include "net/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "net/wire_test.h"

static ft_server *server;
static ft_buf got;
static atomic_int ticks, threads_made, threads_freed, drops, handled, stops;
static char file_path[512];

/* ---- routes ---- */

static ft_err echo(ft_request *req, ft_response *resp) {
    resp->body = req->body;
    resp->content_type = ft_request_header(req, "content-TYPE");
    ft_response_header(resp, "X-Method", req->method);
    atomic_fetch_add(&handled, 1);
    return FT_OK;
}

/* Everything that a handler sees, as text. */
static ft_err tell(ft_request *req, ft_response *resp) {
    ft_buf out = { 0 };
    ft_str name, value;
    ft_buf_printf(&out, "%.*s %.*s %.*s", FT_STR_ARG(req->method), FT_STR_ARG(req->path),
                  FT_STR_ARG(req->raw_target));
    for (int i = 0; i < req->param_count; i++)
        ft_buf_printf(&out, " p=%.*s", FT_STR_ARG(req->params[i]));
    for (size_t i = 0; ft_request_each_query(req, i, &name, &value); i++)
        ft_buf_printf(&out, " q:%.*s=%.*s", FT_STR_ARG(name), FT_STR_ARG(value));
    for (size_t i = 0; ft_request_each_header(req, i, &name, &value); i++)
        ft_buf_printf(&out, " h:%.*s=%.*s", FT_STR_ARG(name), FT_STR_ARG(value));
    ft_buf_printf(&out, " %s", ft_request_query(req, "x").at ? "x" : "-");
    ft_buf_printf(&out, " %s", ft_request_header(req, "None").at ? "h" : "-");
    ft_err err = ft_arena_str(&resp->body, req->arena, ft_buf_str(&out));
    ft_buf_fini(&out);
    return err;
}

static ft_err fails(ft_request *req, ft_response *resp) {
    ft_response_header(resp, "X-Id", FT_STR("7"));
    resp->body = FT_STR("not sent");
    return FT_FAIL(ft_str_is(req->params[0], "busy") ? FT_EBUSY : FT_ECONFLICT,
                   "job '%.*s' is \"running\"", FT_STR_ARG(req->params[0]));
}

static ft_err forge(ft_request *req, ft_response *resp) {
    static char many[16384];
    int64_t len;
    memset(many, 'a', sizeof many);
    if (ft_str_i64(&len, ft_request_query(req, "long")))
        ft_response_header(resp, "X-Echo", ft_str_n(many, (size_t)len));
    ft_response_header(resp, "X-Echo", ft_request_query(req, "v"));
    resp->status = 202;
    return FT_OK;
}

static ft_err context(ft_request *req, ft_response *resp) {
    EXPECT(req->thread && req->app == &server);
    return ft_arena_printf(&resp->body, req->arena, "%d", *(int *)req->thread);
}

static ft_err send_file(ft_request *req, ft_response *resp) {
    int64_t from = 0, length = 0;
    ft_str_i64(&from, ft_request_query(req, "from"));
    ft_str_i64(&length, ft_request_query(req, "length"));
    resp->file = ft_request_query(req, "absent").at ? "/no/such/file" : file_path;
    resp->file_offset = (uint64_t)from;
    resp->file_length = (uint64_t)length;
    return FT_OK;
}

/* A streamed body: its pieces are counted and summed. */
typedef struct sum {
    size_t pieces, bytes, sum;
} sum;

static ft_err sum_piece(ft_request *req, void **state, ft_str piece) {
    if (!*state) *state = calloc(1, sizeof(sum));
    sum *s = *state;
    EXPECT(s && req->state == s);
    s->pieces++;
    s->bytes += piece.len;
    for (size_t i = 0; i < piece.len; i++) s->sum += (unsigned char)piece.at[i];
    if (ft_request_query(req, "fail").at && s->bytes > 1000)
        return FT_FAIL(FT_ENOSPC, "the disk is full");
    return FT_OK;
}

static void sum_drop(void *state) {
    atomic_fetch_add(&drops, 1);
    free(state);
}

static ft_err sum_handle(ft_request *req, ft_response *resp) {
    sum *s = req->state, none = { 0 };
    atomic_fetch_add(&handled, 1);
    if (!s) s = &none;
    ft_err err = ft_arena_printf(&resp->body, req->arena, "%zu bytes, sum %zu, %s", s->bytes,
                                 s->sum, s->pieces > 1 ? "pieces" : "one");
    free(req->state);
    return err;
}

/* An answer that comes later: when the test says so. */
static pthread_mutex_t later_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t later_cond = PTHREAD_COND_INITIALIZER;
static bool later_go;

static void *later_work(void *ctx) {
    pthread_mutex_lock(&later_lock);
    while (!later_go) pthread_cond_wait(&later_cond, &later_lock);
    pthread_mutex_unlock(&later_lock);
    ft_request_wake(ctx);
    return NULL;
}

static void later_begin(void *waiting) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, later_work, waiting) != 0) abort();
    pthread_detach(thread);
}

static ft_err later(ft_request *req, ft_response *resp) {
    atomic_fetch_add(&handled, 1);
    if (req->waiting) {
        req->waiting = NULL;
        resp->body = req->body;
        return FT_OK;
    }
    req->waiting = req;
    resp->later = later_begin;
    return FT_OK;
}

/* A pulled answer: counts down; "wait" says FT_EBUSY before each, "cut" fails in the middle. */
typedef struct counter {
    int left;
    bool wait, waited, cut, endless;
    ft_waker *waker; /* wakes itself; NULL: the tick does */
    int waits;       /* that are left */
} counter;

static ft_err count_next(void *ctx, char *out, size_t max, size_t *n) {
    counter *c = ctx;
    if (c->waker && c->waits-- > 0) {
        ft_waker_wake(c->waker);
        return FT_EBUSY;
    }
    if (c->endless || (c->wait && (c->waited = !c->waited))) return FT_EBUSY;
    if (c->cut && c->left == 1) return FT_FAIL(FT_EIO, "the source is gone");
    EXPECT(max >= 2);
    if (c->left > 0) *n = 2, out[0] = (char)('0' + c->left--), out[1] = ',';
    return FT_OK;
}

static void count_stop(void *ctx) {
    atomic_fetch_add(&stops, 1);
    free(ctx);
}

static ft_err count(ft_request *req, ft_response *resp) {
    counter *c = calloc(1, sizeof *c);
    EXPECT(c);
    *c = (counter){ .left = 3,
                    .wait = ft_request_query(req, "wait").at,
                    .cut = ft_request_query(req, "cut").at,
                    .endless = ft_request_query(req, "endless").at };
    if (ft_request_query(req, "woken").at) c->waker = ft_request_waker(req), c->waits = 2000;
    if (ft_request_query(req, "length").at) resp->next_length = 6;
    resp->next = count_next;
    resp->stop = count_stop;
    resp->ctx = c;
    if (ft_request_query(req, "fail").at) return FT_FAIL(FT_EINVAL, "changed its mind");
    return FT_OK;
}

/* A refusal in the route's own words. */
static ft_err own_words(ft_request *req, ft_response *resp, ft_err err, int status, ft_str why) {
    EXPECT(err == FT_ETOOBIG && status == 413 && why.len > 0);
    return ft_arena_printf(&resp->body, req->arena, "<Error>%.*s</Error>", FT_STR_ARG(why));
}

static const ft_route routes[] = {
    { "POST", "/echo", "body back", 100000, echo, NULL, NULL, NULL, NULL },
    { "GET", "/echo", "", 0, echo, NULL, NULL, NULL, NULL },
    { "POST", "/later", "body back, later", 0, later, NULL, NULL, NULL, NULL },
    { "*", "/tell/{a}/{b}", "", 0, tell, NULL, NULL, NULL, NULL },
    { "*", "/any/{rest*}", "", 0, tell, NULL, NULL, NULL, NULL },
    { "GET", "/fails/{name}", "", 0, fails, NULL, NULL, NULL, NULL },
    { "GET", "/forge", "", 0, forge, NULL, NULL, NULL, NULL },
    { "GET", "/context", "", 0, context, NULL, NULL, NULL, NULL },
    { "GET", "/file", "", 0, send_file, NULL, NULL, NULL, NULL },
    { "PUT", "/sum", "", 1 << 30, sum_handle, sum_piece, sum_drop, NULL, NULL },
    { "GET", "/count", "", 0, count, NULL, NULL, NULL, NULL },
    { 0 },
};
static const ft_route *const tables[] = { routes, NULL };

static const ft_route front_route = {
    "*", "/{rest*}", "", 1000, tell, NULL, NULL, own_words, NULL
};

/* Whatever their path, requests with this header. */
static const ft_route *front(const ft_request *req, void *app) {
    EXPECT(app == &server && req->path.len && req->raw_target.len && !req->body.len);
    return ft_request_header(req, "X-Front").at ? &front_route : NULL;
}

/* ---- the server ---- */

static ft_err thread_new(void **out, void *app) {
    EXPECT(app == &server);
    int *number = malloc(sizeof *number);
    EXPECT(number);
    *number = atomic_fetch_add(&threads_made, 1);
    *out = number;
    return FT_OK;
}

static void thread_free(void *thread) {
    atomic_fetch_add(&threads_freed, 1);
    free(thread);
}

static void tick(void *thread) {
    EXPECT(thread);
    atomic_fetch_add(&ticks, 1);
}

static const ft_server_opts opts = { .threads = 2,
                                     .routes = tables,
                                     .app = &server,
                                     .front = front,
                                     .thread_new = thread_new,
                                     .thread_free = thread_free,
                                     .tick = tick };

static int start(void **state) {
    (void)state;
    drops = handled = stops = threads_made = threads_freed = 0;
    return ft_server_start(&server, &opts);
}

static int stop(void **state) {
    (void)state;
    ft_server_stop(server);
    ft_buf_fini(&got);
    return threads_made == 2 && threads_freed == 2 ? 0 : 1;
}

/* Status of one exchange; the answer is in `got`. */
static int ask(const char *request) {
    int fd = wire_connect(ft_server_port(server));
    EXPECT(fd >= 0 && wire_text(fd, request) == strlen(request));
    int status = wire_answer(&got, fd);
    close(fd);
    return status;
}

#define HOST        "Host: localhost\r\n"
#define GET(target) ask("GET " target " HTTP/1.1\r\n" HOST "\r\n")

static void expect_body(const char *want) { EXPECT_STR(want, wire_body(&got)); }
static void expect_head(const char *line) {
    if (!strstr(got.at, line)) fail_msg("no '%s' in %s", line, got.at);
}

/* ---- cases ---- */

static void test_echo(void **state) {
    (void)state;
    EXPECT(ask("POST /echo HTTP/1.1\r\n" HOST
               "Content-Type: text/csv\r\nContent-Length: 5\r\n\r\n1,2,3") == 200);
    expect_body("1,2,3");
    expect_head("\r\nContent-Type: text/csv\r\n");
    expect_head("\r\nX-Method: POST\r\n");
    EXPECT(ask("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
               "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == 200);
    expect_body("abcde");
    EXPECT(ask("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n") == 200);
    EXPECT(ask("POST /echo HTTP/1.1\r\n" HOST "\r\n") == 200); /* no length: no body */
    expect_body("");
    EXPECT(ask("POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nab") == 200);
    expect_body("ab");
    EXPECT(handled == 5);
}

static void test_what_handlers_see(void **state) {
    (void)state;
    EXPECT(ask("PATCH /tell/a%20b/c%2Fd?x=1&y=%41+%42&x=2&z HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n"
               "x-a:  2 \r\n\r\n") == 200);
    expect_body("PATCH /tell/a b/c/d /tell/a%20b/c%2Fd?x=1&y=%41+%42&x=2&z p=a b p=c/d "
                "q:x=1 q:y=A B q:x=2 q:z= h:Host=h h:X-A=1 h:x-a=2 x -");
    EXPECT(GET("/any/a//../b%2e?") == 200);
    expect_body("GET /any/a//../b. /any/a//../b%2e? p=a//../b. h:Host=localhost - -");
    EXPECT(GET("http://other/any/x") == 200);
    expect_body("GET /any/x http://other/any/x p=x h:Host=localhost - -");
    EXPECT(GET("/any/?x=%zz") == 200); /* a bad escape in a value stays */
    expect_body("GET /any/ /any/?x=%zz p= q:x=%zz h:Host=localhost x -");
}

static void test_front(void **state) {
    (void)state;
    EXPECT(ask("GET /echo HTTP/1.1\r\n" HOST "X-Front: 1\r\n\r\n") == 200);
    expect_body("GET /echo /echo h:Host=localhost h:X-Front=1 - -");
    EXPECT(ask("BREW /nowhere HTTP/1.1\r\n" HOST "X-Front: 1\r\nContent-Length: 1\r\n\r\nx") ==
           200);
    EXPECT(ask("POST / HTTP/1.1\r\n" HOST "X-Front: 1\r\nContent-Length: 1001\r\n"
               "Expect: 100-continue\r\n\r\n") == 413);
    expect_body("<Error>the body is larger than 1000 bytes</Error>");
}

static void test_own_answers(void **state) {
    (void)state;
    EXPECT(GET("/none") == 404);
    expect_body("{\"error\":{\"code\":\"FT_ENOTFOUND\",\"message\":\"nothing is at /none\"}}\n");
    expect_head("\r\nContent-Type: application/json\r\n");
    EXPECT(ask("DELETE /echo HTTP/1.1\r\n" HOST "\r\n") == 405);
    expect_head("\r\nAllow: POST, GET, HEAD\r\n");
    EXPECT(ask("PUT /sum HTTP/1.1\r\n" HOST "\r\n") == 411);
    EXPECT(GET("/%zz") == 400);
    EXPECT(strstr(got.at, "bad escape '%zz' at byte 2"));
    EXPECT(GET("/%00") == 400);
    EXPECT(GET("*") == 400);
}

static void test_failures(void **state) {
    (void)state;
    EXPECT(GET("/fails/j") == 409);
    expect_body("{\"error\":{\"code\":\"FT_ECONFLICT\",\"message\":\"job 'j' is "
                "\\\"running\\\"\"}}\n");
    expect_head("\r\nX-Id: 7\r\n");
    EXPECT(!strstr(got.at, "Retry-After"));
    EXPECT(GET("/fails/busy") == 503);
    expect_head("\r\nRetry-After: 1\r\n");
}

static void test_no_forged_headers(void **state) {
    (void)state;
    EXPECT(GET("/forge?v=a%0d%0aSet-Cookie:%20x=1%0d%0a%0d%0abody") == 202);
    expect_head("\r\nX-Echo: a  Set-Cookie: x=1    body\r\n");
    expect_body("");
    EXPECT(GET("/forge?v=") == 202);
    /* Too long is refused in words: half a value would be another one. */
    EXPECT(GET("/forge?long=8191") == 202);
    EXPECT(GET("/forge?long=8192") == 500);
    expect_head("header X-Echo has 8192 bytes: at most 8191 can be sent");
    EXPECT(GET("/forge") == 202);
}

static void test_head(void **state) {
    (void)state;
    int fd = wire_connect(ft_server_port(server));
    wire_text(fd, "HEAD /file HTTP/1.1\r\n" HOST "\r\nGET /none HTTP/1.1\r\n" HOST
                  "Connection: close\r\n\r\n");
    ft_buf_reset(&got);
    wire_rest(&got, fd);
    close(fd);
    EXPECT(strncmp(got.at, "HTTP/1.1 200 ", 13) == 0);
    expect_head("\r\nContent-Length: 300000\r\n");
    const char *second = strstr(got.at, "\r\n\r\n") + 4;
    EXPECT(strncmp(second, "HTTP/1.1 404 ", 13) == 0); /* no body between */
}

static void test_keep_alive(void **state) {
    (void)state;
    int fd = wire_connect(ft_server_port(server));
    for (int i = 0; i < 10000; i++) {
        wire_text(fd, i % 2 ? "GET /none HTTP/1.1\r\n" HOST "\r\n"
                            : "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
        EXPECT(wire_answer(&got, fd) == (i % 2 ? 404 : 200));
    }
    close(fd);
    EXPECT(handled == 5000);
}

static void test_refused_bodies_keep_the_connection(void **state) {
    (void)state;
    static char big[100001];
    memset(big, 'x', sizeof big);
    int fd = wire_connect(ft_server_port(server));
    wire_text(fd, "POST /none HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789");
    EXPECT(wire_answer(&got, fd) == 404);
    wire_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n");
    wire_send(fd, big, sizeof big);
    EXPECT(wire_answer(&got, fd) == 413);
    EXPECT(strstr(got.at, "larger than 100000 bytes"));
    wire_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n186a1\r\n");
    wire_send(fd, big, sizeof big);
    wire_text(fd, "\r\n0\r\n\r\n");
    EXPECT(wire_answer(&got, fd) == 413);
    wire_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    wire_send(fd, big, 100000);
    EXPECT(wire_answer(&got, fd) == 200);
    EXPECT(wire_body(&got).len == 100000);
    close(fd);
    EXPECT(handled == 1);
}

static void test_expect_continue(void **state) {
    (void)state;
    int fd = wire_connect(ft_server_port(server));
    wire_text(fd,
              "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT(wire_answer(&got, fd) == 100);
    wire_text(fd, "abc");
    EXPECT(wire_answer(&got, fd) == 200);
    expect_body("abc");
    close(fd);
    /* Refused before anything is sent. */
    fd = wire_connect(ft_server_port(server));
    wire_text(fd, "POST /none HTTP/1.1\r\n" HOST
                  "Expect: 100-continue\r\nContent-Length: 3000000000\r\n\r\n");
    ft_buf_reset(&got);
    wire_rest(&got, fd);
    EXPECT(strncmp(got.at, "HTTP/1.1 404 ", 13) == 0);
    expect_head("\r\nConnection: close\r\n");
    close(fd);
}

static void test_pipelining(void **state) {
    (void)state;
    int fd = wire_connect(ft_server_port(server));
    for (int i = 0; i < 50; i++) {
        char text[200];
        snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n%03d",
                 i);
        wire_text(fd, text);
    }
    for (int i = 0; i < 50; i++) {
        char want[8];
        snprintf(want, sizeof want, "%03d", i);
        EXPECT(wire_answer(&got, fd) == 200);
        expect_body(want);
    }
    close(fd);
}

static void test_streamed_bodies(void **state) {
    (void)state;
    static char big[3000000];
    char want[100];
    size_t total = 0;
    for (size_t i = 0; i < sizeof big; i++) total += (unsigned char)(big[i] = (char)(i * 7));
    EXPECT(ask("PUT /sum HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab") == 200);
    expect_body("2 bytes, sum 195, one");
    EXPECT(ask("PUT /sum HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n") == 200);
    expect_body("0 bytes, sum 0, one");
    int fd = wire_connect(ft_server_port(server));
    wire_text(fd, "PUT /sum HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n");
    EXPECT(wire_send(fd, big, sizeof big) == sizeof big);
    EXPECT(wire_answer(&got, fd) == 200);
    snprintf(want, sizeof want, "3000000 bytes, sum %zu, pieces", total);
    expect_body(want);
    /* A piece fails: answered, the connection lives on. */
    wire_text(fd, "PUT /sum?fail HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n");
    EXPECT(wire_send(fd, big, sizeof big) == sizeof big);
    EXPECT(wire_answer(&got, fd) == 507);
    EXPECT(strstr(got.at, "the disk is full"));
    EXPECT(drops == 1 && handled == 3);
    wire_text(fd, "GET /none HTTP/1.1\r\n" HOST "\r\n");
    EXPECT(wire_answer(&got, fd) == 404);
    close(fd);
}

static void wait_for(atomic_int *value, int want) {
    int64_t end = ft_clock_monotonic_us() + 10 * FT_SECOND_US;
    while (*value != want && ft_clock_monotonic_us() < end) ft_clock_sleep_us(1000);
    EXPECT(*value == want);
}

static void test_cut_body(void **state) {
    (void)state;
    int fd = wire_connect(ft_server_port(server));
    wire_text(fd, "PUT /sum HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nonly a part");
    close(fd);
    wait_for(&drops, 1);
    fd = wire_connect(ft_server_port(server));
    wire_text(fd,
              "PUT /sum HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\n");
    shutdown(fd, SHUT_WR);
    ft_buf_reset(&got);
    wire_rest(&got, fd);
    close(fd);
    wait_for(&drops, 2);
    fd = wire_connect(ft_server_port(server));
    wire_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nonly a part");
    close(fd);
    EXPECT(GET("/none") == 404); /* the server goes on */
    EXPECT(handled == 0);
}

static void test_files(void **state) {
    (void)state;
    EXPECT(GET("/file") == 200);
    EXPECT(wire_body(&got).len == 300000);
    EXPECT(wire_body(&got).at[299999] == (char)(299999 % 251));
    EXPECT(GET("/file?from=251&length=3") == 200);
    EXPECT(wire_body(&got).len == 3 && wire_body(&got).at[2] == 2);
    EXPECT(GET("/file?from=299999") == 200);
    EXPECT(wire_body(&got).len == 1);
    EXPECT(GET("/file?from=300001") == 400);
    EXPECT(GET("/file?from=299999&length=2") == 400);
    EXPECT(GET("/file?absent") == 404);
    EXPECT(strstr(got.at, "/no/such/file"));
}

static void pulled(const char *target, const char *want) {
    char request[200];
    int fd = wire_connect(ft_server_port(server));
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
             target);
    wire_text(fd, request);
    ft_buf_reset(&got);
    wire_rest(&got, fd);
    close(fd);
    expect_body(want);
}

static void test_pulled_answers(void **state) {
    (void)state;
    pulled("/count", "2\r\n3,\r\n2\r\n2,\r\n2\r\n1,\r\n0\r\n\r\n");
    expect_head("\r\nTransfer-Encoding: chunked\r\n");
    pulled("/count?length", "3,2,1,");
    expect_head("\r\nContent-Length: 6\r\n");
    pulled("/count?wait", "2\r\n3,\r\n2\r\n2,\r\n2\r\n1,\r\n0\r\n\r\n");
    pulled("/count?cut", "2\r\n3,\r\n2\r\n2,\r\n"); /* no last chunk: the client can tell */
    int64_t began_us = ft_clock_monotonic_us();
    pulled("/count?woken", "2\r\n3,\r\n2\r\n2,\r\n2\r\n1,\r\n0\r\n\r\n");
    EXPECT(ft_clock_monotonic_us() - began_us < 50 * FT_SECOND_US); /* 2,000 ticks would be 100 s */
    wait_for(&stops, 5);
    EXPECT(GET("/count?fail") == 400);
    wait_for(&stops, 6);
    EXPECT(ask("HEAD /count HTTP/1.1\r\n" HOST "\r\n") == 200);
    wait_for(&stops, 7);
}

static void test_client_leaves_a_stream(void **state) {
    (void)state;
    int fd = wire_connect(ft_server_port(server));
    wire_text(fd, "GET /count?endless HTTP/1.1\r\n" HOST "\r\n");
    EXPECT(wire_answer(&got, fd) == 200);
    close(fd);
    fd = wire_connect(ft_server_port(server));
    wire_text(fd, "GET /count?endless HTTP/1.1\r\n" HOST "\r\n");
    EXPECT(wire_answer(&got, fd) == 200); /* still waiting when the server stops */
    ft_server_stop(server);
    wait_for(&stops, 2);
    ft_buf_reset(&got);
    wire_rest(&got, fd);
    EXPECT_STR("0\r\n\r\n", ft_buf_str(&got)); /* it ended in good order */
    close(fd);
    threads_made = threads_freed = 0;
    EXPECT_OK(ft_server_start(&server, &opts));
}

static void test_later_answers(void **state) {
    (void)state;
    int fds[20];
    later_go = false;
    for (size_t i = 0; i < FT_COUNT(fds); i++) {
        fds[i] = wire_connect(ft_server_port(server));
        wire_text(fds[i], "POST /later HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    }
    int64_t end = ft_clock_monotonic_us() + 10 * FT_SECOND_US;
    while (handled < (int)FT_COUNT(fds) && ft_clock_monotonic_us() < end) ft_clock_sleep_us(1000);
    EXPECT(handled == (int)FT_COUNT(fds));
    for (int i = 0; i < 20; i++) EXPECT(GET("/echo") == 200); /* nobody waits for them */
    pthread_mutex_lock(&later_lock);
    later_go = true;
    pthread_cond_broadcast(&later_cond);
    pthread_mutex_unlock(&later_lock);
    for (size_t i = 0; i < FT_COUNT(fds); i++) {
        EXPECT(wire_answer(&got, fds[i]) == 200);
        expect_body("abc");
        /* The connection goes on; now the answer is there the moment it is begun. */
        wire_text(fds[i], "POST /later HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nde");
        EXPECT(wire_answer(&got, fds[i]) == 200);
        expect_body("de");
        close(fds[i]);
    }
}

static void test_contexts_and_ticks(void **state) {
    (void)state;
    int seen = 0;
    for (int i = 0; i < 200 && seen != 3; i++) {
        EXPECT(GET("/context") == 200);
        seen |= 1 << atoi(wire_body(&got).at);
    }
    EXPECT(seen >= 1 && threads_made == 2);
    int from = ticks;
    int64_t end = ft_clock_monotonic_us() + 10 * FT_SECOND_US;
    while (ticks < from + 4 && ft_clock_monotonic_us() < end) ft_clock_sleep_us(1000);
    EXPECT(ticks >= from + 4);
}

static void test_thousand_connections(void **state) {
    (void)state;
    static int fds[1000];
    for (size_t i = 0; i < FT_COUNT(fds); i++) {
        fds[i] = wire_connect(ft_server_port(server));
        if (fds[i] < 0) fail_msg("connection %zu: %s", i, strerror(errno));
        wire_text(fds[i], "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
    }
    for (size_t i = 0; i < FT_COUNT(fds); i++) wire_text(fds[i], "bc");
    for (size_t i = 0; i < FT_COUNT(fds); i++) {
        EXPECT(wire_answer(&got, fds[i]) == 200);
        expect_body("abc");
        close(fds[i]);
    }
}

/* A request whose body is on its way when the server stops is answered. */
static void *finish_later(void *ctx) {
    wire_text(*(int *)ctx, "abc");
    return NULL;
}

static void test_stop_finishes(void **state) {
    (void)state;
    int fd = wire_connect(ft_server_port(server)), idle = wire_connect(ft_server_port(server));
    int port = ft_server_port(server);
    wire_text(fd,
              "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT(wire_answer(&got, fd) == 100); /* it has begun */
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, finish_later, &fd) == 0);
    ft_server_stop(server);
    pthread_join(thread, NULL);
    ft_buf_reset(&got);
    wire_rest(&got, fd);
    EXPECT(strncmp(got.at, "HTTP/1.1 200 ", 13) == 0);
    expect_body("abc");
    close(fd);
    close(idle);
    EXPECT(wire_connect(port) < 0);
    threads_made = threads_freed = 0;
    EXPECT_OK(ft_server_start(&server, &opts));
}

static void test_addresses(void **state) {
    (void)state;
    ft_server *other;
    ft_server_opts o = opts;
    char why[100];
    o.port = ft_server_port(server);
    snprintf(why, sizeof why, "port %d of 127.0.0.1 is in use", o.port);
    EXPECT_ERR(FT_EBUSY, ft_server_start(&other, &o));
    EXPECT_WHY(why);
    o.port = 65536;
    EXPECT_ERR(FT_EINVAL, ft_server_start(&other, &o));
    o.port = 0;
    o.address = "no such address";
    EXPECT_ERR(FT_EINVAL, ft_server_start(&other, &o));
    EXPECT_WHY("address 'no such address'");
    o.address = "192.0.2.1"; /* documentation's: not ours */
    EXPECT(ft_server_start(&other, &o) != FT_OK && other == NULL);
    EXPECT_WHY("192.0.2.1");
    o.address = NULL;
    o.threads = 100000;
    EXPECT_ERR(FT_EINVAL, ft_server_start(&other, &o));
}

static ft_err no_thread(void **out, void *app) {
    (void)app;
    *out = NULL;
    return FT_FAIL(FT_ECORRUPT, "the database is broken");
}

static void test_failed_starts(void **state) {
    (void)state;
    ft_server *other;
    ft_server_opts o = opts;
    o.thread_new = no_thread;
    EXPECT_ERR(FT_ECORRUPT, ft_server_start(&other, &o));
    EXPECT_WHY("the database is broken");
    o = opts;
    o.tls_cert_pem = "no certificate";
    o.tls_key_pem = "no key";
    EXPECT_ERR(FT_EINVAL, ft_server_start(&other, &o));
    EXPECT_WHY("TLS certificate");
    int failures = 0;
    EACH_FAULT {
        ft_err err = ft_server_start(&other, &opts);
        EXPECT((err == FT_OK) == (other != NULL));
        failures += err != FT_OK;
        ft_fault_off();
        ft_server_stop(other);
    }
    EXPECT(failures >= 8);
    EXPECT(threads_made == threads_freed + 2); /* those of the running one */
    threads_made = 2;
    threads_freed = 0;
}

static void make_file(void) {
    static char bytes[300000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i % 251);
    snprintf(file_path, sizeof file_path, "%s/file", test_dir());
    if (ft_file_write_atomic(file_path, ft_str_n(bytes, sizeof bytes), false) != FT_OK) abort();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
int main(void) {
    const char *only = getenv("ONLY");
    if (only) cmocka_set_test_filter(only);
    const struct CMUnitTest list[] = {
        CASE(test_echo),
        CASE(test_what_handlers_see),
        CASE(test_front),
        CASE(test_own_answers),
        CASE(test_failures),
        CASE(test_no_forged_headers),
        CASE(test_head),
        CASE(test_keep_alive),
        CASE(test_refused_bodies_keep_the_connection),
        CASE(test_expect_continue),
        CASE(test_pipelining),
        CASE(test_streamed_bodies),
        CASE(test_cut_body),
        CASE(test_files),
        CASE(test_pulled_answers),
        CASE(test_client_leaves_a_stream),
        CASE(test_later_answers),
        CASE(test_contexts_and_ticks),
        CASE(test_thousand_connections),
        CASE(test_stop_finishes),
        CASE(test_addresses),
        CASE(test_failed_starts),
    };
    make_file();
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
