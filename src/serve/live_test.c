/* live_test.c -- the set of models that answer: follows the rows, keeps what serves when an update
 * fails, frees what nobody holds, and loses nothing while threads use it. */
#include <pthread.h>

#include "base/check.h"
#include "serve/live.h"
#include "serve/stand_in_test.h"

static ft_arena arena;

static void deploy(ft_store *s, const char *name, ft_str model) {
    ft_endpoint ep;
    EXPECT_OK(stand_in_deploy(&ep, s, &arena, ft_str_of(name), model, FT_STR(""), 50));
}

static const char *status_of(ft_store *s, const char *name) {
    ft_endpoint ep;
    EXPECT_OK(ft_endpoint_get(&ep, s, &arena, ft_str_of(name)));
    return ep.status.at;
}

static int answer_of(ft_registry *r, const char *name) {
    ft_live_set *set = ft_live_hold(r);
    const ft_live *live = ft_live_find(set, ft_str_of(name));
    int answer = live ? ((stand_in *)live->held->model)->answer : -1;
    ft_live_release(set);
    return answer;
}

static void test_follow(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_registry *r;
    EXPECT_OK(ft_registry_new(&r, test_dir()));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "e") == -1);
    ft_live_set *first = ft_live_hold(r);
    deploy(s, "e", stand_in_model("constant 1"));
    deploy(s, "a", stand_in_model("constant 7"));
    EXPECT(ft_live_is_current(r, first));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(!ft_live_is_current(r, first) && first->count == 0);
    ft_live_release(first);
    EXPECT(answer_of(r, "e") == 1 && answer_of(r, "a") == 7 && atomic_load(&stand_ins) == 2);
    EXPECT(strcmp(status_of(s, "e"), "InService") == 0);
    ft_live_set *old = ft_live_hold(r);
    deploy(s, "e", stand_in_model("constant 2"));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "e") == 2 && atomic_load(&stand_ins) == 3); /* the old one is still held */
    EXPECT(((stand_in *)ft_live_find(old, FT_STR("e"))->held->model)->answer == 1);
    ft_live_release(old); /* the last holder, a serving thread, does not free */
    EXPECT(atomic_load(&stand_ins) == 3);
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(atomic_load(&stand_ins) == 2);
    EXPECT_OK(ft_endpoint_rollback(s, FT_STR("e")));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "e") == 1 && strcmp(status_of(s, "e"), "InService") == 0);
    EXPECT_OK(ft_endpoint_delete(s, FT_STR("a")));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "a") == -1 && atomic_load(&stand_ins) == 1);
    ft_registry_free(r);
    EXPECT(atomic_load(&stand_ins) == 0);
    ft_store_close(s);
}

/* The same model in two versions is loaded once. */
static void test_shared_model(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_registry *r;
    ft_endpoint ep;
    ft_str model = stand_in_model("constant 1");
    EXPECT_OK(ft_registry_new(&r, test_dir()));
    deploy(s, "e", model);
    EXPECT_OK(ft_live_follow(r, s));
    ft_live_set *before = ft_live_hold(r);
    EXPECT_OK(stand_in_deploy(&ep, s, &arena, FT_STR("e"), model, FT_STR(""), 100));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(atomic_load(&stand_ins) == 1);
    ft_live_set *now = ft_live_hold(r);
    EXPECT(now->items[0].capture_percent == 100 && now->items[0].version == 2);
    EXPECT(now->items[0].meter == before->items[0].meter);
    ft_live_release(before);
    ft_live_release(now);
    ft_registry_free(r);
    EXPECT(atomic_load(&stand_ins) == 0);
    ft_store_close(s);
}

static void test_failed_update(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_registry *r;
    ft_endpoint ep;
    ft_str good = stand_in_model("constant 1"), bad = stand_in_model("constant 2");
    EXPECT_OK(ft_registry_new(&r, test_dir()));
    deploy(s, "e", good);
    EXPECT_OK(ft_live_follow(r, s));
    deploy(s, "e", bad);
    EXPECT_OK(ft_file_write_atomic(bad.at, FT_STR("broken 2"), false));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "e") == 1);
    EXPECT_OK(ft_endpoint_get(&ep, s, &arena, FT_STR("e")));
    EXPECT(ep.version == 1);
    EXPECT_STR("InService", ep.status);
    EXPECT(strstr(ep.reason.at, "version 2 could not be loaded"));
    ft_registry_free(r);
    /* A new server: the same. And one whose only model is gone. */
    EXPECT_OK(ft_registry_new(&r, test_dir()));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "e") == 1);
    ft_registry_free(r);
    EXPECT_OK(ft_file_remove(good.at));
    EXPECT_OK(ft_registry_new(&r, test_dir()));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "e") == -1 && strcmp(status_of(s, "e"), "Failed") == 0);
    deploy(s, "e", stand_in_model("constant 3"));
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(answer_of(r, "e") == 3);
    ft_registry_free(r);
    ft_store_close(s);
}

/* ---- threads that answer while versions come and go */

typedef struct asking {
    ft_registry *r;
    atomic_bool stop;
    atomic_long answered, lost;
} asking;

static void *ask(void *ctx) {
    asking *a = ctx;
    ft_live_set *set = ft_live_hold(a->r);
    while (!atomic_load(&a->stop)) {
        if (!ft_live_is_current(a->r, set)) {
            ft_live_release(set);
            set = ft_live_hold(a->r);
        }
        const ft_live *live = ft_live_find(set, FT_STR("e"));
        ft_arena mine = FT_ARENA_INIT(0);
        ft_payload in = { FT_STR("text/csv"), FT_STR("1") }, out;
        if (!live || live->held->model->predictor->predict(live->held->model, &out, &in, FT_STR(""),
                                                           NULL, &mine))
            atomic_fetch_add(&a->lost, 1);
        else
            ft_meter_class(live->meter, 3);
        ft_arena_fini(&mine);
        atomic_fetch_add(&a->answered, 1);
    }
    ft_live_release(set);
    return NULL;
}

static void test_no_request_is_lost(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_registry *r;
    pthread_t threads[3];
    ft_str models[2] = { stand_in_model("constant 1"), stand_in_model("constant 2") };
    EXPECT_OK(ft_registry_new(&r, test_dir()));
    deploy(s, "e", models[0]);
    EXPECT_OK(ft_live_follow(r, s));
    asking a = { .r = r };
    for (int i = 0; i < 3; i++) EXPECT(pthread_create(&threads[i], NULL, ask, &a) == 0);
    for (int i = 1; i <= 40; i++) {
        long before = atomic_load(&a.answered);
        deploy(s, "e", models[i % 2]);
        EXPECT_OK(ft_live_follow(r, s));
        while (atomic_load(&a.answered) < before + 100) sched_yield();
        ft_arena_reset(&arena);
    }
    atomic_store(&a.stop, true);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    EXPECT_OK(ft_live_follow(r, s));
    EXPECT(atomic_load(&a.lost) == 0 && atomic_load(&stand_ins) == 1);
    ft_live_set *set = ft_live_hold(r);
    EXPECT(atomic_load(&set->items[0].meter->recent_count) == (uint64_t)atomic_load(&a.answered));
    EXPECT(set->items[0].version == 41);
    ft_live_release(set);
    ft_registry_free(r);
    EXPECT(atomic_load(&stand_ins) == 0);
    ft_store_close(s);
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_str model = stand_in_model("constant 1");
    deploy(s, "e", model);
    EACH_FAULT {
        ft_registry *r = NULL;
        ft_err err = ft_registry_new(&r, test_dir());
        if (err == FT_OK) err = ft_live_follow(r, s);
        ft_fault_off();
        if (r) {
            if (strcmp(status_of(s, "e"), "Failed") == 0)
                deploy(s, "e", model); /* the file could not be read */
            EXPECT_OK(ft_live_follow(r, s));
            EXPECT(answer_of(r, "e") == 1);
        }
        ft_registry_free(r);
        EXPECT(atomic_load(&stand_ins) == 0);
        ft_arena_reset(&arena);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_follow), cmocka_unit_test(test_shared_model),
          cmocka_unit_test(test_failed_update), cmocka_unit_test(test_no_request_is_lost),
          cmocka_unit_test(test_faults))
