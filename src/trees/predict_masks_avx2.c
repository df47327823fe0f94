/* predict_masks_avx2.c -- the masks path in AVX2, for CPUs without AVX-512: the same layout, 32
 * rows a compare, planes muxed in two registers of 256 bits, leaves looked up in memory. */
#include "trees/predict_in.h"

#ifdef FT_SCORER_X86
#include <immintrin.h>

#define WORDS  (FT_BATCH_ROWS / 64)
#define HALVES (FT_BATCH_ROWS / 256) /* 256-bit registers of a plane */

/* ---- bins */

FT_TARGET_AVX2 static inline uint32_t below_or_equal(const float *cuts, __m256 v) {
    int low = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_load_ps(cuts), _CMP_GE_OQ));
    int high = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_load_ps(cuts + 8), _CMP_GE_OQ));
    return (uint32_t)_mm_popcnt_u32((uint32_t)low | (uint32_t)high << 8);
}

FT_TARGET_AVX2 static bool bin_column(uint8_t *bins, const ft_bins *b, size_t i,
                                      const float *values, size_t stride, size_t count) {
    const float *pivots = b->pivots + i * FT_PIVOTS;
    const float *cuts = b->cuts + (size_t)b->block_at[i] * FT_PIVOTS;
    bool missing = false;
    for (size_t r = 0; r < count; r++) {
        float x = values[r * stride];
        __m256 v = _mm256_set1_ps(x);
        uint32_t block = below_or_equal(pivots, v);
        bins[r] = (uint8_t)(block * FT_PIVOTS + below_or_equal(cuts + block * FT_PIVOTS, v));
        missing |= x != x;
    }
    return missing;
}

FT_TARGET_AVX2 static void fill_bins(const ft_scorer *s, const ft_bins *b, ft_mask_scratch *m,
                                     const float *rows, size_t count) {
    size_t stride = s->forest->feature_count, n = b->column_count;
    for (size_t i = 0; i < n; i++)
        m->slots[2 * i] = m->slots[2 * i + 1] = m->bins + i * FT_BATCH_ROWS;
    for (size_t at = 0; at < count; at += 64) {
        size_t some = count - at < 64 ? count - at : 64;
        for (size_t i = 0; i < n; i++)
            if (bin_column(m->bins + i * FT_BATCH_ROWS + at, b, i,
                           rows + at * stride + b->columns[i], stride, some))
                m->slots[2 * i + 1] = m->bins + (n + i) * FT_BATCH_ROWS;
    }
    for (size_t i = 0; i < n; i++)
        if (m->slots[2 * i + 1] != m->slots[2 * i])
            ft_mask_missing_right(m->bins + (n + i) * FT_BATCH_ROWS, m->bins + i * FT_BATCH_ROWS,
                                  rows + b->columns[i], stride, count);
}

/* ---- tests */

FT_TARGET_AVX2 static inline uint64_t not_below(const uint8_t *bins, __m256i cut) {
    __m256i v = _mm256_load_si256((const __m256i *)bins);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(v, cut), v));
}

FT_TARGET_AVX2 static void run_tests(const ft_mask_test *tests, size_t test_count,
                                     const ft_mask_scratch *m, size_t words) {
    for (size_t i = 0; i < test_count; i++) {
        const uint8_t *bins = m->slots[tests[i].slot];
        uint64_t *out = m->masks + (size_t)tests[i].place * WORDS;
        __m256i cut = _mm256_set1_epi8((char)tests[i].cut);
        for (size_t w = 0; w < words; w++)
            out[w] = not_below(bins + w * 64, cut) | not_below(bins + w * 64 + 32, cut) << 32;
    }
}

FT_TARGET_AVX2 static inline __m256i choose(__m256i bit, __m256i one, __m256i zero) {
    return _mm256_xor_si256(zero, _mm256_and_si256(bit, _mm256_xor_si256(one, zero)));
}

/* One half of the planes; `masks` and `planes` already point to that half. */
FT_TARGET_AVX2 static void fill_planes(uint64_t *planes, const uint64_t *masks, uint32_t depth) {
    __m256i level[1 << (FT_MASK_DEPTH - 2)], plane[FT_MASK_DEPTH];
    plane[0] = _mm256_load_si256((const __m256i *)(masks + WORDS));
    for (uint32_t k = 1; k < depth; k++) {
        uint32_t width = (uint32_t)1 << (k - 1);
        const uint64_t *from = masks + (size_t)2 * width * WORDS;
        for (uint32_t i = 0; i < width; i++) {
            const uint64_t *pair = from + (size_t)2 * i * WORDS;
            level[i] = choose(plane[k - 1], _mm256_load_si256((const __m256i *)(pair + WORDS)),
                              _mm256_load_si256((const __m256i *)pair));
        }
        for (uint32_t up = k - 1; up-- > 0;) {
            width /= 2;
            for (uint32_t i = 0; i < width; i++)
                level[i] = choose(plane[up], level[2 * i + 1], level[2 * i]);
        }
        plane[k] = level[0];
    }
    for (uint32_t k = 0; k < depth; k++)
        _mm256_store_si256((__m256i *)(planes + (size_t)k * WORDS), plane[k]);
}

/* ---- leaves */

/* 32 bits become 32 bytes: `value` where the bit is set. */
FT_TARGET_AVX2 static inline __m256i spread(uint32_t bits, char value) {
    const __m256i byte =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), byte);
    v = _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
    return _mm256_and_si256(v, _mm256_set1_epi8(value));
}

FT_TARGET_AVX2 static void add_leaves(float *sums, const float *leaves, const uint64_t *planes,
                                      uint32_t depth, size_t word) {
    _Alignas(32) uint8_t numbers[64];
    for (int half = 0; half < 2; half++) {
        __m256i v = _mm256_setzero_si256();
        for (uint32_t k = 0; k < depth; k++)
            v = _mm256_or_si256(v, spread((uint32_t)(planes[k * WORDS + word] >> (32 * half)),
                                          (char)(1 << (depth - 1 - k))));
        _mm256_store_si256((__m256i *)(numbers + 32 * half), v);
    }
    for (size_t r = 0; r < 64; r++) sums[r] += leaves[numbers[r]];
}

FT_TARGET_AVX2 static void one_tree(const ft_chunk *c, const ft_mask_tree *t,
                                    const ft_mask_scratch *m, float *sums, size_t words) {
    _Alignas(32) uint64_t planes[FT_MASK_DEPTH * WORDS];
    run_tests(c->tests + t->test_at, t->test_count, m, words);
    if (t->depth > 0)
        for (size_t half = 0; half < HALVES; half++)
            fill_planes(planes + half * 4, m->masks + half * 4, t->depth);
    for (size_t w = 0; w < words; w++)
        add_leaves(sums + w * 64, c->leaves + t->leaf_at, planes, t->depth, w);
}

FT_TARGET_AVX2 void ft_masks_avx2(const ft_scorer *s, const ft_chunk *c, ft_mask_scratch *m,
                                  const float *rows, size_t count) {
    size_t words = (count + 63) / 64;
    fill_bins(s, &c->bins, m, rows, count);
    for (size_t t = c->tree_begin; t < c->tree_end; t++) {
        float *sums = m->sums + (size_t)s->forest->trees[t].group * FT_BATCH_ROWS;
        one_tree(c, &c->masks[t - c->tree_begin], m, sums, words);
    }
}

#endif
