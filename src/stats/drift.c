/* drift.c -- see drift.h. */
#include "stats/drift.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/fault.h"
#include "stats/gamma.h"

#define EXACT_CELLS_MAX 1e7 /* lattice points counted for an exact p-value: 20 ms */

static double total_of(const double *counts, size_t n) {
    double total = 0;
    for (size_t i = 0; i < n; i++) total += counts[i];
    return total;
}

/* ---- buckets */

double ft_psi(const double *a, const double *b, size_t buckets) {
    double a_total = total_of(a, buckets), b_total = total_of(b, buckets), psi = 0;
    if (!(a_total > 0 && b_total > 0)) return (double)NAN;
    for (size_t i = 0; i < buckets; i++) {
        if (a[i] == 0 && b[i] == 0) continue;
        double p = (a[i] > 0 ? a[i] : 0.5) / a_total, q = (b[i] > 0 ? b[i] : 0.5) / b_total;
        psi += (p - q) * log(p / q);
    }
    return psi;
}

double ft_psi_noise(double a_total, double b_total, size_t buckets, double p) {
    if (!(a_total > 0 && b_total > 0)) return (double)NAN;
    if (buckets < 2) return 0;
    return ft_chi2_isf(p, (double)(buckets - 1)) * (1 / a_total + 1 / b_total);
}

double ft_linf_categories(const double *a, const double *b, size_t count) {
    double a_total = total_of(a, count), b_total = total_of(b, count), worst = 0;
    if (!(a_total > 0 && b_total > 0)) return (double)NAN;
    for (size_t i = 0; i < count; i++) worst = fmax(worst, fabs(a[i] / a_total - b[i] / b_total));
    return worst;
}

double ft_linf_robust(double simple, double a_total, double b_total) {
    if (!(a_total > 0 && b_total > 0) || simple != simple) return (double)NAN;
    return fmax(0, simple - 1.8 * sqrt((a_total + b_total) / (a_total * b_total)));
}

/* ---- chi-square */

double ft_chi2_sf(double x, double dof) {
    if (dof <= 0) return (double)NAN;
    return x <= 0 ? 1 : ft_gamma_q(dof / 2, x / 2);
}

/* By halving: the tail falls steadily, and nobody asks often. */
double ft_chi2_isf(double p, double dof) {
    if (!(p > 0 && p <= 1) || !(dof > 0)) return (double)NAN;
    double low = 0, high = dof + 10;
    while (ft_chi2_sf(high, dof) > p) high *= 2;
    for (int i = 0; i < 200 && high - low > high * 1e-15; i++) {
        double middle = low + (high - low) / 2;
        if (ft_chi2_sf(middle, dof) > p)
            low = middle;
        else
            high = middle;
    }
    return high;
}

ft_chi2 ft_chi2_two(const double *a, const double *b, size_t count) {
    double a_total = total_of(a, count), b_total = total_of(b, count), all = a_total + b_total;
    ft_chi2 out = { 0 };
    size_t used = 0;
    for (size_t i = 0; i < count && a_total > 0 && b_total > 0; i++) {
        double both = a[i] + b[i];
        if (both == 0) continue;
        double a_want = both * a_total / all, b_want = both * b_total / all;
        out.statistic += (a[i] - a_want) * (a[i] - a_want) / a_want;
        out.statistic += (b[i] - b_want) * (b[i] - b_want) / b_want;
        used++;
    }
    out.dof = used > 1 ? used - 1 : 0;
    out.pvalue = used ? out.dof ? ft_chi2_sf(out.statistic, (double)out.dof) : 1 : (double)NAN;
    return out;
}

/* ---- Kolmogorov-Smirnov */

/* One step passes one value, or two equal ones. The functions are compared only where the next
 * values of both differ from the one just passed. No branch on the data: 2 M values in 9 ms instead
 * of 30. */
double ft_ks(const double *a, size_t a_count, const double *b, size_t b_count) {
    size_t i = 0, j = 0;
    double worst = 0, per_a = 1 / (double)a_count, per_b = 1 / (double)b_count, v = 0;
    if (a_count == 0 || b_count == 0) return (double)NAN;
    while (i < a_count && j < b_count) {
        double here = fabs((double)i * per_a - (double)j * per_b), x = a[i], y = b[j];
        bool between = (x != v) & (y != v);
        here = between ? here : 0;
        worst = here > worst ? here : worst;
        v = x <= y ? x : y;
        i += x <= y;
        j += y <= x;
    }
    while (i < a_count && a[i] == v) i++; /* one side has ended: pass what equals its last value */
    while (j < b_count && b[j] == v) j++;
    return fmax(worst, fabs((double)i * per_a - (double)j * per_b));
}

double ft_ks_weighted(const ft_weighted *a, const ft_weighted *b) {
    size_t i = 0, j = 0;
    uint64_t a_sum = 0, b_sum = 0;
    double worst = 0;
    if (a->total == 0 || b->total == 0) return (double)NAN;
    while (i < a->count && j < b->count) {
        double v = a->value[i] < b->value[j] ? a->value[i] : b->value[j];
        for (; i < a->count && a->value[i] == v; i++) a_sum += a->weight[i];
        for (; j < b->count && b->value[j] == v; j++) b_sum += b->weight[j];
        worst =
            fmax(worst, fabs((double)a_sum / (double)a->total - (double)b_sum / (double)b->total));
    }
    return worst;
}

/* P(D < d): the share of the lattice paths from (0, 0) to (n, m), all equally likely, on which the
 * two shares never differ by d. row[j] is the share of the paths that reached (i, j), scaled so
 * that it never leaves [0, 1]. */
static ft_err inside_exact(double *out, double d, uint64_t n, uint64_t m) {
    double dn = (double)n, dm = (double)m;
    /* Differences are multiples of 1 / (n m): compare half way between two of them. */
    double limit = (0.5 + floor(d * dn * dm - 1e-7)) / (dn * dm);
    double *row = ft_fault_here() ? NULL : malloc((m + 1) * sizeof *row);
    if (!row) return FT_FAIL(FT_ENOMEM, "no memory for a test of two samples");
    for (uint64_t j = 0; j <= m; j++) row[j] = (double)j / dm > limit ? 0 : 1;
    for (uint64_t i = 1; i <= n; i++) {
        double share = (double)i / ((double)i + dm), at = (double)i / dn;
        row[0] = at > limit ? 0 : row[0] * share;
        for (uint64_t j = 1; j <= m; j++) {
            bool outside = fabs(at - (double)j / dm) > limit;
            row[j] = outside ? 0 : row[j] * share + row[j - 1];
        }
    }
    *out = row[m];
    free(row);
    return FT_OK;
}

/* Kolmogorov's limit 2 sum (-1)^(k-1) exp(-2 k^2 x^2); its other form where that converges slowly.
 */
static double limit_tail(double x) {
    double sum = 0;
    if (x <= 0) return 1;
    if (x < 1.1) {
        for (int k = 1; k < 20; k += 2) sum += exp(-k * k * M_PI * M_PI / (8 * x * x));
        return fmax(0, 1 - sqrt(2 * M_PI) / x * sum);
    }
    for (int k = 1; k < 20; k++) sum += (k & 1 ? 1 : -1) * exp(-2.0 * k * k * x * x);
    return fmin(1, 2 * sum);
}

ft_err ft_ks_pvalue(double *out, double d, uint64_t a_count, uint64_t b_count) {
    *out = (double)NAN;
    if (a_count == 0 || b_count == 0 || d != d) return FT_OK;
    if (d <= 0 || d > 1) {
        *out = d <= 0 ? 1 : 0;
        return FT_OK;
    }
    if ((double)a_count * (double)b_count <= EXACT_CELLS_MAX) {
        double inside = 0;
        FT_TRY(inside_exact(&inside, d, a_count, b_count));
        *out = fmin(1, fmax(0, 1 - inside));
        return FT_OK;
    }
    double root = sqrt((double)a_count * (double)b_count / ((double)a_count + (double)b_count));
    *out = limit_tail((root + 0.12 + 0.11 / root) * d); /* Stephens, 1970 */
    return FT_OK;
}
