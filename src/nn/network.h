/* network.h -- a network from a file or folder, with how pictures become its input.
 *
 * Read are: ONNX (model.onnx, or the one *.onnx of the folder), TensorFlow.js graph models
 * (model.json), and weight files of an architecture of the zoo (*.pt, *.pth, *.safetensors,
 * *.params, *.npz): which one is told by network.json or found by the names and shapes of the
 * weights.
 *
 * Beside the model may stand
 *     labels.txt    a class a line; another number of them than the network has is refused
 *     network.json  every member optional:
 *                   { "arch": "resnet18", "classes": 43, "size": 224, "mean": [r, g, b],
 *                     "std": [r, g, b], "range": 1 or 255, "order": "rgb" or "bgr",
 *                     "fit": "crop", "stretch" or "box", "softmax": true }
 *
 * Threads: a read network is immutable. Ownership: everything is the network's. */
#ifndef FT_NN_NETWORK_H
#define FT_NN_NETWORK_H

#include "base/json.h"
#include "nn/zoo/zoo.h"

/* As network.json says it: "crop". */
const char *ft_nn_fit_name(ft_nn_fit fit);

typedef struct ft_nn_looks { /* how a picture becomes the input */
    float range;             /* pixels are 0 … range before mean and std: 1 or 255 */
    float mean[3], std[3];
    bool bgr;
    ft_nn_fit fit;
    bool softmax; /* of the first output, for answers */
} ft_nn_looks;

typedef struct ft_nn_network {
    ft_arena arena;
    ft_nn_graph *graph;
    const char *format;     /* "onnx", "tfjs", "torch", "safetensors" … */
    const ft_nn_arch *arch; /* NULL: not of the zoo */
    ft_nn_looks looks;
    ft_str *labels; /* NULL: none */
    size_t label_count;
    ft_nn_match match; /* of weight files */
} ft_nn_network;

/* How much the path looks like a network: 0 … 100, as predictors tell it. */
int ft_nn_network_sniff(const char *path);
/* FT_ENOTFOUND, FT_EUNSUPPORTED, FT_ECORRUPT …; the sentence names the file. */
ft_err ft_nn_network_read(ft_nn_network **out, const char *path);
void ft_nn_network_free(ft_nn_network *n); /* fine on NULL */

/* One picture (JPEG, PNG, PNM) as the network's input, [1, …]; in the arena. FT_EUNSUPPORTED when
 * it takes no picture. */
ft_err ft_nn_picture(ft_array *out, const ft_nn_network *n, ft_str bytes, ft_arena *arena);
/* Does the network take one picture: one input of 4 dimensions with 1 or 3 channels? Sides that the
 * model leaves open are 224. */
bool ft_nn_takes_picture(const ft_nn_network *n, int *channels, int *width, int *height,
                         bool *last);

/* What every answer begins with, whatever form it takes: the first output (f32, a row an example)
 * becomes probabilities where the network's looks say so. Written over. */
void ft_nn_network_answer(const ft_nn_network *n, ft_array *outputs);
/* Are a row's numbers probabilities then, that is: does the network end with a softmax? Else they
 * are scores. */
bool ft_nn_network_probable(const ft_nn_network *n);

/* Multiply-adds times two of one run at these input shapes, and weights; sums over nodes. */
typedef struct ft_nn_sizes {
    int64_t parameters, flops;
    size_t weight_bytes;
} ft_nn_sizes;
void ft_nn_network_sizes(ft_nn_sizes *out, const ft_nn_network *n);

#endif
