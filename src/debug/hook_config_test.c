/* hook_config_test.c -- SageMaker's hook configurations: the real ones of smdebug's own tests, and
 * bad ones. */
#include "debug/hook_config.h"

#include "base/check.h"
#include "base/files.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(0);

static const ft_collection *find(const ft_hook_config *c, const char *name) {
    for (size_t i = 0; i < c->collection_count; i++)
        if (ft_str_is(c->collections[i].name, name)) return &c->collections[i];
    return NULL;
}

static bool due(const ft_hook_config *c, const char *name, ft_mode mode, int64_t step) {
    const ft_collection *x = find(c, name);
    EXPECT(x);
    return ft_save_due(ft_collection_save(x, mode), step);
}

/* The post's configuration, all texts. */
static void test_post(void **state) {
    (void)state;
    ft_hook_config c;
    EXPECT_OK(ft_hook_config_parse(
        &c, &arena,
        FT_STR("{\"S3OutputPath\":\"s3://b/p\",\"LocalPath\":\"/opt/ml/output/"
               "tensors\",\"HookParameters\":{\"save_interval\":"
               "\"7\"},\"CollectionConfigurations\":[{\"CollectionName\":\"metrics\","
               "\"CollectionParameters\":{\"save_interval\":"
               "\"3\"}},{\"CollectionName\":\"losses\",\"CollectionParameters\":{\"save_interval\":"
               "\"10\"}},{\"CollectionName\":"
               "\"feature_importance\",\"CollectionParameters\":null},{\"CollectionName\":"
               "\"hyperparameters\","
               "\"CollectionParameters\":{\"save_steps\":\"0\",\"save_interval\":\"50\"}}]}"),
        10));
    EXPECT_STR("s3://b/p", c.s3_output_path);
    EXPECT_STR("/opt/ml/output/tensors", c.local_path);
    EXPECT(c.collection_count == 4 && !c.all_workers);
    EXPECT(find(&c, "metrics")->save.interval == 3 && find(&c, "losses")->save.interval == 10);
    EXPECT(find(&c, "feature_importance")->save.interval == 7);
    EXPECT(find(&c, "hyperparameters")->save.step_count == 1);
    bool has;
    EXPECT_OK(ft_collection_has(&has, find(&c, "losses"), FT_STR("train-rmse")));
    EXPECT(has);
}

static void test_modes(void **state) {
    (void)state;
    ft_hook_config c;
    EXPECT_OK(ft_hook_config_parse(
        &c, &arena,
        FT_STR("{\"HookParameters\":{\"train.save_interval\":2,\"save_interval\":1,"
               "\"eval.save_interval\":3},\"CollectionConfigurations\":[{\"CollectionName\":"
               "\"weights\"},{\"CollectionName\":\"losses\",\"CollectionParameters\":{"
               "\"eval.save_interval\":4,\"global.save_interval\":5}},{\"CollectionName\":"
               "\"biases\",\"CollectionParameters\":{\"save_interval\":9}}]}"),
        0));
    EXPECT(due(&c, "weights", FT_MODE_TRAIN, 2) && !due(&c, "weights", FT_MODE_TRAIN, 3));
    EXPECT(due(&c, "weights", FT_MODE_EVAL, 3) && due(&c, "weights", FT_MODE_GLOBAL, 7));
    EXPECT(due(&c, "losses", FT_MODE_EVAL, 4) && !due(&c, "losses", FT_MODE_EVAL, 3));
    EXPECT(due(&c, "losses", FT_MODE_GLOBAL, 5) && due(&c, "losses", FT_MODE_TRAIN, 2));
    EXPECT(due(&c, "biases", FT_MODE_TRAIN, 9) && !due(&c, "biases", FT_MODE_TRAIN, 2));
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *json, *why;
        ft_err err;
    } cases[] = {
        { "", "hook configuration", FT_EPARSE },
        { "{\"HookParameters\":[]}", "object", FT_EPARSE },
        { "{\"HookParameters\":{\"save_interval\":\"0\"}}", "save_interval", FT_EINVAL },
        { "{\"HookParameters\":{\"save_interval\":\"x\"}}", "'x'", FT_EINVAL },
        { "{\"HookParameters\":{\"save_all\":\"perhaps\"}}", "save_all", FT_EINVAL },
        { "{\"HookParameters\":{\"reductions\":\"median\"}}", "median", FT_EINVAL },
        { "{\"CollectionConfigurations\":[{}]}", "CollectionName", FT_EPARSE },
        { "{\"CollectionConfigurations\":[{\"CollectionName\":\"a\",\"CollectionParameters\":{"
          "\"include_regex\":\"(\"}}]}",
          "collection 'a'", FT_EINVAL },
        { "{\"CollectionConfigurations\":{}}", "array", FT_EPARSE },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        ft_hook_config c;
        ft_err err = ft_hook_config_parse(&c, &arena, ft_str_of(cases[i].json), 0);
        if (err != cases[i].err) print_error("%s: %s\n", cases[i].json, ft_err_name(err));
        EXPECT(err == cases[i].err);
        EXPECT_WHY(cases[i].why);
    }
}

/* Every configuration of smdebug's tests is read; what some of them say is checked. */
static void test_real(void **state) {
    (void)state;
    static const char *const folders[] = { "tensorflow/hooks/test_json_configs",
                                           "pytorch/test_json_configs", "mxnet/test_json_configs" };
    int n = 0;
    if (!test_shared("sagemaker_artefacts/debugger/hook_configs"))
        SKIP("the real configurations are not there");
    for (size_t i = 0; i < FT_COUNT(folders); i++) {
        ft_str dir, *names, path, json;
        size_t count;
        EXPECT_OK(ft_arena_printf(&dir, &arena, "%s/%s",
                                  test_shared("sagemaker_artefacts/debugger/hook_configs"),
                                  folders[i]));
        EXPECT_OK(ft_dir_list(&names, &count, &arena, dir.at));
        for (size_t k = 0; k < count; k++, n++) {
            ft_hook_config c;
            EXPECT_OK(ft_arena_printf(&path, &arena, "%s/%s", dir.at, names[k].at));
            EXPECT_OK(ft_file_read(&json, &arena, path.at, 1 << 20));
            EXPECT_OK(ft_hook_config_parse(&c, &arena, json, 0));
            EXPECT(c.local_path.len && c.collection_count >= 2);
            if (ft_str_is(names[k], "test_save_config_start_and_end.json"))
                EXPECT(
                    !due(&c, "losses", FT_MODE_TRAIN, 6) && due(&c, "losses", FT_MODE_TRAIN, 8) &&
                    due(&c, "losses", FT_MODE_TRAIN, 12) && !due(&c, "losses", FT_MODE_TRAIN, 14));
            if (ft_str_is(names[k], "test_save_config_disable.json"))
                EXPECT(!due(&c, "losses", FT_MODE_TRAIN, 0));
            if (ft_str_is(names[k], "test_hook_from_json_config_full.json") && i == 2) {
                const ft_collection *x = find(&c, "collection_obj_name1");
                EXPECT(x && x->save.interval == 100 && x->save.step_count == 3 &&
                       x->save.start == 1 && x->save.end == 1000000);
                EXPECT_STR("min,    abs_max,l1_norm,abs_l2_norm", x->reductions);
                EXPECT(find(&c, "default")->include_count == 2);
            }
            if (ft_str_is(names[k], "test_hook_saveall.json"))
                EXPECT(find(&c, "all") && due(&c, "all", FT_MODE_TRAIN, 40));
            if (ft_str_is(
                    names[k],
                    "test_save_config_hookjson_config.json")) { /* a collection listed twice */
                const ft_collection *x = find(&c, "ReluActivation");
                EXPECT(x->include_count == 3 && x->save.step_count == 3 && x->save.steps[0] == 4);
            }
        }
    }
    EXPECT(n >= 29);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_arena own = FT_ARENA_INIT(0);
        ft_hook_config c;
        ft_err err = ft_hook_config_parse(
            &c, &own,
            FT_STR(
                "{\"HookParameters\":{\"train.save_steps\":\"1,2\",\"include_regex\":\"a,b\"},"
                "\"CollectionConfigurations\":"
                "[{\"CollectionName\":\"x\",\"CollectionParameters\":{\"include_regex\":\"c\"}}]}"),
            0);
        if (!err) EXPECT(c.collection_count == 4);
        ft_arena_fini(&own);
    }
}

TEST_MAIN(cmocka_unit_test(test_post), cmocka_unit_test(test_modes), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_real), cmocka_unit_test(test_faults))
