/* predict_blocks.c -- one row through a chunk by AVX-512 VBMI. The row's bins fill two registers:
 * as they are (NaN is bin 0, so it goes left) and with NaN as 255 (right). A tree's 63 tests are
 * then one two-register permute by the tests' slots and one compare; its bits lead from the root to
 * the leaf without a branch. */
#include "trees/predict_in.h"

#ifdef FT_SCORER_X86
#include <immintrin.h>

FT_TARGET_VBMI static inline uint32_t below_or_equal(__m512 v, const float *cuts) {
    return (uint32_t)_mm_popcnt_u32(
        _cvtmask16_u32(_mm512_cmp_ps_mask(v, _mm512_load_ps(cuts), _CMP_GE_OQ)));
}

FT_TARGET_VBMI static inline uint32_t bin_of(const ft_bins *b, uint32_t i, float x) {
    __m512 v = _mm512_set1_ps(x);
    const float *pivots = b->pivots + (size_t)i * FT_PIVOTS;
    const float *cuts = b->cuts + (size_t)b->block_at[i] * FT_PIVOTS;
    uint32_t block = below_or_equal(v, pivots) * FT_PIVOTS;
    return block + below_or_equal(v, cuts + block);
}

FT_TARGET_VBMI static inline float block_leaf(const ft_block_tree *t, __m512i right, __m512i left) {
    __m512i slots = _mm512_load_si512(t->slot);
    __m512i bins = _mm512_permutex2var_epi8(right, slots, left);
    uint64_t bits = _mm512_cmpge_epu8_mask(bins, _mm512_load_si512(t->cut));
    uint64_t at = 1;
    for (int level = 0; level < FT_BLOCK_DEPTH; level++) at = 2 * at + (bits >> at & 1);
    return t->leaves[at - FT_BLOCK_TESTS];
}

FT_TARGET_VBMI void ft_blocks_row(const ft_scorer *s, const ft_chunk *c, float *margins,
                                  const float *row) {
    _Alignas(64) uint8_t right_bins[FT_BLOCK_COLUMNS], left_bins[FT_BLOCK_COLUMNS];
    const ft_bins *b = &c->bins;
    for (uint32_t i = 0; i < b->column_count; i++) {
        float x = row[b->columns[i]];
        uint32_t bin = bin_of(b, i, x);
        left_bins[i] = (uint8_t)bin;
        right_bins[i] = (uint8_t)(x != x ? 255 : bin);
    }
    __m512i right = _mm512_load_si512(right_bins), left = _mm512_load_si512(left_bins);
    const ft_block_tree *t = c->blocks;
    size_t count = c->tree_end - c->tree_begin;
    if (s->forest->group_count == 1) {
        float sum = margins[0];
        for (size_t i = 0; i < count; i++) sum += block_leaf(&t[i], right, left);
        margins[0] = sum;
        return;
    }
    const ft_tree *trees = s->forest->trees + c->tree_begin;
    for (size_t i = 0; i < count; i++) margins[trees[i].group] += block_leaf(&t[i], right, left);
}

#endif
