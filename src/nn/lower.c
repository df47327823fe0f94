/* lower.c -- from the graph as it was given to the graph that runs: the passes, in order. */
#include "nn/session_in.h"

ft_err ft_nn_lower(ft_nn_graph **out, const ft_nn_graph *from, ft_nn_math math) {
    ft_nn_graph *g;
    ft_err err;
    *out = NULL;
    (void)math;
    FT_TRY(ft_nn_graph_copy(&g, from));
    FT_GOTO(err, ft_nn_graph_infer(g));
    *out = g;
    return FT_OK;
done:
    ft_nn_graph_free(g);
    return err;
}
