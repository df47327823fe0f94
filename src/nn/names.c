/* names.c -- see names.h. */
#include "nn/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/param.h"
#include "nn/op.h"

#define NAME_MAX_BYTES 512

typedef struct shown {
    const char *name;
    int value;
    bool gradient;
} shown;

struct ft_nn_names {
    ft_arena arena;
    const ft_nn_graph *graph;
    ft_str top;
    ft_str *modules; /* by node */
    int *calls;      /* by node: how often the module ran before in a run */
    shown *at;
    size_t count, capacity;
};

ft_str ft_nn_names_top(ft_str arch) {
    static const char *const known[][2] = { { "resnet", "ResNet" },
                                            { "mobilenet_v2", "MobileNetV2" },
                                            { "mobilenet", "MobileNet" } };
    for (size_t i = 0; i < FT_COUNT(known); i++)
        if (ft_str_starts(arch, ft_str_of(known[i][0]))) return ft_str_of(known[i][1]);
    return arch.len ? arch : FT_STR("Model");
}

/* ---- modules */

/* "layer1.0.bn1" of a node that has the weight "layer1.0.bn1.weight"; empty for one without. */
static ft_str weighted_module(const ft_nn_graph *g, const ft_nn_node *n) {
    for (size_t i = 1; i < n->input_count; i++) {
        if (n->inputs[i] == FT_NN_NONE) continue;
        const ft_nn_value *v = &g->values[n->inputs[i]];
        if (v->role != FT_NN_WEIGHT && v->role != FT_NN_STATE) continue;
        for (size_t k = v->name.len; k-- > 1;)
            if (v->name.at[k] == '.') return ft_str_slice(v->name, 0, k);
    }
    return (ft_str){ 0 };
}

/* The module whose output a node takes, through whatever has no name. */
static ft_str module_before(const ft_nn_names *n, const ft_nn_node *node) {
    const ft_nn_graph *g = n->graph;
    for (int hops = 0; hops < 8 && node->input_count && node->inputs[0] != FT_NN_NONE; hops++) {
        int producer = g->values[node->inputs[0]].producer;
        if (producer == FT_NN_NONE) break;
        if (n->modules[producer].len) return n->modules[producer];
        node = &g->nodes[producer];
    }
    return (ft_str){ 0 };
}

static const char *plain_word(const ft_nn_node *n) {
    static const char *const words[][2] = {
        { "Relu", "relu" },       { "Clip", "relu6" },      { "LeakyRelu", "relu" },
        { "Sigmoid", "sigmoid" }, { "Tanh", "tanh" },       { "MaxPool", "maxpool" },
        { "Dropout", "dropout" }, { "Softmax", "softmax" }, { "GlobalAveragePool", "avgpool" }
    };
    for (size_t i = 0; i < FT_COUNT(words); i++)
        if (strcmp(n->op->name, words[i][0]) == 0) return words[i][1];
    return NULL;
}

/* What stands beside "layer1.0.bn1" is "layer1.0.relu", beside "features.0.1" "features.0.2". Pools
 * belong to the whole. */
static ft_err plain_module(ft_str *out, ft_nn_names *n, const ft_nn_node *node, const char *word) {
    ft_str before = module_before(n, node), last = before;
    size_t dot = before.len;
    while (dot > 0 && before.at[dot - 1] != '.') dot--;
    last = ft_str_slice(before, dot, before.len - dot);
    ft_str folder = ft_str_slice(before, 0, dot);
    int64_t number;
    bool pool = strstr(word, "pool") != NULL;
    if (pool || !before.len) return ft_arena_str(out, &n->arena, ft_str_of(word));
    if (ft_str_i64(&number, last) && isdigit((unsigned char)last.at[0]))
        return ft_arena_printf(out, &n->arena, "%.*s%lld", FT_STR_ARG(folder),
                               (long long)number + 1);
    return ft_arena_printf(out, &n->arena, "%.*s%s", FT_STR_ARG(folder), word);
}

static ft_err modules_find(ft_nn_names *n) {
    const ft_nn_graph *g = n->graph;
    FT_TRY(ft_arena_items(&n->modules, &n->arena, (size_t)g->node_count + 1));
    FT_TRY(ft_arena_items(&n->calls, &n->arena, (size_t)g->node_count + 1));
    for (int i = 0; i < g->node_count; i++) {
        const ft_nn_node *node = &g->nodes[i];
        const char *word = plain_word(node);
        n->modules[i] = weighted_module(g, node);
        if (!n->modules[i].len && word) FT_TRY(plain_module(&n->modules[i], n, node, word));
        n->calls[i] = 0;
        for (int k = 0; k < i && n->modules[i].len; k++)
            n->calls[i] += ft_str_eq(n->modules[k], n->modules[i]);
    }
    return FT_OK;
}

/* ---- names */

static ft_err add(ft_nn_names *n, int value, bool gradient, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static ft_err add(ft_nn_names *n, int value, bool gradient, const char *fmt, ...) {
    char text[NAME_MAX_BYTES];
    ft_str name = { 0 };
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text) return FT_OK; /* too long to be anybody's */
    if (n->count == n->capacity) {
        shown *more;
        size_t capacity = n->capacity ? 2 * n->capacity : 256;
        FT_TRY(ft_arena_items(&more, &n->arena, capacity));
        if (n->count) memcpy(more, n->at, n->count * sizeof *more);
        n->at = more;
        n->capacity = capacity;
    }
    FT_TRY(ft_arena_str(&name, &n->arena, ft_str_n(text, (size_t)len)));
    n->at[n->count++] = (shown){ .name = name.at, .value = value, .gradient = gradient };
    return FT_OK;
}

static ft_err add_data(ft_nn_names *n, bool gradient) {
    const ft_nn_graph *g = n->graph;
    for (int v = 0; v < g->value_count; v++) {
        ft_str name = g->values[v].name;
        ft_nn_role role = g->values[v].role;
        if (role == FT_NN_WEIGHT)
            FT_TRY(add(n, v, gradient, "%s%.*s_%.*s", gradient ? "gradient/" : "",
                       FT_STR_ARG(n->top), FT_STR_ARG(name)));
        if (role == FT_NN_STATE && !gradient)
            FT_TRY(add(n, v, false, "%.*s_output_0", FT_STR_ARG(name)));
    }
    return FT_OK;
}

/* "layer2.0.downsample" of "layer2.0.downsample.1": a module of several that torchvision names. */
static ft_str around(ft_str module) {
    size_t dot = module.len;
    while (dot > 0 && module.at[dot - 1] != '.') dot--;
    ft_str outer = dot ? ft_str_slice(module, 0, dot - 1) : (ft_str){ 0 };
    return ft_str_ends(outer, FT_STR("downsample")) ? outer : (ft_str){ 0 };
}

static ft_str module_name(const ft_nn_names *n, int node) {
    return n->modules[node].len ? n->modules[node] : n->graph->nodes[node].name;
}

/* Does the module around node `i` hold an earlier (or later) node, too? */
static bool holds(const ft_nn_names *n, ft_str outer, int from, int to) {
    for (int k = from; k < to; k++)
        if (ft_str_eq(around(n->modules[k]), outer)) return true;
    return false;
}

static ft_err add_node(ft_nn_names *n, int i) {
    const ft_nn_node *node = &n->graph->nodes[i];
    ft_str module = module_name(n, i), outer = around(n->modules[i]);
    int in = node->input_count ? node->inputs[0] : FT_NN_NONE;
    int out = node->output_count ? node->outputs[0] : FT_NN_NONE;
    bool taken = in != FT_NN_NONE && !n->graph->values[in].data;
    if (taken && outer.len && !holds(n, outer, 0, i))
        FT_TRY(add(n, in, false, "%.*s_input_0", FT_STR_ARG(outer)));
    if (taken) FT_TRY(add(n, in, false, "%.*s_input_%d", FT_STR_ARG(module), n->calls[i]));
    if (out != FT_NN_NONE)
        FT_TRY(add(n, out, false, "%.*s_output_%d", FT_STR_ARG(module), n->calls[i]));
    if (out != FT_NN_NONE && outer.len && !holds(n, outer, i + 1, n->graph->node_count))
        FT_TRY(add(n, out, false, "%.*s_output_0", FT_STR_ARG(outer)));
    return FT_OK;
}

static ft_err add_node_gradient(ft_nn_names *n, int i) {
    const ft_nn_node *node = &n->graph->nodes[i];
    ft_str module = module_name(n, i), outer = around(n->modules[i]);
    int out = node->output_count ? node->outputs[0] : FT_NN_NONE;
    if (out == FT_NN_NONE) return FT_OK;
    if (outer.len && !holds(n, outer, i + 1, n->graph->node_count))
        FT_TRY(add(n, out, true, "gradient/%.*s_output", FT_STR_ARG(outer)));
    if (n->calls[i])
        return add(n, out, true, "gradient/%.*s_output_%d", FT_STR_ARG(module), n->calls[i]);
    return add(n, out, true, "gradient/%.*s_output", FT_STR_ARG(module));
}

static ft_err names_fill(ft_nn_names *n) {
    const ft_nn_graph *g = n->graph;
    FT_TRY(modules_find(n));
    FT_TRY(add_data(n, false));
    for (int i = 0; i < g->input_count; i++)
        FT_TRY(add(n, g->inputs[i], false, "%.*s_input_%d", FT_STR_ARG(n->top), i));
    for (int i = 0; i < g->node_count; i++) FT_TRY(add_node(n, i));
    for (int i = 0; i < g->output_count; i++)
        FT_TRY(add(n, g->outputs[i], false, "%.*s_output_%d", FT_STR_ARG(n->top), i));
    for (int i = g->node_count; i-- > 0;) FT_TRY(add_node_gradient(n, i));
    if (g->input_count == 1) FT_TRY(add(n, g->inputs[0], true, "gradient/image"));
    return add_data(n, true);
}

ft_err ft_nn_names_new(ft_nn_names **out, const ft_nn_graph *g, ft_str top) {
    *out = NULL;
    ft_nn_names *n = ft_fault_here() ? NULL : calloc(1, sizeof *n);
    if (!n) return FT_FAIL(FT_ENOMEM, "no memory for a network's names");
    n->graph = g;
    ft_err err = ft_arena_str(&n->top, &n->arena, top);
    if (err == FT_OK) err = names_fill(n);
    if (err == FT_OK)
        *out = n;
    else
        ft_nn_names_free(n);
    return err;
}

void ft_nn_names_free(ft_nn_names *n) {
    if (!n) return;
    ft_arena_fini(&n->arena);
    free(n);
}

size_t ft_nn_names_count(const ft_nn_names *n) { return n->count; }

const char *ft_nn_names_at(const ft_nn_names *n, size_t i, bool *gradient) {
    FT_CHECK(i < n->count);
    *gradient = n->at[i].gradient;
    return n->at[i].name;
}

/* ---- what is wanted */

static bool any(const ft_nn_names *n, ft_str value, ft_nn_wanted *wanted, void *ctx, bool plain,
                bool gradient) {
    int v = ft_nn_value_find(n->graph, value);
    for (size_t i = 0; i < n->count && v != FT_NN_NONE; i++)
        if (n->at[i].value == v && (n->at[i].gradient ? gradient : plain) &&
            wanted(ctx, n->at[i].name))
            return true;
    return false;
}

bool ft_nn_names_keep(const ft_nn_names *n, ft_str value, ft_nn_wanted *wanted, void *ctx) {
    return any(n, value, wanted, ctx, true, true);
}

bool ft_nn_names_keep_gradient(const ft_nn_names *n, ft_str value, ft_nn_wanted *wanted,
                               void *ctx) {
    return any(n, value, wanted, ctx, false, true);
}

bool ft_nn_names_keep_layer(const ft_nn_names *n, ft_str value, ft_nn_wanted *wanted, void *ctx) {
    return any(n, value, wanted, ctx, true, false);
}

/* FT_ENOTFOUND and FT_EUNSUPPORTED: not kept, or no gradient came by. */
static ft_err show(const ft_nn_names *n, const shown *x, ft_nn_gradient *s, ft_tap *tap,
                   ft_arena *arena) {
    ft_array a;
    ft_str name = n->graph->values[x->value].name;
    ft_err err = x->gradient ? ft_nn_gradient_of(&a, s, name, arena)
                             : ft_nn_gradient_value(&a, s, name, arena);
    if (err == FT_ENOTFOUND || err == FT_EUNSUPPORTED) {
        ft_err_clear();
        return FT_OK;
    }
    return err == FT_OK ? ft_tap_array(tap, x->name, &a) : err;
}

static ft_err show_all(const ft_nn_names *n, ft_nn_gradient *s, ft_tap *tap, int64_t step,
                       bool data, bool gradients) {
    ft_arena arena = { 0 };
    ft_err err = FT_OK;
    for (size_t i = 0; i < n->count && err == FT_OK; i++) {
        if (n->at[i].gradient && !gradients) break; /* they stand last */
        if (!data && n->graph->values[n->at[i].value].data) continue;
        if (!ft_tap_wants(tap, n->at[i].name, step)) continue;
        ft_arena_reset(&arena);
        err = show(n, &n->at[i], s, tap, &arena);
    }
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_nn_names_show(const ft_nn_names *n, ft_nn_gradient *s, ft_tap *tap, int64_t step,
                        bool gradients) {
    return show_all(n, s, tap, step, true, gradients);
}

ft_err ft_nn_names_show_layers(const ft_nn_names *n, ft_nn_gradient *s, ft_tap *tap, int64_t step) {
    return show_all(n, s, tap, step, false, false);
}
