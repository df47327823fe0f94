/* all_zero.c -- fires when at least a percentage of a tensor's values is zero (appendix A). */
#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    FT_RULE_TENSOR_PARAMS,
    { .name = "threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "100",
      .min = 0,
      .max = 100,
      .min_open = true,
      .doc = "share of zeros that is an issue, in percent" },
    { 0 },
};

static ft_err init(void *state, const ft_params *p) {
    FT_UNUSED(state);
    return ft_rule_tensors_given(p, "AllZero");
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0;
    double threshold = ft_params_float(p, "threshold");
    FT_TRY(ft_rule_tensors(&names, &count, in, p));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        int64_t zeros = 0, items;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        if (!there || !(items = ft_array_count(&a))) continue;
        checked++;
        for (int64_t k = 0; k < items; k++) zeros += ft_array_f64(&a, k) == 0;
        double percent = 100.0 * (double)zeros / (double)items;
        if (percent < threshold) continue;
        ft_rule_evidence e;
        ft_rule_issue_begin(&e);
        ft_rule_note_str(&e, "tensor", names[i]);
        ft_rule_note_i64(&e, "items", items);
        ft_rule_note_i64(&e, "zeros", zeros);
        ft_rule_note_f64(&e, "percent", percent);
        ft_rule_note_f64(&e, "threshold", threshold);
        return ft_rule_issue_end(out, in, &e,
                                 "%lld of the %lld values of %.*s are zero at step %lld (%.2f %%); "
                                 "less than %g %% was expected",
                                 (long long)zeros, (long long)items, FT_STR_ARG(names[i]),
                                 (long long)in->at, percent, threshold);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no tensor to look at was saved at step %lld", (long long)in->at);
}

const ft_rule ft_rule_all_zero = {
    .name = "AllZero",
    .doc = "All values of a tensor, or a percentage of them, are zero.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .init = init,
    .evaluate = evaluate,
};
