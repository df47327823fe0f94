/* train_xgboost.c -- see train_xgboost.h: the loop of rounds. */
#include "trees/train_xgboost.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "trees/train_in.h"

#define MODEL_BYTES_MAX ((size_t)2 << 30)

/* ---- the booster */

static ft_err set_param(ft_tree_training *t, const char *name, ft_str value) {
    ft_str text;
    FT_TRY(ft_arena_str(&text, &t->arena, value));
    ft_err err = FT_XGB(t->x, BoosterSetParam(t->booster, name, text.at));
    return err ? ft_err_prefix(err, "%s", name) : FT_OK;
}

/* XGBoost's tweedie-nloglik wants its power in its name; SageMaker's does not. */
static ft_err set_metric(ft_tree_training *t, ft_str metric) {
    if (!ft_str_is(metric, "tweedie-nloglik")) return set_param(t, "eval_metric", metric);
    ft_str full;
    FT_TRY(ft_arena_printf(&full, &t->arena, "tweedie-nloglik@%g",
                           ft_params_float(t->params, "tweedie_variance_power")));
    return set_param(t, "eval_metric", full);
}

static ft_err set_params(ft_tree_training *t) {
    ft_str item, threads;
    for (const ft_param *row = ft_params_table(t->params); row->name; row++) {
        if (!ft_params_given(t->params, row->name) || !ft_xgboost_passes(row)) continue;
        ft_str value = ft_params_str(t->params, row->name);
        if (row->type == FT_PARAM_BOOL)
            value = ft_params_bool(t->params, row->name) ? FT_STR("1") : FT_STR("0");
        FT_TRY(set_param(t, row->name, value));
    }
    for (size_t i = 0; ft_params_each(t->params, "eval_metric", i, &item); i++)
        FT_TRY(set_metric(t, item));
    FT_TRY(ft_arena_printf(&threads, &t->arena, "%d", t->threads));
    return set_param(t, "nthread", threads);
}

/* A file, or the model in a folder. */
static ft_err model_path(ft_tree_training *t, ft_str given, const char **out) {
    static const char *const names[] = { "model.json", "model.ubj", "xgboost-model" };
    ft_str path;
    ft_file_info info;
    FT_TRY(ft_arena_str(&path, &t->arena, given));
    FT_TRY(ft_file_stat(&info, path.at));
    *out = path.at;
    for (size_t i = 0; info.is_dir && i < FT_COUNT(names); i++) {
        FT_TRY(ft_path_join(out, &t->arena, path.at, names[i]));
        if (ft_file_exists(*out)) return FT_OK;
    }
    if (info.is_dir)
        return FT_FAIL(FT_ENOTFOUND, "%s: no model.json, model.ubj or xgboost-model in it",
                       path.at);
    return FT_OK;
}

/* The channel "model": what training goes on from. */
static ft_err load_base(ft_tree_training *t) {
    const ft_channel *channel = ft_train_channel(t, "model");
    if (!channel)
        return t->updates ? FT_FAIL(FT_EINVAL, "process_type: update needs a model in channel "
                                               "'model'")
                          : FT_OK;
    const char *path = NULL;
    ft_str bytes = { 0 };
    ft_err err;
    ft_arena scratch = FT_ARENA_INIT(MODEL_BYTES_MAX + ((size_t)1 << 20));
    FT_GOTO(err, model_path(t, channel->path, &path));
    FT_GOTO(err, ft_file_read(&bytes, &scratch, path, MODEL_BYTES_MAX));
    FT_GOTO(err, ft_sha256_hex(t->model_sha256, bytes));
    err = FT_XGB(t->x, BoosterLoadModelFromBuffer(t->booster, bytes.at, bytes.len));
    if (err) {
        err = ft_err_prefix(err, "%s", path);
        goto done;
    }
    int rounds = 0;
    FT_GOTO(err, FT_XGB(t->x, BoosterBoostedRounds(t->booster, &rounds)));
    if (t->updates && t->rounds > rounds)
        err = FT_FAIL(FT_EINVAL, "num_round: %lld; %s has %d rounds to update",
                      (long long)t->rounds, path, rounds);
done:
    ft_arena_fini(&scratch);
    return err;
}

static ft_err make_booster(ft_tree_training *t) {
    DMatrixHandle data[FT_TRAIN_SETS];
    for (size_t i = 0; i < t->set_count; i++) data[i] = t->sets[i].data;
    FT_TRY(FT_XGB(t->x, BoosterCreate(data, t->set_count, &t->booster)));
    FT_TRY(load_base(t));
    FT_TRY(ft_train_fingerprint(t));
    FT_TRY(ft_train_resume(t));
    return set_params(t);
}

/* ---- one round */

/* "[12]\ttrain-rmse:0.25\tvalidation-rmse:0.31" */
static ft_err read_metrics(ft_tree_training *t, const char *text) {
    ft_str rest, copy;
    FT_TRY(ft_arena_str(&copy, &t->step_arena, ft_str_of(text)));
    rest = copy;
    t->metric_count = 0;
    ft_str_cut(&rest, '\t');
    while (rest.at) {
        ft_str item = ft_str_cut(&rest, '\t'), number = { 0 };
        size_t colon = item.len;
        while (colon > 0 && item.at[colon - 1] != ':') colon--;
        number = ft_str_trim(ft_str_from(item, colon));
        ft_train_metric m = { .name = ft_str_slice(item, 0, colon ? colon - 1 : 0) };
        if (!ft_str_f64(&m.value, number) || m.name.len == 0)
            return FT_FAIL(FT_EPEER, "XGBoost's metrics: expected name:value, found '%.*s'",
                           FT_STR_ARG(item));
        if (t->metric_count == FT_TRAIN_METRICS_MAX)
            return FT_FAIL(FT_ETOOBIG, "more than %d metrics", FT_TRAIN_METRICS_MAX);
        t->metrics[t->metric_count++] = m;
    }
    return FT_OK;
}

static ft_err evaluate(ft_tree_training *t, int64_t step) {
    DMatrixHandle data[FT_TRAIN_SETS];
    const char *names[FT_TRAIN_SETS], *text = NULL;
    for (size_t i = 0; i < t->set_count; i++) {
        data[i] = t->sets[i].data;
        names[i] = t->sets[i].name;
    }
    FT_TRY(
        FT_XGB(t->x, BoosterEvalOneIter(t->booster, (int)step, data, names, t->set_count, &text)));
    if (t->args->line) t->args->line(t->args->ctx, ft_str_of(text));
    return read_metrics(t, text);
}

/* Is the last metric better than ever? Then this is the best round. */
static void judge(ft_tree_training *t, int64_t step) {
    if (!t->patience || t->metric_count == 0) return;
    const ft_train_metric *m = &t->metrics[t->metric_count - 1];
    size_t head = strlen(ft_train_judge(t)->name) + 1;
    bool up = ft_xgboost_maximizes(ft_str_from(m->name, head));
    bool better = up ? m->value > t->best_score : m->value < t->best_score;
    if (t->best_round >= 0 && !better) return;
    t->best_round = step;
    t->best_score = m->value;
}

static bool stopped(const ft_tree_training *t) {
    return t->args->stop && atomic_load_explicit(t->args->stop, memory_order_relaxed);
}

static void tell_progress(const ft_tree_training *t) {
    char text[160] = "";
    if (!t->args->progress) return;
    if (t->metric_count > 0) {
        const ft_train_metric *m = &t->metrics[t->metric_count - 1];
        snprintf(text, sizeof text, "%.*s %.6g", FT_STR_ARG(m->name), m->value);
    }
    t->args->progress(t->args->ctx, t->round, t->rounds, text);
}

/* FT_ECANCELED from the tap's end is a wish to stop: the round itself is complete. */
static ft_err one_round(ft_tree_training *t, bool *cancel) {
    int64_t step = t->round;
    ft_arena_reset(&t->step_arena);
    FT_TRY(FT_XGB(t->x, BoosterUpdateOneIter(t->booster, (int)step, t->sets[0].data)));
    FT_TRY(evaluate(t, step));
    judge(t, step);
    t->round++;
    FT_TRY(ft_tap_begin(t->args->tap, step));
    FT_TRY(ft_train_emit(t, step));
    ft_err err = ft_tap_end(t->args->tap, step);
    if (err && err != FT_ECANCELED) return err;
    *cancel = err == FT_ECANCELED;
    tell_progress(t);
    return ft_train_checkpoint(t, false);
}

/* ---- the run */

static ft_err stop_in_good_order(ft_tree_training *t) {
    FT_TRY(ft_train_checkpoint(t, true));
    if (ft_params_bool(t->params, "save_model_on_termination")) FT_TRY(ft_train_save(t));
    return FT_FAIL(FT_ECANCELED, "stopped after round %lld of %lld", (long long)t->round,
                   (long long)t->rounds);
}

static ft_err run_rounds(ft_tree_training *t) {
    bool cancel = stopped(t);
    while (!cancel && t->round < t->rounds) {
        if (t->patience && t->best_round >= 0 && t->round - 1 - t->best_round >= t->patience) break;
        FT_TRY(one_round(t, &cancel));
        cancel = cancel || (stopped(t) && t->round < t->rounds);
    }
    return cancel ? stop_in_good_order(t) : ft_train_save(t);
}

static ft_err run(ft_tree_training *t) {
    FT_TRY(ft_xgboost_validate(t->params));
    FT_TRY(ft_xgb_load(&t->x));
    FT_TRY(ft_train_read(t));
    FT_TRY(make_booster(t));
    return run_rounds(t);
}

static ft_err train(const ft_train_args *args) {
    ft_tree_training t = {
        .args = args,
        .params = args->params,
        .objective = ft_xgboost_objective(args->params),
        .rounds = ft_params_int(args->params, "num_round"),
        .best_round = -1,
        .arena = FT_ARENA_INIT(0),
        .step_arena = FT_ARENA_INIT((size_t)8 << 30),
    };
    t.groups = t.objective && t.objective->task == FT_TASK_MULTICLASS
                   ? (size_t)ft_params_int(args->params, "num_class")
                   : 1;
    t.is_linear = ft_str_is(ft_params_str(args->params, "booster"), "gblinear");
    t.updates = ft_str_is(ft_params_str(args->params, "process_type"), "update");
    t.threads = args->threads > 0 ? args->threads : 1;
    if (ft_params_given(args->params, "nthread"))
        t.threads = (int)ft_params_int(args->params, "nthread");
    if (ft_params_given(args->params, "early_stopping_rounds"))
        t.patience = ft_params_int(args->params, "early_stopping_rounds");
    ft_err err = run(&t);
    if (t.booster) t.x->BoosterFree(t.booster);
    ft_train_sets_fini(&t);
    ft_arena_fini(&t.step_arena);
    ft_arena_fini(&t.arena);
    return err;
}

const ft_algorithm ft_algorithm_xgboost = {
    .name = "xgboost",
    .doc = "gradient-boosted trees by XGBoost, with SageMaker's hyperparameters",
    .params = ft_xgboost_params,
    .predictor = "xgboost",
    .required_channels = "train",
    .validate = ft_xgboost_validate,
    .train = train,
};
