/* csv_plan.c -- which column is the label, which a feature, and where in a row each goes; the
 * schema at the end. */
#include <stdlib.h>

#include "base/check.h"
#include "data/csv_in.h"
#include "data/shown.h"

/* ---- columns by name or number */

/* Column named or numbered by `text`; CSV_NONE. */
static size_t column_by(const csv_state *s, ft_str text) {
    int64_t number;
    for (size_t i = 0; s->header && i < s->columns; i++)
        if (ft_str_eq(s->detail[i].name, text)) return i;
    if (ft_str_i64(&number, text) && number >= 0 && (uint64_t)number < s->columns)
        return (size_t)number;
    return CSV_NONE;
}

static ft_err no_column(const csv_state *s, const char *what, ft_str text) {
    const char *near = NULL, *names[256];
    size_t count = 0;
    for (size_t i = 0; s->header && i < s->columns && count < FT_COUNT(names); i++)
        if (s->detail[i].name.len) names[count++] = s->detail[i].name.at;
    near = ft_str_nearest(text, names, count);
    return FT_FAIL(FT_EINVAL, "'%.*s' has no %s '%s'%s%s%s: a %snumber from 0 to %zu was expected",
                   FT_STR_ARG(s->path), what, ft_shown(text), near ? " (is it '" : "",
                   near ? near : "", near ? "'?)" : "", s->header ? "column name or a " : "column ",
                   s->columns - 1);
}

/* The last column that is no empty tail. */
static size_t last_column(const csv_state *s) {
    size_t i = s->columns - 1;
    while (i > 0 && s->column[i].role == CSV_EMPTY) i--;
    return i;
}

static bool by_name(const csv_state *s, const ft_table_opts *opts) {
    return s->header && opts->schema && opts->schema->named;
}

static ft_err plan_label(csv_state *s, const ft_table_opts *opts) {
    ft_str label = opts->label;
    bool same = label.len == 0 && by_name(s, opts) && opts->schema->label_name.len;
    if (same) label = opts->schema->label_name;
    s->label = s->weight = CSV_NONE;
    if (ft_str_is(label, "none")) return FT_OK;
    if (!same && (label.len == 0 || ft_str_is(label, "first")))
        s->label = 0;
    else if (!same && ft_str_is(label, "last"))
        s->label = last_column(s);
    else
        s->label = column_by(s, label);
    if (s->label == CSV_NONE) return no_column(s, "label column", label);
    s->column[s->label].role = CSV_LABEL;
    if (!opts->csv_weights) return FT_OK;
    s->weight = s->label + 1;
    if (s->weight >= s->columns)
        return FT_FAIL(FT_EINVAL, "'%.*s' has no column after the label for the weights",
                       FT_STR_ARG(s->path));
    s->column[s->weight].role = CSV_WEIGHT;
    return FT_OK;
}

static ft_err plan_texts(csv_state *s, const ft_table_opts *opts) {
    for (ft_str rest = opts->text_columns; rest.at && rest.len;) {
        ft_str name = ft_str_trim(ft_str_cut(&rest, ','));
        size_t i = column_by(s, name);
        if (i == CSV_NONE) return no_column(s, "text column", name);
        s->column[i].kind = CSV_TEXT;
    }
    return FT_OK;
}

/* ---- slots */

static void special_slots(csv_state *s, size_t features) {
    for (size_t i = 0; i < s->columns; i++) {
        csv_column *c = &s->column[i];
        if (c->role == CSV_LABEL) c->slot = (uint32_t)features + CSV_SLOT_LABEL;
        if (c->role == CSV_WEIGHT) c->slot = (uint32_t)features + CSV_SLOT_WEIGHT;
        if (c->role == CSV_EMPTY || c->role == CSV_IGNORED)
            c->slot = (uint32_t)features + CSV_SLOT_DROPPED;
    }
    if (s->weight != CSV_NONE && s->column[s->weight].kind == CSV_TEXT)
        s->column[s->weight].kind = CSV_NUMBER; /* its texts are refused */
}

static ft_err slots_of_own(csv_state *s, ft_table_build *b) {
    size_t features = 0;
    for (size_t i = 0; i < s->columns; i++)
        if (s->column[i].role == CSV_FEATURE) s->column[i].slot = (uint32_t)features++;
    if (features == 0)
        return FT_FAIL(FT_EPARSE, "'%.*s' has no column beside the label", FT_STR_ARG(s->path));
    FT_TRY(ft_build_schema(b, features, "f"));
    b->t->schema->named = s->header;
    special_slots(s, features);
    return FT_OK;
}

static csv_kind kind_of_feature(const ft_feature *f) {
    return f->is_category ? CSV_TEXT : CSV_NUMBER;
}

static ft_err slots_by_position(csv_state *s, ft_table_build *b) {
    const ft_schema *schema = b->t->schema;
    size_t feature = 0, want = schema->feature_count;
    for (size_t i = 0; i < s->columns; i++) {
        csv_column *c = &s->column[i];
        if (c->role != CSV_FEATURE) continue;
        if (feature < want) c->kind = kind_of_feature(&schema->features[feature]);
        c->slot = (uint32_t)feature++;
    }
    if (feature != want)
        return FT_FAIL(FT_EPARSE, "'%.*s' has %zu feature columns%s, the model's data has %zu",
                       FT_STR_ARG(s->path), feature,
                       s->label == CSV_NONE ? "" : " beside the label", want);
    special_slots(s, want);
    return FT_OK;
}

static ft_err slots_by_name(csv_state *s, ft_table_build *b) {
    const ft_schema *schema = b->t->schema;
    ft_dict names = { .arena = &s->arena };
    uint32_t code;
    size_t found = 0, extra = 0;
    for (size_t i = 0; i < schema->feature_count; i++)
        FT_TRY(ft_dict_add(&code, &names, schema->features[i].name));
    for (size_t i = 0; i < s->columns; i++) {
        csv_column *c = &s->column[i];
        if (c->role != CSV_FEATURE) continue;
        int64_t feature = ft_dict_find(&names, s->detail[i].name);
        if (feature < 0) {
            c->role = CSV_IGNORED;
            if (extra++ == 0)
                FT_TRY(ft_build_note(b, "%.*s: the training data had no column '%s': left out",
                                     FT_STR_ARG(s->path), ft_shown(s->detail[i].name)));
            continue;
        }
        c->slot = (uint32_t)feature;
        c->kind = kind_of_feature(&schema->features[feature]);
        found++;
    }
    if (extra > 1) FT_TRY(ft_build_note(b, "… and %zu more columns", extra - 1));
    for (size_t i = 0; found < schema->feature_count && i < schema->feature_count; i++)
        if (column_by(s, schema->features[i].name) == CSV_NONE)
            return FT_FAIL(FT_EPARSE, "'%.*s' has no column '%s', which the training data had",
                           FT_STR_ARG(s->path), ft_shown(schema->features[i].name));
    special_slots(s, schema->feature_count);
    return FT_OK;
}

/* Labels are read as they were in training: class names or numbers. */
static ft_err plan_classes(csv_state *s, const ft_schema *schema) {
    uint32_t code;
    if (s->label == CSV_NONE) return FT_OK;
    s->column[s->label].kind = schema->classes ? CSV_TEXT : CSV_NUMBER;
    for (size_t i = 0; i < schema->class_count; i++)
        FT_TRY(ft_dict_add(&code, &s->classes, schema->classes[i]));
    return FT_OK;
}

ft_err csv_plan(csv_state *s, ft_table_build *b) {
    const ft_schema *schema = b->opts->schema;
    s->planned = true;
    s->classes.arena = &b->t->arena;
    for (size_t i = 0; i < s->columns; i++) s->detail[i].dict.arena = &b->t->arena;
    FT_TRY(plan_label(s, b->opts));
    if (!schema) {
        FT_TRY(plan_texts(s, b->opts));
        return slots_of_own(s, b);
    }
    FT_TRY(ft_build_schema_copy(b, schema));
    b->t->cols = schema->feature_count;
    FT_TRY(plan_classes(s, schema));
    return by_name(s, b->opts) ? slots_by_name(s, b) : slots_by_position(s, b);
}

/* ---- the schema */

static _Thread_local const ft_str *sort_texts; /* qsort passes no context */

static int class_order(const void *a, const void *b) {
    return ft_str_cmp(sort_texts[*(const uint32_t *)a], sort_texts[*(const uint32_t *)b]);
}

/* Classes in byte order; labels, which have the order of appearance, follow. */
static ft_err classes_sort(csv_state *s, ft_table_build *b) {
    ft_table *t = b->t;
    uint32_t *order, *rank;
    size_t count = s->classes.count;
    FT_TRY(ft_arena_items(&order, &s->arena, count));
    FT_TRY(ft_arena_items(&rank, &s->arena, count));
    FT_TRY(ft_arena_items(&t->schema->classes, &t->arena, count));
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    sort_texts = s->classes.at;
    qsort(order, count, sizeof *order, class_order);
    for (size_t i = 0; i < count; i++) {
        rank[order[i]] = (uint32_t)i;
        t->schema->classes[i] = s->classes.at[order[i]];
    }
    t->schema->class_count = count;
    for (size_t i = 0; i < t->rows; i++) t->labels[i] = (float)rank[(size_t)t->labels[i]];
    return FT_OK;
}

static ft_err feature_fill(csv_state *s, ft_table_build *b, size_t column) {
    const csv_column *c = &s->column[column];
    ft_feature *f = &b->t->schema->features[c->slot];
    csv_detail *d = &s->detail[column];
    if (d->name.len) FT_TRY(ft_arena_str(&f->name, &b->t->arena, d->name));
    f->is_integer = c->kind != CSV_TEXT && !c->fraction;
    if (c->kind != CSV_TEXT) return FT_OK;
    ft_dict *dict;
    FT_TRY(ft_arena_items(&dict, &b->t->arena, 1));
    *dict = d->dict;
    f->is_category = b->t->schema->has_categories = true;
    f->categories = dict->at;
    f->category_count = dict->count;
    f->dict = dict;
    return FT_OK;
}

static ft_err unknown_notes(csv_state *s, ft_table_build *b) {
    if (s->stops)
        FT_TRY(ft_build_note(b, "%.*s: a full stop after %zu labels was passed over",
                             FT_STR_ARG(b->t->source), s->stops));
    for (size_t i = 0; i < s->columns; i++) {
        const csv_detail *d = &s->detail[i];
        if (d->unknown)
            FT_TRY(ft_build_note(b,
                                 "%.*s: column %s: %zu texts that the training data did not have "
                                 "became missing, the first '%s' at line %zu",
                                 FT_STR_ARG(b->t->source), csv_column_text(s, i), d->unknown,
                                 d->unknown_text.at, d->unknown_line));
    }
    return FT_OK;
}

ft_err csv_schema(csv_state *s, ft_table_build *b) {
    if (b->opts->schema) return unknown_notes(s, b);
    for (size_t i = 0; i < s->columns; i++)
        if (s->column[i].role == CSV_FEATURE) FT_TRY(feature_fill(s, b, i));
    if (s->label == CSV_NONE) return FT_OK;
    FT_TRY(ft_arena_str(&b->t->schema->label_name, &b->t->arena, s->detail[s->label].name));
    return s->column[s->label].kind == CSV_TEXT ? classes_sort(s, b) : FT_OK;
}
