/* at_least.c -- see at_least.h. Eight lanes of the compiler's vector types, so that one body serves
 * SSE2, AVX2 and AVX-512; the widest the processor has is chosen at run time. */
#include "stats/at_least.h"

#include <stdbool.h>
#include <string.h>

#define LANES 8
#define BLOCK 2048 /* values: 16 KiB, read again for each group from the first cache */
#define GROUP 4    /* thresholds whose counters stay in registers */

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t masks __attribute__((vector_size(LANES * sizeof(int64_t))));

static inline __attribute__((always_inline)) void add_group(uint64_t *out, const double *thresholds,
                                                            const double *values, size_t n) {
    masks counters[GROUP] = { 0 };
    lanes v;
    for (size_t i = 0; i < n; i += LANES) {
        memcpy(&v, values + i, sizeof v);
        for (int k = 0; k < GROUP; k++) counters[k] -= v >= thresholds[k];
    }
    for (int k = 0; k < GROUP; k++)
        for (int lane = 0; lane < LANES; lane++) out[k] += (uint64_t)counters[k][lane];
}

/* n is a multiple of LANES, count of GROUP. */
static inline __attribute__((always_inline)) void
blocks_body(uint64_t *out, const double *thresholds, size_t count, const double *values, size_t n) {
    for (size_t size; n; values += size, n -= size) {
        size = n < BLOCK ? n : BLOCK;
        for (size_t k = 0; k < count; k += GROUP) add_group(out + k, thresholds + k, values, size);
    }
}

typedef void blocks_fn(uint64_t *out, const double *thresholds, size_t count, const double *values,
                       size_t n);

static void blocks_any(uint64_t *out, const double *thresholds, size_t count, const double *values,
                       size_t n) {
    blocks_body(out, thresholds, count, values, n);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
blocks_avx2(uint64_t *out, const double *thresholds, size_t count, const double *values, size_t n) {
    blocks_body(out, thresholds, count, values, n);
}
__attribute__((target("avx512f,avx512dq"))) static void
blocks_avx512(uint64_t *out, const double *thresholds, size_t count, const double *values,
              size_t n) {
    blocks_body(out, thresholds, count, values, n);
}
#endif

static blocks_fn *blocks_best(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        return blocks_avx512;
    if (__builtin_cpu_supports("avx2")) return blocks_avx2;
#endif
    return blocks_any;
}

static void add_plain(uint64_t *out, const double *thresholds, size_t count, const double *values,
                      size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < count; k++) out[k] += values[i] >= thresholds[k];
}

void ft_count_at_least_plain(uint64_t *out, const double *thresholds, size_t count,
                             const double *values, size_t n) {
    memset(out, 0, count * sizeof *out);
    add_plain(out, thresholds, count, values, n);
}

void ft_count_at_least(uint64_t *out, const double *thresholds, size_t count, const double *values,
                       size_t n) {
    size_t grouped = count / GROUP * GROUP, whole = n / LANES * LANES;
    memset(out, 0, count * sizeof *out);
    blocks_best()(out, thresholds, grouped, values, whole);
    add_plain(out, thresholds, grouped, values + whole, n - whole);
    add_plain(out + grouped, thresholds + grouped, count - grouped, values, n);
}
