/* client_test.c -- the client against our server, plain and over TLS, and against nobody. */
#include "net/client.h"

#include <pthread.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "net/server.h"
#include "net/wire_test.h"

static ft_server *server;
static ft_arena arena;
static char url[200];

static ft_err echo(ft_request *req, ft_response *resp) {
    resp->body = req->body;
    resp->content_type = FT_STR("text/plain");
    ft_response_header(resp, "X-Method", req->method);
    ft_response_header(resp, "X-Sent", ft_request_header(req, "X-Mine"));
    return FT_OK;
}

static ft_err fails(ft_request *req, ft_response *resp) {
    (void)req;
    (void)resp;
    return FT_FAIL(FT_ENOTFOUND, "no such job");
}

static ft_err zeros(void *ctx, char *out, size_t max, size_t *got) {
    (void)ctx;
    memset(out, 0, max);
    *got = max;
    return FT_OK;
}

static ft_err endless(ft_request *req, ft_response *resp) {
    (void)req;
    resp->next = zeros;
    return FT_OK;
}

static ft_err nothing_yet(void *ctx, char *out, size_t max, size_t *got) {
    (void)ctx;
    (void)out;
    (void)max;
    (void)got;
    return FT_EBUSY;
}

static ft_err silent(ft_request *req, ft_response *resp) {
    (void)req;
    resp->next = nothing_yet;
    return FT_OK;
}

static ft_err moved(ft_request *req, ft_response *resp) {
    (void)req;
    resp->status = 302;
    ft_response_header(resp, "Location", FT_STR("/echo"));
    return FT_OK;
}

static const ft_route routes[] = {
    { "*", "/echo", "", 0, echo, NULL, NULL, NULL, NULL },
    { "GET", "/fails", "", 0, fails, NULL, NULL, NULL, NULL },
    { "GET", "/endless", "", 0, endless, NULL, NULL, NULL, NULL },
    { "GET", "/silent", "", 0, silent, NULL, NULL, NULL, NULL },
    { "GET", "/moved", "", 0, moved, NULL, NULL, NULL, NULL },
    { 0 },
};
static const ft_route *const tables[] = { routes, NULL };

static const char *at(const char *path) {
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", ft_server_port(server), path);
    return url;
}

static int start(void **state) {
    (void)state;
    return ft_server_start(&server, &(ft_server_opts){ .routes = tables });
}

static int stop(void **state) {
    (void)state;
    ft_server_stop(server);
    ft_arena_fini(&arena);
    return 0;
}

static void test_exchanges(void **state) {
    (void)state;
    ft_fetched got;
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/echo") }));
    EXPECT(got.status == 200 && got.body.len == 0);
    EXPECT_STR("GET", ft_fetched_header(&got, "x-method"));
    EXPECT(!ft_fetched_header(&got, "x-none").at);
    const char *headers[] = { "X-Mine: yes", "Content-Type: text/csv", NULL };
    EXPECT_OK(ft_http_fetch(
        &got, &arena,
        &(ft_fetch){ .url = at("/echo"), .body = FT_STR("a\0b"), .headers = headers }));
    EXPECT_STR("POST", ft_fetched_header(&got, "X-Method"));
    EXPECT_STR("yes", ft_fetched_header(&got, "X-Sent"));
    EXPECT(got.body.len == 3 && memcmp(got.body.at, "a\0b", 3) == 0);
    EXPECT_STR("text/plain", got.content_type);
    EXPECT_OK(ft_http_fetch(
        &got, &arena, &(ft_fetch){ .url = at("/echo"), .method = "PUT", .body = FT_STR("x") }));
    EXPECT_STR("PUT", ft_fetched_header(&got, "X-Method"));
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/echo"), .method = "POST" }));
    EXPECT_STR("POST", ft_fetched_header(&got, "X-Method"));
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/echo"), .method = "DELETE" }));
    EXPECT_STR("DELETE", ft_fetched_header(&got, "X-Method"));
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/echo"), .method = "HEAD" }));
    EXPECT_STR("HEAD", ft_fetched_header(&got, "X-Method"));
}

static void test_any_status_is_an_answer(void **state) {
    (void)state;
    ft_fetched got;
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/fails") }));
    EXPECT(got.status == 404);
    EXPECT_STR("{\"error\":{\"code\":\"FT_ENOTFOUND\",\"message\":\"no such job\"}}\n", got.body);
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/moved") }));
    EXPECT(got.status == 302);
}

static void test_big_bodies(void **state) {
    (void)state;
    ft_fetched got;
    static char big[5000000];
    memset(big, 'b', sizeof big);
    EXPECT_OK(ft_http_fetch(&got, &arena,
                            &(ft_fetch){ .url = at("/echo"), .body = ft_str_n(big, sizeof big) }));
    EXPECT(got.status == 200 && got.body.len == sizeof big);
    EXPECT(memcmp(got.body.at, big, sizeof big) == 0);
}

static void test_limits(void **state) {
    (void)state;
    ft_fetched got;
    EXPECT_ERR(
        FT_ETOOBIG,
        ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/endless"), .limit_bytes = 100000 }));
    EXPECT_WHY("/endless");
    int64_t from = ft_clock_monotonic_us();
    EXPECT_ERR(
        FT_ETIMEOUT,
        ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/silent"), .timeout_us = 200000 }));
    EXPECT_WHY("in time");
    EXPECT_ERR(FT_ETIMEOUT,
               ft_http_fetch(&got, &arena, &(ft_fetch){ .url = at("/echo"), .timeout_us = -1 }));
    EXPECT_WHY("no time is left");
    EXPECT(ft_clock_monotonic_us() - from < 5 * FT_SECOND_US);
}

static void *answer_half(void *ctx) {
    char byte[1000];
    int fd = accept(*(int *)ctx, NULL, NULL);
    if (recv(fd, byte, sizeof byte, 0) > 0)
        wire_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part");
    close(fd);
    return NULL;
}

static void test_nobody_there(void **state) {
    (void)state;
    ft_fetched got;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof any;
    EXPECT(bind(fd, (struct sockaddr *)&any, len) == 0 &&
           getsockname(fd, (struct sockaddr *)&any, &len) == 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(any.sin_port));
    EXPECT_ERR(FT_EPEER, ft_http_fetch(&got, &arena, &(ft_fetch){ .url = url })); /* no listen */
    EXPECT_WHY(url);
    pthread_t thread;
    EXPECT(listen(fd, 1) == 0 && pthread_create(&thread, NULL, answer_half, &fd) == 0);
    EXPECT_ERR(FT_EPEER, ft_http_fetch(&got, &arena, &(ft_fetch){ .url = url }));
    pthread_join(thread, NULL);
    close(fd);
    EXPECT_ERR(FT_EPEER, ft_http_fetch(&got, &arena, &(ft_fetch){ .url = "http://no.invalid/" }));
    EXPECT_ERR(FT_EINVAL, ft_http_fetch(&got, &arena, &(ft_fetch){ .url = "file:///etc/passwd" }));
    EXPECT_ERR(FT_EINVAL, ft_http_fetch(&got, &arena, &(ft_fetch){ .url = "http://" }));
}

static void test_tls(void **state) {
    (void)state;
    char command[1000], ca[300];
    snprintf(ca, sizeof ca, "%s/cert.pem", test_dir());
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost "
             "-keyout %s/key.pem -out %s 2>/dev/null",
             test_dir(), ca);
    if (system(command) != 0) {
        print_message("# skipped: no openssl command to make a certificate\n");
        skip();
    }
    ft_str cert, key;
    ft_fetched got;
    ft_server *tls;
    snprintf(command, sizeof command, "%s/key.pem", test_dir());
    EXPECT_OK(ft_file_read(&cert, &arena, ca, 100000));
    EXPECT_OK(ft_file_read(&key, &arena, command, 100000));
    EXPECT_OK(ft_server_start(
        &tls,
        &(ft_server_opts){ .routes = tables, .tls_cert_pem = cert.at, .tls_key_pem = key.at }));
    static char big[1000000];
    memset(big, 'b', sizeof big);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/echo", ft_server_port(tls));
    EXPECT_OK(ft_http_fetch(
        &got, &arena, &(ft_fetch){ .url = url, .ca_path = ca, .body = ft_str_n(big, sizeof big) }));
    EXPECT(got.status == 200 && got.body.len == sizeof big);
    EXPECT_ERR(FT_EPEER, ft_http_fetch(&got, &arena, &(ft_fetch){ .url = url })); /* not trusted */
    EXPECT_WHY("certificate");
    /* Plain bytes on a TLS port. */
    snprintf(url, sizeof url, "http://127.0.0.1:%d/echo", ft_server_port(tls));
    EXPECT_ERR(FT_EPEER, ft_http_fetch(&got, &arena, &(ft_fetch){ .url = url }));
    ft_server_stop(tls);
}

/* The body in the caller's memory, the connection kept; an error's text goes elsewhere. */
static void test_link_and_memory(void **state) {
    (void)state;
    static char into[300000], big[300000];
    ft_http_link *link;
    ft_fetched got;
    EXPECT_OK(ft_http_link_new(&link));
    memset(big, 'x', sizeof big);
    ft_fetch req = { .url = at("/echo"), .body = ft_str_n(big, sizeof big), .link = link };
    req.into = into, req.into_bytes = sizeof into;
    for (int i = 0; i < 3; i++) {
        big[i] = 'y';
        EXPECT_OK(ft_http_fetch(&got, &arena, &req));
        EXPECT(got.body.at == into && got.body.len == sizeof into);
        EXPECT(memcmp(into, big, sizeof into) == 0);
    }
    req.into_bytes = 1000; /* more comes than there is room for */
    EXPECT_ERR(FT_ETOOBIG, ft_http_fetch(&got, &arena, &req));
    EXPECT_WHY("longer than the 1000 bytes asked for");
    EXPECT(got.status == 200 && got.body.len == 1000);
    into[0] = '?';
    req = (ft_fetch){ .url = at("/fails"), .link = link, .into = into, .into_bytes = sizeof into };
    EXPECT_OK(ft_http_fetch(&got, &arena, &req));
    EXPECT(got.status == 404 && into[0] == '?' && got.body.len > 20 && got.body.at != into);
    ft_http_link_free(link);
    ft_http_link_free(NULL);
}

static void test_stalled(void **state) {
    (void)state;
    ft_fetched got;
    int64_t began_us = ft_clock_monotonic_us();
    ft_fetch req = { .url = at("/silent"), .stall_us = FT_SECOND_US, .timeout_us = 60000000 };
    EXPECT_ERR(FT_ETIMEOUT, ft_http_fetch(&got, &arena, &req));
    EXPECT(ft_clock_monotonic_us() - began_us < 15 * FT_SECOND_US);
}

static void test_ipv6(void **state) {
    (void)state;
    ft_server *six;
    ft_fetched got;
    if (ft_server_start(&six, &(ft_server_opts){ .routes = tables, .address = "::1" }) != FT_OK) {
        print_message("# skipped: %s\n", ft_err_why());
        skip();
    }
    snprintf(url, sizeof url, "http://[::1]:%d/echo", ft_server_port(six));
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = url, .body = FT_STR("six") }));
    EXPECT_STR("six", got.body);
    ft_server_stop(six);
}

static void test_every_fault(void **state) {
    (void)state;
    int failures = 0;
    const char *headers[] = { "X-Mine: yes", NULL };
    EACH_FAULT {
        ft_arena own = FT_ARENA_INIT(0);
        ft_fetched got;
        ft_err err = ft_http_fetch(
            &got, &own, &(ft_fetch){ .url = at("/echo"), .headers = headers, .body = FT_STR("x") });
        failures += err != FT_OK;
        ft_arena_fini(&own);
    }
    EXPECT(failures >= 5);
    failures = 0;
    EACH_FAULT {
        ft_http_link *link;
        if (ft_http_link_new(&link) != FT_OK) failures++;
        ft_http_link_free(link);
    }
    EXPECT(failures >= 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
TEST_MAIN(CASE(test_exchanges), CASE(test_any_status_is_an_answer), CASE(test_big_bodies),
          CASE(test_limits), CASE(test_nobody_there), CASE(test_tls), CASE(test_ipv6),
          CASE(test_link_and_memory), CASE(test_stalled), CASE(test_every_fault))
