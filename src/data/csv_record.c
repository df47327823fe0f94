/* csv_record.c -- see csv.h: where records and cells begin and end, and what a cell is. */
#include <math.h>

#include "data/csv.h"
#include "data/decimal.h"
#include "data/shown.h"
#include "data/table.h"

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool is_delimiter(const ft_csv_dialect *d, char c) {
    return c == d->delimiter || (d->delimiter == ' ' && c == '\t');
}

/* Blanks before or after a cell; a tab is none where it delimits. */
static const char *skip_blanks(const ft_csv_dialect *d, const char *p, const char *end) {
    while (p < end && is_blank(*p) && *p != d->delimiter) p++;
    return p;
}

/* The byte after the closing quote of a cell that opened just before `p`; NULL: not closed. */
static const char *quote_end(const char *p, const char *end, bool *doubled) {
    *doubled = false;
    for (;;) {
        const char *quote = p < end ? memchr(p, '"', (size_t)(end - p)) : NULL;
        if (!quote) return NULL;
        if (quote + 1 == end || quote[1] != '"') return quote + 1;
        *doubled = true;
        p = quote + 2;
    }
}

/* Cell by cell, for a line that holds a quote somewhere. */
static size_t quoted_record(const ft_csv_dialect *d, ft_str text, bool *whole, bool *in_quotes) {
    const char *p = text.at, *end = text.at + text.len;
    bool doubled;
    while (p < end) {
        p = skip_blanks(d, p, end);
        if (p < end && *p == '"') {
            p = quote_end(p + 1, end, &doubled);
            if (!p) {
                *in_quotes = true;
                return text.len;
            }
        }
        while (p < end && !is_delimiter(d, *p) && *p != d->newline) p++;
        if (p < end && *p == d->newline) {
            *whole = true;
            return (size_t)(p - text.at);
        }
        if (p < end) p++;
    }
    return text.len;
}

size_t ft_csv_record(const ft_csv_dialect *d, ft_str text, bool *whole, bool *in_quotes) {
    const char *newline = text.len ? memchr(text.at, d->newline, text.len) : NULL;
    size_t len = newline ? (size_t)(newline - text.at) : text.len;
    *in_quotes = false;
    *whole = false;
    if (len && memchr(text.at, '"', len)) return quoted_record(d, text, whole, in_quotes);
    *whole = newline != NULL;
    return len;
}

void ft_csv_cells_init(ft_csv_cells *c, const ft_csv_dialect *d, ft_str record, ft_buf *scratch) {
    if (record.len && record.at[record.len - 1] == '\r') record.len--;
    *c = (ft_csv_cells){ record.at, record.at + record.len, *d, true, scratch };
    if (d->delimiter != ' ') return;
    while (c->at < c->end && is_blank(*c->at)) c->at++;
    while (c->end > c->at && is_blank(c->end[-1])) c->end--;
}

/* Step over the delimiter at c->at, or end. */
static void cell_done(ft_csv_cells *c) {
    if (c->at == c->end) {
        c->more = false;
        return;
    }
    c->at++;
    if (c->dialect.delimiter == ' ')
        while (c->at < c->end && is_blank(*c->at)) c->at++;
}

/* "a ""quoted"" word" without the outer quotes and with single inner ones. */
static ft_err undouble(ft_str *out, ft_buf *scratch, const char *p, const char *end) {
    ft_buf_reset(scratch);
    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *stop = quote ? quote + 1 : end;
        FT_TRY(ft_buf_add_n(scratch, p, (size_t)(stop - p)));
        p = quote ? quote + 2 : end;
    }
    *out = ft_buf_str(scratch);
    return FT_OK;
}

static ft_err quoted_cell(ft_str *out, ft_csv_cells *c) {
    bool doubled;
    const char *from = c->at + 1, *after = quote_end(from, c->end, &doubled);
    if (!after) return FT_FAIL(FT_EPARSE, "a quote is never closed");
    if (doubled)
        FT_TRY(undouble(out, c->scratch, from, after - 1));
    else
        *out = ft_str_n(from, (size_t)(after - 1 - from));
    c->at = skip_blanks(&c->dialect, after, c->end);
    if (c->at < c->end && !is_delimiter(&c->dialect, *c->at))
        return FT_FAIL(FT_EPARSE, "text follows a closing quote ('%s')",
                       ft_shown(ft_str_n(c->at, (size_t)(c->end - c->at))));
    cell_done(c);
    return FT_OK;
}

ft_err ft_csv_cell(ft_str *out, ft_csv_cells *c) {
    const ft_csv_dialect *d = &c->dialect;
    const char *p = skip_blanks(d, c->at, c->end);
    if (p < c->end && *p == '"') {
        c->at = p;
        return quoted_cell(out, c);
    }
    const char *from = p;
    while (p < c->end && !is_delimiter(d, *p)) p++;
    c->at = p;
    while (p > from && is_blank(p[-1])) p--;
    *out = ft_str_n(from, (size_t)(p - from));
    cell_done(c);
    return FT_OK;
}

/* "-1,5" as "-1.5"; false when it is not of that form. */
static bool comma_number(float *out, ft_str cell) {
    char copy[64];
    size_t comma = ft_str_find(cell, ',');
    if (comma == cell.len || cell.len >= sizeof copy || ft_str_find(cell, '.') != cell.len)
        return false;
    memcpy(copy, cell.at, cell.len);
    copy[comma] = '.';
    return ft_decimal_f32(out, copy, copy + cell.len) == copy + cell.len;
}

static bool infinite_word(ft_str s) {
    if (s.len && (s.at[0] == '-' || s.at[0] == '+')) s = ft_str_from(s, 1);
    return ft_str_ieq(s, FT_STR("inf")) || ft_str_ieq(s, FT_STR("infinity"));
}

ft_csv_kind ft_csv_number(float *out, const ft_csv_dialect *d, ft_str cell) {
    *out = NAN;
    if (cell.len == 0) return FT_CSV_MISSING;
    const char *end = cell.at + cell.len;
    if (ft_decimal_f32(out, cell.at, end) == end)
        return isinf(*out) ? FT_CSV_INFINITE : FT_CSV_NUMBER;
    if (d->decimal_comma && comma_number(out, cell))
        return isinf(*out) ? FT_CSV_INFINITE : FT_CSV_NUMBER;
    *out = NAN;
    if (ft_text_missing(cell)) return FT_CSV_MISSING;
    return infinite_word(cell) ? FT_CSV_INFINITE : FT_CSV_TEXT;
}
