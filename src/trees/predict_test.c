/* predict_test.c -- every path gives XGBoost's margins and answers, and all paths the same bits. */
#include "trees/predict.h"

#include <math.h>
#include <unistd.h>

#include "base/random.h"
#include "trees/oracle_test.h"

static ft_arena arena = FT_ARENA_INIT((size_t)1 << 30);

static const ft_scorer_path paths[] = { FT_SCORER_AUTO, FT_SCORER_WALK, FT_SCORER_AVX2,
                                        FT_SCORER_AVX512 };
#define PATH_COUNT (sizeof paths / sizeof *paths)

/* ---- XGBoost's models, made at test time */

static const char script[] =
    "import numpy as np, xgboost as xgb\n"
    "rng = np.random.default_rng(3)\n"
    "log = open('cases.txt', 'w')\n"
    "def data(rows, cols, missing):\n"
    "    x = rng.normal(size=(rows, cols)).astype('f4')\n"
    "    x[:, 1] = np.floor(x[:, 1] * 3)\n"
    "    z = x[:, 0] * x[:, cols // 2] + x[:, 1] - 2 * (x[:, cols - 1] > 0.5)\n"
    "    x[rng.random(x.shape) < missing] = np.nan\n"
    "    return x, z\n"
    "def case(name, params, x, y, rounds, limit=None, rows=700):\n"
    "    d = xgb.DMatrix(x, y)\n"
    "    b = xgb.train(dict(params, verbosity=0, nthread=1), d, rounds)\n"
    "    if limit is not None: b.set_attr(best_iteration=str(limit - 1))\n"
    "    b.save_model(name + '.ubj')\n"
    "    show = x[:rows].copy()\n"
    "    if 'linear' not in name: show[0], show[1], show[2] = np.nan, np.inf, -np.inf\n"
    "    s = xgb.DMatrix(np.where(np.isinf(show), np.sign(show) * 3e38, show))\n"
    "    end = (0, limit or 0)\n"
    "    m = b.predict(s, output_margin=True, iteration_range=end)\n"
    "    p = b.predict(s, iteration_range=end)\n"
    "    show.astype('f4').tofile(name + '.x'); m.astype('f4').tofile(name + '.m')\n"
    "    p.astype('f4').tofile(name + '.p')\n"
    "    log.write(f'{name} {x.shape[1]} {m.size // len(show)} {p.size // len(show)} "
    "{len(show)}\\n')\n"
    "B = {'objective': 'binary:logistic', 'tree_method': 'hist'}\n"
    "for depth in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 20):\n"
    "    x, z = data(1500, 6, 0.05 if depth % 2 else 0)\n"
    "    case(f'depth{depth}', dict(B, max_depth=depth), x, z > 0, 12)\n"
    "x, z = data(4000, 3, 0.02)\n"
    "case('manycuts', dict(B, tree_method='exact', max_depth=6, min_child_weight=0), x, z > 0, "
    "25)\n"
    "x, z = data(3000, 100, 0.1)\n"
    "case('wide', dict(B, max_depth=6, colsample_bytree=0.5), x, z > 0, 20)\n"
    "x, z = data(1500, 5, 0.3)\n"
    "case('softprob', {'objective': 'multi:softprob', 'num_class': 4}, x, np.digitize(z, [-1, 0, "
    "1]), 8)\n"
    "case('softmax', {'objective': 'multi:softmax', 'num_class': 4, 'num_parallel_tree': 2}, x,\n"
    "     np.digitize(z, [-1, 0, 1]), 6)\n"
    "case('oneclass', {'objective': 'multi:softprob', 'num_class': 2}, x, z * 0, 3)\n"
    "case('allones', B, x, z * 0 + 1, 5)\n"
    "case('dart', dict(B, booster='dart', rate_drop=0.4, one_drop=1), x, z > 0, 15)\n"
    "case('linear', {'booster': 'gblinear', 'updater': 'coord_descent', 'objective': "
    "'reg:squarederror'}, x, z, 7)\n"
    "case('best', B, x, z > 0, 12, limit=4)\n"
    "case('noround', dict(B, gamma=1e9), x, z > 0, 3)\n"
    "case('lossguide', dict(B, grow_policy='lossguide', max_leaves=40, max_depth=0), x, z > 0, "
    "10)\n"
    "for o, y in (('reg:squarederror', z), ('reg:squaredlogerror', abs(z)), ('reg:logistic', z > "
    "0),\n"
    "             ('reg:pseudohubererror', z), ('reg:absoluteerror', z), ('reg:gamma', abs(z) + "
    ".1),\n"
    "             ('reg:tweedie', abs(z)), ('count:poisson', np.floor(abs(z))), "
    "('binary:logitraw', z > 0),\n"
    "             ('binary:hinge', z > 0), ('survival:cox', z), ('rank:pairwise', "
    "np.floor(abs(z)))):\n"
    "    case(o.replace(':', '_'), {'objective': o, 'max_depth': 4}, x, y, 6)\n";

typedef struct oracle_case {
    char name[64];
    size_t cols, groups, columns, rows;
    const float *x, *margins, *answers;
    ft_forest *forest;
} oracle_case;

static oracle_case cases[64];
static size_t case_count;

static ft_str file_of(const char *name, const char *suffix) {
    char path[512];
    ft_str s;
    snprintf(path, sizeof path, "%s/%s%s", test_dir(), name, suffix);
    EXPECT_OK(ft_file_read(&s, &arena, path, (size_t)1 << 28));
    return s;
}

static void load_cases(void) {
    ft_str rest = file_of("cases", ".txt");
    while (rest.at && rest.len) {
        ft_str line = ft_str_cut(&rest, '\n');
        oracle_case *c = &cases[case_count++];
        char text[256];
        snprintf(text, sizeof text, "%.*s", FT_STR_ARG(line));
        EXPECT(sscanf(text, "%63s %zu %zu %zu %zu", c->name, &c->cols, &c->groups, &c->columns,
                      &c->rows) == 5);
        c->x = (const float *)(const void *)file_of(c->name, ".x").at;
        c->margins = (const float *)(const void *)file_of(c->name, ".m").at;
        c->answers = (const float *)(const void *)file_of(c->name, ".p").at;
        EXPECT_OK(ft_forest_read(&c->forest, file_of(c->name, ".ubj"), c->name));
        EXPECT(c->forest->feature_count == c->cols && c->forest->group_count == c->groups);
    }
}

/* The oracle's cases; false where XGBoost is not installed. */
static bool have_cases(void) {
    if (case_count == 0 && oracle_here()) {
        EXPECT(oracle_run(script, ""));
        load_cases();
        EXPECT(case_count == 34);
    }
    return case_count > 0;
}

static bool near(float a, float b) {
    return fabsf(a - b) <= 1e-5f * (1 + fabsf(b)) || (a != a && b != b);
}

static void check_equal(const oracle_case *c, const float *got, const float *want, size_t width,
                        const char *what) {
    for (size_t i = 0; i < c->rows * width; i++)
        if (!near(got[i], want[i])) {
            print_error("%s: %s of row %zu: %.9g, XGBoost %.9g\n", c->name, what, i / width,
                        (double)got[i], (double)want[i]);
            EXPECT(false);
        }
}

/* A scorer on one path, or NULL when this CPU has no such path. */
static ft_scorer *scorer_on(const ft_forest *f, ft_scorer_path path) {
    ft_scorer *s;
    ft_err err = ft_scorer_new(&s, f, &(ft_scorer_opts){ .path = path });
    EXPECT(err == FT_OK || err == FT_EUNSUPPORTED);
    return s;
}

static void test_against_xgboost(void **state) {
    (void)state;
    if (!have_cases()) SKIP("python3-xgboost is not installed");
    for (size_t i = 0; i < case_count; i++) {
        const oracle_case *c = &cases[i];
        float *got;
        EXPECT_OK(ft_arena_items(&got, &arena, c->rows * c->groups));
        ft_scorer *s = scorer_on(c->forest, FT_SCORER_PLAIN);
        EXPECT(ft_scorer_groups(s) == c->groups && ft_scorer_columns(s) == c->columns);
        EXPECT_OK(ft_scorer_margins(s, got, c->x, c->rows));
        check_equal(c, got, c->margins, c->groups, "margin");
        EXPECT_OK(ft_scorer_predict(s, got, c->x, c->rows));
        check_equal(c, got, c->answers, c->columns, "answer");
        ft_scorer_free(s);
    }
}

static void same_bits(const oracle_case *c, const float *a, const float *b, size_t count,
                      ft_scorer_path path, size_t step) {
    if (memcmp(a, b, count * sizeof *a) == 0) return;
    size_t i = 0;
    while (memcmp(&a[i], &b[i], sizeof *a) == 0) i++;
    print_error("%s, path %d, %zu rows at once: value %zu: %.9g, plain %.9g\n", c->name, path, step,
                i, (double)a[i], (double)b[i]);
    EXPECT(false);
}

static void test_paths_agree(void **state) {
    (void)state;
    static const size_t steps[] = { 1, 65, 513, 700 };
    if (!have_cases()) SKIP("python3-xgboost is not installed");
    for (size_t i = 0; i < case_count; i++) {
        const oracle_case *c = &cases[i];
        size_t count = c->rows * c->groups;
        float *plain, *got;
        EXPECT_OK(ft_arena_items(&plain, &arena, count));
        EXPECT_OK(ft_arena_items(&got, &arena, count));
        ft_scorer *s = scorer_on(c->forest, FT_SCORER_PLAIN);
        EXPECT_OK(ft_scorer_margins(s, plain, c->x, c->rows));
        ft_scorer_free(s);
        for (size_t p = 0; p < PATH_COUNT; p++) {
            if (!(s = scorer_on(c->forest, paths[p]))) continue;
            for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
                memset(got, 0xee, count * sizeof *got);
                for (size_t r = 0; r < c->rows; r += steps[k]) {
                    size_t n = c->rows - r < steps[k] ? c->rows - r : steps[k];
                    EXPECT_OK(ft_scorer_margins(s, got + r * c->groups, c->x + r * c->cols, n));
                }
                same_bits(c, got, plain, count, paths[p], steps[k]);
            }
            ft_scorer_free(s);
        }
    }
}

static void test_paths_taken(void **state) {
    (void)state;
    if (!have_cases()) SKIP("python3-xgboost is not installed");
    for (size_t i = 0; i < case_count; i++) {
        ft_str text;
        ft_scorer *s = scorer_on(cases[i].forest, FT_SCORER_AVX512);
        if (!s) SKIP("no AVX-512 with VBMI on this CPU");
        EXPECT_OK(ft_scorer_describe(&text, s, &arena));
        if (!strcmp(cases[i].name, "depth6"))
            EXPECT_STR("rows: 12 of 12 trees in blocks, batches: 12 in masks (AVX-512)", text);
        if (!strcmp(cases[i].name, "depth7"))
            EXPECT_STR("rows: 0 of 12 trees in blocks, batches: 12 in masks (AVX-512)", text);
        if (!strcmp(cases[i].name, "manycuts"))
            EXPECT_STR("rows: 25 of 25 trees in blocks, batches: 25 in masks (AVX-512)", text);
        if (!strcmp(cases[i].name, "linear")) EXPECT_STR("plain (0 trees)", text);
        if (!strcmp(cases[i].name, "best")) EXPECT(ft_scorer_trees(s) == 4);
        ft_scorer_free(s);
    }
}

/* ---- models made here: trees of random shape, so that rare layouts meet too */

typedef struct grown {
    ft_node nodes[2048];
    uint32_t count, leaves, depth;
} grown;

static float random_cut(ft_random *r) {
    static const float odd[] = { 0, -0.0f, 1e-40f, -INFINITY, INFINITY, 3.4e38f };
    uint64_t k = ft_random_below(r, 40);
    return k < 6 ? odd[k] : (float)ft_random_normal(r);
}

/* Breadth first, as the reader lays trees out. */
static void grow(grown *g, ft_random *r, uint32_t depth_max, size_t cols) {
    uint32_t level_end = 1;
    *g = (grown){ .count = 1 };
    for (uint32_t i = 0; i < g->count; i++) {
        if (i == level_end) {
            g->depth++;
            level_end = g->count;
        }
        ft_node *n = &g->nodes[i];
        if (g->depth == depth_max || g->count + 2 > 2048 || ft_random_below(r, 4) == 0) {
            n->value = (float)ft_random_normal(r);
            g->leaves++;
            continue;
        }
        *n = (ft_node){ .value = random_cut(r), .left = g->count };
        n->feature = (uint32_t)ft_random_below(r, cols);
        n->default_left = ft_random_below(r, 2);
        g->count += 2;
    }
}

static void random_forest(ft_forest *f, ft_random *r) {
    size_t trees = ft_random_below(r, 40), groups = 1 + ft_random_below(r, 3);
    ft_tree *at;
    *f = (ft_forest){ .booster = FT_BOOSTER_GBTREE, .best_iteration = -1 };
    f->objective = ft_objective_find(FT_STR("reg:squarederror"));
    f->feature_count = 1 + ft_random_below(r, 90);
    f->group_count = groups;
    f->parallel_trees = 1;
    f->tree_count = f->round_count = trees;
    f->base_margin = 0.5f;
    EXPECT_OK(ft_arena_items(&at, &arena, trees + 1));
    for (size_t t = 0; t < trees; t++) {
        grown *g;
        EXPECT_OK(ft_arena_items(&g, &arena, 1));
        grow(g, r, (uint32_t)ft_random_below(r, 11), f->feature_count);
        at[t] = (ft_tree){ .nodes = g->nodes, .node_count = g->count, .leaf_count = g->leaves };
        at[t].depth = g->depth;
        at[t].group = (uint32_t)ft_random_below(r, groups);
        at[t].weight = (float)ft_random_unit(r);
    }
    f->trees = at;
}

static void test_random_forests(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        ft_random r;
        ft_forest f;
        ft_random_seed(&r, seed);
        random_forest(&f, &r);
        size_t rows = 1 + ft_random_below(&r, 700), count = rows * f.group_count;
        oracle_case c = { .cols = f.feature_count, .groups = f.group_count, .rows = rows };
        float *x, *plain, *got;
        snprintf(c.name, sizeof c.name, "seed %llu", (unsigned long long)seed);
        EXPECT_OK(ft_arena_items(&x, &arena, rows * c.cols));
        EXPECT_OK(ft_arena_items(&plain, &arena, count));
        EXPECT_OK(ft_arena_items(&got, &arena, count));
        bool missing = ft_random_below(&r, 2);
        for (size_t i = 0; i < rows * c.cols; i++)
            x[i] = missing && ft_random_below(&r, 8) == 0 ? NAN : random_cut(&r);
        ft_scorer *s = scorer_on(&f, FT_SCORER_PLAIN);
        EXPECT_OK(ft_scorer_margins(s, plain, x, rows));
        ft_scorer_free(s);
        for (size_t p = 0; p < PATH_COUNT; p++) {
            if (!(s = scorer_on(&f, paths[p]))) continue;
            EXPECT_OK(ft_scorer_margins(s, got, x, rows));
            same_bits(&c, got, plain, count, paths[p], rows);
            for (size_t i = 0; i < rows; i++)
                EXPECT_OK(ft_scorer_margins(s, got + i * c.groups, x + i * c.cols, 1));
            same_bits(&c, got, plain, count, paths[p], 1);
            ft_scorer_free(s);
        }
        ft_arena_reset(&arena);
    }
}

static void test_every_fault(void **state) {
    (void)state;
    ft_forest *f;
    ft_arena text_arena = FT_ARENA_INIT(0);
    ft_str text;
    static float rows[600 * 4], out[600 * 3];
    EXPECT_OK(ft_file_read(&text, &text_arena, testdata("softmax.ubj"), 1 << 20));
    EXPECT_OK(ft_forest_read(&f, text, "softmax"));
    int rounds = 0;
    EACH_FAULT {
        ft_scorer *s;
        ft_err err = ft_scorer_new(&s, f, NULL);
        EXPECT(err == (s ? FT_OK : FT_ENOMEM));
        if (!err) err = ft_scorer_predict(s, out, rows, 600);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_scorer_free(s);
        rounds++;
    }
    EXPECT(rounds > 4);
    ft_forest_free(f);
    ft_arena_fini(&text_arena);
}

static int end(void **state) {
    (void)state;
    for (size_t i = 0; i < case_count; i++) ft_forest_free(cases[i].forest);
    ft_arena_fini(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_random_forests),  cmocka_unit_test(test_every_fault),
        cmocka_unit_test(test_against_xgboost), cmocka_unit_test(test_paths_agree),
        cmocka_unit_test(test_paths_taken),
    };
    return test_end(cmocka_run_group_tests(list, NULL, end));
}
