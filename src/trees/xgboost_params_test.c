/* xgboost_params_test.c -- the table says the truth: every row that is called active changes the
 * trained model or the run when its value changes, and no row is missing here. Refusals name what
 * was expected. */
#include "trees/xgboost_params.h"

#include <dirent.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "trees/engine.h"
#include "trees/rig_test.h"

static bool engine_here(void) {
    const ft_xgb *x;
    return ft_xgb_load(&x) == FT_OK;
}

/* ---- each active row, trained with and without */

typedef struct effect {
    const char *name, *value;
    const char *base; /* settings on both sides */
    const char *kind; /* of the label; NULL: binary */
    const char *more; /* settings on the changed side only, beside the value */
} effect;

#define HIST   "tree_method=hist "
#define DART   "booster=dart rate_drop=0.5 one_drop=1 "
#define LINEAR "booster=gblinear updater=coord_descent "

static const effect effects[] = {
    { "num_round", "4", "", NULL, NULL },
    { "objective", "binary:hinge", "", NULL, NULL },
    { "num_class", "4", "objective=multi:softprob num_class=3 ", "multi", NULL },
    { "eval_metric", "error@0.7", "", NULL, NULL },
    { "early_stopping_rounds", "1", "num_round=60 eval_metric=error ", NULL, NULL },
    { "csv_weights", "1", "objective=binary:logistic ", "weighted", NULL },
    { "seed", "7", "subsample=0.5 ", NULL, NULL },
    { "base_score", "0.2", "", NULL, NULL },
    { "booster", "gblinear", "", NULL, NULL },
    { "eta", "0.1", "", NULL, NULL },
    { "learning_rate", "0.1", "", NULL, NULL },
    { "gamma", "5", "", NULL, NULL },
    { "min_split_loss", "5", "", NULL, NULL },
    { "max_depth", "2", "", NULL, NULL },
    { "min_child_weight", "9", "", NULL, NULL },
    { "max_delta_step", "0.1", "", NULL, NULL },
    { "subsample", "0.5", "", NULL, NULL },
    { "colsample_bytree", "0.5", "", NULL, NULL },
    { "colsample_bylevel", "0.5", "", NULL, NULL },
    { "colsample_bynode", "0.5", "", NULL, NULL },
    { "lambda", "9", "", NULL, NULL },
    { "reg_lambda", "9", "", NULL, NULL },
    { "alpha", "3", "", NULL, NULL },
    { "reg_alpha", "3", "", NULL, NULL },
    { "tree_method", "hist", "max_bin=8 ", NULL, NULL },
    { "grow_policy", "lossguide", HIST "max_leaves=5 ", NULL, NULL },
    { "max_leaves", "4", HIST, NULL, NULL },
    { "max_bin", "4", HIST, NULL, NULL },
    { "scale_pos_weight", "3", "", NULL, NULL },
    { "num_parallel_tree", "2", "", NULL, NULL },
    { "monotone_constraints", "(1,1,-1,1,1)", "", NULL, NULL },
    { "interaction_constraints", "[[0],[1],[2],[3],[4]]", "", NULL, NULL },
    { "updater", "grow_histmaker", "max_bin=8 ", NULL, NULL },
    { "process_type", "update", "MODEL ", NULL, "updater=refresh" },
    { "refresh_leaf", "0", "MODEL process_type=update updater=refresh ", NULL, NULL },
    { "sample_type", "weighted", DART "num_round=12 ", NULL, NULL },
    { "normalize_type", "forest", DART "num_round=12 ", NULL, NULL },
    { "rate_drop", "0.9", DART, NULL, NULL },
    { "one_drop", "1", "booster=dart ", NULL, NULL },
    { "skip_drop", "1", DART, NULL, NULL },
    { "feature_selector", "greedy", LINEAR "top_k=2 ", NULL, NULL },
    { "top_k", "1", LINEAR "feature_selector=greedy ", NULL, NULL },
    { "tweedie_variance_power", "1.1", "objective=reg:tweedie ", "count", NULL },
    { "aft_loss_distribution", "logistic", "objective=survival:aft ", "count", NULL },
    { "aft_loss_distribution_scale", "3", "objective=survival:aft ", "count", NULL },
    { "huber_slope", "0.1", "objective=reg:pseudohubererror ", "number", NULL },
    /* tested below: they change the run, not the model */
    { "nthread", NULL, NULL, NULL, NULL },
    { "verbosity", NULL, NULL, NULL, NULL },
    { "save_model_on_termination", NULL, NULL, NULL, NULL },
};

/* Is the name set in "a=1 b=2"? */
static bool sets(const char *settings, const char *name) {
    size_t len = strlen(name);
    for (const char *at = settings; (at = strstr(at, name)); at += len)
        if ((at == settings || at[-1] == ' ') && at[len] == '=') return true;
    return false;
}

/* The changed value in place of the base's. */
static void change(char *out, size_t size, const char *settings, const effect *e) {
    ft_str rest = ft_str_of(settings);
    size_t used = 0;
    out[0] = '\0';
    while (rest.at && rest.len) {
        ft_str one = ft_str_cut(&rest, ' '), value = one, name = ft_str_cut(&value, '=');
        if (one.len && !ft_str_is(name, e->name))
            used += (size_t)snprintf(out + used, size - used, "%.*s ", FT_STR_ARG(one));
    }
    snprintf(out + used, size - used, "%s=%s %s", e->name, e->value, e->more ? e->more : "");
}

/* What the run left and showed, as one hash: the booster itself and every metric. */
static void result_of(rig *r, char hash[FT_SHA256_HEX]) {
    ft_str model = rig_left(r, "model.json"), booster = { 0 };
    ft_buf buf = { 0 };
    EXPECT(model.len > 0);
    EXPECT_OK(ft_json_find(&booster, model, "learner.gradient_booster"));
    EXPECT_OK(ft_buf_add(&buf, booster));
    for (size_t i = 0; i < r->seen_count; i++)
        EXPECT_OK(ft_buf_printf(&buf, "%s@%lld=%.17g\n", r->seen[i].name,
                                (long long)r->seen[i].step, r->seen[i].value));
    EXPECT_OK(ft_sha256_hex(hash, ft_buf_str(&buf)));
    ft_buf_fini(&buf);
}

static void run_side(char hash[FT_SHA256_HEX], const effect *e, const char *settings,
                     const char *model) {
    char text[512], name[32];
    snprintf(name, sizeof name, "%s.csv", e->kind ? e->kind : "binary");
    rig r = RIG(.train = rig_csv(name, e->kind ? e->kind : "binary", 1));
    const char *from = settings;
    if (!strncmp(settings, "MODEL ", 6)) {
        from += 6;
        r.model = model;
        if (strstr(from, "refresh")) r.train = rig_csv("other.csv", "binary", 99);
    }
    snprintf(text, sizeof text, "%s%s%s", sets(from, "num_round") ? "" : "num_round=3 ",
             sets(from, "objective") || e->kind ? "" : "objective=binary:logistic ", from);
    r.settings = text;
    EXPECT_OK(rig_run(&r));
    result_of(&r, hash);
    rig_fini(&r);
}

static void test_active_rows_act(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    rig first = RIG(.train = rig_csv("binary.csv", "binary", 1));
    first.settings = "num_round=3 objective=binary:logistic";
    EXPECT_OK(rig_run(&first));
    for (size_t i = 0; i < FT_COUNT(effects); i++) {
        const effect *e = &effects[i];
        char changed[512], before[FT_SHA256_HEX], again[FT_SHA256_HEX], after[FT_SHA256_HEX];
        if (!e->value) continue;
        change(changed, sizeof changed, e->base, e);
        run_side(before, e, e->base, first.out_dir);
        run_side(again, e, e->base, first.out_dir);
        run_side(after, e, changed, first.out_dir);
        if (strcmp(before, again) != 0) print_error("%s: two equal runs differ\n", e->name);
        EXPECT(strcmp(before, again) == 0); /* else a difference would prove nothing */
        if (strcmp(before, after) == 0) print_error("%s=%s changed nothing\n", e->name, e->value);
        EXPECT(strcmp(before, after) != 0);
    }
    rig_fini(&first);
}

static void test_every_row_is_judged(void **state) {
    (void)state;
    for (const ft_param *row = ft_xgboost_params; row->name; row++) {
        int found = 0;
        for (size_t i = 0; i < FT_COUNT(effects); i++) found += !strcmp(effects[i].name, row->name);
        if (found != (row->effect == FT_EFFECT_ACTIVE))
            print_error("%s: %d tests of its effect\n", row->name, found);
        EXPECT(found == (row->effect == FT_EFFECT_ACTIVE));
        EXPECT(row->doc && strlen(row->doc) > 3);
    }
}

/* Silent rows are taken, and change nothing. */
static void test_silent_rows(void **state) {
    (void)state;
    static const char *const values[] = { "silent=1",
                                          "predictor=gpu_predictor",
                                          "dsplit=col",
                                          "sketch_eps=0.3",
                                          "lambda_bias=0.5",
                                          "single_precision_histogram=true",
                                          "deterministic_histogram=false",
                                          "sampling_method=gradient_based",
                                          "prob_buffer_row=2",
                                          "_tuning_objective_metric=validation:auc" };
    static const effect plain = { .name = "none" };
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    size_t silent = 0;
    for (const ft_param *row = ft_xgboost_params; row->name; row++)
        silent += row->effect == FT_EFFECT_SILENT;
    EXPECT(silent == FT_COUNT(values));
    for (size_t i = 0; i < FT_COUNT(values); i++) {
        char before[FT_SHA256_HEX], after[FT_SHA256_HEX];
        run_side(before, &plain, "tree_method=approx subsample=0.7 ", NULL);
        char text[128];
        snprintf(text, sizeof text, "tree_method=approx subsample=0.7 %s", values[i]);
        run_side(after, &plain, text, NULL);
        EXPECT(strcmp(before, after) == 0);
    }
}

/* ---- rows that change the run */

static int threads_now(void) {
    int count = 0;
    DIR *d = opendir("/proc/self/task");
    while (d && readdir(d)) count++;
    if (d) closedir(d);
    return count - 2; /* "." and ".." */
}

/* A process of its own: XGBoost keeps its threads. */
static int threads_with(const char *settings) {
    pid_t pid = fork();
    if (pid == 0) {
        rig r = RIG(.train = rig_csv("threads.csv", "binary", 1), .settings = settings);
        _exit(rig_run(&r) == FT_OK ? threads_now() : 0);
    }
    int status = 0;
    EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_nthread(void **state) { /* first: before this process has threads itself */
    (void)state;
    if (access("/usr/lib/x86_64-linux-gnu/libxgboost.so.0", R_OK) != 0)
        SKIP("libxgboost0 is not installed");
    int one = threads_with("num_round=2 nthread=1"), four = threads_with("num_round=2 nthread=4");
    EXPECT(one == 1 && four == 4);
}

static size_t log_lines(const char *settings) {
    const char *path = in_test_dir("log.txt");
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text;
    size_t lines = 0;
    unlink(path);
    EXPECT_OK(ft_log_to(path));
    ft_log_set_level(FT_LOG_DEBUG);
    rig r = RIG(.train = rig_csv("log.csv", "binary", 1), .settings = settings);
    EXPECT_OK(rig_run(&r));
    rig_fini(&r);
    ft_log_set_level(FT_LOG_OFF);
    EXPECT_OK(ft_log_to(NULL));
    if (ft_file_exists(path)) {
        EXPECT_OK(ft_file_read(&text, &arena, path, 1 << 20));
        for (size_t i = 0; i < text.len; i++) lines += text.at[i] == '\n';
    }
    ft_arena_fini(&arena);
    return lines;
}

static void test_verbosity(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    EXPECT(log_lines("num_round=2 verbosity=0") == 0);
    EXPECT(log_lines("num_round=2 verbosity=3") > 2);
    EXPECT(log_lines("num_round=2 updater=grow_colmaker verbosity=1") == 1); /* its warning */
}

static void test_save_on_termination(void **state) {
    (void)state;
    if (!engine_here()) SKIP("libxgboost0 is not installed");
    rig r = RIG(.train = rig_csv("stop.csv", "binary", 1), .settings = "num_round=50");
    r.stop_at = 2;
    EXPECT_ERR(FT_ECANCELED, rig_run(&r));
    EXPECT_WHY("stopped after round 3 of 50");
    EXPECT(r.steps == 3 && rig_left(&r, "model.json").len == 0);
    r.settings = "num_round=50 save_model_on_termination=true";
    EXPECT_ERR(FT_ECANCELED, rig_run(&r));
    EXPECT(r.steps == 3 && rig_left(&r, "model.json").len > 0);
    rig_fini(&r);
}

/* ---- refusals, before anything starts */

typedef struct refusal {
    const char *settings, *why;
} refusal;

static const refusal refusals[] = {
    { "", "num_round" },
    { "num_round=0", "num_round: 0 must be at least 1" },
    { "num_rounds=3", "did you mean 'num_round'?" },
    { "num_round=3 max_dept=3", "did you mean 'max_depth'?" },
    { "num_round=3 eta=1.5", "eta: 1.5 is outside [0, 1]" },
    { "num_round=3 eta=fast", "eta: expected a number" },
    { "num_round=3 subsample=0", "subsample: 0 is outside (0, 1]" },
    { "num_round=3 objective=binary:logit", "did you mean" },
    { "num_round=3 objective=", "objective" },
    { "num_round=3 objective=multi:softmax", "num_class is missing" },
    { "num_round=3 num_class=3", "num_class: only multi:softmax" },
    { "num_round=3 objective=binary:logistic base_score=1", "between 0 and 1" },
    { "num_round=3 objective=count:poisson base_score=0", "above 0" },
    { "num_round=3 eval_metric=rmse,rsme", "did you mean 'rmse'" },
    { "num_round=3 eval_metric=error@half", "expected a number after '@'" },
    { "num_round=3 eval_metric=merror", "merror is for multi:softmax" },
    { "num_round=3 eval_metric=aft-nloglik", "is for survival:aft" },
    { "num_round=3 tree_method=gpu_hist", "needs an XGBoost with CUDA" },
    { "num_round=3 max_depth=0", "needs max_leaves" },
    { "num_round=3 max_depth=31 tree_method=hist", "above 30" },
    { "num_round=3 eta=0.1 learning_rate=0.2", "two names of one parameter" },
    { "num_round=3 monotone_constraints=(1,2)", "monotone_constraints: expected -1, 0 or 1" },
    { "num_round=3 interaction_constraints=[0,1]", "as in [[0,1],[2,3]]" },
    { "num_round=3 interaction_constraints=[[0,-1]]", "as in [[0,1],[2,3]]" },
    { "num_round=3 interaction_constraints=[[0,1]", "as in [[0,1],[2,3]]" },
    { "num_round=3 updater=grow_colmaker,grow_histmaker", "only one that grows" },
    { "num_round=3 updater=refresh", "grows no tree" },
    { "num_round=3 updater=shotgun", "is for booster gblinear" },
    { "num_round=3 updater=prune booster=gblinear", "takes one of shotgun and coord_descent" },
    { "num_round=3 process_type=update", "needs updater refresh or prune" },
    { "num_round=3 process_type=update updater=grow_colmaker", "takes refresh and prune" },
};

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < FT_COUNT(refusals); i++) {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_params *p;
        EXPECT_OK(ft_params_new(&p, &arena, ft_xgboost_params));
        ft_err err = rig_set(p, refusals[i].settings);
        if (!err) print_error("accepted: %s\n", refusals[i].settings);
        EXPECT(err == FT_EINVAL || err == FT_EUNSUPPORTED);
        EXPECT_WHY(refusals[i].why);
        ft_arena_fini(&arena);
    }
}

static void test_metrics_and_objectives(void **state) {
    (void)state;
    EXPECT(ft_xgboost_maximizes(FT_STR("auc")) && ft_xgboost_maximizes(FT_STR("ndcg@5-")));
    EXPECT(ft_xgboost_maximizes(FT_STR("map-")) && ft_xgboost_maximizes(FT_STR("aucpr")));
    EXPECT(!ft_xgboost_maximizes(FT_STR("mape")) && !ft_xgboost_maximizes(FT_STR("error@0.7")));
    const ft_param *row = ft_param_find(ft_xgboost_params, FT_STR("objective"));
    for (const ft_objective *o = ft_objectives; o->name; o++)
        EXPECT(strstr(row->choices, o->name) != NULL);
    EXPECT(ft_objective_find(FT_STR("reg:squared")) == NULL);
}

TEST_MAIN(cmocka_unit_test(test_nthread), cmocka_unit_test(test_every_row_is_judged),
          cmocka_unit_test(test_refusals), cmocka_unit_test(test_metrics_and_objectives),
          cmocka_unit_test(test_active_rows_act), cmocka_unit_test(test_silent_rows),
          cmocka_unit_test(test_verbosity), cmocka_unit_test(test_save_on_termination))
