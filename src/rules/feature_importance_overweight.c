/* feature_importance_overweight.c -- fires when the few most important features hold more than a
 * share of all importance (appendix A). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "rules/rule_in.h"

#define NAMED_MAX 5

static const ft_param params[] = {
    { .name = "threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.8",
      .min = 0,
      .max = 1,
      .doc = "largest share of the nfeatures most important ones" },
    { .name = "nfeatures",
      .type = FT_PARAM_INT,
      .default_text = "3",
      .min = 1,
      .max = 1e6,
      .doc = "how many features are added up" },
    { .name = "tensor_regex",
      .type = FT_PARAM_STRING,
      .default_text = ".*feature_importance/weight",
      .doc = "expression of the importances' names" },
    { 0 },
};

typedef struct feature {
    ft_str name;
    double importance;
} feature;

static int by_importance(const void *a, const void *b) {
    const feature *x = a, *y = b;
    if (x->importance != y->importance) return x->importance < y->importance ? 1 : -1;
    return ft_str_cmp(x->name, y->name);
}

/* "feature_importance/weight/f3" -> "f3" */
static ft_str short_name(ft_str name) {
    for (size_t i = name.len; i > 0; i--)
        if (name.at[i - 1] == '/') return ft_str_from(name, i);
    return name;
}

static ft_err read_features(feature **out, size_t *count, const ft_rule_input *in, ft_str regex) {
    ft_str *names;
    size_t most;
    *count = 0;
    FT_TRY(ft_trial_names(&names, &most, in->trial, in->arena, FT_STR(""), regex));
    FT_TRY(ft_arena_items(out, in->arena, most + 1));
    for (size_t i = 0; i < most; i++) {
        bool there;
        feature f = { .name = short_name(names[i]) };
        FT_TRY(ft_trial_try_scalar(&there, &f.importance, in->trial, names[i], in->at));
        if (there && isfinite(f.importance)) (*out)[(*count)++] = f;
    }
    qsort(*out, *count, sizeof **out, by_importance);
    return FT_OK;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    feature *all;
    size_t count, n = 0;
    double most = ft_params_float(p, "threshold"), sum = 0;
    char named[400] = "";
    FT_TRY(read_features(&all, &count, in, ft_params_str(p, "tensor_regex")));
    if (!count)
        return ft_rule_wait(out, in, "no feature importances were saved at step %lld",
                            (long long)in->at);
    size_t top = (size_t)ft_params_int(p, "nfeatures") < count
                     ? (size_t)ft_params_int(p, "nfeatures")
                     : count;
    for (size_t i = 0; i < top; i++) {
        sum += all[i].importance;
        if (i < NAMED_MAX && n < sizeof named)
            n += (size_t)snprintf(named + n, sizeof named - n, "%s%.60s %.3f", i ? ", " : "",
                                  all[i].name.at, all[i].importance);
    }
    if (sum <= most) return ft_rule_no_issue(out, in);
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_f64(&e, "share", sum);
    ft_rule_note_f64(&e, "threshold", most);
    ft_rule_note_i64(&e, "nfeatures", (int64_t)top);
    ft_rule_note_i64(&e, "features", (int64_t)count);
    return ft_rule_issue_end(out, in, &e,
                             "the %zu most important of %zu features hold %.2f %% of the weight at "
                             "step %lld (%s%s); at most %g %% was expected",
                             top, count, 100 * sum, (long long)in->at, named,
                             top > NAMED_MAX ? ", …" : "", 100 * most);
}

const ft_rule ft_rule_feature_importance_overweight = {
    .name = "FeatureImportanceOverweight",
    .doc = "The nfeatures most important features hold more than threshold of all importance.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "feature_importance",
    .evaluate = evaluate,
};
