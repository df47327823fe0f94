/* fold.c -- constants are computed once; dead nodes go. See pass.h. */
#include "base/check.h"
#include "nn/passes/pass.h"

#define FOLD_ITEMS_MAX ((int64_t)1 << 22)

ft_err ft_nn_uses(int **out, const ft_nn_graph *g, ft_arena *arena) {
    int *uses;
    FT_TRY(ft_arena_items(&uses, arena, (size_t)g->value_count));
    for (int i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++)
            if (g->nodes[i].inputs[k] != FT_NN_NONE) uses[g->nodes[i].inputs[k]]++;
    for (int i = 0; i < g->output_count; i++) uses[g->outputs[i]]++;
    *out = uses;
    return FT_OK;
}

ft_err ft_nn_const_ints(int *out, ft_nn_graph *g, const int64_t *ints, size_t count) {
    ft_array a = { .dtype = FT_I64, .ndim = 1, .shape = { (int64_t)count }, .data = (void *)ints };
    return ft_nn_data(out, g, (ft_str){ 0 }, FT_NN_CONST, &a, true);
}

ft_err ft_nn_nodes_sweep(ft_nn_graph *g) {
    int count = 0;
    for (int i = 0; i < g->node_count; i++)
        if (g->nodes[i].op) g->nodes[count++] = g->nodes[i];
    return ft_nn_nodes_set(g, g->nodes, count);
}

/* ---- fold */

static ft_err node_fold(ft_nn_graph *g, ft_nn_node *n) {
    ft_array in[2 * FT_NN_IO_MAX], out[FT_NN_IO_MAX];
    bool content_needed;
    for (size_t i = 0; i < n->input_count; i++)
        in[i] = n->inputs[i] == FT_NN_NONE ? ft_nn_no_array()
                                           : ft_nn_value_array(&g->values[n->inputs[i]]);
    FT_TRY(ft_nn_node_infer(n, in, out, &content_needed));
    bool fold = !content_needed && ft_nn_computable(n, in, out, FOLD_ITEMS_MAX);
    if (fold) FT_TRY(ft_nn_node_compute(n, in, out, &g->arena));
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] == FT_NN_NONE) continue;
        ft_nn_value *v = &g->values[n->outputs[i]];
        v->dtype = out[i].dtype;
        v->ndim = out[i].ndim;
        memcpy(v->shape, out[i].shape, sizeof v->shape);
        if (fold) v->role = FT_NN_CONST, v->data = out[i].data;
    }
    if (fold) n->op = NULL;
    return FT_OK;
}

ft_err ft_nn_pass_fold(ft_nn_graph *g) {
    for (int i = 0; i < g->node_count; i++) FT_TRY(node_fold(g, &g->nodes[i]));
    return ft_nn_nodes_sweep(g);
}

/* ---- dead */

/* Its first output is its first input, and nobody asks for more. */
static bool is_through(const ft_nn_node *n) {
    return ft_nn_is_op(n, "Identity") ||
           (ft_nn_is_op(n, "Dropout") && (n->output_count < 2 || n->outputs[1] == FT_NN_NONE));
}

static ft_err read_through(ft_nn_graph *g, ft_arena *scratch) {
    int *same;
    FT_TRY(ft_arena_items(&same, scratch, (size_t)g->value_count));
    for (int v = 0; v < g->value_count; v++) same[v] = v;
    for (int i = 0; i < g->node_count; i++) {
        ft_nn_node *n = &g->nodes[i];
        int *inputs = (int *)n->inputs; /* the graph is a copy: its lists are its own */
        for (size_t k = 0; k < n->input_count; k++)
            if (inputs[k] != FT_NN_NONE) inputs[k] = same[inputs[k]];
        if (is_through(n) && n->outputs[0] != FT_NN_NONE) same[n->outputs[0]] = n->inputs[0];
    }
    for (int i = 0; i < g->output_count; i++) g->outputs[i] = same[g->outputs[i]];
    return FT_OK;
}

static ft_err unread_drop(ft_nn_graph *g, ft_arena *scratch) {
    int *uses;
    FT_TRY(ft_nn_uses(&uses, g, scratch));
    for (int i = g->node_count - 1; i >= 0; i--) {
        ft_nn_node *n = &g->nodes[i];
        bool read = false;
        for (size_t k = 0; k < n->output_count; k++)
            read |= n->outputs[k] != FT_NN_NONE && uses[n->outputs[k]] > 0;
        if (read) continue;
        for (size_t k = 0; k < n->input_count; k++)
            if (n->inputs[k] != FT_NN_NONE) uses[n->inputs[k]]--;
        n->op = NULL;
    }
    return ft_nn_nodes_sweep(g);
}

ft_err ft_nn_pass_dead(ft_nn_graph *g) {
    ft_arena scratch = FT_ARENA_INIT(0);
    ft_err err;
    FT_GOTO(err, read_through(g, &scratch));
    FT_GOTO(err, unread_drop(g, &scratch));
done:
    ft_arena_fini(&scratch);
    return err;
}
