/* layers.c -- see layers_in.h. */
#include "rules/layers_in.h"

ft_err ft_rule_tensors_of(ft_str **out, size_t *count, const ft_rule_input *in,
                          const char *collection, const char *regex) {
    FT_TRY(ft_trial_names(out, count, in->trial, in->arena, ft_str_of(collection), FT_STR("")));
    if (*count) return FT_OK;
    return ft_trial_names(out, count, in->trial, in->arena, FT_STR(""), ft_str_of(regex));
}

ft_err ft_rule_nodes_count(ft_rule_nodes *out, ft_arena *arena, const ft_array *a, double low,
                           double high, double percent) {
    int64_t items = ft_array_count(a), *active;
    int64_t nodes = a->ndim >= 2 ? a->shape[1] : items > 0, places = 1;
    for (int i = 2; i < a->ndim; i++) places *= a->shape[i];
    *out = (ft_rule_nodes){ .nodes = nodes };
    if (!items) return FT_OK;
    FT_TRY(ft_arena_items(&active, arena, (size_t)nodes));
    memset(active, 0, (size_t)nodes * sizeof *active);
    for (int64_t i = 0; i < items; i++) {
        double x = ft_array_f64(a, i);
        active[i / places % nodes] += x > low && x < high;
    }
    out->seen = items / nodes;
    for (int64_t n = 0; n < nodes; n++)
        out->inactive += 100.0 * (double)active[n] < percent * (double)out->seen;
    return FT_OK;
}
