/* part.c -- see part.h. */
#include "nn/part.h"

#include "base/check.h"
#include "nn/graph_in.h"

typedef struct parting {
    ft_nn_graph *g;
    ft_arena arena;
    bool *given, *needed; /* by value */
    bool *taken;          /* by node */
    int *todo, todo_count;
} parting;

static void need(parting *p, int v) {
    if (v == FT_NN_NONE || p->needed[v]) return;
    p->needed[v] = true;
    if (!p->given[v] && p->g->values[v].producer != FT_NN_NONE) p->todo[p->todo_count++] = v;
}

/* Back from the outputs to what is given, has data or is an input. */
static void find_nodes(parting *p, const int *outputs, size_t output_count) {
    for (size_t i = 0; i < output_count; i++) need(p, outputs[i]);
    while (p->todo_count > 0) {
        int at = p->g->values[p->todo[--p->todo_count]].producer;
        const ft_nn_node *n = &p->g->nodes[at];
        p->taken[at] = true;
        for (size_t i = 0; i < n->input_count; i++) need(p, n->inputs[i]);
    }
}

static ft_err set_nodes(parting *p) {
    ft_nn_graph *g = p->g;
    ft_nn_node *nodes;
    int count = 0;
    FT_TRY(ft_arena_items(&nodes, &p->arena, (size_t)g->node_count + 1));
    for (int i = 0; i < g->node_count; i++)
        if (p->taken[i]) nodes[count++] = g->nodes[i];
    for (int v = 0; v < g->value_count; v++) {
        if (!p->given[v]) continue;
        g->values[v].role = FT_NN_INPUT;
        g->values[v].producer = FT_NN_NONE;
    }
    return ft_nn_nodes_set(g, nodes, count);
}

static ft_err set_ends(parting *p, const int *inputs, size_t input_count, const int *outputs,
                       size_t output_count) {
    ft_nn_graph *g = p->g;
    int *in, *out, count = (int)input_count;
    FT_TRY(ft_arena_items(&in, &g->arena, input_count + (size_t)g->input_count + 1));
    FT_TRY(ft_arena_items(&out, &g->arena, output_count + 1));
    if (input_count) memcpy(in, inputs, input_count * sizeof *in);
    for (int i = 0; i < g->input_count; i++)
        if (p->needed[g->inputs[i]] && !p->given[g->inputs[i]]) in[count++] = g->inputs[i];
    memcpy(out, outputs, output_count * sizeof *out);
    g->inputs = in, g->input_count = count;
    g->outputs = out, g->output_count = (int)output_count;
    return FT_OK;
}

static ft_err part(parting *p, const int *inputs, size_t input_count, const int *outputs,
                   size_t output_count) {
    size_t values = (size_t)p->g->value_count;
    FT_TRY(ft_arena_items(&p->given, &p->arena, values));
    FT_TRY(ft_arena_items(&p->needed, &p->arena, values));
    FT_TRY(ft_arena_items(&p->taken, &p->arena, (size_t)p->g->node_count + 1));
    FT_TRY(ft_arena_items(&p->todo, &p->arena, values));
    for (size_t i = 0; i < input_count; i++) p->given[inputs[i]] = true;
    find_nodes(p, outputs, output_count);
    FT_TRY(set_nodes(p));
    return set_ends(p, inputs, input_count, outputs, output_count);
}

ft_err ft_nn_graph_part(ft_nn_graph **out, const ft_nn_graph *g, const int *inputs,
                        size_t input_count, const int *outputs, size_t output_count) {
    ft_err err;
    parting p = { .arena = FT_ARENA_INIT((size_t)1 << 30) };
    *out = NULL;
    for (size_t i = 0; i < input_count + output_count; i++) {
        int v = i < input_count ? inputs[i] : outputs[i - input_count];
        if (v < 0 || v >= g->value_count)
            return FT_FAIL(FT_EINVAL, "a part of a graph between values that it does not have");
    }
    FT_GOTO(err, ft_nn_graph_copy(&p.g, g));
    FT_GOTO(err, part(&p, inputs, input_count, outputs, output_count));
    FT_GOTO(err, ft_nn_graph_check(p.g));
    *out = p.g;
    p.g = NULL;
done:
    ft_nn_graph_free(p.g);
    ft_arena_fini(&p.arena);
    return err;
}
