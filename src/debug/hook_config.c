/* hook_config.c -- see hook_config.h. */
#include "debug/hook_config.h"

#include "base/check.h"
#include "base/json.h"
#include "base/log.h"

#define COLLECTIONS_MAX 64
#define PARAMETERS_MAX  64

typedef struct parameter {
    ft_str name, value;
} parameter;

typedef struct parameters {
    parameter at[PARAMETERS_MAX];
    size_t count;
} parameters;

typedef struct reader {
    ft_arena *arena;
    ft_hook_config *out;
    ft_collection base; /* what HookParameters say to every collection */
    parameters hook;
    ft_str list; /* the text of CollectionConfigurations */
    bool save_all;
    ft_str include_regex;
} reader;

/* ---- JSON */
static bool is_null(ft_json *j) {
    ft_json_kind kind;
    return ft_json_peek(j, &kind) == FT_OK && kind == FT_JSON_NULL;
}

/* A text, or the text of a number or boolean. */
static ft_err read_text(ft_json *j, ft_arena *arena, ft_str *out) {
    ft_json_kind kind;
    ft_str text;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_STRING)
        FT_TRY(ft_json_string(j, &text));
    else if (kind == FT_JSON_OBJECT || kind == FT_JSON_ARRAY)
        return ft_json_fail(j, "a text was expected");
    else
        FT_TRY(ft_json_skip(j, &text));
    if (kind == FT_JSON_NULL) text = FT_STR("");
    return ft_arena_str(out, arena, text);
}

static ft_err read_parameters(ft_json *j, ft_arena *arena, parameters *p) {
    ft_str name;
    p->count = 0;
    if (is_null(j)) return ft_json_skip(j, NULL);
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (p->count == PARAMETERS_MAX)
            return ft_json_fail(j, "more than %d parameters", PARAMETERS_MAX);
        parameter *x = &p->at[p->count++];
        FT_TRY(ft_arena_str(&x->name, arena, name));
        FT_TRY(read_text(j, arena, &x->value));
    }
    return j->err;
}

/* ---- parameters of all collections */
/* Parameters of the hook alone; true when it was one. */
static ft_err hook_parameter(bool *known, reader *r, const parameter *p) {
    static const char *const silent[] = { "export_tensorboard", "tensorboard_dir" };
    *known = true;
    if (ft_str_is(p->name, "save_all")) {
        if (!ft_str_bool(&r->save_all, ft_str_trim(p->value)))
            return FT_FAIL(FT_EINVAL, "save_all: true or false was expected, not '%.*s'",
                           FT_STR_ARG(p->value));
        return FT_OK;
    }
    if (ft_str_is(p->name, "include_workers")) {
        if (!ft_str_is(p->value, "one") && !ft_str_is(p->value, "all"))
            return FT_FAIL(FT_EINVAL, "include_workers: one or all was expected, not '%.*s'",
                           FT_STR_ARG(p->value));
        r->out->all_workers = ft_str_is(p->value, "all");
        return FT_OK;
    }
    if (ft_str_is(p->name, "include_regex")) {
        r->include_regex = p->value;
        return FT_OK;
    }
    for (size_t i = 0; i < FT_COUNT(silent); i++)
        if (ft_str_is(p->name, silent[i])) return FT_OK;
    *known = false;
    return FT_OK;
}

static bool has_mode(ft_str name) {
    ft_mode mode;
    ft_str rest = name, head = ft_str_cut(&rest, '.');
    bool yes = rest.at && ft_mode_parse(&mode, head) == FT_OK;
    if (!yes) ft_err_clear();
    return yes;
}

static bool is_collection_parameter(ft_str name) {
    static const char *const known[] = { "save_interval",  "save_steps",      "start_step",
                                         "end_step",       "include_regex",   "reductions",
                                         "save_histogram", "save_raw_tensor", "save_shape" };
    ft_str rest = name;
    if (has_mode(name)) {
        ft_str_cut(&rest, '.');
        name = rest;
    }
    for (size_t i = 0; i < FT_COUNT(known); i++)
        if (ft_str_is(name, known[i])) return true;
    return false;
}

/* First those of every mode, then those of one: the latter begin as the former. A mode that
 * already has its own settings (from the hook) gets the plain ones of the collection too. */
static ft_err apply(ft_collection *c, ft_arena *arena, const parameters *p) {
    for (int moded = 0; moded < 2; moded++)
        for (size_t i = 0; i < p->count; i++) {
            ft_str name = p->at[i].name, full;
            if (has_mode(name) != (moded != 0) || !is_collection_parameter(name)) continue;
            FT_TRY(ft_collection_set(c, arena, name, p->at[i].value));
            bool saves = ft_str_starts(name, FT_STR("save_interval")) ||
                         ft_str_starts(name, FT_STR("save_steps")) ||
                         ft_str_ends(name, FT_STR("_step"));
            for (int m = FT_MODE_TRAIN; saves && !moded && m <= FT_MODE_GLOBAL; m++) {
                if (!c->mode_save[m - 1].interval) continue;
                FT_TRY(ft_arena_printf(&full, arena, "%s.%.*s", ft_mode_name((ft_mode)m),
                                       FT_STR_ARG(name)));
                FT_TRY(ft_collection_set(c, arena, full, p->at[i].value));
            }
        }
    return FT_OK;
}

static ft_err apply_hook(reader *r) {
    parameters *p = &r->hook;
    for (size_t i = 0; i < p->count; i++) {
        bool known;
        FT_TRY(hook_parameter(&known, r, &p->at[i]));
        if (known)
            p->at[i].name = FT_STR(""); /* done */
        else if (!is_collection_parameter(p->at[i].name))
            ft_log(FT_LOG_WARN, "debug", "HookParameters: '%.*s' is unknown and ignored",
                   FT_STR_ARG(p->at[i].name));
    }
    return apply(&r->base, r->arena, p);
}

/* ---- collections */
static ft_err find_or_add(ft_collection **out, reader *r, ft_str name) {
    ft_hook_config *c = r->out;
    for (size_t i = 0; i < c->collection_count; i++)
        if (ft_str_eq(c->collections[i].name, name)) {
            *out = &c->collections[i];
            return FT_OK;
        }
    if (c->collection_count == COLLECTIONS_MAX)
        return FT_FAIL(FT_EINVAL, "more than %d collections", COLLECTIONS_MAX);
    ft_collection *x = *out = &c->collections[c->collection_count++];
    *x = r->base;
    x->include_count = 0;
    x->include = NULL;
    FT_TRY(ft_arena_str(&x->name, r->arena, name));
    const char *builtin = ft_collection_builtin(name);
    if (!builtin) return FT_OK;
    FT_TRY(ft_arena_items(&x->include, r->arena, 1));
    x->include[0] = ft_str_of(builtin);
    x->include_count = 1;
    return FT_OK;
}

static ft_err read_collection(ft_json *j, reader *r) {
    ft_str member, name = { 0 };
    parameters *p;
    ft_collection *c;
    FT_TRY(ft_arena_take(&p, r->arena, sizeof *p));
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &member)) {
        if (ft_str_is(member, "CollectionName"))
            FT_TRY(read_text(j, r->arena, &name));
        else if (ft_str_is(member, "CollectionParameters"))
            FT_TRY(read_parameters(j, r->arena, p));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    if (j->err) return j->err;
    if (!name.len) return ft_json_fail(j, "CollectionName is missing");
    FT_TRY(find_or_add(&c, r, name));
    for (size_t i = 0; i < p->count; i++)
        if (!is_collection_parameter(p->at[i].name))
            ft_log(FT_LOG_WARN, "debug", "collection '%.*s': '%.*s' is unknown and ignored",
                   FT_STR_ARG(name), FT_STR_ARG(p->at[i].name));
    ft_err err = apply(c, r->arena, p);
    return err ? ft_err_prefix(err, "collection '%.*s'", FT_STR_ARG(name)) : FT_OK;
}

static ft_err read_list(reader *r) {
    static const ft_json_opts opts = { .name = "CollectionConfigurations" };
    ft_json j;
    if (!r->list.len) return FT_OK;
    ft_json_init(&j, r->list, r->arena, &opts);
    if (is_null(&j)) return FT_OK;
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) FT_TRY(read_collection(&j, r));
    return ft_json_end(&j);
}

/* What is kept although it was not listed. */
static ft_err add_implied(reader *r) {
    ft_collection *c;
    FT_TRY(find_or_add(&c, r, FT_STR("metrics")));
    FT_TRY(find_or_add(&c, r, FT_STR("losses")));
    if (r->save_all) FT_TRY(find_or_add(&c, r, FT_STR("all")));
    if (!r->include_regex.len) return FT_OK;
    FT_TRY(find_or_add(&c, r, FT_STR("default")));
    return ft_collection_set(c, r->arena, FT_STR("include_regex"), r->include_regex);
}

static ft_err read_top(ft_json *j, reader *r) {
    ft_str member;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &member)) {
        if (ft_str_is(member, "S3OutputPath") || ft_str_is(member, "S3Path"))
            FT_TRY(read_text(j, r->arena, &r->out->s3_output_path));
        else if (ft_str_is(member, "LocalPath"))
            FT_TRY(read_text(j, r->arena, &r->out->local_path));
        else if (ft_str_is(member, "HookParameters"))
            FT_TRY(read_parameters(j, r->arena, &r->hook));
        else if (ft_str_is(member, "CollectionConfigurations") ||
                 ft_str_is(member, "CollectionConfiguration"))
            FT_TRY(ft_json_skip(j, &r->list));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    return ft_json_end(j);
}

ft_err ft_hook_config_parse(ft_hook_config *out, ft_arena *arena, ft_str json, int64_t interval) {
    static const ft_json_opts opts = { .name = "hook configuration" };
    reader r = { .arena = arena, .out = out, .base.save.interval = interval };
    ft_json j;
    memset(out, 0, sizeof *out);
    ft_json_init(&j, json, arena, &opts);
    FT_TRY(read_top(&j, &r));
    FT_TRY(ft_arena_items(&out->collections, arena, COLLECTIONS_MAX));
    FT_TRY(apply_hook(&r));
    FT_TRY(read_list(&r));
    return add_implied(&r);
}
