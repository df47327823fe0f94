/* trajectory.c -- see trajectory.h. All coefficients go side by side, innermost. */
#include "speech/clustergen/trajectory.h"

#include <math.h>

#define NEVER \
    0.0962 /* stands for the variance of a coefficient that never varied, as flite has it */

/* A row of each is one frame. */
typedef struct equations {
    size_t frames, channels;
    double *weight; /* [2 * channels]: one over the variance, of itself and of its change */
    double *pull;   /* [2 * channels]: weight times mean */
    double *diag;   /* [3][channels]: the matrix's diagonal and the two above it */
    double *right;  /* [channels]: the right side, then what is solved forwards, then backwards */
} equations;

static ft_err equations_make(equations *e, const ft_trajectory *t, ft_arena *arena) {
    size_t n = t->frames * t->channels;
    *e = (equations){ .frames = t->frames, .channels = t->channels };
    FT_TRY(ft_arena_items(&e->weight, arena, 2 * n));
    FT_TRY(ft_arena_items(&e->pull, arena, 2 * n));
    FT_TRY(ft_arena_items(&e->diag, arena, 3 * n));
    return ft_arena_items(&e->right, arena, n);
}

/* flite takes a frame's variances from the product on that is zero (or too small for a number) as
 * NEVER. */
static void weigh(equations *e, const ft_trajectory *t) {
    size_t width = 2 * t->channels;
    for (size_t i = 0; i < t->frames; i++) {
        const float *model = t->model + i * 2 * width;
        double *weight = e->weight + i * width, *pull = e->pull + i * width, product = 1;
        for (size_t k = 0; k < width; k++) {
            double variance = (double)(model[2 * k + 1] * model[2 * k + 1]);
            product *= variance;
            if (!(product > 0)) {
                variance = NEVER;
                product = pow(NEVER, (double)(k + 1));
            }
            weight[k] = 1.0 / variance;
            pull[k] = weight[k] * (double)model[2 * k];
        }
    }
}

/* W' U^-1 W and W' U^-1 m. Every sum has its terms in flite's order. */
static void build(equations *e, const float change[3]) {
    size_t n = e->channels;
    for (size_t i = 0; i < e->frames; i++) {
        double *diag = e->diag + i * 3 * n, *right = e->right + i * n;
        memcpy(diag, e->weight + i * 2 * n, n * sizeof *diag);
        memcpy(right, e->pull + i * 2 * n, n * sizeof *right);
        for (int k = -1; k <= 1; k++) {
            double by = (double)change[1 - k];
            if ((k < 0 && i == 0) || (k > 0 && i + 1 == e->frames) || by == 0) continue;
            size_t other = k < 0 ? i - 1 : k > 0 ? i + 1 : i;
            const double *weight = e->weight + other * 2 * n + n;
            const double *pull = e->pull + other * 2 * n + n;
            for (size_t m = 0; m < n; m++) right[m] += by * pull[m];
            for (int l = 0; l <= k + 1 && i + (size_t)l < e->frames; l++) {
                double also = (double)change[1 + l - k];
                for (size_t m = 0; m < n; m++) diag[(size_t)l * n + m] += by * weight[m] * also;
            }
        }
    }
}

static void factor(equations *e) {
    size_t n = e->channels, row = 3 * n;
    for (size_t t = 0; t < e->frames; t++) {
        double *d = e->diag + t * row;
        const double *d1 = d - row, *d2 = d - 2 * row; /* the frames before */
        for (size_t m = 0; t > 0 && m < n; m++) d[m] -= d1[n + m] * d1[n + m];
        for (size_t m = 0; t > 1 && m < n; m++) d[m] -= d2[2 * n + m] * d2[2 * n + m];
        for (size_t m = 0; t > 0 && m < n; m++) d[n + m] -= d1[n + m] * d1[2 * n + m];
        for (size_t m = 0; m < n; m++) {
            d[m] = sqrt(d[m]);
            d[n + m] /= d[m];
            d[2 * n + m] /= d[m];
        }
    }
}

static void substitute(equations *e) {
    size_t n = e->channels, row = 3 * n;
    for (size_t t = 0; t < e->frames; t++) {
        const double *d = e->diag + t * row;
        double *g = e->right + t * n;
        for (size_t m = 0; m < n; m++) {
            double hold = 0;
            if (t > 0) hold += (d - row)[n + m] * (g - n)[m];
            if (t > 1) hold += (d - 2 * row)[2 * n + m] * (g - 2 * n)[m];
            g[m] = (g[m] - hold) / d[m];
        }
    }
    for (size_t t = e->frames; t-- > 0;) {
        const double *d = e->diag + t * row;
        double *c = e->right + t * n;
        for (size_t m = 0; m < n; m++) {
            double hold = 0;
            if (t + 1 < e->frames) hold += d[n + m] * (c + n)[m];
            if (t + 2 < e->frames) hold += d[2 * n + m] * (c + 2 * n)[m];
            c[m] = (c[m] - hold) / d[m];
        }
    }
}

ft_err ft_trajectory_solve(float *out, size_t stride, const ft_trajectory *t, ft_arena *arena) {
    equations e;
    FT_TRY(equations_make(&e, t, arena));
    weigh(&e, t);
    build(&e, t->change);
    factor(&e);
    substitute(&e);
    for (size_t i = 0; i < t->frames; i++)
        for (size_t m = 0; m < t->channels; m++)
            out[i * stride + m] = (float)e.right[i * t->channels + m];
    return FT_OK;
}
