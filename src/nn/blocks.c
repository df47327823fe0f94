/* blocks.c -- see blocks.h. Sixteen rows of the weight are read sixteen items at a time and turned
 * in registers; each line of the result is written once, whole, past the caches: a hundred
 * megabytes would not stay there (half the time of stores that fetch the line first; Zen 4). */
#include "nn/blocks.h"

#include <immintrin.h>
#include <string.h>

#include "nn/ops/vector.h"

#define N       FT_NN_BLOCK
#define AVX_512 __attribute__((target("avx512f,avx512dq,avx2,fma")))

typedef float weight __attribute__((aligned(1))); /* a view of a file may be unaligned */

static int64_t place_of(const ft_nn_blocks *b, int64_t o, int64_t i, int64_t p) {
    return o / b->block * b->outer_step + i / b->inner_block * b->inner_step +
           i % b->inner_block * b->block + p * b->place_step + o % b->block;
}

void ft_nn_blocks_plain(const ft_nn_blocks *b, float *to, const void *from, const float *scale) {
    const weight *at = from;
    for (int64_t o = 0; o < b->outer_padded; o++)
        for (int64_t i = 0; i < b->inner; i++)
            for (int64_t p = 0; p < b->places; p++)
                to[place_of(b, o, i, p)] =
                    o < b->outer ? at[(o * b->inner + i) * b->places + p] * (scale ? scale[o] : 1)
                                 : 0;
}

/* ---- AVX-512 */

/* Rows r and r + s of every pair exchange the lanes that the other shall have. */
#define LANES(J)                                                                                   \
    J(0), J(1), J(2), J(3), J(4), J(5), J(6), J(7), J(8), J(9), J(10), J(11), J(12), J(13), J(14), \
        J(15)
#define LOW(s, j)  ((j) & (s) ? N + ((j) ^ (s)) : (j))
#define HIGH(s, j) ((j) & (s) ? N + (j) : (j) | (s))
#define STAGE(s, low, high)                                          \
    for (int r = 0; r < N; r++)                                      \
        if (!(r & (s))) {                                            \
            ft_v16 a = v[r], c = v[r | (s)];                         \
            v[r] = __builtin_shufflevector(a, c, LANES(low));        \
            v[r | (s)] = __builtin_shufflevector(a, c, LANES(high)); \
        }
#define LOW1(j)  LOW(1, j)
#define LOW2(j)  LOW(2, j)
#define LOW4(j)  LOW(4, j)
#define LOW8(j)  LOW(8, j)
#define HIGH1(j) HIGH(1, j)
#define HIGH2(j) HIGH(2, j)
#define HIGH4(j) HIGH(4, j)
#define HIGH8(j) HIGH(8, j)

AVX_512 static inline void turn(ft_v16 v[N]) {
    STAGE(1, LOW1, HIGH1)
    STAGE(2, LOW2, HIGH2)
    STAGE(4, LOW4, HIGH4)
    STAGE(8, LOW8, HIGH8)
}

/* Where the columns of the dense rows go, one after the other. */
typedef struct column {
    int64_t i, p, at;
} column;

static inline void column_next(const ft_nn_blocks *b, column *c) {
    c->at += b->place_step;
    if (++c->p < b->places) return;
    c->p = 0;
    c->i++;
    c->at = c->i / b->inner_block * b->inner_step + c->i % b->inner_block * b->block;
}

/* As many columns are fetched at once: rows lie a power of two apart, and what is read of a line is
 * used before another row takes its place in the cache. */
#define FETCH 64

AVX_512 static inline void rows_fetch(float got[N][FETCH], const weight *from, int64_t rows,
                                      int64_t columns, int64_t here, const float *scale) {
    for (int64_t r = 0; r < N && r < rows; r++) {
        const weight *row = from + r * columns;
        float by = scale ? scale[r] : 1;
        for (int64_t k = 0; k < here; k++) got[r][k] = row[k] * by;
    }
}

/* Sixteen rows from `from` (`rows` of them are there), to sixteen items of each column. */
AVX_512 static void rows_turn(const ft_nn_blocks *b, float *to, const weight *from, int64_t rows,
                              const float *scale) {
    int64_t columns = b->inner * b->places;
    float got[N][FETCH] __attribute__((aligned(64))) = { 0 };
    column c = { 0 };
    for (int64_t j = 0; j < columns; j += FETCH) {
        int64_t here = columns - j < FETCH ? columns - j : FETCH;
        if (here == FETCH)
            rows_fetch(got, from + j, rows, columns, FETCH, scale);
        else
            rows_fetch(got, from + j, rows, columns, here, scale);
        for (int64_t at = 0; at < here; at += N) {
            ft_v16 v[N];
            for (int r = 0; r < N; r++) memcpy(&v[r], &got[r][at], sizeof v[r]);
            turn(v);
            for (int64_t k = 0; k < N && at + k < here; k++, column_next(b, &c))
                _mm512_stream_ps(to + c.at, (__m512)v[k]);
        }
    }
}

bool ft_nn_blocks_fill(const ft_nn_blocks *b, float *to, const void *from, const float *scale) {
    const weight *at = from;
    if (ft_nn_cpu_level() < 2) return false;
    for (int64_t o = 0; o < b->outer_padded; o += N)
        rows_turn(b, to + place_of(b, o, 0, 0), o < b->outer ? at + o * b->inner * b->places : at,
                  b->outer - o, scale && o < b->outer ? scale + o : NULL);
    _mm_sfence();
    return true;
}
