/* later_test.c -- requests whose answer takes a while: what was checked when they came counts. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "aws/aws.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "monitor/capture.h"
#include "monitor/monitor.h"
#include "net/client.h"
#include "net/sigv4.h"
#include "rules/rule.h"
#include "serve/endpoint.h"
#include "serve/serve.h"
#include "tests/test.h"

#define HOUR_US (3600 * FT_SECOND_US)

static ft_arena arena = FT_ARENA_INIT(0);
static ft_aws_key key;

/* ---- a clock that can be set */

static atomic_llong ahead_us;
static int64_t real_us(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * FT_SECOND_US + t.tv_nsec / 1000;
}
static int64_t now_us(void) { return real_us(CLOCK_REALTIME) + atomic_load(&ahead_us); }
static int64_t monotonic_us(void) { return real_us(CLOCK_MONOTONIC); }
static void sleep_us(int64_t us) {
    struct timespec t = { .tv_sec = us / FT_SECOND_US, .tv_nsec = us % FT_SECOND_US * 1000 };
    nanosleep(&t, NULL);
}
static const ft_clock_ops clock_ops = { now_us, monotonic_us, sleep_us };

/* ---- a model that thinks until it may answer */

static sem_t asked, may_answer;

static int thinker_sniff(const char *path) { return ft_file_exists(path) ? 100 : 0; }

extern const ft_predictor thinker;
static ft_model model = { &thinker };

static ft_err thinker_load(ft_model **out, const char *path) {
    (void)path;
    *out = &model;
    return FT_OK;
}
static ft_err thinker_predict(const ft_model *m, ft_payload *out, const ft_payload *in,
                              ft_str accept, ft_tap *tap, ft_arena *mine) {
    (void)m, (void)out, (void)in, (void)accept, (void)tap, (void)mine;
    return FT_FAIL(FT_EUNSUPPORTED, "it is asked");
}
static void thinker_describe(const ft_model *m, ft_json_out *w) { (void)m, (void)w; }
static void thinker_free(ft_model *m) { (void)m; }
static ft_err thinker_start(ft_model *m, const ft_serving *as) {
    (void)m, (void)as;
    return FT_OK;
}
static ft_err thinker_ready(ft_model *m) {
    (void)m;
    return FT_OK;
}
static ft_err thinker_ask(ft_model *m, ft_asking *a) {
    (void)m;
    sem_post(&asked);
    while (sem_wait(&may_answer) != 0) continue;
    a->status = 200;
    a->out = (ft_payload){ FT_STR("text/plain"), FT_STR("thought") };
    return FT_OK;
}
const ft_predictor thinker = { .name = "thinker",
                               .doc = "answers when it may",
                               .content_types = "*/*",
                               .sniff = thinker_sniff,
                               .load = thinker_load,
                               .describe = thinker_describe,
                               .predict = thinker_predict,
                               .free = thinker_free,
                               .start = thinker_start,
                               .ready = thinker_ready,
                               .ask = thinker_ask };
static const ft_predictor *const predictors[] = { &thinker, NULL };
static const ft_stream_kind *const kinds[] = { &ft_kind_capture, &ft_kind_drift, NULL };
static const ft_rule *const rules[] = { &ft_rule_class_share, &ft_rule_population_stability, NULL };

/* ---- */

typedef struct invocation {
    const char *url;
    ft_str headers[3];
    ft_arena arena;
    ft_fetched got;
    ft_err err;
} invocation;

static void *invoke(void *arg) {
    invocation *v = arg;
    const char *headers[] = { v->headers[0].at, v->headers[1].at, v->headers[2].at, NULL };
    v->err = ft_http_fetch(&v->got, &v->arena,
                           &(ft_fetch){ .url = v->url, .body = FT_STR("1,2"), .headers = headers });
    return NULL;
}

static void sign(invocation *v, const char *host) {
    ft_sig_headers sig;
    char sha[FT_SHA256_HEX];
    EXPECT_OK(ft_sha256_hex(sha, FT_STR("1,2")));
    EXPECT_OK(ft_sig_sign(&sig, &arena, FT_STR("POST"), FT_STR("/endpoints/e/invocations"),
                          ft_str_of(host), key.id, key.secret, FT_STR("us-east-1"),
                          FT_STR("sagemaker"), ft_str_of(sha), FT_STR(""), ft_clock_now_us()));
    const ft_str values[] = { sig.authorization, sig.date, sig.content_sha256 };
    static const char *const names[] = { "Authorization", "X-Amz-Date", "x-amz-content-sha256" };
    for (size_t i = 0; i < FT_COUNT(values); i++)
        EXPECT_OK(
            ft_arena_printf(&v->headers[i], &arena, "%s: %.*s", names[i], FT_STR_ARG(values[i])));
}

/* It was signed in time; that its model thought for an hour is not its fault. */
static void test_does_not_expire(void **state) {
    (void)state;
    ft_store *s;
    ft_serve *serve;
    ft_endpoint ep;
    pthread_t thread;
    invocation v = { 0 };
    ft_str text = { 0 }, file = { 0 };
    ft_predictors_use(predictors);
    ft_streams_use(kinds);
    ft_rules_use(rules);
    ft_clock_use(&clock_ops);
    sem_init(&asked, 0, 0);
    sem_init(&may_answer, 0, 0);
    EXPECT_OK(ft_arena_printf(&text, &arena, "%s/home", test_dir()));
    EXPECT_OK(ft_arena_printf(&file, &arena, "%s/model", test_dir()));
    EXPECT_OK(ft_file_write_atomic(file.at, FT_STR("x"), false));
    EXPECT_OK(ft_store_open(&s, text.at));
    EXPECT_OK(ft_aws_prepare(s));
    EXPECT_OK(ft_aws_key_add(&key, s, &arena, FT_STR("me"), FT_STR("")));
    EXPECT_OK(
        ft_endpoint_put(&ep, s, &arena, &(ft_endpoint){ .name = FT_STR("e"), .model_uri = file }));
    EXPECT_OK(ft_serve_start(&serve, &(ft_serve_opts){ .home = text.at, .front = ft_aws_front }));
    EXPECT_OK(ft_serve_follow(serve));
    EXPECT_OK(ft_arena_printf(&text, &arena, "%s/endpoints/e/invocations", ft_serve_url(serve)));
    v.url = text.at;
    char host[100];
    snprintf(host, sizeof host, "%s", ft_serve_url(serve) + sizeof "http://" - 1);
    sign(&v, host);
    EXPECT(pthread_create(&thread, NULL, invoke, &v) == 0);
    while (sem_wait(&asked) != 0) continue;
    atomic_store(&ahead_us, HOUR_US);
    sem_post(&may_answer);
    pthread_join(thread, NULL);
    EXPECT_OK(v.err);
    if (v.got.status != 200) print_error("%.*s\n", FT_STR_ARG(v.got.body));
    EXPECT(v.got.status == 200);
    EXPECT_STR("thought", v.got.body);
    /* The next one comes an hour late, and is refused. */
    invoke(&v);
    EXPECT_OK(v.err);
    EXPECT(v.got.status == 403);
    ft_serve_stop(serve);
    ft_store_close(s);
    ft_clock_use(NULL);
    ft_arena_fini(&v.arena);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_does_not_expire))
