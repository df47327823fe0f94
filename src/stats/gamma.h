/* gamma.h -- the regularised incomplete gamma function: tails of chi-square and Poisson. */
#ifndef FT_GAMMA_H
#define FT_GAMMA_H

/* Q(a, x) = integral from x to infinity of t^(a-1) e^-t dt / Gamma(a), for a > 0 and x >= 0; NaN
 * elsewhere. Relative error below 1e-12 for a up to 1e5. Source: Abramowitz and Stegun 6.5.29
 * (series, x < a + 1) and 6.5.31 (continued fraction, by Lentz's method). */
double ft_gamma_q(double a, double x);

#endif
