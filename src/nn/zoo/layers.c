/* layers.c -- layers as calls; see zoo_in.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "nn/zoo/zoo_in.h"

#define NAME_MAX_BYTES 128

static ft_str joined(char to[NAME_MAX_BYTES], const char *name, const char *part) {
    return ft_str_n(to, (size_t)snprintf(to, NAME_MAX_BYTES, "%s.%s", name, part));
}

static int data(ft_zoo *z, ft_str name, ft_nn_role role, const ft_array *a) {
    int v = FT_NN_NONE;
    if (z->err == FT_OK) z->err = ft_nn_data(&v, z->g, name, role, a, false);
    return v;
}

/* `count` numbers in the graph's memory. */
static float *numbers(ft_zoo *z, int64_t count) {
    float *at = NULL;
    if (z->err == FT_OK) z->err = ft_arena_items(&at, &z->g->arena, (size_t)count);
    return at;
}

static int constant(ft_zoo *z, ft_str name, ft_nn_role role, int count, float value) {
    ft_array a = { .dtype = FT_F32, .ndim = 1, .shape = { count }, .data = numbers(z, count) };
    for (int i = 0; z->err == FT_OK && i < count; i++) ((float *)a.data)[i] = value;
    return data(z, name, role, &a);
}

/* Normal numbers of this deviation. */
static int normal(ft_zoo *z, ft_str name, int ndim, const int64_t *shape, double deviation) {
    ft_array a = { .dtype = FT_F32, .ndim = ndim };
    int64_t count = 1;
    for (int i = 0; i < ndim; i++) count *= a.shape[i] = shape[i];
    a.data = numbers(z, count);
    for (int64_t i = 0; z->err == FT_OK && i < count; i++)
        ((float *)a.data)[i] = (float)(deviation * ft_random_normal(&z->random));
    return data(z, name, FT_NN_WEIGHT, &a);
}

int ft_zoo_node(ft_zoo *z, const ft_nn_node_spec *spec) {
    int out = FT_NN_NONE;
    if (z->err == FT_OK) z->err = ft_nn_node_add(z->g, spec, &out);
    return out;
}

int ft_zoo_op(ft_zoo *z, const char *op, const int *in, size_t count) {
    return ft_zoo_node(
        z, &(ft_nn_node_spec){ .op = op, .inputs = in, .input_count = count, .output_count = 1 });
}

static int with_attrs(ft_zoo *z, const char *op, const char *name, const int *in, size_t count,
                      const ft_nn_attr *attrs, size_t attr_count) {
    return ft_zoo_node(z, &(ft_nn_node_spec){ .op = op,
                                              .name = name ? ft_str_of(name) : (ft_str){ 0 },
                                              .inputs = in,
                                              .input_count = count,
                                              .attrs = attrs,
                                              .attr_count = attr_count,
                                              .output_count = 1 });
}

static int conv(ft_zoo *z, const char *op, int x, const char *name, ft_zoo_conv c) {
    char text[NAME_MAX_BYTES];
    int64_t k = c.kernel, s = c.stride ? c.stride : 1, groups = c.groups ? c.groups : 1;
    bool turned = op[4] == 'T';
    int64_t shape[] = { turned ? c.in : c.out, (turned ? c.out : c.in) / groups, k, k };
    double fan_out = (double)(c.out / groups * k * k);
    int in[3] = { x, normal(z, joined(text, name, "weight"), 4, shape, sqrt(2 / fan_out)) };
    size_t count = 2;
    if (c.bias) in[count++] = constant(z, joined(text, name, "bias"), FT_NN_WEIGHT, c.out, 0);
    int64_t kernel[] = { k, k }, strides[] = { s, s }, pads[] = { c.pad, c.pad, c.pad, c.pad };
    ft_nn_attr attrs[] = {
        { .name = "kernel_shape", .type = FT_NN_INTS, .ints = kernel, .count = 2 },
        { .name = "strides", .type = FT_NN_INTS, .ints = strides, .count = 2 },
        { .name = "pads", .type = FT_NN_INTS, .ints = pads, .count = 4 },
        { .name = "group", .type = FT_NN_INT, .i = groups }
    };
    return with_attrs(z, op, name, in, count, attrs, FT_COUNT(attrs));
}

int ft_zoo_conv2d(ft_zoo *z, int x, const char *name, ft_zoo_conv c) {
    return conv(z, "Conv", x, name, c);
}

int ft_zoo_deconv2d(ft_zoo *z, int x, const char *name, ft_zoo_conv c) {
    return conv(z, "ConvTranspose", x, name, c);
}

int ft_zoo_norm(ft_zoo *z, int x, const char *name, int channels) {
    char text[NAME_MAX_BYTES];
    int in[] = { x, constant(z, joined(text, name, "weight"), FT_NN_WEIGHT, channels, 1),
                 constant(z, joined(text, name, "bias"), FT_NN_WEIGHT, channels, 0),
                 constant(z, joined(text, name, "running_mean"), FT_NN_STATE, channels, 0),
                 constant(z, joined(text, name, "running_var"), FT_NN_STATE, channels, 1) };
    ft_nn_attr eps = { .name = "epsilon", .type = FT_NN_FLOAT, .f = 1e-5 };
    return with_attrs(z, "BatchNormalization", name, in, 5, &eps, 1);
}

int ft_zoo_linear(ft_zoo *z, int x, const char *name, int in, int out) {
    char text[NAME_MAX_BYTES];
    int64_t shape[] = { out, in };
    int inputs[] = { x, normal(z, joined(text, name, "weight"), 2, shape, 1 / sqrt(3.0 * in)),
                     constant(z, joined(text, name, "bias"), FT_NN_WEIGHT, out, 0) };
    ft_nn_attr turn = { .name = "transB", .type = FT_NN_INT, .i = 1 };
    return with_attrs(z, "Gemm", name, inputs, 3, &turn, 1);
}

int ft_zoo_relu(ft_zoo *z, int x) { return ft_zoo_op(z, "Relu", &x, 1); }

int ft_zoo_relu6(ft_zoo *z, int x) {
    float low = 0, high = 6;
    int in[] = { x, ft_zoo_f32(z, 0, NULL, &low), ft_zoo_f32(z, 0, NULL, &high) };
    return ft_zoo_op(z, "Clip", in, 3);
}

int ft_zoo_leaky(ft_zoo *z, int x, double slope) {
    ft_nn_attr alpha = { .name = "alpha", .type = FT_NN_FLOAT, .f = slope };
    return with_attrs(z, "LeakyRelu", NULL, &x, 1, &alpha, 1);
}

int ft_zoo_add(ft_zoo *z, int a, int b) { return ft_zoo_op(z, "Add", (int[]){ a, b }, 2); }

int ft_zoo_maxpool(ft_zoo *z, int x, int kernel, int stride, int pad) {
    int64_t k[] = { kernel, kernel }, s[] = { stride, stride }, p[] = { pad, pad, pad, pad };
    ft_nn_attr attrs[] = { { .name = "kernel_shape", .type = FT_NN_INTS, .ints = k, .count = 2 },
                           { .name = "strides", .type = FT_NN_INTS, .ints = s, .count = 2 },
                           { .name = "pads", .type = FT_NN_INTS, .ints = p, .count = 4 } };
    return with_attrs(z, "MaxPool", NULL, &x, 1, attrs, FT_COUNT(attrs));
}

int ft_zoo_avgpool_all(ft_zoo *z, int x) {
    return ft_zoo_flatten(z, ft_zoo_op(z, "GlobalAveragePool", &x, 1));
}

int ft_zoo_flatten(ft_zoo *z, int x) { return ft_zoo_op(z, "Flatten", &x, 1); }

int ft_zoo_dropout(ft_zoo *z, int x, double rate) {
    float ratio = (float)rate;
    int in[] = { x, ft_zoo_f32(z, 0, NULL, &ratio) };
    return ft_zoo_op(z, "Dropout", in, 2);
}

int ft_zoo_f32(ft_zoo *z, int ndim, const int64_t *shape, const float *values) {
    ft_array a = { .dtype = FT_F32, .ndim = ndim };
    for (int i = 0; i < ndim; i++) a.shape[i] = shape[i];
    a.data = (void *)values;
    int v = FT_NN_NONE;
    if (z->err == FT_OK) z->err = ft_nn_data(&v, z->g, (ft_str){ 0 }, FT_NN_CONST, &a, true);
    return v;
}

int ft_zoo_i64(ft_zoo *z, size_t count, const int64_t *values) {
    ft_array a = {
        .dtype = FT_I64, .ndim = 1, .shape = { (int64_t)count }, .data = (void *)values
    };
    int v = FT_NN_NONE;
    if (z->err == FT_OK) z->err = ft_nn_data(&v, z->g, (ft_str){ 0 }, FT_NN_CONST, &a, true);
    return v;
}

void ft_zoo_output(ft_zoo *z, int value) {
    if (z->err == FT_OK) z->err = ft_nn_output(z->g, value);
}
