/* answer.c -- see answer.h. */
#include "monitor/answer.h"

#include <math.h>

#define SCORES_MAX    4096 /* of one row that are looked at */
#define SUM_ONE_SLACK 1e-3
#define CLASS_MAX     32767

/* The rows found so far: a list that doubles in the arena. */
typedef struct rows {
    ft_arena *arena;
    ft_answer *at;
    size_t count, capacity;
} rows;

/* The scores of the row being read, folded as they come. */
typedef struct fold {
    size_t count, best;
    double first, most, sum;
    bool probabilities;
} fold;

static void fold_add(fold *f, double score) {
    if (f->count == 0) *f = (fold){ .first = score, .most = score, .probabilities = true };
    if (score > f->most) f->most = score, f->best = f->count;
    if (!(score >= 0 && score <= 1)) f->probabilities = false;
    f->sum += score;
    f->count++;
}

static bool fold_sums_to_one(const fold *f) {
    return f->count > 1 && f->probabilities && fabs(f->sum - 1) < SUM_ONE_SLACK;
}

static ft_err row_add(rows *r, ft_answer answer) {
    FT_TRY(ft_arena_grow(&r->at, &r->capacity, r->arena, r->count));
    r->at[r->count++] = answer;
    return FT_OK;
}

static ft_answer fold_end(const fold *f) {
    ft_answer a = { .prediction = f->count ? f->first : NAN, .confidence = NAN };
    if (f->count <= 1) return a;
    a.prediction = (double)f->best;
    a.scores = f->count;
    if (f->probabilities) a.confidence = f->most;
    return a;
}

ft_answer ft_answer_of(const float *scores, size_t count) {
    fold f = { 0 };
    for (size_t i = 0; i < count; i++) fold_add(&f, (double)scores[i]);
    return fold_end(&f);
}

static ft_err row_end(rows *r, const fold *f) { return row_add(r, fold_end(f)); }

/* ---- text/csv */

static ft_err read_csv(rows *r, ft_str text) {
    while (text.at) {
        ft_str line = ft_str_trim(ft_str_cut(&text, '\n'));
        fold f = { 0 };
        if (!line.len) continue;
        while (line.at && f.count < SCORES_MAX) {
            double score;
            if (!ft_str_f64(&score, ft_str_trim(ft_str_cut(&line, ',')))) break;
            fold_add(&f, score);
        }
        FT_TRY(row_end(r, &f));
    }
    return FT_OK;
}

/* ---- JSON. Functions return the reader's errors to stop; read_json drops them. */

static ft_err read_scores(ft_json *j, fold *f) {
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        double score;
        FT_TRY(ft_json_f64(j, &score));
        if (f->count < SCORES_MAX) fold_add(f, score);
    }
    return j->err;
}

static ft_err read_item(ft_json *j, rows *r);

/* {"score": 0.5} | {"score": [0.1, 0.9]} | {"predicted_label": 3, "score": …} */
static ft_err read_object_item(ft_json *j, rows *r) {
    ft_str name;
    ft_json_kind kind;
    fold f = { 0 };
    double label = NAN;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        FT_TRY(ft_json_peek(j, &kind));
        double number;
        if (ft_str_is(name, "score") && kind == FT_JSON_ARRAY)
            FT_TRY(read_scores(j, &f));
        else if (ft_str_is(name, "score") && kind == FT_JSON_NUMBER) {
            FT_TRY(ft_json_f64(j, &number));
            fold_add(&f, number);
        } else if (ft_str_is(name, "predicted_label") && kind == FT_JSON_NUMBER)
            FT_TRY(ft_json_f64(j, &label));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    FT_TRY(j->err);
    FT_TRY(row_end(r, &f));
    if (!isnan(label)) r->at[r->count - 1].prediction = label;
    return FT_OK;
}

static ft_err read_item(ft_json *j, rows *r) {
    ft_json_kind kind;
    fold f = { 0 };
    double number;
    FT_TRY(ft_json_peek(j, &kind));
    switch (kind) {
    case FT_JSON_OBJECT:
        return read_object_item(j, r);
    case FT_JSON_ARRAY:
        FT_TRY(read_scores(j, &f));
        return row_end(r, &f);
    case FT_JSON_NUMBER:
        FT_TRY(ft_json_f64(j, &number));
        fold_add(&f, number);
        return row_end(r, &f);
    default:
        FT_TRY(ft_json_skip(j, NULL));
        return row_end(r, &f);
    }
}

/* A list: rows, or the scores of one row. */
static ft_err read_list(ft_json *j, rows *r) {
    size_t before = r->count;
    bool plain = true; /* nothing but numbers */
    fold all = { 0 };
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        ft_json_kind kind;
        FT_TRY(ft_json_peek(j, &kind));
        plain = plain && kind == FT_JSON_NUMBER;
        FT_TRY(read_item(j, r));
        if (plain) fold_add(&all, r->at[r->count - 1].prediction);
    }
    FT_TRY(j->err);
    if (!plain || !fold_sums_to_one(&all)) return FT_OK;
    r->count = before;
    return row_end(r, &all);
}

static ft_err read_document(ft_json *j, rows *r) {
    ft_json_kind kind;
    ft_str name;
    bool found = false;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_ARRAY) return read_list(j, r);
    if (kind != FT_JSON_OBJECT) return read_item(j, r);
    ft_json again = *j; /* an object may be the document or an item: seen by its members */
    FT_TRY(ft_json_enter_object(j));
    while (!found && ft_json_next_member(j, &name)) {
        found = ft_str_is(name, "predictions");
        if (!found) FT_TRY(ft_json_skip(j, NULL));
    }
    FT_TRY(j->err);
    if (!found) return *j = again, read_item(j, r);
    FT_TRY(ft_json_peek(j, &kind));
    return kind == FT_JSON_ARRAY ? read_list(j, r) : read_item(j, r);
}

static ft_err read_json(rows *r, ft_str text, bool lines) {
    while (text.at) {
        ft_str part = lines ? ft_str_cut(&text, '\n') : text;
        ft_json j;
        if (!lines) text.at = NULL;
        if (!ft_str_trim(part).len) continue;
        ft_json_init(&j, part, r->arena, &(ft_json_opts){ .allow_nan = true, .name = "answer" });
        ft_err err = read_document(&j, r);
        if (err == FT_ENOMEM) return err;
        if (err) ft_err_clear();
    }
    return FT_OK;
}

ft_err ft_answer_rows(ft_answer **out, size_t *count, const ft_payload *answer, ft_arena *arena) {
    rows r = { .arena = arena };
    ft_str type = answer->content_type, bytes = ft_str_trim(answer->bytes);
    bool lines = ft_str_starts(type, FT_STR("application/jsonlines"));
    bool json = lines || ft_str_starts(type, FT_STR("application/json")) ||
                (!type.len && bytes.len && (bytes.at[0] == '[' || bytes.at[0] == '{'));
    FT_TRY(json ? read_json(&r, bytes, lines) : read_csv(&r, bytes));
    *out = r.at;
    *count = r.count;
    return FT_OK;
}

ft_answers ft_answers_of(const ft_model *m) {
    ft_answers kind = FT_ANSWERS_NUMBER;
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str objective;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    m->predictor->describe(m, &w);
    ft_json_out_close(&w);
    if (!buf.err && ft_json_find(&objective, ft_buf_str(&buf), "objective") == FT_OK) {
        bool binary = ft_str_starts(objective, FT_STR("\"binary:")) &&
                      !ft_str_starts(objective, FT_STR("\"binary:logitraw"));
        kind = binary                                         ? FT_ANSWERS_BINARY
               : ft_str_starts(objective, FT_STR("\"multi:")) ? FT_ANSWERS_CLASSES
                                                              : FT_ANSWERS_NUMBER;
    } else if (m->predictor->output_cols && m->predictor->output_cols(m) > 1) {
        kind = FT_ANSWERS_CLASSES;
    }
    ft_err_clear();
    ft_buf_fini(&buf);
    return kind;
}

int ft_answer_class(ft_answers kind, const ft_answer *answer) {
    double p = answer->prediction;
    if (kind == FT_ANSWERS_NUMBER || !(p >= 0 && p <= CLASS_MAX)) return -1;
    return kind == FT_ANSWERS_BINARY ? p >= 0.5 : (int)p;
}
