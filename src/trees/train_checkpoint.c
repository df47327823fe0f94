/* train_checkpoint.c -- models on disk: the checkpoint that a killed job goes on from, and the
 * model that a finished one leaves.
 *
 * A checkpoint is XGBoost's own UBJSON with three attributes of ours: rounds done, and whose it is
 * (a hash of the data and of every parameter that changes training). Leaves are stored exactly and
 * sums are recomputed in the same order, so a resumed job gives the model of an uninterrupted one,
 * as long as nothing is drawn at random (subsample, colsample, dart): XGBoost does not save its
 * generator. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "trees/train_in.h"

#define CHECKPOINT_NAME   "xgboost.ubj"
#define CHECKPOINT_ROUNDS 10
/* Saving takes at most one part in so many of a job's time. */
#define CHECKPOINT_SHARE 20
#define MODEL_BYTES_MAX  ((size_t)2 << 30)

#define ATTR_RUN   "fettle_run"
#define ATTR_ROUND "fettle_round"

/* ---- whose checkpoint */

static bool matters(const char *name) {
    static const char *const not_these[] = { "num_round", "nthread", "verbosity",
                                             "save_model_on_termination" };
    for (size_t i = 0; i < sizeof not_these / sizeof *not_these; i++)
        if (ft_str_is(ft_str_of(name), not_these[i])) return false;
    return true;
}

ft_err ft_train_fingerprint(ft_tree_training *t) {
    ft_buf buf = { 0 };
    for (size_t i = 0; i < t->set_count; i++)
        ft_buf_printf(&buf, "%s=%s\n", t->sets[i].name, t->sets[i].table->sha256);
    ft_buf_printf(&buf, "model=%s\n", t->model_sha256);
    for (const ft_param *row = ft_params_table(t->params); row->name; row++)
        if (ft_params_given(t->params, row->name) && matters(row->name))
            ft_buf_printf(&buf, "%s=%.*s\n", row->name,
                          FT_STR_ARG(ft_params_str(t->params, row->name)));
    ft_err err = buf.err;
    if (!err) err = ft_sha256_hex(t->fingerprint, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

/* ---- attributes */

static ft_err get_attr(const ft_tree_training *t, const char *name, ft_str *out) {
    const char *text = NULL;
    int there = 0;
    *out = (ft_str){ 0 };
    FT_TRY(FT_XGB(t->x, BoosterGetAttr(t->booster, name, &text, &there)));
    if (there) *out = ft_str_of(text);
    return FT_OK;
}

static ft_err set_attr_i64(const ft_tree_training *t, const char *name, int64_t v) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return FT_XGB(t->x, BoosterSetAttr(t->booster, name, text));
}

/* As Python's callback leaves them, so that every reader finds the best round. */
static ft_err set_best(const ft_tree_training *t) {
    if (t->best_round < 0) return FT_OK;
    char text[64];
    snprintf(text, sizeof text, "%.17g", t->best_score);
    FT_TRY(FT_XGB(t->x, BoosterSetAttr(t->booster, "best_score", text)));
    FT_TRY(set_attr_i64(t, "best_iteration", t->best_round));
    return set_attr_i64(t, "best_ntree_limit",
                        (t->best_round + 1) * ft_params_int(t->params, "num_parallel_tree"));
}

/* ---- the checkpoint */

static ft_err write_model(ft_tree_training *t, const char *dir, const char *name,
                          const char *config) {
    const char *bytes = NULL, *path;
    bst_ulong len = 0;
    FT_TRY(ft_path_join(&path, &t->arena, dir, name));
    FT_TRY(FT_XGB(t->x, BoosterSaveModelToBuffer(t->booster, config, &len, &bytes)));
    return ft_file_write_atomic(path, ft_str_n(bytes, len), true);
}

ft_err ft_train_checkpoint(ft_tree_training *t, bool now) {
    if (!t->args->checkpoint_dir || t->updates) return FT_OK;
    int64_t begin = ft_clock_monotonic_us();
    bool due =
        t->round % CHECKPOINT_ROUNDS == 0 && begin - t->saved_us >= CHECKPOINT_SHARE * t->saving_us;
    if (!due && !now) return FT_OK;
    FT_TRY(set_best(t));
    FT_TRY(FT_XGB(t->x, BoosterSetAttr(t->booster, ATTR_RUN, t->fingerprint)));
    FT_TRY(set_attr_i64(t, ATTR_ROUND, t->round));
    ft_err err = write_model(t, t->args->checkpoint_dir, CHECKPOINT_NAME, "{\"format\":\"ubj\"}");
    if (err) return ft_err_prefix(err, "checkpoint of round %lld", (long long)t->round);
    t->saved_us = ft_clock_monotonic_us();
    t->saving_us = t->saved_us - begin;
    return FT_OK;
}

static ft_err resume_from(ft_tree_training *t, const char *path, ft_str bytes) {
    ft_str run, round, best, score;
    ft_err err = FT_XGB(t->x, BoosterLoadModelFromBuffer(t->booster, bytes.at, bytes.len));
    if (err)
        return ft_err_prefix(err, "%s: this checkpoint cannot be read; remove it to start anew",
                             path);
    FT_TRY(get_attr(t, ATTR_RUN, &run));
    if (!ft_str_is(run, t->fingerprint))
        return FT_FAIL(FT_ECONFLICT,
                       "%s: a checkpoint of other data or parameters; remove it to start anew",
                       path);
    FT_TRY(get_attr(t, ATTR_ROUND, &round));
    if (!ft_str_i64(&t->round, round) || t->round < 0)
        return FT_FAIL(FT_ECORRUPT, "%s: does not say how many rounds were done", path);
    FT_TRY(get_attr(t, "best_iteration", &best));
    if (!ft_str_i64(&t->best_round, best)) t->best_round = -1;
    FT_TRY(get_attr(t, "best_score", &score));
    if (t->best_round >= 0 && !ft_str_f64(&t->best_score, score))
        return FT_FAIL(FT_ECORRUPT, "%s: does not say how good its best round was", path);
    return FT_OK;
}

ft_err ft_train_resume(ft_tree_training *t) {
    const char *path;
    ft_str bytes = { 0 };
    if (!t->args->checkpoint_dir || t->updates) return FT_OK;
    FT_TRY(ft_path_join(&path, &t->arena, t->args->checkpoint_dir, CHECKPOINT_NAME));
    if (!ft_file_exists(path)) return FT_OK;
    ft_arena scratch = FT_ARENA_INIT(MODEL_BYTES_MAX + ((size_t)1 << 20));
    ft_err err = ft_file_read(&bytes, &scratch, path, MODEL_BYTES_MAX);
    if (!err) err = resume_from(t, path, bytes);
    ft_arena_fini(&scratch);
    return err;
}

/* ---- the model */

ft_err ft_train_save(ft_tree_training *t) {
    const char *path;
    ft_buf schema = { 0 };
    ft_err err;
    FT_TRY(set_best(t));
    FT_TRY(FT_XGB(t->x, BoosterSetAttr(t->booster, ATTR_RUN, NULL)));
    FT_TRY(FT_XGB(t->x, BoosterSetAttr(t->booster, ATTR_ROUND, NULL)));
    FT_GOTO(err, ft_schema_write(&schema, t->sets[0].table->schema));
    FT_GOTO(err, ft_path_join(&path, &t->arena, t->args->out_dir, "schema.json"));
    FT_GOTO(err, ft_file_write_atomic(path, ft_buf_str(&schema), true));
    FT_GOTO(err, write_model(t, t->args->out_dir, "model.json", "{\"format\":\"json\"}"));
done:
    ft_buf_fini(&schema);
    return err;
}
