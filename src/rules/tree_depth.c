/* tree_depth.c -- fires when a tree is deeper than `depth`: the base 2 logarithm of its largest
 * node number is above it (appendix A; node numbers are those of XGBoost's tree table). */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    { .name = "depth",
      .type = FT_PARAM_FLOAT,
      .default_text = "4",
      .min = 0,
      .max = 64,
      .doc = "largest depth" },
    { 0 },
};

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_array nodes;
    bool there;
    double largest = -1, most = ft_params_float(p, "depth");
    FT_TRY(ft_trial_try(&there, &nodes, in->trial, in->arena, FT_STR("trees/Node"), in->at));
    for (int64_t i = 0; there && i < ft_array_count(&nodes); i++) {
        double id = ft_array_f64(&nodes, i);
        if (id > largest) largest = id;
    }
    if (largest < 0)
        return ft_rule_wait(out, in, "no trees (trees/Node) were saved at step %lld",
                            (long long)in->at);
    double depth = largest >= 1 ? log2(largest) : 0;
    if (depth <= most) return ft_rule_no_issue(out, in);
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_f64(&e, "largest_node", largest);
    ft_rule_note_f64(&e, "depth", depth);
    ft_rule_note_f64(&e, "threshold", most);
    return ft_rule_issue_end(out, in, &e,
                             "the largest node number of the trees at step %lld is %.0f: a depth "
                             "of %.2f; at most %g was expected",
                             (long long)in->at, largest, depth, most);
}

const ft_rule ft_rule_tree_depth = {
    .name = "TreeDepth",
    .doc = "The base 2 logarithm of the largest node number of a tree is above depth.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "trees",
    .evaluate = evaluate,
};
