/* dataset_table.c -- any dataset of numbers as a table: shards, tf.Example records, RecordIO,
 * NumPy, tar, JSON lines. Every number of a record is a column: a field "x" of three numbers is
 * "x0", "x1", "x2". The label is the field that is called so (dataset.h), else the first column, as
 * in CSV. Texts, pictures that are encoded and lists that differ in size are left out, with a note.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/check.h"
#include "base/fault.h"
#include "data/dataset_in.h"
#include "data/dataset_paths_in.h"
#include "data/shown.h"
#include "data/table_in.h"

typedef struct column {
    int field;
    int64_t item; /* of the field's numbers */
} column;

typedef struct dataset_state {
    column *columns; /* of the features, in the schema's order; field -1: not in this file */
    size_t count;
    column label; /* field -1: none */
    bool *fraction;
    ft_str label_name;
} dataset_state;

/* ---- which columns a file has */

static int64_t items_of(const ft_field *f) {
    int64_t n = 1;
    for (int i = 0; i < f->ndim; i++) n *= f->shape[i];
    return n;
}

static bool numeric(const ft_field *f) {
    return f->kind == FT_FIELD_ARRAY && ft_field_fixed(f) && items_of(f) > 0;
}

/* "x", or "x0", "x1" …; of pictures "pixel0" …, of nameless values "f0" …, as other formats do. */
static void column_name(char *to, size_t room, const ft_field *f, int64_t item) {
    if (items_of(f) == 1)
        snprintf(to, room, "%.*s", FT_STR_ARG(f->name));
    else if (ft_str_is(f->name, "image"))
        snprintf(to, room, "pixel%lld", (long long)item);
    else if (ft_str_is(f->name, "values"))
        snprintf(to, room, "f%lld", (long long)item);
    else
        snprintf(to, room, "%.*s%lld", FT_STR_ARG(f->name), (long long)item);
}

typedef struct columns {
    column *at;
    ft_str *names;
    size_t count;
} columns;

static ft_err columns_find(columns *out, ft_table_build *b, ft_dataset *d, ft_str path) {
    size_t fields, n = 0;
    int64_t total = 0;
    char name[512];
    const ft_field *f = ft_dataset_fields(d, &fields);
    for (size_t i = 0; i < fields; i++) {
        if (numeric(&f[i]) && (total += items_of(&f[i])) <= (int64_t)FT_TABLE_COLS_MAX) continue;
        if (total > (int64_t)FT_TABLE_COLS_MAX)
            return FT_FAIL(FT_ETOOBIG, "'%.*s' has more than %zu numbers in a record",
                           FT_STR_ARG(path), FT_TABLE_COLS_MAX);
        if (b->t->rows) continue; /* told once */
        FT_TRY(ft_build_note(b,
                             "%.*s: field '%.*s' (%s) holds no numbers of a fixed count and is "
                             "left out",
                             FT_STR_ARG(path), FT_STR_ARG(f[i].name),
                             ft_field_kind_name(f[i].kind)));
    }
    FT_TRY(ft_arena_items(&out->at, &b->t->arena, (size_t)total + 1));
    FT_TRY(ft_arena_items(&out->names, &b->t->arena, (size_t)total + 1));
    for (size_t i = 0; i < fields; i++)
        for (int64_t k = 0; numeric(&f[i]) && k < items_of(&f[i]); k++) {
            column_name(name, sizeof name, &f[i], k);
            FT_TRY(ft_arena_str(&out->names[n], &b->t->arena, ft_str_of(name)));
            out->at[n++] = (column){ (int)i, k };
        }
    out->count = n;
    return FT_OK;
}

/* ---- the label */

static int64_t column_of(const columns *c, ft_str name) {
    for (size_t i = 0; i < c->count; i++)
        if (ft_str_eq(c->names[i], name)) return (int64_t)i;
    return -1;
}

/* The same by what a name stands for: "label" may be called otherwise in a file (dataset.h). */
static int64_t label_of(const columns *c, const ft_dataset *d, ft_str name) {
    int64_t at = column_of(c, name);
    int field = at < 0 ? ft_dataset_find(d, name) : -1;
    for (size_t i = 0; i < c->count && field >= 0; i++)
        if (c->at[i].field == field) at = (int64_t)i;
    return at;
}

static ft_err no_such_label(const columns *c, ft_str path, ft_str want) {
    char all[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < c->count && n < sizeof all - 64; i++)
        n +=
            (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", ft_shown(c->names[i]));
    return FT_FAIL(FT_EINVAL, "'%.*s' has no column '%s' for the label; there are: %s%s",
                   FT_STR_ARG(path), ft_shown(want), all, n >= sizeof all - 64 ? " …" : "");
}

/* Its place among the columns; -1: none. */
static ft_err label_find(int64_t *out, const columns *c, const ft_table_opts *o,
                         const ft_dataset *d, ft_str path) {
    ft_str want = o->label;
    uint64_t number;
    *out = -1;
    if (ft_str_is(want, "none") || !c->count) return FT_OK;
    if (!want.len && o->schema && o->schema->label_name.len) {
        *out = label_of(c, d, o->schema->label_name); /* rows to look at may have none */
        return FT_OK;
    }
    if (!want.len) {
        *out = label_of(c, d, FT_STR("label"));
        if (*out < 0 && !o->schema) *out = 0;
        return FT_OK;
    }
    *out = column_of(c, want);
    if (*out >= 0) return FT_OK;
    if (ft_str_is(want, "first"))
        *out = 0;
    else if (ft_str_is(want, "last"))
        *out = (int64_t)c->count - 1;
    else if (ft_str_u64(&number, want) && number < c->count)
        *out = (int64_t)number;
    return *out < 0 ? no_such_label(c, path, want) : FT_OK;
}

/* ---- the schema */

static ft_err schema_make(dataset_state *s, ft_table_build *b, const columns *c, ft_dataset *d,
                          int64_t label) {
    size_t n = 0;
    bool usual = label >= 0 && label == label_of(c, d, FT_STR("label"));
    FT_TRY(ft_build_schema(b, c->count - (label >= 0), "f"));
    ft_schema *schema = b->t->schema;
    for (size_t i = 0; i < c->count; i++)
        if ((int64_t)i != label) schema->features[n++].name = c->names[i];
    schema->named = true;
    if (label >= 0) schema->label_name = usual ? FT_STR("label") : c->names[label];
    s->label_name = schema->label_name;
    return FT_OK;
}

/* The columns of this file in the order of the schema. */
static ft_err columns_fit(dataset_state *s, ft_table_build *b, const columns *c, ft_str path) {
    const ft_schema *schema = b->t->schema;
    for (size_t i = 0; i < s->count; i++) {
        int64_t at = i < c->count && ft_str_eq(c->names[i], schema->features[i].name)
                         ? (int64_t)i /* mostly */
                         : column_of(c, schema->features[i].name);
        if (at < 0)
            return FT_FAIL(FT_EINVAL, "'%.*s' has no column '%s', which the first file had",
                           FT_STR_ARG(path), ft_shown(schema->features[i].name));
        if (schema->features[i].is_category)
            return FT_FAIL(FT_EINVAL,
                           "'%.*s': column '%s' was text in the training data, here it is numbers",
                           FT_STR_ARG(path), ft_shown(schema->features[i].name));
        s->columns[i] = c->at[at];
    }
    return FT_OK;
}

static ft_err file_begin(dataset_state *s, ft_table_build *b, ft_dataset *d, ft_str path) {
    columns c;
    int64_t label;
    FT_TRY(columns_find(&c, b, d, path));
    if (b->t->schema && s->label_name.len)
        label = label_of(&c, d, s->label_name);
    else
        FT_TRY(label_find(&label, &c, b->opts, d, path));
    if (c.count <= (size_t)(label >= 0))
        return FT_FAIL(FT_EUNSUPPORTED,
                       "'%.*s' (%s) has no field of numbers to learn from: tables want them%s",
                       FT_STR_ARG(path), ft_dataset_format_name(d),
                       ft_dataset_find(d, FT_STR("image")) >= 0 ? ", `image` trains on pictures"
                                                                : "");
    if (!b->t->schema && b->opts->schema) {
        FT_TRY(ft_build_schema_copy(b, b->opts->schema));
        b->t->cols = b->opts->schema->feature_count;
    }
    if (!b->t->schema) FT_TRY(schema_make(s, b, &c, d, label));
    s->label = label >= 0 ? c.at[label] : (column){ -1, 0 };
    s->count = b->t->cols;
    if (!s->columns) FT_TRY(ft_arena_items(&s->columns, &b->t->arena, s->count));
    if (!s->fraction) FT_TRY(ft_arena_items(&s->fraction, &b->t->arena, s->count));
    return columns_fit(s, b, &c, path);
}

/* ---- rows */

static ft_err value_of(float *out, const ft_sample *r, column c, ft_str path) {
    const ft_array *v = &r->values[c.field];
    *out = v->data && c.item < ft_array_count(v) ? (float)ft_array_f64(v, c.item) : NAN;
    if (!isinf(*out)) return FT_OK;
    return FT_FAIL(FT_EPARSE, "'%.*s', record %llu: a number is infinite in 32 bits",
                   FT_STR_ARG(path), (unsigned long long)r->record);
}

static ft_err row_add(dataset_state *s, ft_table_build *b, const ft_sample *r, ft_str path) {
    ft_table *t = b->t;
    float label;
    FT_TRY(ft_build_dense_rows(b, 1, 0));
    float *row = t->dense + t->rows * t->cols;
    for (size_t i = 0; i < s->count; i++) {
        FT_TRY(value_of(&row[i], r, s->columns[i], path));
        s->fraction[i] |= truncf(row[i]) != row[i] && !isnan(row[i]);
    }
    if (s->label.field >= 0) {
        FT_TRY(value_of(&label, r, s->label, path));
        if (isnan(label))
            return FT_FAIL(FT_EPARSE, "'%.*s', record %llu: the label is missing", FT_STR_ARG(path),
                           (unsigned long long)r->record);
        FT_TRY(ft_build_label(b, label));
    }
    t->rows++;
    return FT_OK;
}

static ft_err rows_add(dataset_state *s, ft_table_build *b, ft_dataset *d, ft_str path) {
    ft_dataset_reader *r;
    ft_sample sample;
    FT_TRY(ft_dataset_reader_new(&r, d));
    ft_err err = ft_dataset_seek(r, 0, 0);
    while (!err && ft_build_wants(b)) {
        err = ft_dataset_next(&sample, r, NULL);
        if (!err) err = row_add(s, b, &sample, path);
    }
    if (err == FT_ENOTFOUND) err = FT_OK;
    if (!err) err = ft_dataset_intact(r);
    ft_dataset_reader_free(r);
    return err;
}

/* ---- the format */

static ft_err dataset_file(void *state, ft_table_build *b, ft_input *in, ft_str path) {
    ft_err err;
    ft_dataset *d = NULL;
    struct stat st;
    ft_dataset_opts opts = { .no_index = true };
    (void)in; /* hashed by the table; records are found by the dataset */
    if (b->alone || stat(path.at, &st) != 0 || !S_ISREG(st.st_mode))
        return FT_FAIL(FT_EUNSUPPORTED, "'%.*s': such records are read from a file alone",
                       FT_STR_ARG(path));
    if (!ft_str_is(b->opts->format, "dataset")) opts.format = b->opts->format;
    FT_GOTO(err, ft_dataset_open(&d, &path, 1, &opts));
    FT_GOTO(err, file_begin(state, b, d, path));
    FT_GOTO(err, rows_add(state, b, d, path));
done:
    ft_dataset_free(d);
    return err;
}

static ft_err dataset_end(void *state, ft_table_build *b) {
    const dataset_state *s = state;
    ft_table *t = b->t;
    for (size_t i = 0; i < t->cols && !b->opts->schema && s->fraction; i++)
        t->schema->features[i].is_integer = !s->fraction[i];
    return FT_OK;
}

/* Tables have readers of their own for these. */
static bool has_own(const ft_dataset_format *f) {
    return f == &ft_set_csv || f == &ft_set_libsvm || f == &ft_set_idx || f == &ft_set_sagemaker ||
           f == &ft_set_lst;
}

static int dataset_sniff(ft_str head, ft_str path) {
    int score;
    const ft_dataset_format *f = ft_set_sniff(head, path, &score), *named;
    named = f ? NULL : ft_dataset_format_ending(path);
    if (named && !ft_set_sniff_of(named)) return 50; /* known by its name alone */
    return f && !has_own(f) ? score : 0;
}

const ft_table_format ft_format_dataset = {
    .name = "dataset",
    .doc = "any other format of `fettle data formats`: each number of a record is a column",
    .media_types = "",
    .state_bytes = sizeof(dataset_state),
    .sniff = dataset_sniff,
    .file = dataset_file,
    .end = dataset_end,
};
