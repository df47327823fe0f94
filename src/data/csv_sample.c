/* csv_sample.c -- what a CSV file is, told from its first records: dialect, header, and which
 * columns are text. */
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "data/csv_in.h"
#include "data/shown.h"

#define SAMPLE_ROWS  ((size_t)1000)
#define SAMPLE_BYTES ((size_t)8 << 20) /* enough, once two records are whole */
#define DETECT_BYTES ((size_t)64 << 10)
#define TEXTS_MIN    10 /* a column of numbers with fewer texts has stray letters */
#define TEXTS_PART   20 /* … or less than one in 20 */

const char *csv_column_text(const csv_state *s, size_t column) {
    static _Thread_local char text[96];
    ft_str name = s->detail ? s->detail[column].name : (ft_str){ 0 };
    if (name.len)
        snprintf(text, sizeof text, "%zu (%s)", column + 1, ft_shown(name));
    else
        snprintf(text, sizeof text, "%zu", column + 1);
    return text;
}

/* ---- the sample's bytes */

/* Records up to SAMPLE_ROWS in the first `view`; `*whole` counts those that end in it. */
static size_t sample_records(const ft_csv_dialect *d, ft_str view, size_t *whole_records) {
    bool whole = true, in_quotes;
    size_t at = 0;
    for (*whole_records = 0; *whole_records <= SAMPLE_ROWS && at < view.len;) {
        size_t len = ft_csv_record(d, ft_str_from(view, at), &whole, &in_quotes);
        if (!whole) break;
        ++*whole_records;
        at += len + 1;
    }
    return at;
}

static ft_err too_long(const ft_table_build *b, ft_str path, size_t line) {
    return FT_FAIL_LINE(FT_ETOOBIG, path, line,
                        "the line is longer than %zu bytes, the limit (an open quote joins lines)",
                        b->line_bytes_max);
}

/* Enough of the file to judge it: SAMPLE_ROWS records or SAMPLE_BYTES, but two records at least. */
static ft_err sample_view(ft_str *out, csv_state *s, ft_table_build *b, ft_input *in) {
    size_t want = DETECT_BYTES, records, used;
    for (;;) {
        FT_TRY(ft_input_peek(out, in, want));
        if (want == DETECT_BYTES)
            FT_TRY(ft_csv_detect(&s->dialect, ft_str_slice(*out, 0, DETECT_BYTES)));
        used = sample_records(&s->dialect, *out, &records);
        if (out->len < want) return FT_OK; /* the whole file */
        if (records > SAMPLE_ROWS || (records >= 2 && out->len >= SAMPLE_BYTES)) break;
        if (out->len - used > b->line_bytes_max) return too_long(b, s->path, s->line + records);
        want = out->len * 2;
    }
    *out = ft_str_slice(*out, 0, used);
    return FT_OK;
}

/* UTF-8's mark, Excel's "sep=;" line; UTF-16 is refused. */
static ft_err sample_prefix(csv_state *s, ft_table_build *b, ft_input *in) {
    ft_str view;
    FT_TRY(ft_input_peek(&view, in, 16));
    if (view.len >= 2 &&
        (memcmp(view.at, "\xff\xfe", 2) == 0 || memcmp(view.at, "\xfe\xff", 2) == 0))
        return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' is UTF-16 text: save it as UTF-8",
                       FT_STR_ARG(s->path));
    if (ft_str_starts(view, FT_STR("\xef\xbb\xbf"))) {
        ft_input_skip(in, 3);
        FT_TRY(ft_input_peek(&view, in, 16));
    }
    if (view.len >= 5 && ft_str_ieq(ft_str_slice(view, 0, 4), FT_STR("sep="))) {
        FT_TRY(csv_record_next(&view, s, b, in));
        s->line = 2;
    }
    return FT_OK;
}

/* ---- statistics of the sample */

typedef struct sampling {
    csv_state *s;
    csv_sample *column;
    size_t capacity, columns; /* of the first record */
    size_t rows;              /* records after the first */
} sampling;

static ft_err sampling_room(sampling *g, size_t column) {
    if (column < g->capacity) return FT_OK;
    if (column >= CSV_COLUMNS_MAX)
        return FT_FAIL_LINE(FT_ETOOBIG, g->s->path, g->s->line, "more than %zu columns",
                            CSV_COLUMNS_MAX);
    csv_sample *more;
    size_t capacity = g->capacity ? g->capacity * 2 : 64;
    FT_TRY(ft_arena_items(&more, &g->s->arena, capacity));
    if (g->capacity) memcpy(more, g->column, g->capacity * sizeof *more);
    g->column = more;
    g->capacity = capacity;
    return FT_OK;
}

static void sample_head(csv_sample *c, ft_str cell, ft_csv_kind kind) {
    c->head = (uint8_t)(kind == FT_CSV_INFINITE ? FT_CSV_NUMBER : kind);
    c->head_hash = ft_hash64(cell, 0);
}

static void sample_cell(csv_sample *c, ft_str cell, ft_csv_kind kind) {
    c->numbers += kind == FT_CSV_NUMBER || kind == FT_CSV_INFINITE;
    if (kind != FT_CSV_TEXT) return;
    uint64_t hash = ft_hash64(cell, 0);
    c->head_recurs |= hash == c->head_hash;
    if (c->texts++ == 0) c->first_text = hash;
    c->varied |= hash != c->first_text;
    c->seen |= (uint64_t)1 << (hash & 63);
}

/* Cells past the first record's are the row reader's to refuse. A broken record is, too. */
static ft_err sample_record(sampling *g, ft_str record, bool first) {
    ft_csv_cells walk;
    ft_str cell;
    float number;
    size_t column = 0;
    ft_csv_cells_init(&walk, &g->s->dialect, record, &g->s->scratch);
    for (; walk.more && (first || column < g->columns); column++) {
        ft_err err = ft_csv_cell(&cell, &walk);
        if (err == FT_EPARSE && !first) {
            ft_err_clear();
            return FT_OK;
        }
        if (err) return ft_err_prefix(err, "%.*s:%zu", FT_STR_ARG(g->s->path), g->s->line);
        FT_TRY(sampling_room(g, column));
        ft_csv_kind kind = ft_csv_number(&number, &g->s->dialect, cell);
        if (first)
            sample_head(&g->column[column], cell, kind);
        else
            sample_cell(&g->column[column], cell, kind);
    }
    if (first) g->columns = column;
    return FT_OK;
}

static ft_err sample_all(sampling *g, ft_str view) {
    bool whole, in_quotes, first = true;
    while (view.len) {
        size_t len = ft_csv_record(&g->s->dialect, view, &whole, &in_quotes);
        ft_str record = ft_str_slice(view, 0, len);
        view = ft_str_from(view, len + 1);
        if (ft_str_trim(record).len == 0) continue;
        FT_TRY(sample_record(g, record, first));
        g->rows += !first;
        first = false;
    }
    return FT_OK;
}

/* ---- judgement */

static csv_kind kind_of(const csv_sample *c) {
    if (c->numbers + c->texts == 0) return CSV_OPEN;
    if (c->texts > c->numbers) return CSV_TEXT;
    bool many = c->texts >= TEXTS_MIN && c->texts * TEXTS_PART >= c->numbers + c->texts;
    return many && c->varied ? CSV_TEXT : CSV_NUMBER;
}

/* Without a number column: a header's words do not come again, the texts below them do. A record
 * of words that stands alone is one, too. */
static bool header_over_texts(const sampling *g) {
    bool repeats = g->rows == 0;
    for (size_t i = 0; i < g->columns; i++) {
        const csv_sample *c = &g->column[i];
        if (c->head != FT_CSV_TEXT || c->head_recurs) return false;
        repeats |= 2 * (size_t)__builtin_popcountll(c->seen) <= c->texts;
    }
    return repeats;
}

/* Names may be numbers too: pandas numbers columns 0, 1, 2 … and leaves one word among them. */
static bool header_counts(const sampling *g, ft_str record, size_t numbers) {
    ft_csv_cells walk;
    ft_str cell;
    float number, last = -1;
    size_t column = 0;
    if (numbers < 2) return false;
    ft_csv_cells_init(&walk, &g->s->dialect, record, &g->s->scratch);
    for (; walk.more; column++) {
        if (ft_csv_cell(&cell, &walk)) return false;
        if (ft_csv_number(&number, &g->s->dialect, cell) != FT_CSV_NUMBER) continue;
        if (last >= 0 && number != last + 1) return false;
        last = number;
    }
    return true;
}

/* Texts in the first record above numbers: a header, unless as many numbers stand beside them. */
static bool header_found(const sampling *g, ft_str first_record) {
    size_t texts = 0, numbers = 0, columns = 0;
    for (size_t i = 0; i < g->columns; i++) {
        const csv_sample *c = &g->column[i];
        if (kind_of(c) != CSV_NUMBER) continue;
        columns++;
        texts += c->head == FT_CSV_TEXT;
        numbers += c->head == FT_CSV_NUMBER;
    }
    if (columns == 0) return header_over_texts(g);
    if (texts == 0) return false;
    return texts > numbers || header_counts(g, first_record, numbers);
}

/* Are most of its cells names that the training data had? */
static ft_err header_known(bool *out, csv_state *s, const ft_schema *schema, ft_str record) {
    ft_dict names = { .arena = &s->arena };
    ft_csv_cells walk;
    ft_str cell;
    uint32_t code;
    size_t known = 0, cells = 0;
    FT_TRY(ft_dict_add(&code, &names, schema->label_name));
    for (size_t i = 0; i < schema->feature_count; i++)
        FT_TRY(ft_dict_add(&code, &names, schema->features[i].name));
    ft_csv_cells_init(&walk, &s->dialect, record, &s->scratch);
    for (; walk.more; cells++) {
        FT_TRY(ft_csv_cell(&cell, &walk));
        known += ft_dict_find(&names, cell) >= 0;
    }
    *out = known > 0 && 2 * known >= cells;
    return FT_OK;
}

static ft_err header_decide(sampling *g, ft_table_build *b, ft_str first_record) {
    csv_state *s = g->s;
    const ft_schema *schema = b->opts->schema;
    s->header = b->opts->header > 0;
    if (b->opts->header != 0) return FT_OK;
    if (schema && schema->named) FT_TRY(header_known(&s->header, s, schema, first_record));
    if (!s->header) s->header = header_found(g, first_record);
    return FT_OK;
}

/* Without a header the first record is a row like the others. */
static void sample_add_head(sampling *g) {
    for (size_t i = 0; i < g->columns; i++) {
        csv_sample *c = &g->column[i];
        c->numbers += c->head == FT_CSV_NUMBER;
        c->texts += c->head == FT_CSV_TEXT;
    }
}

static ft_str first_record(const csv_state *s, ft_str view) {
    bool whole, in_quotes;
    for (;;) {
        ft_str record = ft_str_slice(view, 0, ft_csv_record(&s->dialect, view, &whole, &in_quotes));
        if (!whole || ft_str_trim(record).len) return record;
        view = ft_str_from(view, record.len + 1);
    }
}

/* Columns at the end that have neither a name nor a value in any row: every line ends in a
 * delimiter. */
static size_t columns_at_end(const sampling *g, bool header) {
    size_t n = 0;
    while (n < g->columns - 1) {
        const csv_sample *c = &g->column[g->columns - 1 - n];
        bool empty = c->numbers + c->texts == 0 && c->head == FT_CSV_MISSING;
        if (!empty || (header && c->head_hash != ft_hash64(FT_STR(""), 0))) break;
        n++;
    }
    return n;
}

static ft_err columns_make(csv_state *s, const sampling *g) {
    s->columns = g->columns;
    FT_TRY(ft_arena_items(&s->column, &s->arena, s->columns));
    FT_TRY(ft_arena_items(&s->detail, &s->arena, s->columns));
    size_t empty = columns_at_end(g, s->header);
    for (size_t i = 0; i < s->columns; i++) {
        s->column[i].kind = (uint8_t)kind_of(&g->column[i]);
        s->column[i].role = i < s->columns - empty ? CSV_FEATURE : CSV_EMPTY;
    }
    return FT_OK;
}

/* ---- names: an empty one and one that stands twice become what pandas makes of them */

static ft_err header_names(csv_state *s, ft_str record) {
    ft_csv_cells walk;
    ft_str cell;
    size_t column = 0;
    ft_csv_cells_init(&walk, &s->dialect, record, &s->scratch);
    for (; walk.more; column++) {
        FT_TRY(ft_csv_cell(&cell, &walk));
        if (!ft_str_utf8(cell) || memchr(cell.at, 0, cell.len))
            return FT_FAIL_LINE(FT_EPARSE, s->path, s->line,
                                "the name of column %zu is not UTF-8 text", column + 1);
        if (cell.len == 0 && s->column[column].role != CSV_EMPTY)
            FT_TRY(ft_arena_printf(&s->detail[column].name, &s->arena, "Unnamed: %zu", column));
        else
            FT_TRY(ft_arena_str(&s->detail[column].name, &s->arena, cell));
    }
    return FT_OK;
}

/* "a", "a" -> "a", "a.1", as pandas has it. */
static ft_err names_distinct(csv_state *s, ft_table_build *b) {
    ft_dict names = { .arena = &s->arena };
    uint32_t code;
    for (size_t i = 0; i < s->columns; i++) {
        ft_str *name = &s->detail[i].name, plain = *name;
        if (name->len == 0) continue;
        for (size_t n = 1; ft_dict_find(&names, *name) >= 0; n++)
            FT_TRY(ft_arena_printf(name, &s->arena, "%.*s.%zu", FT_STR_ARG(plain), n));
        FT_TRY(ft_dict_add(&code, &names, *name));
        if (name->len != plain.len)
            FT_TRY(ft_build_note(b, "%.*s: two columns are named '%s'; the later is called '%s'",
                                 FT_STR_ARG(s->path), ft_shown(plain), ft_shown(*name)));
    }
    return FT_OK;
}

/* A later file of a folder: does it begin with the names of the first? */
static bool header_again(csv_state *s, ft_str record) {
    ft_csv_cells walk;
    ft_str cell;
    size_t column = 0;
    ft_csv_cells_init(&walk, &s->dialect, record, &s->scratch);
    for (; walk.more && column < s->columns; column++)
        if (ft_csv_cell(&cell, &walk) || !ft_str_starts(s->detail[column].name, cell)) return false;
    return column == s->columns && !walk.more;
}

ft_err csv_sample_read(csv_state *s, ft_table_build *b, ft_input *in, bool *header_here) {
    sampling g = { .s = s };
    ft_str view;
    s->dialect = FT_CSV_DIALECT;
    FT_TRY(sample_prefix(s, b, in));
    FT_TRY(sample_view(&view, s, b, in));
    ft_str first = first_record(s, view);
    if (s->planned) {
        *header_here = s->header && header_again(s, first);
        return FT_OK;
    }
    FT_TRY(sample_all(&g, view));
    if (g.columns == 0)
        return FT_FAIL(FT_EPARSE, "'%.*s' holds nothing but blank lines", FT_STR_ARG(s->path));
    FT_TRY(header_decide(&g, b, first));
    *header_here = s->header;
    if (!s->header) sample_add_head(&g);
    FT_TRY(columns_make(s, &g));
    if (s->header) {
        FT_TRY(header_names(s, first));
        FT_TRY(names_distinct(s, b));
    }
    return FT_OK;
}
