/* predictor_nn.h -- the predictor "network"; see predictor_nn.c. */
#ifndef FT_NN_PREDICTOR_NN_H
#define FT_NN_PREDICTOR_NN_H

#include "media/image.h"
#include "models/predictor.h"

extern const ft_predictor ft_predictor_nn;

#endif
