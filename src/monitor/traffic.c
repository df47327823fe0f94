/* traffic.c -- see traffic.h. */
#include "monitor/traffic.h"

#include <math.h>

#include "base/json.h"
#include "models/rows.h"

typedef struct reader {
    ft_arena *arena;
    ft_traffic_row row;
    void *ctx;
    ft_str *cells;
    size_t count, room;
} reader;

static ft_err cell_add(reader *r, ft_str text) {
    if (r->count >= FT_TRAFFIC_CELLS_MAX)
        return FT_FAIL(FT_ETOOBIG, "a row of more than %zu values", FT_TRAFFIC_CELLS_MAX);
    FT_TRY(ft_arena_grow(&r->cells, &r->room, r->arena, r->count));
    r->cells[r->count++] = ft_text_missing(text) ? (ft_str){ 0 } : text;
    return FT_OK;
}

static ft_err row_end(reader *r) {
    size_t count = r->count;
    r->count = 0;
    return count ? r->row(r->ctx, r->cells, count) : FT_OK;
}

/* ---- text/csv (RFC 4180: quoted cells may hold commas and doubled quotes) */

static ft_err quoted_cell(reader *r, ft_str *line) {
    ft_str out;
    char *to;
    size_t i = 1, n = 0;
    FT_TRY(ft_arena_str(&out, r->arena, *line));
    to = (char *)(uintptr_t)out.at; /* the copy is ours */
    for (; i < line->len; i++) {
        if (line->at[i] == '"') {
            if (i + 1 >= line->len || line->at[i + 1] != '"') break;
            i++;
        }
        to[n++] = line->at[i];
    }
    if (i >= line->len) return FT_FAIL(FT_EPARSE, "a quoted value has no end");
    ft_str rest = ft_str_from(*line, i + 1), between = ft_str_cut(&rest, ',');
    if (ft_str_trim(between).len) return FT_FAIL(FT_EPARSE, "text after a quoted value");
    *line = rest;
    return cell_add(r, ft_str_n(to, n));
}

static ft_err read_csv(reader *r, ft_str text) {
    while (text.at) {
        ft_str line = ft_str_cut(&text, '\n');
        if (!ft_str_trim(line).len) continue;
        while (line.at) {
            ft_str cell = ft_str_trim(line);
            if (cell.len && cell.at[0] == '"') {
                line = cell;
                FT_TRY(quoted_cell(r, &line));
            } else {
                FT_TRY(cell_add(r, ft_str_trim(ft_str_cut(&line, ','))));
            }
        }
        FT_TRY(row_end(r));
    }
    return FT_OK;
}

/* ---- JSON */

static ft_err json_cell(ft_json *j, reader *r) {
    ft_json_kind kind;
    ft_str text;
    FT_TRY(ft_json_peek(j, &kind));
    switch (kind) {
    case FT_JSON_STRING:
        FT_TRY(ft_json_string(j, &text));
        break;
    case FT_JSON_NULL:
        FT_TRY(ft_json_null(j));
        return cell_add(r, FT_STR(""));
    case FT_JSON_NUMBER:
    case FT_JSON_BOOL:
        FT_TRY(ft_json_skip(j, &text));
        break;
    default:
        return ft_json_fail(j, "expected a number, a text or null");
    }
    return cell_add(r, text);
}

static ft_err json_object(ft_json *j, reader *r);

/* A list of cells is a row, a list of lists or objects is rows. */
static ft_err json_list(ft_json *j, reader *r) {
    ft_json_kind kind;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(ft_json_peek(j, &kind));
        if (kind == FT_JSON_OBJECT)
            FT_TRY(json_object(j, r));
        else if (kind == FT_JSON_ARRAY)
            FT_TRY(json_list(j, r));
        else
            FT_TRY(json_cell(j, r));
    }
    FT_TRY(j->err);
    return row_end(r);
}

/* The member that holds the rows, or the row. */
static ft_err json_object(ft_json *j, reader *r) {
    ft_str name;
    bool found = false;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (!ft_str_is(name, "instances") && !ft_str_is(name, "features") &&
            !ft_str_is(name, "data"))
            continue;
        FT_TRY(json_list(j, r));
        found = true;
    }
    FT_TRY(j->err);
    return found ? FT_OK : ft_json_fail(j, "expected \"instances\", \"features\" or \"data\"");
}

static ft_err read_json(reader *r, ft_str text, bool lines) {
    while (text.at) {
        ft_str part = lines ? ft_str_cut(&text, '\n') : text;
        ft_json_kind kind;
        ft_json j;
        if (!lines) text.at = NULL;
        if (lines && !ft_str_trim(part).len) continue;
        ft_json_init(&j, part, r->arena, &(ft_json_opts){ .name = "request" });
        FT_TRY(ft_json_peek(&j, &kind));
        FT_TRY(kind == FT_JSON_OBJECT ? json_object(&j, r) : json_list(&j, r));
        FT_TRY(ft_json_end(&j));
    }
    return FT_OK;
}

/* ---- other types: numbers as the model's reader gives them, categories back to their texts */

static ft_err read_matrix(reader *r, const ft_payload *body, const ft_schema *schema) {
    ft_matrix m = { 0 };
    FT_TRY(ft_rows_parse(&m, body, schema, 0, r->arena));
    for (size_t i = 0; i < m.rows; i++) {
        for (size_t c = 0; c < m.cols; c++) {
            float v = m.at[i * m.cols + c];
            ft_str text = FT_STR("");
            const ft_feature *f = schema && c < schema->feature_count ? &schema->features[c] : NULL;
            if (f && f->is_category && v >= 0 && (size_t)v < f->category_count)
                text = f->categories[(size_t)v];
            else if (!isnan(v))
                FT_TRY(ft_arena_printf(&text, r->arena, "%.9g", (double)v));
            FT_TRY(cell_add(r, text));
        }
        FT_TRY(row_end(r));
    }
    return FT_OK;
}

ft_err ft_traffic_read(const ft_payload *body, const ft_schema *schema, ft_arena *arena,
                       ft_traffic_row row, void *ctx) {
    reader r = { .arena = arena, .row = row, .ctx = ctx };
    ft_str type =
        ft_str_trim(ft_str_slice(body->content_type, 0, ft_str_find(body->content_type, ';')));
    ft_str text = ft_str_trim(body->bytes);
    bool guess = !type.len, json = text.len && (text.at[0] == '[' || text.at[0] == '{');
    if (ft_str_ieq(type, FT_STR("application/jsonlines"))) return read_json(&r, text, true);
    if (ft_str_ieq(type, FT_STR("application/json")) || (guess && json))
        return read_json(&r, text, false);
    if (ft_str_ieq(type, FT_STR("text/csv")) || guess) return read_csv(&r, text);
    return read_matrix(&r, body, schema);
}
