/* rows.c -- request bodies to matrices: which format, and CSV and libsvm themselves; JSON is in
 * rows_json.c, answers are in rows_answer.c. See rows.h. */
#include "models/rows.h"

#include <math.h>

#include "base/check.h"
#include "data/csv.h"
#include "data/decimal.h"
#include "data/npy.h"
#include "data/shown.h"
#include "models/rows_in.h"

/* ---- the matrix */

ft_err rows_room(rows_build *b, size_t count) {
    size_t used = b->rows * b->cols + b->filled, capacity = b->capacity * 4;
    float *more;
    if (count <= b->capacity - used) return FT_OK;
    if (capacity < used + count) capacity = used + count;
    FT_TRY(ft_arena_items(&more, b->arena, capacity));
    if (used) memcpy(more, b->at, used * sizeof *more);
    b->at = more;
    b->capacity = capacity;
    return FT_OK;
}

float *rows_next(rows_build *b) { return b->at + b->rows * b->cols + b->filled; }

ft_err rows_count_wrong(const rows_build *b, size_t found) {
    if (b->rows && !b->schema)
        return FT_FAIL(FT_EINVAL, "row %zu has %zu column%s, expected %zu", b->rows + 1, found,
                       found == 1 ? "" : "s", b->cols);
    return FT_FAIL(FT_EINVAL, "row %zu has %zu column%s, the model takes %zu", b->rows + 1, found,
                   found == 1 ? "" : "s", b->cols);
}

ft_err rows_add(rows_build *b, float value) {
    if (b->cols && b->filled == b->cols) return rows_count_wrong(b, b->filled + 1);
    FT_TRY(rows_room(b, 1));
    *rows_next(b) = value;
    b->filled++;
    return FT_OK;
}

ft_err rows_end(rows_build *b) {
    if (b->cols == 0) b->cols = b->filled;
    if (b->filled != b->cols || b->cols == 0) return rows_count_wrong(b, b->filled);
    b->rows++;
    b->filled = 0;
    return FT_OK;
}

static ft_err bad_text(const rows_build *b, size_t column, ft_str text, const char *expected) {
    return FT_FAIL(FT_EPARSE, "row %zu, column %zu: expected %s, found '%s'", b->rows + 1,
                   column + 1, expected, ft_shown(text));
}

ft_err rows_text(float *out, const rows_build *b, size_t column, ft_str text) {
    const ft_feature *f =
        b->schema && column < b->schema->feature_count ? &b->schema->features[column] : NULL;
    ft_csv_kind kind = ft_csv_number(out, &FT_CSV_DIALECT, text);
    if (kind == FT_CSV_MISSING) return FT_OK;
    if (f && f->is_category) {
        int64_t code = ft_feature_code(f, text);
        *out = code < 0 ? NAN : (float)code;
        return FT_OK;
    }
    if (kind == FT_CSV_NUMBER) return FT_OK;
    return bad_text(b, column, text, kind == FT_CSV_TEXT ? "a number" : "a finite number");
}

/* ---- CSV */

/* Numbers that fill their cells, read in place, as far as they go. false: the record ends. */
static bool plain_numbers(rows_build *b, const char **at, const char *end, char delimiter) {
    float *row = rows_next(b) - b->filled, v;
    size_t column = b->filled;
    const char *p = *at;
    bool more = true;
    for (; more && column < b->cols; column++) {
        const char *q = ft_decimal_f32(&v, p, end);
        if (!q || (q < end && *q != delimiter) || isinf(v)) break;
        row[column] = v;
        more = q < end;
        p = q + more;
    }
    b->filled = column;
    *at = p;
    return more;
}

static ft_err too_many(const rows_build *b, ft_csv_cells *walk) {
    size_t found = b->filled + 1;
    ft_str cell;
    for (; walk->more; found++)
        if (ft_csv_cell(&cell, walk)) break;
    return rows_count_wrong(b, found);
}

static ft_err csv_row(rows_build *b, const ft_csv_dialect *d, ft_str record, ft_buf *scratch) {
    const bool plain = b->cols && !(b->schema && b->schema->has_categories);
    ft_csv_cells walk;
    ft_str cell;
    float value;
    ft_csv_cells_init(&walk, d, record, scratch);
    if (b->cols) FT_TRY(rows_room(b, b->cols));
    while (walk.more) {
        if (plain) walk.more = plain_numbers(b, &walk.at, walk.end, d->delimiter);
        if (!walk.more) break;
        ft_err err = ft_csv_cell(&cell, &walk);
        if (err) return ft_err_prefix(err, "row %zu, column %zu", b->rows + 1, b->filled + 1);
        if (b->cols && b->filled == b->cols) {
            if (cell.len == 0 && !walk.more) break; /* "1,2," */
            return too_many(b, &walk);
        }
        FT_TRY(rows_text(&value, b, b->filled, cell));
        FT_TRY(rows_add(b, value));
    }
    return rows_end(b);
}

/* The delimiter of a body: a comma, unless the first line has none but another one. */
static char body_delimiter(ft_str body) {
    static const char others[] = { '\t', ';', '|' };
    ft_str line = ft_str_slice(body, 0, ft_str_find(body, '\n'));
    if (memchr(line.at, ',', line.len)) return ',';
    for (size_t i = 0; i < sizeof others; i++)
        if (memchr(line.at, others[i], line.len)) return others[i];
    return ',';
}

ft_err rows_csv(rows_build *b, ft_str body) {
    ft_err err = FT_OK;
    ft_csv_dialect d = FT_CSV_DIALECT;
    ft_buf scratch = { 0 };
    bool whole, in_quotes;
    if (ft_str_starts(body, FT_STR("\xef\xbb\xbf"))) body = ft_str_from(body, 3);
    if (body.len) d.delimiter = body_delimiter(body);
    while (body.len) {
        size_t len = ft_csv_record(&d, body, &whole, &in_quotes);
        ft_str record = ft_str_slice(body, 0, len);
        body = ft_str_from(body, len + 1);
        bool blank = (len == 0 || (unsigned char)record.at[0] <= ' ') && !ft_str_trim(record).len;
        if (!blank) FT_GOTO(err, csv_row(b, &d, record, &scratch));
    }
done:
    ft_buf_fini(&scratch);
    return err;
}

static ft_err finish(ft_matrix *out, const rows_build *b) {
    if (b->rows == 0) return FT_FAIL(FT_EPARSE, "the body has no rows");
    *out = (ft_matrix){ b->at, b->rows, b->cols };
    return FT_OK;
}

ft_err ft_rows_parse_csv(ft_matrix *out, ft_str body, const ft_schema *schema, size_t cols,
                         ft_arena *arena) {
    rows_build b = { .arena = arena, .schema = schema, .cols = cols };
    *out = (ft_matrix){ 0 };
    FT_TRY(rows_csv(&b, body));
    return finish(out, &b);
}

/* ---- libsvm */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

typedef struct pair {
    uint64_t index;
    float value;
    bool is_pair; /* else a label or qid: passed over */
} pair;

/* The next item of a line; false at its end. */
static ft_err next_pair(pair *out, ft_str *line, size_t row, bool *more) {
    while (line->len && is_blank(line->at[0])) *line = ft_str_from(*line, 1);
    size_t len = 0;
    while (len < line->len && !is_blank(line->at[len])) len++;
    ft_str item = ft_str_slice(*line, 0, len);
    *more = len > 0;
    *line = ft_str_from(*line, len);
    size_t colon = ft_str_find(item, ':');
    ft_str head = ft_str_slice(item, 0, colon), tail = ft_str_from(item, colon + 1);
    out->is_pair = colon < item.len && !ft_str_is(head, "qid");
    if (!out->is_pair) return FT_OK;
    if (!ft_str_u64(&out->index, head) ||
        ft_csv_number(&out->value, &FT_CSV_DIALECT, tail) == FT_CSV_TEXT || isinf(out->value))
        return FT_FAIL(FT_EPARSE, "row %zu: expected index:value, found '%s'", row + 1,
                       ft_shown(item));
    if (out->index >= FT_TABLE_COLS_MAX)
        return FT_FAIL(FT_ETOOBIG, "row %zu: index %llu is beyond %zu, the largest", row + 1,
                       (unsigned long long)out->index, FT_TABLE_COLS_MAX - 1);
    return FT_OK;
}

static bool next_line(ft_str *line, ft_str *body) {
    while (body->len) {
        size_t len = ft_str_find(*body, '\n');
        *line = ft_str_trim(ft_str_slice(*body, 0, len));
        *body = ft_str_from(*body, len + 1);
        if (line->len) return true;
    }
    return false;
}

/* Without a model's width the largest index tells it. */
static ft_err libsvm_cols(rows_build *b, ft_str body) {
    ft_str line;
    pair p;
    bool more;
    for (size_t row = 0; next_line(&line, &body); row++)
        for (more = true; more;) {
            FT_TRY(next_pair(&p, &line, row, &more));
            if (more && p.is_pair && p.index >= b->cols) b->cols = (size_t)p.index + 1;
        }
    return b->cols ? FT_OK : FT_FAIL(FT_EPARSE, "row 1: expected index:value, found none");
}

ft_err rows_libsvm(rows_build *b, ft_str body) {
    ft_str line;
    pair p;
    bool more;
    if (b->cols == 0) FT_TRY(libsvm_cols(b, body));
    while (next_line(&line, &body)) {
        FT_TRY(rows_room(b, b->cols));
        float *row = rows_next(b);
        for (size_t i = 0; i < b->cols; i++) row[i] = NAN;
        for (more = true; more;) {
            FT_TRY(next_pair(&p, &line, b->rows, &more));
            if (!more || !p.is_pair) continue;
            if (p.index >= b->cols)
                return FT_FAIL(FT_EINVAL, "row %zu has index %llu, the model takes 0 to %zu",
                               b->rows + 1, (unsigned long long)p.index, b->cols - 1);
            row[p.index] = p.value;
        }
        b->rows++;
    }
    return FT_OK;
}

/* ---- which format */

/* By the first bytes, for a body without content type. */
static ft_err rows_guessed(rows_build *b, ft_str body) {
    if (ft_npy_is(body)) return rows_npy(b, body);
    if (ft_str_starts(body, FT_STR("\x0a\x23\xd7\xce"))) return rows_recordio(b, body);
    ft_str text = ft_str_trim(body), line = ft_str_slice(text, 0, ft_str_find(text, '\n'));
    if (text.len && (text.at[0] == '{' || text.at[0] == '[')) return rows_json(b, body);
    size_t colon = ft_str_find(line, ':');
    if (colon < ft_str_find(line, ',') && colon < ft_str_find(line, '"'))
        return rows_libsvm(b, body);
    return rows_csv(b, body);
}

static const struct {
    const char *type;
    ft_err (*read)(rows_build *b, ft_str body);
} readers[] = {
    { "text/csv", rows_csv },
    { "application/json", rows_json },
    { "text/libsvm", rows_libsvm },
    { "text/x-libsvm", rows_libsvm },
    { "application/jsonlines", rows_jsonlines },
    { "application/x-jsonlines", rows_jsonlines },
    { "application/x-recordio-protobuf", rows_recordio },
    { "application/x-npy", rows_npy },
    { "text/tab-separated-values", rows_csv },
    { "text/plain", rows_guessed },
    { "application/octet-stream", rows_guessed },
    { "application/x-www-form-urlencoded", rows_guessed }, /* curl -d without a header */
};

ft_err ft_rows_parse(ft_matrix *out, const ft_payload *in, const ft_schema *schema, size_t cols,
                     ft_arena *arena) {
    rows_build b = { .arena = arena, .schema = schema, .cols = cols };
    *out = (ft_matrix){ 0 };
    if (in->content_type.len == 0) {
        FT_TRY(rows_guessed(&b, in->bytes));
        return finish(out, &b);
    }
    for (size_t i = 0; i < FT_COUNT(readers); i++) {
        if (!ft_media_is(in->content_type, readers[i].type)) continue;
        FT_TRY(readers[i].read(&b, in->bytes));
        return finish(out, &b);
    }
    return FT_FAIL(
        FT_EMEDIA,
        "content type '%s' is not read here: expected text/csv, application/json, "
        "application/jsonlines, text/libsvm, application/x-recordio-protobuf or application/x-npy",
        ft_shown(in->content_type));
}
