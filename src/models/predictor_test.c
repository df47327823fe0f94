/* The registries of predictors and algorithms. */
#include "models/predictor.h"

#include "models/algorithm.h"
#include "tests/test.h"

static int sniff_a(const char *path) { return strstr(path, "model") ? 50 : 0; }
static int sniff_b(const char *path) { return strstr(path, ".b") ? 80 : 0; }

static const ft_predictor pa = { .name = "a", .doc = "models of a", .sniff = sniff_a };
static const ft_predictor pb = { .name = "b", .doc = "models of b", .sniff = sniff_b };
static const ft_predictor *const predictors[] = { &pa, &pb, NULL };
static const ft_algorithm alg = { .name = "xgboost", .doc = "trees" };
static const ft_algorithm *const algorithms[] = { &alg, NULL };

static void test_predictors(void **state) {
    const ft_predictor *p;
    (void)state;
    EXPECT_ERR(FT_EUNSUPPORTED, ft_predictor_for(&p, "model"));
    EXPECT_WHY("no predictor is registered");
    ft_predictors_use(predictors);
    EXPECT(ft_predictor_find(FT_STR("b")) == &pb && !ft_predictor_find(FT_STR("c")));
    EXPECT(ft_predictors()[0] == &pa);
    EXPECT_OK(ft_predictor_for(&p, "model.json"));
    EXPECT(p == &pa);
    EXPECT_OK(ft_predictor_for(&p, "model.b"));
    EXPECT(p == &pb);
    EXPECT_ERR(FT_EUNSUPPORTED, ft_predictor_for(&p, "picture"));
    EXPECT(!p);
    EXPECT_WHY("'picture' is no model that is known here: a (models of a), b (models of b)");
    EACH_FAULT EXPECT_ERR(FT_EUNSUPPORTED, ft_predictor_for(&p, "picture"));
    ft_predictors_use(NULL);
    EXPECT(!ft_predictor_find(FT_STR("b")));
}

static void test_algorithms(void **state) {
    (void)state;
    EXPECT(!ft_algorithm_find(FT_STR("xgboost")) && !ft_algorithms()[0]);
    ft_algorithms_use(algorithms);
    EXPECT(ft_algorithm_find(FT_STR("xgboost")) == &alg && !ft_algorithm_find(FT_STR("x")));
    ft_algorithms_use(NULL);
}

TEST_MAIN(cmocka_unit_test(test_predictors), cmocka_unit_test(test_algorithms))
