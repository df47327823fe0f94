/* gradient_graph.c -- from the graph as it was given to the one that goes both ways: weights are no
 * constants, images are channels-last, normalisation is by the batch when training; what is kept,
 * what learns, and which values something wanted lies before. See gradient_in.h. */
#include <stdio.h>

#include "base/check.h"
#include "nn/gradient_in.h"
#include "nn/passes/pass.h"

static bool has_content(const ft_nn_value *v) { return v->producer == FT_NN_NONE && v->data; }

/* ---- the graph that runs */

/* The content of what changes between runs is hidden from the passes. */
static void learning_hide(ft_nn_graph *g, const ft_nn_gradient_opts *o) {
    for (int v = 0; v < g->value_count; v++) {
        ft_nn_role role = g->values[v].role;
        if ((role == FT_NN_WEIGHT && !o->fixed) || (role == FT_NN_STATE && o->training))
            g->values[v].data = NULL;
    }
}

/* Normalisation by the batch's own statistics; the running ones become outputs 1 and 2. */
static ft_err norm_train(ft_nn_graph *g, ft_nn_node *n) {
    ft_nn_attr on = { .name = "training_mode", .type = FT_NN_INT, .i = 1 };
    ft_nn_attr unbiased = { .name = "ft_unbiased", .type = FT_NN_INT, .i = 1 };
    int *outputs;
    FT_TRY(ft_nn_node_attr_set(g, n, &on));
    FT_TRY(ft_nn_node_attr_set(g, n, &unbiased));
    FT_TRY(ft_arena_items(&outputs, &g->arena, 3));
    outputs[0] = n->outputs[0];
    for (int k = 1; k < 3; k++) {
        FT_TRY(ft_nn_value_add(&outputs[k], g, (ft_str){ 0 }, FT_NN_VALUE));
        g->values[outputs[k]].producer = (int)(n - g->nodes);
    }
    n->outputs = outputs;
    n->output_count = 3;
    return FT_OK;
}

static ft_err graph_make(ft_nn_gradient *s, bool lay) {
    FT_TRY(ft_nn_graph_copy(&s->graph, s->given));
    ft_nn_graph *g = s->graph;
    learning_hide(g, &s->opts);
    FT_TRY(ft_nn_pass_fold(g));
    if (lay) FT_TRY(ft_nn_pass_layout(g));
    if (lay) FT_TRY(ft_nn_pass_fold(g));
    for (int i = 0; i < g->node_count && s->opts.training; i++)
        if (ft_nn_is_op(&g->nodes[i], "BatchNormalization") && g->nodes[i].output_count == 1)
            FT_TRY(norm_train(g, &g->nodes[i]));
    FT_TRY(ft_nn_graph_check(g));
    return ft_nn_graph_infer(g);
}

/* ---- what is kept */

/* Where the running graph has value `v` of the given one: as it was, or channels-last. */
static bool value_lies(ft_nn_kept *out, const ft_nn_graph *g, int v) {
    char name[1024];
    const ft_nn_value *value = &g->values[v];
    *out = (ft_nn_kept){ .name = value->name, .value = v };
    int length = snprintf(name, sizeof name, "%.*s:last", FT_STR_ARG(value->name));
    if (length < 0 || (size_t)length >= sizeof name) return value->producer != FT_NN_NONE;
    int last = ft_nn_value_find(g, ft_str_n(name, (size_t)length));
    if (value->role == FT_NN_INPUT || has_content(value)) return true;
    if (last == FT_NN_NONE || g->values[last].producer == FT_NN_NONE)
        return value->producer != FT_NN_NONE;
    bool turned = value->producer != FT_NN_NONE &&
                  g->nodes[value->producer].inputs[0] == last; /* made from the other form */
    if (value->producer != FT_NN_NONE && !turned) return true;
    out->value = last;
    out->last = true;
    return true;
}

/* False in `all` when a value that is wanted has no place in the running graph. */
static ft_err kept_find(bool *all, ft_nn_gradient *s) {
    const ft_nn_graph *given = s->given;
    *all = true;
    s->kept_count = 0;
    FT_TRY(ft_arena_items(&s->kept, &s->own, (size_t)given->value_count));
    FT_TRY(ft_arena_items(&s->keeps, &s->own, (size_t)s->graph->value_count));
    for (int v = 0; v < given->value_count && *all; v++) {
        ft_nn_role role = given->values[v].role;
        bool edge = role == FT_NN_INPUT;
        for (int i = 0; i < given->output_count; i++) edge |= given->outputs[i] == v;
        if (role != FT_NN_VALUE && role != FT_NN_INPUT) continue;
        if (!edge && !(s->opts.keep && s->opts.keep(s->opts.ctx, given->values[v].name))) continue;
        *all = value_lies(&s->kept[s->kept_count], s->graph, v);
        s->keeps[s->kept[s->kept_count++].value] = true;
    }
    return FT_OK;
}

static ft_err graph_choose(ft_nn_gradient *s) {
    bool all;
    if (!s->opts.reference) {
        FT_TRY(graph_make(s, true));
        FT_TRY(kept_find(&all, s));
        if (all) return FT_OK;
        ft_nn_graph_free(s->graph);
        s->graph = NULL;
    }
    FT_TRY(graph_make(s, false));
    return kept_find(&all, s);
}

/* ---- what learns */

static bool learns(const ft_nn_gradient *s, const ft_nn_value *v) {
    if (v->role != FT_NN_WEIGHT || v->dtype != FT_F32 || s->opts.fixed) return false;
    return !(s->opts.frozen && s->opts.frozen(s->opts.ctx, v->name));
}

static bool is_read(const ft_nn_graph *g, int v) {
    for (int i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++)
            if (g->nodes[i].inputs[k] == v) return true;
    return false;
}

static ft_err learnt_list(ft_nn_gradient *s) {
    const ft_nn_graph *g = s->given;
    size_t at = 0;
    FT_TRY(ft_arena_items(&s->learnt, &s->own, (size_t)g->value_count));
    for (int v = 0; v < g->value_count; v++) {
        ft_array a = ft_nn_value_array(&g->values[v]);
        if (!learns(s, &g->values[v]) || !a.data || !is_read(s->graph, v)) continue;
        s->learnt[s->learnt_count++] = (ft_nn_learnt){
            .name = g->values[v].name, .value = v, .at = a.data, .count = ft_array_count(&a)
        };
    }
    for (size_t i = 0; i < s->learnt_count; i++) /* each begins at a cache line */
        s->grad_total += (s->learnt[i].count + 15) & ~(int64_t)15;
    FT_TRY(ft_arena_items(&s->grads, &s->own, (size_t)s->grad_total));
    for (size_t i = 0; i < s->learnt_count; i++) {
        s->learnt[i].grad = s->grads + at;
        at += ((size_t)s->learnt[i].count + 15) & ~(size_t)15;
    }
    return FT_OK;
}

/* ---- what gradients can reach */

static void wanted_mark(ft_nn_gradient *s) {
    const ft_nn_graph *g = s->graph;
    for (size_t i = 0; i < s->learnt_count; i++) s->reaches[s->learnt[i].value] = true;
    for (int i = 0; i < g->input_count && s->opts.inputs; i++) s->reaches[g->inputs[i]] = true;
    for (size_t i = 0; i < s->kept_count; i++)
        if (g->values[s->kept[i].value].producer != FT_NN_NONE && s->opts.keep)
            s->reaches[s->kept[i].value] = true;
}

static bool floats(const ft_nn_graph *g, int v) { return g->values[v].dtype == FT_F32; }

/* A value's gradient is worth computing when something wanted lies at it or before it, and an
 * output behind it. */
static ft_err reach(ft_nn_gradient *s, ft_arena *scratch) {
    const ft_nn_graph *g = s->graph;
    const ft_nn_node *stop = NULL;
    bool *behind, any = false;
    FT_TRY(ft_arena_items(&behind, scratch, (size_t)g->value_count));
    FT_TRY(ft_arena_items(&s->reaches, &s->own, (size_t)g->value_count));
    wanted_mark(s);
    for (int i = 0; i < g->node_count; i++) {
        const ft_nn_node *n = &g->nodes[i];
        bool from = false;
        for (size_t k = 0; k < n->input_count; k++)
            from |= n->inputs[k] != FT_NN_NONE && s->reaches[n->inputs[k]];
        for (size_t k = 0; k < n->output_count && from; k++)
            if (n->outputs[k] == FT_NN_NONE)
                continue;
            else if (n->op->backward)
                s->reaches[n->outputs[k]] |= floats(g, n->outputs[k]);
            else if (!stop)
                stop = n;
    }
    for (int i = 0; i < g->output_count; i++) behind[g->outputs[i]] = true;
    for (int i = g->node_count - 1; i >= 0; i--) {
        const ft_nn_node *n = &g->nodes[i];
        bool to = false;
        for (size_t k = 0; k < n->output_count; k++)
            to |= n->outputs[k] != FT_NN_NONE && behind[n->outputs[k]] && s->reaches[n->outputs[k]];
        for (size_t k = 0; k < n->input_count && to && n->op->backward; k++)
            if (n->inputs[k] != FT_NN_NONE) behind[n->inputs[k]] = true;
    }
    for (int v = 0; v < g->value_count; v++) {
        s->reaches[v] = s->reaches[v] && behind[v] && floats(g, v);
        any |= s->reaches[v];
    }
    if (any) return FT_OK;
    if (stop)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "node '%.*s' (%s) has no gradient: nothing before it can "
                       "be reached from the outputs",
                       FT_STR_ARG(stop->name), stop->op->name);
    return FT_FAIL(FT_EUNSUPPORTED, "the network has no weight and no input that has a gradient");
}

ft_err ft_nn_gradient_graph(ft_nn_gradient *s) {
    ft_arena scratch = FT_ARENA_INIT(0);
    ft_err err;
    FT_GOTO(err, graph_choose(s));
    FT_GOTO(err, learnt_list(s));
    FT_GOTO(err, reach(s, &scratch));
done:
    ft_arena_fini(&scratch);
    return err;
}
