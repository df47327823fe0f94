/* predictor_xgboost.c -- see predictor_xgboost.h. */
#include "trees/predictor_xgboost.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "models/rows.h"
#include "trees/predict.h"

#define HEAD_BYTES       512
#define SCHEMA_BYTES_MAX ((size_t)256 << 20)

typedef struct model {
    ft_model base;
    ft_forest *forest;
    ft_scorer *scorer;
    ft_schema *schema; /* NULL: none beside the model */
    ft_str paths;      /* how the scorer goes */
    ft_arena arena;
} model;

static const char *const file_names[] = { "model.json", "model.ubj", "xgboost-model" };

/* ---- finding */

/* The model file of a folder, or the path itself. FT_ENOTFOUND. */
static ft_err find_file(const char **out, ft_arena *arena, const char *path) {
    ft_file_info info;
    *out = path;
    FT_TRY(ft_file_stat(&info, path));
    if (!info.is_dir) return FT_OK;
    for (size_t i = 0; i < FT_COUNT(file_names); i++) {
        FT_TRY(ft_path_join(out, arena, path, file_names[i]));
        if (ft_file_exists(*out)) return FT_OK;
    }
    *out = NULL;
    return FT_FAIL(FT_ENOTFOUND, "%s: no model.json, model.ubj or xgboost-model in it", path);
}

static int score_head(const char *path, ft_str head) {
    ft_str name = ft_path_base(ft_str_of(path));
    if (head.len > 0 && head.at[0] == '{' && memmem(head.at, head.len, "learner", 7)) return 100;
    if (ft_str_starts(head, FT_STR("binf"))) return 90; /* ours to refuse, with advice */
    return ft_str_is(name, "xgboost-model") ? 60 : 0;
}

static int sniff(const char *path) {
    char head[HEAD_BYTES];
    const char *file = NULL;
    size_t got = 0;
    int fd = -1, score = 0;
    ft_arena arena = FT_ARENA_INIT(0);
    if (find_file(&file, &arena, path) == FT_OK && ft_fd_open(&fd, file, O_RDONLY, 0) == FT_OK &&
        ft_fd_read(&got, fd, head, sizeof head, file) == FT_OK)
        score = score_head(file, ft_str_n(head, got));
    ft_fd_close(&fd);
    ft_arena_fini(&arena);
    ft_err_clear();
    return score;
}

/* ---- loading */

static void model_free(ft_model *base) {
    model *m = (model *)base;
    if (!m) return;
    ft_scorer_free(m->scorer);
    ft_forest_free(m->forest);
    ft_arena arena = m->arena;
    free(m);
    ft_arena_fini(&arena);
}

static ft_err read_forest(model *m, const char *file) {
    ft_str bytes = { 0 };
    FT_TRY(ft_file_map(&bytes, file));
    ft_err err = ft_forest_read(&m->forest, bytes, file);
    ft_file_unmap(bytes);
    return err;
}

/* schema.json stands beside the file. */
static ft_err read_schema(model *m, const char *file) {
    const char *path = NULL;
    ft_str folder, text = { 0 };
    size_t len = strlen(file) - ft_path_base(ft_str_of(file)).len;
    FT_TRY(ft_arena_str(&folder, &m->arena, len ? ft_str_n(file, len) : FT_STR(".")));
    FT_TRY(ft_path_join(&path, &m->arena, folder.at, "schema.json"));
    if (!ft_file_exists(path)) return FT_OK;
    FT_TRY(ft_file_read(&text, &m->arena, path, SCHEMA_BYTES_MAX));
    ft_err err = ft_schema_read(&m->schema, &m->arena, text);
    if (err) return ft_err_prefix(err, "%s", path);
    if (m->schema->feature_count != m->forest->feature_count)
        return FT_FAIL(FT_EPARSE, "%s: %zu features; the model beside it takes %zu", path,
                       m->schema->feature_count, m->forest->feature_count);
    return FT_OK;
}

static ft_err build(model *m, const char *path) {
    const char *file = NULL;
    FT_TRY(find_file(&file, &m->arena, path));
    FT_TRY(read_forest(m, file));
    FT_TRY(read_schema(m, file));
    FT_TRY(ft_scorer_new(&m->scorer, m->forest, NULL));
    return ft_scorer_describe(&m->paths, m->scorer, &m->arena);
}

static ft_err load(ft_model **out, const char *path) {
    *out = NULL;
    model *m = ft_fault_here() ? NULL : calloc(1, sizeof *m);
    if (!m) return FT_FAIL(FT_ENOMEM, "no memory for a model");
    m->base.predictor = &ft_predictor_xgboost;
    m->arena = (ft_arena)FT_ARENA_INIT(0);
    ft_err err = build(m, path);
    if (err) {
        model_free(&m->base);
        return ft_err_frame(err, __FILE__, __LINE__, "build");
    }
    *out = &m->base;
    return FT_OK;
}

/* ---- describing */

static const char *task_name(ft_task task) {
    static const char *const names[] = { [FT_TASK_REGRESSION] = "regression",
                                         [FT_TASK_BINARY] = "binary classification",
                                         [FT_TASK_MULTICLASS] = "multi-class classification",
                                         [FT_TASK_RANKING] = "ranking",
                                         [FT_TASK_SURVIVAL] = "survival" };
    return names[task];
}

static const char *answer_text(const ft_objective *o) {
    switch (o->transform) {
    case FT_TRANSFORM_NONE:
        return o->task == FT_TASK_BINARY ? "margin" : "value";
    case FT_TRANSFORM_SIGMOID:
        return "probability";
    case FT_TRANSFORM_EXP:
        return "value";
    case FT_TRANSFORM_STEP:
    case FT_TRANSFORM_ARGMAX:
        return "class";
    case FT_TRANSFORM_SOFTMAX:
        return "probability of each class";
    }
    return "";
}

static void text_member(ft_json_out *w, const char *name, const char *text) {
    ft_json_out_name(w, name);
    ft_json_out_text(w, text);
}

static void number_member(ft_json_out *w, const char *name, size_t v) {
    ft_json_out_name(w, name);
    ft_json_out_i64(w, (int64_t)v);
}

static void describe_names(const model *m, ft_json_out *w) {
    const ft_forest *f = m->forest;
    if (!m->schema && !f->names) return;
    ft_json_out_name(w, "feature_names");
    ft_json_out_array(w);
    for (size_t i = 0; i < f->feature_count; i++)
        ft_json_out_str(w, m->schema ? m->schema->features[i].name : f->names[i]);
    ft_json_out_close(w);
}

static void describe_classes(const model *m, ft_json_out *w) {
    if (!m->schema || !m->schema->classes) return;
    ft_json_out_name(w, "classes");
    ft_json_out_array(w);
    for (size_t i = 0; i < m->schema->class_count; i++) ft_json_out_str(w, m->schema->classes[i]);
    ft_json_out_close(w);
}

static void describe(const ft_model *base, ft_json_out *w) {
    static const char *const boosters[] = { [FT_BOOSTER_GBTREE] = "gbtree",
                                            [FT_BOOSTER_DART] = "dart",
                                            [FT_BOOSTER_GBLINEAR] = "gblinear" };
    const model *m = (const model *)base;
    const ft_forest *f = m->forest;
    char version[64];
    snprintf(version, sizeof version, "%d.%d.%d", f->version[0], f->version[1], f->version[2]);
    text_member(w, "algorithm", "xgboost");
    text_member(w, "objective", f->objective->name);
    text_member(w, "task", task_name(f->objective->task));
    text_member(w, "booster", boosters[f->booster]);
    text_member(w, "answer", answer_text(f->objective));
    number_member(w, "features", f->feature_count);
    number_member(w, "outputs", ft_scorer_columns(m->scorer));
    number_member(w, "trees", ft_scorer_trees(m->scorer));
    number_member(w, "trees_stored", f->tree_count);
    number_member(w, "rounds", f->round_count);
    if (f->best_iteration >= 0) number_member(w, "best_iteration", (size_t)f->best_iteration);
    text_member(w, "xgboost_version", version);
    text_member(w, "paths", m->paths.at);
    describe_names(m, w);
    describe_classes(m, w);
}

/* ---- predicting */

static size_t input_cols(const ft_model *m) { return ((const model *)m)->forest->feature_count; }
static size_t output_cols(const ft_model *m) {
    return ft_scorer_columns(((const model *)m)->scorer);
}
static const struct ft_schema *schema_of(const ft_model *m) { return ((const model *)m)->schema; }

static ft_err predict_rows(const ft_model *m, float *out, const float *rows, size_t count) {
    return ft_scorer_predict(((const model *)m)->scorer, out, rows, count);
}

static ft_err predict(const ft_model *base, ft_payload *out, const ft_payload *in, ft_str accept,
                      ft_tap *tap, ft_arena *arena) {
    const model *m = (const model *)base;
    size_t columns = output_cols(base);
    ft_matrix rows = { 0 };
    float *answers;
    FT_UNUSED(tap); /* the endpoint taps what goes in and out; trees have nothing in between */
    FT_TRY(ft_rows_parse(&rows, in, m->schema, input_cols(base), arena));
    FT_TRY(ft_arena_items(&answers, arena, rows.rows * columns + 1));
    FT_TRY(ft_scorer_predict(m->scorer, answers, rows.at, rows.rows));
    return ft_rows_answer(out, answers, rows.rows, columns, accept, arena);
}

const ft_predictor ft_predictor_xgboost = {
    .name = "xgboost",
    .doc = "XGBoost models (JSON, UBJSON)",
    .content_types = "text/csv|text/libsvm|application/json|application/jsonlines",
    .empty_is_fine = true,
    .sniff = sniff,
    .load = load,
    .describe = describe,
    .predict = predict,
    .predict_rows = predict_rows,
    .input_cols = input_cols,
    .output_cols = output_cols,
    .schema = schema_of,
    .free = model_free,
};
