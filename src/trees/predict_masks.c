/* predict_masks.c -- 512 rows through a chunk by AVX-512BW. Values become bins of 8 bits, a column
 * of them lying together; one compare tests a node for 64 rows and leaves 64 bits. The bits of all
 * tests of a tree are then muxed from the root down, 512 rows in a register, into the planes of the
 * leaf's number, and the leaves are looked up by permutes in registers. */
#include "trees/predict_in.h"

#ifdef FT_SCORER_X86
#include <immintrin.h>

#define WORDS (FT_BATCH_ROWS / 64)

/* ---- bins */

/* How many of 16 cuts are <= v. */
FT_TARGET_AVX512 static inline uint32_t below_or_equal(__m512 v, __m512 cuts) {
    return (uint32_t)_mm_popcnt_u32(_cvtmask16_u32(_mm512_cmp_ps_mask(v, cuts, _CMP_GE_OQ)));
}

/* Up to 64 values of one column, `stride` apart. */
FT_TARGET_AVX512 static void bin_column(uint8_t *restrict bins, const ft_bins *b, size_t i,
                                        const float *restrict values, size_t stride, size_t count) {
    __m512 pivots = _mm512_load_ps(b->pivots + i * FT_PIVOTS);
    const float *cuts = b->cuts + (size_t)b->block_at[i] * FT_PIVOTS;
    __m512 first = _mm512_load_ps(cuts);
    if (b->block_at[i + 1] - b->block_at[i] == 1) {
        for (size_t r = 0; r < count; r++)
            bins[r] = (uint8_t)below_or_equal(_mm512_set1_ps(values[r * stride]), first);
        return;
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < count; r++) {
        __m512 v = _mm512_set1_ps(values[r * stride]);
        uint32_t block = below_or_equal(v, pivots) * FT_PIVOTS;
        bins[r] = (uint8_t)(block + below_or_equal(v, _mm512_load_ps(cuts + block)));
    }
}

FT_TARGET_AVX512 static bool any_missing(const float *values, size_t count) {
    __mmask16 missing = 0;
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m512 v = _mm512_loadu_ps(values + i);
        missing |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    }
    for (; i < count; i++) missing |= (__mmask16)(values[i] != values[i]);
    return missing;
}

static bool column_missing(const float *values, size_t stride, size_t count) {
    bool missing = false;
    for (size_t r = 0; r < count; r++) missing |= values[r * stride] != values[r * stride];
    return missing;
}

void ft_mask_missing_right(uint8_t *to, const uint8_t *from, const float *values, size_t stride,
                           size_t count) {
    for (size_t r = 0; r < count; r++) {
        float x = values[r * stride];
        to[r] = x != x ? 255 : from[r];
    }
}

FT_TARGET_AVX512 static void fill_bins(const ft_scorer *s, const ft_bins *b, ft_mask_scratch *m,
                                       const float *rows, size_t count) {
    size_t stride = s->forest->feature_count, n = b->column_count;
    for (size_t i = 0; i < n; i++)
        m->slots[2 * i] = m->slots[2 * i + 1] = m->bins + i * FT_BATCH_ROWS;
    for (size_t at = 0; at < count; at += 64) { /* 64 rows stay in the first cache */
        size_t some = count - at < 64 ? count - at : 64;
        const float *from = rows + at * stride;
        for (size_t i = 0; i < n; i++)
            bin_column(m->bins + i * FT_BATCH_ROWS + at, b, i, from + b->columns[i], stride, some);
        if (!any_missing(from, some * stride)) continue;
        for (size_t i = 0; i < n; i++)
            if (column_missing(from + b->columns[i], stride, some))
                m->slots[2 * i + 1] = m->bins + (n + i) * FT_BATCH_ROWS;
    }
    for (size_t i = 0; i < n; i++)
        if (m->slots[2 * i + 1] != m->slots[2 * i])
            ft_mask_missing_right(m->bins + (n + i) * FT_BATCH_ROWS, m->bins + i * FT_BATCH_ROWS,
                                  rows + b->columns[i], stride, count);
}

/* ---- tests */

FT_TARGET_AVX512 static void run_tests(const ft_mask_test *tests, size_t test_count,
                                       const ft_mask_scratch *m, size_t words) {
    for (size_t i = 0; i < test_count; i++) {
        const uint8_t *bins = m->slots[tests[i].slot];
        uint64_t *out = m->masks + (size_t)tests[i].place * WORDS;
        __m512i cut = _mm512_set1_epi8((char)tests[i].cut);
        if (words == WORDS) {
            for (size_t w = 0; w < WORDS; w++)
                out[w] = _mm512_cmpge_epu8_mask(_mm512_load_si512(bins + w * 64), cut);
        } else {
            for (size_t w = 0; w < words; w++)
                out[w] = _mm512_cmpge_epu8_mask(_mm512_load_si512(bins + w * 64), cut);
        }
    }
}

FT_TARGET_AVX512 static inline __m512i choose(__m512i bit, __m512i one, __m512i zero) {
    return _mm512_ternarylogic_epi64(bit, one, zero, 0xCA); /* bit ? one : zero */
}

/* Plane k holds, for each row, the outcome of the test that the row meets at level k. */
FT_TARGET_AVX512 static void fill_planes(__m512i *planes, const uint64_t *masks, uint32_t depth) {
    __m512i level[1 << (FT_MASK_DEPTH - 2)];
    const __m512i *tests = (const __m512i *)masks;
    planes[0] = tests[1];
    for (uint32_t k = 1; k < depth; k++) {
        uint32_t width = (uint32_t)1 << (k - 1);
        const __m512i *from = tests + 2 * width; /* the 2^k tests of level k */
        for (uint32_t i = 0; i < width; i++)
            level[i] = choose(planes[k - 1], from[2 * i + 1], from[2 * i]);
        for (uint32_t up = k - 1; up-- > 0;) {
            width /= 2;
            for (uint32_t i = 0; i < width; i++)
                level[i] = choose(planes[up], level[2 * i + 1], level[2 * i]);
        }
        planes[k] = level[0];
    }
}

/* ---- leaves */

FT_TARGET_AVX512 static inline __m512i leaf_numbers(const uint64_t *planes, uint32_t depth,
                                                    size_t word) {
    __m512i numbers = _mm512_setzero_si512();
    for (uint32_t k = 0; k < depth; k++) {
        __m512i bit = _mm512_set1_epi8((char)(1 << (depth - 1 - k)));
        numbers = _mm512_or_si512(numbers, _mm512_maskz_mov_epi8(planes[k * WORDS + word], bit));
    }
    return numbers;
}

/* 16 leaves by number: tables of 32 in two registers, the right table chosen by the high bits. */
FT_TARGET_AVX512 static inline __m512 look_up(const float *leaves, uint32_t depth, __m512i number) {
    __m512 v = _mm512_permutex2var_ps(_mm512_load_ps(leaves), number, _mm512_load_ps(leaves + 16));
    if (depth <= 5) return v;
    if (depth == 6) {
        __mmask16 high = _mm512_test_epi32_mask(number, _mm512_set1_epi32(32));
        __m512 w = _mm512_permutex2var_ps(_mm512_load_ps(leaves + 32), number,
                                          _mm512_load_ps(leaves + 48));
        return _mm512_mask_blend_ps(high, v, w);
    }
    __m512i table = _mm512_srli_epi32(number, 5);
    for (int i = 1; i < 1 << (depth - 5); i++) {
        const float *at = leaves + 32 * i;
        __m512 w = _mm512_permutex2var_ps(_mm512_load_ps(at), number, _mm512_load_ps(at + 16));
        v = _mm512_mask_blend_ps(_mm512_cmpeq_epi32_mask(table, _mm512_set1_epi32(i)), v, w);
    }
    return v;
}

FT_TARGET_AVX512 static inline void add_leaves(float *sums, const float *leaves, uint32_t depth,
                                               __m128i numbers) {
    __m512 v = look_up(leaves, depth, _mm512_cvtepu8_epi32(numbers));
    _mm512_store_ps(sums, _mm512_add_ps(_mm512_load_ps(sums), v));
}

FT_TARGET_AVX512 static void one_tree(const ft_chunk *c, const ft_mask_tree *t,
                                      const ft_mask_scratch *m, float *sums, size_t words) {
    __m512i planes[FT_MASK_DEPTH];
    const float *leaves = c->leaves + t->leaf_at;
    run_tests(c->tests + t->test_at, t->test_count, m, words);
    if (t->depth > 0) fill_planes(planes, m->masks, t->depth);
    for (size_t w = 0; w < words; w++) {
        __m512i numbers = leaf_numbers((const uint64_t *)planes, t->depth, w);
        float *at = sums + w * 64;
        add_leaves(at, leaves, t->depth, _mm512_castsi512_si128(numbers));
        add_leaves(at + 16, leaves, t->depth, _mm512_extracti32x4_epi32(numbers, 1));
        add_leaves(at + 32, leaves, t->depth, _mm512_extracti32x4_epi32(numbers, 2));
        add_leaves(at + 48, leaves, t->depth, _mm512_extracti32x4_epi32(numbers, 3));
    }
}

FT_TARGET_AVX512 void ft_masks_avx512(const ft_scorer *s, const ft_chunk *c, ft_mask_scratch *m,
                                      const float *rows, size_t count) {
    size_t words = (count + 63) / 64;
    fill_bins(s, &c->bins, m, rows, count);
    for (size_t t = c->tree_begin; t < c->tree_end; t++) {
        float *sums = m->sums + (size_t)s->forest->trees[t].group * FT_BATCH_ROWS;
        one_tree(c, &c->masks[t - c->tree_begin], m, sums, words);
    }
}

#endif
