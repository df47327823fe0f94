/* csv_rows.c -- CSV as records: a row each, the header (where there is one) before the first. The
 * table reader is csv.c.
 *
 * A header is there when the first row has a text where later rows have numbers, or, where no
 * column has numbers, when none of its words comes again in its column. */
#include <stdlib.h>

#include "base/fault.h"
#include "base/hash.h"
#include "data/csv_rows_in.h"
#include "data/record_in.h"
#include "data/table_in.h"

#define HEAD_BYTES ((size_t)64 << 10)
#define LOOK_ROWS  200
#define LOOK_COLS  4096

/* ---- one row */

/* The next row that is not empty; the stream stays before it, `*bytes` long with its newline. */
static ft_err row_next(ft_str *row, size_t *bytes, ft_record_read *r) {
    const csv_rows *s = r->state;
    size_t want = 1;
    for (;;) {
        ft_str view;
        bool whole, in_quotes;
        FT_TRY(ft_input_peek(&view, r->in, want));
        if (view.len == 0) return FT_ENOTFOUND;
        size_t len = ft_csv_record(&s->dialect, view, &whole, &in_quotes);
        FT_TRY(ft_record_fits(r, len));
        if (!whole && view.len >= want) { /* perhaps the rest is yet to come */
            want = view.len > r->record_bytes_max / 2 ? r->record_bytes_max + 1 : view.len * 2;
            continue;
        }
        if (!whole && in_quotes) return FT_FAIL(FT_EPARSE, "a quote is never closed");
        *bytes = whole ? len + 1 : len;
        *row = ft_str_slice(view, 0, len);
        if (row->len && row->at[row->len - 1] == '\r') row->len--;
        if (row->len) return FT_OK;
        ft_input_skip(r->in, *bytes);
        want = 1;
    }
}

static ft_err csv_next(ft_record_read *r, ft_record *out) {
    size_t bytes = 0;
    ft_err err = row_next(&out->bytes, &bytes, r);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    ft_input_skip(r->in, bytes);
    r->can_skip = true;
    return FT_OK;
}

/* ---- the header */

typedef struct look {
    uint64_t words[LOOK_COLS]; /* of the first row, hashed */
    bool text[LOOK_COLS], number_below[LOOK_COLS];
    size_t columns;
    bool recurs;
} look;

static ft_err look_row(look *k, const csv_rows *s, ft_str row, bool first, ft_buf *scratch) {
    ft_csv_cells c;
    size_t i = 0;
    ft_csv_cells_init(&c, &s->dialect, row, scratch);
    for (; c.more && i < LOOK_COLS; i++) {
        ft_str cell;
        float unused;
        FT_TRY(ft_csv_cell(&cell, &c));
        ft_csv_kind kind = ft_csv_number(&unused, &s->dialect, cell);
        uint64_t word = ft_hash64(cell, 0);
        if (first) {
            k->words[i] = word;
            k->text[i] = kind == FT_CSV_TEXT;
        } else if (i < k->columns) {
            k->number_below[i] = k->number_below[i] || kind == FT_CSV_NUMBER;
            k->recurs = k->recurs || k->words[i] == word;
        }
    }
    if (first) k->columns = i;
    return FT_OK;
}

static bool look_end(const look *k, size_t rows) {
    bool texts = true, numbers = false;
    for (size_t i = 0; i < k->columns; i++) {
        texts = texts && k->text[i];
        numbers = numbers || k->number_below[i];
        if (k->text[i] && k->number_below[i]) return true;
    }
    return texts && !numbers && !k->recurs && rows > 1;
}

static ft_err header_look(bool *out, const csv_rows *s, ft_str head, ft_buf *scratch) {
    look *k = ft_fault_here() ? NULL : calloc(1, sizeof *k);
    size_t rows = 0;
    ft_err err = FT_OK;
    if (!k) return FT_FAIL(FT_ENOMEM, "no memory to read CSV");
    while (head.len && rows < LOOK_ROWS) {
        bool whole, in_quotes;
        size_t len = ft_csv_record(&s->dialect, head, &whole, &in_quotes);
        ft_str row = ft_str_slice(head, 0, len);
        if (!whole && rows) break; /* perhaps cut */
        head = ft_str_from(head, whole ? len + 1 : len);
        if (ft_str_trim(row).len == 0) continue;
        err = look_row(k, s, row, rows == 0, scratch);
        if (err && err != FT_EPARSE) break; /* a bad row is told when it is read */
        ft_err_clear();
        err = FT_OK;
        rows++;
    }
    *out = !err && look_end(k, rows);
    free(k);
    return err;
}

static ft_err csv_begin(ft_record_read *r) {
    csv_rows *s = r->state;
    ft_str head, row;
    size_t bytes;
    s->dialect = FT_CSV_DIALECT;
    FT_TRY(ft_input_peek(&head, r->in, HEAD_BYTES));
    if (ft_str_starts(head, FT_STR("\xef\xbb\xbf"))) {
        ft_input_skip(r->in, 3);
        head = ft_str_from(head, 3);
    }
    FT_TRY(ft_csv_detect(&s->dialect, head));
    FT_TRY(header_look(&s->header, s, head, &s->names));
    ft_buf_reset(&s->names);
    if (!s->header) return FT_OK;
    FT_TRY(row_next(&row, &bytes, r));
    FT_TRY(ft_buf_add(&s->names, row));
    ft_input_skip(r->in, bytes);
    return FT_OK;
}

static void csv_fini(void *state) { ft_buf_fini(&((csv_rows *)state)->names); }
static ft_str csv_head(const void *state) { return ft_buf_str(&((const csv_rows *)state)->names); }

/* ---- writing */

static ft_err csv_write(ft_record_write *w, const ft_record *record) {
    bool whole, in_quotes;
    ft_csv_dialect d = FT_CSV_DIALECT;
    size_t len = ft_csv_record(&d, record->bytes, &whole, &in_quotes);
    if (whole || in_quotes || len != record->bytes.len || len == 0)
        return FT_FAIL(FT_EINVAL, "a row of CSV is one line that is not empty, or quoted");
    ft_buf_add(w->out, record->bytes);
    return ft_buf_byte(w->out, '\n');
}

static int csv_sniff(ft_str head, ft_str path) {
    int score = ft_format_csv.sniff(head, path);
    return score > 10 ? score : 0; /* any text may be CSV: its name must say so */
}

/* Blanks may be cells: only line ends are cut. */
static ft_str csv_payload(ft_str frame) {
    while (frame.len && (frame.at[0] == '\n' || frame.at[0] == '\r')) frame = ft_str_from(frame, 1);
    while (frame.len && (frame.at[frame.len - 1] == '\n' || frame.at[frame.len - 1] == '\r'))
        frame.len--;
    return frame;
}

const ft_record_format ft_records_csv = {
    .name = "csv",
    .doc = "text with a row a line: comma, tab, semicolon, pipe or blanks between the cells",
    .endings = ".csv|.tsv",
    .media_types = "text/csv|text/tab-separated-values",
    .sniff = csv_sniff,
    .read_bytes = sizeof(csv_rows),
    .begin = csv_begin,
    .next = csv_next,
    .payload = csv_payload,
    .head = csv_head,
    .fini = csv_fini,
    .write = csv_write,
};
