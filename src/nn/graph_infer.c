/* graph_infer.c -- types and shapes of a graph's values, node by node. Small contents that follow
 * from shapes (Shape, Gather, Concat … Reshape) are computed on the way. See graph.h. */
#include "base/check.h"
#include "nn/graph_in.h"

ft_array ft_nn_value_array(const ft_nn_value *v) {
    ft_array a = { .dtype = v->dtype, .ndim = v->ndim, .data = (void *)v->data };
    memcpy(a.shape, v->shape, sizeof a.shape);
    return a;
}

bool ft_nn_array_known(const ft_array *a) {
    if (a->dtype == FT_DTYPE_COUNT || a->ndim < 0) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] == FT_NN_DIM_ANY) return false;
    return true;
}

/* Sizes that no memory holds are refused, also where other sizes are not known yet. */
static ft_err shape_valid(const ft_nn_node *n, const ft_array *a) {
    ft_array least = *a;
    least.data = &least; /* only the sizes are asked about */
    if (a->dtype == FT_DTYPE_COUNT || a->ndim < 0) return FT_OK;
    for (int i = 0; i < a->ndim && i < FT_ARRAY_DIMS_MAX; i++)
        if (a->shape[i] == FT_NN_DIM_ANY) least.shape[i] = 1;
    if (ft_array_valid(&least)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "node '%.*s' (%s): its output would have negative or too large sizes",
                   FT_STR_ARG(n->name), n->op->name);
}

/* A type that is not known yet looks like an absent input: such a node waits. */
static bool types_known(const ft_nn_node *n, const ft_array *in) {
    for (size_t i = 0; i < n->input_count; i++)
        if (n->inputs[i] != FT_NN_NONE && ft_nn_absent(&in[i])) return false;
    return true;
}

ft_err ft_nn_node_infer(const ft_nn_node *n, const ft_array *in, ft_array *out,
                        bool *content_needed) {
    ft_nn_infer i = {
        .node = n, .in = in, .in_count = n->input_count, .out = out, .out_count = n->output_count
    };
    for (size_t k = 0; k < n->output_count; k++)
        out[k] = (ft_array){ .dtype = FT_DTYPE_COUNT, .ndim = -1 };
    *content_needed = true;
    if (!types_known(n, in)) return FT_OK;
    FT_TRY(n->op->infer(&i));
    for (size_t k = 0; k < n->output_count; k++) FT_TRY(shape_valid(n, &out[k]));
    *content_needed = i.content_needed;
    return FT_OK;
}

ft_err ft_nn_node_reference(const ft_nn_node *n, const ft_array *in, ft_array *out,
                            ft_arena *arena) {
    ft_nn_prepare p = { .node = n,
                        .in = in,
                        .out = out,
                        .in_count = n->input_count,
                        .out_count = n->output_count,
                        .threads = 1,
                        .reference = true };
    ft_nn_call c = { .node = n,
                     .in = in,
                     .in_count = n->input_count,
                     .out = out,
                     .out_count = n->output_count,
                     .threads = 1 };
    ft_err err = FT_OK;
    if (n->op->prepare) FT_TRY(n->op->prepare(&p));
    if (p.scratch_bytes) FT_GOTO(err, ft_arena_take(&c.scratch, arena, p.scratch_bytes));
    c.state = p.state;
    FT_GOTO(err, n->op->reference ? n->op->reference(&c) : n->op->forward(&c));
done:
    if (p.state && n->op->unprepare) n->op->unprepare(p.state);
    return err;
}

bool ft_nn_computable(const ft_nn_node *n, const ft_array *in, const ft_array *out,
                      int64_t items_max) {
    if (n->op->random || n->op->dynamic || n->capture_count ||
        (!n->op->reference && !n->op->forward))
        return false;
    for (size_t i = 0; i < n->attr_count; i++)
        if (n->attrs[i].type == FT_NN_GRAPH) return false;
    for (size_t i = 0; i < n->input_count; i++) {
        if (ft_nn_absent(&in[i])) continue;
        if (!ft_nn_array_known(&in[i])) return false;
        if (!n->op->shape_only && (!in[i].data || ft_array_count(&in[i]) > items_max)) return false;
    }
    for (size_t i = 0; i < n->output_count; i++)
        if (!ft_nn_array_known(&out[i]) || ft_array_count(&out[i]) > items_max) return false;
    return n->input_count > 0 || n->output_count > 0;
}

ft_err ft_nn_node_compute(const ft_nn_node *n, const ft_array *in, ft_array *out, ft_arena *arena) {
    for (size_t i = 0; i < n->output_count; i++)
        FT_TRY(ft_arena_take(&out[i].data, arena, ft_array_bytes(&out[i])));
    return ft_nn_node_reference(n, in, out, arena);
}

static ft_err node_step(ft_nn_graph *g, const ft_nn_node *n, ft_array *known, ft_arena *arena) {
    ft_array in[2 * FT_NN_IO_MAX], out[FT_NN_IO_MAX];
    bool content_needed;
    for (size_t i = 0; i < n->input_count; i++)
        in[i] = n->inputs[i] == FT_NN_NONE ? ft_nn_no_array() : known[n->inputs[i]];
    FT_TRY(ft_nn_node_infer(n, in, out, &content_needed));
    if (!content_needed && ft_nn_computable(n, in, out, FT_NN_KNOWN_MAX))
        FT_TRY(ft_nn_node_compute(n, in, out, arena));
    for (size_t i = 0; i < n->output_count; i++) {
        ft_nn_value *v = n->outputs[i] == FT_NN_NONE ? NULL : &g->values[n->outputs[i]];
        if (!v) continue;
        v->dtype = out[i].dtype;
        v->ndim = out[i].ndim;
        memcpy(v->shape, out[i].shape, sizeof v->shape);
        known[n->outputs[i]] = out[i];
    }
    return FT_OK;
}

ft_err ft_nn_graph_infer(ft_nn_graph *g) {
    ft_arena scratch = FT_ARENA_INIT(0);
    ft_array *known;
    ft_err err;
    FT_GOTO(err, ft_arena_items(&known, &scratch, (size_t)g->value_count));
    for (int i = 0; i < g->value_count; i++) known[i] = ft_nn_value_array(&g->values[i]);
    for (int i = 0; i < g->node_count; i++)
        FT_GOTO(err, node_step(g, &g->nodes[i], known, &scratch));
done:
    ft_arena_fini(&scratch);
    return err;
}
