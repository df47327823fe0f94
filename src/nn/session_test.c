/* session_test.c -- graphs that run: after the passes equal to every node by its reference; shapes
 * that change; shapes that only running tells; bodies; what is refused; nothing leaks. */
#include "nn/session.h"

#include "base/buf.h"
#include "nn/net_rig_test.h"
#include "nn/onednn.h"

/* Residual blocks with every fusion: batch norm, ReLU, clip, SiLU, sums on either side, a
 * squeeze-and-excite gate, depthwise, concat, resize by strides, pooling, a linear layer. */
static ft_nn_graph *net_residual(bool any_batch) {
    net n = net_new();
    int x;
    int64_t shape[] = { any_batch ? FT_NN_DIM_ANY : 2, 3, 17, 19 };
    EXPECT_OK(ft_nn_input(&x, n.g, FT_STR("x"), FT_F32, 4, shape));
    int a = PLAIN(&n, "Relu", batch_norm(&n, conv(&n, x, 3, 16, 3, 2, 1), 16));
    int b = batch_norm(&n, conv(&n, a, 16, 16, 3, 1, 1), 16);
    int c = PLAIN(&n, "Relu", PLAIN(&n, "Add", b, a));
    int low = number(&n, 0), high = number(&n, 6);
    int d = PLAIN(&n, "Clip", batch_norm(&n, conv(&n, c, 16, 16, 3, 1, 16), 16), low, high);
    int side = conv(&n, c, 16, 16, 1, 1, 1);
    int e = PLAIN(&n, "Add", conv(&n, d, 16, 16, 1, 1, 1), side);
    int f = PLAIN(&n, "Mul", e, PLAIN(&n, "Sigmoid", e));
    int scale = weight(&n, 3, (int64_t[]){ 16, 1, 1 }, 1);
    int shift = weight(&n, 4, (int64_t[]){ 1, 16, 1, 1 }, 1);
    int g = PLAIN(&n, "Add", PLAIN(&n, "Mul", conv(&n, f, 16, 16, 1, 1, 1), scale), shift);
    int h = conv(&n, g, 16, 16, 1, 1, 1);
    int i = PLAIN(&n, "Mul", h, PLAIN(&n, "Sigmoid", h));
    int gate = PLAIN(&n, "Sigmoid", conv(&n, PLAIN(&n, "GlobalAveragePool", i), 16, 16, 1, 1, 1));
    int j = PLAIN(&n, "Mul", i, gate);
    ft_nn_attr pool_attrs[] = { ATTR_INTS("kernel_shape", 3, 3), ATTR_INTS("strides", 2, 2),
                                ATTR_INTS("pads", 1, 1, 1, 1) };
    ft_nn_attr axis[] = { ATTR_INT("axis", -3) };
    int k = node(&n, "Concat", axis, 1, (const int[]){ i, j }, 2);
    int l = node(&n, "MaxPool", pool_attrs, 3, (const int[]){ k }, 1);
    int m = node(&n, "AveragePool", pool_attrs, 3, (const int[]){ l }, 1);
    int pads = ints(&n, (int64_t[]){ 0, 0, 1, 0, 0, 0, 0, 2 }, 8);
    int o = PLAIN(&n, "Pad", m, pads);
    int sliced = PLAIN(&n, "Slice", o, ints(&n, (int64_t[]){ 1, 0 }, 2),
                       ints(&n, (int64_t[]){ 99, 2 }, 2), ints(&n, (int64_t[]){ 2, -1 }, 2));
    int flat = PLAIN(&n, "Flatten", PLAIN(&n, "GlobalAveragePool", sliced));
    int w = weight(&n, 2, (int64_t[]){ 32, 10 }, 0.3), bias = weight(&n, 1, (int64_t[]){ 10 }, 1);
    int logits = PLAIN(&n, "Add", PLAIN(&n, "MatMul", flat, w), bias);
    EXPECT_OK(ft_nn_output(n.g, logits));
    EXPECT_OK(ft_nn_output(n.g, k));
    return n.g;
}

/* A classifier of any batch: may be run in parts. */
static ft_nn_graph *net_classifier(void) {
    net n = net_new();
    int x;
    EXPECT_OK(
        ft_nn_input(&x, n.g, FT_STR("x"), FT_F32, 4, (int64_t[]){ FT_NN_DIM_ANY, 3, 33, 33 }));
    int a = PLAIN(&n, "Relu", batch_norm(&n, conv(&n, x, 3, 16, 3, 2, 1), 16));
    int b = PLAIN(&n, "Add", conv(&n, a, 16, 16, 3, 1, 16), a);
    int flat = PLAIN(&n, "Flatten", PLAIN(&n, "GlobalAveragePool", b));
    int logits = PLAIN(&n, "MatMul", flat, weight(&n, 2, (int64_t[]){ 16, 10 }, 0.3));
    ft_nn_attr axis[] = { ATTR_INT("axis", 1) };
    EXPECT_OK(ft_nn_output(n.g, node(&n, "Softmax", axis, 1, (const int[]){ logits }, 1)));
    EXPECT_OK(ft_nn_output(n.g, b));
    return n.g;
}

/* As TensorFlow's converters write it: channels-last outside, transposes around each convolution.
 */
static ft_nn_graph *net_tf(void) {
    net n = net_new();
    int x;
    EXPECT_OK(ft_nn_input(&x, n.g, FT_STR("x"), FT_F32, 4, (int64_t[]){ 1, 12, 12, 8 }));
    ft_nn_attr in[] = { ATTR_INTS("perm", 0, 3, 1, 2) }, out[] = { ATTR_INTS("perm", 0, 2, 3, 1) };
    int v = x;
    for (int i = 0; i < 3; i++) {
        int y = node(&n, "Transpose", in, 1, (const int[]){ v }, 1);
        y = conv(&n, y, 8, 8, 3, 1, i == 1 ? 8 : 1);
        y = node(&n, "Transpose", out, 1, (const int[]){ y }, 1);
        y = PLAIN(&n, "Add", y, weight(&n, 1, (int64_t[]){ 8 }, 1));
        v = PLAIN(&n, "Relu", i == 2 ? PLAIN(&n, "Add", y, v) : y);
    }
    EXPECT_OK(ft_nn_output(n.g, v));
    return n.g;
}

static int count_ops(const ft_nn_graph *g, const char *op) {
    int count = 0;
    for (int i = 0; i < g->node_count; i++) count += strcmp(g->nodes[i].op->name, op) == 0;
    return count;
}

static void test_residual(void **state) {
    (void)state;
    ft_nn_model *m;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array x = random_input(&arena, 4, (int64_t[]){ 2, 3, 17, 19 });
    EXPECT_OK(ft_nn_model_new(&m, net_residual(false)));
    expect_same(m, &x, 2e-5);
    const ft_nn_graph *g = m->lowered[0];
    EXPECT(count_ops(g, "BatchNormalization") == 0 && count_ops(g, "Relu") == 0);
    EXPECT(count_ops(g, "Clip") == 0 && count_ops(g, "Sigmoid") == 0);
    EXPECT(count_ops(g, "Add") == 0 && count_ops(g, "Transpose") <= 2); /* in, and one output */
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

static void test_batch_changes(void **state) {
    (void)state;
    ft_nn_model *m;
    ft_arena arena = FT_ARENA_INIT(0);
    EXPECT_OK(ft_nn_model_new(&m, net_residual(true)));
    for (int64_t batch = 1; batch < 4; batch++) {
        ft_array x = random_input(&arena, 4, (int64_t[]){ batch, 3, 17, 19 });
        expect_same(m, &x, 2e-5);
    }
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

static void test_parts(void **state) {
    (void)state;
    ft_nn_model *m;
    ft_nn_session *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array out[2], x = random_input(&arena, 4, (int64_t[]){ 7, 3, 33, 33 });
    EXPECT_OK(ft_nn_model_new(&m, net_classifier()));
    expect_same(m, &x, 2e-5);
    EXPECT_OK(ft_nn_session_new(&s, m, &(ft_nn_session_opts){ .threads = 2 }));
    EXPECT_OK(ft_nn_run(s, &x, out, &arena, NULL));
    EXPECT(s->lane_count == 2 && s->part == 4); /* four and three */
    EACH_FAULT {
        ft_err err = ft_nn_run(s, &x, out, &arena, NULL);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
    }
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

/* A batch is not cut where a part's answer would be another one: what follows from its size, and
 * outputs that are constants. */
static void test_not_in_parts(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        ft_nn_model *m;
        ft_nn_session *s;
        ft_arena arena = FT_ARENA_INIT(0);
        net n = net_new();
        int x;
        ft_nn_attr to[] = { ATTR_INT("to", 1) }, axis[] = { ATTR_INT("axis", 0) };
        const int64_t zero = 0;
        EXPECT_OK(ft_nn_input(&x, n.g, FT_STR("x"), FT_F32, 2, (int64_t[]){ FT_NN_DIM_ANY, 3 }));
        int shape = PLAIN(&n, "Shape", x);
        if (kind == 0) {
            int size = node(&n, "Gather", axis, 1, (const int[]){ shape, ints(&n, &zero, 1) }, 2);
            EXPECT_OK(ft_nn_output(
                n.g, PLAIN(&n, "Mul", x, node(&n, "Cast", to, 1, (const int[]){ size }, 1))));
        } else {
            EXPECT_OK(ft_nn_output(n.g, PLAIN(&n, "Relu", x)));
            EXPECT_OK(ft_nn_output(n.g, shape));
        }
        ft_array out[2], in = random_input(&arena, 2, (int64_t[]){ 8, 3 });
        EXPECT_OK(ft_nn_model_new(&m, n.g));
        expect_same(m, &in, 0);
        EXPECT_OK(ft_nn_session_new(&s, m, &(ft_nn_session_opts){ .threads = 2 }));
        EXPECT_OK(ft_nn_run(s, &in, out, &arena, NULL));
        EXPECT(s->part == 0);
        if (kind == 1) EXPECT(((const int64_t *)out[1].data)[0] == 8);
        ft_nn_session_free(s);
        ft_nn_model_free(m);
        ft_arena_fini(&arena);
    }
}

/* Large pictures of many channels: 3 x 3 by Winograd's algorithm, scaled, added to and activated.
 */
static void test_winograd(void **state) {
    (void)state;
    for (int64_t batch = 1; batch < 4; batch += 2) {
        net n = net_new();
        ft_nn_model *m;
        ft_nn_session *s;
        ft_arena arena = FT_ARENA_INIT(0);
        const int64_t shape[] = { batch, 64, 56, 52 };
        ft_array out, x = random_input(&arena, 4, shape);
        int in;
        EXPECT_OK(ft_nn_input(&in, n.g, FT_STR("x"), FT_F32, 4, shape));
        int a = PLAIN(&n, "Relu", batch_norm(&n, conv(&n, in, 64, 64, 3, 1, 1), 64));
        int b = PLAIN(&n, "Add", batch_norm(&n, conv(&n, a, 64, 64, 3, 1, 1), 64), a);
        EXPECT_OK(ft_nn_output(n.g, PLAIN(&n, "Relu", b)));
        EXPECT_OK(ft_nn_model_new(&m, n.g));
        expect_same(m, &x, 5e-5);
        EXPECT_OK(ft_nn_session_new(&s, m, NULL));
        EXPECT_OK(ft_nn_run(s, &x, &out, &arena, NULL));
        for (int i = 0; i < s->last->step_count; i++) {
            const char *kernel = s->last->steps[i].kernel;
            if (kernel && strstr(kernel, "avx512_core")) EXPECT(strstr(kernel, "wino"));
        }
        ft_nn_session_free(s);
        ft_nn_model_free(m);
        ft_arena_fini(&arena);
    }
}

static void test_tf(void **state) {
    (void)state;
    ft_nn_model *m;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array x = random_input(&arena, 4, (int64_t[]){ 1, 12, 12, 8 });
    EXPECT_OK(ft_nn_model_new(&m, net_tf()));
    expect_same(m, &x, 2e-5);
    EXPECT(m->lowered[0]->node_count == 3); /* convolutions alone */
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

static void test_bf16(void **state) {
    (void)state;
    bool amx;
    EXPECT_OK(ft_dnn_load());
    ft_nn_model *m;
    ft_nn_session *s, *plain;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array got[2], want[2], x = random_input(&arena, 4, (int64_t[]){ 2, 3, 17, 19 });
    EXPECT_OK(ft_nn_model_new(&m, net_residual(false)));
    ft_nn_session_opts opts = { .math = FT_NN_MATH_BF16 };
    if (!ft_dnn_bf16(&amx)) {
        EXPECT_ERR(FT_EUNSUPPORTED, ft_nn_session_new(&s, m, &opts));
        ft_nn_model_free(m);
        ft_arena_fini(&arena);
        SKIP("no bfloat16 in this processor");
    }
    EXPECT_OK(ft_nn_session_new(&s, m, &opts));
    EXPECT_OK(ft_nn_session_new(&plain, m, &(ft_nn_session_opts){ .reference = true }));
    EXPECT_OK(ft_nn_run(s, &x, got, &arena, NULL));
    EXPECT_OK(ft_nn_run(plain, &x, want, &arena, NULL));
    for (int i = 0; i < 2; i++) {
        EXPECT(got[i].dtype == FT_F32);
        double far = rig_far(&got[i], &want[i]);
        if (!(far < 0.1)) print_error("output %d is %g off\n", i, far);
        EXPECT(far < 0.1 && far > 0); /* eight bits, ten layers */
    }
    EXPECT(count_ops(m->lowered[1], "Cast") <= 6);
    ft_nn_session_free(s);
    ft_nn_session_free(plain);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

/* Memory: the two largest activations and a fifth. */
static void test_memory(void **state) {
    (void)state;
    ft_nn_model *m;
    ft_nn_session *s;
    EXPECT_OK(ft_nn_model_new(&m, net_residual(false)));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    EXPECT(s->plans[0] && s->plans[0]->memory_bytes > 0);
    ft_nn_session_free(s);
    EXPECT_ERR(FT_ETOOBIG, ft_nn_session_new(&s, m, &(ft_nn_session_opts){ .bytes_max = 1000 }));
    EXPECT_WHY("its output has more than 1000 bytes");
    ft_nn_model_free(m);
}

static void test_inputs_refused(void **state) {
    (void)state;
    ft_nn_model *m;
    ft_nn_session *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array out[2], x = random_input(&arena, 4, (int64_t[]){ 1, 4, 17, 19 });
    EXPECT_OK(ft_nn_model_new(&m, net_residual(true)));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    EXPECT_ERR(FT_EINVAL, ft_nn_run(s, &x, out, &arena, NULL));
    EXPECT_WHY("input 'x': dimension 1 is 4, expected 3");
    x.dtype = FT_I32;
    EXPECT_ERR(FT_EINVAL, ft_nn_run(s, &x, out, &arena, NULL));
    EXPECT_WHY("is int32, expected float32");
    x.dtype = FT_F32, x.ndim = 3;
    EXPECT_ERR(FT_EINVAL, ft_nn_run(s, &x, out, &arena, NULL));
    x.ndim = 4, x.shape[1] = 3, x.shape[0] = (int64_t)1 << 32, x.shape[2] = 17;
    EXPECT(ft_nn_run(s, &x, out, &arena, NULL) != FT_OK); /* no memory is that large */
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

/* NaN in a weight is an answer, not a crash. */
static void test_nan(void **state) {
    (void)state;
    ft_nn_graph *g = net_residual(false);
    for (int v = 0; v < g->value_count; v++)
        if (g->values[v].role == FT_NN_WEIGHT) *(float *)g->values[v].data = NAN;
    ft_nn_model *m;
    ft_nn_session *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array out[2], x = random_input(&arena, 4, (int64_t[]){ 2, 3, 17, 19 });
    EXPECT_OK(ft_nn_model_new(&m, g));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    EXPECT_OK(ft_nn_run(s, &x, out, &arena, NULL));
    EXPECT(isnan(ft_array_f64(&out[0], 0)));
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

/* ---- shapes that only running tells, and bodies */

/* A pixel that is no number, or no finite one, is seen in the same outputs as in plain C. */
static void test_nan_pixel(void **state) {
    (void)state;
    static const float pixels[] = { NAN, INFINITY, -INFINITY };
    ft_nn_model *m;
    EXPECT_OK(ft_nn_model_new(&m, net_residual(false)));
    for (size_t k = 0; k < FT_COUNT(pixels) * 2; k++) {
        ft_nn_session *fast, *plain;
        ft_arena arena = FT_ARENA_INIT(0);
        ft_array got[2], want[2], x = random_input(&arena, 4, (int64_t[]){ 2, 3, 17, 19 });
        ft_nn_session_opts opts = { .threads = 1 + (int)(k / FT_COUNT(pixels)) };
        int nans = 0;
        EXPECT_OK(ft_nn_session_new(&fast, m, &opts));
        EXPECT_OK(ft_nn_session_new(&plain, m, &(ft_nn_session_opts){ .reference = true }));
        EXPECT_OK(ft_nn_run(fast, &x, got, &arena, NULL));
        EXPECT(!isnan(ft_array_f64(&got[0], 0)));
        ((float *)x.data)[200] = pixels[k % FT_COUNT(pixels)];
        EXPECT_OK(ft_nn_run(fast, &x, got, &arena, NULL));
        EXPECT_OK(ft_nn_run(plain, &x, want, &arena, NULL));
        for (int i = 0; i < 2; i++)
            for (int64_t at = 0; at < ft_array_count(&want[i]); at++) {
                double a = ft_array_f64(&got[i], at), b = ft_array_f64(&want[i], at);
                nans += isnan(b);
                EXPECT(isnan(a) == isnan(b) && isinf(a) == isinf(b));
            }
        EXPECT(nans > 0);
        ((float *)x.data)[200] = 0; /* and the quick way again */
        EXPECT_OK(ft_nn_run(fast, &x, got, &arena, NULL));
        EXPECT(!isnan(ft_array_f64(&got[0], 0)));
        ft_nn_session_free(fast);
        ft_nn_session_free(plain);
        ft_arena_fini(&arena);
    }
    ft_nn_model_free(m);
}

static void test_late(void **state) {
    (void)state;
    net n = net_new();
    int x;
    EXPECT_OK(ft_nn_input(&x, n.g, FT_STR("x"), FT_F32, 2, (int64_t[]){ 3, 4 }));
    int places = PLAIN(&n, "NonZero", PLAIN(&n, "Relu", x));
    EXPECT_OK(ft_nn_output(n.g, PLAIN(&n, "Add", places, places)));
    ft_nn_model *m;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array in = random_input(&arena, 2, (int64_t[]){ 3, 4 });
    EXPECT_OK(ft_nn_model_new(&m, n.g));
    expect_same(m, &in, 0);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

/* sum = 0; for i < x[0]: sum += step (an outer value), keep each */
static ft_nn_graph *loop_body(void) {
    net n = net_new();
    int i, condition, sum, step;
    EXPECT_OK(ft_nn_input(&i, n.g, FT_STR("i"), FT_I64, 0, NULL));
    EXPECT_OK(ft_nn_input(&condition, n.g, FT_STR("again"), FT_BOOL, 0, NULL));
    EXPECT_OK(ft_nn_input(&sum, n.g, FT_STR("sum"), FT_F32, 1, (int64_t[]){ 2 }));
    EXPECT_OK(ft_nn_input(&step, n.g, FT_STR("step"), FT_DTYPE_COUNT, -1, NULL));
    int next = PLAIN(&n, "Add", sum, step);
    EXPECT_OK(ft_nn_output(n.g, PLAIN(&n, "Identity", condition)));
    EXPECT_OK(ft_nn_output(n.g, next));
    EXPECT_OK(ft_nn_output(n.g, PLAIN(&n, "Identity", next)));
    return n.g;
}

static void graph_free(void *g) { ft_nn_graph_free(g); }

static ft_nn_graph *net_loop(void) {
    net n = net_new();
    int x, out[2];
    EXPECT_OK(ft_nn_input(&x, n.g, FT_STR("x"), FT_F32, 1, (int64_t[]){ 2 }));
    float numbers[] = { 1, 2 };
    ft_array a = { .dtype = FT_F32, .ndim = 1, .shape = { 2 }, .data = numbers };
    int step;
    EXPECT_OK(ft_nn_data(&step, n.g, FT_STR("step"), FT_NN_CONST, &a, true));
    ft_nn_graph *body = loop_body();
    EXPECT_OK(ft_nn_graph_keep(n.g, body, graph_free));
    int runs = ints(&n, (int64_t[]){ 3 }, 1);
    ft_nn_attr attrs[] = { { .name = "body", .type = FT_NN_GRAPH, .graph = body } };
    EXPECT_OK(ft_nn_node_add(n.g,
                             &(ft_nn_node_spec){ .op = "Loop",
                                                 .attrs = attrs,
                                                 .attr_count = 1,
                                                 .inputs = (int[]){ runs, FT_NN_NONE, x },
                                                 .input_count = 3,
                                                 .output_count = 2 },
                             out));
    EXPECT_OK(ft_nn_output(n.g, out[0]));
    EXPECT_OK(ft_nn_output(n.g, out[1]));
    return n.g;
}

static void test_loop(void **state) {
    (void)state;
    ft_nn_model *m;
    ft_nn_session *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array out[2],
        in = { .dtype = FT_F32, .ndim = 1, .shape = { 2 }, .data = (float[]){ 10, 20 } };
    EXPECT_OK(ft_nn_model_new(&m, net_loop()));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    for (int again = 0; again < 2; again++) EXPECT_OK(ft_nn_run(s, &in, out, &arena, NULL));
    EXPECT(ft_array_f64(&out[0], 0) == 13 && ft_array_f64(&out[0], 1) == 26);
    EXPECT(out[1].ndim == 2 && out[1].shape[0] == 3 && ft_array_f64(&out[1], 3) == 24);
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

/* ---- every allocation fails once */

static ft_err whole_life(const ft_array *x) {
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array out[2];
    ft_err err;
    ft_nn_graph *g = net_tf();
    FT_GOTO(err, ft_nn_model_new(&m, g));
    FT_GOTO(err, ft_nn_session_new(&s, m, NULL));
    FT_GOTO(err, ft_nn_run(s, x, out, &arena, NULL));
done:
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
    return err;
}

static void test_faults(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_array x = random_input(&arena, 4, (int64_t[]){ 1, 12, 12, 8 });
    EXPECT_OK(whole_life(&x));
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_array out[2];
    EXPECT_OK(ft_nn_model_new(&m, net_tf()));
    EACH_FAULT {
        ft_err err = ft_nn_session_new(&s, m, NULL);
        if (err == FT_OK) err = ft_nn_run(s, &x, out, &arena, NULL);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_nn_session_free(s);
        s = NULL;
    }
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_residual), cmocka_unit_test(test_batch_changes),
          cmocka_unit_test(test_parts), cmocka_unit_test(test_not_in_parts),
          cmocka_unit_test(test_winograd), cmocka_unit_test(test_tf), cmocka_unit_test(test_bf16),
          cmocka_unit_test(test_memory), cmocka_unit_test(test_inputs_refused),
          cmocka_unit_test(test_nan), cmocka_unit_test(test_nan_pixel), cmocka_unit_test(test_late),
          cmocka_unit_test(test_loop), cmocka_unit_test(test_faults))
