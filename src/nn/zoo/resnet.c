/* resnet.c -- ResNet-18, -34, -50 and simple-pose ResNet-18. */
#include <stdio.h>

#include "data/transform.h"
#include "nn/zoo/zoo_in.h"

static int conv_norm(ft_zoo *z, int x, const char *block, const char *conv, const char *norm,
                     ft_zoo_conv c) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", block, conv);
    x = ft_zoo_conv2d(z, x, name, c);
    snprintf(name, sizeof name, "%s.%s", block, norm);
    return ft_zoo_norm(z, x, name, c.out);
}

static int shortcut(ft_zoo *z, int x, const char *block, int in, int out, int stride) {
    if (in == out && stride == 1) return x;
    return conv_norm(z, x, block, "downsample.0", "downsample.1",
                     (ft_zoo_conv){ in, out, 1, stride, 0, 1, false });
}

static int basic(ft_zoo *z, int x, const char *block, int in, int out, int stride) {
    int y =
        conv_norm(z, x, block, "conv1", "bn1", (ft_zoo_conv){ in, out, 3, stride, 1, 1, false });
    y = ft_zoo_relu(z, y);
    y = conv_norm(z, y, block, "conv2", "bn2", (ft_zoo_conv){ out, out, 3, 1, 1, 1, false });
    return ft_zoo_relu(z, ft_zoo_add(z, y, shortcut(z, x, block, in, out, stride)));
}

/* The stride stands at the 3x3, as in torchvision (and unlike the paper). */
static int bottleneck_block(ft_zoo *z, int x, const char *block, int in, int out, int stride) {
    int narrow = out / 4;
    int y = conv_norm(z, x, block, "conv1", "bn1", (ft_zoo_conv){ in, narrow, 1, 1, 0, 1, false });
    y = ft_zoo_relu(z, y);
    y = conv_norm(z, y, block, "conv2", "bn2",
                  (ft_zoo_conv){ narrow, narrow, 3, stride, 1, 1, false });
    y = ft_zoo_relu(z, y);
    y = conv_norm(z, y, block, "conv3", "bn3", (ft_zoo_conv){ narrow, out, 1, 1, 0, 1, false });
    return ft_zoo_relu(z, ft_zoo_add(z, y, shortcut(z, x, block, in, out, stride)));
}

int ft_zoo_resnet_trunk(ft_zoo *z, int image, const int blocks[4], bool bottleneck) {
    int x =
        ft_zoo_conv2d(z, image, "conv1", (ft_zoo_conv){ z->opts.channels, 64, 7, 2, 3, 1, false });
    x = ft_zoo_maxpool(z, ft_zoo_relu(z, ft_zoo_norm(z, x, "bn1", 64)), 3, 2, 1);
    int in = 64;
    for (int layer = 0; layer < 4; layer++)
        for (int i = 0; i < blocks[layer]; i++) {
            char name[32];
            int out = (64 << layer) * (bottleneck ? 4 : 1), stride = layer > 0 && i == 0 ? 2 : 1;
            snprintf(name, sizeof name, "layer%d.%d", layer + 1, i);
            x = bottleneck ? bottleneck_block(z, x, name, in, out, stride)
                           : basic(z, x, name, in, out, stride);
            in = out;
        }
    return x;
}

static void classify(ft_zoo *z, int x, int features) {
    ft_zoo_output(z, ft_zoo_linear(z, ft_zoo_avgpool_all(z, x), "fc", features, z->opts.classes));
}

static void resnet18(ft_zoo *z, int image) {
    classify(z, ft_zoo_resnet_trunk(z, image, (int[]){ 2, 2, 2, 2 }, false), 512);
}
static void resnet34(ft_zoo *z, int image) {
    classify(z, ft_zoo_resnet_trunk(z, image, (int[]){ 3, 4, 6, 3 }, false), 512);
}
static void resnet50(ft_zoo *z, int image) {
    classify(z, ft_zoo_resnet_trunk(z, image, (int[]){ 3, 4, 6, 3 }, true), 2048);
}

/* Heat maps of `classes` key points at a quarter of the input's size. */
static void simple_pose(ft_zoo *z, int image) {
    int x = ft_zoo_resnet_trunk(z, image, (int[]){ 2, 2, 2, 2 }, false), in = 512;
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "deconv_layers.%d", 3 * i);
        x = ft_zoo_deconv2d(z, x, name, (ft_zoo_conv){ in, 256, 4, 2, 1, 1, false });
        snprintf(name, sizeof name, "deconv_layers.%d", 3 * i + 1);
        x = ft_zoo_relu(z, ft_zoo_norm(z, x, name, 256));
        in = 256;
    }
    ft_zoo_output(z, ft_zoo_conv2d(z, x, "final_layer",
                                   (ft_zoo_conv){ 256, z->opts.classes, 1, 1, 0, 1, true }));
}

const ft_nn_arch ft_arch_resnet18 = { .name = "resnet18",
                                      .doc = "ResNet-18, torchvision's names",
                                      .classes = 1000,
                                      .channels = 3,
                                      .size = 224,
                                      .mean = ft_imagenet_mean,
                                      .deviation = ft_imagenet_deviation,
                                      .fit = FT_NN_FIT_CROP,
                                      .scores = true,
                                      .classifier = "fc",
                                      .build = resnet18 };
const ft_nn_arch ft_arch_resnet34 = { .name = "resnet34",
                                      .doc = "ResNet-34, torchvision's names",
                                      .classes = 1000,
                                      .channels = 3,
                                      .size = 224,
                                      .mean = ft_imagenet_mean,
                                      .deviation = ft_imagenet_deviation,
                                      .fit = FT_NN_FIT_CROP,
                                      .scores = true,
                                      .classifier = "fc",
                                      .build = resnet34 };
const ft_nn_arch ft_arch_resnet50 = { .name = "resnet50",
                                      .doc = "ResNet-50, torchvision's names",
                                      .classes = 1000,
                                      .channels = 3,
                                      .size = 224,
                                      .mean = ft_imagenet_mean,
                                      .deviation = ft_imagenet_deviation,
                                      .fit = FT_NN_FIT_CROP,
                                      .scores = true,
                                      .classifier = "fc",
                                      .build = resnet50 };
const ft_nn_arch ft_arch_simple_pose = {
    .name = "simple_pose_resnet18",
    .doc = "key points by ResNet-18 and deconvolutions, GluonCV's names",
    .classes = 17,
    .channels = 3,
    .size = 256,
    .mean = ft_imagenet_mean,
    .deviation = ft_imagenet_deviation,
    .fit = FT_NN_FIT_CROP,
    .classifier = "final_layer",
    .build = simple_pose
};
