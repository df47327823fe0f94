/* shap_test.c -- contributions equal XGBoost's and Algorithm 2's, and sum to the margin. */
#include "trees/shap.h"

#include <math.h>
#include <unistd.h>

#include "base/random.h"
#include "trees/oracle_test.h"
#include "trees/predict.h"

static ft_arena arena = FT_ARENA_INIT((size_t)1 << 30);

static const char script[] =
    "import numpy as np, xgboost as xgb\n"
    "rng = np.random.default_rng(5)\n"
    "log = open('cases.txt', 'w')\n"
    "x = rng.normal(size=(1500, 7)).astype('f4'); x[:, 1] = np.floor(x[:, 1] * 2)\n"
    "z = x[:, 0] * x[:, 3] + x[:, 1] - 2 * (x[:, 6] > 0.5)\n"
    "x[rng.random(x.shape) < 0.1] = np.nan\n"
    "def case(name, params, y, rounds, rows=70):\n"
    "    b = xgb.train(dict(params, verbosity=0, nthread=1), xgb.DMatrix(x, y), rounds)\n"
    "    b.save_model(name + '.ubj')\n"
    "    c = b.predict(xgb.DMatrix(x[:rows]), pred_contribs=True)\n"
    "    x[:rows].tofile(name + '.x'); c.astype('f4').tofile(name + '.c')\n"
    "    log.write(f'{name} {rows} {c.size // rows}\\n')\n"
    "B = {'objective': 'binary:logistic', 'tree_method': 'hist'}\n"
    "for depth in (1, 2, 3, 6, 8, 12): case(f'depth{depth}', dict(B, max_depth=depth), z > 0, 10)\n"
    "case('softprob', {'objective': 'multi:softprob', 'num_class': 3}, np.digitize(z, [-1, 1]), "
    "5)\n"
    "case('dart', dict(B, booster='dart', rate_drop=0.5, one_drop=1), z > 0, 8)\n"
    "case('linear', {'booster': 'gblinear', 'updater': 'coord_descent'}, z, 5)\n"
    "case('poisson', {'objective': 'count:poisson', 'max_depth': 4}, np.floor(abs(z)), 6)\n"
    "case('noround', dict(B, gamma=1e9), z > 0, 3)\n";

typedef struct explained {
    char name[64];
    size_t rows, width;
    const float *x, *want;
    ft_forest *forest;
} explained;

static ft_str file_of(const char *name, const char *suffix) {
    char path[512];
    ft_str s;
    snprintf(path, sizeof path, "%s/%s%s", test_dir(), name, suffix);
    EXPECT_OK(ft_file_read(&s, &arena, path, (size_t)1 << 28));
    return s;
}

static void check_near(const char *name, const float *got, const float *want, size_t count,
                       double tolerance) {
    for (size_t i = 0; i < count; i++) {
        double off = fabs((double)got[i] - (double)want[i]);
        if (!(off <= tolerance))
            print_error("%s: value %zu: %.7g, expected %.7g\n", name, i, (double)got[i],
                        (double)want[i]);
        EXPECT(off <= tolerance);
    }
}

/* Contributions and bias of each output sum to its margin. */
static void check_sums(const ft_forest *f, const float *phi, const float *x, size_t rows) {
    size_t width = f->feature_count + 1;
    ft_scorer *s;
    float *margins;
    EXPECT_OK(ft_arena_items(&margins, &arena, rows * f->group_count));
    EXPECT_OK(ft_scorer_new(&s, f, NULL));
    EXPECT_OK(ft_scorer_margins(s, margins, x, rows));
    for (size_t i = 0; i < rows * f->group_count; i++) {
        double sum = 0;
        for (size_t c = 0; c < width; c++) sum += (double)phi[i * width + c];
        EXPECT(fabs(sum - (double)margins[i]) <= 1e-4 * (1 + fabs((double)margins[i])));
    }
    ft_scorer_free(s);
}

static void check_case(const explained *c) {
    ft_explainer *e;
    float *fast, *plain;
    EXPECT_OK(ft_explainer_new(&e, c->forest, 0));
    EXPECT(ft_explainer_width(e) == c->width);
    EXPECT_OK(ft_arena_items(&fast, &arena, c->rows * c->width));
    EXPECT_OK(ft_arena_items(&plain, &arena, c->rows * c->width));
    EXPECT_OK(ft_explainer_explain(e, fast, c->x, c->rows));
    EXPECT_OK(ft_explainer_plain(e, plain, c->x, c->rows));
    check_near(c->name, fast, c->want, c->rows * c->width, 1e-4);
    check_near(c->name, plain, c->want, c->rows * c->width, 1e-4);
    check_near(c->name, fast, plain, c->rows * c->width, 2e-5);
    check_sums(c->forest, fast, c->x, c->rows);
    ft_explainer_free(e);
}

static void test_against_xgboost(void **state) {
    (void)state;
    int count = 0;
    if (!oracle_here()) SKIP("python3-xgboost is not installed");
    EXPECT(oracle_run(script, ""));
    ft_str rest = file_of("cases", ".txt");
    while (rest.at && rest.len) {
        explained c;
        char line[128];
        ft_str text = ft_str_cut(&rest, '\n');
        snprintf(line, sizeof line, "%.*s", FT_STR_ARG(text));
        EXPECT(sscanf(line, "%63s %zu %zu", c.name, &c.rows, &c.width) == 3);
        c.x = (const float *)(const void *)file_of(c.name, ".x").at;
        c.want = (const float *)(const void *)file_of(c.name, ".c").at;
        EXPECT_OK(ft_forest_read(&c.forest, file_of(c.name, ".ubj"), c.name));
        check_case(&c);
        ft_forest_free(c.forest);
        count++;
    }
    EXPECT(count == 11);
}

/* ---- trees that no training gives: features that repeat often, nodes that no row reached */

#define NODES_MAX 600

typedef struct grown {
    ft_node nodes[NODES_MAX];
    float gain[NODES_MAX], cover[NODES_MAX];
} grown;

static void grow(ft_tree *t, grown *g, ft_random *r, size_t cols) {
    uint32_t count = 1, level_end = 1, depth_max = (uint32_t)ft_random_below(r, 12);
    g->cover[0] = (float)ft_random_below(r, 1000);
    for (uint32_t i = 0; i < count; i++) {
        if (i == level_end) {
            t->depth++;
            level_end = count;
        }
        ft_node *n = &g->nodes[i];
        n->value = (float)ft_random_normal(r);
        if (t->depth == depth_max || count + 2 > NODES_MAX || ft_random_below(r, 5) == 0) {
            t->leaf_count++;
            continue;
        }
        n->left = count;
        n->feature = (uint32_t)ft_random_below(r, cols);
        n->default_left = ft_random_below(r, 2);
        double share = ft_random_below(r, 9) ? ft_random_unit(r) : 0;
        g->cover[count] = (float)(share * (double)g->cover[i]);
        g->cover[count + 1] = g->cover[i] - g->cover[count];
        count += 2;
    }
    t->nodes = g->nodes;
    t->gain = g->gain;
    t->cover = g->cover;
    t->node_count = count;
    t->weight = 1;
}

static void test_random_trees(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        ft_random r;
        ft_tree *trees;
        ft_random_seed(&r, seed);
        ft_forest f = { .booster = FT_BOOSTER_GBTREE, .best_iteration = -1, .parallel_trees = 1 };
        f.objective = ft_objective_find(FT_STR("reg:squarederror"));
        f.feature_count = 1 + ft_random_below(&r, 9);
        f.group_count = 1 + ft_random_below(&r, 2);
        f.tree_count = f.round_count = ft_random_below(&r, 5);
        EXPECT_OK(ft_arena_items(&trees, &arena, f.tree_count + 1));
        for (size_t t = 0; t < f.tree_count; t++) {
            grown *g;
            EXPECT_OK(ft_arena_items(&g, &arena, 1));
            grow(&trees[t], g, &r, f.feature_count);
            trees[t].group = (uint32_t)ft_random_below(&r, f.group_count);
        }
        f.trees = trees;
        size_t rows = 1 + ft_random_below(&r, 40);
        float *x, *fast, *plain;
        ft_explainer *e;
        EXPECT_OK(ft_explainer_new(&e, &f, 0));
        size_t count = rows * ft_explainer_width(e);
        EXPECT_OK(ft_arena_items(&x, &arena, rows * f.feature_count));
        EXPECT_OK(ft_arena_items(&fast, &arena, count));
        EXPECT_OK(ft_arena_items(&plain, &arena, count));
        for (size_t i = 0; i < rows * f.feature_count; i++)
            x[i] = ft_random_below(&r, 7) ? (float)ft_random_normal(&r) : NAN;
        EXPECT_OK(ft_explainer_explain(e, fast, x, rows));
        EXPECT_OK(ft_explainer_plain(e, plain, x, rows));
        check_near("random", fast, plain, count, 3e-5);
        check_sums(&f, fast, x, rows);
        ft_explainer_free(e);
        ft_arena_reset(&arena);
    }
}

static void test_category_and_faults(void **state) {
    (void)state;
    ft_forest *f;
    ft_str text;
    static float x[130 * 3], phi[130 * 4];
    EXPECT_OK(ft_file_read(&text, &arena, testdata("category.json"), 1 << 20));
    EXPECT_OK(ft_forest_read(&f, text, "category"));
    for (int i = 0; i < 130; i++) {
        x[i * 3] = (float)(i % 43) - 1;
        x[i * 3 + 1] = i % 5 == 4 ? NAN : (float)(i % 4);
        x[i * 3 + 2] = (float)(i % 9) / 4 - 1;
    }
    int rounds = 0;
    EACH_FAULT {
        ft_explainer *e;
        ft_err err = ft_explainer_new(&e, f, FT_ROUNDS_ALL);
        EXPECT(err == (e ? FT_OK : FT_ENOMEM));
        if (!err) err = ft_explainer_explain(e, phi, x, 130);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_explainer_free(e);
        rounds++;
    }
    EXPECT(rounds > 3);
    check_sums(f, phi, x, 130);
    ft_forest_free(f);
}

TEST_MAIN(cmocka_unit_test(test_random_trees), cmocka_unit_test(test_category_and_faults),
          cmocka_unit_test(test_against_xgboost))
