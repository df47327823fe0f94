/* endpoint_test.c -- endpoints as rows: versions, states, lineage, names; models found wherever
 * they lie. */
#include "base/check.h"
#include "monitor/answer.h"
#include "serve/endpoint.h"
#include "serve/stand_in_test.h"
#include "store/lineage.h"
#include "store/objects.h"
#include "watch/watch.h"

static ft_arena arena;

static ft_endpoint deploy(ft_store *s, const char *name, const char *model) {
    ft_endpoint ep;
    EXPECT_OK(
        stand_in_deploy(&ep, s, &arena, ft_str_of(name), stand_in_model(model), FT_STR(""), 50));
    return ep;
}

static ft_endpoint get(ft_store *s, const char *name) {
    ft_endpoint ep;
    EXPECT_OK(ft_endpoint_get(&ep, s, &arena, ft_str_of(name)));
    return ep;
}

static void test_life(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_endpoint ep = deploy(s, "e", "constant 1"), *list;
    size_t count;
    EXPECT(ep.version == 1 && ep.serving == 0 && ep.capture_percent == 50 &&
           ep.model_sha256.len == 64);
    EXPECT_STR("Creating", ep.status);
    EXPECT_STR("constant", ep.predictor);
    EXPECT_ERR(FT_ECONFLICT, ft_endpoint_rollback(s, FT_STR("e")));
    EXPECT_OK(ft_endpoint_now_serving(s, FT_STR("e"), 1));
    EXPECT_STR("InService", get(s, "e").status);
    ep = deploy(s, "e", "constant 2");
    EXPECT(ep.version == 2 && ep.serving == 1);
    EXPECT_STR("Updating", ep.status);
    EXPECT_OK(ft_endpoint_now_serving(s, FT_STR("e"), 1)); /* not what is asked for any more */
    EXPECT_STR("Updating", get(s, "e").status);
    EXPECT_OK(ft_endpoint_now_serving(s, FT_STR("e"), 2));
    EXPECT_OK(ft_endpoint_rollback(s, FT_STR("e")));
    ep = get(s, "e");
    EXPECT(ep.version == 1 && ep.serving == 2);
    EXPECT_STR("RollingBack", ep.status);
    EXPECT_OK(ft_endpoint_now_serving(s, FT_STR("e"), 1));
    EXPECT_ERR(FT_ECONFLICT, ft_endpoint_rollback(s, FT_STR("e")));
    EXPECT_WHY("version 1 is the first");
    ep = deploy(s, "e", "constant 3"); /* after version 1: its version before is 1 */
    EXPECT(ep.version == 3);
    EXPECT_OK(ft_endpoint_rollback(s, FT_STR("e"))); /* 3 never answered: 1 still does */
    EXPECT_STR("InService", get(s, "e").status);
    EXPECT(get(s, "e").version == 1);
    deploy(s, "d", "constant 1");
    EXPECT_OK(ft_endpoint_list(&list, &count, s, &arena));
    EXPECT(count == 2);
    EXPECT_STR("d", list[0].name);
    EXPECT_OK(ft_endpoint_delete(s, FT_STR("e")));
    EXPECT_ERR(FT_ENOTFOUND, ft_endpoint_delete(s, FT_STR("e")));
    EXPECT(deploy(s, "e", "constant 1").version == 4); /* no version is used twice */
    ft_store_close(s);
    EXPECT(atomic_load(&stand_ins) == 0);
}

static void test_failed_loads(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    deploy(s, "e", "constant 1");
    EXPECT_OK(ft_endpoint_load_failed(s, FT_STR("e"), 1, FT_STR("gone")));
    ft_endpoint ep = get(s, "e");
    EXPECT_STR("Failed", ep.status);
    EXPECT_STR("gone", ep.reason);
    deploy(s, "e", "constant 1");
    EXPECT_OK(ft_endpoint_now_serving(s, FT_STR("e"), 2));
    deploy(s, "e", "constant 2");
    EXPECT_OK(ft_endpoint_load_failed(s, FT_STR("e"), 3, FT_STR("gone")));
    ep = get(s, "e");
    EXPECT(ep.version == 2 && ep.serving == 2);
    EXPECT_STR("InService", ep.status);
    EXPECT_STR("gone", ep.reason);
    EXPECT_OK(ft_endpoint_load_failed(s, FT_STR("e"), 2, FT_STR("gone too")));
    EXPECT_STR("Failed", get(s, "e").status);
    ft_store_close(s);
}

static void test_bad_input(void **state) {
    (void)state;
    static const char *const names[] = {
        "",    "-a", "a-",        "a b",
        "a/b", "..", "h\xc3\xa4", "a123456789012345678901234567890123456789012345678901234567890123"
    };
    ft_store *s = stand_in_store(NULL);
    ft_endpoint ep;
    ft_str model = stand_in_model("constant 1");
    for (size_t i = 0; i < FT_COUNT(names); i++)
        EXPECT_ERR(FT_EINVAL,
                   stand_in_deploy(&ep, s, &arena, ft_str_of(names[i]), model, FT_STR(""), 0));
    EXPECT_ERR(FT_EINVAL, stand_in_deploy(&ep, s, &arena, FT_STR("e"), model, FT_STR(""), 101));
    EXPECT_WHY("expected 0 to 100");
    EXPECT_ERR(FT_ENOTFOUND,
               stand_in_deploy(&ep, s, &arena, FT_STR("e"), FT_STR("/nowhere"), FT_STR(""), 0));
    EXPECT_ERR(FT_ENOTFOUND, stand_in_deploy(&ep, s, &arena, FT_STR("e"),
                                             FT_STR("s3://fettle/no/model"), FT_STR(""), 0));
    EXPECT_WHY("there is no model at s3://fettle/no/model");
    EXPECT_ERR(FT_EUNSUPPORTED, stand_in_deploy(&ep, s, &arena, FT_STR("e"),
                                                stand_in_model("who knows"), FT_STR(""), 0));
    EXPECT_ERR(FT_EPARSE, stand_in_deploy(&ep, s, &arena, FT_STR("e"), stand_in_model("broken 1"),
                                          FT_STR(""), 0));
    EXPECT_ERR(FT_ENOTFOUND, ft_endpoint_get(&ep, s, &arena, FT_STR("e")));
    EXPECT_WHY("there is none yet");
    deploy(s, "fashion", "constant 1");
    EXPECT_ERR(FT_ENOTFOUND, ft_endpoint_get(&ep, s, &arena, FT_STR("fashon")));
    EXPECT_WHY("did you mean 'fashion'?");
    EXPECT_ERR(FT_ENOTFOUND, ft_endpoint_version(&ep, s, &arena, FT_STR("fashion"), 7));
    EXPECT_ERR(FT_ENOTFOUND, ft_endpoint_rollback(s, FT_STR("nobody")));
    ft_store_close(s);
}

static void load(ft_store *s, const char *uri) {
    ft_model *m;
    EXPECT_OK(ft_endpoint_load(&m, s, ft_str_of(uri)));
    EXPECT(((stand_in *)m)->answer == 5);
    m->predictor->free(m);
}

static int folder_sniff(const char *path) {
    ft_file_info info;
    return ft_file_stat(&info, path) == FT_OK && info.is_dir ? 100 : 0;
}
static ft_err folder_load(ft_model **out, const char *path) {
    const char *file;
    FT_TRY(ft_path_join(&file, &arena, path, "m"));
    return stand_in_load(out, file);
}

static void test_where_models_lie(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_model *m;
    ft_endpoint ep;
    EXPECT_OK(ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("jobs/j/output/m"),
                            FT_STR("constant 5"), NULL));
    EXPECT_OK(ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("jobs/j/output/n/schema"),
                            FT_STR("{}"), NULL));
    load(s, "s3://fettle/jobs/j/output/m");
    EXPECT_OK(stand_in_deploy(&ep, s, &arena, FT_STR("e"), FT_STR("s3://fettle/jobs/j/output/m"),
                              FT_STR(""), 0));
    EXPECT_OK(ft_endpoint_model(&m, s, FT_STR("e")));
    m->predictor->free(m);
    EXPECT_ERR(FT_ENOTFOUND, ft_endpoint_model(&m, s, FT_STR("f")));
    ft_predictor folder = stand_in_predictor;
    folder.sniff = folder_sniff, folder.load = folder_load;
    const ft_predictor *const folders[] = { &folder, NULL };
    ft_predictors_use(folders);
    load(s, "s3://fettle/jobs/j/output");
    load(s, "s3://fettle/jobs/j/output/");
    EXPECT_OK(stand_in_deploy(&ep, s, &arena, FT_STR("f"), FT_STR("s3://fettle/jobs/j/output/"),
                              FT_STR(""), 0));
    EXPECT(ep.model_sha256.len == 64);
    ft_predictors_use(stand_in_predictors);
    ft_store_close(s);
}

static void test_lineage_and_rules(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_lineage_step *steps;
    size_t count;
    ft_watch_row *watches;
    deploy(s, "e", "constant 1");
    ft_str newest;
    EXPECT_OK(ft_endpoint_lineage(&newest, s, &arena, FT_STR("endpoint:e")));
    EXPECT(ft_str_starts(newest, FT_STR("endpoint:e@")));
    EXPECT_OK(ft_endpoint_lineage(&newest, s, &arena, FT_STR("endpoint:absent")));
    EXPECT_STR("endpoint:absent", newest);
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("endpoint:e@1")));
    EXPECT(count == 3 && ft_str_starts(steps[1].id, FT_STR("model:")) && !steps[2].missing);
    EXPECT(ft_str_starts(steps[2].id, FT_STR("input:"))); /* of no job: its file */
    EXPECT(ft_str_starts(steps[2].note, FT_STR("model given by hand: /")));
    EXPECT_OK(ft_watch_list(&watches, &count, s, &arena, FT_STR("endpoint/e")));
    EXPECT(count == 1);
    EXPECT_STR("PopulationStability", watches[0].spec.rule);
    deploy(s, "e", "constant 2");
    EXPECT_OK(ft_endpoint_delete(s, FT_STR("e")));
    EXPECT_OK(ft_watch_list(&watches, &count, s, &arena, FT_STR("endpoint/e")));
    EXPECT(count == 0);
    ft_store_close(s);
}

/* A new endpoint of a name has nothing of the old one: neither rules nor what its answers were. */
static void test_deleted_whole(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_watch_row *watches;
    size_t count;
    deploy(s, "e", "constant 1");
    EXPECT_OK(ft_db_run(ft_store_db(s),
                        "insert into monitor_baseline (endpoint, answers, largest_share, rows,"
                        " features, source, sha256, created_us) values ('e', ?, 0.9, 1, 1, '', '',"
                        " 1)",
                        "n", (int)FT_ANSWERS_CLASSES));
    EACH_FAULT {
        ft_endpoint ep;
        ft_err err = ft_endpoint_delete(s, FT_STR("e"));
        ft_fault_off();
        bool there = ft_endpoint_get(&ep, s, &arena, FT_STR("e")) == FT_OK;
        EXPECT(!there || err != FT_OK);
        EXPECT_OK(ft_watch_list(&watches, &count, s, &arena, FT_STR("endpoint/e")));
        EXPECT(there == (count > 0));
        ft_arena_reset(&arena);
    }
    deploy(s, "e", "constant 1");
    EXPECT_OK(ft_watch_list(&watches, &count, s, &arena, FT_STR("endpoint/e")));
    EXPECT(count == 1); /* no ClassShare with the old one's limit */
    ft_store_close(s);
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = stand_in_store(NULL);
    ft_str model = stand_in_model("constant 1");
    int version = 0;
    size_t rounds = 0;
    EACH_FAULT {
        ft_endpoint ep;
        ft_err err = stand_in_deploy(&ep, s, &arena, FT_STR("e"), model, FT_STR(""), 10);
        ft_fault_off();
        EXPECT(atomic_load(&stand_ins) == 0);
        ft_err found = ft_endpoint_get(&ep, s, &arena, FT_STR("e"));
        int now = found == FT_OK ? ep.version : 0;
        /* A commit that could not be synced is there and not promised. */
        EXPECT(now == version + 1 || (err != FT_OK && now == version));
        version = now;
        ft_arena_reset(&arena);
        rounds++;
    }
    EXPECT(rounds > 10);
    EACH_FAULT {
        (void)ft_endpoint_rollback(s, FT_STR("e"));
        (void)ft_endpoint_now_serving(s, FT_STR("e"), version);
        (void)ft_endpoint_delete(s, FT_STR("nobody"));
        ft_fault_off();
        EXPECT(get(s, "e").version == version);
        ft_arena_reset(&arena);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_life), cmocka_unit_test(test_failed_loads),
          cmocka_unit_test(test_bad_input), cmocka_unit_test(test_where_models_lie),
          cmocka_unit_test(test_lineage_and_rules), cmocka_unit_test(test_deleted_whole),
          cmocka_unit_test(test_faults))
