/* algorithm_image.c -- see algorithm_image.h: parameters, phases, epochs, steps. */
#include "nn/learn/algorithm_image.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "nn/learn/image_run.h"

#define STEP_BYTES_MAX ((size_t)8 << 30)

static const ft_param params[] = {
    { "arch", FT_PARAM_STRING, NULL,
      .doc =
          "architecture (resnet18, resnet34, resnet50, mobilenet_v2, cnn28, cnn32 …); what suits "
          "the pictures' size, or the weights of `from`, when not given" },
    { "epochs", FT_PARAM_INT, NULL, .min = 1, .max = 1e6,
      .doc = "times over the training data; 10 to 100, so that some 200,000 pictures are seen "
             "(50,000 by large networks), when not given" },
    { "batch_size", FT_PARAM_INT, NULL, .min = 1, .max = 65536,
      .doc = "pictures a step (of each rank); 64 over all ranks, down to 8 for few pictures, when "
             "not given" },
    { "learning_rate", FT_PARAM_FLOAT, NULL, .min = 0, .max = INFINITY, .min_open = true,
      .doc = "how far a step goes, after the warm-up; when not given 0.05 (adam, adamw: 0.001) for "
             "64 pictures a step, in proportion, and a tenth of it with weights of `from`" },
    { "optimizer", FT_PARAM_CHOICE, "sgd", .choices = "sgd|adam|adamw",
      .doc = "how weights follow their gradients (torch's formulas)" },
    { "momentum", FT_PARAM_FLOAT, "0.9", .min = 0, .max = 1, .max_open = true, .doc = "of sgd" },
    { "nesterov", FT_PARAM_BOOL, "true", .doc = "sgd looks ahead by its momentum" },
    { "beta1", FT_PARAM_FLOAT, "0.9", .min = 0, .max = 1, .min_open = true, .max_open = true,
      .doc = "of adam and adamw" },
    { "beta2", FT_PARAM_FLOAT, "0.999", .min = 0, .max = 1, .min_open = true, .max_open = true,
      .doc = "of adam and adamw" },
    { "weight_decay", FT_PARAM_FLOAT, "0.0005", .min = 0, .max = 1,
      .doc = "pull of weights towards zero" },
    { "lr_schedule", FT_PARAM_CHOICE, "cosine", .choices = "constant|step|cosine",
      .doc = "the learning rate over the epochs" },
    { "lr_step_epochs", FT_PARAM_INT, "30", .min = 1, .max = 1e6,
      .doc = "step: epochs between two drops" },
    { "lr_step_factor", FT_PARAM_FLOAT, "0.1", .min = 0, .max = 1, .min_open = true,
      .doc = "step: what a drop multiplies with" },
    { "warmup_epochs", FT_PARAM_FLOAT, NULL, .min = 0, .max = 1e6,
      .doc = "epochs of a straight rise to the learning rate; a twentieth of all when not given" },
    { "label_smoothing", FT_PARAM_FLOAT, "0.1", .min = 0, .max = 1, .max_open = true,
      .doc = "share of each label that is given to all classes" },
    { "dropout", FT_PARAM_FLOAT, NULL, .min = 0, .max = 1, .max_open = true,
      .doc = "share that Dropout drops; the architecture's when not given" },
    { "clip_norm", FT_PARAM_FLOAT, NULL, .min = 0, .max = INFINITY,
      .doc = "most that all gradients together may be long, 0: any; when not given 0.5 for sgd on "
             "small networks without weights of `from`, else 0" },
    { "precision", FT_PARAM_CHOICE, "f32", .choices = "f32|bf16",
      .doc = "bf16: products in bfloat16, weights and sums in float32" },
    { "augment", FT_PARAM_STRING, NULL,
      .doc = "transforms of training pictures (docs/loader.md), after a resize to the network's "
             "size when none of them resizes or crops; none; otherwise what suits the network" },
    { "from", FT_PARAM_STRING, NULL,
      .doc = "FILE: weights to begin from (torch state_dict, safetensors …); another number of "
             "classes is fine" },
    { "head_epochs", FT_PARAM_INT, "0", .min = 0, .max = 1e6,
      .doc = "epochs before, in which only the last layer learns" },
    { "head_learning_rate", FT_PARAM_FLOAT, "0.01", .min = 0, .max = INFINITY, .min_open = true,
      .doc = "of these" },
    { "freeze", FT_PARAM_STRING, NULL,
      .doc = "regular expression of weights that do not learn (\"^(conv1|layer1)\")" },
    { "early_stopping_epochs", FT_PARAM_INT, "0", .min = 0, .max = 1e6,
      .doc = "stop after so many epochs without a better validation accuracy, and keep the best "
             "weights; 0: never" },
    { "validation_share", FT_PARAM_FLOAT, "0", .min = 0, .max = 0.9,
      .doc = "share of the training data to judge by when there is no validation channel" },
    { "group", FT_PARAM_STRING, NULL,
      .doc = "field whose samples stay on one side of that division, or a regular expression of "
             "the path (its first parenthesis is the group)" },
    { "num_classes", FT_PARAM_INT, "0", .min = 0, .max = 100000,
      .doc = "classes; 0: as many as the data has" },
    { "image_size", FT_PARAM_INT, "0", .min = 0, .max = 4096,
      .doc = "sides of the network's input; 0: the architecture's" },
    { "bad_max", FT_PARAM_INT, "0", .min = 0, .max = 1e12,
      .doc = "unreadable pictures to leave out in an epoch; the next one fails the job" },
    { "seed", FT_PARAM_INT, "1", .min = 0, .max = 9e15, .doc = "of everything random" },
    { "threads", FT_PARAM_INT, "0", .min = 0, .max = 1024, .doc = "0: one a core" },
    { "checkpoint_steps", FT_PARAM_INT, "0", .min = 0, .max = 1e12,
      .doc = "steps between checkpoints within an epoch; 0: at each epoch's end" },
    { 0 }
};

static ft_err validate(const ft_params *p) {
    const ft_nn_arch *arch;
    if (ft_params_given(p, "arch")) FT_TRY(ft_nn_arch_find(&arch, ft_params_str(p, "arch")));
    if (ft_params_int(p, "head_epochs") > 0 && !ft_params_given(p, "from"))
        return FT_FAIL(FT_EINVAL, "head_epochs: there are no weights that the last layer could be "
                                  "trained on; give from=FILE");
    return FT_OK;
}

/* ---- phases: the last layer first, then all */

ft_err ft_image_phase(ft_image_run *r) {
    const ft_params *p = r->params;
    ft_str kind = ft_params_str(p, "optimizer");
    r->head = r->epoch < r->head_epochs;
    ft_nn_trainer_free(r->trainer);
    r->trainer = NULL;
    ft_nn_trainer_opts opts = { .optimiser = { .kind = ft_str_is(kind, "sgd")    ? FT_NN_SGD
                                                       : ft_str_is(kind, "adam") ? FT_NN_ADAM
                                                                                 : FT_NN_ADAMW,
                                               .momentum = ft_params_float(p, "momentum"),
                                               .nesterov = ft_params_bool(p, "nesterov"),
                                               .beta1 = ft_params_float(p, "beta1"),
                                               .beta2 = ft_params_float(p, "beta2"),
                                               .weight_decay = ft_params_float(p, "weight_decay"),
                                               .clip_norm = r->clip_norm },
                                .label_smoothing = ft_params_float(p, "label_smoothing"),
                                .math = r->math,
                                .threads = r->threads,
                                .seed = (uint64_t)ft_params_int(p, "seed") +
                                        0x9e3779b97f4a7c15u * (uint64_t)r->ranks.rank,
                                .frozen = ft_image_frozen,
                                .keep = r->args->tap ? ft_image_kept : NULL,
                                .ctx = r,
                                .ranks = r->ranks.world > 1 ? &r->ranks : NULL };
    return ft_nn_trainer_new(&r->trainer, r->graph, &opts);
}

static double rate_now(const ft_image_run *r) {
    const ft_params *p = r->params;
    ft_str kind = ft_params_str(p, "lr_schedule");
    int64_t begun = r->head_epochs * r->epoch_steps;
    double warm = ft_params_given(p, "warmup_epochs")
                      ? ft_params_float(p, "warmup_epochs") * (double)r->epoch_steps
                      : (double)(r->steps - begun) / 20;
    ft_nn_schedule s = { .kind = ft_str_is(kind, "cosine") ? FT_NN_COSINE
                                 : ft_str_is(kind, "step") ? FT_NN_STEP
                                                           : FT_NN_CONSTANT,
                         .rate = r->rate,
                         .factor = ft_params_float(p, "lr_step_factor"),
                         .every = ft_params_int(p, "lr_step_epochs") * r->epoch_steps,
                         .steps = r->steps - begun,
                         .warmup = (int64_t)fmin(warm, (double)(r->steps - begun) / 2) };
    if (r->head) return ft_params_float(p, "head_learning_rate");
    return ft_nn_schedule_rate(&s, r->step - begun);
}

/* ---- one step */

static void progress_tell(const ft_image_run *r) {
    char text[160];
    if (!r->args->progress) return;
    int n = snprintf(text, sizeof text, "epoch %lld/%lld train-loss %.4f", (long long)r->epoch + 1,
                     (long long)r->epochs, r->sum_steps ? r->sum_loss / (double)r->sum_steps : 0);
    if (r->last.count && n > 0 && (size_t)n < sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, " validation-accuracy %.4f", r->last.accuracy);
    r->args->progress(r->args->ctx, r->step, r->steps, text);
}

/* Every rank stops when one is asked to. */
static ft_err stop_ask(ft_image_run *r) {
    double asked = r->stop || (r->args->stop && atomic_load(r->args->stop));
    FT_TRY(ft_nn_ranks_sum(r->ranks.world > 1 ? &r->ranks : NULL, &asked, 1));
    r->stop = asked > 0;
    return FT_OK;
}

static ft_err best_take(ft_image_run *r) {
    ft_nn_named *now;
    size_t count;
    if (!r->last.count || r->last.accuracy <= r->best) return FT_OK;
    r->best = r->last.accuracy;
    r->best_epoch = r->epoch;
    if (!r->best_weights) return FT_OK;
    ft_arena_reset(&r->step_arena);
    FT_TRY(ft_image_named(&now, &count, r, &r->step_arena));
    for (size_t i = 0; i < count; i++)
        memcpy(r->best_weights[i].value.data, now[i].value.data, ft_array_bytes(&now[i].value));
    return FT_OK;
}

/* At an epoch's last step, so that the step shows it. */
static ft_err judge_now(ft_image_run *r) {
    r->scored = r->judge && ft_image_first(r) && r->sum_steps == r->epoch_steps;
    if (!r->scored) return FT_OK;
    FT_TRY(ft_image_score_all(&r->last, r));
    return best_take(r);
}

static ft_err step_show(ft_image_run *r, const ft_nn_told_step *told, double rate, size_t seen) {
    ft_err err = ft_tap_begin(r->args->tap, r->step);
    if (err == FT_OK && r->sum_steps == r->epoch_steps) ft_tap_epoch(r->args->tap, r->step);
    if (err == FT_OK) err = ft_image_show(r, told, rate, seen);
    if (err == FT_OK) err = ft_tap_end(r->args->tap, r->step);
    if (err != FT_ECANCELED) return err;
    r->stop = true; /* the step itself is complete */
    return FT_OK;
}

static ft_err one_step(ft_image_run *r, const ft_batch *b) {
    ft_array images;
    int64_t *labels;
    ft_nn_told_step told;
    double rate = rate_now(r);
    ft_arena_reset(&r->step_arena);
    FT_TRY(ft_nn_images_batch(&images, &labels, b, r->train, &r->step_arena));
    ft_err err = ft_nn_trainer_step(r->trainer, &images, labels, rate, &told);
    if (err != FT_OK) return ft_err_prefix(err, "epoch %lld", (long long)r->epoch + 1);
    r->sum_loss += told.loss;
    r->sum_right += told.right;
    r->sum_seen += (int64_t)b->count;
    r->sum_steps++;
    FT_TRY(judge_now(r));
    if (r->args->tap) FT_TRY(step_show(r, &told, rate, b->count));
    r->step++;
    progress_tell(r);
    int64_t every = ft_params_int(r->params, "checkpoint_steps");
    if (every && r->step % every == 0) FT_TRY(ft_image_checkpoint_write(r));
    return stop_ask(r);
}

/* ---- epochs */

static void line_tell(const ft_image_run *r, double seconds) {
    char text[240];
    if (!r->args->line) return;
    int n = snprintf(text, sizeof text, "[%lld]\ttrain-loss:%.6f\ttrain-accuracy:%.5f",
                     (long long)r->epoch, r->sum_loss / (double)r->sum_steps,
                     (double)r->sum_right / (double)r->sum_seen);
    if (r->last.count && n > 0)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "\tvalidation-loss:%.6f\tvalidation-accuracy:%.5f", r->last.loss,
                      r->last.accuracy);
    snprintf(text + n, sizeof text - (size_t)n, "\tseconds:%.1f", seconds);
    r->args->line(r->args->ctx, ft_str_of(text));
}

static ft_err epoch_end(ft_image_run *r, int64_t began_us) {
    line_tell(r, (double)(ft_clock_monotonic_us() - began_us) / 1e6);
    progress_tell(r);
    int64_t patience = ft_params_int(r->params, "early_stopping_epochs");
    double enough =
        ft_image_first(r) && patience && r->best_epoch >= 0 && r->epoch - r->best_epoch >= patience;
    FT_TRY(ft_nn_ranks_sum(r->ranks.world > 1 ? &r->ranks : NULL, &enough, 1));
    r->epoch++;
    if (enough > 0) r->epochs = r->epoch;
    r->sum_loss = 0;
    r->sum_right = r->sum_seen = r->sum_steps = 0;
    return ft_image_checkpoint_write(r);
}

static ft_err one_epoch(ft_image_run *r) {
    int64_t began_us = ft_clock_monotonic_us();
    ft_batch *b;
    ft_err err = FT_OK;
    FT_TRY(ft_image_loader_open(r));
    if (r->loader_state.len) FT_TRY(ft_loader_resume(r->loader, r->loader_state));
    r->loader_state = (ft_str){ 0 };
    while (!r->stop && !(err = ft_loader_next(&b, r->loader))) {
        err = one_step(r, b);
        ft_batch_release(b);
        FT_TRY(err);
    }
    if (err != FT_ENOTFOUND) return err; /* stopped, or failed */
    if (r->sum_steps == 0) return FT_FAIL(FT_EINVAL, "no batch of pictures could be read");
    return epoch_end(r, began_us);
}

/* ---- the run */

static ft_err best_room(ft_image_run *r) {
    r->best = -1;
    r->best_epoch = -1;
    if (ft_params_int(r->params, "early_stopping_epochs") == 0) return FT_OK;
    if (!r->judge)
        return FT_FAIL(FT_EINVAL, "early_stopping_epochs: there is no validation data; give a "
                                  "channel 'validation' or validation_share");
    FT_TRY(ft_image_named(&r->best_weights, &r->named_count, r, &r->arena));
    for (size_t i = 0; i < r->named_count; i++) {
        ft_array *a = &r->best_weights[i].value;
        const void *from = a->data;
        FT_TRY(ft_arena_take(&a->data, &r->arena, ft_array_bytes(a)));
        memcpy(a->data, from, ft_array_bytes(a));
    }
    return FT_OK;
}

static ft_err stop_in_good_order(ft_image_run *r) {
    FT_TRY(ft_image_checkpoint_write(r));
    return FT_FAIL(FT_ECANCELED, "stopped after step %lld of %lld", (long long)r->step,
                   (long long)r->steps);
}

static ft_err run(ft_image_run *r) {
    FT_TRY(validate(r->params));
    FT_TRY(ft_image_data_open(r));
    FT_TRY(ft_image_model_build(r));
    FT_TRY(ft_image_plan_choose(r));
    FT_TRY(best_room(r));
    FT_TRY(ft_image_fingerprint(r));
    FT_TRY(ft_image_phase(r));
    FT_TRY(ft_image_loader_open(r));
    r->steps = r->epochs * r->epoch_steps;
    FT_TRY(ft_image_checkpoint_resume(r));
    while (r->epoch < r->epochs && !r->stop) {
        if (r->epoch == r->head_epochs && r->head) FT_TRY(ft_image_phase(r));
        FT_TRY(one_epoch(r));
        FT_TRY(stop_ask(r));
    }
    if (r->epoch < r->epochs) return stop_in_good_order(r);
    return ft_image_first(r) ? ft_image_model_save(r) : FT_OK;
}

static ft_err train(const ft_train_args *args) {
    ft_image_run r = { .args = args,
                       .params = args->params,
                       .head_epochs = ft_params_int(args->params, "head_epochs"),
                       .threads = (int)ft_params_int(args->params, "threads"),
                       .arena = FT_ARENA_INIT((size_t)16 << 30),
                       .step_arena = FT_ARENA_INIT(STEP_BYTES_MAX) };
    if (!r.threads) r.threads = args->threads > 0 ? args->threads : 1;
    if (ft_str_is(ft_params_str(args->params, "precision"), "bf16")) r.math = FT_NN_MATH_BF16;
    ft_err err = ft_nn_ranks_join(&r.ranks);
    if (err == FT_OK) {
        if (!ft_params_given(args->params, "threads") && r.ranks.world > 1)
            r.threads = r.threads > r.ranks.world ? r.threads / r.ranks.world : 1;
        err = run(&r);
    }
    ft_loader_free(r.loader);
    ft_nn_trainer_free(r.trainer);
    ft_nn_graph_free(r.graph);
    if (r.judge != r.train) ft_nn_images_free(r.judge);
    ft_nn_images_free(r.train);
    if (r.freezes) regfree(&r.freeze);
    ft_nn_names_free(r.names);
    ft_arena_fini(&r.step_arena);
    ft_arena_fini(&r.arena);
    return ft_nn_ranks_leave(&r.ranks, err);
}

const ft_algorithm ft_algorithm_image = {
    .name = "image",
    .doc = "networks that tell classes of pictures, from scratch or from weights",
    .params = params,
    .predictor = "network",
    .required_channels = "train",
    .validate = validate,
    .train = train,
};
