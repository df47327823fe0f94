/* trainer.h -- a network that learns to tell classes: loss, gradients, optimiser, one step at a
 * time. Data, epochs and files are the business of who calls (algorithm_image.c).
 *
 *     ft_nn_trainer_new(&t, graph, &opts);
 *     for (…) ft_nn_trainer_step(t, &images, labels, rate, &told);
 *
 * The graph's weights and running statistics become its own memory and change in place: the same
 * graph is exported or served afterwards. The loss is torch's cross entropy (mean over the batch,
 * labels smoothed). The same graph, seed, batches and threads give the same bits.
 *
 * Threads: one at a time. Ownership: the graph is borrowed. */
#ifndef FT_NN_TRAINER_H
#define FT_NN_TRAINER_H

#include "nn/learn/optimiser.h"

typedef struct ft_nn_trainer ft_nn_trainer;

typedef struct ft_nn_trainer_opts {
    ft_nn_optimiser_opts optimiser;
    double label_smoothing;
    ft_nn_math math;
    int threads;
    uint64_t seed;
    bool (*frozen)(void *ctx, ft_str name); /* weights that do not learn; NULL: all do */
    bool (*keep)(void *ctx, ft_str name);   /* values that a tap may want; may be NULL */
    void *ctx;
    const struct ft_nn_ranks *ranks; /* of one training (ranks.h); NULL: this process is all */
} ft_nn_trainer_opts;

typedef struct ft_nn_told_step {
    double loss;   /* mean over the batch (over all ranks' batches) */
    double norm;   /* of all gradients */
    int64_t right; /* of this rank's batch, by the training-mode forward */
} ft_nn_told_step;

/* FT_EINVAL when the graph has not one image input and one output of [n, classes]. */
ft_err ft_nn_trainer_new(ft_nn_trainer **out, ft_nn_graph *graph, const ft_nn_trainer_opts *opts);
void ft_nn_trainer_free(ft_nn_trainer *t); /* fine on NULL */
/* One step. `images` as the graph's input takes them, `labels` one int64 an image. FT_ECORRUPT when
 * loss or gradients are not numbers any more: the sentence names step and layer, and the weights
 * are those before the step. FT_EINVAL for a label that is no class. */
ft_err ft_nn_trainer_step(ft_nn_trainer *t, const ft_array *images, const int64_t *labels,
                          double learning_rate, ft_nn_told_step *told);
ft_nn_optimiser *ft_nn_trainer_optimiser(ft_nn_trainer *t);
ft_nn_gradient *ft_nn_trainer_gradient(ft_nn_trainer *t); /* to look at values and gradients */

#endif
