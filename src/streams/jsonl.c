/* jsonl.c -- the segment format "jsonl": one JSON object a line, by default one member a column.
 *
 * Source: https://jsonlines.org. A line counts from its newline on, so a torn last line is no
 * record. Numbers that JSON has no word for are the texts "NaN", "Infinity" and "-Infinity"; blobs
 * are base64. A kind with `decode` reads its own lines (captures). */
#include <math.h>

#include "base/hash.h"
#include "base/json.h"
#include "streams/format.h"

/* ---- writing ---- */

static ft_err encode_f64(ft_buf *buf, double v) {
    if (isnan(v)) return ft_buf_add(buf, FT_STR("\"NaN\""));
    if (isinf(v)) return ft_buf_add(buf, v > 0 ? FT_STR("\"Infinity\"") : FT_STR("\"-Infinity\""));
    return ft_buf_f64(buf, v);
}

static ft_err encode_value(ft_buf *buf, const ft_column *column, const ft_value *v) {
    switch (v->type) {
    case FT_VALUE_NULL:
        return ft_buf_add(buf, FT_STR("null"));
    case FT_VALUE_INT:
        if (column->type != FT_VALUE_INT && column->type != FT_VALUE_F64) break;
        return ft_buf_i64(buf, v->i);
    case FT_VALUE_F64:
        if (column->type != FT_VALUE_F64) break;
        return encode_f64(buf, v->f);
    case FT_VALUE_TEXT:
        if (column->type != FT_VALUE_TEXT) break;
        return ft_json_quote(buf, v->s);
    case FT_VALUE_BLOB:
        if (column->type != FT_VALUE_BLOB) break;
        ft_buf_byte(buf, '"');
        ft_base64_add(buf, v->s);
        return ft_buf_byte(buf, '"');
    }
    return FT_FAIL(FT_EINVAL, "column '%s': the value is of another type", column->name);
}

static ft_err encode(ft_buf *buf, const ft_stream_kind *kind, const ft_value *values) {
    for (int i = 0; kind->columns[i].name; i++) {
        ft_buf_add(buf, i ? FT_STR(",\"") : FT_STR("{\""));
        ft_buf_add(buf, ft_str_of(kind->columns[i].name)); /* SQL names need no escape */
        ft_buf_add(buf, FT_STR("\":"));
        FT_TRY(encode_value(buf, &kind->columns[i], &values[i]));
    }
    return ft_buf_add(buf, FT_STR("}\n"));
}

/* ---- reading ---- */

static ft_err f64_word(ft_json *j, double *out) {
    ft_str word;
    FT_TRY(ft_json_string(j, &word));
    if (ft_str_is(word, "NaN"))
        *out = (double)NAN;
    else if (ft_str_is(word, "Infinity"))
        *out = (double)INFINITY;
    else if (ft_str_is(word, "-Infinity"))
        *out = -(double)INFINITY;
    else
        return ft_json_fail(j, "expected a number, found the text '%.*s'", FT_STR_ARG(word));
    return FT_OK;
}

static ft_err blob(ft_json *j, ft_arena *arena, ft_str *out) {
    ft_str text;
    ft_buf bytes = { 0 };
    FT_TRY(ft_json_string(j, &text));
    ft_err err = ft_base64_decode(&bytes, text);
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&bytes));
    ft_buf_fini(&bytes);
    return err;
}

static ft_err decode_value(ft_json *j, ft_arena *arena, const ft_column *column, ft_value *v) {
    ft_json_kind kind;
    ft_value got = { .type = column->type };
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_NULL) return ft_json_null(j);
    switch (column->type) {
    case FT_VALUE_INT:
        FT_TRY(ft_json_i64(j, &got.i));
        break;
    case FT_VALUE_F64:
        FT_TRY(kind == FT_JSON_STRING ? f64_word(j, &got.f) : ft_json_f64(j, &got.f));
        break;
    case FT_VALUE_BLOB:
        FT_TRY(blob(j, arena, &got.s));
        break;
    case FT_VALUE_TEXT:
    case FT_VALUE_NULL:
        FT_TRY(ft_json_string(j, &got.s));
        break;
    }
    *v = got;
    return FT_OK;
}

/* Members usually stand in the order of the columns: `guess` is tried first. */
static int column_of(const ft_stream_kind *kind, int guess, ft_str name) {
    if (kind->columns[guess].name && ft_str_is(name, kind->columns[guess].name)) return guess;
    for (int i = 0; kind->columns[i].name; i++)
        if (ft_str_is(name, kind->columns[i].name)) return i;
    return -1;
}

static ft_err decode_by_name(const ft_segment_look *look, ft_str line) {
    ft_json j;
    ft_str name;
    int guess = 0;
    ft_json_init(&j, line, look->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        int i = column_of(look->kind, guess, name);
        if (i >= 0) guess = i + 1;
        if (i >= 0 && look->wanted >> i & 1)
            FT_TRY(decode_value(&j, look->arena, &look->kind->columns[i], &look->values[i]));
        else
            FT_TRY(ft_json_skip(&j, NULL));
    }
    return ft_json_end(&j);
}

static ft_err next(ft_segment_look *look) {
    ft_str rest = look->data;
    size_t at = 0;
    for (;;) {
        rest = ft_str_from(look->data, at);
        size_t len = ft_str_find(rest, '\n');
        if (len == rest.len) break;
        look->raw = ft_str_slice(rest, 0, len);
        at += len + 1;
        if (len == 0) continue; /* an empty line is no record and no damage */
        look->used = at;
        ft_err err = look->kind->decode
                         ? look->kind->decode(look->values, look->wanted, look->raw, look->arena)
                         : decode_by_name(look, look->raw);
        if (err == FT_OK || err == FT_ENOMEM) return err;
        return FT_FAIL(FT_ECORRUPT, "%s", ft_err_why());
    }
    look->used = at;
    if (!look->last || rest.len == 0) return FT_ENOTFOUND;
    look->used = look->data.len;
    return FT_FAIL(FT_ECORRUPT, "the last line has no end");
}

static ft_err sync(ft_segment_look *look) {
    size_t at = ft_str_find(look->data, '\n');
    if (at == look->data.len) return FT_ENOTFOUND;
    look->used = at + 1;
    return FT_OK;
}

const ft_segment_format ft_format_jsonl = {
    .name = "jsonl",
    .suffix = ".jsonl",
    .doc = "one JSON object a line",
    .encode = encode,
    .text = true,
    .next = next,
    .sync = sync,
};
