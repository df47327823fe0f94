/* weight_update_ratio.c -- fires when weights change by too much or too little between two saved
 * steps: mean(|now - before|) / (mean(|before|) + epsilon) (appendix A). */
#include <math.h>

#include "base/check.h"
#include "rules/layers_in.h"

static const ft_param params[] = {
    { .name = "num_steps",
      .type = FT_PARAM_INT,
      .min = 1,
      .max = 1e9,
      .doc = "steps back to compare with; unset: the saved step before" },
    { .name = "large_threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "10.0",
      .min = 0,
      .max = INFINITY,
      .doc = "the largest ratio that is fine" },
    { .name = "small_threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.00000001",
      .min = 0,
      .max = INFINITY,
      .doc = "the smallest ratio that is fine" },
    { .name = "epsilon",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.000000001",
      .min = 0,
      .max = INFINITY,
      .doc = "added to the divisor" },
    { 0 },
};

static ft_err init(void *state, const ft_params *p) {
    FT_UNUSED(state);
    if (ft_params_float(p, "small_threshold") < ft_params_float(p, "large_threshold")) return FT_OK;
    return FT_FAIL(FT_EINVAL, "small_threshold (%g) must be less than large_threshold (%g)",
                   ft_params_float(p, "small_threshold"), ft_params_float(p, "large_threshold"));
}

/* The step to compare `at` with: the newest saved one that is num_steps back; -1: there is none. */
static int64_t step_before(const ft_rule_input *in, const ft_params *p, ft_str name) {
    size_t count;
    const int64_t *steps = ft_trial_tensor_steps(in->trial, name, &count);
    int64_t back = ft_params_given(p, "num_steps") ? ft_params_int(p, "num_steps") : 1;
    if (!count || steps[count - 1] != in->at) return -1;
    for (size_t i = count; i-- > 0;)
        if (steps[i] <= in->at - back) return steps[i];
    return -1;
}

/* NaN when the two cannot be compared: other sizes, none, or values that are not numbers. */
static double ratio_of(const ft_array *now, const ft_array *before, double epsilon) {
    int64_t items = ft_array_count(now);
    double change = 0, size = 0;
    if (!items || ft_array_count(before) != items) return NAN;
    for (int64_t i = 0; i < items; i++) {
        double b = ft_array_f64(before, i);
        change += fabs(ft_array_f64(now, i) - b);
        size += fabs(b);
    }
    return change / (double)items / (size / (double)items + epsilon);
}

static ft_err report(const ft_rule_input *in, const ft_params *p, ft_str name, double ratio,
                     int64_t before, ft_verdict *out) {
    double small = ft_params_float(p, "small_threshold"),
           large = ft_params_float(p, "large_threshold");
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", name);
    ft_rule_note_i64(&e, "step_before", before);
    ft_rule_note_f64(&e, "ratio", ratio);
    ft_rule_note_f64(&e, "small_threshold", small);
    ft_rule_note_f64(&e, "large_threshold", large);
    return ft_rule_issue_end(
        out, in, &e,
        "%.*s changed by %.4g of its size from step %lld to %lld; %s was expected than %g",
        FT_STR_ARG(name), ratio, (long long)before, (long long)in->at,
        ratio > large ? "no more" : "no less", ratio > large ? large : small);
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0;
    FT_TRY(ft_rule_tensors_of(&names, &count, in, "weights", "^(?!gradient/).*weight"));
    for (size_t i = 0; i < count; i++) {
        ft_array now, before;
        bool there = false;
        int64_t step = step_before(in, p, names[i]);
        if (step < 0) continue;
        FT_TRY(ft_trial_try(&there, &now, in->trial, in->arena, names[i], in->at));
        if (there) FT_TRY(ft_trial_try(&there, &before, in->trial, in->arena, names[i], step));
        double ratio = there ? ratio_of(&now, &before, ft_params_float(p, "epsilon")) : NAN;
        if (isnan(ratio)) continue;
        checked++;
        if (ratio > ft_params_float(p, "large_threshold") ||
            ratio < ft_params_float(p, "small_threshold"))
            return report(in, p, names[i], ratio, step, out);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no weight was saved at step %lld and enough steps before",
                        (long long)in->at);
}

const ft_rule ft_rule_weight_update_ratio = {
    .name = "WeightUpdateRatio",
    .doc = "The ratio of a weight's update to the weight is too large or too small.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "weights",
    .init = init,
    .evaluate = evaluate,
};
