/* attack.h -- pictures changed by little so that a network answers otherwise: the test of what
 * watches it.
 *
 *     fgsm   one step along the gradient's signs. I. Goodfellow et al., 2015, section 4.
 *     pgd    many small ones from a random start, each brought back to within epsilon. A. Madry et
 *            al., 2018, section 2.1.
 *     noise  random signs of the same size: the control. What it changes is not the attack's merit.
 *
 * The gradient goes on through the network's own preparation of pictures (resize, crop, mean and
 * deviation), so the picture keeps its size. Whatever is said of the result holds for the PNG as it
 * is written: its bytes are read again, prepared as any request's, and answered.
 *
 * Threads: as the explainer's. Memory: results live in the arena. */
#ifndef FT_NN_ATTACK_H
#define FT_NN_ATTACK_H

#include "nn/explain.h"

typedef enum ft_nn_attack_method { FT_NN_PGD = 0, FT_NN_FGSM, FT_NN_NOISE } ft_nn_attack_method;
#define FT_NN_ATTACK_CHOICES "pgd|fgsm|noise"
ft_err ft_nn_attack_parse(ft_nn_attack_method *out, ft_str name);

typedef struct ft_nn_attack_opts {
    ft_nn_attack_method method;
    bool targeted;     /* else: away from what was answered */
    int target;        /* the class to be answered */
    double epsilon;    /* largest change of a channel, in 1/255; 0: 8 */
    int steps;         /* pgd; 0: 40 */
    double step;       /* pgd's, in 1/255; 0: 2.5 epsilon / steps, at least 0.5 */
    double confidence; /* pgd stops when the answer is as wanted with this probability; 0: 0.9 */
    uint64_t seed;
} ft_nn_attack_opts;

typedef struct ft_nn_attacked {
    ft_image before, after; /* upright, with the network's channels */
    ft_str png;             /* `after` as a file */
    int class_before, class_after;
    double probability_before, probability_after; /* of those classes */
    double target_probability;                    /* targeted: after */
    bool success;    /* the target is answered, or another class than before */
    bool flat;       /* the gradient was nothing but zeros all the time: a step function's */
    int steps;       /* taken */
    int change_most; /* of any channel, in 1/255 */
} ft_nn_attacked;

/* `picture`: a JPEG, PNG or PNM file's bytes. FT_EINVAL for a target that is no class. */
ft_err ft_nn_attack(ft_nn_attacked *out, ft_nn_explainer *e, const ft_nn_network *n, ft_str picture,
                    const ft_nn_attack_opts *opts, ft_arena *arena);
/* What was changed, as a picture: grey is nothing, and the largest change is black or white. */
ft_err ft_nn_attack_difference(ft_image *out, const ft_nn_attacked *a, ft_arena *arena);

/* ---- how a network sees pictures of a size: input = (rows x pixels x columns), then mean and
 * deviation */
typedef struct ft_nn_sight {
    int width, height; /* of pictures */
    int channels, to_width, to_height;
    bool last, bgr;
    float *columns, *rows;       /* [to_width, width], [to_height, height] */
    int *column_span, *row_span; /* of each row of these: first and one past the last weight */
    float scale[3], shift[3];    /* of a channel: input = pixel (0..255) x scale + shift */
} ft_nn_sight;
ft_err ft_nn_sight_of(ft_nn_sight *out, const ft_nn_network *n, int width, int height,
                      ft_arena *arena);
/* Pixels (floats 0..255, interleaved) as the input, and the input's gradient as the pixels'. */
void ft_nn_sight_apply(const ft_nn_sight *s, float *input, const float *pixels, float *scratch);
void ft_nn_sight_adjoint(const ft_nn_sight *s, float *pixels, const float *input, float *scratch);
/* Floats of scratch. */
size_t ft_nn_sight_scratch(const ft_nn_sight *s);

#endif
