/* explain.c -- see explain.h: the explainer's life and the methods. */
#include "nn/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/random.h"
#include "nn/explain_in.h"
#include "nn/graph_in.h"
#include "nn/op.h"

#define SAMPLES_DEFAULT 25
#define NOISE_DEFAULT   0.15

static const char *const names[FT_NN_METHODS] = { "fullgrad", "gradient", "smoothgrad", "gradcam" };

const char *ft_nn_method_name(ft_nn_method m) { return names[m]; }

ft_err ft_nn_method_parse(ft_nn_method *out, ft_str name) {
    for (int i = 0; i < FT_NN_METHODS; i++)
        if (ft_str_is(name, names[i])) {
            *out = (ft_nn_method)i;
            return FT_OK;
        }
    return FT_FAIL(FT_EINVAL, "method '%.*s': expected fullgrad, gradient, smoothgrad or gradcam",
                   FT_STR_ARG(name));
}

/* ---- the graph */

static bool is_op(const ft_nn_node *n, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(n->op->name, list[i]) == 0) return true;
    return false;
}

/* Scores are what the last softmax takes. */
static void cut_softmax(ft_nn_explainer *e) {
    static const char *const ends[] = { "Softmax", "LogSoftmax", "Identity" };
    int producer = e->graph->values[e->output].producer;
    while (producer != FT_NN_NONE && is_op(&e->graph->nodes[producer], ends, FT_COUNT(ends))) {
        e->output = e->graph->nodes[producer].inputs[0];
        producer = e->graph->values[e->output].producer;
    }
    e->graph->outputs[0] = e->output;
}

/* Back from the output to the last activation that still is a picture. */
static int layer_of(const ft_nn_explainer *e) {
    static const char *const pools[] = { "GlobalAveragePool", "AveragePool", "MaxPool",
                                         "GlobalMaxPool",     "Dropout",     "Identity" };
    const ft_nn_graph *g = e->graph;
    for (int v = e->output; g->values[v].producer != FT_NN_NONE;) {
        const ft_nn_node *n = &g->nodes[g->values[v].producer];
        const ft_nn_value *x = &g->values[v];
        bool picture = x->ndim == 4 && x->shape[2] != 1 && x->shape[3] != 1;
        if (picture && !is_op(n, pools, FT_COUNT(pools))) return v;
        if (!n->input_count || n->inputs[0] == FT_NN_NONE) break;
        v = n->inputs[0];
    }
    return FT_NN_NONE;
}

/* Does a gradient of the score come by the input? Back from the output through nodes that have one.
 */
static ft_err gradient_check(const ft_nn_explainer *e) {
    const ft_nn_graph *g = e->graph;
    const ft_nn_node *stop = NULL;
    ft_arena arena = { 0 };
    bool *behind;
    ft_err err = ft_arena_items(&behind, &arena, (size_t)g->value_count);
    if (err != FT_OK) return err;
    memset(behind, 0, (size_t)g->value_count * sizeof *behind);
    behind[e->output] = true;
    for (int i = g->node_count; i-- > 0;) {
        const ft_nn_node *n = &g->nodes[i];
        bool to = false;
        for (size_t k = 0; k < n->output_count; k++)
            to |= n->outputs[k] != FT_NN_NONE && behind[n->outputs[k]];
        if (to && !n->op->backward && !stop) stop = n;
        for (size_t k = 0; k < n->input_count && to && n->op->backward; k++)
            if (n->inputs[k] != FT_NN_NONE) behind[n->inputs[k]] = true;
    }
    if (!behind[e->input])
        err = FT_FAIL(FT_EUNSUPPORTED,
                      "this network has no gradient at its input: the way back from the scores "
                      "ends at node '%.*s' (%s)",
                      FT_STR_ARG(stop ? stop->name : FT_STR("?")), stop ? stop->op->name : "?");
    ft_arena_fini(&arena);
    return err;
}

static bool keep(void *ctx, ft_str name) {
    const ft_nn_explainer *e = ctx;
    int v = ft_nn_value_find(e->graph, name);
    return v != FT_NN_NONE && e->kept[v];
}

static ft_err output_check(const ft_nn_explainer *e) {
    const ft_nn_graph *g = e->graph;
    const ft_nn_value *out = &g->values[e->output];
    if (g->output_count == 1 && out->dtype == FT_F32 && out->ndim == 2 && out->shape[1] != 0)
        return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED,
                   "this network does not answer with one score a class: its first output is "
                   "'%.*s' of %d dimensions, of %d outputs",
                   FT_STR_ARG(out->name), out->ndim, g->output_count);
}

static ft_err explainer_init(ft_nn_explainer *e, int threads) {
    int channels, width, height;
    if (!ft_nn_takes_picture(e->network, &channels, &width, &height, &e->last))
        return FT_FAIL(FT_EUNSUPPORTED, "this network does not take a picture");
    FT_TRY(ft_nn_graph_copy(&e->graph, e->network->graph));
    FT_TRY(ft_nn_graph_infer(e->graph));
    if (e->graph->output_count < 1) return FT_FAIL(FT_EUNSUPPORTED, "this network has no output");
    e->input = e->graph->inputs[0];
    if (e->graph->values[e->input].dtype != FT_F32)
        return FT_FAIL(FT_EUNSUPPORTED, "the network's input is %s: only float32 has a gradient",
                       ft_dtype_name(e->graph->values[e->input].dtype));
    e->output = e->graph->outputs[0];
    cut_softmax(e);
    FT_TRY(output_check(e));
    FT_TRY(gradient_check(e));
    FT_TRY(ft_arena_items(&e->kept, &e->arena, (size_t)e->graph->value_count));
    memset(e->kept, 0, (size_t)e->graph->value_count * sizeof *e->kept);
    FT_TRY(ft_nn_adders_find(e));
    e->layer = layer_of(e);
    if (e->layer != FT_NN_NONE) e->kept[e->layer] = true;
    ft_nn_gradient_opts opts = {
        .threads = threads, .inputs = true, .fixed = true, .keep = keep, .ctx = e
    };
    return ft_nn_gradient_new(&e->session, e->graph, &opts);
}

ft_err ft_nn_explainer_new(ft_nn_explainer **out, const ft_nn_network *n, int threads) {
    *out = NULL;
    ft_nn_explainer *e = ft_fault_here() ? NULL : calloc(1, sizeof *e);
    if (!e) return FT_FAIL(FT_ENOMEM, "no memory for an explainer");
    e->network = n;
    ft_err err = explainer_init(e, threads);
    if (err == FT_OK)
        *out = e;
    else
        ft_nn_explainer_free(e);
    return err;
}

void ft_nn_explainer_free(ft_nn_explainer *e) {
    if (!e) return;
    ft_nn_gradient_free(e->session);
    ft_nn_graph_free(e->graph);
    ft_arena_fini(&e->arena);
    free(e);
}

/* ---- running */

static ft_err forward(ft_array *scores, ft_nn_explainer *e, const ft_array *image) {
    if (image->ndim != 4 || image->shape[0] != 1)
        return FT_FAIL(FT_EINVAL, "one picture is explained at a time, as [1, …]");
    FT_TRY(ft_nn_gradient_run(e->session, image, scores));
    if (scores->ndim == 2 && scores->shape[0] == 1 && scores->dtype == FT_F32) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "this network does not answer with one row of scores");
}

static ft_err back(ft_nn_explainer *e, const float *weights, int classes) {
    ft_array g = { .dtype = FT_F32, .ndim = 2, .shape = { 1, classes }, .data = (void *)weights };
    return ft_nn_gradient_back(e->session, &g);
}

static ft_err input_gradient(ft_array *out, ft_nn_explainer *e, ft_arena *arena) {
    return ft_nn_gradient_of(out, e->session, e->graph->values[e->input].name, arena);
}

ft_err ft_nn_scores(float **out, int *classes, ft_nn_explainer *e, const ft_array *image,
                    ft_arena *arena) {
    ft_array scores;
    FT_TRY(forward(&scores, e, image));
    *classes = (int)scores.shape[1];
    FT_TRY(ft_arena_items(out, arena, (size_t)*classes));
    memcpy(*out, scores.data, (size_t)*classes * sizeof **out);
    return FT_OK;
}

ft_err ft_nn_input_gradient(ft_array *out, ft_nn_explainer *e, const ft_array *image,
                            ft_nn_choose_weights *choose, void *ctx, ft_arena *arena) {
    float *scores = NULL, *weights, *copy;
    int classes = 0;
    ft_array g;
    FT_TRY(ft_nn_scores(&scores, &classes, e, image, arena));
    FT_TRY(ft_arena_items(&weights, arena, (size_t)classes));
    memset(weights, 0, (size_t)classes * sizeof *weights);
    choose(ctx, scores, classes, weights);
    FT_TRY(back(e, weights, classes));
    FT_TRY(input_gradient(&g, e, arena));
    FT_TRY(ft_arena_items(&copy, arena, (size_t)ft_array_count(&g)));
    memcpy(copy, g.data, ft_array_bytes(&g));
    *out = g;
    out->data = copy;
    return FT_OK;
}

ft_err ft_nn_channels_first(ft_array *out, const ft_array *a, bool last, ft_arena *arena) {
    *out = *a;
    if (!last) return FT_OK;
    int64_t h = a->shape[1], w = a->shape[2], c = a->shape[3];
    float *to;
    FT_TRY(ft_arena_items(&to, arena, (size_t)ft_array_count(a)));
    for (int64_t i = 0; i < h * w; i++)
        for (int64_t k = 0; k < c; k++) to[k * h * w + i] = ((const float *)a->data)[i * c + k];
    out->shape[1] = c;
    out->shape[2] = h;
    out->shape[3] = w;
    out->data = to;
    return FT_OK;
}

/* ---- methods; each after `forward` and `back` of the class */

static ft_err fullgrad(ft_nn_explanation *x, ft_nn_explainer *e, const ft_array *image,
                       const ft_array *gradient, ft_nn_map *m, ft_arena *arena) {
    ft_array g, in;
    FT_TRY(ft_nn_channels_first(&g, gradient, e->last, arena));
    FT_TRY(ft_nn_channels_first(&in, image, e->last, arena));
    for (int64_t i = 0; i < ft_array_count(&g); i++)
        x->input_part += (double)((const float *)g.data)[i] * ((const float *)in.data)[i];
    FT_TRY(ft_nn_map_add(m, &g, in.data, ft_array_count(&in), arena));
    FT_TRY(ft_nn_adders_sum(&x->bias_part, m, e, arena));
    double off = fabs(x->score - x->input_part - x->bias_part);
    x->incompleteness = off > 0 ? off / fabs(x->score) : 0;
    return FT_OK;
}

/* The largest absolute value of a pixel's channels. */
static ft_err strongest(ft_nn_map *m, const ft_nn_explainer *e, const ft_array *gradient,
                        ft_arena *arena) {
    ft_array g;
    FT_TRY(ft_nn_channels_first(&g, gradient, e->last, arena));
    int64_t items = g.shape[2] * g.shape[3];
    for (int64_t i = 0; i < items * g.shape[1]; i++)
        m->at[i % items] = fmaxf(m->at[i % items], fabsf(((const float *)g.data)[i]));
    return FT_OK;
}

static ft_err smoothgrad(ft_nn_map *m, ft_nn_explainer *e, const ft_array *image,
                         const ft_nn_explain_opts *opts, const float *weights, int classes,
                         ft_arena *arena) {
    int64_t count = ft_array_count(image);
    const float *at = image->data;
    float *noisy, *mean, least = INFINITY, most = -INFINITY;
    int samples = opts->samples > 0 ? opts->samples : SAMPLES_DEFAULT;
    ft_random r;
    FT_TRY(ft_arena_items(&noisy, arena, (size_t)count));
    FT_TRY(ft_arena_items(&mean, arena, (size_t)count));
    memset(mean, 0, (size_t)count * sizeof *mean);
    for (int64_t i = 0; i < count; i++) least = fminf(least, at[i]), most = fmaxf(most, at[i]);
    double deviation = (opts->noise > 0 ? opts->noise : NOISE_DEFAULT) * (double)(most - least);
    ft_random_seed(&r, opts->seed);
    ft_array in = *image, sum = *image, scores, g;
    in.data = noisy;
    sum.data = mean;
    for (int s = 0; s < samples; s++) {
        for (int64_t i = 0; i < count; i++)
            noisy[i] = at[i] + (float)(deviation * ft_random_normal(&r));
        FT_TRY(forward(&scores, e, &in));
        FT_TRY(back(e, weights, classes));
        ft_arena own = { 0 };
        ft_err err = input_gradient(&g, e, &own);
        for (int64_t i = 0; i < count && err == FT_OK; i++)
            mean[i] += ((const float *)g.data)[i] / (float)samples;
        ft_arena_fini(&own);
        FT_TRY(err);
    }
    return strongest(m, e, &sum, arena);
}

static ft_err gradcam(ft_nn_map *m, ft_nn_explainer *e, ft_arena *arena) {
    ft_array a, g;
    float *sum;
    if (e->layer == FT_NN_NONE)
        return FT_FAIL(FT_EUNSUPPORTED, "this network has no layer of pictures before its scores");
    FT_TRY(ft_nn_gradient_value(&a, e->session, e->graph->values[e->layer].name, arena));
    FT_TRY(ft_nn_gradient_of(&g, e->session, e->graph->values[e->layer].name, arena));
    int64_t items = a.shape[2] * a.shape[3];
    FT_TRY(ft_arena_items(&sum, arena, (size_t)items));
    memset(sum, 0, (size_t)items * sizeof *sum);
    for (int64_t c = 0; c < a.shape[1]; c++) {
        const float *at = (const float *)a.data + c * items,
                    *gc = (const float *)g.data + c * items;
        double weight = 0;
        for (int64_t i = 0; i < items; i++) weight += gc[i];
        for (int64_t i = 0; i < items; i++) sum[i] += (float)(weight / (double)items) * at[i];
    }
    for (int64_t i = 0; i < items; i++) sum[i] = fmaxf(sum[i], 0);
    return ft_nn_map_zoom(m, sum, (int)a.shape[3], (int)a.shape[2], arena);
}

/* ---- */

static ft_err class_choose(ft_nn_explanation *x, const ft_array *scores,
                           const ft_nn_explain_opts *opts) {
    const float *s = scores->data;
    double sum = 0;
    int best = 0;
    x->classes = (int)scores->shape[1];
    for (int i = 1; i < x->classes; i++)
        if (s[i] > s[best]) best = i;
    x->class = opts->class_given ? opts->class : best;
    if (x->class < 0 || x->class >= x->classes)
        return FT_FAIL(FT_EINVAL, "class %d: this network has the classes 0 to %d", x->class,
                       x->classes - 1);
    x->score = s[x->class];
    for (int i = 0; i < x->classes; i++) sum += exp((double)s[i] - s[best]);
    x->probability = exp((double)s[x->class] - s[best]) / sum;
    return FT_OK;
}

ft_err ft_nn_explain(ft_nn_explanation *out, ft_nn_explainer *e, const ft_array *image,
                     const ft_nn_explain_opts *opts, ft_arena *arena) {
    static const ft_nn_explain_opts defaults = { 0 };
    ft_array scores, g;
    ft_nn_map m;
    float *weights;
    if (!opts) opts = &defaults;
    *out = (ft_nn_explanation){ .method = opts->method };
    FT_TRY(forward(&scores, e, image));
    FT_TRY(class_choose(out, &scores, opts));
    FT_TRY(ft_arena_items(&weights, arena, (size_t)out->classes));
    memset(weights, 0, (size_t)out->classes * sizeof *weights);
    weights[out->class] = 1;
    out->height = (int)image->shape[e->last ? 1 : 2];
    out->width = (int)image->shape[e->last ? 2 : 3];
    FT_TRY(ft_nn_map_new(&m, arena, out->width, out->height));
    out->map = m.at;
    if (opts->method == FT_NN_SMOOTHGRAD)
        return smoothgrad(&m, e, image, opts, weights, out->classes, arena);
    FT_TRY(back(e, weights, out->classes));
    if (opts->method == FT_NN_GRADCAM) return gradcam(&m, e, arena);
    FT_TRY(input_gradient(&g, e, arena));
    if (opts->method == FT_NN_GRADIENT) return strongest(&m, e, &g, arena);
    return fullgrad(out, e, image, &g, &m, arena);
}
