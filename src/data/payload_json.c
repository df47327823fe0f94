/* payload_json.c -- a JSON object as fields: numbers and rectangular lists of numbers are arrays,
 * strings are texts, anything else is its JSON as text; null and absent members are absent. A line
 * that is no object is the field "line". Bytes are written as base64; base64 of a JPEG or PNG is
 * read as a picture. */
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "data/payload_in.h"
#include "data/shown.h"

#define LINE "line"

/* ---- lists of numbers */

typedef struct list {
    int ndim;
    int64_t shape[FT_ARRAY_DIMS_MAX]; /* -1: not yet known */
    bool numbers;                     /* so far nothing else, and rectangular */
    bool whole;                       /* no fraction, fits int64 */
    void *data;                       /* where to put them as `dtype`; NULL: only look */
    ft_dtype dtype;
    size_t count;
} list;

static ft_err item(list *l, ft_json *j) {
    double v;
    ft_str raw;
    ft_json k = *j; /* an integer is read as one where it is one */
    int64_t n;
    if (l->dtype == FT_I64 && l->data) {
        FT_TRY(ft_json_i64(j, &n));
        ((int64_t *)l->data)[l->count++] = n;
        return FT_OK;
    }
    FT_TRY(ft_json_f64(j, &v));
    FT_TRY(ft_json_skip(&k, &raw));
    l->whole = l->whole && ft_str_i64(&n, raw);
    if (l->data) ((double *)l->data)[l->count] = v;
    l->count++;
    return FT_OK;
}

static ft_err level(list *l, ft_json *j, int depth) {
    int64_t n = 0;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        ft_json_kind kind;
        FT_TRY(ft_json_peek(j, &kind));
        bool deeper = kind == FT_JSON_ARRAY && depth + 1 < FT_ARRAY_DIMS_MAX;
        bool fits = l->numbers &&
                    (deeper ? l->ndim == 0 || l->ndim > depth + 1
                            : kind == FT_JSON_NUMBER && (l->ndim == 0 || l->ndim == depth + 1));
        if (!fits) {
            l->numbers = false;
            FT_TRY(ft_json_skip(j, NULL));
        } else if (deeper) {
            FT_TRY(level(l, j, depth + 1));
        } else {
            l->ndim = depth + 1;
            FT_TRY(item(l, j));
        }
        n++;
    }
    if (l->ndim == 0) l->ndim = depth + 1; /* empty */
    if (l->shape[depth] >= 0 && l->shape[depth] != n) l->numbers = false;
    l->shape[depth] = n;
    return j->err;
}

static ft_err list_look(list *l, ft_str raw) {
    ft_json j;
    ft_json_opts opts = { .allow_nan = true };
    l->numbers = l->whole = true;
    memset(l->shape, 0xff, sizeof l->shape);
    ft_json_init(&j, raw, NULL, &opts);
    return level(l, &j, 0);
}

/* ---- pictures, as they are written here: base64 of bytes that begin like one */

static bool begins_as_picture(ft_str text) {
    return ft_str_starts(text, FT_STR("/9j/")) || ft_str_starts(text, FT_STR("iVBORw0KGgo"));
}

static ft_err picture_read(ft_array *values, size_t i, ft_arena *arena, ft_str text) {
    ft_buf b = { .limit_bytes = SIZE_MAX / 2 };
    ft_str copy = { 0 };
    ft_err err = ft_base64_decode(&b, text);
    if (!err) err = ft_arena_str(&copy, arena, ft_buf_str(&b));
    ft_buf_fini(&b);
    if (!err) ft_payload_plan_put_bytes(values, i, copy);
    return err;
}

/* ---- looking */

static ft_err see_member(ft_payload_plan *p, ft_json *j, ft_str name) {
    ft_json_kind kind;
    ft_str raw;
    int64_t n;
    FT_TRY(ft_json_peek(j, &kind));
    FT_TRY(ft_json_skip(j, &raw));
    if (kind == FT_JSON_NULL) return FT_OK;
    if (kind == FT_JSON_BOOL) return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, FT_BOOL, 0, NULL);
    if (kind == FT_JSON_NUMBER)
        return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, ft_str_i64(&n, raw) ? FT_I64 : FT_F64,
                                   0, NULL);
    if (kind == FT_JSON_ARRAY) {
        list l = { 0 };
        FT_TRY(list_look(&l, raw));
        if (l.numbers)
            return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, l.whole ? FT_I64 : FT_F64, l.ndim,
                                       l.shape);
    }
    bool picture = kind == FT_JSON_STRING && begins_as_picture(ft_str_from(raw, 1));
    return ft_payload_plan_see(p, name, picture ? FT_FIELD_IMAGE : FT_FIELD_TEXT, FT_U8, 1, NULL);
}

static ft_err see(ft_payload_plan *p, ft_str bytes) {
    ft_json j;
    ft_json_kind kind;
    ft_str name;
    ft_json_opts opts = { .allow_nan = true };
    p->mix_is_text = true;
    ft_json_init(&j, bytes, p->arena, &opts);
    FT_TRY(ft_json_peek(&j, &kind));
    if (kind != FT_JSON_OBJECT)
        return ft_payload_plan_see(p, FT_STR(LINE), FT_FIELD_TEXT, FT_U8, 1, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) FT_TRY(see_member(p, &j, name));
    FT_TRY(ft_json_end(&j));
    return FT_OK;
}

static ft_err seen(ft_payload_plan *p) {
    for (size_t i = 0; i < p->count; i++) /* a text that only once looked like a picture */
        if (p->fields[i].kind == FT_FIELD_BYTES) p->fields[i].kind = FT_FIELD_TEXT;
    if (p->count == 0) return FT_FAIL(FT_EPARSE, "objects without members");
    return FT_OK;
}

/* ---- reading */

static ft_err number(ft_array *v, const ft_field *f, ft_arena *arena, ft_json *j,
                     ft_json_kind kind) {
    int64_t *n;
    FT_TRY(ft_arena_items(&n, arena, 1));
    *v = (ft_array){ .dtype = f->dtype, .data = n };
    if (kind == FT_JSON_BOOL) {
        bool b;
        FT_TRY(ft_json_bool(j, &b));
        if (f->dtype == FT_BOOL)
            *(bool *)v->data = b;
        else if (f->dtype == FT_F64)
            *(double *)v->data = b;
        else
            *n = b;
        return FT_OK;
    }
    if (f->dtype == FT_I64) return ft_json_i64(j, n);
    if (f->dtype == FT_F64) return ft_json_f64(j, v->data);
    return ft_json_fail(j, "expected true or false, as in the first records");
}

static ft_err numbers(ft_array *v, const ft_field *f, ft_arena *arena, ft_json *j) {
    ft_str raw;
    list l = { 0 };
    FT_TRY(ft_json_skip(j, &raw));
    FT_TRY(list_look(&l, raw));
    if (!l.numbers || l.ndim != f->ndim || (!l.whole && f->dtype == FT_I64))
        return ft_json_fail(j, "'%s' is not a list of %d dimensions of %s, as in the first records",
                            ft_shown(f->name), f->ndim,
                            f->dtype == FT_I64 ? "integers" : "numbers");
    int64_t *data;
    FT_TRY(ft_arena_items(&data, arena, l.count));
    list fill = { .data = data, .dtype = f->dtype };
    FT_TRY(list_look(&fill, raw));
    *v = (ft_array){ .dtype = f->dtype, .ndim = f->ndim, .data = data };
    memcpy(v->shape, l.shape, sizeof l.shape);
    for (int d = 0; d < f->ndim; d++)
        if (v->shape[d] < 0) v->shape[d] = 0;
    return FT_OK;
}

static ft_err read_member(ft_array *values, const ft_payload_plan *p, size_t i, ft_arena *arena,
                          ft_json *j) {
    const ft_field *f = &p->fields[i];
    ft_json_kind kind;
    ft_str text;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_NULL) return ft_json_null(j);
    if (f->kind == FT_FIELD_TEXT) {
        FT_TRY(kind == FT_JSON_STRING ? ft_json_string(j, &text) : ft_json_skip(j, &text));
        ft_payload_plan_put_bytes(values, i, text);
        return FT_OK;
    }
    if (f->kind == FT_FIELD_IMAGE && kind == FT_JSON_STRING) {
        FT_TRY(ft_json_string(j, &text));
        return picture_read(values, i, arena, text);
    }
    if (f->kind == FT_FIELD_ARRAY && f->ndim <= 1 &&
        (kind == FT_JSON_NUMBER || kind == FT_JSON_BOOL)) {
        FT_TRY(number(&values[i], f, arena, j, kind));
        values[i].ndim = f->ndim; /* one where others have several */
        values[i].shape[0] = f->ndim;
        return FT_OK;
    }
    if (f->kind == FT_FIELD_ARRAY && f->ndim && kind == FT_JSON_ARRAY)
        return numbers(&values[i], f, arena, j);
    FT_TRY(ft_json_skip(j, NULL));
    return ft_json_fail(j, "'%s' is of another kind than in the first records", ft_shown(f->name));
}

static ft_err read(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes) {
    ft_json j;
    ft_json_kind kind;
    ft_str name;
    ft_json_opts opts = { .allow_nan = true };
    ft_json_init(&j, bytes, arena, &opts);
    FT_TRY(ft_json_peek(&j, &kind));
    if (kind != FT_JSON_OBJECT) {
        int line = ft_payload_plan_find(p, FT_STR(LINE), 0);
        FT_TRY(ft_json_skip(&j, NULL));
        if (line < 0) return FT_FAIL(FT_EPARSE, "no object, as the first records are");
        ft_payload_plan_put_bytes(values, (size_t)line, bytes);
        return ft_json_end(&j);
    }
    FT_TRY(ft_json_enter_object(&j));
    for (size_t i = 0; ft_json_next_member(&j, &name); i++) {
        int found = ft_payload_plan_find(p, name, i);
        if (found >= 0) FT_TRY(read_member(values, p, (size_t)found, arena, &j));
    }
    return ft_json_end(&j);
}

/* ---- writing */

static ft_err fit(ft_payload_plan *p) {
    (void)p;
    return FT_OK;
}

static void put_array(ft_buf *out, const ft_array *v, int depth, int64_t *at) {
    if (depth == v->ndim) {
        ft_payload_number(out, v, (*at)++);
        return;
    }
    ft_buf_byte(out, '[');
    for (int64_t i = 0; i < v->shape[depth]; i++) {
        if (i) ft_buf_byte(out, ',');
        put_array(out, v, depth + 1, at);
    }
    ft_buf_byte(out, ']');
}

static ft_err write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                    const ft_array *values) {
    (void)arena;
    bool first = true;
    if (p->count == 1 && ft_str_is(p->fields[0].name, LINE) && values[0].data)
        return ft_buf_add(out, ft_value_bytes(&values[0]));
    ft_buf_byte(out, '{');
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        int64_t at = 0;
        if (!values[i].data) continue;
        if (!first) ft_buf_byte(out, ',');
        first = false;
        FT_TRY(ft_json_quote(out, f->name));
        ft_buf_byte(out, ':');
        if (f->kind == FT_FIELD_ARRAY) {
            put_array(out, &values[i], 0, &at);
        } else if (f->kind == FT_FIELD_TEXT) {
            FT_TRY(ft_json_quote(out, ft_value_bytes(&values[i])));
        } else {
            ft_buf_byte(out, '"');
            FT_TRY(ft_base64_add(out, ft_value_bytes(&values[i])));
            ft_buf_byte(out, '"');
        }
    }
    return ft_buf_byte(out, '}');
}

const ft_payload_kind ft_payload_json = {
    .name = "json",
    .see = see,
    .seen = seen,
    .read = read,
    .fit = fit,
    .write = write,
};
