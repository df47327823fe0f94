/* graph_check.c -- is a graph whole? Orders its nodes, and ties branches and bodies to the values
 * around them. See graph.h. */
#include "base/check.h"
#include "nn/graph_in.h"

static ft_err refuse(const ft_nn_node *n, const char *what, int64_t number) {
    return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%s): %s (%lld)", FT_STR_ARG(n->name), n->op->name,
                   what, (long long)number);
}

size_t ft_nn_body_formals(const ft_nn_node *n, const ft_nn_graph *body) {
    if (strcmp(n->op->name, "If") == 0) return 0;
    size_t formals = n->input_count - n->capture_count;
    return formals < (size_t)body->input_count ? formals : (size_t)body->input_count;
}

/* Append what the node's bodies see of the graph around them to its inputs. */
static ft_err captures_tie(ft_nn_graph *g, ft_nn_node *n) {
    int inputs[2 * FT_NN_IO_MAX];
    size_t count = n->input_count - n->capture_count, captures = 0;
    memcpy(inputs, n->inputs, count * sizeof *inputs);
    for (size_t a = 0; a < n->attr_count; a++) {
        const ft_nn_graph *body = n->attrs[a].type == FT_NN_GRAPH ? n->attrs[a].graph : NULL;
        if (!body) continue;
        for (size_t i = ft_nn_body_formals(n, body); i < (size_t)body->input_count; i++) {
            ft_str name = body->values[body->inputs[i]].name;
            int outer = ft_nn_value_find(g, name);
            if (outer == FT_NN_NONE)
                return FT_FAIL(FT_ECORRUPT,
                               "node '%.*s' (%s): its body reads '%.*s', which is not there",
                               FT_STR_ARG(n->name), n->op->name, FT_STR_ARG(name));
            if (count + captures == FT_COUNT(inputs))
                return refuse(n, "its bodies read too many values", FT_NN_IO_MAX);
            inputs[count + captures++] = outer;
        }
    }
    if (captures == 0 && n->capture_count == 0) return FT_OK;
    FT_TRY(ft_nn_node_inputs_set(g, n, inputs, count + captures));
    n->capture_count = captures;
    return FT_OK;
}

static ft_err counts_valid(const ft_nn_node *n) {
    const ft_nn_op *op = n->op;
    size_t inputs = n->input_count - n->capture_count;
    if (inputs < (size_t)op->inputs_min || inputs > (size_t)op->inputs_max)
        return refuse(n, "wrong number of inputs", (int64_t)inputs);
    if (n->output_count < (size_t)op->outputs_min || n->output_count > (size_t)op->outputs_max)
        return refuse(n, "wrong number of outputs", (int64_t)n->output_count);
    for (int i = 0; i < op->inputs_min; i++)
        if (n->inputs[i] == FT_NN_NONE) return refuse(n, "an input is missing", i);
    return FT_OK;
}

static ft_err inputs_valid(const ft_nn_graph *g, const ft_nn_node *n) {
    for (size_t i = 0; i < n->input_count; i++) {
        int v = n->inputs[i];
        if (v == FT_NN_NONE) continue;
        FT_CHECK(v >= 0 && v < g->value_count);
        if (g->values[v].role == FT_NN_VALUE && g->values[v].producer == FT_NN_NONE)
            return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%s): nothing computes its input '%.*s'",
                           FT_STR_ARG(n->name), n->op->name, FT_STR_ARG(g->values[v].name));
    }
    return FT_OK;
}

static bool in_order(const ft_nn_graph *g) {
    for (int i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < g->nodes[i].input_count; k++) {
            int v = g->nodes[i].inputs[k];
            if (v != FT_NN_NONE && g->values[v].producer >= i) return false;
        }
    return true;
}

/* Depth first with a stack of our own: a node stands after all that it reads, and otherwise where
 * it stood. `mark`: 0 not seen, 1 on the stack, 2 placed. */
static ft_err order(ft_nn_graph *g, ft_nn_node *to, unsigned char *mark, int *stack) {
    int placed = 0;
    for (int root = 0; root < g->node_count; root++) {
        int depth = 0;
        if (!mark[root]) stack[depth++] = root, mark[root] = 1;
        while (depth) {
            const ft_nn_node *n = &g->nodes[stack[depth - 1]];
            int next = FT_NN_NONE;
            for (size_t k = 0; k < n->input_count && next == FT_NN_NONE; k++) {
                int v = n->inputs[k];
                int p = v == FT_NN_NONE ? FT_NN_NONE : g->values[v].producer;
                if (p == FT_NN_NONE || mark[p] == 2) continue;
                if (mark[p] == 1)
                    return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%s): part of a cycle",
                                   FT_STR_ARG(n->name), n->op->name);
                next = p;
            }
            if (next != FT_NN_NONE) {
                stack[depth++] = next, mark[next] = 1;
            } else {
                mark[stack[--depth]] = 2;
                to[placed++] = *n;
            }
        }
    }
    return FT_OK;
}

static ft_err sort(ft_nn_graph *g) {
    ft_arena scratch = FT_ARENA_INIT(0);
    ft_nn_node *nodes;
    unsigned char *mark;
    int *stack;
    ft_err err;
    FT_GOTO(err, ft_arena_items(&nodes, &scratch, (size_t)g->node_count));
    FT_GOTO(err, ft_arena_items(&mark, &scratch, (size_t)g->node_count));
    FT_GOTO(err, ft_arena_items(&stack, &scratch, (size_t)g->node_count));
    FT_GOTO(err, order(g, nodes, mark, stack));
    memcpy(g->nodes, nodes, (size_t)g->node_count * sizeof *nodes);
    for (int i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < nodes[i].output_count; k++)
            if (nodes[i].outputs[k] != FT_NN_NONE) g->values[nodes[i].outputs[k]].producer = i;
done:
    ft_arena_fini(&scratch);
    return err;
}

ft_err ft_nn_graph_check(ft_nn_graph *g) {
    for (int i = 0; i < g->node_count; i++) {
        FT_TRY(captures_tie(g, &g->nodes[i]));
        FT_TRY(counts_valid(&g->nodes[i]));
        FT_TRY(inputs_valid(g, &g->nodes[i]));
    }
    for (int i = 0; i < g->output_count; i++) {
        const ft_nn_value *v = &g->values[g->outputs[i]];
        if (v->role == FT_NN_VALUE && v->producer == FT_NN_NONE)
            return FT_FAIL(FT_ECORRUPT, "nothing computes the output '%.*s'", FT_STR_ARG(v->name));
    }
    if (g->output_count == 0) return FT_FAIL(FT_ECORRUPT, "the graph has no output");
    return in_order(g) ? FT_OK : sort(g);
}
