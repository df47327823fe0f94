/* model_test.c -- models that XGBoost wrote, with its margins; and models that nobody should have
 * written. */
#include "trees/model.h"

#include <math.h>
#include <unistd.h>

#include "trees/oracle_test.h"
#include "trees/predict.h"

static ft_arena arena = FT_ARENA_INIT(0);

static ft_str read_testdata(const char *name) {
    ft_str s;
    EXPECT_OK(ft_file_read(&s, &arena, testdata(name), 1 << 24));
    return s;
}

/* "1.5,,3|0.25,0.5": features, a bar, margins; returns false at the end. */
static bool next_row(ft_str *rest, float *row, size_t cols, float *margins, size_t groups) {
    if (!rest->at || rest->len == 0) return false;
    ft_str margin = ft_str_cut(rest, '\n'), features = ft_str_cut(&margin, '|');
    for (size_t i = 0; i < cols; i++) {
        ft_str cell = ft_str_cut(&features, ',');
        if (cell.len == 0)
            row[i] = NAN;
        else
            EXPECT(ft_str_f32(&row[i], cell));
    }
    for (size_t i = 0; i < groups; i++) EXPECT(ft_str_f32(&margins[i], ft_str_cut(&margin, ',')));
    return true;
}

typedef struct known {
    const char *name, *file;
    ft_booster booster;
    size_t cols, groups, trees, rounds;
} known;

static const known models[] = {
    { "logistic", "logistic.json", FT_BOOSTER_GBTREE, 4, 1, 3, 3 },
    { "regression", "regression.ubj", FT_BOOSTER_GBTREE, 4, 1, 3, 3 },
    { "softprob", "softprob.json", FT_BOOSTER_GBTREE, 4, 3, 9, 3 },
    { "softmax", "softmax.ubj", FT_BOOSTER_GBTREE, 4, 3, 18, 3 },
    { "dart", "dart.json", FT_BOOSTER_DART, 4, 1, 5, 5 },
    { "linear", "linear.json", FT_BOOSTER_GBLINEAR, 4, 1, 0, 3 },
    { "poisson", "poisson.json", FT_BOOSTER_GBTREE, 4, 1, 3, 3 },
    { "single", "single.json", FT_BOOSTER_GBTREE, 4, 1, 1, 1 },
    { "category", "category.json", FT_BOOSTER_GBTREE, 3, 1, 3, 3 },
};

static void check_margins(const known *k, const ft_forest *f) {
    char name[64];
    float row[8], want[8], got[8];
    int rows = 0;
    snprintf(name, sizeof name, "%s.csv", k->name);
    ft_str rest = read_testdata(name);
    ft_scorer *s;
    EXPECT_OK(ft_scorer_new(&s, f, NULL));
    while (next_row(&rest, row, k->cols, want, k->groups)) {
        EXPECT_OK(ft_scorer_margins(s, got, row, 1));
        for (size_t g = 0; g < k->groups; g++) EXPECT(fabsf(got[g] - want[g]) <= 1e-5f);
        rows++;
    }
    EXPECT(rows == 24);
    ft_scorer_free(s);
}

static void test_known_models(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const known *k = &models[i];
        ft_forest *f;
        EXPECT_OK(ft_forest_read(&f, read_testdata(k->file), k->file));
        EXPECT(f->booster == k->booster && f->feature_count == k->cols);
        EXPECT(f->group_count == k->groups && f->tree_count == k->trees);
        EXPECT(f->round_count == k->rounds);
        EXPECT(f->version[0] == 1 && f->version[1] == 7 && f->version[2] == 4);
        check_margins(k, f);
        ft_forest_free(f);
    }
}

static void test_shape(void **state) {
    (void)state;
    ft_forest *f;
    EXPECT_OK(ft_forest_read(&f, read_testdata("regression.ubj"), "r"));
    EXPECT(f->base_score == 1.25f && f->base_margin == 1.25f);
    EXPECT(f->best_iteration == 2 && ft_forest_best_rounds(f) == 3);
    EXPECT(ft_forest_trees_of(f, 2) == 2 && ft_forest_trees_of(f, 99) == 3);
    for (size_t t = 0; t < f->tree_count; t++) {
        const ft_tree *tree = &f->trees[t];
        EXPECT(tree->leaf_count * 2 - 1 == tree->node_count && tree->depth == 2);
        EXPECT(tree->cover[0] == 200); /* squared error: one a row */
        for (uint32_t n = 0; n < tree->node_count; n++)
            if (tree->nodes[n].left) EXPECT(tree->nodes[n].left > n && tree->gain[n] > 0);
    }
    ft_forest_free(f);
    EXPECT_OK(ft_forest_read(&f, read_testdata("poisson.json"), "p"));
    EXPECT(f->base_margin == logf(0.5f));
    ft_forest_free(f);
}

/* ---- hostile and broken files: the logistic model with one thing replaced */

typedef struct damage {
    const char *from, *to, *why;
    ft_err err;
} damage;

static const damage damages[] = {
    { "\"num_trees\":\"3\"", "\"num_trees\":\"4\"", "num_trees says 4, there are 3", FT_EPARSE },
    { "\"num_feature\":\"4\",\"num_target\"", "\"num_feature\":\"0\",\"num_target\"",
      "num_feature: expected 1 to", FT_EPARSE },
    { "\"num_feature\":\"4\",\"num_target\"", "\"num_feature\":\"1\",\"num_target\"",
      "outside the model's 1 features", FT_EPARSE },
    { "\"num_class\":\"0\"", "\"num_class\":\"2147483648\"", "num_class: expected 0 to",
      FT_EPARSE },
    { "\"tree_info\":[0,0,0]", "\"tree_info\":[0,0]", "tree_info has 2 values for 3 trees",
      FT_EPARSE },
    { "\"tree_info\":[0,0,0]", "\"tree_info\":[0,1,0]", "tree_info[1]: 1 is outside the model's 1",
      FT_EPARSE },
    { "\"id\":1", "\"id\":0", "tree 1: id 0 is taken", FT_EPARSE },
    { "\"left_children\":[1,", "\"left_children\":[99,", "tree 0: left_children[0]: 99 is outside",
      FT_EPARSE },
    { "\"left_children\":[1,", "\"left_children\":[0,", "left_children[0]: 0 is outside",
      FT_EPARSE },
    { "\"left_children\":[1,3", "\"left_children\":[1,1", "two parents or is its own ancestor",
      FT_EPARSE },
    { "\"left_children\":[1,3", "\"left_children\":[1,2", "two parents or is its own ancestor",
      FT_EPARSE },
    { "\"left_children\":[1,", "\"left_children\":[-1,", "but there is no left child", FT_EPARSE },
    { "\"right_children\":[2,", "\"right_children\":[-1,", "right_children[0]: -1 is outside",
      FT_EPARSE },
    { "\"right_children\":[2,", "\"right_children\":[2,7,",
      "right_children has 14 values, num_nodes", FT_EPARSE },
    { "\"num_nodes\":\"13\"", "\"num_nodes\":\"2147483648\"", "num_nodes: expected 1 to",
      FT_EPARSE },
    { "\"num_nodes\":\"13\"", "\"num_nodes\":\"seven\"", "expected a whole number", FT_EPARSE },
    { "\"num_nodes\":\"13\"", "\"num_nodes\":\"12\"", "num_nodes says 12", FT_EPARSE },
    { "\"split_indices\":[0,", "\"split_indices\":[5,", "5 is outside the model's 4", FT_EPARSE },
    { "\"split_indices\":[0,", "\"split_indices\":[-1,", "split_indices[0]: -1 is outside",
      FT_EPARSE },
    { "\"split_conditions\":[", "\"split_conditions\":[NaN,", "split_conditions has 14",
      FT_EPARSE },
    { "\"size_leaf_vector\":\"0\"}},", "\"size_leaf_vector\":\"3\"}},", "vectors in their leaves",
      FT_EUNSUPPORTED },
    { "\"name\":\"gbtree\"", "\"name\":\"gbforest\"", "booster \"gbforest\": known are",
      FT_EUNSUPPORTED },
    { "binary:logistic", "binary:guess", "objective \"binary:guess\"", FT_EUNSUPPORTED },
    { "\"base_score\":\"5E-1\"", "\"base_score\":\"1.5\"", "between 0 and 1", FT_EINVAL },
    { "\"base_score\":\"5E-1\"", "\"base_score\":\"half\"", "base_score: expected a number",
      FT_EPARSE },
    { "\"best_iteration\":\"2\"", "\"best_iteration\":\"3\"",
      "best_iteration is 3, there are 3 rounds", FT_EPARSE },
    { "\"best_iteration\":\"2\"", "\"best_iteration\":\"-2\"", "expected a round", FT_EPARSE },
    { "\"learner\"", "\"teacher\"", "\"learner\" is missing", FT_EPARSE },
    { "\"trees\":[", "\"trees\":[7,", "expected", FT_EPARSE },
    { "\"default_left\":[1", "\"default_left\":[2", "default_left[0]: expected 0 or 1", FT_EPARSE },
};

/* The text with its first `from` replaced; NULL at when there is none. */
static ft_str replaced(ft_str text, const char *from, const char *to) {
    const char *found = memmem(text.at, text.len, from, strlen(from));
    ft_str out;
    if (!found) return (ft_str){ 0 };
    EXPECT_OK(ft_arena_printf(&out, &arena, "%.*s%s%s", (int)(found - text.at), text.at, to,
                              found + strlen(from)));
    return out;
}

static void test_damaged(void **state) {
    (void)state;
    ft_str text = read_testdata("logistic.json");
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const damage *d = &damages[i];
        ft_forest *f;
        ft_str bad = replaced(text, d->from, d->to);
        if (!bad.at) print_error("no %s in logistic.json\n", d->from);
        EXPECT(bad.at != NULL);
        ft_err err = ft_forest_read(&f, bad, "bad.json");
        if (err != d->err) print_error("damage %zu: %s\n", i, d->to);
        EXPECT(err == d->err && f == NULL);
        EXPECT_WHY(d->why);
        EXPECT_WHY("bad.json");
    }
}

static void test_leaf_and_threshold(void **state) {
    (void)state;
    ft_forest *f;
    const char *head =
        "{\"learner\":{\"learner_model_param\":{\"base_score\":\"0\",\"num_class\":\"0\",\"num_"
        "feature\":"
        "\"1\"},\"objective\":{\"name\":\"reg:squarederror\"},\"gradient_booster\":{\"name\":"
        "\"gbtree\","
        "\"model\":{\"gbtree_model_param\":{\"num_trees\":\"1\"},\"tree_info\":[0],\"trees\":[{";
    const char *tail =
        "\"tree_param\":{\"num_nodes\":\"3\"},\"left_children\":[1,-1,-1],"
        "\"right_children\":[2,-1,-1],\"parents\":[2147483647,0,0],\"split_indices\":[0,0,0],"
        "\"default_left\":[true,false,false],\"loss_changes\":[1,0,0],\"sum_hessian\":[2,1,1]}]}}}"
        "}";
    struct {
        const char *conditions, *why;
    } cases[] = { { "[0.5,1,2]", NULL },
                  { "[NaN,1,2]", "split_conditions[0]: a threshold that is not a number" },
                  { "[0.5,NaN,2]", "split_conditions[1]: the leaf's value is not a finite number" },
                  { "[0.5,1,1e39]",
                    "split_conditions[2]: the leaf's value is not a finite number" },
                  { "[Infinity,1,2]", NULL } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_str text;
        EXPECT_OK(ft_arena_printf(&text, &arena, "%s\"split_conditions\":%s,%s", head,
                                  cases[i].conditions, tail));
        ft_err err = ft_forest_read(&f, text, "t");
        EXPECT(err == (cases[i].why ? FT_EPARSE : FT_OK));
        if (cases[i].why) EXPECT_WHY(cases[i].why);
        if (!err) {
            float low = 0.25f, missing = NAN;
            EXPECT(f->trees[0].nodes[ft_tree_leaf(&f->trees[0], &low)].value == 1);
            EXPECT(f->trees[0].nodes[ft_tree_leaf(&f->trees[0], &missing)].value == 1);
        }
        ft_forest_free(f);
    }
}

/* Every prefix of a model and every flipped byte: an error or a model, never a crash. */
static void test_cut_and_flipped(void **state) {
    (void)state;
    const char *files[] = { "regression.ubj", "softmax.ubj", "logistic.json", "category.json" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ft_str text = read_testdata(files[i]);
        ft_forest *f;
        for (size_t len = 0; len < text.len; len += 7) {
            EXPECT(ft_forest_read(&f, ft_str_slice(text, 0, len), files[i]) != FT_OK);
            EXPECT(f == NULL);
        }
        char *copy = malloc(text.len);
        for (size_t at = 0; at < text.len; at += 11) {
            memcpy(copy, text.at, text.len);
            copy[at] = (char)(copy[at] ^ (1 << (at % 8)));
            ft_forest_read(&f, ft_str_n(copy, text.len), files[i]);
            ft_forest_free(f);
        }
        free(copy);
    }
}

static void test_other_files(void **state) {
    (void)state;
    struct {
        const char *bytes;
        ft_err err;
        const char *why;
    } cases[] = {
        { "", FT_EPARSE, "not an XGBoost model" },
        { "label,a,b\n1,2,3\n", FT_EPARSE, "not an XGBoost model" },
        { "binf\x01\x02\x03\x04\x05", FT_EUNSUPPORTED, "old binary format" },
        { "\x80\x04\x95", FT_EUNSUPPORTED, "pickle" },
        { "\x1f\x8b\x08", FT_EUNSUPPORTED, "gzip" },
        { "{}", FT_EPARSE, "\"learner\" is missing" },
        { "{\"learner\":3}", FT_EPARSE, "expected" },
        { "{L", FT_EPARSE, "byte 2" },
        { "{i\x7f", FT_EPARSE, "longer than the file" },
        { "{\"learner\":{}} x", FT_EPARSE, "found 'x'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_forest *f;
        EXPECT_ERR(cases[i].err, ft_forest_read(&f, ft_str_of(cases[i].bytes), "file"));
        EXPECT_WHY(cases[i].why);
    }
}

static void test_every_fault(void **state) {
    (void)state;
    const char *files[] = { "softmax.ubj", "dart.json", "linear.json", "category.json" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ft_str text = read_testdata(files[i]);
        int rounds = 0;
        EACH_FAULT {
            ft_forest *f;
            ft_err err = ft_forest_read(&f, text, files[i]);
            EXPECT(err == (f ? FT_OK : FT_ENOMEM));
            ft_forest_free(f);
            rounds++;
        }
        EXPECT(rounds > 3);
    }
}

TEST_MAIN(cmocka_unit_test(test_known_models), cmocka_unit_test(test_shape),
          cmocka_unit_test(test_damaged), cmocka_unit_test(test_leaf_and_threshold),
          cmocka_unit_test(test_cut_and_flipped), cmocka_unit_test(test_other_files),
          cmocka_unit_test(test_every_fault))
