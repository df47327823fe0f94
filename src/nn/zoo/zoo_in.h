/* zoo_in.h -- what builders of networks write with: layers as calls, one after the other. A failure
 * is kept and makes the rest do nothing. Private to zoo/. */
#ifndef FT_NN_ZOO_IN_H
#define FT_NN_ZOO_IN_H

#include "base/random.h"
#include "nn/zoo/zoo.h"

typedef struct ft_zoo {
    ft_nn_graph *g;
    const ft_nn_arch *arch;
    ft_nn_arch_opts opts; /* complete */
    ft_random random;
    ft_err err;
} ft_zoo;

typedef struct ft_zoo_conv {
    int in, out, kernel, stride, pad, groups; /* stride and groups 0: 1 */
    bool bias;
} ft_zoo_conv;

/* Each gives the value of its output. `name` is that of the layer: "layer1.0.conv1". */
int ft_zoo_conv2d(ft_zoo *z, int x, const char *name, ft_zoo_conv c);
int ft_zoo_deconv2d(ft_zoo *z, int x, const char *name, ft_zoo_conv c);
int ft_zoo_norm(ft_zoo *z, int x, const char *name, int channels);
int ft_zoo_linear(ft_zoo *z, int x, const char *name, int in, int out);
int ft_zoo_relu(ft_zoo *z, int x);
int ft_zoo_relu6(ft_zoo *z, int x);
int ft_zoo_leaky(ft_zoo *z, int x, double slope);
int ft_zoo_add(ft_zoo *z, int a, int b);
int ft_zoo_maxpool(ft_zoo *z, int x, int kernel, int stride, int pad);
int ft_zoo_avgpool_all(ft_zoo *z, int x); /* to [n, channels] */
int ft_zoo_flatten(ft_zoo *z, int x);
int ft_zoo_dropout(ft_zoo *z, int x, double rate);
/* Any operation without attributes. */
int ft_zoo_op(ft_zoo *z, const char *op, const int *in, size_t count);
int ft_zoo_node(ft_zoo *z, const ft_nn_node_spec *spec);
int ft_zoo_f32(ft_zoo *z, int ndim, const int64_t *shape, const float *values); /* a constant */
int ft_zoo_i64(ft_zoo *z, size_t count, const int64_t *values);
void ft_zoo_output(ft_zoo *z, int value);

/* The trunk that ResNet-18 and its poses share: conv1 … layer4. `blocks` of each layer. */
int ft_zoo_resnet_trunk(ft_zoo *z, int image, const int blocks[4], bool bottleneck);

#endif
