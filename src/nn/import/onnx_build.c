/* onnx_build.c -- a graph from the messages of an ONNX model. See onnx.h, onnx_in.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "nn/import/onnx_in.h"
#include "nn/onnx_type.h"
#include "nn/ops/shared.h"

#define SCRATCH_BYTES_MAX ((size_t)4 << 30)
#define VIEW_BYTES_MIN    ((size_t)4096) /* smaller weights are copied: they need no aligned file */

/* ---- names */

/* A name of the file in the graph: within a function, its caller's value or a name of its own. */
static ft_err name_of(ft_str *out, onnx_build *b, ft_str name) {
    *out = name;
    if (!b->naming || name.len == 0) return FT_OK;
    for (size_t i = 0; i < b->naming->count; i++) {
        if (ft_str_eq(b->naming->formal[i], name)) {
            *out = b->naming->actual[i];
            return FT_OK;
        }
    }
    return ft_arena_printf(out, b->arena, "%.*s%.*s", FT_STR_ARG(b->naming->prefix),
                           FT_STR_ARG(name));
}

static ft_err names_of(ft_str **out, onnx_build *b, const ft_str *names, size_t count) {
    FT_TRY(ft_arena_items(out, b->arena, count));
    for (size_t i = 0; i < count; i++) FT_TRY(name_of(&(*out)[i], b, names[i]));
    return FT_OK;
}

/* ---- values */

ft_err onnx_tensor_value(int *out, onnx_build *b, ft_str name, const onnx_tensor *tensor,
                         ft_nn_role role) {
    onnx_tensor t = *tensor;
    ft_array a;
    if (t.external) FT_TRY(onnx_external(&t, b));
    bool view = (t.external || b->view) && t.raw.len >= VIEW_BYTES_MIN;
    FT_TRY(onnx_tensor_array(&a, &b->g->arena, &t, view));
    return ft_nn_data(out, b->g, name, role, &a, false);
}

static int by_text(const void *a, const void *b) {
    return ft_str_cmp(*(const ft_str *)a, *(const ft_str *)b);
}

/* Running means and variances are learnt without a gradient: their names, sorted. */
static ft_err states_find(ft_str **out, size_t *count, onnx_build *b, const onnx_graph *g) {
    size_t at = 0;
    FT_TRY(ft_arena_items(out, b->arena, 2 * g->node_count));
    for (size_t i = 0; i < g->node_count; i++) {
        const onnx_node *n = &g->nodes[i];
        if (!ft_str_is(n->op, "BatchNormalization")) continue;
        for (size_t k = 3; k < 5 && k < n->in_count; k++) (*out)[at++] = n->in[k];
    }
    if (at) qsort(*out, at, sizeof **out, by_text);
    *count = at;
    return FT_OK;
}

/* Weights that one operation alone reads, which packs them, need not be aligned (graph.h): the
 * largest ones, which are then never copied. Their names, sorted; none where bodies may read them
 * as well. */
static ft_err packed_find(ft_str **out, size_t *count, onnx_build *b, const onnx_graph *g) {
    ft_str *all, *weights;
    size_t used = 0, found = 0, kept = 0;
    *count = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        used += g->nodes[i].in_count;
        for (size_t k = 0; k < g->nodes[i].attr_count; k++)
            if (g->nodes[i].attrs[k].type == ONNX_GRAPH) return FT_OK;
    }
    FT_TRY(ft_arena_items(&all, b->arena, used));
    FT_TRY(ft_arena_items(&weights, b->arena, g->node_count));
    used = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        const onnx_node *n = &g->nodes[i];
        for (size_t k = 0; k < n->in_count; k++) all[used++] = n->in[k];
        const ft_nn_op *op = n->domain.len ? NULL : ft_nn_op_find(n->op);
        if (op && op->packs && n->in_count > 1) weights[found++] = n->in[1];
    }
    if (used) qsort(all, used, sizeof *all, by_text);
    if (found) qsort(weights, found, sizeof *weights, by_text);
    for (size_t i = 0; i < found; i++) {
        const ft_str *at = bsearch(&weights[i], all, used, sizeof *all, by_text);
        bool once = (at == all || !ft_str_eq(at[-1], *at)) &&
                    (at + 1 == all + used || !ft_str_eq(at[1], *at));
        if (once) weights[kept++] = weights[i];
    }
    for (size_t i = 0; i < g->output_count; i++) /* an output is read by strangers */
        for (size_t k = 0; k < kept; k++)
            if (ft_str_eq(g->outputs[i].name, weights[k])) return FT_OK;
    *out = weights;
    *count = kept;
    return FT_OK;
}

static ft_err tensors_build(onnx_build *b, const onnx_graph *g) {
    ft_str name;
    onnx_tensor t;
    ft_str *states, *packed = NULL;
    size_t state_count = 0, packed_count = 0;
    int v;
    if (g->sparse)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "the graph has sparse initializers, which are not supported");
    FT_TRY(states_find(&states, &state_count, b, g));
    FT_TRY(packed_find(&packed, &packed_count, b, g));
    for (size_t i = 0; i < g->tensor_count; i++) {
        FT_TRY(onnx_tensor_read(&t, g->tensors[i]));
        FT_TRY(name_of(&name, b, t.name));
        ft_dtype dtype = ft_nn_onnx_dtype(t.type);
        bool weight = ft_nn_is_float(dtype) && t.ndim > 0;
        bool state = state_count && bsearch(&t.name, states, state_count, sizeof *states, by_text);
        ft_nn_role role = !weight ? FT_NN_CONST : state ? FT_NN_STATE : FT_NN_WEIGHT;
        t.unaligned = dtype == FT_F32 && packed_count &&
                      bsearch(&t.name, packed, packed_count, sizeof *packed, by_text);
        FT_TRY(onnx_tensor_value(&v, b, name, &t, role));
    }
    return FT_OK;
}

static ft_err input_build(onnx_build *b, const onnx_value *in) {
    ft_dtype dtype = FT_DTYPE_COUNT; /* of a body's input: known when it is run */
    ft_str name;
    int v;
    FT_TRY(name_of(&name, b, in->name));
    if (ft_nn_value_find(b->g, name) != FT_NN_NONE && in->type >= 0) return FT_OK; /* has data */
    if (in->type < 0)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "input '%.*s' is a sequence, map or optional: only tensors are supported",
                       FT_STR_ARG(in->name));
    if (in->type > 0) FT_TRY(onnx_dtype(&dtype, in->type, in->name));
    if (in->type == 0 && b->depth == 0)
        return FT_FAIL(FT_ECORRUPT, "input '%.*s' has no type", FT_STR_ARG(in->name));
    return ft_nn_input(&v, b->g, name, dtype, in->ndim, in->shape);
}

/* A body's input for what it reads of the graph around it; data is shared, so that shapes that
 * follow from it are known inside too. */
static ft_err capture_build(onnx_build *b, ft_str name) {
    int v, outer = ft_nn_value_find(b->outer->g, name);
    if (ft_nn_value_find(b->g, name) != FT_NN_NONE) return FT_OK; /* two names of one value */
    if (outer == FT_NN_NONE)
        return FT_FAIL(FT_ECORRUPT, "a body reads '%.*s', which nothing computes",
                       FT_STR_ARG(name));
    const ft_nn_value *from = &b->outer->g->values[outer];
    if (!from->data) return ft_nn_input(&v, b->g, name, FT_DTYPE_COUNT, -1, NULL);
    ft_array a = { .dtype = from->dtype,
                   .ndim = from->ndim,
                   .data = (void *)(uintptr_t)from->data };
    memcpy(a.shape, from->shape, sizeof a.shape);
    return ft_nn_data(&v, b->g, name, from->role, &a, false);
}

/* ---- nodes */

static ft_err body_build(ft_nn_graph **out, onnx_build *b, const onnx_attr *a);

static ft_err attr_build(ft_nn_attr *to, onnx_build *b, const onnx_node *n, const onnx_attr *from) {
    ft_str name;
    onnx_tensor t;
    if (ft_str_starts(from->name, FT_STR("ft_"))) /* what passes leave for kernels */
        return FT_FAIL(FT_EINVAL, "node '%.*s' (%.*s): no attribute '%.*s'", FT_STR_ARG(n->name),
                       FT_STR_ARG(n->op), FT_STR_ARG(from->name));
    FT_TRY(ft_arena_str(&name, b->arena, from->name));
    *to = (ft_nn_attr){ .name = name.at };
    switch (from->type) {
    case ONNX_FLOAT:
        to->type = FT_NN_FLOAT;
        to->f = (double)from->f;
        return FT_OK;
    case ONNX_INT:
        to->type = FT_NN_INT;
        to->i = from->i;
        return FT_OK;
    case ONNX_STRING:
        to->type = FT_NN_STRING;
        to->s = from->bytes;
        return FT_OK;
    case ONNX_FLOATS:
        to->type = FT_NN_FLOATS;
        to->floats = from->floats;
        break;
    case ONNX_INTS:
        to->type = FT_NN_INTS;
        to->ints = from->ints;
        break;
    case ONNX_STRINGS:
        to->type = FT_NN_STRINGS;
        to->strings = from->strings;
        break;
    case ONNX_TENSOR:
        to->type = FT_NN_TENSOR;
        FT_TRY(onnx_tensor_read(&t, from->bytes));
        if (t.external) FT_TRY(onnx_external(&t, b));
        return onnx_tensor_array(&to->tensor, b->arena, &t, false);
    case ONNX_GRAPH:
        to->type = FT_NN_GRAPH;
        return body_build(&to->graph, b, from);
    case ONNX_OTHER:
        return FT_FAIL(FT_EUNSUPPORTED,
                       "node '%.*s' (%.*s): attribute '%.*s' is of a type that is not supported",
                       FT_STR_ARG(n->name), FT_STR_ARG(n->op), FT_STR_ARG(from->name));
    }
    to->count = from->count;
    return FT_OK;
}

ft_err onnx_emit(onnx_build *b, const onnx_node *n) {
    ft_nn_attr *attrs;
    int *inputs;
    ft_str op;
    FT_TRY(ft_arena_str(&op, b->arena, n->op));
    FT_TRY(ft_arena_items(&attrs, b->arena, n->attr_count));
    FT_TRY(ft_arena_items(&inputs, b->arena, n->in_count));
    for (size_t i = 0; i < n->attr_count; i++) FT_TRY(attr_build(&attrs[i], b, n, &n->attrs[i]));
    for (size_t i = 0; i < n->in_count; i++) {
        inputs[i] = n->in[i].len ? ft_nn_value_find(b->g, n->in[i]) : FT_NN_NONE;
        if (n->in[i].len && inputs[i] == FT_NN_NONE)
            return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%.*s): nothing computes its input '%.*s'",
                           FT_STR_ARG(n->name), FT_STR_ARG(n->op), FT_STR_ARG(n->in[i]));
    }
    ft_nn_node_spec spec = { .op = op.at,
                             .name = n->name,
                             .attrs = attrs,
                             .attr_count = n->attr_count,
                             .inputs = inputs,
                             .input_count = n->in_count,
                             .output_count = n->out_count,
                             .output_names = n->out };
    return ft_nn_node_add(b->g, &spec, NULL);
}

/* Attributes that a function's node takes from the function's caller. */
static ft_err refs_resolve(onnx_node *n, const onnx_build *b) {
    size_t kept = 0;
    for (size_t i = 0; i < n->attr_count; i++) {
        onnx_attr a = n->attrs[i];
        const onnx_attr *from = NULL;
        if (a.ref.len && !b->naming)
            return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%.*s) refers to an attribute of a function",
                           FT_STR_ARG(n->name), FT_STR_ARG(n->op));
        for (size_t k = 0; a.ref.len && !from && k < b->naming->attr_count; k++)
            if (ft_str_eq(b->naming->attrs[k].name, a.ref)) from = &b->naming->attrs[k];
        for (size_t k = 0; a.ref.len && !from && k < b->naming->default_count; k++)
            if (ft_str_eq(b->naming->defaults[k].name, a.ref)) from = &b->naming->defaults[k];
        if (a.ref.len && !from) continue; /* not given: as if it were not there */
        n->attrs[kept] = from ? *from : a;
        n->attrs[kept++].name = a.name;
    }
    n->attr_count = kept;
    return FT_OK;
}

static ft_err function_inline(onnx_build *b, const onnx_node *n, const onnx_function *f) {
    onnx_naming naming = { .attrs = n->attrs,
                           .attr_count = n->attr_count,
                           .defaults = f->defaults,
                           .default_count = f->default_count };
    ft_str *formal, *actual;
    size_t count = f->in_count + f->out_count;
    if (b->depth >= FT_NN_ONNX_DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "node '%.*s': functions nest deeper than %d",
                       FT_STR_ARG(n->name), FT_NN_ONNX_DEPTH_MAX);
    if (n->in_count > f->in_count || n->out_count > f->out_count)
        return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%.*s): more inputs or outputs than the function",
                       FT_STR_ARG(n->name), FT_STR_ARG(n->op));
    FT_TRY(ft_arena_items(&formal, b->arena, count));
    FT_TRY(ft_arena_items(&actual, b->arena, count));
    for (size_t i = 0; i < f->in_count; i++) {
        formal[i] = f->in[i];
        if (i < n->in_count) actual[i] = n->in[i];
    }
    FT_TRY(ft_arena_printf(&naming.prefix, b->arena, "%.*s.%d/", FT_STR_ARG(n->name),
                           (*b->unnamed)++));
    size_t named = f->in_count;
    for (size_t i = 0; i < n->out_count; i++) {
        if (n->out[i].len == 0) continue;
        formal[named] = f->out[i];
        actual[named++] = n->out[i];
    }
    naming.formal = formal;
    naming.actual = actual;
    naming.count = named;
    onnx_build inner = *b;
    inner.naming = &naming;
    inner.depth++;
    if (f->opset) inner.opset = f->opset;
    onnx_graph body = { .nodes = f->nodes, .node_count = f->node_count };
    FT_TRY(onnx_order(&body, b->arena));
    for (size_t i = 0; i < body.node_count; i++) {
        onnx_node each = body.nodes[i];
        FT_TRY(onnx_node_build(&inner, &each));
    }
    return FT_OK;
}

ft_err onnx_node_build(onnx_build *b, const onnx_node *from) {
    onnx_node n = *from;
    bool done = false;
    if (++*b->node_count > FT_NN_ONNX_NODES_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d nodes, functions inlined", FT_NN_ONNX_NODES_MAX);
    FT_TRY(names_of(&n.in, b, from->in, from->in_count));
    FT_TRY(names_of(&n.out, b, from->out, from->out_count));
    if (b->naming)
        FT_TRY(ft_arena_printf(&n.name, b->arena, "%.*s%.*s", FT_STR_ARG(b->naming->prefix),
                               FT_STR_ARG(from->name)));
    FT_TRY(ft_arena_items(&n.attrs, b->arena, from->attr_count + 4)); /* room to bring it up */
    if (from->attr_count) memcpy(n.attrs, from->attrs, from->attr_count * sizeof *n.attrs);
    FT_TRY(refs_resolve(&n, b));
    while (n.in_count && n.in[n.in_count - 1].len == 0) n.in_count--;
    const onnx_function *f = onnx_function_find(b->model, n.domain, n.op);
    if (f) return function_inline(b, &n, f);
    FT_TRY(onnx_upgrade(&done, b, &n));
    return done ? FT_OK : onnx_emit(b, &n);
}

/* ---- graphs */

/* What the file tells of an output stands until it is found (and where it cannot be). */
static void output_told(ft_nn_value *v, const onnx_value *told) {
    ft_dtype dtype;
    if (v->role != FT_NN_VALUE || told->type <= 0) return;
    if (onnx_dtype(&dtype, told->type, told->name)) {
        ft_err_clear();
        return;
    }
    v->dtype = dtype;
    v->ndim = told->ndim;
    memcpy(v->shape, told->shape, sizeof v->shape);
}

static ft_err outputs_build(onnx_build *b, const onnx_graph *g) {
    for (size_t i = 0; i < g->output_count; i++) {
        ft_str name;
        FT_TRY(name_of(&name, b, g->outputs[i].name));
        int v = ft_nn_value_find(b->g, name);
        if (g->outputs[i].type < 0)
            return FT_FAIL(
                FT_EUNSUPPORTED,
                "output '%.*s' is a sequence, map or optional: only tensors are supported",
                FT_STR_ARG(g->outputs[i].name));
        if (v == FT_NN_NONE)
            return FT_FAIL(FT_ECORRUPT, "nothing computes the output '%.*s'",
                           FT_STR_ARG(g->outputs[i].name));
        if (b->depth == 0) output_told(&b->g->values[v], &g->outputs[i]);
        FT_TRY(ft_nn_output(b->g, v));
    }
    return FT_OK;
}

static ft_err graph_build(onnx_build *b, onnx_graph *g) {
    ft_str *free_names, *outer;
    size_t count = 0;
    FT_TRY(tensors_build(b, g));
    for (size_t i = 0; i < g->input_count; i++) FT_TRY(input_build(b, &g->inputs[i]));
    if (b->outer) {
        FT_TRY(onnx_free_names(&free_names, &count, b->arena, g, b->depth));
        FT_TRY(names_of(&outer, b, free_names, count));
        for (size_t i = 0; i < count; i++) FT_TRY(capture_build(b, outer[i]));
    }
    FT_TRY(onnx_order(g, b->arena));
    for (size_t i = 0; i < g->node_count; i++) FT_TRY(onnx_node_build(b, &g->nodes[i]));
    FT_TRY(outputs_build(b, g));
    return ft_nn_graph_check(b->g);
}

static void graph_free(void *g) { ft_nn_graph_free(g); }

static ft_err body_build(ft_nn_graph **out, onnx_build *b, const onnx_attr *a) {
    onnx_build inner = *b;
    onnx_graph g;
    *out = NULL;
    if (b->depth >= FT_NN_ONNX_DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "bodies nest deeper than %d", FT_NN_ONNX_DEPTH_MAX);
    FT_TRY(onnx_graph_read(&g, b->arena, a->bytes));
    FT_TRY(ft_nn_graph_new(&inner.g, g.name));
    FT_TRY(ft_nn_graph_keep(b->g, inner.g, graph_free));
    inner.outer = b;
    inner.depth++;
    FT_TRY(graph_build(&inner, &g));
    *out = inner.g;
    return FT_OK;
}

/* ---- models */

static void map_free(void *thing) {
    ft_str *map = thing;
    ft_file_unmap(*map);
    free(map);
}

static ft_err model_build(ft_nn_graph *g, ft_str bytes, const char *folder, bool view) {
    ft_arena scratch = FT_ARENA_INIT(SCRATCH_BYTES_MAX);
    onnx_model m;
    onnx_graph top;
    onnx_file *files = NULL;
    int nodes = 0, unnamed = 0;
    ft_err err;
    onnx_build b = { .model = &m,
                     .g = g,
                     .arena = &scratch,
                     .node_count = &nodes,
                     .unnamed = &unnamed,
                     .folder = folder,
                     .view = view,
                     .files = &files,
                     .top = g };
    FT_GOTO(err, onnx_model_read(&m, &scratch, bytes));
    FT_GOTO(err, onnx_graph_read(&top, &scratch, m.graph));
    FT_GOTO(err, onnx_ops_known(&m, &top, &scratch));
    b.opset = m.opset;
    FT_GOTO(err, graph_build(&b, &top));
done:
    ft_arena_fini(&scratch);
    return err;
}

ft_err ft_nn_onnx_parse(ft_nn_graph **out, ft_str bytes, const char *folder) {
    *out = NULL;
    ft_nn_graph *g;
    FT_TRY(ft_nn_graph_new(&g, FT_STR("onnx")));
    ft_err err = model_build(g, bytes, folder, false);
    if (err)
        ft_nn_graph_free(g);
    else
        *out = g;
    return err ? ft_err_frame(err, __FILE__, __LINE__, "onnx") : FT_OK;
}

static ft_err file_build(ft_nn_graph *g, const char *path) {
    char folder[PATH_MAX];
    ft_str *map = ft_fault_here() ? NULL : calloc(1, sizeof *map);
    if (!map) return FT_FAIL(FT_ENOMEM, "no memory for a file's name");
    ft_err err = ft_file_map(map, path);
    if (err) {
        free(map);
        return err;
    }
    FT_TRY(ft_nn_graph_keep(g, map, map_free));
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) : 1;
    if (len == 0) len = 1; /* the root */
    if (len >= PATH_MAX) return FT_FAIL(FT_EINVAL, "the path is too long");
    snprintf(folder, sizeof folder, "%.*s", len, slash ? path : ".");
    err = model_build(g, *map, folder, true);
    return err ? ft_err_prefix(err, "%s", path) : FT_OK;
}

ft_err ft_nn_onnx_read(ft_nn_graph **out, const char *path) {
    *out = NULL;
    ft_nn_graph *g;
    FT_TRY(ft_nn_graph_new(&g, ft_path_base(ft_str_of(path))));
    ft_err err = file_build(g, path);
    if (err)
        ft_nn_graph_free(g);
    else
        *out = g;
    return err ? ft_err_frame(err, __FILE__, __LINE__, "onnx") : FT_OK;
}
