/* weights_in.h -- the formats of weight files. Private to nn. */
#ifndef FT_NN_WEIGHTS_IN_H
#define FT_NN_WEIGHTS_IN_H

#include "nn/weights.h"

typedef struct ft_nn_weight_format {
    const char *name;
    bool (*sniff)(ft_str bytes);
    ft_err (*read)(ft_nn_weights *w, ft_str bytes);
} ft_nn_weight_format;

extern const ft_nn_weight_format ft_weights_safetensors, ft_weights_torch_zip,
    ft_weights_torch_legacy, ft_weights_mxnet, ft_weights_npz, ft_weights_onnx;

/* A tensor whose data stands at `at` in `bytes`: a view where it is aligned, else a copy.
 * FT_ECORRUPT when it does not fit. */
ft_err ft_nn_weights_view(ft_array *a, ft_nn_weights *w, ft_str bytes, uint64_t at);

#endif
