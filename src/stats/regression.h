/* regression.h -- how good are predicted numbers. Definitions are scikit-learn's. */
#ifndef FT_REGRESSION_H
#define FT_REGRESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "stats/histogram.h"

typedef struct ft_regression {
    uint64_t count, skipped; /* skipped: NaN or infinity on one side */
    double rmse, mae;        /* sqrt(mean (p - t)^2), mean |p - t| */
    double
        r2; /* 1 - sum (p - t)^2 / sum (t - mean t)^2; NaN for fewer than 2 rows or a constant t */
    double bias;    /* mean (p - t) */
    double largest; /* |p - t| */
} ft_regression;

/* NaN everywhere when no row is left. */
ft_regression ft_regression_of(const float *predicted, const float *truth, size_t n);

/* Residuals p - t in `buckets` equal buckets over [q(0.005), q(0.995)] of them, widened to hold 0;
 * values outside are in below and above. FT_ENOMEM; no rows: a histogram without buckets. */
ft_err ft_residual_histogram(ft_histogram *out, ft_arena *arena, const float *predicted,
                             const float *truth, size_t n, size_t buckets);

#endif
