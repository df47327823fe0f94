/* regression.c -- see regression.h. */
#include "stats/regression.h"

#include <math.h>
#include <stdlib.h>

#include "base/fault.h"
#include "stats/moments.h"
#include "stats/sort.h"

#define TAIL 0.005 /* share of the residuals left out of the histogram on each side */

static int both_finite(float p, float t) { return isfinite(p) && isfinite(t); }

/* Mean of the truth first: its squared distances must not be a difference of large sums. */
static ft_moments truth_moments(const float *predicted, const float *truth, size_t n) {
    double block[512];
    ft_moments m = { 0 };
    size_t held = 0;
    for (size_t i = 0; i < n; i++) {
        block[held++] = both_finite(predicted[i], truth[i]) ? (double)truth[i] : (double)NAN;
        if (held == 512 || i + 1 == n) {
            ft_moments_add(&m, block, held);
            held = 0;
        }
    }
    return m;
}

ft_regression ft_regression_of(const float *predicted, const float *truth, size_t n) {
    ft_moments t = truth_moments(predicted, truth, n);
    ft_regression out = { .count = t.count, .skipped = t.missing };
    double squares = 0, absolute = 0, sum = 0, count = (double)t.count;
    for (size_t i = 0; i < n; i++) {
        if (!both_finite(predicted[i], truth[i])) continue;
        double residual = (double)predicted[i] - (double)truth[i];
        squares += residual * residual;
        absolute += fabs(residual);
        sum += residual;
        out.largest = fmax(out.largest, fabs(residual));
    }
    if (t.count == 0) out.largest = (double)NAN;
    out.rmse = sqrt(squares / count); /* 0 / 0 without rows: NaN */
    out.mae = absolute / count;
    out.bias = sum / count;
    out.r2 = t.count > 1 && t.m2 > 0 ? 1 - squares / t.m2 : (double)NAN;
    return out;
}

static ft_err histogram_of(ft_histogram *out, ft_arena *arena, double *residuals, size_t n,
                           size_t buckets) {
    FT_TRY(ft_sort_f64(residuals, n));
    double low = fmin(0, ft_quantile(residuals, n, TAIL));
    double high = fmax(0, ft_quantile(residuals, n, 1 - TAIL));
    FT_TRY(ft_histogram_equal(out, arena, low, high, buckets));
    ft_histogram_add(out, residuals, n);
    return FT_OK;
}

ft_err ft_residual_histogram(ft_histogram *out, ft_arena *arena, const float *predicted,
                             const float *truth, size_t n, size_t buckets) {
    size_t kept = 0;
    *out = (ft_histogram){ 0 };
    if (n == 0) return FT_OK;
    double *residuals = ft_fault_here() ? NULL : malloc(n * sizeof *residuals);
    if (!residuals) return FT_FAIL(FT_ENOMEM, "no memory for %zu residuals", n);
    for (size_t i = 0; i < n; i++)
        if (both_finite(predicted[i], truth[i]))
            residuals[kept++] = (double)predicted[i] - (double)truth[i];
    ft_err err = kept ? histogram_of(out, arena, residuals, kept, buckets) : FT_OK;
    free(residuals);
    return err;
}
