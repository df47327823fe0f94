/* statistics_test.c -- gathering against numpy, the file against Amazon's own. */
#include <math.h>

#include "base/check.h"
#include "base/random.h"
#include "monitor/constraints.h"
#include "monitor/shared_test.h"
#include "monitor/statistics.h"

#define KC  "sagemaker_artefacts/model_monitor/kc_housing/assets/"
#define SDK "sagemaker_artefacts/model_monitor/sagemaker-python-sdk/"

static ft_arena arena;

/* A number, a text, one without values, one constant. */
static ft_statistics *sample(size_t rows) {
    static const char *const colours[] = { "red", "green", "blue" };
    ft_statistics *s;
    ft_random r;
    ft_random_seed(&r, 11);
    EXPECT_OK(ft_statistics_new(&s, 4));
    static const char *const names[] = { "n", "colour", "void", "same" };
    for (int i = 0; i < 4; i++) s->features[i].name = ft_str_of(names[i]);
    s->features[1].is_text = true;
    for (size_t i = 0; i < rows; i++) {
        float v[2] = { i % 10 == 3 ? NAN : (float)ft_random_normal(&r), NAN };
        float same = 7;
        EXPECT_OK(ft_stat_add(s, &s->features[0], v, 1));
        EXPECT_OK(ft_stat_add(s, &s->features[2], v + 1, 1));
        EXPECT_OK(ft_stat_add(s, &s->features[3], &same, 1));
        EXPECT_OK(ft_stat_add_text(s, &s->features[1],
                                   i % 50 == 7 ? (ft_str){ 0 } : ft_str_of(colours[i % 3]), 1));
    }
    s->items = rows;
    return s;
}

static ft_str written(ft_statistics *s) {
    ft_buf buf = { 0 };
    ft_str text;
    EXPECT_OK(ft_statistics_write(&buf, s));
    EXPECT_OK(ft_arena_str(&text, &arena, ft_buf_str(&buf)));
    ft_buf_fini(&buf);
    return text;
}

/* NULL when there is none. */
static const ft_stat *find(const ft_statistics *s, ft_str name) {
    for (size_t i = 0; i < s->count; i++)
        if (ft_str_eq(s->features[i].name, name)) return &s->features[i];
    return NULL;
}

static void test_gathering(void **state) {
    (void)state;
    ft_statistics *s = sample(1000);
    const ft_stat *f = s->features;
    EXPECT(f[0].present == 900 && f[0].missing == 100 && f[0].bad == 0);
    EXPECT(fabs(f[0].moments.mean) < 0.15 && fabs(ft_moments_deviation(&f[0].moments) - 1) < 0.1);
    EXPECT(f[0].negative > 300 && f[0].negative < 600 && f[0].whole == 0);
    EXPECT(ft_stat_type_of(&f[0]) == FT_STAT_FRACTIONAL &&
           ft_stat_type_of(&f[1]) == FT_STAT_STRING);
    EXPECT(ft_stat_type_of(&f[2]) == FT_STAT_UNKNOWN && ft_stat_type_of(&f[3]) == FT_STAT_INTEGRAL);
    EXPECT(f[1].value_count == 3 && f[1].missing == 20 && f[1].present == 980);
    EXPECT(ft_stat_count_of(&f[1], FT_STR("red")) + ft_stat_count_of(&f[1], FT_STR("green")) +
               ft_stat_count_of(&f[1], FT_STR("blue")) ==
           980);
    EXPECT(ft_stat_count_of(&f[1], FT_STR("black")) == 0 &&
           ft_stat_count_of(&f[0], FT_STR("red")) == 0);
    EXPECT(find(s, FT_STR("void")) == &f[2] && !find(s, FT_STR("voi")));
    ft_statistics_free(s);
    ft_statistics_free(NULL);
}

static void test_many_texts(void **state) {
    (void)state;
    ft_statistics *s;
    char text[32];
    EXPECT_OK(ft_statistics_new(&s, 1));
    s->features[0].is_text = true;
    for (int i = 0; i < FT_STAT_VALUES_KEPT + 50; i++)
        for (int times = 0; times < 2; times++) {
            snprintf(text, sizeof text, "value-%d", i);
            EXPECT_OK(ft_stat_add_text(s, &s->features[0], ft_str_of(text), 1));
        }
    EXPECT(s->features[0].value_count == FT_STAT_VALUES_KEPT && s->features[0].unkept == 100);
    EXPECT(ft_stat_count_of(&s->features[0], FT_STR("value-9999")) == 2);
    s->features[0].name = FT_STR("id");
    EXPECT(!strstr(written(s).at, "distribution"));
    ft_statistics_free(s);
}

static void test_written_and_read(void **state) {
    (void)state;
    ft_statistics *s = sample(5000), *back;
    EXPECT_OK(ft_statistics_read(&back, written(s), "statistics.json"));
    EXPECT(back->items == 5000 && back->count == 4);
    for (size_t i = 0; i < 4; i++) {
        const ft_stat *a = &s->features[i], *b = &back->features[i];
        EXPECT(ft_str_eq(a->name, b->name) && a->present == b->present && a->missing == b->missing);
        EXPECT(ft_stat_type_of(a) == ft_stat_type_of(b) && a->is_text == b->is_text);
        if (!a->sketch || !a->present) continue;
        EXPECT(fabs(a->moments.mean - b->moments.mean) < 1e-12 && a->moments.min == b->moments.min);
        EXPECT(fabs(ft_moments_deviation(&a->moments) - ft_moments_deviation(&b->moments)) < 1e-9);
        EXPECT(b->sketch && ft_sketch_count(b->sketch) == a->present);
    }
    EXPECT(ft_stat_count_of(&back->features[1], FT_STR("red")) ==
           ft_stat_count_of(&s->features[1], FT_STR("red")));
    ft_statistics_free(back);
    ft_statistics_free(s);
}

/* Every path of names in ours is in one of Amazon's files, and means what numpy says. */
static const char oracle[] =
    "import json, sys\n"
    "def paths(v, at=''):\n"
    "    if isinstance(v, dict):\n"
    "        for k, x in v.items(): yield at + '/' + k; yield from paths(x, at + '/' + k)\n"
    "    elif isinstance(v, list):\n"
    "        for x in v: yield from paths(x, at + '/*')\n"
    "ours = json.load(open(sys.argv[1]))\n"
    "if len(sys.argv) > 2:\n"
    "    theirs = set()\n"
    "    for f in sys.argv[2:]: theirs |= set(paths(json.load(open(f))))\n"
    "    more = set(paths(ours)) - theirs - {'/features/*/monitoringConfigOverrides'}\n"
    "    assert not more, more\n"
    "if 'dataset' in ours:\n"
    "    f = ours['features'][0]['numerical_statistics']\n"
    "    b = f['distribution']['kll']['buckets']\n"
    "    assert len(b) == 10 and sum(x['count'] for x in b) == f['common']['num_present'] == 4500\n"
    "    assert b[0]['lower_bound'] == f['min'] and b[-1]['upper_bound'] == f['max']\n"
    "    assert abs(f['sum'] - f['mean'] * 4500) < 1e-6\n"
    "    s = f['distribution']['kll']['sketch']\n"
    "    assert s['parameters'] == {'c': 0.64, 'k': 2048.0}\n"
    "    assert sum(len(l) << h for h, l in enumerate(s['data'])) == 4500\n"
    "    assert ours['features'][1]['string_statistics']['distinct_count'] == 3\n"
    "    assert ours['features'][2] == {'name': 'void', 'inferred_type': 'Unknown',\n"
    "        'numerical_statistics': {'common': {'num_present': 0, 'num_missing': 5000}}}\n"
    "    same = ours['features'][3]['numerical_statistics']\n"
    "    assert same['std_dev'] == 0 and same['mean'] == same['min'] == same['max'] == 7\n"
    "else:\n"
    "    f = {x['name']: x for x in ours['features']}\n"
    "    assert f['n']['completeness'] == 0.89 and f['n']['num_constraints']['is_non_negative'] is "
    "False\n"
    "    assert f['colour']['string_constraints']['domains'] == ['red', 'green', 'blue']\n"
    "    assert f['same']['num_constraints']['is_non_negative'] and f['void']['completeness'] == "
    "0\n";

static void test_shape_is_theirs(void **state) {
    (void)state;
    ft_statistics *s = sample(5000);
    ft_constraints *c;
    ft_buf buf = { 0 };
    char ours[300], arguments[1200];
    const char *kc = shared_file(KC "statistics.json");
    snprintf(ours, sizeof ours, "%s/ours.json", test_dir());
    EXPECT_OK(ft_file_write_atomic(ours, written(s), false));
    snprintf(arguments, sizeof arguments, "%s %s", ours, kc ? kc : "");
    python(oracle, arguments);
    EXPECT_OK(ft_constraints_suggest(&c, s));
    EXPECT_OK(ft_constraints_write(&buf, c));
    EXPECT_OK(ft_file_write_atomic(ours, ft_buf_str(&buf), false));
    kc = shared_file(KC "constraints.json");
    snprintf(arguments, sizeof arguments, "%s %s", ours, kc ? kc : "");
    python(oracle, arguments);
    ft_buf_fini(&buf);
    ft_constraints_free(c);
    ft_statistics_free(s);
}

static void test_real_statistics(void **state) {
    (void)state;
    ft_statistics *s;
    const char *path = shared_file(KC "statistics.json");
    if (!path) skip();
    EXPECT_OK(ft_statistics_read(&s, file_text(&arena, path), path));
    EXPECT(s->items == 23432 && s->count == 14);
    const ft_stat *price = find(s, FT_STR("price")), *state_ = find(s, FT_STR("state"));
    EXPECT(price && price->present == 23432 && ft_sketch_count(price->sketch) > 23000);
    EXPECT(price->moments.max == 3.8e7 && fabs(price->moments.mean - 614658.9799806821) < 1e-6);
    EXPECT(state_ && state_->is_text && state_->value_count == 54 && !state_->unlisted);
    EXPECT(find(s, FT_STR("city"))->unlisted);
    EXPECT(find(s, FT_STR("city"))->distinct == 2477);
    ft_statistics_free(s);
    path = shared_file(SDK "monitor/statistics.json");
    EXPECT_OK(ft_statistics_read(&s, file_text(&arena, path), path));
    EXPECT(s->items == 418 && s->count == 1 && s->features[0].value_count == 1);
    ft_statistics_free(s);
    path = shared_file(SDK "pipeline/quality_check_step/data_quality/statistics.json");
    EXPECT_OK(ft_statistics_read(&s, file_text(&arena, path), path));
    EXPECT(s->items == 100 && s->count == 6 && ft_sketch_count(s->features[0].sketch) == 100);
    ft_statistics_free(s);
}

/* Counts of a file that another wrote cost what a small file's do, and keep their shares. */
static void test_huge_buckets(void **state) {
    static const char json[] =
        "{\"features\":[{\"name\":\"a\",\"inferred_type\":\"Fractional\","
        "\"numerical_statistics\":{\"common\":{\"num_present\":4000000001},\"distribution\":{"
        "\"kll\":{\"buckets\":[{\"lower_bound\":0,\"upper_bound\":2,\"count\":3e9},"
        "{\"lower_bound\":2,\"upper_bound\":4,\"count\":1e9},"
        "{\"lower_bound\":4,\"upper_bound\":6,\"count\":1},"
        "{\"lower_bound\":6,\"upper_bound\":8,\"count\":-5}]}}}}]}";
    ft_statistics *s;
    double rank;
    (void)state;
    EXPECT_OK(ft_statistics_read(&s, ft_str_of(json), "huge.json"));
    ft_sketch *sketch = s->features[0].sketch;
    double count = (double)ft_sketch_count(sketch);
    EXPECT(count > 99000 && count < 101000 && s->features[0].present == 4000000001);
    EXPECT_OK(ft_sketch_rank(&rank, sketch, 1));
    EXPECT(fabs(rank / count - 0.75) < 1e-3);
    EXPECT_OK(ft_sketch_rank_below(&rank, sketch, 5)); /* one of 4e9 is still there */
    EXPECT(rank < count);
    ft_statistics_free(s);
}

static void test_real_constraints(void **state) {
    (void)state;
    ft_constraints *c;
    const char *path = shared_file(KC "constraints.json");
    if (!path) skip();
    EXPECT_OK(ft_constraints_read(&c, file_text(&arena, path), path));
    EXPECT(c->count == 14 && c->enabled && c->compare && c->robust && c->threshold == 0.1);
    const ft_constraint *state_ = ft_constraints_find(c, FT_STR("state"), 0);
    EXPECT(state_ && state_->domain_count == 54 && state_->type == FT_STAT_STRING);
    EXPECT(ft_constraints_find(c, FT_STR("price"), 3)->non_negative);
    EXPECT(!ft_constraints_find(c, FT_STR("nothing"), 3));
    ft_constraints_free(c);
    path = shared_file(SDK "monitor/constraints.json");
    EXPECT_OK(ft_constraints_read(&c, file_text(&arena, path), path));
    EXPECT(c->count == 2 && c->compare && c->threshold == 1 && c->features[0].domain_count == 1);
    ft_constraints_free(c);
    path = shared_file(SDK "pipeline/quality_check_step/data_quality/bad_cases/constraints.json");
    EXPECT_OK(ft_constraints_read(&c, file_text(&arena, path), path));
    EXPECT(c->count == 6 && c->features[5].type == FT_STAT_STRING);
    ft_constraints_free(c);
}

static void test_constraints_written_and_read(void **state) {
    (void)state;
    ft_statistics *s = sample(5000);
    ft_constraints *c, *back;
    ft_buf buf = { 0 };
    EXPECT_OK(ft_stat_add_text(s, &s->features[1], FT_STR("once"), 1));
    EXPECT_OK(ft_constraints_suggest(&c, s));
    EXPECT(isnan(c->features[0].domain_threshold));
    EXPECT(fabs(c->features[1].domain_threshold - (1 - 4 / 4901.0)) <
           1e-12); /* one seen once, and three */
    EXPECT_OK(ft_constraints_write(&buf, c));
    EXPECT_OK(ft_constraints_read(&back, ft_buf_str(&buf), "constraints.json"));
    EXPECT(back->count == 4 && back->robust && back->compare && back->datatype_threshold == 1);
    EXPECT(back->features[1].domain_threshold == c->features[1].domain_threshold);
    EXPECT(back->features[1].domain_count == 4 && back->features[0].completeness == 0.89);
    ft_buf_fini(&buf);
    ft_constraints_free(back);
    ft_constraints_free(c);
    ft_constraints_free(NULL);
    ft_statistics_free(s);
}

static void test_bad_files(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"features\":{}}",
        "{\"features\":[{}]}",
        "{\"features\":[{\"name\":1}]}",
        "{\"features\":[{\"name\":\"x\",\"numerical_statistics\":{\"mean\":\"much\"}}]}",
        "{\"dataset\":{\"item_count\":-1}}",
        "{\"features\":[{\"name\":\"x\",\"numerical_statistics\":{\"distribution\":{\"kll\":{"
        "\"sketch\":5}}}}]}",
        "{} {}",
    };
    static const char *const wrong[] = {
        "",
        "{\"features\":[{\"name\":\"x\",\"completeness\":2}]}",
        "{\"monitoring_config\":{\"evaluate_constraints\":\"perhaps\"}}",
        "{\"features\":[{\"string_constraints\":{\"domains\":[1]}}]}",
    };
    ft_statistics *s;
    ft_constraints *c;
    for (size_t i = 0; i < FT_COUNT(bad); i++)
        EXPECT_ERR(FT_EPARSE, ft_statistics_read(&s, ft_str_of(bad[i]), "statistics.json"));
    for (size_t i = 0; i < FT_COUNT(wrong); i++)
        EXPECT_ERR(FT_EPARSE, ft_constraints_read(&c, ft_str_of(wrong[i]), "constraints.json"));
    EXPECT_WHY("constraints.json");
}

static void test_faults(void **state) {
    (void)state;
    ft_statistics *whole = sample(300);
    ft_str text = written(whole);
    size_t rounds = 0;
    EACH_FAULT {
        ft_statistics *s = NULL;
        ft_constraints *c = NULL;
        ft_err err = ft_statistics_read(&s, text, "statistics.json");
        if (err == FT_OK) err = ft_constraints_suggest(&c, s);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_constraints_free(c);
        ft_statistics_free(s);
        rounds++;
    }
    EXPECT(rounds > 8);
    ft_statistics_free(whole);
}

TEST_MAIN(cmocka_unit_test(test_gathering), cmocka_unit_test(test_many_texts),
          cmocka_unit_test(test_written_and_read), cmocka_unit_test(test_shape_is_theirs),
          cmocka_unit_test(test_real_statistics), cmocka_unit_test(test_huge_buckets),
          cmocka_unit_test(test_real_constraints),
          cmocka_unit_test(test_constraints_written_and_read), cmocka_unit_test(test_bad_files),
          cmocka_unit_test(test_faults))
