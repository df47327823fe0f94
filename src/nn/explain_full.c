/* explain_full.c -- FullGrad's biases: what every node of a network adds to what flows through it.
 *
 * A piecewise linear node is y = J x + b; its bias is b = y - J x, and its share of the score is
 * the sum of (gradient of y) x b. For convolutions and products that is the bias itself, for
 * BatchNormalization what remains at x = 0, for clipped and curved activations the distance of the
 * value from its tangent through 0. The shares of all nodes and the input's gradient x input are
 * the score, exactly but for rounding. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "nn/explain_in.h"
#include "nn/op.h"

/* ---- which nodes */

static bool is_data(const ft_nn_graph *g, int v) {
    return v != FT_NN_NONE && g->values[v].data && g->values[v].dtype == FT_F32;
}

static int64_t items_of(const ft_nn_value *v) {
    int64_t n = 1;
    for (int i = 0; i < v->ndim; i++) n *= v->shape[i];
    return n;
}

/* Weights may be views that are not aligned: copied. */
static ft_err floats_of(float **out, int64_t *count, const ft_nn_explainer *e, int value,
                        ft_arena *arena) {
    const ft_nn_value *v = &e->graph->values[value];
    *count = items_of(v);
    FT_TRY(ft_arena_items(out, arena, (size_t)*count + 1));
    memcpy(*out, v->data, (size_t)*count * sizeof **out);
    return FT_OK;
}

static ft_err adder_norm(ft_nn_adder *a, ft_nn_explainer *e) {
    float *part[4], *bias;
    int64_t count[4];
    for (int i = 0; i < 4; i++)
        FT_TRY(floats_of(&part[i], &count[i], e, a->node->inputs[i + 1], &e->arena));
    FT_TRY(ft_arena_items(&bias, &e->arena, (size_t)count[0] + 1));
    ft_nn_norm_bias(bias, count[0], part[0], part[1], part[2], part[3],
                    ft_nn_attr_float(a->node, "epsilon"));
    a->bias = bias;
    a->channels = count[0];
    return FT_OK;
}

static ft_err adder_bias(ft_nn_adder *a, ft_nn_explainer *e, int value) {
    float *bias;
    FT_TRY(floats_of(&bias, &a->channels, e, value, &e->arena));
    a->bias = bias;
    return FT_OK;
}

static const char *const curved[] = { "Clip",    "HardSigmoid", "HardSwish", "Mul",
                                      "Sigmoid", "Softplus",    "Tanh" };

static bool is_curved(const ft_nn_graph *g, const ft_nn_node *n) {
    for (size_t i = 0; i < FT_COUNT(curved); i++) {
        if (strcmp(n->op->name, curved[i]) != 0) continue;
        if (strcmp(curved[i], "Mul") != 0) return true;
        return !is_data(g, n->inputs[0]) && !is_data(g, n->inputs[1]);
    }
    return false;
}

/* `*adds` false: the node adds nothing that is known. */
static ft_err adder_of(ft_nn_adder *a, bool *adds, ft_nn_explainer *e, const ft_nn_node *n) {
    const ft_nn_graph *g = e->graph;
    const char *op = n->op->name;
    *a = (ft_nn_adder){ .node = n, .in = n->input_count ? n->inputs[0] : FT_NN_NONE };
    a->out = n->output_count ? n->outputs[0] : FT_NN_NONE;
    *adds = true;
    if (strcmp(op, "BatchNormalization") == 0) {
        for (int i = 1; i < 5; i++) *adds = *adds && is_data(g, n->inputs[i]);
        return *adds ? adder_norm(a, e) : FT_OK;
    }
    bool weighs = !strcmp(op, "Conv") || !strcmp(op, "ConvTranspose") || !strcmp(op, "Gemm");
    if (weighs && n->input_count > 2 && is_data(g, n->inputs[2]))
        return adder_bias(a, e, n->inputs[2]);
    if (!strcmp(op, "Add"))
        for (int i = 0; i < 2; i++)
            if (is_data(g, n->inputs[i]) && !is_data(g, n->inputs[1 - i]))
                return adder_bias(a, e, n->inputs[i]);
    *adds = is_curved(g, n);
    return FT_OK;
}

ft_err ft_nn_adders_find(ft_nn_explainer *e) {
    const ft_nn_graph *g = e->graph;
    FT_TRY(ft_arena_items(&e->adders, &e->arena, (size_t)g->node_count + 1));
    for (int i = 0; i < g->node_count; i++) {
        ft_nn_adder *a = &e->adders[e->adder_count];
        bool adds;
        FT_TRY(adder_of(a, &adds, e, &g->nodes[i]));
        if (!adds || a->out == FT_NN_NONE || g->values[a->out].dtype != FT_F32) continue;
        e->kept[a->out] = true;
        if (!a->bias) e->kept[a->in] = true;
        e->adder_count++;
    }
    return FT_OK;
}

/* ---- what they add */

/* y - y'(x) x */
static double bent(const ft_nn_node *n, double x, double y) {
    const char *op = n->op->name;
    if (!strcmp(op, "Mul")) return -y;
    if (!strcmp(op, "Clip")) return y == x ? 0 : y;
    if (!strcmp(op, "Sigmoid")) return y - y * (1 - y) * x;
    if (!strcmp(op, "Tanh")) return y - (1 - y * y) * x;
    if (!strcmp(op, "Softplus")) return y - x / (1 + exp(-x));
    if (!strcmp(op, "HardSigmoid"))
        return y > 0 && y < 1 ? y - ft_nn_attr_float(n, "alpha") * x : y;
    /* HardSwish */
    return x <= -3 ? 0 : x >= 3 ? y - x : y - (2 * x + 3) / 6 * x;
}

static ft_err curved_bias(float **out, ft_nn_explainer *e, const ft_nn_adder *a, int64_t count,
                          ft_arena *arena) {
    ft_array x, y;
    FT_TRY(ft_nn_gradient_value(&x, e->session, e->graph->values[a->in].name, arena));
    FT_TRY(ft_nn_gradient_value(&y, e->session, e->graph->values[a->out].name, arena));
    FT_TRY(ft_arena_items(out, arena, (size_t)count + 1));
    bool same = ft_array_count(&x) == count;
    for (int64_t i = 0; i < count; i++)
        (*out)[i] =
            (float)bent(a->node, same ? ((const float *)x.data)[i] : 0, ((const float *)y.data)[i]);
    return FT_OK;
}

/* Which channel of `bias` an item takes: a convolution's second dimension, a product's last; an
 * addition's constant repeats at the end. */
static int64_t inner_of(const ft_nn_adder *a, const ft_array *g) {
    int64_t inner = 1;
    bool second = strcmp(a->node->op->name, "Gemm") != 0 && strcmp(a->node->op->name, "Add") != 0;
    if (second)
        for (int i = 2; i < g->ndim; i++) inner *= g->shape[i];
    else if (!strcmp(a->node->op->name, "Add") && g->ndim == 4 && a->channels == g->shape[1])
        inner = g->shape[2] * g->shape[3];
    return inner;
}

#define LANES 16 /* sums that go on beside each other: one alone waits for each addition */

static double sum_of(const float *at, int64_t count) {
    float lane[LANES] = { 0 };
    double sum = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += at[i + k];
    for (int k = 0; k < LANES; k++) sum += lane[k];
    for (; i < count; i++) sum += at[i];
    return sum;
}

static double product_of(const float *a, const float *b, int64_t count) {
    double lane[LANES] = { 0 }, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += (double)a[i + k] * b[i + k];
    for (int k = 0; k < LANES; k++) sum += lane[k];
    for (; i < count; i++) sum += (double)a[i] * b[i];
    return sum;
}

static double share_of(const float *g, const float *bias, int64_t count, int64_t channels,
                       int64_t inner) {
    double sum = 0;
    if (inner == 1 && channels == count) return product_of(g, bias, count);
    for (int64_t i = 0; i < count; i += inner)
        sum += sum_of(g + i, inner) * bias[i / inner % channels];
    return sum;
}

ft_err ft_nn_adders_sum(double *sum, ft_nn_map *m, ft_nn_explainer *e, ft_arena *arena) {
    *sum = 0;
    for (int i = 0; i < e->adder_count; i++) {
        const ft_nn_adder *a = &e->adders[i];
        ft_array g;
        ft_err err = ft_nn_gradient_of(&g, e->session, e->graph->values[a->out].name, arena);
        if (err == FT_EUNSUPPORTED) { /* nothing flows through it to the score */
            ft_err_clear();
            continue;
        }
        FT_TRY(err);
        int64_t count = ft_array_count(&g), channels = a->channels, inner = 1;
        const float *bias = a->bias;
        if (bias) {
            inner = inner_of(a, &g);
        } else {
            float *bent_by;
            FT_TRY(curved_bias(&bent_by, e, a, count, arena));
            bias = bent_by;
            channels = count;
        }
        *sum += share_of(g.data, bias, count, channels, inner);
        if (g.ndim != 4 || g.shape[2] * g.shape[3] < 2) continue;
        bool fits = channels == g.shape[1] || channels == count;
        if (fits) FT_TRY(ft_nn_map_add(m, &g, bias, channels, arena));
    }
    return FT_OK;
}
