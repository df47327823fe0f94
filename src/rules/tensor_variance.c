/* tensor_variance.c -- fires when the variance of a tensor is above or below its bounds (appendix
 * A). */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"
#include "trials/reduction.h"

static const ft_param params[] = {
    FT_RULE_TENSOR_PARAMS,
    { .name = "max_threshold", .type = FT_PARAM_FLOAT, .doc = "largest variance; unset: no bound" },
    { .name = "min_threshold",
      .type = FT_PARAM_FLOAT,
      .doc = "smallest variance; unset: no bound" },
    { 0 },
};

static ft_err init(void *state, const ft_params *p) {
    FT_UNUSED(state);
    if (!ft_params_given(p, "max_threshold") && !ft_params_given(p, "min_threshold"))
        return FT_FAIL(FT_EINVAL, "max_threshold or min_threshold must be given");
    return ft_rule_tensors_given(p, "TensorVariance");
}

static ft_err report(const ft_rule_input *in, ft_str name, double variance, double bound,
                     bool above, ft_verdict *out) {
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", name);
    ft_rule_note_f64(&e, "variance", variance);
    ft_rule_note_f64(&e, above ? "max_threshold" : "min_threshold", bound);
    return ft_rule_issue_end(
        out, in, &e, "the variance of %.*s is %.6g at step %lld; at %s %g was expected",
        FT_STR_ARG(name), variance, (long long)in->at, above ? "most" : "least", bound);
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    static const ft_reduction of = { FT_REDUCE_VARIANCE, false };
    ft_str *names;
    size_t count, checked = 0;
    double most = ft_params_float(p, "max_threshold"), least = ft_params_float(p, "min_threshold");
    FT_TRY(ft_rule_tensors(&names, &count, in, p));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        double variance;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        if (!there || !ft_array_count(&a)) continue;
        checked++;
        ft_reduce(&variance, &of, 1, &a);
        /* An unset bound is NaN: every comparison with it is false. */
        if (variance > most) return report(in, names[i], variance, most, true, out);
        if (variance < least) return report(in, names[i], variance, least, false, out);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no tensor to look at was saved at step %lld", (long long)in->at);
}

const ft_rule ft_rule_tensor_variance = {
    .name = "TensorVariance",
    .doc = "The variance of a tensor is above max_threshold or below min_threshold.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .init = init,
    .evaluate = evaluate,
};
