/* collection_test.c -- save intervals, what collections hold, their parameters, the collections
 * file. */
#include "trials/collection.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "tests/test.h"
#include "trials/reduction.h"

static void test_due(void **state) {
    (void)state;
    int64_t steps[] = { 1, 7 };
    ft_save_config every3 = { .interval = 3 }, unset = { 0 };
    ft_save_config both = { .interval = 5, .steps = steps, .step_count = 2, .start = 5, .end = 11 };
    ft_save_config never = { .interval = 1, .end = -1 };
    const char *due3 = "1001001001", *due = "01000101001"; /* steps 0… */
    for (int i = 0; due3[i]; i++) EXPECT(ft_save_due(&every3, i) == (due3[i] == '1'));
    for (int i = 0; due[i]; i++) EXPECT(ft_save_due(&both, i) == (due[i] == '1'));
    EXPECT(!ft_save_due(&both, 15)); /* past the end */
    EXPECT(ft_save_due(&unset, 0) && ft_save_due(&unset, 500) && !ft_save_due(&unset, 10));
    EXPECT(!ft_save_due(&never, 0));
}

static void test_xgboost(void **state) {
    (void)state;
    static const struct {
        const char *collection, *tensor;
        bool has;
    } cases[] = {
        { "metrics", "train-logloss", true },
        { "metrics", "predictions", false },
        { "losses", "validation-rmse", true },
        { "losses", "validation-auc", false },
        { "labels", "labels", true },
        { "labels", "labels2", false },
        { "predictions", "predictions", true },
        { "trees", "trees/Gain", true },
        { "hyperparameters", "hyperparameters/eta", true },
        { "full_shap", "full_shap/f3", true },
        { "average_shap", "average_shap/f12", true },
    };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_collection *list;
    size_t count;
    EXPECT_OK(ft_collections_xgboost(&list, &count, &arena, 5));
    EXPECT(count == 9);
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        bool found = false, has = false;
        for (size_t k = 0; k < count; k++)
            if (ft_str_is(list[k].name, cases[i].collection)) {
                found = true;
                EXPECT(list[k].save.interval == 5);
                EXPECT_OK(ft_collection_has(&has, &list[k], ft_str_of(cases[i].tensor)));
            }
        EXPECT(found && has == cases[i].has);
    }
    ft_arena_fini(&arena);
}

static void test_set(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_collection c = { .name = FT_STR("mine") };
    bool has;
    EXPECT_OK(ft_collection_set(&c, &arena, FT_STR("save_interval"), FT_STR("100")));
    EXPECT_OK(ft_collection_set(&c, &arena, FT_STR("save_steps"), FT_STR("1, 2,3")));
    EXPECT_OK(ft_collection_set(&c, &arena, FT_STR("include_regex"), FT_STR("relu*, input_.*")));
    EXPECT_OK(
        ft_collection_set(&c, &arena, FT_STR("reductions"), FT_STR("min,    abs_max,l1_norm")));
    EXPECT_OK(ft_collection_set(&c, &arena, FT_STR("eval.save_interval"), FT_STR("4")));
    EXPECT(c.save.interval == 100 && c.save.step_count == 3 && c.save.steps[2] == 3);
    EXPECT(c.include_count == 2);
    EXPECT_OK(ft_collection_has(&has, &c, FT_STR("input_7")));
    EXPECT(has);
    EXPECT(ft_collection_save(&c, FT_MODE_EVAL)->interval == 4);
    EXPECT(ft_collection_save(&c, FT_MODE_EVAL)->step_count == 3); /* the rest is inherited */
    EXPECT(ft_collection_save(&c, FT_MODE_TRAIN)->interval == 100);
    EXPECT_OK(ft_collection_set(&c, &arena, FT_STR("end_step"), FT_STR("0")));
    EXPECT(!ft_save_due(&c.save, 100) && ft_save_due(&c.save, 2));
    EXPECT_ERR(FT_EINVAL, ft_collection_set(&c, &arena, FT_STR("save_intervall"), FT_STR("4")));
    EXPECT_WHY("did you mean 'save_interval'");
    EXPECT_ERR(FT_EINVAL, ft_collection_set(&c, &arena, FT_STR("save_interval"), FT_STR("0")));
    EXPECT_ERR(FT_EINVAL, ft_collection_set(&c, &arena, FT_STR("train.save_steps"), FT_STR("1,x")));
    EXPECT_WHY("not 'x'");
    EXPECT(!c.mode_save[FT_MODE_TRAIN - 1].interval); /* a failed set leaves no trace */
    EXPECT_ERR(FT_EINVAL, ft_collection_set(&c, &arena, FT_STR("reductions"), FT_STR("median")));
    EXPECT_WHY("variance");
    EXPECT_ERR(FT_EINVAL, ft_collection_set(&c, &arena, FT_STR("include_regex"), FT_STR("(")));
    ft_arena_fini(&arena);
}

static void test_parse(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_collection c;
    EXPECT_OK(ft_collection_parse(&c, &arena, FT_STR("losses")));
    EXPECT(c.save.interval == 0 && c.include_count == 1);
    EXPECT_OK(ft_collection_parse(&c, &arena,
                                  FT_STR("metrics:save_interval=5,save_steps=1,2,start_step=3")));
    EXPECT(c.save.interval == 5 && c.save.step_count == 2 && c.save.start == 3);
    EXPECT_OK(ft_collection_parse(&c, &arena, FT_STR("mine:include_regex=^a=b")));
    EXPECT_STR("^a=b", c.include[0]);
    EXPECT_ERR(FT_EINVAL, ft_collection_parse(&c, &arena, FT_STR("mine")));
    EXPECT_WHY("include_regex");
    EXPECT_ERR(FT_EINVAL, ft_collection_parse(&c, &arena, FT_STR("losses:5")));
    EXPECT_ERR(FT_EINVAL, ft_collection_parse(&c, &arena, FT_STR("")));
    ft_arena_fini(&arena);
}

static void test_file(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_collection *list, *back;
    size_t count, again;
    int workers;
    ft_buf json = { 0 }, json2 = { 0 };
    EXPECT_OK(ft_collections_xgboost(&list, &count, &arena, 500));
    EXPECT_OK(ft_collection_set(&list[0], &arena, FT_STR("train.save_interval"), FT_STR("2")));
    EXPECT_OK(ft_collection_set(&list[1], &arena, FT_STR("save_steps"), FT_STR("0,3")));
    EXPECT_OK(ft_collection_set(&list[1], &arena, FT_STR("end_step"), FT_STR("9")));
    EXPECT_OK(ft_collection_set(&list[2], &arena, FT_STR("reductions"), FT_STR("mean")));
    ft_str names[2] = { FT_STR("b"), FT_STR("a") };
    list[3].names = names;
    list[3].name_count = 2;
    EXPECT_OK(ft_collections_write(&json, list, count, 2));
    EXPECT(strstr(json.at, "\"tensor_names\":[\"a\",\"b\"]"));
    EXPECT(strstr(json.at, "\"_meta\":{\"num_workers\":2}}"));
    EXPECT_OK(ft_collections_read(&back, &again, &workers, &arena, ft_buf_str(&json)));
    EXPECT(again == count && workers == 2);
    EXPECT(ft_collection_save(&back[0], FT_MODE_TRAIN)->interval == 2);
    EXPECT(back[0].save.interval == 500 && back[1].save.end == 9 && back[1].save.step_count == 2);
    EXPECT_OK(ft_collections_write(&json2, back, again, workers));
    EXPECT(ft_str_eq(ft_buf_str(&json), ft_buf_str(&json2)));
    EXPECT_ERR(FT_EPARSE,
               ft_collections_read(&back, &again, &workers, &arena, FT_STR("{\"x\":1}")));
    EXPECT_ERR(FT_EPARSE,
               ft_collections_read(&back, &again, &workers, &arena, FT_STR("{\"collections\":{")));
    ft_buf_fini(&json);
    ft_buf_fini(&json2);
    ft_arena_fini(&arena);
}

/* The collections files of real jobs: see shared/data/sagemaker_artefacts. */
static void test_real_files(void **state) {
    (void)state;
    static const struct {
        const char *path;
        size_t count;
    } files[] = {
        { "mnist_mxnet_debug-output", 7 },
        { "newlogsRunTest1/test_hook_from_json_config", 12 },
    };
    ft_arena arena = FT_ARENA_INIT(0);
    if (!test_shared("sagemaker_artefacts/debugger")) SKIP("the real trials are not there");
    for (size_t i = 0; i < FT_COUNT(files); i++) {
        ft_str path, json;
        ft_collection *list;
        size_t count;
        int workers;
        EXPECT_OK(ft_arena_printf(&path, &arena,
                                  "%s/%s/collections/000000000/worker_0_collections.json",
                                  test_shared("sagemaker_artefacts/debugger"), files[i].path));
        EXPECT_OK(ft_file_read(&json, &arena, path.at, 1 << 20));
        EXPECT_OK(ft_collections_read(&list, &count, &workers, &arena, json));
        EXPECT(count == files[i].count && workers == 1);
        bool has = false;
        for (size_t k = 0; k < count; k++)
            if (ft_str_is(list[k].name, "biases"))
                EXPECT_OK(ft_collection_has(&has, &list[k], FT_STR("conv0_bias")));
        EXPECT(has == (i == 0)); /* "bias" is matched from the start, as re.match does */
    }
    ft_arena_fini(&arena);
}

static void test_reductions(void **state) {
    (void)state;
    /* numpy: a = [1, -2, 3]: std 2.0548046676563256, var 4.222222222222222 */
    double data[3] = { 1, -2, 3 }, out[FT_REDUCTIONS_MAX];
    ft_array a = { .dtype = FT_F64, .ndim = 1, .shape = { 3 }, .data = data };
    ft_reduction set[FT_REDUCTIONS_MAX];
    size_t count;
    static const double want[] = {
        -2, 3, 2.0 / 3, 2.0548046676563256, 4.222222222222222, 2, -6, 6, 3.7416573867739413,
        1,  3, 2,       0.816496580927726,  0.6666666666666666
    };
    EXPECT_OK(
        ft_reductions_parse(set, &count,
                            FT_STR("min,max,mean,std,variance,sum,prod,l1_norm,l2,abs_min,abs_max,"
                                   "abs_mean,abs_std,abs_variance,,mean")));
    EXPECT(count == FT_COUNT(want));
    ft_reduce(out, set, count, &a);
    for (size_t i = 0; i < count; i++) EXPECT(fabs(out[i] - want[i]) < 1e-12);
    data[1] = NAN;
    ft_reduce(out, set, count, &a);
    for (size_t i = 0; i < count; i++) EXPECT(isnan(out[i]));
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str name;
    EXPECT_OK(ft_reduction_name(&name, &arena, set[9], FT_STR("dense/kernel:0")));
    EXPECT_STR("smdebug/reductions/abs_min/dense/kernel", name);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_collection c, *list;
        size_t count;
        int workers;
        ft_buf json = { 0 };
        bool has;
        ft_err err = ft_collection_parse(&c, &arena, FT_STR("losses:save_interval=5,save_steps=1"));
        if (!err) err = ft_collection_has(&has, &c, FT_STR("a-b"));
        if (!err) err = ft_collections_write(&json, &c, 1, 1);
        if (!err) err = ft_collections_read(&list, &count, &workers, &arena, ft_buf_str(&json));
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_buf_fini(&json);
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_due), cmocka_unit_test(test_xgboost), cmocka_unit_test(test_set),
          cmocka_unit_test(test_parse), cmocka_unit_test(test_file),
          cmocka_unit_test(test_real_files), cmocka_unit_test(test_reductions),
          cmocka_unit_test(test_faults))
