/* csv_detect.c -- which delimiter a file has. Every candidate cuts the first records into cells;
 * the best gives the same number of cells in the most records, then the most numbers, and then
 * comes first in the list. */
#include "data/csv.h"

#define RECORDS_MAX 100
#define COUNTS_MAX  64

static const char candidates[] = { ',', '\t', ';', '|', ' ' };

typedef struct score {
    double same;    /* part of the records that have the most frequent number of cells */
    double numbers; /* part of the cells that are numbers or missing */
    size_t cells;   /* the most frequent number of cells */
} score;

/* Frequencies of cell counts: few different ones are enough to tell. */
typedef struct counts {
    size_t cells[COUNTS_MAX], times[COUNTS_MAX], used, records;
} counts;

static void counts_add(counts *c, size_t cells) {
    size_t i = 0;
    while (i < c->used && c->cells[i] != cells) i++;
    c->records++;
    if (i == COUNTS_MAX) return;
    if (i == c->used) {
        c->used++;
        c->cells[i] = cells;
        c->times[i] = 0;
    }
    c->times[i]++;
}

static score score_of(const counts *c, size_t cells, size_t numbers) {
    size_t best = 0;
    if (c->used == 0) return (score){ 0 };
    for (size_t i = 1; i < c->used; i++)
        if (c->times[i] > c->times[best]) best = i;
    return (score){ (double)c->times[best] / (double)c->records,
                    cells ? (double)numbers / (double)cells : 0, c->cells[best] };
}

static bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

/* Cells like 12,5 and cells like 12.5. */
typedef struct points {
    size_t commas, thousands, dots;
} points;

/* Were there three digits after every comma, the comma could as well mark thousands: then it stays
 * text, and the error says so. */
static bool decimal_comma(const points *p) { return p->dots == 0 && p->commas > p->thousands; }

/* digits,digits with a sign perhaps. */
static void points_add(points *p, ft_str cell, ft_csv_kind kind) {
    if (kind == FT_CSV_NUMBER) p->dots += ft_str_find(cell, '.') < cell.len;
    if (kind != FT_CSV_TEXT || !memchr(cell.at, ',', cell.len)) return;
    size_t i = cell.at[0] == '-' || cell.at[0] == '+', from = i, comma;
    while (i < cell.len && is_digit(cell.at[i])) i++;
    if (i == from || i == cell.len || cell.at[i] != ',') return;
    for (comma = i++; i < cell.len && is_digit(cell.at[i]);) i++;
    if (i < cell.len || i == comma + 1) return;
    p->commas++;
    p->thousands += i - comma == 4;
}

typedef struct tally {
    counts counts;
    points points;
    size_t cells, numbers;
    ft_buf scratch;
} tally;

/* A record with a broken quote counts as one cell. */
static ft_err tally_record(tally *t, const ft_csv_dialect *d, ft_str record) {
    ft_csv_cells walk;
    ft_str cell;
    float number;
    size_t count = 0;
    ft_csv_cells_init(&walk, d, record, &t->scratch);
    for (; walk.more; count++) {
        ft_err err = ft_csv_cell(&cell, &walk);
        if (err && err != FT_EPARSE) return err;
        if (err) {
            ft_err_clear();
            count = 1;
            break;
        }
        ft_csv_kind kind = ft_csv_number(&number, d, cell);
        t->numbers += kind != FT_CSV_TEXT;
        points_add(&t->points, cell, kind);
    }
    t->cells += count;
    counts_add(&t->counts, count);
    return FT_OK;
}

/* Whole records only, unless there is but one. */
static ft_err candidate_score(score *out, ft_csv_dialect *d, ft_str head) {
    ft_err err = FT_OK;
    tally t = { .cells = 0 };
    bool whole, in_quotes;
    while (head.len && t.counts.records < RECORDS_MAX) {
        size_t len = ft_csv_record(d, head, &whole, &in_quotes);
        if (!whole && t.counts.records > 0) break;
        ft_str record = ft_str_slice(head, 0, len);
        head = ft_str_from(head, len + 1);
        if (ft_str_trim(record).len) FT_GOTO(err, tally_record(&t, d, record));
    }
    d->decimal_comma = decimal_comma(&t.points);
    t.numbers += t.points.commas; /* whatever they mean, they are no words */
    *out = score_of(&t.counts, t.cells, t.numbers);
done:
    ft_buf_fini(&t.scratch);
    return err;
}

static bool better(const score *a, const score *b, char delimiter) {
    if (a->cells < 2) return false;
    if (b->cells < 2) return true;
    if (a->same > b->same + 0.05) return true;
    if (a->same < b->same - 0.05) return false;
    if (a->numbers > b->numbers + 0.02) return true;
    if (a->numbers < b->numbers - 0.02) return false;
    return delimiter != ' ' && a->cells > b->cells;
}

static char newline_of(ft_str head) {
    bool lf = head.len && memchr(head.at, '\n', head.len);
    bool cr = head.len && memchr(head.at, '\r', head.len);
    return !lf && cr ? '\r' : '\n';
}

ft_err ft_csv_detect(ft_csv_dialect *out, ft_str head) {
    score best = { 0 };
    *out = FT_CSV_DIALECT;
    out->newline = newline_of(head);
    for (size_t i = 0; i < sizeof candidates; i++) {
        ft_csv_dialect d = { .delimiter = candidates[i], .newline = out->newline };
        score s;
        FT_TRY(candidate_score(&s, &d, head));
        if (better(&s, &best, d.delimiter)) {
            *out = d;
            best = s;
        }
    }
    return FT_OK;
}
