/* shift_test.c -- the measures against SciPy and by hand; and what they must do on real data:
 * nothing on clean windows, much on altered ones. */
#include <math.h>

#include "base/check.h"
#include "base/random.h"
#include "data/table.h"
#include "monitor/shared_test.h"
#include "monitor/shift.h"

static ft_arena arena;

static const char g_oracle[] =
    "import sys\n"
    "try:\n"
    "    from scipy.stats import chi2_contingency\n"
    "except ImportError: sys.exit(77)\n"
    "for l in open(sys.argv[1]):\n"
    "    v = list(map(float, l.split()))\n"
    "    a, b, ours = v[:4], v[4:8], v[8]\n"
    "    keep = [i for i in range(4) if a[i] + b[i] > 0]\n"
    "    t = [[x[i] for i in keep] for x in (a, b)]\n"
    "    want = chi2_contingency(t, correction=False, lambda_='log-likelihood')[0]\n"
    "    assert abs(want - ours) < 1e-9 * max(1, want), (l, want)\n";

static void test_g(void **state) {
    (void)state;
    ft_buf buf = { 0 };
    ft_random r;
    char path[300];
    ft_random_seed(&r, 5);
    for (int i = 0; i < 50; i++) {
        double a[4], b[4];
        for (int k = 0; k < 4; k++)
            a[k] = (double)ft_random_below(&r, 40), b[k] = (double)ft_random_below(&r, 900);
        if (i % 3 == 0) a[1] = b[1] = 0;
        a[0]++, b[0]++, a[2]++, b[2]++;
        for (int k = 0; k < 4; k++) ft_buf_printf(&buf, "%g ", a[k]);
        for (int k = 0; k < 4; k++) ft_buf_printf(&buf, "%g ", b[k]);
        ft_buf_printf(&buf, "%.17g\n", ft_shift_g(a, b, 4));
    }
    EXPECT_OK(buf.err);
    snprintf(path, sizeof path, "%s/g", test_dir());
    EXPECT_OK(ft_file_write_atomic(path, ft_buf_str(&buf), false));
    ft_buf_fini(&buf);
    python(g_oracle, path);
}

/* ---- one feature */

static ft_statistics *column(const float *values, size_t n) {
    ft_statistics *s;
    EXPECT_OK(ft_statistics_new(&s, 1));
    s->features[0].name = FT_STR("x");
    EXPECT_OK(ft_stat_add(s, &s->features[0], values, n));
    s->items = n;
    return s;
}

static ft_shift measure(ft_statistics *baseline, ft_statistics *window) {
    ft_shift shift;
    ft_arena_reset(&arena);
    EXPECT_OK(
        ft_shift_measure(&shift, &arena, &baseline->features[0], &window->features[0], 1, true));
    return shift;
}

static void test_odd_columns(void **state) {
    (void)state;
    float same[500], zeros[500], high[500], gone[500];
    for (int i = 0; i < 500; i++) {
        same[i] = 7;
        zeros[i] = i == 250 ? 3 : 0; /* as a pixel at the rim */
        high[i] = 255;
        gone[i] = NAN;
    }
    ft_statistics *a = column(same, 500), *b = column(same, 100), *z = column(zeros, 500),
                  *y = column(zeros, 200), *h = column(high, 100), *n = column(gone, 100);
    ft_shift s = measure(a, b);
    EXPECT(s.psi == 0 && s.linf == 0);
    s = measure(a, h);
    EXPECT(s.psi > 1 && s.psi > s.noise && s.linf > 0.5);
    s = measure(z, y); /* none of the one in 500 among 200: chance */
    EXPECT(s.psi < 0.05 && s.psi < s.noise && s.linf == 0);
    s = measure(z, h);
    EXPECT(s.psi > 1 && s.psi > s.noise && s.linf > 0.5);
    ft_shift_buckets k;
    EXPECT_OK(ft_shift_count(&k, &arena, &z->features[0], &h->features[0]));
    EXPECT(k.count == 5 && k.window[3] == 100);
    EXPECT_STR("0", k.names[1]);
    EXPECT_STR("0 – 3", k.names[2]);
    EXPECT_STR("> 3", k.names[3]);
    s = measure(z, n); /* everything missing */
    EXPECT(s.psi > 1 && s.psi > s.noise);
    s = measure(n, z); /* a baseline without values compares with nothing */
    EXPECT(isnan(s.psi) && isnan(s.noise) && isnan(s.linf));
    ft_statistics *all[] = { a, b, z, y, h, n };
    for (size_t i = 0; i < FT_COUNT(all); i++) ft_statistics_free(all[i]);
}

static void test_texts(void **state) {
    (void)state;
    ft_statistics *s[2];
    ft_shift_buckets b;
    char name[16];
    for (int k = 0; k < 2; k++) {
        EXPECT_OK(ft_statistics_new(&s[k], 1));
        s[k]->features[0].is_text = true;
        for (int i = 0; i < 30; i++) {
            snprintf(name, sizeof name, "v%02d", i);
            EXPECT_OK(
                ft_stat_add_text(s[k], &s[k]->features[0], ft_str_of(name), (uint64_t)(100 - i)));
        }
    }
    EXPECT_OK(ft_stat_add_text(s[1], &s[1]->features[0], FT_STR("new"), 5));
    EXPECT_OK(ft_stat_add_text(s[1], &s[1]->features[0], (ft_str){ 0 }, 3));
    EXPECT_OK(ft_shift_count(&b, &arena, &s[0]->features[0], &s[1]->features[0]));
    EXPECT(b.count == 23 && b.baseline[0] == 100 && b.window[0] == 100);
    EXPECT_STR("v00", b.names[0]);
    EXPECT(b.baseline[20] == b.window[20] && b.baseline[20] == 755); /* the ten least */
    EXPECT(b.window[21] == 5 && b.baseline[21] == 0 && b.window[22] == 3);
    EXPECT_STR("unknown", b.names[21]);
    ft_shift shift = measure(s[0], s[1]);
    EXPECT(shift.psi < 0.05 && shift.psi < shift.noise && shift.linf == 0);
    s[0]->features[0].unlisted = true;
    EXPECT(isnan(measure(s[0], s[1]).psi));
    for (int k = 0; k < 2; k++) ft_statistics_free(s[k]);
}

/* Quantiles of a skewed feature: ten parts of about a tenth each. */
static void test_tenths(void **state) {
    (void)state;
    static float values[20000];
    ft_random r;
    ft_shift_buckets b;
    ft_random_seed(&r, 2);
    for (size_t i = 0; i < FT_COUNT(values); i++) values[i] = (float)exp(2 * ft_random_normal(&r));
    ft_statistics *s = column(values, FT_COUNT(values));
    ft_arena_reset(&arena);
    EXPECT_OK(ft_shift_count(&b, &arena, &s->features[0], &s->features[0]));
    EXPECT(b.count == 13); /* below, ten tenths, above, missing */
    EXPECT(b.baseline[0] == 0 && b.baseline[11] == 0 && b.baseline[12] == 0);
    for (size_t i = 1; i <= 10; i++) EXPECT(fabs(b.baseline[i] / 20000 - 0.1) < 0.004);
    ft_statistics_free(s);
}

/* Answers of a regression that knows its training rows too well: wider there than on new rows. */
static void test_answers_of_a_regression(void **state) {
    (void)state;
    static float known[5000], fresh[400], moved[400];
    ft_random r;
    ft_random_seed(&r, 4);
    for (size_t i = 0; i < FT_COUNT(known); i++) known[i] = (float)ft_random_normal(&r);
    for (size_t i = 0; i < FT_COUNT(fresh); i++) fresh[i] = (float)(0.5 * ft_random_normal(&r));
    for (size_t i = 0; i < FT_COUNT(moved); i++) moved[i] = fresh[i] + 0.6f;
    ft_statistics *a = column(known, FT_COUNT(known)), *b = column(fresh, FT_COUNT(fresh)),
                  *c = column(moved, FT_COUNT(moved));
    ft_shift s = measure(a, b);
    EXPECT(s.psi > 0.2 && s.psi > s.noise &&
           s.linf_raw > 0.1); /* as a feature it would be a shift */
    a->features[0].name = b->features[0].name = c->features[0].name = FT_STR("prediction");
    s = measure(a, b);
    EXPECT(s.psi < 0.05 && s.linf_raw < 0.1 && s.linf == 0);
    s = measure(a, c);
    EXPECT(s.psi > 0.5 && s.psi > s.noise && s.linf > 0.1);
    ft_statistics_free(a);
    ft_statistics_free(b);
    ft_statistics_free(c);
}

/* ---- real data */

typedef struct data {
    ft_table *train, *test;
    ft_statistics *baseline;
} data;

static ft_statistics *statistics_of(const ft_table *t, const size_t *rows, size_t n, bool invert) {
    ft_statistics *s;
    float *row = calloc(t->cols, sizeof *row);
    EXPECT(row != NULL);
    EXPECT_OK(ft_statistics_new(&s, t->cols));
    for (size_t c = 0; c < t->cols; c++) {
        s->features[c].name = t->schema->features[c].name;
        s->features[c].is_text = t->schema->features[c].is_category;
    }
    for (size_t i = 0; i < n; i++) {
        ft_table_row(t, rows ? rows[i] : i, row);
        for (size_t c = 0; c < t->cols; c++) {
            const ft_feature *f = &t->schema->features[c];
            float v = invert ? 255 - row[c] : row[c];
            if (f->is_category)
                EXPECT_OK(ft_stat_add_text(s, &s->features[c],
                                           v >= 0 ? f->categories[(size_t)v] : (ft_str){ 0 }, 1));
            else
                EXPECT_OK(ft_stat_add(s, &s->features[c], &v, 1));
        }
    }
    s->items = n;
    free(row);
    return s;
}

/* Features of a window that would raise something. */
static size_t raised(data *d, ft_statistics *w) {
    size_t count = 0;
    for (size_t i = 0; i < w->count; i++) {
        ft_shift s;
        ft_arena_reset(&arena);
        EXPECT_OK(ft_shift_measure(&s, &arena, &d->baseline->features[i], &w->features[i], w->count,
                                   true));
        bool psi = s.psi > 0.2 && s.psi > s.noise, linf = s.linf > 0.1 && s.linf_raw > s.linf_limit;
        count += psi || linf;
    }
    return count;
}

/* `n` different rows. */
static void sample(size_t *rows, size_t n, size_t of, ft_random *r) {
    size_t *all = calloc(of, sizeof *all);
    EXPECT(all != NULL);
    for (size_t i = 0; i < of; i++) all[i] = i;
    for (size_t i = 0; i < n; i++) {
        size_t k = i + (size_t)ft_random_below(r, of - i), row = all[k];
        all[k] = all[i];
        rows[i] = row;
    }
    free(all);
}

static void clean_windows(data *d, size_t n, int windows) {
    size_t *rows = calloc(n, sizeof *rows);
    ft_random r;
    EXPECT(rows != NULL);
    ft_random_seed(&r, n);
    for (int i = 0; i < windows; i++) {
        sample(rows, n, d->test->rows, &r);
        ft_statistics *w = statistics_of(d->test, rows, n, false);
        size_t count = raised(d, w);
        if (count) fail_msg("%zu features of a clean window of %zu (number %d)", count, n, i);
        ft_statistics_free(w);
    }
    free(rows);
}

static void load(data *d, const char *train, const char *test, ft_table_opts opts) {
    EXPECT_OK(ft_table_read(&d->train, ft_str_of(train), &opts));
    opts.schema = d->train->schema;
    EXPECT_OK(ft_table_read(&d->test, ft_str_of(test), &opts));
    d->baseline = statistics_of(d->train, NULL, d->train->rows, false);
}

/* Adult's official test file writes its labels with a full stop. */
static void load_adult(data *d, const char *train, const char *test) {
    ft_table_opts opts = { .label = FT_STR("last"), .header = -1 };
    ft_arena keep = FT_ARENA_INIT(0);
    ft_str text = file_text(&keep, test);
    char *out = malloc(text.len);
    size_t n = 0;
    EXPECT(out != NULL);
    for (size_t i = 0; i < text.len; i++)
        if (!(text.at[i] == '.' && i && text.at[i - 1] == 'K')) out[n++] = text.at[i];
    EXPECT_OK(ft_table_read(&d->train, ft_str_of(train), &opts));
    opts.schema = d->train->schema;
    EXPECT_OK(ft_table_read_bytes(&d->test, ft_str_n(out, n), FT_STR("adult-test.csv"), &opts));
    d->baseline = statistics_of(d->train, NULL, d->train->rows, false);
    free(out);
    ft_arena_fini(&keep);
}

static void unload(data *d) {
    ft_statistics_free(d->baseline);
    ft_table_free(d->test);
    ft_table_free(d->train);
}

#define FASHION "/usr/share/datasets/fashion-mnist/"

static void test_pictures(void **state) {
    (void)state;
    data d;
    size_t rows[400];
    ft_random r;
    if (!ft_file_exists(FASHION "train-images-idx3-ubyte.gz")) {
        print_message("# SKIP dataset-fashion-mnist is not installed\n");
        skip();
    }
    load(&d, FASHION "train-images-idx3-ubyte.gz", FASHION "t10k-images-idx3-ubyte.gz",
         (ft_table_opts){ .rows_max = 10000 });
    EXPECT(d.train->cols == 784);
    clean_windows(&d, 400, 12);
    clean_windows(&d, 60, 12);
    ft_random_seed(&r, 9);
    sample(rows, 400, d.test->rows, &r);
    ft_statistics *w = statistics_of(d.test, rows, 400, true);
    EXPECT(raised(&d, w) > 700);
    ft_statistics_free(w);
    w = statistics_of(d.test, rows, 50, true);
    EXPECT(raised(&d, w) > 500);
    ft_statistics_free(w);
    unload(&d);
}

static void test_people(void **state) {
    (void)state;
    data d;
    char train[600];
    const char *path = shared_file("tabular/adult/adult-train.csv");
    if (!path) skip();
    snprintf(train, sizeof train, "%s", path);
    load_adult(&d, train, shared_file("tabular/adult/adult-test.csv"));
    clean_windows(&d, 30, 60);
    clean_windows(&d, 400, 60);
    clean_windows(&d, 2000, 10);
    unload(&d);
}

static void test_collisions(void **state) {
    (void)state;
    data d;
    char train[600];
    const char *path = shared_file("tabular/lightgbm_examples/binary_classification/binary.train");
    if (!path) skip();
    snprintf(train, sizeof train, "%s", path);
    load(&d, train, shared_file("tabular/lightgbm_examples/binary_classification/binary.test"),
         (ft_table_opts){ 0 });
    clean_windows(&d, 30, 60);
    clean_windows(&d, 400, 60);
    unload(&d);
}

TEST_MAIN(cmocka_unit_test(test_g), cmocka_unit_test(test_odd_columns),
          cmocka_unit_test(test_texts), cmocka_unit_test(test_tenths),
          cmocka_unit_test(test_answers_of_a_regression), cmocka_unit_test(test_pictures),
          cmocka_unit_test(test_people), cmocka_unit_test(test_collisions))
