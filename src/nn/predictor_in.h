/* predictor_in.h -- what goes into the predictor of networks and comes out. Private to the room.
 * Threads: any; the network is only looked at. Memory: the arena's. */
#ifndef FT_NN_PREDICTOR_IN_H
#define FT_NN_PREDICTOR_IN_H

#include "models/predictor.h"
#include "nn/network.h"

/* ---- predictor_request.c */
/* `out`: an array for each of the network's inputs. FT_EPARSE, FT_EINVAL; FT_EMEDIA for a type of
 * content that is not read; FT_ETOOBIG. */
ft_err ft_nn_request_read(ft_array *out, const ft_nn_network *n, const ft_payload *in,
                          ft_arena *arena);
/* Items of one request, and so of one row of a matrix: the input's shape without its first. 0: not
 * fixed. */
int64_t ft_nn_request_items(const ft_nn_value *v);
/* The same numbers as another type; FT_EINVAL for one that inputs cannot have. */
ft_err ft_nn_request_convert(ft_array *out, const ft_array *in, ft_dtype to, ft_arena *arena);

/* ---- predictor_answer.c */
/* `a`: an array for each output, written over. FT_EACCEPT. */
ft_err ft_nn_answer(ft_payload *out, const ft_nn_network *n, ft_array *a, ft_str accept,
                    ft_arena *arena);

#endif
