/* image_run.h -- one run of the algorithm "image", shared by its parts. Private to learn/. */
#ifndef FT_NN_IMAGE_RUN_H
#define FT_NN_IMAGE_RUN_H

#include <regex.h>

#include "models/algorithm.h"
#include "nn/learn/images.h"
#include "nn/learn/ranks.h"
#include "nn/learn/trainer.h"
#include "nn/names.h"
#include "nn/zoo/zoo.h"

typedef struct ft_image_score {
    double loss, accuracy;
    int64_t count;
} ft_image_score;

typedef struct ft_image_run {
    const ft_train_args *args;
    const ft_params *params;
    ft_nn_ranks ranks;
    ft_nn_images *train, *judge; /* judge may be the other side of train, or NULL */
    bool judge_side;             /* judge is train's own other side */
    const ft_nn_arch *arch;
    ft_nn_graph *graph;
    int channels, size;
    int64_t batch; /* pictures a step, of this rank */
    double rate;   /* of learning, after the warm-up */
    double clip_norm;
    float mean[3], std[3];
    int threads;
    ft_nn_math math;
    regex_t freeze;
    bool freezes;
    ft_loader *loader;
    ft_str loader_state; /* to go on from; empty: the epoch's begin */

    /* Where it stands. */
    ft_nn_trainer *trainer;
    ft_nn_names *names; /* of layers, when a tap wants them; NULL: not asked yet */
    bool head;          /* only the last layer learns */
    int64_t epoch, epochs, head_epochs;
    int64_t step, steps; /* done of all */
    int64_t epoch_steps;
    ft_image_score last; /* of the validation */
    double sum_loss;     /* of this epoch's steps */
    int64_t sum_right, sum_seen, sum_steps;
    double best; /* accuracy, -1: none yet */
    int64_t best_epoch;
    ft_nn_named *best_weights; /* copies; NULL: not kept */
    size_t named_count;
    char fingerprint[65];
    bool stop, scored; /* the validation was just done */
    ft_arena arena, step_arena;
} ft_image_run;

static inline bool ft_image_first(const ft_image_run *r) { return r->ranks.rank == 0; }

/* image_choose.c: the network and its size; batch, epochs and rate; what is given is taken. */
ft_err ft_image_arch_choose(ft_image_run *r);
ft_err ft_image_plan_choose(ft_image_run *r);
/* image_data.c: channels, transforms, loaders. */
ft_err ft_image_data_open(ft_image_run *r);
ft_err ft_image_loader_open(ft_image_run *r);
ft_err ft_image_score_all(ft_image_score *out, ft_image_run *r);
/* image_model.c: the network, what is frozen, and what is left behind. */
ft_err ft_image_model_build(ft_image_run *r);
bool ft_image_frozen(void *run, ft_str name);
ft_err ft_image_model_save(ft_image_run *r);
/* Weights and states of the graph as a list that views them, in its order. */
ft_err ft_image_named(ft_nn_named **out, size_t *count, ft_image_run *r, ft_arena *arena);
/* image_checkpoint.c */
ft_err ft_image_fingerprint(ft_image_run *r);
ft_err ft_image_checkpoint_write(ft_image_run *r);
/* Nothing there: nothing changes. The trainer is there after this. */
ft_err ft_image_checkpoint_resume(ft_image_run *r);
/* image_show.c */
bool ft_image_kept(void *run, ft_str name);
ft_err ft_image_show(ft_image_run *r, const ft_nn_told_step *told, double rate, size_t seen);
/* algorithm_image.c: the trainer of the phase that `epoch` is in. */
ft_err ft_image_phase(ft_image_run *r);

#endif
