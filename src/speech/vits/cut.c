/* cut.c -- where a voice's graph is cut: the first layer that makes samples out of frames is the
 * first ConvTranspose; what the convolution before it reads is the latent line. Behind it there
 * must be nothing but convolutions and what works on every place alone; then a sample depends on a
 * few frames around it, and how many follows from kernels, dilations and strides. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nn/op.h"
#include "speech/vits/network_in.h"

static bool is(const ft_nn_node *n, const char *op) { return strcmp(n->op->name, op) == 0; }

static const ft_nn_node *maker(const ft_nn_graph *g, int v) {
    int at = v == FT_NN_NONE ? FT_NN_NONE : g->values[v].producer;
    return at == FT_NN_NONE ? NULL : &g->nodes[at];
}

static bool has_data(const ft_nn_graph *g, int v) {
    return g->values[v].data != NULL && g->values[v].role != FT_NN_INPUT;
}

/* ---- durations: frames are whole (Ceil) and laid end to end (CumSum) */

static int find_durations(const ft_nn_graph *g) {
    for (int i = 0; i < g->output_count; i++) {
        ft_str name = g->values[g->outputs[i]].name;
        if (ft_str_is(name, "durations") || ft_str_is(name, "w_ceil")) return g->outputs[i];
    }
    for (int i = 0; i < g->node_count; i++) {
        const ft_nn_node *n = &g->nodes[i];
        const ft_nn_node *from = is(n, "CumSum") ? maker(g, n->inputs[0]) : NULL;
        while (from && (is(from, "Reshape") || is(from, "Squeeze") || is(from, "Unsqueeze")))
            from = maker(g, from->inputs[0]);
        if (from && is(from, "Ceil")) return from->outputs[0];
    }
    return FT_NN_NONE;
}

/* ---- the latent line */

static int find_latent(const ft_nn_graph *g) {
    for (int i = 0; i < g->node_count; i++) {
        const ft_nn_node *n = &g->nodes[i];
        if (!is(n, "ConvTranspose")) continue;
        for (n = maker(g, n->inputs[0]); n && !is(n, "Conv"); n = maker(g, n->inputs[0]))
            if (n->input_count < 1 || is(n, "ConvTranspose")) return FT_NN_NONE;
        return n && !has_data(g, n->inputs[0]) ? n->inputs[0] : FT_NN_NONE;
    }
    return FT_NN_NONE;
}

/* ---- the back */

typedef struct place { /* of a value behind the latent line */
    bool behind;
    double reach; /* frames to each side */
    double rate;  /* places a frame */
} place;

static double ints_at0(const ft_nn_node *n, const char *name, double none) {
    const int64_t *list;
    size_t count;
    return ft_nn_attr_ints(n, name, &list, &count) && count > 0 ? (double)list[0] : none;
}

static bool is_alone(const ft_nn_node *n) { /* every place by itself */
    static const char *const ops[] = { "Add",     "Sub",      "Mul",       "Div",     "LeakyRelu",
                                       "Relu",    "Tanh",     "Sigmoid",   "Sin",     "Pow",
                                       "Squeeze", "Identity", "Unsqueeze", "Clip",    "Cast",
                                       "Exp",     "Neg",      "Elu",       "Softplus" };
    for (size_t i = 0; i < FT_COUNT(ops); i++)
        if (is(n, ops[i])) return true;
    return false;
}

/* A convolution's input begins `pads` places before: how far it looks to the farther side. */
static bool through_conv(place *p, const ft_nn_graph *g, const ft_nn_node *n, bool transposed) {
    const ft_nn_value *w = &g->values[n->inputs[1]];
    ft_str pad = ft_nn_attr_str(n, "auto_pad");
    if (w->ndim != 3 || !has_data(g, n->inputs[1])) return false;
    if (pad.len && !ft_str_is(pad, "NOTSET")) return false;
    double k = (double)w->shape[2], dilation = ints_at0(n, "dilations", 1);
    double stride = ints_at0(n, "strides", 1), span = (k - 1) * dilation;
    const int64_t *pads;
    size_t count;
    double begin = 0, end = 0;
    if (ft_nn_attr_ints(n, "pads", &pads, &count) && count == 2)
        begin = (double)pads[0], end = (double)pads[1];
    if (transposed) {
        double out = ints_at0(n, "output_padding", 0);
        if (k - stride != begin + end - out || begin < 0 || end < 0) return false; /* × stride */
        p->rate *= stride;
        p->reach += (span + 1) / p->rate;
        return true;
    }
    if (stride != 1 || begin + end != span) return false; /* as long as before */
    p->reach += (begin > end ? begin : end) / p->rate;
    return true;
}

static bool add_side(ft_vits_cut *c, int v) {
    for (int i = 0; i < c->side_count; i++)
        if (c->sides[i] == v) return true;
    if (c->side_count == FT_VITS_SIDES_MAX) return false;
    c->sides[c->side_count++] = v;
    return true;
}

/* Is a constant the same for every place? */
static bool same_everywhere(const ft_nn_graph *g, const ft_nn_node *n, int v) {
    const ft_nn_value *c = &g->values[v];
    bool adds = is(n, "Add") || is(n, "Sub") || is(n, "Mul") || is(n, "Div") || is(n, "Pow");
    return !adds || c->ndim == 0 || c->shape[c->ndim - 1] == 1;
}

/* What stands behind a node whose input stands behind; false: it cannot be run in windows. */
static bool follow(place *places, const ft_nn_graph *g, const ft_nn_node *n, ft_vits_cut *c) {
    place p = { .behind = true };
    for (size_t i = 0; i < n->input_count; i++) {
        const place *in = n->inputs[i] == FT_NN_NONE ? NULL : &places[n->inputs[i]];
        if (!in || !in->behind) continue;
        if (p.rate > 0 && p.rate != in->rate) return false;
        p.rate = in->rate;
        p.reach = fmax(p.reach, in->reach);
    }
    for (size_t i = 0; i < n->input_count; i++) {
        int v = n->inputs[i];
        if (v == FT_NN_NONE || places[v].behind) continue;
        if (has_data(g, v) && same_everywhere(g, n, v)) continue;
        if (has_data(g, v) || !is(n, "Add") || !add_side(c, v))
            return false; /* of every frame the same: one place */
    }
    bool conv = is(n, "Conv"), transposed = is(n, "ConvTranspose");
    if (n->output_count != 1 || n->capture_count || !(conv || transposed || is_alone(n)))
        return false;
    if ((conv || transposed) && !through_conv(&p, g, n, transposed)) return false;
    places[n->outputs[0]] = p;
    return true;
}

/* A speaker's colour is as long as one place. */
static bool sides_short(const ft_vits_cut *c, const ft_nn_graph *g) {
    for (int i = 0; i < c->side_count; i++) {
        const ft_nn_node *n = maker(g, c->sides[i]);
        if (!n || !is(n, "Conv")) return false;
        const ft_nn_node *from = maker(g, n->inputs[0]);
        if (!from || !is(from, "Unsqueeze")) return false; /* an embedding, one place long */
    }
    return true;
}

static bool follow_all(ft_vits_cut *c, place *places, const ft_nn_graph *g) {
    places[c->latent] = (place){ .behind = true, .rate = 1 };
    for (int i = 0; i < g->node_count; i++) {
        const ft_nn_node *n = &g->nodes[i];
        bool behind = false;
        for (size_t k = 0; k < n->input_count; k++)
            behind |= n->inputs[k] != FT_NN_NONE && places[n->inputs[k]].behind;
        if (behind && !follow(places, g, n, c)) return false;
    }
    const place *end = &places[g->outputs[0]];
    if (!end->behind || end->rate < 1 || end->reach > 200 || !sides_short(c, g)) return false;
    c->reach = (int)ceil(end->reach) + 1;
    c->frame = (int64_t)end->rate;
    return true;
}

ft_err ft_vits_cut_find(ft_vits_cut *out, const ft_nn_graph *g) {
    *out = (ft_vits_cut){ .durations = find_durations(g), .latent = find_latent(g) };
    if (out->latent == FT_NN_NONE) return FT_OK;
    place *places = calloc((size_t)g->value_count, sizeof *places);
    if (!places) return FT_FAIL(FT_ENOMEM, "no memory to look through a voice");
    bool can = follow_all(out, places, g);
    free(places);
    for (int i = 0; i < g->node_count && can; i++)
        if (is(&g->nodes[i], "Conv") && g->nodes[i].inputs[0] == out->latent)
            out->channels = g->values[g->nodes[i].inputs[1]].shape[1];
    if (!can) out->latent = FT_NN_NONE;
    return FT_OK;
}
