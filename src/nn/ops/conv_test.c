/* conv_test.c -- Conv: equal to its reference in every layout and with every fused activation,
 * gradients equal to differences, refusals. */
#include "nn/op_rig_test.h"
#include "nn/post.h"

typedef struct shape_case {
    int64_t n, c, o, groups, h, w, kh, kw, stride, dilation, pads[4];
} shape_case;

static const shape_case cases[] = {
    { 1, 3, 8, 1, 9, 11, 3, 3, 2, 1, { 1, 1, 1, 1 } },
    { 2, 16, 32, 1, 6, 6, 1, 1, 1, 1, { 0, 0, 0, 0 } },
    { 1, 12, 12, 12, 7, 8, 3, 3, 1, 1, { 1, 1, 1, 1 } }, /* depthwise */
    { 1, 12, 24, 12, 8, 8, 3, 3, 2, 1, { 0, 0, 1, 1 } }, /* two outputs a channel, lopsided pads */
    { 2, 8, 12, 4, 9, 7, 3, 5, 1, 2, { 2, 4, 2, 4 } },   /* groups, dilation */
    { 1, 1, 1, 1, 5, 5, 5, 5, 1, 1, { 0, 0, 0, 0 } },
};

static void attrs_of(ft_nn_attr attrs[5], const shape_case *s, int64_t ints[8], bool last) {
    for (int i = 0; i < 2; i++) ints[i] = s->stride, ints[2 + i] = s->dilation;
    for (int i = 0; i < 4; i++) ints[4 + i] = s->pads[i];
    attrs[0] = (ft_nn_attr){ .name = "strides", .type = FT_NN_INTS, .count = 2, .ints = ints };
    attrs[1] =
        (ft_nn_attr){ .name = "dilations", .type = FT_NN_INTS, .count = 2, .ints = ints + 2 };
    attrs[2] = (ft_nn_attr){ .name = "pads", .type = FT_NN_INTS, .count = 4, .ints = ints + 4 };
    attrs[3] = (ft_nn_attr)ATTR_INT("group", s->groups);
    attrs[4] = (ft_nn_attr)ATTR_INT("ft_last", last);
}

static rig rig_case(const ft_nn_attr *attrs, size_t count, const shape_case *s, bool last) {
    rig r = rig_of("Conv", attrs, count);
    int64_t first[] = { s->n, s->c, s->h, s->w }, lasts[] = { s->n, s->h, s->w, s->c };
    rig_input(&r, FT_F32, 4, last ? lasts : first);
    rig_input(&r, FT_F32, 4, (int64_t[]){ s->o, s->c / s->groups, s->kh, s->kw });
    rig_input(&r, FT_F32, 1, (int64_t[]){ s->o });
    return r;
}

static void test_shapes(void **state) {
    (void)state;
    for (size_t i = 0; i < FT_COUNT(cases); i++)
        for (int last = 0; last < 2; last++) {
            ft_nn_attr attrs[5];
            int64_t ints[8];
            attrs_of(attrs, &cases[i], ints, last);
            rig r = rig_case(attrs, 5, &cases[i], last);
            rig_same(&r, 1e-5);
            rig_gradient(&r, 2e-3);
            rig_end(&r);
        }
}

static void test_dimensions(void **state) {
    (void)state;
    rig r = rig_of("Conv", NULL, 0);
    rig_input(&r, FT_F32, 3, (int64_t[]){ 2, 4, 9 });
    rig_input(&r, FT_F32, 3, (int64_t[]){ 6, 4, 3 });
    rig_same(&r, 1e-5);
    rig_gradient(&r, 2e-3);
    rig_end(&r);
    r = rig_of("Conv", NULL, 0);
    rig_input(&r, FT_F32, 5, (int64_t[]){ 1, 2, 4, 5, 4 });
    rig_input(&r, FT_F32, 5, (int64_t[]){ 3, 2, 2, 3, 2 });
    rig_same(&r, 1e-5);
    rig_gradient(&r, 2e-3);
    rig_end(&r);
    r = rig_of("Conv", NULL, 0); /* four: plain C */
    rig_input(&r, FT_F32, 6, (int64_t[]){ 1, 2, 3, 3, 3, 3 });
    rig_input(&r, FT_F32, 6, (int64_t[]){ 2, 2, 2, 2, 2, 2 });
    rig_same(&r, 1e-5);
    rig_end(&r);
}

/* Sound: longer than is done at a time, wider windows than the line, one beside it. */
static void test_lines(void **state) {
    (void)state;
    static const struct {
        int64_t n, ci, co, width, kernel, dilation, pads[2];
        bool bias, sum;
    } rows[] = {
        { 1, 32, 8, 1500, 7, 11, { 33, 33 }, true, false },
        { 2, 5, 3, 40, 3, 1, { 1, 1 }, false, false },
        { 1, 4, 4, 9, 5, 3, { 6, 6 }, true, true },
        { 1, 4, 4, 3, 3, 4, { 10, 10 }, true, false },
        { 2, 6, 7, 700, 2, 1, { 1, 0 }, true, true },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_str add = FT_STR("Add");
        float args[] = { 0, 0 };
        int64_t out = rows[i].width + rows[i].pads[0] + rows[i].pads[1] -
                      (rows[i].kernel - 1) * rows[i].dilation;
        ft_nn_attr attrs[] = {
            ATTR_INTS("pads", rows[i].pads[0], rows[i].pads[1]),
            ATTR_INTS("dilations", rows[i].dilation),
            { .name = "ft_post", .type = FT_NN_STRINGS, .strings = &add, .count = 1 },
            { .name = "ft_post_args", .type = FT_NN_FLOATS, .floats = args, .count = 2 },
        };
        rig r = rig_of("Conv", attrs, rows[i].sum ? 4 : 2);
        rig_input(&r, FT_F32, 3, (int64_t[]){ rows[i].n, rows[i].ci, rows[i].width });
        rig_input(&r, FT_F32, 3, (int64_t[]){ rows[i].co, rows[i].ci, rows[i].kernel });
        if (rows[i].bias) rig_input(&r, FT_F32, 1, (int64_t[]){ rows[i].co });
        if (rows[i].sum) rig_input(&r, FT_F32, 3, (int64_t[]){ rows[i].n, rows[i].co, out });
        rig_same(&r, 2e-5);
        rig_end(&r);
    }
}

static void test_posts(void **state) {
    (void)state;
    for (int kind = 0; kind < FT_NN_POST_COUNT; kind++) {
        ft_str names[] = { FT_STR("Add"), ft_str_of(ft_nn_post_name((ft_nn_post_kind)kind)) };
        float args[] = { 0, 0, 0.2f, 0.5f };
        size_t from = kind == FT_NN_POST_ADD ? 1 : 0;
        ft_nn_attr attrs[] = {
            ATTR_INT("ft_last", 1),
            ATTR_INTS("pads", 1, 1, 1, 1),
            { .name = "ft_post",
              .type = FT_NN_STRINGS,
              .strings = names + from,
              .count = 2 - from },
            { .name = "ft_post_args",
              .type = FT_NN_FLOATS,
              .floats = args + 2 * from,
              .count = 4 - 2 * from },
        };
        rig r = rig_of("Conv", attrs, FT_COUNT(attrs));
        rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 6, 6, 16 });
        rig_input(&r, FT_F32, 4, (int64_t[]){ 16, 16, 3, 3 });
        rig_input(&r, FT_F32, 1, (int64_t[]){ 16 });
        rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 6, 6, 16 });
        rig_same(&r, 2e-5);
        rig_end(&r);
    }
}

static void test_bf16(void **state) {
    (void)state;
    ft_nn_attr attrs[] = { ATTR_INT("ft_last", 1), ATTR_INTS("pads", 1, 1, 1, 1) };
    rig r = rig_of("Conv", attrs, FT_COUNT(attrs));
    rig_input(&r, FT_BF16, 4, (int64_t[]){ 1, 6, 6, 32 });
    rig_input(&r, FT_BF16, 4, (int64_t[]){ 16, 32, 3, 3 });
    rig_input(&r, FT_F32, 1, (int64_t[]){ 16 });
    rig_same(&r, 8e-3); /* one rounding to 8 bits */
    rig_end(&r);
}

static void test_refused(void **state) {
    (void)state;
    rig r = rig_of("Conv", NULL, 0);
    rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 3, 5, 5 });
    rig_input(&r, FT_F32, 4, (int64_t[]){ 8, 4, 3, 3 });
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    EXPECT_WHY("node 'rig' (Conv): the input has 3 channels, the weight takes 4");
    r.in[0].shape[1] = 4;
    r.in[1].shape[2] = 7;
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    r.in[1].shape[2] = 3;
    r.in[1].ndim = 3;
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    rig_end(&r);
}

static void test_faults(void **state) {
    (void)state;
    ft_nn_attr attrs[] = { ATTR_INT("ft_last", 1) };
    rig r = rig_of("Conv", attrs, FT_COUNT(attrs));
    rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 6, 6, 16 });
    rig_input(&r, FT_F32, 4, (int64_t[]){ 16, 16, 3, 3 });
    EXPECT_OK(rig_infer(&r));
    ft_array out[RIG_IO];
    rig_outputs(&r, out);
    EXPECT_OK(rig_call(&r, out, NULL, NULL, false)); /* the library is loaded */
    EACH_FAULT {
        ft_err err = rig_call(&r, out, NULL, NULL, false);
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EABSENT);
    }
    rig_end(&r);
}

TEST_MAIN(cmocka_unit_test(test_shapes), cmocka_unit_test(test_dimensions),
          cmocka_unit_test(test_lines), cmocka_unit_test(test_posts), cmocka_unit_test(test_bf16),
          cmocka_unit_test(test_refused), cmocka_unit_test(test_faults))
