/* serve_test.c -- the server over a socket: invocations and their captures, the JSON, the page, bad
 * input, updates under traffic, and what is left after it ends. */
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "jobs/job.h"
#include "net/client.h"
#include "serve/endpoint.h"
#include "serve/serve.h"
#include "serve/stand_in_test.h"
#include "store/lineage.h"
#include "watch/outbox.h"

static ft_arena arena;

typedef struct scene {
    ft_store *s;
    ft_serve *serve;
} scene;

static scene begin(void) {
    scene c;
    const char *home;
    c.s = stand_in_store(&home);
    EXPECT_OK(ft_serve_start(&c.serve, &(ft_serve_opts){ .home = home, .threads = 2 }));
    return c;
}

static void end(scene *c) {
    ft_serve_stop(c->serve);
    ft_store_close(c->s);
    ft_arena_reset(&arena);
    EXPECT(atomic_load(&stand_ins) == 0);
}

static void deploy(scene *c, const char *name, const char *model, int percent) {
    ft_endpoint ep;
    EXPECT_OK(stand_in_deploy(&ep, c->s, &arena, ft_str_of(name), stand_in_model(model), FT_STR(""),
                              percent));
    EXPECT_OK(ft_serve_follow(c->serve));
}

static ft_fetched ask(scene *c, const char *method, const char *path, const char *type,
                      const char *body) {
    char url[400], header[100];
    ft_fetched got;
    const char *headers[] = { header, NULL };
    snprintf(url, sizeof url, "%s%s", ft_serve_url(c->serve), path);
    snprintf(header, sizeof header, "Content-Type: %s", type ? type : "text/csv");
    EXPECT_OK(ft_http_fetch(
        &got, &arena,
        &(ft_fetch){ .method = method, .url = url, .body = ft_str_of(body), .headers = headers }));
    return got;
}

static ft_fetched get(scene *c, const char *path) { return ask(c, "GET", path, NULL, NULL); }

static ft_fetched invoke(scene *c, const char *body) {
    return ask(c, "POST", "/endpoints/e/invocations", NULL, body);
}

static ft_str member(ft_str json, const char *path) {
    ft_str raw = { 0 };
    if (ft_json_find(&raw, json, path) != FT_OK) fail_msg("no %s in %.*s", path, FT_STR_ARG(json));
    return raw;
}

static void test_invocations(void **state) {
    (void)state;
    scene c = begin();
    ft_cursor *cursor;
    ft_record r;
    deploy(&c, "e", "constant 7", 100);
    ft_fetched got = invoke(&c, "1,2,3");
    EXPECT(got.status == 200);
    EXPECT_STR("7", got.body);
    EXPECT_STR("text/csv; charset=utf-8", got.content_type);
    ft_str id = ft_fetched_header(&got, "X-Fettle-Event-Id");
    EXPECT(id.len == 36);
    /* Captured before it was answered: another connection reads it now. */
    EXPECT_OK(
        ft_cursor_open(&cursor, c.s, &ft_kind_capture, &(ft_cursor_opts){ .key = FT_STR("e") }));
    EXPECT_OK(ft_cursor_next(cursor, &r));
    EXPECT(ft_str_eq(id, r.values[FT_CAPTURE_EVENT].s));
    EXPECT_STR("1,2,3", r.values[FT_CAPTURE_INPUT].s);
    EXPECT_STR("7", r.values[FT_CAPTURE_OUTPUT].s);
    ft_str node;
    EXPECT_OK(ft_arena_printf(&node, &arena, "capture:%.*s", FT_STR_ARG(r.segment)));
    ft_cursor_close(cursor);
    ft_lineage_step *steps;
    size_t count;
    EXPECT_OK(ft_lineage_walk(&steps, &count, c.s, &arena, node));
    EXPECT(count >= 2);
    EXPECT_STR("endpoint:e@1", steps[1].id);
    got = ask(&c, "POST", "/endpoints/e/invocations", NULL, "");
    EXPECT(got.status == 204 && got.body.len == 0);
    end(&c);
}

static void test_sampling(void **state) {
    (void)state;
    scene c = begin();
    int captured = 0;
    deploy(&c, "e", "constant 1", 50);
    deploy(&c, "never", "constant 1", 0);
    for (int i = 0; i < 300; i++) {
        ft_fetched got = invoke(&c, "1");
        captured += ft_fetched_header(&got, "X-Fettle-Event-Id").len > 0;
    }
    EXPECT(captured > 90 && captured < 210); /* 150, seven deviations */
    for (int i = 0; i < 50; i++) {
        ft_fetched got = ask(&c, "POST", "/endpoints/never/invocations", NULL, "1");
        EXPECT(got.status == 200 && !ft_fetched_header(&got, "X-Fettle-Event-Id").len);
    }
    ft_fetched list = get(&c, "/endpoints");
    EXPECT_STR("300", member(list.body, "endpoints.0.requests"));
    char text[16];
    snprintf(text, sizeof text, "%d", captured);
    EXPECT_STR(text, member(list.body, "endpoints.0.captured_now"));
    EXPECT_STR(text, member(list.body, "endpoints.0.captured"));
    EXPECT_STR("1", member(list.body, "endpoints.0.classes.0.class"));
    EXPECT_STR("1", member(list.body, "endpoints.0.classes.0.share"));
    EXPECT_STR("\"never\"", member(list.body, "endpoints.1.name"));
    end(&c);
}

static void expect_error(scene *c, ft_fetched got, int status, const char *says) {
    (void)c;
    if (got.status != status)
        fail_msg("status %d, expected %d: %.*s", got.status, status, FT_STR_ARG(got.body));
    ft_str message = member(got.body, "error.message");
    if (!strstr(message.at, says)) fail_msg("%.*s does not say %s", FT_STR_ARG(message), says);
}

static void test_bad_requests(void **state) {
    (void)state;
    scene c = begin();
    deploy(&c, "e", "constant 1", 100);
    expect_error(&c, ask(&c, "POST", "/endpoints/f/invocations", NULL, "1"), 404,
                 "no endpoint 'f'");
    expect_error(&c, invoke(&c, "bad"), 400, "row 1, column 1");
    expect_error(&c, ask(&c, "POST", "/endpoints/e/invocations", "image/png", "1"), 415,
                 "image/png");
    expect_error(&c, get(&c, "/nothing"), 404, "");
    expect_error(&c, get(&c, "/endpoints/e/invocations"), 405, "");
    expect_error(&c, get(&c, "/jobs?limit=many"), 400, "limit=many");
    expect_error(&c, get(&c, "/jobs/nobody"), 404, "nobody");
    expect_error(&c, get(&c, "/reports/nobody"), 404, "nobody");
    expect_error(&c, get(&c, "/endpoints/e/report"), 404, "was not monitored yet");
    expect_error(&c, get(&c, "/lineage/alert:99"), 404, "alert:99");
    expect_error(&c, get(&c, "/web/..%2f..%2fetc%2fpasswd"), 404, "there is no page");
    expect_error(&c, get(&c, "/web/secret"), 404, "there is no page");
    EXPECT_STR("1", invoke(&c, "1").body); /* it goes on */
    ft_fetched one = get(&c, "/endpoints/e");
    EXPECT_STR("2", member(one.body, "endpoint.refused"));
    end(&c);
}

static void test_page(void **state) {
    (void)state;
    scene c = begin();
    char header[100], url[300];
    const char *headers[] = { header, NULL };
    ft_fetched got = get(&c, "/");
    EXPECT(got.status == 200 && ft_str_starts(got.body, FT_STR("<!doctype html>")));
    EXPECT_STR("text/html; charset=utf-8", got.content_type);
    EXPECT(strstr(ft_fetched_header(&got, "Content-Security-Policy").at, "default-src 'self'"));
    EXPECT(!strstr(got.body.at, "http://") && !strstr(got.body.at, "https://"));
    static const char *const files[] = { "/web/app.css", "/web/app.js", "/web/mark.svg" };
    static const char *const types[] = { "text/css; charset=utf-8",
                                         "text/javascript; charset=utf-8", "image/svg+xml" };
    for (int i = 0; i < 3; i++) {
        got = get(&c, files[i]);
        EXPECT(got.status == 200 && got.body.len > 200);
        EXPECT_STR(types[i], got.content_type);
    }
    ft_str etag = ft_fetched_header(&got, "ETag");
    snprintf(header, sizeof header, "If-None-Match: %.*s", FT_STR_ARG(etag));
    snprintf(url, sizeof url, "%s/web/mark.svg", ft_serve_url(c.serve));
    EXPECT_OK(ft_http_fetch(&got, &arena, &(ft_fetch){ .url = url, .headers = headers }));
    EXPECT(got.status == 304 && got.body.len == 0);
    EXPECT(get(&c, "/ping").status == 200);
    got = get(&c, "/healthz");
    EXPECT_STR("\"ok\"", member(got.body, "status"));
    end(&c);
}

/* Rows of the other rooms, as the page asks for them. */
static void test_lists(void **state) {
    (void)state;
    scene c = begin();
    ft_alert alert;
    static const char *const lists[][2] = { { "/jobs", "jobs" },
                                            { "/endpoints", "endpoints" },
                                            { "/verdicts", "verdicts" },
                                            { "/alerts", "alerts" } };
    for (size_t i = 0; i < FT_COUNT(lists); i++) {
        ft_fetched got = get(&c, lists[i][0]);
        EXPECT(got.status == 200);
        EXPECT_STR("application/json", got.content_type);
        EXPECT_STR("[]", member(got.body, lists[i][1]));
    }
    EXPECT_OK(ft_alert_raise(&alert, c.s, &arena,
                             &(ft_alert){ .subject = FT_STR("endpoint/e"),
                                          .rule = FT_STR("ClassShare"),
                                          .text = FT_STR("one \"class\" <b>"),
                                          .evidence_json = FT_STR("{\"class\":9}") }));
    ft_fetched got = get(&c, "/alerts?limit=5");
    EXPECT_STR("\"one \\\"class\\\" <b>\"", member(got.body, "alerts.0.text"));
    EXPECT_STR("9", member(got.body, "alerts.0.evidence.class"));
    deploy(&c, "e", "constant 1", 0);
    got = get(&c, "/lineage/endpoint:e@1");
    EXPECT_STR("\"endpoint:e@1\"", member(got.body, "steps.0.id"));
    EXPECT_STR("false", member(got.body, "steps.2.missing"));
    got = get(&c, "/endpoints/e");
    EXPECT_STR("1", member(got.body, "description.answer"));
    EXPECT_STR("null", member(got.body, "endpoint.monitor"));
    end(&c);
}

static void test_update_and_delete(void **state) {
    (void)state;
    scene c = begin();
    deploy(&c, "e", "constant 1", 0);
    EXPECT_STR("1", invoke(&c, "1").body);
    deploy(&c, "e", "constant 2", 0);
    EXPECT_STR("2", invoke(&c, "1").body);
    EXPECT_OK(ft_endpoint_rollback(c.s, FT_STR("e")));
    EXPECT_OK(ft_serve_follow(c.serve));
    EXPECT_STR("1", invoke(&c, "1").body);
    EXPECT_OK(ft_endpoint_delete(c.s, FT_STR("e")));
    EXPECT_OK(ft_serve_follow(c.serve));
    EXPECT(invoke(&c, "1").status == 404);
    ft_endpoint ep;
    EXPECT_OK(stand_in_deploy(&ep, c.s, &arena, FT_STR("e"), stand_in_model("constant 3"),
                              FT_STR(""), 0));
    expect_error(&c, invoke(&c, "1"), 503, "is Creating"); /* not followed yet */
    EXPECT_OK(ft_endpoint_load_failed(c.s, FT_STR("e"), ep.version, FT_STR("it broke")));
    expect_error(&c, invoke(&c, "1"), 502, "it broke");
    end(&c);
}

/* ---- one thread asks all the time while versions come and go */

typedef struct asking {
    scene *c;
    atomic_bool stop;
    atomic_long answered, lost;
} asking;

static void *keep_asking(void *ctx) {
    asking *a = ctx;
    ft_arena mine = FT_ARENA_INIT(0);
    static const char *const headers[] = { "Content-Type: text/csv", NULL };
    char url[200];
    snprintf(url, sizeof url, "%s/endpoints/e/invocations", ft_serve_url(a->c->serve));
    while (!atomic_load(&a->stop)) {
        ft_fetched got;
        ft_arena_reset(&mine);
        if (ft_http_fetch(&got, &mine,
                          &(ft_fetch){ .url = url, .body = FT_STR("1"), .headers = headers }) ||
            got.status != 200)
            atomic_fetch_add(&a->lost, 1);
        atomic_fetch_add(&a->answered, 1);
    }
    ft_arena_fini(&mine);
    return NULL;
}

static void test_update_under_traffic(void **state) {
    (void)state;
    scene c = begin();
    asking a = { .c = &c };
    pthread_t thread;
    char model[32];
    deploy(&c, "e", "constant 0", 100);
    EXPECT(pthread_create(&thread, NULL, keep_asking, &a) == 0);
    for (int i = 1; i <= 15; i++) {
        long before = atomic_load(&a.answered);
        snprintf(model, sizeof model, "constant %d", i);
        deploy(&c, "e", model, 100);
        while (atomic_load(&a.answered) < before + 3) sched_yield();
    }
    atomic_store(&a.stop, true);
    pthread_join(thread, NULL);
    EXPECT(atomic_load(&a.lost) == 0);
    end(&c);
}

static void test_address(void **state) {
    (void)state;
    const char *home;
    ft_store *s = stand_in_store(&home);
    ft_serve *serve, *second;
    ft_str url;
    EXPECT_ERR(FT_ENOTFOUND, ft_serve_address(&url, s, &arena));
    EXPECT_WHY("start one with `fettle serve`");
    EXPECT_OK(ft_serve_start(&serve, &(ft_serve_opts){ .home = home }));
    EXPECT_OK(ft_serve_address(&url, s, &arena));
    EXPECT_STR(ft_serve_url(serve), url);
    int port = atoi(strrchr(url.at, ':') + 1);
    EXPECT_ERR(FT_EBUSY, ft_serve_start(&second, &(ft_serve_opts){ .home = home }));
    EXPECT_WHY("serves this home already");
    const char *another;
    ft_store *t = stand_in_store(&another);
    EXPECT_ERR(FT_EBUSY,
               ft_serve_start(&second, &(ft_serve_opts){ .home = another, .port = port }));
    ft_store_close(t);
    EXPECT_OK(ft_serve_address(&url, s, &arena)); /* the first one's still */
    /* One that has not told its address yet counts, too. */
    ft_str file = { 0 };
    EXPECT_OK(ft_arena_printf(&file, &arena, "%s/server.json", home));
    EXPECT_OK(ft_file_remove(file.at));
    EXPECT_ERR(FT_EBUSY, ft_serve_start(&second, &(ft_serve_opts){ .home = home }));
    ft_serve_stop(serve);
    EXPECT_OK(ft_serve_start(&serve, &(ft_serve_opts){ .home = home }));
    ft_serve_stop(serve);
    EXPECT_ERR(FT_ENOTFOUND, ft_serve_address(&url, s, &arena));
    ft_serve_stop(NULL);
    ft_store_close(s);
}

/* `fettle serve` as a process: it says where it is, follows a deploy within 200 ms, and ends on
 * SIGTERM with its captures sealed; killed, it loses none that it answered. */
static int pipe_to_parent;
static void on_listening(void *ctx, const char *url) {
    (void)ctx;
    ssize_t n = write(pipe_to_parent, url, strlen(url) + 1);
    if (n < 0) _exit(3);
}

static pid_t serve_process(const char *home, char *url, size_t size) {
    int ends[2];
    EXPECT(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        pipe_to_parent = ends[1];
        _exit(ft_serve_run(&(ft_serve_opts){ .home = home, .listening = on_listening }) ? 1 : 0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], url, size);
    EXPECT(pid > 0 && n > 0);
    close(ends[0]);
    return pid;
}

static int status_at(const char *url, const char *path, const char *body) {
    static const char *const headers[] = { "Content-Type: text/csv", NULL };
    char whole[400];
    ft_fetched got;
    snprintf(whole, sizeof whole, "%s%s", url, path);
    EXPECT_OK(ft_http_fetch(
        &got, &arena, &(ft_fetch){ .url = whole, .body = ft_str_of(body), .headers = headers }));
    return got.status;
}

static size_t captured(ft_store *s, bool *sealed) {
    ft_segment *segments;
    size_t count, records = 0;
    EXPECT_OK(ft_stream_segments(&segments, &count, s, &arena, &ft_kind_capture, FT_STR("e")));
    *sealed = count > 0;
    for (size_t i = 0; i < count; i++)
        records += segments[i].records, *sealed = *sealed && segments[i].sealed;
    return records;
}

static void test_process(void **state) {
    (void)state;
    const char *home;
    char url[200];
    int code;
    bool sealed;
    ft_store *s = stand_in_store(&home);
    ft_endpoint ep;
    pid_t pid = serve_process(home, url, sizeof url);
    EXPECT_OK(stand_in_deploy(&ep, s, &arena, FT_STR("e"), stand_in_model("constant 1"), FT_STR(""),
                              100));
    int64_t began_us = ft_clock_monotonic_us();
    while (status_at(url, "/endpoints/e/invocations", "1") != 200)
        if (ft_clock_monotonic_us() - began_us > 20 * FT_SECOND_US)
            fail_msg("the deploy was not followed");
    int64_t took_us = ft_clock_monotonic_us() - began_us;
    print_message("# a deploy answered after %.1f ms\n", (double)took_us / 1000);
    for (int i = 0; i < 9; i++) EXPECT(status_at(url, "/endpoints/e/invocations", "1") == 200);
    EXPECT(kill(pid, SIGTERM) == 0 && waitpid(pid, &code, 0) == pid && WIFEXITED(code) &&
           WEXITSTATUS(code) == 0);
    EXPECT(captured(s, &sealed) == 10 && sealed);

    pid = serve_process(home, url, sizeof url);
    for (int i = 0; i < 10; i++) EXPECT(status_at(url, "/endpoints/e/invocations", "1") == 200);
    EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, &code, 0) == pid && WIFSIGNALED(code));
    int recovered;
    EXPECT_OK(ft_streams_recover(s, &recovered));
    EXPECT(recovered == 1 && captured(s, &sealed) == 20 && sealed);
    ft_str address;
    EXPECT_ERR(FT_ENOTFOUND,
               ft_serve_address(&address, s, &arena)); /* its file is there, its process is not */
    ft_store_close(s);
}

/* A monitor run was killed after its verdict and before the alert: the next server raises it. */
static void test_actions_left_over(void **state) {
    (void)state;
    const char *home;
    ft_store *s = stand_in_store(&home);
    ft_db *db = ft_store_db(s);
    ft_serve *serve;
    ft_endpoint ep;
    ft_alert *alerts;
    size_t count = 0;
    EXPECT_OK(
        stand_in_deploy(&ep, s, &arena, FT_STR("e"), stand_in_model("constant 1"), FT_STR(""), 0));
    EXPECT_OK(ft_db_run(
        db,
        "insert into verdict (watch, at, through, outcome, reason, evidence, fired, stored_us)"
        " select id, 5, 5, 'Issue', 'it moved', '{}', 1, 5 from watch",
        ""));
    EXPECT_OK(ft_db_run(
        db,
        "insert into verdict_action (verdict, ordinal, action) select id, 0, 'alert' from verdict",
        ""));
    EXPECT_OK(ft_serve_start(&serve, &(ft_serve_opts){ .home = home }));
    int64_t until_us = ft_clock_monotonic_us() + 20 * FT_SECOND_US;
    while (!count && ft_clock_monotonic_us() < until_us)
        EXPECT_OK(ft_alert_list(&alerts, &count, s, &arena, 10));
    EXPECT(count == 1);
    EXPECT_STR("it moved", alerts[0].text);
    ft_serve_stop(serve);
    ft_store_close(s);
}

static void test_faults(void **state) {
    (void)state;
    const char *home;
    ft_store *s = stand_in_store(&home);
    size_t rounds = 0;
    EACH_FAULT {
        ft_serve *serve = NULL;
        ft_err err = ft_serve_start(&serve, &(ft_serve_opts){ .home = home });
        ft_fault_off();
        EXPECT((err == FT_OK) == (serve != NULL));
        ft_serve_stop(serve);
        rounds++;
    }
    EXPECT(rounds > 10);
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_process), cmocka_unit_test(test_invocations),
          cmocka_unit_test(test_sampling), cmocka_unit_test(test_bad_requests),
          cmocka_unit_test(test_page), cmocka_unit_test(test_lists),
          cmocka_unit_test(test_update_and_delete), cmocka_unit_test(test_update_under_traffic),
          cmocka_unit_test(test_address), cmocka_unit_test(test_actions_left_over),
          cmocka_unit_test(test_faults))
