/* layers_in.h -- what rules on networks share: tensors by what they are, and the nodes of a layer
 * that are hardly ever active. Private to the room. */
#ifndef FT_RULE_LAYERS_IN_H
#define FT_RULE_LAYERS_IN_H

#include "rules/rule_in.h"

/* Names of the collection's tensors; when the trial has none of them, those that `regex` matches.
 */
ft_err ft_rule_tensors_of(ft_str **out, size_t *count, const ft_rule_input *in,
                          const char *collection, const char *regex);

/* The nodes of a layer's tensor: of [samples, features] the features, of [samples, channels, …] the
 * channels, over all samples and places. Begins zeroed. */
typedef struct ft_rule_nodes {
    int64_t nodes, inactive;
    int64_t seen;    /* values a node */
    int64_t *active; /* of them, by node */
} ft_rule_nodes;

/* Counts the values that are active, strictly within (low, high), to those counted before.
 * FT_EINVAL when the layer has another number of nodes than before. */
ft_err ft_rule_nodes_add(ft_rule_nodes *n, ft_arena *arena, const ft_array *a, double low,
                         double high);
/* A node is inactive when less than `percent` of its values are active. */
void ft_rule_nodes_judge(ft_rule_nodes *n, double percent);
static inline double ft_rule_nodes_percent(const ft_rule_nodes *n) {
    return n->nodes ? 100.0 * (double)n->inactive / (double)n->nodes : 0;
}

#endif
