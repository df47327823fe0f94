/* names.h -- the names under which a network's tensors are shown: those of smdebug's PyTorch hook,
 * which people's expressions and notebooks use.
 *
 *     ResNet_layer1.0.bn1.weight      a weight; its gradient is gradient/ResNet_layer1.0.bn1.weight
 *     bn1.running_mean_output_0       a running statistic
 *     bn1_input_0, bn1_output_0       what a module takes and gives; the gradient of what it gives
 *                                     is gradient/bn1_output. A module that runs again in a step
 *                                     has _output_1 …
 *     ResNet_input_0, ResNet_output_0 the whole network; gradient/image: of its input
 *
 * Modules are known by their weights' names ("layer1.0.bn1" has "layer1.0.bn1.weight"); activations
 * and pools between them are called as torchvision does (relu, maxpool, avgpool; a number counted
 * on); a module of several (downsample) has its first's inputs and its last's outputs. Others go by
 * their node's name.
 *
 * Threads: a list of names is immutable. */
#ifndef FT_NN_NAMES_H
#define FT_NN_NAMES_H

#include "nn/gradient.h"

typedef struct ft_nn_names ft_nn_names;
/* `top`: what the whole is called, "ResNet". The graph is borrowed. */
ft_err ft_nn_names_new(ft_nn_names **out, const ft_nn_graph *g, ft_str top);
void ft_nn_names_free(ft_nn_names *n); /* fine on NULL */
/* The class that torchvision calls an architecture: "resnet18" -> "ResNet". */
ft_str ft_nn_names_top(ft_str arch);

/* All names, in the order in which they are shown; `gradient`: is it one? */
size_t ft_nn_names_count(const ft_nn_names *n);
const char *ft_nn_names_at(const ft_nn_names *n, size_t i, bool *gradient);

/* For ft_nn_gradient_opts: must the value (by its graph's name) be kept, or its gradient, when
 * `wanted` says which names are? */
typedef bool ft_nn_wanted(void *ctx, const char *name);
bool ft_nn_names_keep(const ft_nn_names *n, ft_str value, ft_nn_wanted *wanted, void *ctx);
bool ft_nn_names_keep_gradient(const ft_nn_names *n, ft_str value, ft_nn_wanted *wanted, void *ctx);

/* The same for what modules take and give, without gradients. */
bool ft_nn_names_keep_layer(const ft_nn_names *n, ft_str value, ft_nn_wanted *wanted, void *ctx);
/* What modules take and give alone: for training, which shows weights under names of its own. */
ft_err ft_nn_names_show_layers(const ft_nn_names *n, ft_nn_gradient *s, ft_tap *tap, int64_t step);

/* Show what the tap wants at `step`, after a run: weights and statistics, then inputs and outputs
 * in the order of the run; with `gradients`, after going back, their gradients. What was not kept
 * is passed over. */
ft_err ft_nn_names_show(const ft_nn_names *n, ft_nn_gradient *s, ft_tap *tap, int64_t step,
                        bool gradients);

#endif
