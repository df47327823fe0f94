/* train_test.c -- training gives python3-xgboost's losses on the same rows, shows what the debugger
 * reads, stops and resumes, and refuses data that it cannot learn from. */
#include <math.h>
#include <unistd.h>

#include "base/json.h"
#include "trees/engine.h"
#include "trees/rig_test.h"

static bool engine_here(void) {
    const ft_xgb *x;
    return ft_xgb_load(&x) == FT_OK;
}

/* ---- the oracle: the same rows by Python, every metric of every round */

static const char oracle[] =
    "import sys, json, numpy as np, xgboost as xgb\n"
    "def matrix(number, name, cols):\n"
    "    at = f'{number}-{name}'\n"
    "    x = np.fromfile(at + '.x', 'f4').reshape(-1, cols); y = np.fromfile(at + '.y', 'f4')\n"
    "    d = xgb.DMatrix(x, y, nthread=1)\n"
    "    try: d.set_group(np.fromfile(at + '.g', 'u4'))\n"
    "    except FileNotFoundError: pass\n"
    "    return d\n"
    "def run(number):\n"
    "    spec = json.load(open(f'{number}-spec.json'))\n"
    "    params = spec['params']; metrics = params.pop('eval_metric', None)\n"
    "    rounds = int(params.pop('num_round')); stop = params.pop('early_stopping_rounds', None)\n"
    "    if metrics: params['eval_metric'] = metrics.split(',')\n"
    "    evals = [(matrix(number, n, spec['cols']), n) for n in spec['sets']]\n"
    "    result = {}\n"
    "    b = xgb.train(dict(params, verbosity=0), evals[0][0], rounds, evals=evals, "
    "evals_result=result,\n"
    "                  early_stopping_rounds=int(stop) if stop else None, verbose_eval=False)\n"
    "    out = open(f'{number}-metrics.txt', 'w')\n"
    "    for name, per in result.items():\n"
    "        for metric, values in per.items():\n"
    "            for i, v in enumerate(values): out.write(f'{i} {name}-{metric} {v!r}\\n')\n"
    "    out.write(f'best {b.best_iteration} x\\n')\n"
    "for number in range(int(sys.argv[1])): run(number)\n";

static void write_file(const char *name, const void *at, size_t bytes) {
    EXPECT_OK(ft_file_write_atomic(in_test_dir(name), ft_str_n(at, bytes), false));
}

static void export_set(size_t number, const char *name, const char *path, const ft_table_opts *opts,
                       ft_table **out) {
    char file[64];
    EXPECT_OK(ft_table_read(out, ft_str_of(path), opts));
    const ft_table *t = *out;
    float *rows = calloc(t->rows * t->cols, sizeof *rows);
    for (size_t r = 0; r < t->rows; r++) ft_table_row(t, r, rows + r * t->cols);
    snprintf(file, sizeof file, "%zu-%s.x", number, name);
    write_file(file, rows, t->rows * t->cols * sizeof *rows);
    snprintf(file, sizeof file, "%zu-%s.y", number, name);
    write_file(file, t->labels, t->rows * sizeof *t->labels);
    snprintf(file, sizeof file, "%zu-%s.g", number, name);
    unlink(in_test_dir(file));
    if (t->groups) write_file(file, t->groups, t->group_count * sizeof *t->groups);
    free(rows);
}

/* {"cols":…, "sets":[…], "params":{…}} for the script. */
static void write_spec(size_t number, const char *settings, size_t cols, bool validation) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "cols");
    ft_json_out_i64(&w, (int64_t)cols);
    ft_json_out_name(&w, "sets");
    ft_json_out_array(&w);
    ft_json_out_text(&w, "train");
    if (validation) ft_json_out_text(&w, "validation");
    ft_json_out_close(&w);
    ft_json_out_name(&w, "params");
    ft_json_out_object(&w);
    ft_str rest = ft_str_of(settings);
    while (rest.at && rest.len) {
        ft_str value = ft_str_cut(&rest, ' '), name = ft_str_cut(&value, '=');
        ft_json_out_name_str(&w, name);
        ft_json_out_str(&w, value);
    }
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    char file[64];
    snprintf(file, sizeof file, "%zu-spec.json", number);
    write_file(file, buf.at, buf.len);
    ft_buf_fini(&buf);
}

/* Every line of the oracle has its scalar here, and there are no more. */
static void compare_metrics(rig *r, size_t number) {
    char file[64];
    ft_str text, best = { 0 };
    size_t lines = 0;
    snprintf(file, sizeof file, "%zu-metrics.txt", number);
    EXPECT_OK(ft_file_read(&text, &r->arena, in_test_dir(file), 1 << 24));
    while (text.at && text.len) {
        ft_str value = ft_str_cut(&text, '\n'), step = ft_str_cut(&value, ' ');
        ft_str name = ft_str_cut(&value, ' '), copy;
        int64_t at;
        double want;
        if (ft_str_is(step, "best")) {
            best = name;
            continue;
        }
        EXPECT(ft_str_i64(&at, step) && ft_str_f64(&want, value));
        EXPECT_OK(ft_arena_str(&copy, &r->arena, name));
        const rig_seen *s = rig_find(r, copy.at, at);
        if (!s || fabs(s->value - want) > 1e-6)
            print_error("%s at %lld: %.9g, XGBoost %.9g\n", copy.at, (long long)at,
                        s ? s->value : NAN, want);
        EXPECT(s && fabs(s->value - want) <= 1e-6);
        lines++;
    }
    size_t scalars = 0;
    for (size_t i = 0; i < r->seen_count; i++)
        scalars +=
            !strncmp(r->seen[i].name, "train-", 6) || !strncmp(r->seen[i].name, "validation-", 11);
    EXPECT(lines > 0 && lines == scalars);
    ft_str raw;
    if (strstr(r->settings, "early_stopping")) {
        EXPECT_OK(
            ft_json_find(&raw, rig_left(r, "model.json"), "learner.attributes.best_iteration"));
        EXPECT(ft_str_eq(ft_str_slice(raw, 1, raw.len - 2), best));
    }
}

typedef struct dataset {
    const char *train, *validation, *settings;
    const char *label, *format;
} dataset;

#define LGB "tabular/lightgbm_examples/"

static const dataset datasets[] = {
    { LGB "binary_classification/binary.train", LGB "binary_classification/binary.test",
      "nthread=1 num_round=8 objective=binary:logistic tree_method=hist eta=0.2 "
      "eval_metric=auc,error@0.7,logloss",
      "", "csv" },
    { LGB "binary_classification/binary.train", LGB "binary_classification/binary.test",
      "nthread=1 num_round=200 objective=binary:logistic tree_method=hist max_depth=8 "
      "early_stopping_rounds=5 "
      "eval_metric=auc",
      "", "csv" },
    { "tabular/adult/adult-train.csv", NULL,
      "nthread=1 num_round=5 objective=binary:logistic max_depth=5 subsample=0.8 "
      "colsample_bytree=0.7 "
      "seed=3 "
      "tree_method=hist",
      "last", "csv" },
    { LGB "regression/regression.train", LGB "regression/regression.test",
      "nthread=1 num_round=6 objective=reg:squarederror tree_method=approx max_bin=64 "
      "eval_metric=rmse,mae",
      "", "csv" },
    { LGB "multiclass_classification/multiclass.train",
      LGB "multiclass_classification/multiclass.test",
      "nthread=1 num_round=5 objective=multi:softprob num_class=5 tree_method=hist "
      "eval_metric=merror,mlogloss",
      "", "csv" },
    { LGB "lambdarank/rank.train", LGB "lambdarank/rank.test",
      "nthread=1 num_round=5 objective=rank:pairwise tree_method=hist eval_metric=ndcg@5,map", "",
      "libsvm" },
    { "tabular/pmlb/574_house_16H.tsv.gz", NULL,
      "nthread=1 num_round=5 objective=reg:squarederror booster=dart rate_drop=0.3 "
      "tree_method=hist",
      "last", "csv" },
};

static rig rig_of(const dataset *d) {
    static char paths[2][1024];
    rig r = RIG(.settings = d->settings);
    snprintf(paths[0], sizeof paths[0], "%s", test_shared(d->train));
    r.train = paths[0];
    if (d->validation) {
        snprintf(paths[1], sizeof paths[1], "%s", test_shared(d->validation));
        r.validation = paths[1];
    }
    r.opts.label = ft_str_of(d->label);
    r.opts.format = ft_str_of(d->format);
    return r;
}

/* The rows as our reader gives them, so that only the training is compared. */
static void export_dataset(size_t number) {
    rig r = rig_of(&datasets[number]);
    ft_table *train, *validation = NULL;
    export_set(number, "train", r.train, &r.opts, &train);
    ft_table_opts opts = r.opts;
    opts.schema = train->schema;
    if (r.validation) export_set(number, "validation", r.validation, &opts, &validation);
    write_spec(number, r.settings, train->cols, validation != NULL);
    ft_table_free(train);
    ft_table_free(validation);
}

static void test_losses_equal_xgboost(void **state) {
    (void)state;
    char count[16];
    if (!oracle_here()) SKIP("python3-xgboost is not installed");
    if (!test_shared(datasets[0].train)) SKIP("the shared test data is not here");
    for (size_t i = 0; i < FT_COUNT(datasets); i++) export_dataset(i);
    snprintf(count, sizeof count, "%zu", FT_COUNT(datasets));
    EXPECT(oracle_run(oracle, count));
    for (size_t i = 0; i < FT_COUNT(datasets); i++) {
        rig r = rig_of(&datasets[i]);
        EXPECT_OK(rig_run(&r));
        EXPECT(r.inputs == (r.validation ? 2 : 1) && r.steps == r.progress_calls);
        compare_metrics(&r, i);
        rig_fini(&r);
    }
}

/* ---- what the tap is shown */

static void test_tensors(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    rig r = RIG(.train = rig_csv("t.csv", "multi", 1), .validation = rig_csv("v.csv", "multi", 2));
    r.settings = "num_round=3 objective=multi:softprob num_class=3 max_depth=3 eta=0.25";
    r.wants = ""; /* everything */
    EXPECT_OK(rig_run(&r));
    for (int64_t step = 0; step < 3; step++) {
        static const char *const kinds[] = { "weight", "gain", "cover", "total_gain",
                                             "total_cover" };
        const rig_seen *p = rig_find(&r, "predictions", step), *l = rig_find(&r, "labels", step);
        EXPECT(p && p->ndim == 2 && p->shape[0] == 300 && p->shape[1] == 3);
        EXPECT(fabs(p->sum - 300) < 1e-3); /* probabilities */
        EXPECT(l && l->ndim == 1 && l->shape[0] == 300);
        for (size_t k = 0; k < FT_COUNT(kinds); k++) {
            double sum = 0;
            char head[64];
            snprintf(head, sizeof head, "feature_importance/%s/f", kinds[k]);
            for (size_t i = 0; i < r.seen_count; i++)
                if (r.seen[i].step == step && !strncmp(r.seen[i].name, head, strlen(head)))
                    sum += r.seen[i].value;
            EXPECT(fabs(sum - 1) < 1e-6);
        }
        EXPECT(rig_find(&r, "average_shap/f4", step) && rig_find(&r, "average_shap/bias", step));
        EXPECT(!rig_find(&r, "average_shap/f5", step));
        const rig_seen *node = rig_find(&r, "trees/Node", step);
        const rig_seen *cover = rig_find(&r, "trees/Cover", step);
        EXPECT(node && cover && node->count == cover->count && node->count > 9);
    }
    EXPECT(rig_find(&r, "hyperparameters/eta", 0)->value == 0.25);
    EXPECT(rig_find(&r, "hyperparameters/max_depth", 0)->value == 3);
    EXPECT(rig_find(&r, "hyperparameters/objective", 0)->count == 0); /* a text: an event */
    EXPECT(!rig_find(&r, "hyperparameters/eta", 1) && !rig_find(&r, "hyperparameters/silent", 0));
    ft_str schema = rig_left(&r, "schema.json");
    EXPECT(schema.len > 2 && schema.at[0] == '{');
    r.wants = "feature_importance/gain";
    EXPECT_OK(rig_run(&r));
    EXPECT(!rig_find(&r, "predictions", 0) && !rig_find(&r, "trees/Node", 0));
    EXPECT(rig_find(&r, "feature_importance/gain/f0", 2));
    EXPECT(!rig_find(&r, "feature_importance/cover/f0", 2));
    EXPECT(rig_find(&r, "validation-mlogloss", 2));
    rig_fini(&r);
}

/* The mean contributions and the bias sum to the mean margin. */
static void test_average_shap(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    rig r = RIG(.train = rig_csv("s.csv", "number", 1), .wants = "");
    r.settings = "num_round=4 max_depth=3";
    EXPECT_OK(rig_run(&r));
    double sum = 0;
    for (size_t i = 0; i < r.seen_count; i++)
        if (r.seen[i].step == 3 && !strncmp(r.seen[i].name, "average_shap/", 13))
            sum += r.seen[i].value;
    EXPECT(fabs(sum - rig_find(&r, "predictions", 3)->sum / 300) < 1e-5);
    rig_fini(&r);
}

/* ---- eta 0 stays where it is, with the numbers of the debugger post */

static void test_eta_zero(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    const char *path = in_test_dir("zeros.csv");
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 2000; i++) fprintf(f, "0,%d,%d\n", i % 7, i % 11);
    EXPECT(f && fclose(f) == 0);
    rig r = RIG(.train = path, .settings = "num_round=5 eta=0");
    EXPECT_OK(rig_run(&r));
    for (int i = 0; i < 5; i++) EXPECT(rig_find(&r, "train-rmse", i)->value == 0.5);
    r.settings = "num_round=4 eta=0.2";
    static const double want[] = { 0.400073, 0.320116, 0.256138, 0.204945 };
    EXPECT_OK(rig_run(&r));
    for (int i = 0; i < 4; i++) EXPECT(fabs(rig_find(&r, "train-rmse", i)->value - want[i]) < 5e-4);
    rig_fini(&r);
}

/* ---- stopping, checkpoints */

static void fresh_dir(const char *path) {
    EXPECT_OK(ft_dir_remove(path));
    EXPECT_OK(ft_dir_make(path));
}

static ft_str booster_of(rig *r) {
    ft_str raw = { 0 };
    EXPECT_OK(ft_json_find(&raw, rig_left(r, "model.json"), "learner.gradient_booster"));
    return raw;
}

static void test_resume(void **state) {
    (void)state;
    static const char *const settings[] = {
        "num_round=14 objective=binary:logistic tree_method=hist",
        "num_round=14 objective=binary:logistic tree_method=exact max_depth=9",
        "num_round=14 objective=multi:softmax num_class=3 tree_method=approx",
        "num_round=14 booster=gblinear updater=coord_descent",
        "num_round=14 objective=binary:logistic early_stopping_rounds=30",
    };
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    const char *dir = in_test_dir("checkpoint");
    for (size_t i = 0; i < FT_COUNT(settings); i++) {
        const char *kind = strstr(settings[i], "multi") ? "multi" : "binary";
        rig whole = RIG(.settings = settings[i], .train = rig_csv("r.csv", kind, 1));
        whole.validation = rig_csv("rv.csv", kind, 2);
        rig part = whole;
        EXPECT_OK(rig_run(&whole));
        fresh_dir(dir);
        part.checkpoint_dir = dir;
        part.stop_at = 4;
        EXPECT_ERR(FT_ECANCELED, rig_run(&part));
        EXPECT(part.steps == 5);
        part.stop_at = -1;
        EXPECT_OK(rig_run(&part));
        EXPECT(part.steps == 9 && rig_find(&part, "train-logloss", 3) == NULL);
        ft_str a = booster_of(&whole), b = booster_of(&part);
        EXPECT(ft_str_eq(a, b)); /* the model of an uninterrupted run, byte for byte */
        ft_str text = rig_left(&part, "model.json");
        EXPECT(memmem(text.at, text.len, "fettle_", 7) == NULL);
        rig_fini(&whole);
        rig_fini(&part);
    }
}

static void test_killed(void **state) { /* a checkpoint is there without any farewell */
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    const char *dir = in_test_dir("killed");
    rig r = RIG(.settings = "num_round=35", .train = rig_csv("k.csv", "number", 1));
    fresh_dir(dir);
    r.checkpoint_dir = dir;
    EXPECT_OK(rig_run(&r)); /* leaves checkpoints on its way */
    EXPECT_OK(rig_run(&r));
    EXPECT(r.steps >= 5 && r.steps <= 25 && rig_find(&r, "train-rmse", 34));
    rig_fini(&r);
}

static void test_other_checkpoint(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    const char *dir = in_test_dir("others");
    char file[512];
    rig r = RIG(.settings = "num_round=30", .train = rig_csv("o.csv", "number", 1));
    fresh_dir(dir);
    r.checkpoint_dir = dir;
    r.stop_at = 1;
    EXPECT_ERR(FT_ECANCELED, rig_run(&r));
    r.settings = "num_round=30 eta=0.1";
    EXPECT_ERR(FT_ECONFLICT, rig_run(&r));
    EXPECT_WHY("of other data or parameters");
    r.settings = "num_round=31 nthread=1"; /* no other model: goes on */
    r.stop_at = -1;
    EXPECT_OK(rig_run(&r));
    snprintf(file, sizeof file, "%s/xgboost.ubj", dir);
    EXPECT_OK(ft_file_write_atomic(file, FT_STR("{i\x04not a model"), false));
    EXPECT_ERR(FT_EINVAL, rig_run(&r));
    EXPECT_WHY("this checkpoint cannot be read");
    rig_fini(&r);
}

static void test_cancel(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    rig r = RIG(.settings = "num_round=10000 eta=0", .train = rig_csv("c.csv", "number", 1));
    r.cancel_at = 10;
    EXPECT_ERR(FT_ECANCELED, rig_run(&r));
    EXPECT(r.steps == 11 && r.at == 10);
    EXPECT(rig_left(&r, "model.json").len == 0);
    rig_fini(&r);
}

/* ---- going on from a model */

static void test_model_channel(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    rig a = RIG(.settings = "num_round=4", .train = rig_csv("m.csv", "number", 1));
    EXPECT_OK(rig_run(&a));
    rig b = RIG(.settings = "num_round=3", .train = a.train, .model = a.out_dir);
    EXPECT_OK(rig_run(&b));
    rig whole = RIG(.settings = "num_round=7", .train = a.train);
    EXPECT_OK(rig_run(&whole));
    EXPECT(ft_str_eq(booster_of(&whole), booster_of(&b)));
    b.settings = "num_round=5 process_type=update updater=refresh";
    EXPECT_ERR(FT_EINVAL, rig_run(&b));
    EXPECT_WHY("has 4 rounds to update");
    b.model = NULL;
    b.settings = "num_round=3 process_type=update updater=refresh";
    EXPECT_ERR(FT_EINVAL, rig_run(&b));
    EXPECT_WHY("needs a model in channel 'model'");
    b.model = in_test_dir("nothing-there");
    EXPECT_ERR(FT_ENOTFOUND, rig_run(&b));
    rig_fini(&a);
    rig_fini(&b);
    rig_fini(&whole);
}

/* ---- data that cannot be learned from */

typedef struct bad {
    const char *rows, *settings, *why;
} bad;

static const bad bads[] = {
    { "0,1,2\n1,2,3\n2,3,4\n", "objective=binary:logistic",
      "row 3: label 2: binary:logistic takes 0 or 1" },
    { "0,1,2\n,2,3\n1,3,4\n", "objective=binary:logistic", "label" },
    { "0,1,2\n1,2,3\n3,3,4\n", "objective=multi:softmax num_class=3",
      "row 3: label 3: multi:softmax takes whole numbers from 0 to num_class - 1 (2)" },
    { "0,1,2\n0.5,2,3\n", "objective=multi:softprob num_class=3", "row 2: label 0.5" },
    { "0,1,2\n-1,2,3\n", "objective=count:poisson",
      "row 2: label -1: count:poisson takes a number of at least 0" },
    { "0,1,2\n1,2,3\n", "objective=reg:gamma", "row 1: label 0: reg:gamma takes a number above 0" },
    { "0,1,2\n1.5,2,3\n", "objective=reg:logistic", "row 2: label 1.5" },
    { "-1,1,2\n1,2,3\n", "objective=reg:squaredlogerror", "row 1: label -1" },
    { "-2,1,2\n1,2,3\n", "objective=rank:ndcg", "row 1: label -2" },
    { "0,1,2\n1,2,3\n", "interaction_constraints=[[0,2]]", "columns 0 to 1" },
    { "0,1,2\n1,2,3\n", "monotone_constraints=(1,1,1)", "3 columns; the training data has 2" },
};

static const char *csv_of(const char *rows) {
    const char *path = in_test_dir("bad.csv");
    EXPECT_OK(ft_file_write_atomic(path, ft_str_of(rows), false));
    return path;
}

static void test_bad_data(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    for (size_t i = 0; i < FT_COUNT(bads); i++) {
        char settings[256];
        rig r = RIG(.settings = settings, .train = csv_of(bads[i].rows));
        snprintf(settings, sizeof settings, "num_round=2 %s", bads[i].settings);
        ft_err err = rig_run(&r);
        if (!err) print_error("accepted: %s %s\n", bads[i].rows, settings);
        EXPECT(err == FT_EINVAL || err == FT_EPARSE);
        EXPECT_WHY(bads[i].why);
        EXPECT(r.steps == 0);
        rig_fini(&r);
    }
    rig texts = RIG(.settings = "num_round=2");
    texts.train = csv_of("cat,1,2\ndog,2,3\nbird,3,4\ncat,1,3\ndog,2,3\nbird,3,5\n");
    EXPECT(rig_run(&texts) == FT_EINVAL);
    EXPECT_WHY("multi:softprob and num_class to 3");
    texts.train = NULL;
    EXPECT_ERR(FT_EINVAL, rig_run(&texts));
    EXPECT_WHY("channel 'train' is missing");
    rig_fini(&texts);
}

static void test_sparse(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    rig dense = RIG(.settings = "num_round=4 objective=binary:logistic");
    dense.train = csv_of("1,2,,4\n0,,1,\n1,3,,5\n0,,2,1\n1,2,1,9\n0,1,,\n");
    EXPECT_OK(rig_run(&dense));
    rig sparse = RIG(.settings = dense.settings);
    sparse.train = csv_of("1 0:2 2:4\n0 1:1\n1 0:3 2:5\n0 1:2 2:1\n1 0:2 1:1 2:9\n0 0:1\n");
    sparse.opts.format = FT_STR("libsvm");
    EXPECT_OK(rig_run(&sparse));
    EXPECT(ft_str_eq(booster_of(&dense), booster_of(&sparse)));
    rig_fini(&dense);
    rig_fini(&sparse);
}

static void test_every_fault(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    const char *dir = in_test_dir("faults");
    rig r = RIG(.settings = "num_round=2 objective=binary:logistic max_depth=2", .wants = "");
    r.train = csv_of("1,2,3\n0,1,2\n1,3,1\n0,1,1\n");
    int rounds = 0, trained = 0;
    char model[600], checkpoint[600];
    fresh_dir(dir);
    r.checkpoint_dir = dir;
    EXPECT_OK(rig_prepare(&r));
    snprintf(model, sizeof model, "%s/model.json", r.out_dir);
    snprintf(checkpoint, sizeof checkpoint, "%s/xgboost.ubj", dir);
    EACH_FAULT {
        r.at = -1;
        r.seen_count = 0;
        unlink(model);
        unlink(checkpoint);
        ft_err err = ft_algorithm_xgboost.train(&r.args);
        bool left = access(model, R_OK) == 0;
        EXPECT(left == (err == FT_OK)); /* nothing, or all of it */
        trained += err == FT_OK;
        rounds++;
    }
    EXPECT(rounds > 20 && trained >= 1);
    rig_fini(&r);
}

TEST_MAIN(cmocka_unit_test(test_tensors), cmocka_unit_test(test_average_shap),
          cmocka_unit_test(test_eta_zero), cmocka_unit_test(test_resume),
          cmocka_unit_test(test_killed), cmocka_unit_test(test_other_checkpoint),
          cmocka_unit_test(test_cancel), cmocka_unit_test(test_model_channel),
          cmocka_unit_test(test_bad_data), cmocka_unit_test(test_sparse),
          cmocka_unit_test(test_every_fault), cmocka_unit_test(test_losses_equal_xgboost))
