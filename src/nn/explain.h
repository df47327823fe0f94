/* explain.h -- why a network answers as it does: how much every pixel of a picture has to do with
 * the score of a class.
 *
 *     ft_nn_explainer_new(&e, network, 1);
 *     ft_nn_explain(&x, e, &image, NULL, &arena);        // FullGrad of the class that was answered
 *     ft_nn_map_png(&png, &x, &picture, 0.5F);           // the heat map over the picture
 *
 * Scores are those before the last softmax. Methods:
 *
 *     fullgrad     input-gradient x input and all bias-gradients. Their sum is the score itself
 *                  (the completeness check): what BatchNormalization adds counts as a bias, and so
 *                  does what a clipped or curved activation adds to its tangent. The map: absolute
 *                  values, each layer's scaled to 0..1, zoomed to the picture (corners on corners),
 *                  summed. S. Srinivas, F. Fleuret, "Full-Gradient Representation for Neural
 *                  Network Visualization", NeurIPS 2019, eq. 2 and 7.
 *     gradient     the largest absolute gradient of a pixel's channels. K. Simonyan et al., 2013.
 *     smoothgrad   the same of the mean gradient over noisy copies. D. Smilkov et al., 2017.
 *     gradcam      the last layer of pictures, its channels weighted by their mean gradients.
 *                  R. Selvaraju et al., 2017, eq. 1 and 2.
 *
 * Threads: an explainer belongs to one thread at a time. Ownership: the network is borrowed and
 * must outlive it; maps live in the arena given. */
#ifndef FT_NN_EXPLAIN_H
#define FT_NN_EXPLAIN_H

#include "base/buf.h"
#include "media/image.h"
#include "nn/network.h"

typedef enum ft_nn_method {
    FT_NN_FULLGRAD = 0,
    FT_NN_GRADIENT,
    FT_NN_SMOOTHGRAD,
    FT_NN_GRADCAM,
    FT_NN_METHODS
} ft_nn_method;
#define FT_NN_METHOD_CHOICES "fullgrad|gradient|smoothgrad|gradcam"
const char *ft_nn_method_name(ft_nn_method m);
ft_err ft_nn_method_parse(ft_nn_method *out, ft_str name); /* FT_EINVAL lists them */

typedef struct ft_nn_explainer ft_nn_explainer;
/* FT_EUNSUPPORTED when the network does not take pictures, does not give one score a class, or has
 * no gradient: the sentence names the node in the way. */
ft_err ft_nn_explainer_new(ft_nn_explainer **out, const ft_nn_network *n, int threads);
void ft_nn_explainer_free(ft_nn_explainer *e); /* fine on NULL */

typedef struct ft_nn_explain_opts {
    ft_nn_method method;
    bool class_given;
    int class;     /* when given; else the one with the highest score */
    int samples;   /* smoothgrad; 0: 25 */
    double noise;  /* smoothgrad: deviation over the range of the input's values; 0: 0.15 */
    uint64_t seed; /* of the noise */
} ft_nn_explain_opts;

typedef struct ft_nn_explanation {
    ft_nn_method method;
    int class, classes;
    double score, probability;
    int width, height;
    float *map; /* height x width, >= 0: more is more important */
    /* FullGrad: what the input and the biases add to the score, and by how much of the score their
     * sum is off. */
    double input_part, bias_part, incompleteness;
} ft_nn_explanation;

/* `image`: the network's input for one picture, [1, …], as ft_nn_picture gives it. `opts` may be
 * NULL. FT_EINVAL for a class that is not one. */
ft_err ft_nn_explain(ft_nn_explanation *out, ft_nn_explainer *e, const ft_array *image,
                     const ft_nn_explain_opts *opts, ft_arena *arena);

/* The score's gradient with respect to the input: what attacks climb. `weights` (one a class) are
 * chosen by `choose` from the scores: d (sum of weights x scores) / d input, in the arena. */
typedef void ft_nn_choose_weights(void *ctx, const float *scores, int classes, float *weights);
ft_err ft_nn_input_gradient(ft_array *out, ft_nn_explainer *e, const ft_array *image,
                            ft_nn_choose_weights *choose, void *ctx, ft_arena *arena);
/* Scores alone; in the arena. */
ft_err ft_nn_scores(float **out, int *classes, ft_nn_explainer *e, const ft_array *image,
                    ft_arena *arena);

/* ---- maps, for whoever has the tensors (a stored trial): FullGrad's sum of layers */
typedef struct ft_nn_map {
    int width, height;
    float *at;
} ft_nn_map;
/* Zeros, in the arena. */
ft_err ft_nn_map_new(ft_nn_map *out, ft_arena *arena, int width, int height);
/* Add |gradient x factor|, scaled to 0..1 over the layer, its channels summed, zoomed to the map.
 * `gradient`: [1, channels, height, width] (of one picture), f32; `factor`: one a channel (a bias)
 * when `factors` is the number of channels, else one an item (the input). */
ft_err ft_nn_map_add(ft_nn_map *m, const ft_array *gradient, const float *factor, int64_t factors,
                     ft_arena *arena);
/* m += `from` (height x width), bilinear with corners on corners. */
ft_err ft_nn_map_zoom(ft_nn_map *m, const float *from, int width, int height, ft_arena *arena);
/* What BatchNormalization adds to each channel: bias - weight x mean / sqrt(variance + epsilon). */
void ft_nn_norm_bias(float *out, int64_t channels, const float *weight, const float *bias,
                     const float *mean, const float *variance, double epsilon);

/* The map in colours (jet, from its least to its largest value) over the picture, brought to the
 * picture's size, as a PNG. Opacity 1 shows the map alone. `picture` may be NULL then. */
ft_err ft_nn_map_png(ft_buf *out, const ft_nn_map *m, const ft_image *picture, float opacity);

#endif
