/* rows_json.c -- rows in JSON. A row is a list of values, or an object that holds one under
 * "features", "data" or "values" (SageMaker's forms), or an object of values by feature name. */
#include <math.h>

#include "base/number.h"
#include "data/shown.h"
#include "models/rows_in.h"

#define NESTING_MAX \
    8 /* {"instances":[{"data":{"features":{"values":[…]}}}]} is the deepest known */

static ft_err rows_of(rows_build *b, ft_json *j, int depth);

/* ---- values */

static ft_err value_bool(float *out, const rows_build *b, size_t column, bool v) {
    const ft_feature *f =
        b->schema && column < b->schema->feature_count ? &b->schema->features[column] : NULL;
    if (!f || !f->is_category)
        return FT_FAIL(FT_EPARSE, "row %zu, column %zu: expected a number, found %s", b->rows + 1,
                       column + 1, v ? "true" : "false");
    int64_t code = ft_feature_code(f, v ? FT_STR("true") : FT_STR("false"));
    if (code < 0) code = ft_feature_code(f, v ? FT_STR("True") : FT_STR("False"));
    *out = code < 0 ? NAN : (float)code;
    return FT_OK;
}

static ft_err value_number(float *out, const rows_build *b, ft_json *j, size_t column) {
    double v;
    FT_TRY(ft_json_f64(j, &v));
    *out = (float)v;
    if (isinf(*out))
        return FT_FAIL(FT_EPARSE, "row %zu, column %zu: expected a finite number, found %g",
                       b->rows + 1, column + 1, v);
    const ft_feature *f =
        b->schema && column < b->schema->feature_count ? &b->schema->features[column] : NULL;
    if (!f || !f->is_category) return FT_OK;
    char text[FT_NUMBER_TEXT]; /* a category whose texts look like numbers */
    int64_t code = ft_feature_code(f, ft_str_n(text, ft_f64_text(text, v)));
    *out = code < 0 ? NAN : (float)code;
    return FT_OK;
}

static ft_err value_of(float *out, const rows_build *b, ft_json *j, size_t column) {
    ft_json_kind kind;
    ft_str text;
    bool truth;
    *out = NAN;
    FT_TRY(ft_json_peek(j, &kind));
    switch (kind) {
    case FT_JSON_NUMBER:
        return value_number(out, b, j, column);
    case FT_JSON_NULL:
        return ft_json_null(j);
    case FT_JSON_BOOL:
        FT_TRY(ft_json_bool(j, &truth));
        return value_bool(out, b, column, truth);
    case FT_JSON_STRING:
        FT_TRY(ft_json_string(j, &text));
        return rows_text(out, b, column, text);
    default:
        return FT_FAIL(FT_EPARSE, "row %zu, column %zu: expected a number, found %s", b->rows + 1,
                       column + 1, kind == FT_JSON_ARRAY ? "a list" : "an object");
    }
}

/* ---- one row */

static ft_err row_values(rows_build *b, ft_json *j) {
    float value;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(value_of(&value, b, j, b->filled));
        FT_TRY(rows_add(b, value));
    }
    FT_TRY(j->err);
    return rows_end(b);
}

/* The feature's column, or schema->feature_count. Clients send columns in order: look there first.
 */
static size_t feature_by(const ft_schema *schema, ft_str name, size_t guess) {
    if (guess < schema->feature_count && ft_str_eq(schema->features[guess].name, name))
        return guess;
    for (size_t i = 0; i < schema->feature_count; i++)
        if (ft_str_eq(schema->features[i].name, name)) return i;
    return schema->feature_count;
}

/* {"age":39,"job":"clerk"}: absent features are missing, names that are no feature are refused,
 * but for the label's. */
static ft_err row_named(rows_build *b, ft_json *j, ft_str name) {
    const ft_schema *schema = b->schema;
    size_t next = 0;
    FT_TRY(rows_room(b, b->cols));
    float *row = rows_next(b);
    for (size_t i = 0; i < b->cols; i++) row[i] = NAN;
    do {
        size_t column = feature_by(schema, name, next);
        if (column == schema->feature_count) {
            if (!ft_str_eq(name, schema->label_name))
                return FT_FAIL(FT_EINVAL, "row %zu: the model has no feature '%s'", b->rows + 1,
                               ft_shown(name));
            FT_TRY(ft_json_skip(j, NULL));
            continue;
        }
        FT_TRY(value_of(&row[column], b, j, column));
        next = column + 1;
    } while (ft_json_next_member(j, &name));
    FT_TRY(j->err);
    b->filled = b->cols;
    return rows_end(b);
}

/* {"keys":[1,5],"shape":[10],"values":[0.5,2]}: the rest is missing. */
typedef struct sparse {
    ft_str keys, values;
} sparse;

static ft_err row_sparse(rows_build *b, const sparse *s) {
    ft_json keys, values;
    uint64_t key;
    float value;
    if (b->cols == 0) return FT_FAIL(FT_EINVAL, "row %zu: a sparse row for no model", b->rows + 1);
    FT_TRY(rows_room(b, b->cols));
    float *row = rows_next(b);
    for (size_t i = 0; i < b->cols; i++) row[i] = NAN;
    ft_json_init(&keys, s->keys, b->arena, NULL);
    ft_json_init(&values, s->values, b->arena, NULL);
    FT_TRY(ft_json_enter_array(&keys));
    FT_TRY(ft_json_enter_array(&values));
    while (ft_json_next_item(&keys) && ft_json_next_item(&values)) {
        FT_TRY(ft_json_u64(&keys, &key));
        if (key >= b->cols)
            return FT_FAIL(FT_EINVAL, "row %zu: key %llu, the model takes 0 to %zu", b->rows + 1,
                           (unsigned long long)key, b->cols - 1);
        FT_TRY(value_of(&value, b, &values, (size_t)key));
        row[key] = value;
    }
    FT_TRY(keys.err);
    FT_TRY(values.err);
    b->filled = b->cols;
    return rows_end(b);
}

static bool holds_rows(ft_str name) {
    return ft_str_is(name, "instances") || ft_str_is(name, "features") || ft_str_is(name, "data") ||
           ft_str_is(name, "values") || ft_str_is(name, "inputs");
}

/* The members after one that holds rows say nothing more, unless the row is sparse. */
static ft_err rest_of_object(rows_build *b, ft_json *j, sparse *s) {
    ft_str name;
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "keys"))
            FT_TRY(ft_json_skip(j, &s->keys));
        else if (ft_str_is(name, "values"))
            FT_TRY(ft_json_skip(j, &s->values));
        else if (holds_rows(name))
            return FT_FAIL(FT_EPARSE, "row %zu: '%.*s' beside another member that holds values",
                           b->rows + 1, FT_STR_ARG(name));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    return j->err;
}

static ft_err rows_of_object(rows_build *b, ft_json *j, int depth) {
    ft_str name;
    sparse s = { 0 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        bool feature = b->schema && b->schema->named && b->cols == b->schema->feature_count &&
                       feature_by(b->schema, name, 0) < b->cols;
        if (feature) return row_named(b, j, name);
        if (ft_str_is(name, "keys") || ft_str_is(name, "shape")) {
            FT_TRY(ft_json_skip(j, ft_str_is(name, "keys") ? &s.keys : NULL));
            if (!s.keys.at) continue;
            FT_TRY(rest_of_object(b, j, &s));
            if (!s.values.at)
                return FT_FAIL(FT_EPARSE, "row %zu: keys without values", b->rows + 1);
            return row_sparse(b, &s);
        }
        if (ft_str_is(name, "values")) { /* "keys" may follow */
            FT_TRY(ft_json_skip(j, &s.values));
            FT_TRY(rest_of_object(b, j, &s));
            if (s.keys.at) return row_sparse(b, &s);
            ft_json dense;
            ft_json_init(&dense, s.values, b->arena, &j->opts);
            return row_values(b, &dense);
        }
        if (holds_rows(name)) {
            FT_TRY(rows_of(b, j, depth + 1));
            return rest_of_object(b, j, &s);
        }
        if (b->schema && b->schema->named && !ft_str_is(name, "configuration"))
            return FT_FAIL(FT_EINVAL, "row %zu: the model has no feature '%s'", b->rows + 1,
                           ft_shown(name));
        FT_TRY(ft_json_skip(j, NULL));
    }
    FT_TRY(j->err);
    return FT_FAIL(FT_EPARSE,
                   "row %zu: expected \"instances\", \"data\" or \"features\" in the object",
                   b->rows + 1);
}

/* A list of rows, or a row: told by its first item. */
static ft_err rows_of_list(rows_build *b, ft_json *j, int depth) {
    ft_json look = *j; /* reading ahead changes nothing here */
    ft_json_kind kind;
    FT_TRY(ft_json_enter_array(&look));
    if (!ft_json_next_item(&look)) return ft_json_skip(j, NULL);
    FT_TRY(ft_json_peek(&look, &kind));
    if (kind != FT_JSON_ARRAY && kind != FT_JSON_OBJECT) return row_values(b, j);
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) FT_TRY(rows_of(b, j, depth + 1));
    return j->err;
}

static ft_err rows_of(rows_build *b, ft_json *j, int depth) {
    ft_json_kind kind;
    if (depth > NESTING_MAX) return FT_FAIL(FT_EPARSE, "lists deeper than rows and columns");
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_ARRAY) return rows_of_list(b, j, depth);
    if (kind == FT_JSON_OBJECT) return rows_of_object(b, j, depth);
    return FT_FAIL(FT_EPARSE, "row %zu: expected a list or an object of values", b->rows + 1);
}

ft_err rows_json(rows_build *b, ft_str body) {
    ft_json j;
    ft_json_opts opts = { .name = "body" };
    ft_json_init(&j, body, b->arena, &opts);
    FT_TRY(rows_of(b, &j, 0));
    return ft_json_end(&j);
}

ft_err rows_jsonlines(rows_build *b, ft_str body) {
    while (body.len) {
        size_t len = ft_str_find(body, '\n');
        ft_str line = ft_str_trim(ft_str_slice(body, 0, len));
        body = ft_str_from(body, len + 1);
        if (line.len) FT_TRY(rows_json(b, line));
    }
    return FT_OK;
}
