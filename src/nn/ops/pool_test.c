/* pool_test.c -- the pools and softmax: equal to their references, gradients equal to differences;
 * MaxPool's indices. */
#include "nn/op_rig_test.h"

static void test_windows(void **state) {
    (void)state;
    static const char *const ops[] = { "MaxPool", "AveragePool", "LpPool" };
    for (int bits = 0; bits < 3 * 16; bits++) {
        int last = bits & 1, ceil = bits >> 1 & 1, wide = bits >> 2 & 1, pads = bits >> 3 & 1;
        int64_t k = wide ? 3 : 2, p = pads;
        int64_t ints[] = { k, k, 2, 2, p, p, p, p };
        ft_nn_attr attrs[] = {
            { .name = "kernel_shape", .type = FT_NN_INTS, .count = 2, .ints = ints },
            { .name = "strides", .type = FT_NN_INTS, .count = 2, .ints = ints + 2 },
            { .name = "pads", .type = FT_NN_INTS, .count = 4, .ints = ints + 4 },
            ATTR_INT("ceil_mode", ceil),
            ATTR_INT("ft_last", last),
            ATTR_INT("count_include_pad", wide),
        };
        const char *op = ops[bits >> 4];
        rig r = rig_of(op, attrs, strcmp(op, "AveragePool") == 0 ? 6 : 5);
        rig_input(&r, FT_F32, 4, last ? (int64_t[]){ 2, 7, 6, 5 } : (int64_t[]){ 2, 5, 7, 6 });
        rig_same(&r, 1e-5);
        rig_gradient(&r, 2e-3);
        rig_end(&r);
    }
}

static void test_global(void **state) {
    (void)state;
    static const char *const ops[] = { "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool" };
    for (int bits = 0; bits < 6; bits++) {
        ft_nn_attr attrs[] = { ATTR_INT("ft_last", bits & 1) };
        rig r = rig_of(ops[bits >> 1], attrs, 1);
        rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 3, 4, 5 });
        rig_same(&r, 1e-5);
        rig_gradient(&r, 2e-3);
        rig_end(&r);
    }
}

static void test_indices(void **state) {
    (void)state;
    ft_nn_attr attrs[] = { ATTR_INTS("kernel_shape", 2, 2), ATTR_INTS("strides", 2, 2) };
    rig r = rig_of("MaxPool", attrs, FT_COUNT(attrs));
    ft_array *x = rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 1, 2, 4 });
    memcpy(x->data, (float[]){ 1, 2, 9, 4, 5, 6, 7, 8 }, 32);
    r.out_count = 2;
    rig_same(&r, 0);
    ft_array out[RIG_IO];
    rig_outputs(&r, out);
    EXPECT_OK(rig_call(&r, out, NULL, NULL, false));
    EXPECT(ft_array_f64(&out[0], 0) == 6 && ft_array_f64(&out[0], 1) == 9);
    EXPECT(ft_nn_get_int(&out[1], 0) == 5 && ft_nn_get_int(&out[1], 1) == 2);
    rig_end(&r);
}

static void test_softmax(void **state) {
    (void)state;
    for (int bits = 0; bits < 6; bits++) {
        ft_nn_attr attrs[] = { ATTR_INT("axis", bits % 3) };
        rig r = rig_of(bits < 3 ? "Softmax" : "LogSoftmax", attrs, 1);
        ft_array *x = rig_input(&r, FT_F32, 3, (int64_t[]){ 3, 21, 37 });
        ((float *)x->data)[0] = 80, ((float *)x->data)[1] = -80;
        rig_same(&r, 2e-6);
        rig_gradient(&r, 2e-3);
        rig_end(&r);
    }
}

TEST_MAIN(cmocka_unit_test(test_windows), cmocka_unit_test(test_global),
          cmocka_unit_test(test_indices), cmocka_unit_test(test_softmax))
