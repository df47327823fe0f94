/* moments.c -- see moments.h. Eight lanes, written with the compiler's vector types, so that one
 * body serves SSE2, AVX2 and AVX-512; the widest the processor has is chosen at run time. */
#include "stats/moments.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"

#define LANES 8
#define BLOCK 4096 /* values: 32 KiB, read twice from the first cache */

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t masks __attribute__((vector_size(LANES * sizeof(int64_t))));

static lanes *select_lanes(lanes *out, const masks *which, const lanes *yes, const lanes *no) {
    *out = (lanes)((*which & (masks)*yes) | (~*which & (masks)*no));
    return out;
}

static double sum_of(const lanes *v) {
    double sum[4];
    for (int i = 0; i < 4; i++) sum[i] = (*v)[i] + (*v)[i + 4];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Values of one block in whole lanes (n is a multiple of LANES). */
static inline __attribute__((always_inline)) void block_body(ft_moments *out, const double *values,
                                                             size_t n) {
    lanes sum = { 0 }, left = { 0 }, squares = { 0 }, low, high, v;
    masks count = { 0 };
    for (int i = 0; i < LANES; i++) {
        low[i] = (double)INFINITY;
        high[i] = -(double)INFINITY;
    }
    for (size_t i = 0; i < n; i += LANES) {
        memcpy(&v, values + i, sizeof v);
        masks there = v == v; /* not NaN */
        masks less = v<low, more = v> high;
        sum += (lanes)(there & (masks)v);
        count -= there;
        select_lanes(&low, &less, &v, &low);
        select_lanes(&high, &more, &v, &high);
    }
    int64_t present = 0;
    for (int i = 0; i < LANES; i++) present += count[i];
    double mean = present ? sum_of(&sum) / (double)present : 0;
    for (size_t i = 0; i < n; i += LANES) {
        memcpy(&v, values + i, sizeof v);
        masks there = v == v;
        lanes distance = (lanes)(there & (masks)(v - mean));
        left += distance;
        squares += distance * distance;
    }
    double low_mean = present ? sum_of(&left) / (double)present : 0;
    *out = (ft_moments){ .count = (uint64_t)present,
                         .missing = n - (uint64_t)present,
                         .mean = mean,
                         .mean_low = low_mean,
                         .m2 = sum_of(&squares) - low_mean * low_mean * (double)present,
                         .min = (double)INFINITY,
                         .max = -(double)INFINITY };
    for (int i = 0; i < LANES; i++) {
        if (low[i] < out->min) out->min = low[i];
        if (high[i] > out->max) out->max = high[i];
    }
}

static void block_any(ft_moments *out, const double *values, size_t n) {
    block_body(out, values, n);
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void block_avx2(ft_moments *out, const double *values,
                                                           size_t n) {
    block_body(out, values, n);
}
__attribute__((target("avx512f,avx512dq,fma"))) static void
block_avx512(ft_moments *out, const double *values, size_t n) {
    block_body(out, values, n);
}
#endif

typedef void block_fn(ft_moments *out, const double *values, size_t n);

static block_fn *block_best(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        return block_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return block_avx2;
#endif
    return block_any;
}

void ft_moments_join(ft_moments *m, const ft_moments *other) {
    m->missing += other->missing;
    if (other->count == 0) return;
    if (m->count == 0) {
        uint64_t missing = m->missing;
        *m = *other;
        m->missing = missing;
        return;
    }
    double a = (double)m->count, b = (double)other->count, n = a + b;
    double delta = (other->mean - m->mean) + (other->mean_low - m->mean_low);
    double step = m->mean_low + delta * (b / n), mean = m->mean + step;
    m->mean_low = step - (mean - m->mean);
    m->mean = mean;
    m->m2 += other->m2 + delta * delta * (a * b / n);
    m->count += other->count;
    if (other->min < m->min) m->min = other->min;
    if (other->max > m->max) m->max = other->max;
}

void ft_moments_add_plain(ft_moments *m, const double *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double v = values[i];
        if (v != v) {
            m->missing++;
            continue;
        }
        double delta = v - m->mean;
        m->count++;
        m->mean = m->count == 1 ? v : m->mean + delta / (double)m->count;
        m->m2 += m->count == 1 ? 0 : delta * (v - m->mean);
        if (m->count == 1 || v < m->min) m->min = v;
        if (m->count == 1 || v > m->max) m->max = v;
    }
}

void ft_moments_add(ft_moments *m, const double *values, size_t n) {
    block_fn *block = block_best();
    while (n >= LANES) {
        size_t size = n < BLOCK ? n / LANES * LANES : BLOCK;
        ft_moments one;
        block(&one, values, size);
        ft_moments_join(m, &one);
        values += size;
        n -= size;
    }
    ft_moments rest = { 0 };
    ft_moments_add_plain(&rest, values, n);
    ft_moments_join(m, &rest);
}

void ft_moments_add_f32(ft_moments *m, const float *values, size_t n) {
    double wide[BLOCK];
    while (n) {
        size_t size = n < BLOCK ? n : BLOCK;
        for (size_t i = 0; i < size; i++) wide[i] = (double)values[i];
        ft_moments_add(m, wide, size);
        values += size;
        n -= size;
    }
}

double ft_moments_sum(const ft_moments *m) { return m->mean * (double)m->count; }

double ft_moments_variance(const ft_moments *m) {
    return m->count ? m->m2 / (double)m->count : (double)NAN;
}

double ft_moments_deviation(const ft_moments *m) { return sqrt(ft_moments_variance(m)); }

double ft_moments_sample_variance(const ft_moments *m) {
    return m->count > 1 ? m->m2 / (double)(m->count - 1) : (double)NAN;
}
