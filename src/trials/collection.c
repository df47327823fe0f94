/* collection.c -- see collection.h: when a collection is due, what it holds, how it is set. */
#include "trials/collection.h"

#include <stdlib.h>
#include <strings.h>

#include "base/check.h"
#include "base/fault.h"
#include "trials/reduction.h"
#include "trials/regex.h"

#define ITEMS_MAX    10000               /* expressions, names or steps of one collection */
#define INTERVAL_MAX INT64_C(1000000000) /* steps */

static const char *const mode_names[] = { "?", "TRAIN", "EVAL", "PREDICT", "GLOBAL" };

/* The expressions are smdebug's, letter for letter ([a-zA-z] included): they are a contract. */
static const struct {
    const char *name, *include;
    bool xgboost;
} builtins[] = {
    { "metrics", "^[a-zA-z]+-[a-zA-z0-9]+$", true },
    { "losses", "^[a-zA-z]+-.+(?<!(auc|map))$", true },
    { "feature_importance", "^feature_importance/.*", true },
    { "average_shap", "^average_shap/.*[^/bias]$", true },
    { "full_shap", "^full_shap/.*[^/bias]$", true },
    { "predictions", "^predictions$", true },
    { "labels", "^labels$", true },
    { "hyperparameters", "^hyperparameters/.*$", true },
    { "trees", "^trees/.*", true },
    { "all", ".*", false },
    { "weights", "^(?!gradient).*weight", false },
    { "biases", "^(?!gradient).*bias", false },
    { "gradients", "^gradient", false },
    { "relu_input", ".*relu_input", false },
    { "relu_output", ".*relu_output", false },
    { "input_image", ".*hybridsequential0_input_0", false },
    { "input_sequence", ".*embedding0_input_0", false },
};

const char *ft_mode_name(ft_mode m) {
    return m >= FT_MODE_TRAIN && m <= FT_MODE_GLOBAL ? mode_names[m] : mode_names[0];
}

ft_err ft_mode_parse(ft_mode *out, ft_str name) {
    name = ft_str_trim(name);
    for (int m = FT_MODE_TRAIN; m <= FT_MODE_GLOBAL; m++)
        if (ft_str_ieq(name, ft_str_of(mode_names[m]))) {
            *out = (ft_mode)m;
            return FT_OK;
        }
    return FT_FAIL(FT_EINVAL, "'%.*s' is not a mode: TRAIN, EVAL, PREDICT or GLOBAL was expected",
                   FT_STR_ARG(name));
}

bool ft_save_due(const ft_save_config *save, int64_t step) {
    for (size_t i = 0; i < save->step_count; i++)
        if (save->steps[i] == step) return true;
    int64_t interval = save->interval > 0 ? save->interval : FT_SAVE_INTERVAL_DEFAULT;
    if (step < save->start || save->end < 0 || (save->end > 0 && step >= save->end)) return false;
    return step % interval == 0;
}

const ft_save_config *ft_collection_save(const ft_collection *c, ft_mode mode) {
    FT_CHECK(mode >= FT_MODE_TRAIN && mode <= FT_MODE_GLOBAL);
    return c->mode_save[mode - 1].interval ? &c->mode_save[mode - 1] : &c->save;
}

/* ---- what it holds */
struct ft_matcher {
    const ft_str *names;
    size_t name_count;
    size_t count;
    ft_regex *re[];
};

ft_err ft_matcher_new(ft_matcher **out, const ft_collection *c) {
    *out = NULL;
    size_t bytes = sizeof **out + c->include_count * sizeof(ft_regex *);
    ft_matcher *m = ft_fault_here() ? NULL : calloc(1, bytes);
    if (!m) return FT_FAIL(FT_ENOMEM, "no memory for a collection's expressions");
    m->names = c->names;
    m->name_count = c->name_count;
    for (size_t i = 0; i < c->include_count; i++) {
        ft_err err = ft_regex_new(&m->re[i], c->include[i]);
        if (err) {
            ft_matcher_free(m);
            return ft_err_prefix(err, "collection '%.*s'", FT_STR_ARG(c->name));
        }
        m->count++;
    }
    *out = m;
    return FT_OK;
}

ft_err ft_matcher_has(bool *out, ft_matcher *m, ft_str tensor) {
    *out = false;
    for (size_t i = 0; i < m->name_count && !*out; i++) *out = ft_str_eq(m->names[i], tensor);
    for (size_t i = 0; i < m->count && !*out; i++) FT_TRY(ft_regex_match(out, m->re[i], tensor));
    return FT_OK;
}

void ft_matcher_free(ft_matcher *m) {
    if (!m) return;
    for (size_t i = 0; i < m->count; i++) ft_regex_free(m->re[i]);
    free(m);
}

ft_err ft_collection_has(bool *out, const ft_collection *c, ft_str tensor) {
    ft_matcher *m = NULL;
    *out = false;
    FT_TRY(ft_matcher_new(&m, c));
    ft_err err = ft_matcher_has(out, m, tensor);
    ft_matcher_free(m);
    return err;
}

/* ---- built-in ones */
const char *ft_collection_builtin(ft_str name) {
    for (size_t i = 0; i < FT_COUNT(builtins); i++)
        if (ft_str_is(name, builtins[i].name)) return builtins[i].include;
    return NULL;
}

static ft_err builtin_fill(ft_collection *c, ft_arena *arena, const char *name,
                           const char *include) {
    FT_TRY(ft_arena_items(&c->include, arena, 1));
    c->name = ft_str_of(name);
    c->include[0] = ft_str_of(include);
    c->include_count = 1;
    return FT_OK;
}

ft_err ft_collections_xgboost(ft_collection **out, size_t *count, ft_arena *arena,
                              int64_t interval) {
    ft_collection *list;
    size_t n = 0;
    FT_TRY(ft_arena_items(&list, arena, FT_COUNT(builtins)));
    for (size_t i = 0; i < FT_COUNT(builtins); i++) {
        if (!builtins[i].xgboost) continue;
        FT_TRY(builtin_fill(&list[n], arena, builtins[i].name, builtins[i].include));
        list[n++].save.interval = interval;
    }
    *out = list;
    *count = n;
    return FT_OK;
}

/* ---- setting */
/* Items of "a, b,c" appended to a list in the arena. */
static ft_err add_items(ft_str **items, size_t *count, ft_arena *arena, ft_str value) {
    size_t most = *count + 1;
    for (size_t i = 0; i < value.len; i++) most += value.at[i] == ',';
    if (most > ITEMS_MAX)
        return FT_FAIL(FT_EINVAL, "a list of %zu items: at most %d", most, ITEMS_MAX);
    ft_str *all;
    FT_TRY(ft_arena_items(&all, arena, most));
    if (*count) memcpy(all, *items, *count * sizeof *all);
    size_t n = *count;
    for (ft_str rest = value; rest.at;) {
        ft_str item = ft_str_trim(ft_str_cut(&rest, ','));
        if (item.len) FT_TRY(ft_arena_str(&all[n++], arena, item));
    }
    *items = all;
    *count = n;
    return FT_OK;
}

static ft_err parse_step(int64_t *out, ft_str name, ft_str value, int64_t least) {
    value = ft_str_trim(value);
    if (!ft_str_i64(out, value) || *out < least || *out > INT64_C(1000000000000))
        return FT_FAIL(FT_EINVAL, "%.*s: a whole number from %lld was expected, not '%.*s'",
                       FT_STR_ARG(name), (long long)least, FT_STR_ARG(value));
    return FT_OK;
}

static ft_err set_steps(ft_save_config *save, ft_arena *arena, ft_str name, ft_str value) {
    ft_str *items = NULL;
    size_t count = 0;
    int64_t *steps;
    FT_TRY(add_items(&items, &count, arena, value));
    FT_TRY(ft_arena_items(&steps, arena, count + 1));
    for (size_t i = 0; i < count; i++) FT_TRY(parse_step(&steps[i], name, items[i], 0));
    save->steps = count ? steps : NULL;
    save->step_count = count;
    return FT_OK;
}

static ft_err set_save(ft_save_config *save, ft_arena *arena, ft_str key, ft_str name, ft_str value,
                       bool *known) {
    *known = true;
    if (ft_str_is(key, "save_interval")) {
        FT_TRY(parse_step(&save->interval, name, value, 1));
        if (save->interval > INTERVAL_MAX) save->interval = INTERVAL_MAX;
        return FT_OK;
    }
    if (ft_str_is(key, "save_steps")) return set_steps(save, arena, name, value);
    if (ft_str_is(key, "start_step")) return parse_step(&save->start, name, value, 0);
    if (ft_str_is(key, "end_step")) {
        FT_TRY(parse_step(&save->end, name, value, 0));
        if (save->end == 0) save->end = -1; /* [0, 0): nothing is saved by interval */
        return FT_OK;
    }
    *known = false;
    return FT_OK;
}

static ft_err set_bool(bool *out, ft_str name, ft_str value) {
    if (!ft_str_bool(out, ft_str_trim(value)) && !ft_str_ieq(value, FT_STR("none")))
        return FT_FAIL(FT_EINVAL, "%.*s: true or false was expected, not '%.*s'", FT_STR_ARG(name),
                       FT_STR_ARG(value));
    return FT_OK;
}

static ft_err set_reductions(ft_collection *c, ft_arena *arena, ft_str value) {
    ft_reduction list[FT_REDUCTIONS_MAX];
    size_t count;
    FT_TRY(ft_reductions_parse(list, &count, value));
    return ft_arena_str(&c->reductions, arena, ft_str_trim(value));
}

static ft_err set_regex(ft_collection *c, ft_arena *arena, ft_str value) {
    size_t before = c->include_count;
    FT_TRY(add_items(&c->include, &c->include_count, arena, value));
    for (size_t i = before; i < c->include_count; i++) {
        ft_regex *re;
        FT_TRY(ft_regex_new(&re, c->include[i]));
        ft_regex_free(re);
    }
    return FT_OK;
}

/* "train." … before a parameter's name: the mode, or 0. */
static int mode_prefix(ft_str *key) {
    for (int m = FT_MODE_TRAIN; m <= FT_MODE_GLOBAL; m++) {
        size_t n = strlen(mode_names[m]);
        if (key->len > n && key->at[n] == '.' && strncasecmp(key->at, mode_names[m], n) == 0) {
            *key = ft_str_from(*key, n + 1);
            return m;
        }
    }
    return 0;
}

static ft_err unknown(ft_str name, ft_str key) {
    static const char *const known[] = { "save_interval",  "save_steps",      "start_step",
                                         "end_step",       "include_regex",   "reductions",
                                         "save_histogram", "save_raw_tensor", "save_shape" };
    const char *near = ft_str_nearest(key, known, FT_COUNT(known));
    return FT_FAIL(FT_EINVAL, "'%.*s' is not a parameter of a collection%s%s%s", FT_STR_ARG(name),
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

ft_err ft_collection_set(ft_collection *c, ft_arena *arena, ft_str parameter, ft_str value) {
    ft_str key = ft_str_trim(parameter);
    bool ignored = false, known;
    int mode = mode_prefix(&key);
    ft_save_config *save = mode ? &c->mode_save[mode - 1] : &c->save, was = *save;
    if (mode && !save->interval) {
        *save = c->save;
        if (!save->interval) save->interval = FT_SAVE_INTERVAL_DEFAULT;
    }
    ft_err err = set_save(save, arena, key, parameter, value, &known);
    if (err || !known) *save = was;
    if (err || known) return err;
    if (mode) return unknown(parameter, key);
    if (ft_str_is(key, "include_regex")) return set_regex(c, arena, value);
    if (ft_str_is(key, "reductions")) return set_reductions(c, arena, value);
    if (ft_str_is(key, "save_raw_tensor")) return set_bool(&c->keep_raw, parameter, value);
    if (ft_str_is(key, "save_histogram") || ft_str_is(key, "save_shape"))
        return set_bool(&ignored, parameter, value);
    return unknown(parameter, key);
}

ft_err ft_collection_parse(ft_collection *out, ft_arena *arena, ft_str text) {
    ft_str rest = text, name = ft_str_trim(ft_str_cut(&rest, ':'));
    memset(out, 0, sizeof *out);
    if (!name.len)
        return FT_FAIL(FT_EINVAL, "'%.*s': NAME or NAME:save_interval=5,… was expected",
                       FT_STR_ARG(text));
    const char *builtin = ft_collection_builtin(name);
    if (builtin) FT_TRY(builtin_fill(out, arena, "", builtin));
    FT_TRY(ft_arena_str(&out->name, arena, name));
    /* A value may hold commas ("save_steps=1,2"): a piece without '=' continues the one before. */
    while (rest.at) {
        ft_str from = rest, piece = ft_str_cut(&rest, ',');
        size_t end = piece.len;
        while (rest.at) {
            ft_str peek = rest, next = ft_str_cut(&peek, ',');
            if (ft_str_find(next, '=') < next.len) break;
            end = (size_t)(next.at - from.at) + next.len;
            rest = peek;
        }
        piece = ft_str_n(from.at, end);
        ft_str value = piece, key = ft_str_cut(&value, '=');
        if (!value.at)
            return FT_FAIL(FT_EINVAL, "collection '%.*s': PARAMETER=VALUE was expected, not '%.*s'",
                           FT_STR_ARG(name), FT_STR_ARG(piece));
        ft_err err = ft_collection_set(out, arena, key, value);
        if (err) return ft_err_prefix(err, "collection '%.*s'", FT_STR_ARG(name));
    }
    if (!out->include_count)
        return FT_FAIL(FT_EINVAL,
                       "collection '%.*s' is not a built-in one: say what it holds with "
                       "include_regex=…",
                       FT_STR_ARG(name));
    return FT_OK;
}
