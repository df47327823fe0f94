/* param_test.c -- what is accepted, and the sentences of what is refused. */
#include "base/param.h"

#include <math.h>

#include "tests/test.h"

static const ft_param table[] = {
    { "eta", FT_PARAM_FLOAT, "0.3", .min = 0, .max = 1, .doc = "step size" },
    { "num_round", FT_PARAM_INT, NULL, .min = 1, .max = 1e6, .required = true, .doc = "rounds" },
    { "gamma", FT_PARAM_FLOAT, "0", .min = 0, .max = INFINITY },
    { "subsample", FT_PARAM_FLOAT, "1", .min = 0, .max = 1, .min_open = true },
    { "scale", FT_PARAM_FLOAT, NULL, .doc = "scale" },
    { "tree_method", FT_PARAM_CHOICE, "auto", .choices = "auto|exact|approx|hist" },
    { "eval_metric", FT_PARAM_LIST, "rmse", .choices = "rmse|mae|error",
      .prefixes = "error@|ndcg@" },
    { "verbose", FT_PARAM_BOOL, "true", .doc = "say more" },
    { "json", FT_PARAM_FLAG, .doc = "as JSON" },
    { "set", FT_PARAM_STRING, NULL, .repeated = true },
    { "name", FT_PARAM_STRING, "", .doc = "name" },
    { 0 },
};

static void test_defaults(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_params *p;
    ft_str s;
    EXPECT_OK(ft_params_new(&p, &arena, table));
    EXPECT(ft_params_float(p, "eta") == 0.3 && !ft_params_given(p, "eta"));
    EXPECT(ft_params_int(p, "num_round") == 0);
    EXPECT(isnan(ft_params_float(p, "scale")));
    EXPECT(ft_params_bool(p, "verbose") && !ft_params_bool(p, "json"));
    EXPECT(ft_params_str(p, "set").at == NULL);
    EXPECT(ft_params_str(p, "name").at != NULL && ft_params_str(p, "name").len == 0);
    EXPECT(ft_params_each(p, "eval_metric", 0, &s) && ft_str_is(s, "rmse"));
    EXPECT(!ft_params_each(p, "eval_metric", 1, &s) && !ft_params_each(p, "set", 0, &s));
    EXPECT_ERR(FT_EINVAL, ft_params_finish(p));
    EXPECT_WHY("parameter 'num_round' is required: rounds");
    EXPECT(ft_params_table(p) == table);
    ft_arena_fini(&arena);
}

static void test_sets(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_params *p;
    ft_str s;
    char text[] = "0.5";
    EXPECT_OK(ft_params_new(&p, &arena, table));
    EXPECT_OK(ft_params_set(p, FT_STR("eta"), ft_str_of(text)));
    text[0] = 'x'; /* the value was copied */
    EXPECT(ft_params_float(p, "eta") == 0.5 && ft_params_given(p, "eta"));
    EXPECT_STR("0.5", ft_params_str(p, "eta"));
    EXPECT_OK(ft_params_set(p, FT_STR("eta"), FT_STR("1")));
    EXPECT(ft_params_float(p, "eta") == 1);
    EXPECT_OK(ft_params_set(p, FT_STR("num_round"), FT_STR("1000000")));
    EXPECT(ft_params_int(p, "num_round") == 1000000);
    EXPECT_OK(ft_params_set(p, FT_STR("json"), FT_STR("")));
    EXPECT(ft_params_bool(p, "json"));
    EXPECT_OK(ft_params_set(p, FT_STR("verbose"), FT_STR("off")));
    EXPECT(!ft_params_bool(p, "verbose"));
    EXPECT_OK(ft_params_set(p, FT_STR("eval_metric"), FT_STR("mae, ndcg@10-,error@0.3")));
    EXPECT(ft_params_each(p, "eval_metric", 1, &s) && ft_str_is(s, "ndcg@10-"));
    EXPECT(ft_params_each(p, "eval_metric", 2, &s) && ft_str_is(s, "error@0.3"));
    EXPECT(!ft_params_each(p, "eval_metric", 3, &s));
    for (int i = 0; i < 20; i++) EXPECT_OK(ft_params_set(p, FT_STR("set"), FT_STR("a=1")));
    EXPECT(ft_params_each(p, "set", 19, &s) && !ft_params_each(p, "set", 20, &s));
    EXPECT_OK(ft_params_finish(p));
    ft_arena_fini(&arena);
}

static void test_sentences(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *why;
    } row[] = {
        { "eta", "1.5", "eta: 1.5 is outside [0, 1]" },
        { "eta", "nan", "eta: expected a number, found 'nan'" },
        { "eta", "", "eta: expected a number, found ''" },
        { "eta", "0.3x", "eta: expected a number, found '0.3x'" },
        { "etta", "1", "unknown parameter 'etta'; did you mean 'eta'?" },
        { "num-round", "1", "unknown parameter 'num-round'; did you mean 'num_round'?" },
        { "zzz", "1", "unknown parameter 'zzz'" },
        { "num_round", "0", "num_round: 0 is outside [1, 1000000]" },
        { "num_round", "10.0", "num_round: expected an integer, found '10.0'" },
        { "num_round", "99999999999999999999", "num_round: expected an integer" },
        { "gamma", "-1", "gamma: -1 must be at least 0" },
        { "subsample", "0", "subsample: 0 is outside (0, 1]" },
        { "tree_method", "exat",
          "tree_method: 'exat' is not one of auto, exact, approx, hist; did you mean 'exact'?" },
        { "tree_method", "gpu", "tree_method: 'gpu' is not one of auto, exact, approx, hist" },
        { "eval_metric", "rmse,,mae", "eval_metric: an item of the list 'rmse,,mae' is empty" },
        { "eval_metric", "ndcg@", "eval_metric: 'ndcg@' is not one of rmse, mae, error, error@" },
        { "eval_metric", "rmsee", "did you mean 'rmse'?" },
        { "verbose", "maybe", "verbose: expected true or false, found 'maybe'" },
    };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_params *p;
    EXPECT_OK(ft_params_new(&p, &arena, table));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        EXPECT_ERR(FT_EINVAL, ft_params_set(p, ft_str_of(row[i].name), ft_str_of(row[i].value)));
        EXPECT_WHY(row[i].why);
    }
    EXPECT(ft_params_float(p, "eta") == 0.3 && !ft_params_given(p, "eta"));
    ft_arena_fini(&arena);
}

static void test_describe(void **state) {
    (void)state;
    static const char *const want[] = { "number in [0, 1], default 0.3",
                                        "integer in [1, 1000000], required",
                                        "number at least 0, default 0",
                                        "number in (0, 1], default 1",
                                        "number",
                                        "one of auto, exact, approx, hist, default auto",
                                        "list of rmse, mae, error, error@\xe2\x80\xa6, "
                                        "ndcg@\xe2\x80\xa6, default rmse",
                                        "true or false, default true",
                                        "flag",
                                        "text",
                                        "text, default empty" };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str s;
    for (size_t i = 0; table[i].name; i++) {
        EXPECT_OK(ft_param_describe(&s, &arena, &table[i]));
        EXPECT_STR(want[i], s);
    }
    ft_arena_fini(&arena);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_params *p;
        ft_str s;
        ft_err err = ft_params_new(&p, &arena, table);
        for (int i = 0; !err && i < 100; i++)
            err = ft_params_set(p, FT_STR("set"), FT_STR("some text that takes memory"));
        if (!err) err = ft_param_describe(&s, &arena, &table[0]);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_arena_fini(&arena);
        rounds++;
    }
    EXPECT(rounds > 3);
}

TEST_MAIN(cmocka_unit_test(test_defaults), cmocka_unit_test(test_sets),
          cmocka_unit_test(test_sentences), cmocka_unit_test(test_describe),
          cmocka_unit_test(test_every_fault))
