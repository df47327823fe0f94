/* image_show.c -- what a run shows of a step: loss, accuracy and rate always; weights, biases,
 * gradients, layers' outputs and the optimiser's averages where the tap wants them. Names are those
 * of SageMaker Debugger's PyTorch hook: "gradient/conv1.weight", "CrossEntropyLoss_output_0". */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nn/learn/image_run.h"

/* Layers' outputs are kept where the tap wants them at its first step: intervals begin there. */
bool ft_image_kept(void *run, ft_str name) {
    const ft_image_run *r = run;
    char text[512], gradient[528];
    if (name.len >= sizeof text) return false;
    memcpy(text, name.at, name.len);
    text[name.len] = 0;
    snprintf(gradient, sizeof gradient, "gradient/%s", text);
    return ft_tap_wants(r->args->tap, text, 0) || ft_tap_wants(r->args->tap, gradient, 0);
}

static ft_err scalar(ft_image_run *r, const char *name, double value) {
    return ft_tap_scalar(r->args->tap, name, value);
}

static ft_err weights_show(ft_image_run *r) {
    ft_nn_named *list;
    size_t count;
    FT_TRY(ft_image_named(&list, &count, r, &r->step_arena));
    for (size_t i = 0; i < count; i++)
        if (ft_tap_wants(r->args->tap, list[i].name.at, r->step))
            FT_TRY(ft_tap_array(r->args->tap, list[i].name.at, &list[i].value));
    return FT_OK;
}

static ft_err averages_show(ft_image_run *r) {
    char name[600];
    const char *kind;
    size_t count;
    int64_t total;
    float *grads, *at;
    const ft_nn_learnt *l =
        ft_nn_gradient_learnt(ft_nn_trainer_gradient(r->trainer), &count, &grads, &total);
    for (int k = 0; ft_nn_optimiser_slot(ft_nn_trainer_optimiser(r->trainer), k, &kind, &at); k++)
        for (size_t i = 0; i < count; i++) {
            snprintf(name, sizeof name, "optimizer/%s/%.*s", kind, FT_STR_ARG(l[i].name));
            ft_array a = { .dtype = FT_F32,
                           .ndim = 1,
                           .shape = { l[i].count },
                           .data = at + (l[i].grad - grads) };
            if (ft_tap_wants(r->args->tap, name, r->step))
                FT_TRY(ft_tap_array(r->args->tap, name, &a));
        }
    return FT_OK;
}

ft_err ft_image_show(ft_image_run *r, const ft_nn_told_step *told, double rate, size_t seen) {
    ft_nn_gradient *g = ft_nn_trainer_gradient(r->trainer);
    ft_array loss = { .dtype = FT_F32, .ndim = 1, .shape = { 1 } };
    float value = (float)told->loss;
    loss.data = &value;
    if (ft_tap_wants(r->args->tap, "CrossEntropyLoss_output_0", r->step))
        FT_TRY(ft_tap_array(r->args->tap, "CrossEntropyLoss_output_0", &loss));
    FT_TRY(scalar(r, "train-loss", told->loss));
    FT_TRY(scalar(r, "train-accuracy", seen ? (double)told->right / (double)seen : 0));
    FT_TRY(scalar(r, "learning_rate", rate));
    FT_TRY(scalar(r, "gradient_norm", told->norm));
    if (r->scored) {
        FT_TRY(scalar(r, "validation-loss", r->last.loss));
        FT_TRY(scalar(r, "validation-accuracy", r->last.accuracy));
    }
    FT_TRY(ft_loader_emit(r->loader, r->args->tap)); /* what its batches waited for */
    FT_TRY(weights_show(r));
    FT_TRY(averages_show(r));
    return ft_nn_gradient_show(g, r->args->tap, r->step);
}
