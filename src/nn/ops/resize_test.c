/* resize_test.c -- Resize: quick equals plain, gradients equal differences, equal to torch's
 * interpolation through known values. (ONNX's own models stand in import/onnx_data_test.c.) */
#include "nn/op_rig_test.h"

static void scales(rig *r, const float *list, int64_t count) {
    rig_absent(r);
    ft_array *a = rig_input(r, FT_F32, 1, &count);
    memcpy(a->data, list, (size_t)count * sizeof *list);
}

static void test_modes(void **state) {
    (void)state;
    static const char *const modes[] = { "nearest", "linear", "cubic" };
    static const char *const places[] = { "half_pixel", "align_corners", "asymmetric",
                                          "pytorch_half_pixel", "half_pixel_symmetric" };
    for (size_t m = 0; m < FT_COUNT(modes); m++)
        for (size_t k = 0; k < FT_COUNT(places); k++)
            for (int bits = 0; bits < 4; bits++) {
                ft_nn_attr attrs[] = {
                    { .name = "mode", .type = FT_NN_STRING, .s = ft_str_of(modes[m]) },
                    { .name = "coordinate_transformation_mode",
                      .type = FT_NN_STRING,
                      .s = ft_str_of(places[k]) },
                    ATTR_INT("antialias", bits & 1),
                    ATTR_INTS("axes", 1, 2)
                };
                rig r = rig_of("Resize", attrs, FT_COUNT(attrs));
                rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 7, 5, 19 });
                scales(&r, bits & 2 ? (float[]){ 1.7f, 2 } : (float[]){ 0.6f, 0.5f }, 2);
                r.in[2].dtype = FT_F32;
                rig_same(&r, 1e-5);
                /* The gradient is of x alone: scales are read, not learnt. */
                ft_array doubles = r.in[2];
                doubles.dtype = FT_F64;
                EXPECT_OK(ft_arena_take(&doubles.data, &r.arena, 16));
                for (int i = 0; i < 2; i++)
                    ((double *)doubles.data)[i] = (double)((float *)r.in[2].data)[i];
                r.in[2] = doubles;
                rig_gradient(&r, 2e-3);
                rig_end(&r);
            }
}

static void test_known(void **state) {
    (void)state;
    /* torch.nn.functional.interpolate([1, 2, 3, 4], size=8, mode='linear', align_corners=False) */
    static const float want[] = { 1, 1.25f, 1.75f, 2.25f, 2.75f, 3.25f, 3.75f, 4 };
    ft_nn_attr attrs[] = { ATTR_STR("mode", "linear") };
    rig r = rig_of("Resize", attrs, 1);
    ft_array *x = rig_input(&r, FT_F32, 3, (int64_t[]){ 1, 1, 4 });
    memcpy(x->data, (float[]){ 1, 2, 3, 4 }, 16);
    scales(&r, (float[]){ 1, 1, 2 }, 3);
    EXPECT_OK(rig_infer(&r));
    ft_array out[RIG_IO];
    rig_outputs(&r, out);
    EXPECT_OK(rig_call(&r, out, NULL, NULL, false));
    for (int i = 0; i < 8; i++) EXPECT(fabs(ft_array_f64(&out[0], i) - (double)want[i]) < 1e-6);
    rig_end(&r);
}

static void test_refused(void **state) {
    (void)state;
    rig r = rig_of("Resize", NULL, 0);
    rig_input(&r, FT_F32, 3, (int64_t[]){ 1, 1, 4 });
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    scales(&r, (float[]){ 1, 1, -2 }, 3);
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    ((float *)r.in[2].data)[2] = 1e30f;
    EXPECT_ERR(FT_ETOOBIG, rig_infer(&r));
    rig_end(&r);
}

TEST_MAIN(cmocka_unit_test(test_modes), cmocka_unit_test(test_known),
          cmocka_unit_test(test_refused))
