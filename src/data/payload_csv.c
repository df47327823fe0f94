/* payload_csv.c -- a row of CSV as fields: integers, numbers (a missing one is NaN) or texts, one
 * for each column; or, stacked, all number columns but the label as one array "values".
 *
 * An integer column with a missing value among the first rows is a column of numbers. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/csv_rows_in.h"
#include "data/payload_in.h"
#include "data/shown.h"
#include "data/table.h"

#define STACK_COLUMNS 64

typedef enum cell_kind { CELL_MISSING, CELL_INTEGER, CELL_NUMBER, CELL_TEXT, CELL_KINDS } cell_kind;

typedef struct column {
    ft_str name;
    size_t seen[CELL_KINDS]; /* cells of each kind in the first rows */
    cell_kind kind;
    int field;    /* -1: in the stack */
    size_t place; /* there */
} column;

typedef struct columns {
    ft_csv_dialect dialect;
    bool header;
    column *at;
    size_t count;
    int stack; /* field; -1: none */
    size_t stacked;
} columns;

/* ---- cells */

/* A cell of a dialect with decimal comma is read as if it had a point. */
static bool number_of(double *out, const ft_csv_dialect *d, ft_str cell) {
    char text[64];
    if (d->decimal_comma && cell.len < sizeof text) {
        memcpy(text, cell.at, cell.len);
        for (size_t i = 0; i < cell.len; i++)
            if (text[i] == ',') text[i] = '.';
        cell.at = text;
    }
    return ft_str_f64(out, cell) && isfinite(*out);
}

static cell_kind kind_of(const ft_csv_dialect *d, ft_str cell) {
    int64_t n;
    double x;
    if (ft_text_missing(cell)) return CELL_MISSING;
    if (ft_str_i64(&n, cell)) return CELL_INTEGER;
    return number_of(&x, d, cell) ? CELL_NUMBER : CELL_TEXT;
}

/* ---- looking */

static ft_err columns_new(ft_payload_plan *p, ft_str row, ft_buf *scratch) {
    const csv_rows *begun = p->begun;
    columns *s;
    ft_csv_cells c;
    size_t capacity = 0;
    FT_TRY(ft_arena_take(&s, p->arena, sizeof *s));
    *s = (columns){ .dialect = begun->dialect, .header = begun->header, .stack = -1 };
    ft_csv_cells_init(&c, &s->dialect, s->header ? ft_buf_str(&begun->names) : row, scratch);
    for (; c.more; s->count++) {
        ft_str cell;
        FT_TRY(ft_csv_cell(&cell, &c));
        if (s->count == capacity) {
            column *more;
            capacity = capacity ? capacity * 2 : 64;
            FT_TRY(ft_arena_items(&more, p->arena, capacity));
            if (s->count) memcpy(more, s->at, s->count * sizeof *more);
            s->at = more;
        }
        column *col = &s->at[s->count];
        *col = (column){ .field = -1 };
        if (s->header && cell.len)
            FT_TRY(ft_arena_str(&col->name, p->arena, cell));
        else
            FT_TRY(ft_arena_printf(&col->name, p->arena, "c%zu", s->count));
    }
    p->state = s;
    return FT_OK;
}

static ft_err wrong_count(size_t found, size_t expected) {
    return FT_FAIL(FT_EPARSE, "%zu cells, expected %zu", found, expected);
}

static ft_err see_row(ft_payload_plan *p, ft_str row, ft_buf *scratch) {
    ft_csv_cells c;
    size_t i = 0;
    if (!p->state || p->records == 0) FT_TRY(columns_new(p, row, scratch));
    columns *s = p->state;
    ft_csv_cells_init(&c, &s->dialect, row, scratch);
    for (; c.more; i++) {
        ft_str cell;
        FT_TRY(ft_csv_cell(&cell, &c));
        if (i >= s->count) return wrong_count(i + 1, s->count);
        s->at[i].seen[kind_of(&s->dialect, cell)]++;
    }
    return i == s->count ? FT_OK : wrong_count(i, s->count);
}

static ft_err see(ft_payload_plan *p, ft_str bytes) {
    ft_buf scratch = { 0 };
    ft_err err = see_row(p, bytes, &scratch);
    ft_buf_fini(&scratch);
    return err;
}

/* The label's column as opts name it; count: none. */
static ft_err label_column(size_t *out, const ft_payload_plan *p, const columns *s) {
    static const char *const usual[] = { "label", "target", "class", "y" };
    ft_str name = p->opts->label;
    uint64_t n;
    *out = s->count;
    if (ft_str_is(name, "none")) return FT_OK;
    for (size_t i = 0; i < s->count && name.len; i++)
        if (s->header && ft_str_eq(s->at[i].name, name)) *out = i;
    if (*out < s->count) return FT_OK;
    if (name.len) {
        if (ft_str_is(name, "first"))
            *out = 0;
        else if (ft_str_is(name, "last"))
            *out = s->count - 1;
        else if (ft_str_u64(&n, name) && n < s->count)
            *out = (size_t)n;
        else
            return FT_FAIL(FT_EINVAL, "no column is the label '%s'", ft_shown(name));
        return FT_OK;
    }
    for (size_t k = 0; k < FT_COUNT(usual) && s->header; k++)
        for (size_t i = 0; i < s->count; i++)
            if (ft_str_ieq(s->at[i].name, ft_str_of(usual[k]))) {
                *out = i;
                return FT_OK;
            }
    *out = 0; /* SageMaker's convention */
    return FT_OK;
}

/* As the table reader has it: a text column has mostly texts, or at least 10 and 5 %; a stray one
 * in a number column is an error of its row. */
static cell_kind column_kind(const column *col) {
    size_t texts = col->seen[CELL_TEXT], whole = col->seen[CELL_INTEGER];
    size_t numbers = whole + col->seen[CELL_NUMBER];
    if (texts > numbers || (texts >= 10 && texts * 20 >= texts + numbers)) return CELL_TEXT;
    return numbers == whole && whole && !col->seen[CELL_MISSING] ? CELL_INTEGER : CELL_NUMBER;
}

/* Names are the fields': one that comes again gets a number. */
static ft_err name_once(ft_str *name, const ft_payload_plan *p) {
    ft_str base = *name;
    for (int n = 2; ft_payload_plan_find(p, *name, p->count) >= 0; n++)
        FT_TRY(ft_arena_printf(name, p->arena, "%.*s_%d", FT_STR_ARG(base), n));
    return FT_OK;
}

static ft_err column_field(ft_payload_plan *p, column *col, ft_str name) {
    FT_TRY(name_once(&name, p));
    col->field = (int)p->count;
    if (col->kind == CELL_TEXT) return ft_payload_plan_see(p, name, FT_FIELD_TEXT, FT_U8, 1, NULL);
    return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, col->kind == CELL_INTEGER ? FT_I64 : FT_F64,
                               0, NULL);
}

static ft_err seen(ft_payload_plan *p) {
    columns *s = p->state;
    size_t label;
    int stack = p->opts->stack;
    p->count = 0;
    bool stacks = stack > 0 || (stack == 0 && (!s->header || s->count > STACK_COLUMNS));
    FT_TRY(label_column(&label, p, s));
    s->stacked = 0;
    for (size_t i = 0; i < s->count; i++) {
        column *col = &s->at[i];
        col->kind = column_kind(col);
        if (stacks && i == label) {
            FT_TRY(column_field(p, col, FT_STR("label")));
        } else if (stacks && col->kind != CELL_TEXT) {
            col->field = -1;
            col->place = s->stacked++;
        } else {
            FT_TRY(column_field(p, col, col->name));
        }
    }
    if (!s->stacked) return FT_OK;
    int64_t shape = (int64_t)s->stacked;
    ft_str name = FT_STR("values");
    FT_TRY(name_once(&name, p));
    s->stack = (int)p->count;
    return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, FT_F32, 1, &shape);
}

/* ---- reading */

static ft_err not_a(const columns *s, size_t i, const char *what, ft_str cell) {
    return FT_FAIL(FT_EPARSE, "column %zu (%s): expected %s, found '%s'", i + 1,
                   ft_shown(s->at[i].name), what, ft_shown(cell));
}

static ft_err put_cell(ft_array *values, const ft_payload_plan *p, size_t i, ft_arena *arena,
                       ft_str cell, float *stack, bool scratch) {
    const columns *s = p->state;
    const column *col = &s->at[i];
    bool missing = ft_text_missing(cell);
    double x = NAN;
    if (col->field >= 0 && p->fields[col->field].kind == FT_FIELD_TEXT) {
        if (scratch) FT_TRY(ft_arena_str(&cell, arena, cell));
        ft_payload_plan_put_bytes(values, (size_t)col->field, cell);
        return FT_OK;
    }
    if (col->field >= 0 && p->fields[col->field].dtype == FT_I64) {
        int64_t *n;
        FT_TRY(ft_arena_items(&n, arena, 1));
        if (!ft_str_i64(n, cell)) return not_a(s, i, "an integer, as in the first rows", cell);
        return ft_payload_plan_put(values, p, (size_t)col->field, FT_I64, n, 1);
    }
    if (!missing && !number_of(&x, &s->dialect, cell)) return not_a(s, i, "a number", cell);
    if (col->field < 0) {
        stack[col->place] = (float)x;
        return FT_OK;
    }
    double *at;
    FT_TRY(ft_arena_items(&at, arena, 1));
    *at = x;
    return ft_payload_plan_put(values, p, (size_t)col->field, FT_F64, at, 1);
}

static ft_err read_row(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str row,
                       ft_buf *scratch) {
    const columns *s = p->state;
    ft_csv_cells c;
    float *stack = NULL;
    size_t i = 0;
    if (s->stacked) FT_TRY(ft_arena_items(&stack, arena, s->stacked));
    ft_csv_cells_init(&c, &s->dialect, row, scratch);
    for (; c.more; i++) {
        ft_str cell;
        FT_TRY(ft_csv_cell(&cell, &c));
        if (i >= s->count) return wrong_count(i + 1, s->count);
        bool copied = scratch->at && cell.at == scratch->at;
        FT_TRY(put_cell(values, p, i, arena, cell, stack, copied));
    }
    if (i != s->count) return wrong_count(i, s->count);
    return stack ? ft_payload_plan_put(values, p, (size_t)s->stack, FT_F32, stack, s->stacked)
                 : FT_OK;
}

static ft_err read(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes) {
    ft_buf scratch = { 0 };
    ft_err err = read_row(values, p, arena, bytes, &scratch);
    ft_buf_fini(&scratch);
    return err;
}

/* ---- writing */

static ft_err fit(ft_payload_plan *p) {
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        if (f->kind != FT_FIELD_TEXT && !ft_field_fixed(f))
            return FT_FAIL(FT_EUNSUPPORTED,
                           "field '%s' (%s) does not fit into cells: CSV holds texts, numbers and "
                           "arrays of one size",
                           ft_shown(f->name), ft_field_kind_name(f->kind));
    }
    return FT_OK;
}

static ft_err put_text(ft_buf *out, ft_str text) {
    bool quote = text.len == 0 || text.at[0] == ' ' || text.at[text.len - 1] == ' ';
    for (size_t i = 0; i < text.len && !quote; i++) quote = strchr("\",\r\n\t;|", text.at[i]);
    if (!quote) return ft_buf_add(out, text);
    ft_buf_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"') ft_buf_byte(out, '"');
        ft_buf_byte(out, text.at[i]);
    }
    return ft_buf_byte(out, '"');
}

static size_t cells_of(const ft_field *f) {
    size_t bytes = f->kind == FT_FIELD_ARRAY ? ft_field_bytes(f) : 0;
    return bytes ? bytes / ft_dtype_bytes(f->dtype) : 1;
}

/* An array's columns are numbered from 0. */
static ft_err head(ft_buf *out, const ft_payload_plan *p) {
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        size_t cells = cells_of(f);
        for (size_t k = 0; k < cells; k++) {
            if (i || k) ft_buf_byte(out, ',');
            FT_TRY(put_text(out, f->name));
            if (f->kind == FT_FIELD_ARRAY && f->ndim) {
                bool quoted = out->at[out->len - 1] == '"';
                if (quoted) out->len--;
                ft_buf_printf(out, "_%zu", k);
                if (quoted) ft_buf_byte(out, '"');
            }
        }
    }
    return out->err;
}

static ft_err write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                    const ft_array *values) {
    (void)arena;
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        size_t cells = cells_of(f);
        if (f->kind == FT_FIELD_TEXT) {
            if (i) ft_buf_byte(out, ',');
            if (values[i].data) FT_TRY(put_text(out, ft_value_bytes(&values[i])));
            continue;
        }
        if (values[i].data && (size_t)ft_array_count(&values[i]) != cells)
            return FT_FAIL(FT_EINVAL, "field '%s' has another size than the first record's",
                           ft_shown(f->name));
        for (size_t k = 0; k < cells; k++) {
            if (i || k) ft_buf_byte(out, ',');
            if (values[i].data && !isnan(ft_array_f64(&values[i], (int64_t)k)))
                ft_payload_number(out, &values[i], (int64_t)k);
        }
    }
    if (out->len == 0) ft_buf_add(out, FT_STR("\"\"")); /* a row that would look like none */
    return out->err;
}

const ft_payload_kind ft_payload_csv = {
    .name = "csv",
    .see = see,
    .seen = seen,
    .read = read,
    .fit = fit,
    .head = head,
    .write = write,
};
