/* model.c -- a graph and what its sessions share. See session.h. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/session_in.h"

/* What a Loop carries may change its sizes from round to round (a list that grows), whatever the
 * file says of the first: a body's inputs keep their number of dimensions alone. */
static void loops_open(ft_nn_graph *g) {
    for (int i = 0; i < g->node_count; i++)
        for (size_t a = 0; a < g->nodes[i].attr_count; a++) {
            ft_nn_graph *body = g->nodes[i].attrs[a].graph;
            if (g->nodes[i].attrs[a].type != FT_NN_GRAPH) continue;
            loops_open(body);
            if (strcmp(g->nodes[i].op->name, "Loop") != 0) continue;
            for (int k = 0; k < body->input_count; k++) {
                ft_nn_value *v = &body->values[body->inputs[k]];
                for (int d = 0; d < v->ndim; d++) v->shape[d] = FT_NN_DIM_ANY;
            }
        }
}

/* Bodies first, once and for all: sessions of several threads share them and only read. */
static ft_err graphs_check(ft_nn_graph *g) {
    for (int i = 0; i < g->node_count; i++)
        for (size_t a = 0; a < g->nodes[i].attr_count; a++)
            if (g->nodes[i].attrs[a].type == FT_NN_GRAPH)
                FT_TRY(graphs_check(g->nodes[i].attrs[a].graph));
    return ft_nn_graph_check(g);
}

static ft_err model_new(ft_nn_model **out, ft_nn_graph *graph, bool borrowed) {
    ft_err err;
    *out = NULL;
    ft_nn_model *m = ft_fault_here() ? NULL : calloc(1, sizeof *m);
    if (!m) {
        if (!borrowed) ft_nn_graph_free(graph);
        return FT_FAIL(FT_ENOMEM, "no memory for a model");
    }
    m->graph = graph;
    m->borrowed = borrowed;
    pthread_mutex_init(&m->lock, NULL);
    FT_GOTO(err, ft_nn_store_new(&m->store));
    if (!borrowed) {
        FT_GOTO(err, graphs_check(graph));
        loops_open(graph);
    }
    *out = m;
    return FT_OK;
done:
    ft_nn_model_free(m);
    return err;
}

ft_err ft_nn_model_new(ft_nn_model **out, ft_nn_graph *graph) {
    return model_new(out, graph, false);
}

ft_err ft_nn_model_of_body(ft_nn_model **out, ft_nn_graph *body) {
    return model_new(out, body, true);
}

const ft_nn_graph *ft_nn_model_graph(const ft_nn_model *m) { return m->graph; }

void ft_nn_model_free(ft_nn_model *m) {
    if (!m) return;
    for (size_t i = 0; i < FT_COUNT(m->lowered); i++) ft_nn_graph_free(m->lowered[i]);
    ft_nn_store_free(m->store);
    if (!m->borrowed) ft_nn_graph_free(m->graph);
    pthread_mutex_destroy(&m->lock);
    free(m);
}
