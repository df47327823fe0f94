/* blocks_test.c -- weights in blocked layouts: as plain C fills them, and as the library's own
 * reorders do. */
#include "nn/blocks.h"

#include <stdlib.h>

#include "nn/onednn.h"
#include "nn/sanitizer_test.h"
#include "base/check.h"
#include "tests/test.h"

typedef struct blocks_case {
    int64_t outer, inner, places, block, inner_block;
} blocks_case;

static const blocks_case cases[] = {
    { 32, 48, 1, 16, 1 }, { 40, 7, 9, 48, 1 },   { 64, 130, 1, 64, 1 }, { 100, 37, 1, 32, 1 },
    { 3, 3, 49, 16, 1 },  { 70, 32, 1, 64, 16 }, { 16, 64, 9, 16, 16 }, { 1, 1, 1, 16, 1 },
};

static ft_nn_blocks blocks_of(const blocks_case *c) {
    ft_nn_blocks b = { .outer = c->outer,
                       .outer_padded = (c->outer + c->block - 1) / c->block * c->block,
                       .inner = c->inner,
                       .places = c->places,
                       .block = c->block,
                       .inner_block = c->inner_block };
    /* (outer blocks, inner blocks, places, inner block, block) */
    b.place_step = c->inner_block * c->block;
    b.inner_step = c->places * b.place_step;
    b.outer_step = c->inner / c->inner_block * b.inner_step;
    return b;
}

/* Numbers that do not begin on a float's boundary, as in a mapped file. */
static char *numbers_new(int64_t count) {
    char *at = malloc((size_t)count * 4 + 1);
    EXPECT(at != NULL);
    for (int64_t i = 0; i < count; i++) {
        float v = (float)((i * 7919) % 1013) / 64 - 7;
        memcpy(at + 1 + i * 4, &v, sizeof v);
    }
    return at;
}

static void test_plain(void **state) {
    (void)state;
    for (size_t i = 0; i < FT_COUNT(cases) * 2; i++) {
        ft_nn_blocks b = blocks_of(&cases[i / 2]);
        size_t bytes = (size_t)(b.outer_padded * b.inner * b.places) * 4;
        char *from = numbers_new(b.outer * b.inner * b.places);
        float scale[100];
        for (int64_t o = 0; o < b.outer; o++) scale[o] = (float)o / 8 - 1;
        float *fast = aligned_alloc(64, (bytes + 63) / 64 * 64);
        float *plain = aligned_alloc(64, (bytes + 63) / 64 * 64);
        EXPECT(fast && plain);
        memset(fast, 0xff, bytes);
        memset(plain, 0xff, bytes);
        ft_nn_blocks_plain(&b, plain, from + 1, i % 2 ? scale : NULL);
        for (size_t k = 0; k < bytes / 4; k++) EXPECT(plain[k] == plain[k]); /* all written */
        if (ft_nn_blocks_fill(&b, fast, from + 1, i % 2 ? scale : NULL))
            EXPECT(memcmp(fast, plain, bytes) == 0);
        free(plain);
        free(fast);
        free(from);
    }
}

/* The library's own packing gives the same bytes, whichever layout it chose. */
static void packed_as_library(const ft_dnn *k, int64_t count) {
    ft_nn_blocks b;
    size_t bytes = ft_dnn_pack_bytes(k);
    if (!bytes || !ft_dnn_pack_blocks(k, &b)) return; /* plain on this processor */
    EXPECT(b.outer * b.inner * b.places == count);
    char *from = numbers_new(count);
    float *theirs = aligned_alloc(64, (bytes + 63) / 64 * 64);
    float *ours = aligned_alloc(64, (bytes + 63) / 64 * 64);
    EXPECT(theirs && ours);
    memset(theirs, 0, bytes);
    memset(ours, 0, bytes);
    EXPECT_OK(ft_dnn_pack(k, theirs, from + 1));
    ft_nn_blocks_plain(&b, ours, from + 1, NULL);
    EXPECT(memcmp(ours, theirs, bytes) == 0);
    free(ours);
    free(theirs);
    free(from);
}

static void test_conv(void **state) {
    (void)state;
    static const int64_t shapes[][4] = { { 64, 32, 1, 14 }, { 144, 24, 1, 14 }, { 64, 64, 3, 14 },
                                         { 64, 3, 7, 56 },  { 96, 32, 3, 7 },   { 10, 16, 3, 9 } };
    const int64_t ones[] = { 1, 1 };
    for (size_t i = 0; i < FT_COUNT(shapes); i++) {
        int64_t o = shapes[i][0], c = shapes[i][1], w = shapes[i][2], side = shapes[i][3];
        int64_t pad[] = { w / 2, w / 2 };
        ft_array x = { .dtype = FT_F32, .ndim = 4, .shape = { 1, side, side, c } };
        ft_array y = { .dtype = FT_F32, .ndim = 4, .shape = { 1, side, side, o } };
        ft_array weights = { .dtype = FT_F32, .ndim = 4, .shape = { o, c, w, w } };
        ft_dnn_conv_opts opts = { .src = ft_dnn_desc_of(&x, true),
                                  .dst = ft_dnn_desc_of(&y, true),
                                  .weights = ft_dnn_desc_of(&weights, false),
                                  .stride = ones,
                                  .dilation = ones,
                                  .pad_begin = pad,
                                  .pad_end = pad };
        ft_dnn *k;
        opts.weights.any = true;
        EXPECT_OK(ft_dnn_conv(&k, &opts));
        packed_as_library(k, o * c * w * w);
        ft_dnn_free(k);
    }
}

static void test_product(void **state) {
    (void)state;
    static const int64_t shapes[][2] = { { 512, 1000 }, { 64, 10 }, { 100, 130 } };
    for (size_t i = 0; i < FT_COUNT(shapes); i++) {
        int64_t in = shapes[i][0], out = shapes[i][1];
        ft_dnn_desc x = { .dtype = FT_F32, .ndim = 2, .dims = { 1, in }, .strides = { in, 1 } };
        ft_dnn_desc y = { .dtype = FT_F32, .ndim = 2, .dims = { 1, out }, .strides = { out, 1 } };
        ft_dnn_desc w = { .dtype = FT_F32, .ndim = 2, .dims = { in, out }, .strides = { 1, in } };
        ft_dnn *k;
        w.any = true;
        EXPECT_OK(ft_dnn_matmul(&k, &(ft_dnn_matmul_opts){ .src = x, .weights = w, .dst = y }));
        packed_as_library(k, in * out);
        ft_dnn_free(k);
    }
}

TEST_MAIN(cmocka_unit_test(test_plain), cmocka_unit_test(test_conv), cmocka_unit_test(test_product))
