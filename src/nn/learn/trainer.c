/* trainer.c -- see trainer.h. */
#include "nn/learn/trainer.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/gradient_in.h"
#include "nn/learn/ranks.h"

struct ft_nn_trainer {
    ft_nn_trainer_opts opts;
    ft_nn_graph *graph; /* the caller's, and the loss: inputs image, labels; outputs loss, scores */
    ft_nn_gradient *gradient;
    ft_nn_optimiser *optimiser;
    const ft_nn_learnt *learnt;
    size_t learnt_count;
    float *grads;
    int64_t total, classes;
};

/* ---- the graph with its loss */

static ft_err graph_fits(int64_t *classes, const ft_nn_graph *g) {
    const ft_nn_value *out = g->output_count == 1 ? &g->values[g->outputs[0]] : NULL;
    const ft_nn_value *in = g->input_count == 1 ? &g->values[g->inputs[0]] : NULL;
    if (!in || !out || in->ndim != 4 || in->dtype != FT_F32 || out->ndim != 2 ||
        out->dtype != FT_F32 || out->shape[1] < 2)
        return FT_FAIL(FT_EINVAL, "this network does not learn classes: expected one input of four "
                                  "dimensions and one output of [any, classes]");
    *classes = out->shape[1];
    return FT_OK;
}

static ft_err loss_add(ft_nn_trainer *t) {
    ft_nn_graph *g = t->graph;
    int labels, loss, scores = g->outputs[0];
    FT_TRY(ft_nn_input(&labels, g, FT_STR("labels"), FT_I64, 1, (int64_t[]){ FT_NN_DIM_ANY }));
    ft_nn_attr smooth = { .name = "label_smoothing",
                          .type = FT_NN_FLOAT,
                          .f = t->opts.label_smoothing };
    const ft_str name = FT_STR("CrossEntropyLoss_output_0"); /* as smdebug's collection "losses" */
    FT_TRY(ft_nn_node_add(g,
                          &(ft_nn_node_spec){ .op = "CrossEntropyLoss",
                                              .name = FT_STR("CrossEntropyLoss"),
                                              .attrs = &smooth,
                                              .attr_count = 1,
                                              .inputs = (int[]){ scores, labels },
                                              .input_count = 2,
                                              .output_count = 1,
                                              .output_names = &name },
                          &loss));
    FT_TRY(ft_nn_output(g, loss));
    FT_TRY(ft_nn_graph_check(g));
    return ft_nn_graph_infer(g);
}

static ft_err ranks_sum(const void *ranks, double *numbers, int64_t count) {
    return ft_nn_ranks_sum(ranks, numbers, count);
}

static ft_err make(ft_nn_trainer *t, ft_nn_graph *given) {
    FT_TRY(ft_nn_graph_infer(given));
    FT_TRY(graph_fits(&t->classes, given));
    FT_TRY(ft_nn_gradient_own(given));
    FT_TRY(ft_nn_graph_copy(&t->graph, given)); /* weights and states are shared */
    FT_TRY(loss_add(t));
    ft_nn_gradient_opts opts = { .threads = t->opts.threads,
                                 .math = t->opts.math,
                                 .training = true,
                                 .keep = t->opts.keep,
                                 .frozen = t->opts.frozen,
                                 .ctx = t->opts.ctx,
                                 .sum = t->opts.ranks ? ranks_sum : NULL,
                                 .sum_ctx = t->opts.ranks,
                                 .seed = t->opts.seed };
    FT_TRY(ft_nn_gradient_new(&t->gradient, t->graph, &opts));
    t->learnt = ft_nn_gradient_learnt(t->gradient, &t->learnt_count, &t->grads, &t->total);
    t->opts.optimiser.threads = t->opts.threads;
    return ft_nn_optimiser_new(&t->optimiser, t->learnt, t->learnt_count, t->grads, t->total,
                               &t->opts.optimiser);
}

ft_err ft_nn_trainer_new(ft_nn_trainer **out, ft_nn_graph *graph, const ft_nn_trainer_opts *opts) {
    *out = NULL;
    ft_nn_trainer *t = ft_fault_here() ? NULL : calloc(1, sizeof *t);
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory for a trainer");
    t->opts = *opts;
    ft_err err = make(t, graph);
    if (err != FT_OK) {
        ft_nn_trainer_free(t);
        return err;
    }
    *out = t;
    return FT_OK;
}

void ft_nn_trainer_free(ft_nn_trainer *t) {
    if (!t) return;
    ft_nn_optimiser_free(t->optimiser);
    ft_nn_gradient_free(t->gradient);
    ft_nn_graph_free(t->graph);
    free(t);
}

/* ---- one step */

static int64_t right_count(const ft_array *scores, const int64_t *labels) {
    int64_t right = 0, classes = scores->shape[1];
    const float *row = scores->data;
    for (int64_t i = 0; i < scores->shape[0]; i++, row += classes) {
        int64_t best = 0;
        for (int64_t k = 1; k < classes; k++)
            if (row[k] > row[best]) best = k;
        right += best == labels[i];
    }
    return right;
}

/* Which layer's numbers went wrong, for the sentence. */
static ft_err not_numbers(ft_nn_trainer *t, const ft_array *in, const char *what) {
    ft_str layer = { 0 };
    long long step = (long long)*ft_nn_optimiser_steps(t->optimiser);
    FT_TRY(ft_nn_gradient_search(&layer, t->gradient, in));
    for (size_t i = 0; i < t->learnt_count && !layer.len; i++)
        for (int64_t k = 0; k < t->learnt[i].count && !layer.len; k++)
            if (!isfinite(t->learnt[i].grad[k])) layer = t->learnt[i].name;
    return FT_FAIL(FT_ECORRUPT,
                   "step %lld: the %s is no number any more; first in '%.*s'. A smaller "
                   "learning_rate or clip_norm may help",
                   step, what, FT_STR_ARG(layer));
}

ft_err ft_nn_trainer_step(ft_nn_trainer *t, const ft_array *images, const int64_t *labels,
                          double learning_rate, ft_nn_told_step *told) {
    int64_t count = images->shape[0];
    float one = 1;
    ft_array in[2] = {
        *images,
        { .dtype = FT_I64, .ndim = 1, .shape = { count }, .data = (void *)(uintptr_t)labels }
    };
    ft_array out[2], back[2] = { { 0 }, { .dtype = FT_F32, .data = &one } };
    ft_nn_gradient_seek(t->gradient, (uint64_t)*ft_nn_optimiser_steps(t->optimiser));
    FT_TRY(ft_nn_gradient_run(t->gradient, in, out));
    told->loss = (double)*(const float *)out[1].data;
    told->right = right_count(&out[0], labels);
    told->norm = 0;
    FT_TRY(ft_nn_ranks_mean(t->opts.ranks, &told->loss));
    if (!isfinite(told->loss)) return not_numbers(t, in, "loss");
    FT_TRY(ft_nn_gradient_back(t->gradient, back));
    FT_TRY(ft_nn_ranks_average(t->opts.ranks, t->grads, t->total));
    told->norm = ft_nn_optimiser_norm(t->optimiser);
    if (!isfinite(told->norm)) return not_numbers(t, in, "gradient");
    ft_nn_optimiser_step(t->optimiser, learning_rate, told->norm);
    return FT_OK;
}

ft_nn_optimiser *ft_nn_trainer_optimiser(ft_nn_trainer *t) { return t->optimiser; }
ft_nn_gradient *ft_nn_trainer_gradient(ft_nn_trainer *t) { return t->gradient; }
