/* tensors.c -- which tensors a rule looks at, and losses as series over steps (rule_in.h). */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "rules/rule_in.h"

/* ---- names */
/* Not every rule has both parameters. */
static bool item_of(const ft_params *p, const char *name, size_t i, ft_str *out) {
    return ft_param_find(ft_params_table(p), ft_str_of(name)) && ft_params_each(p, name, i, out);
}

ft_err ft_rule_tensors_given(const ft_params *p, const char *rule) {
    ft_str item;
    if (item_of(p, "collection_names", 0, &item) || item_of(p, "tensor_regex", 0, &item))
        return FT_OK;
    return FT_FAIL(FT_EINVAL,
                   "rule %s: collection_names or tensor_regex must say which tensors to look at, "
                   "such as %s:collection_names=gradients",
                   rule, rule);
}

static int by_bytes(const void *a, const void *b) {
    return ft_str_cmp(*(const ft_str *)a, *(const ft_str *)b);
}

typedef struct name_list {
    ft_str *at;
    size_t count;
} name_list;

static ft_err names_add(name_list *all, const ft_rule_input *in, ft_str collection, ft_str regex) {
    ft_str *more, *both;
    size_t count;
    FT_TRY(ft_trial_names(&more, &count, in->trial, in->arena, collection, regex));
    if (!count) return FT_OK;
    FT_TRY(ft_arena_items(&both, in->arena, all->count + count));
    if (all->count) memcpy(both, all->at, all->count * sizeof *both);
    memcpy(both + all->count, more, count * sizeof *both);
    all->at = both;
    all->count += count;
    return FT_OK;
}

/* Sorted, each once. */
static void names_tidy(name_list *all) {
    size_t n = 0;
    if (!all->count) return;
    qsort(all->at, all->count, sizeof *all->at, by_bytes);
    for (size_t i = 0; i < all->count; i++)
        if (!n || !ft_str_eq(all->at[n - 1], all->at[i])) all->at[n++] = all->at[i];
    all->count = n;
}

static ft_err names_asked(name_list *all, const ft_rule_input *in, const ft_params *p) {
    ft_str item;
    for (size_t i = 0; item_of(p, "collection_names", i, &item); i++)
        FT_TRY(names_add(all, in, item, FT_STR("")));
    for (size_t i = 0; item_of(p, "tensor_regex", i, &item); i++)
        FT_TRY(names_add(all, in, FT_STR(""), item));
    names_tidy(all);
    return FT_OK;
}

ft_err ft_rule_tensors(ft_str **out, size_t *count, const ft_rule_input *in, const ft_params *p) {
    name_list all = { 0 };
    ft_str item;
    if (item_of(p, "collection_names", 0, &item) || item_of(p, "tensor_regex", 0, &item))
        FT_TRY(names_asked(&all, in, p));
    else
        FT_TRY(names_add(&all, in, FT_STR(""), FT_STR("")));
    *out = all.at;
    *count = all.count;
    return FT_OK;
}

/* smdebug's expression of the collection holds every metric but those on "auc" and "map"; in these,
 * too, more is better ("train-accuracy", "validation-ndcg@5"). */
static bool is_loss(ft_str name) {
    static const char *const rising[] = { "accuracy", "aucpr", "ndcg", "map", "pre", "auc" };
    ft_str rest = name, word = { 0 };
    while (rest.len) word = ft_str_cut(&rest, '-');
    word = ft_str_cut(&word, '@');
    for (size_t i = 0; i < FT_COUNT(rising); i++)
        if (ft_str_is(word, rising[i])) return false;
    return true;
}

static void losses_keep(name_list *all) {
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++)
        if (is_loss(all->at[i])) all->at[n++] = all->at[i];
    all->count = n;
}

ft_err ft_rule_losses(ft_str **out, size_t *count, const ft_rule_input *in, const ft_params *p,
                      bool use_losses_collection) {
    name_list all = { 0 };
    if (use_losses_collection) FT_TRY(names_add(&all, in, FT_STR("losses"), FT_STR("")));
    losses_keep(&all);
    if (!all.count) FT_TRY(names_asked(&all, in, p));
    *out = all.at;
    *count = all.count;
    return FT_OK;
}

bool ft_rule_saved_at(ft_trial *t, ft_str name, int64_t step) {
    size_t count, low = 0;
    const int64_t *steps = ft_trial_tensor_steps(t, name, &count);
    for (size_t high = count; low < high;) {
        size_t mid = low + (high - low) / 2;
        if (steps[mid] < step)
            low = mid + 1;
        else
            high = mid;
    }
    return low < count && steps[low] == step;
}

/* ---- series */
static size_t count_mode(const ft_tensor_ref *refs, size_t count, ft_mode mode) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) n += refs[i].mode == mode;
    return n;
}

ft_err ft_rule_series_of(ft_rule_series *out, const ft_rule_input *in, ft_str name, int mode) {
    size_t count;
    const ft_tensor_ref *refs = ft_trial_refs(in->trial, name, &count);
    *out = (ft_rule_series){ .name = name };
    if (!mode)
        mode = count_mode(refs, count, FT_MODE_EVAL)    ? FT_MODE_EVAL
               : count_mode(refs, count, FT_MODE_TRAIN) ? FT_MODE_TRAIN
                                                        : FT_MODE_GLOBAL;
    if (mode == FT_MODE_GLOBAL) {
        out->global = out->step = ft_trial_tensor_steps(in->trial, name, &out->count);
        return FT_OK;
    }
    int64_t *global, *step;
    FT_TRY(ft_arena_items(&global, in->arena, count + 1));
    FT_TRY(ft_arena_items(&step, in->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        if (refs[i].mode != (ft_mode)mode) continue;
        global[out->count] = refs[i].global_step;
        step[out->count++] = refs[i].mode_step;
    }
    out->global = global;
    out->step = step;
    return FT_OK;
}

ft_err ft_rule_series_value(bool *there, double *out, const ft_rule_input *in,
                            const ft_rule_series *s, size_t i) {
    return ft_trial_try_scalar(there, out, in->trial, s->name, s->global[i]);
}

/* ---- pairs */
/* "validation-rmse" -> "rmse" */
static bool metric_of(ft_str *out, ft_str name, const char *const *heads) {
    for (; *heads; heads++)
        if (ft_str_starts(name, ft_str_of(*heads))) {
            *out = ft_str_from(name, strlen(*heads));
            return out->len > 0;
        }
    return false;
}

static ft_err pair_by_name(ft_rule_pair *out, bool *found, const ft_rule_input *in, ft_str train,
                           const ft_str *names, size_t count) {
    static const char *const train_heads[] = { "train-", NULL };
    static const char *const other_heads[] = { "validation-", "eval-", "valid-", "test-", NULL };
    ft_str metric, other;
    *found = false;
    if (!metric_of(&metric, train, train_heads)) return FT_OK;
    for (size_t i = 0; i < count && !*found; i++) {
        if (!metric_of(&other, names[i], other_heads) || !ft_str_eq(metric, other)) continue;
        *found = true;
        out->label = metric;
        FT_TRY(ft_rule_series_of(&out->train, in, train, FT_MODE_GLOBAL));
        FT_TRY(ft_rule_series_of(&out->validation, in, names[i], FT_MODE_GLOBAL));
    }
    return FT_OK;
}

static ft_err pair_by_mode(ft_rule_pair *out, bool *found, const ft_rule_input *in, ft_str name) {
    FT_TRY(ft_rule_series_of(&out->train, in, name, FT_MODE_TRAIN));
    FT_TRY(ft_rule_series_of(&out->validation, in, name, FT_MODE_EVAL));
    out->label = name;
    *found = out->train.count && out->validation.count;
    return FT_OK;
}

ft_err ft_rule_pairs(ft_rule_pair **out, size_t *count, const ft_rule_input *in,
                     const ft_str *names, size_t name_count) {
    FT_TRY(ft_arena_items(out, in->arena, name_count + 1));
    *count = 0;
    for (size_t i = 0; i < name_count; i++) {
        ft_rule_pair pair = { 0 };
        bool found;
        FT_TRY(pair_by_name(&pair, &found, in, names[i], names, name_count));
        if (!found) FT_TRY(pair_by_mode(&pair, &found, in, names[i]));
        if (found) (*out)[(*count)++] = pair;
    }
    return FT_OK;
}
