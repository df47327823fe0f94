/* hostile_test.c -- what clients send that mean no good, or are broken: the server refuses, cuts,
 * or answers, and goes on. */
#include <stdatomic.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/server.h"
#include "net/wire_test.h"

static ft_server *server;
static ft_buf got;
static atomic_int handled, dropped;

static ft_err echo(ft_request *req, ft_response *resp) {
    atomic_fetch_add(&handled, 1);
    resp->body = req->body;
    return FT_OK;
}

static ft_err keep_piece(ft_request *req, void **state, ft_str piece) {
    (void)req;
    (void)piece;
    *state = &dropped;
    return FT_OK;
}

static void keep_drop(void *state) { atomic_fetch_add((atomic_int *)state, 1); }

static const ft_route routes[] = {
    { "POST", "/echo", "", 1000, echo, NULL, NULL, NULL, NULL },
    { "GET", "/echo", "", 1000, echo, NULL, NULL, NULL, NULL },
    { "PUT", "/stream", "", 1 << 20, echo, keep_piece, keep_drop, NULL, NULL },
    { 0 },
};
static const ft_route *const tables[] = { routes, NULL };

static int start_with(ft_server_opts opts) {
    handled = dropped = 0;
    opts.routes = tables;
    return ft_server_start(&server, &opts);
}

static int start(void **state) {
    (void)state;
    return start_with((ft_server_opts){ 0 });
}
static int start_impatient(void **state) {
    (void)state;
    return start_with((ft_server_opts){ .timeout_s = 1 });
}
static int start_narrow(void **state) {
    (void)state;
    return start_with((ft_server_opts){ .connections_max = 4 });
}

static int stop(void **state) {
    (void)state;
    ft_server_stop(server);
    ft_buf_fini(&got);
    return 0;
}

#define HOST "Host: x\r\n"

static void expect_alive(void) {
    int fd = wire_connect(ft_server_port(server));
    wire_text(fd, "GET /echo HTTP/1.1\r\n" HOST "\r\n");
    EXPECT(wire_answer(&got, fd) == 200);
    close(fd);
}

/* Status of the first answer to these bytes, after which the client sends no more; 0: cut. */
static int status_of(const char *at, size_t len) {
    int fd = wire_connect(ft_server_port(server));
    EXPECT(fd >= 0);
    wire_send(fd, at, len);
    shutdown(fd, SHUT_WR);
    ft_buf_reset(&got);
    wire_rest(&got, fd);
    close(fd);
    return got.len > 12 ? atoi(got.at + 9) : 0;
}

#define POST(headers, body) "POST /echo HTTP/1.1\r\n" HOST headers "\r\n" body

static void test_lengths(void **state) {
    (void)state;
    static const struct {
        const char *request;
        int status, answers; /* answers: of the handler */
    } rows[] = {
        { POST("Content-Length: 2\r\n", "hi"), 200, 1 },
        { POST("Content-Length: 2\r\nContent-Length: 2\r\n", "hi"), 200, 1 },
        { POST("Content-Length: 2\r\nContent-Length: 3\r\n", "hi!"), 400, 0 },
        { POST("Content-Length: -1\r\n", "hi"), 400, 0 },
        { POST("Content-Length: +2\r\n", "hi"), 400, 0 },
        { POST("Content-Length: 0x2\r\n", "hi"), 400, 0 },
        { POST("Content-Length: 2, 2\r\n", "hi"), 400, 0 },
        { POST("Content-Length: \r\n", "hi"), 400, 0 },
        { POST("Content-Length: 99999999999999999999999999\r\n", "hi"), 413, 0 },
        { POST("Content-Length: 18446744073709551615\r\n", "hi"), 413, 0 },
        { POST("Content-Length: 18446744073709551614\r\n", "hi"), 413, 0 },
        { POST("Content-Length: 9223372036854775808\r\n", "hi"), 413, 0 },
        { POST("Content-Length: 1001\r\n", ""), 0, 0 }, /* cut before its body came */
        { POST("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"), 400,
          0 },
        { POST("Transfer-Encoding: gzip, chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"), 501, 0 },
        { POST("Transfer-Encoding: identity\r\n", "hi"), 501, 0 },
        { POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 501,
          0 },
        { POST("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"), 200, 1 },
        { POST("Transfer-Encoding: chunked\r\n", "zz\r\nhi\r\n0\r\n\r\n"), 400, 0 },
        { POST("Transfer-Encoding: chunked\r\n", "-2\r\nhi\r\n0\r\n\r\n"), 400, 0 },
        { POST("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nhi\r\n0\r\n\r\n"), 413, 0 },
        { POST("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nhi\r\n0\r\n\r\n"), 0, 0 },
        { POST("Transfer-Encoding: chunked\r\n", "2\r\nhiho\r\n0\r\n\r\n"), 400, 0 },
        { POST("Content-Length : 2\r\n", "hi"), 400, 0 }, /* a blank before the colon */
        { POST("Cont ent: 2\r\n", ""), 400, 0 },
        { POST("no colon\r\n", ""), 400, 0 },
        { "POST /echo HTTP/1.1\r\n\r\n", 400, 0 }, /* HTTP/1.1 without Host */
        { "GET /echo HTTP/1.1\r\n" HOST HOST "\r\n", 400, 0 },
        { "GET /echo HTTP/1.0\r\n" HOST HOST "\r\n", 400, 0 },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        handled = 0;
        int status = status_of(rows[i].request, strlen(rows[i].request));
        if (status != rows[i].status || handled != rows[i].answers)
            fail_msg("row %zu: %d (handled %d) for %s", i, status, (int)handled, rows[i].request);
    }
    expect_alive();
}

/* What the library refuses by itself is told in the server's words, once, and frees the state. */
static void test_own_words(void **state) {
    (void)state;
    static const char *const rows[] = {
        "PUT /stream HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n",
        POST("no colon\r\n", ""),
        POST("Content-Length: many\r\n", "hi"),
        "POST /echo HTTP/1.1\r\nno colon\r\n\r\n",
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        handled = dropped = 0;
        EXPECT(status_of(rows[i], strlen(rows[i])) == 400);
        EXPECT(handled == 0 && dropped == (i == 0));
        EXPECT(ft_buf_byte(&got, '\0') == FT_OK && strstr(got.at, "{\"error\":{\"code\""));
        EXPECT(!strstr(got.at, "<html") && !strstr(got.at + 1, "HTTP/1.1 4"));
    }
    expect_alive();
}

static void test_request_lines(void **state) {
    (void)state;
    static const struct {
        const char *request;
        size_t len;
        int status;
    } rows[] = {
#define ROW(text, status) { text, sizeof(text) - 1, status }
        ROW("GET /ec\0ho HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /echo\0 HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /echo?\0 HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /echo%00 HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /echo%2500 HTTP/1.1\r\n" HOST "\r\n", 404),
        ROW("GET /%65cho HTTP/1.1\r\n" HOST "\r\n", 200),
        ROW("GET /%2565cho HTTP/1.1\r\n" HOST "\r\n", 404), /* decoded once, not twice */
        ROW("GET /../../etc/passwd HTTP/1.1\r\n" HOST "\r\n", 404),
        ROW("GET  HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET echo HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /a b HTTP/1.1\r\n" HOST "\r\n", 400),
        ROW("GET /echo\r\n\r\n", 400),
        ROW("GET /echo HTTP/2.0\r\n" HOST "\r\n", 505),
        ROW("GET /echo HTTP/9\r\n" HOST "\r\n", 400),
        ROW("\r\n\r\n\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n", 200),
        ROW("EVIL /echo HTTP/1.1\r\n" HOST "\r\n", 405),
        ROW("get /echo HTTP/1.1\r\n" HOST "\r\n", 405),
#undef ROW
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        int status = status_of(rows[i].request, rows[i].len);
        if (status != rows[i].status) fail_msg("row %zu: %d for %s", i, status, rows[i].request);
    }
    expect_alive();
}

static void test_floods(void **state) {
    (void)state;
    ft_buf flood = { 0 };
    ft_buf_add(&flood, FT_STR("GET /echo HTTP/1.1\r\n" HOST));
    for (int i = 0; i < 63; i++) ft_buf_printf(&flood, "X-%d: y\r\n", i);
    size_t full = flood.len;
    ft_buf_add(&flood, FT_STR("\r\n"));
    EXPECT(status_of(flood.at, flood.len) == 200); /* 64 headers */
    flood.len = full;
    ft_buf_add(&flood, FT_STR("X-64: y\r\n\r\n"));
    EXPECT(status_of(flood.at, flood.len) == 431);
    EXPECT(strstr(got.at, "65 headers, at most 64"));
    ft_buf_reset(&flood);
    ft_buf_add(&flood, FT_STR("GET /echo HTTP/1.1\r\n" HOST));
    for (int i = 0; i < 100000; i++) ft_buf_printf(&flood, "X-%d: yyyyyyyyyyyyyyyyyyyy\r\n", i);
    int status = status_of(flood.at, flood.len);
    EXPECT(status == 431 || status == 0); /* a reset may overtake the answer */
    ft_buf_reset(&flood);
    ft_buf_add(&flood, FT_STR("GET /"));
    for (int i = 0; i < 100000; i++) ft_buf_byte(&flood, 'a');
    status = status_of(flood.at, flood.len);
    EXPECT(status == 414 || status == 0);
    ft_buf_reset(&flood);
    for (int i = 0; i < 100000; i++) ft_buf_add(&flood, FT_STR("\r\n"));
    status_of(flood.at, flood.len);
    expect_alive();
    ft_buf_fini(&flood);
}

static void wait_for(atomic_int *value, int want) {
    int64_t end = ft_clock_monotonic_us() + 10 * FT_SECOND_US;
    while (*value != want && ft_clock_monotonic_us() < end) ft_clock_sleep_us(1000);
    EXPECT(*value == want);
}

/* One byte every 50 ms until the server cuts; the seconds that it took. */
static double drip(const char *head, char byte) {
    int fd = wire_connect(ft_server_port(server));
    int64_t from = ft_clock_monotonic_us(), end = from + 15 * FT_SECOND_US;
    wire_text(fd, head);
    while (ft_clock_monotonic_us() < end && send(fd, &byte, 1, MSG_NOSIGNAL) == 1) {
        char answer;
        struct timeval wait = { .tv_usec = 50000 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        if (recv(fd, &answer, 1, 0) == 0) break;
    }
    close(fd);
    return (double)(ft_clock_monotonic_us() - from) / 1e6;
}

static void test_slow_clients(void **state) {
    (void)state;
    double head = drip("GET /echo HTTP/1.1\r\nX: ", 'y');
    EXPECT(head > 1.9 && head < 6);
    double body = drip("PUT /stream HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n", 'y');
    EXPECT(body > 1.9 && body < 6);
    wait_for(&dropped, 1);
    EXPECT(handled == 0);
    int idle = wire_connect(ft_server_port(server));
    int64_t from = ft_clock_monotonic_us();
    ft_buf_reset(&got);
    wire_rest(&got, idle);
    close(idle);
    EXPECT(got.len == 0 && ft_clock_monotonic_us() - from < 5 * FT_SECOND_US);
    expect_alive();
}

/* Request and end of sending arrive together: answered, and closed without a long wait. */
static void test_half_closed(void **state) {
    (void)state;
    int64_t from = ft_clock_monotonic_us();
    for (int i = 0; i < 3; i++) EXPECT(status_of("GET /echo HTTP/1.0\r\n\r\n", 22) == 200);
    EXPECT(status_of(POST("", ""), strlen(POST("", ""))) == 200);
    EXPECT(ft_clock_monotonic_us() - from < 8 * FT_SECOND_US);
}

static void test_connection_limit(void **state) {
    (void)state;
    int fds[10];
    for (size_t i = 0; i < FT_COUNT(fds); i++) fds[i] = wire_connect(ft_server_port(server));
    for (size_t i = 0; i < FT_COUNT(fds); i++) {
        EXPECT(fds[i] >= 0); /* the system's queue holds those beyond the limit */
        wire_text(fds[i], "GET /echo HTTP/1.1\r\n" HOST "\r\n");
        EXPECT(wire_answer(&got, fds[i]) == 200);
        close(fds[i]);
    }
    EXPECT(handled == 10);
}

/* Bytes changed, left out and repeated in a good request, from a seed. */
static void test_mutations(void **state) {
    (void)state;
    static const char good[] =
        "POST /echo?a=b&c=%20 HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
        "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    ft_random random;
    uint64_t seed = 20221122;
    ft_random_seed(&random, seed);
    for (int i = 0; i < 3000; i++) {
        char bytes[400];
        size_t len = sizeof good - 1;
        memcpy(bytes, good, len);
        for (uint64_t n = ft_random_below(&random, 6); n > 0; n--) {
            size_t at = ft_random_below(&random, len), run = ft_random_below(&random, 8);
            switch (ft_random_below(&random, 3)) {
            case 0:
                bytes[at] = (char)ft_random_u64(&random);
                break;
            case 1:
                if (at + run > len) run = len - at;
                memmove(bytes + at, bytes + at + run, len - at - run);
                len -= run;
                break;
            default:
                memmove(bytes + at + run, bytes + at, len - at);
                len += run;
            }
            if (len == 0) len = 1;
        }
        int fd = wire_connect(ft_server_port(server));
        EXPECT(fd >= 0);
        wire_send(fd, bytes, len);
        close(fd);
    }
    expect_alive();
}

#define CASE(name, begin) cmocka_unit_test_setup_teardown(name, begin, stop)
int main(void) {
    const char *only = getenv("ONLY");
    if (only) cmocka_set_test_filter(only);
    const struct CMUnitTest list[] = {
        CASE(test_lengths, start),
        CASE(test_own_words, start),
        CASE(test_request_lines, start),
        CASE(test_floods, start),
        CASE(test_slow_clients, start_impatient),
        CASE(test_half_closed, start),
        CASE(test_connection_limit, start_narrow),
        CASE(test_mutations, start),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
