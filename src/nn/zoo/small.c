/* small.c -- small networks for small pictures: 28x28 (digits, clothes) and 32x32 (signs, things).
 */
#include <stdio.h>

#include "nn/zoo/zoo_in.h"

static int block(ft_zoo *z, int x, int number, int in, int out) {
    char name[32];
    snprintf(name, sizeof name, "conv%d", number);
    x = ft_zoo_conv2d(z, x, name, (ft_zoo_conv){ in, out, 3, 1, 1, 1, false });
    snprintf(name, sizeof name, "bn%d", number);
    return ft_zoo_relu(z, ft_zoo_norm(z, x, name, out));
}

/* Pairs of convolutions, halved after each; then two linear layers. */
static void small(ft_zoo *z, int image, const int *widths, int pairs, int hidden) {
    int x = image, in = z->opts.channels, number = 1, side = z->opts.size;
    for (int i = 0; i < pairs; i++) {
        x = block(z, x, number++, in, widths[i]);
        x = block(z, x, number++, widths[i], widths[i]);
        x = ft_zoo_maxpool(z, x, 2, 2, 0);
        in = widths[i];
        side /= 2;
    }
    x = ft_zoo_linear(z, ft_zoo_flatten(z, x), "fc1", in * side * side, hidden);
    x = ft_zoo_dropout(z, ft_zoo_relu(z, x), 0.5);
    ft_zoo_output(z, ft_zoo_linear(z, x, "fc2", hidden, z->opts.classes));
}

static void cnn28(ft_zoo *z, int image) { small(z, image, (int[]){ 32, 64 }, 2, 128); }
static void cnn32(ft_zoo *z, int image) { small(z, image, (int[]){ 32, 64, 128 }, 3, 256); }

static const float half[] = { 0.5F, 0.5F, 0.5F };

const ft_nn_arch ft_arch_cnn28 = { .name = "cnn28",
                                   .doc = "four convolutions, for 28x28 grey pictures",
                                   .classes = 10,
                                   .channels = 1,
                                   .size = 28,
                                   .mean = half,
                                   .deviation = half,
                                   .fit = FT_NN_FIT_STRETCH,
                                   .scores = true,
                                   .classifier = "fc2",
                                   .build = cnn28 };
const ft_nn_arch ft_arch_cnn32 = { .name = "cnn32",
                                   .doc = "six convolutions, for 32x32 colour pictures",
                                   .classes = 10,
                                   .channels = 3,
                                   .size = 32,
                                   .mean = half,
                                   .deviation = half,
                                   .fit = FT_NN_FIT_STRETCH,
                                   .scores = true,
                                   .classifier = "fc2",
                                   .build = cnn32 };
