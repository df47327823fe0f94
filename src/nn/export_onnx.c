/* export_onnx.c -- a graph as an ONNX model: IR version 8, weights inside. What the graph has is
 * ONNX's already, opset 18; where nothing in it needs that, opset 17 is written, which more readers
 * take: there reductions have their axes as an attribute. Private attributes ("ft_…") are left
 * out. See import/onnx.h. */
#include <string.h>

#include "base/check.h"
#include "base/protobuf.h"
#include "nn/import/onnx_in.h"
#include "nn/onnx_type.h"

#define IR_VERSION 8
#define BYTES_MAX  ((size_t)INT32_MAX) /* what readers of the format take */

static void text_put(ft_buf *out, uint32_t number, ft_str text) {
    ft_proto_put_bytes(out, number, text);
}
static void number_put(ft_buf *out, uint32_t number, int64_t v) {
    ft_proto_put_tag(out, number, FT_PROTO_VARINT);
    ft_proto_put_varint(out, (uint64_t)v);
}
static void float_put(ft_buf *out, uint32_t number, float v) {
    ft_proto_put_tag(out, number, FT_PROTO_32);
    ft_buf_add_n(out, &v, sizeof v);
}

/* ---- TensorProto */

static void tensor_put(ft_buf *out, uint32_t number, ft_str name, const ft_array *a) {
    size_t at = ft_proto_open(out, number);
    for (int d = 0; d < a->ndim; d++) number_put(out, 1, a->shape[d]);
    number_put(out, 2, ft_nn_onnx_type(a->dtype));
    if (name.len) text_put(out, 8, name);
    text_put(out, 9, ft_str_n(a->data, ft_array_bytes(a)));
    ft_proto_close(out, at);
}

/* ---- what opset 17 lacks */

static bool given(const ft_nn_node *n, size_t input) {
    return input < n->input_count && n->inputs[input] != FT_NN_NONE;
}
/* A reduction whose axes were an attribute before opset 18. */
static bool is_reduction(const ft_nn_node *n) {
    return strncmp(n->op->name, "Reduce", 6) == 0 && strcmp(n->op->name, "ReduceSum") != 0;
}
static bool needs_18(const ft_nn_graph *g, const ft_nn_node *n) {
    static const char *const fresh[] = { "GroupNormalization", "Mish" };
    static const char *const attrs[] = { "antialias", "axes", "keep_aspect_ratio_policy",
                                         "noop_with_empty_axes" };
    const ft_nn_attr *way = ft_nn_attr_find(n, "reduction");
    for (size_t i = 0; i < FT_COUNT(fresh); i++)
        if (strcmp(n->op->name, fresh[i]) == 0) return true;
    if (is_reduction(n) && given(n, 1) && !g->values[n->inputs[1]].data) return true;
    for (size_t i = 0; i < FT_COUNT(attrs); i++)
        if ((is_reduction(n) || strcmp(n->op->name, "Resize") == 0) && ft_nn_attr_find(n, attrs[i]))
            return true;
    if (strncmp(n->op->name, "Scatter", 7) == 0 && way && way->s.len && way->s.at[0] == 'm' &&
        !ft_str_is(way->s, "mul"))
        return true;
    if (strcmp(n->op->name, "Split") == 0 && !given(n, 1)) return true; /* parts may differ */
    return strcmp(n->op->name, "Pad") == 0 && given(n, 3);
}
static int opset_of(const ft_nn_graph *g) {
    for (int i = 0; i < g->node_count; i++) {
        const ft_nn_node *n = &g->nodes[i];
        if (needs_18(g, n)) return 18;
        for (size_t k = 0; k < n->attr_count; k++)
            if (n->attrs[k].type == FT_NN_GRAPH && opset_of(n->attrs[k].graph) == 18) return 18;
    }
    return 17;
}

/* ---- attributes, nodes */

typedef struct place {            /* a graph in its model */
    const ft_nn_graph *g, *outer; /* outer: around a body; NULL */
    const ft_nn_node *of;         /* whose body it is */
    int opset;
    const ft_nn_graph *told; /* the same graph as it was given; NULL in bodies */
} place;
static ft_err graph_put(ft_buf *out, uint32_t number, const place *p);

static ft_err attr_put(ft_buf *out, const ft_nn_attr *a, const ft_nn_node *n, const place *p) {
    static const onnx_attr_type types[] = { 0,         ONNX_INT,    ONNX_FLOAT,   ONNX_STRING,
                                            ONNX_INTS, ONNX_FLOATS, ONNX_STRINGS, ONNX_TENSOR,
                                            ONNX_GRAPH };
    if (strncmp(a->name, "ft_", 3) == 0) return FT_OK;
    size_t at = ft_proto_open(out, 5);
    text_put(out, 1, ft_str_of(a->name));
    switch (a->type) {
    case FT_NN_INT:
        number_put(out, 3, a->i);
        break;
    case FT_NN_FLOAT:
        float_put(out, 2, (float)a->f);
        break;
    case FT_NN_STRING:
        text_put(out, 4, a->s);
        break;
    case FT_NN_INTS:
        for (size_t i = 0; i < a->count; i++) number_put(out, 8, a->ints[i]);
        break;
    case FT_NN_FLOATS:
        for (size_t i = 0; i < a->count; i++) float_put(out, 7, a->floats[i]);
        break;
    case FT_NN_STRINGS:
        for (size_t i = 0; i < a->count; i++) text_put(out, 9, a->strings[i]);
        break;
    case FT_NN_TENSOR:
        tensor_put(out, 5, (ft_str){ 0 }, &a->tensor);
        break;
    case FT_NN_GRAPH:
        FT_TRY(graph_put(out, 6, &(place){ a->graph, p->g, n, p->opset, NULL }));
        break;
    }
    number_put(out, 20, types[a->type]);
    ft_proto_close(out, at);
    return FT_OK;
}

static void axes_put(ft_buf *out, const ft_nn_value *v) {
    size_t at = ft_proto_open(out, 5);
    text_put(out, 1, FT_STR("axes"));
    for (int64_t i = 0; i < (v->ndim ? v->shape[0] : 1); i++)
        number_put(out, 8,
                   v->dtype == FT_I32 ? ((const int32_t *)v->data)[i]
                                      : ((const int64_t *)v->data)[i]);
    number_put(out, 20, ONNX_INTS);
    ft_proto_close(out, at);
}

static ft_err node_put(ft_buf *out, const ft_nn_node *n, const place *p) {
    const ft_nn_graph *g = p->g;
    size_t at = ft_proto_open(out, 1);
    if (n->op->not_onnx)
        return FT_FAIL(FT_EUNSUPPORTED, "node '%.*s' (%s): ONNX has no such operation",
                       FT_STR_ARG(n->name), n->op->name);
    bool axes = p->opset < 18 && is_reduction(n) && given(n, 1);
    for (size_t i = 0; i < (axes ? 1 : n->input_count - n->capture_count); i++)
        text_put(out, 1, n->inputs[i] < 0 ? FT_STR("") : g->values[n->inputs[i]].name);
    for (size_t i = 0; i < n->output_count; i++)
        text_put(out, 2, n->outputs[i] < 0 ? FT_STR("") : g->values[n->outputs[i]].name);
    text_put(out, 3, n->name);
    text_put(out, 4, ft_str_of(n->op->name));
    for (size_t i = 0; i < n->attr_count; i++) FT_TRY(attr_put(out, &n->attrs[i], n, p));
    if (axes) axes_put(out, &g->values[n->inputs[1]]);
    ft_proto_close(out, at);
    return FT_OK;
}

/* ---- values */

static void value_put(ft_buf *out, uint32_t number, const ft_nn_value *v) {
    size_t at = ft_proto_open(out, number);
    text_put(out, 1, v->name);
    if (v->dtype != FT_DTYPE_COUNT) {
        size_t type = ft_proto_open(out, 2), tensor = ft_proto_open(out, 1);
        number_put(out, 1, ft_nn_onnx_type(v->dtype));
        if (v->ndim >= 0) {
            size_t shape = ft_proto_open(out, 2);
            for (int d = 0; d < v->ndim; d++) {
                size_t dim = ft_proto_open(out, 1);
                if (v->shape[d] >= 0) number_put(out, 1, v->shape[d]);
                ft_proto_close(out, dim);
            }
            ft_proto_close(out, shape);
        }
        ft_proto_close(out, tensor);
        ft_proto_close(out, type);
    }
    ft_proto_close(out, at);
}

/* A body's inputs are the node's own; what it sees of the graph around it needs no declaration, and
 * constants that it shares with it are the outer graph's. */
static size_t inputs_declared(const ft_nn_graph *g, const ft_nn_node *of) {
    if (!of) return (size_t)g->input_count;
    if (strcmp(of->op->name, "If") == 0) return 0;
    size_t formals = of->input_count - of->capture_count;
    return formals < (size_t)g->input_count ? formals : (size_t)g->input_count;
}

/* A body's own data; what it shares with the graph around it stands there. */
static bool is_own(const place *p, const ft_nn_value *v) {
    int outer = p->outer ? ft_nn_value_find(p->outer, v->name) : FT_NN_NONE;
    return v->data && (outer == FT_NN_NONE || p->outer->values[outer].data != v->data);
}

static ft_err graph_put(ft_buf *out, uint32_t number, const place *p) {
    const ft_nn_graph *g = p->g;
    size_t at = ft_proto_open(out, number);
    for (int i = 0; i < g->node_count; i++) FT_TRY(node_put(out, &g->nodes[i], p));
    text_put(out, 2, g->name.len ? g->name : FT_STR("graph"));
    for (int i = 0; i < g->value_count; i++) {
        const ft_nn_value *v = &g->values[i];
        if (!is_own(p, v)) continue;
        ft_array a = { .dtype = v->dtype, .ndim = v->ndim, .data = (void *)(uintptr_t)v->data };
        memcpy(a.shape, v->shape, sizeof a.shape);
        tensor_put(out, 5, v->name, &a);
        if (out->len > BYTES_MAX)
            return FT_FAIL(FT_ETOOBIG, "the model has more than %zu bytes", BYTES_MAX);
    }
    for (size_t i = 0; i < inputs_declared(g, p->of); i++)
        value_put(out, 11, &g->values[g->inputs[i]]);
    for (int i = 0; i < g->output_count; i++) {
        const ft_nn_value *v = &g->values[g->outputs[i]];
        if (p->told && (v->ndim < 0 || v->dtype == FT_DTYPE_COUNT))
            v = &p->told->values[g->outputs[i]]; /* known only when run: what was told of it */
        value_put(out, 12, v);
    }
    ft_proto_close(out, at);
    return out->err;
}

ft_err ft_nn_onnx_write(ft_buf *out, const ft_nn_graph *g) {
    size_t limit = out->limit_bytes;
    ft_nn_graph *typed;
    if (limit == 0) out->limit_bytes = BYTES_MAX + 1024;
    FT_TRY(ft_nn_graph_copy(&typed, g)); /* the outputs' types and shapes are told */
    ft_err err = ft_nn_graph_infer(typed);
    int version = opset_of(g);
    if (err == FT_OK) {
        number_put(out, 1, IR_VERSION);
        text_put(out, 2, FT_STR("fettle"));
        text_put(out, 3, FT_STR(FETTLE_VERSION));
        err = graph_put(out, 7, &(place){ typed, NULL, NULL, version, g });
        size_t opset = ft_proto_open(out, 8);
        text_put(out, 1, FT_STR(""));
        number_put(out, 2, version);
        ft_proto_close(out, opset);
    }
    if (err == FT_OK) err = out->err;
    ft_nn_graph_free(typed);
    out->limit_bytes = limit;
    return err ? ft_err_frame(err, __FILE__, __LINE__, "onnx") : FT_OK;
}
