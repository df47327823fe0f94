/* torch_test.c -- the heavy operations beside python3-torch: outputs and all gradients, on random
 * shapes, strides, pads, dilations and groups. */
#include "nn/torch_judge_test.h"

/* ---- convolutions */

static void conv_case(judge *j, bool transposed, bool last) {
    int64_t groups = pick(j, 1, 3), in = groups * pick(j, 1, 6), out = groups * pick(j, 1, 6);
    if (pick(j, 0, 3) == 0) groups = in = out = pick(j, 2, 20); /* depthwise */
    int64_t k[] = { pick(j, 1, 3), pick(j, 1, 4) }, stride[] = { pick(j, 1, 3), pick(j, 1, 2) };
    int64_t dilation[] = { pick(j, 1, 2), pick(j, 1, 2) }, extra[] = { 0, 0 };
    int64_t pad[] = { pick(j, 0, k[0] - 1), pick(j, 0, k[1] - 1) };
    int64_t pads[] = { pad[0], pad[1], pad[0], pad[1] };
    int64_t n = pick(j, 1, 3), h = pick(j, 7, 12), w = pick(j, 7, 12);
    for (int i = 0; i < 2 && transposed; i++) extra[i] = pick(j, 0, stride[i] - 1);
    ft_nn_attr attrs[] = {
        { .name = "strides", .type = FT_NN_INTS, .count = 2, .ints = stride },
        { .name = "dilations", .type = FT_NN_INTS, .count = 2, .ints = dilation },
        { .name = "pads", .type = FT_NN_INTS, .count = 4, .ints = pads },
        ATTR_INT("group", groups),
        ATTR_INT("ft_last", last),
        { .name = "output_padding", .type = FT_NN_INTS, .count = 2, .ints = extra },
    };
    rig r = rig_of(transposed ? "ConvTranspose" : "Conv", attrs, transposed ? 6 : 5);
    r.random = j->random;
    rig_input(&r, FT_F32, 4, last ? (int64_t[]){ n, h, w, in } : (int64_t[]){ n, in, h, w });
    rig_input(&r, FT_F32, 4,
              transposed ? (int64_t[]){ in, out / groups, k[0], k[1] }
                         : (int64_t[]){ out, in / groups, k[0], k[1] });
    rig_input(&r, FT_F32, 1, (int64_t[]){ out });
    char call[400], padding[80] = "";
    if (transposed)
        snprintf(padding, sizeof padding, "output_padding=(%d,%d),", (int)extra[0], (int)extra[1]);
    snprintf(call, sizeof call,
             "F.conv%s2d(t[0]%s, t[1], t[2], stride=(%d,%d), padding=(%d,%d), %s "
             "dilation=(%d,%d), groups=%d)%s",
             transposed ? "_transpose" : "", last ? ".permute(0,3,1,2)" : "", (int)stride[0],
             (int)stride[1], (int)pad[0], (int)pad[1], padding, (int)dilation[0], (int)dilation[1],
             (int)groups, last ? ".permute(0,2,3,1)" : "");
    ft_random_u64(&j->random);
    judge_add(j, &r, call);
}

/* ---- windows */

static void pool_case(judge *j, bool max, bool last) {
    int64_t k[] = { pick(j, 2, 4), pick(j, 2, 3) }, stride[] = { pick(j, 1, 3), pick(j, 1, 3) };
    int64_t pad[] = { pick(j, 0, k[0] / 2), pick(j, 0, k[1] / 2) };
    int64_t pads[] = { pad[0], pad[1], pad[0], pad[1] }, include = pick(j, 0, 1);
    ft_nn_attr attrs[] = {
        { .name = "kernel_shape", .type = FT_NN_INTS, .count = 2, .ints = k },
        { .name = "strides", .type = FT_NN_INTS, .count = 2, .ints = stride },
        { .name = "pads", .type = FT_NN_INTS, .count = 4, .ints = pads },
        ATTR_INT("ft_last", last),
        ATTR_INT("count_include_pad", include),
    };
    rig r = rig_of(max ? "MaxPool" : "AveragePool", attrs, max ? 4 : 5);
    r.random = j->random;
    int64_t h = pick(j, 6, 12), w = pick(j, 6, 12), c = pick(j, 1, 20);
    rig_input(&r, FT_F32, 4, last ? (int64_t[]){ 2, h, w, c } : (int64_t[]){ 2, c, h, w });
    char call[300], include_text[40] = "";
    if (!max)
        snprintf(include_text, sizeof include_text, "count_include_pad=%s,",
                 include ? "True" : "False");
    snprintf(
        call, sizeof call, "F.%s_pool2d(t[0]%s, (%d,%d), stride=(%d,%d), %s padding=(%d,%d))%s",
        max ? "max" : "avg", last ? ".permute(0,3,1,2)" : "", (int)k[0], (int)k[1], (int)stride[0],
        (int)stride[1], include_text, (int)pad[0], (int)pad[1], last ? ".permute(0,2,3,1)" : "");
    ft_random_u64(&j->random);
    judge_add(j, &r, call);
}

static void test_windows(void **state) {
    (void)state;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    judge j = { 0 };
    ft_random_seed(&j.random, 42);
    for (int i = 0; i < 24; i++) conv_case(&j, false, i & 1);
    for (int i = 0; i < 16; i++) conv_case(&j, true, i & 1);
    for (int i = 0; i < 12; i++) pool_case(&j, i & 2, i & 1);
    judge_ask(&j, 1e-4);
}

/* ---- the rest */

static void linear_cases(judge *j) {
    for (int i = 0; i < 6; i++) {
        int64_t n = pick(j, 1, 9), in = pick(j, 1, 40), out = pick(j, 1, 40);
        ft_nn_attr attrs[] = { ATTR_INT("transB", 1) };
        rig r = rig_of("Gemm", attrs, 1);
        rig_input(&r, FT_F32, 2, (int64_t[]){ n, in });
        rig_input(&r, FT_F32, 2, (int64_t[]){ out, in });
        rig_input(&r, FT_F32, 1, (int64_t[]){ out });
        judge_add(j, &r, "F.linear(t[0], t[1], t[2])");
        r = rig_of("MatMul", NULL, 0);
        rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 1, n, in });
        rig_input(&r, FT_F32, 3, (int64_t[]){ 3, in, out });
        judge_add(j, &r, "t[0] @ t[1]");
    }
}

static void norm_cases(judge *j) {
    for (int last = 0; last < 2; last++) {
        ft_nn_attr attrs[] = { ATTR_INT("training_mode", 1), ATTR_INT("ft_last", last) };
        rig r = rig_of("BatchNormalization", attrs, 2);
        r.out_count = 3;
        rig_input(&r, FT_F32, 4, last ? (int64_t[]){ 3, 5, 4, 18 } : (int64_t[]){ 3, 18, 5, 4 });
        for (int i = 0; i < 4; i++) rig_input(&r, FT_F32, 1, (int64_t[]){ 18 });
        judge_add(j, &r,
                  last ? "F.batch_norm(t[0].permute(0,3,1,2), None, None, t[1], t[2], "
                         "True).permute(0,2,3,1)"
                       : "F.batch_norm(t[0], None, None, t[1], t[2], True)");
    }
    rig r = rig_of("LayerNormalization", NULL, 0);
    rig_input(&r, FT_F32, 3, (int64_t[]){ 3, 5, 33 });
    for (int i = 0; i < 2; i++) rig_input(&r, FT_F32, 1, (int64_t[]){ 33 });
    judge_add(j, &r, "F.layer_norm(t[0], (33,), t[1], t[2])");
    ft_nn_attr groups[] = { ATTR_INT("num_groups", 3) };
    r = rig_of("GroupNormalization", groups, 1);
    rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 6, 5, 4 });
    for (int i = 0; i < 2; i++) rig_input(&r, FT_F32, 1, (int64_t[]){ 6 });
    judge_add(j, &r, "F.group_norm(t[0], 3, t[1], t[2])");
    r = rig_of("InstanceNormalization", NULL, 0);
    rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 6, 5, 4 });
    for (int i = 0; i < 2; i++) rig_input(&r, FT_F32, 1, (int64_t[]){ 6 });
    judge_add(j, &r, "F.instance_norm(t[0], None, None, t[1], t[2], True)");
}

static void test_rest(void **state) {
    (void)state;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    judge j = { 0 };
    ft_random_seed(&j.random, 43);
    linear_cases(&j);
    norm_cases(&j);
    for (int axis = 0; axis < 3; axis++) {
        ft_nn_attr attrs[] = { ATTR_INT("axis", axis) };
        char call[60];
        rig r = rig_of("Softmax", attrs, 1);
        rig_input(&r, FT_F32, 3, (int64_t[]){ 3, 20, 17 });
        snprintf(call, sizeof call, "F.softmax(t[0], %d)", axis);
        judge_add(&j, &r, call);
        r = rig_of("LogSoftmax", attrs, 1);
        rig_input(&r, FT_F32, 3, (int64_t[]){ 3, 20, 17 });
        snprintf(call, sizeof call, "F.log_softmax(t[0], %d)", axis);
        judge_add(&j, &r, call);
    }
    judge_ask(&j, 1e-4);
}

TEST_MAIN(cmocka_unit_test(test_windows), cmocka_unit_test(test_rest))
