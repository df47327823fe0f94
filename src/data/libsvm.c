/* libsvm.c -- "label[:weight] [qid:n] index[:value] … # comment" into a sparse table.
 *
 * Indices are taken from 0, as XGBoost 1.7 does by default (dmlc-core's indexing_mode=0), so that a
 * model's columns mean the same here and there: a file that counts from 1 gets an empty column f0.
 * An index without a value has the value 1. Lines of nothing but a comment are no rows (XGBoost
 * makes one of them). Source: dmlc-core, libsvm parser; XGBoost, "Text Input Format". */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "data/decimal.h"
#include "data/shown.h"
#include "data/table_in.h"

typedef struct entry {
    uint32_t index;
    float value;
} entry;

typedef struct libsvm_state {
    size_t cols; /* largest index + 1 */
    uint8_t *fraction;
    size_t fraction_capacity;
    entry *row; /* of a row whose indices do not ascend */
    size_t row_capacity;
    int weighted, grouped; /* 0 not known, 1 every row, -1 no row */
    uint64_t qid;
    size_t unknown; /* values of columns that the schema does not have */
    ft_str path;
    size_t line;
} libsvm_state;

/* ---- one line */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }
static bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

static ft_err bad_item(const libsvm_state *s, const char *at, const char *end,
                       const char *expected) {
    size_t len = 0;
    while (at + len < end && !is_blank(at[len])) len++;
    return FT_FAIL_LINE(FT_EPARSE, s->path, s->line, "expected %s, found '%s'", expected,
                        ft_shown(ft_str_n(at, len)));
}

/* A number that fills its item; NaN allowed by the caller. */
static ft_err item_number(float *out, const libsvm_state *s, const char **at, const char *end,
                          const char *item, const char *expected) {
    const char *after = ft_decimal_f32(out, *at, end);
    if (!after) {
        size_t len = 0;
        while (*at + len < end && !is_blank((*at)[len])) len++;
        if (!ft_str_ieq(ft_str_n(*at, len), FT_STR("nan"))) return bad_item(s, item, end, expected);
        *out = NAN;
        after = *at + len;
    }
    if (isinf(*out)) return bad_item(s, item, end, "a finite number");
    *at = after;
    return FT_OK;
}

/* Every row has a weight (or a qid), or none has. */
static ft_err all_or_none(const libsvm_state *s, int *seen, bool here, const char *what) {
    int now = here ? 1 : -1;
    if (*seen == 0) *seen = now;
    if (*seen == now) return FT_OK;
    return FT_FAIL_LINE(FT_EPARSE, s->path, s->line, "%s %s, %s the rows before", here ? "a" : "no",
                        what, here ? "unlike" : "which have");
}

static ft_err line_label(libsvm_state *s, ft_table_build *b, const char **at, const char *end) {
    const char *item = *at;
    float label, weight = 1;
    FT_TRY(item_number(&label, s, at, end, item, "a label"));
    if (isnan(label)) return FT_FAIL_LINE(FT_EPARSE, s->path, s->line, "the label is missing");
    bool weighted = *at < end && **at == ':';
    if (weighted) {
        ++*at;
        FT_TRY(item_number(&weight, s, at, end, item, "label:weight"));
        if (!(weight >= 0)) return bad_item(s, item, end, "a weight that is not negative");
    }
    if (*at < end && !is_blank(**at)) return bad_item(s, item, end, "a label");
    FT_TRY(all_or_none(s, &s->weighted, weighted, "weight"));
    if (weighted) FT_TRY(ft_build_weight(b, weight));
    return ft_str_is(b->opts->label, "none") ? FT_OK : ft_build_label(b, label);
}

static bool read_u64(uint64_t *out, const char **at, const char *end) {
    const char *p = *at;
    uint64_t v = 0;
    for (; p < end && is_digit(*p); p++)
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            v = UINT64_MAX;
    if (p == *at) return false;
    *at = p;
    *out = v;
    return true;
}

static ft_err line_group(libsvm_state *s, ft_table_build *b, const char **at, const char *end) {
    const char *item = *at;
    uint64_t qid = 0;
    bool here = end - *at >= 4 && memcmp(*at, "qid:", 4) == 0;
    if (here) {
        *at += 4;
        if (!read_u64(&qid, at, end) || (*at < end && !is_blank(**at)))
            return bad_item(s, item, end, "qid:number");
    }
    bool first = s->grouped == 0;
    FT_TRY(all_or_none(s, &s->grouped, here, "qid"));
    if (!here) return FT_OK;
    if (first || qid != s->qid) FT_TRY(ft_build_group(b, 0));
    s->qid = qid;
    b->t->groups[b->t->group_count - 1]++;
    return FT_OK;
}

static ft_err value_add(libsvm_state *s, ft_table_build *b, uint64_t index, float value) {
    ft_table *t = b->t;
    uint64_t n = t->indptr[t->rows + 1];
    if (isnan(value)) return FT_OK;
    if (t->schema && index >= t->schema->feature_count) {
        s->unknown++;
        return FT_OK;
    }
    FT_TRY(ft_build_room(b, &t->indices, &b->index_capacity, n + 1));
    FT_TRY(ft_build_room(b, &t->values, &b->value_capacity, n + 1));
    t->indices[n] = (uint32_t)index;
    t->values[n] = value;
    t->indptr[t->rows + 1]++;
    if (index >= s->cols) s->cols = (size_t)index + 1;
    if (s->cols > s->fraction_capacity) {
        size_t before = s->fraction_capacity;
        FT_TRY(ft_build_room(b, &s->fraction, &s->fraction_capacity, s->cols));
        memset(s->fraction + before, 0, s->fraction_capacity - before);
    }
    s->fraction[index] |= truncf(value) != value;
    return FT_OK;
}

static int entry_order(const void *a, const void *b) {
    uint32_t x = ((const entry *)a)->index, y = ((const entry *)b)->index;
    return (x > y) - (x < y);
}

/* Bring the row's indices in order; one that stands twice is refused. */
static ft_err row_sort(libsvm_state *s, ft_table_build *b) {
    ft_table *t = b->t;
    uint64_t from = t->indptr[t->rows], count = t->indptr[t->rows + 1] - from;
    FT_TRY(ft_build_room(b, &s->row, &s->row_capacity, count));
    for (uint64_t i = 0; i < count; i++)
        s->row[i] = (entry){ t->indices[from + i], t->values[from + i] };
    qsort(s->row, count, sizeof *s->row, entry_order);
    for (uint64_t i = 0; i < count; i++) {
        t->indices[from + i] = s->row[i].index;
        t->values[from + i] = s->row[i].value;
        if (i && s->row[i].index == s->row[i - 1].index)
            return FT_FAIL_LINE(FT_EPARSE, s->path, s->line, "index %u stands twice",
                                s->row[i].index);
    }
    return FT_OK;
}

static ft_err line_values(libsvm_state *s, ft_table_build *b, const char *at, const char *end) {
    uint64_t index, last = 0, limit = FT_TABLE_COLS_MAX;
    bool ascending = true;
    for (bool first = true;; first = false) {
        while (at < end && is_blank(*at)) at++;
        if (at == end) break;
        const char *item = at;
        float value = 1;
        if (!read_u64(&index, &at, end)) return bad_item(s, item, end, "index:value");
        if (index >= limit)
            return FT_FAIL_LINE(
                FT_ETOOBIG, s->path, s->line, "index %.*s is beyond %zu, the largest",
                (int)(at - item > 40 ? 40 : at - item), item, FT_TABLE_COLS_MAX - 1);
        if (at < end && *at == ':') {
            at++;
            FT_TRY(item_number(&value, s, &at, end, item, "index:value"));
        }
        if (at < end && !is_blank(*at)) return bad_item(s, item, end, "index:value");
        ascending &= first || index > last;
        last = index;
        FT_TRY(value_add(s, b, index, value));
    }
    return ascending ? FT_OK : row_sort(s, b);
}

static ft_err line_read(libsvm_state *s, ft_table_build *b, ft_str line) {
    ft_table *t = b->t;
    const char *at = line.at, *end = line.at + ft_str_find(line, '#');
    while (end > at && is_blank(end[-1])) end--;
    while (at < end && is_blank(*at)) at++;
    if (at == end) return FT_OK;
    FT_TRY(ft_build_room(b, &t->indptr, &b->indptr_capacity, t->rows + 2));
    if (t->rows == 0) t->indptr[0] = 0;
    t->indptr[t->rows + 1] = t->indptr[t->rows];
    FT_TRY(line_label(s, b, &at, end));
    while (at < end && is_blank(*at)) at++;
    FT_TRY(line_group(s, b, &at, end));
    FT_TRY(line_values(s, b, at, end));
    t->rows++;
    return FT_OK;
}

/* ---- side files */

static ft_err use_group(ft_table_build *b, double number) {
    if (number < 0 || number > (double)UINT32_MAX || number != floor(number))
        return FT_FAIL(FT_EPARSE, "'%.*s': a group of %g rows", FT_STR_ARG(b->t->source), number);
    return number == 0 ? FT_OK : ft_build_group(b, (uint32_t)number);
}

static ft_err use_weight(ft_table_build *b, double number) {
    size_t rows = b->t->rows;
    if (number < 0)
        return FT_FAIL(FT_EPARSE, "'%.*s': a weight of %g", FT_STR_ARG(b->t->source), number);
    if (b->side_count >= rows && rows == b->rows_max) return FT_OK; /* of rows not read */
    if (b->side_count >= rows)
        return FT_FAIL(FT_EPARSE, "'%.*s': more weights than the %zu rows",
                       FT_STR_ARG(b->t->source), rows);
    b->t->rows = b->side_count++;
    ft_err err = ft_build_weight(b, (float)number);
    b->t->rows = rows;
    return err;
}

/* Rows that rows_max left unread have no group. */
static void groups_cut(ft_table_build *b, uint64_t grouped, size_t first) {
    if (b->t->rows < b->rows_max) return;
    for (size_t i = first; i < b->t->group_count; i++) {
        uint64_t left = b->t->rows > grouped ? b->t->rows - grouped : 0;
        if (b->t->groups[i] > left) b->t->groups[i] = (uint32_t)left;
        grouped += b->t->groups[i];
        if (left == 0) b->t->group_count = i;
    }
}

/* FILE.query (LightGBM) or FILE.group (XGBoost). */
static ft_err group_file(libsvm_state *s, ft_table_build *b, size_t rows_before) {
    size_t groups_before = b->t->group_count;
    if (s->grouped > 0) return FT_OK;
    ft_err err = ft_build_side_file(b, s->path, ".query", use_group);
    if (err == FT_ENOTFOUND) err = ft_build_side_file(b, s->path, ".group", use_group);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    groups_cut(b, rows_before, groups_before);
    return FT_OK;
}

static ft_err weight_file(libsvm_state *s, ft_table_build *b, size_t rows_before) {
    bool others = b->t->weights != NULL;
    if (s->weighted > 0) return FT_OK;
    b->side_count = rows_before;
    ft_err err = ft_build_side_file(b, s->path, ".weight", use_weight);
    if (err && err != FT_ENOTFOUND) return err;
    if (rows_before && others == (err == FT_ENOTFOUND))
        return FT_FAIL(FT_EPARSE, "'%.*s' has %s, unlike the files before it", FT_STR_ARG(s->path),
                       others ? "no weights" : "weights");
    if (!err && b->side_count != b->t->rows)
        return FT_FAIL(FT_EPARSE, "'%.*s.weight' has %zu weights for %zu rows", FT_STR_ARG(s->path),
                       b->side_count - rows_before, b->t->rows - rows_before);
    return FT_OK;
}

/* ---- the format */

static ft_err libsvm_file(void *state, ft_table_build *b, ft_input *in, ft_str path) {
    libsvm_state *s = state;
    size_t before = b->t->rows;
    ft_str line;
    s->path = path;
    if (b->opts->schema && !b->t->schema) FT_TRY(ft_build_schema_copy(b, b->opts->schema));
    for (s->line = 1; ft_build_wants(b); s->line++) {
        FT_TRY(ft_build_line(&line, b, in, path, s->line));
        if (!line.at) break;
        FT_TRY(line_read(s, b, line));
    }
    FT_TRY(group_file(s, b, before));
    return weight_file(s, b, before);
}

static ft_err libsvm_end(void *state, ft_table_build *b) {
    libsvm_state *s = state;
    ft_table *t = b->t;
    if (t->schema) {
        t->cols = t->schema->feature_count;
        return s->unknown ? ft_build_note(b,
                                          "%.*s: %zu values of columns that the training data did "
                                          "not have were left out",
                                          FT_STR_ARG(t->source), s->unknown)
                          : FT_OK;
    }
    if (s->cols == 0 && t->rows)
        return FT_FAIL(FT_EPARSE, "'%.*s' has labels and no values", FT_STR_ARG(t->source));
    FT_TRY(ft_build_schema(b, s->cols, "f"));
    for (size_t i = 0; i < s->cols; i++) t->schema->features[i].is_integer = !s->fraction[i];
    return FT_OK;
}

static void libsvm_fini(void *state) {
    libsvm_state *s = state;
    free(s->fraction);
    free(s->row);
}

/* Does a line look like it: a number, then index:value items? 1 yes, 0 a label alone, -1 no. */
static int line_looks(ft_str line) {
    ft_str item;
    float number;
    bool first = true, pairs = false;
    line = ft_str_trim(ft_str_slice(line, 0, ft_str_find(line, '#')));
    while (line.at && line.len) {
        size_t len = 0;
        while (len < line.len && !is_blank(line.at[len])) len++;
        item = ft_str_slice(line, 0, len);
        line = ft_str_trim(ft_str_from(line, len));
        size_t colon = ft_str_find(item, ':');
        ft_str head = ft_str_slice(item, 0, colon);
        const char *end = head.at + head.len;
        if (!ft_str_is(head, "qid") && ft_decimal_f32(&number, head.at, end) != end) return -1;
        if (!first && colon < item.len) pairs = true;
        first = false;
    }
    return pairs;
}

static int libsvm_sniff(ft_str head, ft_str path) {
    int pairs = 0, bad = 0; /* a bad line among good ones is told as one, not read as CSV */
    bool named = ft_str_ends(path, FT_STR(".libsvm")) || ft_str_ends(path, FT_STR(".svm"));
    for (int lines = 0; head.len && lines < 20; lines++) {
        size_t len = ft_str_find(head, '\n');
        if (len == head.len && lines) break; /* perhaps cut */
        int looks = line_looks(ft_str_slice(head, 0, len));
        pairs += looks > 0;
        bad += looks < 0;
        head = ft_str_from(head, len + 1);
    }
    return pairs > bad ? 90 : named ? 70 : 0;
}

static bool libsvm_side_file(ft_str head, ft_str path) {
    (void)head;
    return ft_str_ends(path, FT_STR(".query")) || ft_str_ends(path, FT_STR(".group")) ||
           ft_str_ends(path, FT_STR(".weight"));
}

const ft_table_format ft_format_libsvm = {
    .name = "libsvm",
    .doc = "sparse text: label, then index:value for what is not missing",
    .media_types = "text/libsvm|text/x-libsvm",
    .state_bytes = sizeof(libsvm_state),
    .sniff = libsvm_sniff,
    .side_file = libsvm_side_file,
    .file = libsvm_file,
    .end = libsvm_end,
    .fini = libsvm_fini,
};
