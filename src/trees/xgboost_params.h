/* xgboost_params.h -- every hyperparameter of SageMaker's built-in XGBoost (0.90 to 1.2), in one
 * table: type, range, default, and whether it changes training here. Help, refusal and the mapping
 * to the engine all come from it. */
#ifndef FT_XGBOOST_PARAMS_H
#define FT_XGBOOST_PARAMS_H

#include "base/param.h"
#include "trees/objective.h"

extern const ft_param ft_xgboost_params[];

/* Refuse combinations that cannot train, before anything starts: FT_EINVAL, or FT_EUNSUPPORTED for
 * what this machine's XGBoost lacks. */
ft_err ft_xgboost_validate(const ft_params *p);

/* The objective that is set, or XGBoost's default. */
const ft_objective *ft_xgboost_objective(const ft_params *p);
/* Is the row one that goes to the engine under its name when the user gave it? */
bool ft_xgboost_passes(const ft_param *row);
/* Largest feature number that a constraint names, -1: none. FT_EINVAL for bad syntax. */
ft_err ft_xgboost_interactions(int64_t *largest, ft_str text);
/* How many features "(1,0,-1)" speaks of. FT_EINVAL for bad syntax. */
ft_err ft_xgboost_monotone(size_t *count, ft_str text);
/* Does a larger value of the metric mean a better model? */
bool ft_xgboost_maximizes(ft_str metric);

#endif
