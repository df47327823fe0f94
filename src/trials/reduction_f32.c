/* reduction_f32.c -- see reduction_in.h: weights and gradients of a whole network at every save.
 * The compiler's vector types, so that one body serves SSE2, AVX2 and AVX-512; the widest that the
 * processor has is chosen at run time. The passes of reduction.c are its reference. */
#include <math.h>
#include <string.h>

#include "trials/reduction_in.h"

#define LANES 16
#define HALF  8

typedef float floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t masks __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef float half_floats __attribute__((vector_size(HALF * sizeof(float))));
typedef double doubles __attribute__((vector_size(HALF * sizeof(double))));
typedef int64_t wide_masks __attribute__((vector_size(HALF * sizeof(int64_t))));

#define INLINE static inline __attribute__((always_inline))

/* ---- one value */

static void add_one(ft_sums *plain, double x) {
    double size = fabs(x);
    plain->least = fmin(plain->least, x);
    plain->most = fmax(plain->most, x);
    plain->sum += x;
    plain->l1 += size;
    plain->l2 += x * x;
}

/* ---- whole lanes */

INLINE void halves_add(doubles *sum, doubles *l1, doubles *l2, const float *at) {
    half_floats f;
    memcpy(&f, at, sizeof f);
    doubles d = __builtin_convertvector(f, doubles);
    *sum += d;
    *l1 += (doubles)((wide_masks)d & INT64_MAX);
    *l2 += d * d;
}

INLINE void lanes_body(ft_sums *s, double *least_size, const float *at, int64_t count) {
    floats least, most, closest;
    doubles sum[2] = { { 0 } }, l1[2] = { { 0 } }, l2[2] = { { 0 } };
    memcpy(&least, at, sizeof least);
    most = least;
    closest = (floats)((masks)least & INT32_MAX);
    for (int64_t i = 0; i < count; i += LANES) {
        floats v, size;
        memcpy(&v, at + i, sizeof v);
        size = (floats)((masks)v & INT32_MAX);
        masks less = v<least, more = v> most, closer = size < closest;
        least = (floats)((less & (masks)v) | (~less & (masks)least));
        most = (floats)((more & (masks)v) | (~more & (masks)most));
        closest = (floats)((closer & (masks)size) | (~closer & (masks)closest));
        halves_add(&sum[0], &l1[0], &l2[0], at + i);
        halves_add(&sum[1], &l1[1], &l2[1], at + i + HALF);
    }
    for (int i = 0; i < LANES; i++) {
        s->least = fmin(s->least, (double)least[i]);
        s->most = fmax(s->most, (double)most[i]);
        *least_size = fmin(*least_size, (double)closest[i]);
        s->sum += sum[i / HALF][i % HALF];
        s->l1 += l1[i / HALF][i % HALF];
        s->l2 += l2[i / HALF][i % HALF];
    }
}

INLINE double squares_body(const float *at, int64_t count, double mean, int64_t kept) {
    doubles sums[2] = { { 0 } };
    double sum = 0;
    for (int64_t i = 0; i < count; i += HALF) {
        half_floats f;
        memcpy(&f, at + i, sizeof f);
        doubles d = __builtin_convertvector(f, doubles);
        d = (doubles)((wide_masks)d & kept) - mean;
        sums[i / HALF & 1] += d * d;
    }
    for (int i = 0; i < LANES; i++) sum += sums[i / HALF][i % HALF];
    return sum;
}

typedef void lanes_fn(ft_sums *s, double *least_size, const float *at, int64_t count);
typedef double squares_fn(const float *at, int64_t count, double mean, int64_t kept);

#define VARIANT(name, how)                                                                    \
    how static void lanes_##name(ft_sums *s, double *least, const float *at, int64_t n) {     \
        lanes_body(s, least, at, n);                                                          \
    }                                                                                         \
    how static double squares_##name(const float *at, int64_t n, double mean, int64_t kept) { \
        return squares_body(at, n, mean, kept);                                               \
    }

VARIANT(any, )
#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2,fma"))))
VARIANT(avx512, __attribute__((target("avx512f,avx512dq,avx2,fma"))))
#endif

static void best(lanes_fn **lanes, squares_fn **squares) {
    *lanes = lanes_any;
    *squares = squares_any;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        *lanes = lanes_avx512;
        *squares = squares_avx512;
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        *lanes = lanes_avx2;
        *squares = squares_avx2;
    }
#endif
}

/* ---- exported */

void ft_sums_f32(ft_sums *plain, ft_sums *of_abs, const float *at, int64_t count) {
    lanes_fn *lanes;
    squares_fn *squares;
    double least_size = INFINITY;
    int64_t whole = count / LANES * LANES;
    best(&lanes, &squares);
    *plain = (ft_sums){ .least = INFINITY, .most = -INFINITY, .product = 1, .count = count };
    if (whole) lanes(plain, &least_size, at, whole);
    for (int64_t i = whole; i < count; i++) {
        add_one(plain, (double)at[i]);
        least_size = fmin(least_size, fabs((double)at[i]));
    }
    if (isnan(plain->l1)) /* one of the values is: sizes have no other way to it */
        plain->least = plain->most = least_size = NAN;
    *of_abs = *plain;
    of_abs->least = least_size;
    of_abs->most = fmax(fabs(plain->least), fabs(plain->most));
    of_abs->sum = plain->l1;
}

double ft_squares_f32(const float *at, int64_t count, double mean, bool of_abs) {
    lanes_fn *lanes;
    squares_fn *squares;
    int64_t whole = count / LANES * LANES;
    best(&lanes, &squares);
    double sum = whole ? squares(at, whole, mean, of_abs ? INT64_MAX : -1) : 0;
    for (int64_t i = whole; i < count; i++) {
        double x = of_abs ? fabs((double)at[i]) : (double)at[i];
        sum += (x - mean) * (x - mean);
    }
    return sum;
}
