/* image_show.c -- what a run shows of a step: loss, accuracy and rate always; weights, biases,
 * gradients, what layers take and give, and the optimiser's averages where the tap wants them.
 * Names are those of SageMaker Debugger's PyTorch hook: "gradient/conv1.weight",
 * "CrossEntropyLoss_output_0". */
#include <stdio.h>

#include "base/check.h"
#include "nn/learn/image_run.h"

static bool wanted(void *tap, const char *name) { return ft_tap_wants(tap, name, 0); }

/* What layers take and give is kept where the tap wants it at its first step: intervals begin
 * there. Names that cannot be made for want of memory are names that nobody asks for. */
bool ft_image_kept(void *run, ft_str name) {
    ft_image_run *r = run;
    if (!r->names &&
        ft_nn_names_new(&r->names, r->graph, ft_nn_names_top(ft_str_of(r->arch->name))) != FT_OK) {
        ft_err_clear();
        return false;
    }
    return ft_nn_names_keep_layer(r->names, name, wanted, r->args->tap);
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

/* "optimizer/momentum/conv1.w": the whole word would make it one of the collection "weights". */
static void average_name(char *to, size_t room, const char *kind, ft_str weight) {
    int keep = (int)weight.len;
    if (ft_str_ends(weight, FT_STR(".weight"))) keep -= (int)strlen("eight");
    if (ft_str_ends(weight, FT_STR(".bias"))) keep -= (int)strlen("ias");
    snprintf(to, room, "optimizer/%s/%.*s", kind, keep, weight.at);
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
            average_name(name, sizeof name, kind, l[i].name);
            ft_array a = { .dtype = FT_F32,
                           .ndim = 1,
                           .shape = { l[i].count },
                           .data = at + (l[i].grad - grads) };
            if (ft_tap_wants(r->args->tap, name, r->step))
                FT_TRY(ft_tap_array(r->args->tap, name, &a));
        }
    return FT_OK;
}

static ft_err gradients_show(ft_image_run *r, ft_nn_gradient *g) {
    size_t count;
    int64_t total;
    const ft_nn_learnt *l = ft_nn_gradient_learnt(g, &count, NULL, &total);
    for (size_t i = 0; i < count; i++) {
        char name[600];
        ft_array a;
        snprintf(name, sizeof name, "gradient/%.*s", FT_STR_ARG(l[i].name));
        if (!ft_tap_wants(r->args->tap, name, r->step)) continue;
        FT_TRY(ft_nn_gradient_of(&a, g, l[i].name, &r->step_arena));
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
    if (r->names) FT_TRY(ft_nn_names_show_layers(r->names, g, r->args->tap, r->step));
    FT_TRY(averages_show(r));
    return gradients_show(r, g);
}
