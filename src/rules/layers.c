/* layers.c -- see layers_in.h. */
#include "rules/layers_in.h"

ft_err ft_rule_tensors_of(ft_str **out, size_t *count, const ft_rule_input *in,
                          const char *collection, const char *regex) {
    FT_TRY(ft_trial_names(out, count, in->trial, in->arena, ft_str_of(collection), FT_STR("")));
    if (*count) return FT_OK;
    return ft_trial_names(out, count, in->trial, in->arena, FT_STR(""), ft_str_of(regex));
}

ft_err ft_rule_nodes_add(ft_rule_nodes *n, ft_arena *arena, const ft_array *a, double low,
                         double high) {
    int64_t items = ft_array_count(a);
    int64_t nodes = a->ndim >= 2 ? a->shape[1] : items > 0, places = 1;
    for (int i = 2; i < a->ndim; i++) places *= a->shape[i];
    if (!items) return FT_OK;
    if (n->active && nodes != n->nodes)
        return FT_FAIL(FT_EINVAL, "a layer of %lld nodes has %lld now", (long long)n->nodes,
                       (long long)nodes);
    if (!n->active) FT_TRY(ft_arena_items(&n->active, arena, (size_t)nodes));
    n->nodes = nodes;
    for (int64_t i = 0; i < items; i++) {
        double x = ft_array_f64(a, i);
        n->active[i / places % nodes] += x > low && x < high;
    }
    n->seen += items / nodes;
    return FT_OK;
}

void ft_rule_nodes_judge(ft_rule_nodes *n, double percent) {
    n->inactive = 0;
    for (int64_t k = 0; k < n->nodes; k++)
        n->inactive += 100.0 * (double)n->active[k] < percent * (double)n->seen;
}
