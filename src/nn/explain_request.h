/* explain_request.h -- one request to be explained, as an endpoint gets it. Threads: as the
 * explainer's. */
#ifndef FT_NN_EXPLAIN_REQUEST_H
#define FT_NN_EXPLAIN_REQUEST_H

#include "models/predictor.h"
#include "nn/explain.h"

/* `image`: the network's input that was read of `in`. The answer is the heat map over the picture
 * (the map alone where the request holds no picture) as image/png, or all numbers as
 * application/json. FT_EINVAL for a method or class that is none, FT_EACCEPT. */
ft_err ft_nn_explain_request(ft_payload *out, ft_nn_explainer *e, const ft_nn_network *n,
                             const ft_array *image, const ft_payload *in, const ft_explain_ask *ask,
                             ft_str accept, ft_arena *arena);

#endif
