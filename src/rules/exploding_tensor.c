/* exploding_tensor.c -- fires when a tensor holds NaN or infinity (appendix A). */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    FT_RULE_TENSOR_PARAMS,
    { .name = "only_nan",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "infinities are fine" },
    { 0 },
};

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0;
    bool only_nan = ft_params_bool(p, "only_nan");
    FT_TRY(ft_rule_tensors(&names, &count, in, p));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        int64_t nans = 0, infs = 0, first = -1;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        if (!there) continue;
        checked++;
        for (int64_t k = 0; k < ft_array_count(&a); k++) {
            double x = ft_array_f64(&a, k);
            nans += isnan(x);
            infs += isinf(x) != 0;
            if (first < 0 && (isnan(x) || (!only_nan && isinf(x)))) first = k;
        }
        if (first < 0) continue;
        ft_rule_evidence e;
        ft_rule_issue_begin(&e);
        ft_rule_note_str(&e, "tensor", names[i]);
        ft_rule_note_i64(&e, "items", ft_array_count(&a));
        ft_rule_note_i64(&e, "nan", nans);
        ft_rule_note_i64(&e, "infinite", infs);
        ft_rule_note_i64(&e, "first_at", first);
        return ft_rule_issue_end(out, in, &e,
                                 "%.*s holds %lld NaN and %lld infinite values of %lld at step "
                                 "%lld, the first at item %lld",
                                 FT_STR_ARG(names[i]), (long long)nans, (long long)infs,
                                 (long long)ft_array_count(&a), (long long)in->at,
                                 (long long)first);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no tensor to look at was saved at step %lld", (long long)in->at);
}

const ft_rule ft_rule_exploding_tensor = {
    .name = "ExplodingTensor",
    .doc = "A tensor holds values that are not numbers or are infinite.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .evaluate = evaluate,
};
