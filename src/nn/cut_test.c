/* cut_test.c -- steps in parts: each rule on its own, by two and three threads equal to the plain
 * reference, and cut as it should be. */
#include "nn/net_rig_test.h"

/* One node on x, run by `threads`: equal, and in as many parts as are expected (columns: of
 * channels). */
typedef struct expected {
    int parts_min;
    bool columns;
} expected;

static void expect_cut(net *n, int out, const ft_array *x, const char *op, expected e) {
    ft_nn_model *m;
    EXPECT_OK(ft_nn_output(n->g, out));
    EXPECT_OK(ft_nn_model_new(&m, n->g));
    expect_same(m, x, 2e-5);
    for (int threads = 2; threads <= 3; threads++) {
        ft_nn_session *s;
        ft_arena arena = FT_ARENA_INIT(0);
        ft_array got;
        int found = 0;
        EXPECT_OK(ft_nn_session_new(&s, m, &(ft_nn_session_opts){ .threads = threads }));
        EXPECT_OK(ft_nn_run(s, x, &got, &arena, NULL));
        for (int i = 0; i < s->last->step_count; i++) {
            const ft_nn_step *step = &s->last->steps[i];
            if (strcmp(step->node->op->name, op) != 0) continue;
            found++;
            EXPECT(step->part_count >= e.parts_min);
            EXPECT(e.parts_min > 0 || step->part_count == 0);
            if (threads == 2 && step->part_count) EXPECT(step->parts[0].columns == e.columns);
        }
        EXPECT(found > 0);
        ft_nn_session_free(s);
        ft_arena_fini(&arena);
    }
    ft_nn_model_free(m);
}

static int input(net *n, int ndim, const int64_t *shape) {
    int x;
    EXPECT_OK(ft_nn_input(&x, n->g, FT_STR("x"), FT_F32, ndim, shape));
    return x;
}

static void test_windows(void **state) {
    (void)state;
    /* rows, channels, kernel, stride, group, parts */
    static const int64_t rows[][6] = {
        { 40, 16, 3, 1, 1, 2 },  { 41, 16, 3, 2, 1, 2 }, { 40, 16, 5, 1, 16, 2 },
        { 40, 32, 1, 1, 1, 2 },  { 64, 32, 7, 2, 2, 2 }, { 5, 16, 1, 1, 1, 0 },
        { 300, 16, 3, 1, 1, 4 },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        const int64_t *r = rows[i], shape[] = { 1, r[1], r[0], 37 };
        net n = net_new();
        ft_arena arena = FT_ARENA_INIT(0);
        ft_array a = random_input(&arena, 4, shape);
        int y = conv(&n, input(&n, 4, shape), r[1], r[1], r[2], r[3], r[4]);
        expect_cut(&n, PLAIN(&n, "Relu", batch_norm(&n, y, r[1])), &a, "Conv",
                   (expected){ (int)r[5], false });
        ft_arena_fini(&arena);
    }
}

static void test_pools(void **state) {
    (void)state;
    static const char *const kinds[] = { "MaxPool", "AveragePool" };
    const int64_t shape[] = { 1, 32, 63, 47 };
    for (int kind = 0; kind < 2; kind++)
        for (int ceil = 0; ceil < 2; ceil++) {
            net n = net_new();
            ft_arena arena = FT_ARENA_INIT(0);
            ft_array a = random_input(&arena, 4, shape);
            ft_nn_attr attrs[] = { ATTR_INTS("kernel_shape", 3, 3), ATTR_INTS("strides", 2, 2),
                                   ATTR_INTS("pads", 1, 1, 1, 1), ATTR_INT("ceil_mode", ceil) };
            int y = conv(&n, input(&n, 4, shape), 32, 32, 1, 1, 1);
            y = node(&n, kinds[kind], attrs, 4, (const int[]){ y }, 1);
            expect_cut(&n, y, &a, kinds[kind], (expected){ kind && ceil ? 0 : 2, false });
            ft_arena_fini(&arena);
        }
}

/* Seven rows: channels are shared; with batch norm's scale, a sum and an activation. */
static void test_channels(void **state) {
    (void)state;
    const int64_t shape[] = { 1, 96, 7, 7 };
    net n = net_new();
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array a = random_input(&arena, 4, shape);
    int x = conv(&n, input(&n, 4, shape), 96, 96, 3, 1, 1);
    int y = batch_norm(&n, conv(&n, x, 96, 96, 3, 1, 1), 96);
    expect_cut(&n, PLAIN(&n, "Relu", PLAIN(&n, "Add", y, x)), &a, "Conv", (expected){ 2, true });
    ft_arena_fini(&arena);
}

static void test_elementwise(void **state) {
    (void)state;
    const int64_t shape[] = { 1, 24, 80, 50 };
    net n = net_new();
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array a = random_input(&arena, 4, shape);
    int x = conv(&n, input(&n, 4, shape), 24, 24, 1, 1, 24);
    int by = weight(&n, 3, (int64_t[]){ 24, 1, 1 }, 1);
    int rows = weight(&n, 2, (int64_t[]){ 80, 1 }, 1);
    int y = PLAIN(&n, "Max", PLAIN(&n, "Add", x, rows), PLAIN(&n, "Mul", x, by));
    expect_cut(&n, y, &a, "Max", (expected){ 2, false });
    ft_arena_fini(&arena);
}

/* Attention's products, a linear layer, norm and softmax along lines. */
static void test_tokens(void **state) {
    (void)state;
    const int64_t shape[] = { 1, 70, 96 };
    net n = net_new();
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array a = random_input(&arena, 3, shape);
    int x = input(&n, 3, shape), w[3];
    for (int i = 0; i < 3; i++) w[i] = weight(&n, 2, (int64_t[]){ 96, 96 }, 0.1);
    int scale = weight(&n, 1, (int64_t[]){ 96 }, 1), shift = weight(&n, 1, (int64_t[]){ 96 }, 1);
    ft_nn_attr axis[] = { ATTR_INT("axis", -1) }, turn[] = { ATTR_INTS("perm", 0, 2, 1, 3) };
    ft_nn_attr keys[] = { ATTR_INTS("perm", 0, 2, 3, 1) };
    int shape_heads = ints(&n, (int64_t[]){ 1, 70, 4, 24 }, 4);
    int norm = node(&n, "LayerNormalization", axis, 1, (const int[]){ x, scale, shift }, 3);
    int q = PLAIN(&n, "Reshape", PLAIN(&n, "MatMul", norm, w[0]), shape_heads);
    int k = PLAIN(&n, "Reshape", PLAIN(&n, "MatMul", norm, w[1]), shape_heads);
    q = node(&n, "Transpose", turn, 1, (const int[]){ q }, 1);
    k = node(&n, "Transpose", keys, 1, (const int[]){ k }, 1);
    int scores = node(&n, "Softmax", axis, 1, (const int[]){ PLAIN(&n, "MatMul", q, k) }, 1);
    expect_cut(&n, PLAIN(&n, "MatMul", scores, q), &a, "MatMul", (expected){ 2, false });
    ft_arena_fini(&arena);
}

static void test_linear(void **state) {
    (void)state;
    for (int64_t batch = 1; batch < 50; batch += 48) {
        const int64_t shape[] = { batch, 300 };
        net n = net_new();
        ft_arena arena = FT_ARENA_INIT(0);
        ft_array a = random_input(&arena, 2, shape);
        int w = weight(&n, 2, (int64_t[]){ 500, 300 }, 0.1);
        int bias = weight(&n, 1, (int64_t[]){ 500 }, 1);
        ft_nn_attr attrs[] = { ATTR_INT("transB", 1) };
        int x = input(&n, 2, shape);
        int y = node(&n, "Gemm", attrs, 1, (const int[]){ x, w, bias }, 3);
        expect_cut(&n, PLAIN(&n, "Relu", y), &a, "Gemm", (expected){ 2, false });
        ft_arena_fini(&arena);
    }
}

static void test_faults(void **state) {
    (void)state;
    const int64_t shape[] = { 1, 16, 40, 37 };
    net n = net_new();
    ft_nn_model *m;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array a = random_input(&arena, 4, shape);
    EXPECT_OK(ft_nn_output(n.g, conv(&n, input(&n, 4, shape), 16, 16, 3, 1, 1)));
    EXPECT_OK(ft_nn_model_new(&m, n.g));
    EACH_FAULT {
        ft_nn_session *s;
        ft_array got;
        ft_err err = ft_nn_session_new(&s, m, &(ft_nn_session_opts){ .threads = 2 });
        if (err == FT_OK) err = ft_nn_run(s, &a, &got, &arena, NULL);
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EFULL);
        ft_nn_session_free(s);
    }
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_windows), cmocka_unit_test(test_pools),
          cmocka_unit_test(test_channels), cmocka_unit_test(test_elementwise),
          cmocka_unit_test(test_tokens), cmocka_unit_test(test_linear),
          cmocka_unit_test(test_faults))
