/* shap.h -- why a model answered what it did: the share of each feature in each margin.
 *
 * Exact path-dependent SHAP values (Lundberg, Erion, Lee: Consistent Individualized Feature
 * Attribution for Tree Ensembles, 2018), equal to XGBoost's pred_contribs. Contributions of a row
 * sum to its margin.
 *
 * Algorithm 2 of the paper is the reference (ft_explainer_plain). The fast path uses that a Shapley
 * value over the d features of a path is an integral of a polynomial,
 *     phi_i = v (o_i - z_i) * integral over t in [0, 1] of prod over j != i of (z_j + t (o_j -
 * z_j)), with o_j 1 when the row meets the path's conditions on j and z_j the share of training
 * rows that do, and that Gauss-Legendre quadrature with d/2 points is exact for it. So a tree costs
 * a few multiplications an edge instead of d^2 a leaf, the same ones for every row: 16 rows go at
 * once.
 *
 * Threads: an explainer is immutable. Memory: borrows the forest, which must outlive it. */
#ifndef FT_SHAP_H
#define FT_SHAP_H

#include "trees/model.h"

typedef struct ft_explainer ft_explainer;

/* `rounds` as in ft_scorer_opts: 0 up to the best iteration, FT_ROUNDS_ALL all. FT_EUNSUPPORTED for
 * paths of more than 256 different features. */
ft_err ft_explainer_new(ft_explainer **out, const ft_forest *forest, size_t rounds);
void ft_explainer_free(ft_explainer *e);

/* Values a row: groups * (features + 1). */
size_t ft_explainer_width(const ft_explainer *e);
/* out[row][group][feature], the bias last, for `count` rows (row-major, NaN missing). FT_ENOMEM. */
ft_err ft_explainer_explain(const ft_explainer *e, float *out, const float *rows, size_t count);
/* The same by Algorithm 2, in doubles: slow, for tests. */
ft_err ft_explainer_plain(const ft_explainer *e, float *out, const float *rows, size_t count);

#endif
