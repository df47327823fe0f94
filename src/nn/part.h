/* part.h -- some of a graph as a graph of its own: what lies between given values.
 *
 * A network whose middle can be run by itself (a voice's last layers, a detector's body) is cut
 * there: one part gives the values, another takes them.
 *
 * Threads: any. Ownership: the new graph shares `g`'s weights; `g` must outlive it. */
#ifndef FT_NN_PART_H
#define FT_NN_PART_H

#include "nn/graph.h"

/* The nodes that `outputs` need, back to `inputs`, which become the new graph's inputs in that
 * order. Value numbers stay what they were. An input of `g` that is not among `inputs` and is
 * needed becomes one, behind them. FT_EINVAL for a value that is not there. */
ft_err ft_nn_graph_part(ft_nn_graph **out, const ft_nn_graph *g, const int *inputs,
                        size_t input_count, const int *outputs, size_t output_count);

#endif
