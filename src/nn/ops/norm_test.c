/* norm_test.c -- the normalisations: equal to their references, gradients equal to differences. */
#include "nn/op_rig_test.h"

static void positive(ft_array *a) {
    for (int64_t i = 0; i < ft_array_count(a); i++) ((float *)a->data)[i] *= ((float *)a->data)[i];
}

static void test_batch(void **state) {
    (void)state;
    for (int bits = 0; bits < 8; bits++) {
        bool last = bits & 1, training = bits & 2, flat = bits & 4;
        ft_nn_attr attrs[] = { ATTR_INT("ft_last", last && !flat),
                               ATTR_INT("training_mode", training), ATTR_FLOAT("epsilon", 1e-3) };
        rig r = rig_of("BatchNormalization", attrs, FT_COUNT(attrs));
        r.out_count = training ? 3 : 1;
        int64_t first[] = { 3, 21, 4, 5 }, lasts[] = { 3, 4, 5, 21 };
        rig_input(&r, FT_F32, flat ? 2 : 4, last && !flat ? lasts : first);
        for (int i = 0; i < 4; i++) rig_input(&r, FT_F32, 1, (int64_t[]){ 21 });
        positive(&r.in[4]);
        rig_same(&r, 1e-5);
        /* Gradients flow to x, scale and bias; mean and variance are statistics. */
        r.in[3].dtype = r.in[4].dtype = FT_F64;
        for (int i = 3; i < 5; i++) {
            const float *from = r.in[i].data;
            double *to;
            EXPECT_OK(ft_arena_items(&to, &r.arena, 21));
            for (int k = 0; k < 21; k++) to[k] = (double)from[k];
            r.in[i].data = to;
        }
        rig_gradient(&r, 3e-3);
        rig_end(&r);
    }
}

static void test_layer(void **state) {
    (void)state;
    for (int axis = 1; axis < 3; axis++) {
        ft_nn_attr attrs[] = { ATTR_INT("axis", axis) };
        rig r = rig_of("LayerNormalization", attrs, 1);
        r.out_count = 3;
        rig_input(&r, FT_F32, 3, (int64_t[]){ 3, 5, 21 });
        for (int i = 0; i < 2; i++)
            rig_input(&r, FT_F32, axis == 1 ? 2 : 1,
                      axis == 1 ? (int64_t[]){ 5, 21 } : (int64_t[]){ 21 });
        rig_same(&r, 1e-5);
        rig_gradient(&r, 3e-3);
        rig_end(&r);
    }
}

static void test_channels(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        ft_nn_attr attrs[] = { ATTR_INT("num_groups", 3) };
        rig r = rig_of(kind ? "GroupNormalization" : "InstanceNormalization", attrs, kind > 0);
        rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 6, 5, 7 });
        for (int i = 0; i < 2; i++) rig_input(&r, FT_F32, 1, (int64_t[]){ kind == 2 ? 3 : 6 });
        rig_same(&r, 1e-5);
        rig_gradient(&r, 3e-3);
        rig_end(&r);
    }
}

TEST_MAIN(cmocka_unit_test(test_batch), cmocka_unit_test(test_layer),
          cmocka_unit_test(test_channels))
