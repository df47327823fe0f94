/* saliency.h -- FullGrad's map from stored tensors, as the post computes it: the gradient of the
 * picture x the picture, and of every BatchNormalization the gradient of what it gave x what it
 * adds (bias - weight x mean / deviation), all out of one step of a trial.
 *
 * Names are those of nn/names.h and of smdebug's PyTorch hook. Threads: any; one trial, one thread.
 */
#ifndef FT_SALIENCY_H
#define FT_SALIENCY_H

#include "nn/explain.h"
#include "trials/trial.h"

/* What an endpoint must keep for a map, as `fettle deploy` takes it. */
#define FT_SALIENCY_TAP "--tap '.*bn|.*_input_0|.*image'"

typedef struct ft_saliency {
    int64_t step;
    ft_nn_map map;
    ft_array image;  /* the network's input, [1, channels, height, width] */
    int layers;      /* that the map adds up, the picture's own among them */
    int passed_over; /* gradients whose layer's numbers are not there */
} ft_saliency;

/* Texts and numbers in the arena. FT_ENOTFOUND when the step has no gradient/image with its
 * picture.
 */
ft_err ft_saliency_of(ft_saliency *out, ft_trial *t, int64_t step, ft_arena *arena);
/* The stored input as a picture: each channel between its least and largest value. */
ft_err ft_saliency_picture(ft_image *out, const ft_array *image, ft_arena *arena);

#endif
