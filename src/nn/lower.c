/* lower.c -- from the graph as it was given to the graph that runs: the passes, in order. */
#include "nn/passes/pass.h"
#include "nn/session_in.h"

static ft_err passes(ft_nn_graph *g, ft_nn_math math) {
    FT_TRY(ft_nn_pass_fold(g));
    FT_TRY(ft_nn_pass_dead(g));
    FT_TRY(ft_nn_pass_layout(g));
    FT_TRY(ft_nn_pass_fold(g)); /* constants that were turned */
    FT_TRY(ft_nn_pass_fuse(g));
    FT_TRY(ft_nn_pass_dead(g));
    FT_TRY(ft_nn_graph_infer(g));
    if (math == FT_NN_MATH_F32) return FT_OK;
    FT_TRY(ft_nn_pass_bf16(g));
    return ft_nn_graph_infer(g);
}

ft_err ft_nn_lower(ft_nn_graph **out, const ft_nn_graph *from, ft_nn_math math) {
    ft_nn_graph *g;
    ft_err err;
    *out = NULL;
    FT_TRY(ft_nn_graph_copy(&g, from));
    FT_GOTO(err, passes(g, math));
    *out = g;
    return FT_OK;
done:
    ft_nn_graph_free(g);
    return err;
}
