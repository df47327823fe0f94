/* baseline.c -- what traffic should look like: statistics and constraints of a training table and
 * of what the model answers to it. */

#include "monitor/rows_in.h"
#include "store/objects.h"

#define BLOCK_ROWS 256

static ft_err name_features(ft_statistics *stats, const ft_table *t, ft_answers answers,
                            bool predicted) {
    for (size_t i = 0; i < t->cols; i++) {
        const ft_feature *f = &t->schema->features[i];
        FT_TRY(ft_arena_str(&stats->features[i].name, &stats->arena, f->name));
        stats->features[i].is_text = f->is_category;
    }
    if (!predicted) return FT_OK;
    ft_stat *p = &stats->features[t->cols];
    p->name = FT_STR(FT_MONITOR_PREDICTION);
    p->is_text = answers != FT_ANSWERS_NUMBER;
    return FT_OK;
}

/* ---- features: blocks of rows, each column of a block at once */

static ft_err add_categories(ft_statistics *stats, ft_stat *to, const ft_feature *f,
                             const float *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool known = values[i] >= 0 && values[i] < (float)f->category_count;
        FT_TRY(ft_stat_add_text(stats, to, known ? f->categories[(size_t)values[i]] : (ft_str){ 0 },
                                1));
    }
    return FT_OK;
}

static ft_err add_block(ft_statistics *stats, const ft_table *t, const float *rows, size_t n) {
    float column[BLOCK_ROWS];
    for (size_t c = 0; c < t->cols; c++) {
        ft_stat *to = &stats->features[c];
        for (size_t r = 0; r < n; r++) column[r] = rows[r * t->cols + c];
        if (to->is_text)
            FT_TRY(add_categories(stats, to, &t->schema->features[c], column, n));
        else
            FT_TRY(ft_stat_add(stats, to, column, n));
    }
    return FT_OK;
}

/* ---- answers */

typedef struct answering {
    bool there;
    const ft_answer *given; /* one a row; NULL: the model is asked */
    const ft_model *model;
    ft_answers kind;
    float *scores; /* BLOCK_ROWS rows of `cols` */
    size_t cols;
} answering;

static ft_err add_answers(ft_statistics *stats, ft_stat *to, const answering *a, const float *rows,
                          size_t from, size_t n) {
    if (!a->given) FT_TRY(a->model->predictor->predict_rows(a->model, a->scores, rows, n));
    for (size_t r = 0; r < n; r++) {
        ft_answer answer =
            a->given ? a->given[from + r] : ft_answer_of(&a->scores[r * a->cols], a->cols);
        FT_TRY(ft_stat_add_answer(stats, to, a->kind, &answer));
    }
    return FT_OK;
}

static ft_err gather(ft_statistics *stats, const ft_table *t, const answering *a, ft_arena *arena) {
    float *rows;
    FT_TRY(ft_arena_items(&rows, arena, BLOCK_ROWS * t->cols));
    for (size_t from = 0; from < t->rows; from += BLOCK_ROWS) {
        size_t n = t->rows - from < BLOCK_ROWS ? t->rows - from : BLOCK_ROWS;
        for (size_t r = 0; r < n; r++) ft_table_row(t, from + r, &rows[r * t->cols]);
        FT_TRY(add_block(stats, t, rows, n));
        if (a->there) FT_TRY(add_answers(stats, &stats->features[t->cols], a, rows, from, n));
    }
    stats->items = t->rows;
    return FT_OK;
}

/* ---- the files */

static ft_err put(ft_store *s, ft_arena *arena, ft_str endpoint, const char *name,
                  const ft_buf *text) {
    ft_str key;
    FT_TRY(text->err);
    FT_TRY(ft_baseline_key(&key, arena, endpoint, name));
    ft_object_put_opts opts = { .content_type = FT_STR("application/json") };
    return ft_object_put(NULL, s, FT_STR(FT_BUCKET_DEFAULT), key, ft_buf_str(text), &opts);
}

static ft_err store(ft_store *s, ft_arena *arena, ft_str endpoint, const ft_table *t,
                    ft_statistics *stats) {
    ft_constraints *constraints = NULL;
    ft_buf text = { 0 };
    ft_err err;
    FT_GOTO(err, ft_constraints_suggest(&constraints, stats));
    FT_GOTO(err, ft_statistics_write(&text, stats));
    FT_GOTO(err, put(s, arena, endpoint, "statistics.json", &text));
    ft_buf_reset(&text);
    FT_GOTO(err, ft_constraints_write(&text, constraints));
    FT_GOTO(err, put(s, arena, endpoint, "constraints.json", &text));
    ft_buf_reset(&text);
    FT_GOTO(err, ft_schema_write(&text, t->schema));
    FT_GOTO(err, put(s, arena, endpoint, "schema.json", &text));
done:
    ft_constraints_free(constraints);
    ft_buf_fini(&text);
    return err;
}

static double largest_share(const ft_stat *f) {
    uint64_t most = 0;
    for (size_t i = 0; i < f->value_count; i++)
        if (f->values[i].count > most) most = f->values[i].count;
    return f->present ? (double)most / (double)f->present : 0;
}

static ft_err prepare(answering *out, ft_arena *arena, const ft_table *t, const ft_model *model) {
    *out = (answering){ 0 };
    if (!model || !model->predictor->predict_rows) return FT_OK;
    size_t takes = model->predictor->input_cols(model);
    if (takes != t->cols)
        return FT_FAIL(FT_EINVAL, "%.*s has %zu features, the model takes %zu",
                       FT_STR_ARG(t->source), t->cols, takes);
    *out = (answering){ .there = true,
                        .model = model,
                        .kind = ft_answers_of(model),
                        .cols = model->predictor->output_cols(model) };
    return ft_arena_items(&out->scores, arena, BLOCK_ROWS * out->cols);
}

static ft_err make(ft_store *s, ft_str endpoint, const ft_table *table, answering a,
                   const ft_model *model) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_statistics *stats = NULL;
    ft_err err;
    if (!table->rows || !table->cols)
        return FT_FAIL(FT_EINVAL, "%.*s: a baseline needs rows and features",
                       FT_STR_ARG(table->source));
    if (!a.given) FT_GOTO(err, prepare(&a, &arena, table, model));
    FT_GOTO(err, ft_statistics_new(&stats, table->cols + a.there));
    FT_GOTO(err, name_features(stats, table, a.kind, a.there));
    FT_GOTO(err, gather(stats, table, &a, &arena));
    FT_GOTO(err, store(s, &arena, endpoint, table, stats));
    FT_GOTO(err, ft_baseline_store_row(s, endpoint, a.kind,
                                       a.there ? largest_share(&stats->features[table->cols]) : 0,
                                       table));
    err = ft_monitor_rules(s, endpoint);
done:
    ft_statistics_free(stats);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_monitor_baseline(ft_store *s, ft_str endpoint, const ft_table *table,
                           const ft_model *model) {
    return make(s, endpoint, table, (answering){ 0 }, model);
}

ft_err ft_monitor_baseline_answered(ft_store *s, ft_str endpoint, const ft_table *table,
                                    ft_answers kind, const ft_answer *answers) {
    return make(s, endpoint, table, (answering){ .there = true, .given = answers, .kind = kind },
                NULL);
}
