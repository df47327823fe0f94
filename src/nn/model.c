/* model.c -- a graph and what its sessions share. See session.h. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/session_in.h"

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
    FT_GOTO(err, ft_nn_graph_check(graph));
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
