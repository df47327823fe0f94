/* predictor_xgboost.h -- the predictor "xgboost": serves XGBoost's model files by our own
 * inference.
 *
 * A model is a folder with model.json, model.ubj or xgboost-model (JSON or UBJSON under SageMaker's
 * name), and schema.json beside it when it was trained here; or one such file. Answers are
 * SageMaker's: a probability for binary:logistic, a class for multi:softmax, a list of
 * probabilities for multi:softprob, a value for the others. */
#ifndef FT_PREDICTOR_XGBOOST_H
#define FT_PREDICTOR_XGBOOST_H

#include "models/predictor.h"

extern const ft_predictor ft_predictor_xgboost;

#endif
