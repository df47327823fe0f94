/* gamma.c -- see gamma.h. */
#include "stats/gamma.h"

#include <math.h>

#define STEPS_MAX 1000000
#define SMALLEST  1e-300

/* x^a e^-x / Gamma(a); lgamma_r, since lgamma writes a global. */
static double front(double a, double x) {
    int sign;
    return exp(a * log(x) - x - lgamma_r(a, &sign));
}

/* 1 - Q, by its power series. */
static double series(double a, double x) {
    double term = 1 / a, sum = term;
    for (int n = 1; n < STEPS_MAX && fabs(term) > fabs(sum) * 1e-17; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum * front(a, x);
}

static double fraction(double a, double x) {
    double b = x + 1 - a, c = 1 / SMALLEST, d = 1 / b, h = d;
    for (int n = 1; n < STEPS_MAX; n++) {
        double an = -n * (n - a);
        b += 2;
        d = an * d + b;
        if (fabs(d) < SMALLEST) d = SMALLEST;
        c = b + an / c;
        if (fabs(c) < SMALLEST) c = SMALLEST;
        d = 1 / d;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16) break;
    }
    return h * front(a, x);
}

double ft_gamma_q(double a, double x) {
    if (!(a > 0) || !(x >= 0)) return (double)NAN;
    if (x == 0) return 1;
    if (isinf(x)) return 0;
    return x < a + 1 ? 1 - series(a, x) : fraction(a, x);
}
