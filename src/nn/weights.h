/* weights.h -- a file of named tensors, whoever wrote it: safetensors, PyTorch's state_dict (zip
 * and the older form), MXNet's .params, NumPy's .npz, and the weights of an ONNX model.
 *
 * Foreign files: nothing in them is executed. A PyTorch file is a pickle; the reader knows the few
 * things that tensors need and refuses any other by name.
 *
 * Loading by name: the graph's weights are looked up under their own name and under the names that
 * other libraries give the same thing ("module.conv1.weight", "bn1.gamma",
 * "layers1.0.conv1.weight").
 *
 * Threads: any; read weights are immutable. Ownership: all of it is freed with the weights, which
 * must outlive graphs that were loaded without a copy. */
#ifndef FT_NN_WEIGHTS_H
#define FT_NN_WEIGHTS_H

#include "nn/graph.h"

#define FT_NN_WEIGHTS_MAX (1 << 20) /* tensors in a file */

typedef struct ft_nn_named {
    ft_str name;
    ft_array value; /* dense, in C order, aligned for its type */
} ft_nn_named;

typedef struct ft_nn_weights {
    ft_arena arena;
    const char *format; /* "safetensors" */
    ft_nn_named *at;    /* in the order of the file */
    size_t count, capacity;
    ft_str map; /* of the file */
} ft_nn_weights;

/* By content. FT_EMEDIA for a file that is none of these, FT_ECORRUPT with the byte, FT_EDENIED for
 * a pickle that wants something run; the sentence begins with the path. */
ft_err ft_nn_weights_read(ft_nn_weights **out, const char *path);
ft_err ft_nn_weights_parse(ft_nn_weights **out, ft_str bytes);
void ft_nn_weights_free(ft_nn_weights *w);                               /* fine on NULL */
const ft_array *ft_nn_weights_find(const ft_nn_weights *w, ft_str name); /* NULL */
/* For readers. FT_ETOOBIG past FT_NN_WEIGHTS_MAX. */
ft_err ft_nn_weights_add(ft_nn_weights *w, ft_str name, const ft_array *value);

/* A safetensors file, put in its place when it is whole (data/saving.h). */
ft_err ft_nn_weights_write(const char *path, const ft_nn_named *list, size_t count);

/* What became of a load. Lists live in the arena given. */
typedef struct ft_nn_match {
    size_t loaded;
    ft_str *missing; /* weights of the graph that the file does not have: they keep their values */
    size_t missing_count;
    ft_str *unused; /* tensors of the file that the graph does not have */
    size_t unused_count;
    ft_str *
        shaped; /* both have it, in another shape: "fc.weight: file [1000, 512], model [43, 512]" */
    size_t shaped_count;
} ft_nn_match;

/* Put the file's values into the graph's weights and states, converted to their types. FT_ECONFLICT
 * when not one name matches. */
ft_err ft_nn_weights_load(ft_nn_match *out, ft_nn_graph *g, const ft_nn_weights *w,
                          ft_arena *arena);

#endif
