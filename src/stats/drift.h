/* drift.h -- how far two samples are from each other, and whether chance explains it.
 *
 * Threads: any; nothing is allocated but by ft_ks_pvalue (scratch). */
#ifndef FT_DRIFT_H
#define FT_DRIFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "stats/quantile.h"

/* Population stability index over the same buckets: sum of (a - b) * ln(a / b), a and b the shares
 * of a bucket; 0: alike, above 0.2: a shift, by the usual reading. A bucket that is empty on one
 * side only counts as half a value there (empty on both: left out), so the index stays finite. NaN
 * when one side has no values. Source: Siddiqi, Credit risk scorecards, 2006, chapter 10; it is the
 * Jeffreys divergence. */
double ft_psi(const double *a, const double *b, size_t buckets);
/* The index that two samples of `a_total` and `b_total` values from one population exceed with
 * probability p: under no shift the index times a_total * b_total / (a_total + b_total) is near
 * chi-square with buckets - 1 degrees of freedom (Yurdakul, Statistical properties of population
 * stability index, 2018). */
double ft_psi_noise(double a_total, double b_total, size_t buckets, double p);

/* Kolmogorov-Smirnov: the largest distance between the two distribution functions. Sorted values,
 * without NaN; NaN when one side is empty. */
double ft_ks(const double *a, size_t a_count, const double *b, size_t b_count);
/* The same for weighted values (sketches). */
double ft_ks_weighted(const ft_weighted *a, const ft_weighted *b);
/* Probability of a distance this large or larger in two samples from one continuous population:
 * exact by counting lattice paths while a_count * b_count <= 10^7 (Hodges, The significance
 * probability of the Smirnov two-sample test, 1957), else the limit with Stephens's correction.
 * With ties it is too large, never too small. */
ft_err ft_ks_pvalue(double *out, double d, uint64_t a_count, uint64_t b_count);

/* Model Monitor's baseline_drift_check. Simple: the largest distance between the distribution
 * functions (numbers: ft_ks) or between the shares of a category. Robust: less what chance gives in
 * samples of these sizes, 1.8 * sqrt((n + m) / (n m)), at least 0. Source: Model Monitor developer
 * guide, constraints.json, and the open library it is built on (Deequ, analyzers/Distance). */
double ft_linf_categories(const double *a, const double *b, size_t count);
double ft_linf_robust(double simple, double a_total, double b_total);

/* Chi-square test that two rows of counts come from one distribution (no continuity correction).
 * Categories that are empty on both sides are left out. */
typedef struct ft_chi2 {
    double statistic, pvalue;
    size_t dof;
} ft_chi2;
ft_chi2 ft_chi2_two(const double *a, const double *b, size_t count);
/* Probability that chi-square with `dof` degrees of freedom is at least x, and the x of a
 * probability. */
double ft_chi2_sf(double x, double dof);
double ft_chi2_isf(double p, double dof);

#endif
