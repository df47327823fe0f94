/* dead_relu.c -- fires when too many of a layer's rectified linear units are dead: active for less
 * than a percentage of the values seen (appendix A). */
#include <math.h>

#include "base/check.h"
#include "rules/layers_in.h"

static const ft_param params[] = {
    { .name = "tensor_regex",
      .type = FT_PARAM_LIST,
      .default_text = ".*relu_output",
      .doc = "expressions (Python's re.match) of the outputs of ReLU layers" },
    { .name = "threshold_inactivity",
      .type = FT_PARAM_FLOAT,
      .default_text = "1.0",
      .min = 0,
      .max = 100,
      .doc = "a unit that is active for less than this percentage of its values is dead" },
    { .name = "threshold_layer",
      .type = FT_PARAM_FLOAT,
      .default_text = "50.0",
      .min = 0,
      .max = 100,
      .doc = "percentage of dead units of a layer above which it is an issue" },
    { .name = "values",
      .type = FT_PARAM_INT,
      .default_text = "256",
      .min = 1,
      .max = 1e9,
      .doc = "values of each unit that are judged: of the saved step and of as many before it as "
             "are needed" },
    { 0 },
};

static ft_err report(const ft_rule_input *in, const ft_params *p, ft_str name,
                     const ft_rule_nodes *n, ft_verdict *out) {
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", name);
    ft_rule_note_i64(&e, "units", n->nodes);
    ft_rule_note_i64(&e, "dead", n->inactive);
    ft_rule_note_i64(&e, "values_a_unit", n->seen);
    ft_rule_note_f64(&e, "percent", ft_rule_nodes_percent(n));
    ft_rule_note_f64(&e, "threshold_layer", ft_params_float(p, "threshold_layer"));
    return ft_rule_issue_end(out, in, &e,
                             "%lld of the %lld units of %.*s are dead at step %lld (%.2f %%): each "
                             "was active for less than %g %% of %lld values; at most %g %% dead "
                             "units were expected",
                             (long long)n->inactive, (long long)n->nodes, FT_STR_ARG(name),
                             (long long)in->at, ft_rule_nodes_percent(n),
                             ft_params_float(p, "threshold_inactivity"), (long long)n->seen,
                             ft_params_float(p, "threshold_layer"));
}

/* A batch alone says little: a unit that tells one class of ten may be silent for a whole one. So
 * the steps before are counted too, newest first, until there are values enough. */
static ft_err look_back(ft_rule_nodes *n, const ft_rule_input *in, ft_str name, int64_t enough) {
    size_t count;
    const int64_t *steps = ft_trial_tensor_steps(in->trial, name, &count);
    *n = (ft_rule_nodes){ 0 };
    while (count && steps[count - 1] > in->at) count--;
    if (!count || steps[count - 1] != in->at) return FT_OK;
    for (; count && n->seen < enough; count--) {
        ft_array a;
        bool there;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, name, steps[count - 1]));
        if (there) FT_TRY(ft_rule_nodes_add(n, in->arena, &a, 0, INFINITY));
    }
    return FT_OK;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0;
    int64_t enough = ft_params_int(p, "values");
    FT_TRY(ft_rule_tensors(&names, &count, in, p));
    for (size_t i = 0; i < count; i++) {
        ft_rule_nodes n;
        FT_TRY(look_back(&n, in, names[i], enough));
        if (n.seen < enough) continue;
        ft_rule_nodes_judge(&n, ft_params_float(p, "threshold_inactivity"));
        checked++;
        if (ft_rule_nodes_percent(&n) > ft_params_float(p, "threshold_layer"))
            return report(in, p, names[i], &n, out);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in,
                        "of no ReLU's output %lld values a unit were saved up to step %lld",
                        (long long)enough, (long long)in->at);
}

const ft_rule ft_rule_dead_relu = {
    .name = "DeadRelu",
    .doc = "More than a percentage of a layer's ReLU units are hardly ever active.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "relu_output",
    .evaluate = evaluate,
};
