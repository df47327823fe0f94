/* train_xgboost.h -- the algorithm "xgboost": SageMaker's built-in XGBoost on XGBoost's own engine.
 *
 * Channels: "train" (required), "validation", and "model", an XGBoost model to go on from or, with
 * process_type update, to change. Leaves model.json (XGBoost's JSON, read by every XGBoost
 * since 1.0) and schema.json. A job that is stopped saves a checkpoint, and with
 * save_model_on_termination its model, and returns FT_ECANCELED. */
#ifndef FT_TRAIN_XGBOOST_H
#define FT_TRAIN_XGBOOST_H

#include "models/algorithm.h"

extern const ft_algorithm ft_algorithm_xgboost;

#endif
