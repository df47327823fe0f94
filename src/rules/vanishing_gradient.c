/* vanishing_gradient.c -- fires when the mean of a gradient's absolute values falls below a
 * threshold (appendix A). Gradients that are not numbers are ExplodingTensor's. */
#include <math.h>

#include "base/check.h"
#include "rules/layers_in.h"

static const ft_param params[] = {
    { .name = "threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.0000001",
      .min = 0,
      .max = INFINITY,
      .doc = "mean absolute value below which a gradient vanishes" },
    { 0 },
};

static ft_err report(const ft_rule_input *in, ft_str name, double mean, double threshold,
                     int64_t items, ft_verdict *out) {
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", name);
    ft_rule_note_i64(&e, "items", items);
    ft_rule_note_f64(&e, "mean_abs", mean);
    ft_rule_note_f64(&e, "threshold", threshold);
    return ft_rule_issue_end(
        out, in, &e,
        "the mean absolute value of %.*s is %.4g at step %lld; at least %g was "
        "expected",
        FT_STR_ARG(name), mean, (long long)in->at, threshold);
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0;
    double threshold = ft_params_float(p, "threshold");
    FT_TRY(ft_rule_tensors_of(&names, &count, in, "gradients", "gradient/"));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        double sum = 0;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        int64_t items = there ? ft_array_count(&a) : 0;
        if (!items) continue;
        checked++;
        for (int64_t k = 0; k < items; k++) sum += fabs(ft_array_f64(&a, k));
        if (sum / (double)items < threshold)
            return report(in, names[i], sum / (double)items, threshold, items, out);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no gradient was saved at step %lld", (long long)in->at);
}

const ft_rule ft_rule_vanishing_gradient = {
    .name = "VanishingGradient",
    .doc = "The mean absolute value of a gradient is below a threshold.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "gradients",
    .evaluate = evaluate,
};
