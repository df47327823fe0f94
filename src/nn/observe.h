/* observe.h -- one request through a network with everything shown that a tap wants: weights,
 * statistics, inputs, outputs, and the gradients of the answered class's score (names.h).
 *
 * Threads: an observer belongs to one thread at a time. Ownership: the network is borrowed. */
#ifndef FT_NN_OBSERVE_H
#define FT_NN_OBSERVE_H

#include "nn/names.h"
#include "nn/network.h"

typedef struct ft_nn_observer ft_nn_observer;
/* What the tap wants is asked once, here, at step 0. FT_EINVAL when that is nothing that the
 * network has; FT_EUNSUPPORTED for a network without a gradient. */
ft_err ft_nn_observer_new(ft_nn_observer **out, const ft_nn_network *n, int threads, ft_tap *tap);
void ft_nn_observer_free(ft_nn_observer *o); /* fine on NULL */
/* `outputs` (one a graph output): copies in the arena. The caller begins and ends the step. */
ft_err ft_nn_observe(ft_nn_observer *o, const ft_array *inputs, ft_array *outputs, ft_tap *tap,
                     ft_arena *arena);

#endif
