/* algorithm_image.h -- the algorithm "image": a network of the zoo learns to tell classes of
 * pictures, as a job. Its model is weights and network.json (nn/network.h), which serve as they
 * are. See docs/train-networks.md. */
#ifndef FT_NN_ALGORITHM_IMAGE_H
#define FT_NN_ALGORITHM_IMAGE_H

#include "models/algorithm.h"

extern const ft_algorithm ft_algorithm_image;

#endif
