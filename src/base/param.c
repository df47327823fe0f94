/* param.c -- see param.h. Every value is parsed once, when it is set. */
#include "base/param.h"

#include <math.h>

#include "base/buf.h"
#include "base/check.h"

typedef struct items { /* in the arena; capacity doubles */
    ft_str *at;
    size_t count, capacity;
} items;

typedef struct value {
    bool given;
    ft_str text;
    union {
        int64_t i;
        double f;
        bool b;
    };
    items items; /* of a list or a repeated parameter */
} value;

struct ft_params {
    const ft_param *table;
    ft_arena *arena;
    value *values; /* one for each row */
};

#define CANDIDATES_MAX 256 /* names or choices that a suggestion looks at */

/* ---- sentences */

static void add_range(ft_buf *b, const ft_param *p) {
    ft_buf_byte(b, p->min_open ? '(' : '[');
    ft_buf_f64(b, p->min);
    ft_buf_add(b, FT_STR(", "));
    ft_buf_f64(b, p->max);
    ft_buf_byte(b, p->max_open ? ')' : ']');
}

/* "auto, exact, hist, ndcg@…" */
static void add_choices(ft_buf *b, const ft_param *p) {
    ft_str lists[2] = { ft_str_of(p->choices), ft_str_of(p->prefixes) };
    bool first = true;
    for (int k = 0; k < 2; k++) {
        ft_str rest = lists[k];
        while (rest.at && rest.len) {
            if (!first) ft_buf_add(b, FT_STR(", "));
            first = false;
            ft_buf_add(b, ft_str_cut(&rest, '|'));
            if (k == 1) ft_buf_add(b, FT_STR("\xe2\x80\xa6"));
        }
    }
}

static bool bounded(const ft_param *p) { return p->min != 0 || p->max != 0; }

/* "in [0, 1]", "at least 1", "above 0", "at most 8": what must hold. */
static void add_bounds(ft_buf *b, const ft_param *p) {
    if (isinf(p->max) || isinf(p->min)) {
        bool low = isinf(p->max);
        bool open = low ? p->min_open : p->max_open;
        ft_buf_printf(b, "%s ", low ? (open ? "above" : "at least") : (open ? "below" : "at most"));
        ft_buf_f64(b, low ? p->min : p->max);
    } else {
        ft_buf_add(b, FT_STR("in "));
        add_range(b, p);
    }
}

static ft_err fail_range(const ft_param *p, ft_str text) {
    ft_buf b = { 0 };
    if (isinf(p->max) || isinf(p->min)) {
        ft_buf_add(&b, FT_STR("must be "));
        add_bounds(&b, p);
    } else {
        ft_buf_add(&b, FT_STR("is outside "));
        add_range(&b, p);
    }
    ft_err err = FT_FAIL(FT_EINVAL, "%s: %.*s %s", p->name, FT_STR_ARG(text),
                         b.at ? b.at : "is outside its range");
    ft_buf_fini(&b);
    return err;
}

/* The choice nearest to `text`; a view of the table. */
static ft_str nearest_choice(const ft_param *p, ft_str text) {
    const char *words[CANDIDATES_MAX];
    char copy[2048];
    size_t count = 0, used = 0;
    ft_str rest = ft_str_of(p->choices);
    while (rest.at && rest.len && count < CANDIDATES_MAX) {
        ft_str word = ft_str_cut(&rest, '|');
        if (word.len + 1 > sizeof copy - used) break;
        memcpy(copy + used, word.at, word.len);
        copy[used + word.len] = '\0';
        words[count++] = copy + used;
        used += word.len + 1;
    }
    const char *best = ft_str_nearest(text, words, count);
    if (!best) return (ft_str){ 0 };
    return ft_str_n(p->choices + (best - copy), strlen(best)); /* '|' and NUL are one byte each */
}

static ft_err fail_choice(const ft_param *p, ft_str text) {
    ft_buf b = { 0 };
    add_choices(&b, p);
    ft_str near = nearest_choice(p, text);
    if (near.len) ft_buf_printf(&b, "; did you mean '%.*s'?", FT_STR_ARG(near));
    ft_err err = FT_FAIL(FT_EINVAL, "%s: '%.*s' is not one of %s", p->name, FT_STR_ARG(text),
                         b.at ? b.at : "its choices");
    ft_buf_fini(&b);
    return err;
}

static ft_err fail_unknown(const ft_param *table, ft_str name) {
    const char *names[CANDIDATES_MAX];
    size_t count = 0;
    while (table[count].name && count < CANDIDATES_MAX) {
        names[count] = table[count].name;
        count++;
    }
    const char *near = ft_str_nearest(name, names, count);
    if (near)
        return FT_FAIL(FT_EINVAL, "unknown parameter '%.*s'; did you mean '%s'?", FT_STR_ARG(name),
                       near);
    return FT_FAIL(FT_EINVAL, "unknown parameter '%.*s'", FT_STR_ARG(name));
}

/* ---- parsing */

static bool in_range(const ft_param *p, double v) {
    if (!bounded(p)) return true;
    bool low = p->min_open ? v > p->min : v >= p->min;
    bool high = p->max_open ? v < p->max : v <= p->max;
    return low && high;
}

static ft_err parse_int(const ft_param *p, value *v, ft_str text) {
    if (!ft_str_i64(&v->i, text))
        return FT_FAIL(FT_EINVAL, "%s: expected an integer, found '%.*s'", p->name,
                       FT_STR_ARG(text));
    return in_range(p, (double)v->i) ? FT_OK : fail_range(p, text);
}

static ft_err parse_float(const ft_param *p, value *v, ft_str text) {
    if (!ft_str_f64(&v->f, text) || !isfinite(v->f))
        return FT_FAIL(FT_EINVAL, "%s: expected a number, found '%.*s'", p->name, FT_STR_ARG(text));
    return in_range(p, v->f) ? FT_OK : fail_range(p, text);
}

static ft_err parse_bool(const ft_param *p, value *v, ft_str text) {
    if (p->type == FT_PARAM_FLAG && text.len == 0) {
        v->b = true;
        return FT_OK;
    }
    if (ft_str_bool(&v->b, text)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "%s: expected true or false, found '%.*s'", p->name,
                   FT_STR_ARG(text));
}

static ft_err check_choice(const ft_param *p, ft_str text) {
    ft_str rest = ft_str_of(p->choices);
    if (!p->choices && !p->prefixes) return FT_OK;
    while (rest.at)
        if (ft_str_eq(ft_str_cut(&rest, '|'), text)) return FT_OK;
    rest = ft_str_of(p->prefixes);
    while (rest.at) {
        ft_str prefix = ft_str_cut(&rest, '|');
        if (prefix.len && text.len > prefix.len && ft_str_starts(text, prefix)) return FT_OK;
    }
    return fail_choice(p, text);
}

static ft_err items_add(items *list, ft_arena *arena, ft_str text) {
    FT_TRY(ft_arena_grow(&list->at, &list->capacity, arena, list->count));
    list->at[list->count++] = text;
    return FT_OK;
}

static ft_err parse_list(const ft_param *p, value *v, ft_arena *arena, ft_str text) {
    ft_str rest = text;
    if (ft_str_trim(text).len == 0) return FT_OK; /* the empty list */
    while (rest.at) {
        ft_str item = ft_str_trim(ft_str_cut(&rest, ','));
        if (item.len == 0)
            return FT_FAIL(FT_EINVAL, "%s: an item of the list '%.*s' is empty", p->name,
                           FT_STR_ARG(text));
        FT_TRY(check_choice(p, item));
        FT_TRY(items_add(&v->items, arena, item));
    }
    return FT_OK;
}

/* `text` stays: it is static or in the arena. */
static ft_err parse(const ft_param *p, value *v, ft_arena *arena, ft_str text) {
    v->text = text;
    switch (p->type) {
    case FT_PARAM_INT:
        FT_TRY(parse_int(p, v, text));
        break;
    case FT_PARAM_FLOAT:
        FT_TRY(parse_float(p, v, text));
        break;
    case FT_PARAM_BOOL:
    case FT_PARAM_FLAG:
        FT_TRY(parse_bool(p, v, text));
        break;
    case FT_PARAM_CHOICE:
        FT_TRY(check_choice(p, text));
        break;
    case FT_PARAM_LIST:
        return parse_list(p, v, arena, text);
    case FT_PARAM_STRING:
        break;
    }
    return p->repeated ? items_add(&v->items, arena, text) : FT_OK;
}

/* ---- exported */

const ft_param *ft_param_find(const ft_param *table, ft_str name) {
    for (const ft_param *p = table; p->name; p++)
        if (ft_str_is(name, p->name)) return p;
    return NULL;
}

ft_err ft_params_new(ft_params **out, ft_arena *arena, const ft_param *table) {
    ft_params *p;
    size_t count = 0;
    *out = NULL;
    while (table[count].name) count++;
    FT_TRY(ft_arena_take(&p, arena, sizeof *p));
    FT_TRY(ft_arena_items(&p->values, arena, count));
    p->table = table;
    p->arena = arena;
    for (size_t i = 0; i < count; i++) {
        if (!table[i].default_text) {
            if (table[i].type == FT_PARAM_FLOAT) p->values[i].f = (double)NAN;
            continue;
        }
        ft_err err = parse(&table[i], &p->values[i], arena, ft_str_of(table[i].default_text));
        FT_CHECK(err != FT_EINVAL); /* a default must be legal */
        if (err) return err;
    }
    *out = p;
    return FT_OK;
}

ft_err ft_params_set(ft_params *p, ft_str name, ft_str text) {
    const ft_param *row = ft_param_find(p->table, name);
    ft_str copy;
    if (!row) return fail_unknown(p->table, name);
    value *v = &p->values[row - p->table], next = { .given = true };
    if (row->repeated && v->given) next.items = v->items; /* else it replaces the default */
    FT_TRY(ft_arena_str(&copy, p->arena, text));
    FT_TRY(parse(row, &next, p->arena, copy));
    *v = next;
    return FT_OK;
}

ft_err ft_params_finish(const ft_params *p) {
    for (size_t i = 0; p->table[i].name; i++) {
        const ft_param *row = &p->table[i];
        if (row->required && !p->values[i].given)
            return FT_FAIL(FT_EINVAL, "parameter '%s' is required%s%s", row->name,
                           row->doc ? ": " : "", row->doc ? row->doc : "");
    }
    return FT_OK;
}

static const value *value_of(const ft_params *p, const char *name, const ft_param **row) {
    *row = ft_param_find(p->table, ft_str_of(name));
    FT_CHECK(*row != NULL);
    return &p->values[*row - p->table];
}

bool ft_params_given(const ft_params *p, const char *name) {
    const ft_param *row;
    return value_of(p, name, &row)->given;
}

int64_t ft_params_int(const ft_params *p, const char *name) {
    const ft_param *row;
    const value *v = value_of(p, name, &row);
    FT_CHECK(row->type == FT_PARAM_INT);
    return v->i;
}

double ft_params_float(const ft_params *p, const char *name) {
    const ft_param *row;
    const value *v = value_of(p, name, &row);
    FT_CHECK(row->type == FT_PARAM_FLOAT);
    return v->f;
}

bool ft_params_bool(const ft_params *p, const char *name) {
    const ft_param *row;
    const value *v = value_of(p, name, &row);
    FT_CHECK(row->type == FT_PARAM_BOOL || row->type == FT_PARAM_FLAG);
    return v->b;
}

ft_str ft_params_str(const ft_params *p, const char *name) {
    const ft_param *row;
    return value_of(p, name, &row)->text;
}

bool ft_params_each(const ft_params *p, const char *name, size_t i, ft_str *out) {
    const ft_param *row;
    const value *v = value_of(p, name, &row);
    if (row->type == FT_PARAM_LIST || row->repeated) {
        if (i >= v->items.count) return false;
        *out = v->items.at[i];
        return true;
    }
    if (i > 0 || !v->text.at) return false;
    *out = v->text;
    return true;
}

const ft_param *ft_params_table(const ft_params *p) { return p->table; }

ft_err ft_param_describe(ft_str *out, ft_arena *arena, const ft_param *param) {
    static const char *const words[] = {
        [FT_PARAM_INT] = "integer",        [FT_PARAM_FLOAT] = "number",
        [FT_PARAM_BOOL] = "true or false", [FT_PARAM_STRING] = "text",
        [FT_PARAM_CHOICE] = "one of ",     [FT_PARAM_LIST] = "list",
        [FT_PARAM_FLAG] = "flag"
    };
    ft_buf b = { 0 };
    ft_buf_add(&b, ft_str_of(words[param->type]));
    if (param->type == FT_PARAM_LIST && param->choices) ft_buf_add(&b, FT_STR(" of "));
    if (param->type == FT_PARAM_CHOICE || param->type == FT_PARAM_LIST) add_choices(&b, param);
    if ((param->type == FT_PARAM_INT || param->type == FT_PARAM_FLOAT) && bounded(param)) {
        ft_buf_byte(&b, ' ');
        add_bounds(&b, param);
    }
    if (param->required) ft_buf_add(&b, FT_STR(", required"));
    if (param->default_text && param->type != FT_PARAM_FLAG)
        ft_buf_printf(&b, ", default %s", *param->default_text ? param->default_text : "empty");
    ft_err err = b.err ? b.err : ft_arena_str(out, arena, ft_buf_str(&b));
    ft_buf_fini(&b);
    return err;
}
