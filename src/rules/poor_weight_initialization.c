/* poor_weight_initialization.c -- fires in the first steps when the inputs of activations differ
 * too much in variance from layer to layer, when a gradient has hardly any spread, or when no loss
 * falls (appendix A). */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "rules/layers_in.h"

static const ft_param params[] = {
    { .name = "activation_inputs_regex",
      .type = FT_PARAM_STRING,
      .default_text = ".*relu_input",
      .doc = "expression (Python's re.match) of the inputs of activation layers" },
    { .name = "threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "10.0",
      .min = 1,
      .max = INFINITY,
      .doc = "largest ratio between the variances of two layers that is fine" },
    { .name = "distribution_range",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.001",
      .min = 0,
      .max = INFINITY,
      .doc = "smallest distance between a gradient's 5th and 95th percentiles that is fine" },
    { .name = "patience",
      .type = FT_PARAM_INT,
      .default_text = "5",
      .min = 1,
      .max = 1e9,
      .doc = "saved steps without a smaller loss that are an issue" },
    { .name = "steps",
      .type = FT_PARAM_FLOAT,
      .default_text = "10",
      .min = 1,
      .max = 1e9,
      .doc = "how many saved steps, from the first on, are looked at" },
    { 0 },
};

/* ---- variances of activations' inputs */

static double variance_of(const ft_array *a) {
    int64_t items = ft_array_count(a);
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < items; i++) {
        double d = ft_array_f64(a, i) - mean;
        mean += d / (double)(i + 1);
        sum += d * (ft_array_f64(a, i) - mean);
    }
    return items ? sum / (double)items : NAN;
}

typedef struct spread { /* smallest and largest of what was measured, and whose they are */
    size_t count;
    double low, high;
    ft_str low_name, high_name;
} spread;

static void spread_add(spread *s, double v, ft_str name) {
    if (isnan(v)) return;
    if (!s->count || v < s->low) s->low = v, s->low_name = name;
    if (!s->count || v > s->high) s->high = v, s->high_name = name;
    s->count++;
}

static ft_err judge_variances(bool *issue, size_t *checked, const ft_rule_input *in,
                              const ft_params *p, ft_verdict *out) {
    ft_str *names;
    size_t count;
    spread s = { 0 };
    double most = ft_params_float(p, "threshold");
    FT_TRY(ft_trial_names(&names, &count, in->trial, in->arena, FT_STR(""),
                          ft_params_str(p, "activation_inputs_regex")));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        if (there) spread_add(&s, variance_of(&a), names[i]);
    }
    *checked += s.count > 1;
    if (s.count < 2 || s.high <= most * s.low) return FT_OK;
    *issue = true;
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "smallest", s.low_name);
    ft_rule_note_f64(&e, "smallest_variance", s.low);
    ft_rule_note_str(&e, "largest", s.high_name);
    ft_rule_note_f64(&e, "largest_variance", s.high);
    ft_rule_note_f64(&e, "threshold", most);
    return ft_rule_issue_end(
        out, in, &e,
        "the variance of %.*s (%.4g) is more than %g times that of %.*s (%.4g) at step %lld",
        FT_STR_ARG(s.high_name), s.high, most, FT_STR_ARG(s.low_name), s.low, (long long)in->at);
}

/* ---- distribution of gradients */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* NumPy's percentile: linear between the two nearest. */
static double percentile(const double *sorted, int64_t count, double percent) {
    double at = percent / 100 * (double)(count - 1);
    int64_t i = (int64_t)at;
    double next = sorted[i + 1 < count ? i + 1 : i];
    return sorted[i] + (at - (double)i) * (next - sorted[i]);
}

static ft_err range_of(double *out, ft_arena *arena, const ft_array *a) {
    int64_t items = ft_array_count(a), n = 0;
    double *v;
    *out = NAN;
    FT_TRY(ft_arena_items(&v, arena, (size_t)items + 1));
    for (int64_t i = 0; i < items; i++)
        if (isfinite(ft_array_f64(a, i))) v[n++] = ft_array_f64(a, i);
    if (n < 2) return FT_OK;
    qsort(v, (size_t)n, sizeof *v, by_value);
    *out = percentile(v, n, 95) - percentile(v, n, 5);
    return FT_OK;
}

static ft_err judge_gradients(bool *issue, size_t *checked, const ft_rule_input *in,
                              const ft_params *p, ft_verdict *out) {
    ft_str *names;
    size_t count;
    spread s = { 0 };
    double least = ft_params_float(p, "distribution_range");
    FT_TRY(ft_rule_tensors_of(&names, &count, in, "gradients", "gradient/"));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        double range = NAN;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        if (there) FT_TRY(range_of(&range, in->arena, &a));
        spread_add(&s, range, names[i]);
    }
    *checked += s.count > 0;
    if (!s.count || s.low >= least) return FT_OK;
    *issue = true;
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", s.low_name);
    ft_rule_note_f64(&e, "range", s.low);
    ft_rule_note_f64(&e, "distribution_range", least);
    return ft_rule_issue_end(out, in, &e,
                             "the 5th and 95th percentiles of %.*s are %.4g apart at step %lld; at "
                             "least %g was expected",
                             FT_STR_ARG(s.low_name), s.low, (long long)in->at, least);
}

/* ---- losses */

static ft_err judge_loss(bool *issue, const ft_rule_input *in, const ft_params *p, ft_str name,
                         ft_verdict *out) {
    ft_rule_series s;
    double best = INFINITY;
    int64_t since = 0, first = -1, patience = ft_params_int(p, "patience");
    FT_TRY(ft_rule_series_of(&s, in, name, 0));
    for (size_t i = 0; i < s.count && s.global[i] <= in->at; i++) {
        bool there;
        double x;
        FT_TRY(ft_rule_series_value(&there, &x, in, &s, i));
        if (!there) continue;
        since++;
        if (x < best) best = x, since = 0, first = s.global[i];
    }
    if (since < patience) return FT_OK;
    *issue = true;
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", name);
    ft_rule_note_f64(&e, "best", best);
    ft_rule_note_i64(&e, "best_step", first);
    ft_rule_note_i64(&e, "saved_steps_since", since);
    return ft_rule_issue_end(
        out, in, &e,
        "%.*s has not fallen below %.7g for %lld saved steps, up to step %lld, "
        "at the start of training",
        FT_STR_ARG(name), best, (long long)since, (long long)in->at);
}

static ft_err judge_losses(bool *issue, size_t *checked, const ft_rule_input *in,
                           const ft_params *p, ft_verdict *out) {
    ft_str *names;
    size_t count;
    FT_TRY(ft_rule_losses(&names, &count, in, p, true));
    for (size_t i = 0; i < count && !*issue; i++) {
        if (!ft_rule_saved_at(in->trial, names[i], in->at)) continue;
        ++*checked;
        FT_TRY(judge_loss(issue, in, p, names[i], out));
    }
    return FT_OK;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    size_t count, checked = 0;
    bool issue = false;
    const int64_t *steps = ft_trial_steps(in->trial, &count);
    size_t most = (size_t)ft_params_float(p, "steps");
    if (count > most && steps[most] <= in->at)
        return ft_rule_wait(out, in, "only the first %zu saved steps are looked at", most);
    FT_TRY(judge_variances(&issue, &checked, in, p, out));
    if (!issue) FT_TRY(judge_gradients(&issue, &checked, in, p, out));
    if (!issue) FT_TRY(judge_losses(&issue, &checked, in, p, out));
    if (issue) return FT_OK;
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no activation's input, gradient or loss was saved at step %lld",
                        (long long)in->at);
}

const ft_rule ft_rule_poor_weight_initialization = {
    .name = "PoorWeightInitialization",
    .doc = "In the first steps variances differ between layers, a gradient has no spread, or no "
           "loss falls.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "relu_input,gradients,losses",
    .evaluate = evaluate,
};
