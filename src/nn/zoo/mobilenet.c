/* mobilenet.c -- MobileNetV2, and YOLOv3 on MobileNet 1.0. */
#include <math.h>
#include <stdio.h>

#include "data/transform.h"
#include "nn/zoo/zoo_in.h"

/* ---- MobileNetV2 */

static int conv_norm6(ft_zoo *z, int x, const char *name, ft_zoo_conv c, bool active) {
    char norm[96], conv[96];
    snprintf(conv, sizeof conv, "%s.0", name);
    snprintf(norm, sizeof norm, "%s.1", name);
    x = ft_zoo_norm(z, ft_zoo_conv2d(z, x, conv, c), norm, c.out);
    return active ? ft_zoo_relu6(z, x) : x;
}

static int inverted(ft_zoo *z, int x, const char *name, int in, int out, int stride, int expand) {
    char part[80], norm[80];
    int wide = in * expand, at = 0, y = x;
    if (expand != 1) {
        snprintf(part, sizeof part, "%s.conv.%d", name, at++);
        y = conv_norm6(z, y, part, (ft_zoo_conv){ in, wide, 1, 1, 0, 1, false }, true);
    }
    snprintf(part, sizeof part, "%s.conv.%d", name, at++);
    y = conv_norm6(z, y, part, (ft_zoo_conv){ wide, wide, 3, stride, 1, wide, false }, true);
    snprintf(part, sizeof part, "%s.conv.%d", name, at++);
    snprintf(norm, sizeof norm, "%s.conv.%d", name, at);
    y = ft_zoo_conv2d(z, y, part, (ft_zoo_conv){ wide, out, 1, 1, 0, 1, false });
    y = ft_zoo_norm(z, y, norm, out);
    return stride == 1 && in == out ? ft_zoo_add(z, x, y) : y;
}

static void mobilenet_v2(ft_zoo *z, int image) {
    static const int rows[][4] = { { 1, 16, 1, 1 }, { 6, 24, 2, 2 }, { 6, 32, 3, 2 },
                                   { 6, 64, 4, 2 }, { 6, 96, 3, 1 }, { 6, 160, 3, 2 },
                                   { 6, 320, 1, 1 } }; /* expansion, channels, times, stride */
    char name[32];
    int in = 32, at = 1;
    int x = conv_norm6(z, image, "features.0",
                       (ft_zoo_conv){ z->opts.channels, 32, 3, 2, 1, 1, false }, true);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int i = 0; i < rows[r][2]; i++) {
            snprintf(name, sizeof name, "features.%d", at++);
            x = inverted(z, x, name, in, rows[r][1], i == 0 ? rows[r][3] : 1, rows[r][0]);
            in = rows[r][1];
        }
    x = conv_norm6(z, x, "features.18", (ft_zoo_conv){ 320, 1280, 1, 1, 0, 1, false }, true);
    x = ft_zoo_dropout(z, ft_zoo_avgpool_all(z, x), 0.2);
    ft_zoo_output(z, ft_zoo_linear(z, x, "classifier.1", 1280, z->opts.classes));
}

/* ---- YOLOv3 on MobileNet 1.0, GluonCV's layout */

typedef struct stage { /* a slice of MobileNet's list of layers */
    int number, layer;
} stage;

static int layer(ft_zoo *z, int x, stage *s, ft_zoo_conv c) {
    char name[64];
    snprintf(name, sizeof name, "stages.%d.%d", s->number, s->layer);
    x = ft_zoo_conv2d(z, x, name, c);
    snprintf(name, sizeof name, "stages.%d.%d", s->number, s->layer + 1);
    s->layer += 3; /* convolution, norm, activation */
    return ft_zoo_relu(z, ft_zoo_norm(z, x, name, c.out));
}

static int separable(ft_zoo *z, int x, stage *s, int in, int out, int stride) {
    x = layer(z, x, s, (ft_zoo_conv){ in, in, 3, stride, 1, in, false });
    return layer(z, x, s, (ft_zoo_conv){ in, out, 1, 1, 0, 1, false });
}

static int leaky_conv(ft_zoo *z, int x, const char *name, ft_zoo_conv c) {
    char part[80];
    snprintf(part, sizeof part, "%s.0", name);
    x = ft_zoo_conv2d(z, x, part, c);
    snprintf(part, sizeof part, "%s.1", name);
    return ft_zoo_leaky(z, ft_zoo_norm(z, x, part, c.out), 0.1);
}

/* Five convolutions, narrow and wide in turn; then one for the output. */
static int yolo_block(ft_zoo *z, int x, int number, int in, int channels, int *tip) {
    char name[64];
    for (int i = 0; i < 5; i++) {
        bool wide = i % 2 == 1;
        snprintf(name, sizeof name, "yolo_blocks.%d.body.%d", number, i);
        x = leaky_conv(z, x, name,
                       (ft_zoo_conv){ i == 0 ? in
                                      : wide ? channels
                                             : 2 * channels,
                                      wide ? 2 * channels : channels, wide ? 3 : 1, 1, wide, 1,
                                      false });
    }
    snprintf(name, sizeof name, "yolo_blocks.%d.tip", number);
    *tip = leaky_conv(z, x, name, (ft_zoo_conv){ channels, 2 * channels, 3, 1, 1, 1, false });
    return x;
}

static int reshape(ft_zoo *z, int x, size_t count, const int64_t *shape) {
    return ft_zoo_op(z, "Reshape", (int[]){ x, ft_zoo_i64(z, count, shape) }, 2);
}

static int slice_last(ft_zoo *z, int x, int64_t from, int64_t to, int64_t axis) {
    int in[] = { x, ft_zoo_i64(z, 1, &from), ft_zoo_i64(z, 1, &to), ft_zoo_i64(z, 1, &axis) };
    return ft_zoo_op(z, "Slice", in, 4);
}

/* x and y of each cell, once an anchor: [1, side * side, 1, 2]. */
static int cells(ft_zoo *z, int side) {
    int64_t shape[] = { 1, (int64_t)side * side, 1, 2 };
    float *at = NULL;
    if (z->err == FT_OK) z->err = ft_arena_items(&at, &z->g->arena, 2 * (size_t)(side * side));
    for (int i = 0; z->err == FT_OK && i < side * side; i++) {
        at[2 * i] = (float)(i % side);
        at[2 * i + 1] = (float)(i / side);
    }
    return ft_zoo_f32(z, 4, shape, at);
}

/* From raw numbers to corners and scores, one scale: "Bounding box prediction" of the paper. */
static void decode(ft_zoo *z, int raw, int stride, const float anchors[6], int *boxes,
                   int *scores) {
    int64_t each = 5 + z->opts.classes, side = z->opts.size / stride, cell_count = side * side;
    float step = (float)stride, half = 0.5F;
    int flat = reshape(z, raw, 3, (int64_t[]){ 0, 3 * each, cell_count });
    ft_nn_attr perm = {
        .name = "perm", .type = FT_NN_INTS, .ints = (int64_t[]){ 0, 2, 1 }, .count = 3
    };
    int turned = ft_zoo_node(z, &(ft_nn_node_spec){ .op = "Transpose",
                                                    .inputs = &flat,
                                                    .input_count = 1,
                                                    .output_count = 1,
                                                    .attrs = &perm,
                                                    .attr_count = 1 });
    int all = reshape(z, turned, 4, (int64_t[]){ 0, cell_count, 3, each });
    int centre = slice_last(z, all, 0, 2, 3), size = slice_last(z, all, 2, 4, 3);
    int object = slice_last(z, all, 4, 5, 3), classes = slice_last(z, all, 5, each, 3);
    centre = ft_zoo_add(z, ft_zoo_op(z, "Sigmoid", &centre, 1), cells(z, (int)side));
    centre = ft_zoo_op(z, "Mul", (int[]){ centre, ft_zoo_f32(z, 0, NULL, &step) }, 2);
    int anchor = ft_zoo_f32(z, 4, (int64_t[]){ 1, 1, 3, 2 }, anchors);
    size = ft_zoo_op(z, "Mul", (int[]){ ft_zoo_op(z, "Exp", &size, 1), anchor }, 2);
    size = ft_zoo_op(z, "Mul", (int[]){ size, ft_zoo_f32(z, 0, NULL, &half) }, 2);
    int corners[] = { ft_zoo_op(z, "Sub", (int[]){ centre, size }, 2),
                      ft_zoo_add(z, centre, size) };
    ft_nn_attr axis = { .name = "axis", .type = FT_NN_INT, .i = 3 };
    int both = ft_zoo_node(z, &(ft_nn_node_spec){ .op = "Concat",
                                                  .inputs = corners,
                                                  .input_count = 2,
                                                  .output_count = 1,
                                                  .attrs = &axis,
                                                  .attr_count = 1 });
    int score = ft_zoo_op(
        z, "Mul",
        (int[]){ ft_zoo_op(z, "Sigmoid", &object, 1), ft_zoo_op(z, "Sigmoid", &classes, 1) }, 2);
    *boxes = reshape(z, both, 3, (int64_t[]){ 0, 3 * cell_count, 4 });
    *scores = reshape(z, score, 3, (int64_t[]){ 0, 3 * cell_count, z->opts.classes });
}

static int concat(ft_zoo *z, const int *in, size_t count) {
    ft_nn_attr axis = { .name = "axis", .type = FT_NN_INT, .i = 1 };
    return ft_zoo_node(z, &(ft_nn_node_spec){ .op = "Concat",
                                              .inputs = in,
                                              .input_count = count,
                                              .output_count = 1,
                                              .attrs = &axis,
                                              .attr_count = 1 });
}

static int twice(ft_zoo *z, int x) {
    float scales[] = { 1, 1, 2, 2 };
    int in[] = { x, FT_NN_NONE, ft_zoo_f32(z, 1, (int64_t[]){ 4 }, scales) };
    ft_nn_attr attrs[] = { { .name = "mode", .type = FT_NN_STRING, .s = FT_STR("nearest") },
                           { .name = "coordinate_transformation_mode",
                             .type = FT_NN_STRING,
                             .s = FT_STR("asymmetric") },
                           { .name = "nearest_mode", .type = FT_NN_STRING, .s = FT_STR("floor") } };
    return ft_zoo_node(z, &(ft_nn_node_spec){ .op = "Resize",
                                              .inputs = in,
                                              .input_count = 3,
                                              .output_count = 1,
                                              .attrs = attrs,
                                              .attr_count = 3 });
}

static void trunk(ft_zoo *z, int image, int routes[3]) {
    stage s = { 0, 0 };
    int x = layer(z, image, &s, (ft_zoo_conv){ z->opts.channels, 32, 3, 2, 1, 1, false });
    static const int rows[][3] = { { 32, 64, 1 },    { 64, 128, 2 },  { 128, 128, 1 },
                                   { 128, 256, 2 },  { 256, 256, 1 }, { 256, 512, 2 },
                                   { 512, 512, 1 },  { 512, 512, 1 }, { 512, 512, 1 },
                                   { 512, 512, 1 },  { 512, 512, 1 }, { 512, 1024, 2 },
                                   { 1024, 1024, 1 } };
    for (int i = 0; i < 13; i++) {
        x = separable(z, x, &s, rows[i][0], rows[i][1], rows[i][2]);
        if (i != 4 && i != 10 && i != 12) continue;
        routes[s.number] = x;
        s = (stage){ s.number + 1, 0 };
    }
}

static void yolo3(ft_zoo *z, int image) {
    static const float anchors[3][6] = { { 116, 90, 156, 198, 373, 326 },
                                         { 30, 61, 62, 45, 59, 119 },
                                         { 10, 13, 16, 30, 33, 23 } };
    static const int wide[] = { 1024, 512, 256 };
    int routes[3] = { 0 }, boxes[3], scores[3], tip = 0, channels = 512;
    char name[64];
    trunk(z, image, routes);
    int x = routes[2], in = 1024;
    for (int i = 0; i < 3; i++, channels /= 2) {
        x = yolo_block(z, x, i, in, channels, &tip);
        snprintf(name, sizeof name, "yolo_outputs.%d.prediction", i);
        int raw = ft_zoo_conv2d(
            z, tip, name,
            (ft_zoo_conv){ 2 * channels, 3 * (5 + z->opts.classes), 1, 1, 0, 1, true });
        decode(z, raw, 32 >> i, anchors[i], &boxes[i], &scores[i]);
        if (i == 2) break;
        snprintf(name, sizeof name, "transitions.%d", i);
        x = leaky_conv(z, x, name, (ft_zoo_conv){ channels, channels / 2, 1, 1, 0, 1, false });
        x = concat(z, (int[]){ twice(z, x), routes[1 - i] }, 2);
        in = channels / 2 + wide[i + 1];
    }
    ft_zoo_output(z, concat(z, boxes, 3));
    ft_zoo_output(z, concat(z, scores, 3));
}

ft_err ft_nn_yolo3_reduce(ft_nn_weights *w, int keep) {
    for (size_t i = 0; i < w->count; i++) {
        ft_array *a = &w->at[i].value;
        ft_str name = w->at[i].name;
        if (!ft_str_starts(name, FT_STR("yolo_outputs."))) continue;
        int64_t each = a->shape[0] / 3, row = ft_array_count(a) / (a->shape[0] ? a->shape[0] : 1);
        if (a->dtype != FT_F32 || a->shape[0] % 3 || each < 6 || keep < 0 || keep >= each - 5)
            return FT_FAIL(FT_EINVAL, "%.*s has no class %d", FT_STR_ARG(name), keep);
        float *to;
        FT_TRY(ft_arena_items(&to, &w->arena, (size_t)(18 * row)));
        for (int64_t r = 0; r < 18; r++) {
            int64_t from = r / 6 * each + (r % 6 < 5 ? r % 6 : 5 + keep);
            memcpy(to + r * row, (const float *)a->data + from * row, (size_t)row * sizeof *to);
        }
        a->data = to;
        a->shape[0] = 18;
    }
    return FT_OK;
}

const ft_nn_arch ft_arch_mobilenet_v2 = { .name = "mobilenet_v2",
                                          .doc = "MobileNetV2, torchvision's names",
                                          .classes = 1000,
                                          .channels = 3,
                                          .size = 224,
                                          .mean = ft_imagenet_mean,
                                          .deviation = ft_imagenet_deviation,
                                          .fit = FT_NN_FIT_CROP,
                                          .scores = true,
                                          .classifier = "classifier.1",
                                          .build = mobilenet_v2 };
const ft_nn_arch ft_arch_yolo3 = {
    .name = "yolo3_mobilenet1.0",
    .doc = "YOLOv3 on MobileNet 1.0, GluonCV's names: corners [n, boxes, "
           "4] and scores [n, boxes, classes]",
    .classes = 80,
    .channels = 3,
    .size = 416,
    .mean = ft_imagenet_mean,
    .deviation = ft_imagenet_deviation,
    .fit = FT_NN_FIT_CROP,
    .classifier = "yolo_outputs",
    .build = yolo3
};
