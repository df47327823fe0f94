/* replay_test.c -- captures asked again: of the version that answered each, of another one, of a
 * model file that is another now, and captures whose version nobody noted. */
#include "serve/replay.h"

#include "base/fault.h"
#include "net/client.h"
#include "serve/endpoint.h"
#include "serve/serve.h"
#include "serve/stand_in_test.h"

static ft_arena arena;

static void send(ft_serve *serve, const char *body) {
    char url[200];
    ft_fetched got;
    const char *headers[] = { "Content-Type: text/csv", NULL };
    snprintf(url, sizeof url, "%s/endpoints/e/invocations", ft_serve_url(serve));
    EXPECT_OK(ft_http_fetch(
        &got, &arena,
        &(ft_fetch){ .method = "POST", .url = url, .body = ft_str_of(body), .headers = headers }));
    EXPECT(got.status == 200);
}

/* Endpoint e: 3 requests to its first version, which says 7, then 2 to its second, which says 8. */
static ft_store *scene(ft_str *second) {
    const char *home;
    ft_serve *serve;
    ft_endpoint ep;
    ft_store *s = stand_in_store(&home);
    EXPECT_OK(ft_serve_start(&serve, &(ft_serve_opts){ .home = home, .threads = 1 }));
    for (int version = 1; version <= 2; version++) {
        *second = stand_in_model(version == 1 ? "constant 7" : "constant 8");
        EXPECT_OK(stand_in_deploy(&ep, s, &arena, FT_STR("e"), *second, FT_STR(""), 100));
        EXPECT_OK(ft_serve_follow(serve));
        for (int i = version; i <= 3; i++) send(serve, "1,2,3");
    }
    ft_serve_stop(serve);
    return s;
}

typedef struct told {
    int count, version;
    char was[8], is[8], why[200];
} told;

static ft_err tell(void *ctx, const ft_replay_found *f) {
    told *t = ctx;
    t->count++;
    t->version = f->version;
    snprintf(t->was, sizeof t->was, "%.*s", FT_STR_ARG(f->was));
    snprintf(t->is, sizeof t->is, "%.*s", FT_STR_ARG(f->is));
    snprintf(t->why, sizeof t->why, "%.*s", FT_STR_ARG(f->why));
    EXPECT(f->event_id.len == 36 && ft_str_starts(f->segment, FT_STR("s3://")));
    return FT_OK;
}

static ft_err replay(ft_replay_result *r, told *t, ft_store *s, ft_replay_opts opts) {
    *t = (told){ 0 };
    return ft_replay(r, s, FT_STR("e"), &opts, tell, t);
}

static void test_each_by_its_version(void **state) {
    (void)state;
    ft_replay_result r;
    ft_str model;
    told t;
    ft_store *s = scene(&model);
    EXPECT_OK(replay(&r, &t, s, (ft_replay_opts){ 0 }));
    EXPECT(r.equal == 5 && r.different == 0 && t.count == 0);
    EXPECT_OK(replay(&r, &t, s, (ft_replay_opts){ .requests_max = 4 }));
    EXPECT(r.equal == 4);
    EXPECT_OK(replay(&r, &t, s, (ft_replay_opts){ .from = 1, .until = 2 }));
    EXPECT(r.equal == 0 && r.different == 0);
    EXPECT_OK(replay(&r, &t, s, (ft_replay_opts){ .version = 2 })); /* what would change */
    EXPECT(r.equal == 2 && r.different == 3 && t.count == 3 && t.version == 2);
    EXPECT_STR("7", ft_str_of(t.was));
    EXPECT_STR("8", ft_str_of(t.is));
    EXPECT(atomic_load(&stand_ins) == 0);
    ft_store_close(s);
}

static void test_what_cannot_be_replayed(void **state) {
    (void)state;
    ft_replay_result r;
    ft_str model;
    told t;
    ft_store *s = scene(&model);
    EXPECT_ERR(FT_ENOTFOUND, replay(&r, &t, s, (ft_replay_opts){ .version = 9 }));
    EXPECT_ERR(FT_ENOTFOUND, ft_replay(&r, s, FT_STR("nobody"), &(ft_replay_opts){ 0 }, tell, &t));
    EXPECT_OK(ft_file_write_atomic(model.at, FT_STR("constant 9"), false));
    EXPECT_ERR(FT_ECONFLICT, replay(&r, &t, s, (ft_replay_opts){ 0 }));
    EXPECT(atomic_load(&stand_ins) == 0);
    ft_store_close(s);
}

/* Captures that another program wrote: a bad row among them, and one without its input. */
static void test_of_others(void **state) {
    (void)state;
    const char *home;
    ft_endpoint ep;
    ft_capture *c;
    ft_replay_result r;
    told t;
    ft_store *s = stand_in_store(&home);
    ft_payload good = { FT_STR("text/csv"), FT_STR("1,2") },
               bad = { FT_STR("text/csv"), FT_STR("bad") };
    ft_payload out = { FT_STR("text/csv; charset=utf-8"), FT_STR("7") };
    EXPECT_OK(stand_in_deploy(&ep, s, &arena, FT_STR("e"), stand_in_model("constant 7"), FT_STR(""),
                              100));
    for (int skip = 0; skip < 2; skip++) {
        EXPECT_OK(ft_capture_open(&c, s, FT_STR("e"), &(ft_capture_opts){ .skip_input = skip }));
        for (int i = 0; i < 2; i++) {
            char id[FT_UUID_TEXT];
            ft_random random;
            ft_random_seed(&random, (uint64_t)(10 * skip + i));
            ft_capture_id(id, 1000000 + i, &random);
            EXPECT_OK(ft_capture_add(c, ft_str_of(id), 1000000 + i, i ? &bad : &good, &out,
                                     FT_STR(""), FT_STR("")));
        }
        EXPECT_OK(ft_capture_close(c));
    }
    EXPECT_ERR(FT_ECONFLICT, replay(&r, &t, s, (ft_replay_opts){ 0 }));
    EXPECT_OK(replay(&r, &t, s, (ft_replay_opts){ .version = 1 }));
    EXPECT(r.equal == 1 && r.different == 1 && r.incomplete == 2);
    EXPECT(strstr(t.why, "found 'bad'") && !t.is[0]);
    ft_store_close(s);
}

static void test_every_fault(void **state) {
    (void)state;
    ft_str model;
    ft_store *s = scene(&model);
    EACH_FAULT {
        ft_replay_result r;
        ft_err err = ft_replay(&r, s, FT_STR("e"), &(ft_replay_opts){ 0 }, NULL, NULL);
        EXPECT(err || (r.equal == 5 && r.different == 0));
        EXPECT(atomic_load(&stand_ins) == 0);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_each_by_its_version),
          cmocka_unit_test(test_what_cannot_be_replayed), cmocka_unit_test(test_of_others),
          cmocka_unit_test(test_every_fault))
