/* schema.c -- what the columns of a table are, as JSON and back; dictionaries; missing markers.
 *
 *     {"version":1,"label":"income","named":true,"classes":["<=50K",">50K"],
 *      "features":[{"name":"age","integer":true},{"name":"job","categories":["clerk","cook"]}]}
 *
 * A feature whose name is "f" and its number leaves the name out, so that a schema of a million
 * unnamed columns stays small. */
#include <stdio.h>

#include "base/check.h"
#include "data/dict.h"
#include "data/shown.h"
#include "data/table.h"
#include "data/table_in.h"

#define VERSION 1

/* ---- writing */

static bool default_name(const ft_feature *f, size_t i) {
    char name[32];
    snprintf(name, sizeof name, "f%zu", i);
    return ft_str_is(f->name, name);
}

static void texts_write(ft_json_out *w, const char *name, const ft_str *texts, size_t count) {
    ft_json_out_name(w, name);
    ft_json_out_array(w);
    for (size_t i = 0; i < count; i++) ft_json_out_str(w, texts[i]);
    ft_json_out_close(w);
}

static void feature_write(ft_json_out *w, const ft_feature *f, size_t i) {
    ft_json_out_object(w);
    if (!default_name(f, i)) {
        ft_json_out_name(w, "name");
        ft_json_out_str(w, f->name);
    }
    if (f->is_integer) {
        ft_json_out_name(w, "integer");
        ft_json_out_bool(w, true);
    }
    if (f->is_category) texts_write(w, "categories", f->categories, f->category_count);
    ft_json_out_close(w);
}

ft_err ft_schema_write(ft_buf *out, const ft_schema *schema) {
    ft_json_out w;
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "version");
    ft_json_out_i64(&w, VERSION);
    ft_json_out_name(&w, "label");
    ft_json_out_str(&w, schema->label_name);
    ft_json_out_name(&w, "named");
    ft_json_out_bool(&w, schema->named);
    if (schema->classes) texts_write(&w, "classes", schema->classes, schema->class_count);
    ft_json_out_name(&w, "features");
    ft_json_out_array(&w);
    for (size_t i = 0; i < schema->feature_count; i++) feature_write(&w, &schema->features[i], i);
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    return out->err;
}

/* ---- reading */

typedef struct reader {
    ft_json j;
    ft_arena *arena;
    ft_schema *schema;
    size_t capacity;
} reader;

/* A list of distinct texts; the dictionary finds them by text. */
static ft_err texts_read(ft_dict **out, reader *r) {
    ft_str text;
    uint32_t code;
    FT_TRY(ft_arena_items(out, r->arena, 1));
    (*out)->arena = r->arena;
    FT_TRY(ft_json_enter_array(&r->j));
    while (ft_json_next_item(&r->j)) {
        size_t before = (*out)->count;
        FT_TRY(ft_json_string(&r->j, &text));
        FT_TRY(ft_dict_add(&code, *out, text));
        if ((*out)->count == before)
            return ft_json_fail(&r->j, "'%s' stands twice in the list", ft_shown(text));
        if (before == FT_TABLE_CATEGORIES_MAX)
            return ft_json_fail(&r->j, "more than %zu texts", FT_TABLE_CATEGORIES_MAX);
    }
    return r->j.err;
}

static void feature_dict(ft_feature *f, const ft_dict *dict) {
    f->is_category = true;
    f->categories = dict->at;
    f->category_count = dict->count;
    f->dict = dict;
}

static ft_err feature_room(reader *r) {
    ft_schema *s = r->schema;
    ft_feature *more;
    if (s->feature_count < r->capacity) return FT_OK;
    if (s->feature_count >= FT_TABLE_COLS_MAX)
        return ft_json_fail(&r->j, "more than %zu features", FT_TABLE_COLS_MAX);
    r->capacity = r->capacity ? r->capacity * 2 : 32;
    FT_TRY(ft_arena_items(&more, r->arena, r->capacity));
    if (s->feature_count) memcpy(more, s->features, s->feature_count * sizeof *more);
    s->features = more;
    return FT_OK;
}

static ft_err feature_read(reader *r) {
    ft_str name, text = { 0 };
    ft_dict *dict;
    FT_TRY(feature_room(r));
    ft_feature *f = &r->schema->features[r->schema->feature_count];
    FT_TRY(ft_json_enter_object(&r->j));
    while (ft_json_next_member(&r->j, &name)) {
        if (ft_str_is(name, "name")) {
            FT_TRY(ft_json_string(&r->j, &text));
        } else if (ft_str_is(name, "integer")) {
            FT_TRY(ft_json_bool(&r->j, &f->is_integer));
        } else if (ft_str_is(name, "categories")) {
            FT_TRY(texts_read(&dict, r));
            feature_dict(f, dict);
            r->schema->has_categories = true;
        } else {
            FT_TRY(ft_json_skip(&r->j, NULL));
        }
    }
    if (r->j.err) return r->j.err;
    if (text.at)
        FT_TRY(ft_arena_str(&f->name, r->arena, text));
    else
        FT_TRY(ft_arena_printf(&f->name, r->arena, "f%zu", r->schema->feature_count));
    r->schema->feature_count++;
    return FT_OK;
}

static ft_err features_read(reader *r) {
    FT_TRY(ft_json_enter_array(&r->j));
    while (ft_json_next_item(&r->j)) FT_TRY(feature_read(r));
    return r->j.err;
}

static ft_err member_read(reader *r, ft_str name, bool *features) {
    int64_t version;
    ft_str text;
    ft_dict *dict;
    if (ft_str_is(name, "version")) {
        FT_TRY(ft_json_i64(&r->j, &version));
        if (version != VERSION)
            return ft_json_fail(&r->j, "version %lld of the schema, expected %d",
                                (long long)version, VERSION);
    } else if (ft_str_is(name, "label")) {
        FT_TRY(ft_json_string(&r->j, &text));
        FT_TRY(ft_arena_str(&r->schema->label_name, r->arena, text));
    } else if (ft_str_is(name, "named")) {
        FT_TRY(ft_json_bool(&r->j, &r->schema->named));
    } else if (ft_str_is(name, "classes")) {
        FT_TRY(texts_read(&dict, r));
        r->schema->classes = dict->at;
        r->schema->class_count = dict->count;
    } else if (ft_str_is(name, "features")) {
        *features = true;
        r->schema->feature_count = 0;
        FT_TRY(features_read(r));
    } else {
        FT_TRY(ft_json_skip(&r->j, NULL));
    }
    return FT_OK;
}

ft_err ft_schema_read(ft_schema **out, ft_arena *arena, ft_str json) {
    reader r = { .arena = arena };
    ft_json_opts opts = { .name = "schema" };
    ft_str name;
    bool features = false;
    *out = NULL;
    FT_TRY(ft_arena_items(&r.schema, arena, 1));
    ft_json_init(&r.j, json, arena, &opts);
    FT_TRY(ft_json_enter_object(&r.j));
    while (ft_json_next_member(&r.j, &name)) FT_TRY(member_read(&r, name, &features));
    FT_TRY(ft_json_end(&r.j));
    if (!features) return FT_FAIL(FT_EPARSE, "schema: the member 'features' is missing");
    *out = r.schema;
    return FT_OK;
}

/* ---- copies, for a table that fits another one's schema */

static ft_err texts_copy(ft_dict **out, ft_arena *arena, const ft_str *texts, size_t count) {
    uint32_t code;
    FT_TRY(ft_arena_items(out, arena, 1));
    (*out)->arena = arena;
    for (size_t i = 0; i < count; i++) FT_TRY(ft_dict_add(&code, *out, texts[i]));
    return FT_OK;
}

ft_err ft_build_schema_copy(ft_table_build *b, const ft_schema *schema) {
    ft_arena *arena = &b->t->arena;
    ft_schema *copy;
    ft_dict *dict;
    FT_TRY(ft_arena_items(&copy, arena, 1));
    *copy = *schema;
    FT_TRY(ft_arena_str(&copy->label_name, arena, schema->label_name));
    if (schema->classes) {
        FT_TRY(texts_copy(&dict, arena, schema->classes, schema->class_count));
        copy->classes = dict->at;
    }
    FT_TRY(ft_arena_items(&copy->features, arena, schema->feature_count));
    for (size_t i = 0; i < schema->feature_count; i++) {
        ft_feature *f = &copy->features[i];
        *f = schema->features[i];
        FT_TRY(ft_arena_str(&f->name, arena, f->name));
        if (!f->is_category) continue;
        FT_TRY(texts_copy(&dict, arena, f->categories, f->category_count));
        feature_dict(f, dict);
    }
    b->t->schema = copy;
    return FT_OK;
}

ft_err ft_build_schema(ft_table_build *b, size_t cols, const char *prefix) {
    ft_arena *arena = &b->t->arena;
    size_t each = strlen(prefix) + 12, at = 0;
    char *text; /* all names in one piece: an arena item takes a cache line */
    FT_CHECK(cols <= FT_TABLE_COLS_MAX);
    FT_TRY(ft_arena_items(&b->t->schema, arena, 1));
    FT_TRY(ft_arena_items(&b->t->schema->features, arena, cols));
    FT_TRY(ft_arena_take(&text, arena, cols * each));
    for (size_t i = 0; i < cols; i++) {
        int len = snprintf(text + at, each, "%s%zu", prefix, i);
        b->t->schema->features[i].name = ft_str_n(text + at, (size_t)len);
        b->t->schema->features[i].is_integer = true;
        at += (size_t)len + 1;
    }
    b->t->schema->feature_count = cols;
    b->t->cols = cols;
    return FT_OK;
}

/* ---- texts */

int64_t ft_feature_code(const ft_feature *f, ft_str text) {
    if (f->dict) return ft_dict_find(f->dict, text);
    for (size_t i = 0; i < f->category_count; i++)
        if (ft_str_eq(f->categories[i], text)) return (int64_t)i;
    return -1;
}

bool ft_text_missing(ft_str text) {
    static const char *const words[] = { "?",       "NA",     "NaN",     "nan",     "NAN",
                                         "null",    "NULL",   "Null",    "N/A",     "n/a",
                                         "<NA>",    "#N/A",   "#NA",     "Nan",     "-nan",
                                         "-NaN",    "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
                                         "#N/A N/A" };
    if (text.len == 0) return true;
    if (text.len > 8) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (text.at[0] == words[i][0] && ft_str_is(text, words[i])) return true;
    return false;
}
