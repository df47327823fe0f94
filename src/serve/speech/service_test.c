/* service_test.c -- the service in a server: speech in pieces, many at once, clients that leave, an
 * end in the middle. */
#include "serve/speech/service.h"

#include <pthread.h>
#include <sched.h>

#include "base/check.h"
#include "base/clock.h"
#include "models/predictor.h"
#include "net/client.h"
#include "net/wire_test.h"
#include "rules/rule.h"
#include "serve/serve.h"
#include "serve/serve_in.h"

static ft_arena arena = FT_ARENA_INIT(256 << 20);

static ft_store *fresh(const char **home) {
    static const ft_predictor *const predictors[] = { NULL };
    static const ft_stream_kind *const kinds[] = { &ft_kind_speech, NULL };
    static const ft_rule *const rules[] = { NULL };
    static char path[300];
    static int count;
    ft_store *s;
    snprintf(path, sizeof path, "%s/home-%d", test_dir(), count++);
    EXPECT_OK(ft_store_open(&s, path));
    ft_predictors_use(predictors);
    ft_streams_use(kinds);
    ft_rules_use(rules);
    *home = path;
    return s;
}

typedef struct scene {
    ft_store *s;
    ft_serve *serve;
} scene;

static scene begin(void) {
    scene c;
    const char *home;
    c.s = fresh(&home);
    EXPECT_OK(ft_serve_start(&c.serve, &(ft_serve_opts){ .home = home, .threads = 2 }));
    return c;
}

static void end(scene *c) {
    ft_serve_stop(c->serve);
    ft_store_close(c->s);
    ft_arena_fini(&arena);
}

static int fetch(ft_str *body, scene *c, ft_arena *a, const char *path, const char *text) {
    char url[300];
    ft_fetched got;
    snprintf(url, sizeof url, "%s%s", ft_serve_url(c->serve), path);
    EXPECT_OK(ft_http_fetch(
        &got, a,
        &(ft_fetch){ .method = text ? "POST" : "GET", .url = url, .body = ft_str_of(text) }));
    *body = got.body;
    return got.status;
}

static bool no_voice(int status) { return status == 501; }

static void test_speaks(void **state) {
    (void)state;
    scene c = begin();
    ft_str first, again, part;
    int status = fetch(&first, &c, &arena, "/v1/speech",
                       "{\"Text\":\"Hello there.\",\"OutputFormat\":\"pcm\"}");
    if (no_voice(status)) {
        end(&c);
        SKIP("flite's voices are not installed");
    }
    EXPECT(status == 200 && first.len > 16000 && first.len % 2 == 0);
    EXPECT(fetch(&again, &c, &arena, "/v1/speech?Text=Hello%20there.&OutputFormat=pcm", NULL) ==
           200);
    EXPECT(ft_str_eq(first, again));
    EXPECT(fetch(&part, &c, &arena, "/v1/speech", "{\"Text\":\"<speak>x\"}") == 400);
    EXPECT(fetch(&part, &c, &arena, "/v1/speech", "{\"Txt\":\"x\"}") == 400);
    EXPECT(fetch(&part, &c, &arena, "/v1/voices", NULL) == 200 && part.len > 500);
    EXPECT(fetch(&part, &c, &arena, "/speech", NULL) == 200);
    EXPECT(fetch(&part, &c, &arena, "/player.js", NULL) == 200 && part.len > 1000);
    end(&c);
}

typedef struct crowd {
    scene *c;
    ft_str want;
    atomic_int good;
} crowd;

static void *one_of_many(void *ctx) {
    crowd *k = ctx;
    ft_arena own = FT_ARENA_INIT(64 << 20);
    ft_str got;
    for (int i = 0; i < 3; i++)
        if (fetch(&got, k->c, &own, "/v1/speech",
                  "{\"Text\":\"One of many.\",\"OutputFormat\":\"pcm\"}") == 200 &&
            ft_str_eq(got, k->want))
            atomic_fetch_add(&k->good, 1);
    ft_arena_fini(&own);
    return NULL;
}

static void test_crowd(void **state) {
    (void)state;
    scene c = begin();
    crowd k = { .c = &c };
    pthread_t threads[12];
    int status = fetch(&k.want, &c, &arena, "/v1/speech",
                       "{\"Text\":\"One of many.\",\"OutputFormat\":\"pcm\"}");
    if (no_voice(status)) {
        end(&c);
        SKIP("flite's voices are not installed");
    }
    EXPECT(status == 200);
    for (size_t i = 0; i < FT_COUNT(threads); i++)
        EXPECT(pthread_create(&threads[i], NULL, one_of_many, &k) == 0);
    for (size_t i = 0; i < FT_COUNT(threads); i++) pthread_join(threads[i], NULL);
    EXPECT(atomic_load(&k.good) == 36);
    end(&c);
}

static int asks(scene *c, const char *body) {
    const char *port = strrchr(ft_serve_url(c->serve), ':') + 1;
    char head[200];
    int fd = wire_connect(atoi(port));
    EXPECT(fd >= 0);
    snprintf(head, sizeof head,
             "POST /v1/speech HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    wire_text(fd, head);
    wire_text(fd, body);
    return fd;
}

static const char *long_body(void) {
    static char body[4000];
    char *at = stpcpy(body, "{\"OutputFormat\":\"pcm\",\"SampleRate\":24000,\"Text\":\"");
    for (int i = 0; i < 70; i++) at = stpcpy(at, "A long text that nobody hears to its end. ");
    stpcpy(at, "\"}");
    return body;
}

/* What they asked for is forgotten, whenever they go. */
static void test_clients_leave(void **state) {
    (void)state;
    scene c = begin();
    ft_speakers *speakers = c.serve->speech->speakers;
    char byte;
    for (int i = 0; i < 6; i++) {
        int fd = asks(&c, long_body());
        if (i % 2) EXPECT(recv(fd, &byte, 1, 0) == 1); /* the first byte of an answer */
        close(fd);
    }
    int64_t until_us = ft_clock_monotonic_us() + 60 * FT_SECOND_US;
    while (ft_speakers_busy(speakers) && ft_clock_monotonic_us() < until_us) sched_yield();
    EXPECT(ft_speakers_busy(speakers) == 0);
    end(&c);
}

/* The server ends while it speaks to some and others wait: nobody is left behind. */
static void test_end_in_the_middle(void **state) {
    (void)state;
    scene c = begin();
    int fds[24];
    char byte;
    for (size_t i = 0; i < FT_COUNT(fds); i++) fds[i] = asks(&c, long_body());
    EXPECT(recv(fds[0], &byte, 1, 0) == 1);
    for (size_t i = 0; i < FT_COUNT(fds); i += 2) close(fds[i]);
    end(&c);
    for (size_t i = 1; i < FT_COUNT(fds); i += 2) close(fds[i]);
}

static void test_faults(void **state) {
    (void)state;
    const char *home;
    ft_store *s = fresh(&home);
    EACH_FAULT {
        ft_speech_service *service = NULL;
        ft_err err = ft_speech_service_new(&service, s, home);
        EXPECT((err == FT_OK) == (service != NULL));
        ft_speech_service_free(service);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_speaks), cmocka_unit_test(test_crowd),
          cmocka_unit_test(test_clients_leave), cmocka_unit_test(test_end_in_the_middle),
          cmocka_unit_test(test_faults))
