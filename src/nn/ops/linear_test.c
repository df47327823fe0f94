/* linear_test.c -- Gemm, MatMul, ConvTranspose: equal to their references, gradients equal to
 * differences. */
#include "nn/op_rig_test.h"

static void test_matmul(void **state) {
    (void)state;
    static const struct {
        int an, bn;
        int64_t a[4], b[4];
    } cases[] = {
        { 2, 2, { 5, 7 }, { 7, 3 } },
        { 1, 2, { 7 }, { 7, 3 } },
        { 2, 1, { 5, 7 }, { 7 } },
        { 1, 1, { 7 }, { 7 } },
        { 3, 2, { 2, 5, 7 }, { 7, 3 } },
        { 3, 3, { 2, 5, 7 }, { 2, 7, 3 } },
        { 4, 3, { 3, 2, 5, 7 }, { 2, 7, 3 } },
        { 4, 4, { 3, 1, 5, 7 }, { 1, 2, 7, 3 } },
        { 2, 3, { 5, 7 }, { 4, 7, 3 } },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        rig r = rig_of("MatMul", NULL, 0);
        rig_input(&r, FT_F32, cases[i].an, cases[i].a);
        rig_input(&r, FT_F32, cases[i].bn, cases[i].b);
        rig_same(&r, 1e-5);
        rig_gradient(&r, 2e-3);
        rig_end(&r);
    }
    rig r = rig_of("MatMul", NULL, 0); /* a fused bias and a sum */
    rig_input(&r, FT_F32, 3, (int64_t[]){ 2, 5, 7 });
    rig_input(&r, FT_F32, 2, (int64_t[]){ 7, 16 });
    rig_input(&r, FT_F32, 1, (int64_t[]){ 16 });
    rig_same(&r, 1e-5);
    rig_end(&r);
}

static void test_gemm(void **state) {
    (void)state;
    for (int bits = 0; bits < 32; bits++) {
        bool ta = bits & 1, tb = bits & 2, scaled = bits & 4;
        ft_nn_attr attrs[] = { ATTR_INT("transA", ta), ATTR_INT("transB", tb),
                               ATTR_FLOAT("alpha", scaled ? 0.5 : 1),
                               ATTR_FLOAT("beta", scaled ? 2 : 1) };
        rig r = rig_of("Gemm", attrs, FT_COUNT(attrs));
        rig_input(&r, FT_F32, 2, ta ? (int64_t[]){ 7, 5 } : (int64_t[]){ 5, 7 });
        rig_input(&r, FT_F32, 2, tb ? (int64_t[]){ 3, 7 } : (int64_t[]){ 7, 3 });
        int c = bits >> 3;
        if (c == 1) rig_input(&r, FT_F32, 1, (int64_t[]){ 3 });
        if (c == 2) rig_input(&r, FT_F32, 2, (int64_t[]){ 5, 1 });
        if (c == 3) rig_input(&r, FT_F32, 0, NULL);
        rig_same(&r, 1e-5);
        rig_gradient(&r, 2e-3);
        rig_end(&r);
    }
}

static void test_conv_transpose(void **state) {
    (void)state;
    static const struct {
        int64_t c, o, groups, h, w, k, stride, dilation, pad, extra;
    } cases[] = {
        { 3, 4, 1, 5, 4, 3, 2, 1, 1, 1 },
        { 16, 16, 1, 4, 4, 4, 2, 1, 1, 0 },
        { 6, 4, 2, 5, 5, 3, 1, 2, 0, 0 },
        { 8, 8, 8, 4, 4, 2, 2, 1, 0, 0 },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++)
        for (int last = 0; last < 2; last++) {
            __typeof__(&cases[0]) s = &cases[i];
            int64_t ints[] = { s->stride, s->stride, s->dilation, s->dilation, s->pad,
                               s->pad,    s->pad,    s->pad,      s->extra,    s->extra };
            ft_nn_attr attrs[] = {
                { .name = "strides", .type = FT_NN_INTS, .count = 2, .ints = ints },
                { .name = "dilations", .type = FT_NN_INTS, .count = 2, .ints = ints + 2 },
                { .name = "pads", .type = FT_NN_INTS, .count = 4, .ints = ints + 4 },
                { .name = "output_padding", .type = FT_NN_INTS, .count = 2, .ints = ints + 8 },
                ATTR_INT("group", s->groups),
                ATTR_INT("ft_last", last),
            };
            rig r = rig_of("ConvTranspose", attrs, FT_COUNT(attrs));
            rig_input(&r, FT_F32, 4,
                      last ? (int64_t[]){ 2, s->h, s->w, s->c }
                           : (int64_t[]){ 2, s->c, s->h, s->w });
            rig_input(&r, FT_F32, 4, (int64_t[]){ s->c, s->o / s->groups, s->k, s->k });
            rig_input(&r, FT_F32, 1, (int64_t[]){ s->o });
            rig_same(&r, 1e-5);
            rig_gradient(&r, 2e-3);
            rig_end(&r);
        }
}

static void test_refused(void **state) {
    (void)state;
    rig r = rig_of("MatMul", NULL, 0);
    rig_input(&r, FT_F32, 2, (int64_t[]){ 2, 5 });
    rig_input(&r, FT_F32, 2, (int64_t[]){ 4, 5 });
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    EXPECT_WHY("5 columns meet 4 rows");
    rig_end(&r);
    r = rig_of("Gemm", NULL, 0);
    rig_input(&r, FT_F32, 2, (int64_t[]){ 2, 4 });
    rig_input(&r, FT_F32, 2, (int64_t[]){ 4, 5 });
    rig_input(&r, FT_F32, 1, (int64_t[]){ 4 });
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    rig_end(&r);
}

TEST_MAIN(cmocka_unit_test(test_matmul), cmocka_unit_test(test_gemm),
          cmocka_unit_test(test_conv_transpose), cmocka_unit_test(test_refused))
