/* endpoint_in.h -- what endpoint.c and model.c share. */
#ifndef FT_ENDPOINT_IN_H
#define FT_ENDPOINT_IN_H

#include "serve/endpoint.h"

/* The database with this room's tables. */
ft_err ft_endpoint_db(ft_db **out, ft_store *s);

/* Load the model at ep->model_uri (a path becomes one from the root on) to be sure that it is one,
 * and that it shows the tensors asked for; fills ep->predictor and, when it is empty,
 * ep->model_sha256 (of the file, or of a folder's files and names). */
ft_err ft_model_examine(ft_store *s, ft_arena *arena, ft_endpoint *ep);

#endif
