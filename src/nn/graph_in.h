/* graph_in.h -- what the graph's own files and the session share: changing a graph in place.
 *
 * Private to the room. All memory comes from the graph's arena. */
#ifndef FT_NN_GRAPH_IN_H
#define FT_NN_GRAPH_IN_H

#include "nn/op.h"

#define FT_NN_KNOWN_MAX 4096 /* items of a value whose content shape rules may read */

/* A value's type and shape as an array; data only of CONST, WEIGHT and STATE. */
ft_array ft_nn_value_array(const ft_nn_value *v);
static inline ft_array ft_nn_no_array(void) { return (ft_array){ .dtype = FT_DTYPE_COUNT }; }
/* Are type and every size known? */
bool ft_nn_array_known(const ft_array *a);

/* Run a node's shape rule on `in`; `out` gets one array an output. Refuses shapes that no memory
 * holds, naming the node. Where an input's type is not known, nothing is, and content is needed. */
ft_err ft_nn_node_infer(const ft_nn_node *n, const ft_array *in, ft_array *out,
                        bool *content_needed);
/* May the node's content be computed now? Everything it reads is known, and nothing has more than
 * `items_max` items. */
bool ft_nn_computable(const ft_nn_node *n, const ft_array *in, const ft_array *out,
                      int64_t items_max);
/* Compute it: `out` gets memory from `arena`. */
ft_err ft_nn_node_compute(const ft_nn_node *n, const ft_array *in, ft_array *out, ft_arena *arena);
/* Run a node's reference once (prepare, call, unprepare); `out` has its memory; scratch is taken
 * from `arena`. */
ft_err ft_nn_node_reference(const ft_nn_node *n, const ft_array *in, ft_array *out,
                            ft_arena *arena);

/* A value that no node has produced yet; an empty name gets one. */
ft_err ft_nn_value_add(int *out, ft_nn_graph *g, ft_str name, ft_nn_role role);
/* A node of the graph that is not in its list yet: passes build a new list and set it. */
ft_err ft_nn_node_make(ft_nn_node *out, ft_nn_graph *g, const ft_nn_node_spec *spec);
/* The list of nodes becomes `nodes` (copied); producers follow. */
ft_err ft_nn_nodes_set(ft_nn_graph *g, const ft_nn_node *nodes, int count);
/* The node gets other inputs (copied). */
ft_err ft_nn_node_inputs_set(ft_nn_graph *g, ft_nn_node *n, const int *inputs, size_t count);
/* The node gets one more attribute, or another value of one that it has. Copied. */
ft_err ft_nn_node_attr_set(ft_nn_graph *g, ft_nn_node *n, const ft_nn_attr *attr);
/* The body's formal inputs: what the node hands over by place. The rest are captures. */
size_t ft_nn_body_formals(const ft_nn_node *n, const ft_nn_graph *body);

#endif
