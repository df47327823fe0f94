/* unchanged_tensor.c -- fires when a tensor is the same, by numpy.allclose, at its last `num_steps`
 * saved steps (appendix A): three equal values at steps 0, 1, 2 fire at step 2. */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    FT_RULE_TENSOR_PARAMS,
    { .name = "num_steps",
      .type = FT_PARAM_INT,
      .default_text = "3",
      .min = 2,
      .max = 1e6,
      .doc = "saved steps that are compared" },
    { .name = "rtol",
      .type = FT_PARAM_FLOAT,
      .default_text = "1e-05",
      .min = 0,
      .max = 1e9,
      .doc = "relative tolerance" },
    { .name = "atol",
      .type = FT_PARAM_FLOAT,
      .default_text = "1e-08",
      .min = 0,
      .max = 1e9,
      .doc = "absolute tolerance" },
    { .name = "equal_nan",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "two NaN are equal" },
    { 0 },
};

static ft_err init(void *state, const ft_params *p) {
    FT_UNUSED(state);
    return ft_rule_tensors_given(p, "UnchangedTensor");
}

static bool close_to(double a, double b, const ft_params *p) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b) && ft_params_bool(p, "equal_nan");
    if (a == b) return true; /* infinities too */
    if (isinf(a) || isinf(b)) return false;
    return fabs(a - b) <= ft_params_float(p, "atol") + ft_params_float(p, "rtol") * fabs(b);
}

static bool all_close(const ft_array *a, const ft_array *b, const ft_params *p) {
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i]) return false;
    for (int64_t i = 0; i < ft_array_count(a); i++)
        if (!close_to(ft_array_f64(a, i), ft_array_f64(b, i), p)) return false;
    return true;
}

/* Is the tensor the same at the last num_steps of `steps`? `*there` false when one cannot be read.
 */
static ft_err is_unchanged(bool *there, bool *same, const ft_rule_input *in, const ft_params *p,
                           ft_str name, const int64_t *steps, size_t count) {
    ft_array now, before;
    size_t num = (size_t)ft_params_int(p, "num_steps");
    *same = true;
    FT_TRY(ft_trial_try(there, &now, in->trial, in->arena, name, steps[count - 1]));
    for (size_t k = 2; *there && *same && k <= num; k++) {
        FT_TRY(ft_trial_try(there, &before, in->trial, in->arena, name, steps[count - k]));
        *same = *there && all_close(&now, &before, p);
    }
    return FT_OK;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0, num = (size_t)ft_params_int(p, "num_steps");
    FT_TRY(ft_rule_tensors(&names, &count, in, p));
    for (size_t i = 0; i < count; i++) {
        size_t saved;
        bool there, same;
        const int64_t *steps = ft_trial_tensor_steps(in->trial, names[i], &saved);
        if (saved < num || steps[saved - 1] != in->at) continue;
        FT_TRY(is_unchanged(&there, &same, in, p, names[i], steps, saved));
        checked += there;
        if (!there || !same) continue;
        ft_rule_evidence e;
        ft_rule_issue_begin(&e);
        ft_rule_note_str(&e, "tensor", names[i]);
        ft_rule_note_i64(&e, "first_step", steps[saved - num]);
        ft_rule_note_i64(&e, "last_step", in->at);
        ft_rule_note_i64(&e, "saved_steps", (int64_t)num);
        return ft_rule_issue_end(
            out, in, &e, "%.*s did not change over %zu saved steps, from %lld to %lld",
            FT_STR_ARG(names[i]), num, (long long)steps[saved - num], (long long)in->at);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no tensor has %zu saved steps that end at step %lld", num,
                        (long long)in->at);
}

const ft_rule ft_rule_unchanged_tensor = {
    .name = "UnchangedTensor",
    .doc = "A tensor is the same at its last num_steps saved steps.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .init = init,
    .evaluate = evaluate,
};
