/* The same files read by pandas and by XGBoost: same numbers, missing values, kinds, texts. */
#include "data/table_test.h"

#define PYTHON "/usr/bin/python3"

/* Checks every line of the file "jobs": kind, number of the dump, path, the reader's options as a
 * Python expression. One process, because importing takes longer than all the rest. */
static const char script[] =
    "import json, warnings\n"
    "import numpy as np\n"
    "warnings.filterwarnings('ignore')\n"
    "def svm(path, ours, s, cols):\n"
    "    import xgboost\n"
    "    d = xgboost.DMatrix(path, silent=True)\n"
    "    m = d.get_data()\n"
    "    assert (d.num_row(), d.num_col()) == (len(ours), cols), (d.num_row(), d.num_col())\n"
    "    assert (d.get_label() == ours[:, 0]).all()\n"
    "    dense = np.full((d.num_row(), cols), np.nan, dtype=np.float32)\n"
    "    rows = np.repeat(np.arange(d.num_row()), np.diff(m.indptr))\n"
    "    dense[rows, m.indices] = m.data\n"
    "    assert np.array_equal(dense, ours[:, 1:], equal_nan=True)\n"
    "def texts(c, v, f):\n"
    "    here = c.dropna().astype(str).str.strip()\n"
    "    assert list(dict.fromkeys(here)) == f['categories'], f['name']\n"
    "    assert [f['categories'][int(k)] for k in v[~np.isnan(v)]] == list(here)\n"
    "def numbers(c, v, f):\n"
    "    want = c.to_numpy(dtype=np.float64).astype(np.float32)\n"
    "    near = np.spacing(np.abs(want))\n" /* pandas rounds twice */
    "    assert np.all((v == want) | (np.isnan(want) & np.isnan(v)) | (np.abs(v - want) <= near)), "
    "f\n"
    "    assert np.mean(v == want) + np.mean(np.isnan(v)) > 0.999999\n"
    "    whole = c.dropna()\n"
    "    assert f.get('integer', False) == bool((whole == np.floor(whole)).all()), f\n"
    "def csv(path, ours, s, cols, options):\n"
    "    import pandas\n"
    "    p = pandas.read_csv(path, float_precision='round_trip', low_memory=False, **options)\n"
    "    assert p.shape == (len(ours), cols), (p.shape, ours.shape)\n"
    "    for i, f in enumerate(s['features']):\n"
    "        c, v = p.iloc[:, i], ours[:, 1 + i]\n"
    "        assert f.get('name', 'f%d' % i) == (p.columns[i] if s['named'] else 'f%d' % i), f\n"
    "        assert (c.isna() == np.isnan(v)).all(), (f, 'missing')\n"
    "        text = c.dtype == object or c.dtype == bool\n"
    "        assert text == ('categories' in f), (f, c.dtype)\n"
    "        (texts if text else numbers)(c, v, f)\n"
    "for line in open('jobs'):\n"
    "    kind, number, path, options = line.rstrip('\\n').split('\\x1f')\n"
    "    try:\n"
    "        s = json.load(open('schema' + number))\n"
    "        cols = len(s['features'])\n"
    "        ours = np.fromfile('dump' + number, dtype=np.float32).reshape(-1, cols + 1)\n"
    "        if kind == 'svm': svm(path, ours, s, cols)\n"
    "        else: csv(path, ours, s, cols, eval('dict(' + options + ')'))\n"
    "    except BaseException as e:\n"
    "        raise SystemExit(path + ': ' + repr(e))\n";

static bool python_has(const char *module) {
    char line[256];
    snprintf(line, sizeof line, PYTHON " -c 'import %s' >/dev/null 2>&1", module);
    return system(line) == 0;
}

static ft_buf jobs;
static int dumps;

/* Rows as floats, the label first, and the schema. */
static void dump(const ft_table *t) {
    char name[32], path[512];
    ft_buf json = { 0 };
    float *row = malloc((t->cols + 1) * sizeof *row);
    snprintf(path, sizeof path, "%s/dump%d", test_dir(), dumps);
    FILE *f = fopen(path, "wb");
    EXPECT(f && row);
    for (size_t i = 0; i < t->rows; i++) {
        row[0] = t->labels ? t->labels[i] : NAN;
        ft_table_row(t, i, row + 1);
        EXPECT(fwrite(row, sizeof *row, t->cols + 1, f) == t->cols + 1);
    }
    EXPECT(fclose(f) == 0);
    EXPECT_OK(ft_schema_write(&json, t->schema));
    snprintf(name, sizeof name, "schema%d", dumps);
    test_file(name, json.at, json.len);
    ft_buf_fini(&json);
    free(row);
}

static void compare(const char *kind, ft_str path, const ft_table_opts *opts, const char *options) {
    ft_table *t;
    EXPECT_OK(
        ft_buf_printf(&jobs, "%s\x1f%d\x1f%.*s\x1f%s\n", kind, dumps, FT_STR_ARG(path), options));
    EXPECT_OK(ft_table_read(&t, path, opts));
    dump(t);
    ft_table_free(t);
    dumps++;
}

static void compare_text(const char *kind, const char *text, const ft_table_opts *opts,
                         const char *options) {
    char name[32];
    snprintf(name, sizeof name, "text%d", dumps);
    compare(kind, test_text(name, text), opts, options);
}

static void run(void) {
    char line[600];
    test_file("jobs", jobs.at, jobs.len);
    test_text("script.py", script);
    ft_buf_fini(&jobs);
    jobs = (ft_buf){ 0 };
    snprintf(line, sizeof line, "cd '%s' && " PYTHON " script.py 1>&2", test_dir());
    if (system(line) != 0) fail_msg("another reader reads something else");
}

/* A file of the shared data by its absolute path (the script runs elsewhere). */
static ft_str shared(const char *name) {
    static char full[4096];
    const char *path = test_shared(name);
    if (!path || !realpath(path, full)) return (ft_str){ 0 };
    return ft_str_of(full);
}

static void test_pandas_on_odd_files(void **state) {
    static const struct {
        const char *text, *options;
    } files[] = {
        { "a,b,c\n1,x,2.5\n,y,\n3,,1e-3\n", "" },
        { "1;1,5;a\n2;2,25;b\n", "header=None,sep=';',decimal=','" },
        { "a\tb\n\"1\"\t\"x\ty\"\n2\t\"q \"\"r\"\"\"\n", "sep='\\t'" },
        { "a b  c\n1 2   3\n4 5 6\n", "sep=r'\\s+'" },
        { "x,x,y\r\n1,2,3\r\n4,5,NA\r\n", "" },
        { "i,b\n1,True\n2,False\n3,True\n", "" },
        { "n,t\n0.1,a\n0.30000000000000004,b\n1.7976931348623157,N/A\n-0.0,null\n", "" },
        { "v,w\n16777217,9007199254740993\n33554433,123456789012345678\n", "" },
    };
    ft_table_opts none = { .label = FT_STR("none") };
    (void)state;
    if (!python_has("pandas")) SKIP("python3-pandas is not installed");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        compare_text("pandas", files[i].text, &none, files[i].options);
    run();
}

static void test_pandas_on_data(void **state) {
    static const struct {
        const char *path, *options;
    } files[] = {
        { "tabular/adult/adult-train.csv", "header=None,skipinitialspace=True,na_values=['?']" },
        { "tabular/adult/adult-test.csv", "header=None,skipinitialspace=True,na_values=['?']" },
        { "tabular/pmlb/574_house_16H.tsv.gz", "sep='\\t'" },
        { "tabular/pmlb/letter.tsv.gz", "sep='\\t'" },
        { "tabular/pmlb/spambase.tsv.gz", "sep='\\t'" },
        { "tabular/lightgbm_examples/binary_classification/binary.test", "sep='\\t',header=None" },
        { "f1/transformed_grand_prix_laps_2018.csv.gz", "" },
        { "f1/transformed_grand_prix_laps_2023.csv.gz", "" },
        { "ner/comprehend_tweets/comprehend/output-x112.csv", "" },
    };
    ft_table_opts none = { .label = FT_STR("none") };
    (void)state;
    if (!python_has("pandas")) SKIP("python3-pandas is not installed");
    if (!test_shared("tabular")) SKIP("no shared data here");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        compare("pandas", shared(files[i].path), &none, files[i].options);
    run();
}

static void test_xgboost(void **state) {
    (void)state;
    if (!python_has("xgboost")) SKIP("python3-xgboost is not installed");
    compare_text("svm", "1 1:0.5 3:2\n0 2:1 5:3 # more\n1 0:1e-3\n", NULL, "");
    compare_text("svm", "3 0:0.5 3:2\n-1.5 9:1 2:3\n", NULL, "");
    compare_text("svm", "1 qid:1 1:0.5\n0 qid:1 2:1\n2 qid:2 1:1\n", NULL, "");
    if (test_shared("tabular")) {
        compare("svm", shared("tabular/lightgbm_examples/lambdarank/rank.train"), NULL, "");
        compare("svm", shared("tabular/lightgbm_examples/lambdarank/rank.test"), NULL, "");
    }
    run();
}

/* MNIST and Fashion-MNIST: counts and sums that NumPy gave once for the published files. */
static void test_pictures(void **state) {
    const char *path = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";
    ft_table *t;
    double sum = 0;
    size_t counts[10] = { 0 };
    (void)state;
    if (access(path, R_OK) != 0) SKIP("dataset-fashion-mnist is not installed");
    EXPECT_OK(ft_table_read(&t, ft_str_of(path), NULL));
    EXPECT(t->rows == 60000 && t->cols == 784);
    for (size_t i = 0; i < t->rows * t->cols; i++) sum += (double)t->dense[i];
    for (size_t i = 0; i < t->rows; i++) counts[(int)t->labels[i]]++;
    EXPECT(fabs(sum / 60000 / 784 - 72.9404) < 0.0001); /* mean of the training pictures, 0.2860 */
    for (size_t i = 0; i < 10; i++) EXPECT(counts[i] == 6000);
    ft_table_free(t);
}

TEST_MAIN(cmocka_unit_test(test_pandas_on_odd_files), cmocka_unit_test(test_pandas_on_data),
          cmocka_unit_test(test_xgboost), cmocka_unit_test(test_pictures))
