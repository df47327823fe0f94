/* saturated_activation.c -- fires when too many nodes of a tanh or sigmoid layer are saturated:
 * their inputs lie where the function is flat (appendix A). */
#include "base/check.h"
#include "rules/layers_in.h"

#define BOUND(n, text, what) \
    { .name = (n), .type = FT_PARAM_FLOAT, .default_text = (text), .doc = (what) }

static const ft_param params[] = {
    { .name = "collection_names",
      .type = FT_PARAM_LIST,
      .doc = "collections whose tensors are looked at" },
    { .name = "tensor_regex",
      .type = FT_PARAM_LIST,
      .default_text = ".*tanh_input,.*sigmoid_input",
      .doc = "expressions (Python's re.match) of the inputs of tanh and sigmoid layers" },
    BOUND("threshold_tanh_min", "-9.4999", "inputs of tanh from here down saturate"),
    BOUND("threshold_tanh_max", "9.4999", "inputs of tanh from here up saturate"),
    BOUND("threshold_sigmoid_min", "-23", "inputs of a sigmoid from here down saturate"),
    BOUND("threshold_sigmoid_max", "16.99999", "inputs of a sigmoid from here up saturate"),
    { .name = "threshold_inactivity",
      .type = FT_PARAM_FLOAT,
      .default_text = "1.0",
      .min = 0,
      .max = 100,
      .doc = "a node with less than this percentage of inputs within the bounds is saturated" },
    { .name = "threshold_layer",
      .type = FT_PARAM_FLOAT,
      .default_text = "50.0",
      .min = 0,
      .max = 100,
      .doc = "percentage of saturated nodes of a layer above which it is an issue" },
    { 0 },
};

static bool contains(ft_str text, const char *part) {
    return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static ft_err report(const ft_rule_input *in, const ft_params *p, ft_str name,
                     const ft_rule_nodes *n, double low, double high, ft_verdict *out) {
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", name);
    ft_rule_note_i64(&e, "nodes", n->nodes);
    ft_rule_note_i64(&e, "saturated", n->inactive);
    ft_rule_note_f64(&e, "low", low);
    ft_rule_note_f64(&e, "high", high);
    ft_rule_note_f64(&e, "percent", ft_rule_nodes_percent(n));
    ft_rule_note_f64(&e, "threshold_layer", ft_params_float(p, "threshold_layer"));
    return ft_rule_issue_end(out, in, &e,
                             "%lld of the %lld nodes of %.*s are saturated at step %lld (%.2f %%): "
                             "less than %g %% of their inputs lie between %g and %g; at most %g %% "
                             "saturated nodes were expected",
                             (long long)n->inactive, (long long)n->nodes, FT_STR_ARG(name),
                             (long long)in->at, ft_rule_nodes_percent(n),
                             ft_params_float(p, "threshold_inactivity"), low, high,
                             ft_params_float(p, "threshold_layer"));
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0;
    FT_TRY(ft_rule_tensors(&names, &count, in, p));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        ft_rule_nodes n = { 0 };
        bool there, tanh_layer = contains(names[i], "tanh");
        if (!tanh_layer && !contains(names[i], "sigmoid")) continue;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        if (!there || !ft_array_count(&a)) continue;
        double low =
            ft_params_float(p, tanh_layer ? "threshold_tanh_min" : "threshold_sigmoid_min");
        double high =
            ft_params_float(p, tanh_layer ? "threshold_tanh_max" : "threshold_sigmoid_max");
        FT_TRY(ft_rule_nodes_add(&n, in->arena, &a, low, high));
        ft_rule_nodes_judge(&n, ft_params_float(p, "threshold_inactivity"));
        checked++;
        if (ft_rule_nodes_percent(&n) > ft_params_float(p, "threshold_layer"))
            return report(in, p, names[i], &n, low, high, out);
    }
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no input of a tanh or sigmoid layer was saved at step %lld",
                        (long long)in->at);
}

const ft_rule ft_rule_saturated_activation = {
    .name = "SaturatedActivation",
    .doc = "More than a percentage of the nodes of a tanh or sigmoid layer are saturated.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .evaluate = evaluate,
};
