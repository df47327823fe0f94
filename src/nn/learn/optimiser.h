/* optimiser.h -- how weights follow their gradients: SGD with momentum, Adam, AdamW; and how fast:
 * schedules of the learning rate.
 *
 * The formulas are torch's (torch.optim.SGD, Adam, AdamW of 1.13; clip_grad_norm_): the same
 * weights, gradients and settings give the same weights to rounding. Sources: I. Sutskever et al.,
 * "On the importance of initialization and momentum in deep learning", 2013; D. Kingma, J. Ba,
 * "Adam", 2015; I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019; the same,
 * "SGDR", 2017 (cosine).
 *
 * Threads: one at a time; the work is shared by `threads`, the bits do not depend on them.
 * Ownership: the list of weights is borrowed. */
#ifndef FT_NN_OPTIMISER_H
#define FT_NN_OPTIMISER_H

#include "nn/gradient.h"

typedef enum ft_nn_optimiser_kind { FT_NN_SGD = 0, FT_NN_ADAM, FT_NN_ADAMW } ft_nn_optimiser_kind;

typedef struct ft_nn_optimiser_opts {
    ft_nn_optimiser_kind kind;
    double momentum; /* SGD */
    bool nesterov;
    double weight_decay;
    double beta1, beta2, epsilon; /* Adam; 0: 0.9, 0.999, 1e-8 */
    double clip_norm;             /* of all gradients together; 0: they are not clipped */
    int threads;
} ft_nn_optimiser_opts;

typedef struct ft_nn_optimiser ft_nn_optimiser;

/* `learnt`, `grads` and `total` as ft_nn_gradient_learnt gave them; borrowed. */
ft_err ft_nn_optimiser_new(ft_nn_optimiser **out, const ft_nn_learnt *learnt, size_t count,
                           float *grads, int64_t total, const ft_nn_optimiser_opts *opts);
void ft_nn_optimiser_free(ft_nn_optimiser *o); /* fine on NULL */
/* Of all gradients together (Euclidean). */
double ft_nn_optimiser_norm(ft_nn_optimiser *o);
/* One step by the gradients that are there, whose norm is `norm`; they are scaled when clipped. */
void ft_nn_optimiser_step(ft_nn_optimiser *o, double learning_rate, double norm);

/* What a checkpoint keeps: steps done, and the averages of each weight (one or two lists a weight,
 * `slot` 0 and 1, named "momentum", "first", "second"); false past the last. */
int64_t *ft_nn_optimiser_steps(ft_nn_optimiser *o);
bool ft_nn_optimiser_slot(const ft_nn_optimiser *o, int slot, const char **name, float **at);

typedef enum ft_nn_schedule_kind {
    FT_NN_CONSTANT = 0,
    FT_NN_STEP,  /* times `factor` after every `every` steps */
    FT_NN_COSINE /* down to `last` times the rate at the last step */
} ft_nn_schedule_kind;

typedef struct ft_nn_schedule {
    ft_nn_schedule_kind kind;
    double rate, factor, last;
    int64_t every, steps, warmup; /* `warmup`: steps of a straight rise before */
} ft_nn_schedule;
double ft_nn_schedule_rate(const ft_nn_schedule *s, int64_t step);

#endif
